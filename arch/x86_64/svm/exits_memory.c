/*
 * What an access was that the nested tables did not allow (APM volume 2, 15.25.6).
 */
#include "arch/x86_64/svm/exits_memory.h"

#include "arch/x86_64/common/root_apic.h"
#include "arch/x86_64/svm/apic.h"
#include "arch/x86_64/svm/svm.h"
#include "arch/x86_64/svm/svm_arch.h"
#include "hv/arch.h"
#include "hv/vp/gva.h"
#include "hv/vp/partition.h"
#include "lib/insn.h"

/*
 * A walk counts as a write, whatever the access that it is for: it would set A. As long as
 * there is nothing to be written to, what it wants first is to read.
 */
static u8 access_type(u64 info, bool mapped)
{
	if ((info & NPF_WALK) && !mapped)
		return HV_INTERCEPT_READ;
	if (info & NPF_WRITE)
		return HV_INTERCEPT_WRITE;
	return info & NPF_EXECUTE ? HV_INTERCEPT_EXECUTE : HV_INTERCEPT_READ;
}

/* Of the operand of the instruction at RIP. False: it is none that we know. */
static bool operand_of(struct vp *vp, u64 *linear)
{
	u8 bytes[INSN_MAX];
	struct insn insn;
	u32 count = gva_fetch(vp, bytes, sizeof(bytes));

	if (!insn_decode(bytes, count, gva_code_width(vp), &insn))
		return false;
	*linear = gva_linear(vp, insn.at.segment,
	                     insn_offset(&insn, vp->state.gpr, vp->state.rip));
	return true;
}

static u64 code_of(struct vp *vp)
{
	const struct vp_state *s =
		vp_state_part(vp, VP_PART_RIP | VP_PART_CODE);

	return gva_linear(vp, VP_CS, s->rip);
}

/*
 * The linear address is not told. What the instruction has as its operand, or is at itself,
 * is meant if it leads to the very place.
 */
static bool find_linear(struct vp *vp, const struct exit_memory *m, u64 *linear)
{
	gpa_t gpa;

	if (m->walk)
		return false;
	if (m->access == HV_INTERCEPT_EXECUTE)
		*linear = code_of(vp);
	else if (!operand_of(vp, linear))
		return false;
	return gva_translate(vp, *linear, &gpa) && gpa.v == m->gpa.v;
}

/* A mapping may be without any right: only the map itself tells it apart. */
enum exit_outcome exits_memory(struct exit *x)
{
	const struct vmcb *v = vmcb_of(x->vp);
	struct exit_memory m = {
		.gpa = gpa_of(v->exit_info[1]),
		.walk = v->exit_info[0] & NPF_WALK,
	};
	struct arch_mapping mapping;
	enum exit_outcome outcome;

	if (x->vp->is_root && root_apic_is_page(m.gpa.v))
		return root_apic_access(x->vp, m.gpa.v);
	m.mapped = arch_space_lookup(&x->vp->partition->space.arch, m.gpa,
	                             &mapping);
	m.access = access_type(v->exit_info[0], m.mapped);
	/* Who delivers an event is no instruction. */
	m.gva_valid = !x->vp->is_root && !(v->exit_event & EVENT_VALID) &&
	              find_linear(x->vp, &m, &m.gva);
	outcome = exit_memory(x->vp, &m);
	if (x->vp->is_root) {
		apic_watch_again();
		root_apic_hide_again();
	}
	return outcome;
}
