/*
 * lib/insn.c: each form in each width; never beyond the bytes there are.
 */
#include "lib/insn.h"
#include "tests/host/fixture/test.h"

struct form {
	u8 bytes[16];
	u32 width;
	u32 length; /* 0: refused */
	enum insn_kind kind;
	u8 size, reg, reg_size;
	bool high, has_immediate;
	u32 immediate;
};

#define ST INSN_STORE
#define LD INSN_LOAD

/* clang-format off */
static const struct form forms[] = {
	{ { 0x89, 0x01 }, 8, 2, ST, 4, 0, 4, 0, 0, 0 },
	{ { 0x89, 0x01 }, 4, 2, ST, 4, 0, 4, 0, 0, 0 },
	{ { 0x89, 0x01 }, 2, 2, ST, 2, 0, 2, 0, 0, 0 },
	{ { 0x66, 0x89, 0x01 }, 2, 3, ST, 4, 0, 4, 0, 0, 0 },
	{ { 0x66, 0x89, 0x01 }, 8, 3, ST, 2, 0, 2, 0, 0, 0 },
	{ { 0x48, 0x89, 0x19 }, 8, 3, ST, 8, 3, 8, 0, 0, 0 },
	{ { 0x44, 0x8b, 0x31 }, 8, 3, LD, 4, 14, 4, 0, 0, 0 },
	{ { 0x88, 0x21 }, 8, 2, ST, 1, 0, 1, 1, 0, 0 },        /* AH */
	{ { 0x40, 0x88, 0x21 }, 8, 3, ST, 1, 4, 1, 0, 0, 0 },  /* SPL */
	{ { 0x8a, 0x3a }, 4, 2, LD, 1, 3, 1, 1, 0, 0 },        /* BH */
	{ { 0x0f, 0xb6, 0x21 }, 8, 3, LD, 1, 4, 4, 0, 0, 0 },
	{ { 0x48, 0x0f, 0xb7, 0x01 }, 8, 4, LD, 2, 0, 8, 0, 0, 0 },
	{ { 0xc7, 0x01, 1, 2, 3, 4 }, 8, 6, ST, 4, 0, 4, 0, 1, 0x04030201 },
	{ { 0xc7, 0x07, 1, 2 }, 2, 4, ST, 2, 0, 2, 0, 1, 0x0201 },
	{ { 0xc6, 0x41, 0x10, 9 }, 4, 4, ST, 1, 0, 1, 0, 1, 9 },
	{ { 0xc7, 0x09, 1, 2, 3, 4 }, 8, 0, ST, 0, 0, 0, 0, 0, 0 },
	/* Addresses: disp8, disp32, SIB, SIB without base, RIP, 16 bits. */
	{ { 0x89, 0x47, 0xb0 }, 8, 3, ST, 4, 0, 4, 0, 0, 0 },
	{ { 0x89, 0x8f, 1, 2, 3, 4 }, 8, 6, ST, 4, 1, 4, 0, 0, 0 },
	{ { 0x8b, 0x04, 0x25, 0xb0, 0, 0xe0, 0xfe }, 8, 7, LD, 4, 0, 4, 0, 0, 0 },
	{ { 0x8b, 0x44, 0x8b, 0x10 }, 8, 4, LD, 4, 0, 4, 0, 0, 0 },
	{ { 0x8b, 0x84, 0x8b, 1, 2, 3, 4 }, 8, 7, LD, 4, 0, 4, 0, 0, 0 },
	{ { 0x8b, 0x05, 1, 2, 3, 4 }, 8, 6, LD, 4, 0, 4, 0, 0, 0 },
	{ { 0x8b, 0x04, 0x24 }, 8, 3, LD, 4, 0, 4, 0, 0, 0 },
	{ { 0x8b, 0x06, 1, 2 }, 2, 4, LD, 2, 0, 2, 0, 0, 0 },
	{ { 0x8b, 0x44, 1 }, 2, 3, LD, 2, 0, 2, 0, 0, 0 },
	{ { 0x8b, 0x84, 1, 2 }, 2, 4, LD, 2, 0, 2, 0, 0, 0 },
	{ { 0x67, 0x8b, 0x06, 1, 2 }, 4, 5, LD, 4, 0, 4, 0, 0, 0 },
	{ { 0x67, 0x8b, 0x04, 0x25, 1, 2, 3, 4 }, 2, 8, LD, 2, 0, 2, 0, 0, 0 },
	/* The address itself. */
	{ { 0xa1, 1, 2, 3, 4 }, 4, 5, LD, 4, 0, 4, 0, 0, 0 },
	{ { 0xa3, 1, 2, 3, 4, 5, 6, 7, 8 }, 8, 9, ST, 4, 0, 4, 0, 0, 0 },
	{ { 0x67, 0xa3, 1, 2, 3, 4 }, 8, 6, ST, 4, 0, 4, 0, 0, 0 },
	{ { 0xa0, 1, 2 }, 2, 3, LD, 1, 0, 1, 0, 0, 0 },
	/* One access that reads and writes. */
	{ { 0x21, 0x11 }, 8, 2, INSN_AND, 4, 2, 4, 0, 0, 0 },
	{ { 0x09, 0x11 }, 8, 2, INSN_OR, 4, 2, 4, 0, 0, 0 },
	{ { 0x31, 0x11 }, 8, 2, INSN_XOR, 4, 2, 4, 0, 0, 0 },
	{ { 0x81, 0x21, 0xff, 0xff, 0xfe, 0xff }, 8, 6, INSN_AND, 4, 4, 4, 0, 1, 0xfffeffff },
	{ { 0x83, 0x09, 0x80 }, 8, 3, INSN_OR, 4, 1, 4, 0, 1, 0xffffff80 },
	{ { 0x83, 0x31, 1 }, 8, 3, INSN_XOR, 4, 6, 4, 0, 1, 1 },
	{ { 0x83, 0x01, 1 }, 8, 3, INSN_ADD, 4, 0, 4, 0, 1, 1 },
	/* Prefixes that change nothing; REX before one counts for nothing. */
	{ { 0x65, 0x2e, 0x89, 0x01 }, 8, 4, ST, 4, 0, 4, 0, 0, 0 },
	{ { 0x48, 0x66, 0x89, 0x01 }, 8, 0, ST, 0, 0, 0, 0, 0, 0 },
	{ { 0x48, 0x89, 0x01 }, 4, 0, ST, 0, 0, 0, 0, 0, 0 },  /* DEC */
	/* Not ours: registers, LOCK of a store, strings, vectors. */
	{ { 0x89, 0xc1 }, 8, 0, ST, 0, 0, 0, 0, 0, 0 },
	{ { 0xf0, 0x21, 0x11 }, 8, 3, INSN_AND, 4, 2, 4, 0, 0, 0 },
	{ { 0xf0, 0x89, 0x11 }, 8, 0, ST, 0, 0, 0, 0, 0, 0 },
	{ { 0xf0, 0x23, 0x11 }, 8, 0, ST, 0, 0, 0, 0, 0, 0 },
	{ { 0xf3, 0xa5 }, 8, 0, ST, 0, 0, 0, 0, 0, 0 },
	{ { 0x0f, 0x11, 0x01 }, 8, 0, ST, 0, 0, 0, 0, 0, 0 },
	{ { 0x90 }, 8, 0, ST, 0, 0, 0, 0, 0, 0 },
};
/* clang-format on */

