#!/bin/sh
# All tests: the unit-test programs given, the inspector's on another processor
# meanwhile, then those in the machine. The last line is the sum.
set -u
# shellcheck source=tests/sum.sh
. tests/sum.sh

said=$(mktemp)
/usr/bin/python3 -m pytest -q tests/hvstate >"$said" 2>&1 &
inspector=$!
# shellcheck disable=SC2154 # the log is sum.sh's
trap '[ -z "$inspector" ] || kill "$inspector"; rm -f "$log" "$said"' EXIT
trap 'exit 130' INT TERM
run tests/run_host.sh "$@"
wait "$inspector"
code=$?
inspector=
# shellcheck disable=SC2016 # for the other shell
run sh -c 'cat "$1"; exit "$2"' - "$said" "$code"
run /usr/bin/python3 -m pytest -q tests/vm
sum
