#!/usr/bin/env python3
"""netlab cleans up after itself, however it ends: at its end, and when it, or the child that holds
the laboratory, is killed in the middle of a command, no process and no namespace of it remains (and
with a namespace go its links and rules)."""

import os
import re
import signal
import subprocess
import sys
import time

import cluster

SCRIPT = """node n1 192.168.77.1 fd00:77::1
pod x/a n1 10.244.1.11 fd00:10:244:1::b
bridged x/b n1 br0 10.244.1.12 fd00:10:244:1::c
run n1 sleep 600 & echo here; sleep 600
"""
PROCESSES = 5  # netlab, its child, the shell and two sleeps
NAMESPACES = 4  # the fabric, a node and two pods
PATIENCE = 10  # seconds: the kernel frees a namespace in its own time


def children(pid):
    """A process and all that it started, and they, and so on."""
    found = [pid]
    for p in found:
        try:
            with open(f"/proc/{p}/task/{p}/children", encoding="ascii") as f:
                found += map(int, f.read().split())
        except FileNotFoundError:
            pass
    return found


def namespaces_of(pid):
    """The network namespaces that a process is in or holds open."""
    found = set()
    try:
        links = [f"/proc/{pid}/ns/net"] + [f"/proc/{pid}/fd/{n}" for n in os.listdir(f"/proc/{pid}/fd")]
    except (FileNotFoundError, PermissionError):
        return found
    for link in links:
        try:
            if re.fullmatch(r"net:\[\d+\]", os.readlink(link)):
                found.add(os.readlink(link))
        except (FileNotFoundError, PermissionError):
            pass
    return found


def processes():
    return {p for p in os.listdir("/proc") if p.isdigit()}


def remains(pids, namespaces, suspects):
    """What is left of a laboratory: a namespace lives as long as a process is in it or holds it, or
    a mount does. The suspects are the processes that did before its end: the kernel gives the number
    of a namespace that is gone to the next one, which may be another test's."""
    left = [f"process {p}" for p in pids if os.path.exists(f"/proc/{p}")]
    for p in suspects:
        left += [f"{n} in {p}" for n in namespaces_of(p) & namespaces]
    with open("/proc/self/mountinfo", encoding="ascii", errors="replace") as f:
        left += [line.strip() for line in f if any(n in line for n in namespaces)]
    return left


def start():
    """A netlab in the middle of a command; its processes and namespaces."""
    lab = subprocess.Popen(
        [cluster.NETLAB], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    lab.stdin.write(SCRIPT)
    lab.stdin.flush()
    if lab.stdout.readline() != "here\n":
        return lab, [], set()
    end = time.monotonic() + PATIENCE
    pids = children(lab.pid)
    while len(pids) < PROCESSES and time.monotonic() < end:
        pids = children(lab.pid)
    mine = namespaces_of("self")
    return lab, pids, set().union(*map(namespaces_of, pids)) - mine


def check(name, kill):
    """Prints the verdict of one way to end; false if something remains."""
    lab, pids, namespaces = start()
    if not pids:
        lab.stdin.close()
        print(f"SKIP killed-{name}: no network namespaces: {lab.stderr.read().strip()}")
        return lab.wait() == 3
    suspects = {p for p in processes() if namespaces_of(p) & namespaces}
    seen = remains(pids, namespaces, suspects)
    if len(pids) != PROCESSES or len(namespaces) != NAMESPACES or len(seen) < PROCESSES + NAMESPACES:
        kill(lab, pids)
        print(f"FAIL killed-{name}: the test sees too little: {pids} {namespaces} {seen}")
        return False
    kill(lab, pids)
    lab.stdin.close()
    lab.wait()
    end = time.monotonic() + PATIENCE
    left = remains(pids, namespaces, suspects)
    while left and time.monotonic() < end:
        time.sleep(0.02)
        left = remains(pids, namespaces, suspects)
    print(f"FAIL killed-{name}: {'; '.join(left)}" if left else f"ok killed-{name}")
    return not left


WAYS = {
    "outer": lambda lab, pids: lab.kill(),
    "inner": lambda lab, pids: os.kill(pids[1], signal.SIGKILL),
    "interrupted": lambda lab, pids: lab.send_signal(signal.SIGINT),
    "command-ends": lambda lab, pids: [os.kill(p, signal.SIGKILL) for p in pids[2:3]],
}


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell in the background has it ignored
    good = [check(name, kill) for name, kill in WAYS.items()]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
