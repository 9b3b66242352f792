/*
 * The table of vendors, and the one of this processor.
 */
#include "boot/vendor.h"

#include <cpuid.h>

#include "include/x86.h"

/* The first is also the one that is missed where there is none. */
static const struct vendor *const vendors[] = { &vendor_vtx, &vendor_svm };

/* By the feature and not by the vendor's name: emulators have both of either. */
static bool is_here(const struct vendor *v)
{
	u32 max, r[4], ignored[3];

	__cpuid(v->leaf & CPUID_EXTENDED, max, ignored[0], ignored[1],
	        ignored[2]);
	if (v->leaf > max)
		return false;
	__cpuid_count(v->leaf, 0, r[EAX], r[EBX], r[ECX], r[EDX]);
	return r[v->reg] & v->bit;
}

const struct vendor *vendor_here(void)
{
	for (u32 i = 0; i < ARRAY_LEN(vendors); i++)
		if (is_here(vendors[i]))
			return vendors[i];
	return vendors[0];
}
