#!/usr/bin/env python3
"""npc check as a program: exit status, where its answer goes, JSON, SARIF 2.1.0 by the parts that its schema requires,
comments that silence findings, and inputs that are no program."""
import json
import random
import re
import sys
import urllib.parse

from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from pylib.npctest import Suite  # noqa: E402

CLEAN = "namespace shop {\n  policy all for all pods { default deny ingress }\n}\n"
WARNS = "namespace shop {\n  policy web for pods app=web { default deny ingress }\n}\n"
FAILS = "namespace shop {\n  policy all for pods app=a & app in {b} { default deny ingress }\n}\n"
BROKEN = "namespace shop {\n  policy all for pods { }\n}\n"
LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def sarif_problem(log, path):
    """What SARIF 2.1.0 requires of a log, and code scanning of a result (sarif-schema-2.1.0.json; OASIS, 3.13 to 3.58)."""
    if log.get("version") != "2.1.0" or not log.get("$schema", "").endswith("sarif-2.1.0.json"):
        return "version or $schema"
    if set(log) - {"version", "$schema", "runs"} or len(log["runs"]) != 1:
        return "properties of the log"
    run = log["runs"][0]
    if set(run) - {"tool", "results", "invocations", "columnKind"} or run["columnKind"] not in ("utf16CodeUnits", "unicodeCodePoints"):
        return "properties of the run"
    driver = run["tool"]["driver"]
    if driver["name"] != "npc" or not isinstance(driver["version"], str):
        return "driver"
    ids = [r["id"] for r in driver["rules"]]
    if ids != sorted(set(ids)) or not all(r["shortDescription"]["text"] for r in driver["rules"]):
        return "rules"
    for inv in run["invocations"]:
        if not isinstance(inv["executionSuccessful"], bool):
            return "invocation"
        for n in inv["toolExecutionNotifications"]:
            if ids[n["descriptor"]["index"]] != n["descriptor"]["id"] or not n["message"]["text"]:
                return "notification"
    for r in run["results"]:
        if set(r) - {"ruleId", "ruleIndex", "level", "message", "locations", "relatedLocations", "suppressions"}:
            return f"properties of a result: {sorted(r)}"
        if ids[r["ruleIndex"]] != r["ruleId"] or r["level"] not in ("none", "note", "warning", "error"):
            return "rule or level of a result"
        if not r["message"]["text"] or len(r["locations"]) != 1:
            return "message or locations of a result"
        for place in r["locations"] + r.get("relatedLocations", []):
            where = place["physicalLocation"]
            uri = where["artifactLocation"]["uri"]
            if urllib.parse.urlsplit(uri).scheme or uri.startswith("/") or str(path) in urllib.parse.unquote(uri):
                return f"uri {uri}"
            region = where["region"]
            if not all(isinstance(v, int) and v >= 1 for v in region.values()) or "startLine" not in region:
                return f"region {region}"
            if "endColumn" in region and region["endColumn"] <= region["startColumn"]:
                return f"region {region}"
        for s in r.get("suppressions", []):
            if s["kind"] not in ("inSource", "external") or not s["justification"]:
                return "suppression"
    return ""


def statuses(suite):
    for name, text, args, want in (
            ("clean", CLEAN, [], 0), ("clean-strict", CLEAN, ["--strict"], 0), ("warning", WARNS, [], 0),
            ("warning-strict", WARNS, ["--strict"], 1), ("error", FAILS, [], 1), ("broken", BROKEN, [], 2),
            ("broken-sarif", BROKEN, ["-o", "sarif"], 2), ("broken-json", BROKEN, ["-o", "json"], 2),
            ("bad-format", CLEAN, ["-o", "yaml"], 2), ("bad-target", CLEAN, ["-t", "nonsense"], 2),
            ("binding", "namespace n { workload a { addr 10.0.0.1 } workload b { addr 10.0.0.1 } policy p for all pods { default deny ingress } }", [], 2)):
        work = suite.scratch()
        (work / "in.npc").write_text(text)
        r = suite.run("check", *args, "in.npc", cwd=work)
        problem = "" if r.status == want else f"status {r.status}, not {want}"
        if want == 2 and r.out:
            problem = "something on stdout"
        if want != 2 and (r.err or not r.out):
            problem = f"not all on stdout: {r.diag}"
        suite.check(f"check/status/{name}", problem)


