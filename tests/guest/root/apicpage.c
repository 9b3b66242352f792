/*
 * The page of a child's local APIC, by the instructions that kernels and compilers
 * use on it; accesses that cross its edge; registers whose writes have rules.
 */
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/test.h"

#define PORT 0x80
#define PAGES 12
#define EDGE 0xc000u     /* behind its memory: the APIC's page from then on */
#define STACK 0x4800u    /* its top */
#define BELOW (EDGE - 2) /* two bytes of memory, then the page */

#define REG(offset) LE32(offset)
/* With EDI at the page. */
#define APIC_STORE(offset, value) 0xc7, 0x87, REG(offset), LE32(value)
#define APIC_LOAD(offset) 0x8b, 0x87, REG(offset)
#define SET(condition) MOV_EAX(0), 0x0f, (condition), 0xc0 /* SETcc AL */
#define CARRY 0x92
#define ZERO 0x94
#define NOT_ZERO 0x95
#define BEGIN                                                    \
	MOV_ECX(0x1b), MOV_EAX(EDGE | 0x900), MOV_EDX(0), WRMSR, \
		MOV_EDI(EDGE), APIC_STORE(0xf0, 0x1ff)
#define X2(msr, value) MOV_ECX(msr), MOV_EAX(value), MOV_EDX(0), WRMSR
#define X2_BEGIN X2(0x1b, 0xfee00900), X2(0x1b, 0xfee00d00), X2(0x80f, 0x1ff)
#define X2_OUT(msr) MOV_ECX(msr), RDMSR, OUT_EAX(PORT)

static struct child child;

static bool begin(const u8 *code, u64 size)
{
	if (!child_create(&child, PAGES) || !child_intercept_out(&child, PORT))
		return false;
	child_put(&child, CHILD_CODE, code, size);
	if (!child_set_long(&child, CHILD_CODE, STACK))
		return false;
	/* The end of a page table; nothing is mapped as high as that. */
	*(u16 *)child_at(&child, BELOW) = 0x1234;
	return true;
}

/* The code's OUTs, one behind the other, give these values. */
static void run(const u8 *code, u64 size, const u64 *values, u32 count)
{
	u64 value;

	MUST(begin(code, size));
	for (u32 i = 0; i < count; i++) {
		test_context("value", i);
		MUST(child_run_to_out(&child, PORT, &value));
		EXPECT_EQUAL(value & 0xffffffff, values[i]);
	}
	EXPECT(child_destroy(&child));
}
#define RUN(code, values) \
	run((code), sizeof(code), (values), sizeof(values) / sizeof(u64))

static const u8 all_kinds[] = {
	BEGIN,
	APIC_STORE(0x80, 0x31),
	/* test dword [rdi + 80H], 30H; byte 0EH */
	0xf7,
	0x87,
	REG(0x80),
	LE32(0x30),
	SET(NOT_ZERO),
	OUT_EAX(PORT),
	0xf6,
	0x87,
	REG(0x80),
	0x0e,
	SET(ZERO),
	OUT_EAX(PORT),
	/* cmp dword [rdi + 80H], 31H; eax, [rdi + 80H] */
	0x83,
	0xbf,
	REG(0x80),
	0x31,
	SET(ZERO),
	OUT_EAX(PORT),
	MOV_EAX(0x30),
	0x3b,
	0x87,
	REG(0x80),
	SET(CARRY),
	OUT_EAX(PORT),
	/* xchg [rdi + 80H], eax */
	MOV_EAX(0x55),
	0x87,
	0x87,
	REG(0x80),
	OUT_EAX(PORT),
	/* bt dword [rdi + 80H], 4; btr 4 */
	0x0f,
	0xba,
	0xa7,
	REG(0x80),
	4,
	SET(CARRY),
	OUT_EAX(PORT),
	0x0f,
	0xba,
	0xb7,
	REG(0x80),
	4,
	APIC_LOAD(0x80),
	OUT_EAX(PORT),
	/* push qword [rdi + 30H], pop rax */
	0xff,
	0xb7,
	REG(0x30),
	0x58,
	OUT_EAX(PORT),
	/* movsx eax, byte [rdi + 30H]; movzx eax, word [rdi + 32H] */
	0x0f,
	0xbe,
	0x87,
	REG(0x30),
	OUT_EAX(PORT),
	0x0f,
	0xb7,
	0x87,
	REG(0x32),
	OUT_EAX(PORT),
	/* add [rdi + 80H], eax; dec dword; mov eax, [moffs] */
	0x01,
	0x87,
	REG(0x80),
	APIC_LOAD(0x80),
	OUT_EAX(PORT),
	0xff,
	0x8f,
	REG(0x80),
	APIC_LOAD(0x80),
	OUT_EAX(PORT),
	0xa1,
	LE32(EDGE + 0x30),
	LE32(0),
	OUT_EAX(PORT),
	HLT,
};

static void instructions(void)
{
	static const u64 values[] = { 1,    1,    1,       1,    0x31,
		                      1,    0x45, 0x50014, 0x14, 5,
		                      0x4a, 0x49, 0x50014 };

	RUN(all_kinds, values);
}

static void crossing(void)
{
	static const u8 code[] = {
		BEGIN,
		LOAD_EAX(BELOW),
		OUT_EAX(PORT),
		MOV_EAX(0xdeadbeef),
		STORE_EAX(BELOW),
		OUT_EAX(PORT),
		MOV_EAX(0),
		OPSIZE,
		LOAD_EAX(BELOW),
		OUT_EAX(PORT),
		/* or byte by byte over the edge: or dword [], 01010101H */
		0x81,
		0x0c,
		0x25,
		LE32(BELOW),
		LE32(0x01010101),
		OUT_EAX(PORT),
		MOV_EAX(0),
		OPSIZE,
		LOAD_EAX(BELOW),
		OUT_EAX(PORT),
		HLT,
	};
	static const u64 values[] = { 0x1234, 0xdeadbeef, 0xbeef, 0xbeef,
		                      0xbfef };

	RUN(code, values);
}

static void initial_count(void)
{
	static const u8 code[] = {
		BEGIN,
		APIC_STORE(0x320, 0x10040),
		APIC_STORE(0x380, 1000),
		APIC_STORE(0x320, 0x50040),
		APIC_STORE(0x380, 7),
		APIC_LOAD(0x380),
		OUT_EAX(PORT),
		APIC_LOAD(0x390),
		OUT_EAX(PORT),
		X2_BEGIN,
		X2(0x832, 0x50040),
		X2(0x838, 9),
		X2_OUT(0x838),
		X2(0x832, 0x10040),
		X2(0x838, 9),
		X2_OUT(0x838),
		HLT,
	};
	static const u64 values[] = { 1000, 0, 1000, 9 };

	RUN(code, values);
}

/* A vector below 16 to oneself, with this error entry: ESR. */
#define ERROR(entry) \
	X2(0x837, entry), X2(0x830, 0xf), X2(0x828, 0), X2_OUT(0x828)

static void error_entry(void)
{
	static const u8 code[] = {
		X2_BEGIN,    ERROR(0x30), ERROR(0x1000f), ERROR(0xf), ERROR(0),
		ERROR(0x10), HLT,
	};
	static const u64 values[] = { 0x20, 0x20, 0x60, 0x60, 0x20 };

	RUN(code, values);
}

static const struct test_case cases[] = {
	{ "instructions on the page of an apic", instructions },
	{ "accesses over the edge of the page", crossing },
	{ "the initial count in deadline mode", initial_count },
	{ "an error entry with an illegal vector", error_entry },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	return test_run(image, table, "apicpage", cases, ARRAY_LEN(cases));
}
