/*
 * All registers of any name.
 */
#include "tests/guest/root/leak/registers.h"

#include "parent/vp.h"
#include "tests/guest/lib/test.h"

#define AREAS 16
#define AREA_NAMES 0x100

bool registers_read_one(u64 id, u32 name, union hv_register_value *v)
{
	return vp_get_registers(id, 0, &name, 1, v, NULL) == HV_STATUS_SUCCESS;
}

static void read_area(struct registers *r, u64 id, u32 first)
{
	for (u32 name = first; name < first + AREA_NAMES; name++)
		if (r->count < NAMES_MAX &&
		    registers_read_one(id, name, &r->values[r->count]))
			r->names[r->count++] = name;
}

void registers_read(struct registers *r, u64 id)
{
	r->count = 0;
	for (u32 area = 0; area < AREAS; area++)
		read_area(r, id, area << 16);
	read_area(r, id, HV_REGISTER_APIC_FIRST);
}

bool registers_is_equal(const union hv_register_value *a,
                        const union hv_register_value *b)
{
	return a->reg128[0] == b->reg128[0] && a->reg128[1] == b->reg128[1];
}

const union hv_register_value *registers_value(const struct registers *r,
                                               u32 name)
{
	static const union hv_register_value none = {
		.reg128 = { 0x1234567, 0x89abcdef }
	};

	for (u32 i = 0; i < r->count; i++)
		if (r->names[i] == name)
			return &r->values[i];
	return &none;
}

/* Where the one that is restored may be later: the TSC never stands still. */
static bool goes_on(u32 name)
{
	return name == HV_REGISTER_TSC;
}

/* The count of a timer goes down with the TSC. */
static bool counts_down(u32 name)
{
	return name == HV_REGISTER_APIC_FIRST + 0x39;
}

bool registers_expect_equal(const struct registers *target,
                            const struct registers *source)
{
	if (!EXPECT_EQUAL(target->count, source->count))
		return false;
	for (u32 i = 0; i < source->count; i++) {
		u32 name = source->names[i];
		const union hv_register_value *a = &source->values[i];
		const union hv_register_value *b = &target->values[i];

		test_context("register", name);
		if (!EXPECT_EQUAL(target->names[i], name))
			return false;
		if (goes_on(name))
			EXPECT(b->reg64 >= a->reg64);
		else if (counts_down(name))
			EXPECT(b->reg64 <= a->reg64 &&
			       (b->reg64 != 0) == (a->reg64 != 0));
		else if (!EXPECT_EQUAL(b->reg128[0], a->reg128[0]) ||
		         !EXPECT_EQUAL(b->reg128[1], a->reg128[1]))
			return false;
	}
	test_context(NULL, 0);
	return !test_failed();
}
