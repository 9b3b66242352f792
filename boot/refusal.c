/*
 * One row for each way in which a launch can be refused: what is wrong, what
 * to do about it, and the status for whoever started us. Here are those that have
 * nothing to do with how the processor runs guests; the others are its vendor's.
 */
#include "boot/refusal.h"

#include <efi.h>
#include <efilib.h>

#include "boot/machine.h"
#include "boot/vendor.h"

static const struct vendor_refusal refusals[VENDOR_REFUSALS] = {
	[HANDOFF_FIVE_LEVEL] = {
		.status = EFI_UNSUPPORTED,
		.text = "the firmware uses five-level paging (CR4.LA57); "
			"switch it off in its setup",
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
	[HANDOFF_BAD_HANDOFF] = {
		.status = EFI_INCOMPATIBLE_VERSION,
		.text = "loader and hypervisor do not fit together; "
			"build both again",
	},
};

/* A result that no row has is of an image that is newer than we are, or older. */
static const struct vendor_refusal *find(enum handoff_result result)
{
	const struct vendor_refusal *own = vendor_here()->refusals;

	if (result < VENDOR_REFUSALS && own[result].text)
		return &own[result];
	if (result < VENDOR_REFUSALS && refusals[result].text)
		return &refusals[result];
	return &refusals[HANDOFF_BAD_HANDOFF];
}

/* The same absence has other reasons where there is no bare processor. */
static const char *text_of(const struct vendor_refusal *r)
{
	struct hypervisor below;

	if (!r->below)
		return r->text;
	machine_find_hypervisor(&below);
	return below.leaf_max ? r->below : r->text;
}

static void print_reason(const char *what, enum handoff_result result,
                         u64 detail)
{
	const struct vendor_refusal *r = find(result);
	const char *text = text_of(r);

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

	for (result = HANDOFF_OK + 1; result < VENDOR_REFUSALS; result++) {
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
