"""A cluster of any size, as `kubectl get ns,nodes,pods,netpol -A -o yaml` (or json) prints one, managed
fields, status conditions, environments and volumes included: what npc's commands are measured on.

    cluster.py PODS [yaml|json] >FILE

Of 150 pods 5 run on each node, 15 are in each namespace, and 5 in each Deployment. There are as many
policies as namespaces: the first half of them denies all in one namespace each by default, the other half
lets some Deployments of these namespaces talk to others of their own, of the next one, or to networks.
"""
import functools
import json
import random
import re
import sys

PER_DEPLOYMENT, DEPLOYMENTS = 5, 3  # pods of one, and how many in a namespace
PER_NAMESPACE, PER_NODE = PER_DEPLOYMENT * DEPLOYMENTS, 30
PORTS = [80, 443, 8080, 8443, 5432, 3306, 6379, 9090, 9092, 27017]
TIME = "2026-01-01T00:00:00Z"


def counts(pods):
    """Namespaces (and policies), nodes."""
    return max(2, pods // PER_NAMESPACE), max(1, pods // PER_NODE)


def address(n):
    return f"10.{n // 62500}.{n // 250 % 250}.{n % 250 + 1}"


def tier(deployment):
    return f"t{deployment % 10}"


# ---- objects ----

def managed(manager, **fields):
    return [{"apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {f"f:{name}": value for name, value in fields.items()},
             "manager": manager, "operation": "Update", "time": TIME}]


def keys(*names):
    return {f"f:{name}": {} for name in names}


def condition(kind):
    return {"lastProbeTime": None, "lastTransitionTime": TIME, "status": "True", "type": kind}


def namespace(name, team):
    return {"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"creationTimestamp": TIME, "labels": {"kubernetes.io/metadata.name": name, "team": team},
                         "managedFields": managed("kubectl", metadata={"f:labels": keys("team")}), "name": name},
            "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}


def node(name, zone, ip):
    conditions = ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")
    return {"apiVersion": "v1", "kind": "Node",
            "metadata": {"creationTimestamp": TIME, "labels": {"kubernetes.io/hostname": name, "zone": zone}, "name": name},
            "status": {"addresses": [{"address": ip, "type": "InternalIP"}, {"address": name, "type": "Hostname"}],
                       "capacity": {"cpu": "16", "memory": "65536000Ki", "pods": "110"},
                       "conditions": [condition(kind) for kind in conditions]}}


def pod(name, ns, n, app, tier, ip, ip6, host, host_ip):
    conditions = ("Initialized", "Ready", "ContainersReady", "PodScheduled")
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"annotations": {"prometheus.io/port": "9090", "prometheus.io/scrape": "true"},
                         "creationTimestamp": TIME,
                         "labels": {"app": app, "pod-template-hash": "5d4f8c7b9", "tier": tier},
                         "managedFields": managed("kubelet", status=keys("conditions", "containerStatuses", "phase", "podIP")),
                         "name": name, "namespace": ns,
                         "ownerReferences": [{"apiVersion": "apps/v1", "controller": True, "kind": "ReplicaSet",
                                              "name": f"{app}-5d4f8c7b9", "uid": "6f1c7f52-0002"}],
                         "resourceVersion": "1048576", "uid": f"6f1c7f52-0001-{n}"},
            "spec": {"containers": [{"env": [{"name": "MODE", "value": "production"},
                                             {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
                                     "image": "registry.example/team/app:1.27", "name": "main",
                                     "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}],
                                     "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
                                     "volumeMounts": [{"mountPath": "/etc/app", "name": "config", "readOnly": True}]}],
                     "nodeName": host, "restartPolicy": "Always", "serviceAccountName": "default",
                     "volumes": [{"configMap": {"defaultMode": 420, "name": "app"}, "name": "config"}]},
            "status": {"conditions": [condition(kind) for kind in conditions],
                       "containerStatuses": [{"name": "main", "ready": True, "restartCount": 0,
                                              "state": {"running": {"startedAt": TIME}}}],
                       "hostIP": host_ip, "phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}, {"ip": ip6}]}}


def peer(rng, ns, namespaces):
    kind = rng.random()
    if kind < 0.6:
        return {"podSelector": {"matchLabels": {"app": f"app{rng.randrange(DEPLOYMENTS)}"}}}
    if kind < 0.8:
        other = (ns + 1) % namespaces
        return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": f"ns{other}"}},
                "podSelector": {"matchLabels": {"tier": tier(other * DEPLOYMENTS + rng.randrange(DEPLOYMENTS))}}}
    return {"ipBlock": {"cidr": f"172.{rng.randrange(16, 32)}.{rng.randrange(256)}.0/24"}}


def policy(rng, n, namespaces):
    denied = namespaces // 2
    if n < denied:
        spec = {"egress": [{"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
                            "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ns0"}},
                                    "podSelector": {"matchLabels": {"app": "app0"}}}]}],
                "podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    else:
        direction, end = rng.choice([("ingress", "from"), ("egress", "to")])
        ports = [{"port": port, "protocol": "TCP"} for port in rng.sample(PORTS, rng.randint(1, 3))]
        spec = {direction: [{"ports": ports, end: [peer(rng, n % denied, namespaces) for _ in range(rng.randint(1, 4))]}],
                "podSelector": {"matchLabels": {"app": f"app{rng.randrange(DEPLOYMENTS)}"}},
                "policyTypes": [direction.capitalize()]}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"creationTimestamp": TIME, "generation": 1, "managedFields": managed("kubectl", spec=keys(*spec)),
                         "name": f"policy{n}", "namespace": f"ns{n % denied}"}, "spec": spec}


