"""Section 5, broken: for each rule a VP that breaks it and no other.

TOGETHER has the rows of the page's second table by their text. A case is a
base that keeps all rules, and what of it is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hvstate_lib.names import MSR_NAMES

Changes = Mapping[str, Any]
FAR = 1 << 50                           # beyond the width of all machines here
NOT_CANONICAL = 1 << 47
MEMORY = ("es", "cs", "ss", "ds", "fs", "gs")
DATA = ("es", "ds", "fs", "gs")
RTM = {"features": {"CPUID.7.0:EBX": 1 << 11}}
AVX = {"xcr0": 7, "xsave_size": 832, "xsave_offset": {"2": 576}}

USER = {"vp_segment": {"cs.attributes": 0xC0FB, "ss.attributes": 0xC0F3,
                       "cpl": 3}}
BASES: dict[str, Changes] = {
    "reset": {}, "protected": {}, "v86": {}, "pae": {}, "long": {},
    "compatibility": {"mode": "long",
                      "vp_segment": {"cs.attributes": 0xC09B}},
    "user": USER | {"mode": "protected"},
    "halted": {"mode": "long", "vp_events": {"activity": 2}},
    "waiting": {"vp_events": {"activity": 1}, "mode": "reset"},
    "shadow": {"mode": "long", "vp_gp": {"rflags": 0x202},
               "vp_events": {"interrupt_state": 1}},
    "mov ss": {"mode": "protected", "vp_events": {"interrupt_state": 5}},
    "masked": {"mode": "long", "vp_events": {"interrupt_state": 2}},
    "rtm": {"mode": "long", "vp_events": {"pending_debug": 0x11000}},
    "step": {"mode": "long", "vp_gp": {"rflags": 0x302},
             "vp_events": {"pending_debug": 0x4000, "activity": 2}},
    "ldt": {"mode": "long", "vp_segment": {
        "ldtr.attributes": 0x82, "ldtr.limit": 0xFFF,
        "ldtr.selector": 0x28}},
}


@dataclass(frozen=True)
class Case:
    """A base, what is changed of it, and the rule that it breaks then."""

    rule: str
    base: str
    vp: Mapping[str, Changes]
    compat: Changes = field(default_factory=lambda: RTM)

    @property
    def name(self) -> str:
        """For pytest."""
        changed = "-".join(f"{name}={value:#x}" if isinstance(value, int)
                           else name for chunk in self.vp.values()
                           for name, value in chunk.items())
        return f"{self.rule}: {self.base} {changed}"


def vp_of(base: str, changes: Mapping[str, Changes]) -> dict[str, Any]:
    """A VP to describe."""
    vp: dict[str, Any] = {"mode": base, **BASES[base]}
    for chunk, values in changes.items():
        vp[chunk] = {**vp.get(chunk, {}), **values}
    return vp


def event(kind: int, vector: int, code: int | None = None, length: int = 0) \
        -> dict[str, int]:
    """VP_EVENTS with one that is pending."""
    return {"pending_interruption": 1 | kind << 1 | (code is not None) << 4
            | length << 5 | vector << 16 | (code or 0) << 32}


# --- one chunk of the base is changed


def gp(rule: str, base: str, **values: int) -> Case:
    """VP_GP"""
    return Case(rule, base, {"vp_gp": values})


def control(rule: str, base: str, **values: int) -> Case:
    """VP_CONTROL"""
    return Case(rule, base, {"vp_control": values})


def events(rule: str, base: str, values: Changes,
           rflags: int | None = None) -> Case:
    """VP_EVENTS, and RFLAGS if it is to be another than the base's."""
    more = {} if rflags is None else {"vp_gp": {"rflags": rflags}}
    return Case(rule, base, {"vp_events": values, **more})


