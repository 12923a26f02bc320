"""Rows 38 to 49: faults of the compiler and of the machine it runs on."""
import hashlib
import os
import re
import shutil
import subprocess
import time

import yaml

from threats.common import INVENTORY, NPC, POLICY, need


class Missing(Exception):
    """A tool is not here: the test is skipped."""


def listing(path):
    """Names, contents and modes below a directory."""
    out = []
    for root, dirs, files in os.walk(path):
        dirs.sort()
        for f in sorted(files):
            p = os.path.join(root, f)
            with open(p, "rb") as h:
                out.append((os.path.relpath(p, path), os.stat(p).st_mode, hashlib.sha256(h.read()).hexdigest()))
        out += [(os.path.relpath(os.path.join(root, d), path) + "/",) for d in dirs]
    return sorted(out)


def T38_partial_failure(t):
    good = [POLICY.replace("good", f"p{i}") for i in range(4)]
    for bad in range(4):
        docs = [d.replace("port: 5432", "port: 0") if i == bad else d for i, d in enumerate(good)]
        for target in ("k8s", "calico", "npc", "json", "nft", "iptables"):
            cwd = t.dir()
            out = cwd / "out"
            out.mkdir()
            (out / "old").write_text("old")
            if target == "iptables":
                (out / "rules").mkdir()
                for n in ("ipsets", "rules.v4", "rules.v6"):
                    (out / "rules" / n).write_text("old")
                to = "out/rules"
            else:
                to = "out/old"
            for i, d in enumerate(docs):
                (cwd / f"{i}.yaml").write_text(d)
            before = listing(out)
            r = t.run("compile", "-t", target, "-o", to, *[f"{i}.yaml" for i in range(4)], cwd=cwd)
            need(r.status == 2, f"-t {target}: status {r.status}")
            need(listing(out) == before, f"-t {target}: the output changed: {listing(out)}")


def T39_places(t):
    cwd = t.dir()
    (cwd / "in.yaml").write_text(POLICY)
    with open("/dev/full", "wb") as full:
        r = subprocess.run([t.suite.npc, "compile", "in.yaml"], cwd=cwd, stdout=full, stderr=subprocess.PIPE, check=False)
    need(r.returncode == 3 and b"NPC001" in r.stderr, f"/dev/full: {r.returncode} {r.stderr!r}")
    r = subprocess.run(f'"{t.suite.npc}" compile in.yaml >&-', shell=True, cwd=cwd, stderr=subprocess.PIPE, check=False)
    need(r.returncode == 3, f"closed stdout: {r.returncode} {r.stderr!r}")
    r = subprocess.run(["bash", "-c", f'"{t.suite.npc}" compile in.yaml | true; exit ${{PIPESTATUS[0]}}'], cwd=cwd, stderr=subprocess.PIPE, check=False)
    need(r.returncode in (0, 3, 141), f"a closed pipe: {r.returncode} {r.stderr!r}")
    r = t.run("compile", "-o", "nowhere/out", "in.yaml", cwd=cwd)
    need(r.status in (2, 3), f"a missing directory: {r.status}")
    (cwd / "target").write_text("precious")
    os.symlink("target", cwd / "link")
    t.run("compile", "-o", "link", "in.yaml", cwd=cwd)
    (cwd / "plain").mkdir()
    (cwd / "plain/file").write_text("precious")
    r = t.run("compile", "-t", "iptables", "-o", "plain", "in.yaml", cwd=cwd)
    need(r.status in (2, 3) and (cwd / "plain/file").read_text() == "precious" and listing(cwd / "plain")[0][0] == "file", f"a directory with other files: {r.status}")
    r = t.run("compile", "-o", "plain", "in.yaml", cwd=cwd)
    need(r.status in (2, 3) and (cwd / "plain/file").exists(), f"a directory in place of a file: {r.status}")
    if os.geteuid() != 0:
        (cwd / "ro").mkdir(mode=0o555)
        r = t.run("compile", "-o", "ro/out", "in.yaml", cwd=cwd)
        need(r.status == 3, f"a read-only directory: {r.status}")


