/*
 * What CPUID may say of this processor to those who run under us, and what a
 * child's XSAVE area has. No hardware in here but arch_cpuid: unit tests run it.
 */
#ifndef ARCH_WORDS_H
#define ARCH_WORDS_H

#include "hv/arch.h"

/* What our VMCSs allow: secondary controls, and what VMX itself allows. */
struct words_controls {
	u64 root;
	u64 child;
	u64 misc; /* IA32_VMX_MISC */
};

/*
 * Of facts: compat, but for what is no word of CPUID; has_xsave; where CPUID
 * ends; root_can.
 */
void words_find(struct arch_facts *facts, const struct words_controls *c);

#endif
