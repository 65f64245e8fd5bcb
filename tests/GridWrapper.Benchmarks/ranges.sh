#!/bin/bash
# ranges.sh [--gridwrap FILE] [--megabytes N] [--cases "RATE:TRIP…"] [--runs N]
# What fetching a large layer in ranges brings: an image of one layer of N (126) megabytes that do not compress is pulled from a registry of this machine through wire.pl, which limits
# each connection to RATE MB/s and gives it a round trip of TRIP ms (cases 10:20 10:100 2.5:100 100:1). Once the server knows no ranges and once it does, into an empty cache each time.
# Prints a Markdown table on stdout: median seconds of RUNS (1), peak memory of gridwrap, requests for the layer. As root gridwrap runs as uid 12345.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
testbed=$here/../testbed
gridwrap=$here/../../artifacts/linux-x64/gridwrap megabytes=126 cases="10:20 10:100 2.5:100 100:1" runs=1 wire='' wire_port=''

note() { printf 'ranges.sh: %s\n' "$*" >&2; }

fail() {
    note "$@"
    exit 1
}

prepare() {
    local tool
    for tool in perl skopeo umoci docker-registry; do command -v "$tool" >/dev/null || fail "$tool is missing; run: tests/testbed/packages.sh test"; done
    [[ -x $gridwrap ]] || fail "$gridwrap is not there; run: ./build.sh publish"
    work=$(mktemp -d /var/tmp/gridwrap-ranges.XXXXXX)
    trap clean EXIT
    chmod 0755 "$work"
    install -m 0755 "$gridwrap" "$work/gridwrap"
    mkdir "$work/home"
    as_user=()
    if ((EUID == 0)); then
        chown 12345:12345 "$work/home"
        as_user=(setpriv --reuid 12345 --regid 12345 --clear-groups --)
    fi
    head -c "$((megabytes * 1000000))" /dev/urandom >"$work/data"
    umoci init --layout "$work/layout"
    umoci new --image "$work/layout:x"
    umoci insert --rootless --image "$work/layout:x" "$work/data" /data
    address=$("$testbed/registry.sh" start "$work/registry" 0)
    skopeo --insecure-policy copy --quiet --dest-tls-verify=false "oci:$work/layout:x" "docker://$address/bench/ranges:x"
}

clean() {
    cut_wire
    [[ ! -d $work/registry ]] || "$testbed/registry.sh" stop "$work/registry"
    chmod -R u+rwX "$work"
    rm -rf --one-file-system -- "$work"
}

# lay_wire RATE TRIP [whole]
lay_wire() {
    "$here/wire.pl" "${address#*:}" "$(awk -v rate="$1" 'BEGIN { printf "%d", rate * 1000000 }')" "$2" "${@:3}" >"$work/port" &
    wire=$!
    until [[ -s $work/port ]]; do sleep 0.05; done
    wire_port=$(<"$work/port")
}

cut_wire() {
    [[ -z $wire ]] || kill "$wire" 2>/dev/null || true
    [[ -z $wire ]] || wait "$wire" 2>/dev/null || true
    wire=''
    rm -f "$work/port"
}

# pull RATE TRIP [whole]: prints "SECONDS KILOBYTES REQUESTS".
pull() {
    local before
    lay_wire "$@"
    rm -rf "$work/home/cache"
    before=$(blob_requests)
    (cd "$work/home" && /usr/bin/time -f '%e %M' -o "$work/time" "${as_user[@]}" env -i PATH=/usr/bin:/bin TMPDIR="$work/home" GRIDWRAP_CACHE="$work/home/cache" \
        GRIDWRAP_CVMFS_ROOT=/nonexistent "$work/gridwrap" pull "docker://127.0.0.1:$wire_port/bench/ranges:x" >"$work/log" 2>&1) || fail "the pull failed: $(tail -n 1 "$work/log")"
    cut_wire
    printf '%s %d\n' "$(tail -n 1 "$work/time")" "$(($(blob_requests) - before))"
}

blob_requests() { grep -c 'GET /v2/bench/ranges/blobs/' "$work/registry/access.log" || true; }

# middle FILE COLUMN
middle() { cut -d ' ' -f "$2" "$1" | sort -n | sed -n "$(((runs + 1) / 2))p"; }

table() {
    local one rate trip
    printf '| MB/s for each connection | round trip, ms | one stream, s | in ranges, s | of it | peak MB, one stream | peak MB, in ranges | requests for blobs |\n|---:|---:|---:|---:|---:|---:|---:|---:|\n'
    for one in $cases; do
        rate=${one%:*} trip=${one#*:}
        awk -v rate="$rate" -v trip="$trip" -v whole="$(middle "$work/$one.whole" 1)" -v ranges="$(middle "$work/$one.ranges" 1)" -v kb="$(middle "$work/$one.whole" 2)" \
            -v rkb="$(middle "$work/$one.ranges" 2)" -v asked="$(middle "$work/$one.ranges" 3)" \
            'BEGIN { printf "| %s | %s | %.1f | %.1f | %.2f | %.0f | %.0f | %d |\n", rate, trip, whole, ranges, ranges / whole, kb / 1024, rkb / 1024, asked }'
    done
    printf '\nOne layer of %s MB; %s processors, Linux %s, load average before: %s; median of %s.\n' "$megabytes" "$(nproc)" "$(uname -r)" "$load" "$runs"
}

main() {
    local one round
    while (($# > 0)); do
        (($# >= 2)) || fail "$1 wants a value"
        case $1 in
            --gridwrap) gridwrap=$(realpath -- "$2") ;;
            --megabytes) megabytes=$2 ;;
            --cases) cases=$2 ;;
            --runs) runs=$2 ;;
            *) fail "unknown option $1" ;;
        esac
        shift 2
    done
    load=$(cut -d ' ' -f 1-3 /proc/loadavg)
    prepare
    for ((round = 0; round < runs; round++)); do
        for one in $cases; do
            pull "${one%:*}" "${one#*:}" whole >>"$work/$one.whole"
            pull "${one%:*}" "${one#*:}" >>"$work/$one.ranges"
            note "$one: one stream $(tail -n 1 "$work/$one.whole"), in ranges $(tail -n 1 "$work/$one.ranges") (seconds, kilobytes, requests)"
        done
    done
    table
}

main "$@"
