/*
 * Events that wait: behind shadows, for a window that never opens, for interrupts
 * that nobody takes.
 */
#include "parent/hvcall.h"
#include "parent/memory.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/witness.h"
#include "tests/guest/root/hostile/hostile.h"

#define COUNTER 0x2100

static struct child child;

/* STI, then a load that needs the parent: its shadow is not over. */
static void wait_behind_sti(u64 a, u64 b)
{
	(void)a;
	(void)b;
	witness_begin();
	__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0\n\t"
	                 "cli; sti; mov (%1), %%eax; 1: nop; cli"
	                 : "=m"(witness.at[0])
	                 : "r"(HOLE)
	                 : "rax", "memory");
	witness_end();
}

static bool send_nmi(void)
{
	struct hv_input_assert_virtual_interrupt *in =
		hvcall_input_zeroed(sizeof(*in));

	in->partition_id = child.id;
	in->type = HV_INTERRUPT_NMI;
	return EXPECT_SUCCESS(hvcall_simple(HVCALL_ASSERT_VIRTUAL_INTERRUPT));
}

void hostile_nmi_behind_sti(void)
{
	u64 page = page_run(1);

	MUST(EXPECT(page));
	MUST(witness_create(&child, wait_behind_sti, 0));
	MUST(child_run_to(&child, HV_MESSAGE_UNMAPPED_GPA));
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_INTERRUPT_STATE),
	             HV_INTERRUPT_STATE_SHADOW);
	MUST(send_nmi());
	MUST(EXPECT_SUCCESS(memory_map(child.id, HOLE >> 12, page >> 12, 1,
	                               CHILD_RWX, NULL)));
	MUST(witness_finish(&child));
	MUST(EXPECT_EQUAL(witness_of(&child)->count, 1));
	EXPECT_EQUAL(witness_record(&child, 0)->vector, VECTOR_NMI);
	EXPECT_EQUAL(witness_record(&child, 0)->rip, witness_of(&child)->at[0]);
	child_destroy(&child);
}

/* NMIs while it handles one: its window does not open before IRET. */
void hostile_window_that_never_opens(void)
{
	static const u8 code[] = { 0xff, 0x04, 0x25, LE32(COUNTER),
		                   JMP_BACK(7) };
	u32 count;

	MUST(child_create(&child, PAGES));
	CHILD_PUT_CODE(&child, code);
	MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
	MUST(child_set(&child, HV_REGISTER_INTERRUPT_STATE,
	               HV_INTERRUPT_STATE_NMI_MASKED));
	MUST(send_nmi() && child_go(&child));
	hostile_spinner_leaves_us_ours();
	count = *(volatile u32 *)child_at(&child, COUNTER);
	hostile_spinner_leaves_us_ours();
	EXPECT(*(volatile u32 *)child_at(&child, COUNTER) - count > 1000);
	child_destroy(&child);
}

/* The last byte of 4 GiB is a NOP: EIP goes on from 0, whatever the processor makes of it. */
void hostile_code_over_4_gib(void)
{
	static const u8 code[] = { 0xff, 0x05, LE32(COUNTER), JMP_BACK(6) };
	u64 page = page_run(1);
	u32 count;

	if (!hostile_wraps) {
		test_skip(
			"EIP over 4 GiB does not go on with KVM and Bochs below");
		return;
	}
	MUST(EXPECT(page) && child_create(&child, PAGES));
	child_put(&child, 0, code, sizeof(code));
	*(volatile u8 *)(page + PAGE_SIZE - 1) = 0x90;
	MUST(EXPECT_SUCCESS(memory_map(child.id, 0xfffff, page >> PAGE_SHIFT, 1,
	                               CHILD_RWX, NULL)));
	MUST(child_set_protected(&child, 0xffffffff) && child_go(&child));
	hostile_spinner_leaves_us_ours();
	count = *(volatile u32 *)child_at(&child, COUNTER);
	hostile_spinner_leaves_us_ours();
	EXPECT(*(volatile u32 *)child_at(&child, COUNTER) - count > 1000);
	MUST(child_stop(&child));
	EXPECT(child_get(&child, HV_REGISTER_RIP) <= 6);
	child_destroy(&child);
	page_run_free(page, 1);
}

/* A timer that has always expired, and nobody takes its interrupts. */
static void timer_of_one_tick(u64 a, u64 b)
{
	(void)a;
	(void)b;
	witness_begin();
	insn_cli();
	*(volatile u32 *)(WITNESS_APIC + LAPIC_SVR) = 0x1ff;
	*(volatile u32 *)(WITNESS_APIC + LAPIC_DIVIDE) = LAPIC_DIVIDE_BY_1;
	*(volatile u32 *)(WITNESS_APIC + LAPIC_LVT_TIMER) = LAPIC_LVT_PERIODIC |
	                                                    WITNESS_VECTOR;
	*(volatile u32 *)(WITNESS_APIC + LAPIC_INITIAL_COUNT) = 1;
	for (;;)
		(*(volatile u64 *)&witness.at[0])++;
}

void hostile_timer_always_expired(void)
{
	u64 count;

	MUST(witness_create(&child, timer_of_one_tick, 0));
	MUST(child_go(&child));
	hostile_spinner_leaves_us_ours();
	count = *(volatile u64 *)witness_of(&child)->at;
	hostile_spinner_leaves_us_ours();
	EXPECT(*(volatile u64 *)witness_of(&child)->at - count > 1000);
	child_destroy(&child);
}
