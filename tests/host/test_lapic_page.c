/*
 * hv/interrupt/lapic_page.c: instructions that reach the page of an APIC.
 */
#include "hv/interrupt/lapic.h"
#include "hv/run/exit.h"
#include "include/x86.h"
#include "include/x86_apic.h"
#include "tests/host/fixture/guest_vp.h"
#include "tests/host/fixture/test.h"

#define PAGES 24ull
#define TABLES 0x10000ull /* GPA of five pages */
#define CODE 0x8000ull    /* GPA */

static u64 id;
static struct vp *vp;
static struct vp_state *s;

static void make(void)
{
	id = guest_child_of_zeros(PAGES);
	vp = guest_partition(id)->vps[0];
	s = vp_state_write(vp);
	*vp_apic_register(vp, LAPIC_SVR) = 0x1ff;
}

/* ---- The instruction ---- */

static void enter_mode(u32 width)
{
	*s = (struct vp_state){ .apic_base = s->apic_base, .rflags = 0x8d7 };
	s->segment[VP_CS].attributes = width == 8   ? RIGHTS_CODE_64
	                               : width == 4 ? RIGHTS_CODE_32
	                                            : RIGHTS_CODE_16;
	s->rip = CODE;
	if (width != 8)
		return;
	s->efer = 0x500;
	s->cr0 = 0x80000001;
	s->cr4 = 0x20;
	s->cr3 = TABLES;
	guest_store(vp, TABLES, (TABLES + 0x1000) | PTE_RW, 8);
	guest_store(vp, TABLES + 0x1000, (TABLES + 0x2000) | PTE_RW, 8);
	guest_store(vp, TABLES + 0x2000, PTE_RW | PTE_LARGE, 8);
}

static enum exit_outcome access_page(u32 offset, u8 access)
{
	struct exit_memory m = {
		.gpa = { LAPIC_BASE_RESET + offset },
		.gva = LAPIC_BASE_RESET + offset,
		.gva_valid = true,
		.access = access,
	};

	return exit_memory(vp, &m);
}

static enum exit_outcome run(const char *code, u32 length, u32 offset)
{
	memcpy(guest_memory(vp, CODE), code, length);
	s->rip = CODE;
	return access_page(offset, HV_INTERCEPT_WRITE);
}

static void test_stores_and_loads(void **state)
{
	(void)state;
	make();
	for (u32 width = 4; width <= 8; width += 4) {
		enter_mode(width);
		s->gpr[VP_RCX] = 0x1111111100000050;
		assert_int_equal(run("\x89\x0a", 2, LAPIC_TPR), EXIT_AGAIN);
		assert_int_equal(s->rip, CODE + 2);
		assert_int_equal(lapic_tpr(vp), 0x50);
		s->gpr[VP_RDX] = ~0ull;
		assert_int_equal(run("\x8b\x10", 2, LAPIC_TPR), EXIT_AGAIN);
		assert_true(s->gpr[VP_RDX] == 0x50);
		assert_int_equal(run("\xc7\x00\x20\0\0\0", 6, LAPIC_TPR),
		                 EXIT_AGAIN);
		assert_int_equal(lapic_tpr(vp), 0x20);
		assert_int_equal(s->rip, CODE + 6);
		s->gpr[VP_RAX] = 0x1234567890;
		assert_int_equal(run("\x8a\x07", 2, LAPIC_VERSION + 2),
		                 EXIT_AGAIN);
		assert_true(s->gpr[VP_RAX] == 0x1234567805);
		assert_int_equal(s->rflags, 0x8d7);
	}
}

static void test_logic_and_flags(void **state)
{
	(void)state;
	make();
	enter_mode(8);
	lapic_set_tpr(vp, 0xf3);
	assert_int_equal(run("\x83\x20\x30", 3, LAPIC_TPR), EXIT_AGAIN);
	assert_int_equal(lapic_tpr(vp), 0x30);
	assert_int_equal(s->rflags, 0x8d7 & ~0x8c1u); /* two bits: PF */
	assert_int_equal(run("\x81\x08\x01\0\0\x80", 6, LAPIC_TPR), EXIT_AGAIN);
	assert_int_equal(lapic_tpr(vp), 0x31);
	assert_int_equal(s->rflags & 0x8c5, 0x80); /* SF, three bits */
	s->gpr[VP_RBX] = 0x31;
	assert_int_equal(run("\x31\x18", 2, LAPIC_TPR), EXIT_AGAIN);
	assert_int_equal(lapic_tpr(vp), 0);
	assert_int_equal(s->rflags & 0x8c5, 0x44); /* ZF PF */
}

