/*
 * The local APIC's registers: one table, walked by x2APIC MSRs, accesses to the
 * page, and HvGet/SetVpRegisters alike.
 */
#include "hv/interrupt/lapic.h"

#include "hv/vp/vp.h"

static u32 *reg(const struct vp *vp, u32 offset)
{
	return vp_apic_register(vp, offset);
}

/* ---- Writes that do more than store ---- */

static void write_plain(struct vp *vp, u32 offset, u32 value)
{
	*reg(vp, offset) = value;
}

static void write_tpr(struct vp *vp, u32 offset, u32 value)
{
	(void)offset;
	lapic_set_tpr(vp, value);
}

/* SDM 10.8.5 asks for 0 and takes any value in the page. */
static void write_eoi(struct vp *vp, u32 offset, u32 value)
{
	(void)offset;
	(void)value;
	lapic_eoi(vp);
}

/* Its low 28 bits are all ones (SDM 10.6.2.2). */
static void write_dfr(struct vp *vp, u32 offset, u32 value)
{
	*reg(vp, offset) = value | LAPIC_DFR_ONES;
}

/* Switching the APIC off by software masks all of the LVT (SDM 10.4.7.2). */
static void write_svr(struct vp *vp, u32 offset, u32 value)
{
	*reg(vp, offset) = value;
	if (value & LAPIC_SVR_ENABLE)
		return;
	/* What is in IRR and ISR stays, and comes when it is on again. */
	for (u32 i = 0; i < LAPIC_LVTS; i++)
		*reg(vp, LAPIC_LVT_TIMER + i * 16) |= (u32)LAPIC_LVT_MASKED;
}

/* A write shows what has come up since the last one (SDM 10.5.3). */
static void write_esr(struct vp *vp, u32 offset, u32 value)
{
	(void)value;
	*reg(vp, offset) = vp->lapic.errors;
	vp->lapic.errors = 0;
}

/* The low half sends; the high one was stored by a write of its own. */
static void write_icr(struct vp *vp, u32 offset, u32 value)
{
	*reg(vp, offset) = value;
	lapic_send_icr(vp);
}

/*
 * Masked while the APIC is off by software, whatever is written (SDM 10.4.7.2). The timer
 * must know: a change of its mode may stop it.
 */
static void write_lvt(struct vp *vp, u32 offset, u32 value)
{
	if (!(*reg(vp, LAPIC_SVR) & LAPIC_SVR_ENABLE))
		value |= (u32)LAPIC_LVT_MASKED;
	if (offset == LAPIC_LVT_TIMER)
		lapic_timer_write_lvt(vp, value);
	else
		*reg(vp, offset) = value;
}

static void write_initial(struct vp *vp, u32 offset, u32 value)
{
	(void)offset;
	lapic_timer_start(vp, value);
}

static void write_divide(struct vp *vp, u32 offset, u32 value)
{
	(void)offset;
	lapic_timer_write_divide(vp, value);
}

/* Fixed and edge-triggered (SDM 10.12.11); an illegal vector is an error on receipt. */
static void write_self(struct vp *vp, u32 offset, u32 value)
{
	(void)offset;
	lapic_raise(vp, (u8)value, false);
}

static void set_count(struct vp *vp, u32 offset, u32 value)
{
	(void)offset;
	lapic_timer_set_count(vp, value);
}

#define R 1u /* can be read */
#define W 2u /* can be written */
#define IN_X2APIC 4u
#define IN_XAPIC 8u
#define S 16u /* can be set by the parent */
#define BOTH (IN_X2APIC | IN_XAPIC)

/*
 * Registers from first to last. writable: other bits of a write are #GP in
 * x2APIC mode and ignored in the page. A parent's set stores, unless `set` does
 * something better.
 */
