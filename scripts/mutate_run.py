"""Building mutants and running tests on them, for mutate.py.

All mutants of all files are in one library, which is found before the one that holds everything: of each
function a clone for each of its mutants, in the same file, and a slot that says which one is entered
(Schema; the slots are set by mutate.c). So there is one compilation for each file, and a test program is
started once for many mutants: it forks for each. The clone is compared with the original's as assembly
text, so that a mutant that is no other code is not run.

A test program is run on those mutants only whose function it enters at all, which one run with the
original shows: on others it can find nothing.
"""
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import threading

SRC = pathlib.Path(__file__).resolve().parents[1]

# Swapped arguments and changed constants often break types: that is the compiler's find, not a test's.
CFLAGS = "-O1 -g0 -Werror=incompatible-pointer-types -Werror=int-conversion -Werror=int-to-pointer-cast"
OBJECT = re.compile(r"CMakeFiles/npc_(base|ir|frontend|grammar|backends|analysis|lib|apply|program)\.dir/")
MEMORY = 768 << 20   # bytes that a killer may have: an endless loop that allocates ends there
MUTANT, WHOLE = "libmutant.so", "libnpc_all.so"
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
PLACES, BODIES = 1000, 100  # that a file may have: mutants, and functions or tables
LIBRARIES = ("yaml-0.1", "jansson", "yajl", "libmd")


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
        self.libs = run("pkg-config", "--libs", *LIBRARIES).split()

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
        run("gcc", "-shared", soname(WHOLE), "-o", self.dir / WHOLE, *(self.build / o for o in objects if o not in program),
            *self.libs)
        self.server = self.dir / "server.o"
        run("gcc", "-O1", "-fPIC", "-c", self.copy / "scripts" / "mutate.c", "-o", self.server)
        run("gcc", "-shared", soname(MUTANT), "-o", self.dir / MUTANT, self.server)
        run("gcc", "-o", self.programs / "npc", *(self.build / o for o in program), *self.link())
        self.tests = {t.stem: [t] for t in sorted((self.copy / "tests" / "unit").glob("test_*.c"))
                      if t.stem not in UNRELATED}
        self.tests["exhaustive"] = sorted((self.copy / "tests" / "exhaustive").glob("*.c"))
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            list(pool.map(self.test, self.tests))

    def link(self):
        return ["-Wl,--no-as-needed", self.dir / MUTANT, self.dir / WHOLE]

    def headers(self, *more):
        return [h for folder in ("include", "base", "ir", "analysis", "backends", "lib", *more)
                for h in (self.copy / folder).rglob("*.h")]

    def test(self, name):
        """Builds a test program, if what it is made of is newer: its own text and any header."""
        target, sources = self.programs / name, self.tests[name]
        if target.exists() and target.stat().st_mtime > max(f.stat().st_mtime for f in sources + self.headers("tests")):
            return
        run("gcc", "-O1", "-w", "-std=c17", "-D_GNU_SOURCE", '-DNPC_VERSION="0.1.0"', f"-I{self.copy}",
            f"-I{self.copy}/include", f"-I{self.build}/grammar", *sources, "-o", target, *self.link(), "-lcunit",
            *self.libs)

    def compile(self, name, text, directory, kind, *flags):
        """Compiles a source, given as text, to DIRECTORY/mutant.KIND, s or o. Returns what the compiler
        complains of; None: nothing that matters."""
        command = [*self.commands[name], *flags]
        source = directory / "mutant.c"
        source.write_text(text)
        command[command.index("-o") + 1] = f"mutant.{kind}"
        at = command.index("-c")
        command[at:at + 2] = ["-S" if kind == "s" else "-c", source.name]
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
        return None if done.returncode == 0 else done.stderr


# ---- all mutants of a file ----

