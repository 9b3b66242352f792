/*
 * Long rows of calls on several partitions, against a model written from the
 * interface: who is in which state, which process is open, what each call must
 * answer. The world is checked against the model, not the other way round.
 */
#include "tests/fuzz/fuzz_model.h"

#include <string.h>

#define STEPS_MAX 96u

static struct model m;

/* ---- The life of a partition ---- */

static void op_create(struct fuzz_in *in, struct model_partition *p)
{
	(void)in;
	if (p->state != MODEL_NONE)
		return;
	model_become(p, 0, MODEL_UNINITIALIZED);
	FUZZ_CHECK(guest_create(&p->id) == HV_STATUS_SUCCESS);
	FUZZ_CHECK(p->id > m.last_id);
	m.last_id = p->id;
}

static void op_deposit(struct fuzz_in *in, struct model_partition *p)
{
	u32 count = fuzz_below(in, 40);
	u64 page;

	if (count > m.pages_left)
		return;
	if (model_is(p, BIT(MODEL_UNINITIALIZED) | BIT(MODEL_ACTIVE))) {
		guest_deposit(p->id, count);
		m.pages_left -= count;
		return;
	}
	page = guest_page();
	FUZZ_CHECK(guest_deposit_page(p->id, page) == model_state_status(p, 0));
	guest_free(page);
}

/* Uninitialized ones as well (D28): the pages that nothing uses. */
static void op_withdraw(struct fuzz_in *in, struct model_partition *p)
{
	u64 available, in_use, page;
	enum hv_status status = guest_balance(p->id, &available, &in_use);

	(void)in;
	FUZZ_CHECK(status == model_id_status(p));
	if (status != HV_STATUS_SUCCESS) {
		FUZZ_CHECK(guest_withdraw_page(p->id, &page) == status);
		return;
	}
	FUZZ_CHECK(guest_withdraw_all(p->id) == available);
	m.pages_left += (u32)available;
	FUZZ_CHECK(guest_withdraw_page(p->id, &page) == HV_STATUS_NO_RESOURCES);
}

static void op_initialize(struct fuzz_in *in, struct model_partition *p)
{
	enum hv_status expected =
		model_state_status(p, BIT(MODEL_UNINITIALIZED));

	(void)in;
	if (!expected && model_available(p) < 1)
		expected = HV_STATUS_INSUFFICIENT_MEMORY;
	FUZZ_CHECK(guest_initialize(p->id) == expected);
	if (!expected)
		p->state = MODEL_ACTIVE;
}

static void op_finalize(struct fuzz_in *in, struct model_partition *p)
{
	enum hv_status expected = model_state_status(p, BIT(MODEL_ACTIVE));

	(void)in;
	FUZZ_CHECK(guest_finalize(p->id) == expected);
	if (expected)
		return;
	model_become(p, p->id, MODEL_FINALIZED);
}

static void op_delete(struct fuzz_in *in, struct model_partition *p)
{
	enum hv_status expected = model_state_status(
		p, BIT(MODEL_UNINITIALIZED) | BIT(MODEL_FINALIZED));
	u64 available, in_use;

	(void)in;
	if (!expected) {
		FUZZ_CHECK(!guest_balance(p->id, &available, &in_use));
		if (available || in_use)
			expected = HV_STATUS_OPERATION_DENIED;
	}
	FUZZ_CHECK(guest_delete(p->id) == expected);
	if (!expected)
		p->state = MODEL_NONE;
}

/* ---- VPs and maps ---- */

static void op_create_vp(struct fuzz_in *in, struct model_partition *p)
{
	u32 index = fuzz_below(in, MODEL_VPS);
	enum hv_status expected = model_state_status(p, BIT(MODEL_ACTIVE));

	if (!expected && (p->vps & BIT(index)))
		expected = HV_STATUS_INVALID_VP_INDEX;
	/* The first one brings the page of the reference TSC, and the last one takes it
	 * along: no guest here switches it on. */
	if (!expected && model_available(p) < 1 + VP_PAGES + !p->vps)
		expected = HV_STATUS_INSUFFICIENT_MEMORY;
	FUZZ_CHECK(guest_create_vp(p->id, index) == expected);
	if (expected)
		return;
	p->vps |= BIT(index);
	model_changed(p);
}

static void op_delete_vp(struct fuzz_in *in, struct model_partition *p)
{
	u32 index = fuzz_below(in, MODEL_VPS);
	enum hv_status expected = model_vp_status(p, index);

	FUZZ_CHECK(guest_delete_vp(p->id, index) == expected);
	if (expected)
		return;
	p->vps &= ~BIT(index);
	p->running &= ~BIT(index);
	model_changed(p);
}

/* D16, D23: refused while half a restore is in the memory. */
static void op_suspend(struct fuzz_in *in, struct model_partition *p)
{
	u32 index = fuzz_below(in, MODEL_VPS);
	u64 value = fuzz_below(in, 4) != 0;
	enum hv_status expected = model_vp_status(p, index);

	if (!expected && !value && p->half)
		expected = HV_STATUS_INVALID_PARTITION_STATE;
	FUZZ_CHECK(guest_set(p->id, index, HV_REGISTER_EXPLICIT_SUSPEND,
	                     value) == expected);
	if (expected)
		return;
	p->running &= ~BIT(index);
	p->running |= value ? 0 : BIT(index);
	model_changed(p);
}

