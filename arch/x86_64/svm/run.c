/*
 * Into SVM and out of it; a VMCB as it begins, and what of it changes from entry to
 * entry: intercepts, virtual interrupt, ASID.
 */
#include "arch/x86_64/svm/run.h"

#include "arch/x86_64/common/enter.h"
#include "arch/x86_64/common/kick.h"
#include "arch/x86_64/common/machine.h"
#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/common/regs.h"
#include "arch/x86_64/common/tally.h"
#include "arch/x86_64/common/vendor.h"
#include "arch/x86_64/svm/events.h"
#include "arch/x86_64/svm/features.h"
#include "arch/x86_64/svm/interrupt.h"
#include "arch/x86_64/svm/maps.h"
#include "arch/x86_64/svm/npt_entry.h"
#include "arch/x86_64/svm/state.h"
#include "arch/x86_64/svm/svm.h"
#include "arch/x86_64/svm/virtual.h"
#include "hv/base/cpus.h"
#include "hv/interrupt/lapic.h"
#include "hv/vp/gva.h"
#include "hv/vp/partition.h"

#define SOFTWARE_VECTORS (BIT(3) | BIT(4)) /* of INT3 and INTO */
#define SHADOW_TICKS 20000u /* of the TSC: for an entry and one instruction */
#define REACH_MICROSECONDS 100u /* to a guest that no kick ends */

static u64 changes = 1; /* of any nested page tables, so far */

/* ---- SVM itself ---- */

/* It is of guests alone: what whoever was here before us has left is nobody's meanwhile. */
static void begin_ratio(struct cpu_svm *c)
{
	if (features()->has_tsc_ratio)
		c->tsc_ratio = c->firmware_ratio = msr_read(MSR_TSC_RATIO);
}

/* One for all guests of a processor, so that it is looked at before each entry. */
static void set_ratio(struct cpu_svm *c, u64 ratio)
{
	if (c->tsc_ratio == ratio)
		return;
	c->tsc_ratio = ratio;
	msr_write(MSR_TSC_RATIO, ratio);
}

static void set_ratio_of(struct vp *vp)
{
	u64 ratio;

	if (!features()->has_tsc_ratio)
		return;
	ratio = vp->partition->clock.ratio;
	set_ratio(cpu_svm(arch_this_cpu()),
	          ratio ? ratio >> (TSC_RATIO_BITS - SVM_RATIO_BITS)
	                : SVM_RATIO_ONE);
}

enum handoff_result vendor_begin(struct handoff *h)
{
	struct cpu *cpu = arch_this_cpu();

	(void)h;
	/* SVME first: without it CLGI and VMSAVE are #UD (15.4). With GIF clear nothing
	 * comes in between, and the timer is measured undisturbed. */
	msr_write(MSR_IA32_EFER, msr_read(MSR_IA32_EFER) | EFER_SVME);
	msr_write(MSR_VM_HSAVE_PA, svm_page(cpu, SVM_PAGE_HOST_SAVE).v);
	svm_clgi();
	svm_vmsave(svm_page(cpu, SVM_PAGE_HOST_VMCB));
	begin_ratio(cpu_svm(cpu));
	timer_begin();
	return HANDOFF_OK;
}

void vendor_end(void)
{
	u64 efer = msr_read(MSR_IA32_EFER);

	if (!(efer & EFER_SVME))
		return;
	/* Before STGI: an interrupt of our own timer is nobody's afterwards. And STGI
	 * in turn may be #UD once SVME is clear. */
	timer_end();
	if (features()->has_tsc_ratio)
		set_ratio(cpu_svm(arch_this_cpu()),
		          cpu_svm(arch_this_cpu())->firmware_ratio);
	svm_stgi();
	msr_write(MSR_VM_HSAVE_PA, 0);
	msr_write(MSR_IA32_EFER, efer & ~EFER_SVME);
}

_Noreturn void vendor_run(struct vp *vp)
{
	struct vm_entry entry = run_entry(vp);

	vm_enter(entry.vp, entry.vmcb);
}

bool vendor_last_exit(struct vendor_last_exit *last)
{
	const struct vp *vp = cpu_svm(arch_this_cpu())->last_run;

	if (!vp)
		return false;
	last->where = "last VMCB";
	last->rip = vmcb_of(vp)->rip;
	last->reason = vmcb_of(vp)->exit_code;
	return true;
}

