/*
 * The guest-visible interface: hypercall codes, statuses, register names,
 * synthetic MSRs, input and output blocks, messages.
 *
 * Facts of Microsoft's Hypervisor Top Level Functional Specification (TLFS),
 * under the names the TLFS gives them. Where sources disagree, docs/hypercalls.md
 * says which we follow. Self-contained: hypervisor, parents and tests include
 * it alike.
 */
#ifndef STASIS_TLFS_H
#define STASIS_TLFS_H

#include "tlfs_messages.h"
#include "tlfs_ports.h"
#include "types.h"

/* ---- Hypercall control word and result (TLFS 3.7, 3.8) ---- */

#define HV_CONTROL_CODE 0x000000000000ffffull
#define HV_CONTROL_FAST 0x0000000000010000ull
#define HV_CONTROL_VARHEAD 0x0000000007fe0000ull
#define HV_CONTROL_RSVD 0xf000f000f8000000ull
#define HV_CONTROL_REP_COUNT_SHIFT 32
#define HV_CONTROL_REP_START_SHIFT 48
#define HV_CONTROL_REP_MASK 0xfffull
#define HV_RESULT_STATUS 0xffffull
#define HV_RESULT_REPS_SHIFT 32

enum hvcall_code {
	HVCALL_CREATE_PARTITION = 0x40,
	HVCALL_INITIALIZE_PARTITION = 0x41,
	HVCALL_FINALIZE_PARTITION = 0x42,
	HVCALL_DELETE_PARTITION = 0x43,
	HVCALL_GET_PARTITION_PROPERTY = 0x44,
	HVCALL_SET_PARTITION_PROPERTY = 0x45,
	HVCALL_GET_PARTITION_ID = 0x46,
	HVCALL_GET_NEXT_CHILD_PARTITION = 0x47,
	HVCALL_DEPOSIT_MEMORY = 0x48,
	HVCALL_WITHDRAW_MEMORY = 0x49,
	HVCALL_GET_MEMORY_BALANCE = 0x4a,
	HVCALL_MAP_GPA_PAGES = 0x4b,
	HVCALL_UNMAP_GPA_PAGES = 0x4c,
	HVCALL_INSTALL_INTERCEPT = 0x4d,
	HVCALL_CREATE_VP = 0x4e,
	HVCALL_DELETE_VP = 0x4f,
	HVCALL_GET_VP_REGISTERS = 0x50,
	HVCALL_SET_VP_REGISTERS = 0x51,
	HVCALL_READ_GPA = 0x53,
	HVCALL_WRITE_GPA = 0x54,
	HVCALL_ASSERT_VIRTUAL_INTERRUPT_2 = 0x55, /* TLFS 2.0 */
	HVCALL_CLEAR_VIRTUAL_INTERRUPT = 0x56,
	HVCALL_CREATE_PORT_2 = 0x57, /* TLFS 2.0 */
	HVCALL_DELETE_PORT = 0x58,
	HVCALL_CONNECT_PORT_2 = 0x59, /* TLFS 2.0 */
	HVCALL_DISCONNECT_PORT = 0x5b,
	HVCALL_POST_MESSAGE = 0x5c,
	HVCALL_SIGNAL_EVENT = 0x5d,
	HVCALL_SAVE_PARTITION_STATE = 0x5e,
	HVCALL_RESTORE_PARTITION_STATE = 0x5f,
	HVCALL_ASSERT_VIRTUAL_INTERRUPT = 0x94,
	HVCALL_CREATE_PORT = 0x95,
	HVCALL_CONNECT_PORT = 0x96,
	/* Ours alone, in a range no TLFS uses: the hypervisor's log. */
	HVCALL_STASIS_READ_LOG = 0x7f00,
};

/* ---- Statuses (TLFS appendix C) ---- */

