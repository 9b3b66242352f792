/*
 * Hypercalls on memory pools (TLFS 7) and GPA spaces (TLFS 8).
 */
#include "hv/arch.h"
#include "hv/base/check.h"
#include "hv/call/hypercall.h"
#include "hv/memory/frame.h"
#include "hv/vp/partition.h"

/* A pool's owner as the caller may name it: a child, or the root itself. */
static enum hv_status find_pool(struct hypercall_frame *f, u64 id,
                                struct partition **p)
{
	struct partition *from = f->from;

	if ((id == HV_PARTITION_ID_SELF || id == from->id) && !from->parent) {
		*p = from;
		return HV_STATUS_SUCCESS;
	}
	return partition_find_child(from, id, p);
}

/* Tables that splitting large pages may take in one turn: each is a lot of work. */
#define DEPOSIT_TABLES 3

/*
 * The page leaves the caller's map, and is the hypervisor's; but nothing touches
 * it before the turn is settled, as the caller may be able to reach it until then.
 * Only the root has the privilege, so the caller's map is the identity.
 */
enum hv_status hvcall_deposit_memory(struct hypercall_frame *f)
{
	const struct hv_input_deposit_memory *in = f->in;
	const u64 *gpn = f->in_rep;
	hpa_t page = hpa_of_page(*gpn);
	struct partition *p;
	enum hv_status status = find_pool(f, in->partition_id, &p);

	if (status != HV_STATUS_SUCCESS)
		return status;
	if (p->state != PARTITION_ACTIVE && p->state != PARTITION_UNINITIALIZED)
		return HV_STATUS_INVALID_PARTITION_STATE;
	if (*gpn >= gpa_limit() || *gpn == 0 || frame_owner(page) != FRAME_ROOT)
		return HV_STATUS_OPERATION_DENIED;
	if (frame_mappings(page) || gpa_has_overlay(&f->from->space, *gpn))
		return HV_STATUS_OBJECT_IN_USE;
	f->spent += arch_space_missing(&f->from->space.arch, gpa_of(page.v));
	f->dear = f->spent >= DEPOSIT_TABLES;
	if (!arch_space_unmap(&f->from->space.arch, gpa_of(page.v))) {
		/* The pages before it may be what it needs. */
		f->again = f->rep > f->first;
		return f->again ? HV_STATUS_SUCCESS
		                : HV_STATUS_INSUFFICIENT_MEMORY;
	}
	frame_set_owner(page, FRAME_DEPOSITED);
	return HV_STATUS_SUCCESS;
}

void hvcall_deposit_settle(struct hypercall_frame *f, u32 end)
{
	const struct hv_input_deposit_memory *in = f->in;
	const u64 *list = (const u64 *)(in + 1);
	struct partition *p;

	CHECK(find_pool(f, in->partition_id, &p) == HV_STATUS_SUCCESS);
	arch_space_flush(&f->from->space.arch);
	for (u32 i = f->first; i < end; i++)
		pool_add(&p->pool, hpa_of_page(list[i]));
}

enum hv_status hvcall_withdraw_memory(struct hypercall_frame *f)
{
	const struct hv_input_withdraw_memory *in = f->in;
	u64 *gpn = f->out_rep;
	struct partition *p;
	hpa_t page;
	enum hv_status status = find_pool(f, in->partition_id, &p);

	if (status != HV_STATUS_SUCCESS)
		return status;
	if (in->proximity)
		return HV_STATUS_INVALID_PARAMETER;
	if (!pool_withdraw(&p->pool, &page))
		return HV_STATUS_NO_RESOURCES;
	/* The tables that held its place were kept when it was unmapped. */
	if (!gpa_put_back(&f->from->space, page)) {
		pool_add(&p->pool, page);
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
	struct partition *p;
	enum hv_status status = find_pool(f, in->partition_id, &p);

	if (status != HV_STATUS_SUCCESS)
		return status;
	if (in->proximity)
		return HV_STATUS_INVALID_PARAMETER;
	out->pages_available = p->pool.available;
	out->pages_in_use = p->pool.in_use;
	return HV_STATUS_SUCCESS;
}

/* ---- GPA space ---- */

/*
 * The root's own map is the identity and stays it: S1 22.4 takes these calls
 * from it, and "operation denied" says why.
 */
static enum hv_status find_space(struct hypercall_frame *f, u64 id,
                                 struct partition **p)
{
	if (id == HV_PARTITION_ID_SELF || id == f->from->id)
		return f->from->parent ? HV_STATUS_ACCESS_DENIED
		                       : HV_STATUS_OPERATION_DENIED;
	return partition_find_active(f->from, id, p);
}

enum hv_status hvcall_map_gpa_pages(struct hypercall_frame *f)
{
	const struct hv_input_map_gpa_pages *in = f->in;
	const u64 *source = f->in_rep;
	u64 gpn = in->target_gpa_base + f->rep;
	struct partition *p;
	u32 rights;
	enum hv_status status = find_space(f, in->partition_id, &p);

