/*
 * Gates in the firmware's IDT and instructions that may fault.
 */
#include "tests/guest/lib/trap.h"

#include <efi.h>
#include <efilib.h>

#include "include/x86_apic.h"
#include "parent/cpu.h"
#include "tests/guest/lib/gate.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/mp.h"
#include "tests/guest/lib/serial.h"

/* What a handler calls: no vector registers there either. */
#define CALLED \
	__attribute__((no_caller_saved_registers, target("general-regs-only")))

static struct gate *idt;
static struct gate saved[256];
static bool replaced[256];

/* Where a fault goes on, 0: nobody expects one. And which it was. A processor each. */
static struct expected {
	u64 resume_at;
	u32 caught;
} expected[MP_PROCESSORS];

static volatile u64 *interrupt_count;
static volatile u64 doubles;
static u64 image_base; /* what addresses in our symbol table count from */

static inline struct descriptor_table read_idtr(void)
{
	struct descriptor_table t;

	__asm__ volatile("sidt %0" : "=m"(t));
	return t;
}

void trap_set_gate(u32 vector, u64 handler)
{
	struct gate *g = &idt[vector];

	if (!replaced[vector])
		saved[vector] = *g;
	replaced[vector] = true;
	g->offset0 = (u16)handler;
	g->offset16 = (u16)(handler >> 16);
	g->offset32 = (u32)(handler >> 32);
	g->flags = GATE_INTERRUPT;
}

/* Nobody knows what we have been doing: this boot is over. */
static void give_up(const struct frame *frame, u32 vector)
{
	u64 cr2;

	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	serial_print("\r\nTEST no unexpected fault: FAIL vector %u, RIP %x "
	             "(image %x), CR2 %x\r\n",
	             (u64)vector, frame->rip, frame->rip - image_base, cr2);
	RT->ResetSystem(EfiResetShutdown, EFI_SUCCESS, 0, NULL);
}

CALLED static void take(struct frame *frame, u32 vector)
{
	struct expected *e = &expected[mp_here()];

	if (!e->resume_at)
		give_up(frame, vector);
	frame->rip = e->resume_at;
	e->resume_at = 0;
	e->caught = vector;
}

HANDLER static void handle_ud(struct frame *frame)
{
	take(frame, VECTOR_UD);
}

HANDLER static void handle_gp(struct frame *frame, u64 error)
{
	(void)error;
	take(frame, VECTOR_GP);
}

HANDLER static void handle_pf(struct frame *frame, u64 error)
{
	(void)error;
	take(frame, VECTOR_PF);
}

HANDLER static void handle_mc(struct frame *frame)
{
	take(frame, VECTOR_MC);
}

CALLED static void end_interrupt(void)
{
	u64 base = cpu_read_msr(MSR_IA32_APIC_BASE);

	if (base & LAPIC_BASE_X2APIC)
		cpu_write_msr(LAPIC_MSR(LAPIC_EOI), 0);
	else
		*(volatile u32 *)((base & LAPIC_BASE_ADDRESS) + LAPIC_EOI) = 0;
}

/* With IF clear no processor delivers one: it is the last one again, which has its EOI. */
HANDLER static void handle_interrupt(struct frame *frame)
{
	if (!(frame->rflags & RFLAGS_IF)) {
		doubles++;
		return;
	}
	(*interrupt_count)++;
	end_interrupt();
}

void trap_begin(u64 base)
{
	image_base = base;
	idt = (struct gate *)read_idtr().base;
	trap_set_gate(VECTOR_UD, (u64)handle_ud);
	trap_set_gate(VECTOR_GP, (u64)handle_gp);
	trap_set_gate(VECTOR_PF, (u64)handle_pf);
	trap_set_gate(VECTOR_MC, (u64)handle_mc);
}

void trap_end(void)
{
	for (u32 i = 0; i < ARRAY_LEN(saved); i++)
		if (replaced[i])
			idt[i] = saved[i];
}

u64 trap_doubles(void)
{
	return doubles;
}

void trap_count_interrupts(u8 vector, volatile u64 *count)
{
	interrupt_count = count;
	doubles = 0;
	trap_set_gate(vector, (u64)handle_interrupt);
}

/* Around an instruction: its fault goes on behind it. RAX is lost. */
#define GUARDED(instruction)                                                          \
	"leaq 1f(%%rip), %%rax; movq %%rax, %[resume]; movq %[a], %%rax;" instruction \
	";"                                                                           \
	"1: movq $0, %[resume]"

static struct expected *expect(void)
{
	struct expected *e = &expected[mp_here()];

	e->caught = TRAP_NONE;
	return e;
}

u32 trap_read_msr(u32 msr, u64 *value)
{
	struct expected *e = expect();
	u64 low = 0, high = 0;

	__asm__ volatile(GUARDED("rdmsr")
	                 : "=&a"(low), "+d"(high), [resume] "+m"(e->resume_at)
	                 : "c"(msr), [a] "i"(0)
	                 : "memory", "cc");
	*value = high << 32 | (u32)low;
	return e->caught;
}

u32 trap_write_msr(u32 msr, u64 value)
{
	struct expected *e = expect();
	u64 low = (u32)value;

	__asm__ volatile(GUARDED("wrmsr")
	                 : [resume] "+m"(e->resume_at)
	                 : "c"(msr), [a] "r"(low), "d"(value >> 32)
	                 : "rax", "memory", "cc");
	return e->caught;
}

u32 trap_write_cr4(u64 value)
{
	struct expected *e = expect();

	__asm__ volatile(GUARDED("movq %%rax, %%cr4")
	                 : [resume] "+m"(e->resume_at)
	                 : [a] "r"(value)
	                 : "rax", "memory", "cc");
	return e->caught;
}

u32 trap_read(u64 address, u64 *value)
{
	struct expected *e = expect();
	u64 got = 0;

	__asm__ volatile(GUARDED("movq (%[address]), %%rax")
	                 : "=&a"(got), [resume] "+m"(e->resume_at)
	                 : [address] "r"(address), [a] "i"(0)
	                 : "memory", "cc");
	*value = got;
	return e->caught;
}

u32 trap_write(u64 address, u64 value)
{
	struct expected *e = expect();

	__asm__ volatile(GUARDED("movq %%rax, (%[address])")
	                 : [resume] "+m"(e->resume_at)
	                 : [address] "r"(address), [a] "r"(value)
	                 : "rax", "memory", "cc");
	return e->caught;
}
