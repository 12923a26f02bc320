#!/bin/bash
# test: once (the rules are the same bytes from any build: tests/run_determinism.py)
# What -t iptables writes loads into the kernel, by iptables-nft and by iptables-legacy, in a network
# namespace of its own: twice leaves what once leaves; another version loads over it; chains, sets,
# tables and policies of others stay as they are, byte by byte.
#
# Cases: golden/*/*, tests/load/cases/ipt-*, and one large case made here. What the backend refuses
# is only named (NPC406); other errors are the golden runner's business.
#
#     iptables.sh [NAME...]     only cases whose name contains NAME
. "$(dirname "$0")/../lib.sh"
test_begin load/iptables
ONLY=("$@")
INSIDE=$SRC/tests/load/iptables_inside.sh
export XTABLES_LOCKFILE=$TMP/xtables.lock # iptables-legacy: /run may be read-only

in_namespace()
{
    if [ "$(id -u)" = 0 ]; then
        unshare -n "$@"
    else
        unshare -rn "$@"
    fi
}

# inside VARIANT FUNCTION ARG...: runs the function in a fresh namespace and a fresh directory.
inside()
{
    local variant=$1
    shift
    rm -rf "$TMP/inside" && mkdir "$TMP/inside"
    (cd "$TMP/inside" && VARIANT=$variant in_namespace bash "$INSIDE" "$@")
}

# ---- cases ----

compile()
{
    local dir=$1 input args=()
    input=$(find "$dir" -maxdepth 1 -name 'in.*' | head -1)
    for file in "$dir/args" "$dir/args.iptables"; do
        [ -f "$file" ] && mapfile -t -O "${#args[@]}" args < <(grep -v '^#' "$file")
    done
    rm -rf "$2"
    run "$NPC" compile -t iptables -o "$2" "${args[@]}" "$input"
}

