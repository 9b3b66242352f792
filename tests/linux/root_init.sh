#!/bin/busybox sh
# shellcheck shell=dash
# The first process of a Linux in the root: it says on ttyS0 what it found, and ends
# the machine in the way that the file /end names. The kernel has no console, as nothing
# on its command line asks for one, so this opens the port itself.
/bin/busybox mkdir -p /dev /proc /sys /tmp
/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /tmp
stty -F /dev/ttyS0 115200 raw -echo
exec </dev/ttyS0 >/dev/ttyS0 2>&1
sources=/sys/devices/system/clocksource/clocksource0
echo "LINUX kernel $(uname -r)"
echo "LINUX hypervisor $(grep -c hypervisor /proc/cpuinfo)"
echo "LINUX pci $(find /sys/bus/pci/devices/ -type l | wc -l)"
echo "LINUX clocksource $(cat $sources/current_clocksource)"

# What does not depend on the machine: files, pipes, processes, arithmetic.
stress() {
	seq 1 20000 >/tmp/numbers
	md5sum </tmp/numbers
	sha256sum /bin/busybox
	sort -r /tmp/numbers | gzip -9 | gunzip | sha1sum
	i=0
	while [ $i -lt 100 ]; do
		echo "$i" | sed 's/$/+/' | tr -d '\n'
		i=$((i + 1))
	done | md5sum
	awk 'BEGIN { for (i = 1; i < 20000; i++) s += 1 / i; print s }'
}

stress | while read -r line; do echo "LINUX right $line"; done
[ ! -x /bin/exits ] || exits
clock "$(cat /seconds)"
[ ! -x /bin/exits ] || exits
echo "LINUX messages"
dmesg -r
echo "LINUX end $(cat /end)"
# What was written is in the port's buffer: it is on its way when this is done.
stty -F /dev/ttyS0 >/dev/null
sleep 1
"$(cat /end)" -f
