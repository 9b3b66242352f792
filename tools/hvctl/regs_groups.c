/*
 * The registers that hvctl regs shows. Left out is what has no value of its own:
 * EOI and EOM can only be written, the synthetic ICR and TPR are the local
 * APIC's, and the low halves of YMM are XMM.
 */
#include "tools/hvctl/regs.h"

/* A register under its name in the TLFS, which stands in tlfs.h alone. */
#define REG(n)                                       \
	{                                            \
		.label = #n, .name = HV_REGISTER_##n \
	}
#define R(n) HV_REGISTER_##n
#define N(n, i) ((u32)R(n) + (i))
#define APIC(number) N(APIC_FIRST, number)

#define EACH_8(row) \
	row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7)
#define EACH_16(row)                                                     \
	EACH_8(row), row(8), row(9), row(10), row(11), row(12), row(13), \
		row(14), row(15)

/* ---- core ---- */

/* In the order of numbers, but R8 to R15, which have no names of their own in the TLFS. */
static const struct reg words[] = {
	REG(RAX),
	REG(RBX),
	REG(RCX),
	REG(RDX),
	REG(RSI),
	REG(RDI),
	REG(RBP),
	REG(RSP),
	{ "R8", N(RAX, 8) },
	{ "R9", N(RAX, 9) },
	{ "R10", N(RAX, 10) },
	{ "R11", N(RAX, 11) },
	{ "R12", N(RAX, 12) },
	{ "R13", N(RAX, 13) },
	{ "R14", N(RAX, 14) },
	{ "R15", N(RAX, 15) },
	REG(RIP),
	REG(RFLAGS),
	REG(CR0),
	REG(CR2),
	REG(CR3),
	REG(CR4),
	REG(CR8),
	REG(EFER),
	REG(DR0),
	REG(DR1),
	REG(DR2),
	REG(DR3),
	REG(DR6),
	REG(DR7),
	REG(XFEM),
};

/* CS and SS first: they say what the code is, and at which level it runs. */
static const struct reg segments[] = {
	REG(CS), REG(SS), REG(DS),   REG(ES),
	REG(FS), REG(GS), REG(LDTR), REG(TR),
};

static const struct reg tables[] = {
	REG(GDTR),
	REG(IDTR),
};

static const struct reg states[] = {
	{ "ExplicitSuspend", R(EXPLICIT_SUSPEND) },
	{ "InterceptSuspend", R(INTERCEPT_SUSPEND) },
	{ "InternalActivityState", R(INTERNAL_ACTIVITY_STATE) },
	{ "InterruptState", R(INTERRUPT_STATE) },
	{ "PendingInterruption", R(PENDING_INTERRUPTION) },
};

/* ---- msrs ---- */

static const struct reg msrs[] = {
	REG(TSC),          REG(TSC_DEADLINE),
	REG(TSC_AUX),      REG(KERNEL_GS_BASE),
	REG(APIC_BASE),    REG(INITIAL_APIC_ID),
	REG(STAR),         REG(LSTAR),
	REG(CSTAR),        REG(SFMASK),
	REG(SYSENTER_CS),  REG(SYSENTER_RIP),
	REG(SYSENTER_RSP), { "DEBUGCTL", R(DEBUG_CTL) },
	REG(PAT),
};

