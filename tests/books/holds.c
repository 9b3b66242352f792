/*
 * Time is the number of what has happened so far: of each source of translations there is
 * when it changed last, and of each processor since when it may have some and when it
 * dropped them all. What it may have is old if that began before the change.
 */
#include "tests/books/holds.h"

#include "include/x86.h"

#define NEAR 16u /* of its hash an entry is found */

/* On the way of every entry, as all below. */
static u32 hash_of(u64 page)
{
	return (u32)((page >> PAGE_SHIFT) * 0x9e3779b97f4a7c15ull >> 48);
}

/* ---- VMCSs ---- */

/* The one of this page, or NULL; `make` gives it an entry, if there is room. */
static struct holds_vmcs *find_vmcs(struct holds *h, u64 page, bool make)
{
	struct holds_vmcs *unused = NULL;

	for (u32 i = 0; i < NEAR; i++) {
		struct holds_vmcs *v =
			&h->vmcs[(hash_of(page) + i) % HOLDS_VMCSS];

		if (v->page == page)
			return v;
		if (!v->page && !unused)
			unused = v;
	}
	if (make && unused)
		unused->page = page;
	return make ? unused : NULL;
}

static bool is_elsewhere(const struct holds_vmcs *v, u32 cpu)
{
	return v->active_on && v->active_on != cpu + 1;
}

const char *holds_vmclear(struct holds *h, u32 cpu, u64 page)
{
	struct holds_vmcs *v = find_vmcs(h, page, true);

	if (!v || cpu >= HOLDS_CPUS)
		return NULL;
	if (is_elsewhere(v, cpu))
		return "VMCLEAR of a VMCS that another processor has active";
	if (h->loaded[cpu] == v)
		h->loaded[cpu] = NULL;
	v->active_on = 0;
	v->launched = false;
	v->clear = true;
	return NULL;
}

const char *holds_vmptrld(struct holds *h, u32 cpu, u64 page)
{
	struct holds_vmcs *v = find_vmcs(h, page, true);

	if (!v || cpu >= HOLDS_CPUS)
		return NULL;
	if (is_elsewhere(v, cpu))
		return "VMPTRLD of a VMCS that another processor has active";
	if (!v->clear)
		return "VMPTRLD of a VMCS without VMCLEAR since it was written";
	v->active_on = (u8)(cpu + 1);
	h->loaded[cpu] = v;
	return NULL;
}

const char *holds_written(struct holds *h, u64 page)
{
	struct holds_vmcs *v = find_vmcs(h, page, true);

	if (!v)
		return NULL;
	if (v->active_on)
		return "a VMCS was written while a processor had it active";
	v->clear = false;
	return NULL;
}

const char *holds_freed(struct holds *h, u64 page)
{
	struct holds_vmcs *v = find_vmcs(h, page, false);

	if (!v)
		return NULL;
	if (v->active_on)
		return "the page of a VMCS was freed while a processor had it active";
	*v = (struct holds_vmcs){ 0 };
	return NULL;
}

const char *holds_ended(const struct holds *h, u32 cpu)
{
	for (u32 i = 0; i < HOLDS_VMCSS; i++)
		if (h->vmcs[i].page && h->vmcs[i].active_on == cpu + 1)
			return "VMX operation was left with a VMCS active";
	return NULL;
}

const char *holds_run(const struct holds *h, u32 cpu, u64 page, bool resume)
{
	const struct holds_vmcs *v;

	if (cpu >= HOLDS_CPUS)
		return NULL;
	v = h->loaded[cpu];
	if (!v || v->page != page)
		return "the VMCS at an entry is not this VP's";
	if (v->launched != resume)
		return resume ? "VMRESUME of a VMCS that was not launched"
		              : "VMLAUNCH of a VMCS that was launched";
	return NULL;
}

void holds_has_run(struct holds *h, u32 cpu)
{
	if (cpu < HOLDS_CPUS && h->loaded[cpu])
		h->loaded[cpu]->launched = true;
}

/* ---- Translations ---- */

/*
 * Never NULL: of many spaces that have been the one of the longest ago is forgotten, and
 * with it what would have been found of it alone.
 */
static struct holds_space *find_space(struct holds *h, u64 top)
{
	struct holds_space *oldest = NULL;

	for (u32 i = 0; i < NEAR; i++) {
		struct holds_space *s =
			&h->spaces[(hash_of(top) + i) % HOLDS_SPACES];

		if (s->source.key == top)
			return s;
		if (!oldest || (!s->unflushed &&
		                s->source.changed < oldest->source.changed))
			oldest = s;
	}
	if (oldest->unflushed)
		h->unflushed--;
	*oldest = (struct holds_space){ .source.key = top };
	return oldest;
}

void holds_changed(struct holds *h, u64 space)
{
	struct holds_space *s = find_space(h, space);

	s->source.changed = ++h->now;
	if (!s->unflushed)
		h->unflushed++;
	s->unflushed = true;
}

const char *holds_flushed(struct holds *h, u64 space, bool inside)
{
	struct holds_space *s = find_space(h, space);

	if (s->unflushed)
		h->unflushed--;
	s->unflushed = false;
	return inside ? "a processor is in a guest of a space that was flushed"
	              : NULL;
}

const char *holds_table_freed(struct holds *h, u64 space, bool inside)
{
	if (inside)
		return "a table was freed with a processor in a guest of it";
	return find_space(h, space)->unflushed
	               ? "a table was freed before the flush"
	               : NULL;
}