/* ---- A VMCB ---- */

/* Of the root what is SVM's, or what only the hypervisor can do for it. */
static const u8 root_intercepts[] = {
	VMCB_INTERCEPT_INTR,    VMCB_INTERCEPT_NMI,     VMCB_INTERCEPT_INIT,
	VMCB_INTERCEPT_CPUID,   VMCB_INTERCEPT_INVD,    VMCB_INTERCEPT_HLT,
	VMCB_INTERCEPT_INVLPGA, VMCB_INTERCEPT_MSR,     VMCB_INTERCEPT_SHUTDOWN,
	VMCB_INTERCEPT_VMRUN,   VMCB_INTERCEPT_VMMCALL, VMCB_INTERCEPT_VMLOAD,
	VMCB_INTERCEPT_VMSAVE,  VMCB_INTERCEPT_STGI,    VMCB_INTERCEPT_CLGI,
	VMCB_INTERCEPT_SKINIT,
};

/* And of a child besides. */
static const u8 child_intercepts[] = {
	VMCB_INTERCEPT_CR0_SELECTIVE,
	VMCB_INTERCEPT_RDPMC,
	VMCB_INTERCEPT_IO,
	VMCB_INTERCEPT_TASK_SWITCH,
	VMCB_INTERCEPT_MONITOR,
	VMCB_INTERCEPT_MWAIT,
	VMCB_INTERCEPT_XSETBV,
	VMCB_INTERCEPT_RDPRU,
	VMCB_INTERCEPT_INVLPGB,
	VMCB_INTERCEPT_MCOMMIT,
	VMCB_INTERCEPT_TLBSYNC,
};

static void intercept_all(struct vmcb *v, const u8 *rows, u32 count)
{
	for (u32 i = 0; i < count; i++)
		vmcb_intercept(v, (enum vmcb_intercept)rows[i], true);
}

/* Reads of CR8 come from V_TPR; writes exit, as more than V_TPR is to change. */
static void init_child(struct vmcb *v)
{
	intercept_all(v, child_intercepts, sizeof(child_intercepts));
	v->cr_writes = BIT(4) | BIT(8);
	v->io_map = maps_io().v;
	/* A child's IF and TPR hold no physical interrupt back (15.21.1). The root is
	 * without this: its interrupts exit when it could take them itself. */
	v->virtual_interrupt = VMCB_V_INTR_MASKING;
}

/* An ASID is of one processor: of another it has none yet. */
void vendor_moved(struct vp *vp)
{
	vmcb_of(vp)->host = svm_page(vp->cpu, SVM_PAGE_HOST_VMCB).v;
	vp_svm(vp)->asid = (struct asid){ 0 };
}

void vendor_vp_init(struct vp *vp)
{
	struct vmcb *v = vmcb_of(vp);

	arch_zero_page(v);
	*vp_svm(vp) = (struct vp_svm){ 0 };
	intercept_all(v, root_intercepts, sizeof(root_intercepts));
	if (!vp->is_root)
		init_child(v);
	v->msr_map = maps_msr(vp->is_root ? vp->cpu : NULL).v;
	vendor_moved(vp);
	v->host_cr0 = cr0_read();
	v->virtual_extras = features()->has_lbr ? VMCB_LBR : 0;
	/* For QEMU (arm). The clean bits stay 0: VMRUN loads everything (15.15). */
	v->dr_writes = BIT(7);
	v->nested_control = VMCB_NESTED_PAGING;
	v->nested_cr3 = vp->partition->space.arch.top.v;
	/* With nested paging a guest has a PAT of its own (15.25.8). */
	v->pat = PAT_RESET;
	v->dr7 = DR7_FIXED;
	v->efer = EFER_SVME;
	/* A VMCB made anew for a VP that is resident already has them from nobody else. */
	vendor_load_live(vp);
}

void vendor_vp_free(struct vp *vp)
{
	struct cpu_svm *c = cpu_svm(vp->cpu);

	if (c->last_run == vp)
		c->last_run = NULL;
}

void vendor_load(struct vp *vp)
{
	(void)vp;
}

