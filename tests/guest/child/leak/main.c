/*
 * What the leak child sets, and how it stands still with that.
 */
#include "include/tlfs.h"
#include "include/x86_apic.h"
#include "tests/guest/child/leak/child.h"
#include "tests/guest/lib/gate.h"
#include "tests/guest/lib/insn.h"

#define VECTOR 0x61
#define FAR 1000000000000ull /* in units of reference time: 27 hours */
#define MXCSR 24
#define NO_VECTORS __attribute__((target("general-regs-only"), noinline))

u64 leak_role_now;

u64 leak_word(u64 n)
{
	u64 x = (n + 1) * 0x9e3779b97f4a7c15ull;

	return leak_role_now == LEAK_OTHER ? ~x * 0xd6e8feb86659fd93ull : x;
}

static u64 canonical(u64 n)
{
	return leak_word(n) >> 20;
}

/* ---- Descriptor tables and segments ---- */

#define TSS(base) 0x0000890000000067ull | (u64)(base) << 16

static u64 gdts[2][16] = {
	{ 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00409112345600aa,
	  0x008093abcdef1234, 0x0000820700000037, 0, 0, 0, 0x00c0f3000000ffff },
	{ 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf93000000ffff, 0, 0,
	  0, 0x00409355667700bb, 0 },
};
static u64 ldt[8] = { 0, 0x0040930bcdef0123, 0x008091999999ffff };
static struct gate idt[2][VECTOR + 1];
static u64 task_state[16];

/* It is not ended: the vector stays in service. */
HANDLER static void on_interrupt(struct frame *frame)
{
	(void)frame;
}

volatile u64 leak_nmis;

HANDLER static void on_nmi(struct frame *frame)
{
	(void)frame;
	leak_nmis++;
}

static void set_gate(struct gate *gate, void (*handler)(struct frame *))
{
	*gate = (struct gate){
		.offset0 = (u16)(u64)handler, /* the image is below 64 KiB */
		.selector = GATE_SELECTOR,
		.flags = GATE_INTERRUPT,
	};
}

static void set_tables(u64 which)
{
	struct descriptor_table g = { (u16)(0x7f - 8 * which),
		                      (u64)gdts[which] };
	struct descriptor_table i = { sizeof(idt[0]) - 1, (u64)idt[which] };

	set_gate(&idt[which][VECTOR], on_interrupt);
	set_gate(&idt[which][VECTOR_NMI], on_nmi);
	/* The base of the LDT is in the upper half's way: below 16 MiB. */
	gdts[0][5] = 0x0000820000000037ull | (u64)ldt << 16;
	gdts[0][7] = TSS(task_state);
	gdts[1][5] = TSS(task_state);
	__asm__ volatile("lgdt %0" : : "m"(g));
	__asm__ volatile("lidt %0" : : "m"(i));
}

static void set_segments(void)
{
	static const u16 of_rich[] = { 0x28, 0x38, 0x18, 0x20, 0x0c, 0x4b };
	static const u16 of_other[] = { 0, 0x28, 0x38, 0x10, 0x38, 0x18 };
	const u16 *s = leak_role_now == LEAK_OTHER ? of_other : of_rich;

	__asm__ volatile("lldt %0" : : "r"(s[0]));
	__asm__ volatile("ltr %0" : : "r"(s[1]));
	__asm__ volatile("mov %0, %%es" : : "r"((u32)s[2]));
	__asm__ volatile("mov %0, %%fs" : : "r"((u32)s[3]));
	__asm__ volatile("mov %0, %%gs" : : "r"((u32)s[4]));
	__asm__ volatile("mov %0, %%ds" : : "r"((u32)s[5]));
	cpu_write_msr(MSR_IA32_FS_BASE, canonical(1));
	cpu_write_msr(MSR_IA32_GS_BASE, ~canonical(2));
}

/* ---- MSRs, control and debug registers ---- */

static const u32 plain_msrs[] = {
	0xc0000081, 0xc0000082, 0xc0000083, 0xc0000102, 0x175, 0x176,
};
static const u32 msrs_of_32_bits[] = { 0xc0000084, 0x174 };

bool leak_has_tsc_aux(void)
{
	return cpu_cpuid(0x80000001).edx & BIT(27);
}

