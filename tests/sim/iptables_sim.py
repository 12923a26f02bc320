"""What the kernel does with a packet, by the text that -t iptables writes: `ipsets`, `rules.v4` and
`rules.v6` are read line by line, and walked as the kernel walks them.

Written from iptables(8), iptables-extensions(8), ipset(8) and the kernel's ip_tables.c. It knows the
matches and commands that npc writes and no other: anything else is an error, and so is anything
that the loaders or the kernel would refuse (names too long, chains that do not exist, sets that are
full, chains nested too deep).
"""
import ipaddress
import re

NFT_JUMP_STACK_SIZE = 16  # linux/netfilter/nf_tables.h; counts gotos and the built-in chain
CHAIN_NAME_MAX = 28       # xt_tables: 29 with the NUL
SET_NAME_MAX = 31
COMMENT_MAX = 255
MULTIPORT_SLOTS = 15
PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132, "icmp": 1, "ipv6-icmp": 58}
NUMBER_OF = {"TCP": 6, "UDP": 17, "SCTP": 132, "ICMP": 1, "ICMPv6": 58}


class Refused(Exception):
    """A loader or the kernel would not take this."""


def need(condition, why):
    if not condition:
        raise Refused(why)


# ---- ipsets ----

class IpSet:
    def __init__(self, settype, family, hashsize, maxelem):
        need(settype in ("hash:ip", "hash:net"), f"set type {settype}")
        need(maxelem > 0 and hashsize >= 64 and hashsize & (hashsize - 1) == 0, "sizes of a set")
        self.header = (settype, family, maxelem)  # what create -exist compares; the hash may grow
        self.type, self.maxelem = settype, maxelem
        self.version = {"inet": 4, "inet6": 6}[family]
        self.members = {}  # network -> whether it matches

    def add(self, words):
        network = ipaddress.ip_network(words[0])
        nomatch = words[1:] == ["nomatch"]
        need(nomatch or not words[1:], f"options of an element: {words}")
        need(network.version == self.version, "family of an element")
        if self.type == "hash:ip":
            need(network.num_addresses == 1 and "/" not in words[0] and not nomatch, f"element {words}")
        need(network.prefixlen > 0, "hash:net takes no /0")
        if network not in self.members:
            need(len(self.members) < self.maxelem, "the set is full")
        self.members[network] = not nomatch

    def has(self, address):
        """The longest prefix decides."""
        if address.version != self.version:
            return False
        for length in self.lengths():
            network = ipaddress.ip_network((address, length), strict=False)
            if network in self.members:
                return self.members[network]
        return False

    def lengths(self):
        if not hasattr(self, "_lengths"):
            self._lengths = sorted({m.prefixlen for m in self.members}, reverse=True)
        return self._lengths


def load_ipsets(text, sets=None):
    """`ipset restore -exist` over the sets that are there; gives the sets afterwards."""
    sets = dict(sets or {})
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        command, *words = line.split(" ")
        name = words[0]
        need(len(name) <= SET_NAME_MAX and name.lower().startswith("npc"), f"set name {name}")
        if command == "create":
            settype, *options = words[1:]
            need(options[0::2] == ["family", "hashsize", "maxelem"], f"options of create: {options}")
            new = IpSet(settype, options[1], int(options[3]), int(options[5]))
            need(name not in sets or sets[name].header == new.header, "a set of that name and another form")
            sets.setdefault(name, new)
            continue
        need(name in sets, f"no set {name}")
        if command == "flush":
            sets[name].members = {}
        elif command == "add":
            sets[name].add(words[1:])
        elif command == "swap":
            other = words[1]
            need(sets[name].header[:2] == sets[other].header[:2], "swap of different types")
            sets[name], sets[other] = sets[other], sets[name]
        elif command == "destroy":
            del sets[name]
        else:
            raise Refused(f"ipset command {command}")
    return sets


# ---- rules ----

TOKEN = re.compile(r'"([^"\\]*)"|([^" ]+)')


