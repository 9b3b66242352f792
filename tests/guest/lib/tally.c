/*
 * Questions to the counters of a build for tests.
 */
#include "tests/guest/lib/tally.h"

#include "tests/guest/lib/serial.h"

static const char *const kind_names[TALLY_KINDS] = {
	[TALLY_ENTRY] = "entry",     [TALLY_VMREAD] = "vmread",
	[TALLY_VMWRITE] = "vmwrite", [TALLY_VMPTRLD] = "vmptrld",
	[TALLY_VMCLEAR] = "vmclear", [TALLY_INVEPT] = "invept",
	[TALLY_INVVPID] = "invvpid", [TALLY_CPUID] = "cpuid",
	[TALLY_RDMSR] = "rdmsr",     [TALLY_WRMSR] = "wrmsr",
	[TALLY_XSETBV] = "xsetbv",   [TALLY_DEBUG] = "debug",
	[TALLY_OTHER] = "other",
};

static u64 question(u64 what)
{
	u64 control = TALLY_CALL, result;

	__asm__ volatile("vmcall"
	                 : "=a"(result), "+c"(control), "+d"(what)
	                 :
	                 : "memory");
	return result;
}

void tally_reset(void)
{
	question(TALLY_RESET);
}

u64 tally_audit(void)
{
	return question(TALLY_AUDIT);
}

u64 tally_ask(u32 sort, u32 figure)
{
	return question(TALLY_QUESTION(sort, figure));
}

/* What a sort of turns is made of, all of them together. */
void tally_say(const char *name, u32 sort)
{
	u64 turns = tally_ask(sort, TALLY_COUNT), exits;

	serial_print("TURNS %s: %u, exits %u (%u to %u)", name, turns,
	             tally_ask(sort, TALLY_EXITS), tally_ask(sort, TALLY_LEAST),
	             tally_ask(sort, TALLY_MOST));
	for (u32 i = 0; i < TALLY_KINDS; i++) {
		exits = tally_ask(sort, TALLY_OF_KIND + i);
		if (exits)
			serial_print(", %s %u", kind_names[i], exits);
	}
	serial_print("\r\n");
}
