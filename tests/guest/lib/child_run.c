/*
 * A child's registers, and running it.
 */
#include "tests/guest/lib/child.h"

#include <efilib.h>

#include "parent/partition.h"
#include "parent/uefi/synic.h"
#include "parent/vp.h"
#include "tests/guest/lib/insn.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/lib/trap.h"

#define CR0_LONG (CR0_PROTECTED | CR0_PG)
#define CR4_LONG (CR4_SSE | CR4_PAE)
#define PDE_LARGE (PTE_RW | PTE_LARGE)

static volatile u64 interrupts;

/* ---- State ---- */

void *child_at(const struct child *c, u64 gpa)
{
	return (void *)(c->memory + (gpa - c->base));
}

void child_put(const struct child *c, u64 gpa, const void *bytes, u64 size)
{
	BS->CopyMem(child_at(c, gpa), (void *)(u64)bytes, size);
}

bool child_set(const struct child *c, enum hv_register_name name, u64 value)
{
	return EXPECT_SUCCESS(vp_set_register(c->id, 0, name, value));
}

u64 child_get(const struct child *c, enum hv_register_name name)
{
	u64 value = 0;

	EXPECT_SUCCESS(vp_get_register(c->id, 0, name, &value));
	return value;
}

bool child_set_segment(const struct child *c, enum hv_register_name name,
                       u64 base, u32 limit, u16 selector, u16 attributes)
{
	struct hv_register_assoc one = { .name = name };

	one.value.segment.base = base;
	one.value.segment.limit = limit;
	one.value.segment.selector = selector;
	one.value.segment.attributes = attributes;
	return EXPECT_SUCCESS(vp_set_registers(c->id, 0, &one, 1, NULL));
}

static bool set_data_segments(const struct child *c, u32 limit, u16 selector,
                              u16 attributes)
{
	static const enum hv_register_name names[] = {
		HV_REGISTER_ES, HV_REGISTER_SS, HV_REGISTER_DS,
		HV_REGISTER_FS, HV_REGISTER_GS,
	};
	bool good = true;

	for (u32 i = 0; good && i < ARRAY_LEN(names); i++)
		good = child_set_segment(c, names[i], 0, limit, selector,
		                         attributes);
	return good;
}

bool child_set_real(const struct child *c, u64 gpa)
{
	return child_set_segment(c, HV_REGISTER_CS, gpa, 0xffff,
	                         (u16)(gpa >> 4), RIGHTS_CODE_16) &&
	       set_data_segments(c, 0xffff, 0, RIGHTS_DATA_16) &&
	       child_set(c, HV_REGISTER_CR0, CR0_REAL) &&
	       child_set(c, HV_REGISTER_RSP, CHILD_CODE) &&
	       child_set(c, HV_REGISTER_RIP, 0);
}

bool child_set_protected(const struct child *c, u64 gpa)
{
	return child_set_segment(c, HV_REGISTER_CS, 0, 0xffffffff, 8,
	                         RIGHTS_CODE_32) &&
	       set_data_segments(c, 0xffffffff, 16, RIGHTS_DATA_32) &&
	       child_set(c, HV_REGISTER_CR4, CR4_SSE) &&
	       child_set(c, HV_REGISTER_CR0, CR0_PROTECTED) &&
	       child_set(c, HV_REGISTER_RSP, CHILD_CODE) &&
	       child_set(c, HV_REGISTER_RIP, gpa);
}

/* The first GiB as it is, in pages of 2 MiB. Answers the PML4's GPA. */
static u64 build_tables(const struct child *c)
{
	u64 top = c->base + (c->pages - CHILD_TABLES) * PAGE_SIZE;
	u64 *pml4 = child_at(c, top);
	u64 *pdpt = child_at(c, top + PAGE_SIZE);
	u64 *pd = child_at(c, top + 2 * PAGE_SIZE);

	pml4[0] = (top + PAGE_SIZE) | PTE_RW;
	pdpt[0] = (top + 2 * PAGE_SIZE) | PTE_RW;
	for (u64 i = 0; i < 512; i++)
		pd[i] = i << 21 | PDE_LARGE;
	return top;
}

