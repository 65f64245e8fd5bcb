#!/bin/bash
# predict.sh [--gridwrap FILE] [--dir DIR]
# How good the plan's predictions are: runs jobs with the image of pull.sh in four states of the node, and prints for each what was predicted and
# what it came to (both from `cost` of the result document) as a Markdown table on stdout. Needs no root beyond changing to uid 12345.
#   nothing known     an empty cache on a node where nothing was ever pulled: usual rates are assumed
#   rate known        an empty cache whose earlier pull left its rate
#   two layers        a second image that shares all but two small layers with one in the cache
#   all there         the same image again
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
testbed=$here/../testbed
readonly user=12345
gridwrap=$here/../../artifacts/linux-x64/gridwrap dir=/var/tmp/gridwrap-pull

fail() {
    printf 'predict.sh: %s\n' "$*" >&2
    exit 1
}

clean() {
    "$testbed/registry.sh" stop "$dir/registry"
    chmod -R u+rwX "$work"
    rm -rf --one-file-system -- "$work"
}

# job TAG NAME: one job with the image's TAG; adds a row.
job() {
    setpriv --reuid "$user" --regid "$user" --clear-groups -- env -i -C "$work/job" PATH=/usr/bin:/bin HOME="$work" GRIDWRAP_CVMFS_ROOT=/nonexistent \
        "$work/gridwrap" run -p '%2Fbusybox%20true' --containerImage "docker://$address/hep/release:$1" --cache "$work/cache" --quiet >/dev/null
    jq -r --arg name "$2" '.cost | [.predicted, .actual] as [$p, $a]
        | def million: . / 1e6 * 10 | round / 10;
        "| \($name) | \($p.bytes | million) / \($a.bytes | million) | \($p.requests) / \($a.requests) | \($p.files) / \($a.files) | \($p.seconds) / \($a.seconds) |"' \
        "$work/job/gridwrap-result.json"
    rm -rf --one-file-system -- "$work/job"
    install -d -o "$user" -g "$user" "$work/job"
}

main() {
    while (($# > 0)); do
        (($# >= 2)) || fail "$1 wants a value"
        case $1 in
            --gridwrap) gridwrap=$(realpath -- "$2") ;;
            --dir) dir=$(realpath -m -- "$2") ;;
            *) fail "unknown option $1" ;;
        esac
        shift 2
    done
    ((EUID == 0)) || fail "must run as root (this is uid $EUID), to change to uid $user"
    [[ -x $gridwrap ]] || fail "$gridwrap is not there; run: ./build.sh publish"
    mkdir -p "$dir"
    "$testbed/hep-image.sh" "$dir/image" >/dev/null
    address=$("$testbed/registry.sh" start "$dir/registry" 0)
    "$testbed/hep-image.sh" "$dir/image" --push "$address/hep/release" >/dev/null
    work=$(mktemp -d /var/tmp/gridwrap-predict.XXXXXX)
    trap clean EXIT
    chown "$user:$user" "$work"
    install -m 0755 "$gridwrap" "$work/gridwrap"
    install -d -o "$user" -g "$user" "$work/job"
    printf '| predicted / actual | MB | requests | files | seconds |\n|---|---:|---:|---:|---:|\n'
    job gzip "nothing known"
    setpriv --reuid "$user" --regid "$user" --clear-groups -- "$work/gridwrap" cache gc --max-bytes 0 --cache "$work/cache" >/dev/null
    job gzip "rate known"
    job gzip-next "two layers"
    job gzip-next "all there"
}

main "$@"
