/*
 * What calls cost. Under Bochs, and QEMU with -icount, the time-stamp counter counts
 * instructions, in the root and in the hypervisor, and one for each turn of a string
 * instruction: then these are exact figures, and have bounds. Elsewhere they are ticks,
 * printed and not checked.
 */
#include "lib/crc32c.h"
#include "parent/hvcall.h"
#include "tests/guest/lib/alarm.h"
#include "tests/guest/lib/arguments.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/saved.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/sort.h"
#include "tests/guest/lib/test.h"

/* Of a call besides the copies and the CRC of a page. */
#define SAVE_MAX 1500
#define RESTORE_MAX 1700
#define NULL_MAX 500
#define CALL_MAX 60000 /* of any call */

#define FULL_PAGES 200
#define ZERO_PAGES 2048
#define WORD_PAGES 1024
#define PIECE HV_SAVE_DATA_MAX
/* The first calls carry processors and the map, the last ones the end. */
#define HEAD_TURNS 8
#define TAIL_TURNS 2
#define TURNS_MAX 1024
#define NOPS 1000
#define HALF (PAGE_SIZE / 2)

/*
 * The hypervisor's own code, linked into this program: what the copy to or from
 * the block and the pass over the page cost by themselves.
 */
void arch_copy(void *to, const void *from, u64 bytes);

struct turn {
	u64 ticks;
	u32 bytes; /* of the stream, that the call has moved */
};

struct turns {
	struct turn list[TURNS_MAX];
	u32 count;
};

static struct turns saves, restores;
static u64 overhead, copy_ticks, page_ticks, worst;
static u64 insn_ticks = 1; /* of an instruction */
static bool exact;         /* all of them have so many */
static u64
	length; /* for a processor that does not tell an instruction's length */

/* ---- Measuring ---- */

static void report(const char *name, u64 ticks)
{
	serial_print("COST %s %u\r\n", name, ticks);
}

/* In instructions, where these have their ticks. */
static u64 ticks_since(u64 begin)
{
	return (cpu_read_tsc() - begin - overhead) / insn_ticks;
}

/* An interrupt of the firmware's would count as well. */
static enum hv_status timed_call(u64 control, u64 *ticks)
{
	u64 input = (u64)hvcall_input(), result, begin;
	register u64 r8 __asm__("r8") = (u64)hvcall_output();

	insn_cli();
	begin = cpu_read_tsc();
	__asm__ volatile("vmcall"
	                 : "=a"(result), "+c"(control), "+d"(input), "+r"(r8)
	                 :
	                 : "r9", "r10", "r11", "cc", "memory");
	*ticks = ticks_since(begin);
	insn_sti();
	if (*ticks > worst)
		worst = *ticks;
	return (enum hv_status)(result & HV_RESULT_STATUS);
}

static u64 ticks_of_nothing(void)
{
	u64 begin = cpu_read_tsc();

	return cpu_read_tsc() - begin;
}

static u64 ticks_of_nops(void)
{
	u64 begin = cpu_read_tsc();

	__asm__ volatile(".rept %c0\n\tnop\n\t.endr" : : "i"(NOPS));
	return cpu_read_tsc() - begin - overhead;
}

/* A processor's clock is another, and no multiple of it, twice the same. */
static bool counts_instructions(void)
{
	u64 ticks, again;

	insn_cli();
	ticks = ticks_of_nops();
	again = ticks_of_nops();
	insn_sti();
	if (ticks != again || ticks < NOPS || ticks % NOPS != 0)
		return false;
	insn_ticks = ticks / NOPS;
	return true;
}

static void measure_parts(void)
{
	static u8 from[PAGE_SIZE], to[PAGE_SIZE];
	const struct crc32c_page page = { .from = { from, from + HALF },
		                          .to = { to, to + HALF },
		                          .cut = HALF,
		                          .ahead = from };
	u64 begin;

	crc32c_init();
	insn_cli();
	overhead = ticks_of_nothing();
	insn_sti();
	exact = counts_instructions();
	insn_cli();
	begin = cpu_read_tsc();
	arch_copy(to, from, PIECE);
	copy_ticks = ticks_since(begin);
	begin = cpu_read_tsc();
	crc32c_page(0, &page);
	page_ticks = ticks_since(begin);
	insn_sti();
}

/* ---- Figures of many calls ---- */

