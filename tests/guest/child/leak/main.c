/*
 * What the leak child sets, and how it tells what it finds.
 */
#include "include/tlfs.h"
#include "include/x86_apic.h"
#include "tests/guest/child/leak/leak.h"
#include "tests/guest/lib/gate.h"
#include "tests/guest/lib/insn.h"

#define VECTOR 0x61
#define FAR 1000000000000ull /* in units of reference time: 27 hours */
#define MXCSR 24
#define NO_VECTORS __attribute__((target("general-regs-only"), noinline))

extern volatile struct leak_seen leak_seen;
#define seen (&leak_seen)

static u64 role;

/* A word of this role; no two are the same. */
static u64 word(u64 n)
{
	u64 x = (n + 1) * 0x9e3779b97f4a7c15ull;

	return role == LEAK_OTHER ? ~x * 0xd6e8feb86659fd93ull : x;
}

static u64 canonical(u64 n)
{
	return word(n) >> 20;
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

static volatile u64 nmis;

HANDLER static void on_nmi(struct frame *frame)
{
	(void)frame;
	nmis++;
}

static void set_gate(struct gate *gate, void (*handler)(struct frame *))
{
	*gate = (struct gate){
		.offset0 = (u16)(u64)handler, /* the image is below 64 KiB */
		.selector = 8,
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
	const u16 *s = role == LEAK_OTHER ? of_other : of_rich;

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

static bool has_tsc_aux(void)
{
	return cpu_cpuid(0x80000001).edx & BIT(27);
}

static void set_mtrrs(void)
{
	static const u32 fixed[] = { 0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
		                     0x26b, 0x26c, 0x26d, 0x26e, 0x26f };
	u64 types = role == LEAK_OTHER ? 0x0505050105050505
	                               : 0x0406040604060406;

	for (u32 i = 0; i < ARRAY_LEN(fixed); i++)
		cpu_write_msr(fixed[i], types << 8 * (i % 4));
	for (u32 i = 0; i < 8; i++) {
		cpu_write_msr(0x200 + 2 * i, (word(i) & 0x7ffffff000) | 4);
		cpu_write_msr(0x201 + 2 * i,
		              (word(i + 8) & 0x7ffffff000) | BIT(11));
	}
	cpu_write_msr(0x2ff, role == LEAK_OTHER ? 0x804 : 0xc06);
}

static void set_msrs(void)
{
	for (u32 i = 0; i < ARRAY_LEN(plain_msrs); i++)
		cpu_write_msr(plain_msrs[i],
		              i == 0 ? word(20) : canonical(20 + i));
	for (u32 i = 0; i < ARRAY_LEN(msrs_of_32_bits); i++)
		cpu_write_msr(msrs_of_32_bits[i], (u32)word(30 + i));
	if (has_tsc_aux())
		cpu_write_msr(MSR_IA32_TSC_AUX, (u32)word(32));
	cpu_write_msr(0x277, role == LEAK_OTHER ? 0x0606060606060606
	                                        : 0x0105040600070406);
	cpu_write_msr(0x1d9, role == LEAK_OTHER ? 0 : 2);
	cpu_write_msr(MSR_IA32_EFER, cpu_read_msr(MSR_IA32_EFER) |
	                                     (role == LEAK_OTHER ? 0 : 1));
	set_mtrrs();
}

#define SET(reg, value) \
	__asm__ volatile("mov %0, %%" reg : : "r"((u64)(value)) : "memory")

/* Breakpoints on writes, where nobody writes. */
static void set_control(void)
{
	u64 other = role == LEAK_OTHER;

	SET("dr0", canonical(40));
	SET("dr1", canonical(41));
	SET("dr2", canonical(42));
	SET("dr3", canonical(43));
	SET("dr6", other ? 0xffff4ff5 : 0xffffcffa);
	SET("dr7", other ? 0x11110722 : 0x99990455);
	SET("cr2", word(44));
	SET("cr4", insn_read_cr4() | (other ? 0x180 : 0x88));
	SET("cr0", other ? 0x80040033 : 0x80010033);
}

/* ---- Local APIC, SynIC, timers ---- */

static void apic_write(u32 r, u64 value)
{
	cpu_write_msr(LAPIC_MSR(r), value);
}

/* Errors shown and not shown, a vector in service, two that wait. */
static void set_apic(void)
{
	bool other = role == LEAK_OTHER;

	cpu_write_msr(MSR_IA32_APIC_BASE,
	              cpu_read_msr(MSR_IA32_APIC_BASE) | LAPIC_BASE_X2APIC);
	apic_write(LAPIC_SVR, other ? 0x13e : 0x1ef);
	for (u32 i = 1; i < 6; i++)
		apic_write(LAPIC_LVT_TIMER + 16 * i,
		           0x10000 | ((u32)word(50 + i) & 0xff));
	apic_write(LAPIC_SELF_IPI, 5);
	apic_write(LAPIC_ESR, 0);
	apic_write(LAPIC_SELF_IPI, 6);
	apic_write(LAPIC_ICR, 0x5500000099 + other);
	insn_sti();
	apic_write(LAPIC_SELF_IPI, VECTOR);
	__asm__ volatile("nop; nop");
	insn_cli();
	apic_write(LAPIC_SELF_IPI, other ? 0x55 : 0x52);
	apic_write(LAPIC_SELF_IPI, other ? 0x81 : 0x71);
	apic_write(LAPIC_TPR, other ? 0x7b : 0x34);
	apic_write(LAPIC_DIVIDE, other ? 0x9 : 0x3);
	apic_write(LAPIC_LVT_TIMER, (other ? 0x46 : 0x20045));
	apic_write(LAPIC_INITIAL_COUNT, other ? 0x7ffffff0 : 0x7fff1234);
}

static void fill(u64 page, u64 from)
{
	volatile u64 *at = (volatile u64 *)page;

	for (u32 i = 0; i < PAGE_SIZE / 8; i++)
		at[i] = word(from + i) | 1;
}

static u64 overlay(u32 i)
{
	return LEAK_OVERLAYS + (4 * role + i) * PAGE_SIZE;
}

/* The third timer has expired, and finds the slot of its SINT taken. */
static void set_timers(void)
{
	u64 more = role * 12345;
	u64 sint = (u64)LEAK_SINT_TIMER << HV_STIMER_SINT_SHIFT;

	cpu_write_msr(HV_MSR_STIMER0_COUNT, FAR + more);
	cpu_write_msr(HV_MSR_STIMER0_CONFIG, sint | HV_STIMER_ENABLE);
	cpu_write_msr(HV_MSR_STIMER0_COUNT + 2, FAR + more);
	cpu_write_msr(HV_MSR_STIMER0_CONFIG + 2,
	              HV_STIMER_DIRECT | HV_STIMER_ENABLE | HV_STIMER_PERIODIC |
	                      (0x90 + role) << HV_STIMER_VECTOR_SHIFT);
	cpu_write_msr(HV_MSR_STIMER0_COUNT + 4, 1 + role);
	cpu_write_msr(HV_MSR_STIMER0_CONFIG + 4, sint | HV_STIMER_ENABLE);
	cpu_write_msr(HV_MSR_STIMER0_CONFIG + 6,
	              sint | (role == LEAK_OTHER ? HV_STIMER_LAZY
	                                         : HV_STIMER_AUTO_ENABLE));
	cpu_write_msr(HV_MSR_STIMER0_COUNT + 6, 2 * FAR + more);
}

static void set_synthetic(void)
{
	cpu_write_msr(HV_MSR_GUEST_OS_ID, word(60) | 1);
	cpu_write_msr(HV_MSR_HYPERCALL, overlay(3) | HV_MSR_PAGE_ENABLE);
	cpu_write_msr(HV_MSR_REFERENCE_TSC, overlay(2) | HV_MSR_PAGE_ENABLE);
	cpu_write_msr(HV_MSR_VP_ASSIST_PAGE,
	              LEAK_ASSIST + role * PAGE_SIZE + HV_MSR_PAGE_ENABLE);
	cpu_write_msr(HV_MSR_SCONTROL, 1);
	for (u32 i = 0; i < HV_SINT_COUNT; i++)
		cpu_write_msr(HV_MSR_SINT0 + i,
		              0xa0 + i + role * 0x10 +
		                      (i % 3 ? 0 : HV_SINT_MASKED) +
		                      (i % 4 == 1 ? HV_SINT_POLLING : 0));
	/* What is under them is seen when they go away. */
	fill(overlay(0), 100);
	fill(overlay(1), 700);
	cpu_write_msr(HV_MSR_SIMP, overlay(0) | HV_MSR_PAGE_ENABLE);
	cpu_write_msr(HV_MSR_SIEFP, overlay(1) | HV_MSR_PAGE_ENABLE);
	fill(overlay(0), 1300);
	fill(overlay(1), 1900);
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
	if (role == LEAK_OTHER) {
		fcw_fsw[0] = 0xc3f;
		fcw_fsw[1] = 0x3842;
	}
	*(u32 *)x = fcw_fsw[0] | (u32)fcw_fsw[1] << 16;
	*(u32 *)(x + 4) = (role == LEAK_OTHER ? 0xe7 : 0x3c) |
	                  (u32)(word(70) & 0x7ff) << 16;
	*(u64 *)(x + 8) = canonical(71);
	*(u64 *)(x + 16) = canonical(72);
	*(u32 *)(x + MXCSR) = role == LEAK_OTHER ? 0x7f80 : 0x1fbf;
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

/* ---- The dump ---- */

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
	put_msrs(0xc0000100, has_tsc_aux() ? 0xc0000103 : 0xc0000102, 1);
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
		(volatile struct hv_message *)overlay(0) + sint;

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
	*out++ = nmis;
	__asm__ volatile("movq %%rsp, %%rax; pushq $0x10; push %%rax; pushfq;"
	                 "pushq $8; leaq 1f(%%rip), %%rax; push %%rax; iretq;"
	                 "1: nop; nop"
	                 :
	                 :
	                 : "rax", "memory", "cc");
	*out++ = nmis;
}

/* What the APIC has not shown yet. */
static void put_errors(void)
{
	if (!seen->x2apic)
		return;
	apic_write(LAPIC_ESR, 0);
	*out++ = cpu_read_msr(LAPIC_MSR(LAPIC_ESR));
}

static void put_overlays(void)
{
	copy(LEAK_SIM_COPY, overlay(0), PAGE_SIZE / 8);
	copy(LEAK_SIM_COPY + PAGE_SIZE, overlay(1), PAGE_SIZE / 8);
	copy(LEAK_SIM_COPY + 2 * PAGE_SIZE, overlay(3), PAGE_SIZE / 8);
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

static void set_all(void)
{
	set_tables(role == LEAK_OTHER);
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
	role = seen->role;
	seen->xsave = components();
	for (u32 i = 0; i < 16; i++)
		seen->give[i] = word(i);
	seen->give[16] = role == LEAK_OTHER ? 0x203443 : 0x47896;
	if (role != LEAK_PLAIN)
		set_all();
	stand_still();
	put_control();
	put_descriptors();
	put_registers();
	if (role != LEAK_PLAIN) {
		put_overlays();
		put_nmi();
		put_errors();
	}
	put_times();
	insn_out8(LEAK_PORT_END, 0);
	for (;;)
		insn_pause();
}
