/*
 * What a child reads of CPUID: sizes of its own XCR0, leaves that ignore ECX,
 * leaves beyond the last one, and numbers that have to agree with each other
 * (SDM volume 2, CPUID). And of the root: nothing that it cannot have.
 */
#include "parent/vp.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/test.h"

#define PAGES 12
#define PORT 0x80
#define STACK 0x3000
/* Components that a child has if its processor has them. */
#define MAY_ENABLE (XSTATE_LEGACY | XSTATE_AVX | XSTATE_AVX512 | XSTATE_PKRU)

#define XOR_ECX_ECX 0x31, 0xc9
#define XSETBV 0x0f, 0x01, 0xd1
#define MOV_EDI_EBX 0x89, 0xdf
#define MOV_R8D_EBX 0x41, 0x89, 0xd8

static struct child child;

/* Its parent puts leaf and subleaf into RAX and RCX at the first OUT. */
static const u8 ask_code[] = {
	OUT_EAX(PORT),
	CPUID,
	OUT_EAX(PORT),
	JMP_BACK(6),
};

static bool create(const u8 *code, u64 size)
{
	if (!child_create(&child, PAGES) || !child_intercept_out(&child, PORT))
		return false;
	child_put(&child, CHILD_CODE, code, size);
	return true;
}

static bool create_asked(void)
{
	return create(ask_code, sizeof(ask_code)) &&
	       child_set_long(&child, CHILD_CODE, STACK);
}

static bool ask(u32 leaf, u32 subleaf, struct cpu_id *r)
{
	u64 rax;

	if (!child_run_to_out(&child, PORT, &rax) ||
	    !child_set(&child, HV_REGISTER_RAX, leaf) ||
	    !child_set(&child, HV_REGISTER_RCX, subleaf) ||
	    !child_run_to_out(&child, PORT, &rax))
		return false;
	r->eax = (u32)rax;
	r->ebx = (u32)child_get(&child, HV_REGISTER_RBX);
	r->ecx = (u32)child_get(&child, HV_REGISTER_RCX);
	r->edx = (u32)child_get(&child, HV_REGISTER_RDX);
	return !test_failed();
}

static bool expect_same(const struct cpu_id *got, const struct cpu_id *want)
{
	return EXPECT_EQUAL(got->eax, want->eax) &&
	       EXPECT_EQUAL(got->ebx, want->ebx) &&
	       EXPECT_EQUAL(got->ecx, want->ecx) &&
	       EXPECT_EQUAL(got->edx, want->edx);
}

/* The same of the root. */
static struct cpu_id root_ask(u32 leaf, u32 subleaf)
{
	struct cpu_id r;

	__asm__ volatile("cpuid"
	                 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
	                 : "a"(leaf), "c"(subleaf));
	return r;
}

/* ---- XSAVE ---- */

/* Both forms of an area with these components, from what subleaves say. */
static bool sizes_of(u64 xcr0, u32 *standard, u32 *compacted)
{
	struct cpu_id sub;

	*standard = *compacted = XSAVE_HEADER_END;
	for (u32 i = 2; i < 63; i++) {
		if (!(xcr0 >> i & 1))
			continue;
		if (!ask(0xd, i, &sub))
			return false;
		if (sub.ebx + sub.eax > *standard)
			*standard = sub.ebx + sub.eax;
		if (sub.ecx & 2)
			*compacted = (*compacted + 63) & ~63u;
		*compacted += sub.eax;
	}
	return true;
}

static bool expect_sizes(u64 xcr0)
{
	struct cpu_id zero, one;
	u32 standard, compacted;
	bool has_xsavec;

	test_context("XCR0", xcr0);
	if (!child_set(&child, HV_REGISTER_XFEM, xcr0) || !ask(0xd, 0, &zero) ||
	    !ask(0xd, 1, &one) || !sizes_of(xcr0, &standard, &compacted))
		return false;
	has_xsavec = one.eax & 2;
	return EXPECT_EQUAL(zero.ebx, standard) &&
	       EXPECT_EQUAL(one.ebx, has_xsavec ? compacted : 0) &&
	       EXPECT(standard <= zero.ecx) &&
	       EXPECT_EQUAL(one.ecx | one.edx, 0);
}

