#!/usr/bin/env bash
# The command line: forms of options, usage errors, help, exit statuses.
. "$(dirname "$0")/../lib.sh"
test_begin cli/options

cat >p.npc <<'END'
namespace shop {
  policy web for pods app=web { allow from anywhere on tcp/80 }
}
END

# usage NAME TEXT ARGUMENT...: a usage error that says TEXT.
usage()
{
    local name=$1 text=$2
    shift 2
    run "$NPC" "$@"
    check_err "$name" 2 "$text"
}

# same NAME ARGUMENT...: succeeds and prints what the plain call prints.
"$NPC" compile -t npc p.npc >"$TMP/plain"
same()
{
    local name=$1
    shift
    run "$NPC" "$@"
    if [ "$status" = 0 ] && cmp -s "$TMP/out" "$TMP/plain"; then
        ok "$name"
    else
        fail "$name" "status $status: $(head -3 "$TMP/err")"
    fi
}

check plain-output grep -q 'policy web for pods app=web' "$TMP/plain"
same short-apart compile -t npc p.npc
same short-attached compile -tnpc p.npc
same short-cluster compile -vt npc p.npc
same long-apart compile --target npc p.npc
same long-equals compile --target=npc p.npc
same options-last compile p.npc -t npc
same options-end compile -t npc -- p.npc
same last-one-wins compile -t json -t npc p.npc
same dash-o-dash compile -t npc -o - p.npc

usage no-command 'npc COMMAND'
usage unknown-command "unknown command 'compil'; did you mean 'compile'?" compil p.npc
usage unknown-command-far "unknown command 'zzzzzz'" zzzzzz
usage unknown-long "unknown option --taget; did you mean --target?" compile --taget=k8s p.npc
usage unknown-long-far 'unknown option --zzzzzz' compile --zzzzzz p.npc
usage unknown-short 'unknown option -q' compile -q p.npc
usage option-of-other-command 'unknown option --write' compile --write p.npc
usage flag-with-value '--allow-raw takes no value' compile --allow-raw=yes p.npc
usage value-missing '--target needs a value' compile p.npc -t
usage long-value-missing '--namespace needs a value' compile p.npc --namespace
usage no-input 'compile needs an INPUT' compile
usage too-many 'one argument too many' prelude extra
for form in --version --help -h; do
    usage "too-many[$form]" "one argument too many: 'x'" $form x
done
usage unknown-backend "did you mean 'calico'?" compile -t calicoo p.npc
usage choice-color "one of auto|always|never" compile --color=red p.npc
usage choice-diag "one of text|json" compile --diag=xml p.npc
usage choice-ipblock "one of any|external" compile -t nft --ipblock=some p.npc
usage iptables-needs-o 'name a directory with -o' compile -t iptables p.npc
usage iptables-not-stdout 'name a directory with -o' compile -t iptables -o - p.npc
usage binding-option-alone '--node has no effect with -t k8s' compile --node n p.npc
usage failsafe-alone '--failsafe has no effect without --host' compile -t nft --failsafe none p.npc
# Not even a program that takes them could load anything: there is no such input.
apply="apply --dry-run --state-dir $TMP/state --run-dir $TMP/run"
for command in "$apply" list query "why x"; do
    # shellcheck disable=SC2086
    usage "failsafe-alone[${command%% *}]" '--failsafe has no effect without --host' $command --failsafe none nowhere.npc
done
usage log-rate-alone '--log-rate has no effect without --log' compile -t nft --log-rate 9 p.npc
# shellcheck disable=SC2086
usage log-rate-alone-apply '--log-rate has no effect without --log' $apply --log-rate 9 nowhere.npc
usage node-and-host '--node and --host exclude each other' compile -t nft --node n --host a/b p.npc
usage host-form 'NAMESPACE/NAME' compile -t nft --host web p.npc
usage host-empty 'NAMESPACE/NAME' compile -t nft --host /web p.npc
usage namespace-value "--namespace cannot be 'A_B'" compile --namespace A_B p.npc
usage count-value "--expect-count cannot be '1x'" compile --expect-count 1x p.npc
usage count-negative "--expect-count cannot be '-1'" compile --expect-count -1 p.npc
usage age-value "--max-age cannot be '1w': it must be a time like 90s" compile --max-age 1w p.npc
usage elements-zero "--max-elements cannot be '0'" compile -t nft --max-elements 0 p.npc
for ports in 22 tcp/0 tcp/65536 tcp/022 icmp/8 tcp/ssh 'tcp/22,' ',' ''; do
    usage "failsafe-refuses-[$ports]" '--failsafe cannot be' compile -t nft --host a/b --failsafe "$ports" p.npc
