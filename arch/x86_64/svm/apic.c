/*
 * In xAPIC mode the timer's registers have a page together with all others, so that each of
 * the root's accesses exits while the timer is watched. In x2APIC mode they alone do.
 */
#include "arch/x86_64/svm/apic.h"

#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/common/root_apic.h"
#include "arch/x86_64/common/root_msr.h"
#include "arch/x86_64/common/vendor.h"
#include "arch/x86_64/svm/svm_arch.h"
#include "hv/base/cpu.h"
#include "hv/base/log.h"
#include "hv/vp/partition.h"

#define SVR_BITS 0x13ffu /* that are not reserved (SDM 10.9) */

/* All else stays the root's: its EOIs, its priority, its IPIs go to the APIC itself. */
static const u16 watched[] = { LAPIC_SVR, LAPIC_LVT_TIMER, LAPIC_INITIAL_COUNT,
	                       LAPIC_CURRENT_COUNT, LAPIC_DIVIDE };

/* What software that switches its APIC off finds masked besides (SDM 10.4.7.2). */
static const u16 entries[] = { LAPIC_LVT_THERMAL, LAPIC_LVT_PERF,
	                       LAPIC_LVT_LINT0, LAPIC_LVT_LINT1,
	                       LAPIC_LVT_ERROR };

/* The root has switched it off by SVR, or so it seems to it. */
static bool is_off(void)
{
	return timer_is_owned() && cpu_svm(arch_this_cpu())->apic_off;
}

static void set_off(bool off)
{
	cpu_svm(arch_this_cpu())->apic_off = off;
}

bool apic_is_on(void)
{
	return (apic_base() & LAPIC_BASE_ENABLE) &&
	       (apic_read(LAPIC_SVR) & LAPIC_SVR_ENABLE);
}

/* 32 vectors a register, which are 16 bytes apart. */
bool apic_has(u32 set, u8 vector)
{
	return apic_read(set + vector / 32u * 16) >> vector % 32 & 1;
}

/* ---- The page ---- */

bool apic_watch(void)
{
	struct cpu *cpu = arch_this_cpu();

	if (!(apic_base() & LAPIC_BASE_ENABLE))
		return false;
	/* Both modes at once: the root may go over to x2APIC mode later. If memory
	 * lacks, MSRs that exit for nothing do no harm: the timer is not owned then. */
	for (u32 i = 0; i < ARRAY_LEN(watched); i++)
		vendor_msr_exits(cpu, LAPIC_MSR(watched[i]), true, true);
	vendor_msr_exits(cpu, MSR_IA32_TSC_DEADLINE, true, true);
	if (!root_apic_hide(apic_base()))
		return false;
	/* INIT leaves it so. That has masked all its entries, and they stay as they are. */
	set_off(!apic_is_on());
	apic_write(LAPIC_SVR, apic_read(LAPIC_SVR) | (u32)LAPIC_SVR_ENABLE);
	return true;
}

/*
 * The mode or the place may be another, or a large page has come to lie over a place
 * above 4 GiB, where holes are. Without the memory to hide it we do without the timer.
 */
void apic_watch_again(void)
{
	bool off = is_off();

	if (!timer_is_owned() || root_apic_hide(apic_base()))
		return;
	log_line("root: no memory to watch its APIC at %x", apic_base());
	timer_end();
	if (off)
		apic_write(LAPIC_SVR,
		           apic_read(LAPIC_SVR) & ~(u32)LAPIC_SVR_ENABLE);
}

/* The registers go on as they are, at another place or by other means (SDM 10.12.5). */
static void base_written(void)
{
	if (apic_base() & LAPIC_BASE_ENABLE) {
		apic_watch_again();
		return;
	}
	timer_lose();
	set_off(false);
}

void apic_tsc_moved(u64 old, u64 offset)
{
	/* For a deadline that is the processor's; it has the accesses exit as it needs. */
	root_msr_offset_changed(old, offset);
	if (!timer_is_owned())
		return;
	vendor_msr_exits(arch_this_cpu(), MSR_IA32_TSC_DEADLINE, true, true);
	timer_move(old, offset);
}

/* ---- The root's accesses ---- */

/*
 * An APIC that is off by SVR would have no timer for us either, and a child no end: it
 * stays on, with all its entries masked.
 */
static void write_svr(u32 value)
{
	set_off(!(value & (u32)LAPIC_SVR_ENABLE));
	apic_write(LAPIC_SVR, value | (u32)LAPIC_SVR_ENABLE);
	if (!is_off())
		return;
	timer_write(LAPIC_LVT_TIMER,
	            timer_read(LAPIC_LVT_TIMER) | (u32)LAPIC_LVT_MASKED);
	for (u32 i = 0; i < ARRAY_LEN(entries); i++)
		apic_write(entries[i],
		           apic_read(entries[i]) | (u32)LAPIC_LVT_MASKED);
}

void vendor_timer_reset(void)
{
	timer_lose();
	set_off(false);
	/* Taken for a program that INIT has ended. */
	cpu_svm(arch_this_cpu())->kept = 0;
}

bool vendor_apic_watches(void)
{
	return timer_is_owned();
}

u32 vendor_apic_read(u32 offset)
{
	u32 value = timer_has(offset) ? timer_read(offset) : apic_read(offset);

	return offset == LAPIC_SVR && is_off() ? value & ~(u32)LAPIC_SVR_ENABLE
	                                       : value;
}

void vendor_apic_write(u32 offset, u32 value)
{
	/* Nobody unmasks an entry of an APIC that is off. */
	if (is_off() && offset >= LAPIC_LVT_TIMER && offset <= LAPIC_LVT_ERROR)
		value |= (u32)LAPIC_LVT_MASKED;
	if (offset == LAPIC_SVR)
		write_svr(value);
	else if (timer_has(offset))
		timer_write(offset, value);
	else
		apic_write(offset, value);
}

/* An MSR of x2APIC mode stands for 16 bytes of the page. In the other it is #GP. */
static bool is_watched(u32 msr)
{
	if (!timer_is_owned() || !(apic_base() & LAPIC_BASE_X2APIC))
		return false;
	for (u32 i = 0; i < ARRAY_LEN(watched); i++)
		if (msr == LAPIC_MSR(watched[i]))
			return true;
	return false;
}

/* Reserved bits, and what is only read (SDM 10.12.1.2). */
static bool takes(u32 offset, u64 value)
{
	return timer_has(offset) ? timer_takes(offset, value)
	                         : !(value & ~(u64)SVR_BITS);
}

bool apic_read_msr(struct vp *root, u32 msr, u64 *value)
{
	if (msr == MSR_IA32_TSC_DEADLINE && timer_has_deadline())
		*value = timer_deadline(root->state.tsc_offset);
	else if (is_watched(msr))
		*value = vendor_apic_read((msr - MSR_IA32_X2APIC) * 16);
	else
		return false;
	return true;
}

bool apic_write_msr(struct exit *x, u32 msr, u64 value,
                    enum exit_outcome *outcome)
{
	u32 offset = (msr - MSR_IA32_X2APIC) * 16;

	*outcome = EXIT_SKIP;
	if (msr == MSR_IA32_APIC_BASE) {
		*outcome = exits_wrmsr(x);
		base_written();
	} else if (msr == MSR_IA32_TSC_DEADLINE && timer_has_deadline()) {
		timer_set_deadline(value, x->vp->state.tsc_offset);
	} else if (!is_watched(msr)) {
		return false;
	} else if (takes(offset, value)) {
		vendor_apic_write(offset, (u32)value);
	} else {
		*outcome = EXIT_FAULT_GP;
	}
	return true;
}
