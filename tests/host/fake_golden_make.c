/*
 * The golden streams, and the partitions of those that the engine saved.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/fake_golden.h"
#include "tests/host/fake_state.h"

/* ---- Registers ---- */

/* Values: pseudo-random bits of the mask, and the fixed ones. */
static const struct {
	u32 name;
	u32 count;
	u64 mask;
	u64 fixed;
} registers[] = {
	{ HV_REGISTER_RAX, 16, ~0ull, 0 },
	{ HV_REGISTER_RIP, 1, 0x7fffffffffff, 0 },
	{ HV_REGISTER_RFLAGS, 1, 0x8d5, 0x202 },
	{ HV_REGISTER_FP_MMX0, 8, ~0ull, 0 },
	{ HV_REGISTER_FP_CONTROL_STATUS, 1, 0, 0x037f },
	{ HV_REGISTER_CR0, 1, 0, 0x80050033 },
	{ HV_REGISTER_CR2, 1, ~0ull, 0 },
	{ HV_REGISTER_CR3, 1, 0x7ffffff000, 0 },
	{ HV_REGISTER_CR4, 1, 0, 0x6a0 },
	{ HV_REGISTER_CR8, 1, 0xf, 0 },
	{ HV_REGISTER_DR0, 4, ~0ull, 0 },
	{ HV_REGISTER_DR6, 1, 0xe00f, 0xffff0ff0 },
	{ HV_REGISTER_DR7, 1, 0xffff03ff, 0x400 },
	{ HV_REGISTER_TSC, 1, 0xffffffffffff, 0 },
	{ HV_REGISTER_EFER, 1, 0, 0xd01 },
	{ HV_REGISTER_KERNEL_GS_BASE, 1, 0x7fffffffffff, 0 },
	{ HV_REGISTER_PAT, 1, 0, 0x0001050600070406 },
	{ HV_REGISTER_SYSENTER_CS, 1, 0xffffffff, 0 },
	{ HV_REGISTER_SYSENTER_RIP, 2, 0x7fffffffffff, 0 },
	{ HV_REGISTER_STAR, 1, ~0ull, 0 },
	{ HV_REGISTER_LSTAR, 2, 0x7fffffffffff, 0xffff800000000000 },
	{ HV_REGISTER_SFMASK, 1, 0xffffffff, 0 },
	{ HV_REGISTER_MTRR_DEF_TYPE, 1, 0, 0xc06 },
	{ HV_REGISTER_MTRR_PHYS_BASE0, 8, 0x7ffff000, 6 },
	{ HV_REGISTER_MTRR_PHYS_MASK0, 8, 0x7ffff000, 0x800 },
	{ HV_REGISTER_MTRR_FIX64K_00000, 11, 0x0404040404040404, 0 },
	{ HV_REGISTER_TSC_AUX, 1, 0xffffffff, 0 },
	{ HV_REGISTER_DEBUG_CTL, 1, 3, 0 },
};

/* 64-bit code at CPL 3; LDTR and TR as they must be. */
static const u16 segment_attributes[8] = { 0xc0f3, 0xa0fb, 0xc0f3, 0xc0f3,
	                                   0xc0f3, 0xc0f3, 0x8082, 0x808b };

static void set_segments(u64 id, u32 index, u64 *seed)
{
	for (u32 i = 0; i < 8; i++) {
		union hv_register_value v = { .reg64 = 0 };

		v.segment.base = (u32)fake_random(seed);
		v.segment.limit = (u32)fake_random(seed) | 0xfff;
		v.segment.selector = (u16)fake_random(seed) & 0xfffb;
		v.segment.attributes = segment_attributes[i];
		assert_int_equal(
			guest_set128(id, index, HV_REGISTER_ES + i, &v), 0);
	}
	for (u32 i = 0; i < 2; i++) {
		union hv_register_value v = { .reg64 = 0 };

		v.table.base = fake_random(seed) & 0x7fffffffffff;
		v.table.limit = (u16)fake_random(seed);
		assert_int_equal(
			guest_set128(id, index, HV_REGISTER_IDTR + i, &v), 0);
	}
}

