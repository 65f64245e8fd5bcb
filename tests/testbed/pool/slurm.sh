#!/bin/bash
# slurm.sh start DIR | stop DIR | ask DIR COMMAND [ARG…]
# One node of Slurm (munged, slurmctld, slurmd) as the ordinary user (uid 12345) in the Debian 13 tree, all on loopback, eight processors.
# DIR, below /tmp, is made when missing and belongs to that user: slurm.conf, key and socket of munge, logs, work/, and a
# pid file for each daemon.
#   start  returns when the node is idle, within 60 s
#   stop   TERM to each daemon, by its pid; waits for their end
#   ask    runs a command of Slurm's in DIR/work, as that user; stdout, exit code are the command's
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../common.sh
. "$here/../common.sh"

readonly daemons=(slurmd slurmctld munged)

write_config() {
    local dir=$1 port=$((20000 + RANDOM % 20000))
    head -c 1024 /dev/urandom >"$dir/munge.key"
    chmod 0600 "$dir/munge.key"
    printf 'CgroupPlugin=disabled\n' >"$dir/cgroup.conf"
    cat >"$dir/slurm.conf" <<CONFIG
ClusterName=testbed
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmUser=$testbed_user
SlurmdUser=$testbed_user
SlurmctldPort=$port
SlurmdPort=$((port + 1))
AuthType=auth/munge
AuthInfo=socket=$dir/munge.socket
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.own
SlurmdPidFile=$dir/slurmd.own
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,batch_sched_delay=0
MpiDefault=none
ReturnToService=2
KillWait=5
SlurmdParameters=config_overrides
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=8 RealMemory=16000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONFIG
}

# running DIR DAEMON: prints its pid while it lives.
running() {
    local pid
    [[ -s $1/$2.pid ]] || return 1
    pid=$(<"$1/$2.pid")
    [[ -d /proc/$pid && $(ps -o sid= -p "$pid" 2>/dev/null) -eq $pid ]] || return 1
    printf '%s\n' "$pid"
}

# The socket directory of munge is named in the configuration, but its tools and plugins look into the library's default first.
ask() {
    local dir=$1
    shift
    "$here/../in-trixie.sh" --user --cd "$dir/work" env SLURM_CONF="$dir/slurm.conf" MUNGE_SOCKET="$dir/munge.socket" "$@"
}

daemon() {
    local dir=$1 name=$2
    shift 2
    setsid "$here/../in-trixie.sh" --user --cd "$dir/work" env SLURM_CONF="$dir/slurm.conf" "$@" </dev/null >"$dir/$name.out" 2>&1 9>&- &
    printf '%s\n' "$!" >"$dir/$name.pid"
}

start() {
    local dir=$1 deadline=$((SECONDS + 60))
    need_root
    ! running "$dir" slurmctld >/dev/null || fail "the daemons of $dir run already"
    mkdir -p "$dir"/{state,spool,work,cache}
    write_config "$dir"
    chown -R "$testbed_uid:$testbed_uid" "$dir"
    daemon "$dir" munged munged --foreground --force --key-file="$dir/munge.key" --socket="$dir/munge.socket" \
        --pid-file="$dir/munged.own" --log-file="$dir/munged.log" --seed-file="$dir/munge.seed"
    while [[ ! -S $dir/munge.socket ]] && ((SECONDS < deadline)); do sleep 0.2; done
    daemon "$dir" slurmctld slurmctld -D -i
    daemon "$dir" slurmd slurmd -D
    while ((SECONDS < deadline)); do
        if [[ $(ask "$dir" sinfo --noheader --format %T 2>/dev/null) == idle ]]; then
            note "the node of $dir is up after $SECONDS s"
            return
        fi
        sleep 0.5
    done
    tail -n 6 "$dir"/*.out "$dir"/*.log >&2 || true
    stop "$dir"
    fail "the node of $dir does not come up; its logs are in $dir"
}

stop() {
    local dir=$1 name pid deadline=$((SECONDS + 20))
    for name in "${daemons[@]}"; do
        if pid=$(running "$dir" "$name"); then
            kill -TERM "$pid"
            while running "$dir" "$name" >/dev/null && ((SECONDS < deadline)); do sleep 0.2; done
            if running "$dir" "$name" >/dev/null; then
                kill -KILL -- "-$pid"
                note "$name of $dir had to be killed"
            fi
        fi
        rm -f "$dir/$name.pid"
    done
}

main() {
    local verb=${1-} dir
    [[ $# -ge 2 ]] || fail "usage: slurm.sh start DIR | stop DIR | ask DIR COMMAND [ARG…]"
    dir=$(realpath -m -- "$2")
    shift 2
    case $verb in
        start) start "$dir" ;;
        stop) stop "$dir" ;;
        ask) ask "$dir" "$@" ;;
        *) fail "usage: slurm.sh start DIR | stop DIR | ask DIR COMMAND [ARG…]" ;;
    esac
}

main "$@"
