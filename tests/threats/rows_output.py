"""Rows 26 to 37: what outputs may hold. Rules are judged as the kernel's own tools read them back."""
import json
import re

import yaml

from pylib import kernel, kubewrite, yamlscalar
from threats.common import INVENTORY, NPC, POLICY, need
from threats.rows_input import SCALARS

HOSTILE_FILES = ['x"; accept comment "y.yaml', "a\nadd rule inet npc x accept.yaml", "-A INPUT -j ACCEPT.yaml", "a\n-A INPUT -j ACCEPT\n.yaml", "$(id).yaml", "a\\\" b.yaml",
                 "\u202eevil.yaml", "é" * 60 + ".yaml", "a#b;c{d}e.yaml", "\x1b[31mred.yaml", "'quoted'.yaml", "f" * 240 + ".yaml", "a\tb.yaml", "flush ruleset.yaml"]
COMMENT = re.compile(r"[A-Za-z0-9 ._/:@+,()\[\]?-]*")


class KernelMissing(Exception):
    """The kernel tools are not here: the test is skipped."""


def nft(t, cwd, *args):
    why = kernel.available("nft")
    if why:
        raise KernelMissing(why)
    r = t.run("compile", "-t", "nft", *args, cwd=cwd)
    need(r.status == 0, r.diag)
    (cwd / "rules.nft").write_bytes(r.out)
    error, rules = kernel.load_nft(cwd / "rules.nft")
    need(not error, f"nft: {error}\n{r.text[:1500]}")
    return r.text, rules


def iptables(t, cwd, *args, legacy=False):
    why = kernel.available("iptables")
    if why:
        raise KernelMissing(why)
    r = t.run("compile", "-t", "iptables", "-o", "rules", *args, cwd=cwd)
    need(r.status == 0, r.diag)
    error, rules = kernel.load_iptables(cwd / "rules", legacy)
    need(not error, f"iptables: {error}")
    return rules


def shape(rules):
    """A ruleset without comments and handles: what decides."""
    out = []
    for item in rules:
        for kind, body in item.items():
            if kind == "metainfo":
                continue
            body = {k: v for k, v in body.items() if k not in ("handle", "comment")}
            text = json.dumps({kind: without_comments(body)}, sort_keys=True)
            out.append(re.sub(r"npc_is_[0-9a-f]{16}", "npc_is", text))  # a fingerprint, of comments too
    return sorted(out)


def without_comments(x):
    if isinstance(x, dict):
        return {k: without_comments(v) for k, v in x.items() if k != "comment"}
    return [without_comments(v) for v in x] if isinstance(x, list) else x


def plain_iptables(lines):
    return [re.sub(r' -m comment --comment ("(?:[^"\\]|\\.)*"|\S+)', "", re.sub(r"^(:\S+ \S+) \[.*", r"\1", x)) for x in lines if not x.startswith("#")]


def comments(text):
    return re.findall(r'comment "([^"]*)"', text)


def _hostile(t, check):
    base = t.dir()
    (base / "inv.yaml").write_text(INVENTORY)
    (base / "p.yaml").write_text(POLICY)
    want = check(base, "inv.yaml", "p.yaml")
    for name in HOSTILE_FILES:
        cwd = t.dir()
        (cwd / "inv.yaml").write_text(INVENTORY)
        (cwd / name).write_text(POLICY)
        got = check(cwd, "inv.yaml", "./" + name)
        need(got == want, f"a file named {name!r} changes the rules: {sorted(set(map(str, got)) ^ set(map(str, want)))[:4]}")


def T26_nft_quote(t):
    def check(cwd, *args):
        text, rules = nft(t, cwd, *args)
        for c in comments(text):
            need(COMMENT.fullmatch(c), f"comment {c!r}")
        for item in rules:
            for body in item.values():
                if isinstance(body, dict) and "comment" in body:
                    need(COMMENT.fullmatch(body["comment"]), f"comment in the kernel {body['comment']!r}")
        return shape(rules)
    _hostile(t, check)


