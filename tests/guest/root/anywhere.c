/*
 * A child that goes through every mode and event, saved and restored into a new
 * child wherever it happens to be: it must not notice. It runs once as it is,
 * then once more with a stop at the end of each of its slices. Where these end is
 * chance: it runs so again, up to a bound, until there was a stop of each kind.
 */
#include "include/x86_apic.h"
#include "parent/cpu.h"
#include "parent/memory.h"
#include "parent/uefi/synic.h"
#include "parent/vp.h"
#include "tests/guest/lib/alarm.h"
#include "tests/guest/lib/arguments.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/stops.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/vendor.h"
#include "tests/guest/root/anywhere/outcome.h"

#define STREAM_PAGES 32
#define RUN_MIN 300u /* ticks of the APIC's clock */
#define RUN_SPREAD 8000u
#define PDE_LARGE_DEVICE (PTE_RW | PTE_PCD | PTE_LARGE)
#define PDE_LARGE_USER (PTE_USER | PTE_LARGE)
#define EPISODES 400 /* with AVX-512, which has most to lose */
#define FEWER 160
#define STOPS 3000
#define FEWER_STOPS 600
#define CUTS 6
#define COMMON 6
#define DR7_CODE1 0x404u /* DR1: execution */

#define READ_EXECUTE (HV_MAP_GPA_READABLE | HV_MAP_GPA_EXECUTABLE)

extern const u8 child_anywhere_start[], child_anywhere_end[];

static struct {
	struct child c;
	struct saved stream;
	struct stops stops;
	u32 guard; /* rights of the guard page */
	u64 random;
	u64 spare; /* memory for the next child */
	bool ended;
} run;

/* steps=0, nmis=0, breaks=0, limits=0: without what an emulator cannot do. */
static bool steps, nmis, breaks, limits;
static bool timer; /* timer=0: a slice is longer than its timer */
static u64 common; /* one in so many stops that show nothing rare is taken */
static bool all;   /* all=1: as many episodes as with AVX-512 */

/* Of the run that nobody disturbed, and of the other. */
static struct outcome *whole, *cut;

static u64 random_below(u64 limit)
{
	run.random = run.random * 6364136223846793005ull + 1;
	return (run.random >> 33) % limit;
}

static volatile struct anywhere_seen *seen(void)
{
	return child_at(&run.c, ANYWHERE_SEEN);
}

/* ---- Making it ---- */

/* The first 2 MiB for all, the next ones for nobody, the APIC's page. */
static void build_tables(void)
{
	u64 *pml4 = child_at(&run.c, ANYWHERE_TABLES);
	u64 *pdpt = pml4 + 512, *pd = pml4 + 1024, *devices = pml4 + 1536;

	pml4[0] = (ANYWHERE_TABLES + PAGE_SIZE) | PTE_USER;
	pdpt[0] = (ANYWHERE_TABLES + 2 * PAGE_SIZE) | PTE_USER;
	pdpt[3] = (ANYWHERE_TABLES + 3 * PAGE_SIZE) | PTE_USER;
	pd[0] = PDE_LARGE_USER;
	devices[LAPIC_BASE_RESET >> 21 & 511] =
		(LAPIC_BASE_RESET & ~0x1fffffull) | PDE_LARGE_DEVICE;
}

static bool intercept_ports(void)
{
	return child_intercept_out(&run.c, ANYWHERE_PORT_END) &&
	       child_intercept_out(&run.c, ANYWHERE_PORT_GUARD) &&
	       child_intercept_out(&run.c, ANYWHERE_PORT_HIDE);
}

