"""Random cluster policies: of the three Kubernetes kinds, and of the npc language for what only that
can say (further tiers, networks and nodes on both sides, exceptions, any peer, ICMP).

Every policy is one object in the form of ClusterNetworkPolicy. Those whose apiVersion is "npc" may
have `order` of their tier, `except` beside one network, no peers for any, and ICMP as worlds.py
writes it; text() writes them in the language.
"""

VERSIONS = {"ClusterNetworkPolicy": "policy.networking.k8s.io/v1alpha2",
            "AdminNetworkPolicy": "policy.networking.k8s.io/v1alpha1",
            "BaselineAdminNetworkPolicy": "policy.networking.k8s.io/v1alpha1"}
TIERS = {"Admin": None, "Baseline": None, "first": 7, "extra": 500_000, "last": 20_000_000}
ROLES = ["edge", "worker"]


def node_selector(rng):
    return rng.choice([{}, {"matchLabels": {"role": rng.choice(ROLES)}},
                       {"matchExpressions": [{"key": "role", "operator": rng.choice(["Exists", "DoesNotExist"])}]},
                       {"matchExpressions": [{"key": "role", "operator": rng.choice(["In", "NotIn"]),
                                              "values": rng.sample(ROLES, rng.randint(1, 2))}]}])


class Maker:
    """Makes policies; `worlds` is the module with the selectors, networks and addresses."""

    def __init__(self, rng, worlds, namespaces, addresses):
        self.rng, self.worlds = rng, worlds
        self.namespaces, self.addresses = namespaces, addresses
        self.priorities = rng.sample(range(1001), 40)

    def pods(self):
        namespaces = self.worlds.namespace_selector(self.rng, self.namespaces)
        if self.rng.random() < 0.4:
            return {"namespaces": namespaces}
        return {"pods": {"namespaceSelector": namespaces, "podSelector": self.worlds.selector(self.rng)}}

    def networks(self, in_npc):
        block = self.worlds.ip_block(self.rng, self.addresses)["ipBlock"]
        if in_npc:
            return {"networks": [block["cidr"]], "except": block.get("except", [])}
        more = self.worlds.ip_block(self.rng, self.addresses)["ipBlock"]["cidr"]
        return {"networks": sorted({block["cidr"], more})}

    def peer(self, field, in_npc):
        kind = self.rng.randrange(6)
        if kind >= 4 and (field == "egress" or in_npc):
            return {"nodes": node_selector(self.rng)} if kind == 4 else self.networks(in_npc)
        return self.pods()

    def range(self):
        first = self.rng.choice([1, 80, 81, 85, 443, 1000, 8080])
        return first, min(65535, first + self.rng.choice([1, 5, 100, 64535]))

    def port(self, kind, may_name):
        """In the words of the kind."""
        rng = self.rng
        number = rng.choice([80, 81, 82, 443, 8080, 53, 65535, rng.randint(1, 65535)])
        first, last = self.range()
        protocol = rng.choice(self.worlds.PROTOCOLS)
        form = rng.randrange(5)
        if form == 0 and may_name:
            name = rng.choice(self.worlds.PORT_NAMES)
            return {"destinationNamedPort": name} if kind == "ClusterNetworkPolicy" else {"namedPort": name}
        if kind == "ClusterNetworkPolicy":
            destination = {"number": number} if form < 4 else {"range": {"start": first, "end": last}}
            return {protocol.lower(): {"destinationPort": destination}}
        if form < 4:
            return {"portNumber": {"protocol": protocol, "port": number}}
        return {"portRange": {"protocol": protocol, "start": first, "end": last}}

    def rule(self, kind, field, in_npc):
        rng = self.rng
        out = {"action": rng.choice(["Accept" if kind == "ClusterNetworkPolicy" else "Allow", "Deny", "Pass"])}
        peers = [self.peer(field, in_npc) for _ in range(rng.randint(0 if in_npc else 1, 3))]
        out["from" if field == "ingress" else "to"] = peers
        may_name = not any("nodes" in p or "networks" in p for p in peers)
        ports = [self.port(kind, may_name or in_npc) for _ in range(rng.choice([0, 1, 1, 2, 3]))]
        if in_npc and rng.random() < 0.2:
            ports.append(self.worlds.icmp_port(rng))
        if ports:
            out["protocols" if kind == "ClusterNetworkPolicy" else "ports"] = ports
        return out

    def policy(self, number):
        rng = self.rng
        in_npc = rng.random() < 0.35
        kind = "ClusterNetworkPolicy" if in_npc else rng.choice(["ClusterNetworkPolicy"] * 3 + ["AdminNetworkPolicy"])
        spec = {"priority": self.priorities[number], "subject": self.pods()}
        if kind == "ClusterNetworkPolicy":
            spec["tier"] = rng.choice(list(TIERS) if in_npc else ["Admin", "Baseline"])
            if TIERS[spec["tier"]] is not None:
                spec["order"] = TIERS[spec["tier"]]
        for field in ("ingress", "egress"):
            if rng.random() < 0.75:
                spec[field] = [self.rule(kind, field, in_npc) for _ in range(rng.randint(1, 4))]
        return {"apiVersion": "npc" if in_npc else VERSIONS[kind], "kind": kind,
                "metadata": {"name": f"cluster-{number}"}, "spec": spec}

    def baseline(self):
        """There is one of that kind in a cluster; its priority is 0."""
        kind = "BaselineAdminNetworkPolicy"
        spec = {"subject": self.pods()}
        for field in ("ingress", "egress"):
            rules = [self.rule(kind, field, False) for _ in range(self.rng.randint(0, 2))]
            spec[field] = [r for r in rules if r["action"] != "Pass"]  # it has none there
        return {"apiVersion": VERSIONS[kind], "kind": kind, "metadata": {"name": "default"}, "spec": spec}


