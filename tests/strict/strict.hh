/*
 * What the strict Bochs asks of our own part of it, tests/strict/strict.cc. The calls
 * are put into Bochs by hooks.patch.
 */
#ifndef STRICT_H
#define STRICT_H

/* A linear address: whether its translation is kept, and what it is then. */
bool strict_linear(BX_CPU_C *cpu, bx_address linear, unsigned user, unsigned rw,
                   bx_phy_address *to, Bit32u *access, Bit32u *mask,
                   Bit32u *pkey);
void strict_keep_linear(BX_CPU_C *cpu, bx_address linear, unsigned user,
                        unsigned rw, bx_phy_address to, Bit32u access,
                        Bit32u mask, Bit32u pkey);

/* A guest-physical address, with EPT. What is kept with fewer rights exits. */
bool strict_guest(BX_CPU_C *cpu, bx_phy_address guest, bx_address linear,
                  bool is_linear, bool is_walk, unsigned rw, Bit32u wanted,
                  bx_phy_address *to);
void strict_keep_guest(BX_CPU_C *cpu, bx_phy_address guest, bx_phy_address to,
                       Bit32u rights, bool dirty);

/* What drops translations. */
void strict_cr3(BX_CPU_C *cpu);
void strict_cr3_hint(BX_CPU_C *cpu, bool keep);
void strict_cr4(BX_CPU_C *cpu, Bit32u to);
void strict_all(BX_CPU_C *cpu);
void strict_invlpg(BX_CPU_C *cpu, bx_address linear);
void strict_invpcid(BX_CPU_C *cpu, unsigned type, unsigned pcid,
                    bx_address linear);
void strict_invept(BX_CPU_C *cpu, unsigned type, Bit64u eptp);
void strict_invvpid(BX_CPU_C *cpu, unsigned type, unsigned vpid,
                    bx_address linear);
void strict_transition(BX_CPU_C *cpu);
void strict_vmxon(BX_CPU_C *cpu);

/* VMPTRLD: where the processor has this VMCS from then on; VMCLEAR: to memory again. */
bx_hostpageaddr_t strict_vmptrld(BX_CPU_C *cpu, Bit64u vmcs,
                                 bx_hostpageaddr_t memory);
void strict_vmclear(BX_CPU_C *cpu, Bit64u vmcs, bx_hostpageaddr_t memory);

#endif
