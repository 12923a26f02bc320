"""What a packet's fate is by the text of the Kubernetes NetworkPolicy API and of the cluster-wide
ones (policy.networking.k8s.io), and nothing else.

Slow and plain on purpose: it asks every policy about every packet. It reads the objects as plain
dictionaries (PyYAML), and shares nothing with npc: neither code nor ideas of classes or sets.

Where the API text leaves a choice, `World` takes what the project decided (docs/semantics.md):
ipBlock matches pods' addresses too unless `external`; a named port is looked up on the destination
pod; a pod's traffic to itself is never filtered; host-network and finished pods are no pods. Tiers of
the npc language stand by their order among the others, which have Calico's.
"""
import dataclasses
import ipaddress

PORT_PROTOCOLS = ("TCP", "UDP", "SCTP")
CLUSTER_KINDS = ("ClusterNetworkPolicy", "AdminNetworkPolicy", "BaselineAdminNetworkPolicy")
TIER_ORDERS = {"Admin": 1000, "Baseline": 10_000_000}
NETWORK_POLICIES = 1_000_000


@dataclasses.dataclass(frozen=True)
class Packet:
    """The first packet of a flow that conntrack does not know (state NEW)."""

    src: object          # ipaddress.IPv4Address or IPv6Address
    dst: object
    protocol: str        # TCP, UDP, SCTP, ICMP, ICMPv6, or a protocol number in text
    dport: int = None    # TCP, UDP, SCTP
    sport: int = 40000
    icmp_type: int = None
    icmp_code: int = None

    def __str__(self):
        what = self.protocol
        if self.dport is not None:
            what += f" {self.sport}->{self.dport}"
        if self.icmp_type is not None:
            what += f" {self.icmp_type}/{self.icmp_code}"
        return f"{self.src} -> {self.dst} {what}"


class Pod:
    def __init__(self, obj):
        meta, spec, status = obj["metadata"], obj.get("spec", {}), obj.get("status", {})
        self.namespace, self.name = meta["namespace"], meta["name"]
        self.labels = meta.get("labels") or {}
        self.node = spec.get("nodeName")
        self.host_network = spec.get("hostNetwork", False)
        self.finished = status.get("phase") in ("Succeeded", "Failed")
        self.addresses = [ipaddress.ip_address(x["ip"]) for x in status.get("podIPs", [])]
        self.ports = [p for c in spec.get("containers", []) for p in c.get("ports", [])]

    @property
    def is_pod(self):
        """Whether policies know it as a pod."""
        return not self.host_network and not self.finished

    def __str__(self):
        return f"{self.namespace}/{self.name}"


def requirement_holds(req, labels):
    key, operator, values = req["key"], req["operator"], req.get("values") or []
    if operator == "In":
        return key in labels and labels[key] in values
    if operator == "NotIn":  # "... or the key is absent"
        return key not in labels or labels[key] not in values
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    raise ValueError(f"operator {operator}")


def selects(selector, labels):
    """A LabelSelector; the empty one selects everything. All requirements must hold."""
    pairs = selector.get("matchLabels") or {}
    return (all(labels.get(k) == v and k in labels for k, v in pairs.items())
            and all(requirement_holds(r, labels) for r in selector.get("matchExpressions") or []))


class ClusterPolicy:
    """A policy for the whole cluster; the three kinds are one but for their words."""

    def __init__(self, obj):
        spec, kind = obj["spec"], obj["kind"]
        self.name = obj["metadata"]["name"]
        self.tier = spec.get("tier", "Baseline" if kind == "BaselineAdminNetworkPolicy" else "Admin")
        self.order = spec.get("order", TIER_ORDERS.get(self.tier))
        self.priority = spec.get("priority", 0)
        self.subject = spec["subject"]
        self.rules = {"Ingress": [ClusterRule(r, "from") for r in spec.get("ingress") or []],
                      "Egress": [ClusterRule(r, "to") for r in spec.get("egress") or []]}


class ClusterRule:
    def __init__(self, rule, peers):
        self.action = rule["action"].replace("Accept", "Allow")
        self.peers = rule[peers]
        self.ports = [cluster_port(p) for p in rule.get("protocols") or rule.get("ports") or []]


def cluster_port(port):
    """One entry of `protocols` (v1alpha2) or `ports` (v1alpha1), as NetworkPolicy would write it; a
    name has no protocol there: whatever the pod declares under it."""
    for protocol in PORT_PROTOCOLS:
        if protocol.lower() in port:
            destination = port[protocol.lower()]["destinationPort"]
            span = destination.get("range") or {"start": destination.get("number")}
            break
    else:
        if "portNumber" in port or "portRange" in port:
            span = port.get("portRange") or {"start": port["portNumber"]["port"], **port["portNumber"]}
            protocol = span.get("protocol", "TCP")
        else:
            name = port.get("destinationNamedPort") or port.get("namedPort")
            return {"name": name} if name else port  # ICMP is written as a NetworkPolicy would
    return {"protocol": protocol, "port": span["start"], "endPort": span.get("end", span["start"])}


