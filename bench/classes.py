"""The layouts that the goals in docs/datapath.md come from, so that a run shows what they cost on its
machine. *class-nft*: the chain is the target's class, a key the peer's class, protocol and port.
*class-iptables*: a tree of addresses, then a chain for each list of ports, then sets. Both are written from
a description, for this comparison; nothing here comes from npc.
"""
import ipaddress
import itertools

from layouts import ESTABLISHED, Sets, device, isolating, peer_addresses, port_range, restore
from workload import cidrs

WIDE = 64         # a range of more ports is a rule
PLAIN_CIDRS = 24  # more rules of CIDRs are a map
SELECTORS = 2     # lists of pods; a class of more asks for the peer's class
LEAF = 8          # more addresses are not compared one after another
SHARED_SETS = 8   # more sets are one
SLOTS = 15        # of a multiport; a range takes two
NODE = ("10.0.0.0/16", "fd00::/64")  # where the addresses of its pods are


def classes(w):
    """Local pods that the same policies select: [(pods, rules)]."""
    found = {}
    for pod, policies in isolating(w):
        found.setdefault(tuple(p.number for p in policies), ([], [r for p in policies for r in p.rules]))[0].append(pod)
    return list(found.values())


def pods_of(w, peers, family):
    return tuple(sorted({a for p in peers if p.kind != "cidr" for a in peer_addresses(w, p, family)}))


def cidrs_of(peers):
    return [p for p in peers if p.kind == "cidr"]


# ---- nft ----

def members(w, peer, family):
    """What a peer is made of: workloads, whose pods no peer tells apart, or addresses, as (first, last)."""
    if peer.kind != "cidr":
        return {pod.workload for pod in w.peer_pods(peer)}
    (first, last), (a, b) = ((int(n[0]), int(n[-1])) for n in map(ipaddress.ip_network, cidrs(peer.value[0])[family]))
    rest = {(x, y) for x, y in ((first, a - 1), (b + 1, last)) if x <= y}
    return rest if peer.value[1] else rest | {(a, b)}


class Peers:
    """Classes of workloads and of addresses that no peer tells apart: numbers, from 1."""

    def __init__(self, w, rules, family):
        peers = {id(p): p for list_, _ in rules for p in list_}
        inside, numbers = {}, {}
        for key, peer in peers.items():
            for member in members(w, peer, family):
                inside.setdefault(member, set()).add(key)
        self.of_member = {m: numbers.setdefault(frozenset(keys), len(numbers) + 1) for m, keys in inside.items()}
        self.of_peer = {key: {self.of_member[m] for m in members(w, peer, family)} for key, peer in peers.items()}


def classid(number):
    value = number << 4
    return f"{value >> 16:x}:{value & 0xffff:x}"


def nft_set(name, kind, elements):
    return f"set {name} {{ type {kind}; size {2 * len(elements)}; elements = {{ {', '.join(elements)} }}; }}"


def nft_map(name, kind, elements, flags=""):
    size = "" if flags else f"size {2 * len(elements)}; "
    return f"map {name} {{ type {kind}; {flags}{size}elements = {{ {', '.join(elements)} }}; }}"


def nft_port(protocol, first, last):
    return f"{protocol.lower()} dport {port_range(first, last, '-')}"