#define VARIABLE(i)                                   \
	{ "MTRR_BASE" #i, N(MTRR_PHYS_BASE0, i) },    \
	{                                             \
		"MTRR_MASK" #i, N(MTRR_PHYS_MASK0, i) \
	}

/* The eleven fixed ones follow one another, whatever range each of them covers. */
static const struct reg mtrrs[] = {
	REG(MTRR_CAP),
	REG(MTRR_DEF_TYPE),
	EACH_8(VARIABLE),
	{ "MTRR_64K_00000", N(MTRR_FIX64K_00000, 0) },
	{ "MTRR_16K_80000", N(MTRR_FIX64K_00000, 1) },
	{ "MTRR_16K_A0000", N(MTRR_FIX64K_00000, 2) },
	{ "MTRR_4K_C0000", N(MTRR_FIX64K_00000, 3) },
	{ "MTRR_4K_C8000", N(MTRR_FIX64K_00000, 4) },
	{ "MTRR_4K_D0000", N(MTRR_FIX64K_00000, 5) },
	{ "MTRR_4K_D8000", N(MTRR_FIX64K_00000, 6) },
	{ "MTRR_4K_E0000", N(MTRR_FIX64K_00000, 7) },
	{ "MTRR_4K_E8000", N(MTRR_FIX64K_00000, 8) },
	{ "MTRR_4K_F0000", N(MTRR_FIX64K_00000, 9) },
	{ "MTRR_4K_F8000", N(MTRR_FIX64K_00000, 10) },
};

/* ---- apic: by the number of the x2APIC MSR; APR and DFR: xAPIC mode ---- */

static const struct reg apic[] = {
	{ "ID", APIC(0x02) },
	{ "VERSION", APIC(0x03) },
	{ "TPR", APIC(0x08) },
	{ "APR", APIC(0x09) },
	{ "PPR", APIC(0x0a) },
	{ "LDR", APIC(0x0d) },
	{ "DFR", APIC(0x0e) },
	{ "SVR", APIC(0x0f) },
	{ "ESR", APIC(0x28) },
	{ "LVT_TIMER", APIC(0x32) },
	{ "LVT_THERMAL", APIC(0x33) },
	{ "LVT_PERF", APIC(0x34) },
	{ "LVT_LINT0", APIC(0x35) },
	{ "LVT_LINT1", APIC(0x36) },
	{ "LVT_ERROR", APIC(0x37) },
	{ "INITIAL_COUNT", APIC(0x38) },
	{ "CURRENT_COUNT", APIC(0x39) },
	{ "DIVIDE", APIC(0x3e) },
};

/* Both halves, in either mode. */
static const struct reg apic_icr[] = { { "ICR", APIC(0x30) } };

#define ISR(i)                          \
	{                               \
		"ISR", APIC(0x10 + (i)) \
	}
#define TMR(i)                          \
	{                               \
		"TMR", APIC(0x18 + (i)) \
	}
#define IRR(i)                          \
	{                               \
		"IRR", APIC(0x20 + (i)) \
	}

static const struct reg apic_isr[] = { EACH_8(ISR) };
static const struct reg apic_tmr[] = { EACH_8(TMR) };
static const struct reg apic_irr[] = { EACH_8(IRR) };

/* ---- synic ---- */

#define STIMER(i)                                                    \
	{ "STIMER" #i "_CONFIG", N(STIMER0_CONFIG, 2 * (i)) },       \
	{                                                            \
		"STIMER" #i "_COUNT", N(STIMER0_CONFIG, 2 * (i) + 1) \
	}

/* Of the partition or of the VP: who asks sees both by the same call. */
static const struct reg synthetic[] = {
	REG(VP_INDEX),       REG(GUEST_OS_ID), REG(HYPERCALL),
	REG(VP_ASSIST_PAGE), REG(VP_RUNTIME),  REG(TIME_REF_COUNT),
	REG(REFERENCE_TSC),  REG(SCONTROL),    REG(SVERSION),
	REG(SIEFP),          REG(SIMP),
};

static const struct reg stimers[] = {
	STIMER(0),
	STIMER(1),
	STIMER(2),
	STIMER(3),
};

#define SINT(i)                        \
	{                              \
		"SINT" #i, N(SINT0, i) \
	}

static const struct reg sints[] = { EACH_16(SINT) };

/* ---- fp ---- */

#define ST(i)                          \
	{                              \
		"ST" #i, N(FP_MMX0, i) \
	}
#define XMM(i)                       \
	{                            \
		"XMM" #i, N(XMM0, i) \
	}
#define YMM(i)                                \
	{                                     \
		"YMM" #i "H", N(YMM0_HIGH, i) \
	}

static const struct reg x87_control[] = { { "x87", R(FP_CONTROL_STATUS) } };
static const struct reg mxcsr[] = { { "MXCSR", R(XMM_CONTROL_STATUS) } };
static const struct reg x87[] = { EACH_8(ST) };
static const struct reg xmm[] = { EACH_16(XMM) };
static const struct reg ymm[] = { EACH_16(YMM) };

/* ---- All of them ---- */

#define TABLE(l, how)                  \
	{                              \
		l, ARRAY_LEN(l), (how) \
	}

/* A table is read by one call: what a processor may lack stands in one of its own. */
static const struct reg_table core_tables[] = {
	TABLE(words, regs_print_words),
	TABLE(segments, regs_print_segments),
	TABLE(tables, regs_print_tables),
	TABLE(states, regs_print_states),
};
static const struct reg_table msr_tables[] = {
	TABLE(msrs, regs_print_long_words),
	TABLE(mtrrs, regs_print_long_words),
};
/* ICR apart: it has 64 bits, and each set is printed as a list. */
static const struct reg_table apic_tables[] = {
	TABLE(apic, regs_print_halves),
	TABLE(apic_icr, regs_print_long_words),
	TABLE(apic_isr, regs_print_vectors),
	TABLE(apic_tmr, regs_print_vectors),
	TABLE(apic_irr, regs_print_vectors),
};
static const struct reg_table synic_tables[] = {
	TABLE(synthetic, regs_print_long_words),
	TABLE(stimers, regs_print_long_words),
	TABLE(sints, regs_print_halves),
};
static const struct reg_table fp_tables[] = {
	TABLE(x87_control, regs_print_x87_control),
	TABLE(mxcsr, regs_print_mxcsr),
	TABLE(x87, regs_print_x87),
	TABLE(xmm, regs_print_xmm),
	TABLE(ymm, regs_print_xmm),
};

_Static_assert(ARRAY_LEN(words) <= REGS_MAX && ARRAY_LEN(mtrrs) <= REGS_MAX,
               "the largest tables");

#define GROUP(n, h, t)                \
	{                             \
		n, h, t, ARRAY_LEN(t) \
	}

static const struct reg_group groups[] = {
	GROUP("core", "core: general, control and segment registers",
	      core_tables),
	GROUP("msrs", "msrs: model-specific registers", msr_tables),
	GROUP("apic",
	      "apic: local APIC; vectors in service (ISR), by level (TMR), pending",
	      apic_tables),
	GROUP("synic", "synic: synthetic registers and timers", synic_tables),
	GROUP("fp", "fp: x87, SSE, AVX; YMM0H is bits 255 to 128 of YMM0",
	      fp_tables),
};

const struct reg_group *regs_groups(u32 *count)
{
	*count = ARRAY_LEN(groups);
	return groups;
}
