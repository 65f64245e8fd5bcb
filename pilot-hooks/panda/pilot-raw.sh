#!/bin/sh
# pilot-raw.sh DEFAULT.CFG > FILE: the pilot's own configuration with containers started by the command apptainer instead of ALRB.
set -eu
sed 's/^\([[:space:]]*setup_type[[:space:]]*[:=][[:space:]]*\).*/\1raw/' "${1:?usage: pilot-raw.sh DEFAULT.CFG}"
