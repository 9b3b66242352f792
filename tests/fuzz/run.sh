#!/bin/sh
# Fuzzes each target for a while: run.sh SECONDS BUILD TARGET... First BUILD/explore/TARGET
# looks for inputs, without the address sanitizer, which would take half of the time. Then
# BUILD/fuzz/TARGET, which has it, runs once all that was new, all that was in earlier
# runs, and the committed corpus. What is new is kept in BUILD/fuzz/corpus, a finding as
# BUILD/fuzz/TARGET-crash-...; the first one, of either, ends the run with a failure.
#
# Inputs a second are those of a second of the processor while it explores: a busy machine
# makes it late, not slow. Building the machines is in it (fuzz_start.c), most of which
# come first.
#
# Inputs are cheap by now: libFuzzer's own schedule by rare features (-entropic)
# took up to a third of the time, and found no more for it. And files that come and go
# on a disk took a tenth: while it explores they are in memory.
set -u

seconds=$1
build=$2
folder=$build/fuzz
shift 2
[ "$seconds" -gt 0 ] || exit 2

new=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d) || exit 1

# What has been found stays, also where the run is broken off.
keep() {
	find "$new" -type f -exec cp -t "$corpus" {} +
	find "$new" -type f -delete
}
corpus=$folder/corpus
mkdir -p "$corpus"
trap 'keep; rmdir "$new"' EXIT
trap 'exit 1' HUP INT TERM

# stat NAME: a number from the end of a target's log.
stat() {
	sed -n "s/^stat::$1: *//p" "$log"
}

# spent: hundredths of a second of the processor that targets have had by now. No pipe
# and no subshell, which have children of their own.
spent() {
	times >"$folder/times"
	hundredths=$(awk -F'[ms ]+' \
		'NR == 2 { print int(6000 * ($1 + $3) + 100 * ($2 + $4)) }' \
		"$folder/times")
}

# run PROGRAM OPTION...: ends all where there is a finding.
run() {
	"$@" -timeout=60 -rss_limit_mb=4096 -print_final_stats=1 \
		-artifact_prefix="$folder/$target-" >"$log" 2>&1 && return
	grep -E 'ERROR|CHECK|SUMMARY|Test unit' "$log"
	echo "fuzz: $target: a finding, see $log" >&2
	exit 1
}

for target in "$@"; do
	corpus=$folder/corpus/$target
	committed=tests/fuzz/corpus/$target
	mkdir -p "$corpus"

	log=$folder/$target.log
	spent
	before=$hundredths
	run "$build/explore/$target" -max_total_time="$seconds" -max_len=16384 \
		-len_control=0 -entropic=0 "$new" "$corpus" "$committed"
	spent
	inputs=$(stat number_of_executed_units)
	added=$(stat new_units_added)
	keep

	log=$folder/$target-again.log
	run "$folder/$target" -runs=0 "$corpus" "$committed"
	again=$(sed -n 's/^INFO: seed corpus: files: \([0-9]*\) .*/\1/p' "$log")
	files=$(find "$corpus" "$committed" -type f -size +0 | wc -l)
	if [ "${again:-0}" != "$files" ]; then
		echo "fuzz: $target: ${again:-0} of $files inputs ran again" >&2
		exit 1
	fi
	printf '  %-9s %8d inputs in %d s, %d/s, %d new; %d again with ASan\n' \
		"$target" "$inputs" "$seconds" \
		"$((inputs * 100 / (hundredths - before + 1)))" "$added" "$again"
done
