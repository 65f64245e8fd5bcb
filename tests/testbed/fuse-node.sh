#!/usr/bin/env bash
# fuse-node.sh CMD [ARG…]: as root, runs CMD where everybody may open /dev/fuse, as on an ordinary node. A second node of the same device is made on a tmpfs and laid over it
# in a mount namespace of its own; the machine's own stays as it is. For others than root CMD is simply run.
set -euo pipefail
[ "$(id -u)" -eq 0 ] || exec "$@"
# shellcheck disable=SC2016  # for the inner shell
exec unshare -m --propagation private /bin/sh -c 'mount -t tmpfs -o mode=0755,dev none /mnt && mknod /mnt/fuse c 10 229 && chmod 0666 /mnt/fuse && mount --bind /mnt/fuse /dev/fuse && umount -l /mnt && exec "$@"' inside "$@"
