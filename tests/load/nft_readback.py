"""nft_readback.py FILE MAP JSON...: what nft lists (nft -nj list ruleset) against what was loaded.

Reads the number of rules of each chain, their comments, and the elements of each set from FILE line
by line, and compares them with every listing; MAP must count the same. nft 1.0.6 has been seen to
load other elements than the file's (backends/nft_priv.h, NFT_CHUNK): each one is compared.
"""
import collections
import json
import re
import sys

COMMENT = re.compile(r"^[A-Za-z0-9 ._/:@+,()\[\]?-]{1,128}$")
FAMILIES = ("ip", "ip6")
# What npc's file may hold beside rules and elements.
FRAME = re.compile(r"^(# .*|#|add table (ip|ip6|inet) npc|delete table (ip|ip6|inet) npc|)$")


def fail(why):
    print(why)
    sys.exit(1)


def read_file(path):
    """Rules per chain, elements per set, comments per chain, as the file's lines have them."""
    rules, elements, comments = {}, {}, collections.defaultdict(list)
    family = thing = None
    for number, line in enumerate(open(path, encoding="utf-8", newline="\n").read().split("\n"), 1):
        if line == "# raw text begins":  # the user's own: nft has read it, and npc's tables are as they are
            break
        words = line.split()
        depth = len(line) - len(line.lstrip("\t"))
        if re.match(r"^table (ip|ip6) npc \{\}?$", line):
            family, thing = words[1], None
        elif line == "}":
            family = None
        elif re.match(r"^add element (ip|ip6) npc \S+ \{$", line):
            family, thing = words[2], ("set", (words[2], words[4]))
        elif re.match(r"^add chain (ip|ip6) npc npc_is_[0-9a-f]{16}$", line):
            rules[words[2], words[4]] = 0
        elif family is None:
            if not FRAME.match(line):
                fail(f"line {number} is no line of npc's: {line!r}")
        elif depth == 1 and words and words[0] in ("set", "map", "chain") and words[2:] == ["{"]:
            thing = (words[0], (family, words[1]))
            if words[0] == "chain":
                rules[family, words[1]] = 0
            else:
                elements[family, words[1]] = []
        elif depth == 1 and words and words[0] not in ("}", "#"):
            fail(f"line {number}: {line!r}")
        elif depth == 2 and thing and thing[0] == "chain" and words[0] != "type":
            rules[thing[1]] += 1
            comment = re.search(r' comment "([^"]*)"$', line)
            if line.count('"') not in ((4, 2) if "ifname" in line else (2,) if comment else (0,)):
                fail(f"line {number} has quotes out of place: {line!r}")
            comments[thing[1]].append(comment.group(1) if comment else None)
        elif depth == 3:
            elements[thing[1]] += [e.strip() for e in line.split(",") if e.strip()]
    return rules, elements, comments


def element_text(e):
    """An element of nft's JSON as the file writes it."""
    if isinstance(e, list):
        return f"{element_text(e[0])} : {element_text(e[1])}"
    if not isinstance(e, dict):
        return str(e)
    (kind, o), = e.items()
    if kind == "concat":
        return " . ".join(element_text(x) for x in o)
    if kind == "range":
        return f"{o[0]}-{o[1]}"
    if kind == "prefix":
        return f"{o['addr']}/{o['len']}"
    if kind in ("goto", "jump"):
        return f"{kind} {o['target']}"
    return json.dumps(e)


def read_listing(path):
    """The same from nft's own listing, and the whole listing without what differs by chance."""
    rules, elements, comments = {}, {}, collections.defaultdict(list)
    whole = []
    for item in json.load(open(path, encoding="utf-8"))["nftables"]:
        (kind, o), = item.items()
        o = {k: v for k, v in o.items() if k != "handle"}
        if "elem" in o:  # hash sets are listed in an order of their own
            o["elem"] = sorted(o["elem"], key=json.dumps)
        if kind != "metainfo":
            whole.append((kind, o))
        if o.get("family") not in FAMILIES or (o.get("table") or o.get("name")) != "npc":
            continue
        if kind == "chain":
            rules[o["family"], o["name"]] = 0
        elif kind in ("set", "map"):
            elements[o["family"], o["name"]] = [element_text(e) for e in o.get("elem", [])]
        elif kind == "rule":
            rules[o["family"], o["chain"]] += 1
            comments[o["family"], o["chain"]].append(o.get("comment"))
    return rules, elements, comments, sorted(whole, key=json.dumps)


def read_map(path):
    data = json.load(open(path, encoding="utf-8"))
    return {(t["family"], s["name"]): s["elements"] for t in data["tables"] for s in t["sets"]}


def main():
    path, side, *listings = sys.argv[1:]
    rules, elements, comments = read_file(path)
    elements = {name: sorted(e) for name, e in elements.items()}
    whole = None
    for listing in listings:
        got = read_listing(listing)
        for name, e in got[1].items():
            e.sort()
        for name, want, have in (("rules", rules, got[0]), ("elements", elements, got[1]),
                                 ("comments", dict(comments), dict(got[2]))):
            if want != have:
                differ = [k for k in {**want, **have} if want.get(k) != have.get(k)]
                fail(f"{name} of {differ[0]} differ: {str(want.get(differ[0]))[:400]} in the file, "
                     f"{str(have.get(differ[0]))[:400]} in the kernel")
        if whole is not None and whole != got[3]:
            fail("the second load changed something")
        whole = got[3]
    for chain, list_ in comments.items():
        for comment in list_:
            if comment is not None and not COMMENT.match(comment):
                fail(f"a comment of {chain}: {comment!r}")
    if read_map(side) != {name: len(e) for name, e in elements.items()}:
        fail("the side file counts other elements")


main()
