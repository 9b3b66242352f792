/*
 * Encodings of the VMCS fields (SDM appendix B) that we use, by their width
 * and area, and the functions that read and write them.
 */
#ifndef ARCH_VMCS_H
#define ARCH_VMCS_H

#include "arch/x86_64/common/tally.h"
#include "arch/x86_64/vmx/vmx_arch.h"
#include "hv/base/check.h"
#include "include/types.h"

struct vp;

enum vmcs_field {
	/* 16-bit: control, guest, host */
	VMCS_VPID = 0x0000,
	VMCS_GUEST_INTERRUPT_STATUS = 0x0810, /* RVI, SVI */
	VMCS_GUEST_ES_SELECTOR = 0x0800, /* CS SS DS FS GS LDTR TR follow */
	VMCS_HOST_ES_SELECTOR = 0x0c00,
	VMCS_HOST_CS_SELECTOR = 0x0c02,
	VMCS_HOST_SS_SELECTOR = 0x0c04,
	VMCS_HOST_DS_SELECTOR = 0x0c06,
	VMCS_HOST_FS_SELECTOR = 0x0c08,
	VMCS_HOST_GS_SELECTOR = 0x0c0a,
	VMCS_HOST_TR_SELECTOR = 0x0c0c,

	/* 64-bit: control, read-only, guest, host */
	VMCS_MSR_BITMAP = 0x2004,
	VMCS_EXIT_MSR_STORE_ADDRESS = 0x2006,
	VMCS_EXIT_MSR_LOAD_ADDRESS = 0x2008,
	VMCS_ENTRY_MSR_LOAD_ADDRESS = 0x200a,
	VMCS_TSC_OFFSET = 0x2010,
	VMCS_VIRTUAL_APIC = 0x2012,
	VMCS_EPTP = 0x201a,
	VMCS_EOI_EXIT0 = 0x201c, /* 1 to 3 follow, 64 vectors each */
	VMCS_XSS_EXITING_BITMAP = 0x202c,
	VMCS_TSC_MULTIPLIER = 0x2032,
	VMCS_GUEST_PHYSICAL_ADDRESS = 0x2400,
	VMCS_LINK_POINTER = 0x2800,
	VMCS_GUEST_DEBUGCTL = 0x2802,
	VMCS_GUEST_PAT = 0x2804,
	VMCS_GUEST_EFER = 0x2806,
	VMCS_GUEST_PDPTE0 = 0x280a, /* 1 to 3 follow */
	VMCS_HOST_PAT = 0x2c00,
	VMCS_HOST_EFER = 0x2c02,

	/* 32-bit: control */
	VMCS_PIN_CONTROLS = 0x4000,
	VMCS_PROC_CONTROLS = 0x4002,
	VMCS_EXCEPTION_BITMAP = 0x4004,
	VMCS_PAGE_FAULT_ERROR_MASK = 0x4006,
	VMCS_PAGE_FAULT_ERROR_MATCH = 0x4008,
	VMCS_CR3_TARGET_COUNT = 0x400a,
	VMCS_EXIT_CONTROLS = 0x400c,
	VMCS_EXIT_MSR_STORE_COUNT = 0x400e,
	VMCS_EXIT_MSR_LOAD_COUNT = 0x4010,
	VMCS_ENTRY_CONTROLS = 0x4012,
	VMCS_ENTRY_MSR_LOAD_COUNT = 0x4014,
	VMCS_ENTRY_EVENT = 0x4016, /* interruption information */
	VMCS_ENTRY_ERROR = 0x4018,
	VMCS_ENTRY_INSTRUCTION_LENGTH = 0x401a,
	VMCS_TPR_THRESHOLD = 0x401c,
	VMCS_PROC2_CONTROLS = 0x401e,

	/* 32-bit: read-only */
	VMCS_INSTRUCTION_ERROR = 0x4400,
	VMCS_EXIT_REASON = 0x4402,
	VMCS_EXIT_EVENT = 0x4404, /* interruption information */
	VMCS_EXIT_ERROR = 0x4406,
	VMCS_IDT_VECTORING_EVENT = 0x4408,
	VMCS_IDT_VECTORING_ERROR = 0x440a,
	VMCS_EXIT_INSTRUCTION_LENGTH = 0x440c,

