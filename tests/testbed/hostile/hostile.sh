#!/bin/bash
# hostile.sh [--gridwrap FILE]: plays a payload that attacks the pilot which started it, and prints what came of each attempt ("NAME<tab>ANSWER" lines).
# As root the pilot, gridwrap and the payload are uid 12345, otherwise the caller. Says nothing about good or bad: the system tests do.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../common.sh
. "$here/../common.sh"

gridwrap=$here/../../../artifacts/linux-x64/gridwrap
if [[ ${1-} == --gridwrap ]]; then gridwrap=$2; fi
[[ -x $gridwrap ]] || fail "$gridwrap is not there; run: ./build.sh publish"
need_command musl-gcc script pgrep
work=$(mktemp -d /var/tmp/gridwrap-hostile.XXXXXX)
trap 'remove_tree "$work"' EXIT
chmod 0755 "$work"
as=() owner=()
if ((EUID == 0)); then
    as=(setpriv --reuid "$testbed_uid" --regid "$testbed_uid" --clear-groups --)
    owner=(--owner "$testbed_uid")
fi
install -D -m 0755 "$gridwrap" "$work/bin/gridwrap"
"$here/../image.sh" "$work/of-image" "${owner[@]}" >/dev/null 2>&1 || fail 'the test image could not be made'
mv "$work/of-image/rootfs" "$work/image"
for program in attacker probe; do
    source=$here/$program.c
    [[ -f $source ]] || source=$here/../conformance/$program.c
    musl-gcc -std=c11 -Wall -Wextra -Os -static -o "$work/$program" "$source"
    install -m 0755 "$work/$program" "$work/image/bin/"
done
mkdir "$work/scripts"
install -m 0755 "$here"/*.sh "$work/scripts/"
if ((EUID == 0)); then chown "$testbed_uid:$testbed_uid" "$work" "$work/image/bin/probe" "$work/image/bin/attacker"; fi
"${as[@]}" env -i PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 TERM=xterm "$work/probe" with-key /bin/bash "$work/scripts/pilot.sh" "$work" "$work/bin/gridwrap"
