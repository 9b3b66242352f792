/*
 * The book of children, and the pages that hypercalls need between commands.
 */
#include "tools/hvctl/book.h"

#include "parent/partition.h"
#include "parent/transport.h"
#include "tools/hvctl/command.h"
#include "tools/hvctl/front.h"
#include "tools/hvctl/print.h"
#include "tools/hvctl/report.h"

/* With its version: see find_book. */
#define BOOK_MAGIC 0x344b4f4f42544353ull /* "SCTBOOK4" */
#define BOOK_PAGES ((sizeof(struct book) + PAGE_SIZE - 1) / PAGE_SIZE)

/* The blocks of hypercalls are in our own image, and must be in RAM. */
#define MISPLACED                                                  \
	"the firmware may have loaded hvctl into memory that was " \
	"reserved when Stasis started: reset, and start stasis.efi first"

static struct book *the_book;

struct book *book_get(void)
{
	return the_book;
}

/* Its pages outlive this program and, if an OS is started, the firmware. */
static enum hvctl_result begin_book(void)
{
	u64 pages = transport_take(BOOK_PAGES, TRANSPORT_ANYWHERE);

	if (!pages)
		return report_memory(BOOK_PAGES);
	the_book = transport_at(pages);
	the_book->magic = BOOK_MAGIC;
	/* How large it is, for one who looks at memory: a later hvctl has a larger one. */
	the_book->pages = BOOK_PAGES;
	the_book->ticks_in_ms = front_ticks_in_ms();
	return front_keep_book(the_book) ? HVCTL_DONE : HVCTL_NO_MEMORY;
}

/*
 * A book of another version of hvctl has another layout, and its children are not
 * ours to touch: they are left alone, and a book of our own begins.
 */
static void find_book(void)
{
	struct book *found = front_find_book();

	the_book = found && found->magic == BOOK_MAGIC ? found : NULL;
}

static enum hvctl_result open_transport(void)
{
	switch (transport_open(the_book->transport)) {
	case TRANSPORT_OPEN:
		return HVCTL_DONE;
	case TRANSPORT_NO_MEMORY:
		return report_memory(1);
	default:
		print("hvctl: the hypercall page cannot be enabled\n");
		return HVCTL_REFUSED;
	}
}

enum hvctl_result book_open(void)
{
	enum hvctl_result result = HVCTL_DONE;
	enum hv_status status;
	u64 first;

	/* Before anything is taken from the system: without a hypervisor it would be lost. */
	if (!transport_present()) {
		print("hvctl: Stasis is not running; start stasis.efi\n");
		return HVCTL_NOT_READY;
	}
	find_book();
	if (!the_book)
		result = begin_book();
	if (result == HVCTL_DONE)
		result = open_transport();
	if (result != HVCTL_DONE)
		return result;
	/*
	 * The first call of all: where it fails for the place of its blocks, no other one
	 * could do better, and what to do about it is known.
	 */
	status = partition_next_child(HV_PARTITION_ID_SELF, 0, &first);
	if (status != HV_STATUS_SUCCESS)
		return report_status("HvGetNextChildPartition", STASIS_ROOT_ID,
		                     status, MISPLACED);
	return HVCTL_DONE;
}

struct book_child *book_child_of(u64 id)
{
	/* With id 0, which no partition has, this finds a free entry. */
	for (u32 i = 0; i < BOOK_CHILDREN; i++)
		if (the_book->child[i].id == id)
			return &the_book->child[i];
	return NULL;
}

struct book_child *book_new_child(void)
{
	struct book_child *child = book_child_of(0);

	if (!child)
		print("hvctl: there are %u children already, and that is all "
		      "that hvctl can keep\n  delete one first\n",
		      BOOK_CHILDREN);
	return child;
}

struct book_child *book_find(const char *word)
{
	struct book_child *child = NULL;
	u64 id;

	/* 0 would find a free entry: see book_child_of. */
	if (args_number(word, &id) && id != 0)
		child = book_child_of(id);
	if (!child)
		print("hvctl: %s is not the id of a child of hvctl\n"
		      "  hvctl list shows them\n",
		      word);
	return child;
}

int book_next_vp(const struct book_child *child, int vp)
{
	/* In the order of indices, whatever the order in which they were created. */
	for (vp++; vp < 32 * BOOK_VP_WORDS; vp++)
		if (child->vps[vp / 32] >> (vp % 32) & 1)
			return vp;
	return -1;
}
