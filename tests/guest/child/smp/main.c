/*
 * The smp child: VP 0 starts three others by INIT and SIPI, and each prints its
 * index 250 times, as fast as it can and without waiting for the others. The last
 * VP waits for the rest and ends the child. What a VP has still to print it knows
 * from its registers alone.
 */
#include "include/x86.h"
#include "include/x86_apic.h"
#include "parent/cpu.h"
#include "tests/guest/child/smp/marks.h"

#define VPS 4
#define TIMES 250
#define STACK_BYTES 4096
#define ICR_OTHERS (LAPIC_TO_OTHERS << LAPIC_ICR_SHORTHAND_SHIFT)
#define STARTUP_PAGE 0x10 /* 1000:0000 */

_Noreturn void smp_main(u64 index);

/* entry.asm wants them. */
extern u64 pml4[512], gdt[3];
extern u8 stacks[VPS][STACK_BYTES];

static u64 pd[512] __attribute__((aligned(4096))) = { PTE_RW | PTE_LARGE };
static u64 pdpt[512] __attribute__((aligned(4096))) = { (u64)pd + PTE_RW };
u64 pml4[512] __attribute__((aligned(4096))) = { (u64)pdpt + PTE_RW };
u64 gdt[3] = { 0, 0x00af9b000000ffff, 0x00cf93000000ffff };
u8 stacks[VPS][STACK_BYTES] __attribute__((aligned(16)));
static u32 done;

static void start_others(void)
{
	cpu_write_msr(LAPIC_MSR(LAPIC_ICR), ICR_OTHERS | LAPIC_ICR_INIT);
	cpu_write_msr(LAPIC_MSR(LAPIC_ICR),
	              ICR_OTHERS | LAPIC_ICR_STARTUP | STARTUP_PAGE);
}

/* In one piece, so that the count is nowhere but in a register. */
static void print(u8 c)
{
	u32 times = TIMES;

	__asm__ volatile("1: outb %1, $0xe9; decl %0; jnz 1b"
	                 : "+b"(times)
	                 : "a"(c)
	                 : "cc");
}

static void end(void)
{
	while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) < VPS)
		cpu_pause();
	__asm__ volatile("outb %0, $0xe9" : : "a"((u8)'\n'));
	__asm__ volatile("outb %0, $0xf4" : : "a"((u8)0));
}

void smp_main(u64 index)
{
	cpu_write_msr(MSR_IA32_APIC_BASE,
	              cpu_read_msr(MSR_IA32_APIC_BASE) | LAPIC_BASE_X2APIC);
	cpu_write_msr(LAPIC_MSR(LAPIC_SVR), 0x1ff);
	if (index == 0)
		start_others();
	marks_set();
	cpu_write_msr(0xc0000103, 0xa0 + index); /* TSC_AUX */
	marks_set_vectors();
	print((u8)('0' + index));
	__atomic_fetch_add(&done, 1, __ATOMIC_SEQ_CST);
	if (index == VPS - 1)
		end();
	for (;;)
		__asm__ volatile("hlt");
}
