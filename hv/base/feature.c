/*
 * The feature words.
 */
#include "hv/base/feature.h"

#include "include/x86.h"

#define W(word) STREAM_FEATURE_##word
#define FREE(number)                                             \
	{                                                        \
		FEATURE_NO_LEAF, 0, EAX, "feature word " #number \
	}

/* In the order of the stream, which cannot change: others come at the end. */
const struct feature feature_words[STREAM_FEATURE_COUNT] = {
	/* Subleaf 0 also where the leaf has none, as the processor does not
	 * look at ECX there. A name is what the log says of the word. */
	[W(1_ECX)] = { 0x1, 0, ECX, "CPUID 1 ECX" },
	[W(1_EDX)] = { 0x1, 0, EDX, "CPUID 1 EDX" },
	[W(7_EBX)] = { 0x7, 0, EBX, "CPUID 7.0 EBX" },
	[W(7_ECX)] = { 0x7, 0, ECX, "CPUID 7.0 ECX" },
	[W(7_EDX)] = { 0x7, 0, EDX, "CPUID 7.0 EDX" },
	[W(80000001_ECX)] = { 0x80000001, 0, ECX, "CPUID 80000001 ECX" },
	[W(80000001_EDX)] = { 0x80000001, 0, EDX, "CPUID 80000001 EDX" },
	[W(D_1_EAX)] = { 0xd, 1, EAX, "CPUID D.1 EAX" },
	[W(80000008_EBX)] = { 0x80000008, 0, EBX, "CPUID 80000008 EBX" },
	[W(7_1_EAX)] = { 0x7, 1, EAX, "CPUID 7.1 EAX" },
	/* A stream that sets one asks for what nobody here has: result 5. */
	FREE(10),
	FREE(11),
	FREE(12),
	FREE(13),
	FREE(14),
	FREE(15),
};
