/*
 * What a child does that its parent is told of: the message of each intercept,
 * field by field, and how the child goes on.
 */
#include "include/x86_msr.h"
#include "parent/memory.h"
#include "parent/vp.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/test.h"

#define PAGES 8
#define PORT 0x80
#define MARK 0x3000   /* where children leave a word */
#define HOLE 0x100000 /* nothing is mapped here */
#define READ HV_INTERCEPT_ACCESS_READ
#define WRITE HV_INTERCEPT_ACCESS_WRITE
#define EXECUTE HV_INTERCEPT_ACCESS_EXECUTE

static struct child child;

/* A child at CHILD_CODE in long mode. */
static bool create(const void *code, u64 size)
{
	if (!child_create(&child, PAGES))
		return false;
	child_put(&child, CHILD_CODE, code, size);
	return child_set_long(&child, CHILD_CODE, CHILD_CODE);
}

static u32 mark(void)
{
	return *(u32 *)child_at(&child, MARK);
}

static bool all_zero(const void *bytes, u64 size)
{
	const u8 *b = bytes;
	u8 any = 0;

	while (size--)
		any |= *b++;
	return any == 0;
}

/* What all intercept messages of a child in long mode have in common. */
static void check_message(u32 type, u32 size)
{
	EXPECT_EQUAL(child.message.type, type);
	EXPECT_EQUAL(child.message.payload_size, size);
	EXPECT_EQUAL(child.message.flags, 0);
	EXPECT_EQUAL(child.message.rsvd, 0);
	EXPECT_EQUAL(child.message.sender, child.id);
	EXPECT(all_zero((u8 *)child.message.payload + size,
	                HV_MESSAGE_PAYLOAD - size));
}

/* length 0: the processor may know it or not. */
static void check_header(const struct hv_intercept_header *h, u32 length,
                         u32 access, u64 rip)
{
	EXPECT_EQUAL(h->vp_index, 0);
	if (length)
		EXPECT_EQUAL(h->instruction_length & 0xf, length);
	EXPECT_EQUAL(h->instruction_length >> 4, 0); /* CR8 */
	EXPECT_EQUAL(h->access_type, access);
	EXPECT_EQUAL(h->execution_state,
	             HV_EXECUTION_CR0_PE | HV_EXECUTION_EFER_LMA);
	EXPECT_EQUAL(h->cs.base, 0);
	EXPECT_EQUAL(h->cs.limit, 0xffffffff);
	EXPECT_EQUAL(h->cs.selector, 8);
	EXPECT_EQUAL(h->cs.attributes, 0xa09b);
	EXPECT_EQUAL(h->rip, rip);
	EXPECT_EQUAL(h->rflags & ~0x10000ull, RFLAGS_FIXED); /* but RF */
}

static bool halts(void)
{
	return child_run_until(&child, HV_REGISTER_INTERNAL_ACTIVITY_STATE,
	                       HV_ACTIVITY_HALT_SUSPEND);
}

/* ---- I/O ports ---- */

static const struct io_row {
	u8 code[4];
	u8 length;
	u8 size;
	bool in;
} io_rows[] = {
	{ { OUT_AL(PORT) }, 2, 1, false },
	{ { OPSIZE, OUT_EAX(PORT) }, 3, 2, false },
	{ { OUT_EAX(PORT) }, 2, 4, false },
	{ { OUT_DX_AL }, 1, 1, false },
	{ { OPSIZE, OUT_DX_EAX }, 2, 2, false },
	{ { OUT_DX_EAX }, 1, 4, false },
	{ { IN_AL(PORT) }, 2, 1, true },
	{ { OPSIZE, IN_EAX(PORT) }, 3, 2, true },
	{ { IN_EAX(PORT) }, 2, 4, true },
	{ { IN_AL_DX }, 1, 1, true },
	{ { OPSIZE, IN_EAX_DX }, 2, 2, true },
	{ { IN_EAX_DX }, 1, 4, true },
};

static void check_io(const struct io_row *row)
{
	const struct hv_io_port_intercept *io =
		(const struct hv_io_port_intercept *)child.message.payload;

	check_message(HV_MESSAGE_IO_PORT_INTERCEPT, sizeof(*io));
	check_header(&io->header, row->length,
	             row->in ? HV_INTERCEPT_READ : HV_INTERCEPT_WRITE,
	             CHILD_CODE);
	EXPECT_EQUAL(io->port, PORT);
	EXPECT_EQUAL(io->access_info, row->size);
	EXPECT_EQUAL(io->instruction_byte_count, 0);
	EXPECT_EQUAL(io->rsvd, 0);
	EXPECT_EQUAL(io->rax, 0x1122334455667788);
	EXPECT(all_zero(io->instruction_bytes, 16));
}

