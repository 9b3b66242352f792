/*
 * Few instructions exit, and each of them has one opcode. Without NRIP the exits of all of
 * them come by here.
 */
#include "arch/x86_64/svm/opcode.h"

#include "arch/x86_64/svm/svm.h"

/* Legacy prefixes (APM volume 3, 1.2.1). */
static bool is_prefix(u8 byte)
{
	switch (byte) {
	case 0x66:
	case 0x67:
	case 0xf2:
	case 0xf3:
	case 0xf0:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x26:
	case 0x64:
	case 0x65:
		return true;
	default:
		return false;
	}
}

static bool is_rex(u8 byte, u32 width)
{
	return width == 8 && (byte & 0xf0) == 0x40;
}

u32 opcode_prefixes(const u8 *bytes, u32 count, u32 width)
{
	u32 i = 0;

	while (i < count && (is_prefix(bytes[i]) || is_rex(bytes[i], width)))
		i++;
	return i;
}

struct opcode opcode_find(const u8 *bytes, u32 count, u32 width)
{
	u32 prefixes = opcode_prefixes(bytes, count, width);
	struct opcode o = {
		.at = bytes + prefixes,
		.prefixes = prefixes,
		.count = count - prefixes,
	};

	/* REX counts directly before the opcode alone (1.2.7). Outside 64-bit mode there
	 * is none: 40 to 4F are INC and DEC. */
	if (prefixes && is_rex(o.at[-1], width))
		o.rex = o.at[-1];
	return o;
}

/* Opcode and ModRM of MOV to and from CR and DR; LMSW has its own way (exits_cr.c). */
static const u8 lengths[SVM_EXITS] = {
	[SVM_EXIT_CR_READ... SVM_EXIT_EXCEPTION - 1] = 3,
	[SVM_EXIT_CR0_SELECTIVE] = 3,
	[SVM_EXIT_RDPMC] = 2,
	[SVM_EXIT_CPUID] = 2,
	[SVM_EXIT_INVD] = 2,
	[SVM_EXIT_HLT] = 1,
	[SVM_EXIT_MSR] = 2,
	[SVM_EXIT_VMMCALL] = 3,
	[SVM_EXIT_MWAIT] = 3,
	[SVM_EXIT_MWAIT_ARMED] = 3,
	[SVM_EXIT_XSETBV] = 3,
};

u32 opcode_length(u64 exit_code)
{
	return exit_code < SVM_EXITS ? lengths[exit_code] : 0;
}
