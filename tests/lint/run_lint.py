#!/usr/bin/env python3
"""The findings of check, one file each: tests/lint/NPCnnn-slug.txt.

    == shows TITLE          the findings are exactly the marked ones; or
    == misses TITLE         there is none of this kind: a near miss
    args: ...               options for check, or a whole other command: `args: compile -t nft`
    -- NAME                 a file; several make one program
    text    #! warning NPC101 "part of it"    a finding that begins on this line; of its message, hint or notes

Only findings of the file's kind count. A mark stands behind the text of its line; its message may be
left out. Every kind of base/diag.def from 1xx to 6xx has a file with both sorts of cases, but for those in
ELSEWHERE. tests/lint/seeds holds the listings of the documents the project grew from, and what a reviewer
expects on each.
"""
import json
import re
import sys

from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from pylib.npctest import SRC, Suite  # noqa: E402

HERE = SRC / "tests" / "lint"
MARK = re.compile(r'#! (error|warning|info) (NPC\d{3})(?: "([^"]*)")?')
# What cannot be shown in a small file, and who shows it.
ELSEWHERE = {"NPC517": "tests/unit/test_lint.c", "NPC604": "tests/apply/rows.py", "NPC607": "tests/cli/inputs.sh"}

# Listing: errors and warnings with their lines, all of them; infos that must be among the others.
SEEDS = {
    "000-default-deny-all": ("101@4", "513"),
    "000-allow-frontend-to-backend": ("", "105 501 513"),
    "000-allow-dns-egress": ("201@13", "501 513"),
    "000-namespace-fragment": ("201@17", "513"),
    "000-or-fragment": ("201@16 202@16", "513"),
    "000-and-fragment": ("201@16", "513"),
    "001-default-deny": ("101@17 101@29", "110 513"),
    "001-allow-frontend": ("", "513"),
    "001-allow-from-monitoring": ("", "302 513"),
    "001-allow-external-db": ("101@4", "513"),
    "001-allow-dns": ("102@11 211@12", "513"),
    "001-complete-example": ("101@37 102@27 103@28", "301 303 513"),
    "002-full-structure": ("101@4", "302 513"),
    "002-exercise": ("101@4", "302 513"),
    "002-both-listings": ("101@4", "302 502 513"),
    "002-broken-fragment": ("203@17", "513"),
    "003-allow-backend-to-frontend": ("", "513"),
    "003-restrict-egress": ("101@4", "513"),
    "003-default-deny-ingress": ("", "513"),
    "003-allow-same-namespace": ("", "105 302 513"),
    "003-dns-fragment": ("102@14 201@17", "513"),
    "004-default-deny": ("101@4", "513"),
    "004-allow-frontend-to-backend": ("", "513"),
}


class Case:
    def __init__(self, kind, title):
        self.kind, self.title, self.args, self.files = kind, title, [], {}


def parse(path):
    cases, file = [], None
    for line in path.read_text().splitlines():
        if line.startswith("== "):
            kind, _, title = line[3:].partition(" ")
            cases.append(Case(kind, title))
            file = None
        elif file is None and line.startswith("args: "):
            cases[-1].args = line[6:].split()
        elif line.startswith("-- "):
            file = line[3:]
            cases[-1].files[file] = []
        elif file is not None:
            cases[-1].files[file].append(line)
    return cases


def diagnostics(suite, args, cwd):
    """What the program says, and its exit status."""
    command = args if args[0] == "compile" else ["check", "-o", "json", *args]
    r = suite.run(*command, "--diag=json", "-v", cwd=cwd)
    text = r.text if command[0] == "check" and r.status in (0, 1) else r.diag
    return json.loads(text)["diagnostics"], r.status


def texts(d):
    return [d["message"], d.get("hint", ""), *(note["message"] for note in d.get("notes", []))]


def problem_of(suite, number, case):
    work = suite.scratch()
    wanted = []
    for name, lines in case.files.items():
        for at, line in enumerate(lines, 1):
            for severity, number_there, part in MARK.findall(line):
                wanted.append((name, at, severity, number_there, part))
        (work / name).write_text("\n".join(re.sub(r"\s*#! .*", "", x) for x in lines) + "\n")
    found, status = diagnostics(suite, [*case.args, "."], work)
    mine = [d for d in found if d["id"] == number]
    problems = []
    for name, at, severity, number_there, part in wanted:
        same = [d for d in mine if (d.get("file"), d.get("line"), d["severity"]) == (name, at, severity)
                and any(part in text for text in texts(d))]
        if number_there != number:
            problems.append(f"{name}:{at}: a mark of another kind: {number_there}")
        elif same:
            mine.remove(same[0])
        else:
            problems.append(f"{name}:{at}: no {severity} {number} {part!r}")
    problems += [f"not expected: {d.get('file')}:{d.get('line')}: {d['severity']} {number}: {d['message']}" for d in mine]
    if status not in (0, 1) and not (status == 2 and wanted):
        problems.append(f"status {status}")
    if case.kind == "shows" and not wanted:
        problems.append("a case that shows nothing")
    if case.kind == "misses" and wanted:
        problems.append("a near miss with marks")
    if problems:
        problems += [f"{d.get('file')}:{d.get('line')}: {d['severity']} {d['id']}: {d['message']}" for d in found]
    return "\n".join(problems)


def seed_problem(suite, name):
    findings, infos = SEEDS[name]
    found, status = diagnostics(suite, [f"{name}.yaml"], HERE / "seeds")
    got = sorted(f"{d['id'][3:]}@{d['line']}" for d in found if d["severity"] != "info")
    named = {d["id"][3:] for d in found if d["severity"] == "info"}
    if got != sorted(findings.split()):
        return f"findings {got}, expected {findings}"
    if not set(infos.split()) <= named:
        return f"infos {sorted(named)}, expected {infos}"
    return "" if status == 0 else f"status {status}"


def main():
    suite = Suite(__doc__)
    files = sorted(HERE.glob("NPC*.txt"))
    kinds = {}
    for path in files:
        number = path.name[:6]
        for i, case in enumerate(parse(path)):
            kinds.setdefault(number, set()).add(case.kind)
            name = f"lint/{path.stem}/{case.kind}-{case.title.replace(' ', '-')}"
            if suite.wanted(name):
                suite.check(name, problem_of(suite, number, case))
    for number, slug in re.findall(r'^DIAG\(NPC([1-6]\d\d), "([a-z0-9-]+)"', (SRC / "base/diag.def").read_text(), re.M):
        name = f"lint/pair/NPC{number}-{slug}"
        if suite.wanted(name):
            if f"NPC{number}" in ELSEWHERE:
                path = SRC / ELSEWHERE[f"NPC{number}"]
                shown = path.exists() and f"NPC{number}" in path.read_text()
                suite.check(name, "" if shown else "nobody shows it")
            else:
                missing = {"shows", "misses"} - kinds.get(f"NPC{number}", set())
                there = (HERE / f"NPC{number}-{slug}.txt").exists()
                suite.check(name, f"no case that {' and '.join(sorted(missing))} it" if missing else
                            "" if there else "its file has another name")
    for path in sorted((HERE / "seeds").glob("*.yaml")):
        if suite.wanted(f"lint/seeds/{path.stem}"):
            suite.check(f"lint/seeds/{path.stem}", seed_problem(suite, path.stem))
    if set(SEEDS) != {p.stem for p in (HERE / "seeds").glob("*.yaml")}:
        suite.fail("lint/seeds/all", "the table and the files differ")
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
