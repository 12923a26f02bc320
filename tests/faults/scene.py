"""The place that a run happens in, again and again, with something failing in it."""
import os
import pathlib
import shutil
import subprocess

from judge import Fault, Judge, can_fail, difference, is_temporary, tree
from runs import make_inputs
from server import ALLOC, CALL, Server


class Broken(Exception):
    """The run cannot be made at all."""


def command(*argv, **more):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **more)


class Scene:
    """The place of one run, as it was before it, and as an undisturbed run leaves it."""

    judge_of = Judge

    def __init__(self, program, run, place):
        self.program, self.run, self.place = program, run, place
        self.env = {"PATH": os.environ["PATH"], "ASAN_OPTIONS": "exitcode=99:detect_stack_use_after_return=1:leak_check_at_exit=0",
                    "UBSAN_OPTIONS": "exitcode=99:print_stacktrace=1", "LSAN_OPTIONS": "exitcode=99"}
        os.makedirs(place / "now" / "state")
        (place / "now" / "run").mkdir()
        make_inputs(place / "now" / "work")
        self.prepare()
        self.server = Server(program, run, place / "now", self.env)
        self.before = self.look()
        self.base = self.server.run(flags="t")
        while self.base.status == 125 and b"not supported" in self.base.err:  # libc lies across 4 GiB: elsewhere next time
            self.server.close()
            self.server = Server(program, run, place / "now", self.env)
            self.base = self.server.run(flags="t")
        self.judge = self.judge_of(run, self.before, self.base, self.look())
        self.reset()
        again, after = self.server.run(flags="l"), self.look()
        self.reset()
        if self.base.status not in (0, 1, 2) or again.out != self.base.out or again.err != self.base.err or after != self.judge.done:
            raise Broken(f"not the same twice: status {self.base.status}, {difference(after, self.judge.done)}: {self.base.err.decode()}")

    def npc(self, line):
        """An undisturbed run of another command line."""
        return command(self.program, *line.split(), cwd=self.place / "now" / "work", env=self.env)

    def prepare(self):
        for line in self.run.prepare:
            r = self.npc(line)
            if r.returncode:
                raise Broken(f"{line}: {r.stderr.decode()}")
        shutil.copytree(self.place / "now", self.place / "pristine")

    def look(self):
        return tree(self.place / "now" / "work")

    def reset(self):
        if self.look() != self.before:
            self.restore_files()

    def restore_files(self):
        for name in ("work", "state", "run"):
            shutil.rmtree(self.place / "now" / name)
            shutil.copytree(self.place / "pristine" / name, self.place / "now" / name, symlinks=True)

    def inject(self, fault):
        """What is wrong with the run that meets this fault; "" if nothing."""
        # Memory is lost, if at all, where an allocation fails: there the leak checker looks.
        flags = "l" if fault.kind == ALLOC and not fault.lasts else ""
        got = self.server.run(fault.kind, fault.first, fault.last, fault.step, fault.action, flags)
        after = self.look()
        can_be = True
        if fault.kind == CALL and got.call != fault.call:  # the heap moved, or another thread was quicker
            can_be = can_fail(got.call, fault.word)
            fault = Fault(CALL, fault.first, fault.last, fault.step, fault.word, got.call)
        if fault.word == "KILL":
            problem = self.killed(got, after)
        else:
            problem = self.judged(fault, got, after) if can_be else self.judge.died(got)
        if after != self.before or fault.word == "KILL":
            self.reset()
        return f"{fault}: {problem}" if problem else ""

    def judged(self, fault, got, after):
        return self.judge.problem(fault, got, after)

    def killed(self, got, after):
        """Each file is the old or the new one; what is left beside them does not hinder the next run."""
        for path in {*after, *self.before}:
            whole = (self.before.get(path), self.judge.done.get(path))
            if after.get(path) not in whole and not any(map(is_temporary, pathlib.PurePath(path).parts)):
                return f"status {got.status}: {path} is neither old nor new"
        return self.next_run()

    def next_run(self):
        again, then = self.server.run(), self.look()
        lost = [p for p in self.judge.done if then.get(p) != self.judge.done[p]]
        return f"the next run: status {again.status}, {lost}: {again.err!r}" if again.status != self.base.status or lost else ""

    def close(self):
        self.server.close()