/* What compilers and kernels make of an access to a register. */
static void test_what_kernels_do(void **state)
{
	static const struct {
		const char *code;
		u32 length, offset;
		u64 rax, rcx; /* afterwards, of RAX all ones */
		u64 flags;    /* CF PF ZF SF OF */
		u32 tpr;      /* of 31H before */
	} rows[] = {
		/* test dword [rdi], 1000H; 30H (RAX is all ones) */
		{ "\xf7\x07\0\x10\0\0", 6, LAPIC_TPR, ~0ull, 5, 0x44, 0x31 },
		{ "\xf6\x07\x30", 3, LAPIC_TPR, ~0ull, 5, 0x04, 0x31 },
		{ "\x85\x07", 2, LAPIC_TPR, ~0ull, 5, 0x00, 0x31 },
		/* cmp dword [rdi], 0; 31H; and with EAX on either side */
		{ "\x83\x3f\0", 3, LAPIC_TPR, ~0ull, 5, 0x00, 0x31 },
		{ "\x83\x3f\x31", 3, LAPIC_TPR, ~0ull, 5, 0x44, 0x31 },
		{ "\x39\x07", 2, LAPIC_TPR, ~0ull, 5, 0x01, 0x31 },
		{ "\x3b\x07", 2, LAPIC_TPR, ~0ull, 5, 0x80, 0x31 },
		/* xchg [rdi], ecx, with LOCK and without */
		{ "\x87\x0f", 2, LAPIC_TPR, ~0ull, 0x31, 0x8c5, 5 },
		{ "\xf0\x87\x0f", 3, LAPIC_TPR, ~0ull, 0x31, 0x8c5, 5 },
		/* bt dword [rdi], 4 and 3; bts 3; btr ecx (5) */
		{ "\x0f\xba\x27\4", 4, LAPIC_TPR, ~0ull, 5, 0x8c5, 0x31 },
		{ "\x0f\xba\x27\3", 4, LAPIC_TPR, ~0ull, 5, 0x8c4, 0x31 },
		{ "\x0f\xba\x2f\3", 4, LAPIC_TPR, ~0ull, 5, 0x8c4, 0x39 },
		{ "\x0f\xb3\x0f", 3, LAPIC_TPR, ~0ull, 5, 0x8c5, 0x11 },
		/* movsx eax, byte [rdi]; movzx eax, word; movsxd rax */
		{ "\x0f\xbe\x07", 3, LAPIC_VERSION, 0x14, 5, 0x8c5, 0x31 },
		{ "\x0f\xb7\x07", 3, LAPIC_VERSION + 2, 5, 5, 0x8c5, 0x31 },
		{ "\x48\x63\x07", 3, LAPIC_VERSION, 0x50014, 5, 0x8c5, 0x31 },
		/* mov rax, [rdi]: the register, and zeroes */
		{ "\x48\x8b\x07", 3, LAPIC_VERSION, 0x50014, 5, 0x8c5, 0x31 },
		/* add [rdi], ecx; inc; not; and ecx, [rdi]; neg */
		{ "\x01\x0f", 2, LAPIC_TPR, ~0ull, 5, 0x04, 0x36 },
		{ "\xff\x07", 2, LAPIC_TPR, ~0ull, 5, 0x01, 0x32 },
		{ "\xf7\x17", 2, LAPIC_TPR, ~0ull, 5, 0x8c5, 0xce },
		{ "\x23\x0f", 2, LAPIC_TPR, ~0ull, 1, 0x00, 0x31 },
		{ "\xf7\x1f", 2, LAPIC_TPR, ~0ull, 5, 0x85, 0xcf },
	};

	(void)state;
	make();
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		enter_mode(8);
		s->rflags = 0x8d7;
		s->gpr[VP_RAX] = ~0ull;
		s->gpr[VP_RCX] = 5;
		lapic_set_tpr(vp, 0x31);
		assert_int_equal(
			run(rows[i].code, rows[i].length, rows[i].offset),
			EXIT_AGAIN);
		assert_int_equal(s->rip, CODE + rows[i].length);
		assert_true(s->gpr[VP_RAX] == rows[i].rax);
		assert_true(s->gpr[VP_RCX] == rows[i].rcx);
		if ((s->rflags & 0x8c5) != rows[i].flags ||
		    lapic_tpr(vp) != rows[i].tpr)
			fail_msg("row %u: flags %x, TPR %x", i, (u32)s->rflags,
			         (u32)lapic_tpr(vp));
	}
}

