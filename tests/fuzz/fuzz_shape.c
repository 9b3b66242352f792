/*
 * Children of a chosen shape, their registers, and whether two are the same.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/memory/gpa.h"
#include "hv/run/vp_reg.h"
#include "hv/run/vp_run.h"
#include "hv/vp/vp.h"
#include "hv/vp/vp_rules.h"
#include "tests/fuzz/fuzz_world.h"
#include "tests/host/fixture/state.h"

u32 fuzz_vp_index(u32 i)
{
	static const u32 indices[FUZZ_VPS] = { 0, 1, 2, 63 };

	return indices[i];
}

u32 fuzz_vp_of(u64 id, u32 number)
{
	const struct partition *p = guest_partition(id);

	for (u32 i = 0; i < FUZZ_VPS; i++, number++)
		if (p->vps[fuzz_vp_index(number % FUZZ_VPS)])
			break;
	return fuzz_vp_index(number % FUZZ_VPS);
}

/* Mostly one, and that mostly the first: a VP is most of what a child costs. */
static u32 shape_vps(u8 how)
{
	if (how >= 0xc0)
		return 1u + how % 15;
	return how % 8 < FUZZ_VPS ? 1u << how % 8 : 1;
}

/* Pages in tables of their own: all who walk the map pass what is empty of these. */
#define FAR_MAX 2u

/*
 * Bytes: VPs, flags, OS id, place of the hypercall page; then pages, two bytes
 * each: how far from the one before, and rights, contents, how sparse.
 */
void fuzz_shape_read(struct fuzz_in *from, struct fuzz_shape *shape)
{
	u8 bytes[FUZZ_SHAPE_BYTES];
	struct fuzz_in in = { bytes, sizeof(bytes) };
	static const u32 rights[4] = { 7, 3, 1, 0x10000 };
	u32 far = 0;
	u64 gpn = 0;
	u8 flags;

	fuzz_bytes(from, bytes, sizeof(bytes));
	*shape = (struct fuzz_shape){ .vps = shape_vps(fuzz_u8(&in)) };
	flags = fuzz_u8(&in);
	shape->no_memory = flags & 1;
	shape->os_id = fuzz_u8(&in);
	gpn = fuzz_u8(&in) / 2;
	if (shape->os_id && (flags & 2))
		shape->hypercall = gpn << PAGE_SHIFT | HV_MSR_PAGE_ENABLE;
	gpn = 0;
	shape->page_count = flags / 4 % FUZZ_PAGES;
	for (u32 i = 0; i < shape->page_count && in.left >= 2; i++) {
		u8 step = fuzz_u8(&in);
		u8 kind = fuzz_u8(&in);

		gpn += step / 8;
		/* Now and then far away. */
		if (kind >= 0xe0 && far++ < FAR_MAX)
			gpn += BIT(9 * (kind & 1) + 9);
		shape->pages[i] = (struct fuzz_page){
			.gpn = gpn++,
			.flags = kind & 0x20 ? rights[kind % 4] : 7,
			.fill = (kind >> 2) % 3,
		};
	}
}

/* All different, and the same for the same number. */
static const u64 *random_page(u32 number)
{
	static u64 pages[FUZZ_PAGES][PAGE_SIZE / 8];
	u64 *page = pages[number], seed = number;

	for (u32 i = 0; page[0] == 0 && i < PAGE_SIZE / 8; i++)
		page[PAGE_SIZE / 8 - 1 - i] = fake_random(&seed);
	return page;
}

static void fill_page(struct fuzz_page *p, u32 number)
{
	u8 *page = guest_at(p->source << PAGE_SHIFT);

	if (p->fill == 2)
		memcpy(page, random_page(number), PAGE_SIZE);
	else
		arch_fill(page, p->fill * p->gpn, PAGE_SIZE / 8);
}

