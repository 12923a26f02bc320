#!/usr/bin/env python3
"""Random clusters and questions: the answer of `npc query`, and the pairs that it shows for it, are what
the naive evaluator says; of some, with --host, those of one machine with its failsafe ports.

    random_queries.py [--seed N] [--count N]
"""
import ipaddress
import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "pylib"))
import npctest  # noqa: E402

import listing  # noqa: E402
import worlds  # noqa: E402
from naive import KEPT_BY_HOSTS, KEPT_BY_NODES, is_always_kept  # noqa: E402
from random_lists import Trial  # noqa: E402
from verdicts import ICMP_NAMES, sent  # noqa: E402

QUESTIONS = 12
PORTED = {"TCP": "tcp", "UDP": "udp", "SCTP": "sctp"}


class End:
    def __init__(self, text, addresses):
        self.text, self.addresses = text, addresses


class Questions(Trial):
    def __init__(self, suite, seed, number):
        super().__init__(suite, seed, 30 * number)  # a small world each time
        self.rng = random.Random(f"{seed}/query/{number}")
        self.level = "pods"
        self.machine = self.choose_host() if self.rng.random() < 0.3 else []

    def end_of_pod(self, pod):
        same = [p for p in self.pods if p.namespace == pod.namespace
                and (p.name == pod.name or self.owners.get(str(p), ("", ""))[1] == pod.name)]
        return End(str(pod), [a for p in same for a in self.verdicts.addresses(p)])

    def some_end(self):
        pods = self.pods
        if self.host and self.rng.random() < 0.4:
            return self.end_of_pod(self.host)
        kind = self.rng.choice(["pod", "pod", "namespace", "address", "outside", "node"])
        nodes = [n for n, addresses in self.world.nodes.items() if addresses]
        if kind == "node" and nodes:
            node = self.rng.choice(nodes)
            return End(f"node:{node}", self.world.nodes[node])
        if not pods or kind == "outside":
            owned = self.world.owned
            outside = [a for a in worlds.interesting_addresses(self.objs) if a not in owned]
            address = self.rng.choice(outside)
            return End(str(address), [address])
        pod = self.rng.choice(pods)
        if kind == "pod":
            return self.end_of_pod(pod)
        if kind == "namespace":
            return End(pod.namespace, [a for p in pods if p.namespace == pod.namespace
                                       for a in self.verdicts.addresses(p)])
        known = [a for p in pods for a in p.addresses]
        address = self.rng.choice(known) if known else self.rng.choice(worlds.interesting_addresses(self.objs))
        return End(str(address), [address])

    def possible_hosts(self):
        """A machine is in both families, and the naive evaluator knows it by its addresses only."""
        return [p for p in self.pods if {a.version for a in p.addresses} == {4, 6}]

    def is_free(self, a, b):
        """Whether nothing is filtered between two addresses: one pod's, or a pod's and its node's, unless it is
        a machine with rules of its own."""
        p, q = self.world.pod_at(a), self.world.pod_at(b)
        homes = [self.world.nodes.get(pod.node, []) if pod and pod is not self.host else [] for pod in (p, q)]
        return p is q or a in homes[1] or b in homes[0]

    def passes(self, a, b):
        """What passes: what policies allow, and at each end what always does."""
        mask = self.verdicts.all
        for pod, direction, other in ((self.world.pod_at(a), "Egress", b), (self.world.pod_at(b), "Ingress", a)):
            if pod is not None:
                kept = KEPT_BY_HOSTS if pod is self.host else KEPT_BY_NODES
                mask &= (self.verdicts.side(pod, direction, other) | (self.failsafe if pod is self.host and direction == "Ingress" else 0)
                         | sum(1 << i for i, p in enumerate(self.verdicts.probes) if is_always_kept(sent(p, a, b), kept)))
        return mask

    def judge(self, a, b, asked):
        """Whether a pair may do all that was asked (without a port: something), and whether nothing of it."""
        allowed = self.wanted(a, b) & asked
        whole = allowed != 0 if asked == self.verdicts.all else not asked & ~self.passes(a, b)
        return whole, not allowed and not whole

    def judged(self, source, target, asked):
        """The same for each pair of addresses that policies decide about."""
        version = next((v for v, name in ICMP_NAMES.items() if asked & self.of_protocol(name) == asked), None)
        for a in source.addresses:
            for b in target.addresses:
                p, q = self.world.pod_at(a), self.world.pod_at(b)
                if a.version == b.version and (p or q) and not self.is_free(a, b) and self.host in (None, p, q):
                    if version in (None, a.version):
                        yield self.judge(a, b, asked)

    def of_protocol(self, name, kind=None):
        return sum(1 << i for i, p in enumerate(self.verdicts.probes)
                   if p.protocol == name and kind in (None, p.icmp_type))

    def some_port(self):
        """What is asked for as a mask, and as --port has it."""
        probes = self.verdicts.probes
        ported = [i for i, p in enumerate(probes) if p.protocol in PORTED]
        i = self.rng.choice(ported + [None] * (len(ported) // 3))
        if i is None:
            return self.verdicts.all, []
        if self.rng.random() < 0.7:
            return 1 << i, ["--port", f"{PORTED[probes[i].protocol]}/{probes[i].dport}"]
        i = self.rng.choice([i for i, p in enumerate(probes) if p.icmp_type is not None])
        name, kind = probes[i].protocol, probes[i].icmp_type
        text, mask = self.rng.choice([(f"{kind}.{probes[i].icmp_code}", 1 << i), (kind, self.of_protocol(name, kind)),
                                      ("*", self.of_protocol(name))])
        return mask, ["--port", f"{name.lower().replace('v', '')}/{text}"]

    def check_pair(self, pair, asked, whole):
        """A pair that is shown has, or has not, what it is shown for."""
        version = {"IPv4": 4, "IPv6": 6}[pair["family"]]
        pairs = [(a, b) for a in self.addresses_of(pair["from"], version) for b in self.addresses_of(pair["to"], version)]
        found = [self.judge(a, b, asked)[0] for a, b in pairs if not self.is_free(a, b)]
        listing.demand(found and len(found) == len(pairs), f"{pair['from']} to {pair['to']}: nobody")
        for right in found:
            listing.demand(right == whole, f"{pair['from']} to {pair['to']} {pair['family']} is shown wrongly")

    def addresses_of(self, text, version):
        try:
            found = [ipaddress.ip_address(text)]
        except ValueError:
            end = listing.end_of(text)
            found = [end.first, end.last] if isinstance(end, listing.Range) else end.addresses or self.addresses(end)
        return [a for a in found if a.version == version]

    def ask(self):
        source, target = self.some_end(), self.some_end()
        asked, port = self.some_port()
        arguments = ["query", "-o", "json", "--from", source.text, "--to", target.text,
                     "--ipblock", "external" if self.external else "any", *self.machine, *port]
        done = self.suite.run(*arguments, self.directory / "world.json", self.directory / "policies.npc")
        judged = list(self.judged(source, target, asked))
        if not judged:
            return self.check_nobody(source, target, port, done)
        what = f"{' '.join(map(str, arguments))}\n{done.diag}{done.text}"
        listing.demand(done.status in (0, 1), f"ended with {done.status}: {what}")
        answer = json.loads(done.out)
        wanted = ("yes" if all(whole for whole, _ in judged) else "no" if all(nothing for _, nothing in judged)
                  else "partly")
        listing.demand(answer["answer"] == wanted, f"wanted {wanted}: {what}")
        listing.demand((done.status == 0) == (wanted == "yes"), f"status {done.status}: {what}")
        for name, whole in (("example", True), ("counterexample", False)):
            if name in answer:
                self.check_pair(answer[name], asked, whole)
        listing.demand(("counterexample" in answer) == (wanted != "yes"), f"a counterexample: {what}")

    def check_nobody(self, source, target, port, done):
        """Ends between which policies decide nothing: the answer is yes if that is because nothing is filtered, and
        no if there can be no connection; else, of two strangers, there is none."""
        icmp = {"icmp": 4, "icmp6": 6}.get(port[1].partition("/")[0] if port else None)
        pairs = [(a, b) for a in source.addresses for b in target.addresses if icmp in (None, a.version)]
        meant = any(self.world.pod_at(a) or self.world.pod_at(b) for a in source.addresses for b in target.addresses)
        if self.host or not meant:
            return
        free = any(a.version == b.version and self.is_free(a, b) for a, b in pairs)
        listing.demand(done.status in (0, 1), f"{source.text} to {target.text} {port}: {done.diag}")
        listing.demand((done.status, json.loads(done.out)["answer"]) == ((0, "yes") if free else (1, "no")),
                       f"{source.text} to {target.text} {port}: {done.text}")

    def run(self):
        try:
            self.write()
            for _ in range(QUESTIONS):
                self.ask()
        except listing.Bad as error:
            return str(error)
        return ""


def main():
    suite = npctest.Suite(__doc__, count=100)
    return suite.trials("random-queries", lambda number: Questions(suite, suite.args.seed, number))


if __name__ == "__main__":
    sys.exit(main())
