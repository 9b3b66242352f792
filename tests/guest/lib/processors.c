#include "tests/guest/lib/processors.h"

#include "parent/partition.h"
#include "tests/guest/lib/test.h"

u32 processors_count(void)
{
	const struct hv_output_get_counters *out;
	u32 count = 0, place = 0;

	/* The first rows of each, which is enough to know that it is there. */
	while (partition_get_counters(count, &place, &out) ==
	       HV_STATUS_SUCCESS) {
		place = 0;
		count++;
	}
	return count;
}

bool processors_is_one(void)
{
	if (processors_count() == 1)
		return true;
	test_skip("it is about one processor, and there are more");
	return false;
}

bool processors_are_more(void)
{
	if (processors_count() > 1)
		return true;
	test_skip("one processor");
	return false;
}
