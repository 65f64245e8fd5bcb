#!/usr/bin/env bash
# valgrind.sh IMAGE-DIR: compiles gridwrap-init for debugging and makes two launches with every kind of operation under valgrind, one on an overlay and one
# without. Stdout: one line for each. Exit 1 with valgrind's words on stderr at the first finding. As root the launches are uid 12345's.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"
[ $# -eq 1 ] || fail "usage: valgrind.sh IMAGE-DIR"
need_command gcc valgrind
image=$(readlink -f "$1")
work=$(mktemp -d /tmp/gridwrap-valgrind.XXXXXX)
trap 'remove_tree "$work"' EXIT
gcc -std=c11 -g -O1 -o "$work/init" "$here"/../../src/init/*.c
gcc -std=gnu11 -O1 -o "$work/launch-plan" "$here/launch-plan.c"
chmod 0755 "$work" "$work"/*
run=()
if [ "$(id -u)" -eq 0 ]; then
    chown 12345:12345 "$work"
    run=(setpriv --reuid 12345 --regid 12345 --clear-groups --)
fi
cd "$work"
for root in overlay underlay; do
    "${run[@]}" bash -c './launch-plan "$1" "$2" >plan' bash "$image" "$root"
    code=0
    # What is exec'ed at the end is the image's, outside of valgrind's reach: that the record "started" came is the launch's success.
    "${run[@]}" bash -c 'exec valgrind --quiet --vgdb=no --trace-children=no --track-origins=yes --error-exitcode=99 --log-fd=5 ./init 3<plan 4>report 5>>findings' || code=$?
    kind=$(od -An -tu4 -N4 report | tr -d ' ')
    if [ -s findings ] && grep -Ev 'WARNING: unhandled .*syscall|You may be able to write your own|Read the file README_MISSING|Nevertheless|it at http|^--[0-9]+-- *$' findings >real; then
        cat real >&2
        exit 1
    fi
    [ "$kind" = 2 ] || fail "the launch failed: $(od -An -tx4 -N16 report), exit $code"
    printf '%s: payload started, exit %s, no finding\n' "$root" "$code"
    rm -f report findings
done
