/*
 * arch/x86_64/svm: maps of MSRs, entries of nested tables, opcodes of what exits, and the
 * layout of a segment in a VMCB.
 */
#include "arch/x86_64/svm/msr_map.h"
#include "arch/x86_64/svm/npt_entry.h"
#include "arch/x86_64/svm/opcode.h"
#include "arch/x86_64/svm/svm.h"
#include "arch/x86_64/svm/vmcb.h"
#include "tests/host/fixture/test.h"

static u8 map[MSR_MAP_BYTES];

static u32 bits_set(void)
{
	u32 count = 0;

	for (u32 i = 0; i < sizeof(map); i++)
		count += (u32)__builtin_popcount(map[i]);
	return count;
}

/* Byte and bits as the APM has them (15.11). */
static void test_place_of_an_msr(void **state)
{
	static const struct {
		u32 msr, byte;
		u8 read;
	} rows[] = {
		{ 0, 0, 1 },
		{ 0x1b, 6, 0x40 },
		{ 0x1fff, 0x7ff, 0x40 },
		{ 0xc0000080, 0x820, 1 },
		{ 0xc0001fff, 0xfff, 0x40 },
		{ 0xc0010114, 0x1045, 1 },
		{ 0xc0011fff, 0x17ff, 0x40 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		memset(map, 0, sizeof(map));
		assert_true(msr_map_has(rows[i].msr));
		msr_map_set(map, rows[i].msr, true, false);
		assert_int_equal(map[rows[i].byte], rows[i].read);
		assert_int_equal(bits_set(), 1);
		msr_map_set(map, rows[i].msr, false, true);
		assert_int_equal(map[rows[i].byte], rows[i].read << 1);
		msr_map_set(map, rows[i].msr, true, true);
		assert_int_equal(bits_set(), 2);
		msr_map_set(map, rows[i].msr, false, false);
		assert_int_equal(bits_set(), 0);
	}
}

/* Four MSRs share a byte. */
static void test_neighbours_of_an_msr(void **state)
{
	(void)state;
	memset(map, 0, sizeof(map));
	for (u32 msr = 0x174; msr <= 0x177; msr++)
		msr_map_set(map, msr, true, true);
	msr_map_set(map, 0x175, false, true);
	msr_map_set(map, 0x176, true, false);
	assert_int_equal(map[0x5d], 0xdb);
	assert_int_equal(bits_set(), 6);
}

static void test_msrs_without_a_place(void **state)
{
	static const u32 msrs[] = { 0x2000,     0x40000000, 0xbfffffff,
		                    0xc0002000, 0xc000ffff, 0xc0012000 };

	(void)state;
	memset(map, 0, sizeof(map));
	for (u32 i = 0; i < ARRAY_LEN(msrs); i++) {
		assert_false(msr_map_has(msrs[i]));
		msr_map_set(map, msrs[i], true, true);
	}
	assert_int_equal(bits_set(), 0);
}

static void test_rights_of_an_entry(void **state)
{
	static const u32 rights[] = { 0, ARCH_READ, ARCH_READ | ARCH_WRITE,
		                      ARCH_READ | ARCH_EXECUTE,
		                      ARCH_READ | ARCH_WRITE | ARCH_EXECUTE };

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rights); i++)
		assert_int_equal(npt_rights(npt_leaf(rights[i])), rights[i]);
	/* All of a guest's accesses are a user's; A and D are there already. */
	assert_int_equal(npt_leaf(ARCH_READ | ARCH_WRITE | ARCH_EXECUTE), 0x67);
	assert_int_equal(npt_leaf(ARCH_READ), PTE_NX | 0x65);
	assert_int_equal(npt_table(), 0x27);
	/* What cannot be said is no mapping. */
	assert_int_equal(npt_leaf(ARCH_WRITE | ARCH_EXECUTE), 0);
	/* An address, and the walker's own bits, are no rights. */
	assert_int_equal(npt_rights(BIT(52) | 0xfffff000), 0);
}

