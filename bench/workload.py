"""The cluster that bench/ measures: 1,000 workloads of 10 pods, policies with pods, lists of
workloads and CIDRs as peers, port lists and port ranges. The same arguments give the same cluster.

It is kept as plain data, from which kubernetes() writes what npc reads, and layouts.py writes rules
in the manner of other tools: nothing here comes from npc.
"""
import copy
import ipaddress
import json
import random

WORKLOADS, REPLICAS, PER_NAMESPACE, PER_TIER = 1000, 10, 50, 5
NODES = 100
TCP_PORTS = [80, 443, 8080, 8443, 5432, 3306, 6379, 9090, 9092, 9200, 27017, 5672, 2379, 4222, 11211, 50051, 3000, 5000, 8000, 8081]
RANGES = [(8100, 8103), (9000, 9007), (7000, 7015), (30000, 32767), (10000, 10999), (20000, 24999), (49152, 65535), (6000, 6100)]


class Pod:
    def __init__(self, number, workload, node, addresses):
        self.number, self.workload, self.node, self.addresses = number, workload, node, addresses
        self.namespace, self.tier = workload // PER_NAMESPACE, workload // PER_TIER % (PER_NAMESPACE // PER_TIER)
        self.name = f"w{workload}-{number}"


class Peer:
    """Pods of some workloads, or a CIDR (of both families) with exceptions."""

    def __init__(self, kind, value):
        self.kind, self.value = kind, value


class Policy:
    def __init__(self, number, namespace, workload, tier, rules):
        self.number, self.namespace, self.workload, self.tier, self.rules = number, namespace, workload, tier, rules


def pod_addresses(node, slot):
    """Each node has a /24 and a /64 of its own; wide clusters have more slots than 250."""
    return (str(ipaddress.ip_address((10 << 24) + (node << 16) + slot + 2)), str(ipaddress.ip_address((0xfd00 << 112) + (node << 64) + slot + 2)))


def cidrs(i):
    """The i-th network, of both families, each with its exception."""
    return ((f"172.{16 + i // 250}.{i % 250}.0/24", f"172.{16 + i // 250}.{i % 250}.{i % 16 * 16}/28"),
            (f"2001:db8:{i + 1:x}::/48", f"2001:db8:{i + 1:x}:{i % 16 + 1:x}::/64"))


