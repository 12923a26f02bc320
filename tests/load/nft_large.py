"""Large inputs for load tests: a List of Kubernetes objects on stdout, the same for the same arguments.

Pods of --pods workloads, each of a label set of its own; --policies policies, each for one workload,
with a few peers; the first of them also has --networks CIDRs or --ranges wide port ranges.
"""
import argparse
import json


def pod(i, n1):
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": f"p{i}", "namespace": f"n{i % 7}", "labels": {"app": f"a{i}", "tier": f"t{i % 5}"}},
        "spec": {"nodeName": "n1" if i < n1 else "n2", "containers": []},
        "status": {"phase": "Running", "podIPs": [{"ip": f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}"},
                                                  {"ip": f"fd00::{i:x}"}]},
    }


def policy(i, args):
    peers = [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": f"a{(i * k) % args.pods}"}}} for k in (3, 7, 11, 13)]
    ports = [{"port": 80 + i % 9}, {"port": 6000 + 2 * i % 90}, {"port": 8000, "endPort": 8000 + i % 40}, {"protocol": "UDP", "port": 53}]
    rules = [{"from": peers[:2], "ports": ports}, {"from": peers[2:], "ports": [{"port": 443}]},
             {"from": [{"ipBlock": {"cidr": f"172.16.{i % 256}.0/24"}}], "ports": ports[:1]}]
    if i < 2 and args.networks:
        rules.append({"from": [{"ipBlock": {"cidr": f"192.{k >> 8 & 255}.{k & 255}.{k % 7 * 32}/27"}} for k in range(args.networks)]
                      + [{"ipBlock": {"cidr": f"2001:db8:{k:x}::/48"}} for k in range(args.networks)],
                      "ports": [{"port": 9000 + i}]})
    if args.ranges and (i < 2 or args.policies > 500):
        rules.append({"from": [{"podSelector": {}}],
                      "ports": [{"port": 10000 + 80 * k + i % 3, "endPort": 10000 + 80 * k + 60} for k in range(args.ranges)]})
    return {
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": f"policy{i}", "namespace": f"n{i % args.pods % 7}"},
        "spec": {"podSelector": {"matchLabels": {"app": f"a{i % args.pods}"}}, "policyTypes": ["Ingress"], "ingress": rules},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("pods", "policies", "networks", "ranges"):
        parser.add_argument(f"--{name}", type=int, default=0)
    args = parser.parse_args()
    items = [pod(i, args.pods) for i in range(args.pods)] + [policy(i, args) for i in range(args.policies)]
    print(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


main()
