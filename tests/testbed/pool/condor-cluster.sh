#!/bin/bash
# condor-cluster.sh POOL HOOKS IMAGE REGISTRY [COUNT]
# One cluster of COUNT jobs (default 200) through the HTCondor hook of the running pool POOL (condor.sh), every tenth made to fail, in ten ways in turn. IMAGE is
# docker://ADDRESS/NAME:gzip of image.sh in the registry of directory REGISTRY (registry.sh) that nobody else asks. Root, as condor.sh. Prints `NAME VALUE` lines:
#   WAY N WHAT         how many jobs of that way came to the end WHAT, a line for each end that there was; the way of those that are to succeed is good
#   outputs N          jobs that are to succeed that brought the right output home
#   partial N          jobs that failed in their payload, or before it, and whose sandbox came home
#   downloads N M      requests for the image's layers, and for how many different ones
#   left P M F         processes of the jobs, mounts below POOL, files in the sandboxes and in what the cache makes room for runs in
# WHAT is `exit CODE starts N`, as the pool's history has it, or `held CODE`, then what gridwrap's last line on the job's stderr says: BLAME STEP pilot=CODE, or `-`.
# The ways: code (the payload exits with 7), signal (dies of SEGV), command (names no program), tag (an image that
# is not there), denied (one that the site's profile forbids), platform (one for other processors), corrupt (a layer that the registry's disk spoiled), cache (a
# cache that the account may not write: the node's fault, so the job is started a second time), output (leaves out a file), duration (longer than allowed).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../common.sh
. "$here/../common.sh"

readonly ways=(code signal command tag denied platform corrupt cache output duration)
pool='' template='' image='' registry='' count=200 cluster=''

ask() { "$here/condor.sh" ask "$pool" "$@"; }

script() {
    local file=$pool/work/$1
    shift
    printf '%s\n' "$@" >"$file"
    chmod 0755 "$file"
}

# way NUMBER: what the job of that number is to come to.
way() {
    if (($1 % 10 == 7)); then printf '%s\n' "${ways[$1 / 10 % ${#ways[@]}]}"; else printf 'good\n'; fi
}

write_payloads() {
    printf 'input\n' >"$pool/work/input.txt"
    # shellcheck disable=SC2016 # the payload's
    script good.sh '#!/bin/sh' 'set -eu' 'cat "$1" >"$2"' 'echo "$TESTBED_IMAGE $FROM_SUBMIT" >>"$2"' 'pwd >>"$2"'
    # shellcheck disable=SC2016 # the payload's
    script code.sh '#!/bin/sh' 'echo partial >"$2"' 'exit 7'
    # shellcheck disable=SC2016 # the payload's
    script signal.sh '#!/bin/sh' 'echo partial >"$2"' 'kill -SEGV $$'
    script output.sh '#!/bin/sh' 'echo forgotten >other.txt'
    script duration.sh '#!/bin/sh' 'sleep 4816.3'
    printf '{ "name": "strict", "images": { "allow": ["registry.example.org/**"] } }\n' >"$pool/work/strict.json"
}

# manifest TAG: of the image, from its registry.
manifest() {
    local name=${image#docker://*/}
    curl -sf -H 'Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json' "http://$(<"$registry/address")/v2/${name%:*}/manifests/$1"
}

# A few bytes of the zstd image's last layer, on the registry's disk.
spoil() {
    local file
    file=$(find "$registry/storage" -path "*/$(manifest zstd | jq -r '.layers[-1].digest[7:]')/data")
    printf 'spoilt' | dd of="$file" bs=1 seek=$(($(stat -c %s "$file") / 2)) conv=notrunc status=none
}

# One line a job: executable, is it sent along, image, profile, cache, seconds allowed, files wanted back.
write_items() {
    local job name payload sent reference site cache seconds back arm64
    arm64=${image%:*}@$(manifest platforms | jq -r '.manifests[] | select(.platform.architecture == "arm64").digest')
    for ((job = 0; job < count; job++)); do
        payload=good.sh sent=True reference=$image site=default cache=$pool/cache seconds=600 back=output.txt
        name=$(way "$job")
        case $name in
            code | signal | output) payload=$name.sh ;;
            command) payload=/nonexistent/command sent=False back=input.txt ;;
            tag) reference=${image%:*}:nosuchtag back=input.txt ;;
            denied) site=$pool/work/strict.json back=input.txt ;;
            platform) reference=$arm64 back=input.txt ;;
            corrupt) reference=${image%:*}:zstd cache=$pool/cache-corrupt back=input.txt ;;
            cache) cache=$pool/cache-of-root back=input.txt ;;
            duration) payload=$name.sh seconds=8 back=input.txt ;;
        esac
        printf '%s, %s, %s, %s, %s, %s, %s\n' "$payload" "$sent" "$reference" "$site" "$cache" "$seconds" "$back"
    done >"$pool/work/items.txt"
}

