#!/usr/bin/env python3
"""Injection: hostile names, labels, annotations, rule names, comments and file names in every field,
into every backend, and each output re-read by a loader of its own: PyYAML and a YAML 1.2 resolver
(k8s, calico), a second reader of the language (npc), Python's json (json), the kernel by nft,
iptables-save and ipset (nft, iptables). What is read back holds what went in, and nothing else.
"""
import copy
import json
import random
import re
import sys

import yaml

from pylib import gen_policies as gen
from pylib import calico, kernel, kube, kubewrite, npcread, yamlscalar
from pylib.npctest import Suite

BATCH = 250


def names_of(objects):
    return sorted((o["metadata"].get("namespace", ""), o["metadata"]["name"]) for o in objects)


def check_k8s(r, objects):
    got = [kube.cluster_policy(d) if d["kind"] == "ClusterNetworkPolicy" else d for d in yamlscalar.read_both(r.out.decode())]
    want = {json.dumps(kube.stored(o), sort_keys=True) for o in objects}
    have = {json.dumps(g, sort_keys=True) for g in got}
    return f"objects differ: {list(want ^ have)[:2]}" if want != have or len(got) != len(objects) else ""


def check_calico(r, objects):
    got = [calico.normalise(g) for g in yamlscalar.read_both(r.out.decode())]
    key = lambda g: (g["metadata"].get("namespace", ""), g["metadata"]["name"])  # noqa: E731
    return kube.difference(sorted(map(calico.convert, objects), key=key), sorted(got, key=key))


def check_npc(r, objects):
    got = npcread.objects(r.out.decode())
    want = {json.dumps(kube.stored(o), sort_keys=True) for o in objects}
    have = {json.dumps(kube.cluster_policy(g) if g["kind"] == "ClusterNetworkPolicy" else g, sort_keys=True) for g in got}
    return f"objects differ: {list(want ^ have)[:2]}" if want != have or len(got) != len(objects) else ""


def check_json(r, objects):
    def unique(pairs):
        d = dict(pairs)
        if len(d) != len(pairs):
            raise ValueError("a key twice")
        return d
    got = json.loads(r.out, object_pairs_hook=unique)
    text = json.dumps(got)
    missing = [n for _, n in names_of(objects) if json.dumps(n) not in text]
    return f"names are missing: {missing[:3]}" if missing else ""


CHECKS = {"k8s": check_k8s, "calico": check_calico, "npc": check_npc, "json": check_json}


def text_outputs(suite):
    for start in range(0, suite.args.count, BATCH):
        r = random.Random(f"{suite.args.seed}/injection/{start}")
        namespaced = [gen.network_policy(r, i) for i in range(BATCH)]
        cluster = [gen.cluster_policy(r, i, i, r.choice(("Admin", "Baseline"))) for i in range(BATCH // 5)]
        for o in namespaced + cluster:
            o["metadata"].setdefault("annotations", {})["hostile"] = gen.text(r)
        for target, check in CHECKS.items():
            name = f"injection/{target}-{suite.args.seed}-{start}"
            if not suite.wanted(name):
                continue
            objects = namespaced if target == "calico" else namespaced + cluster
            cwd = suite.scratch()
            (cwd / 'x"\n---\n: {y}.yaml').write_text(kubewrite.to_yaml(objects), encoding="utf-8")
            run = suite.run("compile", "-t", target, '--allow-raw', './x"\n---\n: {y}.yaml', cwd=cwd)
            if run.status:
                suite.fail(name, f"status {run.status}\n{run.diag[:1000]}")
                continue
            try:
                suite.check(name, check(run, objects))
            except (ValueError, KeyError, yaml.YAMLError, npcread.Syntax) as e:
                suite.fail(name, f"{type(e).__name__}: {e}"[:1500])


# ---- kernel rules ----

COMMENT = re.compile(r"[A-Za-z0-9 ._/:@+,()\[\]?-]*")


def inventory(r, objects):
    """Pods with labels that the policies use, one in each of their namespaces."""
    items, n = [], 0
    for ns in sorted({o["metadata"].get("namespace") or "default" for o in objects}):
        items.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ns, "labels": {gen.key(r): gen.value(r)}}})
        for _ in range(2):
            n += 1
            items.append({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"pod-{n}", "namespace": ns, "labels": {gen.key(r): gen.value(r), "app": "web"},
                                                                       "annotations": {"hostile": gen.text(r)}},
                          "spec": {"nodeName": "node-1", "containers": [{"name": "c", "ports": [{"name": gen.pick(r, gen.PORT_NAMES), "containerPort": 1000 + n}]}]},
                          "status": {"phase": "Running", "podIPs": [{"ip": f"10.77.{n >> 8}.{n & 255}"}, {"ip": f"fd77::{n:x}"}]}})
    return items


