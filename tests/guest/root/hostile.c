/*
 * Children that do what makes a VM entry end before an instruction is done: their
 * stacks and tables lie where nothing can be pushed or read, their handlers fault,
 * their exceptions raise themselves. The root keeps its share of the processor, and
 * each of them comes to what a processor would make of it.
 */
#include "tests/guest/root/hostile/hostile.h"

#include "tests/guest/lib/arguments.h"
#include "tests/guest/lib/test.h"

#define LEAST_SHARE 25 /* percent */

static const struct test_case cases[] = {
	{ "real mode: a stack in the hypercall page",
	  hostile_real_stack_in_hypercall_page },
	{ "real mode: a stack in the reference TSC page",
	  hostile_real_stack_in_tsc_page },
	{ "real mode: a delivery has no error code",
	  hostile_real_delivery_has_no_error_code },
	{ "a second fault of a delivery is #DF",
	  hostile_second_fault_is_double },
	{ "a refused push is #GP", hostile_refusal_is_delivered },
	{ "a third fault is the end", hostile_third_fault_is_the_end },
	{ "refused pushes are intercepted", hostile_refusals_are_intercepted },
	{ "tables in a hole and in the APIC's page",
	  hostile_places_of_the_parent },
	{ "page tables in the hypercall page", hostile_page_tables_in_overlay },
	{ "a handler that cannot be executed", hostile_handler_in_sim_page },
	{ "a #DB that raises itself", hostile_db_raises_itself },
	{ "a #DB that raises itself is the parent's",
	  hostile_db_loop_is_the_parents },
	{ "an #AC is given back", hostile_ac_is_given_back },
	{ "an #AC that raises itself", hostile_ac_raises_itself },
	{ "an #AC that raises itself is the parent's",
	  hostile_ac_loop_is_the_parents },
	{ "a handler that faults", hostile_fault_in_the_handler },
	{ "a handler whose read faults", hostile_read_in_the_handler },
	{ "an NMI behind STI", hostile_nmi_behind_sti },
	{ "an NMI whose window never opens", hostile_window_that_never_opens },
	{ "code that runs over 4 GiB", hostile_code_over_4_gib },
	{ "a timer that has always expired", hostile_timer_always_expired },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	hostile_least_share =
		arguments_number(image, table, "share", LEAST_SHARE);
	hostile_int1 = arguments_number(image, table, "int1", 1);
	hostile_masked = arguments_number(image, table, "masked", 1);
	hostile_wraps = arguments_number(image, table, "wrap", 1);
	hostile_pushes = arguments_number(image, table, "pushes", 1);
	hostile_faults = arguments_number(image, table, "faults", 1);
	return test_run(image, table, "hostile", cases, ARRAY_LEN(cases));
}
