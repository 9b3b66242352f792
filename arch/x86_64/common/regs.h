/*
 * The instructions that reach control registers, segments, the XSAVE area and
 * ports (SDM volume 3, chapters 2 and 3), whose bits include/x86.h has. No MSRs,
 * no VMX.
 */
#ifndef ARCH_REGS_H
#define ARCH_REGS_H

#include "arch/x86_64/common/tally.h"
#include "include/x86.h"

/* Operand of LGDT, LIDT, SGDT, SIDT. */
struct descriptor_table {
	u16 limit;
	u64 base;
} __attribute__((packed));

#define REGS_READ(name, reg, counted)                                \
	static inline u64 name(void)                                 \
	{                                                            \
		u64 value;                                           \
                                                                     \
		counted();                                           \
		__asm__ volatile("mov %%" reg ", %0" : "=r"(value)); \
		return value;                                        \
	}
#define REGS_WRITE(name, reg, counted)                                        \
	static inline void name(u64 value)                                    \
	{                                                                     \
		counted();                                                    \
		__asm__ volatile("mov %0, %%" reg : : "r"(value) : "memory"); \
	}

REGS_READ(cr0_read, "cr0", tally_free)
REGS_READ(cr2_read, "cr2", tally_free)
REGS_READ(cr3_read, "cr3", tally_free)
REGS_READ(cr4_read, "cr4", tally_free)
REGS_READ(dr0_read, "dr0", tally_debug_register)
REGS_READ(dr1_read, "dr1", tally_debug_register)
REGS_READ(dr2_read, "dr2", tally_debug_register)
REGS_READ(dr3_read, "dr3", tally_debug_register)
REGS_READ(dr6_read, "dr6", tally_debug_register)
REGS_READ(dr7_read, "dr7", tally_debug_register)
REGS_READ(es_read, "es", tally_free)
REGS_READ(cs_read, "cs", tally_free)
REGS_READ(ss_read, "ss", tally_free)
REGS_READ(ds_read, "ds", tally_free)
REGS_READ(fs_read, "fs", tally_free)
REGS_READ(gs_read, "gs", tally_free)
REGS_WRITE(cr0_write, "cr0", tally_other)
REGS_WRITE(cr2_write, "cr2", tally_free)
REGS_WRITE(cr3_write, "cr3", tally_free)
REGS_WRITE(cr4_write, "cr4", tally_other)
REGS_WRITE(dr0_write, "dr0", tally_debug_register)
REGS_WRITE(dr1_write, "dr1", tally_debug_register)
REGS_WRITE(dr2_write, "dr2", tally_debug_register)
REGS_WRITE(dr3_write, "dr3", tally_debug_register)
REGS_WRITE(dr6_write, "dr6", tally_debug_register)
REGS_WRITE(dr7_write, "dr7", tally_debug_register)

static inline u16 ldtr_read(void)
{
	u16 selector;

	__asm__ volatile("sldt %0" : "=m"(selector));
	return selector;
}

static inline u16 tr_read(void)
{
	u16 selector;

	__asm__ volatile("str %0" : "=m"(selector));
	return selector;
}

/* The descriptor must be of a TSS that is not busy. */
static inline void tr_write(u16 selector)
{
	__asm__ volatile("ltr %0" : : "r"(selector) : "memory");
}

static inline void data_segments_write(u16 ds, u16 es, u16 ss)
{
	__asm__ volatile("mov %0, %%ds; mov %1, %%es; mov %2, %%ss"
	                 :
	                 : "r"((u32)ds), "r"((u32)es), "r"((u32)ss)
	                 : "memory");
}

/* Their bases are in MSRs, which the caller writes afterwards. */
static inline void fs_gs_write(u16 fs, u16 gs)
{
	__asm__ volatile("mov %0, %%fs; mov %1, %%gs"
	                 :
	                 : "r"((u32)fs), "r"((u32)gs)
	                 : "memory");
}

