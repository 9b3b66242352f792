/*
 * A child at an instruction whose operand is a device's.
 */
#include "tests/host/parent/mmio_child.h"

#include <stdio.h>

#include "include/x86.h"

struct child_step mmio_step[2];
struct vp *mmio_vp;

/* Behind the instruction that is tested the child prints AL, and the run ends. */
void mmio_make(u32 vps)
{
	char line[64];

	memset(mmio_step, 0, sizeof(mmio_step));
	mmio_step[1] = (struct child_step){ .port = 0xe9,
		                            .size = 1,
		                            .from_rax = true };
	child_program = mmio_step;
	child_steps = ARRAY_LEN(mmio_step);
	front_put("child.img", "code", 4);
	snprintf(line, sizeof(line), "create child.img mem=1 vps=%u", vps);
	assert_int_equal(hvctl(line), HVCTL_DONE);
	mmio_vp = guest_partition(2)->vps[0];
}

void mmio_put(u64 gpa, u64 value)
{
	memcpy(child_at(2, gpa, sizeof(value)), &value, sizeof(value));
}

/* Memory is itself up to 2 MiB; then the bank's page, and two apart for code. */
static void make_tables(void)
{
	mmio_put(0x80000, 0x81000 | PTE_RW);
	mmio_put(0x81000, 0x82000 | PTE_RW);
	mmio_put(0x82000, PTE_RW | PTE_LARGE);
	mmio_put(0x82008, MMIO_PT | PTE_RW);
	mmio_put(MMIO_PT, BANK_GPA | PTE_RW);
	mmio_put(MMIO_PT + 8, 0x20000 | PTE_RW);
	mmio_put(MMIO_PT + 16, 0x30000 | PTE_RW);
	mmio_put(0x84000, 0x82000 | PTE_P);
	/* By 32-bit paging two entries are in one word. */
	mmio_put(0x85000, (PTE_RW | PTE_LARGE) | (0x86000ull | PTE_RW) << 32);
	mmio_put(0x86000, BANK_GPA | PTE_RW);
}

struct vp_state *mmio_begin_at(u64 rip)
{
	struct vp_state *s = vp_state_write(mmio_vp);

	bank_fill();
	make_tables();
	s->cr0 = CR0_PE | CR0_PG | CR0_ET | CR0_NE;
	s->cr3 = 0x80000;
	s->cr4 = CR4_PAE;
	s->efer = EFER_LONG;
	s->segment[VP_CS] = (struct hv_segment){ .limit = ~0u,
		                                 .attributes = RIGHTS_CODE_64 };
	s->rip = child_base = rip;
	s->rflags = RFLAGS_FIXED;
	s->interrupt_state = 0;
	s->gpr[VP_RAX] = MMIO_RAX;
	s->gpr[VP_RBX] = MMIO_LINEAR;
	return s;
}

struct vp_state *mmio_begin(void)
{
	return mmio_begin_at(MMIO_CODE);
}

void mmio_place(const u8 *code, u32 length, u64 gpa)
{
	memcpy(mmio_step[0].code, code, length);
	mmio_step[0].length = (u8)length;
	memcpy(child_at(2, gpa, length), code, length);
}

void mmio_runs(void)
{
	assert_int_equal(hvctl("run 2 for=1 quiet"), HVCTL_DONE);
	assert_int_equal(mmio_vp->state.rip,
	                 child_base + mmio_step[0].length + 2);
}
