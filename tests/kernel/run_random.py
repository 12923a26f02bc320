#!/usr/bin/env python3
"""Random clusters on two nodes, each node with its own rules, and real packets through them: every
verdict must be what the naive evaluator (tests/sim/naive.py) says by the text of the API.

    run_random.py [--seed N] [--count N] [--loader nft] [--packets N]
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
PORTS = [1, 2, 53, 79, 80, 81, 82, 84, 86, 90, 181, 443, 1000, 8080, 9000, 9001, 65535]
PROTOCOLS = ["TCP"] * 5 + ["UDP"] * 3 + ["SCTP", "ICMP"]


class Lab:
    """The hosts of a world, by address."""

    def __init__(self, world):
        self.world = world
        self.at = {}
        self.script = []
        for name, addresses in world.nodes.items():
            self.script.append(f"node {name} " + " ".join(map(str, addresses)))
            self.at.update({a: name for a in addresses})
        for pod in world.pods:
            if pod.is_pod and pod.addresses:
                self.script.append(f"pod {pod} {pod.node} " + " ".join(map(str, pod.addresses)))
                self.at.update({a: str(pod) for a in pod.addresses})
        for i, text in enumerate(OUTSIDE):
            self.script.append(f"host out{i} {text}")
            self.at[ipaddress.ip_address(text)] = f"out{i}"

    def is_local(self, src, dst):
        """A packet between a pod and its own node crosses no forward hook."""
        for one, other in ((src, dst), (dst, src)):
            pod, node = self.world.pod_at(one), self.at[other]
            if pod is not None and node == pod.node:
                return True
        return False

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
        allowed = self.is_local(src, dst) or self.world.forwards(packet)
        return (
            f"probe {self.at[src]} {self.at[dst]} {src.version} {protocol.lower()} {where}"
            f" {'allow' if allowed else 'deny'}"
        )


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


def run_world(seed, loader, packets, tmp):
    rng = random.Random(seed)
    objs = one_source(worlds.objects(rng))
    world = naive.World(objs)
    lab = Lab(world)
    probes = [lab.probe(rng) for _ in range(packets * 4)]
    probes = list(dict.fromkeys(p for p in probes if p))[:packets]
    if not probes:
        return True, "no packet to send", 0
    in_npc = [o for o in objs if o["apiVersion"] == "npc"]  # what only the language can say
    objs = [o for o in objs if o not in in_npc]
    script = list(lab.script)
    for node in world.nodes:
        out = os.path.join(tmp, f"{seed}-{loader}-{node}")
        load = cluster.compile_to(loader, out, objs, ["--node", node], worlds.npc_text(in_npc))
        script.append(f"run {node} {load}")
    script += probes + [f"go seed-{seed}"]
    ok, _, why, status = cluster.run_netlab(script)
    return ok, why.strip().replace("\n", " | "), status


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    short = os.environ.get("TEST_EFFORT") == "short"
    args.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    args.add_argument("--count", type=int, default=20 if short else 200)
    args.add_argument("--packets", type=int, default=150)
    args.add_argument("--loader", action="append", choices=list(cluster.LOADERS))
    args = args.parse_args()
    loaders = args.loader or list(cluster.LOADERS)
    failed = 0
    print(f"# seed {args.seed}, {args.count} worlds")
    with tempfile.TemporaryDirectory() as tmp:
        for i in range(args.count):
            seed, loader = args.seed + i, loaders[i % len(loaders)]
            name = f"random-{i}/{loader}"
            try:
                ok, why, status = run_world(seed, loader, args.packets, tmp)
            except RuntimeError as e:
                ok, why, status = False, str(e), 2
                if "cannot say ICMP type 255" in why and loader != "nft":
                    # iptables takes that number for every type, so npc refuses it there.
                    print(f"# {name} has ICMP type 255: loaded by nft")
                    ok, why, status = run_world(seed, "nft", args.packets, tmp)
            if status == 3:
                print(f"SKIP {name}: no network namespaces: {why}")
                break
            if ok:
                print(f"ok {name}", flush=True)
            else:
                failed += 1
                print(f"FAIL {name}: --seed {seed} --count 1 --loader {loader}: {why}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
