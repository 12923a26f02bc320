#!/usr/bin/env bash
# Static analysis of npc's own C (docs/testing.md): gcc -fanalyzer, clang-tidy and cppcheck.
#
#     scripts/analyze.sh [TOOL...] [FILE...]     TOOL: gcc, tidy, cppcheck; default: all tools, all files
#
#     ANALYZE_BUILD   where to build; default build/analyze
#
# All look at the code with assertions, which tell them what must hold. Not looked at: the scanner and the
# parser that flex and bison make, the page of reports, which is a string, and the tests. .clang-tidy says
# which of its checks are switched off, and why, scripts/analyze.known which findings are no faults. Exit
# status 1 if there is another.
# shellcheck disable=SC2317 # analyze_TOOL is called by its name
. "$(dirname "$0")/common.sh"

build=${ANALYZE_BUILD:-$SRC/build/analyze}
logs=$build/logs
folders='base ir frontend backends analysis lib apply cli'

# Each analyses one file: says what it finds, and nothing else.
analyze_gcc()
{
    # Not looked for: leaks, which valgrind finds; the list of an arena's chunks is beyond it.
    local command
    command=$(python3 - "$build/compile_commands.json" "$SRC/$1" <<'END'
import json
import re
import sys

command = next(entry["command"] for entry in json.load(open(sys.argv[1])) if entry["file"] == sys.argv[2])
print(re.sub(r" -o \S+", " -o /dev/null", command), "-S -fanalyzer -Wno-analyzer-malloc-leak")
END
    )
    (cd "$build" && bash -c "$command")
}

analyze_tidy()
{
    # On stderr it counts what it does not show.
    clang-tidy -p "$build" --quiet "$1" 2> >(grep -vE '^[0-9]+ warnings? (generated|treated as error)' >&2)
}

# Not looked for: members that nobody uses, as it does not see that a macro uses those of a VEC; va_start()
# for lists that va_copy() made, which it does not know.
analyze_cppcheck()
{
    cppcheck --project="$build/compile_commands.json" --file-filter="$SRC/$1" --quiet --error-exitcode=1 \
        --enable=warning,performance,portability,style --suppress=unusedStructMember \
        --suppress=va_list_usedBeforeStarted --template=gcc
}

# analyze TOOL FILE: a log for them, which is empty if there is no finding and no fault.
analyze()
{
    local log=$logs/$1/${2//\//:}.log status=0
    "analyze_$1" "$2" >"$log" 2>&1 || status=$?
    if [ $status -ne 0 ] && ! [ -s "$log" ]; then
        echo "$2: $1 ends with status $status" >"$log"
    fi
}

# ---- the call ----

tools=() files=()
for argument in "$@"; do
    case $argument in
        gcc | tidy | cppcheck) tools+=("$argument") ;;
        *.c) files+=("$argument") ;;
        *) sed -n '2,/^\./s/^# \{0,1\}//p' "$0" && exit 2 ;;
    esac
done
if [ ${#tools[@]} -eq 0 ]; then
    tools=(gcc tidy cppcheck)
fi
if [ ${#files[@]} -eq 0 ]; then
    # shellcheck disable=SC2086 # several folders
    mapfile -t files < <(find $folders -name '*.c' | LC_ALL=C sort)
fi

install_packages "${build_packages[@]}" python3 clang-tidy cppcheck
# shellcheck disable=SC2034 # build() looks at it
build_only=(npc_grammar report_page.c) # what sources and the database name
build "$build" -DCMAKE_C_COMPILER=gcc -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DBUILD_TESTING=OFF \
    -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_FLAGS_RELWITHDEBINFO='-O2 -g'

rm -rf "$logs"
for tool in "${tools[@]}"; do
    mkdir -p "$logs/$tool"
    for file in "${files[@]}"; do
        limit_jobs
        analyze "$tool" "$file" &
    done
    wait
done
scripts/analyze.py "$SRC" "$logs" scripts/analyze.known "${tools[@]}"
