/*
 * A thousand rounds of create, run, save, delete: no page is lost, none comes
 * back with a byte in it.
 */
#include "parent/memory.h"
#include "parent/partition.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/saved.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/test.h"

#define ROUNDS 1000
#define PAGES 2 /* real mode needs no page tables */
#define PORT 0x80

static const u8 code[] = { MOV_AX16(0x1234), OUT_EAX(PORT), HLT };

static bool balance(u64 *available, u64 *in_use)
{
	return EXPECT_SUCCESS(
		memory_get_balance(HV_PARTITION_ID_SELF, available, in_use));
}

/* child_destroy checks the child's balance and that its pages are zero. */
static bool one_round(struct saved *stream)
{
	struct child c;
	u64 rax = 0;

	return child_create(&c, PAGES) && child_intercept_out(&c, PORT) &&
	       (CHILD_PUT_CODE(&c, code), child_set_real(&c, CHILD_CODE)) &&
	       child_run_to_out(&c, PORT, &rax) &&
	       EXPECT_EQUAL(rax & 0xffff, 0x1234) && child_stop(&c) &&
	       saved_take(stream, c.id, 0) && child_destroy(&c);
}

static void a_thousand_rounds(void)
{
	u64 available, in_use, out, a, u;
	struct saved stream;

	MUST(saved_begin(&stream, 8));
	/* The first round may leave tables of our own map behind. */
	MUST(one_round(&stream) && balance(&available, &in_use));
	out = pages_out();
	for (u32 i = 1; i <= ROUNDS; i++) {
		test_context("round", i);
		MUST(one_round(&stream) && balance(&a, &u));
		MUST(EXPECT_EQUAL(a, available) && EXPECT_EQUAL(u, in_use));
		MUST(EXPECT_EQUAL(pages_out(), out));
		if (i % 100 == 0)
			serial_print("round %u of %u\r\n", (u64)i, (u64)ROUNDS);
	}
	saved_end(&stream);
}

static const struct test_case cases[] = {
	{ "a thousand rounds", a_thousand_rounds },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	return test_run(image, table, "rounds", cases, ARRAY_LEN(cases));
}
