#!/bin/bash
# What -t iptables writes loads into the kernel, by iptables-nft and by iptables-legacy, in a network
# namespace of its own: twice leaves what once leaves; another version loads over it; chains, sets,
# tables and policies of others stay as they are, byte by byte.
#
# Cases: golden/*/*, tests/load/cases/ipt-*, and one large case made here. What the backend refuses
# is SKIPped by name (NPC406); other errors are the golden runner's business.
#
#     iptables.sh [NAME...]     only cases whose name contains NAME
. "$(dirname "$0")/../lib.sh"
test_begin load/iptables
ONLY=("$@")

in_namespace()
{
    if [ "$(id -u)" = 0 ]; then
        unshare -n "$@"
    else
        unshare -rn "$@"
    fi
}

# ---- inside the namespace: VARIANT is nft or legacy ----

load_dir()
{
    ipset restore -exist <"$1/ipsets" &&
        "iptables-$VARIANT-restore" -w --noflush <"$1/rules.v4" &&
        "ip6tables-$VARIANT-restore" -w --noflush <"$1/rules.v6"
}

# Rules and sets as the kernel has them, without what differs by chance.
dump()
{
    for ip in ip ip6; do
        "${ip}tables-$VARIANT-save" | grep -v '^#' | sed 's/\[[0-9]*:[0-9]*\]/[0:0]/'
    done
    ipset save | sed 's/ initval 0x[0-9a-f]*//' | sort
}

dump_foreign()
{
    dump | grep -vE '(^|[ :])(NPC|npc)'
    nft list tables
}

# Everybody else: chains, policies, a nat rule, a set, and a table of nft.
foreign_rules()
{
    ipset create foreign hash:ip && ipset add foreign 192.0.2.1
    printf '%s\n' '*filter' ':INPUT DROP [0:0]' ':FORWARD DROP [0:0]' ':OUTPUT ACCEPT [0:0]' ':OTHER - [0:0]' \
        '-A INPUT -i lo -j ACCEPT' '-A FORWARD -j OTHER' '-A OTHER -p tcp --dport 22 -j ACCEPT' \
        '-A OTHER -m set --match-set foreign src -j DROP' COMMIT '*nat' \
        '-A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 8080' COMMIT | "iptables-$VARIANT-restore"
    printf '%s\n' '*filter' ':FORWARD DROP [0:0]' ':OTHER - [0:0]' '-A OTHER -j ACCEPT' COMMIT |
        "ip6tables-$VARIANT-restore"
    nft -f - <<<'table inet other { chain c { type filter hook input priority 5; policy accept; tcp dport 1 drop; }; }'
}

# The text of the chains that a file declares.
own_rules()
{
    for ip in ip ip6; do
        "${ip}tables-$VARIANT-save" |
            awk -v "file=$1/rules.$([ $ip = ip ] && echo v4 || echo v6)" '
                BEGIN { while ((getline line < file) > 0) if (line ~ /^:/) { sub(/ .*/, "", line); own[substr(line, 2)] = 1 } }
                $1 == "-A" && $2 in own'
    done
}

# Members of the sets that a file makes.
own_sets()
{
    sed -n 's/^swap [^ ]* //p' "$1/ipsets" | sort | while read -r set; do
        ipset save "$set" | sed 's/ initval 0x[0-9a-f]*//' | sort
    done
}

same()
{
    if ! diff "$1" "$2" >diff; then
        echo "$3:"
        head -20 diff
        return 1
    fi
}

try_once()
{
    foreign_rules || { echo "the foreign rules do not load"; return 1; }
    dump_foreign >foreign.0
    load_dir "$1" 2>err || { echo "first load:"; head -5 err; return 1; }
    dump >all.1
    load_dir "$1" 2>err || { echo "second load:"; head -5 err; return 1; }
    dump >all.2
    same all.1 all.2 "the second load changed something" || return 1
    dump_foreign >foreign.1
    same foreign.0 foreign.1 "somebody else's rules changed" || return 1
    # With jumps to the roots the kernel checks the depth of all that is below them.
    for ip in ip ip6; do
        for hook in FORWARD INPUT OUTPUT; do
            "${ip}tables-$VARIANT" -w -I "$hook" -j "NPC-$hook" 2>err || { echo "jump from $hook:"; head -5 err; return 1; }
        done
    done
    load_dir "$1" 2>err || { echo "load under traffic:"; head -5 err; return 1; }
}