static void io_messages(void)
{
	static const u8 after[] = { STORE_EAX(MARK), HLT };

	MUST(create(after, sizeof(after)));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_IO_PORT, PORT,
	                     READ | WRITE));
	for (u32 i = 0; i < ARRAY_LEN(io_rows); i++) {
		const struct io_row *row = &io_rows[i];

		test_context("row", i);
		child_put(&child, CHILD_CODE, row->code, row->length);
		child_put(&child, CHILD_CODE + row->length, after,
		          sizeof(after));
		MUST(child_set(&child, HV_REGISTER_RIP, CHILD_CODE));
		MUST(child_set(&child, HV_REGISTER_RAX, 0x1122334455667788));
		MUST(child_set(&child, HV_REGISTER_RDX, PORT));
		MUST(child_set(&child, HV_REGISTER_INTERNAL_ACTIVITY_STATE, 0));
		MUST(child_run_to(&child, HV_MESSAGE_IO_PORT_INTERCEPT));
		check_io(row);
		EXPECT_EQUAL(child_get(&child, HV_REGISTER_INTERCEPT_SUSPEND),
		             HV_SUSPENDED);
		/* What we put into RAX is what an IN has read. */
		MUST(child_set(&child, HV_REGISTER_RAX, 0xabcd0000 + i));
		MUST(child_skip(&child) && child_go(&child) && halts());
		MUST(child_stop(&child));
		EXPECT_EQUAL(mark(), 0xabcd0000 + i);
	}
	child_destroy(&child);
}

static void io_string(void)
{
	static const u8 code[] = { MOV_ESI(MARK), MOV_ECX(3), MOV_EDX(PORT),
		                   0xf3,          OUTSB,      HLT };
	const struct hv_io_port_intercept *io =
		(const struct hv_io_port_intercept *)child.message.payload;

	MUST(create(code, sizeof(code)));
	MUST(child_intercept_out(&child, PORT));
	MUST(child_set(&child, HV_REGISTER_RDI, 0x1234));
	MUST(child_run_to(&child, HV_MESSAGE_IO_PORT_INTERCEPT));
	EXPECT_EQUAL(io->access_info,
	             1 | HV_IO_ACCESS_STRING | HV_IO_ACCESS_REP);
	EXPECT_EQUAL(io->header.instruction_length, 2);
	EXPECT_EQUAL(io->rcx, 3);
	EXPECT_EQUAL(io->rsi, MARK);
	EXPECT_EQUAL(io->rdi, 0x1234);
	EXPECT_EQUAL(io->ds.selector, 16);
	EXPECT_EQUAL(io->ds.attributes, 0xc093);
	EXPECT_EQUAL(io->es.limit, 0xffffffff);
	child_destroy(&child);
}

static void io_string_to_nobody(void)
{
	static const u8 code[] = { MOV_EDX(PORT), OUTSB, HLT };
	const struct hv_unsupported_feature_message *m =
		(const struct hv_unsupported_feature_message *)
			child.message.payload;

	MUST(create(code, sizeof(code)));
	MUST(child_run_to(&child, HV_MESSAGE_UNSUPPORTED_FEATURE));
	check_message(HV_MESSAGE_UNSUPPORTED_FEATURE, sizeof(*m));
	EXPECT_EQUAL(m->vp_index, 0);
	EXPECT_EQUAL(m->feature, HV_UNSUPPORTED_INTERCEPT);
	EXPECT_EQUAL(m->parameter, PORT);
	child_destroy(&child);
}

