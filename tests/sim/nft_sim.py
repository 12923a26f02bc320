"""What the kernel does with a packet, by the text that -t nft writes: the file is read as `nft -f`
reads it, and walked as the kernel walks it.

Written from nft(8) and the kernel's nf_tables. It knows the statements that npc writes and no other:
anything else is an error, and so is anything that nft or the kernel would refuse (sets too small,
overlapping elements of a map, chains that do not exist, chains nested too deep).
"""
import ipaddress
import re

from iptables_sim import NFT_JUMP_STACK_SIZE, NUMBER_OF, Refused, need

WORD = re.compile(r'"[^"]*"|[{}@,;]|[^\s{}@,;"]+')
PORT_PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}
COMMENT_MAX = 128
SET_TYPES = {"ipv4_addr", "ipv6_addr", "inet_proto", "inet_service", "classid", "verdict"}


class Unmatched(Exception):
    """A rule does not apply to the packet."""


def words_of(line):
    need(re.sub(WORD, "", line).strip() == "", f"odd characters in {line}")
    return [m[0] for m in WORD.finditer(line)]


def protocol_number(packet):
    number = NUMBER_OF.get(packet.protocol)
    return int(packet.protocol) if number is None else number


def number(text):
    """One value as nft prints it: a number, an address, or a class id `major:minor` in hexadecimal."""
    if re.fullmatch(r"\d+", text):
        return int(text)
    if re.fullmatch(r"[0-9a-f]{1,4}:[0-9a-f]{1,4}", text):
        major, minor = text.split(":")
        return int(major, 16) << 16 | int(minor, 16)
    return int(ipaddress.ip_address(text))


def interval(text):
    """(first, last) of a value, a range or a prefix."""
    if "-" in text:
        first, last = map(number, text.split("-"))
        need(first < last, f"range {text}")
        return first, last
    if "/" in text:
        network = ipaddress.ip_network(text)
        return int(network.network_address), int(network.broadcast_address)
    return (number(text),) * 2


# ---- fields of a packet ----

class State:
    """A packet under way, with its one scratch register."""

    def __init__(self, packet, version):
        self.packet, self.version, self.priority = packet, version, 0

    def field(self, name):
        p = self.packet
        if name in ("ip saddr", "ip daddr", "ip6 saddr", "ip6 daddr"):
            need(name.startswith("ip6") == (self.version == 6), f"{name} in the other family's table")
            return int(p.src if name.endswith("saddr") else p.dst)
        if name == "meta l4proto":
            return protocol_number(p)
        if name == "meta priority":
            return self.priority
        if name == "th dport":  # of whatever protocol: only right beside the protocol
            return p.dport
        if name in ("iifname", "oifname"):
            return "eth0"
        kind, what = name.split(" ")
        if kind in PORT_PROTOCOLS and what in ("dport", "sport"):
            if protocol_number(p) != PORT_PROTOCOLS[kind]:
                raise Unmatched
            return getattr(p, what)
        if kind in ("icmp", "icmpv6") and what in ("type", "code"):
            need((kind == "icmp") == (self.version == 4), f"{name} in the other family's table")
            if protocol_number(p) != {"icmp": 1, "icmpv6": 58}[kind]:
                raise Unmatched
            return p.icmp_type if what == "type" else p.icmp_code
        raise Refused(f"field {name}")


def take_fields(words):
    """A field, or several joined by dots."""
    fields = []
    while True:
        first = words.pop(0)
        fields.append(first if first in ("iifname", "oifname") else f"{first} {words.pop(0)}")
        if not words or words[0] != ".":
            return fields
        words.pop(0)


# ---- sets and maps ----

class NftSet:
    """A set or map. Elements with ranges are compared one by one, others by hash."""

    def __init__(self, name, is_map):
        self.name, self.is_map = name, is_map
        self.types, self.interval, self.size = [], False, None
        self.exact, self.ranges, self.count = {}, [], 0

    def declare(self, words):
        if words[0] == "type":
            keys, _, value = " ".join(words[1:]).partition(" : ")
            self.types = keys.split(" . ")
            need(set(self.types) | ({value} if value else set()) <= SET_TYPES, f"types of {self.name}")
            need(bool(value) == self.is_map, f"{self.name} is no map, or has no value")
        elif words == ["flags", "interval"]:
            self.interval = True
        elif words[0] == "size":
            self.size = int(words[1])
        else:
            raise Refused(f"{self.name}: {words}")

    def add(self, text):
        key, colon, value = text.partition(" : ")
        need(bool(colon) == self.is_map, f"element {text} of {self.name}")
        fields = tuple(interval(x) for x in key.split(" . "))
        need(len(fields) == len(self.types), f"element {text} of {self.name}")
        value = value if colon else True
        self.count += 1
        need(self.size is None or self.count <= self.size, f"{self.name} is full")
        if all(first == last for first, last in fields):
            one = tuple(first for first, _ in fields)
            need(self.exact.setdefault(one, value) == value, f"{text} twice in {self.name}")
            return
        need(self.interval, f"a range in {self.name}")
        self.ranges.append((fields, value))

    def get(self, values):
        """The value of the element that holds the key, or None."""
        found = {self.exact[values]} if values in self.exact else set()
        for fields, value in self.ranges:
            if all(v is None or first <= v <= last for (first, last), v in zip(fields, values)):
                # A packet without ports has anything at their place.
                need(all(v is not None or field == (0, 65535) for field, v in zip(fields, values)),
                     f"{self.name} compares ports of a packet that has none")
                found.add(value)
        need(len(found) <= 1, f"elements of {self.name} overlap")
        return found.pop() if found else None


