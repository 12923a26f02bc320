#!/usr/bin/env python3
"""Packets for what is known to go wrong in packet filters that enforce policy: each function below
is one trap, and says what it is. What a user has to know of them is in docs/semantics.md.

    run_traps.py [--loader nft] [TRAP...]
"""

import argparse
import functools
import re
import shutil
import sys
import tempfile

import cluster

BOTH = cluster.FAMILIES
# Connection tracking begins with the first rule that asks for it.
TRACK = (
    "nft 'add table inet track; add chain inet track f { type filter hook forward priority -10; };"
    " add rule inet track f ct state new counter'"
)


# ---- flows that connection tracking has seen ----


def unanswered(lab):
    """A first packet that crossed the node before the rules came is no licence for the next one of
    its flow, whatever conntrack remembers; nor is one that a rule of yesterday allowed."""
    lab.node()
    lab.pod("a", 11)
    lab.pod("b", 12)
    lab.run("n1", TRACK)
    lab.run("x/a", "nft 'add table inet mute; add chain inet mute i { type filter hook input priority 0; };"
            " add rule inet mute i tcp dport 80 drop'")
    lab.line("listen x/a udp-silent 82")

    def send(port, verdict, tcp):
        lab.probe("x/b", "x/a", "udp/82", verdict, "sport", port)
        lab.probe("x/b", "x/a", "sctp/90", verdict, "sport", port)
        lab.probe("x/b", "x/a", "tcp/80", tcp, "sport", port)

    send(4001, "allow", "deny")
    lab.go("before-the-rules")
    lab.load("policy p for pods app=a { default deny ingress }")
    lab.run("x/a", "nft delete table inet mute")
    send(4001, "deny", "deny")
    lab.go("with-rules")
    lab.load("policy p for pods app=a { allow from pods app=b on {udp/82, sctp/90} }")
    send(4002, "allow", "deny")
    lab.go("with-a-rule")
    lab.load("policy p for pods app=a { default deny ingress }")
    send(4002, "deny", "deny")
    lab.go("rule-removed")


def reused_address(lab):
    """A pod that gets the address of one that went inherits its established flows, until their
    entries are deleted; for good only if connection tracking does not take up a TCP flow in its
    middle (nf_conntrack_tcp_loose), or the other end would open it again."""
    lab.node()
    lab.pod("a", 11)
    lab.pod("s", 12)
    lab.run("n1", TRACK)
    lab.line("listen x/s tcp 80")
    for f in BOTH:
        lab.line(f"open flow{f} x/a x/s {f} tcp 80")
    lab.pods[0].labels["app"] = "new"
    lab.load("policy p for pods app=new { default deny egress }")
    for f in BOTH:
        lab.line(f"say flow{f} allow {lab.label}.inherited{f}/{lab.loader}")
    # One of the two finds nothing: the entry is of the end that it saw first.
    forget = [f"conntrack -D -s {a}; conntrack -D -d {a}; true" for a in lab.pods[0].addresses()]
    # The server's answer is held back, and sent again when the entries are gone.
    lab.run("n1", "nft 'add table inet hold; add chain inet hold f { type filter hook forward priority -5; };"
            " add rule inet hold f tcp sport 80 drop'")
    for f in BOTH:
        lab.line(f"say flow{f} deny {lab.label}.held{f}/{lab.loader}")
    lab.run("n1", *forget, "nft delete table inet hold", "sleep 3")
    for f in BOTH:
        lab.line(f"say flow{f} allow {lab.label}.taken-up-again{f}/{lab.loader}")
    lab.run("n1", cluster.sysctl("net/netfilter/nf_conntrack_tcp_loose", 0), *forget)
    for f in BOTH:
        lab.line(f"say flow{f} deny {lab.label}.deleted{f}/{lab.loader}")


