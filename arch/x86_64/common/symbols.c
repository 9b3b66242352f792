/*
 * Looks symbols up in the ELF file that boot left beside the image. A report
 * is being written when this runs, so nothing in the file is believed.
 */
#include "arch/x86_64/common/symbols.h"

#define ELF_SYMBOL_TABLE 2u
#define ELF_SYMBOL_FUNCTION_MAX 2u /* untyped, object, function */
#define NAME_MAX 64

struct elf_header {
	u8 ident[16];
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

struct elf_section {
	u32 name;       /*  0 */
	u32 type;       /*  4 */
	u64 flags;      /*  8 */
	u64 address;    /* 16 */
	u64 offset;     /* 24 */
	u64 size;       /* 32 */
	u32 link;       /* 40 of a symbol table: its strings */
	u32 info;       /* 44 */
	u64 align;      /* 48 */
	u64 entry_size; /* 56 */
};
_Static_assert(sizeof(struct elf_section) == 64, "ELF-64 section header");

struct elf_symbol {
	u32 name;    /*  0 */
	u8 info;     /*  4 */
	u8 other;    /*  5 */
	u16 section; /*  6 */
	u64 value;   /*  8 */
	u64 size;    /* 16 */
};
_Static_assert(sizeof(struct elf_symbol) == 24, "ELF-64 symbol");

extern const u8 __text_start[], __text_end[];

static const u8 *elf;
static u64 elf_size;
static u64 image_base;

void symbols_init(const struct handoff *h)
{
	elf = (const u8 *)h->elf_base;
	elf_size = h->elf_size;
	image_base = h->image_base;
}

bool symbols_is_code(u64 address)
{
	return address >= (u64)__text_start && address < (u64)__text_end;
}

/* The bytes [offset, offset + size) of the file, NULL: not all within. */
static const void *elf_bytes(u64 offset, u64 size)
{
	if (offset > elf_size || size > elf_size - offset || offset % 8)
		return NULL;
	return elf + offset;
}

static const struct elf_section *elf_section(u32 index)
{
	const struct elf_header *h = elf_bytes(0, sizeof(*h));

	if (!h || index >= h->shnum || h->shentsize != sizeof(*elf_section(0)))
		return NULL;
	return elf_bytes(h->shoff + index * sizeof(struct elf_section),
	                 sizeof(struct elf_section));
}

static const struct elf_section *elf_symbol_table(void)
{
	const struct elf_section *s;

	for (u32 i = 0; (s = elf_section(i)) != NULL; i++)
		if (s->type == ELF_SYMBOL_TABLE &&
		    elf_bytes(s->offset, s->size))
			return s;
	return NULL;
}

/* A string of the table's that ends within the file; "?" otherwise. */
static const char *elf_name(const struct elf_section *table, u32 name)
{
	const struct elf_section *strings = elf_section(table->link);
	u64 start;

	if (!strings || name >= strings->size)
		return "?";
	start = strings->offset + name;
	for (u64 i = 0; i < NAME_MAX && start + i < elf_size; i++)
		if (!elf[start + i])
			return (const char *)elf + start;
	return "?";
}

const char *symbols_find(u64 address, u64 *offset)
{
	const struct elf_section *table = elf_symbol_table();
	const struct elf_symbol *symbols, *best = NULL;
	u64 value = address - image_base;

	if (!table || !symbols_is_code(address))
		return NULL;
	symbols = elf_bytes(table->offset, table->size);
	for (u64 i = 0; i < table->size / sizeof(*symbols); i++) {
		const struct elf_symbol *s = &symbols[i];

		if (!s->section || s->value > value || !s->name ||
		    (s->info & 15) > ELF_SYMBOL_FUNCTION_MAX)
			continue;
		if (!best || s->value >= best->value)
			best = s;
	}
	if (!best)
		return NULL;
	*offset = value - best->value;
	return elf_name(table, best->name);
}
