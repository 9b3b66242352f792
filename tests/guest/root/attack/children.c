/*
 * Children to be attacked, and to attack with: some run meanwhile.
 */
#include "parent/hvcall.h"
#include "parent/memory.h"
#include "parent/partition.h"
#include "parent/uefi/synic.h"
#include "parent/vp.h"
#include "tests/guest/lib/code.h"
#include "tests/guest/lib/random.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/test.h"
#include "tests/guest/root/attack/attack.h"

#define CHILDREN 4u
#define POOL 56u /* two VPs, tables, intercepts, ports */
#define PORT 0x80
#define BATCH 128u
#define MANY 8u /* children, fewer than these stay */
#define PORTS 8u
#define ANSWERS 4u
#define WARM 10000000ull /* ticks */
#define PIECES 64u

static u64 available, in_use, messages, made;

void attack_children_print(void)
{
	serial_print("ATTACK children made by us %u, messages of theirs %u\r\n",
	             made, messages);
}

/* ---- Making ---- */

/* It counts, and says so. */
static const u8 counter[] = { INC_MEM(0x3000), OUT_AL(PORT), JMP_BACK(9) };

/* Pages that we have, of the run from number `from` on. */
static u32 find(u64 *list, u32 from, u32 count)
{
	u32 found = 0;

	for (u32 i = from; i < ATTACK_PAGES && found < count; i++)
		if (!attack_is_gone(i))
			list[found++] = (attack.pages >> PAGE_SHIFT) + i;
	return found;
}

/* One by one: the attack may have mapped some of them, and others of it are free. */
static bool deposit(u64 id, u32 count)
{
	u64 list[ATTACK_PAGES];
	u32 found = find(list, ATTACK_CHILDREN, ATTACK_PAGES);
	enum hv_status status;

	for (u32 i = 0; i < found && count; i++) {
		status = memory_deposit(id, &list[i], 1, NULL);
		if (status == HV_STATUS_OBJECT_IN_USE)
			continue;
		if (!EXPECT_SUCCESS(status))
			return false;
		attack.given[attack_number(list[i])]++;
		count--;
	}
	return EXPECT_EQUAL(count, 0);
}

static bool make(u32 which)
{
	struct child c = { .memory = attack.pages +
		                     which * ATTACK_MEMORY * PAGE_SIZE,
		           .pages = ATTACK_MEMORY };

	made++;

	if (!EXPECT_SUCCESS(partition_create(&c.id)) || !deposit(c.id, POOL) ||
	    !EXPECT_SUCCESS(partition_initialize(c.id)) ||
	    !EXPECT_SUCCESS(memory_map(c.id, 0, c.memory >> PAGE_SHIFT, c.pages,
	                               CHILD_RWX, NULL)) ||
	    !EXPECT_SUCCESS(vp_create(c.id, 0)) ||
	    !EXPECT_SUCCESS(vp_create(c.id, 1)) ||
	    !child_intercept_out(&c, PORT))
		return false;
	CHILD_PUT_CODE(&c, counter);
	if (!child_set_long(&c, CHILD_CODE, CHILD_CODE))
		return false;
	/* One of them is what a restore is fed with, and stands still. */
	return which == 0 ? saved_take(&attack.stream, c.id, 0) : child_go(&c);
}

bool attack_children_make(void)
{
	bool good = true;

	for (u32 i = 0; i < attack.attackers; i++) {
		attack.all[i].process_left = 0;
		attack.all[i].stream_at = 0;
	}
	for (u32 i = 0; good && i < CHILDREN; i++)
		good = make(i);
	return good && attack_children_look();
}

/* ---- Their end ---- */

static bool withdraw_all(u64 id)
{
	enum hv_status status;
	u64 list[BATCH];
	u32 count;

	do {
		count = 0;
		status = memory_withdraw(id, list, BATCH, &count);
		for (u32 i = 0; i < count; i++)
			if (!attack_page_back(list[i]))
				return false;
	} while (status == HV_STATUS_SUCCESS);
	return EXPECT_STATUS(status, HV_STATUS_NO_RESOURCES);
}

/* In whatever state it is. */
static bool take_down(u64 id)
{
	u64 left = 1, used = 1;
	enum hv_status status = partition_finalize(id);

	test_context("partition", id);
	return EXPECT(status == HV_STATUS_SUCCESS ||
	              status == HV_STATUS_INVALID_PARTITION_STATE) &&
	       withdraw_all(id) &&
	       EXPECT_SUCCESS(memory_get_balance(id, &left, &used)) &&
	       EXPECT_EQUAL(left + used, 0) &&
	       EXPECT_SUCCESS(partition_delete(id));
}

static u64 next(u64 id)
{
	u64 child = 0;

	EXPECT_SUCCESS(partition_next_child(HV_PARTITION_ID_SELF, id, &child));
	return child;
}

bool attack_children_look(void)
{
	u64 id = 0;

	for (attack.id_count = 0; (id = next(id)) != 0; attack.id_next = id + 1)
		if (attack.id_count < ATTACK_IDS)
			attack.ids[attack.id_count++] = id;
	return !test_failed();
}

/* Is the memory that it is to have ours, and are pages for a pool? */
static bool can_make(u32 which)
{
	u64 list[ATTACK_PAGES];

	for (u32 i = 0; i < ATTACK_MEMORY; i++)
		if (attack_is_gone(which * ATTACK_MEMORY + i))
			return false;
	return find(list, ATTACK_CHILDREN, ATTACK_PAGES) >= 4 * POOL;
}

