#!/usr/bin/env bash
# Outputs: to standard output, a file, a directory; all or nothing (threats I1, 38, 39).
. "$(dirname "$0")/../lib.sh"
test_begin cli/output

shop=$SRC/examples/shop
mkdir out && cd out || exit 1
echo 'policy p for pods a=b { allow from anywhere on 80 }' >../bad.npc

# listing: everything about the working directory that an observer could see.
listing()
{
    find . -printf '%p %y %m %s %l\n' | LC_ALL=C sort
    find . -type f -exec sha256sum {} + | LC_ALL=C sort
}

# untouched NAME STATUS ARGUMENT...: fails with STATUS and leaves the directory as it was.
untouched()
{
    local name=$1 wanted=$2 before
    shift 2
    before=$(listing)
    run "$NPC" "$@"
    if [ "$status" != "$wanted" ]; then
        fail "$name" "status $status, not $wanted: $(head -3 "$TMP/err")"
    elif [ -s "$TMP/out" ]; then
        fail "$name" 'something on stdout'
    elif [ ! -s "$TMP/err" ]; then
        fail "$name" 'no message'
    elif [ "$(listing)" != "$before" ]; then
        fail "$name" "changed: $(diff <(echo "$before") <(listing) | head -3)"
    else
        ok "$name"
    fi
}

"$NPC" compile "$shop" >../want.yaml
run "$NPC" compile -o shop.yaml "$shop"
check file cmp -s shop.yaml ../want.yaml
check file-says-nothing test ! -s "$TMP/out"
check file-mode test "$(stat -c %a shop.yaml)" = "$(printf %o $((0666 & ~0$(umask))))"
check no-temporary test "$(ls -A)" = shop.yaml
(umask 077 && "$NPC" compile -o private.yaml "$shop")
check file-umask test "$(stat -c %a private.yaml)" = 600
rm private.yaml
echo old >shop.yaml
ln shop.yaml ../old-link
run "$NPC" compile -o shop.yaml "$shop"
check replaced cmp -s shop.yaml ../want.yaml
check replaced-not-rewritten test "$(cat ../old-link)" = old

run "$NPC" compile -t nft -o n.nft "$shop"
check side-file test -s n.nft.map
check side-file-is-json python3 -m json.tool n.nft.map /dev/null
check side-main grep -q '^table ' n.nft

mkdir m.nft.map
run "$NPC" compile -t nft -o m.nft "$shop"
check_err side-file-is-a-directory 3 "cannot write 'm.nft.map': Is a directory"
check side-file-is-a-directory-no-main test ! -e m.nft
rmdir m.nft.map

# What is no file has no file beside it.
run "$NPC" compile -t nft -o /dev/stdout "$shop"
check stream-has-no-side-file test "$status" = 0
check stream cmp -s "$TMP/out" n.nft
mkfifo pipe
cat pipe >../piped &
run timeout 20 "$NPC" compile -t nft -o pipe "$shop"
wait $!
check fifo cmp -s ../piped n.nft
check fifo-has-no-side-file test "$(echo pipe*)" = pipe
rm pipe

run "$NPC" compile -t iptables -o ipt "$shop"
check directory test "$(find ipt -type f -printf '%f\n' | LC_ALL=C sort | paste -sd ' ')" = 'ipsets npc.map rules.v4 rules.v6'
run "$NPC" compile -t iptables -o ipt "$shop"
check directory-again test "$status" = 0
run "$NPC" compile -t iptables -o ipt/ "$shop"
check directory-slash test "$status" = 0
check directory-no-temporary test -z "$(find . -name '.*' ! -name .)"

# The place of a checkout is in no output.
for backend in k8s calico npc json nft; do
    "$NPC" compile -t $backend "$shop" >../absolute
    check "output_$backend" test $? = 0 -a -s ../absolute
    (cd "$shop/.." && "$NPC" compile -t $backend shop) >../relative
    (cd "$shop" && "$NPC" compile -t $backend .) >../here
    check "T43_place_$backend" cmp -s ../absolute ../relative
    check "T43_place_dot_$backend" cmp -s ../absolute ../here
done

