/*
 * Descriptor tables, and the local APIC by MSRs, by its page, or by the
 * hypervisor's MSRs.
 */
#include "tests/guest/child/apic/cpu.h"

#include "include/tlfs.h"

#define PDE_DEVICE (PTE_RW | PTE_PCD | PTE_LARGE) /* large, not cached */
#define SVR_ON 0x1ff
#define GATES 96

static struct gate idt[GATES];
static const u64 gdt[] = { 0, 0x00af9b000000ffff, 0x00cf93000000ffff };

void cpu_begin(void)
{
	struct descriptor_table g = { sizeof(gdt) - 1, (u64)gdt };
	struct descriptor_table i = { sizeof(idt) - 1, (u64)idt };

	__asm__ volatile("lgdt %0" : : "m"(g));
	__asm__ volatile("lidt %0" : : "m"(i));
}

void cpu_handle(u8 vector, void (*handler)(struct frame *))
{
	idt[vector] = (struct gate){
		.offset0 = (u16)(u64)handler, /* the image is below 64 KiB */
		.selector = GATE_SELECTOR,
		.flags = GATE_INTERRUPT,
	};
}

/* The page of the APIC, where it is: the parent has mapped the first GiB. */
static void map_page(void)
{
	volatile u64 *pdpt = (volatile u64 *)(APIC_TABLES + 0x1000);
	volatile u64 *pd = (volatile u64 *)APIC_DEVICES;

	for (u32 i = 0; i < 512; i++)
		pd[i] = 0;
	pd[LAPIC_BASE_RESET >> 21 & 511] = (LAPIC_BASE_RESET & ~0x1fffffull) |
	                                   PDE_DEVICE;
	pdpt[LAPIC_BASE_RESET >> 30] = APIC_DEVICES | PTE_RW;
}

void apic_on(void)
{
	if ((seen->flags & APIC_BY_PAGE) && !seen->started)
		map_page();
	if (!(seen->flags & APIC_BY_PAGE))
		cpu_write_msr(MSR_IA32_APIC_BASE,
		              cpu_read_msr(MSR_IA32_APIC_BASE) |
		                      LAPIC_BASE_X2APIC);
	apic_write(LAPIC_SVR, SVR_ON);
}

static volatile u32 *page_at(enum lapic_offset r)
{
	return (volatile u32 *)(LAPIC_BASE_RESET + (u64)r);
}

NO_VECTORS void apic_write(enum lapic_offset r, u64 value)
{
	if (seen->flags & APIC_BY_PAGE)
		*page_at(r) = (u32)value;
	else
		cpu_write_msr(LAPIC_MSR(r), value);
}

NO_VECTORS void apic_eoi(void)
{
	if (seen->flags & APIC_BY_HV)
		cpu_write_msr(HV_MSR_EOI, 0);
	else
		apic_write(LAPIC_EOI, 0);
}

NO_VECTORS void apic_send(u64 id, u32 icr)
{
	u64 high = seen->flags & APIC_BY_PAGE ? id << 24 : id;

	if (seen->flags & APIC_BY_HV) {
		cpu_write_msr(HV_MSR_ICR, high << 32 | icr);
	} else if (seen->flags & APIC_BY_PAGE) {
		page_at(LAPIC_ICR)[4] = (u32)high;
		*page_at(LAPIC_ICR) = icr;
	} else {
		cpu_write_msr(LAPIC_MSR(LAPIC_ICR), high << 32 | icr);
	}
}
