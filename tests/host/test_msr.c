/*
 * hv/run/msr.c: each row, for who has it and who has not.
 */
#include "hv/run/exit.h"
#include "hv/run/msr.h"
#include "hv/vp/intercept.h"
#include "hv/vp/partition.h"
#include "tests/host/fixture/test.h"

static struct vp *child_vp(void)
{
	return guest_partition(guest_child(40, 1))->vps[0];
}

/* Who may read and who may write which MSR, at reset. */
static void test_every_row(void **state)
{
	static const struct {
		u32 msr;
		enum msr_result root_read, root_write, child_read, child_write;
	} rows[] = {
		{ HV_MSR_GUEST_OS_ID, MSR_OK, MSR_OK, MSR_OK, MSR_OK },
		{ HV_MSR_HYPERCALL, MSR_OK, MSR_OK, MSR_OK, MSR_OK },
		{ HV_MSR_VP_INDEX, MSR_OK, MSR_FAULT, MSR_OK, MSR_FAULT },
		{ HV_MSR_TIME_REF_COUNT, MSR_OK, MSR_FAULT, MSR_OK, MSR_FAULT },
		{ HV_MSR_VP_RUNTIME, MSR_OK, MSR_FAULT, MSR_OK, MSR_FAULT },
		{ HV_MSR_REFERENCE_TSC, MSR_OK, MSR_OK, MSR_OK, MSR_OK },
		{ HV_MSR_TSC_FREQUENCY, MSR_UNKNOWN, MSR_UNKNOWN, MSR_OK,
		  MSR_FAULT },
		{ HV_MSR_APIC_FREQUENCY, MSR_UNKNOWN, MSR_UNKNOWN, MSR_OK,
		  MSR_FAULT },
		{ HV_MSR_VP_ASSIST_PAGE, MSR_UNKNOWN, MSR_UNKNOWN, MSR_OK,
		  MSR_OK },
		{ HV_MSR_TSC_INVARIANT_CONTROL, MSR_OK, MSR_OK, MSR_UNKNOWN,
		  MSR_UNKNOWN },
		{ HV_MSR_SCONTROL, MSR_OK, MSR_OK, MSR_OK, MSR_OK },
		{ HV_MSR_SVERSION, MSR_OK, MSR_FAULT, MSR_OK, MSR_FAULT },
		{ HV_MSR_SIEFP, MSR_OK, MSR_OK, MSR_OK, MSR_OK },
		{ HV_MSR_SIMP, MSR_OK, MSR_OK, MSR_OK, MSR_OK },
		{ HV_MSR_EOM, MSR_OK, MSR_OK, MSR_OK, MSR_OK },
		{ HV_MSR_SINT0 + 15, MSR_OK, MSR_FAULT, MSR_OK, MSR_FAULT },
		{ HV_MSR_STIMER0_CONFIG, MSR_UNKNOWN, MSR_UNKNOWN, MSR_OK,
		  MSR_OK },
		{ HV_MSR_STIMER0_CONFIG + 7, MSR_UNKNOWN, MSR_UNKNOWN, MSR_OK,
		  MSR_OK },
		{ HV_MSR_STIMER0_CONFIG + 8, MSR_UNKNOWN, MSR_UNKNOWN,
		  MSR_UNKNOWN, MSR_UNKNOWN },
		{ HV_MSR_SINT0 + 16, MSR_UNKNOWN, MSR_UNKNOWN, MSR_UNKNOWN,
		  MSR_UNKNOWN },
		{ 0x40000003, MSR_UNKNOWN, MSR_UNKNOWN, MSR_UNKNOWN,
		  MSR_UNKNOWN },
		{ 0, MSR_UNKNOWN, MSR_UNKNOWN, MSR_UNKNOWN, MSR_UNKNOWN },
	};
	struct vp *child = child_vp();
	u64 value;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(
			vp_msr_read(fake_root_vp(), rows[i].msr, &value),
			rows[i].root_read);
		assert_int_equal(vp_msr_write(fake_root_vp(), rows[i].msr, 0),
		                 rows[i].root_write);
		assert_int_equal(vp_msr_read(child, rows[i].msr, &value),
		                 rows[i].child_read);
		assert_int_equal(vp_msr_write(child, rows[i].msr, 0),
		                 rows[i].child_write);
	}
	child->partition->privileges = 0;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(vp_msr_read(child, rows[i].msr, &value),
		                 MSR_UNKNOWN);
}

