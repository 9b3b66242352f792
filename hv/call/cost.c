/*
 * The longest turn of each hypercall.
 */
#include "hv/call/cost.h"

#include "hv/base/log.h"
#include "hv/call/hypercall.h"

#define CODES 32u      /* from CreatePartition to RestorePartitionState */
#define READ_LOG CODES /* the one of our own */
#define OTHERS (CODES + 1)
#define LINES_AT_ONCE 4u /* so that reading the log stays a short call */

_Static_assert(HVCALL_RESTORE_PARTITION_STATE - HVCALL_CREATE_PARTITION < CODES,
               "a row for each call");

/*
 * Of all processors together. Each word only grows: a compare-and-exchange will do where
 * two of them note a cost, and no call waits for a lock here.
 */
static struct {
	u64 worst;
	u64 told;
} costs[CODES + 2];

static u32 row_of(u32 code)
{
	if (code - HVCALL_CREATE_PARTITION < CODES)
		return code - HVCALL_CREATE_PARTITION;
	return code == HVCALL_STASIS_READ_LOG ? READ_LOG : OTHERS;
}

static u32 code_of(u32 row)
{
	if (row < CODES)
		return row + HVCALL_CREATE_PARTITION;
	return row == READ_LOG ? HVCALL_STASIS_READ_LOG : 0;
}

void cost_note(u32 code, u64 ticks)
{
	u32 row = row_of(code);

	if (ticks > costs[row].worst)
		costs[row].worst = ticks;
}

bool cost_tell(void)
{
	u32 lines = 0;

	for (u32 i = 0; i < ARRAY_LEN(costs) && lines < LINES_AT_ONCE; i++) {
		if (costs[i].worst == costs[i].told)
			continue;
		costs[i].told = costs[i].worst;
		log_line("hypercall %x: at most %u ticks", (u64)code_of(i),
		         costs[i].worst);
		lines++;
	}
	return lines > 0;
}
