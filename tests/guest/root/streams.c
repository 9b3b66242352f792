/*
 * Save and restore, the rules: processes in the wrong order, streams that must
 * be refused, targets that do not fit, summaries, intercepts on the way.
 */
#include "include/stream.h"
#include "parent/memory.h"
#include "parent/partition.h"
#include "parent/vp.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/saved.h"
#include "tests/guest/lib/test.h"

#define PORT 0x80
#define PAGES 6
#define START HV_SAVE_RESTORE_STATE_START
#define SUMMARY HV_SAVE_RESTORE_STATE_SUMMARY

/* Adds one to memory and reports it, for ever. */
static const u8 counter[] = {
	INC_MEM(0x2100),
	LOAD_EAX(0x2100),
	OUT_EAX(PORT),
	JMP_BACK(16),
};

static struct child source, target;
static struct saved saved;

static bool create_source(void)
{
	u64 value;

	if (!child_create(&source, PAGES) ||
	    !child_intercept_out(&source, PORT))
		return false;
	CHILD_PUT_CODE(&source, counter);
	return child_set_long(&source, CHILD_CODE, CHILD_CODE) &&
	       child_run_to_out(&source, PORT, &value) &&
	       EXPECT_EQUAL(value, 1) && child_stop(&source);
}

/* A source, its stream, and a target for it. */
static bool prepare(void)
{
	return saved_begin(&saved, 32) && create_source() &&
	       saved_take(&saved, source.id, 0) &&
	       child_create(&target, PAGES) &&
	       child_intercept_out(&target, PORT);
}

static void clean_up(void)
{
	child_destroy(&source);
	child_destroy(&target);
	saved_end(&saved);
}

/* It goes on where the source was: with 2. */
static bool target_counts_on(void)
{
	u64 value;

	return child_set(&target, HV_REGISTER_INTERCEPT_SUSPEND, 0) &&
	       child_run_to_out(&target, PORT, &value) &&
	       EXPECT_EQUAL(value, 2);
}

static void start_in_mid_process(void)
{
	u64 available, in_use, a, u;
	struct saved first;
	u32 state = 0;

	MUST(prepare() && saved_begin(&first, 32));
	MUST(EXPECT_SUCCESS(
		memory_get_balance(HV_PARTITION_ID_SELF, &available, &in_use)));
	/* Three times anew: what the processes held is freed each time. */
	for (u32 i = 0; i < 3; i++) {
		first.size = 0;
		MUST(EXPECT_SUCCESS(
			saved_take_piece(&first, source.id, START, &state)));
		MUST(EXPECT_SUCCESS(
			saved_take_piece(&first, source.id, 0, &state)));
		EXPECT_EQUAL(state, HV_STATE_INCOMPLETE);
	}
	MUST(saved_take(&saved, source.id, 0));
	MUST(EXPECT_SUCCESS(memory_get_balance(HV_PARTITION_ID_SELF, &a, &u)));
	EXPECT_EQUAL(a, available);
	EXPECT_EQUAL(u, in_use);
	/* The same with a restore. */
	struct saved half = saved;

	half.size /= 2;
	EXPECT_EQUAL(saved_offer(&half, target.id, 0, 1000).state,
	             HV_STATE_INCOMPLETE);
	MUST(saved_restore(&saved, target.id, 4080));
	MUST(EXPECT_SUCCESS(memory_get_balance(HV_PARTITION_ID_SELF, &a, &u)));
	EXPECT_EQUAL(a, available);
	EXPECT_EQUAL(u, in_use);
	MUST(target_counts_on());
	saved_end(&first);
	clean_up();
}

static enum hv_status save_call(u64 id, u32 flags)
{
	u32 state, ignored;
	static u8 data[HV_SAVE_DATA_MAX];

	return stream_save_piece(id, flags, data, &ignored, &state);
}

static enum hv_status restore_call(u64 id, u32 flags)
{
	u32 state, ignored;

	return stream_restore_piece(id, flags, saved.data, 100, &ignored,
	                            &state);
}

static void calls_without_start(void)
{
	MUST(prepare());
	/* The stream was completed: there is no process. */
	EXPECT_STATUS(save_call(source.id, 0),
	              HV_STATUS_INVALID_SAVE_RESTORE_STATE);
	EXPECT_STATUS(restore_call(target.id, 0),
	              HV_STATUS_INVALID_SAVE_RESTORE_STATE);
	/* One process a target, whichever the direction (D9). */
	EXPECT_SUCCESS(save_call(source.id, START));
	EXPECT_STATUS(restore_call(source.id, 0),
	              HV_STATUS_INVALID_SAVE_RESTORE_STATE);
	EXPECT_SUCCESS(save_call(source.id, START));
	EXPECT_SUCCESS(restore_call(source.id, START));
	EXPECT_STATUS(save_call(source.id, 0),
	              HV_STATUS_INVALID_SAVE_RESTORE_STATE);
	EXPECT_STATUS(save_call(0, START), HV_STATUS_INVALID_PARTITION_ID);
	EXPECT_STATUS(restore_call(0, START), HV_STATUS_INVALID_PARTITION_ID);
	clean_up();
}

