/*
 * hv/run/exit.c: each exit of a child with and without intercept, and the root's.
 */
#include "hv/interrupt/lapic.h"
#include "hv/memory/frame.h"
#include "hv/run/exit.h"
#include "hv/run/msr.h"
#include "hv/run/vp_run.h"
#include "hv/vp/intercept.h"
#include "tests/host/fixture/test.h"

static struct partition *p;
static struct vp *vp;

/* The message stays with the VP: the root has no SIM page here. */
static void make(void)
{
	struct vp_state *s;

	p = guest_partition(guest_child(60, 1));
	vp = p->vps[0];
	vp->explicit_suspend = 0;
	s = fake_enter(vp);
	s->rip = 0x7c00;
	s->rflags = 0x246;
	s->segment[VP_CS].selector = 0x1234;
	s->segment[VP_SS].attributes = 0xf3;
	s->cr0 = BIT(0) | BIT(18);
	s->efer = BIT(10);
	s->dr7 = 0x401;
	fake_exit(vp);
	lapic_set_cr8(vp, 9);
	for (u32 i = 0; i < 16; i++)
		vp->state.gpr[i] = 0x1111111111111111ull * i;
}

static const void *message(u32 type, u32 size)
{
	assert_int_equal(vp->message.type, type);
	assert_int_equal(vp->message.payload_size, size);
	assert_int_equal(vp->message.sender, p->id);
	assert_int_equal(vp->message.flags | vp->message.rsvd, 0);
	assert_int_equal(vp->intercept_suspend, HV_SUSPENDED);
	assert_true(list_linked(&vp->message_link));
	assert_false(vp_runnable(vp));
	for (u32 i = (size + 7) / 8; i < HV_MESSAGE_PAYLOAD / 8; i++)
		assert_int_equal(vp->message.payload[i], 0);
	return vp->message.payload;
}

static void check_header(const struct hv_intercept_header *h, u32 length,
                         u8 access)
{
	assert_int_equal(h->vp_index, 0);
	assert_int_equal(h->instruction_length, length | 9 << 4);
	assert_int_equal(h->access_type, access);
	assert_int_equal(h->execution_state, 3 | HV_EXECUTION_CR0_PE |
	                                             HV_EXECUTION_CR0_AM |
	                                             HV_EXECUTION_EFER_LMA |
	                                             HV_EXECUTION_DEBUG_ACTIVE);
	assert_int_equal(h->cs.selector, 0x1234);
	assert_int_equal(h->rip, 0x7c00);
	assert_int_equal(h->rflags, 0x246);
}

static void test_cpuid(void **state)
{
	const struct hv_cpuid_intercept *m;

	(void)state;
	make();
	vp->state.gpr[VP_RAX] = 0xffffffff40000001;
	vp->state.gpr[VP_RCX] = 5;
	assert_int_equal(exit_cpuid(vp, 2), EXIT_SKIP);
	assert_int_equal(vp->state.gpr[VP_RAX], 0x31237648);
	assert_int_equal(vp->state.gpr[VP_RBX] | vp->state.gpr[VP_RCX], 0);
	assert_ok(intercept_install(p, HV_INTERCEPT_TYPE_CPUID, 0x40000001, 4));
	vp->state.gpr[VP_RAX] = 0x40000001;
	assert_int_equal(exit_cpuid(vp, 2), EXIT_SUSPENDED);
	m = message(HV_MESSAGE_CPUID_INTERCEPT, sizeof(*m));
	check_header(&m->header, 2, HV_INTERCEPT_EXECUTE);
	assert_int_equal(m->rax, 0x40000001);
	assert_int_equal(m->default_rax, 0x31237648);
	assert_int_equal(vp->state.gpr[VP_RAX], 0x40000001);
}

static enum exit_outcome wrmsr(struct vp *who, u32 msr, u64 value)
{
	who->state.gpr[VP_RCX] = msr;
	who->state.gpr[VP_RAX] = 0xaaaaaaaa00000000 | (u32)value;
	who->state.gpr[VP_RDX] = 0xbbbbbbbb00000000 | value >> 32;
	return exit_wrmsr(who, 2);
}

