#!/usr/bin/env python3
"""What `npc list` prints. cases/NAME/ holds in.npc or in.yaml; want.ARGUMENTS is what the program prints when
called with them: in the name of the file, words are separated by "_" and "/" is "%", so that want.--pods_-o_json is the output
of `npc list --pods -o json in.yaml`. A file that begins with "status 2" is of a call that is refused.

    run_list.py [--bless] [NAME...]      (read what you bless)
"""
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "pylib"))
import npctest  # noqa: E402

CASES = pathlib.Path(__file__).resolve().parent / "cases"


def run(suite, case, name):
    file = next(p.name for p in case.iterdir() if p.name.startswith("in."))
    done = suite.run("list", *[a.replace("%", "/") for a in name.removeprefix("want.").split("_") if a], file, cwd=case)
    if done.status == 0:
        return done, done.out
    problem = b"" if not done.out else b"something on stdout\n"
    return done, b"status %d\n" % done.status + problem + done.err


def draw(graph):
    """Whether Graphviz takes a graph: empty, or why not."""
    done = subprocess.run(["dot", "-Tsvg"], input=graph, capture_output=True, check=False)
    return done.stderr.decode() or ("" if b"</svg>" in done.stdout else "no picture")


def check(suite, case, want):
    name = f"list/{case.name}/{want.name.removeprefix('want.')}"
    if not suite.wanted(name):
        return
    _, got = run(suite, case, want.name)
    if suite.args.bless:
        want.write_bytes(got)
    suite.check(name, "" if got == want.read_bytes() else f"differs; npc said:\n{got.decode(errors='replace')}")
    if want.name.endswith("_dot"):
        if shutil.which("dot") is None:
            suite.skip(name + "-drawn", "no Graphviz")
        else:
            suite.check(name + "-drawn", draw(got))


def main():
    suite = npctest.Suite(__doc__, bless=True)
    for want in sorted(CASES.glob("*/want.*")):
        check(suite, want.parent, want)
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