wanted()
{
    [ ${#ONLY[@]} -eq 0 ] && return 0
    local name
    for name in "${ONLY[@]}"; do
        [[ $1 == *$name* ]] && return 0
    done
    return 1
}

try_case()
{
    local name=$1 dir=$2 variant why
    wanted "$name" || return 0
    compile "$dir" "$TMP/rules"
    if [ "$status" = 2 ] && grep -q 'NPC406' "$TMP/err"; then
        echo "# $name: the backend refuses: $(grep -m1 -o 'error: .*' "$TMP/err")"
        return
    elif [ "$status" != 0 ] && [[ $name == cases/* ]]; then
        fail "$name" "does not compile: $(head -3 "$TMP/err")"
        return
    elif [ "$status" != 0 ]; then
        refused="$refused $name" # a golden case that shows an error
        return
    fi
    for variant in $variants; do
        if why=$(inside "$variant" try_once "$TMP/rules" 2>&1); then
            ok "$name-$variant"
        else
            fail "$name-$variant" "$why"
        fi
    done
}

variants=
for variant in nft legacy; do
    if why=$(inside "$variant" foreign_rules 2>&1); then
        variants="$variants $variant"
    else
        skip "iptables-$variant" "no namespace or no iptables-$variant here: ${why//$'\n'/ }"
    fi
done
if [ -z "$variants" ]; then
    test_end
fi

refused=
for dir in "$SRC"/golden/*/* "$SRC"/tests/load/cases/ipt-*; do
    if [ -d "$dir" ]; then
        try_case "$(basename "$(dirname "$dir")")/$(basename "$dir")" "$dir"
    fi
done
echo "# inputs that are errors:$refused"

# ---- a cluster of a hundred pods: trees, sets, unions, networks by the dozen ----

if wanted large; then
    mkdir "$TMP/large"
    PYTHONPATH=$SRC/tests/sim python3 -B - >"$TMP/large/in.yaml" <<'END'
import random, sys, worlds, yaml
yaml.safe_dump_all((o for o in worlds.objects(random.Random(29), "wide") if o["apiVersion"] != "npc"), sys.stdout)
END
    # In a user namespace nft refuses large transactions ("Message too long").
    if [ "$(id -u)" != 0 ]; then
        skip cases/large "large transactions need root"
    else
        try_case cases/large "$TMP/large"
        check large-uses-sets grep -q nomatch "$TMP/rules/ipsets"
        check large-uses-pairs grep -q -- '-LOCAL ' "$TMP/rules/rules.v4"
    fi
fi

# ---- the deepest chains ----

# Addresses that share ever longer prefixes make the deepest trees that there are: 13 chains on a path, so
# that the kernel's 16 leave a built-in chain and two of the administrator's.
if wanted deep; then
    python3 -B - >in.npc <<'END'
import ipaddress
print("namespace a {")
for k in range(111):
    print(f"workload w{k} {{ addr {ipaddress.ip_address(0x2001 << 112 | 1 << k)} label pod=w{k} }}")
    print(f"policy p{k} for pods pod=w{k} {{ allow from pods pod=w{(k + 1) % 111} on tcp/80 default deny egress }}")
print("}")
END
    run "$NPC" compile -t iptables -o "$TMP/deep" in.npc
    check deep-compiles test "$status" = 0
    for variant in $variants; do
        check "deep-$variant" inside "$variant" jump_through 2 "$TMP/deep"
    done
    # The same with pairs (over eight grants for a pod): trees of peers, of a row, of local addresses, of oneself.
    python3 -B - >in.npc <<'END'
import ipaddress
print("namespace a {")
for k in range(111):
    print(f"workload w{k} {{ addr {ipaddress.ip_address(0x2001 << 112 | 1 << k)} label pod=w{k} }}")
    print(f"policy p{k} for all pods {{ allow from pods pod=w{k} on tcp/{1000 + k} allow from cidr 2002::/16 on tcp/{k + 1} }}")
print("}")
END
    run "$NPC" compile -t iptables -o "$TMP/deep-pairs" in.npc
    check deep-pairs-compiles test "$status" = 0
    check deep-has-pairs grep -q -- '-LOCAL ' "$TMP/deep-pairs/rules.v6"
    for variant in $variants; do
        check "deep-pairs-$variant" inside "$variant" jump_through 2 "$TMP/deep-pairs"
    done
    if [[ $variants == *nft* ]]; then
        check deep-no-deeper inside nft jump_too_deep "$TMP/deep"
        check deep-pairs-no-deeper inside nft jump_too_deep "$TMP/deep-pairs"
    fi
fi

# ---- one version over another ----

if wanted version; then
    for version in a b; do
        compile "$SRC/tests/load/cases/ipt-version-$version" "$TMP/$version"
    done
    compile "$SRC/tests/load/cases/ipt-host" "$TMP/host"
    for variant in $variants; do
        check "T51_own_chains_only-$variant" inside "$variant" try_once "$TMP/a"
        for pair in 'a b' 'b a' 'host b' 'b host'; do
            read -r old new <<<"$pair"
            inside "$variant" load_alone "$TMP/$new" "$TMP/alone"
            check "version-$new-over-$old-$variant" inside "$variant" load_over "$TMP/$old" "$TMP/$new" "$TMP/alone"
        done
        check "version-ruins-$variant" inside "$variant" load_over_ruins "$TMP/a"
        check "version-clean-up-$variant" inside "$variant" clean_up "$TMP/a" "$TMP/b"
    done
fi

# ---- ICMP type 255 ----

# iptables takes type 255 for all types: it is what is left once every other type has been decided.
if wanted icmp-255; then
    echo 'namespace a { workload w { addr 10.0.0.1 } policy p for all pods { allow from anywhere on icmp/255 } }' >in.npc
    "$NPC" compile -t iptables -o "$TMP/icmp" in.npc
    sed -n 's/^-A NPC-w.* -p icmp --icmp-type \([0-9]*\) .* -[jg] /\1 /p; s/^-A NPC-w.* -p icmp -m .* -[jg] /rest /p' \
        "$TMP/icmp/rules.v4" >got
    { seq -f '%g NPC-DENY' 0 254 && echo 'rest RETURN'; } >want
    check icmp-255-is-the-rest cmp -s got want
fi
test_end
