"""Rows 1 to 25: bytes, YAML, names, addresses, files."""

import json
import os
import string
import subprocess
import sys

import yaml

from pylib import yamlscalar
from threats.common import INVENTORY, NPC, POLICY, Problem, need

CONFIGMAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: "


def bomb():
    """306 bytes or so whose leaves are 9^9."""
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    for prev, this in zip("abcdefgh", "bcdefghi"):
        lines.append(f"{this}: &{this} [" + ",".join(["*" + prev] * 9) + "]")
    return "\n".join(lines) + "\n"


def T01_alias_bomb(t):
    t.refuse(bomb(), id="NPC052", line=1, within=5)
    t.refuse(bomb(), "in.yaml", "--allow-aliases", within=5)
    in_policy = POLICY.replace("app: db", "app: db\n" + "".join("      " + x + "\n" for x in bomb().splitlines()))
    t.refuse(in_policy, "in.yaml", "--allow-aliases", within=5, memory=300000)


def T01_alias_cycle_and_undefined(t):
    for text in ("a: &a [*a]\n", "a: *nowhere\n", "- &a {b: *a}\n"):
        t.refuse(text, id="NPC052", within=5)
        t.refuse(text, "in.yaml", "--allow-aliases", within=5)


def T01_alias_allowed(t):
    text = POLICY.replace("matchLabels:\n      app: db", "matchLabels: &sel\n      app: db").replace(
        "matchLabels:\n          app: web", "matchLabels: *sel")
    t.refuse(text, id="NPC052", line=8)
    plain = POLICY.replace("app: web", "app: db")
    need(t.accept(text, "in.yaml", "--allow-aliases").out == t.accept(plain).out, "an alias means something else than its text")


def T02_deep_nesting(t):
    for what in ("[", "{a: ", "- ", "? ", "{? ", "[{a: ", "a: [", "!!x [", "&a ["):
        t.refuse(what * 1000000, what=what, within=10)
        t.refuse(CONFIGMAP + "[" + what * 200000, what="in an object: " + what, within=10)
    for what in ("[", '{"a":', '[{"a":'):
        t.refuse(what * 1000000, "in.json", what=what, within=10)
    t.refuse("{" * 1000000, "in.npc", what="npc {", within=10)


def T02_depth_limit(t):
    for depth, good in ((64, True), (65, False)):
        inner = depth - 2  # the object and `data`
        for file, text in (("in.yaml", CONFIGMAP + "{x: " + "[" * inner + "]" * inner + "}\n"),
                           ("in.json", json.dumps({"apiVersion": "v1", "kind": "ConfigMap"})[:-1] + ', "data": {"x": ' + "[" * inner + "]" * inner + "}}")):
            if good:
                t.accept(text, file, what=f"depth {depth}")
            else:
                t.refuse(text, file, id="NPC003", what=f"depth {depth}")


def T03_no_recursion(t):
    n = 100000
    chain = "let a0 = cidr 10.0.0.0/8\n" + "".join(f"let a{i} = a{i - 1}\n" for i in range(1, n))
    policy = f"namespace n {{ policy p for all pods {{ allow to a{n - 1} on tcp/1 }} }}\n"
    got = t.objects(chain + policy, "in.npc", timeout=60)
    need(got[0]["spec"]["egress"][0]["to"] == [{"ipBlock": {"cidr": "10.0.0.0/8"}}], f"a chain of groups lost its value: {got}")
    backwards = "".join(f"let a{i} = a{i - 1}\n" for i in range(n - 1, 0, -1)) + "let a0 = cidr 10.0.0.0/8\n"
    t.accept(policy + backwards, "in.npc", timeout=60, what="chain, last first")
    t.refuse(chain.replace("let a0 = cidr 10.0.0.0/8", f"let a0 = a{n - 1}") + policy, "in.npc", id="NPC032", timeout=60, what="cycle")
    t.accept("".join(f"rules r{i} {{ use r{i - 1} }}\n" for i in range(1, 1000)) + "rules r0 { allow to dns }\n"
             "namespace n { policy p for all pods { use r999 } }\n", "in.npc", what="rules of rules")


def T04_duplicate_keys(t):
    lines = POLICY.splitlines()
    for i, line in enumerate(lines):
        key = line.strip().removeprefix("- ")
        if ":" not in key:
            continue
        indent = len(line) - len(key)
        # Once more, with a scalar, right after the block that the key opens.
        j = i + 1
        while j < len(lines) and (len(lines[j]) - len(lines[j].lstrip()) > indent or
                                  lines[j].startswith(" " * indent + "- ")):
            j += 1
        name = key.split(":")[0]
        for spelling in (name, f'"{name}"', f"'{name}'", f'"\\x{ord(name[0]):02x}{name[1:]}"'):
            text = "\n".join(lines[:j] + [" " * indent + f"{spelling}: x"] + lines[j:]) + "\n"
            r = t.refuse(text, id="NPC053", line=j + 1, col=indent + 1)
            need(f"in.yaml:{i + 1}:{indent + 1}: note:" in r.diag, f"{spelling}: the first place is not named\n{r.diag}")
    text = json.dumps(yaml.safe_load(POLICY)).replace('"kind": ', '"k\\u0069nd": "Pod", "kind": ')
    t.refuse(text, "in.json", id="NPC053")


def T05_unknown_fields(t):
    for old, new, hint in (
            ("podSelector:\n    matchLabels:\n      app: db", "podselector:\n    matchLabels:\n      app: db", "podSelector"),
            ("policyTypes", "policytypes", "policyTypes"), ("  ingress:", "  ingres:", "ingress"), ("- from:", "- form:", "from"),
            ("ipBlock", "ipblock", "ipBlock"), ("protocol", "protocoll", "protocol"), ("cidr", "CIDR", "cidr"), ("matchLabels", "matchlabels", "matchLabels"),
            ("except:", "excepts:", "except")):
        t.refuse(POLICY.replace(old, new, 1), id="NPC507", says=f"did you mean {hint}")
        if new in ("policytypes", "  ingres:", "- form:", "excepts:", "protocoll"):  # what is left is still a policy
            t.accept(POLICY.replace(old, new, 1), "in.yaml", "--lenient", what="--lenient " + new)
    moved = POLICY.replace("    ports:\n    - protocol: TCP\n      port: 5432\n", "    port: 5432\n")
    t.refuse(moved, id="NPC317", says="ports: [{port:")
    t.refuse(POLICY.replace("    ports:\n    - protocol: TCP\n      port: 5432\n", "") + "  ports:\n  - port: 1\n", id=("NPC317", "NPC507"))
    t.refuse(POLICY + "ingress: []\n", id=("NPC507", "NPC317"))
    for good in ("status: {}\n",):
        t.accept(POLICY + good)


