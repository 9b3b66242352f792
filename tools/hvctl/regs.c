/*
 * hvctl regs: what a VP looks like, in columns.
 */
#include <efi.h>
#include <efilib.h>

#include "parent/vp.h"
#include "tools/hvctl/book.h"
#include "tools/hvctl/command.h"
#include "tools/hvctl/report.h"

#define WORDS_IN_ROW 3

struct reg {
	const char *label;
	u32 name;
};

#define R(n) HV_REGISTER_##n
#define GPR(i) ((u32)R(RAX) + (i))

static const struct reg words[] = {
	{ "RAX", R(RAX) },  { "RBX", R(RBX) },  { "RCX", R(RCX) },
	{ "RDX", R(RDX) },  { "RSI", R(RSI) },  { "RDI", R(RDI) },
	{ "RBP", R(RBP) },  { "RSP", R(RSP) },  { "R8", GPR(8) },
	{ "R9", GPR(9) },   { "R10", GPR(10) }, { "R11", GPR(11) },
	{ "R12", GPR(12) }, { "R13", GPR(13) }, { "R14", GPR(14) },
	{ "R15", GPR(15) }, { "RIP", R(RIP) },  { "RFLAGS", R(RFLAGS) },
	{ "CR0", R(CR0) },  { "CR2", R(CR2) },  { "CR3", R(CR3) },
	{ "CR4", R(CR4) },  { "CR8", R(CR8) },  { "EFER", R(EFER) },
	{ "DR0", R(DR0) },  { "DR1", R(DR1) },  { "DR2", R(DR2) },
	{ "DR3", R(DR3) },  { "DR6", R(DR6) },  { "DR7", R(DR7) },
};

static const struct reg segments[] = {
	{ "CS", R(CS) }, { "SS", R(SS) }, { "DS", R(DS) },     { "ES", R(ES) },
	{ "FS", R(FS) }, { "GS", R(GS) }, { "LDTR", R(LDTR) }, { "TR", R(TR) },
};

static const struct reg tables[] = {
	{ "GDTR", R(GDTR) },
	{ "IDTR", R(IDTR) },
};

static const struct reg states[] = {
	{ "ExplicitSuspend", R(EXPLICIT_SUSPEND) },
	{ "InterceptSuspend", R(INTERCEPT_SUSPEND) },
	{ "InternalActivityState", R(INTERNAL_ACTIVITY_STATE) },
	{ "InterruptState", R(INTERRUPT_STATE) },
	{ "PendingInterruption", R(PENDING_INTERRUPTION) },
};

typedef union hv_register_value value_t;

static void print_word(u32 i, const struct reg *reg, const value_t *value)
{
	Print(L"%6a %016lx%a", reg->label, value->reg64,
	      i % WORDS_IN_ROW == WORDS_IN_ROW - 1 ? "\n" : "   ");
}

static void print_segment(u32 i, const struct reg *reg, const value_t *value)
{
	if (i == 0)
		Print(L"       selector  base              limit     "
		      L"attributes\n");
	Print(L"%6a %04x      %016lx  %08x  %04x\n", reg->label,
	      value->segment.selector, value->segment.base,
	      value->segment.limit, value->segment.attributes);
}

static void print_table(u32 i, const struct reg *reg, const value_t *value)
{
	(void)i;
	Print(L"%6a           %016lx  %04x\n", reg->label, value->table.base,
	      value->table.limit);
}

static void print_state(u32 i, const struct reg *reg, const value_t *value)
{
	(void)i;
	Print(L"%22a %lx\n", reg->label, value->reg64);
}

static const struct group {
	const struct reg *list;
	u32 count;
	void (*print)(u32 i, const struct reg *reg, const value_t *value);
} groups[] = {
	{ words, ARRAY_LEN(words), print_word },
	{ segments, ARRAY_LEN(segments), print_segment },
	{ tables, ARRAY_LEN(tables), print_table },
	{ states, ARRAY_LEN(states), print_state },
};

static enum hv_status print_group(u64 id, u32 vp, const struct group *group)
{
	value_t values[ARRAY_LEN(words)];
	u32 names[ARRAY_LEN(words)];
	enum hv_status status;
	u32 done;

	for (u32 i = 0; i < group->count; i++)
		names[i] = group->list[i].name;
	status = vp_get_registers(id, vp, names, group->count, values, &done);
	for (u32 i = 0; i < done; i++)
		group->print(i, &group->list[i], &values[i]);
	return status;
}

EFI_STATUS regs_command(const struct args *args)
{
	struct book_child *child = book_find(args->word[0]);
	enum hv_status status;
	u64 vp = 0;

	if (!child)
		return EFI_NOT_FOUND;
	if (args->count > 1 &&
	    (!args_number(args->word[1], &vp) || vp > HV_VP_INDEX_SELF)) {
		Print(L"hvctl: %s is no VP index\n", args->word[1]);
		return EFI_INVALID_PARAMETER;
	}
	for (u32 i = 0; i < ARRAY_LEN(groups); i++) {
		status = print_group(child->id, (u32)vp, &groups[i]);
		if (status != HV_STATUS_SUCCESS)
			return report_status("HvGetVpRegisters", child->id,
			                     status, NULL);
	}
	return EFI_SUCCESS;
}
