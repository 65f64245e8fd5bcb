#!/usr/bin/env bash
# soak.sh COUNT [SECONDS] [--parallel N] [--pressure MB]: launches COUNT payloads by the rootless launcher, ends most of them by a signal at a random moment,
# and compares what the machine looked like before and after: processes, mounts, directories of cache, scratch and job, control groups, this script's open files.
# Every exit code is checked, a launch that takes a minute longer than it should is a hang. Stops launching after SECONDS (default: no limit).
#   --parallel N    so many at once (default 1)
#   --pressure MB   all launches share MB of memory with a process that keeps filling and freeing half of it: a version 1 memory group, root only
# IMAGE=DIR names the image (default: the test image, built into a temporary directory), GRIDWRAP_PROGRAM the program, GRIDWRAP_CACHE its cache.
# Stdout: one line with the figures. Exit 1 with what was wrong on stderr.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

count=0 limit=1000000 parallel=1 pressure=0
readonly patience=60
# The word by which what belongs to this run is known again.
readonly mark=gridwrap-soak-$$
readonly memory_groups=/sys/fs/cgroup/memory
readonly group=$memory_groups/$mark
signals=(KILL KILL TERM INT NONE)
declare -A signal_codes=([KILL]=137 [TERM]=143 [INT]=130 [NONE]=7)

parse() {
    local plain=()
    while (($# > 0)); do
        case $1 in
            --parallel) take_value "$1" $#; parallel=$2; shift ;;
            --pressure) take_value "$1" $#; pressure=$2; shift ;;
            *) plain+=("$1") ;;
        esac
        shift
    done
    count=${plain[0]:?usage: soak.sh COUNT [SECONDS] [--parallel N] [--pressure MB]}
    limit=${plain[1]:-$limit}
}

prepare() {
    program=${GRIDWRAP_PROGRAM:-$here/../../artifacts/linux-x64/gridwrap}
    work=$(mktemp -d /tmp/gridwrap-soak.XXXXXX)
    trap clean EXIT
    image=${IMAGE:-$work/image/rootfs}
    as=()
    if ((EUID == 0)); then
        as=(setpriv --reuid "$testbed_uid" --regid "$testbed_uid" --clear-groups --)
        chown "$testbed_uid:$testbed_uid" "$work"
    fi
    chmod 0755 "$work"
    [[ -n ${IMAGE:-} ]] || "$here/image.sh" "$work/image" ${as:+--owner "$testbed_uid"} >/dev/null 2>&1
    if [[ -z ${GRIDWRAP_PROGRAM:-} ]]; then
        # A checkout may lie where the ordinary user cannot go.
        install -m 0755 "$program" "$work/gridwrap"
        program=$work/gridwrap
    fi
    export GRIDWRAP_CACHE=${GRIDWRAP_CACHE:-$work/cache}
    "${as[@]}" mkdir -p "$work/job" "$GRIDWRAP_CACHE"
    mkdir "$work/watch"
}

clean() {
    if [[ -d $group ]]; then rmdir "$group" 2>/dev/null || true; fi
    remove_tree "$work"
}

one_more() { "${as[@]}" "$program" exec --launcher rootless --quiet "$image" -- /bin/true || fail "a launch alone failed with $?"; }

running() { pgrep -f -- "$mark [0-9]" || true; }

# Everything that a launch could leave, one thing a line; what the cache keeps on purpose is there before and after.
picture() {
    sort /proc/self/mountinfo
    find "$GRIDWRAP_CACHE" "$work/job" -printf '%p %y %m\n' | sort
    find /tmp /var/tmp /dev/shm -mindepth 1 -maxdepth 1 -name '*gridwrap*' -user "$testbed_uid" -newer "$work/watch/begin" ! -path "$work" 2>/dev/null | sort
    find /sys/fs/cgroup -type d -name '*gridwrap*' 2>/dev/null | sort
    find /proc/$$/fd -printf '%f\n' | sort
}

