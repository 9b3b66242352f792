/*
 * Counts, turn by turn, what would be an exit to the hypervisor below if that
 * were KVM (Linux 6.1) on a processor with VMCS shadowing. Where there
 * are two, turns are of whoever entered last: the figures are for one.
 */
#include "arch/x86_64/common/tally.h"

#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/vmx/vmcs.h"
#include "arch/x86_64/vmx/vmx.h"
#include "hv/vp/vp.h"
#include "tests/tally/audit.h"
#include "tests/tally/held.h"
#include "tests/tally/planted.h"

#define FIELDS 0x6c18 /* an encoding is below */
#define READ 1
#define WRITE 2

#define CPUID_OF_VMX 10u /* exit reasons */
#define CPUID_OF_SVM 0x72u

/* What KVM lets its guest read and write in a shadow VMCS, of what we use. */
static const u8 shadowed[FIELDS] = {
	[VMCS_GUEST_INTERRUPT_STATUS] = READ | WRITE,
	[VMCS_HOST_FS_SELECTOR] = READ | WRITE,
	[VMCS_HOST_GS_SELECTOR] = READ | WRITE,
	[VMCS_GUEST_PHYSICAL_ADDRESS] = READ,
	[VMCS_PIN_CONTROLS] = READ | WRITE,
	[VMCS_PROC_CONTROLS] = READ | WRITE,
	[VMCS_EXCEPTION_BITMAP] = READ | WRITE,
	[VMCS_ENTRY_EVENT] = READ | WRITE,
	[VMCS_ENTRY_ERROR] = READ | WRITE,
	[VMCS_ENTRY_INSTRUCTION_LENGTH] = READ | WRITE,
	[VMCS_TPR_THRESHOLD] = READ | WRITE,
	[VMCS_EXIT_REASON] = READ,
	[VMCS_EXIT_EVENT] = READ,
	[VMCS_EXIT_ERROR] = READ,
	[VMCS_IDT_VECTORING_EVENT] = READ,
	[VMCS_IDT_VECTORING_ERROR] = READ,
	[VMCS_EXIT_INSTRUCTION_LENGTH] = READ,
	[VMCS_GUEST_CS_RIGHTS] = READ,
	[VMCS_GUEST_SS_RIGHTS] = READ,
	[VMCS_GUEST_INTERRUPTIBILITY] = READ | WRITE,
	[VMCS_TIMER] = READ | WRITE,
	[VMCS_CR0_MASK] = READ | WRITE,
	[VMCS_CR0_SHADOW] = READ | WRITE,
	[VMCS_CR4_SHADOW] = READ | WRITE,
	[VMCS_EXIT_QUALIFICATION] = READ,
	[VMCS_GUEST_LINEAR_ADDRESS] = READ,
	[VMCS_GUEST_CR0] = READ | WRITE,
	[VMCS_GUEST_CR3] = READ | WRITE,
	[VMCS_GUEST_CR4] = READ | WRITE,
	[VMCS_GUEST_RSP] = READ | WRITE,
	[VMCS_GUEST_RIP] = READ | WRITE,
	[VMCS_GUEST_RFLAGS] = READ | WRITE,
	[VMCS_HOST_FS_BASE] = READ | WRITE,
	[VMCS_HOST_GS_BASE] = READ | WRITE,
};

/* 32 bits: to clear them all is a short hypercall. */
struct figures {
	u32 figure[TALLY_OF_KIND + TALLY_KINDS];
};

static struct figures sorts[TALLY_SORTS];

/* The turn that is under way. */
static struct {
	const struct vp *vp; /* that has left; null: not a turn */
	u32 reason;
	bool asked;      /* it only reads the counters */
	struct vp *asks; /* by CPUID: the answer goes there, else null */
	u32 sort;        /* that it asks for */
	bool debug_open; /* MOV DR is no exit until the next exit */
	u32 before_switch;
	u32 in_switch;
	u32 kinds[TALLY_KINDS];
} turn;

/* From a child's exit to the next entry of a child. */
static struct {
	bool open;
	u32 reason;
	u32 kinds[TALLY_KINDS];
} trip;

static u64 answer(u64 sort, u64 figure)
{
	return sort < TALLY_SORTS && figure < TALLY_OF_KIND + TALLY_KINDS
	               ? sorts[sort].figure[figure]
	               : 0;
}

/* ---- What is an exit ---- */

void tally_add(enum tally_kind kind)
{
	turn.kinds[kind]++;
	turn.debug_open = false;
}

void tally_vmread(u64 field)
{
	if (field >= FIELDS || !(shadowed[field] & READ))
		tally_add(TALLY_VMREAD);
}

void tally_vmwrite(u64 field)
{
	if (field >= FIELDS || !(shadowed[field] & WRITE))
		tally_add(TALLY_VMWRITE);
}

