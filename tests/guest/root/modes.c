/*
 * A child in real mode, protected mode and long mode, each by its own way, and
 * what it finds there: default answers for all that nobody intercepts.
 */
#include "parent/partition.h"
#include "parent/vp.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/test.h"

#define PAGES 8
#define PORT 0x80   /* intercepted: the child reports here */
#define NOBODY 0x84 /* no intercept, no device */
/* x2APIC, TSC deadline: on every processor. */
#define EMULATED (BIT(21) | BIT(24))

static struct child child;

static bool create(void)
{
	return child_create(&child, PAGES) && child_intercept_out(&child, PORT);
}

/* The next report of the child is this value. */
static bool expect_report(u64 want)
{
	u64 got;

	return child_run_to_out(&child, PORT, &got) && EXPECT_EQUAL(got, want);
}

/* ---- Three modes ---- */

static void real_mode(void)
{
	static const u8 code[] = {
		MOV_AX16(0),   MOV_CX16(100), 0x01, 0xc8, /* add ax, cx */
		0xe2,          0xfc,                      /* loop to the add */
		OUT_EAX(PORT),       /* 16 bits here: 1 + 2 + ... + 100 */
		0x8c,          0xc8, /* mov ax, cs */
		OUT_EAX(PORT), HLT,
	};

	MUST(create());
	CHILD_PUT_CODE(&child, code);
	MUST(child_set_real(&child, CHILD_CODE));
	MUST(child_set(&child, HV_REGISTER_RAX, 0));
	MUST(expect_report(5050));
	MUST(expect_report(CHILD_CODE >> 4));
	child_destroy(&child);
}

static void reset_state(void)
{
	/* At the reset vector: the last 16 bytes below 4 GiB. */
	static const u8 code[] = { OUT_EAX(PORT), HLT };
	struct child top;
	u64 rax;

	MUST(child_create_bare(&top) && child_initialize(&top));
	MUST(child_add_memory(&top, 0xfffff000, 1));
	MUST(EXPECT_SUCCESS(vp_create(top.id, 0)));
	MUST(child_intercept_out(&top, PORT));
	child_put(&top, 0xfffffff0, code, sizeof(code));
	MUST(child_run_to_out(&top, PORT, &rax));
	EXPECT_EQUAL(rax, 0);
	EXPECT_EQUAL(child_get(&top, HV_REGISTER_CR0), 0x60000010);
	EXPECT_EQUAL(child_get(&top, HV_REGISTER_RFLAGS), 2);
	EXPECT_EQUAL(child_get(&top, HV_REGISTER_RIP), 0xfff2);
	child_destroy(&top);
}

static void protected_mode(void)
{
	/* clang-format off */
	static const u8 code[] = {
		MOV_EAX(0), MOV_ECX(100000),
		ADD_EAX_ECX, 0xe2, 0xfc, /* loop to the add */
		OUT_EAX(PORT),
		MOV_EAX(0xcafe1234), STORE_EAX_32(0x3000),
		XOR_EAX_EAX, LOAD_EAX_32(0x3000), OUT_EAX(PORT), HLT,
	};
	/* clang-format on */

	MUST(create());
	CHILD_PUT_CODE(&child, code);
	MUST(child_set_protected(&child, CHILD_CODE));
	MUST(expect_report(100000ull * 100001 / 2 & 0xffffffff));
	MUST(expect_report(0xcafe1234));
	EXPECT_EQUAL(*(u32 *)child_at(&child, 0x3000), 0xcafe1234);
	child_destroy(&child);
}

static void long_mode(void)
{
	/* clang-format off */
	static const u8 code[] = {
		0x48, 0xb8, LE32(0x89abcdef), LE32(0x01234567), /* mov rax */
		0x49, 0x89, 0xc7, /* mov r15, rax */
		0x4d, 0x0f, 0xaf, 0xff, /* imul r15, r15 */
		0x4c, 0x89, 0xf8, /* mov rax, r15 */
		OUT_EAX(PORT), HLT,
	};
	/* clang-format on */
	const u64 x = 0x0123456789abcdef;

	MUST(create());
	CHILD_PUT_CODE(&child, code);
	MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
	MUST(expect_report(x * x));
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_R8 + 7), x * x);
	child_destroy(&child);
}

