#!/bin/bash
# serving.sh [--runs N]: what one call costs on a root that gridwrap serves from memory, beside the same files in a plain directory on the local disk: stat, open + read of 4 KiB +
# close, and reading 200 MB, each the first time and again; with one process, and 16 at once. Prints a line per run (3). The server is the Release build without ReadyToRun; as root
# everything runs as uid 12345. The plain directory's files were just written, so that its first time is not from the disk.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
testbed=$here/../testbed
runs=3
if [[ ${1:-} == --runs ]]; then
    runs=${2:?usage: serving.sh [--runs N]}
fi
# shellcheck source=../testbed/common.sh
. "$testbed/common.sh"
need_command gcc dotnet
work=$(mktemp -d /tmp/gridwrap-serving.XXXXXX)
trap 'remove_tree "$work"' EXIT
chmod 0755 "$work"
dotnet build "$here/../GridWrapper.SystemTests" -c Release -v q --nologo -p:RunAnalyzers=false -o "$work/program" >/dev/null
mkdir -p "$work/job/cache" "$work/job/plain"
gcc -O1 -static -pthread -o "$work/job/serving-check" "$testbed/serving-check.c"
for ((i = 0; i < 2000; i++)); do head -c 4096 /dev/zero >"$work/job/plain/$i"; done
head -c 209715200 /dev/zero >"$work/job/plain.big"
user=()
if [[ $(id -u) -eq 0 ]]; then
    chown -R 12345:12345 "$work/job"
    user=(setpriv --reuid 12345 --regid 12345 --clear-groups --)
fi
cd "$work/job"
serve() { "$testbed/fuse-node.sh" "${user[@]}" env -i PATH=/usr/bin:/bin DOTNET_EnableDiagnostics=0 DOTNET_TieredPGO=0 dotnet "$work/program/GridWrapper.SystemTests.dll" 1 ro "$@"; }
for ((run = 0; run < runs; run++)); do
    printf 'plain   '
    "${user[@]}" ./serving-check times plain 2000 plain.big | head -n 1
    printf 'served  '
    serve "$PWD/serving-check" times /flat 2000 /tree/big | sed -n '1p; $p' | sed 's/ before.*//'
done
printf '16 readers of random parts of a file, by read and mmap: '
serve "$PWD/serving-check" many /tree/big 7 300 | sed 's/ before.*//' | paste -s
