/*
 * The transport: pages of the fake root's RAM, hypercalls of its VP, its SIM page.
 */
#include "parent/transport.h"

#include "hv/run/msr.h"
#include "tests/host/parent/fake.h"

#define FIRST_PAGE 0x1000u
#define PAGES 0x2000u

struct parent_transport parent_transport;
static bool used[PAGES];
static u64 sim_page;

void transport_reset(void)
{
	memset(&parent_transport, 0, sizeof(parent_transport));
	memset(used, 0, sizeof(used));
	sim_page = 0;
}

static bool run_is_free(u32 place, u64 pages)
{
	for (u64 i = place; i < place + pages; i++)
		if (i >= PAGES || used[i])
			return false;
	return true;
}

u64 transport_take(u64 pages, u64 last)
{
	assert_int_not_equal(pages, 0);
	assert_int_equal(last, TRANSPORT_ANYWHERE);
	if (parent_transport.limit &&
	    parent_transport.taken + pages > parent_transport.limit)
		return 0;
	for (u32 place = 0; place < PAGES; place++) {
		u64 gpa = (u64)(FIRST_PAGE + place) << PAGE_SHIFT;

		if (!run_is_free(place, pages))
			continue;
		memset(used + place, true, pages);
		memset(guest_at(gpa), 0, pages << PAGE_SHIFT);
		parent_transport.taken += (u32)pages;
		return gpa;
	}
	return 0;
}

void transport_give(u64 gpa, u64 pages)
{
	u64 place = (gpa >> PAGE_SHIFT) - FIRST_PAGE;

	assert_int_equal(gpa % PAGE_SIZE, 0);
	for (u64 i = place; i < place + pages; i++) {
		assert_true(i < PAGES && used[i]);
		used[i] = false;
	}
	parent_transport.taken -= (u32)pages;
}

void *transport_at(u64 gpa)
{
	return guest_at(gpa);
}

bool transport_present(void)
{
	return !parent_transport.absent;
}

static void put(u32 msr, u64 value)
{
	assert_int_equal(vp_msr_write(fake_root_vp(), msr, value), MSR_OK);
}

enum transport_result transport_open(u64 kept[TRANSPORT_WORDS])
{
	if (parent_transport.refused)
		return TRANSPORT_REFUSED;
	if (!kept[0])
		kept[0] = transport_take(1, TRANSPORT_ANYWHERE);
	if (!kept[0])
		return TRANSPORT_NO_MEMORY;
	assert_false(parent_transport.open);
	parent_transport.open = true;
	sim_page = kept[0];
	put(HV_MSR_SCONTROL, 1);
	put(HV_MSR_SIMP, sim_page | HV_MSR_PAGE_ENABLE);
	put(HV_MSR_SINT0, HV_SINT_MASKED | HV_SINT_POLLING);
	return TRANSPORT_OPEN;
}

void transport_close(void)
{
	parent_transport.open = false;
}

struct transport_block transport_input(void)
{
	return (struct transport_block){ guest_at(GUEST_INPUT), GUEST_INPUT };
}

struct transport_block transport_output(void)
{
	return (struct transport_block){ guest_at(GUEST_OUTPUT), GUEST_OUTPUT };
}

u64 transport_call(u64 control, u64 input, u64 output)
{
	return guest_raw(fake_root_vp(), control, input, output, NULL);
}

/* What the root sees at that place: the SIM page lies over it. */
static struct hv_message *slot(void)
{
	struct arch_mapping m;

	assert_true(arch_space_lookup(&fake_root()->space.arch,
	                              gpa_of(sim_page), &m));
	return arch_page(m.page);
}

const struct hv_message *transport_message(void)
{
	return slot()->type == HV_MESSAGE_NONE ? NULL : slot();
}

void transport_release(void)
{
	slot()->type = HV_MESSAGE_NONE;
	if (slot()->flags & HV_MESSAGE_FLAG_PENDING)
		put(HV_MSR_EOM, 0);
}

void transport_wait(void)
{
	parent_transport.waits++;
	assert_true(parent_transport.waits < 100000);
	child_turn();
}