def segment(rule: str, base: str, name: str, /, **values: int) -> Case:
    """VP_SEGMENT; the CPL is kept with SS."""
    made: dict[str, int] = {f"{name}.{part}": value
                            for part, value in values.items()}
    if name == "ss" and "attributes" in values:
        made["cpl"] = values["attributes"] >> 5 & 3
    return Case(f"{name} {rule}", base, {"vp_segment": made})


def msr(rule: str, name: str, *values: int) -> tuple[Case, ...]:
    """VP_MSRS"""
    return tuple(Case(f"{name} {rule}", "long", {"vp_msrs": {name: value}})
                 for value in values)


# --- the second table of section 5

NO_G = {"limit": 0xFFFFFFFF, "attributes": 0x4093}
CODE_NO_G = {"limit": 0xFFFFFFFF, "attributes": 0x409B}
G_FITS = "has a G that goes with the limit"
CODE_DPL = "has a DPL that goes with its type and SS"
TSS_TYPE = "is a busy TSS, of 16 bits without efer.LMA only"
WAKES = ("activity: halted, an event that pends is an interrupt, NMI, #DB or "
         "#MC")
STEPS = ("pending_debug: in a shadow or halted, bit 14 goes with rflags.TF "
         "and DEBUGCTL.BTF")
CODE = ("pending_interruption: an exception with an error code if and only "
        "if cr0.PE is set and its vector has one")
IN_RTM = "pending_debug: bit 16 is only there with "

