#!/usr/bin/env python3
"""Golden cases: golden/TOPIC/CASE/ holds an input and what every backend says about it.

    in.npc | in.yaml | in.json   the input; other files beside it may be included or imported
    args                         options for every compile, one a line
    args.BACKEND                 more options for one backend
    want.BACKEND.EXT             its output (a directory for iptables: want.iptables/)
    want.fmt                     the formatted form of in.npc
    want.diag                    exit status and diagnostics of every backend

A backend that succeeds with output must have a want file, one that refuses must not; golden/errors
keeps diagnostics only. want.k8s.yaml of golden/language is the text of the language's
specification: never bless it.

Besides the bytes, every case shows: fmt is idempotent and changes no meaning; the decompiled text
is formatted, compiles to the same object, and is a fixed point; objects read from YAML come out as
the API server stores them; emitted YAML is read alike by YAML 1.1 and 1.2 readers.
"""
import difflib
import json
import re
import shutil
import sys

import yaml

from pylib import calico, kube, npcread, yamlscalar
from pylib.npctest import SRC, Suite

EXTENSIONS = {"k8s": "k8s.yaml", "calico": "calico.yaml", "npc": "npc", "json": "json", "nft": "nft", "iptables": "iptables"}
GOLDEN = SRC / "golden"
ESCAPE = re.compile(rb"\x1b\[")


def backends():
    text = (SRC / "backends" / "backends.def").read_text()
    return re.findall(r"^BACKEND\((\w+)\)", text, re.M)


def lines(path):
    return [x for x in path.read_text().splitlines() if x and not x.startswith("#")] if path.exists() else []


