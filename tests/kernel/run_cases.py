#!/usr/bin/env python3
"""Packets for what design decides about policies: each file of cases/ is a small cluster, some
policies, and what every packet must do. The names of the cases carry the number of the sentence of
docs/semantics.md that they show.

    run_cases.py [--loader nft] [CASE...]

A case is a YAML stream. The first document:
    pods:   {NS/NAME: {labels: {}, ip4: A, ip6: A, node: n1, ports: {NAME: tcp/80}, …}}
    hosts:  {NAME: [ADDR, …]}           machines outside the cluster
    namespaces: {NAME: {LABEL: VALUE}}  others are known by name only
    nodes:  {NAME: {LABEL: VALUE}}      labels of n1 and n2
    args:   [options of npc compile]    {node} stands for the node being compiled
    before: [LINE, …]                   netlab lines before the rules are loaded
    after:  [LINE, …]                   … and before the probes
    loaders: [nft, …]                   when not all can say it
    warns:  [TEXT, …]                   what npc must say about the input
    crowds: [N, …]                      numbers of others; [301]. "ports" always is one, and
                                        "wide", if there is a NetworkPolicy
    probes: ["FROM -> TO PROTO/PORT allow|deny [4|6] [OPTION…]", …]   "*" and "NS/*" are all (but
                                        itself); options as of netlab: at ADDR, size N, …
The documents after it are the policies.

With nft each case is also run in a crowd: pods and policies of a namespace of their own, so many that
the rules are those of large nodes, where all targets share their sets, of very large ones, where one
chain asks for the classes of peers, and, in the crowd "ports", of those where ports are bits. In the
crowd "wide" policies allow two pods more ports than there are rules for, so that each target has
sets of its own over classes.
"""

import argparse
import functools
import glob
import os
import subprocess
import sys
import tempfile

import cluster
import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
NODES = {"n1": ("192.168.77.1", "fd00:77::1"), "n2": ("192.168.77.2", "fd00:77::2")}


def pod_of(key, o):
    ns, name = key.split("/")
    ports = [(n, p.split("/")[0].upper(), int(p.split("/")[1])) for n, p in o.get("ports", {}).items()]
    pod = cluster.Pod(ns, name, o.get("labels", {}), o.get("ip4"), o.get("ip6"), o.get("node", "n1"), ports)
    pod.extra_spec = {k: o[k] for k in ("hostNetwork",) if k in o}
    pod.phase = o.get("phase", "Running")
    return pod


def manifest(pod):
    m = pod.manifest()
    m["spec"].update(pod.extra_spec)
    m["status"]["phase"] = pod.phase
    return m


def node_manifest(name, labels):
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "status": {"addresses": [{"type": "InternalIP", "address": a} for a in NODES[name]]},
    }


def expand(pattern, names):
    if pattern == "*":
        return [n for n in names if "/" in n]
    if pattern.endswith("/*"):
        return [n for n in names if n.startswith(pattern[:-1])]
    return [pattern]


def families_of(addrs):
    return {"6" if ":" in a else "4" for a in addrs}


def probe_lines(text, addrs):
    words = text.split()
    source, arrow, target, what, want, *rest = words
    if arrow != "->" or want not in ("allow", "deny"):
        raise ValueError(f"not a probe: {text}")
    proto, port = what.split("/")
    only = [rest.pop(0)] if rest and rest[0] in cluster.FAMILIES else cluster.FAMILIES
    count = 0
    for s in expand(source, addrs):
        for t in expand(target, addrs):
            if s == t and ("*" in source or "*" in target):
                continue
            for f in only:
                if f in families_of(addrs[t]) and f in families_of(addrs[s]):
                    count += 1
                    yield cluster.probe_line(s, t, f, proto, port, want, *rest)
    if count == 0:
        raise ValueError(f"a probe that sends nothing: {text}")


