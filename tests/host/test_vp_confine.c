/*
 * What Save completes, Restore takes on the same machine: whatever a child may
 * write where the processor has more than its child.
 */
#include "hv/run/msr.h"
#include "hv/run/vp_reg.h"
#include "hv/run/vp_run.h"
#include "hv/vp/vp_confine.h"
#include "hv/vp/vp_rules.h"
#include "include/x86.h"
#include "tests/host/fixture/child.h"
#include "tests/host/fixture/state.h"
#include "tests/host/fixture/test.h"

/* ---- Processors that have more than their children ---- */

struct model {
	enum fake_machine machine;
	u32 phys_bits;   /* of the processor: what MOV CR3 takes */
	u32 linear_bits; /* of its MSRs and tables, whatever CR4 says */
	bool lam;        /* CR3 bits 62:61 */
	bool bus_lock;   /* DR6 bit 11 */
	bool rtm;        /* DR6 bit 16 */
	bool child_rtm;
};

static const struct model models[] = {
	{ FAKE_HASWELL, 39, 48, false, false, false, false },
	{ FAKE_HASWELL, 39, 48, false, true, false, false },
	{ FAKE_HASWELL, 39, 48, false, false, true, false },
	{ FAKE_HASWELL, 39, 48, false, false, true, true },
	{ FAKE_NO_XSAVE, 39, 48, false, true, true, true },
	{ FAKE_SKYLAKE_X, 52, 57, false, true, true, true },
	{ FAKE_SKYLAKE_X, 52, 57, true, true, false, false },
	{ FAKE_SKYLAKE_X, 46, 57, true, false, true, false },
	{ FAKE_SKYLAKE_X, 52, 48, true, true, true, true },
};

static const u8 wide_segments[] = { VP_FS, VP_GS, VP_LDTR, VP_TR };

static void become(const struct model *m)
{
	struct fake_options o = { .machine = m->machine };

	assert_int_equal(guest_start(&o), HANDOFF_OK);
	if (m->child_rtm)
		fake.facts.compat.features[STREAM_FEATURE_7_EBX] |= BIT(11);
}

static u64 random_address(const struct model *m, u64 *seed)
{
	u32 rest = 64 - m->linear_bits;

	return (u64)((i64)(fake_random(seed) << rest) >> rest);
}

/* As the child's own instructions leave it in the processor. */
static void write_all(const struct model *m, struct vp_state *s, u64 *seed)
{
	u64 pages = BIT(m->phys_bits) - PAGE_SIZE;
	u64 dr6 = 0xe00f;

	s->cr3 = fake_random(seed) & (BIT(m->phys_bits) - 1);
	if (m->lam)
		s->cr3 |= fake_random(seed) & 3ull << 61;
	for (u32 i = 0; vp_state_uses_pdptes(s) && i < 4; i++)
		s->pdpte[i] = fake_random(seed) & (pages | 0xe19);
	for (u32 i = 0; i < ARRAY_LEN(wide_segments); i++)
		if (!(s->rflags & BIT(17)) || i > 1)
			s->segment[wide_segments[i]].base =
				random_address(m, seed);
	s->gdtr.base = random_address(m, seed);
	s->idtr.base = random_address(m, seed);
	s->sysenter_rip = random_address(m, seed);
	s->sysenter_rsp = random_address(m, seed);
	s->kernel_gs_base = random_address(m, seed);
	for (u32 i = 0; i < 4; i++)
		s->dr[i] = fake_random(seed);
	dr6 |= (m->bus_lock ? BIT(11) : 0) | (m->rtm ? BIT(16) : 0);
	s->dr6 = (fake_random(seed) & dr6) | (0xffff0ff0 & ~dr6);
}

/* ---- The property ---- */

static void saved_is_restored(const struct model *m, u64 seed)
{
	struct guest_stream s = { .data = NULL };
	struct vp_state mine;
	struct child_shape shape;
	u64 id, twin;
	struct vp *vp;

	become(m);
	child_shape_small(&shape, 2);
	id = child_make(&shape);
	vp = guest_partition(id)->vps[0];
	state_fill(vp, &seed);
	write_all(m, fake_enter(vp), &seed);
	fake_exit(vp);
	guest_save_whole(id, &s);
	mine = *vp_state_read(vp);
	assert_null(vp_rules_broken(&mine));
	twin = child_make_target(&shape);
	guest_restore_whole(twin, &s, 4080);
	vp = guest_partition(twin)->vps[0];
	assert_memory_equal(vp_state_read(vp), &mine, sizeof(mine));
	/* And the twin's own. */
	guest_save_whole(twin, &s);
	guest_stream_free(&s);
}

static void test_what_is_saved_is_restored(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(models); i++)
		for (u64 seed = 1; seed <= 40; seed++)
			saved_is_restored(&models[i], seed * 977 + i);
}

/* ---- Bits ---- */

static struct vp *child(const struct model *m)
{
	become(m);
	return guest_partition(guest_child(40, 1))->vps[0];
}

