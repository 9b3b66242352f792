/*
 * What VT-x keeps of a processor: VMCSs that are in it are of its VPs.
 */
#include "arch/x86_64/vmx/vmx_arch.h"
#include "hv/vp/vp.h"
#include "tests/tally/audit.h"

/* One that is launched is active in its processor, which may write it at any time. */
static void audit_vmcs(struct books *b, struct vp *vp)
{
	b->page = arch_page_hpa(vp).v;
	BOOKS_CHECK(b, !vp_vmx(vp)->launched || vp->in_processor,
	            "its VMCS is active, and it was let go");
}

void audit_vendor(struct books *b, struct cpu *cpu)
{
	const struct vp *loaded = cpu_vmx(cpu)->loaded;
	const struct partition *p;
	u64 id = 0;

	BOOKS_CHECK(b, audit_is_its_vp(b, cpu, loaded),
	            "whose VMCS is loaded is no VP of the processor");
	BOOKS_CHECK(b, !loaded || loaded->in_processor,
	            "whose VMCS is loaded was let go");
	while ((p = books_next(b, &id)) != NULL)
		for (u32 i = 0; i < PARTITION_VPS; i++)
			if (p->vps[i] && p->vps[i]->cpu == cpu)
				audit_vmcs(b, p->vps[i]);
	b->page = b->partition = 0;
}
