#!/usr/bin/env bash
# Fuzzing (docs/testing.md): libFuzzer of clang, with its address and undefined behaviour sanitizers.
#
#     scripts/fuzz.sh [SECONDS [TARGET...]]     each target so long, several at once; default 3600, all
#     scripts/fuzz.sh --replay [TARGET...]      the corpus and the regressions once
#     scripts/fuzz.sh --coverage [TARGET...]    how much of its module each target's corpus reaches
#     scripts/fuzz.sh --minimize [TARGET...]    makes of corpus and finds a small corpus
#
#     FUZZ_JOBS   targets at once; default: one for each processor
#     FUZZ_BUILD  where to build; default build/fuzz
#     FUZZ_DIR    where finds, crashes and logs go; default work/ in FUZZ_BUILD
#     FUZZ_SANITIZERS   others than address,undefined
#
# A crash is printed and belongs, made small (fuzz_TARGET -minimize_crash=1 -runs=10000 FILE), into
# tests/fuzz/regressions/TARGET/, with a test of its own if it was an error of meaning. Exit status 1
# if there was one, or if a target reaches less than LEAST percent of the lines of its module.
. "$(dirname "$0")/common.sh"

LEAST=90

# Target, longest input, dictionary, and the module that it aims at: files whose every line counts, also those
# that only exhausted memory or a limit of millions reaches. Not among them: the scanner and the parser that
# flex and bison make, of whose skeleton most is not ours; ruleset_*.c of apply/, most of which runs programs.
targets='
language    4096  language    frontend/dsl_*.c frontend/ast.c backends/npc*.c backends/json.c backends/features.c backends/raw_yaml.c backends/nft_raw.c
yaml        4096  kubernetes  frontend/yaml*.c frontend/event.c frontend/clean.c frontend/remark.c frontend/doc.c frontend/k8s*.c backends/k8s*.c backends/calico.c backends/yaml_writer.c
json        4096  kubernetes  frontend/json*.c frontend/k8s_[cdmps]*.c
names        300  kubernetes  backends/kernel_*.c backends/nft_map.c backends/npc_writer.c backends/yaml_writer.c
validators   300  -           ir/names.c ir/addr.c ir/yamlscalar.c base/utf8.c
world        500  -           ir/bind*.c ir/normal.c ir/ipset.c ir/tiers.c ir/sweep.c ir/intern.c backends/nft.c backends/nft_[cmnpsu]*.c backends/ipt*.c analysis/verdict.c
analysis    6000  language    analysis/*.c ir/cover.c ir/selector.c ir/ports.c lib/answers.c lib/check.c lib/diff.c lib/query.c lib/why.c lib/suppress.c
readback    6000  -           backends/nft_text.c backends/nft_delta.c apply/bundle.c apply/lines.c lib/options.c
'

build=${FUZZ_BUILD:-$SRC/build/fuzz}
work=${FUZZ_DIR:-$build/work}
tests=tests/fuzz
corpus=$tests/corpus regressions=$tests/regressions

# field TARGET N: the N-th field of the table, or all from there on (N-).
field()
{
    echo "$targets" | tr -s ' ' | grep "^$1 " | cut -d ' ' -f "$2"
}

names()
{
    echo "$targets" | sed -n 's/^\([a-z]\{1,\}\) .*/\1/p'
}

# build_targets DIRECTORY SANITIZERS [CMAKE-ARGUMENT...]: with assertions.
build_targets()
{
    local dir=$1 sanitizers=$2
    shift 2
    # shellcheck disable=SC2034 # build() looks at it
    build_only=("${chosen[@]/#/fuzz_}")
    build "$dir" -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=RelWithDebInfo \
        -DCMAKE_C_FLAGS_RELWITHDEBINFO='-O2 -g' -DNPC_FUZZ=ON "-DNPC_SANITIZE=$sanitizers" "$@"
}

# run TARGET LOG ARGUMENT...: the program, with the limits of one input.
run()
{
    local target=$1 log=$2 dictionary options=()
    shift 2
    dictionary=$(field "$target" 3)
    if [ "$dictionary" != - ]; then
        options+=("-dict=$tests/$dictionary.dict")
    fi
    "$build/tests/fuzz_$target" "-max_len=$(field "$target" 2)" -timeout=60 -rss_limit_mb=2048 \
        -close_fd_mask=1 "-artifact_prefix=$work/crash-$target-" "${options[@]}" "$@" >"$log" 2>&1
}

