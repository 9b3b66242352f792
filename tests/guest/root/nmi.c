/*
 * NMIs of the root, by the PIT, which the firmware does not use: while a child runs,
 * while the hypervisor works, while the root handles another. Each comes soon, and
 * none is lost.
 */
#include "include/x86_apic.h"
#include "parent/cpu.h"
#include "tests/guest/lib/arguments.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/gate.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/processors.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/trap.h"

#define PAGES 8
#define LAST 0x2100    /* the child's TSC, over and over */
#define WANTED 12      /* NMIs of a case */
#define LATE 50        /* microseconds */
#define TRIES 10       /* where time is the host's */
#define UNITS_IN_US 10 /* of reference time */
#define MEASURE_UNITS 100000u

/* The PIT's pin (ACPI's usual override), as an edge, to the processor with ID 0. */
#define IOAPIC 0xfec00000ull
#define PIN_LOW (0x10 + 2 * 2)
#define PIN_MASKED BIT(16)
#define PIN_DELIVER_NMI (LAPIC_DELIVER_NMI << 8)
#define PIT_COUNT 0x40
#define PIT_CONTROL 0x43
#define PIT_RATE 0x34 /* counter 0, two bytes, mode 2 */
#define PIT_STOP 0x30 /* mode 0: nothing before it gets its count */
#define PERIOD 11932  /* 10 ms */

/* What a handler calls: no vector registers there either. */
#define HANDLED \
	__attribute__((no_caller_saved_registers, target("general-regs-only")))

static const u8 stamping[] = { RDTSC, STORE_EAX(LAST), STORE_EDX(LAST + 4),
	                       JMP_BACK(16) };

static struct child child;
static u32 firmware_pin;
static u64 late;  /* TSC ticks within which an NMI must have come */
static bool even; /* even=0: the PIT has other distances than it was told */
static bool deaf; /* deaf=0: the child takes interrupts, of which none come */
static bool to_child; /* child=0: below us none may come while a child runs */

/* What the handler finds and leaves. */
static volatile struct {
	u64 count;
	u64 came[WANTED]; /* TSC */
	u64 left[WANTED];
	u64 stamp[WANTED]; /* the child's */
	u64 ours[WANTED];  /* when we ran last */
	u64 stay;          /* ticks that the next one stays in its handler */
	u64 stayed;        /* the one that did */
} nmi;
static volatile u64 *stamp; /* where the child writes */
static volatile u64 ours;

/* ---- The source ---- */

static u32 pin_read(void)
{
	*(volatile u32 *)IOAPIC = PIN_LOW;
	return *(volatile u32 *)(IOAPIC + 0x10);
}

HANDLED static void pin_write(u32 value)
{
	*(volatile u32 *)IOAPIC = PIN_LOW;
	*(volatile u32 *)(IOAPIC + 0x10) = value;
}

/* KVM's PIT goes on when it sees this. */
HANDLED static void pin_again(void)
{
	pin_write(PIN_DELIVER_NMI | PIN_MASKED);
	pin_write(PIN_DELIVER_NMI);
}

/* ---- The handler ---- */

HANDLER static void handle_nmi(struct frame *frame)
{
	u64 last = *stamp, now = cpu_read_tsc(), at = nmi.count;

	(void)frame;
	/* The child may run meanwhile, where another hypervisor does this for us. */
	pin_again();
	if (at < WANTED) {
		nmi.came[at] = now;
		nmi.stamp[at] = last;
		nmi.ours[at] = ours;
	}
	if (nmi.stay)
		nmi.stayed = at;
	while (cpu_read_tsc() - now < nmi.stay)
		;
	nmi.stay = 0;
	if (at < WANTED)
		nmi.left[at] = cpu_read_tsc();
	nmi.count = at + 1;
}

/* ---- The cases' beginning and end ---- */

static void nmis_begin(void)
{
	trap_set_gate(VECTOR_NMI, (u64)handle_nmi);
	nmi.count = 0;
	nmi.stay = nmi.stayed = 0;
	firmware_pin = pin_read();
	insn_out8(PIT_CONTROL, PIT_RATE);
	insn_out8(PIT_COUNT, (u8)PERIOD);
	insn_out8(PIT_COUNT, PERIOD >> 8);
	pin_again();
}

static void nmis_end(void)
{
	insn_out8(PIT_CONTROL, PIT_STOP);
	pin_write(firmware_pin | PIN_MASKED);
}

/* They came; no two of them have one that is missing between them. */
static void none_is_missing(u32 first)
{
	u64 period = nmi.came[WANTED - 1] - nmi.came[WANTED - 2];

	if (!even)
		return;
	for (u32 i = first + 1; i < WANTED; i++)
		if (nmi.came[i] - nmi.came[i - 1] < period)
			period = nmi.came[i] - nmi.came[i - 1];
	for (u32 i = first + 1; i < WANTED; i++) {
		test_context("NMI", i);
		EXPECT(nmi.came[i] - nmi.came[i - 1] < period + period / 2);
	}
	test_context(NULL, 0);
}

/* ---- The child ---- */

static bool create(void)
{
	if (!child_create(&child, PAGES))
		return false;
	CHILD_PUT_CODE(&child, stamping);
	stamp = child_at(&child, LAST);
	return child_set_long(&child, CHILD_CODE, CHILD_CODE) &&
	       child_set(&child, HV_REGISTER_RFLAGS,
	                 RFLAGS_FIXED | (deaf ? 0 : RFLAGS_IF));
}

