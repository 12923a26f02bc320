"""Helpers of the threat tests. A test is a function T<row>_<what>(t); the rows are those of the
threat model. Every run has a 256 KiB stack and a time limit; no run may end by a signal."""
import time

import yaml

from pylib import places
from pylib.npctest import sanitized

STACK = 256

POLICY = """apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: good
  namespace: shop
spec:
  podSelector:
    matchLabels:
      app: db
  policyTypes:
  - Ingress
  ingress:
  - from:
    - podSelector:
        matchLabels:
          app: web
    - ipBlock:
        cidr: 10.0.0.0/8
        except:
        - 10.1.0.0/16
    ports:
    - protocol: TCP
      port: 5432
"""
NPC = """namespace shop {
  policy good for pods app=db {
    allow from {pods app=web, cidr 10.0.0.0/8 except {10.1.0.0/16}} on tcp/5432
  }
}
"""
# One node, three pods in two namespaces, both families.
INVENTORY = """apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: a}}}
- {apiVersion: v1, kind: Namespace, metadata: {name: edge}}
- apiVersion: v1
  kind: Pod
  metadata: {name: db-1, namespace: shop, labels: {app: db}}
  spec: {nodeName: n1, containers: [{name: c, ports: [{name: pg, containerPort: 5432}]}]}
  status: {phase: Running, podIPs: [{ip: 10.9.0.1}, {ip: "fd00::1"}]}
- apiVersion: v1
  kind: Pod
  metadata: {name: web-1, namespace: shop, labels: {app: web}}
  spec: {nodeName: n1, containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}
  status: {phase: Running, podIPs: [{ip: 10.9.0.2}, {ip: "fd00::2"}]}
- apiVersion: v1
  kind: Pod
  metadata: {name: cart-1, namespace: edge, labels: {app: cart}}
  spec: {nodeName: n1, containers: [{name: c}]}
  status: {phase: Running, podIPs: [{ip: 10.9.0.3}]}
"""


class Problem(Exception):
    """What a test found wrong."""


class Threat:
    def __init__(self, suite):
        self.suite = suite
        self.sanitized = sanitized(suite.npc)

    def dir(self):
        return self.suite.scratch("threat")

    def run(self, *args, **kw):
        kw.setdefault("timeout", 60)
        if not self.sanitized:
            kw.setdefault("stack", STACK)
        else:
            kw.pop("memory", None)
        r = self.suite.run(*args, **kw)
        if r.status == "timeout":
            raise Problem(f"{' '.join(map(str, args))}: no end after {kw['timeout']} s")
        if r.status not in (0, 1, 2, 3):
            raise Problem(f"{' '.join(map(str, args))}: status {r.status}\n{r.diag[:2000]}")
        if r.status in (2, 3) and r.out:
            raise Problem(f"status {r.status}, but {len(r.out)} bytes on stdout: {r.out[:80]!r}")
        if r.status in (2, 3) and not r.err:
            raise Problem(f"status {r.status} without a word")
        if r.status == 0 and ": error: " in r.diag:
            raise Problem(f"an error, but status 0\n{r.diag[:2000]}")
        return r

    def compile(self, text, file="in.yaml", *args, target="k8s", **kw):
        """Compiles one text."""
        cwd = self.dir()
        if isinstance(text, str):
            text = text.encode("utf-8", "surrogateescape")
        (cwd / file).write_bytes(text)
        return self.run("compile", "-t", target, *args, file, cwd=cwd, **kw)

    def refuse(self, text, file="in.yaml", *args, id=None, says=(), line=None, col=None, within=None, what=None, **kw):
        """The text is refused with an error: its id, phrases in it, its place, the time it took."""
        what = what or (text if len(text) < 200 else text[:100])
        start = time.monotonic()
        r = self.compile(text, file, *args, **kw)
        took = time.monotonic() - start
        if r.status != 2:
            raise Problem(f"{what!r}: status {r.status}, not 2\n{r.text[:600]}{r.diag[:600]}")
        errors = [d for d in places.diagnostics(r.diag) if d[3] == "error"]
        if not errors and ": error: " not in r.diag:
            raise Problem(f"{what!r}: no error among the diagnostics\n{r.diag[:600]}")
        ids = (id,) if isinstance(id, str) else id
        if ids and not any(f"[{i}]" in r.diag for i in ids):
            raise Problem(f"{what!r}: no {'/'.join(ids)}\n{r.diag[:600]}")
        for phrase in (says,) if isinstance(says, str) else says:
            if phrase not in r.diag:
                raise Problem(f"{what!r}: the message lacks {phrase!r}\n{r.diag[:800]}")
        if line and not any(d[1] == line and col in (None, d[2]) for d in errors):
            raise Problem(f"{what!r}: no error at line {line} column {col}\n{r.diag[:600]}")
        if within and took > within:
            raise Problem(f"{what!r}: took {took:.1f} s, at most {within} s")
        return r

    def accept(self, text, file="in.yaml", *args, what=None, **kw):
        """The text compiles; returns the run."""
        r = self.compile(text, file, *args, **kw)
        if r.status != 0:
            raise Problem(f"{(what or text[:300])!r}: status {r.status}, not 0\n{r.diag[:800]}")
        return r

    def objects(self, text, file="in.yaml", *args, **kw):
        """The objects that the text compiles to."""
        return list(yaml.load_all(self.accept(text, file, *args, **kw).out, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def need(condition, why):
    if not condition:
        raise Problem(why)
