/*
 * The table of hypercalls: what each is, may be asked of, and changes.
 */
#include "hv/call/hypercall.h"
#include "hv/vp/partition.h"

#define FAST HYPERCALL_FAST
#define REP HYPERCALL_REP
#define BY_PARENT HYPERCALL_BY_PARENT
#define KICKS HYPERCALL_KICKS
#define WAKES HYPERCALL_WAKES
#define CHANGES HYPERCALL_CHANGES
#define FLUSHES HYPERCALL_FLUSHES
#define FIRST_VP HYPERCALL_FIRST_VP
#define BESIDE HYPERCALL_BESIDE

/* Short for the rows, which are read as a table. */
#define CREATE HV_PRIVILEGE_CREATE_PARTITIONS
#define POOL HV_PRIVILEGE_ACCESS_MEMORY_POOL
#define ACTIVE BIT(PARTITION_ACTIVE)
#define CHILD .target = HYPERCALL_CHILD
#define ACTIVE_CHILD CHILD, .states = ACTIVE
/* About a VP, by the index in its block, which is never at 0: the id is. */
#define VP_OF(type) \
	ACTIVE_CHILD, .vp_at = offsetof(struct hv_input_##type, vp_index)
/* For calls on ports, whose blocks have the id in another place than the first. */
#define OWN_AT(type, field)                        \
	.target = HYPERCALL_OWN, .states = ACTIVE, \
	.target_at = offsetof(struct hv_input_##type, field)
#define IN(type) .in = sizeof(struct hv_input_##type)
#define OUT(type) .out = sizeof(struct hv_output_##type)

/* A code's place: what the TLFS numbers goes on from its first call of partitions. */
#define FIRST HVCALL_CREATE_PARTITION
#define CALL(name) [HVCALL_##name - FIRST]

/* clang-format off */
static const struct hypercall tlfs_calls[] = {
	/* Partitions (TLFS 5) */
	CALL(CREATE_PARTITION) = {
		"CreatePartition", hvcall_create_partition,
		IN(create_partition), OUT(create_partition),
		.privileges = CREATE },
	/* A call that moves a state says in `states` where it may begin. */
	CALL(INITIALIZE_PARTITION) = {
		"InitializePartition", hvcall_initialize_partition,
		IN(partition), .flags = FAST | BY_PARENT, CHILD,
		.states = BIT(PARTITION_UNINITIALIZED) },
	CALL(FINALIZE_PARTITION) = {
		"FinalizePartition", hvcall_finalize_partition,
		IN(partition), .flags = FAST | BY_PARENT, CHILD,
		.states = ACTIVE | BIT(PARTITION_FINALIZING) },
	CALL(DELETE_PARTITION) = {
		"DeletePartition", hvcall_delete_partition,
		IN(partition), .flags = FAST | BY_PARENT, CHILD,
		.states = BIT(PARTITION_UNINITIALIZED) |
		          BIT(PARTITION_FINALIZED) },
	/* No states: which are allowed depends on the property. */
	CALL(GET_PARTITION_PROPERTY) = {
		"GetPartitionProperty", hvcall_get_partition_property,
		IN(get_partition_property), OUT(get_partition_property),
		.flags = BY_PARENT, CHILD },
	CALL(SET_PARTITION_PROPERTY) = {
		"SetPartitionProperty", hvcall_set_partition_property,
		IN(set_partition_property), .flags = BY_PARENT | CHANGES,
		CHILD },
	/* About the caller itself, so it has no target. */
	CALL(GET_PARTITION_ID) = {
		"GetPartitionId", hvcall_get_partition_id,
		OUT(get_partition_id),
		.privileges = HV_PRIVILEGE_ACCESS_PARTITION_ID },
	CALL(GET_NEXT_CHILD_PARTITION) = {
		"GetNextChildPartition", hvcall_get_next_child,
		IN(get_next_child), OUT(get_next_child), .flags = BY_PARENT,
		.target = HYPERCALL_OWN },
	/* Pools (TLFS 7): what the caller's own map loses or gets back is in the handlers. */
	CALL(DEPOSIT_MEMORY) = {
		"DepositMemory", hvcall_deposit_memory,
		IN(deposit_memory), .in_rep = 8, .flags = REP,
		.privileges = POOL, .target = HYPERCALL_POOL,
		.states = ACTIVE | BIT(PARTITION_UNINITIALIZED),
		.settle = hvcall_deposit_settle },
	/* In any state, a finalized one too: its pages must come back. */
	CALL(WITHDRAW_MEMORY) = {
		"WithdrawMemory", hvcall_withdraw_memory,
		IN(withdraw_memory), .out_rep = 8, .flags = REP, .turn = 8,
		.privileges = POOL, .target = HYPERCALL_POOL },
	CALL(GET_MEMORY_BALANCE) = {
		"GetMemoryBalance", hvcall_get_memory_balance,
		IN(get_memory_balance), OUT(get_memory_balance),
		.privileges = POOL, .target = HYPERCALL_POOL },
	/* GPA spaces (TLFS 8): a new mapping needs no flush, one in place of another does */
	CALL(MAP_GPA_PAGES) = {
		"MapGpaPages", hvcall_map_gpa_pages,
		IN(map_gpa_pages), .in_rep = 8,
		.flags = REP | BY_PARENT | CHANGES | FLUSHES,
		.target = HYPERCALL_SPACE, .states = ACTIVE },
	CALL(UNMAP_GPA_PAGES) = {
		"UnmapGpaPages", hvcall_unmap_gpa_pages,
		IN(unmap_gpa_pages),
		.flags = REP | BY_PARENT | CHANGES | FLUSHES,
		.target = HYPERCALL_SPACE, .states = ACTIVE },
	/* Intercepts (TLFS 9): they are no part of a saved state. */
	CALL(INSTALL_INTERCEPT) = {
		"InstallIntercept", hvcall_install_intercept,
		IN(install_intercept), .flags = BY_PARENT, ACTIVE_CHILD },
	/* VPs (TLFS 10) */
	CALL(CREATE_VP) = {
		"CreateVp", hvcall_create_vp,
		IN(create_vp), .flags = BY_PARENT | CHANGES,
		ACTIVE_CHILD },
	CALL(DELETE_VP) = {
		"DeleteVp", hvcall_delete_vp,
		IN(delete_vp), .flags = FAST | BY_PARENT | KICKS | CHANGES,
		VP_OF(delete_vp) },
	CALL(GET_VP_REGISTERS) = {
		"GetVpRegisters", hvcall_get_vp_registers,
		IN(vp_registers), .in_rep = 4, .out_rep = 16,
		.flags = REP | BY_PARENT | KICKS | BESIDE,
		VP_OF(vp_registers) },
	CALL(SET_VP_REGISTERS) = {
		"SetVpRegisters", hvcall_set_vp_registers,
		IN(vp_registers), .in_rep = sizeof(struct hv_register_assoc),
		.flags = REP | BY_PARENT | KICKS | WAKES | CHANGES | BESIDE,
		VP_OF(vp_registers) },
	/* The VP must exist and need not stand still: only memory is looked at. */
	CALL(READ_GPA) = {
		"ReadGpa", hvcall_read_gpa,
		IN(read_gpa), OUT(read_gpa), .flags = BY_PARENT,
		VP_OF(read_gpa) },
	CALL(WRITE_GPA) = {
		"WriteGpa", hvcall_write_gpa,
		IN(write_gpa), OUT(write_gpa), .flags = BY_PARENT,
		VP_OF(write_gpa) },
	/* Interrupts (TLFS 9.4): lapic_send finds the VPs, and kicks and wakes each. */
	CALL(ASSERT_VIRTUAL_INTERRUPT_2) = {
		"AssertVirtualInterrupt", hvcall_assert_virtual_interrupt,
		IN(assert_virtual_interrupt), .flags = BY_PARENT | CHANGES,
		ACTIVE_CHILD },
	/* Whoever has no VP 0 has no interrupt either: nothing to clear. */
	CALL(CLEAR_VIRTUAL_INTERRUPT) = {
		"ClearVirtualInterrupt", hvcall_clear_virtual_interrupt,
		IN(partition),
		.flags = FAST | BY_PARENT | FIRST_VP | KICKS | CHANGES,
		ACTIVE_CHILD },
	CALL(ASSERT_VIRTUAL_INTERRUPT) = {
		"AssertVirtualInterrupt", hvcall_assert_virtual_interrupt,
		IN(assert_virtual_interrupt), .flags = BY_PARENT | CHANGES,
		ACTIVE_CHILD },
	/* Ports (TLFS 11): two numbers for two of them, as two versions have them */
	CALL(CREATE_PORT_2) = {
		"CreatePort", hvcall_create_port, IN(create_port),
		OWN_AT(create_port, port_partition),
		.privileges = HV_PRIVILEGE_CREATE_PORT },
	CALL(DELETE_PORT) = {
		"DeletePort", hvcall_delete_port, IN(delete_port),
		OWN_AT(delete_port, port_partition),
		.flags = FAST, .privileges = HV_PRIVILEGE_CREATE_PORT },
	CALL(CONNECT_PORT_2) = {
		"ConnectPort", hvcall_connect_port, IN(connect_port),
		OWN_AT(connect_port, connection_partition),
		.privileges = HV_PRIVILEGE_CONNECT_PORT },
	CALL(DISCONNECT_PORT) = {
		"DisconnectPort", hvcall_disconnect_port,
		IN(disconnect_port), .flags = FAST,
		OWN_AT(disconnect_port, connection_partition),
		.privileges = HV_PRIVILEGE_CONNECT_PORT },
	/* Their target is behind the connection: the handler asks for it, since its input
	 * is checked first. KICKS and CHANGES are of the receiver.
	 */
	CALL(POST_MESSAGE) = {
		"PostMessage", hvcall_post_message, IN(post_message),
		.flags = KICKS | CHANGES,
		.privileges = HV_PRIVILEGE_POST_MESSAGES },
	CALL(SIGNAL_EVENT) = {
		"SignalEvent", hvcall_signal_event, IN(signal_event),
		.flags = FAST | KICKS | CHANGES,
		.privileges = HV_PRIVILEGE_SIGNAL_EVENTS },
	/* The same two by their later numbers. */
	CALL(CREATE_PORT) = {
		"CreatePort", hvcall_create_port, IN(create_port),
		OWN_AT(create_port, port_partition),
		.privileges = HV_PRIVILEGE_CREATE_PORT },
	CALL(CONNECT_PORT) = {
		"ConnectPort", hvcall_connect_port, IN(connect_port),
		OWN_AT(connect_port, connection_partition),
		.privileges = HV_PRIVILEGE_CONNECT_PORT },
	/* Save and restore (TLFS 17): a summary needs no state, so the handlers ask. */
	CALL(SAVE_PARTITION_STATE) = {
		"SavePartitionState", hvcall_save_partition_state,
		IN(save_partition_state), OUT(save_partition_state),
		.flags = BY_PARENT | BESIDE, .target = HYPERCALL_SYSTEM },
	CALL(RESTORE_PARTITION_STATE) = {
		"RestorePartitionState", hvcall_restore_partition_state,
		.in = offsetof(struct hv_input_restore_partition_state,
		               restore_data),
		OUT(restore_partition_state), .tail = hvcall_restore_tail,
		.flags = BESIDE, .privileges = CREATE,
		.target = HYPERCALL_SYSTEM },
};

/* Numbers that the TLFS does not use, in their order. */
static const struct hypercall own_calls[] = {
	[HVCALL_STASIS_READ_LOG - HVCALL_STASIS_READ_LOG] = {
		"StasisReadLog", hvcall_read_log, IN(read_log), OUT(read_log),
		.privileges = CREATE },
	[HVCALL_STASIS_GET_COUNTERS - HVCALL_STASIS_READ_LOG] = {
		"StasisGetCounters", hvcall_get_counters,
		IN(get_counters), OUT(get_counters),
		.privileges = CREATE, .target = HYPERCALL_OWN,
		.states = ACTIVE,
		.vp_at = offsetof(struct hv_input_get_counters, vp_index) },
};
/* clang-format on */

/*
 * A code finds its row by where it is in a range, which takes as long for 0x131 as for
 * 0x40. The holes between codes are rows of zeroes: no call.
 */
static const struct range {
	u32 first;
	u32 count;
	const struct hypercall *rows;
} ranges[] = {
	{ FIRST, ARRAY_LEN(tlfs_calls), tlfs_calls },
	{ HVCALL_STASIS_READ_LOG, ARRAY_LEN(own_calls), own_calls },
};
_Static_assert(ARRAY_LEN(tlfs_calls) <=
                               HYPERCALL_SLOTS - HYPERCALL_FIRST_SLOT &&
                       ARRAY_LEN(own_calls) == HYPERCALL_OURS,
               "a slot for each");

const struct hypercall *hypercall_find(u32 code)
{
	for (u32 i = 0; i < ARRAY_LEN(ranges); i++) {
		const struct range *r = &ranges[i];

		/* The difference is unsigned: a code below the first is far above the count. */
		if (code - r->first < r->count && r->rows[code - r->first].run)
			return &r->rows[code - r->first];
	}
	return NULL;
}
