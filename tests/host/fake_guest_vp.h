/*
 * What a guest does on its VP without a parent: MSRs, registers of its local APIC, the
 * pages of its SynIC. What cannot be done fails the test.
 */
#ifndef FAKE_GUEST_VP_H
#define FAKE_GUEST_VP_H

#include "tests/host/fake_guest.h"

/* A child of one VP with so many pages of zeros from GPA 0 on. */
u64 guest_child_of_zeros(u64 pages);

/* Its memory at this GPA, as far as the end of the page; a value there. */
void *guest_memory(struct vp *vp, u64 gpa);
void guest_store(struct vp *vp, u64 gpa, u64 value, u32 bytes);

/* WRMSR and RDMSR of a synthetic MSR. */
void guest_write_msr(struct vp *vp, u32 msr, u64 value);
u64 guest_read_msr(struct vp *vp, u32 msr);

/* The same of a register of the local APIC, in x2APIC mode. */
void guest_write_apic(struct vp *vp, u32 msr, u64 value);
u64 guest_read_apic(struct vp *vp, u32 msr);

/* Is this vector requested; is it in service? */
bool guest_irr(struct vp *vp, u32 vector);
bool guest_isr(struct vp *vp, u32 vector);

/* The timer's ticks that are there: each is taken and ended. How many there were. */
u32 guest_take_ticks(struct vp *vp, u8 vector);

/* A page that lies over its memory, to be read and written. */
void *guest_overlay(struct vp *vp, u64 gpn);

/* The slot of a SINT in the SIM page at this GPN. */
struct hv_message *guest_slot(struct vp *vp, u64 gpn, u32 sint);

/* Takes what is in the slot, and does as its flags say; type 0: nothing was there. */
struct hv_message guest_take_message(struct vp *vp, u64 gpn, u32 sint);

/* PDPTE i is first + step * i. */
void guest_has_pdptes(const struct vp *vp, u64 first, u64 step);

#endif