def T40_out_of_memory(t):
    """Limits of the address space: status 3 with a message, or 0 with the whole output. Allocations
    that fail one by one are in tests/faults."""
    cwd = t.dir()
    (cwd / "in.yaml").write_text("".join(POLICY.replace("good", f"p{i}") + "---\n" for i in range(300)) + INVENTORY)
    (cwd / "in.npc").write_text("namespace n {\n" + "".join(f"policy q{i} for pods a=b{i} {{ allow from pods c=d{i} on tcp/{i + 1} }}\n" for i in range(500)) + "}\n")
    args = ["compile", "-t", "nft", "in.yaml", "in.npc"]
    want = t.run(*args, cwd=cwd).out
    if not t.sanitized:
        statuses = set()
        for kib in list(range(2600, 12000, 200)) + [40000]:
            r = t.suite.run(*args, cwd=cwd, memory=kib, timeout=30)
            if r.status == 127 or (r.status not in (0, 3) and b"error while loading shared libraries" in r.err) or (r.status == -11 and kib < 4000):
                continue  # the loader itself found no room
            need(r.status in (0, 3), f"{kib} KiB: status {r.status} {r.diag[:200]}")
            need(r.status == 3 and not r.out and r.err or r.out == want, f"{kib} KiB: status {r.status}, {len(r.out)} bytes, {r.diag[:100]}")
            statuses.add(r.status)
        need(statuses == {0, 3}, f"memory limits gave only {statuses}")


def T41_overflow(t):
    for n in ("4294967296", "4294967376", "18446744073709551616", "18446744073709551696", "9223372036854775808", "1" + "0" * 300):
        t.refuse(NPC.replace("5432", n), "in.npc", line=3)
        t.refuse(POLICY.replace("5432", n), line=23)
        t.refuse(POLICY.replace("10.0.0.0/8", f"10.0.0.0/{n}"), line=18)
        t.refuse(POLICY.replace("10.0.0.0/8", f"{n}.0.0.0/8"), line=18)
        t.refuse(f"cluster policy p in tier admin priority {n} for all namespaces {{ deny from all namespaces on all ports }}", "in.npc", line=1)
        t.refuse(f"tier t order {n}\n", "in.npc", line=1)
        t.refuse(f"npc {n}\n", "in.npc", line=1)
        for option, target in (("--expect-count", "k8s"), ("--max-elements", "nft")):
            r = t.compile(POLICY, "in.yaml", option, n, target=target)
            need(r.status == 2, f"{option} {n}: status {r.status}")


def T42_scanner_defaults(t):
    """Every byte alone, in npc text: nothing reaches stdout, nothing crashes."""
    for b in range(256):
        for text in (bytes([b]), bytes([b, b]), b"policy p for all pods {" + bytes([b]) + b"}", b'"' + bytes([b])):
            r = t.compile(text, "in.npc")
            need(not r.out, f"byte {b:#x} gives output {r.out[:60]!r}")
            fmt = t.suite.scratch()
            (fmt / "x.npc").write_bytes(text)
            if b % 8 == 0:
                r = t.run("fmt", "x.npc", cwd=fmt)
                need(r.status != 0 or not r.out.strip() or text.startswith((b"#", b"policy")), f"fmt of byte {b:#x}: {r.out!r}")
    deep = "namespace n { policy p for all pods { allow from " + "{" * 100000 + " on tcp/1 } }"
    t.refuse(deep, "in.npc", within=10)
    t.refuse("pods " * 700000, "in.npc", within=20)
    r = t.refuse("let x = " + "y" * 3000 + " z\n", "in.npc")
    need(max(map(len, r.diag.splitlines())) < 5000, "an endless message")


def T43_same_bytes(t):
    """The wide form of this is tests/run_determinism.py."""
    cwd = t.dir()
    (cwd / "a.yaml").write_text(POLICY)
    (cwd / "b.npc").write_text(NPC.replace("good", "b"))
    (cwd / "i.yaml").write_text(INVENTORY)
    for target in ("k8s", "calico", "npc", "json", "nft"):
        runs = {t.run("compile", "-t", target, *order, cwd=cwd).out for order in (("a.yaml", "b.npc", "i.yaml"), ("i.yaml", "b.npc", "a.yaml"), ("b.npc", "i.yaml", "a.yaml"))
                for _ in range(3)}
        need(len(runs) == 1, f"-t {target}: {len(runs)} outputs of one program")
        out = runs.pop()
        for word in (os.uname().nodename.encode(), str(cwd).encode(), time.strftime("%Y-%m-%d").encode()):
            need(len(word) < 3 or word not in out, f"-t {target}: {word} in the output")


