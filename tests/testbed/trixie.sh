#!/bin/bash
# trixie.sh: makes a Debian 13 tree with Apptainer, podman, bubblewrap, HTCondor, Slurm and cosign in ${GRIDWRAP_TESTBED:-/var/tmp/gridwrap-testbed}/trixie (root, amd64).
# A complete tree is used again; an interrupted build starts afresh; two calls at once wait for each other.
# The mirror is the one apt uses, or GRIDWRAP_TESTBED_MIRROR. Apptainer comes from sid (the only suite that has it),
# its dependencies from trixie. Commands are run in the tree by in-trixie.sh.
# Stdout: the path of the tree, one line. Exit 1 with one line on stderr, and the log's end, when it cannot be made.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

# Raise it when the contents change: trees of another recipe are made anew.
readonly recipe=2
readonly packages=ca-certificates,containernetworking-plugins,e2fsprogs,fakeroot,fuse-overlayfs,fuse3,libseccomp2,libsqlite3-0,procps,squashfs-tools,squashfuse,uidmap
# What was added later goes into a tree that is already there too: no new recipe for it.
readonly peers=(bubblewrap podman crun conmon htcondor slurm-wlm munge cosign)
readonly tree=$testbed_base/trixie
readonly partial=$testbed_base/trixie.partial
readonly log=$testbed_base/trixie.log

complete() { [[ -f $tree/.testbed-complete && $(head -n 1 "$tree/.testbed-complete") == "recipe $recipe" ]]; }

mirror() {
    local uri
    uri=$(apt-get indextargets --format "\$(REPO_URI) \$(CODENAME) \$(ORIGIN)" 'Created-By: Packages' 2>/dev/null \
        | awk '$2 == "bookworm" && $3 == "Debian" { print $1; exit }')
    printf '%s\n' "${GRIDWRAP_TESTBED_MIRROR:-${uri:-http://deb.debian.org/debian}}"
}

# Both build steps run in mount and pid namespaces of their own that die with this script: no mount or process stays.
privately() {
    setpriv --pdeathsig KILL -- unshare --mount --propagation private --pid --fork --kill-child --mount-proc -- "$@" \
        >>"$log" 2>&1 || broken
}

broken() {
    tail -n 15 "$log" >&2
    fail "making or completing $tree failed; the whole log is $log"
}

bootstrap() { privately debootstrap --variant=minbase --include="$packages" trixie "$partial" "$1"; }

configure() {
    printf '#!/bin/sh\nexit 101\n' >"$partial/usr/sbin/policy-rc.d"
    chmod 0755 "$partial/usr/sbin/policy-rc.d"
    printf 'deb %s sid main\n' "$1" >"$partial/etc/apt/sources.list.d/sid.list"
    printf 'Package: *\nPin: release n=sid\nPin-Priority: 1\n' >"$partial/etc/apt/preferences.d/sid"
    # The tree trusts and reaches the mirror as the host does (a frozen mirror has expired Release files, a site a proxy).
    apt-config dump | grep -E '^Acquire::(Check-|https?::Proxy)' >"$partial/etc/apt/apt.conf.d/90host" || true
    ln -sfn ../proc/self/mounts "$partial/etc/mtab"
    printf '127.0.0.1 localhost\n' >"$partial/etc/hosts"
    printf '%s:x:%d:%d::/home/%s:/bin/bash\n' "$testbed_user" "$testbed_uid" "$testbed_uid" "$testbed_user" >>"$partial/etc/passwd"
    printf '%s:x:%d:\n' "$testbed_user" "$testbed_uid" >>"$partial/etc/group"
    install -d -m 0700 -o "$testbed_uid" -g "$testbed_uid" "$partial/home/$testbed_user"
    install -d -m 0755 "$partial/.host"
}

install_apptainer() {
    # shellcheck disable=SC2016 # expanded by the inner shell
    privately sh -euc '
        mount -t proc proc "$1/proc"
        export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
        chroot "$1" apt-get -qq -o Acquire::Languages=none update
        chroot "$1" apt-get -qq --yes --no-install-recommends install apptainer/sid
        chroot "$1" apt-get clean
        rm -rf "$1"/var/lib/apt/lists/*
    ' sh "$partial"
}

installed_in() { [[ $(dpkg-query --admindir="$1/var/lib/dpkg" -W -f "\${db:Status-Status}" "$2" 2>/dev/null) == installed ]]; }

# install_peers TREE: those of the peers that are missing there.
install_peers() {
    local missing=() package
    for package in "${peers[@]}"; do installed_in "$1" "$package" || missing+=("$package"); done
    ((${#missing[@]} > 0)) || return 0
    # shellcheck disable=SC2016 # expanded by the inner shell
    privately sh -euc '
        tree=$1
        shift
        mount -t proc proc "$tree/proc"
        export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
        chroot "$tree" apt-get -qq -o Acquire::Languages=none update
        chroot "$tree" apt-get -qq --yes --no-install-recommends install "$@"
        chroot "$tree" apt-get clean
        rm -rf "$tree"/var/lib/apt/lists/*
    ' sh "$1" "${missing[@]}"
    note "installed ${missing[*]}"
}

main() {
    local uri version
    (($# == 0)) || fail "usage: trixie.sh"
    need_root
    need_command debootstrap unshare setpriv flock
    install -d -m 0755 "$testbed_base"
    exec 9>"$testbed_base/trixie.lock"
    flock 9
    if ! complete; then
        remove_tree "$partial"
        if [[ -e $tree ]]; then
            [[ -z $(mounts_under "$tree") ]] || fail "$tree is out of date and has mounts in it; umount them first"
            mv -T "$tree" "$partial"
            remove_tree "$partial"
        fi
        : >"$log"
        uri=$(mirror)
        bootstrap "$uri"
        configure "$uri"
        install_apptainer
        install_peers "$partial"
        version=$(dpkg-query --admindir="$partial/var/lib/dpkg" -W -f "\${Version}" apptainer)
        printf 'recipe %s\napptainer %s\n' "$recipe" "$version" >"$partial/.testbed-complete"
        mv -T "$partial" "$tree"
        note "made $tree with apptainer $version in $SECONDS s"
    else
        install_peers "$tree"
        note "$tree is there, $(sed -n 2p "$tree/.testbed-complete")"
    fi
    printf '%s\n' "$tree"
}

main "$@"
