#!/usr/bin/env python3
"""Three machines that each load their own rules (examples/vms, the result of docs/migration.md), and
packets between them: what the policy allows, what it denies, and what a host never closes. With and
without failsafe ports.

    run_hosts.py [--loader nft]
"""

import argparse
import functools
import os
import sys
import tempfile

import cluster

EXAMPLE = os.path.join(cluster.ROOT, "examples", "vms")
HOSTS = {
    "web1": ["198.51.100.11", "2001:db8:1::11"],
    "api1": ["198.51.100.12", "2001:db8:1::12"],
    # The inventory knows no IPv6 address of db1: its rules close that family all the same.
    "db1": ["198.51.100.13", "2001:db8:1::13"],
    "lb1": ["198.51.100.2", "2001:db8:1::2"],
    "resolver": ["198.51.100.53", "2001:db8:1::53"],
    "office": ["203.0.113.9", "2001:db8:ffff::9"],
    "world": ["192.0.2.77", "2001:db8:77::1"],
}

# FROM TO PROTO PORT VERDICT [FAMILY]
PROBES = """
lb1 web1 tcp 80 allow
lb1 web1 tcp 8080 deny
lb1 api1 tcp 8080 deny
world web1 tcp 80 deny
web1 api1 tcp 8080 allow
web1 api1 tcp 9000 deny
web1 api1 tcp 5432 deny
api1 db1 tcp 5432 allow 4
api1 db1 tcp 5432 deny 6
web1 db1 tcp 5432 deny
office db1 tcp 5432 deny
world api1 tcp 8080 deny
api1 web1 tcp 80 deny
db1 web1 tcp 80 deny
db1 api1 tcp 8080 deny
db1 world tcp 443 deny
web1 resolver udp 53 allow
db1 resolver tcp 53 allow
db1 resolver udp 5353 deny
db1 world udp 53 deny
office web1 icmp echo allow
office db1 icmp echo allow
world web1 icmp echo deny
office api1 tcp 9100 allow
world api1 tcp 9100 deny
world db1 sctp 5432 deny
db1 office udp 123 allow
web1 office udp 123 allow
web1 world udp 123 deny
web1 web1 tcp 9999 allow
db1 db1 udp 53 allow
"""


def probe(words):
    source, target, proto, port, verdict, *only = words
    for f in only or cluster.FAMILIES:
        yield cluster.probe_line(source, target, f, proto, port, verdict)


def script_of(loader, tmp, failsafe):
    script = [f"host {n} {' '.join(a)}" for n, a in HOSTS.items()]
    # A flow that was there before the rules goes on, where connection tracking knows it.
    track = (
        "nft 'add table inet track; add chain inet track i { type filter hook input priority -10; };"
        " add chain inet track o { type filter hook output priority -10; };"
        " add rule inet track i ct state new counter; add rule inet track o ct state new counter'"
    )
    script += [
        "listen db1 tcp 9000",
        f"run db1 {track}",
        f"run web1 {track}",
        "open before web1 db1 4 tcp 9000",
    ]
    for name in ("web1", "api1", "db1"):
        out = os.path.join(tmp, f"{loader}-{failsafe}-{name}")
        args = ["--host", f"production/{name}"] + ([] if failsafe else ["--failsafe", "none"])
        rules = cluster.compile_files([EXAMPLE], loader, out, args)
        script += [f"run {name} " + cluster.load_command(loader, rules, cluster.HOST_HOOKS)] * 2
    label = f"hosts-{'failsafe' if failsafe else 'closed'}/{loader}"
    script.append(f"say before allow {label}.established")
    script += [line for p in PROBES.strip().splitlines() for line in probe(p.split())]
    ssh = "allow" if failsafe else "deny"
    script += probe(["world", "db1", "tcp", "22", ssh])
    script.append("go " + label)
    return script


