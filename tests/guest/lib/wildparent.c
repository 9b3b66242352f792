/*
 * Answers and disturbances.
 */
#include "tests/guest/lib/wildparent.h"

#include "parent/hvcall.h"
#include "parent/memory.h"
#include "parent/names.h"
#include "parent/uefi/synic.h"
#include "parent/vp.h"
#include "tests/guest/lib/mutate.h"
#include "tests/guest/lib/pages.h"
#include "tests/guest/lib/random.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/values.h"
#include "tests/guest/lib/wildcode.h"
#include "tests/guest/lib/wildplace.h"

#define MAPPED_MAX 4u
#define READ_EXECUTE (HV_MAP_GPA_READABLE | HV_MAP_GPA_EXECUTABLE)
#define MAY_PARAMETER WILD_MAY(HV_STATUS_INVALID_PARAMETER)
#define MAY_MEMORY WILD_MAY(HV_STATUS_INSUFFICIENT_MEMORY)

static struct child *child;
static u64 spare; /* a page for what it misses */
static u64 mapped[MAPPED_MAX];
static u32 mapped_count;
static u64 answers, disturbances;

static struct {
	u32 type;
	u64 count;
} messages[] = {
	{ HV_MESSAGE_UNMAPPED_GPA, 0 },
	{ HV_MESSAGE_GPA_INTERCEPT, 0 },
	{ HV_MESSAGE_INVALID_VP_REGISTER_VALUE, 0 },
	{ HV_MESSAGE_UNRECOVERABLE_EXCEPTION, 0 },
	{ HV_MESSAGE_UNSUPPORTED_FEATURE, 0 },
	{ HV_MESSAGE_IO_PORT_INTERCEPT, 0 },
	{ HV_MESSAGE_MSR_INTERCEPT, 0 },
	{ HV_MESSAGE_CPUID_INTERCEPT, 0 },
	{ HV_MESSAGE_EXCEPTION_INTERCEPT, 0 },
};

bool wildparent_begin(struct child *c)
{
	child = c;
	spare = page_run(1);
	return EXPECT(spare);
}

void wildparent_end(void)
{
	page_run_free(spare, 1);
}

bool wildparent_answered(enum hv_status status, u64 may)
{
	return (status < 64 && (may >> status & 1)) || EXPECT_SUCCESS(status);
}

/* ---- Pages that it misses ---- */

static bool map_spare(u64 gpa)
{
	static const u32 rights[] = { CHILD_RWX, CHILD_RWX, READ_EXECUTE,
		                      HV_MAP_GPA_READABLE };
	u64 gpn = gpa >> PAGE_SHIFT;
	enum hv_status status;

	/* Its RAM stays what it is. */
	if (mapped_count == MAPPED_MAX || gpn < WILD_PAGES)
		return true;
	status = memory_map(child->id, gpn, spare >> PAGE_SHIFT, 1,
	                    rights[random_below(ARRAY_LEN(rights))], NULL);
	if (status == HV_STATUS_SUCCESS)
		mapped[mapped_count++] = gpn;
	return wildparent_answered(status, MAY_PARAMETER | MAY_MEMORY);
}

bool wildparent_unmap(bool others)
{
	bool good = true;

	while (mapped_count)
		good &= wildparent_answered(
			memory_unmap(child->id, mapped[--mapped_count], 1),
			others ? MAY_PARAMETER : 0);
	return good;
}

/* ---- Answers ---- */

bool wildparent_take(void)
{
	const struct hv_message *slot = synic_poll(test_sim_page());

	if (!slot)
		return false;
	child->message = *slot;
	synic_release(test_sim_page());
	if (!EXPECT_EQUAL(child->message.sender, child->id))
		return false;
	for (u32 i = 0; i < ARRAY_LEN(messages); i++)
		messages[i].count += messages[i].type == child->message.type;
	return true;
}

static bool set(u32 name, u64 value)
{
	return wildparent_answered(vp_set_register(child->id, 0, name, value),
	                           MAY_PARAMETER);
}

/* Behind the instruction, as far as its length is known. */
static bool skip(void)
{
	const struct hv_intercept_header *h =
		(const struct hv_intercept_header *)child->message.payload;
	u32 length = h->instruction_length & 0xf;

	return set(HV_REGISTER_RIP,
	           h->rip + (length ? length : 1 + random_below(4)));
}

static bool jump(void)
{
	const struct hv_intercept_header *h =
		(const struct hv_intercept_header *)child->message.payload;
	u64 at = random_below(WILD_CODE_SIZE);

	return set(HV_REGISTER_RIP, h->cs.base ? at : WILD_CODE + at);
}

