#!/usr/bin/env bash
# Builds the Debian packages of the last commit in build/package/, and asks lintian about them. Exit
# status 1 if it finds an error or a warning. Everything else in build/package/ is removed first.
#
#     scripts/package.sh
#     apt-get install ./build/package/npc_*.deb
. "$(dirname "$0")/common.sh"

install_packages "${build_packages[@]}" debhelper dpkg-dev git lintian

out=$SRC/build/package
rm -rf "$out"
mkdir -p "$out/npc"
# What is committed and nothing else: no build directories, no editor's files.
git archive HEAD | tar -x -C "$out/npc"
cd "$out/npc"
if ! dpkg-buildpackage --build=full --unsigned-source --unsigned-changes >"$out/build.log" 2>&1; then
    tail -40 "$out/build.log"
    exit 1
fi
cd "$out"
rm -rf npc
lintian --fail-on error,warning --tag-display-limit 0 ./*.changes
ls ./*.deb
