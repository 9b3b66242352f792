/*
 * The devices that hvctl is to its children.
 */
#ifndef STASIS_HVCTL_DEVICES_H
#define STASIS_HVCTL_DEVICES_H

#include "parent/device.h"
#include "parent/ioapic.h"
#include "parent/uart16550.h"

/* Their states fit into BOOK_DEVICES bytes. */
extern const struct device_table devices_table;

/* Kinds, in docs/stream.md: "COM1", "IOA1", "PWR1", "RTC1", "PCI1". */
#define DEVICES_SERIAL 0x314d4f43u
#define DEVICES_IOAPIC 0x31414f49u
#define DEVICES_POWER 0x31525750u
#define DEVICES_RTC 0x31435452u
#define DEVICES_PCI 0x31494350u

/* Of the states of a child's devices: */
struct uart16550 *devices_serial(u8 *states);
struct ioapic *devices_ioapic(u8 *states);

/* Has the child done anything with its serial port? */
bool devices_serial_used(u8 *states);

#endif
