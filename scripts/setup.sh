#!/usr/bin/env bash
# From a fresh Debian 12 to a built npc and its main job: installs what the build needs, builds in
# build/, and compiles examples/shop with every backend into build/example/.
. "$(dirname "$0")/common.sh"

install_packages "${build_packages[@]}"
build build -DBUILD_TESTING=OFF

# show COMMAND...: prints the command as one would type it, and runs it.
show()
{
    echo "\$ $*"
    "$@"
}

PATH=$SRC/build:$PATH
out=build/example
mkdir -p $out
show cat examples/shop/shop.npc
show npc compile -o $out/shop.yaml examples/shop
show npc compile -t calico -o $out/shop-calico.yaml examples/shop
show npc compile -t npc -o $out/all.npc examples/shop
show npc compile -t json -o $out/shop.json examples/shop
show npc compile -t nft --node node-1 -o $out/node-1.nft examples/shop
show npc compile -t nft --host shop/db-1 -o $out/db-1.nft examples/shop
show npc compile -t iptables --node node-1 -o $out/node-1.iptables examples/shop
show sed -n '/name: shop-db/,/^---/p' $out/shop.yaml
show sed -n '/chain npc_input/,/}/p' $out/db-1.nft
find $out -type f | sort
