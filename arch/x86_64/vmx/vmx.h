/*
 * VMX: control bits, exit reasons, structures, instructions (SDM volume 3,
 * chapters 24 to 30 and appendices A to C).
 */
#ifndef ARCH_VMX_H
#define ARCH_VMX_H

#include "arch/x86_64/common/event.h"
#include "arch/x86_64/common/tally.h"
#include "hv/base/addr.h"

/* ---- Capabilities (appendix A) ---- */

#define VMX_BASIC_REVISION 0x7fffffffu
#define VMX_BASIC_TYPE_SHIFT 50
#define VMX_BASIC_TRUE_CONTROLS BIT(55)
#define VMX_MISC_TIMER_RATE 0x1full
#define VMX_MISC_HLT_STATE BIT(6)
#define VMX_MISC_TRACE BIT(14) /* Intel PT works in VMX operation */

#define EPT_CAP_WALK_4 BIT(6)
#define EPT_CAP_WB BIT(14)
#define EPT_CAP_2M BIT(16)
#define EPT_CAP_1G BIT(17)
#define EPT_CAP_INVEPT BIT(20)
#define EPT_CAP_INVEPT_SINGLE BIT(25)
#define EPT_CAP_INVEPT_ALL BIT(26)
#define VPID_CAP_INVVPID BIT(32)
#define VPID_CAP_SINGLE BIT(41)
#define VPID_CAP_ALL BIT(42)

/* ---- Controls (24.6 to 24.8) ---- */

#define PIN_EXTERNAL_INTERRUPT BIT(0)
#define PIN_NMI BIT(3)
#define PIN_VIRTUAL_NMI BIT(5)
#define PIN_TIMER BIT(6)

#define PROC_INTERRUPT_WINDOW BIT(2)
#define PROC_TSC_OFFSET BIT(3)
#define PROC_HLT BIT(7)
#define PROC_MWAIT BIT(10)
#define PROC_RDPMC BIT(11)
#define PROC_CR8_LOAD BIT(19)
#define PROC_CR8_STORE BIT(20)
#define PROC_TPR_SHADOW BIT(21)
#define PROC_NMI_WINDOW BIT(22)
#define PROC_IO BIT(24)
#define PROC_MSR_BITMAPS BIT(28)
#define PROC_MONITOR BIT(29)
#define PROC_SECONDARY BIT(31)

#define PROC2_EPT BIT(1)
#define PROC2_RDTSCP BIT(3)
#define PROC2_X2APIC BIT(4)
#define PROC2_VPID BIT(5)
#define PROC2_UNRESTRICTED BIT(7)
#define PROC2_APIC_REGISTERS BIT(8)
#define PROC2_INTERRUPTS BIT(9) /* virtual-interrupt delivery */
#define PROC2_INVPCID BIT(12)
#define PROC2_XSAVES BIT(20)
#define PROC2_TSC_SCALING BIT(25)
#define PROC2_USER_WAIT BIT(26)

#define EXIT_CTL_SAVE_DEBUG BIT(2)
#define EXIT_CTL_HOST_64 BIT(9)
#define EXIT_CTL_SAVE_PAT BIT(18)
#define EXIT_CTL_LOAD_PAT BIT(19)
#define EXIT_CTL_SAVE_EFER BIT(20)
#define EXIT_CTL_LOAD_EFER BIT(21)

#define ENTRY_CTL_LOAD_DEBUG BIT(2)
#define ENTRY_CTL_IA32E BIT(9)
#define ENTRY_CTL_LOAD_PAT BIT(14)
#define ENTRY_CTL_LOAD_EFER BIT(15)

/* ---- Events (24.8.3, 24.9.2), beside event.h ---- */

#define EVENT_NMI_UNBLOCKED BIT(12) /* of an exit: by the faulting IRET */

#define INTERRUPTIBILITY_STI BIT(0)
#define INTERRUPTIBILITY_MOV_SS BIT(1)
#define INTERRUPTIBILITY_NMI BIT(3)

#define ACTIVITY_ACTIVE 0
#define ACTIVITY_HLT 1

/* Of the access rights that a VMCS keeps beside those of descriptors (24.4.1). */
#define RIGHTS_UNUSABLE BIT(16)

/* ---- Exits (appendix C) ---- */

#define VMX_EXIT_REASON 0xffffu
#define VMX_EXIT_ENTRY_FAILURE BIT(31)