export -f load_dir dump dump_foreign foreign_rules own_rules own_sets same try_once
export XTABLES_LOCKFILE="$TMP/xtables.lock"

# inside VARIANT FUNCTION ARG...: runs the function in a fresh namespace and a fresh directory.
inside()
{
    local variant=$1
    shift
    mkdir -p "$TMP/inside" && rm -rf "$TMP"/inside/*
    (cd "$TMP/inside" && VARIANT=$variant in_namespace bash -c '"$@"' bash "$@")
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
        skip "$name" "the backend refuses: $(grep -m1 -o 'error: .*' "$TMP/err")"
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
yaml.safe_dump_all(worlds.objects(random.Random(29), "wide"), sys.stdout)
END
    # In a user namespace nft refuses large transactions ("Message too long").
    if [ "$(id -u)" != 0 ]; then
        skip cases/large "large transactions need root"
    else
        try_case cases/large "$TMP/large"
        check large-uses-sets grep -q nomatch "$TMP/rules/ipsets"
    fi
fi

# ---- one version over another ----

over()
{
    load_dir "$2" && own_rules "$2" >rules.want && own_sets "$2" >sets.want
}
over_again()
{
    for ip in ip ip6; do
        "${ip}tables-$VARIANT" -w -N NPC-FORWARD && "${ip}tables-$VARIANT" -w -I FORWARD -j NPC-FORWARD || return 1
    done
    load_dir "$1" && load_dir "$2" || return 1
    own_rules "$2" >rules.have && own_sets "$2" >sets.have
    same "$3/rules.want" rules.have "rules" && same "$3/sets.want" sets.have "sets"
}
# An interrupted load, and sets that somebody changed, do not matter to the next load.
over_ruins()
{
    head -c 700 "$1/ipsets" | sed '$d' | ipset restore -exist && load_dir "$1" || return 1
    own_sets "$1" >sets.want
    ipset save | sed -n 's/^add \(NPC[^ ]*\) /\1 /p' | while read -r set member; do
        ipset del "$set" "${member%% *}"
    done
    load_dir "$1" && own_sets "$1" >sets.have && same sets.want sets.have "sets"
}
# The way that the files' header gives to remove what is left of an older version.
clean_up()
{
    load_dir "$1" && load_dir "$2" || return 1
    ! ipset save | grep -q "^create $(sed -n 's/^swap [^ ]* //p' "$1/ipsets" | grep -vFf <(sed -n 's/^swap [^ ]* //p' "$2/ipsets") | head -1) " && { echo "no set of the old version is left"; return 1; }
    for ip in ip ip6; do
        file=$2/rules.$([ $ip = ip ] && echo v4 || echo v6)
        "${ip}tables-$VARIANT-save" | sed -n 's/^:\(NPC[^ ]*\) .*/\1/p' | grep -vxFf <(sed -n 's/^:\(NPC[^ ]*\) .*/\1/p' "$file") >stale
        while read -r chain; do "${ip}tables-$VARIANT" -w -F "$chain"; done <stale
        while read -r chain; do "${ip}tables-$VARIANT" -w -X "$chain" || return 1; done <stale
    done
    ipset list -n | grep -vxFf <(sed -n 's/^swap [^ ]* //p' "$2/ipsets") | while read -r set; do ipset destroy "$set" || return 1; done
}
export -f over over_again over_ruins clean_up

if wanted version; then
    for version in a b; do
        compile "$SRC/tests/load/cases/ipt-version-$version" "$TMP/$version"
    done
    compile "$SRC/tests/load/cases/ipt-host" "$TMP/host"
    for variant in $variants; do
        for pair in 'a b' 'b a' 'host b' 'b host'; do
            read -r old new <<<"$pair"
            rm -rf "$TMP/alone" && mkdir "$TMP/alone"
            inside "$variant" bash -c 'cd "$1" && over x "$2"' bash "$TMP/alone" "$TMP/$new"
            check "version-$new-over-$old-$variant" inside "$variant" over_again "$TMP/$old" "$TMP/$new" "$TMP/alone"
        done
        check "version-ruins-$variant" inside "$variant" over_ruins "$TMP/a"
        check "version-clean-up-$variant" inside "$variant" clean_up "$TMP/a" "$TMP/b"
    done
fi
test_end
