"""The place of a run that works on the rules of the network namespace: what is looked at, and put
back, is also what the kernel holds and what npc apply keeps in its two directories."""
import os
import re
import shutil
import subprocess
import time

from judge import LoaderJudge, is_temporary, tree
from scene import Broken, Scene, command
from server import NAMES

PLACES = "--state-dir ../state --run-dir ../run"
# What lists the rules, and what takes such a list back.
LISTS = {"nft": (["nft", "list", "ruleset"], ["nft", "-f", "-"])}
OWN_TABLES = "nft list tables | grep ' npc$' | while read -r table; do nft list $table; done"
IPTABLES = {"nft": (["sh", "-c", OWN_TABLES], ["nft", "-f", "-"]),
            "ipset": (["ipset", "save"], ["ipset", "restore"]),
            "iptables": (["iptables-nft-save"], ["iptables-nft-restore"]),
            "ip6tables": (["ip6tables-nft-save"], ["ip6tables-nft-restore"])}
WAITS = 10  # seconds, for what runs beside


def run_list(argv):
    return re.sub(rb"(?m)^#.*\n|\[\d+:\d+\]", b"", command(*argv).stdout)


def bundle(data):
    """The texts of a file of npc apply's own, without those that are of the moment."""
    parts, at = {}, data.find(b"\n") + 1
    while 0 < at < len(data):
        head, _, _ = data[at:].partition(b"\n")
        name, _, size = head.rpartition(b" ")
        begin = at + len(head) + 1
        parts[name] = data[begin:begin + int(size)]
        at = begin + int(size) + 1
    return {n: t for n, t in parts.items() if n not in (b"time", b"sha256")}


class KernelScene(Scene):
    judge_of = LoaderJudge

    def prepare(self):
        self.lists = IPTABLES if "iptables" in " ".join([*self.run.args, *self.run.prepare]) else LISTS
        self.beside = None
        super().prepare()
        if self.run.reboot:
            self.load({})
            shutil.rmtree(self.place / "pristine" / "run")
            (self.place / "pristine" / "run").mkdir()
        self.rules = self.kernel()
        self.restore_files()
        self.earlier = self.look() if self.run.beside else None
        self.closed = self.close_all() if self.run.reboot else None
        self.start_beside()

    # ---- the kernel ----

    def kernel(self):
        return {name: run_list(argv) for name, (argv, _) in self.lists.items()}

    def load(self, rules):
        """Puts rules in place of all that are there."""
        command("nft", "flush", "ruleset")
        command("ipset", "destroy")
        for name, text in rules.items():
            r = command(*self.lists[name][1], input=text)
            if r.returncode:
                raise Broken(f"{name}: {r.stderr.decode()}")

    def close_all(self):
        """The rules that let only an administrator in: those of a boot that finds a damaged file."""
        (self.place / "now" / "state" / "confirmed").write_bytes(b"damaged")
        self.npc("boot " + PLACES)
        closed = {n: t for n, t in self.look().items() if n.startswith("kernel/")}
        self.load(self.rules)
        self.restore_files()
        return closed

    # ---- what runs beside, and waits ----

    def start_beside(self):
        if not self.run.beside:
            return
        self.beside = subprocess.Popen([self.program, *self.run.beside.split()], cwd=self.place / "now" / "work", env=self.env,
                                       stderr=subprocess.PIPE)
        said = self.beside.stderr.readline()
        if b"are in force" not in said:
            raise Broken(f"{self.run.beside}: {said!r}")

    def end_beside(self):
        """It has ended, or is made to, and its guard with it."""
        if self.beside:
            self.npc("rollback " + PLACES)
            self.settle()

    def settle(self):
        self.beside.wait(WAITS)
        self.beside.stderr.close()
        self.beside = None

    # ---- as before ----

    def look(self):
        seen = tree(self.place / "now" / "work")
        for name, text in self.kernel().items():
            # Built-in chains that have no rules come with the first look at them.
            seen["kernel/" + name] = re.sub(rb"(?m)^(\*.*|COMMIT|:[A-Z]+ ACCEPT ?)\n", b"", text) if "ip" in name else text
        for directory in ("state", "run"):
            for path, (_, content) in tree(self.place / "now" / directory).items():
                if path == "pending":
                    content = "a way back"
                elif path in ("loaded", "confirmed", "previous"):
                    content = bundle(content)
                elif path in ("lock", "guard"):
                    continue
                seen[f"{directory}/{path}"] = content
        return seen

    def reset(self):
        if self.look() == self.before:
            return
        self.end_beside()
        self.load(self.rules)
        self.restore_files()
        self.start_beside()

    # ---- the verdict ----

    def judged(self, fault, got, after):
        return self.judge.problem(fault, got, after, self)

    def begun(self, got):
        """Whether a run came as far as to its first loader."""
        forks = [n for n, (number, _) in enumerate(self.base.trace, 1) if NAMES.get(number) == "fork"]
        return got.calls >= forks[0]

    def is_closed(self, after):
        """After a boot: only an administrator comes in, or the confirmed rules are there."""
        kernel = {n: t for n, t in after.items() if n.startswith("kernel/")}
        return kernel in (self.closed, {n: self.judge.done[n] for n in kernel})

    def guard_goes_back(self):
        """Whether the guard of what runs beside takes over, and goes back."""
        if not self.beside:
            return False
        if b'"loading"' in self.npc("status -o json " + PLACES).stdout:
            self.settle()
        return self.look() == self.earlier

    def goes_back(self):
        """Whether npc status says that something is left to do, and npc rollback does it."""
        told = self.npc("status -o json " + PLACES)
        back = self.npc("rollback " + PLACES)
        then = self.look()
        if not re.search(rb'"state":"(interrupted|pending|loading)"', told.stdout):
            return f"npc status: {told.stdout!r}"
        if back.returncode != 0 or then != (self.earlier or self.before):
            return f"npc rollback: status {back.returncode}, {self.judge.difference(then)}: {back.stderr!r}"
        return ""

    def killed(self, got, after):
        """The rules are the old ones, or the new ones and kept; the next run does all."""
        for was, whose in ((self.before, "old"), (self.judge.done, "new")):
            names = [n for n in {*was, *after} if n.startswith(("kernel/", "state/")) and not is_temporary(n)]
            if all(after.get(n) == was.get(n) for n in names):
                # Once it is done, or where a rollback only undoes what was begun, the next run is another.
                done = whose == "new" or (self.run.args[0] == "rollback" and "run/pending" in after)
                return "" if done else self.next_run()
        return f"status {got.status}: neither old nor new rules: {self.judge.difference(after)}"

    def close(self):
        self.end_beside()
        self.load({})
        super().close()
