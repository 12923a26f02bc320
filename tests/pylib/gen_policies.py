"""Random policies, as Kubernetes objects, with hostile strings wherever the API lets them be.

Every object that `network_policy` and `cluster_policy` return is valid for the API: what it holds
is bounded by the rules of tests/data (k8s-netpol-validation.yaml, npa-crd-rules.yaml).
"""
import ipaddress

KEYWORDS = """npc include import let rules use namespace namespaces policy cluster tier order priority for all pods nodes cidr
domain anywhere this in ingress egress notin exists except allow deny pass from to on ports as default desc label annotation flows
workload node addr port test expect raw""".split()
YAMLISH = """y Y yes Yes YES n N no No NO on On ON off Off OFF true True TRUE false False FALSE null Null NULL 0 00 007 010 08 1 12
0x1F 0o17 0b1 1e5 1E5 1e-5 1.0 1.5e3 1_000 2001-01-01 190.20.30 1.2.3 0.0 12e03 685230.15 null.x NaN nan inf .. x.y_z tcp udp
icmp tcp-80 80 65536 443-80""".split()
# Values and keys by the label rules: alphanumeric at both ends, - _ . within.
VALUES = KEYWORDS + [v for v in YAMLISH if v[0].isalnum() and v[-1].isalnum()] + [
    "a", "Z", "A.b_c-D", "x" * 63, "9" * 63, "a-._-b", "1a", "a1", "FOO", "10.0.0.0", "fe80", "a.b.c", "v1.2.3-rc.1_x"]
PREFIXES = ["", "", "", "example.com/", "app.kubernetes.io/", "tcp/", "udp/", "sctp/", "icmp/", "icmp6/", "any/", "in/", "a/", "x.y.z/",
            "0.1/", "10/", "kubernetes.io/", "n/", "on/", "null/", "1e5/", "tcp.x/", "p" * 63 + "." + "q" * 63 + "." + "r" * 63 + "." + "s" * 61 + "/"]
NAMES = ["a", "allow", "default", "deny-all", "0", "1", "10", "007", "1e5", "0x1", "on", "no", "y", "n", "null", "true", "all", "in", "policy", "a.b-c.d",
         "1.0", "0.5", "2001-01-01", "npc", "x" * 63, "a" + ".b" * 126, "tcp", "1.2.3.4", "12e03", "nan", "inf", "0o7", "0b1", "1.5e3"]
LABELS = ["a", "default", "prod", "on", "in", "all", "0", "007", "1e5", "null", "true", "x" * 63, "a-b", "no", "y", "kube-system", "namespace"]
PORT_NAMES = ["http", "a", "a1", "1a", "fifteen-letters", "8080a", "0x50", "1e5", "0o17", "0x1f", "on", "no", "null", "true", "y", "in", "all", "tcp", "web-1", "80-b", "80a",
              "1-2a", "a-1", "80-90a"]