def T27_newline_in_comment(t):
    def check(cwd, *args):
        rules = iptables(t, cwd, *args)
        for family in ("v4", "v6"):
            need(not any(x.startswith((":INPUT DROP", "-A INPUT", "-A FORWARD", "-A OUTPUT")) for x in rules[family]), "a rule in a built-in chain")
        for name in ("rules.v4", "rules.v6", "ipsets"):
            for line in (cwd / "rules" / name).read_text().splitlines():
                for c in comments(line):
                    need(COMMENT.fullmatch(c), f"comment {c!r}")
        sets = sorted(re.sub(r" initval \S+", "", x) for x in rules["sets"])
        return [plain_iptables(rules[k]) for k in ("v4", "v6")] + [sets]
    _hostile(t, check)


def T28_comment_length(t):
    """Names and files as long as they may be, so that comments meet their limits."""
    for n in (1, 40, 60, 80, 100, 120, 150, 200, 253):
        cwd = t.dir()
        (cwd / "inv.yaml").write_text(INVENTORY)
        (cwd / "p.yaml").write_text(POLICY.replace("name: good", "name: " + "g" * n))
        text, _ = nft(t, cwd, "inv.yaml", "p.yaml")
        need(all(len(c.encode()) <= 128 for c in comments(text)), f"an nft comment of more than 128 bytes (name of {n})")
        iptables(t, cwd, "inv.yaml", "p.yaml")
        for name in ("rules.v4", "rules.v6", "ipsets"):
            need(all(len(c.encode()) <= 255 for c in comments((cwd / "rules" / name).read_text())), f"an iptables comment of more than 255 bytes (name of {n})")


CHAIN = re.compile(r"NPC-(FORWARD|INPUT|OUTPUT|DENY|[EI][0-9a-f]*|[EI]-LOCAL|[A-Za-z0-9_]{7}-[a-z2-7]{16})")


def T29_chain_and_set_names(t):
    cwd = t.dir()
    (cwd / "inv.yaml").write_text(INVENTORY)
    for i, n in enumerate(("accept", "drop", "0", "-x".strip("-") + "1", "g" * 253, "a.b", "a-b", "counter", "1e5", "policy")):
        (cwd / f"p{i}.yaml").write_text(POLICY.replace("name: good", f'name: "{n}"').replace("5432", str(5432 + i)))
    files = ["inv.yaml"] + [f"p{i}.yaml" for i in range(10)]
    rules = iptables(t, cwd, *files)
    iptables(t, cwd, *files, legacy=True)
    nft(t, cwd, *files)
    for family in ("v4", "v6"):
        for line in rules[family]:
            if line.startswith(":") and "NPC" in line:
                name = line[1:].split()[0]
                need(CHAIN.fullmatch(name) and len(name) <= 28, f"chain {name}")
    for line in rules["sets"]:
        if line.startswith("create "):
            name = line.split()[1]
            need(re.fullmatch(r"npc[A-Za-z0-9_-]+|NPC[A-Za-z0-9_-]+", name) and len(name) <= 31, f"set {name}")


def T31_slug_twins(t):
    """Two names that give one readable slug are two policies."""
    cwd = t.dir()
    (cwd / "inv.yaml").write_text(INVENTORY)
    (cwd / "a.yaml").write_text(POLICY.replace("name: good", "name: a.b"))
    (cwd / "b.yaml").write_text(POLICY.replace("name: good", "name: ab").replace("app: db", "app: cart").replace("namespace: shop", "namespace: edge"))
    both, _ = nft(t, cwd, "inv.yaml", "a.yaml", "b.yaml")
    for a in ("10.9.0.1", "10.9.0.3"):
        need(a in both, f"{a} is no target any more\n{both}")


