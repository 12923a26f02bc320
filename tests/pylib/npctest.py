"""What every Python test script needs: the program under test, reporting, scratch files.

The conventions are in docs/testing.md: lines `ok NAME`, `FAIL NAME: why`, `SKIP NAME: why`.
"""
import argparse
import atexit
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile

SRC = pathlib.Path(__file__).resolve().parents[2]
DATA = SRC / "tests" / "data"


class Result:
    """How one run of the program ended."""

    def __init__(self, status, out, err):
        self.status = status
        self.out = out
        self.err = err

    @property
    def text(self):
        return self.out.decode("utf-8", "surrogateescape")

    @property
    def diag(self):
        return self.err.decode("utf-8", "surrogateescape")


class Suite:
    """One test script: its options, the program, and the lines it prints."""

    def __init__(self, doc, count=None, bless=False):
        parser = argparse.ArgumentParser(description=doc)
        parser.add_argument("--npc", default=os.environ.get("NPC", str(SRC / "build" / "npc")),
                            help="the program under test (environment: NPC)")
        parser.add_argument("--seed", type=int, default=int(os.environ.get("TEST_SEED", "1")))
        parser.add_argument("-v", action="store_true", dest="verbose")
        parser.add_argument("names", nargs="*", metavar="NAME", help="only tests whose name contains NAME")
        if count is not None:
            parser.add_argument("--count", type=int, default=None)
        if bless:
            parser.add_argument("--bless", action="store_true",
                                help="write what the program says into the want files, and show the difference")
        self.args = parser.parse_args()
        self.npc = os.path.abspath(self.args.npc)
        self.short = os.environ.get("TEST_EFFORT", "full") == "short"
        if count is not None and self.args.count is None:
            self.args.count = count // 10 if self.short else count
        self.passed = self.failed = self.skipped = 0
        self._tmp = tempfile.mkdtemp(prefix="npc-test-")
        atexit.register(shutil.rmtree, self._tmp, True)
        if not os.access(self.npc, os.X_OK):
            self.fail("program", f"no program at {self.npc}")
            sys.exit(self.finish())

    def wanted(self, name):
        return not self.args.names or any(part in name for part in self.args.names)

    def ok(self, name):
        self.passed += 1
        print(f"ok {name}", flush=True)

    def fail(self, name, why):
        self.failed += 1
        first, *rest = str(why).splitlines() or ["no reason"]
        print(f"FAIL {name}: {first}")
        for line in rest[:60]:
            print(f"#   {line}")
        sys.stdout.flush()

    def skip(self, name, why):
        self.skipped += 1
        print(f"SKIP {name}: {why}", flush=True)

    def check(self, name, problem):
        """One test: passed if `problem` is empty."""
        if problem:
            self.fail(name, problem)
        else:
            self.ok(name)
        return not problem

    def trials(self, name, make, first=0, shown=3):
        """--count random trials: make(number) has run(), which returns what is wrong, and describe()."""
        failed = 0
        for number in range(first, first + self.args.count):
            trial = make(number)
            problem = trial.run()
            if problem:
                failed += 1
                if failed <= shown:
                    self.fail(f"{name}-{self.args.seed}-{number}", trial.describe(problem))
        if not failed:
            self.ok(f"{name}-{self.args.seed}")
        return self.finish()

    def note(self, text):
        for line in str(text).splitlines():
            print(f"# {line}", flush=True)

    def finish(self):
        if self.passed + self.failed + self.skipped == 0:
            self.fail("none", "no test ran")
        print(f"# {self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        return 1 if self.failed else 0

    def scratch(self, name="work"):
        """A fresh, empty directory."""
        return pathlib.Path(tempfile.mkdtemp(prefix=name + "-", dir=self._tmp))

    def run(self, *args, stdin=b"", cwd=None, env=None, timeout=120, stack=None, memory=None, npc=None):
        """Runs the program. `stack` and `memory` are limits in KiB. A signal gives a negative status,
        a timeout the status "timeout"."""
        return run([npc or self.npc, *map(str, args)], stdin=stdin, cwd=cwd, env=env, timeout=timeout,
                   stack=stack, memory=memory)


def run(argv, stdin=b"", cwd=None, env=None, timeout=120, stack=None, memory=None):
    def limit():
        if stack:
            resource.setrlimit(resource.RLIMIT_STACK, (stack * 1024, stack * 1024))
        if memory:
            resource.setrlimit(resource.RLIMIT_AS, (memory * 1024, memory * 1024))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    full = dict(os.environ)
    for name in ("NO_COLOR", "LC_ALL", "LANG"):
        full.pop(name, None)
    full.update(env or {})
    if isinstance(stdin, str):
        stdin = stdin.encode("utf-8", "surrogateescape")
    try:
        done = subprocess.run(argv, input=stdin, cwd=cwd, env=full, timeout=timeout, preexec_fn=limit,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    except subprocess.TimeoutExpired:
        return Result("timeout", b"", b"")
    return Result(done.returncode, done.stdout, done.stderr)


def sanitized(npc):
    """Whether the program is built with AddressSanitizer (address-space limits make no sense then)."""
    with open(npc, "rb") as f:
        return b"__asan_init" in f.read()
