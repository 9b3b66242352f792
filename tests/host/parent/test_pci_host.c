/*
 * parent/pci_host.c: configuration mechanism #1 (PCI Local Bus 3.0, 3.2.2.3.2), as systems
 * look for it.
 */
#include "parent/pci_host.h"
#include "tests/host/fixture/test.h"

static struct pci_host pci;

static int fresh(void **state)
{
	(void)state;
	memset(&pci, 0, sizeof(pci));
	return 0;
}

static u64 get(u32 address, u32 offset, u32 size)
{
	pci_host_write_address(&pci, 0, 4, address);
	return pci_host_read_data(&pci, offset, size) &
	       (size == 4 ? ~0u : (1u << 8 * size) - 1);
}

static void test_address(void **state)
{
	(void)state;
	assert_int_equal(pci_host_read_address(&pci, 0, 4), 0);
	pci_host_write_address(&pci, 0, 4, 0xffffffff);
	assert_int_equal(pci_host_read_address(&pci, 0, 4), 0x80fffffc);
	assert_true(pci_host_valid(&pci));
	/* A byte of it, or a word, is not to it. */
	pci_host_write_address(&pci, 3, 1, 1);
	pci_host_write_address(&pci, 0, 1, 0);
	pci_host_write_address(&pci, 0, 2, 0);
	pci_host_write_address(&pci, 2, 2, 0);
	assert_int_equal(pci_host_read_address(&pci, 0, 4), 0x80fffffc);
	assert_int_equal((u8)pci_host_read_address(&pci, 1, 1), 0xff);
	assert_int_equal((u16)pci_host_read_address(&pci, 0, 2), 0xffff);
}

static void test_bridge(void **state)
{
	(void)state;
	assert_int_equal(get(0x80000000, 0, 4), 0x12378086);
	assert_int_equal(get(0x80000000, 0, 2), 0x8086);
	assert_int_equal(get(0x80000000, 2, 2), 0x1237);
	assert_int_equal(get(0x80000000, 3, 1), 0x12);
	/* A host bridge: 06H, 00H; a header of type 0, and no second function. */
	assert_int_equal(get(0x80000008, 2, 2), 0x0600);
	assert_int_equal(get(0x8000000c, 2, 1), 0);
	for (u32 at = 0x0c; at < 0x100; at += 4)
		assert_int_equal(get(0x80000000 | at, 0, 4), 0);
	/* Beyond the register, and while it is switched off. */
	assert_int_equal(get(0x80000000, 2, 4), 0xffffffff);
	assert_int_equal(get(0x80000000, 3, 2), 0xffff);
	assert_int_equal(get(0, 0, 4), 0xffffffff);
}

static void test_nobody(void **state)
{
	(void)state;
	for (u32 bus = 0; bus < 256; bus++)
		for (u32 at = 0; at < 256; at++)
			if (bus || at)
				assert_int_equal(
					get(0x80000000 | bus << 16 | at << 8, 0,
				            4),
					0xffffffff);
}

static void test_states(void **state)
{
	(void)state;
	for (u32 bit = 0; bit < 64; bit++) {
		fresh(state);
		((u8 *)&pci)[bit / 8] = (u8)(1 << bit % 8);
		assert_int_equal(pci_host_valid(&pci),
		                 0x80fffffcull >> bit & 1);
	}
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup(f, fresh)
	const struct CMUnitTest tests[] = {
		ROW(test_address),
		ROW(test_bridge),
		ROW(test_nobody),
		ROW(test_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
