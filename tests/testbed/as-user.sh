#!/usr/bin/env bash
# as-user.sh CMD [ARG…]: runs CMD as an ordinary user without a home, in a fresh empty directory that it owns, with a clean environment.
# As root: uid 12345 by setpriv. As anybody else: the caller, with HOME unset. The directory is removed afterwards.
# KEEP=DIR uses DIR instead (made if missing, given to that user, kept). PASS="A=1 B=2" adds variables.
set -euo pipefail

uid=12345
program=$(readlink -f "$1")
shift
dir=${KEEP:-$(mktemp -d /tmp/gridwrap-user.XXXXXX)}
mkdir -p "$dir"
clean() {
    if [ -z "${KEEP:-}" ]; then
        find "$dir" -xdev -depth -delete
    fi
}
trap clean EXIT

# The program must be reachable for that user: a checkout under /root is not.
copy=$dir/.bin
mkdir -p "$copy"
install -m 0755 "$program" "$copy/"
chmod 0755 "$dir" "$copy"

run=()
if [ "$(id -u)" -eq 0 ]; then
    chown "$uid:$uid" "$dir"
    run=(setpriv --reuid "$uid" --regid "$uid" --clear-groups --)
fi
cd "$dir"
# shellcheck disable=SC2086 # PASS is a list of words on purpose
"${run[@]}" env -i PATH=/usr/local/bin:/usr/bin:/bin TMPDIR="$dir" ${PASS:-} "$copy/$(basename "$program")" "$@"
