#!/bin/bash
# xrootd.sh start DIR [--no-checksums]
# xrootd.sh stop DIR
# An XRootD server with its HTTP door on 127.0.0.1, as uid 12345. DIR, made when missing, holds store/ (what it exports as /, kept over stop and
# start), xrootd.cfg, log, pid, address. After the first start its ports stay the same. With DIR/tls/server.pem (certificate and key) and
# DIR/tls/ca.pem it takes roots:// as well as root://.
#   start  stdout: "ROOTPORT HTTPPORT", one line; returns when both listen. --no-checksums: it computes none. Running already: only prints
#   stop   ends the daemon and waits for it; stopping one that does not run succeeds. Stdout: nothing
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

readonly usage="usage: xrootd.sh start DIR [--no-checksums] | stop DIR"

write_config() {
    cat >"$1/xrootd.cfg" <<CFG
all.export /
oss.localroot $1/store
xrd.port $2
xrd.protocol XrdHttp:$3 libXrdHttp.so
xrd.network nodnr
all.adminpath $1/run
all.pidpath $1/run
http.listingdeny no
$4
CFG
    if [[ -s $1/tls/server.pem ]]; then
        printf '%s\n' "xrd.tls $1/tls/server.pem" "xrd.tlsca certfile $1/tls/ca.pem" "xrootd.tls capable all" >>"$1/xrootd.cfg"
        chown "$testbed_uid" "$1/tls/server.pem"
        chmod 0600 "$1/tls/server.pem"
    fi
}

start() {
    local dir=$1 checksums="xrootd.chksum max 4 adler32 md5" root http pid deadline=$((SECONDS + 15))
    [[ ${2-} != --no-checksums ]] || checksums=""
    need_root
    need_command xrootd xrdcp setpriv
    if daemon_of "$dir" "$dir/xrootd.cfg" >/dev/null; then
        cat "$dir/address"
        return
    fi
    install -d -o "$testbed_uid" -g "$testbed_uid" "$dir" "$dir/store" "$dir/run"
    [[ -s $dir/address ]] || printf '%s %s\n' "$(free_port)" "$(free_port)" >"$dir/address"
    read -r root http <"$dir/address"
    write_config "$dir" "$root" "$http" "$checksums"
    setsid setpriv --reuid "$testbed_uid" --regid "$testbed_uid" --clear-groups env HOME="$dir/run" \
        xrootd -c "$dir/xrootd.cfg" -l "$dir/run/log" </dev/null >"$dir/out" 2>&1 &
    pid=$!
    printf '%s\n' "$pid" >"$dir/pid"
    until listens "$root" && listens "$http"; do
        if ((SECONDS >= deadline)) || ! kill -0 "$pid" 2>/dev/null; then
            tail -n 5 "$dir/run/log" >&2 || true
            rm -f "$dir/address"
            fail "the XRootD server of $dir does not listen"
        fi
        sleep 0.1
    done
    note "started the XRootD server of $dir, pid $pid"
    cat "$dir/address"
}

stop() {
    if stop_daemon "$1" "$1/xrootd.cfg"; then note "stopped the XRootD server of $1"; fi
    rm -f "$1/pid"
}

main() {
    (($# >= 2)) || fail "$usage"
    case $1 in
        start) start "$(realpath -m -- "$2")" "${3-}" ;;
        stop) stop "$(realpath -m -- "$2")" ;;
        *) fail "$usage" ;;
    esac
}

main "$@"
