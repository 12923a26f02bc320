#!/usr/bin/env python3
"""Progress and signals, as a terminal sees them. npc reads a FIFO that is written step by step, so
that it is known what npc is doing whenever something is looked at; nothing here hopes for a speed."""
import fcntl
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

SRC = pathlib.Path(__file__).resolve().parents[2]
NPC = os.environ.get("NPC", str(SRC / "build" / "npc"))
ERASE = b"\r\x1b[K"
OBJECT = b"---\n{apiVersion: v1, kind: Namespace, metadata: {name: n%d}}\n"
POLICY = (SRC / "examples" / "shop" / "payments.yaml").read_bytes()
PATIENCE = 60  # seconds until something that must happen has not

failures = 0


def test(name, holds, why=""):
    global failures
    print(f"ok {name}" if holds else f"FAIL {name}: {why!r}", flush=True)
    failures += not holds


def pieces():
    """Objects of a dump, more than 64 KiB at a time, for ever."""
    n = 0
    while True:
        yield b"".join(OBJECT % i for i in range(n, n + 1200))
        n += 1200


class Run:
    """npc with a terminal as its standard error."""

    def __init__(self, *args, columns=80, term="xterm", stdin=subprocess.DEVNULL, both=False, ignore=None):
        self.main, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        env = {k: v for k, v in os.environ.items() if k != "TERM"}
        if term is not None:
            env["TERM"] = term

        def prepare():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN if number == ignore else signal.SIG_DFL)

        self.out = tempfile.TemporaryFile()
        self.began = time.monotonic()
        self.child = subprocess.Popen([NPC, *map(str, args)], stdin=stdin, stdout=side if both else self.out,
                                      stderr=side, env=env, preexec_fn=prepare)
        os.close(side)
        self.seen = b""

    def look(self, seconds):
        """Takes what the terminal gets in that time; False at its end."""
        if not select.select([self.main], [], [], seconds)[0]:
            return True
        try:
            piece = os.read(self.main, 65536)
        except OSError:  # EIO: nobody has the other side any more
            piece = b""
        self.seen += piece
        return piece != b""

    def end(self):
        limit = time.monotonic() + PATIENCE
        while self.look(1) and time.monotonic() < limit:
            pass
        if time.monotonic() >= limit:
            self.child.kill()
        self.status = self.child.wait()
        self.lasted = time.monotonic() - self.began
        os.close(self.main)
        self.out.seek(0)
        self.result = self.out.read()
        self.out.close()
        return self

    def drawn(self):
        """The lines that were drawn, and what remains on the terminal."""
        parts = self.seen.split(ERASE)
        return [p for p in parts if p.startswith(b"npc: reading")], parts[-1]


class Fed(Run):
    """The same, with a FIFO as its input that gets pieces until progress is shown."""

    def __init__(self, directory, *args, name="dump.yaml", **kwargs):
        self.fifo = os.path.join(os.fsencode(directory), os.fsencode(name))
        os.mkfifo(self.fifo)
        super().__init__(*args, os.fsdecode(self.fifo), **kwargs)
        self.writer = open(self.fifo, "wb", buffering=0)

    def feed(self, wanted=b"npc: reading", most=PATIENCE):
        """Until `wanted` is on the terminal, or for so many seconds."""
        limit = time.monotonic() + most
        for piece in pieces():
            self.writer.write(piece)
            self.look(0.05)
            if wanted in self.seen or time.monotonic() > limit:
                return self

    def finish(self, last=b"---\n" + POLICY):
        self.writer.write(last)
        self.writer.close()
        return self.end()


def progress(base):
    """Progress appears, says what it should, and leaves nothing."""
    seen = Fed(base / "seen", "compile", "-t", "k8s").feed()
    for piece, _ in zip(pieces(), range(10)):
        seen.writer.write(piece)
        seen.look(0.05)
    seen.finish()
    lines, rest = seen.drawn()
    test("progress-shown", bool(lines), seen.seen)
    test("progress-says", all(re.fullmatch(rb"npc: reading: \d+\.\d MB, \d+ objects \S*dump\.y?a?m?l?", l)
                              for l in lines), lines)
    counts = [int(re.search(rb"(\d+) objects", l)[1]) for l in lines]
    test("progress-grows", counts == sorted(counts) and counts[-1] > 0, counts)
    test("progress-is-rare", len(lines) <= seen.lasted * 10 + 1, (len(lines), seen.lasted))
    test("progress-erased", seen.status == 0 and rest == b"", (seen.status, seen.seen))
    plain = subprocess.run([NPC, "compile", "-t", "k8s", "-"], input=POLICY, stdout=subprocess.PIPE, check=True)
    test("progress-changes-no-output", seen.result == plain.stdout)


