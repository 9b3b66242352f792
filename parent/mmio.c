/*
 * Accesses to the memory of devices, an instruction at a time.
 */
#include "parent/mmio.h"

#include "include/x86.h"
#include "include/x86_operands.h"
#include "lib/walk.h"
#include "parent/memory.h"
#include "parent/vp.h"

#define GPRS 16u

/*
 * Places in the list of registers that are asked for. The first of them are in a row, as
 * the TLFS numbers them; segments have the order of their numbers in instructions.
 */
enum {
	AT_RIP = GPRS,
	AT_RFLAGS,
	AT_INTERRUPT_STATE,
	AT_PENDING,
	AT_CR0,
	AT_CR3,
	AT_CR4,
	AT_EFER,
	AT_SEGMENT,
	REGISTERS = AT_SEGMENT + VP_GS + 1,
};

struct view {
	u64 id;
	u32 vp;
	union hv_register_value value[REGISTERS];
	u64 gpr[GPRS]; /* the same as instructions want them */
};

/* ---- The VP and its memory ---- */

static enum hv_status read_registers(struct view *v)
{
	static const u32 others[] = {
		HV_REGISTER_INTERRUPT_STATE,
		HV_REGISTER_PENDING_INTERRUPTION,
		HV_REGISTER_CR0,
		HV_REGISTER_CR3,
		HV_REGISTER_CR4,
		HV_REGISTER_EFER,
	};
	enum hv_status status;
	u32 names[REGISTERS];

	for (u32 i = 0; i <= AT_RFLAGS; i++)
		names[i] = HV_REGISTER_RAX + i;
	for (u32 i = 0; i < ARRAY_LEN(others); i++)
		names[AT_INTERRUPT_STATE + i] = others[i];
	for (u32 i = VP_ES; i <= VP_GS; i++)
		names[AT_SEGMENT + i] = HV_REGISTER_ES + i;
	status = vp_get_registers(v->id, v->vp, names, REGISTERS, v->value,
	                          NULL);
	for (u32 i = 0; i < GPRS; i++)
		v->gpr[i] = v->value[i].reg64;
	return status;
}

/* Width of code: 2, 4, 8. CS.L counts in long mode alone (SDM volume 3, 3.4.5). */
static u32 code_width(const struct view *v)
{
	u16 cs = v->value[AT_SEGMENT + VP_CS].segment.attributes;

	if ((v->value[AT_EFER].reg64 & EFER_LMA) && (cs & RIGHTS_L))
		return 8;
	return cs & RIGHTS_DB ? 4 : 2;
}

/* In 64-bit mode FS and GS alone have bases; elsewhere addresses have 32 bits. */
static u64 linear_of(const struct view *v, u32 segment, u64 offset)
{
	u64 base = v->value[AT_SEGMENT + segment].segment.base;

	if (code_width(v) != 8)
		return (u32)(base + offset);
	return segment == VP_FS || segment == VP_GS ? base + offset : offset;
}

static bool read_memory(const void *context, u64 gpa, void *to, u32 bytes)
{
	enum hv_access_gpa_result access = HV_ACCESS_GPA_UNMAPPED;
	const struct view *v = context;

	return memory_read(v->id, v->vp, gpa, to, bytes, &access) ==
	               HV_STATUS_SUCCESS &&
	       access == HV_ACCESS_GPA_SUCCESS;
}

/*
 * The processor had come through these tables when it made the access, and found all
 * rights there. The entries at the top of PAE paging that it keeps are in no register:
 * those in memory are taken for them.
 */
static bool translate(const struct view *v, u64 linear, u64 *gpa)
{
	const struct walk_guest guest = {
		.cr0 = v->value[AT_CR0].reg64,
		.cr3 = v->value[AT_CR3].reg64,
		.cr4 = v->value[AT_CR4].reg64,
		.efer = v->value[AT_EFER].reg64,
		.read = read_memory,
		.context = v,
	};

	return walk_translate(&guest, linear, gpa);
}

/* As far as there are bytes: an instruction may end before a page that is missing. */
static u32 fetch(const struct view *v, u8 bytes[INSN_MAX])
{
	u64 linear = linear_of(v, VP_CS, v->value[AT_RIP].reg64), gpa;
	u32 done, count;

	for (done = 0; done < INSN_MAX; done += count) {
		if (!translate(v, linear + done, &gpa))
			break;
		count = (u32)(PAGE_SIZE - gpa % PAGE_SIZE);
		count = count < INSN_MAX - done ? count : INSN_MAX - done;
		if (!read_memory(v, gpa, bytes + done, count))
			break;
	}
	return done;
}

/* As the message has them; where it has none they are fetched. */
static u32 take_bytes(const struct view *v, const struct hv_memory_intercept *m,
                      u8 bytes[INSN_MAX])
{
	u32 count = m->instruction_byte_count;

	if (count == 0 || count > INSN_MAX)
		return fetch(v, bytes);
	__builtin_memcpy(bytes, m->instruction_bytes, count);
	return count;
}