def check_warnings(directory, texts):
    """What npc says about the input that was just compiled."""
    call = [cluster.NPC, "compile", "-t", "json", os.path.join(directory, "in.json")]
    said = subprocess.run(call, capture_output=True, text=True, check=False).stderr if texts else ""
    for text in texts:
        if text not in said:
            raise RuntimeError(f"npc does not say '{text}' but: {said.strip()}")


CROWD = 301  # sets of peers, one more than there may be without sharing them
ASKING = 2048  # chains that ask for as many pods beyond which one does it for all
PEERS, PORTS = 12, 60  # of each of the crowd "ports": 3,612 keys of 60 ports


def wide_policy():
    """For more peers and ports than sets of ports are written for."""
    few = [{"podSelector": {"matchLabels": {"few": "yes"}}}]
    ports = [{"port": 20000 + 2 * k} for k in range(PORTS)]
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "wide", "namespace": "crowd"},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"],
                     "ingress": [{"from": few, "ports": ports}], "egress": [{"to": few, "ports": ports}]}}


def crowd(nodes, others):
    """Pods that nobody probes, each with a policy and a set of peers that no other has."""
    count = CROWD if others == "ports" else others
    objects = [cluster.namespace_manifest("crowd", {})] + [wide_policy()] * (others == "ports")
    for number, name in enumerate(nodes):
        for i in range(count):
            ip4, ip6 = f"10.{250 + number}.{i // 250}.{i % 250 + 1}", f"fd00:10:{250 + number}::{i + 1:x}"
            own = {"n": f"{name}-{i}"}
            pod = cluster.Pod("crowd", f"{name}-{i}", {**own, "few": "yes" if i < PEERS else "no"}, ip4, ip6, name)
            pod.extra_spec, pod.phase = {}, "Running"
            peers = [{"podSelector": {"matchExpressions": [
                {"key": "n", "operator": "In", "values": [f"{name}-{i}", f"{name}-{(i + 1) % count}"]}]}}]
            spec = {"podSelector": {"matchLabels": own}, "policyTypes": ["Ingress", "Egress"],
                    "ingress": [{"from": peers}], "egress": [{"to": peers}]}
            objects += [manifest(pod), {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                                        "metadata": {"name": pod.name, "namespace": "crowd"}, "spec": spec}]
    return objects


WIDE = 17  # ports, one more than there may be rules over addresses


def widen(policies, nodes):
    """Two pods that nobody probes, and a rule for them in each policy."""
    peers = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "crowd"}}}]
    ports = [{"port": 20000 + 2 * k} for k in range(WIDE)]
    for p in policies:
        if p["kind"] == "NetworkPolicy":
            spec = p["spec"]
            types = spec.get("policyTypes") or ["Ingress"] + ["Egress"] * ("egress" in spec)
            for way, end in (("Ingress", "from"), ("Egress", "to")):
                if way in types:
                    spec[way.lower()] = (spec.get(way.lower()) or []) + [{end: peers, "ports": ports}]
    objects = [cluster.namespace_manifest("crowd", {})]
    for i in range(2):
        pod = cluster.Pod("crowd", f"wide-{i}", {}, f"10.250.0.{i + 1}", f"fd00:10:250::{i + 1}", nodes[0])
        pod.extra_spec, pod.phase = {}, "Running"
        objects.append(manifest(pod))
    return policies + objects


def check_wide(out):
    """That targets whom policies do not allow everything have sets of their own over classes."""
    with open(out, encoding="utf-8") as f:
        text = f.read()
    if "goto npc_deny" in text and "_v {\n" not in text:
        raise RuntimeError(f"{out}: it is not wide")


def check_crowd(out, others):
    """That it is one: in both families targets share their chains and, if it is very large, ask in one,
    or, if they have very many ports, have bits for them."""
    count = CROWD if others == "ports" else others
    with open(out, encoding="utf-8") as f:
        text = f.read()
    for way in "ie":
        asking = text.count(f"\tchain {way}_pod_class {{\n")
        bits = text.count(f"\tmap {way}_all_bits {{\n")
        if text.count(f" goto {way}_all\n") < 2 * count or asking != 2 * (count > ASKING) or bits != 2 * (others == "ports"):
            raise RuntimeError(f"{out}: it is no crowd of {others}")


