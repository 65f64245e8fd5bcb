#!/bin/bash
# webdav.sh start DIR
# webdav.sh stop DIR
# Apache's WebDAV on 127.0.0.1, as uid 12345. DIR holds store/ (what it serves, kept over stop and start), httpd.conf, error.log, pid, address.
# After the first start its ports stay the same. /refused/ lets nobody in. With DIR/tls/server.pem (certificate and key) and DIR/tls/ca.pem there is
# a second port with TLS, whose /guarded/ wants a client certificate of that CA or the bearer token in DIR/tls/token.
#   start  stdout: "HTTPPORT HTTPSPORT", one line; returns when it listens. Running already: only prints
#   stop   ends the daemon and waits for it; stopping one that does not run succeeds. Stdout: nothing
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

readonly usage="usage: webdav.sh start DIR | stop DIR"
readonly modules=/usr/lib/apache2/modules

write_config() {
    local dir=$1 http=$2 https=$3 name
    {
        for name in mpm_event authz_core authz_host dav dav_fs setenvif; do
            printf 'LoadModule %s_module %s/mod_%s.so\n' "$name" "$modules" "$name"
        done
        cat <<CONF
ServerRoot $dir
ServerName 127.0.0.1
PidFile $dir/run/pid
DefaultRuntimeDir $dir/run
Mutex file:$dir/run default
ErrorLog $dir/error.log
Listen 127.0.0.1:$http
DocumentRoot $dir/store
DavLockDB $dir/run/locks
StartServers 1
<Directory />
    Require all denied
</Directory>
<Directory $dir/store>
    Dav On
    Require all granted
</Directory>
<Location /refused>
    Require all denied
</Location>
CONF
        if [[ -s $dir/tls/server.pem ]]; then
            cat <<CONF
LoadModule ssl_module $modules/mod_ssl.so
Listen 127.0.0.1:$https
<VirtualHost 127.0.0.1:$https>
    SSLEngine on
    SSLCertificateFile $dir/tls/server.pem
    SSLCACertificateFile $dir/tls/ca.pem
    SSLVerifyClient optional
    SSLVerifyDepth 10
    <Location /guarded>
        <RequireAny>
            Require expr "%{SSL_CLIENT_VERIFY} == 'SUCCESS'"
            Require expr "%{HTTP:Authorization} == 'Bearer $(<"$dir/tls/token")'"
        </RequireAny>
    </Location>
</VirtualHost>
CONF
        fi
    } >"$dir/httpd.conf"
}

start() {
    local dir=$1 http https pid deadline=$((SECONDS + 15))
    need_root
    need_command apache2 setpriv
    if daemon_of "$dir" "$dir/httpd.conf" >/dev/null; then
        cat "$dir/address"
        return
    fi
    install -d -o "$testbed_uid" -g "$testbed_uid" "$dir" "$dir/store" "$dir/store/refused" "$dir/store/guarded" "$dir/run"
    [[ -s $dir/address ]] || printf '%s %s\n' "$(free_port)" "$(free_port)" >"$dir/address"
    read -r http https <"$dir/address"
    write_config "$dir" "$http" "$https"
    : >"$dir/error.log"
    chown "$testbed_uid" "$dir/error.log" "$dir/httpd.conf"
    setsid setpriv --reuid "$testbed_uid" --regid "$testbed_uid" --clear-groups \
        apache2 -D FOREGROUND -f "$dir/httpd.conf" </dev/null >"$dir/out" 2>&1 &
    pid=$!
    printf '%s\n' "$pid" >"$dir/pid"
    until listens "$http"; do
        if ((SECONDS >= deadline)) || ! kill -0 "$pid" 2>/dev/null; then
            cat "$dir/out" >&2
            tail -n 5 "$dir/error.log" >&2
            rm -f "$dir/address"
            fail "the WebDAV server of $dir does not listen"
        fi
        sleep 0.1
    done
    note "started the WebDAV server of $dir, pid $pid"
    cat "$dir/address"
}

stop() {
    if stop_daemon "$1" "$1/httpd.conf"; then note "stopped the WebDAV server of $1"; fi
    rm -f "$1/pid"
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
