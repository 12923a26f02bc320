"""Reads what `npc list -o json` and `diff -o json` write (docs/list-json.md), strictly: anything that
the description does not promise is a problem. Shares nothing with npc.
"""
import ipaddress
import json
import re

PORTED = ("TCP", "UDP", "SCTP")
ORDER = ["ALL", "TCP", "UDP", "SCTP", "ICMP", "ICMPv6", "OTHER", "REST"]
RANGE = re.compile(r"^([0-9a-f:.]+)-([0-9a-f:.]+)$")
END = re.compile(r"^([a-z0-9.-]+/[a-z0-9.-]+|node:[a-z0-9.-]+)(?:\[([0-9a-f:. ]+)\])?(?:\[([A-Za-z]+)\])?$")
CONNECTION_KEYS = {"from", "to", "family", "ports"}


class Bad(Exception):
    """The text is not what the description promises."""


def demand(condition, why):
    if not condition:
        raise Bad(why)


# ---- ports ----

def keys_of(entry):
    """(first, last) of an entry: port numbers, or ICMP types and codes as type * 256 + code."""
    names = set(entry) - {"protocol"}
    if not names:
        return 0, 65535
    if entry["protocol"] in PORTED:
        demand(names <= {"port", "endPort"} and "port" in names, f"entry {entry}")
        demand(entry.get("endPort", 65536) > entry["port"], f"endPort of {entry}")
        return entry["port"], entry.get("endPort", entry["port"])
    demand(entry["protocol"] in ("ICMP", "ICMPv6") and "type" in names, f"entry {entry}")
    demand(names <= {"type", "endType"} or names <= {"type", "code", "endCode"}, f"entry {entry}")
    if "code" in names:
        return entry["type"] * 256 + entry["code"], entry["type"] * 256 + entry.get("endCode", entry["code"])
    return entry["type"] * 256, entry.get("endType", entry["type"]) * 256 + 255


def check_ports(ports):
    demand(ports, "an empty list of ports")
    order = [ORDER.index(e["protocol"]) for e in ports]
    demand(order == sorted(order), f"protocols out of order: {ports}")
    names = [e["protocol"] for e in ports]
    demand("ALL" not in names or ports == [{"protocol": "ALL"}], f"ALL does not stand alone: {ports}")
    demand("OTHER" not in names or not {"ICMP", "ICMPv6", "REST"} & set(names), f"OTHER and ICMP: {ports}")
    for before, after in zip(ports, ports[1:]):
        if before["protocol"] != after["protocol"]:
            continue
        merged = keys_of(before)[1] + 1 < keys_of(after)[0]
        # neighbouring entries of ICMP are whole types beside codes of one
        apart = "code" in before or "code" in after
        demand(merged or (apart and keys_of(before)[1] + 1 == keys_of(after)[0]), f"not merged: {ports}")


def holds(entry, probe, version):
    """Whether an entry of ports holds a packet (naive.Packet) of a family."""
    icmp = {4: "ICMP", 6: "ICMPv6"}[version]
    protocol, (first, last) = entry["protocol"], keys_of(entry)
    if protocol in PORTED:
        return protocol == probe.protocol and first <= probe.dport <= last
    if protocol in ("ICMP", "ICMPv6"):
        return protocol == probe.protocol == icmp and first <= probe.icmp_type * 256 + probe.icmp_code <= last
    return protocol == "ALL" or (probe.protocol not in PORTED and (protocol == "OTHER" or probe.protocol != icmp))


# ---- ends ----

class Range:
    def __init__(self, match):
        self.first, self.last = map(ipaddress.ip_address, match.groups())
        demand(self.first.version == self.last.version and self.first <= self.last, f"range {match[0]}")
        demand(f"{self.first}-{self.last}" == match[0], f"range {match[0]} is not canonical")
        self.version = self.first.version


class Named:
    """A pod, workload or node; `addresses`: only these, or None."""

    def __init__(self, match):
        self.name, addresses, self.type = match.groups()
        self.addresses = addresses and [ipaddress.ip_address(a) for a in addresses.split()]


