#!/usr/bin/env python3
"""Pairs of random clusters: what `npc diff` says was gained and lost is what the naive evaluator allows
in one and not in the other, for every pair of addresses and all traffic; the rules that it says made the
difference made some of it, and all of it together; the reverse comparison is the mirror; a cluster and
itself differ in nothing.

    random_diffs.py [--seed N] [--count N]
"""
import copy
import ipaddress
import json
import pathlib
import random
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "pylib"))
import npctest  # noqa: E402

import listing  # noqa: E402
import worlds  # noqa: E402
from naive import World  # noqa: E402
from random_lists import Trial, are_apart, make_world, owners_of  # noqa: E402
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

    def policy(self, name):
        """A policy by NAMESPACE/NAME, or of the cluster by NAME."""
        found = {"/".join(p["metadata"][k] for k in ("namespace", "name")): p for p in self.world.policies}
        return (found | {p.name: p for _, tier in self.world.tiers for p in tier})[name]

    def rule(self, reason, pod, direction, address):
        """(whether it allows, for what) of a rule that is a reason, for one direction."""
        policy, field, index = self.policy(reason[1]), reason[2], int(reason[3])
        if field.capitalize() != direction:
            return True, 0
        world, destination = self.world, pod if direction == "Ingress" else self.world.pod_at(address)
        if isinstance(policy, dict):
            rule, allows = policy["spec"][field][index], True
            peers, ports = rule.get("from" if field == "ingress" else "to") or [], rule.get("ports") or []
            matches = self.verdicts.peers_match(peers, lambda p, a: world.peer_matches(p, a, pod.namespace), address)
        else:
            rule = policy.rules[direction][index]
            allows, ports = rule.action == "Allow", rule.ports
            matches = self.verdicts.peers_match(rule.peers, world.cluster_peer_matches, address)
        return allows, self.verdicts.ports_mask(ports, destination, address.version) if matches else 0

    def members(self, end):
        """An owner that only the other cluster has is nobody here, whatever pod has its name."""
        found = super().members(end)
        if end.type in (None, "Pod"):
            return found
        return [p for p in found if self.owners.get(str(p), ("",))[0] == end.type]


def open_networks(rng, spec):
    """Some rules that open the same port to a network each."""
    field, end = rng.choice([("ingress", "from"), ("egress", "to")])
    near = [ipaddress.ip_address(a) for a in ("10.0.0.1", "203.0.113.7", "2001:db8::7")]
    spec["policyTypes"] = [field.capitalize()]
    spec[field] = [{end: [worlds.ip_block(rng, near)], "ports": [{"port": 80}]} for _ in range(rng.randint(2, 4))]


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
        if rng.random() < 0.15:
            open_networks(rng, policy["spec"])
    return new


REASON = re.compile(r"(isolated by )?(\S+) (?:(ingress|egress)\[(\d+)\] )?\S+:\d+$")


