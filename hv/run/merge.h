/*
 * What becomes of an exception that comes up while another event is being
 * delivered (SDM 6.15).
 */
#ifndef HV_MERGE_H
#define HV_MERGE_H

#include "include/tlfs.h"

enum merge {
	MERGE_SERIAL,       /* it is delivered; the event before it is lost */
	MERGE_DOUBLE_FAULT, /* #DF takes the place of both */
	MERGE_SHUTDOWN,     /* nothing can be delivered any more */
};

/* The first event by its type and vector, the exception by its vector. */
enum merge merge_events(enum hv_pending_type type, u8 first, u8 second);

/* EXT of the exception's error code: the first event is none of the program's. */
u32 merge_error(enum hv_pending_type type);

#endif
