/*
 * The hypercall page of a partition.
 */
#include "hv/vp/hypercall_page.h"

#include "hv/arch.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp_check.h"

enum hv_status hypercall_page_write(struct partition *p, u64 value)
{
	enum hv_status status = HV_STATUS_SUCCESS;

	if (!vp_check_hypercall_value(value))
		return HV_STATUS_INVALID_PARAMETER;
	/* To be read and executed; all partitions show the same page, so nobody
	 * may write it. */
	if (value & HV_MSR_PAGE_ENABLE)
		status = gpa_overlay_set(
			&p->space, &p->hypercall_overlay, value >> PAGE_SHIFT,
			arch_hypercall_page(), ARCH_READ | ARCH_EXECUTE);
	else
		gpa_overlay_clear(&p->space, &p->hypercall_overlay);
	if (status == HV_STATUS_SUCCESS)
		p->hypercall = value;
	return status;
}

/* The place stays in the register: who comes next may enable the page there again. */
void hypercall_page_set_os_id(struct partition *p, u64 value)
{
	p->guest_os_id = value;
	if (value == 0) {
		gpa_overlay_clear(&p->space, &p->hypercall_overlay);
		p->hypercall &= ~HV_MSR_PAGE_ENABLE;
	}
}