/* Reads only, then a dword whose last byte is the port, then nothing. */
static void io_rights_and_widths(void)
{
	/* clang-format off */
	static const u8 code[] = {
		OUT_AL(PORT), IN_AL(PORT), IN_EAX(PORT - 3),
		IN_EAX(PORT - 4), IN_AL(PORT), STORE_EAX(MARK), HLT,
	};
	/* clang-format on */
	const struct hv_io_port_intercept *io =
		(const struct hv_io_port_intercept *)child.message.payload;

	MUST(create(code, sizeof(code)));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_IO_PORT, PORT, READ));
	MUST(child_run_to(&child, HV_MESSAGE_IO_PORT_INTERCEPT));
	EXPECT_EQUAL(io->header.rip, CHILD_CODE + 2);
	MUST(child_skip(&child));
	MUST(child_run_to(&child, HV_MESSAGE_IO_PORT_INTERCEPT));
	EXPECT_EQUAL(io->header.rip, CHILD_CODE + 4);
	EXPECT_EQUAL(io->port, PORT - 3);
	MUST(child_skip(&child));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_IO_PORT, PORT, 0));
	MUST(child_go(&child));
	MUST(halts());
	EXPECT(!child_next_message(&child.message, 1000));
	EXPECT_EQUAL(mark(), 0xffffffff);
	child_destroy(&child);
}

/* ---- CPUID and MSRs ---- */

static void cpuid_message(void)
{
	static const u8 code[] = {
		MOV_EAX(0), MOV_ECX(0x11),   MOV_EDX(0x22), MOV_EBX(0x33),
		CPUID,      STORE_EAX(MARK), HLT,
	};
	const struct hv_cpuid_intercept *m =
		(const struct hv_cpuid_intercept *)child.message.payload;
	struct cpu_id native = cpu_cpuid(0);

	MUST(create(code, sizeof(code)));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_CPUID, 0, EXECUTE));
	MUST(child_run_to(&child, HV_MESSAGE_CPUID_INTERCEPT));
	check_message(HV_MESSAGE_CPUID_INTERCEPT, sizeof(*m));
	check_header(&m->header, 2, HV_INTERCEPT_EXECUTE, CHILD_CODE + 20);
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
	MUST(halts());
	EXPECT(!child_next_message(&child.message, 1000));
	EXPECT_EQUAL(mark(), 0x5a5a1234);
	child_destroy(&child);
}

static void cpuid_of_one_leaf(void)
{
	/* clang-format off */
	static const u8 code[] = {
		MOV_EAX(1), CPUID, MOV_EAX(HV_CPUID_INTERFACE), CPUID,
		MOV_EAX(HV_CPUID_INTERFACE), CPUID, STORE_EAX(MARK), HLT,
	};
	/* clang-format on */
	const struct hv_cpuid_intercept *m =
		(const struct hv_cpuid_intercept *)child.message.payload;

	MUST(create(code, sizeof(code)));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_CPUID,
	                     HV_CPUID_INTERFACE, EXECUTE));
	MUST(child_run_to(&child, HV_MESSAGE_CPUID_INTERCEPT));
	EXPECT_EQUAL(m->rax, HV_CPUID_INTERFACE);
	EXPECT_EQUAL(m->default_rax, HV_CPUID_INTERFACE_HV1);
	MUST(child_skip(&child));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_CPUID,
	                     HV_CPUID_INTERFACE, 0));
	MUST(child_go(&child));
	MUST(halts());
	EXPECT(!child_next_message(&child.message, 1000));
	EXPECT_EQUAL(mark(), HV_CPUID_INTERFACE_HV1);
	child_destroy(&child);
}

static void msr_messages(void)
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

	MUST(create(code, sizeof(code)));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_MSR, 0, READ | WRITE));
	MUST(child_run_to(&child, HV_MESSAGE_MSR_INTERCEPT));
	check_message(HV_MESSAGE_MSR_INTERCEPT, sizeof(*m));
	check_header(&m->header, 2, HV_INTERCEPT_READ, CHILD_CODE + 12);
	EXPECT_EQUAL(m->msr, MSR_NOBODYS);
	EXPECT_EQUAL(m->rsvd, 0);
	MUST(child_set(&child, HV_REGISTER_RAX, 0xfeed));
	MUST(child_skip(&child));
	MUST(child_run_to(&child, HV_MESSAGE_MSR_INTERCEPT));
	check_header(&m->header, 2, HV_INTERCEPT_WRITE, CHILD_CODE + 31);
	EXPECT_EQUAL(m->msr, MSR_NOBODYS);
	EXPECT_EQUAL(m->rdx, 0x87654321);
	EXPECT_EQUAL(m->rax, 0x12345678);
	EXPECT_EQUAL(mark(), 0xfeed);
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

	check_message(HV_MESSAGE_EXCEPTION_INTERCEPT, sizeof(*m));
	check_header(&m->header, 0, HV_INTERCEPT_EXECUTE,
	             fetch ? row->parameter : CHILD_CODE + (u64)row->at);
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

