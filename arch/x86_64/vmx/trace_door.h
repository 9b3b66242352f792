/*
 * Where the decisions of trace.h meet the processor.
 */
#ifndef ARCH_TRACE_DOOR_H
#define ARCH_TRACE_DOOR_H

#include "arch/x86_64/vmx/trace.h"

/* trace_begin for this processor. The root's VMCS is loaded, and as vmcs_init left it. */
void trace_door_begin(struct trace *t);

#endif
