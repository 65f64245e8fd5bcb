#!/bin/bash
# serve-payload.sh [WORK…], inside the image: times what jobs do with their software (all of it where none is named), each twice and then sixteen times at once, twice. A line for each: "WORK PASS MICROSECONDS".
# The second pass of what takes a moment only is the mean of twenty, of sixteen at once the mean of five.
cd /tmp || exit 1
stat_all() { /busybox find / -xdev -size +0; }

imports() { python3.11 -c 'import asyncio, ctypes, curses, decimal, email.mime.text, http.server, json, logging.config, multiprocessing, pydoc, sqlite3, tarfile, tomllib, unittest.mock, urllib.request, wsgiref.simple_server, xml.dom.minidom, xmlrpc.server, zipfile' || exit 1; }

compiles() { printf '#include <stdio.h>\n#include <stdlib.h>\nint main(void) { return puts("x") < 0; }\n' | x86_64-linux-gnu-gcc-12 -x c -o "a.$BASHPID" - || exit 1; }

reads_all() { /busybox find /usr -xdev -type f -print0 | xargs -0 sha256sum; }

reads_some() { /busybox find /usr/share/doc /usr/share/man /usr/include -xdev -type f -print0 | xargs -0 /busybox cat; }

sixteen() {
    local pids=()
    for _ in $(seq 16); do
        "$1" &
        pids+=($!)
    done
    wait "${pids[@]}"
}

clock() {
    local name=$1 times pass began run
    shift
    for pass in 1 2; do
        case $pass$name in
            2python | 2compile) times=20 ;;
            2python-16 | 2compile-16) times=5 ;;
            *) times=1 ;;
        esac
        began=${EPOCHREALTIME/./}
        for ((run = 0; run < times; run++)); do
            "$@" >/dev/null 2>errors || { printf '%s failed: %s\n' "$name" "$(head -c 300 errors)" >&2; exit 1; }
        done
        printf '%s %s %s\n' "$name" "$pass" "$(((${EPOCHREALTIME/./} - began) / times))"
    done
}

(($# > 0)) || set -- find python compile sha256 find-16 python-16 compile-16 read-16
for work in "$@"; do
    case $work in
        find) clock find stat_all ;;
        python) clock python imports ;;
        compile) clock compile compiles ;;
        sha256) clock sha256 reads_all ;;
        find-16) clock find-16 sixteen stat_all ;;
        python-16) clock python-16 sixteen imports ;;
        compile-16) clock compile-16 sixteen compiles ;;
        read-16) clock read-16 sixteen reads_some ;;
    esac
done
