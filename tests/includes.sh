#!/usr/bin/env bash
# test: once
# The layers of docs/architecture.md, read off the #include lines:
#     base <- ir <- { frontend, backends, analysis } <- lib <- apply <- cli
. "$(dirname "$0")/lib.sh"
test_begin includes source
cd "$SRC" || exit 1

# allowed FOLDER: the folders whose headers it may include.
allowed()
{
    case $1 in
    base) echo base ;;
    ir) echo base ir ;;
    frontend) echo base ir frontend ;;
    backends) echo base ir backends ;;
    analysis) echo base ir analysis ;;
    lib) echo base ir frontend backends analysis lib npc ;;
    apply) echo base apply npc ;;
    cli) echo cli apply npc ;;
    esac
}

# foreign FOLDER: its includes of other folders than the allowed ones. Names without a folder are
# generated files (dsl.tab.h).
foreign()
{
    local pattern
    pattern=$(allowed "$1" | tr ' ' '|')
    grep -rnE '^[[:space:]]*#[[:space:]]*include "' "$1" --include='*.[chly]' |
        grep -vE "#[[:space:]]*include \"(($pattern)/|dsl\.(tab|lex)\.h\")" || true
}

for folder in base ir frontend backends analysis lib apply cli; do
    if [ ! -d "$folder" ] || ! ls "$folder"/*.c >/dev/null 2>&1; then
        continue # not there yet
    fi
    found=$(foreign "$folder")
    if [ -z "$found" ]; then
        ok "layer-$folder"
    else
        fail "layer-$folder" "$(echo "$found" | tr '\n' ' ')"
    fi
done

# The public header needs nothing of ours; every header compiles alone.
check header-alone test -z "$(grep -h '#include "' include/npc/npc.h)"
broken=
for header in base/*.h ir/*.h frontend/*.h backends/*.h analysis/*.h lib/*.h apply/*.h cli/*.h include/npc/*.h; do
    [ -e "$header" ] || continue
    if ! errors=$(gcc -std=c17 -D_GNU_SOURCE -DNPC_VERSION='""' -fsyntax-only -Wall -Werror -I. \
        -Iinclude -include "$header" -x c /dev/null 2>&1); then
        broken="$broken $header: $(echo "$errors" | head -1)"
    fi
done
if [ -z "$broken" ]; then
    ok headers-self-contained
else
    fail headers-self-contained "$broken"
fi
test_end
