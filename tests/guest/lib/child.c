/*
 * Making children and taking them down.
 */
#include "tests/guest/lib/child.h"

#include <efilib.h>

#include "parent/memory.h"
#include "parent/partition.h"
#include "parent/uefi/synic.h"
#include "parent/vp.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/sort.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/vendor.h"

/* Partition, VP, tables of a small GPA space, pages of intercepted ports. */
#define POOL_PAGES 28
#define BATCH 32
#define STACK_PAGES 4

static struct {
	u64 base;
	u64 pages;
} image;

static void find_image(EFI_HANDLE handle)
{
	EFI_LOADED_IMAGE *loaded = NULL;

	BS->HandleProtocol(handle, &LoadedImageProtocol, (void **)&loaded);
	if (!loaded)
		return;
	image.base = (u64)loaded->ImageBase;
	image.pages = (loaded->ImageSize + PAGE_SIZE - 1) / PAGE_SIZE;
	/* Before anything has been copied out of it. */
	vendor_fit_calls(loaded->ImageBase, loaded->ImageSize);
}

u64 child_begin(EFI_HANDLE handle)
{
	find_image(handle);
	return image.base;
}

/* ---- Making ---- */

bool child_create_bare(struct child *c)
{
	BS->SetMem(c, sizeof(*c), 0);
	return EXPECT_SUCCESS(partition_create(&c->id));
}

/* A page that is not RAM to the hypervisor is no failure: there are others. */
static bool deposit_batch(struct child *c, u32 count, u32 *done)
{
	u64 list[BATCH];
	enum hv_status status;
	u32 left;

	for (u32 i = 0; i < count; i++) {
		list[i] = page_take();
		if (!EXPECT(list[i]))
			return false;
	}
	/* By address: what was given back in any order is used for the same things again. */
	sort(list, count);
	status = memory_deposit(c->id, list, count, done);
	c->deposited += *done;
	left = *done;
	if (status == HV_STATUS_OPERATION_DENIED && page_refuse(list[left])) {
		status = HV_STATUS_SUCCESS;
		left++;
	}
	if (status != HV_STATUS_SUCCESS)
		test_context("page", list[left]);
	while (left < count)
		page_put(list[left++]);
	return EXPECT_SUCCESS(status);
}

bool child_deposit(struct child *c, u64 count)
{
	u32 done;

	for (; count; count -= done)
		if (!deposit_batch(c, count < BATCH ? (u32)count : BATCH,
		                   &done))
			return false;
	return true;
}

bool child_initialize(struct child *c)
{
	return child_deposit(c, POOL_PAGES) &&
	       EXPECT_SUCCESS(partition_initialize(c->id));
}

bool child_add_memory(struct child *c, u64 base, u64 pages)
{
	enum hv_status status;
	u64 done;

	c->memory = page_run(pages);
	c->base = base;
	c->pages = pages;
	while (EXPECT(c->memory)) {
		status = memory_map(c->id, base >> PAGE_SHIFT,
		                    c->memory >> PAGE_SHIFT, pages, CHILD_RWX,
		                    &done);
		if (status == HV_STATUS_SUCCESS)
			return EXPECT_EQUAL(done, pages);
		if (status != HV_STATUS_OPERATION_DENIED) {
			test_context("page", (c->memory >> PAGE_SHIFT) + done);
			return EXPECT_SUCCESS(status);
		}
		memory_unmap(c->id, base >> PAGE_SHIFT, done);
		c->memory = page_run_replace(c->memory, pages,
		                             c->memory + done * PAGE_SIZE);
	}
	return false;
}

static bool create_at(struct child *c, u64 base, u64 pages)
{
	return child_create_bare(c) && child_initialize(c) &&
	       child_add_memory(c, base, pages) &&
	       EXPECT_SUCCESS(vp_create(c->id, 0));
}

bool child_create(struct child *c, u64 pages)
{
	return create_at(c, 0, pages);
}

bool child_create_like(struct child *c, const struct child *like)
{
	return create_at(c, like->base, like->pages);
}

