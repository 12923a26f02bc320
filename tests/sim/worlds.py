"""Random small clusters, and the packets worth sending through them.

Everything that makes policies hard is likely: peers that overlap, adjacent and repeated networks and
ports, pods of one family, named ports with other numbers on other pods, namespaces that nobody
declared, pods that are finished or on the host's network, addresses at the edges of networks.
"""
import ipaddress

import sys

import cluster_worlds
from naive import CLUSTER_KINDS, ClusterPolicy, Packet, selects

KEYS = {"app": ["web", "db", "api"], "tier": ["front", "back"], "env": ["prod", "dev", ""]}
NAME_LABEL = "kubernetes.io/metadata.name"  # of a namespace
PROTOCOLS = ["TCP", "UDP", "SCTP"]
GROUPS = 12  # of pods in a wide world: more selections than an atom of iptables has sets for
PORT_NAMES = ["http", "metrics", "dns"]
NETWORKS = {4: ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/24", "10.0.1.0/24", "10.0.0.0/25", "10.0.0.128/25", "10.0.0.0/30",
                "192.168.0.0/16", "172.16.0.0/12", "203.0.113.0/24", "203.0.113.128/25", "0.0.0.0/1", "128.0.0.0/1"],
            6: ["::/0", "fd00::/8", "fd00::/64", "fd00:0:0:1::/64", "fd00::/126", "2001:db8::/32", "2001:db8:1::/48",
                "::/1", "8000::/1"]}
ICMP = [(0, 0), (3, 0), (3, 4), (8, 0), (11, 0), (255, 0), (2, 0), (128, 0), (133, 0), (134, 0), (135, 0), (136, 0), (130, 0), (143, 0), (1, 4)]
OTHERS = ["2", "47", "50", "255"]
OUTSIDE = {4: ["203.0.113.7", "203.0.113.200", "8.8.8.8", "172.20.1.1", "192.168.0.1", "255.255.255.254", "0.0.0.1"],
           6: ["2001:db8::7", "2001:db8:1::9", "2600::1", "fd00:ffff::1", "fe80::1"]}


def chance(rng, p):
    return rng.random() < p


def labels(rng):
    return {k: rng.choice(v) for k, v in KEYS.items() if chance(rng, 0.6)}


def requirement(rng):
    key = rng.choice(list(KEYS) + ["nowhere"])
    operator = rng.choice(["In", "NotIn", "Exists", "DoesNotExist"])
    req = {"key": key, "operator": operator}
    if operator in ("In", "NotIn"):
        values = KEYS.get(key, ["x"])
        req["values"] = rng.sample(values, rng.randint(1, len(values)))
    return req


def selector(rng, empty=0.25):
    if chance(rng, empty):
        return {}
    out = {}
    if chance(rng, 0.7):
        key = rng.choice(list(KEYS))
        out["matchLabels"] = {key: rng.choice(KEYS[key])}
    if chance(rng, 0.4) or not out:
        out["matchExpressions"] = [requirement(rng) for _ in range(rng.randint(1, 2))]
    return out


def namespace_selector(rng, namespaces):
    if not chance(rng, 0.4):
        return selector(rng)
    if len(namespaces) == 1 or chance(rng, 0.7):
        return {"matchLabels": {NAME_LABEL: rng.choice(namespaces)}}
    named = {"key": NAME_LABEL, "operator": "In", "values": rng.sample(namespaces, rng.randint(2, len(namespaces)))}
    return {"matchExpressions": [named, *([requirement(rng)] if chance(rng, 0.2) else [])]}


def inside(rng, network):
    """A network strictly inside another."""
    longest = network.max_prefixlen
    length = min(longest, network.prefixlen + rng.choice([1, 1, 2, 4, 8]))
    offset = rng.choice([0, 1, rng.getrandbits(16)]) % (1 << (length - network.prefixlen))
    return type(network)((int(network.network_address) + (offset << (longest - length)), length))


def ip_block(rng, addresses):
    version = rng.choice([4, 4, 6])
    if chance(rng, 0.3):
        address = rng.choice([a for a in addresses if a.version == version] or addresses)
        length = address.max_prefixlen - rng.choice([0, 0, 1, 2, 5])
        network = ipaddress.ip_network((address, length), strict=False)
    else:
        network = ipaddress.ip_network(rng.choice(NETWORKS[version]))
        if chance(rng, 0.2) and network.prefixlen < network.max_prefixlen - 8:
            network = inside(rng, network)
    block = {"cidr": str(network)}
    if chance(rng, 0.4) and network.prefixlen < network.max_prefixlen:
        near = [a for a in addresses if a in network]
        excepts = [inside(rng, network) for _ in range(rng.randint(1, 3))]
        if near and chance(rng, 0.6):
            excepts.append(ipaddress.ip_network(rng.choice(near)))
        # together they may not cover everything (npc refuses a peer that matches nothing)
        while list(ipaddress.collapse_addresses(excepts)) == [network]:
            excepts.pop()
        block["except"] = [str(n) for n in excepts]
    return {"ipBlock": block}


