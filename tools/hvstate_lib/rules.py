"""Section 5 of docs/stream.md as tables: what registers may hold.

VALUES has the rules of single registers, TOGETHER those of several. A rule
of the page that has parts, or is about several registers, is several rows.
"Here" is the machine that saved, as COMPAT shows it. What only the machine that
restores knows is not judged: which bits of CR0, CR4, EFER and DEBUGCTL it has
beyond those that exist at all, and whether it has TSC_AUX.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .names import MSR_NAMES
from .registers import Here, Registers, Segment
from .stream import Vp

Test = Callable[[Registers], bool]

RFLAGS_ONE, RFLAGS_ZERO = 1 << 1, ~0x3FFFFF | 1 << 3 | 1 << 5 | 1 << 15
PE, NW, CD, PG = 0, 29, 30, 31                          # of CR0
PAE, PCIDE = 5, 17                                      # of CR4
LME, LMA = 8, 10                                        # of EFER
TF, IF, VM = 8, 9, 17                                   # of RFLAGS
BTF = 1                                                 # of DEBUGCTL
X2APIC, APIC_ON = 10, 11                                # of APIC_BASE
CR0_BITS, CR4_BITS = 0xE005003F, 0x1FFFFFF & ~0x60A000
EFER_BITS, DEBUGCTL_BITS = 0xD01, 0xDFC3
DR6_ONES, DR6_ZEROS = 0xFFFE0FF0, ~0xFFFFFFFF | 1 << 12
DR7_ONES, DR7_ZEROS = 1 << 10, ~0xFFFFFFFF | 1 << 12 | 1 << 14 | 1 << 15
APIC_BASE_BITS = ~0xFFF | 1 << 8 | 1 << 10 | 1 << 11
DEF_TYPE_BITS, BASE_BITS, MASK_BITS = 0xCFF, ~0xF00, ~0x7FF
MEMORY_TYPES = frozenset((0, 1, 4, 5, 6))
PAT_TYPES = MEMORY_TYPES | {7}
DEBUGCTL = MSR_NAMES["DEBUGCTL"]
APIC_BASE = MSR_NAMES["APIC_BASE"]

INTERRUPT, NMI, EXCEPTION = 0, 2, 3     # types of a pending event
DEBUG, MACHINE_CHECK = 1, 18            # vectors
CODE_VECTORS = frozenset((8, *range(10, 15), 17))
DATA = ("es", "ds", "fs", "gs")
MEMORY = ("es", "cs", "ss", "ds", "fs", "gs")
SINGLE_STEP, ENABLED, IN_RTM = 14, 12, 16               # of pending_debug


@dataclass(frozen=True)
class Rule:
    """What shall hold; chunk and field are where a break is shown."""

    text: str
    chunk: str
    field: str
    holds: Test


def if_(condition: Test, rule: Test) -> Test:
    """A rule that is only there on a condition."""
    return lambda r: not condition(r) or rule(r)


# --- conditions


def always(_: Registers) -> bool:
    """No condition."""
    return True


def long_mode(r: Registers) -> bool:
    """EFER.LMA"""
    return r.efer(LMA)


def code64(r: Registers) -> bool:
    """64-bit code"""
    return r.efer(LMA) and bool(r.segments["cs"].attributes >> 13 & 1)


def v86(r: Registers) -> bool:
    """Virtual-8086 mode."""
    return r.rflags(VM)


def not_v86(r: Registers) -> bool:
    """All other modes."""
    return not r.rflags(VM)


def pae(r: Registers) -> bool:
    """PAE paging"""
    return r.cr0(PG) and r.cr4(PAE) and not r.efer(LMA)


def shadow(r: Registers) -> bool:
    """Of STI or MOV SS."""
    return bool(r.events["interrupt_state"] & 1)


def masked(r: Registers) -> bool:
    """NMIs are."""
    return bool(r.events["interrupt_state"] & 2)


def waiting(r: Registers) -> bool:
    """For a SIPI."""
    return bool(r.events["activity"] & 1)


def halted(r: Registers) -> bool:
    """By HLT."""
    return bool(r.events["activity"] & 2)


def pending(kind: int) -> Test:
    """An event of that type is."""
    return lambda r: r.event.pending and r.event.type == kind


def usable(name: str) -> Test:
    """A segment is."""
    return lambda r: r.segments[name].usable


# --- values of single registers


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
                     "VP_GP", "rip", lambda r, value: value >>
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


# --- registers together


def segment_rule(text: str, name: str, condition: Test,
                 test: Callable[[Segment, Registers], bool],
                 part: str = "attributes") -> Rule:
    """One about a segment register."""
    return Rule(f"{name} {text}", "VP_SEGMENT", f"{name}.{part}",
                if_(condition, lambda r: test(r.segments[name], r)))


def both(one: Test, two: Test) -> Test:
    """Two conditions."""
    return lambda r: one(r) and two(r)


def present(name: str) -> Test:
    """CS and TR always count; the others when they are usable."""
    return always if name in ("cs", "tr") else usable(name)


def mode_rules() -> Iterator[Rule]:
    """Control registers, and RIP."""
    for text, field, condition, test in (
            ("efer.LMA is only there with cr0.PG", "efer", long_mode,
             lambda r: r.cr0(PG)),
            ("efer.LMA is only there with cr4.PAE", "efer", long_mode,
             lambda r: r.cr4(PAE)),
            ("cr4.PCIDE is only there with efer.LMA", "cr4",
             lambda r: r.cr4(PCIDE), long_mode),
            ("with cr0.PG efer.LMA is efer.LME", "efer",
             lambda r: r.cr0(PG), lambda r: r.efer(LMA) == r.efer(LME))):
        yield Rule(text, "VP_CONTROL", field, if_(condition, test))
    yield Rule("pdpte has no reserved bits where one is present",
               "VP_EVENTS", "pdpte", if_(pae, pdptes_hold))
    yield Rule("rip is below 2^32 but in 64-bit code", "VP_GP", "rip",
               lambda r: code64(r) or r.rip >> 32 == 0)
    yield Rule("rflags.VM is only there with cr0.PE", "VP_GP", "rflags",
               if_(v86, lambda r: r.cr0(PE)))
    yield Rule("rflags.VM is only there without efer.LMA", "VP_GP", "rflags",
               if_(v86, lambda r: not r.efer(LMA)))


def pdptes_hold(r: Registers) -> bool:
    """Bits 2:1, 8:5 and those from the physical width on are clear."""
    return all(not entry & 1 or (not entry & 0x1E6
                                 and r.here.is_address(entry))
               for entry in r.events["pdpte"])


def base_rules() -> Iterator[Rule]:
    """Selectors and bases."""
    for name in ("tr", "ldtr"):
        yield segment_rule("has a selector with bit 2 clear", name,
                           present(name),
                           lambda s, _: not s.selector & 4, "selector")
    for name in ("fs", "gs", "tr", "ldtr"):
        yield segment_rule("has a canonical base", name,
                           usable(name) if name == "ldtr" else always,
                           lambda s, r: r.here.is_canonical(s.base), "base")
    for name in ("cs", "ss", "ds", "es"):
        yield segment_rule("has a base below 2^32", name, present(name),
                           lambda s, _: s.base >> 32 == 0, "base")


def v86_rules() -> Iterator[Rule]:
    """Segments of virtual-8086 mode."""
    for name in MEMORY:
        yield segment_rule("has a base of 16 times the selector in v86 mode",
                           name, v86,
                           lambda s, _: s.base == 16 * s.selector, "base")
        yield segment_rule("has limit 0xFFFF in v86 mode", name, v86,
                           lambda s, _: s.limit == 0xFFFF, "limit")
        yield segment_rule("has attributes 0xF3 in v86 mode", name, v86,
                           lambda s, _: s.attributes == 0xF3)


def code_dpl(cs: Segment, r: Registers) -> bool:
    """By the type of CS; other types break another rule."""
    ss = r.segments["ss"]
    if cs.type == 3:
        return cs.dpl == 0
    if cs.type in (9, 11):
        return cs.dpl == ss.dpl
    return cs.type not in (13, 15) or cs.dpl <= ss.dpl


def memory_rules() -> Iterator[Rule]:
    """ES CS SS DS FS GS, but in v86 mode."""
    yield segment_rule("is of type 3, 9, 11, 13 or 15", "cs", not_v86,
                       lambda s, _: s.type in (3, 9, 11, 13, 15))
    yield segment_rule("is of type 3 or 7", "ss", both(not_v86, usable("ss")),
                       lambda s, _: s.type in (3, 7))
    for name in DATA:
        there = both(not_v86, usable(name))
        yield segment_rule("was accessed", name, there,
                           lambda s, _: bool(s.type & 1))
        yield segment_rule("can be read", name, there,
                           lambda s, _: not s.type & 8 or bool(s.type & 2))
    for name in MEMORY:
        there = both(not_v86, present(name))
        yield segment_rule("has S", name, there, lambda s, _: not s.system)
        yield segment_rule("has a G that goes with the limit", name, there,
                           lambda s, _: s.limit_fits)
    yield segment_rule("has a DPL that goes with its type and SS", "cs",
                       not_v86, code_dpl)
    for text, why in (
            ("has DPL 0 if CS is of type 3",
             lambda r: r.segments["cs"].type == 3),
            ("has DPL 0 without cr0.PE", lambda r: not r.cr0(PE))):
        yield segment_rule(text, "ss", both(not_v86, why),
                           lambda s, _: s.dpl == 0)
    yield segment_rule("is usable", "cs", not_v86, lambda s, _: s.usable)
    yield segment_rule("has no D in 64-bit code", "cs",
                       both(not_v86, code64),
                       lambda s, _: not s.attributes >> 14 & 1)


def system_rules() -> Iterator[Rule]:
    """TR and LDTR."""
    yield segment_rule("is usable", "tr", always, lambda s, _: s.usable)
    yield segment_rule("is a busy TSS, of 16 bits without efer.LMA only",
                       "tr", always, lambda s, r: s.type == 11
                       or (s.type == 3 and not r.efer(LMA)))
    yield segment_rule("is of type 2", "ldtr", usable("ldtr"),
                       lambda s, _: s.type == 2)
    for name in ("tr", "ldtr"):
        yield segment_rule("has no S", name, present(name),
                           lambda s, _: s.system)
        yield segment_rule("has a G that goes with the limit", name,
                           present(name), lambda s, _: s.limit_fits)


def activity_rules() -> Iterator[Rule]:
    """Halted, waiting, in a shadow; debug exceptions that pend."""
    for text, field, condition, test in (
            ("activity: halted, SS has DPL 0", "activity", halted,
             lambda r: r.segments["ss"].dpl == 0),
            ("activity: halted, there is no shadow", "activity", halted,
             lambda r: not shadow(r)),
            ("activity: waiting, there is no shadow", "activity", waiting,
             lambda r: not shadow(r)),
            ("activity: halted, an event that pends is an interrupt, NMI, "
             "#DB or #MC", "activity", halted, wakes),
            ("activity: waiting, no event pends", "activity", waiting,
             lambda r: not r.event.pending),
            ("pending_debug: in a shadow or halted, bit 14 goes with "
             "rflags.TF and DEBUGCTL.BTF", "pending_debug",
             lambda r: shadow(r) or halted(r), steps)):
        yield Rule(text, "VP_EVENTS", field, if_(condition, test))
    for text, test in (
            ("RTM here", lambda r: r.here.rtm),
            ("bit 12", lambda r: bool(r.debug_bits >> ENABLED & 1)),
            ("no other bit", lambda r: not r.debug_bits
             & ~(1 << IN_RTM | 1 << ENABLED)),
            ("no shadow", lambda r: not shadow(r))):
        yield Rule(f"pending_debug: bit 16 is only there with {text}",
                   "VP_EVENTS", "pending_debug",
                   if_(lambda r: bool(r.debug_bits >> IN_RTM & 1), test))


def wakes(r: Registers) -> bool:
    """No event, or one that may be injected into a halted VP."""
    return (not r.event.pending or r.event.type in (INTERRUPT, NMI)
            or (r.event.type == EXCEPTION
                and r.event.vector in (DEBUG, MACHINE_CHECK)))


def steps(r: Registers) -> bool:
    """A single step pends if and only if the guest is stepping."""
    stepping = r.rflags(TF) and not r.msr(DEBUGCTL, BTF)
    return bool(r.debug_bits >> SINGLE_STEP & 1) == stepping


def injection_rules() -> Iterator[Rule]:
    """The pending event."""
    for text, kind, test in (
            ("an interrupt only with rflags.IF", INTERRUPT,
             lambda r: r.rflags(IF)),
            ("an interrupt only without a shadow", INTERRUPT,
             lambda r: not shadow(r)),
            ("an NMI only without a shadow", NMI, lambda r: not shadow(r)),
            ("an NMI only if NMIs are not masked", NMI,
             lambda r: not masked(r)),
            ("an exception with an error code if and only if cr0.PE is set "
             "and its vector has one", EXCEPTION,
             lambda r: r.event.has_code == (
                 r.cr0(PE) and r.event.vector in CODE_VECTORS))):
        yield Rule(f"pending_interruption: {text}", "VP_EVENTS",
                   "pending_interruption", if_(pending(kind), test))


VALUES = tuple(value_rules())
TOGETHER = (*mode_rules(), *base_rules(), *v86_rules(), *memory_rules(),
            *system_rules(), *activity_rules(), *injection_rules())


def broken(vp: Vp, here: Here) -> list[Rule]:
    """The rules that the registers of a VP do not keep."""
    registers = Registers(vp, here)
    return [rule for rule in VALUES + TOGETHER if not rule.holds(registers)]