def T32_empty_sets_and_overlaps(t):
    cwd = t.dir()
    (cwd / "inv.yaml").write_text(INVENTORY)
    (cwd / "p.npc").write_text("""namespace shop { policy p for pods app=db {
  allow from {cidr 10.0.0.0/8, cidr 10.1.0.0/16, cidr 10.0.0.0/8, cidr 11.0.0.0/8, cidr 2001:db8::/32, cidr 2001:db8:1::/48} on {tcp/1-10, tcp/5-20, tcp/21, tcp/5}
  allow from pods app=nobody on tcp/99
  allow from {cidr 0.0.0.0/0, cidr ::/0} on udp/1
  allow from anywhere on {sctp/*, udp/53}
} }
""")
    text, _ = nft(t, cwd, "inv.yaml", "p.npc")
    iptables(t, cwd, "inv.yaml", "p.npc")
    iptables(t, cwd, "inv.yaml", "p.npc", legacy=True)
    need(not re.search(r"elements\s*=\s*\{\s*\}", text), "an empty set of elements")
    r = t.run("compile", "-t", "nft", "inv.yaml", "p.npc", cwd=cwd)
    need("NPC603" in r.diag, f"no NPC603 for a rule that matches nobody\n{r.diag}")


def T33_isolation_without_peers(t):
    """No peers, no rule, but the pods stay isolated; a target without pods gives nothing."""
    cwd = t.dir()
    (cwd / "inv.yaml").write_text(INVENTORY)
    (cwd / "p.yaml").write_text(POLICY.replace("app: web", "app: nobody").replace("    - ipBlock:\n        cidr: 10.0.0.0/8\n        except:\n        - 10.1.0.0/16\n", ""))
    text, _ = nft(t, cwd, "inv.yaml", "p.yaml")
    need("10.9.0.1" in text and "drop" in text and "5432" not in text, f"isolation is lost, or the port is open\n{text}")
    rules = iptables(t, cwd, "inv.yaml", "p.yaml")
    need(any("10.9.0.1" in x for x in rules["v4"] + rules["sets"]) and any("-j DROP" in x for x in rules["v4"]), "iptables: isolation is lost")
    (cwd / "q.yaml").write_text(POLICY.replace("app: db", "app: nobody"))
    text, _ = nft(t, cwd, "inv.yaml", "q.yaml")
    need("10.9.0.1" not in text or "vmap" not in text, f"a target without pods isolates somebody\n{text}")


REFUSALS = (
    # (npc text, backends that must refuse)
    ("namespace n { policy p for all pods { allow from anywhere on icmp/8 } }", ("k8s",)),
    ("namespace n { policy p for all pods { allow from anywhere on icmp6/* } }", ("k8s",)),
    ('namespace n { policy p for all pods { allow to domain "*.example.com" on tcp/1 } }', ("k8s", "nft", "iptables")),
    ("namespace n { policy p for all pods { allow from all nodes on tcp/1 } }", ("k8s",)),
    ("cluster policy p in tier admin priority 1 for all pods in all namespaces { deny from all namespaces on all ports }", ("calico",)),
    ("cluster policy p in tier admin priority 1 for all namespaces { deny from cidr 10.0.0.0/8 on all ports }", ("k8s", "calico")),
    ("cluster policy p in tier admin priority 1 for all namespaces { deny to cidr 10.0.0.0/8 except {10.1.0.0/16} on all ports }", ("k8s", "calico")),
    ("cluster policy p in tier admin priority 1 for all namespaces { deny to all namespaces on tcp/http }", ("k8s", "calico")),
    ("tier t order 5\ncluster policy p in tier t priority 1 for all namespaces { deny to all namespaces on tcp/1 }", ("k8s",)),
)


def T34_capability_matrix(t):
    for text, refusing in REFUSALS:
        for target in ("k8s", "calico", "npc", "json", "nft", "iptables"):
            cwd = t.dir()
            (cwd / "in.npc").write_text(text + "\n")
            r = t.run("compile", "-t", target, "-o", "out", "in.npc", cwd=cwd)
            if target in refusing:
                need(r.status == 2 and "NPC406" in r.diag, f"-t {target} {text}: status {r.status}\n{r.diag}")
                need(not (cwd / "out").exists(), f"-t {target}: something was written")
                need(re.search(r"in\.npc:\d+:\d+: error", r.diag), f"-t {target}: no place\n{r.diag}")
            elif target in ("npc", "json"):
                need(r.status == 0, f"-t {target} {text}: status {r.status}\n{r.diag}")