TOGETHER: dict[str, tuple[Case, ...]] = {
    "EFER.LMA: CR0.PG and CR4.PAE are set": (
        control("efer.LMA is only there with cr0.PG", "long", cr0=0x10033),
        control("efer.LMA is only there with cr4.PAE", "long", cr4=0x600)),
    "CR4.PCIDE: EFER.LMA is set": tuple(
        control("cr4.PCIDE is only there with efer.LMA", base, cr4=0x20620)
        for base in ("pae", "protected", "reset")),
    "CR0.PG: EFER.LMA is EFER.LME": tuple(
        control("with cr0.PG efer.LMA is efer.LME", base, efer=efer)
        for base, efer in (("long", 0x400), ("pae", 0x100))),
    "PAE paging: a pdpte with bit 0 has no bit of 2:1, 8:5 or from the "
    "physical width on": tuple(
        events("pdpte has no reserved bits where one is present", "pae",
               {"pdpte": [0] * i + [1 | bit]})
        for i, bit in enumerate((2, 4, 0x20, FAR))) + tuple(
        events("pdpte has no reserved bits where one is present", "pae",
               {"pdpte": [1 | bit]}) for bit in (0x100, 1 << 63)),
    "TR, and LDTR if usable: bit 2 of the selector is clear": (
        segment("has a selector with bit 2 clear", "long", "tr",
                selector=0x1C),
        segment("has a selector with bit 2 clear", "v86", "tr", selector=4),
        segment("has a selector with bit 2 clear", "ldt", "ldtr",
                selector=4)),
    "v86: of ES CS SS DS FS GS the base is 16 times the selector, the limit "
    "0xFFFF, the attributes 0xF3": tuple(
        segment(text, "v86", name, **change)
        for name in MEMORY for text, change in (
            ("has a base of 16 times the selector in v86 mode",
             {"base": 0x10010}),
            ("has a base of 16 times the selector in v86 mode",
             {"selector": 0xFFF}),
            ("has limit 0xFFFF in v86 mode", {"limit": 0xFFFE}),
            ("has limit 0xFFFF in v86 mode", {"limit": 0x1FFFF}),
            ("has attributes 0xF3 in v86 mode", {"attributes": 0x73}),
            ("has attributes 0xF3 in v86 mode", {"attributes": 0x10F3}))),
    "FS, GS, TR bases, and LDTR's if usable, are canonical": tuple(
        segment("has a canonical base", "ldt", name, base=NOT_CANONICAL)
        for name in ("fs", "gs", "tr", "ldtr")) + (
            Case("fs has a canonical base", "long", {"vp_segment": {
                "fs.base": NOT_CANONICAL, "fs.attributes": 0}}),),
    "the CS base, and those of SS, DS, ES if usable, are below 2^32": tuple(
        segment("has a base below 2^32", base, name, base=1 << 32)
        for base in ("long", "protected")
        for name in ("cs", "ss", "ds", "es")),
    "not v86: CS is of type 9, 11, 13, 15, or 3; SS, if usable, of type 3 or "
    "7": tuple(
        segment("is of type 3, 9, 11, 13 or 15", "protected", "cs",
                attributes=0xC090 | kind)
        for kind in (0, 1, 2, 4, 5, 6, 7, 8, 10, 12, 14)) + tuple(
        segment("is of type 3 or 7", "protected", "ss",
                attributes=0xC090 | kind)
        for kind in (0, 1, 2, 4, 5, 6, 9, 11, 13, 15)),
    "not v86: DS, ES, FS, GS, if usable, have bit 0 of the type, and bit 1 "
    "if they have bit 3": tuple(
        segment("was accessed", "long", name, attributes=0xC092)
        for name in DATA) + tuple(
        segment("can be read", "long", name, attributes=0xC099)
        for name in DATA),
    "not v86: CS, and ES SS DS FS GS if usable, have attribute bit 4 (S)":
    tuple(segment("has S", "protected", name,
                  attributes=0xC08B if name == "cs" else 0xC083)
          for name in MEMORY),
    "not v86: the DPL of CS is 0 if of type 3, that of SS if of type 9 or "
    "11, no higher if of type 13 or 15": tuple(
        segment(CODE_DPL, base, "cs", attributes=attributes)
        for base, attributes in (
            ("protected", 0xC0F3), ("protected", 0xC0F9),
            ("protected", 0xC0BB), ("protected", 0xC0BD),
            ("protected", 0xC0FF), ("user", 0xC0DB), ("user", 0xC099),
            ("long", 0xA0FB), ("reset", 0xFB))),
    "not v86: the DPL of SS is 0 if CS is of type 3 or CR0.PE is clear": (
        Case("ss has DPL 0 if CS is of type 3", "user",
             {"vp_segment": {"cs.attributes": 0xC093}}),
        Case("ss has DPL 0 without cr0.PE", "reset", {"vp_segment": {
            "cs.attributes": 0xFB, "ss.attributes": 0xF3, "cpl": 3}})),
    "not v86: CS is usable; 64-bit code has attribute bit 14 (D) clear": (
        segment("is usable", "protected", "cs", attributes=0xC01B),
        segment("is usable", "long", "cs", attributes=0xA01B),
        segment("has no D in 64-bit code", "long", "cs", attributes=0xE09B)),
    "not v86: CS, and ES SS DS FS GS if usable: attribute bit 15 (G) is "
    "clear if any of limit bits 11:0 is, and set if any of 31:20 is": tuple(
        segment(G_FITS, "long" if name != "cs" else "compatibility", name,
                **change)
        for name in MEMORY for change in (
            CODE_NO_G if name == "cs" else NO_G, {"limit": 0xFFFFFFFE},
            {"limit": 0xFFFFF7FF})),
    "TR is usable, without bit 4 (S), of type 11, or 3 without EFER.LMA; its "
    "limit obeys the rule of G": (
        segment("is usable", "long", "tr", attributes=0xB),
        segment("is usable", "v86", "tr", attributes=0xB),
        segment("has no S", "long", "tr", attributes=0x9B),
        segment(TSS_TYPE, "long", "tr", attributes=0x89),
        segment(TSS_TYPE, "long", "tr", attributes=0x83),
        segment(TSS_TYPE, "compatibility", "tr", attributes=0x83),
        segment(TSS_TYPE, "protected", "tr", attributes=0x81),
        segment(TSS_TYPE, "reset", "tr", attributes=0x82),
        segment(G_FITS, "long", "tr", limit=1 << 20),
        segment(G_FITS, "long", "tr", attributes=0x808B)),
    "LDTR, if usable, is without bit 4 (S) and of type 2; its limit obeys "
    "the rule of G": (
        segment("has no S", "ldt", "ldtr", attributes=0x92),
        segment("is of type 2", "ldt", "ldtr", attributes=0x83),
        segment("is of type 2", "reset", "ldtr", attributes=0x8B),
        segment(G_FITS, "ldt", "ldtr", limit=1 << 31),
        segment(G_FITS, "ldt", "ldtr", attributes=0x8082, limit=0xFFE)),
    "RIP: below 2^32 unless 64-bit code": tuple(
        gp("rip is below 2^32 but in 64-bit code", base, rip=1 << 32)
        for base in ("reset", "protected", "v86", "pae", "compatibility")),
    "v86: CR0.PE is set and EFER.LMA clear": (
        control("rflags.VM is only there with cr0.PE", "v86", cr0=0x10),
        control("rflags.VM is only there without efer.LMA", "v86",
                cr0=0x80010033, cr4=0x620, efer=0x500)),
    "halted: the DPL of SS is 0": tuple(
        events("activity: halted, SS has DPL 0", base, {"activity": 2})
        for base in ("user", "v86")),
    "halted or waiting: no shadow": (
        events("activity: halted, there is no shadow", "shadow",
               {"activity": 2}),
        events("activity: halted, there is no shadow", "mov ss",
               {"activity": 2}),
        events("activity: waiting, there is no shadow", "shadow",
               {"activity": 1}),
        events("activity: waiting, there is no shadow", "mov ss",
               {"activity": 1})),
    "halted: a pending event is an interrupt, an NMI, #DB or #MC; waiting: "
    "none is pending": (
        events(WAKES, "halted", event(3, 6)),
        events(WAKES, "halted", event(3, 14, 0)),
        events(WAKES, "halted", event(4, 0x80, None, 2)),
        events(WAKES, "halted", event(5, 1, None, 1)),
        events(WAKES, "halted", event(6, 3, None, 1)),
        events("activity: waiting, no event pends", "waiting", event(2, 2)),
        events("activity: waiting, no event pends", "waiting", event(3, 18)),
        events("activity: waiting, no event pends", "waiting",
               event(0, 0x30), 0x202)),
    "shadow or halted: pending_debug bit 14 is set if and only if RFLAGS.TF "
    "is and DEBUGCTL.BTF is not": (
        gp(STEPS, "shadow", rflags=0x302), gp(STEPS, "mov ss", rflags=0x102),
        gp(STEPS, "halted", rflags=0x102), gp(STEPS, "step", rflags=0x202),
        events(STEPS, "mov ss", {"pending_debug": 0x4000}),
        events(STEPS, "halted", {"pending_debug": 0x4001}),
        Case(STEPS, "step", {"vp_msrs": {"DEBUGCTL": 2}})),
    "pending_debug bit 16: CPUID.7:EBX.RTM is here, bit 12 is set, no other "
    "bit is, and there is no shadow": (
        Case(IN_RTM + "RTM here", "rtm", {}, {}),
        events(IN_RTM + "bit 12", "rtm", {"pending_debug": 0x10000}),
        events(IN_RTM + "no other bit", "rtm", {"pending_debug": 0x15000}),
        events(IN_RTM + "no other bit", "rtm", {"pending_debug": 0x11001}),
        events(IN_RTM + "no shadow", "rtm", {"interrupt_state": 1}, 0x202),
        events(IN_RTM + "no shadow", "rtm", {"interrupt_state": 5})),
    "a pending interrupt: RFLAGS.IF is set and there is no shadow": (
        events("pending_interruption: an interrupt only with rflags.IF",
               "long", event(0, 0x30)),
        events("pending_interruption: an interrupt only without a shadow",
               "shadow", event(0, 0x30)),
        events("pending_interruption: an interrupt only without a shadow",
               "mov ss", event(0, 0x30), 0x202)),
    "a pending NMI: no shadow, not masked": (
        events("pending_interruption: an NMI only without a shadow",
               "shadow", event(2, 2)),
        events("pending_interruption: an NMI only without a shadow",
               "mov ss", event(2, 2)),
        events("pending_interruption: an NMI only if NMIs are not masked",
               "masked", event(2, 2))),
    "a pending exception has an error code if and only if CR0.PE is set and "
    "its vector is 8, 10 to 14, or 17": tuple(
        events(CODE, "long", event(3, vector))
        for vector in (8, 10, 11, 12, 13, 14, 17)) + (
            events(CODE, "v86", event(3, 13)),
            events(CODE, "reset", event(3, 13, 0)),
            events(CODE, "reset", event(3, 8, 0))),
}

