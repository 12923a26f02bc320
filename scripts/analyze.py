#!/usr/bin/env python3
"""Reads what the tools of scripts/analyze.sh say, and prints what scripts/analyze.known does not explain.

    analyze.py SOURCE LOGS KNOWN TOOL...

LOGS/TOOL/ has a log for each file that was analysed, with the name FILE.log in which / is a colon. Exit
status 1 if there is a finding, or if an entry of KNOWN explains none.
"""
import re
import sys
from pathlib import Path

FINDING = re.compile(r"(?P<file>[^ :]+):(?P<line>\d+):\d+: (?:warning|error|style|performance|portability): .*"
                     r"\[(?:-W(?:error=)?)?(?P<check>[\w.-]+)[^]]*\]$")
# What compilers say before a finding, of where it is.
PREFACE = re.compile(r".*: In function .*:$|In file included from |  +from ")


def read_known(path):
    """The entries as (tool, check, file, line of source)."""
    known = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            head, source = line.split(": ", 1)
            known.append((*head.split(" "), source))
    return known


def findings(log):
    """(match or None, text) for each finding; what is none, but was said before the first, comes with None."""
    found = []
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        match = FINDING.fullmatch(line)
        if match or not found:
            if match or not PREFACE.match(line):
                found.append((match, [line]))
        else:
            found[-1][1].append(line)
    return [(match, "\n".join(text)) for match, text in found]


def main(source, logs, known_path, *tools):
    known = read_known(Path(known_path))
    used, failed = set(), False
    for tool in tools:
        seen, analysed = set(), set()
        for log in sorted((Path(logs) / tool).iterdir()):
            analysed.add(log.name.removesuffix(".log").replace(":", "/"))
            for match, text in findings(log):
                if text in seen:  # in a header
                    continue
                if match:
                    name = match["file"].removeprefix(source + "/")
                    line = Path(source, name).read_text(encoding="utf-8").splitlines()[int(match["line"]) - 1]
                    entry = (tool, match["check"], name, line.strip())
                    if entry in known:
                        used.add(entry)
                        continue
                seen.add(text)
                print(text)
        stale = [e for e in known if e[0] == tool and e[2] in analysed and e not in used]
        for entry in stale:
            print("scripts/analyze.known explains what is not found:", *entry)
        if seen or stale:
            print(f"FAIL {tool}: {len(seen)} findings in {len(analysed)} files, {len(stale)} explanations of none")
            failed = True
        else:
            print(f"ok {tool}: {len(analysed)} files, {sum(e[0] == tool for e in used)} findings explained")
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
