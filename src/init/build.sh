#!/usr/bin/env bash
# build.sh OUT: compiles gridwrap-init for this machine's architecture, static (musl), into OUT. Does nothing when OUT is newer than its sources.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:?usage: build.sh OUT}

newer=$(find "$here" -newer "$out" -print -quit 2>/dev/null || echo all)
if [ -s "$out" ] && [ -z "$newer" ]; then
    exit 0
fi
mkdir -p "$(dirname "$out")"
# Hardened: position-independent (address randomisation), stack protector, no lazy binding, no executable stack, no stack clash, and what the processor offers
# against jumps into the middle. musl has no fortified functions. Its compiler wrapper cannot link static position-independent programs, so they are linked by hand.
musl=$(sed -n 's/.*-specs "\(.*\)\/musl-gcc\.specs".*/\1/p' "$(command -v musl-gcc)")
case $(uname -m) in
x86_64) branches=-fcf-protection=full ;;
aarch64) branches=-mbranch-protection=standard ;;
*) branches= ;;
esac
flags=(-std=c11 -Os -Wall -Wextra -Werror -Wconversion -Wno-sign-conversion -Wformat=2 -Wshadow -Wvla -fPIE -fstack-protector-strong -fstack-clash-protection
    -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
objects=()
for source in "$here"/*.c; do
    objects+=("$work/$(basename "$source" .c).o")
    # shellcheck disable=SC2086  # no word on architectures without one
    musl-gcc "${flags[@]}" $branches -c -o "${objects[-1]}" "$source"
done
gcc -nostdlib -static-pie -Wl,--gc-sections,-z,relro,-z,now,-z,noexecstack,-z,separate-code -s -o "$out.new" "$musl/rcrt1.o" "$musl/crti.o" "$(gcc -print-file-name=crtbeginS.o)" \
    "${objects[@]}" "$musl/libc.a" -lgcc "$(gcc -print-file-name=crtendS.o)" "$musl/crtn.o"
chmod 0755 "$out.new"
mv -f "$out.new" "$out"
printf 'gridwrap-init: %s bytes\n' "$(stat -c %s "$out")" >&2
