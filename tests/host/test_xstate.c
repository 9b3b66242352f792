/*
 * arch/x86_64/common/xstate.c: what the root has in components that no child has is there
 * again behind a child, whatever the processor makes of a bit that goes from XCR0;
 * a child finds nothing of it, and processors without them do nothing for it.
 */
#include "arch/x86_64/common/words.h"
#include "arch/x86_64/common/xregs.h"
#include "arch/x86_64/common/xstate.h"
#include "include/x86.h"
#include "tests/host/fake/dumps.h"
#include "tests/host/fake/xregs.h"
#include "tests/host/fixture/test.h"

#define SKYLAKE_X 4u /* with MPX, which has gone since */
#define TIGER_LAKE 6u
#define SAPPHIRE_RAPIDS 8u

/* What comes, and what has gone: APX, and MPX of before it. XFD may disable 19. */
static const struct fake_leaf later_leaves[] = {
	{ 0x0, 0, { 0x20, 0, 0, 0 } },
	{ 0x1, 0, { 0, 0, BIT(26) | BIT(28), 0 } },
	{ 0xd, 0, { 0xe02e7, 0, 11008, 0 } },
	{ 0xd, 1, { 0x1f, 0, 0, 0 } },
	{ 0xd, 2, { 256, 576, 0, 0 } },
	{ 0xd, 5, { 64, 1088, 0, 0 } },
	{ 0xd, 6, { 512, 1152, 0, 0 } },
	{ 0xd, 7, { 1024, 1664, 0, 0 } },
	{ 0xd, 9, { 8, 2688, 0, 0 } },
	{ 0xd, 17, { 64, 2752, 2, 0 } },
	{ 0xd, 18, { 8192, 2816, 6, 0 } },
	{ 0xd, 19, { 128, 960, 4, 0 } },
	{ 0x80000000, 0, { 0x80000000, 0, 0, 0 } },
};
static const struct fake_dump later = { "AMX and APX", later_leaves,
	                                ARRAY_LEN(later_leaves) };

/* Neither XGETBV with ECX 1 nor XFD, and two components that only the root has. */
static const struct fake_leaf mpx_leaves[] = {
	{ 0x0, 0, { 0xd, 0, 0, 0 } },
	{ 0x1, 0, { 0, 0, BIT(26) | BIT(28), 0 } },
	{ 0xd, 0, { 0x1f, 0, 1088, 0 } },
	{ 0xd, 1, { 0x1, 0, 0, 0 } },
	{ 0xd, 2, { 256, 576, 0, 0 } },
	{ 0xd, 3, { 64, 960, 0, 0 } },
	{ 0xd, 4, { 64, 1024, 0, 0 } },
	{ 0x80000000, 0, { 0x80000000, 0, 0, 0 } },
};
static const struct fake_dump mpx = { "MPX", mpx_leaves,
	                              ARRAY_LEN(mpx_leaves) };

static _Alignas(64) struct vp_xsave pages[3];
static struct vp root, child, other;
static void *area;
static u32 room;

static void make_vp(struct vp *vp, struct vp_xsave *page, bool is_root)
{
	memset(vp, 0, sizeof(*vp));
	memset(page, 0, sizeof(*page));
	vp->is_root = is_root;
	vp->pages[VP_PAGE_XSAVE] = page;
	vp->state.xcr0 = 1;
}

/* As at a launch. The area has no byte too much: the sanitizer looks. */
static void become(const struct fake_dump *d, enum fake_lost lost)
{
	fake.dump = d;
	memset(&fake.facts.compat, 0, sizeof(fake.facts.compat));
	words_find(&fake.facts, 0, 0);
	fake_xregs_reset();
	fake_xregs.lost = lost;
	make_vp(&root, &pages[0], true);
	make_vp(&child, &pages[1], false);
	make_vp(&other, &pages[2], false);
	memset(fake.cpu.arch, 0, sizeof(fake.cpu.arch));
	free(area);
	area = NULL;
	room = xstate_room();
	if (!room)
		return;
	area = aligned_alloc(64, (room + 63) & ~63u);
	memset(area, 0, room);
	xstate_init(arch_this_cpu(), area);
}

