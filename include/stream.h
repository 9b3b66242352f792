/*
 * Bytes of a saved partition: chunk ids, headers, payloads.
 *
 * A stream is a row of chunks, each a 16-byte header and a payload whose length
 * is a multiple of 16, with nothing between them. Framing and the chunks of the
 * id ranges 0, 2, 3 and F have the layout that Microsoft's hypervisor gives
 * them, as openvmm documents it; ids of the range 7 are ours. docs/stream.md
 * is the specification.
 */
#ifndef STASIS_STREAM_H
#define STASIS_STREAM_H

#include "tlfs.h"

#define STREAM_VERSION_MAJOR 1
#define STREAM_VERSION_MINOR 0
#define STREAM_MAGIC 0x0a1a534953415453ull /* "STASIS", then 1A 0A */
#define STREAM_TAG 0x50546475u             /* the public tag of a PROLOG */
#define STREAM_ALIGN 16
#define STREAM_PAYLOAD_MAX 4096 /* of any chunk: one page */

enum stream_id {
	STREAM_PROLOG = 0x00000000,
	STREAM_OS_ID = 0x20001000,
	STREAM_VP_INDICES = 0x30000000,
	STREAM_VP = 0x30001000,
	STREAM_VP_GP = 0x30005000,
	STREAM_VP_FP = 0x30006000,
	STREAM_VP_CONTROL = 0x30007000,
	STREAM_VP_DEBUG = 0x30008000,
	STREAM_VP_SEGMENT = 0x30009000,
	STREAM_VP_TABLE = 0x3000a000,
	STREAM_VP_XSAVE_CONTROL = 0x3000d000,
	STREAM_COMPAT = 0x70001000,
	STREAM_PARTITION = 0x70002000,
	STREAM_GPA_MAP = 0x70010000,
	STREAM_EXTENT = 0x70011000,
	STREAM_PAGE = 0x70012000,
	STREAM_FILL = 0x70013000,
	STREAM_VP_MSRS = 0x70020000,
	STREAM_VP_XSAVE = 0x70021000,
	STREAM_VP_EVENTS = 0x70022000,
	STREAM_VP_MESSAGE = 0x70023000,
	STREAM_VP_APIC = 0x70024000,
	STREAM_VP_SYNIC = 0x70025000,
	STREAM_VP_SIM = 0x70026000,
	STREAM_VP_SIEF = 0x70027000,
	STREAM_VP_QUEUE = 0x70028000,
	STREAM_EPILOG = 0xf0000000,
};

/* A chunk of an unknown id with this bit may be skipped (range 7 only). */
#define STREAM_OPTIONAL 0x08000000u

/*
 * header_crc: CRC-32C of seed, id, length and payload_crc.
 * payload_crc: CRC-32C of seed and payload.
 * seed: stream id (u64), then the chunk's number in the stream (u64, PROLOG 0).
 * The PROLOG, which brings the stream id, is seeded with stream id 0.
 * EPILOG: no payload; its payload_crc is the CRC-32C of all headers before it.
 */
struct stream_header {
	u32 id;          /*  0 enum stream_id */
	u32 length;      /*  4 of the payload, a multiple of 16 */
	u32 header_crc;  /*  8 */
	u32 payload_crc; /* 12 */
};
_Static_assert(sizeof(struct stream_header) == 16, "chunk header");

#define STREAM_PROLOG_SUMMARY 1
#define STREAM_VENDOR_INTEL 1
#define STREAM_VENDOR_AMD 2

struct stream_prolog {
	u32 tag;           /*  0 STREAM_TAG */
	u8 is_summary;     /*  4 */
	u8 rsvd0[3];       /*  5 */
	u32 vendor;        /*  8 STREAM_VENDOR_ */
	u32 rsvd1;         /* 12 */
	u64 magic;         /* 16 STREAM_MAGIC */
	u16 version_major; /* 24 another one cannot be read */
	u16 version_minor; /* 26 */
	u32 rsvd2;         /* 28 */
	u64 stream_id;     /* 32 differs between any two streams */
	u8 rsvd3[4024];    /* 40 zero */
};
_Static_assert(sizeof(struct stream_prolog) + 16 == 4080,
               "PROLOG fills a piece");

/*
 * CPUID words that a guest has seen, in the order of enum stream_feature.
 * A bit that is set here and clear on the target is a mismatch.
 */
enum stream_feature {
	STREAM_FEATURE_1_ECX = 0,
	STREAM_FEATURE_1_EDX = 1,
	STREAM_FEATURE_7_EBX = 2,
	STREAM_FEATURE_7_ECX = 3,
	STREAM_FEATURE_7_EDX = 4,
	STREAM_FEATURE_80000001_ECX = 5,
	STREAM_FEATURE_80000001_EDX = 6,
	STREAM_FEATURE_D_1_EAX = 7,
	STREAM_FEATURE_80000008_EBX = 8,
	STREAM_FEATURE_7_1_EAX = 9,
	STREAM_FEATURE_COUNT = 16, /* the rest is zero */
};

