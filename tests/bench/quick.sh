#!/bin/bash
# bench/run still works: every layout of the benchmark loads, and lets through exactly the flows that it must
# (bench/run compares them by conntrack's count); bench/scale measures every command in both syntaxes. No
# time is held against a goal here.
# test: once
. "$(dirname "$0")/../lib.sh"
test_begin bench

run "$SRC/bench/scale" --npc "$NPC" --runs 1 150
check scale-runs test "$status" = 0
[ "$status" = 0 ] || sed 's/^/# /' "$TMP/err" | tail -5
for syntax in yaml json; do
    # a line for each command, and one for the size of the file
    check "scale-$syntax" test "$(grep -c "^ *150 $syntax" "$TMP/out")" = 8
done
check scale-small grep -q '^small file: ' "$TMP/out"

if [ "$(id -u)" != 0 ]; then
    skip quick 'bench/run needs root'
elif ! unshare -nm true 2>/dev/null; then
    skip quick 'no network and mount namespaces here'
else
    run "$SRC/bench/run" --quick
    check quick-runs test "$status" = 0
    [ "$status" = 0 ] || sed 's/^/# /' "$TMP/err" | tail -5
    for layout in npc-nft npc-iptables npc-iptables-nft class-nft class-iptables class-iptables-nft pairs kube-router calico-iptables calico-nft; do
        # loaded, and measured in two families
        check "quick-$layout" test "$(grep -c "^$layout " "$TMP/out")" = 3
    done
fi
test_end
