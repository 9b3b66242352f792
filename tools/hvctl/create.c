/*
 * hvctl create, suspend, resume, delete.
 */
#include "tools/hvctl/create.h"

#include "parent/bzimage.h"
#include "parent/transport.h"
#include "parent/vp.h"
#include "tools/hvctl/command.h"
#include "tools/hvctl/front.h"
#include "tools/hvctl/linux.h"
#include "tools/hvctl/print.h"
#include "tools/hvctl/report.h"

/* A child starts at the first byte of its image, in real mode. */
#define IMAGE_GPA 0x10000u
#define IMAGE_CS (IMAGE_GPA >> 4)
#define CS_LIMIT 0xffff
#define CS_ATTRIBUTES 0x9b /* present, code, readable, accessed */

#define MEM_DEFAULT 4 /* MiB */
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

struct book_child *create_build(u64 pages, u64 vps, const char *path)
{
	static struct shape shape = { .extent_count = 1 };

	/* It is too large for a stack, and keeps what the last call has left. */
	__builtin_memset(shape.vps, 0, sizeof(shape.vps));
	for (u64 vp = 0; vp < vps; vp++)
		shape.vps[vp / 32] |= 1u << (vp % 32);
	shape.pages = pages;
	shape.extent[0].count = (u32)pages;
	shape.extent[0].rights = RIGHTS_ALL;
	return child_build(&shape, path);
}

static struct book_child *made; /* by the last create */

enum hvctl_result create_end(struct book_child *child, enum hv_status status)
{
	if (status == HV_STATUS_SUCCESS) {
		made = child;
		print("hvctl: child %lu created, %lu KiB of RAM, suspended\n",
		      child->id, child->ram_pages * (PAGE_SIZE / 1024));
		return HVCTL_DONE;
	}
	/* A child that cannot start is of no use, and its id is not known to anybody yet. */
	report_status("HvSetVpRegisters", child->id, status, NULL);
	child_destroy(child);
	return HVCTL_ABORTED;
}

/* mem: MiB, 0: as many as a flat image has by default. */
static enum hvctl_result flat_create(const char *path, const u8 *image,
                                     u64 size, u64 mem, u64 vps)
{
	struct book_child *child;

	mem = mem ? mem : MEM_DEFAULT;
	/* Before anything is made: the first byte must be there, and the last one too. */
	if (size == 0 || IMAGE_GPA + size > mem * PAGES_IN_MIB * PAGE_SIZE) {
		print("hvctl: %s has %lu bytes, which do not fit in %lu MiB "
		      "behind 0x%X\n  give the child more with mem=\n",
		      path, size, mem, IMAGE_GPA);
		return HVCTL_TOO_LARGE;
	}
	child = create_build(mem * PAGES_IN_MIB, vps, path);
	if (!child)
		return HVCTL_ABORTED;
	/* Into our own pages, which the child maps: no hypercall, whatever the size. */
	__builtin_memcpy(transport_at(child->ram + IMAGE_GPA), image, size);
	return create_end(child, set_start(child));
}

static enum hvctl_result create(const struct args *args)
{
	struct linux_words words = { .path = args->word[0], .vps = 1 };
	enum hvctl_result result;
	u8 *image;

	if (!args_option(args, "mem", 1, CREATE_MEM_MAX, &words.mem) ||
	    !args_option(args, "vps", 1, VPS_MAX, &words.vps))
		return HVCTL_BAD_WORDS;
	words.initrd = args_text(args, "initrd");
	words.cmdline = args_text(args, "cmdline");
	/* All of it first: a file that cannot be read costs no partition. */
	if (!front_read_file(words.path, &image, &words.size))
		return HVCTL_FILE;
	words.kernel = image;
	if (words.initrd || words.cmdline || bzimage_is(image, words.size))
		result = linux_create(&words);
	else
		result = flat_create(words.path, image, words.size, words.mem,
		                     words.vps);
	front_free(image);
	return result;
}

/* Words that do not fit are not kept: a half of them would be another child. */
static void keep_words(struct book_child *child, const struct args *args)
{
	u32 used = 0, length;

	for (u32 i = 0; i < args->count; i++) {
		for (length = 1; args->word[i][length - 1]; length++)
			;
		if (used + length >= BOOK_WORDS) {
			child->words[0] = 0;
			return;
		}
		__builtin_memcpy(child->words + used, args->word[i], length);
		used += length;
	}
	child->words[used] = 0;
}

enum hvctl_result create_command(const struct args *args)
{
	enum hvctl_result result = create(args);

	if (result == HVCTL_DONE)
		keep_words(made, args);
	return result;
}

/* The words as they were: of the book's copy, which goes with its entry. */
static u32 split_words(char *words, char **word)
{
	u32 count = 0;

	for (; *words && count < HVCTL_WORDS; words++) {
		word[count++] = words;
		while (*words)
			words++;
	}
	return count;
}

struct book_child *create_again(struct book_child *child)
{
	static char words[BOOK_WORDS];
	char *word[HVCTL_WORDS];
	struct args args = { .word = word };

	/* Out of the entry, which the new child may get. */
	__builtin_memcpy(words, child->words, BOOK_WORDS);
	args.count = split_words(words, word);
	if (args.count == 0) {
		print("hvctl: child %lu wants a reset, and it is not known "
		      "what it was created from\n  delete it, and create it "
		      "anew\n",
		      child->id);
		return NULL;
	}
	print("hvctl: child %lu is reset\n", child->id);
	/* First: there may be no room for the RAM of both. */
	if (child_destroy(child) != HVCTL_DONE ||
	    create_command(&args) != HVCTL_DONE)
		return NULL;
	return made;
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
