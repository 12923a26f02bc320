#!/usr/bin/env bash
# Branch coverage of npc's sources by its tests: 95 % of frontend, ir and backends, all of the validators
# (the lists are in coverage.py). Exit status 1 if it is less, or if a test fails.
#
#     scripts/coverage.sh [--dir DIRECTORY] [--no-kernel] [--tests REGEX] [--show FILE]...
#
#     --dir DIRECTORY   where to build and to keep counts (or COVERAGE_DIR); default build/coverage
#     --no-kernel       leave out the tests that send packets or load rules
#     --tests REGEX     run only the tests whose path matches (grep -E), and add to the counts that are there
#     --show FILE       run nothing; list the branches of FILE that no test took, as FILE:LINE:COLUMN
#
# Measured by clang, whose branches are the outcomes of conditions as the source has them; gcov counts
# jumps that the compiler made. Assertions are compiled out (NDEBUG): that none ever fails is no gap.
# Random tests run few cases (TEST_EFFORT=short): what only the thousandth reaches wants a test of its own.
. "$(dirname "$0")/common.sh"

dir=${COVERAGE_DIR:-build/coverage}
only='' kernel=yes show=()
while [ $# -gt 0 ]; do
    case $1 in
        --dir) dir=$2 && shift 2 ;;
        --no-kernel) kernel=no && shift ;;
        --tests) only=$2 && shift 2 ;;
        --show) show+=("$2") && shift 2 ;;
        *) sed -n '2,/^\./s/^# \{0,1\}//p' "$0" && exit 2 ;;
    esac
done
case $dir in
    /*) ;;
    *) dir=$SRC/$dir ;;
esac
pool=$dir/counts
logs=$dir/logs

# collect: puts the counts of the runs so far into one file. A program that was built anew cannot add
# to the counts of the old one, but what was counted in functions that did not change stays good.
collect()
{
    local parts=()
    mapfile -t parts < <(find "$dir/npc.profdata" "$pool" -type f 2>/dev/null)
    if [ ${#parts[@]} -gt 0 ]; then
        llvm-profdata-14 merge -sparse "${parts[@]}" -o "$dir/npc.new"
        mv "$dir/npc.new" "$dir/npc.profdata"
        rm -rf "$pool"
    fi
}

# report FILE...: the tables, or what was not taken in FILE...
report()
{
    collect
    llvm-cov-14 export "$dir/npc" -instr-profile="$dir/npc.profdata" >"$dir/npc.json"
    python3 scripts/coverage.py "$dir/npc.json" "$@"
}

if [ ${#show[@]} -gt 0 ]; then
    report "${show[@]}"
    exit
fi

install_packages "${build_packages[@]}" "${test_packages[@]}" llvm-14

# The place of the counts is built in, since tests run npc with environments of their own. %m: one
# file for each program; %c: its processes count in the file itself, mapped into their memory, so that
# nothing is lost with a process that is killed, or may write no more. Where it is mapped, one hidden symbol
# says, so that the library must not hide its own (objcopy, cmake/install.cmake), and base/ is there twice.
flags="-fprofile-instr-generate=$pool/%c%m.profraw -fprofile-update=atomic -fcoverage-mapping"
flags="$flags -mllvm -runtime-counter-relocation"
build "$dir" -DCMAKE_C_COMPILER=clang-14 -DCMAKE_BUILD_TYPE=RelWithDebInfo "-DCMAKE_C_FLAGS=$flags" \
    -DCMAKE_OBJCOPY=/bin/true -DCMAKE_EXE_LINKER_FLAGS=-Wl,-z,muldefs

# Tests that do not run npc, or are about its speed or another build of it; the counters do not survive faults/.
leave_out='^tests/(bench|faults|fuzz)/|/(docs|hardening|includes|grammar|install|mutants|package|style|valgrind|run_diag_coverage)\.'
if [ $kernel = no ]; then
    leave_out="$leave_out|^tests/(kernel|apply|load)/"
fi
if [ -z "$only" ]; then
    rm -rf "$dir/npc.profdata" "$pool"
fi
collect
rm -rf "$logs"
mkdir -p "$pool" "$logs"

while read -r test; do
    log=$logs/$(echo "${test#tests/}" | tr / .).log
    limit_jobs
    if [[ $test == *.c ]]; then
        run_unit "$log" "$dir/tests/$(basename "$test" .c)" &
    else
        NPC=$dir/npc NPC_BUILD=$dir TEST_EFFORT=${TEST_EFFORT:-short} run_script "$log" "./$test" &
    fi
done < <({ find tests/unit -name 'test_*.c' && find tests -type f -perm -u+x \( -name '*.sh' -o -name '*.py' \); } |
        grep -E -- "$only" | grep -vE "$leave_out" | LC_ALL=C sort)
wait

# Expected: the counters themselves call strtol, which no code of npc may.
failed=$(grep '^FAIL ' "$logs"/*.log | grep -v ':FAIL T44_locale: .*strtol' | sed "s|^$logs/||" | cut -c 1-200 || true)
if [ -n "$failed" ]; then
    printf '== failed, but counted\n%s\n' "$failed"
fi
report
[ -z "$failed" ]