enum hv_status {
	HV_STATUS_SUCCESS = 0x0000,
	HV_STATUS_INVALID_HYPERCALL_CODE = 0x0002,
	HV_STATUS_INVALID_HYPERCALL_INPUT = 0x0003,
	HV_STATUS_INVALID_ALIGNMENT = 0x0004,
	HV_STATUS_INVALID_PARAMETER = 0x0005,
	HV_STATUS_ACCESS_DENIED = 0x0006,
	HV_STATUS_INVALID_PARTITION_STATE = 0x0007,
	HV_STATUS_OPERATION_DENIED = 0x0008,
	HV_STATUS_UNKNOWN_PROPERTY = 0x0009,
	HV_STATUS_PROPERTY_VALUE_OUT_OF_RANGE = 0x000a,
	HV_STATUS_INSUFFICIENT_MEMORY = 0x000b,
	HV_STATUS_PARTITION_TOO_DEEP = 0x000c,
	HV_STATUS_INVALID_PARTITION_ID = 0x000d,
	HV_STATUS_INVALID_VP_INDEX = 0x000e,
	HV_STATUS_INVALID_PORT_ID = 0x0011,
	HV_STATUS_INVALID_CONNECTION_ID = 0x0012,
	HV_STATUS_INSUFFICIENT_BUFFERS = 0x0013,
	HV_STATUS_NOT_ACKNOWLEDGED = 0x0014,
	HV_STATUS_INVALID_VP_STATE = 0x0015,
	HV_STATUS_ACKNOWLEDGED = 0x0016,
	HV_STATUS_INVALID_SAVE_RESTORE_STATE = 0x0017,
	HV_STATUS_INVALID_SYNIC_STATE = 0x0018,
	HV_STATUS_OBJECT_IN_USE = 0x0019,
	HV_STATUS_NO_DATA = 0x001b,
	HV_STATUS_NO_RESOURCES = 0x001d,
};

/* ---- Ids ---- */

#define HV_PARTITION_ID_INVALID 0ull
#define HV_PARTITION_ID_SELF 0xffffffffffffffffull
#define HV_VP_INDEX_ANY 0xffffffffu
#define HV_VP_INDEX_SELF 0xfffffffeu

/* ---- CPUID (TLFS 2.4) ---- */

#define HV_CPUID_VENDOR_AND_MAX 0x40000000u
#define HV_CPUID_INTERFACE 0x40000001u
#define HV_CPUID_VERSION 0x40000002u
#define HV_CPUID_FEATURES 0x40000003u
#define HV_CPUID_RECOMMENDATIONS 0x40000004u
#define HV_CPUID_LIMITS 0x40000005u
#define HV_CPUID_HARDWARE 0x40000006u

#define HV_CPUID_VENDOR_EBX 0x7263694du    /* "Micr" */
#define HV_CPUID_VENDOR_ECX 0x666f736fu    /* "osof" */
#define HV_CPUID_VENDOR_EDX 0x76482074u    /* "t Hv" */
#define HV_CPUID_INTERFACE_HV1 0x31237648u /* "Hv#1" */

/*
 * Ours, where hypervisors put what is theirs beside another's interface: by
 * the leaves above alone we could not be told from others that have them.
 */
#define STASIS_CPUID 0x40000100u
#define STASIS_CPUID_EBX 0x73617453u /* "Stas" */
#define STASIS_CPUID_ECX 0x74537369u /* "isSt" */
#define STASIS_CPUID_EDX 0x73697361u /* "asis" */

/* Partition privilege mask: EBX:EAX of leaf 0x40000003 (TLFS 4.2.2). */
#define HV_PRIVILEGE_ACCESS_VP_RUN_TIME_MSR BIT(0)
#define HV_PRIVILEGE_ACCESS_REFERENCE_COUNTER BIT(1)
#define HV_PRIVILEGE_ACCESS_SYNIC_MSRS BIT(2)
#define HV_PRIVILEGE_ACCESS_SYNTHETIC_TIMER_MSRS BIT(3)
#define HV_PRIVILEGE_ACCESS_APIC_MSRS BIT(4)
#define HV_PRIVILEGE_ACCESS_HYPERCALL_MSRS BIT(5)
#define HV_PRIVILEGE_ACCESS_VP_INDEX BIT(6)
#define HV_PRIVILEGE_ACCESS_REFERENCE_TSC BIT(9)
#define HV_PRIVILEGE_ACCESS_FREQUENCY_MSRS BIT(11)
#define HV_PRIVILEGE_CREATE_PARTITIONS BIT(32)
#define HV_PRIVILEGE_ACCESS_PARTITION_ID BIT(33)
#define HV_PRIVILEGE_ACCESS_MEMORY_POOL BIT(34)
#define HV_PRIVILEGE_POST_MESSAGES BIT(36)
#define HV_PRIVILEGE_SIGNAL_EVENTS BIT(37)
#define HV_PRIVILEGE_CREATE_PORT BIT(38)
#define HV_PRIVILEGE_CONNECT_PORT BIT(39)