/* Few pages at first, so that an input is cheap; more where they are wanted. */
void fuzz_map(u64 id, u64 gpn, u64 source, u32 flags)
{
	enum hv_status status = guest_map(id, gpn, source, flags);

	if (status == HV_STATUS_INSUFFICIENT_MEMORY) {
		guest_deposit(id, FUZZ_SPARE_PAGES);
		status = guest_map(id, gpn, source, flags);
	}
	FUZZ_CHECK(status == HV_STATUS_SUCCESS);
}

static u64 pool_size(u64 id)
{
	const struct pool *pool = &guest_partition(id)->pool;

	return pool->available + pool->in_use;
}

/* Those of the start that the other does not have go, and the reverse. */
u64 fuzz_child(const struct partition *like)
{
	u64 id = fuzz_take_child();

	for (u32 i = 0; i < FUZZ_VPS; i++) {
		u32 index = fuzz_vp_index(i);

		if (like->vps[index] && !guest_partition(id)->vps[index])
			fuzz_create_vp(id, index);
		if (!like->vps[index] && guest_partition(id)->vps[index])
			FUZZ_CHECK(!guest_delete_vp(id, index));
	}
	if (pool_size(id) < pool_size(like->id))
		guest_deposit(id, (u32)(pool_size(like->id) - pool_size(id)));
	return id;
}

void fuzz_create_vp(u64 id, u32 index)
{
	guest_deposit(id, 2 + VP_PAGES);
	FUZZ_CHECK(!guest_create_vp(id, index));
}

u64 fuzz_shape_make(struct fuzz_shape *shape, bool filled)
{
	u64 id = fuzz_take_child();

	for (u32 i = 0; i < shape->page_count; i++) {
		struct fuzz_page *p = &shape->pages[i];

		p->source = guest_page();
		fuzz_map(id, p->gpn, p->source, filled ? p->flags : 7);
		if (filled)
			fill_page(p, i);
	}
	if (!filled)
		return id;
	if (shape->no_memory)
		FUZZ_CHECK(!guest_set_property(
			id, HV_PROPERTY_STASIS_SAVE_MEMORY, 0));
	if (shape->vps & 1) {
		guest_set(id, 0, HV_REGISTER_GUEST_OS_ID, shape->os_id);
		guest_set(id, 0, HV_REGISTER_HYPERCALL, shape->hypercall);
	}
	return id;
}

static u32 random_name(struct fuzz_in *in, u32 *kind)
{
	u32 rows;
	const struct vp_reg *r = vp_reg_table(&rows);

	r += fuzz_below(in, rows);
	*kind = r->kind;
	return r->name + fuzz_below(in, 256) % r->count;
}

static struct hv_segment random_segment(struct fuzz_in *in)
{
	u64 flags = fuzz_u64(in);

	return (struct hv_segment){ .base = fuzz_word(in),
		                    .limit = (u32)fuzz_word(in),
		                    .selector = (u16)flags,
		                    .attributes = (u16)(flags >> 16) };
}

/* Registers that do not hold together are no state that is saved. */
static void mend_vp(struct vp *vp)
{
	struct vp_state *s;
	u64 seed;

	vp->unvalidated = VP_PART_ALL;
	if (!vp_validate(vp))
		return;
	s = vp_state_write(vp);
	seed = s->rip;
	state_set_mode(s, (enum state_mode)(s->cr3 % STATE_MODES), &seed);
	s->activity = s->interrupt_state = s->mov_ss = 0;
	s->pending_interruption = s->pending_debug = 0;
	FUZZ_CHECK(!vp_rules_broken(s));
}

static void mend(u64 id)
{
	const struct partition *p = guest_partition(id);

	for (u32 i = 0; i < FUZZ_VPS; i++)
		if (p->vps[fuzz_vp_index(i)])
			mend_vp(p->vps[fuzz_vp_index(i)]);
}

