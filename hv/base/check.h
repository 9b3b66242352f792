/*
 * CHECK: the third kind of trouble, where we are wrong. It is on in every build
 * and stops the machine with a report.
 *
 * Never use it on anything that a guest or a stream can choose: that is an
 * HV_STATUS, an intercept or a fault in the guest.
 */
#ifndef HV_CHECK_H
#define HV_CHECK_H

#include "include/types.h"

/* Implemented behind the door: prints the report and stops every processor. */
_Noreturn void arch_check_failed(const char *expression, const char *file,
                                 u32 line);

#define CHECK(cond)                                                   \
	do {                                                          \
		if (!(cond))                                          \
			arch_check_failed(#cond, __FILE__, __LINE__); \
	} while (0)

#endif
