"""A second reader of the npc language, written from its specification: enough for decompiled text,
which uses no groups, flows or includes (its inventory is passed over). It turns text into Kubernetes objects, so that decompiled
text can be judged by something that shares no code with npc.
"""
import re

import yaml

from pylib.kube import NS_NAME

TOKEN = re.compile(
    r'(?P<blank>[ \t\n]+|#[^\n]*)'
    r'|(?P<long>"""(?:(?!""").)*""")'
    r'|(?P<string>"(?:[^"\\\n]|\\["\\ntr]|\\u\{[0-9A-Fa-f]+\})*")'
    r'|(?P<arrow>->)'
    r'|(?P<port>(?:tcp|udp|sctp|icmp6|icmp)/(?:\*|[A-Za-z0-9._/-]*[A-Za-z0-9])?)'
    r'|(?P<addr6>[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:/[0-9]+)?|[0-9A-Fa-f]+:[0-9A-Fa-f:.]*(?:/[0-9]+)?)'
    r'|(?P<word>[A-Za-z0-9_](?:[A-Za-z0-9._/-]*[A-Za-z0-9_])?)'
    r'|(?P<punct>[{},&=!])', re.S)
ESCAPE = re.compile(r'\\(?:u\{([0-9A-Fa-f]+)\}|(.))')


class Syntax(Exception):
    """The text is not what the specification allows in decompiled text."""


def tokens(text):
    """[(kind, value)]"""
    out, at = [], 0
    while at < len(text):
        m = TOKEN.match(text, at)
        if not m:
            raise Syntax(f"no token at {text[at:at + 40]!r}")
        at = m.end()
        kind, s = m.lastgroup, m.group()
        if kind == "blank":
            if any(c not in " \t\n" and not c.isprintable() for c in s):
                raise Syntax(f"a control character in {s!r}")
            continue
        if kind == "long":
            s = s[3:-3]
        elif kind == "string":
            if any(ord(c) < 32 or 0x202A <= ord(c) <= 0x202E or 0x2066 <= ord(c) <= 0x2069 for c in s):
                raise Syntax(f"a raw control character in {s!r}")
            s = ESCAPE.sub(lambda e: chr(int(e[1], 16)) if e[1] else {"n": "\n", "t": "\t", "r": "\r"}.get(e[2], e[2]), s[1:-1])
        out.append((kind, s))
    return out


