/*
 * Where instructions and changes are, what they do to the books.
 */
#include "tests/tally/held.h"

#include "arch/x86_64/common/cpu_arch.h"
#include "arch/x86_64/common/tally.h"
#include "arch/x86_64/vmx/vmx.h"
#include "hv/base/check.h"
#include "hv/base/cpus.h"
#include "hv/base/log.h"
#include "hv/vp/partition.h"

#define LINE 160u

struct holds held;

void held_check(const char *wrong)
{
	static char line[LINE];

	if (!wrong)
		return;
	log_format(line, sizeof(line), "books: %s", wrong);
	arch_check_failed(line, __FILE__, __LINE__);
}

u32 held_cpu(void)
{
	return arch_this_cpu()->index;
}

u64 held_space(const struct vp *vp)
{
	return vp->partition->space.arch.top.v;
}

void tally_vmclear(hpa_t page)
{
	tally_add(TALLY_VMCLEAR);
	held_check(holds_vmclear(&held, held_cpu(), page.v));
}

void tally_vmptrld(hpa_t page)
{
	tally_add(TALLY_VMPTRLD);
	held_check(holds_vmptrld(&held, held_cpu(), page.v));
}

void tally_vmcs_written(hpa_t page)
{
	held_check(holds_written(&held, page.v));
}

/* An EPT pointer is the top table's address, and bits below a page (SDM 24.6.11). */
void tally_invept(u64 type, u64 what)
{
	tally_add(TALLY_INVEPT);
	if (type == VMX_INVALIDATE_ALL)
		holds_drop_all(&held, held_cpu());
	else
		holds_drop_space(&held, held_cpu(),
		                 what & ~(u64)(PAGE_SIZE - 1));
}

void tally_invvpid(u64 type, u64 what)
{
	tally_add(TALLY_INVVPID);
	if (type == VMX_INVALIDATE_ALL)
		holds_drop_vps(&held, held_cpu());
	else
		holds_drop_vp(&held, held_cpu(), (u32)what);
}

void tally_space_changed(const struct arch_space *space)
{
	holds_changed(&held, space->top.v);
}

/* By what they are in, whoever would have had to make them leave. */
static bool is_inside(const struct arch_space *space)
{
	for (u32 i = 0; i < cpus_count(); i++) {
		struct cpu *cpu = cpus_at(i);

		if (cpu != arch_this_cpu() && cpu_arch(cpu)->in_guest &&
		    held_space(cpu->current) == space->top.v)
			return true;
	}
	return false;
}

void tally_space_flushed(const struct arch_space *space)
{
	held_check(holds_flushed(&held, space->top.v, is_inside(space)));
}

void tally_table_freed(const struct arch_space *space)
{
	held_check(holds_table_freed(&held, space->top.v, is_inside(space)));
}

void tally_space_new(const struct arch_space *space)
{
	holds_new_space(&held, space->top.v);
}

void tally_vp_new(const struct vp *vp)
{
	holds_new_vp(&held, vp->vpid);
}

void tally_vp_gone(const struct vp *vp)
{
	held_check(holds_freed(&held,
	                       arch_page_hpa(vp->pages[VP_PAGE_CONTROL]).v));
}

void tally_leave(void)
{
	held_check(holds_leave(&held));
}

void tally_ended(void)
{
	held_check(holds_ended(&held, held_cpu()));
}