def peer(rng, namespaces, addresses):
    kind = rng.randrange(4)
    if kind == 0:
        return {"podSelector": selector(rng)}
    if kind == 1:
        return {"namespaceSelector": namespace_selector(rng, namespaces)}
    if kind == 2:
        return {"namespaceSelector": namespace_selector(rng, namespaces), "podSelector": selector(rng)}
    return ip_block(rng, addresses)


def port(rng):
    out = {}
    if chance(rng, 0.7):
        out["protocol"] = rng.choice(PROTOCOLS)
    kind = rng.randrange(6)
    if kind == 0:
        out["port"] = rng.choice(PORT_NAMES)
    elif kind == 1:
        out["port"] = rng.choice([1, 80, 81, 85, 1000])
        out["endPort"] = out["port"] + rng.choice([0, 1, 5, 100, 64535])
    elif kind == 2:
        out.setdefault("protocol", "TCP")  # every port of a protocol
    else:
        out["port"] = rng.choice([80, 81, 82, 443, 8080, 53, 1, 65535, rng.randint(1, 65535)])
    return out


def rule(rng, peers, namespaces, addresses, many):
    out = {}
    if chance(rng, 0.85):
        out[peers] = [peer(rng, namespaces, addresses) for _ in range(rng.randint(0, many))]
    if chance(rng, 0.75):
        out["ports"] = [port(rng) for _ in range(rng.choice([0, 1, 1, 2, 3, 3 * many]))]
    return out


def policy(rng, name, namespaces, addresses, many):
    spec = {"podSelector": selector(rng, 0.3)}
    types = rng.choice([None, [], ["Ingress"], ["Egress"], ["Ingress", "Egress"]])
    if types is not None:
        spec["policyTypes"] = types
    for field, peers in (("ingress", "from"), ("egress", "to")):
        if chance(rng, 0.7):
            spec[field] = [rule(rng, peers, namespaces, addresses, many) for _ in range(rng.randint(0, many))]
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": rng.choice(namespaces)}, "spec": spec}


def pod_ips(rng, i, large):
    # neighbours in the last bits, some far away: trees, and prefixes that cover several pods
    v4 = ipaddress.ip_address("10.0.0.0") + (i if not chance(rng, 0.15) else 256 * (i + 1) + rng.randrange(4) * 64)
    v6 = ipaddress.ip_address("fd00::") + (i if not chance(rng, 0.15) else (1 << 64) * (1 + i % 3) + i)
    families = rng.choice(["46", "46", "46", "64", "4", "6", "" if not large else "46"])
    return [str({"4": v4, "6": v6}[f]) for f in families]


def pod(rng, i, namespaces, large):
    ports = [{"name": name, "containerPort": rng.choice([80, 81, 8080, 53, 9000 + i]),
              "protocol": rng.choice(PROTOCOLS)} for name in PORT_NAMES if chance(rng, 0.5)]
    obj = {"apiVersion": "v1", "kind": "Pod",
           "metadata": {"name": f"pod-{i}", "namespace": rng.choice(namespaces), "labels": labels(rng)},
           "spec": {"nodeName": rng.choice(["n1", "n2"]), "containers": [{"name": "c", "image": "i", "ports": ports}]},
           "status": {"phase": "Running", "podIPs": [{"ip": a} for a in pod_ips(rng, i, large)]}}
    if chance(rng, 0.08):
        obj["spec"]["hostNetwork"] = True
        node = {"n1": ["192.168.0.1", "fd00:ffff::1"], "n2": ["192.168.0.2", "fd00:ffff::2"]}[obj["spec"]["nodeName"]]
        obj["status"]["podIPs"] = [{"ip": a} for a in node]
        for p in ports:
            p["hostPort"] = p["containerPort"]
    elif chance(rng, 0.08):
        obj["status"]["phase"] = rng.choice(["Succeeded", "Failed"])
        if chance(rng, 0.5) and i > 0:  # the address is in use again
            obj["status"]["podIPs"] = [{"ip": str(ipaddress.ip_address("10.0.0.0") + i - 1)}]
    if obj["status"]["podIPs"]:
        obj["status"]["podIP"] = obj["status"]["podIPs"][0]["ip"]
    return obj


