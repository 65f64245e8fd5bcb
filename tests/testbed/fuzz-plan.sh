#!/usr/bin/env bash
# fuzz-plan.sh [SECONDS [SEED]]: compiles the decoder of gridwrap-init's plan with the address and undefined-behaviour sanitizers and feeds it damaged plans
# for SECONDS (default 10). Stdout: one line with the numbers. Exit 1 at the first finding, told by the sanitizer on stderr.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"
need_command gcc
work=$(mktemp -d /tmp/gridwrap-fuzz.XXXXXX)
trap 'remove_tree "$work"' EXIT
gcc -std=c11 -g -O1 -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover=all -o "$work/fuzz-plan" "$here/fuzz-plan.c" "$here/../../src/init/plan.c"
"$work/fuzz-plan" "${1:-10}" "${2:-1}"
