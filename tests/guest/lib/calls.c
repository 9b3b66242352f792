/*
 * The table of calls, written from the TLFS.
 */
#include "tests/guest/lib/calls.h"

const struct call calls[] = {
	{ "CreatePartition", 0x40, 56, 8, NOID },
	{ "InitializePartition", 0x41, 8, 0, FAST },
	{ "FinalizePartition", 0x42, 8, 0, FAST },
	{ "DeletePartition", 0x43, 8, 0, FAST },
	{ "GetPartitionProperty", 0x44, 16, 8, 0 },
	{ "SetPartitionProperty", 0x45, 24, 0, 0 },
	{ "GetPartitionId", 0x46, 0, 8, NOID },
	{ "GetNextChildPartition", 0x47, 16, 8, OWN },
	{ "DepositMemory", 0x48, 16, 0, REP | OWN },
	{ "WithdrawMemory", 0x49, 16, 8, REP | OWN },
	{ "GetMemoryBalance", 0x4a, 16, 16, OWN },
	{ "MapGpaPages", 0x4b, 32, 0, REP | SELF_OPERATION },
	{ "UnmapGpaPages", 0x4c, 24, 0, REP | SELF_OPERATION },
	{ "InstallIntercept", 0x4d, 24, 0, 0 },
	{ "CreateVp", 0x4e, 40, 0, 0 },
	{ "DeleteVp", 0x4f, 16, 0, FAST },
	{ "GetVpRegisters", 0x50, 24, 16, REP },
	{ "SetVpRegisters", 0x51, 48, 0, REP },
	{ "ReadGpa", 0x53, 32, 24, 0 },
	{ "WriteGpa", 0x54, 48, 8, 0 },
	{ "AssertVirtualInterrupt of TLFS 2.0", 0x55, 32, 0, 0 },
	{ "ClearVirtualInterrupt", 0x56, 8, 0, FAST },
	{ "CreatePort of TLFS 2.0", 0x57, 56, 0, OWN },
	{ "DeletePort", 0x58, 16, 0, FAST | OWN },
	{ "ConnectPort of TLFS 2.0", 0x59, 56, 0, OWN },
	{ "DisconnectPort", 0x5b, 16, 0, FAST | OWN },
	{ "PostMessage", 0x5c, 256, 0, NOID },
	{ "SignalEvent", 0x5d, 8, 0, FAST | NOID },
	{ "AssertVirtualInterrupt", 0x94, 32, 0, 0 },
	{ "CreatePort", 0x95, 56, 0, OWN },
	{ "ConnectPort", 0x96, 56, 0, OWN },
	{ "SavePartitionState", 0x5e, 16, 4088, 0 },
	{ "RestorePartitionState", 0x5f, 16, 8, 0 },
	{ "StasisReadLog", 0x7f00, 8, 4080, NOID },
	{ "StasisGetCounters", 0x7f01, 16, 4080, OWN },
};
const u32 call_count = ARRAY_LEN(calls);
