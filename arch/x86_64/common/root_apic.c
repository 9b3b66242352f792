/*
 * One instruction that reads or writes a register of the APIC, decoded and carried out.
 */
#include "arch/x86_64/common/root_apic.h"

#include "arch/x86_64/common/apic.h"
#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/common/startup.h"
#include "arch/x86_64/common/vendor.h"
#include "hv/base/log.h"
#include "hv/vp/gva.h"
#include "hv/vp/partition.h"
#include "lib/insn.h"

static bool has_page(u64 base)
{
	return (base & LAPIC_BASE_ENABLE) && !(base & LAPIC_BASE_X2APIC);
}

static bool has_others; /* constant after start-up */

static bool is_watched(void)
{
	return has_others || vendor_apic_watches();
}

bool root_apic_begin(u32 processors)
{
	has_others = processors > 1;
	return !has_others || root_apic_hide(apic_base());
}

bool root_apic_hide(u64 base)
{
	struct arch_space *space =
		&arch_this_cpu()->root->partition->space.arch;

	if (!has_page(base))
		return true;
	if (!arch_space_unmap(space, gpa_of(apic_page(base).v)))
		return false;
	arch_space_flush(space);
	return true;
}

void root_apic_hide_again(void)
{
	if (is_watched() && !root_apic_hide(apic_base()))
		log_line("root: no memory to watch its APIC at %x",
		         apic_base());
}

bool root_apic_is_page(u64 gpa)
{
	u64 base = apic_base();

	/* A hole at this address is the APIC's only as long as its base says so. */
	return is_watched() && has_page(base) &&
	       gpa >> PAGE_SHIFT == base >> PAGE_SHIFT;
}

static void write_register(u32 offset, u32 value)
{
	u64 high;

	if (offset == LAPIC_ICR) {
		high = apic_read(LAPIC_ICR_HIGH);
		if (startup_sent(high << 32 | value, false))
			return;
	}
	vendor_apic_write(offset, value);
}

static void carry_out(struct vp *root, const struct insn *insn, u32 offset)
{
	u64 rflags = vp_state_part(root, VP_PART_CORE)->rflags;
	u64 before = rflags, value = 0;

	/* A read may be of some bytes of a register; a write is of all four. */
	if (insn_reads(insn))
		value = vendor_apic_read(offset & ~3u) >> offset % 4 * 8 &
		        (BIT(insn->size * 8) - 1);
	value = insn_execute(insn, root->state.gpr, &rflags, value);
	/* A MOV, which is what nearly all are, leaves nothing to be applied. */
	if (rflags != before)
		vp_state_change(root, VP_PART_CORE)->rflags = rflags;
	if (insn_writes(insn))
		write_register(offset, (u32)value);
	vp_skip(root, insn->length);
}

/* Software accesses a register as 32 bits (SDM 10.4.1): nothing else is known here. */
enum exit_outcome root_apic_access(struct vp *root, u64 gpa)
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

bool root_apic_write_icr(u64 icr)
{
	return startup_sent(icr, true) ||
	       msr_write_safe(LAPIC_MSR(LAPIC_ICR), icr);
}
