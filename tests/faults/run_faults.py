#!/usr/bin/env python3
"""Rows 39 and 40 of the threat model: in representative runs (runs.py) every allocation and every
system call fails in turn, and what must hold holds each time (judge.py). As a test it takes every
place of a few runs and a sample of the others; --all takes every place of every run and prints a
table (scripts/faults.sh)."""
import argparse
import concurrent.futures
import os
import pathlib
import random
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from judge import FAULTS, HARMLESS, Fault  # noqa: E402
from kernel import KernelScene  # noqa: E402
from runs import RUNS  # noqa: E402
from scene import Broken, Scene, command  # noqa: E402
from server import ALLOC, CALL, FOREVER, NAMES  # noqa: E402


def allocation_faults(base):
    for n in range(1, base.allocs + 1):
        yield Fault(ALLOC, n, n, 1)
        yield Fault(ALLOC, n, FOREVER, 1)


def call_faults(base):
    """Each call of the trace with each of its errors, alone and with all later ones of its kind."""
    for n, (number, _) in enumerate(base.trace, 1):
        name = NAMES.get(number, str(number))
        if name in HARMLESS:
            continue
        if name not in FAULTS:
            raise Broken(f"judge.py does not say how {name}() can fail")
        for word in FAULTS[name].split():
            yield Fault(CALL, n, n, 1, word, name)
            # A signal at every call would be an endless one.
            yield Fault(CALL, n, FOREVER, 2 if word.startswith("EINTR") else 1, word, name)


def kill_faults(base):
    return [Fault(CALL, n, n, 1, "KILL", NAMES.get(number, "?")) for n, (number, _) in enumerate(base.trace, 1)]


class Part:
    """One run, one kind of fault: what was tried and what went wrong."""

    def __init__(self, run, row, kind, faults):
        self.run, self.row, self.kind, self.faults = run, row, kind, faults
        self.allocs = self.calls = self.tried = self.cpu = 0
        self.problems = []

    @property
    def name(self):
        return f"T{self.row}_{self.kind}_{self.run.name}"


PARTS = ((40, "memory", allocation_faults), (39, "calls", call_faults), (39, "killed", kill_faults))
PIECES = ((40, "pieces", allocation_faults),)  # in an arena of tiny chunks


def try_run(program, run, tmp, kinds, choose):
    """All parts of a run; `choose` says which of the faults are tried."""
    place = pathlib.Path(tempfile.mkdtemp(prefix=run.name + "-", dir=tmp))
    parts = [Part(run, row, kind, faults) for row, kind, faults in kinds if kind != "killed" or run.kills]
    scene = None
    try:
        scene = (KernelScene if run.kernel else Scene)(program, run, place)
        for part in parts:
            part.allocs, part.calls = scene.base.allocs, scene.base.calls
            for fault in choose(run, list(part.faults(scene.base))):
                part.tried += 1
                problem = scene.inject(fault)
                if problem:
                    part.problems.append(problem)
    except Broken as e:
        parts[0].problems.append(str(e))
    finally:
        if scene:
            parts[0].cpu = scene.server.cpu
            scene.close()
        shutil.rmtree(place)
    return parts


# All places of these are tried also as a test: a backend each, both ways to write files, both that
# only answer. Of the others every STRIDE-th, from a start that depends on the seed; of those that
# load rules none: tests/apply has faults of its own.
WHOLE = ("k8s", "calico", "nft", "iptables", "iptables-replace", "nft-file", "fmt-write", "list-text", "query-no")
STRIDE = 23


def sample(seed, short):
    """Which faults of a run a test tries."""
    def choose(run, faults):
        stride = 1 if run.name in WHOLE and not short else STRIDE
        stride *= 5 if short else 1
        return faults[random.Random(f"{seed} {run.name}").randrange(stride)::stride]
    return choose


def everything(_, faults):
    return faults


# A network namespace in which the rules are loaded, and that ends with everything in it; loaders
# lock files in /run.
NAMESPACE = """mount -t tmpfs tmpfs /run && ip link set lo up && ip address add 10.9.0.1/32 dev lo &&
ip address add fd00:9::1/128 dev lo && nft list ruleset >/dev/null && exec "$@" """