/* KVM gives these to its guest whole. */
static bool is_passed_through(u32 msr)
{
	return msr == MSR_IA32_FS_BASE || msr == MSR_IA32_GS_BASE ||
	       msr == MSR_IA32_KERNEL_GS_BASE || msr == MSR_IA32_SYSENTER_CS ||
	       msr == MSR_IA32_SYSENTER_ESP || msr == MSR_IA32_SYSENTER_EIP;
}

void tally_rdmsr(u32 msr)
{
	if (!is_passed_through(msr) && msr != MSR_IA32_TSC)
		tally_add(TALLY_RDMSR);
}

void tally_wrmsr(u32 msr)
{
	if (!is_passed_through(msr))
		tally_add(TALLY_WRMSR);
}

/* The first makes KVM load its guest's debug registers, until it is entered. */
void tally_debug_register(void)
{
	if (!turn.debug_open)
		tally_add(TALLY_DEBUG);
	turn.debug_open = true;
}

/* ---- Turns ---- */

static u32 sum(const u32 *kinds)
{
	u32 exits = 0;

	for (u32 i = 0; i < TALLY_KINDS; i++)
		exits += kinds[i];
	return exits;
}

static void note(u32 sort, u32 exits)
{
	u32 *f = sorts[sort].figure;

	if (f[TALLY_COUNT]++ == 0 || exits < f[TALLY_LEAST])
		f[TALLY_LEAST] = exits;
	if (exits > f[TALLY_MOST])
		f[TALLY_MOST] = exits;
	f[TALLY_EXITS] += exits;
}

static void note_kinds(u32 sort, const u32 *kinds)
{
	note(sort, sum(kinds));
	for (u32 i = 0; i < TALLY_KINDS; i++)
		sorts[sort].figure[TALLY_OF_KIND + i] += kinds[i];
}

/* Turns of the root on its way are its own doing, and it must be entered. */
static void go_on_trip(bool from_child, bool to_child)
{
	if (from_child) {
		trip.open = true;
		trip.reason = turn.reason;
		__builtin_memset(trip.kinds, 0, sizeof(trip.kinds));
	}
	for (u32 i = 0; i < TALLY_KINDS; i++)
		trip.kinds[i] += turn.kinds[i];
	if (!from_child && !to_child)
		trip.kinds[TALLY_ENTRY]--;
	if (trip.open && to_child)
		note_kinds(TALLY_TRIP + trip.reason, trip.kinds);
	trip.open &= !to_child;
}

static void end_turn(const struct vp *vp)
{
	u32 sort = turn.reason | (turn.vp->is_root ? 0 : TALLY_FROM_CHILD) |
	           (vp->is_root ? 0 : TALLY_TO_CHILD);

	note_kinds(sort, turn.kinds);
	note_kinds(TALLY_ALL, turn.kinds);
	if (vp != turn.vp)
		note(TALLY_SWITCH, turn.in_switch);
	go_on_trip(!turn.vp->is_root, !vp->is_root);
}

/* For programs that may not make hypercalls: those of a system. */
static void look_for_question(struct vp *vp, u32 reason)
{
	u32 rcx = (u32)vp->state.gpr[VP_RCX];

	if (rcx >> 16 != TALLY_CPUID_ASKS ||
	    (reason != CPUID_OF_VMX && reason != CPUID_OF_SVM))
		return;
	turn.asked = true;
	turn.asks = vp;
	turn.sort = rcx & 0xffff;
}

void tally_exit(struct vp *vp, u32 reason)
{
	planted_exit();
	held_exit(vp, reason);
	turn.vp = vp;
	turn.reason = reason & (TALLY_REASONS - 1);
	look_for_question(vp, reason);
}

void tally_switch_begin(void)
{
	turn.before_switch = sum(turn.kinds);
}

void tally_switch_end(void)
{
	turn.in_switch = sum(turn.kinds) - turn.before_switch;
}

void tally_enter(const struct vp *vp)
{
	planted_enter();
	held_enter(vp);
	tally_add(TALLY_ENTRY);
	if (turn.vp && !turn.asked)
		end_turn(vp);
	/* CPUID has been carried out, and this is what the root finds instead. RAX may
	 * be where it is entered from already. */
	if (turn.asks)
		turn.asks->state.gpr[VP_RBX] = answer(turn.sort, TALLY_COUNT);
	__builtin_memset(&turn, 0, sizeof(turn));
}

/* ---- Questions ---- */

static void reset(void)
{
	__builtin_memset(sorts, 0, sizeof(sorts));
	trip.open = false;
}

bool tally_call(struct vp *vp)
{
	u64 *gpr = vp->state.gpr;

	if ((u16)gpr[VP_RCX] != TALLY_CALL) {
		planted_call((u16)gpr[VP_RCX]);
		return false;
	}
	if (gpr[VP_RDX] == TALLY_RESET)
		reset();
	else if (gpr[VP_RDX] == TALLY_AUDIT)
		gpr[VP_RAX] = audit_machine();
	else
		gpr[VP_RAX] = answer(gpr[VP_RDX] >> 8, gpr[VP_RDX] & 0xff);
	turn.asked = true;
	return true;
}
