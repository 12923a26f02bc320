#!/usr/bin/env python3
"""npc compile -t nft --from OLD: what it writes, loaded over OLD, leaves in the kernel what loading the
new file leaves (as nft lists it), and over any other ruleset it fails and leaves that one alone.

Cases made by hand, and random worlds that lose and regain objects. In network namespaces.
"""
import bisect
import copy
import json
import os
import pathlib
import random
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "pylib"), str(TESTS / "sim")]
import npctest  # noqa: E402
import worlds  # noqa: E402

UNSHARE = ["unshare", "-n"] if os.getuid() == 0 else ["unshare", "-rn"]


def in_namespace(script, directory):
    return npctest.run([*UNSHARE, "sh", "-c", script], cwd=directory)


def listed(text):
    """A listing without handles, with elements and objects in an order of their own; rules keep theirs."""
    out = {}
    for item in json.loads(text)["nftables"]:
        (kind, o), = item.items()
        o = {k: v for k, v in o.items() if k != "handle"}
        if "elem" in o:
            o["elem"] = sorted(json.dumps(e) for e in o["elem"])
        key = (kind, o.get("family"), o.get("chain") or o.get("name"))
        if kind != "metainfo":
            out.setdefault(key, []).append(o)
    return out


def as_list(objects):
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}, indent=1)


# ---- one step from OLD to NEW ----

class Steps:
    def __init__(self, suite):
        self.suite, self.number, self.deltas, self.wholes = suite, 0, 0, 0

    def compile(self, directory, name, objects, *arguments):
        npc_only = [o for o in objects if o["apiVersion"] == "npc"]
        source, more = directory / "in.json", directory / "in.npc"
        source.write_text(as_list([o for o in objects if o not in npc_only]))
        more.write_text(worlds.npc_text(npc_only))
        done = self.suite.run("compile", "-t", "nft", "-o", directory / name, *arguments, source, more)
        if done.status != 0:
            raise AssertionError(f"compile of {name}: {done.status}\n{done.diag}")

    def problem(self, old, new, *arguments):
        """What is wrong with the step, or nothing."""
        directory = self.suite.scratch("from")
        try:
            self.compile(directory, "old.nft", old, *arguments)
            self.compile(directory, "new.nft", new, *arguments)
            self.compile(directory, "delta.nft", new, *arguments, "--from", directory / "old.nft")
        except AssertionError as error:
            return str(error)
        whole = (directory / "delta.nft").read_bytes() == (directory / "new.nft").read_bytes()
        self.deltas, self.wholes = self.deltas + (not whole), self.wholes + whole
        want = in_namespace("nft -f new.nft && nft -nj list ruleset", directory)
        have = in_namespace("nft -f old.nft && nft -f delta.nft && nft -nj list ruleset", directory)
        if want.status != 0 or have.status != 0:
            return f"it does not load: {(want.diag + have.diag)[:400]}\n{(directory / 'delta.nft').read_text()[:3000]}"
        want, have = listed(want.text), listed(have.text)
        for key in {**want, **have}:
            if want.get(key) != have.get(key):
                return f"{key} differs:\n{str(want.get(key))[:600]}\n{str(have.get(key))[:600]}"
        return "" if whole else self.misplaced(directory)

    @staticmethod
    def misplaced(directory):
        """Over another ruleset the step must fail as a whole: over none, and over the new one."""
        script = "nft -nj list ruleset >before; nft -f delta.nft 2>err && echo loaded; nft -nj list ruleset | cmp - before"
        marks = [(directory / name).read_text(encoding="utf-8").splitlines()[-1] for name in ("old.nft", "new.nft")]
        for first in ["true"] + ["nft -f new.nft"] * (marks[0] != marks[1]):
            done = in_namespace(f"{first} && {script}", directory)
            if done.status != 0 or done.text:
                return f"over another ruleset ({first}): {done.text} {done.diag}"
        return ""

    def both(self, name, old, new, *arguments):
        if not self.suite.wanted(name):
            return
        why = self.problem(old, new, *arguments) or self.problem(new, old, *arguments)
        self.suite.check(name, why)


# ---- cases made by hand ----