class Reader:
    def __init__(self, text):
        self.t = tokens(text)
        self.i = 0

    # -- tokens --

    def peek(self, *values):
        """Whether the next tokens are these keywords or punctuation."""
        return all(self.i + k < len(self.t) and self.t[self.i + k] in (("word", v), ("punct", v), ("arrow", v)) for k, v in enumerate(values))

    def take(self, *values):
        if not self.peek(*values):
            raise Syntax(f"want {values}, have {self.t[self.i:self.i + 4]}")
        self.i += len(values)

    def took(self, *values):
        if self.peek(*values):
            self.i += len(values)
            return True
        return False

    def any_word(self):
        kind, s = self.t[self.i]
        if kind not in ("word", "string", "long"):
            raise Syntax(f"want a word, have {self.t[self.i]}")
        self.i += 1
        return s

    def kind(self, *kinds):
        kind, s = self.t[self.i]
        if kind not in kinds:
            raise Syntax(f"want {kinds}, have {self.t[self.i]}")
        self.i += 1
        return s

    def braced(self, one):
        """`{a, b,}` or a single one; (list, whether in braces)."""
        if not self.took("{"):
            return [one()], False
        out = [one()]
        while self.took(","):
            if self.peek("}"):
                break
            out.append(one())
        self.take("}")
        return out, True

    # -- peers --

    def selector(self):
        s = {}
        while True:
            key = self.any_word()
            if self.took("="):
                labels = s.setdefault("matchLabels", {})
                if key in labels:
                    raise Syntax(f"{key} twice")
                labels[key] = self.any_word()
            elif self.took("!", "exists"):
                s.setdefault("matchExpressions", []).append({"key": key, "operator": "DoesNotExist"})
            elif self.took("exists"):
                s.setdefault("matchExpressions", []).append({"key": key, "operator": "Exists"})
            else:
                op = "In" if self.took("in") else "NotIn"
                if op == "NotIn":
                    self.take("notin")
                if not self.peek("{"):
                    raise Syntax("values without braces")
                values, _ = self.braced(self.any_word)
                s.setdefault("matchExpressions", []).append({"key": key, "operator": op, "values": values})
            if not self.took("&"):
                return s

    def namespaces(self):
        if self.took("all", "namespaces"):
            return {}
        if self.took("namespaces"):
            return self.selector()
        self.take("namespace")
        names, braces = self.braced(self.any_word)
        if braces:
            return {"matchExpressions": [{"key": NS_NAME, "operator": "In", "values": names}]}
        return {"matchLabels": {NS_NAME: names[0]}}

    def peer(self):
        """(kind, content): pods (pods, namespaces or None), cidr, nodes, domain, any."""
        if self.took("anywhere"):
            return "any", None
        if self.took("cidr"):
            block = {"cidr": self.kind("word", "addr6")}
            if self.took("except"):
                block["except"], _ = self.braced(lambda: self.kind("word", "addr6"))
            return "cidr", block
        if self.took("domain"):
            return "domain", self.any_word()
        if self.took("all", "nodes"):
            return "nodes", {}
        if self.took("nodes"):
            return "nodes", self.selector()
        if self.took("all", "pods"):
            pods = {}
        elif self.took("pods"):
            pods = self.selector()
        else:
            return "pods", (None, self.namespaces())
        if self.took("in", "this", "namespace"):
            return "pods", (pods, None)
        if self.took("in"):
            return "pods", (pods, self.namespaces())
        return "pods", (pods, None)

    # -- rules --

    def port(self):
        kind, s = self.t[self.i]
        self.i += 1
        proto, _, rest = s.partition("/")
        if kind == "word" and proto == "any":
            return {"protocol": "any", "port": rest}
        if kind == "string":  # a quoted port is a name, also where it reads as a number: "tcp/0x50"
            return {"protocol": proto if proto == "any" else proto.upper(), "port": rest}
        if kind != "port":
            raise Syntax(f"{s!r} is no port")
        out = {"protocol": proto.upper()}
        if re.fullmatch(r"[0-9]+", rest):
            out["port"] = int(rest)
        elif re.fullmatch(r"[0-9]+-[0-9]+", rest):
            out["port"], out["endPort"] = map(int, rest.split("-"))
        elif rest != "*":
            out["port"] = rest
        return out

    def rule(self):
        verb = self.any_word()
        side = "from" if self.took("from") else "to"
        if side == "to":
            self.take("to")
        peers, _ = self.braced(self.peer)
        self.take("on")
        ports = None
        if not self.took("all", "ports"):
            ports, _ = self.braced(self.port)
        name = self.kind("string", "long") if self.took("as") else None
        return verb, side, [p for p in peers if p[0] != "any"], ports, name

    def body(self):
        """(metadata, isolation stated, rules)"""
        self.take("{")
        meta, deny, allow, rules = {}, set(), set(), []
        while not self.took("}"):
            if self.took("desc"):
                meta.setdefault("annotations", {})["kubernetes.io/description"] = self.kind("string", "long")
            elif self.peek("label") or self.peek("annotation"):
                where = self.any_word() + "s"
                key = self.any_word()
                self.take("=")
                if key in meta.setdefault(where, {}):
                    raise Syntax(f"{key} twice")
                meta[where][key] = self.any_word()
            elif self.took("default"):
                into = deny if self.took("deny") else allow
                if into is allow:
                    self.take("allow")
                dirs, _ = self.braced(self.any_word)
                into.update(dirs)
            elif self.took("raw", "k8s"):
                for k, v in yaml.safe_load(self.kind("long", "string"))["metadata"].items():
                    meta[k] = v
            else:
                rules.append(self.rule())
        return meta, deny, allow, rules

    # -- policies --

    def policy(self, ns):
        self.take("policy")
        meta = {"name": self.any_word()}
        if ns:
            meta["namespace"] = ns
        self.take("for")
        target = {} if self.took("all", "pods") else self.peer()[1][0]
        more, deny, allow, rules = self.body()
        spec = {"podSelector": target}
        isolated = deny | {"ingress" if side == "from" else "egress" for _, side, *_ in rules}
        spec["policyTypes"] = [t for t in ("Ingress", "Egress") if t.lower() in isolated - allow]
        for verb, side, peers, ports, name in rules:
            if verb != "allow" or name:
                raise Syntax(f"{verb} in a namespaced policy")
            rule = {}
            if peers:
                rule[side] = [self.np_peer(p) for p in peers]
            if ports:
                rule["ports"] = ports
            spec.setdefault("ingress" if side == "from" else "egress", []).append(rule)
        return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {**meta, **more}, "spec": spec}

    @staticmethod
    def np_peer(p):
        kind, x = p
        if kind == "cidr":
            return {"ipBlock": x}
        if kind != "pods":
            raise Syntax(f"{kind} in a namespaced policy")
        return {k: v for k, v in zip(("podSelector", "namespaceSelector"), x) if v is not None}

    @staticmethod
    def cp_scope(x):
        pods, ns = x
        return {"namespaces": ns} if pods is None else {"pods": {"namespaceSelector": ns, "podSelector": pods}}

    @staticmethod
    def cp_port(p):
        if p["protocol"] == "any":
            return {"destinationNamedPort": p["port"]}
        first, last = p.get("port", 1), p.get("endPort", p.get("port", 65535))
        return {p["protocol"].lower(): {"destinationPort": {"number": first} if "endPort" not in p and "port" in p else {"range": {"start": first, "end": last}}}}

    def cluster_policy(self):
        self.take("cluster", "policy")
        meta = {"name": self.any_word()}
        self.take("in", "tier")
        spec = {"tier": self.any_word().capitalize()}
        self.take("priority")
        spec["priority"] = int(self.any_word())
        self.take("for")
        spec["subject"] = self.cp_scope(self.peer()[1])
        more, deny, allow, rules = self.body()
        if deny or allow:
            raise Syntax("default in a cluster policy")
        for verb, side, peers, ports, name in rules:
            rule = {"action": {"allow": "Accept", "deny": "Deny", "pass": "Pass"}[verb], side: [
                {"networks": [x["cidr"]]} if kind == "cidr" else {"nodes": x} if kind == "nodes" else {"domainNames": [x]} if kind == "domain"
                else self.cp_scope(x) for kind, x in peers]}
            if name:
                rule["name"] = name
            if ports:
                rule["protocols"] = [self.cp_port(p) for p in ports]
            spec.setdefault("ingress" if side == "from" else "egress", []).append(rule)
        return {"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy", "metadata": {**meta, **more}, "spec": spec}

    def file(self):
        out = []
        while self.i < len(self.t):
            if self.took("npc"):
                self.take("1")
            elif self.took("namespace"):
                ns = self.any_word()
                self.take("{")
                while not self.took("}"):
                    if self.peek("policy"):
                        out.append(self.policy(ns))
                    else:
                        self.skip()
            elif self.peek("cluster"):
                out.append(self.cluster_policy())
            elif self.peek("policy"):
                out.append(self.policy(None))
            else:
                self.skip()
        return out

    def skip(self):
        """Inventory, tiers and tests hold no policy: past the end of the item."""
        if self.took("label"):
            self.any_word()
            self.take("=")
            self.any_word()
        elif self.took("tier"):
            self.any_word()
            self.take("order")
            self.any_word()
        elif self.peek("raw"):
            self.i += 3
        elif self.peek("workload") or self.peek("node") or self.peek("test"):
            self.i += 2
            self.take("{")
            depth = 1
            while depth:
                kind, s = self.t[self.i]
                depth += (kind == "punct") * ((s == "{") - (s == "}"))
                self.i += 1
        else:
            raise Syntax(f"unexpected {self.t[self.i:self.i + 4]}")


def objects(text):
    """The policies of decompiled text, as Kubernetes objects."""
    return Reader(text).file()
