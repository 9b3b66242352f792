/* I/O ports, and PCI's configuration space through two of them. */
#ifndef STASIS_BOOT_PORTS_H
#define STASIS_BOOT_PORTS_H

#include "include/pc_ports.h"
#include "include/types.h"

static inline u8 port_read(u16 port)
{
	u8 value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void port_write(u16 port, u8 value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline u32 port_read_32(u16 port)
{
	u32 value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void port_write_32(u16 port, u32 value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

/* `at` is bus, device and function as the address port takes them. */
static inline u32 pci_read(u32 at, u32 reg)
{
	port_write_32(PORT_PCI_ADDRESS, (u32)BIT(31) | at | reg);
	return port_read_32(PORT_PCI_DATA);
}

static inline void pci_write(u32 at, u32 reg, u32 value)
{
	port_write_32(PORT_PCI_ADDRESS, (u32)BIT(31) | at | reg);
	port_write_32(PORT_PCI_DATA, value);
}

#endif
