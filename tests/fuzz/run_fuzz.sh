#!/usr/bin/env bash
# test: once
# Every target for a short while, from its corpus and its regressions, which are all replayed first.
# scripts/fuzz.sh runs them long. FUZZ_SECONDS (default 4) is the time of each.
. "$(dirname "$0")/../lib.sh"

if ! command -v clang >/dev/null; then
    skip fuzz "clang is not installed"
    exit
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
FUZZ_BUILD=${FUZZ_BUILD:-$SRC/build/test/fuzz} FUZZ_DIR=$dir \
    "$SRC/scripts/fuzz.sh" "${FUZZ_SECONDS:-4}" "$@"
