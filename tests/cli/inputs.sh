#!/usr/bin/env bash
# INPUTs: files, directories, standard input, pipes; include and import; what is refused.
. "$(dirname "$0")/../lib.sh"
test_begin cli/inputs

# policy NAME: npc source; object NAME: the same in YAML; json NAME: in JSON.
policy()
{
    echo "policy $1 for pods app=$1 { allow from anywhere on tcp/80 }"
}
object()
{
    cat <<END
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: $1, namespace: default}
spec:
  podSelector: {matchLabels: {app: $1}}
  ingress:
  - ports: [{port: 80}]
END
}
json()
{
    cat <<END
{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
 "metadata": {"name": "$1", "namespace": "default"},
 "spec": {"podSelector": {"matchLabels": {"app": "$1"}}, "ingress": [{"ports": [{"port": 80}]}]}}
END
}
# names: the policies that the last run printed (-t npc), in order.
names()
{
    sed -n 's/^ *policy \([^ ]*\) .*/\1/p' "$TMP/out" | paste -sd ' '
}
# loads NAME "POLICIES" INPUT...
loads()
{
    local name=$1 wanted=$2
    shift 2
    run "$NPC" compile -t npc --namespace default "$@"
    if [ "$status" = 0 ] && [ "$(names)" = "$wanted" ]; then
        ok "$name"
    else
        fail "$name" "status $status, policies '$(names)', not '$wanted': $(head -2 "$TMP/err")"
    fi
}
# refuses NAME STATUS TEXT INPUT...
refuses()
{
    local name=$1 wanted=$2 text=$3
    shift 3
    run "$NPC" compile -t npc "$@"
    check_err "$name" "$wanted" "$text"
}

# ---- what is left out ----
mkdir -p kust/base skip
object k >kust/base/k.yaml
printf 'resources: [k.yaml]\nnamePrefix: x-\npatches:\n- path: p.yaml\n' >kust/base/kustomization.yaml
printf 'resources: [base]\n' >kust/kustomization.yml
loads kustomization k kust
loads kustomization-named k kust/kustomization.yml kust/base/k.yaml
{ object l; printf -- '---\nresources: [k.yaml]\n'; } >kust/base/Kustomization
loads kustomization-with-a-policy "l k" kust kust/base/Kustomization
printf 'kind: NetworkPolicy\nmetadata: {name: x}\n' >kust/kustomization.yaml
refuses kustomization-of-a-kind 2 'a NetworkPolicy has one' kust
printf 'resources: [k.yaml]\n' >skip/my-kustomization.yaml
refuses no-kind 2 'every Kubernetes object says' skip/my-kustomization.yaml
refuses no-kind-lenient 2 'every Kubernetes object says' --lenient skip/my-kustomization.yaml
printf 'apiVersion: crd.projectcalico.org/v1\nkind: NetworkPolicy\nmetadata: {name: c}\n---\n' >skip/two.yaml
object k >>skip/two.yaml
refuses no-skip 2 'skip-kind NetworkPolicy.crd.projectcalico.org' skip/two.yaml
loads skip-group k --skip-kind NetworkPolicy.crd.projectcalico.org skip/two.yaml
check skip-group-quiet test ! -s "$TMP/err"
loads skip-only-unread k --skip-kind NetworkPolicy skip/two.yaml
check not-skipped grep -qF 'skip/two.yaml:6:7: warning: 1 object that --skip-kind names is read all the same [NPC009]' \
    "$TMP/err"

