/*
 * The tables behind names_exits.h. A row is of so many numbers from the first one on.
 */
#include "parent/names_exits.h"

#include "include/stream.h"
#include "include/tlfs.h"

struct named {
	u32 first;
	u32 count;
	const char *name;
};

static const struct named calls[] = {
	{ 0, 1, "no call" },
	{ HVCALL_CREATE_PARTITION, 1, "CreatePartition" },
	{ HVCALL_INITIALIZE_PARTITION, 1, "InitializePartition" },
	{ HVCALL_FINALIZE_PARTITION, 1, "FinalizePartition" },
	{ HVCALL_DELETE_PARTITION, 1, "DeletePartition" },
	{ HVCALL_GET_PARTITION_PROPERTY, 1, "GetPartitionProperty" },
	{ HVCALL_SET_PARTITION_PROPERTY, 1, "SetPartitionProperty" },
	{ HVCALL_GET_PARTITION_ID, 1, "GetPartitionId" },
	{ HVCALL_GET_NEXT_CHILD_PARTITION, 1, "GetNextChildPartition" },
	{ HVCALL_DEPOSIT_MEMORY, 1, "DepositMemory" },
	{ HVCALL_WITHDRAW_MEMORY, 1, "WithdrawMemory" },
	{ HVCALL_GET_MEMORY_BALANCE, 1, "GetMemoryBalance" },
	{ HVCALL_MAP_GPA_PAGES, 1, "MapGpaPages" },
	{ HVCALL_UNMAP_GPA_PAGES, 1, "UnmapGpaPages" },
	{ HVCALL_INSTALL_INTERCEPT, 1, "InstallIntercept" },
	{ HVCALL_CREATE_VP, 1, "CreateVp" },
	{ HVCALL_DELETE_VP, 1, "DeleteVp" },
	{ HVCALL_GET_VP_REGISTERS, 1, "GetVpRegisters" },
	{ HVCALL_SET_VP_REGISTERS, 1, "SetVpRegisters" },
	{ HVCALL_READ_GPA, 1, "ReadGpa" },
	{ HVCALL_WRITE_GPA, 1, "WriteGpa" },
	{ HVCALL_ASSERT_VIRTUAL_INTERRUPT_2, 1, "AssertVirtualInterrupt" },
	{ HVCALL_CLEAR_VIRTUAL_INTERRUPT, 1, "ClearVirtualInterrupt" },
	{ HVCALL_CREATE_PORT_2, 1, "CreatePort" },
	{ HVCALL_DELETE_PORT, 1, "DeletePort" },
	{ HVCALL_CONNECT_PORT_2, 1, "ConnectPort" },
	{ HVCALL_DISCONNECT_PORT, 1, "DisconnectPort" },
	{ HVCALL_POST_MESSAGE, 1, "PostMessage" },
	{ HVCALL_SIGNAL_EVENT, 1, "SignalEvent" },
	{ HVCALL_SAVE_PARTITION_STATE, 1, "SavePartitionState" },
	{ HVCALL_RESTORE_PARTITION_STATE, 1, "RestorePartitionState" },
	{ HVCALL_ASSERT_VIRTUAL_INTERRUPT, 1, "AssertVirtualInterrupt" },
	{ HVCALL_CREATE_PORT, 1, "CreatePort" },
	{ HVCALL_CONNECT_PORT, 1, "ConnectPort" },
	{ HVCALL_STASIS_READ_LOG, 1, "StasisReadLog" },
	{ HVCALL_STASIS_GET_COUNTERS, 1, "StasisGetCounters" },
};

