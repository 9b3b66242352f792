/*
 * The machines that inputs begin with, and the children that are there already.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz_world.h"

#define KEYS (FAKE_MACHINES * BIT(FUZZ_VPS) * FUZZ_CHILDREN)

static struct fuzz_image *images[KEYS];
static struct fuzz_start begun;
static u64 made[FUZZ_CHILDREN]; /* children that wait to be taken */
static u32 taken;

static u64 make_child(u32 vps)
{
	u64 id = guest_child(FUZZ_SPARE_PAGES, 0);

	for (u32 i = 0; i < FUZZ_VPS; i++)
		if (vps & BIT(i))
			fuzz_create_vp(id, fuzz_vp_index(i));
	return id;
}

static void make(struct fuzz_image *image, const void *argument)
{
	const struct fuzz_start *start = argument;
	struct fake_options o = { .machine = start->machine,
		                  .ram = FUZZ_RAM,
		                  .reserved_pages = FUZZ_RESERVED,
		                  .memory = image->ram,
		                  .touched = image->touched };

	FUZZ_CHECK(guest_start(&o) == HANDOFF_OK);
	fuzz_audit_open(&image->books);
	for (u32 i = 0; i < start->children; i++)
		(void)make_child(start->vps);
	if (start->more)
		start->more();
	/* Later only what has changed is looked at: so all of it is, once. */
	fuzz_audit();
}

static struct fuzz_image **image_of(const struct fuzz_start *start)
{
	u64 key =
		(start->machine * BIT(FUZZ_VPS) + start->vps) * FUZZ_CHILDREN +
		start->children;

	FUZZ_CHECK(key < KEYS && start->children < FUZZ_CHILDREN);
	return &images[key];
}

void fuzz_begin(const struct fuzz_start *start)
{
	struct fuzz_image **image = image_of(start);
	u64 id = 0;

	if (!*image)
		*image = calloc(1, sizeof(**image));
	FUZZ_CHECK(*image != NULL);
	fuzz_image_begin(*image, make, start);
	begun = *start;
	for (u32 i = 0; i < start->children; i++)
		made[i] = id = fuzz_next_child(id);
	taken = 0;
}

void fuzz_compare(void)
{
	if (getenv("FUZZ_ANEW"))
		fuzz_image_compare(*image_of(&begun), make, &begun);
}

u64 fuzz_take_child(void)
{
	if (taken < begun.children)
		return made[taken++];
	return make_child(begun.vps);
}
