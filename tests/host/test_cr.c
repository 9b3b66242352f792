/*
 * hv/run/cr.c: what MOV to CR0 and CR4 takes, what it refuses (SDM 2.5, 4.1.2, 4.4.1,
 * 4.10.1, 9.8.5), and that nothing has changed then.
 */
#include "hv/run/cr.h"
#include "hv/vp/vp.h"
#include "include/x86.h"
#include "tests/host/fixture/guest_vp.h"
#include "tests/host/fixture/test.h"

#define PROTECTED (CR0_PE | CR0_ET)
#define PAGED (PROTECTED | CR0_PG)
#define TSS_16 0x83
#define GPN 5ull
#define TABLE 0x20u

static u64 id;
static struct vp *vp;
static u64 *table;

/* A VP that has run with this in its registers. */
static struct vp_state *enter(u64 cr0, u64 cr4, u64 efer)
{
	struct vp_state *s = fake_enter(vp);

	s->cr0 = cr0;
	s->cr3 = GPN << PAGE_SHIFT | TABLE;
	s->cr4 = cr4;
	s->efer = efer;
	s->segment[VP_CS].attributes = RIGHTS_CODE_32;
	s->segment[VP_TR].attributes = RIGHTS_BUSY_TSS;
	return s;
}

static void make(void)
{
	u64 page = guest_page();

	id = guest_child(60, 1);
	vp = guest_partition(id)->vps[0];
	table = (u64 *)(void *)guest_at(page << PAGE_SHIFT) + TABLE / 8;
	assert_ok(guest_map(id, GPN, page, 7));
	for (u32 i = 0; i < 4; i++)
		table[i] = 0x100001 + 0x1000 * i;
	assert_ok(guest_set(id, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0));
}

static u64 allowed(void)
{
	return fake.facts.cr4_allowed;
}

static enum exit_outcome write(u32 cr, u64 value)
{
	return cr == 0 ? cr_write_cr0(vp, value)
	               : cr_write_cr4(vp, value, allowed());
}

/* Refused, with every byte of the state as it was, and nothing to apply. */
static void refuses(u32 cr, u64 value)
{
	struct vp_state before;

	fake_exit(vp);
	before = *vp_state_read(vp);
	assert_int_equal(write(cr, value), EXIT_FAULT_GP);
	assert_memory_equal(&vp->state, &before, sizeof(before));
	assert_int_equal(vp->dirty, 0);
}

static void takes(u32 cr, u64 value)
{
	fake_exit(vp);
	assert_int_equal(write(cr, value), EXIT_SKIP);
	assert_int_equal(cr == 0 ? vp->state.cr0 : vp->state.cr4, value);
	assert_int_equal(vp->dirty & (VP_PART_CORE | VP_PART_PAGING),
	                 VP_PART_CORE | VP_PART_PAGING);
}

/* ---- CR0 ---- */

static void test_cr0_bits(void **state)
{
	static const u64 bad[] = { CR0_PG | CR0_ET,          CR0_NW | PROTECTED,
		                   CR0_PG | CR0_NW | CR0_PE, BIT(32) | CR0_PE,
		                   BIT(63) | CR0_PE,         CR0_PG };

	(void)state;
	make();
	for (u32 i = 0; i < ARRAY_LEN(bad); i++) {
		enter(PROTECTED, 0, 0);
		refuses(0, bad[i]);
	}
	enter(PROTECTED, 0, 0);
	takes(0, PROTECTED | CR0_CD | CR0_NW | CR0_NE);
	enter(PROTECTED, 0, 0);
	takes(0, PAGED); /* 32-bit paging */
	guest_has_pdptes(vp, 0, 0);
	/* Reserved bits are ignored, and ET is 1. */
	enter(PROTECTED, 0, 0);
	fake_exit(vp);
	assert_int_equal(write(0, CR0_PE | BIT(6) | BIT(17) | BIT(28)),
	                 EXIT_SKIP);
	assert_int_equal(vp->state.cr0, PROTECTED);
}

static void test_cr0_makes_long_mode(void **state)
{
	struct vp_state *s;

	(void)state;
	make();
	enter(PROTECTED, 0, EFER_LME); /* without PAE */
	refuses(0, PAGED);
	s = enter(PROTECTED, CR4_PAE, EFER_LME);
	s->segment[VP_CS].attributes = RIGHTS_CODE_64;
	refuses(0, PAGED);
	s = enter(PROTECTED, CR4_PAE, EFER_LME);
	s->segment[VP_TR].attributes = TSS_16;
	refuses(0, PAGED);
	/* Without LME a 16-bit TSS is as good as any. */
	s = enter(PROTECTED, 0, 0);
	s->segment[VP_TR].attributes = TSS_16;
	takes(0, PAGED);
	table[0] = 0x1e7; /* nobody reads it */
	enter(PROTECTED, CR4_PAE, EFER_LME);
	takes(0, PAGED | CR0_NE);
	assert_int_equal(vp->state.efer, EFER_LONG);
	guest_has_pdptes(vp, 0, 0);
}

