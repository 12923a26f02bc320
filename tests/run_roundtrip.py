#!/usr/bin/env python3
"""Round trip: Kubernetes -> npc -> Kubernetes is the identity on objects as the API server stores
them; npc -> IR -> npc is a fixed point; decompiled text is formatted; JSON says what YAML says.

Inputs: the seeds and golden cases, every valid policy of tests/data, and random ones with hostile
strings (tests/pylib/gen_policies.py). The other side of the comparison is tests/pylib/kube.py.
"""
import json
import random
import sys

import yaml

from pylib import gen_policies as gen
from pylib import kube, kubewrite, yamlscalar
from pylib.npctest import DATA, SRC, Suite

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
BATCH = 500


def name_of(o):
    return o["kind"], o["metadata"].get("namespace", ""), o["metadata"]["name"]


def wanted(objects):
    """What must come out, by kind, namespace and name."""
    return {name_of(s): s for s in map(kube.stored, objects)}


def objects_of(text):
    got = {}
    for o in yaml.load_all(text, Loader=LOADER):
        o = kube.cluster_policy(o) if o["kind"] == "ClusterNetworkPolicy" else o
        if name_of(o) in got:
            raise ValueError(f"{name_of(o)} comes out twice")
        got[name_of(o)] = o
    return got


def compare(objects, text):
    want = wanted(objects)
    try:
        got = objects_of(text)
    except (yaml.YAMLError, ValueError, KeyError, TypeError) as e:
        return f"cannot be read back: {e}"
    for key in want:
        if key not in got:
            return f"{key} is lost"
        d = kube.difference(want[key], got[key])
        if d:
            return f"{key}: {d}"
    extra = set(got) - set(want)
    return f"{extra.pop()} came from nowhere" if extra else ""


class Trip:
    def __init__(self, suite):
        self.suite = suite

    def compile(self, target, file, cwd, *args):
        return self.suite.run("compile", "-t", target, *args, file, cwd=cwd, timeout=300)

    def problem(self, objects, form, thorough=True):
        """Takes the objects all the way round. Returns (what is wrong, whether by exit status)."""
        cwd = self.suite.scratch("trip")
        if form == "json":
            (cwd / "in.json").write_text(kubewrite.to_json_list(objects, False), encoding="utf-8")
        elif form == "json-ascii":
            (cwd / "in.json").write_text(kubewrite.to_json_list(objects, True), encoding="ascii")
        elif form == "library":
            (cwd / "in.yaml").write_text(kubewrite.to_yaml_library(objects), encoding="utf-8")
        else:
            (cwd / "in.yaml").write_text(kubewrite.to_yaml(objects, form == "raw"), encoding="utf-8")
        source = "in.json" if form.startswith("json") else "in.yaml"

        k8s = self.compile("k8s", source, cwd)
        if k8s.status:
            return f"{form} -> k8s: status {k8s.status}\n{k8s.diag[:1500]}", True
        d = compare(objects, k8s.out)
        if d:
            return f"{form} -> k8s: {d}", False
        npc = self.compile("npc", source, cwd)
        if npc.status:
            return f"{form} -> npc: status {npc.status}\n{npc.diag[:1500]}", True
        (cwd / "a.npc").write_bytes(npc.out)
        back = self.compile("k8s", "a.npc", cwd, "--allow-raw")
        if back.status:
            return f"npc -> k8s: status {back.status}\n{back.diag[:1500]}", True
        d = compare(objects, back.out)
        if d:
            return f"{form} -> npc -> k8s: {d}", False
        again = self.compile("npc", "a.npc", cwd, "--allow-raw")
        if again.status:
            return f"npc -> npc: status {again.status}\n{again.diag[:1500]}", True
        if again.out != npc.out:
            return f"npc -> IR -> npc is no fixed point: {first_line(npc.out, again.out)}", False
        if thorough:
            fmt = self.suite.run("fmt", "a.npc", cwd=cwd)
            if fmt.status:
                return f"fmt: status {fmt.status}\n{fmt.diag[:1500]}", True
            if fmt.out != npc.out:
                return f"decompiled text is not formatted: {first_line(npc.out, fmt.out)}", False
            (cwd / "k.yaml").write_bytes(k8s.out)
            twice = self.compile("k8s", "k.yaml", cwd)
            if twice.out != k8s.out:
                return f"k8s -> k8s is no fixed point: {twice.diag[:500]}{first_line(k8s.out, twice.out)}", False
            try:
                yamlscalar.read_both(k8s.out.decode())
            except (ValueError, yaml.YAMLError) as e:
                return f"YAML readers: {e}", False
        return "", False

    def smallest(self, objects, form):
        """One object that is refused alone; the whole if none is."""
        while len(objects) > 1:
            half = len(objects) // 2
            for part in (objects[:half], objects[half:]):
                text, status = self.problem(part, form)
                if text:
                    objects = part
                    break
            else:
                return objects
        return objects

    def test(self, name, objects, form):
        if not self.suite.wanted(name):
            return
        text, by_status = self.problem(objects, form)
        if text:
            small = self.smallest(objects, form)
            if len(small) < len(objects):
                text, _ = self.problem(small, form)
            if len(small) == 1:
                text += "\nobject: " + json.dumps(small[0])[:1500]
        self.suite.check(name, text)