def formats(suite):
    work = suite.scratch("odd name%#")
    (work / "a b.yaml").write_text(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n"
        "  # npc:allow NPC101 by \"address\" </x> ünd\n  name: np\n  namespace: shop\nspec:\n  podSelector: {}\n  policyTypes: [Egress]\n"
        "  egress:\n  - to: [{namespaceSelector: {matchLabels: {name: q}}}]\n    ports: [{port: 80}]\n---\n{apiVersion: x/v1, kind: Other, metadata: {name: x}}\n")
    (work / "b.npc").write_text(FAILS)
    answers = {}
    for args in ([], ["-v"]):
        js = json.loads(suite.run("check", "-o", "json", *args, ".", cwd=work).text)
        # The whole path on the command line: none of it may be in the log.
        sarif = json.loads(suite.run("check", "-o", "sarif", *args, str(work), cwd=work).text)
        answers[bool(args)] = js, sarif
        name = "all" if args else "findings"
        suite.check(f"check/sarif/{name}/schema", sarif_problem(sarif, work))
        results = sarif["runs"][0]["results"]
        shown = [r for r in results if "suppressions" not in r]
        want = sorted((d["id"], LEVELS[d["severity"]], urllib.parse.quote(d["file"]), d["line"], d["column"])
                      for d in js["diagnostics"] if "file" in d)
        got = sorted((r["ruleId"], r["level"], r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
                      r["locations"][0]["physicalLocation"]["region"]["startLine"],
                      r["locations"][0]["physicalLocation"]["region"]["startColumn"]) for r in shown)
        suite.check(f"check/sarif/{name}/as-json", "" if got == want else f"{got}\nnot\n{want}")
        silenced = [(r["ruleId"], r["suppressions"][0]["justification"]) for r in results if "suppressions" in r]
        suite.check(f"check/sarif/{name}/silenced", "" if silenced == [("NPC101", 'by "address" </x> ünd')] else str(silenced))
        ids = {d["id"] for d in js["diagnostics"]}
        suite.check(f"check/json/{name}", "" if {"NPC201", "NPC206"} <= ids and "NPC101" not in ids and ("NPC301" in ids) == bool(args)
                    else str(ids))
    notes = answers[True][1]["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    suite.check("check/sarif/notification", "" if [n["descriptor"]["id"] for n in notes] == ["NPC006"] else str(notes))
    text = suite.run("check", ".", cwd=work).text
    suite.check("check/text/summary", "" if text.endswith("\n1 error, 2 warnings in 2 policies; 1 silenced; -v shows 4 infos\n")
                or "1 silenced" in text.splitlines()[-1] else text)
    suite.check("check/text/not-silenced", "" if "[NPC101]" not in text and "[NPC201]" in text else text)
    colour = suite.run("check", "--color", "always", ".", cwd=work).out
    suite.check("check/text/colour", "" if b"\x1b[" in colour and b"\x1b[" not in text.encode() else "colour")
    uris(suite)
    stdin = suite.run("check", "-o", "sarif", "-", stdin=FAILS)
    suite.check("check/sarif/stdin", sarif_problem(json.loads(stdin.text), work))


def uris(suite):
    """Files in the working directory are relative to it, however they were named; all others stay apart."""
    work = suite.scratch("uris").resolve()
    for i, name in enumerate(("repo/policies/a.npc", "x 1/a.npc", "x2/a.npc")):
        (work / name).parent.mkdir(parents=True)
        (work / name).write_text(FAILS.replace("shop", f"shop{i}"))
    (work / "link").symlink_to("repo")
    file = "file://" + urllib.parse.quote(str(work))
    cases = {
        "below": ([work / "repo/policies"], ["policies/a.npc"]),
        "file-below": ([work / "repo/policies/a.npc"], ["policies/a.npc"]),
        "by-a-link": ([work / "link/policies"], ["policies/a.npc"]),
        "dots": ([f"{work}/x2/../repo/./policies"], ["policies/a.npc"]),
        "relative": (["./policies/"], ["policies/a.npc"]),
        "elsewhere": ([work / "x 1", work / "x2"], [f"{file}/x%201/a.npc", f"{file}/x2/a.npc"]),
        "beside": (["../x2"], ["../x2/a.npc"]),
    }
    for name, (inputs, want) in cases.items():
        log = json.loads(suite.run("check", "-o", "sarif", *map(str, inputs), cwd=work / "repo").text)
        got = {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in log["runs"][0]["results"]}
        suite.check(f"check/sarif/uri/{name}", "" if sorted(got) == want else f"{sorted(got)}, not {want}")


def silencing(suite):
    """What silences, by text: the finding is NPC108 on the line of the policy."""
    policy = "policy web for pods app=web { default deny ingress }"
    yaml = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n{}  name: np\n  namespace: shop\n" \
           "spec:\n  podSelector: {{matchLabels: {{a: b}}}}\n  policyTypes: [Ingress]\n"
    cases = {
        "npc": ("in.npc", f"namespace shop {{\n# npc:allow NPC108 fine\n{policy}\n}}\n", True),
        "crlf": ("in.npc", f"namespace shop {{\r\n  # npc:allow NPC108 fine\r\n{policy}\r\n}}\r\n", True),
        "two-lines-before": ("in.npc", f"namespace shop {{\n# npc:allow NPC108 fine\n\n{policy}\n}}\n", True),
        "another-comment-between": ("in.npc", f"namespace shop {{\n# npc:allow NPC108 fine\n# other\n{policy}\n}}\n", True),
        "of-the-block": ("in.npc", f"# npc:allow NPC108 fine\nnamespace shop {{\n\n{policy}\n}}\n", True),
        "of-the-statement-before": ("in.npc", f"namespace shop {{\n# npc:allow NPC108 fine\nlabel a=b {policy}\n}}\n", False),
        "in-the-statement": ("in.npc", f"namespace shop {{\n{policy.replace('for', chr(10) + '# npc:allow NPC108 fine' + chr(10) + 'for')}\n}}\n", True),
        "last-in-the-block": ("in.npc", f"namespace shop {{\n{policy}\n# npc:allow NPC108 fine\n}}\n", False),
        "trailing": ("in.npc", f"namespace shop {{ # npc:allow NPC108 fine\n{policy}\n}}\n", False),
        "same-line": ("in.npc", f"namespace shop {{\n{policy} # npc:allow NPC108 fine\n}}\n", False),
        "no-reason": ("in.npc", f"namespace shop {{\n# npc:allow NPC108\n{policy}\n}}\n", False),
        "other-id": ("in.npc", f"namespace shop {{\n# npc:allow NPC107 fine\n{policy}\n}}\n", False),
        "lower-case": ("in.npc", f"namespace shop {{\n# npc:allow npc108 fine\n{policy}\n}}\n", False),
        "yaml": ("in.yaml", yaml.format("  # npc:allow NPC108 fine\n"), True),
        "yaml-indented-otherwise": ("in.yaml", yaml.format("         # npc:allow NPC108 fine\n"), True),
        "yaml-second-line": ("in.yaml", yaml.format("  # npc:allow NPC108 fine,\n  # because it is\n  # as it is\n"), True),
        "yaml-two-lines-before": ("in.yaml", yaml.format("  # npc:allow NPC108 fine\n\n"), False),
        "yaml-before-another": ("in.yaml", yaml.format("  # npc:allow NPC108 fine\n  # because\n  # npc:allow NPC513 fine\n  # too\n"), True),
        "yaml-folded-text": ("in.yaml", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  annotations: {a: \"text\n"
                             "  # npc:allow NPC108 fine\"}\n  name: np\n  namespace: shop\nspec:\n  podSelector: {matchLabels: {a: b}}\n  policyTypes: [Ingress]\n", False),
        "yaml-block-text": ("in.yaml", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  annotations:\n    a: |\n      text\n"
                            "      # npc:allow NPC108 fine\n  name: np\n  namespace: shop\nspec:\n  podSelector: {matchLabels: {a: b}}\n  policyTypes: [Ingress]\n", False),
        "yaml-behind-block-text": ("in.yaml", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  annotations:\n    a: |\n      text\n"
                                   "  # npc:allow NPC108 fine\n  name: np\n  namespace: shop\nspec:\n  podSelector: {matchLabels: {a: b}}\n  policyTypes: [Ingress]\n", True),
    }
    for name, (file, text, silent) in cases.items():
        work = suite.scratch()
        (work / file).write_bytes(text.encode())
        r = suite.run("check", "-v", "-o", "json", file, cwd=work)
        found = [d["id"] for d in json.loads(r.text)["diagnostics"]] if r.status in (0, 1) else [f"status {r.status}"]
        suite.check(f"check/silence/{name}", "" if ("NPC108" not in found) == silent and "status 2" not in found else f"{found} {r.diag}")
        piped = suite.run("check", "-v", "-o", "json", "-", stdin=text)
        same = [d["id"] for d in json.loads(piped.text)["diagnostics"]] if piped.status in (0, 1) else None
        suite.check(f"check/silence-stdin/{name}", "" if same == found else f"{same}, not {found}")


LAYOUTS = """
namespace shop {
  label team = "x"
  let w = {pods tier=frontend, pods tier in {a, b} in namespaces kubernetes.io/metadata.name=x}
  policy web for pods app=web {
    desc "Ã¼"
    allow from {namespaces name=monitoring, namespaces name=dev, namespaces name=dev, pods app=a in namespaces name=x} on {tcp/80, tcp/80}
    allow to {cidr 10.0.0.0/8 except {10.1.0.0/16, 10.2.0.0/16}, cidr 10.1.0.0/24} on all ports
    allow from anywhere on tcp/http as "it"
  }
  policy api for pods app=api & tier notin {x, y} { allow to pods app=web on tcp/8080 allow from w on tcp/80 }
  policy none for pods app=none { default deny {ingress, egress} }
  test "t" { expect deny pods app=web -> pods app=api on tcp/1 }
}
cluster policy c in tier admin priority 10 for all pods in all namespaces { deny from namespaces name=bad on all ports }
"""


def layouts(suite):
    """npc fmt changes nothing of what npc check says, wherever a comment that silences stands."""
    rng = random.Random(suite.args.seed)
    tokens = re.findall(r'"[^"]*"|->|[{},&=!]|[^\s{},&=!"]+', LAYOUTS)

    def said(text):
        r = suite.run("check", "-v", "-o", "json", "-", stdin=text)
        return sorted((d["id"], d["message"]) for d in json.loads(r.text)["diagnostics"]) if r.status in (0, 1) else r.diag

    ids = [i for i, _ in said(LAYOUTS)] + ["NPC512"] * 3 + ["NPC999"]
    suite.check("check/layouts/findings", "" if len(set(ids)) > 10 else str(ids))
    for number in range(30 if suite.short else 200):
        text = ""
        for token in tokens:
            comment = rng.choice([f"# npc:allow {rng.choice(ids)} fine", "# a fine Ã¼", "# other"])
            text += token + rng.choice([" "] * 30 + ["\n"] * 10 + ["\n\n", f" {comment}\n", f"\n{comment}\n", f"\n\n{comment}\n\n{comment}\n"])
        formatted = suite.run("fmt", "-", stdin=text).text
        before, after = said(text), said(formatted)
        suite.check(f"check/layouts/{number}", "" if before == after else f"{before}\nis not\n{after}\n{text}\n{formatted}")


def many(suite):
    """Row 46 of the threat model: very many policies, in the ways that make comparing them costly. 100,000 take 3 to 4 s of processor time
    on the developers' machines; here it is a fifth, and there is room for slow ones."""
    n = 2000 if suite.short else 20000
    shapes = {
        "one-namespace": ("namespace one {{\n", "policy p{0} for pods app=a{0} {{{{ allow from pods app=b{0} on tcp/80 allow to pods app=b{0} on all ports }}}}\n", "}}\n"),
        "one-target": ("namespace one {{\n", "policy p{0} for pods app=a {{{{ allow from pods app=b{0} on tcp/80 }}}}\n", "}}\n"),
        "cluster": ("", "cluster policy p{0} in tier admin priority {1} for all pods in namespaces t=a{0} {{{{ deny from namespaces x=b{0} on all ports }}}}\n", ""),
        "cidrs": ("namespace one {{\n", "policy p{0} for all pods {{{{ allow from cidr 10.{2}.{3}.0/24 except {{{{10.{2}.{3}.128/25}}}} on tcp/{1} }}}}\n", "}}\n"),
    }
    for name, (head, policy, tail) in shapes.items():
        policy = policy.replace("{{{{", "{{").replace("}}}}", "}}")
        text = head.format() + "".join(policy.format(i, i % 1000 + 1, i // 250 % 250, i % 250) for i in range(n)) + tail.format()
        r = suite.run("check", "-o", "json", "--diag=json", "-", stdin=text, timeout=60)
        ids = {d["id"] for d in json.loads(r.text or r.diag or "{\"diagnostics\":[]}")["diagnostics"]} if r.status != "timeout" else set()
        suite.check(f"T46_check_{name}", "" if r.status in (0, 1) and "NPC517" not in ids else f"status {r.status}, {sorted(ids)}")


def main():
    suite = Suite(__doc__)
    statuses(suite)
    formats(suite)
    silencing(suite)
    layouts(suite)
    many(suite)
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
