#!/usr/bin/env bash
# A few runs under valgrind: no invalid access, no leak, no use of bytes that were never written; and
# no race where diff reads both sides at the same time.
# test: once
. "$(dirname "$0")/lib.sh"
test_begin valgrind
if ! command -v valgrind >/dev/null; then
    skip valgrind 'not installed'
    test_end
fi

# clean NAME STATUS ARGUMENT...: run by what `within` says, if it says anything
within=()
clean()
{
    local name=$1 wanted=$2
    shift 2
    run "${within[@]}" valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=all \
        "$NPC" "$@"
    if [ "$status" = "$wanted" ]; then
        ok "$name"
    else
        fail "$name" "status $status: $(grep '^==' "$TMP/err" | head -5)"
    fi
}

clean k8s 0 compile "$SRC/examples/shop"
clean npc 0 compile -t npc "$SRC/examples/shop"
clean json 0 compile -t json "$SRC/examples/shop"
clean nft 0 compile -t nft --node node-1 "$SRC/examples/shop"
clean host 0 compile -t nft --host shop/db-1 "$SRC/examples/shop"
clean iptables 0 compile -t iptables -o ipt "$SRC/examples/shop"
clean null 0 compile -t null "$SRC/examples/shop"
clean calico 0 compile -t calico "$SRC/examples/shop"
clean list 0 list "$SRC/examples/shop"
clean html 0 list -o html "$SRC/examples/shop"
clean diff 0 diff "$SRC/examples/shop" "$SRC/examples/shop"
run valgrind -q --tool=helgrind --error-exitcode=99 "$NPC" diff "$SRC/examples/shop" "$SRC/examples/vms"
check diff-races test "$status" = 1
clean check 0 check "$SRC/examples/shop"
clean query 0 query --explain --from shop/web-1 --to shop/api-1 --port tcp/8080 "$SRC/examples/shop"
clean fmt 0 fmt "$SRC/examples/shop/shop.npc"
echo 'policy p for pods a=b { allow from anywhere on 80 }' >bad.npc
clean error 2 compile bad.npc
clean usage 2 compile --nose
if unshare -rn true 2>/dev/null; then
    within=(unshare -rn)
    clean dry-run 0 apply --dry-run --state-dir state --run-dir run --node node-1 "$SRC/examples/shop"
else
    skip dry-run 'no network namespaces'
fi
test_end
