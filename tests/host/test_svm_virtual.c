/*
 * arch/x86_64/svm/virtual.c: an interrupt that the guest can take at once goes in as V_IRQ, and
 * comes back as what it was, taken or not, whatever the exit says.
 */
#include "arch/x86_64/svm/virtual.h"
#include "include/x86.h"
#include "tests/host/fixture/test.h"

#define VECTOR 0x41u
#define EXTERNAL (EVENT_VALID | (u64)VECTOR)
#define AS_EXCEPTION (EVENT_TYPE_EXCEPTION | EXTERNAL)
/* What run.c and the guest keep in the same word. */
#define OTHERS (VMCB_V_INTR_MASKING | 5u)
#define WINDOW (VMCB_V_IRQ | VMCB_V_IGNORE_TPR | VMCB_V_PRIORITY)
#define GIVEN (WINDOW | (u64)VECTOR << 32)

static _Alignas(PAGE_SIZE) struct vmcb vmcb;
static struct vp vp;

static int setup(void **state)
{
	(void)state;
	memset(&vmcb, 0, sizeof(vmcb));
	memset(&vp, 0, sizeof(vp));
	vp.pages[VP_PAGE_CONTROL] = &vmcb;
	vmcb.virtual_interrupt = OTHERS;
	vmcb.rflags = RFLAGS_FIXED | RFLAGS_IF;
	return 0;
}

static void enter(u64 event)
{
	vmcb.event = event;
	virtual_enter(&vp);
}

static void assert_as_injected(u64 event)
{
	u64 word = vmcb.virtual_interrupt;

	enter(event);
	assert_int_equal(vmcb.event, event);
	assert_int_equal(vmcb.virtual_interrupt, word);
	/* And the exit finds nothing to do. */
	vmcb.exit_event = event;
	assert_int_equal(virtual_exited(&vp), 0);
	assert_int_equal(vmcb.exit_event, event);
	assert_int_equal(vmcb.virtual_interrupt, word);
	setup(NULL);
}

static void test_what_goes_in_as_it_is(void **state)
{
	(void)state;
	assert_as_injected(0);
	assert_as_injected(VECTOR); /* not valid */
	assert_as_injected(EXTERNAL | EVENT_TYPE_NMI);
	assert_as_injected(AS_EXCEPTION);
	assert_as_injected(EXTERNAL | EVENT_TYPE_SOFTWARE);
	vmcb.rflags = RFLAGS_FIXED;
	assert_as_injected(EXTERNAL);
	vmcb.interrupt_shadow = VMCB_SHADOW;
	assert_as_injected(EXTERNAL);
	/* The window for the next one is what V_IRQ is for. */
	vmcb.virtual_interrupt |= WINDOW;
	assert_as_injected(EXTERNAL);
}

/* Of an earlier one no vector is left. */
static void test_what_goes_in_as_virtual(void **state)
{
	(void)state;
	vmcb.virtual_interrupt |= 0xbeull << 32;
	enter(EXTERNAL);
	assert_int_equal(vmcb.event, 0);
	assert_int_equal(vmcb.virtual_interrupt, OTHERS | GIVEN);
}

/* The exit finds V_IRQ set or not, and that in EXITINTINFO. */
static void assert_exit(bool waits, u64 says, u64 untaken, u64 delivered)
{
	setup(NULL);
	enter(EXTERNAL);
	if (!waits)
		vmcb.virtual_interrupt &= ~VMCB_V_IRQ;
	vmcb.exit_event = says;
	assert_int_equal(virtual_exited(&vp), untaken);
	assert_int_equal(vmcb.exit_event, delivered);
	assert_int_equal(vmcb.virtual_interrupt, OTHERS);
	/* That was all of it. */
	vmcb.virtual_interrupt |= WINDOW;
	assert_int_equal(virtual_exited(&vp), 0);
	assert_int_equal(vmcb.virtual_interrupt, OTHERS | WINDOW);
}

static void test_exits(void **state)
{
	const u64 nmi = EVENT_VALID | EVENT_TYPE_NMI | 2;
	const u64 fault = EVENT_VALID | EVENT_TYPE_EXCEPTION | 14;

	(void)state;
	/* Taken, and delivered; EXITINTINFO may have an old one without its bit. */
	assert_exit(false, 0, 0, 0);
	assert_exit(false, VECTOR, 0, VECTOR);
	/* Not taken, as something came before it. */
	assert_exit(true, 0, EXTERNAL, 0);
	assert_exit(true, VECTOR, EXTERNAL, VECTOR);
	assert_exit(true, nmi, EXTERNAL, nmi);
	assert_exit(true, fault, EXTERNAL, fault);
	/* Taken, and cut short. */
	assert_exit(false, EXTERNAL, 0, EXTERNAL);
	assert_exit(true, EXTERNAL, 0, EXTERNAL);
	/* QEMU: of another type, and V_IRQ still set. */
	assert_exit(true, AS_EXCEPTION, 0, EXTERNAL);
	/* Taken, and then something else that was cut short, with its number even. */
	assert_exit(false, fault, 0, fault);
	assert_exit(false, AS_EXCEPTION, 0, AS_EXCEPTION);
	assert_exit(false, EXTERNAL + 1, 0, EXTERNAL + 1);
	assert_exit(true, EXTERNAL + 1, EXTERNAL, EXTERNAL + 1);
}

/* Its delivery was a fault of the guest's, whose handler has IF clear, or is in a shadow. */
static void test_what_ended_in_a_fault(void **state)
{
	(void)state;
	for (u32 shadow = 0; shadow < 2; shadow++) {
		setup(NULL);
		enter(EXTERNAL);
		vmcb.rflags = RFLAGS_FIXED | (shadow ? RFLAGS_IF : 0);
		vmcb.interrupt_shadow = shadow ? VMCB_SHADOW : 0;
		assert_int_equal(virtual_exited(&vp), 0);
		assert_int_equal(vmcb.virtual_interrupt, OTHERS);
	}
}

#define CASE(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_what_goes_in_as_it_is),
		CASE(test_what_goes_in_as_virtual),
		CASE(test_exits),
		CASE(test_what_ended_in_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
