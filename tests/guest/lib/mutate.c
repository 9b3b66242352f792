/*
 * What there is to change, by tables, and ways to change it.
 */
#include "tests/guest/lib/mutate.h"

#include "include/x86.h"
#include "tests/guest/lib/chunks.h"
#include "tests/guest/lib/random.h"
#include "tests/guest/lib/values.h"

#define ALL ~0ull
#define CR0_BITS 0xe005003full
#define CR4_BITS 0x7fffffull
#define EFER_BITS 0xd01ull
#define RFLAGS_BITS 0x3f7fd7ull
#define DR7_BITS 0xffff2fffull
#define XFEM_BITS 0x3ffull
#define PENDING_DEBUG_BITS 0x1500full
#define LVT_BITS 0x7f7ffull

struct field {
	u32 chunk;
	u32 offset;
	u16 size;   /* bytes, 1 to 8 */
	u16 stride; /* from one to the next */
	u16 count;  /* 0: to the end of the payload */
	u8 kind;    /* enum values_kind */
	bool free;  /* nothing depends on it */
	u64 mask;
};

#define AT(type, member)                        \
	offsetof(struct stream_##type, member), \
		sizeof(((struct stream_##type *)0)->member)
#define ONE(type) 0, 1, type, false
#define FREE 0, 1, VALUES_WORD, true, ALL
#define SEGMENT(member)                                   \
	offsetof(struct hv_segment, member),              \
		sizeof(((struct hv_segment *)0)->member), \
		sizeof(struct hv_segment), 8

/* clang-format off */
static const struct field fields[] = {
	{ STREAM_VP_GP, 0, 8, 8, 16, VALUES_WORD, true, ALL },
	/* RCX, for code that reads and writes an MSR. */
	{ STREAM_VP_GP, 8, 8, 0, 1, VALUES_MSR, true, ALL },
	{ STREAM_VP_GP, AT(vp_gp, rip), ONE(VALUES_ADDRESS), ALL },
	{ STREAM_VP_GP, AT(vp_gp, rflags), ONE(VALUES_BITS), RFLAGS_BITS },
	{ STREAM_VP_FP, 0, 8, 8, 48, VALUES_WORD, true, ALL },
	{ STREAM_VP_FP, AT(vp_fp, fp_control_status), 0, 1, VALUES_WORD, true,
	  ALL },
	/* MXCSR, the mask behind it. */
	{ STREAM_VP_FP, offsetof(struct stream_vp_fp, xmm_control_status) + 8,
	  4, ONE(VALUES_BITS), 0xffff },
	{ STREAM_VP_CONTROL, AT(vp_control, cr0), ONE(VALUES_BITS), CR0_BITS },
	{ STREAM_VP_CONTROL, AT(vp_control, cr2), FREE },
	{ STREAM_VP_CONTROL, AT(vp_control, cr3), ONE(VALUES_ADDRESS), ALL },
	{ STREAM_VP_CONTROL, AT(vp_control, cr4), ONE(VALUES_BITS), CR4_BITS },
	{ STREAM_VP_CONTROL, AT(vp_control, cr8), ONE(VALUES_BITS), 0xf },
	{ STREAM_VP_CONTROL, AT(vp_control, efer), ONE(VALUES_BITS),
	  EFER_BITS },
	{ STREAM_VP_DEBUG, 0, 8, 8, 4, VALUES_ADDRESS, true, ALL },
	{ STREAM_VP_DEBUG, AT(vp_debug, dr6), ONE(VALUES_BITS), DR6_WRITABLE },
	{ STREAM_VP_DEBUG, AT(vp_debug, dr7), ONE(VALUES_BITS), DR7_BITS },
	{ STREAM_VP_SEGMENT, SEGMENT(base), VALUES_ADDRESS, false, ALL },
	{ STREAM_VP_SEGMENT, SEGMENT(limit), VALUES_LIMIT, false, ALL },
	{ STREAM_VP_SEGMENT, SEGMENT(selector), VALUES_SELECTOR, false, ALL },
	{ STREAM_VP_SEGMENT, SEGMENT(attributes), VALUES_RIGHTS, false, ALL },
	{ STREAM_VP_SEGMENT, AT(vp_segment, cpl), ONE(VALUES_BITS), 3 },
	{ STREAM_VP_TABLE, offsetof(struct stream_table, limit), 2, 16, 2,
	  VALUES_LIMIT, true, ALL },
	{ STREAM_VP_TABLE, offsetof(struct stream_table, base), 8, 16, 2,
	  VALUES_ADDRESS, false, ALL },
	{ STREAM_VP_XSAVE_CONTROL, AT(vp_xsave_control, xcr0),
	  ONE(VALUES_BITS), XFEM_BITS },
	{ STREAM_VP_MSRS, offsetof(struct stream_msr, value), 8, 16, 0,
	  VALUES_BITS, false, ALL },
	{ STREAM_VP_MSRS, offsetof(struct stream_msr, value), 8, 16, 0,
	  VALUES_ADDRESS, false, ALL },
	{ STREAM_VP_XSAVE, 0, 8, ONE(VALUES_BITS), XFEM_BITS },
	{ STREAM_VP_XSAVE, 64, 8, 8, 0, VALUES_WORD, true, ALL },
	{ STREAM_VP_EVENTS, AT(vp_events, activity), ONE(VALUES_BITS), 3 },
	{ STREAM_VP_EVENTS, AT(vp_events, interrupt_state), ONE(VALUES_BITS),
	  3 },
	{ STREAM_VP_EVENTS, AT(vp_events, pending_interruption),
	  ONE(VALUES_EVENT), ALL },
	{ STREAM_VP_EVENTS, AT(vp_events, pending_debug), ONE(VALUES_BITS),
	  PENDING_DEBUG_BITS },
	{ STREAM_VP_EVENTS, AT(vp_events, intercept_suspend),
	  ONE(VALUES_BITS), 3 },
	{ STREAM_VP_APIC, AT(vp_apic, tpr), ONE(VALUES_BITS), 0xff },
	{ STREAM_VP_APIC, AT(vp_apic, ldr), ONE(VALUES_BITS), 0xff000000 },
	{ STREAM_VP_APIC, AT(vp_apic, svr), ONE(VALUES_BITS), 0x1ff },
	/* ISR, TMR, IRR in one row. */
	{ STREAM_VP_APIC, offsetof(struct stream_vp_apic, isr), 4, 4, 24,
	  VALUES_BITS, false, 0xffff0000 },
	{ STREAM_VP_APIC, AT(vp_apic, errors), ONE(VALUES_BITS), 0xe0 },
	{ STREAM_VP_APIC, AT(vp_apic, icr), ONE(VALUES_BITS), 0xccfff },
	{ STREAM_VP_APIC, offsetof(struct stream_vp_apic, lvt), 4, 4, 6,
	  VALUES_BITS, false, LVT_BITS },
	{ STREAM_VP_APIC, AT(vp_apic, initial_count), FREE },
	{ STREAM_VP_APIC, AT(vp_apic, divide), ONE(VALUES_BITS), 0xb },
	{ STREAM_VP_APIC, AT(vp_apic, timer_due), FREE },
	{ STREAM_VP_APIC, AT(vp_apic, assist), ONE(VALUES_BITS), 0xf001 },
	{ STREAM_VP_APIC, AT(vp_apic, events), ONE(VALUES_BITS),
	  STREAM_APIC_EVENTS },
};
/* clang-format on */

/* Chunks that hold something together: to be swapped, or filled, whole. */
static const u32 whole[] = {
	STREAM_VP_GP,    STREAM_VP_CONTROL, STREAM_VP_DEBUG, STREAM_VP_SEGMENT,
	STREAM_VP_TABLE, STREAM_VP_EVENTS,  STREAM_VP_APIC,
};

/* ---- One field ---- */

/* Where it is, or null: the stream has no such chunk. */
static u8 *place(const struct saved *s, const struct field *f)
{
	u32 length = 0, count = f->count;
	u8 *payload = chunks_find(s, f->chunk, &length);

	if (!payload)
		return NULL;
	if (!count)
		count = (length - f->offset - f->size) / f->stride + 1;
	return payload + f->offset + random_below(count) * f->stride;
}

static u64 load(const u8 *at, u32 size)
{
	u64 value = 0;

	__builtin_memcpy(&value, at, size < 8 ? size : 8);
	return value;
}

static void store(u8 *at, u32 size, u64 value)
{
	__builtin_memcpy(at, &value, size < 8 ? size : 8);
}

static const struct field *any_field(bool only_free)
{
	const struct field *f;

	do
		f = &fields[random_below(ARRAY_LEN(fields))];
	while (only_free && !f->free);
	return f;
}

static void change_field(const struct saved *s, const struct field *f)
{
	u8 *at = place(s, f);

	if (at)
		store(at, f->size,
		      values_next(f->kind, f->mask, load(at, f->size)));
}

static void change(const struct saved *s, u32 times, bool only_free)
{
	while (times--)
		change_field(s, any_field(only_free));
}

/* ---- Ways ---- */

static void few_fields(const struct saved *s, const struct saved *other)
{
	(void)other;
	change(s, 1 + random_below(4), false);
}

/* Of one chunk or two: what rules speak of stands close together. */
static void related_fields(const struct saved *s, const struct saved *other)
{
	u32 first = whole[random_below(ARRAY_LEN(whole))];
	u32 second = whole[random_below(ARRAY_LEN(whole))];

	(void)other;
	for (u32 times = 2 + random_below(3); times; times--) {
		const struct field *f;

		do
			f = any_field(false);
		while (f->chunk != first && f->chunk != second);
		change_field(s, f);
	}
}

static void free_fields(const struct saved *s, const struct saved *other)
{
	(void)other;
	change(s, 4 + random_below(12), true);
	if (random_one_in(2))
		change(s, 1, false);
}

static void any_bits(const struct saved *s, const struct saved *other)
{
	(void)other;
	for (u32 times = 1 + random_below(3); times; times--) {
		const struct field *f = any_field(false);
		u8 *at = place(s, f);

		if (at)
			store(at, f->size, random_next());
	}
}

/* The layout is the same, so the same offset is the same field. */
static void swapped_fields(const struct saved *s, const struct saved *other)
{
	for (u32 times = 1 + random_below(5); times; times--) {
		const struct field *f = any_field(false);
		u8 *at = place(s, f);

		if (at)
			store(at, f->size,
			      load(other->data + (at - s->data), f->size));
	}
}

static void swapped_chunks(const struct saved *s, const struct saved *other)
{
	for (u32 times = 1 + random_below(2); times; times--) {
		u32 length = 0;
		u8 *at = chunks_find(s, whole[random_below(ARRAY_LEN(whole))],
		                     &length);

		if (at)
			__builtin_memcpy(at, other->data + (at - s->data),
			                 length);
	}
	if (random_one_in(2))
		change(s, 1, false);
}

static void random_chunk(const struct saved *s, const struct saved *other)
{
	u32 length = 0;
	u8 *at = chunks_find(s, whole[random_below(ARRAY_LEN(whole))], &length);

	(void)other;
	for (u32 i = 0; at && i < length; i += 8)
		store(at + i, 8, random_next());
}

/* By weight. */
static void (*const ways[])(const struct saved *s,
                            const struct saved *other) = {
	few_fields,     few_fields,     few_fields,     few_fields,
	related_fields, related_fields, related_fields, related_fields,
	free_fields,    free_fields,    swapped_fields, swapped_fields,
	any_bits,       swapped_chunks, swapped_chunks, random_chunk,
};

/*
 * The SDM has no rule for the RPL of CS with unrestricted guest, but Bochs has
 * one: that of non-conforming code is its DPL, that of conforming code no less.
 */
static u16 with_rpl(u16 selector, u16 attributes)
{
	if (!(attributes & TYPE_CODE))
		return selector; /* or virtual-8086 mode */
	return (u16)((selector & ~3u) | (attributes >> 5 & 3u));
}

/* ---- What a stream has twice ---- */

/* Else most changes of these would be found by that alone. */
static void mend(const struct saved *s)
{
	u32 length = 0;
	struct stream_vp_segment *segment =
		chunks_find(s, STREAM_VP_SEGMENT, &length);
	struct stream_vp_control *control =
		chunks_find(s, STREAM_VP_CONTROL, &length);
	struct stream_vp_apic *apic = chunks_find(s, STREAM_VP_APIC, &length);
	struct stream_vp_events *events =
		chunks_find(s, STREAM_VP_EVENTS, &length);

	if (segment)
		segment->cpl = segment->seg[2].attributes >> 5 & 3;
	if (control && apic) {
		if (control->cr8 <= 15 && !apic->tpr)
			apic->tpr = (u32)control->cr8 << 4;
		else
			control->cr8 = apic->tpr >> 4 & 15;
	}
	if (events)
		events->explicit_suspend = HV_SUSPENDED;
}

static void set_rpl(const struct saved *s)
{
	u32 length = 0;
	struct stream_vp_segment *segment =
		chunks_find(s, STREAM_VP_SEGMENT, &length);
	struct hv_segment *cs = &segment->seg[1];

	if (segment)
		cs->selector = with_rpl(cs->selector, cs->attributes);
}

void mutate_stream(const struct saved *s, const struct saved *others, u32 count)
{
	ways[random_below(ARRAY_LEN(ways))](s, &others[random_below(count)]);
	if (!random_one_in(16))
		mend(s);
	set_rpl(s);
}

/* ---- Registers ---- */

/* clang-format off */
static const struct {
	u32 first, last;
	u8 kind;
	u64 mask;
} registers[] = {
	{ HV_REGISTER_INTERCEPT_SUSPEND, HV_REGISTER_INTERCEPT_SUSPEND,
	  VALUES_BITS, 3 },
	{ HV_REGISTER_INTERNAL_ACTIVITY_STATE,
	  HV_REGISTER_INTERNAL_ACTIVITY_STATE, VALUES_BITS, 3 },
	{ HV_REGISTER_PENDING_INTERRUPTION, HV_REGISTER_PENDING_INTERRUPTION,
	  VALUES_EVENT, ALL },
	{ HV_REGISTER_INTERRUPT_STATE, HV_REGISTER_INTERRUPT_STATE,
	  VALUES_BITS, 3 },
	{ HV_REGISTER_RAX, HV_REGISTER_R15, VALUES_WORD, ALL },
	{ HV_REGISTER_RIP, HV_REGISTER_RIP, VALUES_ADDRESS, ALL },
	{ HV_REGISTER_RFLAGS, HV_REGISTER_RFLAGS, VALUES_BITS, RFLAGS_BITS },
	{ HV_REGISTER_XMM0, HV_REGISTER_XMM_CONTROL_STATUS, VALUES_WORD, ALL },
	{ HV_REGISTER_CR0, HV_REGISTER_CR0, VALUES_BITS, CR0_BITS },
	{ HV_REGISTER_CR2, HV_REGISTER_CR3, VALUES_ADDRESS, ALL },
	{ HV_REGISTER_CR4, HV_REGISTER_CR4, VALUES_BITS, CR4_BITS },
	{ HV_REGISTER_CR8, HV_REGISTER_CR8, VALUES_BITS, 0xf },
	{ HV_REGISTER_XFEM, HV_REGISTER_XFEM, VALUES_BITS, XFEM_BITS },
	{ HV_REGISTER_DR0, HV_REGISTER_DR3, VALUES_ADDRESS, ALL },
	{ HV_REGISTER_DR6, HV_REGISTER_DR6, VALUES_BITS, DR6_WRITABLE },
	{ HV_REGISTER_DR7, HV_REGISTER_DR7, VALUES_BITS, DR7_BITS },
	{ HV_REGISTER_ES, HV_REGISTER_TR, VALUES_RIGHTS, ALL },
	{ HV_REGISTER_ES, HV_REGISTER_TR, VALUES_RIGHTS, ALL },
	{ HV_REGISTER_IDTR, HV_REGISTER_GDTR, VALUES_ADDRESS, ALL },
	{ HV_REGISTER_TSC, HV_REGISTER_TSC, VALUES_WORD, ALL },
	{ HV_REGISTER_EFER, HV_REGISTER_EFER, VALUES_BITS, EFER_BITS },
	{ HV_REGISTER_KERNEL_GS_BASE, HV_REGISTER_MTRR_FIX64K_00000 + 15,
	  VALUES_ADDRESS, ALL },
	{ HV_REGISTER_APIC_BASE, HV_REGISTER_APIC_BASE, VALUES_BITS, 0xd00 },
	{ HV_REGISTER_DEBUG_CTL, HV_REGISTER_DEBUG_CTL, VALUES_BITS, 3 },
	{ HV_REGISTER_TSC_DEADLINE, HV_REGISTER_TSC_DEADLINE, VALUES_WORD,
	  ALL },
	{ HV_REGISTER_APIC_FIRST, HV_REGISTER_APIC_FIRST + 0x3f, VALUES_BITS,
	  LVT_BITS },
	{ HV_REGISTER_HYPERCALL, HV_REGISTER_VP_ASSIST_PAGE, VALUES_BITS,
	  0xf003 },
	{ HV_REGISTER_YMM0_LOW, HV_REGISTER_YMM0_LOW + 31, VALUES_WORD, ALL },
};
/* clang-format on */

/* A sane value to be one bit off of. */
static u64 usual(u32 name)
{
	switch (name) {
	case HV_REGISTER_RFLAGS:
		return 2;
	case HV_REGISTER_CR0:
		return random_one_in(2) ? 0x33 : 0x80000033;
	case HV_REGISTER_CR4:
		return random_one_in(2) ? 0x600 : 0x620;
	case HV_REGISTER_EFER:
		return random_one_in(2) ? 0 : 0x500;
	case HV_REGISTER_DR6:
		return 0xffff0ff0;
	case HV_REGISTER_DR7:
		return 0x400;
	case HV_REGISTER_APIC_BASE:
		return 0xfee00900;
	case HV_REGISTER_XFEM:
		return 1;
	default:
		return 0;
	}
}

static void segment_value(struct hv_register_assoc *one)
{
	u64 base = values_next(VALUES_ADDRESS, ALL, 0);

	one->value.segment.base = random_one_in(2) ? 0 : base;
	one->value.segment.limit = (u32)values_next(VALUES_LIMIT, ALL, 0xffff);
	one->value.segment.selector = (u16)values_next(VALUES_SELECTOR, ALL, 0);
	one->value.segment.attributes =
		(u16)values_next(VALUES_RIGHTS, ALL, 0x93);
	if (one->name == HV_REGISTER_CS)
		one->value.segment.selector =
			with_rpl(one->value.segment.selector,
		                 one->value.segment.attributes);
}

void mutate_register(struct hv_register_assoc *one)
{
	u32 row = random_below(ARRAY_LEN(registers));
	u32 first = registers[row].first;

	*one = (struct hv_register_assoc){ 0 };
	one->name = first + random_below(registers[row].last - first + 1);
	if (registers[row].kind == VALUES_RIGHTS) {
		segment_value(one);
		return;
	}
	one->value.reg64 = values_next(registers[row].kind, registers[row].mask,
	                               usual(one->name));
	if (first == HV_REGISTER_IDTR) {
		one->value.table.base = one->value.reg64;
		one->value.reg64 = values_next(VALUES_LIMIT, ALL, 0xffff) << 48;
	} else if (registers[row].kind == VALUES_WORD && random_one_in(2)) {
		one->value.reg128[1] = random_next();
	}
}