/* `count` registers of 16 random bytes. */
static void set_vectors(u64 id, u32 index, u32 name, u32 count, u64 *seed)
{
	for (u32 i = 0; i < count; i++) {
		union hv_register_value v;

		v.reg128[0] = fake_random(seed);
		v.reg128[1] = fake_random(seed);
		assert_int_equal(guest_set128(id, index, name + i, &v), 0);
	}
}

static void set_floating_point(u64 id, u32 index, u64 *seed)
{
	union hv_register_value mxcsr = { .reg128 = { 0, 0x1fa0 } };

	set_vectors(id, index, HV_REGISTER_XMM0, 16, seed);
	assert_int_equal(
		guest_set128(id, index, HV_REGISTER_XMM_CONTROL_STATUS, &mxcsr),
		0);
	if (!fake.facts.has_xsave)
		return;
	set_vectors(id, index, HV_REGISTER_YMM0_HIGH, 16, seed);
	assert_int_equal(
		guest_set(id, index, HV_REGISTER_XFEM, fake.facts.compat.xcr0),
		0);
}

/* All registers of a VP, through HvSetVpRegisters. */
static void set_registers(u64 id, u32 index, u64 seed)
{
	for (u32 i = 0; i < ARRAY_LEN(registers); i++)
		for (u32 n = 0; n < registers[i].count; n++)
			assert_int_equal(guest_set(id, index,
			                           registers[i].name + n,
			                           (fake_random(&seed) &
			                            registers[i].mask) |
			                                   registers[i].fixed),
			                 0);
	set_segments(id, index, &seed);
	set_floating_point(id, index, &seed);
}

/* ---- Memory ---- */

/* A page of a child: one word over and over. */
static u64 *add_page(u64 id, u64 gpn, u32 rights, u64 word)
{
	u64 source = guest_page();
	u64 *words = (void *)guest_at(source << PAGE_SHIFT);

	for (u32 i = 0; i < PAGE_SIZE / 8; i++)
		words[i] = word;
	assert_int_equal(guest_map(id, gpn, source, rights), 0);
	return words;
}

static void add_full_page(u64 id, u64 gpn, u64 seed)
{
	u64 *words = add_page(id, gpn, 7, 0);

	for (u32 i = 0; i < PAGE_SIZE / 8; i++)
		words[i] = fake_random(&seed);
}

/* ---- The partitions ---- */

static u64 make_system(void)
{
	return 0;
}

static u64 make_no_memory(void)
{
	u64 id = guest_child(80, 1);

	set_registers(id, 0, 1);
	return id;
}

/* It has memory, and its parent does not want it saved (D18). */
static u64 make_memory_off(void)
{
	u64 id = guest_child(80, 1);

	set_registers(id, 0, 2);
	add_full_page(id, 0, 3);
	assert_int_equal(
		guest_set_property(id, HV_PROPERTY_STASIS_SAVE_MEMORY, 0), 0);
	return id;
}

static u64 make_full_pages(void)
{
	u64 id = guest_child(80, 1);

	set_registers(id, 0, 4);
	add_full_page(id, 0, 5);
	add_full_page(id, 1, 6);
	return id;
}

/* Repeated words and zeroes, the hypercall page over one of them, time. */
static u64 make_hypercall_page(void)
{
	u64 id = guest_child(80, 1);

	set_registers(id, 0, 7);
	add_page(id, 0, 7, 0);
	add_page(id, 1, 7, 0x0101010101010101);
	add_page(id, 2, 7, 0x0101010101010101);
	add_page(id, 9, 3, 0x4242424242424242);
	assert_int_equal(
		guest_set(id, 0, HV_REGISTER_GUEST_OS_ID, 0x8100123456789abc),
		0);
	assert_int_equal(guest_set(id, 0, HV_REGISTER_HYPERCALL, 0x2001), 0);
	assert_int_equal(guest_set_property(id, HV_PROPERTY_REFERENCE_TIME,
	                                    0x123456789ab),
	                 0);
	return id;
}

