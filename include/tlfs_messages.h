/*
 * Messages of the hypervisor to a parent (TLFS 11.8, 16): a part of tlfs.h.
 */
#ifndef STASIS_TLFS_MESSAGES_H
#define STASIS_TLFS_MESSAGES_H

#include "types.h"

enum hv_message_type {
	HV_MESSAGE_NONE = 0x00000000,
	HV_MESSAGE_UNMAPPED_GPA = 0x80000000,
	HV_MESSAGE_GPA_INTERCEPT = 0x80000001,
	HV_MESSAGE_TIMER_EXPIRED = 0x80000010,
	HV_MESSAGE_INVALID_VP_REGISTER_VALUE = 0x80000020,
	HV_MESSAGE_UNRECOVERABLE_EXCEPTION = 0x80000021,
	HV_MESSAGE_UNSUPPORTED_FEATURE = 0x80000022,
	HV_MESSAGE_IO_PORT_INTERCEPT = 0x80010000,
	HV_MESSAGE_MSR_INTERCEPT = 0x80010001,
	HV_MESSAGE_CPUID_INTERCEPT = 0x80010002,
	HV_MESSAGE_EXCEPTION_INTERCEPT = 0x80010003,
};

#define HV_MESSAGE_SIZE 256
#define HV_MESSAGE_PAYLOAD 240
#define HV_MESSAGE_FLAG_PENDING 0x01u

struct hv_message {
	u32 type;                            /*  0 0: the slot is free */
	u8 payload_size;                     /*  4 */
	u8 flags;                            /*  5 */
	u16 rsvd;                            /*  6 */
	u64 sender;                          /*  8 the child's partition id */
	u64 payload[HV_MESSAGE_PAYLOAD / 8]; /* 16 */
};
_Static_assert(sizeof(struct hv_message) == HV_MESSAGE_SIZE, "TLFS 11.8");

struct hv_timer_message {
	u32 timer;           /*  0 */
	u32 rsvd;            /*  4 */
	u64 expiration_time; /*  8 reference time at which it was due ... */
	u64 delivery_time;   /* 16 ... and when the message was written */
};
_Static_assert(sizeof(struct hv_timer_message) == 24, "TLFS 12.3");

struct hv_segment {
	u64 base;       /*  0 */
	u32 limit;      /*  8 */
	u16 selector;   /* 12 */
	u16 attributes; /* 14 */
};

#define HV_INTERCEPT_READ 0
#define HV_INTERCEPT_WRITE 1
#define HV_INTERCEPT_EXECUTE 2

/* execution_state: 1:0 CPL, then */
#define HV_EXECUTION_CR0_PE BIT(2)
#define HV_EXECUTION_CR0_AM BIT(3)
#define HV_EXECUTION_EFER_LMA BIT(4)
#define HV_EXECUTION_DEBUG_ACTIVE BIT(5)
#define HV_EXECUTION_INTERRUPTION_PENDING BIT(6)
#define HV_EXECUTION_INTERRUPT_SHADOW BIT(12)

struct hv_intercept_header {
	u32 vp_index;          /*  0 */
	u8 instruction_length; /*  4 3:0 length (0: not known), 7:4 CR8 */
	u8 access_type;        /*  5 */
	u16 execution_state;   /*  6 */
	struct hv_segment cs;  /*  8 */
	u64 rip;               /* 24 of the intercepted instruction */
	u64 rflags;            /* 32 */
};
_Static_assert(sizeof(struct hv_intercept_header) == 40, "TLFS 16");

struct hv_memory_intercept {
	struct hv_intercept_header header;
	u32 cache_type;            /* 40 */
	u8 instruction_byte_count; /* 44 */
	u8 access_info;            /* 45 bit 0: gva is valid */
	u16 rsvd;                  /* 46 */
	u64 gva;                   /* 48 */
	u64 gpa;                   /* 56 */
	u8 instruction_bytes[16];  /* 64 */
};
_Static_assert(sizeof(struct hv_memory_intercept) == 80, "TLFS 16");
#define HV_MEMORY_ACCESS_GVA_VALID 0x01u

struct hv_io_port_intercept {
	struct hv_intercept_header header;
	u16 port;                  /* 40 */
	u8 access_info;            /* 42 2:0 size, then the bits below */
	u8 instruction_byte_count; /* 43 */
	u32 rsvd;                  /* 44 */
	u64 rax;                   /* 48 */
	u8 instruction_bytes[16];  /* 56 */
	struct hv_segment ds;      /* 72 this and on: string instructions */
	struct hv_segment es;      /* 88 */
	u64 rcx;                   /* 104 */
	u64 rsi;                   /* 112 */
	u64 rdi;                   /* 120 */
};
_Static_assert(sizeof(struct hv_io_port_intercept) == 128, "TLFS 16");
#define HV_IO_ACCESS_STRING 0x08u
#define HV_IO_ACCESS_REP 0x10u

struct hv_msr_intercept {
	struct hv_intercept_header header;
	u32 msr;  /* 40 */
	u32 rsvd; /* 44 */
	u64 rdx;  /* 48 */
	u64 rax;  /* 56 */
};
_Static_assert(sizeof(struct hv_msr_intercept) == 64, "TLFS 16");

struct hv_cpuid_intercept {
	struct hv_intercept_header header;
	u64 rax;         /* 40 */
	u64 rcx;         /* 48 */
	u64 rdx;         /* 56 */
	u64 rbx;         /* 64 */
	u64 default_rax; /* 72 what the hypervisor would have answered */
	u64 default_rcx; /* 80 */
	u64 default_rdx; /* 88 */
	u64 default_rbx; /* 96 */
};
_Static_assert(sizeof(struct hv_cpuid_intercept) == 104, "TLFS 16");

struct hv_exception_intercept {
	struct hv_intercept_header header;
	u16 vector;                /* 40 */
	u8 exception_info;         /* 42 bit 0: error_code is valid */
	u8 instruction_byte_count; /* 43 */
	u32 error_code;            /* 44 */
	u64 parameter;             /* 48 the address, for a page fault */
	u64 rsvd;                  /* 56 */
	u8 instruction_bytes[16];  /* 64 */
	struct hv_segment ds;      /* 80 */
	struct hv_segment ss;      /* 96 */
	u64 gpr[16]; /* 112 RAX RCX RDX RBX RSP RBP RSI RDI R8.. */
};
_Static_assert(sizeof(struct hv_exception_intercept) == 240, "TLFS 16");
#define HV_EXCEPTION_ERROR_CODE_VALID 0x01u

struct hv_invalid_vp_register {
	u32 vp_index; /* 0 */
	u32 rsvd;     /* 4 */
};

enum hv_unsupported_feature {
	HV_UNSUPPORTED_INTERCEPT = 1,
	HV_UNSUPPORTED_TASK_SWITCH = 2,
};
struct hv_unsupported_feature_message {
	u32 vp_index;  /* 0 */
	u32 feature;   /* 4 enum hv_unsupported_feature */
	u64 parameter; /* 8 */
};

#endif
