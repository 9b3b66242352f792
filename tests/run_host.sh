#!/bin/sh
# Runs the unit-test programs given and counts their test cases. Shows the
# output of those that fail; the last line is the sum. A program that ends
# otherwise than its cases say (a crash, a sanitizer's report) is a failure.
set -u

log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0
failed=0
skipped=0

count() {
	grep -c "$1" "$log"
}

for program in "$@"; do
	CMOCKA_MESSAGE_OUTPUT=TAP "$program" >"$log" 2>&1 </dev/null
	code=$?
	skip=$(count '^ok [0-9].*# SKIP')
	ok=$(($(count '^ok [0-9]') - skip))
	bad=$(count '^not ok [0-9]')
	planned=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$log" |
		awk '{ n += $1 } END { print n + 0 }')
	if [ "$bad" = 0 ] && { [ "$code" != 0 ] ||
		[ "$planned" = 0 ] || [ $((ok + skip)) != "$planned" ]; }; then
		bad=1
		echo "# $program: exit code $code, $ok of $planned cases passed"
	fi
	if [ "$bad" != 0 ]; then
		echo "# $program:"
		grep -v '^ok ' "$log"
	fi
	passed=$((passed + ok))
	failed=$((failed + bad))
	skipped=$((skipped + skip))
done

line="$passed passed, $failed failed"
[ "$skipped" = 0 ] || line="$line, $skipped skipped"
echo "$line"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
