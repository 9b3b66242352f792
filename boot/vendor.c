/*
 * The table of vendors, and the one of this processor.
 */
#include "boot/vendor.h"

#include <cpuid.h>

#include "boot/maker.h"
#include "include/x86.h"

static const struct vendor *const vendors[] = { &vendor_vtx, &vendor_svm };

/* By the feature and not by the vendor's name: emulators have both of either. */
bool vendor_is_there(const struct vendor *v)
{
	u32 max, r[4], ignored[3];

	__cpuid(v->leaf & CPUID_EXTENDED, max, ignored[0], ignored[1],
	        ignored[2]);
	if (v->leaf > max)
		return false;
	__cpuid_count(v->leaf, 0, r[EAX], r[EBX], r[ECX], r[EDX]);
	return r[v->reg] & v->bit;
}

static void read_cpuid(u32 leaf, u32 r[4])
{
	__cpuid(leaf, r[EAX], r[EBX], r[ECX], r[EDX]);
}

const struct vendor *vendor_here(void)
{
	for (u32 i = 0; i < ARRAY_LEN(vendors); i++)
		if (vendor_is_there(vendors[i]))
			return vendors[i];
	/* The one that is missed. */
	return maker_has_svm(read_cpuid) ? &vendor_svm : &vendor_vtx;
}
