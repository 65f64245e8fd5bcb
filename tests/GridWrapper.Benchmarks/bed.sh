#!/bin/bash
# Sourced by the benchmarks on an image in the shape of a HEP release: the image, a loopback registry that has it, and a store, which is a fresh journalled ext4 in a file under $dir.
# They set $dir, $gridwrap and $here first.
# shellcheck shell=bash disable=SC2154 # dir, gridwrap and here are the sourcing script's
testbed=$here/../testbed
readonly user=12345

note() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

fail() {
    note "$@"
    exit 1
}

prepare() {
    local tag loop
    ((EUID == 0)) || fail "must run as root (this is uid $EUID), to mount the store"
    for tag in curl jq skopeo umoci zstd docker-registry; do command -v "$tag" >/dev/null || fail "$tag is missing; run: tests/testbed/packages.sh test"; done
    [[ -x $gridwrap ]] || fail "$gridwrap is not there; run: ./build.sh publish"
    mkdir -p "$dir"
    "$testbed/hep-image.sh" "$dir/image" >/dev/null
    address=$("$testbed/registry.sh" start "$dir/registry" 0)
    "$testbed/hep-image.sh" "$dir/image" --push "$address/hep/release" >/dev/null
    fallocate -l "${store_gb:-12}G" "$dir/store.img" # blocks that are there: the first candidate does not pay for them
    mkfs.ext4 -q -F -N 3000000 "$dir/store.img"
    mkdir -p "$dir/store"
    # Past the page cache of the file system below: it would hold everything twice, and slow the one who writes when the other was meant.
    loop=$(losetup --find --show --direct-io=on "$dir/store.img")
    mount "$loop" "$dir/store"
    losetup --detach "$loop" # once it is not mounted any more
    trap clean EXIT
    install -m 0755 "$gridwrap" "$dir/gridwrap"
    chmod 0755 "$dir" "$dir/store"
}

clean() {
    stop_podman
    umount "$dir/store" || umount -l "$dir/store"
    rm -f "$dir/store.img"
    "$testbed/registry.sh" stop "$dir/registry"
}

# fresh: an empty directory of the ordinary user on the store; what was there is removed before a clock starts.
fresh() {
    stop_podman
    find "$dir/store" -mindepth 1 -maxdepth 1 ! -name lost+found -exec chmod -R u+rwX {} + -exec rm -rf --one-file-system {} +
    install -d -o "$user" -g "$user" "$dir/store/work"
    sync -f "$dir/store"
}

# podman leaves a process that holds its namespaces.
stop_podman() { [[ ! -d $dir/store/work/root ]] || in_tree podman --root "$dir/store/work/root" --runroot "$dir/store/work/run" system migrate >/dev/null 2>&1 || true; }

# On a node where everybody may open /dev/fuse, as on most.
as_user() { "$testbed/fuse-node.sh" setpriv --reuid "$user" --regid "$user" --clear-groups -- env -i PATH=/usr/bin:/bin HOME="$dir/store/work" GRIDWRAP_CVMFS_ROOT=/nonexistent "$@"; }

in_tree() { "$testbed/in-trixie.sh" --user --bind "$dir" --cd "$dir/store/work" env TMPDIR="$dir/store/work" HOME="$dir/store/work" "$@"; }