static int leave(void **state)
{
	free(area);
	area = NULL;
	return fake_teardown(state);
}

/* As switch_change has it; a captured one is not saved again. */
static void switch_vp(struct vp *old, struct vp *vp)
{
	if (old)
		xstate_save(old, true);
	xstate_load(vp, true);
}

static u64 beyond(void)
{
	return fake_xregs.supported & ~fake.facts.compat.xcr0;
}

static void clear_counts(void)
{
	fake_xregs.xsetbvs = fake_xregs.xfd_reads = fake_xregs.saves =
		fake_xregs.loads = 0;
	fake_xregs.moved = 0;
}

/* A number for each component of XCR0 that is not disabled. */
static void use(u64 components, u64 mark)
{
	for (u32 i = 0; i < 63; i++)
		if (components & fake_xregs.xcr0 & ~fake_xregs.xfd & BIT(i))
			fake_xregs.value[i] = mark * 64 + i + 1;
}

/* Nothing of the root's is within reach of who runs now. */
static void assert_nothing_beyond(void)
{
	assert_int_equal(fake_xregs.xcr0 & beyond(), 0);
	for (u32 i = 0; i < 63; i++)
		if (beyond() & ~fake_xregs.xfd & BIT(i))
			assert_int_equal(fake_xregs.value[i], 0);
}

/* ---- How much room ---- */

static void test_room(void **state)
{
	static const struct {
		u32 room;
		u64 beyond;
	} rows[FAKE_DUMPS] = {
		[SKYLAKE_X] = { 1088, XSTATE_MPX },
		[SAPPHIRE_RAPIDS] = { 11008, XSTATE_TILES },
	};

	(void)state;
	/* Elsewhere children have all that there is. */
	for (u32 i = 0; i < FAKE_DUMPS; i++) {
		become(&fake_dumps[i], FAKE_KEEPS);
		assert_int_equal(room, rows[i].room);
		assert_int_equal(beyond(), rows[i].beyond);
	}
	become(&later, FAKE_KEEPS);
	assert_int_equal(room, 11008);
	assert_int_equal(beyond(), XSTATE_TILES | XSTATE_APX);
	become(&mpx, FAKE_KEEPS);
	assert_int_equal(room, 1088);
	assert_int_equal(beyond(), XSTATE_MPX);
}

/* ---- What it costs ---- */

/* Not an XSETBV, not an MSR, not a component more than before. */
static void test_nothing_is_done_where_nothing_is(void **state)
{
	(void)state;
	for (u32 i = 0; i < FAKE_DUMPS; i++) {
		u64 all;

		become(&fake_dumps[i], FAKE_SPOILS);
		if (room)
			continue;
		all = fake.facts.has_xsave ? fake.facts.compat.xcr0 : 1;
		fake_xregs.xcr0 = child.state.xcr0 = all;
		use(~0ull, 1);
		clear_counts();
		for (u32 k = 0; k < 10; k++) {
			switch_vp(&root, &child);
			switch_vp(&child, &root);
		}
		assert_int_equal(fake_xregs.xsetbvs, 0);
		assert_int_equal(fake_xregs.xfd_reads, 0);
		assert_int_equal(fake_xregs.saves, 20);
		assert_int_equal(fake_xregs.loads, 20);
		assert_int_equal(fake_xregs.moved & ~all, 0);
	}
}

/* A child that has less: set to all, and to its own; back likewise. */
static void test_xsetbvs_of_a_smaller_child(void **state)
{
	(void)state;
	become(&fake_dumps[TIGER_LAKE], FAKE_SPOILS);
	fake_xregs.xcr0 = fake.facts.compat.xcr0;
	child.state.xcr0 = 3;
	switch_vp(&root, &child);
	assert_int_equal(fake_xregs.xsetbvs, 1);
	assert_int_equal(fake_xregs.xcr0, 3);
	switch_vp(&child, &root);
	assert_int_equal(fake_xregs.xsetbvs, 2);
	assert_int_equal(fake_xregs.xcr0, fake.facts.compat.xcr0);
}