class Nft:
    def __init__(self, w, family):
        self.w, self.family, self.ip = w, family, ("ip", "ip6")[family]
        self.address = f"ipv{6 if family else 4}_addr"
        self.targets = classes(w)
        self.peers = Peers(w, [r for _, rules in self.targets for r in rules], family)
        self.sets, self.chains, self.selectors = [], [], {}

    def selector(self, pods):
        if pods not in self.selectors:
            self.selectors[pods] = f"sel{len(self.selectors)}"
            self.sets.append(nft_set(self.selectors[pods], self.address, pods))
        return self.selectors[pods]

    def plain(self, rules):
        """A rule for each CIDR and ports."""
        found = []
        for peers, ports in rules:
            for peer, port in itertools.product(cidrs_of(peers), ports):
                network, hole = self.w.peer_cidr(peer, self.family)
                found.append(f"{nft_port(*port)} {self.ip} saddr {network}" + (f" {self.ip} saddr != {hole}" if hole else "") + " accept")
        return list(dict.fromkeys(found))

    def by_class(self, name, rules, with_cidrs):
        """The chain that knows the peer's class, and its sets."""
        keys, wide = set(), {}
        for peers, ports in rules:
            numbers = set().union(*(self.peers.of_peer[id(p)] for p in peers if with_cidrs or p.kind != "cidr"))
            for protocol, first, last in ports:
                if last - first >= WIDE:
                    wide.setdefault((protocol, first, last), set()).update(numbers)
                else:
                    keys.update((n, protocol.lower(), p) for n in numbers for p in range(first, last + 1))
        lines = []
        if keys:
            self.sets.append(nft_set(f"{name}_pp", "classid . inet_proto . inet_service", [f"{classid(n)} . {protocol} . {p}" for n, protocol, p in sorted(keys)]))
            lines.append(f"meta priority . meta l4proto . th dport @{name}_pp accept")
        for i, (port, numbers) in enumerate(wide.items()):
            if numbers:
                self.sets.append(nft_set(f"{name}_r{i}", "classid", [classid(n) for n in sorted(numbers)]))
                lines.append(f"{nft_port(*port)} meta priority @{name}_r{i} accept")
        self.chains.append((f"{name}v", lines + ["goto npc_deny"]))

    def target(self, name, rules):
        plain = self.plain(rules)
        selected = {(pods, port) for peers, ports in rules for port in ports if (pods := pods_of(self.w, peers, self.family))}
        few = len(plain) <= PLAIN_CIDRS
        if few and len({pods for pods, _ in selected}) <= SELECTORS:
            lines = [f"{nft_port(*port)} {self.ip} saddr @{self.selector(pods)} accept" for pods, port in sorted(selected)]
        else:
            self.by_class(name, rules, not few)
            lines = [f"meta priority set {self.ip} saddr map @spod goto {name}v"]
        lines += plain if few else [f"meta priority set {self.ip} saddr . meta l4proto map @snet goto {name}v"]
        self.chains.append((name, lines + ["goto npc_deny"]))

    def deny(self):
        always = ["icmpv6 type packet-too-big", "icmpv6 type nd-neighbor-solicit", "icmpv6 type nd-neighbor-advert"] if self.family else \
                 ["icmp type destination-unreachable icmp code frag-needed"]
        return [f"{a} accept" for a in always] + [f"{self.ip} saddr . {self.ip} daddr @self accept", "drop"]

    def text(self):
        w, f = self.w, self.family
        for n, (_, rules) in enumerate(self.targets):
            self.target(f"i{n}", rules)
        spod = [f"{p.addresses[f]} : {classid(self.peers.of_member.get(p.workload, 0))}" for p in w.pods]
        snet = [f"{'-'.join(str(ipaddress.ip_address(a)) for a in m)} . 0-255 : {classid(n)}" for m, n in self.peers.of_member.items() if isinstance(m, tuple)]
        ing = [f"{p.addresses[f]} : goto i{n}" for n, (pods, _) in enumerate(self.targets) for p in pods]
        maps = [nft_map("spod", f"{self.address} : classid", spod), nft_set("self", f"{self.address} . {self.address}", [f"{p.addresses[f]} . {p.addresses[f]}" for p in w.local])]
        if snet:
            maps.append(nft_map("snet", f"{self.address} . inet_proto : classid", snet, "flags interval; "))
        chains = [f"chain {name} {{ {'; '.join(lines)}; }}" for name, lines in [("npc_deny", self.deny())] + self.chains]
        forward = (f"chain forward {{ type filter hook forward priority 0; policy accept; ct state established,related accept; "
                   f"{self.ip} daddr {NODE[f]} {self.ip} daddr vmap @ing; }}")
        return f"table {self.ip} class {{\n" + "\n".join(maps + self.sets + chains + [nft_map("ing", f"{self.address} : verdict", ing), forward]) + "\n}\n"


def class_nft(w, family, _):
    yield ["nft", "-f", "-"], Nft(w, family).text()


# ---- iptables ----

class Tree:
    """Chains that lead from an address to a chain: 16 branches in a step."""

    def __init__(self, lines, family):
        self.lines, self.count = lines, 0
        self.bits, self.make = ((32, ipaddress.IPv4Address), (128, ipaddress.IPv6Address))[family]

    def grow(self, name, leaves):
        """Leaves are (address, chain), sorted; an address that is none of them falls through."""
        self.lines.append(f":{name} - [0:0]")
        shift = self.bits
        while len({a >> shift for a, _ in leaves}) == 1 and shift:  # down to where they differ
            shift -= 4
        if len(leaves) <= LEAF:
            self.lines += [f"-A {name} -d {self.make(a)} -g {chain}" for a, chain in leaves]
            return
        for prefix, part in itertools.groupby(leaves, lambda leaf: leaf[0] >> shift):
            self.count += 1
            branch = f"NPC-T{self.count}"
            self.lines.append(f"-A {name} -d {self.make(prefix << shift)}/{self.bits - shift} -g {branch}")
            self.grow(branch, list(part))


