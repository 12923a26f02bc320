#!/usr/bin/env bash
# test: once
# The Debian package without building it (scripts/package.sh does): its version is npc's, and every
# installed file is in exactly one package.
. "$(dirname "$0")/../lib.sh"
test_begin cli/package

debian=$SRC/debian
check version test "$(sed -n '1s/^npc (\([0-9.]*\)) .*/\1/p' "$debian/changelog")" = \
    "$("$NPC" --version | cut -d ' ' -f 2)"

if ! DESTDIR=$TMP/root cmake --install "$NPC_BUILD" --prefix /usr >"$TMP/out" 2>"$TMP/err"; then
    fail install "$(tail -3 "$TMP/err")"
    test_end
fi
# The first word of a line is what is installed; where libraries are is the distribution's affair.
sed 's/ .*//; s|^usr/lib/\*/|usr/lib/|' "$debian"/*.install | LC_ALL=C sort >packaged
(cd "$TMP/root" && find . -type f -printf '%P\n' | sed 's|^usr/lib/[^/]*-linux-[^/]*/|usr/lib/|' | LC_ALL=C sort) >installed
check every-file diff installed packaged
check every-file-some test "$(wc -l <installed)" -ge 10

# What is installed needs what it was built with: libraries of the build and of libnpc-dev are the same.
libraries()
{
    sed -n "/^$1/,/^[A-Z]/s/^ \(lib[a-z]*-dev\),*\$/\1/p" | LC_ALL=C sort
}
sed -n '1,/^$/p' "$debian/control" | libraries Build-Depends >built
sed -n '/^Package: libnpc-dev/,$p' "$debian/control" | libraries Depends >needed
check libraries cmp built needed
check libraries-some test -s built
check libraries-as-setup test "$(tr '\n' ' ' <built)" = \
    "$(sed -n '/^build_packages=/,/)/p' "$SRC/scripts/common.sh" | grep -o 'lib[a-z]*-dev' | grep -v libc6 | LC_ALL=C sort | tr '\n' ' ')"
test_end
