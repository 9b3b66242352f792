/*
 * Rules that registers obey together, or the processor does not enter them: its
 * vendor's, behind the door (arch_vp_rules). What one register may hold by itself
 * is in vp_check.h. A state that both accept enters.
 */
#ifndef HV_VP_RULES_H
#define HV_VP_RULES_H

#include "hv/vp/vp_state.h"

enum vp_rule_when { VP_RULE_ALWAYS, VP_RULE_NOT_V86, VP_RULE_V86 };

struct vp_rule {
	const char *what; /* the rule, as a sentence */
	bool (*holds)(const struct vp_state *s);
	enum vp_rule_when when; /* of virtual-8086 mode only, or not of it */
	u32 parts; /* of the state that it speaks of (enum vp_part) */
};

/* Does it say anything of this state? Looks at the core alone. */
bool vp_rule_applies(const struct vp_rule *rule, const struct vp_state *s);

bool vp_rule_holds(const struct vp_rule *rule, const struct vp_state *s);

/* The first rule that the state breaks, NULL: none. */
const struct vp_rule *vp_rules_broken(const struct vp_state *s);

#endif
