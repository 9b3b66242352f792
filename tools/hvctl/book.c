/*
 * The book of children, and the pages that hypercalls need between commands.
 */
#include "tools/hvctl/book.h"

#include <efilib.h>

#include "parent/cpu.h"
#include "parent/firmware.h"
#include "parent/hvcall.h"
#include "parent/partition.h"
#include "parent/synic.h"
#include "tools/hvctl/command.h"
#include "tools/hvctl/report.h"

#define BOOK_MAGIC 0x314b4f4f42544353ull /* "SCTBOOK1" */
#define BOOK_PAGES ((sizeof(struct book) + PAGE_SIZE - 1) / PAGE_SIZE)
#define STALL_MICROSECONDS 20000

/* The blocks of hypercalls are in our own image, and must be in RAM. */
#define MISPLACED                                                  \
	"the firmware may have loaded hvctl into memory that was " \
	"reserved when Stasis started: reset, and start stasis.efi first"

static EFI_GUID book_guid = { 0x7f6c2b1a,
	                      0x95d3,
	                      0x4c4e,
	                      { 0xa1, 0x0f, 0x53, 0x74, 0x61, 0x73, 0x69,
	                        0x73 } };
static struct book *the_book;

struct book *book_get(void)
{
	return the_book;
}

/* For the hypercalls' code: executable under any policy of the firmware. */
static u64 take_code_page(void)
{
	EFI_PHYSICAL_ADDRESS page;

	if (EFI_ERROR(BS->AllocatePages(AllocateAnyPages,
	                                EfiRuntimeServicesCode, 1, &page)))
		return 0;
	return page;
}

static u64 measure_tsc_khz(void)
{
	u64 before = cpu_read_tsc();

	BS->Stall(STALL_MICROSECONDS);
	return (cpu_read_tsc() - before) / (STALL_MICROSECONDS / 1000);
}

/* Its pages outlive this program and, if an OS is started, the firmware. */
static EFI_STATUS begin_book(void)
{
	u64 address = firmware_take(BOOK_PAGES, FIRMWARE_ANYWHERE);
	u64 sim = firmware_take(1, FIRMWARE_ANYWHERE);
	u64 page = take_code_page();

	if (!address || !sim || !page)
		return report_memory(BOOK_PAGES);
	the_book = (struct book *)address;
	the_book->magic = BOOK_MAGIC;
	the_book->pages = BOOK_PAGES;
	the_book->hypercall_page = page;
	the_book->sim_page = sim;
	the_book->tsc_khz = measure_tsc_khz();
	return BS->InstallConfigurationTable(&book_guid, the_book);
}

static void find_book(void)
{
	void *found;

	if (EFI_ERROR(LibGetSystemConfigurationTable(&book_guid, &found)))
		return;
	if (((struct book *)found)->magic == BOOK_MAGIC)
		the_book = found;
}

EFI_STATUS book_open(void)
{
	enum hv_status hv;
	EFI_STATUS status;

	if (!hvcall_present()) {
		Print(L"hvctl: Stasis is not running; start stasis.efi\n");
		return EFI_NOT_READY;
	}
	find_book();
	if (!the_book) {
		status = begin_book();
		if (EFI_ERROR(status))
			return status;
	}
	if (!hvcall_setup(the_book->hypercall_page)) {
		Print(L"hvctl: the hypercall page cannot be enabled\n");
		return EFI_DEVICE_ERROR;
	}
	hv = partition_get_id(&the_book->root_id);
	if (hv != HV_STATUS_SUCCESS)
		return report_status("HvGetPartitionId", 0, hv, MISPLACED);
	synic_setup_polling(the_book->sim_page);
	return EFI_SUCCESS;
}

struct book_child *book_child_of(u64 id)
{
	for (u32 i = 0; i < BOOK_CHILDREN; i++)
		if (the_book->child[i].id == id)
			return &the_book->child[i];
	return NULL;
}

struct book_child *book_new_child(void)
{
	struct book_child *child = book_child_of(0);

	if (!child)
		Print(L"hvctl: there are %d children already, and that is all "
		      L"that hvctl can keep\n  delete one first\n",
		      BOOK_CHILDREN);
	return child;
}

struct book_child *book_find(const CHAR16 *word)
{
	struct book_child *child = NULL;
	u64 id;

	if (args_number(word, &id) && id != 0)
		child = book_child_of(id);
	if (!child)
		Print(L"hvctl: %s is not the id of a child of hvctl\n"
		      L"  hvctl list shows them\n",
		      word);
	return child;
}

int book_next_vp(const struct book_child *child, int vp)
{
	for (vp++; vp < 32 * BOOK_VP_WORDS; vp++)
		if (child->vps[vp / 32] >> (vp % 32) & 1)
			return vp;
	return -1;
}