/* Features of no privilege: EDX of leaf 0x40000003. */
#define HV_FEATURE_FREQUENCY_MSRS 0x100u
#define HV_FEATURE_DIRECT_TIMERS 0x80000u

/* ---- Synthetic MSRs (TLFS appendix F) ---- */

#define HV_MSR_GUEST_OS_ID 0x40000000u
#define HV_MSR_HYPERCALL 0x40000001u
#define HV_MSR_VP_INDEX 0x40000002u
#define HV_MSR_VP_RUNTIME 0x40000010u
#define HV_MSR_TIME_REF_COUNT 0x40000020u
#define HV_MSR_REFERENCE_TSC 0x40000021u
#define HV_MSR_TSC_FREQUENCY 0x40000022u
#define HV_MSR_APIC_FREQUENCY 0x40000023u
#define HV_MSR_EOI 0x40000070u
#define HV_MSR_ICR 0x40000071u
#define HV_MSR_TPR 0x40000072u
#define HV_MSR_VP_ASSIST_PAGE 0x40000073u
#define HV_MSR_SCONTROL 0x40000080u
#define HV_MSR_SVERSION 0x40000081u
#define HV_MSR_SIEFP 0x40000082u
#define HV_MSR_SIMP 0x40000083u
#define HV_MSR_EOM 0x40000084u
#define HV_MSR_SINT0 0x40000090u
#define HV_MSR_STIMER0_CONFIG 0x400000b0u
#define HV_MSR_STIMER0_COUNT 0x400000b1u
#define HV_STIMERS 4u /* two MSRs each */

#define HV_MSR_PAGE_ENABLE BIT(0) /* HYPERCALL, SIEFP, SIMP, SCONTROL */
#define HV_HYPERCALL_LOCKED BIT(1)
#define HV_MSR_PAGE_RSVD 0xffcull       /* bits 11:2 of HYPERCALL */
#define HV_MSR_PLAIN_PAGE_RSVD 0xffeull /* bits 11:1 of the others */
#define HV_SINT_COUNT 16
#define HV_SINT_VECTOR 0xffull
#define HV_SINT_MASKED BIT(16)
#define HV_SINT_AUTO_EOI BIT(17)
#define HV_SINT_POLLING BIT(18)
#define HV_SINT_RESET HV_SINT_MASKED

/* STIMERn_CONFIG (TLFS 12.3). */
#define HV_STIMER_ENABLE BIT(0)
#define HV_STIMER_PERIODIC BIT(1)
#define HV_STIMER_LAZY BIT(2)
#define HV_STIMER_AUTO_ENABLE BIT(3)
#define HV_STIMER_VECTOR_SHIFT 4 /* 8 bits, in direct mode */
#define HV_STIMER_DIRECT BIT(12)
#define HV_STIMER_SINT_SHIFT 16 /* 4 bits */
#define HV_STIMER_ALLOWED 0xf1fffull

/* The page of HV_MSR_REFERENCE_TSC: time = (tsc * scale >> 64) + offset. */
struct hv_reference_tsc_page {
	u32 sequence; /*  0 0: not valid, ask the MSR */
	u32 rsvd;     /*  4 */
	u64 scale;    /*  8 */
	u64 offset;   /* 16 */
};

/* ---- Partitions ---- */

struct hv_input_create_partition {
	u64 flags;                 /*  0 must be 0 */
	u32 proximity_id;          /*  8 */
	u32 proximity_flags;       /* 12 must be 0: there is one domain */
	u32 compatibility_version; /* 16 ignored */
	u32 padding;               /* 20 */
	u64 disabled_features[2];  /* 24 must be 0 */
	u64 disabled_xsave;        /* 40 must be 0 */
	u64 isolation;             /* 48 must be 0 */
};
_Static_assert(sizeof(struct hv_input_create_partition) == 56,
               "TLFS long form");

