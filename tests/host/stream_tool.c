/*
 * The engine behind a command line, for the tests that put streams of another
 * writer into it and have its own streams read by another reader:
 *
 *   stream_tool restore FILE [name=value ...]   offers FILE to a fresh target
 *   stream_tool save FILE [name=value ...]      saves a child that seed= makes
 *   stream_tool fields - [name=value ...]       what the tables say there is
 *
 * Prints what came of it as lines "name value", then the hypervisor's log. The
 * exit code says only that all of this could be done.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/base/log.h"
#include "hv/run/msr.h"
#include "hv/run/vp_reg.h"
#include "hv/stream/chunk.h"
#include "include/x86_apic.h"
#include "tests/host/fixture/child.h"

static const char *const machines[FAKE_MACHINES] = {
	[FAKE_SKYLAKE_X] = "skylake_x",
	[FAKE_HASWELL] = "haswell",
	[FAKE_NO_XSAVE] = "no_xsave",
};

static u64 machine;      /* enum fake_machine; by name or number */
static u64 bare;         /* 1: no feature bit is here */
static u64 cr4;          /* bits that a guest may set besides */
static u64 ebx7;         /* bits of CPUID.7:EBX that are here besides */
static u64 xcr0 = ~0ull; /* of the components, only these are here */
static u64 vps = 1;      /* set of VP indices */
static u64 pages = 16;   /* mapped from GPN 0 on */
static u64 rights = 7;   /* of page 0; the others are RWX */
static u64 dry;          /* 1: the pool of the target is empty */
static u64 flags;        /* besides START */
static u64 system_only;  /* 1: partition id 0 */
static u64 piece = HV_SAVE_DATA_MAX;
static u64 seed;
static u64 memory = 1; /* save: property SaveMemory */
static u64 like_seed;  /* 1: the target has the shape that seed makes */

static const struct {
	const char *name;
	u64 *value;
} options[] = {
	{ "machine", &machine },
	{ "bare", &bare },
	{ "cr4", &cr4 },
	{ "ebx7", &ebx7 },
	{ "xcr0", &xcr0 },
	{ "vps", &vps },
	{ "pages", &pages },
	{ "rights", &rights },
	{ "dry", &dry },
	{ "flags", &flags },
	{ "piece", &piece },
	{ "seed", &seed },
	{ "like_seed", &like_seed },
	{ "memory", &memory },
	{ "system", &system_only },
};

static _Noreturn void give_up(const char *why, const char *what)
{
	fprintf(stderr, "stream_tool: %s: %s\n", why, what);
	exit(2);
}

static u64 value_of(const char *text)
{
	char *end;
	u64 value = strtoull(text, &end, 0);

	for (u32 i = 0; i < FAKE_MACHINES; i++)
		if (strcmp(text, machines[i]) == 0)
			return i;
	if (*text == 0 || *end != 0)
		give_up("no number", text);
	return value;
}

static void take_option(const char *word)
{
	const char *equals = strchr(word, '=');

	for (u32 i = 0; equals && i < ARRAY_LEN(options); i++) {
		size_t length = strlen(options[i].name);

		if ((size_t)(equals - word) == length &&
		    strncmp(word, options[i].name, length) == 0) {
			*options[i].value = value_of(equals + 1);
			return;
		}
	}
	give_up("no such option", word);
}

static void start_machine(void)
{
	struct fake_options o = { .machine = FAKE_SKYLAKE_X };

	if (machine >= FAKE_MACHINES || guest_start(&o) != HANDOFF_OK)
		give_up("cannot start", "the machine");
	fake_become((enum fake_machine)machine);
	fake.facts.compat.xcr0 &= xcr0;
	fake.facts.compat.features[STREAM_FEATURE_7_EBX] |= (u32)ebx7;
	fake.facts.cr4_allowed |= cr4;
	if (bare)
		memset(fake.facts.compat.features, 0,
		       sizeof(fake.facts.compat.features));
}

/* What a seed makes; every seventh has no memory. */
static void shape_of_seed(struct child_shape *shape)
{
	child_shape_random(shape, seed);
	if (seed % 7 == 0)
		shape->page_count = 0;
}

/* Of every VP: something that a reader can compare. */
static void print_registers(u64 id)
{
	const struct partition *p = guest_partition(id);

	for (u32 i = 0; i < PARTITION_VPS; i++)
		if (p->vps[i])
			printf("rip%u %#llx\n", i,
			       (unsigned long long)guest_get64(
				       id, i, HV_REGISTER_RIP));
}