/* Another SUMMARY bit within a process: refused, the process goes on (D8). */
static void summary_within_a_process(void)
{
	MUST(prepare());
	EXPECT_SUCCESS(save_call(source.id, START));
	EXPECT_STATUS(save_call(source.id, SUMMARY),
	              HV_STATUS_INVALID_PARAMETER);
	EXPECT_SUCCESS(save_call(source.id, 0));
	clean_up();
}

static void running_partitions(void)
{
	MUST(prepare());
	MUST(child_set(&source, HV_REGISTER_EXPLICIT_SUSPEND, 0));
	EXPECT_STATUS(save_call(source.id, START), HV_STATUS_OPERATION_DENIED);
	EXPECT_STATUS(restore_call(source.id, START),
	              HV_STATUS_OPERATION_DENIED);
	/* No suspension is needed for a summary. */
	EXPECT_SUCCESS(save_call(source.id, START | SUMMARY));
	MUST(child_stop(&source));
	/* Let go in mid-process: not now, and not when it is held again. */
	EXPECT_SUCCESS(save_call(source.id, START));
	MUST(child_set(&source, HV_REGISTER_EXPLICIT_SUSPEND, 0));
	EXPECT_STATUS(save_call(source.id, 0), HV_STATUS_OPERATION_DENIED);
	MUST(child_stop(&source));
	EXPECT_STATUS(save_call(source.id, 0),
	              HV_STATUS_INVALID_SAVE_RESTORE_STATE);
	EXPECT_SUCCESS(save_call(source.id, START));
	clean_up();
}

/* What a stream would miss ends the process (D10). */
static void changes_end_the_process(void)
{
	MUST(prepare());
	EXPECT_SUCCESS(save_call(source.id, START));
	MUST(child_set(&source, HV_REGISTER_RBX, 5));
	EXPECT_STATUS(save_call(source.id, 0),
	              HV_STATUS_INVALID_SAVE_RESTORE_STATE);
	EXPECT_SUCCESS(save_call(source.id, START));
	EXPECT_SUCCESS(memory_unmap(source.id, 5, 1));
	EXPECT_STATUS(save_call(source.id, 0),
	              HV_STATUS_INVALID_SAVE_RESTORE_STATE);
	EXPECT_SUCCESS(save_call(source.id, START));
	EXPECT_SUCCESS(vp_delete(source.id, 0));
	EXPECT_STATUS(save_call(source.id, 0),
	              HV_STATUS_INVALID_SAVE_RESTORE_STATE);
	clean_up();
}

static void bytes_behind_the_end(void)
{
	u32 taken = 0, state = 9;

	MUST(prepare());
	MUST(EXPECT(saved.size + 1000 < saved.room));
	for (u32 i = 0; i < 1000; i++)
		saved.data[saved.size + i] = 0xee;
	/* No bytes at all: a process, and nothing consumed (D6). */
	EXPECT_SUCCESS(stream_restore_piece(target.id, START, saved.data, 0,
	                                    &taken, &state));
	EXPECT_EQUAL(taken, 0);
	EXPECT_EQUAL(state, HV_STATE_INCOMPLETE);
	saved.size += 1000;
	struct stream_outcome o = saved_offer(&saved, target.id, 0, 4080);

	EXPECT_SUCCESS(o.status);
	EXPECT_EQUAL(o.state, HV_STATE_COMPLETE);
	EXPECT_EQUAL(o.bytes, saved.size - 1000);
	MUST(target_counts_on());
	clean_up();
}

/* ---- Damage ---- */

static bool may_run(void)
{
	enum hv_status status =
		vp_set_register(target.id, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0);

	EXPECT(status == HV_STATUS_SUCCESS ||
	       status == HV_STATUS_INVALID_PARTITION_STATE);
	vp_set_register(target.id, 0, HV_REGISTER_EXPLICIT_SUSPEND, 1);
	return status == HV_STATUS_SUCCESS;
}

/* The first byte of the first chunk of this kind. */
static u64 find_chunk(u32 id)
{
	struct stream_header h;

	for (u64 at = 0; at < saved.size; at += sizeof(h) + h.length) {
		__builtin_memcpy(&h, saved.data + at, sizeof(h));
		if (h.id == id)
			return at;
	}
	test_context("there is no chunk", id);
	EXPECT(id == 0 && saved.size == 0);
	return 0;
}

