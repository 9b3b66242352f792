#!/bin/sh
# Every capability of the table in arch/x86_64/vmx/controls.c stands, by the name that a
# refusal has, in the section "Processors and hypervisors" of docs/architecture.md.
set -u

section=$(sed -n '/^## Processors and hypervisors$/,/^## Memory map$/p' \
	docs/architecture.md | tr '\n' ' ')
names=$(mktemp)
trap 'rm -f "$names"' EXIT
sed -n '/^} rows\[\] = {$/,/^};$/p' arch/x86_64/vmx/controls.c |
	grep -o '"[^"]*"' | tr -d '"' >"$names"

failed=0
[ -s "$names" ] || { echo "controls.sh: no names found" >&2; failed=1; }
while read -r name; do
	case $section in *"$name"*) continue ;; esac
	echo "docs/architecture.md: '$name' of controls.c is missing" >&2
	failed=1
done <"$names"
exit "$failed"
