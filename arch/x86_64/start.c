/*
 * From the call out of boot/ to the first VM entry, and back when it cannot be.
 */
#include "arch/x86_64/start.h"

#include "arch/x86_64/bitmaps.h"
#include "arch/x86_64/console.h"
#include "arch/x86_64/cpu_arch.h"
#include "arch/x86_64/enter.h"
#include "arch/x86_64/environment.h"
#include "arch/x86_64/facts.h"
#include "arch/x86_64/features.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/mtrr.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/processor.h"
#include "arch/x86_64/reset.h"
#include "arch/x86_64/symbols.h"
#include "arch/x86_64/tables.h"
#include "arch/x86_64/tally.h"
#include "arch/x86_64/trace_door.h"
#include "arch/x86_64/vmcs.h"
#include "arch/x86_64/vmx.h"
#include "arch/x86_64/xstate.h"
#include "hv/main.h"

/* Which instruction failed, in the high half of a refusal's detail. */
#define DETAIL_VMXON BIT(32)
#define DETAIL_ENTRY BIT(33)

_Noreturn void hv_return(u64 result, u64 firmware_rsp); /* entry.asm */

struct processor boot_processor;

static struct handoff *handoff; /* constant after start-up */

/* Locking VMX on is the one thing that cannot be undone: it comes last. */
static enum handoff_result vmx_enter(struct handoff *h, u8 *region)
{
	u64 control = msr_read(MSR_IA32_FEATURE_CONTROL);
	enum vmx_result result;

	*(u32 *)(void *)region = features()->revision;
	if (!(control & FEATURE_CONTROL_LOCK))
		msr_write(MSR_IA32_FEATURE_CONTROL,
		          control | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX);
	result = vmxon(arch_page_hpa(region));
	if (result == VMX_OK)
		return HANDOFF_OK;
	h->detail = DETAIL_VMXON | (u64)result;
	return HANDOFF_VMX_FAILED;
}

/* Memory for what the root has in XSAVE components that children have not. */
static enum handoff_result prepare_xstate(struct handoff *h, struct cpu *cpu)
{
	u64 pages = (xstate_room() + PAGE_SIZE - 1) / PAGE_SIZE;
	void *area = pages ? paging_early_pages(h, pages) : NULL;

	if (area)
		xstate_init(cpu, area);
	return pages && !area ? HANDOFF_NO_MEMORY : HANDOFF_OK;
}

/* What can be prepared while the firmware's environment is still there. */
static enum handoff_result prepare(struct handoff *h, struct cpu *cpu)
{
	enum handoff_result result = features_check(h);

	if (result != HANDOFF_OK || h->check)
		return result;
	cpu->self = cpu;
	console_init(h);
	reset_init(h);
	symbols_init(h);
	tally_begin(h->planted);
	mtrr_init();
	facts_init(h);
	bitmaps_init(cpu);
	tables_init(cpu);
	environment_save(cpu);
	result = prepare_xstate(h, cpu);
	return result == HANDOFF_OK ? paging_init(h, cpu) : result;
}

static _Noreturn void launch(struct cpu *cpu)
{
	struct vp *root = cpu->root;
	struct vm_entry entry;

	environment_capture(root);
	vmcs_init(root);
	trace_door_begin(&cpu_arch(cpu)->trace);
	entry = enter_next(cpu, SCHED_GO_ON);
	vm_enter(entry.vp, entry.launched);
}

u64 arch_start(struct handoff *h, u64 firmware_rsp)
{
	struct processor *here = &boot_processor;
	struct cpu *cpu = &here->cpu;
	enum handoff_result result;

	handoff = h;
	here->firmware.frame = firmware_rsp;
	result = prepare(h, cpu);
	if (result != HANDOFF_OK || h->check)
		return result;
	environment_enter(cpu);
	result = vmx_enter(h, here->vmxon);
	if (result == HANDOFF_OK) {
		result = hv_start(h, cpu);
		if (result == HANDOFF_OK)
			launch(cpu);
		vmcs_vmxoff();
	}
	environment_leave(cpu);
	return result;
}

void start_give_up(u64 detail)
{
	/* Behind environment_leave GS is the firmware's. */
	struct processor *here = processor_this();

	handoff->detail = DETAIL_ENTRY | (u32)detail;
	trace_end(&cpu_arch(&here->cpu)->trace);
	vmcs_vmxoff();
	environment_leave(&here->cpu);
	hv_return(HANDOFF_VMX_FAILED, here->firmware.frame);
}
