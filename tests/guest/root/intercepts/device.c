/*
 * A device in memory that we are to a child: each access to it is a message, and
 * parent/mmio.h carries it out.
 */
#include "parent/mmio.h"

#include "parent/vp.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/root/intercepts/intercepts.h"

#define PLACE 0x100000 /* nothing is mapped here */
#define BYTES 16

/* As code.h has them, in long mode. */
#define AT(at) 0x25, LE32(at)
#define LOAD_RAX(at) 0x48, LOAD_EAX(at)
#define MOVZX_EAX_WORD(at) 0x0f, 0xb7, 0x04, AT(at)
#define MOVSX_RAX_BYTE(at) 0x48, 0x0f, 0xbe, 0x04, AT(at)
#define OR_BYTE(at, x) 0x80, 0x0c, AT(at), (x)
#define LOCK_ADD_EAX(at) 0xf0, 0x01, 0x04, AT(at)
#define XCHG_EAX(at) 0x87, 0x04, AT(at)
#define MOV_BYTE_AT_RBX(more, x) 0xc6, 0x44, 0x23, (more), (x)
#define MOV_AX_AT_RBX(more) 0x66, 0x8b, 0x43, (more)

static struct child child;
static u8 registers[BYTES];
static struct mmio mmio;

static u64 device_reads(const struct device_access *access)
{
	const u8 *state = access->state;
	u64 value = 0;

	__builtin_memcpy(&value, state + access->offset, access->size);
	return value;
}

static void device_writes(const struct device_access *access)
{
	u8 *state = access->state;

	__builtin_memcpy(state + access->offset, &access->value, access->size);
}

static const struct device row = {
	.name = "registers",
	.range = { { DEVICE_MEMORY, PLACE, BYTES } },
	.read = device_reads,
	.write = device_writes,
	.state_size = BYTES,
};
static const struct device_table table = { &row, 1 };

/* Carries out accesses until the child writes to the port. Answers how many; 0: never. */
static u32 run_to_out(u64 *value)
{
	const struct hv_io_port_intercept *io = (void *)child.message.payload;
	u32 count = 0;

	while (child_go(&child) && child_wait(&child) &&
	       child.message.type == HV_MESSAGE_UNMAPPED_GPA) {
		if (!EXPECT_EQUAL(mmio_carry_out(&mmio,
		                                 (void *)child.message.payload),
		                  MMIO_DONE) ||
		    !EXPECT_SUCCESS(vp_set_registers(child.id, 0, mmio.set,
		                                     mmio.set_count, NULL)))
			return 0;
		count++;
	}
	*value = io->rax;
	return EXPECT_EQUAL(child.message.type, HV_MESSAGE_IO_PORT_INTERCEPT) &&
	                       child_skip(&child)
	               ? count
	               : 0;
}

static void begin(void)
{
	device_reset(&table, registers);
	mmio = (struct mmio){ .id = child.id,
		              .table = &table,
		              .states = registers };
}

static void expect_out(u32 accesses, u64 want)
{
	u64 value = 0;

	EXPECT_EQUAL(run_to_out(&value), accesses);
	EXPECT_EQUAL(value, want);
}

static const u8 long_code[] = {
	MOV_EAX(0x12345678), STORE_EAX(PLACE),     XOR_EAX_EAX,
	LOAD_EAX(PLACE),     OUT_EAX(PORT),        MOVZX_EAX_WORD(PLACE + 2),
	OUT_EAX(PORT),       OR_BYTE(PLACE, 0x80), MOVSX_RAX_BYTE(PLACE),
	OUT_EAX(PORT),       MOV_EAX(0x1234),      LOCK_ADD_EAX(PLACE),
	XCHG_EAX(PLACE + 4), OUT_EAX(PORT),        LOAD_RAX(PLACE),
	OUT_EAX(PORT),       MOV_EBX(PLACE + 12),  MOV_BYTE_AT_RBX(1, 0x5a),
	MOV_AX_AT_RBX(1),    OUT_EAX(PORT),
};

void intercepts_device_long(void)
{
	MUST(intercepts_create(&child, long_code, sizeof(long_code)));
	MUST(child_intercept_out(&child, PORT));
	begin();
	expect_out(2, 0x12345678);
	expect_out(1, 0x1234);
	expect_out(2, ~0x7ull);
	expect_out(2, 0);
	expect_out(1, 0x12341234692c);
	expect_out(2, 0x12341234005a);
	child_destroy(&child);
}

/* The same accesses without paging; and in real mode, where a segment is far away. */
void intercepts_device_elsewhere(void)
{
	static const u8 protected_code[] = {
		MOV_EAX(0x12345678), STORE_EAX_32(PLACE), XOR_EAX_EAX,
		LOAD_EAX_32(PLACE),  OUT_EAX(PORT),
	};
	static const u8 real_code[] = {
		0xa0,
		LE16(0x0f), /* mov al, [15] */
		OUT_AL(PORT),
	};

	MUST(child_create(&child, PAGES));
	MUST(child_intercept_out(&child, PORT));
	CHILD_PUT_CODE(&child, protected_code);
	MUST(child_set_protected(&child, CHILD_CODE));
	begin();
	expect_out(2, 0x12345678);
	registers[15] = 0x99;
	CHILD_PUT_CODE(&child, real_code);
	MUST(child_set_real(&child, CHILD_CODE));
	MUST(child_set_segment(&child, HV_REGISTER_DS, PLACE, 0xffff, 0,
	                       RIGHTS_DATA_16));
	MUST(child_set(&child, HV_REGISTER_RAX, 0x1100));
	expect_out(1, 0x1199);
	child_destroy(&child);
}
