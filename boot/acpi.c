/*
 * The way through ACPI's tables to the fixed one (FADT), which names the reset
 * register. Nothing in a table need be aligned.
 */
#include "boot/acpi.h"

#include <efi.h>
#include <efilib.h>

#include "include/acpi.h"

#define TABLE_LENGTH 4u
#define TABLE_HEADER 36u
/* Real ones have a few kilobytes: a length beyond this is no table, or a bad pointer. */
#define TABLE_MAX (1u << 20)

#define FADT_SIGNATURE 0x50434146u /* "FACP" */

static u32 acpi_u32(const u8 *at)
{
	u32 value;

	/* Tables lie where the firmware put them: no pointer to a word of theirs. */
	CopyMem(&value, at, sizeof(value));
	return value;
}

static u64 acpi_u64(const u8 *at)
{
	u64 value;

	CopyMem(&value, at, sizeof(value));
	return value;
}

static const u8 *acpi_root_table(void)
{
	EFI_GUID guid = ACPI_20_TABLE_GUID;
	void *rsdp = NULL;

	/* Revision 2 and later alone: the XSDT is not in ACPI 1.0's pointer, nor a reset register. */
	if (EFI_ERROR(LibGetSystemConfigurationTable(&guid, &rsdp)) || !rsdp)
		return NULL;
	return (const u8 *)acpi_u64((const u8 *)rsdp + RSDP_XSDT);
}

static const u8 *acpi_find(u32 signature)
{
	const u8 *xsdt = acpi_root_table();
	u32 length = xsdt ? acpi_u32(xsdt + TABLE_LENGTH) : 0;

	if (length > TABLE_MAX)
		return NULL;
	for (u32 at = TABLE_HEADER; at + sizeof(u64) <= length;
	     at += sizeof(u64)) {
		const u8 *table = (const u8 *)acpi_u64(xsdt + at);

		/*
		 * By the signature, without the checksum: all that can come of a bad one is a reset that
		 * does not work, and then the next way is tried (reset.c).
		 */
		if (table && acpi_u32(table) == signature)
			return table;
	}
	return NULL;
}

void acpi_find_reset(struct handoff_reset *reset)
{
	const u8 *fadt = acpi_find(FADT_SIGNATURE);

	*reset = (struct handoff_reset){ .space = HANDOFF_RESET_NONE };
	/*
	 * Older tables end before the register, and newer ones need not support it: then the
	 * bytes there mean something else, and must not be written to.
	 */
	if (!fadt || acpi_u32(fadt + TABLE_LENGTH) <= FADT_RESET_VALUE ||
	    !(acpi_u32(fadt + FADT_FLAGS) & FADT_FLAG_RESET))
		return;
	reset->space = fadt[FADT_RESET + GAS_SPACE];
	reset->address = acpi_u64(fadt + FADT_RESET + GAS_ADDRESS);
	reset->value = fadt[FADT_RESET_VALUE];
}