class Case:
    def __init__(self, suite, path):
        self.suite = suite
        self.path = path
        self.name = str(path.relative_to(GOLDEN))
        self.input = next(p for p in (path / "in.npc", path / "in.yaml", path / "in.json") if p.exists())
        self.problems = []
        self.diag = []

    def problem(self, text):
        self.problems.append(text)

    def run(self, *args, **kw):
        return self.suite.run(*args, cwd=self.path, **kw)

    def compare(self, name, got):
        """Compares one output with its want file, or writes it."""
        if self.name.startswith("errors/") and name not in ("want.diag", "want.fmt"):
            return
        path = self.path / name
        want = path.read_bytes() if path.exists() else None
        if want == got:
            return
        diff = "".join(difflib.unified_diff((want or b"").decode(errors="replace").splitlines(True),
                                            got.decode(errors="replace").splitlines(True), f"{self.name}/{name}", "npc"))
        if self.suite.args.bless and not (name == "want.k8s.yaml" and self.name.startswith("language/") and want is not None):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(got)
            print(diff or f"{self.name}/{name}: new, empty")
            return
        self.problem(f"{name} differs" if want is not None else f"{name} is missing")
        self.problem(diff)

    def forbid(self, name):
        path = self.path / name
        if not path.exists():
            return
        if self.suite.args.bless:
            print(f"- {self.name}/{name}")
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            return
        self.problem(f"{name} exists, but the backend refuses")

    def backend(self, name):
        args = ["compile", "-t", name, *lines(self.path / "args"), *lines(self.path / f"args.{name}")]
        want = "want." + EXTENSIONS.get(name, name)
        out_dir = None
        if name == "iptables":
            out_dir = self.suite.scratch("out") / "rules"
            args += ["-o", str(out_dir)]
        r = self.run(*args, self.input.name)
        if r.status not in (0, 2):
            self.problem(f"-t {name}: status {r.status}\n{r.diag}")
            return None
        if ESCAPE.search(r.err):
            self.problem(f"-t {name}: colour in a pipe")
        self.diag.append((name, r.status, r.diag))
        if r.status == 2:
            if r.out or (out_dir and out_dir.exists()):
                self.problem(f"-t {name}: status 2, but something was written")
            if ": error: " not in r.diag:
                self.problem(f"-t {name}: status 2 without an error\n{r.diag}")
            self.forbid(want)
            return None
        if ": error: " in r.diag:
            self.problem(f"-t {name}: an error, but status 0\n{r.diag}")
        if out_dir:
            if r.out:
                self.problem(f"-t {name} -o DIR: something on stdout")
            files = {p.name: p.read_bytes() for p in sorted(out_dir.iterdir())}
            for file, text in files.items():
                self.compare(f"{want}/{file}", text)
            for old in sorted((self.path / want).iterdir()) if (self.path / want).exists() else []:
                if old.name not in files:
                    self.problem(f"{want}/{old.name} is no longer written")
            return b""
        if r.out:
            self.compare(want, r.out)
        else:
            self.forbid(want)
        return r.out

    def diagnostics(self):
        text, seen = "", {}
        for name, status, diag in self.diag:
            same = seen.get((status, diag))
            text += f"== {name}: {status}" + (f", as {same}" if same and diag else "") + "\n"
            if not same:
                text += diag
            seen.setdefault((status, diag), name)
        self.compare("want.diag", text.encode("utf-8", "surrogateescape"))

    def formatted(self):
        r = self.run("fmt", self.input.name)
        syntax_ok = r.status == 0
        if not syntax_ok:
            if r.out:
                self.problem("fmt: an error, but something was written")
            self.forbid("want.fmt")
            return
        self.compare("want.fmt", r.out)
        work = self.suite.scratch()
        shutil.copytree(self.path, work / "case")
        (work / "case" / self.input.name).write_bytes(r.out)
        again = self.suite.run("fmt", self.input.name, cwd=work / "case")
        if again.out != r.out:
            self.problem("fmt is not idempotent")
        check = self.suite.run("fmt", "--check", self.input.name, cwd=work / "case")
        if check.status != 0:
            self.problem(f"fmt --check of formatted text: status {check.status}")
        unformatted = r.out != self.input.read_bytes()
        if self.run("fmt", "--check", self.input.name).status != (1 if unformatted else 0):
            self.problem("fmt --check does not say whether in.npc is formatted")
        args = lines(self.path / "args")
        for target in ("k8s", "npc", "json"):
            a = self.run("compile", "-t", target, *args, *lines(self.path / f"args.{target}"), self.input.name)
            b = self.suite.run("compile", "-t", target, *args, *lines(self.path / f"args.{target}"), self.input.name,
                               cwd=work / "case")
            x, y = a.out, b.out
            if target == "json" and a.status == 0 == b.status:
                x, y = places_removed(a.out), places_removed(b.out)
            if (a.status, x) != (b.status, y):
                self.problem(f"fmt changes the meaning (-t {target})")

    def decompiled(self, text, k8s):
        """The text of -t npc: formatted, the same objects, a fixed point."""
        work = self.suite.scratch()
        (work / "in.npc").write_bytes(text)
        r = self.suite.run("fmt", "in.npc", cwd=work)
        if r.out != text:
            self.problem("the decompiled text is not formatted\n" + "".join(difflib.unified_diff(
                text.decode().splitlines(True), r.text.splitlines(True), "decompiled", "fmt")) + r.diag)
        args = [a for a in lines(self.path / "args") if a != "--allow-raw"] + ["--allow-raw"]
        again = self.suite.run("compile", "-t", "npc", *args, "in.npc", cwd=work)
        if again.out != text:
            self.problem(f"-t npc is no fixed point (status {again.status})\n{again.diag}" + "".join(difflib.unified_diff(
                text.decode().splitlines(True), again.text.splitlines(True), "first", "second")))
        if k8s is not None:
            back = self.suite.run("compile", "-t", "k8s", *args, "in.npc", cwd=work)
            problem = sorted_difference(yaml.safe_load_all(k8s), yaml.safe_load_all(back.out)) if back.status == 0 \
                else f"status {back.status}\n{back.diag}"
            if problem:
                self.problem(f"decompile, compile: {problem}")
            problem = sorted_difference(map(kube.stored, yaml.safe_load_all(k8s)), map(kube.stored, npcread.objects(text.decode())))
            if problem:
                self.problem(f"decompile, read by another reader: {problem}")

    def stored(self, k8s):
        """Objects read from YAML or JSON come out as the API server stores them."""
        want = []
        text = self.input.read_text("utf-8-sig")
        for doc in json_documents(text) if self.input.suffix == ".json" else yaml.safe_load_all(text):
            items = [doc]
            if isinstance(doc, dict) and str(doc.get("kind", "")).endswith("List"):
                # Items of a PodList, say, leave out what the list's kind says.
                head = {} if doc["kind"] == "List" else {"apiVersion": doc["apiVersion"], "kind": doc["kind"][:-4]}
                items = [{**head, **i} for i in doc.get("items") or []]
            for obj in items:
                if kube.is_policy(obj):
                    want.append(kube.stored(obj))
        got = [kube.cluster_policy(d) if d["kind"] == "ClusterNetworkPolicy" else d for d in yamlscalar.read_both(k8s.decode())]
        want_set = {json.dumps(w, sort_keys=True): w for w in want}
        if list(want_set) != [json.dumps(g, sort_keys=True) for g in got]:
            self.problem("objects differ from what the API server stores: " + kube.difference(list(want_set.values()), got))

    def test(self):
        outputs = {name: self.backend(name) for name in backends()}
        self.diagnostics()
        k8s = outputs.get("k8s")
        try:
            if k8s:
                yamlscalar.read_both(k8s.decode())
            if outputs.get("calico"):
                got = [calico.normalise(d) for d in yamlscalar.read_both(outputs["calico"].decode())]
                if k8s:
                    d = kube.difference([calico.convert(o) for o in yaml.safe_load_all(k8s)], got)
                    if d:
                        self.problem(f"-t calico: {d}")
            if outputs.get("json"):
                json.loads(outputs["json"])
            if k8s and self.input.suffix != ".npc":
                self.stored(k8s)
        except (ValueError, KeyError, TypeError, yaml.YAMLError, npcread.Syntax) as e:
            self.problem(f"output: {e!r}")
        if self.input.suffix == ".npc":
            self.formatted()
        if outputs.get("npc"):
            try:
                self.decompiled(outputs["npc"], k8s)
            except (ValueError, KeyError, TypeError, IndexError, npcread.Syntax) as e:
                self.problem(f"decompiled text: {e!r}")
        self.suite.check(f"golden/{self.name}", "\n".join(self.problems))


