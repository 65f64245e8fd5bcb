#!/usr/bin/env bash
# build.sh OUT: compiles gridwrap-init for this machine's architecture, static (musl), into OUT. Does nothing when OUT is newer than its sources.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:?usage: build.sh OUT}
sources=("$here/gridwrap-init.c" "$here/plan.c" "$here/setup.c")

newer=$(find "$here" -newer "$out" -print -quit 2>/dev/null || echo all)
if [ -s "$out" ] && [ -z "$newer" ]; then
    exit 0
fi
mkdir -p "$(dirname "$out")"
musl-gcc -std=c11 -Os -static -Wall -Wextra -Werror -Wconversion -Wno-sign-conversion -fstack-protector-strong -fno-asynchronous-unwind-tables \
    -ffunction-sections -fdata-sections -Wl,--gc-sections -Wl,-z,relro,-z,now,-z,noexecstack -s -o "$out.new" "${sources[@]}"
chmod 0755 "$out.new"
mv -f "$out.new" "$out"
printf 'gridwrap-init: %s bytes\n' "$(stat -c %s "$out")" >&2
