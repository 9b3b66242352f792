/*
 * ELF as far as the hypervisor's own image needs it (System V ABI, chapters 4
 * and 5). Everything that loading relies on is checked first.
 */
#include "lib/elf.h"

#define ELF_MAGIC 0x00010102464c457full /* 64 bit, little-endian, version 1 */
#define ELF_TYPE_DYN 3
#define ELF_MACHINE_X86_64 62
#define ELF_SEGMENT_LOAD 1
#define ELF_SEGMENT_DYNAMIC 2
#define ELF_SEGMENT_X 1u
#define ELF_DYNAMIC_NULL 0
#define ELF_DYNAMIC_NEEDED 1
#define ELF_DYNAMIC_RELA 7
#define ELF_DYNAMIC_RELASZ 8
#define ELF_DYNAMIC_RELAENT 9
#define ELF_DYNAMIC_REL 17
#define ELF_DYNAMIC_JMPREL 23
#define ELF_DYNAMIC_RELR 36
#define ELF_RELOCATION_RELATIVE 8u
#define ELF_MEMORY_MAX (64ull << 20)

struct elf_header {
	u64 magic;     /*  0 */
	u64 padding;   /*  8 */
	u16 type;      /* 16 */
	u16 machine;   /* 18 */
	u32 version;   /* 20 */
	u64 entry;     /* 24 */
	u64 phoff;     /* 32 */
	u64 shoff;     /* 40 */
	u32 flags;     /* 48 */
	u16 ehsize;    /* 52 */
	u16 phentsize; /* 54 */
	u16 phnum;     /* 56 */
	u16 shentsize; /* 58 */
	u16 shnum;     /* 60 */
	u16 shstrndx;  /* 62 */
};
_Static_assert(sizeof(struct elf_header) == 64, "ELF-64 file header");

struct elf_segment {
	u32 type;        /*  0 */
	u32 flags;       /*  4 */
	u64 offset;      /*  8 in the file */
	u64 vaddr;       /* 16 */
	u64 paddr;       /* 24 */
	u64 file_size;   /* 32 */
	u64 memory_size; /* 40 */
	u64 align;       /* 48 */
};
_Static_assert(sizeof(struct elf_segment) == 56, "ELF-64 program header");

struct elf_dynamic {
	u64 tag;
	u64 value;
};

struct elf_rela {
	u64 offset; /*  0 */
	u64 info;   /*  8 */
	u64 addend; /* 16 */
};
_Static_assert(sizeof(struct elf_rela) == 24, "ELF-64 relocation");

/* Is [offset, offset + size) within [0, limit)? */
static bool fits(u64 offset, u64 size, u64 limit)
{
	return offset <= limit && size <= limit - offset;
}

static const struct elf_header *elf_header(const u8 *file)
{
	return (const void *)file;
}

static const struct elf_segment *elf_segments(const u8 *file)
{
	return (const void *)(file + elf_header(file)->phoff);
}

static const char *elf_check_header(const u8 *file, u64 size)
{
	const struct elf_header *h = elf_header(file);

	if (size < sizeof(*h) || h->magic != ELF_MAGIC)
		return "not a 64-bit ELF file";
	if (h->type != ELF_TYPE_DYN || h->machine != ELF_MACHINE_X86_64)
		return "not position-independent x86-64 code";
	if (h->phentsize != sizeof(struct elf_segment) || h->phoff % 8 ||
	    !fits(h->phoff, (u64)h->phnum * h->phentsize, size))
		return "program headers outside the file";
	return NULL;
}

/* Segments ascend, lie within the file and leave room for each other. */
static const char *elf_check_segments(struct elf_image *image, u64 size)
{
	const struct elf_segment *s = elf_segments(image->file);
	bool entry_found = false;
	u64 end = 0;

	for (u16 i = 0; i < elf_header(image->file)->phnum; i++, s++) {
		if (s->type != ELF_SEGMENT_LOAD)
			continue;
		if (!fits(s->offset, s->file_size, size))
			return "a segment outside the file";
		if (s->file_size > s->memory_size || s->vaddr < end ||
		    !fits(s->vaddr, s->memory_size, ELF_MEMORY_MAX))
			return "segments overlap or are too large";
		end = s->vaddr + s->memory_size;
		if (s->flags & ELF_SEGMENT_X && image->entry >= s->vaddr &&
		    image->entry < end)
			entry_found = true;
	}
	image->memory_size = (end + PAGE_SIZE - 1) & ~(u64)(PAGE_SIZE - 1);
	return entry_found ? NULL : "the entry is not in a code segment";
}

