#!/bin/sh
# All tests: the unit-test programs given, the inspector's, then those in the
# machine. The last line is the sum.
set -u
# shellcheck source=tests/sum.sh
. tests/sum.sh

run tests/run_host.sh "$@"
run /usr/bin/python3 -m pytest -q tests/hvstate
run /usr/bin/python3 -m pytest -q tests/vm
sum
