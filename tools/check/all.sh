#!/bin/sh
# Every check of the sources, each a script of its own; quiet when all is well.
# HV_CFLAGS and EFI_CFLAGS come from the Makefile.
set -u
cd "$(dirname "$0")/../.." || exit 2

failed=
for check in format includes include_order order vendors sizes headers comments facts state planted decisions findings controls mutants analyze scripts; do
	if ! "tools/check/$check.sh"; then
		failed="$failed $check"
	fi
done
[ -z "$failed" ] || {
	echo "check: failed:$failed" >&2
	exit 1
}
