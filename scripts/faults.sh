#!/usr/bin/env bash
# Every allocation and every system call of every run in tests/faults/runs.py fails in turn, under
# AddressSanitizer, and every piece of an arena; then once more without it, where the C library's own
# allocations and its calls for memory fail, too. Prints a table for each: run, allocations, system
# calls, injections, failures, processor time. Takes hours: runs that load rules make thousands of
# system calls each; --no-kernel leaves them out. Arguments choose runs by parts of their names.
. "$(dirname "$0")/common.sh"

install_packages "${build_packages[@]}" clang iproute2 iptables ipset libclang-rt-14-dev libcunit1-dev \
    nftables python3 python3-yaml

status=0
for variant in asan gcc; do
    dir=build/faults/$variant
    if [ $variant = asan ]; then
        build "$dir" -DCMAKE_C_COMPILER=clang -DNPC_SANITIZE=address,undefined
    else
        build "$dir" -DCMAKE_C_COMPILER=gcc
    fi
    echo "== $variant"
    NPC_BUILD=$SRC/$dir tests/faults/run_faults.py --all --jobs "$(nproc)" "$@" || status=1
    if [ $variant = asan ]; then
        echo "== $variant, pieces of arenas"
        NPC_BUILD=$SRC/$dir tests/faults/run_faults.py --all --pieces --jobs "$(nproc)" "$@" || status=1
    fi
done
exit $status