class Schema:
    """The C text of a file with mutants of its functions: clones, and an entry through a slot."""

    def __init__(self, source, mutants, numbers):
        self.source = source
        self.of = collections.defaultdict(list)  # by function
        for m in mutants:
            self.of[source.function_around(m.start)].append(m)
        self.numbers = numbers  # of functions that were entered: where it is noted

    def text(self):
        """C, with clones and slots."""
        s, out, at = self.source, [], 0
        for body in sorted(self.of):
            start, name_at, end = s.header(body)
            out += [self.plain(at, start), self.function(body, start, name_at, end)]
            at = end
        return "".join(out) + self.plain(at, len(s.text))

    def plain(self, start, end):
        """What stands between functions. A declaration in advance is no longer that of a static function."""
        text = self.source.text[start:end]
        for body in self.of:
            text = re.sub(rf"^static ([^;{{}}()=]*\b{body[2]}\([^;{{}}]*\);)", r"\1", text, flags=re.M)
        return f'\n#line {self.line(start)} "plain"\n{text}'

    def line(self, at):
        return self.source.text.count("\n", 0, at) + 1

    def function(self, body, start, name_at, end):
        s, name = self.source, body[2]
        head, rest = s.text[start:name_at], s.text[name_at + len(name):end]
        is_static = re.match(r"static\b", head) is not None
        head = re.sub(r"\b(static|inline)\s+", "", head)
        to_body = s.tokens[body[0]].at - name_at - len(name)
        out = [f"\n{head}{name}{rest[:to_body]};\n"]
        for m in [None, *self.of[body]]:
            text = rest if m is None else s.text[name_at + len(name):m.start] + m.new + s.text[m.end:end]
            number = m.number if m else 0
            out.append(f'\n__attribute__((used, noinline, noclone))\n#line {self.line(start)} "mutant{number}"\n'
                       f"static {head}{name}__{number}{text}\n")
        asm = [".pushsection .text", "" if is_static else f".globl {name}", f".type {name}, @function", f"{name}:",
               ".hidden mutate_reached", f"movb $1, mutate_reached+{self.numbers[s.name, name]}(%rip)", f"jmp *{name}__slot(%rip)",
               f".size {name}, .-{name}", ".popsection", '.pushsection .data', ".balign 8",
               f"{name}__slot: .quad {name}__0", ".popsection", '.pushsection mutants, \\"aw\\", @progbits']
        asm += [f".quad {m.number}, {name}__slot, {name}__{m.number}" for m in self.of[body]] + [".popsection"]
        return "".join(out) + '\n__asm__("' + "\\n".join(asm) + '");\n'



def normal_code(assembly):
    """{N: the code of clone N, with what it refers to}, such that equal texts are equal code."""
    data, label = collections.defaultdict(list), None
    for line in assembly.splitlines():
        m = re.match(r"(\.LC\d+|[\w$]+\.\d+):", line)
        if m:
            label = m[1]
        elif re.match(r"\t\.(text|section|data|bss|size|globl|type|local)\b|\S", line):
            label = None
        elif label and not line.startswith("\t.align"):
            data[label].append(line)

    def content(m, depth=4):
        inner = data.get(m[0], []) if depth else []
        return "<" + re.sub(REFERENCE, lambda n: content(n, depth - 1), "|".join(inner)) + ">"

    found = {}
    for m in re.finditer(r"^\w+__(\d+):\n(.*?)^\t\.size\t\w+__\1,", assembly, re.M | re.S):
        labels = {}
        code = re.sub(r"^\t\.section\t.*\n", "", m[2], flags=re.M)
        code = re.sub(REFERENCE, content, code)
        code = re.sub(r"\.L[A-Z]*\d+", lambda n: labels.setdefault(n[0], f".{len(labels)}"), code)
        found[int(m[1])] = found.get(int(m[1]), "") + re.sub(rf'\bmutant{m[1]}\b|__{m[1]}\b', "", code)
    return found


REFERENCE = r"\.LC\d+|\b[A-Za-z_][\w$]*\.\d+\b"


