# Helpers for test scripts; sourced, never run. The conventions are in docs/testing.md.
# shellcheck shell=bash

set -u
SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
: "${NPC:=$SRC/build/npc}"
: "${NPC_BUILD:=$(dirname "$NPC")}"
: "${TEST_EFFORT:=full}"
export NPC NPC_BUILD TEST_EFFORT
unset NO_COLOR
test_count=0
test_failures=0

# test_begin AREA [source]: makes the scratch directory $TMP and works in $TMP/work. `source`: only
# the source tree is looked at, no program is needed.
test_begin()
{
    echo "# $1"
    TMP=$(mktemp -d) || exit 1
    # The scratch directory goes away however the script ends.
    trap 'chmod -R u+rwX "$TMP" 2>/dev/null; rm -rf "$TMP"' EXIT
    mkdir "$TMP/work" && cd "$TMP/work" || exit 1
    if [ "${2-}" != source ] && [ ! -x "$NPC" ]; then
        fail program "no program at $NPC"
        test_end
    fi
}

ok()
{
    test_count=$((test_count + 1))
    echo "ok $1"
}

# fail NAME WHY...
fail()
{
    local name=$1
    shift
    test_count=$((test_count + 1))
    test_failures=$((test_failures + 1))
    echo "FAIL $name: $*"
}

# skip NAME WHY...
skip()
{
    local name=$1
    shift
    test_count=$((test_count + 1))
    echo "SKIP $name: $*"
}

# run COMMAND...: keeps its exit status in $status, its output in $TMP/out and $TMP/err.
run()
{
    "$@" >"$TMP/out" 2>"$TMP/err"
    status=$?
}

# unprivileged COMMAND...: runs it as somebody whom the modes of files stop; fails if that cannot be.
# The program itself may lie where only root may enter: such tests run a copy, $TMP/npc.
unprivileged()
{
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
    else
        setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"
    fi
}

# check NAME COMMAND...: one test, passed if the command succeeds. What the last `run` printed is
# shown on failure.
check()
{
    local name=$1
    shift
    if "$@"; then
        ok "$name"
    else
        fail "$name" "not true: $*"
        if [ -f "$TMP/err" ]; then
            echo "# status ${status-}; stderr:"
            head -20 "$TMP/err" | sed 's/^/#   /'
        fi
    fi
}

# check_err NAME STATUS TEXT: the last `run` ended with STATUS, wrote nothing to stdout, and said
# TEXT (a fixed string) on stderr.
check_err()
{
    local name=$1
    if [ "$status" != "$2" ]; then
        fail "$name" "exit status $status, not $2"
    elif [ -s "$TMP/out" ]; then
        fail "$name" "something on stdout"
    elif ! grep -qF -- "$3" "$TMP/err"; then
        fail "$name" "stderr lacks: $3"
    else
        ok "$name"
        return
    fi
    head -20 "$TMP/err" | sed 's/^/#   /'
}

# test_end: the exit status of the script.
test_end()
{
    if [ "$test_count" -eq 0 ]; then
        fail none "no test ran"
    fi
    [ "$test_failures" -eq 0 ]
    exit
}
