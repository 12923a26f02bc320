#!/usr/bin/env python3
"""npc apply and its rows of the threat model (50 to 61), each in namespaces of its own: network,
mounts (with a /run of its own), and processes, so that nothing that a test leaves outlives it."""
import concurrent.futures
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

TARGETS = ("nft", "iptables-nft", "iptables-legacy")
SKIPPED = 77
AT_ONCE = 8  # machines: each mostly waits for its kernel


def namespaces(user):
    """As root, or as nobody in particular who is root in a user namespace."""
    kinds = "-nmpf" if os.geteuid() == 0 and not user else "-Urnmpf"
    return ["unshare", kinds, "--mount-proc", "--kill-child"]


def tests():
    """(name, function, target): one for each target that a test is for."""
    import rows  # pylint: disable=import-outside-toplevel
    found = []
    for name, function in sorted(vars(rows).items()):
        if re.match(r"T\d\d_|apply_", name):
            for target in getattr(function, "targets", TARGETS):
                found.append((f"{name}-{target}", function, target))
    return found


def inside(name):
    """In the namespaces: runs one test."""
    import lab  # pylint: disable=import-outside-toplevel
    os.umask(0o022)
    lab.sh(f"mount -t tmpfs tmpfs /run && mount -t tmpfs -o mode=0700 tmpfs {os.environ['LAB_TMP']}")  # waits for no disk
    function, target = next((f, t) for n, f, t in tests() if n == name)
    machine = lab.Lab(target)
    try:
        function(machine)
    except lab.Skip as e:
        print(e)
        return SKIPPED
    except lab.Failed as e:
        print(e)
        return 1
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc(file=sys.stdout)
        return 1
    finally:
        machine.close()
    return 0


def run_one(suite, name, user):
    with tempfile.TemporaryDirectory(prefix="npc-apply-") as tmp:
        env = dict(os.environ, NPC=suite.npc, LAB_TMP=tmp, PYTHONDONTWRITEBYTECODE="1")
        argv = namespaces(user) + [sys.executable, str(pathlib.Path(__file__).resolve()), "--inside", name]
        began = time.monotonic()
        try:
            r = subprocess.run(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
                               start_new_session=True)  # no terminal: who sits at one over SSH is asked to confirm
        except subprocess.TimeoutExpired:
            return name, 1, "it did not end"
        if suite.args.verbose:
            suite.note(f"{name}: {time.monotonic() - began:.1f} s")
        return name, r.returncode, r.stdout.strip()


def lacks(user):
    """Why tests cannot run here; empty if they can."""
    probe = subprocess.run(namespaces(user) + ["sh", "-c", "mount -t tmpfs tmpfs /run && nft list ruleset && ip link add x type veth peer name y"],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    return "no namespaces here: " + probe.stderr.strip().replace("\n", " ") if probe.returncode else ""


def run_all(suite, jobs, at_once):
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        for (_, user), (name, status, said) in zip(jobs, pool.map(lambda j: run_one(suite, *j), jobs)):
            label = name + ("-user" if user else "")
            if status == SKIPPED:
                suite.skip(label, said)
            else:
                suite.check(label, "" if status == 0 else said or f"status {status}")


def main():
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup has it ignored
    if sys.argv[1:2] == ["--inside"]:
        return inside(sys.argv[2])
    from pylib.npctest import Suite  # pylint: disable=import-outside-toplevel
    suite = Suite(__doc__)
    lacking = lacks(False)
    if lacking:
        suite.skip("all", lacking)
        return suite.finish()
    together, alone = [], []
    users = os.geteuid() == 0 and not suite.short
    lacking = lacks(True) if users else ""  # in a chroot, no user namespace can be made
    for name, function, _ in tests():
        if suite.wanted(name) and not (suite.short and getattr(function, "long", False)):
            jobs = alone if getattr(function, "alone", False) else together
            jobs.append((name, False))
            if users and getattr(function, "user", False):
                if lacking:
                    suite.skip(f"{name}-user", lacking)
                else:
                    jobs.append((name, True))
    run_all(suite, together, AT_ONCE)
    run_all(suite, alone, 1)
    if not suite.args.names:
        for row in range(50, 62):
            suite.check(f"T{row}_has_a_test", "" if any(n.startswith(f"T{row}_") for n, _ in together + alone) else "no test")
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
