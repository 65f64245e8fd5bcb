#!/bin/bash
# pull.sh [--runs N] [--gridwrap FILE] [--dir DIR] [--tags "gzip zstd"] [--only "NAME…"]
# Times bringing an image of the shape of a HEP release (tests/testbed/hep-image.sh) from a loopback registry to this machine, cold, page cache warm, and prints
# a Markdown table on stdout: wall time, processor time and peak memory of
#   limit      the machine's limit: curl, sha256sum, igzip (zstd) and tar, a layer per core
#   inflate    the limit of what is never unpacked: curl, sha256sum, igzip (zstd), a layer per core, nothing kept
#   registry   gridwrap exec --strategy registry IMAGE -- /busybox true: every layer unpacked
#   gridwrap   gridwrap exec IMAGE -- /busybox true, to the payload's first instruction (and for a second image that shares all but two small layers)
#   16 jobs    the same sixteen times at once on an empty cache, with the number of blob requests the registry saw
#   skopeo     skopeo copy to an OCI layout, then umoci raw unpack --rootless
#   podman     podman pull, rootless, with vfs or overlay as it chooses, in the testbed's Debian 13 tree
#   ch_image   Charliecloud's ch-image pull (Debian's charliecloud-builders), from a second server of the same storage, since it speaks TLS only; it reads no zstd
#   apptainer  apptainer build --sandbox and to a SIF file, in the same tree
# Needs root, to mount the store: a fresh journalled ext4 in a file under DIR (default /var/tmp/gridwrap-pull, about 16 GB while it runs). Everything runs as uid 12345.
# Candidates run one after the other in rounds; the median of N is shown. What is not installed is left out by name.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
runs=3 gridwrap=$here/../../artifacts/linux-x64/gridwrap dir=/var/tmp/gridwrap-pull tags="gzip zstd" only="limit registry inflate gridwrap next jobs skopeo ch_image podman sandbox sif"

# shellcheck source=bed.sh
. "$here/bed.sh"

# ---- the candidates: each brings $1 (a tag) from nothing ----

# each_layer TAG COMMAND: every blob through sha256sum and COMMAND, which has it inflated on stdin.
each_layer() {
    local base=http://$address/v2/hep/release unpack='igzip -d -c'
    command -v igzip >/dev/null || unpack='gzip -d -c'
    [[ $1 == gzip* ]] || unpack='zstd -d -q -c'
    curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' "$base/manifests/$1" | jq -r '.layers | sort_by(-.size)[] | .digest' \
        | as_user base="$base" work="$dir/store/work" unpack="$unpack" xargs -P "$(nproc)" -I {} bash -c \
            "set -o pipefail; mkdir -p \"\$work/{}\" && curl -sf \"\$base/blobs/{}\" | tee >(sha256sum >\"\$work/{}.sum\") | \$unpack | $2"
}

# shellcheck disable=SC2016 # $work is the inner shell's
run_limit() { each_layer "$1" 'tar -x --no-same-owner -C "$work/{}"'; }

run_inflate() { each_layer "$1" 'cat >/dev/null'; }

run_registry() { as_user "$dir/gridwrap" exec "docker://$address/hep/release:$1" --cache "$dir/store/work/cache" --strategy registry -- /busybox true; }

run_gridwrap() { as_user "$dir/gridwrap" exec "docker://$address/hep/release:$1" --cache "$dir/store/work/cache" -- /busybox true; }

run_next() { run_gridwrap "$1-next"; }

run_jobs() {
    local job pids=()
    : >"$dir/registry/access.log"
    for job in $(seq 1 16); do
        run_gridwrap "$1" &
        pids+=($!)
    done
    for job in "${pids[@]}"; do wait "$job"; done
    note "16 jobs: $(grep -c 'GET /v2/hep/release/blobs/.* 200 ' "$dir/registry/access.log") blob requests (the image has 14 layers and a configuration)"
}

run_skopeo() {
    as_user skopeo --insecure-policy copy --quiet --src-tls-verify=false "docker://$address/hep/release:$1" "oci:$dir/store/work/layout:x"
    as_user umoci raw unpack --rootless --image "$dir/store/work/layout:x" "$dir/store/work/rootfs"
}

run_ch_image() { as_user USER=bench ch-image --no-cache --tls-no-verify --storage "$dir/store/work/ch" pull "$(<"$dir/registry-tls/address")/hep/release:$1"; }

