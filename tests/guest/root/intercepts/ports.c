/*
 * Messages of accesses to I/O ports: each width and form, strings, rights.
 */
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/root/intercepts/intercepts.h"

static struct child child;

static const struct io_row {
	u8 code[4];
	u8 length;
	u8 size;
	bool in;
} io_rows[] = {
	{ { OUT_AL(PORT) }, 2, 1, false },
	{ { OPSIZE, OUT_EAX(PORT) }, 3, 2, false },
	{ { OUT_EAX(PORT) }, 2, 4, false },
	{ { OUT_DX_AL }, 1, 1, false },
	{ { OPSIZE, OUT_DX_EAX }, 2, 2, false },
	{ { OUT_DX_EAX }, 1, 4, false },
	{ { IN_AL(PORT) }, 2, 1, true },
	{ { OPSIZE, IN_EAX(PORT) }, 3, 2, true },
	{ { IN_EAX(PORT) }, 2, 4, true },
	{ { IN_AL_DX }, 1, 1, true },
	{ { OPSIZE, IN_EAX_DX }, 2, 2, true },
	{ { IN_EAX_DX }, 1, 4, true },
};

static void check_io(const struct io_row *row)
{
	const struct hv_io_port_intercept *io =
		(const struct hv_io_port_intercept *)child.message.payload;

	intercepts_check_message(&child, HV_MESSAGE_IO_PORT_INTERCEPT,
	                         sizeof(*io));
	intercepts_check_header(
		&io->header, row->length,
		row->in ? HV_INTERCEPT_READ : HV_INTERCEPT_WRITE, CHILD_CODE);
	EXPECT_EQUAL(io->port, PORT);
	EXPECT_EQUAL(io->access_info, row->size);
	EXPECT_EQUAL(io->instruction_byte_count, 0);
	EXPECT_EQUAL(io->rsvd, 0);
	EXPECT_EQUAL(io->rax, 0x1122334455667788);
	EXPECT(intercepts_all_zero(io->instruction_bytes, 16));
}

void intercepts_io_messages(void)
{
	static const u8 after[] = { STORE_EAX(MARK), HLT };

	MUST(intercepts_create(&child, after, sizeof(after)));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_IO_PORT, PORT,
	                     READ | WRITE));
	for (u32 i = 0; i < ARRAY_LEN(io_rows); i++) {
		const struct io_row *row = &io_rows[i];

		test_context("row", i);
		child_put(&child, CHILD_CODE, row->code, row->length);
		child_put(&child, CHILD_CODE + row->length, after,
		          sizeof(after));
		MUST(child_set(&child, HV_REGISTER_RIP, CHILD_CODE));
		MUST(child_set(&child, HV_REGISTER_RAX, 0x1122334455667788));
		MUST(child_set(&child, HV_REGISTER_RDX, PORT));
		MUST(child_set(&child, HV_REGISTER_INTERNAL_ACTIVITY_STATE, 0));
		MUST(child_run_to(&child, HV_MESSAGE_IO_PORT_INTERCEPT));
		check_io(row);
		EXPECT_EQUAL(child_get(&child, HV_REGISTER_INTERCEPT_SUSPEND),
		             HV_SUSPENDED);
		/* What we put into RAX is what an IN has read. */
		MUST(child_set(&child, HV_REGISTER_RAX, 0xabcd0000 + i));
		MUST(child_skip(&child) && child_go(&child) &&
		     intercepts_halts(&child));
		MUST(child_stop(&child));
		EXPECT_EQUAL(intercepts_mark(&child), 0xabcd0000 + i);
	}
	child_destroy(&child);
}

void intercepts_io_string(void)
{
	static const u8 code[] = { MOV_ESI(MARK), MOV_ECX(3), MOV_EDX(PORT),
		                   0xf3,          OUTSB,      HLT };
	const struct hv_io_port_intercept *io =
		(const struct hv_io_port_intercept *)child.message.payload;

	MUST(intercepts_create(&child, code, sizeof(code)));
	MUST(child_intercept_out(&child, PORT));
	MUST(child_set(&child, HV_REGISTER_RDI, 0x1234));
	MUST(child_run_to(&child, HV_MESSAGE_IO_PORT_INTERCEPT));
	EXPECT_EQUAL(io->access_info,
	             1 | HV_IO_ACCESS_STRING | HV_IO_ACCESS_REP);
	EXPECT_EQUAL(io->header.instruction_length, 2);
	EXPECT_EQUAL(io->rcx, 3);
	EXPECT_EQUAL(io->rsi, MARK);
	EXPECT_EQUAL(io->rdi, 0x1234);
	EXPECT_EQUAL(io->ds.selector, 16);
	EXPECT_EQUAL(io->ds.attributes, 0xc093);
	EXPECT_EQUAL(io->es.limit, 0xffffffff);
	child_destroy(&child);
}

void intercepts_io_string_to_nobody(void)
{
	static const u8 code[] = { MOV_EDX(PORT), OUTSB, HLT };
	const struct hv_unsupported_feature_message *m =
		(const struct hv_unsupported_feature_message *)
			child.message.payload;

	MUST(intercepts_create(&child, code, sizeof(code)));
	MUST(child_run_to(&child, HV_MESSAGE_UNSUPPORTED_FEATURE));
	intercepts_check_message(&child, HV_MESSAGE_UNSUPPORTED_FEATURE,
	                         sizeof(*m));
	EXPECT_EQUAL(m->vp_index, 0);
	EXPECT_EQUAL(m->feature, HV_UNSUPPORTED_INTERCEPT);
	EXPECT_EQUAL(m->parameter, PORT);
	child_destroy(&child);
}

/* Reads only, then a dword whose last byte is the port, then nothing. */
void intercepts_io_rights_and_widths(void)
{
	/* clang-format off */
	static const u8 code[] = {
		OUT_AL(PORT), IN_AL(PORT), IN_EAX(PORT - 3),
		IN_EAX(PORT - 4), IN_AL(PORT), STORE_EAX(MARK), HLT,
	};
	/* clang-format on */
	const struct hv_io_port_intercept *io =
		(const struct hv_io_port_intercept *)child.message.payload;

	MUST(intercepts_create(&child, code, sizeof(code)));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_IO_PORT, PORT, READ));
	MUST(child_run_to(&child, HV_MESSAGE_IO_PORT_INTERCEPT));
	EXPECT_EQUAL(io->header.rip, CHILD_CODE + 2);
	MUST(child_skip(&child));
	MUST(child_run_to(&child, HV_MESSAGE_IO_PORT_INTERCEPT));
	EXPECT_EQUAL(io->header.rip, CHILD_CODE + 4);
	EXPECT_EQUAL(io->port, PORT - 3);
	MUST(child_skip(&child));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_IO_PORT, PORT, 0));
	MUST(child_go(&child));
	MUST(intercepts_halts(&child));
	EXPECT(!child_next_message(&child.message, 1000));
	EXPECT_EQUAL(intercepts_mark(&child), 0xffffffff);
	child_destroy(&child);
}