bool child_set_long(const struct child *c, u64 gpa, u64 stack)
{
	return child_set_segment(c, HV_REGISTER_CS, 0, 0xffffffff, 8,
	                         RIGHTS_CODE_64) &&
	       set_data_segments(c, 0xffffffff, 16, RIGHTS_DATA_32) &&
	       child_set(c, HV_REGISTER_CR3, build_tables(c)) &&
	       child_set(c, HV_REGISTER_CR4, CR4_LONG) &&
	       child_set(c, HV_REGISTER_EFER, EFER_LONG) &&
	       child_set(c, HV_REGISTER_CR0, CR0_LONG) &&
	       child_set(c, HV_REGISTER_RSP, stack) &&
	       child_set(c, HV_REGISTER_RIP, gpa);
}

bool child_intercept(const struct child *c, enum hv_intercept_type type,
                     u64 parameter, u32 access)
{
	return EXPECT_SUCCESS(
		partition_install_intercept(c->id, type, parameter, access));
}

bool child_intercept_out(const struct child *c, u16 port)
{
	return child_intercept(c, HV_INTERCEPT_TYPE_IO_PORT, port,
	                       HV_INTERCEPT_ACCESS_WRITE);
}

/* ---- Running ---- */

void child_run_begin(void)
{
	trap_count_interrupts(CHILD_MESSAGE_VECTOR, &interrupts);
}

u64 child_message_interrupts(void)
{
	return interrupts;
}

/* In one call: the VP must not run before both are said. */
bool child_go(const struct child *c)
{
	const struct hv_register_assoc both[] = {
		{ .name = HV_REGISTER_INTERCEPT_SUSPEND },
		{ .name = HV_REGISTER_EXPLICIT_SUSPEND },
	};

	return EXPECT_SUCCESS(
		vp_set_registers(c->id, 0, both, ARRAY_LEN(both), NULL));
}

bool child_stop(const struct child *c)
{
	return child_set(c, HV_REGISTER_EXPLICIT_SUSPEND, HV_SUSPENDED);
}

/*
 * HLT gives the processor to the children. The check is made with interrupts
 * off, so that the one that tells of the message ends the HLT.
 */
bool child_next_message(struct hv_message *message, u64 ticks)
{
	u64 begin = cpu_read_tsc();
	const struct hv_message *slot;

	for (;;) {
		insn_cli();
		slot = synic_poll(test_sim_page());
		if (slot) {
			*message = *slot;
			synic_release(test_sim_page());
		}
		if (slot || cpu_read_tsc() - begin > ticks) {
			insn_sti();
			return slot;
		}
		insn_sti_hlt();
	}
}

void child_let_run(u64 ticks)
{
	u64 begin = cpu_read_tsc();

	while (cpu_read_tsc() - begin < ticks)
		insn_sti_hlt();
}

bool child_wait(struct child *c)
{
	c->message.type = HV_MESSAGE_NONE;
	return EXPECT(child_next_message(&c->message, CHILD_PATIENCE)) &&
	       EXPECT_EQUAL(c->message.sender, c->id);
}

/* Looking stops nobody for long; how long it takes is the machine's affair. */
bool child_run_until(const struct child *c, u32 name, u64 value)
{
	u64 begin = cpu_read_tsc();

	while (child_get(c, name) != value) {
		if (cpu_read_tsc() - begin > CHILD_PATIENCE)
			return EXPECT_EQUAL(child_get(c, name), value);
		insn_sti_hlt();
	}
	return true;
}

bool child_run_to(struct child *c, enum hv_message_type type)
{
	return child_go(c) && child_wait(c) &&
	       EXPECT_EQUAL(c->message.type, type);
}

bool child_skip(struct child *c)
{
	const struct hv_intercept_header *h =
		(const struct hv_intercept_header *)c->message.payload;

	return child_set(c, HV_REGISTER_RIP,
	                 h->rip + (h->instruction_length & 0xf));
}

bool child_run_to_out(struct child *c, u16 port, u64 *value)
{
	const struct hv_io_port_intercept *io =
		(const struct hv_io_port_intercept *)c->message.payload;

	if (!child_run_to(c, HV_MESSAGE_IO_PORT_INTERCEPT) ||
	    !EXPECT_EQUAL(io->port, port) || !child_skip(c))
		return false;
	*value = io->rax;
	return true;
}
