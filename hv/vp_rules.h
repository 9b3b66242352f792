/*
 * Rules that registers obey together: those of the Intel SDM for the guest
 * state of a VM entry (vol. 3, 26.3.1) with unrestricted guest, and for the
 * event that the entry injects (26.2.1.3). What one register may hold by itself
 * is in vp_check.h. A state that both accept enters.
 */
#ifndef HV_VP_RULES_H
#define HV_VP_RULES_H

#include "hv/vp_state.h"

struct vp_rule {
	const char *what; /* the rule, as a sentence */
	bool (*holds)(const struct vp_state *s);
	bool not_v86; /* says nothing of virtual-8086 mode */
};

/* All rules, for walkers. */
const struct vp_rule *vp_rules(u32 *count);

bool vp_rule_holds(const struct vp_rule *rule, const struct vp_state *s);

/* The first rule that the state breaks, NULL: none. */
const struct vp_rule *vp_rules_broken(const struct vp_state *s);

#endif