# --- the first table

EVENT = "pending_interruption "
MTRRS = tuple(name for name in MSR_NAMES if name.startswith("MTRR_"))

VALUES: tuple[Case, ...] = (
    *(gp("rip has all bits from the linear width on the same", "long",
         rip=rip) for rip in (1 << 48, 1 << 63, 0xFFFE << 48)),
    *(case for name in ("KERNEL_GS_BASE", "LSTAR", "CSTAR", "SYSENTER_EIP",
                        "SYSENTER_ESP")
      for case in msr("is canonical", name, NOT_CANONICAL, 1 << 63)),
    *(Case(f"{name} is canonical", "long",
           {"vp_table": {name: NOT_CANONICAL}})
      for name in ("idtr.base", "gdtr.base")),
    *(gp("rflags has its fixed bits", "long", rflags=rflags)
      for rflags in (0, 0xA, 0x22, 0x8002, 0x400002, 1 << 63 | 2)),
    control("cr0 has bits that exist", "long", cr0=0x80010073),
    control("cr0 has bits that exist", "long", cr0=0x180010033),
    control("cr0 has PG only with PE", "pae", cr0=0x80010032),
    control("cr0 has NW only with CD", "long", cr0=0xA0010033),
    control("cr3 is below the physical width", "long", cr3=FAR),
    *(control("cr4 has bits that exist", "long", cr4=0x620 | 1 << bit)
      for bit in (13, 14, 15, 19)),
    control("cr4 has bits that exist", "long", cr4=1 << 32 | 0x620),
    control("efer has bits that exist", "long", efer=0x502),
    *msr("has bits that exist", "DEBUGCTL", 4, 1 << 16),
    control("cr8 is bits 7:4 of VP_APIC.tpr", "long", cr8=1),
    control("cr8 is bits 7:4 of VP_APIC.tpr", "long", cr8=16),
    Case("cr8 is bits 7:4 of VP_APIC.tpr", "long", {"vp_apic": {
        "tpr": 0x10}}),
    *(Case("xcr0 is a set that XSETBV takes", "long",
           {"vp_xsave_control": {"xcr0": xcr0}}, AVX)
      for xcr0 in (0, 2, 4, 5, 6)),
    Case("xcr0 has components that are here", "long",
         {"vp_xsave_control": {"xcr0": 0x107}}, AVX),
    Case("xmm_control_status has an MXCSR of bits that are here", "long",
         {"vp_fp": {"xmm_control_status": "0000000000000000801f0100"}}),
    Case("xstate_bv has components that are here", "long",
         {"vp_xsave": {"xstate_bv": 0x107}}, AVX),
    *(Case("dr6 has its fixed bits", "long", {"vp_debug": {"dr6": dr6}})
      for dr6 in (0xFFFF0FE0, 0x7FFF0FF0, 0xFFFF1FF0, 0x1FFFF0FF0)),
    *(Case("dr7 has its fixed bits", "long", {"vp_debug": {"dr7": dr7}})
      for dr7 in (0, 0x1400, 0x4400, 0x8400, 1 << 32 | 0x400)),
    *(case for name in ("SYSENTER_CS", "SFMASK", "TSC_AUX")
      for case in msr("has 32 bits", name, 1 << 32)),
    *msr("has bits that exist", "APIC_BASE", 0xFEE00801, 0xFEE00A00),
    *msr("is below the physical width", "APIC_BASE", FAR | 0x800),
    *msr("has bit 10 only with bit 11", "APIC_BASE", 0xFEE00400),
    Case("ldr is 0 in x2APIC mode", "long", {
        "vp_msrs": {"APIC_BASE": 0xFEE00C00}, "vp_apic": {"ldr": 1 << 24}}),
    Case("assist is below the physical width", "long",
         {"vp_apic": {"assist": FAR | 1}}),
    *msr("has memory types", "PAT", 2, 3 << 56, 8 << 8),
    *msr("has bits that exist", "MTRR_DEF_TYPE", 0x1000, 0x100),
    *msr("has a memory type", "MTRR_DEF_TYPE", 2, 7),
    *(case for name in MTRRS if "FIX" in name
      for case in msr("has memory types", name, 7, 2 << 56)),
    *(case for name in MTRRS if "BASE" in name
      for case in msr("has a memory type", name, 7)),
    *(case for name in MTRRS if "PHYS" in name
      for case in msr("has bits that exist", name,
                      0x100 if "BASE" in name else 0x806)),
    *(case for name in MTRRS if "PHYS" in name
      for case in msr("is below the physical width", name, FAR)),
    events("interrupt_state has bit 2 only with bit 0", "long",
           {"interrupt_state": 4}),
    *(events("pdpte is zero without PAE paging", base, {"pdpte": pdpte})
      for base in ("reset", "protected", "long")
      for pdpte in ([1], [0, 0, 0, 2], [3])),
    *(Case(f"{name} is below the physical width", "long",
           {"vp_synic": {name: FAR | enabled}})
      for name in ("simp", "siefp") for enabled in (0, 1)),
    events(EVENT + "is 0 when not pending", "long",
           {"pending_interruption": 2}),
    events(EVENT + "has type 0, 2 to 6", "long", event(1, 0)),
    events(EVENT + "has type 0, 2 to 6", "long", event(7, 0)),
    events(EVENT + "has a vector of 8 bits", "long", event(0, 256), 0x202),
    events(EVENT + "has a vector of 8 bits", "long",
           event(4, 256, None, 2)),
    events(EVENT + "has vector 2 for an NMI", "long", event(2, 3)),
    events(EVENT + "has a vector below 32 for an exception", "long",
           event(3, 32)),
    *(events(EVENT + "has a length for an instruction", "long",
             event(kind, 3)) for kind in (4, 5, 6)),
    events(EVENT + "has an error code only for an exception that has one",
           "long", event(0, 14, 0), 0x202),
    events(EVENT + "has an error code only for an exception that has one",
           "long", event(6, 14, 0, 2)),
    events(EVENT + "has an error code only with bit 4", "long",
           {"pending_interruption": 7 | 6 << 16 | 1 << 32}),
    events(EVENT + "has an error code of 16 bits", "long",
           event(3, 14, 0x10000)),
)

