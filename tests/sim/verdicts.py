"""What the naive evaluator (naive.py) says about a pair of addresses, for all traffic at once.

Traffic is a list of probes: one packet for each port, type or protocol at which something could
change. An answer is a mask, with bit i for probes[i]. Whether a peer or a port of a rule matches is
asked of the naive evaluator, once; only how rules add up is written here again, because asking it
about every packet of every pair would take hours. Verdicts.problem() holds the two against each other.
"""
import ipaddress

import worlds
from naive import NETWORK_POLICIES, Packet

ANY = {4: ipaddress.ip_address("0.0.0.0"), 6: ipaddress.ip_address("::")}
ICMP_NAMES = {4: "ICMP", 6: "ICMPv6"}
# Some of what always passes, and what is beside it.
ALWAYS_KEPT = {(3, 0), (3, 4), (3, 5), (2, 0), (133, 0), (135, 255), (143, 7)}
# What a pod whose address nobody knows has instead: never in input.
UNKNOWN = {4: ipaddress.ip_address("255.255.0.0"), 6: ipaddress.ip_address("ffff::")}


def icmp_keys(objs):
    found = {(0, 0), (255, 255)} | ALWAYS_KEPT
    for obj in objs:
        for _, _, ports in worlds.rules_of(obj):
            for kind, code in ((p["icmpType"], p.get("icmpCode")) for p in ports if p.get("icmpType") is not None):
                found |= {(kind, 0), (kind, 255), (kind - 1, 255), (kind + 1, 0)}
                if code is not None:
                    found |= {(kind, code), (kind, code - 1), (kind, code + 1)}
    return sorted((t, c) for t, c in found if 0 <= t <= 255 and 0 <= c <= 255)


def probes_of(objs):
    """Every port and type at which a verdict can change, and its neighbours."""
    return ([Packet(None, None, p, dport=n) for p in worlds.PROTOCOLS for n in worlds.interesting_ports(objs)]
            + [Packet(None, None, p, icmp_type=t, icmp_code=c) for p in ICMP_NAMES.values() for t, c in icmp_keys(objs)]
            + [Packet(None, None, "47")])


def sent(probe, src, dst):
    return Packet(src, dst, probe.protocol, probe.dport, icmp_type=probe.icmp_type, icmp_code=probe.icmp_code)


class Verdicts:
    def __init__(self, world, objs):
        self.world, self.probes = world, probes_of(objs)
        self.all = (1 << len(self.probes)) - 1
        self._packets = {v: [sent(p, a, a) for p in self.probes] for v, a in ANY.items()}
        self._ports, self._sides, self._policies, self._peers = {}, {}, {}, {}
        self.unknown = {}
        for i, pod in enumerate(p for p in world.pods if p.is_pod and not p.addresses):
            for version, first in UNKNOWN.items():
                address = first + i
                self.unknown[address] = pod
                world._by_address[address] = pod
                world._inventory.add(address)

    def addresses(self, pod):
        """Of a pod, made up if nobody knows them."""
        return pod.addresses or [a for a, p in self.unknown.items() if p is pod]

    # ---- one rule ----

    def port_mask(self, port, destination, version):
        key = id(port), id(destination), version
        if key not in self._ports:
            self._ports[key] = sum(1 << i for i, p in enumerate(self._packets[version])
                                   if self.world.port_matches(port, p, destination))
        return self._ports[key]

    def ports_mask(self, ports, destination, version):
        mask = 0
        for port in ports:
            mask |= self.port_mask(port, destination, version)
        return mask if ports else self.all

    def peers_match(self, peers, matches, address):
        """Whether some peer of a rule matches. An address that nobody knows is matched by networks only
        if those of the rule leave no address of the family out."""
        if not peers:
            return True
        key = id(peers), address
        if key not in self._peers:
            self._peers[key] = self._match(peers, matches, address)
        return self._peers[key]

    def _match(self, peers, matches, address):
        if address not in self.unknown:
            return any(matches(p, address) for p in peers)
        networks = [p for p in peers if worlds.networks_of(p)]
        if any(matches(p, address) for p in peers if p not in networks):
            return True
        if self.world.external and any("ipBlock" in p for p in networks):
            return False
        edges = {e for p in networks for t in worlds.networks_of(p) for e in worlds.edges(ipaddress.ip_network(t))
                 if e.version == address.version}
        # someone that no inventory knows: the reading of ipBlock is already decided
        outside = self.world._inventory
        self.world._inventory = set()
        try:
            return bool(edges) and all(any(matches(p, e) for p in networks) for e in edges | {ANY[address.version]})
        finally:
            self.world._inventory = outside

    # ---- one direction ----

    def side(self, pod, direction, address):
        """What the policies about a pod let in from an address, or out to it."""
        key = id(pod), direction, address
        if key not in self._sides:
            self._sides[key] = self._side(pod, direction, address)
        return self._sides[key]

    def namespaced(self, pod, direction, address, destination):
        field, end = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
        key = id(pod), direction
        if key not in self._policies:
            self._policies[key] = self.world.isolating(pod, direction)
        policies, mask = self._policies[key], 0
        for rule in (r for p in policies for r in p["spec"].get(field) or []):
            peers = rule.get(end) or []
            if self.peers_match(peers, lambda p, a: self.world.peer_matches(p, a, pod.namespace), address):
                mask |= self.ports_mask(rule.get("ports") or [], destination, address.version)
        return mask if policies else None

    def _side(self, pod, direction, address):
        destination = pod if direction == "Ingress" else self.world.pod_at(address)
        allowed, undecided = 0, self.all
        stages = ([p for order, p in self.world.tiers if order < NETWORK_POLICIES] + [None]
                  + [p for order, p in self.world.tiers if order >= NETWORK_POLICIES])
        for policies in stages:
            if policies is None:
                mask = self.namespaced(pod, direction, address, destination)
                if mask is not None:
                    return allowed | (undecided & mask)
                continue
            passed = 0
            for rule in (r for p in policies if self.world.pods_match(p.subject, pod) for r in p.rules[direction]):
                if self.peers_match(rule.peers, self.world.cluster_peer_matches, address):
                    mask = undecided & self.ports_mask(rule.ports, destination, address.version)
                    undecided &= ~mask
                    allowed |= mask if rule.action == "Allow" else 0
                    passed |= mask if rule.action == "Pass" else 0
            undecided |= passed
        return allowed | undecided

    # ---- pairs ----

    def allowed(self, src, dst, kept=0):
        """Everything that may flow from one address to another, of another owner, which takes `kept` in any case."""
        source, target = self.world.pod_at(src), self.world.pod_at(dst)
        return ((self.all if source is None else self.side(source, "Egress", dst))
                & (self.all if target is None else self.side(target, "Ingress", src) | kept))

    def problem(self, rng, count):
        """Compares with what the naive evaluator says about single packets; empty, or what differs."""
        addresses = [a for a in self.world._by_address if a not in self.unknown]
        pods = list(addresses)
        addresses += worlds.interesting_addresses([])
        for _ in range(count if pods else 0):
            pod_address = rng.choice(pods)
            pod, other = self.world.pod_at(pod_address), rng.choice(addresses)
            if other.version != pod_address.version or self.world.pod_at(other) is pod:
                continue
            i, direction = rng.randrange(len(self.probes)), rng.choice(["Ingress", "Egress"])
            ends = (other, pod_address) if direction == "Ingress" else (pod_address, other)
            packet = sent(self.probes[i], *ends)
            if self.world.direction_allows(pod, direction, packet) != bool(self.side(pod, direction, other) >> i & 1):
                return f"the masks of the test are wrong: {packet} {direction}"
        return ""
