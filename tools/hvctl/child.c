/*
 * A child's life between the hypervisor (partition, pool, map, VPs) and the
 * firmware (the pages).
 */
#include "tools/hvctl/child.h"

#include "parent/memory.h"
#include "parent/partition.h"
#include "parent/supply.h"
#include "parent/transport.h"
#include "parent/vp.h"
#include "tools/hvctl/devices.h"
#include "tools/hvctl/report.h"

/* A create needs several deposits, and each is a call; a page too many is lent, not lost. */
#define DEPOSIT_PAGES 16

/* What the steps of a build work on. */
struct build {
	const struct shape *shape;
	struct book_child *child;
	u32 extent;    /* the one being mapped */
	u64 done;      /* its pages that are mapped */
	u64 source;    /* the page number of ours that comes next */
	bool reported; /* why it failed has been said */
};

/*
 * The pages vanish from our map while they are deposited: hence of a type that
 * nobody else uses. Withdrawn pages tell their own numbers, so nobody has to
 * keep a list.
 */
bool child_deposit(u64 id)
{
	struct supply_outcome o = supply_deposit(id, DEPOSIT_PAGES);

	/*
	 * Some are as good as all: the call that wanted them is made again, and asks once more
	 * if it has to.
	 */
	if (o.done)
		return true;
	if (o.page)
		report_page("HvDepositMemory",
		            id == HV_PARTITION_ID_SELF ? STASIS_ROOT_ID : id,
		            o.page, o.status);
	else
		report_memory(1);
	return false;
}

/*
 * Five pages of a VP at most lie over memory (hypercalls, reference TSC, messages, events,
 * assist), and each may want three tables where nothing is mapped near by. To be there
 * before: a guest's WRMSR cannot ask for memory, and a restore that misses it at its end
 * has moved all for nothing.
 */
#define SPARE_PAGES 16u

bool child_fill_pool(const struct book_child *child)
{
	u64 available = 0, in_use, wanted = 0;

	for (int vp = book_next_vp(child, -1); vp >= 0;
	     vp = book_next_vp(child, vp))
		wanted += SPARE_PAGES;
	memory_get_balance(child->id, &available, &in_use);
	for (; available < wanted; available += DEPOSIT_PAGES)
		if (!child_deposit(child->id))
			return false;
	return true;
}

/* ---- The steps of a build; each may be asked again after a deposit ---- */

static enum hv_status step_create(struct build *b)
{
	return partition_create(&b->child->id);
}

static enum hv_status step_initialize(struct build *b)
{
	return partition_initialize(b->child->id);
}

/*
 * The page that is next was refused: the child gets other RAM, all of it, and
 * what is mapped already is mapped anew. The new run may have such pages too;
 * but the refused ones are set aside, so this comes to an end.
 */
static bool replace_ram(struct build *b)
{
	struct book_child *child = b->child;
	const struct stream_extent *e = b->shape->extent;
	u64 ram;

	/*
	 * Whether these succeed does not matter: what is not mapped is no error, and a run that
	 * is still mapped would be refused when it is taken again.
	 */
	for (u32 i = 0; i < b->extent; i++)
		memory_unmap(child->id, e[i].gpn, e[i].count);
	memory_unmap(child->id, e[b->extent].gpn, b->done);
	ram = supply_replace(child->ram, child->ram_pages,
	                     b->source << PAGE_SHIFT, TRANSPORT_ANYWHERE);
	child->ram = ram;
	if (!ram) {
		child->ram_pages = 0;
		return false;
	}
	b->extent = 0;
	b->done = 0;
	b->source = ram >> PAGE_SHIFT;
	return true;
}

static enum hv_status map_failed(struct build *b, enum hv_status status)
{
	/* For that one run_step deposits, and comes back; all else ends the build. */
	if (status != HV_STATUS_INSUFFICIENT_MEMORY) {
		report_page("HvMapGpaPages", b->child->id, b->source, status);
		b->reported = true;
	}
	return status;
}

/* Writable as well, whatever the rights: a restore has to fill the pages. */
static enum hv_status step_map(struct build *b)
{
	enum hv_status status = HV_STATUS_SUCCESS;
	const struct stream_extent *e;
	u64 done;

