/*
 * The verdicts, and what every scenario needs around its cases.
 */
#include "tests/guest/lib/test.h"

#include <efilib.h>

#include "parent/hvcall.h"
#include "parent/names.h"
#include "parent/uefi/hvpage.h"
#include "parent/uefi/synic.h"
#include "tests/guest/lib/arguments.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/mp.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/trap.h"
#include "tests/guest/lib/worst.h"

static struct {
	const char *name;
	u32 checks;
	bool failed;
	bool skipped;
	struct {
		const char *what;
		u64 number;
	} context[MP_PROCESSORS];
} current;

static u64 hypercall_page, sim_page;
static u32 part;

/* ---- Checks ---- */

bool test_failed(void)
{
	return current.failed;
}

void test_context(const char *what, u64 number)
{
	current.context[mp_here()].what = what;
	current.context[mp_here()].number = number;
}

u32 test_part(u32 rounds)
{
	return rounds / part;
}

void test_skip(const char *why)
{
	if (!current.failed && !current.skipped)
		serial_print("TEST %s: SKIP %s\r\n", current.name, why);
	current.skipped = true;
}

/* True: this is the failure to be told; the caller says it, then fail_end. */
static bool fail_begin(void)
{
	u32 here = mp_here();

	if (__atomic_exchange_n(&current.failed, true, __ATOMIC_ACQ_REL))
		return false;
	serial_print("TEST %s: FAIL ", current.name);
	if (here)
		serial_print("[processor %u] ", (u64)here);
	if (current.context[here].what)
		serial_print("[%s %x] ", current.context[here].what,
		             current.context[here].number);
	return true;
}

static void fail_end(const char *file, u32 line)
{
	serial_print(" (%s:%u)\r\n", file, (u64)line);
}

bool test_check(bool holds, const char *what, const char *file, u32 line)
{
	current.checks++;
	if (!holds && fail_begin()) {
		serial_print("not true: %s", what);
		fail_end(file, line);
	}
	return holds;
}

bool test_check_equal(u64 got, u64 want, const char *what, const char *file,
                      u32 line)
{
	current.checks++;
	if (got != want && fail_begin()) {
		serial_print("%s is %x, not %x", what, got, want);
		fail_end(file, line);
	}
	return got == want;
}

bool test_check_status(u32 got, u32 want, const char *what, const char *file,
                       u32 line)
{
	current.checks++;
	if (got != want && fail_begin()) {
		serial_print("%s: %x %s, not %x %s", what, (u64)got,
		             names_of_status(got)->name, (u64)want,
		             names_of_status(want)->name);
		fail_end(file, line);
	}
	return got == want;
}

/* ---- A scenario ---- */

u64 test_hypercall_page(void)
{
	return hypercall_page;
}

u64 test_sim_page(void)
{
	return sim_page;
}

bool test_connect(void)
{
	if (!hvpage_setup(hypercall_page))
		return false;
	synic_setup_vector(sim_page, CHILD_MESSAGE_VECTOR);
	return true;
}

/* As we found it: the next scenario brings pages of its own. */
static void disconnect(void)
{
	cpu_write_msr(HV_MSR_SINT0, HV_SINT_RESET);
	cpu_write_msr(HV_MSR_SCONTROL, 0);
	cpu_write_msr(HV_MSR_SIMP, 0);
	cpu_write_msr(HV_MSR_HYPERCALL, 0);
	cpu_write_msr(HV_MSR_GUEST_OS_ID, 0);
}

static bool run_case(const struct test_case *c)
{
	current.name = c->name;
	current.checks = 0;
	current.failed = current.skipped = false;
	test_context(NULL, 0);
	c->run();
	test_context(NULL, 0);
	/* What a failed case leaves behind must not disturb the next one. */
	EXPECT(child_destroy_all() || current.failed);
	if (current.skipped)
		return !current.failed;
	/* One check was ours. */
	if (current.checks < 2 && fail_begin())
		serial_print("it checked nothing\r\n");
	if (!current.failed)
		serial_print("TEST %s: PASS\r\n", c->name);
	return !current.failed;
}

static bool prepare(const char *scenario)
{
	const char *why = NULL;

	hypercall_page = page_run(1);
	sim_page = page_run(1);
	if (!hypercall_page || !sim_page)
		why = "no memory";
	else if (cpu_read_msr(HV_MSR_HYPERCALL) & HV_MSR_PAGE_ENABLE)
		why = "somebody else has a hypercall page";
	else if (!test_connect())
		why = "no hypervisor";
	if (why)
		serial_print("TEST %s starts: FAIL %s\r\n", scenario, why);
	return !why;
}

EFI_STATUS test_run(EFI_HANDLE image, EFI_SYSTEM_TABLE *table,
                    const char *scenario, const struct test_case *cases,
                    u32 count)
{
	u32 failed = 0;

	InitializeLib(image, table);
	part = (u32)arguments_number(image, table, "part", 1);
	part += !part;
	serial_print("\r\n");
	trap_begin(child_begin(image));
	child_run_begin();
	if (prepare(scenario)) {
		for (u32 i = 0; i < count; i++)
			failed += !run_case(&cases[i]);
		worst_print();
		child_end();
		disconnect();
	} else {
		failed = 1;
	}
	trap_end();
	serial_print("DONE %s\r\n", scenario);
	return failed ? EFI_ABORTED : EFI_SUCCESS;
}
