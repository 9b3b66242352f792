/*
 * One row for each way in which a launch can be refused: what is wrong, what
 * to do about it, and the status for whoever started us.
 */
#include "boot/refusal.h"

#include <efi.h>
#include <efilib.h>

#include "boot/machine.h"

static const struct refusal {
	EFI_STATUS status;
	bool has_detail;
	bool lacks; /* something that has a name among the findings */
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
	[HANDOFF_FIVE_LEVEL] = {
		.status = EFI_UNSUPPORTED,
		.text = "the firmware uses five-level paging (CR4.LA57); "
			"switch it off in its setup",
	},
	[HANDOFF_VMX_IN_USE] = {
		.status = EFI_ALREADY_STARTED,
		.text = "something else uses VT-x already (CR4.VMXE is set); "
			"start Stasis before it",
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

/* The same absence has other reasons where there is no bare processor. */
static const char *why_no_vtx(const char *text)
{
	struct hypervisor below;

	machine_find_hypervisor(&below);
	if (!below.leaf_max)
		return text;
	return "the hypervisor that this machine runs on shows no VT-x; "
	       "switch nested virtualization on, or use Bochs";
}

static const struct refusal *find(enum handoff_result result)
{
	if (result < ARRAY_LEN(refusals) && refusals[result].text)
		return &refusals[result];
	return &refusals[HANDOFF_BAD_HANDOFF];
}

static void print_reason(const char *what, enum handoff_result result,
                         u64 detail)
{
	const struct refusal *r = find(result);
	const char *text = r->text;

	if (result == HANDOFF_NO_VTX)
		text = why_no_vtx(text);
	if (r->has_detail)
		Print(L"stasis: %a: %a (detail 0x%lx)\n", what, text, detail);
	else
		Print(L"stasis: %a: %a\n", what, text);
}

static void print_lacking(const struct handoff_findings *findings)
{
	for (u32 i = 0; i < findings->count; i++) {
		const struct handoff_finding *f = &findings->rows[i];

		if (f->required && !f->present)
			Print(L"stasis: it lacks '%a' (%a bit %d)\n",
			      (const char *)f->name, (const char *)f->msr_name,
			      f->bit);
	}
}

EFI_STATUS refusal_print(enum handoff_result result, u64 detail,
                         const struct handoff_findings *findings)
{
	print_reason("not started", result, detail);
	if (find(result)->lacks && findings)
		print_lacking(findings);
	return find(result)->status;
}

EFI_STATUS refusal_print_all(const char *what,
                             const struct handoff_findings *findings)
{
	enum handoff_result result;
	EFI_STATUS status = EFI_SUCCESS;
	bool lacks = false;

	for (result = HANDOFF_NO_VTX; result < ARRAY_LEN(refusals); result++) {
		if (!(findings->refusals & 1u << result))
			continue;
		print_reason(what, result, 0);
		status = find(result)->status;
		lacks = lacks || find(result)->lacks;
	}
	if (lacks)
		print_lacking(findings);
	return status;
}
