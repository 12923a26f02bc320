"""The representative runs in which everything fails in turn: each is a command line in a directory
that holds inputs/, the examples, and what an earlier run left."""
import json
import pathlib
import shutil

import yaml

HERE = pathlib.Path(__file__).resolve().parent
SRC = HERE.parents[1]

LOG = "npc:e-aaaaaaaa IN=a OUT=b MAC= SRC=10.1.0.2 DST=10.1.0.1 LEN=60 TTL=63 PROTO=TCP SPT=40000 DPT=22"


class Run:
    """One command line. `stdin` and `pipe` are files that come through pipes, the second as /dev/fd/9;
    `kills`: it replaces files, and may be killed at any moment; `apart`: and does so one by one, each
    of them whole; `kernel`: it works on the rules of the network namespace; `stdio`: it prints a
    text that means nothing to programs with printf(), of which a part may be lost, but not without
    a message; `prepare`: command lines that come before; `reboot`: and then a reboot; `beside`: a
    command line that waits for a confirmation meanwhile; `threads`: there are several."""

    def __init__(self, name, line, stdin=None, pipe=None, kills=False, apart=False, kernel=False, stdio=False, prepare=(), reboot=False,
                 beside=None, threads=False):
        self.name = name
        self.threads = threads
        self.args = [a.replace("~", " ") for a in line.split()]
        self.stdin = stdin
        self.pipe = pipe
        self.kills = kills
        self.apart = apart
        self.stdio = stdio
        self.kernel = kernel
        self.prepare = prepare
        self.reboot = reboot
        self.beside = beside


OLD = "compile -t {} -o {} dump.json"
PLACES = "--state-dir ../state --run-dir ../run"
APPLY = "apply {} --host shop/db-1 " + PLACES + " {}"
FIRST = APPLY.format("-t nft", "world.npc machines.npc")

