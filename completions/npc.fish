# Completion of npc(1) for fish. Commands and options come from the program's own help, so that this
# file knows no list of them.

function __npc_commands
    npc --help 2>/dev/null | string replace -rf '^  ([a-z]+) +(.*)' '$1\t$2'
end

function __npc_command
    set -l words (commandline -opc)
    test (count $words) -ge 2; and echo $words[2]
end

function __npc_options
    npc help (__npc_command) 2>/dev/null |
        string replace -rf '^  (?:-., |    )(--[a-z-]+)(?: \S+)? +(.*)' '$1\t$2'
end

function __npc_backends
    npc backends 2>/dev/null | string replace -rf '^(\S+) +\S+ +(.*)' '$1\t$2'
end

function __npc_findings
    npc explain 2>/dev/null | string replace -rf '^(\S+) (.*)' '$1\t$2'
end

complete -c npc -n 'test (count (commandline -opc)) -eq 1' -f -a '(__npc_commands)'
complete -c npc -n 'test (count (commandline -opc)) -ge 2' -a '(__npc_options)'
complete -c npc -n '__fish_seen_subcommand_from help' -f -a '(__npc_commands)'
complete -c npc -n '__fish_seen_subcommand_from explain' -f -a '(__npc_findings)'
complete -c npc -n '__fish_seen_subcommand_from compile' -s t -l target -x -a '(__npc_backends)'
complete -c npc -n '__fish_seen_subcommand_from compile' -l root -x -a '(__fish_complete_directories)'
complete -c npc -n '__fish_seen_subcommand_from apply' -s t -l target -x -a 'nft iptables'
complete -c npc -n '__fish_seen_subcommand_from apply' -l iptables -x -a 'nft legacy'
complete -c npc -n '__fish_seen_subcommand_from status' -s o -l output -x -a 'text json'
complete -c npc -l diag -x -a 'text json'
complete -c npc -l color -x -a 'auto always never'
complete -c npc -l progress -x -a 'auto never'
complete -c npc -n '__fish_seen_subcommand_from compile' -l ipblock -x -a 'any external'
