/*
 * What CPUID may say of this processor to those who run under us, and what a
 * child's XSAVE area has. No hardware in here but arch_cpuid: unit tests run it.
 */
#ifndef ARCH_WORDS_H
#define ARCH_WORDS_H

#include "hv/arch.h"

/*
 * Of facts: compat, but for what is no word of CPUID; has_xsave; where CPUID
 * ends; root_can. root, child: what the processor can let each of them have
 * (enum arch_root).
 */
void words_find(struct arch_facts *facts, u32 root, u32 child);

#endif
