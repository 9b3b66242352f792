/* What boot itself can see of the machine, before the hypervisor looks. */
#ifndef STASIS_BOOT_MACHINE_H
#define STASIS_BOOT_MACHINE_H

#include "include/handoff.h"

/* Refuses what needs no privileged look: HANDOFF_OK to go on. */
enum handoff_result machine_check(void);

u64 machine_measure_tsc_hz(void);

/* I/O port of the first serial port, or 0 when there is none. */
u32 machine_find_serial_port(void);

#endif