def untracked(lab):
    """Packets that a rule takes out of connection tracking have no replies: each direction is judged
    by itself. A DNS cache on the node, which is why people do it, is not concerned: traffic between
    a pod and its node crosses no rule of npc's."""
    lab.node()
    lab.pod("a", 11)
    lab.pod("b", 12)
    lab.load("policy p for pods app=a { default deny ingress  allow to pods app=b on udp/53 }")
    lab.line("listen x/a udp 4053")
    for untracking in (False, True):
        if untracking:
            lab.run("n1", "nft 'add table inet raw; add chain inet raw p { type filter hook prerouting priority raw; };"
                    " add rule inet raw p udp dport 53 notrack; add rule inet raw p udp sport 53 notrack'",
                    "conntrack -F")
        lab.probe("x/a", "x/b", "udp/53", "allow", "sport", 4053)
        lab.probe("x/a", "n1", "udp/53", "allow")
        lab.go("query" + ("-untracked" if untracking else ""))
        lab.probe("x/b", "x/a", "udp/4053", "deny" if untracking else "allow", "sport", 53)
        lab.go("reply" + ("-untracked" if untracking else ""))


# ---- chains ----


def egress_by_port(lab):
    """A chain for a port that does not allow must end the look-up, and one that does must not fall
    into the deny of the chain that called it."""
    lab.node()
    for i, name in enumerate("abcd"):
        lab.pod(name, 11 + i)
    lab.host("world", "203.0.113.9", "2001:db8::9")
    lab.load("""
  policy out for pods app=a {
    allow to pods app=b on {tcp/80, tcp/8000-8010}
    allow to pods app=c on {tcp/80, tcp/81, udp/53}
    allow to {cidr 203.0.113.0/24, cidr 2001:db8::/32} on {tcp/81, tcp/443}
    allow to pods app=d on sctp/*
  }
  policy in for pods app=c { allow from pods app=a on {tcp/80, udp/*} }""")
    verdicts = {  # by port: who is allowed
        "tcp/80": ("x/b", "x/c"), "tcp/81": ("world",), "tcp/443": ("world",), "tcp/8000": ("x/b",),
        "tcp/8010": ("x/b",), "tcp/8011": (), "udp/53": ("x/c",), "udp/80": (), "sctp/80": ("x/d",), "icmp/echo": (),
    }
    for what, allowed in verdicts.items():
        for target in ("x/b", "x/c", "x/d", "world"):
            lab.probe("x/a", target, what, "allow" if target in allowed else "deny")
    lab.probe("x/b", "x/d", "tcp/80", "allow")
    lab.go("grid")


def many_ports(lab):
    """More ports than a multiport match has slots (15, of which a range takes two)."""
    single = [1000 + 10 * i for i in range(20)]
    ranges = [(2000 + 20 * i, 2005 + 20 * i) for i in range(16)]
    lab.node()
    lab.pod("a", 11)
    lab.pod("b", 12)
    lab.pod("c", 13)
    ports = [f"tcp/{p}" for p in single] + [f"tcp/{a}-{z}" for a, z in ranges]
    lab.load(f"policy p for pods app=a {{ allow from pods app=b on {{{', '.join(ports)}}} }}")
    inside = single + [p for a, z in ranges for p in (a, a + 1, z)]
    outside = [p + 1 for p in single] + [p for a, z in ranges for p in (a - 1, z + 1)] + [1, 65535]
    for port in inside:
        lab.probe("x/b", "x/a", f"tcp/{port}", "allow")
    for port in outside:
        lab.probe("x/b", "x/a", f"tcp/{port}", "deny")
    for port in inside[::7]:
        lab.probe("x/c", "x/a", f"tcp/{port}", "deny")
        lab.probe("x/b", "x/a", f"udp/{port}", "deny")
    lab.go("edges")