static const struct lapic_row {
	u16 first;
	u16 last;
	u32 flags;
	u32 writable;
	void (*write)(struct vp *vp, u32 offset, u32 value);
	void (*set)(struct vp *vp, u32 offset, u32 value);
} rows[] = {
	{ LAPIC_ID, LAPIC_VERSION, R | BOTH, 0, NULL, NULL },
	{ LAPIC_TPR, LAPIC_TPR, R | W | S | BOTH, 0xff, write_tpr, write_tpr },
	{ LAPIC_APR, LAPIC_APR, R | IN_XAPIC, 0, NULL, NULL },
	{ LAPIC_PPR, LAPIC_PPR, R | BOTH, 0, NULL, NULL },
	{ LAPIC_EOI, LAPIC_EOI, W | BOTH, 0, write_eoi, NULL },
	{ LAPIC_LDR, LAPIC_LDR, R | IN_X2APIC, 0, NULL, NULL },
	{ LAPIC_LDR, LAPIC_LDR, R | W | S | IN_XAPIC, LAPIC_LDR_WRITABLE,
	  write_plain, write_plain },
	{ LAPIC_DFR, LAPIC_DFR, R | W | S | IN_XAPIC, LAPIC_DFR_MODEL,
	  write_dfr, write_dfr },
	{ LAPIC_SVR, LAPIC_SVR, R | W | S | BOTH, LAPIC_SVR_WRITABLE, write_svr,
	  write_plain },
	{ LAPIC_ISR, LAPIC_ISR + 0x70, R | S | BOTH, 0, NULL, write_plain },
	{ LAPIC_TMR, LAPIC_TMR + 0x70, R | S | BOTH, 0, NULL, write_plain },
	{ LAPIC_IRR, LAPIC_IRR + 0x70, R | S | BOTH, 0, NULL, write_plain },
	{ LAPIC_ESR, LAPIC_ESR, R | W | S | BOTH, 0, write_esr, write_plain },
	{ LAPIC_ICR, LAPIC_ICR, R | W | S | BOTH, LAPIC_ICR_WRITABLE, write_icr,
	  write_plain },
	{ LAPIC_ICR_HIGH, LAPIC_ICR_HIGH, R | W | S | IN_XAPIC, 0xff000000,
	  write_plain, write_plain },
	{ LAPIC_LVT_TIMER, LAPIC_LVT_TIMER, R | W | S | BOTH,
	  LAPIC_LVT_TIMER_WRITABLE, write_lvt, write_lvt },
	{ LAPIC_LVT_THERMAL, LAPIC_LVT_PERF, R | W | S | BOTH,
	  LAPIC_LVT_LOCAL_WRITABLE, write_lvt, write_plain },
	{ LAPIC_LVT_LINT0, LAPIC_LVT_LINT1, R | W | S | BOTH,
	  LAPIC_LVT_PIN_WRITABLE, write_lvt, write_plain },
	{ LAPIC_LVT_ERROR, LAPIC_LVT_ERROR, R | W | S | BOTH,
	  LAPIC_LVT_ERROR_WRITABLE, write_lvt, write_plain },
	{ LAPIC_INITIAL_COUNT, LAPIC_INITIAL_COUNT, R | W | S | BOTH,
	  0xffffffff, write_initial, write_plain },
	{ LAPIC_CURRENT_COUNT, LAPIC_CURRENT_COUNT, R | S | BOTH, 0, NULL,
	  set_count },
	{ LAPIC_DIVIDE, LAPIC_DIVIDE, R | W | S | BOTH, LAPIC_DIVIDE_WRITABLE,
	  write_divide, write_plain },
	{ LAPIC_SELF_IPI, LAPIC_SELF_IPI, W | IN_X2APIC, 0xff, write_self,
	  NULL },
};

/* Two modes may have a row each for a register, so what is wanted says which. */
static const struct lapic_row *find(u32 offset, u32 wanted)
{
	for (u32 i = 0; i < ARRAY_LEN(rows); i++)
		if (offset >= rows[i].first && offset <= rows[i].last &&
		    (rows[i].flags & wanted) == wanted)
			return &rows[i];
	return NULL;
}

/* The current count is no memory: it follows from when the timer is due. */
static u32 read_register(const struct vp *vp, u32 offset)
{
	return offset == LAPIC_CURRENT_COUNT ? lapic_timer_count(vp)
	                                     : *reg(vp, offset);
}