def policies(rng, worlds, namespaces, addresses):
    maker = Maker(rng, worlds, namespaces, addresses)
    out = [maker.policy(i) for i in range(rng.randint(1, 5))]
    taken = any(o["spec"].get("tier") == "Baseline" and o["spec"]["priority"] == 0 for o in out)
    if rng.random() < 0.3 and not taken:
        out.append(maker.baseline())
    return out


# ---- in the language ----

def requirement_text(req):
    key, operator = req["key"], req["operator"]
    if operator in ("Exists", "DoesNotExist"):
        return f"{key} {'exists' if operator == 'Exists' else '!exists'}"
    values = ", ".join(f'"{v}"' for v in req["values"])
    return f"{key} {'in' if operator == 'In' else 'notin'} {{{values}}}"


def selected(kind, selector):
    """A phrase about what a selector selects: "pods app="x" & tier exists", "all namespaces"."""
    parts = [f'{k}="{v}"' for k, v in (selector.get("matchLabels") or {}).items()]
    parts += [requirement_text(r) for r in selector.get("matchExpressions") or []]
    return f"{kind} {' & '.join(parts)}" if parts else f"all {kind}"


def pods_text(selection):
    if "namespaces" in selection:
        return selected("namespaces", selection["namespaces"])
    pods = selection["pods"]
    return f"{selected('pods', pods['podSelector'])} in {selected('namespaces', pods.get('namespaceSelector') or {})}"


def peer_text(peer):
    if "networks" in peer:
        holes = f" except {{{', '.join(peer['except'])}}}" if peer.get("except") else ""
        return f"cidr {peer['networks'][0]}{holes}"
    return selected("nodes", peer["nodes"]) if "nodes" in peer else pods_text(peer)


def port_text(port, icmp_text):
    for protocol in ("tcp", "udp", "sctp"):
        if protocol in port:
            destination = port[protocol]["destinationPort"]
            span = destination.get("range")
            return f"{protocol}/{span['start']}-{span['end']}" if span else f"{protocol}/{destination['number']}"
    return f"any/{port['destinationNamedPort']}" if "destinationNamedPort" in port else icmp_text(port)


def text(objs, icmp_text):
    """The policies in the npc language; `icmp_text` writes a port of ICMP."""
    tiers = {o["spec"]["tier"]: o["spec"]["order"] for o in objs if "order" in o["spec"]}
    lines = [f"tier {name} order {order}" for name, order in tiers.items()]
    for o in objs:
        spec = o["spec"]
        lines.append(f"cluster policy {o['metadata']['name']} in tier {spec['tier'].lower()}"
                     f" priority {spec['priority']} for {pods_text(spec['subject'])} {{")
        for field, end in (("ingress", "from"), ("egress", "to")):
            for r in spec.get(field, []):
                peers = ", ".join(map(peer_text, r[end]))
                ports = ", ".join(port_text(p, icmp_text) for p in r.get("protocols", []))
                lines.append(f"  {r['action'].replace('Accept', 'allow').lower()} {end}"
                             f" {'{' + peers + '}' if peers else 'anywhere'} on {'{' + ports + '}' if ports else 'all ports'}")
        lines.append("}")
    return "".join(line + "\n" for line in lines)
