#!/bin/bash
# watch.sh [--gridwrap FILE] [--processes N] [--seconds S]: what watching a payload costs: the processor time of gridwrap itself while a payload of N processes (50), each with
# 20 MB of its own, sleeps and is sampled once a second for S seconds (40). One sample a second is thirty times as many as usual, so that there is something to measure.
# Prints a Markdown table on stdout. As root gridwrap runs as uid 12345. Needs busybox.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

gridwrap=$here/../../artifacts/linux-x64/gridwrap
processes=50
seconds=40
while (($# > 0)); do
    case $1 in
        --gridwrap) gridwrap=$2 ;;
        --processes) processes=$2 ;;
        --seconds) seconds=$2 ;;
        *) printf 'watch.sh: unknown option %s\n' "$1" >&2; exit 64 ;;
    esac
    shift 2
done

work=$(mktemp -d /var/tmp/gridwrap-watch.XXXXXX)
trap 'chmod -R u+rwX "$work"; rm -rf --one-file-system -- "$work"' EXIT
chmod 0755 "$work"
mkdir -p "$work"/image/{bin,proc,dev,sys,tmp,etc} "$work/home"
install -m 0755 "$(command -v busybox)" "$work/image/bin/busybox"
for applet in sh sleep head tr seq; do ln -s busybox "$work/image/bin/$applet"; done
printf '{ "name": "watch", "limits": { "memoryBytes": 1e12, "sampleSeconds": 1 } }\n' >"$work/site.json"
as_user=()
if ((EUID == 0)); then
    chown 12345:12345 "$work/home"
    as_user=(setpriv --reuid 12345 --regid 12345 --clear-groups --)
fi

# Nanoseconds on a processor, threads that have ended included; the kernel tells hundredths of a second.
cpu() {
    local stat fields
    stat=$(<"/proc/$1/stat")
    read -r -a fields <<<"${stat##*) }"
    printf '%s' $(((fields[11] + fields[12]) * 10000000))
}

payload='for i in $(seq '"$processes"'); do sh -c "x=\$(head -c 20000000 /dev/zero | tr \"\\0\" a); sleep 1000; : \$x" & done; wait'

# measure OPTIONS…: share of one core, in millionths.
measure() {
    (
        cd "$work/home"
        exec "${as_user[@]}" env -i PATH=/usr/bin:/bin TMPDIR="$work/home" "$gridwrap" exec "$@" "$work/image" -- /bin/sh -c "$payload"
    ) >/dev/null 2>&1 &
    local pid=$! began ended first last
    for ((i = 0; i < 300; i++)); do
        (($(pgrep -c -f "^sleep 1000" || true) >= processes)) && break
        sleep 0.2
    done
    sleep 3
    first=$(cpu "$pid"); began=${EPOCHREALTIME/./}
    sleep "$seconds"
    last=$(cpu "$pid"); ended=${EPOCHREALTIME/./}
    kill -TERM "$pid"
    wait "$pid" 2>/dev/null || true
    printf '%s' $(((last - first) * 1000 / (ended - began)))
}

with=$(measure --site "$work/site.json")
without=$(measure)
per_sample=$((with - without)) # millionths of a core at one sample a second: microseconds
printf '| payload of %s processes | processor time |\n|---|---|\n' "$processes"
printf '| one sample, proportional set sizes now and then included | %d.%02d ms |\n' $((per_sample / 1000)) $((per_sample % 1000 / 10))
printf '| share of one core, a sample each 30 s and a look at the limits each 5 s | %d.%03d %% |\n' $((per_sample * 7 / 30 / 10000)) $((per_sample * 7 / 30 % 10000 / 10))
printf '| share of one core, a sample each 30 s | %d.%03d %% |\n' $((per_sample / 30 / 10000)) $((per_sample / 30 % 10000 / 10))
printf '| share of one core without a watch | %d.%03d %% |\n' $((without / 10000)) $((without % 10000 / 10))
