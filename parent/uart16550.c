/*
 * The registers of a 16550 (National PC16550D, 8.0), whose line takes no time.
 */
#include "parent/uart16550.h"

#include "include/pc_ports.h"

/* IER */
#define ENABLE_DATA 0x01u
#define ENABLE_SENT 0x02u
#define ENABLE_LINE 0x04u
#define ENABLE_MODEM 0x08u
#define ENABLE_BITS 0x0fu

/* IIR, the lower half: which one it is. */
#define CAUSE_NONE 0x01u
#define CAUSE_LINE 0x06u
#define CAUSE_DATA 0x04u
#define CAUSE_TIMEOUT 0x0cu
#define CAUSE_SENT 0x02u
#define CAUSE_MODEM 0x00u
#define CAUSE_FIFOS 0xc0u /* they are on */

/* FCR */
#define FIFO_ON 0x01u
#define FIFO_CLEAR_RECEIVED 0x02u
#define FIFO_TRIGGER 0xc0u
#define FIFO_TRIGGER_SHIFT 6

/* LSR */
#define STATUS_OVERRUN 0x02u
#define STATUS_IDLE 0x40u /* both registers of what is sent are empty */

/* MCR */
#define MODEM_DTR 0x01u
#define MODEM_RTS 0x02u
#define MODEM_OUT1 0x04u
#define MODEM_OUT2 0x08u
#define MODEM_LOOP 0x10u
#define MODEM_BITS 0x1fu

/* MSR: four inputs, and below them what has changed. */
#define INPUT_CTS 0x10u
#define INPUT_DSR 0x20u
#define INPUT_RI 0x40u
#define INPUT_DCD 0x80u
#define INPUT_SHIFT 4

/* ---- Inputs of a modem ---- */

/* In the loop the outputs are the inputs; else a terminal is there, and it is ready. */
static u8 inputs(const struct uart16550 *u)
{
	if (!(u->modem & MODEM_LOOP))
		return INPUT_CTS | INPUT_DSR | INPUT_DCD;
	return (u8)((u->modem & MODEM_RTS ? INPUT_CTS : 0) |
	            (u->modem & MODEM_DTR ? INPUT_DSR : 0) |
	            (u->modem & MODEM_OUT1 ? INPUT_RI : 0) |
	            (u->modem & MODEM_OUT2 ? INPUT_DCD : 0));
}

static void write_modem(struct uart16550 *u, u8 value)
{
	u8 before = inputs(u), changed;

	u->modem = value & MODEM_BITS;
	changed = before ^ inputs(u);
	/* Of RI the end counts alone (TERI). */
	if (!(before & INPUT_RI))
		changed &= (u8)~INPUT_RI;
	u->deltas |= (u8)(changed >> INPUT_SHIFT);
}

/* ---- What has come in ---- */

static u32 capacity(const struct uart16550 *u)
{
	return u->fifo & FIFO_ON ? UART16550_FIFO : 1;
}

static u32 trigger(const struct uart16550 *u)
{
	static const u8 levels[] = { 1, 4, 8, 14 };

	return u->fifo & FIFO_ON ? levels[u->fifo >> FIFO_TRIGGER_SHIFT] : 1;
}

u32 uart16550_room(const struct uart16550 *u)
{
	/* In the loop its input is off the line: what comes then waits outside. */
	if (u->modem & MODEM_LOOP)
		return 0;
	return capacity(u) - u->count;
}

static void receive(struct uart16550 *u, u8 byte)
{
	if (u->count < capacity(u)) {
		u->received[u->count++] = byte;
		return;
	}
	u->errors |= STATUS_OVERRUN;
	/* With FIFOs the new byte is lost, without the old one (8.6.3). */
	if (!(u->fifo & FIFO_ON))
		u->received[0] = byte;
}

void uart16550_receive(struct uart16550 *u, u8 byte)
{
	if (!(u->modem & MODEM_LOOP))
		receive(u, byte);
}

static void forget_received(struct uart16550 *u)
{
	__builtin_memset(u->received, 0, sizeof(u->received));
	u->count = 0;
}

static u8 take_received(struct uart16550 *u)
{
	u8 byte = u->received[0];

	if (u->count == 0)
		return 0;
	u->count--;
	for (u32 i = 0; i < UART16550_FIFO - 1; i++)
		u->received[i] = u->received[i + 1];
	u->received[UART16550_FIFO - 1] = 0;
	return byte;
}

/* ---- Interrupts ---- */