run_podman() {
    in_tree podman --root "$dir/store/work/root" --runroot "$dir/store/work/run" --storage-opt ignore_chown_errors=true pull -q --tls-verify=false "docker://$address/hep/release:$1"
}

run_sandbox() { in_tree env APPTAINER_NOHTTPS=1 APPTAINER_CACHEDIR="$dir/store/work/cache" APPTAINER_TMPDIR="$dir/store/work" apptainer --silent build --sandbox "$dir/store/work/box" "docker://$address/hep/release:$1"; }

run_sif() { in_tree env APPTAINER_NOHTTPS=1 APPTAINER_CACHEDIR="$dir/store/work/cache" APPTAINER_TMPDIR="$dir/store/work" apptainer --silent build "$dir/store/work/image.sif" "docker://$address/hep/release:$1"; }

# The storage of the registry once more, by TLS.
serve_tls() {
    local folder=$dir/registry-tls
    install -d "$folder"
    ln -sfn ../registry/storage "$folder/storage"
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -keyout "$folder/key" -out "$folder/certificate" 2>/dev/null
    "$testbed/registry.sh" start "$folder" 0 --tls "$folder/certificate" "$folder/key" >/dev/null
    trap '"$testbed/registry.sh" stop "$dir/registry-tls"; clean' EXIT
}

# ---- the clock ----

# one NAME TAG: runs a candidate, and adds "wall user system kilobytes" to times.NAME.TAG.
one() {
    if [[ $1 == next ]]; then
        [[ -d $dir/store/work/cache ]] || { fresh; run_gridwrap "$2" >/dev/null 2>&1; }
    else
        fresh
    fi
    if ! /usr/bin/time -f '%e %U %S %M' -o "$dir/last" "$BASH" "${BASH_SOURCE[0]}" inside "$1" "$2" "$dir" "$address" >"$dir/log" 2>&1; then
        note "$1 with $2 failed and is left out: $(tail -n 1 "$dir/log")"
        return
    fi
    grep 'blob requests' "$dir/log" >&2 || true
    tail -n 1 "$dir/last" >>"$dir/times.$1.$2"
}

median() { cut -d ' ' -f "$2" "$1" | sort -n | awk '{ t[NR] = $1 } END { print NR % 2 ? t[(NR + 1) / 2] : (t[NR / 2] + t[NR / 2 + 1]) / 2 }'; }

table() {
    local tag name reference
    for tag in $tags; do
        printf '\n### %s layers: from nothing to the payload\n\n| candidate | wall s | user s | system s | peak MB | wall, gridwrap = 1 |\n|---|---:|---:|---:|---:|---:|\n' "$tag"
        reference=nan
        if [[ -s $dir/times.gridwrap.$tag ]]; then reference=$(median "$dir/times.gridwrap.$tag" 1); fi
        for name in $only; do
            [[ -s $dir/times.$name.$tag ]] || continue
            awk -v name="$name" -v wall="$(median "$dir/times.$name.$tag" 1)" -v user="$(median "$dir/times.$name.$tag" 2)" -v sys="$(median "$dir/times.$name.$tag" 3)" \
                -v kb="$(median "$dir/times.$name.$tag" 4)" -v ref="$reference" 'BEGIN { printf "| %s | %.1f | %.1f | %.1f | %.0f | %.2f |\n", name, wall, user, sys, kb / 1024, wall / ref }'
        done
    done
    printf '\n%s processors, Linux %s, load average before: %s; median of %s.\n' "$(nproc)" "$(uname -r)" "$load" "$runs"
}

main() {
    while (($# > 0)); do
        (($# >= 2)) || fail "$1 wants a value"
        case $1 in
            --runs) runs=$2 ;;
            --gridwrap) gridwrap=$(realpath -- "$2") ;;
            --dir) dir=$(realpath -m -- "$2") ;;
            --tags) tags=$2 ;;
            --only) only=$2 ;;
            *) fail "unknown option $1" ;;
        esac
        shift 2
    done
    load=$(cut -d ' ' -f 1-3 /proc/loadavg)
    prepare
    [[ " $only " != *" ch_image "* ]] || serve_tls
    rm -f "$dir"/times.*
    local round tag name
    for ((round = 0; round < runs; round++)); do
        for tag in $tags; do
            for name in $only; do one "$name" "$tag"; done
        done
    done
    table
}

if [[ ${1-} == inside ]]; then
    dir=$4 address=$5
    "run_$2" "$3"
else
    main "$@"
fi
