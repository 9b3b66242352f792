/*
 * Decisions on what a VP did: emulate, intercept to the parent, or the default
 * answer (TLFS 11.8 to 11.12).
 */
#include "hv/run/exit.h"

#include "hv/arch.h"
#include "hv/base/check.h"
#include "hv/base/cpu.h"
#include "hv/base/log.h"
#include "hv/interrupt/lapic.h"
#include "hv/interrupt/synic.h"
#include "hv/memory/frame.h"
#include "hv/run/cpuid.h"
#include "hv/run/msr.h"
#include "hv/vp/debug.h"
#include "hv/vp/gva.h"
#include "hv/vp/intercept.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"
#include "include/x86.h"
#include "lib/insn.h"

#define SEGMENT_DPL(attributes) (((attributes) >> 5) & 3u)
#define TABLE_ENTRIES 512u /* of a page table */

/*
 * The instruction will be executed again. A breakpoint on it has been then, and
 * comes no second time (SDM 27.3.3, note).
 */
static void retry(struct vp *vp)
{
	const struct vp_state *s = vp_state_part(vp, VP_PART_CORE);

	/* What is being delivered has its own RF. */
	if (!(s->pending_interruption & HV_PENDING_INTERRUPTION) &&
	    !(s->rflags & RFLAGS_RF))
		vp_state_change(vp, VP_PART_CORE)->rflags |= RFLAGS_RF;
}

static void write_low(struct vp *vp, enum vp_gpr reg, u32 value)
{
	/* The upper half is zero, as behind any 32-bit write in 64-bit mode. */
	vp->state.gpr[reg] = value;
}

/* ---- Messages ---- */

void exit_fill_header(struct vp *vp, struct hv_intercept_header *header,
                      u32 instruction_length, u8 access)
{
	const struct vp_state *s =
		vp_state_part(vp, VP_PART_RIP | VP_PART_CODE);
	u64 execution = SEGMENT_DPL(s->segment[VP_SS].attributes);

	/* CPL is SS.DPL; in real mode there is none (SDM 24.4.1). */
	if (s->cr0 & CR0_PE)
		execution |= HV_EXECUTION_CR0_PE;
	else
		execution &= ~3ull;
	if (s->cr0 & CR0_AM)
		execution |= HV_EXECUTION_CR0_AM;
	if (s->efer & EFER_LMA)
		execution |= HV_EXECUTION_EFER_LMA;
	if (s->dr7 & 0xff)
		execution |= HV_EXECUTION_DEBUG_ACTIVE;
	if (s->pending_interruption & HV_PENDING_INTERRUPTION)
		execution |= HV_EXECUTION_INTERRUPTION_PENDING;
	if (s->interrupt_state & HV_INTERRUPT_STATE_SHADOW)
		execution |= HV_EXECUTION_INTERRUPT_SHADOW;
	header->vp_index = vp->index;
	header->instruction_length =
		(u8)((instruction_length & 0xf) | (lapic_cr8(vp) & 0xf) << 4);
	header->access_type = access;
	header->execution_state = (u16)execution;
	header->cs = s->segment[VP_CS];
	header->rip = s->rip;
	header->rflags = s->rflags;
}

/* The VP's message, emptied, for a payload of `size` bytes. */
static void *message_begin(struct vp *vp, u32 type, u32 size)
{
	struct hv_message *m = &vp->message;

	/* A VP whose message waits is suspended: it cannot have exited. */
	CHECK(!list_linked(&vp->message_link) && size <= HV_MESSAGE_PAYLOAD);
	*m = (struct hv_message){ .type = type,
		                  .payload_size = (u8)size,
		                  .sender = vp->partition->id };
	return m->payload;
}

/* Suspends the VP and sends its message to the parent's VP 0 (D25). */
static enum exit_outcome message_send(struct vp *vp)
{
	/* First: delivering it may wake the parent, which may ask at once. */
	vp->intercept_suspend = HV_SUSPENDED;
	synic_send(partition_parent_vp(vp->partition), vp);
	return EXIT_SUSPENDED;
}

/* ---- CPUID ---- */

static enum exit_outcome intercept_cpuid(struct vp *vp, const u32 regs[4],
                                         u32 length)
{
	const u64 *gpr = vp->state.gpr;
	struct hv_cpuid_intercept *m =
		message_begin(vp, HV_MESSAGE_CPUID_INTERCEPT, sizeof(*m));

	exit_fill_header(vp, &m->header, length, HV_INTERCEPT_EXECUTE);
	m->rax = gpr[VP_RAX];
	m->rcx = gpr[VP_RCX];
	m->rdx = gpr[VP_RDX];
	m->rbx = gpr[VP_RBX];
	m->default_rax = regs[0];
	m->default_rbx = regs[1];
	m->default_rcx = regs[2];
	m->default_rdx = regs[3];
	return message_send(vp);
}