void fuzz_set_registers(struct fuzz_in *in, u64 id, u32 count)
{
	while (count-- > 0) {
		u32 kind, name = random_name(in, &kind);
		union hv_register_value v = { .reg64 = fuzz_word(in) };
		u32 index = fuzz_vp_index(fuzz_below(in, FUZZ_VPS));
		struct hv_segment s;

		/* Suspension is the business of those who know the rules. */
		if (name <= HV_REGISTER_INTERCEPT_SUSPEND)
			continue;
		if (kind == VP_REG_XSAVE16) {
			v.reg128[1] = fuzz_word(in);
		} else if (kind == VP_REG_SEGMENT) {
			s = random_segment(in);
			memcpy(&v, &s, sizeof(s));
		} else if (kind == VP_REG_TABLE) {
			v.table.base = v.reg64;
			memset(v.table.pad, 0, sizeof(v.table.pad));
			v.table.limit = fuzz_u16(in);
		}
		(void)guest_set128(id, index, name, &v);
	}
	mend(id);
}

#define TURNS 4u
#define TRIES 16u

/* Those of 16 bytes have a half more that may be tried. */
static bool is_wide(const struct vp_reg *r)
{
	return r->kind == VP_REG_XSAVE16 || r->kind == VP_REG_SEGMENT ||
	       r->kind == VP_REG_TABLE;
}

/*
 * What is tried at a register: a bit or two of it are others; of a wide one in both
 * halves, in the low one, in the high one, and in both again.
 */
static union hv_register_value disturbed(const union hv_register_value *was,
                                         const struct vp_reg *r, u32 turn,
                                         u64 *seed)
{
	union hv_register_value now = *was;
	bool wide = is_wide(r);

	if (!wide || turn != 2)
		now.reg64 ^= BIT(fake_random(seed) % 64);
	if (wide && turn != 1)
		now.reg128[1] ^= BIT(fake_random(seed) % 64);
	if (!wide && turn >= TURNS / 2)
		now.reg64 ^= BIT(fake_random(seed) % 16);
	return now;
}

/*
 * One that the register's own check takes, if there is one soon: a call that is refused
 * costs more than all that is tried here.
 */
static union hv_register_value disturbed_well(
	const union hv_register_value *was, const struct vp_reg *r, u32 turn,
	u64 *seed)
{
	union hv_register_value now = disturbed(was, r, turn, seed);

	for (u32 i = 1; i < TRIES && r->check && !r->check(&now); i++)
		now = disturbed(was, r, turn, seed);
	return now;
}

/* Registers that are to get another value, and the values they have. */
struct disturbance {
	u32 count;
	const struct vp_reg *row[FUZZ_REGISTERS];
	union hv_register_value was[FUZZ_REGISTERS];
	struct hv_register_assoc list[FUZZ_REGISTERS];
};

/* Those that this machine has: YMM may be missing. */
static void add_row(struct disturbance *d, struct vp *vp,
                    const struct vp_reg *r)
{
	for (u32 i = 0; i < r->count; i++) {
		u32 at = d->count;

		FUZZ_CHECK(at < FUZZ_REGISTERS);
		if (vp_reg_get_in(vp, r, i, &d->was[at]))
			continue;
		d->row[at] = r;
		d->list[at] = (struct hv_register_assoc){ .name = r->name + i };
		d->count++;
	}
}

/* Suspension, and what is read-only, stay out of it. */
static void begin_disturbing(struct disturbance *d, struct vp *vp)
{
	u32 rows;
	const struct vp_reg *r = vp_reg_table(&rows);

	d->count = 0;
	for (; rows > 0; rows--, r++)
		if (r->name > HV_REGISTER_INTERCEPT_SUSPEND &&
		    r->kind != VP_REG_APIC && r->kind != VP_REG_FIXED)
			add_row(d, vp, r);
}

/* Where one is refused, all behind it are offered anew. */
#define DISTURB_AT_ONCE 32u

/* Sets all of them; those that were refused stay in the list. */
static void set_or_keep(struct disturbance *d, u64 id, u32 index)
{
	u32 at = 0, kept = 0;

	while (at < d->count) {
		u32 left = d->count - at, done;
		u32 now = left < DISTURB_AT_ONCE ? left : DISTURB_AT_ONCE;
		bool refused =
			guest_set_list(id, index, d->list + at, now, &done);

		at += done;
		if (!refused)
			continue;
		d->was[kept] = d->was[at];
		d->row[kept] = d->row[at];
		d->list[kept++] = d->list[at++];
	}
	d->count = kept;
}

