/*
 * Places: pages, addresses, partitions; good ones and bad ones.
 */
#include <efi.h>
#include <efilib.h>

#include "include/x86_apic.h"
#include "parent/cpu.h"
#include "tests/guest/lib/random.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/root/attack/attack.h"

#define MAP_BYTES 16384u
#define LEAST_RESERVED 2048u /* pages: the firmware's own runs are shorter */

/* ---- The hypervisor's own memory ---- */

bool attack_find_reserved(void)
{
	static u8 map[MAP_BYTES] __attribute__((aligned(8)));
	UINTN size = sizeof(map), key, step;
	UINT32 version;

	attack.reserved_pages = 0;
	if (EFI_ERROR(BS->GetMemoryMap(&size, (void *)map, &key, &step,
	                               &version)))
		return false;
	for (UINTN at = 0; at + step <= size; at += step) {
		const EFI_MEMORY_DESCRIPTOR *d = (void *)(map + at);

		if (d->Type != EfiReservedMemoryType ||
		    d->NumberOfPages <= attack.reserved_pages)
			continue;
		attack.reserved = d->PhysicalStart;
		attack.reserved_pages = d->NumberOfPages;
	}
	attack.limit = 1ull << ((cpu_cpuid(0x80000008).eax & 0xff) - 12);
	return attack.reserved_pages >= LEAST_RESERVED;
}

/* ---- Pages ---- */

u32 attack_number(u64 gpn)
{
	u64 number = gpn - (attack.pages >> PAGE_SHIFT);

	return number < ATTACK_PAGES ? (u32)number : ATTACK_PAGES;
}

bool attack_is_own(u32 number)
{
	u32 first = ATTACK_CHILDREN + mp_here() * ATTACK_OWN;

	return attack.attackers == 1 || number - first < ATTACK_OWN ||
	       number - attack_private(ATTACK_PRIVATE_EACH - 1) <
	               ATTACK_PRIVATE_EACH;
}

bool attack_is_ours(u64 address)
{
	u64 page = address & ~(u64)(PAGE_SIZE - 1);
	u32 number = attack_number(address >> PAGE_SHIFT);

	if (number < ATTACK_PAGES)
		return attack_is_own(number) && !attack_is_gone(number);
	return page - attack_me()->in < 2 * PAGE_SIZE ||
	       page - attack_me()->out < 2 * PAGE_SIZE;
}

u32 attack_private(u32 n)
{
	return ATTACK_PAGES - 1 - mp_here() * ATTACK_PRIVATE_EACH - n;
}

/* Of those that are given away, and are no child's while they are not. */
static u64 private_page(void)
{
	return (attack.pages >> PAGE_SHIFT) +
	       attack_private(random_below(ATTACK_PRIVATE_EACH));
}

/* Both's: of a child, or behind what is one's. Or this processor's own. */
static u32 one_of_two(void)
{
	u32 behind = ATTACK_CHILDREN + MP_PROCESSORS * ATTACK_OWN;

	switch (random_below(4)) {
	case 0:
		return random_below(ATTACK_CHILDREN);
	case 1:
		return behind +
		       random_below(ATTACK_PAGES - ATTACK_PRIVATE - behind);
	default:
		return ATTACK_CHILDREN + mp_here() * ATTACK_OWN +
		       random_below(ATTACK_OWN);
	}
}

static u64 of_the_run(void)
{
	if (attack.attackers > 1)
		return random_below(4)
		               ? (attack.pages >> PAGE_SHIFT) + one_of_two()
		               : private_page();
	return (attack.pages >> PAGE_SHIFT) + random_below(ATTACK_PAGES);
}

/* What a child may have, too. */
static u64 common_page(void)
{
	return (attack.pages >> PAGE_SHIFT) +
	       (attack.attackers > 1
	                ? one_of_two()
	                : random_below(ATTACK_PAGES - ATTACK_PRIVATE));
}

