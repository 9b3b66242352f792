/*
 * The dispatcher and all handlers: control words, addresses and blocks of the
 * input's choice, from the root and from a child, with partitions in several
 * states around.
 */
#include <string.h>

#include "hv/call/hypercall.h"
#include "hv/memory/frame.h"
#include "hv/run/vp_run.h"
#include "tests/fuzz/fuzz_block.h"
#include "tests/fuzz/fuzz_world.h"

#define CALLS_MAX 48u
#define PRIVILEGES                                                           \
	(HV_PRIVILEGE_CREATE_PARTITIONS | HV_PRIVILEGE_ACCESS_PARTITION_ID | \
	 HV_PRIVILEGE_ACCESS_HYPERCALL_MSRS)
#define CHILD_PAGES 4u /* pages 0 to 3 of the child, its blocks */

struct call {
	struct vp *vp;
	u64 control;
	u64 input;
	u64 output;
	const struct hypercall *row;
};

static u64 child; /* it makes calls, too */

/* Partitions: 2 with VPs and memory, 3 not initialized, 4 not yet whole. */
static void make_others(void)
{
	u64 id;

	FUZZ_CHECK(!guest_create(&id));
	guest_deposit(id, 8);
	id = guest_child(16, 1);
	FUZZ_CHECK(!guest_finalize(id));
}

static void make_partitions(struct fuzz_in *in, enum fake_machine machine,
                            struct guest_stream *stream)
{
	struct fuzz_start start = { .machine = machine,
		                    .children = 1,
		                    .more = make_others };
	struct fuzz_shape shape;
	u32 result;

	fuzz_shape_read(in, &shape);
	start.vps = shape.vps;
	fuzz_begin(&start);
	child = fuzz_shape_make(&shape, true);
	for (u32 i = 0; i < CHILD_PAGES; i++)
		fuzz_map(child, i, guest_page(), 7);
	FUZZ_CHECK(!guest_save(child, 0, stream, &result));
	fuzz_block_stream(stream->data, stream->size);
	if (fuzz_below(in, 2))
		FUZZ_CHECK(!guest_set_property(
			child, HV_PROPERTY_PRIVILEGE_FLAGS, PRIVILEGES));
}

/* ---- What is asked for ---- */

/* A block's place: at the start of its page, near the end, anywhere. */
static u64 read_address(struct fuzz_in *in, u64 page)
{
	u8 how = fuzz_u8(in);
	u64 gpa = (page + (how & 1)) << PAGE_SHIFT;

	if (how < 0xd0)
		return gpa + (how & 2 && how & 4 ? 8 : 0);
	if (how < 0xe0)
		return gpa + fuzz_u16(in) % PAGE_SIZE;
	if (how < 0xf0)
		return gpa + fuzz_u8(in) * 8u;
	return how < 0xf8 ? page << PAGE_SHIFT : fuzz_word(in);
}

/* The root's RAM behind an address of the caller; NULL: none. */
static u8 *behind(const struct vp *vp, u64 gpa)
{
	struct arch_mapping m;

	if (!gpa_lookup(&vp->partition->space, gpa >> PAGE_SHIFT, &m) ||
	    frame_owner(m.page) != FRAME_ROOT)
		return NULL;
	return guest_at(m.page.v);
}

static void read_call(struct fuzz_in *in, struct call *c)
{
	struct partition *p = partition_find(child);
	bool by_child = fuzz_below(in, 8) == 0;
	u64 first = FUZZ_BLOCK_GPN;
	u8 *block;

	*c = (struct call){ .vp = fake_root_vp() };
	if (by_child && p && p->vps[0] && vp_runnable(p->vps[0])) {
		c->vp = p->vps[0];
		first = 0;
	}
	c->control = fuzz_block_control(in);
	c->input = read_address(in, first);
	c->output = read_address(in, first + (fuzz_below(in, 16) ? 2 : 0));
	c->row = hypercall_find((u32)(c->control & HV_CONTROL_CODE));
	block = behind(c->vp, c->input);
	if (block)
		fuzz_block_write(in, (u32)(c->control & HV_CONTROL_CODE),
		                 block + c->input % PAGE_SIZE,
		                 PAGE_SIZE - (u32)(c->input % PAGE_SIZE));
}

/* ---- What may come of it ---- */

static u32 output_size(const struct call *c)
{
	u32 reps = (u32)(c->control >> HV_CONTROL_REP_COUNT_SHIFT) & 0xfff;

	return c->row ? (c->row->out + 7u) / 8 * 8 + c->row->out_rep * reps : 0;
}

/* A page that no child can write to: only its owner's block may change. */
static bool is_private(const u8 *page)
{
	return page && frame_mappings(hpa_of((u64)(page - fake.ram))) == 0 &&
	       frame_owner(hpa_of((u64)(page - fake.ram))) == FRAME_ROOT;
}

static void check_outside(const struct call *c, const u8 *then, const u8 *now)
{
	u32 from = (u32)(c->output % PAGE_SIZE);
	u32 size = output_size(c);

	if (c->control & HV_CONTROL_FAST || from + size > PAGE_SIZE)
		size = 0;
	FUZZ_CHECK(!memcmp(then, now, from));
	FUZZ_CHECK(!memcmp(then + from + size, now + from + size,
	                   PAGE_SIZE - from - size));
}

static void check_result(const struct call *c, u64 result,
                         enum exit_outcome outcome)
{
	u32 reps = (u32)(c->control >> HV_CONTROL_REP_COUNT_SHIFT) & 0xfff;
	u32 done = (u32)(result >> HV_RESULT_REPS_SHIFT) & 0xfff;
	u64 status = result & HV_RESULT_STATUS;

