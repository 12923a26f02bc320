#!/usr/bin/env python3
"""Random worlds: for random clusters and packets, what the emitted rules do (simulated from their
text) is what the Kubernetes API says (evaluated naively). Neither side shares code with npc.

    random_worlds.py [--backend iptables] [--seed N] [--count M]

World number i of seed N depends on N and i alone: a failure is run again with the two numbers.
"""
import argparse
import pathlib
import random
import sys

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "pylib"))
import npctest  # noqa: E402

import iptables_sim  # noqa: E402
import worlds  # noqa: E402
from naive import World  # noqa: E402

PACKETS = 1500
FAILSAFE = {("TCP", 22)}


class Iptables:
    """The iptables backend: how to call it, and what to do with what it writes."""

    name = "iptables"

    @staticmethod
    def compile(suite, directory, arguments):
        return suite.run("compile", "-t", "iptables", "-o", directory / "rules", *arguments,
                         directory / "world.yaml", directory / "icmp.npc")

    @staticmethod
    def rules(directory):
        return iptables_sim.Rules(directory / "rules")

    @staticmethod
    def passes(rules, hook, packet):
        return rules.passes({"forward": "NPC-FORWARD", "input": "NPC-INPUT", "output": "NPC-OUTPUT"}[hook], packet)


BACKENDS = {b.name: b for b in (Iptables,)}


class Scope:
    """Where rules stand: the arguments of compile, and whose verdict they must give."""

    def __init__(self, rng, objs, external):
        self.world = World(objs, external=external)
        self.external = external
        self.host = self.node = None
        hosts = [p for p in self.world.pods if p.is_pod and p.addresses]
        kind = rng.randrange(4)
        if kind == 0:
            self.node = rng.choice(["n1", "n2"])
        elif kind == 1 and hosts:
            self.host = rng.choice(hosts)

    @property
    def arguments(self):
        out = ["--ipblock", "external" if self.external else "any"]
        if self.node:
            out += ["--node", self.node]
        if self.host:
            out += ["--host", str(self.host)]
        return out

    def verdicts(self, packet):
        """(hook, whether the packet passes it), for each hook that the rules may stand at."""
        yield "forward", self.host is not None or self.world.forwards(packet, self.node)
        takes = sends = True
        if self.host:
            takes = self.world.host_takes(self.host, packet, FAILSAFE)
            sends = self.world.host_sends(self.host, packet)
        yield "input", takes
        yield "output", sends


def can_be_at(hook, packet, scope):
    """Whether the packet can be at the hook: what a host sends to itself goes by the loopback."""
    if hook == "forward" or scope.host is None:
        return True
    return (packet.src if hook == "input" else packet.dst) not in scope.host.addresses


def try_world(suite, backend, seed, number):
    """One world; gives what went wrong, or None."""
    rng = random.Random(f"{seed}/{number}")
    objs = worlds.objects(rng, {9: "large", 4: "wide"}.get(number % 10, "small"))
    scope = Scope(rng, objs, external=rng.random() < 0.25)
    directory = suite.scratch(f"world-{number}")
    (directory / "world.yaml").write_text(yaml.safe_dump_all(o for o in objs if o["apiVersion"] != "npc"))
    (directory / "icmp.npc").write_text(worlds.npc_text(o for o in objs if o["apiVersion"] == "npc"))
    done = backend.compile(suite, directory, scope.arguments)
    if done.status != 0:
        return f"compile {' '.join(scope.arguments)} ended with {done.status}\n{done.diag}"
    try:
        rules = backend.rules(directory)
    except iptables_sim.Refused as error:
        return f"rules that the kernel refuses: {error}"
    tally = {True: 0, False: 0}
    for packet in worlds.packets(rng, objs, PACKETS):
        for hook, wanted in scope.verdicts(packet):
            if not can_be_at(hook, packet, scope):
                continue
            tally[wanted] += 1
            if backend.passes(rules, hook, packet) != wanted:
                return (f"{packet} at {hook}: wanted {'pass' if wanted else 'drop'}\n"
                        f"arguments {' '.join(scope.arguments)}\n{(directory / 'icmp.npc').read_text()}{(directory / 'world.yaml').read_text()}")
    suite.tally = {k: suite.tally[k] + n for k, n in tally.items()}
    return None


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--backend", choices=sorted(BACKENDS), action="append")
    parser.add_argument("--first", type=int, default=0, help="number of the first world")
    options, sys.argv[1:] = parser.parse_known_args()
    suite = npctest.Suite(__doc__, count=200)
    suite.tally = {True: 0, False: 0}
    for name in options.backend or sorted(BACKENDS):
        failed = 0
        for number in range(options.first, options.first + suite.args.count):
            problem = try_world(suite, BACKENDS[name], suite.args.seed, number)
            if problem:
                suite.fail(f"random-worlds-{name}-{suite.args.seed}-{number}", problem)
                failed += 1
                if failed == 5:
                    break
        if not failed:
            suite.ok(f"random-worlds-{name}-{suite.args.seed}")
        suite.note(f"{name}: {suite.args.count} worlds, {suite.tally[True]} packets passed, {suite.tally[False]} dropped")
        if not min(suite.tally.values()) and suite.args.count > 5:
            suite.fail(f"random-worlds-{name}-tally", f"one-sided: {suite.tally}")
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