class Objects:
    """Mutants of one file, compiled: `alive` can be run, all others have their fate."""

    def __init__(self, tree, source, mutants, numbers, directory):
        self.fates = {}
        directory.mkdir(parents=True, exist_ok=True)
        inside = [m for m in mutants if source.function_around(m.start)]
        self.object = directory / "mutant.o"
        inside = self.compiled_before(tree, source, inside, numbers, directory)
        while not self.fresh:
            said = tree.compile(source.name, Schema(source, inside, numbers).text(), directory, "s")
            if said is None:
                break
            bad = self.invalid(said)
            if not bad:
                sys.exit(f"{source.name} cannot be compiled with its mutants\n{said}")
            self.fates |= {m: ("invalid", "") for m in inside if m.number in bad}
            inside = [m for m in inside if m.number not in bad]
        assembly = (directory / "mutant.s").read_text()
        run("as", "-o", self.object, directory / "mutant.s")
        self.alive = []
        for body, clones in Schema(source, inside, numbers).of.items():
            self.compare(source, body, clones, assembly)
        self.apart = [m for m in mutants if not source.function_around(m.start)]

    def compiled_before(self, tree, source, mutants, numbers, directory):
        """The mutants of the last run that could be compiled, if its text and all headers are the same."""
        text, assembly = directory / "mutant.c", directory / "mutant.s"
        self.fresh = False
        if not assembly.exists() or assembly.stat().st_mtime < max(h.stat().st_mtime for h in tree.headers()):
            return mutants
        valid = set(map(int, re.findall(r'^#line \d+ "mutant(\d+)"', text.read_text(), re.M)))
        some = [m for m in mutants if m.number in valid]
        if Schema(source, some, dict(numbers)).text() != text.read_text():
            return mutants
        self.fresh = True
        self.fates |= {m: ("invalid", "") for m in mutants if m.number not in valid}
        return some

    @staticmethod
    def invalid(said):
        """The mutants that are no C. Behind one that cannot be parsed nothing is believed."""
        bad, number = set(), 0
        for line in said.splitlines():
            m = re.match(r"mutant(\d+): In function", line)
            if m:
                number = int(m[1])
            elif ": error: " in line:
                bad.add(number)
                if ": error: expected" in line and "but argument is of type" not in line:
                    break
        return bad - {0}

    def compare(self, source, body, clones, assembly):
        name = body[2]
        part = "".join(m[0] for m in re.finditer(rf"^{name}__(\d+):\n.*?^\t\.size\t{name}__\1,[^\n]*\n", assembly, re.M | re.S))
        rest = re.sub(r"^\w+__(\d+):\n.*?^\t\.size\t\w+__\1,[^\n]*\n", "", assembly, flags=re.M | re.S)
        code = normal_code(part + rest)
        seen = {code[0]: "the original"}
        for m in clones:
            if code[m.number] in seen:
                self.fates[m] = "same", seen[code[m.number]]
            else:
                seen[code[m.number]] = f"line {m.line} [{m.label}]"
                self.alive.append(m)


# ---- killers ----

