#!/usr/bin/env python3
"""Random clusters, and real packets through them: every verdict must be what the naive evaluator
(tests/sim/naive.py) says by the text of the API. In one kind of world two nodes route, each with
rules for its own pods, which are routed or share a bridge; in the other each pod is a machine that
loads the rules of the host it is.

    run_random.py [--seed N] [--count N] [--kind node] [--loader nft] [--packets N]
"""

import argparse
import ipaddress
import os
import random
import sys
import tempfile

import cluster

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "sim"))
import naive  # noqa: E402
import worlds  # noqa: E402

OUTSIDE = ["203.0.113.7", "203.0.113.200", "172.20.1.1", "2001:db8::7", "2001:db8:1::9", "2600::1"]
PORTS = [1, 2, 22, 53, 79, 80, 81, 82, 84, 86, 90, 181, 443, 1000, 8080, 9000, 9001, 65535]
FAILSAFE = {("TCP", 22)}  # what stays open to a host by default
PROTOCOLS = ["TCP"] * 5 + ["UDP"] * 3 + ["SCTP", "ICMP"]


class Lab:
    """The hosts of a world, by address: pods behind nodes that load rules."""

    def __init__(self, world):
        self.world = world
        self.at = {}
        self.script = []
        self.pods = [p for p in world.pods if p.is_pod and p.addresses]
        for name, addresses in world.nodes.items():
            self.add("node", name, "", addresses)
        for pod in self.pods:
            self.add(*self.place(pod), pod.addresses)
        for i, text in enumerate(OUTSIDE):
            self.add("host", f"out{i}", "", [ipaddress.ip_address(text)])

    def add(self, kind, name, behind, addresses):
        self.script.append(" ".join([kind, name, behind, *map(str, addresses)]))
        self.at.update({a: name for a in addresses})

    def place(self, pod):
        return "pod", str(pod), pod.node

    def prepare(self):
        """Lines before the rules are loaded."""
        return []

    def rulesets(self):
        """Who loads rules, how they are compiled, and the hooks that they are for."""
        return [(node, ["--node", node], cluster.NODE_HOOKS) for node in self.world.nodes]

    def is_local(self, src, dst):
        """A packet between a pod and its own node crosses no forward hook."""
        for one, other in ((src, dst), (dst, src)):
            pod, node = self.world.pod_at(one), self.at[other]
            if pod is not None and node == pod.node:
                return True
        return False

    def passes(self, packet):
        return self.is_local(packet.src, packet.dst) or self.world.forwards(packet)

    def probe(self, rng):
        """A line of the script with the verdict that is due, or None."""
        src, dst = rng.sample(list(self.at), 2)
        if src.version != dst.version or self.at[src] == self.at[dst]:
            return None
        if self.world.pod_at(src) is None and self.world.pod_at(dst) is None:
            return None
        protocol = rng.choice(PROTOCOLS)
        packet = naive.Packet(src, dst, protocol, dport=rng.choice(PORTS))
        where = packet.dport
        if protocol == "ICMP":
            kind = 8 if src.version == 4 else 128
            name = "ICMP" if src.version == 4 else "ICMPv6"
            packet = naive.Packet(src, dst, name, icmp_type=kind, icmp_code=0)
            where = f"{kind}.0"
        verdict = "allow" if self.passes(packet) else "deny"
        return cluster.probe_line(
            self.at[src], self.at[dst], src.version, protocol.lower(), where, verdict
        )


class HostLab(Lab):
    """Every pod is a machine of its own."""

    def place(self, pod):
        return "host", str(pod), ""

    def rulesets(self):
        return [(str(p), ["--host", str(p)], cluster.HOST_HOOKS) for p in self.pods]

    def passes(self, packet):
        src, dst = self.world.pod_at(packet.src), self.world.pod_at(packet.dst)
        return (src is None or self.world.host_sends(src, packet)) and (
            dst is None or self.world.host_takes(dst, packet, FAILSAFE)
        )