	while (b->extent < b->shape->extent_count) {
		e = &b->shape->extent[b->extent];
		status = memory_map(b->child->id, e->gpn + b->done, b->source,
		                    e->count - b->done,
		                    e->rights | HV_MAP_GPA_READABLE |
		                            HV_MAP_GPA_WRITABLE,
		                    &done);
		/* Before the status is looked at: what is mapped stays so through a deposit. */
		b->done += done;
		b->source += done;
		if (status == HV_STATUS_OPERATION_DENIED && replace_ram(b))
			continue;
		if (status != HV_STATUS_SUCCESS)
			return map_failed(b, status);
		b->extent++;
		b->done = 0;
	}
	return status;
}

/* A VP is booked when it is there, so that a repeat goes on with the next. */
static enum hv_status step_create_vps(struct build *b)
{
	enum hv_status status;
	u32 bit;

	for (u32 vp = 0; vp < 32 * BOOK_VP_WORDS; vp++) {
		bit = 1u << (vp % 32);
		if (!(b->shape->vps[vp / 32] & bit) ||
		    b->child->vps[vp / 32] & bit)
			continue;
		status = vp_create(b->child->id, vp);
		if (status != HV_STATUS_SUCCESS)
			return status;
		b->child->vps[vp / 32] |= bit;
	}
	return HV_STATUS_SUCCESS;
}

/* Where a device has no function, the hypervisor's own answer will do. */
static u32 access_of(const struct device *row)
{
	return (row->read ? HV_INTERCEPT_ACCESS_READ : 0) |
	       (row->write ? HV_INTERCEPT_ACCESS_WRITE : 0);
}

static enum hv_status intercept_range(u64 id, const struct device *row,
                                      const struct device_range *r)
{
	enum hv_status status = HV_STATUS_SUCCESS;

	for (u64 i = 0; i < r->count && status == HV_STATUS_SUCCESS; i++)
		status = partition_install_intercept(
			id, HV_INTERCEPT_TYPE_IO_PORT, r->first + i,
			access_of(row));
	return status;
}

/*
 * Ports alone: memory that is not mapped is the parent's without any intercept. A
 * repeat begins anew, since to install an intercept again changes nothing.
 */
static enum hv_status step_intercept(struct build *b)
{
	enum hv_status status = HV_STATUS_SUCCESS;

	for (u32 i = 0; i < devices_table.count; i++) {
		const struct device *row = &devices_table.row[i];

		for (u32 r = 0; r < DEVICE_RANGES; r++)
			if (row->range[r].space == DEVICE_PORT &&
			    status == HV_STATUS_SUCCESS)
				status = intercept_range(b->child->id, row,
				                         &row->range[r]);
	}
	return status;
}

/* from_caller: the call takes its memory from the caller's pool. */
static const struct step {
	const char *name;
	enum hv_status (*run)(struct build *b);
	bool from_caller;
} steps[] = {
	{ "HvCreatePartition", step_create, true },
	{ "HvInitializePartition", step_initialize, false },
	{ "HvMapGpaPages", step_map, false },
	{ "HvCreateVp", step_create_vps, false },
	{ "HvInstallIntercept", step_intercept, false },
};

static enum hv_status run_step(const struct step *step, struct build *b)
{
	enum hv_status status = step->run(b);

	/*
	 * Each round deposits at least one page and no call wants endlessly many, so this ends;
	 * whose pool was too small only the row knows.
	 */
	while (status == HV_STATUS_INSUFFICIENT_MEMORY && !b->reported) {
		if (child_deposit(step->from_caller ? HV_PARTITION_ID_SELF
		                                    : b->child->id))
			status = step->run(b);
		else
			b->reported = true;
	}
	return status;
}

static bool allocate_ram(struct book_child *child, u64 pages)
{
	/*
	 * In one piece: then an address in the child's first extent is a sum, and images are
	 * copied in one go. The price is that a large child wants a large hole.
	 */
	u64 ram = transport_take(pages, TRANSPORT_ANYWHERE);

	if (!ram) {
		report_memory(pages);
		return false;
	}
	child->ram = ram;
	child->ram_pages = pages;
	return true;
}

/* As much of it as there is room for, and a zero; no half of a letter (UTF-8). */
static void copy_name(char *to, const char *name)
{
	u32 length = 0;

	while (name[length] && length < BOOK_NAME - 1)
		length++;
	while (name[length] && length && ((u8)name[length] & 0xc0) == 0x80)
		length--;
	__builtin_memcpy(to, name, length);
	to[length] = 0;
}

