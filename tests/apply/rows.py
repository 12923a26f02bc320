"""Rows 50 to 61 of the threat model (docs/threats.md), one test or more for each. A test takes the
laboratory (lab.py), is run once for each target unless it says otherwise, and raises what is wrong."""
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

from lab import NPC, PEER4, PEER6, SETS, SSH, V4, V6, Skip, Stalls, echoes, expect, host_source, sh, until

NO_LEAKS = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}  # which does not work under strace
SOON = 30  # seconds for what takes a tenth of one, on a machine that has much else to do
SLACK = 2 if os.environ.get("TEST_EFFORT") != "short" else 8  # what the threat model allows beyond the deadline
NEW_SSH = f"{PEER4} 60000 {V4} 22"


def only(*targets):
    def mark(function):
        function.targets = targets
        return function
    return mark


def long(function):
    """Not in the short variant."""
    function.long = True
    return function


def user(function):
    """Also in a user namespace."""
    function.user = True
    return function


def alone(function):
    """A clock is held against npc: not while other tests make the machine slow."""
    function.alone = True
    return function


def rolled_back_by(lab, deadline, before):
    """The way back goes away right after the old rules, which are `before`, are there; npc apply may take longer to
    tell. What the machine stands still from then on is nobody's fault here."""
    time.sleep(max(0, deadline - time.monotonic()))
    with Stalls() as stalls:
        while (lab.run_dir / "pending").exists():
            late = time.monotonic() - deadline - SLACK - stalls.seconds()
            expect(late < 0, f"not rolled back {SLACK} s after its time, {stalls.seconds():.2f} s of standing still not counted")
            time.sleep(0.02)
    now = lab.dump()
    expect(now == before, difference(before, now))


# ---- 50: bad rules reach the loader ----

# Runs a shell command, that has the loader's input, in place of the loader: for the load alone, not
# for the check, and in this namespace alone, not in the rehearsal.
LOADING = 'case " $* " in *" -c "*|*" --test "*) ;; *" -f "*|*" restore "*|*" --noflush "*) if here {once}; then {command}; exit $?; fi;; esac'
KEEP = LOADING.format(once="", command='tee $TMP/given-{key} | $real "$@"')


def spoil(edit):
    """Edits what is loaded: once, so that the way back is not spoilt."""
    return LOADING.format(once="&& mkdir $TMP/once", command=f'sed "{edit}" | $real "$@"')


def lines_given(lab, path):
    """What the loaders are given when these rules go into the kernel: (key of loaders(), line's number)."""
    keys = ["nft"] if lab.target == "nft" else ["ipset"] + [f"{ip}tables_{lab.target.split('-')[1]}_restore" for ip in ("ip", "ip6")]
    where = lab.loaders(**{key: KEEP.format(key=key) for key in keys})
    lab.apply(path, "--loader-dir", where)
    for key in keys:
        given = pathlib.Path(where, f"given-{key}")
        lines = given.read_text(encoding="ascii").splitlines() if given.exists() else []
        for i, line in enumerate(lines, 1):
            if not line.startswith("add NPC") or i % 16 == 0:  # of the many alike of a set, some
                yield key, i
    lab.verb("rollback")


def each_line(lab, path, edit, judge, step=1):
    """Applies rules whose N-th line, for each N (or every `step`-th), is spoilt on its way into the kernel."""
    places = list(lines_given(lab, path))[::step]
    before = lab.dump()
    loaded = (lab.run_dir / "loaded").read_bytes()
    for key, i in places:
        where = lab.loaders(**{key: spoil(edit.format(i=i))})
        r = lab.apply(path, "--loader-dir", where, *judge.args, want=None)
        judge(lab, f"{key} line {i}", r, before, loaded)
    expect(len(places) >= 15, f"only {len(places)} lines")


def unchanged(lab, what, r, before, loaded):
    expect(r.returncode == 3, f"{what}: status {r.returncode}: {r.stderr}")
    expect("NPC701" in r.stderr or "NPC703" in r.stderr, f"{what}: {r.stderr}")
    after = lab.dump()
    expect(after == before, f"{what}: the rules changed:\n{r.stderr}{difference(before, after)}")
    expect((lab.run_dir / "loaded").read_bytes() == loaded, f"{what}: npc thinks that others are loaded")
    expect(not (lab.run_dir / "pending").exists(), f"{what}: the way back is still there")


unchanged.args = ["--no-rehearsal"]


def difference(old, new):
    a, b = old.splitlines(), new.splitlines()
    return "\n".join([f"- {x}" for x in a if x not in b][:8] + [f"+ {x}" for x in b if x not in a][:8])


@long
def T50_each_line_corrupted(lab):
    lab.foreign()
    lab.apply(lab.host(8080))
    each_line(lab, lab.host(8081, nets=1 if lab.target == "nft" else SETS), "{i}s/.*/@@ &/", unchanged,
              step=4 if lab.target == "iptables-legacy" else 1)


def T50_refused_load_changes_nothing(lab):
    """Not even handles and counters: the old rules were never touched."""
    lab.foreign()
    lab.apply(lab.host(8080))
    before = lab.dump(handles=True)
    key = "nft" if lab.target == "nft" else f"iptables_{lab.target.split('-')[1]}_restore"
    where = lab.loaders(**{key: spoil("$ s/.*/@@/")})
    lab.apply(lab.host(8081), "--loader-dir", where, want=3)
    expect(lab.dump(handles=True) == before, difference(before, lab.dump(handles=True)))


def T50_bad_rules_are_found_before(lab):
    """In the rehearsal, too: nothing is loaded, and no guard is needed."""
    lab.apply(lab.host(8080))
    before = lab.dump(handles=True)
    key = "nft" if lab.target == "nft" else f"iptables_{lab.target.split('-')[1]}_restore"
    where = lab.loaders(**{key: LOADING.format(once="|| :", command="exit 1")})
    r = lab.apply(lab.host(8081), "--loader-dir", where, want=3)
    expect("do not load" in r.stderr, r.stderr)
    expect(lab.dump(handles=True) == before, before, lab.dump(handles=True))
    r = lab.apply(lab.host(8081), "--loader-dir", str(lab.tmp / "no"), want=3)
    expect("NPC701" in r.stderr and "not installed" in r.stderr, r.stderr)


# ---- 51: only own chains ----

@user
def T51_foreign_rules_stay(lab):
    lab.foreign()
    foreign = lab.dump()
    for path, host in ((lab.host(8080), True), (lab.host(8081, nets=SETS), True), (lab.node(), False)):
        lab.apply(path, "--replace", host=host)
        kept = [line for line in lab.dump().splitlines() if "NPC" not in line]
        for line in foreign.splitlines():
            expect(line in kept, "lost:", line)
    lab.verb("rollback")


# ---- 52: the read-back decides ----

class Lost:
    """A lost line is noticed, or did not matter: comments, blank lines, what makes the first
    load of all possible."""
    args = []

    def __init__(self, good):
        self.good = good

    def __call__(self, lab, what, r, before, loaded):
        if r.returncode != 0:
            unchanged(lab, what, r, before, loaded)
            return
        expect(lab.dump() == self.good, f"{what}: it went unnoticed:\n{difference(self.good, lab.dump())}")
        lab.verb("rollback")
        expect(lab.dump() == before, f"{what}: rollback:\n{difference(before, lab.dump())}")
        loaded_now = (lab.run_dir / "loaded").read_bytes()
        expect(strip_time(loaded_now) == strip_time(loaded), what)
        (lab.run_dir / "loaded").write_bytes(loaded)


def strip_time(bundle):
    return re.sub(rb"time 20\n.*\n|sha256 64\n.*\n", b"", bundle)


@long
@only("nft", "iptables-nft")
def T52_each_line_lost(lab):
    lab.foreign()
    lab.apply(lab.host(8081, nets=1))
    good = lab.dump()
    lab.apply(lab.host(8080, nets=1))
    each_line(lab, lab.host(8081, nets=1), "{i}d", Lost(good), step=3)


def T52_loader_that_lies(lab):
    lab.apply(lab.host(8080))
    before = lab.dump()
    key = "nft" if lab.target == "nft" else f"iptables_{lab.target.split('-')[1]}_restore"
    lie = LOADING.format(once="", command="exit 0")
    r = lab.apply(lab.host(8081), "--loader-dir", lab.loaders(**{key: lie}), want=3)
    expect("NPC703" in r.stderr, r.stderr)
    expect(lab.dump() == before)


@only("iptables-nft")
def T52_check_that_passes_is_no_load(lab):
    """iptables-nft-restore --test takes a jump to a chain that is not there; loading refuses it."""
    missing = "*filter\n:NPC-INPUT - [0:0]\n-A NPC-INPUT -j NPC-MISSING\nCOMMIT\n"
    sh("iptables-nft-restore --noflush --test", stdin=missing)
    lab.apply(lab.host(8080, nets=1))
    before = lab.dump()
    add = "s/^COMMIT/-A NPC-INPUT -j NPC-MISSING\\nCOMMIT/"
    where = lab.loaders(iptables_nft_restore=spoil(add))
    r = lab.apply(lab.host(8081, nets=1), "--no-rehearsal", "--loader-dir", where, want=3)
    expect("NPC701" in r.stderr, r.stderr)
    expect(lab.dump() == before)


# ---- 53: two families ----

@only("iptables-nft", "iptables-legacy")
def T53_second_family_fails(lab):
    lab.foreign()
    lab.apply(lab.host(8080))
    before = lab.dump()
    key = f"ip6tables_{lab.target.split('-')[1]}_restore"
    r = lab.apply(lab.host(8081), "--loader-dir", lab.loaders(**{key: "here && exit 1"}), want=3)
    expect("ip6tables" in r.stderr, r.stderr)
    expect(lab.dump() == before, difference(before, lab.dump()))
    lab.verb("status")


