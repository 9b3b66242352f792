/*
 * Messages of CPUID, of accesses to MSRs, and of exceptions, also one that the
 * hypervisor finds itself.
 */
#include "include/x86_msr.h"
#include "parent/cpu.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/root/intercepts/intercepts.h"

static struct child child;

/* ---- CPUID and MSRs ---- */

void intercepts_cpuid_message(void)
{
	static const u8 code[] = {
		MOV_EAX(0), MOV_ECX(0x11),   MOV_EDX(0x22), MOV_EBX(0x33),
		CPUID,      STORE_EAX(MARK), HLT,
	};
	const struct hv_cpuid_intercept *m =
		(const struct hv_cpuid_intercept *)child.message.payload;
	struct cpu_id native = cpu_cpuid(0);

	MUST(intercepts_create(&child, code, sizeof(code)));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_CPUID, 0, EXECUTE));
	MUST(child_run_to(&child, HV_MESSAGE_CPUID_INTERCEPT));
	intercepts_check_message(&child, HV_MESSAGE_CPUID_INTERCEPT,
	                         sizeof(*m));
	intercepts_check_header(&m->header, 2, HV_INTERCEPT_EXECUTE,
	                        CHILD_CODE + 20);
	EXPECT_EQUAL(m->rax, 0);
	EXPECT_EQUAL(m->rcx, 0x11);
	EXPECT_EQUAL(m->rdx, 0x22);
	EXPECT_EQUAL(m->rbx, 0x33);
	EXPECT_EQUAL(m->default_rax, native.eax);
	EXPECT_EQUAL(m->default_rbx, native.ebx);
	EXPECT_EQUAL(m->default_rcx, native.ecx);
	EXPECT_EQUAL(m->default_rdx, native.edx);
	MUST(child_set(&child, HV_REGISTER_RAX, 0x5a5a1234));
	MUST(child_skip(&child) && child_go(&child));
	MUST(intercepts_halts(&child));
	EXPECT(!child_next_message(&child.message, 1000));
	EXPECT_EQUAL(intercepts_mark(&child), 0x5a5a1234);
	child_destroy(&child);
}

void intercepts_cpuid_of_one_leaf(void)
{
	/* clang-format off */
	static const u8 code[] = {
		MOV_EAX(1), CPUID, MOV_EAX(HV_CPUID_INTERFACE), CPUID,
		MOV_EAX(HV_CPUID_INTERFACE), CPUID, STORE_EAX(MARK), HLT,
	};
	/* clang-format on */
	const struct hv_cpuid_intercept *m =
		(const struct hv_cpuid_intercept *)child.message.payload;

	MUST(intercepts_create(&child, code, sizeof(code)));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_CPUID,
	                     HV_CPUID_INTERFACE, EXECUTE));
	MUST(child_run_to(&child, HV_MESSAGE_CPUID_INTERCEPT));
	EXPECT_EQUAL(m->rax, HV_CPUID_INTERFACE);
	EXPECT_EQUAL(m->default_rax, HV_CPUID_INTERFACE_HV1);
	MUST(child_skip(&child));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_CPUID,
	                     HV_CPUID_INTERFACE, 0));
	MUST(child_go(&child));
	MUST(intercepts_halts(&child));
	EXPECT(!child_next_message(&child.message, 1000));
	EXPECT_EQUAL(intercepts_mark(&child), HV_CPUID_INTERFACE_HV1);
	child_destroy(&child);
}

void intercepts_msr_messages(void)
{
	/* clang-format off */
	static const u8 code[] = {
		MOV_ECX(MSR_IA32_PAT), RDMSR, MOV_ECX(MSR_NOBODYS), RDMSR,
		STORE_EAX(MARK), MOV_EDX(0x87654321), MOV_EAX(0x12345678),
		WRMSR, HLT,
	};
	/* clang-format on */
	const struct hv_msr_intercept *m =
		(const struct hv_msr_intercept *)child.message.payload;

	MUST(intercepts_create(&child, code, sizeof(code)));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_MSR, 0, READ | WRITE));
	MUST(child_run_to(&child, HV_MESSAGE_MSR_INTERCEPT));
	intercepts_check_message(&child, HV_MESSAGE_MSR_INTERCEPT, sizeof(*m));
	intercepts_check_header(&m->header, 2, HV_INTERCEPT_READ,
	                        CHILD_CODE + 12);
	EXPECT_EQUAL(m->msr, MSR_NOBODYS);
	EXPECT_EQUAL(m->rsvd, 0);
	MUST(child_set(&child, HV_REGISTER_RAX, 0xfeed));
	MUST(child_skip(&child));
	MUST(child_run_to(&child, HV_MESSAGE_MSR_INTERCEPT));
	intercepts_check_header(&m->header, 2, HV_INTERCEPT_WRITE,
	                        CHILD_CODE + 31);
	EXPECT_EQUAL(m->msr, MSR_NOBODYS);
	EXPECT_EQUAL(m->rdx, 0x87654321);
	EXPECT_EQUAL(m->rax, 0x12345678);
	EXPECT_EQUAL(intercepts_mark(&child), 0xfeed);
	child_destroy(&child);
}

