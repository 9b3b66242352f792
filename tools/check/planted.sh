#!/bin/sh
# The checks can fail: each finds what is planted in a copy of the sources. A row
# is the check, the file that gets a line more, the line, and what the check says;
# nothing, where the line is right.
set -u

# That many blank lines.
lines60=$(printf '%060d' 0 | sed 's/0/\\n/g')
lines500=$(printf '%0500d' 0 | sed 's/0/\\n/g')
silent=$(printf '%0999d' 0 | sed 's/0/;\\n/g')
talk=$(printf '%0999d' 0 | sed 's/0/\/* ; *\/\\n/g')
# A row of docs/findings.md: what is between its columns is between those of a row here, too.
bar='\0174'
quote='\0140'
finding="$bar 36 $bar wrong $bar right $bar ${quote}test_merge/test_shutdown$quote $bar"
more="${quote}test_merge/test_serially$quote, ${quote}test_bounds/test_the_limit_is_lifted$quote"
last="${quote}hostile/a refused push is #GP$quote"
gone="${quote}hostile/a refused push$quote"
rows='format|hv/run/cr.c|static int  spaced;|hv/run/cr.c: not formatted
includes|hv/run/cr.c|#include "arch/x86_64/vmx/vmx.h"|hv/run/cr.c: may not include arch
includes|arch/x86_64/common/enter.c|#include "arch/x86_64/vmx/vmcs.h"|may not include arch/x86_64/vmx/vmcs.h
vendors|arch/x86_64/common/vendor.h|void vendor_planted(void);|vendor_planted of arch/x86_64/common/vendor.h is not in
vendors|arch/x86_64/common/enter.c|void planted(void) { vendor_planted(); }|
includes|tests/guest/root/world.c|#include "hv/vp/vp.h"|may not include hv/vp/vp.h
includes|lib/crc32c.c|#include "hv/base/addr.h"|lib/crc32c.c: may not include hv/base/addr.h
includes|parent/vp.c|#include "hv/vp/vp.h"|parent/vp.c: may not include hv/vp/vp.h
includes|parent/vp.c|#include <efi.h>|parent/vp.c: may not include efi
includes|parent/uefi/synic.c|#include <efi.h>|
includes|tools/hvctl/run.c|#include "parent/uefi/synic.h"|run.c: may not include parent/uefi/synic.h
includes|boot/main.c|#include "lib/elf.h"|
order|lib/crc32c.c|#include "hv/base/log.h"|lib/crc32c: may not include hv/base/log.h
order|lib/crc32c.c|void planted(void) { log_line(0); }|lib/crc32c: may not call log_line of hv/base/log
order|hv/vp/vp.c|void planted(void) { crc32c(0, 0, 0); }|
include_order|hv/run/cr.c|#include "hv/arch.h"|the project'\''s headers are not sorted
include_order|hv/run/cr.c|#include <stddef.h>|a system header behind one of the project
include_order|hv/interrupt/lapic_ipi.c|#include "hv/interrupt/lapic_ipi.h"|its own header is not the first
include_order|hv/base/addr.h|#include "hv/vp/vp.h"|includes hv/base/addr.h
include_order|include/types.h|#include "types.h"|include/types.h includes include/types.h
include_order|hv/vp/vp.h|#include "hv/base/cpu.h"|
order|hv/vp/vp.c|#include "hv/run/exit.h"|hv/vp/vp: may not include hv/run/exit.h
order|hv/vp/vp.c|void planted(void) { sched_entered(0); }|may not call sched_entered of hv/run/sched
order|hv/interrupt/lapic.c|void planted(void) { lapic_read_page(0, 0); }|6 files call one another
order|hv/vp/vp.c|void planted(void) { target_find(0, 0); }|may not call target_find of hv/call/target
order|hv/vp/vp.c|void planted(struct cpu *sched) { vp_skip(sched->current, 1); }|
comments|hv/memory/pool.c|'"$silent"'|hv/memory: comments on
comments|hv/memory/pool.c|'"$talk"'|hv/memory: comments on
comments|hv/memory/pool.c|/* One that says why. */|
sizes|hv/run/cr.c|#if 0|#if 0
sizes|Makefile|'"$lines60"'|lines, at most 250
sizes|hv/run/cr.c|'"$lines500"'|lines, at most 500
sizes|tools/check/facts.py|'"$lines500"'|lines, at most 500
sizes|tools/check/facts.py|def planted():\n'"$lines60"'    return 0|a function of 61 lines
sizes|tools/check/facts.py|def planted():'"$lines60"'    return 0|
sizes|tools/check/format.sh|planted() {\n'"$lines60"'\ttrue\n}|a function of 61 lines
sizes|tools/check/format.sh|planted() {'"$lines60"'\ttrue\n}|
sizes|hv/run/cr.c|void planted(void)\n{\n'"$lines60"'\n}|a function of 61 lines
sizes|hv/run/cr.c|void planted(void)\n{'"$lines60"'\n}|
state|hv/run/cr.c|u32 planted(void)\n{\n\tstatic u32 calls;\n\n\treturn ++calls;\n}|hv/run/cr.c: calls: shared by all processors
facts|hv/run/cr.c|#define CR0_PE BIT(0)|CR0_PE: defined in hv/run/cr.c and
facts|hv/run/cr.c|enum { VECTOR_PF = 14 };|VECTOR_PF: defined in hv/run/cr.c and
facts|hv/run/cr.c|#define CR4_LIMIT 7u|
facts|tests/guest/root/world.c|#define SELECTOR_CODE 8|SELECTOR_CODE: defined in arch
facts|tests/guest/root/world.c|#define LAPIC_DFR_FLAT 0xf0000000u|LAPIC_DFR_FLAT is LAPIC_DFR_MODEL of
facts|tests/guest/root/world.c|#define TYPE_LDT 2u|TYPE_LDT: defined in
facts|tests/guest/root/world.c|#define TYPE_READ 2u|
facts|tests/guest/root/world.c|#define MSR_TSC 0x10|MSR_TSC is MSR_IA32_TSC of
facts|tests/guest/root/world.c|#define CPUID_1_ECX_TIMER BIT(24)|is CPUID_1_ECX_TSC_DEADLINE
facts|tests/guest/root/world.c|#define XCR0_LOW 3u|XCR0_LOW is XSTATE_LEGACY of
facts|tests/guest/root/world.c|#define VMXE BIT(13)|VMXE is CR4_VMXE of
facts|tests/guest/root/world.c|#define TF ((u64)BIT(8))|TF is RFLAGS_TF of
facts|tests/host/test_cr.c|#define VMXE BIT(13)|
facts|tests/guest/child/pi/entry.asm|MSR_EFER equ 0xc0000080|MSR_EFER is MSR_IA32_EFER of
facts|tests/guest/child/pi/entry.asm|%define EFER_LME 1 << 8|EFER_LME: defined in
facts|arch/x86_64/vmx/tlb.c|#define PROC2_EPT BIT(1)|PROC2_EPT: defined in
facts|boot/main.c|#define PAGES_IN_MIB 256|PAGES_IN_MIB: the same number in
findings|docs/findings.md|'"$finding $more, $last $bar"'|
findings|docs/findings.md|'"$finding $more, $gone $bar"'|row 36: no test hostile/a refused push
findings|docs/findings.md|'"$finding $more $bar"'|row 36: 2 further cases
findings|docs/findings.md|'"$finding more $bar $more, $last $bar"'|row 36: 6 columns
findings|docs/findings.md|'"$bar 3 $finding $more, $last $bar"'|the rows are not numbered'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for top in include lib boot hv arch parent tools tests docs; do
	find "$top" -name '*.[ch]' -o -name '*.asm' -o -name '*.inc' \
		-o -path 'tools/check/*' -o -name architecture.md -o -name findings.md \
		-o -path 'tests/*/test_*.py'
done | sed '$a Makefile\n.clang-format' | tar -cf - -T - | tar -xf - -C "$folder"
cd "$folder" || exit 2

printf '%s\n' "$rows" | while IFS='|' read -r check file line says; do
	cp "$file" kept || exit 1
	printf '%b\n' "$line" >>"$file"
	said=$("tools/check/$check.sh" 2>&1)
	failed=$?
	mv kept "$file"
	case $failed,$said in
	0,) [ "$says" ] || continue ;;
	0,*) ;;
	*,*"$says"*) [ ! "$says" ] || continue ;;
	esac
	echo "$check.sh: '$line' in $file: '$said'"
done | { ! grep . >&2; }
