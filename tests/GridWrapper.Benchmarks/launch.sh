#!/bin/bash
# launch.sh [--runs N] [--gridwrap FILE]: the rootless launcher beside its peers, Markdown tables on stdout. `./build.sh bench launch` calls it.
#   1. the helper alone beside bubblewrap with the same mounts: from the spawn to the payload's first instruction
#   2. gridwrap exec … /bin/true beside Apptainer, podman and bubblewrap: one after the other, in rounds
#   3. sixteen of them at once
# Needs root and the Debian 13 tree (tests/testbed/trixie.sh makes it); everything runs there as uid 12345 without subordinate ids.
# The helper and its plan are those of a real launch: they are taken from what gridwrap writes when it starts one.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly testbed=$here/../testbed user=12345 at_once=16
runs=30
gridwrap=$here/../../artifacts/linux-x64/gridwrap

fail() {
    printf 'launch.sh: %s\n' "$*" >&2
    exit 1
}

# ---- outside ----

prepare() {
    ((EUID == 0)) || fail "must run as root: it enters the Debian 13 tree"
    [[ -x $gridwrap ]] || fail "$gridwrap is not there; run: ./build.sh publish"
    "$testbed/trixie.sh" >/dev/null
    work=$(mktemp -d /var/tmp/gridwrap-bench.XXXXXX)
    trap clean EXIT
    chmod 0755 "$work"
    mkdir -p "$work"/{home,job,podman/run,podman/tmp}
    install -m 0755 "$gridwrap" "$work/gridwrap"
    install -m 0755 "${BASH_SOURCE[0]}" "$work/launch.sh"
    "$testbed/image.sh" "$work/image" --owner "$user" >/dev/null 2>&1
    musl-gcc -std=c11 -Wall -Wextra -Os -static -o "$work/spawn-times" "$here/spawn-times.c"
    install -m 0755 -o "$user" "$work/spawn-times" "$work/image/rootfs/bin/first"
    # podman and Apptainer make what they need in the tree that they are given.
    cp -a "$work/image/rootfs" "$work/image-podman"
    chown -R "$user:$user" "$work"/{home,job,podman}
}

clean() {
    chmod -R u+rwX "$work"
    rm -rf --one-file-system -- "$work"
}

as_user() { setpriv --reuid "$user" --regid "$user" --clear-groups -- env -i PATH=/usr/bin:/bin GRIDWRAP_CACHE="$work/home/cache" "$@"; }

# written MAGIC FILE: the bytes that gridwrap wrote in one call which begin so.
written() {
    local escaped
    escaped=$(grep -m 1 -oE "\"$1(\\\\x[0-9a-f]{2})*\"" "$work/trace" | tr -d '"') || fail "gridwrap wrote no $2"
    printf '%b' "$escaped" >"$work/$2"
}

capture() {
    cd "$work/job"
    strace -f -xx -s 1000000 -e trace=write -o "$work/trace" setpriv --reuid "$user" --regid "$user" --clear-groups -- env -i PATH=/usr/bin:/bin GRIDWRAP_CACHE="$work/home/cache" \
        "$work/gridwrap" exec --quiet --launcher rootless "$work/image/rootfs" -- /bin/first >/dev/null
    written '\\x47\\x57\\x49\\x50' plan
    written '\\x7f\\x45\\x4c\\x46' helper
    chmod 0755 "$work/helper"
    # The caller whose death ends it is not the one of then: 0 is nobody.
    printf '\0\0\0\0' | dd of="$work/plan" bs=1 seek=16 conv=notrunc status=none
    scratch=$(grep -aoE "$work/home/cache/scratch/[A-Za-z0-9_-]+" "$work/plan" | head -n 1)
    [[ -n $scratch ]] || fail 'the plan names no scratch directory'
    printf '%s\n' "$scratch" >"$work/scratch"
    rm "$work/trace"
}

# ---- inside the tree, as the ordinary user ----

declare -a labels=() commands=()

candidates() {
    local rootfs=$work/image/rootfs podman="env XDG_RUNTIME_DIR=$work/podman/run XDG_DATA_HOME=$work/podman/data XDG_CONFIG_HOME=$work/podman/config TMPDIR=$work/podman/tmp PODMAN_IGNORE_CGROUPSV1_WARNING=1 podman"
    labels=(gridwrap "Apptainer $(apptainer version)" "$(podman --version)" "$(bwrap --version)")
    commands=(
        "$work/gridwrap exec --quiet $rootfs -- /bin/true"
        "apptainer --silent exec $rootfs /bin/true"
        "$podman --log-level=fatal run --rm --network=host --cgroups=disabled --userns=keep-id --read-only --volume $work/job:$work/job --workdir $work/job --rootfs $work/image-podman /bin/true"
        "bwrap ${bwrap_mounts[*]} /bin/true"
    )
    podman_stop=$podman
}

# The mounts of the plan in bubblewrap's words.
set_bwrap_mounts() {
    mkdir -p "$work/home/scratch"
    printf 'uid%s:x:%s:%s::%s:/bin/sh\n' "$user" "$user" "$user" "$work/job" >"$work/home/passwd"
    bwrap_mounts=(--unshare-user --unshare-pid --unshare-ipc --unshare-uts --new-session --die-with-parent --overlay-src "$work/image/rootfs" --tmp-overlay / --proc /proc
        --ro-bind /sys /sys --dev /dev --bind "$work/home/scratch" /tmp --bind "$work/home/scratch" /var/tmp --bind "$work/job" "$work/job" --ro-bind "$work/home/passwd" /etc/passwd
        --ro-bind "$work/home/passwd" /etc/group --ro-bind /etc/resolv.conf /etc/resolv.conf --ro-bind /etc/hosts /etc/hosts --ro-bind-try /etc/localtime /etc/localtime --remount-ro /
        --chdir "$work/job")
}

