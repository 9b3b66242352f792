/*
 * Controls without which an instruction is #UD in a guest (SDM 25.3), or does nothing.
 */
#include "arch/x86_64/vmx/allowed.h"

#include "arch/x86_64/vmx/vmx.h"
#include "hv/arch.h"

static const struct {
	u64 control;
	enum arch_root can;
} rows[] = {
	{ PROC2_RDTSCP, ARCH_ROOT_RDTSCP }, /* and RDPID */
	{ PROC2_INVPCID, ARCH_ROOT_INVPCID },
	{ PROC2_XSAVES, ARCH_ROOT_XSAVES },
	{ PROC2_USER_WAIT, ARCH_ROOT_USER_WAIT },
};

u32 allowed_child(u64 proc2)
{
	u32 can = 0;

	/* A control of ours that has no row changes nothing that CPUID tells. */
	for (u32 i = 0; i < ARRAY_LEN(rows); i++)
		if (proc2 & rows[i].control)
			can |= rows[i].can;
	return can;
}

/* No control allows Intel PT: VMX itself does, or it stops at VMXON (SDM 35.5). */
u32 allowed_root(u64 proc2, u64 misc)
{
	return allowed_child(proc2) |
	       (misc & VMX_MISC_TRACE ? ARCH_ROOT_TRACE : 0);
}
