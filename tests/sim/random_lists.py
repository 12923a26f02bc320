#!/usr/bin/env python3
"""Random worlds: every pair, protocol and port that `npc list` lists, on each of its levels, is what the
Kubernetes API says (evaluated naively), and nothing else is; with --host, of one machine, with its failsafe
ports; with --exposure, of pods that are not there but that rules name. Neither side shares code with npc.

    random_lists.py [--seed N] [--count M] [--first NUMBER]

World number i of seed N depends on N and i alone: a failure is run again with the two numbers.
"""
import argparse
import copy
import ipaddress
import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "pylib"))
import npctest  # noqa: E402

import listing  # noqa: E402
import worlds  # noqa: E402
from naive import World  # noqa: E402
from verdicts import UNKNOWN, Verdicts  # noqa: E402

NAIVE_PACKETS = 60
MOST_ENDS = 24  # a small world has fewer: there, every pair is compared
LEVELS = {"pods": ["--pods", "--nodes"], "workloads": [], "classes": ["--classes", "--nodes"]}


# ---- worlds with owners, templates and many addresses ----

def reference(kind, name):
    return [{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "u", "controller": True}]


def own_by_replica_set(pod, deployment):
    pod["metadata"]["labels"]["pod-template-hash"] = "5d4f8c7b9"
    pod["metadata"]["ownerReferences"] = reference("ReplicaSet", f"{deployment}-5d4f8c7b9")


def own(rng, pods, name):
    """Makes one owner of the pods: a StatefulSet, or a Deployment by way of its ReplicaSet."""
    stateful = rng.random() < 0.5
    for pod in pods:
        if stateful:
            pod["metadata"]["ownerReferences"] = reference("StatefulSet", name)
        else:
            own_by_replica_set(pod, name)


def replicas(rng, objs):
    """Some pods become several with one owner; now and then one of them differs after all."""
    pods = [o for o in objs if o["kind"] == "Pod" and o["status"]["phase"] == "Running"
            and not o["spec"].get("hostNetwork")]
    for number, pod in enumerate(rng.sample(pods, min(len(pods), rng.randint(0, 3)))):
        same = [pod]
        for i in range(rng.randint(0, 2)):
            clone = copy.deepcopy(pod)
            clone["metadata"]["name"] += f"-{i}"
            clone["status"]["podIPs"] = [{"ip": str(ipaddress.ip_address(a["ip"]) + 1000 + 10 * i + number)}
                                         for a in pod["status"]["podIPs"]]
            clone["status"].pop("podIP", None)
            clone["spec"]["nodeName"] = rng.choice(["n1", "n2"])
            if rng.random() < 0.15:
                clone["metadata"]["labels"]["app"] = "odd"
            same.append(clone)
        objs += same[1:]
        # a name of its own, that of another owner, that of a pod (never of what may be a template)
        names = [p["metadata"]["name"] for p in pods if p["status"]["podIPs"]]
        own(rng, same, rng.choice(["web", f"set-{number}", *names[:1]]))


def more_addresses(rng, objs):
    for i, obj in enumerate(objs):
        if obj["kind"] == "Pod" and not obj["spec"].get("hostNetwork") and obj["status"]["podIPs"] and rng.random() < 0.1:
            obj["status"]["podIPs"].append({"ip": f"10.0.1.{100 + i % 100}" if rng.random() < 0.5 else f"172.16.0.{i % 250}"})


def template_of(pod):
    """A Deployment that would make this pod."""
    meta = pod["metadata"]
    return {"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": meta["name"], "namespace": meta["namespace"]},
            "spec": {"template": {"metadata": {"labels": meta["labels"]}, "spec": pod["spec"]}}}


def is_template(rng, obj):
    return (obj["kind"] == "Pod" and not obj["status"]["podIPs"] and obj["status"]["phase"] == "Running"
            and not obj["metadata"].get("ownerReferences") and rng.random() < 0.5)


def ended(rng, pod):
    """A pod of the Deployment that would make this one, which was evicted or is done."""
    clone = copy.deepcopy(pod)
    own_by_replica_set(clone, clone["metadata"]["name"])
    clone["metadata"]["name"] += "-5d4f8c7b9-ended"
    clone["status"]["phase"] = rng.choice(["Succeeded", "Failed"])
    return clone


