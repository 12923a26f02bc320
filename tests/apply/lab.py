"""The laboratory of the tests of npc apply: one machine in namespaces of its own, whose rules are
those of a host or of a node, loaders that misbehave on purpose, and looks at what the kernel holds.
Everything here runs inside the namespaces that run_apply.py makes."""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

NPC = os.environ["NPC"]
V4, V6 = "10.9.0.1", "fd00:9::1"
PEER4, PEER6 = "10.9.0.2", "fd00:9::2"
SSH = f"{PEER4} 51234 {V4} 22"

# A host with a set of addresses, ports and both directions; `port` tells versions apart.
HOST = """
namespace t {{
  workload web {{ addr {v4} addr {v6} label app=web }}
  policy in for pods app=web {{
    allow from {{cidr {peer4}/32, cidr {peer6}/128}} on tcp/{port}
    allow from {{{nets}}} on {{tcp/80, udp/53}}
  }}
  policy out for pods app=web {{ allow to cidr {peer4}/32 on {{tcp/443, tcp/{port}}} }}
}}
"""
# Two pods of a node.
NODE = """
namespace t {{
  workload a {{ addr 10.9.1.1 addr fd00:9:1::1 label app=a }}
  workload b {{ addr 10.9.1.2 addr fd00:9:1::2 label app=b }}
  policy p for pods app=a {{ allow from pods app=b on tcp/{port} }}
}}
"""


SETS = 80


class Failed(Exception):
    """A test that found what it must not find."""


class Skip(Exception):
    """A test that cannot run here."""


def expect(truth, *why):
    if not truth:
        raise Failed(" ".join(str(w) for w in why) or "not so")