static void test_forms(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(forms); i++) {
		const struct form *f = &forms[i];
		struct insn n = { .length = 0 };
		bool good = insn_decode(f->bytes, 15, f->width, &n);

		if (good != (f->length != 0) || (good && n.length != f->length))
			fail_msg("row %u: length %u", i, n.length);
		if (!good)
			continue;
		assert_int_equal(n.kind, f->kind);
		assert_int_equal(n.size, f->size);
		if (!f->has_immediate)
			assert_int_equal(n.reg, f->reg);
		assert_int_equal(n.reg_size, f->reg_size);
		assert_int_equal(n.high, f->high);
		assert_int_equal(n.has_immediate, f->has_immediate);
		assert_int_equal(n.immediate, f->immediate);
	}
}

/* The bytes lie at the end of an allocation: the sanitizer looks on. */
static void test_too_few_bytes(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(forms); i++) {
		for (u32 count = 0; count <= forms[i].length; count++) {
			u8 *copy = malloc(count ? count : 1);
			struct insn n;

			memcpy(copy, forms[i].bytes, count);
			assert_int_equal(
				insn_decode(copy, count, forms[i].width, &n),
				forms[i].length && count == forms[i].length);
			free(copy);
		}
	}
}

static void test_any_bytes(void **state)
{
	u64 seed = 3;
	u32 known = 0;

	(void)state;
	for (u32 i = 0; i < 200000; i++) {
		u64 words[2] = { fake_random(&seed), fake_random(&seed) };
		struct insn n;

		if (!insn_decode((u8 *)words, i % 16, 2u << i % 3, &n))
			continue;
		known++;
		assert_true(n.length <= i % 16 && n.reg < 16 && n.size <= 8);
	}
	assert_true(known > 1000);
	/* Prefixes without end. */
	for (u32 width = 2; width <= 8; width *= 2) {
		u8 bytes[15];
		struct insn n;

		memset(bytes, 0x66, sizeof(bytes));
		assert_false(insn_decode(bytes, sizeof(bytes), width, &n));
	}
}

static void test_operands(void **state)
{
	u64 gpr[16] = { 0x1111222233334444, 0xffffffffffffffff };
	struct insn n = { .reg = 0, .reg_size = 4, .size = 4 };

	(void)state;
	assert_int_equal(insn_operand(&n, gpr), gpr[0]);
	insn_result(&n, gpr, 0xaabbccddeeff0011);
	assert_true(gpr[0] == 0xeeff0011);
	n = (struct insn){ .reg = 1, .reg_size = 1, .high = true };
	insn_result(&n, gpr, 0x12);
	assert_true(gpr[1] == 0xffffffffffff12ff);
	assert_int_equal(insn_operand(&n, gpr) & 0xff, 0x12);
	n = (struct insn){ .reg = 1, .reg_size = 2 };
	insn_result(&n, gpr, 0x3456789a);
	assert_true(gpr[1] == 0xffffffffffff789a);
	n = (struct insn){ .reg = 1, .reg_size = 8 };
	insn_result(&n, gpr, 5);
	assert_true(gpr[1] == 5);
	n = (struct insn){ .has_immediate = true, .immediate = 0x80000000 };
	assert_true(insn_operand(&n, gpr) == 0xffffffff80000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_too_few_bytes),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_operands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
