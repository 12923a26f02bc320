#!/usr/bin/env bash
# The installation: every file at its place, a program of somebody else built against it with
# pkg-config, and no symbol in the library but npc_*.
. "$(dirname "$0")/../lib.sh"
test_begin cli/install

if ! cmake --install "$NPC_BUILD" --prefix "$TMP/usr" >"$TMP/out" 2>"$TMP/err"; then
    fail install "$(tail -3 "$TMP/err")"
    test_end
fi
lib=$(dirname "$(find "$TMP/usr" -name libnpc.a)")
for file in bin/npc include/npc/npc.h share/man/man1/npc.1 share/man/man5/npc-language.5 \
    share/bash-completion/completions/npc share/zsh/site-functions/_npc \
    share/fish/vendor_completions.d/npc.fish; do
    check "has-$(basename $file)" test -s "$TMP/usr/$file"
done
check has-pkg-config test -s "$lib/pkgconfig/npc.pc"
check only-one-header test "$(find "$TMP/usr/include" -type f | wc -l)" = 1

foreign=$(nm -g --defined-only "$lib/libnpc.a" | awk 'NF == 3 && $3 !~ /^npc_/ { print $3 }' |
    grep -v '^__asan\|^__odr_asan' | head -5)
check only-npc-symbols test -z "$foreign"

cat >client.c <<'END'
#include <npc/npc.h>
#include <stdio.h>
#include <string.h>

/* A name that npc uses inside must be free for others. */
int str_eq(void);
int str_eq(void) { return 7; }

int main(void)
{
    static const char text[] = "namespace a { policy p for all pods { default deny ingress } }";
    struct npc_output out;
    struct npc *n = npc_new();
    npc_add_text(n, "a.npc", text, strlen(text));
    enum npc_status status = npc_load(n);
    if (status == NPC_OK) {
        status = npc_compile(n, "k8s", &out);
    }
    if (status == NPC_OK) {
        fwrite(out.text, 1, out.size, stdout);
    }
    npc_free(n);
    return status == NPC_OK && str_eq() == 7 ? 0 : 1;
}
END
export PKG_CONFIG_PATH=$lib/pkgconfig
check pkg-config-version test "$(pkg-config --modversion npc)" = "$("$NPC" --version | cut -d ' ' -f 2)"
sanitize=$(sed -n 's/^NPC_SANITIZE:[A-Z]*=\(.\)/-fsanitize=\1/p' "$NPC_BUILD/CMakeCache.txt")
cc=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$NPC_BUILD/CMakeCache.txt")
# shellcheck disable=SC2046,SC2086 # lists of flags
if "$cc" -std=c17 -Wall -Wextra -Werror $sanitize -o client client.c $(pkg-config --cflags --libs npc) \
    2>"$TMP/err"; then
    ok client-builds
    ./client >"$TMP/out" 2>"$TMP/err"
    check client-runs test $? = 0
    check client-prints grep -q 'kind: NetworkPolicy' "$TMP/out"
else
    fail client-builds "$(head -3 "$TMP/err")"
fi
if command -v c++ >/dev/null; then
    echo '#include <npc/npc.h>
int main() { return npc_version() == nullptr; }' >client.cc
    check header-in-c++ c++ -fsyntax-only -Wall -Wextra -Werror "-I$TMP/usr/include" client.cc
else
    skip header-in-c++ 'no C++ compiler'
fi
check installed-unit grep -qx "ExecStart=$TMP/usr/bin/npc boot" "$TMP/usr/lib/systemd/system/npc.service"
flushers='nftables netfilter-persistent iptables ip6tables ufw'
for flusher in $flushers; do # with Before= alone each may take npc's rules away again
    check "unit-is-after-$flusher" \
        grep -q "^After=.*\b$flusher\.service\b" "$TMP/usr/lib/systemd/system/npc.service"
done
check installed-program-runs sh -c "'$TMP/usr/bin/npc' compile '$SRC/examples/shop' >/dev/null"
test_end