/* Enabled, but none was used: XCR0 changes, and nothing is moved. */
static void test_what_is_not_in_use_costs_nothing(void **state)
{
	(void)state;
	become(&fake_dumps[SAPPHIRE_RAPIDS], FAKE_SPOILS);
	fake_xregs.xcr0 = fake_xregs.supported;
	fake_xregs.xfd = XSTATE_TILEDATA; /* as Linux has it */
	child.state.xcr0 = 7;
	use(0xe7, 1);
	clear_counts();
	for (u32 k = 0; k < 10; k++) {
		switch_vp(&root, &child);
		assert_nothing_beyond();
		switch_vp(&child, &root);
		assert_int_equal(fake_xregs.xcr0, fake_xregs.supported);
	}
	assert_int_equal(fake_xregs.xfd_reads, 0);
	assert_int_equal(fake_xregs.saves, 20);
	assert_int_equal(fake_xregs.loads, 20);
	assert_int_equal(fake_xregs.moved & XSTATE_TILES, 0);
	assert_int_equal(fake_xregs.xfd, XSTATE_TILEDATA);
}

/* ---- What the root has ---- */

static void round_of(const struct fake_dump *d, enum fake_lost lost)
{
	struct fake_xregs before;

	become(d, lost);
	fake_xregs.xcr0 = fake_xregs.supported;
	use(~0ull, 77);
	before = fake_xregs;
	for (u32 k = 0; k < 5; k++) {
		switch_vp(&root, &child);
		assert_nothing_beyond();
		assert_int_equal(fake_xregs.xcr0, child.state.xcr0);
		fake_xregs_xsetbv(fake.facts.compat.xcr0);
		use(~0ull, 100 + k);
		/* One child after the other: it is put away once. */
		switch_vp(&child, &other);
		assert_nothing_beyond();
		switch_vp(&other, k % 2 ? &child : &root);
		if (k % 2)
			switch_vp(NULL, &root); /* it was deleted */
		assert_int_equal(fake_xregs.xcr0, before.xcr0);
		assert_memory_equal(fake_xregs.value, before.value,
		                    sizeof(before.value));
	}
}

static void test_it_is_there_again(void **state)
{
	(void)state;
	for (u32 lost = 0; lost < FAKE_LOST; lost++) {
		round_of(&fake_dumps[SAPPHIRE_RAPIDS], (enum fake_lost)lost);
		round_of(&later, (enum fake_lost)lost);
		round_of(&mpx, (enum fake_lost)lost);
	}
}

/* What is disabled is not looked at, not loaded either: that would be #NM. */
static void test_what_xfd_disables(void **state)
{
	(void)state;
	become(&fake_dumps[SAPPHIRE_RAPIDS], FAKE_KEEPS);
	fake_xregs.xcr0 = fake_xregs.supported;
	use(~0ull, 5);
	fake_xregs.xfd = XSTATE_TILEDATA;
	clear_counts();
	switch_vp(&root, &child);
	assert_int_equal(fake_xregs.value[17], 0);
	assert_int_equal(fake_xregs.moved & XSTATE_TILEDATA, 0);
	assert_int_equal(fake_xregs.xfd, XSTATE_TILEDATA);
	switch_vp(&child, &root);
	assert_int_equal(fake_xregs.moved & XSTATE_TILES, XSTATE_TILECFG);
	assert_int_equal(fake_xregs.value[17], 5 * 64 + 18);
	assert_int_equal(fake_xregs.value[18], 5 * 64 + 19);
	assert_int_equal(fake_xregs.xfd, XSTATE_TILEDATA);
	/* Enabled again, it is like the others. */
	fake_xregs.xfd = 0;
	fake_xregs.lost = FAKE_SPOILS;
	use(~0ull, 6);
	switch_vp(&root, &child);
	assert_nothing_beyond();
	switch_vp(&child, &root);
	assert_int_equal(fake_xregs.value[18], 6 * 64 + 19);
}

