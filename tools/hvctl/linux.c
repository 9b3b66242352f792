/*
 * hvctl create of a Linux kernel: what it needs is known and checked before anything is
 * made; then kernel, initrd, boot parameters and ACPI tables go into the child's RAM.
 */
#include "tools/hvctl/linux.h"

#include "include/x86.h"
#include "parent/acpi_power.h"
#include "parent/acpi_tables.h"
#include "parent/bzimage.h"
#include "parent/transport.h"
#include "parent/vp.h"
#include "tools/hvctl/child.h"
#include "tools/hvctl/create.h"
#include "tools/hvctl/front.h"
#include "tools/hvctl/print.h"
#include "tools/hvctl/report.h"

#define BYTES_IN_MIB BIT(20)
#define MEM_DEFAULT 256 /* MiB: a distribution's kernel and a small initrd */

/* ---- What does not fit ---- */

static enum hvctl_result say_no_room(const struct linux_words *words,
                                     const struct bzimage_child *b, u64 need)
{
	if (need == 0)
		print("hvctl: %s has %lu bytes, and this kernel looks for it "
		      "below 0x%X\n  give it a smaller one\n",
		      words->initrd, b->initrd_size, b->image.initrd_last);
	else
		print("hvctl: %s needs %lu MiB to start, with its initrd\n"
		      "  give the child more with mem=\n",
		      words->path, need / BYTES_IN_MIB);
	return HVCTL_TOO_LARGE;
}

/* Sets b->ram as well. */
static enum hvctl_result check_room(const struct linux_words *words,
                                    struct bzimage_child *b)
{
	u64 need = bzimage_ram(b);

	/* A kernel that is larger than the default gets what it needs, and the initrd's room. */
	b->ram = words->mem * BYTES_IN_MIB;
	if (words->mem == 0)
		b->ram = need > MEM_DEFAULT * BYTES_IN_MIB
		                 ? need
		                 : MEM_DEFAULT * BYTES_IN_MIB;
	if (need == 0 || need > b->ram ||
	    b->ram > CREATE_MEM_MAX * BYTES_IN_MIB)
		return say_no_room(words, b, need);
	return HVCTL_DONE;
}

static enum hvctl_result read_kernel(const struct linux_words *words,
                                     struct bzimage_child *b)
{
	const char *wrong = bzimage_read(words->kernel, words->size, &b->image);

	if (wrong) {
		print("hvctl: %s: %s\n  give it a bzImage, which "
		      "distributions call vmlinuz; a flat image has no "
		      "initrd= and no cmdline=\n",
		      words->path, wrong);
		return HVCTL_TOO_LARGE;
	}
	b->kernel = words->kernel;
	b->cmdline = words->cmdline ? words->cmdline : "";
	b->acpi = ACPI_TABLES_GPA;
	while (b->cmdline[b->cmdline_size])
		b->cmdline_size++;
	if (b->cmdline_size <= b->image.cmdline_most)
		return HVCTL_DONE;
	print("hvctl: cmdline= is longer than the %u letters that this "
	      "kernel takes\n",
	      b->image.cmdline_most);
	return HVCTL_TOO_LARGE;
}

/* ---- The first instruction ---- */

static void set_segment(struct hv_register_assoc *r, u32 name, u16 selector,
                        u16 rights)
{
	r->name = name;
	r->value.segment.limit = UINT32_MAX;
	r->value.segment.selector = selector;
	r->value.segment.attributes = rights;
}

/* The 32-bit boot protocol: protected mode, flat, no paging, RSI at the parameters. */
static enum hv_status set_start(u64 id, const struct bzimage *image)
{
	struct hv_register_assoc list[] = {
		{ .name = HV_REGISTER_CS },   { .name = HV_REGISTER_DS },
		{ .name = HV_REGISTER_ES },   { .name = HV_REGISTER_SS },
		{ .name = HV_REGISTER_GDTR }, { .name = HV_REGISTER_CR0 },
		{ .name = HV_REGISTER_RIP },  { .name = HV_REGISTER_RSI },
	};

	set_segment(&list[0], HV_REGISTER_CS, BZIMAGE_CS, RIGHTS_CODE_32);
	for (u32 i = 1; i < 4; i++)
		set_segment(&list[i], list[i].name, BZIMAGE_DS, RIGHTS_DATA_32);
	list[4].value.table.base = BZIMAGE_GDT;
	list[4].value.table.limit = BZIMAGE_DS + 7;
	list[5].value.reg64 = CR0_PE | CR0_ET | CR0_NE;
	list[6].value.reg64 = image->address;
	list[7].value.reg64 = BZIMAGE_PARAMS;
	return vp_set_registers(id, 0, list, ARRAY_LEN(list), NULL);
}

static enum hvctl_result start(const struct linux_words *words,
                               const struct bzimage_child *b)
{
	struct book_child *child =
		create_build(b->ram / PAGE_SIZE, words->vps, words->path);
	enum hv_status status;

	if (!child)
		return HVCTL_ABORTED;
	/* Its RAM is ours too, in one piece and zeroed: no hypercall, whatever the size. */
	bzimage_load(b, transport_at(child->ram));
	acpi_tables_write(transport_at(child->ram + ACPI_TABLES_GPA),
	                  (u32)words->vps);
	__builtin_memcpy(transport_at(child->ram + ACPI_POWER_VECTOR_GPA),
	                 acpi_power_vector, ACPI_POWER_VECTOR_BYTES);
	status = set_start(child->id, &b->image);
	return create_end(child, status);
}

enum hvctl_result linux_create(const struct linux_words *words)
{
	struct bzimage_child b = { .initrd_size = 0 };
	enum hvctl_result result = read_kernel(words, &b);
	u8 *initrd = NULL;

	if (result != HVCTL_DONE)
		return result;
	/* Last of what can fail for a file: what the child needs is known then. */
	if (words->initrd &&
	    !front_read_file(words->initrd, &initrd, &b.initrd_size))
		return HVCTL_FILE;
	b.initrd = initrd;
	result = check_room(words, &b);
	if (result == HVCTL_DONE)
		result = start(words, &b);
	if (initrd)
		front_free(initrd);
	return result;
}
