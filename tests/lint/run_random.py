#!/usr/bin/env python3
"""Findings and tests of random clusters.

    run_random.py [--seed N] [--count M]

What a finding says is without effect is removed: then npc diff must find no difference. And expectations
between random pods must fail if, and only if, they are false by the text of the Kubernetes API
(tests/sim/naive.py, which shares nothing with npc).
"""
import ipaddress
import json
import random
import re
import sys

from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "sim"))
from pylib.npctest import Suite  # noqa: E402
import worlds  # noqa: E402
from naive import Packet, World  # noqa: E402

SIDES = (("ingress", "from"), ("egress", "to"))
# Findings that say: this could as well not be there.
DEAD = {"NPC104", "NPC110", "NPC203", "NPC205", "NPC206", "NPC207", "NPC310", "NPC314", "NPC402", "NPC504"}


def cluster_policy(rng, number, namespaces, addresses):
    def pods():
        return {"namespaces": worlds.namespace_selector(rng, namespaces)} if rng.random() < 0.6 else \
            {"pods": {"namespaceSelector": worlds.namespace_selector(rng, namespaces), "podSelector": worlds.selector(rng)}}

    def peer(field):
        if field == "egress" and rng.random() < 0.3:
            return {"networks": [worlds.ip_block(rng, addresses)["ipBlock"]["cidr"]]}
        return pods()

    spec = {"tier": "Admin", "priority": number, "subject": pods()}
    for field, peers in SIDES:
        spec[field] = []
        for _ in range(rng.randint(0, 4)):
            rule = {"action": rng.choice(["Accept", "Deny", "Pass"]), peers: [peer(field) for _ in range(rng.randint(1, 2))]}
            if rng.random() < 0.6:
                first = rng.choice([80, 81, 85, 443])
                rule["protocols"] = [{"tcp": {"destinationPort": {"range": {"start": first, "end": first + rng.choice([1, 10, 400])}}}}]
            spec[field].append(rule)
    return {"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy", "metadata": {"name": f"cluster-{number}"},
            "spec": spec}


def make(rng):
    """A cluster whose policies have few targets, so that they overlap."""
    objs = [o for o in worlds.objects(rng, cluster=0) if o["kind"] != "NetworkPolicy"]
    namespaces = sorted({o["metadata"]["namespace"] for o in objs if o["kind"] == "Pod"})
    addresses = [ipaddress.ip_address(a["ip"]) for o in objs if o["kind"] == "Pod" for a in o["status"]["podIPs"]]
    addresses.append(ipaddress.ip_address("203.0.113.7"))
    targets = [worlds.selector(rng, 0.5) for _ in range(2)]
    policies = []
    for i in range(rng.randint(2, 7)):
        p = worlds.policy(rng, f"policy-{i}", namespaces[:2], addresses, 3)
        p["spec"]["podSelector"] = rng.choice(targets)
        if policies and rng.random() < 0.1:
            p["spec"] = json.loads(json.dumps(rng.choice(policies)["spec"]))
        policies.append(p)
    if rng.random() < 0.4:
        policies += [cluster_policy(rng, i, namespaces, addresses) for i in range(rng.randint(1, 3))]
    return objs, policies


def emit(policies):
    """The policies as YAML with one part to a line, and what stands on each line: (policy, field, rule, peer)."""
    lines, places = [], {}

    def put(text, *place):
        lines.append(text)
        places[len(lines)] = place

    for p, obj in enumerate(policies):
        put("---", p)
        for key in ("apiVersion", "kind", "metadata"):
            put(f"{key}: {json.dumps(obj[key])}", p)
        put("spec:", p)
        spec = obj["spec"]
        for key, value in spec.items():
            if key not in ("ingress", "egress"):
                put(f"  {key}: {json.dumps(value)}", p)
        for field, peers in SIDES:
            if field in spec and not spec[field]:
                put(f"  {field}: []", p, field)
            elif field in spec:
                put(f"  {field}:", p, field)
                for r, rule in enumerate(spec[field]):
                    if not rule.get(peers):
                        put("  - " + json.dumps(rule), p, field, r)
                        continue
                    others = {k: v for k, v in rule.items() if k != peers}
                    put(f"  - {peers}:", p, field, r)
                    for i, peer in enumerate(rule[peers]):
                        put("    - " + json.dumps(peer), p, field, r, i)
                    for k, v in others.items():
                        put(f"    {k}: {json.dumps(v)}", p, field, r)
    return "\n".join(lines) + "\n", places


