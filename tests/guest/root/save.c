/*
 * Save and restore: children that are stopped with all of their state in
 * registers, and go on bit for bit as if nothing had been.
 */
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/saved.h"
#include "tests/guest/lib/test.h"

#define PORT 0x80
#define PORT_MIDDLE 0x81 /* in the middle of loops; mostly nobody listens */
#define BUFFER_PAGES 256
#define BEFORE 3  /* reports of the worker before it is saved */
#define REPORTS 8 /* and in all */
#define START HV_SAVE_RESTORE_STATE_START
#define XSAVE_AVX (CPUID_1_ECX_XSAVE | CPUID_1_ECX_AVX)

/* ---- The worker: a C function of ours that runs in a child ---- */

static u64 memory[2048]; /* four pages that change all the time */
static float lanes[64] __attribute__((aligned(32)));

/* All lanes live in the YMM registers for as long as this takes. */
static void mix_ymm(u64 turns)
{
	__asm__ volatile("vmovups 0(%[m]), %%ymm0; vmovups 32(%[m]), %%ymm5;"
	                 "vmovups 64(%[m]), %%ymm10; vmovups 96(%[m]), %%ymm15;"
	                 "1: vaddps %%ymm0, %%ymm5, %%ymm5;"
	                 "vpermilps $0x39, %%ymm0, %%ymm0;"
	                 "vperm2f128 $1, %%ymm15, %%ymm15, %%ymm15;"
	                 "vaddps %%ymm5, %%ymm10, %%ymm10;"
	                 "vxorps %%ymm15, %%ymm10, %%ymm15;"
	                 "vmulps %%ymm0, %%ymm10, %%ymm10;"
	                 "testb $255, %b[n]; jnz 2f; outb %%al, $0x81; 2:"
	                 "decq %[n]; jnz 1b;"
	                 "vmovups %%ymm0, 0(%[m]); vmovups %%ymm5, 32(%[m]);"
	                 "vmovups %%ymm10, 64(%[m]); vmovups %%ymm15, 96(%[m])"
	                 : [n] "+r"(turns)
	                 : [m] "r"(lanes)
	                 : "memory", "cc", "xmm0", "xmm5", "xmm10", "xmm15");
}

static u64 hash_of(const void *bytes, u64 size, u64 hash)
{
	const u8 *b = bytes;

	while (size--)
		hash = (hash ^ *b++) * 0x100000001b3;
	return hash;
}

/* A report tells of all that was computed so far. */
static void worker(u64 seed, u64 avx)
{
	u64 x = seed;
	double d = (double)seed, e = 1.0;

	for (u32 i = 0; i < 64; i++)
		lanes[i] = 1.0f + (float)i / 64;
	for (;;) {
		for (u32 i = 0; i < 3000; i++) {
			x = x * 6364136223846793005 + 1442695040888963407;
			memory[x >> 53] += x ^ (x >> 29);
			d = d * 0.9375 + (double)(x >> 40);
			e = e / 1.0078125 + d;
			if (i % 256 == 255)
				insn_out8(PORT_MIDDLE, 0);
		}
		if (avx)
			mix_ymm(4000);
		u64 hash = hash_of(&d, sizeof(d), x);

		hash = hash_of(&e, sizeof(e), hash);
		hash = hash_of(lanes, sizeof(lanes), hash);
		insn_out32(PORT, (u32)hash_of(memory, 4096, hash));
	}
}

static bool has_avx(void)
{
	return (cpu_cpuid(1).ecx & XSAVE_AVX) == XSAVE_AVX;
}

static bool create_worker(struct child *c, u64 seed)
{
	return child_fork(c, worker, seed, has_avx()) &&
	       child_intercept_out(c, PORT) &&
	       (!has_avx() ||
	        (child_set(c, HV_REGISTER_XFEM, 7) &&
	         child_set(c, HV_REGISTER_CR4, 0x620 | CR4_OSXSAVE)));
}

static bool expect_reports(struct child *c, const u32 *want, u32 count)
{
	u64 got;

	for (u32 i = 0; i < count; i++)
		if (!child_run_to_out(c, PORT, &got) ||
		    !EXPECT_EQUAL((u32)got, want[i]))
			return false;
	return true;
}

/* What a worker that nobody disturbs says. */
static bool undisturbed(u64 seed, u32 *reports)
{
	struct child c;
	u64 got;

	if (!create_worker(&c, seed))
		return false;
	for (u32 i = 0; i < REPORTS; i++) {
		if (!child_run_to_out(&c, PORT, &got))
			return false;
		reports[i] = (u32)got;
	}
	return child_destroy(&c);
}

/*
 * To its third report, and on into the loops behind it, where it has nearly all
 * of its state in registers: 11 stops are in the first loop, then come those in
 * the other.
 */
static bool run_to_the_middle(struct child *c, const u32 *reports, u32 stops)
{
	u64 value;

	if (!expect_reports(c, reports, BEFORE) ||
	    !child_intercept_out(c, PORT_MIDDLE))
		return false;
	while (stops--)
		if (!child_run_to_out(c, PORT_MIDDLE, &value))
			return false;
	return child_stop(c) &&
	       child_set(c, HV_REGISTER_INTERCEPT_SUSPEND, 0) &&
	       child_intercept(c, HV_INTERCEPT_TYPE_IO_PORT, PORT_MIDDLE, 0);
}

