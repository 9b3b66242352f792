/*
 * hv/vp/vp_rules.c: each rule of the SDM's guest-state checks by itself.
 */
#include "hv/base/log.h"
#include "hv/run/sched.h"
#include "hv/run/vp_reg.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"
#include "hv/vp/vp_rules.h"
#include "include/x86.h"
#include "tests/host/fake/vendor.h"
#include "tests/host/fixture/test.h"

/* ---- States that enter ---- */

static void set(struct vp_state *s, u32 first, u32 last, u16 attributes,
                u32 limit)
{
	for (u32 i = first; i <= last; i++) {
		s->segment[i].attributes = attributes;
		s->segment[i].limit = limit;
	}
}

static void real(struct vp_state *s)
{
	struct vp_xsave x;

	vp_reg_reset_all(s, &x);
}

static void protected_32(struct vp_state *s)
{
	real(s);
	s->cr0 |= CR0_PE;
	set(s, VP_ES, VP_GS, 0xc093, 0xffffffff);
	set(s, VP_CS, VP_CS, 0xc09b, 0xffffffff);
	s->segment[VP_CS].base = 0;
	s->rip = 0x1000;
}

static void protected_ring3(struct vp_state *s)
{
	protected_32(s);
	set(s, VP_ES, VP_GS, 0xc0f3, 0xffffffff);
	set(s, VP_CS, VP_CS, 0xc0fb, 0xffffffff);
}

static void virtual_8086(struct vp_state *s)
{
	protected_32(s);
	s->rflags |= RFLAGS_VM;
	set(s, VP_ES, VP_GS, 0xf3, 0xffff);
	for (u32 i = VP_ES; i <= VP_GS; i++) {
		s->segment[i].selector = (u16)(0x100 * i);
		s->segment[i].base = 0x1000 * i;
	}
}

static void long_64(struct vp_state *s)
{
	protected_32(s);
	s->cr0 |= CR0_PG;
	s->cr4 |= CR4_PAE;
	s->efer |= EFER_LME | EFER_LMA;
	set(s, VP_CS, VP_CS, 0xa09b, 0xffffffff);
	s->rip = 0xffff800000001000;
	s->segment[VP_GS].base = 0xffff800000000000;
}

static void compatibility(struct vp_state *s)
{
	long_64(s);
	set(s, VP_CS, VP_CS, 0xc0fb, 0xffffffff);
	set(s, VP_SS, VP_SS, 0xc0f3, 0xffffffff);
	s->rip = 0x1000;
}

/* Segments that nobody uses may hold anything. */
static void long_bare(struct vp_state *s)
{
	long_64(s);
	for (u32 i = VP_ES; i <= VP_GS; i++)
		if (i != VP_CS)
			s->segment[i].attributes = 0;
	s->segment[VP_DS].limit = 0x12345678;
	s->segment[VP_DS].base = 0x123456789abcdef;
	s->segment[VP_LDTR] =
		(struct hv_segment){ 0x8000000000000000, 5, 4, 0 };
}

static void stepping(struct vp_state *s)
{
	long_64(s);
	s->rflags |= RFLAGS_TF | RFLAGS_IF;
	s->interrupt_state = HV_INTERRUPT_STATE_SHADOW;
	s->pending_debug = DEBUG_STEP;
}

static void halting(struct vp_state *s)
{
	long_64(s);
	s->rflags |= RFLAGS_IF;
	s->activity = HV_ACTIVITY_HALT_SUSPEND;
}

static void (*const makers[])(struct vp_state *s) = {
	real,          protected_32, protected_ring3, virtual_8086, long_64,
	compatibility, long_bare,    stepping,        halting,
};

static void states_hold(void)
{
	for (u32 i = 0; i < ARRAY_LEN(makers); i++) {
		struct vp_state s;
		const struct vp_rule *broken;

		makers[i](&s);
		broken = vp_rules_broken(&s);
		if (broken)
			fail_msg("state %u: %s", i, broken->what);
	}
}

static void test_states_that_a_processor_has_hold(void **state)
{
	(void)state;
	states_hold();
	fake_vendor_become_svm();
	states_hold();
}

/* ---- One break each ---- */

static u64 event(u32 type, u32 vector, u64 more)
{
	return HV_PENDING_INTERRUPTION | (u64)type << HV_PENDING_TYPE_SHIFT |
	       (u64)vector << HV_PENDING_VECTOR_SHIFT | more;
}

#define ERROR HV_PENDING_DELIVER_ERROR_CODE
#define SEG(which) (s->segment[VP_##which])
#define BREAK(name, ...)                     \
	static void name(struct vp_state *s) \
	{                                    \
		__VA_ARGS__;                 \
	}

