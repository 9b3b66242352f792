/*
 * What the rows of the table of registers do that are more than a place in the
 * state. All have the form of vp_reg_get_fn or vp_reg_set_fn (vp_reg.h), and its
 * statuses; nobody but the table names them.
 */
#ifndef HV_VP_REG_ACCESS_H
#define HV_VP_REG_ACCESS_H

#include "hv/run/vp_reg.h"

/* ---- A VP's life and events ---- */

vp_reg_get_fn vp_reg_get_explicit;
/* INVALID_PARTITION_STATE: half restored, so it stays suspended (D22). */
vp_reg_set_fn vp_reg_set_explicit;
vp_reg_get_fn vp_reg_get_intercept;
vp_reg_set_fn vp_reg_set_intercept;
vp_reg_set_fn vp_reg_set_interrupt_state;

/* ---- Of the processor ---- */

vp_reg_get_fn vp_reg_get_cr8;
vp_reg_set_fn vp_reg_set_cr8;
vp_reg_get_fn vp_reg_get_tsc;
vp_reg_set_fn vp_reg_set_tsc;
vp_reg_set_fn vp_reg_write_efer;
vp_reg_get_fn vp_reg_get_mtrr_cap;

/* ---- The local APIC ---- */

vp_reg_get_fn vp_reg_get_apic;
vp_reg_set_fn vp_reg_set_apic;
vp_reg_get_fn vp_reg_read_x2apic;
vp_reg_set_fn vp_reg_write_x2apic;
vp_reg_set_fn vp_reg_set_apic_base;
vp_reg_set_fn vp_reg_write_apic_base;
vp_reg_get_fn vp_reg_get_deadline;
vp_reg_set_fn vp_reg_set_deadline;
vp_reg_get_fn vp_reg_get_zero;
vp_reg_get_fn vp_reg_read_refused;
vp_reg_set_fn vp_reg_set_eoi;
vp_reg_set_fn vp_reg_write_eoi;
vp_reg_get_fn vp_reg_get_icr;
vp_reg_set_fn vp_reg_set_icr;
vp_reg_set_fn vp_reg_write_icr;
vp_reg_get_fn vp_reg_get_tpr;
vp_reg_set_fn vp_reg_set_tpr;
vp_reg_get_fn vp_reg_get_assist;
vp_reg_set_fn vp_reg_set_assist;

/* ---- Of the TLFS ---- */

vp_reg_get_fn vp_reg_get_index;
vp_reg_get_fn vp_reg_get_runtime;
vp_reg_get_fn vp_reg_get_time;
vp_reg_get_fn vp_reg_get_frequency;
vp_reg_get_fn vp_reg_get_invariant;
vp_reg_set_fn vp_reg_set_invariant;
vp_reg_get_fn vp_reg_get_os_id;
vp_reg_set_fn vp_reg_set_os_id;
vp_reg_get_fn vp_reg_get_hypercall;
vp_reg_set_fn vp_reg_set_hypercall;
vp_reg_set_fn vp_reg_write_hypercall;
vp_reg_get_fn vp_reg_get_reference;
vp_reg_set_fn vp_reg_set_reference;
vp_reg_set_fn vp_reg_write_reference;
vp_reg_get_fn vp_reg_get_synic;
vp_reg_get_fn vp_reg_get_stimer;
vp_reg_set_fn vp_reg_set_stimer;

#endif