struct hv_output_create_partition {
	u64 partition_id;
};

/* Initialize, Finalize, Delete take just the id. */
struct hv_input_partition {
	u64 partition_id;
};

enum hv_partition_property {
	HV_PROPERTY_PRIVILEGE_FLAGS = 0x00010000,
	HV_PROPERTY_REFERENCE_TIME = 0x00030005,
	HV_PROPERTY_PROCESSOR_VENDOR = 0x00060000,
	HV_PROPERTY_PROCESSOR_FEATURES = 0x00060001,
	HV_PROPERTY_XSAVE_FEATURES = 0x00060002,
	HV_PROPERTY_CLFLUSH_SIZE = 0x00060003,
	/* Ours (D18): 1 = saved streams carry the GPA map and page contents. */
	HV_PROPERTY_STASIS_SAVE_MEMORY = 0x00f00000,
};

struct hv_input_get_partition_property {
	u64 partition_id; /*  0 */
	u32 property;     /*  8 */
	u32 padding;      /* 12 */
};
struct hv_output_get_partition_property {
	u64 value;
};
struct hv_input_set_partition_property {
	u64 partition_id; /*  0 */
	u32 property;     /*  8 */
	u32 padding;      /* 12 */
	u64 value;        /* 16 */
};
_Static_assert(sizeof(struct hv_input_set_partition_property) == 24, "TLFS");

struct hv_output_get_partition_id {
	u64 partition_id;
};

struct hv_input_get_next_child {
	u64 parent_id;   /* 0 */
	u64 previous_id; /* 8 0: the first child */
};
struct hv_output_get_next_child {
	u64 partition_id; /* 0: no more */
};

/* ---- Memory pools ---- */

struct hv_input_deposit_memory {
	u64 partition_id; /* then a list of GPNs (u64), one a rep */
};
struct hv_input_withdraw_memory {
	u64 partition_id; /* 0 */
	u64 proximity;    /* 8; output: a list of GPNs, one a rep */
};
struct hv_input_get_memory_balance {
	u64 partition_id; /* 0 */
	u64 proximity;    /* 8 */
};
struct hv_output_get_memory_balance {
	u64 pages_available; /* 0 */
	u64 pages_in_use;    /* 8 */
};

/* ---- GPA space ---- */

#define HV_MAP_GPA_READABLE 0x1u
#define HV_MAP_GPA_WRITABLE 0x2u
#define HV_MAP_GPA_EXECUTABLE 0x4u      /* TLFS 2.0 */
#define HV_MAP_GPA_USER_EXECUTABLE 0x8u /* newer: 0xc is executable */
#define HV_MAP_GPA_NO_ACCESS 0x10000u

struct hv_input_map_gpa_pages {
	u64 partition_id;    /*  0 */
	u64 target_gpa_base; /*  8 GPN */
	u32 map_flags;       /* 16 */
	u32 padding;         /* 20; then a list of source GPNs (u64) */
};
_Static_assert(sizeof(struct hv_input_map_gpa_pages) == 24, "TLFS");

struct hv_input_unmap_gpa_pages {
	u64 partition_id;    /*  0 */
	u64 target_gpa_base; /*  8 GPN */
	u32 unmap_flags;     /* 16 must be 0 */
	u32 padding;         /* 20; rep without list */
};
_Static_assert(sizeof(struct hv_input_unmap_gpa_pages) == 24, "TLFS");

enum hv_access_gpa_result {
	HV_ACCESS_GPA_SUCCESS = 0,
	HV_ACCESS_GPA_UNMAPPED = 1,
	HV_ACCESS_GPA_READ_INTERCEPT = 2,
	HV_ACCESS_GPA_WRITE_INTERCEPT = 3,
	HV_ACCESS_GPA_ILLEGAL_OVERLAY = 4,
};

