#!/usr/bin/env python3
"""Mutation testing of the semantic core: one small fault at a time is put into a source file, and the
tests must notice.

    mutate.py [--all | --sample N] [--seed N] [--jobs N] [--dir DIR] [--again] [--open] [--quick] [FILE...]
    mutate.py --list [FILE...]     the mutants, without running anything
    mutate.py --check              whether mutate.equivalent still fits the sources

FILE: sources of CORE below, as they are named from the root of the tree; default: all.

A mutant is a changed operator, constant, condition, statement, member or pair of arguments (MUTATORS). How
they are built and which tests are run until one fails, mutate_run.py says. A mutant that does not compile
is not counted, nor one whose code is the original's, or another mutant's.

What survives is printed with its place, and must be listed in mutate.equivalent, beside this script, with
the reason why no test can tell it from the original. There it is known by its text, not by its line: a
listed mutant that is killed, or whose text is gone, is an error as well. Exit status: 0 if all is as
listed. --again trusts what an earlier run in the same DIR has killed, and runs only the others.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import pathlib
import random
import re
import sys
import threading
import time

from mutate_run import SRC, Hunt, Tree
LIST = SRC / "scripts" / "mutate.equivalent"

CORE = """
    ir/selector.c ir/cover.c ir/addr.c ir/ipset.c ir/ports.c ir/sweep.c ir/tiers.c ir/normal.c ir/intern.c
    ir/bind.c ir/bind_match.c ir/bind_targets.c ir/bind_peers.c ir/bind_grants.c ir/bind_tiers.c
    analysis/verdict.c analysis/traffic.c analysis/world.c analysis/world_flows.c analysis/world_nets.c
    analysis/world_open.c analysis/world_rows.c
    backends/nft_class.c backends/nft_nets.c backends/nft_part.c backends/nft_ports.c backends/nft_rules.c
    backends/nft_shared.c backends/nft_masks.c backends/nft_union.c
    backends/ipt_atoms.c backends/ipt_chains.c backends/ipt_class.c backends/ipt_dispatch.c backends/ipt_nets.c
    backends/ipt_pairs.c backends/ipt_side.c backends/ipt_tree.c backends/ipt_walk.c