# unpack TARGET: its corpus as files, which is one in the tree: an input on each line, in base64.
unpack()
{
    mkdir -p "$work/corpus/$1"
    python3 - "$corpus/$1.base64" "$work/corpus/$1" <<'END'
import base64
import sys
from pathlib import Path

for number, line in enumerate(open(sys.argv[1], encoding="ascii")):
    (Path(sys.argv[2]) / str(number)).write_bytes(base64.b64decode(line))
END
}

# folders TARGET: those that exist of its corpus, its regressions and what earlier runs found.
folders()
{
    local folder
    for folder in "$work/found/$1" "$work/corpus/$1" "$regressions/$1"; do
        if [ -d "$folder" ]; then
            echo "$folder"
        fi
    done
}

# fuzz_one TARGET SECONDS: a line as tests print it.
fuzz_one()
{
    local target=$1 seconds=$2 log=$work/$1.log runs files
    local -a known
    mkdir -p "$work/found/$target"
    mapfile -t known < <(folders "$target")
    files=$(find "${known[@]}" -type f | wc -l)
    if run "$target" "$log" "-max_total_time=$seconds" -print_final_stats=1 "${known[@]}"; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        if [ "${runs:-0}" -ge "$files" ]; then
            echo "ok fuzz_$target"
        else
            echo "FAIL fuzz_$target: only ${runs:-0} inputs, and $files are known"
        fi
        echo "  $runs inputs"
    else
        grep -aE '^(fuzz: |==.*ERROR|SUMMARY|artifact_prefix)|runtime error' "$log" || tail -20 "$log"
        echo "FAIL fuzz_$target: $(grep -aom 1 'Test unit written to .*' "$log")"
    fi
}

replay_one()
{
    local target=$1 log=$work/$1.replay.log
    local -a known
    mapfile -t known < <(folders "$target")
    if run "$target" "$log" -runs=0 "${known[@]}"; then
        echo "ok replay_$target"
    else
        grep -aE '^(fuzz: |==.*ERROR|SUMMARY|artifact_prefix)|runtime error' "$log" || tail -20 "$log"
        echo "FAIL replay_$target: see $log"
    fi
}

# each FUNCTION ARGUMENT...: for the chosen targets, some at once. Exit status 1 if one failed.
each()
{
    local function=$1 target lines=$work/lines
    shift
    : >"$lines"
    for target in "${chosen[@]}"; do
        while [ "$(jobs -rp | wc -l)" -ge "${FUZZ_JOBS:-$(nproc)}" ]; do
            wait -n || true
        done
        "$function" "$target" "$@" | tee -a "$lines" &
    done
    wait
    ! grep -q '^FAIL ' "$lines"
}

# ---- coverage ----

# coverage_one TARGET: the table of its module.
coverage_one()
{
    local target=$1 program=$build-coverage/tests/fuzz_$1 data=$work/$1.profdata
    local -a known files
    mapfile -t known < <(folders "$target")
    # shellcheck disable=SC2046 # patterns of the table
    mapfile -t files < <(cd "$SRC" && ls $(field "$target" 4-))
    LLVM_PROFILE_FILE=$work/$target.profraw "$program" -runs=0 -max_len=65536 -close_fd_mask=3 \
        "${known[@]}" >"$work/$target.coverage.log" 2>&1
    llvm-profdata-14 merge "$work/$target.profraw" -o "$data"
    llvm-cov-14 export -summary-only "$program" -instr-profile="$data" >"$work/$target.json"
    python3 - "$work/$target.json" "$target" $LEAST "$SRC/" "${files[@]}" <<'END'
import json
import sys

path, target, least, source, *files = sys.argv[1:]
lines = {f["filename"].removeprefix(source): f["summary"]["lines"] for f in json.load(open(path))["data"][0]["files"]}
total = covered = 0
print(f"== {target}")
for name in files:
    n = lines.get(name)
    if n is None:  # nothing but tables
        continue
    total, covered = total + n["count"], covered + n["covered"]
    print(f"  {name:36} {n['covered']:6} of {n['count']:6} lines {100 * n['covered'] / n['count']:6.1f} %")
share = 100 * covered / total
print(f"  {'all of it':36} {covered:6} of {total:6} lines {share:6.1f} %")
print(f"ok coverage_{target}" if share >= float(least) else f"FAIL coverage_{target}: {share:.1f} %, wanted {least} %")
END
}