static void test_cr0_leaves_long_mode(void **state)
{
	struct vp_state *s;

	(void)state;
	make();
	s = enter(PAGED, CR4_PAE, EFER_LONG);
	s->segment[VP_CS].attributes = RIGHTS_CODE_64;
	refuses(0, PROTECTED);
	enter(PAGED, CR4_PAE | CR4_PCIDE, EFER_LONG);
	refuses(0, PROTECTED);
	enter(PAGED, CR4_PAE, EFER_LONG);
	takes(0, PROTECTED);
	assert_int_equal(vp->state.efer, EFER_LME);
	/* CET keeps WP. */
	enter(PAGED | CR0_WP, CR4_PAE | CR4_CET, EFER_LONG);
	refuses(0, PAGED);
	enter(PAGED | CR0_WP, CR4_PAE | CR4_CET, EFER_LONG);
	takes(0, PAGED | CR0_WP | CR0_NE);
}

static void test_cr0_reads_pdptes(void **state)
{
	static const u64 bad[] = { 0x1e7,      3,     5,
		                   0x21,       0x101, 0x1ull << 46 | 1,
		                   BIT(63) | 1 };

	(void)state;
	make();
	for (u32 i = 0; i < ARRAY_LEN(bad); i++) {
		table[i % 4] = bad[i];
		enter(PROTECTED | CR0_CD, CR4_PAE, 0);
		refuses(0, PAGED);
		table[i % 4] = bad[i] & ~1ull; /* not present: anything goes */
		enter(PROTECTED | CR0_CD, CR4_PAE, 0);
		takes(0, PAGED);
		assert_int_equal(vp->state.pdpte[i % 4], bad[i] & ~1ull);
		table[i % 4] = 0x100001 + 0x1000 * (i % 4);
	}
	enter(PROTECTED, CR4_PAE, 0);
	takes(0, PAGED);
	guest_has_pdptes(vp, 0x100001, 0x1000);
}

/* In PAE paging CD and NW read them again, other bits do not. */
static void test_cr0_in_pae_paging(void **state)
{
	struct vp_state *s;

	(void)state;
	make();
	for (u32 i = 0; i < 3; i++) {
		static const u64 to[] = { CR0_NE, CR0_CD, CR0_CD | CR0_NW };

		table[2] = 0x1e7;
		s = enter(PAGED, CR4_PAE, 0);
		for (u32 j = 0; j < 4; j++)
			s->pdpte[j] = 0x700001;
		if (i == 0)
			takes(0, PAGED | to[i]);
		else
			refuses(0, PAGED | to[i]);
		guest_has_pdptes(vp, 0x700001, 0);
	}
	/* Paging off: they are gone. */
	s = enter(PAGED, CR4_PAE, 0);
	s->pdpte[0] = 0x700001;
	takes(0, PROTECTED);
	guest_has_pdptes(vp, 0, 0);
}

/* ---- CR4 ---- */

static void test_cr4_bits(void **state)
{
	(void)state;
	make();
	for (u32 i = 0; i < 64; i++) {
		if (BIT(i) & allowed())
			continue;
		enter(PROTECTED, 0, 0);
		refuses(4, CR4_MCE | BIT(i));
	}
	enter(PROTECTED, 0, 0);
	takes(4, CR4_MCE | CR4_PAE | CR4_PGE);
	guest_has_pdptes(vp, 0, 0); /* no paging yet */
}

