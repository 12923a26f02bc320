#!/usr/bin/env python3
"""Every case and step of the Kubernetes e2e NetworkPolicy suite (tests/data/k8s-e2e-netpol.yaml), on
the full grid of pods, with packets, IPv4 and IPv6, through each way of loading rules.

    run_e2e.py [--loader nft] [--case e2e-01]
"""

import argparse
import functools
import os
import sys
import tempfile

import cluster
import yaml

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "k8s-e2e-netpol.yaml")


class World:
    """The model cluster, changed by the actions of a case."""

    def __init__(self, model, served):
        self.served = [(p, n) for p in served["protocols"] for n in served["ports"]]
        ports = [(f"serve-{n}-{p.lower()}", p, n) for p, n in self.served]
        self.namespaces = {n: dict(o["labels"]) for n, o in model["namespaces"].items()}
        self.pods = {}
        for key, o in model["pods"].items():
            ns, name = key.split("/")
            self.pods[key] = cluster.Pod(
                ns, name, o["labels"], o["ipv4"], o["ipv6"], "n1", ports
            )
        self.policies = {}

    def do(self, action):
        (verb, arg), = action.items()
        if verb in ("apply", "replace"):
            meta = arg["metadata"]
            self.policies[(meta["namespace"], meta["name"])] = arg
        elif verb == "delete_all_policies":
            self.policies.clear()
        elif verb == "label_namespace":
            self.namespaces[arg["namespace"]].update(arg["labels"])
        elif verb == "label_pod":
            self.pods[arg["pod"]].labels.update(arg["labels"])
        else:
            raise ValueError(f"unknown action {verb}")

    def objects(self):
        out = [cluster.namespace_manifest(n, l) for n, l in self.namespaces.items()]
        out += [p.manifest() for p in self.pods.values()]
        return out + list(self.policies.values())


def part_matches(pattern, key):
    return all(a in ("*", b) for a, b in zip((pattern + "/*").split("/"), key.split("/")))


def verdict(expect, source, target):
    out = expect["default"]
    for o in expect["overrides"]:
        if part_matches(o["from"], source) and part_matches(o["to"], target):
            out = o["set"]
    return out


def probes(world, expect, families):
    proto, port = expect["protocol"].lower(), expect["port"]
    for source in world.pods:
        for target in world.pods:
            if source != target:
                want = verdict(expect, source, target)
                for family in families:
                    yield f"probe {source} {target} {family} {proto} {port} {want}"


def in_ipv6(world, node):
    """The same manifest about IPv6: the network of one pod is that pod's, any other holds all pods.
    (Upstream writes whichever family the cluster has.)"""
    if isinstance(node, dict):
        return {k: in_ipv6(world, v) for k, v in node.items()}
    if isinstance(node, list):
        return [in_ipv6(world, v) for v in node]
    if isinstance(node, str) and node[:1].isdigit() and "/" in node:
        of_pod = [p.ip6 + "/128" for p in world.pods.values() if p.ip4 + "/32" == node]
        return of_pod[0] if of_pod else "fd00::/8"
    return node


def script_of(case, model, loader, tmp, families):
    world = World(model, case["served"])
    script = ["node n1 192.168.77.1 fd00:77::1"]
    script += [f"pod {k} n1 {' '.join(p.addresses())}" for k, p in world.pods.items()]
    for i, step in enumerate(case["steps"]):
        for action in step["do"]:
            world.do(in_ipv6(world, action) if families == ("6",) else action)
        out = os.path.join(tmp, f"{case['id']}-{loader}-{''.join(families)}-{i}")
        script.append("run n1 " + cluster.compile_to(loader, out, world.objects()))
        for expect in step["expect"]:
            script += probes(world, expect, families)
        script.append(f"go {case['id']}.{i}/{loader}/IPv{'+'.join(families)}")
    return script


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    args.add_argument("--loader", action="append", choices=cluster.LOADERS)
    args.add_argument("--case", action="append")
    args = args.parse_args()
    with open(DATA, encoding="utf-8") as f:
        data = yaml.safe_load(f)
    jobs = []
    with tempfile.TemporaryDirectory() as tmp:
        for loader in args.loader or cluster.loaders():
            for case in data["cases"]:
                if args.case and case["id"] not in args.case:
                    continue
                # A case about addresses is run once for each family, all others for both at once.
                by_family = case.get("ipblock_matches_pods", False)
                for families in (("4",), ("6",)) if by_family else (cluster.FAMILIES,):
                    name = f"{case['id']}/{loader}/IPv{'+'.join(families)}"
                    make = functools.partial(script_of, case, data["model"], loader, tmp, families)
                    jobs.append((name, make))
        sys.exit(cluster.run_jobs(jobs))


if __name__ == "__main__":
    main()