# ---- rules ----

class Rule:
    """Statements, in order; each is a function of the state that raises Unmatched, or the verdict."""

    def __init__(self, table, line):
        self.table, self.statements, self.verdict = table, [], None
        words = words_of(line)
        if len(words) > 1 and words[-2] == "comment":
            need(words[-1][0] == '"' and len(words[-1]) <= COMMENT_MAX + 2, f"comment of {line}")
            words = words[:-2]
        while words:
            need(self.verdict is None, f"statements behind the verdict: {line}")
            self.statement(words)

    def statement(self, words):
        if words[0] in ("accept", "drop", "return"):
            self.verdict = (words.pop(0), None)
        elif words[0] in ("goto", "jump"):
            kind = words.pop(0)
            self.verdict = (kind, self.chain(words.pop(0)))
        elif words[:3] == ["meta", "priority", "set"]:
            del words[:3]
            self.set_priority(words)
        elif words[:3] == ["ct", "state", "established"]:
            need(words[3:5] == [",", "related"], "ct state")
            del words[:5]
            self.statements.append(self.never)  # every packet here is new
        else:
            self.match(words)

    def chain(self, name):
        self.table.targets.add(name)
        return name

    @staticmethod
    def never(state):
        raise Unmatched

    def set_priority(self, words):
        if words[0] == "none":
            words.pop(0)
            self.statements.append(lambda state: setattr(state, "priority", 0))
            return
        fields = take_fields(words)
        if words[0] == "|":
            need(fields == ["meta priority"], "a combination of fields")
            words.pop(0)
            other = number(words.pop(0))
            self.statements.append(lambda state: setattr(state, "priority", state.priority | other))
            return
        need(words.pop(0) == "map" and words.pop(0) == "@", "map")
        found = self.table.set(words.pop(0), fields, True)

        def from_map(state):
            value = found.get(tuple(map(state.field, fields)))
            if value is None:
                raise Unmatched
            state.priority = number(value)

        self.statements.append(from_map)

    def match(self, words):
        fields = take_fields(words)
        if words[0] == "vmap":
            need(words[1] == "@", "vmap")
            verdicts = self.table.set(words[2], fields, True)
            del words[:3]
            for value in list(verdicts.exact.values()) + [v for _, v in verdicts.ranges]:
                self.chain(value.split(" ")[1])
            self.statements.append(lambda state: self.look_up(verdicts, fields, state))
        elif words[0] == "@":
            members = self.table.set(words[1], fields, False)
            del words[:2]
            self.statements.append(lambda state: self.test(members.get(tuple(map(state.field, fields))) is not None))
        else:
            need(len(fields) == 1, "a concatenation without a set")
            if words[0] == "&":
                need(words[2] == "==" and words[1] == words[3], "a test of bits")
                bits, tested = number(words[1]), fields[0]
                del words[:4]
                self.statements.append(lambda state: self.test(state.field(tested) & bits == bits))
                return
            differs = words[0] == "!="
            wanted, field = words.pop(1 if differs else 0), fields[0]
            if differs:
                words.pop(0)
                self.statements.append(lambda state: self.test(state.field(field) != number(wanted)))
                return
            if wanted.startswith('"'):
                self.statements.append(lambda state: self.test(state.field(field) == wanted.strip('"')))
                return
            first, last = interval(wanted)
            self.statements.append(lambda state: self.test(first <= state.field(field) <= last))

    @staticmethod
    def test(holds):
        if not holds:
            raise Unmatched

    @staticmethod
    def look_up(verdicts, fields, state):
        value = verdicts.get(tuple(map(state.field, fields)))
        if value is None:
            raise Unmatched
        return tuple(value.split(" "))

    def apply(self, state):
        """The verdict, or None if the rule does not apply or has none."""
        try:
            for statement in self.statements:
                verdict = statement(state)
                if isinstance(verdict, tuple):
                    return verdict
        except Unmatched:
            return None
        return self.verdict


FIELD_TYPES = {"ip saddr": "ipv4_addr", "ip daddr": "ipv4_addr", "ip6 saddr": "ipv6_addr", "ip6 daddr": "ipv6_addr",
               "meta l4proto": "inet_proto", "th dport": "inet_service", "tcp dport": "inet_service",
               "udp dport": "inet_service", "sctp dport": "inet_service", "meta priority": "classid"}