static u64 rdmsr(struct vp *who, u32 msr)
{
	who->state.gpr[VP_RCX] = msr;
	assert_int_equal(exit_rdmsr(who, 2), EXIT_SKIP);
	assert_int_equal(who->state.gpr[VP_RAX] >> 32, 0);
	return who->state.gpr[VP_RAX] | who->state.gpr[VP_RDX] << 32;
}

static void test_msrs_of_a_child(void **state)
{
	(void)state;
	make();
	assert_int_equal(wrmsr(vp, 0xc0000102, 0xffff800000001234), EXIT_SKIP);
	assert_int_equal(rdmsr(vp, 0xc0000102), 0xffff800000001234);
	assert_int_equal(wrmsr(vp, 0xc0000102, 0x0000800000001234),
	                 EXIT_FAULT_GP);
	assert_int_equal(wrmsr(vp, 0x10, 777), EXIT_SKIP);
	fake.tsc += 5;
	assert_int_equal(rdmsr(vp, 0x10), 782);
	assert_int_equal(rdmsr(vp, 0xfe), VP_MTRR_VARIABLE | 0x500);
	assert_int_equal(wrmsr(vp, 0xfe, 0), EXIT_FAULT_GP);
	assert_int_equal(wrmsr(vp, HV_MSR_GUEST_OS_ID, 0x1234567812345678),
	                 EXIT_SKIP);
	assert_int_equal(rdmsr(vp, HV_MSR_GUEST_OS_ID), 0x1234567812345678);
	assert_int_equal(wrmsr(vp, HV_MSR_VP_INDEX, 0), EXIT_FAULT_GP);
	/* Every MSR of the table is there, its number with it. */
	for (u32 i = 0; i < 8; i++) {
		assert_int_equal(wrmsr(vp, 0x200 + 2 * i, i << 12 | 6),
		                 EXIT_SKIP);
		assert_int_equal(vp->state.mtrr_base[i], i << 12 | 6);
		assert_int_equal(
			wrmsr(vp, 0x268 + i, 0x0606060606060600ull | (i & 1)),
			EXIT_SKIP);
		assert_int_equal(vp->state.mtrr_fixed[3 + i] & 0xff, i & 1);
	}
}

static void test_efer(void **state)
{
	(void)state;
	make();
	assert_int_equal(wrmsr(vp, 0xc0000080, 0x901), EXIT_SKIP);
	/* LMA is not the guest's to write. */
	assert_int_equal(rdmsr(vp, 0xc0000080), 0xd01);
	assert_int_equal(wrmsr(vp, 0xc0000080, 0x1000), EXIT_FAULT_GP);
	vp_state_write(vp)->cr0 |= BIT(31);
	assert_int_equal(wrmsr(vp, 0xc0000080, 0x801), EXIT_FAULT_GP);
	assert_int_equal(wrmsr(vp, 0xc0000080, 0x100), EXIT_SKIP);
	assert_int_equal(rdmsr(vp, 0xc0000080), 0x500);
}

static void test_unknown_msrs(void **state)
{
	const struct hv_msr_intercept *m;

	(void)state;
	make();
	assert_int_equal(wrmsr(vp, 0x3a, 1), EXIT_FAULT_GP);
	vp->state.gpr[VP_RCX] = 0x3a;
	assert_int_equal(exit_rdmsr(vp, 2), EXIT_FAULT_GP);
	assert_ok(intercept_install(p, HV_INTERCEPT_TYPE_MSR, 0, 2));
	assert_int_equal(exit_rdmsr(vp, 2), EXIT_FAULT_GP);
	assert_int_equal(wrmsr(vp, 0x3a, 0x500000006), EXIT_SUSPENDED);
	m = message(HV_MESSAGE_MSR_INTERCEPT, sizeof(*m));
	check_header(&m->header, 2, HV_INTERCEPT_WRITE);
	assert_int_equal(m->msr, 0x3a);
	assert_int_equal((u32)m->rax, 6);
	assert_int_equal((u32)m->rdx, 5);
	/* The root has the processor's own, but for what VM entry loads. */
	assert_int_equal(wrmsr(fake_root_vp(), 0x3a, 1), EXIT_NATIVE);
	assert_int_equal(wrmsr(fake_root_vp(), 0xc0000080, 0x801), EXIT_SKIP);
	assert_int_equal(vp_state_read(fake_root_vp())->efer, 0x801);
	assert_int_equal(wrmsr(fake_root_vp(), 0xc0000080, 2), EXIT_FAULT_GP);
	assert_int_equal(vp_state_read(fake_root_vp())->efer, 0x801);
}