struct hv_input_read_gpa {
	u64 partition_id; /*  0 */
	u32 vp_index;     /*  8 */
	u32 byte_count;   /* 12 1 to 16, within a page */
	u64 gpa;          /* 16 */
	u64 control;      /* 24 */
};
struct hv_output_read_gpa {
	u32 result;  /* 0 enum hv_access_gpa_result */
	u32 rsvd;    /* 4 */
	u8 data[16]; /* 8 */
};
struct hv_input_write_gpa {
	u64 partition_id; /*  0 */
	u32 vp_index;     /*  8 */
	u32 byte_count;   /* 12 */
	u64 gpa;          /* 16 */
	u64 control;      /* 24 */
	u8 data[16];      /* 32 */
};
struct hv_output_write_gpa {
	u32 result; /* 0 */
	u32 rsvd;   /* 4 */
};
_Static_assert(sizeof(struct hv_output_read_gpa) == 24, "TLFS");
_Static_assert(sizeof(struct hv_input_write_gpa) == 48, "TLFS");

/* ---- Interrupts from the parent ---- */

enum hv_interrupt_type {
	HV_INTERRUPT_FIXED = 0,
	HV_INTERRUPT_LOWEST_PRIORITY = 1,
	HV_INTERRUPT_NMI = 4,
	HV_INTERRUPT_INIT = 5,
	HV_INTERRUPT_SIPI = 6,
	HV_INTERRUPT_EXTINT = 7,
};
#define HV_INTERRUPT_LEVEL 1u /* in control_flags */
#define HV_INTERRUPT_LOGICAL 2u

/* The same block for both codes; 2.0 has nothing behind the vector. */
struct hv_input_assert_virtual_interrupt {
	u64 partition_id;  /*  0 */
	u32 type;          /*  8 enum hv_interrupt_type */
	u32 control_flags; /* 12 HV_INTERRUPT_LEVEL, _LOGICAL */
	u64 destination;   /* 16 APIC id, or logical */
	u32 vector;        /* 24 */
	u8 target_vtl;     /* 28 must be 0 */
	u8 rsvd_z[3];      /* 29 */
};
_Static_assert(sizeof(struct hv_input_assert_virtual_interrupt) == 32, "TLFS");

/* ---- Intercepts ---- */

enum hv_intercept_type {
	HV_INTERCEPT_TYPE_IO_PORT = 0,
	HV_INTERCEPT_TYPE_MSR = 1,
	HV_INTERCEPT_TYPE_CPUID = 2,
	HV_INTERCEPT_TYPE_EXCEPTION = 3,
};
#define HV_INTERCEPT_ACCESS_NONE 0u
#define HV_INTERCEPT_ACCESS_READ 1u
#define HV_INTERCEPT_ACCESS_WRITE 2u
#define HV_INTERCEPT_ACCESS_EXECUTE 4u

struct hv_input_install_intercept {
	u64 partition_id; /*  0 */
	u32 access_mask;  /*  8 */
	u32 type;         /* 12 */
	u64 parameter;    /* 16 port, leaf or vector */
};
_Static_assert(sizeof(struct hv_input_install_intercept) == 24, "TLFS");

/* ---- Virtual processors ---- */

struct hv_input_create_vp {
	u64 partition_id; /*  0 */
	u32 vp_index;     /*  8 */
	u8 rsvd[3];       /* 12 */
	u8 subnode_type;  /* 15 must be 0 */
	u64 subnode_id;   /* 16 ignored while subnode_type is 0 */
	u64 proximity;    /* 24 must be 0 */
	u64 flags;        /* 32 must be 0 */
};
_Static_assert(sizeof(struct hv_input_create_vp) == 40, "TLFS long form");

struct hv_input_delete_vp {
	u64 partition_id; /*  0 */
	u32 vp_index;     /*  8 */
	u32 padding;      /* 12 */
};

struct hv_input_vp_registers {
	u64 partition_id; /*  0 */
	u32 vp_index;     /*  8 */
	u8 target_vtl;    /* 12 must be 0 */
	u8 rsvd_z[3];     /* 13; then names (get: u32) or associations (set) */
};
_Static_assert(sizeof(struct hv_input_vp_registers) == 16, "TLFS");