static void op_register(struct fuzz_in *in, struct model_partition *p)
{
	u32 index = fuzz_below(in, MODEL_VPS);
	u64 value = fuzz_u16(in);
	enum hv_status expected = model_vp_status(p, index);

	FUZZ_CHECK(guest_set(p->id, index, HV_REGISTER_RAX, value) == expected);
	if (expected)
		return;
	FUZZ_CHECK(guest_get64(p->id, index, HV_REGISTER_RAX) == value);
	model_changed(p);
}

static void op_map(struct fuzz_in *in, struct model_partition *p)
{
	u32 gpn = fuzz_below(in, MODEL_PAGES);
	enum hv_status expected = model_state_status(p, BIT(MODEL_ACTIVE));
	enum hv_status status =
		guest_map(p->id, gpn, m.source + fuzz_below(in, 8), 7);

	/* How many tables there are is not the interface's business. */
	if (!expected && status == HV_STATUS_INSUFFICIENT_MEMORY) {
		FUZZ_CHECK(model_available(p) < 3 && p->mapped == 0);
		return;
	}
	FUZZ_CHECK(status == expected);
	if (expected)
		return;
	p->mapped |= BIT(gpn);
	model_changed(p);
}

static void op_unmap(struct fuzz_in *in, struct model_partition *p)
{
	u32 gpn = fuzz_below(in, MODEL_PAGES);
	enum hv_status expected = model_state_status(p, BIT(MODEL_ACTIVE));

	FUZZ_CHECK(guest_unmap(p->id, gpn) == expected);
	if (expected)
		return;
	p->mapped &= ~BIT(gpn);
	model_changed(p);
}

/* The caller's own pool: what the contexts of processes are made of. */
static void op_drain(struct fuzz_in *in, struct model_partition *p)
{
	struct pool *pool = &fake_root()->pool;
	u32 left = fuzz_below(in, 6);

	(void)p;
	if (m.drained_count) {
		while (m.drained_count)
			pool_free(pool, m.drained[--m.drained_count]);
		return;
	}
	/* Taking pages away behind its back is how a pool runs dry here. */
	while (pool->available > left && m.drained_count < MODEL_DRAIN_MAX)
		m.drained[m.drained_count++] = pool_alloc(pool);
}

typedef void op(struct fuzz_in *in, struct model_partition *p);

static void op_save(struct fuzz_in *in, struct model_partition *p)
{
	model_save(&m, in, p);
}

static void op_restore(struct fuzz_in *in, struct model_partition *p)
{
	model_restore(&m, in, p);
}

/* Saving and restoring come often: they take many calls. */
static op *const ops[] = {
	op_save,     op_save,      op_save,       op_save,      op_save,
	op_save,     op_restore,   op_restore,    op_restore,   op_restore,
	op_restore,  op_restore,   op_create,     op_deposit,   op_withdraw,
	op_finalize, op_delete,    op_initialize, op_create_vp, op_delete_vp,
	op_suspend,  op_register,  op_map,        op_unmap,     op_drain,
	op_map,      op_create_vp, op_deposit,    op_suspend,   op_save,
};

/* What the model knows of each partition without asking for anything. */
static void check(void)
{
	for (u32 i = 0; i < MODEL_PARTITIONS; i++) {
		const struct model_partition *p = &m.partitions[i];
		const struct partition *real = partition_find(p->id);

		FUZZ_CHECK(!real == (p->state == MODEL_NONE));
		if (!real)
			continue;
		FUZZ_CHECK(real->vp_count == (u32)__builtin_popcountll(p->vps));
		FUZZ_CHECK(real->space.mapped ==
		           (u64)__builtin_popcountll(p->mapped));
		FUZZ_CHECK(p->process.open == (real->context != NULL));
		FUZZ_CHECK(real->half_restored == p->half ||
		           p->state != MODEL_ACTIVE);
		for (u32 v = 0; v < MODEL_VPS; v++)
			FUZZ_CHECK(!real->vps[v] == !(p->vps & BIT(v)));
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };

	model_begin(&m, &in);
	for (u32 i = 0; i < STEPS_MAX && in.left > 0; i++) {
		op *now = ops[fuzz_below(&in, ARRAY_LEN(ops))];
		struct model_partition *p =
			&m.partitions[fuzz_below(&in, MODEL_PARTITIONS)];

		if (m.drained_count && now == op_create)
			continue;
		/* A page that leaves the root's map may want a table. */
		if (m.drained_count &&
		    (now == op_deposit || now == op_withdraw))
			continue;
		now(&in, p);
		check();
	}
	while (m.drained_count)
		pool_free(&fake_root()->pool, m.drained[--m.drained_count]);
	fuzz_end();
	return 0;
}

size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max,
                               unsigned int seed)
{
	return fuzz_mutate_row(data, size, max, seed);
}
