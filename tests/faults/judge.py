"""Which faults a system call can meet, and what must be true after each."""
import errno
import os

from server import ALLOC, KILL, SHORT, STDERR, STDOUT

# By system call: what it can meet that is no mistake of the program. With a '+' it must be survived:
# the run ends as if nothing had been. Everything else is either survived or an error that names it.
FAULTS = {
    "access": "EIO EACCES",
    "bind": "ENOMEM",
    "brk": "ENOMEM",
    "capset": "EPERM",
    "chmod": "EIO EPERM EROFS",
    "close": "EIO EINTR",
    "dup2": "EMFILE",
    "execve": "EACCES ENOMEM",
    "fchmod": "EIO EPERM",
    "fchmodat": "EIO EPERM",
    "fcntl": "ENOMEM",
    "flock": "EINTR ENOLCK",
    "fork": "EAGAIN ENOMEM",
    "fsync": "EINTR+ EIO ENOSPC",
    "getcwd": "EACCES ENOMEM",
    "getdents64": "EIO ENOMEM",
    "getrandom": "EINTR+ ENOSYS",
    "getsockname": "ENOBUFS",
    "ioctl": "EIO+",  # isatty()
    "lseek": "EIO",
    "madvise": "EAGAIN",
    "memfd_create": "EMFILE ENOMEM",
    "mkdir": "EACCES ENOSPC",
    "mkdirat": "EACCES EIO ENOSPC",
    "mmap": "ENOMEM",
    "mprotect": "ENOMEM",
    "munmap": "ENOMEM",
    "newfstatat": "EIO ENOMEM",
    "openat": "EACCES EINTR EIO EMFILE",
    "prctl": "EPERM",
    "pwrite64": "EINTR EIO ENOSPC",
    "read": "EINTR+ SHORT+ EIO",
    "readlink": "EACCES EIO",
    "recvfrom": "EINTR ENOBUFS",
    "recvmsg": "EINTR ENOBUFS",
    "rename": "EACCES EIO",
    "renameat": "EACCES EIO ENOSPC",
    "renameat2": "EINVAL+ ENOSYS+ EACCES EIO ENOSPC",
    "sched_getaffinity": "EPERM",
    "sendto": "EINTR ENOBUFS",
    "rt_sigtimedwait": "EINTR",
    "setns": "ENOMEM",
    "clock_nanosleep": "EINTR",
    "kill": "EPERM",
    "ppoll": "EINTR ENOMEM",
    "poll": "EINTR ENOMEM",
    "setsid": "EPERM",
    "socket": "EMFILE EACCES",
    "socketpair": "EMFILE",
    "pipe2": "EMFILE",
    "pread64": "EIO",
    "setsockopt": "ENOMEM",
    "unlink": "EACCES EIO",
    "unlinkat": "EACCES EIO",
    "unshare": "ENOSPC EPERM",
    "wait4": "EINTR+",
    "write": "EINTR+ SHORT+ EIO ENOSPC EPIPE",
}
# What cannot fail in a program that passes what it should; sigaltstack() is the sanitizer's.
HARMLESS = {"exit_group", "getpid", "getppid", "rt_sigaction", "rt_sigprocmask", "set_robust_list", "shutdown", "sigaltstack"}

# The sanitizer's runtime ends where it cannot get what it wants of a new thread: its bounds, another stack. Without
# the sanitizer there is no such exception.
THREAD_BEGINS = b"AsanThread::ThreadStart"
STOPPED_BY_US = 99  # the exit status of the sanitizers
PEAK = 64 * 1024    # KiB that a run may need beyond the undisturbed one


def can_fail(call, word):
    """Whether a call can meet that error; of one that is not known it is believed."""
    return call not in HARMLESS and word in FAULTS.get(call, word).replace("+", "").split()


class Fault:
    """One thing that goes wrong: kind, the first and last number, every how many, and with what."""

    def __init__(self, kind, first, last, step, word="ENOMEM", call="malloc"):
        self.kind, self.first, self.last, self.step = kind, first, last, step
        self.call = call
        self.survive = word.endswith("+")
        self.lasts = last != first
        self.word = word.rstrip("+")
        self.action = {"SHORT": SHORT, "KILL": KILL}.get(self.word) or getattr(errno, self.word)

    def __str__(self):
        what = "allocation" if self.kind == ALLOC else f"call ({self.call})"
        more = "" if not self.lasts else " and all later" if self.step == 1 else f" and every {self.step}th later"
        return f"{what} {self.first}{more}: {self.word}"

    @property
    def messages(self):
        """What an error that it causes says, in one way or another."""
        texts = [os.strerror(errno.ENOMEM if self.kind == ALLOC else self.action)]
        return texts + (["out of memory"] if self.word == "ENOMEM" else [])


def tree(place):
    """What is below a directory: modes and contents by path."""
    found = {}
    for root, dirs, files in os.walk(place):
        for name in dirs + files:
            path = os.path.join(root, name)
            content = None
            if os.path.islink(path):
                content = os.readlink(path)
            elif name in files:
                with open(path, "rb") as f:
                    content = f.read()
            found[os.path.relpath(path, place)] = (os.lstat(path).st_mode, content)
    return found