static void flipped_bits(void)
{
	static const struct {
		u32 id;
		u32 offset; /* of the byte, from the chunk's header on */
		bool runs;  /* memory was not written yet */
	} rows[] = {
		{ STREAM_PROLOG, 0, true },    { STREAM_PROLOG, 20, true },
		{ STREAM_PROLOG, 4079, true }, { STREAM_COMPAT, 5, true },
		{ STREAM_COMPAT, 100, true },  { STREAM_VP_INDICES, 20, true },
		{ STREAM_GPA_MAP, 16, true },  { STREAM_PAGE, 4000, false },
		{ STREAM_VP_GP, 16, false },   { STREAM_VP_GP, 9, false },
		{ STREAM_VP_FP, 300, false },  { STREAM_EPILOG, 0, false },
		{ STREAM_EPILOG, 15, false },
	};

	MUST(prepare());
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		u64 at = find_chunk(rows[i].id) + rows[i].offset;

		test_context("row", i);
		saved.data[at] ^= 0x10;
		struct stream_outcome o =
			saved_offer(&saved, target.id, 0, 1000);

		saved.data[at] ^= 0x10;
		EXPECT_SUCCESS(o.status);
		EXPECT_EQUAL(o.state, HV_STATE_CORRUPT_DATA);
		EXPECT_EQUAL(may_run(), rows[i].runs);
		EXPECT_STATUS(restore_call(target.id, 0),
		              HV_STATUS_INVALID_SAVE_RESTORE_STATE);
		/* The undamaged stream makes it good again. */
		MUST(saved_restore(&saved, target.id, 4080));
		EXPECT(may_run());
		MUST(child_set(&target, HV_REGISTER_INTERCEPT_SUSPEND, 0));
		MUST(child_destroy(&target) && child_create(&target, PAGES));
	}
	clean_up();
}

static void truncated_streams(void)
{
	u64 whole;

	MUST(prepare());
	whole = saved.size;
	for (u32 i = 1; i < 8; i++) {
		test_context("eighths", i);
		saved.size = whole * i / 8;
		struct stream_outcome o =
			saved_offer(&saved, target.id, 0, 4080);

		EXPECT_SUCCESS(o.status);
		EXPECT_EQUAL(o.state, HV_STATE_INCOMPLETE);
	}
	saved.size = whole - 1;
	EXPECT_EQUAL(saved_offer(&saved, target.id, 0, 4080).state,
	             HV_STATE_INCOMPLETE);
	EXPECT(!may_run());
	saved.size = whole;
	MUST(saved_restore(&saved, target.id, 4080));
	MUST(target_counts_on());
	clean_up();
}

/* ---- Other targets ---- */

static void other_processors(void)
{
	MUST(prepare() && child_deposit(&target, 16));
	MUST(EXPECT_SUCCESS(vp_create(target.id, 1)));
	EXPECT_EQUAL(saved_offer(&saved, target.id, 0, 4080).state,
	             HV_STATE_PROCESSOR_COUNT_MISMATCH);
	MUST(EXPECT_SUCCESS(vp_delete(target.id, 0)));
	EXPECT_EQUAL(saved_offer(&saved, target.id, 0, 4080).state,
	             HV_STATE_PROCESSOR_INDEX_MISMATCH);
	clean_up();
}

static void missing_memory(void)
{
	MUST(prepare());
	MUST(EXPECT_SUCCESS(memory_unmap(target.id, 3, 1)));
	EXPECT_EQUAL(saved_offer(&saved, target.id, 0, 4080).state,
	             HV_STATE_PROCESSOR_INSUFFICIENT_MEMORY);
	EXPECT(may_run());
	/* Nor may a page be read-only (D19). */
	MUST(EXPECT_SUCCESS(memory_map(target.id, 3,
	                               (target.memory >> PAGE_SHIFT) + 3, 1,
	                               HV_MAP_GPA_READABLE, NULL)));
	EXPECT_EQUAL(saved_offer(&saved, target.id, 0, 4080).state,
	             HV_STATE_PROCESSOR_INSUFFICIENT_MEMORY);
	clean_up();
}