def forget_nodes(rng, objs):
    """Of some nodes no object is there, or without an address that its pods have."""
    for node in [o for o in objs if o["kind"] == "Node"]:
        if rng.random() < 0.5:
            objs.remove(node)
        else:
            node["status"]["addresses"].pop(rng.randrange(len(node["status"]["addresses"])))


def unique_addresses(objs):
    seen = [a["ip"] for o in objs if o["kind"] == "Pod" and o["status"]["phase"] == "Running"
            and not o["spec"].get("hostNetwork") for a in o["status"]["podIPs"]]
    return len(seen) == len(set(seen))


def make_world(rng, number):
    """(what the evaluator reads, what npc reads)."""
    while True:
        objs = worlds.objects(rng, {59: "large", 29: "wide"}.get(number % 60, "small"))
        replicas(rng, objs)
        if rng.random() < 0.3:
            more_addresses(rng, objs)
        if rng.random() < 0.2:
            forget_nodes(rng, objs)
        if unique_addresses(objs):
            templates = [o for o in objs if is_template(rng, o)]
            inputs = [template_of(o) if o in templates else o for o in objs]
            return objs, inputs + [ended(rng, o) for o in templates if rng.random() < 0.5]


def owners_of(objs):
    """What pods are listed as: (kind, name), by NAMESPACE/NAME of the pod."""
    owners = {}
    for obj in objs:
        for owner in obj["metadata"].get("ownerReferences", []):
            name = owner["name"].removesuffix("-5d4f8c7b9") if owner["kind"] == "ReplicaSet" else owner["name"]
            kind = "Deployment" if owner["kind"] == "ReplicaSet" else owner["kind"]
            owners[f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"] = (kind, name)
    return owners


# ---- pods that are not there ----

def named_namespaces(selector):
    """The namespaces that a selector lists by name, and by nothing else."""
    (field, what), *more = selector.items() or [("", {})]
    if not more and field == "matchLabels" and set(what) == {worlds.NAME_LABEL}:
        return list(what.values())
    if not more and field == "matchExpressions" and len(what) == 1 and what[0]["key"] == worlds.NAME_LABEL:
        return what[0]["values"]
    return []


def names_namespace(text, namespace):
    """Whether pods that are not there are in a namespace by name."""
    wanted = text.partition(" in namespaces ")[2].split(" & ")
    return text.endswith(f" in namespace {namespace}") or f"{worlds.NAME_LABEL}={namespace}" in wanted


def named_pods(objs):
    """Of the pods that rules name in namespaces by name, those whose labels are plain: by what npc calls them."""
    found = {}
    for policy in (o for o in objs if o["kind"] == "NetworkPolicy" and o["apiVersion"] != "npc"):
        ends = {"Ingress": "from", "Egress": "to"}
        ends = [ends[t] for t in World.types(policy)]  # other rules say nothing
        for peer in (p for end, peers, _ in worlds.rules_of(policy) if end in ends for p in peers if "ipBlock" not in p):
            selector, namespaces = peer.get("podSelector") or {}, [policy["metadata"]["namespace"]]
            if "namespaceSelector" in peer:
                namespaces = named_namespaces(peer["namespaceSelector"])
            if selector.get("matchExpressions"):
                continue
            wanted = selector.get("matchLabels") or {}
            said = (k + "=" + (v or '""') for k, v in sorted(wanted.items()))
            pods = "pods " + " & ".join(said) if wanted else "all pods"
            for namespace in namespaces:
                found.setdefault(f"{pods} in namespace {namespace}", {
                    "kind": "Pod", "metadata": {"name": f"ghost-{len(found)}", "namespace": namespace, "labels": wanted}})
    return found


# ---- ranges ----

def are_apart(r, s, owned):
    """Whether nobody's address is between two ranges."""
    first, last = int(r.last) + 1, int(s.first) - 1
    return last - first >= 64 or not all(type(r.last)(i) in owned for i in range(first, last + 1))


# ---- trials ----

class Trial:
    host, failsafe = None, 0  # a machine with rules of its own, and what is open to it in any case

    def __init__(self, suite, seed, number):
        self.suite = suite
        self.rng = random.Random(f"{seed}/{number}")
        self.objs, self.inputs = make_world(self.rng, number)
        self.external = self.rng.random() < 0.35
        self.world = World(self.objs, external=self.external)
        self.verdicts = Verdicts(self.world, self.objs)
        self.directory = suite.scratch("world")
        self.level = None
        self.pods = [p for p in self.world.pods if p.is_pod]
        self.owners = owners_of(self.objs)

    def write(self):
        npc_only = [o for o in self.inputs if o["apiVersion"] == "npc"]
        items = [o for o in self.inputs if o["apiVersion"] != "npc"]
        (self.directory / "policies.npc").write_text(worlds.npc_text(npc_only))
        (self.directory / "world.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))

    def list(self, *arguments):
        done = self.suite.run("list", "-o", "json", "--ipblock", "external" if self.external else "any", *arguments,
                              self.directory / "world.json", self.directory / "policies.npc")
        listing.demand(done.status == 0, f"list {arguments} ended with {done.status}\n{done.diag}")
        return listing.read(done.out)

    # ---- who has which name ----

    def members(self, end):
        """The pods that a name means."""
        same = [p for p in self.pods if str(p) == end.name]
        owned = [p for p in self.pods for kind, name in [self.owners.get(str(p), (None, None))]
                 if f"{p.namespace}/{name}" == end.name and end.type in (None, kind)]
        if self.level != "workloads":
            return same
        listing.demand(end.type or not (same and owned), f"{end.name} is several")
        return same if end.type == "Pod" or not owned else owned

    def addresses(self, end):
        if end.name.startswith("node:"):
            return self.world.nodes[end.name[5:]]
        return [a for p in self.members(end) for a in self.verdicts.addresses(p)]

    # ---- the comparison ----

    def wanted(self, src, dst):
        source, target = self.world.pod_at(src), self.world.pod_at(dst)
        if (source is not None and source is target) or (self.host and self.host not in (source, target)):
            return 0
        kept = self.failsafe if target is self.host else 0
        return self.verdicts.allowed(src, dst, kept)

    def free(self, pod, node):
        return pod.node == node

    def differ(self, level, got, src, dst, wanted):
        if got != wanted:
            raise listing.Bad("\n".join(
                [f"{level}: {src} ({self.world.pod_at(src)}) to {dst} ({self.world.pod_at(dst)})"]
                + [f"  {'is' if got >> i & 1 else 'is not'} listed: {p.protocol} {p.dport} {p.icmp_type}.{p.icmp_code}"
                   for i, p in enumerate(self.verdicts.probes) if (got ^ wanted) >> i & 1][:5]))

    def pod_addresses(self):
        """Of a large world, some."""
        pods = self.pods if len(self.pods) <= MOST_ENDS else self.rng.sample(self.pods, MOST_ENDS)
        return [(p, a) for p in pods for a in self.verdicts.addresses(p)]

    def outside(self, table):
        found = set(worlds.interesting_addresses(self.objs)) | table.range_ends()
        found = sorted(found - self.world.owned, key=lambda a: (a.version, int(a)))
        return found if len(self.pods) <= MOST_ENDS else self.rng.sample(found, min(len(found), 2 * MOST_ENDS))

    def compare(self, level, table, skip=lambda a, b: False):
        pods, outside = self.pod_addresses(), self.outside(table)
        for p, a in pods:
            for q, b in pods:
                if a.version == b.version and p is not q and not skip(p, q):
                    self.differ(level, table.allowed(a, b), a, b, self.wanted(a, b))
        for p, a in pods:
            for b in outside:
                if a.version == b.version:
                    self.differ(level, table.allowed(a, b), a, b, self.wanted(a, b))
                    self.differ(level, table.allowed(b, a), b, a, self.wanted(b, a))

    def compare_nodes(self, level, table, free):
        for node, addresses in self.world.nodes.items():
            for p, a in self.pod_addresses():
                for b in (b for b in addresses if b.version == a.version and not (free is None and self.free(p, node))):
                    everything = self.verdicts.all if free and self.free(p, node) else None
                    self.differ(level, table.allowed(a, b), a, b, everything or self.wanted(a, b))
                    self.differ(level, table.allowed(b, a), b, a, everything or self.wanted(b, a))

    def check_merged(self, table):
        """Neighbouring ranges with the same traffic are one, whatever the inventory has between them, and
        their ends are external."""
        owned = self.world.owned
        listing.demand(not table.range_ends() & owned, "a range ends with an address of the inventory")
        for (address, side), found in table.ranges.items():
            found = sorted(found, key=lambda rm: int(rm[0].first))
            for (r, m), (s, n) in zip(found, found[1:]):
                listing.demand(r.last < s.first, f"ranges of {address} overlap: {r.last} {s.first}")
                listing.demand(m != n or are_apart(r, s, owned), f"ranges of {address} ({side}) are not merged at {r.last}")

    def check_pods(self):
        table = listing.Table(self.list(*LEVELS["pods"]), self.verdicts.probes, self.addresses, self.world.owned)
        self.compare("pods", table)
        self.compare_nodes("pods", table, free=True)
        self.check_merged(table)
        return table

    def check_workloads(self):
        document = self.list(*LEVELS["workloads"])
        names = {(e.name, e.type) for e in (listing.end_of(c[k]) for c in document["connections"] for k in ("from", "to"))
                 if isinstance(e, listing.Named)}
        ends = {}  # of each pod: what it is listed as
        for pod in self.pods:
            kind, owner = self.owners.get(str(pod), (None, None))
            alone = {(str(pod), None), (str(pod), "Pod")} & names
            ends[pod] = str(pod) if alone or not owner else (pod.namespace, kind, owner)
        table = listing.Table(document, self.verdicts.probes, self.addresses, self.world.owned)
        self.compare("workloads", table, skip=lambda p, q: ends[p] == ends[q])
        self.check_merged(table)

    def check_classes(self):
        document = self.list(*LEVELS["classes"])
        table = ClassTable(document, self)
        self.compare("classes", table)
        self.compare_nodes("classes", table, free=None)

    def exposed(self, document):
        """What is open, by the name of who is not there, the address of who is, and the side of the former."""
        found, masks = {}, listing.Table({"connections": []}, self.verdicts.probes, None, None)
        for c in document["exposure"]:
            (ghost, other, side), = ((c[x], listing.end_of(c[y]), x) for x, y in (("from", "to"), ("to", "from"))
                                     if listing.END.match(c[y]))
            for a in self.addresses(other) if other.addresses is None else other.addresses:
                if a.version in listing.VERSIONS[c.get("family")]:
                    listing.demand((ghost, a, side) not in found, f"{ghost} and {a} are listed twice")
                    found[ghost, a, side] = masks.mask(c["ports"], a.version)
        return found

    def check_exposure(self):
        ghosts = named_pods(self.objs)
        found = self.exposed(self.list("--pods", "--exposure"))
        world = World(self.objs + list(ghosts.values()), external=self.external)
        verdicts = Verdicts(world, self.objs)
        there = {str(p): p for p in world.pods}
        for name, obj in self.rng.sample(sorted(ghosts.items()), min(len(ghosts), MOST_ENDS)):
            ghost = there[f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"]
            for g in verdicts.addresses(ghost):
                for _, a in (x for x in self.pod_addresses() if x[1].version == g.version):
                    for side, ends in (("from", (g, a)), ("to", (a, g))):
                        self.differ(f"exposure, {name}", found.get((name, a, side), 0), *ends, verdicts.allowed(*ends))

    def has(self, text, version, address):
        """Whether an address, or none: some address of a family, is one of an end's."""
        if not listing.END.match(text) and not listing.RANGE.match(text):
            return address is None  # a pod that is not there
        end = listing.end_of(text)
        if isinstance(end, listing.Range):
            return end.version == version and (address is None or (end.first <= address <= end.last and address not in self.world.owned))
        known = self.world.nodes.get(end.name[5:]) or [a for p in self.members(end) for a in p.addresses]
        found = (end.addresses or known) if address else (end.addresses or self.addresses(end))
        return address in found if address else any(a.version == version for a in found)

    def check_focus(self):
        """With an end or a namespace asked for, of all that is listed what has it."""
        arguments = ["--pods", "--nodes", "--exposure"]
        whole = self.list(*arguments)
        known = sorted((a for a in set(worlds.interesting_addresses(self.objs)) | self.world.owned
                        if int(a) >> 16 != int(UNKNOWN[a.version]) >> 16), key=str)
        for address, side in ((self.rng.choice(known), self.rng.choice(["from", "to"])) for _ in range(3)):
            other = {"from": "to", "to": "from"}[side]
            self.compare_focus(whole, arguments + [f"--{side}", address], lambda c: (
                address.version in listing.VERSIONS[c.get("family")] and self.has(c[side], address.version, address)
                and self.has(c[other], address.version, None)))
        for namespace, side in ((self.rng.choice(self.pods).namespace, self.rng.choice(["from", "to"])) for _ in self.pods[:2]):
            self.compare_focus(whole, arguments + [f"--{side}", namespace], lambda c: (
                c[side].startswith(f"{namespace}/") or names_namespace(c[side], namespace)))

    def compare_focus(self, whole, arguments, keeps):
        part = self.list(*arguments)
        for kind in ("connections", "exposure"):
            wanted = [c for c in whole[kind] if keeps(c)]
            listing.demand(part[kind] == wanted, f"{' '.join(map(str, arguments[3:]))}: of {kind}, not {[c for c in wanted if c not in part[kind]]}, "
                           f"but {[c for c in part[kind] if c not in wanted]}")

    def possible_hosts(self):
        return [p for p in self.pods if p.addresses]

    def choose_host(self):
        """A pod is a machine with rules of its own, to which some ports are open in any case. The arguments that say so."""
        hosts = self.possible_hosts()
        probes = self.verdicts.probes
        if not hosts:
            return []
        self.host = self.rng.choice(hosts)
        ports = self.rng.sample(sorted({(p.protocol, p.dport) for p in probes if p.dport}), self.rng.randint(1, 3))
        self.failsafe = sum(1 << i for i, p in enumerate(probes) if (p.protocol, p.dport) in ports)
        text = ",".join(f"{protocol.lower()}/{port}" for protocol, port in ports)
        return ["--host", str(self.host), "--failsafe", text]

    def check_host(self):
        arguments = self.choose_host()
        if arguments:
            document = self.list("--pods", "--nodes", *arguments)
            table = listing.Table(document, self.verdicts.probes, self.addresses, self.world.owned)
            self.compare("host", table)
            self.compare_nodes("host", table, free=False)  # its rules are about its node, too

    def run(self):
        """Empty, or what is wrong."""
        try:
            self.write()
            for self.level, check in (("pods", self.check_pods), ("workloads", self.check_workloads),
                                      ("classes", self.check_classes), ("pods", self.check_exposure),
                                      ("pods", self.check_focus), ("host", self.check_host)):
                check()
        except listing.Bad as error:
            return str(error)
        return self.verdicts.problem(self.rng, NAIVE_PACKETS)

    def describe(self, problem):
        return "\n".join([problem, f"--ipblock {'external' if self.external else 'any'}"]
                         + [(self.directory / name).read_text() for name in ("policies.npc", "world.json")])


class ClassTable:
    """The answer of --classes, expanded."""

    def __init__(self, document, trial):
        self.class_of, self.ranges, self.blocks = {}, [], {}
        self.alone = set()
        for one in document["classes"]:
            for member in one["members"]:
                end = listing.end_of(member)
                if isinstance(end, listing.Range):
                    self.ranges.append((end, one["id"]))
                    continue
                for address in trial.addresses(end) if end.addresses is None else end.addresses:
                    listing.demand(address not in self.class_of, f"{address} is in two classes")
                    self.class_of[address] = one["id"]
        self.masks = listing.Table({"connections": []}, trial.verdicts.probes, None, None)
        for block in document["connections"]:
            self.add(block)

    def add(self, block):
        for version in listing.VERSIONS[block.get("family")]:
            for a in block["from"]:
                for b in block["to"]:
                    listing.demand((a, b, version) not in self.blocks, f"classes {a} to {b} are in two blocks")
                    self.blocks[a, b, version] = self.masks.mask(block["ports"], version)

    def find(self, address):
        if address in self.class_of:
            return self.class_of[address]
        found = [c for r, c in self.ranges if r.version == address.version and r.first <= address <= r.last]
        listing.demand(len(found) == 1, f"{address} is in {len(found)} classes")
        return found[0]

    def allowed(self, src, dst):
        return self.blocks.get((self.find(src), self.find(dst), src.version), 0)

    def range_ends(self):
        return {a for r, _ in self.ranges for a in (r.first, r.last)}


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--first", type=int, default=0, help="number of the first world")
    options, sys.argv[1:] = parser.parse_known_args()
    suite = npctest.Suite(__doc__, count=100)
    return suite.trials("random-lists", lambda number: Trial(suite, suite.args.seed, number), options.first)


if __name__ == "__main__":
    sys.exit(main())
