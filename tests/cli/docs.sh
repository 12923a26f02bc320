#!/usr/bin/env bash
# test: once
# Help, manual and completions name the same commands, options and backends; the README shows what
# is printed.
. "$(dirname "$0")/../lib.sh"
test_begin cli/docs

manual=$SRC/docs/npc.1
mapfile -t commands < <("$NPC" --help | sed -n 's/^  \([a-z]*\) .*/\1/p')
check has-commands test ${#commands[@]} -ge 6
for command in "${commands[@]}"; do
    check "manual-command-$command" grep -q "^\.It Cm $command\$" "$manual"
    while read -r option; do
        check "manual-$command$option" grep -qE "^\.It .*Fl -${option#--}( |\$)" "$manual"
    done < <("$NPC" help "$command" | sed -n 's/^  \(-., \|    \)\(--[a-z-]*\).*/\2/p')
done
while read -r option; do
    check "help--$option" sh -c "for c in ${commands[*]}; do '$NPC' help \$c; done | grep -q -- '--$option'"
done < <(sed -n '/^\.Sh OPTIONS/,/^\.Sh ENV/s/^\.It Fl \(.*Fl \)\{0,1\}-\([a-z-]*\).*/\2/p' "$manual" |
    sed -n '/^[a-z]/p')
while read -r backend _; do
    check "manual-backend-$backend" grep -q "^\.It Cm $backend\$" "$manual"
done < <("$NPC" backends)

# Quotes that are part of a text are shown, and others stand around the right words.
if ! command -v mandoc >"$TMP/found"; then
    skip manual-quotes 'no mandoc'
else
    mandoc -T ascii "$manual" | col -b >"$TMP/npc.txt"
    check manual-quotes grep -qF "{\"version\": 1, \"diagnostics\": [...]}'" "$TMP/npc.txt"
    mandoc -T ascii "$SRC/docs/npc-language.5" | col -b >"$TMP/language.txt"
    check manual-quotes-language grep -q "(.anywhere', .all ports')" "$TMP/language.txt"
fi

# bash completion, driven as bash drives it.
mkdir "$TMP/bin" && ln -s "$NPC" "$TMP/bin/npc"
complete_words()
{
    PATH=$TMP/bin:$PATH bash -c '
        _init_completion() { cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
            words=("${COMP_WORDS[@]}") cword=$COMP_CWORD; }
        _filedir() { COMPREPLY=("file:$1"); }
        . "$0"
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _npc
        echo "${COMPREPLY[*]}"
    ' "$SRC/completions/npc.bash" "$@"
}
check bash-commands test "$(complete_words npc comp)" = compile
check bash-options test "$(complete_words npc compile --tar)" = --target
check bash-backends test "$(complete_words npc compile -t ca)" = calico
check bash-choices test "$(complete_words npc compile --color a)" = 'auto always'
check bash-findings test "$(complete_words npc explain NPC40)" = \
    'NPC401 NPC402 NPC403 NPC404 NPC405 NPC406 NPC407 NPC408'
check bash-files test "$(complete_words npc fmt x)" = file:npc
test_end
