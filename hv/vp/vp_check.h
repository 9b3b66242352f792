/*
 * May this value be in this register, whatever the others hold? One function a
 * form of register, for the rows of the table in hv/run/vp_reg_table.c.
 */
#ifndef HV_VP_CHECK_H
#define HV_VP_CHECK_H

#include "include/tlfs.h"

typedef const union hv_register_value vp_check_value;

/* Vectors that push an error code (SDM 6.3.1): #DF #TS #NP #SS #GP #PF #AC. */
#define VP_ERROR_CODE_VECTORS 0x00027d00u

/* A canonical linear address of this machine. */
bool vp_check_address(u64 address);

/* MSRs that place a page, of the hypercall page (with its lock), and SINTs. */
bool vp_check_page_value(u64 value);
bool vp_check_hypercall_value(u64 value);
bool vp_check_sint_value(u64 value);

bool vp_check_zero_high(vp_check_value *v);
bool vp_check_fits(vp_check_value *v, u64 allowed);
bool vp_check_canonical(vp_check_value *v);
bool vp_check_u32(vp_check_value *v);
bool vp_check_rflags(vp_check_value *v);
bool vp_check_cr0(vp_check_value *v);
bool vp_check_cr3(vp_check_value *v);
bool vp_check_cr4(vp_check_value *v);
bool vp_check_rip(vp_check_value *v);
bool vp_check_tpr(vp_check_value *v);
bool vp_check_sint(vp_check_value *v);
bool vp_check_scontrol(vp_check_value *v);
bool vp_check_page_msr(vp_check_value *v);
bool vp_check_cr8(vp_check_value *v);
bool vp_check_xcr0(vp_check_value *v);
bool vp_check_efer(vp_check_value *v);
bool vp_check_dr6(vp_check_value *v);
bool vp_check_dr7(vp_check_value *v);
bool vp_check_segment(vp_check_value *v);
bool vp_check_table(vp_check_value *v);
bool vp_check_apic_base(vp_check_value *v);
bool vp_check_pat(vp_check_value *v);
bool vp_check_mtrr_fixed(vp_check_value *v);
bool vp_check_mtrr_def_type(vp_check_value *v);
bool vp_check_mtrr_base(vp_check_value *v);
bool vp_check_mtrr_mask(vp_check_value *v);
bool vp_check_tsc_aux(vp_check_value *v);
bool vp_check_debugctl(vp_check_value *v);
bool vp_check_activity(vp_check_value *v);
bool vp_check_interrupt_state(vp_check_value *v);
bool vp_check_pending_interruption(vp_check_value *v);
bool vp_check_mxcsr(const u8 status[16]);
bool vp_check_xmm_control(vp_check_value *v);

#endif
