#!/usr/bin/env python3
"""All policies about a tiny universe (space.h says which): npc's library against an evaluator in C that
knows nothing of npc, and a sample of them through the whole of npc.

    run_exhaustive.py [--large] [--count N] [SPACE...]

The first part is the program `exhaustive`: every policy of the small spaces, or also of the large ones
(--large, some minutes), in process. The second takes N policies, spread evenly over all spaces, as YAML:
the evaluator in C must say what naive.py says, and so must the rules that npc writes for nft and iptables,
run by the simulators. With a SPACE and a large N, that space is complete.
"""
import ipaddress
import os
import pathlib
import subprocess
import sys

import yaml

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "pylib"), str(HERE.parent / "sim")]
import npctest  # noqa: E402

import iptables_sim  # noqa: E402
import nft_sim  # noqa: E402
from naive import Packet, World  # noqa: E402

FIRST = {4: ipaddress.ip_address("10.0.0.0"), 6: ipaddress.ip_address("fd00::")}
OFFSETS = range(-1, 5)
WAYS = ("Ingress", "Egress")
# As in space.c: TCP, UDP and SCTP by port, ICMP echo, and a protocol without ports.
PROBES = [("TCP", p) for p in (79, 80, 81, 82, 0, 65535)] + [("UDP", 80), ("UDP", 81), ("SCTP", 80), ("ICMP", None), ("47", None)]
ALL = (1 << len(PROBES)) - 1


def packet(probe, src, dst):
    protocol, port = probe
    if protocol == "ICMP":
        return Packet(src, dst, "ICMP", icmp_type=8, icmp_code=0) if src.version == 4 else Packet(
            src, dst, "ICMPv6", icmp_type=128, icmp_code=0)
    return Packet(src, dst, protocol, port)


def mask(passes):
    return sum(1 << i for i, probe in enumerate(PROBES) if passes(probe))


class Program:
    """One program of a space, and what the evaluator in C says about it."""

    def __init__(self, name, text):
        self.name = name
        self.yaml, answer = text.split("\n=", 1)
        self.objects = [o for o in yaml.safe_load_all(self.yaml) if o is not None]
        reading, *sets = answer.split()
        self.external = reading == "external"
        self.sets = iter([int(s, 16) for s in sets])
        self.allowed = {}  # by way, address of the pod, address of the peer

    def problem(self, suite, universe, universe_text):
        return self.by_naive(universe) or self.by_rules(suite, universe_text)

    def by_naive(self, universe):
        self.world = World(universe + self.objects, external=self.external)
        pods = sorted((p for p in self.world.pods), key=str)
        for version in (4, 6):
            for pod in pods:
                for way in WAYS:
                    problem = self.by_naive_of(pod, version, way)
                    if problem:
                        return problem
        return "" if next(self.sets, None) is None else "the evaluator in C says too much"

    def by_naive_of(self, pod, version, way):
        for here in (a for a in pod.addresses if a.version == version):
            for peer in (FIRST[version] + o for o in OFFSETS):
                said = next(self.sets)
                ends = (peer, here) if way == "Ingress" else (here, peer)
                wanted = ALL if peer == here else mask(lambda p: self.world.direction_allows(pod, way, packet(p, *ends)))
                if said != wanted:
                    return f"{way} of {here}, peer {peer}: the evaluator in C says {said:x}, naive.py {wanted:x}"
                self.allowed[way, here, peer] = said
        return ""

    def says_nothing(self):
        """Whether some ipBlock is excepted wholly, which the API takes and npc refuses (docs/threats.md, 13)."""
        for policy in self.objects:
            spec = policy["spec"]
            for rule in (spec.get("ingress") or []) + (spec.get("egress") or []):
                for block in (p["ipBlock"] for p in rule.get("from") or rule.get("to") or [] if "ipBlock" in p):
                    holes = [ipaddress.ip_network(e) for e in block.get("except") or []]
                    merged = [str(n) for n in ipaddress.collapse_addresses(holes)]
                    if block["cidr"] in merged:
                        return True
        return False

    def by_rules(self, suite, universe_text):
        directory = suite.scratch("exhaustive")
        (directory / "program.yaml").write_text(universe_text + self.yaml)
        for backend, output, read, passes in (
                ("nft", "rules.nft", nft_sim.Rules, lambda r, p: r.passes("forward", p)),
                ("iptables", "rules", iptables_sim.Rules, lambda r, p: r.passes("NPC-FORWARD", p))):
            done = suite.run("compile", "-t", backend, "-o", directory / output, "--ipblock",
                             "external" if self.external else "any", directory / "program.yaml")
            if self.says_nothing() and done.status == 2 and "the exceptions cover all" in done.diag:
                continue
            if done.status != 0 or self.says_nothing():
                return f"compile -t {backend} ended with {done.status}\n{done.diag}"
            rules = read(directory / output)
            for src, dst in self.pairs():
                wanted = self.allowed.get(("Egress", src, dst), ALL) & self.allowed.get(("Ingress", dst, src), ALL)
                got = mask(lambda p: passes(rules, packet(p, src, dst)))
                if got != wanted:
                    return f"{backend}: {src} -> {dst}: wanted {wanted:x}, got {got:x}"
        return ""

    def pairs(self):
        """Every two addresses of one version, one of them a pod's."""
        return {(peer, here) if way == "Ingress" else (here, peer) for way, here, peer in self.allowed}


