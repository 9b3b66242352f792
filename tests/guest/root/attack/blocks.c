/*
 * Blocks by a table of calls: a letter for each field of eight bytes.
 */
#include "parent/cpu.h"
#include "tests/guest/lib/calls.h"
#include "tests/guest/lib/random.h"
#include "tests/guest/lib/tally.h"
#include "tests/guest/lib/values.h"
#include "tests/guest/root/attack/attack.h"

/*
 * I partition, J the same or the root, x VP, c VP and byte count, G child's page, g its address, P a page to be
 * mapped, D one to be deposited, f rights, a property, t intercept, r register, y its
 * value, s flags and byte count of a save or restore, k port or connection, n port's
 * type, o its SINT and VP, q its flags, i interrupt, d destination, e vector, m message,
 * z zero, v anything.
 */
static const struct {
	u16 code;
	u16 weight;
	const char *fixed;
	const char *element; /* of a list */
} rows[] = {
	{ HVCALL_CREATE_PARTITION, 1, "zzzzzzz", "" },
	{ HVCALL_INITIALIZE_PARTITION, 3, "I", "" },
	{ HVCALL_FINALIZE_PARTITION, 1, "I", "" },
	{ HVCALL_DELETE_PARTITION, 2, "I", "" },
	{ HVCALL_GET_PARTITION_PROPERTY, 2, "Ia", "" },
	{ HVCALL_SET_PARTITION_PROPERTY, 2, "Iav", "" },
	{ HVCALL_GET_PARTITION_ID, 1, "", "" },
	{ HVCALL_GET_NEXT_CHILD_PARTITION, 1, "II", "" },
	{ HVCALL_DEPOSIT_MEMORY, 14, "I", "D" },
	{ HVCALL_WITHDRAW_MEMORY, 8, "Iz", "" },
	{ HVCALL_GET_MEMORY_BALANCE, 1, "Iz", "" },
	{ HVCALL_MAP_GPA_PAGES, 14, "IGf", "P" },
	{ HVCALL_UNMAP_GPA_PAGES, 6, "IGz", "" },
	{ HVCALL_INSTALL_INTERCEPT, 3, "Itv", "" },
	{ HVCALL_CREATE_VP, 3, "Ixzzz", "" },
	{ HVCALL_DELETE_VP, 2, "Ix", "" },
	{ HVCALL_GET_VP_REGISTERS, 4, "Ix", "r" },
	{ HVCALL_SET_VP_REGISTERS, 8, "Ix", "rzyz" },
	{ HVCALL_READ_GPA, 3, "Icgz", "" },
	{ HVCALL_WRITE_GPA, 3, "Icgzvv", "" },
	{ HVCALL_ASSERT_VIRTUAL_INTERRUPT_2, 1, "Iide", "" },
	{ HVCALL_CLEAR_VIRTUAL_INTERRUPT, 1, "I", "" },
	{ HVCALL_CREATE_PORT_2, 1, "JkJnoqz", "" },
	{ HVCALL_DELETE_PORT, 1, "Jk", "" },
	{ HVCALL_CONNECT_PORT_2, 1, "JkJknzz", "" },
	{ HVCALL_DISCONNECT_PORT, 1, "Jk", "" },
	{ HVCALL_POST_MESSAGE, 2, "kmvvv", "" },
	{ HVCALL_SIGNAL_EVENT, 1, "k", "" },
	{ HVCALL_SAVE_PARTITION_STATE, 4, "Is", "" },
	{ HVCALL_RESTORE_PARTITION_STATE, 4, "Is", "" },
	{ HVCALL_ASSERT_VIRTUAL_INTERRUPT, 2, "Iide", "" },
	{ HVCALL_CREATE_PORT, 2, "JkJnoqz", "" },
	{ HVCALL_CONNECT_PORT, 2, "JkJknzz", "" },
	{ HVCALL_STASIS_READ_LOG, 1, "v", "" },
	{ HVCALL_STASIS_GET_COUNTERS, 1, "Jc", "" },
};
#define ROWS ((u32)ARRAY_LEN(rows))

