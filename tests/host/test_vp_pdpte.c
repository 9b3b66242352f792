/*
 * hv/vp/vp.c: what is made good before a VP runs or is saved. PDPTEs follow what
 * its parent wrote to CR3 and the mode; a state that breaks a rule is not saved.
 */
#include "hv/base/log.h"
#include "hv/run/sched.h"
#include "hv/run/vp_run.h"
#include "hv/vp/vp_rules.h"
#include "include/x86.h"
#include "tests/host/fixture/guest_vp.h"
#include "tests/host/fixture/test.h"

#define CR0_PAGING 0x80000011ull /* PG ET PE */
#define GPN 5ull
#define TABLE 0x20u /* the table's place in its page */

static u64 id;
static struct vp *vp;
static u64 *table;

static void set(u32 name, u64 value)
{
	assert_ok(guest_set(id, 0, name, value));
}

/* A child with four entries at CR3, in no mode yet that has them. */
static void make(void)
{
	u64 page = guest_page();

	id = guest_child(60, 1);
	vp = guest_partition(id)->vps[0];
	table = (u64 *)(void *)guest_at(page << PAGE_SHIFT);
	memset(table, 0x5a, PAGE_SIZE);
	assert_ok(guest_map(id, GPN, page, 7));
	for (u32 i = 0; i < 4; i++)
		table[TABLE / 8 + i] = 0x100001 + 0x1000 * i;
}

static void use_pae(u64 cr3)
{
	set(HV_REGISTER_CR4, CR4_PAE);
	set(HV_REGISTER_CR3, cr3);
	set(HV_REGISTER_CR0, CR0_PAGING);
}

static void assert_loaded(void)
{
	assert_null(vp_validate(vp));
	guest_has_pdptes(vp, 0x100001, 0x1000);
}

static void test_before_it_runs(void **state)
{
	(void)state;
	make();
	use_pae(GPN << PAGE_SHIFT | TABLE);
	guest_has_pdptes(vp, 0, 0); /* nobody has asked yet */
	set(HV_REGISTER_EXPLICIT_SUSPEND, 0);
	vp->dirty = false;
	assert_ptr_equal(sched_next(&fake.cpu, SCHED_SLICE_END).vp, vp);
	guest_has_pdptes(vp, 0x100001, 0x1000);
	assert_true(vp->dirty);
}

/* Bits 31 to 5 are the place, whatever the others say. */
static void test_place(void **state)
{
	static const u64 cr3s[] = { 0x5020, 0x503f, 0x100005020,
		                    0x3fff00005038 };

	(void)state;
	make();
	for (u32 i = 0; i < ARRAY_LEN(cr3s); i++) {
		use_pae(0);
		assert_null(vp_validate(vp));
		guest_has_pdptes(vp, 0, 0);
		use_pae(cr3s[i]);
		assert_loaded();
	}
	/* The last 32 bytes of a page. */
	memset(table, 0, PAGE_SIZE);
	table[508] = 0x7001;
	table[511] = 0x8001;
	use_pae(0x5fe0);
	assert_null(vp_validate(vp));
	assert_int_equal(vp->state.pdpte[0], 0x7001);
	assert_int_equal(vp->state.pdpte[1] | vp->state.pdpte[2], 0);
	assert_int_equal(vp->state.pdpte[3], 0x8001);
}

/* Each register by itself has them read anew; others have not. */
static void test_which_registers(void **state)
{
	static const struct {
		u32 name;
		u64 value;
		bool loads;
	} rows[] = {
		{ HV_REGISTER_CR0, CR0_PAGING, true },
		{ HV_REGISTER_CR3, GPN << PAGE_SHIFT | TABLE, true },
		{ HV_REGISTER_CR4, CR4_PAE, true },
		{ HV_REGISTER_EFER, 0, true },
		{ HV_REGISTER_CR2, 1, false },
		{ HV_REGISTER_RAX, 1, false },
		{ HV_REGISTER_EXPLICIT_SUSPEND, 1, false },
	};

	(void)state;
	make();
	use_pae(GPN << PAGE_SHIFT | TABLE);
	assert_loaded();
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		/* The guest wrote its table, and did not load CR3. */
		table[TABLE / 8] = 0x200001 + 0x1000 * i;
		assert_null(vp_validate(vp));
		assert_int_not_equal(vp->state.pdpte[0], table[TABLE / 8]);
		set(rows[i].name, rows[i].value);
		assert_null(vp_validate(vp));
		assert_int_equal(vp->state.pdpte[0] == table[TABLE / 8],
		                 rows[i].loads);
	}
}

