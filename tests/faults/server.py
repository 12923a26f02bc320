"""Talks to npc_faults (faults.c): a run of npc for each line, with something failing in it."""
import os
import pathlib
import re
import shutil
import subprocess

NONE, ALLOC, CALL = range(3)
SHORT, KILL = -1, -2
FOREVER = 2**32 - 1
STDOUT, STDERR = 1, 2


def system_calls():
    """Names of system calls by their numbers, from the kernel's header."""
    names = {}
    for path in ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"):
        if os.path.exists(path):
            with open(path, encoding="ascii") as f:
                names.update((int(n), name) for name, n in re.findall(r"#define __NR_(\w+) (\d+)", f.read()))
    return names


NAMES = system_calls()


class Outcome:
    """How a run ended, and what it left."""

    def __init__(self, line, out, err):
        wait, self.allocs, self.calls, self.hits, self.number, self.fd, self.peak, self.cpu, *trace = line.split()
        for name in ("allocs", "calls", "hits", "number", "fd", "peak"):
            setattr(self, name, int(getattr(self, name)))
        self.status = os.waitstatus_to_exitcode(int(wait))
        self.call = NAMES.get(self.number, str(self.number))  # the first that failed, if a call did
        self.trace = [tuple(map(int, call.split(":"))) for call in trace]
        self.out = out
        self.err = err


class Server:
    """A process that waits before main(). The run happens in `place`/work."""

    def __init__(self, program, run, place, env):
        self.place = pathlib.Path(place)
        stdin = self.place / "work" / run.stdin if run.stdin else None
        (self.place / "in").write_bytes(stdin.read_bytes() if stdin else b"")
        if run.pipe:
            shutil.copy(self.place / "work" / run.pipe, self.place / "pipe")
        self.flags = "p" if stdin else "-"
        self.cpu = 0  # seconds of the processor, so far
        there, self.to = os.pipe()
        self.answers, back = os.pipe()
        self.process = subprocess.Popen([program, *run.args], pass_fds=(there, back), env=dict(env, NPC_FAULTS=f"{there},{back}"))
        os.close(there)
        os.close(back)
        self.lines = os.fdopen(self.answers)

    def run(self, kind=NONE, first=1, last=FOREVER, step=1, action=0, flags=""):
        os.write(self.to, f"{self.place} {kind} {first} {last} {step} {action} {self.flags}{flags}\n".encode())
        line = self.lines.readline()
        if not line:
            raise RuntimeError(f"npc_faults died: status {self.process.wait()}")
        outcome = Outcome(line, (self.place / "out").read_bytes(), (self.place / "err").read_bytes())
        self.cpu = int(outcome.cpu) / 1000
        return outcome

    def close(self):
        os.close(self.to)
        self.lines.close()
        self.process.wait()