u32 attack_rows(void)
{
	return ROWS;
}

u32 attack_row_code(u32 row)
{
	return rows[row].code;
}

static u32 row_of(u32 code)
{
	u32 row = 0;

	while (row < ROWS && rows[row].code != code)
		row++;
	return row;
}

static u32 any_row(void)
{
	u32 sum = 0, at, row = 0;

	for (u32 i = 0; i < ROWS; i++)
		sum += rows[i].weight;
	for (at = random_below(sum); at >= rows[row].weight; row++)
		at -= rows[row].weight;
	return row;
}

/* ---- Fields ---- */

static u64 vp_index(void)
{
	static const u32 odd[] = { 2, 63, 64, HV_VP_INDEX_ANY,
		                   HV_VP_INDEX_SELF };

	return random_below(16) ? random_below(3)
	                        : odd[random_below(ARRAY_LEN(odd))];
}

static u64 property(void)
{
	static const u32 codes[] = {
		HV_PROPERTY_PRIVILEGE_FLAGS,    HV_PROPERTY_REFERENCE_TIME,
		HV_PROPERTY_PROCESSOR_VENDOR,   HV_PROPERTY_PROCESSOR_FEATURES,
		HV_PROPERTY_XSAVE_FEATURES,     HV_PROPERTY_CLFLUSH_SIZE,
		HV_PROPERTY_STASIS_SAVE_MEMORY, 1,
	};

	return codes[random_below(ARRAY_LEN(codes))];
}

/* Registers that lead to pages and lists come often. */
static u64 name(void)
{
	static const u32 names[] = {
		HV_REGISTER_EXPLICIT_SUSPEND,
		HV_REGISTER_EXPLICIT_SUSPEND,
		HV_REGISTER_INTERCEPT_SUSPEND,
		HV_REGISTER_INTERNAL_ACTIVITY_STATE,
		HV_REGISTER_HYPERCALL,
		HV_REGISTER_GUEST_OS_ID,
		HV_REGISTER_REFERENCE_TSC,
		HV_REGISTER_SIMP,
		HV_REGISTER_SIEFP,
		HV_REGISTER_SCONTROL,
		HV_REGISTER_APIC_BASE,
		HV_REGISTER_TSC_DEADLINE,
		HV_REGISTER_CR3,
		HV_REGISTER_RIP,
	};
	static const u32 ranges[] = { 0x10000, 0x20000, 0x30000, 0x40000,
		                      0x50000, 0x60000, 0x70000, 0x80000,
		                      0x84800, 0x90000, 0xa0000, 0xb0000,
		                      0xc0000 };

	if (random_below(2))
		return names[random_below(ARRAY_LEN(names))];
	return ranges[random_below(ARRAY_LEN(ranges))] + random_below(0x40);
}

/* A place for an overlay, on or off; or a value of any kind. */
static u64 register_value(void)
{
	switch (random_below(4)) {
	case 0:
		return random_below(2);
	case 1:
		return attack_child_page() << PAGE_SHIFT | random_below(4);
	default:
		return values_next(VALUES_WORD, ~0ull, 0);
	}
}

static u64 save_word(void)
{
	static const u32 counts[] = { 0, 16, 4080, 4081 };
	u64 flags = random_below(16) ? random_below(4) : random_next() & 0xff;

	return flags | (u64)counts[random_below(ARRAY_LEN(counts))] << 32;
}

static u64 port_field(char letter)
{
	switch (letter) {
	case 'J':
		return random_below(2) ? attack_id() : STASIS_ROOT_ID;
	case 'n':
		return random_below(16) ? 1 + random_below(2) : random_next();
	case 'o':
		return random_below(17) | vp_index() << 32;
	case 'q':
		return random_below(2) ? 0 : random_below(1200) * 0x10001ull;
	case 'm':
		return 1 + (u64)random_below(248) * (1ull << 32);
	default:
		return random_below(16) ? random_below(4)
		                        : random_below(8) | 1ull << 32;
	}
}