static void test_ports(void **state)
{
	static const struct {
		u8 size;
		u64 rax;
	} rows[] = { { 1, 0x12345678123456ff },
		     { 2, 0x123456781234ffff },
		     { 4, 0x00000000ffffffff } };
	struct exit_io io = { .port = 0x3f8, .in = true };
	const struct hv_io_port_intercept *m;

	(void)state;
	make();
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		io.size = rows[i].size;
		vp->state.gpr[VP_RAX] = 0x1234567812345678;
		assert_int_equal(exit_io(vp, &io), EXIT_SKIP);
		assert_int_equal(vp->state.gpr[VP_RAX], rows[i].rax);
	}
	assert_ok(intercept_install(p, HV_INTERCEPT_TYPE_IO_PORT, 0x3f8, 2));
	assert_int_equal(exit_io(vp, &io), EXIT_SKIP);
	io = (struct exit_io){ .port = 0x3f8,
		               .size = 1,
		               .string = true,
		               .rep = true,
		               .instruction_length = 2 };
	assert_int_equal(exit_io(vp, &io), EXIT_SUSPENDED);
	m = message(HV_MESSAGE_IO_PORT_INTERCEPT, sizeof(*m));
	check_header(&m->header, 2, HV_INTERCEPT_WRITE);
	assert_int_equal(m->port, 0x3f8);
	assert_int_equal(m->access_info,
	                 1 | HV_IO_ACCESS_STRING | HV_IO_ACCESS_REP);
	assert_int_equal(m->rsi, vp->state.gpr[VP_RSI]);
	assert_int_equal(m->rcx, vp->state.gpr[VP_RCX]);
}

static void test_string_io_without_intercept(void **state)
{
	struct exit_io io = { .port = 0x80, .size = 1, .string = true };
	const struct hv_unsupported_feature_message *m;

	(void)state;
	make();
	assert_int_equal(exit_io(vp, &io), EXIT_SUSPENDED);
	m = message(HV_MESSAGE_UNSUPPORTED_FEATURE, sizeof(*m));
	assert_int_equal(m->feature, HV_UNSUPPORTED_INTERCEPT);
	assert_int_equal(m->parameter, 0x80);
}

static void test_exception(void **state)
{
	struct exit_exception e = {
		.vector = 14, .has_error = true, .error = 7, .parameter = 0xabc
	};
	const struct hv_exception_intercept *m;

	(void)state;
	make();
	assert_int_equal(exit_exception(vp, &e), EXIT_SUSPENDED);
	m = message(HV_MESSAGE_EXCEPTION_INTERCEPT, sizeof(*m));
	assert_int_equal(m->vector, 14);
	assert_int_equal(m->error_code, 7);
	assert_int_equal(m->exception_info, 1);
	assert_int_equal(m->parameter, 0xabc);
	assert_memory_equal(m->gpr, vp->state.gpr, sizeof(m->gpr));
}

static void test_memory_of_a_child(void **state)
{
	struct exit_memory e = { .gpa = gpa_of(0x5008),
		                 .gva = 0x99,
		                 .access = HV_INTERCEPT_WRITE };
	const struct hv_memory_intercept *m;

	(void)state;
	for (u32 i = 0; i < 2; i++) {
		make();
		e.mapped = e.gva_valid = i;
		assert_int_equal(exit_memory(vp, &e), EXIT_SUSPENDED);
		m = message(i ? HV_MESSAGE_GPA_INTERCEPT
		              : HV_MESSAGE_UNMAPPED_GPA,
		            sizeof(*m));
		assert_int_equal(m->gpa, 0x5008);
		assert_int_equal(m->gva, i ? 0x99 : 0);
		assert_int_equal(m->access_info, i);
		assert_int_equal(m->header.access_type, HV_INTERCEPT_WRITE);
	}
}