class BridgeLab(Lab):
    """The pods of a node share a bridge, whose packets br_netfilter passes to the rules."""

    def place(self, pod):
        return "bridged", str(pod), f"{pod.node} cni0"

    def prepare(self):
        return [f"run {node} {cluster.bridge_filters(1, 1)}" for node in self.world.nodes]


KINDS = {"node": Lab, "host": HostLab, "bridge": BridgeLab}


def leave_something(node):
    """npc refuses a network of which nothing is left: takes exceptions away until something is."""
    if isinstance(node, list):
        for v in node:
            leave_something(v)
    elif isinstance(node, dict):
        if "cidr" in node and "except" in node:
            whole = ipaddress.ip_network(node["cidr"])
            while [whole] == list(ipaddress.collapse_addresses(map(ipaddress.ip_network, node["except"]))):
                node["except"].pop()
        for v in node.values():
            leave_something(v)


def one_source(objs):
    """Pods keep one address a family, so that it is clear which one a packet comes from."""
    leave_something(objs)
    for o in objs:
        if o["kind"] == "Pod":
            seen = {}
            for a in o["status"]["podIPs"]:
                seen.setdefault(ipaddress.ip_address(a["ip"]).version, a)
            o["status"]["podIPs"] = list(seen.values())
    return objs


def script_of(seed, kind, loader, packets, tmp):
    rng = random.Random(seed)
    objs = one_source(worlds.objects(rng))
    world = naive.World(objs)
    lab = KINDS[kind](world)
    probes = [lab.probe(rng) for _ in range(packets * 4)]
    probes = list(dict.fromkeys(p for p in probes if p))[:packets]
    in_npc = [o for o in objs if o["apiVersion"] == "npc"]  # what only the language can say
    objs = [o for o in objs if o not in in_npc]
    script = lab.script + lab.prepare()
    for i, (name, args, hooks) in enumerate(lab.rulesets()):
        out = os.path.join(tmp, f"{seed}-{kind}-{loader}-{i}")
        load = cluster.compile_to(loader, out, objs, args, worlds.npc_text(in_npc), hooks)
        script.append(f"run {name} {load}")
    # A world may have no pods to send between; the laboratory still has to be whole.
    return script + (probes or [cluster.probe_line("out0", "out1", 4, "tcp", 80, "allow")])


def job(name, seed, kind, loader, packets, tmp):
    def make():
        try:
            script = script_of(seed, kind, loader, packets, tmp)
        except RuntimeError as e:
            if "cannot say ICMP type 255" not in str(e) or loader == "nft":
                raise
            # iptables takes that number for every type, so npc refuses it there.
            script = script_of(seed, kind, "nft", packets, tmp)
        return script + [f"go {name}"]

    return f"{name} (--seed {seed} --count 1 --kind {kind} --loader {loader})", make


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    short = os.environ.get("TEST_EFFORT") == "short"
    args.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    args.add_argument("--count", type=int, default=20 if short else 200)
    args.add_argument("--packets", type=int, default=150)
    args.add_argument("--kind", action="append", choices=list(KINDS))
    args.add_argument("--loader", action="append", choices=cluster.LOADERS)
    args = args.parse_args()
    loaders = args.loader or list(cluster.LOADERS)
    kinds = args.kind or [k for k in KINDS if k != "bridge" or cluster.has_br_netfilter()]
    print(f"# seed {args.seed}, {args.count} worlds")
    with tempfile.TemporaryDirectory() as tmp:
        jobs = []
        for i in range(args.count):
            seed, loader = args.seed + i, loaders[i % len(loaders)]
            kind = kinds[i // len(loaders) % len(kinds)]
            name = f"random-{kind}-{i}/{loader}"
            jobs.append(job(name, seed, kind, loader, args.packets, tmp))
        sys.exit(cluster.run_jobs(jobs))


if __name__ == "__main__":
    main()
