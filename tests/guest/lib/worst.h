/*
 * What the hypervisor's log says of the dearest hypercalls since launch.
 */
#ifndef GUEST_WORST_H
#define GUEST_WORST_H

/*
 * Prints these lines of the log, with LOG before each, for the runner to
 * collect. The hypercall page must be there.
 */
void worst_print(void);

#endif
