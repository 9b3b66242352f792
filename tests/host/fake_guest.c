/*
 * Hypercalls and life-cycle steps of the parent.
 */
#include "tests/host/fake_guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/call/hypercall.h"
#include "tests/host/fake_sched.h"
#include "tests/host/fake_tlb.h"

#define TURNS_MAX 1000000u

u64 guest_longest;
u32 guest_turns;
static struct {
	u64 next;
	u64 free_count;
	u64 free[8192];
} arena;

u64 guest_page(void)
{
	if (arena.free_count > 0)
		return arena.free[--arena.free_count];
	assert_true(arena.next << PAGE_SHIFT < fake.reserved_base);
	return arena.next++;
}

void guest_free(u64 gpn)
{
	assert_true(arena.free_count < ARRAY_LEN(arena.free));
	arena.free[arena.free_count++] = gpn;
}

static void forget_pages(void)
{
	arena.next = GUEST_ARENA;
	arena.free_count = 0;
	guest_longest = 0;
}

struct fake_span guest_span(void)
{
	return (struct fake_span){ &arena,
		                   offsetof(typeof(arena), free) +
		                           arena.free_count * sizeof(u64) };
}

int guest_setup(void **state)
{
	forget_pages();
	return fake_setup(state);
}

enum handoff_result guest_start(const struct fake_options *options)
{
	forget_pages();
	return fake_start(options);
}

u8 *guest_at(u64 gpa)
{
	assert_true(gpa < fake.ram_bytes);
	fake_touch(gpa);
	return fake.ram + gpa;
}

static void expect_flushed(void)
{
	const char *wrong = fake_tlb_wrong();

	if (wrong)
		fail_msg("the TLB: %s", wrong);
}

static void expect_nobody_forgotten(void)
{
	const char *wrong = sched_all_wrong();

	if (wrong)
		fail_msg("the scheduler: %s", wrong);
}

u64 guest_raw(struct vp *vp, u64 control, u64 input, u64 output,
              enum exit_outcome *outcome)
{
	struct hypercall_registers call = { control, input, output, 0, false };
	enum exit_outcome o = EXIT_AGAIN;

	fake.cpu.current = vp;
	for (guest_turns = 0; o == EXIT_AGAIN; guest_turns++) {
		u64 before = fake.steps;

		assert_true(guest_turns < TURNS_MAX);
		o = hypercall_execute(vp, &call);
		expect_flushed();
		if (fake.steps - before > guest_longest)
			guest_longest = fake.steps - before;
		/* Simple calls keep their control word. */
		if (!call.is_rep)
			call.control = control;
	}
	fake.cpu.current = fake.cpu.root;
	if (outcome)
		*outcome = o;
	else
		assert_int_equal(o, EXIT_SKIP);
	expect_nobody_forgotten();
	return call.result;
}

enum hv_status guest_call(u32 code, const void *in, u32 in_size, void *out,
                          u32 out_size)
{
	return guest_rep(code, in, in_size, NULL, 0, out, out_size, 0, NULL);
}

enum hv_status guest_rep(u32 code, const void *in, u32 in_size,
                         const void *list, u32 list_size, void *out,
                         u32 out_size, u32 reps, u32 *done)
{
	u64 control = code | (u64)reps << HV_CONTROL_REP_COUNT_SHIFT;
	u64 result;

	memset(guest_at(GUEST_INPUT), 0xcc, PAGE_SIZE);
	memset(guest_at(GUEST_OUTPUT), 0xcc, PAGE_SIZE);
	if (in_size)
		memcpy(guest_at(GUEST_INPUT), in, in_size);
	if (list_size)
		memcpy(guest_at(GUEST_INPUT) + ((in_size + 7) & ~7u), list,
		       list_size);
	result = guest_raw(fake_root_vp(), control, GUEST_INPUT, GUEST_OUTPUT,
	                   NULL);
	if (out_size)
		memcpy(out, guest_at(GUEST_OUTPUT), out_size);
	if (done)
		*done = (u32)(result >> HV_RESULT_REPS_SHIFT) & 0xfff;
	return (enum hv_status)(result & HV_RESULT_STATUS);
}

