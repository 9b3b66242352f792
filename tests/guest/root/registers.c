/*
 * Every register that a parent may set: set, got back, seen by the child; and
 * all that must be refused.
 */
#include "parent/vp.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/vendor.h"

#define PAGES 8
#define PORT 0x80
#define LOW 0x0123456789abcdefull
#define HIGH 0xfedcba9876543210ull
#define CANONICAL 0xffff800012345678ull
#define NOT_CANONICAL 0x0001000000000000ull

static struct child child;

static enum hv_status set_128(u32 name, u64 low, u64 high)
{
	struct hv_register_assoc one = { .name = name };

	one.value.reg128[0] = low;
	one.value.reg128[1] = high;
	return vp_set_registers(child.id, 0, &one, 1, NULL);
}

static enum hv_status get_128(u32 name, u64 value[2])
{
	union hv_register_value v = { .reg128 = { 0x77, 0x77 } };
	enum hv_status status;

	status = vp_get_registers(child.id, 0, &name, 1, &v, NULL);
	value[0] = v.reg128[0];
	value[1] = v.reg128[1];
	return status;
}

static bool holds(u32 name, u64 low, u64 high)
{
	u64 value[2];

	return EXPECT_SUCCESS(get_128(name, value)) &&
	       EXPECT_EQUAL(value[0], low) && EXPECT_EQUAL(value[1], high);
}

static bool set_and_get(u32 name, u64 low, u64 high)
{
	return EXPECT_SUCCESS(set_128(name, low, high)) &&
	       holds(name, low, high);
}

/* Is refused, and leaves the register as it was. */
static bool refuses(u32 name, u64 low, u64 high)
{
	u64 before[2];

	return EXPECT_SUCCESS(get_128(name, before)) &&
	       EXPECT_STATUS(set_128(name, low, high),
	                     HV_STATUS_INVALID_PARAMETER) &&
	       holds(name, before[0], before[1]);
}

/* ---- Registers of 64 bits, with two values each ---- */

/* SYSRET of AMD's processors goes anywhere: the fault is there. */
static bool takes_any(u32 name)
{
	return name == HV_REGISTER_RIP && vendor_is_svm();
}