def percent(base):
    """A file whose size is known says how much of it, from its beginning: it comes after a FIFO that has waited until
    something may be drawn again, and said nothing since."""
    big = base / "percent" / "x.yaml"
    big.write_bytes(POLICY + b"---\n" + b"# nothing, many times over: a comment is a line of a file\n" * 200000)
    run = Fed(base / "percent", "compile", "-t", "null", big).feed()
    time.sleep(1)
    run.finish(b"")
    lines, _ = run.drawn()
    last = lines[-1] if lines else b""
    test("progress-percent", re.match(rb"npc: reading: \d+% of 11\.\d MB, \d+ objects ", last), lines)


def places(base):
    """Where nothing, or not much, may be drawn."""
    def quiet(name, *args, **kwargs):
        run = Fed(base / name, "compile", *args, **kwargs).feed(most=0.8).finish()
        test(f"progress-none-{name}", run.seen == b"" and run.status == 0, (run.status, run.seen))

    quiet("dumb", term="dumb")
    quiet("no-TERM", term=None)
    quiet("never", "--progress", "never")
    narrow = Fed(base / "narrow", "compile", columns=20).feed(b"npc: reading: ").finish()
    lines, _ = narrow.drawn()
    test("progress-narrow", lines and all(len(l) <= 19 for l in lines), narrow.seen)
    hostile = Fed(base / "hostile", "compile", columns=400, name="\x1b]0;t\x07\u00e9.yaml").feed().finish()
    lines, _ = hostile.drawn()
    test("progress-hostile-name", lines and all(l.endswith(b"/?]0;t???.yaml") for l in lines), lines)
    short = Run("compile", SRC / "examples" / "shop").end()
    test("progress-none-short", short.seen == b"" and short.status == 0, short.seen)


