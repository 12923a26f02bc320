"""Loads rules into a network namespace of its own and reads them back as the kernel has them."""
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

# iptables-legacy wants a lock file that it can write, and without -t its -save needs a file of /proc that a user namespace may not read.
_SCRIPT_NFT = 'set -e; nft -f "$1"; nft -f "$1"; nft -j list ruleset'
_SCRIPT_IPT = ('set -e; export XTABLES_LOCKFILE="$1/lock"; for i in 1 2; do ipset restore -exist <"$1/ipsets"; "$2" --noflush <"$1/rules.v4"; '
               '"$3" --noflush <"$1/rules.v6"; done; echo "== v4"; "$4" -t filter; echo "== v6"; "$5" -t filter; echo "== sets"; ipset save')


def _unshare():
    return ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]


def available(tool):
    """Why kernel tests cannot run here, or an empty string."""
    for name in ("unshare", tool):
        if not shutil.which(name) and not os.path.exists("/usr/sbin/" + name):
            return f"no {name}"
    probe = "nft list ruleset" if tool == "nft" else "iptables-save; ipset list -n"
    r = subprocess.run(_unshare() + ["sh", "-c", probe], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return "" if r.returncode == 0 else "no network namespaces: " + r.stderr.decode(errors="replace").strip()[:100]


def load_nft(path):
    """Loads a file twice; (error, the ruleset as nft's JSON)."""
    r = subprocess.run(_unshare() + ["sh", "-c", _SCRIPT_NFT, "sh", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
    if r.returncode:
        return r.stderr.decode(errors="replace")[:1000] or f"status {r.returncode}", None
    return "", json.loads(r.stdout)["nftables"]


def _lost(directory, parts):
    """What a directory has and its readback has not, or an empty string: chains, sets, and how many rules and elements."""
    for part, name, mark, word in (("v4", "rules.v4", ":", 0), ("v6", "rules.v6", ":", 0), ("sets", "ipsets", "swap ", 2)):
        written = (directory / name).read_text().splitlines()
        read = parts.get(part, [])
        chains = {line.split(" ")[word].lstrip(":") for line in written if line.startswith(mark)}
        seen = {line.split(" ")[1 if part == "sets" else 0].lstrip(":") for line in read if line.startswith((":", "create "))}
        if chains - seen:
            return f"{part}: not read back: {sorted(chains - seen)[:3]}"
        many = [sum(line.startswith(("-A", "add ")) for line in lines) for lines in (written, read)]
        if many[0] != many[1]:
            return f"{part}: {many[0]} rules or elements were loaded, {many[1]} read back"
    return ""


def load_iptables(directory, legacy=False):
    """Loads a directory twice; (error, {"v4": lines, "v6": lines, "sets": lines}). That something of it is not read back is an error."""
    kind = "-legacy" if legacy else "-nft"
    names = [f"iptables{kind}-restore", f"ip6tables{kind}-restore", f"iptables{kind}-save", f"ip6tables{kind}-save"]
    r = subprocess.run(_unshare() + ["sh", "-c", _SCRIPT_IPT, "sh", str(directory), *names], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       timeout=120, check=False)
    if r.returncode:
        return r.stderr.decode(errors="replace")[:1000] or f"status {r.returncode}", None
    parts = re.split(r"^== (v4|v6|sets)\n", r.stdout.decode("utf-8", "surrogateescape"), flags=re.M)[1:]
    parts = {k: v.splitlines() for k, v in zip(parts[::2], parts[1::2])}
    lost = _lost(Path(directory), parts)
    return lost, None if lost else parts