# ---- kinds of files ----
mkdir kinds
policy a >kinds/a.npc
object b >kinds/b.yaml
object c >kinds/c.yml
json d >kinds/d.json
policy hidden >kinds/.hidden.npc
mkdir kinds/.git kinds/sub
policy hidden2 >kinds/.git/x.npc
object e >kinds/sub/e.yaml
echo 'not policy' >kinds/README
ln -s ../a.npc kinds/sub/link.npc
ln -s /etc kinds/etc
loads directory 'a b c d e' kinds
loads directory-slash 'a b c d e' kinds/
loads directory-dot 'a b c d e' ./kinds/.
loads files 'a b c d' kinds/a.npc kinds/b.yaml kinds/c.yml kinds/d.json
loads files-any-order 'a b c d' kinds/d.json kinds/a.npc kinds/c.yml kinds/b.yaml
loads once 'a b c d e' kinds kinds/a.npc kinds/../kinds/sub kinds
ln -s kinds named-link
loads named-link-is-followed 'a b c d e' named-link
ln -s kinds/a.npc named.npc
loads named-file-link 'a' named.npc
mkdir order
# In byte order of their names, which is no locale's order.
i=0
for n in B.yaml A_.yaml a-b.yaml a.b.yaml a/x.yaml ab.yaml Z.npc; do
    i=$((i + 1))
    mkdir -p "order/$(dirname $n)"
    if [ "${n##*.}" = npc ]; then policy n$i; else object n$i; fi >order/$n
done
loads byte-order 'n2 n1 n7 n3 n4 n5 n6' order

# ---- sniffing, standard input, pipes ----
for kind in policy object json; do
    $kind s >plain-$kind
    loads "sniff-$kind" s plain-$kind
    loads "stdin-$kind" s - <plain-$kind
    loads "stdin-pipe-$kind" s - < <(cat plain-$kind)
    loads "process-substitution-$kind" s <(cat plain-$kind)
    loads "dev-stdin-$kind" s /dev/stdin < <(cat plain-$kind)
    { printf '# a comment\n\n  # another: one\n'; cat plain-$kind; } >commented-$kind
done
loads sniff-comment-npc s commented-policy
loads sniff-comment-yaml s commented-object
{ printf '\xef\xbb\xbf'; object s; } >bom
loads sniff-bom s bom
{ echo '---'; object s; } >dashes
loads sniff-document s dashes
printf 'kind : NetworkPolicy\n' | cat - >spaced
refuses sniff-blank-before-colon 2 'apiVersion' spaced
mkfifo pipe.yaml
(object f >pipe.yaml) &
loads fifo f pipe.yaml
wait
for i in $(seq 4000); do echo "# line $i"; done >long-comment
{ cat long-comment; policy z; } >long-npc
loads sniff-after-comments z long-npc
echo 'policy p for pods a=b { allow from anywhere on 80 }' >bad
refuses stdin-place 2 '<stdin>:1:48: error: ' - <bad
check stdin-source-line grep -q 'allow from anywhere on 80' "$TMP/err"
printf 'a: 1\nb: [\n' >bad.yaml
refuses stdin-yaml-line 2 '<stdin>:' - < <(cat bad.yaml)

# ---- what is not there, or nothing ----
refuses missing 2 'nowhere.yaml: error: ' nowhere.yaml
refuses missing-two 2 'nowhere2.yaml: error: ' nowhere2.yaml nowhere.yaml
check missing-both-shown grep -q 'nowhere.yaml' "$TMP/err"
refuses missing-part 2 'no such file' kinds/a.npc/x
mkdir empty
refuses empty-directory 2 'holds no input' empty
touch nothing.npc nothing.yaml
run "$NPC" compile nothing.npc nothing.yaml
check no-policy-warns grep -q 'holds no policy' "$TMP/err"
check no-policy-is-no-error test "$status" = 0
policy secret >secret.npc
chmod 0 secret.npc
mkdir locked
policy locked >locked/x.npc
chmod 0 locked
cp "$NPC" "$TMP/npc"
chmod 755 "$TMP" "$TMP/npc"
if unprivileged test ! -r secret.npc 2>/dev/null; then
    run unprivileged "$TMP/npc" compile secret.npc
    check_err unreadable-file 3 'secret.npc: error: cannot be opened'
    run unprivileged "$TMP/npc" compile locked
    check_err unreadable-directory 3 'locked: error: '
else
    skip unreadable 'no way to be somebody else'
fi
chmod 700 secret.npc locked

loads T20_expect_count 'a b c d e' --expect-count 5 kinds
refuses T20_expect_count_more 2 'holds 5 policies' --expect-count 6 --namespace default kinds
refuses T20_expect_count_less 2 'holds 5 policies' --expect-count 4 --namespace default kinds

# ---- an old dump (--max-age) ----