@only("iptables-nft", "iptables-legacy")
def T53_first_load_of_all_fails(lab):
    lab.foreign()
    before = lab.dump()
    key = f"ip6tables_{lab.target.split('-')[1]}_restore"
    lab.apply(lab.host(8081), "--loader-dir", lab.loaders(**{key: "here && exit 1"}), want=3)
    expect(lab.dump() == before, difference(before, lab.dump()))


# ---- 54: lockout ----

@only("nft")
def T54_session_would_be_cut(lab):
    lab.apply(lab.host(8080), "--failsafe", "none")
    before = lab.dump(handles=True)
    r = lab.apply(lab.host(8081), "--failsafe", "none", want=1, env={"SSH_CONNECTION": SSH})
    expect("NPC604" in r.stderr and "port 22" in r.stderr and "t/in" in r.stderr, r.stderr)
    expect(lab.dump(handles=True) == before)
    lab.apply(lab.host(8081), env={"SSH_CONNECTION": SSH})  # the failsafe ports keep it
    ruled = f"{PEER4} 51234 {V4} 8081"
    lab.apply(lab.host(8081), "--failsafe", "none", env={"SSH_CONNECTION": ruled})  # the policy allows it
    six = "fd00:9::2 51234 fd00:9::1 8081"
    lab.apply(lab.host(8081), "--failsafe", "none", env={"SSH_CONNECTION": six})
    lab.apply(lab.host(8081), "--failsafe", "none", want=1, env={"SSH_CONNECTION": "fd00:9::3 51234 fd00:9::1 8081"})
    for own in ("127.0.0.1 51234 127.0.0.1 22", f"{V4} 51234 {V4} 22", "::1 51234 ::1 22"):  # never leaves the machine
        lab.apply(lab.host(8081), "--failsafe", "none", env={"SSH_CONNECTION": own})
    r = lab.apply(lab.host(8082), "--failsafe", "none", "--allow-lockout", env={"SSH_CONNECTION": SSH})
    expect("warning" in r.stderr and "NPC604" in r.stderr, r.stderr)


@user
@only("nft", "iptables-nft")
def T54_session_is_not_tracked(lab):
    """Where the kernel takes up no connection in its middle, replies of one that is not tracked must pass as such."""
    loose = pathlib.Path("/proc/sys/net/netfilter/nf_conntrack_tcp_loose")
    lab.connect()
    shut = lab.source(f"namespace t {{ workload web {{ addr {V4} addr {V6} label app=web }} policy p for pods app=web {{ default deny {{ingress, egress}} }} }}")
    unfiltered = lab.source(f"namespace t {{ workload web {{ addr {V4} addr {V6} label app=web }} }}", "unfiltered.npc")
    for address, peer in ((V4, PEER4), (V6, PEER6)):
        sh("nft delete table inet track", check=False)  # else all is tracked before any rule of npc's
        flow, there = lab.flow(22, address)
        session = {"SSH_CONNECTION": f"{peer} {flow.getpeername()[1]} {address} 22"}
        if not loose.exists():
            raise Skip("connections are not tracked")
        loose.write_text("0")
        r = lab.apply(shut, want=1, env=session)
        expect("NPC604" in r.stderr and "replies" in r.stderr, r.stderr)
        expect(echoes(flow), "refused, and cut")
        loose.write_text("1")
        lab.apply(shut, env=session)  # taken up with the next packet from there
        there.kill()
        loose.write_text("0")
        sh("nft -f -", stdin="table inet track { chain i { type filter hook input priority -10; ct state new counter; }; }")
        flow, there = lab.flow(22, address)
        session = {"SSH_CONNECTION": f"{peer} {flow.getpeername()[1]} {address} 22"}
        lab.apply(lab.host(8080), env=session)  # is tracked: established
        expect(echoes(flow), "cut, though it was tracked")
        expect("NPC604" in lab.apply(shut, "--kill-states", want=1, env=session).stderr, "tracked no more after --kill-states")
        lab.apply(shut, env=session)
        expect(echoes(flow), "cut, though it was tracked")
        lab.apply(shut, "--kill-states", env=session)  # the rules are the same: nothing is touched
        expect(echoes(flow), "cut, though no rule changed")
        there.kill()
        lab.apply(unfiltered)  # which tracks nothing


@only("nft")
def T54_sudo_drops_the_session(lab):
    """SSH_CONNECTION stands in a parent's environment only."""
    inner = " ".join(lab.apply_args(lab.host(8080), "--failsafe", "none"))
    r = lab.call(["sh", "-c", f"env -i {inner}; exit $?"], env={"SSH_CONNECTION": SSH})
    expect(r.returncode == 1 and "NPC604" in r.stderr, r.returncode, r.stderr)


@only("nft")
def T54_keep(lab):
    keep = lambda what, want, **env: lab.apply(lab.host(8080), "--failsafe", "none", "--keep", what, want=want, env=env)
    peer = {"SSH_CONNECTION": f"{PEER4} 1 {V4} 8080"}
    keep(f"{V4}:8080", 0, **peer)
    expect("NPC604" in keep(f"{V4}:8081", 1, **peer).stderr)
    keep(f"{PEER4}:443", 0)
    expect("NPC604" in keep(f"{PEER4}:444", 1).stderr)
    expect("NPC604" in keep("[fd00:9::2]:443", 1).stderr)
    for several in ((f"{PEER4}:443", f"{PEER4}:444"), (f"{PEER4}:444", f"{PEER4}:443")):
        r = lab.apply(lab.host(8080), *(x for what in several for x in ("--keep", what)), want=1)
        expect("NPC604" in r.stderr and "port 444" in r.stderr, several, r.stderr)
    lab.apply(lab.node(), "--keep", f"{V4}:9", "--replace", host=False)  # rules for pods never meet it
    expect("NPC901" in lab.apply(lab.node(), "--keep", "x", host=False, want=2).stderr)
    lab.apply(lab.host(8080), "--replace")
    for bad in (PEER4, f"{PEER4}:0", f"{PEER4}:65536", "host:22", "fd00:9::2:443", f"[{PEER4}]:443", f"{V4}:22"):
        expect("NPC901" in keep(bad, 2).stderr, bad)


@only("nft")
def T54_session_is_not_over_ip(lab):
    """sshd says UNKNOWN then: no rules can cut it. One of IPv4 on a socket of IPv6 is one of IPv4."""
    shut = ["--failsafe", "none"]
    lab.apply(lab.host(8080), *shut, env={"SSH_CONNECTION": "UNKNOWN 65535 UNKNOWN 65535"})
    r = lab.apply(lab.host(8081), *shut, want=1, env={"SSH_CONNECTION": f"::ffff:{PEER4} 51234 ::ffff:{V4} 22"})
    expect("NPC604" in r.stderr and f"{PEER4} to {V4} port 22" in r.stderr, r.stderr)
    for session, keep in ((f"{PEER6} 51234 {V6} 8080", f"{V4}:8080"), (f"{PEER4} 51234 {V4} 8080", f"[{V6}]:8080")):
        r = lab.apply(lab.host(8080), "--keep", keep, want=2, env={"SSH_CONNECTION": session})
        expect("--keep" in r.stderr and "family" in r.stderr, r.stderr)


@only("nft")
def T54_rollback_would_cut_the_session(lab):
    """By hand and to what was confirmed before, as for npc apply; what nobody confirmed always goes."""
    lab.apply(lab.host(8080), "--failsafe", "none")
    shut = lab.dump()
    p = lab.start_pending(lab.host(8081), "60")
    lab.verb("rollback", env={"SSH_CONNECTION": SSH})
    expect(p.wait(SOON) == 1 and lab.dump() == shut)
    lab.apply(lab.host(8081))
    open_ = lab.dump()
    r = lab.verb("rollback", want=1, env={"SSH_CONNECTION": SSH})
    expect("NPC604" in r.stderr and "--allow-lockout" in r.stderr, r.stderr)
    expect(lab.dump() == open_)
    r = lab.verb("rollback", "--allow-lockout", env={"SSH_CONNECTION": SSH})
    expect("warning" in r.stderr and "NPC604" in r.stderr, r.stderr)
    expect(lab.dump() == shut, difference(shut, lab.dump()))
    lab.verb("rollback", env={"SSH_CONNECTION": SSH})  # these let it in
    expect(lab.dump() == open_)
    spoil_policies(lab.state / "previous")
    expect("NPC709" in lab.verb("rollback", want=3, env={"SSH_CONNECTION": SSH}).stderr)
    lab.verb("rollback")  # nobody can be cut