/* MOV DR6, 0: SDM 17.2.3, of a processor without the features. */
static void test_dr6(void **state)
{
	static const struct {
		struct model model;
		u64 raw, seen;
	} rows[] = {
		{ { .bus_lock = true }, 0xffff07f0, 0xffff0ff0 },
		{ { .bus_lock = true }, 0xffff47f1, 0xffff4ff1 },
		{ { .rtm = true }, 0xfffe0ff0, 0xffff0ff0 },
		{ { .bus_lock = true, .rtm = true }, 0xfffe07f0, 0xffff0ff0 },
		{ { .child_rtm = true }, 0xfffe0ff0, 0xfffe0ff0 },
		{ { .child_rtm = true, .bus_lock = true },
		  0xfffe07f0,
		  0xfffe0ff0 },
		{ { .lam = false }, 0xffffeff9, 0xffffeff9 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		struct vp *vp = child(&rows[i].model);
		union hv_register_value v;

		fake_enter(vp)->dr6 = rows[i].raw;
		fake_exit(vp);
		assert_ok(vp_reg_get(vp, HV_REGISTER_DR6, &v));
		assert_true(v.reg64 == rows[i].seen);
		assert_true(vp_reg_set(vp, HV_REGISTER_DR6, &v) == 0);
		assert_true(fake_enter(vp)->dr6 == rows[i].seen);
		fake_exit(vp);
	}
}

/* The switch to another VP saves debug registers by itself. */
static void test_dr6_of_a_switch(void **state)
{
	struct vp *vp = child(&models[1]);

	(void)state;
	fake_enter(vp);
	fake_exit(vp);
	vp->state.dr6 = 0xffff07f0;
	vp->cached |= VP_PART_LIVE;
	assert_true(vp_state_part(vp, VP_PART_LIVE)->dr6 == 0xffff0ff0);
}

static void test_addresses(void **state)
{
	struct model m = { .machine = FAKE_SKYLAKE_X };
	struct vp *vp = child(&m);
	struct vp_state *s = fake_enter(vp);

	(void)state;
	s->cr3 = 0x6000000000000018ull | BIT(51) | 0x123000;
	s->pdpte[0] = BIT(50) | 0x5001;
	s->pdpte[1] = BIT(50) | 0x5000; /* not present: any bits may be */
	s->segment[VP_FS].base = 0x00ff800012345678;
	s->segment[VP_GS].base = 0xff00000012345678;
	s->gdtr.base = 0x0080000000001000;
	s->kernel_gs_base = 0xffff800000000000;
	fake_exit(vp);
	s = vp_state_write(vp);
	assert_true(s->cr3 == 0x123018);
	assert_true(s->pdpte[0] == 0x5001);
	assert_true(s->pdpte[1] == (BIT(50) | 0x5000));
	assert_true(s->segment[VP_FS].base == 0xffff800012345678);
	assert_true(s->segment[VP_GS].base == 0x12345678);
	assert_true(s->gdtr.base == 0x1000);
	assert_true(s->kernel_gs_base == 0xffff800000000000);
}

/* EIP ran over 4 GiB: what is seen and saved has 32 bits, and so has what is entered. */
static void test_rip(void **state)
{
	static const struct {
		u64 efer;
		u16 cs;
		u64 rip, seen;
	} rows[] = {
		{ 0, 0xc09b, 0x100000001, 1 },
		{ 0, 0x9b, 0x100000001, 1 },
		{ 0, 0xc09b, 0xffffffff, 0xffffffff },
		{ 0, 0xa09b, 0x7fff00000003, 3 }, /* L means nothing */
		{ EFER_LME | EFER_LMA, 0xc09b, 0x100000001, 1 },
		{ EFER_LME | EFER_LMA, 0xa09b, 0x100000001, 0x100000001 },
	};
	struct vp *vp = child(&models[0]);
	struct vp_state *s;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		s = fake_enter(vp);
		s->efer = rows[i].efer;
		s->segment[VP_CS].attributes = rows[i].cs;
		s->rip = rows[i].rip;
		fake_exit(vp);
		assert_true(vp_state_part(vp, VP_PART_RIP)->rip ==
		            rows[i].seen);
		assert_true(fake_enter(vp)->rip == rows[i].seen);
		fake_exit(vp);
	}
}

/* A parent on its way from 64-bit code to other code and back loses nothing. */
static void test_rip_of_another_mode(void **state)
{
	struct vp *vp = child(&models[0]);
	struct vp_state *s = fake_enter(vp);
	union hv_register_value cs = { .segment = { .limit = 0xffffffff,
		                                    .selector = 8,
		                                    .attributes = 0xc09b } };

	(void)state;
	s->efer = EFER_LME | EFER_LMA;
	s->segment[VP_CS].attributes = 0xa09b;
	s->rip = 0x7fff00001000;
	fake_exit(vp);
	assert_ok(guest_set128(vp->partition->id, 0, HV_REGISTER_CS, &cs));
	assert_true(vp_state_part(vp, VP_PART_RIP)->rip == 0x7fff00001000);
	assert_non_null(vp_validate(vp));
	cs.segment.attributes = 0xa09b;
	assert_ok(guest_set128(vp->partition->id, 0, HV_REGISTER_CS, &cs));
	assert_true(fake_enter(vp)->rip == 0x7fff00001000);
	fake_exit(vp);
}

/* The root has all that its processor has. */
static void test_the_root_is_not_confined(void **state)
{
	struct vp *root = fake_root_vp();
	u32 cached = root->cached;

	(void)state;
	root->cached = VP_PART_ALL;
	root->state.dr6 = 0xffff07f0;
	root->state.kernel_gs_base = 0x00ff800000000000;
	vp_state_part(root, VP_PART_LIVE);
	assert_true(root->state.dr6 == 0xffff07f0);
	assert_true(root->state.kernel_gs_base == 0x00ff800000000000);
	root->cached = cached;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_saved_is_restored),
		cmocka_unit_test(test_dr6),
		cmocka_unit_test(test_dr6_of_a_switch),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_rip),
		cmocka_unit_test(test_rip_of_another_mode),
		TEST(test_the_root_is_not_confined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