/* ---- Restore ---- */

static struct guest_stream read_file(const char *path)
{
	static u8 data[4 << 20];
	struct guest_stream s = { .data = data };
	FILE *file = fopen(path, "rb");

	if (!file)
		give_up("cannot read", path);
	s.size = (u32)fread(data, 1, sizeof(data), file);
	fclose(file);
	return s;
}

static void shape_of_options(struct child_shape *shape)
{
	if (pages > ARRAY_LEN(shape->gpns))
		give_up("too many", "pages");
	child_shape_small(shape, (u32)pages);
	shape->vps = (u32)__builtin_popcountll(vps);
	shape->vp_set = vps;
}

static u64 make_target(void)
{
	struct child_shape shape;
	struct pool *pool;
	u64 id;

	if (like_seed)
		shape_of_seed(&shape);
	else
		shape_of_options(&shape);
	id = child_make_target(&shape);
	if (rights != 7)
		assert_int_equal(guest_map(id, 0, guest_page(), (u32)rights),
		                 HV_STATUS_SUCCESS);
	pool = &guest_partition(id)->pool;
	while (dry && pool->available)
		assert_non_null(pool_alloc(pool));
	return id;
}

/* The same end as guest_restore's, and how far it came. */
static void offer(u64 id, const struct guest_stream *s)
{
	u32 at = 0, result = HV_STATE_INCOMPLETE, consumed = 0, idle = 0;
	u32 now = (u32)flags | GUEST_START;
	enum hv_status status = HV_STATUS_SUCCESS;

	while (status == HV_STATUS_SUCCESS && result == HV_STATE_INCOMPLETE &&
	       idle < 2) {
		u32 left = s->size - at;

		status = guest_restore_call(id, now, s->data + at,
		                            left < piece ? left : (u32)piece,
		                            &result, &consumed);
		now = (u32)flags;
		at += status == HV_STATUS_SUCCESS ? consumed : 0;
		idle = left == 0 ? idle + 1 : 0;
	}
	printf("status %#x\nresult %u\nconsumed %u\n", (u32)status, result, at);
	printf("half_restored %u\n",
	       id ? guest_partition(id)->half_restored : 0);
}

static void restore(const char *path)
{
	struct guest_stream s = read_file(path);
	u64 id;

	start_machine();
	id = system_only ? 0 : make_target();
	offer(id, &s);
	if (id)
		print_registers(id);
}

/* ---- Save ---- */

static void write_file(const char *path, const struct guest_stream *s)
{
	FILE *file = fopen(path, "wb");

	if (!file || fwrite(s->data, 1, s->size, file) != s->size ||
	    fclose(file) != 0)
		give_up("cannot write", path);
}

static u64 make_source(struct child_shape *shape)
{
	u64 id;

	shape_of_seed(shape);
	id = child_make(shape);
	child_fill(id, shape, seed);
	assert_int_equal(
		guest_set_property(id, HV_PROPERTY_STASIS_SAVE_MEMORY, memory),
		HV_STATUS_SUCCESS);
	return id;
}

static void save(const char *path)
{
	struct guest_stream s = { .data = NULL };
	struct child_shape shape = { .vps = 0 };
	u32 result;
	u64 id;

	start_machine();
	id = system_only ? 0 : make_source(&shape);
	assert_int_equal(guest_save(id, (u32)flags, &s, &result),
	                 HV_STATUS_SUCCESS);
	write_file(path, &s);
	printf("result %u\nvps %#llx\npages %u\n", result,
	       (unsigned long long)shape.vp_set, shape.page_count);
	if (id)
		print_registers(id);
	guest_stream_free(&s);
}

/*
 * ---- Fields: lines "register NAME VALUE...", "kept_in NAME CHUNK", "msr NUMBER",
 * "chunk NAME ID MIN MAX", "field CHUNK.NAME AT WIDTH COUNT RESERVED",
 * "in_msrs NAME" ----
 */

static void print_value(const struct vp_reg *r,
                        const union hv_register_value *v)
{
	enum vp_reg_kind kind = r ? r->kind : VP_REG_U64;

	if (kind == VP_REG_SEGMENT)
		printf(" %#llx %#x %#x %#x",
		       (unsigned long long)v->segment.base, v->segment.limit,
		       v->segment.selector, v->segment.attributes);
	else if (kind == VP_REG_TABLE)
		printf(" %#llx %#x", (unsigned long long)v->table.base,
		       v->table.limit);
	else if (kind == VP_REG_XSAVE16)
		printf(" %#llx %#llx", (unsigned long long)v->reg128[0],
		       (unsigned long long)v->reg128[1]);
	else
		printf(" %#llx", (unsigned long long)v->reg64);
	printf("\n");
}