def T06_wrong_types(t):
    for old, new, says in (
            ("  policyTypes:\n  - Ingress\n", "  policyTypes: Ingress\n", ("spec.policyTypes", "list")),
            ("      port: 5432", "      port: [5432]", ("spec.ingress[0].ports[0].port",)),
            ("    - podSelector:\n        matchLabels:\n          app: web", "    - podSelector: web", ("spec.ingress[0].from[0].podSelector",)),
            ("  - from:", "  - null\n  - from:", ("spec.ingress[0]",)),
            ("    - protocol: TCP", "    - null\n    - protocol: TCP", ("spec.ingress[0].ports[0]",)),
            ("    - podSelector:\n        matchLabels:\n          app: web", "    - null", ("spec.ingress[0].from[0]",))):
        need(old in POLICY, old)
        t.refuse(POLICY.replace(old, new), says=says)
    null_peer = POLICY.replace("    - podSelector:\n        matchLabels:\n          app: web", "    - podSelector: null")
    t.refuse(null_peer, says="spec.ingress[0].from[0]")
    t.accept(POLICY.replace("  podSelector:\n    matchLabels:\n      app: db", "  podSelector: null"))


SCALARS = """yes no on off y n Yes NO On OFF Y N true false True FALSE null Null NULL ~ 0 1 -1 +1 007 08 1_000 0x1F 0o17 0b101 1e5 1E5 1e-5 1.0
.5 1. +.5 -.inf .inf .Inf .nan .NaN 12:30 22:22 1:20:30 1:2.5 2001-01-01 2001-12-14t21:59:43.10-05:00 << = 1.5e3 1e+5 0.0 -0 1__0
prod yess noo on-call v1.0 1a a1 1.2.3 1-2 e5 x0 nul truee""".split()


def T07_norway(t):
    for s in SCALARS:
        ambiguous = yamlscalar.is_ambiguous(s)
        good = all(c in string.ascii_letters + string.digits + "-_." for c in s) and s[0].isalnum() and s[-1].isalnum()
        for where, plain, quoted in (
                ("value", f"app: {s}", f"app: '{s}'"),
                ("key", f"{s}: x", f"'{s}': x")):
            plain_text = POLICY.replace("app: db", plain)
            quoted_text = POLICY.replace("app: db", quoted)
            if ambiguous:
                if where == "key" and s in ("<<", "="):
                    t.refuse(plain_text, id=("NPC052", "NPC054"), what=f"{where} {s}")
                else:
                    t.refuse(plain_text, id=("NPC054", "NPC060"), line=9, what=f"{where} {s}")
            elif good:
                t.accept(plain_text, what=f"{where} {s}")
            if good:
                got = t.objects(quoted_text, what=f"quoted {where} {s}")
                need(got[0]["spec"]["podSelector"]["matchLabels"] == yaml.safe_load("{" + quoted + "}"), f"quoted {s}: {got}")
        for where, text in (
                ("annotation", POLICY.replace("  name: good\n", f"  name: good\n  annotations:\n    a: {s}\n")),
                ("label", POLICY.replace("  name: good\n", f"  name: good\n  labels:\n    a: {s}\n")),
                ("name", POLICY.replace("name: good", f"name: {s}"))):
            if ambiguous:
                t.refuse(text, id=("NPC054", "NPC060", "NPC061", "NPC052"), what=f"{where} {s}")


def T08_port_spellings(t):
    for s in ("080", "08", "010", "0x50", "0o17", "1_000", "80.0", "8e1", "+80", "22:22", '"80"', "' 80'", "'080'", "0b11", "80.", "1e2", "-0", '"+80"', "80a_", "'8 0'"):
        r = t.refuse(POLICY.replace("port: 5432", f"port: {s}"), line=23, what=f"port: {s}")
        if s == '"80"':
            need("NPC315" in r.diag, f"no NPC315\n{r.diag}")
        t.refuse(POLICY.replace("port: 5432", f"port: 1\n      endPort: {s}"), line=24, what=f"endPort: {s}")
    for s in ("tcp/080", "tcp/08", "tcp/010", "tcp/+80", "tcp/80.0", "tcp/1_000", "tcp/0x50-0x60", "tcp/80-080", "tcp/080-90", "udp/00", "80", "080", "tcp/", "tcp/-80", "tcp/80-",
              "tcp/80-90-100", "TCP/80", "tcp/Http", "tcp/a--b", "tcp/abcdefghijklmnop", "tcp/1e", "tcp /80"):
        if s == "tcp/1e":
            continue  # a name: it holds a letter
        t.refuse(NPC.replace("tcp/5432", s), "in.npc", line=3, what=s)
    r = t.refuse(NPC.replace("tcp/5432", "80"), "in.npc", what="80")
    need("tcp/80" in r.diag, f"no suggestion tcp/80\n{r.diag}")


def T09_port_bounds(t):
    for n in (0, 65536, -1, 2**32 + 80, 2**64 + 80, 99999999999999999999, 2**31, 2**32 - 1, -2**63):
        t.refuse(POLICY.replace("port: 5432", f"port: {n}"), line=23, what=f"port: {n}")
        t.refuse(POLICY.replace("port: 5432", f"port: 1\n      endPort: {n}"), line=24, what=f"endPort: {n}")
        t.refuse(json.dumps(yaml.safe_load(POLICY)).replace("5432", str(n)), "in.json", what=f"json {n}")
        for proto in ("tcp", "udp", "sctp"):
            t.refuse(NPC.replace("tcp/5432", f"{proto}/{n}"), "in.npc", line=3, what=f"{proto}/{n}")
            t.refuse(NPC.replace("tcp/5432", f"{proto}/1-{n}"), "in.npc", line=3, what=f"{proto}/1-{n}")
    for text in ("port: 443\n      endPort: 80", "port: http\n      endPort: 80", "endPort: 80"):
        t.refuse(POLICY.replace("port: 5432", text))
    t.refuse(NPC.replace("tcp/5432", "tcp/443-80"), "in.npc", line=3)
    for n in (1, 65535):
        for text, file in ((POLICY.replace("port: 5432", f"port: {n}\n      endPort: {n}"), "in.yaml"), (NPC.replace("5432", f"{n}-{n}"), "in.npc")):
            got = t.objects(text, file)
            need(got[0]["spec"]["ingress"][0]["ports"] == [{"protocol": "TCP", "port": n, "endPort": n}], f"{n}: {got}")


