/*
 * VT-x, in the words of refusals and of the check.
 */
#include <efi.h>
#include <efilib.h>

#include "boot/vendor.h"
#include "include/x86.h"
#include "include/x86_msr.h"

/* No row of controls: the processor was not asked, as it has no VT-x. */
static void print(const struct handoff_findings *findings)
{
	u64 control = findings->feature_control;
	const char *what = "open; Stasis would lock it with VT-x on";

	if (!findings->count) {
		Print(L"VT-x:       none\n");
		return;
	}
	if (control & FEATURE_CONTROL_LOCK)
		what = control & FEATURE_CONTROL_VMX ? "locked with VT-x on"
		                                     : "locked with VT-x off";
	Print(L"VT-x:       IA32_FEATURE_CONTROL 0x%lx: %a\n", control, what);
}

/* image.asm */
extern const u8 image_vmx_start[], image_vmx_end[];

const struct vendor vendor_vtx = {
	.name = "VT-x",
	.leaf = 1,
	.reg = ECX,
	.bit = CPUID_1_ECX_VMX,
	.lock_msr = MSR_IA32_FEATURE_CONTROL,
	.image = image_vmx_start,
	.image_end = image_vmx_end,
	.print = print,
	.refusals = {
		[HANDOFF_NO_VTX] = {
			.status = EFI_UNSUPPORTED,
			.text = "this processor has no VT-x, or it is hidden; "
				"use a machine that has it, or Bochs",
			.below = "the hypervisor that this machine runs on shows no "
				 "VT-x; switch nested virtualization on, or use Bochs",
		},
		[HANDOFF_LOCKED_OFF] = {
			.status = EFI_UNSUPPORTED,
			.text = "VT-x is locked off; enable it in the firmware setup",
		},
		[HANDOFF_NO_EPT] = {
			.status = EFI_UNSUPPORTED,
			.lacks = true,
			.text = "this processor lacks the extended page tables that "
				"we need; use a newer one",
		},
		[HANDOFF_NO_UNRESTRICTED] = {
			.status = EFI_UNSUPPORTED,
			.lacks = true,
			.text = "this processor has no unrestricted guest mode; "
				"use a newer one",
		},
		[HANDOFF_MISSING_CONTROL] = {
			.status = EFI_UNSUPPORTED,
			.lacks = true,
			.text = "this processor lacks a VMX control; use a newer one",
		},
		[HANDOFF_VMX_IN_USE] = {
			.status = EFI_ALREADY_STARTED,
			.text = "something else uses VT-x already (CR4.VMXE is set); "
				"start Stasis before it",
		},
		[HANDOFF_ENTER_FAILED] = {
			.status = EFI_DEVICE_ERROR,
			.has_detail = true,
			.text = "the processor refused to enter VMX operation; "
				"please report this",
		},
	},
};