class Rule:
    """Matches, all of which must hold, and what is done then: ("-j", "RETURN"), ("-g", chain) …"""

    def __init__(self, table, words):
        self.table, self.words = table, words
        self.matches, self.target = [], None
        self.modules, self.protocol = set(), None
        while self.words:
            option = self.take()
            need(self.target is None, "a target ends the rule")
            method = self.OPTIONS.get(option)
            need(method is not None, f"option {option}")
            method(self)
        need(self.target is not None, "a rule without target")

    def take(self):
        need(self.words, "an option without value")
        return self.words.pop(0)

    def address(self, end):
        network = ipaddress.ip_network(self.take())
        need(network.version == self.table.version, "family of an address")
        first, mask = int(network.network_address), int(network.netmask)
        self.matches.append(lambda p: int(getattr(p, end)) & mask == first)

    def interface(self, end):
        name = self.take()
        self.matches.append(lambda p: getattr(p, end, "eth0") == name)

    def proto(self):
        self.protocol = self.take()
        number = PROTOCOLS[self.protocol]
        self.matches.append(lambda p: protocol_number(p) == number)

    def module(self):
        name = self.take()
        need(name in ("conntrack", "multiport", "set", "comment"), f"module {name}")
        self.modules.add(name)

    def ports(self, end, most):
        need(self.protocol in ("tcp", "udp", "sctp"), "ports without a protocol that has them")
        ranges, slots = [], 0
        for text in self.take().split(","):
            first, _, last = text.partition(":")
            need(re.fullmatch(r"\d+", first) and re.fullmatch(r"\d*", last), f"port {text}")
            ranges.append((int(first), int(last or first)))
            need(ranges[-1][0] <= ranges[-1][1] <= 65535, f"port range {text}")
            slots += 2 if last else 1
        need(slots <= most, "too many ports")
        self.matches.append(lambda p: any(a <= getattr(p, end) <= b for a, b in ranges))

    def multiport(self):
        need("multiport" in self.modules, "--dports without -m multiport")
        self.ports("dport", MULTIPORT_SLOTS)

    def ctstate(self):
        need("conntrack" in self.modules, "--ctstate without -m conntrack")
        states = self.take().split(",")
        need(set(states) <= {"ESTABLISHED", "RELATED"}, f"states {states}")
        self.matches.append(lambda p: False)  # every packet here is NEW

    def icmp(self, protocol, version):
        need(self.protocol == protocol and self.table.version == version, "ICMP of the other family")
        kind, _, code = self.take().partition("/")
        kind, code = int(kind), int(code) if code else None
        need(kind <= 255 and (code is None or code <= 255), "ICMP type and code")
        if version == 4 and kind == 255:  # xt_icmp: any
            return
        self.matches.append(lambda p: p.icmp_type == kind and code in (None, p.icmp_code))

    def match_set(self):
        need("set" in self.modules, "--match-set without -m set")
        name, end = self.take(), {"src": "src", "dst": "dst"}[self.take()]
        need(name in self.table.sets, f"no set {name}")
        members = self.table.sets[name]
        need(members.version == self.table.version, "a set of the other family")
        self.table.used_sets.add(name)
        self.matches.append(lambda p: members.has(getattr(p, end)))

    def comment(self):
        need("comment" in self.modules, "--comment without -m comment")
        text = self.take()
        need(len(text) <= COMMENT_MAX and re.fullmatch(r"[A-Za-z0-9 ._/:@+,()\[\]?-]*", text), f"comment {text}")

    def jump(self):
        target = self.take()
        need(target in ("RETURN", "DROP") or target in self.table.chains, f"no chain {target}")
        self.target = ("-j", target)

    def goto(self):
        target = self.take()
        need(target in self.table.chains, f"no chain {target}")
        self.target = ("-g", target)

    OPTIONS = {
        "-s": lambda r: r.address("src"), "-d": lambda r: r.address("dst"),
        "-i": lambda r: r.interface("in_interface"), "-o": lambda r: r.interface("out_interface"),
        "-p": proto, "-m": module, "-j": jump, "-g": goto,
        "--dport": lambda r: r.ports("dport", 2), "--sport": lambda r: r.ports("sport", 2),
        "--dports": multiport, "--ctstate": ctstate, "--match-set": match_set, "--comment": comment,
        "--icmp-type": lambda r: r.icmp("icmp", 4), "--icmpv6-type": lambda r: r.icmp("ipv6-icmp", 6),
    }


