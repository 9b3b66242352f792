/*
 * Vector registers: kept while other processes run, and right in what they compute. The
 * widest that the processor and the kernel offer are used, so no checksum may depend on
 * which these are.
 */
#include "tests/linux/stress/stress.h"

#include <immintrin.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 4, ROUNDS = 40, SUM_ROUNDS = 20000, LANES = 8 };

/* What is loaded into registers before others run, and what was in them afterwards. */
struct rows {
	u64 row[8][LANES];
};

/*
 * Each of these loads registers from in, lets another process run (the system call is
 * in the same piece of assembly, so the compiler uses none of them in between), and
 * stores them to out. It writes into out what it has no register for.
 */
typedef void rows_keep(const struct rows *in, struct rows *out);

static void keep_sse(const struct rows *in, struct rows *out)
{
	long call = SYS_sched_yield;

	*out = *in;
	memset(out->row[0], 0, 32);
	__asm__ volatile("movdqu (%1), %%xmm0\n\t"
	                 "movdqu 16(%1), %%xmm15\n\t"
	                 "syscall\n\t"
	                 "movdqu %%xmm0, (%2)\n\t"
	                 "movdqu %%xmm15, 16(%2)"
	                 : "+a"(call)
	                 : "r"(in), "r"(out)
	                 : "rcx", "r11", "memory", "xmm0", "xmm15");
}

static void keep_avx(const struct rows *in, struct rows *out)
{
	long call = SYS_sched_yield;

	*out = *in;
	memset(out->row[0], 0, 128);
	__asm__ volatile("vmovdqu (%1), %%ymm0\n\t"
	                 "vmovdqu 32(%1), %%ymm5\n\t"
	                 "vmovdqu 64(%1), %%ymm10\n\t"
	                 "vmovdqu 96(%1), %%ymm15\n\t"
	                 "syscall\n\t"
	                 "vmovdqu %%ymm0, (%2)\n\t"
	                 "vmovdqu %%ymm5, 32(%2)\n\t"
	                 "vmovdqu %%ymm10, 64(%2)\n\t"
	                 "vmovdqu %%ymm15, 96(%2)\n\t"
	                 "vzeroupper"
	                 : "+a"(call)
	                 : "r"(in), "r"(out)
	                 : "rcx", "r11", "memory", "xmm0", "xmm5", "xmm10",
	                   "xmm15");
}

static void keep_avx512(const struct rows *in, struct rows *out)
{
	long call = SYS_sched_yield;

	/* Upper halves, upper registers, masks: three components of the state. */
	*out = *in;
	memset(out->row[0], 0, 7 * 64);
	memcpy(out->row[6] + 2, in->row[6] + 2, 48);
	__asm__ volatile("vmovdqu64 (%1), %%zmm0\n\t"
	                 "vmovdqu64 64(%1), %%zmm1\n\t"
	                 "vmovdqu64 128(%1), %%zmm2\n\t"
	                 "vmovdqu64 192(%1), %%zmm15\n\t"
	                 "vmovdqu64 256(%1), %%zmm20\n\t"
	                 "vmovdqu64 320(%1), %%zmm31\n\t"
	                 "kmovq 384(%1), %%k1\n\t"
	                 "kmovq 392(%1), %%k7\n\t"
	                 "syscall\n\t"
	                 "vmovdqu64 %%zmm0, (%2)\n\t"
	                 "vmovdqu64 %%zmm1, 64(%2)\n\t"
	                 "vmovdqu64 %%zmm2, 128(%2)\n\t"
	                 "vmovdqu64 %%zmm15, 192(%2)\n\t"
	                 "vmovdqu64 %%zmm20, 256(%2)\n\t"
	                 "vmovdqu64 %%zmm31, 320(%2)\n\t"
	                 "kmovq %%k1, 384(%2)\n\t"
	                 "kmovq %%k7, 392(%2)\n\t"
	                 "vzeroupper"
	                 : "+a"(call)
	                 : "r"(in), "r"(out)
	                 : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm2",
	                   "xmm15");
}

