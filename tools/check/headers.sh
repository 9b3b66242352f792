#!/bin/sh
# Every header compiles alone, with gcc and with clang.
set -u

failed=0

# alone FLAGS FOLDER...: the headers of the folders, each by itself.
alone() {
	flags=$1
	shift
	for header in $(find "$@" -name '*.h' 2>/dev/null | sort); do
		for compiler in gcc clang; do
			# shellcheck disable=SC2086 # a list of flags
			echo "#include \"$header\"" |
				$compiler $flags -fsyntax-only -x c - || {
				echo "$header: does not compile alone" >&2
				failed=1
			}
		done
	done
}

alone "$HV_CFLAGS" include lib hv arch
alone "-Itests/tally $HV_CFLAGS" tests/tally
alone "$EFI_CFLAGS" lib boot parent tools tests/guest/lib tests/guest/root
alone '-std=gnu11 -I. -Iinclude -mcrc32' tests/host tests/fuzz tests/linux
exit "$failed"
