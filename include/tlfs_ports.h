/*
 * Ports and connections, by which partitions send one another messages and
 * events (TLFS 11): a part of tlfs.h.
 */
#ifndef STASIS_TLFS_PORTS_H
#define STASIS_TLFS_PORTS_H

#include "types.h"

#define HV_PORT_ID_MAX 0xffffffu /* of ports and connections */

enum hv_port_type {
	HV_PORT_MESSAGE = 1,
	HV_PORT_EVENT = 2,
};

struct hv_port_info {
	u32 type;        /*  0 enum hv_port_type */
	u32 padding;     /*  4 */
	u32 target_sint; /*  8 1 to 15 */
	u32 target_vp;   /* 12 index, or HV_VP_INDEX_ANY */
	u16 base_flag;   /* 16 of an event port, else 0 */
	u16 flag_count;  /* 18 */
	u32 rsvd_z;      /* 20 */
};
_Static_assert(sizeof(struct hv_port_info) == 24, "TLFS 11.10");

#define HV_EVENT_FLAGS 2048u /* of one SINT */

struct hv_connection_info {
	u32 type;    /* 0 as the port's */
	u32 padding; /* 4 */
	u64 rsvd_z;  /* 8 */
};

struct hv_input_create_port {
	u64 port_partition;       /*  0 */
	u32 port_id;              /*  8 */
	u32 padding;              /* 12 */
	u64 connection_partition; /* 16 who may connect */
	struct hv_port_info info; /* 24 */
	u64 proximity;            /* 48 must be 0 */
};
_Static_assert(sizeof(struct hv_input_create_port) == 56, "TLFS 11.11");

struct hv_input_delete_port {
	u64 port_partition; /* 0 */
	u32 port_id;        /* 8 */
	u32 padding;        /* 12 */
};

struct hv_input_connect_port {
	u64 connection_partition;       /*  0 */
	u32 connection_id;              /*  8 */
	u32 padding0;                   /* 12 */
	u64 port_partition;             /* 16 */
	u32 port_id;                    /* 24 */
	u32 padding1;                   /* 28 */
	struct hv_connection_info info; /* 32 */
	u64 proximity;                  /* 48 must be 0 */
};
_Static_assert(sizeof(struct hv_input_connect_port) == 56, "TLFS 11.11");

struct hv_input_disconnect_port {
	u64 connection_partition; /* 0 */
	u32 connection_id;        /* 8 */
	u32 padding;              /* 12 */
};

struct hv_input_post_message {
	u32 connection_id; /*  0 */
	u32 padding;       /*  4 */
	u32 type;          /*  8 bit 31 clear, not 0 */
	u32 payload_size;  /* 12 at most 240 */
	u64 payload[30];   /* 16 */
};
_Static_assert(sizeof(struct hv_input_post_message) == 256, "TLFS 11.11");

struct hv_input_signal_event {
	u32 connection_id; /* 0 */
	u16 flag;          /* 4 */
	u16 padding;       /* 6 */
};
_Static_assert(sizeof(struct hv_input_signal_event) == 8, "TLFS 11.11");

#endif