/* Those of no privilege: a child's are ours, the root's the processor's. */
static void test_architectural_rows(void **state)
{
	static const struct {
		u32 msr;
		enum msr_result root_write, child_read, child_write;
	} rows[] = {
		{ 0x10, MSR_OK, MSR_OK, MSR_OK }, /* TSC */
		{ 0x1b, MSR_UNKNOWN, MSR_OK, MSR_OK },
		{ 0xfe, MSR_UNKNOWN, MSR_OK, MSR_FAULT }, /* MTRRCAP */
		{ 0x174, MSR_UNKNOWN, MSR_OK, MSR_OK },
		{ 0x1d9, MSR_UNKNOWN, MSR_OK, MSR_OK },
		{ 0x1ff, MSR_UNKNOWN, MSR_UNKNOWN, MSR_UNKNOWN },
		{ 0x200, MSR_UNKNOWN, MSR_OK, MSR_OK }, /* MTRRs */
		{ 0x20f, MSR_UNKNOWN, MSR_OK, MSR_OK },
		{ 0x210, MSR_UNKNOWN, MSR_UNKNOWN, MSR_UNKNOWN },
		{ 0x250, MSR_UNKNOWN, MSR_OK, MSR_OK },
		{ 0x251, MSR_UNKNOWN, MSR_UNKNOWN, MSR_UNKNOWN },
		{ 0x259, MSR_UNKNOWN, MSR_OK, MSR_OK },
		{ 0x26f, MSR_UNKNOWN, MSR_OK, MSR_OK },
		{ 0x270, MSR_UNKNOWN, MSR_UNKNOWN, MSR_UNKNOWN },
		{ 0x277, MSR_UNKNOWN, MSR_OK, MSR_OK }, /* PAT */
		{ 0x6e0, MSR_UNKNOWN, MSR_OK, MSR_OK }, /* deadline */
		{ 0x7ff, MSR_UNKNOWN, MSR_UNKNOWN, MSR_UNKNOWN },
		{ 0x800, MSR_UNKNOWN, MSR_FAULT, MSR_FAULT }, /* x2APIC's */
		{ 0x8ff, MSR_UNKNOWN, MSR_FAULT, MSR_FAULT },
		{ 0x900, MSR_UNKNOWN, MSR_UNKNOWN, MSR_UNKNOWN },
		{ 0xc0000080, MSR_OK, MSR_OK, MSR_OK }, /* EFER */
		{ 0xc0000084, MSR_UNKNOWN, MSR_OK, MSR_OK },
		{ 0xc0000085, MSR_UNKNOWN, MSR_UNKNOWN, MSR_UNKNOWN },
		{ 0xc0000102, MSR_UNKNOWN, MSR_OK, MSR_OK },
		{ 0xffffffff, MSR_UNKNOWN, MSR_UNKNOWN, MSR_UNKNOWN },
	};
	struct vp *child = child_vp();
	u64 value;

	(void)state;
	child->partition->privileges = 0;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(
			vp_msr_read(fake_root_vp(), rows[i].msr, &value),
			MSR_UNKNOWN);
		assert_int_equal(vp_msr_write(fake_root_vp(), rows[i].msr, 0),
		                 rows[i].root_write);
		value = 0;
		assert_int_equal(vp_msr_read(child, rows[i].msr, &value),
		                 rows[i].child_read);
		assert_int_equal(vp_msr_write(child, rows[i].msr, value),
		                 rows[i].child_write);
	}
}

static u64 read_default(struct vp *who, u32 msr)
{
	who->state.gpr[VP_RCX] = msr;
	who->state.gpr[VP_RAX] = who->state.gpr[VP_RDX] = ~0ull;
	assert_int_equal(exit_rdmsr(who, 2), EXIT_SKIP);
	return who->state.gpr[VP_RAX] | who->state.gpr[VP_RDX] << 32;
}