/* ---- Exceptions ---- */

#define NOT_PRESENT 0x200000 /* its page directory entry will be cleared */

static const struct exception_row {
	u8 vector;
	u8 at; /* offset of the instruction that faults */
	bool has_error;
	u32 error;
	u64 parameter;
	u8 code[24];
} exception_rows[] = {
	{ 0, 10, false, 0, 0, { MOV_ECX(0), MOV_EDX(0), 0xf7, 0xf1 } },
	{ 3, 1, false, 0, 0, { NOP, INT3 } },
	{ 6, 2, false, 0, 0, { NOP, NOP, UD2 } },
	{ 13, 0, true, 0x30, 0, { 0x8e, 0xd8 } }, /* mov ds, ax: AX is 0x30 */
	{ 14, 0, true, 0, NOT_PRESENT + 8, { LOAD_EAX(NOT_PRESENT + 8) } },
	{ 14, 0, true, 2, NOT_PRESENT + 9, { STORE_EAX(NOT_PRESENT + 9) } },
	{ 14,
	  0,
	  true,
	  0,
	  NOT_PRESENT + 16, /* fetch: without NX no bit 4 */
	  { 0xe9, LE32(NOT_PRESENT + 16 - CHILD_CODE - 5) } },
};

static void check_exception(const struct exception_row *row)
{
	const struct hv_exception_intercept *m =
		(const struct hv_exception_intercept *)child.message.payload;
	bool fetch = row->code[0] == 0xe9;

	intercepts_check_message(&child, HV_MESSAGE_EXCEPTION_INTERCEPT,
	                         sizeof(*m));
	intercepts_check_header(&m->header, 0, HV_INTERCEPT_EXECUTE,
	                        fetch ? row->parameter
	                              : CHILD_CODE + (u64)row->at);
	EXPECT_EQUAL(m->vector, row->vector);
	EXPECT_EQUAL(m->exception_info,
	             row->has_error ? HV_EXCEPTION_ERROR_CODE_VALID : 0);
	EXPECT_EQUAL(m->error_code, row->error);
	EXPECT_EQUAL(m->parameter, row->parameter);
	EXPECT_EQUAL(m->rsvd, 0);
	EXPECT_EQUAL(m->ds.selector, 16);
	EXPECT_EQUAL(m->ss.attributes, 0xc093);
	EXPECT_EQUAL(m->gpr[4], CHILD_CODE); /* RSP */
	EXPECT_EQUAL(m->gpr[15], 0xf15f15f15f15f15f);
}

void intercepts_exception_messages(void)
{
	static const u8 nothing[] = { HLT };
	u64 *directory;

	MUST(intercepts_create(&child, nothing, sizeof(nothing)));
	directory = child_at(&child, (PAGES - 1) * PAGE_SIZE);
	directory[NOT_PRESENT >> 21] = 0;
	for (u32 i = 0; i < 32; i++)
		if (i != 2)
			MUST(child_intercept(&child,
			                     HV_INTERCEPT_TYPE_EXCEPTION, i,
			                     EXECUTE));
	MUST(child_set_segment(&child, HV_REGISTER_GDTR, 0, 0, 0, 0));
	for (u32 i = 0; i < ARRAY_LEN(exception_rows); i++) {
		const struct exception_row *row = &exception_rows[i];

		test_context("row", i);
		child_put(&child, CHILD_CODE, row->code, sizeof(row->code));
		MUST(child_set(&child, HV_REGISTER_RIP, CHILD_CODE));
		MUST(child_set(&child, HV_REGISTER_RFLAGS, RFLAGS_FIXED));
		MUST(child_set(&child, HV_REGISTER_RAX, 0x30));
		MUST(child_set(&child, HV_REGISTER_R15, 0xf15f15f15f15f15f));
		MUST(child_run_to(&child, HV_MESSAGE_EXCEPTION_INTERCEPT));
		check_exception(row);
	}
	child_destroy(&child);
}

/*
 * A fault that the hypervisor itself finds is the child's exception like any
 * other: an MSR that is not there, with an error code of 0.
 */
void intercepts_exception_of_an_emulation(void)
{
	static const u8 code[] = { MOV_ECX(MSR_NOBODYS), RDMSR, HLT };
	const struct hv_exception_intercept *m =
		(const struct hv_exception_intercept *)child.message.payload;

	MUST(intercepts_create(&child, code, sizeof(code)));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION, 13, EXECUTE));
	MUST(child_run_to(&child, HV_MESSAGE_EXCEPTION_INTERCEPT));
	EXPECT_EQUAL(m->vector, 13);
	EXPECT_EQUAL(m->error_code, 0);
	EXPECT_EQUAL(m->exception_info, HV_EXCEPTION_ERROR_CODE_VALID);
	EXPECT_EQUAL(m->header.rip, CHILD_CODE + 5);
	child_destroy(&child);
}
