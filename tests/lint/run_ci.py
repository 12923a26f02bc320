#!/usr/bin/env python3
# test: once
"""The examples of docs/ci.md, in a repository made for it: their YAML parses, and every command in them runs and
ends as the page says, on a change that opens nothing, one that opens a connection, and one with a defect."""
import os
import re
import shutil
import subprocess
import sys

from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from pylib.npctest import SRC, Suite  # noqa: E402

PAGE = (SRC / "docs" / "ci.md").read_text()
POLICY = """namespace shop {
  policy default-deny for all pods {
    default deny {ingress, egress}
  }

  policy dns for all pods {
    allow to dns
  }

  policy web for pods app=web {
    allow from anywhere on tcp/80
  }
}
"""
OPENS = POLICY.replace("  policy web", "  policy db for pods app=db {\n    allow from cidr 192.0.2.0/24 on tcp/5432\n  }\n\n  policy web")
DEFECT = POLICY.replace("pods app=web {", "pods app=web & app in {no} {")
INVENTORY = """{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web}}, spec: {containers: []}, status: {phase: Running, podIP: 10.0.0.1}}
---
{apiVersion: v1, kind: Pod, metadata: {name: db, namespace: shop, labels: {app: db}}, spec: {containers: []}, status: {phase: Running, podIP: 10.0.0.2}}
"""


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)


class Repository:
    """A clone in which `main` is the base and the change is checked out."""

    def __init__(self, suite, change):
        self.path = suite.scratch("ci")
        self.work = self.path / "clone"
        self.summary = self.path / "summary"
        bin_dir = self.path / "bin"
        bin_dir.mkdir()
        (bin_dir / "npc").symlink_to(suite.npc)
        self.env = {**os.environ, "PATH": f"{bin_dir}:{os.environ['PATH']}", "GITHUB_BASE_REF": "main", "HOME": str(self.path),
                    "GITHUB_STEP_SUMMARY": str(self.summary), "GIT_CONFIG_NOSYSTEM": "1"}
        for who in ("AUTHOR", "COMMITTER"):
            self.env[f"GIT_{who}_NAME"] = "test"
            self.env[f"GIT_{who}_EMAIL"] = "test@example.invalid"
        origin = self.path / "origin"
        (origin / "policies").mkdir(parents=True)
        (origin / "inventory").mkdir()
        (origin / "policies" / "shop.npc").write_text(POLICY)
        (origin / "inventory" / "cluster.yaml").write_text(INVENTORY)
        self.git("init", "-q", "-b", "main", cwd=origin)
        self.git("add", ".", cwd=origin)
        self.git("commit", "-q", "-m", "base", cwd=origin)
        self.git("clone", "-q", str(origin), str(self.work), cwd=self.path)
        self.env["CI_MERGE_REQUEST_DIFF_BASE_SHA"] = self.git("rev-parse", "HEAD").strip()
        (self.work / "policies" / "shop.npc").write_text(change)
        self.git("add", ".")

    def git(self, *args, cwd=None):
        return subprocess.run(["git", *args], cwd=cwd or self.work, env=self.env, check=True, capture_output=True, text=True).stdout

    def shell(self, script):
        return subprocess.run(["bash", "-e", "-c", script], cwd=self.work, env=self.env, capture_output=True, text=True, check=False)


def problem(result, want, shows=""):
    if result.returncode != want:
        return f"status {result.returncode}, not {want}\n{result.stdout}{result.stderr}"
    return "" if shows in result.stdout + result.stderr else f"does not show {shows!r}\n{result.stdout}{result.stderr}"


def first_policies(r, hook):
    """Commits policies to a repository that has a history, but none of them."""
    r.git("rm", "-q", "-r", "--cached", "policies")
    r.git("commit", "-q", "-m", "none")
    r.git("add", "policies")
    path = r.work / ".git" / "hooks" / "pre-commit"
    path.write_text(hook)
    path.chmod(0o755)
    return r.shell("git commit -m first")


def main():
    suite = Suite(__doc__)
    if not shutil.which("git"):
        suite.skip("ci/git", "no git")
        return suite.finish()
    github, gitlab, hooks = (yaml.safe_load(text) for text in blocks("yaml"))
    steps = {s["name"]: s["run"] for s in github["jobs"]["policy"]["steps"] if "run" in s}
    entries = {h["id"]: h["entry"] for h in hooks["repos"][0]["hooks"]}
    (hook,) = blocks("sh")
    # change: status of check, of diff
    for name, text, check, diff in (("equal", POLICY, 0, 0), ("opens", OPENS, 0, 1), ("defect", DEFECT, 1, 0)):
        r = Repository(suite, text)
        suite.check(f"ci/github/{name}/check", problem(r.shell(steps["check"]), check))
        suite.check(f"ci/github/{name}/sarif", "" if '"version":"2.1.0"' in (r.work / "npc.sarif").read_text() else "no SARIF")
        suite.check(f"ci/github/{name}/diff", problem(r.shell(steps["diff"]), diff))
        summary = r.summary.read_text()
        suite.check(f"ci/github/{name}/summary", "" if ("shop/db" in summary) == (name == "opens") else summary)
        r = Repository(suite, text)
        results = [r.shell(line).returncode for line in gitlab["policy"]["script"]]
        suite.check(f"ci/gitlab/{name}", "" if results == [check, 0, diff] else f"statuses {results}")
        suite.check(f"ci/pre-commit/{name}/check", problem(r.shell(entries["npc-check"]), check))
        suite.check(f"ci/pre-commit/{name}/fmt", problem(r.shell(entries["npc-fmt"] + " policies/shop.npc"), 0))
        path = r.work / ".git" / "hooks" / "pre-commit"
        path.write_text(hook)
        path.chmod(0o755)
        (r.work / "policies" / "not-added.npc").write_text("nonsense")
        done = r.shell("git commit --allow-empty -m change")
        suite.check(f"ci/hook/{name}", problem(done, check, "tcp/5432" if name == "opens" else ""))
    suite.check("ci/hook/first", problem(first_policies(Repository(suite, POLICY), hook), 0))
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
