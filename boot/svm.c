/*
 * SVM, in the words of refusals and of the check.
 */
#include <efi.h>
#include <efilib.h>

#include "boot/vendor.h"
#include "include/x86.h"
#include "include/x86_msr.h"

/* No row of features: the processor was not asked, as it has no SVM. */
static void print(const struct handoff_findings *findings)
{
	u64 control = findings->feature_control;
	const char *what = "on";

	if (!findings->count) {
		Print(L"SVM:        none\n");
		return;
	}
	if (control & VM_CR_SVMDIS)
		what = control & VM_CR_LOCK ? "switched off, and locked"
		                            : "switched off";
	Print(L"SVM:        VM_CR 0x%lx: %a; %d ASIDs\n", control, what,
	      findings->asids);
}

/* image.asm */
extern const u8 image_svm_start[], image_svm_end[];

const struct vendor vendor_svm = {
	.name = "SVM",
	.leaf = CPUID_EXTENDED + 1,
	.reg = ECX,
	.bit = CPUID_80000001_ECX_SVM,
	.lock_msr = MSR_VM_CR,
	.image = image_svm_start,
	.image_end = image_svm_end,
	.print = print,
	.refusals = {
		[HANDOFF_NO_SVM] = {
			.status = EFI_UNSUPPORTED,
			.text = "this processor has no SVM, or the firmware hides it; "
				"enable SVM in its setup, use another machine, or QEMU",
			.below = "the hypervisor that this machine runs on shows no "
				 "SVM; switch nested virtualization on, or use QEMU",
		},
		[HANDOFF_SVM_OFF] = {
			.status = EFI_UNSUPPORTED,
			.text = "SVM is switched off (VM_CR.SVMDIS); enable it "
				"in the firmware setup ('SVM', 'virtualization')",
		},
		[HANDOFF_SVM_LOCKED] = {
			.status = EFI_UNSUPPORTED,
			.text = "the firmware has locked SVM off (VM_CR.LOCK); enable "
				"it in its setup, then switch the machine off and on",
		},
		[HANDOFF_FEW_ASIDS] = {
			.status = EFI_UNSUPPORTED,
			.text = "SVM has no ASID for a guest here (CPUID 8000000A EBX "
				"is below 2); please report this",
		},
		[HANDOFF_NO_NPT] = {
			.status = EFI_UNSUPPORTED,
			.lacks = true,
			.text = "this processor lacks the nested paging that we "
				"need; use a newer one",
		},
		[HANDOFF_NO_CRC32] = {
			.status = EFI_UNSUPPORTED,
			.text = "this processor lacks the CRC32 instruction (SSE4.2) "
				"that we need; use a newer one",
		},
		[HANDOFF_SVM_IN_USE] = {
			.status = EFI_ALREADY_STARTED,
			.text = "something else uses SVM already (EFER.SVME is "
				"set); start Stasis before it",
		},
		[HANDOFF_ENTER_FAILED] = {
			.status = EFI_DEVICE_ERROR,
			.has_detail = true,
			.text = "the processor refused VMRUN; please report this",
		},
	},
};
