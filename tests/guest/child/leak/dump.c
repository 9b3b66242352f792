/*
 * What the leak child finds: all that it can read of itself.
 */
#include "include/tlfs.h"
#include "include/x86_apic.h"
#include "tests/guest/child/leak/child.h"
#include "tests/guest/lib/gate.h"
#include "tests/guest/lib/insn.h"

static u64 *out = (u64 *)LEAK_DUMP;

static void put_msrs(u32 first, u32 last, u32 step)
{
	for (u32 msr = first; msr <= last; msr += step)
		*out++ = cpu_read_msr(msr);
}

#define PUT(text)                                                  \
	do {                                                       \
		u64 value = 0;                                     \
		__asm__ volatile(text : "+r"(value) : : "memory"); \
		*out++ = value;                                    \
	} while (0)

static void put_control(void)
{
	struct descriptor_table t[2] = { { 0 } };

	PUT("mov %%cr0, %0");
	PUT("mov %%cr2, %0");
	PUT("mov %%cr3, %0");
	PUT("mov %%cr8, %0");
	PUT("mov %%dr0, %0");
	PUT("mov %%dr1, %0");
	PUT("mov %%dr2, %0");
	PUT("mov %%dr3, %0");
	PUT("mov %%dr6, %0");
	PUT("mov %%dr7, %0");
	PUT("mov %%cs, %0");
	PUT("mov %%ss, %0");
	PUT("mov %%ds, %0");
	PUT("mov %%es, %0");
	PUT("mov %%fs, %0");
	PUT("mov %%gs, %0");
	PUT("sldt %0");
	PUT("str %0");
	__asm__ volatile("sgdt %0" : "=m"(t[0]));
	__asm__ volatile("sidt %0" : "=m"(t[1]));
	for (u32 i = 0; i < 2; i++) {
		*out++ = t[i].limit;
		*out++ = t[i].base;
	}
}

/* Of every selector there is, and of none: rights and limit, as loaded. */
static void put_descriptors(void)
{
	for (u64 selector = 0; selector < 0x58; selector += 4) {
		u64 rights = 0, limit = 0;

		__asm__ volatile("lar %1, %0" : "+r"(rights) : "r"(selector));
		__asm__ volatile("lsl %1, %0" : "+r"(limit) : "r"(selector));
		*out++ = rights;
		*out++ = limit;
	}
}

static void put_registers(void)
{
	put_msrs(MSR_IA32_APIC_BASE, MSR_IA32_APIC_BASE, 1);
	put_msrs(0xfe, 0xfe, 1);
	put_msrs(0x174, 0x176, 1);
	put_msrs(0x1d9, 0x1d9, 1);
	put_msrs(0x200, 0x20f, 1);
	put_msrs(0x250, 0x250, 1);
	put_msrs(0x258, 0x259, 1);
	put_msrs(0x268, 0x26f, 1);
	put_msrs(0x277, 0x277, 1);
	put_msrs(0x2ff, 0x2ff, 1);
	put_msrs(0x6e0, 0x6e0, 1);
	put_msrs(0xc0000080, 0xc0000084, 1);
	put_msrs(0xc0000100, leak_has_tsc_aux() ? 0xc0000103 : 0xc0000102, 1);
	put_msrs(0x40000000, 0x40000002, 1);
	put_msrs(0x40000021, 0x40000023, 1);
	put_msrs(0x40000071, 0x40000073, 1);
	put_msrs(0x40000080, 0x40000084, 1);
	put_msrs(0x40000090, 0x4000009f, 1);
	put_msrs(0x400000b0, 0x400000b7, 1);
	if (!(cpu_read_msr(MSR_IA32_APIC_BASE) & LAPIC_BASE_X2APIC))
		return;
	put_msrs(0x802, 0x803, 1);
	put_msrs(0x808, 0x80a, 2);
	put_msrs(0x80d, 0x80f, 2);
	put_msrs(0x810, 0x828, 1);
	put_msrs(0x830, 0x832, 2);
	put_msrs(0x833, 0x838, 1);
	put_msrs(0x83e, 0x83e, 1);
}

static void copy(u64 to, u64 from, u64 words)
{
	for (u64 i = 0; i < words; i++)
		((volatile u64 *)to)[i] = ((volatile u64 *)from)[i];
}

/* The slot gets free: what waits for it comes, for the timer and by the port. */
static void put_message(u32 sint)
{
	volatile struct hv_message *m =
		(volatile struct hv_message *)leak_overlay(0) + sint;

	cpu_write_msr(HV_MSR_SINT0 + sint, HV_SINT_POLLING | 0xff);
	m->type = HV_MESSAGE_NONE;
	cpu_write_msr(HV_MSR_EOM, 0);
	*out++ = m->type;
	*out++ = m->payload[0];
	*out++ = m->payload[1];
	m->payload[2] = 0; /* when it came */
}

/* An NMI that waits comes when IRET ends the blocking. */
static void put_nmi(void)
{
	*out++ = leak_nmis;
	__asm__ volatile("movq %%rsp, %%rax; pushq $0x10; push %%rax; pushfq;"
	                 "pushq $8; leaq 1f(%%rip), %%rax; push %%rax; iretq;"
	                 "1: nop; nop"
	                 :
	                 :
	                 : "rax", "memory", "cc");
	*out++ = leak_nmis;
}

/* What the APIC has not shown yet. */
static void put_errors(void)
{
	if (!seen->x2apic)
		return;
	leak_apic_write(LAPIC_ESR, 0);
	*out++ = cpu_read_msr(LAPIC_MSR(LAPIC_ESR));
}

static void put_overlays(void)
{
	copy(LEAK_SIM_COPY, leak_overlay(0), PAGE_SIZE / 8);
	copy(LEAK_SIM_COPY + PAGE_SIZE, leak_overlay(1), PAGE_SIZE / 8);
	copy(LEAK_SIM_COPY + 2 * PAGE_SIZE, leak_overlay(3), PAGE_SIZE / 8);
	put_message(LEAK_SINT_TIMER);
	put_message(LEAK_SINT_PORT);
	put_message(LEAK_SINT_PORT);
	/* Without them, what is under them. */
	cpu_write_msr(HV_MSR_SIMP, 0);
	cpu_write_msr(HV_MSR_SIEFP, 0);
}

static void put_times(void)
{
	struct leak_times *t = (struct leak_times *)LEAK_TIMES;

	t->tsc = cpu_read_tsc();
	t->reference = cpu_read_msr(HV_MSR_TIME_REF_COUNT);
	t->runtime = cpu_read_msr(HV_MSR_VP_RUNTIME);
	if (cpu_read_msr(MSR_IA32_APIC_BASE) & LAPIC_BASE_X2APIC)
		t->count = cpu_read_msr(LAPIC_MSR(LAPIC_CURRENT_COUNT));
}

void dump_all(void)
{
	put_control();
	put_descriptors();
	put_registers();
	if (leak_role_now != LEAK_PLAIN) {
		put_overlays();
		put_nmi();
		put_errors();
	}
	put_times();
}
