#!/usr/bin/env python3
"""Changes of random worlds that mean nothing, or nothing elsewhere, change nothing that `npc list` lists."""
import copy
import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "pylib"))
import npctest  # noqa: E402

import listing  # noqa: E402
import random_lists  # noqa: E402

FIXED_LABELS = ("kubernetes.io/metadata.name", "pod-template-hash")
SIDES = (("ingress", "from"), ("egress", "to"))


# ---- changes ----

def new_key(key):
    return key if key in FIXED_LABELS else f"renamed.example/{key}"


def new_value(key, value):
    return value if key in FIXED_LABELS or not value else f"{value}.renamed"


def renamed(node):
    """Every label key and value under another name, wherever labels and selectors are."""
    if isinstance(node, list):
        return [renamed(x) for x in node]
    if not isinstance(node, dict):
        return node
    if "operator" in node and "key" in node:
        return {**node, "key": new_key(node["key"]),
                **({"values": [new_value(node["key"], v) for v in node["values"]]} if "values" in node else {})}
    return {k: {new_key(a): new_value(a, b) for a, b in v.items()} if k in ("labels", "matchLabels") else renamed(v)
            for k, v in node.items()}


def rename_labels(rng, objs):
    return renamed(objs)


def shuffle(rng, objs):
    return rng.sample(objs, len(objs))


def policies(objs):
    return [o for o in objs if o["kind"] == "NetworkPolicy"]


def parts(rule, end):
    """A rule as one rule for each peer and port."""
    for peer in rule.get(end) or [None]:
        for port in rule.get("ports") or [None]:
            yield {**({end: [peer]} if peer is not None else {}), **({"ports": [port]} if port is not None else {})}


def split_rules(rng, objs):
    for policy in policies(objs):
        for field, end in SIDES:
            if field in policy["spec"]:
                policy["spec"][field] = [part for rule in policy["spec"][field] for part in parts(rule, end)]
    return objs


def add_covered(rng, objs):
    for policy in policies(objs):
        for field, end in SIDES:
            rules = policy["spec"].get(field) or []
            if rules:
                rules.insert(rng.randint(0, len(rules)), rng.choice(list(parts(rng.choice(rules), end))))
    return objs


def add_island(rng, objs):
    """A namespace that no selector means on purpose, with a pod and policies of its own."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "alone", "namespace": "island", "labels": {}},
           "spec": {"containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 4711}]}]},
           "status": {"phase": "Running", "podIPs": [{"ip": "10.99.0.1"}, {"ip": "fd00:99::1"}]}}
    rules = [{"from": [{"ipBlock": {"cidr": "203.0.0.0/9", "except": ["203.0.113.7/32"]}}, {"namespaceSelector": {}}],
              "ports": [{"port": 4711}]}]
    return objs + [pod] + [
        {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
         "metadata": {"name": name, "namespace": "island"}, "spec": {"podSelector": {}, **spec}}
        for name, spec in (("deny", {"policyTypes": ["Ingress", "Egress"]}),
                           ("allow", {"policyTypes": ["Ingress"], "ingress": rules}))]


# ---- the comparison ----

def answer(suite, directory, objs, level):
    file = directory / "world.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objs}))
    done = suite.run("list", "-o", "json", *level, file)
    listing.demand(done.status == 0, f"list ended with {done.status}\n{done.diag}")
    return [c for c in listing.read(done.out)["connections"] if not any(c[k].startswith("island/") for k in ("from", "to"))]


def look_outside(rng, objs):
    """Nothing: it is asked what is open to pods that are not there, which changes nothing else."""
    return objs


CHANGES = (rename_labels, shuffle, split_rules, add_covered, add_island, look_outside)


def check(suite, rng, directory, change, objs, before):
    """Empty, or what is different."""
    changed = change(rng, copy.deepcopy(objs))
    for level, old in before.items():
        new = answer(suite, directory, changed, level + (("--exposure",) if change is look_outside else ()))
        if new != old:
            lost, gained = [c for c in old if c not in new], [c for c in new if c not in old]
            return f"{change.__name__} {level}\nlost {lost[:3]}\ngained {gained[:3]}"
    return ""


def main():
    suite = npctest.Suite(__doc__, count=60)
    problems = {change: "" for change in CHANGES}
    directory = suite.scratch()
    for number in range(suite.args.count):
        rng = random.Random(f"metamorphic/{suite.args.seed}/{number}")
        _, objs = random_lists.make_world(rng, 0)
        objs = [o for o in objs if o["apiVersion"] != "npc"]
        try:
            before = {level: answer(suite, directory, objs, level) for level in ((), ("--pods",))}
            for change in CHANGES:
                problem = check(suite, rng, directory, change, objs, before)
                problems[change] = problems[change] or (problem and f"world {number} of seed {suite.args.seed}: {problem}")
        except listing.Bad as error:
            suite.fail(f"list-world-{number}", str(error))
    for change, problem in problems.items():
        suite.check(f"list-{change.__name__}", problem)
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