def T10_cidr_length(t):
    for c in ("10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/", "10.0.0.0/8/8", "10.0.0.0/8 ", "/8", "2001:db8::/129", "2001:db8::", "10.0.0.0/1e1", "10.0.0.0/+8",
              "10.0.0.0/99999999999", "2001:db8::/064", "10.0.0.0/255.0.0.0"):
        if c not in ("10.0.0.0/08", "2001:db8::/064"):  # the API server reads them (until StrictIPCIDRValidation)
            t.refuse(POLICY.replace("10.0.0.0/8", f"'{c}'").replace("        except:\n        - 10.1.0.0/16\n", ""), line=18, what=c)
        if " " not in c and c[0] != "/":
            t.refuse(f"policy p for all pods {{\n allow from cidr {c} on tcp/1\n}}\n", "in.npc", line=2, what="npc " + c)
    for c, masked, single in (("10.0.0.5/8", "10.0.0.0/8", "10.0.0.5/32"), ("2001:db8::1/32", "2001:db8::/32", "2001:db8::1/128")):
        t.refuse(f"policy p for all pods {{\n allow from cidr {c} on tcp/1\n}}\n", "in.npc", line=2, says=(masked, single))
        r = t.accept(POLICY.replace("10.0.0.0/8", c).replace("        except:\n        - 10.1.0.0/16\n", ""))
        need(masked in r.text and c not in r.text and "NPC313" in r.diag, f"{c}: not masked with a warning\n{r.text}{r.diag}")


def T11_leading_zeros(t):
    for c, read in (("010.0.0.1/32", "10.0.0.1/32"), ("10.01.0.0/16", "10.1.0.0/16"), ("010.000.001.000/24", "10.0.1.0/24"), ("0000010.0.0.1/32", "10.0.0.1/32"), ("10.0.0.0/08", "10.0.0.0/8")):
        t.refuse(f"policy p for all pods {{\n allow from cidr {c} on tcp/1\n}}\n", "in.npc", line=2, what="npc " + c)
        r = t.accept(POLICY.replace("10.0.0.0/8", c).replace("        except:\n        - 10.1.0.0/16\n", ""))
        need(read in r.text and c not in r.text and "NPC313" in r.diag, f"{c}: not read as {read} with a warning\n{r.text}{r.diag}")
    for c in ("0x0a.0.0.1/32", "10.1/16", "167772161/32", "10.0.0.1.0/32", "10.0.0/24", "256.0.0.0/8", "10..0.1/32"):
        t.refuse(POLICY.replace("10.0.0.0/8", f"'{c}'").replace("        except:\n        - 10.1.0.0/16\n", ""), line=18, what=c)
        t.refuse(f"policy p for all pods {{\n allow from cidr {c} on tcp/1\n}}\n", "in.npc", line=2, what="npc " + c)


def T12_mapped_addresses(t):
    for c in ("::ffff:10.0.0.1/128", "::ffff:0:0/96", "::ffff:10.0.0.0/104", "::FFFF:a00:1/128", "fe80::1%eth0/64", "0:0:0:0:0:ffff:0a00:0001/128"):
        t.refuse(POLICY.replace("10.0.0.0/8", f"'{c}'").replace("        except:\n        - 10.1.0.0/16\n", ""), line=18, what=c)
        t.refuse(f"policy p for all pods {{\n allow from cidr {c} on tcp/1\n}}\n", "in.npc", line=2, what="npc " + c)
    pod = INVENTORY.replace("10.9.0.3", "::ffff:10.9.0.3")
    t.refuse(pod, what="pod address ::ffff:10.9.0.3")


def T13_except(t):
    for block in ("10.0.0.0/8", "11.0.0.0/16", "2001:db8::/48", "0.0.0.0/0"):
        t.refuse(POLICY.replace("10.1.0.0/16", block), line=20, what="except " + block)
        t.refuse(NPC.replace("10.1.0.0/16", block), "in.npc", line=3, what="npc except " + block)
    t.accept(POLICY.replace("        - 10.1.0.0/16", "        - 10.1.0.0/16\n        - 10.1.2.0/24\n        - 10.0.0.0/9"))
    all_of_it = "        - 10.0.0.0/9\n        - 10.128.0.0/9"
    t.refuse(POLICY.replace("        - 10.1.0.0/16", all_of_it), what="except everything")
    t.refuse(NPC.replace("{10.1.0.0/16}", "{10.0.0.0/9, 10.128.0.0/9}"), "in.npc", line=3, what="npc except everything")


def T13_except_bitwise(t):
    """The addresses that a rule opens, against a bit-level oracle on a /24."""
    import ipaddress
    import random
    r = random.Random(13)
    for _ in range(20):
        nets = []
        for _ in range(r.randint(1, 3)):
            length = r.randint(24, 30)
            net = ipaddress.ip_network((0x0A090900 | r.getrandbits(8) >> (32 - length) << (32 - length), length))
            ex = [ipaddress.ip_network((int(net.network_address) + (r.randrange(1 << (32 - net.prefixlen)) >> (32 - n) << (32 - n)), n))
                  for n in (r.randint(length + 1, 32) for _ in range(r.randint(0, 3)))]
            nets.append((net, ex))
        oracle = set()
        for net, ex in nets:
            oracle |= {int(a) for a in net if not any(a in e for e in ex)}
        if any(not [a for a in net if not any(a in e for e in ex)] for net, ex in nets):
            continue
        peers = ", ".join(f"cidr {n}" + (f" except {{{', '.join(map(str, e))}}}" if e else "") for n, e in nets)
        text = f"namespace n {{ policy p for all pods {{ allow from {{{peers}}} on tcp/1 }} workload w {{ addr 10.0.0.1 }} }}\n"
        out = t.accept(text, "in.npc", "--host", "n/w", target="nft").text
        got = nft_sources(out)
        need(got == oracle, f"{text}: {len(got ^ oracle)} addresses differ: {sorted(got ^ oracle)[:3]}\n{out}")


