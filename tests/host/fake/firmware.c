/*
 * The firmware allocates from the top, as OVMF does.
 */
#include "tests/host/fake/firmware.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parent/memory.h"
#include "parent/transport.h"

struct fake_firmware fake_firmware;

void fake_firmware_reset(void)
{
	memset(&fake_firmware, 0, sizeof(fake_firmware));
}

u64 fake_firmware_gpn(u64 place)
{
	return FIRMWARE_BASE / PAGE_SIZE + place;
}

u64 fake_firmware_place(u64 address)
{
	assert_int_equal(address % PAGE_SIZE, 0);
	assert_true(address >= FIRMWARE_BASE);
	address = (address - FIRMWARE_BASE) / PAGE_SIZE;
	assert_true(address < FIRMWARE_PAGES);
	return address;
}

u32 fake_firmware_count(enum firmware_page state)
{
	u32 count = 0;

	for (u64 i = 0; i < FIRMWARE_PAGES; i++)
		count += fake_firmware.page[i] == state;
	return count;
}

static void change(u64 place, u64 pages, enum firmware_page from,
                   enum firmware_page to)
{
	for (u64 i = place; i < place + pages; i++) {
		assert_true(i < FIRMWARE_PAGES);
		assert_int_equal(fake_firmware.page[i], from);
		fake_firmware.page[i] = to;
	}
}

static bool run_is_free(u64 place, u64 pages)
{
	for (u64 i = place; i < place + pages; i++)
		if (fake_firmware.page[i] != FIRMWARE_FREE)
			return false;
	return true;
}

u64 transport_take(u64 pages, u64 last)
{
	assert_int_not_equal(pages, 0);
	for (u64 place = FIRMWARE_PAGES; place-- > 0;) {
		u64 address = FIRMWARE_BASE + place * PAGE_SIZE;

		if (place + pages > FIRMWARE_PAGES ||
		    address + pages * PAGE_SIZE - 1 > last ||
		    !run_is_free(place, pages))
			continue;
		change(place, pages, FIRMWARE_FREE, FIRMWARE_TAKEN);
		return address;
	}
	return 0;
}

/* Nothing may be given that was not taken, or that is deposited. */
void transport_give(u64 address, u64 pages)
{
	if (pages)
		change(fake_firmware_place(address), pages, FIRMWARE_TAKEN,
		       FIRMWARE_FREE);
}

static enum hv_status deposit_one(u64 gpn)
{
	u64 place = fake_firmware_place(gpn << PAGE_SHIFT);

	if (gpn == fake_firmware.special_page)
		return fake_firmware.special_status;
	if (fake_firmware.no_ram[place])
		return HV_STATUS_OPERATION_DENIED;
	change(place, 1, FIRMWARE_TAKEN, FIRMWARE_DEPOSITED);
	return HV_STATUS_SUCCESS;
}

/* A special page with SUCCESS: the call ends there for no reason at all. */
enum hv_status memory_deposit(u64 id, const u64 *pages, u32 count, u32 *done)
{
	enum hv_status status = HV_STATUS_SUCCESS;

	(void)id;
	assert_true(count <= MEMORY_DEPOSIT_MAX);
	fake_firmware.deposits++;
	for (*done = 0; *done < count; (*done)++) {
		status = deposit_one(pages[*done]);
		if (status != HV_STATUS_SUCCESS ||
		    pages[*done] == fake_firmware.special_page)
			break;
	}
	return status;
}
