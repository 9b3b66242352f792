/*
 * In xAPIC mode the timer's registers have a page together with all others, so that each of
 * the root's accesses exits while the timer is watched. In x2APIC mode they alone do.
 */
#include "arch/x86_64/svm/apic.h"

#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/common/paging.h"
#include "arch/x86_64/common/vendor.h"
#include "arch/x86_64/svm/timer.h"
#include "hv/base/cpu.h"
#include "hv/base/log.h"
#include "hv/vp/gva.h"
#include "hv/vp/partition.h"
#include "lib/insn.h"

/* All else stays the root's: its EOIs, its priority, its IPIs go to the APIC itself. */
static const u16 watched[] = { LAPIC_LVT_TIMER, LAPIC_INITIAL_COUNT,
	                       LAPIC_CURRENT_COUNT, LAPIC_DIVIDE };

/* Read each time: the root changes the mode as it likes, and we are not told. */
static u64 base(void)
{
	return msr_read(MSR_IA32_APIC_BASE);
}

static hpa_t page_of(u64 value)
{
	return hpa_of(value & LAPIC_BASE_ADDRESS);
}

bool apic_is_on(void)
{
	return base() & LAPIC_BASE_ENABLE;
}

u32 apic_read(u32 offset)
{
	u64 value = base();

	if (value & LAPIC_BASE_X2APIC)
		return (u32)msr_read(LAPIC_MSR(offset));
	return paging_device(page_of(value))[offset / 4];
}

void apic_write(u32 offset, u32 what)
{
	u64 value = base();

	if (value & LAPIC_BASE_X2APIC)
		msr_write(LAPIC_MSR(offset), what);
	else
		paging_device(page_of(value))[offset / 4] = what;
}

/* 32 vectors a register, which are 16 bytes apart. */
bool apic_has(u32 set, u8 vector)
{
	return apic_read(set + vector / 32u * 16) >> vector % 32 & 1;
}

/* ---- The root's accesses ---- */

bool apic_watch(void)
{
	struct cpu *cpu = arch_this_cpu();
	struct arch_space *space = &cpu->root->partition->space.arch;

	/* Both modes at once: the root may go over to x2APIC mode later. If memory
	 * lacks, MSRs that exit for nothing do no harm: the timer is not owned then. */
	for (u32 i = 0; i < ARRAY_LEN(watched); i++)
		vendor_msr_exits(cpu, LAPIC_MSR(watched[i]), true, true);
	vendor_msr_exits(cpu, MSR_IA32_TSC_DEADLINE, true, true);
	if (!arch_space_unmap(space, gpa_of(page_of(base()).v)))
		return false;
	arch_space_flush(space);
	return true;
}

bool apic_is_page(u64 gpa)
{
	u64 value = base();

	/* A hole at this address is the APIC's only as long as its base says so. */
	return timer_is_owned() && (value & LAPIC_BASE_ENABLE) &&
	       !(value & LAPIC_BASE_X2APIC) &&
	       gpa >> PAGE_SHIFT == value >> PAGE_SHIFT;
}

static u32 read_register(u32 offset)
{
	return timer_has(offset) ? timer_read(offset) : apic_read(offset);
}

static void write_register(u32 offset, u32 value)
{
	if (timer_has(offset))
		timer_write(offset, value);
	else
		apic_write(offset, value);
}

static void carry_out(struct vp *root, const struct insn *insn, u32 offset)
{
	u64 rflags = vp_state_part(root, VP_PART_CORE)->rflags;
	u64 before = rflags, value = 0;

	/* A read may be of some bytes of a register; a write is of all four. */
	if (insn_reads(insn))
		value = read_register(offset & ~3u) >> offset % 4 * 8;
	value = insn_execute(insn, root->state.gpr, &rflags, value);
	/* A MOV, which is what nearly all are, leaves nothing to be applied. */
	if (rflags != before)
		vp_state_change(root, VP_PART_CORE)->rflags = rflags;
	if (insn_writes(insn))
		write_register(offset, (u32)value);
	vp_skip(root, insn->length);
}

/* Software accesses a register as 32 bits (APM 16.3.2): nothing else is known here. */
enum exit_outcome apic_access(struct vp *root, u64 gpa)
{
	u32 offset = (u32)(gpa % PAGE_SIZE);
	u8 bytes[INSN_MAX];
	struct insn insn;
	u32 count = gva_fetch(root, bytes, sizeof(bytes));

	/* A part of a register written as if it were all of it would go unnoticed
	 * until much later; a #GP says where it was. */
	if (!insn_decode(bytes, count, gva_code_width(root), &insn) ||
	    insn.kind == INSN_PUSH || offset % 4 + insn.size > 4 ||
	    (insn_writes(&insn) && insn.size != 4)) {
		log_line("root: access to its APIC that is not known, at %x",
		         root->state.rip);
		return EXIT_FAULT_GP;
	}
	carry_out(root, &insn, offset);
	return EXIT_AGAIN;
}

/* An MSR of x2APIC mode stands for 16 bytes of the page. */
static bool is_watched(u32 msr)
{
	return msr >= MSR_IA32_X2APIC && msr <= MSR_IA32_X2APIC_LAST &&
	       timer_has((msr - MSR_IA32_X2APIC) * 16);
}

bool apic_read_msr(u32 msr, u64 *value)
{
	if (!is_watched(msr))
		return false;
	*value = timer_read((msr - MSR_IA32_X2APIC) * 16);
	return true;
}

bool apic_write_msr(u32 msr, u64 value)
{
	if (!is_watched(msr))
		return false;
	timer_write((msr - MSR_IA32_X2APIC) * 16, (u32)value);
	return true;
}
