#!/usr/bin/env bash
# npc fmt: standard output, -w, --check, standard input, errors.
. "$(dirname "$0")/../lib.sh"
test_begin cli/fmt

ugly='namespace shop{policy web for pods app=web{allow from anywhere on tcp/80}} # end'
cat >want.npc <<'END'
namespace shop {
  policy web for pods app=web {
    allow from anywhere on tcp/80
  }
}  # end
END
echo "$ugly" >a.npc
cp want.npc b.npc
echo "policy x for pods {" >bad.npc

run "$NPC" fmt a.npc
check stdout cmp -s "$TMP/out" want.npc
check stdout-leaves-the-file test "$(cat a.npc)" = "$ugly"
"$NPC" fmt - <a.npc >"$TMP/out"
check stdin cmp -s "$TMP/out" want.npc
"$NPC" fmt <a.npc >"$TMP/out"
check stdin-by-default cmp -s "$TMP/out" want.npc
run "$NPC" fmt a.npc b.npc
check several cmp -s "$TMP/out" <(cat want.npc want.npc)

run "$NPC" fmt --check b.npc
check check-clean test "$status" = 0 -a ! -s "$TMP/out"
run "$NPC" fmt --check a.npc b.npc
check check-finds test "$status" = 1 -a "$(cat "$TMP/out")" = a.npc
check check-leaves-the-file test "$(cat a.npc)" = "$ugly"
run "$NPC" fmt --check a.npc bad.npc
check_err check-error 2 'bad.npc:1:'

run "$NPC" fmt -w a.npc bad.npc b.npc
check_err write-all-or-nothing 2 'bad.npc:1:'
check write-nothing-on-error test "$(cat a.npc)" = "$ugly"
chmod 640 a.npc
touch -d '2001-01-01' b.npc
run "$NPC" fmt -w a.npc b.npc
check write cmp -s a.npc want.npc
check write-says-nothing test "$status" = 0 -a ! -s "$TMP/out" -a ! -s "$TMP/err"
check write-keeps-mode test "$(stat -c %a a.npc)" = 640
check write-leaves-formatted-alone test "$(stat -c %Y b.npc)" = "$(date -d 2001-01-01 +%s)"
check write-no-temporary test "$(find . -name '.npc*')" = ''
echo "$ugly" >target.npc
ln -s target.npc link.npc
run "$NPC" fmt -w link.npc
check write-keeps-link test -L link.npc
check write-through-link cmp -s target.npc want.npc
umask 022
echo "$ugly" >wide.npc
chmod 666 wide.npc
run "$NPC" fmt -w wide.npc
check write-keeps-wide-mode test "$(stat -c %a wide.npc)" = 666

{
    echo 'policy web for pods app=web { '
    for _ in {1..60}; do
        printf 'allow from anywhere on {'
        yes tcp/1, | head -9900 | tr -d '\n'
        echo '}'
    done
    echo '}'
} >grows.npc
cp grows.npc before.npc
run "$NPC" fmt -w grows.npc
check_err write-nothing-too-large 2 'grows.npc: error: formatted, this is an npc file of'
check write-nothing-too-large-file cmp -s grows.npc before.npc

run "$NPC" fmt -w --check a.npc
check_err write-and-check 2 'exclude each other'
run "$NPC" fmt -w -
check_err write-stdin 2 'cannot rewrite standard input'
run "$NPC" fmt -w
check_err write-nothing-named 2 'needs a FILE'
run "$NPC" fmt nowhere.npc
check_err missing 2 "there is no file 'nowhere.npc'"
run "$NPC" fmt .
check_err directory 2 'is a directory'
run "$NPC" fmt bad.npc a.npc nowhere.npc
check_err all-errors 2 'bad.npc:1:'
check all-errors-2 grep -q nowhere.npc "$TMP/err"
head -c 4194305 /dev/zero | tr '\0' ' ' >large.npc
run "$NPC" fmt large.npc
check_err T_limit_fmt_1 2 '4194304 bytes'
head -c 4194304 /dev/zero | tr '\0' ' ' >large.npc
run "$NPC" fmt large.npc
check T_limit_fmt test "$status" = 0
test_end