static void summaries(void)
{
	struct saved summary;
	struct stream_outcome o;

	MUST(prepare() && saved_begin(&summary, 8));
	MUST(saved_take(&summary, 0, SUMMARY));
	EXPECT(summary.size < saved.size);
	EXPECT_EQUAL(saved_offer(&summary, 0, SUMMARY, 4080).state,
	             HV_STATE_RESTORABLE);
	MUST(saved_take(&summary, source.id, SUMMARY));
	EXPECT_EQUAL(saved_offer(&summary, 0, SUMMARY, 500).state,
	             HV_STATE_RESTORABLE);
	EXPECT_EQUAL(saved_offer(&summary, target.id, SUMMARY, 500).state,
	             HV_STATE_RESTORABLE);
	/* A full stream will do, and its memory is not waited for (D13). */
	o = saved_offer(&saved, 0, SUMMARY, 4080);
	EXPECT_EQUAL(o.state, HV_STATE_RESTORABLE);
	EXPECT(o.bytes <= find_chunk(STREAM_GPA_MAP));
	EXPECT_EQUAL(saved_offer(&saved, target.id, SUMMARY, 4080).state,
	             HV_STATE_RESTORABLE);
	EXPECT(may_run());
	/* A summary is no partition. */
	o = saved_offer(&summary, target.id, 0, 4080);
	EXPECT_SUCCESS(o.status);
	EXPECT(o.state != HV_STATE_COMPLETE && o.state != HV_STATE_INCOMPLETE);
	EXPECT(may_run());
	saved_end(&summary);
	clean_up();
}

/* ---- Intercepts on the way ---- */

/* Its message has been fetched: the restored one is still suspended by it. */
static void intercept_suspended(void)
{
	u64 value;

	MUST(saved_begin(&saved, 32) && create_source());
	MUST(child_run_to(&source, HV_MESSAGE_IO_PORT_INTERCEPT));
	MUST(child_stop(&source) && saved_take(&saved, source.id, 0));
	MUST(child_create(&target, PAGES));
	MUST(child_intercept_out(&target, PORT));
	MUST(saved_restore(&saved, target.id, 4080));
	EXPECT_EQUAL(child_get(&target, HV_REGISTER_INTERCEPT_SUSPEND), 1);
	EXPECT_EQUAL(child_get(&target, HV_REGISTER_EXPLICIT_SUSPEND), 1);
	EXPECT(!child_next_message(&target.message, 100000));
	target.message = source.message;
	MUST(child_skip(&target));
	MUST(child_run_to_out(&target, PORT, &value));
	EXPECT_EQUAL(value, 3);
	clean_up();
}

/* Its message was never delivered: it comes back with it (D15, D25). */
static void undelivered_message(void)
{
	const struct hv_io_port_intercept *io =
		(const struct hv_io_port_intercept *)target.message.payload;
	u64 value;

	MUST(saved_begin(&saved, 32) && create_source());
	cpu_write_msr(HV_MSR_SINT0, HV_SINT_RESET);
	MUST(child_go(&source) &&
	     child_run_until(&source, HV_REGISTER_INTERCEPT_SUSPEND,
	                     HV_SUSPENDED));
	MUST(child_stop(&source));
	MUST(saved_take(&saved, source.id, 0));
	MUST(child_destroy(&source));
	MUST(child_create(&target, PAGES));
	MUST(child_intercept_out(&target, PORT));
	MUST(saved_restore(&saved, target.id, 4080));
	cpu_write_msr(HV_MSR_SINT0, CHILD_MESSAGE_VECTOR);
	MUST(child_wait(&target));
	EXPECT_EQUAL(target.message.type, HV_MESSAGE_IO_PORT_INTERCEPT);
	EXPECT_EQUAL(io->rax, 2);
	MUST(child_skip(&target));
	MUST(child_run_to_out(&target, PORT, &value));
	EXPECT_EQUAL(value, 3);
	child_destroy(&target);
	saved_end(&saved);
}

/* The parent keeps the memory itself (D18). */
static void without_memory(void)
{
	u64 full, value = 9;

	MUST(prepare());
	full = saved.size;
	MUST(EXPECT_SUCCESS(partition_get_property(
		source.id, HV_PROPERTY_STASIS_SAVE_MEMORY, &value)));
	EXPECT_EQUAL(value, 1);
	MUST(EXPECT_SUCCESS(partition_set_property(
		source.id, HV_PROPERTY_STASIS_SAVE_MEMORY, 0)));
	MUST(saved_take(&saved, source.id, 0));
	EXPECT(saved.size < full);
	child_put(&target, 0, child_at(&source, 0), PAGES * PAGE_SIZE);
	MUST(saved_restore(&saved, target.id, 4080));
	MUST(target_counts_on());
	clean_up();
}

static const struct test_case cases[] = {
	{ "start in mid process", start_in_mid_process },
	{ "calls without start", calls_without_start },
	{ "summary within a process", summary_within_a_process },
	{ "partitions that are not suspended", running_partitions },
	{ "changes end the process", changes_end_the_process },
	{ "bytes behind the end", bytes_behind_the_end },
	{ "flipped bits", flipped_bits },
	{ "truncated streams", truncated_streams },
	{ "a target with other processors", other_processors },
	{ "a target without the memory", missing_memory },
	{ "summaries", summaries },
	{ "saved while suspended by an intercept", intercept_suspended },
	{ "saved with an undelivered message", undelivered_message },
	{ "saved without memory", without_memory },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	return test_run(image, table, "streams", cases, ARRAY_LEN(cases));
}
