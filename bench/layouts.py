"""Rulesets for one workload, written in the manner of other tools, to compare with. Each layout is a
function that yields (command, standard input) for a family (0: IPv4, 1: IPv6); all give the verdicts of
the workload's policies (run checks it with packets). They are models of how those tools lay rules
out, reduced to policy for the pods of the node, not their output.
"""
import ipaddress

ESTABLISHED = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"


def restore(family, variant):
    return [f"ip{'6' if family else ''}tables-{variant}-restore", "--noflush"]


def isolating(w):
    """Policies of each local pod that has some, by pod."""
    found = {}
    for policy in w.policies:
        for pod in w.targets(policy):
            found.setdefault(id(pod), (pod, []))[1].append(policy)
    return list(found.values())


def peer_addresses(w, peer, family):
    """Set elements of a peer: addresses, or a network and its exception."""
    if peer.kind == "cidr":
        network, hole = w.peer_cidr(peer, family)
        return [network] + ([f"{hole} nomatch"] if hole else [])
    return [p.addresses[family] for p in w.peer_pods(peer)]


def port_range(first, last, to=":"):
    return f"{first}{to}{last}" if last != first else str(first)


def port_match(protocol, first, last):
    return f"-p {protocol.lower()} --dport {port_range(first, last)}"


def device(pod):
    return f"cali{pod.number}w{pod.workload}"


# ---- one rule for each pair of pods ----

def pairs(w, family, variant):
    lines = ["*filter", f"-A FORWARD {ESTABLISHED}"]
    for pod, policies in isolating(w):
        for policy in policies:
            for peers, ports in policy.rules:
                for peer in peers:
                    for element in peer_addresses(w, peer, family):
                        if element.endswith("nomatch"):
                            continue
                        hole = peer.kind == "cidr" and w.peer_cidr(peer, family)[1]
                        for port in ports:  # an exception is a second match, which one rule cannot have: a range around it
                            for source in around(element, hole):
                                lines.append(f"-A FORWARD {source} -d {pod.addresses[family]} {port_match(*port)} -j ACCEPT")
    lines += [f"-A FORWARD -d {pod.addresses[family]} -j DROP" for pod, _ in isolating(w)]
    yield restore(family, variant), "\n".join(lines + ["COMMIT", ""])


def around(element, hole):
    if not hole:
        return [f"-s {element}"]
    return [f"-s {n}" for n in ipaddress.ip_network(element).address_exclude(ipaddress.ip_network(hole))]


# ---- sets of addresses, by content ----

class Sets:
    """ipsets of pods (hash:ip) and of networks (hash:net), equal ones once."""

    def __init__(self, family):
        self.family, self.names, self.lines = family, {}, []

    def add(self, elements, networks):
        key = (tuple(elements), networks)
        if key not in self.names:
            name = self.names[key] = f"{'v6' if self.family else 'v4'}s{len(self.names)}"
            kind = "hash:net" if networks else "hash:ip"
            self.lines.append(f"create {name} {kind} family inet{'6' if self.family else ''} maxelem 1048576 hashsize {max(64, len(elements))}")
            self.lines += [f"add {name} {e}" for e in elements]
        return self.names[key]

    def text(self):
        return "\n".join(self.lines) + "\n"


def peer_sets(w, sets, peers, family):
    """The names of the sets that a rule's peers are: pods in one, networks in another."""
    pods = sorted({a for p in peers if p.kind != "cidr" for a in peer_addresses(w, p, family)})
    found = [sets.add(pods, False)] if pods else []
    # An exception holds in its own peer only: one set for each peer that has one.
    for peer in (p for p in peers if p.kind == "cidr"):
        found.append(sets.add(peer_addresses(w, peer, family), True))
    return found


# ---- as kube-router: a chain per pod, found by its address; a chain and sets per policy ----

def kube_router(w, family, variant):
    sets, policies, lines = Sets(family), [], ["*filter"]
    chains, rules = [], []
    for pod, list_ in isolating(w):
        name = f"KUBE-POD-{device(pod)}"
        chains.append(f":{name} - [0:0]")
        rules.append(f"-A FORWARD -d {pod.addresses[family]} -j {name}")
        rules.append(f"-A {name} {ESTABLISHED}")
        rules += [f"-A {name} -j KUBE-NWPLCY-{p.number}" for p in list_]
        rules += [f"-A {name} -m mark ! --mark 0x10000/0x10000 -j DROP", f"-A {name} -m mark --mark 0x10000/0x10000 -j ACCEPT"]
        policies += list_
    for policy in {p.number: p for p in policies}.values():
        name = f"KUBE-NWPLCY-{policy.number}"
        chains.append(f":{name} - [0:0]")
        target = sets.add(sorted(p.addresses[family] for p in w.targets(policy)), False)
        for peers, ports in policy.rules:
            for source in peer_sets(w, sets, peers, family):
                for port in ports:
                    match = f"-A {name} -m set --match-set {source} src -m set --match-set {target} dst {port_match(*port)}"
                    rules += [f"{match} -j MARK --set-xmark 0x10000/0x10000", f"{match} -m mark --mark 0x10000/0x10000 -j RETURN"]
    yield ["ipset", "restore"], sets.text()
    yield restore(family, variant), "\n".join(lines + chains + rules + ["COMMIT", ""])


