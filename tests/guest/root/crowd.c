/*
 * A child with as many VPs and overlay pages as there can be, all of them in
 * intercepts, is saved and restored into another one: each gets its own back,
 * and no call takes long (the runner reads the log for that).
 */
#include "parent/cpu.h"
#include "parent/hvcall.h"
#include "parent/memory.h"
#include "parent/partition.h"
#include "parent/uefi/synic.h"
#include "parent/vp.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/processors.h"
#include "tests/guest/lib/saved.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/test.h"

#define VPS 64
#define PAGES 16
#define POOL (VPS * 12 + 2 * 2 * VPS + 64)
#define STREAM_PAGES 256
#define PORT 0x80
#define RUNS 2000 /* until all have had a turn */

/* PAE paging: what each VP has read of memory is its own state. */
#define PDPT 0x2000
#define DIRECTORY 0x3000
#define CR0_PAE 0x80000031

static const u8 code[] = { OUT_AL(PORT), JMP_SELF };

/* As far from one another as the address space lets 256 pages be. */
static u64 place(u32 n)
{
	u32 bits = cpu_cpuid(0x80000008).eax & 0xff;

	return BIT(bits - 8) * (n + 1);
}

static bool set_vp(const struct child *c, u32 i, bool backwards)
{
	u32 n = backwards ? 2 * VPS - 2 - 2 * i : 2 * i;
	struct hv_register_assoc list[] = {
		{ .name = HV_REGISTER_CS,
		  .value.segment = { 0, 0xffffffff, 8, RIGHTS_CODE_32 } },
		{ .name = HV_REGISTER_CR3, .value.reg64 = PDPT },
		{ .name = HV_REGISTER_CR4, .value.reg64 = CR4_PAE },
		{ .name = HV_REGISTER_CR0, .value.reg64 = CR0_PAE },
		{ .name = HV_REGISTER_RIP, .value.reg64 = CHILD_CODE },
		{ .name = HV_REGISTER_RAX, .value.reg64 = n },
		{ .name = HV_REGISTER_INTERNAL_ACTIVITY_STATE },
		{ .name = HV_REGISTER_SCONTROL, .value.reg64 = 1 },
		{ .name = HV_REGISTER_SIMP, .value.reg64 = place(n) | 1 },
		{ .name = HV_REGISTER_SIEFP, .value.reg64 = place(n + 1) | 1 },
	};

	return EXPECT_SUCCESS(
		vp_set_registers(c->id, i, list, ARRAY_LEN(list), NULL));
}

static bool create(struct child *c, bool backwards)
{
	if (!child_create(c, PAGES) || !child_deposit(c, POOL) ||
	    !child_intercept_out(c, PORT))
		return false;
	CHILD_PUT_CODE(c, code);
	*(u64 *)child_at(c, PDPT) = DIRECTORY | 1;
	*(u64 *)child_at(c, DIRECTORY) = 0x83;
	for (u32 i = 0; i < VPS; i++) {
		test_context("VP", i);
		if (i > 0 && !EXPECT_SUCCESS(vp_create(c->id, i)))
			return false;
		if (!set_vp(c, i, backwards))
			return false;
	}
	return true;
}

static bool suspend_all(const struct child *c, bool suspended)
{
	bool good = true;

	for (u32 i = 0; good && i < VPS; i++)
		good = EXPECT_SUCCESS(vp_set_register(
			c->id, i, HV_REGISTER_EXPLICIT_SUSPEND, suspended));
	return good;
}

static bool all_intercepted(const struct child *c)
{
	u64 value = 1;

	for (u32 i = 0; value && i < VPS; i++)
		if (vp_get_register(c->id, i, HV_REGISTER_INTERCEPT_SUSPEND,
		                    &value) != HV_STATUS_SUCCESS)
			return false;
	return value;
}

