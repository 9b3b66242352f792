/*
 * The inner door in memory. The rules of an entry are VT-x's unless a test wants the
 * others: streams of tests are those of an Intel processor, and what they are refused by is in
 * golden files.
 */
#include "tests/host/fake/vendor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/common/cpu_arch.h"
#include "arch/x86_64/common/entry_rules.h"
#include "arch/x86_64/svm/hypercall_code.h"
#include "hv/base/check.h"
#include "hv/interrupt/lapic.h"
#include "hv/vp/debug.h"
#include "include/x86.h"
#include "include/x86_apic.h"
#include "tests/host/fake/arch.h"

#define GARBAGE 0xa5
#define FAKE_VPS 256
#define HALF 0x2000u /* MSRs of a half of a map */
#define HIGH 0xc0000000u

struct fake_vendor fake_vendor;

/* What a VP is run by. */
static struct {
	u64 used; /* all behind them are zero */
	struct {
		struct vp *vp;
		bool entered;
		struct vp_state state;
	} at[FAKE_VPS];
} hardware;

/* By whom, by half, reads and writes. */
static bool exits[2][2][HALF][2];

void fake_vendor_reset(void)
{
	memset(&hardware, 0, fake_arch_span().bytes);
	memset(&fake_vendor, 0, sizeof(fake_vendor));
	memset(exits[true], false, sizeof(exits[true]));
	memset(exits[false], true, sizeof(exits[false]));
}

void fake_vendor_become_svm(void)
{
	fake_vendor.is_svm = true;
	fake.facts.any_rip = true;
	fake.facts.compat.cpu_vendor = STREAM_VENDOR_AMD;
}

struct fake_span fake_arch_span(void)
{
	return (struct fake_span){
		&hardware,
		offsetof(typeof(hardware), at) +
			hardware.used * sizeof(hardware.at[0]),
	};
}

/* ---- The processor ---- */

enum handoff_result vendor_find(struct handoff *h)
{
	return h->magic == HANDOFF_MAGIC ? HANDOFF_OK : HANDOFF_BAD_HANDOFF;
}

struct vendor_registers vendor_registers(void)
{
	return (struct vendor_registers){ CR0_PE | CR0_PG | CR0_WP, CR4_PAE };
}

struct vendor_features vendor_features(void)
{
	return (struct vendor_features){ ~0u, ~0u };
}

void vendor_limit(struct arch_facts *facts)
{
	facts->compat.cpu_vendor = STREAM_VENDOR_INTEL;
	facts->debugctl_allowed = DEBUGCTL_LBR | DEBUGCTL_BTF;
	facts->interrupts_may_wait = true;
}

const struct vp_rule *vendor_rules(u32 *count)
{
	return entry_rules(count,
	                   fake_vendor.is_svm ? ENTRY_OF_SVM : ENTRY_OF_VTX);
}

/* Not VT-x's instruction: nobody may go by that one. */
const void *vendor_hypercall_page(void)
{
	return svm_hypercall_code;
}

enum handoff_result vendor_begin(struct handoff *h)
{
	(void)h;
	CHECK(!fake_vendor.begun);
	fake_vendor.begun = true;
	return HANDOFF_OK;
}

void vendor_end(void)
{
	fake_vendor.begun = false;
	fake_vendor.loaded = NULL;
}

u64 vendor_nmi_return(u64 rip)
{
	return rip;
}

bool vendor_last_exit(struct vendor_last_exit *last)
{
	if (!fake_vendor.loaded)
		return false;
	last->where = "memory";
	last->rip = fake_vendor_state(fake_vendor.loaded)->rip;
	last->reason = 0;
	return true;
}

/* ---- MSRs ---- */

bool vendor_has_place(u32 msr)
{
	return msr < HALF || msr - HIGH < HALF;
}

static bool *place_of(bool is_root, u32 msr)
{
	CHECK(vendor_has_place(msr));
	return exits[is_root][msr >= HIGH][msr % HALF];
}

void vendor_msr_exits(struct cpu *root_of, u32 msr, bool read, bool write)
{
	place_of(root_of != NULL, msr)[false] = read;
	place_of(root_of != NULL, msr)[true] = write;
}

bool fake_vendor_exits(bool is_root, u32 msr, bool write)
{
	return !vendor_has_place(msr) || place_of(is_root, msr)[write];
}

const struct vendor_msr *vendor_msrs(u32 *count)
{
	static const struct vendor_msr rows[] = {
		{ FAKE_VENDOR_MSR_SHOWN, FAKE_VENDOR_MSR_SHOWN, true,
		  FAKE_VENDOR_MSR_VALUE },
		{ FAKE_VENDOR_MSR_GONE, FAKE_VENDOR_MSR_GONE + 1, false, 0 },
	};

	*count = ARRAY_LEN(rows);
	return rows;
}

/* ---- A VP's state ---- */