static const struct row {
	u32 name;
	u32 count;
	u64 first;
	u64 second;
	u64 bad; /* 0: none for the register alone */
} rows[] = {
	{ HV_REGISTER_RAX, 16, LOW, HIGH, 0 },
	{ HV_REGISTER_RIP, 1, CANONICAL, 0x1000, NOT_CANONICAL },
	{ HV_REGISTER_RFLAGS, 1, 0x202, 0x8d7, 0x200 },
	{ HV_REGISTER_RFLAGS, 1, 0x2, 0x203, 0x8002 },
	{ HV_REGISTER_CR0, 1, 0x80000031, 0x60000010, 0x80000030 },
	{ HV_REGISTER_CR0, 1, 0x11, 0x60000010, 0x20000010 },
	{ HV_REGISTER_CR0, 1, 0x31, 0x33, 0x100000031 },
	{ HV_REGISTER_CR2, 1, LOW, HIGH, 0 },
	{ HV_REGISTER_CR3, 1, 0x12345000, 0x1018, ~0ull },
	{ HV_REGISTER_CR4, 1, 0x620, 0x20, ~0ull },
	{ HV_REGISTER_CR4, 1, 0x620, 0x20, 0x2020 }, /* VMXE */
	{ HV_REGISTER_CR8, 1, 15, 3, 16 },
	{ HV_REGISTER_DR0, 4, LOW, HIGH, 0 },
	{ HV_REGISTER_DR6, 1, 0xffff0ff1, 0xffff4ff0, 0xffff1ff0 },
	{ HV_REGISTER_DR7, 1, 0x401, 0x555, 0x1 },
	{ HV_REGISTER_DR7, 1, 0x400, 0x402, 0x100000400 },
	{ HV_REGISTER_EFER, 1, 0x500, 0x101, 0x2 },
	{ HV_REGISTER_KERNEL_GS_BASE, 1, CANONICAL, 5, NOT_CANONICAL },
	{ HV_REGISTER_APIC_BASE, 1, 0xfee00900, 0xfed00800, 0xfee00801 },
	{ HV_REGISTER_PAT, 1, 0x0007040600070406, 0x0606060606060606, 2 },
	{ HV_REGISTER_SYSENTER_CS, 1, 8, 0xffffffff, 0x100000000 },
	{ HV_REGISTER_SYSENTER_RIP, 1, CANONICAL, 1, NOT_CANONICAL },
	{ HV_REGISTER_SYSENTER_RSP, 1, CANONICAL, 1, NOT_CANONICAL },
	{ HV_REGISTER_STAR, 1, LOW, HIGH, 0 },
	{ HV_REGISTER_LSTAR, 1, CANONICAL, 1, NOT_CANONICAL },
	{ HV_REGISTER_CSTAR, 1, CANONICAL, 1, NOT_CANONICAL },
	{ HV_REGISTER_SFMASK, 1, 0x47700, 0xffffffff, 0x100000000 },
	{ HV_REGISTER_MTRR_DEF_TYPE, 1, 0xc06, 0x800, 0x1000 },
	{ HV_REGISTER_MTRR_DEF_TYPE, 1, 0, 0xc00, 2 },
	{ HV_REGISTER_MTRR_PHYS_BASE0, 8, 0x12340006, 0x0, 0x100 },
	{ HV_REGISTER_MTRR_PHYS_MASK0, 8, 0xffff0800, 0x0, 0x1 },
	{ HV_REGISTER_MTRR_FIX64K_00000, 11, 0x0606060606060606, 0, 3 },
	{ HV_REGISTER_GUEST_OS_ID, 1, LOW, 0, 0 },
	{ HV_REGISTER_INTERNAL_ACTIVITY_STATE, 1, HV_ACTIVITY_HALT_SUSPEND,
	  HV_ACTIVITY_STARTUP_SUSPEND, 8 },
	{ HV_REGISTER_INTERNAL_ACTIVITY_STATE, 1, 3, 0,
	  HV_ACTIVITY_IDLE_SUSPEND },
	{ HV_REGISTER_INTERRUPT_STATE, 1, 1, 2, 4 },
	{ HV_REGISTER_INTERRUPT_STATE, 1, 3, 0, 8 },
	/* Interrupt 40H; #PF with its code; NMI; INT 80H. */
	{ HV_REGISTER_PENDING_INTERRUPTION, 1, 0x400001, 0x2000e0017, 0x8 },
	{ HV_REGISTER_PENDING_INTERRUPTION, 1, 0x20005, 0x800049, 0x30005 },
	{ HV_REGISTER_PENDING_INTERRUPTION, 1, 0x400001, 0, 0x400003 },
	{ HV_REGISTER_PENDING_INTERRUPTION, 1, 0x400001, 0, 0x200007 },
	{ HV_REGISTER_PENDING_INTERRUPTION, 1, 0x400001, 0, 0x60017 },
};

static void each_register(void)
{
	MUST(child_create(&child, PAGES));
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];

		for (u32 n = 0; n < r->count; n++) {
			test_context("register", r->name + n);
			MUST(set_and_get(r->name + n, r->first, 0));
			MUST(set_and_get(r->name + n, r->second, 0));
			MUST(refuses(r->name + n, r->first, 1));
			if (r->bad && !takes_any(r->name))
				MUST(refuses(r->name + n, r->bad, 0));
			MUST(holds(r->name + n, r->second, 0));
		}
	}
	child_destroy(&child);
}

