/*
 * hv/run/vp_reg.c and hv/vp/vp_check.c: every register there and back, what each
 * refuses (D27), reset.
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

/* A value that register `name` can hold and does not hold after reset. */
static const struct {
	u32 name;
	u64 value;
} values[] = {
	{ HV_REGISTER_EXPLICIT_SUSPEND, 0 },
	{ HV_REGISTER_INTERCEPT_SUSPEND, 0 },
	{ HV_REGISTER_INTERNAL_ACTIVITY_STATE, 2 },
	{ HV_REGISTER_PENDING_INTERRUPTION, 0x00000100000d0017 },
	{ HV_REGISTER_INTERRUPT_STATE, 3 },
	{ HV_REGISTER_RFLAGS, 0x246 },
	{ HV_REGISTER_CR0, 0x80050033 },
	{ HV_REGISTER_CR4, 0x406a0 & 0x7ff },
	{ HV_REGISTER_CR8, 0xf },
	{ HV_REGISTER_XFEM, 0xe7 },
	{ HV_REGISTER_DR6, 0xffff4ff1 },
	{ HV_REGISTER_DR7, 0x401 },
	{ HV_REGISTER_EFER, 0xd01 },
	{ HV_REGISTER_APIC_BASE, 0xfee01900 },
	{ HV_REGISTER_PAT, 0x0706050401000706 },
	{ HV_REGISTER_MTRR_DEF_TYPE, 0xc06 },
	{ HV_REGISTER_DEBUG_CTL, 3 },
	{ HV_REGISTER_HYPERCALL, 0x5000 },
	{ HV_REGISTER_TSC_DEADLINE, 0 }, /* not in this mode */
	{ HV_REGISTER_EOI, 0 },
	{ HV_REGISTER_ICR, 0x12000000000ccfff },
	{ HV_REGISTER_TPR, 0xf0 }, /* CR8 is the same */
	{ HV_REGISTER_VP_ASSIST_PAGE, 0x6001 },
	{ HV_REGISTER_REFERENCE_TSC, 0x7001 },
	{ HV_REGISTER_SCONTROL, 1 },
	{ HV_REGISTER_SIEFP, 0x8001 },
	{ HV_REGISTER_SIMP, 0x9001 },
	{ HV_REGISTER_EOM, 0 },
};

static union hv_register_value value_for(const struct vp_reg *r, u32 name)
{
	union hv_register_value v = { .reg128 = { 0x12345000 + name % 64 * 4096,
		                                  0 } };

	for (u32 i = 0; i < ARRAY_LEN(values); i++)
		if (values[i].name == name)
			v.reg64 = values[i].value;
	if (name >= HV_REGISTER_MTRR_PHYS_MASK0 && name < HV_REGISTER_TSC_AUX)
		v.reg64 = name < HV_REGISTER_MTRR_FIX64K_00000
		                  ? 0x3ffff0000800
		                  : 0x0605040100060606;
	if (name >= HV_REGISTER_SINT0 && name <= HV_REGISTER_SINT0 + 15)
		v.reg64 = 0x70000 | (0x20 + (name & 15));
	if (name >> 16 == 0xb) /* one shot of a later day, or SINT 3 */
		v.reg64 = name & 1 ? 1ull << 60 : 0x30001;
	if (r->kind == VP_REG_SEGMENT) {
		v.segment.base = 0xffff800000001000 + name;
		v.segment.limit = 0xfffff;
		v.segment.selector = (u16)name;
		v.segment.attributes = 0xa09b;
	} else if (r->kind == VP_REG_TABLE) {
		v = (union hv_register_value){ .table = { .limit = 0x7f,
			                                  .base = name } };
	} else if (r->kind == VP_REG_XSAVE16) {
		v.reg128[1] = name == HV_REGISTER_XMM_CONTROL_STATUS
		                      ? 0xffff00001fa0
		                      : ~(u64)name;
	}
	return v;
}

