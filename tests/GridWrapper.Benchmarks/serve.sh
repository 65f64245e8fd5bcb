#!/bin/bash
# serve.sh [--runs N] [--gridwrap FILE] [--dir DIR] [--only "registry packed sif"]
# What a payload notices of a root that is served instead of unpacked: the HEP-shaped image with a compiler and Python as a fifteenth layer, and serve-payload.sh in it, on
#   registry   the unpacked layers under the kernel's overlay
#   packed     one file for each layer, served by gridwrap
#   sif        Apptainer's SIF file, served by squashfuse_ll, in the testbed's Debian 13 tree
# one after the other in rounds, each as uid 12345, images made before the clock starts, page cache as the making left it. Prints a Markdown table of the medians of N (1), with the
# peak memory of gridwrap as the kernel saw it. Needs root and 25 GB; half an hour.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
runs=1 gridwrap=$here/../../artifacts/linux-x64/gridwrap dir=/var/tmp/gridwrap-pull only="registry packed sif"
export store_gb=24 # for bed.sh: Apptainer keeps layers, tree and file at a time
# shellcheck source=bed.sh
. "$here/bed.sh"

readonly packages="binutils binutils-common binutils-x86-64-linux-gnu cpp-12 gcc-12 gcc-12-base libbinutils libc6 libc6-dev libcc1-0 libctf0 libctf-nobfd0 libgcc-12-dev libgcc-s1 libgmp10 libgprofng0
 libisl23 libjansson4 libmpc3 libmpfr6 libzstd1 linux-libc-dev zlib1g python3.11 python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libffi8 libexpat1 libncursesw6
 libtinfo6 libreadline8 libsqlite3-0 libssl3 libbz2-1.0 liblzma5 libuuid1 libcrypt1 libdb5.3 libnsl2 libtirpc3 libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libcom-err2 libkeyutils1"

# The image with tools: tag "tools" beside the others.
add_tools() {
    local layout=$dir/tools/layout
    if [[ ! -f $dir/tools/complete ]]; then
        rm -rf --one-file-system -- "$dir/tools"
        mkdir -p "$dir/tools/tree"
        cp -al "$dir/image/layout" "$layout"
        rm -f "$layout/index.json"
        cp "$dir/image/layout/index.json" "$layout/index.json"
        # shellcheck disable=SC2086 # a list
        dpkg -L $packages 2>/dev/null | grep -E '^/(usr/)?(bin|lib|include)' | sort -u >"$dir/tools/names"
        (cd / && while read -r name; do [[ -d $name && ! -L $name ]] || printf '.%s\n' "$(realpath --no-symlinks -- "${name/#\/lib/\/usr\/lib}")"; done <"$dir/tools/names" \
            | sort -u | tar --create --ignore-failed-read --files-from=- 2>/dev/null) | tar --extract --directory="$dir/tools/tree"
        umoci tag --image "$layout:gzip" tools
        umoci insert --rootless --image "$layout:tools" "$dir/tools/tree/usr" /usr
        touch "$dir/tools/complete"
    fi
    skopeo --insecure-policy copy --quiet --dest-tls-verify=false "oci:$layout:tools" "docker://$address/hep/release:tools"
}

reference() { printf 'docker://%s/hep/release:tools' "$address"; }

run_registry() { run_gridwrap registry; }

run_packed() { run_gridwrap packed; }

# The peak is that of gridwrap itself: the payload's is not in it.
run_gridwrap() {
    as_user "$dir/gridwrap" pull "$(reference)" --cache "$dir/store/work/cache" --strategy "$1" >/dev/null
    as_user /usr/bin/time -f '%M' -o "$dir/store/work/peak" "$dir/gridwrap" exec --strategy "$1" --cache "$dir/store/work/cache" --bind "$here:/bench:ro" "$(reference)" -- /usr/bin/bash /bench/serve-payload.sh
}

run_sif() {
    in_tree env APPTAINER_NOHTTPS=1 APPTAINER_CACHEDIR="$dir/store/work/cache" APPTAINER_TMPDIR="$dir/store/work" apptainer --silent build "$dir/store/work/image.sif" "$(reference)"
    rm -rf --one-file-system -- "$dir/store/work/cache"
    "$testbed/in-trixie.sh" --user --bind "$dir" --bind "$here" --cd "$dir/store/work" env HOME="$dir/store/work" \
        apptainer --silent exec --bind "$here:/bench:ro" "$dir/store/work/image.sif" /usr/bin/bash /bench/serve-payload.sh
}

middle() { sort -n | awk '{ t[NR] = $1 } END { print NR % 2 ? t[(NR + 1) / 2] : (t[NR / 2] + t[NR / 2 + 1]) / 2 }'; }

time_of() { awk -v work="$2" -v pass="$3" '$1 == work && $2 == pass { print $3 / 1e6 }' "$dir/served.$1" | middle; }

table() {
    local work pass name
    printf '| work | pass |'
    for name in $only; do printf ' %s, s |' "$name"; done
    printf ' packed / registry |\n|---|---:|'
    for name in $only x; do printf -- '---:|'; done
    printf '\n'
    for work in find python compile sha256 find-16 python-16 compile-16 read-16; do
        for pass in 1 2; do
            printf '| %s | %s |' "$work" "$pass"
            for name in $only; do printf ' %.2f |' "$(time_of "$name" "$work" "$pass")"; done
            awk -v a="$(time_of packed "$work" "$pass")" -v b="$(time_of registry "$work" "$pass")" 'BEGIN { printf " %.2f |\n", a / b }'
        done
    done
    printf '\nPeak memory of gridwrap: %s MB serving packed layers, %s MB with unpacked ones. %s processors, Linux %s, load average before: %s; median of %s.\n' \
        "$(peak packed)" "$(peak registry)" "$(nproc)" "$(uname -r)" "$load" "$runs"
}

peak() { middle <"$dir/peak.$1" | awk '{ printf "%.0f", $1 / 1024 }'; }

main() {
    local round name
    while (($# > 0)); do
        (($# >= 2)) || fail "$1 wants a value"
        case $1 in
            --runs) runs=$2 ;;
            --gridwrap) gridwrap=$(realpath -- "$2") ;;
            --dir) dir=$(realpath -m -- "$2") ;;
            --only) only=$2 ;;
            *) fail "unknown option $1" ;;
        esac
        shift 2
    done
    load=$(cut -d ' ' -f 1-3 /proc/loadavg)
    prepare
    add_tools
    rm -f "$dir"/served.* "$dir"/peak.*
    for ((round = 0; round < runs; round++)); do
        for name in $only; do
            fresh
            "run_$name" >>"$dir/served.$name" 2>"$dir/log" || fail "$name failed: $(tail -n 3 "$dir/log")"
            [[ ! -s $dir/store/work/peak ]] || tail -n 1 "$dir/store/work/peak" >>"$dir/peak.$name"
            note "$name: $(tr '\n' ';' <"$dir/served.$name")"
        done
    done
    table
}

main "$@"