static bool create(u64 episodes, u64 mark_every, bool x2apic)
{
	run.ended = false;
	run.guard = CHILD_RWX;
	if (!child_create(&run.c, ANYWHERE_PAGES) || !intercept_ports())
		return false;
	child_put(&run.c, ANYWHERE_IMAGE, child_anywhere_start,
	          (u64)(child_anywhere_end - child_anywhere_start));
	build_tables();
	seen()->episodes = episodes;
	seen()->mark_every = mark_every;
	seen()->use_x2apic = x2apic;
	seen()->tf = steps ? RFLAGS_TF : 0;
	seen()->no_nmis = !nmis;
	seen()->no_limits = !limits;
	seen()->dr7_code1 = breaks ? DR7_CODE1 : DR7_FIXED;
	return child_set_real(&run.c, ANYWHERE_IMAGE);
}

/* ---- What it asks of us ---- */

static bool protect(u32 rights)
{
	u64 page = (u64)child_at(&run.c, ANYWHERE_GUARD);

	run.guard = rights;
	return EXPECT_SUCCESS(memory_map(run.c.id, ANYWHERE_GUARD >> PAGE_SHIFT,
	                                 page >> PAGE_SHIFT, 1, rights, NULL));
}

static bool serve_port(u16 port)
{
	run.ended = port == ANYWHERE_PORT_END;
	if (run.ended)
		return true;
	return protect(port == ANYWHERE_PORT_GUARD ? READ_EXECUTE
	                                           : HV_MAP_GPA_NO_ACCESS) &&
	       child_skip(&run.c);
}

/* The message in run.c.message. */
static bool serve(void)
{
	const struct hv_message *m = &run.c.message;
	const struct hv_io_port_intercept *io =
		(const struct hv_io_port_intercept *)m->payload;
	const struct hv_memory_intercept *memory =
		(const struct hv_memory_intercept *)m->payload;

	if (m->type == HV_MESSAGE_IO_PORT_INTERCEPT)
		return serve_port(io->port);
	if (m->type != HV_MESSAGE_GPA_INTERCEPT) {
		serial_print("message %x in episode %u:\r\n", (u64)m->type,
		             seen()->episode);
		child_print(&run.c);
	}
	return EXPECT_EQUAL(m->type, HV_MESSAGE_GPA_INTERCEPT) &&
	       EXPECT_EQUAL(memory->gpa >> PAGE_SHIFT,
	                    ANYWHERE_GUARD >> PAGE_SHIFT) &&
	       protect(CHILD_RWX);
}

/* ---- Running it ---- */

enum turn { TURN_MESSAGE, TURN_SLICE, TURN_NOTHING };

static bool take_message(void)
{
	const struct hv_message *slot = synic_poll(test_sim_page());

	if (!slot)
		return false;
	run.c.message = *slot;
	synic_release(test_sim_page());
	return true;
}

/*
 * Lets it go until it has a message for us, or our alarm ends its slice at some
 * instruction; then it is suspended. Bochs sees the alarm only at a slice's end
 * where the child has its interrupts off.
 */
static enum turn take_turn(void)
{
	bool message = false;

	if (!child_go(&run.c))
		return TURN_NOTHING;
	alarm_set(RUN_MIN + (u32)random_below(RUN_SPREAD));
	/* Nothing rings between the look and the HLT. */
	for (insn_cli(); !message && !alarm_rang(); insn_cli()) {
		message = take_message();
		if (!message)
			insn_sti_hlt();
	}
	insn_sti();
	if (!child_stop(&run.c))
		return TURN_NOTHING;
	/* One more look: it may have come with the alarm. */
	return message || take_message() ? TURN_MESSAGE : TURN_SLICE;
}

/* ---- Save, delete, make anew, restore ---- */

/* One word in each hundred bytes or so will do. */
static void spoil(u64 memory)
{
	u64 *word = (u64 *)memory;

	for (u32 i = 0; i < ANYWHERE_PAGES * PAGE_SIZE / 8; i += 13)
		word[i] = ~word[i];
}

