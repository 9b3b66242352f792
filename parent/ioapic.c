/*
 * The registers of an I/O APIC, and when an interrupt leaves it (82093AA data sheet, 3).
 */
#include "parent/ioapic.h"

/* Offsets in its memory. */
#define OFFSET_SELECT 0x00u
#define OFFSET_WINDOW 0x10u
#define OFFSET_END 0x40u

/* Registers behind the window. */
#define REGISTER_ID 0u
#define REGISTER_VERSION 1u
#define REGISTER_ARBITRATION 2u
#define REGISTER_TABLE 0x10u

#define ID_BITS 0x0f000000u
#define VERSION (0x20u | (IOAPIC_PINS - 1) << 16)

/* An entry of the table (3.2.4). */
#define ENTRY_VECTOR 0xffull
#define ENTRY_DELIVERY_SHIFT 8
#define ENTRY_DELIVERY 7u
#define ENTRY_LOGICAL BIT(11)
#define ENTRY_REMOTE BIT(14) /* a level that was delivered, and not ended */
#define ENTRY_LEVEL BIT(15)
#define ENTRY_MASKED BIT(16)
#define ENTRY_DESTINATION_SHIFT 56
#define ENTRY_WRITABLE 0xff0000000001afffull
#define ENTRY_BITS (ENTRY_WRITABLE | ENTRY_REMOTE)

#define LINES (BIT(IOAPIC_PINS) - 1)

void ioapic_reset(struct ioapic *io)
{
	__builtin_memset(io, 0, sizeof(*io));
	for (u32 pin = 0; pin < IOAPIC_PINS; pin++)
		io->entry[pin] = ENTRY_MASKED;
}

/* ---- Lines and messages ---- */

void ioapic_set_line(struct ioapic *io, u32 pin, bool asserted)
{
	u32 bit = 1u << pin;
	bool rises = asserted && !(io->lines & bit);

	io->lines = asserted ? io->lines | bit : io->lines & ~bit;
	/* An edge at a pin that is masked is lost (3.2.4, bit 16). */
	if (rises && !(io->entry[pin] & (ENTRY_MASKED | ENTRY_LEVEL)))
		io->edges |= bit;
}

static bool is_due(const struct ioapic *io, u32 pin)
{
	u64 entry = io->entry[pin];

	if (entry & ENTRY_MASKED)
		return false;
	if (entry & ENTRY_LEVEL)
		return io->lines & 1u << pin && !(entry & ENTRY_REMOTE);
	return io->edges & 1u << pin;
}

bool ioapic_take(struct ioapic *io, struct ioapic_message *message)
{
	for (u32 pin = 0; pin < IOAPIC_PINS; pin++) {
		u64 entry = io->entry[pin];

		if (!is_due(io, pin))
			continue;
		*message = (struct ioapic_message){
			.destination = (u32)(entry >> ENTRY_DESTINATION_SHIFT),
			.vector = (u8)(entry & ENTRY_VECTOR),
			.delivery = entry >> ENTRY_DELIVERY_SHIFT &
			            ENTRY_DELIVERY,
			.logical = entry & ENTRY_LOGICAL,
			.level = entry & ENTRY_LEVEL,
		};
		io->edges &= ~(1u << pin);
		if (message->level)
			io->entry[pin] |= ENTRY_REMOTE;
		return true;
	}
	return false;
}

void ioapic_end(struct ioapic *io, u8 vector)
{
	for (u32 pin = 0; pin < IOAPIC_PINS; pin++)
		if ((io->entry[pin] & ENTRY_VECTOR) == vector)
			io->entry[pin] &= ~ENTRY_REMOTE;
}

/* ---- Registers ---- */

/* The entry that is a register's, or its upper half. */
static u64 *entry_of(struct ioapic *io, u32 reg)
{
	u32 pin = (reg - REGISTER_TABLE) / 2;

	return reg >= REGISTER_TABLE && pin < IOAPIC_PINS ? &io->entry[pin]
	                                                  : NULL;
}

static u32 read_window(const struct ioapic *io)
{
	u32 reg = io->select, pin = (reg - REGISTER_TABLE) / 2;

	/* The arbitration register takes the id over when that is written (3.2.3). */
	if (reg == REGISTER_ID || reg == REGISTER_ARBITRATION)
		return io->id;
	if (reg == REGISTER_VERSION)
		return VERSION;
	if (reg < REGISTER_TABLE || pin >= IOAPIC_PINS)
		return 0;
	return (u32)(io->entry[pin] >> 32 * (reg % 2));
}

static void write_entry(struct ioapic *io, u64 *entry, u32 half, u32 value)
{
	u64 mask = half ? ~0ull << 32 : 0xffffffffull;
	u64 word = (*entry & ~mask) | ((u64)value << 32 * half & mask);

	*entry = (word & ENTRY_WRITABLE) | (*entry & ENTRY_REMOTE);
	/*
	 * Remote IRR is of levels (bit 14): a pin that becomes one of edges forgets it, which is
	 * how systems end a level where there is no EOI register.
	 */
	if (!(*entry & ENTRY_LEVEL))
		*entry &= ~ENTRY_REMOTE;
	if (*entry & (ENTRY_LEVEL | ENTRY_MASKED))
		io->edges &= ~(1u << (entry - io->entry));
}

static void write_window(struct ioapic *io, u32 value)
{
	u64 *entry = entry_of(io, io->select);

	if (io->select == REGISTER_ID)
		io->id = value & ID_BITS;
	else if (entry)
		write_entry(io, entry, io->select % 2, value);
}

u32 ioapic_read(const struct ioapic *io, u64 offset)
{
	if (offset == OFFSET_SELECT)
		return io->select;
	return offset == OFFSET_WINDOW ? read_window(io) : 0;
}

void ioapic_write(struct ioapic *io, u64 offset, u32 value)
{
	if (offset == OFFSET_SELECT)
		io->select = value & 0xff;
	else if (offset == OFFSET_WINDOW)
		write_window(io, value);
	else if (offset == OFFSET_END)
		ioapic_end(io, (u8)value);
}

/* ---- A state from a file ---- */

static bool entry_valid(u64 entry, bool edge)
{
	if (entry & ~ENTRY_BITS)
		return false;
	if (entry & ENTRY_REMOTE && !(entry & ENTRY_LEVEL))
		return false;
	return !edge || !(entry & (ENTRY_LEVEL | ENTRY_MASKED));
}

bool ioapic_valid(const struct ioapic *io)
{
	for (u32 pin = 0; pin < IOAPIC_PINS; pin++)
		if (!entry_valid(io->entry[pin], io->edges >> pin & 1))
			return false;
	return !(io->lines & ~LINES) && !(io->edges & ~LINES) &&
	       !(io->id & ~ID_BITS) && io->select <= 0xff;
}