static void print_register(struct vp *vp, u32 name)
{
	union hv_register_value v;
	const struct vp_reg *r;
	u32 index;

	if (vp_reg_get(vp, name, &v) != HV_STATUS_SUCCESS)
		return;
	r = vp_reg_find(name, &index);
	printf("register %#x", name);
	print_value(r, &v);
	printf("kept_in %#x %#x\n", name, r->chunk);
}

/* By asking for all names there could be. The page of an xAPIC has most. */
static void print_registers_of(struct vp *vp)
{
	for (u32 area = 0; area <= 0xf; area++)
		for (u32 n = 0; n < 0x10000; n++)
			print_register(vp, area << 16 | n);
}

/* MSRs that the core answers, in either mode of the APIC; 0x800 on is that. */
static void print_msrs(struct vp *vp)
{
	static const u32 first[] = { 0, 0x40000000, 0xc0000000 };
	u64 value;
	u32 index;

	vp->state.apic_base |= LAPIC_BASE_X2APIC;
	for (u32 i = 0; i < 3 * 0x2000; i++) {
		u32 msr = first[i / 0x2000] + i % 0x2000;
		bool apic = msr >= 0x800 && msr <= 0x8ff;
		enum msr_result r = vp_msr_read(vp, msr, &value);

		if (apic && r == MSR_FAULT)
			r = vp_msr_write(vp, msr, 0);
		if (apic ? r == MSR_OK : r != MSR_UNKNOWN)
			printf("msr %#x\n", msr);
		else if (!apic && vp_reg_find_msr(msr, &index))
			printf("msr %#x\n", msr);
	}
}

/* Of each kind: its id and lengths, and its fields as the engine has them. */
static void print_chunks(void)
{
	u32 count;
	const struct chunk_kind *k = chunk_table(&count);

	for (; count > 0; count--, k++) {
		printf("chunk %s %#x %u %u\n", k->name, k->id, k->min, k->max);
		for (const struct field *f = k->fields; f && f->name; f++)
			printf("field %s.%s %u %u %u %#llx\n", k->name, f->name,
			       f->at, f->width, f->count,
			       (unsigned long long)f->rsvd);
	}
}

/* What a real stream has in VP_MSRS. */
static void print_stream_msrs(u64 id)
{
	struct guest_stream s = { .data = NULL };
	const struct stream_header *h;
	const struct stream_msr *m;
	u32 result;

	assert_int_equal(guest_save(id, 0, &s, &result), HV_STATUS_SUCCESS);
	for (u32 at = 0; at < s.size; at += (u32)sizeof(*h) + h->length) {
		h = (const struct stream_header *)(const void *)(s.data + at);
		m = (const struct stream_msr *)(const void *)(h + 1);
		for (u32 i = 0;
		     h->id == STREAM_VP_MSRS && i < h->length / sizeof(*m); i++)
			printf("in_msrs %#x\n", m[i].name);
	}
	guest_stream_free(&s);
}

static void fields(void)
{
	struct partition *p;
	u64 id;

	start_machine();
	id = guest_child(100, 1);
	p = guest_partition(id);
	p->privileges = ~0ull;
	print_registers_of(p->vps[0]);
	print_stream_msrs(id);
	print_chunks();
	print_msrs(p->vps[0]);
}

static void print_log(void)
{
	u64 position = 0;
	char text[4096];
	u32 count;

	printf("log\n");
	while ((count = log_read(&position, (u8 *)text, sizeof(text))) > 0) {
		fwrite(text, 1, count, stdout);
		position += count;
	}
}

int main(int argc, char **argv)
{
	if (argc < 3)
		give_up("use it so",
		        "stream_tool save|restore|fields FILE [name=value]");
	for (int i = 3; i < argc; i++)
		take_option(argv[i]);
	if (strcmp(argv[1], "restore") == 0)
		restore(argv[2]);
	else if (strcmp(argv[1], "save") == 0)
		save(argv[2]);
	else if (strcmp(argv[1], "fields") == 0)
		fields();
	else
		give_up("no such command", argv[1]);
	print_log();
	fake_stop();
	return 0;
}
