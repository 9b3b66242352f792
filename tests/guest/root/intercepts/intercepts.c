/*
 * What all intercept messages of a child in long mode have in common.
 */
#include "tests/guest/root/intercepts/intercepts.h"

#include "tests/guest/lib/child.h"
#include "tests/guest/lib/test.h"

bool intercepts_create(struct child *c, const void *code, u64 size)
{
	if (!child_create(c, PAGES))
		return false;
	child_put(c, CHILD_CODE, code, size);
	return child_set_long(c, CHILD_CODE, CHILD_CODE);
}

u32 intercepts_mark(const struct child *c)
{
	return *(u32 *)child_at(c, MARK);
}

bool intercepts_all_zero(const void *bytes, u64 size)
{
	const u8 *b = bytes;
	u8 any = 0;

	while (size--)
		any |= *b++;
	return any == 0;
}

void intercepts_check_message(const struct child *c, u32 type, u32 size)
{
	EXPECT_EQUAL(c->message.type, type);
	EXPECT_EQUAL(c->message.payload_size, size);
	EXPECT_EQUAL(c->message.flags, 0);
	EXPECT_EQUAL(c->message.rsvd, 0);
	EXPECT_EQUAL(c->message.sender, c->id);
	EXPECT(intercepts_all_zero((const u8 *)c->message.payload + size,
	                           HV_MESSAGE_PAYLOAD - size));
}

void intercepts_check_header(const struct hv_intercept_header *h, u32 length,
                             u32 access, u64 rip)
{
	EXPECT_EQUAL(h->vp_index, 0);
	if (length)
		EXPECT_EQUAL(h->instruction_length & 0xf, length);
	EXPECT_EQUAL(h->instruction_length >> 4, 0); /* CR8 */
	EXPECT_EQUAL(h->access_type, access);
	EXPECT_EQUAL(h->execution_state,
	             HV_EXECUTION_CR0_PE | HV_EXECUTION_EFER_LMA);
	EXPECT_EQUAL(h->cs.base, 0);
	EXPECT_EQUAL(h->cs.limit, 0xffffffff);
	EXPECT_EQUAL(h->cs.selector, 8);
	EXPECT_EQUAL(h->cs.attributes, 0xa09b);
	EXPECT_EQUAL(h->rip, rip);
	EXPECT_EQUAL(h->rflags & ~0x10000ull, RFLAGS_FIXED); /* but RF */
}

bool intercepts_halts(const struct child *c)
{
	return child_run_until(c, HV_REGISTER_INTERNAL_ACTIVITY_STATE,
	                       HV_ACTIVITY_HALT_SUSPEND);
}