RUNS = [
    Run("k8s", "compile world.npc"),
    Run("k8s-file", "compile -o out.yaml cluster.npc", kills=True, prepare=[OLD.format("k8s", "out.yaml")]),
    Run("k8s-stdin", "compile -v --expect-count 1 -", stdin="pods.yaml"),
    Run("k8s-raw", "compile --allow-raw --allow-aliases --lenient --root . raw.npc loose.yaml"),
    Run("calico", "compile -t calico world.npc"),
    Run("npc", "compile -t npc pods.yaml"),
    Run("npc-cluster", "compile -t npc -o new.npc cluster.npc", kills=True),
    Run("json", "compile -t json dump.json"),
    Run("json-stdin", "compile -t json -", stdin="dump.json"),
    Run("null", "compile -t null world.npc"),
    Run("nft", "compile -t nft cluster.npc"),
    Run("nft-directory", "compile -t nft tree"),
    Run("nft-file", "compile -t nft -o out.nft cluster.npc", kills=True, prepare=[OLD.format("nft", "out.nft")]),
    Run("nft-node", "compile -t nft --node node-1 --ipblock external --log world.npc pods.yaml"),
    Run("nft-host", "compile -t nft --host shop/db-1 --failsafe tcp/22,udp/161 --log --log-rate 9 cluster.npc"),
    Run("nft-from", "compile -t nft --from out.nft cluster.npc", prepare=[OLD.format("nft", "out.nft")]),
    Run("nft-pipe", "compile -t nft --node node-1 policies.yaml /dev/fd/9", pipe="dump.json"),
    Run("iptables", "compile -t iptables -o new cluster.npc", kills=True),
    Run("iptables-replace", "compile -t iptables -o rules cluster.npc", kills=True, prepare=[OLD.format("iptables", "rules")]),
    Run("refused", "compile wrong.npc wrong.yaml doubtful.npc"),
    Run("refused-json", "compile --diag json -o out.yaml wrong.yaml", prepare=[OLD.format("k8s", "out.yaml")]),
    Run("usage", "compile --nod x world.npc", stdio=True),
    Run("list-text", "list cluster.npc"),
    Run("list-json", "list -o json --pods --nodes cluster.npc"),
    Run("list-csv", "list -o csv dump.json"),
    Run("list-md", "list -o md --exposure --namespace shop --port tcp/8080 cluster.npc"),
    Run("list-dot", "list -o dot --classes --to shop cluster.npc"),
    Run("list-html", "list -o html vms"),
    Run("query-yes", "query --from shop/front-1 --to shop/back-1 --port tcp/8080 --explain cluster.npc"),
    Run("query-no", "query --from 192.0.2.1 --to shop --any --port tcp/22 --explain -o json cluster.npc"),
    Run("why", f"why {LOG.replace(' ', '~')} cluster.npc"),
    Run("diff-text", "diff --with machines.npc world.npc doubtful.npc"),
    Run("diff-json", "diff -o json --with vms/machines.npc vms/policies.npc vms/operate.npc"),
    Run("diff-md", "diff -o md --fail-on gained cluster.npc dump.json"),
    Run("diff-stdin", "diff --with - world.npc doubtful.npc", stdin="machines.npc"),
    Run("diff-at-once", "diff -o json tree vms", threads=True),
    Run("check", "check cluster.npc doubtful.npc"),
    Run("check-json", "check -o json --strict -v --color always vms"),
    Run("check-sarif", "check -o sarif --require-desc -t nft --cni calico doubtful.npc dump.json"),
    Run("fmt", "fmt untidy.npc world.npc"),
    Run("fmt-write", "fmt -w untidy.npc world.npc", kills=True, apart=True),
    Run("fmt-check", "fmt --check world.npc untidy.npc -", stdin="doubtful.npc", stdio=True),
    Run("explain", "explain", stdio=True),
    Run("backends", "backends", stdio=True),
    Run("prelude", "prelude"),
    Run("help", "compile --help", stdio=True),
    Run("apply-dry", APPLY.format("--dry-run -t nft", "cluster.npc"), kernel=True),
    Run("apply-nft", APPLY.format("-t nft", "cluster.npc"), kernel=True, kills=True, prepare=[FIRST]),
    Run("apply-iptables", APPLY.format("-t iptables", "--keep 192.0.2.9:443 world.npc machines.npc"), kernel=True, kills=True),
    Run("apply-other", APPLY.format("-t iptables --replace", "cluster.npc"), kernel=True, kills=True, prepare=[FIRST]),
    Run("apply-unconfirmed", APPLY.format("-t nft --confirm 5", "cluster.npc"), kernel=True, kills=True, prepare=[FIRST]),
    Run("status", "status -o json " + PLACES, kernel=True, prepare=[FIRST]),
    Run("confirm", "confirm " + PLACES, kernel=True, prepare=[FIRST], beside=APPLY.format("-t nft --confirm 80000", "cluster.npc")),
    Run("rollback", "rollback " + PLACES, kernel=True, kills=True, prepare=[FIRST, APPLY.format("-t nft", "cluster.npc")]),
    Run("rollback-pending", "rollback " + PLACES, kernel=True, prepare=[FIRST],
        beside=APPLY.format("-t nft --confirm 80000", "cluster.npc")),
    Run("boot", "boot " + PLACES, kernel=True, reboot=True, prepare=[FIRST]),
]


def make_inputs(into):
    """The directory that every run begins with."""
    shutil.copytree(HERE / "inputs", into)
    shutil.copytree(SRC / "examples" / "shop", into / "tree")
    shutil.copytree(SRC / "examples" / "vms", into / "vms")
    (into / "tree" / "deep" / "er").mkdir(parents=True)
    objects = []
    for document in yaml.safe_load_all((into / "pods.yaml").read_text()):
        objects += document["items"] if document["kind"] == "List" else [document]
    policies = [o for o in objects if o["kind"] == "NetworkPolicy"]
    (into / "dump.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}, indent=1))
    (into / "tree" / "deep" / "er" / "one.json").write_text(json.dumps(policies[0]))
    (into / "policies.yaml").write_text(yaml.safe_dump_all([dict(p, metadata={**p["metadata"], "name": "other"}) for p in policies]))