def difference(found, wanted):
    paths = sorted(p for p in {*found, *wanted} if found.get(p) != wanted.get(p))
    return ", ".join(f"{p} ({'new' if p not in wanted else 'gone' if p not in found else 'changed'})" for p in paths)


def is_temporary(path):
    return os.path.basename(path).startswith(".npc-")


class Judge:
    """What a run was before, and what it leaves undisturbed."""

    def __init__(self, run, before, base, done):
        self.run, self.before, self.base, self.done = run, before, base, done

    def problem(self, fault, got, after):
        """What is wrong with how the disturbed run ended; "" if nothing."""
        if self.no_thread(got):
            return self.difference(after)
        return self.died(got) or self.ending(fault, got, after)

    def difference(self, after):
        return difference(after, self.before)

    def no_thread(self, got):
        return self.run.threads and THREAD_BEGINS in got.err

    def died(self, got):
        text = got.err.decode(errors="replace")
        if self.no_thread(got):
            return ""
        if got.status < 0:
            return f"ended by signal {-got.status}\n{text}"
        if got.status == STOPPED_BY_US or "Sanitizer" in text or "runtime error" in text:
            return f"a sanitizer: {text}"
        if got.peak > self.base.peak + PEAK:
            return f"took {got.peak} KiB"
        return ""

    def ending(self, fault, got, after):
        if got.status == self.base.status and got.call in ("openat", "unlinkat", "close"):
            after = self.tidied(after)
        same = got.status == self.base.status and got.out == self.base.out and after == self.done
        if fault.survive and not self.run.stdio:
            return "" if same and got.err == self.base.err else f"not survived: status {got.status}, {self.effect(got, after)}: {got.err!r}"
        muted = got.call == "write" and got.fd == STDERR
        if same:
            return "" if muted or self.tells(got.err) else f"other messages: {got.err!r}"
        return self.refusal(fault, got, after)

    def may_be_silent(self, fault, got):
        """There is nowhere to say it, or nobody reads any longer, as where head(1) ends."""
        return got.call == "write" and (got.fd == STDERR or (got.fd == STDOUT and fault.word == "EPIPE"))

    def tidied(self, after):
        """Without an old output that is out of the way but could not be removed: no failure."""
        return {p: c for p, c in after.items() if p in self.done or not is_temporary(p.split("/")[0])}

    def effect(self, got, after):
        """How output and files differ from the undisturbed run."""
        return f"{len(got.out)} bytes for {len(self.base.out)}, files: {difference(after, self.done)}"

    def tells(self, err):
        """Whether every finding is there; the line of source, or a "did you mean", may be missing."""
        said = err.splitlines()
        return all(any(wanted.startswith(line) and line for line in said) for wanted in self.base.err.splitlines() if b"error" in wanted or b"[NPC" in wanted)

    def refusal(self, fault, got, after):
        """The run did not end as undisturbed: then it did nothing, and said so."""
        to_stdout = got.call == "write" and got.fd == STDOUT
        if got.status != 3:
            return f"status {got.status}, {self.effect(got, after)}: {got.err!r}"
        if self.run.apart:
            after = {path: self.before.get(path) if after.get(path) == self.done.get(path) else after.get(path) for path in {*after, *self.before}}
        if after != self.before:
            return f"status 3, but {difference(after, self.before)}: {got.err!r}"
        if got.out and not self.run.stdio and not (to_stdout and self.base.out.startswith(got.out)):
            return f"status 3, but {len(got.out)} bytes of output: {got.err!r}"
        if self.may_be_silent(fault, got):
            return ""
        said = got.err.decode(errors="replace")
        if not any(text in said for text in fault.messages):
            return f"status 3 without saying '{fault.messages[0]}': {got.err!r}"
        return ""


class LoaderJudge(Judge):
    """Of a run that works on the rules of the kernel."""

    def problem(self, fault, got, after, scene):
        return self.died(got) or self.ending_of_loader(fault, got, after, scene)

    def ending_of_loader(self, fault, got, after, scene):
        """All or nothing, and a word about it. A program of others may have met the fault, so that
        what is said is what could be found out. Where a fault lasts from the load on, going back
        meets it, too: then what leads back is kept, npc status says so, and npc rollback goes."""
        muted = got.call == "write" and got.fd == STDERR
        if got.status == self.base.status and got.out == self.base.out and after == self.done:
            return "" if muted or self.tells(got.err) else f"other messages: {got.err!r}"
        if got.status not in (1, 2, 3):
            return f"status {got.status}, {self.effect(got, after)}: {got.err!r}"
        if not got.err and not self.may_be_silent(fault, got):
            return f"status {got.status} without a word"
        if scene.run.reboot:
            closed = fault.lasts or not scene.begun(got) or scene.is_closed(after)
            return "" if closed else f"status {got.status}, and not closed, {self.difference(after)}: {got.err!r}"
        if after == self.before or scene.guard_goes_back():
            return ""
        back = scene.goes_back() if fault.lasts else "only once"
        return f"status {got.status}, but {self.difference(after)}, {back}: {got.err!r}" if back else ""
