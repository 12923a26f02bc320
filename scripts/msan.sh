#!/usr/bin/env bash
# MemorySanitizer (docs/testing.md): no decision of npc's depends on bytes that were never written.
#
#     scripts/msan.sh [WORD]     only the programs, fuzz targets and scripts whose name holds the word
#
#     MSAN_BUILD   where to build; default build/msan
#
# It only works if all code that runs is built for it, so that the libraries are built here too, from the
# sources of their Debian packages. Then come the unit tests (but test_file and test_load, whose system calls
# are their own, so that nobody sees what they write), the corpus of each fuzz target, and the test scripts
# listed below. Exit status 1 if one fails.
. "$(dirname "$0")/common.sh"

build=${MSAN_BUILD:-$SRC/build/msan}
only=${1-}
libs=$build/libs
sources=$build/sources
logs=$build/logs
flags=(-fsanitize=memory -fsanitize-memory-track-origins -fno-omit-frame-pointer)
scripts='tests/run_golden.py tests/run_roundtrip.py tests/run_injection.py tests/lint/run_lint.py'

# Name of pkg-config, library, source package, what to compile, and how. Their configure scripts would need
# more packages than they are worth: a few definitions say what they would find.
libraries='yaml-0.1 yaml libyaml src/*.c -Iinclude -DYAML_VERSION_STRING="" -DYAML_VERSION_MAJOR=0 -DYAML_VERSION_MINOR=0 -DYAML_VERSION_PATCH=0
jansson jansson jansson src/*.c -DHAVE_STDINT_H -DHAVE_ENDIAN_H -DHAVE_SYS_TIME_H -DHAVE_UNISTD_H -DHAVE_FCNTL_H -DUSE_URANDOM
yajl yajl yajl src/*.c -DNDEBUG
libmd md libmd src/sha2.c -Iinclude
cunit cunit cunit CUnit/Sources/[BF]*/*.c -ICUnit/Headers -DVERSION="" -DRELEASE=""'

# get_sources: the packages' sources, from where the machine gets its packages.
get_sources()
{
    local apt=(-o "Dir::Etc::sourcelist=$sources/sources.list" -o Dir::Etc::sourceparts=-
        -o "Dir::State::lists=$sources/lists" -o "Dir::Cache=$sources/cache" -o APT::Sandbox::User=root)
    mkdir -p "$sources"/{lists,cache}/partial
    # shellcheck disable=SC2016 # for apt
    apt-get indextargets --format 'deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' \
        'Origin: Debian' >"$sources/sources.list"
    apt-get "${apt[@]}" update -qq
    (cd "$sources" && apt-get "${apt[@]}" source -qq "$@" >apt.log)
}

# build_library PC NAME PACKAGE FILES OPTION...
build_library()
{
    local pc=$1 name=$2 package=$3 files=$4
    shift 4
    echo "== building lib$name"
    (
        cd "$sources/$package"-*/
        # shellcheck disable=SC2086 # a pattern
        clang -shared -Wl,-Bsymbolic -o "$libs/lib$name.so" -w -O1 -g -fPIC "${flags[@]}" "-I$libs/config" "$@" $files
    )
    sed "s|^libdir=.*|libdir=$libs|" "$(pkg-config --variable=pcfiledir "$pc")/$pc.pc" >"$libs/$pc.pc"
}

build_libraries()
{
    local pc name package files options
    rm -rf "$libs" "$sources"
    mkdir -p "$libs/config"
    touch "$libs"/config/{config,jansson_private_config}.h
    # shellcheck disable=SC2046 # several words
    get_sources $(awk '{ print $3 }' <<<"$libraries")
    while read -r pc name package files options; do
        # shellcheck disable=SC2086 # several words
        build_library "$pc" "$name" "$package" "$files" $options
    done <<<"$libraries"
}

install_packages "${build_packages[@]}" "${test_packages[@]}" dpkg-dev
if ! [ -e "$libs/done" ]; then
    build_libraries
    touch "$libs/done"
fi
export PKG_CONFIG_PATH=$libs
build "$build" -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=RelWithDebInfo -DNPC_SANITIZE=memory,fuzzer-no-link \
    -DCMAKE_C_FLAGS_RELWITHDEBINFO='-O2 -g' "-DCMAKE_C_FLAGS=${flags[*]}" -DNPC_FUZZ=ON

# ---- running ----

# No exit status of npc's own; and absurd requests are for malloc() to refuse.
export MSAN_OPTIONS=exitcode=99:allocator_may_return_null=1
rm -rf "$logs"
mkdir -p "$logs"
for program in "$build"/tests/test_* $scripts; do
    if [ -x "$program" ] && [[ $program == *"$only"* && $program != */test_@(file|load) ]]; then
        log=$logs/$(basename "$program").log
        limit_jobs
        case $program in
            tests/*) NPC=$build/npc NPC_BUILD=$build TEST_EFFORT=short run_script "$log" "$program" & ;;
            *) run_unit "$log" "$program" & ;;
        esac
    fi
done
wait
if [[ fuzz == *"$only"* ]]; then
    FUZZ_BUILD=$build FUZZ_SANITIZERS=memory run_script "$logs/fuzz.log" scripts/fuzz.sh --replay
fi

failed=0
for log in "$logs"/*.log; do
    printf '%-28s %5d ok %4d failed\n' "$(basename "$log" .log)" "$(grep -c '^ok ' "$log" || true)" \
        "$(grep -c '^FAIL ' "$log" || true)"
    if grep -q '^FAIL ' "$log"; then
        grep -v '^ok ' "$log" | head -60 | sed 's/^/    /'
        failed=1
    fi
done
exit $failed