/* Tries bits until each register takes one: nothing is left as it was. */
static void disturb(u64 id, u32 index, u64 *seed)
{
	static struct disturbance d;

	begin_disturbing(&d, guest_partition(id)->vps[index]);
	for (u32 turn = 0; turn < TURNS; turn++) {
		for (u32 i = 0; i < d.count; i++)
			d.list[i].value =
				disturbed_well(&d.was[i], d.row[i], turn, seed);
		set_or_keep(&d, id, index);
	}
}

/* One VP: all are alike, and the others show what was taken for theirs. */
void fuzz_disturb(struct fuzz_in *in, u64 id)
{
	u64 seed = fuzz_u16(in);

	disturb(id, fuzz_vp_of(id, (u32)seed), &seed);
}

/* ---- Running ---- */

static void leave(struct fuzz_in *in, struct vp *vp)
{
	struct exit_io io = { .port = fuzz_u8(in), .size = 1, .in = true };
	struct exit_memory memory = { .gpa = gpa_of(fuzz_word(in)) };
	struct exit_exception exception = { .vector = 14 };

	switch (fuzz_below(in, 8)) {
	case 0:
		(void)exit_io(vp, &io);
		break;
	case 1:
		if (!gpa_has_overlay(&vp->partition->space,
		                     memory.gpa.v / PAGE_SIZE))
			(void)exit_memory(vp, &memory);
		break;
	case 2:
		(void)exit_exception(vp, &exception);
		break;
	case 3:
		(void)exit_triple_fault(vp);
		break;
	case 4:
		(void)exit_invalid_state(vp);
		break;
	case 5:
		(void)exit_halt(vp);
		break;
	default:
		break;
	}
}

void fuzz_run(struct fuzz_in *in, u64 id, u32 index)
{
	struct vp *vp = guest_partition(id)->vps[index];

	if (!vp || guest_set(id, index, HV_REGISTER_EXPLICIT_SUSPEND, 0))
		return;
	if (vp_runnable(vp)) {
		struct vp_state *s = fake_enter(vp);

		s->rip = fuzz_u16(in);
		vp->state.gpr[VP_RAX] = fuzz_u16(in);
		leave(in, vp);
		fake_exit(vp);
	}
	FUZZ_CHECK(!guest_set(id, index, HV_REGISTER_EXPLICIT_SUSPEND, 1));
	mend(id);
}

bool fuzz_resume(u64 id)
{
	static const struct hv_register_assoc both[] = {
		{ .name = HV_REGISTER_INTERCEPT_SUSPEND },
		{ .name = HV_REGISTER_EXPLICIT_SUSPEND },
	};
	bool all = true;

	for (u32 i = 0; i < FUZZ_VPS; i++)
		if (guest_partition(id)->vps[fuzz_vp_index(i)] &&
		    guest_set_list(id, fuzz_vp_index(i), both, 2, NULL))
			all = false;
	return all;
}

void fuzz_check_vps(u64 id)
{
	for (u32 i = 0; i < PARTITION_VPS; i++) {
		struct vp *vp = guest_partition(id)->vps[i];

		if (!vp)
			continue;
		FUZZ_CHECK(vp_reg_all_valid(vp_state_read(vp), vp_xsave(vp)));
		if (!vp_runnable(vp))
			continue;
		(void)fake_enter(vp);
		fake_exit(vp);
		FUZZ_CHECK(vp_reg_all_valid(vp_state_read(vp), vp_xsave(vp)));
	}
}

bool fuzz_result_known(u32 result, bool restoring)
{
	return restoring ? result <= HV_STATE_RESULT_LAST
	                 : result <= HV_STATE_INCOMPLETE;
}
