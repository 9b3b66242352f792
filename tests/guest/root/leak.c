/*
 * A child in a rich state is saved and restored into one that was full of other
 * things, set by itself and by its parent. Then nothing tells the two apart: no
 * register of any name, no byte of their streams, nothing that they see.
 */
#include "tests/guest/child/leak/leak.h"
#include "include/stream.h"
#include "parent/hvcall.h"
#include "parent/vp.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/saved.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/test.h"

#define AREAS 16
#define AREA_NAMES 0x100
#define NAMES_MAX 512
#define STREAM_PAGES 64
#define AGAIN 10 /* times at the same OUT */
#define OUT_BYTES 2
#define PORT_ID 7
#define RESET_MAX 40     /* registers: vectors of ISR, TMR, IRR are most */
#define ERROR_SHOWN 0x40 /* in ESR: a vector below 16 */

extern const u8 child_leak_start[], child_leak_end[];

/* ---- All registers of any name ---- */

struct registers {
	u32 count;
	u32 names[NAMES_MAX];
	union hv_register_value values[NAMES_MAX];
};

static struct registers of_source, of_target;

static bool read_one(u64 id, u32 name, union hv_register_value *v)
{
	return vp_get_registers(id, 0, &name, 1, v, NULL) == HV_STATUS_SUCCESS;
}

static void read_area(struct registers *r, u64 id, u32 first)
{
	for (u32 name = first; name < first + AREA_NAMES; name++)
		if (r->count < NAMES_MAX &&
		    read_one(id, name, &r->values[r->count]))
			r->names[r->count++] = name;
}

/* Whatever there is: the names are tried, not known. */
static void read_registers(struct registers *r, u64 id)
{
	r->count = 0;
	for (u32 area = 0; area < AREAS; area++)
		read_area(r, id, area << 16);
	read_area(r, id, HV_REGISTER_APIC_FIRST);
}

static bool is_equal(const union hv_register_value *a,
                     const union hv_register_value *b)
{
	return a->reg128[0] == b->reg128[0] && a->reg128[1] == b->reg128[1];
}

/* Where the one that is restored may be later: the TSC never stands still. */
static bool goes_on(u32 name)
{
	return name == HV_REGISTER_TSC;
}

/* The count of a timer goes down with the TSC. */
static bool counts_down(u32 name)
{
	return name == HV_REGISTER_APIC_FIRST + 0x39;
}

static bool expect_equal_registers(void)
{
	if (!EXPECT_EQUAL(of_target.count, of_source.count))
		return false;
	for (u32 i = 0; i < of_source.count; i++) {
		u32 name = of_source.names[i];
		const union hv_register_value *a = &of_source.values[i];
		const union hv_register_value *b = &of_target.values[i];

		test_context("register", name);
		if (!EXPECT_EQUAL(of_target.names[i], name))
			return false;
		if (goes_on(name))
			EXPECT(b->reg64 >= a->reg64);
		else if (counts_down(name))
			EXPECT(b->reg64 <= a->reg64 &&
			       (b->reg64 != 0) == (a->reg64 != 0));
		else if (!EXPECT_EQUAL(b->reg128[0], a->reg128[0]) ||
		         !EXPECT_EQUAL(b->reg128[1], a->reg128[1]))
			return false;
	}
	test_context(NULL, 0);
	return !test_failed();
}

/* ---- Poison ---- */

/* What registers of some form take, the widest first. */
/* clang-format off */
static const u64 poisons[] = {
	0x5a5a5a5a5a5a5a5a, 0x00005a5a5a5a5a5a, 0x5a5a5a5a, 0x5a5a5000,
	0x3a5b5a5a00000000, 0xff5a5a5a, 0xfff5aff0, 0x5a5a0400,
	0x0505050505050505, 0x5a001, 0x300a5, 0x5a000d00,
	0x5a5a, 0xa5, 0x5b, 0x600004a,
	0x5a000800, 0x80050033, 0x6b0, 0x501,
	0x40, 0x46, 0x3, 0x9,
	0x2, 0x1, 0x7, 0x200,
	0xb, 0x80000b0d, 0x400001, 0x8d7,
	0xffff4ff5, 0x5a5a0000, 0xa0, 0x5fffffff,
	0x5a000000, 0,
};
/* clang-format on */

static bool poison_with(u64 id, u32 name, u64 low, u64 high,
                        const union hv_register_value *not_this)
{
	struct hv_register_assoc one = { .name = name };
	union hv_register_value now;

	one.value.reg128[0] = low;
	one.value.reg128[1] = high;
	return vp_set_registers(id, 0, &one, 1, NULL) == HV_STATUS_SUCCESS &&
	       read_one(id, name, &now) && !is_equal(&now, not_this);
}