/* The exception goes on to the child-> */
static bool reflect(void)
{
	const struct hv_exception_intercept *e =
		(const struct hv_exception_intercept *)child->message.payload;
	u64 event = HV_PENDING_INTERRUPTION |
	            HV_PENDING_TYPE_EXCEPTION << HV_PENDING_TYPE_SHIFT |
	            (u64)e->vector << HV_PENDING_VECTOR_SHIFT;

	if (child->message.type != HV_MESSAGE_EXCEPTION_INTERCEPT)
		return skip();
	if (e->exception_info & HV_EXCEPTION_ERROR_CODE_VALID)
		event |= HV_PENDING_DELIVER_ERROR_CODE |
		         (u64)e->error_code << HV_PENDING_ERROR_SHIFT;
	return set(HV_REGISTER_PENDING_INTERRUPTION, values_event(event));
}

static bool give(void)
{
	const struct hv_memory_intercept *m =
		(const struct hv_memory_intercept *)child->message.payload;

	if (child->message.type == HV_MESSAGE_UNMAPPED_GPA)
		return map_spare(m->gpa);
	return set(HV_REGISTER_RAX, random_next()) &&
	       set(HV_REGISTER_RDX, random_next()) && skip();
}

/* A register or a few, as a debugger would. */
static bool set_registers(void)
{
	struct hv_register_assoc list[4];
	u32 count = 1 + random_below(ARRAY_LEN(list));

	for (u32 i = 0; i < count; i++)
		do
			mutate_register(&list[i]);
		while (!wildcode_breaks && list[i].name == HV_REGISTER_DR7);
	return wildparent_answered(
		vp_set_registers(child->id, 0, list, count, NULL),
		MAY_PARAMETER | MAY_MEMORY);
}

bool wildparent_answer(void)
{
	static bool (*const ways[])(void) = {
		skip,    skip,    skip, skip, jump, reflect,
		reflect, reflect, give, give, give, set_registers,
	};

	answers++;
	if (child->message.type == HV_MESSAGE_UNRECOVERABLE_EXCEPTION ||
	    child->message.type == HV_MESSAGE_INVALID_VP_REGISTER_VALUE)
		return false;
	/* As it is, so that the same comes again. */
	return random_one_in(32) || ways[random_below(ARRAY_LEN(ways))]();
}

/* ---- Disturbances ---- */

static bool interrupt(void)
{
	static const u8 types[] = { HV_INTERRUPT_FIXED,
		                    HV_INTERRUPT_FIXED,
		                    HV_INTERRUPT_LOWEST_PRIORITY,
		                    HV_INTERRUPT_NMI,
		                    HV_INTERRUPT_NMI,
		                    HV_INTERRUPT_EXTINT,
		                    HV_INTERRUPT_INIT,
		                    2 };
	struct hv_input_assert_virtual_interrupt *in =
		hvcall_input_zeroed(sizeof(*in));

	in->partition_id = child->id;
	in->type = types[random_below(sizeof(types))];
	in->control_flags = random_one_in(4) ? random_below(4) : 0;
	in->destination = random_one_in(4) ? 0xff : 0;
	in->vector = random_below(256);
	return wildparent_answered(
		hvcall_simple(HVCALL_ASSERT_VIRTUAL_INTERRUPT),
		MAY_PARAMETER | WILD_MAY(HV_STATUS_ACKNOWLEDGED));
}

/* What INIT has left waits for this. */
static bool start(void)
{
	struct hv_input_assert_virtual_interrupt *in =
		hvcall_input_zeroed(sizeof(*in));

	in->partition_id = child->id;
	in->type = HV_INTERRUPT_SIPI;
	in->vector = WILD_CODE >> PAGE_SHIFT;
	return EXPECT_SUCCESS(hvcall_simple(HVCALL_ASSERT_VIRTUAL_INTERRUPT)) &&
	       wildparent_answered(hvcall_fast(HVCALL_CLEAR_VIRTUAL_INTERRUPT,
	                                       child->id, 0),
	                           WILD_MAY(HV_STATUS_NOT_ACKNOWLEDGED));
}

static bool stop_and_change(void)
{
	return child_stop(child) && set_registers() && child_go(child);
}

static bool stop_and_look(void)
{
	return child_stop(child) && (child_get(child, HV_REGISTER_CR0), true) &&
	       child_go(child);
}

static bool read_and_write(void)
{
	u64 gpa = wildplace_any();
	u8 data[16];

	return wildparent_answered(
		       memory_read(child->id, 0, gpa, data, 16, NULL),
		       MAY_PARAMETER) &&
	       wildparent_answered(
		       memory_write(child->id, 0, gpa ^ 0x100, data, 16, NULL),
		       MAY_PARAMETER);
}

static bool remap(void)
{
	return map_spare(wildplace_any());
}

bool wildparent_disturb(void)
{
	static bool (*const ways[])(void) = {
		interrupt,     interrupt,       interrupt,      start,
		stop_and_look, stop_and_change, read_and_write, remap,
	};

	disturbances++;
	return ways[random_below(ARRAY_LEN(ways))]();
}

/* ---- What there was ---- */

void wildparent_print(void)
{
	serial_print("WILD answers %u disturbances %u\r\n", answers,
	             disturbances);
	for (u32 i = 0; i < ARRAY_LEN(messages); i++)
		serial_print("WILD %s %u\r\n",
		             names_of_message(messages[i].type)->name,
		             messages[i].count);
}