struct stream_compat {
	u32 scope;       /*   0 0: the system alone, 1: of a partition */
	u32 cpu_vendor;  /*   4 as in the PROLOG */
	u32 hv_major;    /*   8 version of the hypervisor that saved */
	u32 hv_minor;    /*  12 */
	u32 signature;   /*  16 CPUID.1:EAX, for information */
	u32 clflush;     /*  20 bytes */
	u32 phys_bits;   /*  24 guest-physical address width */
	u32 linear_bits; /*  28 */
	u32 features[STREAM_FEATURE_COUNT]; /* 32 */
	u64 xcr0;             /*  96 components a guest may enable */
	u64 xss;              /* 104 */
	u32 xsave_size;       /* 112 of the standard layout with all of xcr0 */
	u32 mxcsr_mask;       /* 116 */
	u64 tsc_hz;           /* 120 0: not known */
	u16 xsave_offset[64]; /* 128 of component i, 0 where there is none */
};
_Static_assert(sizeof(struct stream_compat) == 256, "COMPAT");

struct stream_os_id {
	u64 os_id;   /* 0 */
	u64 padding; /* 8 */
};

/* Partition-wide state besides the OS id. */
struct stream_partition {
	u64 hypercall;      /*  0 HV_MSR_HYPERCALL */
	u64 reference_time; /*  8 100-ns units */
	u64 page_count;     /* 16 pages in the GPA map; 0: no memory follows */
	u64 flags;          /* 24 STREAM_PARTITION_* */
	u64 reference_tsc;  /* 32 HV_MSR_REFERENCE_TSC */
	u32 tsc_sequence;   /* 40 last sequence that its page has shown */
	u32 rsvd;           /* 44 */
};
_Static_assert(sizeof(struct stream_partition) == 48, "PARTITION");
#define STREAM_PARTITION_MEMORY BIT(0) /* map and memory chunks follow */

struct stream_vp_indices {
	u32 bsp_index; /* 0 */
	u32 bitmap[3]; /* 4 bit i: there is a VP of index i */
};
_Static_assert(sizeof(struct stream_vp_indices) == 16, "VP_INDICES");

/*
 * GPA_MAP: extents, ascending. A writer joins those that touch and have equal
 * rights; a reader takes them either way.
 */
struct stream_extent {
	u64 gpn;    /*  0 first page */
	u32 count;  /*  8 pages, at least 1 */
	u32 rights; /* 12 HV_MAP_GPA_READABLE, _WRITABLE, _EXECUTABLE (4) */
};
_Static_assert(sizeof(struct stream_extent) == 16, "extent");
#define STREAM_EXTENTS_MAX 254 /* in one chunk, 4064 bytes */

/* EXTENT: the memory position; PAGE and FILL chunks go on from there. */
struct stream_position {
	u64 gpn;  /* 0 */
	u64 rsvd; /* 8 */
};

/* FILL: a run of pages of one repeated 8-byte word, zero above all. */
struct stream_fill {
	u64 count; /* 0 pages */
	u64 word;  /* 8 */
};

/* PAGE: 4096 bytes, the page at the memory position. */

struct stream_vp {
	u32 vp_index;   /* 0 */
	u8 padding[12]; /* 4 */
};

struct stream_vp_gp {
	u64 gpr[16]; /*   0 RAX RCX RDX RBX RSP RBP RSI RDI R8 to R15 */
	u64 rip;     /* 128 */
	u64 rflags;  /* 136 */
};
_Static_assert(sizeof(struct stream_vp_gp) == 144, "VP_GP");

struct stream_vp_fp {
	u8 xmm[16][16];            /*   0 */
	u8 fp_mmx[8][16];          /* 256 */
	u8 fp_control_status[16];  /* 384 first 16 bytes of an FXSAVE image */
	u8 xmm_control_status[16]; /* 400 the next 16 */
};
_Static_assert(sizeof(struct stream_vp_fp) == 416, "VP_FP");

struct stream_vp_control {
	u64 cr0;  /*  0 */
	u64 cr2;  /*  8 */
	u64 cr3;  /* 16 */
	u64 cr4;  /* 24 */
	u64 cr8;  /* 32 */
	u64 efer; /* 40 */
};
_Static_assert(sizeof(struct stream_vp_control) == 48, "VP_CONTROL");

struct stream_vp_debug {
	u64 dr[4]; /*  0 */
	u64 dr6;   /* 32 */
	u64 dr7;   /* 40 */
};
_Static_assert(sizeof(struct stream_vp_debug) == 48, "VP_DEBUG");

struct stream_vp_segment {
	struct hv_segment seg[8]; /*   0 ES CS SS DS FS GS LDTR TR */
	u8 cpl;                   /* 128 */
	u8 padding[15];           /* 129 */
};
_Static_assert(sizeof(struct stream_vp_segment) == 144, "VP_SEGMENT");

