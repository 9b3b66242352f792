/*
 * What the root finds: CPUID leaves, synthetic MSRs, the hypercall page.
 */
#include "include/x86_msr.h"
#include "parent/hvcall.h"
#include "parent/partition.h"
#include "parent/uefi/hvpage.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/processors.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/trap.h"
#include "tests/guest/lib/vendor.h"

#define CPU_MANAGEMENT BIT(44)
#define OS_ID 0x8100000000000123ull
#define PATTERN 0x5aa5c33c12345678ull
#define FILL 0xccccccccccccccccull

/* ---- CPUID ---- */

static void vendor_and_interface(void)
{
	struct cpu_id r = cpu_cpuid(HV_CPUID_VENDOR_AND_MAX);

	EXPECT(r.eax >= HV_CPUID_HARDWARE && r.eax <= 0x4000ffff);
	EXPECT_EQUAL(r.ebx, HV_CPUID_VENDOR_EBX);
	EXPECT_EQUAL(r.ecx, HV_CPUID_VENDOR_ECX);
	EXPECT_EQUAL(r.edx, HV_CPUID_VENDOR_EDX);
	r = cpu_cpuid(HV_CPUID_INTERFACE);
	EXPECT_EQUAL(r.eax, HV_CPUID_INTERFACE_HV1);
	EXPECT_EQUAL(r.ebx | r.ecx | r.edx, 0);
	EXPECT(hvpage_version() != 0);
}

static bool has_invariant_tsc(void)
{
	return cpu_cpuid(CPUID_EXTENDED).eax >= CPUID_POWER &&
	       (cpu_cpuid(CPUID_POWER).edx & CPUID_POWER_EDX_INVARIANT_TSC);
}

/* What a Linux in the root goes by. */
static void privileges(void)
{
	struct cpu_id r = cpu_cpuid(HV_CPUID_FEATURES);
	u64 mask = (u64)r.ebx << 32 | r.eax;
	u64 want = HV_PRIVILEGE_ACCESS_REFERENCE_COUNTER |
	           HV_PRIVILEGE_ACCESS_SYNIC_MSRS |
	           HV_PRIVILEGE_ACCESS_HYPERCALL_MSRS |
	           HV_PRIVILEGE_ACCESS_VP_INDEX |
	           HV_PRIVILEGE_ACCESS_REFERENCE_TSC |
	           HV_PRIVILEGE_CREATE_PARTITIONS |
	           HV_PRIVILEGE_ACCESS_MEMORY_POOL;
	u64 never = HV_PRIVILEGE_ACCESS_PARTITION_ID |
	            HV_PRIVILEGE_ACCESS_FREQUENCY_MSRS |
	            HV_PRIVILEGE_ACCESS_SYNTHETIC_TIMER_MSRS |
	            HV_PRIVILEGE_ACCESS_APIC_MSRS | CPU_MANAGEMENT;

	EXPECT_EQUAL(mask & want, want);
	EXPECT_EQUAL(mask & never, 0);
	EXPECT_EQUAL(!(mask & HV_PRIVILEGE_ACCESS_TSC_INVARIANT),
	             !has_invariant_tsc());
	/* No frequency MSRs, no direct timers. */
	EXPECT_EQUAL(r.ecx | r.edx, 0);
}

static void other_leaves(void)
{
	struct cpu_id r = cpu_cpuid(HV_CPUID_RECOMMENDATIONS);
	u32 last = cpu_cpuid(HV_CPUID_VENDOR_AND_MAX).eax;

	EXPECT_EQUAL(r.eax,
	             HV_RECOMMEND_RELAXED_TIMING | HV_RECOMMEND_NO_AUTO_EOI);
	EXPECT_EQUAL(r.ebx, 0xffffffff); /* never notify of spinning */
	EXPECT(cpu_cpuid(HV_CPUID_LIMITS).eax >= 1);
	EXPECT(cpu_cpuid(HV_CPUID_HARDWARE).eax & BIT(3)); /* SLAT */
	for (u32 leaf = last + 1; leaf < last + 16; leaf++) {
		r = cpu_cpuid(leaf);
		EXPECT_EQUAL(r.eax | r.ebx | r.ecx | r.edx, 0);
	}
}

