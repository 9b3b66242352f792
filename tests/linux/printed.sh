#!/bin/sh
# shellcheck shell=dash
# The kernel's messages that were printed on the console as they came, before init had
# less printed: those below the level in /tmp/level.
read -r level </tmp/level
dmesg -r | awk -v most="$level" '
(substr($0, 2) + 0) % 8 < most {
	sub(/^<[0-9]+>/, "")
	print
}'
