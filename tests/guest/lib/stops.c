/*
 * What a stop is, by the registers, by the bytes around RIP, by what the child
 * says in its memory, and by the stream.
 */
#include "tests/guest/lib/stops.h"

#include "include/stream.h"
#include "include/x86_apic.h"
#include "parent/vp.h"
#include "tests/guest/lib/serial.h"
#include "tests/guest/lib/test.h"

#define OPCODE_STI 0xfb
#define BUFFER 0x9000u

static const char *const names[STOP_KINDS] = {
	"stops",
	"real mode",
	"virtual-8086 mode",
	"protected mode",
	"compatibility mode",
	"64-bit mode",
	"user mode",
	"interrupts off",
	"shadow of STI",
	"shadow of a load of SS",
	"shadow of a load of SS, interrupts on",
	"halted",
	"NMIs blocked",
	"NMIs blocked, one waiting",
	"single-stepping",
	"debug exception pending",
	"resume flag",
	"inside a string instruction",
	"inside a handler",
	"intercepted",
	"delivering an interrupt",
	"delivering an NMI",
	"delivering an exception",
	"delivering one with an error code",
	"delivering INT n",
	"delivering INT3",
	"timer armed",
	"x87 and SSE live",
	"AVX live",
	"AVX-512 live",
};

enum {
	RIP,
	RFLAGS,
	CS,
	SS,
	CR0,
	EFER,
	RCX,
	RDI,
	SHADOW,
	PENDING,
	HALT,
	TIMER,
	NAMES
};

static const u32 registers[NAMES] = {
	[RIP] = HV_REGISTER_RIP,
	[RFLAGS] = HV_REGISTER_RFLAGS,
	[CS] = HV_REGISTER_CS,
	[SS] = HV_REGISTER_SS,
	[CR0] = HV_REGISTER_CR0,
	[EFER] = HV_REGISTER_EFER,
	[RCX] = HV_REGISTER_RCX,
	[RDI] = HV_REGISTER_RDI,
	[SHADOW] = HV_REGISTER_INTERRUPT_STATE,
	[PENDING] = HV_REGISTER_PENDING_INTERRUPTION,
	[HALT] = HV_REGISTER_INTERNAL_ACTIVITY_STATE,
	[TIMER] = HV_REGISTER_APIC_FIRST + (LAPIC_CURRENT_COUNT >> 4),
};

static const struct anywhere_seen *seen_of(const struct child *c)
{
	return child_at(c, ANYWHERE_SEEN);
}

static u64 mode(const union hv_register_value *r)
{
	if (!(r[CR0].reg64 & CR0_PE))
		return BIT(STOP_REAL);
	if (r[RFLAGS].reg64 & RFLAGS_VM)
		return BIT(STOP_V86);
	if (!(r[EFER].reg64 & EFER_LMA))
		return BIT(STOP_PROTECTED);
	return r[CS].segment.attributes & RIGHTS_L ? BIT(STOP_LONG)
	                                           : BIT(STOP_COMPATIBILITY);
}

static u64 shadow(const union hv_register_value *r, const u8 *code)
{
	bool on = r[RFLAGS].reg64 & RFLAGS_IF;

	if (!(r[SHADOW].reg64 & HV_INTERRUPT_STATE_SHADOW))
		return 0;
	if (code[-1] == OPCODE_STI)
		return BIT(STOP_SHADOW_STI);
	return BIT(STOP_SHADOW_SS) | (on ? BIT(STOP_SHADOW_SS_IF) : 0);
}

static u64 flags(const union hv_register_value *r)
{
	u64 f = r[RFLAGS].reg64, kinds = 0;

	if (!(f & RFLAGS_IF))
		kinds |= BIT(STOP_INTERRUPTS_OFF);
	if (f & RFLAGS_TF)
		kinds |= BIT(STOP_STEPPING);
	if (f & RFLAGS_RF)
		kinds |= BIT(STOP_RESUME_FLAG);
	if ((r[SS].segment.attributes >> 5 & 3) == 3)
		kinds |= BIT(STOP_USER);
	return kinds;
}

/* MOVS, CMPS, STOS, LODS, SCAS behind REP, some of its turns done. */
static u64 string(const union hv_register_value *r, const u8 *code, u32 count)
{
	u64 left = r[RCX].reg64;

	if (code[0] != 0xf3 && code[0] != 0xf2)
		return 0;
	code += code[1] == 0x66 || code[1] == 0x48 ? 2 : 1;
	if (*code < 0xa4 || *code > 0xaf || *code == 0xa8 || *code == 0xa9)
		return 0;
	return left && left < count && (r[RDI].reg64 & ~0xfffull) == BUFFER
	               ? BIT(STOP_IN_STRING)
	               : 0;
}

static u64 delivery(u64 pending)
{
	static const u8 kind_of[8] = {
		[HV_PENDING_TYPE_INTERRUPT] = STOP_DELIVERING_INTERRUPT,
		[HV_PENDING_TYPE_NMI] = STOP_DELIVERING_NMI,
		[HV_PENDING_TYPE_EXCEPTION] = STOP_DELIVERING_EXCEPTION,
		[HV_PENDING_TYPE_SOFTWARE_INTERRUPT] = STOP_DELIVERING_INT,
		[HV_PENDING_TYPE_SOFTWARE_EXCEPTION] = STOP_DELIVERING_INT3,
	};

	if (!(pending & HV_PENDING_INTERRUPTION))
		return 0;
	return BIT(kind_of[pending >> HV_PENDING_TYPE_SHIFT & 7]) |
	       (pending & HV_PENDING_DELIVER_ERROR_CODE
	                ? BIT(STOP_DELIVERING_ERROR_CODE)
	                : 0);
}