""".split()

# ---- what is mutated ----

# Functions of these files that make text for people are not the core: golden cases hold their bytes.
PRINTING = re.compile(r"print|_text$|_name$|_upper$|report|explode|fault")

TOKEN = re.compile(r"""(?P<skip>/\*.*?\*/|//[^\n]*|\s+|^\#(?:[^\n\\]|\\.)*)
    |(?P<string>"(?:[^"\\\n]|\\.)*")|(?P<char>'(?:[^'\\\n]|\\.)*')
    |(?P<number>\d[\w.]*)|(?P<name>[A-Za-z_]\w*)
    |(?P<op><<=|>>=|\.\.\.|->|\+\+|--|<<|>>|[<>=!+\-*/%&|^]=|&&|\|\||.)""", re.X | re.M | re.S)

Token = collections.namedtuple("Token", "kind text at")

# By operator, if it stands between blanks, which is how clang-format tells the binary ones apart.
BINARY = {"<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"], "==": ["!="], "!=": ["=="],
          "&&": ["||"], "||": ["&&"], "+": ["-"], "-": ["+"], "*": ["+"], "/": ["*"], "%": ["/"],
          "&": ["|"], "|": ["&"], "^": ["&"], "<<": [">>"], ">>": ["<<"],
          "+=": ["-="], "-=": ["+="], "|=": ["&=", "="], "&=": ["|=", "="], "<<=": [">>="], ">>=": ["<<="]}
TIGHT = {"++": "--", "--": "++"}
NAMES = dict(pair for a, b in [
    ("true", "false"), ("FAM_IP4", "FAM_IP6"), ("DIR_INGRESS", "DIR_EGRESS"), ("SIDE_NS", "SIDE_POD"),
    ("PROTO_ICMP", "PROTO_ICMP6"), ("PROTO_TCP", "PROTO_UDP"), ("SEL_EXISTS", "SEL_ABSENT"), ("SEL_IN", "SEL_NOTIN"),
    ("ACT_ALLOW", "ACT_DENY"), ("break", "continue")] for pair in ((a, b), (b, a)))
MEMBERS = dict(pair for a, b in [("first", "last"), ("hi", "lo"), ("ns", "pods"), ("source", "destination"),
                                 ("allowed", "open"), ("classes", "nets")] for pair in ((a, b), (b, a)))


class Mutant:
    def __init__(self, source, start, end, new, label):
        self.source, self.start, self.end, self.new = source, start, end, new
        self.file = source.name
        self.line = source.text.count("\n", 0, start) + 1
        body = source.body_at(start)
        self.function = body[2] if body else "-"
        self.shown = source.lines[self.line - 1].strip()
        self.label = label

    @property
    def text(self):
        return self.source.text[:self.start] + self.new + self.source.text[self.end:]

    @property
    def key(self):
        return self.file, self.function, self.shown, self.label

    def __str__(self):
        return f"{self.file}:{self.line}: {self.function}: {self.shown}   [{self.label}]"


class Source:
    def __init__(self, name):
        self.name = name
        self.place = CORE.index(name)
        self.text = (SRC / name).read_text()
        self.lines = self.text.split("\n")
        self.tokens = [Token(m.lastgroup, m.group(), m.start()) for m in TOKEN.finditer(self.text)
                       if m.lastgroup != "skip"]
        self.bodies = self._bodies()
        self.parens, depth = [], 0  # how many are open before each token
        for t in self.tokens:
            self.parens.append(depth)
            depth += (t.text == "(") - (t.text == ")")

    def _bodies(self):
        """[(first, last token, name)] of what stands between braces at the top: functions, and types and
        tables with their names."""
        found, name, i = [], "", 0
        while i < len(self.tokens):
            t, k = self.tokens[i], i
            if t.text == "(":
                k = self.closing(i)
            elif t.text == "{":
                k = self.closing(i)
                found.append((i, k, name))
            elif t.text == "=":
                while self.tokens[k].text != ";":
                    k = (self.closing(k) if self.tokens[k].text in ("{", "(", "[") else k) + 1
                found.append((i, k, name))
            elif t.kind == "name" and i + 1 < len(self.tokens) and self.tokens[i + 1].text in ("(", "[", "=", "{"):
                name = t.text
            i = k + 1
        return found

    def body_at(self, at):
        for first, last, name in self.bodies:
            if self.tokens[first].at <= at <= self.tokens[last].at:
                return first, last, name
        return None

    def function_around(self, at):
        """The body of the function that a place is in; None: it is in none."""
        body = self.body_at(at)
        return body if body and self.tokens[body[0] - 1].text == ")" else None

    def header(self, body):
        """Where a function begins, its name stands, and it ends."""
        i = body[0] - 1
        while i > 0 and self.tokens[i - 1].text not in (";", "}"):
            i -= 1
        name = next(t for t, after in zip(self.tokens[i:], self.tokens[i + 1:]) if t.text == body[2] and after.text == "(")
        return self.tokens[i].at, name.at, self.tokens[body[1]].at + 1

    def mutants(self):
        """All mutants, in the order of their places."""
        found = []
        for first, last, name in self.bodies:
            if PRINTING.search(name):
                continue
            for i in range(first + 1, last):
                for mutator in MUTATORS:
                    found += mutator(self, i)
        # An identical place (same line text, same function) is told apart by its number.
        seen = collections.Counter()
        for m in sorted(found, key=lambda m: (m.start, m.end, m.label)):
            seen[m.key] += 1
            if seen[m.key] > 1:
                m.label += f" #{seen[m.key]}"
            yield m

    # ---- helpers of mutators ----

    def change(self, i, new):
        """Token i becomes `new`."""
        t = self.tokens[i]
        return Mutant(self, t.at, t.at + len(t.text), new, f"{t.text} -> {new or 'nothing'}{self._nth(i)}")

    def _nth(self, i):
        """Which of several equal tokens of a line it is."""
        line = self.text.rfind("\n", 0, self.tokens[i].at)
        n = 1
        for t in reversed(self.tokens[:i]):
            if t.at <= line:
                break
            n += t.text == self.tokens[i].text
        return f", {n}" if n > 1 else ""

    def closing(self, i):
        """The token that closes the bracket at i."""
        depth = 0
        for k in range(i, len(self.tokens)):
            depth += self.tokens[k].text in ("(", "[", "{")
            depth -= self.tokens[k].text in (")", "]", "}")
            if depth == 0:
                return k
        raise ValueError(f"{self.name}: a bracket stays open")

    def span(self, i, k):
        return self.tokens[i].at, self.tokens[k].at + len(self.tokens[k].text)

    def in_loop_head(self, i):
        """Whether a token stands in the parentheses of a `for`."""
        while self.parens[i] > 0:
            depth = self.parens[i]
            while self.parens[i] >= depth:
                i -= 1
            if self.tokens[i - 1].text == "for":
                return True
        return False

    def between_blanks(self, i):
        start, end = self.span(i, i)
        return self.text[start - 1] in " \n" and self.text[end] in " \n"


def is_sort_guard(s, i):
    """`if (n > 1) { qsort(…) }`, which keeps a null pointer from qsort: sorting one thing is nothing."""
    end = s.text.find("\n", s.tokens[i].at)
    return re.match(r"\s*qsort\(", s.text[end:end + 80]) is not None


def is_three_way(s, i):
    """`(a > b) - (a < b)` of a comparison for qsort: what equal things give is no order."""
    start, end = s.text.rfind("\n", 0, s.tokens[i].at), s.text.find("\n", s.tokens[i].at)
    return re.search(r"\) - \(", s.text[start:end]) is not None


def mutate_operator(s, i):
    t = s.tokens[i]
    if is_sort_guard(s, i):
        return []
    if t.kind == "op" and t.text in BINARY and s.between_blanks(i):
        if t.text in ("<", ">") and is_three_way(s, i):
            return [s.change(i, BINARY[t.text][1])]
        few = t.text[0] in "<>" and s.in_loop_head(i)  # loops that never run, or never end, tell little
        return [s.change(i, new) for new in BINARY[t.text][:1 if few else None]]
    if t.text in TIGHT and not s.in_loop_head(i):
        return [s.change(i, TIGHT[t.text])]
    return []


def mutate_constant(s, i):
    t = s.tokens[i]
    if t.kind != "number" or is_sort_guard(s, i):
        return []
    m = re.fullmatch(r"(0x[0-9a-fA-F]+|\d+)([uUlL]*)", t.text)
    if m is None or (s.tokens[i - 1].text == "{" and t.text == "0"):  # {0}: all is zero
        return []
    value = int(m[1], 0)
    return [s.change(i, f"{n}{m[2]}") for n in (value - 1, value + 1) if n >= 0]


def mutate_name(s, i):
    t = s.tokens[i]
    before = s.tokens[i - 1].text
    if t.kind == "name" and t.text in NAMES and before != "case":
        return [s.change(i, NAMES[t.text])]
    if t.kind == "name" and t.text in MEMBERS and before in (".", "->"):
        return [s.change(i, MEMBERS[t.text])]
    return []


def mutate_negation(s, i):
    t = s.tokens[i]
    if t.text == "!":
        return [s.change(i, "")]
    if t.text in ("if", "while") and s.tokens[i + 1].text == "(":
        k = s.closing(i + 1)
        start, end = s.span(i + 1, k)
        return [Mutant(s, start, end, f"(!{s.text[start:end]})", f"{t.text} -> {t.text} not")]
    return []


STATEMENT_ENDS = {";", "{", "}", ")", ":", "else"}


def mutate_statement(s, i):
    """A statement that is no declaration is left out."""
    t = s.tokens[i]
    if t.kind != "name" or s.parens[i] > 0 or s.tokens[i - 1].text not in STATEMENT_ENDS:
        return []
    if s.tokens[i - 1].text == ":" and s.text[s.tokens[i - 1].at + 1] != "\n":
        return []  # of ?:, not of a case
    if s.tokens[i - 1].text == ")" and not s.tokens[i - 1].at < s.text.rfind("\n", 0, t.at):
        return []
    if t.text in ("if", "for", "while", "switch", "do", "else", "case", "static", "const", "struct", "enum", "goto",
                  "VEC"):
        return []
    second = s.tokens[i + 1]
    if second.kind == "name" and t.text != "return" or (second.text == "*" and t.text not in ("return",)):
        return []  # a declaration
    k = i
    while s.tokens[k].text != ";":
        if s.tokens[k].text in ("(", "[", "{"):
            k = s.closing(k)
        elif s.tokens[k].text in ("}", ":"):
            if t.text != "return" and s.tokens[k].text == ":" and k == i + 1:
                return []  # a label
            if s.tokens[k].text == "}":
                return []  # within an initializer
        k += 1
        if k >= len(s.tokens):
            return []
    start, end = s.span(i, k)
    if t.text == "return" and s.text[end:end + 2] == "\n}":
        return []  # a function must return
    return [Mutant(s, start, end, re.sub(r"[^\n]", "", s.text[start:end]) + ";", "left out")]


# Functions that do not ask in which order their arguments come.
SYMMETRIC = {"str_eq", "ipset_eq", "portset_eq", "ipset_union", "ipset_intersect", "portset_union", "portset_intersect",
             "traffic_union", "traffic_intersect"}


def is_symmetric(s, i, last):
    return s.tokens[i].text in SYMMETRIC or (re.search(r"_cmp$|^compare_", s.tokens[i].text)
                                             and s.tokens[last + 1].text in ("==", "!="))


def mutate_arguments(s, i):
    """Two neighbouring arguments of a call change places."""
    if s.tokens[i].kind != "name" or s.tokens[i + 1].text != "(" or s.tokens[i].text in ("if", "while", "for", "switch"):
        return []
    last = s.closing(i + 1)
    starts, k = [i + 2], i + 2
    while k < last:
        if s.tokens[k].text in ("(", "[", "{"):
            k = s.closing(k)
        elif s.tokens[k].text == ",":
            starts.append(k + 1)
        k += 1
    ends = [k - 2 for k in starts[1:]] + [last - 1]
    out = []
    for n in range(0 if is_symmetric(s, i, last) else len(starts) - 1):
        a, b = s.span(starts[n], ends[n]), s.span(starts[n + 1], ends[n + 1])
        first, second = s.text[a[0]:a[1]], s.text[b[0]:b[1]]
        if first != second and not any(c in first + second for c in "\"{\n"):
            new = second + s.text[a[1]:b[0]] + first
            out.append(Mutant(s, a[0], b[1], new, f"{first}, {second} -> {second}, {first}"))
    return out


MUTATORS = [mutate_operator, mutate_constant, mutate_name, mutate_negation, mutate_statement, mutate_arguments]

# ---- the list of equivalent mutants ----

def read_list():
    """{key of a mutant: reason}. Blocks of lines, blank lines between them:

        FILE FUNCTION
            the line of the source
            - LABEL            one or more
            = why no test can see them
    """
    found = {}
    place = line = labels = None
    for number, text in enumerate(LIST.read_text().splitlines() if LIST.exists() else [], 1):
        word = text.strip()
        if not word or text.startswith("#"):
            continue
        if not text.startswith(" "):
            place, line, labels = tuple(text.split()), None, []
        elif line is None and not word.startswith(("- ", "= ")):
            line, labels = word, []
        elif word.startswith("- ") and line is not None:
            labels.append(word[2:])
        elif word.startswith("= ") and line is not None and len(place) == 2 and labels:
            for label in labels:
                if (*place, line, label) in found:
                    sys.exit(f"{LIST.name}:{number}: listed twice")
                found[(*place, line, label)] = word[2:]
            line, labels = None, []
        else:
            sys.exit(f"{LIST.name}:{number}: cannot be read")
    return found


def check_list(listed, mutants):
    """Entries whose mutant does not exist any more."""
    there = {m.key for m in mutants}
    files = {m.file for m in mutants}
    return [f"{LIST.name}: gone: {k[0]} {k[1]}: {k[2]}   [{k[3]}]" for k in listed if k[0] in files and k not in there]


# ---- the whole ----

def choose(mutants, options):
    if options.all:
        return mutants
    rng = random.Random(options.seed)
    return sorted(rng.sample(mutants, min(options.sample, len(mutants))), key=lambda m: (m.file, m.start))


def report(results, listed):
    """Prints the table and what is wrong; returns the number of problems."""
    table = collections.defaultdict(collections.Counter)
    problems = []
    for mutant, (fate, _) in results:
        explained = mutant.key in listed
        table[mutant.file]["equivalent" if explained and fate == "survived" else fate] += 1
        if fate == "survived" and not explained:
            problems.append(f"survived: {mutant}")
        elif fate == "killed" and explained:
            problems.append(f"{LIST.name}: killed, so it is not equivalent: {mutant}")
    columns = ("killed", "survived", "equivalent", "same")
    print(f"{'file':28}{'mutants':>9}" + "".join(f"{c:>12}" for c in columns))
    total = collections.Counter()
    for name in list(table) + ["all"]:
        row = table[name] if name != "all" else total
        count = sum(row[c] for c in columns)
        print(f"{name:28}{count:9}" + "".join(f"{row[c]:12}" for c in columns))
        if name != "all":
            total += row
    print("same: compiled to the code of the original, or of another mutant; not run")
    for problem in problems:
        print(problem)
    return len(problems)


class Log:
    """Fates, as they come; those of an earlier run are known by the text of the mutated line's function."""

    def __init__(self, path, again):
        self.known, self.lock = {}, threading.Lock()
        if again and path.exists():
            self.known = {r["id"]: (r["fate"], r["by"]) for r in map(json.loads, path.read_text().splitlines())
                          if r["fate"] != "survived"}
        self.file = path.open("a" if again else "w")
        self.results, self.began = [], time.monotonic()

    @staticmethod
    def id(m):
        first, last, _ = m.source.body_at(m.start)
        start, end = m.source.tokens[first].at, m.source.tokens[last].at
        return hashlib.sha256(f"{m.key}\0{m.source.text[start:m.start]}{m.new}{m.source.text[m.end:end]}".encode()).hexdigest()

    def add(self, mutant, fate):
        with self.lock:
            self.results.append((mutant, fate))
            if self.id(mutant) not in self.known:
                print(json.dumps({"id": self.id(mutant), "fate": fate[0], "by": fate[1], "mutant": str(mutant)}),
                      file=self.file, flush=True)
            if len(self.results) % 100 == 0:
                print(f"{len(self.results)} done, {time.monotonic() - self.began:.0f} s", flush=True)


