#!/usr/bin/env bash
# Installs what the tests need, builds npc several ways, runs every test program (docs/testing.md),
# and ends with "N passed, N failed, N skipped". An argument runs only the tests whose path holds it.
. "$(dirname "$0")/common.sh"
only=${1-}

install_packages "${build_packages[@]}" "${test_packages[@]}"

dir=build/test
logs=$SRC/$dir/logs
rm -rf "$logs"
mkdir -p "$logs"

trap 'echo "0 passed, 1 failed, 0 skipped"' ERR # a build that fails

build $dir/gcc -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=RelWithDebInfo
# With assertions, too.
build $dir/asan -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DCMAKE_C_FLAGS_RELWITHDEBINFO='-O2 -g' -DNPC_SANITIZE=address,undefined
# And less optimized, with the test of the loops that are written for vector instructions.
build_only=(npc test_clean)
build $dir/o2 -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_FLAGS_RELWITHDEBINFO='-O2 -DNDEBUG'
# Other builds of the same source, for the test of equal bytes.
export NPC_VARIANTS="$SRC/$dir/o2/npc $SRC/$dir/asan/npc"
# No exit status of npc's own, so that no test takes a fault for an answer.
export ASAN_OPTIONS=detect_stack_use_after_return=1:exitcode=99
export UBSAN_OPTIONS=print_stacktrace=1:exitcode=99

trap - ERR

# ---- running ----

# run_units NAME EFFORT: the unit tests that stand in $dir/NAME.
run_units()
{
    local name=$1 effort=$2 program
    echo "== testing $dir/$name"
    mkdir -p "$logs/$name"
    for program in "$dir/$name"/tests/test_*; do
        if [ -x "$program" ] && [[ $program == *"$only"* ]]; then
            limit_jobs
            TEST_EFFORT=$effort run_unit "$logs/$name/unit.$(basename "$program").log" "$program" &
        fi
    done
}

# run_variant NAME EFFORT: all tests with the build in $dir/NAME.
run_variant()
{
    local name=$1 effort=$2 script log
    run_units "$name" "$effort"
    while read -r script; do
        # A script that one run is enough for says so.
        if { [ "$effort" = short ] && grep -q '^# test: once' "$script"; } ||
            [[ $script != *"$only"* ]]; then
            continue
        fi
        log=$logs/$name/$(echo "${script#tests/}" | tr / .).log
        limit_jobs
        NPC=$SRC/$dir/$name/npc NPC_BUILD=$SRC/$dir/$name TEST_EFFORT=$effort \
            run_script "$log" "./$script" &
    done < <(find tests -type f -perm -u+x \( -name '*.sh' -o -name '*.py' \) | LC_ALL=C sort)
}

run_units o2 full
run_variant gcc full
run_variant asan short
wait

# ---- summing up ----

count()
{
    cat "$logs"/*/*.log | grep -c "^$1 " || true
}

echo "== results"
for log in "$logs"/*/*.log; do
    [ -e "$log" ] || break
    printf '%-44s %5d ok %4d failed %4d skipped %4d s\n' "$(basename "$(dirname "$log")")/$(basename "$log" .log)" \
        "$(grep -c '^ok ' "$log" || true)" "$(grep -c '^FAIL ' "$log" || true)" \
        "$(grep -c '^SKIP ' "$log" || true)" "$(sed -n 's/^took \([0-9]*\) s$/\1/p' "$log" | tail -1)"
    grep '^SKIP ' "$log" | sed 's/^/    /' || true
    if grep -q '^FAIL ' "$log"; then
        grep -v '^ok ' "$log" | head -60 | sed 's/^/    /'
    fi
done
passed=$(count ok) failed=$(count FAIL) skipped=$(count SKIP)
for variant in o2 gcc asan; do
    if [ -z "$only" ] && ! grep -qs '^ok ' "$logs/$variant"/*.log; then
        echo "no test ran with $dir/$variant"
        failed=$((failed + 1))
    fi
done
if [ $((passed + failed + skipped)) -eq 0 ]; then
    echo "no test has '$only' in its path"
    failed=1
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