static void set_mtrrs(void)
{
	static const u32 fixed[] = { 0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
		                     0x26b, 0x26c, 0x26d, 0x26e, 0x26f };
	u64 types = leak_role_now == LEAK_OTHER ? 0x0505050105050505
	                                        : 0x0406040604060406;

	for (u32 i = 0; i < ARRAY_LEN(fixed); i++)
		cpu_write_msr(fixed[i], types << 8 * (i % 4));
	for (u32 i = 0; i < 8; i++) {
		cpu_write_msr(0x200 + 2 * i, (leak_word(i) & 0x7ffffff000) | 4);
		cpu_write_msr(0x201 + 2 * i,
		              (leak_word(i + 8) & 0x7ffffff000) | BIT(11));
	}
	cpu_write_msr(0x2ff, leak_role_now == LEAK_OTHER ? 0x804 : 0xc06);
}

static void set_msrs(void)
{
	for (u32 i = 0; i < ARRAY_LEN(plain_msrs); i++)
		cpu_write_msr(plain_msrs[i],
		              i == 0 ? leak_word(20) : canonical(20 + i));
	for (u32 i = 0; i < ARRAY_LEN(msrs_of_32_bits); i++)
		cpu_write_msr(msrs_of_32_bits[i], (u32)leak_word(30 + i));
	if (leak_has_tsc_aux())
		cpu_write_msr(MSR_IA32_TSC_AUX, (u32)leak_word(32));
	cpu_write_msr(0x277, leak_role_now == LEAK_OTHER ? 0x0606060606060606
	                                                 : 0x0105040600070406);
	cpu_write_msr(0x1d9, leak_role_now == LEAK_OTHER ? 0 : 2);
	cpu_write_msr(MSR_IA32_EFER,
	              cpu_read_msr(MSR_IA32_EFER) |
	                      (leak_role_now == LEAK_OTHER ? 0 : 1));
	set_mtrrs();
}

#define SET(reg, value) \
	__asm__ volatile("mov %0, %%" reg : : "r"((u64)(value)) : "memory")

/* Breakpoints on writes, where nobody writes. */
static void set_control(void)
{
	u64 other = leak_role_now == LEAK_OTHER;

	SET("dr0", canonical(40));
	SET("dr1", canonical(41));
	SET("dr2", canonical(42));
	SET("dr3", canonical(43));
	SET("dr6", other ? 0xffff4ff5 : 0xffffcffa);
	SET("dr7", other ? 0x11110722 : 0x99990455);
	SET("cr2", leak_word(44));
	SET("cr4", insn_read_cr4() | (other ? 0x180 : 0x88));
	SET("cr0", other ? 0x80040033 : 0x80010033);
}

/* ---- Local APIC, SynIC, timers ---- */

void leak_apic_write(u32 r, u64 value)
{
	cpu_write_msr(LAPIC_MSR(r), value);
}

/* Errors shown and not shown, a vector in service, two that wait. */
static void set_apic(void)
{
	bool other = leak_role_now == LEAK_OTHER;

	cpu_write_msr(MSR_IA32_APIC_BASE,
	              cpu_read_msr(MSR_IA32_APIC_BASE) | LAPIC_BASE_X2APIC);
	leak_apic_write(LAPIC_SVR, other ? 0x13e : 0x1ef);
	for (u32 i = 1; i < 6; i++)
		leak_apic_write(LAPIC_LVT_TIMER + 16 * i,
		                0x10000 | ((u32)leak_word(50 + i) & 0xff));
	leak_apic_write(LAPIC_SELF_IPI, 5);
	leak_apic_write(LAPIC_ESR, 0);
	leak_apic_write(LAPIC_SELF_IPI, 6);
	leak_apic_write(LAPIC_ICR, 0x5500000099 + other);
	insn_sti();
	leak_apic_write(LAPIC_SELF_IPI, VECTOR);
	__asm__ volatile("nop; nop");
	insn_cli();
	leak_apic_write(LAPIC_SELF_IPI, other ? 0x55 : 0x52);
	leak_apic_write(LAPIC_SELF_IPI, other ? 0x81 : 0x71);
	leak_apic_write(LAPIC_TPR, other ? 0x7b : 0x34);
	leak_apic_write(LAPIC_DIVIDE, other ? 0x9 : 0x3);
	leak_apic_write(LAPIC_LVT_TIMER, (other ? 0x46 : 0x20045));
	leak_apic_write(LAPIC_INITIAL_COUNT, other ? 0x7ffffff0 : 0x7fff1234);
}

static void fill(u64 page, u64 from)
{
	volatile u64 *at = (volatile u64 *)page;

	for (u32 i = 0; i < PAGE_SIZE / 8; i++)
		at[i] = leak_word(from + i) | 1;
}

