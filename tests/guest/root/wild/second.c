/*
 * The second parent loop: what it does leaves the child's suspend bits alone, which are the
 * first one's means to have it for itself.
 */
#include "tests/guest/root/wild/second.h"

#include "parent/cpu.h"
#include "parent/hvcall.h"
#include "tests/guest/lib/mp.h"
#include "tests/guest/lib/mutate.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/processors.h"
#include "tests/guest/lib/random.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/wildcode.h"
#include "tests/guest/lib/wildparent.h"
#include "tests/guest/lib/wildplace.h"

#define MAPPED_MAX 4u
#define NAMES 8u
#define ONE (1ull << HV_CONTROL_REP_COUNT_SHIFT)
#define MAY_PARAMETER WILD_MAY(HV_STATUS_INVALID_PARAMETER)
#define MAY_MEMORY WILD_MAY(HV_STATUS_INSUFFICIENT_MEMORY)

static struct {
	bool there;
	volatile bool stop;
	struct mp_blocks blocks;
	u64 spare; /* a page for what it misses */
	u64 id;
	u64 mapped[MAPPED_MAX];
	u32 mapped_count;
	u64 calls;
} second;

static enum hv_status call(u64 control)
{
	second.calls++;
	return (enum hv_status)(hvcall_raw(control, (u64)second.blocks.in,
	                                   (u64)second.blocks.out) &
	                        HV_RESULT_STATUS);
}

/* ---- What it does ---- */

static bool interrupt(void)
{
	static const u8 types[] = { HV_INTERRUPT_FIXED,
		                    HV_INTERRUPT_FIXED,
		                    HV_INTERRUPT_LOWEST_PRIORITY,
		                    HV_INTERRUPT_NMI,
		                    HV_INTERRUPT_EXTINT,
		                    HV_INTERRUPT_INIT,
		                    HV_INTERRUPT_SIPI };
	struct hv_input_assert_virtual_interrupt *in = second.blocks.in;

	*in = (struct hv_input_assert_virtual_interrupt){
		.partition_id = second.id,
		.type = types[random_below(sizeof(types))],
		.control_flags = random_one_in(4) ? random_below(4) : 0,
		.destination = random_one_in(4) ? 0xff : 0,
		.vector = random_below(256),
	};
	/* Where it begins behind an INIT is its code, as the first one has it. */
	if (in->type == HV_INTERRUPT_SIPI) {
		in->control_flags = 0;
		in->vector = WILD_CODE >> PAGE_SHIFT;
	}
	return wildparent_answered(call(HVCALL_ASSERT_VIRTUAL_INTERRUPT),
	                           MAY_PARAMETER |
	                                   WILD_MAY(HV_STATUS_ACKNOWLEDGED));
}

static bool change(void)
{
	struct {
		struct hv_input_vp_registers head;
		struct hv_register_assoc one;
	} *in = second.blocks.in;

	in->head = (struct hv_input_vp_registers){ .partition_id = second.id };
	do
		mutate_register(&in->one);
	while (in->one.name == HV_REGISTER_EXPLICIT_SUSPEND ||
	       in->one.name == HV_REGISTER_INTERCEPT_SUSPEND ||
	       (!wildcode_breaks && in->one.name == HV_REGISTER_DR7));
	return wildparent_answered(call(HVCALL_SET_VP_REGISTERS | ONE),
	                           MAY_PARAMETER | MAY_MEMORY);
}

static bool look(void)
{
	static const u32 names[NAMES] = {
		HV_REGISTER_RIP, HV_REGISTER_CR0,
		HV_REGISTER_CS,  HV_REGISTER_PENDING_INTERRUPTION,
		HV_REGISTER_DR7, HV_REGISTER_VP_RUNTIME,
		HV_REGISTER_TR,  HV_REGISTER_XMM_CONTROL_STATUS,
	};
	struct {
		struct hv_input_vp_registers head;
		u32 names[NAMES];
	} *in = second.blocks.in;

	in->head = (struct hv_input_vp_registers){ .partition_id = second.id };
	__builtin_memcpy(in->names, names, sizeof(names));
	return EXPECT_SUCCESS(call(HVCALL_GET_VP_REGISTERS | NAMES * ONE));
}

static bool read_and_write(void)
{
	struct hv_input_write_gpa *in = second.blocks.in;

	*in = (struct hv_input_write_gpa){ .partition_id = second.id,
		                           .byte_count = 16,
		                           .gpa = wildplace_any() & ~15ull };
	return wildparent_answered(
		call(random_below(2) ? HVCALL_READ_GPA : HVCALL_WRITE_GPA),
		MAY_PARAMETER);
}

/* Its RAM stays what it is; a page in a hole is there, and gone again. */
static bool map(void)
{
	struct {
		struct hv_input_map_gpa_pages head;
		u64 page;
	} *in = second.blocks.in;
	u64 gpn = wildplace_any() >> PAGE_SHIFT;
	enum hv_status status;

	if (second.mapped_count == MAPPED_MAX || gpn < WILD_PAGES)
		return true;
	in->head = (struct hv_input_map_gpa_pages){
		.partition_id = second.id,
		.target_gpa_base = gpn,
		.map_flags = CHILD_RWX,
	};
	in->page = second.spare >> PAGE_SHIFT;
	status = call(HVCALL_MAP_GPA_PAGES | ONE);
	if (status == HV_STATUS_SUCCESS)
		second.mapped[second.mapped_count++] = gpn;
	return wildparent_answered(status, MAY_PARAMETER | MAY_MEMORY);
}

static bool unmap(void)
{
	struct hv_input_unmap_gpa_pages *in = second.blocks.in;

	if (!second.mapped_count)
		return true;
	*in = (struct hv_input_unmap_gpa_pages){
		.partition_id = second.id,
		.target_gpa_base = second.mapped[--second.mapped_count],
	};
	/* The first one may have taken back what it had there itself. */
	return wildparent_answered(call(HVCALL_UNMAP_GPA_PAGES | ONE),
	                           MAY_PARAMETER);
}

static void disturb(void *argument)
{
	static bool (*const ways[])(void) = {
		interrupt, interrupt,      change, look,
		look,      read_and_write, map,    unmap,
	};

	(void)argument;
	while (!second.stop && ways[random_below(ARRAY_LEN(ways))]())
		cpu_pause();
	while (second.mapped_count && unmap())
		;
}

/* ---- Its beginning and end ---- */

static void begin_row(void *argument)
{
	random_seed(*(const u64 *)argument);
}

bool second_begin(u64 seed)
{
	second.there = processors_count() > 1;
	if (!second.there)
		return true;
	second.spare = page_run(1);
	if (!EXPECT(second.spare) || !mp_blocks_begin(&second.blocks) ||
	    !mp_begin_whole())
		return false;
	mp_start(begin_row, &seed);
	mp_wait();
	return true;
}

void second_end(void)
{
	if (!second.there)
		return;
	mp_end();
	mp_blocks_end(&second.blocks);
	page_run_free(second.spare, 1);
}

bool second_is_there(void)
{
	return second.there;
}

void second_go(const struct child *child)
{
	if (!second.there)
		return;
	second.id = child->id;
	second.stop = false;
	mp_start(disturb, NULL);
}

bool second_stop(void)
{
	if (!second.there)
		return true;
	second.stop = true;
	mp_wait();
	return !test_failed();
}

void second_print(void)
{
	if (second.there)
		serial_print("WILD calls of the second processor %u\r\n",
		             second.calls);
}
