#!/bin/sh
# shellcheck shell=dash
# The first process. A word of the kernel's command line says what is done:
#
#   stasis=login     a login on the console, again and again (if nothing is said)
#   stasis=stress    check, then power off
#   stasis=reboot    check, then reboot
#   stasis=rate      what the processor gives (rate.c), then power off
#   stasis=counted   the same, with the exits of each part (exits.c)
#
# A line "INIT ready LEAST MOST" says that user space is there. From here on the kernel
# writes its messages no longer into the middle of our lines; so many it has written.
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /tmp
exec </dev/console >/dev/console 2>&1
hostname stasis
read -r level _ </proc/sys/kernel/printk
echo "$level" >/tmp/level
least=$(printed | wc -l)
dmesg -n 1
echo "INIT ready $least $(printed | wc -l)"

rates() {
	"$1"
	rate clock 1000000
	"$1"
	rate spin 100000000
	"$1"
	poweroff -f
}

what=login
read -r line </proc/cmdline
for word in $line; do
	case $word in
	stasis=*) what=${word#stasis=} ;;
	esac
done
case $what in
stress)
	check
	poweroff -f
	;;
reboot)
	check
	reboot -f
	;;
rate) rates true ;;
counted) rates exits ;;
esac
while :; do
	# The console is whatever device the kernel was told to take.
	setsid getty -L 0 "$(cat /sys/class/tty/console/active)" vt100
	sleep 1
done
