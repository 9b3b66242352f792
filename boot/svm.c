/*
 * SVM, in the words of refusals and of the check.
 */
#include <efi.h>
#include <efilib.h>

#include "boot/vendor.h"
#include "include/x86.h"

/* That the firmware has switched it off is a refusal, which has a line of its own. */
static void print(const struct handoff_findings *findings)
{
	Print(L"SVM:        %a\n", findings->count ? "there" : "none");
}

/* image.asm */
extern const u8 image_svm_start[], image_svm_end[];

const struct vendor vendor_svm = {
	.name = "SVM",
	.leaf = CPUID_EXTENDED + 1,
	.reg = ECX,
	.bit = CPUID_80000001_ECX_SVM,
	.image = image_svm_start,
	.image_end = image_svm_end,
	.print = print,
	.refusals = {
		[HANDOFF_NO_SVM] = {
			.status = EFI_UNSUPPORTED,
			.text = "this processor has no SVM, or it is hidden; "
				"use a machine that has it, or QEMU",
		},
		[HANDOFF_SVM_OFF] = {
			.status = EFI_UNSUPPORTED,
			.text = "SVM is switched off (VM_CR.SVMDIS); "
				"enable it in the firmware setup",
		},
		[HANDOFF_NO_NPT] = {
			.status = EFI_UNSUPPORTED,
			.lacks = true,
			.text = "this processor lacks the nested paging that we "
				"need; use a newer one",
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