/* The same of the top of the x87 stack: whether it came back. */
static bool keep_x87(double in)
{
	long call = SYS_sched_yield;
	double out;

	__asm__ volatile("fldl %2\n\t"
	                 "syscall\n\t"
	                 "fstpl %1"
	                 : "+a"(call), "=m"(out)
	                 : "m"(in)
	                 : "rcx", "r11", "memory", "st");
	return !memcmp(&in, &out, sizeof(in));
}

static rows_keep *widest(void)
{
	if (__builtin_cpu_supports("avx512bw"))
		return keep_avx512;
	return __builtin_cpu_supports("avx") ? keep_avx : keep_sse;
}

/* Rounds in which a register did not come back, with numbers of this seed. */
static u64 lost_rounds(u64 seed)
{
	rows_keep *keep = widest();
	struct rows in, out;
	u64 lost = 0;

	for (u64 round = 0; round < ROUNDS; round++) {
		for (u64 i = 0; i < 8; i++) {
			for (u64 lane = 0; lane < LANES; lane++)
				in.row[i][lane] = stress_number(
					seed + round * 64 + i * LANES + lane);
		}
		keep(&in, &out);
		lost += memcmp(&in, &out, sizeof(in)) != 0;
		lost += !keep_x87((double)seed + (double)round / 3);
	}
	return lost;
}

u64 vector_switches(void)
{
	u64 lost = 0, started = 0;
	int status;

	for (u64 i = 0; i < PROCESSES; i++) {
		pid_t child = fork();

		if (child == 0) {
			/* On one processor, or they would run side by side. */
			stress_pin();
			_exit(lost_rounds((i + 1) << 32) != 0);
		}
		started += child > 0;
	}
	while (wait(&status) > 0)
		lost += status != 0;
	return started == PROCESSES ? lost : STRESS_IMPOSSIBLE;
}

/* One step of each lane: a rotation and an addition. */
static void step_plain(u64 *lanes, u64 round)
{
	for (u32 i = 0; i < LANES; i++)
		lanes[i] = (lanes[i] << 13 | lanes[i] >> 51) + round;
}

static void sum_plain(u64 *lanes)
{
	for (u64 round = 0; round < SUM_ROUNDS; round++)
		step_plain(lanes, round);
}

__attribute__((target("avx2"))) static void sum_avx2(u64 *lanes)
{
	__m256i low = _mm256_loadu_si256((const __m256i *)lanes);
	__m256i high = _mm256_loadu_si256((const __m256i *)(lanes + 4));

	for (u32 round = 0; round < SUM_ROUNDS; round++) {
		__m256i more = _mm256_set1_epi64x(round);

		low = _mm256_or_si256(_mm256_slli_epi64(low, 13),
		                      _mm256_srli_epi64(low, 51));
		high = _mm256_or_si256(_mm256_slli_epi64(high, 13),
		                       _mm256_srli_epi64(high, 51));
		low = _mm256_add_epi64(low, more);
		high = _mm256_add_epi64(high, more);
	}
	_mm256_storeu_si256((__m256i *)lanes, low);
	_mm256_storeu_si256((__m256i *)(lanes + 4), high);
}

__attribute__((target("avx512f"))) static void sum_avx512(u64 *lanes)
{
	__m512i all = _mm512_loadu_si512(lanes);

	for (u32 round = 0; round < SUM_ROUNDS; round++)
		all = _mm512_add_epi64(_mm512_rol_epi64(all, 13),
		                       _mm512_set1_epi64(round));
	_mm512_storeu_si512(lanes, all);
}

/* The hash of what a way of adding makes of the same beginning. */
static u64 sum_by(void (*sum)(u64 *lanes))
{
	u64 lanes[LANES], hash = 0;

	for (u64 i = 0; i < LANES; i++)
		lanes[i] = stress_number(i);
	sum(lanes);
	for (u32 i = 0; i < LANES; i++)
		hash = stress_mix(hash, lanes[i]);
	return hash;
}

u64 vector_sums(void)
{
	u64 hash = sum_by(sum_plain);

	if (__builtin_cpu_supports("avx2") && sum_by(sum_avx2) != hash)
		return 2;
	if (__builtin_cpu_supports("avx512f") && sum_by(sum_avx512) != hash)
		return 512;
	return hash;
}