def nft_sources(text):
    """The IPv4 addresses in 10.9.9.0/24 that appear in a ruleset, as single ones, prefixes, ranges."""
    import ipaddress
    import re
    found = set()
    for first, last in re.findall(r"\b(10\.9\.(?:9|10)\.\d+)-(10\.9\.(?:9|10)\.\d+)\b", text):
        found |= set(range(int(ipaddress.ip_address(first)), int(ipaddress.ip_address(last)) + 1))
    rest = re.sub(r"\b10\.9\.(?:9|10)\.\d+-10\.9\.(?:9|10)\.\d+\b", "", text)
    for net in re.findall(r"\b10\.9\.9\.\d+(?:/\d+)?\b", rest):
        found |= {int(a) for a in ipaddress.ip_network(net)}
    return found


def T14_line_breaks(t):
    t.refuse(POLICY.replace("  name: good", "\tname: good"), id=("NPC050", "NPC002"), line=4)
    for c in ("\r", "\u0085", "\u2028", "\u2029"):
        for place in ("# x" + c + "y\n" + POLICY, POLICY.replace("app: db", f'app: "d{c}b"'), POLICY.replace("kind:", c + "kind:")):
            t.refuse(place, what=repr(c))
        t.refuse(NPC.replace("{\n", "{ # x" + c + "\n", 1) if c != "\r" else NPC.replace("{\n", "{ # x\ry\n", 1), "in.npc", id=("NPC002", "NPC021"), line=1)
    need(t.accept(POLICY.replace("\n", "\r\n")).out == t.accept(POLICY).out, "CR LF changes a YAML policy")
    need(t.accept(NPC.replace("\n", "\r\n"), "in.npc").out == t.accept(NPC, "in.npc").out, "CR LF changes an npc policy")


def T15_byte_order_marks(t):
    bom = "\ufeff"
    for text, file in ((POLICY, "in.yaml"), (NPC, "in.npc"), (json.dumps(yaml.safe_load(POLICY)), "in.json")):
        need(t.accept(bom + text, file).out == t.accept(text, file).out, f"{file}: a byte order mark changes the meaning")
        t.refuse(text + bom, file, id=("NPC002", "NPC021", "NPC050", "NPC051"), what=f"{file}: a mark at the end")
        t.refuse(bom + bom + text, file, what=f"{file}: two marks")
        for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
            t.refuse(text.encode(encoding), file, what=f"{file}: {encoding}")
    t.refuse(POLICY.replace("app: db", f'app: "{bom}db"'), what="a mark in a string")