/* For each set of components that XSETBV takes. */
static void xsave_sizes(void)
{
	static const u64 sets[] = { 1, 3, 7, 0xe7, 0x203, 0x207, 0x2e7 };
	struct cpu_id r;
	u64 all;

	MUST(create_asked());
	MUST(ask(1, 0, &r));
	if (!(r.ecx & CPUID_1_ECX_XSAVE)) {
		MUST(ask(0xd, 0, &r));
		EXPECT(child_destroy(&child));
		test_skip("no XSAVE");
		return;
	}
	MUST(child_set(&child, HV_REGISTER_CR4,
	               child_get(&child, HV_REGISTER_CR4) | CR4_OSXSAVE));
	MUST(ask(0xd, 0, &r));
	all = r.eax | (u64)r.edx << 32;
	for (u32 i = 0; i < ARRAY_LEN(sets); i++)
		if (!(sets[i] & ~all))
			MUST(expect_sizes(sets[i]));
	MUST(expect_sizes(all));
	MUST(ask(0xd, 0, &r));
	EXPECT_EQUAL(r.ebx, r.ecx);
	child_destroy(&child);
}

/* Both forms of an area, by the leaves of the root: they are the processor's. */
static void own_sizes(u64 xcr0, u32 *standard, u32 *compacted)
{
	struct cpu_id sub;

	*standard = *compacted = XSAVE_HEADER_END;
	for (u32 i = 2; i < 63; i++) {
		if (!(xcr0 >> i & 1))
			continue;
		sub = root_ask(0xd, i);
		if (sub.ebx + sub.eax > *standard)
			*standard = sub.ebx + sub.eax;
		if (sub.ecx & 2)
			*compacted = (*compacted + 63) & ~63u;
		*compacted += sub.eax;
	}
}

/* OUT, XSETBV of EDX:EAX, and what CPUID says then of leaf D.0 and D.1. */
static const u8 set_and_ask[] = {
	OUT_EAX(PORT), XOR_ECX_ECX,   XSETBV,       MOV_EAX(13), XOR_ECX_ECX,
	CPUID,         MOV_EDI_EBX,   MOV_EAX(13),  MOV_ECX(1),  CPUID,
	MOV_R8D_EBX,   OUT_EAX(PORT), JMP_BACK(35),
};

static bool sets_and_asks(u64 xcr0)
{
	u32 standard, compacted;
	u64 rax;

	test_context("XCR0", xcr0);
	own_sizes(xcr0, &standard, &compacted);
	if (!child_run_to_out(&child, PORT, &rax) ||
	    !child_set(&child, HV_REGISTER_RAX, xcr0) ||
	    !child_set(&child, HV_REGISTER_RDX, 0) ||
	    !child_run_to_out(&child, PORT, &rax))
		return false;
	return EXPECT_EQUAL(child_get(&child, HV_REGISTER_XFEM), xcr0) &&
	       EXPECT_EQUAL(child_get(&child, HV_REGISTER_RDI), standard) &&
	       EXPECT_EQUAL(child_get(&child, HV_REGISTER_R8),
	                    rax & 2 ? compacted : 0);
}

/*
 * XSETBV, then at once CPUID, with nothing in between that would switch away: and
 * a value that is refused (AVX without SSE) leaves the sizes as they were.
 */
static void xsave_behind_xsetbv(void)
{
	static const u64 sets[] = { 7, 3, 0xe7, 1, 0x2e7, 7, 0xe7, 3 };
	u64 all = root_ask(0xd, 0).eax & MAY_ENABLE;

	if (!(cpu_cpuid(1).ecx & CPUID_1_ECX_AVX)) {
		test_skip("no AVX");
		return;
	}
	MUST(create(set_and_ask, sizeof(set_and_ask)));
	MUST(child_set_long(&child, CHILD_CODE, STACK));
	MUST(child_set(&child, HV_REGISTER_CR4,
	               child_get(&child, HV_REGISTER_CR4) | CR4_OSXSAVE));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION, VECTOR_GP,
	                     HV_INTERCEPT_ACCESS_EXECUTE));
	for (u32 i = 0; i < ARRAY_LEN(sets); i++)
		if (!(sets[i] & ~all))
			MUST(sets_and_asks(sets[i]));
	/* As every processor has it that has AVX. */
	MUST(sets_and_asks(7));
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_RDI), 832);
	MUST(child_run_to_out(&child, PORT, &all) &&
	     child_set(&child, HV_REGISTER_RAX, 5));
	MUST(child_run_to(&child, HV_MESSAGE_EXCEPTION_INTERCEPT));
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_XFEM), 7);
	child_destroy(&child);
}