def benign(objects):
    """The same policies and pods without any hostile text: what the rules must be equal to."""
    out = copy.deepcopy(objects)
    for o in out:
        o["metadata"].pop("annotations", None)
        o["metadata"].pop("finalizers", None)
        if o["kind"] == "NetworkPolicy":
            o["metadata"].pop("labels", None)
    return out


def no_comments(x):
    if isinstance(x, dict):
        for v in [x["comment"]] if isinstance(x.get("comment"), str) else []:
            if not COMMENT.fullmatch(v):
                raise ValueError(f"comment {v!r}")
        return {k: no_comments(v) for k, v in x.items() if k not in ("comment", "handle")}
    return [no_comments(v) for v in x] if isinstance(x, list) else x


def nft_rules(cwd, run):
    (cwd / "rules.nft").write_bytes(run.out)
    error, rules = kernel.load_nft(cwd / "rules.nft")
    if error:
        raise ValueError("nft: " + error)
    for item in rules:
        for kind, body in item.items():
            if kind != "metainfo" and (body.get("table", body.get("name")), kind) == ("npc", kind):
                continue
            if kind not in ("metainfo",) and body.get("table", body.get("name") if kind == "table" else None) != "npc":
                raise ValueError(f"something outside the tables of npc: {item}")
    lines = sorted(json.dumps(no_comments(i), sort_keys=True) for i in rules if "metainfo" not in i)
    # The fingerprint, an empty chain for each family, covers the comments, too.
    marks = {m for line in lines for m in re.findall(r"npc_is_[0-9a-f]{16}", line)}
    if len(marks) != 1:
        raise ValueError(f"fingerprints {marks}")
    return [line.replace(*marks, "npc_is") for line in lines]


def iptables_rules(cwd):
    error, rules = kernel.load_iptables(cwd / "rules")
    if error:
        raise ValueError("iptables: " + error)
    out = {}
    for part, lines in rules.items():
        kept = []
        for line in lines:
            if line.startswith("#"):
                continue
            for c in re.findall(r'--comment (?:"((?:[^"\\]|\\.)*)"|(\S+))', line):
                if not COMMENT.fullmatch(c[0] or c[1]):
                    raise ValueError(f"comment {c!r}")
            if line.startswith("-A") and not re.match(r"-A NPC-", line):
                raise ValueError(f"a rule outside the chains of npc: {line}")
            kept.append(re.sub(r' -m comment --comment ("(?:[^"\\]|\\.)*"|\S+)', "", re.sub(r"^(:\S+ \S+) \[.*", r"\1", line)))
        # ipset save prints the members of a hash in no order, and a random number of its own.
        out[part] = sorted(re.sub(r" initval \S+", "", x) for x in kept) if part == "sets" else kept
    return out


def changed(hostile, plain):
    """What differs between two rulesets, or an empty string."""
    if isinstance(hostile, dict):
        hostile, plain = (sum(r.values(), []) for r in (hostile, plain))
    if hostile == plain:
        return ""
    more, less = [x for x in hostile if x not in plain], [x for x in plain if x not in hostile]
    return f"hostile text changes the rules:\nmore {more[:4]}\nless {less[:4]}"