static u32 hardware_of(const struct vp *vp)
{
	u32 i = 0;

	while (i < FAKE_VPS && hardware.at[i].vp != vp)
		i++;
	if (i == FAKE_VPS) {
		fprintf(stderr,
		        "a VP that the processor has not, or too many\n");
		abort();
	}
	return i;
}

struct vp_state *fake_vendor_state(struct vp *vp)
{
	return &hardware.at[hardware_of(vp)].state;
}

void fake_copy_parts(struct vp_state *to, const struct vp_state *from,
                     u32 which)
{
	static const u32 rights[] = { VP_CS, VP_SS };
	static u32
		parts[sizeof(*to) / 8]; /* of each word, once they are known */
	static bool known;
	u64 *t = (u64 *)(void *)to;
	const u64 *f = (const u64 *)(const void *)from;

	for (u32 i = 0; !known && i < ARRAY_LEN(parts); i++)
		parts[i] = vp_state_part_of(8 * i);
	known = true;
	for (u32 i = 0; i < ARRAY_LEN(parts); i++)
		if (parts[i] & which)
			t[i] = f[i];
	/* Half a word that belongs to two parts. */
	for (u32 i = 0; (which & VP_PART_CORE) && i < ARRAY_LEN(rights); i++)
		to->segment[rights[i]].attributes =
			from->segment[rights[i]].attributes;
}

/* A restore makes anew what a VP has already. */
void vendor_vp_init(struct vp *vp)
{
	u32 i = hardware_of(vp->renewed ? vp : NULL);

	memset(&hardware.at[i], GARBAGE, sizeof(hardware.at[i]));
	hardware.at[i].vp = vp;
	hardware.at[i].entered = false;
	if (i >= hardware.used)
		hardware.used = i + 1;
}

void vendor_vp_free(struct vp *vp)
{
	hardware.at[hardware_of(vp)].vp = NULL;
	if (fake_vendor.loaded == vp)
		fake_vendor.loaded = NULL;
}

struct vp *fake_next_vp(u64 *at)
{
	while (*at < hardware.used) {
		struct vp *vp = hardware.at[(*at)++].vp;

		if (vp)
			return vp;
	}
	return NULL;
}

/* No test switches VPs by registers that are live: they are in vp->state alone. */
void vendor_save_live(struct vp *vp)
{
	(void)vp;
}

void vendor_load_live(struct vp *vp)
{
	(void)vp;
}

void vendor_load(struct vp *vp)
{
	hardware_of(vp);
	fake_vendor.loaded = vp;
}

void vendor_capture(struct vp *vp, u32 parts)
{
	fake_copy_parts(&vp->state, fake_vendor_state(vp),
	                parts & ~(u32)VP_PART_LIVE);
	fake.captured |= parts;
}

void vendor_apply(struct vp *vp, u32 parts)
{
	fake.applies++;
	fake_copy_parts(fake_vendor_state(vp), &vp->state,
	                parts & ~(u32)VP_PART_LIVE);
}

u64 vendor_peek(struct vp *vp, enum vendor_word word)
{
	const struct vp_state *s = fake_vendor_state(vp);

	switch (word) {
	case VENDOR_RIP:
		return s->rip;
	case VENDOR_RFLAGS:
		return s->rflags;
	case VENDOR_CR0:
		return s->cr0;
	case VENDOR_EFER:
		return s->efer;
	case VENDOR_CPL:
		return s->segment[VP_SS].attributes >> RIGHTS_DPL_SHIFT & 3;
	case VENDOR_CODE_64:
		return vp_state_is_64(s);
	case VENDOR_LENGTH:
		return fake_vendor.exit_length;
	case VENDOR_BLOCKING:
		return s->interrupt_state;
	case VENDOR_OCCUPIED:
		return s->pending_interruption & HV_PENDING_INTERRUPTION;
	}
	abort();
}

/* ---- Events ---- */

/* Nothing is injected over what is to be delivered already. */
void vendor_inject(struct vp *vp, const struct vendor_event *event)
{
	struct vp_state *s = fake_vendor_state(vp);

	CHECK(!(s->pending_interruption & HV_PENDING_INTERRUPTION));
	s->pending_interruption = HV_PENDING_INTERRUPTION |
	                          (u64)event->type << HV_PENDING_TYPE_SHIFT |
	                          (u64)event->vector << HV_PENDING_VECTOR_SHIFT;
	if (event->has_error)
		s->pending_interruption |= HV_PENDING_DELIVER_ERROR_CODE |
		                           (u64)event->error
		                                   << HV_PENDING_ERROR_SHIFT;
	if (vp->cached & VP_PART_CORE)
		vp->state.pending_interruption = s->pending_interruption;
}

bool vendor_delivering(struct vp *vp, struct vendor_event *event)
{
	(void)vp;
	*event = fake_vendor.delivered;
	return fake_vendor.cut_short;
}

