/*
 * How hvctl regs prints a table of registers.
 */
#include "tools/hvctl/regs.h"

#include "tools/hvctl/print.h"

#define VECTORS_IN_ROW 23
#define APIC_SET_REGISTERS 8 /* of 32 vectors each */

/* Behind cell i of a table: the end of a row, or what parts it from the next. */
static const char *behind(u32 i, u32 count, u32 in_row, const char *gap)
{
	/* The last cell of a table ends its row, full or not. */
	return i % in_row == in_row - 1 || i == count - 1 ? "\n" : gap;
}

void regs_print_words(const struct reg_value *list, u32 count)
{
	for (u32 i = 0; i < count; i++)
		print("%6s %016lX%s", list[i].reg->label, list[i].value.reg64,
		      behind(i, count, 3, "   "));
}

void regs_print_long_words(const struct reg_value *list, u32 count)
{
	for (u32 i = 0; i < count; i++)
		print("%15s %016lX%s", list[i].reg->label, list[i].value.reg64,
		      behind(i, count, 2, "    "));
}

void regs_print_halves(const struct reg_value *list, u32 count)
{
	for (u32 i = 0; i < count; i++)
		print("%13s %08lX%s", list[i].reg->label, list[i].value.reg64,
		      behind(i, count, 3, "   "));
}

void regs_print_segments(const struct reg_value *list, u32 count)
{
	const union hv_register_value *v;

	print("       selector  base              limit     attributes\n");
	for (u32 i = 0; i < count; i++) {
		v = &list[i].value;
		print("%6s %04X      %016lX  %08X  %04X\n", list[i].reg->label,
		      v->segment.selector, v->segment.base, v->segment.limit,
		      v->segment.attributes);
	}
}

void regs_print_tables(const struct reg_value *list, u32 count)
{
	for (u32 i = 0; i < count; i++)
		print("%6s           %016lX  %04X\n", list[i].reg->label,
		      list[i].value.table.base, list[i].value.table.limit);
}

void regs_print_states(const struct reg_value *list, u32 count)
{
	for (u32 i = 0; i < count; i++)
		print("%22s %lX\n", list[i].reg->label, list[i].value.reg64);
}

/* The registers of one set, ISR for example, as a list of what is in it. */
void regs_print_vectors(const struct reg_value *list, u32 count)
{
	u32 shown = 0;

	/* An APIC that is off, or of a mode without them, has left some out: half a set lies. */
	if (count != APIC_SET_REGISTERS)
		return;
	print("%8s", list[0].reg->label);
	for (u32 vector = 0; vector < 32 * count; vector++) {
		/* Each register has 32 vectors, the lowest in bit 0 (SDM 10.8.4). */
		if (!(list[vector / 32].value.reg64 >> vector % 32 & 1))
			continue;
		/* 23 of three columns and the label are 77: within a screen of 80. */
		if (shown && shown % VECTORS_IN_ROW == 0)
			print("\n        ");
		print(" %02X", vector);
		shown++;
	}
	print("%s\n", shown ? "" : " none");
}

/* Sign and exponent, then the significand with its integer bit. */
void regs_print_x87(const struct reg_value *list, u32 count)
{
	for (u32 i = 0; i < count; i++)
		print("%6s %04lX:%016lX%s", list[i].reg->label,
		      list[i].value.reg128[1] & 0xffff, list[i].value.reg128[0],
		      behind(i, count, 2, "   "));
}

/* As FXSAVE has it: control, status, abridged tag, opcode, then the pointer. */
void regs_print_x87_control(const struct reg_value *list, u32 count)
{
	u64 low;

	for (u32 i = 0; i < count; i++) {
		/* 16 bits each, the tag 8 and a reserved byte, then the opcode (TLFS' layout). */
		low = list[i].value.reg128[0];
		print("   FCW %04lX   FSW %04lX   FTW %02lX   FOP %04lX   "
		      "FIP %016lX\n",
		      low & 0xffff, low >> 16 & 0xffff, low >> 32 & 0xff,
		      low >> 48, list[i].value.reg128[1]);
	}
}

void regs_print_mxcsr(const struct reg_value *list, u32 count)
{
	u64 high;

	for (u32 i = 0; i < count; i++) {
		/* MXCSR and its mask share the upper half; the lower is the data pointer. */
		high = list[i].value.reg128[1];
		print(" MXCSR %08lX   mask %08lX   FDP %016lX\n",
		      high & 0xffffffff, high >> 32, list[i].value.reg128[0]);
	}
}

void regs_print_xmm(const struct reg_value *list, u32 count)
{
	for (u32 i = 0; i < count; i++)
		print("%6s %016lX%016lX%s", list[i].reg->label,
		      list[i].value.reg128[1], list[i].value.reg128[0],
		      behind(i, count, 2, " "));
}