/* A child with nothing in it, in the other of the two runs of pages. */
static bool create_target(struct child *target)
{
	if (!child_create_bare(target) || !child_initialize(target) ||
	    !EXPECT_SUCCESS(memory_map(target->id, 0, run.spare >> PAGE_SHIFT,
	                               ANYWHERE_PAGES, CHILD_RWX, NULL)))
		return false;
	target->memory = run.spare;
	target->pages = ANYWHERE_PAGES;
	target->message = run.c.message;
	return EXPECT_SUCCESS(vp_create(target->id, 0));
}

/* Save, delete; and a new one, whose memory is anything but right. */
static bool move(void)
{
	struct child target;
	u64 memory = run.c.memory;

	run.c.memory = 0; /* stays ours */
	if (!saved_take(&run.stream, run.c.id, 0) || !child_destroy(&run.c) ||
	    !create_target(&target))
		return false;
	run.c = target;
	run.spare = memory;
	spoil(run.c.memory);
	return intercept_ports() &&
	       saved_restore(&run.stream, run.c.id, HV_SAVE_DATA_MAX) &&
	       protect(run.guard);
}

/*
 * Halts and intercepts end slices early, so they are met more often than is of
 * use, and always in the same places. What was seen often is taken less often.
 */
static bool stop_and_move(bool intercepted)
{
	u64 kinds = stops_look(&run.stops, &run.c);

	if ((intercepted || (kinds & BIT(STOP_HALTED))) && random_below(2))
		return true;
	if (kinds && !stops_rare(&run.stops, kinds) && random_below(common))
		return true;
	if (!kinds || !move())
		return false;
	stops_count(&run.stops, kinds, &run.stream);
	return !test_failed();
}

/* ---- Two runs ---- */

static u64 mark_of(const u8 *memory, u64 number)
{
	const u64 *marks = (const u64 *)(const void *)(memory + ANYWHERE_MARKS);

	return marks[number % ANYWHERE_MARKS_MAX];
}

/* As early as it can be told: the digest is not that of the whole run. */
static bool on_the_way(void)
{
	u64 number = seen()->episode / seen()->mark_every;

	if (!number)
		return true;
	test_context("episode", seen()->episode);
	return EXPECT_EQUAL(mark_of(child_at(&run.c, 0), number),
	                    mark_of(whole->memory, number));
}

static bool run_whole(u64 episodes, u64 mark_every, bool x2apic)
{
	if (!create(episodes, mark_every, x2apic))
		return false;
	while (!run.ended) {
		if (!child_go(&run.c) || !child_wait(&run.c) || !serve()) {
			return false;
		}
	}
	outcome_take(whole, &run.c);
	return whole->is_whole && child_destroy(&run.c);
}

static bool run_cut(u64 episodes, u64 mark_every, bool x2apic)
{
	u32 told = run.stops.count[STOP_ALL] / 500;
	enum turn turn;

	if (!create(episodes, mark_every, x2apic))
		return false;
	while (!run.ended) {
		turn = take_turn();
		if (turn == TURN_NOTHING ||
		    !stop_and_move(turn == TURN_MESSAGE) || !on_the_way())
			return false;
		if (turn == TURN_MESSAGE && !serve())
			return false;
		if (run.stops.count[STOP_ALL] / 500 > told) {
			told = run.stops.count[STOP_ALL] / 500;
			serial_print("%u stops, episode %u of %u\r\n",
			             (u64)run.stops.count[STOP_ALL],
			             seen()->episode, episodes);
		}
	}
	outcome_take(cut, &run.c);
	return cut->is_whole && outcome_same(cut, whole) &&
	       child_destroy(&run.c);
}

/*
 * Every kind that this processor has. The second run is short, and the timer
 * has no guarded stack there.
 */
