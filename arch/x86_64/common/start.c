/*
 * From the call out of boot/ to the first VM entry, and back when it cannot be.
 */
#include "arch/x86_64/common/start.h"

#include "arch/x86_64/common/apic.h"
#include "arch/x86_64/common/child_msr.h"
#include "arch/x86_64/common/console.h"
#include "arch/x86_64/common/cpu_arch.h"
#include "arch/x86_64/common/enter.h"
#include "arch/x86_64/common/environment.h"
#include "arch/x86_64/common/facts.h"
#include "arch/x86_64/common/machine.h"
#include "arch/x86_64/common/paging.h"
#include "arch/x86_64/common/processor.h"
#include "arch/x86_64/common/reset.h"
#include "arch/x86_64/common/root_apic.h"
#include "arch/x86_64/common/root_msr.h"
#include "arch/x86_64/common/symbols.h"
#include "arch/x86_64/common/tables.h"
#include "arch/x86_64/common/tally.h"
#include "arch/x86_64/common/vendor.h"
#include "arch/x86_64/common/xstate.h"
#include "hv/base/cpus.h"
#include "hv/main.h"

/* What failed, in the high half of a refusal's detail; bit 32 is the vendor's. */
#define DETAIL_ENTRY BIT(33)

_Noreturn void hv_return(u64 result, u64 firmware_rsp); /* entry.asm */

struct processor boot_processor;
u8 *other_processors; /* constant after start-up */

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

/* The structures of all processors, of each what is not of its environment. */
static enum handoff_result prepare_processors(struct handoff *h)
{
	enum handoff_result result = HANDOFF_OK;
	u64 others = h->processors - 1;

	other_processors = paging_early_pages(
		h, others * (HANDOFF_PROCESSOR_BYTES / PAGE_SIZE));
	if (!other_processors)
		return HANDOFF_NO_MEMORY;
	for (u32 i = 0; i < h->processors && result == HANDOFF_OK; i++) {
		struct cpu *cpu = &processor_at(i)->cpu;

		cpu->self = cpu;
		cpu->index = i;
		cpu->counters = &processor_of(cpu)->counters;
		root_msr_init(cpu, h->processors);
		tables_init(cpu);
		result = prepare_xstate(h, cpu);
	}
	return result;
}

/* What can be prepared while the firmware's environment is still there. */
static enum handoff_result prepare(struct handoff *h)
{
	enum handoff_result result = vendor_find(h);

	if (result != HANDOFF_OK || h->check)
		return result;
	console_init(h);
	reset_init(h);
	symbols_init(h);
	tally_begin(h->planted);
	facts_init(h);
	child_msr_init();
	result = prepare_processors(h);
	if (result == HANDOFF_OK)
		result = paging_init(h);
	return result;
}

/* Behind it the vendor's mode is off, and the lock is not ours. */
static void end(void)
{
	machine_leave();
	vendor_end();
	tally_ended();
}

static _Noreturn void launch(struct cpu *cpu)
{
	struct vp *root = cpu->root;

	environment_capture(root);
	arch_vp_init(root);
	cpu_arch(cpu)->apic_id = apic_id();
	vendor_run(enter_next(cpu, SCHED_GO_ON));
}

u64 arch_start(struct handoff *h, u64 firmware_rsp)
{
	struct processor *here = &boot_processor;
	struct cpu *cpu = &here->cpu;
	enum handoff_result result;

	handoff = h;
	here->firmware.frame = firmware_rsp;
	result = prepare(h);
	if (result != HANDOFF_OK || h->check)
		return result;
	environment_save(cpu);
	environment_enter(cpu);
	result = vendor_begin(h);
	if (result == HANDOFF_OK) {
		machine_take(cpu);
		result = hv_start(h, cpu);
		if (result == HANDOFF_OK && !root_apic_begin(h->processors))
			result = HANDOFF_NO_MEMORY;
		if (result == HANDOFF_OK)
			launch(cpu);
		end();
	}
	environment_leave(cpu);
	return result;
}

/*
 * The root partition runs already, and has this processor in its hands: with the same
 * features as the first one's (boot/processors.c), and a root VP that finds room, what
 * can fail is the instruction that begins the vendor's mode.
 */
u64 arch_start_other(struct processor *here, u64 firmware_rsp)
{
	struct cpu *cpu = &here->cpu;
	enum handoff_result result;

	here->firmware.frame = firmware_rsp;
	environment_save(cpu);
	environment_enter(cpu);
	result = vendor_begin(handoff);
	if (result == HANDOFF_OK) {
		machine_take(cpu);
		result = hv_start_other(cpu);
		if (result == HANDOFF_OK)
			launch(cpu);
		end();
	}
	environment_leave(cpu);
	return result;
}

void start_give_up(u64 detail)
{
	/* Behind environment_leave GS is the firmware's. */
	struct processor *here = processor_this();

	handoff->detail = DETAIL_ENTRY | (u32)detail;
	cpus_remove(&here->cpu);
	end();
	environment_leave(&here->cpu);
	hv_return(HANDOFF_ENTER_FAILED, here->firmware.frame);
}