/* Neighbours in a row do not share a place. */
static void all_at_once(void)
{
	struct hv_register_assoc set[16];
	union hv_register_value got[16];
	u32 names[16], done;

	MUST(child_create(&child, PAGES));
	for (u32 i = 0; i < 16; i++) {
		names[i] = HV_REGISTER_RAX + i;
		set[i] = (struct hv_register_assoc){ .name = names[i] };
		set[i].value.reg64 = LOW * (i + 1);
	}
	MUST(EXPECT_SUCCESS(vp_set_registers(child.id, 0, set, 16, &done)));
	EXPECT_EQUAL(done, 16);
	MUST(EXPECT_SUCCESS(
		vp_get_registers(child.id, 0, names, 16, got, &done)));
	EXPECT_EQUAL(done, 16);
	for (u32 i = 0; i < 16; i++)
		EXPECT_EQUAL(got[i].reg64, LOW * (i + 1));
	/* The first bad one ends the call; those before it are set. */
	for (u32 i = 0; i < 16; i++)
		set[i].value.reg64 = i;
	set[9].name = 0x7fffffff;
	EXPECT_STATUS(vp_set_registers(child.id, 0, set, 16, &done),
	              HV_STATUS_INVALID_PARAMETER);
	EXPECT_EQUAL(done, 9);
	MUST(EXPECT_SUCCESS(
		vp_get_registers(child.id, 0, names, 16, got, &done)));
	for (u32 i = 0; i < 16; i++)
		EXPECT_EQUAL(got[i].reg64, i < 9 ? i : LOW * (i + 1));
	child_destroy(&child);
}

static void segments(void)
{
	MUST(child_create(&child, PAGES));
	for (u32 i = 0; i < 8; i++) {
		u32 name = HV_REGISTER_ES + i;
		u64 high = 0xa0930008ffffffffull - (u64)i;

		test_context("register", name);
		MUST(set_and_get(name, CANONICAL + i, high));
		/* Bits 11:8 of the attributes are reserved. */
		MUST(refuses(name, 0, high | BIT(48 + 8)));
		MUST(refuses(name, 0, high | BIT(48 + 11)));
	}
	for (u32 name = HV_REGISTER_IDTR; name <= HV_REGISTER_GDTR; name++) {
		test_context("register", name);
		MUST(set_and_get(name, 0xffffull << 48, CANONICAL));
		MUST(set_and_get(name, 0x7full << 48, 0x1000));
		MUST(refuses(name, 1, 0x1000));
		MUST(refuses(name, 0x7full << 48, NOT_CANONICAL));
	}
	child_destroy(&child);
}

/* ---- Vector registers ---- */

#define FP_HIGH 0x7fff /* bits 79:64 of an 80-bit register */

static void vector_registers(void)
{
	bool avx = cpu_cpuid(1).ecx & CPUID_1_ECX_AVX;
	u64 value[2];

	MUST(child_create(&child, PAGES));
	for (u32 i = 0; i < 16; i++) {
		test_context("register", HV_REGISTER_XMM0 + i);
		MUST(set_and_get(HV_REGISTER_XMM0 + i, LOW * i, HIGH + i));
		MUST(holds(HV_REGISTER_YMM0_LOW + i, LOW * i, HIGH + i));
	}
	for (u32 i = 0; i < 8; i++) {
		test_context("register", HV_REGISTER_FP_MMX0 + i);
		MUST(set_and_get(HV_REGISTER_FP_MMX0 + i, LOW * i, FP_HIGH));
	}
	for (u32 i = 0; i < 16; i++) {
		u32 name = HV_REGISTER_YMM0_HIGH + i;

		test_context("register", name);
		if (avx) {
			MUST(set_and_get(name, HIGH * i, LOW + i));
			MUST(holds(HV_REGISTER_XMM0 + i, LOW * i, HIGH + i));
		} else {
			EXPECT_STATUS(get_128(name, value),
			              HV_STATUS_INVALID_PARAMETER);
			EXPECT_STATUS(set_128(name, 0, 0),
			              HV_STATUS_INVALID_PARAMETER);
		}
	}
	child_destroy(&child);
}

static void vector_control(void)
{
	u64 value[2];

	MUST(child_create(&child, PAGES));
	MUST(EXPECT_SUCCESS(get_128(HV_REGISTER_FP_CONTROL_STATUS, value)));
	EXPECT_EQUAL(value[0] & 0xffff, 0x37f);
	MUST(set_and_get(HV_REGISTER_FP_CONTROL_STATUS, 0x27f, 0x1000));
	MUST(EXPECT_SUCCESS(get_128(HV_REGISTER_XMM_CONTROL_STATUS, value)));
	EXPECT_EQUAL(value[1] & 0xffffffff, 0x1f80);
	EXPECT(value[1] >> 32 != 0); /* the mask is the processor's */
	MUST(EXPECT_SUCCESS(
		set_128(HV_REGISTER_XMM_CONTROL_STATUS, 0x55, 0x9fc0)));
	MUST(holds(HV_REGISTER_XMM_CONTROL_STATUS, 0x55,
	           (value[1] & ~0xffffffffull) | 0x9fc0));
	MUST(refuses(HV_REGISTER_XMM_CONTROL_STATUS, 0, 0x11f80));
	child_destroy(&child);
}

