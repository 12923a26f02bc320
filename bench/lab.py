"""The namespaces of bench/, three for each ruleset, all alike: a router with a device for each pod of
the node, clients and servers at the other ends of its veth pairs.

The process must be root and must have called private(): nothing outside of it changes.
"""
import os
import subprocess
import sys
import time

CLONE_NEWNS = 0x20000


def private():
    """Begins again in a mount namespace with a /run of its own: `ip netns` and iptables write there."""
    if os.environ.get("NPC_BENCH_PRIVATE") != "1":
        os.environ["NPC_BENCH_PRIVATE"] = "1"
        os.execvp("unshare", ["unshare", "-m", "--propagation", "private", sys.executable, *sys.argv])
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    os.makedirs("/run/netns")


def ip_batch(namespace, lines):
    text = "\n".join(lines) + "\n"
    subprocess.run(["ip", *(["-n", namespace] if namespace else []), "-batch", "-"], input=text, text=True, check=True)


def inside(namespace, command, **options):
    return subprocess.run(["ip", "netns", "exec", namespace, *command], check=True, **options)


SYSCTL = """
for f in all default; do
    echo 0 >/proc/sys/net/ipv4/conf/$f/rp_filter
    echo 0 >/proc/sys/net/ipv6/conf/$f/accept_dad
done
echo 1 >/proc/sys/net/ipv4/tcp_tw_reuse
echo "1024 65535" >/proc/sys/net/ipv4/ip_local_port_range
"""

FORWARD = """
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
echo 0 >/proc/sys/net/netfilter/nf_conntrack_checksum
"""

# Connections are tracked whatever the ruleset is: a node of a cluster always has kube-proxy.
TRACKED = "table ip bench { chain unused { ct state new accept; }; }; table ip6 bench { chain unused { ct state new accept; }; }"


# One address for all devices: both ends take a packet for theirs, and nobody has to ask for it.
MAC = "02:00:00:00:00:01"


def veth(name, peer, namespace):
    return f"link add {name} address {MAC} arp off type veth peer name {peer} address {MAC} netns {namespace}"


def device(pod):
    return f"cali{pod.number}w{pod.workload}"


def host(address):
    return f"{address}/{128 if ':' in address else 32}"


def nodad(address):
    return " nodad" if ":" in address else ""  # usable at once


def make(namespace, workload):
    """Router, clients (-c) and servers (-s)."""
    spaces = [namespace, f"{namespace}-c", f"{namespace}-s"]
    ip_batch(None, [f"netns add {s}" for s in spaces])
    for space in spaces:
        inside(space, ["sh", "-c", SYSCTL + (FORWARD if space == namespace else "")])
        ip_batch(space, ["link set lo up"])
    devices = [device(p) for p in workload.local]
    ip_batch(namespace, [veth("clients", "eth0", spaces[1])] + [veth(d, d, spaces[2]) for d in devices]
             + [f"link set {d} up" for d in ["clients"] + devices])
    ip_batch(spaces[1], ["link set eth0 arp off up", "route add default dev eth0", "route add ::/0 dev eth0"])
    ip_batch(spaces[2], [f"link set {d} arp off up" for d in devices]
             + [f"route add default dev {devices[0]}", f"route add ::/0 dev {devices[0]}"])
    ip_batch(namespace, [f"route add {host(a)} dev {device(p)}" for p in workload.local for a in p.addresses]
             + ["route add default dev clients", "route add ::/0 dev clients"])
    inside(namespace, ["nft", "-f", "-"], input=TRACKED, text=True)


def add_ends(namespace, flows):
    """From now on somebody is there at the ends of these flows (packets were not answered before)."""
    ip_batch(f"{namespace}-c", [f"addr add {host(s)} dev lo{nodad(s)}" for s in sorted({f[0] for f in flows})])
    ip_batch(f"{namespace}-s", [f"addr add {host(d)} dev lo{nodad(d)}" for d in sorted({f[1] for f in flows})])


class Cost:
    """What a command cost: processor time of it and its children, its greatest memory, kernel memory it left behind."""

    def __init__(self, namespace, commands):
        self.seconds, self.wall, self.peak = 0.0, 0.0, 0
        before = kernel_memory()
        for command, text in commands:
            start = time.monotonic()
            process = subprocess.Popen(["ip", "netns", "exec", namespace, *command], stdin=subprocess.PIPE, text=True)
            process.stdin.write(text)
            process.stdin.close()
            _, status, usage = os.wait4(process.pid, 0)
            self.wall += time.monotonic() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                raise RuntimeError(f"{command} failed")
            self.seconds += usage.ru_utime + usage.ru_stime
            self.peak = max(self.peak, usage.ru_maxrss * 1024)
        self.kernel = kernel_memory() - before


def kernel_memory():
    """Bytes that the kernel holds for itself: what other work on the machine takes meanwhile counts, too."""
    values = dict(line.split(":") for line in open("/proc/meminfo", encoding="ascii"))
    return sum(int(values[name].split()[0]) * 1024 for name in ("SUnreclaim", "VmallocUsed"))
