/*
 * Where code at random goes, and the pieces that all of it is made of.
 */
#ifndef GUEST_WILDPUT_H
#define GUEST_WILDPUT_H

#include "include/types.h"

/* General registers by number. */
#define RCX 1
#define RDX 2
#define RSP 4
#define RSI 6
#define RDI 7

extern struct wildput_out {
	u8 *begin, *at, *end;
	u32 address; /* at which the child sees `begin` */
	u32 bits;    /* 16, 32 or 64 */
} wildput_out;

/* The lowest bytes of this value, as far as there is room. */
void wildput(u64 value, u32 bytes);

/* A general register gets 32 bits, in each mode. */
void wildput_load(u32 reg, u32 value);

/* 32 bits of any kind. */
u32 wildput_word(void);

#endif