/* What was in the area before is not of this time: XRSTOR would be #GP. */
static void test_components_that_the_root_gave_up(void **state)
{
	(void)state;
	become(&later, FAKE_SPOILS);
	fake_xregs.xcr0 = fake_xregs.supported;
	use(~0ull, 5);
	switch_vp(&root, &child);
	switch_vp(&child, &root);
	fake_xregs.value[17] = fake_xregs.value[18] = 0;
	fake_xregs_xsetbv(fake_xregs.supported & ~XSTATE_TILES);
	switch_vp(&root, &child);
	assert_nothing_beyond();
	switch_vp(&child, &root);
	assert_int_equal(fake_xregs.value[19], 5 * 64 + 20);
	assert_int_equal(fake_xregs.xcr0, fake_xregs.supported & ~XSTATE_TILES);
}

/* The root is looked at, and changed, where it is: no bit of it goes meanwhile. */
static void test_root_is_captured(void **state)
{
	struct fake_xregs before;

	(void)state;
	become(&later, FAKE_SPOILS);
	fake_xregs.xcr0 = fake_xregs.supported & ~XSTATE_PKRU;
	use(~0ull, 9);
	before = fake_xregs;
	xstate_save(&root, true);
	xstate_enable(&root);
	assert_int_equal(root.state.xcr0, before.xcr0);
	assert_int_equal(fake_xregs.xcr0, before.xcr0);
	assert_memory_equal(fake_xregs.value, before.value,
	                    sizeof(before.value));
	xstate_load(&root, true);
	assert_int_equal(fake_xregs.xcr0, before.xcr0);
	assert_memory_equal(fake_xregs.value, before.value,
	                    sizeof(before.value));
	/* It is not saved a second time, and is put away all the same. */
	switch_vp(NULL, &child);
	assert_nothing_beyond();
	switch_vp(&child, &root);
	assert_int_equal(fake_xregs.xcr0, before.xcr0);
	assert_memory_equal(fake_xregs.value, before.value,
	                    sizeof(before.value));
}

/* ---- Pointers of the x87 that no load changes ---- */

/* Nobody finds another one's; each has its own again where the processor keeps them. */
static void pointers_of(const struct fake_dump *d, bool stay)
{
	become(d, FAKE_KEEPS);
	fake_xregs.pointers_stay = fake.facts.x87_pointers_stay = stay;
	use(1, 3);
	fake_xregs.pointers = 0x1234;
	switch_vp(&root, &child);
	assert_int_equal(fake_xregs.pointers, 0);
	assert_int_equal(fake_xregs.value[0], 0);
	use(1, 4);
	fake_xregs.pointers = 0x5678;
	switch_vp(&child, &root);
	assert_int_equal(fake_xregs.pointers, stay ? 0 : 0x1234);
	assert_int_equal(fake_xregs.value[0], 3 * 64 + 1);
	switch_vp(&root, &child);
	assert_int_equal(fake_xregs.pointers, stay ? 0 : 0x5678);
	assert_int_equal(fake_xregs.value[0], 4 * 64 + 1);
	assert_int_equal(fake_xregs.clears, stay ? 3 : 0);
}

static void test_pointers_of_the_x87(void **state)
{
	(void)state;
	for (u32 i = 0; i < FAKE_DUMPS; i++) {
		pointers_of(&fake_dumps[i], false);
		pointers_of(&fake_dumps[i], true);
	}
}

/* ---- A walk ---- */

static u64 some_xcr0(u64 *seed)
{
	static const u64 groups[] = {
		2, 6, 0xe6, XSTATE_PKRU, XSTATE_TILES, XSTATE_APX, XSTATE_MPX
	};
	u64 value = 1;

	for (u32 i = 0; i < ARRAY_LEN(groups); i++)
		if (fake_random(seed) % 3)
			value |= groups[i];
	return value & fake_xregs.supported;
}

