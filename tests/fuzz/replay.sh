#!/bin/sh
# Runs every input of the committed corpora once: a test case for each target,
# in TAP, for run_host.sh. The targets are in $B/fuzz (default: build/fuzz).
#
# After each, its machine is put back and built anew (FUZZ_ANEW): all bytes must be
# the same. The last case spoils one, which has to be noticed.
set -u

programs=${B:-build}/fuzz
log=$(mktemp)
trap 'rm -f "$log"*' EXIT
export FUZZ_ANEW=1

# replay TARGET ARTIFACTS
replay() {
	"$programs/$1" -runs=0 -timeout=60 -artifact_prefix="$2" \
		"tests/fuzz/corpus/$1" >"$log" 2>&1
}

# verdict NUMBER TITLE STATUS
verdict() {
	if [ "$3" = 0 ]; then
		echo "ok $1 - fuzz $2"
	else
		sed 's/^/# /' "$log" | tail -n 60
		echo "not ok $1 - fuzz $2"
	fi
}

set -- tests/fuzz/corpus/*
echo "1..$(($# + 1))"
number=0
for corpus in "$@"; do
	target=${corpus##*/}
	number=$((number + 1))
	files=$(find "$corpus" -type f | wc -l)
	[ "$files" != 0 ] && replay "$target" "$programs/$target-"
	verdict $number "$target: $files inputs" $?
done

FUZZ_SPOIL=1 replay save "$log-"
grep -q 'put back and built anew differ: RAM' "$log"
verdict $((number + 1)) "a byte that is not put back is noticed" $?
