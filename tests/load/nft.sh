#!/bin/bash
# test: once (the rules are the same bytes from any build: tests/run_determinism.py)
# What -t nft writes loads into the kernel, in a network namespace of its own: twice leaves what once
# leaves; what nft reads back has the rules, set elements and comments of the file, and nothing else;
# tables of others stay as they are, byte by byte; an older layout of npc's own goes away.
#
# Cases: golden/*/*, tests/load/cases/nft-*, names that are out to break the file, and large cases
# made here. What the backend refuses is only named (NPC406); other errors are the golden
# runner's business.
#
#     nft.sh [NAME...]     only cases whose name contains NAME
# shellcheck disable=SC2317 # functions that run inside the namespace are called by name
. "$(dirname "$0")/../lib.sh"
test_begin load/nft
ONLY=("$@")
HERE=$SRC/tests/load

in_namespace()
{
    if [ "$(id -u)" = 0 ]; then
        unshare -n "$@"
    else
        unshare -rn "$@"
    fi
}

# ---- inside the namespace: called by name, through `inside` ----

# Everybody else, and npc tables as another layout could have left them.
other_tables()
{
    nft -f - <<'END'
table inet other {
    set s { type ipv4_addr; flags interval; elements = { 192.0.2.0/24, 198.51.100.7 }; }
    chain input { type filter hook input priority 5; policy accept; ip saddr @s tcp dport 1 drop comment "mine"; }
}
table ip nat {
    chain post { type nat hook postrouting priority 100; oifname "eth0" masquerade; }
}
table inet npc {
    chain old { type filter hook forward priority 0; policy drop; }
}
table ip npc {
    set old { type ipv4_addr; }
    chain old { jump older; }
    chain older { drop; }
}
END
}

foreign()
{
    nft -a list table inet other && nft -a list table ip nat
}

try_once()
{
    local file=$1
    other_tables || { echo "the foreign tables do not load"; return 1; }
    foreign >foreign.0
    nft -f "$file" 2>err || { echo "first load:"; head -5 err; return 1; }
    nft -nj list ruleset >all.1
    nft -f "$file" 2>err || { echo "second load:"; head -5 err; return 1; }
    nft -nj list ruleset >all.2
    foreign >foreign.1
    cmp foreign.0 foreign.1 || { echo "somebody else's tables changed"; return 1; }
    # raw text may add tables
    { printf 'table %s\n' 'inet other' 'ip nat' 'ip npc' 'ip6 npc'
      sed -n '/^# raw text begins/,$s/^add \(table .*\)/\1/p' "$file"; } | sort >tables.want
    nft list tables | sort | diff tables.want - || { echo "other tables than wanted"; return 1; }
    python3 "$HERE/nft_readback.py" "$file" "$file.map" all.1 all.2
}
export -f try_once other_tables foreign
export HERE

# inside FUNCTION ARG...: runs the function in a fresh namespace and a fresh directory.
inside()
{
    rm -rf "$TMP/inside" && mkdir "$TMP/inside"
    (cd "$TMP/inside" && in_namespace bash -c '"$@"' bash "$@")
}

# ---- cases ----

# compile DIR: its input with its arguments, to rules.nft.
compile()
{
    local dir=$1 input args=()
    input=$(find "$dir" -maxdepth 1 -name 'in.*' | head -1)
    for file in "$dir/args" "$dir/args.nft"; do
        [ -f "$file" ] && mapfile -t -O "${#args[@]}" args < <(grep -v '^#' "$file")
    done
    rm -f "$TMP"/rules.nft*
    run "$NPC" compile -t nft -o "$TMP/rules.nft" "${args[@]}" "$input"
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

# load NAME: what compile wrote.
load()
{
    local why
    if why=$(inside try_once "$TMP/rules.nft" 2>&1); then
        ok "$1"
    else
        fail "$1" "$why"
    fi
}

try_case()
{
    local name=$1
    wanted "$name" || return 0
    compile "$2"
    if [ "$status" = 2 ] && grep -q 'NPC406' "$TMP/err"; then
        echo "# $name: the backend refuses: $(grep -m1 -o 'error: .*' "$TMP/err")"
    elif [ "$status" = 2 ] && [[ $name != cases/* ]]; then
        refused=$((refused + 1)) # a golden case that shows an error
    elif [ "$status" != 0 ]; then
        fail "$name" "exit status $status: $(head -3 "$TMP/err")"
    else
        load "$name"
    fi
}

if ! why=$(inside other_tables 2>&1); then
    skip all "no namespace or no nft here: ${why//$'\n'/ }"
    test_end
fi

refused=0
for dir in "$SRC"/golden/*/* "$SRC"/tests/load/cases/nft-*; do
    if [ -d "$dir" ]; then
        try_case "$(basename "$(dirname "$dir")")/$(basename "$dir")" "$dir"
    fi
done
echo "# $refused cases are inputs that compile refuses for other reasons"

# ---- names ----

# A file name is the one text that reaches comments and may hold anything.
hostile()
{
    wanted "$1" || return 0
    rm -rf dir && mkdir dir && cp "$HERE/cases/nft-classes/in.yaml" "dir/$2" || return
    run "$NPC" compile -t nft -o "$TMP/rules.nft" dir
    if [ "$status" = 0 ]; then
        load "$1"
    else
        fail "$1" "$(head -3 "$TMP/err")"
    fi
}
hostile T26_nft_quote 'x"; accept comment "y.yaml'
hostile T26_nft_brace 'a } } table ip evil { chain c { drop; } } #.yaml'
hostile T26_nft_backslash 'a\" accept \.yaml'
hostile T27_nft_newline $'a\n\t\taccept\n#.yaml'
hostile T27_nft_carriage $'a\raccept.yaml'
hostile T26_nft_escape $'\e[31m\a.yaml'
hostile T28_nft_utf8 "$(printf 'é%.0s' {1..100}).yaml"
for n in 20 62 63 64 65 66 67 68 100 200; do
    hostile "T28_nft_comment_length_$n" "$(printf 'n%.0s' $(seq "$n")).yaml"
done

# ---- large ----

# Only with real privileges: in a user namespace the kernel bounds one transaction's memory. The
# second argument is a chain that the rules must have.
large()
{
    wanted "$1" || return 0
    if [ "$TEST_EFFORT" = short ]; then
        return
    fi
    if [ "$(id -u)" != 0 ]; then
        skip "$1" "a transaction of this size needs root"
        return
    fi
    python3 "$HERE/nft_large.py" "${@:3}" >in.yaml && run "$NPC" compile -t nft -o "$TMP/rules.nft" in.yaml
    if [ "$status" = 0 ] && grep -q "chain $2 {" "$TMP/rules.nft"; then
        load "$1"
    else
        fail "$1" "$(head -3 "$TMP/err")"
    fi
}
large large-many-classes i_all --pods 1500 --policies 1500
large large-many-peers i_pod_class --pods 8000 --policies 1600 # more than 4,096 peer classes: one chain asks for all
large large-many-networks i10.0.0.0_v --pods 40 --policies 20 --networks 4500
large large-many-ranges i10.0.0.0_v --pods 40 --policies 20 --ranges 600   # interval sets with a host-endian field
large large-many-ranges-shared i_all --pods 700 --policies 700 --ranges 12 # a rule for each range
test_end
