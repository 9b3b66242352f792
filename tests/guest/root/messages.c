/*
 * How messages arrive: by interrupt, by polling, one after the other.
 */
#include "parent/uefi/synic.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/processors.h"
#include "tests/guest/lib/test.h"

#define PAGES 6
#define PORT 0x80
#define ROUNDS 20

static const u8 reporter[] = { INC_EAX_64, OUT_EAX(PORT), JMP_BACK(4) };

static bool create(struct child *c)
{
	return child_create(c, PAGES) && child_intercept_out(c, PORT) &&
	       (CHILD_PUT_CODE(c, reporter), true) &&
	       child_set_long(c, CHILD_CODE, CHILD_CODE) &&
	       child_set(c, HV_REGISTER_RAX, 0);
}

static void one_interrupt_a_message(void)
{
	struct child c;
	u64 before, rax;

	MUST(create(&c));
	before = child_message_interrupts();
	for (u32 i = 1; i <= ROUNDS; i++) {
		MUST(child_run_to_out(&c, PORT, &rax));
		EXPECT_EQUAL(rax, i);
		EXPECT_EQUAL(child_message_interrupts() - before, i);
	}
	child_destroy(&c);
}

/* Waits by spinning: no HLT, so nothing but slices gives the child time. */
static const struct hv_message *spin(u64 ticks)
{
	u64 begin = cpu_read_tsc();
	const struct hv_message *m = NULL;

	while (!m && cpu_read_tsc() - begin < ticks) {
		insn_pause();
		m = synic_poll(test_sim_page());
	}
	return m;
}

static void polling_without_interrupts(void)
{
	const struct hv_message *m;
	struct child c;
	u64 before, rax;

	MUST(create(&c));
	synic_setup_polling(test_sim_page());
	before = child_message_interrupts();
	for (u32 i = 1; i <= 3; i++) {
		MUST(child_go(&c));
		m = spin(CHILD_PATIENCE);
		MUST(EXPECT(m));
		c.message = *m;
		synic_release(test_sim_page());
		EXPECT_EQUAL(c.message.type, HV_MESSAGE_IO_PORT_INTERCEPT);
		MUST(child_skip(&c));
	}
	EXPECT_EQUAL(child_message_interrupts(), before);
	MUST(EXPECT(test_connect()));
	MUST(child_run_to_out(&c, PORT, &rax));
	EXPECT_EQUAL(rax, 4);
	EXPECT_EQUAL(child_message_interrupts(), before + 1);
	child_destroy(&c);
}

/* Masked without the polling bit the message waits with the VP (D26). */
static void masked_messages_wait(void)
{
	struct child c;

	MUST(create(&c));
	cpu_write_msr(HV_MSR_SINT0, HV_SINT_MASKED | CHILD_MESSAGE_VECTOR);
	MUST(child_go(&c));
	EXPECT(!child_next_message(&c.message, 1000000));
	EXPECT_EQUAL(child_get(&c, HV_REGISTER_INTERCEPT_SUSPEND),
	             HV_SUSPENDED);
	cpu_write_msr(HV_MSR_SINT0, CHILD_MESSAGE_VECTOR);
	MUST(child_wait(&c));
	EXPECT_EQUAL(c.message.type, HV_MESSAGE_IO_PORT_INTERCEPT);
	/* The same without a SIM page, and without the SynIC. */
	MUST(child_skip(&c));
	cpu_write_msr(HV_MSR_SCONTROL, 0);
	MUST(child_go(&c));
	EXPECT(!child_next_message(&c.message, 1000000));
	cpu_write_msr(HV_MSR_SCONTROL, HV_MSR_PAGE_ENABLE);
	MUST(child_wait(&c));
	EXPECT_EQUAL(c.message.type, HV_MESSAGE_IO_PORT_INTERCEPT);
	child_destroy(&c);
}

static bool is_intercepted(const struct child *c)
{
	return child_run_until(c, HV_REGISTER_INTERCEPT_SUSPEND, HV_SUSPENDED);
}

/* Two senders, one slot: the second message comes with the EOM. */
static void pending_flag_and_eom(void)
{
	struct hv_message *slot = (struct hv_message *)test_sim_page();
	struct child a, b;
	u64 first;

	MUST(create(&a) && create(&b));
	MUST(child_go(&a) && child_go(&b) && is_intercepted(&a) &&
	     is_intercepted(&b));
	EXPECT_EQUAL(slot->type, HV_MESSAGE_IO_PORT_INTERCEPT);
	EXPECT_EQUAL(slot->flags, HV_MESSAGE_FLAG_PENDING);
	first = slot->sender;
	EXPECT(first == a.id || first == b.id);
	/* The slot is free, but nobody has said so. */
	slot->type = HV_MESSAGE_NONE;
	child_let_run(100000);
	EXPECT_EQUAL(slot->type, HV_MESSAGE_NONE);
	cpu_write_msr(HV_MSR_EOM, 0);
	EXPECT_EQUAL(slot->type, HV_MESSAGE_IO_PORT_INTERCEPT);
	EXPECT_EQUAL(slot->flags, 0);
	EXPECT_EQUAL(slot->sender, first == a.id ? b.id : a.id);
	synic_release(test_sim_page());
	child_destroy(&a);
	child_destroy(&b);
}

/* A message that waits is gone with its child, and with its suspension. */
static void waiting_message_is_taken_back(void)
{
	struct hv_message m;
	struct child a, b;

	MUST(create(&a) && create(&b));
	cpu_write_msr(HV_MSR_SINT0, HV_SINT_RESET);
	MUST(child_go(&a) && child_go(&b) && is_intercepted(&a) &&
	     is_intercepted(&b));
	MUST(child_stop(&b));
	MUST(child_set(&b, HV_REGISTER_INTERCEPT_SUSPEND, 0));
	MUST(child_destroy(&a));
	cpu_write_msr(HV_MSR_SINT0, CHILD_MESSAGE_VECTOR);
	EXPECT(!child_next_message(&m, 1000000));
	child_destroy(&b);
}

static void many_messages(void)
{
	struct child a, b;
	struct hv_message m;
	u32 from_a = 0, from_b = 0, least;

	MUST(create(&a) && create(&b));
	MUST(child_go(&a) && child_go(&b));
	for (u32 i = 0; i < 4 * ROUNDS; i++) {
		MUST(EXPECT(child_next_message(&m, CHILD_PATIENCE)));
		MUST(EXPECT(m.sender == a.id || m.sender == b.id));
		struct child *c = m.sender == a.id ? &a : &b;
		u64 *rax = &m.payload[6];

		c->message = m;
		*(c == &a ? &from_a : &from_b) += 1;
		EXPECT_EQUAL(*rax, c == &a ? from_a : from_b);
		MUST(child_skip(c) && child_go(c));
	}
	/* One on another processor than ours does not wait for us. */
	least = processors_count() > 1 ? 0 : ROUNDS;
	EXPECT(from_a > least && from_b > least);
	child_destroy(&a);
	child_destroy(&b);
}

static const struct test_case cases[] = {
	{ "one interrupt a message", one_interrupt_a_message },
	{ "polling without interrupts", polling_without_interrupts },
	{ "masked messages wait", masked_messages_wait },
	{ "pending flag and eom", pending_flag_and_eom },
	{ "a waiting message is taken back", waiting_message_is_taken_back },
	{ "messages of two children", many_messages },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	return test_run(image, table, "messages", cases, ARRAY_LEN(cases));
}
