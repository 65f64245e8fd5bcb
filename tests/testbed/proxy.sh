#!/bin/bash
# proxy.sh PROGRAM LAYOUT TAG: gridwrap behind real proxies (tinyproxy), with a docker-registry over http and over TLS (root).
# Everything runs in a network and process namespace of its own: 10.9.9.1 is an address there that is not loopback, so that proxies are used for it, and nothing outside is reached.
# Stdout, one line a case: NAME EXIT REQUESTS LAST, where REQUESTS is how many the proxy saw and LAST the last line of stderr ("-" for none). Exit 1 when the servers do not start.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

readonly address=10.9.9.1 password=proxy-secret

registry() {
    local name=$1 port=$2 tls=${3-}
    printf 'version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: %s/storage\nhttp:\n  addr: %s:%s\n%s' "$dir" "$address" "$port" "$tls" >"$dir/$name.yml"
    docker-registry serve "$dir/$name.yml" >"$dir/$name.log" 2>&1 &
}

proxy() {
    local name=$1 port=$2
    shift 2
    printf '%s\n' "Port $port" "Listen $address" "Timeout 30" "MaxClients 50" "LogFile \"$dir/$name.log\"" "LogLevel Connect" "PidFile \"$dir/$name.pid\"" "ConnectPort 5443" "$@" >"$dir/$name.conf"
    : >"$dir/$name.log"
    tinyproxy -d -c "$dir/$name.conf" >/dev/null 2>&1 &
}

await_port() {
    local deadline=$((SECONDS + 10))
    until listens "$1" "$address"; do
        ((SECONDS < deadline)) || fail "nothing listens on port $1"
        sleep 0.1
    done
}

requests() { cat "$dir/open.log" "$dir/guarded.log" | grep -cE 'Request .*(GET|CONNECT)' || true; }

# run_case NAME PORT [VARIABLE=VALUE…]: pulls the image as an ordinary user into an empty cache.
run_case() {
    local name=$1 port=$2 before code=0
    shift 2
    before=$(requests)
    install -d -m 0700 -o "$testbed_uid" -g "$testbed_uid" "$dir/$name"
    (cd "$dir/$name" && setpriv --reuid "$testbed_uid" --regid "$testbed_uid" --clear-groups -- env -i PATH=/usr/bin:/bin "TMPDIR=$dir/$name" "SSL_CERT_FILE=$dir/ca.pem" "GRIDWRAP_CACHE=$dir/$name/cache" "$@" \
        "$program" pull --site "$dir/profile.json" "$address:$port/t/i:1" >"$dir/$name.out" 2>"$dir/$name.err") || code=$?
    printf '%s %s %s %s\n' "$name" "$code" "$(($(requests) - before))" "$(tail -n 1 "$dir/$name.err" | grep . || echo -)"
}

inside() {
    program=$1 layout=$2 tag=$3 dir=$4
    ip link set lo up
    ip address add "$address/32" dev lo
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$address" -addext "subjectAltName=IP:$address" -keyout "$dir/tls.key" -out "$dir/ca.pem" 2>/dev/null
    registry plain 5000
    registry tls 5443 "  tls:
    certificate: $dir/ca.pem
    key: $dir/tls.key
"
    proxy open 8888
    proxy guarded 8889 "BasicAuth site $password"
    for port in 5000 5443 8888 8889; do await_port "$port"; done
    skopeo copy --quiet --dest-tls-verify=false "oci:$layout:$tag" "docker://$address:5000/t/i:1"
    printf '{ "name": "p", "registries": { "plainHttp": ["%s:5000", "%s:5001"], "stallSeconds": 5 } }\n' "$address" "$address" >"$dir/profile.json"
    chmod 0644 "$dir/ca.pem" "$dir/profile.json"

    run_case direct 5000
    run_case http 5000 "http_proxy=http://$address:8888"
    run_case http-upper-case 5000 "HTTP_PROXY=http://$address:8888"
    run_case https 5443 "https_proxy=http://$address:8888"
    run_case all 5443 "ALL_PROXY=http://$address:8888"
    run_case no-proxy 5000 "http_proxy=http://$address:8888" "no_proxy=example.org,$address"
    run_case no-proxy-tls 5443 "HTTPS_PROXY=http://$address:8888" "NO_PROXY=$address"
    run_case no-proxy-network 5000 "http_proxy=http://$address:8888" "NO_PROXY=${address%.*}.0/24"
    run_case password 5000 "http_proxy=http://site:$password@$address:8889"
    run_case password-tls 5443 "https_proxy=http://site:$password@$address:8889"
    run_case no-password 5000 "http_proxy=http://$address:8889"
    run_case no-password-tls 5443 "https_proxy=http://$address:8889"
    run_case wrong-password-tls 5443 "https_proxy=http://site:not-$password@$address:8889"
    run_case down 5000 "http_proxy=http://$address:9"
    run_case down-tls 5443 "https_proxy=http://site:$password@$address:9"
    run_case upstream-down 5001 "http_proxy=http://$address:8888"
}

main() {
    if [[ ${1-} == --inside ]]; then
        shift
        inside "$@"
        return
    fi
    (($# == 3)) || fail "usage: proxy.sh PROGRAM LAYOUT TAG"
    need_root
    need_command docker-registry tinyproxy skopeo openssl ip unshare setpriv
    dir=$(mktemp -d /tmp/gridwrap-proxy.XXXXXX)
    chmod 0755 "$dir"
    trap 'remove_tree "$dir"' EXIT
    unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc -- "$here/proxy.sh" --inside "$(realpath "$1")" "$(realpath "$2")" "$3" "$dir"
}

main "$@"
