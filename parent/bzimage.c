/*
 * The header of a bzImage, and boot parameters (Linux, Documentation/arch/x86/boot.rst
 * and zero-page.rst).
 */
#include "parent/bzimage.h"

/* Offsets in the file's first sector or two, and the same in the boot parameters. */
#define AT_RSDP 0x070u
#define AT_E820_COUNT 0x1e8u
#define AT_SETUP_SECTORS 0x1f1u /* the header begins */
#define AT_SYSTEM_SIZE 0x1f4u   /* of 16 bytes each */
#define AT_BOOT_FLAG 0x1feu
#define AT_JUMP 0x200u
#define AT_MAGIC 0x202u
#define AT_VERSION 0x206u
#define AT_LOADER 0x210u
#define AT_LOAD_FLAGS 0x211u
#define AT_INITRD 0x218u
#define AT_INITRD_SIZE 0x21cu
#define AT_CMDLINE 0x228u
#define AT_INITRD_LAST 0x22cu
#define AT_CMDLINE_MOST 0x238u
#define AT_ADDRESS 0x258u
#define AT_ROOM 0x260u
#define HEADER_END 0x264u
#define AT_E820 0x2d0u

#define MAGIC 0x53726448u /* "HdrS" */
#define BOOT_FLAG 0xaa55u
#define VERSION_LEAST 0x20au /* that has AT_ROOM: Linux 2.6.31 */
#define LOADER_UNKNOWN 0xffu
#define LOADED_HIGH 0x01u
#define SECTOR 512u

#define MIB (1u << 20)

/* RAM as the child is told of it: below what a PC has its video memory and firmware in. */
#define LOW_END 0xa0000u
#define FIRMWARE 0xe0000u
#define E820_RAM 1u
#define E820_RESERVED 2u

/* Fields lie anywhere. */
static u64 get(const u8 *at, u32 bytes)
{
	u64 value = 0;

	__builtin_memcpy(&value, at, bytes);
	return value;
}

static void put(u8 *at, u64 value, u32 bytes)
{
	__builtin_memcpy(at, &value, bytes);
}

/* ---- The file ---- */

bool bzimage_is(const u8 *file, u64 size)
{
	return size >= HEADER_END && get(file + AT_BOOT_FLAG, 2) == BOOT_FLAG &&
	       get(file + AT_MAGIC, 4) == MAGIC;
}

static u64 code_at(const u8 *file)
{
	u64 sectors = file[AT_SETUP_SECTORS];

	/* 0 means 4, as in the oldest kernels. */
	return ((sectors ? sectors : 4) + 1) * SECTOR;
}

const char *bzimage_read(const u8 *file, u64 size, struct bzimage *image)
{
	if (!bzimage_is(file, size))
		return "it is no Linux kernel (bzImage)";
	image->version = (u16)get(file + AT_VERSION, 2);
	if (image->version < VERSION_LEAST)
		return "its boot protocol is older than 2.10 (Linux 2.6.31)";
	if (!(file[AT_LOAD_FLAGS] & LOADED_HIGH))
		return "it is a zImage, which is loaded below 1 MiB";
	image->code = (u32)code_at(file);
	image->code_size = (u32)get(file + AT_SYSTEM_SIZE, 4) * 16;
	/* The size is rounded up; behind it there may be a signature, which is not loaded. */
	if (size <= image->code || size - image->code + 15 < image->code_size)
		return "it ends too early";
	if (size - image->code < image->code_size)
		image->code_size = (u32)(size - image->code);
	image->address = get(file + AT_ADDRESS, 8);
	image->room = (u32)get(file + AT_ROOM, 4);
	image->initrd_last = (u32)get(file + AT_INITRD_LAST, 4);
	image->cmdline_most = (u32)get(file + AT_CMDLINE_MOST, 4);
	/* Then nothing of it can overlap, or be beyond 4 GiB. */
	if (image->room < image->code_size || image->address < MIB ||
	    image->address > UINT32_MAX - image->room)
		return "its header holds what no kernel's does";
	return NULL;
}

/* ---- Places ---- */

static u64 round_up(u64 value, u64 to)
{
	return (value + to - 1) / to * to;
}

/* As high as it may be: below it the kernel unpacks itself, and what it unpacks. */
static u64 initrd_end(const struct bzimage_child *child)
{
	u64 last = child->image.initrd_last;

	return last < child->ram ? (last + 1) / PAGE_SIZE * PAGE_SIZE
	                         : child->ram;
}

u64 bzimage_ram(const struct bzimage_child *child)
{
	u64 end = child->image.address + child->image.room;

	end = round_up(end, PAGE_SIZE) +
	      round_up(child->initrd_size, PAGE_SIZE);
	if (child->initrd_size && end - 1 > child->image.initrd_last)
		return 0;
	return round_up(end, MIB);
}

/* ---- What the kernel finds ---- */

/* Flat, with the selectors that the protocol has for them. */
static void put_gdt(u8 *ram)
{
	put(ram + BZIMAGE_GDT + BZIMAGE_CS, 0x00cf9b000000ffffull, 8);
	put(ram + BZIMAGE_GDT + BZIMAGE_DS, 0x00cf93000000ffffull, 8);
}

static void put_e820(u8 *params, u64 first, u64 end, u32 type)
{
	u8 *entry = params + AT_E820 + 20 * params[AT_E820_COUNT]++;

	put(entry, first, 8);
	put(entry + 8, end - first, 8);
	put(entry + 16, type, 4);
}

static void put_initrd(const struct bzimage_child *child, u8 *ram)
{
	u64 at = (initrd_end(child) - child->initrd_size) / PAGE_SIZE *
	         PAGE_SIZE;

	if (child->initrd_size == 0)
		return;
	__builtin_memcpy(ram + at, child->initrd, child->initrd_size);
	put(ram + BZIMAGE_PARAMS + AT_INITRD, at, 4);
	put(ram + BZIMAGE_PARAMS + AT_INITRD_SIZE, child->initrd_size, 4);
}

/* The kernel's own header, as far as it says that it goes, and our words in it. */
static void put_params(const struct bzimage_child *child, u8 *params)
{
	u32 end = AT_MAGIC + child->kernel[AT_JUMP + 1];

	end = end < AT_E820 ? end : AT_E820;
	__builtin_memcpy(params + AT_SETUP_SECTORS,
	                 child->kernel + AT_SETUP_SECTORS,
	                 end - AT_SETUP_SECTORS);
	params[AT_LOADER] = LOADER_UNKNOWN;
	put(params + AT_CMDLINE, BZIMAGE_CMDLINE, 4);
	put(params + AT_RSDP, child->acpi, 8);
	put_e820(params, 0, LOW_END, E820_RAM);
	put_e820(params, FIRMWARE, MIB, E820_RESERVED);
	put_e820(params, MIB, child->ram, E820_RAM);
}

void bzimage_load(const struct bzimage_child *child, u8 *ram)
{
	const struct bzimage *image = &child->image;

	put_gdt(ram);
	put_params(child, ram + BZIMAGE_PARAMS);
	put_initrd(child, ram);
	/* The zero behind it is there already. */
	__builtin_memcpy(ram + BZIMAGE_CMDLINE, child->cmdline,
	                 child->cmdline_size);
	__builtin_memcpy(ram + image->address, child->kernel + image->code,
	                 image->code_size);
}
