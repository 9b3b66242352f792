/*
 * The interrupt of SINT0 in a program of UEFI: what ends a HLT when a message comes.
 */
#ifndef STASIS_PARENT_UEFI_WAKE_H
#define STASIS_PARENT_UEFI_WAKE_H

#include "include/tlfs.h"

/*
 * Takes a vector that nobody has, with a handler that ends the interrupt. 0: there is
 * none to be had, so messages are to be polled. wake_end has to follow: the handler is
 * part of the program.
 */
u8 wake_begin(void);
void wake_end(void);

/*
 * HLT until a message has come into slot 0 of the SIM page, or anything else has
 * interrupted, as the firmware's timer does. Returns at once if one is there.
 */
void wake_wait(u64 sim_page);

#endif
