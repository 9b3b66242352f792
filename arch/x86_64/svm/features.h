/*
 * What this processor offers to a hypervisor, looked at once, before anything is
 * changed.
 */
#ifndef ARCH_SVM_FEATURES_H
#define ARCH_SVM_FEATURES_H

#include "include/handoff.h"

struct features {
	bool has_lbr; /* DEBUGCTL is each guest's own */
	bool has_nrip;
	bool has_tsc_ratio;
	bool has_flush_asid;
	bool has_gigabyte_pages;
	bool has_xsave;
	u32 asids;
	u64 host_cr0;
	u64 host_cr4;
};

const struct features *features(void);

#endif
