/*
 * boot/maker.c: in whose words a processor is refused that runs no guests.
 */
#include "boot/maker.h"
#include "tests/host/fixture/test.h"

static const char *name;

/* EBX, EDX, ECX have the name, in this order. */
static void cpuid(u32 leaf, u32 regs[4])
{
	assert_int_equal(leaf, 0);
	regs[0] = 0x10;
	memcpy(&regs[1], name, 4);
	memcpy(&regs[3], name + 4, 4);
	memcpy(&regs[2], name + 8, 4);
}

static void test_makers(void **state)
{
	static const struct {
		const char *name;
		bool has_svm;
	} rows[] = {
		{ "AuthenticAMD", true },  { "HygonGenuine", true },
		{ "GenuineIntel", false }, { "CentaurHauls", false },
		{ "AuthcAMDenti", false }, { "AuthenticAMd", false },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		name = rows[i].name;
		assert_int_equal(maker_has_svm(cpuid), rows[i].has_svm);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_makers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
