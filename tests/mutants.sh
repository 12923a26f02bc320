#!/usr/bin/env bash
# test: once
# Every mutant that scripts/mutate.equivalent explains can still be made from the sources. (Whether tests
# kill the others takes hours: scripts/mutate.py.)
. "$(dirname "$0")/lib.sh"
test_begin mutants source
run python3 -B "$SRC/scripts/mutate.py" --check
check equivalent-list test "$status" = 0
test_end
