#!/usr/bin/env bash
# kernels.sh PROGRAM IMAGE-DIR: runs PROGRAM (a gridwrap) on IMAGE-DIR with features of the kernel switched off one by one, and prints what came of it as a
# Markdown table. Needs gcc and unshare. As root the runs are uid 12345's. docs/kernels.md holds the table of one run.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"
[ $# -eq 2 ] || fail "usage: kernels.sh PROGRAM IMAGE-DIR"
need_command gcc
program=$(readlink -f "$1") image=$(readlink -f "$2")
work=$(mktemp -d /var/tmp/gridwrap-kernels.XXXXXX)
trap 'remove_tree "$work"' EXIT
gcc -std=gnu11 -O1 -o "$work/deny" "$here/deny.c"
mkdir "$work/cache"
chmod 0755 "$work" "$work/deny"
user=()
if [ "$(id -u)" -eq 0 ]; then
    chown -R 12345:12345 "$work/cache"
    user=(setpriv --reuid 12345 --regid 12345 --clear-groups --)
fi

# row WHAT WORD…: the words come before the program.
row() {
    local what=$1 code=0 text
    shift
    text=$(cd "$work/cache" && "${user[@]}" env -i PATH=/usr/bin:/bin GRIDWRAP_CACHE="$work/cache" "$@" "$program" exec --launcher rootless --quiet "$image" -- /bin/sh -c 'echo pid $$, $(grep -c . /proc/self/mountinfo) mounts' 2>"$work/errors" </dev/null) || code=$?
    if [ "$code" -eq 0 ]; then
        printf '| %s | works: %s |\n' "$what" "$text"
    else
        printf '| %s | exit %d: %s |\n' "$what" "$code" "$(sed -n 's/.*directory+rootless: //; s/; directory+apptainer.*//; s/ \[step=.*//; $p' "$work/errors" | head -c 400)"
    fi
}

denied() { row "\`$1\` refused" "$work/deny" "$1"; }
inside() {
    # shellcheck disable=SC2016  # for the inner shell
    row "$1" unshare -Urm --propagation private /bin/sh -c "$2"' && exec "$@"' inside
}

printf '| switched off | what happens |\n|---|---|\n'
row 'nothing' env
denied overlay
for call in openat2 close_range mount_setattr open_tree,move_mount pivot_root clone3=ENOSYS keyctl seccomp=ENOSYS; do denied "$call"; done
inside 'a fresh `/proc` (something covers `/proc/irq`)' 'mount -t tmpfs none /proc/irq'
inside 'pid namespaces (`user.max_pid_namespaces=0`)' 'echo 0 >/proc/sys/user/max_pid_namespaces'
inside 'IPC namespaces (`user.max_ipc_namespaces=0`)' 'echo 0 >/proc/sys/user/max_ipc_namespaces'
inside '`/dev/fuse`' 'mount --bind /dev/null /dev/fuse'
inside 'writing to `/tmp` (read-only)' 'mount --bind /tmp /tmp && mount -o remount,bind,ro /tmp'
denied unshare
denied mount
denied pivot_root,chroot
denied memfd_create
inside 'user namespaces (`user.max_user_namespaces=0`)' 'echo 0 >/proc/sys/user/max_user_namespaces'
