/*
 * A register that refuses a value has not changed: MOV to CR0 and CR4, XSETBV and
 * WRMSR that fault, each with a bit that makes the instruction exit. And what is
 * taken is taken whole.
 */
#include "include/x86_msr.h"
#include "parent/memory.h"
#include "parent/vp.h"
#include "tests/guest/lib/arguments.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/test.h"

#define PAGES 14
#define PORT 0x80
#define STACK 0x3000
#define PDPT 0x5000
#define DIRECTORY 0x6000
#define HOLE 0x40000

#define CR0_BASE 0x33ull   /* PE MP ET NE */
#define PDPTE_BAD 0x1e7ull /* reserved bits */
#define PDE_2M (PTE_RW | PTE_LARGE)

static const u8 mov_cr0_rax[] = { 0x0f, 0x22, 0xc0, OUT_EAX(PORT), HLT };
static const u8 mov_cr4_rax[] = { 0x0f, 0x22, 0xe0, OUT_EAX(PORT), HLT };
static const u8 xsetbv[] = { 0x0f, 0x01, 0xd1, OUT_EAX(PORT), HLT };
static const u8 wrmsr[] = { WRMSR, OUT_EAX(PORT), HLT };

static struct child child;

/* ---- What each case does ---- */

static bool create(const u8 *code, u64 size)
{
	if (!child_create(&child, PAGES))
		return false;
	child_put(&child, CHILD_CODE, code, size);
	return child_intercept_out(&child, PORT) &&
	       child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION, VECTOR_GP,
	                       HV_INTERCEPT_ACCESS_EXECUTE);
}

static bool create_long(const u8 *code, u64 size)
{
	return create(code, size) && child_set_long(&child, CHILD_CODE, STACK);
}

/* CR3 for PAE paging, with the first 2 MiB as they are; not in use yet. */
static bool create_protected(const u8 *code, u64 size)
{
	if (!create(code, size) || !child_set_protected(&child, CHILD_CODE))
		return false;
	*(u64 *)child_at(&child, PDPT) = DIRECTORY | 1;
	*(u64 *)child_at(&child, DIRECTORY) = PDE_2M;
	return child_set(&child, HV_REGISTER_CR3, PDPT) &&
	       child_set(&child, HV_REGISTER_CR0, CR0_BASE) &&
	       child_set(&child, HV_REGISTER_CR4, CR4_PAE);
}

static bool begin(u64 rax)
{
	return child_set(&child, HV_REGISTER_RIP, CHILD_CODE) &&
	       child_set(&child, HV_REGISTER_RAX, rax);
}

static const u32 watched[] = { HV_REGISTER_CR0, HV_REGISTER_CR3,
	                       HV_REGISTER_CR4, HV_REGISTER_EFER };

/* The instruction at CHILD_CODE, with this RAX, is #GP, and no more. */
static bool refuses(u64 rax)
{
	u64 before[ARRAY_LEN(watched)];

	test_context("RAX", rax);
	for (u32 i = 0; i < ARRAY_LEN(watched); i++)
		before[i] = child_get(&child, watched[i]);
	if (!begin(rax) ||
	    !child_run_to(&child, HV_MESSAGE_EXCEPTION_INTERCEPT))
		return false;
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_RIP), CHILD_CODE);
	for (u32 i = 0; i < ARRAY_LEN(watched); i++)
		EXPECT_EQUAL(child_get(&child, watched[i]), before[i]);
	return !test_failed();
}

/* It is done, and the register has the value. */
static bool takes(enum hv_register_name name, u64 rax)
{
	u64 got;

	test_context("RAX", rax);
	return begin(rax) && child_run_to_out(&child, PORT, &got) &&
	       EXPECT_EQUAL(child_get(&child, name), rax);
}

/* ---- CR4 ---- */

static void cr4_in_long_mode(void)
{
	u64 cr4;

	MUST(create_long(mov_cr4_rax, sizeof(mov_cr4_rax)));
	cr4 = child_get(&child, HV_REGISTER_CR4);
	MUST(refuses((cr4 | CR4_MCE) & ~CR4_PAE));
	MUST(refuses(cr4 | CR4_MCE | CR4_VMXE));
	MUST(refuses(cr4 | CR4_MCE | BIT(63)));
	/* PCIDs need a CR3 without one (SDM 4.10.1). */
	MUST(child_set(&child, HV_REGISTER_CR3,
	               child_get(&child, HV_REGISTER_CR3) | 8));
	MUST(refuses(cr4 | CR4_MCE | CR4_PCIDE));
	MUST(takes(HV_REGISTER_CR4, cr4 | CR4_MCE));
	MUST(refuses(cr4 & ~CR4_PAE));
	MUST(takes(HV_REGISTER_CR4, cr4 | CR4_PGE));
	MUST(takes(HV_REGISTER_CR4, cr4 | CR4_PGE | CR4_MCE));
	MUST(takes(HV_REGISTER_CR4, cr4));
	child_destroy(&child);
}

