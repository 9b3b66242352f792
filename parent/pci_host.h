/*
 * A PCI bus with nothing on it but its host bridge: configuration mechanism #1 (PCI Local
 * Bus 3.0, 3.2.2.3.2). Systems ask for it before they believe that this is a PC.
 */
#ifndef STASIS_PARENT_PCI_HOST_H
#define STASIS_PARENT_PCI_HOST_H

#include "include/types.h"

/* What it remembers, and the bytes of it in a file. */
struct pci_host {
	u32 address; /* CONFIG_ADDRESS */
	u8 rsvd_z[4];
};
_Static_assert(sizeof(struct pci_host) == 8, "docs/stream.md");

#define PCI_HOST_ADDRESS_PORTS 4u
#define PCI_HOST_DATA_PORTS 4u

/* An access to CONFIG_ADDRESS is one of its four bytes at once: others are not to it. */
u64 pci_host_read_address(const struct pci_host *p, u32 offset, u32 size);
void pci_host_write_address(struct pci_host *p, u32 offset, u32 size,
                            u64 value);

/* Of `size` bytes, 1 to 4, from this one of CONFIG_DATA on. Nothing there is written. */
u64 pci_host_read_data(const struct pci_host *p, u32 offset, u32 size);

/* Can it be in that state? */
bool pci_host_valid(const struct pci_host *p);

#endif