/* No register name reaches these components; a guest would have set them. */
static u64 make_avx512(void)
{
	u64 id = guest_child(80, 1), seed = 9;
	struct vp_xsave *x = vp_xsave(guest_partition(id)->vps[0]);

	set_registers(id, 0, 8);
	for (u32 i = 1088 - 576; i < 2696 - 576; i++)
		x->extended[i] = (u8)fake_random(&seed);
	x->xstate_bv = fake.facts.compat.xcr0;
	return id;
}

static u64 make_message(void)
{
	u64 id = guest_child(80, 1);

	assert_int_equal(guest_create_vp(id, 7), 0);
	set_registers(id, 0, 10);
	set_registers(id, 7, 11);
	exit_triple_fault(guest_partition(id)->vps[7]);
	return id;
}

/* PAE paging and all that a SynIC has, as a guest would leave it. */
static u64 make_synic(void)
{
	u64 id = guest_child(80, 1), seed = 12;
	struct vp *vp = guest_partition(id)->vps[0];
	struct vp_state *s = vp_state_write(vp);

	state_fill(vp, &seed);
	state_set_mode(s, STATE_PAE, &seed);
	s->activity = s->pending_interruption = s->pending_debug = 0;
	s->interrupt_state = HV_INTERRUPT_STATE_SHADOW;
	s->mov_ss = 1;
	s->rflags &= ~BIT(8);
	do
		state_fill_synic(vp, 0x200, &seed);
	while (vp->synic.queued != 2);
	memset(vp->pages[VP_PAGE_SIM], 0x11, HV_MESSAGE_SIZE);
	memset(vp->pages[VP_PAGE_SIEF], 0x22, 8);
	assert_int_equal(reference_write(guest_partition(id), 0x300001),
	                 HV_STATUS_SUCCESS);
	return id;
}

static u64 make_vps(void)
{
	return guest_child(80, 2);
}

const struct golden goldens[] = {
	{ "engine-system-summary", FAKE_SKYLAKE_X, make_system, GUEST_SUMMARY },
	{ "engine-partition-summary", FAKE_HASWELL, make_vps, GUEST_SUMMARY },
	{ "engine-no-memory", FAKE_NO_XSAVE, make_no_memory, 0 },
	{ "engine-memory-off", FAKE_HASWELL, make_memory_off, 0 },
	{ "engine-full-pages", FAKE_NO_XSAVE, make_full_pages, 0 },
	{ "engine-hypercall-page", FAKE_NO_XSAVE, make_hypercall_page, 0 },
	{ "engine-avx512", FAKE_SKYLAKE_X, make_avx512, 0 },
	{ "engine-message", FAKE_NO_XSAVE, make_message, 0 },
	{ "engine-synic", FAKE_NO_XSAVE, make_synic, 0 },
	{ "zero-memory", FAKE_NO_XSAVE, NULL, 0 },
	{ "repeated-words", FAKE_NO_XSAVE, NULL, 0 },
	{ "scattered-extents", FAKE_NO_XSAVE, NULL, 0 },
	{ "avx", FAKE_HASWELL, NULL, 0 },
	{ "events", FAKE_NO_XSAVE, NULL, 0 },
	{ "synic", FAKE_NO_XSAVE, NULL, 0 },
	{ "io-message", FAKE_NO_XSAVE, NULL, 0 },
	{ "optional-chunks", FAKE_NO_XSAVE, NULL, 0 },
};
const u32 golden_count = ARRAY_LEN(goldens);
_Static_assert(ARRAY_LEN(goldens) <= GOLDEN_MAX, "golden streams");

void golden_make(const struct golden *g, struct guest_stream *s)
{
	struct fake_options o = { .machine = g->machine };
	u32 result;

	fake_stop();
	assert_int_equal(guest_start(&o), HANDOFF_OK);
	assert_int_equal(guest_save(g->make(), g->flags, s, &result), 0);
	assert_int_equal(result, HV_STATE_COMPLETE);
}
