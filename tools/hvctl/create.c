/*
 * hvctl create, suspend, resume, delete.
 */
#include <efi.h>
#include <efilib.h>

#include "parent/vp.h"
#include "tools/hvctl/child.h"
#include "tools/hvctl/command.h"
#include "tools/hvctl/files.h"
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

	list[0].value.segment.base = IMAGE_GPA;
	list[0].value.segment.limit = CS_LIMIT;
	list[0].value.segment.selector = IMAGE_CS;
	list[0].value.segment.attributes = CS_ATTRIBUTES;
	return vp_set_registers(child->id, 0, list, ARRAY_LEN(list), NULL);
}

static EFI_STATUS start_image(struct book_child *child, u8 *image, u64 size)
{
	enum hv_status status;

	BS->CopyMem((void *)(child->ram + IMAGE_GPA), image, size);
	status = set_start(child);
	if (status == HV_STATUS_SUCCESS) {
		Print(L"hvctl: child %ld created, %ld KiB of RAM, suspended\n",
		      child->id, child->ram_pages * (PAGE_SIZE / 1024));
		return EFI_SUCCESS;
	}
	report_status("HvSetVpRegisters", child->id, status, NULL);
	child_destroy(child);
	return EFI_ABORTED;
}

EFI_STATUS create_command(const struct args *args)
{
	static struct shape shape = { .extent_count = 1 };
	u64 mem = MEM_DEFAULT, vps = 1, size;
	struct book_child *child;
	EFI_STATUS status;
	u8 *image;

	if (!args_option(args, L"mem", 1, MEM_MAX, &mem) ||
	    !args_option(args, L"vps", 1, VPS_MAX, &vps))
		return EFI_INVALID_PARAMETER;
	status = files_read(args->word[0], &image, &size);
	if (EFI_ERROR(status))
		return status;
	for (u64 vp = 0; vp < vps; vp++)
		shape.vps[vp / 32] |= 1u << (vp % 32);
	shape.pages = mem * PAGES_IN_MIB;
	shape.extent[0].count = (u32)shape.pages;
	shape.extent[0].rights = RIGHTS_ALL;
	if (size == 0 || IMAGE_GPA + size > shape.pages * PAGE_SIZE) {
		Print(L"hvctl: %s has %ld bytes, which do not fit in %ld MiB "
		      L"behind 0x%x\n  give the child more with mem=\n",
		      args->word[0], size, mem, IMAGE_GPA);
		FreePool(image);
		return EFI_BAD_BUFFER_SIZE;
	}
	child = child_build(&shape, args->word[0]);
	status = child ? start_image(child, image, size) : EFI_ABORTED;
	FreePool(image);
	return status;
}

static EFI_STATUS set_suspend(const struct args *args, bool suspend)
{
	struct book_child *child = book_find(args->word[0]);
	enum hv_status status;

	if (!child)
		return EFI_NOT_FOUND;
	status = child_suspend(child, suspend);
	if (status != HV_STATUS_SUCCESS)
		return report_status("HvSetVpRegisters", child->id, status,
		                     "a child whose restore failed cannot run: "
		                     "delete it");
	Print(L"hvctl: child %ld %a\n", child->id,
	      suspend ? "suspended" : "resumed");
	return EFI_SUCCESS;
}

EFI_STATUS suspend_command(const struct args *args)
{
	return set_suspend(args, true);
}

EFI_STATUS resume_command(const struct args *args)
{
	return set_suspend(args, false);
}

EFI_STATUS delete_command(const struct args *args)
{
	struct book_child *child = book_find(args->word[0]);
	EFI_STATUS status;
	u64 id;

	if (!child)
		return EFI_NOT_FOUND;
	id = child->id;
	status = child_destroy(child);
	if (!EFI_ERROR(status))
		Print(L"hvctl: child %ld deleted\n", id);
	return status;
}