def script_of(path, loader, tmp, others=0):
    with open(path, encoding="utf-8") as f:
        case, *policies = [d for d in yaml.safe_load_all(f) if d]
    label = os.path.basename(path)[:-5] + (f"-crowd-{others}" if others else "")
    pods = {k: pod_of(k, o) for k, o in case["pods"].items()}
    nodes = sorted({p.node for p in pods.values()})
    # Host-network pods are their node; finished pods are not there.
    live = {k: p for k, p in pods.items() if not p.extra_spec.get("hostNetwork") and p.phase == "Running"}
    addrs = {k: p.addresses() for k, p in live.items()}
    addrs.update(case.get("hosts", {}))
    addrs.update({n: list(NODES[n]) for n in nodes})
    script = [f"node {n} {' '.join(NODES[n])}" for n in nodes]
    script += [f"pod {k} {p.node} {' '.join(p.addresses())}" for k, p in live.items()]
    script += [f"host {n} {' '.join(a)}" for n, a in case.get("hosts", {}).items()]
    namespaces = {p.ns: {} for p in pods.values()}
    namespaces.update(case.get("namespaces", {}))
    objects = [cluster.namespace_manifest(n, l) for n, l in namespaces.items()]
    objects += [node_manifest(n, case.get("nodes", {}).get(n, {})) for n in nodes]
    if others == "wide":
        objects += widen(policies, nodes)
    else:
        objects += policies + (crowd(nodes, others) if others else [])
    objects += [manifest(p) for p in pods.values()]
    script += case.get("before", [])
    for n in nodes:
        out = os.path.join(tmp, f"{label}-{loader}-{n}")
        args = [a.format(node=n) for a in case.get("args", [])]
        load = cluster.compile_to(loader, out, objects, args)
        script.append(f"run {n} " + load)
        if others == "wide":
            check_wide(load.split()[-1])
        elif others:
            check_crowd(load.split()[-1], others)
        check_warnings(out, case.get("warns", []))
    script += [line.format(label=f"{label}/{loader}") for line in case.get("after", [])]
    for text in case["probes"]:
        script += probe_lines(text, addrs)
    script.append(f"go {label}/{loader}")
    return script


def crowds_of(path):
    with open(path, encoding="utf-8") as f:
        head, *policies = [d for d in yaml.safe_load_all(f) if d]
    wide = ["wide"] if any(p["kind"] == "NetworkPolicy" for p in policies) else []
    return head.get("crowds", [CROWD]) + ["ports"] + wide


def loaders_of(path):
    with open(path, encoding="utf-8") as f:
        return next(yaml.safe_load_all(f)).get("loaders", cluster.loaders())


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    args.add_argument("--loader", action="append", choices=cluster.LOADERS)
    args.add_argument("--show", action="store_true", help="print the scripts instead of running them")
    args.add_argument("case", nargs="*")
    args = args.parse_args()
    paths = sorted(glob.glob(os.path.join(HERE, "cases", "*.yaml")))
    jobs = []
    with tempfile.TemporaryDirectory() as tmp:
        for path in paths:
            name = os.path.basename(path)[:-5]
            if not args.case or name in args.case:
                for loader in args.loader or loaders_of(path):
                    jobs.append((f"{name}/{loader}", functools.partial(script_of, path, loader, tmp)))
                    for n in crowds_of(path) if loader == "nft" else []:
                        jobs.append((f"{name}-crowd-{n}/{loader}", functools.partial(script_of, path, loader, tmp, n)))
        if args.show:
            for _, make in jobs:
                print("\n".join(make()))
            return
        sys.exit(cluster.run_jobs(jobs))


if __name__ == "__main__":
    main()