/* Each to its OUT: one message has come, the others wait. */
static bool run_all(const struct child *c)
{
	if (!suspend_all(c, false))
		return false;
	for (u32 i = 0; i < RUNS && !all_intercepted(c); i++)
		child_let_run(100000);
	return EXPECT(all_intercepted(c)) && suspend_all(c, true);
}

/* The messages of all VPs but `none`, each once, and none of another child. */
static bool take_messages(const struct child *c, u32 count)
{
	struct hv_message m;
	u64 seen = 0;
	u32 vp;

	for (u32 i = 0; i < count; i++) {
		test_context("message", i);
		if (!EXPECT(child_next_message(&m, CHILD_PATIENCE)))
			return false;
		vp = ((struct hv_intercept_header *)m.payload)->vp_index;
		if (!EXPECT_EQUAL(m.type, HV_MESSAGE_IO_PORT_INTERCEPT) ||
		    !EXPECT_EQUAL(m.sender, c->id) || !EXPECT(vp < VPS) ||
		    !EXPECT(!(seen & BIT(vp))))
			return false;
		seen |= BIT(vp);
	}
	return EXPECT(!child_next_message(&m, 1000000));
}

static bool expect_equal(const struct child *a, const struct child *b)
{
	static const u32 names[] = {
		HV_REGISTER_RAX,      HV_REGISTER_RIP,
		HV_REGISTER_CR0,      HV_REGISTER_CR3,
		HV_REGISTER_SCONTROL, HV_REGISTER_SIMP,
		HV_REGISTER_SIEFP,    HV_REGISTER_INTERCEPT_SUSPEND,
	};
	union hv_register_value v[ARRAY_LEN(names)], w[ARRAY_LEN(names)];

	for (u32 i = 0; i < VPS; i++) {
		test_context("VP", i);
		if (!EXPECT_SUCCESS(vp_get_registers(
			    a->id, i, names, ARRAY_LEN(names), v, NULL)) ||
		    !EXPECT_SUCCESS(vp_get_registers(
			    b->id, i, names, ARRAY_LEN(names), w, NULL)))
			return false;
		for (u32 k = 0; k < ARRAY_LEN(names); k++)
			if (!EXPECT_EQUAL(w[k].reg64, v[k].reg64))
				return false;
	}
	return true;
}

/* Two children of 64 VPs; one becomes what the other is. */
static void as_many_as_there_can_be(void)
{
	struct saved before, after;
	struct child source, target;

	MUST(saved_begin(&before, STREAM_PAGES) &&
	     saved_begin(&after, STREAM_PAGES));
	MUST(create(&source, false) && run_all(&source));
	/* One left with the slot's message; it is not in the stream. */
	MUST(saved_take(&before, source.id, 0));
	MUST(take_messages(&source, VPS));
	MUST(create(&target, true) && run_all(&target));
	MUST(saved_restore(&before, target.id, HV_SAVE_DATA_MAX));
	MUST(expect_equal(&source, &target));
	MUST(saved_take(&after, target.id, 0));
	MUST(EXPECT_EQUAL(after.size, before.size));
	/* The one of before in the slot, then those that the stream had. */
	synic_release(test_sim_page());
	MUST(take_messages(&target, VPS - 1));
	child_destroy(&target);
	child_destroy(&source);
	saved_end(&after);
	saved_end(&before);
}

/* ---- 64 that wait for their timers ---- */

#define HANDLER 0x1000 /* in real mode, 100h:0 */
#define VECTOR 0x40
#define SOON 60000000u   /* ticks of the first timer, */
#define APART 200000u    /* and between two of them, at least: */
#define PASSING 4        /* VPs that one may fall behind */
#define APART_CALLS 300u /* so many calls that do nothing */
#define MEASURED 64
#define APIC(n) (HV_REGISTER_APIC_FIRST + (n)) /* SVR, divide, LVT, count */

static u64 apart;

