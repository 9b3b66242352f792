/*
 * lib/insn.c and lib/insn_execute.c against the processor that the test runs on: the
 * same bytes, the same registers, flags and memory.
 */
#include <sys/mman.h>

#include "hv/vp/vp_state.h"
#include "include/x86.h"
#include "lib/insn.h"
#include "tests/host/fixture/test.h"

#define FLAGS 0x8d5ull /* CF PF AF ZF SF OF */
#define REX_W 8u

/* ---- The processor's own ---- */

struct native {
	u64 gpr[16];
	u64 rflags;
	const void *code; /* ends with RET */
};
extern struct native native_world;
struct native native_world;
void native_run(void);

__asm__(".text\n"
        ".globl native_run\n"
        "native_run:\n"
        "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "lea native_world(%rip), %rax\n"
        "lea -8(%rsp), %rcx; mov %rcx, 32(%rax)\n"
        "push 128(%rax); popfq\n"
        "mov 8(%rax), %rcx; mov 16(%rax), %rdx; mov 24(%rax), %rbx\n"
        "mov 40(%rax), %rbp; mov 48(%rax), %rsi; mov 56(%rax), %rdi\n"
        "mov 64(%rax), %r8; mov 72(%rax), %r9; mov 80(%rax), %r10\n"
        "mov 88(%rax), %r11; mov 96(%rax), %r12; mov 104(%rax), %r13\n"
        "mov 112(%rax), %r14; mov 120(%rax), %r15; mov (%rax), %rax\n"
        "call *136+native_world(%rip)\n"
        "mov %rax, native_world(%rip); mov %rcx, 8+native_world(%rip)\n"
        "mov %rdx, 16+native_world(%rip); mov %rbx, 24+native_world(%rip)\n"
        "mov %rbp, 40+native_world(%rip); mov %rsi, 48+native_world(%rip)\n"
        "mov %rdi, 56+native_world(%rip); mov %r8, 64+native_world(%rip)\n"
        "mov %r9, 72+native_world(%rip); mov %r10, 80+native_world(%rip)\n"
        "mov %r11, 88+native_world(%rip); mov %r12, 96+native_world(%rip)\n"
        "mov %r13, 104+native_world(%rip); mov %r14, 112+native_world(%rip)\n"
        "mov %r15, 120+native_world(%rip)\n"
        "pushfq; pop 128+native_world(%rip)\n"
        "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "ret\n");

static u8 *code; /* a page that executes */
static u64 operand[2];

static void run_native(const u8 *bytes, u32 length)
{
	if (!code) {
		code = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
		            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_true(code != MAP_FAILED);
	}
	memcpy(code, bytes, length);
	code[length] = 0xc3;
	native_world.code = code;
	native_run();
}

static void randomize(u64 *seed)
{
	for (u32 i = 0; i < 16; i++)
		native_world.gpr[i] = fake_random(seed);
	native_world.rflags = 2 | (fake_random(seed) & FLAGS);
}

/* ---- What instructions do ---- */

/*
 * Opcodes with the operand at [RDI] and, unless a group is said, RDX (or DL, DH
 * by encoding 2 and 6) as the register.
 */
static const struct form {
	u8 bytes[3]; /* prefix 0FH and opcode; 0: no prefix */
	bool group;
	u8 reg;       /* of ModRM */
	u8 immediate; /* bytes; 4 means of the operand's size */
	bool byte;
	bool no_af; /* is undefined */
} forms[] = {
	{ { 0, 0x88 }, false, 2, 0, true, false },
	{ { 0, 0x89 }, false, 2, 0, false, false },
	{ { 0, 0x8a }, false, 6, 0, true, false },
	{ { 0, 0x8b }, false, 2, 0, false, false },
	{ { 0, 0xc6 }, true, 0, 1, true, false },
	{ { 0, 0xc7 }, true, 0, 4, false, false },
	{ { 0x0f, 0xb6 }, false, 2, 0, false, false },
	{ { 0x0f, 0xb7 }, false, 2, 0, false, false },
	{ { 0x0f, 0xbe }, false, 2, 0, false, false },
	{ { 0x0f, 0xbf }, false, 2, 0, false, false },
	{ { 0, 0x63 }, false, 2, 0, false, false },
	{ { 0, 0x84 }, false, 6, 0, true, true },
	{ { 0, 0x85 }, false, 2, 0, false, true },
	{ { 0, 0xf6 }, true, 0, 1, true, true },
	{ { 0, 0xf7 }, true, 0, 4, false, true },
	{ { 0, 0xf6 }, true, 2, 0, true, false },
	{ { 0, 0xf7 }, true, 2, 0, false, false },
	{ { 0, 0xf6 }, true, 3, 0, true, false },
	{ { 0, 0xf7 }, true, 3, 0, false, false },
	{ { 0, 0xfe }, true, 0, 0, true, false },
	{ { 0, 0xff }, true, 0, 0, false, false },
	{ { 0, 0xfe }, true, 1, 0, true, false },
	{ { 0, 0xff }, true, 1, 0, false, false },
	{ { 0, 0x86 }, false, 6, 0, true, false },
	{ { 0, 0x87 }, false, 2, 0, false, false },
	{ { 0x0f, 0xc0 }, false, 2, 0, true, false },
	{ { 0x0f, 0xc1 }, false, 2, 0, false, false },
	{ { 0x0f, 0xb0 }, false, 2, 0, true, false },
	{ { 0x0f, 0xb1 }, false, 2, 0, false, false },
	{ { 0x0f, 0xba }, true, 4, 1, false, true },
	{ { 0x0f, 0xba }, true, 5, 1, false, true },
	{ { 0x0f, 0xba }, true, 6, 1, false, true },
	{ { 0x0f, 0xba }, true, 7, 1, false, true },
};

static const struct insn_size {
	u8 prefix;
	u8 rex;
	u8 size;
} sizes[] = { { 0, 0, 4 }, { 0x66, 0, 2 }, { 0, REX_W, 8 } };

static u32 encode(const struct form *f, const struct insn_size *size, u64 *seed,
                  u8 out[15])
{
	u32 n = 0, count = f->immediate;

	if (size->prefix)
		out[n++] = size->prefix;
	if (size->rex)
		out[n++] = 0x40 | size->rex;
	if (f->bytes[0])
		out[n++] = f->bytes[0];
	out[n++] = f->bytes[1];
	out[n++] = (u8)(f->reg << 3 | 7);
	if (count == 4 && size->size == 2)
		count = 2;
	for (u32 i = 0; i < count; i++)
		out[n++] = (u8)fake_random(seed);
	return n;
}

/* Flags that are defined by the opcode's bits alone, of BT no others. */
static void compare(const u8 *bytes, u32 length, bool no_af, bool only_cf,
                    u64 *seed)
{
	u64 mine[16], before[2] = { fake_random(seed), fake_random(seed) };
	u64 rflags, memory, which = FLAGS & ~(no_af ? RFLAGS_AF : 0);
	struct insn n;

	randomize(seed);
	/* What CMPXCHG wants is there, every other time. */
	if (fake_random(seed) & 1)
		before[0] = native_world.gpr[VP_RAX];
	native_world.gpr[VP_RDI] = (u64)operand;
	memcpy(operand, before, sizeof(before));
	memcpy(mine, native_world.gpr, sizeof(mine));
	rflags = native_world.rflags;
	if (!insn_decode(bytes, 15, 8, &n) || n.length != length)
		fail_msg("%02x %02x %02x: not known", bytes[0], bytes[1],
		         bytes[2]);
	assert_true(insn_offset(&n, mine, 0) == (u64)operand);
	run_native(bytes, length);
	memory = before[0];
	if (n.size < 8)
		memory &= BIT(n.size * 8) - 1;
	memory = insn_execute(&n, mine, &rflags, memory);
	if (insn_writes(&n))
		memcpy(before, &memory, n.size);
	native_world.gpr[VP_RSP] = mine[VP_RSP];
	if (only_cf)
		which = BIT(0);
	if (memcmp(mine, native_world.gpr, sizeof(mine)) ||
	    memcmp(before, operand, sizeof(before)) ||
	    ((rflags ^ native_world.rflags) & which))
		fail_msg("%02x %02x %02x: flags %lx, the processor's %lx",
		         bytes[0], bytes[1], bytes[2], (unsigned long)rflags,
		         (unsigned long)native_world.rflags);
}

static void test_forms_do_what_the_processor_does(void **state)
{
	u8 bytes[15];
	u64 seed = 5;

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(forms); i++) {
		const struct form *f = &forms[i];
		bool bit = f->bytes[1] == 0xba;

		for (u32 k = 0; k < 300; k++) {
			const struct insn_size *size = &sizes[k % 3];
			u32 length;

			if (f->byte && k % 3 == 1)
				size = &sizes[0];
			length = encode(f, size, &seed, bytes);
			compare(bytes, length, f->no_af, bit, &seed);
		}
	}
}