/* As where the firmware has switched SVM off, and locked that. */
static void svm_is_hidden(void)
{
	struct cpu_id r = cpu_cpuid(0x80000001);
	u64 efer = cpu_read_msr(MSR_IA32_EFER), value;

	EXPECT(!(r.ecx & CPUID_80000001_ECX_SVM));
	r = cpu_cpuid(CPUID_SVM);
	EXPECT_EQUAL(r.eax | r.ebx | r.ecx | r.edx, 0);
	EXPECT(!(efer & EFER_SVME));
	EXPECT_EQUAL(trap_write_msr(MSR_IA32_EFER, efer | EFER_SVME),
	             VECTOR_GP);
	EXPECT_EQUAL(trap_read_msr(MSR_VM_CR, &value), TRAP_NONE);
	EXPECT_EQUAL(value, VM_CR_LOCK | VM_CR_SVMDIS);
	EXPECT_EQUAL(trap_write_msr(MSR_VM_CR, 0), VECTOR_GP);
	EXPECT_EQUAL(trap_read_msr(MSR_VM_HSAVE_PA, &value), VECTOR_GP);
	EXPECT_EQUAL(trap_write_msr(MSR_VM_HSAVE_PA, 0), VECTOR_GP);
}

static void vmx_is_hidden(void)
{
	u64 value;
	u32 ecx = cpu_cpuid(1).ecx;

	EXPECT(ecx & CPUID_1_ECX_HYPERVISOR);
	if (vendor_is_svm()) {
		svm_is_hidden();
		return;
	}
	EXPECT(!(ecx & CPUID_1_ECX_VMX));
	EXPECT(!(insn_read_cr4() & CR4_VMXE));
	EXPECT_EQUAL(trap_write_cr4(insn_read_cr4() | CR4_VMXE), VECTOR_GP);
	EXPECT(!(insn_read_cr4() & CR4_VMXE));
	/* As where the firmware has locked it off. */
	EXPECT_EQUAL(trap_read_msr(MSR_IA32_FEATURE_CONTROL, &value),
	             TRAP_NONE);
	EXPECT_EQUAL(value, 1);
	EXPECT_EQUAL(trap_write_msr(MSR_IA32_FEATURE_CONTROL, 5), VECTOR_GP);
	for (u32 msr = MSR_IA32_VMX_BASIC; msr <= MSR_IA32_VMX_VMFUNC; msr++) {
		test_context("msr", msr);
		EXPECT_EQUAL(trap_read_msr(msr, &value), VECTOR_GP);
		EXPECT_EQUAL(trap_write_msr(msr, 0), VECTOR_GP);
	}
}

/* ---- Synthetic MSRs ---- */

static void vp_index(void)
{
	u64 value = 1;

	EXPECT_EQUAL(trap_read_msr(HV_MSR_VP_INDEX, &value), TRAP_NONE);
	EXPECT_EQUAL(value, 0);
	EXPECT_EQUAL(trap_write_msr(HV_MSR_VP_INDEX, 0), VECTOR_GP);
}

static void reference_counter(void)
{
	u64 first = cpu_read_msr(HV_MSR_TIME_REF_COUNT), second;
	u64 begin = cpu_read_tsc();

	while (cpu_read_tsc() - begin < 1000000)
		insn_pause();
	second = cpu_read_msr(HV_MSR_TIME_REF_COUNT);
	EXPECT(second > first);
	EXPECT_EQUAL(trap_write_msr(HV_MSR_TIME_REF_COUNT, 0), VECTOR_GP);
	EXPECT(cpu_read_msr(HV_MSR_TIME_REF_COUNT) >= second);
}

static void runtime(void)
{
	u64 first = cpu_read_msr(HV_MSR_VP_RUNTIME);
	u64 begin = cpu_read_tsc();

	while (cpu_read_tsc() - begin < 1000000)
		insn_pause();
	EXPECT(cpu_read_msr(HV_MSR_VP_RUNTIME) > first);
	EXPECT_EQUAL(trap_write_msr(HV_MSR_VP_RUNTIME, 0), VECTOR_GP);
}

/* By the page, as a reader computes it; the counter before and after. */
static bool page_agrees(const volatile struct hv_reference_tsc_page *page)
{
	u64 before = cpu_read_msr(HV_MSR_TIME_REF_COUNT), time, after;

	time = (u64)((unsigned __int128)cpu_read_tsc() * page->scale >> 64) +
	       page->offset;
	after = cpu_read_msr(HV_MSR_TIME_REF_COUNT);
	/* Both are rounded down, once and twice. */
	return EXPECT(time + 1 >= before) && EXPECT(time <= after + 1);
}

