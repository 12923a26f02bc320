#!/usr/bin/env bash
# test: once
# Layout and house rules that a program can check.
. "$(dirname "$0")/lib.sh"
test_begin style source
cd "$SRC" || exit 1

# silent NAME COMMAND...: passed if the command succeeds and prints nothing.
silent()
{
    local name=$1 said
    shift
    if said=$("$@" 2>&1) && [ -z "$said" ]; then
        ok "$name"
    else
        fail "$name" "$(echo "$said" | head -5)"
    fi
}

# absent NAME PATTERN WHY [FILE]: no C source of ours matches, but for FILE.
absent()
{
    local found
    found=$(grep -nE "$2" base/*.[ch] ir/*.[ch] frontend/*.[chly] backends/*.[ch] analysis/*.[ch] lib/*.[ch] \
        apply/*.[ch] cli/*.[ch] 2>/dev/null | grep -vE "^${4-none}:" | grep -vE '^[^:]*:[0-9]+: *(\*|/\*|//)')
    if [ -z "$found" ]; then
        ok "$1"
    else
        fail "$1" "$3: $(echo "$found" | head -3)"
    fi
}

mapfile -t sources < <(find base ir frontend backends analysis lib apply cli include tests bench \
    \( -name '*.c' -o -name '*.h' \) 2>/dev/null | sort)
if command -v clang-format >/dev/null; then
    silent clang-format clang-format --dry-run -Werror "${sources[@]}"
else
    skip clang-format 'not installed'
fi
if command -v shellcheck >/dev/null; then
    mapfile -t scripts < <(find scripts tests bench .ci -name '*.sh' 2>/dev/null | sort)
    silent shellcheck shellcheck -x -P SCRIPTDIR "${scripts[@]}" .ci/run completions/npc.bash
else
    skip shellcheck 'not installed'
fi
if command -v mandoc >/dev/null; then
    silent man-pages mandoc -T lint -W warning docs/npc.1 docs/npc-language.5
else
    skip man-pages 'mandoc is not installed'
fi

absent no-strtol '\b(strto[a-z]+|ato[ifl]+|sscanf)\(' 'threats 41: numbers are read by str_to_u32'
absent no-ctype '<ctype\.h>|<locale\.h>|\bsetlocale\(' 'threats 44: nothing depends on the locale'
absent no-qsort '\bqsort\(' 'an empty array may be NULL: array_sort' base/vec.c
absent no-system '\b(system|popen|exec[lv][pe]*)\(' 'only apply runs other programs, in one place' apply/loader.c
absent no-alloca '\balloca\(' 'the stack is constant'
absent no-time '\b(time|gettimeofday|localtime|gmtime|gethostname)\(' \
    'threats 43: outputs know no time and no machine'

# Nothing of a long life is changed in place: file-level statics are const, but for what the handler of
# a signal must find (volatile).
mutable=$(grep -nE '^static [^(]*(=|;|\{)' base/*.c ir/*.c frontend/*.c backends/*.c analysis/*.c lib/*.c apply/*.c cli/*.c \
    2>/dev/null | grep -vE '\bconst\b|\bvolatile\b|\(|struct [a-z_0-9]+ \{$|enum ' || true)
if [ -z "$mutable" ]; then
    ok no-mutable-statics
else
    fail no-mutable-statics "$(echo "$mutable" | head -5)"
fi

long=$(wc -l base/*.[ch] ir/*.[ch] frontend/*.[chly] backends/*.[ch] analysis/*.[ch] lib/*.[ch] apply/*.[ch] cli/*.[ch] \
    2>/dev/null | awk '$1 > 800 && $2 != "total" { print $2 " has " $1 " lines" }')
if [ -z "$long" ]; then
    ok file-length
else
    fail file-length "$long"
fi

# The generators are silent: no conflict, no unused rule, no warning.
for grammar in frontend/*.y; do
    [ -e "$grammar" ] || continue
    silent "bison-$(basename "$grammar")" bison -Wall -Wcounterexamples -Werror -o "$TMP/parser.c" "$grammar"
    check no-expect sh -c "! grep -q '%expect' $grammar"
done
for scanner in frontend/*.l; do
    [ -e "$scanner" ] || continue
    silent "flex-$(basename "$scanner")" flex -o "$TMP/scanner.c" "$scanner"
done
test_end