/* The file offset of [vaddr, vaddr + size), or 0, which is the header's. */
static u64 elf_find_bytes(const struct elf_image *image, u64 vaddr, u64 size)
{
	const struct elf_segment *s = elf_segments(image->file);

	for (u16 i = 0; i < elf_header(image->file)->phnum; i++, s++)
		if (s->type == ELF_SEGMENT_LOAD && vaddr >= s->vaddr &&
		    fits(vaddr - s->vaddr, size, s->file_size))
			return s->offset + (vaddr - s->vaddr);
	return 0;
}

static const char *elf_check_relocations(const struct elf_image *image)
{
	const struct elf_rela *r =
		(const void *)(image->file + image->rela_offset);

	for (u64 i = 0; i < image->rela_count; i++, r++) {
		if (r->info != ELF_RELOCATION_RELATIVE)
			return "a relocation that is not relative";
		if (!fits(r->offset, sizeof(u64), image->memory_size))
			return "a relocation outside the image";
	}
	return NULL;
}

static const char *elf_check_dynamic(struct elf_image *image,
                                     const struct elf_dynamic *d, u64 count)
{
	u64 address = 0, size = 0, entry = sizeof(struct elf_rela);

	for (; count && d->tag != ELF_DYNAMIC_NULL; count--, d++) {
		switch (d->tag) {
		case ELF_DYNAMIC_RELA:
			address = d->value;
			break;
		case ELF_DYNAMIC_RELASZ:
			size = d->value;
			break;
		case ELF_DYNAMIC_RELAENT:
			entry = d->value;
			break;
		case ELF_DYNAMIC_NEEDED:
		case ELF_DYNAMIC_REL:
		case ELF_DYNAMIC_JMPREL:
		case ELF_DYNAMIC_RELR:
			return "it needs a dynamic linker";
		}
	}
	if (!size)
		return NULL;
	image->rela_offset = elf_find_bytes(image, address, size);
	image->rela_count = size / sizeof(struct elf_rela);
	if (!image->rela_offset || image->rela_offset % 8 ||
	    entry != sizeof(struct elf_rela))
		return "relocations outside the file";
	return elf_check_relocations(image);
}

const char *elf_check(const u8 *file, u64 size, struct elf_image *image)
{
	const struct elf_segment *s;
	const char *error = elf_check_header(file, size);

	if (error)
		return error;
	*image = (struct elf_image){
		.file = file,
		.entry = elf_header(file)->entry,
	};
	error = elf_check_segments(image, size);
	s = elf_segments(file);
	for (u16 i = 0; !error && i < elf_header(file)->phnum; i++, s++) {
		if (s->type != ELF_SEGMENT_DYNAMIC)
			continue;
		if (s->offset % 8 || !fits(s->offset, s->file_size, size))
			return "dynamic section outside the file";
		error = elf_check_dynamic(
			image, (const void *)(file + s->offset),
			s->file_size / sizeof(struct elf_dynamic));
	}
	return error;
}

void elf_load(const struct elf_image *image, u8 *base)
{
	const struct elf_segment *s = elf_segments(image->file);
	const struct elf_rela *r =
		(const void *)(image->file + image->rela_offset);

	__builtin_memset(base, 0, image->memory_size);
	for (u16 i = 0; i < elf_header(image->file)->phnum; i++, s++)
		if (s->type == ELF_SEGMENT_LOAD)
			__builtin_memcpy(base + s->vaddr,
			                 image->file + s->offset, s->file_size);
	/* Linked at 0: a relative relocation is the base plus its addend. */
	for (u64 i = 0; i < image->rela_count; i++, r++) {
		u64 value = (u64)base + r->addend;

		__builtin_memcpy(base + r->offset, &value, sizeof(value));
	}
}