HOSTILE = [
    "", " ", "  ", "\n", "\n\n", "a\n", "\na", "a\nb", "a\n\n", " a", "a ", "\t", "a\tb", "\r", "a\r\nb", "\x00".replace("\x00", "\x01"), "\x07", "\x1b[31m", "\x7f",
    "\x80", "\x85", "a\x85b", "\u2028", "\u2029", "a\u2028b", "\ufeff", "\ufeffa", "\u202e", "a\u202eb", "\u2066x\u2069", "\u200b", "\u00ad", "\u00a0",
    "\U0001f525", "\U0001f469\u200d\U0001f4bb", "é", "e\u0301", "\ud7ff", "\ue000", "\ufffd", "\U0010ffff", "‚Äî", "日本語",
    '"', '""', '"""', '""""', "'", "''", "'''", "\\", "\\\\", "\\n", '\\"', "\\u{202e}", "\\x41", "$", "$$", "${x}", "$(x)", "`x`", "a$\n", "$\n",
    "#", "# x", "a # b", "a #b", "a: b", "a:", ":a", ": ", "- a", "-", "--", "---", "--- x", "...", "? a", "?", "! a", "!!str a", "&a", "*a", "%YAML", "@", "`",
    "|", ">", "|-", "{", "}", "[", "]", "{}", "[]", "{a: b}", "[a]", ",", "a,b", "a, b", "=", "<<", "~", "key: [", "x: |\n  y", "'a", '"a', "a'", 'a"',
    "npc 1", "}\npolicy x for all pods { allow from anywhere on all ports }", '"\n  allow from anywhere on all ports\n  desc "', "\"; accept comment \"y",
    "x\n---\nkind: NetworkPolicy", "0", "-1", "+1", "0x", "1.", ".5", "+.inf", ".nan", "-.INF", "1:20", "22:22", "190:20:30.15", "2001-12-14t21:59:43.10-05:00",
    "x" * 300, "word " * 60, "line\n" * 40, "é" * 200, " x\n  y\n", "\n x", "a\n b\n  c\n", "trailing \n", "\\" * 50, '"' * 50, "*/", "/*", "//", "--commit",
    "{{ .Values.x }}", "<script>", "%s%n", "../../etc/passwd", "a\x1fb", "\x0b", "\x0c", "\x1c"]


def pick(r, items):
    return items[r.randrange(len(items))]


def value(r):
    n = r.random()
    if n < 0.02:
        return ""
    if n < 0.8:
        return pick(r, VALUES)
    ends = "abcXYZ019"
    return pick(r, ends) + "".join(pick(r, ends + "-_.") for _ in range(r.randrange(6))) + pick(r, ends)


def key(r):
    while True:
        k = value(r)
        if k:
            return pick(r, PREFIXES) + k


def text(r):
    """Free text: annotation values, rule names."""
    n = r.random()
    if n < 0.6:
        return pick(r, HOSTILE)
    if n < 0.8:
        return pick(r, KEYWORDS + YAMLISH + VALUES)
    if n < 0.9:
        return pick(r, HOSTILE) + pick(r, HOSTILE)
    alphabet = "ab \"'\\\n\t#:{}[],&*!|>%@`$-?=~\u202e\u2028\x85é\U0001f525\x01\r"
    return "".join(pick(r, alphabet) for _ in range(r.randrange(1, 24)))


def selector(r, empty=0.25):
    if r.random() < empty:
        return {}
    s = {}
    if r.random() < 0.7:
        s["matchLabels"] = {key(r): value(r) for _ in range(r.choice((1, 1, 2, 3)))}
    if r.random() < 0.4 or not s:
        s["matchExpressions"] = []
        for _ in range(r.choice((1, 1, 2, 4))):
            op = r.choice(("In", "NotIn", "Exists", "DoesNotExist"))
            e = {"key": key(r), "operator": op}
            if op in ("In", "NotIn"):
                e["values"] = [value(r) for _ in range(r.choice((1, 1, 2, 3)))]
                if r.random() < 0.1:
                    e["values"].append(e["values"][0])
            s["matchExpressions"].append(e)
    return s