# ---- as Calico: found by interface, a chain per policy ----

def calico_iptables(w, family, variant):
    sets, policies = Sets(family), {}
    chains, rules = [":cali-dispatch - [0:0]"], [f"-A FORWARD -o cali+ -j cali-dispatch"]
    targets = isolating(w)
    heads = {}
    for pod, _ in targets:  # a tree over the names of interfaces
        heads.setdefault(device(pod)[:7], []).append(pod)
    for head, pods in heads.items():
        at = "cali-dispatch"
        if len(pods) > 1:
            at = f"cali-d-{head}"
            chains.append(f":{at} - [0:0]")
            rules.append(f"-A cali-dispatch -o {head}+ -g {at}")
        rules += [f"-A {at} -o {device(p)} -g tw-{device(p)}" for p in pods]
    for pod, list_ in targets:
        name = f"tw-{device(pod)}"
        chains.append(f":{name} - [0:0]")
        rules += [f"-A {name} {ESTABLISHED}", f"-A {name} -m conntrack --ctstate INVALID -j DROP",
                  f"-A {name} -j MARK --set-xmark 0x0/0x30000"]
        for policy in list_:
            rules += [f"-A {name} -m mark --mark 0x0/0x20000 -j pi-{policy.number}", f"-A {name} -m mark --mark 0x10000/0x10000 -j ACCEPT"]
            policies[policy.number] = policy
        rules += [f"-A {name} -m mark --mark 0x0/0x20000 -j DROP"]
    for policy in policies.values():
        name = f"pi-{policy.number}"
        chains.append(f":{name} - [0:0]")
        for peers, ports in policy.rules:
            for source in peer_sets(w, sets, peers, family):
                for protocol, list_ in by_protocol(ports):
                    match = f"-p {protocol.lower()} -m multiport --dports {','.join(list_)}"
                    rules += [f"-A {name} {match} -m set --match-set {source} src -j MARK --set-xmark 0x10000/0x10000",
                              f"-A {name} -m mark --mark 0x10000/0x10000 -j RETURN"]
    yield ["ipset", "restore"], sets.text()
    yield restore(family, variant), "\n".join(["*filter"] + chains + rules + ["COMMIT", ""])


def by_protocol(ports, to=":"):
    for protocol in sorted({p[0] for p in ports}):
        yield protocol, [port_range(first, last, to) for name, first, last in ports if name == protocol]


def calico_nft(w, family, _):
    table, ip = ("ip6", "ip6") if family else ("ip", "ip")
    kind = "ipv6_addr" if family else "ipv4_addr"
    out, sets, policies = [], {}, {}

    def set_of(elements, networks):
        key = (tuple(elements), networks)
        if key not in sets:
            sets[key] = f"s{len(sets)}"
            flags = "flags interval; " if networks else ""
            out.append(f"set {sets[key]} {{ type {kind}; {flags}elements = {{ {', '.join(elements)} }}; }}")
        return sets[key]

    chains, dispatch = [], []
    for pod, list_ in isolating(w):
        dispatch.append(f"{device(pod)} : goto tw_{device(pod)}")
        rules = ["ct state established,related accept", "ct state invalid drop", "meta mark set meta mark & 0xfffcffff"]
        for policy in list_:
            rules += [f"meta mark & 0x20000 == 0 jump pi_{policy.number}", "meta mark & 0x10000 == 0x10000 accept"]
            policies[policy.number] = policy
        chains.append((f"tw_{device(pod)}", rules + ["drop"]))
    for policy in policies.values():
        rules = []
        for peers, ports in policy.rules:
            pods = sorted({a for p in peers if p.kind != "cidr" for a in peer_addresses(w, p, family)})
            sources = [set_of(pods, False)] if pods else []
            for peer in (p for p in peers if p.kind == "cidr"):
                network, hole = w.peer_cidr(peer, family)
                parts = ipaddress.ip_network(network).address_exclude(ipaddress.ip_network(hole)) if hole else [network]
                sources.append(set_of([str(n) for n in sorted(parts)], True))
            for source in sources:
                for protocol, list_ in by_protocol(ports, "-"):
                    rules += [f"{protocol.lower()} dport {{ {', '.join(list_)} }} {ip} saddr @{source} meta mark set meta mark | 0x10000",
                              "meta mark & 0x10000 == 0x10000 return"]
        chains.insert(0, (f"pi_{policy.number}", rules))
    out += [f"chain {name} {{ {'; '.join(rules)}; }}" for name, rules in chains]
    out.append(f"map dispatch {{ type ifname : verdict; elements = {{ {', '.join(dispatch)} }}; }}")
    out.append("chain forward { type filter hook forward priority 0; policy accept; oifname vmap @dispatch; }")
    yield ["nft", "-f", "-"], f"table {table} calico {{\n" + "\n".join(out) + "\n}\n"


# ---- in the order of the tables; name: (function, variant) ----

REFERENCES = {
    "pairs": (pairs, "legacy"),
    "kube-router": (kube_router, "legacy"),
    "calico-iptables": (calico_iptables, "legacy"),
    "calico-nft": (calico_nft, None),
}
