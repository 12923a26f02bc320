#!/usr/bin/env bash
# Progress: on a terminal only, only for long work, and erased at its end.
. "$(dirname "$0")/../lib.sh"
test_begin cli/progress

# Three pieces of 1.5 MB with pauses between them: more than half a second of reading.
cat >slow.sh <<'END'
piece()
{
    for i in $(seq 300); do
        echo '---'
        yes '{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}
---' | head -n 179
    done
}
piece
sleep 0.4
piece
sleep 0.4
piece
echo ---
cat "$1"
END
slow()
{
    bash slow.sh "$SRC/examples/shop/payments.yaml"
}

# terminal COMMAND: runs a shell command with a terminal as its standard error only; what the
# terminal got is on stdout.
terminal()
{
    python3 - "$1" <<'END'
import os, pty, subprocess, sys
main, side = pty.openpty()
child = subprocess.Popen(["bash", "-c", sys.argv[1]], stderr=side, stdout=subprocess.DEVNULL,
                         env=dict(os.environ, TERM=os.environ.get("TEST_TERM", "xterm")))
os.close(side)
seen = b""
while True:
    try:
        piece = os.read(main, 4096)
    except OSError:
        break
    if not piece:
        break
    seen += piece
child.wait()
sys.stdout.buffer.write(seen)
END
}

export -f slow
export SRC
terminal "slow | '$NPC' compile -" >"$TMP/seen"
check shown grep -q 'npc: reading: .* MB, .* objects' "$TMP/seen"
check erased-at-the-end test "$(tail -c 4 "$TMP/seen" | od -An -tx1 | tr -d ' ')" = 0d1b5b4b
slow | "$NPC" compile - >/dev/null 2>"$TMP/err"
check nothing-in-a-pipe test ! -s "$TMP/err"
TEST_TERM=dumb terminal "slow | '$NPC' compile -" >"$TMP/seen"
check nothing-on-a-dumb-terminal test ! -s "$TMP/seen"
terminal "'$NPC' compile '$SRC/examples/shop'" >"$TMP/seen"
check nothing-for-short-work test ! -s "$TMP/seen"
test_end