static u64 interrupt_field(char letter)
{
	switch (letter) {
	case 'i':
		return random_below(8) | (u64)random_below(4) << 32;
	case 'd':
		return random_below(8) ? random_below(3) : random_next();
	default:
		return random_below(8) ? random_below(256) : random_next();
	}
}

static u64 page_field(char letter)
{
	static const u32 rights[] = { 7, 7, 3, 1, 5, 0xf, 2, 0x10000, 0x10001 };

	switch (letter) {
	case 'G':
		return attack_child_page();
	case 'g':
		return attack_child_page() << PAGE_SHIFT |
		       random_below(PAGE_SIZE);
	case 'P':
		return attack_page(false);
	case 'D':
		return attack_page(true);
	default:
		return rights[random_below(ARRAY_LEN(rights))];
	}
}

static u64 field(char letter)
{
	switch (letter) {
	case 'I':
		return attack_id();
	case 'x':
		return vp_index();
	case 'c':
		return vp_index() | (u64)random_below(18) << 32;
	case 'a':
		return property();
	case 't':
		return random_below(8) | (u64)random_below(5) << 32;
	case 'r':
		return name();
	case 'y':
		return register_value();
	case 's':
		return save_word();
	case 'z':
		return random_below(32) ? 0 : random_next();
	case 'v':
		return values_next(VALUES_WORD, ~0ull, 0);
	case 'i':
	case 'd':
	case 'e':
		return interrupt_field(letter);
	case 'G':
	case 'g':
	case 'P':
	case 'D':
	case 'f':
		return page_field(letter);
	default:
		return port_field(letter);
	}
}

/* ---- The control word ---- */

static const struct call *form_of(u32 code)
{
	for (u32 i = 0; i < call_count; i++)
		if (calls[i].code == code)
			return &calls[i];
	return NULL;
}

static u64 reps(void)
{
	switch (random_below(8)) {
	case 0:
		return 1 + random_below(511);
	case 1:
		return random_below(0x1000);
	case 2:
	case 3:
		return 1 + random_below(8);
	default:
		return 1;
	}
}

/* Each code there is a number for, and each bit, come in turn. */
static u64 control(u32 row)
{
	struct attacker *me = attack_me();
	const struct call *form = form_of(rows[row].code);
	u64 word = rows[row].code;

	if (form->flags & REP)
		word |= reps() << HV_CONTROL_REP_COUNT_SHIFT;
	if ((form->flags & REP) && random_one_in(8))
		word |= (u64)random_below(8) << HV_CONTROL_REP_START_SHIFT;
	if ((form->flags & FAST) && random_below(2))
		word |= HV_CONTROL_FAST;
	if (random_one_in(24)) {
		me->codes = (me->codes + 1) % 0x300;
		word ^= rows[row].code ^
		        (me->codes < 0x200 ? me->codes : 0x7d00 + me->codes);
	}
	if (random_one_in(16))
		word ^= BIT(me->bits++ % 64);
	if (random_one_in(64))
		word = random_next();
	/* That one is no hypercall, but a question to the image for tests. */
	return (u16)word == TALLY_CALL ? word - 1 : word;
}

/* ---- The block ---- */

static u32 write_fields(const char *letters, u8 *to, u32 room)
{
	u32 done = 0;
	u64 word;

	for (; *letters && done + 8 <= room; letters++, done += 8) {
		word = field(*letters);
		__builtin_memcpy(to + done, &word, sizeof(word));
	}
	return done;
}

/* Names of registers lie closer than all else. */
static u32 write_names(u8 *to, u32 room)
{
	u32 word = (u32)name();

	if (room < sizeof(word))
		return room;
	__builtin_memcpy(to, &word, sizeof(word));
	return sizeof(word);
}

/* Behind the header of a restore: the stream from where it has come to, or spoiled. */
static void write_stream(u8 *to, u32 room)
{
	u64 at = attack_me()->stream_at, left = attack.stream.size - at;

	cpu_copy(to, attack.stream.data + at, left < room ? left : room);
	if (random_one_in(16) && room > 64)
		to[random_below(room)] ^= (u8)BIT(random_below(8));
}