static void test_opcodes(void **state)
{
	static const struct {
		u8 bytes[6];
		u32 width, prefixes;
		u8 rex;
	} rows[] = {
		{ { 0x0f, 0xa2 }, 8, 0, 0 },
		{ { 0x66, 0x0f, 0xa2 }, 8, 1, 0 },
		{ { 0xf3, 0x2e, 0x67, 0xf4 }, 4, 3, 0 },
		{ { 0x41, 0x0f, 0x22, 0xe0 }, 8, 1, 0x41 },
		/* INC in 32-bit code; and REX that a prefix follows is none. */
		{ { 0x41, 0x0f, 0x22, 0xe0 }, 4, 0, 0 },
		{ { 0x41, 0x66, 0x0f, 0x22 }, 8, 2, 0 },
		{ { 0xf0, 0x44, 0x0f, 0x22 }, 8, 2, 0x44 },
		{ { 0x48, 0x0f, 0x22 }, 8, 1, 0x48 },
		{ { 0x4f, 0x0f, 0x22 }, 8, 1, 0x4f },
		/* 16-bit code is as 32-bit code, and 50 is PUSH. */
		{ { 0x48, 0x0f, 0x22 }, 2, 0, 0 },
		{ { 0x50, 0x0f, 0x22 }, 8, 0, 0 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		struct opcode o = opcode_find(rows[i].bytes, 6, rows[i].width);

		assert_int_equal(o.prefixes, rows[i].prefixes);
		assert_int_equal(o.rex, rows[i].rex);
		assert_int_equal(o.count, 6 - rows[i].prefixes);
		assert_ptr_equal(o.at, rows[i].bytes + rows[i].prefixes);
	}
	/* Nothing is read behind what is there. */
	assert_int_equal(opcode_find(rows[2].bytes, 2, 4).count, 0);
}

/* APM volume 3, 1.2.1: four groups, eleven bytes; each is one, and nothing else is. */
static void test_prefixes(void **state)
{
	static const u8 all[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
		                  0x66, 0x67, 0xf0, 0xf2, 0xf3 };
	u32 found = 0;

	(void)state;
	for (u32 byte = 0; byte < 256; byte++) {
		const u8 bytes[] = { (u8)byte, 0xf4 };

		if (opcode_find(bytes, 2, 4).prefixes == 0)
			continue;
		assert_true(found < ARRAY_LEN(all));
		assert_int_equal(byte, all[found++]);
	}
	assert_int_equal(found, ARRAY_LEN(all));
}

static void test_lengths(void **state)
{
	(void)state;
	assert_int_equal(opcode_length(SVM_EXIT_RDPMC), 2);
	assert_int_equal(opcode_length(SVM_EXIT_INVD), 2);
	assert_int_equal(opcode_length(SVM_EXIT_MWAIT), 3);
	assert_int_equal(opcode_length(SVM_EXIT_MWAIT_ARMED), 3);
	assert_int_equal(opcode_length(SVM_EXIT_CPUID), 2);
	assert_int_equal(opcode_length(SVM_EXIT_HLT), 1);
	assert_int_equal(opcode_length(SVM_EXIT_MSR), 2);
	assert_int_equal(opcode_length(SVM_EXIT_VMMCALL), 3);
	assert_int_equal(opcode_length(SVM_EXIT_XSETBV), 3);
	assert_int_equal(opcode_length(SVM_EXIT_CR_WRITE + 8), 3);
	assert_int_equal(opcode_length(SVM_EXIT_DR_WRITE + 7), 3);
	assert_int_equal(opcode_length(SVM_EXIT_CR0_SELECTIVE), 3);
	assert_int_equal(opcode_length(SVM_EXIT_EXCEPTION), 0);
	assert_int_equal(opcode_length(SVM_EXITS), 0);
	assert_int_equal(opcode_length(SVM_EXIT_NPF), 0);
	assert_int_equal(opcode_length(SVM_EXIT_INVALID), 0);
}

static void test_attributes(void **state)
{
	(void)state;
	assert_int_equal(vmcb_attributes(RIGHTS_CODE_64), 0xa9b);
	assert_int_equal(vmcb_rights(0xa9b), RIGHTS_CODE_64);
	assert_int_equal(vmcb_rights(0xffff), RIGHTS_MASK);
	assert_int_equal(vmcb_attributes(0xffff), 0xfff);
}

static void test_intercepts(void **state)
{
	static struct vmcb v;

	(void)state;
	vmcb_intercept(&v, VMCB_INTERCEPT_SHUTDOWN, true);
	vmcb_intercept(&v, VMCB_INTERCEPT_VMRUN, true);
	vmcb_intercept(&v, VMCB_INTERCEPT_TLBSYNC, true);
	assert_int_equal(v.intercepts[0], 0x80000000);
	assert_int_equal(v.intercepts[1], 1);
	assert_int_equal(v.intercepts[2], 0x10);
	vmcb_intercept(&v, VMCB_INTERCEPT_VMRUN, false);
	assert_int_equal(v.intercepts[1], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_place_of_an_msr),
		cmocka_unit_test(test_neighbours_of_an_msr),
		cmocka_unit_test(test_msrs_without_a_place),
		cmocka_unit_test(test_rights_of_an_entry),
		cmocka_unit_test(test_opcodes),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_intercepts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
