#!/bin/bash
# in-trixie.sh [--user] [--no-new-privs] [--cgroup2] [--cd DIR] [--bind DIR]… [--] COMMAND [ARG…]
# Runs COMMAND in the tree of trixie.sh (root; the tree must be there), as root or, with --user, as uid and gid 12345
# without groups or capabilities. It uses a mount namespace and pivot_root, not chroot: user namespaces stay allowed.
#   --bind DIR       the host's DIR, with what is mounted below it, at the same path; not under /proc, /sys, /dev
#   --cd DIR         working directory (default /)
#   --no-new-privs   set no_new_privs, as HTCondor and Slurm can
#   --cgroup2        /sys/fs/cgroup is the version 2 hierarchy alone: crun refuses a machine that mounts both versions
# Shared with the host: /proc, /sys, /tmp, the network, the process table. Private: /dev, a small tmpfs with pts, shm
# and a /dev/fuse of mode 0666. The environment is only PATH, HOME, USER, LOGNAME, LANG, TERM: set more with `env A=B COMMAND`.
# Stdin, stdout, stderr, exit code are COMMAND's; the script execs it, so its process id is this script's and signals
# reach it. Exit 1 with one line on stderr when it cannot start. No mount remains on the host.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

readonly tree=$testbed_base/trixie
as_user=no privileges=() work_dir=/ binds=() inside=no cgroup2=no command=()

parse() {
    while (($# > 0)); do
        case $1 in
            --inside) inside=yes ;;
            --user) as_user=yes ;;
            --no-new-privs) privileges=(--no-new-privs) ;;
            --cgroup2) cgroup2=yes ;;
            --cd) take_value "$1" $#; work_dir=$2; shift ;;
            --bind) take_value "$1" $#; binds+=("${2%/}"); shift ;;
            --) shift; break ;;
            -*) fail "unknown option $1" ;;
            *) break ;;
        esac
        shift
    done
    command=("$@")
    ((${#command[@]} > 0)) || fail "usage: in-trixie.sh [--user] [--no-new-privs] [--cgroup2] [--cd DIR] [--bind DIR]… [--] COMMAND [ARG…]"
}

check() {
    local dir
    [[ -f $tree/.testbed-complete ]] || fail "$tree is not there or not complete; run: $here/trixie.sh"
    for dir in "${binds[@]}"; do
        case $dir/ in
            *//* | */../* | */./*) fail "--bind $dir: write the path without //, . and .." ;;
            /proc/* | /sys/* | /dev/* | /.host/*) fail "--bind $dir: not possible there" ;;
            /*) [[ -d $dir ]] || fail "--bind $dir: no such directory" ;;
            *) fail "--bind $dir: not an absolute path" ;;
        esac
    done
}

device() { mknod -m 0666 "$1" c "$2" "$3"; }

make_dev() {
    mount -t tmpfs -o mode=0755,nosuid,size=64m tmpfs "$tree/dev"
    cd "$tree/dev"
    device null 1 3
    device zero 1 5
    device full 1 7
    device random 1 8
    device urandom 1 9
    device tty 5 0
    device fuse 10 229
    mkdir pts
    mkdir -m 1777 shm mqueue
    mount -t devpts -o newinstance,nosuid,noexec,ptmxmode=0666,mode=0620,gid=5 devpts pts
    ln -s pts/ptmx ptmx
    ln -s /proc/self/fd fd
    ln -s /proc/self/fd/0 stdin
    ln -s /proc/self/fd/1 stdout
    ln -s /proc/self/fd/2 stderr
}

# Every mount here is a slave of the host's or private: host mounts come in, nothing goes out.
enter() {
    local dir index sources=()
    for dir in "${binds[@]}"; do sources+=("$(realpath -- "$dir")"); done
    mount --bind "$tree" "$tree"
    mount --rbind /proc "$tree/proc"
    mount --rbind /sys "$tree/sys"
    if [[ $cgroup2 == yes ]]; then mount -t cgroup2 cgroup2 "$tree/sys/fs/cgroup"; fi
    mount --rbind /tmp "$tree/tmp"
    make_dev
    cd "$tree"
    pivot_root . .host
    cd /
    PATH=/usr/sbin:/usr/bin
    hash -r
    # Targets are made after the pivot, where the tree's absolute symlinks cannot lead to the host.
    for index in "${!binds[@]}"; do
        mkdir -p "${binds[index]}"
        mount --rbind "/.host${sources[index]}" "${binds[index]}"
    done
    umount -l /.host
}

run() {
    local name=root home=/root
    if [[ $as_user == yes ]]; then
        name=$testbed_user home=/home/$testbed_user
        privileges+=(--reuid "$testbed_uid" --regid "$testbed_uid" --clear-groups)
    fi
    umask 022
    cd "$work_dir" || fail "--cd $work_dir: not there in the tree"
    exec setpriv "${privileges[@]}" -- env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        HOME="$home" USER="$name" LOGNAME="$name" LANG=C.UTF-8 TERM="${TERM:-dumb}" "${command[@]}"
}

main() {
    need_root
    parse "$@"
    check
    if [[ $inside == no ]]; then
        exec unshare -m --propagation slave -- "$BASH" "${BASH_SOURCE[0]}" --inside "$@"
    fi
    enter
    run
}

main "$@"
