# Completion of npc(1) for bash. Commands, options and closed values come from the program's own
# help, so that this file knows no list of them.

_npc_options()
{
    npc help "$1" 2>/dev/null | sed -n 's/^  \(-., \|    \)\(--[a-z-]*\).*/\2/p'
}

# The values of "--option a|b|c", one per line.
_npc_choices()
{
    npc help "$1" 2>/dev/null | sed -n "s/^  .*$2 \([a-z0-9]*|[a-z0-9|]*\).*/\1/p" | tr '|' '\n'
}

_npc_words()
{
    # Words of the programs' tables: no blanks, no wildcards.
    # shellcheck disable=SC2207
    COMPREPLY=($(compgen -W "$1" -- "$2"))
}

_npc()
{
    local cur prev words cword
    _init_completion -n = || return
    local command=${words[1]-}
    if [ "$cword" -eq 1 ]; then
        _npc_words "$(npc --help 2>/dev/null | sed -n 's/^  \([a-z]*\) .*/\1/p') --help --version" "$cur"
        return
    fi
    case $prev in
    -t | --target)
        if [ "$command" = apply ]; then
            _npc_words 'nft iptables' "$cur"
            return
        fi
        _npc_words "$(npc backends 2>/dev/null | sed 's/ .*//')" "$cur"
        return
        ;;
    --root | --*-dir)
        _filedir -d
        return
        ;;
    --*)
        local choices
        choices=$(_npc_choices "$command" "$prev")
        if [ -n "$choices" ]; then
            _npc_words "$choices" "$cur"
            return
        fi
        ;;
    esac
    case $command:$cur in
    help:*)
        _npc_words "$(npc --help 2>/dev/null | sed -n 's/^  \([a-z]*\) .*/\1/p')" "$cur"
        ;;
    explain:*)
        _npc_words "$(npc explain 2>/dev/null | sed 's/ .*//')" "$cur"
        ;;
    *:-*)
        _npc_words "$(_npc_options "$command")" "$cur"
        ;;
    fmt:*)
        _filedir npc
        ;;
    *)
        _filedir '@(npc|yaml|yml|json)'
        ;;
    esac
} && complete -F _npc npc