static const union hv_register_value *value_of(const struct registers *r,
                                               u32 name)
{
	static const union hv_register_value none = {
		.reg128 = { 0x1234567, 0x89abcdef }
	};

	for (u32 i = 0; i < r->count; i++)
		if (r->names[i] == name)
			return &r->values[i];
	return &none;
}

/* Attributes must not have bits 11:8; those of poison have. */
static void poison_register(u64 id, u32 name)
{
	const union hv_register_value *source = value_of(&of_source, name);
	u64 high = 0x50935a5a5a5a5a5a;
	union hv_register_value now;

	if (read_one(id, name, &now) && !is_equal(&now, source))
		return;
	for (u32 i = 0; i < ARRAY_LEN(poisons); i++)
		if (poison_with(id, name, poisons[i], high, source) ||
		    poison_with(id, name, poisons[i] << 48, poisons[i] >> 16,
		                source) ||
		    poison_with(id, name, poisons[i], 0, source))
			return;
}

/* Cannot be set, or is the same in all that a parent can restore into. */
static bool is_fixed(u32 name)
{
	switch (name) {
	case HV_REGISTER_EXPLICIT_SUSPEND:
	case HV_REGISTER_TSC_DEADLINE: /* not while the timer counts */
	case HV_REGISTER_INITIAL_APIC_ID:
	case HV_REGISTER_MTRR_CAP:
	case HV_REGISTER_VP_INDEX:
	case HV_REGISTER_EOI:
	case HV_REGISTER_EOM:
	case HV_REGISTER_SVERSION:
	case HV_REGISTER_APIC_FIRST + 0x02: /* ID, where the mode is the same */
	case HV_REGISTER_APIC_FIRST + 0x03: /* version */
	case HV_REGISTER_APIC_FIRST + 0x09: /* APR */
	case HV_REGISTER_APIC_FIRST + 0x0d: /* LDR in x2APIC mode */
		return true;
	case HV_REGISTER_XFEM:
		return !(cpu_cpuid(1).ecx & CPUID_1_ECX_XSAVE);
	default:
		return false;
	}
}

/* It must not run; and the mode of the APIC decides which names there are. */
static bool is_left(u32 name)
{
	return name == HV_REGISTER_EXPLICIT_SUSPEND ||
	       name == HV_REGISTER_INTERCEPT_SUSPEND ||
	       name == HV_REGISTER_APIC_BASE;
}

/*
 * Each name that there is in the mode of the APIC, and then in another one. Then
 * all that could differ from the source does.
 */
static bool poison_all(u64 id)
{
	static const u64 bases[] = { 0x5a5a5000, 0x5a5b5000 };
	struct registers *t = &of_target;
	bool good = true;
	u32 same = 0;

	for (u32 round = 0; round < 2; round++) {
		read_registers(t, id);
		for (u32 i = 0; i < t->count; i++)
			if (!is_left(t->names[i]))
				poison_register(id, t->names[i]);
		good &= EXPECT_SUCCESS(vp_set_register(
			id, 0, HV_REGISTER_APIC_BASE, bases[round]));
	}
	read_registers(t, id);
	for (u32 i = 0; i < t->count; i++) {
		u32 name = t->names[i];

		if (!is_equal(&t->values[i], value_of(&of_source, name)))
			continue;
		same++;
		test_context("register as in the source", name);
		if (!is_fixed(name))
			serial_print("not poisoned: %x\r\n", (u64)name);
		good &= EXPECT(is_fixed(name));
	}
	test_context(NULL, 0);
	serial_print("%u registers poisoned of %u\r\n", (u64)(t->count - same),
	             (u64)t->count);
	return good;
}

/* ---- PAE paging: four entries that are in the processor alone ---- */

#define PAE_TABLES 0x10000 /* of two roles; then what both point at: */
#define PAE_LOW 0x12000    /* a directory: the first GiB as it is */
#define PAE_HERE 0x13000   /* one of 2 MiB from 0 on */
#define PAE_THERE 0x14000  /* one of a table ... */
#define PAE_TABLE 0x15000  /* ... of one page: */
#define PAE_PAGE 0x16000
#define PAE_MAGIC 0x600d600d
#define WINDOW 0x40000000u
#define MOV_CR0_EAX 0x0f, 0x22, 0xc0
#define MOV_CR3_EAX 0x0f, 0x22, 0xd8
#define MOV_CR4_EAX 0x0f, 0x22, 0xe0
#define MOV_EAX_CR3 0x0f, 0x20, 0xd8
#define PUT_EAX(n) STORE_EAX_32(LEAK_DUMP + 4 * (n))
#define LOAD_AND_PUT(at, n) LOAD_EAX_32(at), PUT_EAX(n)
#define POKE(at, value) MOV_EAX(value), STORE_EAX_32(at)

