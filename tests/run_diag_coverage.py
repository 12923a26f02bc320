#!/usr/bin/env python3
# test: once
"""Every diagnostic of base/diag.def is shown by some test: by a want.diag of the golden cases, or by
a test that names it (and so checks that it appears)."""
import re
import sys

from pylib.npctest import SRC, Suite


def main():
    suite = Suite(__doc__)
    ids = re.findall(r'^DIAG\((NPC\d+), "([a-z0-9-]+)"', (SRC / "base" / "diag.def").read_text(), re.M)
    shown = {}
    for path in sorted((SRC / "golden").glob("*/*/want.diag")):
        for i in re.findall(r"\[(NPC\d+)\]$", path.read_text(errors="replace"), re.M):
            shown.setdefault(i, str(path.relative_to(SRC)))
    tests = [p for pattern in ("*.py", "*.sh", "*.c", "want*", "NPC*.txt") for p in sorted((SRC / "tests").rglob(pattern)) if p.is_file()]
    for path in tests:
        if path.name == "run_diag_coverage.py":
            continue
        for i in re.findall(r"(?<![A-Za-z0-9])NPC\d{3}\b", path.read_text(errors="replace")):
            shown.setdefault(i, str(path.relative_to(SRC)))
    for number, slug in ids:
        suite.check(f"diag-coverage/{number}-{slug}", "" if number in shown else "no test shows it")
    known = {n for n, _ in ids}
    for i, path in sorted(shown.items()):
        if i not in known and path.startswith("golden"):
            suite.fail(f"diag-coverage/{i}", f"{path} shows a code that diag.def does not have")
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
