/*
 * hvctl list and log.
 */

#include "parent/memory.h"
#include "parent/partition.h"
#include "parent/vp.h"
#include "tools/hvctl/book.h"
#include "tools/hvctl/command.h"
#include "tools/hvctl/front.h"
#include "tools/hvctl/print.h"
#include "tools/hvctl/report.h"

/* Suspended is a child as a whole; of an intercept, one VP is enough. */
static const char *state_of(const struct book_child *child)
{
	static const char *const ends[] = {
		[BOOK_EXITED] = "ended",
		[BOOK_OFF] = "off",
		[BOOK_RESET] = "reset",
	};
	u64 explicit = 0, intercept = 0, value;

	if (child->ended)
		return ends[child->ended];
	for (int vp = book_next_vp(child, -1); vp >= 0;
	     vp = book_next_vp(child, vp)) {
		value = 0;
		/* A call that fails leaves the 0: a list is no place for errors of a single VP. */
		vp_get_register(child->id, (u32)vp,
		                HV_REGISTER_EXPLICIT_SUSPEND, &value);
		explicit |= value;
		value = 0;
		vp_get_register(child->id, (u32)vp,
		                HV_REGISTER_INTERCEPT_SUSPEND, &value);
		intercept |= value;
	}
	/* First: an intercept is not seen to while the child is suspended as well. */
	if (explicit & HV_SUSPENDED)
		return "suspended";
	return intercept & HV_SUSPENDED ? "intercept" : "running";
}

static u32 vp_count(const struct book_child *child)
{
	u32 count = 0;

	for (int vp = book_next_vp(child, -1); vp >= 0;
	     vp = book_next_vp(child, vp))
		count++;
	return count;
}

static void list_pool(u64 id)
{
	u64 available, in_use;

	/* Another program may delete a child of its own between two calls of ours. */
	if (memory_get_balance(id, &available, &in_use) != HV_STATUS_SUCCESS)
		print("       -       -");
	else
		print(" %7lu %7lu", available, in_use);
}

static void list_child(u64 id)
{
	const struct book_child *child = book_child_of(id);

	/* The family has all children, the book has ours. */
	if (!child) { /* some other program's */
		print("%4lu  %10s  -      -", id, "?");
		list_pool(id);
		print("  -\n");
		return;
	}
	print("%4lu  %10s %2u %6lu", id, state_of(child), vp_count(child),
	      child->ram_pages * (PAGE_SIZE / 1024));
	list_pool(id);
	print("  %s\n", child->name);
}

enum hvctl_result list_command(const struct args *args)
{
	u64 child = 0;
	enum hv_status status;

	(void)args;
	print("  id       state VP    KiB    free  in use  from\n");
	print("%4lu  %10s  -      -", STASIS_ROOT_ID, "root");
	list_pool(HV_PARTITION_ID_SELF);
	print("  -\n");
	for (;;) {
		status = partition_next_child(HV_PARTITION_ID_SELF, child,
		                              &child);
		if (status != HV_STATUS_SUCCESS)
			return report_status("HvGetNextChildPartition",
			                     STASIS_ROOT_ID, status, NULL);
		/* No id is 0: this is the end of the family. */
		if (child == 0)
			return HVCTL_DONE;
		list_child(child);
	}
}

enum hvctl_result log_command(const struct args *args)
{
	static u8 data[PARTITION_LOG_PIECE + 1];
	enum hv_status status;
	u64 position = 0;
	u32 count;

	(void)args;
	do {
		status = partition_read_log(&position, data, &count);
		/* Said with the call's name: it is ours, and not in the TLFS. */
		if (status != HV_STATUS_SUCCESS)
			return report_status("HvStasisReadLog", STASIS_ROOT_ID,
			                     status, NULL);
		/* The log is text, without a zero: it goes out as it is. */
		data[count] = 0;
		front_text((const char *)data);
	} while (count);
	return HVCTL_DONE;
}