static void exception_messages(void)
{
	static const u8 nothing[] = { HLT };
	u64 *directory;

	MUST(create(nothing, sizeof(nothing)));
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
static void exception_of_an_emulation(void)
{
	static const u8 code[] = { MOV_ECX(MSR_NOBODYS), RDMSR, HLT };
	const struct hv_exception_intercept *m =
		(const struct hv_exception_intercept *)child.message.payload;

	MUST(create(code, sizeof(code)));
	MUST(child_intercept(&child, HV_INTERCEPT_TYPE_EXCEPTION, 13, EXECUTE));
	MUST(child_run_to(&child, HV_MESSAGE_EXCEPTION_INTERCEPT));
	EXPECT_EQUAL(m->vector, 13);
	EXPECT_EQUAL(m->error_code, 0);
	EXPECT_EQUAL(m->exception_info, HV_EXCEPTION_ERROR_CODE_VALID);
	EXPECT_EQUAL(m->header.rip, CHILD_CODE + 5);
	child_destroy(&child);
}

/* ---- Memory ---- */

static void check_memory(u32 type, u32 access, u64 gpa, u64 rip)
{
	const struct hv_memory_intercept *m =
		(const struct hv_memory_intercept *)child.message.payload;

	check_message(type, sizeof(*m));
	check_header(&m->header, 0, access, rip);
	EXPECT_EQUAL(m->gpa, gpa);
	EXPECT_EQUAL(m->access_info, HV_MEMORY_ACCESS_GVA_VALID);
	EXPECT_EQUAL(m->gva, gpa);
	EXPECT_EQUAL(m->rsvd, 0);
}

static void unmapped_gpa(void)
{
	static const u8 code[] = {
		LOAD_EAX(HOLE + 0x123),
		STORE_EAX(HOLE + 0x2345),
		MOV_EAX(HOLE + 0x4000),
		JMP_RAX,
	};
	static const u8 there[] = { MOV_EAX(0x77), STORE_EAX(MARK), HLT };
	u64 page, source;

	MUST(create(code, sizeof(code)));
	page = child.memory + 4 * PAGE_SIZE; /* one of its own, once more */
	source = page >> PAGE_SHIFT;
	MUST(child_run_to(&child, HV_MESSAGE_UNMAPPED_GPA));
	check_memory(HV_MESSAGE_UNMAPPED_GPA, HV_INTERCEPT_READ, HOLE + 0x123,
	             CHILD_CODE);
	/* Once there is memory the instruction goes on by itself. */
	*(u32 *)(page + 0x123) = 0x4711;
	MUST(EXPECT_SUCCESS(memory_map(child.id, HOLE >> PAGE_SHIFT, source, 1,
	                               CHILD_RWX, NULL)));
	MUST(child_run_to(&child, HV_MESSAGE_UNMAPPED_GPA));
	check_memory(HV_MESSAGE_UNMAPPED_GPA, HV_INTERCEPT_WRITE, HOLE + 0x2345,
	             CHILD_CODE + 7);
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_RAX), 0x4711);
	MUST(EXPECT_SUCCESS(memory_map(child.id, (HOLE >> PAGE_SHIFT) + 2,
	                               source, 1, CHILD_RWX, NULL)));
	MUST(child_run_to(&child, HV_MESSAGE_UNMAPPED_GPA));
	check_memory(HV_MESSAGE_UNMAPPED_GPA, HV_INTERCEPT_EXECUTE,
	             HOLE + 0x4000, HOLE + 0x4000);
	EXPECT_EQUAL(*(u32 *)(page + 0x345), 0x4711);
	__builtin_memcpy((void *)page, there, sizeof(there));
	MUST(EXPECT_SUCCESS(memory_map(child.id, (HOLE >> PAGE_SHIFT) + 4,
	                               source, 1, CHILD_RWX, NULL)));
	MUST(child_go(&child));
	MUST(halts());
	EXPECT(!child_next_message(&child.message, 1000));
	EXPECT_EQUAL(mark(), 0x77);
	child_destroy(&child);
}

static const struct rights_row {
	u32 flags;
	bool read, write, execute; /* allowed */
} rights_rows[] = {
	{ HV_MAP_GPA_NO_ACCESS, false, false, false },
	{ 0, false, false, false },
	{ HV_MAP_GPA_READABLE, true, false, false },
	{ HV_MAP_GPA_READABLE | HV_MAP_GPA_WRITABLE, true, true, false },
	{ HV_MAP_GPA_READABLE | HV_MAP_GPA_EXECUTABLE, true, false, true },
	{ HV_MAP_GPA_READABLE | HV_MAP_GPA_EXECUTABLE |
	          HV_MAP_GPA_USER_EXECUTABLE,
	  true, false, true },
	{ CHILD_RWX, true, true, true },
};

