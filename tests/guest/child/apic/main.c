/*
 * What the apic child does: ticks counted against the TSC, and a token that
 * goes round.
 */
#include "tests/guest/child/apic/cpu.h"
#include "tests/guest/child/apic/synthetic.h"

#define VECTOR_TIMER 0x40
#define VECTOR_TOKEN 0x50
#define PATIENCE 2000000u
#define VECTOR_STARTUP (APIC_STARTUP >> 12)

/* ---- Ticks ---- */

HANDLER static void on_tick(struct frame *frame)
{
	u64 now = cpu_read_tsc();

	if (is_double(frame))
		return;
	seen->ticks++;
	if (now < seen->begin_first + seen->ticks * seen->period)
		seen->early++;
	if (seen->task == APIC_DEADLINE) {
		seen->due += seen->period;
		cpu_write_msr(MSR_IA32_TSC_DEADLINE, seen->due);
	}
	apic_eoi();
}

/* What is due by a clock that was read has come soon, and no more than that. */
static void check_ticks(void)
{
	u64 due = (cpu_read_tsc() - seen->begin_last) / seen->period;
	u32 patience = PATIENCE;
	u64 ticks;

	while (seen->ticks < due && --patience)
		cpu_pause();
	if (!patience)
		seen->lost++;
	ticks = seen->ticks;
	if (ticks > (cpu_read_tsc() - seen->begin_first) / seen->period)
		seen->twice++;
	seen->checks++;
}

static void start_timer(void)
{
	apic_write(LAPIC_DIVIDE, LAPIC_DIVIDE_BY_1);
	seen->begin_first = cpu_read_tsc();
	if (seen->task == APIC_PERIODIC) {
		apic_write(LAPIC_LVT_TIMER, LAPIC_LVT_PERIODIC | VECTOR_TIMER);
		apic_write(LAPIC_INITIAL_COUNT, (u32)seen->period);
		seen->begin_last = cpu_read_tsc();
		return;
	}
	seen->begin_last = seen->begin_first;
	seen->due = seen->begin_first + seen->period;
	apic_write(LAPIC_LVT_TIMER, LAPIC_LVT_DEADLINE | VECTOR_TIMER);
	cpu_write_msr(MSR_IA32_TSC_DEADLINE, seen->due);
}

static void count_ticks(void)
{
	cpu_handle(VECTOR_TIMER, on_tick);
	start_timer();
	for (;;) {
		interrupts_on();
		check_ticks();
		if (seen->flags & APIC_HALTS)
			halt();
	}
}

HANDLER static void on_shot(struct frame *frame)
{
	if (is_double(frame))
		return;
	seen->ticks++;
	apic_eoi();
}

/* Each time it is started it fires once, no sooner than it may. */
static void count_shots(void)
{
	u64 shots = 0, begin;

	cpu_handle(VECTOR_TIMER, on_shot);
	apic_write(LAPIC_DIVIDE, LAPIC_DIVIDE_BY_1);
	apic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
	for (;;) {
		shots++;
		begin = cpu_read_tsc();
		apic_write(LAPIC_INITIAL_COUNT, (u32)seen->period);
		while (seen->ticks < shots) {
			if (seen->flags & APIC_HALTS)
				halt();
			interrupts_on();
			cpu_pause();
			interrupts_off();
		}
		if (cpu_read_tsc() - begin < seen->period)
			seen->early++;
		if (seen->ticks > shots)
			seen->twice++;
		seen->checks++;
	}
}

/* ---- The token ---- */

/* From SIPI to 64-bit code; all that differs is in struct apic_seen. */
#define SEEN(field) (APIC_SEEN + offsetof(struct apic_seen, field))
#define LE16(x) (u8)(x), (u8)((u64)(x) >> 8)
#define LE32(x) LE16(x), LE16((u64)(x) >> 16)
#define STARTUP_GDT 0x60
#define STARTUP_GDTR 0x78
#define STARTUP_64 0x80