def T44_locale(t):
    """No locale function in the program; Turkish is tried in tests/run_determinism.py."""
    r = subprocess.run(["nm", "-D", "--undefined-only", t.suite.npc], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if r.returncode:
        raise Missing("no nm")
    names = set(re.findall(r" U (\w+)", r.stdout.decode()))
    bad = names & {"setlocale", "tolower", "toupper", "strcasecmp", "strncasecmp", "strtod", "strtol", "strtoul", "strtoll", "strtoull", "atoi", "atol", "strcoll",
                   "__ctype_b_loc", "__ctype_tolower_loc", "__ctype_toupper_loc", "rand", "time", "gettimeofday", "gethostname", "sscanf"}
    if not t.sanitized:
        need(not bad, f"the program calls {sorted(bad)}")


def T45_expansion_bombs(t):
    text = "let a0 = {cidr 10.0.0.0/8, cidr 11.0.0.0/8}\n" + "".join(f"let a{i} = {{a{i - 1}, a{i - 1}}}\n" for i in range(1, 61))
    use = "namespace n { policy p for all pods { allow from a60 on tcp/1 } }\n"
    t.refuse(text + use, "in.npc", id=("NPC605", "NPC003"), within=5, memory=200000)
    ports = "let p0 = {tcp/1, tcp/2}\n" + "".join(f"let p{i} = {{p{i - 1}, p{i - 1}}}\n" for i in range(1, 61))
    t.refuse(ports + "namespace n { policy p for all pods { allow from anywhere on p60 } }\n", "in.npc", id=("NPC605", "NPC003"), within=5, memory=200000)
    rules = "rules r0 { allow to dns allow to dns }\n" + "".join(f"rules r{i} {{ use r{i - 1} use r{i - 1} }}\n" for i in range(1, 61))
    t.refuse(rules + "namespace n { policy p for all pods { use r60 } }\n", "in.npc", id=("NPC605", "NPC003"), within=5, memory=200000)
    names = ", ".join(f"n{i}" for i in range(400))
    t.refuse(f"namespace {{{names}}} {{\n" + "".join(f"policy p{i} for all pods {{ default deny ingress }}\n" for i in range(300)) + "}\n", "in.npc",
             id=("NPC605", "NPC003"), within=30)


def T45_max_elements(t):
    text = POLICY + "---\n" + INVENTORY
    need(t.compile(text, "in.yaml", "--max-elements", "1000", target="nft").status == 0, "1000 elements")
    t.refuse(text, "in.yaml", "--max-elements", "1", id="NPC605", target="nft")


def T46_scale(t):
    """100,000 policies in at most ten seconds (generously: the machine may be shared)."""
    n = 10000 if t.suite.short or t.sanitized else 100000
    cwd = t.dir()
    with open(cwd / "in.yaml", "w") as f:
        for i in range(n):
            f.write(POLICY.replace("good", f"p{i}").replace("app: web", f"app: web{i % 1000}").replace("shop", f"ns{i % 300}") + "---\n")
    start = time.monotonic()
    r = t.run("compile", "-o", "out.yaml", "in.yaml", cwd=cwd, timeout=120)
    took = time.monotonic() - start
    need(r.status == 0, r.diag[:300])
    need(took < 30, f"{n} policies took {took:.0f} s")
    need(sum(1 for x in open(cwd / "out.yaml") if x.startswith("kind:")) == n, "not all of them came out")


def T47_validators_without_anchors(t):
    for field, esc in (("app: db", 'app: "db\\n"'), ("app: db", '"app\\n": db'), ("name: good", 'name: "good\\n"'), ("namespace: shop", 'namespace: "shop\\n"'),
                       ("port: 5432", 'port: "http\\n"'), ("protocol: TCP", 'protocol: "TCP\\n"'), ("- Ingress", '- "Ingress\\n"'), ("cidr: 10.0.0.0/8", 'cidr: "10.0.0.0/8\\n"'),
                       ("- 10.1.0.0/16", '- "10.1.0.0/16\\n"'), ("apiVersion: networking.k8s.io/v1", 'apiVersion: "networking.k8s.io/v1\\n"'),
                       ("kind: NetworkPolicy", 'kind: "NetworkPolicy\\n"')):
        need(field in POLICY, field)
        t.refuse(POLICY.replace(field, esc, 1), what=esc)
        t.refuse(POLICY.replace(field, esc.replace("\\n", " "), 1), what=esc.replace("\\n", " "))
    for old, new in (("app=db", 'app="db\\n"'), ("good", '"good\\n"'), ("shop", '"shop\\n"'), ("app=web", '"app\\n"=web')):
        t.refuse(NPC.replace(old, new), "in.npc", what=new)


def T48_unknown_is_no_success(t):
    """What cannot be understood makes the whole run fail; nothing is skipped silently."""
    broken = POLICY.replace("matchLabels:\n          app: web", "matchExpressions:\n        - {key: app, operator: Near, values: [web]}")
    t.refuse(broken, says="spec.ingress[0].from[0].podSelector.matchExpressions[0].operator")
    for kind, api in (("CiliumNetworkPolicy", "cilium.io/v2"), ("GlobalNetworkPolicy", "projectcalico.org/v3"), ("NetworkPolicy", "projectcalico.org/v3"),
                      ("NetworkPolicy", "crd.projectcalico.org/v1"), ("networkpolicy", "networking.k8s.io/v1"), ("MyNetworkPolicyThing", "example.com/v1"),
                      ("NetworkSet", "projectcalico.org/v3") if False else ("StagedNetworkPolicy", "projectcalico.org/v3"), ("NetworkPolicy", "networking.k8s.io/v2"),
                      ("Pod", "v2"), ("Namespace", "apps/v1"), ("Deployment", "v1"), ("ClusterNetworkPolicy", "policy.networking.k8s.io/v1")):
        text = f"apiVersion: {api}\nkind: {kind}\nmetadata: {{name: x}}\nspec: {{}}\n"
        t.refuse(POLICY + "---\n" + text, id=("NPC007", "NPC067", "NPC508"), what=f"{api} {kind}")
        if kind not in ("Pod", "Namespace", "Deployment", "NetworkPolicy", "ClusterNetworkPolicy"):
            need(len(t.objects(POLICY + "---\n" + text, "in.yaml", "--skip-kind", kind)) == 1, f"--skip-kind {kind}")
    t.refuse("apiVersion: extensions/v1beta1\nkind: NetworkPolicy\nmetadata: {name: x}\nspec: {podSelector: {}}\n", id="NPC508")
    r = t.accept(POLICY + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: x}\n")
    need(len(list(yaml.safe_load_all(r.out))) == 1, "unknown kinds")
    need("NPC006" in t.run("compile", "-v", "-", stdin=POLICY + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n").diag or "NPC006" in r.diag, "no note of skipped kinds")


def T49_errors_have_a_status(t):
    """No path prints an error and returns 0: common.Threat.run checks that of every run; that every
    code is shown by some test is tests/run_diag_coverage.py."""
    for args in (("nosuch",), ("compile", "-t", "nosuch", "x"), ("compile", "--nosuch"), ("compile", "-o"), ("compile", "/nonexistent/x.yaml"),
                 ("compile", "-t", "iptables", "/dev/null"), ("fmt", "/nonexistent/x.npc")):
        r = t.run(*args)
        need(r.status in (2, 3) and r.err, f"{args}: status {r.status}")
    for args, id_ in ((("compile", "/nonexistent/x.yaml"), "NPC004"), (("compile", "--namespace", "A_B", "/dev/null"), "NPC901"),
                      (("compile", "-t", "nft", "--host", "x", "/dev/null"), "NPC901")):
        r = t.run(*args)
        need(r.status == 2 and f"[{id_}]" in r.diag, f"{args}: status {r.status} {r.diag}")