static enum exit_outcome write_default(struct vp *who, u32 msr, u64 value)
{
	who->state.gpr[VP_RCX] = msr;
	who->state.gpr[VP_RAX] = (u32)value;
	who->state.gpr[VP_RDX] = value >> 32;
	return exit_wrmsr(who, 2);
}

/* Of one vendor: what it reads, a write that is swallowed; of the other #GP. */
static void test_msrs_that_kernels_read(void **state)
{
	static const struct {
		u32 vendor, msr;
		u64 value;
	} rows[] = {
		{ STREAM_VENDOR_INTEL, 0x17, 0 },
		{ STREAM_VENDOR_INTEL, 0x8b, 0 },
		{ STREAM_VENDOR_INTEL, 0x1a0, 0x1801 },
		{ STREAM_VENDOR_AMD, 0x8b, 0 },
		{ STREAM_VENDOR_AMD, 0xc0010010, 0 },
		{ STREAM_VENDOR_AMD, 0xc0010015, 0x1000000 },
		{ STREAM_VENDOR_AMD, 0xc001001f, 0 },
		{ STREAM_VENDOR_AMD, 0xc0010055, 0 },
		{ STREAM_VENDOR_AMD, 0xc0010058, 0 },
	};
	struct vp *vp = child_vp();

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		fake.facts.compat.cpu_vendor = rows[i].vendor;
		assert_int_equal(read_default(vp, rows[i].msr), rows[i].value);
		assert_int_equal(write_default(vp, rows[i].msr, ~0ull),
		                 EXIT_SKIP);
		assert_int_equal(read_default(vp, rows[i].msr), rows[i].value);
		fake.facts.compat.cpu_vendor = STREAM_VENDOR_INTEL +
		                               STREAM_VENDOR_AMD -
		                               rows[i].vendor;
		if (rows[i].msr != 0x8b)
			assert_int_equal(write_default(vp, rows[i].msr, 0),
			                 EXIT_FAULT_GP);
	}
	/* The root has the processor's; a parent that wants it is asked. */
	fake.facts.compat.cpu_vendor = STREAM_VENDOR_INTEL;
	assert_int_equal(write_default(fake_root_vp(), 0x1a0, 1), EXIT_NATIVE);
	assert_ok(
		intercept_install(vp->partition, HV_INTERCEPT_TYPE_MSR, 0, 1));
	assert_int_equal(write_default(vp, 0x1a0, 1), EXIT_SKIP);
	vp->state.gpr[VP_RCX] = 0x1a0;
	assert_int_equal(exit_rdmsr(vp, 2), EXIT_SUSPENDED);
}

static void test_hypercall_page(void **state)
{
	struct vp *vp = child_vp();
	struct partition *p = vp->partition;
	struct arch_mapping m;
	u64 value, in_use = p->pool.in_use;
	const u8 *code;

	(void)state;
	/* TLFS 3.13: without an OS id it stays disabled. */
	assert_int_equal(vp_msr_write(vp, HV_MSR_HYPERCALL, 0x5001), MSR_OK);
	assert_int_equal(vp_msr_read(vp, HV_MSR_HYPERCALL, &value), MSR_OK);
	assert_int_equal(value, 0x5000);
	assert_int_equal(vp_msr_write(vp, HV_MSR_GUEST_OS_ID, 0x8100), MSR_OK);
	assert_int_equal(vp_msr_write(vp, HV_MSR_HYPERCALL, 0x5001), MSR_OK);
	assert_true(arch_space_lookup(&p->space.arch, gpa_of(0x5000), &m));
	assert_int_equal(m.rights, ARCH_READ | ARCH_EXECUTE);
	code = arch_page(m.page);
	assert_memory_equal(code, arch_hypercall_page(), PAGE_SIZE);
	/* Moved, and off with the OS id. */
	assert_int_equal(vp_msr_write(vp, HV_MSR_HYPERCALL, 0x9001), MSR_OK);
	assert_false(arch_space_lookup(&p->space.arch, gpa_of(0x5000), &m));
	assert_int_equal(vp_msr_write(vp, HV_MSR_GUEST_OS_ID, 0), MSR_OK);
	assert_false(arch_space_lookup(&p->space.arch, gpa_of(0x9000), &m));
	assert_int_equal(vp_msr_read(vp, HV_MSR_HYPERCALL, &value), MSR_OK);
	assert_int_equal(value, 0x9000);
	assert_int_equal(p->pool.in_use, in_use);
}