#define STACK 0x9000ull

/* In each width; over two pages; onto what is no memory. */
static void test_push(void **state)
{
	(void)state;
	make();
	enter_mode(8);
	memset(guest_memory(vp, STACK), 0xee, PAGE_SIZE);
	s->gpr[VP_RSP] = STACK + 0x100;
	assert_int_equal(run("\xff\x37", 2, LAPIC_VERSION), EXIT_AGAIN);
	assert_true(s->gpr[VP_RSP] == STACK + 0xf8);
	assert_true(*(u64 *)guest_memory(vp, STACK + 0xf8) == 0x50014);
	assert_int_equal(*(u8 *)guest_memory(vp, STACK + 0xf7), 0xee);
	assert_int_equal(run("\x66\xff\x37", 3, LAPIC_VERSION), EXIT_AGAIN);
	assert_true(s->gpr[VP_RSP] == STACK + 0xf6);
	assert_int_equal(*(u16 *)guest_memory(vp, STACK + 0xf6), 0x14);
	s->gpr[VP_RSP] = STACK + 4;
	assert_int_equal(run("\xff\x37", 2, LAPIC_VERSION), EXIT_AGAIN);
	assert_int_equal(*(u32 *)guest_memory(vp, STACK - 4), 0x50014);
	assert_int_equal(*(u32 *)guest_memory(vp, STACK), 0);
	/* 32 bits: the stack's base, and its width. */
	enter_mode(4);
	s->segment[VP_SS].base = STACK;
	s->segment[VP_SS].attributes = 0xc093;
	s->gpr[VP_RSP] = 0x1111111100000084;
	assert_int_equal(run("\xff\x37", 2, LAPIC_VERSION), EXIT_AGAIN);
	assert_true(s->gpr[VP_RSP] == 0x80);
	assert_int_equal(*(u32 *)guest_memory(vp, STACK + 0x80), 0x50014);
	s->segment[VP_SS].attributes = 0x93;
	s->gpr[VP_RSP] = 0x22220044;
	assert_int_equal(run("\xff\x37", 2, LAPIC_VERSION), EXIT_AGAIN);
	assert_true(s->gpr[VP_RSP] == 0x22220040);
	assert_int_equal(*(u32 *)guest_memory(vp, STACK + 0x40), 0x50014);
	/* Nothing is done where there is no stack. */
	enter_mode(8);
	s->gpr[VP_RSP] = 0x700000;
	assert_int_equal(run("\xff\x37", 2, LAPIC_VERSION), EXIT_SUSPENDED);
	assert_true(s->gpr[VP_RSP] == 0x700000);
	assert_int_equal(s->rip, CODE);
}

/* ---- Over the edges of the page ---- */

#define EDGE 0x16000ull /* the page, with memory below and above */

static enum exit_outcome cross(const char *code, u32 length, u64 linear,
                               u64 fault)
{
	struct exit_memory m = {
		.gpa = { fault },
		.gva = fault,
		.gva_valid = true,
		.access = HV_INTERCEPT_WRITE,
	};

	memcpy(guest_memory(vp, CODE), code, length);
	s->rip = CODE;
	s->gpr[VP_RDI] = linear;
	vp->lapic.errors = 0;
	return exit_memory(vp, &m);
}

