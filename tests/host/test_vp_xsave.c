/*
 * hv/vp/vp_xsave.c: registers in the XSAVE area, components in their init state, and
 * what a header may say.
 */
#include "hv/run/vp_reg.h"
#include "hv/vp/partition.h"
#include "tests/host/fixture/test.h"

#define BAD HV_STATUS_INVALID_PARAMETER

static u64 id;
static struct vp *vp;

static void make(void)
{
	vp = guest_child_vp(40, 1, &id);
}

/* SDM 13.6: a clear XSTATE_BV bit means init state, whatever the bytes. */
static void test_components_in_init_state(void **state)
{
	union hv_register_value v, fcw = { .reg128 = { 0x37f, 0 } };
	struct vp_xsave *x;

	(void)state;
	make();
	x = vp_xsave(vp);
	memset(&x->legacy, 0xee, 24); /* up to MXCSR */
	memset(x->legacy.xmm, 0xee, sizeof(x->legacy.xmm));
	memset(x->legacy.fp_mmx, 0xee, sizeof(x->legacy.fp_mmx));
	memset(x->extended, 0xee, 256);
	x->xstate_bv = 0;
	for (u32 i = 0; i < 16; i++) {
		assert_int_equal(guest_get64(id, 0, HV_REGISTER_XMM0 + i), 0);
		assert_int_equal(guest_get64(id, 0, HV_REGISTER_YMM0_HIGH + i),
		                 0);
	}
	assert_int_equal(guest_get64(id, 0, HV_REGISTER_FP_MMX0 + 7), 0);
	assert_ok(guest_get(id, 0, HV_REGISTER_FP_CONTROL_STATUS, &v));
	assert_memory_equal(&v, &fcw, 16);
	assert_ok(guest_get(id, 0, HV_REGISTER_XMM_CONTROL_STATUS, &v));
	assert_int_equal(v.reg128[0], 0);
	assert_int_equal((u32)v.reg128[1], 0x1f80);
	/* Reading left all as it was: a save may be under way. */
	assert_int_equal(x->xstate_bv, 0);
	assert_int_equal(x->legacy.xmm[3][0], 0xee);
	/* Writing one register makes its component real, the rest of it 0. */
	assert_ok(guest_set(id, 0, HV_REGISTER_XMM0 + 3, 0x33));
	assert_int_equal(x->xstate_bv, 2);
	assert_int_equal(guest_get64(id, 0, HV_REGISTER_XMM0 + 3), 0x33);
	assert_int_equal(x->legacy.xmm[4][0], 0);
	assert_ok(guest_set(id, 0, HV_REGISTER_YMM0_HIGH + 1, 0x44));
	assert_ok(guest_set(id, 0, HV_REGISTER_FP_MMX0, 0x55));
	assert_int_equal(x->xstate_bv, 7);
	assert_int_equal(x->extended[0], 0);
	assert_int_equal(x->extended[16], 0x44);
	assert_int_equal(x->legacy.control_status[0], 0x7f);
	assert_int_equal(x->legacy.xmm_control_status[0], 0);
}

static void test_mxcsr_mask_is_the_processors(void **state)
{
	union hv_register_value v = { .reg128 = { 0, 0x1234567800001fa0 } };

	(void)state;
	make();
	assert_ok(guest_set128(id, 0, HV_REGISTER_XMM_CONTROL_STATUS, &v));
	assert_ok(guest_get(id, 0, HV_REGISTER_XMM_CONTROL_STATUS, &v));
	assert_int_equal(v.reg128[1], 0x0000ffff00001fa0);
}

static void test_machine_without_xsave(void **state)
{
	union hv_register_value v;

	(void)state;
	fake_become(FAKE_NO_XSAVE);
	make();
	assert_int_equal(guest_get(id, 0, HV_REGISTER_YMM0_HIGH, &v), BAD);
	assert_int_equal(guest_set(id, 0, HV_REGISTER_YMM0_HIGH, 0), BAD);
	assert_int_equal(guest_set(id, 0, HV_REGISTER_XFEM, 3), BAD);
	v = (union hv_register_value){ .reg128 = { 1, 1 } };
	assert_int_equal(guest_set128(id, 0, HV_REGISTER_XFEM, &v), BAD);
	assert_ok(guest_set(id, 0, HV_REGISTER_XFEM, 1));
	assert_ok(guest_set(id, 0, HV_REGISTER_XMM0, 5));
	assert_int_equal(guest_get64(id, 0, HV_REGISTER_XMM0), 5);
	assert_int_equal(vp_xsave(vp)->xstate_bv, 0);
	assert_true(vp_reg_all_valid(&vp->state, vp_xsave(vp)));
}

static void test_xsave_header_is_checked(void **state)
{
	struct vp_xsave *x;

	(void)state;
	make();
	x = vp_xsave(vp);
	for (u32 bit = 0; bit < 64; bit++) {
		x->xstate_bv = BIT(bit);
		assert_int_equal(vp_reg_all_valid(&vp->state, x),
		                 (0x2e7 & BIT(bit)) != 0);
	}
	x->xstate_bv = 7;
	x->xcomp_bv = BIT(63);
	assert_false(vp_reg_all_valid(&vp->state, x));
	x->xcomp_bv = 0;
	for (u32 i = 0; i < 6; i++) {
		x->rsvd[i] = 1;
		assert_false(vp_reg_all_valid(&vp->state, x));
		x->rsvd[i] = 0;
	}
	x->legacy.xmm_control_status[10] = 1;
	assert_false(vp_reg_all_valid(&vp->state, x));
	x->legacy.xmm_control_status[10] = 0;
	assert_true(vp_reg_all_valid(&vp->state, x));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_components_in_init_state),
		TEST(test_mxcsr_mask_is_the_processors),
		TEST(test_machine_without_xsave),
		TEST(test_xsave_header_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