static void test_hypercall_refusals(void **state)
{
	struct vp *vp = child_vp();
	struct partition *p = vp->partition;
	u64 value;

	(void)state;
	assert_int_equal(vp_msr_write(vp, HV_MSR_GUEST_OS_ID, 1), MSR_OK);
	for (u32 bit = 2; bit < PAGE_SHIFT; bit++)
		assert_int_equal(vp_msr_write(vp, HV_MSR_HYPERCALL, BIT(bit)),
		                 MSR_FAULT);
	assert_int_equal(vp_msr_write(vp, HV_MSR_HYPERCALL,
	                              gpa_limit() << PAGE_SHIFT | 1),
	                 MSR_FAULT);
	/* Locked, it takes nothing more. */
	assert_int_equal(vp_msr_write(vp, HV_MSR_HYPERCALL, 0x7003), MSR_OK);
	assert_int_equal(vp_msr_write(vp, HV_MSR_HYPERCALL, 0x8001), MSR_FAULT);
	assert_int_equal(vp_msr_read(vp, HV_MSR_HYPERCALL, &value), MSR_OK);
	assert_int_equal(value, 0x7003);
	/* Whatever memory there is for the tables of the new place. */
	p->hypercall = 0x7001;
	while (p->pool.available)
		assert_non_null(pool_alloc(&p->pool));
	assert_int_equal(vp_msr_write(vp, HV_MSR_HYPERCALL, 0x8000000001),
	                 MSR_OK);
	assert_int_equal(p->hypercall, 0x8000000001);
	assert_true(gpa_has_overlay(&p->space, 0x8000000));
}

/*
 * A page over another is refused for that (D27), not for want of memory, and takes
 * none; its guest is told #GP for either.
 */
static void test_reference_page_over_another(void **state)
{
	u64 id = guest_child(40, 1), in_use;
	struct partition *p = guest_partition(id);

	(void)state;
	assert_ok(guest_set(id, 0, HV_REGISTER_GUEST_OS_ID, 1));
	assert_ok(guest_set(id, 0, HV_REGISTER_HYPERCALL, 0x5001));
	in_use = p->pool.in_use;
	for (u32 dry = 0; dry < 2; dry++) {
		assert_int_equal(
			guest_set(id, 0, HV_REGISTER_REFERENCE_TSC, 0x5001),
			HV_STATUS_INVALID_PARAMETER);
		assert_int_equal(
			vp_msr_write(p->vps[0], HV_MSR_REFERENCE_TSC, 0x5001),
			MSR_FAULT);
		assert_true(dry || p->pool.in_use == in_use);
		assert_int_equal(p->reference.msr, 0);
		while (p->pool.available)
			assert_non_null(pool_alloc(&p->pool));
	}
	assert_ok(guest_set(id, 0, HV_REGISTER_REFERENCE_TSC, 0x6001));
	assert_int_equal(vp_msr_write(p->vps[0], HV_MSR_REFERENCE_TSC, 0x7001),
	                 MSR_OK);
}

static void test_values(void **state)
{
	u64 id = guest_child(40, 3), value;
	struct vp *vp = guest_partition(id)->vps[2];

	(void)state;
	assert_int_equal(vp_msr_read(vp, HV_MSR_VP_INDEX, &value), MSR_OK);
	assert_int_equal(value, 2);
	assert_ok(guest_set_property(id, HV_PROPERTY_REFERENCE_TIME, 99));
	assert_int_equal(vp_msr_read(vp, HV_MSR_TIME_REF_COUNT, &value),
	                 MSR_OK);
	assert_int_equal(value, 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_row),
		TEST(test_architectural_rows),
		TEST(test_msrs_that_kernels_read),
		TEST(test_hypercall_page),
		TEST(test_hypercall_refusals),
		TEST(test_reference_page_over_another),
		TEST(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
