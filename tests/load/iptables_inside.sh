# What tests/load/iptables.sh does inside a network namespace, in an empty directory:
#
#     VARIANT=nft|legacy bash iptables_inside.sh FUNCTION ARG...
#
# A function fails with a reason on stdout. Directories are outputs of -t iptables.
# shellcheck shell=bash
: "${VARIANT:?}"

load_dir()
{
    ipset restore -exist <"$1/ipsets" &&
        "iptables-$VARIANT-restore" -w --noflush <"$1/rules.v4" &&
        "ip6tables-$VARIANT-restore" -w --noflush <"$1/rules.v6"
}

# The tables that there are, by the loader's prefix. (Without -t, iptables-legacy-save reads a file of
# /proc that a user namespace may not read.)
save()
{
    "$1tables-$VARIANT-save" -t filter && "$1tables-$VARIANT-save" -t nat
}

# Rules and sets as the kernel has them, without what differs by chance.
dump()
{
    for ip in ip ip6; do
        save "$ip" | grep -v '^#' | sed 's/\[[0-9]*:[0-9]*\]/[0:0]/'
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

# rules.v4 or rules.v6 of a directory, by the loader's prefix.
rules_of()
{
    if [ "$2" = ip ]; then echo "$1/rules.v4"; else echo "$1/rules.v6"; fi
}

# The chains that a file declares, the sets that a directory makes: one a line.
chains_in()
{
    sed -n 's/^:\([^ ]*\) .*/\1/p' "$1"
}
sets_in()
{
    sed -n 's/^swap [^ ]* //p' "$1/ipsets" | sort
}

# What the kernel has in the chains and sets of a directory.
own()
{
    for ip in ip ip6; do
        save "$ip" |
            awk 'NR == FNR { own[$1] = 1; next } $1 == "-A" && $2 in own' <(chains_in "$(rules_of "$1" "$ip")") -
    done
    sets_in "$1" | while read -r set; do
        ipset save "$set" | sed 's/ initval 0x[0-9a-f]*//' | sort
    done
}

same()
{
    if ! diff "$1" "$2" >difference; then
        echo "$3:"
        head -20 difference
        return 1
    fi
}

try_once()
{
    foreign_rules || { echo "the foreign rules do not load"; return 1; }
    dump_foreign >foreign.0
    load_dir "$1" 2>err || { echo "first load:"; head -5 err; return 1; }
    dump >all.1
    [ "$(grep -c '^:NPC-FORWARD' all.1)" = 2 ] || { echo "not loaded, or not seen"; return 1; }
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

# jump_through N DIR: from FORWARD through N chains of somebody else to what is loaded.
jump_through()
{
    local previous=FORWARD i
    load_dir "$2" || return 1
    for ((i = 0; i < $1; i++)); do
        "ip6tables-$VARIANT" -w -N "ADMIN-$i" && "ip6tables-$VARIANT" -w -A "$previous" -j "ADMIN-$i" || return 1
        previous=ADMIN-$i
    done
    "ip6tables-$VARIANT" -w -A "$previous" -j NPC-FORWARD
}

# The kernel refuses one more: the test above is at the limit.
jump_too_deep()
{
    jump_through 2 "$1" && "ip6tables-$VARIANT" -w -N ADMIN-TOP && "ip6tables-$VARIANT" -w -A FORWARD -j ADMIN-TOP || return 1
    ! "ip6tables-$VARIANT" -w -A ADMIN-TOP -j ADMIN-0 2>/dev/null
}

load_alone()
{
    load_dir "$1" && own "$1" >"$2"
}

# One directory, then another, with a jump in place: what load_alone saw of the second.
load_over()
{
    for ip in ip ip6; do
        "${ip}tables-$VARIANT" -w -N NPC-FORWARD && "${ip}tables-$VARIANT" -w -I FORWARD -j NPC-FORWARD || return 1
    done
    load_dir "$1" && load_dir "$2" && own "$2" >have && same "$3" have "what is loaded"
}

# What an interrupted load leaves, and sets that somebody changed, do not matter to the next load.
load_over_ruins()
{
    awk '$1 == "add" { members[$2] = members[$2] "add " $2 " " $3 "\n" }
         $1 == "swap" { gsub($2, $3, members[$2]); printf "%s", members[$2] }' "$1/ipsets" | sort >want
    grep -m1 '^create' "$1/ipsets" | ipset restore
    ipset add "$(ipset list -n)" 192.0.2.99 && load_dir "$1" || return 1
    ipset save | grep '^add' | sort >have
    same want have "sets after an interrupted load" || return 1
    while read -r _ set member; do ipset del "$set" "$member"; done <have
    load_dir "$1" || return 1
    ipset save | grep '^add' | sort >have
    same want have "sets after somebody emptied them"
}

# The way that the files' header gives to remove what is left of an older version.
clean_up()
{
    load_dir "$1" && load_dir "$2" || return 1
    for ip in ip ip6; do
        save "$ip" | chains_in /dev/stdin | grep '^NPC' | grep -vxFf <(chains_in "$(rules_of "$2" "$ip")") >stale
        [ -s stale ] || { echo "nothing stale to clean up"; return 1; }
        while read -r chain; do "${ip}tables-$VARIANT" -w -F "$chain" || return 1; done <stale
        while read -r chain; do "${ip}tables-$VARIANT" -w -X "$chain" || return 1; done <stale
    done
    ipset list -n | grep -vxFf <(sets_in "$2") >stale
    [ -s stale ] || { echo "no set of the old version is left"; return 1; }
    while read -r set; do ipset destroy "$set" || return 1; done <stale
}

"$@"
