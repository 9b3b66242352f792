/*
 * Descriptor tables, and the local APIC by MSRs, by its page, or by the
 * hypervisor's MSRs.
 */
#include "tests/guest/child/apic/cpu.h"

#define MSR_APIC_BASE 0x1b
#define MSR_X2APIC 0x800u
#define MSR_HV_EOI 0x40000070u
#define MSR_HV_ICR 0x40000071u
#define MSR_HV_TPR 0x40000072u
#define APIC_PAGE 0xfee00000ull
#define BASE_X2APIC BIT(10)
#define PTE_RW 3u
#define PDE_DEVICE 0x93u /* large, not cached */
#define SVR_ON 0x1ff
#define VECTORS 96
#define SELECTOR_CODE 8

static struct gate idt[VECTORS];
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
		.selector = SELECTOR_CODE,
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
	pd[APIC_PAGE >> 21 & 511] = (APIC_PAGE & ~0x1fffffull) | PDE_DEVICE;
	pdpt[APIC_PAGE >> 30] = APIC_DEVICES | PTE_RW;
}

void apic_on(void)
{
	if ((seen->flags & APIC_BY_PAGE) && !seen->started)
		map_page();
	if (!(seen->flags & APIC_BY_PAGE))
		cpu_write_msr(MSR_APIC_BASE,
		              cpu_read_msr(MSR_APIC_BASE) | BASE_X2APIC);
	apic_write(APIC_SVR, SVR_ON);
}

static volatile u32 *page_at(enum apic_register r)
{
	return (volatile u32 *)(APIC_PAGE + (u64)r * 16);
}

NO_VECTORS void apic_write(enum apic_register r, u64 value)
{
	if (seen->flags & APIC_BY_PAGE)
		*page_at(r) = (u32)value;
	else
		cpu_write_msr(MSR_X2APIC + (u32)r, value);
}

NO_VECTORS void apic_eoi(void)
{
	if (seen->flags & APIC_BY_HV)
		cpu_write_msr(MSR_HV_EOI, 0);
	else
		apic_write(APIC_EOI, 0);
}

NO_VECTORS void apic_send(u64 id, u32 icr)
{
	u64 high = seen->flags & APIC_BY_PAGE ? id << 24 : id;

	if (seen->flags & APIC_BY_HV) {
		cpu_write_msr(MSR_HV_ICR, high << 32 | icr);
	} else if (seen->flags & APIC_BY_PAGE) {
		page_at(APIC_ICR)[4] = (u32)high;
		*page_at(APIC_ICR) = icr;
	} else {
		cpu_write_msr(MSR_X2APIC + APIC_ICR, high << 32 | icr);
	}
}
