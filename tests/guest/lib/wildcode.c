/*
 * Code at random: classes of rows, and what takes more than one instruction.
 */
#include "tests/guest/lib/wildcode.h"

#include "include/tlfs.h"
#include "tests/guest/lib/random.h"
#include "tests/guest/lib/wildplace.h"
#include "tests/guest/lib/wildput.h"
#include "tests/guest/lib/wildrows.h"

/* ---- What takes more than one ---- */

bool wildcode_breaks, wildcode_locks, wildcode_sregs;

static const u32 msrs[] = {
	0x10,
	0x1b,
	0x3a,
	0x48,
	0x79,
	0x8b,
	0xfe,
	0x174,
	0x175,
	0x176,
	0x179,
	0x17a,
	0x1a0,
	0x1d9,
	0x277,
	0x2ff,
	0x38f,
	0x480,
	0x6e0,
	0xda0,
	0xc0000080,
	0xc0000081,
	0xc0000082,
	0xc0000083,
	0xc0000084,
	0xc0000100,
	0xc0000101,
	0xc0000102,
	0xc0000103,
	HV_MSR_GUEST_OS_ID,
	HV_MSR_HYPERCALL,
	HV_MSR_REFERENCE_TSC,
	HV_MSR_EOI,
	HV_MSR_ICR,
	HV_MSR_TPR,
	HV_MSR_VP_ASSIST_PAGE,
	HV_MSR_SCONTROL,
	HV_MSR_SIEFP,
	HV_MSR_SIMP,
	HV_MSR_EOM,
};

static u32 any_msr(void)
{
	switch (random_below(8)) {
	case 0:
		return 0x800 + random_below(0x40);
	case 1:
		return HV_MSR_SINT0 + random_below(HV_SINT_COUNT);
	case 2:
		return HV_MSR_STIMER0_CONFIG + random_below(2 * HV_STIMERS);
	case 3:
		return 0x200 + random_below(0x80);
	case 4:
		return random_one_in(4)
		               ? wildput_word()
		               : HV_MSR_GUEST_OS_ID + random_below(0x100);
	default:
		return msrs[random_below(ARRAY_LEN(msrs))];
	}
}

/* A page with its bit, a vector, an address, or anything. */
static u32 msr_value(void)
{
	switch (random_below(4)) {
	case 0:
		return (wildplace_any() & ~0xfffu) | 1;
	case 1:
		return random_below(256) | (u32)random_bit_of(0xf1f00);
	case 2:
		return wildplace_any();
	default:
		return wildput_word();
	}
}

static void access_msr(void)
{
	wildput_load(RCX, any_msr());
	if (random_one_in(3)) {
		wildput(0x320f, 2);
		/* One bit of it, and back. */
		if (random_one_in(2)) {
			wildput(0xf8ba0f, 3);
			wildput(random_below(12), 1);
			wildput(0x300f, 2);
		}
		return;
	}
	wildput_load(0, msr_value());
	wildput_load(RDX, random_one_in(4) ? wildput_word() : 0);
	wildput(0x300f, 2);
}

/* One bit of a control or debug register, an address for CR3, or anything. */
static void access_control(void)
{
	static const u8 numbers[] = { 0, 0, 2, 3, 4, 4, 8, 1 };
	bool debug = random_one_in(3);
	/* DR5 is another name of DR7. */
	u32 number = debug ? random_below(wildcode_breaks ? 8 : 5)
	                   : numbers[random_below(sizeof(numbers))];
	u32 modrm = 0xc0 | (number & 7) << 3;
	u32 opcode = debug ? 0x21 : 0x20;

	if (random_one_in(4) || number == 3) {
		wildput_load(0, random_one_in(4) ? wildput_word()
		                                 : wildplace_any());
	} else {
		wildput(0x0f | opcode << 8 | modrm << 16, 3);
		if (random_one_in(3))
			return;
		wildput(0xf8ba0f, 3);
		wildput(random_below(32), 1);
	}
	if (number == 8)
		wildput(wildput_out.bits == 64 ? 0x44 : 0xf0, 1);
	wildput(0x0f | (opcode + 2) << 8 | modrm << 16, 3);
}

/* PUSHF, a bit of it, POPF. */
static void change_flags(void)
{
	static const u8 bits[] = { 8, 8, 9, 10, 12, 14, 16, 17, 18, 19, 21 };

	wildput(0x9c, 1);
	wildput(0x58, 1);
	wildput(0xe8ba0f, 3);
	wildput(bits[random_below(sizeof(bits))], 1);
	wildput(0x9d50, 2);
}

/* What it needs to go on for a while. */
static void set_stack(void)
{
	wildput_load(RSP,
	             random_one_in(6) ? wildplace_any() : WILD_STACK + 0xff0);
}

