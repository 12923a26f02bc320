#!/usr/bin/env python3
# test: once
"""The grammar of the npc language: no conflict, none hidden, and a stack that no input can exceed.

What is on an LALR parser's stack is a path through its automaton. If that has no cycle, the longest
path is the deepest stack for any input, error productions included.
"""
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
from pathlib import Path

GRAMMAR = Path(__file__).resolve().parent.parent / "frontend" / "dsl.y"
failures = 0


def check(name, fault):
    global failures
    failures += bool(fault)
    print(f"FAIL {name}: {fault}" if fault else f"ok {name}")


def deepest(edges):
    """The longest path from state 0 in states, or None if there is a cycle."""
    depth, open_states, stack = {}, set(), [(0, False)]
    while stack:
        state, done = stack.pop()
        if done:
            open_states.discard(state)
            depth[state] = 1 + max((depth[to] for to in edges[state]), default=0)
        elif state in open_states:
            return None
        elif state not in depth:
            open_states.add(state)
            stack.append((state, True))
            stack += [(to, False) for to in edges[state] if to not in depth]
            if any(to in open_states for to in edges[state]):
                return None
    return depth[0]


with tempfile.TemporaryDirectory() as tmp:
    run = subprocess.run(["bison", "-Wall", "-Wcounterexamples", "-Werror", f"--xml={tmp}/g.xml", "-o", f"{tmp}/g.c", GRAMMAR],
                         capture_output=True, text=True)
    check("grammar_without_conflicts", run.stderr.strip()[:300] if run.returncode or run.stderr else "")
    automaton = xml.parse(f"{tmp}/g.xml").getroot().find("automaton")

text = GRAMMAR.read_text()
hidden = re.findall(r"^%(?:expect|expect-rr|left|right|nonassoc|precedence|glr-parser|dprec)\b.*", text, re.M)
check("grammar_hides_nothing", ", ".join(hidden))

edges = {int(s.get("number")): [int(t.get("state")) for t in s.find("actions").find("transitions")] for s in automaton}
limit = int(re.search(r"#define YYMAXDEPTH\s+(\d+)", text).group(1))
need = deepest(edges)
check("T03_grammar_stack_is_bounded",
      "the automaton has a cycle: some input needs any depth" if need is None else
      f"an input can need {need} entries, the parser has {limit}" if need > limit else "")
sys.exit(1 if failures else 0)
