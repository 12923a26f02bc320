#!/usr/bin/env python3
"""Every case and step of the Kubernetes e2e NetworkPolicy suite (tests/data/k8s-e2e-netpol.yaml), as
`npc list` answers it: the full grid of pods, IPv4 and IPv6, on each level.
"""
import json
import pathlib
import sys

import yaml

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "pylib"), str(TESTS / "kernel")]
import listing  # noqa: E402
import npctest  # noqa: E402
import run_e2e  # noqa: E402
from naive import Packet  # noqa: E402


def listed(document, source, target, probe, version):
    """Whether a document of --pods lists a packet."""
    return any(listing.holds(entry, probe, version) for c in document["connections"]
               if (c["from"], c["to"]) == (source, target) and version in listing.VERSIONS[c.get("family")]
               for entry in c["ports"])


def expanded(document):
    """A document of --classes, as --pods would write it."""
    members = {c["id"]: c["members"] for c in document["classes"]}
    return {"connections": [{**c, "from": a, "to": b} for c in document["connections"]
                            for i in c["from"] for a in members[i] for k in c["to"] for b in members[k]]}


def check_step(suite, world, expectations, versions):
    """Empty, or the first wrong verdict."""
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": world.objects()})
    runs = {level: suite.run("list", "-o", "json", *level, "-", stdin=text) for level in ((), ("--pods",), ("--classes",))}
    for level, done in runs.items():
        if done.status != 0:
            return f"list {level} ended with {done.status}\n{done.diag}"
    for level, done in runs.items():
        document = listing.read(done.out)
        document = expanded(document) if "classes" in document else document
        for expect in expectations:
            probe = Packet(None, None, expect["protocol"], dport=expect["port"])
            for source, target in ((s, t) for s in world.pods for t in world.pods if s != t):
                for version in versions:
                    got = "allow" if listed(document, source, target, probe, version) else "deny"
                    if got != run_e2e.verdict(expect, source, target):
                        return f"{level}: {source} to {target} {probe} IPv{version}: {got}"
    return ""


def main():
    suite = npctest.Suite(__doc__)
    with open(run_e2e.DATA, encoding="utf-8") as f:
        data = yaml.safe_load(f)
    for case in data["cases"]:
        by_family = case.get("ipblock_matches_pods", False)
        for versions in ((4,), (6,)) if by_family else ((4, 6),):
            world = run_e2e.World(data["model"], case["served"])
            problem = ""
            for step in case["steps"]:
                for action in step["do"]:
                    world.do(run_e2e.in_ipv6(world, action) if versions == (6,) else action)
                problem = problem or check_step(suite, world, step["expect"], versions)
            suite.check(f"list-{case['id']}-IPv{'+'.join(map(str, versions))}", problem)
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
