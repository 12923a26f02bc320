#!/usr/bin/env python3
"""Mutation testing of the semantic core: one small fault at a time is put into a source file, and the
tests must notice.

    mutate.py [--all | --sample N] [--seed N] [--jobs N] [--dir DIR] [--again] [--quick] [FILE...]
    mutate.py --list [FILE...]     the mutants, without running anything
    mutate.py --check              whether mutate.equivalent still fits the sources

FILE: sources as they are named from the root of the tree; default: those of CORE below.

A mutant is a changed operator, constant, condition, statement, member or pair of arguments (MUTATORS). It
is compiled alone, as a library that is found before the one that holds everything (so nothing else is
linked again), and the killers (KILLERS) are run until one fails. A mutant that does not compile is not
counted, nor one whose code is the original's, or another mutant's, byte for byte.

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
import resource
import shutil
import subprocess
import sys
import threading
import time

SRC = pathlib.Path(__file__).resolve().parents[1]
LIST = SRC / "scripts" / "mutate.equivalent"

CORE = """
    ir/selector.c ir/cover.c ir/addr.c ir/ipset.c ir/ports.c ir/sweep.c ir/tiers.c ir/normal.c ir/intern.c
    ir/bind.c ir/bind_match.c ir/bind_targets.c ir/bind_peers.c ir/bind_grants.c ir/bind_tiers.c
    analysis/verdict.c analysis/traffic.c analysis/world.c analysis/world_flows.c analysis/world_nets.c
    analysis/world_open.c analysis/world_rows.c
    backends/nft_class.c backends/nft_global.c backends/nft_nets.c backends/nft_part.c backends/nft_ports.c
    backends/nft_union.c
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
        self.function = source.function_at(start)
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
        """[(first, last token, name)] of what stands between braces at column 0: functions, and tables
        with their names."""
        found, name, start = [], "", None
        for i, t in enumerate(self.tokens):
            depth_zero = t.at == 0 or self.text[t.at - 1] == "\n"
            if start is None:
                if t.text == "{" or (t.text == "=" and self._at_top(i)):
                    start = i
                elif t.kind == "name" and i + 1 < len(self.tokens) and self.tokens[i + 1].text in ("(", "[", "=", "{"):
                    name = name if self._inside_parens(i) else t.text
            elif t.text == "}" and depth_zero or t.text == ";" and self.tokens[start].text == "=" and self._ends(t):
                found.append((start, i, name))
                start = None
        return found

    def _at_top(self, i):
        line = self.text.rfind("\n", 0, self.tokens[i].at) + 1
        return self.text[line] not in " \t}"

    def _ends(self, t):
        line = self.text.rfind("\n", 0, t.at) + 1
        return self.text[line] == "}" or self.text[line] not in " \t"

    def _inside_parens(self, i):
        line = self.text.rfind("\n", 0, self.tokens[i].at) + 1
        return self.text[line] in " \t" or self.text.count("(", line, self.tokens[i].at) > self.text.count(
            ")", line, self.tokens[i].at)

    def function_at(self, at):
        for first, last, name in self.bodies:
            if self.tokens[first].at <= at <= self.tokens[last].at:
                return name
        return "-"

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

# ---- building ----

# Swapped arguments and changed constants often break types: that is the compiler's find, not a test's.
CFLAGS = "-O1 -g0 -Werror=incompatible-pointer-types -Werror=int-conversion -Werror=int-to-pointer-cast"
OBJECT = re.compile(r"CMakeFiles/npc_(base|ir|frontend|grammar|backends|analysis|lib|apply|program)\.dir/")
MEMORY = 2 << 30     # bytes that a killer may have: an endless loop that allocates ends there
MUTANT, WHOLE = "libmutant.so", "libnpc_all.so"
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
BROKEN = "#include <stdlib.h>\n__attribute__((constructor)) static void broken(void) { abort(); }\n"


def soname(name):
    """Found by its name in LD_LIBRARY_PATH, and not by the place where it was linked."""
    return f"-Wl,-soname,{name}"


def run(*args, **kw):
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, check=False, **kw)
    if done.returncode != 0:
        sys.exit(f"{' '.join(str(a) for a in args)}\n{done.stdout}{done.stderr}")
    return done.stdout