static u64 live(const struct anywhere_seen *seen)
{
	u64 kinds = seen->live ? BIT(STOP_XMM_LIVE) : 0;

	if (seen->live > ANYWHERE_AVX)
		kinds |= BIT(STOP_YMM_LIVE);
	if (seen->live > ANYWHERE_AVX512)
		kinds |= BIT(STOP_ZMM_LIVE);
	return kinds;
}

static void keep(struct stops *s, u64 episode, u64 rip, u64 kinds)
{
	u32 at = s->looks++ % STOPS_KEPT;

	s->last[at].episode = episode;
	s->last[at].rip = rip;
	s->last[at].kinds = kinds;
	rip &= 0xffff;
	if (!(s->seen[rip / 8] & BIT(rip % 8)))
		s->places++;
	s->seen[rip / 8] |= (u8)BIT(rip % 8);
}

u64 stops_look(struct stops *s, const struct child *c)
{
	const struct anywhere_seen *seen = seen_of(c);
	union hv_register_value r[NAMES];
	const u8 *code;
	u64 kinds;

	if (!EXPECT_SUCCESS(
		    vp_get_registers(c->id, 0, registers, NAMES, r, NULL)))
		return 0;
	code = child_at(c, r[RIP].reg64 & 0xffff);
	kinds = BIT(STOP_ALL) | mode(r) | shadow(r, code) | flags(r) |
	        string(r, code, seen->count) | delivery(r[PENDING].reg64) |
	        live(seen);
	if (r[SHADOW].reg64 & HV_INTERRUPT_STATE_NMI_MASKED)
		kinds |= BIT(STOP_NMI_BLOCKED);
	if (r[HALT].reg64 & HV_ACTIVITY_HALT_SUSPEND)
		kinds |= BIT(STOP_HALTED);
	if (seen->depth)
		kinds |= BIT(STOP_IN_HANDLER);
	if (r[TIMER].reg64)
		kinds |= BIT(STOP_TIMER_ARMED);
	keep(s, seen->episode, r[RIP].reg64, kinds);
	return kinds;
}

/* The payload of the first chunk of this kind. */
static const void *chunk_of(const struct saved *stream, u32 id)
{
	const struct stream_header *h;

	for (u64 at = 0; at < stream->size; at += sizeof(*h) + h->length) {
		h = (const struct stream_header *)(const void *)(stream->data +
		                                                 at);
		if (h->id == id)
			return h + 1;
	}
	return NULL;
}

void stops_count(struct stops *s, u64 kinds, const struct saved *stream)
{
	const struct stream_vp_events *e = chunk_of(stream, STREAM_VP_EVENTS);
	const struct stream_vp_apic *a = chunk_of(stream, STREAM_VP_APIC);

	if (!EXPECT(e && a))
		return;
	if (e->pending_debug)
		kinds |= BIT(STOP_PENDING_DEBUG);
	if (e->intercept_suspend)
		kinds |= BIT(STOP_INTERCEPTED);
	if ((kinds & BIT(STOP_NMI_BLOCKED)) && (a->events & STREAM_APIC_NMI))
		kinds |= BIT(STOP_NMI_WAITING);
	if (a->timer_due)
		kinds |= BIT(STOP_TIMER_ARMED);
	for (u32 i = 0; i < STOP_KINDS; i++)
		s->count[i] += kinds >> i & 1;
}

bool stops_rare(const struct stops *s, u64 kinds)
{
	for (u32 i = 0; i < STOP_KINDS; i++)
		if ((kinds >> i & 1) && s->count[i] < STOPS_PLENTY)
			return true;
	return false;
}

void stops_print(const struct stops *s)
{
	serial_print("%u different places\r\n", (u64)s->places);
	for (u32 i = 0; i < STOP_KINDS; i++)
		serial_print("%u %s\r\n", (u64)s->count[i], names[i]);
}

static void print_one(const struct stops *s, u32 at)
{
	serial_print("episode %u RIP %x:", s->last[at].episode,
	             s->last[at].rip);
	for (u32 i = STOP_ALL + 1; i < STOP_XMM_LIVE; i++)
		if (s->last[at].kinds >> i & 1)
			serial_print(" %s;", names[i]);
	serial_print("\r\n");
}

void stops_print_last(const struct stops *s)
{
	u32 all = s->looks;
	u32 first = all > STOPS_KEPT ? all - STOPS_KEPT : 0;

	serial_print("the last stops:\r\n");
	for (u32 i = first; i < all; i++)
		print_one(s, i % STOPS_KEPT);
}

u64 stops_missing(const struct stops *s, u64 kinds)
{
	for (u32 i = 0; i < STOP_KINDS; i++)
		if (s->count[i] > 0)
			kinds &= ~BIT(i);
	return kinds;
}

bool stops_none_is_missing(const struct stops *s, u64 kinds)
{
	u64 missing = stops_missing(s, kinds);

	for (u32 i = 0; i < STOP_KINDS; i++) {
		test_context(names[i], s->count[i]);
		EXPECT(!(missing >> i & 1));
	}
	test_context(NULL, 0);
	return !missing;
}