/* ---- Leaves ---- */

static void beyond_the_last(void)
{
	struct cpu_id first, extended, last, r;
	u32 leaves[7];

	MUST(create_asked());
	MUST(ask(0, 0, &first) && ask(CPUID_EXTENDED, 0, &extended));
	EXPECT(first.eax >= 0xb && first.eax <= 0x16);
	EXPECT_EQUAL(extended.eax, CPUID_EXTENDED + 8);
	EXPECT_EQUAL(extended.ebx | extended.ecx | extended.edx, 0);
	leaves[0] = first.eax + 1;
	leaves[1] = 0x20;
	leaves[2] = 0x3fffffff;
	leaves[3] = 0x50000000;
	leaves[4] = extended.eax + 1;
	leaves[5] = 0x8fffffff;
	leaves[6] = 0xffffffff;
	for (u32 sub = 0; sub < 3; sub++) {
		MUST(ask(first.eax, sub, &last));
		for (u32 i = 0; i < ARRAY_LEN(leaves); i++) {
			test_context("leaf", leaves[i]);
			MUST(ask(leaves[i], sub, &r));
			MUST(expect_same(&r, &last));
		}
	}
	child_destroy(&child);
}

/* Leaves without subleaves say the same whatever ECX holds. */
static void ecx_is_ignored(void)
{
	static const u32 leaves[] = { 0,          1,          2,
		                      0x15,       0x16,       0x80000000,
		                      0x80000001, 0x80000002, 0x80000006,
		                      0x80000007, 0x80000008 };
	static const u32 with[] = { 1, 2, 7, 0x80000000, 0xffffffff };
	struct cpu_id want, r, first;

	MUST(create_asked());
	MUST(ask(0, 0, &first));
	for (u32 i = 0; i < ARRAY_LEN(leaves); i++) {
		/* Beyond the last leaf ECX is that one's. */
		if (leaves[i] < CPUID_EXTENDED && leaves[i] > first.eax)
			continue;
		test_context("leaf", leaves[i]);
		MUST(ask(leaves[i], 0, &want));
		for (u32 j = 0; j < ARRAY_LEN(with); j++) {
			MUST(ask(leaves[i], with[j], &r));
			MUST(expect_same(&r, &want));
		}
	}
	child_destroy(&child);
}

static void hidden_leaves_are_zero(void)
{
	static const u32 leaves[] = { 3,    5,    6,    8,    9,
		                      0xa,  0xc,  0xe,  0xf,  0x10,
		                      0x11, 0x12, 0x13, 0x14, 0x80000005 };
	struct cpu_id r, first;

	MUST(create_asked());
	MUST(ask(0, 0, &first));
	for (u32 i = 0; i < ARRAY_LEN(leaves); i++) {
		if (leaves[i] < CPUID_EXTENDED && leaves[i] > first.eax)
			continue;
		test_context("leaf", leaves[i]);
		for (u32 sub = 0; sub < 3; sub++) {
			MUST(ask(leaves[i], sub, &r));
			MUST(EXPECT_EQUAL(r.eax | r.ebx | r.ecx | r.edx, 0));
		}
	}
	child_destroy(&child);
}

/* The width that is told is the one up to which CR3 may have bits. */
static void widths_are_the_checks(void)
{
	struct cpu_id r;
	u64 bits;

	MUST(create_asked());
	MUST(ask(CPUID_EXTENDED + 8, 0, &r));
	bits = r.eax & 0xff;
	EXPECT(bits >= 36 && bits <= 48);
	EXPECT_EQUAL(r.eax, bits | 48 << 8);
	EXPECT_EQUAL(r.ecx | r.edx, 0);
	EXPECT_SUCCESS(
		vp_set_register(child.id, 0, HV_REGISTER_CR3, BIT(bits - 1)));
	EXPECT_STATUS(vp_set_register(child.id, 0, HV_REGISTER_CR3, BIT(bits)),
	              HV_STATUS_INVALID_PARAMETER);
	child_destroy(&child);
}