done
usage several-bad-values "--expect-count cannot be 'x'" compile --namespace _ --expect-count x p.npc
check all-bad-values-shown grep -q "namespace cannot be '_'" "$TMP/err"

run "$NPC" --version
check version test "$(cat "$TMP/out")" = "npc $(sed -n 's/^project(npc VERSION \([0-9.]*\).*/\1/p' "$SRC/CMakeLists.txt")"
for form in '--help' '-h' 'help'; do
    # shellcheck disable=SC2086
    run "$NPC" $form
    check "help[$form]" test "$status" = 0 -a -s "$TMP/out" -a ! -s "$TMP/err"
done
for command in compile fmt prelude backends explain help; do
    run "$NPC" $command --help
    cp "$TMP/out" "$TMP/help1"
    check "help-of-$command" grep -q "^Usage: npc $command" "$TMP/out"
    run "$NPC" help $command
    check "help-same-$command" cmp -s "$TMP/out" "$TMP/help1"
    check "help-lists-$command" sh -c "'$NPC' --help | grep -q '^  $command '"
done
usage help-unknown "unknown command 'fmtt'; did you mean 'fmt'?" help fmtt

run "$NPC" prelude
check prelude grep -q '^let dns' "$TMP/out"
run "$NPC" backends
for backend in k8s calico npc json nft iptables; do
    check "backend-$backend" grep -q "^$backend " "$TMP/out"
done
run "$NPC" explain NPC406
check explain-one test "$(cat "$TMP/out")" = 'NPC406 not-expressible: a construct that the chosen backend cannot say'
run "$NPC" explain not-expressible
check explain-slug grep -q '^NPC406 ' "$TMP/out"
usage explain-unknown "no diagnostic is called 'NPC999'" explain NPC999
run "$NPC" explain
check explain-all test "$(wc -l <"$TMP/out")" = "$(grep -c '^DIAG(' "$SRC/base/diag.def")"

# Diagnostics: the forms.
echo 'policy p for pods a=b { allow from anywhere on 80 }' >bad.npc
run "$NPC" compile bad.npc
check_err text-form 2 'bad.npc:1:48: error: '
check caret grep -qE '^ +\^' "$TMP/err"
check no-colour-in-a-pipe sh -c "! grep -q '$(printf '\033')' '$TMP/err'"
run "$NPC" compile --color=always bad.npc
check colour-always grep -q "$(printf '\033')" "$TMP/err"
run env NO_COLOR=1 "$NPC" compile --color=always bad.npc
check colour-always-beats-NO_COLOR grep -q "$(printf '\033')" "$TMP/err"
run "$NPC" compile --diag=json bad.npc
check json-form python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
assert d["version"] == 1
f = d["diagnostics"][0]
assert f["file"] == "bad.npc" and f["line"] == 1 and f["severity"] == "error", f
' "$TMP/err"
run "$NPC" compile --diag=json p.npc
check json-when-clean python3 -c '
import json, sys
assert json.load(open(sys.argv[1]))["diagnostics"] == []
' "$TMP/err"

# Colour on a terminal: NO_COLOR and TERM=dumb turn it off.
if ! command -v script >/dev/null; then
    skip colour-on-a-terminal 'script(1) is not installed'
elif ! script -qec true /dev/null </dev/null >/dev/null 2>&1; then
    skip colour-on-a-terminal 'no pseudo-terminals: /dev/pts is not mounted'
else
    check colour-on-a-terminal sh -c "script -qec 'TERM=xterm $NPC compile bad.npc' /dev/null </dev/null | grep -q '$(printf '\033')\\['"
    check NO_COLOR sh -c "! script -qec 'TERM=xterm NO_COLOR=1 $NPC compile bad.npc' /dev/null </dev/null | grep -q '$(printf '\033')'"
    check dumb sh -c "! script -qec 'TERM=dumb $NPC compile bad.npc' /dev/null </dev/null | grep -q '$(printf '\033')'"
fi
test_end