/* The one that goes first, of those that are enabled (table III). */
static u8 cause(const struct uart16550 *u)
{
	if (u->enable & ENABLE_LINE && u->errors)
		return CAUSE_LINE;
	if (u->enable & ENABLE_DATA && u->count >= trigger(u))
		return CAUSE_DATA;
	/*
	 * Four characters' time after the last one, which has passed: more would have come
	 * with it.
	 */
	if (u->enable & ENABLE_DATA && u->count)
		return CAUSE_TIMEOUT;
	if (u->enable & ENABLE_SENT && u->sent)
		return CAUSE_SENT;
	if (u->enable & ENABLE_MODEM && u->deltas)
		return CAUSE_MODEM;
	return CAUSE_NONE;
}

/* OUT2 is what lets it through on a PC; in the loop that pin is high, which is off. */
bool uart16550_asserts(const struct uart16550 *u)
{
	return (u->modem & (MODEM_OUT2 | MODEM_LOOP)) == MODEM_OUT2 &&
	       cause(u) != CAUSE_NONE;
}

static u8 read_cause(struct uart16550 *u)
{
	u8 found = cause(u);

	/* To have been told is the end of this one; the others end where their reason does. */
	if (found == CAUSE_SENT)
		u->sent = 0;
	return u->fifo & FIFO_ON ? found | CAUSE_FIFOS : found;
}

/* ---- Registers ---- */

static void write_enable(struct uart16550 *u, u8 value)
{
	/* THR is always empty: to ask for that interrupt is to get it. */
	if (value & ENABLE_SENT && !(u->enable & ENABLE_SENT))
		u->sent = 1;
	u->enable = value & ENABLE_BITS;
}

static void write_fifo(struct uart16550 *u, u8 value)
{
	/* On and off empty it; other bits count only where bit 0 is written too (8.5). */
	if ((value ^ u->fifo) & FIFO_ON || value & FIFO_CLEAR_RECEIVED)
		forget_received(u);
	u->fifo = value & FIFO_ON ? value & (FIFO_ON | FIFO_TRIGGER) : 0;
}

static bool send(struct uart16550 *u, u8 byte)
{
	u->sent = 1;
	if (!(u->modem & MODEM_LOOP))
		return true;
	receive(u, byte);
	return false;
}

static u8 read_status(struct uart16550 *u)
{
	u8 status = LINE_STATUS_CAN_SEND | STATUS_IDLE | u->errors |
	            (u->count ? LINE_STATUS_RECEIVED : 0);

	u->errors = 0;
	return status;
}

static u8 read_modem_status(struct uart16550 *u)
{
	u8 status = inputs(u) | u->deltas;

	u->deltas = 0;
	return status;
}

u8 uart16550_read(struct uart16550 *u, u32 offset)
{
	bool divisor = u->line & LCR_DIVISOR;

	switch (offset) {
	case UART_DATA:
		return divisor ? (u8)u->divisor : take_received(u);
	case UART_INTERRUPTS:
		return divisor ? (u8)(u->divisor >> 8) : u->enable;
	case UART_FIFO:
		return read_cause(u);
	case UART_LINE_CONTROL:
		return u->line;
	case UART_MODEM_CONTROL:
		return u->modem;
	case UART_LINE_STATUS:
		return read_status(u);
	case UART_MODEM_STATUS:
		return read_modem_status(u);
	default:
		return u->scratch;
	}
}

bool uart16550_write(struct uart16550 *u, u32 offset, u8 value)
{
	bool divisor = u->line & LCR_DIVISOR;

	if (divisor && offset == UART_DATA)
		u->divisor = (u16)((u->divisor & 0xff00) | value);
	else if (divisor && offset == UART_INTERRUPTS)
		u->divisor = (u16)((u->divisor & 0xff) | value << 8);
	else if (offset == UART_DATA)
		return send(u, value);
	else if (offset == UART_INTERRUPTS)
		write_enable(u, value);
	else if (offset == UART_FIFO)
		write_fifo(u, value);
	else if (offset == UART_LINE_CONTROL)
		u->line = value;
	else if (offset == UART_MODEM_CONTROL)
		write_modem(u, value);
	else if (offset == UART_SCRATCH)
		u->scratch = value;
	/* Both status registers are for reading (LSR writes are for factory tests). */
	return false;
}

/* ---- A state from a file ---- */

static bool all_zero(const u8 *bytes, u32 count)
{
	for (u32 i = 0; i < count; i++)
		if (bytes[i])
			return false;
	return true;
}

bool uart16550_valid(const struct uart16550 *u)
{
	return !(u->enable & ~ENABLE_BITS) && !(u->modem & ~MODEM_BITS) &&
	       !(u->fifo & ~(FIFO_ON | FIFO_TRIGGER)) &&
	       (u->fifo == 0 || u->fifo & FIFO_ON) &&
	       !(u->deltas >> INPUT_SHIFT) && !(u->errors & ~STATUS_OVERRUN) &&
	       u->sent <= 1 && u->count <= capacity(u) &&
	       all_zero(u->received + u->count, UART16550_FIFO - u->count) &&
	       all_zero(u->rsvd_z, sizeof(u->rsvd_z));
}