def tiers(policies):
    """[(order, [policy by priority])] by order."""
    found = {}
    for policy in policies:
        found.setdefault((policy.order, policy.tier), []).append(policy)
    return [(order, sorted(found[order, tier], key=lambda p: p.priority)) for order, tier in sorted(found)]


class World:
    """Namespaces, nodes, pods and policies; answers whether packets pass."""

    def __init__(self, objects, external=False):
        self.external = external
        self.pods = [Pod(o) for o in objects if o["kind"] == "Pod"]
        self.policies = [o for o in objects if o["kind"] == "NetworkPolicy"]
        self.tiers = tiers([ClusterPolicy(o) for o in objects if o["kind"] in CLUSTER_KINDS])
        self.nodes = {o["metadata"]["name"]: [ipaddress.ip_address(a["address"])
                                              for a in o.get("status", {}).get("addresses", [])]
                      for o in objects if o["kind"] == "Node"}
        self.node_labels = {o["metadata"]["name"]: o["metadata"].get("labels") or {}
                            for o in objects if o["kind"] == "Node"}
        self.namespaces = {o["metadata"]["name"]: dict(o["metadata"].get("labels") or {})
                           for o in objects if o["kind"] == "Namespace"}
        for namespace in [p.namespace for p in self.pods]:
            self.namespaces.setdefault(namespace, {})
        for name, labels in self.namespaces.items():  # set by the API server
            labels["kubernetes.io/metadata.name"] = name
        self._by_address = {a: p for p in self.pods if p.is_pod for a in p.addresses}
        self._inventory = set(self._by_address)
        for pod in self.pods:
            if not pod.finished:
                self._inventory.update(pod.addresses)
        for addresses in self.nodes.values():
            self._inventory.update(addresses)

    @property
    def owned(self):
        """The addresses of pods and nodes: a pod on a host's network has its node's, or an external one."""
        return set(self._by_address).union(*self.nodes.values())

    def pod_at(self, address):
        return self._by_address.get(address)

    # ---- policies ----

    @staticmethod
    def types(policy):
        """policyTypes with its default."""
        spec = policy["spec"]
        return spec.get("policyTypes") or ["Ingress"] + (["Egress"] if spec.get("egress") else [])

    def isolating(self, pod, direction):
        """The policies that isolate the pod in a direction ("Ingress", "Egress")."""
        return [p for p in self.policies
                if p["metadata"]["namespace"] == pod.namespace and direction in self.types(p)
                and selects(p["spec"].get("podSelector") or {}, pod.labels)]

    def peer_matches(self, peer, address, policy_namespace):
        if peer.get("ipBlock") is not None:
            block = peer["ipBlock"]
            if self.external and address in self._inventory:
                return False
            inside = address in ipaddress.ip_network(block["cidr"])
            return inside and not any(address in ipaddress.ip_network(e) for e in block.get("except") or [])
        pod = self.pod_at(address)
        if pod is None:
            return False
        if peer.get("namespaceSelector") is not None:
            if not selects(peer["namespaceSelector"], self.namespaces[pod.namespace]):
                return False
        elif pod.namespace != policy_namespace:
            return False
        return peer.get("podSelector") is None or selects(peer["podSelector"], pod.labels)

    @staticmethod
    def port_matches(port, packet, destination):
        protocol = port.get("protocol") or "TCP"
        if "name" in port:
            return destination is not None and any(
                p.get("name") == port["name"] and (p.get("protocol") or "TCP") == packet.protocol
                and p["containerPort"] == packet.dport for p in destination.ports)
        if packet.protocol != protocol:
            return False
        if protocol in ("ICMP", "ICMPv6"):  # of the npc language; the API has no such thing
            return (port.get("icmpType") in (None, packet.icmp_type)
                    and port.get("icmpCode") in (None, packet.icmp_code)
                    and packet.src.version == {"ICMP": 4, "ICMPv6": 6}[protocol])
        wanted = port.get("port")
        if wanted is None:
            return True
        if isinstance(wanted, str):
            return destination is not None and any(
                p.get("name") == wanted and (p.get("protocol") or "TCP") == protocol
                and p["containerPort"] == packet.dport for p in destination.ports)
        return wanted <= packet.dport <= port.get("endPort", wanted)

    def rule_allows(self, rule, peers, address, packet, namespace, destination):
        peers, ports = rule.get(peers) or [], rule.get("ports") or []
        return ((not peers or any(self.peer_matches(p, address, namespace) for p in peers))
                and (not ports or any(self.port_matches(p, packet, destination) for p in ports)))

    def namespaced_verdict(self, pod, direction, packet):
        """Whether the pod's NetworkPolicies let a packet in, or out; None: it is not isolated."""
        policies = self.isolating(pod, direction)
        if direction == "Ingress":
            field, peers, address, destination = "ingress", "from", packet.src, pod
        else:
            field, peers, address, destination = "egress", "to", packet.dst, self.pod_at(packet.dst)
        return None if not policies else any(
            self.rule_allows(rule, peers, address, packet, pod.namespace, destination)
            for policy in policies for rule in policy["spec"].get(field) or [])

    # ---- cluster policies ----

    def pods_match(self, selection, pod):
        """A subject, or a peer: {namespaces} or {pods: {namespaceSelector, podSelector}}."""
        if "namespaces" in selection:
            return selects(selection["namespaces"], self.namespaces[pod.namespace])
        pods = selection["pods"]
        return (selects(pods.get("namespaceSelector") or {}, self.namespaces[pod.namespace])
                and selects(pods["podSelector"], pod.labels))

    def cluster_peer_matches(self, peer, address):
        if "networks" in peer:  # "cluster-internal traffic is checked against the rule as well"
            return (any(address in ipaddress.ip_network(n) for n in peer["networks"])
                    and not any(address in ipaddress.ip_network(e) for e in peer.get("except") or []))
        if "nodes" in peer:
            return any(selects(peer["nodes"], self.node_labels[name])
                       for name, addresses in self.nodes.items() if address in addresses)
        pod = self.pod_at(address)
        return pod is not None and self.pods_match(peer, pod)

    def tier_verdict(self, policies, pod, direction, packet):
        """What the first rule that matches says: True, False, or None for Pass or no rule."""
        address, destination = ((packet.src, pod) if direction == "Ingress"
                                else (packet.dst, self.pod_at(packet.dst)))
        for policy in policies:
            if not self.pods_match(policy.subject, pod):
                continue
            for rule in policy.rules[direction]:
                if ((not rule.peers or any(self.cluster_peer_matches(p, address) for p in rule.peers))
                        and (not rule.ports or any(self.port_matches(p, packet, destination) for p in rule.ports))):
                    return {"Allow": True, "Deny": False, "Pass": None}[rule.action]
        return None

    def direction_allows(self, pod, direction, packet):
        """Whether the policies about a pod let a packet in, or out: the first tier that decides, with
        NetworkPolicies between the others; if nobody does, yes."""
        before = [policies for order, policies in self.tiers if order < NETWORK_POLICIES]
        after = [policies for order, policies in self.tiers if order >= NETWORK_POLICIES]
        for policies in before + [None] + after:
            verdict = (self.namespaced_verdict(pod, direction, packet) if policies is None
                       else self.tier_verdict(policies, pod, direction, packet))
            if verdict is not None:
                return verdict
        return True

    # ---- packets ----

    def forwards(self, packet, node=None):
        """Whether a packet passes the node(s) between its ends: all of them, or `node` alone, which
        knows the policies of its own pods only."""
        src, dst = self.pod_at(packet.src), self.pod_at(packet.dst)
        if src is not None and src is dst:
            return True
        if is_always_kept(packet, KEPT_BY_NODES):
            return True
        here = [p is not None and (node is None or p.node == node) for p in (src, dst)]
        return ((not here[0] or self.direction_allows(src, "Egress", packet))
                and (not here[1] or self.direction_allows(dst, "Ingress", packet)))

    def host_takes(self, pod, packet, failsafe):
        """Whether the machine that is `pod` takes a packet that arrives from outside."""
        return (is_always_kept(packet, KEPT_BY_HOSTS) or is_dhcp(packet, to_client=True)
                or (packet.protocol, packet.dport) in failsafe
                or self.direction_allows(pod, "Ingress", packet))

    def host_sends(self, pod, packet):
        return (is_always_kept(packet, KEPT_BY_HOSTS) or is_dhcp(packet, to_client=False)
                or self.direction_allows(pod, "Egress", packet))


# Path MTU discovery (RFC 1191, RFC 8201), neighbour discovery (RFC 4861), and for hosts router
# discovery and multicast listener discovery (RFC 2710, RFC 3810): (protocol, type, code or None).
KEPT_BY_NODES = {("ICMP", 3, 4), ("ICMPv6", 2, None), ("ICMPv6", 135, None), ("ICMPv6", 136, None)}
KEPT_BY_HOSTS = KEPT_BY_NODES | {("ICMPv6", t, None) for t in (130, 131, 132, 133, 134, 143)}


def is_always_kept(packet, kept):
    of_family = packet.protocol == ("ICMP" if packet.src.version == 4 else "ICMPv6")
    return of_family and ((packet.protocol, packet.icmp_type, packet.icmp_code) in kept
                          or (packet.protocol, packet.icmp_type, None) in kept)


def is_dhcp(packet, to_client):
    server, client = (67, 68) if packet.src.version == 4 else (547, 546)
    ports = (server, client) if to_client else (client, server)
    return packet.protocol == "UDP" and (packet.sport, packet.dport) == ports
