#!/usr/bin/env bash
# test: once
# Short fuzzing of every target, from the golden cases and the regressions as seeds. FUZZ_SECONDS
# (default 15) is the time of each. A crash is written to FUZZ_DIR and belongs, made small, into
# tests/fuzz/regressions/TARGET/.
. "$(dirname "$0")/../lib.sh"

seconds=${FUZZ_SECONDS:-15}
dir=${FUZZ_DIR:-$(mktemp -d)}
[ -n "${FUZZ_DIR-}" ] || trap 'rm -rf "$dir"' EXIT
build=$SRC/build/test/fuzz

if ! command -v clang >/dev/null; then
    skip fuzz "clang is not installed"
    exit
fi
targets=(language yaml json names)
if ! cmake -S "$SRC" -B "$build" -G Ninja -DCMAKE_C_COMPILER=clang -DNPC_FUZZ=ON \
    -DNPC_SANITIZE=address,undefined,fuzzer-no-link >"$dir/log" 2>&1 ||
    ! cmake --build "$build" -j"$(nproc)" --target "${targets[@]/#/fuzz_}" >>"$dir/log" 2>&1; then
    tail -20 "$dir/log"
    fail fuzz "the targets do not build"
    exit 1
fi

# seeds TARGET PATTERN...: the golden inputs of a kind, and regressions of the target
seeds()
{
    local target=$1 n=0 f
    shift
    mkdir -p "$dir/$target"
    while read -r f; do
        n=$((n + 1))
        cp "$f" "$dir/$target/seed$n"
    done < <(find "$SRC/golden" "$SRC/tests/fuzz/regressions/$target" \( "$@" \) 2>/dev/null)
}
seeds language -name 'in.npc' -o -path '*regressions*' -type f
seeds yaml -name 'in.yaml' -o -path '*regressions*' -type f
seeds json -path '*regressions*' -type f
seeds names -path '*regressions*' -type f
if [ -x "${NPC-}" ]; then
    i=0
    for f in "$dir"/yaml/seed*; do # the same objects as JSON
        i=$((i + 1))
        python3 -c 'import json, sys, yaml
for d in yaml.safe_load_all(open(sys.argv[1])):
    print(json.dumps(d))' "$f" >"$dir/json/seed-y$i" 2>/dev/null || rm -f "$dir/json/seed-y$i"
    done
fi
printf '0x"; accept' >"$dir/names/quote"
printf '2line\nline' >"$dir/names/line"

for target in "${targets[@]}"; do
    if timeout $((seconds * 4 + 60)) "$build/tests/fuzz_$target" -max_total_time="$seconds" \
        -timeout=10 -rss_limit_mb=2048 -max_len=8192 -close_fd_mask=1 \
        -artifact_prefix="$dir/crash-$target-" "$dir/$target" >"$dir/$target.log" 2>&1; then
        runs=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$dir/$target.log")
        if [ "${runs:-0}" -gt 100 ]; then
            ok "fuzz_$target"
            echo "  $runs runs"
        else
            fail "fuzz_$target" "only ${runs:-0} runs"
        fi
    else
        tail -30 "$dir/$target.log"
        fail "fuzz_$target" "crashed: $(tail -1 "$dir/$target.log")"
    fi
done
test_end