void vendor_drop(struct vp *vp)
{
	fake_vendor_state(vp)->pending_interruption = 0;
	if (vp->cached & VP_PART_CORE)
		vp->state.pending_interruption = 0;
}

bool vendor_debug_waits(struct vp *vp)
{
	return debug_is_due(vp->cached & VP_PART_MSRS
	                            ? vp->state.pending_debug
	                            : fake_vendor_state(vp)->pending_debug);
}

/* The same for a VP that has been captured and for one that has not. */
void vendor_skip(struct vp *vp)
{
	CHECK(fake_vendor.exit_length > 0);
	vp_state_part(vp, VP_PART_CORE);
	vp_skip(vp, fake_vendor.exit_length);
}

void vendor_retry(struct vp *vp)
{
	vp_state_change(vp, VP_PART_CORE)->rflags |= RFLAGS_RF;
}

/* ---- An entry ---- */

void vendor_hold_back(bool hold)
{
	fake_vendor.held_back = hold;
}

bool vendor_delivers(struct vp *vp)
{
	return fake_vendor.has_apic && lapic_mode(vp) == LAPIC_X2APIC;
}

/* Of whom is to be entered the processor wants what a real one wants. */
void vendor_prepare(struct vp *vp, const struct vendor_entry *entry)
{
	u32 count;
	const struct vp_rule *rules = vendor_rules(&count);

	CHECK(fake_vendor.loaded == vp);
	CHECK(!vp->dirty);
	/* Nobody but its timer takes the processor from a child that computes. */
	CHECK(vp->is_root || (entry->timed && entry->halt_exits));
	for (u32 i = 0; !vp->is_root && i < count; i++)
		CHECK(vp_rule_holds(&rules[i], fake_vendor_state(vp)));
	fake_vendor.entry = *entry;
	fake_vendor.prepared++;
}

_Noreturn void vendor_run(struct vp *vp)
{
	CHECK(fake_vendor.loaded == vp);
	fake_vendor.ran = vp;
	longjmp(fake_vendor.out, 1);
}

/* All of it is in that processor, and the guest runs there up to an NMI. */
static void enter_elsewhere(struct vp *vp)
{
	vp->in_processor = true;
	cpu_arch(vp->cpu)->resident = vp;
	cpu_arch(vp->cpu)->in_guest = true;
}

struct vp_state *fake_enter(struct vp *vp)
{
	struct vp_state garbage;
	u32 i = hardware_of(vp);

	if (vp->dirty)
		arch_vp_apply(vp);
	vp->cached = VP_PART_OURS;
	vp->dirty = 0;
	memset(&garbage, GARBAGE, sizeof(garbage));
	fake_copy_parts(&vp->state, &garbage, VP_PART_ALL & ~VP_PART_OURS);
	hardware.at[i].entered = true;
	vp->cpu->current = vp;
	if (vp->cpu != fake.here)
		enter_elsewhere(vp);
	return &hardware.at[i].state;
}

void fake_exit(struct vp *vp)
{
	hardware.at[hardware_of(vp)].entered = false;
	vp->cpu->current = vp->cpu->root;
}

bool fake_is_entered(const struct vp *vp)
{
	return hardware.at[hardware_of(vp)].entered;
}

/* ---- Second-level page tables ---- */

/* The rights in another order than ours, as VT-x has them; the type, elsewhere. */
#define LEAF_WRITE BIT(0)
#define LEAF_EXECUTE BIT(1)
#define LEAF_READ BIT(2)
#define LEAF_TYPE_SHIFT 9

u64 vendor_leaf(u32 rights, u32 type)
{
	return (rights & ARCH_READ ? LEAF_READ : 0) |
	       (rights & ARCH_WRITE ? LEAF_WRITE : 0) |
	       (rights & ARCH_EXECUTE ? LEAF_EXECUTE : 0) |
	       (u64)type << LEAF_TYPE_SHIFT;
}

u64 vendor_table(void)
{
	return LEAF_READ | LEAF_WRITE | LEAF_EXECUTE;
}

u32 vendor_rights(u64 entry)
{
	return (entry & LEAF_READ ? ARCH_READ : 0) |
	       (entry & LEAF_WRITE ? ARCH_WRITE : 0) |
	       (entry & LEAF_EXECUTE ? ARCH_EXECUTE : 0);
}

bool vendor_has_gigabyte_pages(void)
{
	return !fake.no_gigabyte;
}

bool vendor_memory_type(u64 base, u64 size, u32 *type)
{
	bool all = base + size <= fake.ram_bytes &&
	           (base + size <= FAKE_HOLE_BASE || base >= FAKE_HOLE_END);
	bool none = base >= fake.ram_bytes ||
	            (base >= FAKE_HOLE_BASE && base + size <= FAKE_HOLE_END);

	*type = all ? MEMORY_WB : MEMORY_UC;
	return all || none;
}