/* A clock without exits; it follows the root's TSC when that is written. */
static void reference_page(void)
{
	u64 at = page_run(1), value = 1, tsc;
	const volatile struct hv_reference_tsc_page *page =
		(const volatile struct hv_reference_tsc_page *)at;
	u32 sequence;

	MUST(EXPECT(at));
	EXPECT_EQUAL(trap_read_msr(HV_MSR_REFERENCE_TSC, &value), TRAP_NONE);
	EXPECT_EQUAL(value, 0);
	EXPECT_EQUAL(trap_write_msr(HV_MSR_REFERENCE_TSC, at | 1), TRAP_NONE);
	sequence = page->sequence;
	EXPECT(sequence != 0 && page->scale != 0);
	for (u32 i = 0; i < 100; i++)
		MUST(page_agrees(page));
	tsc = cpu_read_tsc();
	cpu_write_msr(MSR_IA32_TSC, tsc + BIT(40));
	EXPECT(page->sequence != sequence);
	/* One page for all processors: it says so where their TSCs do not agree. */
	EXPECT_EQUAL(page->sequence == 0, processors_count() > 1);
	if (page->sequence)
		page_agrees(page);
	/* As it was, but for the ticks in between. */
	cpu_write_msr(MSR_IA32_TSC, cpu_read_tsc() - BIT(40));
	if (page->sequence)
		page_agrees(page);
	EXPECT_EQUAL(trap_write(at, 0) != TRAP_NONE, true);
	cpu_write_msr(HV_MSR_REFERENCE_TSC, 0);
	page_run_free(at, 1);
}

/* Kept, and without effect: the root has the processor's CPUID in any case. */
static void invariant_tsc(void)
{
	bool has = has_invariant_tsc();
	u64 value = 2;

	EXPECT_EQUAL(trap_read_msr(HV_MSR_TSC_INVARIANT_CONTROL, &value),
	             has ? TRAP_NONE : VECTOR_GP);
	EXPECT_EQUAL(trap_write_msr(HV_MSR_TSC_INVARIANT_CONTROL, 1),
	             has ? TRAP_NONE : VECTOR_GP);
	EXPECT_EQUAL(trap_write_msr(HV_MSR_TSC_INVARIANT_CONTROL, 2),
	             VECTOR_GP);
	if (!has)
		return;
	EXPECT_EQUAL(value, 0);
	EXPECT_EQUAL(cpu_read_msr(HV_MSR_TSC_INVARIANT_CONTROL), 1);
	cpu_write_msr(HV_MSR_TSC_INVARIANT_CONTROL, 0);
}

/* Linux writes it without asking. */
static void assist_page(void)
{
	u64 value = 1;

	EXPECT_EQUAL(trap_write_msr(HV_MSR_VP_ASSIST_PAGE, 0x5001), TRAP_NONE);
	EXPECT_EQUAL(trap_read_msr(HV_MSR_VP_ASSIST_PAGE, &value), TRAP_NONE);
	EXPECT_EQUAL(value, 0);
}

static void msrs_that_are_not_there(void)
{
	static const u32 msrs[] = {
		0x40000003, 0x40000011, 0x40000022, 0x40000023, 0x40000024,
		0x40000070, 0x40000085, 0x4000008f, 0x400000a0, 0x400000b0,
		0x400000f0, 0x40000100, 0x40000119, 0x4fffffff,
	};
	u64 value;

	for (u32 i = 0; i < ARRAY_LEN(msrs); i++) {
		test_context("msr", msrs[i]);
		EXPECT_EQUAL(trap_read_msr(msrs[i], &value), VECTOR_GP);
		EXPECT_EQUAL(trap_write_msr(msrs[i], 0), VECTOR_GP);
	}
}

