/*
 * A child in a rich state is saved and restored into one that was full of other
 * things, set by itself and by its parent. Then nothing tells the two apart: no
 * register of any name, no byte of their streams, nothing that they see.
 */
#include "tests/guest/child/leak/leak.h"

#include "include/stream.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/saved.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/root/leak/children.h"
#include "tests/guest/root/leak/poison.h"

#define STREAM_PAGES 64
#define AGAIN 10         /* times at the same OUT */
#define RESET_MAX 40     /* registers: vectors of ISR, TMR, IRR are most */
#define ERROR_SHOWN 0x40 /* in ESR: a vector below 16 */

static struct registers of_source, of_target;

/* ---- Two streams of the same state ---- */

/* A PROLOG says which stream it is, a message whose; the TSC goes on. */
static void mask(u32 id, u8 *payload, u32 length)
{
	struct stream_msr *m = (struct stream_msr *)payload;

	if (id == STREAM_PROLOG)
		((struct stream_prolog *)payload)->stream_id = 0;
	if (id == STREAM_VP_MESSAGE)
		((struct hv_message *)payload)->sender = 0;
	for (u32 i = 0; id == STREAM_VP_MSRS && i < length / sizeof(*m); i++)
		if (m[i].name == HV_REGISTER_TSC)
			m[i].value = 0;
}

static bool expect_equal_streams(struct saved *a, struct saved *b)
{
	u64 chunks = 0;

	if (!EXPECT_EQUAL(b->size, a->size))
		return false;
	for (u64 at = 0; at < a->size; chunks++) {
		struct stream_header *h =
			(struct stream_header *)(a->data + at);
		struct stream_header *k =
			(struct stream_header *)(b->data + at);
		u8 *p = (u8 *)(h + 1), *q = (u8 *)(k + 1);

		test_context("chunk", h->id);
		if (!EXPECT_EQUAL(k->id, h->id) ||
		    !EXPECT_EQUAL(k->length, h->length))
			return false;
		mask(h->id, p, h->length);
		mask(h->id, q, h->length);
		for (u32 i = 0; i < h->length; i++)
			if (p[i] != q[i]) {
				serial_print("chunk %x byte %u: %x, %x\r\n",
				             (u64)h->id, (u64)i, (u64)p[i],
				             (u64)q[i]);
				return EXPECT_EQUAL(q[i], p[i]);
			}
		at += sizeof(*h) + h->length;
	}
	test_context(NULL, 0);
	return EXPECT(chunks > 20);
}

/* ---- What they see ---- */

static bool expect_equal_memory(const struct child *a, const struct child *b)
{
	const u8 *p = child_at(a, 0), *q = child_at(b, 0);

	for (u64 at = 0; at < LEAK_PAGES * PAGE_SIZE; at++) {
		if (at / PAGE_SIZE == LEAK_TIMES / PAGE_SIZE || p[at] == q[at])
			continue;
		test_context("address", at);
		return EXPECT_EQUAL(q[at], p[at]);
	}
	return true;
}

/* Both went on from what the registers said when the source was saved. */
static bool expect_time(const struct child *c)
{
	const struct leak_times *t = child_at(c, LEAK_TIMES);
	u64 count = HV_REGISTER_APIC_FIRST + 0x39;

	return EXPECT(t->tsc >
	              registers_value(&of_source, HV_REGISTER_TSC)->reg64) &&
	       EXPECT(t->reference >=
	              registers_value(&of_source, HV_REGISTER_TIME_REF_COUNT)
	                      ->reg64) &&
	       EXPECT(t->runtime >=
	              registers_value(&of_source, HV_REGISTER_VP_RUNTIME)
	                      ->reg64) &&
	       EXPECT(t->count <=
	              registers_value(&of_source, (u32)count)->reg64);
}

static bool expect_times(const struct child *a, const struct child *b)
{
	const struct leak_times *t = child_at(a, LEAK_TIMES);
	const struct leak_times *u = child_at(b, LEAK_TIMES);

	return expect_time(a) && expect_time(b) &&
	       EXPECT(!u->count == !t->count);
}

/* ---- The scenario ---- */

