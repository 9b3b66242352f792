/*
 * A barrier by row: the bit of CPUID that offers it, and the bits of
 * IA32_ARCH_CAPABILITIES (SDM volume 4, table 2-2) by which a processor says that
 * it does not need it.
 */
#include "arch/x86_64/vmx/leaks.h"

#include "include/x86.h"

/* Of IA32_ARCH_CAPABILITIES. */
#define RDCL_NO BIT(0)
#define SKIP_L1DFL_VMENTRY BIT(3) /* whoever is below does it */
#define MDS_NO BIT(5)
#define TAA_NO BIT(8)
#define SBDR_SSDP_NO BIT(13)
#define FBSDP_NO BIT(14)
#define PSDP_NO BIT(15)
#define RFDS_NO BIT(27)

static const struct {
	u32 barrier;
	u64 offered; /* 0: always */
	u64 any;     /* one of them: not needed */
	u64 all;     /* all of them: not needed; 0: no such words */
} rows[] = {
	{ HANDOFF_BARRIER_L1D, CPUID_7_EDX_L1D_FLUSH,
	  RDCL_NO | SKIP_L1DFL_VMENTRY, 0 },
	{ HANDOFF_BARRIER_BUFFERS, CPUID_7_EDX_MD_CLEAR, 0,
	  MDS_NO | TAA_NO | SBDR_SSDP_NO | FBSDP_NO | PSDP_NO | RFDS_NO },
	{ HANDOFF_BARRIER_BRANCHES, CPUID_7_EDX_IBPB, 0, 0 },
	{ HANDOFF_BARRIER_RETURNS, 0, 0, 0 },
};

u32 leaks_barriers(u32 leaf_7_edx, u64 capabilities)
{
	u32 barriers = 0;

	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		u64 all = rows[i].all;

		if (rows[i].offered && !(leaf_7_edx & rows[i].offered))
			continue;
		if ((capabilities & rows[i].any) ||
		    (all && (capabilities & all) == all))
			continue;
		barriers |= rows[i].barrier;
	}
	return barriers;
}
