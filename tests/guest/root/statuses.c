/*
 * Every status of every call, from a table of what the TLFS says of the calls
 * and a table of fields that can be wrong.
 */
#include "tests/guest/root/statuses/statuses.h"

#include "tests/guest/lib/test.h"

static const struct test_case cases[] = {
	{ "unknown call codes", statuses_unknown_codes },
	{ "reserved bits of the control word", statuses_reserved_control_bits },
	{ "rep and fast bits", statuses_rep_and_fast_bits },
	{ "blocks in bad places", statuses_bad_blocks },
	{ "blocks that overlap", statuses_overlapping_blocks },
	{ "blocks without memory", statuses_blocks_without_memory },
	{ "partition ids", statuses_ids },
	{ "one wrong field at a time", statuses_wrong_fields },
	{ "fast calls", statuses_fast_calls },
	{ "rep start index and completed reps", statuses_rep_start },
	{ "rep lists over the page", statuses_rep_lists_over_the_page },
	{ "blocks of save and restore", statuses_blocks_of_save_and_restore },
	{ "calls of a child", statuses_calls_of_a_child },
	{ "unmapped block of a child", statuses_unmapped_block_of_a_child },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	return test_run(image, table, "statuses", cases, ARRAY_LEN(cases));
}