static void test_every_register_there_and_back(void **state)
{
	u32 rows, registers = 0;
	const struct vp_reg *r = vp_reg_table(&rows);

	(void)state;
	make();
	for (; rows > 0; rows--, r++) {
		if (r->kind == VP_REG_APIC) /* test_lapic.c has them */
			continue;
		for (u32 i = 0; i < r->count; i++, registers++) {
			union hv_register_value in = value_for(r, r->name + i);
			union hv_register_value out;

			if (r->kind == VP_REG_FIXED ||
			    r->name == HV_REGISTER_SVERSION) {
				assert_int_equal(
					guest_set128(id, 0, r->name + i, &in),
					BAD);
				assert_ok(guest_get(id, 0, r->name + i, &out));
				continue;
			}
			assert_ok(guest_set128(id, 0, r->name + i, &in));
			assert_ok(guest_get(id, 0, r->name + i, &out));
			assert_memory_equal(&in, &out, sizeof(in));
			assert_true(r->name + i != HV_REGISTER_CR0 ||
			            vp->state.cr0 == in.reg64);
		}
	}
	assert_int_equal(registers, 187);
	/* All but the suspend bit, which was cleared on the way. */
	assert_true(vp_reg_all_valid(&vp->state, vp_xsave(vp)));
}

/* Names between the rows are unknown; each known name is in one row. */
static void test_unknown_names(void **state)
{
	union hv_register_value v = { .reg128 = { 0, 0 } };
	u32 known = 0, index;

	(void)state;
	make();
	for (u32 group = 0; group < 0x10; group++)
		for (u32 low = 0; low < 0x200; low++)
			known += vp_reg_find(group << 16 | low, &index) != NULL;
	assert_int_equal(known, 187);
	for (u32 name = 0; name < 0x1000; name++)
		known += vp_reg_find(0x84000 | name, &index) != NULL;
	assert_int_equal(known, 187 + 256);
	assert_int_equal(guest_get(id, 0, 0x00020012, &v), BAD);
	assert_int_equal(guest_set128(id, 0, 0xffffffff, &v), BAD);
	assert_int_equal(guest_set128(id, 0, 0x00080018, &v), BAD);
}

/* Each MSR of a row is found by its number, and no other row has it. */
static void test_msr_numbers(void **state)
{
	u32 rows, index, msrs = 0;
	const struct vp_reg *r = vp_reg_table(&rows);

	(void)state;
	for (; rows > 0; rows--, r++) {
		for (u32 i = 0; r->msr_step && i < r->count; i++, msrs++) {
			u32 msr = r->msr + i * r->msr_step;

			assert_ptr_equal(vp_reg_find_msr(msr, &index), r);
			assert_int_equal(index, i);
		}
	}
	assert_int_equal(msrs, 43 + 256 + 40);
}

/* Where RIP gets behind the last instruction of the lower half, and back. */
static void test_rip_beside_addresses(void **state)
{
	static const u64 rips[] = { BIT(47), 0xffff7fffffffffff,
		                    0xffff000000000000, 0x0000ffffffffffff };

	(void)state;
	make();
	for (u32 i = 0; i < ARRAY_LEN(rips); i++) {
		assert_ok(guest_set(id, 0, HV_REGISTER_RIP, rips[i]));
		assert_int_equal(vp->state.rip, rips[i]);
		assert_true(vp_reg_all_valid(&vp->state, vp_xsave(vp)));
	}
}