static const u8 startup_16[] = {
	0xfa,                             /* cli */
	0x66,    0xb8, LE32(0x620),       /* mov eax, PAE and SSE */
	0x0f,    0x22, 0xe0,              /* mov cr4, eax */
	0x66,    0xb8, LE32(APIC_TABLES), /* mov eax, tables */
	0x0f,    0x22, 0xd8,              /* mov cr3, eax */
	0x66,    0xb9, LE32(0xc0000080),  /* mov ecx, EFER */
	0x66,    0xb8, LE32(0x100),       /* mov eax, LME */
	0x66,    0x31, 0xd2,              /* xor edx, edx */
	0x0f,    0x30,                    /* wrmsr */
	0x2e,    0x66, 0x0f,
	0x01,    0x16, LE16(STARTUP_GDTR), /* lgdt [cs:] */
	0x66,    0xb8, LE32(0x80000033),   /* mov eax, PG and PE */
	0x0f,    0x22, 0xc0,               /* mov cr0, eax */
	0x66,    0xea, LE32(APIC_STARTUP + STARTUP_64),
	LE16(8), /* jmp 8:64 */
};
_Static_assert(sizeof(startup_16) <= STARTUP_GDT, "code, then tables");

static const u8 startup_gdtr[] = {
	LE16(23),
	LE32(APIC_STARTUP + STARTUP_GDT),
};
static const u64 startup_gdt[] = { 0, 0x00af9b000000ffff, 0x00cf93000000ffff };

static const u8 startup_64[] = {
	0x66, 0xb8, LE16(16), /* mov ax, 16 */
	0x8e, 0xd8, 0x8e,     0xc0, 0x8e,
	0xd0,                                                  /* ds es ss */
	0x48, 0x8b, 0x24,     0x25, LE32(SEEN(startup_stack)), /* mov rsp, [] */
	0x48, 0x8b, 0x3c,     0x25, LE32(SEEN(startup_index)), /* mov rdi, [] */
	0x48, 0x8b, 0x04,     0x25, LE32(SEEN(startup_entry)), /* mov rax, [] */
	0xff, 0xd0,                                            /* call rax */
};

static void put_bytes(u64 to, const void *from, u64 count)
{
	volatile u8 *t = (volatile u8 *)to;
	const u8 *f = from;

	for (u64 i = 0; i < count; i++)
		t[i] = f[i];
}

HANDLER static void on_token(struct frame *frame)
{
	u64 self = seen->hops % APIC_VPS;
	u64 id = cpu_read_msr(0x40000002); /* VP index */

	if (is_double(frame))
		return;
	if (self != id) {
		seen->wrong++;
		apic_eoi();
		return;
	}
	seen->took[id]++;
	seen->hops++;
	apic_send((id + 1) % APIC_VPS, VECTOR_TOKEN);
	apic_eoi();
}

static void wait_for_token(void)
{
	for (;;) {
		interrupts_off();
		if (seen->flags & APIC_HALTS)
			halt();
		interrupts_on();
		seen->checks++;
	}
}

static void other_vp(u64 index)
{
	(void)index;
	cpu_begin();
	apic_on();
	seen->started++;
	wait_for_token();
}

static void start_others(void)
{
	put_bytes(APIC_STARTUP, startup_16, sizeof(startup_16));
	put_bytes(APIC_STARTUP + STARTUP_GDT, startup_gdt, sizeof(startup_gdt));
	put_bytes(APIC_STARTUP + STARTUP_GDTR, startup_gdtr,
	          sizeof(startup_gdtr));
	put_bytes(APIC_STARTUP + STARTUP_64, startup_64, sizeof(startup_64));
	seen->started = 1;
	seen->startup_entry = (u64)other_vp;
	for (u64 i = 1; i < APIC_VPS; i++) {
		seen->startup_index = i;
		seen->startup_stack = APIC_STACKS - i * APIC_STACK_BYTES;
		apic_send(i, LAPIC_ICR_INIT);
		apic_send(i, (u32)(LAPIC_ICR_STARTUP | VECTOR_STARTUP));
		apic_send(i, (u32)(LAPIC_ICR_STARTUP | VECTOR_STARTUP));
		while (seen->started == i)
			cpu_pause();
	}
}

static void pass_token(void)
{
	cpu_handle(VECTOR_TOKEN, on_token);
	start_others();
	apic_send(0, VECTOR_TOKEN);
	wait_for_token();
}

void child_main(void);

__attribute__((section(".entry"))) void child_main(void)
{
	interrupts_off();
	cpu_begin();
	apic_on();
	if (seen->task == APIC_TOKEN)
		pass_token();
	else if (seen->task == APIC_ONE_SHOT)
		count_shots();
	else if (seen->task == APIC_STIMER_MESSAGE ||
	         seen->task == APIC_STIMER_DIRECT)
		synthetic_count();
	else
		count_ticks();
}