/* clang-format off */
BREAK(no_paging, s->cr0 &= ~CR0_PG)
BREAK(no_pae, s->cr4 &= ~CR4_PAE)
BREAK(pcide, s->cr4 |= CR4_PCIDE)
BREAK(no_lme, s->efer &= ~EFER_LME)
BREAK(lme_alone, s->cr0 |= CR0_PG; s->efer |= EFER_LME)
BREAK(tr_ti, SEG(TR).selector = 4)
BREAK(ldtr_ti, SEG(LDTR).selector = 12)
BREAK(v86_base, SEG(FS).base += 16)
BREAK(v86_limit, SEG(ES).limit = 0xfffe)
BREAK(v86_attr, SEG(GS).attributes = 0x93)
BREAK(fs_base, SEG(FS).base = 0x800000000000)
BREAK(gs_base, SEG(GS).base = 0xffff7fffffffffff)
BREAK(tr_base, SEG(TR).base = 0x8000000000000000)
BREAK(ldtr_high, SEG(LDTR).base = 0x800000000000)
BREAK(cs_high, SEG(CS).base = 0x100000000)
BREAK(ss_high, SEG(SS).base = 0x100000000)
BREAK(ds_high, SEG(DS).base = ~0ull)
BREAK(es_high, SEG(ES).base = 0xffffffff00000000)
BREAK(cs_not_accessed, SEG(CS).attributes &= 0xfffe)
BREAK(cs_read_only, SEG(CS).attributes = 0xc091)
BREAK(ss_read_only, SEG(SS).attributes = 0xc091)
BREAK(ss_code, SEG(SS).attributes = 0xc09b)
BREAK(ds_not_accessed, SEG(DS).attributes = 0xc092)
BREAK(gs_not_readable, SEG(GS).attributes = 0xc099)
BREAK(es_system, SEG(ES).attributes = 0xc083)
BREAK(cs_system, SEG(CS).attributes &= 0xffef)
BREAK(cs_ring1, SEG(CS).attributes |= 0x20)
BREAK(cs_conforming, SEG(CS).attributes = 0xc0bf)
BREAK(cs_data_ring3, SEG(CS).attributes = 0xc0f3)
BREAK(ss_ring3, SEG(SS).attributes = 0xf3; SEG(CS).attributes = 0xfb)
BREAK(ss_ring3_data, SEG(SS).attributes |= 0x60; SEG(CS).attributes = 0xc093)
BREAK(cs_absent, SEG(CS).attributes &= 0xff7f)
BREAK(cs_d, SEG(CS).attributes |= 0x4000)
BREAK(cs_limit, SEG(CS).limit = 0xfffff000)
BREAK(ds_limit, SEG(DS).limit = 0x100fff; SEG(DS).attributes &= 0x7fff)
BREAK(tr_16, SEG(TR).attributes = 0x83)
BREAK(tr_available, SEG(TR).attributes = 0x89)
BREAK(tr_memory, SEG(TR).attributes = 0x9b)
BREAK(tr_absent, SEG(TR).attributes = 0x0b)
BREAK(tr_pages, SEG(TR).attributes = 0x808b; SEG(TR).limit = 0x67)
BREAK(ldtr_tss, SEG(LDTR).attributes = 0x8b)
BREAK(ldtr_memory, SEG(LDTR).attributes = 0x92)
BREAK(ldtr_pages, SEG(LDTR).limit = 0x1ffffe)
BREAK(rip_high, s->rip = 0x100000000)
BREAK(vm_in_long, s->rflags |= RFLAGS_VM; for (u32 i = VP_ES; i <= VP_GS; i++)
	SEG(ES + i) = (struct hv_segment){ 0, 0xffff, 0, 0xf3 }; s->rip = 0)
BREAK(halt_ring3, s->activity = HV_ACTIVITY_HALT_SUSPEND)
BREAK(halt_shadow, s->interrupt_state = HV_INTERRUPT_STATE_SHADOW)
BREAK(wait_shadow, s->activity = HV_ACTIVITY_STARTUP_SUSPEND;
	s->interrupt_state = HV_INTERRUPT_STATE_SHADOW)
BREAK(halt_gp, s->pending_interruption = event(3, 13, ERROR))
BREAK(halt_software, s->pending_interruption = event(4, 0x80, 2 << 5))
BREAK(wait_nmi, s->activity = HV_ACTIVITY_STARTUP_SUSPEND;
	s->pending_interruption = event(2, 2, 0))
