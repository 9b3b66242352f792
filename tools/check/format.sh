#!/bin/sh
# All C is as clang-format 14 writes it; with -i, makes it so.
set -u

sources() {
	find include lib boot hv arch parent tools tests -name '*.[ch]' -print0 \
		2>/dev/null
}

if [ "${1-}" = -i ]; then
	sources | xargs -0 -r clang-format -style=file -i
	exit
fi
sources | sort -z | xargs -0 -r clang-format -style=file -n 2>&1 |
	sed -n 's/^\([^: ]*\):.*clang-format-violations.*/\1/p' | uniq |
	sed 's/$/: not formatted; run make format/' | { ! grep . >&2; }