# --- next to the rules, and none broken

KEPT: tuple[Case, ...] = (
    *(Case("", base, {}) for base in BASES),
    gp("", "long", rip=1 << 47), gp("", "long", rip=0xFFFF << 48),
    gp("", "long", rip=0xFFFFFFFF_FFFFFFFF), gp("", "pae", rip=0xFFFFFFFF),
    *(gp("", "long", rflags=rflags) for rflags in (0x3F7FD7 & ~0x20000, 2)),
    control("", "long", cr4=0x20620),
    control("", "protected", efer=0x100),
    control("", "reset", cr0=0), control("", "protected", cr4=0x620),
    events("", "pae", {"pdpte": [0x1001, 0x1E6, FAR, 0xE19]}),
    segment("", "long", "ldtr", selector=4, base=NOT_CANONICAL,
            attributes=0x7F, limit=0xFFFFFFFE),
    *(segment("", "long", name, attributes=0x4008, base=base)
      for name, base in (("es", FAR), ("ds", FAR), ("fs", 0), ("gs", 0))),
    segment("", "long", "ss", attributes=0, base=FAR),
    *(segment("", "long", name, base=0xFFFF8000_00000000)
      for name in ("fs", "gs", "tr")),
    *(segment("", "protected", "cs", attributes=attributes)
      for attributes in (0xC093, 0xC099, 0xC09D, 0xC09F)),
    *(segment("", "user", "cs", attributes=attributes)
      for attributes in (0xC0F9, 0xC0BD, 0xC09F, 0xC0FF)),
    *(segment("", "protected", "ss", attributes=attributes)
      for attributes in (0xC097, 0x0)),
    *(segment("", "long", "ds", attributes=attributes)
      for attributes in (0xC091, 0xC095, 0xC09B, 0xC0FF)),
    *(segment("", "long", "ds", limit=limit, attributes=attributes)
      for limit, attributes in ((0xFFFFF, 0x4093), (0xFFF, 0xC093),
                                (0, 0x93), (0xFFFFF, 0xC093))),
    segment("", "protected", "tr", attributes=0x83),
    segment("", "reset", "tr", attributes=0x83),
    segment("", "long", "tr", attributes=0x808B, limit=0xFFF),
    gp("", "v86", rflags=0x23302), gp("", "v86", rip=0xFFFFFFFF),
    control("", "v86", cr0=0x80010033, cr4=0x620),
    events("", "waiting", {"activity": 3}),
    *(events("", "halted", event(*what), 0x202)
      for what in ((0, 0x30), (2, 2), (3, 1), (3, 18))),
    *(events("", "shadow", what) for what in (
        event(3, 14, 4), event(4, 0x80, None, 2), event(5, 1, None, 1),
        {"interrupt_state": 7}, {"pending_debug": 0x100F})),
    events("", "shadow", {"pending_debug": 0x4000}, 0x302),
    Case("", "shadow", {"vp_gp": {"rflags": 0x302},
                        "vp_msrs": {"DEBUGCTL": 2}}),
    events("", "shadow", {"interrupt_state": 1}, 2),
    events("", "long", {"pending_debug": 0x4000}),
    gp("", "long", rflags=0x102),
    events("", "masked", event(3, 1)),
    events("", "long", event(2, 2)),
    events("", "long", event(3, 6, None, 3)),
    events("", "long", event(3, 14, 0xFFFF)),
    events("", "v86", event(3, 13, 0)),
    *(events("", "reset", event(3, vector)) for vector in (8, 13, 14, 21)),
    *(events("", "long", event(kind, vector, None, 15))
      for kind in (4, 5, 6) for vector in (14, 255)),
    Case("", "long", {"vp_xsave_control": {"xcr0": 3},
                      "vp_xsave": {"xstate_bv": 7}}, AVX),
    Case("", "long", {"vp_debug": {"dr6": 0xFFFEEFFF, "dr7": 0xFFFF2FFF}}),
    Case("", "long", {"vp_control": {"cr8": 15}, "vp_apic": {"tpr": 0xFF}}),
    Case("", "long", {"vp_apic": {"assist": 0x5001},
                      "vp_synic": {"simp": 0x5001, "siefp": 0x6001}}),
    Case("", "long", {"vp_synic": {"simp": 0x5001, "siefp": 0x5000}}),
    Case("", "long", {"vp_msrs": {
        "PAT": 0x0706050401000007, "MTRR_DEF_TYPE": 0xC06,
        "MTRR_PHYS_BASE0": 0xFFFFFF006, "MTRR_PHYS_MASK0": 0xFFFFFF800,
        "MTRR_FIX_64K_00000": 0x0605040100060606,
        "APIC_BASE": 0xFFFFFFD00}}),
    Case("", "long", {"vp_msrs": {"APIC_BASE": 0xFEE00800},
                      "vp_apic": {"ldr": 0xFF000000}}),
)
