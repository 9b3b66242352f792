#!/bin/sh
# The tests in the machine on every model that matters: AMD's of the QEMU that is
# installed and of another, Intel's of Bochs. It goes part by part, each a model or
# what is on one of a vendor, and on after one that failed. The last line is the sum.
#
# ONLY="part ..." takes these alone (patterns, as of files), FROM=part begins there.
set -u
# shellcheck source=tests/sum.sh
. tests/sum.sh

python=/usr/bin/python3
intel="corei5_arrandale_m520 corei7_sandy_bridge_2600k corei7_ivy_bridge_3770k
	corei7_haswell_4770 broadwell_ult corei7_skylake_x corei3_cnl"
amd='EPYC EPYC-Rome EPYC-Milan'
# Of tests/vm: what is on each model, on one of a vendor, and on Bochs alone.
each='scenarios entries worst tally'
one='demo hvctl hvstate machine memory start'
stop='stop'
export STASIS_EVERYTHING=1
unset STASIS_MODELS EMU QEMU

# The parts in their order, an emulator and what is on it; journeys between models of
# both vendors last.
parts() {
	for emulator in qemu qemu10; do
		for model in $amd rest; do
			echo "$emulator:$model"
		done
	done
	for model in $intel rest; do
		echo "bochs:$model"
	done
	echo all:journeys
}

# Whether a part is to be run.
wanted() {
	[ -n "${ONLY-}" ] || return 0
	for pattern in $ONLY; do
		# shellcheck disable=SC2254 # a pattern it is
		case $1 in $pattern) return 0 ;; esac
	done
	return 1
}

# Runs tests of tests/vm, by name.
vm() {
	files=
	for name in "$@"; do
		files="$files tests/vm/test_$name.py"
	done
	# shellcheck disable=SC2086 # a list of files
	run $python -m pytest -q -rf $files
}

# Runs a part: emulator, model.
part() {
	unset STASIS_MODELS EMU QEMU
	case $1 in
	qemu10)
		# What it says when it cannot be had is its output.
		if ! QEMU=$($python tests/vm/other_qemu.py); then
			run false
			return
		fi
		export QEMU EMU=svm
		"$QEMU" --version | head -n 1
		;;
	qemu)
		export EMU=svm
		qemu-system-x86_64 --version | head -n 1
		;;
	bochs) export EMU=bochs ;;
	esac
	# shellcheck disable=SC2086 # lists of words
	case $1:$2 in
	all:*)
		STASIS_MODELS=$(echo $amd $intel | tr ' ' ,)
		export STASIS_MODELS
		vm models
		;;
	bochs:rest) vm $one $stop ;;
	*:rest)
		STASIS_MODELS=$(echo $amd | tr ' ' ,)
		export STASIS_MODELS
		vm models $one
		;;
	*)
		export STASIS_MODELS="$2"
		vm $each
		;;
	esac
}

list=
for name in $(parts); do
	[ "$name" = "${FROM-}" ] && FROM=
	[ -z "${FROM-}" ] && wanted "$name" && list="$list $name"
done
if [ -z "$list" ]; then
	echo "no such part; there are: $(parts | tr '\n' ' ')"
	exit 1
fi

# Runs a part and tells how it went.
number=0
table=
again=
one_part() {
	p=$passed f=$failed s=$skipped began=$(date +%s)
	number=$((number + 1))
	echo "== $1: part $number of $(echo "$list" | wc -w), $(date +%H:%M)"
	part "${1%%:*}" "${1#*:}"
	[ "$failed" = "$f" ] || again="$again $1"
	line="$1: $((passed - p)) passed, $((failed - f)) failed"
	line="$line, $((skipped - s)) skipped, $(($(date +%s) - began)) s"
	echo "== $line"
	table="$table$line
"
}

for name in $list; do
	one_part "$name"
done
echo '== all parts'
printf '%s' "$table"
[ -z "$again" ] || echo "what failed once more: make test-models ONLY='${again# }'"
sum
