/*
 * Bytes of a saved file that has more in it than a stream: what the parent's devices
 * of the child were like, in front of the stream. docs/stream.md has it in words.
 *
 * A header, then parts, each a header and a payload with zeros up to the next
 * multiple of 8; then the stream, up to the end of the file, which has checks and an
 * end of its own. A file that does not begin with the magic is a stream alone.
 */
#ifndef STASIS_CONTAINER_H
#define STASIS_CONTAINER_H

#include "include/types.h"

#define CONTAINER_MAGIC 0x0a1a584f42534153ull /* "SASBOX", then 1A 0A */
#define CONTAINER_VERSION 1                   /* another one cannot be read */
#define CONTAINER_ALIGN 8
#define CONTAINER_PARTS_MAX 64
#define CONTAINER_HEAD_MAX 65536 /* bytes in front of the stream */

struct container_header {
	u64 magic;      /*  0 CONTAINER_MAGIC */
	u32 version;    /*  8 CONTAINER_VERSION */
	u32 part_count; /* 12 at most CONTAINER_PARTS_MAX */
	u32 head_size;  /* 16 where the stream begins; a multiple of 8 */
	u32 rsvd_z[2];  /* 20 */
	u32 crc;        /* 28 CRC-32C of the 28 bytes before */
};
_Static_assert(sizeof(struct container_header) == 32, "docs/stream.md");

/* No two parts of a file have the same kind. */
struct container_part {
	u32 kind;        /*  0 of a device; 0 is none */
	u32 length;      /*  4 of the payload, without the zeros behind it */
	u32 payload_crc; /*  8 CRC-32C of the payload */
	u32 header_crc;  /* 12 CRC-32C of the 12 bytes before */
};
_Static_assert(sizeof(struct container_part) == 16, "docs/stream.md");

#endif
