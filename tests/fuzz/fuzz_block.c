/*
 * Input blocks by a template for each call: a letter a field of eight bytes.
 */
#include "tests/fuzz/fuzz_block.h"

#include <string.h>

#include "hv/call/hypercall.h"
#include "hv/run/vp_reg.h"
#include "hv/vp/vp_state.h"

/*
 * I partition id, x VP index, c VP index and byte count, G child's page, g its
 * address, P root's page, f map flags, a property, t intercept type and access,
 * r register name(s), s save flags and byte count, z zero, v value.
 */
static const struct {
	u32 code;
	const char *fixed;
	const char *element; /* of a list */
} templates[] = {
	{ HVCALL_CREATE_PARTITION, "zzzzzzz", "" },
	{ HVCALL_INITIALIZE_PARTITION, "I", "" },
	{ HVCALL_FINALIZE_PARTITION, "I", "" },
	{ HVCALL_DELETE_PARTITION, "I", "" },
	{ HVCALL_GET_PARTITION_PROPERTY, "Ia", "" },
	{ HVCALL_SET_PARTITION_PROPERTY, "Iav", "" },
	{ HVCALL_GET_PARTITION_ID, "", "" },
	{ HVCALL_GET_NEXT_CHILD_PARTITION, "II", "" },
	{ HVCALL_DEPOSIT_MEMORY, "I", "P" },
	{ HVCALL_WITHDRAW_MEMORY, "Iz", "" },
	{ HVCALL_GET_MEMORY_BALANCE, "Iz", "" },
	{ HVCALL_MAP_GPA_PAGES, "IGf", "P" },
	{ HVCALL_UNMAP_GPA_PAGES, "IGz", "" },
	{ HVCALL_INSTALL_INTERCEPT, "Itv", "" },
	{ HVCALL_CREATE_VP, "Ixzzz", "" },
	{ HVCALL_DELETE_VP, "Ix", "" },
	{ HVCALL_GET_VP_REGISTERS, "Ix", "r" },
	{ HVCALL_SET_VP_REGISTERS, "Ix", "rzvv" },
	{ HVCALL_READ_GPA, "Icgz", "" },
	{ HVCALL_WRITE_GPA, "Icgzvv", "" },
	{ HVCALL_SAVE_PARTITION_STATE, "Is", "" },
	{ HVCALL_SAVE_PARTITION_STATE, "Is", "" },
	{ HVCALL_RESTORE_PARTITION_STATE, "Is", "" },
	{ HVCALL_RESTORE_PARTITION_STATE, "Is", "" },
	{ HVCALL_STASIS_READ_LOG, "v", "" },
	{ HVCALL_STASIS_GET_COUNTERS, "Ic", "" },
};

static struct {
	const u8 *data;
	u32 size;
	u32 at;
} stream;

void fuzz_block_stream(const u8 *data, u32 size)
{
	stream.data = data;
	stream.size = size;
	stream.at = 0;
}

void fuzz_block_ate(u32 bytes)
{
	stream.at += bytes;
	if (stream.at > stream.size)
		stream.at = 0;
}

/* Well formed seven times of eight. */
u64 fuzz_block_control(struct fuzz_in *in)
{
	u32 code = templates[fuzz_below(in, ARRAY_LEN(templates))].code;
	u8 how = fuzz_u8(in);
	u64 reps = hypercall_find(code)->flags & HYPERCALL_REP ? 1 + how % 6
	                                                       : 0;
	u64 fast = (hypercall_find(code)->flags & HYPERCALL_FAST) && how & 1;

	if (how >= 0xf8)
		return fuzz_u64(in);
	if (how >= 0xf0)
		reps = fuzz_u16(in) & 0xfff;
	if (how >= 0xe8)
		fast = how & 1;
	return code | fast << 16 | reps << HV_CONTROL_REP_COUNT_SHIFT |
	       (how >= 0xe0 ? BIT(HV_CONTROL_REP_START_SHIFT) : 0);
}

