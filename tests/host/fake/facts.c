/*
 * The processors that the fake machine can have: facts for the core, and CPUID
 * as the processor would answer, with more in it than a child may see.
 */
#include <string.h>

#include "include/x86.h"
#include "tests/host/fake/arch.h"
#include "tests/host/fake/dumps.h"

#define ECX_1_BASE 0x01bae203u /* SSE3 .. MOVBE POPCNT, x2APIC, deadline */
#define EDX_1 0x178bfbffu
#define ECX_1_AVX (BIT(28) | BIT(29) | BIT(12))
#define ECX_1_HIDDEN (BIT(3) | BIT(5) | BIT(27)) /* MONITOR VMX OSXSAVE */
#define EBX_7_HASWELL 0x000003abu
#define EBX_7_SKYLAKE 0xd1b903abu

static const struct {
	u64 xcr0;
	u32 xsave_size;
	u32 signature;
	u32 ecx1;
	u32 ebx7;
	u32 ecx7;
	u32 eax_d1;
} machines[FAKE_MACHINES] = {
	[FAKE_SKYLAKE_X] = { 0x2e7, 2696, 0x50654,
	                     (u32)(ECX_1_BASE | CPUID_1_ECX_XSAVE | ECX_1_AVX),
	                     EBX_7_SKYLAKE, 0x8, 1 },
	[FAKE_HASWELL] = { 0x7, 832, 0x306c3,
	                   (u32)(ECX_1_BASE | CPUID_1_ECX_XSAVE | ECX_1_AVX),
	                   EBX_7_HASWELL, 0, 1 },
	[FAKE_NO_XSAVE] = { 0x1, 512, 0x206c2, ECX_1_BASE, 0, 0, 0 },
};

/* Standard layout of the components that exist: offset and size. */
static const struct {
	u16 offset;
	u16 size;
} components[64] = {
	[2] = { 576, 256 },   [5] = { 1088, 64 }, [6] = { 1152, 512 },
	[7] = { 1664, 1024 }, [9] = { 2688, 8 },
};

static void fill_compat(struct stream_compat *c, enum fake_machine machine)
{
	u32 *f = c->features;

	c->cpu_vendor = STREAM_VENDOR_INTEL;
	c->signature = machines[machine].signature;
	c->clflush = 64;
	c->phys_bits = machine == FAKE_SKYLAKE_X ? 46 : 39;
	c->linear_bits = 48;
	f[STREAM_FEATURE_1_ECX] = machines[machine].ecx1;
	f[STREAM_FEATURE_1_EDX] = EDX_1;
	f[STREAM_FEATURE_7_EBX] = machines[machine].ebx7;
	f[STREAM_FEATURE_7_ECX] = machines[machine].ecx7;
	f[STREAM_FEATURE_80000001_ECX] = 0x21;
	f[STREAM_FEATURE_80000001_EDX] = 0x2c100800;
	f[STREAM_FEATURE_D_1_EAX] = machines[machine].eax_d1;
	c->xcr0 = machines[machine].xcr0;
	c->xsave_size = machines[machine].xsave_size;
	c->mxcsr_mask = 0xffff;
	c->tsc_hz = 2000000000;
	for (u32 i = 0; i < 64; i++)
		if (c->xcr0 & BIT(i))
			c->xsave_offset[i] = components[i].offset;
}

void fake_become(enum fake_machine machine)
{
	struct arch_facts *f = &fake.facts;

	memset(f, 0, sizeof(*f));
	fake.machine = machine;
	fill_compat(&f->compat, machine);
	f->cr0_allowed = 0xe005003f;
	f->cr4_allowed = 0x7ff;
	f->has_xsave = machine != FAKE_NO_XSAVE;
	if (f->has_xsave)
		f->cr4_allowed |= BIT(18) | BIT(16) | BIT(20);
	if (machine == FAKE_SKYLAKE_X)
		f->cr4_allowed |= BIT(22);
	f->efer_allowed = 0xd01;
	f->debugctl_allowed = 3;
	f->tsc_hz = f->compat.tsc_hz;
	f->has_tsc_aux = true;
	f->interrupts_may_wait = true;
	f->mtrr_variable = VP_MTRR_VARIABLE;
	/* The fake processor's ends of CPUID are marks, and beyond all leaves. */
	f->cpuid_max = f->cpuid_max_extended = UINT32_MAX;
	f->root_can = ~0u;
}

/* A leaf that no case knows answers with a mark, to be seen where it leaks. */
void arch_cpuid(u32 leaf, u32 subleaf, u32 regs[4])
{
	const struct stream_compat *c = &fake.facts.compat;
	const u32 *f = c->features;
	u32 mark = 0xdead0000u | (leaf & 0xff);
	u32 unknown[4] = { mark, mark, mark, mark };
	u32 answer[4] = { mark, mark, mark, mark };

	if (fake.dump) {
		fake_dumps_cpuid(fake.dump, leaf, subleaf, regs);
		return;
	}
	if (leaf == 1) {
		answer[0] = c->signature;
		answer[1] = 0x03200800;
		answer[2] = f[STREAM_FEATURE_1_ECX] | (u32)ECX_1_HIDDEN;
		answer[3] = f[STREAM_FEATURE_1_EDX];
	} else if (leaf == 7 && subleaf == 0) {
		answer[0] = 2;
	} else if (leaf == CPUID_POWER) {
		answer[3] |= CPUID_POWER_EDX_INVARIANT_TSC;
	} else if (leaf == 0xd && subleaf >= 2 && subleaf < 64) {
		answer[0] = components[subleaf].size;
		answer[1] = components[subleaf].offset;
		answer[2] = answer[3] = 0;
	}
	memcpy(regs, leaf < 0x20 || leaf >= 0x80000000 ? answer : unknown, 16);
}
