/*
 * Devices in memory, from a child's instruction to what it finds behind it: hvctl run
 * fetches, decodes and carries out what the hypervisor only reports.
 */
#include <inttypes.h>

#include "include/x86.h"
#include "tests/host/parent/mmio_child.h"

/* In a table: which row, and what of it. */
static void same(const char *row, const char *what, u64 got, u64 want)
{
	if (got != want)
		fail_msg("%s: %s is %#" PRIx64 ", not %#" PRIx64, row, what,
		         got, want);
}

/* ---- What instructions do ---- */

#define R HV_INTERCEPT_READ
#define W HV_INTERCEPT_WRITE
#define OLD 0x8786858483828180ull

struct row {
	const char *name;
	u8 code[11];
	u8 length;
	u8 access;
	u8 size;
	u8 reads;
	u8 writes;
	u64 rax;    /* behind it */
	u64 memory; /* eight bytes of the bank behind it */
	u64 flags;  /* of CF, ZF, SF behind it */
};

/* clang-format off */
static const struct row rows[] = {
	{ "mov [rbx], al", { 0x88, 0x03 }, 2, W, 1, 0, 1, MMIO_RAX, 0x8786858483828188, 0 },
	{ "mov [rbx], ax", { 0x66, 0x89, 0x03 }, 3, W, 2, 0, 1, MMIO_RAX, 0x8786858483827788, 0 },
	{ "mov [rbx], eax", { 0x89, 0x03 }, 2, W, 4, 0, 1, MMIO_RAX, 0x8786858455667788, 0 },
	{ "mov [rbx], rax", { 0x48, 0x89, 0x03 }, 3, W, 8, 0, 1, MMIO_RAX, MMIO_RAX, 0 },
	{ "mov [rbx], ah", { 0x88, 0x23 }, 2, W, 1, 0, 1, MMIO_RAX, 0x8786858483828177, 0 },
	{ "mov byte [rbx], 5ah", { 0xc6, 0x03, 0x5a }, 3, W, 1, 0, 1, MMIO_RAX, 0x878685848382815a, 0 },
	{ "mov word [rbx], 1234h", { 0x66, 0xc7, 0x03, 0x34, 0x12 }, 5, W, 2, 0, 1, MMIO_RAX, 0x8786858483821234, 0 },
	{ "mov dword [rbx], 12345678h", { 0xc7, 0x03, 0x78, 0x56, 0x34, 0x12 }, 6, W, 4, 0, 1, MMIO_RAX, 0x8786858412345678, 0 },
	{ "mov qword [rbx], -2", { 0x48, 0xc7, 0x03, 0xfe, 0xff, 0xff, 0xff }, 7, W, 8, 0, 1, MMIO_RAX, ~1ull, 0 },
	{ "mov [moffs], eax", { 0xa3, 0, 0, 0x20, 0, 0, 0, 0, 0 }, 9, W, 4, 0, 1, MMIO_RAX, 0x8786858455667788, 0 },

	{ "mov al, [rbx]", { 0x8a, 0x03 }, 2, R, 1, 1, 0, 0x1122334455667780, OLD, 0 },
	{ "mov ah, [rbx]", { 0x8a, 0x23 }, 2, R, 1, 1, 0, 0x1122334455668088, OLD, 0 },
	{ "mov ax, [rbx]", { 0x66, 0x8b, 0x03 }, 3, R, 2, 1, 0, 0x1122334455668180, OLD, 0 },
	{ "mov eax, [rbx]", { 0x8b, 0x03 }, 2, R, 4, 1, 0, 0x83828180, OLD, 0 },
	{ "mov rax, [rbx]", { 0x48, 0x8b, 0x03 }, 3, R, 8, 1, 0, OLD, OLD, 0 },
	{ "mov eax, [rip + disp]", { 0x8b, 0x05, 0xfa, 0xff, 0x1e, 0 }, 6, R, 4, 1, 0, 0x83828180, OLD, 0 },
	{ "movzx ax, byte [rbx]", { 0x66, 0x0f, 0xb6, 0x03 }, 4, R, 1, 1, 0, 0x1122334455660080, OLD, 0 },
	{ "movzx eax, byte [rbx]", { 0x0f, 0xb6, 0x03 }, 3, R, 1, 1, 0, 0x80, OLD, 0 },
	{ "movzx rax, word [rbx]", { 0x48, 0x0f, 0xb7, 0x03 }, 4, R, 2, 1, 0, 0x8180, OLD, 0 },
	{ "movsx eax, byte [rbx]", { 0x0f, 0xbe, 0x03 }, 3, R, 1, 1, 0, 0xffffff80, OLD, 0 },
	{ "movsx rax, byte [rbx]", { 0x48, 0x0f, 0xbe, 0x03 }, 4, R, 1, 1, 0, ~0x7full, OLD, 0 },
	{ "movsx eax, word [rbx]", { 0x0f, 0xbf, 0x03 }, 3, R, 2, 1, 0, 0xffff8180, OLD, 0 },
	{ "movsxd rax, dword [rbx]", { 0x48, 0x63, 0x03 }, 3, R, 4, 1, 0, 0xffffffff83828180, OLD, 0 },

	{ "and [rbx], eax", { 0x21, 0x03 }, 2, W, 4, 1, 1, MMIO_RAX, 0x8786858401020180, 0 },
	{ "or [rbx], al", { 0x08, 0x03 }, 2, W, 1, 1, 1, MMIO_RAX, 0x8786858483828188, RFLAGS_SF },
	{ "xor [rbx], rax", { 0x48, 0x31, 0x03 }, 3, W, 8, 1, 1, MMIO_RAX, 0x96a4b6c0d6e4f608, RFLAGS_SF },
	{ "add byte [rbx], 80h", { 0x80, 0x03, 0x80 }, 3, W, 1, 1, 1, MMIO_RAX, 0x8786858483828100, RFLAGS_CF | RFLAGS_ZF },
	{ "and dword [rbx], -16", { 0x83, 0x23, 0xf0 }, 3, W, 4, 1, 1, MMIO_RAX, OLD, RFLAGS_SF },
	{ "or byte [rbx], 1", { 0x80, 0x0b, 0x01 }, 3, W, 1, 1, 1, MMIO_RAX, 0x8786858483828181, RFLAGS_SF },
	{ "lock or [rbx], eax", { 0xf0, 0x09, 0x03 }, 3, W, 4, 1, 1, MMIO_RAX, 0x87868584d7e6f788, RFLAGS_SF },
	{ "and eax, [rbx]", { 0x23, 0x03 }, 2, R, 4, 1, 0, 0x01020180, OLD, 0 },
	{ "or rax, [rbx]", { 0x48, 0x0b, 0x03 }, 3, R, 8, 1, 0, 0x97a6b7c4d7e6f788, OLD, RFLAGS_SF },
	{ "cmp [rbx], al", { 0x38, 0x03 }, 2, R, 1, 1, 0, MMIO_RAX, OLD, RFLAGS_CF | RFLAGS_SF },
	{ "cmp byte [rbx], 80h", { 0x80, 0x3b, 0x80 }, 3, R, 1, 1, 0, MMIO_RAX, OLD, RFLAGS_ZF },
	{ "test byte [rbx], 7fh", { 0xf6, 0x03, 0x7f }, 3, R, 1, 1, 0, MMIO_RAX, OLD, RFLAGS_ZF },
	{ "bt dword [rbx], 7", { 0x0f, 0xba, 0x23, 0x07 }, 4, R, 4, 1, 0, MMIO_RAX, OLD, RFLAGS_CF },
	{ "bts dword [rbx], 4", { 0x0f, 0xba, 0x2b, 0x04 }, 4, W, 4, 1, 1, MMIO_RAX, 0x8786858483828190, 0 },
	{ "btr dword [rbx], 7", { 0x0f, 0xba, 0x33, 0x07 }, 4, W, 4, 1, 1, MMIO_RAX, 0x8786858483828100, RFLAGS_CF },
	{ "not byte [rbx]", { 0xf6, 0x13 }, 2, W, 1, 1, 1, MMIO_RAX, 0x878685848382817f, 0 },
	{ "inc dword [rbx]", { 0xff, 0x03 }, 2, W, 4, 1, 1, MMIO_RAX, 0x8786858483828181, RFLAGS_SF },
	{ "xchg [rbx], al", { 0x86, 0x03 }, 2, W, 1, 1, 1, 0x1122334455667780, 0x8786858483828188, 0 },
	{ "xchg [rbx], eax", { 0x87, 0x03 }, 2, W, 4, 1, 1, 0x83828180, 0x8786858455667788, 0 },
	{ "xadd [rbx], al", { 0x0f, 0xc0, 0x03 }, 3, W, 1, 1, 1, 0x1122334455667780, 0x8786858483828108, RFLAGS_CF },
	{ "cmpxchg [rbx], ecx, not equal", { 0x0f, 0xb1, 0x0b }, 3, W, 4, 1, 1, 0x83828180, OLD, RFLAGS_CF | RFLAGS_SF },
};
/* clang-format on */