static void xfem(void)
{
	u32 ecx = cpu_cpuid(1).ecx;

	MUST(child_create(&child, PAGES));
	MUST(set_and_get(HV_REGISTER_XFEM, 1, 0));
	MUST(refuses(HV_REGISTER_XFEM, 0, 0));
	MUST(refuses(HV_REGISTER_XFEM, 5, 0)); /* AVX without SSE */
	MUST(refuses(HV_REGISTER_XFEM, BIT(62) | 1, 0));
	if (ecx & CPUID_1_ECX_XSAVE)
		MUST(set_and_get(HV_REGISTER_XFEM,
		                 ecx & CPUID_1_ECX_AVX ? 7 : 3, 0));
	else
		MUST(refuses(HV_REGISTER_XFEM, 3, 0));
	child_destroy(&child);
}

/* ---- Refused names ---- */

static void read_only_registers(void)
{
	static const u32 names[] = {
		HV_REGISTER_VP_INDEX,
		HV_REGISTER_TIME_REF_COUNT,
		HV_REGISTER_MTRR_CAP,
	};
	u64 value[2];

	MUST(child_create(&child, PAGES));
	for (u32 i = 0; i < ARRAY_LEN(names); i++) {
		test_context("register", names[i]);
		EXPECT_SUCCESS(get_128(names[i], value));
		EXPECT_STATUS(set_128(names[i], value[0], 0),
		              HV_STATUS_INVALID_PARAMETER);
		EXPECT_STATUS(set_128(names[i], 0, 0),
		              HV_STATUS_INVALID_PARAMETER);
	}
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_INITIAL_APIC_ID), 0);
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_VP_INDEX), 0);
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_TIME_REF_COUNT), 0);
	child_destroy(&child);
}

static void unknown_names(void)
{
	static const u32 names[] = {
		0x2,     0x3,      0x5,        0x10000,    0x10004, 0x20012,
		0x3001a, 0x40006,  0x50006,    0x60008,    0x70002, 0x80018,
		0x8006f, 0x80200,  0x90005,    0xa0015,    0xb0008, 0x90014,
		0xc0020, 0x848020, 0x7fffffff, 0xffffffff,
	};
	u64 value[2];

	MUST(child_create(&child, PAGES));
	for (u32 i = 0; i < ARRAY_LEN(names); i++) {
		test_context("register", names[i]);
		EXPECT_STATUS(get_128(names[i], value),
		              HV_STATUS_INVALID_PARAMETER);
		EXPECT_STATUS(set_128(names[i], 0, 0),
		              HV_STATUS_INVALID_PARAMETER);
	}
	child_destroy(&child);
}

/* The hypervisor sets InterceptSuspend, the parent only clears it. */
static void suspend_registers(void)
{
	static const u8 code[] = { OUT_EAX(PORT), JMP_BACK(2) };

	MUST(child_create(&child, PAGES) && child_intercept_out(&child, PORT));
	CHILD_PUT_CODE(&child, code);
	MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
	MUST(holds(HV_REGISTER_EXPLICIT_SUSPEND, 1, 0));
	MUST(refuses(HV_REGISTER_EXPLICIT_SUSPEND, 2, 0));
	MUST(refuses(HV_REGISTER_EXPLICIT_SUSPEND, 0, 1));
	MUST(holds(HV_REGISTER_INTERCEPT_SUSPEND, 0, 0));
	MUST(refuses(HV_REGISTER_INTERCEPT_SUSPEND, 1, 0));
	MUST(refuses(HV_REGISTER_INTERCEPT_SUSPEND, 2, 0));
	MUST(set_and_get(HV_REGISTER_INTERCEPT_SUSPEND, 0, 0));
	MUST(child_run_to(&child, HV_MESSAGE_IO_PORT_INTERCEPT));
	MUST(holds(HV_REGISTER_INTERCEPT_SUSPEND, 1, 0));
	MUST(holds(HV_REGISTER_EXPLICIT_SUSPEND, 0, 0));
	MUST(refuses(HV_REGISTER_INTERCEPT_SUSPEND, 3, 0));
	/* Stopped by both: it needs both cleared. */
	MUST(child_skip(&child) && child_stop(&child));
	MUST(set_and_get(HV_REGISTER_INTERCEPT_SUSPEND, 0, 0));
	EXPECT(!child_next_message(&child.message, 200000));
	MUST(set_and_get(HV_REGISTER_EXPLICIT_SUSPEND, 0, 0));
	MUST(child_wait(&child));
	child_destroy(&child);
}