BREAK(no_bs, s->pending_debug = 0)
BREAK(bs_alone, s->rflags &= ~RFLAGS_TF)
BREAK(bs_branches, s->debugctl = 2)
BREAK(halt_bs, s->pending_debug = DEBUG_STEP)
BREAK(rtm_breakpoint, s->pending_debug = BIT(16) | BIT(12) | 1)
BREAK(rtm_not_enabled, s->pending_debug = BIT(16))
BREAK(interrupt_if, s->pending_interruption = event(0, 0x30, 0))
BREAK(interrupt_shadow, s->rflags = 2 | RFLAGS_IF;
	s->interrupt_state = HV_INTERRUPT_STATE_SHADOW;
	s->pending_interruption = event(0, 0x30, 0))
BREAK(nmi_shadow, s->interrupt_state = HV_INTERRUPT_STATE_SHADOW;
	s->pending_interruption = event(2, 2, 0))
BREAK(nmi_masked, s->interrupt_state = HV_INTERRUPT_STATE_NMI_MASKED;
	s->pending_interruption = event(2, 2, 0))
BREAK(gp_without, s->pending_interruption = event(3, 13, 0))
BREAK(ud_with, s->pending_interruption = event(3, 6, ERROR))
BREAK(real_with, s->pending_interruption = event(3, 13, ERROR))
static void pae(struct vp_state *s)
{
	protected_32(s);
	s->cr0 |= BIT(31);
	s->cr4 |= BIT(5);
	s->pdpte[0] = 0x3ffffffff019;
	s->pdpte[1] = ~1ull; /* not present: anything */
}

BREAK(pdpte_bit_1, s->pdpte[2] = 0x1003)
BREAK(pdpte_bit_8, s->pdpte[3] = 0x1101)
BREAK(pdpte_too_high, s->pdpte[0] = BIT(46) | 1)

/* clang-format on */

static const struct {
	const char *rule;
	void (*make)(struct vp_state *s);
	void (*spoil)(struct vp_state *s);
} breaks[] = {
	{ "long mode has paging and CR4.PAE", long_64, no_paging },
	{ "long mode has paging and CR4.PAE", long_64, no_pae },
	{ "CR4.PCIDE is of long mode", protected_32, pcide },
	{ "with paging, EFER.LMA is EFER.LME", long_64, no_lme },
	{ "with paging, EFER.LMA is EFER.LME", protected_32, lme_alone },
	{ "TR is in the GDT", long_64, tr_ti },
	{ "LDTR is in the GDT", protected_32, ldtr_ti },
	{ "PDPTEs have no reserved bits", pae, pdpte_bit_1 },
	{ "PDPTEs have no reserved bits", pae, pdpte_bit_8 },
	{ "PDPTEs have no reserved bits", pae, pdpte_too_high },
	{ "v86: bases are 16 times the selectors", virtual_8086, v86_base },
	{ "v86: limits are 64 KiB", virtual_8086, v86_limit },
	{ "v86: attributes are 0xf3", virtual_8086, v86_attr },
	{ "FS, GS, TR bases are canonical", long_64, fs_base },
	{ "FS, GS, TR bases are canonical", long_bare, gs_base },
	{ "FS, GS, TR bases are canonical", real, tr_base },
	{ "the LDTR base is canonical", long_64, ldtr_high },
	{ "the CS base has 32 bits", long_64, cs_high },
	{ "SS, DS, ES bases have 32 bits", long_64, ss_high },
	{ "SS, DS, ES bases have 32 bits", real, ds_high },
	{ "SS, DS, ES bases have 32 bits", compatibility, es_high },
	{ "CS is accessed code, or data of type 3", long_64, cs_not_accessed },
	{ "CS is accessed code, or data of type 3", protected_32,
	  cs_read_only },
	{ "SS is writable data", protected_32, ss_read_only },
	{ "SS is writable data", long_64, ss_code },
	{ "DS, ES, FS, GS are accessed", protected_32, ds_not_accessed },
	{ "DS, ES, FS, GS are readable", protected_32, gs_not_readable },
	{ "CS to GS are code or data", long_64, es_system },
	{ "CS to GS are code or data", long_64, cs_system },
	{ "the DPL of CS fits that of SS", long_64, cs_ring1 },
	{ "the DPL of CS fits that of SS", protected_32, cs_conforming },
	{ "the DPL of CS fits that of SS", protected_32, cs_data_ring3 },
	{ "the DPL of SS is 0 in real mode", real, ss_ring3 },
	{ "the DPL of SS is 0 in real mode", protected_32, ss_ring3_data },
	{ "CS is present", long_64, cs_absent },
	{ "64-bit code has no D bit", long_64, cs_d },
	{ "limits fit their granularity", long_64, cs_limit },
	{ "limits fit their granularity", protected_32, ds_limit },
	{ "TR is a busy TSS", long_64, tr_16 },
	{ "TR is a busy TSS", real, tr_available },
	{ "TR is a busy TSS", protected_32, tr_memory },
	{ "TR is present", long_64, tr_absent },
	{ "the TR limit fits its granularity", long_64, tr_pages },
	{ "LDTR is an LDT", long_64, ldtr_tss },
	{ "LDTR is an LDT", protected_32, ldtr_memory },
	{ "the LDTR limit fits its granularity", long_64, ldtr_pages },
	{ "RIP has 32 bits outside 64-bit code", compatibility, rip_high },
	{ "RIP has 32 bits outside 64-bit code", real, rip_high },
	{ "v86 is of protected mode", long_bare, vm_in_long },
	{ "a halted processor is at CPL 0", compatibility, halt_ring3 },
	{ "no shadow while halted or waiting", halting, halt_shadow },
	{ "no shadow while halted or waiting", real, wait_shadow },
	{ "only what wakes it is pending in a halt", halting, halt_gp },
	{ "only what wakes it is pending in a halt", halting, halt_software },
	{ "only what wakes it is pending in a halt", real, wait_nmi },
	{ "a waiting single step is one by RFLAGS", stepping, no_bs },
	{ "a waiting single step is one by RFLAGS", stepping, bs_alone },
	{ "a waiting single step is one by RFLAGS", stepping, bs_branches },
	{ "a waiting single step is one by RFLAGS", halting, halt_bs },
	{ "a debug exception of RTM is alone", long_64, rtm_breakpoint },
	{ "a debug exception of RTM is alone", long_64, rtm_not_enabled },
	{ "an interrupt is pending only where it is allowed", long_64,
	  interrupt_if },
	{ "an interrupt is pending only where it is allowed", long_64,
	  interrupt_shadow },
	{ "an NMI is pending only where it is allowed", long_64, nmi_shadow },
	{ "an NMI is pending only where it is allowed", real, nmi_masked },
	{ "an error code where the processor has one", long_64, gp_without },
	{ "an error code where the processor has one", protected_32, ud_with },
	{ "an error code where the processor has one", real, real_with },
};

