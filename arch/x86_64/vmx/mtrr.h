/*
 * The machine's memory types, as the firmware has set them up.
 */
#ifndef ARCH_MTRR_H
#define ARCH_MTRR_H

/*
 * Reads the MTRRs once, at launch. A root that changes them later keeps these
 * types in its EPT; its page tables (PAT) still add to them.
 */
void mtrr_init(void);

#endif