class Killer:
    """A test program: what is run, and how long it takes with the original."""

    def __init__(self, name, command, effort="short", stage=0):
        self.name, self.command, self.effort, self.stage = name, command, effort, stage
        self.seconds, self.reach = 0.0, b""

    def environment(self, tree, directory, sanitized):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("TEST_", "NPC", "MUTANT"))}
        if sanitized:
            env |= {"LD_PRELOAD": tree.sanitizers, "ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "halt_on_error=1"}
        return env | {"TEST_EFFORT": self.effort, "NPC": str(tree.programs / "npc"), "NPC_BUILD": str(tree.build),
                      "LD_LIBRARY_PATH": f"{directory}:{tree.dir}", "CUNIT_QUIET": "1", "TMPDIR": str(directory)}

    def start(self, tree, directory, more, sanitized=False, patience=None):
        """Runs it; whether it passed."""
        def limits():
            if not sanitized:  # whose shadow is larger than any limit
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

        try:
            done = subprocess.run(self.command, env=self.environment(tree, directory, sanitized) | more, cwd=tree.copy,
                                  preexec_fn=limits, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, timeout=patience, check=False)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def measure(self, tree):
        """How long it takes, and what it enters."""
        reach = tree.dir / "reach"
        reach.unlink(missing_ok=True)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        if not self.start(tree, tree.dir, {"MUTANT_REACH": str(reach)}):
            sys.exit(f"{self.name} fails without any mutant")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.reach = reach.read_bytes()

    def kills(self, tree, directory, numbers, sanitized=False):
        """Which of these mutants it sees."""
        if self.stage == 2:  # a script, whose processes inherit the mutant
            return {n for n in numbers if not self.start(tree, directory, {"MUTANT": str(n)},
                                                         patience=120 + 100 * self.seconds)}
        wanted, fates = directory / "wanted", directory / "fates"
        wanted.write_text("".join(f"{n}\n" for n in numbers))
        seconds = (5 if sanitized else 1) * (0.5 + 6 * self.seconds)
        if not self.start(tree, directory, {"MUTANTS": str(wanted), "MUTANT_FATES": str(fates),
                                            "MUTANT_SECONDS": str(seconds)}, sanitized):
            sys.exit(f"{self.name} does not serve mutants")
        found = [line.split() for line in fates.read_text().splitlines()]
        if [int(n) for n, _ in found] != list(numbers):
            sys.exit(f"{self.name} does not tell the fate of all mutants")
        return {int(n) for n, status in found if status != "0"}


# Unit tests that never come near the core, or take long for it.
UNRELATED = {"test_arena", "test_diag", "test_dsl_limits", "test_feed", "test_file", "test_json", "test_source", "test_str",
             "test_utf8", "test_yaml", "test_yamlscalar", "test_dsl_scan", "test_k8s_stream"}
THOROUGH = ("test_bind", "test_verdict", "test_world", "test_addr", "test_ports", "test_bind_tiers", "test_nft_layouts",
            "test_ipt_sets", "test_ipt_tree", "exhaustive")
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
    """Runs mutants against killers, file by file."""

    def __init__(self, tree, quick, sources, chosen):
        self.tree, self.sources = tree, sources
        self.killers = killers(tree, quick)
        self.numbers = {}  # of functions
        self.all = {name: list(sources[name].mutants()) for name in {m.file: 0 for m in chosen}}
        for name, mutants in self.all.items():  # what is chosen elsewhere changes no number
            for number, m in enumerate(mutants, sources[name].place * PLACES + 1):
                m.number = number
            for number, body in enumerate(sources[name].bodies, sources[name].place * BODIES):
                self.numbers[name, body[2]] = number
        wanted = {m.key for m in chosen}
        self.chosen = {name: [m for m in mutants if m.key in wanted] for name, mutants in self.all.items()}
        self.objects = {}
        self.local = threading.local()

    def compile(self):
        """Compiles all mutants into one library."""
        def one(name):
            return name, Objects(self.tree, self.sources[name], self.all[name], self.numbers,
                                 self.tree.dir / "mutants" / name)
        with concurrent.futures.ThreadPoolExecutor(self.tree.jobs) as pool:
            self.objects = dict(pool.map(one, self.chosen))
        self.link(self.tree.dir, [o.object for o in self.objects.values()])

    def link(self, directory, objects, *flags):
        run("gcc", "-shared", soname(MUTANT), *flags, "-o", directory / MUTANT, self.tree.server, *objects)

    def measure(self):
        for killer in self.killers:
            killer.measure(self.tree)
        if not any(any(k.reach) for k in self.killers):
            sys.exit("no test uses the library of the mutants")

    def directory(self):
        if not hasattr(self.local, "dir"):
            self.local.dir = self.tree.dir / f"worker-{threading.get_native_id()}"
            self.local.dir.mkdir(exist_ok=True)
        return self.local.dir

    def order(self, name):
        noun = "test_" + pathlib.Path(name).stem
        return sorted(self.killers, key=lambda k: (k.stage, k.name != noun, k.seconds))

    @staticmethod
    def is_near(killer, name):
        """Whether a unit test is about that file, or about all that follows from it."""
        return killer.name.startswith("test_") and (killer.name in THOROUGH or pathlib.Path(name).stem in killer.name)

    def enters(self, killer, mutant):
        """Whether a killer comes to the function of a mutant; what is in no function is everybody's."""
        body = self.sources[mutant.file].function_around(mutant.start)
        return body is None or bool(killer.reach[self.numbers[mutant.file, body[2]]])

    def hunt(self, name, tell):
        """Calls tell(mutant, fate) for all mutants of a file: "killed" by whom, "survived", "invalid",
        "same" as what."""
        objects, directory = self.objects[name], self.directory()
        chosen = {m.key for m in self.chosen[name]}
        for m, fate in objects.fates.items():
            if m.key in chosen:
                tell(m, fate)
        (directory / MUTANT).unlink(missing_ok=True)
        first = [k for k in self.order(name) if k.stage == 0]
        alive = self.try_all(first, [m for m in objects.alive if m.key in chosen], directory, tell)
        if alive:
            self.compile_sanitized(name, alive, directory)
            alive = self.try_all([k for k in first if self.is_near(k, name)], alive, directory, tell, sanitized=True)
            (directory / MUTANT).unlink()
        alive = self.try_all([k for k in self.order(name) if k.stage > 0], alive, directory, tell)
        for m in alive:
            tell(m, ("survived", ""))
        for m in (m for m in objects.apart if m.key in chosen):
            self.hunt_apart(m, directory, tell)

    def try_all(self, order, alive, directory, tell, sanitized=False):
        """The mutants that none of these killers sees."""
        for killer in order:
            numbers = [m.number for m in alive if self.enters(killer, m)]
            killed = killer.kills(self.tree, directory, numbers, sanitized) if numbers else set()
            for m in alive:
                if m.number in killed:
                    tell(m, ("killed", killer.name + (", sanitized" if sanitized else "")))
            alive = [m for m in alive if m.number not in killed]
        return alive

    def compile_sanitized(self, name, mutants, directory):
        """Reading what is not there often changes nothing, but CI runs the unit tests with sanitizers, too,
        and with an arena and arrays that tell them where their pieces end."""
        fenced = [directory / "arena.o", directory / "vec.o"]
        for file in fenced:
            source = f"base/{file.stem}.c"
            self.tree.compile(source, (self.tree.copy / source).read_text(), directory, "o", *SANITIZE)
            (directory / "mutant.o").rename(file)
        self.tree.compile(name, Schema(self.sources[name], mutants, self.numbers).text(), directory, "s", *SANITIZE)
        run("as", "-o", directory / "mutant.o", directory / "mutant.s")
        self.link(directory, [directory / "mutant.o", *fenced], *SANITIZE)

    def hunt_apart(self, mutant, directory, tell):
        """A mutant that is in no function has a library of its own."""
        texts = self.sources[mutant.file].text, mutant.text
        said = [self.tree.compile(mutant.file, text, directory, "s") or (directory / "mutant.s").read_text() for text in texts]
        if said[0] == said[1]:
            return tell(mutant, ("same", "the original"))
        if self.tree.compile(mutant.file, mutant.text, directory, "o") is not None:
            return tell(mutant, ("invalid", ""))
        self.link(directory, [directory / "mutant.o"])
        for m in self.try_all(self.order(mutant.file), [mutant], directory, tell):
            tell(m, ("survived", ""))
        return (directory / MUTANT).unlink()
