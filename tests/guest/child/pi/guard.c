/*
 * The guard of guard.h. The low halves of the vector registers change with each
 * character, so that old values are found as well.
 */
#include "tests/guest/child/pi/guard.h"

#define XMMS 16
#define GENERAL 15    /* all but RSP */
#define MXCSR 0x3f80u /* all masked, rounding down */
#define FCW 0x067fu   /* all masked, double precision, rounding down */

/* No two alike. */
#define SEED(n) (0x9e3779b97f4a7c15u * (u64)((n) + 1))
#define STEP_LOW 0x0101010101010101u
#define STEP_HIGH 0x1000000000000001u

struct vector {
	_Alignas(16) u64 half[2];
};

static struct vector low[XMMS];  /* XMM: bits 127:0 */
static struct vector high[XMMS]; /* YMM: bits 255:128 */
static struct vector found[XMMS];
static const struct vector step = { { STEP_LOW, STEP_HIGH } };
static bool have_ymm;

/* guard.asm: loads guard_given, OUT of AL, stores guard_found. */
void guard_out(void);
extern u64 guard_given[GENERAL];
extern u64 guard_found[GENERAL];
u64 guard_given[GENERAL];
u64 guard_found[GENERAL];

#define EACH(do)                                                             \
	do                                                                   \
	(0) do(1) do(2) do(3) do(4) do(5) do(6) do(7) do(8) do(9) do(10) do( \
		11) do(12) do(13) do(14) do(15)
#define LOAD_LOW(n) __asm__ volatile("movdqa %0, %%xmm" #n : : "m"(low[n]));
#define LOAD_HIGH(n)                                                 \
	__asm__ volatile("vinsertf128 $1, %0, %%ymm" #n ", %%ymm" #n \
	                 :                                           \
	                 : "m"(high[n]));
#define STORE_LOW(n) \
	__asm__ volatile("movdqa %%xmm" #n ", %0" : "=m"(found[n]));
#define STORE_HIGH(n) \
	__asm__ volatile("vextractf128 $1, %%ymm" #n ", %0" : "=m"(found[n]));
#define STEP(n) __asm__ volatile("paddq %0, %%xmm" #n : : "m"(step));

NO_VECTORS void guard_start(bool ymm)
{
	static const u32 mxcsr = MXCSR;
	static const u16 fcw = FCW;

	for (u32 i = 0; i < XMMS; i++)
		for (u32 h = 0; h < 2; h++) {
			low[i].half[h] = SEED(2 * i + h);
			high[i].half[h] = SEED(100 + 2 * i + h);
		}
	for (u32 i = 0; i < GENERAL; i++)
		guard_given[i] = SEED(200 + i);
	have_ymm = ymm;
	__asm__ volatile("fninit; fldcw %0; ldmxcsr %1"
	                 :
	                 : "m"(fcw), "m"(mxcsr));
	if (ymm) {
		EACH(LOAD_HIGH)
	}
	EACH(LOAD_LOW)
}

NO_VECTORS static bool same(const struct vector *expected)
{
	for (u32 i = 0; i < XMMS; i++)
		if (found[i].half[0] != expected[i].half[0] ||
		    found[i].half[1] != expected[i].half[1])
			return false;
	return true;
}

NO_VECTORS static bool vectors_are_right(void)
{
	u32 mxcsr;
	u16 fcw;

	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr), "=m"(fcw));
	EACH(STORE_LOW)
	if (mxcsr != MXCSR || fcw != FCW || !same(low))
		return false;
	if (!have_ymm)
		return true;
	EACH(STORE_HIGH)
	return same(high);
}

/* The next value of each low half, in the register and in memory. */
NO_VECTORS static void step_vectors(void)
{
	EACH(STEP)
	for (u32 i = 0; i < XMMS; i++) {
		low[i].half[0] += STEP_LOW;
		low[i].half[1] += STEP_HIGH;
	}
}

NO_VECTORS bool guard_put(char c)
{
	if (!vectors_are_right())
		return false;
	step_vectors();
	/* RAX carries the character in its low byte. */
	guard_given[0] = (guard_given[0] & ~(u64)0xff) | (u8)c;
	guard_out();
	for (u32 i = 0; i < GENERAL; i++)
		if (guard_found[i] != guard_given[i])
			return false;
	return vectors_are_right();
}
