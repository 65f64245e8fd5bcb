#!/bin/bash
# bench.sh [exec|launch] [--runs N] [--gridwrap FILE] | bench.sh watch|pull|ranges|predict|scale|serve|serving|lazy|compressed [OPTION…]: times gridwrap beside its peers and prints Markdown tables on stdout.
#   exec   start of /bin/true in a prepared directory: gridwrap, Apptainer, bubblewrap, unshare, and no container at all; then the peak
#          memory of gridwrap and Apptainer while a payload sleeps, and the size of the gridwrap file
#   launch the helper beside bubblewrap, exec beside Apptainer, podman and bubblewrap, sixteen at once: see launch.sh
#   watch  what watching a payload costs: watch.sh
#   pull   an image from nothing to the payload beside podman, Apptainer, skopeo and umoci: pull.sh (minutes, 16 GB)
#   ranges a large layer from a slow and distant registry, in one stream and in ranges: ranges.sh
#   serve  what a payload notices of a served root, beside unpacked layers and a SIF: serve.sh (half an hour, 25 GB)
#   serving  what one call costs on a root served from memory, beside a plain directory: serving.sh (a minute)
#   compressed  what it costs to keep packed layers as the gzip blobs they came in: compressed.sh (a quarter of an hour, 12 GB, after serve)
#   lazy   an image read piece by piece, at several round trips: lazy.sh (ten minutes)
#   predict, scale  how good predictions are; many jobs on one node: predict.sh, scale.sh
# As root everything runs as uid 12345 in the testbed's Debian 13 tree, which has Apptainer (tests/testbed/trixie.sh makes it once);
# as anybody else on this machine with the peers that are installed. The tree is entered once, before any clock starts.
# Commands are timed one after the other in rounds, each round beginning with another one, so that a noisy moment hits all of them; that
# is why hyperfine, which finishes one command before it begins the next, is not used. The shell's own clock is read without starting a process.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

if [[ ${1:-} =~ ^(watch|pull|ranges|predict|scale|serve|serving|lazy|compressed)$ ]]; then
    exec "$here/$1.sh" "${@:2}"
fi

readonly user=12345
runs=30
gridwrap=$here/../../artifacts/linux-x64/gridwrap

note() { printf 'bench.sh: %s\n' "$*" >&2; }

fail() {
    note "$@"
    exit 1
}

# ---- outside: everything that is prepared before a clock starts ----

prepare() {
    local testbed=$here/../testbed
    [[ -x $gridwrap ]] || fail "$gridwrap is not there; run: ./build.sh publish"
    work=$(mktemp -d /var/tmp/gridwrap-bench.XXXXXX)
    trap clean EXIT
    chmod 0755 "$work"
    install -m 0755 "$gridwrap" "$work/gridwrap"
    install -m 0755 "${BASH_SOURCE[0]}" "$work/bench.sh"
    mkdir "$work/home"
    if ((EUID == 0)); then
        "$testbed/image.sh" "$work/image" --owner "$user" >/dev/null
        chown "$user:$user" "$work/home"
    else
        "$testbed/image.sh" "$work/image" >/dev/null
    fi
}

# Only what this script made: nothing is ever mounted below the directory in the host's namespace.
clean() {
    chmod -R u+rwX "$work"
    rm -rf --one-file-system -- "$work"
}

run_inside() {
    local testbed=$here/../testbed inside=("$work/bench.sh" inside "$1" "$runs" "$work")
    if ((EUID != 0)); then
        "${inside[@]}"
    elif "$testbed/trixie.sh" >/dev/null; then
        "$testbed/in-trixie.sh" --user --bind "$work" --cd "$work/home" "${inside[@]}"
    else
        note "the Debian 13 tree could not be made: measuring on this machine, without Apptainer"
        setpriv --reuid "$user" --regid "$user" --clear-groups -- env -i PATH=/usr/bin:/bin HOME="$work/home" "${inside[@]}"
    fi
}

# ---- inside: as the ordinary user ----

# The candidates, in the order of the table: a label and a command of plain words.
declare -a labels=() commands=()

candidate() {
    local label=$1 log
    shift
    log=$work/home/first-run.log
    # Two runs that are not counted warm the caches, and show who can run here at all.
    if "$@" >"$log" 2>&1 && "$@" >"$log" 2>&1; then
        labels+=("$label")
        commands+=("$*")
    else
        note "$label left out, it ended with $?: $(tail -n 1 "$log")"
    fi
}

installed() { command -v "$1" >/dev/null || { note "$1 left out: not installed here"; return 1; }; }

candidates_exec() {
    local rootfs=$1
    candidate gridwrap "$work/gridwrap" exec "$rootfs" -- /bin/true
    [[ ${labels[*]} == gridwrap ]] || fail "gridwrap itself cannot run here"
    if installed apptainer; then candidate "Apptainer $(apptainer version)" apptainer --silent exec "$rootfs" /bin/true; fi
    if installed bwrap; then
        candidate "$(bwrap --version)" bwrap --unshare-user --unshare-pid --unshare-ipc --unshare-uts --bind "$rootfs" / --proc /proc --dev /dev /bin/true
    fi
    if installed unshare; then candidate "unshare + chroot" unshare --map-root-user --mount --pid --fork --root="$rootfs" /bin/true; fi
    candidate "no container" /bin/true
}

