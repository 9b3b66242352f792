/*
 * By the name in leaf 0. It decides nothing but the words of a refusal: emulators have
 * either way under any name.
 */
#include "boot/maker.h"

#include "include/x86.h"

bool maker_has_svm(hypervisor_cpuid cpuid)
{
	/* Hygon's are AMD's first Zen under a name of their own. */
	static const char makers[][13] = { "AuthenticAMD", "HygonGenuine" };
	u32 r[4];
	char name[12];

	cpuid(0, r);
	__builtin_memcpy(name, &r[EBX], 4);
	__builtin_memcpy(name + 4, &r[EDX], 4);
	__builtin_memcpy(name + 8, &r[ECX], 4);
	for (u32 i = 0; i < ARRAY_LEN(makers); i++)
		if (!__builtin_memcmp(name, makers[i], sizeof(name)))
			return true;
	return false;
}
