#!/usr/bin/env python3
"""Random worlds: for random clusters and packets, what the emitted rules do (simulated from their
text) is what the Kubernetes API says (evaluated naively). Neither side shares code with npc.

    random_worlds.py [--backend nft|iptables] [--seed N] [--count M] [--first NUMBER]

World number i of seed N depends on N and i alone: a failure is run again with the two numbers.
"""
import argparse
import pathlib
import random
import shutil
import sys

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "pylib"))
import npctest  # noqa: E402

import iptables_sim  # noqa: E402
import nft_sim  # noqa: E402
import worlds  # noqa: E402
from naive import World  # noqa: E402

PACKETS = 1500
FAILURES_SHOWN = 5
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


class Nft:
    """The nft backend."""

    name = "nft"

    @staticmethod
    def compile(suite, directory, arguments):
        return suite.run("compile", "-t", "nft", "-o", directory / "rules.nft", *arguments,
                         directory / "world.yaml", directory / "icmp.npc")

    @staticmethod
    def rules(directory):
        return nft_sim.Rules(directory / "rules.nft")

    @staticmethod
    def passes(rules, hook, packet):
        return rules.passes(hook, packet)


BACKENDS = {b.name: b for b in (Iptables, Nft)}


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


class Trial:
    """One world: what it is made of, and what each backend made of it."""

    def __init__(self, suite, seed, number):
        self.suite = suite
        self.rng = random.Random(f"{seed}/{number}")
        self.objs = worlds.objects(self.rng, {9: "large", 4: "wide"}.get(number % 10, "small"))
        self.scope = Scope(self.rng, self.objs, external=self.rng.random() < 0.25)
        self.directory = suite.scratch(f"world-{number}")
        self.rules, self.problems = {}, {}

    def write(self):
        npc_only = [o for o in self.objs if o["apiVersion"] == "npc"]
        (self.directory / "icmp.npc").write_text(worlds.npc_text(npc_only))
        (self.directory / "world.yaml").write_text(yaml.safe_dump_all(o for o in self.objs if o not in npc_only))

    def compile(self, backend):
        done = backend.compile(self.suite, self.directory, self.scope.arguments)
        if done.status != 0:
            self.problems[backend] = f"compile ended with {done.status}\n{done.diag}"
            return
        try:
            self.rules[backend] = backend.rules(self.directory)
        except iptables_sim.Refused as error:
            self.problems[backend] = f"rules that the kernel refuses: {error}"

    def send(self, packet, tally):
        for hook, wanted in self.scope.verdicts(packet):
            if not can_be_at(hook, packet, self.scope):
                continue
            tally[wanted] += 1
            for backend, rules in self.rules.items():
                if backend not in self.problems and backend.passes(rules, hook, packet) != wanted:
                    self.problems[backend] = f"{packet} at {hook}: wanted {'pass' if wanted else 'drop'}"

    def describe(self, problem):
        return "\n".join([problem, "arguments " + " ".join(self.scope.arguments)]
                         + [(self.directory / name).read_text() for name in ("icmp.npc", "world.yaml")])


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--backend", choices=sorted(BACKENDS), action="append")
    parser.add_argument("--first", type=int, default=0, help="number of the first world")
    options, sys.argv[1:] = parser.parse_known_args()
    suite = npctest.Suite(__doc__, count=200)
    backends = [BACKENDS[name] for name in options.backend or sorted(BACKENDS)]
    failed = {backend: 0 for backend in backends}
    tally = {True: 0, False: 0}
    seed, count = suite.args.seed, suite.args.count
    for number in range(options.first, options.first + count):
        trial = Trial(suite, seed, number)
        trial.write()
        for backend in backends:
            trial.compile(backend)
        for packet in worlds.packets(trial.rng, trial.objs, PACKETS):
            trial.send(packet, tally)
        for backend, problem in trial.problems.items():
            failed[backend] += 1
            if failed[backend] <= FAILURES_SHOWN:
                suite.fail(f"random-worlds-{backend.name}-{seed}-{number}", trial.describe(problem))
        shutil.rmtree(trial.directory)
    for backend in backends:
        if not failed[backend]:
            suite.ok(f"random-worlds-{backend.name}-{seed}")
    suite.note(f"{count} worlds, {tally[True]} packets passed, {tally[False]} dropped")
    suite.check("random-worlds-both-verdicts", "" if min(tally.values()) or count < 5 else f"one-sided: {tally}")
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
