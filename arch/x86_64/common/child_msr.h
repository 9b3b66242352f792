/*
 * Which of the processor's MSRs children reach without an exit.
 */
#ifndef ARCH_CHILD_MSR_H
#define ARCH_CHILD_MSR_H

/* At launch, behind facts_init. */
void child_msr_init(void);

#endif
