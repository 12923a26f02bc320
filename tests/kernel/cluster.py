"""A cluster on paper: writes its inventory as Kubernetes JSON and as a netlab script, and says how
the output of each kernel backend is loaded. Shared by the packet tests."""

import json
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NPC = os.environ.get("NPC", os.path.join(ROOT, "build", "npc"))
NETLAB = os.path.join(os.environ.get("NPC_BUILD", os.path.dirname(NPC)), "tests", "netlab")

FAMILIES = ("4", "6")

# How a compiled ruleset gets into the namespace of a node. FORWARD hooks only; the jumps are what
# the header of the iptables output tells its reader to add.
LOADERS = {
    "nft": "nft -f {out}",
    "iptables-nft": "cd {out} && ipset restore -exist < ipsets"
    " && iptables-nft-restore --noflush < rules.v4 && ip6tables-nft-restore --noflush < rules.v6"
    " && for t in iptables-nft ip6tables-nft; do"
    " $t -C FORWARD -j NPC-FORWARD 2>/dev/null || $t -I FORWARD -j NPC-FORWARD || exit 1; done",
    "iptables-legacy": "cd {out} && ipset restore -exist < ipsets"
    " && export XTABLES_LOCKFILE={out}/lock"
    " && iptables-legacy-restore --noflush < rules.v4"
    " && ip6tables-legacy-restore --noflush < rules.v6"
    " && for t in iptables-legacy ip6tables-legacy; do"
    " $t -C FORWARD -j NPC-FORWARD 2>/dev/null || $t -I FORWARD -j NPC-FORWARD || exit 1; done",
}


def loaders():
    """All ways of loading; one of them where the same script is run once more with another build."""
    return ["nft"] if os.environ.get("TEST_EFFORT") == "short" else list(LOADERS)


def backend_of(loader):
    return "nft" if loader == "nft" else "iptables"


class Pod:
    def __init__(self, ns, name, labels, ip4, ip6, node="n1", ports=()):
        self.ns, self.name, self.labels = ns, name, dict(labels)
        self.ip4, self.ip6, self.node = ip4, ip6, node
        self.ports = list(ports)  # (name, protocol, number)

    @property
    def key(self):
        return self.ns + "/" + self.name

    def addresses(self):
        return [a for a in (self.ip4, self.ip6) if a]

    def manifest(self):
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": self.name, "namespace": self.ns, "labels": dict(self.labels)},
            "spec": {
                "nodeName": self.node,
                "containers": [
                    {
                        "name": "c",
                        "ports": [
                            {"name": n, "protocol": p, "containerPort": c}
                            for n, p, c in self.ports
                        ],
                    }
                ],
            },
            "status": {
                "phase": "Running",
                "podIP": self.addresses()[0],
                "podIPs": [{"ip": a} for a in self.addresses()],
            },
        }


def namespace_manifest(name, labels):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def compile_files(sources, loader, out, args):
    """Compiles files into the directory `out`; returns the path of the rules."""
    os.makedirs(out, exist_ok=True)
    target = os.path.join(out, "rules")
    run = subprocess.run(
        [NPC, "compile", "-t", backend_of(loader), "-o", target, *args, *sources],
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        raise RuntimeError(f"npc compile: exit {run.returncode}: {run.stderr.strip()}")
    return target


def compile_to(loader, out, objects, extra=(), source=None):
    """Writes the objects to a file, and npc source to another; compiles them, and returns the shell
    command that loads."""
    os.makedirs(out, exist_ok=True)
    sources = [os.path.join(out, "in.json")]
    with open(sources[0], "w", encoding="utf-8") as f:
        for o in objects:
            json.dump(o, f)
            f.write("\n")
    if source:
        sources.append(os.path.join(out, "in.npc"))
        with open(sources[1], "w", encoding="utf-8") as f:
            f.write(source)
    return LOADERS[loader].format(out=compile_files(sources, loader, out, extra))


def run_netlab(script):
    """Runs a script; returns (ok, labels that passed, text about what failed, exit status)."""
    run = subprocess.run(
        [NETLAB], input="\n".join(script) + "\n", capture_output=True, text=True, check=False
    )
    passed = [line[3:] for line in run.stdout.splitlines() if line.startswith("ok ")]
    failed = [line for line in run.stdout.splitlines() if line.startswith("FAIL ")]
    return run.returncode == 0, passed, "\n".join(failed + [run.stderr.strip()]), run.returncode