/* In the second loop where there is one. */
static u32 in_second_loop(void)
{
	return has_avx() ? 20 : 9;
}

static void goes_on(u64 seed, u32 stops, u32 piece)
{
	u32 reports[REPORTS];
	struct child before, after;
	struct saved stream;

	MUST(saved_begin(&stream, BUFFER_PAGES));
	MUST(undisturbed(seed, reports) && create_worker(&before, seed));
	MUST(run_to_the_middle(&before, reports, stops));
	MUST(saved_take(&stream, before.id, 0));
	MUST(child_destroy(&before));
	MUST(child_create_like(&after, &before));
	MUST(child_intercept_out(&after, PORT));
	MUST(saved_restore(&stream, after.id, piece));
	MUST(expect_reports(&after, reports + BEFORE, REPORTS - BEFORE));
	MUST(child_destroy(&after));
	saved_end(&stream);
}

static void whole_pieces(void)
{
	goes_on(1, 5, HV_SAVE_DATA_MAX);
}

static void odd_pieces(void)
{
	goes_on(2, in_second_loop(), 777);
}

static void tiny_pieces(void)
{
	goes_on(3, 11, 15);
}

/* The one that was saved is not changed by that. */
static void original_goes_on(void)
{
	u32 reports[REPORTS];
	struct saved stream, again;
	struct child c;

	MUST(saved_begin(&stream, BUFFER_PAGES));
	MUST(saved_begin(&again, BUFFER_PAGES));
	MUST(undisturbed(4, reports) && create_worker(&c, 4));
	MUST(run_to_the_middle(&c, reports, in_second_loop()));
	MUST(saved_take(&stream, c.id, 0));
	MUST(saved_take(&again, c.id, 0));
	EXPECT_EQUAL(again.size, stream.size);
	MUST(expect_reports(&c, reports + BEFORE, REPORTS - BEFORE));
	MUST(child_destroy(&c));
	saved_end(&again);
	saved_end(&stream);
}

/* A piece of one, a piece of the other; back the same way. */
static bool save_two(struct child c[2], struct saved s[2])
{
	u32 state[2] = { HV_STATE_INCOMPLETE, HV_STATE_INCOMPLETE };
	u32 flags[2] = { START, START };

	while (state[0] == HV_STATE_INCOMPLETE ||
	       state[1] == HV_STATE_INCOMPLETE)
		for (u32 i = 0; i < 2; i++) {
			if (state[i] != HV_STATE_INCOMPLETE)
				continue;
			if (!EXPECT_SUCCESS(saved_take_piece(
				    &s[i], c[i].id, flags[i], &state[i])))
				return false;
			flags[i] = 0;
		}
	return EXPECT_EQUAL(state[0], 0) && EXPECT_EQUAL(state[1], 0);
}

static bool restore_two(struct child c[2], const struct saved s[2])
{
	u32 state[2] = { HV_STATE_INCOMPLETE, HV_STATE_INCOMPLETE };
	u32 flags[2] = { START, START }, taken;
	u64 at[2] = { 0, 0 };

	for (u32 i = 0;
	     state[0] == HV_STATE_INCOMPLETE || state[1] == HV_STATE_INCOMPLETE;
	     i ^= 1) {
		u64 left = s[i].size - at[i], size = i ? 3000 : 500;

		if (state[i] != HV_STATE_INCOMPLETE)
			continue;
		if (!EXPECT_SUCCESS(stream_restore_piece(
			    c[i].id, flags[i], s[i].data + at[i],
			    (u32)(left < size ? left : size), &taken,
			    &state[i])))
			return false;
		flags[i] = 0;
		at[i] += taken;
	}
	return EXPECT_EQUAL(state[0], 0) && EXPECT_EQUAL(state[1], 0);
}

static void two_interleaved(void)
{
	u32 reports[2][REPORTS];
	struct child before[2], after[2];
	struct saved streams[2];

	for (u32 i = 0; i < 2; i++) {
		MUST(saved_begin(&streams[i], BUFFER_PAGES));
		MUST(undisturbed(5 + i, reports[i]));
	}
	for (u32 i = 0; i < 2; i++) {
		MUST(create_worker(&before[i], 5 + i));
		MUST(run_to_the_middle(&before[i], reports[i],
		                       i ? 4 : in_second_loop()));
	}
	MUST(save_two(before, streams));
	for (u32 i = 0; i < 2; i++) {
		MUST(child_destroy(&before[i]));
		MUST(child_create_like(&after[i], &before[i]));
		MUST(child_intercept_out(&after[i], PORT));
	}
	MUST(restore_two(after, streams));
	for (u32 i = 0; i < 2; i++) {
		MUST(expect_reports(&after[i], reports[i] + BEFORE,
		                    REPORTS - BEFORE));
		MUST(child_destroy(&after[i]));
		saved_end(&streams[i]);
	}
}

static const struct test_case cases[] = {
	{ "goes on after a save in whole pieces", whole_pieces },
	{ "goes on after a restore in odd pieces", odd_pieces },
	{ "goes on after a restore in tiny pieces", tiny_pieces },
	{ "the original goes on too", original_goes_on },
	{ "two children in interleaved calls", two_interleaved },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	return test_run(image, table, "save", cases, ARRAY_LEN(cases));
}
