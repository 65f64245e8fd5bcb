#!/usr/bin/env bash
# kills.sh REFERENCE [COUNT [SECONDS]]: pulls an image COUNT times (500) into one cache, each pull killed with KILL after a random moment of at most SECONDS (1),
# then pulls it once more, verifies the store and collects. Run as root the pulls are those of uid 12345.
# GRIDWRAP_PROGRAM names the program, GRIDWRAP_STRATEGY what the layers are kept as: registry (unpacked, the default) or packed. Every tenth round verifies in between; every third forgets the finished layers, so that there is work to be killed.
# Stdout: one line with the figures. Exit 1 with what was wrong on stderr; then the cache stays for a look.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

image=${1:?usage: kills.sh REFERENCE [COUNT [SECONDS]]}
count=${2:-500} seconds=${3:-1} strategy=${GRIDWRAP_STRATEGY:-registry}
work=$(mktemp -d /tmp/gridwrap-kills.XXXXXX)
install -m 0755 "${GRIDWRAP_PROGRAM:-$here/../../artifacts/linux-x64/gridwrap}" "$work/gridwrap"
chmod 0755 "$work"
mkdir "$work/user"
as_user=(env -i PATH=/usr/local/bin:/usr/bin:/bin DOTNET_EnableDiagnostics=0 TMPDIR="$work/user" GRIDWRAP_CACHE="$work/user/cache")
if ((EUID == 0)); then
    chown "$testbed_uid:$testbed_uid" "$work/user"
    as_user=(setpriv --reuid "$testbed_uid" --regid "$testbed_uid" --clear-groups "${as_user[@]}")
fi
# Layers are packed where a run could serve them.
[[ $strategy != packed ]] || as_user=("$here/fuse-node.sh" "${as_user[@]}")
cd "$work/user"

gridwrap() { "${as_user[@]}" "$work/gridwrap" "$@"; }

# verify WHEN
verify() { gridwrap cache verify >"$work/verify" 2>&1 || fail "$1: $(cat "$work/verify"); see $work"; }

killed=0 ended=0
for ((i = 1; i <= count; i++)); do
    "${as_user[@]}" "$work/gridwrap" pull --strategy "$strategy" "$image" >"$work/pull" 2>&1 &
    pull=$!
    sleep "$(awk -v most="$seconds" -v seed="$i" 'BEGIN { srand(seed); print rand() * most }')"
    kill -KILL "$pull" 2>/dev/null || true
    code=0
    wait "$pull" 2>/dev/null || code=$?
    case $code in
        137) killed=$((killed + 1)) ;;
        0) ended=$((ended + 1)) ;;
        *) fail "pull $i ended with $code: $(cat "$work/pull"); see $work" ;;
    esac
    ((i % 10 != 0)) || verify "after pull $i"
    ((i % 3 != 0)) || rm -rf "$work/user/cache/store-1/layers" "$work/user/cache/store-1/packed"
done

gridwrap pull --strategy "$strategy" "$image" >"$work/pull" 2>&1 || fail "the last pull failed: $(cat "$work/pull"); see $work"
verify "at the end"
layers=$(tail -n 1 "$work/verify")
gridwrap cache gc >/dev/null || fail "the clean-up failed; see $work"
left=$(find "$work/user/cache/store-1/tmp" -mindepth 1)
[[ -z $left ]] || fail "left after the clean-up: $left"
printf '%s pulls: %s killed, %s ended before; at the end %s\n' "$count" "$killed" "$ended" "$layers"
remove_tree "$work"