/* ADD to CMP, in all six forms, with carries of all kinds. */
static void test_arithmetic_does_what_the_processor_does(void **state)
{
	static const u8 opcodes[] = { 0, 1, 2, 3 };
	u64 seed = 6;
	u8 bytes[15];

	(void)state;
	for (u32 op = 0; op < 8; op++) {
		bool logic = op == 1 || op == 4 || op == 6;

		for (u32 k = 0; k < 1200; k++) {
			const struct insn_size *size = &sizes[k % 3];
			struct form f = { { 0, (u8)(op << 3 | opcodes[k % 4]) },
				          false,
				          2,
				          0,
				          false,
				          false };

			if (k % 7 > 3) {
				f.bytes[1] = k % 7 == 4   ? 0x80
				             : k % 7 == 5 ? 0x81
				                          : 0x83;
				f.reg = (u8)op;
				f.immediate = k % 7 == 5 ? 4 : 1;
			}
			if (!(f.bytes[1] & 1))
				size = &sizes[0];
			compare(bytes, encode(&f, size, &seed, bytes), logic,
			        false, &seed);
		}
	}
}

/* BT to BTC with a register: its low bits, where the address is the operand's. */
static void test_bit_tests(void **state)
{
	u64 seed = 7;

	(void)state;
	for (u32 k = 0; k < 4000; k++) {
		static const u8 opcodes[] = { 0xa3, 0xab, 0xb3, 0xbb };
		u8 bytes[15] = { 0x0f, opcodes[k % 4], 0x17 };
		u64 gpr[16] = { 0 }, rflags = 2;
		u64 number = fake_random(&seed) % 32;
		u64 memory = (u32)fake_random(&seed), bit = BIT(number);
		struct insn n;

		gpr[VP_RDX] = number + 32 * (fake_random(&seed) % 8);
		assert_true(insn_decode(bytes, 15, 8, &n) && n.length == 3);
		assert_int_equal(insn_writes(&n), k % 4 != 0);
		assert_true(insn_execute(&n, gpr, &rflags, memory) ==
		            (k % 4 == 0   ? memory
		             : k % 4 == 1 ? memory | bit
		             : k % 4 == 2 ? memory & ~bit
		                          : memory ^ bit));
		assert_int_equal(rflags & 1, memory >> number & 1);
	}
}

