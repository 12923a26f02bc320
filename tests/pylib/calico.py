"""Calico's own conversion of a Kubernetes NetworkPolicy, from its rules and worked examples as facts
(calicoctl convert): what -t calico must give, and with it the labels and annotations, which calicoctl drops.
Independent of npc."""
from pylib import kube


def _quote(s):
    return f"'{s}'"


def _terms(s):
    out = [f"{k} == {_quote(v)}" for k, v in sorted(s.get("matchLabels", {}).items())]
    for e in s.get("matchExpressions", []):
        values = ", ".join(map(_quote, e.get("values", [])))
        out.append({"In": f"{e['key']} in {{ {values} }}", "NotIn": f"{e['key']} not in {{ {values} }}", "Exists": f"has({e['key']})",
                    "DoesNotExist": f"! has({e['key']})"}[e["operator"]])
    return out


def _pods(s):
    return " && ".join(["projectcalico.org/orchestrator == 'k8s'"] + _terms(s or {}))


def _namespaces(s):
    return " && ".join(_terms(s)) or "all()"


def _ports(entries):
    """The ports list of one protocol, or None for every port."""
    if any("port" not in e for e in entries):
        return None
    ranges = [(e["port"], e.get("endPort", e["port"])) for e in entries]
    numbers = [r for r in ranges if isinstance(r[0], int)]
    if len(entries) > 1 and len(numbers) > 1:
        merged = []
        for a, b in sorted(numbers):
            if merged and a <= merged[-1][1] + 1:
                merged[-1][1] = max(merged[-1][1], b)
            else:
                merged.append([a, b])
        ranges = [r for r in ranges if not isinstance(r[0], int)] + merged
    return [a if a == b else f"{a}:{b}" for a, b in ranges]


def _peer(p):
    if "ipBlock" in p:
        return {"nets": [p["ipBlock"]["cidr"]], **({"notNets": p["ipBlock"]["except"]} if "except" in p["ipBlock"] else {})}
    return {"selector": _pods(p.get("podSelector")), **({"namespaceSelector": _namespaces(p["namespaceSelector"])} if "namespaceSelector" in p else {})}


def _rules(rules, section):
    side, peer_side = ("from", "source") if section == "ingress" else ("to", "destination")
    out = []
    for r in rules:
        by_proto = {}
        for p in r.get("ports", []):
            by_proto.setdefault(p["protocol"], []).append(p)
        for proto in sorted(by_proto) or [None]:
            ports = _ports(by_proto[proto]) if proto else None
            for p in r.get(side, [None]):
                rule = {"action": "Allow", "source": {}, "destination": {}}
                if proto:
                    rule["protocol"] = proto
                rule[peer_side] = dict(_peer(p)) if p is not None else {}
                if ports:
                    rule["destination"] = {**rule["destination"], "ports": ports}
                out.append(rule)
    return out


def convert(obj):
    """A projectcalico.org/v3 NetworkPolicy; empty sources and destinations are there."""
    o = kube.network_policy(obj)
    meta = {k: o["metadata"][k] for k in ("name", "namespace", "labels", "annotations") if k in o["metadata"]}
    spec = {"order": 1000, "selector": _pods(o["spec"]["podSelector"]), "types": o["spec"]["policyTypes"]}
    for section in ("ingress", "egress"):
        if section in o["spec"]:
            spec[section] = _rules(o["spec"][section], section)
    return {"apiVersion": "projectcalico.org/v3", "kind": "NetworkPolicy", "metadata": meta, "spec": spec}


def normalise(obj):
    """What npc wrote, with absent sources and destinations made empty ones; `tier: default` and no
    tier are the same."""
    for section in ("ingress", "egress"):
        for rule in obj["spec"].get(section, []):
            rule.setdefault("source", {})
            rule.setdefault("destination", {})
    if obj["spec"].get("tier") == "default":
        del obj["spec"]["tier"]
    return obj
