#!/bin/bash
# Custom script of a glideinWMS frontend or factory: gridwrap becomes the glidein's Singularity, and what it can do here is advertised.
glidein_config=$1
here=$(cd "$(dirname "$0")" && pwd)
gridwrap=${GRIDWRAP:-$here/gridwrap}
value() { grep -i "^$1 " "$glidein_config" | tail -n 1 | cut -d ' ' -f 2-; }
# shellcheck disable=SC2034 # add_condor_vars_line reads it
condor_vars_file=$(value CONDOR_VARS_FILE)
error_gen=$(value ERROR_GEN_PATH)
# shellcheck disable=SC1090 # the glidein's own functions add_config_line and add_condor_vars_line
. "$(value ADD_CONFIG_LINE_SOURCE)"

if ! facts=$("$gridwrap" probe --format classad); then
    "$error_gen" -error gridwrap_setup.sh WN_Resource "gridwrap probe failed" gridwrap "$gridwrap"
    exit 1
fi
while read -r name _ value; do
    case $value in \"*) kind=S ;; *) kind=C ;; esac
    value=${value#\"}
    add_config_line "$name" "${value%\"}"
    add_condor_vars_line "$name" "$kind" - + Y Y +
done <<<"$facts"

mkdir -p "$here/gridwrap-bin"
ln -sfn "$gridwrap" "$here/gridwrap-bin/singularity"
add_config_line GLIDEIN_SINGULARITY_BINARY_OVERRIDE "$here/gridwrap-bin/singularity"
"$error_gen" -ok gridwrap_setup.sh gridwrap "$gridwrap"
