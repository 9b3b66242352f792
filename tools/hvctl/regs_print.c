/*
 * How hvctl regs prints a table of registers.
 */
#include "tools/hvctl/regs.h"

#include <efilib.h>

#define VECTORS_IN_ROW 23
#define APIC_SET_REGISTERS 8 /* of 32 vectors each */

/* Behind cell i of a table: the end of a row, or what parts it from the next. */
static const char *behind(u32 i, u32 count, u32 in_row, const char *gap)
{
	return i % in_row == in_row - 1 || i == count - 1 ? "\n" : gap;
}

void regs_print_words(const struct reg_value *list, u32 count)
{
	for (u32 i = 0; i < count; i++)
		Print(L"%6a %016lx%a", list[i].reg->label, list[i].value.reg64,
		      behind(i, count, 3, "   "));
}

void regs_print_long_words(const struct reg_value *list, u32 count)
{
	for (u32 i = 0; i < count; i++)
		Print(L"%15a %016lx%a", list[i].reg->label, list[i].value.reg64,
		      behind(i, count, 2, "    "));
}

void regs_print_halves(const struct reg_value *list, u32 count)
{
	for (u32 i = 0; i < count; i++)
		Print(L"%13a %08lx%a", list[i].reg->label, list[i].value.reg64,
		      behind(i, count, 3, "   "));
}

void regs_print_segments(const struct reg_value *list, u32 count)
{
	const union hv_register_value *v;

	Print(L"       selector  base              limit     attributes\n");
	for (u32 i = 0; i < count; i++) {
		v = &list[i].value;
		Print(L"%6a %04x      %016lx  %08x  %04x\n", list[i].reg->label,
		      v->segment.selector, v->segment.base, v->segment.limit,
		      v->segment.attributes);
	}
}

void regs_print_tables(const struct reg_value *list, u32 count)
{
	for (u32 i = 0; i < count; i++)
		Print(L"%6a           %016lx  %04x\n", list[i].reg->label,
		      list[i].value.table.base, list[i].value.table.limit);
}

void regs_print_states(const struct reg_value *list, u32 count)
{
	for (u32 i = 0; i < count; i++)
		Print(L"%22a %lx\n", list[i].reg->label, list[i].value.reg64);
}

/* The registers of one set, ISR for example, as a list of what is in it. */
void regs_print_vectors(const struct reg_value *list, u32 count)
{
	u32 shown = 0;

	if (count != APIC_SET_REGISTERS)
		return;
	Print(L"%8a", list[0].reg->label);
	for (u32 vector = 0; vector < 32 * count; vector++) {
		if (!(list[vector / 32].value.reg64 >> vector % 32 & 1))
			continue;
		if (shown && shown % VECTORS_IN_ROW == 0)
			Print(L"\n        ");
		Print(L" %02x", vector);
		shown++;
	}
	Print(L"%a\n", shown ? "" : " none");
}

/* Sign and exponent, then the significand with its integer bit. */
void regs_print_x87(const struct reg_value *list, u32 count)
{
	for (u32 i = 0; i < count; i++)
		Print(L"%6a %04lx:%016lx%a", list[i].reg->label,
		      list[i].value.reg128[1] & 0xffff, list[i].value.reg128[0],
		      behind(i, count, 2, "   "));
}

/* As FXSAVE has it: control, status, abridged tag, opcode, then the pointer. */
void regs_print_x87_control(const struct reg_value *list, u32 count)
{
	u64 low;

	for (u32 i = 0; i < count; i++) {
		low = list[i].value.reg128[0];
		Print(L"   FCW %04lx   FSW %04lx   FTW %02lx   FOP %04lx   "
		      L"FIP %016lx\n",
		      low & 0xffff, low >> 16 & 0xffff, low >> 32 & 0xff,
		      low >> 48, list[i].value.reg128[1]);
	}
}

void regs_print_mxcsr(const struct reg_value *list, u32 count)
{
	u64 high;

	for (u32 i = 0; i < count; i++) {
		high = list[i].value.reg128[1];
		Print(L" MXCSR %08lx   mask %08lx   FDP %016lx\n",
		      high & 0xffffffff, high >> 32, list[i].value.reg128[0]);
	}
}

void regs_print_xmm(const struct reg_value *list, u32 count)
{
	for (u32 i = 0; i < count; i++)
		Print(L"%6a %016lx%016lx%a", list[i].reg->label,
		      list[i].value.reg128[1], list[i].value.reg128[0],
		      behind(i, count, 2, " "));
}
