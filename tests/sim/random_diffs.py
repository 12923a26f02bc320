#!/usr/bin/env python3
"""Pairs of random clusters: what `npc diff` says was gained and lost is what the naive evaluator allows
in one and not in the other, for every pair of addresses and all traffic; the reverse comparison is the
mirror; a cluster and itself differ in nothing.

    random_diffs.py [--seed N] [--count N]
"""
import copy
import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "pylib"))
import npctest  # noqa: E402

import listing  # noqa: E402
import worlds  # noqa: E402
from naive import World  # noqa: E402
from random_lists import Trial, make_world, owners_of  # noqa: E402
from verdicts import Verdicts  # noqa: E402


class Side(Trial):
    """One of the two clusters."""

    def __init__(self, suite, objs, external, probed):
        self.suite, self.objs, self.inputs, self.external = suite, objs, objs, external
        self.world = World(copy.deepcopy(objs), external=external)
        self.verdicts = Verdicts(self.world, probed)
        self.directory = suite.scratch("side")
        self.pods = [p for p in self.world.pods if p.is_pod]
        self.owners = owners_of(objs)
        self.level = "workloads"
        self.by_name = {str(p): p for p in self.pods}
        self.write()

    def members(self, end):
        """An owner that only the other cluster has is nobody here, whatever pod has its name."""
        found = super().members(end)
        if end.type in (None, "Pod"):
            return found
        return [p for p in found if self.owners.get(str(p), ("",))[0] == end.type]


def change(rng, objs):
    """The same cluster, later."""
    new = copy.deepcopy(objs)
    policies = [o for o in new if "networkpolic" in o["kind"].lower()]
    pods = [o for o in new if o["kind"] == "Pod"]
    for policy in rng.sample(policies, min(len(policies), rng.randint(0, 2))):
        new.remove(policy)
    if pods and rng.random() < 0.3:
        new.remove(rng.choice(pods))
    if pods and rng.random() < 0.5:
        pod = rng.choice(pods)["metadata"]
        pod["labels"] = worlds.labels(rng) | {k: v for k, v in pod["labels"].items() if k == "pod-template-hash"}
    nodes = [o for o in new if o["kind"] == "Node"]
    if nodes and rng.random() < 0.3:
        node = rng.choice(nodes)
        if rng.random() < 0.5:
            new.remove(node)
        else:
            node["metadata"]["labels"] = rng.choice(nodes)["metadata"]["labels"]
    namespaces = [o for o in new if o["kind"] == "Namespace"]
    if namespaces and rng.random() < 0.2:
        rng.choice(namespaces)["metadata"]["labels"] = worlds.labels(rng)
    for policy in [p for p in policies if p in new and p["apiVersion"] == "networking.k8s.io/v1"]:
        rules = policy["spec"].get("ingress") or policy["spec"].get("egress")
        if rules and rng.random() < 0.4:
            rules.pop(rng.randrange(len(rules)))
    return new


