/*
 * States that emulators get a guest into, and no processor.
 */
#include "tests/guest/root/wild/emulator.h"

#include "include/x86.h"
#include "parent/vp.h"
#include "tests/guest/lib/test.h"

bool wild_lax;

#define CODE_CONFORMING (TYPE_CODE | TYPE_CONFORMING)

static void get(const struct child *c, u32 name, union hv_register_value *v)
{
	*v = (union hv_register_value){ .reg128 = { 0, 0 } };
	EXPECT_SUCCESS(vp_get_registers(c->id, 0, &name, 1, v, NULL));
}

/*
 * Bochs wants the RPL of CS to be its DPL, for which SDM 26.3.1.2 has no rule: real mode
 * may have any selector, and one of virtual-8086 mode stays when a parent clears VM.
 */
bool wild_cs_has_another_rpl(const struct child *c)
{
	union hv_register_value cs;
	u32 rpl, dpl;

	get(c, HV_REGISTER_CS, &cs);
	rpl = cs.segment.selector & 3;
	dpl = cs.segment.attributes >> 5 & 3;
	if (child_get(c, HV_REGISTER_RFLAGS) & RFLAGS_VM)
		return false;
	if ((cs.segment.attributes & CODE_CONFORMING) == CODE_CONFORMING)
		return rpl < dpl;
	return (cs.segment.attributes & TYPE_CODE) && rpl != dpl;
}

/*
 * A segment that is loaded in real mode is usable, and in Bochs it keeps what an
 * unusable one had besides, which may be anything: no entry takes that (26.3.1.2).
 */
static bool segment_is_leftover(const struct child *c, u32 name)
{
	union hv_register_value v;
	u32 attributes, limit;

	get(c, name, &v);
	attributes = v.segment.attributes;
	limit = v.segment.limit;
	if (!(attributes & RIGHTS_P) ||
	    v.segment.base != (u64)v.segment.selector << 4)
		return false;
	return !(attributes & TYPE_ACCESSED) ||
	       (attributes & (TYPE_CODE | TYPE_READABLE)) == TYPE_CODE ||
	       (attributes & RIGHTS_G ? (limit & 0xfff) != 0xfff
	                              : limit >> 20 != 0);
}

/* Of an event that a delivery was of, Bochs may have no length (27.2.5). */
static bool event_has_no_length(const struct child *c)
{
	u64 p = child_get(c, HV_REGISTER_PENDING_INTERRUPTION);

	return (p & HV_PENDING_INTERRUPTION) &&
	       (p >> HV_PENDING_TYPE_SHIFT & 7) >=
	               HV_PENDING_TYPE_SOFTWARE_INTERRUPT &&
	       !(p >> HV_PENDING_LENGTH_SHIFT & 0xf);
}

/* QEMU 7.2's LTR takes a null selector, which is #GP (APM volume 3): no type is left. */
static bool tr_is_null(const struct child *c)
{
	union hv_register_value tr;

	get(c, HV_REGISTER_TR, &tr);
	return !(tr.segment.selector & ~3u) &&
	       (tr.segment.attributes & RIGHTS_TYPE) == TYPE_BUSY;
}

/*
 * QEMU's far transfers do not look whether a descriptor has both L and D, which is #GP in
 * long mode (APM volume 2, 4.8.1); and its task switches, which do not exit, leave CS
 * without attributes where they fault at its selector.
 */
static bool cs_is_none(const struct child *c)
{
	union hv_register_value cs;
	u32 attributes;

	get(c, HV_REGISTER_CS, &cs);
	attributes = cs.segment.attributes;
	if ((attributes & RIGHTS_L) && (attributes & RIGHTS_DB))
		return child_get(c, HV_REGISTER_EFER) & EFER_LMA;
	return !(attributes & RIGHTS_S) &&
	       (child_get(c, HV_REGISTER_CR0) & CR0_PE);
}

#define RFLAGS_RESERVED (BIT(3) | BIT(5) | BIT(15) | ~(BIT(22) - 1))

/*
 * QEMU's LDMXCSR and XRSTOR take any bit, where a processor has #GP; and behind some
 * instructions its RFLAGS has bit 5, which no processor's has.
 */
static bool has_reserved_bits(const struct child *c)
{
	union hv_register_value v;

	get(c, HV_REGISTER_XMM_CONTROL_STATUS, &v);
	return (child_get(c, HV_REGISTER_RFLAGS) & RFLAGS_RESERVED) ||
	       ((u32)v.reg128[1] & ~(u32)(v.reg128[1] >> 32));
}

/* QEMU's alone: where another processor had it, it would be ours. */
static bool is_of_qemu(const struct child *c)
{
	return wild_lax &&
	       (tr_is_null(c) || cs_is_none(c) || has_reserved_bits(c));
}

bool wild_is_left_by_emulator(const struct child *c)
{
	static const u32 data[] = { HV_REGISTER_ES, HV_REGISTER_DS,
		                    HV_REGISTER_FS, HV_REGISTER_GS };

	for (u32 i = 0; i < ARRAY_LEN(data); i++)
		if (segment_is_leftover(c, data[i]))
			return true;
	return event_has_no_length(c) || is_of_qemu(c);
}