enum exit_outcome exit_cpuid(struct vp *vp, u32 instruction_length)
{
	u32 leaf = (u32)vp->state.gpr[VP_RAX];
	u32 regs[4];

	/* Also for an intercept: the message has what the parent may give unchanged. */
	cpuid_answer(vp, leaf, (u32)vp->state.gpr[VP_RCX], regs);
	if (intercept_has_cpuid(vp->partition, leaf))
		return intercept_cpuid(vp, regs, instruction_length);
	write_low(vp, VP_RAX, regs[0]);
	write_low(vp, VP_RBX, regs[1]);
	write_low(vp, VP_RCX, regs[2]);
	write_low(vp, VP_RDX, regs[3]);
	return EXIT_SKIP;
}

/* ---- MSRs ---- */

/* Its parent wants none of it: a constant, or the MSR is not there. */
static enum exit_outcome default_msr(struct vp *vp, u8 access)
{
	u64 value;

	if (!msr_default((u32)vp->state.gpr[VP_RCX], &value))
		return EXIT_FAULT_GP;
	if (access == HV_INTERCEPT_READ) {
		write_low(vp, VP_RAX, (u32)value);
		write_low(vp, VP_RDX, (u32)(value >> 32));
	}
	return EXIT_SKIP;
}

/* What is left when nobody emulates the MSR. */
static enum exit_outcome unknown_msr(struct vp *vp, u8 access, u32 length)
{
	struct hv_msr_intercept *m;
	u32 installed = vp->partition->msr_access;

	/* The root has the processor's own, by a table of arch/ (root_msr.c). */
	if (vp->is_root)
		return EXIT_NATIVE;
	if (!(installed &
	      (access == HV_INTERCEPT_WRITE ? HV_INTERCEPT_ACCESS_WRITE
	                                    : HV_INTERCEPT_ACCESS_READ)))
		return default_msr(vp, access);
	m = message_begin(vp, HV_MESSAGE_MSR_INTERCEPT, sizeof(*m));
	exit_fill_header(vp, &m->header, length, access);
	m->msr = (u32)vp->state.gpr[VP_RCX];
	m->rdx = vp->state.gpr[VP_RDX];
	m->rax = vp->state.gpr[VP_RAX];
	return message_send(vp);
}

enum exit_outcome exit_rdmsr(struct vp *vp, u32 instruction_length)
{
	u32 msr = (u32)vp->state.gpr[VP_RCX];
	u64 value;
	enum msr_result r = vp_msr_read(vp, msr, &value);

	if (r == MSR_UNKNOWN)
		return unknown_msr(vp, HV_INTERCEPT_READ, instruction_length);
	if (r == MSR_FAULT)
		return EXIT_FAULT_GP;
	write_low(vp, VP_RAX, (u32)value);
	write_low(vp, VP_RDX, (u32)(value >> 32));
	return EXIT_SKIP;
}

enum exit_outcome exit_wrmsr(struct vp *vp, u32 instruction_length)
{
	u32 msr = (u32)vp->state.gpr[VP_RCX];
	u64 value = (vp->state.gpr[VP_RDX] << 32) | (u32)vp->state.gpr[VP_RAX];
	enum msr_result r = vp_msr_write(vp, msr, value);

	if (r == MSR_UNKNOWN)
		return unknown_msr(vp, HV_INTERCEPT_WRITE, instruction_length);
	return r == MSR_OK ? EXIT_SKIP : EXIT_FAULT_GP;
}

/* ---- I/O ports ---- */

static enum exit_outcome intercept_io(struct vp *vp, const struct exit_io *io)
{
	struct hv_io_port_intercept *m =
		message_begin(vp, HV_MESSAGE_IO_PORT_INTERCEPT, sizeof(*m));
	const struct vp_state *s = &vp->state;

	exit_fill_header(vp, &m->header, io->instruction_length,
	                 io->in ? HV_INTERCEPT_READ : HV_INTERCEPT_WRITE);
	m->port = io->port;
	m->access_info =
		(u8)(io->size | (io->string ? HV_IO_ACCESS_STRING : 0) |
	             (io->rep ? HV_IO_ACCESS_REP : 0));
	m->rax = s->gpr[VP_RAX];
	if (io->string) {
		vp_state_part(vp, VP_PART_SEGMENTS);
		m->ds = s->segment[VP_DS];
		m->es = s->segment[VP_ES];
		m->rcx = s->gpr[VP_RCX];
		m->rsi = s->gpr[VP_RSI];
		m->rdi = s->gpr[VP_RDI];
	}
	return message_send(vp);
}

