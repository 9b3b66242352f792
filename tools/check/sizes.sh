#!/bin/sh
# Sizes that style asks for: no source over 700 lines, the Makefile within 250, no
# function over 60, all assembly together within 400 (but for the child that is a tour
# of processor modes), no conditional compilation in .c files.
set -u

sources() {
	find include lib boot hv arch parent tools tests \
		\( -name '*.[ch]' -o -name '*.asm' -o -name '*.py' \) | sort
}

{
	sources | while read -r file; do
		lines=$(wc -l <"$file")
		[ "$lines" -le 700 ] ||
			echo "$file: $lines lines, at most 700"
	done
	lines=$(wc -l <Makefile)
	[ "$lines" -le 250 ] || echo "Makefile: $lines lines, at most 250"
	lines=$(find lib boot hv arch parent tools tests -name '*.asm' \
		! -path 'tests/guest/child/anywhere/*' -exec cat {} + | wc -l)
	[ "$lines" -le 400 ] ||
		echo "all: $lines lines of assembly, at most 400"
	# What is between a brace in the first column and the next one.
	sources | grep '\.[ch]$' | xargs awk '
		/^{/ { begin = FNR }
		/^}/ { if (begin && FNR - begin - 1 > 60)
				print FILENAME ":" begin ": a function of " \
					FNR - begin - 1 " lines, at most 60"
			begin = 0 }'
	sources | grep '\.c$' |
		xargs -r grep -nE '^[[:space:]]*#[[:space:]]*if' /dev/null
} | { ! grep . >&2; }
