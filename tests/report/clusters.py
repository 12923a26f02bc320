"""Clusters for the tests of reports: Kubernetes objects as text, the same for the same size."""
import json

import yaml

NAMES = ["shop", "payments", "search", "media", "billing", "auth", "logging", "monitoring"]
APPS = ["web", "api", "worker", "db", "cache"]
PORTS = {"web": 80, "api": 8080, "worker": 9000, "db": 5432, "cache": 6379}
BEHIND = {"api": "web", "worker": "api", "db": "api", "cache": "api"}  # who may reach it

# Text that would be markup if anything took it for that.
HOSTILE = "</script><img src=x onerror=\"document.title='owned'\"><!--&amp;\u2028"


def namespace_name(i):
    return NAMES[i] if i < len(NAMES) else f"team-{i:03}"


def _namespace(name, team):
    return f"{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}, labels: {{team: {team}}}}}}}"


def _pod(ns, app, i, number):
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return (f"{{apiVersion: v1, kind: Pod, metadata: {{name: {app}-{i}, namespace: {ns}, labels: {{app: {app}}}}}, "
            f"spec: {{containers: [{{name: c, ports: [{{name: main, containerPort: {PORTS[app]}}}]}}]}}, "
            f"status: {{phase: Running, podIPs: [{{ip: {address}}}]}}}}")


def _policy(ns, name, spec):
    return (f"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
            f"metadata:\n  name: {name}\n  namespace: {ns}\nspec:\n{spec}")


def _rule(app, source):
    return (f"  podSelector: {{matchLabels: {{app: {app}}}}}\n  ingress:\n  - from: [{source}]\n"
            f"    ports: [{{port: {PORTS[app]}}}]\n")


def _policies(i, ns, apps):
    if i % 4 == 3:
        return  # nobody isolates these
    yield _policy(ns, "default-deny", "  podSelector: {}\n  policyTypes: [Ingress]\n")
    for app in apps:
        if app == "web":
            source = "{ipBlock: {cidr: 0.0.0.0/0, except: [192.0.2.0/24]}}"
        else:
            source = f"{{podSelector: {{matchLabels: {{app: {BEHIND[app]}}}}}}}"
        yield _policy(ns, f"{app}-in", _rule(app, source))
    if i > 0 and "api" in apps:
        source = (f"{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {namespace_name(i - 1)}}}}}, "
                  "podSelector: {matchLabels: {app: api}}}")
        yield _policy(ns, "api-from-before", _rule("api", source))
    if "db" in apps:
        yield _policy(ns, "db-out", "  podSelector: {matchLabels: {app: db}}\n  policyTypes: [Egress]\n  egress:\n"
                      "  - to: [{ipBlock: {cidr: 198.51.100.0/24}}]\n    ports: [{port: 443}]\n")


def cluster(pods, namespaces):
    """A text of that many pods in that many namespaces, and policies for most of them."""
    objects, number = [], 256
    for i in range(namespaces):
        ns = namespace_name(i)
        mine = pods * (i + 1) // namespaces - pods * i // namespaces
        apps = APPS[:mine]
        objects.append(_namespace(ns, ns))
        for k in range(mine):
            number += 1
            objects.append(_pod(ns, apps[k % len(apps)], k // len(apps), number))
        objects.extend(_policies(i, ns, apps))
    return "\n---\n".join(objects) + "\n"


def hostile():
    """Two pods and a policy that all stand on a line with HOSTILE; JSON, as YAML has no U+2028."""
    objects = [yaml.safe_load(text) for text in (_namespace("shop", "shop"), _pod("shop", "web", 0, 257),
                                               _pod("shop", "api", 0, 258))]
    policy = yaml.safe_load(_policy("shop", "web-in", _rule("web", "{podSelector: {}}")))
    policy["metadata"]["annotations"] = {"kubernetes.io/description": HOSTILE}
    return "\n".join(json.dumps(one, ensure_ascii=False) for one in [*objects, policy]) + "\n"