def scattered_addresses(lab):
    """The look-up of a pod stands behind a check of the network that all pods are in, which must be
    that of their addresses and not what a node says of itself."""
    lab.node()
    places = [("10.244.1.1", "fd00::1"), ("10.255.255.254", "fd00:ffff::1"), ("192.168.0.7", "2001:db8:9::7"),
              ("1.0.0.1", "2000::1"), ("223.255.255.254", "3fff:ffff::1")]
    for i, addresses in enumerate(places):
        lab.pod(f"p{i}", 0, addresses=addresses, app="target")
    lab.pod("client", 99)
    lab.host("world", "203.0.113.9", "2a00::9")
    lab.load("policy p for pods app=target { allow from pods app=client on tcp/80  allow to pods app=client on udp/53 }")
    for i in range(len(places)):
        lab.probe("x/client", f"x/p{i}", "tcp/80", "allow")
        lab.probe("x/client", f"x/p{i}", "tcp/81", "deny")
        lab.probe("world", f"x/p{i}", "tcp/80", "deny")
        lab.probe(f"x/p{i}", "x/client", "udp/53", "allow")
        lab.probe(f"x/p{i}", "world", "udp/53", "deny")
    lab.go("all")


# ---- what must pass a closed pod ----


def hairpin(lab):
    """A pod that reaches itself through its Service comes back with its own address."""
    lab.node()
    lab.pod("a", 11)
    lab.pod("b", 12)
    for family, vip, pod in (("ip", "10.96.0.10", "10.244.1.11"), ("ip6", "fd00:96::10", "[fd00:10:244:1::11]")):
        lab.run("n1", f"nft 'add table {family} svc;"
                f" add chain {family} svc pre {{ type nat hook prerouting priority dstnat; }};"
                f" add rule {family} svc pre {family} daddr {vip} tcp dport 80 dnat to {pod}:8080;"
                f" add chain {family} svc post {{ type nat hook postrouting priority srcnat; }};"
                f" add rule {family} svc post {family} saddr {pod.strip('[]')} {family} daddr {pod.strip('[]')} masquerade'")
    lab.load("policy p for pods app=a { default deny {ingress, egress} }")
    service = {"4": "10.96.0.10", "6": "fd00:96::10"}
    lab.line("listen x/a tcp 8080")
    lab.probe("x/a", "x/a", "tcp/80", "allow", "at", service)
    lab.probe("x/b", "x/a", "tcp/80", "deny", "at", service)
    lab.probe("x/b", "x/a", "tcp/8080", "deny")
    lab.go("service")


def path_mtu(lab):
    """A message that a packet was too big passes, for a flow that conntrack does not know too; and
    a real one finds its way back. Other errors of unknown flows do not."""
    lab.node()
    lab.pod("a", 11)
    lab.pod("b", 12)
    lab.host("far", "203.0.113.9", "2001:db8::9")  # behind veth3 of the fabric
    lab.load("policy p for pods app=a { default deny ingress  allow to pods app=b on udp/53"
             "  allow to {cidr 203.0.113.0/24, cidr 2001:db8::/32} on udp/53 }")
    for f, too_big, other in (("4", "3.4", "3.1"), ("6", "2.0", "1.0")):
        for one, two in (("x/b", "x/a"), ("x/a", "x/b"), ("far", "x/a"), ("x/a", "far")):
            lab.probe(one, two, f"icmp/{too_big}", "allow", families=(f,))
            lab.probe(one, two, f"icmp/{other}", "deny", families=(f,))
    lab.go("unknown-flow")
    # The router that says so needs an address that its message can come from.
    lab.run("fabric", "ip addr add 2001:db8:f::1 dev lo nodad", "ip link set veth3 mtu 1280")
    lab.probe("x/a", "far", "udp/53", "allow", "size", 1400)
    lab.go("narrow-link")


def fragments(lab):
    """Fragments are judged with the datagram that they are of: the second one has no ports."""
    lab.node()
    lab.pod("a", 11)
    lab.pod("b", 12)
    lab.load("policy p for pods app=a { allow from pods app=b on udp/53 }")
    lab.probe("x/b", "x/a", "udp/53", "allow", "size", 6000)
    lab.probe("x/b", "x/a", "udp/54", "deny", "size", 6000)
    lab.go("udp")


# ---- bridges ----


