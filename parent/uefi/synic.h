/*
 * The parent's end of the SynIC: the SIM page and its slot 0, in which messages
 * about children arrive. All of it belongs to the virtual processor that calls.
 */
#ifndef STASIS_PARENT_SYNIC_H
#define STASIS_PARENT_SYNIC_H

#include "include/tlfs.h"

/*
 * Makes page (page-aligned, free from now on for nothing else) the SIM page and
 * lets SINT0 be polled: masked, so that no interrupt comes.
 */
void synic_setup_polling(u64 page);

/* The same with an interrupt at this vector (16 to 255) for each message. */
void synic_setup_vector(u64 page, u8 vector);

/*
 * The message in slot 0 of a SIM page, or null. It stays there until it is
 * released. No exit to the hypervisor: this may be called in a tight loop.
 */
const struct hv_message *synic_poll(u64 page);

/* Frees slot 0 and lets the hypervisor put the next message there. */
void synic_release(u64 page);

#endif