@only("nft")
def T54_person_over_ssh_must_confirm(lab):
    """On a terminal over SSH, --confirm or --keep is demanded."""
    try:
        for end in os.openpty():
            os.close(end)
    except OSError as e:
        raise Skip(f"no terminals here: {e}") from e
    def typed(*args, env):
        return spawned(lab.apply_args(lab.host(8080), *args), env)
    def spawned(argv, env):
        full = {**os.environ, **env}
        code = "import os,pty,sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
        return subprocess.run([sys.executable, "-c", code, *argv], env=full, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    r = typed(env={"SSH_CONNECTION": SSH})
    expect(r.returncode == 2 and "--confirm" in r.stdout, r)
    argv = " ".join(lab.apply_args("-"))
    for shell in (f"cat {lab.host(8080)} | {argv}", f"cat {lab.host(8080)} | {argv} 2>&1 | cat; exit ${{PIPESTATUS[1]}}"):
        r = spawned(["bash", "-c", shell], {"SSH_CONNECTION": SSH})
        expect(r.returncode == 2 and "--confirm" in r.stdout, "piped:", r)
    expect(typed("--keep", f"{V4}:22", env={"SSH_CONNECTION": SSH}).returncode == 0)
    expect(typed("--dry-run", env={"SSH_CONNECTION": SSH}).returncode == 0)
    expect(typed(env={}).returncode == 0)


@only("nft", "iptables-nft")
def T54_what_is_always_kept(lab):
    """Packets: an established connection, loopback and failsafe ports under rules that allow nothing."""
    lab.connect()
    flow, there = lab.flow(7000)
    nothing = lab.source(f"namespace t {{ workload web {{ addr {V4} addr {V6} label app=web }} policy p for pods app=web {{ default deny {{ingress, egress}} }} }}")
    expect(lab.reaches(7001))
    lab.apply(nothing)
    expect(echoes(flow), "the established connection is cut")
    expect(not lab.reaches(7001), "the rules do nothing")
    expect(lab.reaches(22), "the failsafe port is closed")
    there.kill()
    with socket.socket() as s, socket.socket() as c:
        s.bind(("127.0.0.1", 7002))
        s.listen()
        c.settimeout(1)
        expect(c.connect_ex(("127.0.0.1", 7002)) == 0, "loopback is closed")
    sh("ip neigh flush all")
    expect(lab.reaches(22), "without neighbours")
    ask = f"import socket; socket.create_connection(('{V6}', 22), 0.6)"
    with socket.socket(socket.AF_INET6) as s:
        s.bind((V6, 22))
        s.listen()
        sh("ip -6 neigh flush all")
        r = subprocess.run(["nsenter", "-t", str(lab.peer.pid), "-n", sys.executable, "-c", ask], stderr=subprocess.DEVNULL, check=False)
        expect(r.returncode == 0, "neighbour discovery is closed")


# ---- 55: cut off anyway ----

@user
@alone
def T55_nobody_confirms(lab):
    lab.foreign()
    lab.apply(lab.host(8080))
    before = lab.dump()
    confirmed = (lab.state / "confirmed").read_bytes()
    p = lab.start_pending(lab.host(8081), "2")
    began = time.monotonic()
    expect(lab.dump() != before, "nothing was loaded")
    expect((lab.state / "confirmed").read_bytes() == confirmed, "persisted before it was confirmed")
    rolled_back_by(lab, began + 2, before)
    _, err = p.communicate(timeout=SOON)
    expect(p.returncode == 1 and "NPC707" in err, p.returncode, err)
    expect(lab.dump() == before, difference(before, lab.dump()))
    expect(lab.status()["state"] == "confirmed" and lab.status()["drift"] == [], lab.status())


def T55_confirmed_from_a_new_connection(lab):
    lab.apply(lab.host(8080))
    p = lab.start_pending(lab.host(8081), "20", env={"SSH_CONNECTION": SSH})
    new = lab.dump()
    r = lab.verb("confirm", want=1, env={"SSH_CONNECTION": SSH})
    expect("NPC604" in r.stderr and "older" in r.stderr, r.stderr)
    expect(lab.state_is("pending"), "the same connection confirmed")
    lab.verb("confirm", env={"SSH_CONNECTION": NEW_SSH})
    _, err = p.communicate(timeout=SOON)
    expect(p.returncode == 0, err)
    expect(lab.dump() == new, difference(new, lab.dump()))
    expect(lab.state_is("confirmed"))
    r = lab.verb("confirm", want=1)
    expect("NPC710" in r.stderr, r.stderr)


@only("nft")
def T55_older_connection_proves_nothing(lab):
    """Another connection that was there before the rules were loaded."""
    confirm = " ".join([NPC, "confirm", *lab.places()])
    older = subprocess.Popen(["sh", "-c", f"read line; {confirm}; exit $?"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env={**os.environ, "SSH_CONNECTION": NEW_SSH})
    p = lab.start_pending(lab.host(8080), "20", env={"SSH_CONNECTION": SSH})
    _, err = older.communicate("\n")
    expect(older.returncode == 1 and "NPC604" in err, older.returncode, err)
    lab.verb("rollback")
    expect(p.wait(SOON) == 1)


@only("nft")
@alone
def T55_slow_input_delays_nobody(lab):
    """Another npc apply that still reads, and may read for ever, has no lock."""
    slow = lambda *args: subprocess.Popen(lab.apply_args("-", *args), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    lab.apply(lab.host(8080))
    for verb in (None, "rollback", "confirm"):
        before = lab.dump()
        p = lab.start_pending(lab.host(8081), "2" if verb is None else "60")
        began = time.monotonic()
        readers = [slow(), slow("--dry-run")]
        time.sleep(0.5)
        if verb is not None:
            lab.verb(verb, "--wait", "1")
        else:
            rolled_back_by(lab, began + 2, before)
        expect(p.wait(SOON) == (0 if verb == "confirm" else 1))
        expect((lab.dump() == before) == (verb != "confirm"), "the rules after", verb)
        expect(all(r.poll() is None for r in readers), "they do not read any more")
        text = host_source(8082).encode()
        for r in readers:  # and what they read is judged by what is in force by then
            r.communicate(text)
            expect(r.returncode == 0, r.returncode)
    expect(lab.status()["inputs"] == ["-"])


@only("nft")
def T55_dry_run_that_nobody_reads(lab):
    """Its answer is larger than a pipe holds."""
    many = "".join(f"namespace t {{ workload w{i} {{ addr 10.{20 + i // 250}.{i % 250}.9 label app=w{i} }} }}\n" for i in range(1000))
    rules = " ".join(f"allow from pods app=w{i} on tcp/{1000 + i}" for i in range(1000))
    source = f"{many} namespace t {{ workload web {{ addr {V4} label app=web }} policy p for pods app=web {{ {rules} }} }}"
    dry = subprocess.Popen(lab.apply_args(lab.source(source), "--dry-run"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    expect(dry.stdout.read(1) == b"-" and dry.poll() is None)
    lab.apply(lab.host(8080))
    rest = dry.communicate()[0]
    expect(len(rest) > 1 << 17, f"{len(rest)} bytes fit into a pipe")


@only("nft")
def T55_told_what_became_of_the_rules(lab):
    """Also if others were loaded, and kept, before npc apply could look."""
    for verb, status in (("confirm", 0), ("rollback", 1)):
        p = lab.start_pending(lab.host(8080), "60")
        p.send_signal(signal.SIGSTOP)
        lab.verb(verb)
        for port in (8081, 8082):  # a guard ends a moment after it is needed no more
            until(lambda port=port: lab.apply(lab.host(port), want=None).returncode == 0, SOON, "others")
        p.send_signal(signal.SIGCONT)
        _, err = p.communicate(timeout=SOON)
        expect(p.returncode == status and ("NPC707" in err) == (status == 1), verb, p.returncode, err)


@only("nft")
@alone
def T55_way_back_is_damaged(lab):
    """The guard knows what was in it, and that nobody confirmed; if it is taken away, nothing else is said."""
    lab.apply(lab.host(8080))
    before = lab.dump()
    p = lab.start_pending(lab.host(8081), "2")
    began = time.monotonic()
    with open(lab.run_dir / "pending", "a", encoding="ascii") as f:
        f.write("x")
    expect("NPC709" in lab.verb("confirm", want=3).stderr)
    expect("NPC702" in lab.apply(lab.host(8081), want=1).stderr)
    rolled_back_by(lab, began + 2, before)
    _, err = p.communicate(timeout=SOON)
    expect(p.returncode == 1 and "NPC707" in err and "came back" in err, p.returncode, err)
    expect(lab.dump() == before and lab.state_is("confirmed"))
    p = lab.start_pending(lab.host(8081), "60")
    (lab.run_dir / "pending").unlink()
    _, err = p.communicate(timeout=SOON)
    expect(p.returncode == 3 and "nobody confirmed" in err and "came back" not in err, p.returncode, err)
    expect(lab.dump() != before)


def T55_confirmed_is_only_what_is_in_force(lab):
    """Somebody took the rules away, or loaded others, before npc confirm: the deadline stands."""
    lab.apply(lab.host(8080))
    before = lab.dump()
    left = 15  # seconds, in which all else must be done
    flush_own = "nft flush ruleset" if lab.target != "iptables-legacy" else "; ".join(f"{ip}tables-legacy -F" for ip in ("ip", "ip6"))
    for others in (lambda: lab.verb("boot"), lambda: sh(flush_own)):
        p = lab.start_pending(lab.host(8081), str(left))
        others()
        r = lab.verb("confirm", want=1)
        expect("NPC708" in r.stderr, r.stderr)
        expect(lab.state_is("pending"), lab.status())
        expect(p.wait(left + SOON) == 1)
        expect(lab.dump() == before, difference(before, lab.dump()))
        expect(b"8081" not in (lab.state / "confirmed").read_bytes())


@only("nft", "iptables-legacy")
@alone
def T55_session_is_gone(lab):
    """npc apply dies with its terminal: the guard goes on, and confirming still works."""
    lab.apply(lab.host(8080))
    before = lab.dump()
    for sign, confirm in ((signal.SIGHUP, True), (signal.SIGKILL, False)):
        p = lab.start_pending(lab.host(8081), "20" if confirm else "1")
        new = lab.dump()
        p.send_signal(sign)
        p.wait(SOON)
        if confirm:
            lab.verb("confirm")
            expect(lab.dump() == new and lab.state_is("confirmed"))
            lab.verb("rollback")
            expect(lab.dump() == before, difference(before, lab.dump()))
        else:
            rolled_back_by(lab, time.monotonic() + 1, before)
            expect(lab.state_is("confirmed"))


# Kills npc (the loader's parent) around the N-th call of a loader in this namespace.
KILL = """here && {{ echo x >>$TMP/calls; [ "$(wc -l <$TMP/calls)" != {n} ] || {{ {before} kill -9 $PPID; exit 1; }}; }}"""


@long
def T55_killed_at_each_call_of_a_loader(lab):
    """Before the loader does its work, and after: whatever is half done is undone."""
    lab.foreign()
    lab.apply(lab.host(8080))
    before = lab.dump()
    names = ["nft"] if lab.target == "nft" else ["ipset"] + [f"{ip}tables_{lab.target.split('-')[1]}_{x}" for ip in ("ip", "ip6") for x in ("save", "restore")]
    for name in names:
        for n in range(1, 12):
            killed = False
            for work in ("", '$real "$@" >/dev/null;'):
                where = lab.loaders(**{name: KILL.format(n=n, before=work)})
                r = lab.apply(lab.host(8081), "--loader-dir", where, want=None)
                if r.returncode == 0:  # fewer calls than that
                    lab.verb("rollback")
                    break
                killed = True
                until(lambda: lab.dump() == before, SOON, f"back after a kill at call {n} of {name} {work}\n{difference(before, lab.dump())}")
                until(lambda: not (lab.run_dir / "pending").exists(), SOON, "the way back is gone")
                lab.verb("status")
            if not killed:
                break
        expect(n > 1, f"{name} was never called")


@long
@only("nft", "iptables-nft")
def T55_killed_at_each_system_call(lab):
    """At each call that changes a file, a process or a lock. The kernel holds the one or the other
    rules whole, and what a boot would load is what is in force."""
    probe = subprocess.run(["strace", "-o", "/dev/null", "true"], stderr=subprocess.PIPE, check=False)
    if probe.returncode:
        raise Skip("no strace here")
    lab.apply(lab.host(8080))
    old = lab.dump()
    lab.apply(lab.host(8081))
    new = lab.dump()
    lab.verb("rollback")
    calls = 0
    more = ("socketpair,sendto", "wait4", "setns,unshare") if lab.target == "nft" else ()
    for call in ("rename,renameat,renameat2", "unlink,unlinkat", "fork,vfork,clone", *more):
        for n in range(1, 40):
            r = lab.call(["strace", "-qqq", "-e", "signal=none", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={n}",
                          *lab.apply_args(lab.host(8081))], env=NO_LEAKS)
            if r.returncode == 0:  # fewer calls than that
                lab.verb("rollback")
                break
            calls += 1
            until(lambda: not (lab.run_dir / "pending").exists() or lab.status()["state"] == "interrupted", SOON, "an end")
            now = lab.dump()
            expect(now in (old, new), f"half of the rules after a kill at {call} {n}")
            if lab.status()["state"] == "interrupted":  # killed before there was a guard: nothing was loaded yet
                expect(now == old, f"interrupted at {call} {n}, with new rules")
                lab.verb("rollback")
            boots = b"8081" in (lab.state / "confirmed").read_bytes()
            if now == new:
                expect(boots, f"{call} {n}: new rules in force that a boot would not load")
                lab.verb("rollback")
            else:
                expect(not boots, f"{call} {n}: a boot would load rules that are not in force")
            expect(lab.dump() == old)
    expect(calls > (15 if more else 10), f"only {calls} calls")


@long
@only("nft")
def T55_told_to_end_at_each_system_call(lab):
    """As above, by a signal that can be handled: nothing half-done is left, not even a temporary name."""
    if subprocess.run(["strace", "-o", "/dev/null", "true"], stderr=subprocess.PIPE, check=False).returncode:
        raise Skip("no strace here")
    lab.apply(lab.host(8080))
    old = lab.dump()
    ended = 0
    for call in ("rename,renameat,renameat2", "unlink,unlinkat", "fork,vfork,clone", "fsync"):
        for n in range(1, 40):
            r = lab.call(["strace", "-qqq", "-e", "signal=none", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=TERM:when={n}",
                          *lab.apply_args(lab.host(8081))], env=NO_LEAKS)
            until(lambda: not (lab.run_dir / "pending").exists(), SOON, f"an end after {call} {n}")
            left = [p.name for d in (lab.run_dir, lab.state) for p in d.iterdir() if p.name.startswith(".npc-")]
            expect(not left, f"{left} after {call} {n}")
            boots = b"8081" in (lab.state / "confirmed").read_bytes()
            expect(boots == (lab.dump() != old), f"{call} {n}: what is in force and what a boot would load differ")
            if boots:
                lab.verb("rollback")
            expect(lab.dump() == old, f"{call} {n}")
            if r.returncode == 0:
                break
            expect(r.returncode == -15, f"{call} {n}: status {r.returncode}")
            ended += 1
    expect(ended > 10, f"only {ended} calls")


@only("nft")
def T55_guard_is_killed(lab):
    """Then npc apply itself goes back."""
    lab.apply(lab.host(8080))
    before = lab.dump()
    p = lab.start_pending(lab.host(8081), "20")
    guard = int(sh(f"cat /proc/{p.pid}/task/{p.pid}/children").split()[0])
    os.kill(guard, signal.SIGKILL)
    _, err = p.communicate(timeout=SOON)
    expect(p.returncode == 1 and "NPC707" in err, p.returncode, err)
    expect(lab.dump() == before)


@only("nft")
def T55_both_are_killed(lab):
    """Nobody is left to go back: status says so, and the next npc does it first."""
    lab.apply(lab.host(8080))
    before = lab.dump()
    for verb in ("rollback", "apply"):
        p = lab.start_pending(lab.host(8081), "20")
        guard = int(sh(f"cat /proc/{p.pid}/task/{p.pid}/children").split()[0])
        p.kill()
        p.wait()
        os.kill(guard, signal.SIGKILL)
        until(lambda: lab.state_is("interrupted"), SOON, "interrupted")
        expect(lab.verb("status", want=1))
        r = lab.verb("confirm", want=1)
        expect("NPC707" in r.stderr and "interrupted" in r.stderr, r.stderr)
        if verb == "rollback":
            lab.verb("rollback")
        else:
            expect("NPC707" in lab.apply(lab.host(8080), "--dry-run", want=1).stderr)
            expect(lab.state_is("interrupted"), "a dry run changed something")
            r = lab.apply(lab.host(8080))
            expect("interrupted" in r.stderr, r.stderr)
        expect(lab.dump() == before)


@only("nft")
def T55_guard_ends_in_time_of_shutdown(lab):
    """Told to end, it goes back at once."""
    lab.apply(lab.host(8080))
    before = lab.dump()
    p = lab.start_pending(lab.host(8081), "60")
    os.kill(int(sh(f"cat /proc/{p.pid}/task/{p.pid}/children").split()[0]), signal.SIGTERM)
    expect(p.wait(SOON) == 1)
    expect(lab.dump() == before)


@only("nft")
def T55_guard_takes_over_a_rollback(lab):
    """One that fails says so, and the guard does not wait for the deadline."""
    lab.apply(lab.host(8080))
    before = lab.dump()
    p = lab.start_pending(lab.host(8081), "60")
    key = "nft" if lab.target == "nft" else f"iptables_{lab.target.split('-')[1]}_restore"
    r = lab.verb("rollback", "--loader-dir", lab.loaders(**{key: "exit 1"}), want=3)
    expect("NPC701" in r.stderr, r.stderr)
    expect(p.wait(SOON) == 1)
    expect(lab.dump() == before and lab.state_is("confirmed"), "the guard did not go back")


def T55_guard_minds_its_own_way_back(lab):
    """One that ends while another apply waits: the other's rules are not touched."""
    p = lab.start_pending(lab.host(8080), "3")
    guard = int(sh(f"cat /proc/{p.pid}/task/{p.pid}/children").split()[0])
    os.kill(guard, signal.SIGSTOP)  # it does not see that its own is gone
    p.kill()
    p.wait()
    lab.verb("confirm")
    os.rename(lab.run_dir / "guard", lab.run_dir / "guard-1")  # another guard can be
    q = lab.start_pending(lab.host(8081), "30")
    new = lab.dump()
    time.sleep(2)
    os.kill(guard, signal.SIGCONT)
    until(lambda: sh(f"grep State /proc/{guard}/status || echo gone", check=False).split()[0:2][-1] in ("Z", "gone"), SOON, "the first guard's end")
    expect(lab.dump() == new and lab.state_is("pending"), "the guard of another went back")
    lab.verb("confirm")
    expect(q.wait(SOON) == 0)


@only("nft")
def T55_pending_refuses_others(lab):
    p = lab.start_pending(lab.host(8080), "20")
    r = lab.apply(lab.host(8081), want=1)
    expect("NPC702" in r.stderr and "confirm" in r.stderr, r.stderr)
    lab.verb("rollback")
    expect(p.wait(SOON) == 1)
    expect(lab.state_is("none"))


# ---- 56: two at once ----

@user
@only("nft", "iptables-legacy")
def T56_fifty_at_once(lab):
    ports = range(8000, 8050)
    paths = {port: lab.host(port) for port in ports}
    running = {port: lab.start(paths[port], *(["--wait", "120"] if port % 5 == 0 else [])) for port in ports}
    done = 0
    for port, p in running.items():
        _, err = p.communicate(timeout=150)
        if p.returncode == 0:
            done += 1
        else:
            expect(p.returncode == 1 and "NPC702" in err and re.search(r"(process \d+|another process) is at work", err), port, p.returncode, err)
            expect(port % 5 != 0, "one that waits gave up:", err)
    expect(done >= 10, done)
    expect(lab.status()["drift"] == [] and lab.state_is("confirmed"), lab.status())
    last = lab.dump()
    port = int(re.search(r"host-(\d+)-", " ".join(lab.status()["inputs"])).group(1))
    lab.apply(paths[port])
    expect(lab.dump() == last, "what is in force is none of the inputs")


# ---- 57: other writers ----

def T57_drift_is_shown_and_repaired(lab):
    lab.foreign()
    lab.apply(lab.host(8080))
    good = lab.dump()
    part = {"nft": "nft"}.get(lab.target, "v4")
    variant = lab.target.split("-")[-1]
    spoil = {"nft": "nft add rule ip npc npc_input accept"}.get(lab.target, f"iptables-{variant} -I NPC-INPUT -j RETURN")
    sh(spoil)
    r = lab.verb("status", want=1)
    expect("drift" in r.stdout, r.stdout)
    expect(lab.status()["drift"] == [part], lab.status())
    r = lab.apply(lab.host(8080), "--dry-run")
    expect("NPC708" in r.stderr, r.stderr)
    r = lab.apply(lab.host(8080))
    expect("NPC708" in r.stderr, r.stderr)
    expect(lab.dump() == good, difference(good, lab.dump()))
    lab.verb("status")


@only("iptables-nft", "iptables-legacy")
def T57_stale_jump(lab):
    """Gone, or no longer first: shown, repaired, and never twice."""
    variant = lab.target.split("-")[1]
    lab.foreign()
    path = lab.host(8080, nets=SETS)
    lab.apply(path)
    good = lab.dump()
    for spoil, undo in ((f"iptables-{variant} -D INPUT -j NPC-INPUT", "true"),
                        (f"ip6tables-{variant} -I INPUT -s ::2 -j ACCEPT", f"ip6tables-{variant} -D INPUT -s ::2 -j ACCEPT"),
                        (f"iptables-{variant} -A OUTPUT -j NPC-OUTPUT", "true"),
                                        ("ipset del $(ipset save | grep -m1 '^add NPC' | cut -d' ' -f2,3)", "true")):
        sh(spoil)
        expect(lab.status()["drift"] != [], spoil)
        lab.apply(path)
        lab.verb("status")
        sh(undo)
        expect(lab.dump() == good, spoil, difference(good, lab.dump()))


@only("iptables-nft")
def T57_rollback_keeps_the_place_of_a_jump(lab):
    """What was there is restored as it was, also if it was not npc that put it there."""
    lab.foreign()
    lab.apply(lab.host(8080))
    sh("iptables-nft -I INPUT -s 192.0.2.9 -j ACCEPT")
    before = lab.dump()
    p = lab.start(lab.host(8081), "--confirm", "1")
    expect(p.wait(SOON) == 1)
    expect(lab.dump() == before, difference(before, lab.dump()))


@only("nft")
def T57_rules_that_npc_did_not_load(lab):
    """npc compile | nft -f: replaced, and restored from what the kernel lists."""
    path = lab.host(8080)
    sh(f"{NPC} compile -t nft --host t/web {path} | nft -f -")
    before = lab.dump()
    expect(lab.verb("status", want=1).stdout.startswith("state    unrecorded\n"))
    expect(lab.status() == {"version": 1, "state": "unrecorded", "unrecorded": ["nft"]}, lab.status())
    p = lab.start(lab.host(8081), "--confirm", "1")
    expect(p.wait(SOON) == 1)
    expect(lab.dump() == before, difference(before, lab.dump()))


def own_lines():
    """What the kernel holds of npc's, by any loader. (A look at legacy tables would make them.)"""
    legacy = any("filter" in pathlib.Path(f"/proc/net/{ip}_tables_names").read_text(encoding="ascii") for ip in ("ip", "ip6"))
    text = sh("nft list tables; iptables-nft-save; ip6tables-nft-save; ipset list -n" + ("; iptables-legacy-save; ip6tables-legacy-save" if legacy else ""))
    return [line for line in text.splitlines() if re.search(r" npc$|NPC-", line)]


OTHERS = {"nft": ("iptables-nft", "iptables-legacy"), "iptables-nft": ("nft", "iptables-legacy"), "iptables-legacy": ("nft", "iptables-nft")}


def T57_rules_of_other_loaders_without_a_record(lab):
    """They would stay in force beside new ones: status tells of them, a load takes them away, a rollback brings them back."""
    lab.apply(lab.host(8080, nets=SETS + 1))
    alone = own_lines()
    mine = lab.target
    lab.verb("status")
    for other in OTHERS[mine]:
        lab.target = other
        lab.apply(lab.host(8081, nets=SETS), "--replace")
    theirs = lab.dump()
    for gone in ("no", "damaged"):
        if gone == "damaged":
            (lab.run_dir / "loaded").write_text("npc bundle 1\n")
        else:
            (lab.run_dir / "loaded").unlink()
        expect(lab.status() == {"version": 1, "state": "damaged" if gone == "damaged" else "unrecorded", "unrecorded": [other]}, lab.status())
        lab.target = mine
        p = lab.start(lab.host(8080, nets=SETS + 1), "--confirm", "1")
        _, err = p.communicate(timeout=SOON)
        expect(p.returncode == 1 and "NPC708" in err and other in err, p.returncode, err)
        lab.target = other
        expect(lab.dump() == theirs, difference(theirs, lab.dump()))
    lab.target = mine
    lab.apply(lab.host(8080, nets=SETS + 1))
    expect(own_lines() == alone, own_lines(), alone)
    lab.verb("status")


@only("nft", "iptables-nft", "iptables-legacy")
def T57_rules_of_other_loaders_beside_recorded_ones(lab):
    """Somebody loaded npc's output by hand, with another loader."""
    lab.apply(lab.host(8080))
    alone = own_lines()
    by_nft = f"{NPC} compile -t nft --host t/web {lab.host(8081)} | nft -f -"
    out = lab.tmp / "by-hand"
    by_iptables = f"{NPC} compile -t iptables --host t/web -o {out} {lab.host(8081)}" + "".join(
        f" && {ip}tables-nft-restore --noflush <{out}/rules.v{v} && {ip}tables-nft -I INPUT -j NPC-INPUT" for ip, v in (("ip", 4), ("ip6", 6)))
    sh(by_iptables if lab.target == "nft" else by_nft)
    both = own_lines()
    expect(both != alone)
    expect(lab.status()["unrecorded"] == ["iptables-nft" if lab.target == "nft" else "nft"], lab.status())
    expect("of which it has no record" in lab.verb("status", want=1).stdout)
    expect("NPC708" in lab.apply(lab.host(8082), "--dry-run").stderr and own_lines() == both, "a dry run")
    lab.apply(lab.host(8080))
    lab.verb("status")
    expect(own_lines() == alone, own_lines())


@only("iptables-nft", "iptables-legacy")
def T57_closed_by_a_boot(lab):
    """Rules for an administrator alone are loaded by nft: status knows them, and rules by another loader take them away."""
    lab.apply(lab.host(8080))
    alone = own_lines()
    variant = lab.target.split("-")[1]
    sh("; ".join(f"{ip}tables-{variant} -F; {ip}tables-{variant} -X" for ip in ("ip", "ip6")))
    (lab.run_dir / "loaded").unlink()
    (lab.state / "confirmed").write_bytes((lab.state / "confirmed").read_bytes() + b"x")
    lab.verb("boot", want=3)
    expect(lab.status() == {"version": 1, "state": "unrecorded", "unrecorded": ["nft"]}, lab.status())
    lab.apply(lab.host(8080))
    expect(own_lines() == alone, own_lines())
    lab.verb("status")


@only("iptables-nft")
def T57_variant_as_installed(lab):
    """--iptables that names what is installed is no other loader."""
    if "nf_tables" not in sh("iptables-save --version"):
        raise Skip("legacy iptables is installed")
    argv = [x for x in lab.apply_args(lab.host(8080)) if x not in ("--iptables", "nft")]
    r = lab.call(argv)
    expect(r.returncode == 0, r.stderr)
    loaded = own_lines()
    lab.apply(lab.host(8080))
    expect(own_lines() == loaded and loaded, own_lines())
    lab.verb("status")


@only("nft", "iptables-nft")
def T57_replace(lab):
    """Rules of another kind, or by another loader, are replaced on demand only, and wholly."""
    lab.apply(lab.host(8080))
    r = lab.apply(lab.node(), host=False, want=1)
    expect("NPC706" in r.stderr, r.stderr)
    lab.apply(lab.node(), "--replace", host=False)
    mine = sh("nft -s list ruleset")
    own, lab.target = lab.target, {"nft": "iptables-nft"}.get(lab.target, "nft")
    expect("NPC706" in lab.apply(lab.node(), host=False, want=1).stderr)
    p = lab.start(lab.node(), "--replace", "--confirm", "1", host=False)
    expect(p.wait(SOON) == 1)
    left = [line for line in sh("nft -s list ruleset").splitlines() if line not in mine.splitlines()]
    expect(not any("NPC" in line or "npc" in line for line in left), left)
    lab.apply(lab.node(), "--replace", host=False)
    text = sh("nft -s list ruleset")
    expect(("table ip npc" in text) == (own != "nft"), text)
    expect(("NPC-FORWARD" in text) == (own == "nft"), text)


# ---- 58: order ----

@only("nft", "iptables-nft", "iptables-legacy")
def T58_an_accept_elsewhere_does_not_open(lab):
    """An nft accept in another table does not end what npc drops; a jump of iptables is before the
    accepts that were there."""
    lab.connect()
    if lab.target == "nft":
        sh("nft -f -", stdin="table inet other { chain c { type filter hook input priority -5; policy accept; accept; }; }")
    else:
        sh(f"iptables-{lab.target.split('-')[1]} -A INPUT -p tcp -j ACCEPT")
    expect(lab.reaches(9000))
    lab.apply(lab.host(8080))
    expect(not lab.reaches(9000), "an accept of others opens what the policy closes")
    expect(lab.reaches(8080), "the policy's own port is closed")


# ---- 59: conntrack ----

@user
@only("nft", "iptables-nft")
def T59_established_flows(lab):
    """They outlive a deny; --kill-states ends those of the machine that the change touches."""
    lab.connect()
    lab.apply(lab.host(7000))
    flow, there = lab.flow(7000)
    expect(echoes(flow))
    lab.apply(lab.host(8080))
    expect(not lab.reaches(7000), "a new connection passes")
    expect(echoes(flow), "the established one is cut")
    lab.apply(lab.host(8080), "--kill-states")  # nothing changes, so nothing is touched
    expect(echoes(flow), "cut, though the rules are the same")
    lab.apply(lab.host(8081), "--kill-states")
    expect(not echoes(flow), "still alive")
    there.kill()


def only_peer(lab, ports, peers=f"cidr {PEER4}/32", addresses=f"addr {V4}"):
    """A host that lets some in, and out nobody: else its next segment would take up a connection that was ended."""
    return lab.source(f"namespace t {{ workload web {{ {addresses} label app=web }}\n"
                      f"policy in for pods app=web {{ allow from {{{peers}}} on tcp/{ports} default deny egress }} }}", f"only-{ports}-{len(peers)}.npc")


def cut(lab, before, after, address, failsafe=("none", "none")):
    """Whether --kill-states ends a connection to a port 7000 of this machine that the first rules allow and the second do not."""
    lab.apply(before, "--failsafe", failsafe[0])
    flow, there = lab.flow(7000, address)
    expect(echoes(flow))
    lab.apply(after, "--failsafe", failsafe[1], "--kill-states")
    ended = not echoes(flow)
    flow.close()
    there.kill()
    return ended


@only("nft")
def T59_kill_states_by_any_address(lab):
    """Host rules hold for every address of the machine: on lo, too, and of a family that the inventory does not know."""
    lab.connect()
    other = "10.99.0.1"
    sh(f"ip addr add {other}/32 dev lo; nsenter -t {lab.peer.pid} -n ip route add {other} via {V4}")
    on_lo = lambda port: only_peer(lab, port, addresses=f"addr {other}")
    expect(cut(lab, on_lo(7000), on_lo(7001), other), "the address that the inventory knows is on lo")
    expect(cut(lab, only_peer(lab, 7000), only_peer(lab, 7001), other), "an address that it does not know is on lo")
    six = f"cidr {PEER4}/32, cidr {PEER6}/128"
    expect(cut(lab, only_peer(lab, 7000, six), only_peer(lab, 7000), V6), "a family that it does not know")


@only("nft")
def T59_kill_states_of_failsafe_ports(lab):
    lab.connect()
    rules = only_peer(lab, 7001)
    expect(cut(lab, rules, rules, V4, ("tcp/7000", "none")), "a port that is failsafe no more")
    expect(not cut(lab, rules, rules, V4, ("tcp/7000,tcp/7002", "tcp/7002,tcp/7000")), "cut, though the ports are the same")


# ---- 60: boot ----

def flush(lab):
    """What a reboot does to the rules and to /run."""
    sh(f"nft flush ruleset; rm -rf {lab.run_dir}")
    if lab.target == "iptables-legacy":
        for ip in ("ip", "ip6"):
            sh(f"{ip}tables-legacy -F; {ip}tables-legacy -X")
    sh("ipset destroy", check=False)


def T60_boot_loads_the_last_confirmed(lab):
    expect("NPC710" in lab.verb("boot", "-v").stderr, "nothing was confirmed yet")
    lab.apply(lab.host(8080))
    good = lab.dump()
    p = lab.start_pending(lab.host(8081), "20")
    p.kill()  # and the power goes
    p.wait()
    flush(lab)
    lab.verb("boot")
    expect(lab.dump() == good, difference(good, lab.dump()))
    lab.verb("status")
    expect(lab.state_is("confirmed"))


# Root that can make no namespace.
CONFINED = ["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"]


@only("nft", "iptables-nft")
def T60_rules_that_cannot_be_rehearsed(lab):
    """What was confirmed all the same is what a boot loads, and what a rollback goes back to."""
    confined = lambda *argv: lab.call([*CONFINED, *argv])
    r = confined(*lab.apply_args(lab.host(8080)))
    expect(r.returncode == 3 and "--no-rehearsal" in r.stderr, r.stderr)
    for port, how in ((8080, "--no-rehearsal"), (8081, "--no-rehearsal"), (8082, None)):
        good = lab.dump()
        if how is None:
            lab.apply(lab.host(port))  # with a rehearsal, and then there is none at the boot
        else:
            r = confined(*lab.apply_args(lab.host(port), how))
            expect(r.returncode == 0, r.stderr)
        new = lab.dump()
        flush(lab)
        r = confined(NPC, "boot", *lab.places())
        expect(r.returncode == 0 and ("NPC701" in r.stderr) == (how is None), r.stderr)
        expect(lab.dump() == new, difference(new, lab.dump()))
        if port > 8080:
            for there in (good, new):
                r = confined(NPC, "rollback", *lab.places())
                expect(r.returncode == 0, r.stderr)
                expect(lab.dump() == there, difference(there, lab.dump()))
    lab.verb("status")


@only("nft")
def T60_damaged_rules_at_boot(lab):
    """Cut short or changed at any place: only established connections and management pass."""
    lab.connect()
    lab.apply(lab.host(8080))
    whole = (lab.state / "confirmed").read_bytes()
    flow, there = lab.flow(22)
    for damaged in [whole[:n] for n in (0, 5, len(whole) // 3, len(whole) - 2, len(whole) - 1)] + [
            whole[:n] + bytes([whole[n] ^ 1]) + whole[n + 1:] for n in (1, 30, len(whole) // 2, len(whole) - 9)]:
        flush(lab)
        (lab.state / "confirmed").write_bytes(damaged)
        r = lab.verb("boot", want=3)
        expect("NPC709" in r.stderr, r.stderr)
        expect(sh("nft list tables").split() == ["table", "inet", "npc"], "not the built-in set")
    expect(echoes(flow), "established is cut")
    expect(lab.reaches(22), "management is closed")
    expect(not lab.reaches(8080) and not lab.reaches(80), "open")
    flush(lab)
    lab.verb("boot", "--failsafe", "tcp/2222", want=3)
    expect(lab.reaches(2222) and not lab.reaches(22), "--failsafe")
    lab.apply(lab.host(8080))  # and all is well again
    expect(lab.reaches(8080))
    lab.verb("status")
    there.kill()


@only("iptables-nft", "iptables-legacy")
def T60_damaged_rules_without_nft(lab):
    lab.connect()
    lab.apply(lab.host(8080))
    (lab.state / "confirmed").write_bytes((lab.state / "confirmed").read_bytes()[:-1])
    flush(lab)
    where = lab.loaders()
    os.unlink(f"{where}/nft")
    variant = lab.target.split("-")[1]
    for ip in ("ip", "ip6"):
        for verb in ("save", "restore"):
            os.rename(f"{where}/{ip}tables-{variant}-{verb}", f"{where}/{ip}tables-{verb}")
    lab.verb("boot", "--loader-dir", where, want=3)
    expect(lab.reaches(22), "management is closed")
    expect(not lab.reaches(8080), "open")


@only("nft")
def T60_unit_is_enabled_once(lab):
    link = lab.units / "sysinit.target.wants" / "npc.service"
    lab.apply(lab.host(8080), "--dry-run")
    expect(not link.is_symlink(), "enabled by a dry run")
    p = lab.start(lab.host(8080), "--confirm", "1")
    expect(p.wait(SOON) == 1 and not link.is_symlink(), "enabled before anything was confirmed")
    lab.apply(lab.host(8080))
    expect(link.is_symlink() and os.readlink(link).endswith("/npc.service"))
    link.unlink()
    lab.apply(lab.host(8081))
    expect(not link.is_symlink(), "who disabled it meant it")


@only("nft")
def T60_unit_that_loads_nothing(lab):
    """Told: one that is not installed, and one that looks elsewhere, which is not enabled unless asked for."""
    r = lab.apply(lab.host(8080))
    unit = os.readlink(lab.units / "sysinit.target.wants" / "npc.service")
    expect((f"no '{unit}'" in r.stderr) == (not os.path.exists(unit)), r.stderr)
    expect("/var/lib/npc: a boot does not load these" in r.stderr, r.stderr)
    expect("a boot" not in lab.apply(lab.host(8081)).stderr, "told twice")
    shutil.rmtree(lab.state)
    sh("mkdir -p /run/systemd/system /etc/systemd && mount -t tmpfs tmpfs /etc/systemd")
    argv = [NPC, "apply", *lab.places(), "--host", "t/web", lab.host(8080)]
    r = lab.call(argv)
    expect(r.returncode == 0 and "/var/lib/npc: a boot does not load these" in r.stderr, r.stderr)
    expect(not os.listdir("/etc/systemd"), "enabled")
    sh("mkdir -p /var/lib && mount -t tmpfs tmpfs /var/lib")
    argv[2:4] = []  # --state-dir
    r = lab.call(argv)
    expect(r.returncode == 0 and "/var/lib/npc" not in r.stderr, r.stderr)
    expect(os.path.islink("/etc/systemd/system/sysinit.target.wants/npc.service"), "not enabled")


# ---- 61: privilege ----

def traced(lab, *argv):
    """The programs that were run: (path, arguments, environment, process)."""
    out = lab.tmp / "trace"
    r = lab.call(["strace", "-f", "-qqq", "-e", "signal=none", "-v", "-s", "200", "-o", str(out), "-e", "trace=execve,capset,prctl",
                  "-E", "PATH=/tmp/evil", "-E", "SECRET=x", *argv], env=NO_LEAKS)
    expect(r.returncode == 0, r.stderr)
    return out.read_text().splitlines()


def T61_loaders_run_with_nothing(lab):
    """No environment, an absolute path, no shell, no capability but those of the network."""
    if subprocess.run(["strace", "-o", "/dev/null", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        raise Skip("no strace here")
    lines = traced(lab, *lab.apply_args(lab.host(8080)))
    runs = [line for line in lines if "execve(" in line][1:]  # the first is npc itself
    expect(len(runs) >= 4, lines)
    for line in runs:
        pid = line.split()[0]
        m = re.search(r'execve\("([^"]*)", \["([^"]*)".*\], (.*)\) = 0$', line)
        expect(m, line)
        expect(m.group(1).startswith("/usr/sbin/") or m.group(1).startswith("/sbin/"), "no absolute path:", line)
        expect(m.group(3) == "[]", "an environment:", line)
        # CAP_NET_ADMIN is bit 12, CAP_NET_RAW, which iptables needs for its socket, bit 13.
        names = "1<<CAP_NET_ADMIN" if m.group(1).endswith("/nft") else "1<<CAP_NET_ADMIN|1<<CAP_NET_RAW"
        before = [x for x in lines[: lines.index(line)] if x.startswith(pid + " ")]
        expect(any("PR_SET_NO_NEW_PRIVS, 1" in x for x in before), "may gain privileges:", line)
        caps = [x for x in before if "capset(" in x]
        expect(caps and f"effective={names}, permitted={names}, inheritable={names}" in caps[-1], "capabilities:", caps or line)
    expect(not any("/sh" in line for line in runs), "a shell")


@only("nft")
def T61_npc_itself_gives_up_the_rest(lab):
    """While it waits for a confirmation, npc and the guard have CAP_NET_ADMIN and nothing else."""
    p = lab.start_pending(lab.host(8080), "20")
    guard = int(sh(f"cat /proc/{p.pid}/task/{p.pid}/children").split()[0])
    for pid in (p.pid, guard):
        status = dict(line.split(":\t") for line in open(f"/proc/{pid}/status", encoding="ascii") if ":\t" in line)
        for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"):
            expect(int(status[name], 16) == 1 << 12, pid, name, status[name])
        expect(status["NoNewPrivs"].strip() == "1")
    streams = {os.readlink(f"/proc/{guard}/fd/{i}") for i in range(3)}
    expect(streams == {"/dev/null"}, "the guard holds", streams)
    expect(os.getsid(guard) == guard, "the guard is in the session of npc")
    lab.verb("confirm")
    expect(p.wait(SOON) == 0)


@only("nft")
def T61_compile_needs_no_root(lab):
    code = f"exec setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all {NPC} compile -t nft --host t/web -"
    os.chmod(lab.tmp, 0o755)
    if os.access(NPC, os.X_OK) and subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", "test", "-x", NPC], check=False).returncode:
        raise Skip("nobody else can run the program")
    r = subprocess.run(["sh", "-c", code], input=open(lab.host(8080), encoding="utf-8").read(), text=True, stdout=subprocess.PIPE, check=False)
    expect(r.returncode == 0 and "table ip npc" in r.stdout, r)


# ---- the rest ----

@only("nft", "iptables-nft")
def apply_wrong_machine(lab):
    sh(f"ip addr del {V4}/24 dev cable0; ip addr del fd00:9::1/64 dev cable0")
    r = lab.apply(lab.host(8080), want=1)
    expect("NPC704" in r.stderr, r.stderr)
    sh("ip addr add fd00:9::1/64 dev cable0 nodad")
    lab.apply(lab.host(8080))


@only("nft")
def apply_bridge(lab):
    """Pods on a bridge need br_netfilter, for both families; routed pods do not."""
    lab.apply(lab.node(), host=False)
    sh("ip link add br0 type bridge; ip link set br0 up; ip addr add 10.9.1.254/24 dev br0; ip addr add fd00:9:1::fe/64 dev br0 nodad")
    knobs = [f"/proc/sys/net/bridge/bridge-nf-call-{x}tables" for x in ("ip", "ip6")]
    if os.path.exists(knobs[0]):
        for k in knobs:
            with open(k, "w", encoding="ascii") as f:
                f.write("0")
    r = lab.apply(lab.node(), host=False, want=1)
    expect("NPC705" in r.stderr and "br0" in r.stderr, r.stderr)
    expect(lab.verb("status", want=1).stdout.count("bridge"))
    if not os.path.exists(knobs[0]):
        raise Skip("br_netfilter is not loaded: only the refusal was tested")
    with open(knobs[0], "w", encoding="ascii") as f:
        f.write("1")
    expect("NPC705" in lab.apply(lab.node(), host=False, want=1).stderr, "one family is enough")
    with open(knobs[1], "w", encoding="ascii") as f:
        f.write("1")
    lab.apply(lab.node(), host=False)
    lab.verb("status")


@only("nft", "iptables-legacy")
def apply_dry_run(lab):
    """Loads nothing, and shows the difference in meaning."""
    lab.foreign()
    before = lab.dump(handles=True)
    r = lab.apply(lab.host(8080), "--dry-run")
    expect(lab.dump(handles=True) == before and "lost" in r.stdout, r.stdout)
    lab.apply(lab.host(8080))
    before = lab.dump(handles=True)
    r = lab.apply(lab.host(8080), "--dry-run")
    expect("0 connections gained, 0 lost" in r.stdout, r.stdout)
    r = lab.apply(lab.host(8081), "--dry-run")
    expect(lab.dump(handles=True) == before)
    expect(re.search(r"^\+ .*tcp/8081", r.stdout, re.M) and re.search(r"^- .*tcp/8080", r.stdout, re.M), r.stdout)
    expect(not (lab.run_dir / "pending").exists())
    r = lab.apply(lab.host(8080), "--dry-run", "--failsafe", "none")
    expect(re.search(r"^- .* -> t/web: tcp/22$", r.stdout, re.M) and "gained, 2 lost" in r.stdout, r.stdout)
    away = host_source(8080) + "namespace t { workload db { addr 10.9.0.7 label app=db } policy db for pods app=db { default deny {ingress, egress} } }"
    lab.apply(lab.source(away, "away.npc"))
    r = lab.apply(lab.source(away.replace("default deny {ingress, egress}", "default deny ingress"), "nearer.npc"), "--dry-run")
    expect(r.stdout == "0 connections gained, 0 lost\n", "another machine's policies are told as this one's:", r.stdout)
    lab.apply(lab.host(8080))
    expect("NPC604" in lab.apply(lab.host(8081), "--dry-run", "--failsafe", "none", want=1, env={"SSH_CONNECTION": SSH}).stderr)


ADDRESSES = """namespace t {{ workload web {{ addr {v4} label app=web }} {peers}
policy in for pods app=web {{ allow from {{pods app=db, cidr 10.9.1.0/24}} on tcp/80 }} }}"""
DB = "workload {} {{ addr {} label app=db }}"


@only("nft")
def apply_dry_run_by_address(lab):
    """Rules know others by their addresses: a peer that has others is opened and closed by them, and one that goes loses only what no CIDR allows."""
    def differ(before, after):
        source = lambda peers: lab.source(ADDRESSES.format(v4=V4, peers=" ".join(DB.format(*p) for p in peers)))
        lab.apply(source(before))
        return [line for line in lab.apply(source(after), "--dry-run").stdout.splitlines() if line[0] != " "]
    one = [("db", "10.9.2.1")]
    expect(differ(one, [("db", "203.0.113.7")]) == [
        "- t/db[10.9.2.1] -> t/web: tcp/80", "+ t/db[203.0.113.7] -> t/web: tcp/80", "1 connection gained, 1 lost"])
    none = ["0 connections gained, 0 lost"]
    expect(differ(one, [("db", "10.9.1.7")]) == ["- t/db[10.9.2.1] -> t/web: tcp/80", "0 connections gained, 1 lost"], "10.9.1.7 was allowed before")
    expect(differ([("db", "{10.9.1.7, fd00:9::7}")], []) == ["- t/db[fd00:9::7] -> t/web: tcp/80", "0 connections gained, 1 lost"])
    expect(differ([("db", "10.9.1.7")], []) == none, "allowed by a CIDR, and all the same")
    expect(differ([], [("db", "10.9.1.7")]) == none, "likewise")
    expect(differ(one, [("other", "10.9.2.1")]) == none, "the address has another name")
    expect(differ(one, [("db", "{10.9.2.1, 10.9.2.2}")]) == ["+ t/db[10.9.2.2] -> t/web: tcp/80", "1 connection gained, 0 lost"])
    two = [("a", "10.9.2.1"), ("b", "10.9.2.2")]
    expect(differ(two, [("a", "10.9.2.2"), ("b", "10.9.2.1")]) == none, "who has which address means nothing")


@only("nft")
def apply_dry_run_by_address_of_a_node(lab):
    """Of a node's pods, too: those are compared by name, and others by address."""
    def source(b, isolated=False):
        pods = [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "t", "labels": {"app": name}},
                 "spec": {"nodeName": node, "containers": []}, "status": {"phase": "Running", "podIP": ip}}
                for name, node, ip in (("a", "n1", "10.9.1.1"), ("b", "n2", b))]
        policy = lambda name, spec: {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name, "namespace": "t"},
                                     "spec": {"podSelector": {"matchLabels": {"app": name}}, **spec}}
        let_b_in = policy("a", {"ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "b"}}}], "ports": [{"port": 80}]}]})
        away = policy("b", {"policyTypes": ["Egress"]})
        return lab.source(json.dumps({"apiVersion": "v1", "kind": "List", "items": [*pods, let_b_in, *([away] if isolated else [])]}), "node.json")
    where = ("--node", "n1")
    lab.apply(source("10.9.1.2"), *where, host=False)
    show = lambda path: lab.apply(path, "--dry-run", *where, host=False).stdout
    expect(show(source("10.9.1.2", True)) == "0 connections gained, 0 lost\n")
    got = show(source("10.9.1.3"))
    expect("- t/b[10.9.1.2] -> t/a: tcp/80\n" in got and "+ t/b[10.9.1.3] -> t/a: tcp/80\n" in got and "1 connection gained, 1 lost" in got, got)


def apply_dry_run_without_a_record(lab):
    """What npc does not know is not told as nothing."""
    expect("no record" not in lab.apply(lab.host(8080), "--dry-run").stderr)
    lab.apply(lab.host(8080))
    expect("no record" not in lab.apply(lab.host(8081), "--dry-run").stderr)
    (lab.run_dir / "loaded").write_text("npc bundle 1\n")
    r = lab.apply(lab.host(8081), "--dry-run")
    expect("NPC708" in r.stderr and "compares with no rules at all" in r.stderr, r.stderr)
    (lab.run_dir / "loaded").unlink()
    expect("compares with no rules at all" in lab.apply(lab.host(8081), "--dry-run").stderr)


def owned(name, port, about="x"):
    """A policy with fields that npc keeps as raw text, of which one cannot be said in its language."""
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": "t", "finalizers": ["a/b"], "annotations": {"kubernetes.io/description": about},
                         "ownerReferences": [{"apiVersion": "v1", "kind": "X", "name": "x", "uid": 'u"""u'}]},
            "spec": {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"ports": [{"port": port}]}]}}


def cluster_policy(version, kind, **spec):
    return {"apiVersion": f"policy.networking.k8s.io/{version}", "kind": kind, "metadata": {"name": "x"},
            "spec": {**spec, "subject": {"namespaces": {}}, "ingress": [{"action": "Deny", "from": [{"namespaces": {}}]}]}}


def spoil_policies(path):
    """Leaves a file of npc apply's whole, with policies that are none."""
    text = path.read_bytes()
    at = re.search(rb"\npolicies \d+\n", text).end()
    text = text[:at] + b"{" + text[at + 1:text.rindex(b"sha256 64\n")]
    path.write_bytes(text + b"sha256 64\n" + hashlib.sha256(text).hexdigest().encode() + b"\n")


@only("nft")
def apply_record_is_read_again(lab):
    """What is kept of the policies is read again, also where no file may say it: raw text, cluster policies of two APIs with one name, and
    more than a file may hold. Where it cannot be read, a dry run fails."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "t", "labels": {"app": "web"}},
           "spec": {"containers": []}, "status": {"phase": "Running", "podIP": V4}}
    two = [cluster_policy("v1alpha1", "AdminNetworkPolicy", priority=1), cluster_policy("v1alpha2", "ClusterNetworkPolicy", priority=2, tier="Admin")]
    many = [owned(f"p{i}", 80, "x" * 1000) for i in range(5000)]
    source = lambda name, items: lab.source(json.dumps({"apiVersion": "v1", "kind": "List", "items": [pod, *items]}), name)
    for i, items in enumerate(([owned("p", 80)], [owned("p", 80), *two], many)):
        same, more = source(f"same-{i}.json", items), source(f"more-{i}.json", [*items, owned("new", 81)])
        lab.apply(same)
        r = lab.apply(same, "--dry-run")
        expect(r.stdout == "0 connections gained, 0 lost\n", i, r.stdout, r.stderr[-500:])
        r = lab.apply(more, "--dry-run")
        expect(re.search(r"^\+ .* -> t/web: tcp/81$", r.stdout, re.M), i, r.stdout, r.stderr[-500:])
    loaded = lab.run_dir / "loaded"
    size = int(re.search(rb"\npolicies (\d+)\n", loaded.read_bytes()).group(1))
    expect(size > 4 << 20, f"{size} bytes are too few to show anything")
    r = lab.call([NPC, "compile", "-t", "npc", "-o", str(lab.tmp / "large.npc"), same])
    expect(r.returncode == 0 and "NPC003" in r.stderr, "nothing is said of an output that npc will not read", r.stderr[-500:])
    spoil_policies(loaded)
    r = lab.apply(lab.host(8080), "--dry-run", want=3)
    expect("NPC709" in r.stderr and r.stdout == "", r.stdout, r.stderr)
    expect("NPC709" in lab.apply(lab.host(8080), "--kill-states").stderr)


@only("nft")
def apply_usage(lab):
    path = lab.host(8080)
    for args in (["--confirm", "x"], ["--confirm", "86401"], ["--confirm", "0"], ["--confirm", "30", "--confirm", "0"], ["--wait", "-1"], ["--allow-raw"], ["-t", "k8s"], ["--iptables", "x"]):
        r = lab.apply(path, *args, want=2)
        expect("error" in r.stderr, args, r.stderr)
    lab.apply(lab.source("namespace t { nonsense", "bad.npc"), want=2)
    lab.apply(path, "--expect-count", "7", want=2)
    expect(not list(lab.run_dir.glob("pending")))
    r = lab.call([NPC, "apply", "--state-dir", str(lab.tmp / "no" / "x"), "--run-dir", str(lab.run_dir), path])
    expect(r.returncode == 3 and "NPC001" in r.stderr, r)
    lab.run_dir.mkdir(exist_ok=True)
    (lab.run_dir / "pending").write_text("npc bundle 1\n")
    for r in (lab.apply(path, want=3), lab.verb("confirm", want=3), lab.verb("rollback", want=3)):
        expect("NPC709" in r.stderr, r.stderr)


@only("nft")
def apply_status_json(lab):
    expect(lab.status() == {"version": 1, "state": "none"}, lab.status())
    lab.verb("status", want=1)
    lab.apply(lab.host(8080))
    s = lab.status()
    expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", s.pop("since")), "since")
    want = {"version": 1, "state": "confirmed", "target": "nft", "variant": "", "scope": "host t/web", "inputs": [lab.host(8080)], "drift": [], "bridgeUnseen": False}
    expect(s == want, json.dumps(s))
    lab.verb("status")
    p = lab.start_pending(lab.host(8081), "20")
    expect(15 < lab.status()["secondsLeft"] <= 20, lab.status())
    lab.verb("status")
    lab.verb("rollback")
    expect(p.wait(SOON) == 1)
    (lab.run_dir / "loaded").write_text("npc bundle 1\n")
    expect(lab.state_is("damaged"))
    lab.apply(lab.host(8080))
    expect(lab.state_is("confirmed"))


@only("nft")
def apply_status_of_another_user(lab):
    """Who cannot read what npc wrote is told that, and nothing else."""
    lab.apply(lab.host(8080))
    os.chmod(lab.tmp, 0o755)
    nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    if subprocess.run([*nobody, "test", "-x", NPC], check=False).returncode:
        raise Skip("nobody else can run the program")
    for form in ("text", "json"):
        r = lab.call([*nobody, NPC, "status", "-o", form, *lab.places()])
        expect(r.returncode == 3 and r.stdout == "" and "NPC001" in r.stderr, r)


@only("nft")
def apply_status_shows_names(lab):
    """A file's name is no line and no colour of npc's."""
    name = "a\x1b[31m\nstate    none.npc"
    lab.apply(lab.host(8080, name=name))
    r = lab.verb("status")
    expect("\x1b" not in r.stdout and r.stdout.count("state ") == 2 and "\nstate    none" not in r.stdout, r.stdout)
    expect(lab.status()["inputs"][0].endswith(name))


def apply_twice_keeps_the_way_back(lab):
    """The same rules again are no others, at whatever time they were loaded."""
    lab.apply(lab.host(8080))
    first = lab.dump()
    lab.apply(lab.host(8081))
    time.sleep(1.1)  # the time is kept in seconds
    lab.apply(lab.host(8081))
    lab.verb("rollback")
    expect(lab.dump() == first, difference(first, lab.dump()))


def apply_rollback_to_the_previous(lab):
    """Without anything pending: back to what was confirmed before, and forth again."""
    lab.apply(lab.host(8080))
    r = lab.verb("rollback", want=1)
    expect("NPC710" in r.stderr, r.stderr)
    first = lab.dump()
    lab.apply(lab.host(8081, nets=SETS))
    second = lab.dump()
    lab.verb("rollback")
    expect(lab.dump() == first, difference(first, lab.dump()))
    lab.verb("status")
    lab.verb("rollback")
    expect(lab.dump() == second, difference(second, lab.dump()))


@only("iptables-nft", "iptables-legacy")
def apply_sets_come_and_go(lab):
    """Sets of older rules are destroyed once nothing uses them."""
    lab.apply(lab.host(8080, nets=SETS))
    expect(sh("ipset list -n").split(), "no set at all: the test shows nothing")
    one = lab.dump()
    lab.apply(lab.host(8081, nets=SETS + 1))
    lab.apply(lab.host(8080, nets=SETS))
    expect(lab.dump() == one, difference(one, lab.dump()))



def apply_log_rate(lab):
    """Whatever rate npc takes, the loaders take, and the kernel keeps no higher one."""
    for rate in (1, 5, 150, 3334, 5001, 9999, 10000):
        lab.apply(lab.host(8080), "--log", "--log-rate", str(rate))
        if lab.target != "nft":
            kept = [int(n) for save in lab.tables() for n in re.findall(r"--limit (\d+)/sec", sh(save))]
            expect(kept and max(kept) <= rate, rate, kept)


@only("nft", "iptables-nft")
def apply_without_standard_streams(lab):
    """Started with none of them, npc still gives its loaders theirs."""
    argv = " ".join(lab.apply_args(lab.host(8080)))
    lab.call(["sh", "-c", f"exec {argv} <&- >&- 2>&-"])
    expect(lab.verb("status").returncode == 0)


@long
@only("nft", "iptables-nft")
def apply_out_of_memory(lab):
    """Whatever it had begun is undone, also when the loaders have no memory either."""
    with open(NPC, "rb") as f:
        if b"__asan_init" in f.read():
            raise Skip("limits of memory mean nothing to AddressSanitizer")
    lab.apply(lab.host(8080))
    before = lab.dump()
    argv = " ".join(lab.apply_args(lab.host(8081)))
    failed = 0
    for kib in range(2000, 14000, 600):
        r = lab.call(["sh", "-c", f"ulimit -v {kib}; exec {argv}"])
        if r.returncode == 0:
            lab.verb("rollback")
        failed += r.returncode != 0
        until(lambda: not (lab.run_dir / "pending").exists(), SOON, "the way back is gone")
        expect(lab.dump() == before, f"with {kib} KiB:", difference(before, lab.dump()))
    expect(failed > 2, "memory never ran out")
