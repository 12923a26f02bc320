#!/usr/bin/env bash
# npc query, why and diff as commands: exit status, what is printed, errors.
. "$(dirname "$0")/../lib.sh"
test_begin cli/answers

cat >pods.yaml <<'END'
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {}
status: {phase: Running, podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {}
status: {phase: Running, podIPs: [{ip: 10.0.0.2}, {ip: "fd00::2"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: dev, namespace: lab, labels: {app: web}}
spec: {}
status: {phase: Running, podIPs: [{ip: 10.0.0.3}]}
END
mkdir old new
cat >old/db.yaml <<'END'
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{protocol: TCP, port: 5432}]
END
sed 's/5432/5433/; s/podSelector: {matchLabels: {app: web}}/namespaceSelector: {}/' old/db.yaml >new/db.yaml

# ---- query ----
run "$NPC" query --from shop/web --to shop/db --port tcp/5432 old pods.yaml
check query-yes test "$status" = 0 -a "$(cat "$TMP/out")" = 'yes: shop/web reaches shop/db on tcp/5432'
run "$NPC" query --from shop/web --to shop/db --port tcp/80 old pods.yaml
check query-no test "$status" = 1 -a "$(cat "$TMP/out")" = 'no: shop/web cannot reach shop/db on tcp/80'
run "$NPC" query --from 0.0.0.0/0 --to shop/db old pods.yaml
check query-partly test "$status" = 1
check query-partly-says grep -q '^not always: 1 of ' "$TMP/out"
run "$NPC" query --any --from 0.0.0.0/0 --to shop/db old pods.yaml
check query-any test "$status" = 0
run "$NPC" query --from lab --to shop/db --explain old pods.yaml
check query-explain test "$status" = 1
check query-explain-isolation grep -qF '  ingress of shop/db: decided by shop/db old/db.yaml:3' "$TMP/out"
check query-explain-miss grep -qF 'shop/db ingress[0] old/db.yaml:8: namespace lab is not shop' "$TMP/out"
check query-explain-other-side grep -qF '  egress of lab/dev: not isolated, all is allowed' "$TMP/out"
run "$NPC" query --from shop/web --to shop/db --port tcp/5432 --explain old pods.yaml
check query-explain-rule grep -qF 'shop/db ingress[0] old/db.yaml:8: allows tcp/5432' "$TMP/out"
run "$NPC" query -o json --from lab --to shop/db --explain old pods.yaml
check query-json python3 -c '
import json, sys
a = json.load(open(sys.argv[1]))
rule = a["counterexample"]["ingress"]["rules"][0]
assert a["version"] == 1 and a["answer"] == "no" and a["pairs"] == 1, a
assert rule["file"] == "old/db.yaml" and rule["line"] == 8 and not rule["matches"], rule' "$TMP/out"
run "$NPC" query --from shop/wep --to shop/db old pods.yaml
check_err query-unknown 2 "did you mean 'shop/web'?"
run "$NPC" query --from shop/web old pods.yaml
check_err query-needs-both 2 '--from and --to'
run "$NPC" query --from 192.0.2.1 --to 192.0.2.2 old pods.yaml
check_err query-nobody 2 'NPC902'

# Two objects of one name are told apart by kind.
kinds=$SRC/tests/list/cases/kinds/in.yaml
run "$NPC" query -o json --explain --from s/web --to s/db "$kinds"
check query-kinds python3 -c '
import json, sys
a = json.load(open(sys.argv[1]))
assert a["example"]["from"] == "s/web[Deployment]" and a["counterexample"]["from"] == "s/web[CronJob]", a
missed = a["counterexample"]["ingress"]["rules"][0]["misses"]
assert missed == "s/web[CronJob] has app=cron, not app=web", missed' "$TMP/out"

# No tier after NetworkPolicies is asked about whom these isolate.
cat >baseline.npc <<'END'
namespace a {
  workload a1 { addr 10.0.0.1 label app=a }
  workload a2 { addr 10.0.0.2 label app=b }
  policy in for all pods { default deny ingress }
}
cluster policy base in tier baseline priority 1 for all pods in all namespaces {
  allow from all namespaces on tcp/9
}
END
run "$NPC" query --explain --from a/a1 --to a/a2 --port tcp/9 baseline.npc
check query-explain-isolated test "$(tail -n 2 "$TMP/out")" = '  ingress of a/a2: decided by a/in baseline.npc:4
    no rule allows anything'
run "$NPC" compile -t nft -o rules.nft baseline.npc
check compile-names-isolating grep -qF '"a/in isolates ingress baseline.npc:4"' rules.nft

# Policy never sees the address of a Service.
cat >service.yaml <<'END'
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {clusterIP: 10.96.0.1, selector: {app: db}, ports: [{port: 5432}]}
END
seen='which is replaced by that of a pod before policy is applied'
run "$NPC" query --from lab/dev --to 10.96.0.1 --port tcp/5432 old pods.yaml service.yaml
check query-service test "$status" = 0 \
    -a "$(head -n 1 "$TMP/err")" = "npc: warning: 10.96.0.1 is the address of Service shop/db, $seen [NPC309]"
check query-service-hint grep -qxF '  hint: ask for its pods, such as shop/db' "$TMP/err"
run "$NPC" query --from lab/dev --to 10.96.0.0/16 old pods.yaml service.yaml
check query-service-net grep -qF "10.96.0.0/16 holds the address of Service shop/db, $seen" "$TMP/err"
for to in 0.0.0.0/0 10.96.0.2 shop/db; do
    run "$NPC" query --from lab/dev --to "$to" old pods.yaml service.yaml
    check "query-no-service-$to" test "$(grep -c NPC309 "$TMP/err")" = 0
done
run "$NPC" why 'SRC=10.0.0.3 DST=10.96.0.1 PROTO=TCP SPT=4000 DPT=5432' old pods.yaml service.yaml
check why-service grep -qF "10.96.0.1 is the address of Service shop/db, $seen" "$TMP/err"

# Ends that are written wrongly, or whose traffic is another's.
run "$NPC" query --from 10.0.0.1/8 --to shop/db old pods.yaml
check_err query-host-bits 2 "host bits are set in '10.0.0.1/8'"
check query-host-bits-hint grep -qxF '  hint: write 10.0.0.0/8' "$TMP/err"
cat >host.yaml <<'END'
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: lab}
spec: {nodeName: n9, hostNetwork: true}
status: {phase: Running, podIPs: [{ip: 192.168.0.9}]}
END
run "$NPC" query --from lab/agent --to shop/db old pods.yaml host.yaml
check query-host-network grep -qxF "  hint: its traffic is that of 192.168.0.9" "$TMP/err"
printf '%s\n' 'apiVersion: v1' 'kind: Node' 'metadata: {name: n9}' >n9.yaml
run "$NPC" query --from lab/agent --to shop/db old pods.yaml host.yaml n9.yaml
check query-host-network-node grep -qxF "  hint: its traffic is that of node:n9" "$TMP/err"

# What an end has no address for is no connection, be it to an own node or from a pod to itself.
cat >dual.yaml <<'END'
apiVersion: v1
kind: Node
metadata: {name: n6}
status: {addresses: [{type: InternalIP, address: "fd09::1"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: dev4, namespace: lab}
spec: {nodeName: n6}
status: {phase: Running, podIPs: [{ip: 10.0.0.4}]}
END
n=0
while IFS='|' read -r from to port lacks; do
    # shellcheck disable=SC2086
    run "$NPC" query --from "$from" --to "$to" $port old pods.yaml dual.yaml
    check "query-no-family-$((n += 1))" test "$status" = 1 \
        -a "$(cat "$TMP/out")" = "no: $lacks address: there is no such connection"
done <<'END'
lab/dev4|2001:db8::1||lab/dev4 has no IPv6
2001:db8::1|lab/dev4|--port tcp/80|lab/dev4 has no IPv6
lab|::/0||lab/dev has no IPv6
lab/dev4|node:n6||lab/dev4 has no IPv6
fd09::1|lab/dev4||lab/dev4 has no IPv6
10.0.0.1|fd00::1||10.0.0.1 has no IPv6
lab/dev|shop/web|--port icmp6/128|lab/dev has no IPv6
192.0.2.1|shop/web|--port icmp6/128|192.0.2.1 has no IPv6
END
run "$NPC" query -o json --explain --from lab/dev4 --to node:n6 old pods.yaml dual.yaml
check query-no-family-json test "$status" = 1 \
    -a "$(cat "$TMP/out")" = '{"version": 1, "answer": "no", "pairs": 0, "allowed": 0, "denied": 0}'
run "$NPC" query --from shop/web --to shop/web old pods.yaml
check query-itself test "$status" = 0

# A machine with rules of its own.
run "$NPC" query --from lab --to shop/db --port tcp/22 old pods.yaml
check query-no-machine test "$status" = 1
run "$NPC" query --host shop/db --from lab --to shop/db --port tcp/22 --explain old pods.yaml
check query-host test "$status" = 0
check query-host-explain grep -qxF '    failsafe ports stay open: tcp/22' "$TMP/out"
run "$NPC" query --host shop/db --from shop/web --to shop/db --port tcp/5432 --explain old pods.yaml
check query-host-other-port test "$status" = 0 -a "$(grep -c failsafe "$TMP/out")" = 0
run "$NPC" query --host shop/db --failsafe none --from lab --to shop/db --port tcp/22 --explain old pods.yaml
check query-host-failsafe-none test "$status" = 1 -a "$(grep -c failsafe "$TMP/out")" = 0
run "$NPC" query -o json --host shop/db --failsafe udp/161 --from lab --to shop/db --explain old pods.yaml
check query-host-json python3 -c '
import json, sys
sides = json.load(open(sys.argv[1]))["example"]
assert sides["ingress"]["failsafe"] == [{"protocol": "UDP", "port": 161}], sides
assert "failsafe" not in sides["egress"], sides' "$TMP/out"
run "$NPC" query --host shop/db --from lab --to shop/web old pods.yaml
check_err query-host-not-meant 2 'one end must be the host'
run "$NPC" query --host shop/nobody --from lab --to shop/web old pods.yaml
check_err query-no-such-host 2 'no workload shop/nobody'

# What its node sends is filtered, too, by the rules of a machine, and only by those.
cat >node.yaml <<'END'
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {addresses: [{type: InternalIP, address: 10.9.0.1}]}
END
sed 's/^spec: {}/spec: {nodeName: n1}/' pods.yaml >placed.yaml
run "$NPC" query --host shop/db --from node:n1 --to shop/db --port tcp/9 old placed.yaml node.yaml
check query-host-node test "$status" = 1 -a "$(cat "$TMP/out")" = 'no: node:n1 cannot reach shop/db on tcp/9'
run "$NPC" query --from node:n1 --to shop/db --port tcp/9 old placed.yaml node.yaml
check query-node-free test "$status" = 0
run "$NPC" list --nodes --host shop/db --from node:n1 old placed.yaml node.yaml
check list-host-node test "$(grep -c 'tcp/22  from node:n1' "$TMP/out")" = 1
line='npc:i-abcdefgh IN=eth0 OUT= SRC=10.9.0.1 DST=10.0.0.2 LEN=60 PROTO=TCP SPT=4000 DPT=9 SYN'
run "$NPC" why --host shop/db "$line" old placed.yaml node.yaml
check why-host-node test "$status" = 0 -a "$(head -1 "$TMP/out")" = 'no: node:n1 cannot reach shop/db on tcp/9'
# The rules of a machine hold for all of its addresses, of both families, and for broadcast and multicast.
six='npc:i-2345abcd IN=a OUT= SRC=2001:db8::9 DST=2001:db8::2 PROTO=TCP SPT=1 DPT=9'
run "$NPC" why --host shop/db "$six" old placed.yaml node.yaml
check why-host-unknown-address test "$status" = 0 -a "$(head -1 "$TMP/out")" = 'no: 2001:db8::9 cannot reach shop/db on tcp/9'
run "$NPC" why --host shop/db "${six/DPT=9/DPT=22}" old placed.yaml node.yaml
check why-host-unknown-address-failsafe test "$status" = 1
run "$NPC" why --host shop/db 'npc:i-2345abcd IN=a OUT= SRC=192.0.2.1 DST=255.255.255.255 PROTO=UDP SPT=1 DPT=9' old placed.yaml node.yaml
check why-host-broadcast test "$status" = 0 -a "$(head -1 "$TMP/out")" = 'no: 192.0.2.1 cannot reach shop/db on udp/9'
run "$NPC" why --host shop/db 'npc:e-2345abcd IN= OUT=a SRC=2001:db8::2 DST=ff02::fb PROTO=UDP SPT=1 DPT=9' old placed.yaml node.yaml
check why-host-multicast grep -q 'shop/db .*ff02::fb on udp/9' "$TMP/out"
run "$NPC" query --host shop/db --from 2001:db8::9 --to shop/db --port tcp/22 old placed.yaml node.yaml
check query-host-other-family test "$status" = 0 -a "$(head -1 "$TMP/out")" = 'yes: 2001:db8::9 reaches shop/db on tcp/22'
run "$NPC" why "$line" old placed.yaml node.yaml
check why-node-free test "$status" = 1
run "$NPC" why --host shop/db --failsafe tcp/9 "$line" old placed.yaml node.yaml
check why-host-failsafe test "$status" = 1

# A pod that only one family tells apart.
cat >six.npc <<'END'
namespace shop { policy six for pods app=web { allow from cidr fd00::2/128 on tcp/80 } }
END
run "$NPC" query --from shop/db --to shop/web --port tcp/80 six.npc pods.yaml
check query-family grep -qF 'shop/db cannot reach shop/web on tcp/80 (IPv4)' "$TMP/out"

# The name of a file steers no terminal.
name=$(printf 'a\033[31mb.npc')
echo 'namespace shop { policy x for pods app=db { default deny ingress } }' >"$name"
run "$NPC" query --from shop/web --to shop/db --explain "$name" pods.yaml
check query-file-name grep -qF 'decided by shop/x a\x1b[31mb.npc:1' "$TMP/out"

# Nobody knows the addresses of a domain: the answer is neither yes nor no.
cat >domain.npc <<'END'
cluster policy p in tier admin priority 1 for all pods in all namespaces {
  deny to domain "*.example.com" on tcp/443
}
END
run "$NPC" check domain.npc old pods.yaml
check check-domain test "$status" = 0 -a "$(grep -c NPC406 "$TMP/err")" = 0
cat >expects.npc <<'END'
test "who can tell" { expect deny anywhere -> pods app=web in namespace shop on tcp/443 }
END
run "$NPC" check domain.npc expects.npc pods.yaml
check_err check-test-of-domain 2 'NPC406'
run "$NPC" query --from shop/web --to shop/db domain.npc pods.yaml
check_err query-unknown-domain 2 'domain.npc:2:11: error: who reaches whom cannot be told'
run "$NPC" list domain.npc pods.yaml
check_err list-unknown-domain 2 'NPC406'
run "$NPC" diff --with pods.yaml old domain.npc
check_err diff-unknown-domain 2 'NPC406'

# Rules about the other end that decide nothing, and why.
cat >nothing.npc <<'END'
namespace shop {
  workload db { addr {10.0.0.1, fd00::1} label app=db port sql = tcp/5432 port metrics = udp/9 }
  workload cli { addr {10.0.0.2, fd00::2} label app=cli }
  policy db for pods app=db { allow from pods app=cli on {tcp/http, udp/metrics2} }
  policy db2 for pods app=db { allow from pods app=cli on {tcp/80, tcp/81} allow from pods app=cli on icmp6/128 }
  policy cli for pods app=cli { allow to anywhere on {tcp/http, tcp/82} }
}
cluster policy c in tier admin priority 1 for pods app=db in all namespaces { deny from all namespaces on tcp/1-1000 }
END
run "$NPC" query --explain --from shop/cli --to shop/db --port tcp/5432 nothing.npc
check explain-name-unknown grep -qxF '    shop/db ingress[0] nothing.npc:4: shop/db names no port tcp/http, udp/metrics2' "$TMP/out"
check explain-name-of-several grep -qxF '    shop/cli egress[0] nothing.npc:6: only on tcp/82' "$TMP/out"
check explain-decided-before grep -qxF '    shop/db2 ingress[0] nothing.npc:5: only on tcp/80-81, which rules before it decide' "$TMP/out"
check explain-other-family grep -qxF '    shop/db2 ingress[1] nothing.npc:5: on nothing that there is in IPv4' "$TMP/out"
run "$NPC" query -o json --explain --from shop/cli --to shop/db --port tcp/5432 nothing.npc
check explain-nothing-json python3 -c '
import json, sys
rules = json.load(open(sys.argv[1]))["counterexample"]["ingress"]["rules"]
assert rules[0]["decides"] != [] and "misses" not in rules[0], rules
assert rules[1]["decides"] == [] and rules[1]["misses"] == "shop/db names no port tcp/http, udp/metrics2", rules' "$TMP/out"

# Five rules that miss are shown, and the others counted.
for n in 6 7; do
    {
        echo 'namespace shop { workload db { addr 10.0.0.1 label app=db } workload cli { addr 10.0.0.2 label app=cli } policy db for pods app=db {'
        seq -f 'allow from pods app=no%.0f on tcp/80' $n
        echo '} }'
    } >misses.npc
    run "$NPC" query --explain --from shop/cli --to shop/db --port tcp/80 misses.npc
    grep 'more$' "$TMP/out" >"$TMP/more-$n"
done
check explain-one-more test "$(cat "$TMP/more-6")" = '    and 1 rule that misses more' -a "$(cat "$TMP/more-7")" = '    and 2 rules that miss more'

cat >kept.npc <<'END'
namespace shop {
  workload db { addr {10.0.0.1, fd00::1} label app=db }
  workload db2 { addr {10.0.0.2, fd00::2} label app=db2 }
  workload db3 { addr {10.0.0.3, fd00::3} label app=db3 }
  workload db4 { addr {10.0.0.4, fd00::4} label app=db4 }
  policy db2 for pods app=db2 { default deny ingress }
  policy db4 for pods app=db4 { default deny egress }
}
cluster policy c in tier admin priority 1 for pods app=db3 in all namespaces { deny from all namespaces on icmp/3.4 }
END

# ---- why ----
line='Nov 21 10:00:00 node kernel: npc IN=a OUT=b SRC=10.0.0.3 DST=10.0.0.2 LEN=60 PROTO=TCP SPT=4000 DPT=5432 SYN'
run "$NPC" why "$line" old pods.yaml
check why-dropped test "$status" = 0
check why-line grep -qF 'shop/db ingress[0] old/db.yaml:8: namespace lab is not shop' "$TMP/out"
run "$NPC" why "${line/SRC=10.0.0.3/SRC=10.0.0.1}" old pods.yaml
check why-allowed test "$status" = 1
check why-allowed-says grep -q '^yes: shop/web reaches shop/db on tcp/5432' "$TMP/out"
run "$NPC" why 'IN=a SRC=fd00::1 DST=fd00::2 PROTO=ICMPv6 TYPE=128 CODE=0 ID=1' old pods.yaml
check why-icmp grep -qF 'no: shop/web cannot reach shop/db on icmp6/128.0' "$TMP/out"
run "$NPC" why 'SRC=10.0.0.3 DST=10.0.0.2 PROTO=ICMP TYPE=3 CODE=1 [SRC=10.0.0.2 DST=10.0.0.3 PROTO=TCP DPT=1 ]' \
    old pods.yaml
check why-quoted grep -qF 'lab/dev cannot reach shop/db on icmp/3.1' "$TMP/out"
run "$NPC" why 'SRC=10.0.0.3 DST=10.0.0.2 PROTO=47' old pods.yaml
check why-other grep -qF 'no: lab/dev cannot reach shop/db on' "$TMP/out"
# The kernel has no word for SCTP and does not log its ports; ICMP of the other family, and UDP-Lite, are just others.
cat >sctp.npc <<'END'
namespace shop {
  policy sctp for pods app=db {
    allow from pods app=web on sctp/*
    allow from pods app=web in all namespaces on {sctp/1000, icmp/*, udp/*}
  }
}
END
why_sctp() { run "$NPC" why "SRC=$1 DST=10.0.0.2 LEN=72 TOS=0x00 PREC=0x00 TTL=63 ID=0 DF $2 " sctp.npc pods.yaml; }
why_sctp 10.0.0.1 PROTO=132
check why-sctp test "$status" = 1 -a "$(head -1 "$TMP/out")" = 'yes: shop/web reaches shop/db on sctp'
why_sctp 10.0.0.3 PROTO=132
check why-sctp-partly test "$status" = 0 -a "$(head -1 "$TMP/out")" = 'not always: lab/dev cannot reach shop/db on sctp/0'
why_sctp 10.0.0.3 'PROTO=SCTP SPT=9 DPT=1000'
check why-sctp-by-name test "$status" = 1
why_sctp 10.0.0.3 'PROTO=132 SPT=9 DPT=1001'
check why-sctp-port test "$status" = 0 -a "$(head -1 "$TMP/out")" = 'no: lab/dev cannot reach shop/db on sctp/1001'
why_sctp 10.0.0.3 PROTO=58
check why-icmp-of-other-family test "$status" = 0 -a "$(head -1 "$TMP/out")" = 'no: lab/dev cannot reach shop/db on rest'
why_sctp 10.0.0.3 'PROTO=UDPLITE SPT=9 DPT=53 LEN=9'
check why-udplite test "$status" = 0 -a "$(head -1 "$TMP/out")" = 'no: lab/dev cannot reach shop/db on rest'
n=0
for bad in '' hello 'SRC=10.0.0.3 DST=10.0.0.2 PROTO=TCP' 'SRC=10.0.0.3 DST=10.0.0.2 PROTO=TCP DPT=65536' \
    'SRC=10.0.0.1 DST=fd00::2 PROTO=TCP DPT=1' 'SRC=fd00::1 DST=fd00::2 PROTO=ICMP TYPE=8 CODE=0' \
    'SRC=x DST=10.0.0.2 PROTO=TCP DPT=1' 'SRC=10.0.0.3 PROTO=TCP DPT=1'; do
    run "$NPC" why "$bad" old pods.yaml
    check_err "why-bad-$((n += 1))" 2 'NPC90'
done

cat >both.npc <<'EOF'
namespace a {
  workload web { addr {10.0.0.1, fd00::1} label app=web }
  workload cli { addr {10.0.0.2, fd00::2} label app=cli }
  policy p for pods app=web { allow from cidr fd00::/16 on all ports }
}
EOF
run "$NPC" query --explain --from a/cli --to a/web both.npc
check explain-one-family grep -q 'a/p ingress\[0\] both.npc:4: fd00::/16 holds no IPv4 address$' "$TMP/out"

# ---- what always passes ----
for port in icmp/3.4 icmp6/2 icmp6/135 icmp6/136.255; do
    run "$NPC" query --from shop/db --to shop/db2 --port $port kept.npc
    check "query-kept-$port" test "$status" = 0 -a "$(cat "$TMP/out")" = "yes: shop/db reaches shop/db2 on $port, which always passes"
done
for port in icmp/3 'icmp/*' icmp/3.5 icmp6/1 icmp6/133 icmp6/143 'icmp6/*'; do
    run "$NPC" query --any --from shop/db --to shop/db2 --port "$port" kept.npc
    check "query-not-kept-$port" test "$status" = 1
    check "query-not-kept-$port-says" grep -q '^no: ' "$TMP/out"
done
run "$NPC" query -o json --from shop/db --to shop/db2 kept.npc
check query-kept-of-all python3 -c '
import json, sys
a = json.load(open(sys.argv[1]))
assert a["answer"] == "no" and a["counterexample"]["denied"] == [{"protocol": "ALL"}], a' "$TMP/out"
run "$NPC" query -o json --explain --from shop/db --to shop/db2 --port icmp/3.4 kept.npc
check query-kept-json python3 -c '
import json, sys
a = json.load(open(sys.argv[1]))["example"]
message = [{"protocol": "ICMP", "type": 3, "code": 4}]
assert a["allowed"] == message and a["ingress"]["kept"] == message and not a["ingress"]["rules"], a
assert "kept" not in a["egress"], a' "$TMP/out"
run "$NPC" query --explain --from shop/db --to shop/db2 --port icmp/3.4 kept.npc
check query-kept-explain test "$(tail -1 "$TMP/out")" = '    messages that always pass: icmp/3.4'
run "$NPC" query --explain --from shop/db --to shop/db3 --port 'icmp/*' kept.npc
check query-all-but-kept test "$status" = 0 -a "$(head -1 "$TMP/out")" = 'yes: shop/db reaches shop/db3 on icmp'
check query-all-but-kept-explain test "$(tail -1 "$TMP/out")" = '    messages that always pass: icmp/3.4'
# A machine keeps more than a node does for its pods, but only at its own end.
run "$NPC" query --host shop/db2 --from shop/db4 --to shop/db2 --port icmp6/133 kept.npc
check query-kept-host-sender test "$status" = 1
run "$NPC" query --host shop/db4 --from shop/db4 --to shop/db2 --port icmp6/133 kept.npc
check query-kept-host-receiver test "$status" = 1
run "$NPC" query --host shop/db2 --from shop/db --to shop/db2 --port icmp6/133 kept.npc
check query-kept-host test "$status" = 0
run "$NPC" query --host shop/db2 --from shop/db --to shop/db2 --port icmp6/137 kept.npc
check query-not-kept-host test "$status" = 1
run "$NPC" why 'SRC=fd00::1 DST=fd00::2 PROTO=ICMPv6 TYPE=135 CODE=0' kept.npc
check why-kept test "$status" = 1 -a "$(head -1 "$TMP/out")" = 'yes: shop/db reaches shop/db2 on icmp6/135.0, which always passes'

# ---- diff ----
run "$NPC" diff --with pods.yaml old old
check diff-same test "$status" = 0 -a "$(cat "$TMP/out")" = '0 connections gained, 0 lost'
run "$NPC" diff --with pods.yaml old new
check diff-differs test "$status" = 1
cat >want <<'END'
+ lab/dev -> shop/db: tcp/5433
    now: shop/db ingress[0] new/db.yaml:8
+ shop/web -> shop/db: tcp/5433
- shop/web -> shop/db: tcp/5432
    was: shop/db ingress[0] old/db.yaml:8
    now: shop/db ingress[0] new/db.yaml:8
2 connections gained, 1 lost
END
check diff-text cmp -s "$TMP/out" want
# What can be read only once is for both sides as well.
run "$NPC" diff --with - old new <pods.yaml
check diff-with-stdin cmp -s "$TMP/out" want
run "$NPC" diff --with <(cat pods.yaml) old new
check diff-with-pipe cmp -s "$TMP/out" want
run "$NPC" diff --with - old new < <(printf 'kind: [')
check_err diff-with-bad-stdin 2 '<stdin>:2:1'
check diff-with-bad-once test "$(grep -c '\[NPC050\]' "$TMP/err")" = 1
touch -d '2 days ago' pods.yaml
run "$NPC" diff --max-age 1h --with pods.yaml old new
check diff-with-old cmp -s "$TMP/out" want
check diff-with-old-once test "$(grep -c '\[NPC607\]' "$TMP/err")" = 1
cat >nodes.yaml <<'EOF'
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}}
- {apiVersion: v1, kind: Node, metadata: {name: n2}, status: {addresses: [{type: InternalIP, address: 192.168.0.2}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: web, namespace: a},
   spec: {nodeName: n1, containers: [{name: c}]}, status: {phase: Running, podIP: 10.0.0.1}}
- {apiVersion: v1, kind: Pod, metadata: {name: api, namespace: k},
   spec: {nodeName: n3, hostNetwork: true, containers: [{name: c}]}, status: {phase: Running, podIP: 192.168.0.3}}
EOF
echo 'policy q for all pods { default deny egress }' >closed.npc
echo 'policy q for all pods { default deny egress allow to cidr 192.168.0.0/30 on tcp/443 }' >opened.npc
run "$NPC" diff --namespace a --with nodes.yaml closed.npc opened.npc
cat >want <<'EOF'
+ a/web -> node:n2: tcp/443
    now: a/q egress[0] opened.npc:1
+ a/web -> 192.168.0.0/30: tcp/443
    now: a/q egress[0] opened.npc:1
2 connections gained, 0 lost
EOF
check diff-nodes cmp "$TMP/out" want
run "$NPC" query --namespace a --from a/web --to 192.168.0.3 --port tcp/443 nodes.yaml opened.npc
check query-host-without-node test "$status" = 0
run "$NPC" diff --namespace a closed.npc opened.npc
check diff-nobody grep -q '^npc: warning: neither input holds a pod .*NPC004' "$TMP/err"

run "$NPC" diff --with nowhere.yaml old new
check_err diff-with-nothing 2 'nowhere.yaml'
run "$NPC" diff --with pods.yaml - new <old/db.yaml
check diff-stdin-old grep -qxF '2 connections gained, 1 lost' "$TMP/out"
for twice in '- -' '--with - - new' '--with - --with - old new'; do
    # shellcheck disable=SC2086
    run "$NPC" diff $twice <pods.yaml
    check_err "diff-stdin-twice: $twice" 2 "'-' can be read only once"
done
run "$NPC" diff --with pods.yaml - /dev/stdin < <(cat old/db.yaml)
check_err diff-stdin-by-name-twice 2 "'/dev/stdin' can be read only once"
run "$NPC" diff --with '' old new
check_err diff-with-nothing-at-all 2 "cannot be ''"
run "$NPC" diff --with - old new <&-
check_err diff-with-closed-stdin 3 '<stdin>: cannot be read: Bad file descriptor'
run "$NPC" diff --with pods.yaml --fail-on lost old new
check diff-fail-on-lost test "$status" = 1
sed '/ports:/d' old/db.yaml >wider.yaml
run "$NPC" diff --with pods.yaml --fail-on lost old wider.yaml
check diff-fail-on-only-lost test "$status" = 0
run "$NPC" diff --with pods.yaml --fail-on gained wider.yaml old
check diff-fail-on-only-gained test "$status" = 0
run "$NPC" diff --with pods.yaml -o md old new
check diff-md grep -qF '| lab/dev | shop/db | tcp/5433 |  | now shop/db ingress\[0\] new/db.yaml:8 |' "$TMP/out"
echo 'policy' >bad.npc
run "$NPC" diff --with pods.yaml old bad.npc
check_err diff-bad-new 2 'bad.npc:'
run "$NPC" diff --with pods.yaml bad.npc old
check_err diff-bad-old 2 'bad.npc:'
mkdir bad-old bad-new
echo 'policy' >bad-old/one.npc
echo 'namespace' >bad-new/two.npc
run "$NPC" diff --with pods.yaml bad-old bad-new
check_err diff-bad-both 2 'bad-new/two.npc:'
check diff-bad-old-first test "$(grep -o '^bad-[a-z]*' "$TMP/err" | uniq | tr '\n' ' ')" = 'bad-old bad-new '
run "$NPC" diff old
check_err diff-needs-two 2 'OLD and NEW'

# Reasons: of each range the rules that are about it; of what changed with a pod, policies that did not.
cat >one.npc <<'EOF'
namespace a {
  workload web { addr 10.0.0.1 label app=web }
  workload cli { addr 10.0.0.2 label app=cli }
  policy u for pods app=web { allow from pods app=new on tcp/81 }
  policy p for pods app=web { default deny ingress }
}
EOF
cat >two.npc <<'EOF'
namespace a {
  workload web { addr 10.0.0.1 label app=web }
  workload cli { addr 10.0.0.2 label app=new }
  policy u for pods app=web { allow from pods app=new on tcp/81 }
  policy p for pods app=web {
    allow from cidr 192.0.2.0/28 on tcp/80
    allow from {cidr 198.51.100.0/28, pods app=new} on tcp/80
  }
}
EOF
run "$NPC" diff one.npc two.npc
cat >want <<'EOF'
+ a/cli -> a/web: tcp/80-81
    now: a/u ingress[0] two.npc:4
    now: a/p ingress[1] two.npc:7
+ 192.0.2.0/28, 198.51.100.0/28 -> a/web: tcp/80
    now: a/p ingress[0] two.npc:6
    now: a/p ingress[1] two.npc:7
3 connections gained, 0 lost
EOF
check diff-reasons cmp "$TMP/out" want
run "$NPC" diff -o json one.npc two.npc
check diff-reasons-json python3 -c '
import json, sys
lines = {c["from"].split("-")[0]: [r["line"] for r in c["because"]] for c in json.load(open(sys.argv[1]))["changes"]}
assert lines == {"a/cli": [4, 7], "192.0.2.0": [6], "198.51.100.0": [7]}, lines' "$TMP/out"

# Addresses that one of the two tells apart have their own family only.
cat >split.npc <<'EOF'
namespace a {
  workload web { addr {10.0.0.1, fd00::1} label app=web }
  workload cli { addr {10.0.0.2, 10.0.0.9, fd00::2} label app=cli }
  policy p for pods app=web { allow from cidr 10.0.0.2/32 on tcp/80 }
}
EOF
sed 's/from cidr.* on/from pods app=cli on/' split.npc >whole.npc
run "$NPC" diff split.npc whole.npc
cat >want <<'EOF'
+ a/cli[10.0.0.9] -> a/web: tcp/80
    now: a/p ingress[0] whole.npc:4
+ a/cli[fd00::2] -> a/web: tcp/80
    now: a/p ingress[0] whole.npc:4
2 connections gained, 0 lost
EOF
check diff-families cmp "$TMP/out" want

# The pods of one Deployment are one end, as is the Deployment whose pods are not there.
cat >deployment.yaml <<'END'
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {metadata: {labels: {app: web}}, spec: {containers: []}}}
END
for n in 1 2; do
    cat <<END
---
apiVersion: v1
kind: Pod
metadata:
  {name: web-6d4-$n, namespace: shop, labels: {app: web, pod-template-hash: 6d4},
   ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-6d4, uid: u, controller: true}]}
spec: {}
status: {phase: Running, podIPs: [{ip: 10.0.1.$n}, {ip: "fd00:1::$n"}]}
END
done >replicas.yaml
sed -n '7,11p' pods.yaml >db-pod.yaml
mkdir manifests cluster
cp old/db.yaml deployment.yaml db-pod.yaml manifests
cp old/db.yaml replicas.yaml db-pod.yaml cluster
run "$NPC" diff manifests cluster
check diff-owner-and-pods test "$status" = 0 -a "$(cat "$TMP/out")" = '0 connections gained, 0 lost'
cp new/db.yaml cluster
run "$NPC" diff manifests cluster
check diff-owner-named grep -qF -- '- shop/web -> shop/db: tcp/5432' "$TMP/out"

# Of two cluster policies of one priority the one that denies wins, whatever the files are called.
for what in 'open allow' 'shut deny'; do
    cat >"${what% *}.npc" <<END
cluster policy ${what% *} in tier admin priority 10 for all pods in all namespaces {
  ${what#* } from all namespaces on tcp/22
}
END
done
echo 'namespace x { workload u { addr 10.0.0.1 } workload v { addr 10.0.0.2 } }' >uv.npc
for order in 'open.npc shut.npc' './shut.npc open.npc' 'shut.npc ./open.npc'; do
    # shellcheck disable=SC2086 # two files
    run "$NPC" query --from x/u --to x/v --port tcp/22 $order uv.npc
    check "query-tie: $order" test "$status" = 1
done

# What names no namespace is where --namespace says, in what is written too.
cat >homeless.npc <<'END'
policy p for all pods { default deny ingress }
workload w { addr 10.0.0.1 }
test "closed" { expect deny anywhere -> workload w on all ports }
END
"$NPC" compile -t npc --namespace prod -o settled.npc homeless.npc
"$NPC" compile -t npc -o homeless2.npc homeless.npc
for input in '--namespace prod homeless.npc' '--namespace prod homeless2.npc' settled.npc; do
    # shellcheck disable=SC2086 # words
    run "$NPC" query --from 203.0.113.9 --to prod/w $input
    check "namespace-query: $input" test "$status" = 1
    # shellcheck disable=SC2086 # words
    run "$NPC" check $input
    check "namespace-check: $input" test "$status" = 0
done
for backend in k8s calico; do
    run "$NPC" compile -t $backend --namespace prod homeless.npc
    check "namespace-$backend" grep -q '^  namespace: prod$' "$TMP/out"
done
cp -r manifests ended
sed 's/Running/Failed/' replicas.yaml >ended/replicas.yaml
run "$NPC" diff manifests ended
check diff-owner-and-ended-pods test "$status" = 0 -a "$(cat "$TMP/out")" = '0 connections gained, 0 lost'

# Of many reasons people are shown some, and how many there are more.
echo 'namespace a { policy p for all pods { default deny ingress } workload w { addr 10.0.0.1 } }' >none.npc
for rules in 8 9 300; do
    {
        echo 'namespace a { workload w { addr 10.0.0.1 } policy p for all pods {'
        for ((i = 0; i < rules; i++)); do echo "allow from cidr 192.$((i / 256)).$((i % 256)).0/24 on tcp/80"; done
        echo '} }'
    } >many.npc
    run "$NPC" diff none.npc many.npc
    check "diff-reasons-of-$rules" test "$(grep -c '^    now: a/p' "$TMP/out")" = "$((rules == 8 ? 8 : 7))"
    check "diff-more-reasons-of-$rules" \
        test "$(grep -c "^    now: $((rules - 7)) more$" "$TMP/out")" = "$((rules > 8))"
    run "$NPC" diff -o json none.npc many.npc
    check "diff-all-reasons-of-$rules" test "$(grep -o 'many.npc:' "$TMP/out" | wc -l)" -ge "$rules"
done
test_end
