"""A cluster on paper: writes its inventory as Kubernetes JSON and as a netlab script, and says how
the output of each kernel backend is loaded. Shared by the packet tests."""

import concurrent.futures
import json
import os
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NPC = os.environ.get("NPC", os.path.join(ROOT, "build", "npc"))
NETLAB = os.path.join(os.environ.get("NPC_BUILD", os.path.dirname(NPC)), "tests", "netlab")

FAMILIES = ("4", "6")
AT_ONCE = 8  # laboratories: each mostly waits for packets that must not come

LOADERS = ("nft", "iptables-nft", "iptables-legacy")
NODE_HOOKS = ("FORWARD",)
HOST_HOOKS = ("INPUT", "OUTPUT")


def load_command(loader, out, hooks=NODE_HOOKS):
    """The shell command by which a compiled ruleset gets into a namespace; for iptables as the
    header of the output tells its reader, with the jumps."""
    if loader == "nft":
        return f"nft -f {out}"
    v4, v6 = loader, loader.replace("ip", "ip6", 1)
    return (
        f"cd {out} && ipset restore -exist < ipsets"
        f" && {v4}-restore --noflush < rules.v4 && {v6}-restore --noflush < rules.v6"
        f" && for t in {v4} {v6}; do for c in {' '.join(hooks)}; do"
        " $t -C $c -j NPC-$c 2>/dev/null || $t -I $c -j NPC-$c || exit 1; done; done"
    )


def loaders():
    """All ways of loading; one of them where the same script is run once more with another build."""
    return ["nft"] if os.environ.get("TEST_EFFORT") == "short" else list(LOADERS)


def backend_of(loader):
    return "nft" if loader == "nft" else "iptables"


def sysctl(name, value):
    """A command that sets a variable of the namespace that it runs in."""
    return f"echo {value} > /proc/sys/{name}"


def has_br_netfilter():
    return os.path.isdir("/proc/sys/net/bridge")


def bridge_filters(four, six):
    """A command by which the packets of bridges cross the rules of each family (1), or do not (0)."""
    name = "net/bridge/bridge-nf-call-"
    return sysctl(name + "iptables", four) + " && " + sysctl(name + "ip6tables", six)


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


def compile_to(loader, out, objects, extra=(), source=None, hooks=NODE_HOOKS):
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
    return load_command(loader, compile_files(sources, loader, out, extra), hooks)


def probe_line(source, target, family, proto, port, verdict, *options):
    """A line of a netlab script; the port `echo` of icmp is the request of each family."""
    if port == "echo":
        port = "8.0" if family == "4" else "128.0"
    return " ".join(map(str, ("probe", source, target, family, proto, port, verdict, *options)))


class Lab:
    """A netlab script that grows line by line, for tests that are more than a table of probes. Pods
    are x/NAME with the label app=NAME and addresses of both families; policies are npc source."""

    def __init__(self, label, loader, tmp):
        self.label, self.loader = label, loader
        self.dir = os.path.join(tmp, f"{label}-{loader}")
        self.script, self.pods, self.loads = [], [], 0

    def line(self, *words):
        self.script.append(" ".join(map(str, words)))

    def node(self, name="n1", number=1):
        self.line("node", name, f"192.168.77.{number}", f"fd00:77::{number}")

    def pod(self, name, number, node="n1", bridge=None, addresses=None, app=None):
        """A pod with the addresses 10.244.1.NUMBER and fd00:10:244:1::NUMBER."""
        ip4, ip6 = addresses or (f"10.244.1.{number}", f"fd00:10:244:1::{number}")
        pod = Pod("x", name, {"app": app or name}, ip4, ip6, node)
        self.pods.append(pod)
        if bridge:
            self.line("bridged", pod.key, node, bridge, ip4, ip6)
        else:
            self.line("pod", pod.key, node, ip4, ip6)
        return pod

    def host(self, name, ip4, ip6):
        self.line("host", name, ip4, ip6)

    def file(self, name, text):
        """Writes a file for a command to read; its path."""
        os.makedirs(self.dir, exist_ok=True)
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def run(self, where, *commands):
        for command in commands:
            self.line("run", where, command)

    def load(self, policies, args=(), where="n1", change=None, hooks=NODE_HOOKS):
        """Compiles the policies (statements of npc, inside namespace x) and loads them; `change` is
        a function from the text of the rules to another, to see a test fail."""
        self.loads += 1
        source = f"npc 1\nnamespace x {{\n{policies}\n}}\n"
        out = os.path.join(self.dir, str(self.loads))
        objects = [p.manifest() for p in self.pods]
        command = compile_to(self.loader, out, objects, args, source, hooks)
        if change:
            self.file(os.path.join(out, "rules"), change(self.rules()))
        self.run(where, command)

    def rules(self):
        """The text of the nft rules that were loaded last."""
        with open(os.path.join(self.dir, str(self.loads), "rules"), encoding="utf-8") as f:
            return f.read()

    def probe(self, source, target, what, verdict, *options, families=FAMILIES):
        """A probe in each family; {…} in the options is chosen by family: "at", {"4": A, "6": B}."""
        proto, port = what.split("/")
        for f in families:
            chosen = [o[f] if isinstance(o, dict) else o for o in options]
            self.script.append(probe_line(source, target, f, proto, port, verdict, *chosen))

    def go(self, step):
        self.line("go", f"{self.label}.{step}/{self.loader}")


def run_netlab(script):
    """Runs a script; returns (whether every line of it was run and went well, labels that passed,
    text about what failed, exit status)."""
    with tempfile.NamedTemporaryFile() as lock:  # not the machine's: that is root's
        run = subprocess.run(
            [NETLAB],
            input="\n".join(script) + "\n",
            env={**os.environ, "XTABLES_LOCKFILE": lock.name},
            capture_output=True,
            text=True,
            check=False,
        )
    passed = [line[3:] for line in run.stdout.splitlines() if line.startswith("ok ")]
    failed = [line for line in run.stdout.splitlines() if line.startswith("FAIL ")]
    verdicts = sum(line.startswith(("go ", "say ")) for line in script)
    ok = run.returncode == 0 and len(passed) == verdicts > 0
    return ok, passed, " | ".join(failed + run.stderr.strip().splitlines()), run.returncode


def run_job(make):
    try:
        return run_netlab(make())
    except RuntimeError as e:
        return False, [], str(e).replace("\n", " | "), 2


def run_jobs(jobs):
    """Runs scripts side by side, each in a laboratory of its own, and prints the lines of their
    labels in the order of the jobs: pairs of a name and a function that makes the script (and
    raises RuntimeError if npc does not compile). Returns the exit status of a test program."""
    failed = False
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        results = pool.map(run_job, [make for _, make in jobs])
        for (name, _), (ok, passed, why, status) in zip(jobs, results):
            for label in passed:
                print("ok " + label, flush=True)
            if status == 3:
                print(f"SKIP {name}: no network namespaces: {why}", flush=True)
            elif not ok:
                failed = True
                print(f"FAIL {name}: {why}", flush=True)
    return 1 if failed else 0
