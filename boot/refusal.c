/*
 * One row for each way in which a launch can be refused: what is wrong, what
 * to do about it, and the status for whoever started us.
 */
#include <efi.h>
#include <efilib.h>

#include "boot/refusal.h"

static const struct refusal {
	EFI_STATUS status;
	bool has_detail;
	const char *text;
} refusals[] = {
	[HANDOFF_NO_VTX] = {
		.status = EFI_UNSUPPORTED,
		.text = "this processor has no VT-x, or it is hidden; "
			"use a machine that has it, or Bochs",
	},
	[HANDOFF_LOCKED_OFF] = {
		.status = EFI_UNSUPPORTED,
		.text = "VT-x is locked off; enable it in the firmware setup",
	},
	[HANDOFF_NO_EPT] = {
		.status = EFI_UNSUPPORTED,
		.text = "this processor lacks the extended page tables that "
			"we need; use a newer one",
	},
	[HANDOFF_NO_UNRESTRICTED] = {
		.status = EFI_UNSUPPORTED,
		.text = "this processor has no unrestricted guest mode; "
			"use a newer one",
	},
	[HANDOFF_MISSING_CONTROL] = {
		.status = EFI_UNSUPPORTED,
		.has_detail = true,
		.text = "this processor lacks a VMX control; use a newer one",
	},
	[HANDOFF_NOT_EXECUTABLE] = {
		.status = EFI_UNSUPPORTED,
		.text = "the firmware does not map reserved memory; "
			"please report this",
	},
	[HANDOFF_RUNNING] = {
		.status = EFI_ALREADY_STARTED,
		.text = "Stasis runs already; restart the machine first",
	},
	[HANDOFF_NO_MEMORY] = {
		.status = EFI_OUT_OF_RESOURCES,
		.has_detail = true,
		.text = "the reserved memory is too small; "
			"give more with mem=MiB",
	},
	[HANDOFF_VMX_FAILED] = {
		.status = EFI_DEVICE_ERROR,
		.has_detail = true,
		.text = "the processor refused to enter VMX operation; "
			"please report this",
	},
	[HANDOFF_BAD_HANDOFF] = {
		.status = EFI_INCOMPATIBLE_VERSION,
		.text = "loader and hypervisor do not fit together; "
			"build both again",
	},
};

EFI_STATUS refusal_print(enum handoff_result result, u64 detail)
{
	const struct refusal *r = &refusals[HANDOFF_BAD_HANDOFF];

	if (result < ARRAY_LEN(refusals) && refusals[result].text)
		r = &refusals[result];
	if (r->has_detail)
		Print(L"stasis: not started: %a (detail 0x%lx)\n", r->text,
		      detail);
	else
		Print(L"stasis: not started: %a\n", r->text);
	return r->status;
}