enum vmx_exit {
	VMX_EXIT_EXCEPTION_NMI = 0,
	VMX_EXIT_EXTERNAL_INTERRUPT = 1,
	VMX_EXIT_TRIPLE_FAULT = 2,
	VMX_EXIT_INIT = 3,
	VMX_EXIT_INTERRUPT_WINDOW = 7,
	VMX_EXIT_NMI_WINDOW = 8,
	VMX_EXIT_TASK_SWITCH = 9,
	VMX_EXIT_CPUID = 10,
	VMX_EXIT_GETSEC = 11,
	VMX_EXIT_HLT = 12,
	VMX_EXIT_INVD = 13,
	VMX_EXIT_RDPMC = 15,
	VMX_EXIT_VMCALL = 18,
	VMX_EXIT_VMCLEAR = 19,
	VMX_EXIT_VMLAUNCH = 20,
	VMX_EXIT_VMPTRLD = 21,
	VMX_EXIT_VMPTRST = 22,
	VMX_EXIT_VMREAD = 23,
	VMX_EXIT_VMRESUME = 24,
	VMX_EXIT_VMWRITE = 25,
	VMX_EXIT_VMXOFF = 26,
	VMX_EXIT_VMXON = 27,
	VMX_EXIT_CR = 28,
	VMX_EXIT_IO = 30,
	VMX_EXIT_RDMSR = 31,
	VMX_EXIT_WRMSR = 32,
	VMX_EXIT_INVALID_GUEST_STATE = 33,
	VMX_EXIT_MWAIT = 36,
	VMX_EXIT_MONITOR = 39,
	VMX_EXIT_EOI = 45,
	VMX_EXIT_EPT_VIOLATION = 48,
	VMX_EXIT_EPT_MISCONFIGURATION = 49,
	VMX_EXIT_INVEPT = 50,
	VMX_EXIT_TIMER = 52,
	VMX_EXIT_INVVPID = 53,
	VMX_EXIT_XSETBV = 55,
	VMX_EXIT_APIC_WRITE = 56,
	VMX_EXIT_VMFUNC = 59,
	VMX_EXIT_XSAVES = 63,
	VMX_EXIT_XRSTORS = 64,
	VMX_EXITS = 80,
};

/* Qualification of EPT violations (table 27-7). */
#define EPT_VIOLATION_WRITE BIT(1)
#define EPT_VIOLATION_EXECUTE BIT(2)
#define EPT_VIOLATION_GVA_VALID BIT(7)
#define EPT_VIOLATION_FINAL BIT(8) /* else of the guest's page tables */
#define EPT_VIOLATION_NMI_UNBLOCKED BIT(12)

/* ---- Instructions (chapter 30) ---- */

/* CF: VMfailInvalid, ZF: VMfailValid with an error number in the VMCS. */
enum vmx_result { VMX_OK = 0, VMX_FAIL_INVALID = 1, VMX_FAIL_VALID = 2 };

#define VMX_RESULT(cf, zf) \
	((cf) ? VMX_FAIL_INVALID : (zf) ? VMX_FAIL_VALID : VMX_OK)

#define VMX_ON_PAGE(name)                                   \
	static inline enum vmx_result name(hpa_t page)      \
	{                                                   \
		bool cf, zf;                                \
                                                            \
		tally_##name(page);                         \
		__asm__ volatile(#name " %2"                \
		                 : "=@ccc"(cf), "=@ccz"(zf) \
		                 : "m"(page)                \
		                 : "memory");               \
		return VMX_RESULT(cf, zf);                  \
	}

VMX_ON_PAGE(vmxon)
VMX_ON_PAGE(vmclear)
VMX_ON_PAGE(vmptrld)

static inline void vmxoff(void)
{
	__asm__ volatile("vmxoff" : : : "cc", "memory");
}

static inline enum vmx_result vmread_safe(u64 field, u64 *value)
{
	bool cf, zf;

	tally_vmread(field);
	__asm__ volatile("vmread %3, %2"
	                 : "=@ccc"(cf), "=@ccz"(zf), "=r"(*value)
	                 : "r"(field));
	return VMX_RESULT(cf, zf);
}

/* Operand of INVEPT and INVVPID: EPTP or VPID, then zero. */
struct vmx_invalidation {
	u64 what;
	u64 zero;
};

#define VMX_INVALIDATE_SINGLE 1ull
#define VMX_INVALIDATE_ALL 2ull

static inline enum vmx_result invept(u64 type, struct vmx_invalidation operand)
{
	bool cf, zf;

	tally_invept(type, operand.what);
	__asm__ volatile("invept %3, %2"
	                 : "=@ccc"(cf), "=@ccz"(zf)
	                 : "r"(type), "m"(operand)
	                 : "memory");
	return VMX_RESULT(cf, zf);
}

static inline enum vmx_result invvpid(u64 type, struct vmx_invalidation operand)
{
	bool cf, zf;

	tally_invvpid(type, operand.what);
	__asm__ volatile("invvpid %3, %2"
	                 : "=@ccc"(cf), "=@ccz"(zf)
	                 : "r"(type), "m"(operand)
	                 : "memory");
	return VMX_RESULT(cf, zf);
}

#endif