/* Where the mode has none, none are kept. */
static void test_other_modes(void **state)
{
	static const u64 modes[][3] = {
		{ CR0_PAGING, 0, 0 },           /* 32-bit paging */
		{ 0x11, CR4_PAE, 0 },           /* no paging */
		{ CR0_PAGING, CR4_PAE, 0x500 }, /* long mode */
	};

	(void)state;
	make();
	for (u32 i = 0; i < ARRAY_LEN(modes); i++) {
		set(HV_REGISTER_EFER, 0);
		use_pae(GPN << PAGE_SHIFT | TABLE);
		assert_loaded();
		set(HV_REGISTER_CR0, modes[i][0]);
		set(HV_REGISTER_CR4, modes[i][1]);
		set(HV_REGISTER_EFER, modes[i][2]);
		vp_validate(vp);
		guest_has_pdptes(vp, 0, 0);
	}
}

static void test_table_that_is_not_there(void **state)
{
	u64 hidden;

	(void)state;
	make();
	use_pae(GPN << PAGE_SHIFT | TABLE);
	assert_loaded();
	set(HV_REGISTER_CR3, 0x9000);
	assert_null(vp_validate(vp));
	guest_has_pdptes(vp, 0, 0);
	/* There, but the guest may not read it. */
	hidden = guest_page();
	table = (u64 *)(void *)guest_at(hidden << PAGE_SHIFT);
	table[0] = 0x300001;
	assert_ok(guest_map(id, 9, hidden, HV_MAP_GPA_NO_ACCESS));
	set(HV_REGISTER_CR3, 0x9000);
	assert_null(vp_validate(vp));
	guest_has_pdptes(vp, 0, 0);
}

/* ---- The rule ---- */

static void test_reserved_bits(void **state)
{
	(void)state;
	make();
	use_pae(GPN << PAGE_SHIFT | TABLE);
	for (u32 bit = 1; bit < 64; bit++) {
		bool reserved = bit == 1 || bit == 2 || (bit >= 5 && bit < 9) ||
		                bit >= 46;
		const struct vp_rule *broken;

		for (u32 i = 0; i < 4; i++) {
			table[TABLE / 8 + i] ^= BIT(bit);
			set(HV_REGISTER_CR3, GPN << PAGE_SHIFT | TABLE);
			broken = vp_validate(vp);
			assert_int_equal(broken != NULL, reserved);
			if (broken)
				assert_string_equal(
					broken->what,
					"PDPTEs have no reserved bits");
			/* An entry that is not present may hold anything. */
			table[TABLE / 8 + i] ^= 1;
			set(HV_REGISTER_CR3, GPN << PAGE_SHIFT | TABLE);
			assert_null(vp_validate(vp));
			table[TABLE / 8 + i] ^= BIT(bit) | 1;
		}
	}
}

static void test_reserved_bits_are_not_entered(void **state)
{
	(void)state;
	make();
	table[TABLE / 8 + 3] |= 2;
	use_pae(GPN << PAGE_SHIFT | TABLE);
	set(HV_REGISTER_EXPLICIT_SUSPEND, 0);
	assert_ptr_not_equal(sched_next(&fake.cpu, SCHED_SLICE_END).vp, vp);
	assert_int_equal(vp->intercept_suspend, HV_SUSPENDED);
	assert_int_equal(vp->message.type,
	                 HV_MESSAGE_INVALID_VP_REGISTER_VALUE);
	/* In a mode without them it is nobody's business. */
	set(HV_REGISTER_CR4, 0);
	set(HV_REGISTER_INTERCEPT_SUSPEND, 0);
	assert_ptr_equal(sched_next(&fake.cpu, SCHED_SLICE_END).vp, vp);
}

/* ---- Saving ---- */

static void save(struct guest_stream *s)
{
	*s = (struct guest_stream){ .data = NULL };
	guest_save_whole(id, s);
}

static void restore(struct guest_stream *s)
{
	guest_unmap(id, GPN);
	guest_destroy(id);
	make();
	guest_restore_whole(id, s, 4080);
	guest_stream_free(s);
}

static void test_before_it_is_saved(void **state)
{
	struct guest_stream s;

	(void)state;
	make();
	use_pae(GPN << PAGE_SHIFT | TABLE);
	save(&s);
	guest_has_pdptes(vp, 0x100001, 0x1000);
	restore(&s);
	guest_has_pdptes(vp, 0x100001, 0x1000);
	assert_null(vp_validate(vp));
	guest_has_pdptes(vp, 0x100001, 0x1000);
}

/* They are the processor's, whatever has become of the table since. */
static void test_stream_has_what_the_processor_had(void **state)
{
	struct guest_stream s;

	(void)state;
	make();
	use_pae(GPN << PAGE_SHIFT | TABLE);
	assert_loaded();
	memset(table, 0xee, PAGE_SIZE);
	set(HV_REGISTER_RAX, 1);
	save(&s);
	restore(&s);
	assert_int_equal(table[TABLE / 8], 0xeeeeeeeeeeeeeeee);
	assert_null(vp_validate(vp));
	guest_has_pdptes(vp, 0x100001, 0x1000);
}

