#!/bin/sh
# USER_JOB_WRAPPER: a job with +GridWrapImage = "docker://…" runs in that image, all others as ever.
image=$(sed -n 's/^GridWrapImage = "\(.*\)"$/\1/p' "$_CONDOR_JOB_AD")
[ -n "$image" ] || exec "$@"
: "${GRIDWRAP:=gridwrap}" "${GRIDWRAP_CACHE:=/var/tmp/gridwrap-$(id -u)}"
export GRIDWRAP_CACHE
exec "$GRIDWRAP" apptainer exec --contain --home "$_CONDOR_SCRATCH_DIR" --pwd "$PWD" "$image" "$@"
