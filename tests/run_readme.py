#!/usr/bin/env python3
"""What README.md shows is what is printed: every command of its console blocks is run and its output
compared, to the byte.

# test: once
"""
import os
import re
import subprocess
import sys

from pylib.npctest import SRC, Suite


def commands(text):
    """(command, output) of every console block."""
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def main():
    suite = Suite(__doc__)
    bin_dir = suite.scratch("bin")
    (bin_dir / "npc").symlink_to(suite.npc)
    env = {**os.environ, "PATH": f"{bin_dir}:{os.environ['PATH']}"}
    text = (SRC / "README.md").read_text(encoding="utf-8")
    shown = list(commands(text))
    suite.check("readme/has-commands", "" if len(shown) >= 5 else f"only {len(shown)} commands")
    for i, (command, want) in enumerate(shown):
        got = subprocess.run(["bash", "-c", command], cwd=SRC, env=env, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, check=False).stdout
        suite.check(f"readme/{i}", "" if got == want else f"{command}\nprints\n{got}not\n{want}")
    for link in re.findall(r"\]\(([^)#:]*)\)", text):
        suite.check(f"readme/link-{link}", "" if (SRC / link).exists() else "no such file")
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