/* A far return is the way to load CS in 64-bit mode. */
static inline void cs_write(u16 cs)
{
	u64 scratch;

	__asm__ volatile("lea 1f(%%rip), %0\n\t"
	                 "push %1\n\t"
	                 "push %0\n\t"
	                 "lretq\n"
	                 "1:"
	                 : "=&r"(scratch)
	                 : "r"((u64)cs)
	                 : "memory");
}

static inline struct descriptor_table gdt_read(void)
{
	struct descriptor_table table;

	__asm__ volatile("sgdt %0" : "=m"(table));
	return table;
}

static inline struct descriptor_table idt_read(void)
{
	struct descriptor_table table;

	__asm__ volatile("sidt %0" : "=m"(table));
	return table;
}

static inline void gdt_write(struct descriptor_table table)
{
	__asm__ volatile("lgdt %0" : : "m"(table) : "memory");
}

static inline void idt_write(struct descriptor_table table)
{
	__asm__ volatile("lidt %0" : : "m"(table) : "memory");
}

static inline u64 xcr0_read(void)
{
	u32 low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (u64)high << 32 | low;
}

/* Of the components in XCR0 those that may not be initial (SDM vol. 1, 13.6). */
static inline u64 xinuse_read(void)
{
	u32 low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(1));
	return (u64)high << 32 | low;
}

static inline void xcr0_write(u64 value)
{
	tally_xsetbv();
	__asm__ volatile("xsetbv"
	                 :
	                 : "c"(0), "a"((u32)value), "d"((u32)(value >> 32))
	                 : "memory");
}

static inline void xsave(void *area, u64 components)
{
	__asm__ volatile("xsave64 (%0)"
	                 :
	                 : "r"(area), "a"((u32)components),
	                   "d"((u32)(components >> 32))
	                 : "memory");
}

static inline void xrstor(const void *area, u64 components)
{
	__asm__ volatile("xrstor64 (%0)"
	                 :
	                 : "r"(area), "a"((u32)components),
	                   "d"((u32)(components >> 32))
	                 : "memory");
}

/* The forms of a processor that is not in long mode: with FCS and FDS. */
static inline void xsave_32(void *area, u64 components)
{
	__asm__ volatile("xsave (%0)"
	                 :
	                 : "r"(area), "a"((u32)components),
	                   "d"((u32)(components >> 32))
	                 : "memory");
}

static inline void xrstor_32(const void *area, u64 components)
{
	__asm__ volatile("xrstor (%0)"
	                 :
	                 : "r"(area), "a"((u32)components),
	                   "d"((u32)(components >> 32))
	                 : "memory");
}

static inline void fxsave_32(void *area)
{
	__asm__ volatile("fxsave (%0)" : : "r"(area) : "memory");
}

static inline void fxrstor_32(const void *area)
{
	__asm__ volatile("fxrstor (%0)" : : "r"(area) : "memory");
}

static inline void fxsave(void *area)
{
	__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

static inline void fxrstor(const void *area)
{
	__asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

/* It waits for no exception, and clears FOP, FIP and FDP. */
static inline void fninit(void)
{
	__asm__ volatile("fninit");
}

static inline void caches_write_back(void)
{
	tally_other();
	__asm__ volatile("wbinvd" : : : "memory");
}

static inline void page_invalidate(u64 address)
{
	__asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

/* Ends the blocking of NMIs that a VM exit by NMI leaves behind. */
static inline void nmi_unblock(void)
{
	u64 scratch;

	__asm__ volatile("mov %%rsp, %0\n\t"
	                 "push %1\n\t"
	                 "push %0\n\t"
	                 "pushfq\n\t"
	                 "push %2\n\t"
	                 "lea 1f(%%rip), %0\n\t"
	                 "push %0\n\t"
	                 "iretq\n"
	                 "1:"
	                 : "=&r"(scratch)
	                 : "r"(ss_read()), "r"(cs_read())
	                 : "memory", "cc");
}

static inline u8 port_read(u16 port)
{
	u8 value;

	tally_other();
	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void port_write(u16 port, u8 value)
{
	tally_other();
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void port_write_32(u16 port, u32 value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

/* The hypervisor never goes on from here. */
static inline _Noreturn void halt_forever(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

#endif
