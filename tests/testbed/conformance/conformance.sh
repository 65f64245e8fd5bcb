#!/bin/bash
# conformance.sh [--runtimes "NAME…"] [--gridwrap FILE] [--answers DIR] [--check]: the same questions to every runtime, one Markdown document on stdout.
#   runtimes   rootless apptainer-launcher apptainer podman bwrap (default: all): gridwrap's two launchers, and plain Apptainer, podman and bubblewrap
#   --check    no document: one line per red cell of a gridwrap launcher that reasons.txt does not explain, and per reason that is no longer needed; exit 1 if there is one
# Needs root and the Debian 13 tree (trixie.sh makes it): there everything runs as uid 12345 with one supplementary group. A runtime takes 30 to 60 s.
#   --answers DIR   asks nobody: the document from answers that an earlier call kept
# KEEP=DIR keeps the answers, and what each runtime said on stderr, in DIR.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../common.sh
. "$here/../common.sh"

readonly shared_group=23456
runtimes='rootless apptainer-launcher apptainer podman bwrap' gridwrap=$here/../../../artifacts/linux-x64/gridwrap check=no work='' answers=''

parse() {
    while (($# > 0)); do
        case $1 in
            --runtimes) take_value "$1" $#; runtimes=$2; shift ;;
            --gridwrap) take_value "$1" $#; gridwrap=$2; shift ;;
            --answers) take_value "$1" $#; answers=$(realpath -- "$2"); shift ;;
            --check) check=yes ;;
            *) fail "usage: conformance.sh [--runtimes \"NAME…\"] [--gridwrap FILE] [--answers DIR] [--check]" ;;
        esac
        shift
    done
    [[ -n $answers || -x $gridwrap ]] || fail "$gridwrap is not there; run: ./build.sh publish"
}

give() { chown -R "$testbed_uid:$testbed_uid" "$@"; }

prepare() {
    local runtime
    work=$(mktemp -d /var/tmp/gridwrap-conformance.XXXXXX)
    trap clean EXIT
    chmod 0755 "$work"
    mkdir -p "$work"/{scripts,home,job,results,source/below,below,rw,outside,cvmfs/repository,podman/run,podman/tmp}
    install -m 0644 "$here"/*.sh "$work/scripts/"
    install -m 0755 "$gridwrap" "$work/gridwrap"
    install -m 0755 /bin/busybox "$work/busybox"
    musl-gcc -std=c11 -Wall -Wextra -Os -static -o "$work/probe" "$here/probe.c"
    "$here/../image.sh" "$work/of-image" --owner "$testbed_uid" >/dev/null 2>&1 || fail "the test image could not be made"
    # A copy for each: some make mount points in what they are given.
    for runtime in image $runtimes; do
        [[ $runtime == image ]] || runtime=image-$runtime
        cp -a "$work/of-image/rootfs" "$work/$runtime"
        install -m 0755 "$work/probe" "$work/$runtime/bin/probe"
        ln -s "../../../../..$work/outside" "$work/$runtime/escape"
        chown -h "$testbed_uid:$testbed_uid" "$work/$runtime/bin/probe" "$work/$runtime/escape"
    done
    printf 'content\n' | tee "$work/source/file" >"$work/below/is-mounted"
    printf 'secret\n' | tee "$work/home/secret" >"$work/secret-file"
    give "$work"/{home,job,results,source,below,rw,outside,podman}
    printf 'shared\n' >"$work/job/of-group"
    chown "root:$shared_group" "$work/job/of-group"
    chmod 0640 "$work/job/of-group"
    head -c 5000000 /dev/urandom >"$work/every-byte"
    cat /proc/1/comm >"$work/job/init-of-host"
    uname -n >"$work/job/name-of-host"
}

clean() {
    if [[ -n ${KEEP:-} ]]; then
        mkdir -p "$KEEP"
        cp -r "$work/results/." "$KEEP/"
    fi
    remove_tree "$work"
}

# As the ordinary user in the tree, with a session keyring that holds a key, and with variables that must not get into a container.
ask_runtime() {
    # shellcheck disable=SC2016 # expanded inside
    "$here/../in-trixie.sh" --cgroup2 --bind "$work" --cd "$work/job" /bin/bash -c '
        mount --bind "$1/below" "$1/source/below"
        cat /etc/resolv.conf >"$1/job/resolv.conf-of-host" 2>/dev/null
        for fd in /proc/self/fd/*; do
            [ "${fd##*/}" -le 2 ] || eval "exec ${fd##*/}>&-"
        done 2>/dev/null
        exec setpriv --reuid "$2" --regid "$2" --groups "$2,$3" -- env -i PATH=/usr/bin:/bin HOME="$1/home" USER=testbed LOGNAME=testbed LANG=C.UTF-8 TERM=xterm \
            HOST_SECRET=1 LD_LIBRARY_PATH=/nonexistent GRIDWRAP_CACHE="$1/home/cache" "$1/probe" with-key timeout 300 /bin/bash "$1/scripts/inside.sh" "$4" "$1"
    ' bash "$work" "$testbed_uid" "$shared_group" "$1" || note "$1 could not be asked: $(tail -n 1 "$work/results/$1.log" 2>/dev/null)"
}

# ---- the table ----

