#!/bin/bash
# lazy.sh [--gridwrap FILE] [--dir DIR] [--trips "0 1 20 100"]
# From nothing to the payload's first instruction with the HEP-shaped image as eStargz, read piece by piece (strategy lazy, nothing fetched that is not asked for), beside the gzip image packed as a
# whole, both from a loopback registry through wire.pl, which gives every connection that round trip in ms (0: without it) and 1 GB/s. The payload is /busybox true; then a second job of the same
# image, which finds what the first one read. Prints a Markdown table: wall seconds, MB and requests of gridwrap's own account. Needs root, as pull.sh; ten minutes, the first time fifteen.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
gridwrap=$here/../../artifacts/linux-x64/gridwrap dir=/var/tmp/gridwrap-pull trips="0 1 20 100" wire=''
# shellcheck source=bed.sh
. "$here/bed.sh"

add_lazy() {
    if [[ ! -f $dir/lazy/complete ]]; then
        rm -rf --one-file-system -- "$dir/lazy" "$dir/lazy-source"
        skopeo --insecure-policy copy --quiet "oci:$dir/image/layout:gzip" "oci:$dir/lazy-source:gzip"
        "$testbed/lazy-image.py" "$dir/lazy-source" "$dir/lazy" --format estargz
        rm -rf --one-file-system -- "$dir/lazy-source"
        touch "$dir/lazy/complete"
    fi
    skopeo --insecure-policy copy --quiet --preserve-digests --dest-tls-verify=false "oci:$dir/lazy:gzip" "docker://$address/hep/release:estargz"
}

# lay_wire TRIP: sets port.
lay_wire() {
    port=${address#*:}
    [[ $1 != 0 ]] || return 0
    "$here/wire.pl" "${address#*:}" 1000000000 "$1" >"$dir/port" &
    wire=$!
    until [[ -s $dir/port ]]; do sleep 0.05; done
    port=$(<"$dir/port")
}

cut_wire() {
    [[ -z $wire ]] || kill "$wire" 2>/dev/null || true
    [[ -z $wire ]] || wait "$wire" 2>/dev/null || true
    wire=''
    rm -f "$dir/port"
}

# job STRATEGY TAG: a job in the image; prints "SECONDS MEGABYTES REQUESTS".
job() {
    printf '{ "name": "lazily", "cvmfs": { "imageRepositories": [] }, "serving": { "fill": "on-demand" } }' >"$dir/store/work/site.json"
    (cd "$dir/store/work" && as_user "$dir/gridwrap" run --site "$dir/store/work/site.json" --cache "$dir/store/work/cache" --strategy "$1" --result "$dir/store/work/result.json" \
        -- -j "" -r . -a "" -o "{}" -p "%2Fbusybox%20true" --containerImage="docker://127.0.0.1:$port/hep/release:$2" >"$dir/log" 2>&1) || fail "$1 failed: $(tail -n 2 "$dir/log")"
    jq -r '"\((.timings.probe + .timings.resolve + .timings.materialise + .timings.launch) * 100 | round / 100) \(.transfer.bytesFetched / 10000 | round / 100) \(.transfer.requests)"' "$dir/store/work/result.json"
}

main() {
    local trip cold next packed
    while (($# > 0)); do
        (($# >= 2)) || fail "$1 wants a value"
        case $1 in
            --gridwrap) gridwrap=$(realpath -- "$2") ;;
            --dir) dir=$(realpath -m -- "$2") ;;
            --trips) trips=$2 ;;
            *) fail "unknown option $1" ;;
        esac
        shift 2
    done
    load=$(cut -d ' ' -f 1-3 /proc/loadavg)
    prepare
    add_lazy
    printf '| round trip, ms | lazy, s | MB | requests | next job, s | MB | requests | packed, s | MB | requests |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n'
    for trip in $trips; do
        lay_wire "$trip"
        fresh
        cold=$(job lazy estargz)
        next=$(job lazy estargz)
        fresh
        packed=$(job packed gzip)
        cut_wire
        printf '| %s | %s | %s | %s |\n' "$trip" "${cold// / | }" "${next// / | }" "${packed// / | }"
    done
    printf '\n%s processors, Linux %s, load average before: %s.\n' "$(nproc)" "$(uname -r)" "$load"
}

main "$@"
