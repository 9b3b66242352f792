/*
 * Synthetic timer 1, periodic, with messages to SINT 2 or directly; and the page
 * that shows the reference time, which is compared with the counter all the while.
 */
#include "tests/guest/child/apic/synthetic.h"

#include "include/tlfs.h"
#include "tests/guest/child/apic/cpu.h"

#define VECTOR 0x58
#define SINT 2u
#define TIMER 1u
#define SIM_PAGE 0x20000ull /* nothing of the parent's is there */
#define TSC_PAGE 0x21000ull
#define PATIENCE 2000000u

static u64 period;   /* 100-ns units */
static u64 expected; /* expiration time of the next message */

static u64 time_now(void)
{
	return cpu_read_msr(HV_MSR_TIME_REF_COUNT);
}

/* By the page, as a guest reads it. */
static u64 time_by_page(void)
{
	volatile struct hv_reference_tsc_page *page = (void *)TSC_PAGE;
	u32 sequence;
	u64 time;

	do {
		sequence = page->sequence;
		if (!sequence)
			return 0;
		time = (u64)((unsigned __int128)cpu_read_tsc() * page->scale >>
		             64) +
		       page->offset;
	} while (page->sequence != sequence);
	return time;
}

/* The two agree, but for what passes between two reads and the rounding. */
static void check_page(void)
{
	u64 before = time_now();
	u64 page = time_by_page();
	u64 after = time_now();

	if (!page)
		return;
	seen->pages++;
	if (page + 1 < before || page > after + 1)
		seen->wrong++;
}

/* ---- Ticks ---- */

static void take_message(void)
{
	volatile struct hv_message *m =
		(volatile struct hv_message *)SIM_PAGE + SINT;
	bool pending;

	if (m->type != HV_MESSAGE_TIMER_EXPIRED || m->payload[0] != TIMER ||
	    m->payload[2] < m->payload[1])
		seen->wrong++;
	if (expected && m->payload[1] > expected)
		seen->lost++;
	if (expected && m->payload[1] < expected)
		seen->twice++;
	expected = m->payload[1] + period;
	m->type = HV_MESSAGE_NONE;
	__asm__ volatile("mfence" : : : "memory");
	pending = m->flags & HV_MESSAGE_FLAG_PENDING;
	if (pending)
		cpu_write_msr(HV_MSR_EOM, 0);
}

HANDLER static void on_tick(struct frame *frame)
{
	if (is_double(frame))
		return;
	seen->ticks++;
	if (time_now() < seen->begin_first + seen->ticks * period)
		seen->early++;
	if (seen->task == APIC_STIMER_MESSAGE)
		take_message();
	apic_eoi();
}

static void check_ticks(void)
{
	u64 due = (time_now() - seen->begin_last) / period;
	u32 patience = PATIENCE;
	u64 ticks;

	while (seen->ticks < due && --patience)
		cpu_pause();
	if (!patience)
		seen->lost++;
	ticks = seen->ticks;
	if (ticks > (time_now() - seen->begin_first) / period)
		seen->twice++;
	seen->checks++;
}

static void start(void)
{
	u64 config = HV_STIMER_ENABLE | HV_STIMER_PERIODIC;

	if (seen->task == APIC_STIMER_MESSAGE)
		config |= (u64)SINT << HV_STIMER_SINT_SHIFT;
	else
		config |= HV_STIMER_DIRECT | (u64)VECTOR
		                                     << HV_STIMER_VECTOR_SHIFT;
	cpu_write_msr(HV_MSR_SCONTROL, 1);
	cpu_write_msr(HV_MSR_SIMP, SIM_PAGE | HV_MSR_PAGE_ENABLE);
	cpu_write_msr(HV_MSR_REFERENCE_TSC, TSC_PAGE | HV_MSR_PAGE_ENABLE);
	cpu_write_msr(
		HV_MSR_SINT0 + SINT,
		VECTOR | (seen->flags & APIC_BY_HV ? HV_SINT_AUTO_EOI : 0));
	cpu_write_msr(HV_MSR_STIMER0_COUNT + 2 * TIMER, period);
	seen->begin_first = time_now();
	cpu_write_msr(HV_MSR_STIMER0_CONFIG + 2 * TIMER, config);
	seen->begin_last = time_now();
}

void synthetic_count(void)
{
	period = seen->period * 10000000 / cpu_read_msr(HV_MSR_TSC_FREQUENCY);
	cpu_handle(VECTOR, on_tick);
	start();
	for (;;) {
		interrupts_on();
		check_ticks();
		check_page();
		if (seen->flags & APIC_HALTS)
			halt();
	}
}
