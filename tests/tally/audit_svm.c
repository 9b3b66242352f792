/*
 * What SVM keeps of a processor: an ASID is one VP's.
 */
#include "arch/x86_64/svm/svm_arch.h"
#include "hv/vp/vp.h"
#include "tests/tally/audit.h"

#define ASIDS 0x10000u

static u64 seen[ASIDS / 64];

/* Numbers of an earlier round are nobody's: it gets another one as it is entered. */
static void audit_asid(struct books *b, const struct cpu_svm *c, struct vp *vp)
{
	const struct asid *a = &vp_svm(vp)->asid;

	if (!a->round || a->round != c->asids.round)
		return;
	b->page = arch_page_hpa(vp).v;
	BOOKS_CHECK(
		b, a->number && a->number <= c->asids.last && a->number < ASIDS,
		"its ASID was not given out");
	BOOKS_CHECK(b, !(seen[a->number / 64] >> a->number % 64 & 1),
	            "its ASID is another's, too");
	seen[a->number / 64] |= BIT(a->number % 64);
}

void audit_vendor(struct books *b, struct cpu *cpu)
{
	const struct cpu_svm *c = cpu_svm(cpu);
	const struct partition *p;
	u64 id = 0;

	__builtin_memset(seen, 0, sizeof(seen));
	BOOKS_CHECK(b, audit_is_its_vp(b, cpu, c->last_run),
	            "who has run last is no VP of the processor");
	while ((p = books_next(b, &id)) != NULL)
		for (u32 i = 0; i < PARTITION_VPS; i++)
			if (p->vps[i] && p->vps[i]->cpu == cpu)
				audit_asid(b, c, p->vps[i]);
	b->page = b->partition = 0;
}