/* ---- What the child sees ---- */

/* Registers go to memory from 3000H on, in the order that is checked below. */
/* clang-format off */
static const u8 dump[] = {
	STORE_RAX(0x3000),
	0x48, 0x89, 0x1c, 0x25, LE32(0x3008), /* mov [3008], rbx */
	0x48, 0x89, 0x34, 0x25, LE32(0x3010), /* rsi */
	0x48, 0x89, 0x2c, 0x25, LE32(0x3018), /* rbp */
	0x4c, 0x89, 0x3c, 0x25, LE32(0x3020), /* r15 */
	0x0f, 0x20, 0xd0, STORE_RAX(0x3028),  /* cr2 */
	0x0f, 0x20, 0xd8, STORE_RAX(0x3030),  /* cr3 */
	0x0f, 0x20, 0xe0, STORE_RAX(0x3038),  /* cr4 */
	0x44, 0x0f, 0x20, 0xc0, STORE_RAX(0x3040), /* cr8 */
	0x0f, 0x21, 0xd8, STORE_RAX(0x3048),  /* dr3 */
	0x0f, 0x11, 0x3c, 0x25, LE32(0x3050), /* movups [3050], xmm7 */
	0x0f, 0xae, 0x1c, 0x25, LE32(0x3060), /* stmxcsr [3060] */
	0xd9, 0x3c, 0x25, LE32(0x3068),       /* fnstcw [3068] */
	MOV_ECX(0xc0000082), RDMSR,           /* LSTAR */
	STORE_EAX(0x3070), STORE_EDX(0x3074),
	MOV_ECX(0x277), RDMSR,                /* PAT */
	STORE_EAX(0x3078), STORE_EDX(0x307c),
	MOV_ECX(0xc0000102), RDMSR,           /* KERNEL_GS_BASE */
	STORE_EAX(0x3080), STORE_EDX(0x3084),
	MOV_ECX(0x250), RDMSR,                /* MTRR_FIX64K_00000 */
	STORE_EAX(0x3088), STORE_EDX(0x308c),
	OUT_EAX(PORT), HLT,
};
/* clang-format on */