static void test_instructions(void **state)
{
	const u64 shown = RFLAGS_CF | RFLAGS_ZF | RFLAGS_SF;
	u64 memory;

	(void)state;
	mmio_make(1);
	mmio_step[0].gpa = BANK_GPA;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];

		mmio_begin();
		mmio_place(r->code, r->length, MMIO_CODE);
		mmio_step[0].access = r->access;
		mmio_runs();
		memcpy(&memory, bank->byte, sizeof(memory));
		same(r->name, "RAX", mmio_vp->state.gpr[VP_RAX], r->rax);
		same(r->name, "memory", memory, r->memory);
		same(r->name, "size", bank->size, r->size);
		same(r->name, "offset", bank->offset, 0);
		same(r->name, "reads", bank->reads, r->reads);
		same(r->name, "writes", bank->writes, r->writes);
		same(r->name, "flags", mmio_vp->state.rflags & shown, r->flags);
	}
}

/* What was for the instruction alone is over behind it. */
static void test_behind_it(void **state)
{
	static const u8 store[] = { 0x89, 0x03 };
	struct vp_state *s;

	(void)state;
	mmio_make(1);
	s = mmio_begin();
	s->rflags |= RFLAGS_RF | RFLAGS_CF | RFLAGS_IF;
	s->interrupt_state = HV_INTERRUPT_STATE_SHADOW |
	                     HV_INTERRUPT_STATE_NMI_MASKED;
	mmio_place(store, sizeof(store), MMIO_CODE);
	mmio_step[0].gpa = BANK_GPA;
	mmio_step[0].access = W;
	mmio_runs();
	assert_int_equal(mmio_vp->state.rflags & ~(u64)RFLAGS_RF,
	                 RFLAGS_FIXED | RFLAGS_CF | RFLAGS_IF);
	assert_int_equal(mmio_vp->state.interrupt_state,
	                 HV_INTERRUPT_STATE_NMI_MASKED);
}

