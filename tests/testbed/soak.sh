#!/usr/bin/env bash
# soak.sh COUNT [SECONDS]: launches COUNT payloads by the rootless launcher, kills most of the launches at random moments, and checks that nothing is left:
# no process, no mount, and after one more launch no scratch directory. Stops launching after SECONDS (default: no limit).
# IMAGE=DIR names the image (default: the test image, built into a temporary directory), GRIDWRAP_PROGRAM the program, GRIDWRAP_CACHE its cache.
# Stdout: one line with the number of launches. Exit 1 with what was left on stderr.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

count=${1:?usage: soak.sh COUNT [SECONDS]}
limit=${2:-1000000}
program=${GRIDWRAP_PROGRAM:-$here/../../artifacts/linux-x64/gridwrap}
work=$(mktemp -d /tmp/gridwrap-soak.XXXXXX)
trap 'remove_tree "$work"' EXIT
image=${IMAGE:-$work/image/rootfs}
as=()
if ((EUID == 0)); then
    as=(setpriv --reuid "$testbed_uid" --regid "$testbed_uid" --clear-groups --)
    chown "$testbed_uid:$testbed_uid" "$work"
fi
chmod 0755 "$work"
[[ -n ${IMAGE:-} ]] || "$here/image.sh" "$work/image" ${as:+--owner "$testbed_uid"} >/dev/null 2>&1
if [[ -z ${GRIDWRAP_PROGRAM:-} ]]; then
    # A checkout may lie where the ordinary user cannot go.
    install -m 0755 "$program" "$work/gridwrap"
    program=$work/gridwrap
fi
export GRIDWRAP_CACHE=${GRIDWRAP_CACHE:-$work/cache}
"${as[@]}" mkdir -p "$work/job" "$GRIDWRAP_CACHE"
cd "$work/job"

# The word by which what belongs to this run is known again.
mark=gridwrap-soak-$$
launch() { exec "${as[@]}" "$program" exec --launcher rootless --quiet "$image" -- /bin/sh -c "sleep 0.0$1; (sleep 100; : $mark) & setsid sh -c 'sleep 100; : $mark' & sleep 0.$1; exit 7" >/dev/null 2>&1 </dev/null; }

running() { pgrep -f -- "$mark" || true; }

launched=0
while ((launched < count && SECONDS < limit)); do
    launch $((RANDOM % 10)) &
    pid=$!
    launched=$((launched + 1))
    signals=(KILL KILL TERM INT NONE)
    signal=${signals[RANDOM % 5]}
    if [[ $signal != NONE ]]; then
        sleep "0.$(printf '%03d' $((RANDOM % 600)))"
        kill -"$signal" "$pid" 2>/dev/null || true
        [[ $signal == KILL ]] || { sleep 0.2; kill -KILL "$pid" 2>/dev/null || true; }
    fi
    wait "$pid" 2>/dev/null || true
done

for _ in {1..40}; do
    [[ -n $(running) ]] || break
    sleep 0.05
done
[[ -z $(running) ]] || fail "left running: $(running | tr '\n' ' ')"
mounted=$(mounts_under "$work")
[[ -z $mounted ]] || fail "left mounted: $mounted"
"${as[@]}" "$program" exec --launcher rootless --quiet "$image" -- /bin/true || fail "a last launch failed with $?"
left=$(ls "$GRIDWRAP_CACHE/scratch")
[[ -z $left ]] || fail "left in the cache: $left"
printf '%d launches\n' "$launched"