def T35_yaml_scalars(t):
    """Every word that some YAML reader takes for something else, in every free place."""
    words = SCALARS + [" ", "", "a: b", "a #b", "#", "- a", "? a", "'", '"', "{}", "[]", "&a", "*a", "!a", "|", ">", "%a", "@a", "`a", "a:", ":", "---", "...", "\n", "a\nb\n", " a", "a ",
                       "\u2028", "\x85", "\ufeff", "\x01", "\u202e", "\U0001f525", "\x7f", "0:0", "=", "1.", "+", "-", ".", "null\n"]
    o = yaml.safe_load(POLICY)
    o["metadata"]["annotations"] = {f"k{i}": w for i, w in enumerate(words)}
    labels = [w for w in words if re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?", w)]
    o["metadata"]["labels"] = {w: w for w in labels}
    o["spec"]["podSelector"] = {"matchLabels": {w: w for w in labels}, "matchExpressions": [{"key": w, "operator": "In", "values": labels} for w in labels[:5]]}
    text = t.accept(kubewrite.to_yaml([o])).text
    got = yamlscalar.read_both(text)
    need(got == [o | {"spec": got[0]["spec"]}] and got[0]["spec"]["podSelector"] == o["spec"]["podSelector"], "YAML output is read as something else")
    text = t.accept(kubewrite.to_yaml([o]), target="npc").text
    cwd = t.dir()
    (cwd / "x.npc").write_text(text)
    got = list(yaml.safe_load_all(t.run("compile", "x.npc", cwd=cwd).out))
    need(got[0]["metadata"] == o["metadata"], "npc output is read as something else")


def T36_terminal_escapes(t):
    for text, file in ((POLICY.replace("app: db", 'app: "\\e[31mred\\a"'), "in.yaml"), (POLICY.replace("kind: NetworkPolicy", 'kind: "\\e]0;networkpolicy\\a"'), "in.yaml"),
                       (NPC.replace("app=db", 'app="\\u{1b}[31m"'), "in.npc"), (POLICY.replace("policyTypes", '"\\e[2J"'), "in.yaml"),
                       (NPC.replace("app=db", "app=\x1b[31mdb"), "in.npc"), (POLICY.replace("app: db", "app: \x1b[31m"), "in.yaml"),
                       (POLICY.replace("app: db", "app: \x9b31m d"), "in.yaml")):
        r = t.refuse(text, file)
        bad = [b for b in r.err if b < 32 and b != 10 or b == 127]
        need(not bad, f"control bytes {bad} on the terminal: {r.err!r}")
        need("\x9b" not in r.diag and "\u202e" not in r.diag, "a control character on the terminal")
    cwd = t.dir()
    name = "\x1b[31m\nx.yaml"
    (cwd / name).write_text("a: [\n")
    r = t.run("compile", name, cwd=cwd)
    need(r.status == 2 and b"\x1b" not in r.err, f"a file name: {r.err!r}")
    r = t.run("compile", "missing\x1b[31m.yaml", cwd=cwd)
    need(r.status in (2, 3) and b"\x1b" not in r.err, f"a missing file name: {r.err!r}")


RAW = NPC.replace("    allow", '    raw k8s """\nmetadata:\n  finalizers: [example.com/guard]\n"""\n    allow')


def T37_raw(t):
    t.refuse(RAW, "in.npc", id="NPC042", line=3)
    got = t.objects(RAW, "in.npc", "--allow-raw")
    need(got[0]["metadata"]["finalizers"] == ["example.com/guard"], f"{got}")
    for target in ("calico", "nft"):
        need("guard" not in t.accept(RAW, "in.npc", "--allow-raw", target=target).text, f"raw for k8s in {target}")
    for body in ("metadata: [", "metadata:\n  finalizers: *x", "a: b\n---\nc: d", "spec:\n  podSelector: {}", "metadata:\n  name: other", "kind: Pod", "- x", "text", "metadata:\n\tx: y",
                 "metadata:\n  namespace: x"):
        text = NPC.replace("    allow", f'    raw k8s """\n{body}\n"""\n    allow')
        t.refuse(text, "in.npc", "--allow-raw", what="raw k8s " + body)
    t.refuse(RAW.replace("raw k8s", "raw nosuch"), "in.npc", "--allow-raw", what="raw for no backend")