def sample(program, count, names):
    """[(space, number)]: `count` of each kind, spread over the numbers of each space."""
    lines = subprocess.run([program, "--sizes"], capture_output=True, text=True, check=True).stdout.split("\n")
    sizes = {name: int(size) for name, size, _ in (line.split() for line in lines if line)}
    wanted = [n for n in sizes if n in names] or list(sizes)
    out = []
    for space in wanted:
        each = min(sizes[space], -(-count // len(wanted)))
        # The golden section: as even as steps can be, and no divisor of the size.
        numbers = range(each) if each == sizes[space] else [int(i * 0.6180339887 % 1 * sizes[space]) for i in range(1, each + 1)]
        out += [(space, n) for n in numbers]
    return out


def enumerate_all(suite, program, large):
    arguments = [program, *suite.args.names]
    if large:
        arguments.append("--large")
    if suite.short:
        arguments += ["--every", "60"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        word, _, rest = line.partition(" ")
        if word == "ok":
            suite.ok(rest)
        elif word == "FAIL":
            suite.fail(*rest.split(": ", 1))
        else:
            suite.note(line.removeprefix("# "))
    if (done.returncode != 0) != (suite.failed > 0):
        suite.fail("exhaustive-program", f"ended with {done.returncode}\n{done.stderr}")


def whole_pipe(suite, program):
    universe_text = subprocess.run([program, "--universe"], capture_output=True, text=True, check=True).stdout
    universe = [o for o in yaml.safe_load_all(universe_text) if o is not None]
    chosen = sample(program, suite.args.count, suite.args.names)
    for start in range(0, len(chosen), 100):
        some = chosen[start:start + 100]
        arguments = [a for space, number in some for a in ("--print", space, str(number))]
        texts = subprocess.run([program, *arguments], capture_output=True, text=True, check=True).stdout
        # Each program ends with a line "= …".
        ends = [i for i, line in enumerate(texts.splitlines()) if line.startswith("= ")]
        lines, begin = texts.splitlines(), 0
        for (space, number), end in zip(some, ends, strict=True):
            one = Program(f"{space} {number}", "\n".join(lines[begin:end + 1]))
            begin = end + 1
            problem = one.problem(suite, universe, universe_text)
            if problem:
                suite.fail(f"exhaustive-pipe-{space}-{number}", f"{problem}\n{one.yaml}")
                return
    suite.ok("exhaustive-pipe")
    suite.note(f"{len(chosen)} programs through YAML, nft and iptables")


def main():
    large = "--large" in sys.argv
    if large:
        sys.argv.remove("--large")
    suite = npctest.Suite(__doc__, count=60)
    build = os.environ.get("NPC_BUILD", os.path.dirname(suite.npc))
    program = os.path.join(build, "tests", "exhaustive")
    enumerate_all(suite, program, large)
    whole_pipe(suite, program)
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
