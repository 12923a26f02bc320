#!/usr/bin/env python3
"""The log rules of --log, in network namespaces of their own: packets that are dropped reach the log rule of their class, at most as
many as the rate and its burst allow; packets that are allowed or never filtered reach none; NAME.map has the prefix. The rule's counter is looked at
(nft's gets one for the test): the kernel prints for the first network namespace only (nf_log_all_netns).
"""
import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "pylib"))
import npctest  # noqa: E402

POLICY = """npc 1
namespace a {
    workload w { addr 10.9.0.1 label app=w }
    policy p for pods app=w { default deny egress allow to cidr 10.9.0.3/32 on udp/9 }
}
"""
DENIED, ALLOWED, BURST = 50, 5, 2  # of --log-rate 1; within a second one more may come

SEND = """import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for host, count in (("10.9.0.{}", {}), ("127.0.0.1", 5)):
    for _ in range(count):
        try:
            s.sendto(b"x", (host, 9))
        except PermissionError:
            pass
"""
LINK = "ip link set lo up; ip link add one type veth peer name two; ip addr add 10.9.0.1/24 dev one; ip link set one up; ip link set two up"
LOAD = {
    "nft": "sed 's/ log prefix/ counter log prefix/' rules.nft | nft -f -",
    "iptables-nft": None,
    "iptables-legacy": None,
}
IPTABLES = "ipset restore -exist <rules/ipsets; {0}-restore -w --noflush <rules/rules.v4; {0} -w -I OUTPUT -j NPC-OUTPUT"


def shell(directory, script):
    how = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
    env = dict(os.environ, XTABLES_LOCKFILE=str(directory / "lock"))
    return subprocess.run(how + ["sh", "-ec", script], cwd=directory, env=env, capture_output=True, text=True, timeout=60, check=False)


def count(directory, loader, host, packets):
    """(packets that reached the log rule of egress, its prefix), or why not."""
    load = LOAD[loader] or IPTABLES.format(loader)
    show = "nft list chain ip npc npc_output" if loader == "nft" else f"{loader}-save -t filter -c"
    (directory / "send.py").write_text(SEND.format(host, packets))
    r = shell(directory, f"{LINK}\n{load}\n{sys.executable} send.py\n{show}")
    if r.returncode:
        return None, r.stderr.strip()[:300]
    pattern = r'counter packets (\d+) .* log prefix "([^"]*)"' if loader == "nft" else r'\[(\d+):\d+\] -A NPC-OUT-DENY .*LOG --log-prefix "([^"]*)"'
    found = re.findall(pattern, r.stdout)
    return (int(found[0][0]), found[0][1]) if len(found) == 1 else (None, f"{len(found)} log rules: {r.stdout[-500:]}")


def prefix_in(path):
    tables = json.loads(path.read_text())["tables"]
    return [c["log"] for c in tables[0]["chains"] if c["direction"] == "egress" and "log" in c]


def try_loader(suite, directory, loader):
    logged, prefix = count(directory, loader, 2, DENIED)
    if logged is None:
        suite.skip(f"log-{loader}", prefix) if "Operation not permitted" in prefix else suite.fail(f"log-{loader}", prefix)
        return
    suite.check(f"log-{loader}-limited", "" if 1 <= logged <= BURST + 2 else f"{logged} of {DENIED} packets were logged")
    found = prefix_in(directory / ("rules.nft.map" if loader == "nft" else "rules/npc.map"))
    suite.check(f"log-{loader}-prefix-in-map", "" if found == [prefix] else f"{prefix!r} in the rules, {found} in the map")
    logged, why = count(directory, loader, 3, ALLOWED)
    suite.check(f"log-{loader}-not-allowed-ones", "" if logged == 0 else f"{logged} packets: {why}")


def main():
    suite = npctest.Suite(__doc__)
    directory = suite.scratch("log")
    (directory / "in.npc").write_text(POLICY)
    for target, out in (("nft", "rules.nft"), ("iptables", "rules")):
        done = suite.run("compile", "-t", target, "--host", "a/w", "--log", "--log-rate", "1", "-o", directory / out, directory / "in.npc")
        suite.check(f"log-{target}-compiles", "" if done.status == 0 else done.diag)
    probe = shell(directory, "true")
    for loader in LOAD:
        if probe.returncode:
            suite.skip(f"log-{loader}", "no network namespaces: " + probe.stderr.strip()[:100])
        else:
            try_loader(suite, directory, loader)
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