u64 leak_overlay(u32 i)
{
	return LEAK_OVERLAYS + (4 * leak_role_now + i) * PAGE_SIZE;
}

/* The third timer has expired, and finds the slot of its SINT taken. */
static void set_timers(void)
{
	u64 more = leak_role_now * 12345;
	u64 sint = (u64)LEAK_SINT_TIMER << HV_STIMER_SINT_SHIFT;

	cpu_write_msr(HV_MSR_STIMER0_COUNT, FAR + more);
	cpu_write_msr(HV_MSR_STIMER0_CONFIG, sint | HV_STIMER_ENABLE);
	cpu_write_msr(HV_MSR_STIMER0_COUNT + 2, FAR + more);
	cpu_write_msr(HV_MSR_STIMER0_CONFIG + 2,
	              HV_STIMER_DIRECT | HV_STIMER_ENABLE | HV_STIMER_PERIODIC |
	                      (0x90 + leak_role_now) << HV_STIMER_VECTOR_SHIFT);
	cpu_write_msr(HV_MSR_STIMER0_COUNT + 4, 1 + leak_role_now);
	cpu_write_msr(HV_MSR_STIMER0_CONFIG + 4, sint | HV_STIMER_ENABLE);
	cpu_write_msr(HV_MSR_STIMER0_CONFIG + 6,
	              sint | (leak_role_now == LEAK_OTHER
	                              ? HV_STIMER_LAZY
	                              : HV_STIMER_AUTO_ENABLE));
	cpu_write_msr(HV_MSR_STIMER0_COUNT + 6, 2 * FAR + more);
}

static void set_synthetic(void)
{
	cpu_write_msr(HV_MSR_GUEST_OS_ID, leak_word(60) | 1);
	cpu_write_msr(HV_MSR_HYPERCALL, leak_overlay(3) | HV_MSR_PAGE_ENABLE);
	cpu_write_msr(HV_MSR_REFERENCE_TSC,
	              leak_overlay(2) | HV_MSR_PAGE_ENABLE);
	cpu_write_msr(HV_MSR_VP_ASSIST_PAGE, LEAK_ASSIST +
	                                             leak_role_now * PAGE_SIZE +
	                                             HV_MSR_PAGE_ENABLE);
	cpu_write_msr(HV_MSR_SCONTROL, 1);
	for (u32 i = 0; i < HV_SINT_COUNT; i++)
		cpu_write_msr(HV_MSR_SINT0 + i,
		              0xa0 + i + leak_role_now * 0x10 +
		                      (i % 3 ? 0 : HV_SINT_MASKED) +
		                      (i % 4 == 1 ? HV_SINT_POLLING : 0));
	/* What is under them is seen when they go away. */
	fill(leak_overlay(0), 100);
	fill(leak_overlay(1), 700);
	cpu_write_msr(HV_MSR_SIMP, leak_overlay(0) | HV_MSR_PAGE_ENABLE);
	cpu_write_msr(HV_MSR_SIEFP, leak_overlay(1) | HV_MSR_PAGE_ENABLE);
	fill(leak_overlay(0), 1300);
	fill(leak_overlay(1), 1900);
	set_timers();
}

/* ---- x87 and XSAVE ---- */

NO_VECTORS static void xcr0_write(u64 value)
{
	__asm__ volatile("xsetbv" : : "c"(0), "a"((u32)value), "d"(0));
}

static u64 components(void)
{
	u32 eax = 0xd, ebx, ecx = 0, edx;

	if (!(cpu_cpuid(1).ecx & BIT(26)))
		return 0;
	__asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return eax;
}

/* Half of the stack is full; every component has every byte in use. */
static void set_extended(void)
{
	u8 *x = (u8 *)LEAK_XSAVE;
	u64 *header = (u64 *)(LEAK_XSAVE + XSAVE_HEADER);
	u16 fcw_fsw[2] = { 0x27f, 0x1000 };

	fill(LEAK_XSAVE, 3000);
	if (leak_role_now == LEAK_OTHER) {
		fcw_fsw[0] = 0xc3f;
		fcw_fsw[1] = 0x3842;
	}
	*(u32 *)x = fcw_fsw[0] | (u32)fcw_fsw[1] << 16;
	*(u32 *)(x + 4) = (leak_role_now == LEAK_OTHER ? 0xe7 : 0x3c) |
	                  (u32)(leak_word(70) & 0x7ff) << 16;
	*(u64 *)(x + 8) = canonical(71);
	*(u64 *)(x + 16) = canonical(72);
	*(u32 *)(x + MXCSR) = leak_role_now == LEAK_OTHER ? 0x7f80 : 0x1fbf;
	*(u32 *)(x + MXCSR + 4) = 0;
	for (u32 i = 0; i < 8; i++)
		header[i] = 0;
	header[0] = seen->xsave;
	seen->load = 1;
	if (seen->xsave) {
		SET("cr4", insn_read_cr4() | CR4_OSXSAVE);
		xcr0_write(seen->xsave);
	}
}