void holds_new_space(struct holds *h, u64 space)
{
	find_space(h, space)->source.changed = ++h->now;
}

const char *holds_leave(const struct holds *h)
{
	return h->unflushed ? "a space was changed and not flushed" : NULL;
}

void holds_new_vp(struct holds *h, u32 vp)
{
	if (vp < HOLDS_VPS)
		h->vps[vp].source.changed = ++h->now;
}

void holds_drop_space(struct holds *h, u32 cpu, u64 space)
{
	if (cpu < HOLDS_CPUS)
		find_space(h, space)->source.dropped[cpu] = ++h->now;
}

void holds_drop_all(struct holds *h, u32 cpu)
{
	if (cpu < HOLDS_CPUS)
		h->all_dropped[cpu] = ++h->now;
}

void holds_drop_vp(struct holds *h, u32 cpu, u32 vp)
{
	if (cpu < HOLDS_CPUS && vp < HOLDS_VPS)
		h->vps[vp].source.dropped[cpu] = ++h->now;
}

void holds_drop_vps(struct holds *h, u32 cpu)
{
	if (cpu < HOLDS_CPUS)
		h->linear_dropped[cpu] = ++h->now;
}

/* A guest's own MOV to CR0, CR3 or CR4 would have dropped something (SDM 4.10.4.1). */
static bool translates_otherwise(const struct holds_paging *a,
                                 const struct holds_paging *b)
{
	return ((a->cr0 ^ b->cr0) & CR0_PG) || a->cr3 != b->cr3 ||
	       ((a->cr4 ^ b->cr4) & (CR4_PAE | CR4_PGE)) ||
	       (a->cr4 & ~b->cr4 & CR4_PCIDE) || (~a->cr4 & b->cr4 & CR4_SMEP);
}

void holds_exited(struct holds *h, u32 vp, const struct holds_paging *p)
{
	if (vp < HOLDS_VPS)
		h->vps[vp].paging = *p;
}

static void note_paging(struct holds *h, u32 vp, const struct holds_paging *p)
{
	struct holds_vp *v = &h->vps[vp];

	if (translates_otherwise(&v->paging, p))
		v->source.changed = ++h->now;
	v->paging = *p;
}

/* On another one than the last time: there it may have changed its tables, and flushed that. */
static void note_cpu(struct holds *h, u32 vp, u32 cpu)
{
	struct holds_vp *v = &h->vps[vp];

	if (v->ran_on != cpu)
		v->source.changed = ++h->now;
	v->ran_on = (u8)cpu;
}

/* Of this source, by a processor that dropped what it had at `dropped` the last time. */
static const char *fill(struct holds *h, struct holds_source *s, u32 cpu,
                        holds_time dropped, const char *wrong)
{
	if (s->filled[cpu] <= dropped) {
		s->filled[cpu] = ++h->now;
		return NULL;
	}
	return s->changed > s->filled[cpu] ? wrong : NULL;
}

static holds_time later(holds_time a, holds_time b)
{
	return a > b ? a : b;
}

const char *holds_enter_vpid(struct holds *h, u32 cpu, u64 space, u32 vp,
                             const struct holds_paging *p, bool has_vpids)
{
	struct holds_source *s, *v;
	holds_time dropped;
	const char *wrong;

	if (cpu >= HOLDS_CPUS || vp >= HOLDS_VPS)
		return NULL;
	s = &find_space(h, space)->source;
	v = &h->vps[vp].source;
	note_cpu(h, vp, cpu);
	note_paging(h, vp, p);
	/* INVEPT drops linear ones too, as they are of both tables (28.3.3.1). */
	dropped = later(s->dropped[cpu], h->all_dropped[cpu]);
	wrong = fill(h, s, cpu, dropped,
	             "an entry with old translations of the space (INVEPT)");
	if (wrong || !has_vpids)
		return wrong;
	dropped =
		later(dropped, later(v->dropped[cpu], h->linear_dropped[cpu]));
	return fill(h, v, cpu, dropped,
	            "an entry with old translations of the VP (INVVPID)");
}

static bool is_old(struct holds *h, const struct holds_asid *a, u64 space,
                   u32 vp)
{
	return a->space != space || a->vp != vp ||
	       find_space(h, space)->source.changed > a->filled ||
	       h->vps[vp].source.changed > a->filled;
}

const char *holds_enter_asid(struct holds *h, u32 cpu, u64 space, u32 vp,
                             const struct holds_paging *p, u32 asid,
                             enum holds_drop drop)
{
	struct holds_asid *a;

	if (cpu >= HOLDS_CPUS || vp >= HOLDS_VPS || asid >= HOLDS_ASIDS)
		return NULL;
	a = &h->asids[cpu][asid];
	note_cpu(h, vp, cpu);
	note_paging(h, vp, p);
	if (drop == HOLDS_DROP_ALL)
		h->all_dropped[cpu] = ++h->now;
	else if (drop == HOLDS_DROP_ASID)
		a->dropped = ++h->now;
	if (a->filled > later(a->dropped, h->all_dropped[cpu]))
		return is_old(h, a, space, vp)
		               ? "an entry with old translations of the ASID"
		               : NULL;
	a->space = space;
	a->vp = vp;
	a->filled = ++h->now;
	return NULL;
}
