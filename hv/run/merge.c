/*
 * SDM tables 6-4 and 6-5.
 */
#include "hv/run/merge.h"

#include "include/x86.h"

enum kind { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT, KINDS };

/* #DE, #TS, #NP, #SS, #GP, #CP. */
#define CONTRIBUTORIES \
	(BIT(0) | BIT(10) | BIT(11) | BIT(12) | BIT(13) | BIT(21))

/* What is in neither class is benign: it is delivered after whatever it meets. */
static enum kind kind_of(u8 vector)
{
	if (vector == VECTOR_DF)
		return DOUBLE_FAULT;
	if (vector == VECTOR_PF || vector == VECTOR_VE)
		return PAGE_FAULT;
	return vector < 32 && (CONTRIBUTORIES >> vector & 1) ? CONTRIBUTORY
	                                                     : BENIGN;
}

/* By the first, then the second. A #DF is never second: it is what is made. */
static const enum merge table[KINDS][DOUBLE_FAULT] = {
	[BENIGN] = { MERGE_SERIAL, MERGE_SERIAL, MERGE_SERIAL },
	[CONTRIBUTORY] = { MERGE_SERIAL, MERGE_DOUBLE_FAULT, MERGE_SERIAL },
	[PAGE_FAULT] = { MERGE_SERIAL, MERGE_DOUBLE_FAULT, MERGE_DOUBLE_FAULT },
	[DOUBLE_FAULT] = { MERGE_SERIAL, MERGE_SHUTDOWN, MERGE_SHUTDOWN },
};

enum merge merge_events(enum hv_pending_type type, u8 first, u8 second)
{
	enum kind after = kind_of(second);

	/* Interrupts, and INT n: the exception in their delivery is handled first. */
	if (type != HV_PENDING_TYPE_EXCEPTION || after == DOUBLE_FAULT)
		return MERGE_SERIAL;
	/* Before the handler of the first has cleared MCIP (SDM 15.3.1.2). */
	if (first == VECTOR_MC && second == VECTOR_MC)
		return MERGE_SHUTDOWN;
	return table[kind_of(first)][after];
}

/* By the program's own INT n, INT3 or INTO it is not external (SDM 6.13). */
u32 merge_error(enum hv_pending_type type)
{
	return type != HV_PENDING_TYPE_SOFTWARE_INTERRUPT &&
	       type != HV_PENDING_TYPE_SOFTWARE_EXCEPTION;
}
