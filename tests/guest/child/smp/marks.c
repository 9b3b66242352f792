/*
 * The marks of marks.h.
 */
#include "tests/guest/child/smp/marks.h"

#include "include/tlfs.h"
#include "include/x86_apic.h"
#include "parent/cpu.h"
#include "tests/guest/lib/gate.h"

#define XSAVE_AVX (CPUID_1_ECX_XSAVE | CPUID_1_ECX_AVX)

static const struct mark {
	u32 msr;
	u64 value;
} marks[] = {
	{ 0xc0000081, 0x0013000800001111 }, /* STAR */
	{ 0xc0000082, 0xffffffff80002222 }, /* LSTAR */
	{ 0xc0000083, 0xffffffff80003333 }, /* CSTAR */
	{ 0xc0000084, 0x00044444 },         /* SFMASK */
	{ 0xc0000102, 0xffff800000005555 }, /* KERNEL_GS_BASE */
	{ 0x174, 0x0666 },                  /* SYSENTER_CS, ESP, EIP */
	{ 0x175, 0xffff800000007777 },
	{ 0x176, 0xffff800000008888 },
	{ 0x277, 0x0007010600070406 }, /* PAT */
	{ 0x2ff, 0xc06 },              /* MTRR_DEF_TYPE */
	{ 0x200, 0x10000006 },         /* MTRR_BASE0, MASK0 */
	{ 0x201, 0xff000800 },
	{ 0x20e, 0x70000001 }, /* MTRR_BASE7, MASK7 */
	{ 0x20f, 0xf7000800 },
	{ 0x250, 0x0606060606060601 }, /* MTRR_64K_00000 */
	{ 0x258, 0x0606060606060104 }, /* MTRR_16K_80000 */
	{ 0x26f, 0x0505050505050501 }, /* MTRR_4K_F8000 */
	{ LAPIC_MSR(LAPIC_TPR), 0x21 },
	{ LAPIC_MSR(LAPIC_SVR), 0x1fe },
	{ LAPIC_MSR(LAPIC_LVT_TIMER), 0x40000 | LAPIC_LVT_MASKED | 0x60 },
	{ LAPIC_MSR(LAPIC_LVT_THERMAL), LAPIC_LVT_MASKED | 0x61 },
	{ LAPIC_MSR(LAPIC_LVT_PERF), LAPIC_LVT_MASKED | 0x62 },
	{ LAPIC_MSR(LAPIC_LVT_LINT0), LAPIC_LVT_MASKED | 0x63 },
	{ LAPIC_MSR(LAPIC_LVT_LINT1), LAPIC_LVT_MASKED | 0x64 },
	{ LAPIC_MSR(LAPIC_LVT_ERROR), LAPIC_LVT_MASKED | 0x65 },
	{ LAPIC_MSR(LAPIC_DIVIDE), 0xa },
	{ 0x6e0, 0x7000000000000000 }, /* TSC_DEADLINE */
	{ HV_MSR_GUEST_OS_ID, 0x8100000000001234 },
	{ HV_MSR_HYPERCALL, 0x61001 },
	{ HV_MSR_VP_ASSIST_PAGE, 0x62001 },
	{ HV_MSR_REFERENCE_TSC, 0x63001 },
	{ HV_MSR_SCONTROL, 1 },
	{ HV_MSR_SIEFP, 0x64000 },
	{ HV_MSR_SIMP, 0x65000 },
	{ HV_MSR_SINT0, 0x10070 },
	{ HV_MSR_SINT0 + 1, 0x10071 },
	{ HV_MSR_SINT0 + 15, 0x1007f },
	{ HV_MSR_STIMER0_CONFIG, 0x10002 },
	{ HV_MSR_STIMER0_COUNT, 0x1111 },
	{ HV_MSR_STIMER0_CONFIG + 6, 0x40000 },
	{ HV_MSR_STIMER0_COUNT + 6, 0x4444 },
};

HANDLER static void on_served(struct frame *frame)
{
	(void)frame;
}

/* One vector comes into service and stays there; others wait behind it. */
static void mark_vectors(void)
{
	static struct gate idt[VECTOR_SERVED + 1];
	struct descriptor_table i = { sizeof(idt) - 1, (u64)idt };

	idt[VECTOR_SERVED].offset0 = (u16)(u64)on_served;
	idt[VECTOR_SERVED].offset16 = (u16)((u64)on_served >> 16);
	idt[VECTOR_SERVED].selector = GATE_SELECTOR;
	idt[VECTOR_SERVED].flags = GATE_INTERRUPT;
	__asm__ volatile("lidt %0" : : "m"(i));
	cpu_write_msr(LAPIC_MSR(LAPIC_SELF_IPI), VECTOR_SERVED);
	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
	cpu_write_msr(LAPIC_MSR(LAPIC_SELF_IPI), VECTOR_PENDING);
	cpu_write_msr(LAPIC_MSR(LAPIC_SELF_IPI), VECTOR_HIGHEST);
}

void marks_set(void)
{
	for (u32 i = 0; i < ARRAY_LEN(marks); i++)
		cpu_write_msr(marks[i].msr, marks[i].value);
	mark_vectors();
	__asm__ volatile("mov %0, %%dr0" : : "r"(0xd0ull));
	__asm__ volatile("mov %0, %%dr3" : : "r"(0xd3ull));
	__asm__ volatile("mov %0, %%cr2" : : "r"(0xc2ull));
}

static bool have_ymm(void)
{
	u64 cr4;

	if ((cpu_cpuid(1).ecx & XSAVE_AVX) != XSAVE_AVX)
		return false;
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | CR4_OSXSAVE));
	__asm__ volatile("xsetbv"
	                 :
	                 : "a"(XSTATE_LEGACY | XSTATE_AVX), "c"(0), "d"(0));
	return true;
}

#define EACH(do)                                                             \
	do                                                                   \
	(0) do(1) do(2) do(3) do(4) do(5) do(6) do(7) do(8) do(9) do(10) do( \
		11) do(12) do(13) do(14) do(15)
#define LOAD(n) __asm__ volatile("movdqu %0, %%xmm" #n : : "m"(mark[n]));
#define LOAD_HIGH(n)                                                 \
	__asm__ volatile("vinsertf128 $1, %0, %%ymm" #n ", %%ymm" #n \
	                 :                                           \
	                 : "m"(mark[16 + n]));

void marks_set_vectors(void)
{
	static const u32 mxcsr = 0x3f80;
	static u64 mark[32][2];

	for (u32 i = 0; i < 32; i++) {
		mark[i][0] = 0x1000 + i;
		mark[i][1] = 0xf00000000000000 + i;
	}
	__asm__ volatile("fninit; fldpi; fld1; ldmxcsr %0" : : "m"(mxcsr));
	if (have_ymm()) {
		EACH(LOAD_HIGH)
	}
	EACH(LOAD)
}
