#!/bin/sh
# Installs what a part of the work needs and this machine lacks, on Debian and
# its kin: deps.sh run|test|host|check|fuzz|coverage|bench|kvm|linux... Does nothing
# when all is there; says in one line what to install where there is no apt-get.
set -eu
PATH=$PATH:/usr/sbin:/sbin

# One line each: for whom, package, and the command or file that tells it.
needs='
build gcc gcc
build binutils ld
build make make
build nasm nasm
build gnu-efi /usr/lib/crt0-efi-x86_64.o
emulate python3 /usr/bin/python3
emulate ovmf /usr/share/ovmf/OVMF.fd
emulate mtools mcopy
emulate gdisk sgdisk
bochs bochs bochs-bin
bochs bochsbios /usr/share/bochs/BIOS-bochs-latest
bochs vgabios /usr/share/vgabios/vgabios.bin
qemu qemu-system-x86 qemu-system-x86_64
linux apt apt-get
linux dpkg dpkg
linux gcc gcc
linux libc6-dev /usr/include/stdlib.h
linux debian-archive-keyring /usr/share/keyrings/debian-archive-keyring.gpg
kvm apt apt-get
kvm dpkg dpkg
strict apt /usr/lib/apt/apt-helper
strict g++ g++
strict make make
strict patch patch
strict xz-utils xz
pytest gdb gdb
pytest python3-pytest /usr/lib/python3/dist-packages/pytest/__init__.py
host gcc gcc
host make make
host libc6-dev /usr/include/stdlib.h
host clang clang
host libclang-rt-dev /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-x86_64.a
fuzz make make
fuzz libc6-dev /usr/include/stdlib.h
fuzz clang clang
fuzz libclang-rt-dev /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-x86_64.a
fuzz libcmocka-dev /usr/include/cmocka.h
bench libc6-dev /usr/include/stdlib.h
bench libcmocka-dev /usr/include/cmocka.h
coverage make make
coverage python3 /usr/bin/python3
coverage libc6-dev /usr/include/stdlib.h
coverage clang clang
coverage llvm llvm-cov
coverage libclang-rt-dev /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.profile-x86_64.a
coverage libcmocka-dev /usr/include/cmocka.h
host libcmocka-dev /usr/include/cmocka.h
host acpica-tools iasl
check make make
check gcc gcc
check libc6-dev /usr/include/stdlib.h
check libcmocka-dev /usr/include/cmocka.h
check gnu-efi /usr/lib/crt0-efi-x86_64.o
check clang clang
check clang-format clang-format
check clang-tidy clang-tidy
check shellcheck shellcheck
'

# The demonstration is in QEMU, which needs nothing of the processor, but for
# EMU=bochs, and for EMU=qemu, KVM, which is in Bochs where there is no VT-x.
emulator=qemu
case ${EMU:-} in
bochs) emulator=bochs ;;
qemu)
	grep -qw vmx /proc/cpuinfo && [ -r /dev/kvm ] && [ -w /dev/kvm ] ||
		emulator='qemu bochs kvm'
	;;
esac

groups=
for part in "$@"; do
	case $part in
	run) groups="$groups build emulate $emulator" ;;
	test) groups="$groups build emulate bochs qemu pytest host kvm linux" ;;
	kvm) groups="$groups build emulate bochs qemu pytest kvm" ;;
	linux) groups="$groups build emulate $emulator linux" ;;
	strict) groups="$groups build emulate bochs pytest strict" ;;
	bench) groups="$groups build emulate bochs qemu bench" ;;
	host | check | fuzz | coverage) groups="$groups $part" ;;
	*)
		echo "usage: tools/deps.sh run|test|host|check|fuzz|coverage|bench|kvm|linux..." >&2
		exit 2
		;;
	esac
done

# Is the command there, or a file of that name (which may be a pattern)?
present() {
	case $1 in
	/*)
		for file in $1; do
			[ ! -e "$file" ] || return 0
		done
		return 1
		;;
	*) command -v "$1" >/dev/null ;;
	esac
}

missing=
while read -r group package probe; do
	[ -n "$probe" ] || continue
	case " $groups " in *" $group "*) ;; *) continue ;; esac
	case " $missing " in *" $package "*) continue ;; esac
	present "$probe" || missing="$missing $package"
done <<EOF
$needs
EOF
[ -n "$missing" ] || exit 0

# Bochs wants one of its displays; without this apt would take the largest.
# The one that we use, rfb, is in the package itself.
case " $missing " in *" bochs "*) missing="$missing bochs-term" ;; esac

if ! command -v apt-get >/dev/null; then
	echo "deps: no apt-get here; install yourself:$missing" >&2
	exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
	sudo='sudo -n'
	$sudo true 2>/dev/null || {
		echo "deps: as root: apt-get install$missing" >&2
		exit 1
	}
fi
echo "deps: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # both are lists of words
{
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq update &&
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
		--no-install-recommends install $missing
} >"$log" 2>&1 </dev/null || {
	tail -n 20 "$log" >&2
	exit 1
}