def bridge(lab):
    """Two pods of one bridge are filtered only where br_netfilter passes their packets, family by
    family; routed traffic of the same pods always is."""
    lab.node()
    lab.pod("a", 11, bridge="cni0")
    lab.pod("b", 12, bridge="cni0")
    lab.pod("c", 13)
    lab.load("policy p for pods app=a { allow from pods app=b on tcp/80 }")
    for four, six in ((0, 0), (1, 0), (0, 1), (1, 1)):
        lab.run("n1", cluster.bridge_filters(four, six))
        for family, on in (("4", four), ("6", six)):
            lab.probe("x/b", "x/a", "tcp/80", "allow", families=family)
            lab.probe("x/b", "x/a", "tcp/81", "deny" if on else "allow", families=family)
            lab.probe("x/b", "x/a", "udp/81", "deny" if on else "allow", families=family)
            lab.probe("x/c", "x/a", "tcp/80", "deny", families=family)
        lab.go(f"iptables-{four}-ip6tables-{six}")


def bridge_neighbours(lab):
    """Neighbour discovery of two pods on a bridge crosses the hook where br_netfilter passes IPv6:
    without it no address is ever found."""
    lab.node()
    lab.pod("a", 11, bridge="cni0")
    lab.pod("b", 12, bridge="cni0")
    lab.run("n1", cluster.bridge_filters(1, 1))
    lab.load("""
  policy a for pods app=a { default deny {ingress, egress}  allow to pods app=b on tcp/80 }
  policy b for pods app=b { default deny {ingress, egress}  allow from pods app=a on tcp/80 }""")
    lab.probe("x/a", "x/b", "tcp/80", "allow")
    lab.probe("x/b", "x/a", "tcp/80", "deny")
    for kind, verdict in (("135.0", "allow"), ("136.0", "allow"), ("128.0", "deny"), ("133.0", "deny")):
        lab.probe("x/a", "x/b", f"icmp/{kind}", verdict, families="6")
        lab.probe("x/b", "x/a", f"icmp/{kind}", verdict, families="6")
    lab.go("both-closed")


# ---- what other programs keep on a packet ----

MANY_PORTS = "{%s}" % ", ".join(f"tcp/{p}" for p in range(1001, 1035, 2))  # more than there are rules for, over addresses
MANY_CLASSES = """policy p for pods app=a {
    allow from pods app=b on tcp/80
    allow from pods app=c on tcp/81
    allow from pods app=d on tcp/82
    allow from pods app in {b, e} on {tcp/83, udp/53}
    allow from pods app in {c, d, e} on tcp/84
    allow from pods app in {d, e} on %s
  }""" % MANY_PORTS


def five_pods(lab):
    lab.node()
    for i, name in enumerate("abcde"):
        lab.pod(name, 11 + i)


def probe_classes(lab):
    for name, port in (("b", 80), ("c", 81), ("d", 82), ("e", 83), ("c", 84)):
        lab.probe(f"x/{name}", "x/a", f"tcp/{port}", "allow")
    lab.probe("x/e", "x/a", "tcp/80", "deny")
    lab.probe("x/b", "x/a", "udp/53", "allow")


def class_numbers(rules):
    """The numbers by which rules know classes of peers: {major: {minor, …}}, hexadecimal."""
    found = {}
    for major, minor in re.findall(r" : ([0-9a-f]+):([0-9a-f]+)\b", rules):
        found.setdefault(major, set()).add(minor)
    return {major: sorted(minors) for major, minors in found.items()}