static void write_block(u32 row, u32 count, u8 *to, u32 room)
{
	u32 code = rows[row].code;
	u32 done = write_fields(rows[row].fixed, to, room);

	for (u32 i = 0; i < count && done + 8 <= room; i++)
		done += code == HVCALL_GET_VP_REGISTERS
		                ? write_names(to + done, room - done)
		                : write_fields(rows[row].element, to + done,
		                               room - done);
	if (code == HVCALL_RESTORE_PARTITION_STATE && done < room)
		write_stream(to + done, room - done);
}

/* ---- A call ---- */

/* The next piece of a save or restore, with good blocks, to get somewhere. */
static void go_on_with_process(struct attack_call *c)
{
	struct attacker *me = attack_me();
	u64 words[2] = { me->process_id,
		         me->process_begins ? HV_SAVE_RESTORE_STATE_START : 0 };
	u64 left = attack.stream.size - me->stream_at;

	c->control = me->process_code;
	c->input = me->in;
	c->output = me->out;
	if (me->process_code == HVCALL_RESTORE_PARTITION_STATE) {
		left = left < HV_SAVE_DATA_MAX ? left : HV_SAVE_DATA_MAX;
		words[1] |= left << 32;
		write_stream((u8 *)c->input + sizeof(words), (u32)left);
	}
	cpu_copy((void *)c->input, words, sizeof(words));
	me->process_begins = false;
	me->process_left--;
}

static void begin_process(void)
{
	struct attacker *me = attack_me();

	me->process_id = attack_id();
	me->process_code = random_below(2) ? HVCALL_SAVE_PARTITION_STATE
	                                   : HVCALL_RESTORE_PARTITION_STATE;
	me->process_left = 4 + random_below(24);
	me->process_begins = true;
	me->stream_at = 0;
	attack_child_stop(me->process_id);
}

/* A list of pages, that nobody but us may write: else it could name any page of ours. */
static bool names_pages(u64 code)
{
	return code == HVCALL_DEPOSIT_MEMORY || code == HVCALL_MAP_GPA_PAGES;
}

static void compose_anything(struct attack_call *c)
{
	u32 row = any_row(), room;
	u64 count, words[2];

	c->control = control(row);
	/* The block of the call that it has become, if it is one. */
	if (row_of((u16)c->control) < ROWS)
		row = row_of((u16)c->control);
	c->input =
		attack_address(attack_me()->in, names_pages((u16)c->control));
	/* Where pages are told that come back to us we must read. */
	c->output = attack_address(attack_me()->out,
	                           (u16)c->control == HVCALL_WITHDRAW_MEMORY);
	count = c->control >> HV_CONTROL_REP_COUNT_SHIFT & HV_CONTROL_REP_MASK;
	room = PAGE_SIZE - (u32)(c->input % PAGE_SIZE);
	if (c->control & HV_CONTROL_FAST) {
		write_fields(rows[row].fixed, (u8 *)words, sizeof(words));
		c->input = words[0];
		c->output = words[1];
	} else if (attack_is_ours(c->input)) {
		write_block(row, (u32)count, (u8 *)c->input, room);
	}
}

/* What it will find there; its turns look again, and may find less. */
static void note_list(struct attack_call *c)
{
	u64 at = c->input + sizeof(struct hv_input_deposit_memory);

	for (u32 i = 0; i < ATTACK_LIST; i++)
		c->list[i] = ~0ull;
	if ((u16)c->control != HVCALL_DEPOSIT_MEMORY ||
	    (c->control & HV_CONTROL_FAST) || !attack_is_ours(c->input))
		return;
	for (u32 i = 0; at % PAGE_SIZE && at % 8 == 0; i++, at += 8)
		c->list[i] = *(const u64 *)at;
}

void attack_compose(struct attack_call *c)
{
	struct attacker *me = attack_me();

	if (!me->process_left && random_one_in(me->saves ? 2 : 64))
		begin_process();
	c->of_process = me->process_left && random_below(8);
	if (c->of_process)
		go_on_with_process(c);
	else
		compose_anything(c);
	c->row = row_of((u16)c->control);
	note_list(c);
}