static void cr4_outside_long_mode(void)
{
	MUST(create_protected(mov_cr4_rax, sizeof(mov_cr4_rax)));
	MUST(refuses(CR4_PAE | CR4_MCE | CR4_PCIDE));
	MUST(refuses(CR4_MCE | CR4_VMXE));
	MUST(takes(HV_REGISTER_CR4, CR4_MCE));
	child_destroy(&child);
}

/* PDPTEs are read anew by a write of PGE, and those in use stay if they are bad. */
static void cr4_with_bad_pdptes(void)
{
	MUST(create_protected(mov_cr4_rax, sizeof(mov_cr4_rax)));
	MUST(child_set(&child, HV_REGISTER_CR0, CR0_BASE | CR0_PG));
	MUST(takes(HV_REGISTER_CR4, CR4_PAE | CR4_MCE));
	*(u64 *)child_at(&child, PDPT) = 0;
	*(u64 *)child_at(&child, PDPT + 24) = PDPTE_BAD;
	MUST(refuses(CR4_PAE | CR4_PGE));
	MUST(refuses(CR4_PAE | CR4_PGE));
	/* Without PGE nothing is read, and the first one still maps. */
	MUST(takes(HV_REGISTER_CR4, CR4_PAE));
	child_destroy(&child);
}

/* ---- CR0 ---- */

static void cr0_in_long_mode(void)
{
	u64 cr0;

	MUST(create_long(mov_cr0_rax, sizeof(mov_cr0_rax)));
	cr0 = child_get(&child, HV_REGISTER_CR0);
	MUST(refuses((cr0 | CR0_CD) & ~CR0_PG));
	MUST(refuses((cr0 | CR0_CD) & ~1ull));
	MUST(refuses(cr0 | CR0_NW));
	MUST(refuses(cr0 | CR0_CD | BIT(32)));
	MUST(takes(HV_REGISTER_CR0, cr0 | CR0_CD));
	MUST(refuses((cr0 | CR0_NW) & ~CR0_CD));
	MUST(takes(HV_REGISTER_CR0, cr0 | CR0_CD | CR0_NW));
	MUST(takes(HV_REGISTER_CR0, cr0 ^ CR0_NE));
	MUST(takes(HV_REGISTER_CR0, cr0));
	child_destroy(&child);
}

/* MOV to CR0 that faults for its PDPTEs; then for EFER.LME without CR4.PAE. */
static void cr0_with_bad_pdptes(void)
{
	u64 *table;

	MUST(create_protected(mov_cr0_rax, sizeof(mov_cr0_rax)));
	MUST(child_set(&child, HV_REGISTER_CR0, CR0_BASE | CR0_CD));
	table = child_at(&child, PDPT);
	table[0] = PDPTE_BAD;
	MUST(refuses(CR0_BASE | CR0_PG));
	table[0] = DIRECTORY | 1;
	table[3] = BIT(62) | 1;
	MUST(refuses(CR0_BASE | CR0_PG));
	table[3] = PDPTE_BAD & ~1ull; /* not present: no bit is reserved */
	MUST(takes(HV_REGISTER_CR0, CR0_BASE | CR0_PG));
	/* In use: CD reads them again. */
	table[3] = PDPTE_BAD;
	MUST(refuses(CR0_BASE | CR0_PG | CR0_CD));
	/* Without paging nobody does. */
	MUST(takes(HV_REGISTER_CR0, CR0_BASE | CR0_CD));
	MUST(child_set(&child, HV_REGISTER_CR4, 0) &&
	     child_set(&child, HV_REGISTER_EFER, EFER_LME));
	MUST(refuses(CR0_BASE | CR0_PG));
	child_destroy(&child);
}

/* Where they are is no memory: the parent's, and nothing has happened yet. */
static void cr0_with_pdptes_in_a_hole(void)
{
	u64 done, page;

	MUST(create_protected(mov_cr0_rax, sizeof(mov_cr0_rax)));
	MUST(child_set(&child, HV_REGISTER_CR3, HOLE) &&
	     child_set(&child, HV_REGISTER_CR0, CR0_BASE | CR0_CD));
	MUST(begin(CR0_BASE | CR0_PG));
	MUST(child_run_to(&child, HV_MESSAGE_UNMAPPED_GPA));
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_CR0), CR0_BASE | CR0_CD);
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_RIP), CHILD_CODE);
	page = page_run(1);
	*(u64 *)page = DIRECTORY | 1;
	EXPECT_SUCCESS(memory_map(child.id, HOLE >> PAGE_SHIFT,
	                          page >> PAGE_SHIFT, 1, CHILD_RWX, &done));
	MUST(takes(HV_REGISTER_CR0, CR0_BASE | CR0_PG));
	child_destroy(&child);
	page_run_free(page, 1);
}