/* The least that a call that does nothing takes. */
static u64 null_call(void)
{
	u64 begin, ticks, least = ~0ull;

	for (u32 i = 0; i < MEASURED; i++) {
		begin = cpu_read_tsc();
		if (!EXPECT_SUCCESS(hvcall_simple(HVCALL_GET_PARTITION_ID)))
			return 0;
		ticks = cpu_read_tsc() - begin;
		least = ticks < least ? ticks : least;
	}
	return least;
}

/* Halted, with a timer: behind all that were set before it. */
static bool set_waiting(const struct child *c, u32 i)
{
	struct hv_register_assoc list[] = {
		{ .name = HV_REGISTER_CS,
		  .value.segment = { HANDLER, 0xffff, HANDLER >> 4, 0x9b } },
		{ .name = HV_REGISTER_RIP,
		  .value.reg64 = sizeof(code) - 2 }, /* JMP_SELF */
		{ .name = HV_REGISTER_RSP, .value.reg64 = 0x9000 + 64 * i },
		{ .name = HV_REGISTER_RFLAGS, .value.reg64 = 0x202 },
		{ .name = HV_REGISTER_INTERNAL_ACTIVITY_STATE,
		  .value.reg64 = HV_ACTIVITY_HALT_SUSPEND },
		{ .name = APIC(0x0f), .value.reg64 = 0x1ff },
		{ .name = APIC(0x3e), .value.reg64 = 0xb },
		{ .name = APIC(0x32), .value.reg64 = VECTOR },
		{ .name = APIC(0x39), .value.reg64 = SOON + apart * i },
		{ .name = HV_REGISTER_EXPLICIT_SUSPEND },
	};

	return EXPECT_SUCCESS(
		vp_set_registers(c->id, i, list, ARRAY_LEN(list), NULL));
}

static bool create_waiting(struct child *c)
{
	if (!child_create(c, PAGES) || !child_deposit(c, POOL) ||
	    !child_intercept_out(c, PORT))
		return false;
	CHILD_PUT_CODE(c, code);
	*(u32 *)child_at(c, VECTOR * 4) = (HANDLER >> 4) << 16;
	for (u32 i = 0; i < VPS; i++) {
		test_context("VP", i);
		if ((i > 0 && !EXPECT_SUCCESS(vp_create(c->id, i))) ||
		    !set_waiting(c, i))
			return false;
	}
	return true;
}

/*
 * Each wakes once, when its time has come: in their order, but that some may pass
 * one that has lost its slice on the way to its message. Nothing orders two processors.
 */
static void wake_in_order(void)
{
	struct hv_message m;
	const struct hv_intercept_header *h = (const void *)m.payload;
	u32 passing = processors_count() > 1 ? VPS : PASSING;
	u64 seen = 0;

	for (u32 i = 0; i < VPS; i++) {
		test_context("timer", i);
		MUST(EXPECT(child_next_message(&m, CHILD_PATIENCE)));
		MUST(EXPECT(h->vp_index < i + passing) &&
		     EXPECT(!(seen & BIT(h->vp_index))));
		seen |= BIT(h->vp_index);
	}
	EXPECT(!child_next_message(&m, 1000000));
}

/* An exit costs a look at the first of them and the timer more, whatever their number is. */
static void those_that_wait(void)
{
	struct child c;
	u64 alone, among_them;

	alone = null_call();
	/* Below another hypervisor a wake-up takes longer than elsewhere. */
	apart = APART_CALLS * alone > APART ? APART_CALLS * alone : APART;
	MUST(create_waiting(&c));
	among_them = null_call();
	serial_print("a null call: %u ticks, with them %u\r\n", alone,
	             among_them);
	EXPECT(among_them < 2 * alone);
	wake_in_order();
	child_destroy(&c);
}

/* ---- Pages far from one another ---- */

#define REGIONS 32 /* as many pages as one turn of a call takes */
#define REGION_PAGES 512

