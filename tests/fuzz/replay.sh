#!/bin/sh
# Runs every input of the committed corpora once: a test case for each target,
# in TAP, for run_host.sh. The targets are in $B/fuzz (default: build/fuzz).
set -u

programs=${B:-build}/fuzz
log=$(mktemp)
trap 'rm -f "$log"' EXIT

set -- tests/fuzz/corpus/*
echo "1..$#"
number=0
for corpus in "$@"; do
	target=${corpus##*/}
	number=$((number + 1))
	files=$(find "$corpus" -type f | wc -l)
	if [ "$files" != 0 ] && "$programs/$target" -runs=0 -timeout=60 \
		-artifact_prefix="$programs/$target-" "$corpus" \
		>"$log" 2>&1; then
		echo "ok $number - fuzz $target: $files inputs"
	else
		sed 's/^/# /' "$log" | tail -n 60
		echo "not ok $number - fuzz $target"
	fi
done
