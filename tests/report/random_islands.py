#!/usr/bin/env python3
"""The data in reports of random worlds: flows are the connections that `npc list -o json` has (which random_lists.py compares
with the evaluator), and the rules named as the reason for a flow open at least what flows, each a part of it."""
import json
import pathlib
import random
import re
import sys

HERE = pathlib.Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1] / "pylib"), str(HERE.parents[1] / "sim")]
import random_lists  # noqa: E402
import worlds  # noqa: E402
from npctest import Suite  # noqa: E402

PARTS = {"OTHER": ["ICMP", "ICMPv6", "REST"]}  # protocols that are none of the three with ports


def runs(numbers):
    """The numbers of first, count, first, count, …"""
    return [n for first, count in zip(numbers[::2], numbers[1::2]) for n in range(first, first + count)]


class Island:
    """The data of one report, by what it means."""

    def __init__(self, page):
        text = re.search(r'id="data">(.*?)</script>', page, re.S).group(1)
        self.__dict__.update(json.loads(text))

    def members(self, number):
        """(name, workload) of the members of a class of workloads: the latter is one for all parts of one."""
        for ns, name, _, _, *part_of in self.classes[number][1]:
            yield f"{self.namespaces[ns][0]}/{name}", (ns, *(part_of or [name, "whole"]))

    def pairs(self):
        """(from, to, family, ports) of workloads, ports being a number."""
        for ports, family, sources, targets in self.flows:
            for a in runs(sources):
                for b in runs(targets):
                    if self.classes[a][0] == self.classes[b][0] == "workload":
                        yield from ((x, y, family, ports) for x, one in self.members(a)
                                    for y, other in self.members(b) if one != other)

    def openings_of(self, target, direction, peer):
        policies, _, other, *rest = self.profiles[self.classes[target][2 + direction]]
        named = [set_number for set_number, classes in rest if peer in runs(classes)]
        return policies, self.openings[named[0] if named else other]


def entries(ports):
    """The ports of a connection of JSON as the page has them."""
    result = []
    for port in ports:
        protocol = port["protocol"]
        if protocol in PARTS:
            result += [[part] for part in PARTS[protocol]]
        elif "type" in port:
            first = port["type"] << 8 | port.get("code", 0)
            last = port.get("endType", port["type"]) << 8 | port.get("endCode", port.get("code", 255))
            result.append([protocol, first, last])
        else:
            result.append([protocol] + ([port["port"], port.get("endPort", port["port"])] if "port" in port else []))
    return result


def points(island):
    """Keys of every protocol between which no list of ports changes."""
    cuts = {"REST": {0}}
    for protocol in ("TCP", "UDP", "SCTP", "ICMP", "ICMPv6"):
        cuts[protocol] = {0} | {cut for ports in island.ports for p, *keys in ports if p == protocol and keys
                                for cut in (keys[0], keys[1] + 1)}
    return cuts


def atoms(ports, cuts):
    """A list of ports as a set of points."""
    result = set()
    for protocol, *keys in ports:
        for name in cuts if protocol == "ALL" else [protocol]:
            result |= {(name, cut) for cut in cuts[name] if not keys or keys[0] <= cut <= keys[1]}
    return result


def check_flows(island, listed, own):
    got = {(x, y, family, json.dumps(island.ports[ports])) for x, y, family, ports in island.pairs()}
    want = {(c["from"], c["to"], {"IPv4": 4, "IPv6": 6}.get(c.get("family"), 0), json.dumps(entries(c["ports"])))
            for c in listed if c["from"] in own and c["to"] in own}
    return "\n".join([*(f"not listed: {x}" for x in sorted(got - want)), *(f"missing: {x}" for x in sorted(want - got))][:8])


def check_reasons(island):
    cuts, problems = points(island), []
    whole = [atoms(ports, cuts) for ports in island.ports]
    for ports, _, sources, targets in island.flows:
        for a in runs(sources):
            for b in runs(targets):
                for direction, target, peer in ((0, b, a), (1, a, b)):
                    policies, openings = island.openings_of(target, direction, peer)
                    cluster = any("cluster" in island.policies[p][1] for p in policies)
                    said = set().union(*(whole[number] for _, number in openings)) if openings else set()
                    if any(island.rules[rule][0] not in policies for rule, _ in openings):
                        problems.append(f"{a} -> {b}: a rule of a policy that does not decide")
                    if policies and not cluster and not is_opened(whole[ports], said):
                        problems.append(f"{a} -> {b} direction {direction}: {sorted(whole[ports] - said)} by no rule")
    return "\n".join(problems[:8])


def is_opened(flow, said):
    """`OTHER` of a pair of one family says both ICMPs, of which it has one."""
    return any(flow - said <= {atom for atom in flow if atom[0] == icmp} for icmp in ("ICMP", "ICMPv6"))


def try_world(suite, number):
    rng = random.Random(f"{suite.args.seed}/report/{number}")
    _, inputs = random_lists.make_world(rng, number)
    where = suite.scratch("world")
    (where / "policies.npc").write_text(worlds.npc_text([o for o in inputs if o["apiVersion"] == "npc"]))
    items = [o for o in inputs if o["apiVersion"] != "npc"]
    (where / "world.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    options = ["--ipblock=external"] if rng.random() < 0.3 else []
    page = suite.run("list", "-o", "html", *options, ".", cwd=where)
    listed = suite.run("list", "-o", "json", *options, ".", cwd=where)
    if page.status != listed.status:
        return f"exit status {page.status}, and {listed.status} of JSON\n{page.diag}"
    if page.status != 0:
        return ""
    if page.err != listed.err:
        return f"it says more than JSON does: {page.diag}"
    island = Island(page.text)
    own = {name for number, c in enumerate(island.classes) if c[0] == "workload" for name, _ in island.members(number)}
    return check_flows(island, json.loads(listed.text)["connections"], own) or check_reasons(island)


def main():
    suite = Suite(__doc__, count=40)
    for number in range(suite.args.count):
        problem = try_world(suite, number)
        if problem:
            suite.fail("islands", f"world {number} of seed {suite.args.seed}\n{problem}")
            return suite.finish()
    suite.ok("islands")
    suite.note(f"{suite.args.count} worlds")
    return suite.finish()


sys.exit(main())