static void use_apic(void)
{
	static const u16 registers[] = { 0x20,  0x80,  0xb0,  0xd0,  0xe0,
		                         0xf0,  0x100, 0x200, 0x280, 0x300,
		                         0x310, 0x320, 0x350, 0x360, 0x370,
		                         0x380, 0x390, 0x3e0, 0x3f0 };
	static const u8 opcodes[] = { 0x89, 0x89, 0x89, 0x8b, 0x09,
		                      0x87, 0x31, 0x39, 0x88, 0xff };
	u32 at = registers[random_below(ARRAY_LEN(registers))];
	u32 opcode = opcodes[random_below(sizeof(opcodes))];

	/* IPIs to itself, vectors, counts. */
	wildput_load(0, random_one_in(3) ? wildput_word()
	                                 : random_below(256) |
	                                           (u32)random_bit_of(0xff700));
	if (random_one_in(8))
		at += random_below(16);
	if (wildput_out.bits == 16) {
		/* By EBX: real mode reaches it only with large limits. */
		wildput_load(3, WILD_APIC + at);
		wildput(0x6766, 2);
		wildput(opcode, 1);
		wildput(0x03, 1);
		return;
	}
	wildput(opcode, 1);
	wildput(wildput_out.bits == 64 ? 0x2504 : 0x05,
	        wildput_out.bits == 64 ? 2 : 1);
	wildput(WILD_APIC + at, 4);
}

static void call_hypervisor(void)
{
	u32 code = random_one_in(8) ? wildput_word() & 0xffff
	                            : 0x40 + random_below(0x60);

	if (random_one_in(2))
		code |= HV_CONTROL_FAST;
	if (random_one_in(8))
		code |= (u32)random_bit_of(~0u);
	wildput_load(RCX, code);
	wildput_load(RDX, wildplace_any() & (random_one_in(4) ? ~0u : ~7u));
	if (wildput_out.bits == 64) {
		wildput(0xb841, 2); /* R8D */
		wildput(wildplace_any() & ~7u, 4);
		/* Elements of a rep call, and where it begins. */
		if (random_one_in(2)) {
			wildput(0xb848, 2);
			wildput((random_next() & 0xffff0fff) << 32 | code, 8);
			wildput(0xc18948, 3);
		}
	} else {
		wildput_load(0, random_below(4));
		wildput_load(3, WILD_DATA);
	}
	/* By itself, or by way of the page with it, which others may cover. */
	if (!random_one_in(3)) {
		wildput(0xc1010f, 3);
		return;
	}
	wildput_load(7, WILD_OVERLAY);
	wildput(0xd7ff, 2);
}

static void put_bytes(void)
{
	wildput(random_next(), 1 + random_below(8));
	wildput(random_next(), random_below(8));
}

/* ---- All of it ---- */

/* A class of rows, or a way of its own. */
#define ROWS(class)         \
	{                   \
		class, NULL \
	}
#define WAY(function)                      \
	{                                  \
		WILDROWS_CLASSES, function \
	}

static const struct class
{
	enum wildrows rows;
	void (*function)(void);
} classes[] = {
	ROWS(WILDROWS_ARITHMETIC),
	ROWS(WILDROWS_MOVES),
	ROWS(WILDROWS_STRINGS),
	ROWS(WILDROWS_NEAR_TRANSFERS),
	ROWS(WILDROWS_FAR_TRANSFERS),
	ROWS(WILDROWS_INTERRUPTS),
	ROWS(WILDROWS_PORTS),
	ROWS(WILDROWS_SEGMENTS),
	ROWS(WILDROWS_SYSTEM),
	ROWS(WILDROWS_VECTOR),
	ROWS(WILDROWS_VIRTUALIZATION),
	WAY(access_msr),
	WAY(access_control),
	WAY(change_flags),
	WAY(set_stack),
	WAY(use_apic),
	WAY(call_hypervisor),
	WAY(put_bytes),
	ROWS(WILDROWS_QUESTIONS),
	ROWS(WILDROWS_WAITS),
};

static void put_one(const struct class *c)
{
	if (c->function)
		c->function();
	else
		wildrows_put(c->rows);
}

/* Whoever jumps into the middle of an instruction finds no such MOV there either. */
static void keep_to_sregs(u8 *code, u32 size)
{
	for (u32 i = 0; i + 1 < size; i++)
		if (code[i] == 0x8e && (code[i + 1] & 0x30) == 0x30)
			code[i + 1] &= (u8)~0x20;
}

/*
 * Not all classes at once: some end a child soon, and others would hardly be met.
 * At the end it begins again.
 */
void wildcode_fill(u8 *to, u32 size, u32 address, u32 bits)
{
	const struct class *chosen[8];
	u32 count = 2 + random_below(ARRAY_LEN(chosen) - 1);

	for (u32 i = 0; i < count; i++)
		chosen[i] = &classes[random_below(ARRAY_LEN(classes))];
	wildput_out.begin = wildput_out.at = to;
	wildput_out.end = to + size - 5;
	wildput_out.address = address;
	wildput_out.bits = bits;
	while (wildput_out.at < wildput_out.end)
		put_one(random_one_in(16)
		                ? &classes[random_below(ARRAY_LEN(classes))]
		                : chosen[random_below(count)]);
	wildput_out.end = to + size;
	wildput(0xe9, 1);
	wildput(-(u64)size + (bits == 16 ? 2 : 0), bits == 16 ? 2 : 4);
	if (!wildcode_sregs)
		keep_to_sregs(to, size);
}
