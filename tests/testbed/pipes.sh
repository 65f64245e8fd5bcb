#!/usr/bin/env bash
# pipes.sh PROGRAM IMAGE-DIR [MB]: sends that many megabytes (10240) of random bytes through a payload, `gridwrap exec IMAGE-DIR -- cat`, and compares what comes
# back; prints one line with the figures: bytes, whether the digests agree, gridwrap's largest resident memory after its start and at the end, in kB. Exit 1 when the
# bytes differ. As root the run is uid 12345's.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"
[ $# -ge 2 ] || fail "usage: pipes.sh PROGRAM IMAGE-DIR [MB]"
program=$(readlink -f "$1") image=$(readlink -f "$2") megabytes=${3:-10240}
work=$(mktemp -d /tmp/gridwrap-pipes.XXXXXX)
trap 'remove_tree "$work"' EXIT
mkdir "$work/cache"
mkfifo "$work/in" "$work/out"
chmod 0755 "$work"
user=()
if [ "$(id -u)" -eq 0 ]; then
    chown -R 12345:12345 "$work/cache"
    user=(setpriv --reuid 12345 --regid 12345 --clear-groups --)
fi

high() { sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$1/status" 2>/dev/null || true; }

head -c "${megabytes}M" /dev/urandom | tee >(sha256sum >"$work/sent") >"$work/in" &
tee >(wc -c >"$work/bytes") <"$work/out" | sha256sum >"$work/received" &
receiver=$!
(cd "$work/cache" && exec "${user[@]}" env -i PATH=/usr/bin:/bin GRIDWRAP_CACHE="$work/cache" "$program" exec --launcher rootless --quiet "$image" -- cat) <"$work/in" >"$work/out" &
pid=$!
first='' last=''
while kill -0 "$pid" 2>/dev/null; do
    now=$(high "$pid")
    # What is measured before the program itself runs is the shell's.
    if [ "$(readlink "/proc/$pid/exe" 2>/dev/null || true)" = "$program" ] && [ -n "$now" ]; then
        last=$now
        [ -n "$first" ] || { sleep 0.5; first=$(high "$pid"); }
    fi
    sleep 0.1
done
code=0
wait "$pid" || code=$?
wait "$receiver"
while [ ! -s "$work/sent" ] || [ ! -s "$work/bytes" ]; do sleep 0.05; done
same=differ
cmp -s "$work/sent" "$work/received" && same=agree
printf 'exit %s, %s bytes, digests %s, resident %s kB after the start, %s kB at the end\n' "$code" "$(cat "$work/bytes")" "$same" "${first:-?}" "${last:-?}"
[ "$code" -eq 0 ] && [ "$same" = agree ]
