/*
 * hv/interrupt/lapic.c, hv/interrupt/lapic_registers.c: registers by MSR, page and name; modes; IRR to ISR to EOI.
 */
#include "hv/interrupt/lapic.h"
#include "hv/run/vp_run.h"
#include "include/x86_apic.h"
#include "tests/host/fixture/guest_vp.h"
#include "tests/host/fixture/test.h"

#define X2APIC_ON (LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC)
#define GP false

static u64 id;
static struct vp *vp;

static void make(void)
{
	vp = guest_child_vp(40, 2, &id);
}

static void make_x2apic(void)
{
	make();
	guest_use_x2apic(vp);
}

static u32 page(u32 offset)
{
	return *vp_apic_register(vp, offset);
}

static void test_reset(void **state)
{
	(void)state;
	make();
	assert_int_equal(lapic_mode(vp), LAPIC_XAPIC);
	assert_int_equal(page(LAPIC_ID), 1u << 24);
	assert_int_equal(page(LAPIC_VERSION), 0x50014);
	assert_int_equal(page(LAPIC_SVR), 0xff);
	assert_int_equal(page(LAPIC_DFR), 0xffffffff);
	for (u32 o = LAPIC_LVT_TIMER; o <= LAPIC_LVT_ERROR; o += 16)
		assert_int_equal(page(o), 0x10000);
	assert_int_equal(lapic_pending(vp), 0);
	lapic_raise(vp, 0x40, false);
	assert_int_equal(lapic_highest(vp, LAPIC_IRR), 0); /* SVR is off */
}

/* From every mode to every value of the two bits: SDM figure 10-27. */
static void test_ways_between_modes(void **state)
{
	static const u64 bits[] = { 0, LAPIC_BASE_ENABLE, X2APIC_ON,
		                    LAPIC_BASE_X2APIC };
	static const bool may[3][4] = {
		{ true, true, false, false },
		{ true, true, true, false },
		{ true, false, true, false },
	};

	(void)state;
	make();
	for (u32 from = 0; from < 3; from++) {
		for (u32 to = 0; to < 4; to++) {
			vp->state.apic_base = LAPIC_BASE_RESET | bits[from];
			lapic_follow_base(vp);
			assert_int_equal(lapic_write_base(vp, LAPIC_BASE_RESET |
			                                              bits[to]),
			                 may[from][to]);
			assert_int_equal(
				vp->state.apic_base,
				LAPIC_BASE_RESET |
					bits[may[from][to] ? to : from]);
		}
	}
	assert_false(lapic_write_base(vp, LAPIC_BASE_RESET | 1));
	assert_false(lapic_write_base(vp, BIT(50) | LAPIC_BASE_ENABLE));
}

static void test_x2apic_id_and_ldr(void **state)
{
	(void)state;
	id = guest_child(600, 35);
	vp = guest_partition(id)->vps[34];
	assert_true(lapic_write_base(vp, LAPIC_BASE_RESET | X2APIC_ON));
	assert_int_equal(guest_read_apic(vp, 0x802), 34);
	assert_int_equal(guest_read_apic(vp, 0x80d), 0x20004);
	assert_true(lapic_write_base(vp, LAPIC_BASE_RESET));
	assert_true(lapic_write_base(vp, LAPIC_BASE_RESET | LAPIC_BASE_ENABLE));
	assert_int_equal(page(LAPIC_ID), 34u << 24);
	assert_int_equal(page(LAPIC_LDR), 0);
}

/* Switched off, it forgets. */
static void test_off_is_reset(void **state)
{
	(void)state;
	make_x2apic();
	assert_true(lapic_write_msr(vp, 0x808, 0x30));
	lapic_raise(vp, 0x55, true);
	assert_true(lapic_write_base(vp, LAPIC_BASE_RESET));
	assert_int_equal(page(LAPIC_TPR), 0);
	assert_int_equal(page(LAPIC_SVR), 0xff);
	assert_int_equal(lapic_highest(vp, LAPIC_IRR), 0);
	assert_int_equal(lapic_highest(vp, LAPIC_TMR), 0);
}

