#!/bin/bash
# gpu-node.sh [--stub] GRIDWRAP
# Proves on a node with an NVIDIA GPU that the file GRIDWRAP gives it to payloads whose image holds no driver: nvidia-smi,
# and a program that copies memory to the card and back through libcuda.so.1 (gpu-check.c; needs cc). The image is a
# directory made of this node's C library and shell, so nothing is fetched. Runs as the caller; no root, no network.
#   --stub   on a node without a GPU: a private /dev with plain files for device nodes and a library that only plays the
#            card (gpu-stub.c), so that everything but the card itself is tried; root only, payloads run as uid 12345
# Stdout: a line "PASS what" or "FAIL what: why" for each check. Exit 0 when all passed, 1 when one failed, 77 when there
# is no GPU here, 64 for wrong usage.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

stub=no inside=no gridwrap='' work='' failures=0 as=()

usage() { printf 'usage: gpu-node.sh [--stub] GRIDWRAP\n' >&2; exit 64; }

parse() {
    while (($# > 0)); do
        case $1 in
            --stub) stub=yes ;;
            --inside) inside=yes ;;
            -*) usage ;;
            *) [[ -z $gridwrap ]] || usage; gridwrap=$1 ;;
        esac
        shift
    done
    [[ -f $gridwrap && -x $gridwrap ]] || usage
    gridwrap=$(realpath -- "$gridwrap")
}

# A directory with what dynamic programs need, from this node; the caller's libraries of the driver are not among it.
make_image() {
    local program library
    mkdir -p "$work/image"/{bin,dev,etc,proc,sys,tmp,usr/bin,usr/lib64,lib64}
    for program in sh cat ls; do
        cp -L "$(command -v "$program")" "$work/image/bin/$program"
    done
    for library in $(ldd /bin/sh /bin/ls /bin/cat | grep -o '/[^ )]*' | grep -v ':$' | sort -u) $(standard_libraries); do
        mkdir -p "$work/image$(dirname "$library")"
        cp -L "$library" "$work/image$library"
    done
}

# What the driver's libraries need of the C library besides libc itself; newer versions are stubs, older ones are not.
standard_libraries() {
    local directory name
    directory=$(dirname "$(ldd /bin/sh | grep -o '/[^ ]*libc\.so\.6' | head -n 1)")
    for name in libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1; do
        [[ ! -e $directory/$name ]] || printf '%s\n' "$directory/$name"
    done
}

run() { "${as[@]}" env -i PATH=/usr/bin:/bin HOME="$work/job" GRIDWRAP_CACHE="$work/cache" ${CUDA_VISIBLE_DEVICES+CUDA_VISIBLE_DEVICES="$CUDA_VISIBLE_DEVICES"} "$gridwrap" "$@"; }

# check WHAT PATTERN COMMAND…: the command must end with 0 and print a line that matches.
check() {
    local what=$1 pattern=$2 output
    shift 2
    if output=$(cd "$work/job" && run "$@" 2>&1) && grep -qE -- "$pattern" <<<"$output"; then
        printf 'PASS %s: %s\n' "$what" "$(grep -E -m 1 -- "$pattern" <<<"$output")"
    else
        printf 'FAIL %s: %s\n' "$what" "$(tail -n 3 <<<"$output" | tr '\n' ' ')"
        failures=$((failures + 1))
    fi
}

checks() {
    check 'probe finds the GPU' 'nvidia: ' probe
    check 'device nodes inside' 'nvidiactl' exec --gpu on "$work/image" -- /bin/ls /dev
    check 'no device nodes when they are off' '^none$' exec --gpu off "$work/image" -- /bin/sh -c '[ -e /dev/nvidiactl ] || echo none'
    check 'nvidia-smi' 'GPU|stub' exec --gpu on "$work/image" -- nvidia-smi -L
    if "${CC:-cc}" -O1 -o "$work/image/bin/gpu-check" "$here/gpu-check.c" -ldl 2>"$work/cc.log"; then
        check 'memory to the card and back' '^gpu-check: [1-9]' exec --gpu on "$work/image" -- /bin/gpu-check
        check 'the image keeps its search path first' '^/image/lib:.*/run/gridwrap/nv' exec --gpu on --env LD_LIBRARY_PATH=/image/lib "$work/image" -- /bin/sh -c "echo \$LD_LIBRARY_PATH"
    else
        printf 'FAIL memory to the card and back: no working C compiler here (%s)\n' "$(head -n 1 "$work/cc.log")"
        failures=$((failures + 1))
    fi
}

# With --stub everything lies on a file system of this namespace, which takes it along when it ends.
# shellcheck disable=SC2317 # called by the trap
clean() {
    if [[ $stub == yes ]]; then
        umount -lR "$work"
        rmdir "$work"
    else
        rm -rf --one-file-system -- "$work"
    fi
}

# A private /dev and a place of the driver's libraries, in this mount namespace only.
make_stub() {
    local node
    mount -t tmpfs -o mode=0755 tmpfs "$work" || exit 1
    mkdir -p "$work/dev" "$work/driver/lib64" "$work/driver/bin"
    "${CC:-cc}" -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$work/driver/lib64/libcuda.so.1" "$here/gpu-stub.c" || exit 1
    printf '#!/bin/sh\necho stub\n' >"$work/driver/bin/nvidia-smi"
    chmod 0755 "$work/driver/bin/nvidia-smi"
    for node in null zero full random urandom tty; do
        : >"$work/dev/$node"
        mount --bind "/dev/$node" "$work/dev/$node" || exit 1
    done
    mkdir -p "$work/dev/pts" "$work/dev/shm"
    : >"$work/dev/nvidiactl"
    : >"$work/dev/nvidia0"
    ln -s /proc/self/fd "$work/dev/fd"
    mount --rbind "$work/dev" /dev || exit 1
    mount -t tmpfs tmpfs /usr/local || exit 1
    mkdir /usr/local/nvidia
    mount --rbind "$work/driver" /usr/local/nvidia || exit 1
}

main() {
    parse "$@"
    if [[ $stub == yes && $inside == no ]]; then
        [[ $(id -u) == 0 ]] || { printf 'gpu-node.sh: --stub needs root\n' >&2; exit 64; }
        exec unshare -m --propagation private -- "$BASH" "${BASH_SOURCE[0]}" --inside "$@"
    fi
    work=$(mktemp -d "${TMPDIR:-/tmp}/gridwrap-gpu.XXXXXX") || exit 1
    trap clean EXIT
    if [[ $stub == yes ]]; then
        make_stub
        as=(setpriv --reuid 12345 --regid 12345 --clear-groups --)
    elif [[ ! -e /dev/nvidiactl ]]; then
        printf 'gpu-node.sh: no NVIDIA GPU here (/dev/nvidiactl is not there)\n' >&2
        exit 77
    fi
    chmod 0755 "$work"
    mkdir -p "$work/job" "$work/cache"
    make_image
    [[ $stub == no ]] || chown 12345:12345 "$work/job" "$work/cache"
    chmod 0700 "$work/cache"
    checks
    exit $((failures > 0))
}

main "$@"