# aged NAME WANTED FILE TIME COMMAND...: NPC607, saying WANTED, or none if that is empty.
aged()
{
    local name=$1 wanted=$2 file=$3
    touch -d "$4" "$file"
    shift 4
    run "$NPC" "$@"
    if [ -n "$wanted" ]; then
        check "$name" grep -qhE "^$file: warning: .*written down $wanted ago.*NPC607" "$TMP/out" "$TMP/err"
    else
        check "$name" test "$status $(grep -c NPC607 "$TMP/err" || true)" = '0 0'
    fi
}
printf '%s\n' 'apiVersion: v1' 'kind: Pod' 'metadata: {name: p}' 'spec: {containers: []}' >pods.yaml
printf '%s\n' 'apiVersion: v1' 'kind: Node' 'metadata: {name: n1}' >nodes.yaml
echo 'workload w { addr 10.0.0.9 } policy x for pods app=x { default deny ingress }' >hand.npc
echo 'import "pods.yaml" policy x for pods app=x { default deny ingress }' >import.npc
aged age_old '3 days' pods.yaml '75 hours ago' compile -t null --max-age 2d pods.yaml
aged age_hours '47 hours' pods.yaml '47 hours ago' check --max-age 90s pods.yaml
aged age_nodes '1[01][0-9] seconds' nodes.yaml '100 seconds ago' compile -t null --max-age 1m nodes.yaml
aged age_imported '2 hours' pods.yaml '2 hours ago' compile -t null --max-age 1h import.npc
aged age_young '' pods.yaml '50 minutes ago' compile -t null --max-age 1h pods.yaml
aged age_future '' pods.yaml '1 hour' compile -t null --max-age 1s pods.yaml
aged age_not_asked '' pods.yaml '9 days ago' compile -t null pods.yaml
aged age_by_hand '' hand.npc '9 days ago' compile -t null --namespace x --max-age 1s hand.npc
aged age_pipe '' pods.yaml '9 days ago' compile -t null --max-age 1s - < <(cat pods.yaml)

# ---- endless and large (threats 21 and the limits) ----
refuses T21_dev_zero 2 'error: ' /dev/zero
refuses T21_dev_zero_npc 2 'error: ' --namespace default - < <(echo 'policy x'; exec cat /dev/zero)
{ policy big; head -c $((4 * 1024 * 1024 - $(policy big | wc -c))) /dev/zero | tr '\0' ' '; } >limit.npc
loads T_limit_dsl_file big limit.npc
{ cat limit.npc; echo; } >limit1.npc
refuses T_limit_dsl_file_1 2 'more than 4194304 bytes' limit1.npc
mkdir total
for i in $(seq 10 26); do
    { policy "p$i"; head -c $((4 * 1024 * 1024 - $(policy "p$i" | wc -c))) /dev/zero | tr '\0' ' '; } >"total/$i.npc"
done
refuses T_limit_dsl_total_1 2 'more than 67108864 bytes in all' --namespace default total
rm total/26.npc
run "$NPC" compile -t npc --namespace default total
check T_limit_dsl_total test "$status" = 0
rm -r total

# ---- include and import ----
mkdir -p tree/lib/deep outside
cat >tree/main.npc <<'END'
include "lib/one.npc"
import "lib/objects.yaml"
import "lib/objects.json"
END
policy main >>tree/main.npc
echo 'include "deep/two.npc"' >tree/lib/one.npc
policy one >>tree/lib/one.npc
policy two >tree/lib/deep/two.npc
object three >tree/lib/objects.yaml
json four >tree/lib/objects.json
loads include 'two four three one main' tree/main.npc
loads include-and-directory 'two four three one main' tree
loads include-diamond 'two four three one main' tree/main.npc tree/lib
cp -r tree tree2
echo 'include "../one.npc"' >>tree2/lib/deep/two.npc
sed -i '1i include "main.npc"' tree2/main.npc
refuses T25_self 2 "tree2/main.npc:1:9: error: 'main.npc' includes itself" --namespace default tree2/main.npc
check T25_cycle_place grep -q 'tree2/lib/deep/two.npc:2:9: error: .*NPC005' "$TMP/err"
check T25_cycle_chain grep -q 'tree2/lib/one.npc:1:9: note: ' "$TMP/err"
check T25_cycle_chain_ends sh -c "! grep -q 'tree2/main.npc:.* note: ' '$TMP/err'"

