# shellcheck shell=bash
# shellcheck disable=SC2034 # the constants are for the scripts that source this file
# Sourced by the testbed scripts. Answers go to stdout; note and fail write one line to stderr.

readonly testbed_user=testbed
readonly testbed_uid=12345
testbed_base=${GRIDWRAP_TESTBED:-/var/tmp/gridwrap-testbed}

note() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

fail() {
    note "$@"
    exit 1
}

need_root() { ((EUID == 0)) || fail "must run as root (this is uid $EUID); try: sudo $0"; }

# need_command COMMAND…: every one on PATH, or one line that says which script brings it.
need_command() {
    local command
    for command; do
        command -v "$command" >/dev/null || fail "$command is missing; run: $(dirname "$0")/packages.sh test"
    done
}

# take_value OPTION COUNT: an option that wants a value must be followed by one.
take_value() { (($2 >= 2)) || fail "$1 wants a value"; }

# mounts_under DIR: the mount points at or below DIR in this mount namespace, one a line.
mounts_under() {
    local dir point
    dir=$(realpath -m -- "$1")
    while read -r _ _ _ _ point _; do
        point=$(printf '%b' "$point")
        if [[ $point == "$dir" || $point == "$dir"/* ]]; then printf '%s\n' "$point"; fi
    done </proc/self/mountinfo
}

# remove_tree DIR: rm -rf that refuses to run while anything is mounted at or below DIR.
remove_tree() {
    local mounted
    [[ -e $1 ]] || return 0
    mounted=$(mounts_under "$1")
    [[ -z $mounted ]] || fail "not removing $1: ${mounted%%$'\n'*} is a mount point; umount it first"
    # An ordinary user cannot empty a directory without write permission; root can.
    ((EUID == 0)) || find "$1" -xdev -type d ! -perm -u=rwx -exec chmod u+rwx {} \;
    rm -rf --one-file-system -- "$1"
}

# Daemons of one directory DIR each: DIR/pid holds the process's number.

# daemon_of DIR WORDS: prints that number when the process is the one, not a later one with its number: WORDS stand on its command line.
daemon_of() {
    local pid words
    [[ -s $1/pid ]] || return 1
    pid=$(<"$1/pid")
    mapfile -d '' words 2>/dev/null <"/proc/$pid/cmdline" || return 1
    [[ ${words[*]} == *"$2"* ]] || return 1
    printf '%s\n' "$pid"
}

# stop_daemon DIR WORDS: TERM, after five seconds KILL, and waits for its end. Fails when none runs.
stop_daemon() {
    local pid deadline=$((SECONDS + 5))
    pid=$(daemon_of "$1" "$2") || return 1
    kill -TERM "$pid"
    while daemon_of "$1" "$2" >/dev/null && ((SECONDS < deadline)); do sleep 0.05; done
    if daemon_of "$1" "$2" >/dev/null; then kill -KILL "$pid"; fi
    while daemon_of "$1" "$2" >/dev/null; do sleep 0.05; done
}

# listens PORT [ADDRESS]
listens() { (exec 3<>"/dev/tcp/${2:-127.0.0.1}/$1") 2>/dev/null; }

# free_port: a port of the loopback that nobody listens on, below those that the kernel gives out.
free_port() {
    local port
    while port=$((20000 + RANDOM % 12000)) && listens "$port"; do :; done
    printf '%s\n' "$port"
}