def apart(base):
    """What else is said finds the line erased: diagnostics, and results on the same terminal."""
    bad = Fed(base / "bad", "compile").feed().finish(b"---\nkind: NetworkPolicy\n")
    rest = bad.drawn()[1]
    test("progress-before-diagnostics", b"NPC067" in rest and b"npc: reading" not in rest and bad.status == 2, rest)
    both = Fed(base / "both", "compile", both=True).feed().finish()
    rest = both.drawn()[1]
    test("progress-before-results", rest.startswith(b"apiVersion: ") and b"npc: reading" not in rest, rest)
    with open(base / "err", "wb") as err, subprocess.Popen(
            [NPC, "compile", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=err,
            env=dict(os.environ, TERM="xterm")) as child:
        for piece, _ in zip(pieces(), range(15)):
            child.stdin.write(piece)
            time.sleep(0.05)
        child.stdin.write(b"---\nkind: NetworkPolicy\n")
    text = (base / "err").read_bytes()
    test("progress-none-in-a-file", b"\x1b" not in text and b"\r" not in text and b": error: " in text, text)


def listing(path):
    return sorted((str(p.relative_to(path)), p.is_file() and p.read_bytes()) for p in path.rglob("*"))


def reading(base):
    """A signal while input is read: the line goes, the old output stays, the signal is the status."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        name = f"reading-{number.name}"
        out = base / name / "out"
        out.mkdir()
        (out / "f").write_bytes(b"old")
        before = listing(out)
        run = Fed(base / name, "compile", "-o", out / "f").feed()
        run.child.send_signal(number)
        run.end()
        run.writer.close()
        test(f"signal-{name}", run.status == -number and run.drawn()[1] == b"" and listing(out) == before,
             (run.status, run.seen))
    run = Fed(base / "ignored", "compile", ignore=signal.SIGHUP).feed(most=0.2)
    run.child.send_signal(signal.SIGHUP)
    run.feed(most=0.2).finish()
    test("signal-ignored-stays-ignored", run.status == 0, run.status)


def waiting(base):
    """Opening a FIFO that nobody reads waits for ever, but for a signal."""
    fifo = base / "waiting" / "out"
    os.mkfifo(fifo)
    run = Run("compile", "-o", fifo, SRC / "examples" / "shop")
    limit = time.monotonic() + PATIENCE
    asleep = 0  # there is nothing else that it could wait for
    while asleep < 5 and time.monotonic() < limit:
        time.sleep(0.02)
        state = pathlib.Path(f"/proc/{run.child.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        asleep = asleep + 1 if state == "S" else 0
    run.child.send_signal(signal.SIGINT)
    run.end()
    test("signal-opening-a-fifo", run.status == -signal.SIGINT, run.status)


# LeakSanitizer cannot look at a process that strace looks at.
NO_LEAKS = dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")
CALLS = ("mkdirat", "fchmod", "fsync", "renameat", "renameat2", "unlinkat")


def stepped(base, name, *args, old):
    """A signal at calls with which outputs are written: each time all is old, or all is new, and no
    temporary name is left. (tests/unit/test_file.c does it at every call of every kind of output.)"""
    ended, bad = 0, []
    results = set()
    for call in CALLS:
        for when in range(1, 4):
            work = base / name / f"{call}-{when}"
            work.mkdir()
            old(work)
            before = str(listing(work))
            strace = ["strace", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                      f"inject={call}:signal=SIGINT:when={when}"]
            done = subprocess.run([*strace, NPC, *map(str, args)], cwd=work, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE, env=NO_LEAKS,
                                  preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
            after = str(listing(work))
            ended += done.returncode == -signal.SIGINT
            if ".npc-" in after or done.returncode not in (0, -signal.SIGINT):
                bad.append((call, when, done.returncode, [n for n, _ in listing(work)]))
            if after != before:
                results.add(after)
            elif done.returncode == 0:
                bad.append((call, when, "nothing was written"))
    test(f"signal-{name}", ended >= 3 and not bad and len(results) == 1, (ended, bad, len(results)))


def writing(base):
    try:
        subprocess.run(["strace", "-o", "/dev/null", "true"], check=True, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        print("SKIP signal-writing: strace does not work here")
        return
    shop = SRC / "examples" / "shop"
    (base / "old").mkdir()
    subprocess.run([NPC, "compile", "-t", "iptables", "-o", base / "old" / "d", shop], check=True)

    def old_directory(work):
        (work / "d").mkdir()
        for f in (base / "old" / "d").iterdir():
            (work / "d" / f.name).write_bytes(b"# old\n")

    def old_files(work):
        (work / "f").write_bytes(b"old")
        (work / "f.map").write_bytes(b"old")

    def old_source(work):
        (work / "a.npc").write_bytes(b"policy  p for   pods a=b { allow from anywhere on tcp/80 }\n")

    stepped(base, "directory", "compile", "-t", "iptables", "-o", "d", shop, old=old_directory)
    stepped(base, "files", "compile", "-t", "nft", "-o", "f", shop, old=old_files)
    stepped(base, "fmt", "fmt", "-w", "a.npc", old=old_source)


def main():
    try:
        for end in pty.openpty():
            os.close(end)
    except OSError as e:
        print(f"SKIP terminal: no pseudo-terminals ({e}): /dev/pts is not mounted")
        return False
    # npc mostly waits: all at once.
    with tempfile.TemporaryDirectory() as tmp:
        base = pathlib.Path(tmp)
        for name in ("seen", "percent", "dumb", "no-TERM", "never", "narrow", "hostile", "bad", "both", "ignored",
                     "waiting", "directory", "files", "fmt", *(f"reading-{s}" for s in ("SIGINT", "SIGTERM", "SIGHUP"))):
            (base / name).mkdir()
        died = []

        def attempt(part):
            try:
                part(base)
            except Exception as e:  # noqa: a part that dies fails
                died.append((part.__name__, repr(e)))

        threads = [threading.Thread(target=attempt, args=(part,))
                   for part in (progress, percent, places, apart, reading, waiting, writing)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        test("all-parts-ended", not died, died)
    return failures > 0


sys.exit(main())
