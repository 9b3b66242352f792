/*
 * See vendor.h.
 */
#include "tests/guest/lib/vendor.h"

#include "include/x86.h"
#include "parent/cpu.h"

#define AMD_EBX 0x68747541u   /* "Auth" enticAMD */
#define HYGON_EBX 0x6f677948u /* "Hygo" nGenuine */

/* VMCALL, VMMCALL: two bytes that both have, and the last one of each. */
#define CALL_FIRST 0x0f
#define CALL_SECOND 0x01
#define VMCALL_LAST 0xc1
#define VMMCALL_LAST 0xd9

bool vendor_is_svm(void)
{
	u32 ebx = cpu_cpuid(0).ebx;

	return ebx == AMD_EBX || ebx == HYGON_EBX;
}

/* Pages of a program's code may be read-only to it. */
void vendor_fit_calls(u8 *bytes, u64 size)
{
	u64 cr0;

	if (!vendor_is_svm())
		return;
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0 & ~CR0_WP) : "memory");
	for (u64 i = 0; i + 3 <= size; i++)
		if (bytes[i] == CALL_FIRST && bytes[i + 1] == CALL_SECOND &&
		    bytes[i + 2] == VMCALL_LAST)
			bytes[i + 2] = VMMCALL_LAST;
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");
}
