#!/bin/bash
# xrootd-cluster.sh start DIR
# xrootd-cluster.sh stop DIR
# An XRootD redirector and one data server behind it on 127.0.0.1, each with its cmsd, as uid 12345. DIR, made when missing, holds store/ (what the
# data server exports as /, kept over stop and start), manager.cfg, server.cfg, a directory for each daemon with its log and pid, address.
#   start  stdout: the redirector's port; returns when it knows the data server. Running already: only prints
#   stop   ends the daemons and waits for them; stopping what does not run succeeds. Stdout: nothing
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

readonly usage="usage: xrootd-cluster.sh start DIR | stop DIR"
readonly daemons="manager-cmsd manager-xrootd server-cmsd server-xrootd"

# words DIR DAEMON: what stands on its command line.
words() { printf '%s -c %s/%s.cfg' "${2#*-}" "$1" "${2%-*}"; }

# write_config DIR ROLE CMSPORT PORT MANAGERPORT LINE…
write_config() {
    local dir=$1 role=$2
    cat >"$dir/$role.cfg" <<CFG
all.role $role
all.manager 127.0.0.1:$5
all.export /
xrd.network nodnr
if exec cmsd
xrd.port $3
else
xrd.port $4
fi
all.adminpath $dir/$role
all.pidpath $dir/$role
CFG
    shift 5
    printf '%s\n' "$@" >>"$dir/$role.cfg"
}

start() {
    local dir=$1 daemon manager port deadline=$((SECONDS + 40))
    need_root
    need_command xrootd cmsd xrdfs setpriv
    if daemon_of "$dir/manager-xrootd" "$(words "$dir" manager-xrootd)" >/dev/null; then
        cat "$dir/address"
        return
    fi
    install -d -o "$testbed_uid" -g "$testbed_uid" "$dir" "$dir/store" "$dir/manager" "$dir/server"
    manager=$(free_port) port=$(free_port)
    write_config "$dir" manager "$manager" "$port" "$manager" 'cms.delay startup 1 servers 1 lookup 1' 'cms.allow host *'
    write_config "$dir" server "$(free_port)" "$(free_port)" "$manager" "oss.localroot $dir/store" 'xrootd.chksum max 4 adler32 md5' 'cms.space 1m 1m'
    printf '%s\n' "$port" >"$dir/address"
    for daemon in $daemons; do
        install -d -o "$testbed_uid" -g "$testbed_uid" "$dir/$daemon"
        # shellcheck disable=SC2046 # program and options
        setsid setpriv --reuid "$testbed_uid" --regid "$testbed_uid" --clear-groups env HOME="$dir/$daemon" \
            $(words "$dir" "$daemon") -l "$dir/$daemon/log" </dev/null >"$dir/$daemon/out" 2>&1 &
        printf '%s\n' "$!" >"$dir/$daemon/pid"
    done
    until timeout 10 xrdfs "root://127.0.0.1:$port" locate -m '*' >/dev/null 2>&1; do
        if ((SECONDS >= deadline)); then
            for daemon in $daemons; do tail -n 3 "$dir/$daemon/log" >&2 || true; done
            stop "$dir"
            fail "the redirector of $dir does not find its data server"
        fi
        sleep 0.5
    done
    note "started the redirector of $dir"
    cat "$dir/address"
}

stop() {
    local daemon
    for daemon in $daemons; do
        if stop_daemon "$1/$daemon" "$(words "$1" "$daemon")"; then note "stopped $daemon of $1"; fi
        rm -f "$1/$daemon/pid"
    done
}

main() {
    (($# == 2)) || fail "$usage"
    case $1 in
        start) start "$(realpath -m -- "$2")" ;;
        stop) stop "$(realpath -m -- "$2")" ;;
        *) fail "$usage" ;;
    esac
}

main "$@"