/* ---- Partitions ---- */

enum hv_status guest_create(u64 *id)
{
	struct hv_input_create_partition in = { .flags = 0 };
	struct hv_output_create_partition out;
	enum hv_status status = guest_call(HVCALL_CREATE_PARTITION, &in,
	                                   sizeof(in), &out, sizeof(out));

	if (status == HV_STATUS_SUCCESS)
		*id = out.partition_id;
	return status;
}

static enum hv_status by_id(u32 code, u64 id)
{
	return guest_call(code, &id, sizeof(id), NULL, 0);
}

enum hv_status guest_initialize(u64 id)
{
	return by_id(HVCALL_INITIALIZE_PARTITION, id);
}

enum hv_status guest_finalize(u64 id)
{
	return by_id(HVCALL_FINALIZE_PARTITION, id);
}

enum hv_status guest_delete(u64 id)
{
	return by_id(HVCALL_DELETE_PARTITION, id);
}

enum hv_status guest_set_property(u64 id, u32 property, u64 value)
{
	struct hv_input_set_partition_property in = { id, property, 0, value };

	return guest_call(HVCALL_SET_PARTITION_PROPERTY, &in, sizeof(in), NULL,
	                  0);
}

enum hv_status guest_get_property(u64 id, u32 property, u64 *value)
{
	struct hv_input_get_partition_property in = { id, property, 0 };

	return guest_call(HVCALL_GET_PARTITION_PROPERTY, &in, sizeof(in), value,
	                  sizeof(*value));
}

/* ---- Pools ---- */

enum hv_status guest_deposit_page(u64 id, u64 gpn)
{
	return guest_rep(HVCALL_DEPOSIT_MEMORY, &id, sizeof(id), &gpn,
	                 sizeof(gpn), NULL, 0, 1, NULL);
}

void guest_deposit(u64 id, u32 pages)
{
	u64 list[256];

	while (pages > 0) {
		u32 now = pages < ARRAY_LEN(list) ? pages : ARRAY_LEN(list);
		u32 done;

		for (u32 i = 0; i < now; i++)
			list[i] = guest_page();
		assert_int_equal(
			guest_rep(HVCALL_DEPOSIT_MEMORY, &id, sizeof(id), list,
		                  now * (u32)sizeof(u64), NULL, 0, now, &done),
			HV_STATUS_SUCCESS);
		assert_int_equal(done, now);
		pages -= now;
	}
}

enum hv_status guest_withdraw_page(u64 id, u64 *gpn)
{
	struct hv_input_withdraw_memory in = { id, 0 };

	return guest_rep(HVCALL_WITHDRAW_MEMORY, &in, sizeof(in), NULL, 0, gpn,
	                 sizeof(*gpn), 1, NULL);
}

u32 guest_withdraw_all(u64 id)
{
	struct hv_input_withdraw_memory in = { id, 0 };
	enum hv_status status = HV_STATUS_SUCCESS;
	u32 count = 0, done;
	u64 list[256];

	while (status == HV_STATUS_SUCCESS) {
		status = guest_rep(HVCALL_WITHDRAW_MEMORY, &in, sizeof(in),
		                   NULL, 0, list, sizeof(list), ARRAY_LEN(list),
		                   &done);
		for (u32 i = 0; i < done; i++) {
			const u8 *page = guest_at(list[i] << PAGE_SHIFT);

			assert_true(
				fake_is_zero((const u64 *)(const void *)page,
			                     PAGE_SIZE / 8));
			guest_free(list[i]);
		}
		count += done;
	}
	return count;
}

enum hv_status guest_balance(u64 id, u64 *available, u64 *in_use)
{
	struct hv_input_get_memory_balance in = { id, 0 };
	struct hv_output_get_memory_balance out = { 0, 0 };
	enum hv_status status = guest_call(HVCALL_GET_MEMORY_BALANCE, &in,
	                                   sizeof(in), &out, sizeof(out));

	*available = out.pages_available;
	*in_use = out.pages_in_use;
	return status;
}

