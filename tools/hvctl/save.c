/*
 * hvctl save, restore and check: between a child and a file. The child is a partition,
 * whose stream the hypervisor writes and reads, and what its devices remember, which
 * goes in front of that stream if there is anything (parent/container.h).
 */
#include "parent/container.h"
#include "parent/partition.h"
#include "parent/stream.h"
#include "tools/hvctl/child.h"
#include "tools/hvctl/command.h"
#include "tools/hvctl/devices.h"
#include "tools/hvctl/front.h"
#include "tools/hvctl/print.h"
#include "tools/hvctl/progress.h"
#include "tools/hvctl/report.h"

/* Pieces are gathered: the firmware's FAT driver is slow with small writes. */
#define BUFFER_SIZE (256u * 1024)

struct transfer {
	struct progress progress;
	u8 *data; /* save: the buffer; restore: the file */
	u64 size; /* bytes in it */
	u64 head; /* bytes of the file in front of the stream */
	/* Restore: what the file says of the devices, until it is the child's. */
	_Alignas(DEVICE_STATE_ALIGN) u8 devices[BOOK_DEVICES];
};

static bool deposit_own(void *context)
{
	(void)context;
	/* They stay in our pool and serve the next save. */
	return child_deposit(HV_PARTITION_ID_SELF);
}

static void step(void *context, u64 bytes, u64 pieces)
{
	struct transfer *t = context;

	progress_step(&t->progress, bytes, pieces);
}

/* The bar's line is not at its end: what the front says comes below it. */
static bool flush(struct transfer *t)
{
	if (!front_write_file(t->data, t->size))
		return false;
	t->size = 0;
	return true;
}

static bool put(void *context, const u8 *data, u32 count)
{
	struct transfer *t = context;

	/* A piece is at most a page: it fits into the empty buffer. */
	if (t->size + count > BUFFER_SIZE && !flush(t))
		return false;
	__builtin_memcpy(t->data + t->size, data, count);
	t->size += count;
	return true;
}

static const u8 *get(void *context, u64 offset, u64 *count)
{
	struct transfer *t = context;

	offset += t->head;
	*count = t->size - offset;
	return offset < t->size ? t->data + offset : NULL;
}

static void say_done(const char *what, u64 id, const struct transfer *t,
                     const struct stream_outcome *o, u64 ms)
{
	print("%s: %lu bytes in %lu pieces, %lu ms (child %lu)\n", what,
	      t->head + o->bytes, o->pieces, ms, id);
}

/* Into the empty buffer: the states are what they are while the child is suspended. */
static bool put_devices(struct book_child *child, struct transfer *t)
{
	u32 size;

	if (!container_write(&devices_table, child->devices, t->data,
	                     BUFFER_SIZE, &size)) {
		print("hvctl: the states of the devices of child %lu do not "
		      "fit into a file\n",
		      child->id);
		return false;
	}
	t->head = size;
	t->size = size;
	return true;
}

static enum hvctl_result save_to_file(struct book_child *child,
                                      struct transfer *t)
{
	const struct stream_client client = { .context = t,
		                              .put = put,
		                              .deposit = deposit_own,
		                              .progress = step };
	struct stream_outcome o;
	u64 ms;

	/* A guess: no page may be in the stream, or all with their headers. */
	progress_begin(&t->progress, "saving", child->ram_pages * PAGE_SIZE);
	o = stream_save(child->id, 0, &client);
	/* The last bytes may not fit on the disk: then nothing was saved. */
	if (stream_is_complete(&o) && !flush(t))
		o.stopped = true;
	ms = progress_end(&t->progress, stream_is_complete(&o), o.bytes,
	                  o.pieces);
	if (!stream_is_complete(&o)) {
		front_end_file(false); /* half a stream helps nobody */
		return report_outcome(
			"HvSavePartitionState", child->id, &o,
			o.status == HV_STATUS_OPERATION_DENIED
				? "suspend it first: hvctl suspend"
				: NULL);
	}
	front_end_file(true);
	say_done("saved", child->id, t, &o, ms);
	return HVCTL_DONE;
}

/* A stream without memory is for the same child, whose memory stays where it is. */
static enum hvctl_result save_state_alone(struct book_child *child,
                                          struct transfer *t)
{
	const enum hv_partition_property memory =
		HV_PROPERTY_STASIS_SAVE_MEMORY;
	enum hvctl_result result;
	enum hv_status status = partition_set_property(child->id, memory, 0);

	if (status != HV_STATUS_SUCCESS) {
		front_end_file(false);
		return report_status("HvSetPartitionProperty", child->id,
		                     status, NULL);
	}
	result = save_to_file(child, t);
	/* It could be set, so it can be set again. */
	(void)partition_set_property(child->id, memory, 1);
	return result;
}

enum hvctl_result save_command(const struct args *args)
{
	struct book_child *child = book_find(args->word[0]);
	struct transfer t = { .size = 0 };
	enum hvctl_result result = HVCTL_FILE;
	bool alone = args_flag(args, "state");

	if (!child)
		return HVCTL_NOT_FOUND;
	/* A slip: somebody wanted another kind of file than he would get. */
	if (args->count > 2 && !alone) {
		print("hvctl: save: there is no %s\n", args->word[2]);
		return HVCTL_BAD_WORDS;
	}
	t.data = front_allocate(BUFFER_SIZE);
	if (!t.data)
		return report_memory(BUFFER_SIZE / PAGE_SIZE);
	/* Before the file is created: an old one of that name is still there if this fails. */
	if (!put_devices(child, &t))
		result = HVCTL_ABORTED;
	else if (front_create_file(args->word[1]))
		result = args_flag(args, "state") ? save_state_alone(child, &t)
		                                  : save_to_file(child, &t);
	front_free(t.data);
	return result;
}

