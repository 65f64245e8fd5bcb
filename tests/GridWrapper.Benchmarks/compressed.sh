#!/bin/bash
# compressed.sh [--runs N] [--gridwrap FILE] [--dir DIR]
# What it costs to keep packed layers as the gzip blobs they came in (serving.keep: compressed) instead of inflated: the HEP-shaped image with a compiler and Python as a fifteenth
# layer, pulled to an empty cache and then used by a payload, in both forms, one after the other in rounds, each as uid 12345. Prints a Markdown table of the medians of N (1): disk,
# seconds of the pull, and of the payload's work (find, python, sha256 of every file) the first and the second time, with the page cache of gridwrap's own files as the pull left it.
# Needs root and 12 GB; a quarter of an hour.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
runs=1 gridwrap=$here/../../artifacts/linux-x64/gridwrap dir=/var/tmp/gridwrap-pull
# shellcheck source=bed.sh
. "$here/bed.sh"

readonly image_tag=tools

profile() { printf '{ "name": "bench", "strategies": ["packed"], "serving": { "keep": "%s" } }\n' "$1" >"$dir/store/work/site.json"; }

run() {
    local began reference=docker://$address/hep/release:$image_tag work=$dir/store/work
    profile "$1"
    began=${EPOCHREALTIME/./}
    as_user "$dir/gridwrap" pull --site "$work/site.json" --cache "$work/cache" "$reference" >/dev/null
    printf 'pull 1 %s\n' "$((${EPOCHREALTIME/./} - began))"
    printf 'disk 1 %s\n' "$(du -s -B1 "$work/cache/store-1/packed" | cut -f 1)"
    printf 'inodes 1 %s\n' "$(find "$work/cache/store-1/packed/sha256" -mindepth 1 | wc -l)000000"
    as_user /usr/bin/time -f '%M' -o "$work/peak" "$dir/gridwrap" exec --site "$work/site.json" --cache "$work/cache" --bind "$here:/bench:ro" "$reference" -- /usr/bin/bash /bench/serve-payload.sh find python sha256 python-16
    printf 'peak 1 %s000\n' "$(tail -n 1 "$work/peak")"
}

middle() { sort -n | awk '{ t[NR] = $1 } END { print NR % 2 ? t[(NR + 1) / 2] : (t[NR / 2] + t[NR / 2 + 1]) / 2 }'; }

of() { awk -v work="$2" -v pass="$3" '$1 == work && $2 == pass { print $3 / 1e6 }' "$dir/kept.$1" | middle; }

line() {
    awk -v name="$1" -v a="$(of inflated "$2" "$3")" -v b="$(of compressed "$2" "$3")" 'BEGIN { printf "| %s | %.2f | %.2f | %.2f |\n", name, a, b, b / a }'
}

table() {
    local work pass
    printf '| | inflated | compressed | compressed / inflated |\n|---|---:|---:|---:|\n'
    line 'disk, MB' disk 1
    line 'files and directories' inodes 1
    line 'pull, s' pull 1
    for work in find python sha256 python-16; do
        for pass in 1 2; do line "$work, pass $pass, s" "$work" "$pass"; done
    done
    line 'peak memory of gridwrap, MB' peak 1
    printf '\n%s processors, Linux %s, load average before: %s; median of %s.\n' "$(nproc)" "$(uname -r)" "$load" "$runs"
}

main() {
    local round form
    while (($# > 0)); do
        (($# >= 2)) || fail "$1 wants a value"
        case $1 in
            --runs) runs=$2 ;;
            --gridwrap) gridwrap=$(realpath -- "$2") ;;
            --dir) dir=$(realpath -m -- "$2") ;;
            *) fail "unknown option $1" ;;
        esac
        shift 2
    done
    load=$(cut -d ' ' -f 1-3 /proc/loadavg)
    [[ -f $dir/tools/complete ]] || fail "the image with tools is not there; run serve.sh once, which makes it"
    prepare
    skopeo --insecure-policy copy --quiet --dest-tls-verify=false "oci:$dir/tools/layout:$image_tag" "docker://$address/hep/release:$image_tag"
    rm -f "$dir"/kept.*
    for ((round = 0; round < runs; round++)); do
        for form in inflated compressed; do
            fresh
            run "$form" >>"$dir/kept.$form" 2>"$dir/log" || fail "$form failed: $(tail -n 3 "$dir/log")"
            note "$form: $(tr '\n' ';' <"$dir/kept.$form")"
        done
    done
    table
}

main "$@"
