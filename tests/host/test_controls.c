/*
 * arch/x86_64/vmx/controls.c: which processors will do, and why others will not.
 */
#include "arch/x86_64/vmx/controls.h"
#include "arch/x86_64/vmx/vmx.h"
#include "include/x86.h"
#include "tests/host/fixture/finding.h"
#include "tests/host/fixture/test.h"

/* Words of allowed bits: Bochs' models, and KVM's for its guests. */
static const struct vmx_offer haswell = {
	.has_vmx = true,
	.cr4 = 0x668,
	.feature_control = 5,
	.words = { 0x7f, 0xfff9fffe, 0x47fff, 0x7fffff, 0xffff, 0xf0106334141,
	           0x00d810000000002b | VMX_BASIC_TRUE_CONTROLS },
};
static const struct vmx_offer penryn = {
	.has_vmx = true,
	.cr4 = 0x668,
	.feature_control = 5,
	.words = { 0x3f, 0xfff9fffe, 0x41, 0x3fffff, 0xffff, 0,
	           VMX_BASIC_TRUE_CONTROLS },
};
static const struct vmx_offer lynnfield = {
	.has_vmx = true,
	.cr4 = 0x668,
	.words = { 0x7f, 0xfff9fffe, 0x7f, 0x7fffff, 0xffff, 0xf0106114141,
	           VMX_BASIC_TRUE_CONTROLS },
};

static struct handoff_findings findings;

static const struct handoff_finding *finding(const char *name)
{
	return finding_of(&findings, name);
}

static u32 missing_count(void)
{
	u32 count = 0;

	for (u32 i = 0; i < findings.count; i++)
		count += findings.rows[i].required && !findings.rows[i].present;
	return count;
}

static u32 reasons(u32 a, u32 b)
{
	return 1u << a | 1u << b;
}

static void test_a_processor_that_will_do(void **state)
{
	const struct handoff_finding *f;

	(void)state;
	assert_int_equal(controls_check(&haswell, &findings), HANDOFF_OK);
	assert_int_equal(findings.refusals, 0);
	assert_int_equal(findings.feature_control, 5);
	assert_int_equal(missing_count(), 0);
	f = finding("unrestricted guest");
	assert_string_equal((const char *)f->msr_name,
	                    "IA32_VMX_PROCBASED_CTLS2");
	assert_int_equal(f->bit, 7);
	assert_true(f->required && f->present && f->used);
	assert_false(finding("enable XSAVES/XRSTORS")->present);
	assert_true(finding("enable VPID")->used);
	assert_true(controls_has_apicv(&haswell));
	assert_false(finding("use TSC scaling")->present);
}

/* It is on for children from another frequency alone, and nobody's need. */
static void test_tsc_scaling_is_not_always_on(void **state)
{
	struct vmx_offer offer = haswell;
	u32 without = controls_of(&offer, CONTROL_PROC2, true);

	(void)state;
	offer.words[CONTROL_PROC2] |= BIT(25);
	assert_int_equal(controls_check(&offer, &findings), HANDOFF_OK);
	assert_true(finding("use TSC scaling")->used);
	assert_false(finding("use TSC scaling")->required);
	assert_int_equal(finding("use TSC scaling")->bit, 25);
	assert_int_equal(controls_of(&offer, CONTROL_PROC2, true), without);
	assert_int_equal(controls_of(&offer, CONTROL_PROC2, false),
	                 controls_of(&haswell, CONTROL_PROC2, false));
}

static void test_what_older_ones_lack(void **state)
{
	(void)state;
	assert_int_equal(controls_check(&lynnfield, &findings),
	                 HANDOFF_NO_UNRESTRICTED);
	assert_int_equal(findings.refusals, 1u << HANDOFF_NO_UNRESTRICTED);
	assert_int_equal(missing_count(), 1);
	assert_int_equal(controls_check(&penryn, &findings), HANDOFF_NO_EPT);
	assert_int_equal(findings.refusals,
	                 reasons(HANDOFF_NO_EPT, HANDOFF_NO_UNRESTRICTED) |
	                         1u << HANDOFF_MISSING_CONTROL);
	assert_false(finding("activate VMX-preemption timer")->present);
}

/* Each required bit that goes is noticed, by its own name alone. */
static void test_each_requirement(void **state)
{
	u32 required = 0;

	(void)state;
	for (u32 word = 0; word < CONTROL_WORDS; word++)
		for (u32 bit = 0; bit < 64; bit++) {
			struct vmx_offer offer = haswell;
			enum handoff_result result;

			if (!(offer.words[word] & BIT(bit)))
				continue;
			offer.words[word] &= ~BIT(bit);
			result = controls_check(&offer, &findings);
			assert_int_equal(missing_count(),
			                 result == HANDOFF_OK ? 0 : 1);
			assert_int_equal(findings.refusals,
			                 result == HANDOFF_OK ? 0
			                                      : 1u << result);
			required += result != HANDOFF_OK;
		}
	/* All rows but "INVEPT, one or all contexts", which has two bits here. */
	assert_int_equal(required, 31);
}

static void test_one_kind_of_invept_suffices(void **state)
{
	struct vmx_offer offer = haswell;

	(void)state;
	offer.words[CONTROL_EPT_VPID] &= ~BIT(25);
	assert_int_equal(controls_check(&offer, &findings), HANDOFF_OK);
	offer.words[CONTROL_EPT_VPID] &= ~BIT(26);
	assert_int_equal(controls_check(&offer, &findings), HANDOFF_NO_EPT);
	assert_int_equal(missing_count(), 1);
}