def namespace_selector(r):
    n = r.random()
    if n < 0.25:
        return {"matchLabels": {"kubernetes.io/metadata.name": pick(r, LABELS)}}
    if n < 0.35:
        return {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In",
                                      "values": [pick(r, LABELS) for _ in range(r.choice((1, 2, 3)))]}]}
    if n < 0.4:  # not the short form: a value that is no namespace name, or one label more
        return {"matchLabels": {"kubernetes.io/metadata.name": r.choice(("A", "a.b", "", "a_b")), **r.choice(({}, {"x": "y"}))}}
    if n < 0.45:
        return {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": r.choice(("NotIn", "In")), "values": ["Not.A.Name", "b"]}]}
    return selector(r)


def cidr(r, spelled=True):
    """A network; sometimes as the API also accepts it: host bits, leading zeros, long IPv6."""
    if r.random() < 0.6:
        length = r.choice((0, 1, 7, 8, 12, 16, 24, 25, 31, 32))
        net = ipaddress.ip_network((r.getrandbits(32) >> (32 - length) << (32 - length) if length else 0, length))
        if not spelled:
            return str(net)
        n = r.random()
        if n < 0.1 and length < 32:
            return f"{net.network_address + r.randrange(1 << min(32 - length, 16))}/{length}"
        if n < 0.15:
            return ".".join(f"{int(o):03d}" for o in str(net.network_address).split(".")) + f"/{length}"
        return str(net)
    length = r.choice((0, 1, 7, 10, 16, 32, 48, 64, 65, 127, 128))
    bits = r.getrandbits(128) & ~(0xFFFF << 32) | (0x2001 << 112)
    if r.random() < 0.2:
        bits &= ~((1 << r.choice((64, 96, 112))) - 1)
    bits = bits >> (128 - length) << (128 - length) if length else 0
    net = ipaddress.ip_network((bits, length))
    if net.version == 4:  # a small number: ipaddress guesses IPv4
        net = ipaddress.IPv6Network((bits, length))
    if spelled and r.random() < 0.15:
        return r.choice((net.exploded, str(net).upper()))
    return str(net)


def ip_block(r):
    text_ = cidr(r)
    block = {"cidr": text_}
    addr, length = text_.split("/")
    if "." in addr:
        addr = ".".join(str(int(o)) for o in addr.split("."))
    net = ipaddress.ip_network(f"{addr}/{length}", strict=False)
    width = net.max_prefixlen
    if r.random() < 0.35 and net.prefixlen < width:
        block["except"] = []
        for _ in range(r.choice((1, 1, 2, 3))):
            longer = r.randint(net.prefixlen + 1, width)
            base = int(net.network_address) | (r.getrandbits(width) & ((1 << (width - net.prefixlen)) - 1))
            base = base >> (width - longer) << (width - longer)
            sub = type(net)((base, longer))
            if sub.version == 6 and sub.network_address.ipv4_mapped:
                continue
            block["except"].append(str(sub))
        if covers(net, block["except"]):
            del block["except"]
    return block


def covers(net, parts):
    """Whether the parts leave nothing of the network (npc refuses that: it matches nothing)."""
    left = [net]
    for p in map(ipaddress.ip_network, parts):
        left = [x for n in left for x in (n.address_exclude(p) if p.subnet_of(n) else [] if n.subnet_of(p) else [n])]
    return not left


def peer(r):
    n = r.random()
    if n < 0.3:
        return {"podSelector": selector(r)}
    if n < 0.5:
        return {"namespaceSelector": namespace_selector(r)}
    if n < 0.7:
        return {"podSelector": selector(r), "namespaceSelector": namespace_selector(r)}
    return {"ipBlock": ip_block(r)}


def port(r):
    p = {}
    if r.random() < 0.85:
        p["protocol"] = r.choice(("TCP", "UDP", "SCTP"))
    n = r.random()
    if n < 0.5:
        p["port"] = r.choice((1, 80, 443, 65535, r.randint(1, 65535)))
        if r.random() < 0.4:
            p["endPort"] = r.choice((p["port"], 65535, r.randint(p["port"], 65535)))
    elif n < 0.8:
        p["port"] = pick(r, PORT_NAMES)
    return p


def rule(r, side):
    out = {}
    n = r.random()
    if n < 0.8:
        out[side] = [peer(r) for _ in range(r.choice((1, 1, 2, 3)))]
        if r.random() < 0.1:
            out[side].append(out[side][0])
    elif n < 0.85:
        out[side] = r.choice(([], None))
    n = r.random()
    if n < 0.75:
        out["ports"] = [port(r) for _ in range(r.choice((1, 1, 2, 4)))]
        if r.random() < 0.1:
            out["ports"].append(out["ports"][0])
    elif n < 0.8:
        out["ports"] = r.choice(([], None))
    return out


def metadata(r, name, namespaced):
    m = {"name": name}
    if namespaced:
        m["namespace"] = namespaced
    if r.random() < 0.3:
        m["labels"] = {key(r): value(r) for _ in range(r.choice((1, 2, 4)))}
    if r.random() < 0.6:
        m["annotations"] = {key(r): text(r) for _ in range(r.choice((1, 1, 2, 4)))}
        if r.random() < 0.4:
            m["annotations"]["kubernetes.io/description"] = text(r)
    if r.random() < 0.03:
        m["finalizers"] = ["example.com/guard"]
    if r.random() < 0.05:
        m["uid"] = "5c8f1f8e-0000-4000-8000-000000000000"
        m["creationTimestamp"] = None
    return m


def network_policy(r, i):
    """A NetworkPolicy; `i` makes its name unique."""
    base = pick(r, NAMES)
    if r.random() < 0.2:
        ns = None
    else:
        ns = pick(r, LABELS)
    # A name with a number of its own would lose its hostile spelling: one namespace per name then.
    if ns and r.random() < 0.5 and len(f"{ns}-{i}") <= 63:
        name, ns = base, f"{ns}-{i}"
    else:
        name = f"{base[:240].rstrip('.-')}-{i}"
    spec = {"podSelector": selector(r)}
    if r.random() < 0.05:
        del spec["podSelector"]
    for section, side in (("ingress", "from"), ("egress", "to")):
        if r.random() < 0.6:
            spec[section] = [rule(r, side) for _ in range(r.choice((0, 1, 1, 2, 3)))]
    types = r.choice((None, None, [], ["Ingress"], ["Egress"], ["Ingress", "Egress"], ["Egress", "Ingress"], ["Ingress", "Ingress"]))
    if types is not None:
        spec["policyTypes"] = types
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata(r, name, ns), "spec": spec}


