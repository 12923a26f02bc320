# What setup.sh, test.sh and coverage.sh share; sourced.
# shellcheck shell=bash

set -euo pipefail
SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$SRC"

# shellcheck disable=SC2034 # for the scripts that source this
build_packages=(gcc libc6-dev cmake ninja-build pkg-config bison flex
    libyaml-dev libjansson-dev libyajl-dev libmd-dev)
# libclang-rt: the sanitizers and the fuzzer of Debian 12's clang, which it only recommends.
# shellcheck disable=SC2034
test_packages=(chromium chromium-driver clang clang-format conntrack fonts-dejavu-core graphviz
    iproute2 ipset iptables libclang-rt-14-dev libcunit1-dev locales mandoc nftables
    python3 python3-yaml shellcheck strace valgrind)

# install_packages NAME...: installs those that are missing, with apt-get, as root or by sudo.
install_packages()
{
    local missing=() name
    for name in "$@"; do
        if ! dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q ' installed$'; then
            missing+=("$name")
        fi
    done
    if [ ${#missing[@]} -eq 0 ]; then
        return
    fi
    local root=()
    if [ "$(id -u)" -ne 0 ]; then
        root=(sudo)
    fi
    echo "== installing: ${missing[*]}"
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# build DIRECTORY CMAKE-ARGUMENT...: configures and builds all, or what build_only names; the log is shown
# only on failure.
build_only=()
build()
{
    local dir=$1
    shift
    local launcher=()
    if command -v ccache >/dev/null; then
        launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
    fi
    mkdir -p "$dir"
    echo "== building $dir"
    if ! { cmake -S . -B "$dir" -G Ninja "${launcher[@]}" "$@" && ninja -C "$dir" "${build_only[@]}"; } \
        >"$dir/build.log" 2>&1; then
        grep -A 15 -E 'FAILED|CMake Error' "$dir/build.log" || tail -20 "$dir/build.log"
        return 1
    fi
}

# ---- running tests (docs/testing.md) ----

# run_script LOG COMMAND...: runs one test script; its lines and its exit status go to LOG.
run_script()
{
    local log=$1
    shift
    local status=0 start=$SECONDS
    "$@" >"$log" 2>&1 </dev/null || status=$?
    echo "took $((SECONDS - start)) s" >>"$log"
    if ! grep -qE '^(ok|FAIL|SKIP) ' "$log"; then
        echo "FAIL none: no test ran (exit status $status)" >>"$log"
    elif [ "$status" -ne 0 ] && ! grep -q '^FAIL ' "$log"; then
        echo "FAIL died: exit status $status" >>"$log"
    fi
}

# run_unit LOG PROGRAM: runs one CUnit program and says what it says in lines of docs/testing.md.
run_unit()
{
    # shellcheck disable=SC2016 # for the inner shell
    run_script "$1" bash -c '
        set -o pipefail
        "$1" | sed -E "s/^ *Test: (.*) \.\.\.passed$/ok \1/; s/^ *Test: (.*) \.\.\.FAILED$/FAIL \1: see below/"
    ' unit "$2"
}

# As many at once as there are processors, and one more: some tests mostly wait.
limit_jobs()
{
    while [ "$(jobs -rp | wc -l)" -gt "$(nproc)" ]; do
        wait -n || true
    done
}