class Tree:
    """A private copy of the sources, built so that a library can stand before all of it."""

    def __init__(self, directory, jobs):
        self.dir, self.jobs = directory, jobs
        self.copy, self.build = directory / "src", directory / "build"
        self.programs = directory / "programs"
        self.sanitizers = ":".join(run("gcc", f"-print-file-name={n}").strip() for n in ("libasan.so", "libubsan.so"))

    def make(self):
        shutil.rmtree(self.copy, ignore_errors=True)
        for name in run("git", "-C", SRC, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
            if name and (SRC / name).is_file():
                (self.copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(SRC / name, self.copy / name)
        lists = self.copy / "CMakeLists.txt"  # every symbol can be replaced
        lists.write_text(lists.read_text().replace("-fvisibility=hidden", "-fvisibility=default"))
        self.programs.mkdir(exist_ok=True)
        run("cmake", "-S", self.copy, "-B", self.build, "-G", "Ninja", "-DCMAKE_C_COMPILER=gcc", "-DCMAKE_BUILD_TYPE=None",
            f"-DCMAKE_C_FLAGS={CFLAGS} -fPIC", "-DNPC_WERROR=OFF", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON")
        commands = [(os.path.relpath(c["file"], self.copy), c["command"].replace("\\", "").split())
                    for c in json.loads((self.build / "compile_commands.json").read_text())]
        self.commands = {name: c for name, c in commands if OBJECT.match(c[c.index("-o") + 1])}
        objects = [c[c.index("-o") + 1] for c in self.commands.values()]
        run("ninja", "-C", self.build, f"-j{self.jobs}", *objects)
        program = [o for o in objects if "/npc_program.dir/" in o]
        library = self.dir / WHOLE
        libs = run("pkg-config", "--libs", "yaml-0.1", "jansson", "yajl", "libmd").split()
        run("gcc", "-shared", soname(WHOLE), "-o", library, *(self.build / o for o in objects if o not in program), *libs)
        run("gcc", "-shared", soname(MUTANT), "-o", self.dir / MUTANT, "-x", "c", "/dev/null")
        run("gcc", "-o", self.programs / "npc", *(self.build / o for o in program), *self.link())
        self.tests = {t.stem: [t] for t in sorted((self.copy / "tests" / "unit").glob("test_*.c"))
                      if t.stem not in UNRELATED}
        self.tests["exhaustive"] = sorted((self.copy / "tests" / "exhaustive").glob("*.c"))
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            list(pool.map(self.test, self.tests))

    def link(self):
        return ["-Wl,--no-as-needed", self.dir / MUTANT, self.dir / WHOLE]

    def test(self, name):
        run("gcc", "-O1", "-w", "-std=c17", "-D_GNU_SOURCE", '-DNPC_VERSION="0.1.0"', f"-I{self.copy}",
            f"-I{self.copy}/include", f"-I{self.build}/grammar", *self.tests[name], "-o",
            self.programs / name, *self.link(), "-lcunit",
            *run("pkg-config", "--libs", "yaml-0.1", "jansson", "yajl", "libmd").split())

    def compile(self, name, text, directory, *flags):
        """Compiles a source, given as text. Returns the bytes of its object; None: it is no C."""
        command = [*self.commands[name], *flags]
        source, target = directory / "mutant.c", directory / "mutant.o"
        source.write_text(text)
        command[command.index("-o") + 1] = target.name
        command[command.index("-c") + 1] = source.name
        done = subprocess.run(command, cwd=directory, capture_output=True, check=False)
        return target.read_bytes() if done.returncode == 0 else None


# ---- killers ----

class Killer:
    """A test program: what is run, and how long it takes with the original."""

    def __init__(self, name, command, effort="short", stage=0):
        self.name, self.command, self.effort, self.stage = name, command, effort, stage
        self.seconds = 0.0

    def environment(self, tree, directory, sanitized):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("TEST_", "NPC"))}
        if sanitized:
            env |= {"LD_PRELOAD": tree.sanitizers, "ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "halt_on_error=1"}
        return env | {"TEST_EFFORT": self.effort, "NPC": str(tree.programs / "npc"), "NPC_BUILD": str(tree.build),
                      "LD_LIBRARY_PATH": f"{directory}:{tree.dir}", "CUNIT_QUIET": "1", "TMPDIR": str(directory)}

    def passes(self, tree, directory, measure=False, sanitized=False):
        limit = None if measure else int(self.seconds * 10) + 3

        def limits():
            if not sanitized:  # whose shadow is larger than any limit
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            if limit:
                resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))

        try:
            done = subprocess.run(self.command, env=self.environment(tree, directory, sanitized), cwd=tree.copy, preexec_fn=limits,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  timeout=None if measure else 120 + 100 * self.seconds, check=False)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0