struct figures {
	u64 count;
	u64 median;
	u64 max;
};

/* Of the calls in the middle that moved so many bytes. */
static struct figures figures_of(const struct turns *t, u32 bytes)
{
	static u64 ticks[TURNS_MAX];
	struct figures f = { 0 };
	u32 count = 0;

	for (u32 i = HEAD_TURNS; i + TAIL_TURNS < t->count; i++)
		if (t->list[i].bytes == bytes)
			ticks[count++] = t->list[i].ticks;
	if (count == 0)
		return f;
	sort(ticks, count);
	return (struct figures){ count, ticks[count / 2], ticks[count - 1] };
}

static void add_turn(struct turns *t, u64 ticks, u32 bytes)
{
	if (EXPECT(t->count < TURNS_MAX))
		t->list[t->count++] = (struct turn){ ticks, bytes };
}

static struct turn first_of(const struct turns *t)
{
	return t->list[0];
}

static struct turn last_of(const struct turns *t)
{
	return t->list[t->count - 1];
}

/* ---- A child out and in, each call measured ---- */

static bool save_turn(struct saved *s, u64 id, u32 flags, u32 *state)
{
	struct hv_input_save_partition_state *in =
		hvcall_input_zeroed(sizeof(*in));
	const struct hv_output_save_partition_state *out = hvcall_output();
	u64 ticks;

	in->partition_id = id;
	in->flags = flags;
	if (!EXPECT_SUCCESS(timed_call(HVCALL_SAVE_PARTITION_STATE, &ticks)) ||
	    !EXPECT(s->size + out->save_data_count <= s->room))
		return false;
	__builtin_memcpy(s->data + s->size, out->save_data,
	                 out->save_data_count);
	s->size += out->save_data_count;
	*state = out->save_state;
	add_turn(&saves, ticks, out->save_data_count);
	return !test_failed();
}

static bool restore_turn(const struct saved *s, u64 *at, u64 id, u32 flags,
                         u32 *state)
{
	struct hv_input_restore_partition_state *in = hvcall_input();
	const struct hv_output_restore_partition_state *out = hvcall_output();
	u64 left = s->size - *at, ticks;

	in->partition_id = id;
	in->flags = flags;
	in->restore_data_count = left < PIECE ? (u32)left : PIECE;
	__builtin_memcpy(in->restore_data, s->data + *at,
	                 in->restore_data_count);
	if (!EXPECT_SUCCESS(timed_call(HVCALL_RESTORE_PARTITION_STATE, &ticks)))
		return false;
	*at += out->restore_data_consumed;
	*state = out->restore_state;
	add_turn(&restores, ticks, out->restore_data_consumed);
	return !test_failed();
}

static bool out_and_in(struct child *c, u64 stream_pages)
{
	u32 flags = HV_SAVE_RESTORE_STATE_START, state = HV_STATE_INCOMPLETE;
	struct saved s;
	bool good = saved_begin(&s, stream_pages);
	u64 at = 0;

	/* With SVM its interrupts are exits although timed_call has IF = 0. */
	alarm_begin();
	saves.count = restores.count = 0;
	for (; good && state == HV_STATE_INCOMPLETE; flags = 0)
		good = save_turn(&s, c->id, flags, &state);
	good = good && EXPECT_EQUAL(state, HV_STATE_COMPLETE);
	flags = HV_SAVE_RESTORE_STATE_START;
	state = HV_STATE_INCOMPLETE;
	for (; good && state == HV_STATE_INCOMPLETE; flags = 0)
		good = restore_turn(&s, &at, c->id, flags, &state);
	good = good && EXPECT_EQUAL(state, HV_STATE_COMPLETE) &&
	       EXPECT_EQUAL(at, s.size);
	alarm_end();
	saved_end(&s);
	return good;
}

static void fill_random(struct child *c)
{
	u64 *word = (u64 *)c->memory, x = 88172645463325252;

	for (u64 i = 0; i < c->pages * PAGE_SIZE / 8; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		word[i] = x;
	}
}

/* ---- Cases ---- */

static void check_exact(void)
{
	if (!exact)
		test_skip("the TSC does not count instructions here");
}

/*
 * The cheapest call that does something, and one that there is not. What a first call from
 * this page costs besides is nothing where the processor tells the length of instructions.
 */