static const char *const not_of_svm[] = {
	"a waiting single step is one by RFLAGS",
	"PDPTEs have no reserved bits",
};

static bool has_rule(const char *what, bool svm)
{
	for (u32 i = 0; svm && i < ARRAY_LEN(not_of_svm); i++)
		if (!strcmp(what, not_of_svm[i]))
			return false;
	return true;
}

/* Just the rule that is named, and no other; none, where the vendor does not have it. */
static void each_break_breaks_its_rule_alone(bool svm)
{
	u32 count;
	const struct vp_rule *rules = arch_vp_rules(&count);

	for (u32 i = 0; i < ARRAY_LEN(breaks); i++) {
		struct vp_state s;

		breaks[i].make(&s);
		breaks[i].spoil(&s);
		for (u32 r = 0; r < count; r++) {
			bool named = !strcmp(rules[r].what, breaks[i].rule);

			if (vp_rule_holds(&rules[r], &s) == named)
				fail_msg("break %u: \"%s\" %s", i,
				         rules[r].what,
				         named ? "holds" : "does not hold");
		}
		if (has_rule(breaks[i].rule, svm))
			assert_string_equal(vp_rules_broken(&s)->what,
			                    breaks[i].rule);
		else
			assert_null(vp_rules_broken(&s));
	}
}

static void test_each_break_breaks_its_rule_alone(void **state)
{
	(void)state;
	each_break_breaks_its_rule_alone(false);
	fake_vendor_become_svm();
	each_break_breaks_its_rule_alone(true);
}

static void each_rule_has_a_break(bool svm)
{
	u32 count;
	const struct vp_rule *rules = arch_vp_rules(&count);

	for (u32 r = 0; r < count; r++) {
		u32 found = 0;

		assert_true(has_rule(rules[r].what, svm));
		for (u32 i = 0; i < ARRAY_LEN(breaks); i++)
			found += !strcmp(rules[r].what, breaks[i].rule);
		if (found == 0)
			fail_msg("nothing breaks \"%s\"", rules[r].what);
	}
}

static void test_each_rule_has_a_break(void **state)
{
	(void)state;
	each_rule_has_a_break(false);
	fake_vendor_become_svm();
	each_rule_has_a_break(true);
}