# Unit tests that never come near the core, or take long for it.
UNRELATED = {"test_arena", "test_diag", "test_dsl_limits", "test_feed", "test_file", "test_json", "test_source", "test_str",
             "test_utf8", "test_yaml", "test_yamlscalar", "test_dsl_scan", "test_k8s_stream"}
THOROUGH = ("test_bind", "test_verdict", "test_world", "test_addr", "test_ports", "test_bind_tiers", "test_nft_layouts",
            "test_ipt_sets", "test_ipt_tree", "exhaustive")
# Of the quick killers those that can see a fault of a folder's at all, for --quick.
NEAR = {"ir": r"exhaustive|test_(addr|ports|selector|normal|sweep|tiers|cover|bind|bind_tiers|verdict|program|names)",
        "analysis": r"exhaustive|test_(verdict|world|listing|library)",
        "backends": r"test_(backend_nft|nft_layouts|rules|kernel_names|ipt_\w+)"}
SCRIPTS = [("sim/random_worlds.py", ["--count", "15"]),
           ("sim/random_lists.py", []), ("sim/random_diffs.py", []), ("sim/random_queries.py", []),
           ("list/run_list.py", []), ("sim/list_e2e.py", []), ("sim/list_metamorphic.py", []),
           ("lint/run_lint.py", []), ("run_golden.py", [])]


def killers(tree, quick):
    """Quick ones first: each is asked only if those before it saw nothing."""
    found = []
    for program in tree.tests:
        command = [str(tree.programs / program)]
        found.append(Killer(program, command + (["--every", "40"] if program == "exhaustive" else [])))
        if program in THOROUGH:
            found.append(Killer(program + " (full)", command, "full", stage=1))
    if quick:
        return [k for k in found if k.stage == 0]
    for script, arguments in SCRIPTS:
        path = tree.copy / "tests" / script
        if path.exists():
            found.append(Killer(script, [sys.executable, "-B", str(path), *arguments], stage=2))
    return found


