#!/bin/busybox sh
# shellcheck shell=dash
# The first process of the outer machine. It starts QEMU when the host asks for
# it, by lines on ttyS0; the serial port of the inner machine is ttyS1.
#
#   run COMMAND   starts it; once it is gone, "OUTER ended CODE"
#   counts        "OUTER counts exits=1 ...", what KVM counts of the machine
#                 that runs; it stands still meanwhile
#   end           kills it
#   off           switches the outer machine off
#
# Before "OUTER ended" there is "OUTER refused WHY" for each entry that KVM refused the
# hypervisor in that machine, of the last ones.
# "OUTER alive SECONDS" comes every two seconds of this machine.
/bin/busybox mkdir -p /dev /proc /sys /tmp /disk
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t debugfs debug /sys/kernel/debug
mount -t tmpfs tmp /tmp
stty -F /dev/ttyS0 -echo
stty -F /dev/ttyS1 raw -echo 115200
exec </dev/ttyS0 >/dev/ttyS0 2>&1
echo "OUTER started"

while read -r module; do
	insmod "/lib/$module"
done </modules
until [ -b /dev/sda1 ] && [ -b /dev/sdb ]; do
	sleep 0.1
done
mount -t vfat -o ro /dev/sda1 /disk
while read -r module; do
	insmod "/disk/lib/$module"
done </disk/modules
ln -s /disk/usr /usr
ln -s /disk/lib64 /lib64
export LD_LIBRARY_PATH=/lib64
echo "OUTER clock $(cat /sys/devices/system/clocksource/*/current_clocksource)"

tracing=/sys/kernel/debug/tracing
echo 1 >$tracing/events/kvm/kvm_nested_vmenter_failed/enable

counts() {
	set -- /sys/kernel/debug/kvm/*-*
	for file in "$1"/*; do
		[ -f "$file" ] || continue
		read -r value <"$file"
		case $value in # histograms have more than one number
		*[!0-9]*) ;;
		*) printf ' %s=%s' "${file##*/}" "$value" ;;
		esac
	done
}

# Every two seconds while process $1 is there, and of a few counts the last in the end. It
# starts no program and reads little: what it takes of the only processor, the inner
# machine finds missing.
watch() {
	gone=
	trap 'gone=1' TERM
	while [ -z "$gone" ] && [ -d "/proc/$1" ]; do
		[ ! -e /tmp/end ] || kill -9 "$1"
		few_counts
		read -r seconds _ </proc/uptime
		echo "OUTER alive $seconds"
		# shellcheck disable=SC3045 # busybox's read has it
		read -r -t 2 _ <>/tmp/never
	done
	echo "OUTER counts$few"
}

few_counts() {
	set -- /sys/kernel/debug/kvm/*-*
	[ -e "$1/exits" ] || return
	few=
	for name in exits io_exits nested_run; do
		read -r value <"$1/$name"
		few="$few $name=$value"
	done
}

# The disk is the host's file: nothing of the last machine's may be kept.
run() {
	blockdev --flushbufs /dev/sdb
	"$@" </dev/null >/tmp/said 2>&1 &
	qemu=$!
	echo $qemu >/tmp/qemu
	watch $qemu &
	watcher=$!
	wait $qemu
	code=$?
	kill $watcher
	wait $watcher
	sync
	blockdev --flushbufs /dev/sdb
	rm /tmp/qemu
	sed 's/^/OUTER said /' /tmp/said
	sed -n 's/.*kvm_nested_vmenter_failed: /OUTER refused /p' $tracing/trace |
		tail -n 8
	: >$tracing/trace
	printf '\004ended\004' >/dev/ttyS1
	echo "OUTER ended $code"
}

stopped_counts() {
	qemu=$(cat /tmp/qemu)
	kill -STOP "$qemu"
	echo "OUTER counts$(counts)"
	kill -CONT "$qemu"
}

mkfifo /tmp/never
echo "OUTER ready"
while read -r verb rest; do
	case $verb in
	run)
		rm -f /tmp/end
		# shellcheck disable=SC2086 # a command and its words
		run $rest &
		;;
	counts) stopped_counts ;;
	end) : >/tmp/end ;;
	off) poweroff -f ;;
	esac
done
