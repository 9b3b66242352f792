/*
 * What a VP did that needs the hypervisor, in plain C: the hardware part
 * decodes an exit, these functions decide, the hardware part carries the
 * outcome out. Rules: TLFS 11.8 to 11.12 (interface: root passes through, a
 * child gets an intercept or the default answer).
 */
#ifndef HV_EXIT_H
#define HV_EXIT_H

#include "hv/base/addr.h"
#include "include/tlfs.h"

struct vp;

enum exit_outcome {
	EXIT_AGAIN,     /* resume at the same instruction */
	EXIT_SKIP,      /* the instruction is done: advance RIP, resume */
	EXIT_SUSPENDED, /* the VP waits for its parent; RIP stays */
	EXIT_HALTED,    /* RIP advanced past HLT; the VP waits */
	EXIT_FAULT_UD,  /* inject #UD */
	EXIT_FAULT_GP,  /* inject #GP(0) */
	EXIT_FAULT_MC,  /* inject #MC (root only) */
	EXIT_NATIVE,    /* root only: the hardware part passes it through */
};

/* CPUID with the leaf in RAX and RCX; writes RAX RBX RCX RDX. */
enum exit_outcome exit_cpuid(struct vp *vp, u32 instruction_length);

/* RDMSR, WRMSR of ECX. EXIT_NATIVE: not ours, the root may have the real one. */
enum exit_outcome exit_rdmsr(struct vp *vp, u32 instruction_length);
enum exit_outcome exit_wrmsr(struct vp *vp, u32 instruction_length);

struct exit_io {
	u16 port;
	u8 size; /* 1, 2, 4 */
	bool in;
	bool string;
	bool rep;
	u32 instruction_length;
};
/* IN, OUT, INS, OUTS of a child. */
enum exit_outcome exit_io(struct vp *vp, const struct exit_io *io);

struct exit_exception {
	u8 vector;
	bool has_error;
	u32 error;
	u64 parameter; /* of #PF the address, of #DB its causes (debug.h) */
	u32 instruction_length;
};
/*
 * An exception that the parent intercepts (partition->exceptions). DR6 has the
 * causes of #DB already.
 */
enum exit_outcome exit_exception(struct vp *vp, const struct exit_exception *e);

struct exit_memory {
	gpa_t gpa;
	u64 gva;
	bool gva_valid;
	u8 access;   /* HV_INTERCEPT_READ, _WRITE, _EXECUTE */
	bool mapped; /* mapped, but without the right */
	bool walk;   /* by the processor, for the guest's page tables */
	u32 instruction_length;
};
/* An access that the GPA space does not allow (EPT violation, nested page fault). */
enum exit_outcome exit_memory(struct vp *vp, const struct exit_memory *m);

/* HLT of a child. */
enum exit_outcome exit_halt(struct vp *vp);

/* A child cannot go on: always an intercept to its parent. */
enum exit_outcome exit_triple_fault(struct vp *vp);
enum exit_outcome exit_machine_check(struct vp *vp);
enum exit_outcome exit_invalid_state(struct vp *vp);
enum exit_outcome exit_unsupported(struct vp *vp, enum hv_unsupported_feature f,
                                   u64 parameter);

/* Builds a message header for vp's present state (TLFS 16). */
void exit_fill_header(struct vp *vp, struct hv_intercept_header *header,
                      u32 instruction_length, u8 access);

#endif