def T16_damaged_bytes(t):
    bad = (b"\x00", b"\x80", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x1b", b"\x7f", b"\x01")
    for text, file in ((POLICY, "in.yaml"), (NPC, "in.npc"), (json.dumps(yaml.safe_load(POLICY)), "in.json")):
        data = text.encode()
        for b in bad:
            for i in (0, 1, len(data) // 3, len(data) // 2, len(data) - 1, len(data)):
                r = t.refuse(data[:i] + b + data[i:], file, what=f"{file}: {b!r} at {i}")
                if b not in (b"\x7f",) and file != "in.json":
                    need("NPC002" in r.diag, f"{file}: {b!r} at {i}\n{r.diag}")


def T16_every_byte(t):
    """All one-byte damages of a good npc file: no crash, and output only where it still is valid."""
    data = NPC.encode()
    step = 7 if t.suite.short else 1
    for i in range(0, len(data), step):
        for b in (data[i] ^ 0x80, data[i] ^ 0x20, data[i] ^ 1, 0, 0xFF):
            t.compile(data[:i] + bytes([b]) + data[i + 1:], "in.npc")
    data = POLICY.encode()
    for i in range(0, len(data), step):
        for b in (data[i] ^ 0x80, data[i] ^ 0x20, 0, 0xFF):
            t.compile(data[:i] + bytes([b]) + data[i + 1:], "in.yaml")


def T17_escaped_nul(t):
    lines = POLICY.splitlines()
    for i, line in enumerate(lines):
        head, sep, value = line.partition(": ") if ": " in line else (line[:line.index("- ") + 1], " ", line.split("- ")[1]) if "- " in line and not line.endswith(":") \
            else (line, "", "")
        if not value or value.isdigit():
            continue
        for esc in ("\\0", "\\x00", "\\u0000"):
            text = "\n".join(lines[:i] + [f'{head}{sep}"{value}{esc}"'] + lines[i + 1:]) + "\n"
            t.refuse(text, line=i + 1, what=text.splitlines()[i])
    for where in ('annotations: {a: "x\\0"}', 'labels: {"a\\0b": x}', 'namespace: "production\\0x"'):
        t.refuse(POLICY.replace("  namespace: shop\n", f"  {where}\n"), line=5, what=where)
    t.refuse(json.dumps(yaml.safe_load(POLICY)).replace("db", "db\\u0000"), "in.json")
    t.refuse(NPC.replace("for pods", 'for pods "a\\u{0}"=x & '), "in.npc", line=2)


BIDI = ["\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"]
UNSEEN = ["\u200b", "\u200d", "\u200e", "\u061c", "\u2060", "\u00ad", "\u180e", "\ufff9", "\U000e0041"]


def T18_hidden(t):
    for c in BIDI + UNSEEN:
        for text in (NPC + f"# {c}\n", NPC.replace("app=web", f'app="{c}"'), NPC.replace("{\n", f'{{\n desc "{c}"\n', 1), NPC.replace("good", f"good{c}"),
                     NPC.replace("  policy", f'  raw k8s """{c}"""\n  policy')):
            t.refuse(text, "in.npc", id="NPC002", what=repr(c))
        for text in (POLICY.replace("good", f"go{c}od"), POLICY.replace("app: db", f"app: d{c}b"), POLICY.replace("shop", f'"sh\\U{ord(c):08x}op"')):
            t.refuse(text, what=repr(c))
        annotated = POLICY.replace("  name: good\n", f'  name: good\n  annotations: {{a: "x\\U{ord(c):08x}y"}}\n')
        got = t.objects(annotated)
        need(got[0]["metadata"]["annotations"]["a"] == f"x{c}y", f"annotation: {got}")
        out = t.accept(annotated, target="npc").text
        need(c not in out and f"\\u{{{ord(c):x}}}" in out.lower(), f"decompiled: {out}")
        need(c not in t.accept(annotated).text, "raw in YAML output")


def T19_yaml_features(t):
    for old, new in (("app: db", "app: !!str db"), ("app: db", "app: !x db"), ("app: db", "app: !!binary ZGI="), ("app: db", "? app\n      : db"),
                     ("app: db", "? [app]\n      : db"), ("app: db", "<<: {app: db}"), ("apiVersion", "%YAML 2.0\n---\napiVersion"),
                     ("apiVersion", "%TAG ! tag:x,2000:\n---\napiVersion"), ("kind: NetworkPolicy", "kind: !!str NetworkPolicy"),
                     ("app: db", "{a: b}: db"), ("spec:", "spec: !!map"), ("app: db", "app: &x db"), ("app: db", "app: *x"),
                     ("apiVersion", "%YAML 1.1\n---\napiVersion"), ("app: db", "app: ! db")):
        text = POLICY.replace(old, new, 1)
        if new.startswith("? app"):
            # An explicit key is another spelling of a plain one; refused or read alike.
            if t.compile(text).status == 0:
                need(t.objects(text) == t.objects(POLICY), f"{new}: read otherwise")
            continue
        if "1.1" in new and t.compile(text).status == 0:
            need(t.objects(text) == t.objects(POLICY), f"{new}: read otherwise")
            continue
        r = t.refuse(text, id=("NPC052", "NPC050"), what=new)
        if "<<" in new:
            need("write" in r.diag, f"merge key: no advice\n{r.diag}")


def T20_documents(t):
    two = POLICY + "---\n" + POLICY.replace("good", "other")
    need(len(t.objects(two)) == 2, "two documents")
    need(len(t.objects("---\n---\n" + two + "---\n---\n# nothing\n...\n---\n")) == 2, "empty documents")
    t.accept("")
    lst = json.dumps({"apiVersion": "v1", "kind": "List", "items": [yaml.safe_load(POLICY)]})
    need(len(t.objects(lst, "in.json")) == 1, "List")
    swapped = json.dumps({"items": [yaml.safe_load(POLICY)], "kind": "NetworkPolicyList", "apiVersion": "networking.k8s.io/v1"})
    bare = json.loads(swapped)
    del bare["items"][0]["kind"], bare["items"][0]["apiVersion"]
    need(t.objects(swapped, "in.json") == t.objects(json.dumps(bare), "in.json") == t.objects(POLICY), "NetworkPolicyList, items before kind")
    need(len(t.objects(lst + "\n" + lst.replace("good", "other"), "in.json")) == 2, "concatenated JSON documents")
    for garbage in ("}", "]", "x", '"', "{", ",", "\x00", "1"):
        t.refuse(lst + garbage, "in.json", what="JSON followed by " + garbage)
    for doc in ("- a\n", "text\n", "42\n", "[]\n"):
        t.refuse(doc, what="a document that is no object: " + doc)


def T20_truncated(t):
    """A cut file never compiles to fewer policies unless the cut file is a valid stream by itself;
    --expect-count refuses that too."""
    two = POLICY + "---\n" + POLICY.replace("good", "other")
    step = 5 if t.suite.short else 1
    for i in range(0, len(two), step):
        cut = two[:i]
        r = t.compile(cut)
        if r.status == 0:
            try:
                docs = [d for d in yaml.safe_load_all(cut) if d is not None]
            except yaml.YAMLError as e:
                raise Problem(f"cut at {i}: compiles, but is no YAML: {e}") from e
            # "kind: Net" is another kind, and skipped as such.
            n = sum(d.get("kind") == "NetworkPolicy" for d in docs)
            need(len(list(yaml.safe_load_all(r.out))) == n, f"cut at {i}: {r.text}")
    need(t.compile(two, "in.yaml", "--expect-count", "2").status == 0, "--expect-count 2")
    t.refuse(two, "in.yaml", "--expect-count", "3", id="NPC008")
    t.refuse(POLICY, "in.yaml", "--expect-count", "2", id="NPC008")
    data = json.dumps({"apiVersion": "v1", "kind": "List", "items": [yaml.safe_load(POLICY)]})
    for i in range(1, len(data), step):
        t.refuse(data[:i], "in.json", what=f"JSON cut at {i}")
    for i in range(1, len(NPC) - 1, step):
        cut = NPC[:i]
        if t.compile(cut, "in.npc").status == 0:
            need(not cut.strip() or cut.count("{") == cut.count("}"), f"npc cut at {i} compiles")


def T21_endless(t):
    cwd = t.dir()
    os.symlink("/dev/zero", cwd / "zero.yaml")
    for name in ("/dev/zero", "zero.yaml"):
        r = t.run("compile", name, cwd=cwd, timeout=20)
        need(r.status in (2, 3), f"{name}: status {r.status}")
    r = t.run("compile", "-", stdin=b"a" * (8 << 20), timeout=20)
    need(r.status == 2, f"8 MiB of a: {r.status}")
    huge = "x" * (64 << 20)
    r = t.refuse(CONFIGMAP + f'{{x: "{huge}"}}\n', id="NPC003", timeout=30, memory=1200000, what="a scalar of 64 MiB")
    t.refuse('{"kind": "ConfigMap", "apiVersion": "v1", "x": "' + huge + '"}', "in.json", id="NPC003", timeout=30, memory=1200000, what="a JSON string of 64 MiB")


ENDLESS = """
import sys
i = 0
while True:
    i += 1
    sys.stdout.write(sys.argv[1].replace("@", str(i)) + "\\n")
"""


def T21_endless_objects(t):
    """A stream that never ends stops at the limits of policies and pods, and in bounded memory."""
    pod = '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p@","namespace":"n"},"spec":{},"status":{}}'
    policy = '{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"p@","namespace":"n"},"spec":{"podSelector":{}}}'
    for what, text in (("policies", policy),) if t.suite.short or t.sanitized else (("policies", policy), ("pods", pod)):
        with subprocess.Popen([sys.executable, "-c", ENDLESS, text], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as source:
            limit_kib = "" if t.sanitized else "ulimit -v 2000000; "
            r = subprocess.run(["bash", "-c", limit_kib + 'exec timeout 100 "$0" compile -', t.suite.npc], stdin=source.stdout, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, check=False)
            source.kill()
        need(r.returncode == 2 and b"NPC003" in r.stderr, f"endless {what}: status {r.returncode} {r.stderr[:300]!r}")


def T21_large_dump(t):
    """A dump of many pods streams by: memory grows with what is kept of them, not with the bytes."""
    n = 3000 if t.suite.short else 30000
    cwd = t.dir()
    pad = json.dumps({f"k{i}": "v" * 60 for i in range(60)})
    with open(cwd / "pods.json", "w") as f:
        f.write('{"apiVersion": "v1", "items": [\n')
        for i in range(n):
            f.write(("," if i else "") + '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p%d", "namespace": "n%d", "labels": {"app": "a%d"}, "annotations": %s},'
                    ' "spec": {"nodeName": "n", "containers": [{"name": "c", "env": [%s]}]}, "status": {"phase": "Running", "podIPs": [{"ip": "10.%d.%d.%d"}]}}\n'
                    % (i, i % 50, i % 100, pad, pad, i >> 16 & 255, i >> 8 & 255, i & 255))
        f.write('], "kind": "List"}\n')
    size = (cwd / "pods.json").stat().st_size
    (cwd / "p.yaml").write_text(POLICY)
    r = t.run("compile", "-t", "k8s", "p.yaml", "pods.json", cwd=cwd, memory=200000, timeout=100)
    need(r.status == 0, f"{size >> 20} MiB: status {r.status} {r.diag[:300]}")
    need(len(list(yaml.safe_load_all(r.out))) == 1, "the policy is lost")


def T21_pipe(t):
    cwd = t.dir()
    os.mkfifo(cwd / "pipe.yaml")
    pid = os.fork()
    if pid == 0:
        with open(cwd / "pipe.yaml", "w") as f:
            f.write(POLICY)
        os._exit(0)
    r = t.run("compile", "pipe.yaml", cwd=cwd, timeout=20)
    os.waitpid(pid, 0)
    need(r.status == 0 and r.out == t.accept(POLICY).out, f"a FIFO: {r.status} {r.diag}")
    r = t.run("compile", "-", stdin=POLICY)
    need(r.status == 0 and r.out == t.accept(POLICY).out, f"stdin: {r.status} {r.diag}")


def T21_directory(t):
    cwd = t.dir()
    for d in ("p/a", "p/b", "p/.hidden"):
        (cwd / d).mkdir(parents=True)
    (cwd / "p/a/x.yaml").write_text(POLICY)
    (cwd / "p/b/y.yml").write_text(POLICY.replace("good", "b"))
    (cwd / "p/z.json").write_text(json.dumps(yaml.safe_load(POLICY.replace("good", "z"))))
    (cwd / "p/n.npc").write_text(NPC.replace("good", "n1"))
    (cwd / "p/.hidden/h.yaml").write_text(POLICY.replace("good", "h"))
    (cwd / "p/.dot.yaml").write_text(POLICY.replace("good", "h"))
    (cwd / "p/readme.txt").write_text("not read")
    (cwd / "outside.yaml").write_text(POLICY.replace("good", "h"))
    os.symlink("../outside.yaml", cwd / "p/link.yaml")
    os.symlink("..", cwd / "p/up")
    r = t.run("compile", "p", cwd=cwd)
    need(r.status == 0, r.diag)
    names = [d["metadata"]["name"] for d in yaml.safe_load_all(r.out)]
    need(sorted(names) == ["b", "good", "n1", "z"], f"read {names}")


def limit(t, text, file, good, what, *args, id="NPC003", target="k8s", timeout=60):
    if good:
        return t.accept(text, file, *args, what=what, target=target, timeout=timeout)
    return t.refuse(text, file, *args, id=id, what=what, target=target, timeout=timeout)


def T21_limit_dsl_file(t):
    for extra, good in ((0, True), (1, False)):
        head = NPC + "#"
        limit(t, head + "x" * ((4 << 20) - len(head) - 1 + extra) + "\n", "in.npc", good, f"an npc file of 4 MiB + {extra}")


def T21_limit_dsl_total(t):
    for extra, good in ((0, True), (1, False)):
        cwd = t.dir()
        for i in range(16):
            head = NPC.replace("good", f"good{i}") + "#"
            (cwd / f"f{i:02d}.npc").write_text(head + "x" * ((4 << 20) - len(head) - 1) + "\n")
        if extra:
            (cwd / "f99.npc").write_text("\n")
        r = t.run("compile", *[f"f{i:02d}.npc" for i in range(16)], *(["f99.npc"] if extra else []), cwd=cwd, timeout=120)
        need((r.status == 0) == good, f"64 MiB + {extra}: status {r.status}\n{r.diag[:500]}")
        need(good or "NPC003" in r.diag, r.diag[:500])


def T21_limit_word(t):
    for n, good in ((4096, True), (4097, False)):
        # As long as a label may not be: another error than the limit's shows that the word was read.
        r = t.refuse(NPC.replace("app=web", "app=" + "w" * n), "in.npc", what=f"a word of {n}")
        need(("NPC003" in r.diag) != good, f"a word of {n}: {r.diag[:300]}")


def T21_limit_string(t):
    # The annotations of an object, keys included, are 256 KiB at most for the API (NPC065); a single
    # string of the language too (NPC003).
    for n, good in ((256 << 10, True), ((256 << 10) + 1, False)):
        for quote in ('"', '"""'):
            text = NPC.replace("{\n    allow", f"{{\n    annotation a = {quote}" + "d" * (n - 1) + f"{quote}\n    allow")
            limit(t, text, "in.npc", good, f"an annotation of {n}", id="NPC065")
            r = t.refuse(text.replace("annotation a =", "desc").replace("dddd", "ddddd", 1), "in.npc", what=f"a string of {n}")
            need(("NPC003" in r.diag) != good, f"a string of {n}: {r.diag[:300]}")
        n -= 1
        limit(t, POLICY.replace("  name: good\n", f"  name: good\n  annotations: {{a: \"{'d' * n}\"}}\n"), "in.yaml", good, f"an annotation of {n}", id=("NPC065", "NPC003"))
        o = yaml.safe_load(POLICY)
        o["metadata"]["annotations"] = {"a": "d" * n}
        limit(t, json.dumps(o), "in.json", good, f"a JSON annotation of {n}", id=("NPC065", "NPC003"))


def T21_limit_object(t):
    """One object: 4 MiB and 200,000 nodes. What counts exactly is the reader's, so these limits are
    shown from both sides with a margin of a thousandth."""
    pad = "x" * 1000
    for n, good in (((4 << 20) - 8000, True), ((4 << 20) + 8000, False)):
        rows = n // (len(pad) + 4)
        limit(t, CONFIGMAP + "\n" + f"- {pad}\n" * rows, "in.yaml", good, f"an object of {n} bytes")
        text = CONFIGMAP.replace("\n", " ") and json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "data": [pad] * rows})
        limit(t, text, "in.json", good, f"a JSON object of {n} bytes")
        # A stream of objects has no such limit.
    limit(t, ("---\n" + CONFIGMAP + "\n" + f"- {pad}\n" * 1000) * 8, "in.yaml", True, "8 MiB of objects of 1 MiB")
    limit(t, "kind: List\napiVersion: v1\nitems:\n" + f"- {{apiVersion: v1, kind: ConfigMap, metadata: {{name: x}}, data: {pad}}}\n" * 8000, "in.yaml", True,
          "a List of 8 MiB")
    for n, good in ((199900, True), (200100, False)):
        limit(t, CONFIGMAP + "\n" + "- x\n" * n, "in.yaml", good, f"an object of {n} nodes")
        limit(t, json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "data": [1] * n}), "in.json", good, f"a JSON object of {n} nodes")


