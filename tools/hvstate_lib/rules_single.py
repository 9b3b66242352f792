"""The first table of section 5 of docs/stream.md: values of single registers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .names import MSR_NAMES
from .registers import Registers
from .rule import (CD, CODE_VECTORS, EXCEPTION, NMI, NW, PE, PG, Rule, if_,
                   pae, pending, shadow)

RFLAGS_ONE, RFLAGS_ZERO = 1 << 1, ~0x3FFFFF | 1 << 3 | 1 << 5 | 1 << 15
X2APIC, APIC_ON = 10, 11                                # of APIC_BASE
CR0_BITS, CR4_BITS = 0xE005003F, 0x1FFFFFF & ~0x8E000
EFER_BITS, DEBUGCTL_BITS = 0xD01, 0xDFC3
DR6_ONES, DR6_ZEROS = 0xFFFE0FF0, ~0xFFFFFFFF | 1 << 12
DR7_ONES, DR7_ZEROS = 1 << 10, ~0xFFFFFFFF | 1 << 12 | 1 << 14 | 1 << 15
APIC_BASE_BITS = ~0xFFF | 1 << 8 | 1 << 10 | 1 << 11
DEF_TYPE_BITS, BASE_BITS, MASK_BITS = 0xCFF, ~0xF00, ~0x7FF
MEMORY_TYPES = frozenset((0, 1, 4, 5, 6))
PAT_TYPES = MEMORY_TYPES | {7}
APIC_BASE = MSR_NAMES["APIC_BASE"]


def field_rule(text: str, chunk: str, field: str,
               test: Callable[[Registers, int], bool]) -> Rule:
    """One about the value of a field."""
    sources = {"VP_GP": "gp", "VP_CONTROL": "control", "VP_DEBUG": "debug",
               "VP_TABLE": "table", "VP_EVENTS": "events",
               "VP_APIC": "apic", "VP_SYNIC": "synic"}
    return Rule(f"{field} {text}", chunk, field,
                lambda r: test(r, getattr(r, sources[chunk])[field]))


def msr_rule(text: str, name: str,
             test: Callable[[Registers, int], bool]) -> Rule:
    """One about an MSR, if it is in the stream."""
    number = MSR_NAMES[name]
    return Rule(f"{name} {text}", "VP_MSRS", name,
                lambda r: number not in r.msrs or test(r, r.msrs[number]))


def bits(allowed: int) -> Callable[[Registers, int], bool]:
    """No others are set."""
    return lambda _, value: not value & ~allowed


def fixed(ones: int, zeros: int) -> Callable[[Registers, int], bool]:
    """These are set, and those are clear."""
    return lambda _, value: value & ones == ones and not value & zeros


def canonical(r: Registers, value: int) -> bool:
    """As the linear width has it."""
    return r.here.is_canonical(value)


def address(r: Registers, value: int) -> bool:
    """Below the physical width."""
    return r.here.is_address(value)


def types_of(types: frozenset[int]) -> Callable[[Registers, int], bool]:
    """Each byte is a memory type."""
    return lambda _, value: types.issuperset(value.to_bytes(8, "little"))


def low_type(_: Registers, value: int) -> bool:
    """The lowest byte is a memory type."""
    return value & 0xFF in MEMORY_TYPES


def xcr0_is_a_set(r: Registers) -> bool:
    """XSETBV takes it: x87 always, AVX on SSE, AVX-512 whole on AVX."""
    x = r.xcr0
    return bool(x & 1 and (not x & 4 or x & 2)
                and x >> 3 & 3 in (0, 3)
                and x >> 5 & 7 in (0, 7) and (not x & 0xE0 or x & 4)
                and x >> 17 & 3 in (0, 3))


def event_rules() -> Iterator[Rule]:
    """pending_interruption"""
    for text, test in (
            ("is 0 when not pending", lambda r: r.event.pending
             or not r.events["pending_interruption"]),
            ("has type 0, 2 to 6", if_(lambda r: r.event.pending, lambda r:
                                       r.event.type in (0, 2, 3, 4, 5, 6))),
            ("has a vector of 8 bits", lambda r: r.event.vector < 256),
            ("has vector 2 for an NMI", if_(pending(NMI), lambda r:
                                            r.event.vector == 2)),
            ("has a vector below 32 for an exception",
             if_(pending(EXCEPTION), lambda r: r.event.vector < 32)),
            ("has a length for an instruction",
             lambda r: r.event.type not in (4, 5, 6) or r.event.length > 0),
            ("has an error code only for an exception that has one",
             if_(lambda r: r.event.has_code, lambda r:
                 r.event.type == EXCEPTION
                 and r.event.vector in CODE_VECTORS)),
            ("has an error code only with bit 4",
             lambda r: r.event.has_code or not r.event.code),
            ("has an error code of 16 bits",
             lambda r: r.event.code >> 16 == 0)):
        yield Rule(f"pending_interruption {text}", "VP_EVENTS",
                   "pending_interruption", test)


def value_rules() -> Iterator[Rule]:
    """The first table of section 5."""
    yield field_rule("has all bits from the linear width on the same",
                     "VP_GP", "rip", lambda r, value: r.here.amd or value >>
                     r.here.linear_bits in (0, (1 << 64 - r.here.linear_bits)
                                            - 1))
    for name in ("KERNEL_GS_BASE", "LSTAR", "CSTAR", "SYSENTER_EIP",
                 "SYSENTER_ESP"):
        yield msr_rule("is canonical", name, canonical)
    for name in ("idtr.base", "gdtr.base"):
        yield field_rule("is canonical", "VP_TABLE", name, canonical)
    yield field_rule("has its fixed bits", "VP_GP", "rflags",
                     fixed(RFLAGS_ONE, RFLAGS_ZERO))
    yield field_rule("has bits that exist", "VP_CONTROL", "cr0",
                     bits(CR0_BITS))
    yield Rule("cr0 has PG only with PE", "VP_CONTROL", "cr0",
               if_(lambda r: r.cr0(PG), lambda r: r.cr0(PE)))
    yield Rule("cr0 has NW only with CD", "VP_CONTROL", "cr0",
               if_(lambda r: r.cr0(NW), lambda r: r.cr0(CD)))
    yield field_rule("is below the physical width", "VP_CONTROL", "cr3",
                     address)
    yield field_rule("has bits that exist", "VP_CONTROL", "cr4",
                     bits(CR4_BITS))
    yield field_rule("has bits that exist", "VP_CONTROL", "efer",
                     bits(EFER_BITS))
    yield msr_rule("has bits that exist", "DEBUGCTL", bits(DEBUGCTL_BITS))
    yield field_rule("is bits 7:4 of VP_APIC.tpr", "VP_CONTROL", "cr8",
                     lambda r, value: value == r.apic["tpr"] >> 4)
    yield from extended_rules()
    yield field_rule("has its fixed bits", "VP_DEBUG", "dr6",
                     fixed(DR6_ONES, DR6_ZEROS))
    yield field_rule("has its fixed bits", "VP_DEBUG", "dr7",
                     fixed(DR7_ONES, DR7_ZEROS))
    for name in ("SYSENTER_CS", "SFMASK", "TSC_AUX"):
        yield msr_rule("has 32 bits", name, bits(0xFFFFFFFF))
    yield from apic_rules()
    yield from mtrr_rules()
    yield Rule("interrupt_state has bit 2 only with bit 0", "VP_EVENTS",
               "interrupt_state",
               if_(lambda r: bool(r.events["interrupt_state"] & 4), shadow))
    yield Rule("pdpte is zero without PAE paging", "VP_EVENTS", "pdpte",
               lambda r: pae(r) or not any(r.events["pdpte"]))
    for name in ("simp", "siefp"):
        yield field_rule("is below the physical width", "VP_SYNIC", name,
                         address)
    yield from event_rules()


def extended_rules() -> Iterator[Rule]:
    """XCR0, and what belongs to it."""
    yield Rule("xcr0 is a set that XSETBV takes", "VP_XSAVE_CONTROL", "xcr0",
               xcr0_is_a_set)
    yield Rule("xcr0 has components that are here", "VP_XSAVE_CONTROL",
               "xcr0", lambda r: not r.xcr0 & ~(
                   r.here.xcr0 if r.here.xsave else 1))
    yield Rule("xmm_control_status has an MXCSR of bits that are here",
               "VP_FP", "xmm_control_status",
               lambda r: not r.mxcsr & ~r.here.mxcsr_mask)
    yield Rule("xstate_bv has components that are here", "VP_XSAVE",
               "xstate_bv", lambda r: not r.xstate_bv & ~r.here.xcr0)


def apic_rules() -> Iterator[Rule]:
    """The local APIC and its base."""
    yield msr_rule("has bits that exist", "APIC_BASE", bits(APIC_BASE_BITS))
    yield msr_rule("is below the physical width", "APIC_BASE", address)
    yield msr_rule("has bit 10 only with bit 11", "APIC_BASE",
                   lambda _, value: not value >> X2APIC & 1
                   or bool(value >> APIC_ON & 1))
    yield Rule("ldr is 0 in x2APIC mode", "VP_APIC", "ldr",
               if_(lambda r: r.msr(APIC_BASE, X2APIC),
                   lambda r: not r.apic["ldr"]))
    yield field_rule("is below the physical width", "VP_APIC", "assist",
                     address)


def mtrr_rules() -> Iterator[Rule]:
    """The PAT and the MTRRs."""
    yield msr_rule("has memory types", "PAT", types_of(PAT_TYPES))
    yield msr_rule("has bits that exist", "MTRR_DEF_TYPE",
                   bits(DEF_TYPE_BITS))
    yield msr_rule("has a memory type", "MTRR_DEF_TYPE", low_type)
    for name in MSR_NAMES:
        if name.startswith("MTRR_FIX"):
            yield msr_rule("has memory types", name, types_of(MEMORY_TYPES))
        if name.startswith("MTRR_PHYS_BASE"):
            yield msr_rule("has a memory type", name, low_type)
        for kind, allowed in (("BASE", BASE_BITS), ("MASK", MASK_BITS)):
            if name.startswith("MTRR_PHYS_" + kind):
                yield msr_rule("has bits that exist", name, bits(allowed))
                yield msr_rule("is below the physical width", name, address)
