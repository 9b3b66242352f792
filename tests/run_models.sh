#!/bin/sh
# The tests in the machine on every model that matters: Intel's of Bochs, AMD's of
# the QEMU that is installed and of another. The last line is the sum.
set -u
# shellcheck source=tests/sum.sh
. tests/sum.sh

python=/usr/bin/python3
intel=corei5_arrandale_m520,corei7_sandy_bridge_2600k,corei7_ivy_bridge_3770k
intel=$intel,corei7_haswell_4770,broadwell_ult,corei7_skylake_x,corei3_cnl
amd=EPYC,EPYC-Rome,EPYC-Milan
# Of tests/vm: what is on each model; what is on one of a vendor.
each='models scenarios entries worst tally'
one='demo hvctl hvstate machine memory start'
export STASIS_EVERYTHING=1

# Runs tests of tests/vm, by name.
vm() {
	files=
	for name in "$@"; do
		files="$files tests/vm/test_$name.py"
	done
	# shellcheck disable=SC2086 # a list of files
	run $python -m pytest -q $files
}

# shellcheck disable=SC2086 # lists of words
{
	export STASIS_MODELS=$amd,$intel
	vm $each $one stop
	export STASIS_MODELS=$amd EMU=svm
	QEMU=$($python tests/vm/other_qemu.py) || exit 1
	export QEMU
	echo "with $("$QEMU" --version | head -n 1)"
	vm $each $one
}
sum
