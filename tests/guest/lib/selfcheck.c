/*
 * Registers and pages of the root, as they were.
 */
#include "tests/guest/lib/selfcheck.h"

#include "parent/cpu.h"
#include "tests/guest/lib/mp.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/trap.h"

#define RUNS 4u
#define RUN_PAGES 4u
#define PATTERN 0x9e3779b97f4a7c15ull

static const u32 msrs[] = {
	0x1b,       0x174,      0x175,      0x176,      0x1d9,      0x277,
	0x2ff,      0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084,
	0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103,
};

enum { CR0, CR3, CR4, DR0, DR1, DR2, DR3, DR7, XMM, OTHERS };

struct registers {
	u64 msr[ARRAY_LEN(msrs)];
	u64 other[OTHERS];
};

static struct registers begun[MP_PROCESSORS];
static u64 runs[RUNS];
static u64 pages_before;

#define READ(what, to) __asm__ volatile("mov %%" what ", %0" : "=r"(to))

static void read_registers(struct registers *r)
{
	/* Not every processor has all of them. */
	for (u32 i = 0; i < ARRAY_LEN(msrs); i++) {
		r->msr[i] = 0;
		trap_read_msr(msrs[i], &r->msr[i]);
	}
	READ("cr0", r->other[CR0]);
	READ("cr3", r->other[CR3]);
	READ("cr4", r->other[CR4]);
	READ("dr0", r->other[DR0]);
	READ("dr1", r->other[DR1]);
	READ("dr2", r->other[DR2]);
	READ("dr3", r->other[DR3]);
	READ("dr7", r->other[DR7]);
	__asm__ volatile("stmxcsr %0" : "=m"(r->other[XMM]));
	r->other[XMM] &= 0xffc0; /* without what arithmetic leaves */
}

void selfcheck_registers_begin(void)
{
	read_registers(&begun[mp_here()]);
}

bool selfcheck_begin(void)
{
	pages_before = pages_out();
	for (u32 i = 0; i < RUNS; i++) {
		u64 *words;

		runs[i] = page_run(RUN_PAGES);
		if (!EXPECT(runs[i]))
			return false;
		words = (u64 *)runs[i];
		for (u32 k = 0; k < RUN_PAGES * PAGE_SIZE / 8; k++)
			words[k] = PATTERN * (k + i);
	}
	selfcheck_registers_begin();
	return true;
}

static bool pages_hold(void)
{
	u64 wrong = 0;

	for (u32 i = 0; i < RUNS; i++) {
		const u64 *words = (const u64 *)runs[i];

		for (u32 k = 0; k < RUN_PAGES * PAGE_SIZE / 8; k++)
			wrong += words[k] != PATTERN * (k + i);
	}
	return EXPECT_EQUAL(wrong, 0);
}

bool selfcheck_registers_hold(void)
{
	const struct registers *then = &begun[mp_here()];
	struct registers now = { 0 };

	read_registers(&now);
	for (u32 i = 0; i < ARRAY_LEN(msrs); i++)
		if (!EXPECT_EQUAL(now.msr[i], then->msr[i]))
			return false;
	for (u32 i = 0; i < OTHERS; i++)
		if (!EXPECT_EQUAL(now.other[i], then->other[i]))
			return false;
	return true;
}

bool selfcheck_holds(void)
{
	return selfcheck_registers_hold() && pages_hold();
}

bool selfcheck_end(void)
{
	bool good = pages_hold();

	for (u32 i = 0; i < RUNS; i++)
		page_run_free(runs[i], RUN_PAGES);
	return EXPECT_EQUAL(pages_out(), pages_before) && good;
}