struct book_child *child_build(const struct shape *shape, const char *name)
{
	struct book_child *child = book_new_child();
	struct build b = { .shape = shape, .child = child };
	enum hv_status status;

	if (!child)
		return NULL;
	__builtin_memset(child, 0, sizeof(*child));
	if (!allocate_ram(child, shape->pages))
		return NULL;
	copy_name(child->name, name);
	device_reset(&devices_table, child->devices);
	b.source = child->ram >> PAGE_SHIFT;
	for (u32 i = 0; i < ARRAY_LEN(steps); i++) {
		status = run_step(&steps[i], &b);
		if (status == HV_STATUS_SUCCESS)
			continue;
		/*
		 * Without a hint: where there is one thing to do about a status, report_page or
		 * report_memory has been called already.
		 */
		if (!b.reported)
			report_status(steps[i].name, child->id, status, NULL);
		child_destroy(child);
		return NULL;
	}
	if (child_fill_pool(child))
		return child;
	child_destroy(child);
	return NULL;
}

enum hv_status child_set_rights(const struct book_child *child,
                                const struct shape *shape)
{
	const u32 all = HV_MAP_GPA_READABLE | HV_MAP_GPA_WRITABLE;
	enum hv_status status = HV_STATUS_SUCCESS;
	u64 source = child->ram >> PAGE_SHIFT;
	const struct stream_extent *e = shape->extent;

	for (u32 i = 0; i < shape->extent_count; i++, e++) {
		/*
		 * Only now, behind the restore, which has to write every page. Most extents are
		 * writable and stay as they are: mapping again costs a call for 511 pages.
		 */
		if ((e->rights & all) != all)
			status = memory_map(child->id, e->gpn, source, e->count,
			                    e->rights, NULL);
		if (status != HV_STATUS_SUCCESS)
			return status;
		source += e->count;
	}
	return status;
}

enum hv_status child_suspend(const struct book_child *child, bool suspend)
{
	enum hv_status status;

	for (int vp = book_next_vp(child, -1); vp >= 0;
	     vp = book_next_vp(child, vp)) {
		/*
		 * Returns when that VP stands between two instructions. One that is suspended by an
		 * intercept is suspended twice then; each wants its own end.
		 */
		status = vp_set_register(child->id, (u32)vp,
		                         HV_REGISTER_EXPLICIT_SUSPEND,
		                         suspend ? HV_SUSPENDED : 0);
		if (status != HV_STATUS_SUCCESS)
			return status;
	}
	return HV_STATUS_SUCCESS;
}

/* All pages of the pool, back to the firmware. */
static enum hv_status empty_pool(u64 id)
{
	enum hv_status status = HV_STATUS_SUCCESS;
	u64 list[DEPOSIT_PAGES];
	u32 count = 1;

	while (status == HV_STATUS_SUCCESS && count) {
		status = memory_withdraw(id, list, DEPOSIT_PAGES, &count);
		/* Whatever the status: these have left the pool, and we alone know of them. */
		for (u32 i = 0; i < count; i++)
			transport_give(list[i] << PAGE_SHIFT, 1);
	}
	return status == HV_STATUS_NO_RESOURCES ? HV_STATUS_SUCCESS : status;
}

/*
 * Finalize refuses a partition that was never initialized: delete will do (D28).
 * The entry stays in the book until the hypervisor has let go of the RAM.
 */
enum hvctl_result child_destroy(struct book_child *child)
{
	enum hv_status status;

	/* A build may end before there is a partition: then the RAM is all there is. */
	if (child->id) {
		status = partition_finalize(child->id);
		if (status != HV_STATUS_SUCCESS &&
		    status != HV_STATUS_INVALID_PARTITION_STATE)
			return report_status("HvFinalizePartition", child->id,
			                     status, NULL);
		status = empty_pool(child->id);
		if (status != HV_STATUS_SUCCESS)
			return report_status("HvWithdrawMemory", child->id,
			                     status, NULL);
		status = partition_delete(child->id);
		if (status != HV_STATUS_SUCCESS)
			return report_status("HvDeletePartition", child->id,
			                     status, NULL);
	}
	/*
	 * Last: while a partition maps these pages, another program that got them from the
	 * system would share them with its VPs.
	 */
	transport_give(child->ram, child->ram_pages);
	child->id = 0;
	return HVCTL_DONE;
}