static const struct {
	u32 name;
	u64 value;
} refused[] = {
	{ HV_REGISTER_EXPLICIT_SUSPEND, 2 },
	{ HV_REGISTER_INTERCEPT_SUSPEND, 1 },
	{ HV_REGISTER_INTERNAL_ACTIVITY_STATE, 4 },
	{ HV_REGISTER_PENDING_INTERRUPTION, 2 },         /* not valid, not 0 */
	{ HV_REGISTER_PENDING_INTERRUPTION, 0x200003 },  /* type 1 */
	{ HV_REGISTER_PENDING_INTERRUPTION, 0x20000f },  /* type 7 */
	{ HV_REGISTER_PENDING_INTERRUPTION, 0x200201 },  /* reserved */
	{ HV_REGISTER_PENDING_INTERRUPTION, 0x1000001 }, /* 256 */
	{ HV_REGISTER_PENDING_INTERRUPTION, 0x30005 },   /* NMI, 3 */
	{ HV_REGISTER_PENDING_INTERRUPTION, 0x200007 },  /* 32 */
	{ HV_REGISTER_PENDING_INTERRUPTION, 0x30017 },   /* error, #BP */
	{ HV_REGISTER_PENDING_INTERRUPTION, 0x200011 },  /* error, int */
	{ HV_REGISTER_PENDING_INTERRUPTION, 0x1000d0007 }, /* no flag */
	{ HV_REGISTER_PENDING_INTERRUPTION, 0x10000000d0017 },
	{ HV_REGISTER_PENDING_INTERRUPTION, 0x800009 }, /* length 0 */
	{ HV_REGISTER_INTERRUPT_STATE, 4 },
	{ HV_REGISTER_RIP, 0x0001000000000000 },
	{ HV_REGISTER_RIP, 0xfffeffffffffffff },
	{ HV_REGISTER_RIP, BIT(63) },
	{ HV_REGISTER_RFLAGS, 0 },
	{ HV_REGISTER_RFLAGS, 2 | BIT(22) },
	{ HV_REGISTER_CR0, BIT(31) }, /* PG without PE */
	{ HV_REGISTER_CR0, BIT(29) }, /* NW without CD */
	{ HV_REGISTER_CR0, BIT(6) },
	{ HV_REGISTER_CR3, BIT(46) },
	{ HV_REGISTER_CR3, BIT(63) },
	{ HV_REGISTER_CR4, BIT(13) },
	{ HV_REGISTER_CR8, 16 },
	{ HV_REGISTER_XFEM, 0 },
	{ HV_REGISTER_XFEM, 5 },
	{ HV_REGISTER_XFEM, 0x27 },
	{ HV_REGISTER_XFEM, 0xe3 },
	{ HV_REGISTER_XFEM, 0x1f },
	{ HV_REGISTER_XFEM, BIT(62) | 7 },
	{ HV_REGISTER_DR6, 0 },
	{ HV_REGISTER_DR6, 0xffff1ff0 },
	{ HV_REGISTER_DR6, 0x1ffff0ff0 },
	{ HV_REGISTER_DR7, 0 },
	{ HV_REGISTER_DR7, 0x1400 },
	{ HV_REGISTER_EFER, 2 },
	{ HV_REGISTER_KERNEL_GS_BASE, BIT(47) },
	{ HV_REGISTER_APIC_BASE, 0xfee00500 },
	{ HV_REGISTER_APIC_BASE, BIT(46) | 0x800 },
	{ HV_REGISTER_PAT, 2 },
	{ HV_REGISTER_PAT, 3ull << 56 },
	{ HV_REGISTER_PAT, 8 },
	{ HV_REGISTER_SYSENTER_CS, BIT(32) },
	{ HV_REGISTER_SYSENTER_RIP, BIT(63) },
	{ HV_REGISTER_SYSENTER_RSP, BIT(63) },
	{ HV_REGISTER_LSTAR, BIT(63) },
	{ HV_REGISTER_CSTAR, BIT(63) },
	{ HV_REGISTER_SFMASK, BIT(32) },
	{ HV_REGISTER_INITIAL_APIC_ID, 0 },
	{ HV_REGISTER_MTRR_CAP, 0x508 },
	{ HV_REGISTER_MTRR_DEF_TYPE, 7 },
	{ HV_REGISTER_MTRR_DEF_TYPE, 0x1006 },
	{ HV_REGISTER_MTRR_PHYS_BASE0, 2 },
	{ HV_REGISTER_MTRR_PHYS_BASE0, 0x106 },
	{ HV_REGISTER_MTRR_PHYS_BASE0, BIT(46) },
	{ HV_REGISTER_MTRR_PHYS_MASK0, 0x400 },
	{ HV_REGISTER_MTRR_FIX64K_00000, 7 },
	{ HV_REGISTER_TSC_AUX, BIT(32) },
	{ HV_REGISTER_DEBUG_CTL, 4 },
	{ HV_REGISTER_HYPERCALL, 4 },
	{ HV_REGISTER_HYPERCALL, 0x5001 }, /* without an OS id */
	{ HV_REGISTER_VP_INDEX, 0 },
	{ HV_REGISTER_TIME_REF_COUNT, 0 },
};