# ---- text ----

# What Kubernetes' YAML writer leaves without quotes: no number, no time, no boolean.
PLAIN = re.compile(r"(?!(true|false|null|yes|no|on|off|[yn])$)[A-Za-z/@][-A-Za-z0-9_./:@]*$", re.IGNORECASE)


def yaml(value, indent):
    """A value behind its key or dash; lists stand at the indentation of their key."""
    margin = "\n" + " " * indent
    if isinstance(value, dict) and value:
        return margin + margin.join(f"{key}:{yaml(below, indent + (0 if isinstance(below, list) else 2))}"
                                    for key, below in value.items())
    if isinstance(value, list) and value:
        return margin + margin.join("- " + yaml(item, indent + 2).lstrip() for item in value)
    return " " + (value if isinstance(value, str) and PLAIN.match(value) else json.dumps(value))


def yaml_item(item):
    return "- " + yaml(item, 2).lstrip() + "\n"


def json_item(item):
    return json.dumps(item, indent=4).replace("\n", "\n        ")


FORMATS = {  # begin, an item, between two, end
    "yaml": ("apiVersion: v1\nitems:\n", yaml_item, "", 'kind: List\nmetadata:\n  resourceVersion: ""\n'),
    "json": ('{\n    "apiVersion": "v1",\n    "items": [\n        ', json_item, ",\n        ",
             '\n    ],\n    "kind": "List",\n    "metadata": {\n        "resourceVersion": ""\n    }\n}\n'),
}


@functools.cache
def template(make, item, arity):
    """The text of an object with {0}, {1}... for what make() is given: thousands differ in these only."""
    text = item(make(*(f"@{i}@" for i in range(arity))))
    return re.sub(r"@(\d)@", r"{\1}", text.replace("{", "{{").replace("}", "}}"))


def items(pods, item):
    """The text of each object; those of a kind in the order of their namespaces' and their own names, as the
    API server lists them."""
    def fill(make, *values):
        return template(make, item, len(values)).format(*values)

    rng = random.Random(pods)
    namespaces, nodes = counts(pods)
    for name, n in sorted((f"ns{n}", n) for n in range(namespaces)):
        yield fill(namespace, name, f"team{n % 7}")
    for name, n in sorted((f"node{n}", n) for n in range(nodes)):
        yield fill(node, name, f"z{n % 3}", f"192.168.{n // 250}.{n % 250 + 1}")
    for ns, name, n, app in sorted(place_pod(n, namespaces) for n in range(pods)):
        host = n % nodes
        yield fill(pod, name, ns, n, app, tier(n // PER_DEPLOYMENT), address(n), f"fd00::{n >> 16:x}:{n & 0xffff:x}",
                   f"node{host}", f"192.168.{host // 250}.{host % 250 + 1}")
    for _, n in sorted((f"ns{n}", n) for n in range(namespaces)):
        yield item(policy(rng, n, namespaces))


def place_pod(n, namespaces):
    """Namespace and name of the nth pod, n, and its app."""
    app = f"app{n // PER_DEPLOYMENT % DEPLOYMENTS}"
    return f"ns{n // PER_NAMESPACE % namespaces}", f"{app}-5d4f8c7b9-{n}", n, app


def write(out, pods, syntax):
    begin, item, between, end = FORMATS[syntax]
    out.write(begin)
    for i, text in enumerate(items(pods, item)):
        out.write(between if i else "")
        out.write(text)
    out.write(end)


def write_policy(out):
    """One policy of such a cluster, as a file of its own."""
    out.write(yaml(policy(random.Random(1), 1, 2), 0).lstrip() + "\n")


if __name__ == "__main__":
    write(sys.stdout, int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "yaml")
