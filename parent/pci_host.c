/*
 * CONFIG_ADDRESS, and what is behind it.
 */
#include "parent/pci_host.h"

#include "include/pc_ports.h"

/* Enable, bus, device, function, register; the other bits are always 0. */
#define ADDRESS_BITS 0x80fffffcu
#define ADDRESS_REGISTER 0xfcu

/*
 * The header of the bridge (PCI 3.0, 6.1) has no register that can be written. It says
 * what the PCs that most machines play have there, Intel's 82441FX: a bridge that no
 * system knows would have it look for one.
 */
static const u32 header[] = {
	0x12378086, /* device, vendor */
	0x02000000, /* status: medium DEVSEL; command: it decodes nothing */
	0x06000002, /* class: host bridge; revision */
};

u64 pci_host_read_address(const struct pci_host *p, u32 offset, u32 size)
{
	return offset == 0 && size == 4 ? p->address : ~0ull;
}

void pci_host_write_address(struct pci_host *p, u32 offset, u32 size, u64 value)
{
	if (offset == 0 && size == 4)
		p->address = (u32)value & ADDRESS_BITS;
}

/* Bus, device and function are 0, or nobody answers: all ones (6.1). */
u64 pci_host_read_data(const struct pci_host *p, u32 offset, u32 size)
{
	u32 at = p->address & ADDRESS_REGISTER;
	u64 value = 0;

	if ((p->address & ~ADDRESS_REGISTER) != PCI_ENABLE ||
	    offset + size > PCI_HOST_DATA_PORTS)
		return ~0ull;
	if (at / 4 < ARRAY_LEN(header))
		value = header[at / 4];
	return value >> 8 * offset;
}

bool pci_host_valid(const struct pci_host *p)
{
	for (u32 i = 0; i < sizeof(p->rsvd_z); i++)
		if (p->rsvd_z[i])
			return false;
	return !(p->address & ~ADDRESS_BITS);
}
