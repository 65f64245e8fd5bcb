#!/bin/bash
# condor-jobs.sh POOL HOOKS IMAGE
# Sends single jobs through the HTCondor hook of the running pool POOL (condor.sh) and prints what came of them, `NAME VALUE` lines; many at once: condor-cluster.sh.
#   advertised     the machine's attributes HAS_GRIDWRAP, launchers
#   plain          the output of a job without an image: the host's own
#   removed        processes of two jobs, one that ends when told to and one that ignores that and has left its session, ten seconds after condor_rm
#   left           files in the sandboxes and in the scratch space of runs, then
#   memory         status and reason of a job that uses more memory than it asked for
#   greedy         its processes after that
# HOOKS is the hook directory of condor.sh's GRIDWRAP_DIR. Root, as condor.sh.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../common.sh
. "$here/../common.sh"

pool='' template='' image=''

ask() { "$here/condor.sh" ask "$pool" "$@"; }

# submit NAME LINE…: the hook's template with the image put in and LINEs behind it; prints the cluster's number.
submit() {
    local name=$1
    shift
    {
        sed -e "s|^+GridWrapImage .*|+GridWrapImage = \"$image\"|" -e '/^request_memory/d' -e '/^request_disk/d' -e '/^queue/d' "$template"
        printf '%s\n' 'request_memory = 256' 'request_disk = 10' 'transfer_input_files =' 'transfer_output_files =' "log = $name.log" "$@" queue
    } >"$pool/work/$name.sub"
    ask condor_submit -terse "$name.sub" | cut -d . -f 1
}

script() {
    local file=$pool/work/$1
    shift
    printf '%s\n' '#!/bin/sh' "$@" >"$file"
    chmod 0755 "$file"
}

processes() { pgrep -u "$testbed_uid" -f -- "$1" | wc -l; }

advertised() {
    local deadline=$((SECONDS + 60))
    until [[ $(ask condor_status -af HAS_GRIDWRAP | sort -u) == true ]] || ((SECONDS > deadline)); do sleep 1; done
    printf 'advertised %s %s\n' "$(ask condor_status -af HAS_GRIDWRAP | sort -u)" "$(ask condor_status -af GridWrapLaunchers | sort -u)"
}

plain() {
    submit plain '+GridWrapImage = ""' 'executable = /bin/cat' 'arguments = /etc/debian_version' 'transfer_executable = False' 'output = plain.out' >/dev/null
    ask condor_wait -wait 120 plain.log >/dev/null || note "the job without an image did not end in time"
    printf 'plain %s\n' "$(cat "$pool/work/plain.out")"
}

# The bound is what PanDA's pilot gives a job between TERM and KILL.
removed() {
    local meek stubborn deadline=$((SECONDS + 60)) ours="$pool/execute/|sleep 481[45].7"
    script meek.sh 'sleep 4814.7'
    script stubborn.sh "trap '' TERM HUP INT" 'setsid sleep 4815.7 &' 'sleep 4815.7' 'sleep 4815.7'
    meek=$(submit meek 'executable = meek.sh')
    stubborn=$(submit stubborn 'executable = stubborn.sh')
    until (($(processes 'sleep 4815.7') >= 2 && $(processes 'sleep 4814.7') >= 1)) || ((SECONDS > deadline)); do sleep 0.2; done
    ask condor_rm "$meek" "$stubborn" >/dev/null
    deadline=$((SECONDS + 10))
    until (($(processes "$ours") == 0)) || ((SECONDS > deadline)); do sleep 0.2; done
    printf 'removed %d\n' "$(processes "$ours")"
    until [[ -z $(ls -A "$pool/execute") ]] || ((SECONDS > deadline + 20)); do sleep 0.5; done
    printf 'left %d %d\n' "$(find "$pool/execute" -mindepth 1 | wc -l)" "$(find "$pool/cache/scratch" -mindepth 1 2>/dev/null | wc -l)"
}

memory() {
    local cluster deadline=$((SECONDS + 60)) status=''
    script greedy.sh 'exec dd if=/dev/zero of=/dev/null bs=600M count=100000'
    cluster=$(submit greedy 'executable = greedy.sh')
    until [[ $status == 5 ]] || ((SECONDS > deadline)); do
        sleep 1
        status=$(ask condor_q "$cluster" -af JobStatus)
    done
    printf 'memory %s %s\n' "$status" "$(ask condor_q "$cluster" -af HoldReason)"
    ask condor_rm "$cluster" >/dev/null
    printf 'greedy %d\n' "$(processes 'dd if=/dev/zero of=/dev/null bs=600M')"
}

main() {
    [[ $# -eq 3 ]] || fail "usage: condor-jobs.sh POOL HOOKS IMAGE"
    pool=$(realpath -- "$1") template=$2/htcondor/gridwrap.sub image=$3
    advertised
    plain
    removed
    memory
    chown -R "$testbed_uid:$testbed_uid" "$pool/work"
}

main "$@"