	/* 32-bit: guest, host */
	VMCS_GUEST_ES_LIMIT = 0x4800, /* CS SS DS FS GS LDTR TR follow */
	VMCS_GUEST_GDTR_LIMIT = 0x4810,
	VMCS_GUEST_IDTR_LIMIT = 0x4812,
	VMCS_GUEST_ES_RIGHTS = 0x4814, /* CS SS DS FS GS LDTR TR follow */
	VMCS_GUEST_CS_RIGHTS = 0x4816,
	VMCS_GUEST_SS_RIGHTS = 0x4818,
	VMCS_GUEST_INTERRUPTIBILITY = 0x4824,
	VMCS_GUEST_ACTIVITY = 0x4826,
	VMCS_GUEST_SYSENTER_CS = 0x482a,
	VMCS_TIMER = 0x482e,
	VMCS_HOST_SYSENTER_CS = 0x4c00,

	/* Natural width: control, read-only */
	VMCS_CR0_MASK = 0x6000,
	VMCS_CR4_MASK = 0x6002,
	VMCS_CR0_SHADOW = 0x6004,
	VMCS_CR4_SHADOW = 0x6006,
	VMCS_EXIT_QUALIFICATION = 0x6400,
	VMCS_GUEST_LINEAR_ADDRESS = 0x640a,

	/* Natural width: guest, host */
	VMCS_GUEST_CR0 = 0x6800,
	VMCS_GUEST_CR3 = 0x6802,
	VMCS_GUEST_CR4 = 0x6804,
	VMCS_GUEST_ES_BASE = 0x6806, /* CS SS DS FS GS LDTR TR follow */
	VMCS_GUEST_GDTR_BASE = 0x6816,
	VMCS_GUEST_IDTR_BASE = 0x6818,
	VMCS_GUEST_DR7 = 0x681a,
	VMCS_GUEST_RSP = 0x681c,
	VMCS_GUEST_RIP = 0x681e,
	VMCS_GUEST_RFLAGS = 0x6820,
	VMCS_GUEST_PENDING_DEBUG = 0x6822,
	VMCS_GUEST_SYSENTER_ESP = 0x6824,
	VMCS_GUEST_SYSENTER_EIP = 0x6826,
	VMCS_HOST_CR0 = 0x6c00,
	VMCS_HOST_CR3 = 0x6c02,
	VMCS_HOST_CR4 = 0x6c04,
	VMCS_HOST_FS_BASE = 0x6c06,
	VMCS_HOST_GS_BASE = 0x6c08,
	VMCS_HOST_TR_BASE = 0x6c0a,
	VMCS_HOST_GDTR_BASE = 0x6c0c,
	VMCS_HOST_IDTR_BASE = 0x6c0e,
	VMCS_HOST_SYSENTER_ESP = 0x6c10,
	VMCS_HOST_SYSENTER_EIP = 0x6c12,
	VMCS_HOST_RSP = 0x6c14,
	VMCS_HOST_RIP = 0x6c16,
};

/*
 * Of the VMCS that is loaded. A field that is not there is our fault: CHECK.
 * In line: every exit reads a score of fields.
 */
static inline u64 vmcs_read(u64 field)
{
	bool failed;
	u64 value;

	tally_vmread(field);
	__asm__ volatile("vmread %2, %1"
	                 : "=@ccbe"(failed), "=r"(value)
	                 : "r"(field));
	CHECK(!failed);
	return value;
}

static inline void vmcs_write(u64 field, u64 value)
{
	bool failed;

	tally_vmwrite(field);
	__asm__ volatile("vmwrite %2, %1"
	                 : "=@ccbe"(failed)
	                 : "r"(field), "r"(value));
	CHECK(!failed);
}

/*
 * Switches bits of a control word, of which *present is a copy; the VMCS is
 * written only for a change.
 */
void vmcs_set_control(u32 field, u32 *present, u32 bits, bool on);

/* Makes vp's VMCS the loaded one. In line, as it mostly is that already. */
void vmcs_switch(struct vp *vp);

static inline void vmcs_load(struct vp *vp)
{
	if (cpu_vmx(arch_this_cpu())->loaded != vp)
		vmcs_switch(vp);
}

/* Makes a fresh VMCS of the VP's page, all but the guest state, loaded. */
void vmcs_init(struct vp *vp);

/* The processor gives vp's VMCS up, whatever it holds of it. */
void vmcs_release(struct vp *vp);

/*
 * Leaves VMX operation. What the processor still held of a VMCS might be
 * written back later, over whatever is in that memory then (SDM 24.11.1).
 */
void vmcs_vmxoff(void);

#endif