static void make_edge(void)
{
	make();
	enter_mode(8);
	s->apic_base = EDGE | LAPIC_BASE_ENABLE;
	*(u32 *)guest_memory(vp, EDGE - 4) = 0x44332211;
	*(u32 *)guest_memory(vp, EDGE + PAGE_SIZE) = 0x88776655;
	assert_ok(guest_unmap(id, EDGE >> PAGE_SHIFT));
	s = vp_state_write(vp);
}

/* Both parts: memory's, and the page's, where no register is at its edges. */
static void test_an_access_over_an_edge(void **state)
{
	(void)state;
	make_edge();
	for (u32 in = 1; in < 4; in++) {
		u32 below = 4 - in;
		u64 mask = BIT(below * 8) - 1;

		/* mov eax, [rdi] from below: what is behind reads as zero. */
		assert_int_equal(cross("\x8b\x07", 2, EDGE - below, EDGE),
		                 EXIT_AGAIN);
		assert_true(s->gpr[VP_RAX] == (0x44332211u >> in * 8 & mask));
		assert_int_equal(vp->lapic.errors, LAPIC_ESR_REGISTER_ILLEGAL);
		/* And above. */
		assert_int_equal(cross("\x8b\x07", 2, EDGE + PAGE_SIZE - in,
		                       EDGE + PAGE_SIZE - in),
		                 EXIT_AGAIN);
		assert_true(s->gpr[VP_RAX] == (0x88776655u & mask) << in * 8);
		assert_int_equal(vp->lapic.errors, LAPIC_ESR_REGISTER_ILLEGAL);
	}
	s->gpr[VP_RAX] = 0xddccbbaa;
	assert_int_equal(cross("\x89\x07", 2, EDGE - 2, EDGE), EXIT_AGAIN);
	assert_int_equal(*(u32 *)guest_memory(vp, EDGE - 4), 0xbbaa2211);
	assert_int_equal(vp->lapic.errors, LAPIC_ESR_REGISTER_ILLEGAL);
	assert_int_equal(cross("\x89\x07", 2, EDGE + PAGE_SIZE - 1,
	                       EDGE + PAGE_SIZE - 1),
	                 EXIT_AGAIN);
	assert_int_equal(*(u32 *)guest_memory(vp, EDGE + PAGE_SIZE),
	                 0x88ddccbb);
	/* or dword [rdi], 01010101H; mov [rdi], rax of 8 bytes */
	assert_int_equal(cross("\x81\x0f\1\1\1\1", 6, EDGE - 3, EDGE),
	                 EXIT_AGAIN);
	assert_int_equal(*(u32 *)guest_memory(vp, EDGE - 4), 0xbbab2311);
	s->gpr[VP_RAX] = 0x0807060504030201;
	assert_int_equal(cross("\x48\x89\x07", 3, EDGE - 4, EDGE), EXIT_AGAIN);
	assert_int_equal(*(u32 *)guest_memory(vp, EDGE - 4), 0x04030201);
}

/* The first byte of the page alone is as any place without a register. */
static void test_an_access_at_an_edge(void **state)
{
	(void)state;
	make_edge();
	s->gpr[VP_RAX] = 0xddccbbaa;
	assert_int_equal(cross("\x89\x07", 2, EDGE, EDGE), EXIT_AGAIN);
	assert_int_equal(*(u32 *)guest_memory(vp, EDGE - 4), 0x44332211);
	assert_int_equal(vp->lapic.errors, LAPIC_ESR_REGISTER_ILLEGAL);
	/* Where the other page is no memory, or not to be written: the parent's. */
	assert_ok(guest_map(id, (EDGE >> PAGE_SHIFT) + 1, guest_page(), 5));
	assert_int_equal(cross("\x89\x07", 2, EDGE + PAGE_SIZE - 2,
	                       EDGE + PAGE_SIZE - 2),
	                 EXIT_SUSPENDED);
	assert_ok(guest_set(id, 0, HV_REGISTER_INTERCEPT_SUSPEND, 0));
	assert_ok(guest_unmap(id, (EDGE >> PAGE_SHIFT) - 1));
	assert_int_equal(cross("\x8b\x07", 2, EDGE - 2, EDGE), EXIT_SUSPENDED);
	assert_int_equal(s->rip, CODE);
}

