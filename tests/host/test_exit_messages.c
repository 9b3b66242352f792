/*
 * hv/run/exit.c: what an intercept message says, for every form of its cause.
 */
#include "hv/run/exit.h"
#include "hv/vp/intercept.h"
#include "tests/host/fixture/test.h"

static struct partition *p;
static struct vp *vp;

static void make(void)
{
	p = guest_partition(guest_child(60, 1));
	vp = p->vps[0];
	for (u32 i = 0; i < 16; i++)
		vp->state.gpr[i] = 0x0101010101010101ull * (i + 1);
	vp->state.segment[VP_DS].base = 0xd5000;
	vp->state.segment[VP_ES].base = 0xe5000;
}

/* Direction, string and repeat; the registers of a string access go along. */
static void check_io(const struct exit_io *io)
{
	const struct hv_io_port_intercept *m;
	u8 access = (u8)(io->size | (io->string ? HV_IO_ACCESS_STRING : 0) |
	                 (io->rep ? HV_IO_ACCESS_REP : 0));

	assert_int_equal(exit_io(vp, io), EXIT_SUSPENDED);
	assert_int_equal(vp->message.type, HV_MESSAGE_IO_PORT_INTERCEPT);
	m = (const struct hv_io_port_intercept *)vp->message.payload;
	assert_int_equal(m->header.access_type,
	                 io->in ? HV_INTERCEPT_READ : HV_INTERCEPT_WRITE);
	assert_int_equal(m->port, io->port);
	assert_int_equal(m->access_info, access);
	assert_int_equal(m->rax, vp->state.gpr[VP_RAX]);
	assert_int_equal(m->ds.base, io->string ? 0xd5000 : 0);
	assert_int_equal(m->es.base, io->string ? 0xe5000 : 0);
	assert_int_equal(m->rcx, io->string ? vp->state.gpr[VP_RCX] : 0);
	assert_int_equal(m->rsi, io->string ? vp->state.gpr[VP_RSI] : 0);
	assert_int_equal(m->rdi, io->string ? vp->state.gpr[VP_RDI] : 0);
}

static void test_every_form_of_port_access(void **state)
{
	static const u8 sizes[] = { 1, 2, 4 };

	(void)state;
	make();
	assert_ok(intercept_install(p, HV_INTERCEPT_TYPE_IO_PORT, 0x60, 3));
	for (u32 form = 0; form < 24; form++) {
		struct exit_io io = { .port = 0x60,
			              .size = sizes[form / 8],
			              .in = form & 1,
			              .string = form & 2,
			              .rep = form & 4,
			              .instruction_length = 2 };

		check_io(&io);
		assert_ok(
			guest_set(p->id, 0, HV_REGISTER_INTERCEPT_SUSPEND, 0));
	}
}

/* Nobody listens: a write is lost, and changes nothing. */
static void test_write_to_no_port(void **state)
{
	struct exit_io io = { .port = 0x80, .size = 1 };
	u64 rax;

	(void)state;
	make();
	rax = vp->state.gpr[VP_RAX];
	assert_int_equal(exit_io(vp, &io), EXIT_SKIP);
	assert_int_equal(vp->state.gpr[VP_RAX], rax);
	assert_int_equal(vp->message.type, HV_MESSAGE_NONE);
}

/* An MSR that is not ours to answer for is the processor's, for the root. */
static void test_native_msrs_of_the_root(void **state)
{
	struct vp *root = fake_root_vp();

	(void)state;
	make();
	root->state.gpr[VP_RCX] = vp->state.gpr[VP_RCX] = 0x277;
	assert_int_equal(exit_rdmsr(root, 2), EXIT_NATIVE);
	assert_int_equal(exit_rdmsr(vp, 2), EXIT_SKIP);
	assert_int_equal((u32)vp->state.gpr[VP_RAX], 0x00070406);
}

/* An address belongs to page faults, an error code where there is one. */
static void test_every_form_of_exception(void **state)
{
	static const struct {
		u8 vector;
		bool has_error;
	} rows[] = { { 3, false }, { 13, true }, { 14, true } };
	const struct hv_exception_intercept *m;

	(void)state;
	make();
	m = (const struct hv_exception_intercept *)vp->message.payload;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		struct exit_exception e = { .vector = rows[i].vector,
			                    .has_error = rows[i].has_error,
			                    .error = rows[i].has_error ? 5 : 0,
			                    .parameter = 0xabc };

		assert_int_equal(exit_exception(vp, &e), EXIT_SUSPENDED);
		assert_int_equal(m->vector, rows[i].vector);
		assert_int_equal(
			m->exception_info,
			rows[i].has_error ? HV_EXCEPTION_ERROR_CODE_VALID : 0);
		assert_int_equal(m->error_code, e.error);
		assert_int_equal(m->parameter,
		                 rows[i].vector == 14 ? 0xabc : 0);
		assert_ok(
			guest_set(p->id, 0, HV_REGISTER_INTERCEPT_SUSPEND, 0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_form_of_port_access),
		TEST(test_write_to_no_port),
		TEST(test_native_msrs_of_the_root),
		TEST(test_every_form_of_exception),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
