/*
 * hvctl create, suspend, resume, delete.
 */

#include "parent/transport.h"
#include "parent/vp.h"
#include "tools/hvctl/child.h"
#include "tools/hvctl/command.h"
#include "tools/hvctl/front.h"
#include "tools/hvctl/print.h"
#include "tools/hvctl/report.h"

/* A child starts at the first byte of its image, in real mode. */
#define IMAGE_GPA 0x10000u
#define IMAGE_CS (IMAGE_GPA >> 4)
#define CS_LIMIT 0xffff
#define CS_ATTRIBUTES 0x9b /* present, code, readable, accessed */

#define MEM_DEFAULT 4 /* MiB */
#define MEM_MAX 1024
#define VPS_MAX 64
#define PAGES_IN_MIB 256

#define RIGHTS_ALL \
	(HV_MAP_GPA_READABLE | HV_MAP_GPA_WRITABLE | HV_MAP_GPA_EXECUTABLE)

static enum hv_status set_start(const struct book_child *child)
{
	struct hv_register_assoc list[2] = {
		{ .name = HV_REGISTER_CS },
		{ .name = HV_REGISTER_RIP },
	};

	/*
	 * The base as real mode makes it from the selector: a child that loads CS anew finds
	 * itself where it was. All other registers are those of a new VP.
	 */
	list[0].value.segment.base = IMAGE_GPA;
	list[0].value.segment.limit = CS_LIMIT;
	list[0].value.segment.selector = IMAGE_CS;
	list[0].value.segment.attributes = CS_ATTRIBUTES;
	return vp_set_registers(child->id, 0, list, ARRAY_LEN(list), NULL);
}

static enum hvctl_result start_image(struct book_child *child, u8 *image,
                                     u64 size)
{
	enum hv_status status;

	/* Into our own pages, which the child maps: no hypercall, whatever the size. */
	__builtin_memcpy(transport_at(child->ram + IMAGE_GPA), image, size);
	status = set_start(child);
	if (status == HV_STATUS_SUCCESS) {
		print("hvctl: child %lu created, %lu KiB of RAM, suspended\n",
		      child->id, child->ram_pages * (PAGE_SIZE / 1024));
		return HVCTL_DONE;
	}
	/* A child that cannot start is of no use, and its id is not known to anybody yet. */
	report_status("HvSetVpRegisters", child->id, status, NULL);
	child_destroy(child);
	return HVCTL_ABORTED;
}

enum hvctl_result create_command(const struct args *args)
{
	static struct shape shape = { .extent_count = 1 };
	u64 mem = MEM_DEFAULT, vps = 1, size;
	struct book_child *child;
	enum hvctl_result result;
	u8 *image;

	if (!args_option(args, "mem", 1, MEM_MAX, &mem) ||
	    !args_option(args, "vps", 1, VPS_MAX, &vps))
		return HVCTL_BAD_WORDS;
	/* All of it first: a file that cannot be read costs no partition. */
	if (!front_read_file(args->word[0], &image, &size))
		return HVCTL_FILE;
	/* It is too large for a stack, and keeps what the last call has left. */
	__builtin_memset(shape.vps, 0, sizeof(shape.vps));
	for (u64 vp = 0; vp < vps; vp++)
		shape.vps[vp / 32] |= 1u << (vp % 32);
	shape.pages = mem * PAGES_IN_MIB;
	shape.extent[0].count = (u32)shape.pages;
	shape.extent[0].rights = RIGHTS_ALL;
	/* Before anything is made: the first byte must be there, and the last one too. */
	if (size == 0 || IMAGE_GPA + size > shape.pages * PAGE_SIZE) {
		print("hvctl: %s has %lu bytes, which do not fit in %lu MiB "
		      "behind 0x%X\n  give the child more with mem=\n",
		      args->word[0], size, mem, IMAGE_GPA);
		front_free(image);
		return HVCTL_TOO_LARGE;
	}
	child = child_build(&shape, args->word[0]);
	result = child ? start_image(child, image, size) : HVCTL_ABORTED;
	front_free(image);
	return result;
}

static enum hvctl_result set_suspend(const struct args *args, bool suspend)
{
	struct book_child *child = book_find(args->word[0]);
	enum hv_status status;

	if (!child)
		return HVCTL_NOT_FOUND;
	status = child_suspend(child, suspend);
	if (status != HV_STATUS_SUCCESS)
		return report_status("HvSetVpRegisters", child->id, status,
		                     "a child whose restore failed cannot run: "
		                     "delete it");
	print("hvctl: child %lu %s\n", child->id,
	      suspend ? "suspended" : "resumed");
	return HVCTL_DONE;
}

enum hvctl_result suspend_command(const struct args *args)
{
	return set_suspend(args, true);
}

enum hvctl_result resume_command(const struct args *args)
{
	return set_suspend(args, false);
}

enum hvctl_result delete_command(const struct args *args)
{
	struct book_child *child = book_find(args->word[0]);
	enum hvctl_result result;
	u64 id;

	if (!child)
		return HVCTL_NOT_FOUND;
	/* The entry forgets it. */
	id = child->id;
	result = child_destroy(child);
	if (result == HVCTL_DONE)
		print("hvctl: child %lu deleted\n", id);
	return result;
}