static void synic_msrs(void)
{
	u64 value;

	EXPECT_EQUAL(cpu_read_msr(HV_MSR_SVERSION), 1);
	EXPECT_EQUAL(trap_write_msr(HV_MSR_SVERSION, 1), VECTOR_GP);
	EXPECT_EQUAL(cpu_read_msr(HV_MSR_SCONTROL), 1);
	EXPECT_EQUAL(cpu_read_msr(HV_MSR_SIMP), test_sim_page() | 1);
	for (u32 i = 1; i < HV_SINT_COUNT; i++) {
		test_context("sint", i);
		EXPECT_EQUAL(cpu_read_msr(HV_MSR_SINT0 + i), HV_SINT_RESET);
		/* Vectors below 16 are the processor's. */
		EXPECT_EQUAL(trap_write_msr(HV_MSR_SINT0 + i, 15), VECTOR_GP);
		EXPECT_EQUAL(cpu_read_msr(HV_MSR_SINT0 + i), HV_SINT_RESET);
		value = HV_SINT_MASKED | HV_SINT_AUTO_EOI | 0x77;
		EXPECT_EQUAL(trap_write_msr(HV_MSR_SINT0 + i, value),
		             TRAP_NONE);
		EXPECT_EQUAL(cpu_read_msr(HV_MSR_SINT0 + i), value);
		cpu_write_msr(HV_MSR_SINT0 + i, HV_SINT_RESET);
	}
	EXPECT_EQUAL(trap_write_msr(HV_MSR_SIMP, ~0ull << 52 | 1), VECTOR_GP);
	EXPECT_EQUAL(cpu_read_msr(HV_MSR_SIMP), test_sim_page() | 1);
	EXPECT_EQUAL(trap_write_msr(HV_MSR_EOM, 0), TRAP_NONE);
}

/* SIM and SIEF pages cover ours, and give them back as they were. */
static void synic_pages(void)
{
	u64 page = page_run(1);
	volatile u64 *word = (volatile u64 *)page;

	MUST(EXPECT(page));
	*word = PATTERN;
	cpu_write_msr(HV_MSR_SIEFP, page | 1);
	EXPECT_EQUAL(*word, 0);
	*word = 1;
	EXPECT_EQUAL(*word, 1);
	/* Two overlays cannot lie on one page. */
	EXPECT_EQUAL(trap_write_msr(HV_MSR_SIMP, page | 1), VECTOR_GP);
	cpu_write_msr(HV_MSR_SIEFP, 0);
	EXPECT_EQUAL(*word, PATTERN);
	page_run_free(page, 1);
}

/* ---- The hypercall page ---- */

static void os_id_rules(void)
{
	u64 page = page_run(1);

	MUST(EXPECT(page));
	cpu_write_msr(HV_MSR_GUEST_OS_ID, 0);
	EXPECT_EQUAL(cpu_read_msr(HV_MSR_HYPERCALL), test_hypercall_page());
	/* Without an OS id it cannot be enabled, and that is no fault. */
	EXPECT_EQUAL(trap_write_msr(HV_MSR_HYPERCALL, page | 1), TRAP_NONE);
	EXPECT_EQUAL(cpu_read_msr(HV_MSR_HYPERCALL), page);
	cpu_write_msr(HV_MSR_GUEST_OS_ID, OS_ID);
	EXPECT_EQUAL(cpu_read_msr(HV_MSR_GUEST_OS_ID), OS_ID);
	EXPECT_EQUAL(cpu_read_msr(HV_MSR_HYPERCALL), page);
	EXPECT_EQUAL(trap_write_msr(HV_MSR_HYPERCALL, page | 1), TRAP_NONE);
	EXPECT_EQUAL(cpu_read_msr(HV_MSR_HYPERCALL), page | 1);
	/* The other way round: no OS id, no page. */
	cpu_write_msr(HV_MSR_GUEST_OS_ID, 0);
	EXPECT_EQUAL(cpu_read_msr(HV_MSR_HYPERCALL), page);
	EXPECT_EQUAL(*(u64 *)page, 0);
	EXPECT(test_connect());
	page_run_free(page, 1);
}

static void hypercall_msr_values(void)
{
	u64 good = cpu_read_msr(HV_MSR_HYPERCALL);

	EXPECT_EQUAL(good, test_hypercall_page() | 1);
	for (u32 bit = 2; bit < PAGE_SHIFT; bit++)
		EXPECT_EQUAL(trap_write_msr(HV_MSR_HYPERCALL, good | BIT(bit)),
		             VECTOR_GP);
	EXPECT_EQUAL(trap_write_msr(HV_MSR_HYPERCALL, ~0ull << 52 | 1),
	             VECTOR_GP);
	/* The SIM page is an overlay already. */
	EXPECT_EQUAL(trap_write_msr(HV_MSR_HYPERCALL, test_sim_page() | 1),
	             VECTOR_GP);
	EXPECT_EQUAL(cpu_read_msr(HV_MSR_HYPERCALL), good);
}

