#!/usr/bin/env bash
# The program has what cmake/hardening.cmake asks for, read from the program itself.
# test: once
. "$(dirname "$0")/lib.sh"
test_begin hardening
if ! command -v readelf >/dev/null; then
    skip hardening 'readelf is not installed'
    test_end
fi
readelf -W --file-header --program-headers --dynamic --dyn-syms "$NPC" >headers

# says NAME PATTERN: a line of what readelf says matches. lacks: none does.
says()
{
    check "$1" grep -qE "$2" headers
}
lacks()
{
    check "$1" test "$(grep -cE "$2" headers)" = 0
}

says read 'There are [0-9]+ program headers|Program Headers:'
says position-independent 'Type: +DYN '
says relro '^ *GNU_RELRO '
says bind-now '\((BIND_NOW|FLAGS_1)\).*(BIND_NOW|NOW)|\(BIND_NOW\)'
says stack-not-executable '^ *GNU_STACK .* RW +0x'
lacks nothing-writable-and-executable '^ *(LOAD|GNU_STACK) .* RWE '
lacks no-search-path '\((RPATH|RUNPATH)\)'
lacks no-text-relocations '\(TEXTREL\)'
says stack-protector '__stack_chk_fail'
says fortify '__(mem|str|v?f?printf|v?snprintf|read|pread|realpath|poll)[a-z0-9]*_chk'
test_end