def protocol_number(packet):
    number = NUMBER_OF.get(packet.protocol)
    return int(packet.protocol) if number is None else number


class Table:
    """The filter table of one family after `iptables-restore --noflush`."""

    def __init__(self, text, version, sets):
        self.version, self.sets = version, sets
        self.chains, self.used_sets, self.rules = {}, set(), 0
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        need(lines[0] == "*filter" and lines[-1] == "COMMIT", "one table, committed")
        for line in lines[1:-1]:
            if line.startswith(":"):
                need(self.rules == 0, "chains come first")
                self.declare(line)
            else:
                self.append(line)
        for root in ("NPC-FORWARD", "NPC-INPUT", "NPC-OUTPUT"):
            need(root in self.chains, f"no chain {root}")
        self.check_depth()

    def declare(self, line):
        name = re.fullmatch(r":(NPC[A-Za-z0-9_-]*) - \[0:0\]", line)
        need(name, f"chain line {line}")
        need(len(name[1]) <= CHAIN_NAME_MAX, f"chain name {name[1]}")
        need(name[1] not in self.chains, f"chain {name[1]} twice")
        self.chains[name[1]] = []

    def append(self, line):
        words = ["".join(match) for match in TOKEN.findall(line)]
        need(re.sub(TOKEN, "", line).strip(" ") == "", f"quotes in {line}")
        need(words[0] == "-A" and words[1] in self.chains, f"rule line {line}")
        self.rules += 1
        try:
            self.chains[words[1]].append(Rule(self, words[2:]))
        except (Refused, ValueError, KeyError) as error:
            raise Refused(f"{line}: {error}") from error

    def check_depth(self):
        """The longest path of jumps and gotos below a root, the root counted; no cycle."""
        depth = {}
        path = []

        def visit(name):
            if name in depth:
                return depth[name]
            need(name not in path, f"a loop through {name}")
            path.append(name)
            below = [visit(r.target[1]) for r in self.chains[name] if r.target[1] in self.chains]
            path.pop()
            depth[name] = 1 + max(below, default=0)
            return depth[name]

        self.depth = max(visit(name) for name in self.chains)
        # a built-in chain, and two of the administrator's between it and ours
        need(self.depth + 3 <= NFT_JUMP_STACK_SIZE, f"chains {self.depth} deep")

    def verdict(self, root, packet):
        """"RETURN" (npc has no objection) or "DROP"."""
        self.looked_at = 0
        chain, at, callers = self.chains[root], 0, []
        while True:
            kind, target = "-j", "RETURN"  # the end of a chain
            if at < len(chain):
                rule = chain[at]
                at += 1
                if not self.fits(rule, packet):
                    continue
                kind, target = rule.target
            if target == "DROP":
                return "DROP"
            if target == "RETURN":
                if not callers:
                    return "RETURN"
                chain, at = callers.pop()
                continue
            if kind == "-j":
                callers.append((chain, at))
            chain, at = self.chains[target], 0

    def fits(self, rule, packet):
        self.looked_at += 1
        return all(match(packet) for match in rule.matches)


class Rules:
    """A directory that `npc compile -t iptables -o DIR` wrote."""

    def __init__(self, directory):
        self.sets = load_ipsets((directory / "ipsets").read_text())
        self.tables = {4: Table((directory / "rules.v4").read_text(), 4, self.sets),
                       6: Table((directory / "rules.v6").read_text(), 6, self.sets)}
        unused = set(self.sets) - self.tables[4].used_sets - self.tables[6].used_sets
        need(not unused, f"sets that no rule asks: {sorted(unused)}")

    def passes(self, root, packet):
        return self.tables[packet.src.version].verdict(root, packet) == "RETURN"