def enter_namespace():
    """Starts this script again in a namespace, if there are any to be had."""
    kinds = "-nmpf" if os.geteuid() == 0 else "-Urnmpf"
    wrap = ["unshare", kinds, "--mount-proc", "--kill-child", "sh", "-c", NAMESPACE, "sh"]
    if "NPC_FAULTS_INSIDE" in os.environ or command(*wrap, "true").returncode != 0:
        return
    os.environ["NPC_FAULTS_INSIDE"] = "1"
    os.execvp(wrap[0], [*wrap, sys.executable, *sys.argv])


def print_table(results):
    """What was tried, a line for each run."""
    print(f"{'run':<20}{'allocations':>12}{'system calls':>14}{'injections':>12}{'failures':>10}{'processor s':>13}")
    total = [0] * 5
    for run, parts in results:
        row = [parts[0].allocs, parts[0].calls, sum(p.tried for p in parts), sum(len(p.problems) for p in parts), parts[0].cpu]
        total = [a + b for a, b in zip(total, row)]
        print(f"{run.name:<20}{row[0]:>12}{row[1]:>14}{row[2]:>12}{row[3]:>10}{row[4]:>13.1f}")
    print(f"{len(results):>2} runs{'':<13}{total[0]:>12}{total[1]:>14}{total[2]:>12}{total[3]:>10}{total[4]:>13.1f}")


LINES = 24  # of one problem: a report of leaks can be very long


def report(part):
    """A line as docs/testing.md says, and below it what went wrong, as soon as it is known."""
    print(f"FAIL {part.name}: {len(part.problems)} of {part.tried}" if part.problems else f"ok {part.name}")
    for problem in part.problems[:20]:
        lines = problem.splitlines()
        print("# " + "\n#   ".join(lines[:LINES] + ["..."] * (len(lines) > LINES)))
    sys.stdout.flush()


def try_and_report(program, run, tmp, kinds, choose):
    parts = try_run(program, run, tmp, kinds, choose)
    for part in parts:
        report(part)
    return run, parts


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="every place of every run, and a table")
    parser.add_argument("--pieces", action="store_true", help="allocations only, and each piece of an arena is one")
    parser.add_argument("--kind", choices=[kind for _, kind, _ in PARTS], help="only such faults")
    parser.add_argument("--no-kernel", action="store_true", help="leave out the runs that load rules")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", default=os.environ.get("TEST_SEED", "1"))
    parser.add_argument("names", nargs="*", metavar="RUN", help="its name, or a part of it")
    args = parser.parse_args()
    kernel = (args.all or args.names) and not args.no_kernel
    if kernel:
        enter_namespace()
    build = os.environ.get("NPC_BUILD") or os.path.dirname(os.environ.get("NPC", str(HERE.parents[1] / "build" / "npc")))
    program = os.path.join(os.path.abspath(build), "tests", "npc_faults_pieces" if args.pieces else "npc_faults")
    kinds = PIECES if args.pieces else [p for p in PARTS if args.kind in (None, p[1])]
    choose = everything if args.all else sample(args.seed, os.environ.get("TEST_EFFORT") == "short")
    inside = "NPC_FAULTS_INSIDE" in os.environ
    runs = [r for r in RUNS if not r.kernel or (inside and kernel)]
    whole = {r.name for r in RUNS} & {*args.names}
    runs = [r for r in runs if not args.names or r.name in whole or any(n in r.name for n in {*args.names} - whole)]
    if args.all and kernel and not inside:
        print("SKIP T39_calls_apply: no namespaces here")
    with tempfile.TemporaryDirectory(prefix="npc-faults-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as tmp:
        # Those that load rules have one kernel, and take turns.
        chains = [[r] for r in runs if not r.kernel] + [[r for r in runs if r.kernel]]
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            results = sum(pool.map(lambda chain: [try_and_report(program, r, tmp, kinds, choose) for r in chain], chains), [])
    if args.all:
        print_table(results)
    return any(part.problems for _, parts in results for part in parts)


if __name__ == "__main__":
    sys.exit(main())