def queue(lab):
    """The class of a peer is in the packet's priority for a moment: it must not choose a class of an
    HTB queue that has its number. Seen to be able to: where rules leave it there, packets do move."""
    five_pods(lab)
    policies = MANY_CLASSES + """
  policy out for pods app=b {
    allow to pods app=a on {tcp/80, tcp/83, udp/53}
    allow to pods app=c on tcp/81
    allow to pods app=d on tcp/82
    allow to pods app in {d, e} on tcp/84
    allow to pods app in {d, e} on %s
  }""" % MANY_PORTS
    queues = ("veth1", "veth3")  # to a, by the rules for who comes in; to c, by those for what b sends
    sent = "tc -s class show dev {} | grep -A1 'htb {}:{} ' | grep -q 'Sent 0 bytes'"
    for step, change in (("kept", None), ("left", lambda rules: rules.replace("meta priority set none", ""))):
        lab.load(policies, change=change)
        numbers = class_numbers(lab.rules())
        if not numbers:
            raise RuntimeError("the rules have no classes: the test sees nothing")
        for number, (major, minors) in enumerate(sorted(numbers.items())):
            for q in queues:
                lab.run("n1", f"tc qdisc replace dev {q} root handle {major}: htb default fff0",
                        *(f"tc class add dev {q} parent {major}: classid {major}:{m} htb rate 1gbit quantum 9000"
                          for m in [*minors, "fff0"]))
            probe_classes(lab)
            lab.probe("x/b", "x/c", "tcp/81", "allow")
            lab.go(f"{step}-{number}")
            unmoved = [sent.format(q, major, m) for q in queues for m in minors]
            if change:
                lab.run("n1", f"({' && '.join(unmoved)}) || echo {major}: >> {lab.dir}/moved")
            else:
                lab.run("n1", *unmoved)
                for q in queues:
                    lab.line("fails n1", sent.format(q, major, "fff0"))
            lab.run("n1", *(f"tc qdisc del dev {q} root" for q in queues))
    lab.run("n1", f"test $(wc -l < {lab.dir}/moved) -ge 2")  # a queue of either family


def mark(lab):
    """kube-proxy marks what it will masquerade (0x4000); the mark of an allowed packet stays."""
    five_pods(lab)
    lab.run("n1", "nft 'add table inet m; add counter inet m kept; add counter inet m lost;"
            " add chain inet m pre { type filter hook prerouting priority mangle; };"
            " add rule inet m pre meta mark set 0x4000;"
            " add chain inet m post { type filter hook postrouting priority 0; };"
            " add rule inet m post ct state new meta mark 0x4000 counter name kept;"
            " add rule inet m post ct state new meta mark != 0x4000 counter name lost'")
    lab.load(MANY_CLASSES)
    probe_classes(lab)
    lab.go("marked")
    lab.line("fails n1", "nft list counter inet m kept | grep -q 'packets 0 '")
    lab.run("n1", "nft list counter inet m lost | grep -q 'packets 0 '")


def socket_priority(lab):
    """The priority that an application gives its socket is not touched by the rules of its host."""
    lab.node()
    lab.host("x/a", "203.0.113.11", "2001:db8::11")
    lab.host("x/b", "203.0.113.12", "2001:db8::12")
    lab.pods = [cluster.Pod("x", n, {"app": n}, f"203.0.113.{i}", f"2001:db8::{i}") for n, i in (("a", 11), ("b", 12))]
    lab.load("policy p for pods app=a { allow to pods app=b on udp/53 }", ["--host", "x/a"], "x/a", hooks=cluster.HOST_HOOKS)
    lab.run("x/a", "nft 'add table inet m; add counter inet m kept; add counter inet m lost;"
            " add chain inet m post { type filter hook postrouting priority 0; };"
            " add rule inet m post udp dport 53 meta priority 0:5 counter name kept;"
            " add rule inet m post udp dport 53 meta priority != 0:5 counter name lost'")
    send = ("import socket as s; u = s.socket({}, s.SOCK_DGRAM); u.setsockopt(s.SOL_SOCKET, s.SO_PRIORITY, 5);"
            " u.sendto(b\"x\", (\"{}\", 53))")
    lab.run("x/a", *(f"python3 -c '{send.format(f, to)}'" for f, to in (("s.AF_INET", "203.0.113.12"), ("s.AF_INET6", "2001:db8::12"))),
            "nft list counter inet m kept | grep -q 'packets 2 '", "nft list counter inet m lost | grep -q 'packets 0 '")
    lab.probe("x/a", "x/b", "udp/53", "allow")
    lab.probe("x/a", "x/b", "udp/54", "deny")
    lab.go("sent")