static void test_write_to_an_overlay_faults(void **state)
{
	struct exit_memory e = { .gpa = gpa_of(0x5008),
		                 .mapped = true,
		                 .access = HV_INTERCEPT_WRITE };
	struct vp *both[2];

	(void)state;
	make();
	both[0] = vp;
	both[1] = fake_root_vp();
	for (u32 i = 0; i < 2; i++) {
		wrmsr(both[i], HV_MSR_GUEST_OS_ID, 1);
		assert_int_equal(wrmsr(both[i], HV_MSR_HYPERCALL, 0x5001),
		                 EXIT_SKIP);
		assert_int_equal(exit_memory(both[i], &e), EXIT_FAULT_GP);
	}
}

static void test_memory_of_the_root(void **state)
{
	struct vp *root = fake_root_vp();
	struct exit_memory e = { .gpa = gpa_of(0x4000000123) };
	struct arch_mapping m;
	u64 id = guest_child(2, 0), page = guest_page();

	(void)state;
	/* A device above the map is given to it. */
	assert_int_equal(exit_memory(root, &e), EXIT_AGAIN);
	assert_true(arch_space_lookup(&fake_root()->space.arch,
	                              gpa_of(0x4000000000), &m));
	assert_int_equal(m.page.v, 0x4000000000);
	/* What is ours is not. */
	e.gpa = gpa_of(fake.reserved_base);
	assert_int_equal(exit_memory(root, &e), EXIT_FAULT_MC);
	assert_ok(guest_deposit_page(id, page));
	e.gpa = gpa_of_page(page);
	assert_int_equal(exit_memory(root, &e), EXIT_FAULT_MC);
	e.gpa = gpa_of(gpa_limit() << PAGE_SHIFT);
	assert_int_equal(exit_memory(root, &e), EXIT_FAULT_MC);
	while (fake_root()->pool.available)
		assert_non_null(pool_alloc(&fake_root()->pool));
	e.gpa = gpa_of(1ull << 41); /* below another table */
	assert_int_equal(exit_memory(root, &e), EXIT_FAULT_MC);
}

/* Each GiB of a device that is touched costs a page of tables at most. */
static void touch_device(u64 bar)
{
	struct vp *root = fake_root_vp();
	struct pool *pool = &fake_root()->pool;
	struct exit_memory e = { .access = HV_INTERCEPT_READ };
	u64 in_use = pool->in_use, exits = 0;
	struct arch_mapping m;

	for (u64 at = bar; at < bar + (16ull << 30); at += 3ull << 20) {
		if (arch_space_lookup(&fake_root()->space.arch, gpa_of(at), &m))
			continue;
		e.gpa = gpa_of(at);
		assert_int_equal(exit_memory(root, &e), EXIT_AGAIN);
		assert_true(arch_space_lookup(&fake_root()->space.arch,
		                              gpa_of(at), &m));
		exits++;
	}
	assert_int_equal(exits, 16);
	assert_in_range(pool->in_use - in_use, 0, 17);
}

static void test_devices_take_few_tables(void **state)
{
	(void)state;
	touch_device(0x4000000000);
	fake.no_gigabyte = true;
	touch_device(0x6000000000);
}

/* What the root has put there stays where it is, and the rest comes around it. */
static void test_a_device_beside_an_overlay(void **state)
{
	struct vp *root = fake_root_vp();
	struct exit_memory e = { .access = HV_INTERCEPT_READ };
	struct arch_space *space = &fake_root()->space.arch;
	u64 overlay = 0x4000201000, last = (gpa_limit() - 1) << PAGE_SHIFT;
	struct arch_mapping m;

	(void)state;
	wrmsr(root, HV_MSR_GUEST_OS_ID, 1);
	assert_int_equal(wrmsr(root, HV_MSR_HYPERCALL, overlay | 1), EXIT_SKIP);
	e.gpa = gpa_of(overlay + PAGE_SIZE);
	assert_int_equal(exit_memory(root, &e), EXIT_AGAIN);
	assert_true(arch_space_lookup(space, e.gpa, &m));
	assert_int_equal(m.page.v, overlay + PAGE_SIZE);
	assert_true(arch_space_lookup(space, gpa_of(overlay), &m));
	assert_int_not_equal(m.page.v, overlay);
	assert_int_equal(m.rights, ARCH_READ | ARCH_EXECUTE);
	/* The 2 MiB beside are free of it. */
	e.gpa = gpa_of(overlay + (2ull << 20));
	assert_int_equal(exit_memory(root, &e), EXIT_AGAIN);
	e.gpa = gpa_of(0x40005ff000);
	assert_true(arch_space_lookup(space, e.gpa, &m));
	wrmsr(root, HV_MSR_HYPERCALL, 0);
	/* Up to the last page that there can be. */
	e.gpa = gpa_of(last);
	assert_int_equal(exit_memory(root, &e), EXIT_AGAIN);
	assert_true(arch_space_lookup(space, e.gpa, &m));
	assert_int_equal(m.page.v, last);
}