def kernel_outputs(suite):
    why = {"nft": kernel.available("nft"), "iptables": kernel.available("iptables")}
    for world in range(3 if suite.short else 12):
        r = random.Random(f"{suite.args.seed}/kernel/{world}")
        objects = [gen.network_policy(r, i) for i in range(25)]
        for o in objects:
            o["spec"]["podSelector"] = r.choice(({}, {"matchLabels": {"app": "web"}}, o["spec"].get("podSelector", {})))
        pods = inventory(r, objects)
        for target in ("nft", "iptables"):
            name = f"injection/{target}-world-{suite.args.seed}-{world}"
            if not suite.wanted(name):
                continue
            if why[target]:
                suite.skip(name, why[target])
                continue
            try:
                seen = []
                for hostile in (True, False):
                    cwd = suite.scratch()
                    file = './a"; accept comment "b\n-A INPUT -j ACCEPT\n{.yaml' if hostile else "p.yaml"
                    items = objects + pods if hostile else benign(objects + pods)
                    if not hostile:
                        for p, q in zip(items[len(objects):], pods):
                            p["metadata"]["labels"] = q["metadata"].get("labels", {})
                    (cwd / file).write_text(kubewrite.to_yaml(items), encoding="utf-8")
                    if target == "nft":
                        run = suite.run("compile", "-t", "nft", file, cwd=cwd)
                    else:
                        run = suite.run("compile", "-t", "iptables", "-o", "rules", file, cwd=cwd)
                    if run.status:
                        raise ValueError(f"status {run.status}\n{run.diag[:1500]}")
                    seen.append(nft_rules(cwd, run) if target == "nft" else iptables_rules(cwd))
                suite.check(name, changed(*seen))
            except ValueError as e:
                suite.fail(name, e)


def language(suite):
    """Hostile strings in every string of the language, k8s output read back."""
    for i, s in enumerate(gen.HOSTILE):
        name = f"injection/dsl-{i}"
        if not suite.wanted(name):
            continue
        quoted = '"' + "".join(c if c.isalnum() and c.isascii() or c == " " else f"\\u{{{ord(c):x}}}" for c in s) + '"'
        text = (f"policy p for all pods {{\n  desc {quoted}\n  annotation a = {quoted}\n  default deny ingress\n}}\n"
                f"cluster policy c in tier admin priority 1 for all namespaces {{\n  desc {quoted}\n"
                + (f"  deny from all namespaces on all ports as {quoted}\n" if 0 < len(s) <= 100 else "") + "}\n")
        cwd = suite.scratch()
        (cwd / "in.npc").write_text(text)
        run = suite.run("compile", "in.npc", cwd=cwd)
        if run.status:
            suite.fail(name, f"{s!r}: status {run.status}\n{run.diag[:600]}")
            continue
        try:
            got = yamlscalar.read_both(run.out.decode())
            ok = [g["kind"] for g in got] == ["NetworkPolicy", "ClusterNetworkPolicy"] and got[0]["metadata"] == {
                "name": "p", "annotations": {"kubernetes.io/description": s, "a": s}} and got[1]["metadata"]["annotations"] == {"kubernetes.io/description": s}
            if 0 < len(s) <= 100:
                ok = ok and got[1]["spec"]["ingress"][0]["name"] == s
            fmt = suite.run("fmt", "in.npc", cwd=cwd)
            (cwd / "f.npc").write_bytes(fmt.out)
            same = suite.run("compile", "f.npc", cwd=cwd)
            suite.check(name, "" if ok and same.out == run.out else f"{s!r}: read back as {got!r}")
        except (ValueError, KeyError, TypeError, yaml.YAMLError) as e:
            suite.fail(name, f"{s!r}: {e!r}\n{run.text}")


def main():
    suite = Suite(__doc__, count=2500)
    language(suite)
    text_outputs(suite)
    kernel_outputs(suite)
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