def json_documents(text):
    """Concatenated JSON documents."""
    decoder, at = json.JSONDecoder(), 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        doc, at = decoder.raw_decode(text, at)
        yield doc


def places_removed(text):
    """The JSON of the IR without the members that are places."""
    def strip(x):
        if isinstance(x, dict):
            return {k: strip(v) for k, v in x.items() if k not in ("at", "span", "line", "column", "col", "place", "places", "source")}
        return [strip(v) for v in x] if isinstance(x, list) else x
    return strip(json.loads(text))


def sorted_difference(a, b):
    """The first difference of two collections of objects."""
    def key(d):
        return (d["kind"], d["metadata"].get("namespace", ""), d["metadata"]["name"])
    return kube.difference(sorted(a, key=key), sorted(b, key=key))


def exact(suite):
    """The examples that the specification calls exact are equal to the seed's object."""
    for line in lines(GOLDEN / "seeds" / "exact"):
        example, *seeds = line.split()
        name = f"golden/exact/{example}"
        if not suite.wanted(name):
            continue
        r = suite.run("compile", "in.npc", cwd=GOLDEN / example)
        want = [kube.stored(yaml.safe_load((GOLDEN / s / "in.yaml").read_text())) for s in seeds]
        try:
            got = list(yaml.safe_load_all(r.out))
            suite.check(name, kube.difference(want, got) if r.status == 0 else r.diag or r.status)
        except yaml.YAMLError as e:
            suite.fail(name, e)


def main():
    suite = Suite(__doc__, bless=True)
    found = False
    for path in sorted(p.parent for p in GOLDEN.glob("*/*/in.*")):
        found = True
        if suite.wanted(f"golden/{path.relative_to(GOLDEN)}"):
            Case(suite, path).test()
    if not found:
        suite.fail("golden", "no cases")
    exact(suite)
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