/* One logical processor a package, in leaves 1, 4 and 0xb alike. */
static void topology_agrees(void)
{
	struct cpu_id one, r;

	MUST(create_asked());
	MUST(ask(1, 0, &one));
	EXPECT_EQUAL(one.ebx >> 16 & 0xff, 1);
	EXPECT_EQUAL(one.ebx >> 24, child_get(&child, HV_REGISTER_VP_INDEX));
	EXPECT_EQUAL(one.ebx >> 24,
	             child_get(&child, HV_REGISTER_INITIAL_APIC_ID));
	EXPECT(!(one.edx & BIT(28))); /* HTT */
	for (u32 sub = 0;; sub++) {
		test_context("cache", sub);
		MUST(EXPECT(sub < 16) && ask(4, sub, &r));
		if (!(r.eax & 0x1f))
			break;
		EXPECT_EQUAL(r.eax >> 14, 0);
	}
	EXPECT_EQUAL(r.eax | r.ebx | r.ecx | r.edx, 0);
	for (u32 sub = 0; sub < 3; sub++) {
		test_context("level", sub);
		MUST(ask(0xb, sub, &r));
		EXPECT_EQUAL(r.eax, 0);
		EXPECT_EQUAL(r.ebx, sub < 2);
		EXPECT_EQUAL(r.ecx, sub | (sub < 2 ? sub + 1 : 0) << 8);
		EXPECT_EQUAL(r.edx, one.ebx >> 24);
	}
	MUST(ask(0xb, 0x12345678, &r));
	EXPECT_EQUAL(r.ecx, 0x78);
	child_destroy(&child);
}

/* SYSCALL is a feature of 64-bit mode, and is told in it alone. */
static void syscall_is_of_64_bits(void)
{
	struct cpu_id r;

	MUST(create_asked());
	MUST(ask(CPUID_EXTENDED + 1, 0, &r));
	EXPECT(r.edx & BIT(11));
	child_destroy(&child);
	MUST(create(ask_code, sizeof(ask_code)));
	MUST(child_set_protected(&child, CHILD_CODE));
	MUST(ask(CPUID_EXTENDED + 1, 0, &r));
	EXPECT(!(r.edx & BIT(11)));
	EXPECT(r.edx & BIT(29)); /* long mode is there in any */
	child_destroy(&child);
}

/* ---- The root ---- */

static void nothing_of_vmx(void)
{
	static const u32 with[] = { 0, 1, 7, 0xffffffff };

	for (u32 i = 0; i < ARRAY_LEN(with); i++) {
		test_context("ECX", with[i]);
		EXPECT(!(root_ask(1, with[i]).ecx & (BIT(5) | BIT(6))));
		EXPECT(root_ask(1, with[i]).ecx & BIT(31));
	}
	if (cpu_cpuid(0).eax >= 7) {
		EXPECT(!(root_ask(7, 0).ecx & BIT(23)));
		EXPECT(!(root_ask(7, 0).edx & BIT(18)));
		EXPECT(!(root_ask(7, 1).eax & (BIT(17) | BIT(27))) ||
		       root_ask(7, 0).eax == 0);
	}
	EXPECT(root_ask(CPUID_EXTENDED + 1, 0).edx & BIT(11));
}

static const struct test_case cases[] = {
	{ "sizes of xsave areas are those of xcr0", xsave_sizes },
	{ "xsave sizes directly behind xsetbv", xsave_behind_xsetbv },
	{ "leaves beyond the last one are the last one", beyond_the_last },
	{ "leaves without subleaves ignore ecx", ecx_is_ignored },
	{ "leaves that are hidden are zero", hidden_leaves_are_zero },
	{ "the widths told are those checked", widths_are_the_checks },
	{ "leaves 1, 4 and 0xb agree", topology_agrees },
	{ "syscall is told in 64 bit mode", syscall_is_of_64_bits },
	{ "the root is told nothing of vmx", nothing_of_vmx },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	return test_run(image, table, "cpuid", cases, ARRAY_LEN(cases));
}
