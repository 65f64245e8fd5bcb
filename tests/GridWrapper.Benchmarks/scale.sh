#!/bin/bash
# scale.sh [--sizes "JOBS:AT_ONCE…"]: jobs pulled from one loopback workload manager by many gridwraps at once, with one registry and one node cache, empty at first.
# Prints a Markdown table on stdout: what a job costs the node, the server and the registry, and how that grows. Runs the test EndToEnd/ManyJobsTests
# on the published file, as root (each job runs as an ordinary user); the invariants of the test hold for each line.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
sizes="16:1 64:4 256:16 1000:64"
if [[ ${1-} == --sizes && -n ${2-} ]]; then sizes=$2; fi
table=$(mktemp)
trap 'rm -f "$table"' EXIT
for size in $sizes; do
    GRIDWRAP_SCALE_JOBS=${size%:*} GRIDWRAP_SCALE_AT_ONCE=${size#*:} GRIDWRAP_SCALE_TABLE=$table \
        dotnet test "$here/../GridWrapper.SystemTests" --nologo -v quiet --filter 'FullyQualifiedName~ManyJobsTests' >&2
done
printf '| jobs | at once | wall s | processor s a job | peak MB of a job | requests to the server a job | kB to the server a job | requests to the registry a job | kB from the registry a job |\n'
printf '|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n'
cat "$table"