/* ---- Maps ---- */

enum hv_status guest_map(u64 id, u64 target, u64 source, u32 flags)
{
	struct hv_input_map_gpa_pages in = { id, target, flags, 0 };

	return guest_rep(HVCALL_MAP_GPA_PAGES, &in, sizeof(in), &source,
	                 sizeof(source), NULL, 0, 1, NULL);
}

enum hv_status guest_unmap(u64 id, u64 target)
{
	struct hv_input_unmap_gpa_pages in = { id, target, 0, 0 };

	return guest_rep(HVCALL_UNMAP_GPA_PAGES, &in, sizeof(in), NULL, 0, NULL,
	                 0, 1, NULL);
}

/* ---- VPs ---- */

enum hv_status guest_create_vp(u64 id, u32 index)
{
	struct hv_input_create_vp in = { .partition_id = id,
		                         .vp_index = index };

	return guest_call(HVCALL_CREATE_VP, &in, sizeof(in), NULL, 0);
}

enum hv_status guest_delete_vp(u64 id, u32 index)
{
	struct hv_input_delete_vp in = { id, index, 0 };

	return guest_call(HVCALL_DELETE_VP, &in, sizeof(in), NULL, 0);
}

enum hv_status guest_set_list(u64 id, u32 index,
                              const struct hv_register_assoc *list, u32 count,
                              u32 *done)
{
	struct hv_input_vp_registers in = { .partition_id = id,
		                            .vp_index = index };

	return guest_rep(HVCALL_SET_VP_REGISTERS, &in, sizeof(in), list,
	                 count * (u32)sizeof(*list), NULL, 0, count, done);
}

enum hv_status guest_set128(u64 id, u32 index, u32 name,
                            const union hv_register_value *value)
{
	struct hv_register_assoc assoc = { .name = name, .value = *value };

	return guest_set_list(id, index, &assoc, 1, NULL);
}

enum hv_status guest_set(u64 id, u32 index, u32 name, u64 value)
{
	union hv_register_value v = { .reg128 = { value, 0 } };

	return guest_set128(id, index, name, &v);
}

enum hv_status guest_get_list(u64 id, u32 index, const u32 *names, u32 count,
                              union hv_register_value *values, u32 *done)
{
	struct hv_input_vp_registers in = { .partition_id = id,
		                            .vp_index = index };

	return guest_rep(HVCALL_GET_VP_REGISTERS, &in, sizeof(in), names,
	                 count * (u32)sizeof(*names), values,
	                 count * (u32)sizeof(*values), count, done);
}

enum hv_status guest_get(u64 id, u32 index, u32 name,
                         union hv_register_value *value)
{
	return guest_get_list(id, index, &name, 1, value, NULL);
}

u64 guest_get64(u64 id, u32 index, u32 name)
{
	union hv_register_value v;

	assert_int_equal(guest_get(id, index, name, &v), HV_STATUS_SUCCESS);
	assert_int_equal(v.reg128[1], 0);
	return v.reg64;
}

/* ---- A whole child ---- */

u64 guest_child(u32 pages, u32 vps)
{
	u64 id = 0;

	assert_int_equal(guest_create(&id), HV_STATUS_SUCCESS);
	guest_deposit(id, pages);
	assert_int_equal(guest_initialize(id), HV_STATUS_SUCCESS);
	for (u32 i = 0; i < vps; i++)
		assert_int_equal(guest_create_vp(id, i), HV_STATUS_SUCCESS);
	return id;
}

void guest_destroy(u64 id)
{
	u64 available, in_use;

	assert_int_equal(guest_finalize(id), HV_STATUS_SUCCESS);
	assert_int_equal(guest_balance(id, &available, &in_use),
	                 HV_STATUS_SUCCESS);
	assert_int_equal(in_use, 0);
	assert_int_equal(guest_withdraw_all(id), available);
	assert_int_equal(guest_delete(id), HV_STATUS_SUCCESS);
}

struct partition *guest_partition(u64 id)
{
	struct partition *p = partition_find(id);

	assert_non_null(p);
	return p;
}