/* Our TSC less the child's, and how far that can be off. */
static u64 tsc_ahead(u64 *error)
{
	u64 ahead = 0, before, its;

	*error = ~0ull;
	for (u32 i = 0; i < 20; i++) {
		before = cpu_read_tsc();
		its = child_get(&child, HV_REGISTER_TSC);
		if (cpu_read_tsc() - before < *error) {
			*error = cpu_read_tsc() - before;
			ahead = before - its;
		}
	}
	return ahead;
}

/* We run until so many have come. */
static bool wait_for(u64 count)
{
	u64 begin = cpu_read_tsc();

	ours = begin;
	while (nmi.count < count && ours - begin < CHILD_PATIENCE)
		ours = cpu_read_tsc();
	return EXPECT(nmi.count >= count);
}

/* Whether the child had run since we did, and how long ago. */
static bool came_to_the_child(u32 i, u64 ahead, u64 *ago)
{
	u64 last = nmi.stamp[i] + ahead;

	*ago = nmi.came[i] - last;
	return last > nmi.ours[i];
}

/* All that is known of each, in ticks since the first. */
static void tell(u64 ahead)
{
	u64 zero = nmi.came[0];

	for (u32 i = 0; i < WANTED; i++)
		serial_print("NMI %u came %u, child %x, we %x\r\n", (u64)i,
		             nmi.came[i] - zero, nmi.stamp[i] + ahead - zero,
		             nmi.ours[i] - zero);
}

static void while_a_child_runs(void)
{
	u64 ahead, error, ago, worst = 0;
	u32 inside = 0, tardy = 0;
	bool good;

	MUST(create() && child_go(&child));
	nmis_begin();
	good = wait_for(WANTED);
	nmis_end();
	MUST(child_stop(&child) && good);
	none_is_missing(0);
	ahead = tsc_ahead(&error);
	for (u32 i = 0; i < WANTED; i++) {
		if (!came_to_the_child(i, ahead, &ago))
			continue;
		inside++;
		tardy += ago > late + error;
		if (ago > worst)
			worst = ago;
	}
	serial_print("%u of %u came to the child, %u ticks ago at most\r\n",
	             (u64)inside, (u64)WANTED, worst);
	/* With two of them time is the host's at times, which takes one off now and then. */
	EXPECT(tardy <= (processors_count() > 1 ? WANTED / 4 : 0));
	/* With another processor the child is there, and none ends its run. */
	if (to_child && processors_count() == 1 && !EXPECT(inside > 0))
		tell(ahead);
	child_destroy(&child);
}

/* ---- The hypervisor ---- */

static void while_the_hypervisor_works(void)
{
	u64 begin = cpu_read_tsc(), now = begin;
	bool good = true;

	MUST(create());
	nmis_begin();
	for (; good && nmi.count < WANTED && now - begin < CHILD_PATIENCE;
	     now = cpu_read_tsc())
		good = child_get(&child, HV_REGISTER_RIP) == CHILD_CODE;
	nmis_end();
	EXPECT(good);
	if (EXPECT(nmi.count >= WANTED))
		none_is_missing(0);
	child_destroy(&child);
}

/* ---- Its own handler ---- */

/*
 * It stays there for three ticks while a child has its slices: what has come meanwhile
 * comes when it is done, once. Returns how long after it, in ticks.
 */
static u64 comes_behind(void)
{
	u64 period = 0, at;

	nmis_begin();
	if (wait_for(3)) {
		period = nmi.came[2] - nmi.came[1];
		nmi.stay = period * 3;
		wait_for(WANTED);
	}
	nmis_end();
	if (test_failed())
		return 0;
	/* On a busy host one more may have come before that was said. */
	at = nmi.stayed;
	if (!EXPECT(at >= 3) || !EXPECT(at + 2 < WANTED))
		return 0;
	EXPECT(nmi.left[at] - nmi.came[at] >= period * 3);
	none_is_missing((u32)at + 2);
	return nmi.came[at + 1] - nmi.left[at];
}

static void while_it_handles_one(void)
{
	/* With two of them time is the host's at times, which may take one off just then. */
	u32 tries = processors_count() > 1 ? TRIES : 1;
	u64 behind = late + 1;

	MUST(create() && child_go(&child));
	for (u32 i = 0; i < tries && behind > late && !test_failed(); i++)
		behind = comes_behind();
	EXPECT(child_stop(&child));
	EXPECT(behind <= late);
	child_destroy(&child);
}

static const struct test_case cases[] = {
	{ "while a child runs", while_a_child_runs },
	{ "while the hypervisor works", while_the_hypervisor_works },
	{ "while it handles another", while_it_handles_one },
};

/* The root is told no frequency, but what time it is. */
static u64 ticks_in_microsecond(void)
{
	u64 begin = cpu_read_msr(HV_MSR_TIME_REF_COUNT);
	u64 first = cpu_read_tsc();

	while (cpu_read_msr(HV_MSR_TIME_REF_COUNT) - begin < MEASURE_UNITS)
		insn_pause();
	return (cpu_read_tsc() - first) / (MEASURE_UNITS / UNITS_IN_US);
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	late = arguments_number(image, table, "late", LATE) *
	       ticks_in_microsecond();
	to_child = arguments_number(image, table, "child", 1);
	deaf = arguments_number(image, table, "deaf", 1);
	even = arguments_number(image, table, "even", 1);
	return test_run(image, table, "nmi", cases, ARRAY_LEN(cases));
}