/* The attack has finalized it, or made it without anything. */
static bool is_dead(u64 id)
{
	u64 value;

	return vp_get_register(id, 0, HV_REGISTER_RIP, &value) !=
	       HV_STATUS_SUCCESS;
}

u64 attack_child_alive(void)
{
	u64 id = 0;

	for (u32 i = 0; attack.id_count && i < attack.id_count; i++) {
		id = attack.ids[random_below(attack.id_count)];
		if (!is_dead(id))
			break;
	}
	return id;
}

/* Half of those that are dead, and some of the others where there are many. */
bool attack_children_renew(void)
{
	u32 which = 1 + random_below(CHILDREN - 1), left = attack.id_count;

	for (u32 i = 0; i < attack.id_count; i++) {
		if (left < MANY && (!is_dead(attack.ids[i]) || random_below(2)))
			continue;
		if (!take_down(attack.ids[i]))
			return false;
		left--;
	}
	if (left <= CHILDREN && can_make(which) && !make(which))
		return false;
	return attack_children_look();
}

/* The process of id 0 ends when a whole one has come to its end. */
static bool end_system(void)
{
	static u8 data[HV_SAVE_DATA_MAX];
	u32 flags = HV_SAVE_RESTORE_STATE_START, count, state;
	enum hv_status status;
	u32 pieces = 0;

	do {
		status = stream_save_piece(
			0, flags | HV_SAVE_RESTORE_STATE_SUMMARY, data, &count,
			&state);
		flags = 0;
	} while (status == HV_STATUS_SUCCESS && state == HV_STATE_INCOMPLETE &&
	         pieces++ < PIECES);
	return EXPECT_SUCCESS(status) && EXPECT_EQUAL(state, HV_STATE_COMPLETE);
}

void attack_forget_messages(u64 sim)
{
	while (synic_poll(sim))
		synic_release(sim);
}

/* Our own; whether there is one is the attack's affair. */
static void delete_ports(void)
{
	for (u32 i = 0; i < PORTS; i++) {
		hvcall_fast(HVCALL_DISCONNECT_PORT, HV_PARTITION_ID_SELF, i);
		hvcall_fast(HVCALL_DELETE_PORT, HV_PARTITION_ID_SELF, i);
	}
}

static bool empty_root(void)
{
	delete_ports();
	return end_system() && withdraw_all(HV_PARTITION_ID_SELF);
}

static bool make_port(void)
{
	struct hv_input_create_port *in = hvcall_input_zeroed(sizeof(*in));

	*in = (struct hv_input_create_port){
		.port_partition = HV_PARTITION_ID_SELF,
		.connection_partition = STASIS_ROOT_ID,
		.info = { .type = HV_PORT_MESSAGE, .target_sint = 1 },
	};
	return EXPECT_SUCCESS(hvcall_simple(HVCALL_CREATE_PORT));
}

static bool end_all(void)
{
	u64 id, last = 0;

	while ((id = next(0)) != 0 && id != last) {
		last = id;
		if (!take_down(id))
			return false;
		attack_forget_messages(test_sim_page());
	}
	attack.id_count = 0;
	return empty_root();
}

/*
 * The first port takes a page for all of them, and the first child that runs may take
 * tables, where the root's APIC is looked after from then on (docs/svm.md).
 */
bool attack_note_balance(void)
{
	if (!make_port() || !attack_children_make())
		return false;
	child_let_run(WARM);
	return end_all() && EXPECT_SUCCESS(memory_get_balance(
				    HV_PARTITION_ID_SELF, &available, &in_use));
}

bool attack_children_end(void)
{
	u64 left = 0, used = 0;

	if (!end_all())
		return false;
	test_context("all", 0);
	return EXPECT_SUCCESS(memory_get_balance(HV_PARTITION_ID_SELF, &left,
	                                         &used)) &&
	       EXPECT_EQUAL(left, available) && EXPECT_EQUAL(used, in_use);
}

/* ---- Meanwhile ---- */

/* By a block of the processor's own. */
void attack_child_stop(u64 id)
{
	struct {
		struct hv_input_vp_registers head;
		struct hv_register_assoc element;
	} *in = (void *)attack_me()->stop;

	for (u32 i = 0; i < 2; i++) {
		in->head = (struct hv_input_vp_registers){ .partition_id = id,
			                                   .vp_index = i };
		in->element = (struct hv_register_assoc){
			.name = HV_REGISTER_EXPLICIT_SUSPEND,
			.value.reg64 = HV_SUSPENDED,
		};
		hvcall_raw(HVCALL_SET_VP_REGISTERS |
		                   1ull << HV_CONTROL_REP_COUNT_SHIFT,
		           (u64)in, 0);
	}
}

/* What it says is nothing to us; most go on behind it, as far as they can. */
static void go_on(u64 id, u32 vp, u64 rip, u32 length)
{
	const struct hv_register_assoc list[] = {
		{ .name = HV_REGISTER_RIP, .value.reg64 = rip + length },
		{ .name = HV_REGISTER_INTERCEPT_SUSPEND },
		{ .name = HV_REGISTER_EXPLICIT_SUSPEND },
	};

	vp_set_registers(id, vp, list, ARRAY_LEN(list), NULL);
}

void attack_children_answer(void)
{
	const struct hv_message *slot;
	const struct hv_intercept_header *h;
	struct hv_message m;

	for (u32 i = 0; i < ANSWERS; i++) {
		slot = synic_poll(test_sim_page());
		if (!slot)
			return;
		m = *slot;
		synic_release(test_sim_page());
		messages++;
		h = (const struct hv_intercept_header *)m.payload;
		if (random_below(4))
			go_on(m.sender, h->vp_index, h->rip,
			      h->instruction_length & 0xf);
	}
}
