/*
 * Walks the rules of the processor's vendor.
 */
#include "hv/vp/vp_rules.h"

#include "hv/arch.h"
#include "include/x86.h"

/* Each mode has rules of its own for the same fields (SDM 26.3.1.2). */
bool vp_rule_applies(const struct vp_rule *rule, const struct vp_state *s)
{
	bool v86 = s->rflags & RFLAGS_VM;

	return rule->when == VP_RULE_ALWAYS ||
	       v86 == (rule->when == VP_RULE_V86);
}

bool vp_rule_holds(const struct vp_rule *rule, const struct vp_state *s)
{
	return !vp_rule_applies(rule, s) || rule->holds(s);
}

const struct vp_rule *vp_rules_broken(const struct vp_state *s)
{
	u32 count;
	const struct vp_rule *rules = arch_vp_rules(&count);

	for (u32 i = 0; i < count; i++)
		if (!vp_rule_holds(&rules[i], s))
			return &rules[i];
	return NULL;
}