# The hook's template, with what differs from job to job put in.
write_submit() {
    {
        sed -e '/^+GridWrapImage/d' -e '/^request_memory/d' -e '/^request_disk/d' -e '/^on_exit_remove/d' -e '/^queue/d' "$template"
        # shellcheck disable=SC2016 # of the submit language
        printf '%s\n' '+GridWrapImage = "$(gw_image)"' 'executable = $(gw_payload)' 'transfer_executable = $(gw_sent)' 'transfer_output_files = $(gw_back)' \
            'transfer_output_remaps = "output.txt = back.$(Process).txt; input.txt = same.$(Process).txt"' 'environment = "FROM_SUBMIT=seen GRIDWRAP_SITE=$(gw_site) GRIDWRAP_CACHE=$(gw_cache)"' \
            'allowed_job_duration = $(gw_seconds)' 'request_memory = 256' 'request_disk = 10' 'log = cluster.log' 'error = error.$(Process)' \
            'on_exit_remove = (ExitCode =!= 75) || (NumJobStarts >= 2)' \
            'queue gw_payload, gw_sent, gw_image, gw_site, gw_cache, gw_seconds, gw_back from items.txt'
    } >"$pool/work/cluster.sub"
}

# Until every job has ended for good or is held.
run() {
    local deadline=$((SECONDS + 400))
    cluster=$(ask condor_submit -terse cluster.sub | cut -d . -f 1)
    until (($(grep -cE '^(005|012) ' "$pool/work/cluster.log" || true) >= count)); do
        if ((SECONDS > deadline)); then
            note "not all jobs ended: $(ask condor_q "$cluster" -af ProcId JobStatus HoldReason | head -n 5)"
            break
        fi
        sleep 1
    done
}

# class NUMBER: blame, step and pilot's code, of the last line that the job's stderr has.
class() {
    local text
    text=$(tail -n 1 "$pool/work/error.$1" 2>/dev/null | sed -n 's/^gridwrap: \([a-z]*\): .*\[step=\([a-z-]*\).*pilot=\([0-9]*\)\]$/\1 \2 pilot=\3/p')
    printf '%s\n' "${text:--}"
}

# Lines "NUMBER WHAT", from the history what has ended, from the queue what is held.
ends() {
    local number rest
    {
        ask condor_history "$cluster" -limit "$count" -af ProcId '"exit"' ExitCode '"starts"' NumJobStarts
        ask condor_q "$cluster" -af ProcId '"held"' HoldReasonCode
    } | while read -r number rest; do printf '%d %s %s %s\n' "$number" "$(way "$number")" "$rest" "$(class "$number")"; done
}

report() {
    local job home right=0 partial=0
    for ((job = 0; job < count; job++)); do
        home=$(cat "$pool/work/back.$job.txt" "$pool/work/same.$job.txt" 2>/dev/null | head -n 2 || true)
        case $(way "$job"):$home in
            good:input$'\n'busybox\ seen) right=$((right + 1)) ;;
            code:partial | signal:partial | *:input) partial=$((partial + 1)) ;;
        esac
    done
    ends | cut -d ' ' -f 2- | sort | uniq -c | while read -r number name what; do printf '%s %d %s\n' "$name" "$number" "$what"; done
    printf 'outputs %d\n' "$right"
    printf 'partial %d\n' "$partial"
    printf 'downloads %d %d\n' "$(blobs | wc -l)" "$(blobs | sort -u | wc -l)"
}

# Requests for the layers of the image that all share.
blobs() {
    local known
    known=$(manifest gzip | jq -r '.layers[].digest')
    grep -o '"GET /v2/[^ ]*/blobs/[^ ]*' "$registry/access.log" | grep -F "$known" || true
}

# Processes that HTCondor started as jobs of this pool say so in their environment.
processes() {
    local file found=0
    for file in /proc/[0-9]*/environ; do
        if tr '\0' '\n' 2>/dev/null <"$file" | grep -q "^_CONDOR_SCRATCH_DIR=$pool/"; then found=$((found + 1)); fi
    done 2>/dev/null
    printf '%d\n' "$found"
}

left() {
    local deadline=$((SECONDS + 30))
    until [[ $(processes) == 0 && -z $(ls -A "$pool/execute") ]] || ((SECONDS > deadline)); do sleep 0.5; done
    printf 'left %d %d %d\n' "$(processes)" "$(mounts_under "$pool" | wc -l)" \
        "$(find "$pool/execute" "$pool"/cache*/scratch "$pool"/cache*/store-1/tmp -mindepth 1 2>/dev/null | wc -l)"
}

main() {
    [[ $# -ge 4 ]] || fail "usage: condor-cluster.sh POOL HOOKS IMAGE REGISTRY [COUNT]"
    pool=$(realpath -- "$1") template=$2/htcondor/gridwrap.sub image=$3 registry=$(realpath -- "$4") count=${5:-200}
    need_command jq curl
    mkdir -p "$pool/work" "$pool/cache-corrupt"
    mkdir -p "$pool/cache-of-root"
    chmod 0700 "$pool/cache-of-root"
    write_payloads
    write_items
    write_submit
    spoil
    chown -R "$testbed_uid:$testbed_uid" "$pool/work" "$pool/cache-corrupt"
    run
    report
    left
    ask condor_rm "$cluster" >/dev/null 2>&1 || true
}

main "$@"