static void test_cr4_in_long_mode(void **state)
{
	struct vp_state *s;

	(void)state;
	make();
	fake.facts.cr4_allowed |= CR4_PCIDE | CR4_LA57 | CR4_CET;
	enter(PAGED, CR4_PAE, EFER_LONG);
	refuses(4, CR4_MCE);
	enter(PAGED, CR4_PAE, EFER_LONG);
	refuses(4, CR4_PAE | CR4_LA57);
	enter(PAGED, CR4_PAE, EFER_LONG);
	refuses(4, CR4_PAE | CR4_CET); /* without CR0.WP */
	enter(PAGED | CR0_WP, CR4_PAE, EFER_LONG);
	takes(4, CR4_PAE | CR4_CET);
	enter(PAGED, CR4_PAE, EFER_LONG);
	refuses(4, CR4_PAE | CR4_PCIDE); /* CR3 has TABLE in it */
	s = enter(PAGED, CR4_PAE, EFER_LONG);
	s->cr3 = GPN << PAGE_SHIFT;
	takes(4, CR4_PAE | CR4_PCIDE | CR4_MCE);
	/* Once it is on, CR3 may have a PCID. */
	enter(PAGED, CR4_PAE | CR4_PCIDE, EFER_LONG);
	takes(4, CR4_PAE | CR4_PCIDE | CR4_MCE);
	enter(PAGED, CR4_PAE | CR4_PCIDE, EFER_LONG);
	takes(4, CR4_PAE);
	enter(PAGED, CR4_PAE, 0); /* PAE paging is not long mode */
	refuses(4, CR4_PAE | CR4_PCIDE);
	enter(PROTECTED, CR4_PAE, EFER_LME);
	refuses(4, CR4_PAE | CR4_PCIDE);
}

static void test_cr4_reads_pdptes(void **state)
{
	static const u64 loads[] = { CR4_PGE, CR4_PSE, CR4_SMEP };
	struct vp_state *s;

	(void)state;
	make();
	fake.facts.cr4_allowed |= CR4_SMEP;
	table[1] = 0x1e7;
	for (u32 i = 0; i < ARRAY_LEN(loads); i++) {
		s = enter(PAGED, CR4_PAE, 0);
		s->pdpte[0] = 0x700001;
		refuses(4, CR4_PAE | CR4_MCE | loads[i]);
		s = enter(PAGED, CR4_PAE | loads[i], 0);
		s->pdpte[0] = 0x700001;
		refuses(4, CR4_PAE | CR4_MCE);
	}
	s = enter(PAGED, CR4_PAE, 0);
	s->pdpte[0] = 0x700001;
	takes(4, CR4_PAE | CR4_MCE); /* reads none */
	assert_int_equal(vp->state.pdpte[0], 0x700001);
	/* From 32-bit paging. */
	enter(PAGED, CR4_PSE, 0);
	refuses(4, CR4_PSE | CR4_PAE);
	table[1] = 0x101001;
	enter(PAGED, CR4_PSE, 0);
	takes(4, CR4_PSE | CR4_PAE);
	guest_has_pdptes(vp, 0x100001, 0x1000);
	enter(PAGED, CR4_PAE, 0);
	takes(4, CR4_PSE);
	guest_has_pdptes(vp, 0, 0);
}

/* The parent is told of a hole, and the instruction comes again behind it. */
static void test_pdptes_in_a_hole(void **state)
{
	const struct hv_memory_intercept *m;
	struct vp_state *s;
	u64 page, flags;

	(void)state;
	make();
	s = enter(PROTECTED | CR0_CD, CR4_PAE, 0);
	s->cr3 = 0xfffffffe00009fe0; /* bits 31:5 count */
	flags = s->rflags;
	fake_exit(vp);
	assert_int_equal(write(0, PAGED), EXIT_SUSPENDED);
	assert_int_equal(vp->state.cr0, PROTECTED | CR0_CD);
	/* But that its breakpoint has been (SDM 17.3.1.1). */
	assert_int_equal(vp->dirty & ~(u32)VP_PART_CORE, 0);
	assert_int_equal(vp->state.rflags, flags | RFLAGS_RF);
	assert_int_equal(vp->message.type, HV_MESSAGE_UNMAPPED_GPA);
	m = (const void *)vp->message.payload;
	assert_int_equal(m->gpa, 0x9fe0);
	assert_int_equal(m->access_info & HV_MEMORY_ACCESS_GVA_VALID, 0);
	assert_int_equal(m->header.access_type, HV_INTERCEPT_READ);
	page = guest_page();
	assert_ok(guest_map(id, 9, page, 7));
	*(u64 *)(void *)guest_at(page << PAGE_SHIFT | 0xfe0) = 0x200001;
	assert_int_equal(write(0, PAGED), EXIT_SKIP);
	assert_int_equal(vp->state.pdpte[0], 0x200001);
	assert_int_equal(vp->state.pdpte[1], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cr0_bits),
		TEST(test_cr0_makes_long_mode),
		TEST(test_cr0_leaves_long_mode),
		TEST(test_cr0_reads_pdptes),
		TEST(test_cr0_in_pae_paging),
		TEST(test_cr4_bits),
		TEST(test_cr4_in_long_mode),
		TEST(test_cr4_reads_pdptes),
		TEST(test_pdptes_in_a_hole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
