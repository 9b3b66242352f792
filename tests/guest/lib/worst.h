/*
 * What the hypervisor's log says of the worst since launch: the dearest
 * hypercalls, and VP entries that failed.
 */
#ifndef GUEST_WORST_H
#define GUEST_WORST_H

/*
 * Prints these lines of the log, with LOG before each, for the runner to
 * collect. The hypercall page must be there.
 */
void worst_print(void);

/* The same for one line. Who reads the log before the end owes it them. */
void worst_line(const char *line);

#endif
