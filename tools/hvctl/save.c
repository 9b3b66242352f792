/*
 * hvctl save and restore: between a partition and a file.
 */
#include <efi.h>
#include <efilib.h>

#include "parent/stream.h"
#include "tools/hvctl/child.h"
#include "tools/hvctl/command.h"
#include "tools/hvctl/files.h"
#include "tools/hvctl/progress.h"
#include "tools/hvctl/report.h"

/* Pieces are gathered: the firmware's FAT driver is slow with small writes. */
#define BUFFER_SIZE (256u * 1024)

struct transfer {
	struct progress progress;
	const CHAR16 *path;
	EFI_FILE_HANDLE file;
	u8 *data; /* save: the buffer; restore: the whole stream */
	u64 size; /* bytes in it */
};

static bool deposit_own(void *context)
{
	(void)context;
	/* They stay in our pool and serve the next save. */
	return child_deposit(book_get()->root_id);
}

static void step(void *context, u64 bytes, u64 pieces)
{
	struct transfer *t = context;

	progress_step(&t->progress, bytes, pieces);
}

static bool flush(struct transfer *t)
{
	UINTN count = t->size;
	EFI_STATUS status = t->file->Write(t->file, &count, t->data);

	if (!EFI_ERROR(status) && count == t->size) {
		t->size = 0;
		return true;
	}
	Print(L"\n");
	report_file("write", t->path,
	            EFI_ERROR(status) ? status : EFI_VOLUME_FULL);
	return false;
}

static bool put(void *context, const u8 *data, u32 count)
{
	struct transfer *t = context;

	if (t->size + count > BUFFER_SIZE && !flush(t))
		return false;
	__builtin_memcpy(t->data + t->size, data, count);
	t->size += count;
	return true;
}

static const u8 *get(void *context, u64 offset, u64 *count)
{
	struct transfer *t = context;

	*count = t->size - offset;
	return offset < t->size ? t->data + offset : NULL;
}

static void say_done(const char *what, u64 id, const struct stream_outcome *o,
                     u64 ms)
{
	Print(L"%a: %ld bytes in %ld pieces, %ld ms (child %ld)\n", what,
	      o->bytes, o->pieces, ms, id);
}

static EFI_STATUS save_to_file(struct book_child *child, struct transfer *t)
{
	const struct stream_client client = { .context = t,
		                              .put = put,
		                              .deposit = deposit_own,
		                              .progress = step };
	struct stream_outcome o;
	u64 ms;

	progress_begin(&t->progress, "saving", child->ram_pages * PAGE_SIZE);
	o = stream_save(child->id, 0, &client);
	if (stream_is_complete(&o) && !flush(t))
		o.stopped = true;
	ms = progress_end(&t->progress, stream_is_complete(&o), o.bytes,
	                  o.pieces);
	if (!stream_is_complete(&o)) {
		t->file->Delete(t->file); /* half a stream helps nobody */
		return report_outcome(
			"HvSavePartitionState", child->id, &o,
			o.status == HV_STATUS_OPERATION_DENIED
				? "suspend it first: hvctl suspend"
				: NULL);
	}
	t->file->Close(t->file);
	say_done("saved", child->id, &o, ms);
	return EFI_SUCCESS;
}

EFI_STATUS save_command(const struct args *args)
{
	struct book_child *child = book_find(args->word[0]);
	struct transfer t = { .path = args->word[1] };
	EFI_STATUS status;

	if (!child)
		return EFI_NOT_FOUND;
	t.data = AllocatePool(BUFFER_SIZE);
	if (!t.data)
		return report_memory(BUFFER_SIZE / PAGE_SIZE);
	status = files_create(t.path, &t.file);
	if (!EFI_ERROR(status))
		status = save_to_file(child, &t);
	FreePool(t.data);
	return status;
}

/* hint: for one whose restore fails. */
static EFI_STATUS restore_into(struct book_child *child, struct transfer *t,
                               u32 piece, const char *hint)
{
	const struct stream_client client = { .context = t,
		                              .get = get,
		                              .deposit = deposit_own,
		                              .progress = step };
	struct stream_outcome o;
	enum hv_status status;
	u64 ms;

	progress_begin(&t->progress, "restoring", t->size);
	o = stream_restore(child->id, 0, piece, &client);
	ms = progress_end(&t->progress, stream_is_complete(&o), o.bytes,
	                  o.pieces);
	if (!stream_is_complete(&o))
		return report_outcome("HvRestorePartitionState", child->id, &o,
		                      hint);
	status = child_suspend(child, true);
	if (status != HV_STATUS_SUCCESS)
		return report_status("finishing the restore", child->id, status,
		                     NULL);
	child->ended = false;
	say_done("restored", child->id, &o, ms);
	return EFI_SUCCESS;
}

/* A child as the stream describes it; gone again if that does not work. */
static EFI_STATUS restore_new(struct transfer *t, u32 piece)
{
	static struct shape shape;
	struct book_child *child = NULL;
	enum hv_status rights;
	EFI_STATUS status;

	if (shape_read(&shape, t->data, t->size))
		child = child_build(&shape, t->path);
	if (!child)
		return EFI_ABORTED;
	status = restore_into(child, t, piece,
	                      "hvctl log may say more; the target has been "
	                      "deleted");
	if (!EFI_ERROR(status)) {
		rights = child_set_rights(child, &shape);
		if (rights != HV_STATUS_SUCCESS)
			status = report_status("HvMapGpaPages", child->id,
			                       rights, NULL);
	}
	if (EFI_ERROR(status))
		child_destroy(child);
	return status;
}

EFI_STATUS restore_command(const struct args *args)
{
	struct transfer t = { .path = args->word[0] };
	u64 piece = HV_SAVE_DATA_MAX, into = 0;
	struct book_child *child;
	EFI_STATUS status;

	if (!args_option(args, L"piece", 1, HV_SAVE_DATA_MAX, &piece) ||
	    !args_option(args, L"into", 1, UINT32_MAX, &into))
		return EFI_INVALID_PARAMETER;
	child = book_child_of(into);
	if (into && !child) {
		Print(L"hvctl: into=%ld: there is no such child\n", into);
		return EFI_NOT_FOUND;
	}
	status = files_read(t.path, &t.data, &t.size);
	if (EFI_ERROR(status))
		return status;
	status = into ? restore_into(child, &t, (u32)piece,
	                             "hvctl log may say more")
	              : restore_new(&t, (u32)piece);
	FreePool(t.data);
	return status;
}

/* Without an ID the machine alone is asked: partition id 0. */
EFI_STATUS check_command(const struct args *args)
{
	struct transfer t = { .path = args->word[0] };
	const struct stream_client client = { .context = &t,
		                              .get = get,
		                              .deposit = deposit_own };
	struct book_child *child = NULL;
	struct stream_outcome o;
	EFI_STATUS status;

	if (args->count > 1) {
		child = book_find(args->word[1]);
		if (!child)
			return EFI_NOT_FOUND;
	}
	status = files_read(t.path, &t.data, &t.size);
	if (EFI_ERROR(status))
		return status;
	o = stream_restore(child ? child->id : 0, HV_SAVE_RESTORE_STATE_SUMMARY,
	                   HV_SAVE_DATA_MAX, &client);
	FreePool(t.data);
	status = report_outcome("HvRestorePartitionState",
	                        child ? child->id : 0, &o, NULL);
	return stream_is_complete(&o) ? EFI_SUCCESS : status;
}