# ---- cluster policies ----


def cp_scope(r):
    if r.random() < 0.5:
        return {"namespaces": namespace_selector(r)}
    pods = {"podSelector": selector(r)}
    if r.random() < 0.8:
        pods["namespaceSelector"] = namespace_selector(r)
    return {"pods": pods}


def cp_peer(r, side):
    if side == "from" or r.random() < 0.5:
        return cp_scope(r)
    n = r.random()
    if n < 0.6:
        return {"networks": sorted({cidr(r, spelled=False) for _ in range(r.choice((1, 1, 2, 3)))}, key=lambda c: r.random())}
    if n < 0.8:
        return {"nodes": selector(r)}
    return {"domainNames": sorted({r.choice(("*.example.com", "example.com", "a.b.c.example.org", "xn--p1ai.example", "*.in.on"))})}


def cp_protocol(r, named):
    n = r.random()
    if named and n < 0.2:
        return {"destinationNamedPort": pick(r, PORT_NAMES)}
    if n < 0.6:
        p = {"number": r.randint(1, 65535)}
    else:
        start = r.randint(1, 65534)
        p = {"range": {"start": start, "end": r.randint(start + 1, 65535)}}
    return {r.choice(("tcp", "udp", "sctp")): {"destinationPort": p}}


def cluster_policy(r, i, priority, tier):
    spec = {"tier": tier, "priority": priority, "subject": cp_scope(r)}
    for section, side in (("ingress", "from"), ("egress", "to")):
        if r.random() < 0.3:
            continue
        spec[section] = []
        for _ in range(r.choice((1, 1, 2, 4))):
            rule_ = {"action": r.choice(("Accept", "Deny", "Pass")), side: [cp_peer(r, side) for _ in range(r.choice((1, 1, 2, 3)))]}
            if r.random() < 0.4:
                rule_["name"] = text(r)[:100] or "x"
            if r.random() < 0.6:
                named = all(set(p) <= {"namespaces", "pods"} for p in rule_[side])
                rule_["protocols"] = [cp_protocol(r, named) for _ in range(r.choice((1, 1, 2, 3)))]
            spec[section].append(rule_)
    return {"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy",
            "metadata": metadata(r, f"{pick(r, NAMES)[:240].rstrip('.-')}-{i}", None), "spec": spec}
