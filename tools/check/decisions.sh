#!/bin/sh
# Every decision D1 to D31 of docs/hypercalls.md is named by a test: in the name
# of a function of the unit tests or of pytest, or of a case of a scenario.
set -u

# The decisions in the names of tests, one a line: 17 for test_d17_is_bounded.
named() {
	{
		find tests -name 'test_*.c' -exec \
			sed -nE 's/^static void (test_[a-z0-9_]*)\(.*/\1/p' {} +
		find tests -name 'test_*.py' -exec \
			sed -nE 's/^def (test_[a-z0-9_]*)\(.*/\1/p' {} +
		find tests/guest/root -name '*.c' -exec \
			sed -nE 's/^.*\{ "(D[0-9][^"]*)",.*/\1/p' {} +
	} | tr D d | tr -cs 'a-z0-9' '\n' | sed -nE 's/^d([0-9]+)$/\1/p'
}

names=" $(named | sort -un | tr '\n' ' ')"
failed=0
for decision in $(seq 31); do
	case $names in *" $decision "*) continue ;; esac
	echo "D$decision: no test has it in its name" >&2
	failed=1
done
exit "$failed"