/* SDM volume 3, appendix C. */
static const struct named reasons[] = {
	{ 0, 1, "exception or NMI" },
	{ 1, 1, "external interrupt" },
	{ 2, 1, "triple fault" },
	{ 3, 1, "INIT" },
	{ 4, 1, "SIPI" },
	{ 5, 2, "SMI" },
	{ 7, 1, "interrupt window" },
	{ 8, 1, "NMI window" },
	{ 9, 1, "task switch" },
	{ 10, 1, "CPUID" },
	{ 11, 1, "GETSEC" },
	{ 12, 1, "HLT" },
	{ 13, 1, "INVD" },
	{ 14, 1, "INVLPG" },
	{ 15, 1, "RDPMC" },
	{ 16, 1, "RDTSC" },
	{ 17, 1, "RSM" },
	{ 18, 1, "VMCALL that is no hypercall" },
	{ 19, 9, "VMX instruction" },
	{ 28, 1, "control register" },
	{ 29, 1, "MOV DR" },
	{ 30, 1, "I/O" },
	{ 31, 1, "RDMSR" },
	{ 32, 1, "WRMSR" },
	{ 36, 1, "MWAIT" },
	{ 37, 1, "monitor trap flag" },
	{ 39, 1, "MONITOR" },
	{ 40, 1, "PAUSE" },
	{ 41, 1, "machine check at VM entry" },
	{ 43, 1, "TPR below threshold" },
	{ 44, 1, "APIC access" },
	{ 45, 1, "virtualized EOI" },
	{ 46, 1, "GDTR or IDTR" },
	{ 47, 1, "LDTR or TR" },
	{ 48, 1, "EPT violation" },
	{ 49, 1, "EPT misconfiguration" },
	{ 50, 1, "INVEPT" },
	{ 51, 1, "RDTSCP" },
	{ 52, 1, "preemption timer" },
	{ 53, 1, "INVVPID" },
	{ 54, 1, "WBINVD" },
	{ 55, 1, "XSETBV" },
	{ 56, 1, "APIC write" },
	{ 57, 1, "RDRAND" },
	{ 58, 1, "INVPCID" },
	{ 59, 1, "VMFUNC" },
	{ 60, 1, "ENCLS" },
	{ 61, 1, "RDSEED" },
	{ 62, 1, "page-modification log full" },
	{ 63, 1, "XSAVES" },
	{ 64, 1, "XRSTORS" },
	{ 67, 1, "UMWAIT" },
	{ 68, 1, "TPAUSE" },
};

/* APM volume 2, appendix C. */
static const struct named exit_codes[] = {
	{ 0x00, 16, "MOV from CR" },
	{ 0x10, 16, "MOV to CR" },
	{ 0x20, 16, "MOV from DR" },
	{ 0x30, 16, "MOV to DR" },
	{ 0x40, 32, "exception" },
	{ 0x60, 1, "interrupt" },
	{ 0x61, 1, "NMI" },
	{ 0x62, 1, "SMI" },
	{ 0x63, 1, "INIT" },
	{ 0x64, 1, "virtual interrupt" },
	{ 0x65, 1, "CR0, other bits than TS and MP" },
	{ 0x66, 8, "descriptor table" },
	{ 0x6e, 1, "RDTSC" },
	{ 0x6f, 1, "RDPMC" },
	{ 0x70, 1, "PUSHF" },
	{ 0x71, 1, "POPF" },
	{ 0x72, 1, "CPUID" },
	{ 0x73, 1, "RSM" },
	{ 0x74, 1, "IRET" },
	{ 0x75, 1, "INT n" },
	{ 0x76, 1, "INVD" },
	{ 0x77, 1, "PAUSE" },
	{ 0x78, 1, "HLT" },
	{ 0x79, 1, "INVLPG" },
	{ 0x7a, 1, "INVLPGA" },
	{ 0x7b, 1, "I/O" },
	{ 0x7c, 1, "MSR" },
	{ 0x7d, 1, "task switch" },
	{ 0x7e, 1, "FERR freeze" },
	{ 0x7f, 1, "shutdown" },
	{ 0x80, 1, "VMRUN" },
	{ 0x81, 1, "VMMCALL that is no hypercall" },
	{ 0x82, 5, "SVM instruction" },
	{ 0x87, 1, "RDTSCP" },
	{ 0x88, 1, "INT1" },
	{ 0x89, 1, "WBINVD" },
	{ 0x8a, 1, "MONITOR" },
	{ 0x8b, 2, "MWAIT" },
	{ 0x8d, 1, "XSETBV" },
	{ 0x8e, 1, "RDPRU" },
	{ 0x8f, 1, "EFER written" },
	{ 0x90, 16, "CR written" },
	{ 0xa0, 2, "INVLPGB" },
	{ 0xa2, 1, "INVPCID" },
	{ 0xa3, 1, "MCOMMIT" },
	{ 0xa4, 1, "TLBSYNC" },
	{ 0x400, 1, "nested page fault" },
	{ 0x401, 2, "AVIC" },
};

static const char *find(const struct named *rows, u32 count, u32 number,
                        const char *otherwise)
{
	for (u32 i = 0; i < count; i++)
		/* Sorted, but a hundred rows for a line of a table want no better search. */
		if (number - rows[i].first < rows[i].count)
			return rows[i].name;
	return otherwise;
}

const char *names_of_call(u32 code)
{
	return find(calls, ARRAY_LEN(calls), code, "");
}

const char *names_of_exit(u32 vendor, u32 reason)
{
	if (vendor == STREAM_VENDOR_AMD)
		return find(exit_codes, ARRAY_LEN(exit_codes), reason, "other");
	return find(reasons, ARRAY_LEN(reasons), reason, "other");
}