def remove(policies, place, finding):
    """The policies without what the finding is about. None: it is about nothing that could go."""
    left = json.loads(json.dumps(policies))
    p, field, r, i = (*place, None, None, None)[:4]
    spec, number = left[p]["spec"], finding["id"]
    peers = dict(SIDES).get(field)
    if number == "NPC310":
        block = spec[field][r][peers][i]["ipBlock"]
        text = re.match(r"except (\S+) ", finding["message"]).group(1)
        block["except"] = [e for e in block["except"] if ipaddress.ip_network(e) != ipaddress.ip_network(text)]
    elif number == "NPC314" and "overlaps" in finding["message"]:
        return None
    elif number == "NPC104":
        spec[field] = []
    elif i is not None:
        del spec[field][r][peers][i]
        if not spec[field][r][peers]:
            del spec[field][r]  # an empty list would be everybody
    elif r is not None:
        del spec[field][r]
    elif number in ("NPC110", "NPC504", "NPC205", "NPC206"):
        del left[p]
    else:
        raise ValueError(f"what is {finding}?")
    return left


def text_of(objs):
    return "\n---\n".join(json.dumps(o) for o in objs) + "\n"


class Removal:
    def __init__(self, suite):
        self.suite, self.counts = suite, {}

    def run(self, rng):
        """A problem, or ''."""
        objs, policies = make(rng)
        work = self.suite.scratch()
        text, places = emit(policies)
        # policyTypes by default depends on the rules that are there: removing one could change it
        for p in policies:
            if p["kind"] == "NetworkPolicy" and not p["spec"].get("policyTypes"):
                p["spec"]["policyTypes"] = ["Ingress"] + (["Egress"] if p["spec"].get("egress") else [])
        text, places = emit(policies)
        (work / "policies.yaml").write_text(text)
        (work / "cluster.yaml").write_text(text_of(objs))
        r = self.suite.run("check", "-v", "-o", "json", "policies.yaml", "cluster.yaml", cwd=work)
        if r.status not in (0, 1):
            return f"status {r.status}\n{r.diag}"
        for d in json.loads(r.text)["diagnostics"]:
            if d["id"] not in DEAD or d.get("file") != "policies.yaml":
                continue
            left = remove(policies, places[d["line"]], d)
            if left is None:
                continue
            (work / "left.yaml").write_text(emit(left)[0])
            diff = self.suite.run("diff", "--with", "cluster.yaml", "policies.yaml", "left.yaml", cwd=work)
            if diff.status != 0:
                return f"{d['line']}: {d['id']} {d['message']}\n{diff.text}{diff.diag}\n{text}"
            self.counts[d["id"]] = self.counts.get(d["id"], 0) + 1
        return ""


def liken(rng, pods):
    """Some pods become alike for every policy; each gets what only expectations look at: a label of its own,
    one that others have, and a port with a name that no policy uses."""
    for pod in pods:
        if rng.random() < 0.5:
            other = rng.choice(pods)
            pod["metadata"]["namespace"] = other["metadata"]["namespace"]
            pod["metadata"]["labels"] = {k: v for k, v in other["metadata"]["labels"].items() if k in worlds.KEYS}
            pod["spec"]["containers"] = json.loads(json.dumps(other["spec"]["containers"]))
        ports = pod["spec"]["containers"][0]["ports"]
        ports[:] = [p for p in ports if p["name"] != "admin"]
        ports.append({"name": "admin", "containerPort": rng.choice([80, 81, 8080]), "protocol": rng.choice(["TCP", "UDP"])})
        pod["metadata"]["labels"] |= {f"in-{pod['metadata']['name']}": "x", "team": rng.choice("abc")}


def numbers(pod, protocol, port):
    """What a port is at a pod: a number is one, a name as many as the pod gives it."""
    return [port] if isinstance(port, int) else [
        p["containerPort"] for p in pod.ports if p["name"] == port and p["protocol"] == protocol]


