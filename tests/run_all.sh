#!/bin/sh
# All tests: the unit-test programs given, the inspector's, then those in the
# machine. The last line is the sum.
set -u
# shellcheck source=tests/sum.sh
. tests/sum.sh

run tests/run_host.sh "$@"
run /usr/bin/python3 -m pytest -q tests/hvstate
# Linux is for make test-linux: on QEMU's SVM a boot of it stands still now and then.
run /usr/bin/python3 -m pytest -q tests/vm --ignore-glob='*/test_linux*'
sum