static void null_call(void)
{
	u64 first, ticks, refused;

	alarm_begin();
	EXPECT_SUCCESS(timed_call(HVCALL_GET_PARTITION_ID, &first));
	EXPECT_SUCCESS(timed_call(HVCALL_GET_PARTITION_ID, &ticks));
	EXPECT_STATUS(timed_call(0, &refused),
	              HV_STATUS_INVALID_HYPERCALL_CODE);
	alarm_end();
	report("null-first", first);
	report("null", ticks);
	report("refused", refused);
	check_exact();
	EXPECT(!exact || (ticks <= NULL_MAX + length && refused <= ticks));
}

/*
 * What is left without the copy of what the call moves and the pass over the
 * page, which moves and counts it.
 */
static void check_full(const struct turns *t, u64 parts, u64 bound,
                       const char *median, const char *max, const char *own)
{
	struct figures f = figures_of(t, PIECE);

	/* Otherwise the others were left out, and were dearer perhaps. */
	EXPECT(f.count > FULL_PAGES * 9 / 10);
	report(median, f.median);
	report(max, f.max);
	report(own, f.max > parts ? f.max - parts : 0);
	check_exact();
	EXPECT(!exact || f.max <= parts + bound + length);
}

static void check_zero(const struct turns *t, const char *median,
                       const char *max)
{
	struct figures f = figures_of(t, 0);

	EXPECT(f.count > 0);
	report(median, f.median);
	report(max, f.max);
	check_exact();
	EXPECT(!exact || f.max <= CALL_MAX);
}

static void full_pages(void)
{
	struct child c;

	report("copy", copy_ticks);
	report("page", page_ticks);
	MUST(child_create(&c, FULL_PAGES));
	fill_random(&c);
	MUST(out_and_in(&c, FULL_PAGES + 16));
	MUST(child_destroy(&c));
}

static void save_full(void)
{
	full_pages();
	check_full(&saves, copy_ticks + page_ticks, SAVE_MAX,
	           "save-full-median", "save-full-max", "save-full-own");
	report("save-first", first_of(&saves).ticks);
	report("save-last", last_of(&saves).ticks);
}

static void restore_full(void)
{
	full_pages();
	check_full(&restores, copy_ticks + page_ticks, RESTORE_MAX,
	           "restore-full-median", "restore-full-max",
	           "restore-full-own");
	report("restore-first", first_of(&restores).ticks);
	report("restore-last", last_of(&restores).ticks);
}

static void zero_pages(void)
{
	struct child c;

	MUST(child_create(&c, ZERO_PAGES));
	MUST(out_and_in(&c, 16));
	MUST(child_destroy(&c));
	check_zero(&saves, "save-zero-median", "save-zero-max");
	check_zero(&restores, "restore-zero-median", "restore-zero-max");
}

/* Each page is one word over and over: first the same for 64, then each its own. */
static void word_pages(void)
{
	struct child c;
	u64 *words;

	MUST(child_create(&c, WORD_PAGES));
	words = (u64 *)c.memory;
	for (u64 i = 0; i < WORD_PAGES; i++)
		for (u64 k = 0; k < 512; k++)
			*words++ = 1 + (i < WORD_PAGES / 2 ? i / 64 : i);
	MUST(out_and_in(&c, 16));
	MUST(child_destroy(&c));
	check_zero(&restores, "restore-word-median", "restore-word-max");
}

static void worst_of_all(void)
{
	report("worst", worst);
	check_exact();
	EXPECT(!exact || worst <= CALL_MAX);
}

static const struct test_case cases[] = {
	{ "a null call costs at most 500 instructions", null_call },
	{ "a save call out of full pages costs at most 1,500 of its own",
	  save_full },
	{ "a restore call into full pages costs at most 1,700 of its own",
	  restore_full },
	{ "calls over zero pages cost at most 60,000 instructions",
	  zero_pages },
	{ "calls over pages of one word cost at most 60,000 instructions",
	  word_pages },
	{ "no call measured costs more than 60,000 instructions",
	  worst_of_all },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	measure_parts();
	report("instruction", insn_ticks);
	/* Where a hypervisor below counts its own instructions as well. */
	if (!arguments_number(image, table, "exact", 1))
		exact = false;
	length = arguments_number(image, table, "length", 0);
	return test_run(image, table, "cost", cases, ARRAY_LEN(cases));
}
