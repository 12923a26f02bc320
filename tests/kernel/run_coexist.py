#!/usr/bin/env python3
"""npc's rules beside those of Docker, firewalld, ufw and libvirt, made as those programs make them
(foreign.py): the others' stay as they are to the byte and keep working, and npc's policy holds, for
the pods of a node and for the host itself; whoever comes first, and when the others load again.

    run_coexist.py [--loader nft] [PROGRAM...]

One machine, m: pods x/a and x/b behind it, a container c1 on docker0, a guest g1 on virbr0; and two
machines beside it, ext, which policy names, and peer, which it does not.
"""

import argparse
import functools
import sys
import tempfile

import cluster
import foreign

M = {"4": "192.168.77.1", "6": "fd00:77::1"}
NODE_POLICY = """policy p for pods app=a {
    allow from {pods app=b, cidr 203.0.113.9/32, cidr 2001:db8::9/128} on tcp/80
  }"""
HOST_POLICY = """policy p for pods app=m {
    allow from {cidr 203.0.113.9/32, cidr 2001:db8::9/128} on {tcp/80, tcp/443}
    allow from {cidr 192.168.122.0/24, cidr fd00:122::/64} on udp/53
    allow to {cidr 203.0.113.9/32, cidr 2001:db8::9/128} on udp/53
  }"""

# What each program does for the machine, whatever npc says: FROM TO PROTO/PORT VERDICT [OPTIONS].
CONTAINER_WORKS = (
    ("ext", "c1", "tcp/8080", "allow", "at", M),  # the published port
    ("peer", "c1", "tcp/8080", "allow", "at", M),
    ("ext", "c1", "tcp/8081", "deny"),
    ("c1", "ext", "tcp/80", "allow"),
)
GUEST_WORKS = (
    ("g1", "ext", "tcp/80", "allow"),
    ("g1", "ext", "udp/53", "allow"),
    ("ext", "g1", "tcp/80", "deny"),
    ("g1", "m", "udp/53", "allow"),
)
# Who is a client behind which masquerade, and whether the program closes port 443 of the machine.
PROGRAMS = {
    "docker": (foreign.DOCKER, CONTAINER_WORKS, "c1", False),
    "firewalld": (foreign.FIREWALLD, CONTAINER_WORKS, "c1", True),
    "ufw": (foreign.UFW, (("ext", "m", "tcp/139", "deny"), ("peer", "g1", "tcp/80", "deny")), None, True),
    "libvirt-iptables": (foreign.LIBVIRT, GUEST_WORKS, "g1", False),
    "libvirt-nft": (foreign.LIBVIRT_NFT, GUEST_WORKS, "g1", False),
}