static void page_is_an_overlay(void)
{
	u64 page = page_run(2), *words = (u64 *)page;
	u32 fault;

	MUST(EXPECT(page));
	for (u32 i = 0; i < 2 * PAGE_SIZE / sizeof(u64); i++)
		words[i] = PATTERN + i;
	cpu_write_msr(HV_MSR_HYPERCALL, page | 1);
	/* VMCALL, RET, and nothing that could run on. */
	EXPECT_EQUAL(((volatile u64 *)words)[0], 0xccccccccc3c1010f);
	for (u32 i = 1; i < PAGE_SIZE / sizeof(u64); i++)
		EXPECT_EQUAL(((volatile u64 *)words)[i], FILL);
	EXPECT_EQUAL(words[512], PATTERN + 512);
	fault = trap_write(page, 0);
	EXPECT(fault == VECTOR_GP || fault == VECTOR_MC);
	EXPECT_EQUAL(((volatile u64 *)words)[0], 0xccccccccc3c1010f);
	/* It can move, and what it covered is as it was. */
	cpu_write_msr(HV_MSR_HYPERCALL, (page + PAGE_SIZE) | 1);
	for (u32 i = 0; i < PAGE_SIZE / sizeof(u64); i++)
		EXPECT_EQUAL(((volatile u64 *)words)[i], PATTERN + i);
	cpu_write_msr(HV_MSR_HYPERCALL, 0);
	EXPECT_EQUAL(((volatile u64 *)words)[512], PATTERN + 512);
	EXPECT(test_connect());
	page_run_free(page, 2);
}

static u64 bare_vmcall(u64 control)
{
	u64 result;

	__asm__ volatile("xor %%r8d, %%r8d; vmcall"
	                 : "=a"(result)
	                 : "c"(control), "d"(0)
	                 : "r8", "memory", "cc");
	return result;
}

/* The page is a convenience: VMCALL itself is the call. */
static void vmcall_without_the_page(void)
{
	u64 id = 0;

	MUST(EXPECT_SUCCESS(partition_get_id(&id)));
	EXPECT_EQUAL(id, STASIS_ROOT_ID);
	EXPECT_EQUAL(bare_vmcall(0x3f), HV_STATUS_INVALID_HYPERCALL_CODE);
	cpu_write_msr(HV_MSR_HYPERCALL, 0);
	EXPECT_EQUAL(bare_vmcall(0x3f), HV_STATUS_INVALID_HYPERCALL_CODE);
	EXPECT(test_connect());
}

/* A call changes RAX, and RCX of a rep call: nothing else (section 9). */
static void registers_are_kept(void)
{
	u64 before[6] = { 0x3f, 0x11, 0x22, 0x33, 0x44, 0x55 }, after[6];

	__asm__ volatile("movq 0(%[in]), %%rcx; movq 8(%[in]), %%rdx;"
	                 "movq 16(%[in]), %%r8; movq 24(%[in]), %%r9;"
	                 "movq 32(%[in]), %%r10; movq 40(%[in]), %%r11;"
	                 "movq %[in], %%xmm0; vmcall; movq %%xmm0, %%rax;"
	                 "movq %%rcx, 0(%[out]); movq %%rdx, 8(%[out]);"
	                 "movq %%r8, 16(%[out]); movq %%r9, 24(%[out]);"
	                 "movq %%r10, 32(%[out]); movq %%r11, 40(%[out]);"
	                 "subq %[in], %%rax; addq %%rax, 0(%[out])"
	                 :
	                 : [in] "r"(before), [out] "r"(after)
	                 : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11",
	                   "xmm0", "cc", "memory");
	for (u32 i = 0; i < ARRAY_LEN(before); i++)
		EXPECT_EQUAL(after[i], before[i]);
}

static const struct test_case cases[] = {
	{ "vendor and interface", vendor_and_interface },
	{ "privileges of the root", privileges },
	{ "the other leaves", other_leaves },
	{ "how guests run is hidden", vmx_is_hidden },
	{ "vp index", vp_index },
	{ "reference counter", reference_counter },
	{ "runtime", runtime },
	{ "reference tsc page", reference_page },
	{ "invariant tsc", invariant_tsc },
	{ "vp assist page", assist_page },
	{ "msrs that are not there", msrs_that_are_not_there },
	{ "synic msrs", synic_msrs },
	{ "synic pages", synic_pages },
	{ "os id and hypercall msr", os_id_rules },
	{ "values of the hypercall msr", hypercall_msr_values },
	{ "the hypercall page is an overlay", page_is_an_overlay },
	{ "vmcall without the page", vmcall_without_the_page },
	{ "a hypercall keeps registers", registers_are_kept },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	return test_run(image, table, "discovery", cases, ARRAY_LEN(cases));
}
