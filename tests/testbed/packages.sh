#!/bin/bash
# packages.sh build|fuzz|test: installs the Debian packages that are missing (bookworm, root).
#   build  what publishing needs: a C compiler with musl for gridwrap-init; also checks for the .NET SDK,
#          which Debian does not package: without it the script fails and says where to get it
#   fuzz   build, and what fuzz-plan.sh and valgrind.sh use when it is there
#   test   build, and what the system tests and benchmarks start or compare with
# Stdout: the packages installed by this call, one a line (nothing when all were there). Exit 1 with one line on stderr
# when something cannot be had. No service is started by an installation.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

readonly sdk_major=10
build_packages=(gcc musl-tools)
fuzz_packages=("${build_packages[@]}" clang-14 libclang-rt-14-dev valgrind)
test_packages=(
    "${build_packages[@]}" apache2-bin busybox-static curl debootstrap debian-archive-keyring docker-registry
    cpio fuse-overlayfs fuse3 hyperfine iproute2 procps python3 qemu-system-x86 skopeo squashfs-tools squashfuse strace time tinyproxy uidmap umoci xrootd-client
    xrootd-server xrootd-server-plugins xz-utils zstd
)

installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# A policy-rc.d that denies everything keeps the packages' services from starting; one that exists is left alone.
deny_services() {
    local policy=/usr/sbin/policy-rc.d
    [[ ! -e $policy ]] || return 0
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 0755 "$policy"
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
}

apt() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"; }

# The lists of a fresh machine may be absent or too old for what the mirror holds: one update, then a second try.
install_packages() {
    local log
    log=$(mktemp)
    if ! apt install --no-install-recommends --yes "$@" >"$log" 2>&1; then
        apt update >"$log" 2>&1 || { cat "$log" >&2; rm -f "$log"; fail "apt-get update failed"; }
        apt install --no-install-recommends --yes "$@" >"$log" 2>&1 \
            || { cat "$log" >&2; rm -f "$log"; fail "apt-get install failed: $*"; }
    fi
    rm -f "$log"
}

need_sdk() {
    if command -v dotnet >/dev/null && dotnet --list-sdks 2>/dev/null | grep -q "^$sdk_major\."; then return 0; fi
    fail "the .NET $sdk_major SDK is missing and Debian has no package of it; install it from" \
        "https://dotnet.microsoft.com/download/dotnet/$sdk_major.0 and put dotnet on PATH"
}

main() {
    local wanted=() missing=() package
    case ${1-} in
        build) wanted=("${build_packages[@]}") ;;
        fuzz) wanted=("${fuzz_packages[@]}") ;;
        test) wanted=("${test_packages[@]}") ;;
        *) fail "usage: packages.sh build|fuzz|test" ;;
    esac
    need_sdk
    for package in "${wanted[@]}"; do installed "$package" || missing+=("$package"); done
    if ((${#missing[@]} == 0)); then
        note "all ${#wanted[@]} packages of '$1' are there"
        return
    fi
    need_root
    deny_services
    install_packages "${missing[@]}"
    printf '%s\n' "${missing[@]}"
    note "installed ${#missing[@]} of the ${#wanted[@]} packages of '$1'"
}

main "$@"
