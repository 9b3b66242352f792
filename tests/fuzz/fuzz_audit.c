/*
 * The books of a machine, and the way back to an empty one. A page in a pool that nobody
 * reached for is as it was in the image: only of the others all is looked at.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/books/books.h"
#include "tests/fuzz/fuzz_world.h"

void fuzz_audit_open(struct fuzz_books *books)
{
	const struct pool *pool = &fake_root()->pool;

	books->reserved = pool->available + pool->in_use;
	books->in_use = pool->in_use;
}

u64 fuzz_next_child(u64 previous)
{
	struct hv_input_get_next_child in = { HV_PARTITION_ID_SELF, previous };
	u64 next = 0;

	FUZZ_CHECK(guest_call(HVCALL_GET_NEXT_CHILD_PARTITION, &in, sizeof(in),
	                      &next, sizeof(next)) == HV_STATUS_SUCCESS);
	return next;
}

/* ---- The books of a machine (tests/books) ---- */

static bool is_blank(hpa_t page)
{
	return !fuzz_image_may_differ(page.v >> PAGE_SHIFT) ||
	       fake_is_zero(fuzz_image_look(page) + 1, PAGE_SIZE / 8 - 1);
}

BOOKS_STOPS static void wrong(const struct books *b, const char *what)
{
	fprintf(stderr, "books: partition %llu, page %#llx: %s\n",
	        (unsigned long long)b->partition, (unsigned long long)b->page,
	        what);
	abort();
}

void fuzz_audit(void)
{
	static u32 words[FUZZ_FRAMES];
	struct books b = { .words = words,
		           .count = FUZZ_FRAMES,
		           .frames = (const void *)fuzz_image_look(
				   hpa_of(fake.handoff.free_base)),
		           .look = fuzz_image_look,
		           .is_blank = is_blank,
		           .wrong = wrong };

	books_audit(&b);
	FUZZ_CHECK(guest_longest <= FUZZ_STEPS_MAX);
}

static void remove_child(u64 id)
{
	enum partition_state state = guest_partition(id)->state;
	u64 available, in_use;

	if (state == PARTITION_ACTIVE || state == PARTITION_FINALIZING)
		FUZZ_CHECK(guest_finalize(id) == HV_STATUS_SUCCESS);
	FUZZ_CHECK(guest_balance(id, &available, &in_use) == 0);
	FUZZ_CHECK(in_use == 0);
	FUZZ_CHECK(guest_withdraw_all(id) == available);
	FUZZ_CHECK(guest_delete(id) == HV_STATUS_SUCCESS);
}

/* A process of partition id 0 ends when a whole one has come to its end. */
static void end_system(void)
{
	static struct guest_stream s; /* its room stays */
	u32 result;

	FUZZ_CHECK(guest_save(0, GUEST_SUMMARY, &s, &result) == 0);
	FUZZ_CHECK(result == HV_STATE_COMPLETE);
}

void fuzz_end(void)
{
	u64 id;

	fuzz_audit();
	while ((id = fuzz_next_child(0)) != 0)
		remove_child(id);
	end_system();
	guest_withdraw_all(fake_root()->id);
	fuzz_audit();
	FUZZ_CHECK(fake_root()->pool.available + fake_root()->pool.in_use ==
	           fuzz_image()->books.reserved);
	FUZZ_CHECK(fake_root()->pool.in_use == fuzz_image()->books.in_use);
	fuzz_compare();
}