/* All of it is in the VMCB, behind each exit. */
void vendor_let_go(struct vp *vp)
{
	vendor_vp_free(vp);
}

/* ---- An entry ---- */

/* AVIC is not used: each interrupt of a child is injected. */
bool vendor_delivers(struct vp *vp)
{
	(void)vp;
	return false;
}

/* V_IRQ with the highest priority and any TPR: it exits as IF lets it in (15.21.4). */
void run_set_window(struct vp *vp, bool waits)
{
	struct vmcb *v = vmcb_of(vp);
	u64 window = VMCB_V_IRQ | VMCB_V_IGNORE_TPR | VMCB_V_PRIORITY;

	vmcb_intercept(v, VMCB_INTERCEPT_VINTR, waits);
	if (waits)
		v->virtual_interrupt |= window;
	else
		v->virtual_interrupt &= ~window;
}

static void prepare_child(struct vp *vp, const struct vendor_entry *e)
{
	struct vmcb *v = vmcb_of(vp);

	v->exceptions = e->exceptions;
	/* QEMU has no other exit for INT3 and INTO (exits.c). */
	vmcb_intercept(v, VMCB_INTERCEPT_SOFTWARE,
	               e->exceptions & SOFTWARE_VECTORS);
	/* Its #DB does not exit as one (15.9): asked for are those of the parent alone. */
	vmcb_intercept(v, VMCB_INTERCEPT_INT1,
	               vp->partition->exceptions & BIT(VECTOR_DB));
	/* The child's CR8 reads come from there, and TPR may have come by the APIC. */
	v->virtual_interrupt &= ~VMCB_V_TPR;
	v->virtual_interrupt |= lapic_cr8(vp);
}

/*
 * An NMI that is injected blocks those of the processor, up to IRET (15.20): no kick would
 * end the run, and a guest may stay in its handler for ever.
 */
static bool masks_nmis(struct vp *vp)
{
	const struct vmcb *v = vmcb_of(vp);

	return cpus_count() > 1 &&
	       (vp_svm(vp)->nmi_blocked ||
	        ((v->event & EVENT_VALID) &&
	         (v->event & EVENT_TYPE) == EVENT_TYPE_NMI));
}

/*
 * There is no window for an NMI. An interrupt of ours that waits already ends the run
 * right behind the event of this entry. In a shadow it may end it before anything is
 * executed (in QEMU 10 it does), again and again: the window of interrupts opens behind
 * that, if IF is set, and else a run of a few instructions is the best there is.
 */
static void set_ends(struct vp *vp, const struct vendor_entry *e)
{
	const struct vmcb *v = vmcb_of(vp);
	bool nmi = e->wait_nmi && !vp_svm(vp)->nmi_blocked;
	bool shadow = nmi && (v->interrupt_shadow & VMCB_SHADOW) &&
	              !vendor_peek(vp, VENDOR_OCCUPIED);
	u64 ticks = shadow ? SHADOW_TICKS : 0;
	u64 reach = arch_facts()->tsc_hz / 1000000 * REACH_MICROSECONDS;
	bool timed;

	if (!vp->is_root)
		run_set_window(vp, e->wait_interrupt || shadow);
	if (!nmi || (e->timed && e->ticks < ticks))
		ticks = e->ticks;
	timed = e->timed || nmi;
	if (masks_nmis(vp) && (!timed || ticks > reach)) {
		timed = true;
		ticks = reach;
	}
	timer_set(timed, ticks);
}

void vendor_prepare(struct vp *vp, const struct vendor_entry *e)
{
	/* Before the root's interrupt, which then finds EVENTINJ taken and waits. */
	events_inject_debug(vp);
	if (vp->is_root) {
		interrupt_give(vp);
		vmcb_intercept(vmcb_of(vp), VMCB_INTERCEPT_MWAIT,
		               e->mwait_exits);
	} else {
		prepare_child(vp, e);
	}
	set_ends(vp, e);
	cpu_svm(vp->cpu)->timed = e->timed;
	/* An event ends the halt: it would not be delivered to who is not entered. */
	vp_svm(vp)->halted = e->halted && !vendor_peek(vp, VENDOR_OCCUPIED);
}

/*
 * QEMU 7.2 has the breakpoints of the last MOV to DR7. With that of the guest just before,
 * VMRUN changes nothing. A processor discards what is hit with GIF clear (15.17). GD would
 * be of our own next MOV: QEMU 10 gives DR7 back at the exit, and clears its enables alone.
 */