/* From real mode to long mode by itself: tables are ours, the rest is its. */
static void by_its_own_way(void)
{
	/* clang-format off */
	static const u8 code[] = {
		OPSIZE, 0x0f, 0x01, 0x16, LE16(0x1100), /* lgdt [0x1100] */
		OPSIZE, 0x0f, 0x20, 0xe0,               /* mov eax, cr4 */
		OPSIZE, 0x0d, LE32(0x620),       /* or eax: PAE, SSE */
		0x0f, 0x22, 0xe0,                /* mov cr4, eax */
		MOV_EAX_IN_16((PAGES - CHILD_TABLES) * PAGE_SIZE),
		0x0f, 0x22, 0xd8,                /* mov cr3, eax */
		MOV_ECX_IN_16(0xc0000080), RDMSR,
		OPSIZE, 0x0d, LE32(0x100),       /* or eax: EFER.LME */
		WRMSR,
		MOV_EAX_IN_16(0x80000031),
		0x0f, 0x22, 0xc0,                /* mov cr0, eax */
		OPSIZE, 0xea, LE32(0x1200), LE16(8), /* jmp 8:0x1200 */
	};
	/* clang-format on */
	static const u8 code_64[] = {
		MOV_ECX(0xc0000080),
		RDMSR,
		OUT_EAX(PORT),
		HLT,
	};
	static const u64 gdt[] = { 0, 0x00209b0000000000, 0x00cf93000000ffff };
	static const u8 gdt_pointer[] = { LE16(sizeof(gdt) - 1), LE32(0x1180) };

	MUST(create());
	/* For the tables; then back to real mode. */
	MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
	MUST(child_set(&child, HV_REGISTER_EFER, 0));
	MUST(child_set_real(&child, CHILD_CODE));
	CHILD_PUT_CODE(&child, code);
	child_put(&child, 0x1100, gdt_pointer, sizeof(gdt_pointer));
	child_put(&child, 0x1180, gdt, sizeof(gdt));
	child_put(&child, 0x1200, code_64, sizeof(code_64));
	MUST(expect_report(0x500));
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_EFER), 0x500);
	child_destroy(&child);
}

/* ---- Default answers ---- */

static void ports_of_nobody(void)
{
	/* clang-format off */
	static const u8 code[] = {
		MOV_EAX(0x11223344), IN_AL(NOBODY), OUT_EAX(PORT),
		MOV_EAX(0x11223344), OPSIZE, IN_EAX(NOBODY), OUT_EAX(PORT),
		MOV_EAX(0x11223344), IN_EAX(NOBODY), OUT_EAX(PORT),
		MOV_EAX(0x55667788), OUT_EAX(NOBODY), OUT_AL(NOBODY),
		OUT_EAX(PORT), HLT,
	};
	/* clang-format on */

	MUST(create());
	CHILD_PUT_CODE(&child, code);
	MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
	MUST(expect_report(0x112233ff));
	MUST(expect_report(0x1122ffff));
	MUST(expect_report(0xffffffff));
	MUST(expect_report(0x55667788));
	child_destroy(&child);
}

static void cpuid_defaults(void)
{
	/* clang-format off */
	static const u8 code[] = {
		MOV_EAX(1), MOV_ECX(0), CPUID, MOV_EAX_ECX, OUT_EAX(PORT),
		MOV_EAX(HV_CPUID_INTERFACE), CPUID, OUT_EAX(PORT),
		MOV_EAX(HV_CPUID_FEATURES), CPUID, MOV_EAX_EBX, OUT_EAX(PORT),
		MOV_EAX(0), CPUID, OUT_EAX(PORT), HLT,
	};
	/* clang-format on */
	u64 ecx, max;

	MUST(create());
	CHILD_PUT_CODE(&child, code);
	MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
	MUST(child_run_to_out(&child, PORT, &ecx));
	EXPECT(ecx & CPUID_1_ECX_HYPERVISOR);
	EXPECT(!(ecx & CPUID_1_ECX_VMX));
	EXPECT_EQUAL(ecx & EMULATED, EMULATED);
	EXPECT_EQUAL(ecx & ~(u64)cpu_cpuid(1).ecx & ~EMULATED, 0);
	MUST(expect_report(HV_CPUID_INTERFACE_HV1));
	/* No privilege of a parent: bits 63:32 of the mask. */
	MUST(expect_report(0));
	MUST(child_run_to_out(&child, PORT, &max));
	EXPECT_EQUAL(max, cpu_cpuid(0).eax);
	child_destroy(&child);
}

/*
 * In real mode a gate is four bytes: the child's own handler reports. The
 * faulting instruction's address is what IRET would go back to.
 */