# ---- addresses that are not a pod's ----


def added_address(lab):
    """Rules know a pod by its address: one that gives itself another is not known by that. What
    keeps it from doing so is reverse path filtering, for both families by a rule."""
    lab.node()
    lab.pod("a", 11)  # veth1
    lab.pod("b", 12)
    lab.pod("c", 13)
    lab.pod("d", 14)
    lab.load("policy a for pods app=a { default deny egress }  policy b for pods app=b { allow from pods app=c on udp/* }")
    lab.run("x/a", *(f"ip addr add {a} dev eth0 {nodad}" for a, nodad in (
        ("10.244.1.99/32", ""), ("10.244.1.13/32", ""), ("fd00:10:244:1::99/128", "nodad"), ("fd00:10:244:1::13/128", "nodad"))))
    own, new, stolen = ({"4": f"10.244.1.{n}", "6": f"fd00:10:244:1::{n}"} for n in (11, 99, 13))

    def send(step, verdicts):
        for f in BOTH:
            lab.probe("x/a", "x/d", "udp/53", "deny", "src", own, families=f)
            lab.probe("x/a", "x/d", "udp/53", verdicts[f], "src", new, families=f)
            lab.probe("x/a", "x/b", "udp/53", verdicts[f], "src", stolen, families=f)
        lab.probe("x/c", "x/b", "udp/53", "allow")
        lab.go(step)

    send("no-rp-filter", {"4": "allow", "6": "allow"})
    lab.run("n1", cluster.sysctl("net/ipv4/conf/all/rp_filter", 1))
    send("rp-filter", {"4": "deny", "6": "allow"})
    lab.run("n1", cluster.sysctl("net/ipv4/conf/all/rp_filter", 0),
            "nft 'add table inet guard; add chain inet guard pre { type filter hook prerouting priority raw; };"
            " add rule inet guard pre iifname veth* fib saddr . iif oif missing drop'")
    send("rule", {"4": "deny", "6": "deny"})


TRAPS = (unanswered, reused_address, untracked, egress_by_port, many_ports, scattered_addresses, hairpin, path_mtu, fragments,
         bridge, bridge_neighbours, queue, mark, socket_priority, added_address)
NFT_ONLY = (queue,)  # iptables' rules have no numbers of classes
NEEDS = {"bridge": "br_netfilter", "bridge_neighbours": "br_netfilter", "reused_address": "conntrack", "untracked": "conntrack"}


def missing(need):
    """Why a trap cannot be tried here, or nothing."""
    if need == "br_netfilter" and not cluster.has_br_netfilter():
        return "the kernel has no br_netfilter loaded"
    if need == "conntrack" and not shutil.which("conntrack"):
        return "the program conntrack is not installed"
    return None


def script_of(trap, name, loader, tmp):
    lab = cluster.Lab(name, loader, tmp)
    trap(lab)
    return lab.script


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    args.add_argument("--loader", action="append", choices=cluster.LOADERS)
    args.add_argument("--show", action="store_true", help="print the scripts instead of running them")
    args.add_argument("trap", nargs="*")
    args = args.parse_args()
    jobs = []
    with tempfile.TemporaryDirectory() as tmp:
        for trap in TRAPS:
            name = "trap-" + trap.__name__.replace("_", "-")
            if args.trap and trap.__name__ not in args.trap:
                continue
            for loader in args.loader or cluster.loaders():
                if trap in NFT_ONLY and loader != "nft":
                    continue
                why = missing(NEEDS.get(trap.__name__))
                if why:
                    print(f"SKIP {name}/{loader}: {why}")
                else:
                    jobs.append((f"{name}/{loader}", functools.partial(script_of, trap, name, loader, tmp)))
        if args.show:
            for _, make in jobs:
                print("\n".join(make()))
            return
        sys.exit(cluster.run_jobs(jobs))


if __name__ == "__main__":
    main()