static void arm(const struct vmcb *v)
{
	if (v->dr7 & DR7_ENABLES)
		dr7_write(v->dr7 & ~DR7_GD);
}

void run_disarm(const struct vmcb *v)
{
	if (v->dr7 & DR7_ENABLES)
		dr7_write(DR7_FIXED);
}

static void set_asid(struct vp *vp, struct vmcb *v)
{
	struct asid *a = &vp_svm(vp)->asid;

	v->tlb_control = asid_choose(&cpu_svm(arch_this_cpu())->asids, a,
	                             run_changes(), features()->asids,
	                             features()->has_flush_asid);
	v->asid = a->number;
}

/* Up to when somebody does not halt any more. */
__attribute__((noinline)) static struct vp *halt(struct vp *vp)
{
	struct cpu *cpu = arch_this_cpu();

	do {
		enum sched_event event =
			interrupt_halt(vp, cpu_svm(cpu)->timed);

		sched_exited(cpu, arch_tsc());
		vp = enter_next(cpu, event);
	} while (vp_svm(vp)->halted);
	return vp;
}

/* Behind all that injects, or moves RIP: they take both as they are. */
__attribute__((noinline)) static void enter_event(struct vp *vp)
{
	events_enter(vp);
	virtual_enter(vp);
}

struct vm_entry run_entry(struct vp *vp)
{
	struct vmcb *v;
	struct cpu *cpu;

	if (vp_svm(vp)->halted)
		vp = halt(vp);
	/* Not before: behind a halt another VP may be the one. */
	v = vmcb_of(vp);
	v->rax = vp->state.gpr[VP_RAX];
	v->rsp = vp->state.gpr[VP_RSP];
	set_asid(vp, v);
	set_ratio_of(vp);
	vp_svm(vp)->dr6 = v->dr6;
	vp_svm(vp)->dr7 = v->dr7;
	if (v->event & EVENT_VALID)
		enter_event(vp);
	cpu = arch_this_cpu();
	cpu_svm(cpu)->last_run = vp;
	arm(v);
	tally_enter(vp);
	machine_give(cpu);
	return (struct vm_entry){ vp, arch_page_hpa(v) };
}

/* MOV to CR3 or CR4 is all that it is known for. */
bool run_was_refused_inside(struct vp *vp)
{
	u8 bytes[4] = { 0 };
	struct vp_svm *a = vp_svm(vp);

	if (a->refused_gp || !cpu_arch(vp->cpu)->started)
		return false;
	/* The guest may have run: what was cached before the entry may be old.
	 * What the fetch captures goes too: events_exited is yet to change the VMCB. */
	vp->cached = VP_PART_OURS;
	gva_fetch(vp, bytes, sizeof(bytes));
	vp->cached = VP_PART_OURS;
	return bytes[0] == 0x0f && bytes[1] == 0x22;
}

/* ---- Nested page tables ---- */

u64 run_changes(void)
{
	return __atomic_load_n(&changes, __ATOMIC_ACQUIRE);
}

void vendor_space_changed(struct arch_space *space, hpa_t led_to)
{
	(void)led_to;
	space->stale = true;
}

/* Whoever is entered next is flushed: which VPs run in the space is not looked up. */
void vendor_space_flush(struct arch_space *space)
{
	__atomic_add_fetch(&changes, 1, __ATOMIC_RELEASE);
	space->stale = false;
	kick_space(space);
	tally_space_flushed(space);
}

/* The MTRRs apply to what the tables lead to: they have no types (15.25.8). */
u64 vendor_leaf(u32 rights, u32 type)
{
	(void)type;
	return npt_leaf(rights);
}

u64 vendor_table(void)
{
	return npt_table();
}

u32 vendor_rights(u64 entry)
{
	return npt_rights(entry);
}

bool vendor_has_gigabyte_pages(void)
{
	return features()->has_gigabyte_pages;
}

/* Of any range it is one type, so that no large page is split for an MTRR. */
bool vendor_memory_type(u64 base, u64 size, u32 *type)
{
	(void)base;
	(void)size;
	*type = MEMORY_WB;
	return true;
}
