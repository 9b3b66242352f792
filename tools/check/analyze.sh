#!/bin/sh
# clang's own warnings (the build is gcc's), its static analyzer and those of
# clang-tidy's checks that find faults rather than matters of taste.
set -u

checks='-*,clang-diagnostic-*,clang-analyzer-*,bugprone-*'
# C has no better than memcpy; our tables of chars are meant; parameters of one
# type next to each other are how registers and sizes come.
for off in clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling \
	bugprone-easily-swappable-parameters bugprone-reserved-identifier \
	bugprone-branch-clone bugprone-macro-parentheses \
	bugprone-assignment-in-if-condition \
	bugprone-implicit-widening-of-multiplication-result \
	clang-analyzer-optin.performance.Padding; do
	checks="$checks,-$off"
done

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# analyze FLAGS FOLDER...: every .c below the folders, two at a time.
analyze() {
	flags=$1
	shift
	# shellcheck disable=SC2016 # the inner shell expands
	find "$@" -name '*.c' 2>/dev/null | sort | xargs -r -P 2 -n 4 sh -c '
		checks=$1 flags=$2
		shift 2
		for file; do
			clang-tidy --quiet --checks="$checks" \
				--warnings-as-errors="*" "$file" -- $flags \
				2>/dev/null || echo "$file: see above"
		done' sh "$checks" "$flags" >"$log" 2>&1
	! grep . "$log" >&2
}

failed=0
analyze "$HV_CFLAGS" lib hv arch || failed=1
analyze "$EFI_CFLAGS" boot parent tools/hvctl || failed=1
exit "$failed"