class Reasons:
    """What is said to have made the difference between two ends."""

    def __init__(self, sides, change):
        self.sides = sides
        self.reasons = [(r["in"], *REASON.match(r["policy"]).group(2, 3, 4)) for r in change["because"]]
        self.used = set()

    def part(self, reason, age, direction, pods, peer):
        """What a reason makes of the difference of one direction: what is allowed in cluster `age` alone."""
        side = self.sides[reason[0]]
        if reason[2] is None:
            return side.verdicts.all if reason[0] != age and side.policy(reason[1]) in side.world.isolating(
                pods[reason[0]], direction) else 0
        allows, mask = side.rule(reason, pods[reason[0]], direction, peer)
        return mask if allows == (reason[0] == age) else 0

    def check(self, direction, pods, peer, changed, what):
        for age, other in (("new", "old"), ("old", "new")):
            here, there = (self.sides[x].verdicts.side(pods[x], direction, peer) for x in (age, other))
            needed, found = changed[age] & here & ~there, 0
            for reason in self.reasons:
                part = self.part(reason, age, direction, pods, peer) & needed
                found |= part
                self.used |= {reason} if part else set()
            listing.demand(found == needed, f"no reason for all that only the {age} one has: {direction}, {what}")


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

    def check_families(self, changes):
        """Nothing is said of families that none of the addresses has that an end is about."""
        for c in changes:
            for end in (listing.end_of(c[k]) for k in ("from", "to")):
                if "family" in c and isinstance(end, listing.Named) and end.addresses:
                    versions = listing.VERSIONS[c["family"]]
                    listing.demand(any(a.version in versions for a in end.addresses), f"{c['from']} to {c['to']}: {c['family']}")

    def check_outside(self, gained, lost):
        outside = set(worlds.interesting_addresses(self.old.objs)) | gained.range_ends() | lost.range_ends()
        outside -= self.old.world.owned | self.new.world.owned
        for p, a in self.pods():
            for b in (b for b in outside if b.version == a.version):
                for x, y in ((a, b), (b, a)):
                    old, new = (0 if self.missing(s, p) else s.wanted(x, y) for s in (self.old, self.new))
                    self.new.differ("gained", gained.allowed(x, y), x, y, new & ~old)
                    self.new.differ("lost", lost.allowed(x, y), x, y, old & ~new)

    def check_merged(self, changes):
        """Ranges begin and end with an address that is external in both, and nothing but the inventories' is between
        two that change alike."""
        owned, alike = self.old.world.owned | self.new.world.owned, {}
        for c in changes:
            for end, other in (("from", "to"), ("to", "from")):
                r = listing.end_of(c[end])
                if isinstance(r, listing.Range):
                    listing.demand(not {r.first, r.last} & owned, f"{c[end]} ends with an address of the inventories")
                    what = str((end, c[other], r.version, c["gained"], c["lost"]))
                    alike.setdefault(what, []).append(r)
        for what, found in alike.items():
            found.sort(key=lambda r: int(r.first))
            for r, s in zip(found, found[1:]):
                listing.demand(r.last < s.first and are_apart(r, s, owned), f"ranges are not merged at {r.last}: {what}")

    def spots(self, name):
        """The addresses of an end that are worth asking about."""
        end = listing.end_of(name)
        if isinstance(end, listing.Range):
            known = self.old.world.owned | self.new.world.owned
            found = {a for s in (self.old, self.new) for a in worlds.interesting_addresses(s.objs) if a.version == end.version}
            return [a for a in found | {end.first, end.last} if end.first <= a <= end.last and a not in known]
        return self.addresses(end) if end.addresses is None else end.addresses

    def check_reasons(self, changes):
        sides = {"old": self.old, "new": self.new}
        for c in changes:
            if any(c[k] == f"node:{n}" for k in ("from", "to") for n in self.old.world.nodes.keys() ^ self.new.world.nodes.keys()):
                continue
            reasons = Reasons(sides, c)
            pairs = [(a, b) for a in self.spots(c["from"]) for b in self.spots(c["to"]) if a.version == b.version]
            whole = bool(pairs)
            for a, b in pairs:
                pods = {x: (s.world.pod_at(a), s.world.pod_at(b)) for x, s in sides.items()}
                if [*map(str, pods["old"])] != [*map(str, pods["new"])] or pods["old"][0] is pods["old"][1]:
                    whole = False  # somebody is in one of them only
                    continue
                allowed = {x: s.wanted(a, b) for x, s in sides.items()}
                changed = {"old": allowed["old"] & ~allowed["new"], "new": allowed["new"] & ~allowed["old"]}
                for direction, end, peer in (("Egress", 0, b), ("Ingress", 1, a)):
                    ends = {x: both[end] for x, both in pods.items()}
                    if ends["old"] is not None:
                        reasons.check(direction, ends, peer, changed, f"{c['from']} ({a}) to {c['to']} ({b})")
            listing.demand(not whole or reasons.used == set(reasons.reasons),
                           f"{c['from']} to {c['to']}: no reasons are {set(reasons.reasons) - reasons.used}")

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
            self.check_families(changes)
            self.check_outside(gained, lost)
            self.check_merged(changes)
            self.check_reasons(changes)
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