def node(rng, name, addresses):
    role = rng.choice([{}] + [{"role": r} for r in cluster_worlds.ROLES])
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": role},
            "status": {"addresses": [{"type": "InternalIP", "address": a} for a in addresses]}}


def wide_policy(rng, name, namespaces):
    """A policy for everybody, with a dozen selections of pods and dozens of networks at one port."""
    peers = [{"podSelector": {"matchLabels": {"group": f"g{rng.randrange(GROUPS)}"}}, "namespaceSelector": {}}
             for _ in range(rng.randint(1, 20))]
    if chance(rng, 0.5):
        whole = ipaddress.ip_network(rng.choice(["198.18.0.0/15", "2001:db8::/40", "0.0.0.0/0"]))
        for _ in range(rng.randint(10, 100)):
            shift = whole.max_prefixlen - rng.randint(24, whole.max_prefixlen)
            network = type(whole)(((int(whole[rng.getrandbits(17)]) >> shift) << shift, whole.max_prefixlen - shift))
            block = {"cidr": str(network)}
            if network.prefixlen < network.max_prefixlen and chance(rng, 0.5):
                block["except"] = [str(inside(rng, network))]
            peers.append({"ipBlock": block})
    field, end = rng.choice([("ingress", "from"), ("egress", "to")])
    number, size = rng.choice([80, 81, 443]), rng.choice([1, 1, 3, len(peers)])
    rules = [{end: peers[i:i + size], "ports": [{"port": number}]} for i in range(0, len(peers), size)]
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": rng.choice(namespaces)},
            "spec": {"podSelector": {}, "policyTypes": [field.capitalize()], field: rules}}


def icmp_port(rng):
    protocol = rng.choice(["ICMP", "ICMPv6"])
    out = {"protocol": protocol}
    if chance(rng, 0.8):
        out["icmpType"], code = rng.choice([x for x in ICMP if x[0] != 255])  # iptables cannot say 255
        if chance(rng, 0.5):
            out["icmpCode"] = code
    return out


def icmp_policy(rng, name, namespaces, addresses):
    """A policy that only the npc language can say: ICMP by type and code."""
    def one():
        key = rng.choice(list(KEYS))
        return rng.choice([{"podSelector": {"matchLabels": {key: rng.choice(KEYS[key])}}}, ip_block(rng, addresses)])

    spec = {"podSelector": {}, "policyTypes": []}
    for field, end in (("ingress", "from"), ("egress", "to")):
        if chance(rng, 0.6):
            spec["policyTypes"].append(field.capitalize())
            spec[field] = [{end: [one() for _ in range(rng.randint(0, 2))],
                            "ports": [icmp_port(rng) for _ in range(rng.randint(0, 3))]}
                           for _ in range(rng.randint(1, 3))]
    if not spec["policyTypes"]:
        return icmp_policy(rng, name, namespaces, addresses)
    return {"apiVersion": "npc", "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": rng.choice(namespaces)}, "spec": spec}


def npc_peer(one):
    if "ipBlock" in one:
        block = one["ipBlock"]
        return f"cidr {block['cidr']}" + (f" except {{{', '.join(block['except'])}}}" if block.get("except") else "")
    return "pods " + " & ".join(f'{k}="{v}"' for k, v in one["podSelector"]["matchLabels"].items())


def npc_port(one):
    kind, code = one.get("icmpType", "*"), one.get("icmpCode")
    return {"ICMP": "icmp/", "ICMPv6": "icmp6/"}[one["protocol"]] + str(kind) + ("" if code is None else f".{code}")


def npc_text(policies):
    """What only the npc language can say: policies about ICMP, and some cluster policies."""
    cluster = [p for p in policies if p["kind"] in CLUSTER_KINDS]
    lines = [cluster_worlds.text(cluster, npc_port)]
    for p in (p for p in policies if p not in cluster):
        lines.append(f"namespace {p['metadata']['namespace']} {{ policy {p['metadata']['name']} for all pods {{")
        for field, end in (("ingress", "from"), ("egress", "to")):
            for r in p["spec"].get(field, []):
                peers = ", ".join(map(npc_peer, r[end]))
                ports = ", ".join(map(npc_port, r["ports"]))
                lines.append(f"  allow {end} {'{' + peers + '}' if peers else 'anywhere'}"
                             f" on {'{' + ports + '}' if ports else 'all ports'}")
        lines.append("} }")
    return "\n".join(lines) + "\n"


