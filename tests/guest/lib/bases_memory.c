/*
 * The memory that the states run in: code, handlers, tables of all modes.
 */
#include "tests/guest/lib/bases.h"

#include "include/x86.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/random.h"
#include "tests/guest/lib/vendor.h"

#define PDPT_LONG 0x7000u
#define PAGE_TABLE 0xa000u /* of the last 2 MiB of a half, or of 4 GiB */
#define HANDLER (BASES_CODE + 0x800)
#define PDE_LARGE_USER (PTE_USER | PTE_LARGE)

/* Bytes that mean the same in all modes, but for the REX prefixes' rows. */
static const u8 snippets[BASES_SNIPPETS][BASES_SNIPPET_SIZE] = {
	{ NOP, CPUID, NOP, OUT_AL(BASES_PORT), HLT, JMP_SELF },
	/* PUSHF, POPF: a shadow, and a step if there is one. */
	{ STI, NOP, 0x9c, 0x9d, OUT_AL(BASES_PORT), HLT, JMP_SELF },
	/* MOV EAX, SS and back: the other shadow. */
	{ 0x8c, 0xd0, 0x8e, 0xd0, NOP, OUT_AL(BASES_PORT), HLT, JMP_SELF },
	/* CR0, CR4, CR3 as they are. */
	{ 0x0f,
	  0x20,
	  0xc0,
	  0x0f,
	  0x22,
	  0xc0,
	  0x0f,
	  0x20,
	  0xe0,
	  0x0f,
	  0x22,
	  0xe0,
	  0x0f,
	  0x20,
	  0xd8,
	  0x0f,
	  0x22,
	  0xd8,
	  OUT_AL(BASES_PORT),
	  HLT },
	{ RDTSC, INT3, NOP, OUT_AL(BASES_PORT), HLT, JMP_SELF },
	{ 0xcd, 0x21, OUT_AL(BASES_PORT), CLI, HLT, JMP_SELF },
	/* FLD1, MOVAPS XMM0, XMM1, FWAIT. */
	{ 0xd9, 0xe8, 0x0f, 0x28, 0xc1, 0x9b, OUT_AL(BASES_PORT), STI, HLT },
	/* The MSR that RCX says; CPUID for an exit behind it. */
	{ WRMSR, RDMSR, CPUID, OUT_AL(BASES_PORT), HLT, JMP_SELF },
};

/* IRET would end an NMI's blocking; 64-bit code takes it with a prefix. */
static const u8 handler[] = { OUT_AL(BASES_HANDLED), HLT, JMP_SELF };

/* At the end of the page: RIP goes to where no address is. */
static const u8 last[] = { CPUID };

static void fill_interrupt_tables(const struct child *c)
{
	u32 *vectors = child_at(c, 0);
	u64 *idt_32 = child_at(c, BASES_IDT_32);
	u64 *idt_long = child_at(c, BASES_IDT_LONG);

	for (u32 i = 0; i < 256; i++) {
		/* The real-mode table lies below its stack. */
		if (i < 0x80)
			vectors[i] = HANDLER;
		idt_32[i] = HANDLER | 8ull << 16 | 0xee00ull << 32;
		idt_long[2 * i] = HANDLER | 0x20ull << 16 | 0xee00ull << 32;
		idt_long[2 * i + 1] = 0;
	}
}

static void fill_descriptors(const struct child *c)
{
	u64 *gdt = child_at(c, BASES_GDT);
	u32 *tss = child_at(c, BASES_TSS),
	    *tss_long = child_at(c, BASES_TSS_LONG);

	gdt[0] = 0;
	gdt[1] = 0x00cf9b000000ffffull; /* 8: 32-bit code */
	gdt[2] = 0x00cf93000000ffffull; /* 0x10: data */
	gdt[3] = 0x00008b0000000067ull | (u64)BASES_TSS << 16;
	gdt[4] = 0x00af9b000000ffffull; /* 0x20: 64-bit code */
	/* Stacks of CPL 0. */
	tss[1] = tss_long[1] = BASES_STACK;
	tss[2] = 0x10;
	tss_long[2] = 0;
}

static void fill_page_tables(const struct child *c)
{
	u64 *pml4 = child_at(c, BASES_PML4);
	u64 *pdpt = child_at(c, PDPT_LONG);
	u64 *pae = child_at(c, BASES_PDPT);
	u64 *pd = child_at(c, BASES_PAGE_DIRECTORY);
	u64 *pt = child_at(c, PAGE_TABLE);
	u32 *directory = child_at(c, BASES_DIRECTORY_32);

	/* The lowest GiB stands at both ends of each half, and below 4 GiB. */
	pml4[0] = pml4[255] = pml4[256] = pml4[511] = PDPT_LONG | PTE_USER;
	pdpt[0] = pdpt[3] = pdpt[511] = BASES_PAGE_DIRECTORY | PTE_USER;
	/* Those of PAE paging are in the processor: here they may be anything. With SVM
	 * they are here (APM volume 2, 15.25.10). */
	for (u64 i = 0; i < 4; i++)
		pae[i] = vendor_is_svm() ? 0 : random_next();
	if (vendor_is_svm())
		pae[0] = BASES_PAGE_DIRECTORY | PTE_P;
	for (u64 i = 0; i < 512; i++) {
		pd[i] = i << 21 | PDE_LARGE_USER;
		pt[i] = i << PAGE_SHIFT | PTE_USER;
	}
	/* The last page is that of the code. */
	pd[511] = PAGE_TABLE | PTE_USER;
	pt[511] = BASES_CODE | PTE_USER;
	for (u32 i = 0; i < 1024; i++)
		directory[i] = i << 22 | PDE_LARGE_USER;
}

/*
 * Jumps, calls and returns to another segment. In real mode they would give CS
 * any RPL, and Bochs alone wants that of its DPL at the next entry.
 */
static bool is_far(u8 opcode)
{
	static const u8 far[] = { 0x9a, 0xca, 0xcb, 0xcf, 0xea, 0xff };

	for (u32 i = 0; i < sizeof(far); i++)
		if (opcode == far[i])
			return true;
	return false;
}

void bases_fill(const struct child *c)
{
	u8 *random = child_at(c, BASES_RANDOM);

	fill_interrupt_tables(c);
	fill_descriptors(c);
	fill_page_tables(c);
	child_put(c, BASES_CODE, snippets, sizeof(snippets));
	child_put(c, HANDLER, handler, sizeof(handler));
	child_put(c, BASES_CODE + PAGE_SIZE - sizeof(last), last, sizeof(last));
	for (u32 i = 0; i < PAGE_SIZE; i++) {
		random[i] = (u8)random_next();
		if (is_far(random[i]))
			random[i] = NOP;
	}
}
