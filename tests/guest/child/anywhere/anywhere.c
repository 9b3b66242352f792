/*
 * The digest of what was seen, and the extended state that lives on between
 * the episodes. Nothing here touches a vector register by the compiler's will.
 */
#pragma GCC target("general-regs-only")

#include "tests/guest/child/anywhere/anywhere.h"

#include "include/x86.h"
#include "include/x86_apic.h"
#include "parent/cpu.h"

#define TIMER_VECTOR 0x43u

#define LOG_END ANYWHERE_GUARD
#define LEGACY_WRITTEN 464 /* bytes of an FXSAVE image */
#define EXTENDED_END 2688
#define RENEW 4 /* episodes */

/* At ANYWHERE_SEEN, by link.ld. */
extern volatile struct anywhere_seen anywhere_seen;
extern u8 anywhere_xsave[];
#define seen (&anywhere_seen)

/* What the assembly calls. */
void episode_begin(void);
void episode_middle(void);
void episode_end(void);
void vectors_change(void);

/* ---- The digest ---- */

static void fold(u64 word)
{
	u64 h = (seen->digest ^ word) * 0x9e3779b97f4a7c15ull;

	seen->digest = h ^ h >> 29;
}

static void fold_bytes(const void *bytes, u32 size)
{
	const u64 *word = bytes;
	u64 h = seen->digest;

#pragma GCC unroll 8
	for (u32 i = 0; i < size / 8; i++)
		h = (h ^ word[i]) * 0x9e3779b97f4a7c15ull;
	seen->digest = h;
	fold(size);
}

static u64 next_random(void)
{
	seen->seed =
		seen->seed * 6364136223846793005ull + 1442695040888963407ull;
	return seen->seed ^ seen->seed >> 31;
}

static void fold_log(void)
{
	u32 size = seen->log_at - (u32)ANYWHERE_LOG;

	if (seen->log_at > LOG_END)
		seen->overflows++;
	fold_bytes((const void *)ANYWHERE_LOG, size);
	seen->log_at = (u32)ANYWHERE_LOG;
}

/* ---- Extended state ---- */

static void save_all(void *area)
{
	u32 low = (u32)seen->xcr0;

	if (seen->level == ANYWHERE_FXSAVE)
		__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
	else
		__asm__ volatile("xsave64 (%0)"
		                 :
		                 : "r"(area), "a"(low), "d"(0)
		                 : "memory");
}

static void load_all(const void *area)
{
	u32 low = (u32)seen->xcr0;

	if (seen->level == ANYWHERE_FXSAVE)
		__asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
	else
		__asm__ volatile("xrstor64 (%0)"
		                 :
		                 : "r"(area), "a"(low), "d"(0)
		                 : "memory");
}

/*
 * XSAVE writes the bytes of every component, used or not, so they are all seen;
 * of XSTATE_BV not: a processor may call a component in use that holds what it
 * has after reset (SDM 13.6).
 */
static void fold_extended(void)
{
	u32 end = seen->level >= ANYWHERE_AVX512 ? EXTENDED_END : 832;

	save_all(anywhere_xsave);
	fold_bytes(anywhere_xsave, LEGACY_WRITTEN);
	if (seen->level >= ANYWHERE_AVX)
		fold_bytes(anywhere_xsave + XSAVE_HEADER_END,
		           end - XSAVE_HEADER_END);
	for (u32 i = XSAVE_HEADER_END - 64; i < XSAVE_HEADER_END; i++)
		anywhere_xsave[i] = 0; /* nor shall the parent see it */
}

/* Values at random in all components, one of which may be as after reset. */
static void renew_extended(void)
{
	u64 *word = (u64 *)(void *)anywhere_xsave;
	u32 *status = (u32 *)(void *)anywhere_xsave;
	u64 left_out = BIT(next_random() & 15);

	for (u32 i = 0; i < EXTENDED_END / 8; i++)
		word[i] = next_random();
	status[0] = 0x037f | (status[0] & 0x38000000); /* FCW, FSW: TOP alone */
	word[1] &= 0xffffffff;                         /* FIP, without FCS */
	word[2] &= 0xffffffff;
	status[6] = 0x1f80 | (status[6] & 0x603f); /* MXCSR */
	status[7] = 0;
	for (u32 i = XSAVE_HEADER_END - 64; i < XSAVE_HEADER_END; i += 8)
		word[i / 8] = 0;
	word[64] = seen->xcr0 & ~left_out;
	load_all(anywhere_xsave);
	seen->live = seen->level + 1;
}