now() { printf -v "$1" '%s' "${EPOCHREALTIME/[.,]/}"; }

# Rounds that begin with another one each time, so that a noisy moment hits all.
in_rounds() {
    local function=$1 rounds=$2 round offset index begin end command count=${#commands[@]}
    for ((round = 0; round < rounds; round++)); do
        for ((offset = 0; offset < count; offset++)); do
            index=$(((round + offset) % count))
            read -r -a command <<<"${commands[index]}"
            now begin
            "$function" "$index" "${command[@]}"
            now end
            printf '%s\n' $((end - begin)) >>"$work/home/$function.$index"
        done
    done
}

one() {
    shift
    "$@" >/dev/null 2>&1 || fail "failed: $*"
}

sixteen() {
    local index=$1 number pids=() pid
    shift
    for ((number = 0; number < at_once; number++)); do
        "$@" >/dev/null 2>&1 &
        pids+=("$!")
    done
    for pid in "${pids[@]}"; do wait "$pid" || printf 'failed\n' >>"$work/home/failed.$index"; done
}

median() { sort -n | awk '{ t[NR] = $1 } END { print NR % 2 ? t[(NR + 1) / 2] : (t[NR / 2] + t[NR / 2 + 1]) / 2 }'; }

least() { sort -n | head -n 1; }

print_table() {
    local function=$1 index value least first first_least failures
    first=$(median <"$work/home/$function.0")
    first_least=$(least <"$work/home/$function.0")
    printf '\n| %s | median ms | gridwrap takes of it | least ms | gridwrap takes of it | failed |\n|---|---:|---:|---:|---:|---:|\n' "$2"
    for index in "${!labels[@]}"; do
        value=$(median <"$work/home/$function.$index")
        least=$(least <"$work/home/$function.$index")
        failures=0
        if [[ $function == sixteen && -f $work/home/failed.$index ]]; then failures=$(wc -l <"$work/home/failed.$index"); fi
        awk -v label="${labels[index]}" -v value="$value" -v first="$first" -v least="$least" -v first_least="$first_least" -v failures="$failures" \
            'BEGIN { printf "| %s | %.1f | %.2f | %.1f | %.2f | %d |\n", label, value / 1000, first / value, least / 1000, first_least / least, failures }'
    done
}

print_spawns() {
    local column who values
    declare -A found=()
    for who in helper other; do
        for column in 2 3; do found[$who$column]=$(awk -v who="$who" -v column="$column" '$1 == who { print $column }' "$work/home/spawns" | median); done
    done
    printf '\n| spawn of | to the first instruction of the payload, median µs | to the end, median µs |\n|---|---:|---:|\n'
    printf '| gridwrap-init, plan of a real launch | %s | %s |\n| %s, the same mounts | %s | %s |\n' "${found[helper2]}" "${found[helper3]}" "$(bwrap --version)" "${found[other2]}" "${found[other3]}"
    awk -v a="${found[helper2]}" -v b="${found[other2]}" -v c="${found[helper3]}" -v d="${found[other3]}" 'BEGIN { printf "| ratio | %.2f | %.2f |\n", a / b, c / d }'
}

inside() {
    local label
    work=$1 runs=$2
    declare -a bwrap_mounts
    set_bwrap_mounts
    candidates
    cd "$work/job"
    "$work/spawn-times" $((runs * 5)) "$work/helper" "$work/plan" "$(cat "$work/scratch")" -- bwrap "${bwrap_mounts[@]}" /bin/first >"$work/home/spawns"
    in_rounds one 2
    rm -f "$work/home/one".*
    in_rounds one "$runs"
    in_rounds sixteen $(((runs + 5) / 6))
    $podman_stop system migrate >/dev/null 2>&1 || true
    printf '%s, %s processors, Linux %s, uid %s, %s runs each, interleaved; %s spawns of each helper.\n' "$(awk -F ': *' '/^model name/ { print $2; exit }' /proc/cpuinfo)" "$(nproc)" "$(uname -r)" "$EUID" "$runs" $((runs * 5))
    print_spawns
    print_table one '/bin/true in a prepared directory'
    print_table sixteen "$at_once at once, until the last has ended"
}

main() {
    while (($# > 0)); do
        (($# >= 2)) || fail "$1 wants a value"
        case $1 in
            --runs) runs=$2 ;;
            --gridwrap) gridwrap=$(realpath -- "$2") ;;
            *) fail "unknown option $1; usage: launch.sh [--runs N] [--gridwrap FILE]" ;;
        esac
        shift 2
    done
    prepare
    capture
    "$testbed/in-trixie.sh" --user --cgroup2 --bind "$work" --cd "$work/job" env GRIDWRAP_CACHE="$work/home/cache" bash "$work/launch.sh" inside "$work" "$runs"
}

if [[ ${1-} == inside ]]; then
    inside "$2" "$3"
else
    main "$@"
fi
