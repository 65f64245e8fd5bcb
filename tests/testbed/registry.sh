#!/bin/bash
# registry.sh start DIR PORT [--auth htpasswd USER PASSWORD | --tls CERTIFICATE KEY]
# registry.sh stop DIR
# A docker-registry (plain http, https with --tls) on 127.0.0.1:PORT; PORT 0 takes a free one. DIR, made when missing, holds config.yml,
# storage/ (kept over stop and start), access.log (one combined-format line per request), registry.log, pid, address.
#   start  stdout: the address, 127.0.0.1:PORT, one line; returns when the registry listens. Running already: only prints
#          the address. It fails when the registry does not listen within 10 s.
#   stop   ends the daemon and waits for it; stopping one that does not run succeeds. Stdout: nothing
# The password stands on this script's command line: for tests only.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

readonly usage="usage: registry.sh start DIR PORT [--auth htpasswd USER PASSWORD | --tls CERTIFICATE KEY] | stop DIR"

# bcrypt, the only hash the registry takes, by crypt(3) through Perl, which every Debian has.
htpasswd_line() {
    # shellcheck disable=SC2016 # Perl's variables
    printf '%s\n' "$2" | perl -e '
        chomp(my $password = <STDIN>);
        open(my $random, "<:raw", "/dev/urandom") or die "urandom: $!";
        read($random, my $bytes, 21) == 21 or die "urandom";
        my @digits = (".", "/", "A" .. "Z", "a" .. "z", 0 .. 9);
        my $salt = join("", map { $digits[$_ & 63] } unpack("C*", $bytes)) . "O";
        my $hash = crypt($password, "\$2y\$05\$$salt");
        die "crypt has no bcrypt" unless defined $hash && length $hash == 60;
        print "$ARGV[0]:$hash\n";
    ' "$1"
}

write_config() {
    local dir=$1 port=$2
    cat >"$dir/config.yml" <<YAML
version: 0.1
log:
  level: info
  formatter: text
storage:
  filesystem:
    rootdirectory: "$dir/storage"
  delete:
    enabled: true
health:
  storagedriver:
    enabled: false
http:
  addr: 127.0.0.1:$port
  secret: testbed
YAML
    rm -f "$dir/htpasswd"
    if [[ ${3-} == --tls ]]; then
        printf '  tls:\n    certificate: "%s"\n    key: "%s"\n' "$4" "$5" >>"$dir/config.yml"
    elif [[ $# -gt 2 ]]; then
        (umask 077; htpasswd_line "$3" "$4" >"$dir/htpasswd")
        printf 'auth:\n  htpasswd:\n    realm: testbed\n    path: "%s"\n' "$dir/htpasswd" >>"$dir/config.yml"
    fi
}

# The registry says on which address it listens once it does.
wait_listening() {
    local dir=$1 pid=$2 deadline=$((SECONDS + 10)) address
    while ((SECONDS < deadline)) && kill -0 "$pid" 2>/dev/null; do
        address=$(sed -n 's/.*msg="listening on \([0-9.:]*\)[",].*/\1/p' "$dir/registry.log" | head -n 1)
        if [[ -n $address ]]; then
            printf '%s\n' "$address" >"$dir/address"
            return
        fi
        sleep 0.05
    done
    tail -n 5 "$dir/registry.log" >&2
    stop "$dir" 2>/dev/null
    fail "the registry of $dir does not listen; its log is $dir/registry.log"
}

start() {
    local dir=$1 port=$2 pid
    need_command docker-registry perl setsid
    if daemon_of "$dir" " serve $dir/config.yml" >/dev/null; then
        note "the registry of $dir runs already"
    else
        write_config "$@"
        : >"$dir/registry.log"
        setsid docker-registry serve "$dir/config.yml" </dev/null >>"$dir/access.log" 2>"$dir/registry.log" 9>&- &
        pid=$!
        printf '%s\n' "$pid" >"$dir/pid"
        wait_listening "$dir" "$pid"
        note "started the registry of $dir, pid $pid"
    fi
    cat "$dir/address"
}

stop() {
    local dir=$1
    if stop_daemon "$dir" " serve $dir/config.yml"; then
        note "stopped the registry of $dir"
    else
        note "no registry of $dir runs"
    fi
    rm -f "$dir/pid" "$dir/address"
}

main() {
    local verb=${1-} dir port=${3-} extra=()
    case $verb in
        start | stop) (($# >= 2)) || fail "$usage" ;;
        *) fail "$usage" ;;
    esac
    dir=$(realpath -m -- "$2")
    if [[ $verb == stop ]]; then
        (($# == 2)) || fail "$usage"
        stop "$dir"
        return
    fi
    [[ $port =~ ^[0-9]{1,5}$ ]] || fail "$usage"
    case $# in
        3) ;;
        6) [[ $4 == --tls ]] || fail "$usage"; extra=("$4" "$(realpath -- "$5")" "$(realpath -- "$6")") ;;
        7) [[ $4 == --auth && $5 == htpasswd && $6 != *:* ]] || fail "$usage"; extra=("$6" "$7") ;;
        *) fail "$usage" ;;
    esac
    install -d "$dir" "$dir/storage"
    exec 9>"$dir/lock"
    flock 9
    start "$dir" "$port" "${extra[@]}"
}

main "$@"
