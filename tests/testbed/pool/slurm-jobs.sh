#!/bin/bash
# slurm-jobs.sh POOL HOOKS GRIDWRAP IMAGE ACCESS-LOG [COUNT]
# Sends jobs through the Slurm hook to the running node POOL (slurm.sh) and prints what came of it, `NAME VALUE` lines:
#   outputs     how many of the COUNT (default 50) tasks of an array printed the right lines, and how many COMPLETED
#   downloads   blobs that the registry gave out, and how many different ones, as ACCESS-LOG of registry.sh tells
#   exit        the exit code of an array task that exits with 7
#   cancelled   seconds from scancel to the end of all its processes, and how many are left
#   timelimit   state and exit code of a task past its limit, the payload's last words
#   timeout     the same of a task that takes no notice of TERM at its limit
#   left        entries of the cache's scratch directory after one more task, and processes
# HOOKS is the pilot-hooks directory, GRIDWRAP the executable; both readable by uid 12345 in the tree. Root, as slurm.sh.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../common.sh
. "$here/../common.sh"

pool='' template='' gridwrap='' image='' log='' count=50

ask() { "$here/slurm.sh" ask "$pool" "$@"; }

# submit OPTION… -- COMMAND…: the hook's template; prints the job's number.
submit() {
    local options=()
    while [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    shift
    ask env GRIDWRAP="$gridwrap" GRIDWRAP_CACHE="$pool/cache" sbatch --parsable --mem=64M "${options[@]}" "$template" "$image" "$@"
}

# wait_for JOB [SECONDS]: until the queue does not know it any more.
wait_for() {
    local deadline=$((SECONDS + ${2:-120}))
    while [[ -n $(ask squeue --noheader --jobs "$1" --states PENDING,RUNNING,COMPLETING 2>/dev/null) ]]; do
        ((SECONDS < deadline)) || { note "job $1 did not end in time"; return; }
        sleep 0.5
    done
}

processes() { pgrep -u "$testbed_uid" -f -- "$1" | wc -l; }

blobs() { grep -o '"GET /v2/[^ ]*/blobs/[^ ]*' "$log" || true; }

# field JOB NAME: of scontrol's account of one job.
field() { ask scontrol show job "$1" 2>/dev/null | grep -o "\\b$2=[^ ]*" | head -n 1 | cut -d = -f 2-; }

array() {
    local job right
    # shellcheck disable=SC2016 # the payload's
    job=$(submit --array="0-$((count - 1))" -- /bin/sh -c 'echo "$TESTBED_IMAGE $SLURM_ARRAY_TASK_ID"')
    wait_for "$job" 240
    right=$(for ((task = 0; task < count; task++)); do grep -lx "busybox $task" "$pool/work/job.$job.$task.out"; done 2>/dev/null | wc -l)
    printf 'outputs %d %d\n' "$right" "$(ask scontrol show job "$job" | grep -c 'JobState=COMPLETED')"
    printf 'downloads %d %d\n' "$(blobs | wc -l)" "$(blobs | sort -u | wc -l)"
    job=$(submit --array=0 -- /bin/sh -c 'exit 7')
    wait_for "$job"
    printf 'exit %s\n' "$(field "$job" ExitCode)"
}

cancelled() {
    local job began deadline=$((SECONDS + 60))
    job=$(submit --array=0 -- /bin/sh -c "trap '' TERM HUP INT; setsid sleep 4815.8 & sleep 4815.8; sleep 4815.8")
    until (($(processes '^sleep 4815.8') >= 2)) || ((SECONDS > deadline)); do sleep 0.2; done
    began=$SECONDS deadline=$((SECONDS + 40))
    ask scancel "$job"
    until (($(processes '4815.8') == 0)) || ((SECONDS > deadline)); do sleep 0.2; done
    printf 'cancelled %d %d\n' "$((SECONDS - began))" "$(processes '4815.8')"
    wait_for "$job"
}

timelimit() {
    local job
    job=$(submit --array=0 --time=0:1 --signal=TERM@58 -- /bin/sh -c "trap 'echo told; exit 9' TERM; echo began; sleep 4815.9 & wait")
    wait_for "$job"
    printf 'timelimit %s %s %s\n' "$(field "$job" JobState)" "$(field "$job" ExitCode)" "$(tr '\n' ' ' <"$pool/work/job.$job.0.out")"
}

# late JOB: what became of the task that was sent first.
late() {
    wait_for "$1" 150
    printf 'timeout %s %s %s\n' "$(field "$1" JobState)" "$(field "$1" ExitCode)" "$(head -n 1 "$pool/work/job.$1.0.out")"
    # gridwrap itself was killed then: KillWait is shorter here than the payload's grace. The next run tidies up after it.
    wait_for "$(submit --array=0 -- /bin/true)"
    printf 'left %d %d\n' "$(find "$pool/cache/scratch" -mindepth 1 2>/dev/null | wc -l)" "$(processes '4815.9|4816.1')"
}

main() {
    [[ $# -ge 5 ]] || fail "usage: slurm-jobs.sh POOL HOOKS GRIDWRAP IMAGE ACCESS-LOG [COUNT]"
    pool=$(realpath -- "$1") template=$2/slurm/gridwrap-array.sbatch gridwrap=$3 image=$4 log=$5 count=${6:-50}
    local deaf
    deaf=$(submit --array=0 --time=1 --signal=CONT@1 -- /bin/sh -c "trap '' TERM; echo began; sleep 4816.1; sleep 4816.1")
    array
    cancelled
    timelimit
    late "$deaf"
}

main "$@"