def end_of(text):
    match = RANGE.match(text)
    if match and "/" not in text:
        return Range(match)
    match = END.match(text)
    demand(match, f"end {text!r}")
    return Named(match)


VERSIONS = {None: (4, 6), "IPv4": (4,), "IPv6": (6,)}


def read(text):
    """The document, checked in itself."""
    document = json.loads(text)
    demand(document["version"] == 1, "version")
    demand(set(document) <= {"version", "connections", "classes", "exposure"}, f"keys {set(document)}")
    for connection in document["connections"]:
        demand(set(connection) <= CONNECTION_KEYS and {"from", "to", "ports"} <= set(connection), f"{connection}")
        demand(connection["from"] != connection["to"] or "classes" in document, f"to itself: {connection}")
        check_ports(connection["ports"])
    if "classes" not in document:
        seen = [(c["from"], c["to"], c.get("family")) for c in document["connections"]]
        demand(len(set(seen)) == len(seen), "a connection twice")
        whole = {s[:2] for s in seen if s[2] is None}
        demand(not any(s[:2] in whole for s in seen if s[2]), "a connection of both families and of one")
        by_pair = {}
        for c in document["connections"]:
            by_pair.setdefault((c["from"], c["to"]), []).append(c)
        for two in by_pair.values():
            demand(len(two) < 2 or two[0]["ports"] != two[1]["ports"]
                   or any(e["protocol"].startswith("ICMP") for e in two[0]["ports"]), f"families alike: {two}")
    return document


class Table:
    """The connections of a document as masks over probes, by pairs of addresses. `addresses` gives all
    addresses of an end; `inventory` holds those that ranges do not mean."""

    def __init__(self, document, probes, addresses, inventory):
        self.probes, self.addresses, self.inventory = probes, addresses, inventory
        self._masks = {}
        self.pairs = {}                      # (address, address): mask
        self.ranges = {}                     # (address, "from" or "to"): [(Range, mask)]
        for c in document["connections"]:
            self.add(c)

    def mask(self, ports, version):
        """The probes that a list of ports holds."""
        mask = 0
        for entry in ports:
            key = tuple(entry.items()), version
            if key not in self._masks:
                self._masks[key] = sum(1 << i for i, p in enumerate(self.probes) if holds(entry, p, version))
            mask |= self._masks[key]
        return mask

    def of(self, end, version):
        found = self.addresses(end) if end.addresses is None else end.addresses
        return [a for a in found if a.version == version]

    def add(self, connection):
        source, target = end_of(connection["from"]), end_of(connection["to"])
        for version in VERSIONS[connection.get("family")]:
            mask = self.mask(connection["ports"], version)
            if isinstance(source, Range) or isinstance(target, Range):
                self.add_range(source, target, version, mask)
                continue
            for a in self.of(source, version):
                for b in self.of(target, version):
                    demand((a, b) not in self.pairs, f"{a} to {b} is listed twice")
                    self.pairs[a, b] = mask

    def add_range(self, source, target, version, mask):
        outer, inner, side = (source, target, "from") if isinstance(source, Range) else (target, source, "to")
        demand(isinstance(inner, Named), "a range to a range")
        if outer.version == version:
            for a in self.of(inner, version):
                self.ranges.setdefault((a, side), []).append((outer, mask))

    def allowed(self, src, dst):
        """What the document says about a pair of addresses, each a pod's, a node's or nobody's."""
        if src in self.inventory and dst in self.inventory:
            return self.pairs.get((src, dst), 0)
        found = [(r, m) for r, m in self.ranges.get((dst, "from"), []) if r.first <= src <= r.last]
        found += [(r, m) for r, m in self.ranges.get((src, "to"), []) if r.first <= dst <= r.last]
        demand(len(found) <= 1, f"{src} to {dst} is in {len(found)} ranges")
        return found[0][1] if found else 0

    def range_ends(self):
        return {a for found in self.ranges.values() for r, _ in found for a in (r.first, r.last)}
