"""NetworkPolicy objects as the Kubernetes API server stores them, and cluster policies as npc keeps
them. Written from the API documentation and conformance data (tests/data), independent of npc.

Three kinds of change, and no other:
  defaults       policyTypes, protocol, podSelector (k8s-netpol-validation.yaml, `defaults`)
  dropped        null and empty optional fields; metadata that only the server writes
  normalised     order of policyTypes; CIDRs with host bits, leading zeros or long spellings
"""
import copy
import ipaddress

SERVER_METADATA = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink",
                   "deletionTimestamp", "deletionGracePeriodSeconds")
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
NS_NAME = "kubernetes.io/metadata.name"


def cidr(text):
    """The network as everyone prints it: host bits masked, octets decimal, IPv6 by RFC 5952."""
    addr, length = text.split("/")
    if ":" not in addr:
        addr = ".".join(str(int(octet, 10)) for octet in addr.split("."))
    return str(ipaddress.ip_network(f"{addr}/{int(length, 10)}", strict=False))


def _drop(d, *keys):
    """Without the keys whose values are null or empty."""
    for key in keys:
        if key in d and d[key] in (None, [], {}, ""):
            del d[key]


def selector(s):
    if s is None:
        return None
    s = dict(s)
    _drop(s, "matchLabels", "matchExpressions")
    if "matchExpressions" in s:
        s["matchExpressions"] = [dict(e) for e in s["matchExpressions"]]
        for e in s["matchExpressions"]:
            _drop(e, "values")
    return s


def metadata(m):
    m = copy.deepcopy(m or {})
    for key in SERVER_METADATA:
        m.pop(key, None)
    if isinstance(m.get("annotations"), dict):
        m["annotations"].pop(LAST_APPLIED, None)
    _drop(m, "labels", "annotations", "finalizers", "ownerReferences", "namespace", "generateName")
    return m


def _np_peer(p):
    out = {}
    for key in ("podSelector", "namespaceSelector"):
        if p.get(key) is not None:
            out[key] = selector(p[key])
    if p.get("ipBlock") is not None:
        block = {"cidr": cidr(p["ipBlock"]["cidr"])}
        if p["ipBlock"].get("except"):
            block["except"] = [cidr(e) for e in p["ipBlock"]["except"]]
        out["ipBlock"] = block
    return out


def _np_port(p):
    out = {k: v for k, v in p.items() if v is not None}
    out.setdefault("protocol", "TCP")
    if out["protocol"] == "":
        out["protocol"] = "TCP"
    return out


def _np_rule(rule, side):
    out = {}
    if rule.get(side):
        out[side] = [_np_peer(p) for p in rule[side]]
    if rule.get("ports"):
        out["ports"] = [_np_port(p) for p in rule["ports"]]
    return out


def network_policy(obj):
    """A NetworkPolicy as stored: defaults filled, empty optional fields dropped."""
    spec = obj.get("spec") or {}
    out = {"podSelector": selector(spec.get("podSelector")) or {}}
    types = spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
    out["policyTypes"] = [t for t in ("Ingress", "Egress") if t in types]
    for section, side in (("ingress", "from"), ("egress", "to")):
        if spec.get(section):
            out[section] = [_np_rule(r, side) for r in spec[section]]
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": metadata(obj.get("metadata")), "spec": out}


# ---- cluster policies ----


def _cp_scope(s):
    """`subject` or a pods/namespaces peer. An absent namespaceSelector is every namespace."""
    if "namespaces" in s and s["namespaces"] is not None:
        return {"namespaces": selector(s["namespaces"])}
    pods = s["pods"]
    return {"pods": {"namespaceSelector": selector(pods.get("namespaceSelector")) or {},
                     "podSelector": selector(pods["podSelector"])}}


def _cp_peers(peers):
    """One entry a network: adjacent peers that name one network each equal one that names them all."""
    out = []
    for p in peers:
        if p.get("networks"):
            out += [{"networks": [cidr(n)]} for n in p["networks"]]
        elif p.get("domainNames"):
            out += [{"domainNames": [d]} for d in p["domainNames"]]
        elif p.get("nodes") is not None:
            out.append({"nodes": selector(p["nodes"])})
        else:
            out.append(_cp_scope(p))
    return out


