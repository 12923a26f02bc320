"""A cluster of any size, as `kubectl get ns,nodes,pods,netpol -A -o json` prints one, managed fields and
status conditions included: what commands that answer questions are measured on.

    cluster.py PODS POLICIES >cluster.json

Ten pods are one Deployment; a namespace has a hundred Deployments of ten tiers; a node has a hundred
pods. Of each namespace with policies one denies all by default, and the others let some Deployments
talk to others of their own namespace, of the next one, or to networks.
"""
import json
import random
import sys

PER_DEPLOYMENT, PER_NAMESPACE, PER_NODE = 10, 100, 100
PORTS = [80, 443, 8080, 8443, 5432, 3306, 6379, 9090, 9092, 27017]


def managed(manager):
    fields = {f"f:{name}": {} for name in ("labels", "spec", "status", "conditions", "containers", "volumes")}
    return [{"manager": manager, "operation": "Update", "apiVersion": "v1", "time": "2026-01-01T00:00:00Z",
             "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": fields, "f:spec": fields, "f:status": fields}}]


def namespace(n):
    return {"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": f"ns{n}", "uid": f"0000-{n}",
                         "labels": {"kubernetes.io/metadata.name": f"ns{n}", "team": f"team{n % 7}"}},
            "status": {"phase": "Active"}}


def node(n):
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"node{n}", "labels": {"zone": f"z{n % 3}"}},
            "status": {"addresses": [{"type": "InternalIP", "address": f"192.168.{n // 250}.{n % 250 + 1}"}]}}


def pod(n):
    deployment = n // PER_DEPLOYMENT
    ns, place = divmod(deployment, PER_NAMESPACE)
    name = f"app{place}"
    ip = f"10.{n // 62500}.{n // 250 % 250}.{n % 250 + 1}"
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": f"{name}-5d4f8c7b9-{n}", "namespace": f"ns{ns}", "uid": f"0001-{n}",
                         "resourceVersion": str(n), "creationTimestamp": "2026-01-01T00:00:00Z",
                         "labels": {"app": name, "tier": f"t{place % 10}", "pod-template-hash": "5d4f8c7b9"},
                         "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "uid": f"0002-{deployment}",
                                              "name": f"{name}-5d4f8c7b9", "controller": True}],
                         "managedFields": managed("kubelet")},
            "spec": {"nodeName": f"node{n // PER_NODE}", "restartPolicy": "Always",
                     "containers": [{"name": "main", "image": "registry.example/app:1",
                                     "env": [{"name": "MODE", "value": "production"}],
                                     "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                                     "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}]},
            "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}, {"ip": f"fd00::{n >> 16:x}:{n & 0xffff:x}"}],
                       "conditions": [{"type": t, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
                                      for t in ("Initialized", "Ready", "ContainersReady", "PodScheduled")]}}


def peer(rng, ns, namespaces):
    kind = rng.random()
    if kind < 0.6:
        return {"podSelector": {"matchLabels": {"app": f"app{rng.randrange(PER_NAMESPACE)}"}}}
    if kind < 0.8:
        return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": f"ns{(ns + 1) % namespaces}"}},
                "podSelector": {"matchLabels": {"tier": f"t{rng.randrange(10)}"}}}
    return {"ipBlock": {"cidr": f"172.{rng.randrange(16, 32)}.{rng.randrange(256)}.0/24"}}


def policy(rng, n, namespaces):
    ns = n % namespaces
    if n < namespaces:
        spec = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"],
                "egress": [{"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ns0"}},
                                    "podSelector": {"matchLabels": {"app": "app0"}}}],
                            "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}]}
    else:
        direction, end = rng.choice([("ingress", "from"), ("egress", "to")])
        spec = {"podSelector": {"matchLabels": {"app": f"app{rng.randrange(PER_NAMESPACE)}"}},
                "policyTypes": [direction.capitalize()],
                direction: [{end: [peer(rng, ns, namespaces) for _ in range(rng.randint(1, 4))],
                             "ports": [{"protocol": "TCP", "port": p} for p in rng.sample(PORTS, rng.randint(1, 3))]}]}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": f"policy{n}", "namespace": f"ns{ns}", "managedFields": managed("kubectl")}, "spec": spec}


def objects(pods, policies):
    """All objects, one by one."""
    rng = random.Random(f"{pods} {policies}")
    namespaces = max(1, pods // PER_DEPLOYMENT // PER_NAMESPACE)
    for n in range(namespaces):
        yield namespace(n)
    for n in range(max(1, pods // PER_NODE)):
        yield node(n)
    for n in range(pods):
        yield pod(n)
    for n in range(policies):
        yield policy(rng, n, namespaces)


def write(out, pods, policies):
    out.write('{"apiVersion": "v1", "items": [')
    for i, obj in enumerate(objects(pods, policies)):
        out.write(",\n" if i else "\n")
        json.dump(obj, out, separators=(",", ":"))
    out.write('\n], "kind": "List", "metadata": {"resourceVersion": ""}}\n')


if __name__ == "__main__":
    write(sys.stdout, int(sys.argv[1]), int(sys.argv[2]))
