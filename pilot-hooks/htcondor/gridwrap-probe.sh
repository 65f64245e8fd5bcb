#!/bin/sh
# Startd cron job: the node's abilities as attributes of its ClassAd.
exec "${GRIDWRAP:-gridwrap}" probe --format classad