/*
 * Reads a file, and checks what is in front of its stream, before anything is made or
 * changed: nothing of a child is lost to a file that is damaged there. The stream is
 * the hypervisor's to check.
 */
static enum hvctl_result open_saved(struct transfer *t, const char *path)
{
	const char *wrong;
	const u8 *stream;
	u64 size;
	u32 kind = 0;

	if (!front_read_file(path, &t->data, &t->size))
		return HVCTL_FILE;
	wrong = container_read(t->data, t->size, &stream, &size);
	if (!wrong) {
		t->head = t->size - size;
		wrong = container_restore(&devices_table, t->devices, t->data,
		                          t->size, &kind);
	}
	if (!wrong)
		return HVCTL_DONE;
	front_free(t->data);
	if (kind)
		print("hvctl: %s: %s (kind 0x%X)\n", path, wrong, kind);
	else
		print("hvctl: %s: %s\n", path, wrong);
	return HVCTL_ABORTED;
}

/* hint: for one whose restore fails. */
static enum hvctl_result restore_into(struct book_child *child,
                                      struct transfer *t, u32 piece,
                                      const char *hint)
{
	const struct stream_client client = { .context = t,
		                              .get = get,
		                              .deposit = deposit_own,
		                              .progress = step };
	struct stream_outcome o;
	enum hv_status status;
	u64 ms;

	/* It may be one whose VPs have taken what there was. */
	if (!child_fill_pool(child))
		return HVCTL_NO_MEMORY;
	progress_begin(&t->progress, "restoring", t->size - t->head);
	o = stream_restore(child->id, 0, piece, &client);
	ms = progress_end(&t->progress, stream_is_complete(&o), o.bytes,
	                  o.pieces);
	if (!stream_is_complete(&o))
		return report_outcome("HvRestorePartitionState", child->id, &o,
		                      hint);
	/* Whatever the stream says of it: the shell shall be asked before a VP runs. */
	status = child_suspend(child, true);
	if (status != HV_STATUS_SUCCESS)
		return report_status("finishing the restore", child->id, status,
		                     NULL);
	/* It may be one that had ended, into which an earlier state came back. */
	child->ended = BOOK_GOES_ON;
	__builtin_memcpy(child->devices, t->devices, sizeof(t->devices));
	say_done("restored", child->id, t, &o, ms);
	return HVCTL_DONE;
}

/* A child as the stream describes it; gone again if that does not work. */
static enum hvctl_result restore_new(struct transfer *t, u32 piece,
                                     const char *path)
{
	static struct shape shape;
	struct book_child *child = NULL;
	enum hv_status rights;
	enum hvctl_result result;

	/* The target must have the pages and the VPs before the first byte is offered. */
	if (shape_read(&shape, t->data + t->head, t->size - t->head))
		child = child_build(&shape, path);
	if (!child)
		return HVCTL_ABORTED;
	result = restore_into(child, t, piece,
	                      "hvctl log may say more; the target has been "
	                      "deleted");
	if (result == HVCTL_DONE) {
		rights = child_set_rights(child, &shape);
		if (rights != HV_STATUS_SUCCESS)
			result = report_status("HvMapGpaPages", child->id,
			                       rights, NULL);
	}
	/* Half a child cannot run, and nobody asked for it: it goes with all it has. */
	if (result != HVCTL_DONE)
		child_destroy(child);
	return result;
}

enum hvctl_result restore_command(const struct args *args)
{
	struct transfer t = { .size = 0 };
	u64 piece = HV_SAVE_DATA_MAX, into = 0;
	struct book_child *child;
	enum hvctl_result result;

	if (!args_option(args, "piece", 1, HV_SAVE_DATA_MAX, &piece) ||
	    !args_option(args, "into", 1, UINT32_MAX, &into))
		return HVCTL_BAD_WORDS;
	child = book_child_of(into);
	/* 0 means a new child; book_child_of has found a free entry for it then. */
	if (into && !child) {
		print("hvctl: into=%lu: there is no such child\n", into);
		return HVCTL_NOT_FOUND;
	}
	result = open_saved(&t, args->word[0]);
	if (result != HVCTL_DONE)
		return result;
	result = into ? restore_into(child, &t, (u32)piece,
	                             "hvctl log may say more")
	              : restore_new(&t, (u32)piece, args->word[0]);
	front_free(t.data);
	return result;
}

/* Without an ID the machine alone is asked: partition id 0. */
enum hvctl_result check_command(const struct args *args)
{
	struct transfer t = { .size = 0 };
	const struct stream_client client = { .context = &t,
		                              .get = get,
		                              .deposit = deposit_own };
	struct book_child *child = NULL;
	struct stream_outcome o;
	enum hvctl_result result;

	if (args->count > 1) {
		child = book_find(args->word[1]);
		if (!child)
			return HVCTL_NOT_FOUND;
	}
	result = open_saved(&t, args->word[0]);
	if (result != HVCTL_DONE)
		return result;
	/*
	 * The whole file is offered, though its first kilobytes decide: it is the hypervisor
	 * that says where it has seen enough.
	 */
	o = stream_restore(child ? child->id : 0, HV_SAVE_RESTORE_STATE_SUMMARY,
	                   HV_SAVE_DATA_MAX, &client);
	front_free(t.data);
	result = report_outcome("HvRestorePartitionState",
	                        child ? child->id : 0, &o, NULL);
	return stream_is_complete(&o) ? HVCTL_DONE : result;
}
