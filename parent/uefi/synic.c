/*
 * SIM page and SINT0 of the virtual processor that runs this.
 */
#include "parent/uefi/synic.h"

#include "parent/cpu.h"

#define PAGE_BITS (~(u64)(PAGE_SIZE - 1))

/*
 * SINT0 comes last: a message that has been waiting for it must find its page.
 * The slot is taken as it is found: where a page was in use already, there may
 * be a message in it.
 */
static void setup(u64 page, u64 sint0)
{
	u64 msr = cpu_read_msr(HV_MSR_SIMP);

	if (!(msr & HV_MSR_PAGE_ENABLE) || (msr & PAGE_BITS) != page)
		cpu_write_msr(HV_MSR_SIMP, page | (msr & HV_MSR_PAGE_RSVD) |
		                                   HV_MSR_PAGE_ENABLE);
	cpu_write_msr(HV_MSR_SCONTROL,
	              cpu_read_msr(HV_MSR_SCONTROL) | HV_MSR_PAGE_ENABLE);
	cpu_write_msr(HV_MSR_SINT0, sint0);
}

void synic_setup_polling(u64 page)
{
	setup(page, HV_SINT_MASKED | HV_SINT_POLLING);
}

void synic_setup_vector(u64 page, u8 vector)
{
	setup(page, vector);
}

/* The hypervisor writes the type last, so a type means a whole message. */
const struct hv_message *synic_poll(u64 page)
{
	const struct hv_message *slot = (const struct hv_message *)page;

	if (__atomic_load_n(&slot->type, __ATOMIC_ACQUIRE) == 0)
		return NULL;
	return slot;
}

/*
 * The pending flag is read after the slot was freed: a message that came to
 * wait in between is then not forgotten (TLFS 14.8).
 */
void synic_release(u64 page)
{
	struct hv_message *slot = (struct hv_message *)page;

	__atomic_store_n(&slot->type, HV_MESSAGE_NONE, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&slot->flags, __ATOMIC_SEQ_CST) &
	    HV_MESSAGE_FLAG_PENDING)
		cpu_write_msr(HV_MSR_EOM, 0);
}