# What a closed host never closes, beside loopback and its failsafe ports: by family, what it sends and
# what it takes.
ALWAYS_BOTH_WAYS = {
    "4": ("icmp/3.4",),
    "6": tuple(f"icmp/{t}.0" for t in (2, 130, 131, 132, 133, 134, 135, 136, 143)),
}
NEVER = {
    "4": ("icmp/3.1", "icmp/8.0", "icmp/5.0", "icmp/11.0"),
    "6": ("icmp/1.0", "icmp/3.0", "icmp/128.0", "icmp/137.0", "icmp/129.0"),
}
DHCP = {"4": (68, 67), "6": (546, 547)}  # client, server


def probe_dhcp(lab, family):
    """A client asks and is answered, by a server that need not be the one asked; it is no server, and
    the ports of the other family are closed."""
    client, server = DHCP[family]
    other_client, other_server = DHCP["6" if family == "4" else "4"]
    for source, target, port, sport, verdict in (
        ("x/h", "out", server, client, "allow"),
        ("in", "x/h", client, server, "allow"),
        ("x/h", "out", server, 4000, "deny"),
        ("in", "x/h", client, 4000, "deny"),
        ("x/h", "out", client, server, "deny"),
        ("in", "x/h", server, client, "deny"),
        ("x/h", "out", other_server, other_client, "deny"),
        ("in", "x/h", other_client, other_server, "deny"),
    ):
        lab.probe(source, target, f"udp/{port}", verdict, "sport", sport, families=family)


def kept_script(loader, tmp):
    """A host that is closed both ways, but for two ports."""
    lab = cluster.Lab("hosts-kept", loader, tmp)
    lab.pods = [cluster.Pod("x", "h", {"app": "h"}, "198.51.100.11", "2001:db8:1::11")]
    lab.host("x/h", *lab.pods[0].addresses())
    lab.host("in", "203.0.113.9", "2001:db8:2::9")
    lab.host("out", "203.0.113.10", "2001:db8:2::10")
    lab.run("fabric", "ip addr add 192.0.2.1 dev lo", "ip addr add 2001:db8:f::1 dev lo nodad")
    lab.load(
        "policy p for pods app=h { allow from anywhere on udp/98  allow to anywhere on udp/99 }",
        ["--host", "x/h"],
        "x/h",
        hooks=cluster.HOST_HOOKS,
    )
    for family in cluster.FAMILIES:
        for verdict, kinds in (("allow", ALWAYS_BOTH_WAYS), ("deny", NEVER)):
            for what in kinds[family]:
                lab.probe("x/h", "out", what, verdict, families=family)
                lab.probe("in", "x/h", what, verdict, families=family)
        probe_dhcp(lab, family)
    lab.probe("x/h", "x/h", "tcp/9999", "allow")
    lab.probe("in", "x/h", "tcp/22", "allow")
    lab.probe("x/h", "out", "tcp/22", "deny")
    lab.go("closed")
    # Errors are of the flow that they answer: nobody listens, and the other end hears of it.
    lab.probe("x/h", "out", "udp/99", "allow", "closed")
    lab.probe("in", "x/h", "udp/98", "allow", "closed")
    lab.go("errors")
    lab.probe("x/h", "out", "udp/99", "allow", "size", 6000)
    lab.probe("in", "x/h", "udp/98", "allow", "size", 6000)
    lab.probe("x/h", "out", "udp/100", "deny", "size", 6000)
    lab.probe("in", "x/h", "udp/100", "deny", "size", 6000)
    lab.go("fragments")
    lab.run("fabric", "ip link set veth2 mtu 1280")  # towards `out`
    lab.probe("x/h", "out", "udp/99", "allow", "size", 1400)
    lab.go("narrow-link")
    return lab.script


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    args.add_argument("--loader", action="append", choices=cluster.LOADERS)
    args = args.parse_args()
    jobs = []
    with tempfile.TemporaryDirectory() as tmp:
        for loader in args.loader or cluster.loaders():
            jobs.append((f"hosts-kept/{loader}", functools.partial(kept_script, loader, tmp)))
            for failsafe in (True, False):
                jobs.append((f"hosts/{loader}", functools.partial(script_of, loader, tmp, failsafe)))
        sys.exit(cluster.run_jobs(jobs))


if __name__ == "__main__":
    main()
