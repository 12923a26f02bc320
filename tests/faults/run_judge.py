#!/usr/bin/env python3
"""Whether judge.py finds what it is there to find: endings of runs, made up, each sound or with one
thing wrong."""
import errno
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from judge import PEAK, STOPPED_BY_US, Fault, Judge, LoaderJudge  # noqa: E402
from runs import Run  # noqa: E402
from server import ALLOC, CALL, FOREVER, STDERR, STDOUT  # noqa: E402

SAID = b"x.npc:1:1: warning: a finding [NPC603]\n"
BEFORE = {"out": (0o100600, b"old\n")}
DONE = {"out": (0o100600, b"new\n")}
NO_SPACE = b"npc: error: cannot write 'out': No space left on device [NPC001]\n"
NO_MEMORY = b"npc: error: out of memory\n"


class Ending:
    """What server.Outcome is, made up."""

    def __init__(self, status, out=b"", err=b"", call="malloc", fd=0, peak=0, calls=9):
        self.status, self.out, self.err, self.call, self.fd, self.peak, self.calls = status, out, err, call, fd, peak, calls


class Scene:
    """What kernel.KernelScene is asked: nobody goes back, unless `back` is empty."""

    def __init__(self, run, back):
        self.run, self.back = run, back

    def goes_back(self):
        return self.back

    def guard_goes_back(self):
        return False

    def begun(self, got):
        return got.calls > 1

    def is_closed(self, after):
        return after == DONE


UNDISTURBED = Ending(0, b"text\n", SAID)
MEMORY = Fault(ALLOC, 1, 1, 1)
SPACE = Fault(CALL, 1, 1, 1, "ENOSPC", "write")
PIPE = Fault(CALL, 1, 1, 1, "EPIPE", "write")
INTERRUPTED = Fault(CALL, 1, 1, 1, "EINTR+", "read")
LASTING = Fault(CALL, 1, FOREVER, 1, "EIO", "openat")

# Name, fault, ending, files after it; then whether it is sound.
ENDINGS = [
    ("survived", INTERRUPTED, Ending(0, b"text\n", SAID, "read"), DONE, True),
    ("refused", SPACE, Ending(3, b"", NO_SPACE, "write", 4), BEFORE, True),
    ("out_of_memory", MEMORY, Ending(3, b"", NO_MEMORY), BEFORE, True),
    ("reader_went_away", PIPE, Ending(3, b"te", b"", "write", STDOUT), BEFORE, True),
    ("muted", SPACE, Ending(3, b"", b"", "write", STDERR), BEFORE, True),
    ("leak", MEMORY, Ending(STOPPED_BY_US, b"", NO_MEMORY + b"ERROR: LeakSanitizer: detected memory leaks\n"), BEFORE, False),
    ("undefined_behaviour", MEMORY, Ending(3, b"", NO_MEMORY + b"x.c:1:1: runtime error: null pointer\n"), BEFORE, False),
    ("crash", MEMORY, Ending(-11), BEFORE, False),
    ("hang", SPACE, Ending(-14, b"", b"", "write"), BEFORE, False),
    ("half_a_file", SPACE, Ending(3, b"", NO_SPACE, "write", 4), {"out": (0o100600, b"ne")}, False),
    ("new_file_and_failure", SPACE, Ending(3, b"", NO_SPACE, "write", 4), DONE, False),
    ("other_mode", SPACE, Ending(3, b"", NO_SPACE, "write", 4), {"out": (0o100644, b"old\n")}, False),
    ("temporary_file", SPACE, Ending(3, b"", NO_SPACE, "write", 4), {**BEFORE, ".npc-0": (0o100600, b"")}, False),
    ("success_without_a_file", SPACE, Ending(0, b"text\n", SAID, "write", 4), BEFORE, False),
    ("success_with_less_output", MEMORY, Ending(0, b"te", SAID), DONE, False),
    ("success_without_findings", MEMORY, Ending(0, b"text\n", b""), DONE, False),
    ("other_status", MEMORY, Ending(1, b"", NO_MEMORY), BEFORE, False),
    ("no_message", MEMORY, Ending(3, b"", b""), BEFORE, False),
    ("other_message", SPACE, Ending(3, b"", NO_MEMORY, "write", 4), BEFORE, False),
    ("output_and_failure", MEMORY, Ending(3, b"te", NO_MEMORY), BEFORE, False),
    ("not_survived", INTERRUPTED, Ending(3, b"", b"npc: error: Interrupted system call\n", "read"), BEFORE, False),
    ("too_much_memory", MEMORY, Ending(0, b"text\n", SAID, peak=PEAK + 1), DONE, False),
]
# The same for what loads rules; and what npc rollback finds afterwards, "" if all is well.
LOADS = [
    ("refused", MEMORY, Ending(3, b"", NO_MEMORY), BEFORE, None, True),
    ("left_to_rollback", LASTING, Ending(3, b"", NO_SPACE, "openat"), DONE, "", True),
    ("rollback_fails", LASTING, Ending(3, b"", NO_SPACE, "openat"), DONE, "status 3", False),
    ("reader_went_away", PIPE, Ending(3, b"te", b"", "write", STDOUT), BEFORE, None, True),
    ("full_and_silent", SPACE, Ending(3, b"te", b"", "write", STDOUT), BEFORE, None, False),
    ("left_after_one_fault", SPACE, Ending(3, b"", NO_SPACE, "write", 4), DONE, "", False),
    ("no_message", MEMORY, Ending(3, b"", b""), BEFORE, None, False),
    ("success_without_rules", MEMORY, Ending(0, b"text\n", SAID), BEFORE, None, False),
]
BOOTS = [
    ("closed", MEMORY, Ending(3, b"", NO_MEMORY), DONE, None, True),
    ("not_begun", MEMORY, Ending(3, b"", NO_MEMORY, calls=1), BEFORE, None, True),
    ("open", MEMORY, Ending(3, b"", NO_MEMORY), BEFORE, None, False),
]


def verdicts():
    judge = Judge(Run("file", "compile"), BEFORE, UNDISTURBED, DONE)
    for name, fault, got, after, sound in ENDINGS:
        yield name, sound, judge.problem(fault, got, after)
    for kind, table, run in (("load", LOADS, Run("apply", "apply", kernel=True)), ("boot", BOOTS, Run("boot", "boot", kernel=True, reboot=True))):
        judge = LoaderJudge(run, BEFORE, UNDISTURBED, DONE)
        for name, fault, got, after, back, sound in table:
            yield f"{kind}_{name}", sound, judge.problem(fault, got, after, Scene(run, back))


def main():
    failed = False
    assert Fault(CALL, 1, 1, 1, "ENOSPC").action == errno.ENOSPC
    for name, sound, problem in verdicts():
        wrong = bool(problem) == sound
        failed |= wrong
        print(f"FAIL judge_{name}: {problem or 'not found'}" if wrong else f"ok judge_{name}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
