#!/bin/sh
# Fuzzes each target for a while: run.sh SECONDS FOLDER TARGET..., where FOLDER
# has the programs. What is new is kept in FOLDER/corpus, a finding as
# FOLDER/TARGET-crash-...; the first one ends the run with a failure.
#
# Inputs a second are those of a second of the processor: a busy machine makes it late,
# not slow. Building the machines is in it (fuzz_start.c), most of which come first.
#
# Inputs are cheap by now: libFuzzer's own schedule by rare features (-entropic)
# took up to a third of the time, and found no more for it.
set -u

seconds=$1
folder=$2
shift 2
[ "$seconds" -gt 0 ] || exit 2

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

for target in "$@"; do
	spent
	before=$hundredths
	log=$folder/$target.log
	corpus=$folder/corpus/$target
	mkdir -p "$corpus"
	"$folder/$target" -max_total_time="$seconds" -max_len=16384 \
		-len_control=0 -entropic=0 -timeout=60 -rss_limit_mb=4096 \
		-print_final_stats=1 -artifact_prefix="$folder/$target-" \
		"$corpus" "tests/fuzz/corpus/$target" >"$log" 2>&1 || {
		grep -E 'ERROR|CHECK|SUMMARY|Test unit' "$log"
		echo "fuzz: $target: a finding, see $log" >&2
		exit 1
	}
	inputs=$(stat number_of_executed_units)
	spent
	printf '  %-9s %8d inputs in %d s, %d/s, %d new, corpus %d\n' "$target" \
		"$inputs" "$seconds" "$((inputs * 100 / (hundredths - before + 1)))" \
		"$(stat new_units_added)" "$(find "$corpus" -type f | wc -l)"
done