def sh(command, check=True, stdin=None):
    r = subprocess.run(["sh", "-c", command], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    if check and r.returncode:
        raise Failed(f"{command}: {r.stderr.strip()}")
    return r.stdout


def until(condition, seconds, what):
    """Polls; the time it took."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if condition():
            return time.monotonic() - began
        time.sleep(0.02)
    raise Failed(f"not within {seconds} s: {what}")


class Stalls:
    """While it is entered: how long this machine did not run those who had to run, because it is a
    virtual one whose processors were taken away, or has too much to do. A thread for each processor sleeps
    for moments; how much longer than that they slept is what anybody may have been kept waiting."""
    MOMENT = 0.01
    USUAL = 0.02  # a moment may be that long and nobody waited

    def __init__(self):
        self.lost = {cpu: 0.0 for cpu in os.sched_getaffinity(0)}
        self.end = threading.Event()

    def sleep(self, cpu):
        os.sched_setaffinity(0, {cpu})
        while not self.end.is_set():
            began = time.monotonic()
            time.sleep(self.MOMENT)
            took = time.monotonic() - began
            if took > self.USUAL:
                self.lost[cpu] += took - self.MOMENT

    def __enter__(self):
        for cpu in self.lost:
            threading.Thread(target=self.sleep, args=(cpu,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.end.set()

    def seconds(self):
        return sum(self.lost.values())


def host_source(port=8080, nets=3):
    """With `nets` networks that cannot be merged: iptables makes a set of SETS, rules of few."""
    list_ = ", ".join(f"cidr 172.16.{2 * i}.0/24" for i in range(nets))
    return HOST.format(v4=V4, v6=V6, peer4=PEER4, peer6=PEER6, port=port, nets=list_)


def by_chain(saved):
    """iptables-save without counters; the order of chains is the kernel's and means nothing."""
    lines = [line.split(" [")[0] for line in saved.splitlines() if line[:1] in ":-"]
    return "\n".join(sorted(line for line in lines if line[0] == ":") + sorted((line for line in lines if line[0] == "-"), key=lambda x: x.split()[1])) + "\n"


def without_chance(saved):
    """ipset save, sorted, less sizes and seeds of hashes."""
    return "\n".join(sorted(re.sub(" (hashsize|initval|bucketsize) [0-9a-fx]+", "", line) for line in saved.splitlines())) + "\n"


class Lab:
    """One test's machine and directories."""

    def __init__(self, target):
        self.target = target  # "nft", "iptables-nft", "iptables-legacy"
        self.tmp = pathlib.Path(os.environ["LAB_TMP"])
        self.state, self.run_dir, self.units = self.tmp / "state", self.tmp / "run", self.tmp / "units"
        self.peer = None
        sh(f"ip link set lo up; ip link add cable0 type veth peer name cable1; ip link set cable0 up; ip link set cable1 up;"
           f"ip addr add {V4}/24 dev cable0; ip addr add {V6}/64 dev cable0 nodad")

    # ---- inputs ----

    def source(self, text, name="in.npc"):
        path = self.tmp / name
        path.write_text(text)
        return str(path)

    def host(self, port=8080, nets=3, name=None):
        return self.source(host_source(port, nets), name or f"host-{port}-{nets}.npc")

    def node(self, port=8080):
        return self.source(NODE.format(port=port), f"node-{port}.npc")

    # ---- npc ----

    def places(self):
        return ["--state-dir", str(self.state), "--run-dir", str(self.run_dir)]

    def target_args(self):
        if self.target == "nft":
            return ["-t", "nft"]
        return ["-t", "iptables", "--iptables", self.target.split("-")[1]]

    def apply_args(self, path, *args, host=True):
        where = ["--host", "t/web"] if host else []
        return [NPC, "apply", *self.places(), "--unit-dir", str(self.units), *self.target_args(), *where, *args, path]

    def call(self, argv, env=None, timeout=60):
        full = {k: v for k, v in os.environ.items() if k != "SSH_CONNECTION"}
        full.update(env or {})
        return subprocess.run(argv, env=full, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=timeout, check=False)

    def apply(self, path, *args, want=0, env=None, host=True):
        r = self.call(self.apply_args(path, *args, host=host), env)
        if want is not None:
            expect(r.returncode == want, f"apply: status {r.returncode}, not {want}:", r.stderr)
        return r

    def start(self, path, *args, env=None, host=True):
        """npc apply in the background."""
        full = {k: v for k, v in os.environ.items() if k != "SSH_CONNECTION"}
        full.update(env or {})
        return subprocess.Popen(self.apply_args(path, *args, host=host), env=full, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True)

    def start_pending(self, path, *args, env=None):
        """The same, until npc says that the rules are in force and wait for a confirmation: its lock is free then, and the guard knows."""
        p = self.start(path, "--confirm", *args, env=env)
        said = b""
        while b"are in force" not in said:
            more = os.read(p.stderr.fileno(), 1)  # not ahead of what communicate() reads
            expect(more, "npc apply ended:", said.decode())
            said += more
        return p

    def verb(self, verb, *args, want=0, env=None):
        r = self.call([NPC, verb, *self.places(), *args], env)
        if want is not None:
            expect(r.returncode == want, f"{verb}: status {r.returncode}, not {want}:", r.stdout, r.stderr)
        return r

    def status(self):
        r = self.verb("status", "-o", "json", want=None)
        return json.loads(r.stdout)

    def state_is(self, state):
        return self.status()["state"] == state

    # ---- the kernel ----

    def tables(self):
        """Both families' iptables-save, whichever variant."""
        variant = "legacy" if self.target == "iptables-legacy" else "nft"
        return [f"{ip}tables-{variant}-save" for ip in ("ip", "ip6")]

    def dump(self, handles=False):
        """All that the kernel holds: everybody's. Without `handles`, a ruleset that was loaded again is
        equal to what it was."""
        if handles:
            return re.sub("packets [0-9]+ bytes [0-9]+", "", sh("nft -a list ruleset; ipset save"))
        saves = [] if self.target == "nft" else [f"{save} -t filter" for save in self.tables()]
        tables, *chains, sets = sh("; echo ==; ".join(["nft -s list ruleset", *saves, "ipset save"])).split("==\n")
        if self.target != "nft":  # these tables are seen better by iptables-save
            tables = "".join(t for t in re.split("^(?=table )", tables, flags=re.M) if not re.match("table ip6? filter", t))
        return tables + "".join(map(by_chain, chains)) + without_chance(sets)

    def foreign(self):
        """Chains, policies, rules and sets as other programs leave them (Docker, firewalld)."""
        variant = "legacy" if self.target == "iptables-legacy" else "nft"
        sh("ipset create foreign hash:ip && ipset add foreign 192.0.2.1")
        for ip in ("ip", "ip6"):
            sh(f"{ip}tables-{variant}-restore", stdin="\n".join([
                "*filter", ":INPUT ACCEPT [0:0]", ":FORWARD DROP [0:0]", ":OUTPUT ACCEPT [0:0]", ":DOCKER - [0:0]", ":DOCKER-USER - [0:0]",
                "-A INPUT -i lo -j ACCEPT", "-A FORWARD -j DOCKER-USER", "-A FORWARD -o docker0 -j DOCKER", "-A DOCKER-USER -j RETURN",
                "-A DOCKER -p tcp -m tcp --dport 80 -j ACCEPT", "COMMIT", ""]))
        sh("nft -f -", stdin="""table inet firewalld {
            chain filter_INPUT { type filter hook input priority 10; policy accept; ct state established accept; tcp dport 9 drop comment "mine"; }
            set zones { type ipv4_addr; flags interval; elements = { 192.0.2.0/24 }; }; }""")

    # ---- loaders that misbehave ----

    def loaders(self, **bodies):
        """A directory of loaders: the real ones, but for those of `bodies`, which are shell scripts. In
        them $real is the real one, and `here` succeeds in this network namespace only: what npc
        does in the one that it rehearses in goes well."""
        made = self.tmp / f"loaders-{len(list(self.tmp.glob('loaders-*')))}"
        made.mkdir()
        names = ["nft", "ipset"] + [f"{ip}tables-{v}-{x}" for ip in ("ip", "ip6") for v in ("nft", "legacy") for x in ("restore", "save")]
        home = os.readlink("/proc/self/ns/net")
        for name in names:
            real = shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin")
            body = bodies.get(name.replace("-", "_"))
            if body is None:
                (made / name).symlink_to(real)
                continue
            script = made / name
            script.write_text(f"#!/bin/sh\nPATH=/usr/sbin:/sbin:/usr/bin:/bin\nexport PATH\nreal={real}\nTMP={made}\n"
                              f'here() {{ [ "$(readlink /proc/self/ns/net)" = "{home}" ]; }}\n{body}\nexec $real "$@"\n')
            script.chmod(0o755)
        return str(made)

    # ---- another machine ----

    def connect(self):
        """A second machine at the other end of a cable; returns its namespace's holder's pid."""
        sh("ip link del cable0")
        self.peer = subprocess.Popen(["unshare", "-n", "sleep", "1000"])
        until(lambda: os.readlink(f"/proc/{self.peer.pid}/ns/net") != os.readlink("/proc/self/ns/net"), 5, "a namespace")
        inside = f"nsenter -t {self.peer.pid} -n"
        sh(f"ip link add eth0 type veth peer name eth1 && ip link set eth1 netns {self.peer.pid} && ip link set eth0 up &&"
           f"ip addr add {V4}/24 dev eth0 && ip addr add {V6}/64 dev eth0 nodad && {inside} ip link set lo up && {inside} ip link set eth1 up &&"
           f"{inside} ip addr add {PEER4}/24 dev eth1 && {inside} ip addr add {PEER6}/64 dev eth1 nodad")
        sh("nft -f -", stdin="table inet track { chain i { type filter hook input priority -10; ct state new counter; }; }")

    def close(self):
        if self.peer:
            self.peer.kill()
            self.peer.wait()

    def reaches(self, port, source=None, wait=0.4):
        """Whether the other machine can open a TCP connection to a port here."""
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((V4, port))
            s.listen()
            code = f"import socket;s=socket.create_connection(({V4!r},{port}),{wait})"
            return subprocess.run(["nsenter", "-t", str(self.peer.pid), "-n", sys.executable, "-c", code], stderr=subprocess.DEVNULL, check=False).returncode == 0

    def flow(self, port, address=V4):
        """An established connection from the other machine: (a socket here, the process there, which
        echoes)."""
        listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen()
        listener.settimeout(5)
        code = (f"import socket\ns=socket.create_connection(({address!r},{port}),5)\ns.settimeout(None)\n"
                "while True:\n d=s.recv(100)\n if not d: break\n s.sendall(d)")
        there = subprocess.Popen(["nsenter", "-t", str(self.peer.pid), "-n", sys.executable, "-c", code], stderr=subprocess.DEVNULL)
        here, _ = listener.accept()
        listener.close()
        return here, there


def echoes(sock, wait=0.7):
    """Whether what is sent comes back."""
    sock.settimeout(wait)
    try:
        sock.sendall(b"x")
        return sock.recv(1) == b"x"
    except OSError:
        return False