class Hunt:
    """Runs mutants against killers; those that killed in the same file come first."""

    def __init__(self, tree, quick):
        self.tree, self.quick, self.killers = tree, quick, killers(tree, quick)
        self.kills = collections.Counter()
        self.lock = threading.Lock()
        self.local = threading.local()
        self.seen = {}
        self.originals = {}

    def measure(self):
        for killer in self.killers:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            if not killer.passes(self.tree, self.tree.dir, measure=True):
                sys.exit(f"{killer.name} fails without any mutant")
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            killer.seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def check(self):
        """Every killer must fail if the library of the mutant is broken: else it would not see any."""
        directory = self.directory()
        (directory / "mutant.c").write_text(BROKEN)
        run("gcc", "-shared", "-fPIC", soname(MUTANT), "-o", MUTANT, "mutant.c", cwd=directory)
        for killer in self.killers:
            if killer.passes(self.tree, directory):
                sys.exit(f"{killer.name} does not use the library of the mutant")

    def directory(self):
        if not hasattr(self.local, "dir"):
            self.local.dir = self.tree.dir / f"worker-{threading.get_ident()}"
            self.local.dir.mkdir(exist_ok=True)
        return self.local.dir

    def order(self, name):
        noun = "test_" + pathlib.Path(name).stem
        near = re.compile(NEAR[name.split("/")[0]]) if self.quick else re.compile(".")
        return sorted((k for k in self.killers if near.match(k.name)), key=lambda k: (k.stage, -(self.kills[name, k.name] + (3 if k.name == noun else 0.1))
                                                   / (k.seconds + 0.01)))

    def original(self, name, directory):
        with self.lock:
            if name not in self.originals:
                self.originals[name] = self.tree.compile(name, (self.tree.copy / name).read_text(), directory)
            return self.originals[name]

    def hunt(self, mutant):
        """("killed", by whom), ("survived", ""), ("invalid", ""), ("same", "as what")."""
        directory = self.directory()
        original = self.original(mutant.file, directory)
        code = self.tree.compile(mutant.file, mutant.text, directory)
        if code is None:
            return "invalid", ""
        if code == original:
            return "same", "the original"
        digest = mutant.file, hashlib.sha256(code).hexdigest()
        with self.lock:
            twin = self.seen.setdefault(digest, mutant)
        if twin is not mutant:
            return "same", f"line {twin.line} [{twin.label}]"
        linked = subprocess.run(["ld", "-shared", "-soname", MUTANT, "-o", MUTANT, "mutant.o"], cwd=directory, capture_output=True, check=False)
        if linked.returncode != 0:
            return "invalid", ""
        for killer in self.order(mutant.file):
            if not killer.passes(self.tree, directory):
                with self.lock:
                    self.kills[mutant.file, killer.name] += 1
                return "killed", killer.name
        return self.hunt_sanitized(mutant, directory)

    def hunt_sanitized(self, mutant, directory):
        """Reading what is not there often changes nothing, but CI runs the unit tests with sanitizers, too."""
        self.tree.compile(mutant.file, mutant.text, directory, *SANITIZE)
        run("gcc", "-shared", soname(MUTANT), *SANITIZE, "-o", MUTANT, "mutant.o", cwd=directory)
        for killer in self.order(mutant.file):
            if killer.stage == 0 and not killer.passes(self.tree, directory, sanitized=True):
                return "killed", f"{killer.name}, sanitized"
        return "survived", ""


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
        elif line is None or (labels == [] and not word.startswith("- ")):
            line, labels = word, []
        elif word.startswith("- "):
            labels.append(word[2:])
        elif word.startswith("= ") and len(place) == 2 and labels:
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
    """Fates that are known from earlier runs, by the text of the mutated file."""

    def __init__(self, path, again):
        self.path, self.known = path, {}
        if again and path.exists():
            self.known = {r["id"]: (r["fate"], r["by"]) for r in map(json.loads, path.read_text().splitlines())
                          if r["fate"] != "survived"}
        self.file = path.open("a" if again else "w")

    @staticmethod
    def id(mutant):
        return hashlib.sha256(f"{mutant.file}\0{mutant.text}".encode()).hexdigest()

    def add(self, mutant, fate):
        print(json.dumps({"id": self.id(mutant), "fate": fate[0], "by": fate[1], "mutant": str(mutant)}), file=self.file,
              flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="every mutant")
    parser.add_argument("--sample", type=int, default=100, metavar="N", help="N mutants, chosen by the seed (100)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--dir", type=pathlib.Path, default=SRC / "build" / "mutate", help="where to build and work")
    parser.add_argument("--again", action="store_true", help="only what the last run in DIR did not kill")
    parser.add_argument("--quick", action="store_true", help="only the quickest killers: more survives than must")
    parser.add_argument("--list", action="store_true", help="print the mutants")
    parser.add_argument("--check", action="store_true", help="check the list of equivalent mutants")
    parser.add_argument("files", nargs="*", default=CORE, metavar="FILE")
    options = parser.parse_args()
    mutants = [m for f in options.files for m in Source(f).mutants()]
    listed = read_list()
    problems = check_list(listed, mutants)
    if options.list or options.check:
        print("\n".join(str(m) for m in mutants) if options.list else f"{len(mutants)} mutants, {len(listed)} explained")
        print("\n".join(problems), end="\n" if problems else "")
        return 1 if problems else 0

    options.dir.mkdir(parents=True, exist_ok=True)
    tree = Tree(options.dir.resolve(), options.jobs)
    print(f"building in {tree.dir}", flush=True)
    tree.make()
    hunt = Hunt(tree, options.quick)
    hunt.measure()
    hunt.check()
    print("\n".join(f"{k.seconds:7.2f} s  {k.name}" for k in hunt.killers), flush=True)
    chosen = choose(mutants, options)
    log = Log(tree.dir / "log.jsonl", options.again)
    began = time.monotonic()
    results = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        def one(mutant):
            return mutant, log.known.get(log.id(mutant)) or hunt.hunt(mutant)
        for n, (mutant, fate) in enumerate(pool.map(one, chosen), 1):
            results.append((mutant, fate))
            if log.id(mutant) not in log.known:
                log.add(mutant, fate)
            if n % 50 == 0:
                print(f"{n} of {len(chosen)}, {time.monotonic() - began:.0f} s", flush=True)
    wrong = report(results, listed) + len(problems)
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