/* Reads find an open bus: all ones (TLFS 11.9). */
static void default_in(struct vp *vp, u32 size)
{
	u64 ones = size == 4 ? 0xffffffff : BIT(size * 8) - 1;
	u64 *rax = &vp->state.gpr[VP_RAX];

	/* Bytes of RAX that the port does not have stay, but for EAX (SDM vol. 1, 3.4.1.1). */
	*rax = size == 4 ? ones : *rax | ones;
}

/*
 * String instructions move memory, which is the parent's to emulate: where the
 * port is not intercepted they are an unsupported feature of the child.
 */
enum exit_outcome exit_io(struct vp *vp, const struct exit_io *io)
{
	u32 access = io->in ? HV_INTERCEPT_ACCESS_READ
	                    : HV_INTERCEPT_ACCESS_WRITE;

	if (intercept_has_port(vp->partition, io->port, io->size, access))
		return intercept_io(vp, io);
	if (io->string)
		return exit_unsupported(vp, HV_UNSUPPORTED_INTERCEPT, io->port);
	if (io->in)
		default_in(vp, io->size);
	return EXIT_SKIP;
}

/* ---- Exceptions and memory ---- */

enum exit_outcome exit_exception(struct vp *vp, const struct exit_exception *e)
{
	struct hv_exception_intercept *m =
		message_begin(vp, HV_MESSAGE_EXCEPTION_INTERCEPT, sizeof(*m));
	const struct vp_state *s = vp_state_part(vp, VP_PART_SEGMENTS);

	/* It changes what the header shows of the interrupt shadow: so before that. */
	if (e->vector == VECTOR_DB)
		debug_intercepted(vp);
	exit_fill_header(vp, &m->header, e->instruction_length,
	                 HV_INTERCEPT_EXECUTE);
	m->vector = e->vector;
	m->exception_info = e->has_error ? HV_EXCEPTION_ERROR_CODE_VALID : 0;
	m->error_code = e->error;
	if (e->vector == VECTOR_PF || e->vector == VECTOR_DB)
		m->parameter = e->parameter;
	m->ds = s->segment[VP_DS];
	m->ss = s->segment[VP_SS];
	arch_copy(m->gpr, s->gpr, sizeof(m->gpr));
	return message_send(vp);
}

/* Above all RAM, and nothing of it is mapped yet. */
static bool is_unknown(const struct arch_space *space, u64 base, u64 size)
{
	struct arch_mapping mapping;
	gpa_t at = gpa_of(base);
	u32 budget = 2 * TABLE_ENTRIES;
	enum arch_next next;

	if (base < frame_ram_end() || (base + size) >> PAGE_SHIFT > gpa_limit())
		return false;
	next = arch_space_next(space, &at, &mapping, &budget);
	return next == ARCH_NEXT_END || at.v >= base + size;
}

/*
 * Memory of devices comes by the GiB: it is mapped in the largest piece around the
 * address, so that few pages of the pool go into tables, and few exits are made.
 */
static bool map_device(struct arch_space *space, u64 gpa)
{
	static const u64 pieces[] = { 1ull << 30, 2ull << 20 };
	u64 page = gpa & ~(u64)(PAGE_SIZE - 1);

	/* is_unknown asks for each: a large piece must not cover RAM, or pages of ours. */
	for (u32 i = 0; i < ARRAY_LEN(pieces); i++) {
		u64 base = gpa & ~(pieces[i] - 1);

		if (is_unknown(space, base, pieces[i]) &&
		    arch_space_map_identity(space, base, pieces[i]))
			return true;
	}
	return page >> PAGE_SHIFT < gpa_limit() &&
	       frame_owner(hpa_of(page)) == FRAME_NONE &&
	       arch_space_map_identity(space, page, PAGE_SIZE);
}

/*
 * The root reaches what we do not know of: a device above the memory map
 * is given to it, what is the hypervisor's is not (TLFS 11.8: #MC).
 */
static enum exit_outcome root_memory(struct vp *vp, const struct exit_memory *m)
{
	if (!m->mapped && map_device(&vp->partition->space.arch, m->gpa.v)) {
		retry(vp);
		return EXIT_AGAIN;
	}
	log_line("root: access to %x refused", m->gpa.v);
	return EXIT_FAULT_MC;
}

/* Bytes that the instruction at RIP loads or stores; 0: not known. */
static u32 access_size(struct vp *vp)
{
	u8 bytes[INSN_MAX];
	struct insn insn;
	u32 count = gva_fetch(vp, bytes, sizeof(bytes));

	return insn_decode(bytes, count, gva_code_width(vp), &insn) ? insn.size
	                                                            : 0;
}