/* ---- x2APIC MSRs ---- */

bool lapic_read_msr(struct vp *vp, u32 msr, u64 *value)
{
	u32 offset = (msr & 0xff) << 4;

	if (lapic_mode(vp) != LAPIC_X2APIC || !find(offset, R | IN_X2APIC))
		return false;
	*value = offset == LAPIC_ICR ? lapic_icr(vp)
	                             : read_register(vp, offset);
	return true;
}

/*
 * ICR alone has 64 bits; a write of it sends once both halves are there. All checks come
 * before the first store: #GP leaves no trace.
 */
bool lapic_write_msr(struct vp *vp, u32 msr, u64 value)
{
	u32 offset = (msr & 0xff) << 4;
	const struct lapic_row *row = find(offset, W | IN_X2APIC);

	if (lapic_mode(vp) != LAPIC_X2APIC || !row)
		return false;
	if (((u32)value & ~row->writable) ||
	    (value >> 32 && offset != LAPIC_ICR))
		return false;
	if (offset == LAPIC_ICR)
		*reg(vp, LAPIC_ICR_HIGH) = (u32)(value >> 32);
	row->write(vp, offset, (u32)value);
	return true;
}

/* ---- The page ---- */

/* A register that can only be written is no error to read, one that is none is. */
u32 lapic_read_page(struct vp *vp, u32 offset)
{
	if (find(offset, R | IN_XAPIC))
		return read_register(vp, offset);
	if (!find(offset, W | IN_XAPIC))
		lapic_error(vp, LAPIC_ESR_REGISTER_ILLEGAL);
	return 0;
}

void lapic_write_page(struct vp *vp, u32 offset, u32 value)
{
	const struct lapic_row *row = find(offset, W | IN_XAPIC);

	if (row)
		row->write(vp, offset, value & row->writable);
	else if (!find(offset, R | IN_XAPIC))
		lapic_error(vp, LAPIC_ESR_REGISTER_ILLEGAL);
}

/* ---- HvGetVpRegisters, HvSetVpRegisters ---- */

/* Off it has the registers of xAPIC mode, which it will come up in. */
static u32 flags_of(const struct vp *vp)
{
	return lapic_mode(vp) == LAPIC_X2APIC ? IN_X2APIC : IN_XAPIC;
}

enum hv_status lapic_get_register(struct vp *vp, u32 msr, u64 *value)
{
	u32 offset = (msr & 0xff) << 4;

	if (!find(offset, R | flags_of(vp)))
		return HV_STATUS_INVALID_PARAMETER;
	*value = offset == LAPIC_ICR ? lapic_icr(vp)
	                             : read_register(vp, offset);
	return HV_STATUS_SUCCESS;
}

/* Bits that the register can hold, whoever puts them there. */
static u32 settable(const struct lapic_row *row, u32 offset)
{
	bool vectors = offset >= LAPIC_ISR && offset < LAPIC_ESR;

	if (vectors)
		return offset == row->first ? 0xffff0000 : 0xffffffff;
	if (offset == LAPIC_ESR)
		return LAPIC_ESR_ALL;
	return offset == LAPIC_CURRENT_COUNT || offset == LAPIC_DFR
	               ? 0xffffffff
	               : row->writable;
}

enum hv_status lapic_set_register(struct vp *vp, u32 msr, u64 value)
{
	u32 offset = (msr & 0xff) << 4;
	const struct lapic_row *row = find(offset, S | flags_of(vp));
	u64 high = value >> 32;

	if (!row || (high && offset != LAPIC_ICR) ||
	    ((u32)value & ~settable(row, offset)))
		return HV_STATUS_INVALID_PARAMETER;
	if (offset == LAPIC_ICR)
		*reg(vp, LAPIC_ICR_HIGH) = (u32)high;
	/* `set`, not `write`: nothing is sent or acknowledged for a parent. */
	row->set(vp, offset, (u32)value);
	lapic_update_ppr(vp);
	return HV_STATUS_SUCCESS;
}
