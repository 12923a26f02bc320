# What setup.sh and test.sh share; sourced.
# shellcheck shell=bash

set -euo pipefail
SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$SRC"

# shellcheck disable=SC2034 # for the scripts that source this
build_packages=(gcc libc6-dev cmake ninja-build pkg-config bison flex
    libyaml-dev libjansson-dev libyajl-dev libmd-dev)

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

# build DIRECTORY CMAKE-ARGUMENT...: configures and builds; the log is shown only on failure.
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
    if ! { cmake -S . -B "$dir" -G Ninja "${launcher[@]}" "$@" && ninja -C "$dir"; } \
        >"$dir/build.log" 2>&1; then
        grep -A 15 -E 'FAILED|CMake Error' "$dir/build.log" || tail -20 "$dir/build.log"
        return 1
    fi
}