union hv_register_value {
	u64 reg64;
	u64 reg128[2];
	struct {
		u64 base;       /*  0 */
		u32 limit;      /*  8 */
		u16 selector;   /* 12 */
		u16 attributes; /* 14 as a VMX access-rights word, 15:0 */
	} segment;
	struct {
		u16 pad[3]; /* 0 */
		u16 limit;  /* 6 */
		u64 base;   /* 8 */
	} table;
};
_Static_assert(sizeof(union hv_register_value) == 16, "TLFS");

struct hv_register_assoc {
	u32 name;                      /*  0 */
	u32 rsvd_z[3];                 /*  4 */
	union hv_register_value value; /* 16 */
};
_Static_assert(sizeof(struct hv_register_assoc) == 32, "TLFS");

enum hv_register_name {
	HV_REGISTER_EXPLICIT_SUSPEND = 0x00000000,
	HV_REGISTER_INTERCEPT_SUSPEND = 0x00000001,
	HV_REGISTER_INTERNAL_ACTIVITY_STATE = 0x00000004,
	HV_REGISTER_PENDING_INTERRUPTION = 0x00010002,
	HV_REGISTER_INTERRUPT_STATE = 0x00010003,
	HV_REGISTER_RAX = 0x00020000,
	HV_REGISTER_RCX = 0x00020001,
	HV_REGISTER_RDX = 0x00020002,
	HV_REGISTER_RBX = 0x00020003,
	HV_REGISTER_RSP = 0x00020004,
	HV_REGISTER_RBP = 0x00020005,
	HV_REGISTER_RSI = 0x00020006,
	HV_REGISTER_RDI = 0x00020007,
	HV_REGISTER_R8 = 0x00020008, /* R8 to R15 are 0x20008 to 0x2000f */
	HV_REGISTER_R15 = 0x0002000f,
	HV_REGISTER_RIP = 0x00020010,
	HV_REGISTER_RFLAGS = 0x00020011,
	HV_REGISTER_XMM0 = 0x00030000,    /* to XMM15 at 0x3000f */
	HV_REGISTER_FP_MMX0 = 0x00030010, /* to 0x30017 */
	HV_REGISTER_FP_CONTROL_STATUS = 0x00030018,
	HV_REGISTER_XMM_CONTROL_STATUS = 0x00030019,
	HV_REGISTER_CR0 = 0x00040000,
	HV_REGISTER_CR2 = 0x00040001,
	HV_REGISTER_CR3 = 0x00040002,
	HV_REGISTER_CR4 = 0x00040003,
	HV_REGISTER_CR8 = 0x00040004,
	HV_REGISTER_XFEM = 0x00040005,
	HV_REGISTER_DR0 = 0x00050000,
	HV_REGISTER_DR1 = 0x00050001,
	HV_REGISTER_DR2 = 0x00050002,
	HV_REGISTER_DR3 = 0x00050003,
	HV_REGISTER_DR6 = 0x00050004,
	HV_REGISTER_DR7 = 0x00050005,
	HV_REGISTER_ES = 0x00060000,
	HV_REGISTER_CS = 0x00060001,
	HV_REGISTER_SS = 0x00060002,
	HV_REGISTER_DS = 0x00060003,
	HV_REGISTER_FS = 0x00060004,
	HV_REGISTER_GS = 0x00060005,
	HV_REGISTER_LDTR = 0x00060006,
	HV_REGISTER_TR = 0x00060007,
	HV_REGISTER_IDTR = 0x00070000,
	HV_REGISTER_GDTR = 0x00070001,
	HV_REGISTER_TSC = 0x00080000,
	HV_REGISTER_EFER = 0x00080001,
	HV_REGISTER_KERNEL_GS_BASE = 0x00080002,
	HV_REGISTER_APIC_BASE = 0x00080003,
	HV_REGISTER_PAT = 0x00080004,
	HV_REGISTER_SYSENTER_CS = 0x00080005,
	HV_REGISTER_SYSENTER_RIP = 0x00080006,
	HV_REGISTER_SYSENTER_RSP = 0x00080007,
	HV_REGISTER_STAR = 0x00080008,
	HV_REGISTER_LSTAR = 0x00080009,
	HV_REGISTER_CSTAR = 0x0008000a,
	HV_REGISTER_SFMASK = 0x0008000b,
	HV_REGISTER_INITIAL_APIC_ID = 0x0008000c,
	HV_REGISTER_MTRR_CAP = 0x0008000d,
	HV_REGISTER_MTRR_DEF_TYPE = 0x0008000e,
	HV_REGISTER_MTRR_PHYS_BASE0 = 0x00080010,
	HV_REGISTER_MTRR_PHYS_MASK0 = 0x00080040,
	HV_REGISTER_MTRR_FIX64K_00000 = 0x00080070, /* to 0x8007a */
	HV_REGISTER_TSC_AUX = 0x0008007b,
	HV_REGISTER_DEBUG_CTL = 0x0008007d,
	HV_REGISTER_TSC_DEADLINE = 0x00080095,
	/* Local APIC: 0x84800 + number of the x2APIC register. */
	HV_REGISTER_APIC_FIRST = 0x00084800,
	HV_REGISTER_APIC_LAST = 0x000848ff,
	HV_REGISTER_VP_RUNTIME = 0x00090000,
	HV_REGISTER_HYPERCALL = 0x00090001,
	HV_REGISTER_GUEST_OS_ID = 0x00090002,
	HV_REGISTER_VP_INDEX = 0x00090003,
	HV_REGISTER_TIME_REF_COUNT = 0x00090004,
	HV_REGISTER_EOI = 0x00090010,
	HV_REGISTER_ICR = 0x00090011,
	HV_REGISTER_TPR = 0x00090012,
	HV_REGISTER_VP_ASSIST_PAGE = 0x00090013,
	HV_REGISTER_REFERENCE_TSC = 0x00090017,
	HV_REGISTER_SINT0 = 0x000a0000, /* to 0xa000f */
	HV_REGISTER_SCONTROL = 0x000a0010,
	HV_REGISTER_SVERSION = 0x000a0011,
	HV_REGISTER_SIEFP = 0x000a0012,
	HV_REGISTER_SIMP = 0x000a0013,
	HV_REGISTER_EOM = 0x000a0014,
	HV_REGISTER_STIMER0_CONFIG = 0x000b0000, /* config, count, to 0xb0007 */
	HV_REGISTER_YMM0_LOW = 0x000c0000,       /* to 0xc000f */
	HV_REGISTER_YMM0_HIGH = 0x000c0010,      /* to 0xc001f */
};