static u64 expected(bool x2apic)
{
	u64 kinds = BIT(STOP_KINDS) - 1;

	if (outcome_level(whole) < ANYWHERE_AVX512)
		kinds &= ~BIT(STOP_ZMM_LIVE);
	if (outcome_level(whole) < ANYWHERE_AVX)
		kinds &= ~BIT(STOP_YMM_LIVE);
	if (x2apic)
		kinds &= BIT(STOP_DELIVERING_INTERRUPT) - 1;
	if (!steps)
		kinds &= ~BIT(STOP_STEPPING);
	/* SVM keeps neither the one nor the length of the others, which are executed
	 * again (APM volume 2, 15.7.2, appendix B). */
	if (vendor_is_svm())
		kinds &= ~(BIT(STOP_PENDING_DEBUG) | BIT(STOP_DELIVERING_INT) |
		           BIT(STOP_DELIVERING_INT3));
	if (!timer)
		kinds &= ~BIT(STOP_TIMER_ARMED);
	if (!breaks)
		kinds &= ~BIT(STOP_RESUME_FLAG);
	if (!nmis)
		kinds &= ~(BIT(STOP_NMI_BLOCKED) | BIT(STOP_NMI_WAITING) |
		           BIT(STOP_DELIVERING_NMI));
	return kinds;
}

static bool cut_until_all_are_met(u64 episodes, u64 mark_every, bool x2apic,
                                  u32 least)
{
	for (u32 i = 0; i < CUTS; i++) {
		if (!run_cut(episodes, mark_every, x2apic) ||
		    !EXPECT(run.stops.count[STOP_ALL] >= least))
			return false;
		if (!stops_missing(&run.stops, expected(x2apic)))
			return true;
		serial_print("once more: there are kinds that it was not "
		             "stopped at\r\n");
	}
	return true;
}

static bool both(u64 episodes, bool x2apic, u32 least)
{
	u64 mark_every = episodes / ANYWHERE_MARKS_MAX + 1;
	bool good;

	run.random = 1;
	__builtin_memset(&run.stops, 0, sizeof(run.stops));
	good = run_whole(episodes, mark_every, x2apic);
	serial_print("the whole run is done\r\n");
	alarm_begin();
	good = good &&
	       cut_until_all_are_met(episodes, mark_every, x2apic, least);
	alarm_end();
	if (!good)
		stops_print_last(&run.stops);
	stops_print(&run.stops);
	return good && stops_none_is_missing(&run.stops, expected(x2apic));
}

static void anywhere(u64 episodes, bool x2apic, u32 least)
{
	u64 pages = (sizeof(struct outcome) + PAGE_SIZE - 1) / PAGE_SIZE;

	whole = (struct outcome *)page_run(pages);
	cut = (struct outcome *)page_run(pages);
	MUST(EXPECT(whole) && EXPECT(cut));
	run.spare = page_run(ANYWHERE_PAGES);
	if (EXPECT(run.spare) && saved_begin(&run.stream, STREAM_PAGES))
		both(episodes, x2apic, least);
	saved_end(&run.stream);
	page_run_free(run.spare, ANYWHERE_PAGES);
	page_run_free((u64)whole, pages);
	page_run_free((u64)cut, pages);
}

static bool has_avx512(void)
{
	return cpu_cpuid(0).eax >= 7 &&
	       (cpu_cpuid(7).ebx & CPUID_7_EBX_AVX512F);
}

static void by_the_page(void)
{
	all = all || has_avx512();
	anywhere(all ? EPISODES : FEWER, false, all ? STOPS : FEWER_STOPS);
}

static void by_msrs(void)
{
	anywhere(FEWER, true, FEWER_STOPS);
}

static const struct test_case cases[] = {
	{ "saved anywhere, it does not notice", by_the_page },
	{ "saved anywhere in x2apic mode", by_msrs },
};

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	steps = arguments_number(image, table, "steps", 1);
	nmis = arguments_number(image, table, "nmis", 1);
	timer = arguments_number(image, table, "timer", 1);
	breaks = arguments_number(image, table, "breaks", 1);
	common = arguments_number(image, table, "common", COMMON);
	if (!common)
		common = 1;
	limits = arguments_number(image, table, "limits", 1);
	all = arguments_number(image, table, "all", 0);
	return test_run(image, table, "anywhere", cases, ARRAY_LEN(cases));
}
