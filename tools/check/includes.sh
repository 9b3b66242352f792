#!/bin/sh
# Who may include whom: a folder, then what its includes may begin with, and with a
# minus what they may not. The first row that fits a file counts.
set -u

rules='include: include
lib: include lib
boot: include lib boot efi
parent/uefi: include lib parent efi
parent: include lib parent -parent/uefi
hv: include lib hv
arch/x86_64/common: include lib hv arch/x86_64/common
arch/x86_64/vmx: include lib hv arch/x86_64 -arch/x86_64/svm
arch/x86_64/svm: include lib hv arch/x86_64 -arch/x86_64/vmx
tests/guest: include lib parent tests/guest efi
tests/books: include lib hv tests/books
tests/tally: include lib hv arch/x86_64 boot/options.h efi tests/tally tests/books tests/guest/lib/tally.h
tests/host/parent: include lib hv tests/host parent tools/hvctl -parent/uefi -tools/hvctl/uefi
tests/host: include lib hv tests/host tests/books arch/x86_64/common arch/x86_64/vmx/allowed.h arch/x86_64/vmx/controls.h arch/x86_64/vmx/ept_entry.h arch/x86_64/vmx/hypercall_code.h arch/x86_64/vmx/leaks.h arch/x86_64/vmx/trace.h arch/x86_64/vmx/vmx.h arch/x86_64/svm/apic.h arch/x86_64/svm/asid.h arch/x86_64/svm/hypercall_code.h arch/x86_64/svm/msr_map.h arch/x86_64/svm/npt_entry.h arch/x86_64/svm/offer.h arch/x86_64/svm/opcode.h arch/x86_64/svm/path.h arch/x86_64/svm/segment.h arch/x86_64/svm/svm.h arch/x86_64/svm/timer.h arch/x86_64/svm/virtual.h arch/x86_64/svm/vmcb.h arch/x86_64/svm/vtimer.h boot/frequency.h boot/tables.h boot/hypervisor.h boot/maker.h boot/ranges.h parent
tests/linux: include tests/linux
tests/bench: include lib hv tests/host tests/bench
tests/fuzz: include lib hv tests/host tests/books tests/fuzz
tools/hvctl/uefi: include lib parent tools/hvctl efi
tools: include lib parent tools -parent/uefi -tools/hvctl/uefi'

# Does $1 lie in one of the places that follow, and in none that has a minus?
within() {
	path=$1
	shift
	found=1
	for place in "$@"; do
		case $path in
		"$place" | "$place"/*) found=0 ;;
		esac
		case "-$path" in "$place"/*) return 1 ;; esac
	done
	return "$found"
}

# The includes of file $1, as paths from the project's root.
includes_of() {
	sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*//p' "$1" |
	while read -r include; do
		case $include in
		'<efi'*) echo efi ;;
		'<'*) ;;
		'"'*/*) include=${include#\"} && echo "${include%%\"*}" ;;
		*) include=${include#\"} && echo "include/${include%%\"*}" ;;
		esac
	done
}

seen=
echo "$rules" | while IFS=: read -r folder allowed; do
	[ -d "$folder" ] || continue
	find "$folder" -name '*.[ch]' | sort | while read -r file; do
		# shellcheck disable=SC2086 # a list of places
		within "$file" $seen && continue
		for path in $(includes_of "$file"); do
			# shellcheck disable=SC2086 # a list of places
			within "$path" $allowed ||
				echo "$file: may not include $path"
		done
	done
	seen="$seen $folder"
done | { ! grep . >&2; }
