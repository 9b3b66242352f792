/*
 * Where an image for tests looks in: it counts what each exit would cost under
 * another hypervisor, and raises faults that a test has planted
 * (docs/testing.md). Here is nothing: of tests/tally, which has a header of this
 * name too, the compiler takes that one for build/test.
 *
 * Each function with an instruction's name is called where that is executed; some
 * of these are exits to the hypervisor below.
 */
#ifndef ARCH_TALLY_H
#define ARCH_TALLY_H

#include "hv/base/addr.h"

struct arch_space;
struct vp;

static inline void tally_vmread(u64 field)
{
	(void)field;
}

static inline void tally_vmwrite(u64 field)
{
	(void)field;
}

static inline void tally_vmxon(hpa_t page)
{
	(void)page;
}

static inline void tally_vmclear(hpa_t page)
{
	(void)page;
}

static inline void tally_vmptrld(hpa_t page)
{
	(void)page;
}

static inline void tally_invept(u64 type, u64 what)
{
	(void)type;
	(void)what;
}

static inline void tally_invvpid(u64 type, u64 what)
{
	(void)type;
	(void)what;
}

static inline void tally_cpuid(void)
{
}

static inline void tally_rdmsr(u32 msr)
{
	(void)msr;
}

static inline void tally_wrmsr(u32 msr)
{
	(void)msr;
}

static inline void tally_xsetbv(void)
{
}

/* What is no exit anywhere. */
static inline void tally_free(void)
{
}

/* MOV to or from a debug register. */
static inline void tally_debug_register(void)
{
}

/* MOV to CR0 or CR4, IN and OUT, WBINVD. */
static inline void tally_other(void)
{
}

/* The page of a VMCS is written by us. */
static inline void tally_vmcs_written(hpa_t page)
{
	(void)page;
}

/* What the processor may have cached of the space is old; and is nowhere any more. */
static inline void tally_space_changed(const struct arch_space *space)
{
	(void)space;
}

static inline void tally_space_flushed(const struct arch_space *space)
{
	(void)space;
}

/* The lock of the machine is given away, and not for an entry. */
static inline void tally_leave(void)
{
}

/* This processor has left VMX operation; by SVM there is nothing to be asked. */
static inline void tally_ended(void)
{
}

/* Before a table of a space goes. */
static inline void tally_table_freed(const struct arch_space *space)
{
	(void)space;
}

/* A space begins; its top table may have been another's. */
static inline void tally_space_new(const struct arch_space *space)
{
	(void)space;
}

/* A VP begins, and has ended: its pages are to be others'. */
static inline void tally_vp_new(const struct vp *vp)
{
	(void)vp;
}

static inline void tally_vp_gone(const struct vp *vp)
{
	(void)vp;
}

/* Before the start: handoff's word for an image of tests. */
static inline void tally_begin(u32 planted)
{
	(void)planted;
}

/* The VP has left with this exit reason; it, or another, is entered next. */
static inline void tally_exit(const struct vp *vp, u32 reason)
{
	(void)vp;
	(void)reason;
}

/* Around the world switch. */
static inline void tally_switch_begin(void)
{
}

static inline void tally_switch_end(void)
{
}

/* Before the VM entry of this VP; its VMCS is loaded. */
static inline void tally_enter(const struct vp *vp)
{
	(void)vp;
}

/* A VMCALL of the root. True: it was a question to the counters, and is answered. */
static inline bool tally_call(struct vp *vp)
{
	(void)vp;
	return false;
}

#endif