/* Paging on; then memory says something else; and what is seen behind. */
#define PAE_CODE(tables)                                                       \
	{                                                                      \
		MOV_EAX(0x6a0), MOV_CR4_EAX, MOV_EAX(tables), MOV_CR3_EAX,     \
			MOV_EAX(0x80010033), MOV_CR0_EAX,                      \
			POKE((tables) + 8, 0),                                 \
			POKE((tables) + 16, PAE_HERE | 1),                     \
			POKE((tables) + 24, PAE_LOW | 1), MOV_EAX(0x11111111), \
			MOV_ECX(0x22222222), MOV_EDX(0x33333333),              \
			OUT_AL(LEAK_PORT_STILL), PUT_EAX(0),                   \
			LOAD_AND_PUT(WINDOW, 1), LOAD_AND_PUT(3 * WINDOW, 2),  \
			MOV_EAX_CR3, PUT_EAX(3), OUT_AL(LEAK_PORT_END),        \
			JMP_SELF                                               \
	}
static const u8 pae_code[2][0x80] = { PAE_CODE(PAE_TABLES),
	                              PAE_CODE(PAE_TABLES + 0x1000) };

/* In words of 8 bytes. One role sees the page in its second GiB. */
static bool start_pae(const struct child *c, enum leak_role role)
{
	static const u64 entries[2][4] = {
		{ PAE_LOW | 1, PAE_THERE | 1, 0, PAE_HERE | 0x19 },
		{ PAE_LOW | 1, PAE_HERE | 1, PAE_THERE | 1, 0 },
	};
	u64 *low = child_at(c, PAE_LOW);

	for (u64 i = 0; i < 512; i++)
		low[i] = i << 21 | 0x83;
	*(u64 *)child_at(c, PAE_HERE) = 0x83;
	*(u64 *)child_at(c, PAE_THERE) = PAE_TABLE | 3;
	*(u64 *)child_at(c, PAE_TABLE) = PAE_PAGE | 3;
	*(u64 *)child_at(c, PAE_PAGE) = PAE_MAGIC;
	for (u32 i = 0; i < 2; i++)
		child_put(c, PAE_TABLES + i * PAGE_SIZE, entries[i],
		          sizeof(entries[i]));
	child_put(c, LEAK_IMAGE, pae_code[role == LEAK_OTHER],
	          sizeof(pae_code[0]));
	return child_set_protected(c, LEAK_IMAGE);
}

/* The source saw what was in its entries; both did, or memory would differ. */
static bool expect_window(const struct child *c)
{
	const u32 *dump = child_at(c, LEAK_DUMP);

	return EXPECT_EQUAL(dump[0], 0x11111111) &&
	       EXPECT_EQUAL(dump[1], PAE_MAGIC);
}

/* ---- Children ---- */

static bool start(struct child *c, enum leak_role role, bool x2apic, bool pae)
{
	struct leak_seen *seen;

	if (!child_create(c, LEAK_PAGES) || !child_deposit(c, 8) ||
	    !child_intercept_out(c, LEAK_PORT_STILL) ||
	    !child_intercept_out(c, LEAK_PORT_END))
		return false;
	child_put(c, LEAK_IMAGE, child_leak_start,
	          (u64)(child_leak_end - child_leak_start));
	seen = child_at(c, LEAK_SEEN);
	seen->role = role;
	seen->x2apic = x2apic;
	return pae ? start_pae(c, role)
	           : child_set_long(c, LEAK_IMAGE, LEAK_STACK - 8);
}

static bool run_to(struct child *c, u16 port)
{
	u64 value;

	return child_run_to_out(c, port, &value) && child_stop(c);
}

/* To the OUT that it has just executed. */
static bool step_back(const struct child *c)
{
	return child_set(c, HV_REGISTER_RIP,
	                 child_get(c, HV_REGISTER_RIP) - OUT_BYTES);
}

/* Two messages wait in it: all of its slots are taken. */
static bool post_messages(const struct child *c)
{
	struct hv_input_create_port *port;
	struct hv_input_connect_port *connect;
	struct hv_input_post_message *post;

	port = hvcall_input_zeroed(sizeof(*port));
	port->port_partition = c->id;
	port->port_id = PORT_ID;
	port->connection_partition = HV_PARTITION_ID_SELF;
	port->info.type = HV_PORT_MESSAGE;
	port->info.target_sint = LEAK_SINT_PORT;
	if (!EXPECT_SUCCESS(hvcall_simple(HVCALL_CREATE_PORT)))
		return false;
	connect = hvcall_input_zeroed(sizeof(*connect));
	connect->connection_partition = HV_PARTITION_ID_SELF;
	connect->connection_id = (u32)c->id;
	connect->port_partition = c->id;
	connect->port_id = PORT_ID;
	connect->info.type = HV_PORT_MESSAGE;
	if (!EXPECT_SUCCESS(hvcall_simple(HVCALL_CONNECT_PORT)))
		return false;
	for (u32 i = 0; i < 2; i++) {
		post = hvcall_input_zeroed(sizeof(*post));
		post->connection_id = (u32)c->id;
		post->type = 0x1000 + i;
		post->payload_size = 16;
		post->payload[0] = 0x11112222 + i;
		if (!EXPECT_SUCCESS(hvcall_simple(HVCALL_POST_MESSAGE)))
			return false;
	}
	return true;
}