def cluster_policy(obj):
    """A ClusterNetworkPolicy, normalised."""
    spec = obj["spec"]
    out = {"tier": spec["tier"], "priority": spec["priority"], "subject": _cp_scope(spec["subject"])}
    for section, side in (("ingress", "from"), ("egress", "to")):
        rules = []
        for r in spec.get(section) or []:
            rule = {"action": r["action"], side: _cp_peers(r[side])}
            if r.get("name"):
                rule["name"] = r["name"]
            if r.get("protocols"):
                rule["protocols"] = copy.deepcopy(r["protocols"])
            rules.append(rule)
        if rules:
            out[section] = rules
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": metadata(obj.get("metadata")), "spec": out}


def _admin_port(p):
    """A port of v1alpha1 as v1alpha2 says it; None if it matches nothing."""
    if "namedPort" in p:
        return {"destinationNamedPort": p["namedPort"]}
    if "portNumber" in p:
        n = p["portNumber"]
        return {n.get("protocol", "TCP").lower(): {"destinationPort": {"number": n["port"]}}}
    r = p["portRange"]
    if r["start"] > r["end"]:
        return None
    port = {"number": r["start"]} if r["start"] == r["end"] else {"range": {"start": r["start"], "end": r["end"]}}
    return {r.get("protocol", "TCP").lower(): {"destinationPort": port}}


def admin_policy(obj):
    """AdminNetworkPolicy or BaselineAdminNetworkPolicy as the ClusterNetworkPolicy that means the
    same, normalised."""
    spec = obj["spec"]
    baseline = obj["kind"] == "BaselineAdminNetworkPolicy"
    out = {"tier": "Baseline" if baseline else "Admin", "priority": 0 if baseline else spec["priority"],
           "subject": spec["subject"]}
    for section, side in (("ingress", "from"), ("egress", "to")):
        rules = []
        for r in spec.get(section) or []:
            rule = {"action": {"Allow": "Accept"}.get(r["action"], r["action"]), side: r[side]}
            if r.get("name"):
                rule["name"] = r["name"]
            if r.get("ports"):
                rule["protocols"] = [q for q in map(_admin_port, r["ports"]) if q]
                if not rule["protocols"]:
                    continue  # every range is reversed: the rule matches nothing
            rules.append(rule)
        if rules:
            out[section] = rules
    return cluster_policy({"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy",
                           "metadata": obj["metadata"], "spec": out})


def stored(obj):
    """Any policy object, as it must come out of npc."""
    if obj["kind"] == "NetworkPolicy":
        return network_policy(obj)
    if obj["kind"] == "ClusterNetworkPolicy":
        return cluster_policy(obj)
    return admin_policy(obj)


def is_policy(obj):
    return isinstance(obj, dict) and obj.get("kind") in (
        "NetworkPolicy", "ClusterNetworkPolicy", "AdminNetworkPolicy", "BaselineAdminNetworkPolicy")


def difference(want, got, path=""):
    """The first difference of two objects, as text, or an empty string. Types count: 1 is not True."""
    if type(want) is not type(got):
        return f"{path}: want {want!r}, got {got!r}"
    if isinstance(want, dict):
        for key in sorted(set(want) | set(got), key=repr):
            if key not in want:
                return f"{path}.{key}: unexpected {got[key]!r}"
            if key not in got:
                return f"{path}.{key}: missing, want {want[key]!r}"
            d = difference(want[key], got[key], f"{path}.{key}")
            if d:
                return d
        return ""
    if isinstance(want, list):
        if len(want) != len(got):
            return f"{path}: want {len(want)} items, got {len(got)}: {want!r} / {got!r}"
        for i, (a, b) in enumerate(zip(want, got)):
            d = difference(a, b, f"{path}[{i}]")
            if d:
                return d
        return ""
    return "" if want == got else f"{path}: want {want!r}, got {got!r}"