def objects(rng, kind="small", cluster=0.4):
    """A cluster: namespaces, nodes, pods and policies as plain Kubernetes objects. `kind` is small,
    large (more of everything) or wide (policies with very many peers for the same pods). A share
    `cluster` of the worlds has cluster policies."""
    large = kind != "small"
    namespaces = ["a", "b", "c", "undeclared"][:rng.randint(1, 2 if kind == "wide" else 4)]
    out = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n, "labels": labels(rng)}}
           for n in namespaces if n != "undeclared"]
    out += [node(rng, "n1", ["192.168.0.1", "fd00:ffff::1"]), node(rng, "n2", ["192.168.0.2", "fd00:ffff::2"])]
    pods = [pod(rng, i, namespaces, large) for i in range(rng.randint(60, 160) if large else rng.randint(2, 12))]
    addresses = [ipaddress.ip_address(a["ip"]) for p in pods for a in p["status"]["podIPs"]]
    addresses += [ipaddress.ip_address("203.0.113.7"), ipaddress.ip_address("2001:db8::7")]
    many = rng.choice([3, 12]) if kind == "large" else 3
    count = {"small": rng.randint(1, 6), "large": rng.randint(20, 60), "wide": rng.randint(2, 6)}[kind]
    policies = [policy(rng, f"policy-{i}", namespaces, addresses, many) for i in range(count)]
    if kind == "wide":
        for p in pods:
            p["metadata"]["labels"]["group"] = f"g{rng.randrange(GROUPS)}"
        policies += [wide_policy(rng, f"wide-{i}", namespaces) for i in range(rng.randint(3, 10))]
    if chance(rng, 0.3):
        policies += [icmp_policy(rng, f"icmp-{i}", namespaces, addresses) for i in range(rng.randint(1, 2))]
    if chance(rng, cluster):
        policies += cluster_worlds.policies(rng, sys.modules[__name__], namespaces, addresses)
    out += pods + policies
    rng.shuffle(out)
    return out


# ---- packets ----

def edges(network):
    first, last = int(network.network_address), int(network.broadcast_address)
    top = (1 << network.max_prefixlen) - 1
    kind = ipaddress.IPv4Address if network.version == 4 else ipaddress.IPv6Address
    return [kind(x) for x in (first - 1, first, last, last + 1) if 0 <= x <= top]


def rules_of(obj):
    """(side, peers, ports) of each rule; ports of a cluster policy as NetworkPolicy writes them."""
    if obj["kind"] in CLUSTER_KINDS:
        policy = ClusterPolicy(obj)
        for direction, end in (("Ingress", "from"), ("Egress", "to")):
            yield from ((end, r.peers, r.ports) for r in policy.rules[direction])
        return
    for field, end in (("ingress", "from"), ("egress", "to")):
        for r in (obj.get("spec") or {}).get(field) or []:
            yield end, r.get(end) or [], r.get("ports") or []


def networks_of(peer):
    """The texts of all networks that a peer names."""
    if "ipBlock" in peer:
        return [peer["ipBlock"]["cidr"]] + peer["ipBlock"].get("except", [])
    return peer.get("networks", []) + peer.get("except", [])


def interesting_addresses(objs):
    found = {ipaddress.ip_address(a) for texts in OUTSIDE.values() for a in texts}
    for obj in objs:
        found |= {ipaddress.ip_address(a["ip"]) for a in obj.get("status", {}).get("podIPs", [])}
    for text in (t for o in objs for _, peers, _ in rules_of(o) for p in peers for t in networks_of(p)):
        found.update(edges(ipaddress.ip_network(text)))
    return sorted(found, key=lambda a: (a.version, int(a)))


def interesting_ports(objs):
    found = {0, 1, 22, 80, 65535}
    for p in (p for o in objs for _, _, ports in rules_of(o) for p in ports):
        if isinstance(p.get("port"), int):
            found |= {x + d for x in (p["port"], p.get("endPort", p["port"])) for d in (-1, 0, 1)}
    for obj in objs:
        for c in obj.get("spec", {}).get("containers", []):
            found |= {p["containerPort"] for p in c.get("ports", [])}
    return sorted(p for p in found if 0 <= p <= 65535)


DHCP = [(67, 68), (68, 67), (547, 546), (546, 547), (67, 67)]