/* Events and activities that a processor does have. */
static void test_events_that_may_wait(void **state)
{
	static const struct {
		void (*make)(struct vp_state *s);
		u64 rflags, activity, interrupt_state, event;
	} good[] = {
		{ long_64, RFLAGS_IF, 0, 0, 0x00300001 },
		{ long_64, 0, 0, 0, 0x00020005 },
		{ long_64, 0, 0, 2, 0x000e0017 | 5ull << 32 },
		{ real, 0, 0, 1, 0x000d0007 },
		{ halting, RFLAGS_IF, HV_ACTIVITY_HALT_SUSPEND, 0, 0x00300001 },
		{ halting, RFLAGS_IF, HV_ACTIVITY_HALT_SUSPEND, 0, 0x00010007 },
		{ halting, RFLAGS_IF, HV_ACTIVITY_HALT_SUSPEND, 0, 0x00120007 },
		{ halting, RFLAGS_IF, HV_ACTIVITY_HALT_SUSPEND, 0, 0x00020005 },
		{ real, 0, HV_ACTIVITY_STARTUP_SUSPEND, 0, 0 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(good); i++) {
		struct vp_state s;

		good[i].make(&s);
		s.rflags |= good[i].rflags;
		s.activity = good[i].activity;
		s.interrupt_state = good[i].interrupt_state;
		s.pending_interruption = good[i].event;
		if (vp_rules_broken(&s))
			fail_msg("event %u: %s", i, vp_rules_broken(&s)->what);
	}
}

/* A transaction's debug exception, where the processor has transactions. */
static void test_rtm(void **state)
{
	struct vp_state s;

	(void)state;
	long_64(&s);
	s.pending_debug = BIT(16) | BIT(12);
	fake.facts.compat.features[STREAM_FEATURE_7_EBX] |= (u32)BIT(11);
	assert_null(vp_rules_broken(&s));
	s.interrupt_state = HV_INTERRUPT_STATE_SHADOW;
	assert_non_null(vp_rules_broken(&s));
	s.interrupt_state = 0;
	fake.facts.compat.features[STREAM_FEATURE_7_EBX] &= ~(u32)BIT(11);
	assert_non_null(vp_rules_broken(&s));
}

/* A child whose parent gave it such a state does not run, and is told of. */
static void test_what_breaks_a_rule_is_not_entered(void **state)
{
	u64 id = guest_child(80, 2);
	struct vp *vp = guest_partition(id)->vps[0];
	struct vp *other = guest_partition(id)->vps[1];
	char text[1024];
	u64 position = 0;
	u32 count;

	(void)state;
	/* Virtual-8086 mode without protected mode. */
	assert_ok(guest_set(id, 0, HV_REGISTER_RFLAGS, RFLAGS_VM | 2));
	other->state.activity = 0;
	assert_ok(guest_set(id, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0));
	assert_ok(guest_set(id, 1, HV_REGISTER_EXPLICIT_SUSPEND, 0));
	/* The other one has its turn whatever this one holds. */
	for (u32 calls = 0;; calls++) {
		if (sched_next(&fake.cpu, SCHED_SLICE_END).vp == other)
			break;
		assert_true(calls < 3);
	}
	assert_int_equal(vp->intercept_suspend, HV_SUSPENDED);
	assert_int_equal(vp->message.type,
	                 HV_MESSAGE_INVALID_VP_REGISTER_VALUE);
	assert_int_equal(other->intercept_suspend, 0);
	count = log_read(&position, (u8 *)text, sizeof(text) - 1);
	text[count] = 0;
	assert_non_null(strstr(text, "VP 0: not entered: v86: "));
	/* Set right, it goes on. */
	assert_ok(guest_set(id, 1, HV_REGISTER_EXPLICIT_SUSPEND, 1));
	assert_ok(guest_set(id, 0, HV_REGISTER_RFLAGS, 2));
	assert_ok(guest_set(id, 0, HV_REGISTER_INTERCEPT_SUSPEND, 0));
	fake.cpu.current = fake.cpu.root;
	assert_ptr_equal(sched_next(&fake.cpu, SCHED_SLICE_END).vp, vp);
	assert_int_equal(vp->intercept_suspend, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_states_that_a_processor_has_hold),
		TEST(test_each_break_breaks_its_rule_alone),
		TEST(test_each_rule_has_a_break),
		TEST(test_events_that_may_wait),
		TEST(test_rtm),
		TEST(test_what_breaks_a_rule_is_not_entered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