/* ---- Where it is ---- */

#define LOAD               \
	{                  \
		0x8b, 0x03 \
	}

static const struct mode {
	const char *name;
	u64 cr0;
	u64 cr3;
	u64 cr4;
	u64 efer;
	u16 cs;
	u64 cs_base;
	u64 data_base; /* of DS */
	u64 gs_base;
	u64 rbx;
	u8 code[4];
	u8 length;
} modes[] = {
	/* mov eax, [bx + 8], and the same with another segment */
	{ "real mode",
	  CR0_ET,
	  0,
	  0,
	  0,
	  RIGHTS_CODE_16,
	  MMIO_CODE,
	  BANK_GPA,
	  0,
	  0x12340000,
	  { 0x66, 0x8b, 0x47, 0x08 },
	  4 },
	{ "protected mode", CR0_PE | CR0_ET, 0, 0, 0, RIGHTS_CODE_32, MMIO_CODE,
	  0xf0000000, 0, BANK_GPA + 8 - 0xf0000000, LOAD, 2 },
	{ "32-bit paging", CR0_PE | CR0_PG, 0x85000, CR4_PSE, 0, RIGHTS_CODE_32,
	  MMIO_CODE, 0, 0, MMIO_LINEAR_32 + 8, LOAD, 2 },
	{ "PAE paging", CR0_PE | CR0_PG, 0x84000, CR4_PAE, 0, RIGHTS_CODE_32,
	  MMIO_CODE, 0, 0, MMIO_LINEAR + 8, LOAD, 2 },
	/* In 64-bit mode the base of DS is none, and that of GS is one. */
	{ "64-bit mode", CR0_PE | CR0_PG, 0x80000, CR4_PAE, EFER_LONG,
	  RIGHTS_CODE_64, 0x7000, 0x5000, 0, MMIO_LINEAR + 8, LOAD, 2 },
	{ "64-bit mode, GS",
	  CR0_PE | CR0_PG,
	  0x80000,
	  CR4_PAE,
	  EFER_LONG,
	  RIGHTS_CODE_64,
	  0,
	  0,
	  MMIO_LINEAR,
	  8,
	  { 0x65, 0x8b, 0x03 },
	  3 },
	{ "compatibility mode", CR0_PE | CR0_PG, 0x80000, CR4_PAE, EFER_LONG,
	  RIGHTS_CODE_32, MMIO_CODE, 0x1000, 0, MMIO_LINEAR + 8 - 0x1000, LOAD,
	  2 },
};

