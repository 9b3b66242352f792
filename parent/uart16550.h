/*
 * A serial port: National's PC16550D, on a PC (its interrupt goes through OUT2), with a
 * terminal at the other end. Offsets are those of the eight ports (include/pc_ports.h).
 *
 * Its line takes no time: what is sent is gone at once, what has come waits in the FIFO.
 */
#ifndef STASIS_PARENT_UART16550_H
#define STASIS_PARENT_UART16550_H

#include "include/types.h"

#define UART16550_PORTS 8u
#define UART16550_FIFO 16u

/* What it remembers, and the bytes of it in a file. All 0: as after its reset. */
struct uart16550 {
	u8 enable;       /*  0 IER */
	u8 line;         /*  1 LCR */
	u8 modem;        /*  2 MCR */
	u8 fifo;         /*  3 FCR, what of it stays */
	u8 scratch;      /*  4 SCR */
	u8 deltas;       /*  5 the lower half of MSR */
	u8 errors;       /*  6 of LSR */
	u8 sent;         /*  7 1: that THR is empty was not told yet */
	u16 divisor;     /*  8 */
	u8 count;        /* 10 bytes that wait, */
	u8 rsvd_z[5];    /* 11 */
	u8 received[16]; /* 16 the oldest first; behind them 0 */
};
_Static_assert(sizeof(struct uart16550) == 32, "docs/stream.md");

u8 uart16550_read(struct uart16550 *u, u32 offset);

/* True: this byte goes out on the line. */
bool uart16550_write(struct uart16550 *u, u32 offset, u8 value);

/* Bytes that there is room for. */
u32 uart16550_room(const struct uart16550 *u);

/* A byte has come in. Without room it is lost, and the status says so. */
void uart16550_receive(struct uart16550 *u, u8 byte);

/* Does it ask for an interrupt? */
bool uart16550_asserts(const struct uart16550 *u);

/* Can a port be in that state? */
bool uart16550_valid(const struct uart16550 *u);

#endif
