/*
 * hv/vp/gva.c: where a linear address leads, through all kinds of paging.
 */
#include "hv/vp/gva.h"
#include "include/x86.h"
#include "include/x86_apic.h"
#include "tests/host/fixture/guest_vp.h"
#include "tests/host/fixture/test.h"

#define TABLES 0x10000ull /* GPA of five pages */

static struct vp *vp;
static struct vp_state *s;

static void make(void)
{
	vp = guest_partition(guest_child_of_zeros(24))->vps[0];
	s = vp_state_write(vp);
}

static void assert_goes_to(u64 linear, u64 gpa)
{
	gpa_t found = { 0 };

	assert_true(gva_translate(vp, linear, &found));
	assert_true(found.v == gpa);
}

static void test_without_paging(void **state)
{
	(void)state;
	make();
	assert_goes_to(0x12345678, 0x12345678);
}

static void test_four_levels(void **state)
{
	gpa_t gpa;
	u64 linear = 0xffff812345678abc;

	(void)state;
	make();
	s->cr0 = 0x80000001;
	s->cr4 = 0x20;
	s->efer = 0x500;
	s->cr3 = TABLES | 0x18;
	guest_store(vp, TABLES + (linear >> 39 & 511) * 8,
	            (TABLES + 0x1000) | PTE_RW, 8);
	guest_store(vp, TABLES + 0x1000 + (linear >> 30 & 511) * 8,
	            (TABLES + 0x2000) | PTE_RW, 8);
	guest_store(vp, TABLES + 0x2000 + (linear >> 21 & 511) * 8,
	            (TABLES + 0x3000) | PTE_RW, 8);
	guest_store(vp, TABLES + 0x3000 + (linear >> 12 & 511) * 8,
	            0x8000000077777000 | PTE_RW, 8);
	assert_goes_to(linear, 0x77777abc);
	assert_false(gva_translate(vp, linear + 0x1000, &gpa));
	assert_false(gva_translate(vp, linear + BIT(39), &gpa));
	guest_store(vp, TABLES + 0x2000 + (linear >> 21 & 511) * 8,
	            0x40000000 | PTE_RW | PTE_LARGE, 8);
	assert_goes_to(linear, 0x40000000 | (linear & 0x1fffff));
	guest_store(vp, TABLES + 0x1000 + (linear >> 30 & 511) * 8,
	            0x80000000 | PTE_RW | PTE_LARGE, 8);
	assert_goes_to(linear, 0x80000000 | (linear & 0x3fffffff));
	/* A table outside the RAM that is mapped. */
	guest_store(vp, TABLES + (linear >> 39 & 511) * 8, 0x700000 | PTE_RW,
	            8);
	assert_false(gva_translate(vp, linear, &gpa));
	s->cr3 = 0xfffffffffff000;
	assert_false(gva_translate(vp, linear, &gpa));
}

static void test_pae(void **state)
{
	gpa_t gpa;

	(void)state;
	make();
	s->cr0 = 0x80000001;
	s->cr4 = 0x20;
	/* The top level is the processor's, whatever memory says since. */
	s->cr3 = TABLES + 0x20;
	s->pdpte[3] = (TABLES + 0x1000) | 1;
	guest_store(vp, TABLES + 0x20 + 3 * 8, (TABLES + 0x3000) | 1, 8);
	guest_store(vp, TABLES + 0x1000 + 0x1f7 * 8,
	            LAPIC_BASE_RESET | PTE_RW | PTE_LARGE, 8);
	guest_store(vp, TABLES + 0x1000 + 1 * 8, (TABLES + 0x2000) | PTE_RW, 8);
	guest_store(vp, TABLES + 0x2000 + 2 * 8, 0x123456000 | PTE_RW, 8);
	assert_goes_to(LAPIC_BASE_RESET + 0xb0, LAPIC_BASE_RESET + 0xb0);
	assert_goes_to(0xc0202345, 0x123456345);
	s->pdpte[3] = 0;
	assert_false(gva_translate(vp, 0xc0202345, &gpa));
}

static void test_32_bits(void **state)
{
	(void)state;
	make();
	s->cr0 = 0x80000001;
	s->cr3 = TABLES;
	guest_store(vp, TABLES + 4, (TABLES + 0x1000) | PTE_RW, 4);
	guest_store(vp, TABLES + 0x1000 + 3 * 4, 0x55555000 | PTE_RW, 4);
	guest_store(vp, TABLES + 8, 0x12c02000 | PTE_RW | PTE_LARGE, 4);
	assert_goes_to(0x403123, 0x55555123);
	s->cr4 = 0x10; /* 4-MiB pages, bit 32 and on in bits 13 and on */
	assert_goes_to(0x812345, 0x112c12345);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_without_paging),
		TEST(test_four_levels),
		TEST(test_pae),
		TEST(test_32_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
