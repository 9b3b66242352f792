"""Names of registers, bits and MSRs, for tables and for people."""

from __future__ import annotations

GENERAL = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
           "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
           "rip", "rflags")
SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr")

FEATURES = ("CPUID.1:ECX", "CPUID.1:EDX", "CPUID.7.0:EBX", "CPUID.7.0:ECX",
            "CPUID.7.0:EDX", "CPUID.80000001:ECX", "CPUID.80000001:EDX",
            "CPUID.D.1:EAX", "CPUID.80000008:EBX", "CPUID.7.1:EAX")

FIXED_MTRRS = ("64K_00000", "16K_80000", "16K_A0000", "4K_C0000", "4K_C8000",
               "4K_D0000", "4K_D8000", "4K_E0000", "4K_E8000", "4K_F0000",
               "4K_F8000")
MSRS = {
    0x80000: "TSC", 0x80002: "KERNEL_GS_BASE", 0x80003: "APIC_BASE",
    0x80004: "PAT", 0x80005: "SYSENTER_CS", 0x80006: "SYSENTER_EIP",
    0x80007: "SYSENTER_ESP", 0x80008: "STAR", 0x80009: "LSTAR",
    0x8000A: "CSTAR", 0x8000B: "SFMASK", 0x8000E: "MTRR_DEF_TYPE",
    **{0x80010 + i: f"MTRR_PHYS_BASE{i}" for i in range(8)},
    **{0x80040 + i: f"MTRR_PHYS_MASK{i}" for i in range(8)},
    **{0x80070 + i: f"MTRR_FIX_{name}" for i, name in enumerate(FIXED_MTRRS)},
    0x8007B: "TSC_AUX", 0x8007D: "DEBUGCTL",
}
TSC = 0x80000
APIC_BASE = 0x80003
APIC_BASE_RESET = 0xFEE00800
MSR_NAMES = {name: number for number, name in MSRS.items()}

# What the set bits of a register are called, lowest first.
BITS = {
    "rflags": {0: "CF", 2: "PF", 4: "AF", 6: "ZF", 7: "SF", 8: "TF", 9: "IF",
               10: "DF", 11: "OF", 14: "NT", 16: "RF", 17: "VM", 18: "AC",
               19: "VIF", 20: "VIP", 21: "ID"},
    "cr0": {0: "PE", 1: "MP", 2: "EM", 3: "TS", 4: "ET", 5: "NE", 16: "WP",
            18: "AM", 29: "NW", 30: "CD", 31: "PG"},
    "cr4": {0: "VME", 1: "PVI", 2: "TSD", 3: "DE", 4: "PSE", 5: "PAE",
            6: "MCE", 7: "PGE", 8: "PCE", 9: "OSFXSR", 10: "OSXMMEXCPT",
            11: "UMIP", 12: "LA57", 13: "VMXE", 14: "SMXE", 16: "FSGSBASE",
            17: "PCIDE", 18: "OSXSAVE", 20: "SMEP", 21: "SMAP", 22: "PKE",
            23: "CET", 24: "PKS"},
    "efer": {0: "SCE", 8: "LME", 10: "LMA", 11: "NXE"},
    "xcr0": {0: "x87", 1: "SSE", 2: "AVX", 3: "BNDREGS", 4: "BNDCSR",
             5: "opmask", 6: "ZMM_Hi256", 7: "Hi16_ZMM", 9: "PKRU",
             17: "TILECFG", 18: "TILEDATA"},
    "activity": {0: "waits for SIPI", 1: "halted"},
    "intercept_suspend": {0: "suspended", 1: "TLB flush inhibit"},
    "events": {0: "NMI", 1: "INIT", 2: "SIPI", 3: "external interrupt",
               4: "external interrupt taken"},
    "interrupt_state": {0: "shadow", 1: "NMI masked", 2: "of MOV SS"},
    "scontrol": {0: "enabled"}, "simp": {0: "enabled"},
    "siefp": {0: "enabled"}, "reference_tsc": {0: "enabled"},
    "config": {0: "enabled", 1: "periodic", 2: "lazy", 3: "auto-enable",
               12: "direct"},
    "pending_debug": {0: "B0", 1: "B1", 2: "B2", 3: "B3",
                      12: "enabled breakpoint", 14: "single step",
                      16: "RTM"},
    "attributes": {4: "S", 7: "P", 12: "AVL", 13: "L", 14: "D/B", 15: "G"},
}
BITS["xstate_bv"] = BITS["xss"] = BITS["xcr0"]


def bit_names(register: str, value: int) -> str:
    """The names of the set bits, '' for a register without such names."""
    names = BITS.get(register, {})
    return " ".join(name for bit, name in names.items() if value >> bit & 1)


def rights_text(rights: int) -> str:
    """Rights of an extent as rwx."""
    return "".join(letter if rights >> bit & 1 else "-"
                   for bit, letter in enumerate("rwx"))


def msr_name(number: int) -> str:
    """The name of a register in VP_MSRS, or its number."""
    return MSRS.get(number, f"{number:#x}")
