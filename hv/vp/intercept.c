/*
 * Installed intercepts: bits for ports and exceptions, a short list of leaves.
 */
#include "hv/vp/intercept.h"

#include "hv/vp/partition.h"
#include "include/x86.h"

#define PORTS_A_PAGE 16384u /* two bits a port */
#define READ_WRITE (HV_INTERCEPT_ACCESS_READ | HV_INTERCEPT_ACCESS_WRITE)

static u32 port_access(const struct partition *p, u32 port)
{
	const u8 *page = p->io_access[port / PORTS_A_PAGE];
	u32 at = port % PORTS_A_PAGE;

	return page ? ((u32)page[at / 4] >> (at % 4 * 2)) & READ_WRITE : 0;
}

bool intercept_has_port(const struct partition *p, u16 port, u32 size,
                        u32 access)
{
	/* A wide access is its parent's as soon as one of its ports is. */
	for (u32 i = 0; i < size && port + i <= 0xffff; i++)
		if (port_access(p, port + i) & access)
			return true;
	return false;
}

static enum hv_status install_port(struct partition *p, u64 port, u32 access)
{
	u8 **page = &p->io_access[port / PORTS_A_PAGE];
	u32 at = (u32)port % PORTS_A_PAGE;
	u8 *byte;

	/* What was never installed is removed without a page being taken for
	 * it. */
	if (!*page && !access)
		return HV_STATUS_SUCCESS;
	if (!*page)
		*page = pool_alloc(&p->pool);
	if (!*page)
		return HV_STATUS_INSUFFICIENT_MEMORY;
	/* A page stays until the partition goes: it is the pool's, and the next
	 * installation wants it again. */
	byte = *page + at / 4;
	*byte = (u8)((*byte & ~(READ_WRITE << (at % 4 * 2))) |
	             access << (at % 4 * 2));
	return HV_STATUS_SUCCESS;
}

static enum hv_status install_msr(struct partition *p, u64 unused, u32 access)
{
	(void)unused;
	/* All MSRs that are not ours, or none: this intercept names no
	 * number. */
	p->msr_access = access;
	return HV_STATUS_SUCCESS;
}

static u32 cpuid_find(const struct partition *p, u32 leaf)
{
	u32 i = 0;

	while (i < p->cpuid_count && p->cpuid_leaves[i] != leaf)
		i++;
	return i;
}

bool intercept_has_cpuid(const struct partition *p, u32 leaf)
{
	return cpuid_find(p, leaf) < p->cpuid_count;
}

static enum hv_status install_cpuid(struct partition *p, u64 leaf, u32 access)
{
	u32 at = cpuid_find(p, (u32)leaf);

	/* The order means nothing, so the last one takes the place. */
	if (at < p->cpuid_count && !access)
		p->cpuid_leaves[at] = p->cpuid_leaves[--p->cpuid_count];
	if (at < p->cpuid_count || !access)
		return HV_STATUS_SUCCESS;
	if (at == PARTITION_CPUID_INTERCEPTS)
		return HV_STATUS_INSUFFICIENT_MEMORY;
	p->cpuid_leaves[p->cpuid_count++] = (u32)leaf;
	return HV_STATUS_SUCCESS;
}

static enum hv_status install_exception(struct partition *p, u64 vector,
                                        u32 access)
{
	/* arch/ gives the bits to the hardware at the next entry of each VP. */
	p->exceptions &= ~(1u << vector);
	if (access)
		p->exceptions |= 1u << vector;
	return HV_STATUS_SUCCESS;
}

/* By enum hv_intercept_type. */
static const struct {
	enum hv_status (*install)(struct partition *p, u64 parameter,
	                          u32 access);
	u32 access; /* bits that make sense */
	u64 limit;  /* largest parameter */
} types[] = {
	[HV_INTERCEPT_TYPE_IO_PORT] = { install_port, READ_WRITE, 0xffff },
	[HV_INTERCEPT_TYPE_MSR] = { install_msr, READ_WRITE, UINT64_MAX },
	[HV_INTERCEPT_TYPE_CPUID] = { install_cpuid,
	                              HV_INTERCEPT_ACCESS_EXECUTE, 0xffffffff },
	[HV_INTERCEPT_TYPE_EXCEPTION] = { install_exception,
	                                  HV_INTERCEPT_ACCESS_EXECUTE, 31 },
};

enum hv_status intercept_install(struct partition *p, u32 type, u64 parameter,
                                 u32 access)
{
	/* All of it by the row, so that the functions above can trust their
	 * arguments: 31 is the last bit of the bitmap. */
	if (type >= ARRAY_LEN(types) || parameter > types[type].limit ||
	    (access & ~types[type].access))
		return HV_STATUS_INVALID_PARAMETER;
	/* NMI is an interrupt, not an exception. */
	if (type == HV_INTERCEPT_TYPE_EXCEPTION && parameter == VECTOR_NMI)
		return HV_STATUS_INVALID_PARAMETER;
	return types[type].install(p, parameter, access);
}