class Machine(cluster.Lab):
    """The laboratory of one combination."""

    def __init__(self, program, order, loader, tmp):
        super().__init__(f"coexist-{program}-{order}", loader, tmp)
        self.other, self.works, self.client, self.closes_443 = PROGRAMS[program]
        self.variant = "iptables-nft" if loader == "nft" else loader
        self.line("node m", *M.values())
        self.pod("a", 11, node="m")
        self.pod("b", 12, node="m")
        self.line("bridged c1 m docker0", *foreign.CONTAINER.values())
        self.line("bridged g1 m virbr0 192.168.122.10 fd00:122::10")
        self.host("ext", "203.0.113.9", "2001:db8::9")
        self.host("peer", "203.0.113.10", "2001:db8::10")
        self.node_pods = self.pods
        self.machine = cluster.Pod("x", "m", {"app": "m"}, M["4"], M["6"], "m")

    def load_node(self):
        self.pods = self.node_pods
        self.load(NODE_POLICY, where="m")

    def load_host(self):
        self.pods = [self.machine]
        self.load(HOST_POLICY, ["--host", "x/m"], "m", hooks=cluster.HOST_HOOKS)

    def keep(self, name, show):
        self.run("m", f"({show}) > {self.dir}/{name} && test -s {self.dir}/{name}")

    def same(self, name, show):
        self.run("m", f"({show}) | diff {self.dir}/{name} - >&2")

    def show_ours(self):
        if self.loader == "nft":
            return "nft -s list table ip npc; nft -s list table ip6 npc"
        tools = (foreign.Tables.tool(self.loader, f) for f in cluster.FAMILIES)
        return "; ".join(f"{t}-save | sed -E '/NPC-/!d; s/ \\[[0-9]+:[0-9]+\\]//'" for t in tools)

    def check_node(self, step):
        """The pods' policy, and the other program."""
        for source, verdict in (("x/b", "allow"), ("ext", "allow"), ("peer", "deny")):
            self.probe(source, "x/a", "tcp/80", verdict)
            self.probe(source, "x/a", "udp/80", "deny")
        self.check_other(step)

    def check_host(self, step):
        self.probe("ext", "m", "tcp/80", "allow")
        self.probe("peer", "m", "tcp/80", "deny")
        self.probe("ext", "m", "tcp/443", "deny" if self.closes_443 else "allow")
        self.probe("peer", "m", "tcp/443", "deny")
        self.probe("peer", "m", "tcp/22", "allow")  # npc's failsafe, and nobody closes it
        self.probe("m", "ext", "udp/53", "allow")
        self.probe("m", "peer", "udp/53", "deny")
        self.probe("g1", "m", "udp/5353", "deny")  # what a guest asks of the machine is the machine's
        self.check_other(step)

    def check_other(self, step):
        for probe in self.works:
            self.probe(*probe)
        self.go(step)

    def watch_masquerade(self):
        """Nobody outside sees the client's own address."""
        if self.client:
            self.run(
                "ext",
                "nft 'add table inet w; add counter inet w bare; add chain inet w i { type filter hook input priority 0; };"
                " add rule inet w i ip saddr {172.17.0.0/16, 192.168.122.0/24} counter name bare;"
                " add rule inet w i ip6 saddr {fd00:17::/64, fd00:122::/64} counter name bare'",
            )

    def check_masquerade(self):
        if self.client:
            self.run("ext", "nft list counter inet w bare | grep -q 'packets 0 '")

    def jump_first(self):
        """Docker puts its jumps above what is there: ours have to go up again."""
        if self.loader != "nft":
            for f in cluster.FAMILIES:
                tool = foreign.Tables.tool(self.loader, f)
                self.run("m", f"{tool} -D FORWARD -j NPC-FORWARD && {tool} -I FORWARD -j NPC-FORWARD")


def begin_after(lab):
    """npc comes to a machine that has the other's rules."""
    lab.other.load(lab, lab.variant)
    lab.check_other("without-npc")
    lab.keep("theirs", lab.other.show(lab.variant))


def begin_before(lab):
    """The other comes to a machine that has npc's rules."""
    lab.load_node()
    lab.keep("ours", lab.show_ours())
    lab.other.load(lab, lab.variant)
    lab.same("ours", lab.show_ours())
    lab.keep("theirs", lab.other.show(lab.variant))
    if lab.other is foreign.DOCKER:
        # An iptables rule that accepts ends the look-up of its table; nft's tables are asked one by one.
        lab.probe("peer", "x/a", "tcp/80", "deny" if lab.loader == "nft" else "allow")
        lab.go("accepted-above-us")
        lab.jump_first()


ORDERS = {"after": begin_after, "before": begin_before}


def script_of(program, order, loader, tmp):
    lab = Machine(program, order, loader, tmp)
    lab.watch_masquerade()
    ORDERS[order](lab)
    theirs = lab.other.show(lab.variant)
    for load, check, name in ((lab.load_node, lab.check_node, "pods"), (lab.load_host, lab.check_host, "host")):
        load()
        load()
        lab.same("theirs", theirs)
        check(name)
    lab.keep("ours", lab.show_ours())
    lab.other.load(lab, lab.variant, again=True)
    lab.same("ours", lab.show_ours())
    lab.same("theirs", theirs)
    lab.check_host("host-after-their-reload")
    if isinstance(lab.other, foreign.Tables):
        # A whole restore leaves nothing of npc in those tables: it must be loaded again.
        lab.other.restore_whole(lab, lab.variant)
        lab.probe("peer", "m", "tcp/80", "deny" if loader == "nft" else "allow")
        lab.check_other("whole-restore")
        lab.load_host()
        lab.check_host("host-loaded-again")
    lab.check_masquerade()
    return lab.script


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    args.add_argument("--loader", action="append", choices=cluster.LOADERS)
    args.add_argument("--show", action="store_true", help="print the scripts instead of running them")
    args.add_argument("program", nargs="*", help=" ".join(PROGRAMS))
    args = args.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        jobs = [
            (f"coexist-{program}-{order}/{loader}", functools.partial(script_of, program, order, loader, tmp))
            for program in args.program or PROGRAMS
            for order in ORDERS
            for loader in args.loader or cluster.loaders()
        ]
        if args.show:
            for _, make in jobs:
                print("\n".join(make()))
            return
        sys.exit(cluster.run_jobs(jobs))


if __name__ == "__main__":
    main()
