/*
 * Whatever can be refused is looked at first, PDPTEs included (SDM, MOV to control
 * registers; 2.5, 4.1.2, 4.4.1, 9.8.5). Then the new state is there in one step:
 * nobody sees a register that the instruction has not written yet.
 */
#include "hv/run/cr.h"

#include "hv/arch.h"
#include "hv/memory/gpa.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"
#include "include/x86.h"

#define PDPTES 4

/* Writes of these read the PDPTEs anew, if PAE paging is in use then. */
#define CR0_LOADS (CR0_PG | CR0_CD | CR0_NW)
#define CR4_LOADS (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)

/* What an instruction would make of a VP. */
struct change {
	u64 cr0;
	u64 cr4;
	u64 efer;
	u64 pdpte[PDPTES];
};

static bool long_mode(u64 efer)
{
	return efer & EFER_LMA;
}

static bool uses_pdptes(const struct change *c)
{
	return (c->cr0 & CR0_PG) && (c->cr4 & CR4_PAE) && !long_mode(c->efer);
}

static bool pdpte_refused(u64 pdpte)
{
	/* Of a PDPTE that is not present nothing is reserved (SDM 4.4.1). */
	u64 high = ~(BIT(arch_facts()->compat.phys_bits) - 1);

	return (pdpte & PDPTE_PRESENT) && (pdpte & (high | PDPTE_RSVD));
}

/* The processor's walk finds no page that it may read: whose it is to decide. */
static enum exit_outcome pdptes_missing(struct vp *vp, gpa_t at)
{
	struct arch_mapping m;
	/* As if the processor had found it: the parent may map the page, and
	 * then the instruction comes again. */
	struct exit_memory e = {
		.gpa = at,
		.access = HV_INTERCEPT_READ,
		.mapped = gpa_lookup(&vp->partition->space, at.v >> PAGE_SHIFT,
		                     &m),
		.walk = true,
	};

	return exit_memory(vp, &e);
}

/* EXIT_SKIP: they are in *c, and good. */
static enum exit_outcome load_pdptes(struct vp *vp, struct change *c)
{
	gpa_t at = gpa_of(vp->state.cr3 & CR3_PDPT);
	const void *table =
		gpa_pin(&vp->partition->space, at, sizeof(c->pdpte), ARCH_READ);

	if (!table)
		return pdptes_missing(vp, at);
	arch_copy(c->pdpte, table, sizeof(c->pdpte));
	for (u32 i = 0; i < PDPTES; i++)
		if (pdpte_refused(c->pdpte[i]))
			return EXIT_FAULT_GP;
	return EXIT_SKIP;
}

/* load: the instruction is one that reads PDPTEs. */
static enum exit_outcome carry_out(struct vp *vp, struct change *c, bool load)
{
	enum exit_outcome outcome = EXIT_SKIP;
	struct vp_state *s;

	/* What the new mode does not have must be 0, or a stream of this VP
	 * would be refused (pdptes_valid). */
	if (!uses_pdptes(c))
		__builtin_memset(c->pdpte, 0, sizeof(c->pdpte));
	else if (load)
		outcome = load_pdptes(vp, c);
	if (outcome != EXIT_SKIP)
		return outcome;
	/* Behind the last refusal. */
	s = vp_state_change(vp, VP_PART_PAGING | VP_PART_CORE);
	s->cr0 = c->cr0;
	s->cr4 = c->cr4;
	s->efer = c->efer;
	__builtin_memcpy(s->pdpte, c->pdpte, sizeof(s->pdpte));
	return EXIT_SKIP;
}

static struct change unchanged(struct vp *vp)
{
	const struct vp_state *s = vp_state_part(vp, VP_PART_PAGING);
	struct change c = { s->cr0, s->cr4, s->efer, { 0 } };

	__builtin_memcpy(c.pdpte, s->pdpte, sizeof(c.pdpte));
	return c;
}

/* ---- CR0 ---- */

/* Paging goes on in the mode that EFER.LME asks for (SDM 9.8.5). */
static bool paging_on_refused(struct vp *vp, const struct change *old)
{
	const struct vp_state *s =
		vp_state_part(vp, VP_PART_CORE | VP_PART_SEGMENTS);

	if (!(old->efer & EFER_LME))
		return false;
	/* PAE is the form of 64-bit tables; CS.L and a 16-bit TSS are what
	 * IA-32e mode cannot begin with. */
	return !(old->cr4 & CR4_PAE) ||
	       (s->segment[VP_CS].attributes & RIGHTS_L) ||
	       (s->segment[VP_TR].attributes & 0xf) == TYPE_TSS16_BUSY;
}

static bool paging_off_refused(const struct vp *vp, const struct change *old)
{
	/* PCIDs and 64-bit code need IA-32e mode, which ends with paging. */
	return (old->cr4 & CR4_PCIDE) ||
	       (long_mode(old->efer) &&
	        (vp->state.segment[VP_CS].attributes & RIGHTS_L));
}

static bool cr0_refused(struct vp *vp, const struct change *old, u64 value)
{
	if (value >> 32 || ((value & CR0_PG) && !(value & CR0_PE)) ||
	    ((value & CR0_NW) && !(value & CR0_CD)))
		return true;
	/* CET works with write protection alone (SDM 2.5), here and below. */
	if (!(value & CR0_WP) && (old->cr4 & CR4_CET))
		return true;
	if (!((value ^ old->cr0) & CR0_PG))
		return false;
	return value & CR0_PG ? paging_on_refused(vp, old)
	                      : paging_off_refused(vp, old);
}

enum exit_outcome cr_write_cr0(struct vp *vp, u64 value)
{
	struct change c = unchanged(vp);
	u64 old = c.cr0;

	if (cr0_refused(vp, &c, value))
		return EXIT_FAULT_GP;
	/* Reserved bits of the lower half are ignored. */
	c.cr0 = (value & arch_facts()->cr0_allowed) | CR0_ET;
	/* LMA is LME while paging is on (SDM 9.8.5). */
	c.efer &= ~EFER_LMA;
	if ((c.cr0 & CR0_PG) && (c.efer & EFER_LME))
		c.efer |= EFER_LMA;
	return carry_out(vp, &c, (old ^ c.cr0) & CR0_LOADS);
}

/* ---- CR4 ---- */

static bool cr4_refused(const struct vp *vp, const struct change *old,
                        u64 value)
{
	u64 changed = value ^ old->cr4;

	/* The form of the tables that are in use cannot change under them. */
	if (long_mode(old->efer) &&
	    (!(value & CR4_PAE) || (changed & CR4_LA57)))
		return true;
	if ((value & CR4_CET) && !(old->cr0 & CR0_WP))
		return true;
	if (!(changed & value & CR4_PCIDE))
		return false;
	/* CR3 would name a PCID that nobody chose (SDM 4.10.1). */
	return !long_mode(old->efer) || (vp->state.cr3 & CR3_PCID);
}

enum exit_outcome cr_write_cr4(struct vp *vp, u64 value, u64 allowed)
{
	struct change c = unchanged(vp);
	u64 old = c.cr4;

	if ((value & ~allowed) || cr4_refused(vp, &c, value))
		return EXIT_FAULT_GP;
	c.cr4 = value;
	return carry_out(vp, &c, (old ^ value) & CR4_LOADS);
}