/* A guest runs: it uses what it has, and the root may change that. */
static void run(struct vp *vp, u64 *seed)
{
	u64 value = some_xcr0(seed);

	if (!vp->is_root)
		value &= fake.facts.compat.xcr0;
	/* Software gives up what it has before it gives up the bit. */
	for (u32 i = 0; i < 63; i++)
		if (beyond() & ~value & BIT(i))
			fake_xregs.value[i] = 0;
	if (vp->is_root && beyond() != XSTATE_MPX)
		fake_xregs.xfd = fake_random(seed) % 4 == 0 ? XSTATE_TILEDATA
		                                            : 0;
	fake_xregs_xsetbv(value);
	for (u32 i = 0; i < 63; i++)
		if (value & ~fake_xregs.xfd & BIT(i))
			fake_xregs.value[i] =
				fake_random(seed) % 3 ? fake_random(seed) : 0;
	/* Nobody relies on it. */
	fake_xregs.value[18] = fake_xregs.xfd ? 0 : fake_xregs.value[18];
}

static void walk(const struct fake_dump *d, enum fake_lost lost, u64 seed)
{
	struct vp *vps[] = { &root, &child, &other }, *now = &root;
	u64 seen[3][64] = { { 0 } }, xcr0[3] = { 1, 1, 1 };
	u32 at = 0;

	become(d, lost);
	for (u32 i = 0; i < 3000; i++) {
		u64 kept = now->is_root ? ~0ull : fake.facts.compat.xcr0;
		u32 next = (u32)(fake_random(&seed) % 3);

		/* What it switched off itself may be lost by that already. */
		if (lost != FAKE_KEEPS)
			kept &= xcr0[at];
		assert_int_equal(fake_xregs.xcr0, xcr0[at]);
		for (u32 k = 0; k < 63; k++)
			if (kept & fake_xregs.supported & BIT(k))
				assert_int_equal(fake_xregs.value[k],
				                 seen[at][k]);
		if (!now->is_root)
			assert_nothing_beyond();
		run(now, &seed);
		memcpy(seen[at], fake_xregs.value, sizeof(seen[at]));
		xcr0[at] = fake_xregs.xcr0;
		if (fake_random(&seed) % 3 == 0) {
			xstate_save(now, true);
			xstate_enable(now);
			if (fake_random(&seed) % 2)
				xstate_load(now, true);
		}
		if (vps[next] == now)
			continue;
		switch_vp(now, vps[next]);
		now = vps[next];
		at = next;
	}
}

static void test_walk(void **state)
{
	static const struct fake_dump *const dumps[] = {
		&fake_dumps[SAPPHIRE_RAPIDS], &fake_dumps[TIGER_LAKE], &later,
		&mpx
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(dumps); i++)
		for (u32 lost = 0; lost < FAKE_LOST; lost++)
			walk(dumps[i], (enum fake_lost)lost, 3 * i + lost);
}

/* What XFD could disable would have to be switched: children have none of it. */
static void test_children_have_nothing_of_xfd(void **state)
{
	struct fake_leaf leaves[ARRAY_LEN(later_leaves)];
	struct fake_dump d = { "PKRU by XFD", leaves, ARRAY_LEN(leaves) };

	(void)state;
	memcpy(leaves, later_leaves, sizeof(leaves));
	become(&d, FAKE_KEEPS);
	assert_true(fake.facts.compat.xcr0 & XSTATE_PKRU);
	for (u32 i = 0; i < ARRAY_LEN(leaves); i++)
		if (leaves[i].leaf == 0xd && leaves[i].subleaf == 9)
			leaves[i].regs[2] = 4;
	become(&d, FAKE_KEEPS);
	assert_int_equal(fake.facts.compat.xcr0, 0xe7);
	assert_int_equal(beyond(), XSTATE_PKRU | XSTATE_TILES | XSTATE_APX);
}

#define XTEST(f) cmocka_unit_test_setup_teardown(f, guest_setup, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		XTEST(test_room),
		XTEST(test_nothing_is_done_where_nothing_is),
		XTEST(test_xsetbvs_of_a_smaller_child),
		XTEST(test_what_is_not_in_use_costs_nothing),
		XTEST(test_it_is_there_again),
		XTEST(test_what_xfd_disables),
		XTEST(test_components_that_the_root_gave_up),
		XTEST(test_root_is_captured),
		XTEST(test_pointers_of_the_x87),
		XTEST(test_walk),
		XTEST(test_children_have_nothing_of_xfd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