# bad_include NAME TEXT STATEMENT: the statement is refused, at its place, with TEXT.
bad_include()
{
    printf '# line 1\n%s\n' "$3" >tree/bad.npc
    policy bad >>tree/bad.npc
    refuses "$1" 2 "$2" --namespace default tree/bad.npc
    check "$1-place" grep -q '^tree/bad.npc:2:' "$TMP/err"
    rm -f tree/bad.npc
}
policy outside >outside/x.npc
object outside >outside/x.yaml
ln -s ../outside/x.npc tree/link.npc
ln -s ../outside tree/linkdir
mkfifo tree/never.npc
mknod tree/null.npc c 1 3 2>/dev/null
bad_include T25_above 'outside of the root' 'include "../outside/x.npc"'
bad_include T25_above_yaml 'outside of the root' 'import "../outside/x.yaml"'
bad_include T25_passwd 'outside of the root' 'import "../../../../../../etc/passwd.yaml"'
bad_include T25_absolute 'outside of the root' "include \"$PWD/outside/x.npc\""
bad_include T25_link 'links are not followed' 'include "link.npc"'
bad_include T25_link_directory 'links are not followed' 'include "linkdir/x.npc"'
bad_include T25_missing 'there is no such file' 'include "nowhere.npc"'
bad_include T25_missing_directory 'there is no such file' 'include "nowhere/x.npc"'
bad_include T25_file_as_directory 'no directory' 'include "main.npc/x.npc"'
mkdir tree/dir.npc
bad_include T25_directory 'it is a directory' 'include "dir.npc"'
if [ -c tree/null.npc ]; then
    bad_include T25_device 'a device' 'include "null.npc"'
else
    skip T25_device 'mknod is not permitted'
fi
bad_include T25_empty 'error: ' 'include ""'
bad_include T25_dot 'error: ' 'include "."'
bad_include include-of-yaml 'write import "lib/objects.yaml"' 'include "lib/objects.yaml"'
bad_include import-of-npc 'write include "lib/one.npc"' 'import "lib/one.npc"'
bad_include include-of-unknown 'named .npc' 'include "lib/README"'
rm -rf tree/never.npc tree/null.npc tree/dir.npc tree/link.npc tree/linkdir

# The root: the INPUT's directory, or --root, which holds the INPUT.
policy shared >shared.npc
mkdir -p app
echo 'include "../shared.npc"' >app/app.npc
policy app >>app/app.npc
refuses root-default 2 'outside of the root' --namespace default app/app.npc
loads root-option 'app shared' --root . app/app.npc
loads root-option-directory 'app shared' --root . app
loads root-absolute 'shared app' --root "$PWD" app/app.npc
loads root-stdin 'app shared' --root . - < <(sed 's/\.\.\///' app/app.npc)
refuses root-elsewhere 2 'is not below --root' --root tree app/app.npc
refuses root-missing 2 'no such file' --root nowhere app/app.npc

# Depth: 16 includes below the INPUT, not 17.
mkdir depth
for i in $(seq 0 17); do
    { echo "include \"f$((i + 1)).npc\""; policy "d$i"; } >"depth/f$i.npc"
done
policy d17 >depth/f17.npc
refuses T_limit_include_1 2 'deeper than 16' --namespace default depth/f0.npc
check T_limit_include_place grep -q 'depth/f16.npc:1:' "$TMP/err"
run "$NPC" compile -t npc --namespace default depth/f1.npc
check T_limit_include test "$status" = 0

# A syntax error and a missing include: both are shown, and nothing misleading after them.
cat >tree/both.npc <<'END'
include "nowhere.npc"
policy p for pods a=b { allow from group-of-nowhere on tcp/80 }
END
echo 'policy q for pods a=b { allow from }' >tree/both2.npc
refuses several-files 2 'tree/both.npc:1:' --namespace default tree/both.npc tree/both2.npc
check several-files-second grep -q 'tree/both2.npc:1:' "$TMP/err"
check no-followup sh -c "! grep -q NPC030 '$TMP/err'"
test_end