declare -a ids=()
declare -A texts=() wanted=() headings=()

group() { heading=$1; }
within() { apart "$@"; }
apart() {
    ids+=("$1")
    texts[$1]=$2
    wanted[$1]=$3
    if [[ -n $heading ]]; then headings[$1]=$heading; fi
    heading=''
}

# answer RUNTIME ID: what it answered; a runtime that could not be asked has no answers.
answer() { awk -F '\t' -v id="$2" '$1 == id { print $2 }' "$work/results/$1"; }

# reason RUNTIME ID: why a red cell is as it must be, from reasons.txt.
reason() { awk -v runtime="$1" -v id="$2" '$1 == runtime && $2 == id { $1 = $2 = ""; sub(/^ */, ""); print }' "$here/reasons.txt"; }

# shellcheck disable=SC2053 # the right side is a pattern on purpose
is_green() { [[ $(answer "$1" "$2") == ${wanted[$2]} ]]; }

asked() { [[ -s $work/results/$1 ]]; }

# Text that a table can hold.
cell() { sed 's#/var/tmp/gridwrap-conformance\.[A-Za-z0-9]*#DIR#g' <<<"$1" | head -c 60 | tr '\n' ' ' | sed 's/[|*<>_`]/\\&/g; s/ *$//; s/^$/nothing/'; }

print_cell() {
    if ! asked "$1"; then
        printf ' – |'
    elif is_green "$1" "$2"; then
        printf ' ✔ |'
    else
        printf ' ✘ %s |' "$(cell "$(answer "$1" "$2")")"
    fi
}

print_table() {
    local id runtime green columns=''
    printf '| behaviour | wanted |'
    for runtime in $runtimes; do
        printf ' %s |' "$runtime"
        columns+='---|'
    done
    printf '\n|---|---|%s\n' "$columns"
    for id in "${ids[@]}"; do
        if [[ -n ${headings[$id]-} ]]; then printf '| **%s** | |%s\n' "${headings[$id]}" "${columns//---/ }"; fi
        printf '| %s | %s |' "$(cell_text "${texts[$id]}")" "$(cell "${wanted[$id]}")"
        for runtime in $runtimes; do print_cell "$runtime" "$id"; done
        printf '\n'
    done
    printf '| **green of %s** | |' "${#ids[@]}"
    for runtime in $runtimes; do
        green=0
        for id in "${ids[@]}"; do if is_green "$runtime" "$id"; then green=$((green + 1)); fi; done
        printf ' %s |' "$green"
    done
    printf '\n'
}

cell_text() { sed 's/|/\\|/g' <<<"$1"; }

print_reasons() {
    local runtime id why
    printf '\n## Red cells of gridwrap, and why\n\n'
    for runtime in rootless apptainer-launcher; do
        for id in "${ids[@]}"; do
            why=$(reason "$runtime" "$id")
            if [[ -n $why ]]; then printf -- '- **%s, %s**: %s\n' "$runtime" "${texts[$id]}" "$why"; fi
        done
    done
}

print_document() {
    local runtime
    cat "$here/introduction.md"
    printf '\n## The table\n\nLinux %s, %s processors.\n\n' "$(uname -r)" "$(nproc)"
    for runtime in $runtimes; do printf -- '- %s: %s\n' "$runtime" "$(xargs <"$work/results/$runtime.version" 2>/dev/null || echo 'not here')"; done
    printf '\n'
    print_table
    print_reasons
}

# Both lists must agree: a red cell without a reason, and a reason without a red cell, are faults of this project.
print_faults() {
    local runtime id why faults=0
    for runtime in $runtimes; do
        [[ $runtime == rootless || $runtime == apptainer-launcher ]] || continue
        asked "$runtime" || { printf '%s could not be asked: %s\n' "$runtime" "$(tail -n 1 "$work/results/$runtime.log")"; faults=1; }
        for id in "${ids[@]}"; do
            why=$(reason "$runtime" "$id")
            if is_green "$runtime" "$id"; then
                [[ -z $why ]] || { printf '%s %s is green, but reasons.txt explains why it is red\n' "$runtime" "$id"; faults=1; }
            elif [[ -z $why ]]; then
                printf '%s %s (%s): wanted %s, found %s\n' "$runtime" "$id" "${texts[$id]}" "${wanted[$id]}" "$(answer "$runtime" "$id")"
                faults=1
            fi
        done
    done
    return "$faults"
}

main() {
    parse "$@"
    heading=''
    # shellcheck source=behaviours.sh
    . "$here/behaviours.sh"
    if [[ -n $answers ]]; then
        work=$(mktemp -d /var/tmp/gridwrap-conformance.XXXXXX)
        trap clean EXIT
        cp -r "$answers" "$work/results"
    else
        ask_all
    fi
    if [[ $check == yes ]]; then print_faults; else print_document; fi
}

ask_all() {
    local runtime begin
    need_root
    need_command musl-gcc umoci skopeo
    "$here/../trixie.sh" >/dev/null
    prepare
    for runtime in $runtimes; do
        begin=$SECONDS
        ask_runtime "$runtime"
        note "$runtime: $(wc -l <"$work/results/$runtime") of ${#ids[@]} answers in $((SECONDS - begin)) s"
    done
}

main "$@"