/* One access to MARK from CHILD_CODE, which then gets to an HLT. */
static void check_right(const u8 *code, u32 size, bool allowed, u32 access,
                        u64 rip)
{
	child_put(&child, CHILD_CODE, code, size);
	MUST(child_set(&child, HV_REGISTER_RIP, CHILD_CODE));
	MUST(child_set(&child, HV_REGISTER_INTERNAL_ACTIVITY_STATE, 0));
	MUST(child_go(&child));
	if (!allowed) {
		MUST(child_wait(&child));
		check_memory(HV_MESSAGE_GPA_INTERCEPT, access, MARK, rip);
	} else {
		MUST(halts());
		EXPECT(!child_next_message(&child.message, 1000));
	}
	MUST(child_stop(&child));
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_INTERNAL_ACTIVITY_STATE),
	             allowed ? HV_ACTIVITY_HALT_SUSPEND : 0);
}

static void gpa_rights(void)
{
	static const u8 load[] = { LOAD_EAX(MARK), HLT };
	static const u8 store[] = { STORE_EAX(MARK), HLT };
	static const u8 jump[] = { MOV_EAX(MARK), JMP_RAX };
	u64 source;

	MUST(create(load, sizeof(load)));
	source = (child.memory + MARK) >> PAGE_SHIFT;
	for (u32 i = 0; i < ARRAY_LEN(rights_rows); i++) {
		const struct rights_row *row = &rights_rows[i];

		test_context("row", i);
		MUST(EXPECT_SUCCESS(memory_map(child.id, MARK >> PAGE_SHIFT,
		                               source, 1, row->flags, NULL)));
		check_right(load, sizeof(load), row->read, HV_INTERCEPT_READ,
		            CHILD_CODE);
		check_right(store, sizeof(store), row->write,
		            HV_INTERCEPT_WRITE, CHILD_CODE);
		*(u8 *)child_at(&child, MARK) = HLT;
		check_right(jump, sizeof(jump), row->execute,
		            HV_INTERCEPT_EXECUTE, MARK);
	}
	child_destroy(&child);
}

/* ---- The end of a child ---- */

static void triple_fault(void)
{
	static const u8 code[] = { UD2 };
	const struct hv_intercept_header *h =
		(const struct hv_intercept_header *)child.message.payload;

	MUST(create(code, sizeof(code)));
	MUST(child_set_segment(&child, HV_REGISTER_IDTR, 0, 0, 0, 0));
	MUST(child_run_to(&child, HV_MESSAGE_UNRECOVERABLE_EXCEPTION));
	check_message(HV_MESSAGE_UNRECOVERABLE_EXCEPTION, sizeof(*h));
	check_header(h, 0, HV_INTERCEPT_EXECUTE, CHILD_CODE);
	child_destroy(&child);
}

/* Each register for itself is good: they do not go together (D27). */
static void impossible_registers(void)
{
	static const u8 code[] = { HLT };
	const struct hv_invalid_vp_register *m =
		(const struct hv_invalid_vp_register *)child.message.payload;

	MUST(create(code, sizeof(code)));
	MUST(child_set(&child, HV_REGISTER_CR4, 0)); /* LMA without PAE */
	MUST(child_run_to(&child, HV_MESSAGE_INVALID_VP_REGISTER_VALUE));
	check_message(HV_MESSAGE_INVALID_VP_REGISTER_VALUE, sizeof(*m));
	EXPECT_EQUAL(m->vp_index, 0);
	EXPECT_EQUAL(m->rsvd, 0);
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_RIP), CHILD_CODE);
	/* Put right it runs. */
	MUST(child_set(&child, HV_REGISTER_CR4, 0x620));
	MUST(child_go(&child) && halts());
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_RIP), CHILD_CODE + 1);
	child_destroy(&child);
}

