#!/bin/bash
# condor-jobs.sh POOL HOOKS IMAGE ACCESS-LOG [COUNT]
# Sends jobs through the HTCondor hook of the running pool POOL (condor.sh) and prints what came of it, `NAME VALUE` lines:
#   advertised     the machine's attributes HAS_GRIDWRAP, launchers
#   outputs        how many of COUNT (default 50) jobs with file transfer brought the right output home, and how many ended with 0
#   downloads      blobs that the registry gave out, and how many different ones, as ACCESS-LOG of registry.sh tells
#   exit CODE…     how jobs ended that exit with 7, die of SEGV, name a missing command, name a missing image
#   plain          the output of a job without an image: the host's own
#   removed        seconds from condor_rm to the end of all its processes, and what is left of them
#   memory         status and reason of a job that uses more memory than it asked for
# HOOKS is the hook directory of condor.sh's GRIDWRAP_DIR. Root, as condor.sh.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../common.sh
. "$here/../common.sh"

pool='' template='' image='' log='' count=50

ask() { "$here/condor.sh" ask "$pool" "$@"; }

# submit NAME QUEUE LINE…: the hook's template with the image put in and LINEs behind it; prints the cluster's number.
submit() {
    local name=$1 queue=$2
    shift 2
    {
        sed -e "s|^+GridWrapImage .*|+GridWrapImage = \"$image\"|" -e '/^request_memory/d' -e '/^request_disk/d' -e '/^queue/d' "$template"
        printf '%s\n' 'request_memory = 256' 'request_disk = 10' "log = $name.log" "$@" "queue $queue"
    } >"$pool/work/$name.sub"
    ask condor_submit -terse "$name.sub" | cut -d . -f 1
}

script() {
    local file=$pool/work/$1
    shift
    printf '%s\n' '#!/bin/sh' "$@" >"$file"
    chmod 0755 "$file"
}

wait_for() { ask condor_wait -wait "${2:-120}" "$1.log" >/dev/null || note "the jobs of $1 did not end in time"; }

processes() { pgrep -u "$testbed_uid" -f -- "$1" | wc -l; }

advertised() {
    local deadline=$((SECONDS + 60))
    until [[ $(ask condor_status -af HAS_GRIDWRAP | sort -u) == true ]] || ((SECONDS > deadline)); do sleep 1; done
    printf 'advertised %s %s\n' "$(ask condor_status -af HAS_GRIDWRAP | sort -u)" "$(ask condor_status -af GridWrapLaunchers | sort -u)"
}

many() {
    local right=0 job
    printf 'input\n' >"$pool/work/input.txt"
    # shellcheck disable=SC2016 # the payload's
    script payload.sh 'set -eu' 'cat "$1" >"$2"' 'echo "$TESTBED_IMAGE $FROM_SUBMIT" >>"$2"' 'pwd >>"$2"' 'sleep 1'
    # shellcheck disable=SC2016 # of the submit language
    submit many "$count" 'environment = "FROM_SUBMIT=seen"' 'transfer_output_remaps = "output.txt = out.$(Process).txt"' >/dev/null
    wait_for many 240
    for ((job = 0; job < count; job++)); do
        if [[ $(head -n 2 "$pool/work/out.$job.txt" 2>/dev/null) == $'input\nbusybox seen' ]]; then right=$((right + 1)); fi
    done
    printf 'outputs %d %d\n' "$right" "$(grep -c 'return value 0' "$pool/work/many.log")"
    printf 'downloads %d %d\n' "$(blobs | wc -l)" "$(blobs | sort -u | wc -l)"
}

blobs() { grep -o '"GET /v2/[^ ]*/blobs/[^ ]*' "$log" || true; }

ends() {
    # shellcheck disable=SC2016 # the payload's
    script seven.sh 'exit 7'
    # shellcheck disable=SC2016 # the payload's
    script dies.sh 'kill -SEGV $$'
    submit seven 1 'executable = seven.sh' 'transfer_output_files =' >/dev/null
    submit dies 1 'executable = dies.sh' 'transfer_output_files =' >/dev/null
    submit missing 1 'executable = /nonexistent/command' 'transfer_executable = False' 'transfer_output_files =' >/dev/null
    submit noimage 1 "+GridWrapImage = \"${image%:*}:nosuchtag\"" 'executable = seven.sh' 'transfer_output_files =' >/dev/null
    submit plain 1 '+GridWrapImage = ""' 'executable = /bin/cat' 'arguments = /etc/debian_version' 'transfer_executable = False' 'transfer_output_files =' \
        'output = plain.out' >/dev/null
    wait_for seven; wait_for dies; wait_for missing; wait_for noimage; wait_for plain
    printf 'exit'
    for name in seven dies missing noimage; do printf ' %s' "$(sed -n 's/.*return value \([0-9]*\).*/\1/p' "$pool/work/$name.log" | tail -n 1)"; done
    printf '\nplain %s\n' "$(cat "$pool/work/plain.out")"
}

removed() {
    local cluster began deadline=$((SECONDS + 60))
    script stubborn.sh "trap '' TERM HUP INT" 'setsid sleep 4815.7 &' 'sleep 4815.7' 'sleep 4815.7'
    cluster=$(submit stubborn 1 'executable = stubborn.sh' 'transfer_output_files =')
    until (($(processes 'sleep 4815.7') >= 2)) || ((SECONDS > deadline)); do sleep 0.2; done
    began=$SECONDS deadline=$((SECONDS + 40))
    ask condor_rm "$cluster" >/dev/null
    until (($(processes 'stubborn.sh|sleep 4815.7') == 0)) || ((SECONDS > deadline)); do sleep 0.2; done
    printf 'removed %d %d\n' "$((SECONDS - began))" "$(processes 'stubborn.sh|sleep 4815.7')"
    until [[ -z $(ls -A "$pool/execute") ]] || ((SECONDS > deadline)); do sleep 0.5; done
    printf 'left %d %d\n' "$(find "$pool/execute" -mindepth 1 | wc -l)" "$(find "$pool/cache/scratch" -mindepth 1 2>/dev/null | wc -l)"
}

memory() {
    local cluster deadline=$((SECONDS + 60)) status=''
    script greedy.sh 'exec dd if=/dev/zero of=/dev/null bs=600M count=100000'
    cluster=$(submit greedy 1 'executable = greedy.sh' 'transfer_output_files =')
    until [[ $status == 5 ]] || ((SECONDS > deadline)); do
        sleep 1
        status=$(ask condor_q "$cluster" -af JobStatus)
    done
    printf 'memory %s %s\n' "$status" "$(ask condor_q "$cluster" -af HoldReason)"
    ask condor_rm "$cluster" >/dev/null
    printf 'greedy %d\n' "$(processes 'dd if=/dev/zero of=/dev/null bs=600M')"
}

main() {
    [[ $# -ge 4 ]] || fail "usage: condor-jobs.sh POOL HOOKS IMAGE ACCESS-LOG [COUNT]"
    pool=$(realpath -- "$1") template=$2/htcondor/gridwrap.sub image=$3 log=$4 count=${5:-50}
    advertised
    many
    ends
    removed
    memory
    chown -R "$testbed_uid:$testbed_uid" "$pool/work"
}

main "$@"
