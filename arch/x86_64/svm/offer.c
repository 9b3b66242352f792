/*
 * The one table of SVM features: what we require, what we like to have.
 */
#include "arch/x86_64/svm/offer.h"

#include "arch/x86_64/svm/svm.h"
#include "include/x86.h"

#define LEAST_ASIDS 2u /* the host's, and one for whoever is entered */

#define FEATURES_NAME "CPUID 8000000A EDX"

/*
 * Not in it is what is not used: decode assists, as a MOV to a control register is so
 * rare that its bytes will do; VMCB clean bits, whose gain is small beside the chance
 * to forget one; AVIC, vGIF, virtual NMIs.
 */
static const struct row {
	u32 bit;
	bool required;
	const char *name; /* APM volume 3, E.4.9 */
} rows[] = {
	{ SVM_FEATURE_NPT, true, "nested paging" },
	{ SVM_FEATURE_LBR, false, "LBR virtualization" },
	{ SVM_FEATURE_NRIP, false, "NRIP save" },
	{ SVM_FEATURE_TSC_RATE, false, "TSC rate MSR" },
	{ SVM_FEATURE_FLUSH_ASID, false, "flush by ASID" },
};
_Static_assert(ARRAY_LEN(rows) <= HANDOFF_FINDINGS, "room in the hand-off");

static enum handoff_result find_features(const struct svm_offer *offer,
                                         struct handoff_findings *findings)
{
	enum handoff_result first = HANDOFF_OK;

	findings->count = ARRAY_LEN(rows);
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		bool present = offer->features & rows[i].bit;

		findings->rows[i] = (struct handoff_finding){
			.name = (u64)rows[i].name,
			.msr_name = (u64)FEATURES_NAME,
			.bit = (u8)__builtin_ctz(rows[i].bit),
			.required = rows[i].required,
			.present = present,
			.used = present,
		};
		if (present || !rows[i].required)
			continue;
		findings->refusals |= 1u << HANDOFF_NO_NPT;
		first = HANDOFF_NO_NPT;
	}
	return first;
}

enum handoff_result offer_check(const struct svm_offer *offer,
                                struct handoff_findings *findings)
{
	/* The first that applies is reported. Nested tables have as many levels as the
	 * host's paging (15.25), and ours have four: so LA57 is a reason. */
	const struct {
		bool applies;
		enum handoff_result refusal;
	} reasons[] = {
		{ !offer->has_svm, HANDOFF_NO_SVM },
		{ offer->cr4 & CR4_LA57, HANDOFF_FIVE_LEVEL },
		{ offer->vm_cr & VM_CR_SVMDIS, HANDOFF_SVM_OFF },
		{ offer->efer & EFER_SVME, HANDOFF_SVM_IN_USE },
		{ offer->has_svm && offer->asids < LEAST_ASIDS,
		  HANDOFF_NO_NPT },
		{ offer->has_svm, HANDOFF_OK }, /* then by what it lacks */
	};
	enum handoff_result first = HANDOFF_OK, refusal;

	*findings = (struct handoff_findings){ 0 };
	for (u32 i = 0; i < ARRAY_LEN(reasons); i++) {
		if (!reasons[i].applies)
			continue;
		refusal = reasons[i].refusal;
		if (refusal == HANDOFF_OK)
			refusal = find_features(offer, findings);
		else
			findings->refusals |= 1u << refusal;
		if (first == HANDOFF_OK)
			first = refusal;
	}
	return first;
}