static void test_a_machine_check_ends_one_vp(void **state)
{
	(void)state;
	make();
	assert_int_equal(exit_machine_check(vp), EXIT_SUSPENDED);
	message(HV_MESSAGE_UNRECOVERABLE_EXCEPTION,
	        sizeof(struct hv_intercept_header));
	assert_false(vp_runnable(vp));
}

static void test_the_rest(void **state)
{
	(void)state;
	make();
	assert_int_equal(exit_halt(vp), EXIT_HALTED);
	assert_int_equal(vp->state.activity, HV_ACTIVITY_HALT_SUSPEND);
	assert_int_equal(vp_state_read(vp)->rip, 0x7c00);
	assert_false(vp_runnable(vp));
	assert_int_equal(exit_halt(fake_root_vp()), EXIT_HALTED);
	assert_true(fake.cpu.root_halted);
	assert_int_equal(exit_invalid_state(vp), EXIT_SUSPENDED);
	message(HV_MESSAGE_INVALID_VP_REGISTER_VALUE,
	        sizeof(struct hv_invalid_vp_register));
	make();
	assert_int_equal(exit_unsupported(vp, HV_UNSUPPORTED_TASK_SWITCH, 3),
	                 EXIT_SUSPENDED);
	message(HV_MESSAGE_UNSUPPORTED_FEATURE,
	        sizeof(struct hv_unsupported_feature_message));
}

static void test_header_in_real_mode_has_cpl_0(void **state)
{
	struct hv_intercept_header h;

	(void)state;
	make();
	vp_state_write(vp)->cr0 = 0;
	vp_state_write(vp)->pending_interruption = 0x200001;
	vp_state_write(vp)->interrupt_state = 1;
	vp_state_write(vp)->efer = vp_state_write(vp)->dr7 = 0;
	exit_fill_header(vp, &h, 15, HV_INTERCEPT_READ);
	assert_int_equal(h.execution_state,
	                 HV_EXECUTION_INTERRUPTION_PENDING |
	                         HV_EXECUTION_INTERRUPT_SHADOW);
	assert_int_equal(h.instruction_length, 0x9f);
}

/* What an instruction that is done leaves behind of RFLAGS and its shadow. */
static void test_an_instruction_skipped(void **state)
{
	struct vp_state *s;

	(void)state;
	make();
	s = vp_state_write(vp);
	s->rip = 0xfffffffe;
	s->efer = 0;
	s->interrupt_state = 3;
	s->rflags = 0x10002; /* RF */
	vp_skip(vp, 3);
	assert_int_equal(s->rip, 1);
	assert_int_equal(s->rflags, 2);
	assert_int_equal(s->interrupt_state, HV_INTERRUPT_STATE_NMI_MASKED);
	assert_int_equal(s->pending_debug, 0);
	s->rflags = 0x10102; /* RF, TF */
	vp_skip(vp, 1);
	assert_int_equal(s->rflags, 0x102);
	assert_int_equal(s->pending_debug, BIT(14));
	s->pending_debug = 0;
	s->debugctl = 2; /* steps are branches */
	vp_skip(vp, 1);
	assert_int_equal(s->pending_debug, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cpuid),
		TEST(test_msrs_of_a_child),
		TEST(test_efer),
		TEST(test_unknown_msrs),
		TEST(test_ports),
		TEST(test_string_io_without_intercept),
		TEST(test_exception),
		TEST(test_memory_of_a_child),
		TEST(test_write_to_an_overlay_faults),
		TEST(test_memory_of_the_root),
		TEST(test_devices_take_few_tables),
		TEST(test_a_device_beside_an_overlay),
		TEST(test_a_machine_check_ends_one_vp),
		TEST(test_the_rest),
		TEST(test_an_instruction_skipped),
		TEST(test_header_in_real_mode_has_cpl_0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