/* ---- Standing still ---- */

/* All but RSP and RAX, by their numbers. */
#define EACH_REGISTER(f)                                                     \
	f(rcx, 1) f(rdx, 2) f(rbx, 3) f(rbp, 5) f(rsi, 6) f(rdi, 7) f(r8, 8) \
		f(r9, 9) f(r10, 10) f(r11, 11) f(r12, 12) f(r13, 13)         \
			f(r14, 14) f(r15, 15)
#define GIVE(reg, n) "movq %c[give] + 8 * " #n ", %%" #reg ";"
#define GOT(reg, n) "movq %%" #reg ", %c[got] + 8 * " #n ";"
#define AT(field) "i"(LEAK_SEEN + offsetof(struct leak_seen, field))

/* Every register is what the parent finds there. */
NO_VECTORS static void stand(void)
{
	__asm__ volatile(
		"push %%rbx; push %%rbp; movq %%rsp, %c[rsp];"
		"pushq %c[give] + 8 * 16; popfq;" EACH_REGISTER(GIVE) GIVE(
			rsp, 4) GIVE(rax, 0) "outb %%al, %[port];" GOT(rax, 0)
			GOT(rsp, 4) EACH_REGISTER(
				GOT) "movq %c[rsp], %%rsp;"
				     "pushfq; popq %c[got] + 8 * 16; pushq $2; popfq;"
				     "pop %%rbp; pop %%rbx"
		:
		: [give] AT(give[0]), [got] AT(got[0]), [rsp] AT(rsp),
		  [port] "i"(LEAK_PORT_STILL)
		: "memory", "cc", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9",
		  "r10", "r11", "r12", "r13", "r14", "r15");
}

#define ALL "a"(-1), "d"(-1)

NO_VECTORS static void load_extended(void)
{
	if (seen->xsave)
		__asm__ volatile("xrstor64 (%0)" : : "r"(LEAK_XSAVE), ALL);
	else
		__asm__ volatile("fxrstor64 (%0)" : : "r"(LEAK_XSAVE));
}

/* All components, whatever was enabled. */
NO_VECTORS static void store_extended(void)
{
	u32 low = 0, high;

	seen->cr4 = insn_read_cr4();
	if (!seen->xsave) {
		__asm__ volatile("fxsave64 (%0)"
		                 :
		                 : "r"(LEAK_XSAVE_GOT)
		                 : "memory");
		return;
	}
	if (seen->cr4 & CR4_OSXSAVE)
		__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	seen->xcr0 = low;
	SET("cr4", seen->cr4 | CR4_OSXSAVE);
	xcr0_write(seen->xsave);
	__asm__ volatile("xsave64 (%0)"
	                 :
	                 : "r"(LEAK_XSAVE_GOT), ALL
	                 : "memory");
}

/* No C that may use a vector register comes in between. */
NO_VECTORS static void stand_still(void)
{
	if (seen->load)
		load_extended();
	stand();
	store_extended();
	__asm__ volatile("fninit");
}

static void set_all(void)
{
	set_tables(leak_role_now == LEAK_OTHER);
	set_segments();
	set_msrs();
	/* First: with direct timers the processor does not virtualize it. */
	if (seen->x2apic)
		set_apic();
	set_synthetic();
	set_control();
	set_extended();
}

void leak_main(void);

__attribute__((section(".entry"))) void leak_main(void)
{
	insn_cli();
	leak_role_now = seen->role;
	seen->xsave = components();
	for (u32 i = 0; i < 16; i++)
		seen->give[i] = leak_word(i);
	seen->give[16] = leak_role_now == LEAK_OTHER ? 0x203443 : 0x47896;
	if (leak_role_now != LEAK_PLAIN)
		set_all();
	stand_still();
	dump_all();
	insn_out8(LEAK_PORT_END, 0);
	for (;;)
		insn_pause();
}