static enum hv_status start(u32 flags)
{
	struct guest_stream s = { .data = NULL };
	enum hv_status status;
	u32 result;

	status = guest_save_call(id, GUEST_START | flags, &s, &result);
	guest_stream_free(&s);
	return status;
}

static void test_what_breaks_a_rule_is_not_saved(void **state)
{
	struct guest_stream good;
	char text[1024];
	u64 position = 0;
	u32 count;

	(void)state;
	make();
	assert_ok(guest_create_vp(id, 7));
	save(&good);
	assert_ok(
		guest_set(id, 7, HV_REGISTER_RFLAGS, RFLAGS_VM | RFLAGS_FIXED));
	assert_int_equal(start(0), HV_STATUS_INVALID_VP_STATE);
	assert_int_equal(start(0), HV_STATUS_INVALID_VP_STATE);
	count = log_read(&position, (u8 *)text, sizeof(text) - 1);
	text[count] = 0;
	assert_non_null(strstr(text, "VP 7: not saved: v86: "));
	/* A summary looks at no registers. */
	assert_ok(start(GUEST_SUMMARY));
	/* It is still the parent's to put right. */
	assert_ok(guest_set(id, 7, HV_REGISTER_RFLAGS, 2));
	assert_ok(start(0));
	assert_ok(
		guest_set(id, 7, HV_REGISTER_RFLAGS, RFLAGS_VM | RFLAGS_FIXED));
	assert_int_equal(start(0), HV_STATUS_INVALID_VP_STATE);
	/* Or a stream's. */
	guest_restore_whole(id, &good, 4080);
	assert_ok(start(0));
	guest_stream_free(&good);
	/* Who runs is not asked. */
	assert_ok(
		guest_set(id, 7, HV_REGISTER_RFLAGS, RFLAGS_VM | RFLAGS_FIXED));
	set(HV_REGISTER_EXPLICIT_SUSPEND, 0);
	assert_int_equal(start(0), HV_STATUS_OPERATION_DENIED);
}

/* PDPTEs are read for the judgement. */
static void test_pdptes_that_are_not_saved(void **state)
{
	(void)state;
	make();
	use_pae(GPN << PAGE_SHIFT | TABLE);
	assert_ok(start(0));
	table[TABLE / 8] |= BIT(8);
	assert_ok(start(0));
	use_pae(GPN << PAGE_SHIFT | TABLE);
	assert_int_equal(start(0), HV_STATUS_INVALID_VP_STATE);
	table[TABLE / 8] &= ~BIT(8);
	assert_int_equal(start(0), HV_STATUS_INVALID_VP_STATE);
	set(HV_REGISTER_CR3, GPN << PAGE_SHIFT | TABLE);
	assert_ok(start(0));
}

/* ---- RIP ---- */

/* A processor may stand one past the last canonical address. */
static void test_rip(void **state)
{
	static const struct {
		u64 rip;
		u8 bits; /* of a linear address */
		bool good;
	} rows[] = {
		{ 0, 48, true },
		{ 0x7fffffffffff, 48, true },
		{ 0x800000000000, 48, true },
		{ 0xffffffffffff, 48, true },
		{ 0xffff000000000000, 48, true },
		{ 0xffff7fffffffffff, 48, true },
		{ 0xffff800000000000, 48, true },
		{ 0xffffffffffffffff, 48, true },
		{ 0x1000000000000, 48, false },
		{ 0x8000000000000000, 48, false },
		{ 0x7fffffffffffffff, 48, false },
		{ 0xfffeffffffffffff, 48, false },
		{ 0x1000000000000, 57, true },
		{ 0x1ffffffffffffff, 57, true },
		{ 0xfe00000000000000, 57, true },
		{ 0x200000000000000, 57, false },
		{ 0xfdffffffffffffff, 57, false },
	};

	(void)state;
	make();
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		u64 before;

		fake.facts.compat.linear_bits = rows[i].bits;
		before = guest_get64(id, 0, HV_REGISTER_RIP);
		assert_int_equal(guest_set(id, 0, HV_REGISTER_RIP, rows[i].rip),
		                 rows[i].good ? HV_STATUS_SUCCESS
		                              : HV_STATUS_INVALID_PARAMETER);
		assert_int_equal(guest_get64(id, 0, HV_REGISTER_RIP),
		                 rows[i].good ? rows[i].rip : before);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_before_it_runs),
		TEST(test_place),
		TEST(test_which_registers),
		TEST(test_other_modes),
		TEST(test_table_that_is_not_there),
		TEST(test_reserved_bits),
		TEST(test_reserved_bits_are_not_entered),
		TEST(test_before_it_is_saved),
		TEST(test_stream_has_what_the_processor_had),
		TEST(test_what_breaks_a_rule_is_not_saved),
		TEST(test_pdptes_that_are_not_saved),
		TEST(test_rip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
