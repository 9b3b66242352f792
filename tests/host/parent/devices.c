/*
 * The table that hvctl has here: its own rows, and a latch that remembers a word.
 */
#include "tests/host/parent/fake.h"

extern const struct device_table devices_product; /* hvctl's own */

struct latch {
	u8 byte[2];
};

static u64 latch_read(const struct device_access *access)
{
	const struct latch *latch = access->state;
	u64 value = 0;

	for (u32 i = 0; i < access->size; i++)
		value |= (u64)latch->byte[access->offset + i] << 8 * i;
	return value;
}

static void latch_write(const struct device_access *access)
{
	struct latch *latch = access->state;

	for (u32 i = 0; i < access->size; i++)
		latch->byte[access->offset + i] = (u8)(access->value >> 8 * i);
}

static bool latch_restore(void *state, const u8 *from, u32 length)
{
	struct latch *latch = state;

	if (length != sizeof(*latch) || from[1] > LATCH_LIMIT >> 8)
		return false;
	memcpy(latch, from, sizeof(*latch));
	return true;
}

struct bank *bank;

void bank_fill(void)
{
	memset(bank, 0, sizeof(*bank));
	for (u32 i = 0; i < BANK_BYTES; i++)
		bank->byte[i] = (u8)(0x80 + i);
}

static void bank_reset(void *state)
{
	bank = state;
	bank_fill();
}

static void *bank_touch(const struct device_access *access)
{
	bank = access->state;
	bank->size = access->size;
	bank->offset = access->offset;
	assert_true(access->offset + access->size <= BANK_BYTES);
	return bank->byte + access->offset;
}

static u64 bank_read(const struct device_access *access)
{
	u64 value = ~0ull; /* what is beyond the width is not taken */

	memcpy(&value, bank_touch(access), access->size);
	bank->reads++;
	return value;
}

static void bank_write(const struct device_access *access)
{
	memcpy(bank_touch(access), &access->value, access->size);
	bank->writes++;
}

static struct device rows[] = {
	{ .name = "hvctl's console" },
	{ .name = "hvctl's exit" },
	{ .name = "hvctl's serial port" },
	{ .name = "hvctl's I/O APIC" },
	{ .name = "hvctl's power" },
	{ .name = "hvctl's clock" },
	{ .name = "hvctl's PCI" },
	{ .name = "hvctl's chipset" },
	{ .name = "latch",
	  .range = { { DEVICE_PORT, LATCH_PORT, 2 } },
	  .read = latch_read,
	  .write = latch_write,
	  .kind = LATCH_KIND,
	  .state_size = sizeof(struct latch),
	  .restore = latch_restore },
	{ .name = "bank",
	  .range = { { DEVICE_MEMORY, BANK_GPA, BANK_BYTES } },
	  .read = bank_read,
	  .write = bank_write,
	  .reset = bank_reset,
	  .state_size = sizeof(struct bank) },
	{ .name = "silent", .range = { { DEVICE_MEMORY, SILENT_GPA, 8 } } },
};
#define OURS 3u

const struct device_table devices_table = { rows, ARRAY_LEN(rows) };

void devices_reset(void)
{
	assert_int_equal(devices_product.count, ARRAY_LEN(rows) - OURS);
	for (u32 i = 0; i < devices_product.count; i++)
		rows[i] = devices_product.row[i];
}