/* ---- Is it that access? ---- */

/*
 * The message and the instruction must speak of the same bytes. They do not where the
 * access was to the tables of a walk, or to the stack of PUSH; nor where another VP has
 * written to the code since. NULL: they do.
 */
static const char *mismatch(const struct view *v, const struct insn *insn,
                            const struct hv_memory_intercept *m)
{
	bool write = m->header.access_type == HV_INTERCEPT_WRITE;
	u64 gpa, linear;

	linear = linear_of(v, insn->at.segment,
	                   insn_offset(insn, v->gpr, v->value[AT_RIP].reg64));
	/* Half of it is in memory, or another device's: no bus makes one access of that. */
	if (linear % PAGE_SIZE + insn->size > PAGE_SIZE)
		return "the access reaches into another page";
	if (!translate(v, linear, &gpa) || gpa != m->gpa)
		return "the access is not to the instruction's operand";
	if (write ? !insn_writes(insn) : !insn_reads(insn))
		return "the access is of another kind than the instruction's";
	return NULL;
}

/* Finds the instruction; NULL: there it is, else what is in the way. */
static const char *find_instruction(struct mmio *mmio, const struct view *v,
                                    const struct hv_memory_intercept *m,
                                    struct insn *insn)
{
	if (m->header.access_type == HV_INTERCEPT_EXECUTE)
		return "code is to be executed there";
	/* Then it was the processor's own: to the IDT, say, or the stack. */
	if (v->value[AT_PENDING].reg64 & HV_PENDING_INTERRUPTION)
		return "the access is of the delivery of an event";
	mmio->byte_count = take_bytes(v, m, mmio->bytes);
	if (!mmio->byte_count)
		return "the instruction cannot be read";
	if (!insn_decode(mmio->bytes, mmio->byte_count, code_width(v), insn))
		return "the instruction is not known";
	/* Its other operand is memory too, which a device does not come to. */
	if (insn->kind == INSN_PUSH)
		return "the instruction cannot be carried out";
	return mismatch(v, insn, m);
}

/* ---- What it does ---- */

static void set(struct mmio *mmio, u32 name, u64 value)
{
	struct hv_register_assoc *a = &mmio->set[mmio->set_count++];

	*a = (struct hv_register_assoc){ .name = name };
	a->value.reg64 = value;
}

/* Behind the instruction: what was for it alone, RF and the shadow, is over. */
static void set_registers(struct mmio *mmio, const struct view *v,
                          const struct insn *insn, const u64 *gpr, u64 rflags)
{
	u64 rip = v->value[AT_RIP].reg64 + insn->length;
	u64 interrupts = v->value[AT_INTERRUPT_STATE].reg64;

	for (u32 i = 0; i < GPRS; i++)
		if (gpr[i] != v->gpr[i])
			set(mmio, HV_REGISTER_RAX + i, gpr[i]);
	set(mmio, HV_REGISTER_RFLAGS, rflags & ~RFLAGS_RF);
	if (interrupts & HV_INTERRUPT_STATE_SHADOW)
		set(mmio, HV_REGISTER_INTERRUPT_STATE,
		    interrupts & ~HV_INTERRUPT_STATE_SHADOW);
	set(mmio, HV_REGISTER_RIP, code_width(v) == 8 ? rip : (u32)rip);
}

/* A row without the function reads as all ones, or drops what is written. */
static void execute(struct mmio *mmio, const struct view *v,
                    const struct insn *insn, u64 gpa)
{
	u64 rflags = v->value[AT_RFLAGS].reg64, memory = 0, gpr[GPRS];

	__builtin_memcpy(gpr, v->gpr, sizeof(gpr));
	if (insn_reads(insn))
		(void)device_read(mmio->table, mmio->states, mmio->parent,
		                  DEVICE_MEMORY, gpa, insn->size, &memory);
	memory = insn_execute(insn, gpr, &rflags, memory);
	if (insn_writes(insn))
		(void)device_write(mmio->table, mmio->states, mmio->parent,
		                   DEVICE_MEMORY, gpa, insn->size, memory);
	set_registers(mmio, v, insn, gpr, rflags);
}

enum mmio_result mmio_carry_out(struct mmio *mmio,
                                const struct hv_memory_intercept *message)
{
	struct view v = { .id = mmio->id, .vp = message->header.vp_index };
	struct insn insn;
	u32 range;

	mmio->set_count = mmio->byte_count = 0;
	mmio->why = NULL;
	mmio->device =
		device_find(mmio->table, DEVICE_MEMORY, message->gpa, &range);
	if (!mmio->device)
		return MMIO_NOBODY;
	mmio->status = read_registers(&v);
	if (mmio->status != HV_STATUS_SUCCESS)
		return MMIO_FAILED;
	mmio->why = find_instruction(mmio, &v, message, &insn);
	if (mmio->why)
		return MMIO_UNKNOWN;
	execute(mmio, &v, &insn, message->gpa);
	return MMIO_DONE;
}
