/*
 * Machines that are built once. An input begins with one as it was built, and what
 * the input before it touched is all that is put back.
 *
 * Pages are reached for through the door (arch_page) or by the parent (guest_at),
 * which the fakes note; those to which pointers were there from the start are
 * taken for touched. fuzz_image_compare proves it.
 */
#ifndef FUZZ_IMAGE_H
#define FUZZ_IMAGE_H

#include "tests/fuzz/fuzz_input.h"
#include "tests/host/fake/arch.h"

#define FUZZ_RAM (10ull << 20)
#define FUZZ_FRAMES (FUZZ_RAM >> PAGE_SHIFT)
#define FUZZ_RESERVED 128u

/* Of a machine without children. */
struct fuzz_books {
	u64 reserved; /* pages of the root's pool */
	u64 in_use;   /* and those of them that it always needs */
};

struct fuzz_kept {
	void *at;
	u64 bytes;
};

enum { FUZZ_KEEP_HARDWARE, FUZZ_KEEP_TLB, FUZZ_KEEP_GUEST, FUZZ_KEEPS };

struct fuzz_image {
	u8 *ram; /* NULL: not built yet */
	u8 *ram_was;
	u8 touched[FUZZ_FRAMES];
	u8 held[FUZZ_FRAMES];   /* there are pointers to them */
	u8 zero[FUZZ_FRAMES];   /* all but the first word, as it was built */
	u64 first[FUZZ_FRAMES]; /* that word: a link, in a pool's page */
	struct fake_world fake;
	u8 *hv;
	struct fuzz_kept kept[FUZZ_KEEPS];
	u64 longest;
	struct fuzz_books books;
};

/* Makes a machine in image->ram, always the same for the same argument. */
typedef void fuzz_image_make(struct fuzz_image *image, const void *argument);

/* Begins with the machine of an image, which is made at the first time. */
void fuzz_image_begin(struct fuzz_image *image, fuzz_image_make *make,
                      const void *argument);

/*
 * Puts it back and makes it anew: all bytes must be the same. Slow. The machine is
 * good to begin with.
 */
void fuzz_image_compare(struct fuzz_image *image, fuzz_image_make *make,
                        const void *argument);

/* The one that was begun last. */
const struct fuzz_image *fuzz_image(void);

/* May a page be another than it was? Only if it was reached for. */
bool fuzz_image_may_differ(u64 gpn);

/* Pages are the same; and a copy of one. In RAM the sanitizers would find nothing. */
bool fuzz_page_same(const void *a, const void *b);
void fuzz_page_copy(void *to, const void *from);

/* A page to look at, which is no reason to put it back. */
const u64 *fuzz_image_look(hpa_t page);

#endif