static void unknown_msr_is_gp(void)
{
	static const u8 code[] = {
		MOV_ECX_IN_16(MSR_NOBODYS),
		RDMSR,
		OUT_EAX(PORT),
		HLT,
	};
	static const u8 handler[] = { MOV_AX16(0xbad), OUT_EAX(PORT), HLT };
	static const u8 gate[] = { LE16(0x1200), LE16(0) };

	MUST(create());
	CHILD_PUT_CODE(&child, code);
	child_put(&child, 0x1200, handler, sizeof(handler));
	child_put(&child, VECTOR_GP * 4, gate, sizeof(gate));
	MUST(child_set_real(&child, CHILD_CODE));
	MUST(expect_report(0xbad));
	EXPECT_EQUAL(*(u16 *)child_at(&child, CHILD_CODE - 6), 6);
	EXPECT_EQUAL(*(u16 *)child_at(&child, CHILD_CODE - 4), CHILD_CODE >> 4);
	child_destroy(&child);
}

/* A child's write to a synthetic MSR that it may not have. */
static void no_privilege_is_gp(void)
{
	static const u32 msrs[] = {
		HV_MSR_SCONTROL,      HV_MSR_SIMP,
		HV_MSR_SINT0,         HV_MSR_EOM,
		HV_MSR_VP_RUNTIME,    HV_MSR_TIME_REF_COUNT,
		HV_MSR_REFERENCE_TSC, HV_MSR_TSC_FREQUENCY,
		HV_MSR_VP_INDEX,      HV_MSR_GUEST_OS_ID,
		HV_MSR_EOI,           HV_MSR_STIMER0_CONFIG,
	};
	static const u8 code[] = { RDMSR, OUT_EAX(PORT), HLT };

	MUST(create());
	MUST(EXPECT_SUCCESS(partition_set_property(
		child.id, HV_PROPERTY_PRIVILEGE_FLAGS, 0)));
	CHILD_PUT_CODE(&child, code);
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION, VECTOR_GP,
	                     HV_INTERCEPT_ACCESS_EXECUTE));
	for (u32 i = 0; i < ARRAY_LEN(msrs); i++) {
		test_context("msr", msrs[i]);
		MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
		MUST(child_set(&child, HV_REGISTER_RCX, msrs[i]));
		MUST(child_run_to(&child, HV_MESSAGE_EXCEPTION_INTERCEPT));
		EXPECT_EQUAL(child_get(&child, HV_REGISTER_RIP), CHILD_CODE);
	}
	child_destroy(&child);
}

static void vp_index_and_time(void)
{
	/* clang-format off */
	static const u8 code[] = {
		MOV_ECX(HV_MSR_VP_INDEX), RDMSR, OUT_EAX(PORT),
		MOV_ECX(HV_MSR_TIME_REF_COUNT), RDMSR, OUT_EAX(PORT),
		RDMSR, OUT_EAX(PORT), HLT,
	};
	/* clang-format on */
	u64 first, second;

	MUST(create());
	CHILD_PUT_CODE(&child, code);
	MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
	MUST(expect_report(0));
	MUST(child_run_to_out(&child, PORT, &first));
	child_let_run(1000000);
	MUST(child_run_to_out(&child, PORT, &second));
	EXPECT(second > first);
	/* All its VPs suspended: its time stands still. */
	MUST(child_stop(&child));
	first = child_get(&child, HV_REGISTER_TIME_REF_COUNT);
	child_let_run(1000000);
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_TIME_REF_COUNT), first);
	child_destroy(&child);
}

/* ---- VMCALL where it is none ---- */

static void vmcall_in_real_mode(void)
{
	static const u8 code[] = { VMCALL, HLT };

	MUST(create());
	CHILD_PUT_CODE(&child, code);
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION, VECTOR_UD,
	                     HV_INTERCEPT_ACCESS_EXECUTE));
	MUST(child_set_real(&child, CHILD_CODE));
	MUST(child_run_to(&child, HV_MESSAGE_EXCEPTION_INTERCEPT));
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_RIP), 0);
	child_destroy(&child);
}

static void vmcall_at_cpl_3(void)
{
	static const u8 code[] = { VMCALL, HLT };

	MUST(create());
	CHILD_PUT_CODE(&child, code);
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION, VECTOR_UD,
	                     HV_INTERCEPT_ACCESS_EXECUTE));
	MUST(child_set_protected(&child, CHILD_CODE));
	MUST(child_set_segment(&child, HV_REGISTER_CS, 0, 0xffffffff, 0x1b,
	                       0xc0fb));
	MUST(child_set_segment(&child, HV_REGISTER_SS, 0, 0xffffffff, 0x23,
	                       0xc0f3));
	MUST(child_run_to(&child, HV_MESSAGE_EXCEPTION_INTERCEPT));
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_RIP), CHILD_CODE);
	child_destroy(&child);
}