/* A source that was as after reset would prove nothing. */
static bool is_rich(void)
{
	struct child fresh;
	u32 same = 0;

	if (!child_create(&fresh, CHILD_TABLES))
		return false;
	registers_read(&of_target, fresh.id);
	for (u32 i = 0; i < of_source.count; i++)
		same += registers_is_equal(
			&of_source.values[i],
			registers_value(&of_target, of_source.names[i]));
	serial_print("%u registers of the source are as after reset\r\n",
	             (u64)same);
	return EXPECT(same <= RESET_MAX) &&
	       EXPECT(registers_value(&of_source, HV_REGISTER_APIC_FIRST + 0x28)
	                      ->reg64 == ERROR_SHOWN) &&
	       child_destroy(&fresh);
}

static bool is_posted(enum leak_role role, bool pae)
{
	return role == LEAK_RICH && !pae;
}

/* Where it stands still, with all there is to save. */
static bool prepare_source(struct child *c, enum leak_role role, bool x2apic,
                           bool pae)
{
	return children_start(c, role, x2apic, pae) &&
	       children_run_to(c, LEAK_PORT_STILL) && child_skip(c) &&
	       children_make_richer(c,
	                            is_posted(role, pae) ? role : LEAK_PLAIN);
}

/* Nothing else runs in between: what a child should see. */
static bool undisturbed(struct child *c, enum leak_role role, bool x2apic,
                        bool pae)
{
	return prepare_source(c, role, x2apic, pae) &&
	       children_run_to(c, LEAK_PORT_END) &&
	       (!is_posted(role, pae) || children_disconnect(c));
}

static bool restore_and_compare(struct child *source, struct child *target)
{
	struct saved before, after;

	if (!saved_begin(&before, STREAM_PAGES) ||
	    !saved_begin(&after, STREAM_PAGES) ||
	    !saved_take(&before, source->id, 0) ||
	    !poison_all(target->id, &of_source) ||
	    !saved_restore(&before, target->id, HV_SAVE_DATA_MAX))
		return false;
	registers_read(&of_target, target->id);
	if (!registers_expect_equal(&of_target, &of_source) ||
	    !saved_take(&after, target->id, 0) ||
	    !expect_equal_streams(&before, &after))
		return false;
	saved_end(&before);
	saved_end(&after);
	return true;
}

static void travel(enum leak_role role, bool x2apic, bool pae)
{
	struct child witness, source, target;

	MUST(undisturbed(&witness, role, x2apic, pae));
	MUST(prepare_source(&source, role, x2apic, pae));
	registers_read(&of_source, source.id);
	MUST(!x2apic || is_rich());
	MUST(children_start(&target, LEAK_OTHER, !x2apic, pae) &&
	     children_run_to(&target, LEAK_PORT_STILL));
	/* The code may be that of the source: VP_RUNTIME has to differ too. */
	for (u32 i = 0; i < AGAIN; i++)
		MUST(children_step_back(&target) &&
		     children_run_to(&target, LEAK_PORT_STILL));
	MUST(restore_and_compare(&source, &target));
	MUST(children_run_to(&source, LEAK_PORT_END));
	MUST(children_run_to(&target, LEAK_PORT_END));
	MUST(expect_equal_memory(&source, &target));
	MUST(expect_equal_memory(&witness, &target));
	MUST(pae ? children_expect_window(&source)
	         : expect_times(&source, &target));
	MUST(!is_posted(role, pae) || children_disconnect(&source));
	child_destroy(&witness);
	child_destroy(&source);
	child_destroy(&target);
}

static void everything_in_use(void)
{
	travel(LEAK_RICH, true, false);
}

static void everything_but_the_apic(void)
{
	travel(LEAK_RICH, false, false);
}

static void nothing_in_use(void)
{
	travel(LEAK_PLAIN, false, false);
}

static void pae_paging(void)
{
	travel(LEAK_RICH, false, true);
}

static const struct test_case cases[] = {
	{ "a child with everything in use", everything_in_use },
	{ "one that left its APIC alone", everything_but_the_apic },
	{ "one that has set nothing", nothing_in_use },
	{ "one with PAE paging", pae_paging },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	return test_run(image, table, "leak", cases, ARRAY_LEN(cases));
}