/* An access to the local APIC's page, where nothing is mapped. */
static bool carried_out(struct vp *vp, const struct exit_memory *e)
{
	u32 size = 0;

	if (e->mapped || e->walk || e->access == HV_INTERCEPT_EXECUTE ||
	    !lapic_is_page(vp, e->gpa.v))
		return false;
	/* The processor did not make the access: its breakpoints are ours to find. */
	if (debug_has_breakpoints(vp))
		size = access_size(vp);
	if (!lapic_emulate(vp, e->gpa.v))
		return false;
	if (size && e->gva_valid)
		debug_data(vp, e->gva, size, e->access == HV_INTERCEPT_WRITE);
	return true;
}

/*
 * The instruction whose operand is there, by the guest's own tables, as the parent would
 * find it. Not of an access that is the processor's: of a walk, or of the delivery of an
 * event; nor where the instruction itself is to be fetched.
 */
static void fill_bytes(struct vp *vp, const struct exit_memory *e,
                       struct hv_memory_intercept *m)
{
	if (e->walk || e->access == HV_INTERCEPT_EXECUTE ||
	    (m->header.execution_state & HV_EXECUTION_INTERRUPTION_PENDING))
		return;
	m->instruction_byte_count =
		(u8)gva_fetch(vp, m->instruction_bytes, INSN_MAX);
}

enum exit_outcome exit_memory(struct vp *vp, const struct exit_memory *e)
{
	struct hv_memory_intercept *m;

	/* There was no memory for the tables of an overlay page, and now there is. */
	if (gpa_overlay_show(&vp->partition->space, e->gpa.v >> PAGE_SHIFT)) {
		retry(vp);
		return EXIT_AGAIN;
	}
	/* An overlay page refuses a write: the guest's own fault (TLFS 3.13) */
	if ((e->mapped || vp->is_root) &&
	    gpa_has_overlay(&vp->partition->space, e->gpa.v >> PAGE_SHIFT))
		return EXIT_FAULT_GP;
	if (vp->is_root)
		return root_memory(vp, e);
	/* What the parent maps there is memory, as anywhere (docs). */
	if (carried_out(vp, e))
		return EXIT_AGAIN;
	/* Before the header: the parent sees RFLAGS as the VP will have them. */
	retry(vp);
	m = message_begin(vp,
	                  e->mapped ? HV_MESSAGE_GPA_INTERCEPT
	                            : HV_MESSAGE_UNMAPPED_GPA,
	                  sizeof(*m));
	exit_fill_header(vp, &m->header, e->instruction_length, e->access);
	m->cache_type = 6; /* write-back */
	m->access_info = e->gva_valid ? HV_MEMORY_ACCESS_GVA_VALID : 0;
	m->gva = e->gva_valid ? e->gva : 0;
	m->gpa = e->gpa.v;
	fill_bytes(vp, e, m);
	return message_send(vp);
}

/* ---- The rest ---- */

enum exit_outcome exit_halt(struct vp *vp)
{
	/* Its activity is the hardware's: it is entered halted (sched_plan). */
	if (vp->is_root)
		vp->cpu->root_halted = true;
	else
		vp->state.activity |= HV_ACTIVITY_HALT_SUSPEND;
	return EXIT_HALTED;
}

/* The VP's state is lost: no register needs to be right. */
enum exit_outcome exit_machine_check(struct vp *vp)
{
	log_line("partition %u VP %u: machine check", vp->partition->id,
	         (u64)vp->index);
	return exit_triple_fault(vp);
}

enum exit_outcome exit_triple_fault(struct vp *vp)
{
	struct hv_intercept_header *header = message_begin(
		vp, HV_MESSAGE_UNRECOVERABLE_EXCEPTION, sizeof(*header));

	exit_fill_header(vp, header, 0, HV_INTERCEPT_EXECUTE);
	return message_send(vp);
}

enum exit_outcome exit_invalid_state(struct vp *vp)
{
	/* Without a header: it is the state that cannot be described (TLFS 16). */
	struct hv_invalid_vp_register *m = message_begin(
		vp, HV_MESSAGE_INVALID_VP_REGISTER_VALUE, sizeof(*m));

	m->vp_index = vp->index;
	return message_send(vp);
}

enum exit_outcome exit_unsupported(struct vp *vp,
                                   enum hv_unsupported_feature feature,
                                   u64 parameter)
{
	struct hv_unsupported_feature_message *m =
		message_begin(vp, HV_MESSAGE_UNSUPPORTED_FEATURE, sizeof(*m));

	m->vp_index = vp->index;
	m->feature = feature;
	m->parameter = parameter;
	return message_send(vp);
}