# In a shell of its own, so that the number is the launch's; shells start what they put into the background with INT ignored.
launch() {
    exec "${as[@]}" env --default-signal=INT,QUIT "$program" exec --launcher rootless --quiet "$image" -- \
        /bin/sh -c "sleep 0.0$1; (sleep 100; : $mark 1) & setsid sh -c 'sleep 100; : $mark 2' & sleep 0.$1; exit 7" >/dev/null 2>>"$work/watch/errors" </dev/null
}

# worker NUMBER COUNT: launches one after the other; writes a line for each wrong code or hang, and at the end how many it launched.
worker() {
    local launched=0 pid signal code guard fifo=$work/watch/fifo.$1
    mkfifo "$fifo"
    cd "$work/job"
    while ((launched < $2 && SECONDS < limit)); do
        launch $((RANDOM % 10)) &
        pid=$!
        launched=$((launched + 1))
        signal=${signals[RANDOM % 5]} code=0
        (
            read -r -t "$patience" _ <>"$fifo"
            kill -KILL "$pid" && echo "hang: $signal" >>"$work/watch/wrong"
        ) 2>/dev/null &
        guard=$!
        if [[ $signal != NONE ]]; then
            read -r -t "0.$(printf '%03d' $((RANDOM % 600)))" _ <>"$fifo" || true
            kill -"$signal" "$pid" 2>/dev/null || true
        fi
        wait "$pid" 2>/dev/null || code=$?
        kill -KILL "$guard" 2>/dev/null || true
        wait "$guard" 2>/dev/null || true
        # A payload that was done before its signal came says 7.
        [[ $code == 7 || $code == "${signal_codes[$signal]}" ]] || echo "wrong code: $signal gave $code" >>"$work/watch/wrong"
    done
    echo "$launched" >"$work/watch/launched.$1"
}

# Fills and frees memory until it is killed: the launches beside it have to give their pages back all the time.
hog() { while :; do head -c $((pressure * 524288)) /dev/zero | tail -c $((pressure * 524288)) >/dev/null; done; }

run_workers() {
    local number workers=() hog_pid=''
    if ((pressure > 0)); then
        mkdir "$group" || fail "no memory control group could be made below $memory_groups"
        echo $((pressure * 1048576)) >"$group/memory.limit_in_bytes"
        echo "$BASHPID" >"$group/cgroup.procs"
        hog &
        hog_pid=$!
    fi
    for ((number = 0; number < parallel; number++)); do
        worker "$number" $(((count + parallel - 1 - number) / parallel)) &
        workers+=("$!")
    done
    wait "${workers[@]}"
    if [[ -n $hog_pid ]]; then
        kill -KILL "$hog_pid" $(pgrep -P "$hog_pid") 2>/dev/null || true
    fi
}

main() {
    local before after wrong launched begin _
    parse "$@"
    prepare
    one_more
    touch "$work/watch/begin"
    before=$(picture)
    begin=$SECONDS
    (run_workers)
    for _ in {1..100}; do
        [[ -n $(running) || ( -d $group && -s $group/cgroup.procs ) ]] || break
        sleep 0.05
    done
    [[ -z $(running) ]] || fail "left running: $(running | tr '\n' ' ')"
    if [[ -d $group ]]; then
        [[ -z $(cat "$group/cgroup.procs") ]] || fail "left in the memory group: $(tr '\n' ' ' <"$group/cgroup.procs")"
        rmdir "$group"
    fi
    launched=$(($(cat "$work"/watch/launched.* | paste -sd+)))
    seconds=$((SECONDS - begin))
    one_more
    after=$(picture)
    [[ $before == "$after" ]] || fail "not as before: $(diff <(echo "$before") <(echo "$after") | tr '\n' ';')"
    wrong=$(cat "$work/watch/wrong" 2>/dev/null || true)
    [[ -z $wrong ]] || fail "$(sort <<<"$wrong" | uniq -c | tr '\n' ';') on stderr: $(sort "$work/watch/errors" | uniq -c | sort -rn | head -n 3 | tr '\n' ';')"
    printf '%d launches in %d s: 0 hangs, 0 wrong codes, 0 leaks\n' "$launched" "$seconds"
}

main "$@"