	if (status != HV_STATUS_SUCCESS)
		return status;
	if (!gpa_rights(in->map_flags, &rights) || gpn < f->rep ||
	    gpn >= gpa_limit() || *source >= gpa_limit())
		return HV_STATUS_INVALID_PARAMETER;
	if (frame_owner(hpa_of_page(*source)) != FRAME_ROOT ||
	    gpa_has_overlay(&f->from->space, *source))
		return HV_STATUS_OPERATION_DENIED;
	status = gpa_map(&p->space, gpn, hpa_of_page(*source), rights);
	if (status == HV_STATUS_SUCCESS)
		partition_changed(p);
	return status;
}

enum hv_status hvcall_unmap_gpa_pages(struct hypercall_frame *f)
{
	const struct hv_input_unmap_gpa_pages *in = f->in;
	u64 gpn = in->target_gpa_base + f->rep;
	struct partition *p;
	enum hv_status status = find_space(f, in->partition_id, &p);

	if (status != HV_STATUS_SUCCESS)
		return status;
	if (in->unmap_flags || gpn < f->rep || gpn >= gpa_limit())
		return HV_STATUS_INVALID_PARAMETER;
	gpa_unmap(&p->space, gpn);
	partition_changed(p);
	return HV_STATUS_SUCCESS;
}

/* Of both calls: the partition is what their input begins with. */
void hvcall_gpa_settle(struct hypercall_frame *f, u32 end)
{
	const u64 *partition_id = f->in;
	struct partition *p;

	(void)end;
	CHECK(find_space(f, *partition_id, &p) == HV_STATUS_SUCCESS);
	arch_space_flush(&p->space.arch);
}

/* ---- ReadGpa, WriteGpa ---- */

static enum hv_status access_prepare(struct hypercall_frame *f, u64 id,
                                     u32 vp_index, u64 gpa, u32 bytes,
                                     struct partition **p)
{
	enum hv_status status = partition_find_active(f->from, id, p);

	if (status != HV_STATUS_SUCCESS)
		return status;
	if (vp_index >= PARTITION_VPS || !(*p)->vps[vp_index])
		return HV_STATUS_INVALID_VP_INDEX;
	if (bytes < 1 || bytes > 16 || gpa % PAGE_SIZE + bytes > PAGE_SIZE ||
	    gpa >> PAGE_SHIFT >= gpa_limit())
		return HV_STATUS_INVALID_PARAMETER;
	return HV_STATUS_SUCCESS;
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
	struct partition *p;
	const void *from;
	enum hv_status status;

	status = access_prepare(f, in->partition_id, in->vp_index, in->gpa,
	                        in->byte_count, &p);
	if (status != HV_STATUS_SUCCESS)
		return status;
	from = access_pin(p, in->gpa, in->byte_count, ARCH_READ,
	                  &answer.result);
	if (from)
		arch_copy(answer.data, from, in->byte_count);
	*out = answer;
	return HV_STATUS_SUCCESS;
}

enum hv_status hvcall_write_gpa(struct hypercall_frame *f)
{
	const struct hv_input_write_gpa *in = f->in;
	struct hv_output_write_gpa *out = f->out;
	struct hv_output_write_gpa answer = { .result = 0 };
	struct partition *p;
	enum hv_status status;
	void *to;

	status = access_prepare(f, in->partition_id, in->vp_index, in->gpa,
	                        in->byte_count, &p);
	if (status != HV_STATUS_SUCCESS)
		return status;
	to = access_pin(p, in->gpa, in->byte_count, ARCH_WRITE, &answer.result);
	if (to)
		arch_copy(to, in->data, in->byte_count);
	*out = answer;
	return HV_STATUS_SUCCESS;
}
