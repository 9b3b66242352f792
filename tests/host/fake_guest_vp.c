/*
 * A guest on its VP.
 */
#include "tests/host/fake_guest_vp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/interrupt/lapic.h"
#include "hv/run/msr.h"
#include "include/x86_apic.h"

u64 guest_child_of_zeros(u64 pages)
{
	u64 id = guest_child(60, 1);

	for (u64 gpn = 0; gpn < pages; gpn++) {
		u64 page = guest_page();

		memset(guest_at(page << PAGE_SHIFT), 0, PAGE_SIZE);
		assert_int_equal(guest_map(id, gpn, page, 7),
		                 HV_STATUS_SUCCESS);
	}
	return id;
}

void *guest_memory(struct vp *vp, u64 gpa)
{
	struct arch_mapping m;

	assert_true(gpa_lookup(&vp->partition->space, gpa >> PAGE_SHIFT, &m));
	return (u8 *)arch_page(m.page) + gpa % PAGE_SIZE;
}

void guest_store(struct vp *vp, u64 gpa, u64 value, u32 bytes)
{
	memcpy(guest_memory(vp, gpa), &value, bytes);
}

void guest_write_msr(struct vp *vp, u32 msr, u64 value)
{
	assert_int_equal(msr_write(vp, msr, value), MSR_OK);
}

u64 guest_read_msr(struct vp *vp, u32 msr)
{
	u64 value = 0xdead;

	assert_int_equal(msr_read(vp, msr, &value), MSR_OK);
	return value;
}

void guest_write_apic(struct vp *vp, u32 msr, u64 value)
{
	assert_true(lapic_write_msr(vp, msr, value));
}

u64 guest_read_apic(struct vp *vp, u32 msr)
{
	u64 value = 0xdead;

	assert_true(lapic_read_msr(vp, msr, &value));
	return value;
}

/* A bit of the eight registers of 32 vectors each. */
static bool has_vector(struct vp *vp, u32 first, u32 vector)
{
	return *vp_apic_register(vp, first + vector / 32 * 16) >> vector % 32 &
	       1;
}

bool guest_irr(struct vp *vp, u32 vector)
{
	return has_vector(vp, LAPIC_IRR, vector);
}

bool guest_isr(struct vp *vp, u32 vector)
{
	return has_vector(vp, LAPIC_ISR, vector);
}

u32 guest_take_ticks(struct vp *vp, u8 vector)
{
	u32 n = 0;

	for (lapic_timer_update(vp); lapic_pending(vp) == vector; n++) {
		lapic_accept(vp, vector);
		lapic_eoi(vp);
		lapic_timer_update(vp);
	}
	return n;
}

void *guest_overlay(struct vp *vp, u64 gpn)
{
	struct arch_mapping m;

	assert_true(arch_space_lookup(&vp->partition->space.arch,
	                              gpa_of_page(gpn), &m));
	assert_int_equal(m.rights & (ARCH_READ | ARCH_WRITE),
	                 ARCH_READ | ARCH_WRITE);
	return arch_page(m.page);
}

struct hv_message *guest_slot(struct vp *vp, u64 gpn, u32 sint)
{
	return (struct hv_message *)guest_overlay(vp, gpn) + sint;
}

struct hv_message guest_take_message(struct vp *vp, u64 gpn, u32 sint)
{
	struct hv_message *slot = guest_slot(vp, gpn, sint), m = *slot;

	slot->type = HV_MESSAGE_NONE;
	if (m.type != HV_MESSAGE_NONE && (m.flags & HV_MESSAGE_FLAG_PENDING))
		guest_write_msr(vp, HV_MSR_EOM, 0);
	return m;
}

void guest_has_pdptes(const struct vp *vp, u64 first, u64 step)
{
	for (u32 i = 0; i < 4; i++)
		assert_int_equal(vp->state.pdpte[i], first + step * i);
}
