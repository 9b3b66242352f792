/*
 * What the processor has and its child does not. A child may write the bits of
 * such a feature where no exit tells us: DR6 of bus-lock detection and RTM, CR3
 * and PDPTEs of more address bits or of LAM, bases of five-level paging. CPUID
 * does not show it any of these, so the bits have the value that a processor
 * without the feature gives them, from the first time we look.
 */
#include "hv/vp/vp_confine.h"

#include "hv/arch.h"
#include "hv/vp/debug.h"

static u64 physical(u64 value)
{
	return value & (BIT(arch_facts()->compat.phys_bits) - 1);
}

/* The nearest that a register of so many bits can hold. */
static u64 linear(u64 address)
{
	u32 rest = 64 - arch_facts()->compat.linear_bits;

	return (u64)((i64)(address << rest) >> rest);
}

static void confine_dr6(u64 *dr6)
{
	const u32 *features = arch_facts()->compat.features;
	u64 writable = DR6_WRITABLE;

	/* With RTM its bit of DR6 can be clear. */
	if (!(features[STREAM_FEATURE_7_EBX] & CPUID_7_EBX_RTM))
		writable &= ~DEBUG_RTM;
	*dr6 = (*dr6 & writable) | (DR6_FIXED & ~writable);
}

static void confine_paging(struct vp_state *s)
{
	s->cr3 = physical(s->cr3);
	for (u32 i = 0; i < 4; i++)
		/* One that is not present is not looked at, and a stream has it
		 * as it is. */
		if (s->pdpte[i] & PDPTE_PRESENT)
			s->pdpte[i] = physical(s->pdpte[i]);
}

static void confine_segments(struct vp_state *s)
{
	/* Those with a base of 64 bits; of the others VM entry wants 32 (SDM
	 * 26.3.1.2). */
	static const u8 wide[] = { VP_FS, VP_GS, VP_LDTR, VP_TR };

	for (u32 i = 0; i < ARRAY_LEN(wide); i++)
		s->segment[wide[i]].base = linear(s->segment[wide[i]].base);
	s->gdtr.base = linear(s->gdtr.base);
	s->idtr.base = linear(s->idtr.base);
}

/*
 * EIP has 32 bits. Where it ran over 4 GiB a processor may still leave more, which is
 * no state of 32-bit code (SDM 26.3.1.4).
 */
static bool confine_rip(struct vp_state *s)
{
	if (vp_state_is_64(s) || !(s->rip >> 32))
		return false;
	s->rip = (u32)s->rip;
	return true;
}

u32 vp_confine(struct vp_state *s, u32 parts)
{
	if (parts & VP_PART_PAGING)
		confine_paging(s);
	if (parts & VP_PART_SEGMENTS)
		confine_segments(s);
	if (parts & VP_PART_MSRS) {
		s->sysenter_rip = linear(s->sysenter_rip);
		s->sysenter_rsp = linear(s->sysenter_rsp);
	}
	if (parts & VP_PART_LIVE) {
		s->kernel_gs_base = linear(s->kernel_gs_base);
		confine_dr6(&s->dr6);
	}
	/* The others are what the hardware would take back as it is; RIP of
	 * 32-bit code it would refuse. */
	return (parts & VP_PART_RIP) && confine_rip(s) ? VP_PART_RIP : 0;
}
