#!/usr/bin/env python3
"""What the pages show is what is printed: every command of their console blocks is run, one after the
other in a directory that holds the examples, and its output compared, to the byte.

# test: once
"""
import os
import re
import shutil
import subprocess
import sys

from pylib.npctest import SRC, Suite


def commands(text):
    """(command, output) of every console block."""
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def check_page(suite, page, env):
    name = page.stem.lower()
    place = suite.scratch(name)
    shutil.copytree(SRC / "examples", place / "examples")
    text = page.read_text(encoding="utf-8")
    shown = list(commands(text))
    suite.check(f"{name}/has-commands", "" if len(shown) >= 5 else f"only {len(shown)} commands")
    for i, (command, want) in enumerate(shown):
        got = subprocess.run(["bash", "-c", command], cwd=place, env=env, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, check=False).stdout
        suite.check(f"{name}/{i}", "" if got == want else f"{command}\nprints\n{got}not\n{want}")
    for link in re.findall(r"\]\(([^)#:]*)\)", text):
        suite.check(f"{name}/link-{link}", "" if (page.parent / link).exists() else "no such file")


def main():
    suite = Suite(__doc__)
    bin_dir = suite.scratch("bin")
    (bin_dir / "npc").symlink_to(suite.npc)
    env = {**os.environ, "PATH": f"{bin_dir}:{os.environ['PATH']}"}
    for page in ("README.md", "docs/migration.md", "docs/ci.md"):
        check_page(suite, SRC / page, env)
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
