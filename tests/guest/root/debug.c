/*
 * Debug exceptions of a child, where the hypervisor has its hand in: the same
 * exceptions, in the same order and with the same DR6 and RFLAGS as on a processor.
 */
#include "tests/guest/root/debug/debug.h"

#include "tests/guest/lib/arguments.h"
#include "tests/guest/lib/test.h"

bool debug_fills;

#define STEPS 9 /* of them, first */

static const struct test_case cases[] = {
	{ "a step over each instruction that exits", debug_steps },
	{ "a step before the interrupt it sent",
	  debug_steps_before_interrupts },
	{ "a step before the NMI it sent", debug_step_before_nmi },
	{ "a step ends HLT", debug_step_ends_hlt },
	{ "steps intercepted and handed on", debug_steps_handed_on },
	{ "steps intercepted and kept", debug_steps_swallowed },
	{ "steps intercepted, saved and restored", debug_steps_travel },
	{ "steps out of HLT intercepted", debug_steps_out_of_hlt },
	{ "steps out of HLT in real mode",
	  debug_steps_out_of_hlt_in_real_mode },
	{ "a breakpoint of MOV SS behind what exits",
	  debug_breakpoint_behind_mov_ss },
	{ "breakpoints on ports", debug_port_breakpoints },
	{ "breakpoints in the APIC's page", debug_page_breakpoints },
	{ "breakpoints intercepted and handed on",
	  debug_breakpoints_handed_on },
	{ "general detect, and INT1", debug_general_detect },
	{ "no branch records", debug_no_branch_records },
	{ "a fault of ours has RF", debug_faults_have_rf },
	{ "an instruction breakpoint comes once", debug_breakpoints_come_once },
	{ "a fault of ours is intercepted", debug_fault_of_ours_intercepted },
	{ "general detect intercepted and handed on",
	  debug_general_detect_handed_on },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	u32 first;

	debug_fills = arguments_number(image, table, "fills", 1);
	first = debug_fills ? 0 : STEPS;
	return test_run(image, table, "debug", cases + first,
	                ARRAY_LEN(cases) - first);
}
