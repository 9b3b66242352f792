/*
 * arch/x86_64/svm/offer.c: which processors will do, and why others will not.
 */
#include "arch/x86_64/svm/offer.h"
#include "arch/x86_64/svm/svm.h"
#include "include/x86.h"
#include "tests/host/fixture/finding.h"
#include "tests/host/fixture/test.h"

/* QEMU's EPYC, and Bochs' Ryzen. */
static const struct svm_offer qemu = {
	.has_svm = true,
	.cr4 = 0x668,
	.efer = EFER_LONG,
	.asids = 16,
	.features = 1,
	.has_crc32 = true,
};
static const struct svm_offer ryzen = {
	.has_svm = true,
	.cr4 = 0x668,
	.efer = EFER_LONG,
	.asids = 32768,
	.features = 0x44f,
	.has_crc32 = true,
};

/* One that has everything. */
static const struct svm_offer all = {
	.has_svm = true,
	.efer = EFER_LONG,
	.asids = 32768,
	.features = ~0u,
	.has_crc32 = true,
};

static struct handoff_findings findings;

static const struct handoff_finding *finding(const char *name)
{
	return finding_of(&findings, name);
}

static void test_processors_that_will_do(void **state)
{
	(void)state;
	assert_int_equal(offer_check(&qemu, &findings), HANDOFF_OK);
	assert_int_equal(findings.refusals, 0);
	assert_int_equal(findings.asids, 16);
	assert_true(finding("nested paging")->required);
	assert_true(finding("nested paging")->used);
	assert_false(finding("NRIP save")->required);
	assert_false(finding("NRIP save")->present);
	assert_false(finding("flush by ASID")->used);
	assert_int_equal(offer_check(&ryzen, &findings), HANDOFF_OK);
	assert_true(finding("NRIP save")->used);
	assert_int_equal(finding("NRIP save")->bit, 3);
	assert_int_equal(finding("TSC rate MSR")->bit, 4);
	assert_false(finding("TSC rate MSR")->present);
	/* What it has and we do not use. */
	assert_int_equal(offer_check(&all, &findings), HANDOFF_OK);
	assert_int_equal(findings.count, 10);
	assert_true(finding("virtual NMI")->present);
	assert_false(finding("virtual NMI")->used);
	assert_false(finding("virtual NMI")->required);
	assert_true(finding("TSC rate MSR")->used);
	assert_true(finding("flush by ASID")->used);
}

/* One ASID is the host's, the other for whoever is entered. */
static void test_least_asids(void **state)
{
	struct svm_offer offer = qemu;

	(void)state;
	offer.asids = 2;
	assert_int_equal(offer_check(&offer, &findings), HANDOFF_OK);
	assert_int_equal(findings.refusals, 0);
	offer.asids = 1;
	assert_int_equal(offer_check(&offer, &findings), HANDOFF_FEW_ASIDS);
}

static void test_each_reason(void **state)
{
	static const struct {
		struct svm_offer offer;
		enum handoff_result refusal;
	} rows[] = {
		{ { 0 }, HANDOFF_NO_SVM },
		{ { true, 0, EFER_LONG, VM_CR_SVMDIS, 16, 1, true },
		  HANDOFF_SVM_OFF },
		{ { true, 0, EFER_LONG, VM_CR_SVMDIS | VM_CR_LOCK, 16, 1,
		    true },
		  HANDOFF_SVM_LOCKED },
		{ { true, 0, EFER_LONG | EFER_SVME, 0, 16, 1, true },
		  HANDOFF_SVM_IN_USE },
		{ { true, 0, EFER_LONG, 0, 16, 0, true }, HANDOFF_NO_NPT },
		{ { true, 0, EFER_LONG, 0, 1, 1, true }, HANDOFF_FEW_ASIDS },
		{ { true, 0, EFER_LONG, 0, 16, 1, false }, HANDOFF_NO_CRC32 },
		{ { true, CR4_LA57, EFER_LONG, 0, 16, 1, true },
		  HANDOFF_FIVE_LEVEL },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(offer_check(&rows[i].offer, &findings),
		                 rows[i].refusal);
		assert_int_equal(findings.refusals, 1u << rows[i].refusal);
		/* And what it is by: boot prints it. */
		assert_int_equal(findings.feature_control, rows[i].offer.vm_cr);
		assert_int_equal(findings.asids, rows[i].offer.asids);
	}
}

/* SVMDIS that is not locked is refused as well: only the firmware clears it. */
static void test_all_reasons_are_told(void **state)
{
	struct svm_offer offer = qemu;

	(void)state;
	offer.vm_cr = VM_CR_SVMDIS;
	offer.features = 0;
	assert_int_equal(offer_check(&offer, &findings), HANDOFF_SVM_OFF);
	assert_int_equal(findings.refusals,
	                 1u << HANDOFF_SVM_OFF | 1u << HANDOFF_NO_NPT);
	assert_int_equal(findings.count, 5);
	/* The first is reported, whatever comes behind it. */
	offer.cr4 |= CR4_LA57;
	offer.efer |= EFER_SVME;
	assert_int_equal(offer_check(&offer, &findings), HANDOFF_FIVE_LEVEL);
	assert_int_equal(findings.refusals, 1u << HANDOFF_FIVE_LEVEL |
	                                            1u << HANDOFF_SVM_OFF |
	                                            1u << HANDOFF_SVM_IN_USE |
	                                            1u << HANDOFF_NO_NPT);
	offer = qemu;
	offer.features = 0;
	/* Without SVM nothing else is known. */
	offer.has_svm = false;
	offer.vm_cr = 0;
	assert_int_equal(offer_check(&offer, &findings), HANDOFF_NO_SVM);
	assert_int_equal(findings.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_processors_that_will_do),
		cmocka_unit_test(test_least_asids),
		cmocka_unit_test(test_each_reason),
		cmocka_unit_test(test_all_reasons_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