static void enter(const struct mode *m)
{
	struct vp_state *s = mmio_begin();

	s->cr0 = m->cr0;
	s->cr3 = m->cr3;
	s->cr4 = m->cr4;
	s->efer = m->efer;
	s->segment[VP_CS].attributes = m->cs;
	s->segment[VP_CS].base = m->cs_base;
	s->segment[VP_DS].base = m->data_base;
	s->segment[VP_GS].base = m->gs_base;
	s->gpr[VP_RBX] = m->rbx;
	s->rip = child_base = m->cs == RIGHTS_CODE_64 ? MMIO_CODE
	                                              : MMIO_CODE - m->cs_base;
}

static void test_modes(void **state)
{
	(void)state;
	mmio_make(1);
	mmio_step[0].gpa = BANK_GPA + 8;
	mmio_step[0].access = R;
	for (u32 i = 0; i < ARRAY_LEN(modes); i++) {
		enter(&modes[i]);
		mmio_place(modes[i].code, modes[i].length, MMIO_CODE);
		mmio_runs();
		same(modes[i].name, "RAX", mmio_vp->state.gpr[VP_RAX],
		     0x8b8a8988);
		same(modes[i].name, "offset", bank->offset, 8);
	}
}

/* Pages of code that follow one another need not be neighbours, nor be there. */
static void test_code_at_the_end_of_a_page(void **state)
{
	static const u8 code[] = { 0xc7, 0x03, 0x78, 0x56, 0x34, 0x12 };
	static const u8 load[] = { 0x8b, 0x03 };

	(void)state;
	mmio_make(1);
	mmio_begin_at(MMIO_LINEAR + 0x1ffd);
	mmio_place(code, 3, 0x20ffd);
	mmio_place(code + 3, 3, 0x30000);
	memcpy(mmio_step[0].code, code, mmio_step[0].length = sizeof(code));
	mmio_step[0].gpa = BANK_GPA;
	mmio_step[0].access = W;
	mmio_runs();
	assert_int_equal(*(u32 *)(void *)bank->byte, 0x12345678);

	mmio_begin_at(MMIO_LINEAR + 0x1ffe);
	mmio_put(MMIO_PT + 16, 0);
	mmio_place(load, sizeof(load), 0x20ffe);
	mmio_step[0].access = R;
	mmio_runs();
	assert_int_equal(mmio_vp->state.gpr[VP_RAX], 0x83828180);
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, parent_setup, parent_teardown)
	const struct CMUnitTest tests[] = {
		ROW(test_instructions),
		ROW(test_behind_it),
		ROW(test_modes),
		ROW(test_code_at_the_end_of_a_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