/* Each is cut out of a large page of our own map, and comes back into it. */
static void one_page_of_each_region(void)
{
	u64 list[REGIONS], back[REGIONS], run, taken = 0;
	u32 done = 0, count = 0;
	struct child c;

	run = page_run((REGIONS + 1) * REGION_PAGES);
	MUST(EXPECT(run) && child_create_bare(&c));
	for (u32 i = 0; i < REGIONS; i++)
		list[i] = (run >> PAGE_SHIFT) + i * REGION_PAGES;
	MUST(EXPECT_SUCCESS(memory_deposit(c.id, list, REGIONS, &done)));
	MUST(EXPECT_EQUAL(done, REGIONS));
	while (memory_withdraw(c.id, back, REGIONS, &count) ==
	               HV_STATUS_SUCCESS &&
	       count)
		taken += count;
	EXPECT_EQUAL(taken + count, REGIONS);
	EXPECT_SUCCESS(partition_delete(c.id));
	page_run_free(run, (REGIONS + 1) * REGION_PAGES);
}

/* ---- One page that moves far, often, in one call ---- */

static void a_page_that_moves(void)
{
	struct hv_register_assoc list[REGIONS];
	struct child c;
	u64 value = 0;

	MUST(child_create(&c, PAGES));
	for (u32 i = 0; i < REGIONS; i++)
		list[i] = (struct hv_register_assoc){
			.name = HV_REGISTER_SIMP,
			.value.reg64 = place(2 * i) | 1,
		};
	MUST(EXPECT_SUCCESS(vp_set_registers(c.id, 0, list, REGIONS, NULL)));
	MUST(EXPECT_SUCCESS(
		vp_get_register(c.id, 0, HV_REGISTER_SIMP, &value)));
	EXPECT_EQUAL(value, place(2 * (REGIONS - 1)) | 1);
	child_destroy(&c);
}

/* ---- A VP that stops often, in one call ---- */

#define REFERENCE_PAGE 0x4000

/* The page of reference time is made anew each time. */
static void a_vp_that_stops(void)
{
	struct hv_register_assoc list[REGIONS];
	struct child c;
	u64 value = 0;

	MUST(child_create(&c, PAGES));
	MUST(child_set(&c, HV_REGISTER_REFERENCE_TSC, REFERENCE_PAGE | 1));
	for (u32 i = 0; i < REGIONS; i++)
		list[i] = (struct hv_register_assoc){
			.name = HV_REGISTER_EXPLICIT_SUSPEND,
			.value.reg64 = i % 2,
		};
	MUST(EXPECT_SUCCESS(vp_set_registers(c.id, 0, list, REGIONS, NULL)));
	MUST(EXPECT_SUCCESS(vp_get_register(
		c.id, 0, HV_REGISTER_EXPLICIT_SUSPEND, &value)));
	EXPECT_EQUAL(value, 1);
	child_destroy(&c);
}

/* ---- Memory as far from itself as it can be ---- */

/* Finalizing gives back the tables of each page with it. */
static void pages_far_from_each_other(void)
{
	struct child c;

	MUST(child_create(&c, PAGES) && child_deposit(&c, 4 * REGIONS));
	for (u32 i = 0; i < REGIONS; i++)
		MUST(EXPECT_SUCCESS(memory_map(
			c.id, place(i) >> PAGE_SHIFT,
			(u64)child_at(&c, 0) >> PAGE_SHIFT, 1,
			HV_MAP_GPA_READABLE | HV_MAP_GPA_WRITABLE, NULL)));
	child_destroy(&c);
}

static const struct test_case cases[] = {
	{ "64 VPs with 128 overlay pages", as_many_as_there_can_be },
	{ "one page of each of 32 regions", one_page_of_each_region },
	{ "a page that moves far 32 times", a_page_that_moves },
	{ "a VP that stops 32 times", a_vp_that_stops },
	{ "32 pages far from each other", pages_far_from_each_other },
	{ "64 VPs that wait for their timers", those_that_wait },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	return test_run(image, table, "crowd", cases, ARRAY_LEN(cases));
}
