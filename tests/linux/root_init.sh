#!/bin/sh
# shellcheck shell=dash
# The first process of a Linux in the root: it says on ttyS0 what it found, and ends
# the machine in the way that the file /end names. The kernel has no console, as nothing
# on its command line asks for one, so this opens the port itself.
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

# How long it took, in seconds, and how much of that nobody had anything to do.
so_far() {
	read -r up idle </proc/uptime
	echo "LINUX $1 $up"
	echo "LINUX $1_idle $idle"
}

so_far started
stress
so_far worked
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
