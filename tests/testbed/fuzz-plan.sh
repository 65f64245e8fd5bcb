#!/usr/bin/env bash
# fuzz-plan.sh [SECONDS [SEED]]: compiles the decoder of gridwrap-init's plan with the address and undefined-behaviour sanitizers and feeds it damaged plans
# for SECONDS (default 10), then, where clang has its fuzzer, as long with that. Stdout: two lines with the numbers. Exit 1 at the first finding, told by the sanitizer on stderr.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"
need_command gcc
work=$(mktemp -d /tmp/gridwrap-fuzz.XXXXXX)
trap 'remove_tree "$work"' EXIT
seconds=${1:-10}
gcc -std=c11 -g -O1 -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover=all -o "$work/fuzz-plan" "$here/fuzz-plan.c" "$here/../../src/init/plan.c"
"$work/fuzz-plan" "$seconds" "${2:-1}"
# clang's fuzzer follows the decoder's branches; damage by chance does not.
clang=$(command -v clang || compgen -c clang- | grep -E '^clang-[0-9]+$' | sort -V | tail -n 1 || true)
if [ -n "$clang" ] && "$clang" -std=c11 -g -O1 -DGRIDWRAP_LIBFUZZER -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o "$work/guided" "$here/fuzz-plan.c" \
    "$here/../../src/init/plan.c" 2>"$work/clang"; then
    mkdir "$work/corpus"
    "$work/fuzz-plan" write "$work/corpus/valid"
    "$work/guided" -max_total_time="$seconds" -max_len=4096 -seed="${2:-1}" -artifact_prefix="$work/" "$work/corpus" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
    grep -E '^#[0-9]+.*DONE' "$work/log" | sed 's/^/guided: /'
else
    printf 'guided: not run, there is no clang with its fuzzer here\n'
fi