/* The copy is made before anything of it runs: our state as of now. */
bool child_fork(struct child *c, void (*function)(u64 a, u64 b), u64 a, u64 b)
{
	u64 pages = image.pages + STACK_PAGES + CHILD_TABLES;
	u64 stack = image.base + (image.pages + STACK_PAGES) * PAGE_SIZE;

	if (!EXPECT(image.base) || !create_at(c, image.base, pages))
		return false;
	BS->CopyMem((void *)c->memory, (void *)image.base,
	            image.pages * PAGE_SIZE);
	/* As behind a CALL: RSP is 8 off a multiple of 16. */
	return child_set_long(c, (u64)function, stack - 8) &&
	       child_set(c, HV_REGISTER_RFLAGS, RFLAGS_IF | RFLAGS_FIXED) &&
	       child_set(c, HV_REGISTER_RDI, a) &&
	       child_set(c, HV_REGISTER_RSI, b);
}

/* ---- The end ---- */

/* A message of a child that is gone would be taken for the next one's. */
static void forget_messages(u64 id)
{
	const struct hv_message *slot = synic_poll(test_sim_page());

	if (slot && slot->sender == id)
		synic_release(test_sim_page());
}

bool child_withdraw_all(struct child *c)
{
	enum hv_status status = HV_STATUS_SUCCESS;
	u64 list[BATCH], total = 0;
	bool good = true;
	u32 count = 0;

	while (status == HV_STATUS_SUCCESS) {
		status = memory_withdraw(c->id, list, BATCH, &count);
		for (u32 i = 0; i < count; i++) {
			good &= EXPECT(page_is_zero(list[i] << PAGE_SHIFT));
			page_put(list[i]);
		}
		total += count;
		if (count == 0)
			break;
	}
	good &= EXPECT_STATUS(status, HV_STATUS_NO_RESOURCES);
	good &= EXPECT_EQUAL(total, c->deposited);
	c->deposited = 0;
	return good;
}

bool child_destroy(struct child *c)
{
	u64 available = 0, in_use = 1;
	bool good;

	good = EXPECT_SUCCESS(partition_finalize(c->id)) &&
	       EXPECT_SUCCESS(memory_get_balance(c->id, &available, &in_use)) &&
	       EXPECT_EQUAL(in_use, 0) &&
	       EXPECT_EQUAL(available, c->deposited) && child_withdraw_all(c) &&
	       EXPECT_SUCCESS(partition_delete(c->id));
	forget_messages(c->id);
	if (good && c->memory)
		page_run_free(c->memory, c->pages);
	c->id = 0;
	return good;
}

void child_print(const struct child *c)
{
	static const u32 names[] = {
		HV_REGISTER_RIP,    HV_REGISTER_RSP,
		HV_REGISTER_RFLAGS, HV_REGISTER_CR0,
		HV_REGISTER_CR2,    HV_REGISTER_CR4,
		HV_REGISTER_EFER,   HV_REGISTER_PENDING_INTERRUPTION,
		HV_REGISTER_DR7,    HV_REGISTER_INTERRUPT_STATE,
		HV_REGISTER_TPR,
	};

	for (u32 i = 0; i < ARRAY_LEN(names); i++)
		serial_print("register %x: %x\r\n", (u64)names[i],
		             child_get(c, names[i]));
}

/* No checks: the case has failed already. */
static void destroy_quietly(u64 id)
{
	u64 list[BATCH];
	u32 count;

	partition_finalize(id);
	do {
		memory_withdraw(id, list, BATCH, &count);
		for (u32 i = 0; i < count; i++)
			page_put(list[i]);
	} while (count);
	partition_delete(id);
	forget_messages(id);
}

bool child_destroy_all(void)
{
	u64 id = 0, next;
	bool none = true;

	while (partition_next_child(HV_PARTITION_ID_SELF, 0, &next) ==
	               HV_STATUS_SUCCESS &&
	       next && next != id) {
		id = next;
		destroy_quietly(id);
		none = false;
	}
	return none;
}

void child_end(void)
{
	child_destroy_all();
	pages_end();
}
