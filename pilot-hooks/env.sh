# shellcheck shell=sh
# Sourced by a pilot's wrapper: gridwrap stands in for ALRB's containers and for apptainer. Says nothing, and may be sourced again.
# Wants GRIDWRAP_HOOKS, the path of this directory, unless the shell is bash.
if [ -z "${GRIDWRAP_HOOKS:-}" ]; then
    # shellcheck disable=SC3028,SC3054 # only where the shell is bash
    eval 'GRIDWRAP_HOOKS=$(cd "$(dirname "${BASH_SOURCE:-.}")" && pwd)'
fi
export GRIDWRAP_HOOKS
export GRIDWRAP="${GRIDWRAP:-$GRIDWRAP_HOOKS/bin/gridwrap}"
case ${ATLAS_LOCAL_ROOT_BASE:-} in
    "$GRIDWRAP_HOOKS/panda/alrb") ;;
    *) export GRIDWRAP_ALRB_ORIG="${ATLAS_LOCAL_ROOT_BASE:-/cvmfs/atlas.cern.ch/repo/ATLASLocalRootBase}" ;;
esac
export ATLAS_LOCAL_ROOT_BASE="$GRIDWRAP_HOOKS/panda/alrb"
case :$PATH: in
    *":$GRIDWRAP_HOOKS/bin:"*) ;;
    *) export PATH="$GRIDWRAP_HOOKS/bin:$PATH" ;;
esac