def T21_limit_include_depth(t):
    for depth, good in ((16, True), (17, False)):
        cwd = t.dir()
        for i in range(depth):
            (cwd / f"f{i}.npc").write_text(f'include "f{i + 1}.npc"\n')
        (cwd / f"f{depth}.npc").write_text(NPC)
        r = t.run("compile", "f0.npc", cwd=cwd)
        need((r.status == 0) == good, f"{depth} includes deep: status {r.status}\n{r.diag[:500]}")
        need(good or "NPC003" in r.diag or "NPC005" in r.diag, r.diag[:300])


def T21_limit_per_rule(t):
    for n, good in ((10000, True), (10001, False)):
        ports = ", ".join(f"tcp/{i}" for i in range(1, n + 1))
        limit(t, f"namespace n {{ policy p for all pods {{ allow from anywhere on {{{ports}}} }} }}", "in.npc", good, f"{n} ports")
        peers = ", ".join(f"cidr 10.{i >> 8}.{i & 255}.0/24" for i in range(n))
        limit(t, f"namespace n {{ policy p for all pods {{ allow from {{{peers}}} on tcp/1 }} }}", "in.npc", good, f"{n} peers")
        head = POLICY[:POLICY.index("  ingress:")]
        limit(t, head + "  ingress:\n  - ports:\n" + "".join(f"    - port: {i}\n" for i in range(1, n + 1)), "in.yaml", good, f"{n} ports in YAML")


