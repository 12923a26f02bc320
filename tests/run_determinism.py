#!/usr/bin/env python3
# test: once (it takes the other builds itself)
"""Determinism: the same input gives the same bytes, whatever the order of arguments and of files on
disk, the locale, the time zone, the memory layout, the compiler and its optimisation.

NPC_VARIANTS names further builds of the program, separated by blanks; scripts/test.sh sets it. A
Turkish locale is made here with localedef if the system has none.
"""
import hashlib
import os
import random
import shutil
import subprocess
import sys

from pylib import gen_policies as gen
from pylib import kubewrite
from pylib.npctest import SRC, Suite

TARGETS = ("k8s", "calico", "npc", "json", "nft", "iptables")


def turkish(suite):
    """An environment in which tolower("I") is a dotless i, if there can be one."""
    if "tr_TR.utf8" in subprocess.run(["locale", "-a"], stdout=subprocess.PIPE, check=False).stdout.decode():
        return {"LC_ALL": "tr_TR.UTF-8"}
    if shutil.which("localedef") and os.path.exists("/usr/share/i18n/locales/tr_TR"):
        path = suite.scratch("locale")
        r = subprocess.run(["localedef", "-i", "tr_TR", "-f", "UTF-8", str(path / "tr_TR.UTF-8")], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
        if (path / "tr_TR.UTF-8").is_dir():
            assert r.returncode in (0, 1)
            return {"LC_ALL": "tr_TR.UTF-8", "LOCPATH": str(path)}
    return None


def world(suite):
    """A directory of policies and inventory in both languages, over many files."""
    r = random.Random(suite.args.seed)
    d = suite.scratch("world")
    namespaced = [o for o in (gen.network_policy(r, i) for i in range(400)) if "finalizers" not in o["metadata"]]
    files = {}
    for i in range(0, len(namespaced), 40):
        files[f"p{i:03d}.yaml"] = kubewrite.to_yaml(namespaced[i:i + 40])
    files["i/İ-title.json"] = kubewrite.to_json_list([{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"I-i-{i}".lower(), "namespace": f"ns-{i % 7}", "labels": {"I": "i", "app": f"a{i % 5}"}},
                                                    "spec": {"nodeName": "n", "containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 80 + i % 3}]}]},
                                                    "status": {"podIPs": [{"ip": f"10.1.{i >> 8}.{i & 255}"}, {"ip": f"fd00::{i:x}"}]}} for i in range(300)], True)
    files["n/a.npc"] = "namespace {" + ", ".join(f"ns-{i}" for i in range(7)) + """} {
  policy web for pods app in {a1, a2} { allow from {pods app=a3, cidr 10.0.0.0/8 except {10.1.0.0/24}} on {tcp/http, udp/53, tcp/8000-9000} allow to internet on tcp/443 allow to dns }
}
let office = {cidr 203.0.113.0/24, cidr 2001:db8::/32}
namespace ns-1 { policy office for all pods { allow from office on all ports } }
"""
    return d, files


def write(d, files, order):
    d.mkdir(parents=True, exist_ok=True)
    for name in order:
        path = d / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[name], encoding="utf-8")


def output(suite, target, args, cwd, npc=None, env=None, prefix=()):
    """A digest of all that one compile writes, diagnostics included."""
    out = suite.scratch("out") / "o"
    argv = [*prefix, npc or suite.npc, "compile", "-t", target, "-o", str(out), *args]
    full = {**os.environ, **(env or {})}
    r = subprocess.run(argv, cwd=cwd, env=full, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    h = hashlib.sha256(f"{r.returncode}\n".encode() + r.stderr.replace(str(out).encode(), b"OUT"))
    for root, dirs, files in os.walk(out.parent):
        dirs.sort()
        for f in sorted(files):
            with open(os.path.join(root, f), "rb") as g:
                h.update(f.encode() + b"\0" + g.read() + b"\0")
    return r.returncode, h.hexdigest(), r.stderr


def main():
    suite = Suite(__doc__)
    d, files = world(suite)
    names = sorted(files)
    write(d / "w", files, names)
    locale = turkish(suite)
    variants = [v for v in os.environ.get("NPC_VARIANTS", "").split() if os.path.abspath(v) != suite.npc]
    for target in TARGETS:
        status, want, err = output(suite, target, names, d / "w")
        if not suite.check(f"determinism/{target}-compiles", "" if status == 0 else f"status {status}\n{err.decode(errors='replace')[:1000]}"):
            continue

        def same(name, *args, want=want, target=target, **kw):
            _, got, e = output(suite, target, *args, **kw)
            suite.check(f"determinism/{target}-{name}", "" if got == want else f"other bytes\n{e.decode(errors='replace')[:500]}")

        r = random.Random(7)
        for i in range(3 if suite.short else 10):
            order = names[:]
            r.shuffle(order)
            same(f"arguments-{i}", order, d / "w")
        for i in range(2):  # files made in another order lie in another order in their directory
            order = names[:]
            r.shuffle(order)
            write(d / f"w{i}", files, order)
            same(f"files-{i}", names, d / f"w{i}")
        for args in (names * 2,):
            same("each-file-twice", args, d / "w")
        if locale:
            same("turkish", names, d / "w", env=locale)
        else:
            suite.skip(f"determinism/{target}-turkish", "no locale tr_TR.UTF-8")
        same("time-zone", names, d / "w", env={"TZ": "Pacific/Kiritimati"})
        same("bare-environment", names, d / "w", prefix=("env", "-i"))
        if shutil.which("setarch") and subprocess.run(["setarch", "-R", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
            same("no-aslr", names, d / "w", prefix=("setarch", "-R"))
        else:
            suite.skip(f"determinism/{target}-no-aslr", "setarch -R is not permitted")
        for i in range(3):
            same(f"again-{i}", names, d / "w")
        for v in variants:
            same("variant-" + os.path.basename(os.path.dirname(v)), names, d / "w", npc=v)
        # A directory is the same program as its files.
        _, dir_hash, _ = output(suite, target, ["."], d / "w")
        for i in range(2):
            _, got, _ = output(suite, target, ["."], d / f"w{i}")
            suite.check(f"determinism/{target}-directory-{i}", "" if got == dir_hash else "other bytes for the same directory")
    golden(suite, variants)
    return suite.finish()


def golden(suite, variants):
    """Every golden case by every build."""
    for v in variants:
        bad = []
        for path in sorted(p.parent for p in (SRC / "golden").glob("*/*/in.*")):
            source = next(p.name for p in sorted(path.glob("in.*")))
            args = path / "args"
            more = args.read_text().split("\n")[:-1] if args.exists() else []
            for target in TARGETS[:5]:
                a, b = (suite.run("compile", "-t", target, *more, source, cwd=path, npc=npc) for npc in (suite.npc, v))
                if (a.status, a.out, a.err) != (b.status, b.out, b.err):
                    bad.append(f"{path.name} -t {target}")
        suite.check("determinism/golden-" + os.path.basename(os.path.dirname(v)), "\n".join(bad))


if __name__ == "__main__":
    sys.exit(main())
