/*
 * Hypercalls on memory pools (TLFS 7) and GPA spaces (TLFS 8).
 */
#include "hv/arch.h"
#include "hv/base/check.h"
#include "hv/call/hypercall.h"
#include "hv/memory/frame.h"
#include "hv/vp/partition.h"

/* Tables that splitting large pages may take in one turn: each is a lot of work. */
#define DEPOSIT_TABLES 3

/*
 * The page leaves the caller's map, and is the hypervisor's; but nothing touches
 * it before the turn is settled, as the caller may be able to reach it until then.
 * Only the root has the privilege, so the caller's map is the identity.
 */
enum hv_status hvcall_deposit_memory(struct hypercall_frame *f)
{
	const u64 *gpn = f->in_rep;
	hpa_t page = hpa_of_page(*gpn);

	/* Page 0 ends the lists of pools, so no pool can have it. */
	if (*gpn >= gpa_limit() || *gpn == 0 || frame_owner(page) != FRAME_ROOT)
		return HV_STATUS_OPERATION_DENIED;
	/* A child, or the caller itself, would reach what is to be the hypervisor's. */
	if (frame_mappings(page) || gpa_has_overlay(&f->from->space, *gpn))
		return HV_STATUS_OBJECT_IN_USE;
	f->spent += arch_space_missing(&f->from->space.arch, gpa_of(page.v));
	f->ends_turn = f->spent >= DEPOSIT_TABLES;
	if (!arch_space_unmap(&f->from->space.arch, gpa_of(page.v))) {
		/* The pages before it may be what it needs. */
		f->again = f->rep > f->first;
		return f->again ? HV_STATUS_SUCCESS
		                : HV_STATUS_INSUFFICIENT_MEMORY;
	}
	frame_set_owner(page, FRAME_DEPOSITED);
	return HV_STATUS_SUCCESS;
}

/*
 * One flush for the turn. Only behind it are the pages ours alone: pool_add threads its
 * list through them, where the caller must not write any more.
 */
void hvcall_deposit_settle(struct hypercall_frame *f, u32 end)
{
	const struct hv_input_deposit_memory *in = f->in;
	const u64 *list = (const u64 *)(in + 1);

	arch_space_flush(&f->from->space.arch);
	for (u32 i = f->first; i < end; i++)
		pool_add(&f->target->pool, hpa_of_page(list[i]));
}

enum hv_status hvcall_withdraw_memory(struct hypercall_frame *f)
{
	const struct hv_input_withdraw_memory *in = f->in;
	u64 *gpn = f->out_rep;
	hpa_t page;

	if (in->proximity)
		return HV_STATUS_INVALID_PARAMETER;
	if (!pool_withdraw(&f->target->pool, &page))
		return HV_STATUS_NO_RESOURCES;
	/* The tables that held its place were kept when it was unmapped. */
	if (!gpa_put_back(&f->from->space, page)) {
		pool_add(&f->target->pool, page);
		return HV_STATUS_NO_RESOURCES;
	}
	frame_set_owner(page, FRAME_ROOT);
	*gpn = page.v >> PAGE_SHIFT;
	return HV_STATUS_SUCCESS;
}

enum hv_status hvcall_get_memory_balance(struct hypercall_frame *f)
{
	const struct hv_input_get_memory_balance *in = f->in;
	struct hv_output_get_memory_balance *out = f->out;

	if (in->proximity)
		return HV_STATUS_INVALID_PARAMETER;
	out->pages_available = f->target->pool.available;
	out->pages_in_use = f->target->pool.in_use;
	return HV_STATUS_SUCCESS;
}

/* ---- GPA space ---- */

enum hv_status hvcall_map_gpa_pages(struct hypercall_frame *f)
{
	const struct hv_input_map_gpa_pages *in = f->in;
	const u64 *source = f->in_rep;
	u64 gpn = in->target_gpa_base + f->rep;
	u32 rights;

	/* `gpn < rep`: the sum has turned over. */
	if (!gpa_rights(in->map_flags, &rights) || gpn < f->rep ||
	    gpn >= gpa_limit() || *source >= gpa_limit())
		return HV_STATUS_INVALID_PARAMETER;
	/* RAM of the root alone: no device, no page of ours, and none that an overlay hides. */
	if (frame_owner(hpa_of_page(*source)) != FRAME_ROOT ||
	    gpa_has_overlay(&f->from->space, *source))
		return HV_STATUS_OPERATION_DENIED;
	return gpa_map(&f->target->space, gpn, hpa_of_page(*source), rights);
}

enum hv_status hvcall_unmap_gpa_pages(struct hypercall_frame *f)
{
	const struct hv_input_unmap_gpa_pages *in = f->in;
	u64 gpn = in->target_gpa_base + f->rep;

	if (in->unmap_flags || gpn < f->rep || gpn >= gpa_limit())
		return HV_STATUS_INVALID_PARAMETER;
	gpa_unmap(&f->target->space, gpn);
	return HV_STATUS_SUCCESS;
}

/* ---- ReadGpa, WriteGpa ---- */

/* One page at most: an access that crosses would have two results. */
static bool access_is_valid(u64 gpa, u32 bytes)
{
	return bytes >= 1 && bytes <= 16 &&
	       gpa % PAGE_SIZE + bytes <= PAGE_SIZE &&
	       gpa >> PAGE_SHIFT < gpa_limit();
}

/* NULL with the reason when the access is not possible. */
static void *access_pin(struct partition *p, u64 gpa, u32 bytes, u32 rights,
                        u32 *result)
{
	struct arch_mapping m;
	void *at = NULL;

	if (gpa_has_overlay(&p->space, gpa >> PAGE_SHIFT))
		*result = HV_ACCESS_GPA_ILLEGAL_OVERLAY;
	else if (!gpa_lookup(&p->space, gpa >> PAGE_SHIFT, &m))
		*result = HV_ACCESS_GPA_UNMAPPED;
	else if ((m.rights & rights) != rights)
		*result = rights & ARCH_WRITE ? HV_ACCESS_GPA_WRITE_INTERCEPT
		                              : HV_ACCESS_GPA_READ_INTERCEPT;
	else
		at = gpa_pin(&p->space, gpa_of(gpa), bytes, rights);
	if (at)
		*result = HV_ACCESS_GPA_SUCCESS;
	return at;
}

enum hv_status hvcall_read_gpa(struct hypercall_frame *f)
{
	const struct hv_input_read_gpa *in = f->in;
	struct hv_output_read_gpa *out = f->out;
	struct hv_output_read_gpa answer = { .result = 0 };
	const void *from;

	if (!access_is_valid(in->gpa, in->byte_count))
		return HV_STATUS_INVALID_PARAMETER;
	from = access_pin(f->target, in->gpa, in->byte_count, ARCH_READ,
	                  &answer.result);
	if (from)
		arch_copy(answer.data, from, in->byte_count);
	/* At once: the block is guest memory, which is written and never read. */
	*out = answer;
	return HV_STATUS_SUCCESS;
}

enum hv_status hvcall_write_gpa(struct hypercall_frame *f)
{
	const struct hv_input_write_gpa *in = f->in;
	struct hv_output_write_gpa *out = f->out;
	struct hv_output_write_gpa answer = { .result = 0 };
	void *to;

	if (!access_is_valid(in->gpa, in->byte_count))
		return HV_STATUS_INVALID_PARAMETER;
	to = access_pin(f->target, in->gpa, in->byte_count, ARCH_WRITE,
	                &answer.result);
	if (to)
		arch_copy(to, in->data, in->byte_count);
	*out = answer;
	return HV_STATUS_SUCCESS;
}
