#!/bin/sh
# Fuzzes each target for a while: run.sh SECONDS FOLDER TARGET..., where FOLDER
# has the programs. What is new is kept in FOLDER/corpus, a finding as
# FOLDER/TARGET-crash-...; the first one ends the run with a failure.
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

for target in "$@"; do
	log=$folder/$target.log
	corpus=$folder/corpus/$target
	mkdir -p "$corpus"
	"$folder/$target" -max_total_time="$seconds" -max_len=16384 \
		-len_control=0 -entropic=0 -timeout=60 -rss_limit_mb=4096 \
		-print_final_stats=1 -artifact_prefix="$folder/$target-" \
		"$corpus" "tests/fuzz/corpus/$target" >"$log" 2>&1 || {
		grep -E 'ERROR|CHECK|SUMMARY|runtime error|Test unit' "$log"
		echo "fuzz: $target: a finding, see $log" >&2
		exit 1
	}
	printf '  %-9s %8d inputs in %d s, %d new, corpus %d\n' "$target" \
		"$(stat number_of_executed_units)" "$seconds" \
		"$(stat new_units_added)" "$(find "$corpus" -type f | wc -l)"
done