/* Paging, EFER.LMA and a bit of ours, all in one MOV. */
static void cr0_into_long_mode(void)
{
	u64 top = (PAGES - CHILD_TABLES) * PAGE_SIZE;

	MUST(create(mov_cr0_rax, sizeof(mov_cr0_rax)));
	MUST(child_set_long(&child, CHILD_CODE, STACK)); /* its tables */
	MUST(child_set(&child, HV_REGISTER_EFER, EFER_LME));
	MUST(child_set_protected(&child, CHILD_CODE));
	MUST(child_set(&child, HV_REGISTER_CR0, CR0_BASE & ~CR0_NE) &&
	     child_set(&child, HV_REGISTER_CR4, CR4_PAE));
	MUST(EXPECT_EQUAL(child_get(&child, HV_REGISTER_CR3), top));
	MUST(takes(HV_REGISTER_CR0, CR0_BASE | CR0_PG));
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_EFER), EFER_LME | EFER_LMA);
	/* And back, from compatibility mode. */
	MUST(takes(HV_REGISTER_CR0, CR0_BASE & ~CR0_NE));
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_EFER), EFER_LME);
	child_destroy(&child);
}

/* ---- XSETBV ---- */

static bool has_xsave(void)
{
	return cpu_cpuid(1).ecx & BIT(26);
}

static bool refuses_xcr0(u64 value)
{
	return child_set(&child, HV_REGISTER_RDX, value >> 32) &&
	       refuses((u32)value) &&
	       EXPECT_EQUAL(child_get(&child, HV_REGISTER_XFEM), 3);
}

static void xsetbv_values(void)
{
	if (!has_xsave()) {
		test_skip("no XSAVE");
		return;
	}
	MUST(create_long(xsetbv, sizeof(xsetbv)));
	MUST(child_set(&child, HV_REGISTER_CR4,
	               child_get(&child, HV_REGISTER_CR4) | CR4_OSXSAVE));
	MUST(child_set(&child, HV_REGISTER_RCX, 0));
	MUST(child_set(&child, HV_REGISTER_RDX, 0));
	MUST(takes(HV_REGISTER_XFEM, 3));
	MUST(refuses_xcr0(0));    /* x87 is always there */
	MUST(refuses_xcr0(5));    /* AVX without SSE */
	MUST(refuses_xcr0(0x1b)); /* MPX */
	MUST(refuses_xcr0(0x27)); /* a third of AVX-512 */
	MUST(refuses_xcr0(3 | BIT(62)));
	MUST(child_set(&child, HV_REGISTER_RCX, 1));
	MUST(refuses_xcr0(1)); /* there is only XCR0 */
	child_destroy(&child);
}

/* At CPL 3 no value is taken; IOPL would let the OUT behind it through. */
static void xsetbv_of_a_user(void)
{
	if (!has_xsave()) {
		test_skip("no XSAVE");
		return;
	}
	MUST(create_protected(xsetbv, sizeof(xsetbv)));
	MUST(child_set(&child, HV_REGISTER_CR4, CR4_OSXSAVE) &&
	     child_set(&child, HV_REGISTER_XFEM, 3) &&
	     child_set(&child, HV_REGISTER_RFLAGS, 0x3002) &&
	     child_set(&child, HV_REGISTER_RCX, 0));
	MUST(child_set_segment(&child, HV_REGISTER_CS, 0, 0xffffffff, 0x1b,
	                       0xc0fb) &&
	     child_set_segment(&child, HV_REGISTER_SS, 0, 0xffffffff, 0x23,
	                       0xc0f3));
	MUST(refuses_xcr0(1));
	MUST(refuses_xcr0(3));
	child_destroy(&child);
}

/* ---- MSRs ---- */

/* sysenter=0, kernel_gs=0: what is below takes any address there. */
static bool sysenter, kernel_gs;

