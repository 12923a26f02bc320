#!/usr/bin/env python3
"""Conformance to the API server and the CRDs, by the objects of tests/data: every invalid object is
refused with status 2, no output, the field path, and the right line and column; every valid one
compiles to what the API server stores. Each object is read as YAML and as JSON.

The CRDs have two channels, standard and experimental. What either of them accepts compiles: its
API server has stored it.
"""
import copy
import json
import sys

import yaml

from pylib import kube, kubewrite, places
from pylib.npctest import DATA, Suite

# Invalid in one channel, valid in the other: nodes are experimental, and the standard channel has no
# rule against named ports beside networks (cnp-named-port-networks-standard is the same object).
OTHER_CHANNEL_ACCEPTS = {"cnp-nodes-standard", "cnp-named-port-networks"}
# Accepted by the API, refused on purpose: no packet filter can mean an IPv4-mapped network.
REFUSED_ON_PURPOSE = {"cidr-v4-mapped": "spec.ingress[0].from[0].ipBlock.cidr"}
# What the API server says while decoding names no path, or the type's.
DECODE_PATHS = {
    "decode-unknown-field": "spec.ingres",
    "decode-label-number": "spec.podSelector.matchLabels",
    "decode-label-bool": "spec.podSelector.matchLabels",
    "decode-port-float": "spec.ingress[0].ports[0].port",
    "decode-endport-string": "spec.ingress[0].ports[0].endPort",
}
# A CEL rule over the whole object; the name is what it reads.
ROOT_PATHS = {"banp-name": "metadata.name"}
E2E_PATHS = {
    "e2e-api-endport-1": "spec.egress[0].ports[0].endPort",
    "e2e-api-endport-2": "spec.egress[0].ports[0].endPort",
    "e2e-api-endport-3": "spec.egress[0].ports[0].endPort",
}


def forms(obj):
    yield "in.yaml", kubewrite.to_yaml_quoted(obj)
    yield "in.json", json.dumps(obj, indent=2)
    yield "list.yaml", kubewrite.to_yaml_quoted({"apiVersion": "v1", "kind": "List", "items": [obj]})


class Conformance:
    def __init__(self, suite):
        self.suite = suite

    def run(self, file, text, *args):
        cwd = self.suite.scratch()
        (cwd / file).write_text(text)
        return self.suite.run("compile", *args, file, cwd=cwd)

    def refused(self, name, obj, path):
        """What is wrong with how the object is refused, in all forms."""
        if not self.suite.wanted(name):
            return
        problems = []
        for file, text in forms(obj):
            r = self.run(file, text)
            diags = [d for d in places.diagnostics(r.diag) if d[3] == "error"]
            full = ("items[0]." + path).removesuffix(".") if file.startswith("list") else path
            at = places.acceptable(text, full)
            if r.status != 2:
                problems.append(f"{file}: status {r.status}, not 2")
            elif r.out:
                problems.append(f"{file}: something on stdout")
            elif not any(path in d[4] for d in diags):
                problems.append(f"{file}: no message names {path}")
            elif not any(path in d[4] and (d[1], d[2]) in at and d[0] == file for d in diags):
                problems.append(f"{file}: place, want one of {sorted(at)}")
            else:
                continue
            problems.append(r.diag[:700] + "\n" + text[:900])
            break
        self.suite.check(name, "\n".join(problems))

    def valid(self, name, obj, warning_at=None):
        if not self.suite.wanted(name):
            return
        problems = []
        for file, text in forms(obj):
            r = self.run(file, text)
            if r.status != 0:
                problems.append(f"{file}: status {r.status}\n{r.diag[:700]}")
                continue
            try:
                got = list(yaml.safe_load_all(r.out))
            except yaml.YAMLError as e:
                problems.append(f"{file}: output {e}")
                continue
            got = [kube.cluster_policy(g) if g["kind"] == "ClusterNetworkPolicy" else g for g in got]
            d = kube.difference([kube.stored(obj)], got)
            if d:
                problems.append(f"{file}: {d}")
            if warning_at:
                at = places.acceptable(text, ("items[0]." if file.startswith("list") else "") + warning_at)
                if not any(d[3] == "warning" and d[5] == "NPC313" and (d[1], d[2]) in at for d in places.diagnostics(r.diag)):
                    problems.append(f"{file}: no warning NPC313 at {sorted(at)}\n{r.diag[:700]}")
        self.suite.check(name, "\n".join(problems))