/* 32-bit convention: control in EDX:EAX, input EBX:ECX, result EDX:EAX. */
static void vmcall_from_32_bits(void)
{
	/* clang-format off */
	static const u8 code[] = {
		MOV_EDX(0), MOV_EAX(0x7fff), MOV_EBX(0), MOV_ECX(0),
		MOV_EDI(0), MOV_ESI(0), VMCALL, OUT_EAX(PORT),
		MOV_EAX_EDX, OUT_EAX(PORT), HLT,
	};
	/* clang-format on */

	MUST(create());
	CHILD_PUT_CODE(&child, code);
	MUST(child_set_protected(&child, CHILD_CODE));
	MUST(expect_report(HV_STATUS_INVALID_HYPERCALL_CODE));
	MUST(expect_report(0));
	child_destroy(&child);
}

static void hypercall_of_a_child(void)
{
	/* GetPartitionId, then the same with a bad code. */
	/* clang-format off */
	static const u8 code[] = {
		MOV_ECX(HVCALL_GET_PARTITION_ID), MOV_EDX(0), MOV_R8D(0x3000),
		VMCALL, OUT_EAX(PORT),
		MOV_ECX(0x3f), VMCALL, OUT_EAX(PORT), HLT,
	};
	/* clang-format on */
	u64 privileges = 0;

	MUST(create());
	CHILD_PUT_CODE(&child, code);
	MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
	MUST(expect_report(HV_STATUS_ACCESS_DENIED));
	MUST(expect_report(HV_STATUS_INVALID_HYPERCALL_CODE));
	MUST(EXPECT_SUCCESS(partition_get_property(
		child.id, HV_PROPERTY_PRIVILEGE_FLAGS, &privileges)));
	MUST(EXPECT_SUCCESS(partition_set_property(
		child.id, HV_PROPERTY_PRIVILEGE_FLAGS,
		privileges | HV_PRIVILEGE_ACCESS_PARTITION_ID)));
	MUST(child_set(&child, HV_REGISTER_RIP, CHILD_CODE));
	MUST(expect_report(HV_STATUS_SUCCESS));
	EXPECT_EQUAL(*(u64 *)child_at(&child, 0x3000), child.id);
	child_destroy(&child);
}

/* The child sets its page up and calls through it (TLFS 3.13). */
static void hypercall_page_of_a_child(void)
{
	/* clang-format off */
	static const u8 code[] = {
		MOV_ECX(HV_MSR_HYPERCALL), MOV_EDX(0),
		MOV_EAX(0x3001), WRMSR, RDMSR, OUT_EAX(PORT), /* not enabled */
		MOV_ECX(HV_MSR_GUEST_OS_ID), MOV_EAX(7), WRMSR,
		MOV_ECX(HV_MSR_HYPERCALL), MOV_EAX(0x3001), WRMSR, RDMSR,
		OUT_EAX(PORT),
		MOV_ECX(0x3f), MOV_EAX(0x3000), CALL_RAX, OUT_EAX(PORT),
		LOAD_EAX(0x3000), OUT_EAX(PORT), STORE_EAX(0x3000), HLT,
	};
	/* clang-format on */

	MUST(create());
	CHILD_PUT_CODE(&child, code);
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION, VECTOR_GP,
	                     HV_INTERCEPT_ACCESS_EXECUTE));
	MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
	*(u32 *)child_at(&child, 0x3000) = 0x600df00d;
	MUST(expect_report(0x3000));
	MUST(expect_report(0x3001));
	MUST(expect_report(HV_STATUS_INVALID_HYPERCALL_CODE));
	MUST(expect_report(0xc3c1010f)); /* VMCALL, RET */
	/* It cannot be written to, and covers what lies under it. */
	MUST(child_run_to(&child, HV_MESSAGE_EXCEPTION_INTERCEPT));
	EXPECT_EQUAL(*(u32 *)child_at(&child, 0x3000), 0x600df00d);
	child_destroy(&child);
}

static const struct test_case cases[] = {
	{ "a child computes in real mode", real_mode },
	{ "a child begins in reset state", reset_state },
	{ "a child computes in protected mode", protected_mode },
	{ "a child computes in long mode", long_mode },
	{ "a child goes from real to long mode", by_its_own_way },
	{ "ports of nobody read ones", ports_of_nobody },
	{ "cpuid of a child", cpuid_defaults },
	{ "an unknown msr is a fault in the child", unknown_msr_is_gp },
	{ "an msr without privilege is a fault", no_privilege_is_gp },
	{ "vp index and reference time of a child", vp_index_and_time },
	{ "vmcall in real mode is undefined", vmcall_in_real_mode },
	{ "vmcall at cpl 3 is undefined", vmcall_at_cpl_3 },
	{ "vmcall by the 32 bit convention", vmcall_from_32_bits },
	{ "hypercalls of a child", hypercall_of_a_child },
	{ "hypercall page of a child", hypercall_page_of_a_child },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	return test_run(image, table, "modes", cases, ARRAY_LEN(cases));
}
