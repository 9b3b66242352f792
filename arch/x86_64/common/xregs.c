/*
 * The real processor behind xregs.h. Nothing is decided here.
 */
#include "arch/x86_64/common/xregs.h"

#include "arch/x86_64/common/msr.h"
#include "arch/x86_64/common/regs.h"

u64 xregs_xcr0(void)
{
	return xcr0_read();
}

void xregs_set_xcr0(u64 value)
{
	xcr0_write(value);
}

u64 xregs_in_use(void)
{
	return xinuse_read();
}

u64 xregs_disabled(void)
{
	return msr_read(MSR_IA32_XFD);
}

void xregs_save(void *area, u64 components, bool is_long)
{
	(is_long ? xsave : xsave_32)(area, components);
}

void xregs_load(const void *area, u64 components, bool is_long)
{
	(is_long ? xrstor : xrstor_32)(area, components);
}

void xregs_clear_x87(void)
{
	fninit();
}

void xregs_save_legacy(void *area, bool is_long)
{
	(is_long ? fxsave : fxsave_32)(area);
}

void xregs_load_legacy(const void *area, bool is_long)
{
	(is_long ? fxrstor : fxrstor_32)(area);
}