/* Flash, PCI, the I/O APIC and the APIC, video memory: no RAM. */
static u64 device(void)
{
	static const u64 pages[] = { 0xa0,    0xbf,    0xe0000, 0xfec00,
		                     0xfed00, 0xffc00, 0xfffff };

	return random_below(4) ? pages[random_below(ARRAY_LEN(pages))]
	                       : LAPIC_BASE_RESET >> PAGE_SHIFT;
}

/* Behind all RAM of these machines, and about the last page that there can be. */
static u64 beyond(void)
{
	switch (random_below(4)) {
	case 0:
		return attack.limit - random_below(2);
	case 1:
		return ~0ull - random_below(2);
	case 2:
		return 1ull << (24 + random_below(40));
	default:
		return random_next() | BIT(40);
	}
}

/* Never one of ours that is not of the run: what becomes of these we would feel. */
u64 attack_page(bool gives)
{
	switch (random_below(24)) {
	case 0:
	case 1:
		return (attack.reserved >> PAGE_SHIFT) +
		       random_below((u32)attack.reserved_pages);
	case 2:
		return device();
	case 3:
		return beyond();
	case 4:
		return test_hypercall_page() >> PAGE_SHIFT;
	case 5:
		return test_sim_page() >> PAGE_SHIFT;
	case 6:
		if (gives) /* where pools' lists end */
			return 0;
		/* fallthrough */
	case 7:
		if (gives)
			return private_page();
		/* fallthrough */
	default:
		return common_page();
	}
}

u64 attack_child_page(void)
{
	switch (random_below(16)) {
	case 0:
		return beyond();
	case 1:
		return random_next() & (attack.limit - 1);
	case 2:
		return LAPIC_BASE_RESET >> PAGE_SHIFT;
	case 3:
		return random_below(0x400);
	default:
		return random_below(2 * ATTACK_MEMORY);
	}
}

/* ---- Addresses ---- */

static u64 bad_page(void)
{
	switch (random_below(5)) {
	case 0:
		return device();
	case 1:
		return beyond();
	case 2:
		return test_hypercall_page() >> PAGE_SHIFT;
	case 3:
		return test_sim_page() >> PAGE_SHIFT;
	default:
		return (attack.reserved >> PAGE_SHIFT) +
		       random_below((u32)attack.reserved_pages);
	}
}

static u64 offset(void)
{
	switch (random_below(4)) {
	case 0:
		return 8;
	case 1:
		return random_below(PAGE_SIZE / 8) * 8;
	case 2:
		return PAGE_SIZE - 8u * (1 + random_below(8));
	default:
		return random_below(PAGE_SIZE);
	}
}

u64 attack_address(u64 usual, bool safe)
{
	u32 how = random_below(64);
	u64 page = usual + random_below(2) * PAGE_SIZE;

	if (how < 56)
		return page;
	if (how < 59)
		return page + offset();
	if (how < 61)
		return bad_page() << PAGE_SHIFT | (how & 1 ? offset() : 0);
	/* One block upon the other, or in a page that may be anybody's by now. */
	if (!safe && how < 62)
		return attack_me()->in + random_below(2) * PAGE_SIZE + offset();
	page = safe ? private_page() : of_the_run();
	return page << PAGE_SHIFT | (how & 1 ? offset() : 0);
}

/* ---- Partitions ---- */

u64 attack_id(void)
{
	u32 how = random_below(24);

	if (attack.focus && how % 2)
		return attack.focus;
	if (how < 20 && attack.id_count)
		return attack.ids[random_below(attack.id_count)];
	switch (how % 5) {
	case 0:
		return HV_PARTITION_ID_INVALID;
	case 1:
		return HV_PARTITION_ID_SELF;
	case 2:
		return STASIS_ROOT_ID;
	case 3:
		return random_below((u32)attack.id_next + 4);
	default:
		return random_next();
	}
}
