/*
 * Hypercalls on partitions (TLFS 5).
 */
#include "hv/arch.h"
#include "hv/call/finalize.h"
#include "hv/call/hypercall.h"
#include "hv/vp/partition.h"
#include "hv/vp/vp.h"

enum hv_status hvcall_create_partition(struct hypercall_frame *f)
{
	const struct hv_input_create_partition *in = f->in;
	struct hv_output_create_partition *out = f->out;
	struct partition *child;
	enum hv_status status;

	if (in->flags || in->proximity_id || in->proximity_flags ||
	    in->disabled_features[0] || in->disabled_features[1] ||
	    in->disabled_xsave || in->isolation)
		return HV_STATUS_INVALID_PARAMETER;
	status = partition_create(f->from, &child);
	if (status == HV_STATUS_SUCCESS)
		out->partition_id = child->id;
	return status;
}

enum hv_status hvcall_initialize_partition(struct hypercall_frame *f)
{
	return partition_initialize(f->target);
}

enum hv_status hvcall_finalize_partition(struct hypercall_frame *f)
{
	/* Children's pages come from its pool: they go first. */
	if (f->target->child_count > 0)
		return HV_STATUS_OPERATION_DENIED;
	f->again = !partition_finalize(f->target);
	return HV_STATUS_SUCCESS;
}

enum hv_status hvcall_delete_partition(struct hypercall_frame *f)
{
	struct partition *p = f->target;

	/* Pages of the pool are its parent's to withdraw: none is lost with it. */
	if (p->pool.available || p->pool.in_use)
		return HV_STATUS_OPERATION_DENIED;
	partition_delete(p);
	return HV_STATUS_SUCCESS;
}

/* ---- Properties ---- */

/* What a parent may give to a child. More would have no effect. */
#define GRANTABLE                                                        \
	(PARTITION_CHILD_PRIVILEGES | HV_PRIVILEGE_ACCESS_PARTITION_ID | \
	 HV_PRIVILEGE_CREATE_PARTITIONS | HV_PRIVILEGE_POST_MESSAGES |   \
	 HV_PRIVILEGE_SIGNAL_EVENTS | HV_PRIVILEGE_CREATE_PORT |         \
	 HV_PRIVILEGE_CONNECT_PORT)

static u64 get_privileges(const struct partition *p)
{
	return p->privileges;
}

static enum hv_status set_privileges(struct partition *p, u64 value)
{
	if (value & ~GRANTABLE)
		return HV_STATUS_PROPERTY_VALUE_OUT_OF_RANGE;
	p->privileges = value;
	return HV_STATUS_SUCCESS;
}

static enum hv_status set_reference_time(struct partition *p, u64 value)
{
	if (p->reference.running)
		return HV_STATUS_INVALID_PARTITION_STATE;
	p->reference.base = value;
	return HV_STATUS_SUCCESS;
}

static u64 get_vendor(const struct partition *p)
{
	(void)p;
	return arch_facts()->compat.cpu_vendor;
}

static u64 get_clflush(const struct partition *p)
{
	(void)p;
	return arch_facts()->compat.clflush;
}

/* TLFS 2.0 5.2.8: bits 0 to 15, in the order of the results 12 to 27. */
static const struct {
	u8 word;
	u8 bit;
	u8 property;
} features[] = {
	{ STREAM_FEATURE_1_ECX, 0, 0 },          /* SSE3 */
	{ STREAM_FEATURE_80000001_ECX, 0, 1 },   /* LAHF/SAHF */
	{ STREAM_FEATURE_1_ECX, 9, 2 },          /* SSSE3 */
	{ STREAM_FEATURE_1_ECX, 19, 3 },         /* SSE4.1 */
	{ STREAM_FEATURE_1_ECX, 20, 4 },         /* SSE4.2 */
	{ STREAM_FEATURE_80000001_ECX, 6, 5 },   /* SSE4a */
	{ STREAM_FEATURE_80000001_ECX, 11, 6 },  /* SSE5 */
	{ STREAM_FEATURE_1_ECX, 23, 7 },         /* POPCNT */
	{ STREAM_FEATURE_1_ECX, 13, 8 },         /* CMPXCHG16B */
	{ STREAM_FEATURE_80000001_ECX, 4, 9 },   /* ALTMOVCR8 */
	{ STREAM_FEATURE_80000001_ECX, 5, 10 },  /* LZCNT */
	{ STREAM_FEATURE_80000001_ECX, 7, 11 },  /* misaligned SSE */
	{ STREAM_FEATURE_80000001_EDX, 22, 12 }, /* MMX extensions */
	{ STREAM_FEATURE_80000001_EDX, 31, 13 }, /* 3DNow! */
	{ STREAM_FEATURE_80000001_EDX, 30, 14 }, /* extended 3DNow! */
	{ STREAM_FEATURE_80000001_EDX, 26, 15 }, /* 1-GiB pages */
};