/*
 * Which MSRs can be read and written, and which bits: of all others RDMSR, WRMSR
 * and WRMSR of one bit more are #GP.
 */
static void test_msrs(void **state)
{
	static const struct {
		u32 number;
		bool read;
		bool write;
		u64 bits;
	} known[] = {
		{ 0x02, true, false, 0 },
		{ 0x03, true, false, 0 },
		{ 0x08, true, true, 0xff },
		{ 0x0a, true, false, 0 },
		{ 0x0b, false, true, 0 },
		{ 0x0d, true, false, 0 },
		{ 0x0f, true, true, 0x1ff },
		{ 0x28, true, true, 0 },
		{ 0x30, true, true, 0xffffffff000ccfff },
		{ 0x32, true, true, 0x700ff },
		{ 0x33, true, true, 0x107ff },
		{ 0x34, true, true, 0x107ff },
		{ 0x35, true, true, 0x1a7ff },
		{ 0x36, true, true, 0x1a7ff },
		{ 0x37, true, true, 0x100ff },
		{ 0x38, true, true, 0xffffffff },
		{ 0x39, true, false, 0 },
		{ 0x3e, true, true, 0xb },
		{ 0x3f, false, true, 0xff },
	};

	(void)state;
	make_x2apic();
	for (u32 n = 0; n < 0x100; n++) {
		bool vectors = n >= 0x10 && n < 0x28, read = vectors;
		bool write = false;
		u64 bits = 0, value;

		for (u32 i = 0; i < ARRAY_LEN(known); i++) {
			if (known[i].number != n)
				continue;
			read = known[i].read;
			write = known[i].write;
			bits = known[i].bits;
		}
		assert_int_equal(lapic_read_msr(vp, 0x800 + n, &value), read);
		for (u32 bit = 0; bit < 64; bit++) {
			if (n == 0x30 && bit < 12)
				continue; /* would be sent: test_lapic_ipi.c */
			assert_int_equal(
				lapic_write_msr(vp, 0x800 + n, BIT(bit)),
				write && (bits & BIT(bit)));
		}
	}
	assert_true(lapic_write_msr(vp, 0x80b, 0));
	assert_true(lapic_write_msr(vp, 0x828, 0));
}

/* In the other modes there is none of them, in x2APIC mode no page. */
static void test_msrs_of_another_mode(void **state)
{
	u64 value;

	(void)state;
	make();
	for (u32 n = 0x800; n < 0x900; n++) {
		assert_false(lapic_read_msr(vp, n, &value));
		assert_false(lapic_write_msr(vp, n, 0));
	}
}

static void test_page(void **state)
{
	(void)state;
	make();
	lapic_write_page(vp, LAPIC_SVR, 0xffffffff);
	assert_int_equal(lapic_read_page(vp, LAPIC_SVR), 0x1ff);
	lapic_write_page(vp, LAPIC_LDR, 0x12345678);
	assert_int_equal(lapic_read_page(vp, LAPIC_LDR), 0x12000000);
	lapic_write_page(vp, LAPIC_DFR, 0);
	assert_int_equal(lapic_read_page(vp, LAPIC_DFR), 0x0fffffff);
	lapic_write_page(vp, LAPIC_TPR, 0x1ff);
	assert_int_equal(lapic_read_page(vp, LAPIC_TPR), 0xff);
	assert_int_equal(lapic_cr8(vp), 0xf);
	lapic_write_page(vp, LAPIC_ID, 0x55000000);
	lapic_write_page(vp, LAPIC_VERSION, 0);
	assert_int_equal(lapic_read_page(vp, LAPIC_ID), 1u << 24);
	assert_int_equal(lapic_read_page(vp, LAPIC_EOI), 0);
	assert_int_equal(vp->lapic.errors, 0);
	/* Where no register is: error bit 7, shown by a write to ESR. */
	assert_int_equal(lapic_read_page(vp, 0x3f0), 0);
	lapic_write_page(vp, 0xff0, 1);
	assert_int_equal(lapic_read_page(vp, LAPIC_ESR), 0);
	lapic_write_page(vp, LAPIC_ESR, 0x123);
	assert_int_equal(lapic_read_page(vp, LAPIC_ESR), 0x80);
	lapic_write_page(vp, LAPIC_ESR, 0);
	assert_int_equal(lapic_read_page(vp, LAPIC_ESR), 0);
}