/* ---- Where the operand is ---- */

/* Any ModRM and SIB with any REX, after 67H or not: LEA says where. */
static void test_addresses_are_those_of_lea(void **state)
{
	u64 seed = 9;
	u32 done = 0;

	(void)state;
	for (u32 k = 0; k < 200000; k++) {
		u64 r = fake_random(&seed),
		    words[2] = { fake_random(&seed), fake_random(&seed) };
		u8 *bytes = (u8 *)words, lea[17];
		u64 mine[16];
		struct insn n;
		u32 at = r & 1;

		if (r & 1)
			bytes[0] = 0x67;
		/* REX.W, and RAX as the register, so that LEA says all of it. */
		bytes[at] = (u8)(0x48 | (r >> 1 & 3));
		bytes[at + 1] = 0x89;
		bytes[at + 2] &= 0xc7;
		if (!insn_decode(bytes, 15, 8, &n))
			continue;
		memcpy(lea, bytes, sizeof(words));
		lea[at + 1] = 0x8d;
		randomize(&seed);
		memcpy(mine, native_world.gpr, sizeof(mine));
		run_native(lea, n.length);
		mine[VP_RSP] = native_world.gpr[VP_RSP];
		if (insn_offset(&n, mine, (u64)code) != native_world.gpr[0])
			fail_msg("%02x %02x %02x %02x: another address",
			         bytes[0], bytes[1], bytes[2], bytes[3]);
		done++;
	}
	assert_true(done > 100000);
}

