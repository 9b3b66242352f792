/*
 * UEFI does not promise that reserved memory can be executed, and firmware that
 * protects its memory maps it so that it cannot. The tables that allow it are
 * in our own memory, and used only from here to the return.
 */
#include "boot/call.h"

#include "boot/insn.h"
#include "boot/tables.h"
#include "include/x86.h"

typedef u64 (*image_entry)(u64 argument) __attribute__((sysv_abi));

enum handoff_result call_image(const struct call_image *image, u64 argument)
{
	static u8 pages[(TABLES_PAGES + 1) * PAGE_SIZE];
	struct tables_room room = {
		.base = ((u64)pages + PAGE_SIZE - 1) & ~(u64)(PAGE_SIZE - 1),
	};
	/*
	 * An interrupt of the firmware's would run on our tables, and might change its own while
	 * they are not in use.
	 */
	u64 flags = insn_interrupts_off();
	u64 firmware = insn_read_cr3(), cr3 = firmware, result;
	u32 levels = insn_read_cr4() & CR4_LA57 ? 5 : 4;

	/* Most firmware allows it: then nothing of its address space changes at all. */
	if (!tables_executable(firmware, levels, image->base, image->size))
		cr3 = tables_copy_executable(&room, firmware, levels,
		                             image->base, image->size);
	if (!cr3) {
		insn_interrupts_back(flags);
		return HANDOFF_NOT_EXECUTABLE;
	}
	if (cr3 != firmware) {
		insn_write_cr3(cr3);
		/*
		 * CR3 leaves translations of global pages in the TLB, and firmware may have marked
		 * them so: with the old right they would fault (SDM 4.10.4.1).
		 */
		for (u64 at = 0; at < image->size; at += PAGE_SIZE)
			insn_forget_page(image->base + at);
	}
	result = ((image_entry)image->entry)(argument);
	/* What ran is the root partition now, or the firmware as before. */
	/* Ours lie in memory that goes with this program. */
	if (cr3 != firmware)
		insn_write_cr3(firmware);
	insn_interrupts_back(flags);
	return (enum handoff_result)result;
}
