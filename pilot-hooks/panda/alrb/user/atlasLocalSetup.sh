# shellcheck shell=sh
# Sourced by PanDA's pilot in place of ALRB's script of this name. gridwrap says which lines are for it; all others go to the real one.
if "${GRIDWRAP:-gridwrap}" alrb --takes "$@"; then
    "${GRIDWRAP:-gridwrap}" alrb "$@"
else
    ATLAS_LOCAL_ROOT_BASE=${GRIDWRAP_ALRB_ORIG:-/cvmfs/atlas.cern.ch/repo/ATLASLocalRootBase}
    export ATLAS_LOCAL_ROOT_BASE
    # shellcheck disable=SC1091,SC2240 # bash sources with arguments; the file is the site's
    . "$ATLAS_LOCAL_ROOT_BASE/user/atlasLocalSetup.sh" "$@"
fi