/* Each value is one that this register cannot have. */
static const struct {
	u32 msr;
	u32 name;
	u64 value;
} bad_msrs[] = {
	{ 0x1b, HV_REGISTER_APIC_BASE, 0xfee00500 }, /* x2APIC, off */
	{ 0x1b, HV_REGISTER_APIC_BASE, BIT(62) | 0xfee00d00 },
	{ 0x1b, HV_REGISTER_APIC_BASE, 0xfee00900 }, /* out of x2APIC */
	{ MSR_IA32_SYSENTER_ESP, HV_REGISTER_SYSENTER_RSP, BIT(62) },
	{ MSR_IA32_SYSENTER_EIP, HV_REGISTER_SYSENTER_RIP, BIT(48) },
	{ 0x1d9, HV_REGISTER_DEBUG_CTL, BIT(13) },
	{ 0x200, HV_REGISTER_MTRR_PHYS_BASE0, 0x2 }, /* no such type */
	{ 0x201, HV_REGISTER_MTRR_PHYS_MASK0, BIT(10) },
	{ 0x250, HV_REGISTER_MTRR_FIX64K_00000, 0x0200000000000000 },
	{ 0x277, HV_REGISTER_PAT, 0x0007040600070402 },
	{ 0x2ff, HV_REGISTER_MTRR_DEF_TYPE, 0x803 },
	{ 0xc0000080, HV_REGISTER_EFER, 0x502 },
	{ 0xc0000080, HV_REGISTER_EFER, 0x001 }, /* LME, with paging */
	{ 0xc0000082, HV_REGISTER_LSTAR, BIT(47) },
	{ MSR_IA32_KERNEL_GS_BASE, HV_REGISTER_KERNEL_GS_BASE, BIT(63) },
	{ 0x808, HV_REGISTER_APIC_FIRST + 0x08, 0x100 }, /* TPR */
	{ 0x80f, HV_REGISTER_APIC_FIRST + 0x0f, 0x1000 },
	{ 0x830, HV_REGISTER_APIC_FIRST + 0x30, 0x3000 },
	{ 0x832, HV_REGISTER_APIC_FIRST + 0x32, BIT(32) | 0x10040 },
	{ 0x837, HV_REGISTER_APIC_FIRST + 0x37, 0x800 },
	{ 0x83e, HV_REGISTER_APIC_FIRST + 0x3e, 4 },
	{ 0x40000001, HV_REGISTER_HYPERCALL, BIT(60) | 1 },
	{ 0x40000083, HV_REGISTER_SIMP, BIT(60) | 1 },
	{ 0x40000091, HV_REGISTER_SINT0 + 1, 0x0f }, /* a vector below 16 */
	{ 0x400000b0, HV_REGISTER_STIMER0_CONFIG, BIT(4) | BIT(62) },
};

static bool is_left_out(u32 msr)
{
	if (msr == MSR_IA32_KERNEL_GS_BASE)
		return !kernel_gs;
	return !sysenter &&
	       (msr == MSR_IA32_SYSENTER_ESP || msr == MSR_IA32_SYSENTER_EIP);
}

static void msrs(void)
{
	u64 before;

	MUST(create_long(wrmsr, sizeof(wrmsr)));
	MUST(child_set(&child, HV_REGISTER_APIC_BASE, 0xfee00d00));
	for (u32 i = 0; i < ARRAY_LEN(bad_msrs); i++) {
		if (is_left_out(bad_msrs[i].msr))
			continue;
		before = child_get(&child, bad_msrs[i].name);
		MUST(child_set(&child, HV_REGISTER_RCX, bad_msrs[i].msr) &&
		     child_set(&child, HV_REGISTER_RDX,
		               bad_msrs[i].value >> 32));
		MUST(refuses((u32)bad_msrs[i].value));
		test_context("MSR", bad_msrs[i].msr);
		EXPECT_EQUAL(child_get(&child, bad_msrs[i].name), before);
	}
	child_destroy(&child);
}

static const struct test_case cases[] = {
	{ "cr4 in long mode", cr4_in_long_mode },
	{ "cr4 outside long mode", cr4_outside_long_mode },
	{ "cr4 with bad pdptes", cr4_with_bad_pdptes },
	{ "cr0 in long mode", cr0_in_long_mode },
	{ "cr0 with bad pdptes", cr0_with_bad_pdptes },
	{ "cr0 with pdptes in a hole", cr0_with_pdptes_in_a_hole },
	{ "cr0 into long mode and back", cr0_into_long_mode },
	{ "values that xsetbv does not take", xsetbv_values },
	{ "xsetbv at cpl 3", xsetbv_of_a_user },
	{ "values that msrs do not take", msrs },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	sysenter = arguments_number(image, table, "sysenter", 1);
	kernel_gs = arguments_number(image, table, "kernel_gs", 1);
	return test_run(image, table, "refused", cases, ARRAY_LEN(cases));
}
