/*
 * A processor with NRIP save tells where the next instruction is (APM volume 2, 15.7.1).
 * Without it only IN and OUT have that (15.10.2); of the others the opcode tells. All of
 * an instruction can be read, as the processor has just read it.
 */
#include "arch/x86_64/svm/length.h"

#include "arch/x86_64/svm/features.h"
#include "arch/x86_64/svm/opcode.h"
#include "arch/x86_64/svm/svm.h"
#include "arch/x86_64/svm/svm_arch.h"
#include "hv/vp/gva.h"
#include "lib/insn.h"

static u32 from_bytes(struct vp *vp, u64 exit_code)
{
	u8 bytes[INSN_MAX];
	u32 count = gva_fetch(vp, bytes, sizeof(bytes));

	return opcode_find(bytes, count, gva_code_width(vp)).prefixes +
	       opcode_length(exit_code);
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
	return from_bytes(vp, exit_code);
}
