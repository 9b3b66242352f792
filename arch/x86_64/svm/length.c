/*
 * A processor with NRIP save tells where the next instruction is (APM volume 2, 15.7.1).
 * Without it only IN and OUT have that (15.10.2); of the others the opcode tells. All of
 * an instruction can be read, as the processor has just read it.
 */
#include "arch/x86_64/svm/length.h"

#include "arch/x86_64/svm/features.h"
#include "arch/x86_64/svm/opcode.h"
#include "arch/x86_64/svm/run.h"
#include "arch/x86_64/svm/svm.h"
#include "hv/vp/partition.h"
#include "include/x86.h"
#include "lib/insn.h"

static bool is_code_64(const struct vmcb *v)
{
	return (v->efer & EFER_LMA) &&
	       (vmcb_rights(v->cs.attributes) & RIGHTS_L);
}

static u32 code_width(const struct vmcb *v)
{
	if (is_code_64(v))
		return 8;
	return vmcb_rights(v->cs.attributes) & RIGHTS_DB ? 4 : 2;
}

/*
 * The VMCB has the registers as they were when it exited, whatever the handler has made of
 * the state since.
 */
static u64 linear_rip(const struct vmcb *v)
{
	return is_code_64(v) ? v->rip : (u32)(v->cs.base + v->rip);
}

/*
 * Mostly the opcode is in the first page; what stands before it may end there, and go on in
 * the next.
 */
static u32 count_prefixes(struct vp *vp)
{
	const struct vmcb *v = vmcb_of(vp);
	u32 width = code_width(v), count = 0, room, found;
	u64 linear = linear_rip(v);

	do {
		const u8 *code = path_follow(&vp_svm(vp)->paths,
		                             &vp->partition->space, v, linear,
		                             run_changes());

		if (!code)
			break;
		room = (u32)(PAGE_SIZE - linear % PAGE_SIZE);
		room = room < INSN_MAX - count ? room : INSN_MAX - count;
		found = opcode_prefixes(code, room, width);
		count += found;
		linear += found;
	} while (found == room && count < INSN_MAX);
	return count;
}

/* Apart from length_of_exit, which has no use for the registers that this saves. */
__attribute__((noinline)) static u32 look(struct vp *vp, u64 exit_code)
{
	return count_prefixes(vp) + opcode_length(exit_code);
}

/* Its page is known, and it has no prefixes: so are nearly all that come here. */
static bool is_plain(struct vp *vp)
{
	const struct vmcb *v = vmcb_of(vp);
	u64 linear = linear_rip(v);
	const struct path *p =
		path_recall(&vp_svm(vp)->paths, v, linear, run_changes());

	return p &&
	       (!p->page || p->page[linear % PAGE_SIZE] == OPCODE_TWO_BYTES);
}

/* Outside 64-bit mode the next RIP may have wrapped: the lower half is compared. */
u32 length_of_exit(struct vp *vp, u64 exit_code)
{
	const struct vmcb *v = vmcb_of(vp);

	if (exit_code == SVM_EXIT_IO)
		return (u32)(v->exit_info[1] - v->rip);
	/* It is 0 behind an exit that no instruction has made (15.7.1). */
	if (features()->has_nrip && v->next_rip)
		return (u32)(v->next_rip - v->rip);
	return is_plain(vp) ? opcode_length(exit_code) : look(vp, exit_code);
}
