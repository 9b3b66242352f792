"""Section 5 of docs/stream.md as tables: what registers may hold.

VALUES has the rules of single registers (rules_single.py), TOGETHER those of
several. A rule of the page that has parts, or is about several registers, is
several rows.
"Here" is the machine that saved, as COMPAT shows it. What only the machine that
restores knows is not judged: which bits of CR0, CR4, EFER and DEBUGCTL it has
beyond those that exist at all, and whether it has TSC_AUX.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .names import MSR_NAMES
from .registers import Here, Registers, Segment
from .rule import (CODE_VECTORS, EXCEPTION, IF, INTERRUPT, LMA, LME, NMI, PAE,
                   PCIDE, PE, PG, TF, Rule, Test, always, code64, halted,
                   if_, long_mode, masked, not_v86, pae, pending, shadow,
                   usable, v86, waiting)
from .rules_single import value_rules
from .stream import Vp

BTF = 1                                                 # of DEBUGCTL
DEBUGCTL = MSR_NAMES["DEBUGCTL"]
DEBUG, MACHINE_CHECK = 1, 18            # vectors
DATA = ("es", "ds", "fs", "gs")
MEMORY = ("es", "cs", "ss", "ds", "fs", "gs")
SINGLE_STEP, ENABLED, IN_RTM = 14, 12, 16               # of pending_debug


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
    return r.here.amd or all(
        not entry & 1 or (not entry & 0x1E6 and r.here.is_address(entry))
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
    return r.here.amd or bool(r.debug_bits >> SINGLE_STEP & 1) == stepping


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