def hunt_all(options, sources, chosen):
    """[(mutant, fate)] of all that are chosen."""
    options.dir.mkdir(parents=True, exist_ok=True)
    tree = Tree(options.dir.resolve(), options.jobs)
    print(f"building in {tree.dir}", flush=True)
    tree.make()
    log = Log(tree.dir / "log.jsonl", options.again)
    for m in chosen:
        if log.id(m) in log.known:
            log.add(m, log.known[log.id(m)])
    hunt = Hunt(tree, options.quick, sources, [m for m in chosen if log.id(m) not in log.known])
    hunt.compile()
    hunt.measure()
    print("\n".join(f"{k.seconds:7.2f} s  {k.name}" for k in hunt.killers), flush=True)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(lambda name: hunt.hunt(name, log.add), hunt.chosen))
    return sorted(log.results, key=lambda r: (r[0].file, r[0].start))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="every mutant")
    parser.add_argument("--sample", type=int, default=100, metavar="N", help="N mutants, chosen by the seed (100)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--dir", type=pathlib.Path, default=SRC / "build" / "mutate", help="where to build and work")
    parser.add_argument("--again", action="store_true", help="only what the last run in DIR did not kill")
    parser.add_argument("--quick", action="store_true", help="unit tests only, with few random cases: more survives than must")
    parser.add_argument("--open", action="store_true", help="only what is not explained")
    parser.add_argument("--list", action="store_true", help="print the mutants")
    parser.add_argument("--check", action="store_true", help="check the list of equivalent mutants")
    parser.add_argument("files", nargs="*", default=CORE, metavar="FILE")
    options = parser.parse_args()
    unknown = [f for f in options.files if f not in CORE]
    if unknown:
        parser.error(f"not of the core: {', '.join(unknown)}")
    sources = {f: Source(f) for f in options.files}
    mutants = [m for s in sources.values() for m in s.mutants()]
    listed = read_list()
    problems = check_list(listed, mutants)
    if options.list or options.check:
        print("\n".join(str(m) for m in mutants) if options.list else f"{len(mutants)} mutants, {len(listed)} explained")
        print("\n".join(problems), end="\n" if problems else "")
        return 1 if problems else 0

    if options.open:
        mutants = [m for m in mutants if m.key not in listed]
    results = hunt_all(options, sources, choose(mutants, options))
    wrong = report(results, listed) + len(problems)
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
