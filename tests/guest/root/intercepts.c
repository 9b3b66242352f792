/*
 * What a child does that its parent is told of: the message of each intercept,
 * field by field, and how the child goes on.
 */
#include "tests/guest/root/intercepts/intercepts.h"

#include "tests/guest/lib/test.h"

static const struct test_case cases[] = {
	{ "message of each port access", intercepts_io_messages },
	{ "message of a string output", intercepts_io_string },
	{ "a string output to nobody is unsupported",
	  intercepts_io_string_to_nobody },
	{ "port intercepts have rights and widths",
	  intercepts_io_rights_and_widths },
	{ "message of cpuid", intercepts_cpuid_message },
	{ "cpuid is intercepted by leaf", intercepts_cpuid_of_one_leaf },
	{ "messages of msr accesses", intercepts_msr_messages },
	{ "message of each exception", intercepts_exception_messages },
	{ "exception that the hypervisor finds",
	  intercepts_exception_of_an_emulation },
	{ "messages of unmapped memory", intercepts_unmapped_gpa },
	{ "rights of mapped memory", intercepts_gpa_rights },
	{ "a device in memory", intercepts_device_long },
	{ "a device in memory, without paging", intercepts_device_elsewhere },
	{ "message of a triple fault", intercepts_triple_fault },
	{ "message of impossible registers", intercepts_impossible_registers },
	{ "message of a task switch", intercepts_task_switch },
	{ "a halted child waits", intercepts_halt_waits },
	{ "an interrupt ends the halt", intercepts_halt_ends_by_interrupt },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	return test_run(image, table, "intercepts", cases, ARRAY_LEN(cases));
}