class Table:
    def __init__(self, version):
        self.version = version
        self.sets, self.chains, self.hooks, self.targets = {}, {}, {}, set()

    def set(self, name, fields, is_map):
        need(name in self.sets, f"no set {name}")
        found = self.sets[name]
        need(found.is_map == is_map and found.types == [FIELD_TYPES[f] for f in fields], f"types of {name}")
        need("th dport" not in fields or "meta l4proto" in fields, "th dport without a protocol")
        return found

    def finish(self, rules):
        """Sets may be filled after the table: rules are read last."""
        for chain, line in rules:
            self.chains[chain].append(Rule(self, line))
        for name in self.targets:
            need(name in self.chains, f"no chain {name}")
        for root in self.hooks.values():
            self.check_depth(root)

    def check_depth(self, root):
        """At most NFT_JUMP_STACK_SIZE chains on a path, the base chain counted; no cycle. Chains that
        maps lead to count as if every map of the table led there from every base chain."""
        depth, path = {}, []
        maps = {v.split(" ")[1] for s in self.sets.values() if s.is_map
                for v in s.exact.values() if re.match(r"goto|jump", v)}

        def visit(name):
            if name not in depth:
                need(name not in path, f"a loop through {name}")
                path.append(name)
                targets = {r.verdict[1] for r in self.chains[name] if r.verdict is not None and r.verdict[1]}
                targets |= maps if name == root else set()
                depth[name] = 1 + max(map(visit, sorted(targets)), default=0)
                path.pop()
            return depth[name]

        need(visit(root) <= NFT_JUMP_STACK_SIZE, f"chains {depth[root]} deep")

    def verdict(self, hook, packet):
        """"accept" or "drop" of the base chain at a hook."""
        if hook not in self.hooks:
            return "accept"
        state = State(packet, self.version)
        rules, at, callers = self.chains[self.hooks[hook]], 0, []
        while True:
            verdict = ("return", None)  # the end of a chain
            if at < len(rules):
                verdict = rules[at].apply(state)
                at += 1
                if verdict is None:
                    continue
            kind, target = verdict
            if kind in ("accept", "drop"):
                return kind
            if kind == "return":
                if not callers:
                    return "accept"  # the policy
                rules, at = callers.pop()
                continue
            if kind == "jump":
                callers.append((rules, at))
            rules, at = self.chains[target], 0


class Rules:
    """A file that `npc compile -t nft` wrote."""

    def __init__(self, path):
        self.tables = {}
        self.pending = {4: [], 6: []}
        lines = [x for x in (line.strip() for line in path.read_text().splitlines()) if x and not x.startswith("#")]
        while lines:
            self.command(lines)
        for version, table in self.tables.items():
            table.finish(self.pending[version])

    def command(self, lines):
        line = lines.pop(0)
        if re.fullmatch(r"(add|delete) table (ip|ip6|inet) npc|add chain (ip|ip6) npc npc_is_[0-9a-f]{16}", line):
            return
        empty = re.fullmatch(r"table (ip|ip6) npc \{\}", line)
        start = re.fullmatch(r"table (ip|ip6) npc \{", line)
        chunk = re.fullmatch(r"add element (ip|ip6) npc (\S+) \{(.*)", line)
        version = {"ip": 4, "ip6": 6}[(empty or start or chunk or need(False, f"command {line}"))[1]]
        if empty:
            self.tables[version] = Table(version)
        elif start:
            self.tables[version] = Table(version)
            self.read_table(self.tables[version], lines)
        else:
            self.read_elements(self.tables[version].sets[chunk[2]], chunk[3], lines)

    def read_table(self, table, lines):
        while lines[0] != "}":
            kind, name, brace = lines.pop(0).split(" ")
            need(brace == "{" and name not in table.sets and name not in table.chains, f"{kind} {name}")
            if kind == "chain":
                table.chains[name] = []
                self.read_chain(table, name, lines)
            else:
                need(kind in ("set", "map"), kind)
                table.sets[name] = NftSet(name, kind == "map")
                self.read_set(table.sets[name], lines)
        lines.pop(0)

    def read_set(self, new, lines):
        while lines[0] != "}":
            line = lines.pop(0)
            if line.startswith("elements = {"):
                self.read_elements(new, line[len("elements = {"):], lines)
            else:
                new.declare(line.split(" "))
        lines.pop(0)

    @staticmethod
    def read_elements(target, text, lines):
        while "}" not in text:
            text += " " + lines.pop(0)
        need(text.strip().endswith("}"), "elements end a line")
        for one in text.strip()[:-1].split(","):
            target.add(" ".join(one.split()))

    def read_chain(self, table, name, lines):
        while lines[0] != "}":
            line = lines.pop(0)
            hook = re.fullmatch(r"type filter hook (forward|input|output) priority 0; policy accept;", line)
            if hook:
                need(hook[1] not in table.hooks, "two base chains at a hook")
                table.hooks[hook[1]] = name
            else:
                self.pending[table.version].append((name, line))
        lines.pop(0)

    def passes(self, hook, packet):
        return self.tables[packet.src.version].verdict(hook, packet) == "accept"