static void test_d27_what_is_refused(void **state)
{
	(void)state;
	make();
	for (u32 i = 0; i < ARRAY_LEN(refused); i++) {
		union hv_register_value before, after;

		assert_ok(guest_get(id, 0, refused[i].name, &before));
		assert_int_equal(
			guest_set(id, 0, refused[i].name, refused[i].value),
			BAD);
		assert_ok(guest_get(id, 0, refused[i].name, &after));
		assert_memory_equal(&before, &after, 16);
	}
}

/* The upper half of a 64-bit register is reserved, for each of them. */
static void test_d27_upper_half(void **state)
{
	u32 rows;
	const struct vp_reg *r = vp_reg_table(&rows);

	(void)state;
	make();
	for (; rows > 0; rows--, r++) {
		union hv_register_value v = value_for(r, r->name);

		if (r->kind == VP_REG_SEGMENT) {
			v.segment.attributes |= 0x100;
		} else if (r->kind == VP_REG_TABLE) {
			v.table.pad[1] = 1;
		} else if (r->kind == VP_REG_XSAVE16) {
			if (r->name != HV_REGISTER_XMM_CONTROL_STATUS)
				continue;
			v.reg128[1] |= BIT(16); /* a bit MXCSR does not have */
		} else {
			v.reg128[1] = 1;
		}
		assert_int_equal(guest_set128(id, 0, r->name, &v), BAD);
	}
}

/* SDM 26.2.1.3: events that can be injected, at the edges of what may be. */
static void test_pending_interruptions_that_exist(void **state)
{
	static const u64 rows[] = {
		0x20005,        /* NMI */
		0x001f0007,     /* exception 31 */
		0x00ff0001,     /* external interrupt 255 */
		0xffff000e0017, /* #PF with all of an error code */
		0x00800029,     /* INT n, one byte long */
		0x008001e9,     /* 15 bytes */
		0x0001002b,     /* INT1 */
		0x0003002d,     /* INT3 */
	};

	(void)state;
	make();
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		assert_ok(guest_set(id, 0, HV_REGISTER_PENDING_INTERRUPTION,
		                    rows[i]));
		assert_int_equal(
			guest_get64(id, 0, HV_REGISTER_PENDING_INTERRUPTION),
			rows[i]);
	}
}

/* Each reserved word in front of a table's limit. */
static void test_d27_padding_of_tables(void **state)
{
	(void)state;
	make();
	for (u32 i = 0; i < 3; i++) {
		union hv_register_value v = { .table = { .limit = 0xff } };

		v.table.pad[i] = 1;
		assert_int_equal(guest_set128(id, 0, HV_REGISTER_IDTR, &v),
		                 BAD);
		assert_int_equal(guest_set128(id, 0, HV_REGISTER_GDTR, &v),
		                 BAD);
		v.table.pad[i] = 0;
		assert_ok(guest_set128(id, 0, HV_REGISTER_IDTR, &v));
	}
}

/* SDM 13.3: the two components of MPX are enabled together. */
static void test_xcr0_of_a_machine_with_mpx(void **state)
{
	(void)state;
	fake.facts.compat.xcr0 |= 0x18;
	make();
	assert_ok(guest_set(id, 0, HV_REGISTER_XFEM, 0x1f));
	assert_int_equal(guest_set(id, 0, HV_REGISTER_XFEM, 0x0f), BAD);
	assert_int_equal(guest_set(id, 0, HV_REGISTER_XFEM, 0x17), BAD);
	assert_int_equal(guest_get64(id, 0, HV_REGISTER_XFEM), 0x1f);
}

static void test_machine_without_tsc_aux(void **state)
{
	union hv_register_value v = { .reg128 = { 0, 1 } };

	(void)state;
	fake.facts.has_tsc_aux = false;
	make();
	assert_ok(guest_set(id, 0, HV_REGISTER_TSC_AUX, 0));
	assert_int_equal(guest_set(id, 0, HV_REGISTER_TSC_AUX, 1), BAD);
	assert_int_equal(guest_set128(id, 0, HV_REGISTER_TSC_AUX, &v), BAD);
	assert_int_equal(guest_get64(id, 0, HV_REGISTER_TSC_AUX), 0);
}