/* RIP on the last bytes of a page: the fetch goes over to the next. */
static void test_fetch_over_a_page(void **state)
{
	(void)state;
	make();
	enter_mode(8);
	s->rip = CODE + 0xffe;
	memcpy(guest_memory(vp, CODE + 0xffe), "\xc7\x00", 2);
	memcpy(guest_memory(vp, CODE + 0x1000), "\x77\0\0\0", 4);
	assert_int_equal(access_page(LAPIC_TPR, HV_INTERCEPT_WRITE),
	                 EXIT_AGAIN);
	assert_int_equal(lapic_tpr(vp), 0x77);
	assert_int_equal(s->rip, CODE + 0x1004);
}

/* An instruction that is stepped, behind STI, at the end of 4 GiB. */
static void test_what_skipping_does(void **state)
{
	(void)state;
	make();
	enter_mode(4);
	s->rflags |= BIT(8);
	s->interrupt_state = HV_INTERRUPT_STATE_SHADOW;
	s->segment[VP_CS].base = CODE + 2;
	s->rip = 0xfffffffe;
	memcpy(guest_memory(vp, CODE), "\x89\x0a", 2);
	assert_int_equal(access_page(LAPIC_TPR, HV_INTERCEPT_WRITE),
	                 EXIT_AGAIN);
	assert_int_equal(s->rip, 0);
	assert_int_equal(s->interrupt_state, 0);
	assert_int_equal(s->pending_debug, BIT(14));
}

/* What is not carried out is the parent's, as any hole in the map. */
static void test_left_to_the_parent(void **state)
{
	static const struct {
		const char *code;
		u32 length, offset;
	} rows[] = {
		{ "\xf3\xa5", 2, LAPIC_TPR },
		{ "\x88\x0a", 2, LAPIC_TPR },
		{ "\x89\x0a", 2, LAPIC_TPR + 4 },
		{ "\x48\x89\x0a", 3, LAPIC_TPR },
		{ "\x8b\x0a", 2, LAPIC_TPR + 2 },
	};

	(void)state;
	make();
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		enter_mode(8);
		assert_int_equal(
			run(rows[i].code, rows[i].length, rows[i].offset),
			EXIT_SUSPENDED);
		assert_int_equal(vp->message.type, HV_MESSAGE_UNMAPPED_GPA);
		assert_int_equal(s->rip, CODE);
		assert_ok(guest_set(id, 0, HV_REGISTER_INTERCEPT_SUSPEND, 0));
	}
	assert_int_equal(lapic_tpr(vp), 0);
}

static void test_only_where_the_page_is(void **state)
{
	struct exit_memory m = { .gpa = { LAPIC_BASE_RESET + 0x80 },
		                 .access = HV_INTERCEPT_WRITE };

	(void)state;
	make();
	enter_mode(8);
	memcpy(guest_memory(vp, CODE), "\x89\x0a", 2);
	for (u32 i = 0; i < 6; i++) {
		u64 base = LAPIC_BASE_RESET | LAPIC_BASE_ENABLE;

		s->pending_interruption = i == 0 ? 0x300001 : 0;
		s->apic_base = i == 1   ? LAPIC_BASE_RESET
		               : i == 2 ? base | LAPIC_BASE_X2APIC
		               : i == 3 ? base + PAGE_SIZE
		                        : base;
		m.walk = i == 4;
		m.mapped = i == 5;
		assert_int_equal(exit_memory(vp, &m), EXIT_SUSPENDED);
		assert_ok(guest_set(id, 0, HV_REGISTER_INTERCEPT_SUSPEND, 0));
	}
	m.mapped = false;
	m.access = HV_INTERCEPT_EXECUTE;
	assert_int_equal(exit_memory(vp, &m), EXIT_SUSPENDED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_stores_and_loads),
		TEST(test_logic_and_flags),
		TEST(test_what_kernels_do),
		TEST(test_push),
		TEST(test_an_access_over_an_edge),
		TEST(test_an_access_at_an_edge),
		TEST(test_fetch_over_a_page),
		TEST(test_what_skipping_does),
		TEST(test_left_to_the_parent),
		TEST(test_only_where_the_page_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