# Nothing is touched by an error of any kind.
mkdir foreign
echo mine >foreign/precious
untouched I1_bad_input 2 compile -o shop.yaml ../bad.npc
untouched I1_bad_input_new 2 compile -o new.yaml ../bad.npc
untouched I1_bad_among_good 2 compile -o shop.yaml "$shop" ../bad.npc
untouched I1_bad_input_directory 2 compile -t iptables -o ipt ../bad.npc
untouched I1_bad_input_new_directory 2 compile -t iptables -o new ../bad.npc
untouched I1_no_such_node 2 compile -t nft --node nowhere -o n.nft "$shop"
untouched I1_usage 2 compile -t nft --node n --host a/b -o n.nft "$shop"
untouched T39_foreign_directory 3 compile -t iptables -o foreign "$shop"
untouched T39_directory_for_file 3 compile -o foreign "$shop"
untouched T39_file_for_directory 3 compile -t iptables -o shop.yaml "$shop"
untouched T39_no_directory 3 compile -o nowhere/x.yaml "$shop"
mkdir readonly
touch readonly/old
chmod 555 readonly
cp "$NPC" "$TMP/npc"
cp -r "$shop" "$TMP/shop"
chmod -R go+rX "$TMP" "$TMP/npc"
chmod 755 "$TMP/npc"
if unprivileged test ! -w readonly 2>/dev/null; then
    before=$(listing)
    run unprivileged "$TMP/npc" compile -o readonly/old "$TMP/shop"
    check_err T39_read_only 3 "cannot write 'readonly/old'"
    run unprivileged "$TMP/npc" compile -t iptables -o readonly/x "$TMP/shop"
    check_err T39_read_only_directory 3 "cannot write 'readonly/x'"
    check T39_read_only_untouched test "$(listing)" = "$before"
else
    skip T39_read_only 'no way to be somebody else'
fi

# Standard output that fails: full, closed, gone.
"$NPC" compile "$shop" >/dev/full 2>"$TMP/err"
check T39_stdout_full test $? = 3
check T39_stdout_full_says grep -q 'standard output' "$TMP/err"
"$NPC" compile "$shop" >&- 2>"$TMP/err"
check T39_stdout_closed test $? = 3
"$NPC" --help >/dev/full 2>"$TMP/err"
check T39_help_full test $? = 3
"$NPC" fmt "$shop/shop.npc" >/dev/full 2>"$TMP/err"
check T39_fmt_full test $? = 3
# The reader goes away before the first byte: status 3, no message, no signal.
mkfifo pipe
exec 7<>pipe
(
    exec 7>&-
    "$NPC" compile - >pipe 2>"$TMP/err" < <(
        sleep 1
        cat "$shop/payments.yaml"
    )
    echo $? >status
) &
writer=$!
sleep 0.3
exec 7>&-
wait $writer
check T39_epipe test "$(cat status)" = 3
check T39_epipe_is_quiet test ! -s "$TMP/err"
rm pipe status

# Devices, pipes and descriptors are written to, never replaced. The devices are our own, so that a
# faulty program cannot replace those of the machine.
run "$NPC" compile -o /proc/self/fd/1 "$shop"
check descriptor cmp -s "$TMP/out" ../want.yaml
if mknod ../null c 1 3 2>/dev/null && mknod ../full c 1 7 2>/dev/null && : >../null; then
    run "$NPC" compile -o ../null "$shop"
    check device test "$status" = 0 -a -c ../null
    untouched T39_dev_full 3 compile -o ../full "$shop"
    check T39_dev_full_stays test -c ../full
else
    skip device 'mknod is not permitted'
fi
"$NPC" compile -o >(cat >../through) "$shop"
sleep 0.3
check process-substitution cmp -s ../through ../want.yaml

# A full file system (a small tmpfs of its own mount namespace): the old file stays.
cat >../full.sh <<'END'
mount -t tmpfs -o size=64k none "$1" || exit 77
cd "$1" || exit 77
echo old >shop.yaml
dd if=/dev/zero of=ballast bs=1k count=56 2>/dev/null
i=0
while [ $i -lt 40 ]; do cat "$3/payments.yaml"; echo ---; i=$((i+1)); done | sed 's/payments/p/' >/dev/null
"$2" compile -t nft -o shop.yaml "$3" >../full.out 2>../full.err
status=$?
ls -A >../full.list
cat shop.yaml >../full.content
exit $status
END
mkdir ../small
unshare -rm sh ../full.sh "$(cd ../small && pwd)" "$NPC" "$shop" 2>/dev/null
status=$?
if [ $status = 77 ] || [ ! -e ../full.content ]; then
    skip T39_enospc 'no mount namespaces'
elif [ $status = 0 ]; then
    skip T39_enospc 'the output fitted'
else
    check T39_enospc test $status = 3 -a "$(cat ../full.content)" = old
    check T39_enospc_nothing_left test "$(paste -sd ' ' ../full.list)" = 'ballast shop.yaml'
fi

# Ctrl-C while work is long: no output, nothing left behind.
for signal in INT TERM HUP; do
    before=$(listing)
    # A shell in the background ignores SIGINT for its children: env gives it back.
    env --default-signal "$NPC" compile -o shop.yaml - < <(exec sleep 5) 2>/dev/null &
    victim=$!
    sleep 0.3
    kill -s $signal $victim
    wait $victim 2>/dev/null
    code=$?
    check "signal-$signal" test $code -gt 128 -a "$(listing)" = "$before"
done
test_end
