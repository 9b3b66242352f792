/*
 * An I/O APIC: Intel's 82093AA with 24 pins, and the EOI register of its successors
 * (version 20H). Lines of devices go in, messages to local APICs come out.
 */
#ifndef STASIS_PARENT_IOAPIC_H
#define STASIS_PARENT_IOAPIC_H

#include "include/types.h"

#define IOAPIC_GPA 0xfec00000ull
#define IOAPIC_BYTES 0x100u
#define IOAPIC_PINS 24u

/* What it remembers, and the bytes of it in a file. */
struct ioapic {
	u64 entry[IOAPIC_PINS]; /*   0 the redirection table */
	u32 lines;              /* 192 asserted, a bit a pin */
	u32 edges;              /* 196 of edge pins: not delivered yet */
	u32 id;                 /* 200 as its register has it */
	u32 select;             /* 204 which register the window shows */
};
_Static_assert(sizeof(struct ioapic) == 208, "docs/stream.md");

/* What it sends: as in ICR of a local APIC (SDM 10.6.1). */
struct ioapic_message {
	u32 destination;
	u8 vector;
	u8 delivery; /* enum lapic_delivery, as the entry has it: any of 8 */
	bool logical;
	bool level;
};

void ioapic_reset(struct ioapic *io);

/* Registers are 32 bits wide, at multiples of 16; the rest is 0. */
u32 ioapic_read(const struct ioapic *io, u64 offset);
void ioapic_write(struct ioapic *io, u64 offset, u32 value);

/* A device's line; a polarity is not looked at. */
void ioapic_set_line(struct ioapic *io, u32 pin, bool asserted);

/* A local APIC has seen the end of a vector's interrupt, of a level. */
void ioapic_end(struct ioapic *io, u8 vector);

/*
 * After any of these: the next message that is due; false: there is none. To be asked
 * until then.
 */
bool ioapic_take(struct ioapic *io, struct ioapic_message *message);

/* Can one be in that state? */
bool ioapic_valid(const struct ioapic *io);

#endif