static u64 property(struct fuzz_in *in)
{
	static const u32 codes[] = {
		HV_PROPERTY_PRIVILEGE_FLAGS,    HV_PROPERTY_REFERENCE_TIME,
		HV_PROPERTY_PROCESSOR_VENDOR,   HV_PROPERTY_PROCESSOR_FEATURES,
		HV_PROPERTY_XSAVE_FEATURES,     HV_PROPERTY_CLFLUSH_SIZE,
		HV_PROPERTY_STASIS_SAVE_MEMORY, 1
	};

	return codes[fuzz_below(in, ARRAY_LEN(codes))];
}

static u64 name(struct fuzz_in *in)
{
	u32 rows;
	const struct vp_reg *r = vp_reg_table(&rows);

	r += fuzz_below(in, rows);
	return r->name + fuzz_u8(in) % r->count;
}

static u64 root_page(struct fuzz_in *in)
{
	u8 how = fuzz_u8(in);

	/* A few over and over, one of the blocks, or one that is not his. */
	if (how < 0x80)
		return 0x4f0 + how / 4;
	if (how < 0xc0)
		return FUZZ_BLOCK_GPN + how % FUZZ_BLOCK_PAGES;
	if (how < 0xf0)
		return 0x400 + fuzz_u8(in);
	return fuzz_word(in);
}

static u64 save_flags(struct fuzz_in *in)
{
	u8 how = fuzz_u8(in);
	u64 count = how & 0x40 ? HV_SAVE_DATA_MAX : how & 0x20 ? 16 : 0;

	if (how >= 0xf0)
		count = fuzz_u16(in);
	return (how >= 0xe0 ? how : how & 3) | count << 32;
}

static u64 field(struct fuzz_in *in, char letter)
{
	static const u32 rights[] = { 7, 3, 1, 5, 0xf, 2, 0x10000, 0x10001 };

	switch (letter) {
	case 'I':
		return fuzz_below(in, 16) < 12 ? 2 + fuzz_below(in, 4)
		                               : fuzz_word(in);
	case 'x':
		return fuzz_below(in, 8) ? fuzz_below(in, 3) : fuzz_word(in);
	case 'c':
		return fuzz_below(in, 2) | (u64)fuzz_below(in, 18) << 32;
	case 'G':
		return fuzz_below(in, 16) ? fuzz_below(in, 8) : fuzz_word(in);
	case 'g':
		return fuzz_below(in, 16) ? fuzz_u16(in) : fuzz_word(in);
	case 'P':
		return root_page(in);
	case 'f':
		return rights[fuzz_below(in, ARRAY_LEN(rights))];
	case 'a':
		return property(in);
	case 't':
		return fuzz_below(in, 8) | (u64)fuzz_below(in, 5) << 32;
	case 'r':
		return name(in);
	case 's':
		return save_flags(in);
	case 'z':
		return fuzz_below(in, 32) ? 0 : fuzz_word(in);
	default:
		return fuzz_word(in);
	}
}

/* Pages that the fuzzer's own calls need stay out of it. */
static u64 spare(u64 word)
{
	return word == 0x200 || word == 0x201 ? 0x202 : word;
}

static u32 write_fields(struct fuzz_in *in, const char *letters, u8 *to,
                        u32 room)
{
	u32 done = 0;

	for (; *letters && done + 8 <= room; letters++, done += 8) {
		u64 word = spare(field(in, *letters));

		memcpy(to + done, &word, sizeof(word));
	}
	return done;
}

/* Behind the header of a Restore: the stream, from where it was eaten to. */
static void write_stream(u8 *to, u32 room)
{
	u32 left = stream.size - stream.at;

	if (left)
		memcpy(to, stream.data + stream.at, left < room ? left : room);
}

void fuzz_block_write(struct fuzz_in *in, u32 code, u8 *to, u32 room)
{
	u32 elements = fuzz_below(in, 8), row = 0, done;

	while (row + 1 < ARRAY_LEN(templates) && templates[row].code != code)
		row++;
	done = write_fields(in, templates[row].fixed, to, room);
	for (u32 i = 0; i < elements; i++)
		done += write_fields(in, templates[row].element, to + done,
		                     room - done);
	if (code == HVCALL_RESTORE_PARTITION_STATE)
		write_stream(to + done, room - done);
}
