#!/usr/bin/env bash
# test: once
# Threats 43 and 44: equal bytes whatever the compiler, the optimisation, the locale, the time zone,
# the memory layout, the place, and the order of arguments and files. Equal means equal SHA-256 of
# every output and of the diagnostics.
# shellcheck disable=SC2317 # functions are called by same()
. "$(dirname "$0")/lib.sh"
test_begin determinism

inputs=$SRC/examples/shop

# all_outputs PROGRAM [INPUT...]: one line "checksum  name" for every output.
all_outputs()
{
    local npc=$1 out
    shift
    out=$(mktemp -d "$TMP/out.XXXXXX")
    local backend
    while read -r backend kind _; do
        local opts=(-t "$backend")
        if [ "$kind" = dir ]; then
            "$npc" compile -v "${opts[@]}" -o "$out/$backend" "$@" 2>"$out/$backend.err"
        else
            "$npc" compile -v "${opts[@]}" "$@" >"$out/$backend.$kind" 2>"$out/$backend.err"
        fi
        echo "status $?" >>"$out/$backend.err"
    done < <("$npc" backends)
    (cd "$out" && find . -type f | LC_ALL=C sort | xargs sha256sum)
    rm -rf "$out"
}

cp -r "$inputs" here
reference=$(all_outputs "$NPC" here)
# The reference itself must be worth comparing.
check reference-has-outputs test "$(echo "$reference" | wc -l)" -ge 10
check reference-not-empty test "$(echo "$reference" | grep -c e3b0c44298fc1c149afbf4c8996fb924)" -le 3

same()
{
    local name=$1 got
    shift
    got=$("$@")
    if [ "$got" = "$reference" ]; then
        ok "$name"
    else
        fail "$name" "$(diff <(echo "$reference") <(echo "$got") | head -4)"
    fi
}

same T43_again all_outputs "$NPC" here
n=0
for other in ${NPC_OTHERS-}; do
    n=$((n + 1))
    same "T43_build_$(basename "$(dirname "$other")")" all_outputs "$other" here
done
if [ $n -eq 0 ]; then
    skip T43_builds 'no other builds: NPC_OTHERS names none'
fi
# Locales that change case, digits or the decimal point are used where the system has them; LC_ALL
# alone shows that the environment is not asked.
export_and_run()
{
    env "$1" bash -c "$(declare -f all_outputs); TMP=$TMP; all_outputs $NPC here"
}
same T44_turkish export_and_run LC_ALL=tr_TR.UTF-8
same T44_german export_and_run LC_ALL=de_DE.UTF-8
same T43_time_zone export_and_run TZ=Pacific/Kiritimati
if setarch -R true 2>/dev/null; then
    same T43_fixed_layout setarch -R bash -c "$(declare -f all_outputs); TMP=$TMP; all_outputs $NPC here"
else
    skip T43_fixed_layout 'setarch -R is not permitted'
fi
same T43_three_arguments all_outputs "$NPC" here/shop.npc here/payments.yaml here/inventory.yaml
same T43_shuffled all_outputs "$NPC" here/inventory.yaml here/shop.npc here/payments.yaml

# Another place, and files made in another order: the same directory order need not come back.
mkdir -p elsewhere/deep
(
    cd elsewhere/deep || exit 1
    mkdir here
    for f in shop.npc inventory.yaml payments.yaml; do
        cp "$inputs/$f" here/
    done
)
elsewhere()
{
    (cd elsewhere/deep && all_outputs "$NPC" here)
}
same T43_place elsewhere
absolute=$(all_outputs "$NPC" "$TMP/work/here" | grep -v '\.err$')
if [ "$absolute" = "$(echo "$reference" | grep -v '\.err$')" ]; then
    ok T43_absolute_path
else
    fail T43_absolute_path "an output knows where its input lay"
fi
test_end
