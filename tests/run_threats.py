#!/usr/bin/env python3
"""The threat model, rows 1 to 49: bytes and YAML, outputs, compiler faults. One test or more for
each row, named by its number (tests/threats/), through the program, under a 256 KiB stack.

A row that only a unit test can show is named in UNIT, and the test must be there.
"""
import re
import sys
import traceback

from pylib.npctest import SRC, Suite
from threats import rows_faults, rows_input, rows_output
from threats.common import Problem, Threat

# Row 30 wants a build with a short hash: only a unit test can shorten it.
UNIT = {30: "T30_"}


def main():
    suite = Suite(__doc__)
    t = Threat(suite)
    tests = []
    for module in (rows_input, rows_output, rows_faults):
        tests += [(n, f) for n, f in vars(module).items() if re.match(r"T\d\d_", n)]
    tests.sort(key=lambda x: x[0])
    for name, test in tests:
        if not suite.wanted(name):
            continue
        try:
            test(t)
            suite.ok(name)
        except (rows_output.KernelMissing, rows_faults.Missing) as e:
            suite.skip(name, e)
        except Problem as e:
            suite.fail(name, e)
        except Exception:  # a test that breaks has failed; the others go on
            suite.fail(name, "the test broke\n" + traceback.format_exc())
    if not suite.args.names:
        rows = {int(n[1:3]) for n, _ in tests}
        unit = "\n".join(p.read_text() for p in (SRC / "tests" / "unit").glob("test_*.c"))
        for row in range(1, 50):
            if row in UNIT:
                suite.check(f"T{row:02d}_has_a_unit_test", "" if UNIT[row] in unit else f"no unit test named {UNIT[row]}...")
            elif row not in rows:
                suite.fail(f"T{row:02d}_has_a_test", "no test")
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