def atoms(rules):
    """Disjoint ports: {(protocol, numbers of the rules that name them): [(first, last)]}."""
    found = {}
    for protocol in ("TCP", "UDP"):
        named = [(first, last, n) for n, (_, ports) in enumerate(rules) for p, first, last in ports if p == protocol]
        cuts = sorted({first for first, _, _ in named} | {last + 1 for _, last, _ in named})
        for a, b in itertools.pairwise(cuts):
            who = frozenset(n for first, last, n in named if first <= a and b - 1 <= last)
            if who:
                found.setdefault((protocol, who), []).append((a, b - 1))
    return found


def multiports(ports):
    """What fits into one match each."""
    taken, left = [], 0
    for first, last in ports:
        slots = 1 if first == last else 2
        if slots > left:
            taken.append([])
            left = SLOTS
        taken[-1].append(port_range(first, last))
        left -= slots
    return [",".join(t) for t in taken]


def class_iptables(w, family, variant):
    sets, lines, leaves, own = Sets(family), [], [], []
    for n, (pods, rules) in enumerate(classes(w)):
        name = f"NPC-I-c{n}"
        leaves += [(int(ipaddress.ip_address(p.addresses[family])), name) for p in pods]
        lines.append(f":{name} - [0:0]")
        for k, ((protocol, who), ports) in enumerate(atoms(rules).items()):
            chain = f"{name}-p{k}"
            lines.append(f":{chain} - [0:0]")
            lines += [f"-A {name} -p {protocol.lower()} -m multiport --dports {list_} -g {chain}" for list_ in multiports(ports)]
            lines += [f"-A {chain} {match} -j RETURN" for match in sources(w, sets, [rules[i][0] for i in sorted(who)], family)]
            lines.append(f"-A {chain} -g NPC-DENY")
        lines.append(f"-A {name} -g NPC-DENY")
        for pod in pods:  # the kernel may lack sets of pairs
            address = pod.addresses[family]
            own.append((int(ipaddress.ip_address(address)), f"NPC-S-{device(pod)}"))
            lines += [f":{own[-1][1]} - [0:0]", f"-A {own[-1][1]} -s {address} -j RETURN", f"-A {own[-1][1]} -j DROP"]
    tree = Tree(lines, family)
    tree.grow("NPC-I", sorted(leaves))
    tree.grow("NPC-S", sorted(own))
    icmp = ["-p ipv6-icmp --icmpv6-type " + t for t in ("packet-too-big", "neighbour-solicitation", "neighbour-advertisement")] \
        if family else ["-p icmp --icmp-type fragmentation-needed"]
    lines += [":NPC-DENY - [0:0]"] + [f"-A NPC-DENY {match} -j RETURN" for match in icmp] + ["-A NPC-DENY -g NPC-S"]
    lines += [f"-A FORWARD {ESTABLISHED}", f"-A FORWARD -d {NODE[family]} -j NPC-I"]
    lines.sort(key=lambda line: line[0] != ":")  # chains first
    yield ["ipset", "restore"], sets.text()
    yield restore(family, variant), "\n".join(["*filter"] + lines + ["COMMIT", ""])


def sources(w, sets, lists, family):
    """Matches of all that is in some of these lists of peers."""
    pods = list(dict.fromkeys(p for peers in lists if (p := pods_of(w, peers, family))))
    if len(pods) > SHARED_SETS:
        pods = [tuple(sorted(set().union(*pods)))]
    found = [f"-m set --match-set {sets.add(p, False)} src" for p in pods]
    for peer in (p for peers in lists for p in cidrs_of(peers)):
        network, hole = w.peer_cidr(peer, family)
        found.append(f"-m set --match-set {sets.add(peer_addresses(w, peer, family), True)} src" if hole else f"-s {network}")
    return list(dict.fromkeys(found))


LAYOUTS = {
    "class-nft": (class_nft, None),
    "class-iptables": (class_iptables, "legacy"),
    "class-iptables-nft": (class_iptables, "nft"),
}