def first_line(a, b):
    x, y = a.decode().splitlines(), b.decode().splitlines()
    for i, (p, q) in enumerate(zip(x, y)):
        if p != q:
            return f"line {i + 1}: {p!r} / {q!r}"
    return f"{len(x)} / {len(y)} lines"


def known_policies():
    """(name, object) of every valid policy that ships with the tests."""
    for path in sorted((SRC / "golden").glob("*/*/in.yaml")):
        if path.parent.parent.name == "errors":
            continue
        for i, o in enumerate(yaml.safe_load_all(path.read_text("utf-8-sig"))):
            if kube.is_policy(o):
                yield f"{path.parent.parent.name}-{path.parent.name}-{i}", o
    data = yaml.safe_load((DATA / "k8s-netpol-validation.yaml").read_text())
    for v in data["valid"]:
        if v["id"] != "cidr-v4-mapped":  # accepted by the API, refused on purpose: no packet filter can mean it
            yield "api-" + v["id"], v["object"]
    for v in data["defaults"]:
        head = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "p", "namespace": "n"}}
        if "in" in v:
            o = {**head, "spec": v["in"]}
            assert kube.stored(o)["spec"]["policyTypes"] == v["policyTypes"]
        else:
            o = {**head, "spec": {"podSelector": {}, "ingress": [{"ports": [v["in_port"]]}]}}
            assert kube.stored(o)["spec"]["ingress"][0]["ports"] == [v["out_port"]]
        yield "api-" + v["id"], o
    for v in yaml.safe_load((DATA / "npa-crd-rules.yaml").read_text())["valid"]:
        yield "crd-" + v["id"], v["object"]
    e2e = yaml.safe_load((DATA / "k8s-e2e-netpol.yaml").read_text())
    for case in e2e["cases"]:
        n = 0
        for step in case["steps"]:
            for action in step["do"]:
                for verb in ("apply", "replace"):
                    if verb in action:
                        n += 1
                        yield f"{case['id']}-{n}", action[verb]
    for v in e2e["api_validation_cases"]:
        if v["valid"]:
            yield v["id"], v["manifest"]


def main():
    suite = Suite(__doc__, count=20000)
    trip = Trip(suite)
    for name, o in known_policies():
        for form in ("yaml", "json"):
            trip.test(f"roundtrip/{name}-{form}", [o], form)
    print(f"# seed {suite.args.seed}", flush=True)
    forms = ("yaml", "raw", "yaml", "json", "library", "raw", "json-ascii", "yaml", "raw", "library")
    for start in range(0, suite.args.count, BATCH):
        r = random.Random(f"{suite.args.seed}/{start}")
        n = min(BATCH, suite.args.count - start)
        objects = []
        for i in range(n):
            if i % 10 == 9:
                objects.append(gen.cluster_policy(r, i, i, "Admin" if i % 20 == 9 else "Baseline"))
            else:
                objects.append(gen.network_policy(r, i))
        trip.test(f"roundtrip/random-{suite.args.seed}-{start}", objects, forms[start // BATCH % len(forms)])
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
