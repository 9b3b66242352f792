/*
 * From the call out of boot/ to the first VM entry, and back when it cannot be.
 */
#include "arch/x86_64/common/start.h"

#include "arch/x86_64/common/child_msr.h"
#include "arch/x86_64/common/console.h"
#include "arch/x86_64/common/cpu_arch.h"
#include "arch/x86_64/common/enter.h"
#include "arch/x86_64/common/environment.h"
#include "arch/x86_64/common/facts.h"
#include "arch/x86_64/common/paging.h"
#include "arch/x86_64/common/processor.h"
#include "arch/x86_64/common/reset.h"
#include "arch/x86_64/common/root_msr.h"
#include "arch/x86_64/common/symbols.h"
#include "arch/x86_64/common/tables.h"
#include "arch/x86_64/common/tally.h"
#include "arch/x86_64/common/vendor.h"
#include "arch/x86_64/common/xstate.h"
#include "hv/main.h"

/* What failed, in the high half of a refusal's detail; bit 32 is the vendor's. */
#define DETAIL_ENTRY BIT(33)

_Noreturn void hv_return(u64 result, u64 firmware_rsp); /* entry.asm */

struct processor boot_processor;

static struct handoff *handoff; /* constant after start-up */

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
	enum handoff_result result = vendor_find(h);

	if (result != HANDOFF_OK || h->check)
		return result;
	cpu->self = cpu;
	cpu->counters = &processor_of(cpu)->counters;
	console_init(h);
	reset_init(h);
	symbols_init(h);
	tally_begin(h->planted);
	facts_init(h);
	child_msr_init();
	root_msr_init(cpu);
	tables_init(cpu);
	environment_save(cpu);
	result = prepare_xstate(h, cpu);
	return result == HANDOFF_OK ? paging_init(h, cpu) : result;
}

static _Noreturn void launch(struct cpu *cpu)
{
	struct vp *root = cpu->root;

	environment_capture(root);
	arch_vp_init(root);
	vendor_run(enter_next(cpu, SCHED_GO_ON));
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
	result = vendor_begin(h);
	if (result == HANDOFF_OK) {
		result = hv_start(h, cpu);
		if (result == HANDOFF_OK)
			launch(cpu);
		vendor_end();
	}
	environment_leave(cpu);
	return result;
}

void start_give_up(u64 detail)
{
	/* Behind environment_leave GS is the firmware's. */
	struct processor *here = processor_this();

	handoff->detail = DETAIL_ENTRY | (u32)detail;
	vendor_end();
	environment_leave(&here->cpu);
	hv_return(HANDOFF_ENTER_FAILED, here->firmware.frame);
}