/* What stands first is what a start says; a check says all. */
static void test_the_order_of_reasons(void **state)
{
	struct vmx_offer offer = lynnfield;

	(void)state;
	offer.feature_control = 1;
	assert_int_equal(controls_check(&offer, &findings), HANDOFF_LOCKED_OFF);
	assert_int_equal(findings.refusals,
	                 reasons(HANDOFF_LOCKED_OFF, HANDOFF_NO_UNRESTRICTED));
	offer.cr4 |= CR4_VMXE;
	assert_int_equal(controls_check(&offer, &findings), HANDOFF_LOCKED_OFF);
	offer.feature_control = 0;
	assert_int_equal(controls_check(&offer, &findings), HANDOFF_VMX_IN_USE);
	offer.cr4 |= CR4_LA57;
	assert_int_equal(controls_check(&offer, &findings), HANDOFF_FIVE_LEVEL);
	assert_int_equal(findings.refusals,
	                 reasons(HANDOFF_FIVE_LEVEL, HANDOFF_VMX_IN_USE) |
	                         1u << HANDOFF_NO_UNRESTRICTED);
	offer = (struct vmx_offer){ .cr4 = CR4_LA57 };
	assert_int_equal(controls_check(&offer, &findings), HANDOFF_NO_VTX);
	assert_int_equal(findings.refusals,
	                 reasons(HANDOFF_NO_VTX, HANDOFF_FIVE_LEVEL));
	assert_int_equal(findings.count, 0);
}

/* A tag that cannot be flushed is worse than none. */
static void test_vpid_needs_its_flush(void **state)
{
	struct vmx_offer offer = haswell;

	(void)state;
	assert_true(controls_of(&offer, CONTROL_PROC2, true) & BIT(5));
	assert_true(controls_of(&offer, CONTROL_PROC2, false) & BIT(5));
	offer.words[CONTROL_EPT_VPID] &= ~BIT(32);
	assert_int_equal(controls_check(&offer, &findings), HANDOFF_OK);
	assert_true(finding("enable VPID")->present);
	assert_false(finding("enable VPID")->used);
	assert_false(controls_of(&offer, CONTROL_PROC2, true) & BIT(5));
	assert_false(controls_of(&offer, CONTROL_PROC2, false) & BIT(5));
}

static void test_apicv_is_all_or_none(void **state)
{
	static const struct {
		enum vmx_control word;
		u64 bit;
	} parts[] = {
		{ CONTROL_PROC, BIT(21) },
		{ CONTROL_PROC2, BIT(4) },
		{ CONTROL_PROC2, BIT(8) },
		{ CONTROL_PROC2, BIT(9) },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(parts); i++) {
		struct vmx_offer offer = haswell;

		/* For a VP in x2APIC mode, and not before. */
		assert_false(controls_of(&offer, parts[i].word, true) &
		             parts[i].bit);
		offer.words[parts[i].word] &= ~parts[i].bit;
		assert_false(controls_has_apicv(&offer));
		assert_int_equal(controls_check(&offer, &findings), HANDOFF_OK);
		assert_false(finding("virtual-interrupt delivery")->used);
	}
}

/* The words as they were before they had names. */
static void test_the_words_of_a_vmcs(void **state)
{
	static const struct {
		enum vmx_control word;
		u32 root, child;
	} want[] = {
		{ CONTROL_PIN, 0, 0x69 },
		{ CONTROL_PROC, 0x90000008, 0xb1580c8c },
		{ CONTROL_PROC2, 0x10aa, 0x10aa },
		{ CONTROL_EXIT, 0x3c0204, 0x3c0204 },
		{ CONTROL_ENTRY, 0xc204, 0xc204 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(want); i++) {
		assert_int_equal(controls_of(&haswell, want[i].word, false),
		                 want[i].root);
		assert_int_equal(controls_of(&haswell, want[i].word, true),
		                 want[i].child);
	}
}

/* Alone a guest that is in its NMI handler for ever is ended by the timer; no kick does. */
static void test_virtual_nmis_where_there_are_others(void **state)
{
	struct vmx_offer offer = haswell;

	(void)state;
	offer.words[CONTROL_PIN] &= ~(u64)PIN_VIRTUAL_NMI;
	assert_int_equal(controls_check(&offer, &findings), HANDOFF_OK);
	assert_false(finding("virtual NMIs")->required);
	offer.others = true;
	assert_int_equal(controls_check(&offer, &findings),
	                 HANDOFF_MISSING_CONTROL);
	assert_true(finding("virtual NMIs")->required);
	assert_int_equal(missing_count(), 1);
	offer.words[CONTROL_PIN] |= PIN_VIRTUAL_NMI;
	assert_int_equal(controls_check(&offer, &findings), HANDOFF_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_virtual_nmis_where_there_are_others),
		cmocka_unit_test(test_a_processor_that_will_do),
		cmocka_unit_test(test_tsc_scaling_is_not_always_on),
		cmocka_unit_test(test_what_older_ones_lack),
		cmocka_unit_test(test_each_requirement),
		cmocka_unit_test(test_one_kind_of_invept_suffices),
		cmocka_unit_test(test_the_order_of_reasons),
		cmocka_unit_test(test_vpid_needs_its_flush),
		cmocka_unit_test(test_apicv_is_all_or_none),
		cmocka_unit_test(test_the_words_of_a_vmcs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