#define HV_SUSPENDED BIT(0) /* Explicit- and InterceptSuspend */
#define HV_TLB_FLUSH_INHIBIT BIT(1)

/* InternalActivityState: bits as newer headers have them. */
#define HV_ACTIVITY_STARTUP_SUSPEND BIT(0)
#define HV_ACTIVITY_HALT_SUSPEND BIT(1)
#define HV_ACTIVITY_IDLE_SUSPEND BIT(2)

/* PendingInterruption (TLFS 7.9.2). */
#define HV_PENDING_INTERRUPTION BIT(0)
#define HV_PENDING_TYPE_SHIFT 1
#define HV_PENDING_DELIVER_ERROR_CODE BIT(4)
#define HV_PENDING_LENGTH_SHIFT 5
#define HV_PENDING_VECTOR_SHIFT 16
#define HV_PENDING_ERROR_SHIFT 32
enum hv_pending_type {
	HV_PENDING_TYPE_INTERRUPT = 0,
	HV_PENDING_TYPE_NMI = 2,
	HV_PENDING_TYPE_EXCEPTION = 3,
	HV_PENDING_TYPE_SOFTWARE_INTERRUPT = 4,
	HV_PENDING_TYPE_PRIVILEGED_SOFTWARE_EXCEPTION = 5,
	HV_PENDING_TYPE_SOFTWARE_EXCEPTION = 6,
};
#define HV_INTERRUPT_STATE_SHADOW BIT(0)
#define HV_INTERRUPT_STATE_NMI_MASKED BIT(1)

/* ---- Save and restore (TLFS 2.0a chapter 17) ---- */