	if (outcome == EXIT_SUSPENDED) {
		FUZZ_CHECK(!c->vp->is_root && c->vp->intercept_suspend);
		return;
	}
	FUZZ_CHECK(outcome == EXIT_SKIP);
	FUZZ_CHECK(status <= HV_STATUS_NO_RESOURCES);
	FUZZ_CHECK(!(result & ~(HV_RESULT_STATUS | 0xfffull << 32)));
	if (status == HV_STATUS_INVALID_HYPERCALL_CODE)
		FUZZ_CHECK(!c->row);
	if (status == HV_STATUS_SUCCESS)
		FUZZ_CHECK(c->row && done == reps);
	/* A child may not do anything to another (TLFS 4.2.2). */
	if (!c->vp->is_root && status == HV_STATUS_SUCCESS)
		FUZZ_CHECK(c->vp->partition->privileges >> 32 != 0);
}

/* A process that was opened goes on for a while, so that it gets somewhere. */
static void go_on(struct call *c)
{
	u8 *in_page = behind(c->vp, c->input);
	enum exit_outcome outcome;
	u64 result = 0;

	if ((u32)c->control != HVCALL_SAVE_PARTITION_STATE || !in_page)
		return;
	in_page[c->input % PAGE_SIZE + 8] &= (u8)~GUEST_START;
	for (u32 i = 0; i < 8 && result == 0; i++) {
		result = guest_raw(c->vp, c->control, c->input, c->output,
		                   &outcome);
		check_result(c, result, outcome);
	}
}

static void make_call(struct fuzz_in *in)
{
	static u8 input[PAGE_SIZE], output[PAGE_SIZE];
	enum exit_outcome outcome;
	struct call c;
	u8 *in_page, *out_page;
	u64 result;

	read_call(in, &c);
	in_page = behind(c.vp, c.input);
	out_page = behind(c.vp, c.output);
	if (in_page)
		memcpy(input, in_page, PAGE_SIZE);
	if (out_page)
		memcpy(output, out_page, PAGE_SIZE);
	result = guest_raw(c.vp, c.control, c.input, c.output, &outcome);
	check_result(&c, result, outcome);
	if (c.row && c.row->tail && out_page && result == 0 &&
	    outcome == EXIT_SKIP)
		fuzz_block_ate(
			*(const u32 *)(const void *)(out_page +
		                                     c.output % PAGE_SIZE + 4));
	if (is_private(in_page) && in_page != out_page)
		FUZZ_CHECK(!memcmp(input, in_page, PAGE_SIZE));
	if (is_private(out_page))
		check_outside(&c, output, out_page);
	if (result == 0 && outcome == EXIT_SKIP)
		go_on(&c);
}

/* ---- What else the two do ---- */

/* Overlays come and go; the root's stay inside its RAM. */
static void write_msr(struct fuzz_in *in)
{
	static const u32 msrs[] = { HV_MSR_GUEST_OS_ID, HV_MSR_HYPERCALL,
		                    HV_MSR_SCONTROL,    HV_MSR_SIEFP,
		                    HV_MSR_SIMP,        HV_MSR_EOM,
		                    HV_MSR_SINT0,       0x277 };
	struct partition *p = partition_find(child);
	struct vp *vp = fake_root_vp();
	u32 msr = msrs[fuzz_below(in, ARRAY_LEN(msrs))];
	u64 value = fuzz_word(in);

	if (fuzz_below(in, 2) && p && p->vps[0] && vp_runnable(p->vps[0]))
		vp = p->vps[0];
	else if (msr >= HV_MSR_SIEFP && msr <= HV_MSR_SIMP)
		value = (u64)(0x4f0 + fuzz_u8(in) / 8) << PAGE_SHIFT | 1;
	else if (msr == HV_MSR_HYPERCALL)
		value = (u64)fuzz_u8(in) << PAGE_SHIFT | (value & 1);
	fake.cpu.current = vp;
	vp->state.gpr[VP_RCX] = msr;
	vp->state.gpr[VP_RAX] = (u32)value;
	vp->state.gpr[VP_RDX] = value >> 32;
	(void)exit_wrmsr(vp, 2);
	fake.cpu.current = fake.cpu.root;
}

/* Whatever lies over the root's memory goes, so that all of it comes back. */
static void clear_overlays(void)
{
	static const u32 msrs[] = { HV_MSR_GUEST_OS_ID, HV_MSR_SIEFP,
		                    HV_MSR_SIMP };
	struct vp *vp = fake_root_vp();

	for (u32 i = 0; i < ARRAY_LEN(msrs); i++) {
		vp->state.gpr[VP_RCX] = msrs[i];
		vp->state.gpr[VP_RAX] = vp->state.gpr[VP_RDX] = 0;
		FUZZ_CHECK(exit_wrmsr(vp, 2) == EXIT_SKIP);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };
	static struct guest_stream stream; /* its room stays */
	enum fake_machine machine;

	machine = (enum fake_machine)fuzz_below(&in, FAKE_MACHINES);
	make_partitions(&in, machine, &stream);
	(void)guest_set(child, 0, HV_REGISTER_EXPLICIT_SUSPEND, 0);
	for (u32 i = 0; i < CALLS_MAX && in.left > 0; i++) {
		u32 what = fuzz_below(&in, 16);

		if (what == 1)
			write_msr(&in);
		else if (what == 2 && partition_find(child) &&
		         partition_find(child)->state == PARTITION_ACTIVE)
			fuzz_run(&in, child, fuzz_below(&in, 2));
		else
			make_call(&in);
	}
	fuzz_audit();
	clear_overlays();
	fuzz_end();
	return 0;
}

size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max,
                               unsigned int seed)
{
	return fuzz_mutate_row(data, size, max, seed);
}