def packet(rng, src, dst, ports):
    """Any packet from one address to another."""
    kind = rng.random()
    if kind < 0.75:
        return Packet(src, dst, rng.choice(PROTOCOLS + ["TCP"]), dport=rng.choice(ports))
    if kind < 0.8:
        sport, dport = rng.choice(DHCP)
        return Packet(src, dst, "UDP", dport=dport, sport=sport)
    if kind < 0.93:  # also the other family's ICMP, which is an ordinary protocol there
        kind, code = rng.choice(ICMP)
        return Packet(src, dst, rng.choice(["ICMP", "ICMPv6"]), icmp_type=kind, icmp_code=code)
    return Packet(src, dst, rng.choice(OTHERS))


class Aim:
    """Packets that a rule of some policy is about, or nearly: a random packet seldom meets the one
    network, the one pod and the one port that only one element of one set allows."""

    def __init__(self, rng, objs):
        self.rng = rng
        self.pods = [o for o in objs if o["kind"] == "Pod" and o["status"]["podIPs"]]
        self.rules = [(o, *r) for o in objs if o["kind"] in ("NetworkPolicy", *CLUSTER_KINDS) for r in rules_of(o)]

    def pod(self, selector, namespace=None):
        """Mostly a pod that the selector selects."""
        found = [o for o in self.pods if (namespace is None or o["metadata"]["namespace"] == namespace)
                 and selects(selector or {}, o["metadata"]["labels"])]
        return ipaddress.ip_address(self.rng.choice(self.rng.choice(found or self.pods)["status"]["podIPs"])["ip"])

    def peer(self, peers):
        one = self.rng.choice(peers) if peers else {}
        if networks_of(one):
            return self.rng.choice(edges(ipaddress.ip_network(self.rng.choice(networks_of(one)))))
        return self.pod(one.get("podSelector") or one.get("pods", {}).get("podSelector"))

    def target(self, policy):
        if policy["kind"] == "NetworkPolicy":
            return self.pod(policy["spec"]["podSelector"], policy["metadata"]["namespace"])
        return self.pod(policy["spec"]["subject"].get("pods", {}).get("podSelector"))

    def traffic(self, ports):
        rng = self.rng
        one = rng.choice(ports) if ports else {}
        first = one.get("port", rng.choice([1, 80, 8080]))
        if isinstance(first, str):
            first = rng.choice([80, 81, 8080, 53])
        number = rng.choice([first, first, first, one.get("endPort", first)]) + rng.choice([0, 0, 0, 0, 1, -1])
        return one.get("protocol", "TCP"), min(max(number, 0), 65535)

    def packet(self):
        policy, end, peers, ports = self.rng.choice(self.rules)
        local, remote = self.target(policy), self.peer(peers)
        if local.version != remote.version:
            return None
        ends = (remote, local) if end == "from" else (local, remote)
        if any(p.get("protocol", "").startswith("ICMP") for p in ports) or (policy["apiVersion"] == "npc" and not ports):
            return self.icmp(ends, [p for p in ports if p.get("protocol", "").startswith("ICMP")])
        protocol, number = self.traffic(ports)
        return Packet(*ends, protocol, dport=number)

    def icmp(self, ends, ports):
        one = self.rng.choice(ports) if ports else {}
        kind, code = one.get("icmpType", 8), one.get("icmpCode", 0)
        return Packet(*ends, one.get("protocol", "ICMP"), icmp_type=min(255, kind + self.rng.choice([0, 0, 0, 1])),
                      icmp_code=code + self.rng.choice([0, 0, 1]))


def packets(rng, objs, count):
    """Packets between interesting addresses of one family, half of them aimed at a rule."""
    addresses = interesting_addresses(objs)
    pods = sorted({ipaddress.ip_address(a["ip"]) for o in objs if o["kind"] == "Pod"
                   for a in o["status"]["podIPs"]}, key=lambda a: (a.version, int(a)))
    ports = interesting_ports(objs)
    aim = Aim(rng, objs)
    for _ in range(count):
        aimed = aim.packet() if aim.rules and aim.pods and chance(rng, 0.6) else None
        if aimed is not None:
            yield aimed
            continue
        src = rng.choice(pods if pods and chance(rng, 0.6) else addresses)
        others = [a for a in (pods if chance(rng, 0.7) else addresses) if a.version == src.version] or [src]
        ends = [src, src if chance(rng, 0.03) else rng.choice(others)]
        if chance(rng, 0.5):
            ends.reverse()
        yield packet(rng, ends[0], ends[1], ports)