/* The TLFS knows one shadow: the kind is the hypervisor's to keep. */
static void test_the_kind_of_a_shadow(void **state)
{
	(void)state;
	make();
	vp->state.interrupt_state = HV_INTERRUPT_STATE_SHADOW;
	vp->state.mov_ss = 1;
	assert_ok(guest_set(id, 0, HV_REGISTER_INTERRUPT_STATE, 3));
	assert_int_equal(vp->state.mov_ss, 1);
	assert_ok(guest_set(id, 0, HV_REGISTER_INTERRUPT_STATE, 2));
	assert_ok(guest_set(id, 0, HV_REGISTER_INTERRUPT_STATE, 1));
	assert_int_equal(vp->state.mov_ss, 0);
}

/* SDM table 9-1. */
static void test_reset(void **state)
{
	const struct vp_state *s;

	(void)state;
	make();
	s = &vp->state;
	assert_true(vp_reg_all_valid(s, vp_xsave(vp)));
	assert_int_equal(s->rip, 0xfff0);
	assert_int_equal(s->rflags, 2);
	assert_int_equal(s->cr0, 0x60000010);
	assert_int_equal(s->cr4 | s->efer | s->cr3, 0);
	assert_int_equal(s->xcr0, 1);
	assert_int_equal(s->dr6, 0xffff0ff0);
	assert_int_equal(s->dr7, 0x400);
	assert_int_equal(s->segment[VP_CS].base, 0xffff0000);
	assert_int_equal(s->segment[VP_CS].selector, 0xf000);
	assert_int_equal(s->segment[VP_TR].attributes, 0x8b);
	assert_int_equal(s->gpr[VP_RDX], 0x50654);
	assert_int_equal(s->pat, 0x0007040600070406);
	assert_int_equal(guest_get64(id, 0, HV_REGISTER_TSC), 0);
	fake.tsc += 12;
	assert_int_equal(guest_get64(id, 0, HV_REGISTER_TSC), 12);
}

/* The whole is refused for each part that is wrong. */
static void test_whole_state_is_checked(void **state)
{
	struct vp_state good, bad;
	struct vp_xsave *x;
	u32 rows;
	const struct vp_reg *r = vp_reg_table(&rows);

	(void)state;
	make();
	good = vp->state;
	x = vp_xsave(vp);
	for (; rows > 0; rows--, r++) {
		u64 *at;

		if (r->kind != VP_REG_U64)
			continue;
		bad = good;
		at = (u64 *)(void *)((u8 *)&bad + r->offset +
		                     (r->count - 1) * r->stride);
		*at = 0x9090909090909090;
		/* Registers that hold anything: general, CR2, DR0-3, STAR. */
		assert_int_equal(vp_reg_all_valid(&bad, x),
		                 r->name == HV_REGISTER_RAX ||
		                         r->name == HV_REGISTER_CR2 ||
		                         r->name == HV_REGISTER_DR0 ||
		                         r->name == HV_REGISTER_STAR);
	}
	bad = good;
	bad.pending_debug = BIT(13);
	assert_false(vp_reg_all_valid(&bad, x));
	bad = good;
	bad.gdtr.limit = 0x10000;
	assert_false(vp_reg_all_valid(&bad, x));
	bad = good;
	bad.idtr.limit = 0x10000;
	assert_false(vp_reg_all_valid(&bad, x));
	bad = good;
	bad.segment[VP_TR].attributes = 0x100;
	assert_false(vp_reg_all_valid(&bad, x));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_register_there_and_back),
		TEST(test_unknown_names),
		TEST(test_msr_numbers),
		TEST(test_rip_beside_addresses),
		TEST(test_d27_what_is_refused),
		TEST(test_d27_upper_half),
		TEST(test_pending_interruptions_that_exist),
		TEST(test_d27_padding_of_tables),
		TEST(test_xcr0_of_a_machine_with_mpx),
		TEST(test_machine_without_tsc_aux),
		TEST(test_the_kind_of_a_shadow),
		TEST(test_reset),
		TEST(test_whole_state_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