/* SDM volume 2, table 2-1, and the segments of volume 1, table 3-5. */
static void test_addresses_of_16_bits(void **state)
{
	static const struct {
		u8 bytes[4];
		u8 length;
		u16 offset;
		u8 segment;
	} rows[] = {
		{ { 0x89, 0x00 }, 2, 0x1010, VP_DS },
		{ { 0x89, 0x01 }, 2, 0x9010, VP_DS },
		{ { 0x89, 0x02 }, 2, 0xf100, VP_SS },
		{ { 0x89, 0x03 }, 2, 0x7100, VP_SS },
		{ { 0x89, 0x04 }, 2, 0x1000, VP_DS },
		{ { 0x89, 0x05 }, 2, 0x9000, VP_DS },
		{ { 0x89, 0x06, 0x34, 0x12 }, 4, 0x1234, VP_DS },
		{ { 0x89, 0x07 }, 2, 0x0010, VP_DS },
		{ { 0x89, 0x46, 0x80 }, 3, 0xe080, VP_SS },
		{ { 0x89, 0x86, 0x00, 0xf0 }, 4, 0xd100, VP_SS },
		{ { 0x89, 0x43, 0x7f }, 3, 0x717f, VP_SS },
		{ { 0x89, 0x84, 0x00, 0xf0 }, 4, 0x0000, VP_DS },
		{ { 0xa3, 0x34, 0x12 }, 3, 0x1234, VP_DS },
		{ { 0x2e, 0x89, 0x02 }, 3, 0xf100, VP_CS },
		{ { 0x65, 0x26, 0x89, 0x07 }, 4, 0x0010, VP_ES },
	};
	const u64 gpr[16] = { [VP_RBX] = 0xaaaa0010,
		              [VP_RBP] = 0xbbbbe100,
		              [VP_RSI] = 0xcccc1000,
		              [VP_RDI] = 0xdddd9000 };

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		struct insn n;

		assert_true(insn_decode(rows[i].bytes, rows[i].length, 2, &n));
		assert_int_equal(n.length, rows[i].length);
		assert_int_equal(insn_offset(&n, gpr, 0), rows[i].offset);
		assert_int_equal(n.at.segment, rows[i].segment);
	}
}

static void test_segments(void **state)
{
	static const struct {
		u8 bytes[8];
		u32 width;
		u8 segment;
	} rows[] = {
		{ { 0x89, 0x07 }, 8, VP_DS },
		{ { 0x89, 0x45, 0 }, 8, VP_SS },
		{ { 0x89, 0x04, 0x24 }, 8, VP_SS },
		{ { 0x41, 0x89, 0x45, 0 }, 8, VP_DS },    /* R13 */
		{ { 0x41, 0x89, 0x04, 0x24 }, 8, VP_DS }, /* R12 */
		{ { 0x89, 0x04, 0x2c }, 4, VP_SS }, /* index RBP, base RSP */
		{ { 0x89, 0x04, 0x28 }, 4, VP_DS }, /* index RBP, base RAX */
		{ { 0x89, 0x04, 0x2d }, 4, VP_DS }, /* no base */
		{ { 0x65, 0x89, 0x45, 0 }, 8, VP_GS },
		{ { 0x64, 0xa3 }, 4, VP_FS },
		{ { 0x36, 0x64, 0x89, 0x07 }, 4, VP_FS }, /* the last counts */
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		struct insn n;

		assert_true(insn_decode(rows[i].bytes, 8, rows[i].width, &n));
		assert_int_equal(n.at.segment, rows[i].segment);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms_do_what_the_processor_does),
		cmocka_unit_test(test_arithmetic_does_what_the_processor_does),
		cmocka_unit_test(test_bit_tests),
		cmocka_unit_test(test_addresses_are_those_of_lea),
		cmocka_unit_test(test_addresses_of_16_bits),
		cmocka_unit_test(test_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