static void test_error_interrupt(void **state)
{
	(void)state;
	make_x2apic();
	assert_true(lapic_write_msr(vp, 0x837, 0x71));
	assert_true(lapic_write_msr(vp, 0x83f, 15)); /* illegal vector */
	assert_int_equal(lapic_pending(vp), 0x71);
	lapic_accept(vp, 0x71);
	/* Known already: it does not come again before ESR is written. */
	assert_true(lapic_write_msr(vp, 0x83f, 3));
	assert_int_equal(lapic_highest(vp, LAPIC_IRR), 0);
	assert_true(lapic_write_msr(vp, 0x828, 0));
	assert_int_equal(guest_read_apic(vp, 0x828), 0x40);
	/* An error whose interrupt is an error ends there. */
	assert_true(lapic_write_msr(vp, 0x837, 7));
	assert_true(lapic_write_msr(vp, 0x83f, 15));
	assert_int_equal(lapic_highest(vp, LAPIC_IRR), 0);
}

/* SDM 10.5.3: the vector of the error entry, illegal itself. */
static void test_error_entry_with_an_illegal_vector(void **state)
{
	static const struct {
		u32 entry;
		u32 icr; /* to self, or the vector of a self IPI */
		u32 esr;
	} rows[] = {
		{ 0x30, 0x4000f, 0x20 },    { 0x1000f, 0x4000f, 0x20 },
		{ 0xf, 0x4000f, 0x60 },     { 0, 0x4000f, 0x60 },
		{ 0x10000, 0x4000f, 0x20 }, { 0x10, 0x40003, 0x20 },
		{ 7, 0x40003, 0x60 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		make_x2apic();
		assert_true(lapic_write_msr(vp, 0x837, rows[i].entry));
		assert_true(lapic_write_msr(vp, 0x830, rows[i].icr));
		assert_int_equal(guest_read_apic(vp, 0x828), 0);
		assert_true(lapic_write_msr(vp, 0x828, 0));
		assert_int_equal(guest_read_apic(vp, 0x828), rows[i].esr);
		assert_int_equal(lapic_highest(vp, LAPIC_IRR),
		                 rows[i].esr == 0x20 && rows[i].entry < 0x100
		                         ? rows[i].entry
		                         : 0);
		/* All of it is told once. */
		assert_true(lapic_write_msr(vp, 0x828, 0));
		assert_int_equal(guest_read_apic(vp, 0x828), 0);
		guest_destroy(id);
	}
	/* Where no register is, in the page. */
	make();
	lapic_write_page(vp, LAPIC_SVR, 0x1ff);
	lapic_write_page(vp, LAPIC_LVT_ERROR, 2);
	lapic_write_page(vp, 0x40, 1);
	lapic_write_page(vp, LAPIC_ESR, 0);
	assert_int_equal(lapic_read_page(vp, LAPIC_ESR), 0xc0);
}

/* SDM 10.8.3.1: what is in service, and TPR, hold back all of lower classes. */
static void test_priorities(void **state)
{
	(void)state;
	make_x2apic();
	lapic_raise(vp, 0x41, false);
	lapic_raise(vp, 0x62, false);
	assert_int_equal(lapic_pending(vp), 0x62);
	lapic_accept(vp, 0x62);
	assert_int_equal(page(LAPIC_PPR), 0x60);
	assert_int_equal(lapic_pending(vp), 0);
	lapic_raise(vp, 0x6f, false); /* the same class */
	assert_int_equal(lapic_pending(vp), 0);
	lapic_raise(vp, 0x70, false);
	assert_int_equal(lapic_pending(vp), 0x70);
	lapic_accept(vp, 0x70);
	lapic_set_cr8(vp, 6);
	assert_int_equal(guest_read_apic(vp, 0x80a), 0x70);
	lapic_eoi(vp);
	assert_int_equal(guest_read_apic(vp, 0x80a), 0x60);
	lapic_eoi(vp);
	assert_int_equal(lapic_highest(vp, LAPIC_ISR), 0);
	assert_int_equal(lapic_pending(vp), 0); /* 0x6f, CR8 is 6 */
	lapic_set_cr8(vp, 5);
	assert_int_equal(lapic_pending(vp), 0x6f);
	lapic_set_tpr(vp, 0x6f);
	assert_int_equal(guest_read_apic(vp, 0x80a), 0x6f);
	assert_int_equal(lapic_pending(vp), 0);
	lapic_set_tpr(vp, 0);
	lapic_accept(vp, 0x6f);
	lapic_eoi(vp);
	assert_int_equal(lapic_pending(vp), 0x41);
	lapic_eoi(vp); /* nothing is in service */
	assert_int_equal(lapic_pending(vp), 0x41);
}

static void test_every_vector(void **state)
{
	(void)state;
	make_x2apic();
	for (u32 v = 16; v < 256; v++) {
		lapic_raise(vp, (u8)v, v & 1);
		assert_int_equal(guest_read_apic(vp, 0x820 + v / 32),
		                 1u << v % 32);
		assert_int_equal(guest_read_apic(vp, 0x818 + v / 32) >> v % 32 &
		                         1,
		                 v & 1);
		assert_int_equal(lapic_pending(vp), v);
		lapic_accept(vp, (u8)v);
		assert_int_equal(guest_read_apic(vp, 0x820 + v / 32), 0);
		assert_int_equal(guest_read_apic(vp, 0x810 + v / 32),
		                 1u << v % 32);
		assert_int_equal(guest_read_apic(vp, 0x80a), v & 0xf0);
		assert_true(lapic_write_msr(vp, 0x80b, 0));
		assert_int_equal(guest_read_apic(vp, 0x810 + v / 32), 0);
	}
}

/* Off by software: nothing new, all of the LVT masked, what is there waits. */
static void test_software_off(void **state)
{
	(void)state;
	make_x2apic();
	assert_true(lapic_write_msr(vp, 0x832, 0x200d1));
	lapic_raise(vp, 0x80, false);
	assert_true(lapic_write_msr(vp, 0x80f, 0xff));
	assert_int_equal(guest_read_apic(vp, 0x832), 0x300d1);
	assert_int_equal(lapic_pending(vp), 0);
	assert_true(lapic_write_msr(vp, 0x832, 0x200d1));
	assert_int_equal(guest_read_apic(vp, 0x832), 0x300d1);
	assert_true(lapic_write_msr(vp, 0x80f, 0x1ff));
	assert_int_equal(lapic_pending(vp), 0x80);
}

static void test_what_wakes(void **state)
{
	struct vp_state *s;

	(void)state;
	make_x2apic();
	s = vp_state_write(vp);
	s->activity = HV_ACTIVITY_HALT_SUSPEND;
	s->rflags = 2;
	vp->explicit_suspend = 0;
	lapic_raise(vp, 0x30, false);
	assert_false(vp_runnable(vp)); /* interrupts are off */
	s->rflags |= BIT(9);
	assert_true(vp_runnable(vp));
	lapic_set_cr8(vp, 3);
	assert_false(vp_runnable(vp));
	vp->lapic.events = STREAM_APIC_NMI;
	assert_true(vp_runnable(vp));
	s->interrupt_state = HV_INTERRUPT_STATE_NMI_MASKED;
	assert_false(vp_runnable(vp));
	lapic_nmi_accept(vp);
	assert_int_equal(vp->lapic.events, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reset),
		TEST(test_ways_between_modes),
		TEST(test_x2apic_id_and_ldr),
		TEST(test_off_is_reset),
		TEST(test_msrs),
		TEST(test_msrs_of_another_mode),
		TEST(test_page),
		TEST(test_error_interrupt),
		TEST(test_error_entry_with_an_illegal_vector),
		TEST(test_priorities),
		TEST(test_every_vector),
		TEST(test_software_off),
		TEST(test_what_wakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
