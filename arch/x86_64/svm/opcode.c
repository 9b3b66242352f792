/*
 * Few instructions exit, and their lengths make one table.
 */
#include "arch/x86_64/svm/opcode.h"

#include "arch/x86_64/svm/svm.h"

/* Legacy prefixes (APM volume 3, 1.2.1). */
static bool is_prefix(u8 byte)
{
	static const u8 prefixes[] = { 0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e,
		                       0x36, 0x3e, 0x26, 0x64, 0x65 };

	for (u32 i = 0; i < ARRAY_LEN(prefixes); i++)
		if (prefixes[i] == byte)
			return true;
	return false;
}

struct opcode opcode_find(const u8 *bytes, u32 count, u32 width)
{
	struct opcode o = { .at = bytes };

	for (; o.prefixes < count; o.prefixes++) {
		u8 byte = bytes[o.prefixes];

		/* REX counts directly before the opcode alone (1.2.7). Outside 64-bit
		 * mode there is none: 40 to 4F are INC and DEC. */
		if (is_prefix(byte))
			o.rex = 0;
		else if (width == 8 && (byte & 0xf0) == 0x40)
			o.rex = byte;
		else
			break;
	}
	o.at += o.prefixes;
	o.count = count - o.prefixes;
	return o;
}

u32 opcode_length(u64 exit_code)
{
	static const struct {
		u16 exit;
		u8 bytes;
	} rows[] = {
		{ SVM_EXIT_RDPMC, 2 },  { SVM_EXIT_CPUID, 2 },
		{ SVM_EXIT_INVD, 2 },   { SVM_EXIT_HLT, 1 },
		{ SVM_EXIT_MSR, 2 },    { SVM_EXIT_VMMCALL, 3 },
		{ SVM_EXIT_MWAIT, 3 },  { SVM_EXIT_MWAIT_ARMED, 3 },
		{ SVM_EXIT_XSETBV, 3 },
	};

	for (u32 i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].exit == exit_code)
			return rows[i].bytes;
	/* MOV to and from CR and DR: opcode and ModRM; LMSW has its own way. */
	return exit_code < SVM_EXIT_EXCEPTION ||
	                       exit_code == SVM_EXIT_CR0_SELECTIVE
	               ? 3
	               : 0;
}