struct stream_table {
	u16 pad[3]; /* 0 */
	u16 limit;  /* 6 */
	u64 base;   /* 8 */
};
struct stream_vp_table {
	struct stream_table idtr; /*  0 */
	struct stream_table gdtr; /* 16 */
};
_Static_assert(sizeof(struct stream_vp_table) == 32, "VP_TABLE");

struct stream_vp_xsave_control {
	u64 xcr0;    /* 0 */
	u64 rsvd[7]; /* 8 */
};
_Static_assert(sizeof(struct stream_vp_xsave_control) == 64,
               "VP_XSAVE_CONTROL");

/* VP_MSRS: pairs, each MSR once, in ascending order of the register name. */
struct stream_msr {
	u32 name;  /* 0 enum hv_register_name */
	u32 rsvd;  /* 4 */
	u64 value; /* 8 */
};
_Static_assert(sizeof(struct stream_msr) == 16, "VP_MSRS");

/*
 * VP_XSAVE: bytes 512 and on of the standard (not compacted) XSAVE area:
 * header and extended components, to the source's xsave_size. Absent where
 * the processor has no XSAVE.
 */

struct stream_vp_events {
	u64 explicit_suspend;     /*  0 register values, see tlfs.h */
	u64 intercept_suspend;    /*  8 */
	u64 activity;             /* 16 InternalActivityState */
	u64 interrupt_state;      /* 24 */
	u64 pending_interruption; /* 32 */
	u64 pending_debug;        /* 40 pending debug exceptions, as DR6 */
	u64 has_message;          /* 48 1: VP_MESSAGE follows */
	u64 runtime;              /* 56 100-ns units that it has executed */
	u64 pdpte[4];             /* 64 of PAE paging, else 0 */
};
_Static_assert(sizeof(struct stream_vp_events) == 96, "VP_EVENTS");
/* In interrupt_state, where the TLFS knows one kind of shadow: not STI's. */
#define STREAM_SHADOW_MOV_SS BIT(2)

/* VP_MESSAGE: struct hv_message, an intercept message not yet delivered. */

/* The local APIC. ID and version follow from VP index and APIC_BASE. */
struct stream_vp_apic {
	u32 tpr;           /*   0 */
	u32 ldr;           /*   4 0 in x2APIC mode, where it is the ID's */
	u32 dfr;           /*   8 */
	u32 svr;           /*  12 */
	u32 isr[8];        /*  16 */
	u32 tmr[8];        /*  48 */
	u32 irr[8];        /*  80 */
	u32 esr;           /* 112 */
	u32 errors;        /* 116 not yet in ESR */
	u64 icr;           /* 120 high half: as ICR2 or bits 63:32 of the MSR */
	u32 lvt[6];        /* 128 timer thermal perf LINT0 LINT1 error */
	u32 initial_count; /* 152 */
	u32 divide;        /* 156 */
	u64 timer_due;     /* 160 the guest's TSC then, 0: not armed */
	u64 assist;        /* 168 HV_MSR_VP_ASSIST_PAGE */
	u32 events;        /* 176 STREAM_APIC_* */
	u32 rsvd[3];       /* 180 */
};
_Static_assert(sizeof(struct stream_vp_apic) == 192, "VP_APIC");

/* What has come and was not taken yet. */
#define STREAM_APIC_NMI 0x1u
#define STREAM_APIC_INIT 0x2u
#define STREAM_APIC_SIPI 0x4u          /* behind an INIT, if both */
#define STREAM_APIC_EXTINT 0x8u        /* asserted by the parent */
#define STREAM_APIC_EXTINT_TAKEN 0x10u /* and taken, but not cleared */
#define STREAM_APIC_SIPI_SHIFT 8       /* vector of the SIPI, 8 bits */
#define STREAM_APIC_EXTINT_SHIFT 16    /* vector of the interrupt, 8 bits */
#define STREAM_APIC_EVENTS 0x00ffff1fu

struct stream_stimer {
	u64 config;  /*  0 */
	u64 count;   /*  8 */
	u64 due;     /* 16 reference time of the next expiry, 0: not armed */
	u64 expired; /* 24 that of one that is not delivered yet, 0: none */
};

/* The SynIC and the synthetic timers. */
struct stream_vp_synic {
	u64 scontrol;                  /*   0 */
	u64 siefp;                     /*   8 */
	u64 simp;                      /*  16 */
	u64 sint[16];                  /*  24 */
	struct stream_stimer timer[4]; /* 152 */
	u32 flags;                     /* 280 STREAM_SYNIC_* */
	u32 queued;                    /* 284 messages in VP_QUEUE */
};
_Static_assert(sizeof(struct stream_vp_synic) == 288, "VP_SYNIC");
#define STREAM_SYNIC_SIM 0x1u  /* VP_SIM follows; else the page is zero */
#define STREAM_SYNIC_SIEF 0x2u /* VP_SIEF follows, likewise */

/* VP_SIM, VP_SIEF: 4096 bytes, the page that the MSR shows. */

/*
 * VP_QUEUE: struct hv_message each, oldest first, that came by ports and wait
 * for their slots; rsvd is the SINT.
 */

#endif
