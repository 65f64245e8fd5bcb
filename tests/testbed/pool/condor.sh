#!/bin/bash
# condor.sh start DIR GRIDWRAP_DIR | stop DIR | ask DIR COMMAND [ARG…]
# A personal HTCondor pool of the ordinary user (uid 12345) in the Debian 13 tree, all on loopback: eight slots, the node
# configured by the hook's own 50-gridwrap.conf with GRIDWRAP_DIR (holding gridwrap and pilot-hooks/) in place of /opt/gridwrap.
# DIR, below /tmp, is made when missing and belongs to that user: condor_config, log/, spool/, execute/, pid.
#   start  returns when the machine's ClassAds are there, within 60 s
#   stop   SIGQUIT to the master, by its pid; waits for its end
#   ask    runs a command of HTCondor's against the pool in DIR/work, as that user; stdout, exit code are the command's
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../common.sh
. "$here/../common.sh"

write_config() {
    local dir=$1 hooks=$2
    cat >"$dir/condor_config" <<CONFIG
RELEASE_DIR = /usr
LIB = \$(RELEASE_DIR)/lib/x86_64-linux-gnu/condor
LIBEXEC = /usr/libexec/condor
LOCAL_DIR = $dir
LOG = \$(LOCAL_DIR)/log
SPOOL = \$(LOCAL_DIR)/spool
EXECUTE = \$(LOCAL_DIR)/execute
LOCK = \$(LOCAL_DIR)/lock
RUN = \$(LOCAL_DIR)/run
CONDOR_HOST = 127.0.0.1
NETWORK_INTERFACE = 127.0.0.1
BIND_ALL_INTERFACES = False
USE_SHARED_PORT = False
COLLECTOR_HOST = 127.0.0.1:$(free_port)
DAEMON_LIST = MASTER COLLECTOR NEGOTIATOR SCHEDD STARTD
ALLOW_READ = *
ALLOW_WRITE = *
ALLOW_ADMINISTRATOR = *
ALLOW_DAEMON = *
SEC_DEFAULT_AUTHENTICATION_METHODS = FS, CLAIMTOBE
NEGOTIATOR_INTERVAL = 2
NEGOTIATOR_CYCLE_DELAY = 1
SCHEDD_INTERVAL = 5
UPDATE_INTERVAL = 10
STARTER_UPDATE_INTERVAL = 3
STARTER_INITIAL_UPDATE_INTERVAL = 2
PID_SNAPSHOT_INTERVAL = 2
SHADOW_QUEUE_UPDATE_INTERVAL = 3
PERIODIC_EXPR_INTERVAL = 3
JOB_START_COUNT = 16
JOB_START_DELAY = 0
NUM_CPUS = 8
MEMORY = 8192
NUM_SLOTS = 8
START = True
SUSPEND = False
PREEMPT = False
KILL = False
MachineMaxVacateTime = 10
JOB_DEFAULT_REQUESTMEMORY = 256
use POLICY : HOLD_IF_MEMORY_EXCEEDED
include : $hooks/pilot-hooks/htcondor/50-gridwrap.conf
GRIDWRAP_DIR = $hooks
STARTER_JOB_ENVIRONMENT = "GRIDWRAP=$hooks/gridwrap GRIDWRAP_CACHE=$dir/cache"
STARTD_CRON_GRIDWRAP_ENV = "GRIDWRAP=$hooks/gridwrap GRIDWRAP_CACHE=$dir/cache PATH=/usr/bin:/bin"
CONFIG
}

# running DIR: prints the master's pid while it lives.
running() {
    local pid
    [[ -s $1/pid ]] || return 1
    pid=$(<"$1/pid")
    [[ -d /proc/$pid && $(ps -o sid= -p "$pid" 2>/dev/null) -eq $pid ]] || return 1
    printf '%s\n' "$pid"
}

ask() {
    local dir=$1
    shift
    "$here/../in-trixie.sh" --user --cd "$dir/work" env CONDOR_CONFIG="$dir/condor_config" "$@"
}

start() {
    local dir=$1 hooks=$2 deadline=$((SECONDS + 60))
    need_root
    ! running "$dir" >/dev/null || fail "the pool of $dir runs already"
    mkdir -p "$dir"/{log,spool,execute,lock,run,cache,work}
    write_config "$dir" "$hooks"
    chown -R "$testbed_uid:$testbed_uid" "$dir"
    setsid "$here/../in-trixie.sh" --user env CONDOR_CONFIG="$dir/condor_config" PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        condor_master -f </dev/null >"$dir/master.out" 2>&1 9>&- &
    printf '%s\n' "$!" >"$dir/pid"
    while ((SECONDS < deadline)); do
        running "$dir" >/dev/null || break
        if [[ -n $(ask "$dir" condor_status -af Name 2>/dev/null) ]]; then
            note "the pool of $dir is up after $SECONDS s"
            return
        fi
        sleep 1
    done
    tail -n 15 "$dir"/master.out "$dir"/log/MasterLog >&2 || true
    stop "$dir"
    fail "the pool of $dir does not come up; its logs are in $dir/log"
}

stop() {
    local dir=$1 pid deadline=$((SECONDS + 30))
    if pid=$(running "$dir"); then
        kill -QUIT "$pid"
        while running "$dir" >/dev/null && ((SECONDS < deadline)); do sleep 0.2; done
        if running "$dir" >/dev/null; then
            kill -KILL -- "-$pid"
            note "the master of $dir had to be killed"
        fi
    fi
    rm -f "$dir/pid"
}

main() {
    local verb=${1-} dir
    [[ $# -ge 2 ]] || fail "usage: condor.sh start DIR GRIDWRAP_DIR | stop DIR | ask DIR COMMAND [ARG…]"
    dir=$(realpath -m -- "$2")
    shift 2
    case $verb in
        start) start "$dir" "$(realpath -- "$1")" ;;
        stop) stop "$dir" ;;
        ask) ask "$dir" "$@" ;;
        *) fail "usage: condor.sh start DIR GRIDWRAP_DIR | stop DIR | ask DIR COMMAND [ARG…]" ;;
    esac
}

main "$@"