# The clock has a decimal comma in some locales.
now() { printf -v "$1" '%s' "${EPOCHREALTIME/[.,]/}"; }

# measure: fills times_0, times_1… (files of microseconds, one a line) with $runs times of each candidate.
measure() {
    local round offset index begin end command count=${#commands[@]}
    for ((round = 0; round < runs; round++)); do
        for ((offset = 0; offset < count; offset++)); do
            index=$(((round + offset) % count))
            read -r -a command <<<"${commands[index]}"
            now begin
            "${command[@]}" >/dev/null 2>&1 || fail "${labels[index]} failed in round $round: ${commands[index]}"
            now end
            printf '%s\n' $((end - begin)) >>"$work/home/times_$index"
        done
    done
}

# statistics FILE: "median min max" in microseconds.
statistics() {
    sort -n "$1" | awk '{ t[NR] = $1 } END { m = NR % 2 ? t[(NR + 1) / 2] : (t[NR / 2] + t[NR / 2 + 1]) / 2; print m, t[1], t[NR] }'
}

print_times() {
    local index median least most reference
    read -r reference _ < <(statistics "$work/home/times_0")
    printf '| %s | median ms | min ms | max ms | ratio to gridwrap |\n|---|---:|---:|---:|---:|\n' "$1"
    for index in "${!labels[@]}"; do
        read -r median least most < <(statistics "$work/home/times_$index")
        awk -v label="${labels[index]}" -v median="$median" -v least="$least" -v most="$most" -v reference="$reference" \
            'BEGIN { printf "| %s | %.1f | %.1f | %.1f | %.2f |\n", label, median / 1000, least / 1000, most / 1000, median / reference }'
    done
}

# peak PID: VmHWM in kB; 0 for a process that is gone.
peak() { awk '$1 == "VmHWM:" { kb = $2 } END { print kb + 0 }' "/proc/$1/status" 2>/dev/null || printf '0\n'; }

# descendants PID: that process and all below it, one a line.
descendants() {
    local child children
    printf '%s\n' "$1"
    read -r -a children < <(cat "/proc/$1/task"/*/children 2>/dev/null | tr '\n' ' ') || true
    for child in "${children[@]}"; do descendants "$child"; done
}

# print_memory LABEL COMMAND…: starts COMMAND, whose payload is /bin/sleep, and adds up the peaks of all processes but the payload.
print_memory() {
    local label=$1 main pid name kb total=0 parts=''
    shift
    "$@" >/dev/null 2>&1 &
    main=$!
    sleep 2
    for pid in $(descendants "$main"); do
        # The payload is the image's sleep; a process without a name is already gone.
        { read -r name <"/proc/$pid/comm"; } 2>/dev/null || name=''
        if [[ -z $name || $name == sleep ]]; then continue; fi
        kb=$(peak "$pid")
        total=$((total + kb))
        parts+="${parts:+, }$name $(megabytes $((kb * 1024)))"
    done
    printf '| %s | %s | %s |\n' "$label" "$(megabytes $((total * 1024)))" "$parts"
    wait "$main" || note "$label: the sleeping payload ended with $?"
}

megabytes() { awk -v bytes="$1" 'BEGIN { printf "%.1f", bytes / 1e6 }'; }

inside_exec() {
    local rootfs=$work/image/rootfs
    candidates_exec "$rootfs"
    measure
    printf '### exec of /bin/true in a prepared directory\n\n%s, %s processors, Linux %s, uid %s, %s runs each, interleaved.\n\n' \
        "$(processor)" "$(nproc)" "$(uname -r)" "$EUID" "$runs"
    print_times command
    printf '\n### Peak memory while the payload sleeps (VmHWM, without the payload)\n\n| wrapper | MB together | MB each |\n|---|---:|---|\n'
    print_memory gridwrap "$work/gridwrap" exec "$rootfs" -- /bin/sleep 4
    if command -v apptainer >/dev/null; then print_memory Apptainer apptainer --silent exec "$rootfs" /bin/sleep 4; fi
    printf '\nSize of the gridwrap file: %s MB.\n' "$(megabytes "$(stat -L -c %s "$work/gridwrap")")"
}

processor() { awk -F ': *' '/^model name/ { print $2; exit }' /proc/cpuinfo; }

# ---- arguments ----

parse() {
    name='exec'
    if (($# > 0)) && [[ $1 != -* ]]; then
        name=$1
        shift
    fi
    while (($# > 0)); do
        (($# >= 2)) || fail "$1 wants a value"
        case $1 in
            --runs) runs=$2 ;;
            --gridwrap) gridwrap=$(realpath -- "$2") ;;
            *) fail "unknown option $1; usage: bench.sh [exec|launch] [--runs N] [--gridwrap FILE]" ;;
        esac
        shift 2
    done
    [[ $name == exec ]] || fail "there is no benchmark '$name'; there are: exec, launch"
    [[ $runs =~ ^[1-9][0-9]*$ ]] || fail "--runs $runs: not a positive number"
}

if [[ ${1-} == launch ]]; then
    shift
    exec "$here/launch.sh" "$@"
elif [[ ${1-} == inside ]]; then
    runs=$3 work=$4
    cd "$work/home"
    "inside_$2"
else
    parse "$@"
    prepare
    run_inside "$name"
fi