static bool disconnect(const struct child *c)
{
	struct hv_input_disconnect_port *in = hvcall_input_zeroed(sizeof(*in));

	in->connection_partition = HV_PARTITION_ID_SELF;
	in->connection_id = (u32)c->id;
	return EXPECT_SUCCESS(hvcall_simple(HVCALL_DISCONNECT_PORT));
}

static bool assert_nmi(const struct child *c)
{
	struct hv_input_assert_virtual_interrupt *in =
		hvcall_input_zeroed(sizeof(*in));

	in->partition_id = c->id;
	in->type = HV_INTERRUPT_NMI;
	return EXPECT_SUCCESS(hvcall_simple(HVCALL_ASSERT_VIRTUAL_INTERRUPT));
}

/* What it cannot be while it stands at an OUT, and its parent can make it. */
static bool make_richer(const struct child *c, enum leak_role role)
{
	if (role == LEAK_PLAIN)
		return child_set(c, HV_REGISTER_INTERCEPT_SUSPEND, 0);
	return child_set(c, HV_REGISTER_INTERRUPT_STATE,
	                 HV_INTERRUPT_STATE_NMI_MASKED) &&
	       child_set(c, HV_REGISTER_APIC_FIRST + 0x1b, 0x00420000) &&
	       child_set(c, HV_REGISTER_INTERCEPT_SUSPEND, 0) &&
	       assert_nmi(c) && post_messages(c);
}

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

	return EXPECT(t->tsc > value_of(&of_source, HV_REGISTER_TSC)->reg64) &&
	       EXPECT(t->reference >=
	              value_of(&of_source, HV_REGISTER_TIME_REF_COUNT)
	                      ->reg64) &&
	       EXPECT(t->runtime >=
	              value_of(&of_source, HV_REGISTER_VP_RUNTIME)->reg64) &&
	       EXPECT(t->count <= value_of(&of_source, (u32)count)->reg64);
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
	read_registers(&of_target, fresh.id);
	for (u32 i = 0; i < of_source.count; i++)
		same += is_equal(&of_source.values[i],
		                 value_of(&of_target, of_source.names[i]));
	serial_print("%u registers of the source are as after reset\r\n",
	             (u64)same);
	return EXPECT(same <= RESET_MAX) &&
	       EXPECT(value_of(&of_source, HV_REGISTER_APIC_FIRST + 0x28)
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
	return start(c, role, x2apic, pae) && run_to(c, LEAK_PORT_STILL) &&
	       child_skip(c) &&
	       make_richer(c, is_posted(role, pae) ? role : LEAK_PLAIN);
}

/* Nothing else runs in between: what a child should see. */
static bool undisturbed(struct child *c, enum leak_role role, bool x2apic,
                        bool pae)
{
	return prepare_source(c, role, x2apic, pae) &&
	       run_to(c, LEAK_PORT_END) &&
	       (!is_posted(role, pae) || disconnect(c));
}

static bool restore_and_compare(struct child *source, struct child *target)
{
	struct saved before, after;

	if (!saved_begin(&before, STREAM_PAGES) ||
	    !saved_begin(&after, STREAM_PAGES) ||
	    !saved_take(&before, source->id, 0) || !poison_all(target->id) ||
	    !saved_restore(&before, target->id, HV_SAVE_DATA_MAX))
		return false;
	read_registers(&of_target, target->id);
	if (!expect_equal_registers() || !saved_take(&after, target->id, 0) ||
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
	read_registers(&of_source, source.id);
	MUST(!x2apic || is_rich());
	MUST(start(&target, LEAK_OTHER, !x2apic, pae) &&
	     run_to(&target, LEAK_PORT_STILL));
	/* The code may be that of the source: VP_RUNTIME has to differ too. */
	for (u32 i = 0; i < AGAIN; i++)
		MUST(step_back(&target) && run_to(&target, LEAK_PORT_STILL));
	MUST(restore_and_compare(&source, &target));
	MUST(run_to(&source, LEAK_PORT_END));
	MUST(run_to(&target, LEAK_PORT_END));
	MUST(expect_equal_memory(&source, &target));
	MUST(expect_equal_memory(&witness, &target));
	MUST(pae ? expect_window(&source) : expect_times(&source, &target));
	MUST(!is_posted(role, pae) || disconnect(&source));
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