class Comparison:
    def __init__(self, suite, seed, number):
        rng = random.Random(f"{seed}/diff/{number}")
        self.suite = suite
        self.external = rng.random() < 0.3
        objs, _ = make_world(rng, 0)  # a small one
        later = change(rng, objs)
        self.old, self.new = (Side(suite, o, self.external, objs + later) for o in (objs, later))

    def diff(self, old, new):
        paths = [s.directory for s in (old, new)]
        done = self.suite.run("diff", "-o", "json", "--ipblock", "external" if self.external else "any", *paths)
        listing.demand(done.status in (0, 1), f"diff ended with {done.status}\n{done.diag}")
        document = json.loads(done.out)
        listing.demand(document["version"] == 1 and set(document) == {"version", "changes"}, "the form of the answer")
        listing.demand((done.status == 1) == bool(document["changes"]), f"status {done.status}")
        return document["changes"]

    def addresses(self, end):
        """Those that somebody knows: what stands in for others is not the same pod's in both."""
        if end.name.startswith("node:"):
            return list(dict.fromkeys(a for s in (self.old, self.new) for a in s.world.nodes.get(end.name[5:], [])))
        return list(dict.fromkeys(a for s in (self.old, self.new) for p in s.members(end) for a in p.addresses))

    def table(self, changes, what):
        connections = [{k: c[k] for k in ("from", "to", "family") if k in c} | {"ports": c[what]}
                       for c in changes if c[what]]
        for c in connections:
            listing.check_ports(c["ports"])
        inventory = self.old.world.owned | self.new.world.owned
        return listing.Table({"connections": connections}, self.old.verdicts.probes, self.addresses, inventory)

    def comparable(self, name):
        """Pods that an owner may stand for are compared if both clusters have them."""
        both = name in self.old.by_name and name in self.new.by_name
        owned = name in self.old.owners or name in self.new.owners
        return both or not owned

    def together(self, p, q):
        """Pods of one owner may be one end."""
        return any(s.owners.get(p, p) == s.owners.get(q, q) for s in (self.old, self.new))

    def pods(self):
        found = {}
        for side in (self.old, self.new):
            for pod in side.pods:
                for address in pod.addresses:
                    found.setdefault((str(pod), address), None)
        return [(name, a) for name, a in found if self.comparable(name)]

    def missing(self, side, name):
        return name not in side.by_name

    def check_pods(self, gained, lost):
        pods = self.pods()
        for p, a in pods:
            for q, b in pods:
                if a.version != b.version or p == q or self.together(p, q):
                    continue
                old, new = (0 if self.missing(s, p) or self.missing(s, q) else s.wanted(a, b)
                            for s in (self.old, self.new))
                self.new.differ("gained", gained.allowed(a, b), a, b, new & ~old)
                self.new.differ("lost", lost.allowed(a, b), a, b, old & ~new)

    def check_nodes(self, gained, lost):
        nodes = {(name, a): None for s in (self.old, self.new) for name, addresses in s.world.nodes.items() for a in addresses}
        runs = {str(p): p.node for s in (self.old, self.new) for p in s.pods}
        for p, a in self.pods():
            for node, b in nodes:
                if a.version != b.version or runs[p] == node:  # what is free was so before
                    continue
                for x, y in ((a, b), (b, a)):
                    old, new = (0 if self.missing(s, p) or b not in s.world.nodes.get(node, []) else s.wanted(x, y)
                                for s in (self.old, self.new))
                    self.new.differ("gained", gained.allowed(x, y), x, y, new & ~old)
                    self.new.differ("lost", lost.allowed(x, y), x, y, old & ~new)

    def check_free(self, changes):
        """Nothing is said of a pod and the node that it runs on."""
        runs = {(str(p), None): p.node for s in (self.old, self.new) for p in s.pods if self.comparable(str(p))}
        for c in changes:
            ends = [listing.end_of(c[k]) for k in ("from", "to")]
            for pod, node in (ends, ends[::-1]):
                if isinstance(pod, listing.Named) and isinstance(node, listing.Named):
                    home = runs.get((pod.name, pod.type))
                    listing.demand(not home or node.name != f"node:{home}", f"{c['from']} and {c['to']}: never filtered")

    def check_outside(self, gained, lost):
        outside = set(worlds.interesting_addresses(self.old.objs)) | gained.range_ends() | lost.range_ends()
        outside -= self.old.world.owned | self.new.world.owned
        for p, a in self.pods():
            for b in (b for b in outside if b.version == a.version):
                for x, y in ((a, b), (b, a)):
                    old, new = (0 if self.missing(s, p) else s.wanted(x, y) for s in (self.old, self.new))
                    self.new.differ("gained", gained.allowed(x, y), x, y, new & ~old)
                    self.new.differ("lost", lost.allowed(x, y), x, y, old & ~new)

    def check_mirror(self, changes):
        def key(c, gained, lost):
            return c["from"], c["to"], c.get("family"), json.dumps(c[gained]), json.dumps(c[lost])
        there = sorted(map(str, (key(c, "gained", "lost") for c in changes)))
        back = sorted(map(str, (key(c, "lost", "gained") for c in self.diff(self.new, self.old))))
        listing.demand(there == back, "the reverse is not the mirror")
        listing.demand(self.diff(self.new, self.new) == [], "a cluster differs from itself")

    def run(self):
        try:
            changes = self.diff(self.old, self.new)
            gained, lost = self.table(changes, "gained"), self.table(changes, "lost")
            self.check_pods(gained, lost)
            self.check_nodes(gained, lost)
            self.check_free(changes)
            self.check_outside(gained, lost)
            self.check_mirror(changes)
        except listing.Bad as error:
            return str(error)
        return ""

    def describe(self, problem):
        return "\n".join([problem] + [(s.directory / name).read_text() for s in (self.old, self.new)
                                      for name in ("policies.npc", "world.json")])


def main():
    suite = npctest.Suite(__doc__, count=200)
    return suite.trials("random-diffs", lambda number: Comparison(suite, suite.args.seed, number))


if __name__ == "__main__":
    sys.exit(main())
