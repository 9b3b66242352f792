/*
 * An entry that VT-x refuses.
 */
#include "arch/x86_64/vmx/vmcs.h"
#include "tests/tally/planted.h"

/* A link pointer that is neither all ones nor a VMCS (SDM 26.3.1.5). */
void planted_enter(void)
{
	if (planted != PLANTED_ENTRY)
		return;
	planted = PLANTED_NONE;
	vmcs_write(VMCS_LINK_POINTER, 0);
}