def some_traffic(rng):
    """How an expectation says it, and what gives the fields of the packets that it means at a pod."""
    if rng.random() < 0.3:
        protocol, kind, code = rng.choice([("ICMP", 3, 4), ("ICMP", 3, 3), ("ICMP", 8, 0), ("ICMPv6", 2, 0), ("ICMPv6", 135, 0),
                                           ("ICMPv6", 136, 9), ("ICMPv6", 133, 0)])
        fields = {"protocol": protocol, "icmp_type": kind, "icmp_code": code}
        return f"{protocol.lower().replace('v', '')}/{kind}.{code}", lambda pod: [fields]
    protocol = rng.choice(["TCP", "UDP"])
    port = rng.choice([80, 81, 443, 53, 8080, rng.randint(1, 65535), *worlds.PORT_NAMES, "admin", "admin"])
    return (f"{protocol.lower()}/{port}",
            lambda pod: [{"protocol": protocol, "dport": n} for n in numbers(pod, protocol, port)])


def has_version(fields, version):
    """Whether IP of that version has such packets."""
    return version in {"ICMP": [4], "ICMPv6": [6]}.get(fields["protocol"], [4, 6])


def reached(world, sources, targets, meant):
    """Whether the packets from each pod to each other one arrive: {True}, {False}, both, or nothing if there are none."""
    return {world.forwards(Packet(x, y, **fields)) for a in sources for b in targets if a is not b
            for x in a.addresses for y in b.addresses if x.version == y.version
            for fields in meant(b) if has_version(fields, x.version)}


def expectations(suite, rng):
    """A problem, or ''."""
    objs, policies = make(rng)
    liken(rng, [o for o in objs if o["kind"] == "Pod" and o["status"]["podIPs"]])
    world = World(objs + policies)
    pods = [p for p in world.pods if p.is_pod and p.addresses]
    lines, wrong = [], set()
    for _ in range(60):
        if len(pods) < 2:
            break
        text, meant = some_traffic(rng)
        ends = [rng.choice([f"in-{p.name}=x", f"team={p.labels['team']}"]) for p in rng.sample(pods, 2)]
        sources, targets = ([p for p in pods if p.labels.get(label) == value] for label, value in (e.split("=") for e in ends))
        answers = reached(world, sources, targets, meant)
        if not answers:
            continue
        verdict = rng.choice(["allow", "deny"])
        lines.append(f"  expect {verdict} pods {ends[0]} in all namespaces -> pods {ends[1]} in all namespaces on {text}")
        if answers != {verdict == "allow"}:
            wrong.add(len(lines) + 1)
    work = suite.scratch()
    (work / "cluster.yaml").write_text(text_of(objs + policies))
    (work / "in.npc").write_text('test "t" {\n' + "\n".join(lines) + "\n}\n")
    r = suite.run("check", "-o", "json", ".", cwd=work)
    if r.status not in (0, 1):
        return f"status {r.status}\n{r.diag}"
    found = json.loads(r.text)["diagnostics"]
    failed = {d["line"] for d in found if d["id"] == "NPC516"}
    if lines and (failed != wrong or any(d["id"] == "NPC510" for d in found)):
        return f"failed {sorted(failed)}, wrong {sorted(wrong)}\n" + (work / "in.npc").read_text() + \
            "\n".join(f"{d.get('line')}: {d['message']}" for d in found if d["id"] in ("NPC516", "NPC510"))
    return ""


def main():
    suite = Suite(__doc__, count=25)
    removal = Removal(suite)
    problem = ""
    for i in range(suite.args.count):
        problem = problem or removal.run(random.Random(f"{suite.args.seed}/removal/{i}"))
        if problem:
            problem = f"world {i} of seed {suite.args.seed}: {problem}"
            break
    suite.check("lint/random/removal", problem)
    suite.note(f"removed: {sorted(removal.counts.items())}")
    suite.check("lint/random/all-kinds", "" if suite.short or problem or len(removal.counts) >= len(DEAD) - 2
                else f"only {sorted(removal.counts)}")
    problem = ""
    for i in range(suite.args.count):
        problem = expectations(suite, random.Random(f"{suite.args.seed}/expect/{i}"))
        if problem:
            problem = f"world {i} of seed {suite.args.seed}: {problem}"
            break
    suite.check("lint/random/expectations", problem)
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