# ---- a small corpus ----

# Inputs that together reach most branches that known ones reach: first what libFuzzer's merge leaves, then
# of these by turns the one with most new branches for its size, up to so many files and bytes. How often a
# branch is taken counts for nothing here: long runs find that again. Done with the build that has no
# sanitizers, which is faster and has the same branches.
minimize_one()
{
    local target=$1 small=$work/small/$1 program=$build-coverage/tests/fuzz_$1
    local -a known
    mapfile -t known < <(folders "$target")
    rm -rf "$small"
    mkdir -p "$small" "$corpus"
    LLVM_PROFILE_FILE=/dev/null "$program" -merge=1 -use_counters=0 -timeout=60 -max_len=65536 -close_fd_mask=3 \
        "$small" "${known[@]}" >"$work/$target.merge.log" 2>&1
    LLVM_PROFILE_FILE=/dev/null python3 - "$program" "$small" "$corpus/$target.base64" <<'END'
import base64
import subprocess
import sys
from pathlib import Path

FILES, BYTES = 250, 150_000
program, small, corpus = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])


def branches(path):
    """What one input reaches, as libFuzzer says in the control file of a merge."""
    control = small.with_suffix(".control")
    control.write_text(f"1\n0\n{path}\n")
    subprocess.run([program, "-merge_inner=1", f"-merge_control_file={control}", "-use_counters=0", "-timeout=20",
                    "-max_len=65536", "-close_fd_mask=3"], stderr=subprocess.DEVNULL, check=True)
    return {f for line in control.read_text().splitlines() if line.startswith("FT ") for f in line.split()[2:]}


inputs = {path: (branches(path), path.stat().st_size) for path in sorted(small.iterdir())}
every = set().union(*(b for b, _ in inputs.values()))
reached, kept, size = set(), [], 0
while inputs and len(kept) < FILES:
    path = max(inputs, key=lambda p: (len(inputs[p][0] - reached) / (inputs[p][1] + 64), p.name))
    new, n = inputs.pop(path)
    if not new - reached:
        break
    if size + n <= BYTES:
        reached |= new
        kept.append(base64.b64encode(path.read_bytes()).decode())
        size += n
corpus.write_text("".join(line + "\n" for line in sorted(kept, key=lambda k: (len(k), k))))
print(f"ok minimize_{program.rsplit('_', 1)[1]}")
print(f"  {len(kept)} inputs, {size} bytes, {len(reached)} of {len(every)} branches")
END
}

# ---- the call ----

mode=fuzz seconds=3600
case ${1-} in
    --replay | --coverage | --minimize) mode=${1#--} && shift ;;
    -*) sed -n '2,/^\./s/^# \{0,1\}//p' "$0" && exit 2 ;;
    [0-9]*) seconds=$1 && shift ;;
esac
chosen=("$@")
if [ ${#chosen[@]} -eq 0 ]; then
    mapfile -t chosen < <(names)
fi
rm -rf "$work/corpus"
for target in "${chosen[@]}"; do
    unpack "$target"
done

if [ "$mode" = coverage ] || [ "$mode" = minimize ]; then
    install_packages "${build_packages[@]}" "${test_packages[@]}" llvm-14
    build_targets "$build-coverage" fuzzer-no-link \
        '-DCMAKE_C_FLAGS=-fprofile-instr-generate -fcoverage-mapping -U_FORTIFY_SOURCE'
else
    build_targets "$build" "${FUZZ_SANITIZERS:-address,undefined},fuzzer-no-link"
fi
case $mode in
    fuzz) each fuzz_one "$seconds" ;;
    *) each "${mode}_one" ;;
esac
