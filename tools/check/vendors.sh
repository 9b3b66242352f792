#!/bin/sh
# Whoever is behind the inner door (arch/x86_64/common/vendor.h) has each of its
# functions: an image is linked with one of them only, so no linker sees all.
set -u

door=arch/x86_64/common/vendor.h
names=$(grep -o '\bvendor_[a-z_0-9]*(' "$door" | tr -d '(' | sort -u)
[ "$names" ] || { echo "vendors.sh: no functions in $door" >&2; exit 1; }

# Unit tests have SVM's own of what is about the root's APIC.
for vendor in arch/x86_64/[!c]*/ tests/host/fake/; do
	own=
	[ "$vendor" = tests/host/fake/ ] && own=arch/x86_64/svm/apic.c
	for name in $names; do
		# A definition, not a call: it begins a line.
		grep -qE "^[a-z_].*\b$name\(" "$vendor"*.c $own ||
			echo "$name of $door is not in $vendor*.c"
	done
done | { ! grep . >&2; }