/* Some instructions of each kind. */
void vectors_change(void)
{
	__asm__ volatile("paddq %xmm1, %xmm2; pxor %xmm3, %xmm4;"
	                 "pshufd $0x1b, %xmm5, %xmm6; paddd %xmm14, %xmm15");
	if (seen->level >= ANYWHERE_AVX)
		__asm__ volatile("vandps %ymm1, %ymm2, %ymm3;"
		                 "vxorps %ymm4, %ymm5, %ymm6;"
		                 "vperm2f128 $1, %ymm9, %ymm10, %ymm11");
	if (seen->level >= ANYWHERE_AVX512)
		__asm__ volatile("vpaddq %zmm1, %zmm2, %zmm3{%k1};"
		                 "vpxorq %zmm17, %zmm18, %zmm19;"
		                 "vpaddd %zmm30, %zmm31, %zmm29{%k2}{z};"
		                 "kxorw %k3, %k4, %k5; knotw %k6, %k7;"
		                 "kandw %k1, %k5, %k3");
}

/* ---- The first time ---- */

static void find_level(void)
{
	u32 features = cpu_cpuid(1).ecx;
	u64 cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	cr4 |= CR4_SSE | (features & CPUID_1_ECX_XSAVE ? CR4_OSXSAVE : 0);
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
	seen->xcr0 = XSTATE_LEGACY;
	if (!(features & CPUID_1_ECX_XSAVE))
		return;
	seen->level = ANYWHERE_XSAVE_SSE;
	if (features & CPUID_1_ECX_AVX) {
		seen->level = ANYWHERE_AVX;
		seen->xcr0 = XSTATE_LEGACY | XSTATE_AVX;
	}
	if (cpu_cpuid(0).eax >= 7 && (cpu_cpuid(7).ebx & CPUID_7_EBX_AVX512F)) {
		seen->level = ANYWHERE_AVX512;
		seen->xcr0 = XSTATE_LEGACY | XSTATE_AVX | XSTATE_AVX512;
	}
	__asm__ volatile("xsetbv" : : "c"(0), "a"((u32)seen->xcr0), "d"(0));
}

static void apic_write(u32 offset, u32 value)
{
	if (seen->use_x2apic)
		cpu_write_msr(LAPIC_MSR(offset), value);
	else
		*(volatile u32 *)(LAPIC_BASE_RESET + offset) = value;
}

static void apic_on(void)
{
	if (seen->use_x2apic)
		cpu_write_msr(MSR_IA32_APIC_BASE,
		              cpu_read_msr(MSR_IA32_APIC_BASE) |
		                      LAPIC_BASE_X2APIC);
	apic_write(LAPIC_SVR, 0x1ff);
	apic_write(LAPIC_DIVIDE, 0xb); /* by 1 */
	apic_write(LAPIC_LVT_TIMER, TIMER_VECTOR);
}

/* ---- What the assembly calls ---- */

/* Saved before it is loaded anew: it has lived since then. */
void episode_begin(void)
{
	if (seen->episode == 0) {
		find_level();
		apic_on();
		next_random();
	}
	fold_log();
	if (seen->episode % RENEW)
		return;
	if (seen->live)
		fold_extended();
	renew_extended();
}

void episode_middle(void)
{
	fold_log();
}

static void finish(void)
{
	fold_extended();
	__asm__ volatile("outb %%al, %0" : : "N"(ANYWHERE_PORT_END));
	for (;;)
		__asm__ volatile("cli; hlt");
}

void episode_end(void)
{
	u64 episode = seen->episode + 1;
	volatile u64 *mark = (volatile u64 *)ANYWHERE_MARKS;

	fold_log();
	fold(next_random());
	/* The mark first: we may be stopped in between. */
	if (episode % seen->mark_every == 0)
		mark[episode / seen->mark_every % ANYWHERE_MARKS_MAX] =
			seen->digest;
	seen->episode = episode;
	if (episode == seen->episodes)
		finish();
}