def pod(name, app, number, node="n1"):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "a", "labels": {"app": app}},
            "spec": {"nodeName": node, "containers": []},
            "status": {"phase": "Running", "podIPs": [{"ip": f"10.0.{number >> 8}.{number & 255}"}, {"ip": f"fd00::{number:x}"}]}}


def policy(name, app, rules, types=("Ingress",)):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name, "namespace": "a"},
            "spec": {"podSelector": {"matchLabels": {"app": app}}, "policyTypes": list(types), "ingress": rules}}


def apps(*names):
    return [{"podSelector": {"matchLabels": {"app": n}}} for n in names]


def ports(*numbers):
    return [{"port": n} if isinstance(n, int) else {"port": n[0], "endPort": n[1]} for n in numbers]


def networks(first, last):
    return [{"ipBlock": {"cidr": f"172.{16 + i // 100}.{2 * (i % 100)}.0/24"}} for i in range(first, last)]  # apart, so that they stay many


NODES = [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": n}} for n in ("n1", "n2")]
PODS = [pod(f"{app}-{i}", app, 10 * k + i) for k, app in enumerate(("web", "db", "job", "top"), 1) for i in range(3)]
MANY = ports(*range(80, 114, 2), 443, 5432, (7000, 7002), (30000, 32767))  # more than there are rules for, over addresses
POLICIES = [
    policy("direct", "db", [{"from": apps("web"), "ports": ports(5432)}]),
    policy("classes", "web", [{"from": apps("job"), "ports": MANY}, {"from": apps("top", "db"), "ports": MANY[:6]}]),
    policy("networks", "job", [{"from": networks(0, 40) + apps("web"), "ports": MANY[:3]}]),
]
BASE = NODES + PODS + POLICIES


def relabelled(objects, name, app):
    out = copy.deepcopy(objects)
    for o in out:
        if o["metadata"]["name"] == name:
            o["metadata"]["labels"]["app"] = app
    return out


def readdressed(objects, name, number):
    return [pod(name, o["metadata"]["labels"]["app"], number) if o["metadata"]["name"] == name else o for o in objects]


def renumbered(first):
    """18 pods: a set of them is so full that it has no room for 18 others beside them."""
    return [pod(f"p-{i}", ("web", "db", "job", "top")[min(i // 2, 3)], first + i) for i in range(18)]


def by_hand(steps):
    steps.both("pod-more", BASE, BASE + [pod("web-9", "web", 99)])
    steps.both("pod-lowest", BASE, BASE + [pod("web-9", "web", 1)])
    steps.both("pod-of-another-node", BASE, BASE + [pod("web-9", "web", 99, "n2")], "--node", "n1")
    steps.both("pod-of-a-new-kind", BASE, BASE + [pod("new", "new", 98)])
    steps.both("last-pod-of-a-kind", BASE, [o for o in BASE if not o["metadata"]["name"].startswith("top-")])
    steps.both("pod-relabelled", BASE, relabelled(BASE, "web-0", "job"))
    steps.both("pod-readdressed", BASE, readdressed(BASE, "web-0", 97))
    steps.both("policy-more", BASE, BASE + [policy("more", "top", [{"from": apps("job"), "ports": MANY}])])
    steps.both("policy-of-isolated", BASE, BASE + [policy("more", "web", [{"from": apps("top"), "ports": ports(9999)}])])
    steps.both("policy-first", BASE, NODES + PODS + [policy("aaa", "db", [])] + POLICIES)
    steps.both("network-more", BASE, [o if o["metadata"]["name"] != "networks" else
                                      policy("networks", "job", [{"from": networks(0, 41) + apps("web"), "ports": MANY[:3]}]) for o in BASE])
    many = policy("many", "db", [{"from": networks(0, 300), "ports": MANY[:2]}])  # several commands for one map
    steps.both("networks-many", BASE + [many], BASE + [many, policy("more", "db", [{"from": networks(300, 310), "ports": MANY[:1]}])])
    steps.both("larger-sets", BASE, BASE + [pod(f"web-{i}", "web", i) for i in range(100, 160)])
    steps.both("all-other-elements", NODES + POLICIES + renumbered(1), NODES + POLICIES + renumbered(100))
    three = BASE + [policy("more", "db", [{"from": apps("job"), "ports": ports(80, 443)}])]  # that ask for TCP once
    steps.both("protocol-asked-once", BASE, three)
    steps.both("other-protocols", three, three + [policy("dns", "db", [{"from": apps("top"), "ports": [{"port": 53, "protocol": "UDP"}]}])])
    steps.both("no-policies", BASE, NODES + PODS)
    steps.both("nothing-changes", BASE, BASE)
    steps.both("host", BASE, BASE + [pod("web-9", "web", 99)], "--host", "a/db-0")
    steps.both("host-networks", BASE, BASE + [policy("more", "db", [{"from": networks(0, 40), "ports": MANY[:4]}])], "--host", "a/db-0")


def crowd(n):
    """So many classes more, each with sets of its own unless they are so many that they share them."""
    return BASE + [pod(f"c-{i}", f"c{i}", 1000 + i) for i in range(n)] + [
        policy(f"crowd-{i}", f"c{i}", [{"from": apps("web"), "ports": MANY}, {"from": apps("job", "db"), "ports": ports(9000 + i)}])
        for i in range(n)]


def shared(steps):
    """The same where classes share their sets, and where they begin to."""
    def is_shared(n):
        directory = steps.suite.scratch("shared")
        steps.compile(directory, "rules.nft", crowd(n))
        return "goto i_all" in (directory / "rules.nft").read_text(encoding="utf-8")

    names = steps.suite.args.names
    if names and not any("shared" in name for name in names):
        return
    least = bisect.bisect_left(range(310), True, key=is_shared)
    steps.suite.check("shared", "" if is_shared(least) and not is_shared(least - 1) else "they are not, or always")
    many = crowd(least + 1)
    whole = steps.wholes
    steps.both("shared-pod-more", many, many + [pod("c-0-1", "c0", 1500)])
    steps.both("shared-peer-more", many, many + [pod("web-9", "web", 99)])
    steps.both("shared-lowest", many, readdressed(many, "c-7", 9))
    steps.both("shared-class-more", many, many + [pod("new", "new", 1500), policy("new", "new", [{"from": apps("web", "top"), "ports": MANY}])])
    steps.both("shared-policy-more", many, many + [policy("more", "c5", [{"from": apps("top"), "ports": ports(9999)}])])
    steps.both("shared-open-ports", many, many + [policy("open", "c5", [{"ports": ports(1, 3, 5, 7, 9)}])])
    steps.suite.check("shared-steps-are-small", "" if steps.wholes == whole else "some are not")
    steps.both("shared-begins", crowd(least - 1), crowd(least))
    steps.both("shared-from-few", BASE, many)


def many_ports(count, first):
    """So many classes that a few peers may use so many ports that these are bits."""
    few = [pod(f"f-{i}", f"f{i}", 2000 + i) for i in range(12)]
    each = [pod(f"m-{i}", f"m{i}", 3000 + i) for i in range(count)]
    own = [policy(p["metadata"]["name"], p["metadata"]["labels"]["app"], [{"from": apps(f"f{i % 12}"), "ports": ports(9000 + i)}])
           for i, p in enumerate(few + each)]  # so that each is a class, as target and as peer
    wide = policy("wide", "", [{"from": apps(*(f"f{i}" for i in range(12))), "ports": ports(*range(first, first + 120, 2))}])
    wide["spec"]["podSelector"] = {}
    return BASE + few + each + own + [wide]


def bits(steps):
    """The same where ports are bits."""
    if steps.suite.args.names and not any("bits" in name for name in steps.suite.args.names):
        return
    many = many_ports(301, 101)
    directory = steps.suite.scratch("bits")
    steps.compile(directory, "rules.nft", many)
    text = (directory / "rules.nft").read_text(encoding="utf-8")
    steps.suite.check("bits", "" if text.count("map i_all_bits {") == 2 else "there are none")
    whole = steps.wholes
    steps.both("bits-pod-more", many, many + [pod("m-0-1", "m0", 1500)])
    steps.both("bits-peer-more", many, many + [pod("f-0-1", "f0", 1500)])
    steps.both("bits-others-of-one", many, many + [policy("more", "m5", [{"from": apps("f3"), "ports": ports(9005)}])])
    steps.both("bits-last-port-more", many, many + [policy("more", "m5", [{"from": apps("f3"), "ports": ports(9999)}])])
    steps.suite.check("bits-steps-are-small", "" if steps.wholes == whole else "some are not")
    steps.both("bits-first-port-more", many, many + [policy("more", "m5", [{"from": apps("f3"), "ports": ports(1)}])])
    steps.both("bits-begin", many_ports(290, 101), many)


def refusals(suite):
    """OLD comes from outside: what it says goes into commands."""
    directory = suite.scratch("refused")
    (directory / "in.json").write_text(as_list(BASE))
    good = directory / "good.nft"
    done = suite.run("compile", "-t", "nft", "-o", good, directory / "in.json")
    if done.status != 0:
        suite.fail("compile", done.diag)
        return
    text = good.read_text(encoding="utf-8")
    wrong = {
        "empty": "", "other": "table ip other {\n}\n", "cut": text[:len(text) // 2], "unmarked": text[:text.rindex("\nadd chain")],
        "name": text.replace("\tset self {", "\tset self; flush ruleset {", 1),
        "element": text.replace("10.0.0.10 . 10.0.0.10", "10.0.0.10 }; flush ruleset; #", 1),
        "newline-in-mark": text.replace("npc_is_", "npc_is_;flush ruleset;", 1),
        "zero": text.replace("10.0.0.10 . 10.0.0.10", "10.0.0.10 . 10.0.0.1\0", 1),
        "twice": text.replace("\tset self {", "\tmap ing {", 1),
    }
    for name, bad in wrong.items():
        if not suite.wanted(f"refused-{name}"):
            continue
        path = directory / "bad.nft"
        path.write_text(bad)
        done = suite.run("compile", "-t", "nft", "--from", path, directory / "in.json")
        good_answer = done.status == 2 and not done.out and "bad.nft" in done.diag
        suite.check(f"refused-{name}", "" if good_answer and bad != text else f"{done.status}: {done.diag[:200]}")
    done = suite.run("compile", "-t", "json", "--from", good, directory / "in.json")
    suite.check("refused-backend", "" if done.status == 2 and not done.out else done.status)
    done = suite.run("compile", "-t", "nft", "--from", directory / "nowhere", directory / "in.json")
    suite.check("refused-no-file", "" if done.status == 2 and not done.out else done.status)


# ---- random worlds ----

def fewer(rng, objects):
    """The world without some pods and policies."""
    loose = [o for o in objects if o["kind"] not in ("Namespace", "Node")]
    gone = [id(o) for o in rng.sample(loose, min(len(loose), rng.randint(1, 3)))]
    return [o for o in objects if id(o) not in gone]


def random_steps(steps, seed, count):
    wrong = []
    for number in range(count):
        rng = random.Random(f"from {seed}/{number}")
        objects = worlds.objects(rng, {9: "large", 4: "wide"}.get(number % 10, "small"))
        old, new = (objects, fewer(rng, objects)) if rng.random() < 0.5 else (fewer(rng, objects), objects)
        why = steps.problem(old, new, *rng.choice([(), ("--node", "n1")]))
        if why:
            wrong.append(f"world {number}: {why}")
    steps.suite.check(f"random-worlds-{seed}", "\n".join(wrong[:3]))


def main():
    suite = npctest.Suite(__doc__, count=12)
    if in_namespace("nft list ruleset", "/").status != 0:
        suite.skip("all", "no namespace or no nft here")
        return suite.finish()
    steps = Steps(suite)
    refusals(suite)
    by_hand(steps)
    shared(steps)
    bits(steps)
    steps.suite.check("most-are-smaller", "" if steps.deltas > steps.wholes or suite.args.names else f"{steps.deltas} of {steps.deltas + steps.wholes}")
    if suite.wanted("random-worlds"):
        random_steps(steps, suite.args.seed, suite.args.count)
    suite.note(f"{steps.deltas} steps, {steps.wholes} whole files")
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