static void child_sees_them(void)
{
	const u64 *seen;
	u64 rax;

	MUST(child_create(&child, PAGES) && child_intercept_out(&child, PORT));
	CHILD_PUT_CODE(&child, dump);
	MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
	MUST(set_and_get(HV_REGISTER_RAX, LOW, 0));
	MUST(set_and_get(HV_REGISTER_RBX, LOW + 1, 0));
	MUST(set_and_get(HV_REGISTER_RSI, LOW + 2, 0));
	MUST(set_and_get(HV_REGISTER_RBP, LOW + 3, 0));
	MUST(set_and_get(HV_REGISTER_R15, LOW + 4, 0));
	MUST(set_and_get(HV_REGISTER_CR2, HIGH, 0));
	MUST(set_and_get(HV_REGISTER_CR8, 9, 0));
	MUST(set_and_get(HV_REGISTER_DR0 + 3, LOW + 5, 0));
	MUST(set_and_get(HV_REGISTER_XMM0 + 7, LOW, HIGH));
	MUST(EXPECT_SUCCESS(
		set_128(HV_REGISTER_XMM_CONTROL_STATUS, 0, 0x3f80)));
	MUST(set_and_get(HV_REGISTER_FP_CONTROL_STATUS, 0x67f, 0));
	MUST(set_and_get(HV_REGISTER_LSTAR, CANONICAL, 0));
	MUST(set_and_get(HV_REGISTER_PAT, 0x0606060606060606, 0));
	MUST(set_and_get(HV_REGISTER_KERNEL_GS_BASE, CANONICAL + 8, 0));
	MUST(set_and_get(HV_REGISTER_MTRR_FIX64K_00000, 0x0101010101010101, 0));
	MUST(child_run_to_out(&child, PORT, &rax));
	seen = child_at(&child, 0x3000);
	for (u32 i = 0; i < 5; i++)
		EXPECT_EQUAL(seen[i], LOW + i);
	EXPECT_EQUAL(seen[5], HIGH);
	EXPECT_EQUAL(seen[6], (PAGES - CHILD_TABLES) * PAGE_SIZE);
	EXPECT_EQUAL(seen[7], 0x620);
	EXPECT_EQUAL(seen[8], 9);
	EXPECT_EQUAL(seen[9], LOW + 5);
	EXPECT_EQUAL(seen[10], LOW);
	EXPECT_EQUAL(seen[11], HIGH);
	EXPECT_EQUAL(seen[12], 0x3f80);
	EXPECT_EQUAL(seen[13], 0x67f);
	EXPECT_EQUAL(seen[14], CANONICAL);
	EXPECT_EQUAL(seen[15], 0x0606060606060606);
	EXPECT_EQUAL(seen[16], CANONICAL + 8);
	EXPECT_EQUAL(seen[17], 0x0101010101010101);
	child_destroy(&child);
}

/* The other way: what the child sets, and its TSC that goes on from ours. */
static void parent_sees_them(void)
{
	/* clang-format off */
	static const u8 code[] = {
		MOV_EAX(0x1111),
		0x0f, 0x22, 0xd0,              /* mov cr2, rax */
		0x0f, 0x23, 0xc0,              /* mov dr0, rax */
		MOV_EAX(5), 0x44, 0x0f, 0x22, 0xc0, /* mov cr8, rax */
		MOV_ECX(0xc0000081), MOV_EAX(0x22), MOV_EDX(0x33), WRMSR,
		0xf3, 0x0f, 0x7e, 0x2c, 0x25, LE32(0x1000), /* movq xmm5 */
		0xf9,                          /* stc */
		RDTSC, OUT_EAX(PORT), HLT,
	};
	/* clang-format on */
	u64 value[2], tsc, rax;

	MUST(child_create(&child, PAGES) && child_intercept_out(&child, PORT));
	CHILD_PUT_CODE(&child, code);
	MUST(child_set_long(&child, CHILD_CODE, CHILD_CODE));
	MUST(EXPECT_SUCCESS(set_128(HV_REGISTER_TSC, 0x1000000000, 0)));
	MUST(child_run_to_out(&child, PORT, &rax));
	tsc = child_get(&child, HV_REGISTER_RDX) << 32 | (u32)rax;
	EXPECT(tsc > 0x1000000000 && tsc < 0x1000000000 + CHILD_PATIENCE);
	EXPECT(child_get(&child, HV_REGISTER_TSC) >= tsc);
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_CR2), 0x1111);
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_DR0), 0x1111);
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_CR8), 5);
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_STAR), 0x3300000022);
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_RFLAGS), 3);
	MUST(EXPECT_SUCCESS(get_128(HV_REGISTER_XMM0 + 5, value)));
	EXPECT_EQUAL(value[0], *(u64 *)child_at(&child, CHILD_CODE));
	EXPECT_EQUAL(value[1], 0);
	child_destroy(&child);
}

static const struct test_case cases[] = {
	{ "each register holds its values", each_register },
	{ "many registers in one call", all_at_once },
	{ "segments and tables", segments },
	{ "vector registers", vector_registers },
	{ "control words of the vector units", vector_control },
	{ "xfem", xfem },
	{ "read only registers", read_only_registers },
	{ "unknown names", unknown_names },
	{ "suspend registers", suspend_registers },
	{ "the child sees what the parent sets", child_sees_them },
	{ "the parent sees what the child sets", parent_sees_them },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	return test_run(image, table, "registers", cases, ARRAY_LEN(cases));
}