def field_matrix(c):
    """Each field with a wrong type, null, an unknown sibling, a wrong case (threats.md rows 5, 6)."""
    base = {
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {
            "name": "p", "namespace": "n", "labels": {"a": "b"}, "annotations": {"a": "b"}},
        "spec": {
            "podSelector": {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "k", "operator": "In", "values": ["v"]}]},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": {"matchLabels": {"a": "b"}}, "namespaceSelector": {"matchLabels": {"c": "d"}}},
                                  {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}],
                         "ports": [{"protocol": "TCP", "port": 80, "endPort": 90}]}],
            "egress": [{"to": [{"podSelector": {"matchLabels": {"a": "b"}}}], "ports": [{"protocol": "UDP", "port": 53}]}]}}

    def walk(node, path):
        """(parent, key, path) of each field of the schema."""
        if isinstance(node, dict):
            for k in list(node):
                p = f"{path}.{k}" if path else k
                yield node, k, p
                yield from walk(node[k], p)
        elif isinstance(node, list):
            for i in range(len(node)):
                yield node, i, f"{path}[{i}]"
                yield from walk(node[i], f"{path}[{i}]")

    fields = [p for _, _, p in walk(base, "")]
    wrong = {"string": "text", "number": 7, "boolean": True, "list": ["x"], "object": {"x": "y"}, "nothing": None}
    right_type = {str: "string", int: "number", list: "list", dict: "object"}

    def at(obj, path):
        return next((n, k) for n, k, p in walk(obj, "") if p == path)

    def is_label(path):
        """Free keys, or free text: anything of the right type goes."""
        return any(x in path for x in ("matchLabels.", "labels.", "annotations."))

    for path in fields:
        node, key = at(base, path)
        for kind, value in wrong.items():
            if kind == right_type[type(node[key])]:
                continue
            if kind == "string" and path.endswith("].port"):
                continue  # a port may be a name
            obj = copy.deepcopy(base)
            n, k = at(obj, path)
            n[k] = value
            if kind == "nothing" and isinstance(k, str):
                # null is absent: fine where the field is optional
                optional = path.rsplit(".", 1)[-1] in ("namespace", "labels", "annotations", "podSelector", "policyTypes", "ingress", "egress", "from",
                                                       "to", "ports", "namespaceSelector", "except", "protocol", "endPort", "matchLabels",
                                                       "matchExpressions")
                if isinstance(n, dict) and set(n) == {"podSelector"} and "[" in path:  # the peer is empty then
                    c.refused(f"matrix/null/{path}", obj, path.rsplit(".", 1)[0])
                elif optional:
                    c.valid(f"matrix/null/{path}", obj)
                elif is_label(path):
                    c.refused(f"matrix/null/{path}", obj, path.rsplit(".", 1)[0])
                elif path == "spec":
                    pass  # read as an empty spec, or refused: the API refuses neither the object nor the null
                elif path.endswith("].port"):
                    n.pop("endPort", None)
                    c.valid(f"matrix/null/{path}", obj)
                elif path.endswith("].ipBlock"):
                    c.refused(f"matrix/null/{path}", obj, path.rsplit(".", 1)[0])
                elif path.endswith(".values"):
                    c.refused(f"matrix/null/{path}", obj, path)
                elif path in ("apiVersion", "kind"):
                    c.refused(f"matrix/null/{path}", obj, "")
                elif path == "metadata":
                    c.refused(f"matrix/null/{path}", obj, "metadata")
                else:
                    c.refused(f"matrix/null/{path}", obj, path)
                continue
            where = path
            if path in ("apiVersion", "kind"):
                where = ""  # no schema to name a field of
            elif is_label(path):
                where = path.rsplit(".", 1)[0]
            c.refused(f"matrix/{kind}/{path}", obj, where)
        if isinstance(key, str) and not is_label(path) and path not in ("apiVersion", "kind"):
            for what, name in (("case", key.swapcase()), ("title", key[0].swapcase() + key[1:]), ("typo", key + "s"), ("cut", key[:-1])):
                obj = copy.deepcopy(base)
                n, k = at(obj, path)
                renamed = {name if q == k else q: v for q, v in n.items()}
                n.clear()
                n.update(renamed)
                parent = path.rsplit(".", 1)[0] + "." if "." in path else ""
                c.refused(f"matrix/{what}/{path}", obj, parent + name)


def main():
    suite = Suite(__doc__)
    c = Conformance(suite)
    data = yaml.safe_load((DATA / "k8s-netpol-validation.yaml").read_text())
    for v in data["invalid"]:
        path = DECODE_PATHS.get(v["id"]) or v["errors"][0].split(": ")[0]
        c.refused(f"invalid/{v['id']}", v["object"], path)
    for v in data["valid"]:
        if v["id"] in REFUSED_ON_PURPOSE:
            c.refused(f"valid/{v['id']}-refused-on-purpose", v["object"], REFUSED_ON_PURPOSE[v["id"]])
        else:
            warning = v.get("warning", "").split(": ")[0]
            c.valid(f"valid/{v['id']}", v["object"], warning)
    crd = yaml.safe_load((DATA / "npa-crd-rules.yaml").read_text())
    for v in crd["invalid"]:
        if v["id"] in OTHER_CHANNEL_ACCEPTS:
            c.valid(f"invalid/{v['id']}-in-one-channel", v["object"])
        else:
            c.refused(f"invalid/{v['id']}", v["object"], ROOT_PATHS.get(v["id"], v["field"]))
    for v in crd["valid"]:
        c.valid(f"valid/{v['id']}", v["object"])
    for v in yaml.safe_load((DATA / "k8s-e2e-netpol.yaml").read_text())["api_validation_cases"]:
        if v["valid"]:
            c.valid(f"valid/{v['id']}", v["manifest"])
        else:
            c.refused(f"invalid/{v['id']}", v["manifest"], E2E_PATHS[v["id"]])
    field_matrix(c)
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
