/*
 * A child's access to the memory of a device: the message says where it was, and not
 * what was read or written. It has the instruction; where it has not, that is fetched
 * through the child's page tables. It is decoded (lib/insn.h) and carried out in its place.
 */
#ifndef STASIS_PARENT_MMIO_H
#define STASIS_PARENT_MMIO_H

#include "include/tlfs.h"
#include "lib/insn.h"
#include "parent/device.h"

/* What one instruction may change: the general registers and three more. */
#define MMIO_SET_MAX 19

enum mmio_result {
	MMIO_DONE,    /* a device has answered: `set` is for the VP */
	MMIO_NOBODY,  /* no device claims the address */
	MMIO_UNKNOWN, /* one does, but this cannot be carried out: `why` */
	MMIO_FAILED,  /* a hypercall: `status` */
};

struct mmio {
	/* Whose access, and to what devices. */
	u64 id;
	const struct device_table *table;
	u8 *states;
	void *parent; /* for the device, as device_read has it */

	/* What came of it. */
	const struct device *device;
	const char *why;
	u8 bytes[INSN_MAX]; /* where the VP is, */
	u32 byte_count;     /* as many as can be read */
	enum hv_status status;
	/* Registers to set before the VP goes on, RIP among them. */
	struct hv_register_assoc set[MMIO_SET_MAX];
	u32 set_count;
};

/*
 * Carries out the access of a memory intercept, whose VP is suspended. Nothing has
 * happened but for MMIO_DONE: no device has seen the access, and the VP may make it again.
 */
enum mmio_result mmio_carry_out(struct mmio *mmio,
                                const struct hv_memory_intercept *message);

#endif
