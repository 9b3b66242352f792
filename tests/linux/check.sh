#!/bin/sh
# shellcheck shell=dash
# What a machine can say of itself, each line with its number, so that none is lost or
# comes twice unseen:
#
#   UNAME ...          the kernel; VPS N, how many processors it runs on
#   LINES HASH...      of each line that the kernel has printed (stress/lines.h)
#   COMPLAINT LEVEL .. the begin of such a line, if it is a warning or worse
#   COMPLAINTS N       how many
#   STRESS ...         the tests (stress/main.c)
#   PULSE N            now and then meanwhile
#   CHECK end STATUS   that of the stress
complaints() {
	dmesg -r | awk '
	/^</ {
		level = substr($0, 2) + 0
		if (level % 8 <= 4 || /unstable|soft lockup|rcu.*stall|Call Trace/) {
			sub(/^<[0-9]+>(\[[^]]*\] )?/, "")
			print "COMPLAINT " level % 8 " " substr($0, 1, 60)
			count++
		}
	}
	END { print "COMPLAINTS " count + 0 }'
}

# It writes beside the tests; a line at a time goes into a pipe in one piece.
pulse() {
	beat=0
	while :; do
		beat=$((beat + 1))
		echo "PULSE $beat abcdefghijklmnopqrstuvwxyz"
		usleep 250000
	done
}

{
	echo "UNAME $(uname -sr)"
	echo "VPS $(nproc)"
	printed | stress --lines
	complaints
	pulse &
	beats=$!
	stress
	status=$?
	kill $beats
	echo "CHECK end $status"
} | awk '{ printf "%04d %s\n", NR, $0; fflush() }'
