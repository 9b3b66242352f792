/*
 * One map of MSRs for each processor's root and one for all children; and the map of
 * ports of children (APM volume 2, 15.10.1), all ones.
 */
#include "arch/x86_64/svm/maps.h"

#include "arch/x86_64/common/vendor.h"
#include "arch/x86_64/svm/msr_map.h"
#include "arch/x86_64/svm/svm_arch.h"
#include "include/x86_msr.h"

/* 64 Ki ports, and what an access over the last one looks at. */
#define IO_MAP_BYTES (3 * PAGE_SIZE)

/*
 * Reads that exit whatever anybody wants: of EFER, as it has SVME; of the PAT, which is
 * the guest's own with nested paging (15.25.8), but not in QEMU; and of the TSC, which
 * QEMU does not add the offset to.
 */
static const struct {
	u32 msr;
	bool of_root;
} always[] = {
	{ MSR_IA32_EFER, true },
	{ MSR_IA32_PAT, false },
	{ MSR_IA32_TSC, true },
};

static _Alignas(PAGE_SIZE) u8 child_map[MSR_MAP_BYTES];
static _Alignas(PAGE_SIZE) u8 io_map[IO_MAP_BYTES];

void maps_init(void)
{
	/* A one exits (15.10.1, 15.11): of a child, all that nobody has allowed. */
	__builtin_memset(child_map, 0xff, sizeof(child_map));
	__builtin_memset(io_map, 0xff, sizeof(io_map));
}

static u8 *map_of(struct cpu *root_of)
{
	return root_of ? processor_of(root_of)->vendor[SVM_PAGE_ROOT_MAP]
	               : child_map;
}

hpa_t maps_msr(struct cpu *root_of)
{
	return arch_page_hpa(map_of(root_of));
}

hpa_t maps_io(void)
{
	return arch_page_hpa(io_map);
}

bool vendor_has_place(u32 msr)
{
	return msr_map_has(msr);
}

void vendor_msr_exits(struct cpu *root_of, u32 msr, bool read, bool write)
{
	for (u32 i = 0; i < ARRAY_LEN(always); i++)
		if (always[i].msr == msr && (!root_of || always[i].of_root))
			read = true;
	msr_map_set(map_of(root_of), msr, read, write);
}