static void task_switch(void)
{
	static const u8 code[] = { 0xea, LE32(0), LE16(0x18) }; /* jmp far */
	static const u64 gdt[] = {
		0, 0x00cf9b000000ffff, 0x00cf93000000ffff,
		0x0000890040000067, /* an available TSS at 0x4000 */
	};
	const struct hv_unsupported_feature_message *m =
		(const struct hv_unsupported_feature_message *)
			child.message.payload;
	struct hv_register_assoc gdtr = { .name = HV_REGISTER_GDTR };

	MUST(create(code, sizeof(code)));
	MUST(child_set(&child, HV_REGISTER_EFER, 0));
	MUST(child_set_protected(&child, CHILD_CODE));
	child_put(&child, 0x2000, gdt, sizeof(gdt));
	gdtr.value.table.base = 0x2000;
	gdtr.value.table.limit = sizeof(gdt) - 1;
	MUST(EXPECT_SUCCESS(vp_set_registers(child.id, 0, &gdtr, 1, NULL)));
	MUST(child_run_to(&child, HV_MESSAGE_UNSUPPORTED_FEATURE));
	EXPECT_EQUAL(m->vp_index, 0);
	EXPECT_EQUAL(m->feature, HV_UNSUPPORTED_TASK_SWITCH);
	child_destroy(&child);
}

/* ---- HLT ---- */

static void halt_waits(void)
{
	static const u8 code[] = { HLT, INC_MEM(MARK), JMP_BACK(8) };

	MUST(create(code, sizeof(code)));
	MUST(child_go(&child));
	MUST(halts());
	EXPECT(!child_next_message(&child.message, 1000));
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_INTERNAL_ACTIVITY_STATE),
	             HV_ACTIVITY_HALT_SUSPEND);
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_RIP), CHILD_CODE + 1);
	EXPECT_EQUAL(mark(), 0);
	/* Each time the parent ends the halt it gets to the next one. */
	for (u32 i = 1; i < 4; i++) {
		MUST(child_set(&child, HV_REGISTER_INTERNAL_ACTIVITY_STATE, 0));
		MUST(halts());
		EXPECT_EQUAL(mark(), i);
	}
	child_destroy(&child);
}

/* An interrupt from the parent ends it too; the handler is the child's own. */
static void halt_ends_by_interrupt(void)
{
	static const u8 code[] = { HLT, MOV_AX16(0x77), OUT_EAX(PORT), HLT };
	static const u8 handler[] = { MOV_AX16(0x66), OUT_EAX(PORT), IRET };
	static const u8 gate[] = { LE16(0x1200), LE16(0) };
	u64 rax;

	MUST(create(code, sizeof(code)));
	MUST(child_set(&child, HV_REGISTER_EFER, 0));
	MUST(child_set_real(&child, CHILD_CODE));
	MUST(child_intercept_out(&child, PORT));
	child_put(&child, 0x1200, handler, sizeof(handler));
	child_put(&child, 0x40 * 4, gate, sizeof(gate));
	/* IF is needed: it is an external interrupt. */
	MUST(child_set(&child, HV_REGISTER_RFLAGS, RFLAGS_FIXED | 0x200));
	MUST(child_go(&child));
	MUST(halts());
	EXPECT(!child_next_message(&child.message, 1000));
	MUST(child_set(&child, HV_REGISTER_PENDING_INTERRUPTION,
	               HV_PENDING_INTERRUPTION |
	                       0x40ull << HV_PENDING_VECTOR_SHIFT));
	MUST(child_run_to_out(&child, PORT, &rax));
	EXPECT_EQUAL(rax & 0xffff, 0x66);
	MUST(child_run_to_out(&child, PORT, &rax));
	EXPECT_EQUAL(rax & 0xffff, 0x77);
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_PENDING_INTERRUPTION), 0);
	child_destroy(&child);
}

static const struct test_case cases[] = {
	{ "message of each port access", io_messages },
	{ "message of a string output", io_string },
	{ "a string output to nobody is unsupported", io_string_to_nobody },
	{ "port intercepts have rights and widths", io_rights_and_widths },
	{ "message of cpuid", cpuid_message },
	{ "cpuid is intercepted by leaf", cpuid_of_one_leaf },
	{ "messages of msr accesses", msr_messages },
	{ "message of each exception", exception_messages },
	{ "exception that the hypervisor finds", exception_of_an_emulation },
	{ "messages of unmapped memory", unmapped_gpa },
	{ "rights of mapped memory", gpa_rights },
	{ "message of a triple fault", triple_fault },
	{ "message of impossible registers", impossible_registers },
	{ "message of a task switch", task_switch },
	{ "a halted child waits", halt_waits },
	{ "an interrupt ends the halt", halt_ends_by_interrupt },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	return test_run(image, table, "intercepts", cases, ARRAY_LEN(cases));
}
