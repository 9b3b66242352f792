#!/bin/sh
# For scripts that run several sets of tests: adds up what each says in the end.
# `run COMMAND...` for each, then `sum`, whose line and exit code are the result.

log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0
failed=0
skipped=0

# The number before a word on the last line of counts, 0 without one.
number() {
	tail -n 5 "$log" | grep -E '[0-9]+ (passed|failed|error|skipped)' |
		tail -n 1 | grep -oE "[0-9]+ $1" | awk '{ n = $1 } END { print n + 0 }'
}

# Runs a command, shows its output as it comes and adds up its counts.
run() {
	{ "$@" 2>&1; echo "code $?" >"$log.code"; } | tee "$log"
	bad=$(($(number failed) + $(number error)))
	# Nothing counted, but it did not end well: it never came to count.
	if [ "$bad" = 0 ] && [ "$(cat "$log.code")" != 'code 0' ]; then
		bad=1
	fi
	rm -f "$log.code"
	passed=$((passed + $(number passed)))
	failed=$((failed + bad))
	skipped=$((skipped + $(number skipped)))
}

# What was skipped is told and is not a pass.
sum() {
	line="$passed passed, $failed failed"
	[ "$skipped" = 0 ] || line="$line, $skipped skipped"
	echo "$line"
	[ "$failed" = 0 ] && [ "$passed" != 0 ]
}
