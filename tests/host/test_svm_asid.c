/*
 * arch/x86_64/svm/asid.c, on a TLB that remembers: an entry never finds a translation of
 * another VP, nor one that is older than it may be.
 */
#include "arch/x86_64/svm/asid.h"
#include "arch/x86_64/svm/vmcb.h"
#include "tests/host/fixture/test.h"

#define VPS 5u
#define MOST 40u

/* What the processor has cached by each ASID: of whom, and as of which change. */
static struct {
	bool filled;
	u32 vp;
	u64 changes;
} tlb[MOST];

static struct asids here;
static struct asid vps[VPS];
static u64 changes;
static u32 flushes_of_all, flushes_of_one;

static int setup(void **state)
{
	(void)state;
	/* Whoever was here before us has left something by each. */
	for (u32 i = 0; i < MOST; i++) {
		tlb[i].filled = true;
		tlb[i].vp = VPS;
	}
	memset(&here, 0, sizeof(here));
	memset(vps, 0, sizeof(vps));
	changes = 1;
	flushes_of_all = flushes_of_one = 0;
	return 0;
}

static void enter(u32 vp, u32 count, bool flushes_one)
{
	u8 control = asid_choose(&here, &vps[vp], changes, count, flushes_one);
	u32 asid = vps[vp].number;

	/* 0 is the host's, and VMRUN refuses what the processor does not have. */
	assert_in_range(asid, 1, count - 1);
	if (control == VMCB_TLB_FLUSH_ALL) {
		flushes_of_all++;
		memset(tlb, 0, sizeof(tlb));
	} else if (control == VMCB_TLB_FLUSH_ASID) {
		assert_true(flushes_one);
		flushes_of_one++;
		tlb[asid].filled = false;
	} else {
		assert_int_equal(control, VMCB_TLB_KEEP);
	}
	if (tlb[asid].filled) {
		assert_int_equal(tlb[asid].vp, vp);
		assert_int_equal(tlb[asid].changes, changes);
	}
	tlb[asid].filled = true;
	tlb[asid].vp = vp;
	tlb[asid].changes = changes;
}

static void walk(u32 count, bool flushes_one)
{
	u64 seed = count;

	for (u32 i = 0; i < 20000; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		if (seed >> 60 == 0)
			changes++;
		/* Its own tables: what is cached of it is stale, though nothing changed. */
		if (seed >> 60 == 1) {
			u32 vp = (u32)(seed >> 40) % VPS;

			asid_flush(&vps[vp]);
			for (u32 a = 0; a < MOST; a++)
				if (tlb[a].filled && tlb[a].vp == vp)
					tlb[a].changes = 0;
		}
		/* A VP that is gone; the next has its place, and was never entered. */
		if (seed >> 60 == 2)
			vps[(u32)(seed >> 40) % VPS] = (struct asid){ 0 };
		enter((u32)(seed >> 33) % VPS, count, flushes_one);
	}
}

static void test_any_order_of_entries(void **state)
{
	static const u32 counts[] = { 2, 3, 4, 6, 16, MOST };

	for (u32 i = 0; i < ARRAY_LEN(counts); i++) {
		setup(state);
		walk(counts[i], false);
		assert_int_equal(flushes_of_one, 0);
		setup(state);
		walk(counts[i], true);
	}
}

/* Two VPs that alternate cost nothing, once each has its own. */
static void test_nothing_is_flushed_for_nothing(void **state)
{
	(void)state;
	for (u32 i = 0; i < 100; i++)
		enter(i % 2, 16, false);
	assert_int_equal(flushes_of_all, 1);
	/* Of a change one knows no more than that it may be anybody's. */
	changes++;
	for (u32 i = 0; i < 100; i++)
		enter(i % 2, 16, true);
	assert_int_equal(flushes_of_one, 2);
	assert_int_equal(flushes_of_all, 1);
	/* Without a flush of one it takes new ones, up to the last: 2 of 15 are given. */
	for (u32 i = 0; i < 11; i++) {
		asid_flush(&vps[0]);
		enter(0, 16, false);
	}
	assert_int_equal(vps[0].number, 13);
	asid_flush(&vps[0]);
	enter(0, 16, false);
	asid_flush(&vps[0]);
	enter(0, 16, false);
	assert_int_equal(vps[0].number, 15);
	assert_int_equal(flushes_of_all, 1);
	asid_flush(&vps[0]);
	enter(0, 16, false);
	assert_int_equal(vps[0].number, 1);
	assert_int_equal(flushes_of_all, 2);
	/* All had to take another then. */
	enter(1, 16, false);
	assert_int_equal(vps[1].number, 2);
}

#define CASE(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_any_order_of_entries),
		CASE(test_nothing_is_flushed_for_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
