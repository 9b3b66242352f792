/*
 * What ends a child, or makes it wait: a triple fault, registers that do not go
 * together, a task switch, HLT.
 */
#include "parent/vp.h"
#include "tests/guest/lib/child.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/root/intercepts/intercepts.h"

static struct child child;

/* ---- The end of a child ---- */

void intercepts_triple_fault(void)
{
	static const u8 code[] = { UD2 };
	const struct hv_intercept_header *h =
		(const struct hv_intercept_header *)child.message.payload;

	MUST(intercepts_create(&child, code, sizeof(code)));
	MUST(child_set_segment(&child, HV_REGISTER_IDTR, 0, 0, 0, 0));
	MUST(child_run_to(&child, HV_MESSAGE_UNRECOVERABLE_EXCEPTION));
	intercepts_check_message(&child, HV_MESSAGE_UNRECOVERABLE_EXCEPTION,
	                         sizeof(*h));
	intercepts_check_header(h, 0, HV_INTERCEPT_EXECUTE, CHILD_CODE);
	child_destroy(&child);
}

/* Each register for itself is good: they do not go together (D27). */
void intercepts_impossible_registers(void)
{
	static const u8 code[] = { HLT };
	const struct hv_invalid_vp_register *m =
		(const struct hv_invalid_vp_register *)child.message.payload;

	MUST(intercepts_create(&child, code, sizeof(code)));
	MUST(child_set(&child, HV_REGISTER_CR4, 0)); /* LMA without PAE */
	MUST(child_run_to(&child, HV_MESSAGE_INVALID_VP_REGISTER_VALUE));
	intercepts_check_message(&child, HV_MESSAGE_INVALID_VP_REGISTER_VALUE,
	                         sizeof(*m));
	EXPECT_EQUAL(m->vp_index, 0);
	EXPECT_EQUAL(m->rsvd, 0);
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_RIP), CHILD_CODE);
	/* Put right it runs. */
	MUST(child_set(&child, HV_REGISTER_CR4, 0x620));
	MUST(child_go(&child) && intercepts_halts(&child));
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_RIP), CHILD_CODE + 1);
	child_destroy(&child);
}

void intercepts_task_switch(void)
{
	static const u8 code[] = { 0xea, LE32(0), LE16(0x18) }; /* jmp far */
	static const u64 gdt[] = {
		0, 0x00cf9b000000ffff, 0x00cf93000000ffff,
		0x0000890040000067, /* an available TSS at 0x4000 */
	};
	const struct hv_unsupported_feature_message *m =
		(const struct hv_unsupported_feature_message *)
			child.message.payload;
	struct hv_register_assoc gdtr = { .name = HV_REGISTER_GDTR };

	MUST(intercepts_create(&child, code, sizeof(code)));
	MUST(child_set(&child, HV_REGISTER_EFER, 0));
	MUST(child_set_protected(&child, CHILD_CODE));
	child_put(&child, 0x2000, gdt, sizeof(gdt));
	gdtr.value.table.base = 0x2000;
	gdtr.value.table.limit = sizeof(gdt) - 1;
	MUST(EXPECT_SUCCESS(vp_set_registers(child.id, 0, &gdtr, 1, NULL)));
	MUST(child_run_to(&child, HV_MESSAGE_UNSUPPORTED_FEATURE));
	EXPECT_EQUAL(m->vp_index, 0);
	EXPECT_EQUAL(m->feature, HV_UNSUPPORTED_TASK_SWITCH);
	child_destroy(&child);
}

/* ---- HLT ---- */

void intercepts_halt_waits(void)
{
	static const u8 code[] = { HLT, INC_MEM(MARK), JMP_BACK(8) };

	MUST(intercepts_create(&child, code, sizeof(code)));
	MUST(child_go(&child));
	MUST(intercepts_halts(&child));
	EXPECT(!child_next_message(&child.message, 1000));
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_INTERNAL_ACTIVITY_STATE),
	             HV_ACTIVITY_HALT_SUSPEND);
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_RIP), CHILD_CODE + 1);
	EXPECT_EQUAL(intercepts_mark(&child), 0);
	/* Each time the parent ends the halt it gets to the next one. */
	for (u32 i = 1; i < 4; i++) {
		MUST(child_set(&child, HV_REGISTER_INTERNAL_ACTIVITY_STATE, 0));
		MUST(intercepts_halts(&child));
		EXPECT_EQUAL(intercepts_mark(&child), i);
	}
	child_destroy(&child);
}

/* An interrupt from the parent ends it too; the handler is the child's own. */
void intercepts_halt_ends_by_interrupt(void)
{
	static const u8 code[] = { HLT, MOV_AX16(0x77), OUT_EAX(PORT), HLT };
	static const u8 handler[] = { MOV_AX16(0x66), OUT_EAX(PORT), IRET };
	static const u8 gate[] = { LE16(0x1200), LE16(0) };
	u64 rax;

	MUST(intercepts_create(&child, code, sizeof(code)));
	MUST(child_set(&child, HV_REGISTER_EFER, 0));
	MUST(child_set_real(&child, CHILD_CODE));
	MUST(child_intercept_out(&child, PORT));
	child_put(&child, 0x1200, handler, sizeof(handler));
	child_put(&child, 0x40 * 4, gate, sizeof(gate));
	/* IF is needed: it is an external interrupt. */
	MUST(child_set(&child, HV_REGISTER_RFLAGS, RFLAGS_FIXED | 0x200));
	MUST(child_go(&child));
	MUST(intercepts_halts(&child));
	EXPECT(!child_next_message(&child.message, 1000));
	MUST(child_set(&child, HV_REGISTER_PENDING_INTERRUPTION,
	               HV_PENDING_INTERRUPTION |
	                       0x40ull << HV_PENDING_VECTOR_SHIFT));
	MUST(child_run_to_out(&child, PORT, &rax));
	EXPECT_EQUAL(rax & 0xffff, 0x66);
	MUST(child_run_to_out(&child, PORT, &rax));
	EXPECT_EQUAL(rax & 0xffff, 0x77);
	EXPECT_EQUAL(child_get(&child, HV_REGISTER_PENDING_INTERRUPTION), 0);
	child_destroy(&child);
}