#define HV_SAVE_RESTORE_STATE_START 0x1u
#define HV_SAVE_RESTORE_STATE_SUMMARY 0x2u
#define HV_SAVE_DATA_MAX 4080u

enum hv_save_restore_result {
	HV_STATE_COMPLETE = 0,
	HV_STATE_INCOMPLETE = 1,
	HV_STATE_RESTORABLE = 2,
	HV_STATE_CORRUPT_DATA = 3,
	HV_STATE_UNSUPPORTED_VERSION = 4,
	HV_STATE_PROCESSOR_FEATURE_MISMATCH = 5,
	HV_STATE_HARDWARE_FEATURE_MISMATCH = 6,
	HV_STATE_PROCESSOR_COUNT_MISMATCH = 7,
	HV_STATE_PROCESSOR_FLAGS_MISMATCH = 8,
	HV_STATE_PROCESSOR_INDEX_MISMATCH = 9,
	HV_STATE_PROCESSOR_INSUFFICIENT_MEMORY = 10,
	HV_STATE_INCOMPATIBLE_PROCESSOR = 11,
	/* 12 to 51 name one feature each: docs/hypercalls.md */
	HV_STATE_PROCESSOR_FEATURE_FIRST = 12,
	HV_STATE_CLFLUSH_SIZE_MISMATCH = 28,
	HV_STATE_XSAVE_MISMATCH = 29,
	HV_STATE_XSAVEOPT_MISMATCH = 30,
	HV_STATE_XSAVE_LEGACY_SSE_MISMATCH = 31,
	HV_STATE_XSAVE_AVX_MISMATCH = 32,
	HV_STATE_XSAVE_UNKNOWN_FEATURE_MISMATCH = 33,
	HV_STATE_XSAVE_AREA_MISMATCH = 34,
	HV_STATE_RESULT_LAST = 51,
};

struct hv_input_save_partition_state {
	u64 partition_id; /*  0 0 with SUMMARY: the system alone */
	u32 flags;        /*  8 HV_SAVE_RESTORE_STATE_* */
	u32 padding;      /* 12 */
};
_Static_assert(sizeof(struct hv_input_save_partition_state) == 16,
               "TLFS 17.3.1");

/*
 * The count comes first (D1): the TLFS text prints the state first, the headers
 * that clients were compiled with have it second.
 */
struct hv_output_save_partition_state {
	u32 save_data_count;            /* 0 valid bytes in save_data */
	u32 save_state;                 /* 4 enum hv_save_restore_result */
	u8 save_data[HV_SAVE_DATA_MAX]; /* 8 */
};
_Static_assert(sizeof(struct hv_output_save_partition_state) == 4088, "D11");
_Static_assert(offsetof(struct hv_output_save_partition_state, save_data) == 8,
               "D1");

struct hv_input_restore_partition_state {
	u64 partition_id;       /*  0 */
	u32 flags;              /*  8 */
	u32 restore_data_count; /* 12 valid bytes in restore_data, at most 4080 */
	u8 restore_data[HV_SAVE_DATA_MAX]; /* 16 */
};
_Static_assert(sizeof(struct hv_input_restore_partition_state) == 4096,
               "TLFS 17.3.2");

struct hv_output_restore_partition_state {
	u32 restore_state;         /* 0 enum hv_save_restore_result */
	u32 restore_data_consumed; /* 4 */
};
_Static_assert(sizeof(struct hv_output_restore_partition_state) == 8,
               "TLFS 17.3.2");

/* ---- Our own call: read the hypervisor's log ---- */

/*
 * HVCALL_STASIS_READ_LOG (CreatePartitions): copies log bytes from a position
 * on. Positions count all bytes ever logged; older ones fall out of the ring.
 */
struct hv_input_read_log {
	u64 position;
};
struct hv_output_read_log {
	u64 position; /*  0 of data[0]: the one asked for, or the oldest kept */
	u32 count;    /*  8 valid bytes; 0: at the end */
	u32 rsvd;     /* 12 */
	u8 data[4064]; /* 16 */
};
_Static_assert(sizeof(struct hv_output_read_log) == 4080, "one page");

#endif