class Workload:
    """`local` pods on the measured node, `policies` policies about their workloads."""

    def __init__(self, local, policies, seed=1):
        self.random = random.Random(f"{local} {policies} {seed}")
        self.pods = []
        slots = [0] * NODES
        for number in range(WORKLOADS * REPLICAS):
            replica, workload = divmod(number, WORKLOADS)
            node = 0 if number < local else 1 + number % (NODES - 1)
            self.pods.append(Pod(replica, workload, node, pod_addresses(node, slots[node])))
            slots[node] += 1
        self.local = self.pods[:local]
        self.by_workload = {}
        for pod in self.pods:
            self.by_workload.setdefault(pod.workload, []).append(pod)
        here = min(local, WORKLOADS)  # workloads with pods on the node
        self.policies = [self.policy(i, i * 7919 % here) for i in range(policies)]

    def policy(self, number, workload):
        r = self.random
        namespace, tier = workload // PER_NAMESPACE, workload // PER_TIER % (PER_NAMESPACE // PER_TIER)
        by_tier = r.random() < 0.12
        rules = [([self.peer() for _ in range(r.randint(1, 3))], self.ports()) for _ in range(r.randint(1, 3))]
        return Policy(number, namespace, None if by_tier else workload, tier if by_tier else None, rules)

    def peer(self):
        r = self.random
        kind = r.random()
        if kind < 0.15:
            i = r.randrange(400)
            return Peer("cidr", (i, r.random() < 0.3))
        if kind < 0.70:
            return Peer("workloads", [r.randrange(WORKLOADS)])
        if kind < 0.85:  # several by name, in one namespace
            first = r.randrange(WORKLOADS // PER_NAMESPACE) * PER_NAMESPACE
            return Peer("workloads", sorted(r.sample(range(first, first + PER_NAMESPACE), r.randint(3, 8))))
        if kind < 0.97:
            return Peer("tier", (r.randrange(WORKLOADS // PER_NAMESPACE), r.randrange(PER_NAMESPACE // PER_TIER)))
        return Peer("tier", (None, r.randrange(PER_NAMESPACE // PER_TIER)))  # of all namespaces

    def ports(self):
        r = self.random
        ports = {("TCP", p, p) for p in r.sample(TCP_PORTS, r.randint(1, 3))}
        if r.random() < 0.15:
            ports.add(("UDP", 53, 53))
        if r.random() < 0.15:
            ports.add(("TCP", *r.choice(RANGES)))
        return sorted(ports)

    def more(self, local):
        """The same with one pod more: of the first workload, here or elsewhere."""
        node = 0 if local else 1
        slot = sum(p.node == node for p in self.pods)
        out = copy.copy(self)
        out.pods = self.pods + [Pod(REPLICAS, 0, node, pod_addresses(node, slot))]
        return out

    # ---- what it means ----

    def targets(self, policy):
        return [p for p in self.local if p.namespace == policy.namespace and
                (p.workload == policy.workload if policy.tier is None else p.tier == policy.tier)]

    def peer_pods(self, peer):
        if peer.kind == "workloads":
            return [p for w in peer.value for p in self.by_workload[w]]
        namespace, tier = peer.value
        spaces = range(WORKLOADS // PER_NAMESPACE) if namespace is None else [namespace]
        return [p for n in spaces for w in range(n * PER_NAMESPACE + tier * PER_TIER, n * PER_NAMESPACE + (tier + 1) * PER_TIER)
                for p in self.by_workload[w]]

    def peer_cidr(self, peer, family):
        """(network, exception or None) of a peer that is a CIDR."""
        number, excepts = peer.value
        network, hole = cidrs(number)[family]
        return network, hole if excepts else None

    # ---- flows: (source, destination, protocol, port) ----

    def allowed(self, count, family):
        """Flows that some policy allows: each made from one of its rules."""
        r = random.Random(f"flows {count}")
        targets = [(p, t) for p in self.policies if (t := self.targets(p))]
        flows = []
        while len(flows) < count:
            policy, pods = r.choice(targets)
            peers, ports = r.choice(policy.rules)
            peer, (protocol, first, last), target = r.choice(peers), r.choice(ports), r.choice(pods)
            if peer.kind == "cidr":
                network, hole = (n and ipaddress.ip_network(n) for n in self.peer_cidr(peer, family))
                source = network[r.randrange(1, min(network.num_addresses, 1 << 32))]
                if hole and source in hole:
                    continue
            else:
                pod = r.choice(self.peer_pods(peer))
                if pod.node == 0:
                    continue  # measured: what comes from elsewhere
                source = pod.addresses[family]
            flows.append((str(source), target.addresses[family], protocol, r.randint(first, last)))
        return flows

    def denied(self, count, family):
        """Flows to pods that policies isolate, to a port that no rule names."""
        r = random.Random(f"denied {count}")
        isolated = sorted({t.number * WORKLOADS + t.workload for p in self.policies for t in self.targets(p)})
        remote = [p for p in self.pods if p.node != 0]
        flows = []
        for _ in range(count):
            target = self.pods[r.choice(isolated)]
            flows.append((r.choice(remote).addresses[family], target.addresses[family], "TCP", r.choice([22, 23, 25, 110])))
        return flows

    # ---- for npc ----

    def kubernetes(self):
        items = []
        for n in range(WORKLOADS // PER_NAMESPACE):
            items.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"n{n}"}})
        items += [self.kubernetes_policy(p) for p in self.policies] + [kubernetes_pod(p) for p in self.pods]
        return json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=0)

    def kubernetes_policy(self, policy):
        selector = {"app": f"w{policy.workload}"} if policy.tier is None else {"tier": f"t{policy.tier}"}
        rules = [{"from": [p for peer in peers for p in kubernetes_peers(peer)],
                  "ports": [{"protocol": protocol, "port": first, **({"endPort": last} if last != first else {})} for protocol, first, last in ports]}
                 for peers, ports in policy.rules]
        return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": f"p{policy.number}", "namespace": f"n{policy.namespace}"},
                "spec": {"podSelector": {"matchLabels": selector}, "policyTypes": ["Ingress"], "ingress": rules}}


def kubernetes_pod(p):
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": p.name, "namespace": f"n{p.namespace}", "labels": {"app": f"w{p.workload}", "tier": f"t{p.tier}"}},
            "spec": {"nodeName": f"node{p.node}", "containers": []},
            "status": {"phase": "Running", "podIPs": [{"ip": a} for a in p.addresses]}}


def kubernetes_peers(peer):
    if peer.kind == "cidr":
        number, excepts = peer.value
        return [{"ipBlock": {"cidr": network, **({"except": [hole]} if excepts else {})}} for network, hole in cidrs(number)]
    if peer.kind == "workloads":
        namespace = {"matchLabels": {"kubernetes.io/metadata.name": f"n{peer.value[0] // PER_NAMESPACE}"}}
        return [{"namespaceSelector": namespace, "podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": [f"w{w}" for w in peer.value]}]}}]
    namespace, tier = peer.value
    where = {} if namespace is None else {"matchLabels": {"kubernetes.io/metadata.name": f"n{namespace}"}}
    return [{"namespaceSelector": where, "podSelector": {"matchLabels": {"tier": f"t{tier}"}}}]