def T21_limit_policies(t):
    for n, good in ((100000, True), (100001, False)):
        text = "namespace n {\n" + "".join(f"policy p{i} for all pods {{ default deny ingress }}\n" for i in range(n // 2)) + "}\n"
        rest = "namespace m {\n" + "".join(f"policy p{i} for all pods {{ default deny ingress }}\n" for i in range(n - n // 2)) + "}\n"
        cwd = t.dir()
        (cwd / "a.npc").write_text(text)
        (cwd / "b.npc").write_text(rest)
        r = t.run("compile", "-t", "json" if False else "npc", "-o", "out", "a.npc", "b.npc", cwd=cwd, timeout=120)
        need((r.status == 0) == good, f"{n} policies: status {r.status}\n{r.diag[:300]}")
        need(good or "NPC003" in r.diag, r.diag[:300])


def T21_limit_expansion(t):
    """Groups of groups: 1 M elements."""
    base = "let g0 = {" + ", ".join(f"cidr 10.0.{i}.0/24" for i in range(100)) + "}\n"
    use = "namespace n { policy p for all pods { allow from %s on tcp/1 } }\n"
    # 100 x 100 = 10,000 elements, the limit of one rule
    ok = base + "let g1 = {" + ", ".join(["g0"] * 100) + "}\n" + use % "g1"
    t.accept(ok, "in.npc", what="10,000 elements")
    t.refuse(base + "let g1 = {" + ", ".join(["g0"] * 100) + "}\nlet g2 = {" + ", ".join(["g1"] * 101) + "}\n" + use % "g2", "in.npc",
             id=("NPC605", "NPC003"), within=10, what="1,010,000 elements")


def T21_limit_errors_shown(t):
    for n in (50, 51, 200):
        text = "namespace n { policy p for all pods {\n" + "allow from pods app=A/b on tcp/0\n" * 0 + "".join(f"allow from anywhere on tcp/{70000 + i}\n" for i in range(n)) + "} }\n"
        r = t.refuse(text, "in.npc", what=f"{n} errors")
        shown = r.diag.count(": error: ")
        need(shown == min(n, 50), f"{n} errors: {shown} shown")
        need((n > 50) == (str(n - 50) in r.diag.splitlines()[-1]), f"{n} errors: the rest is not counted: {r.diag.splitlines()[-1]}")


def T22_names(t):
    for n in ("Good", "g" * 254, "..", ".", "a/b", "''", "-rf", "a_b", "a b", "a..b", "a-", ".a", "../../etc/passwd", "ä", "a\\nb", "%s", "a.-b"):
        name = n if n == "''" else f'"{n}"'
        t.refuse(POLICY.replace("name: good", f"name: {name}"), line=4, what=n)
        text = NPC.replace("policy good", f'policy "{n}"' if n != "''" else 'policy ""')
        t.refuse(text, "in.npc", line=2, what="npc " + n)
        if n != "a.-b":
            t.refuse(POLICY.replace("namespace: shop", f"namespace: {name}") if n not in ("''",) else POLICY.replace("name: good", "name: ''"), what="namespace " + n)
    t.refuse(POLICY.replace("namespace: shop", "namespace: a.b"), line=5)
    t.refuse(POLICY.replace("namespace: shop", "namespace: " + "n" * 64), line=5)
    for n in ("g" * 253, "policy", "all", "a.b-c", "0"):
        need(t.objects(POLICY.replace("name: good", f'name: "{n}"'))[0]["metadata"]["name"] == n, n)
        need(t.objects(NPC.replace("policy good", f"policy {n}"), "in.npc")[0]["metadata"]["name"] == n, "npc " + n)
    need(t.objects(POLICY.replace("namespace: shop", "namespace: " + "n" * 63))[0]["metadata"]["namespace"] == "n" * 63, "63")


def T23_twice(t):
    different = POLICY + "---\n" + POLICY.replace("5432", "5433")
    r = t.refuse(different, id="NPC502", line=28)
    need("in.yaml:4" in r.diag, f"the first place is not named\n{r.diag}")
    need(len(t.objects(POLICY + "---\n" + POLICY)) == 1, "equal twice")
    t.refuse(NPC + NPC.replace("5432", "5433"), "in.npc", id="NPC502")
    cwd = t.dir()
    (cwd / "a.yaml").write_text(POLICY)
    (cwd / "b.npc").write_text(NPC.replace("5432", "1"))
    need(t.run("compile", "a.yaml", "b.npc", cwd=cwd).status == 2, "YAML and npc with one name")
    t.refuse(INVENTORY + INVENTORY[INVENTORY.index("- apiVersion: v1\n  kind: Pod"):].replace("app: db", "app: dc"), id="NPC068", what="a pod twice, different")
    t.accept(INVENTORY + INVENTORY[INVENTORY.index("- apiVersion: v1\n  kind: Pod"):], what="a pod twice, equal")
    shared = INVENTORY.replace("10.9.0.3", "10.9.0.1")
    t.refuse(shared + "---\n" + POLICY, id="NPC602", target="nft", what="one address twice")
    t.refuse("namespace n { workload w { addr 10.0.0.1 } workload w { addr 10.0.0.2 } }", "in.npc", id=("NPC068", "NPC031", "NPC502"), what="a workload twice")
    t.refuse("namespace n { workload v { addr 10.0.0.1 } workload w { addr 10.0.0.1 } policy p for all pods { default deny ingress } }", "in.npc", id="NPC602",
             target="nft", what="two workloads, one address")


def T24_no_names_for_loaders(t):
    for c in ("localhost", "localhost/32", "http", "example.com/32", "domain/8"):
        t.refuse(POLICY.replace("10.0.0.0/8", c), line=18, what=c)
        t.refuse(NPC.replace("10.0.0.0/8", c), "in.npc", line=3, what="npc " + c)
    t.refuse(INVENTORY.replace("10.9.0.3", "localhost"), what="a pod address")
    t.refuse("namespace n { workload w { addr localhost } }", "in.npc", what="a workload address")
    # Named ports and services are numbers in kernel rules.
    text = POLICY.replace("port: 5432", "port: pg") + "---\n" + INVENTORY
    out = t.accept(text, target="nft").text
    body = "\n".join(x.split(" comment ")[0].split("#")[0] for x in out.splitlines())
    need("5432" in body and "pg" not in body.replace("npg", ""), f"a named port is not a number\n{out}")
    cwd = t.dir()
    (cwd / "in.yaml").write_text(text)
    t.run("compile", "-t", "iptables", "-o", "o", "in.yaml", cwd=cwd)
    rules = "".join(p.read_text() for p in (cwd / "o").iterdir() if p.name != "provenance.map")
    need("5432" in rules and "dports pg" not in rules and "tcp:pg" not in rules, "iptables: a named port is not a number")


def T25_include(t):
    def files(**contents):
        cwd = t.dir()
        for name, text in contents.items():
            p = cwd / name.replace("__", "/").replace("_npc", ".npc").replace("_yaml", ".yaml")
            p.parent.mkdir(parents=True, exist_ok=True)
            p.write_text(text)
        return cwd

    def refused(cwd, what, *args, id="NPC005"):
        r = t.run("compile", *args, "a.npc", cwd=cwd, timeout=20)
        need(r.status == 2 and id in r.diag, f"{what}: status {r.status}\n{r.diag}")
        need("a.npc:1:" in r.diag, f"{what}: no place\n{r.diag}")

    for path in ("../../etc/passwd", "/etc/passwd", "..", "sub/../../x.npc", "../a.npc"):
        refused(files(a_npc=f'include "{path}"\n'), path)
        refused(files(a_npc=f'import "{path}"\n'), path)
    refused(files(a_npc='include "missing.npc"\n'), "missing", id="NPC00")
    r = t.run("compile", "a.npc", cwd=files(a_npc='include "b.npc"\n', b_npc='include "a.npc"\n'), timeout=20)
    need(r.status == 2 and "NPC005" in r.diag, f"a cycle: {r.status} {r.diag}")
    refused(files(a_npc='include "a.npc"\n'), "itself")
    cwd = files(a_npc='include "l.npc"\n')
    os.symlink("/etc/passwd", cwd / "l.npc")
    refused(cwd, "a link")
    cwd = files(a_npc='include "d/x.npc"\n')
    (cwd / "real").mkdir()
    (cwd / "real/x.npc").write_text(NPC)
    os.symlink("real", cwd / "d")
    refused(cwd, "a linked directory")
    cwd = files(a_npc='include "d"\n')
    (cwd / "d").mkdir()
    refused(cwd, "a directory")
    good = files(a_npc='include "sub/b.npc"\nimport "m.yaml"\n', sub__b_npc='include "../c.npc"\n', c_npc=NPC, m_yaml=POLICY.replace("good", "m"))
    r = t.run("compile", "a.npc", cwd=good)
    need(r.status == 0 and len(list(yaml.safe_load_all(r.out))) == 2, f"{r.status} {r.diag}")
    two = files(a_npc='include "b.npc"\ninclude "b.npc"\n', b_npc=NPC)
    r = t.run("compile", "a.npc", "b.npc", cwd=two)
    need(r.status == 0 and len(list(yaml.safe_load_all(r.out))) == 1, f"one file, three times: {r.status} {r.diag}")


