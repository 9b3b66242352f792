/*
 * The children: the image, or code that turns on PAE paging; and what only their parent
 * can make of them.
 */
#include "tests/guest/root/leak/children.h"

#include "include/stream.h"
#include "parent/hvcall.h"
#include "tests/guest/child/leak/leak.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/test.h"

#define OUT_BYTES 2
#define PORT_ID 7

extern const u8 child_leak_start[], child_leak_end[];

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

bool children_expect_window(const struct child *c)
{
	const u32 *dump = child_at(c, LEAK_DUMP);

	return EXPECT_EQUAL(dump[0], 0x11111111) &&
	       EXPECT_EQUAL(dump[1], PAE_MAGIC);
}

/* ---- Children ---- */

bool children_start(struct child *c, enum leak_role role, bool x2apic, bool pae)
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

bool children_run_to(struct child *c, u16 port)
{
	u64 value;

	return child_run_to_out(c, port, &value) && child_stop(c);
}

bool children_step_back(const struct child *c)
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

bool children_disconnect(const struct child *c)
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

bool children_make_richer(const struct child *c, enum leak_role role)
{
	if (role == LEAK_PLAIN)
		return child_set(c, HV_REGISTER_INTERCEPT_SUSPEND, 0);
	return child_set(c, HV_REGISTER_INTERRUPT_STATE,
	                 HV_INTERRUPT_STATE_NMI_MASKED) &&
	       child_set(c, HV_REGISTER_APIC_FIRST + 0x1b, 0x00420000) &&
	       child_set(c, HV_REGISTER_INTERCEPT_SUSPEND, 0) &&
	       assert_nmi(c) && post_messages(c);
}