static u64 get_features(const struct partition *p)
{
	const struct stream_compat *c = &arch_facts()->compat;
	u64 value = 0;

	(void)p;
	for (u32 i = 0; i < ARRAY_LEN(features); i++)
		if (c->features[features[i].word] & BIT(features[i].bit))
			value |= BIT(features[i].property);
	return value;
}

/* Bit 0 XSAVE, 1 XSAVEOPT, 2 AVX. */
static u64 get_xsave(const struct partition *p)
{
	const struct arch_facts *facts = arch_facts();

	(void)p;
	if (!facts->has_xsave)
		return 0;
	return 1 | (facts->compat.features[STREAM_FEATURE_D_1_EAX] & 1) << 1 |
	       (facts->compat.xcr0 & BIT(2));
}

/* D18: whether a stream has the child's memory in it. */
static u64 get_save_memory(const struct partition *p)
{
	return p->save_memory;
}

static enum hv_status set_save_memory(struct partition *p, u64 value)
{
	if (value > 1)
		return HV_STATUS_PROPERTY_VALUE_OUT_OF_RANGE;
	p->save_memory = value;
	return HV_STATUS_SUCCESS;
}

/*
 * `early`: there before InitializePartition. `saved`: a stream depends on it, so setting
 * it ends an open process. No set function: read-only.
 */
static const struct property {
	u32 code;
	bool early;
	bool saved;
	u64 (*get)(const struct partition *p);
	enum hv_status (*set)(struct partition *p, u64 value);
} properties[] = {
	{ HV_PROPERTY_PRIVILEGE_FLAGS, true, false, get_privileges,
	  set_privileges },
	{ HV_PROPERTY_REFERENCE_TIME, false, true, reference_time,
	  set_reference_time },
	{ HV_PROPERTY_PROCESSOR_VENDOR, true, false, get_vendor, NULL },
	{ HV_PROPERTY_PROCESSOR_FEATURES, true, false, get_features, NULL },
	{ HV_PROPERTY_XSAVE_FEATURES, true, false, get_xsave, NULL },
	{ HV_PROPERTY_CLFLUSH_SIZE, true, false, get_clflush, NULL },
	{ HV_PROPERTY_STASIS_SAVE_MEMORY, true, true, get_save_memory,
	  set_save_memory },
};

static const struct property *find_property(u32 code)
{
	for (u32 i = 0; i < ARRAY_LEN(properties); i++)
		if (properties[i].code == code)
			return &properties[i];
	return NULL;
}

/* The state rules are the same for reading and writing. */
static enum hv_status property_prepare(const struct hypercall_frame *f,
                                       u32 code,
                                       const struct property **property)
{
	enum partition_state state = f->target->state;

	*property = find_property(code);
	if (!*property)
		return HV_STATUS_UNKNOWN_PROPERTY;
	if (state != PARTITION_ACTIVE &&
	    !((*property)->early && state == PARTITION_UNINITIALIZED))
		return HV_STATUS_INVALID_PARTITION_STATE;
	return HV_STATUS_SUCCESS;
}

enum hv_status hvcall_get_partition_property(struct hypercall_frame *f)
{
	const struct hv_input_get_partition_property *in = f->in;
	struct hv_output_get_partition_property *out = f->out;
	const struct property *property;
	enum hv_status status = property_prepare(f, in->property, &property);

	if (status == HV_STATUS_SUCCESS)
		out->value = property->get(f->target);
	return status;
}

enum hv_status hvcall_set_partition_property(struct hypercall_frame *f)
{
	const struct hv_input_set_partition_property *in = f->in;
	const struct property *property;
	enum hv_status status = property_prepare(f, in->property, &property);

	if (status != HV_STATUS_SUCCESS)
		return status;
	f->unchanged = !property->saved;
	return property->set ? property->set(f->target, in->value)
	                     : HV_STATUS_INVALID_PARAMETER;
}

/* ---- Ids ---- */

enum hv_status hvcall_get_partition_id(struct hypercall_frame *f)
{
	struct hv_output_get_partition_id *out = f->out;

	out->partition_id = f->from->id;
	return HV_STATUS_SUCCESS;
}

enum hv_status hvcall_get_next_child(struct hypercall_frame *f)
{
	const struct hv_input_get_next_child *in = f->in;
	struct hv_output_get_next_child *out = f->out;

	return partition_next_child(f->target, in->previous_id,
	                            &out->partition_id);
}
