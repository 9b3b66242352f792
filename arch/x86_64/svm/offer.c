/*
 * The one table of SVM features: what we require, what we like to have.
 */
#include "arch/x86_64/svm/offer.h"

#include "arch/x86_64/svm/svm.h"
#include "include/x86.h"

#define LEAST_ASIDS 2u /* the host's, and one for whoever is entered */

/* Not only switched off: until the next reset nothing switches it on. */
#define VM_CR_OFF (VM_CR_SVMDIS | VM_CR_LOCK)

#define FEATURES_NAME "CPUID 8000000A EDX"

/* Why the last ones are not used is in docs/svm.md. */
enum need { REQUIRED, WANTED, UNUSED };

static const struct row {
	u32 bit;
	enum need need;
	const char *name; /* APM volume 3, E.4.9 */
} rows[] = {
	{ SVM_FEATURE_NPT, REQUIRED, "nested paging" },
	{ SVM_FEATURE_LBR, WANTED, "LBR virtualization" },
	{ SVM_FEATURE_NRIP, WANTED, "NRIP save" },
	{ SVM_FEATURE_TSC_RATE, WANTED, "TSC rate MSR" },
	{ SVM_FEATURE_FLUSH_ASID, WANTED, "flush by ASID" },
	{ SVM_FEATURE_CLEAN_BITS, UNUSED, "VMCB clean bits" },
	{ SVM_FEATURE_DECODE_ASSISTS, UNUSED, "decode assists" },
	{ SVM_FEATURE_AVIC, UNUSED, "AVIC" },
	{ SVM_FEATURE_VGIF, UNUSED, "virtual GIF" },
	{ SVM_FEATURE_VNMI, UNUSED, "virtual NMI" },
};
_Static_assert(ARRAY_LEN(rows) <= HANDOFF_FINDINGS, "room in the hand-off");

static enum handoff_result find_features(const struct svm_offer *offer,
                                         struct handoff_findings *findings)
{
	enum handoff_result first = HANDOFF_OK;

	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		bool present = offer->features & rows[i].bit;

		/* Of what is not used nobody misses that it is not there. */
		if (rows[i].need == UNUSED && !present)
			continue;
		findings->rows[findings->count++] = (struct handoff_finding){
			.name = (u64)rows[i].name,
			.msr_name = (u64)FEATURES_NAME,
			.bit = (u8)__builtin_ctz(rows[i].bit),
			.required = rows[i].need == REQUIRED,
			.present = present,
			.used = present && rows[i].need != UNUSED,
		};
		if (present || rows[i].need != REQUIRED)
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
		{ (offer->vm_cr & VM_CR_OFF) == VM_CR_SVMDIS, HANDOFF_SVM_OFF },
		{ (offer->vm_cr & VM_CR_OFF) == VM_CR_OFF, HANDOFF_SVM_LOCKED },
		{ offer->efer & EFER_SVME, HANDOFF_SVM_IN_USE },
		{ offer->has_svm && offer->asids < LEAST_ASIDS,
		  HANDOFF_FEW_ASIDS },
		{ offer->has_svm, HANDOFF_OK }, /* then by what it lacks */
		/* Younger than nested paging; the log needs it, and streams. */
		{ offer->has_svm && !offer->has_crc32, HANDOFF_NO_CRC32 },
	};
	enum handoff_result first = HANDOFF_OK, refusal;

	*findings = (struct handoff_findings){
		.feature_control = offer->vm_cr,
		.asids = offer->asids,
	};
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
