/*
 * A processor that forgives nothing: it keeps each translation until the SDM says that
 * it is dropped (volume 3, "Caching Translation Information" and "VMX Support For
 * Address Translation"), and the fields of a VMCS from VMPTRLD until VMCLEAR.
 *
 * Beside Bochs' own TLB, which goes on to be flushed at each entry and exit, are maps
 * without bounds. That TLB is filled from them, and from tables only without an entry.
 */
#define NEED_CPU_REG_SHORTCUTS 1
#include "bochs.h"
#include "cpu.h"

#include "strict.hh"

#include <stdlib.h>
#include <string.h>

#include <functional>
#include <map>
#include <unordered_map>

namespace {

const Bit64u PAGE = 0xfff;
const Bit32u GLOBAL = 1u << 8;                  /* in Bochs' combined access */
const Bit64u EP4TA = 0x000ffffffffff000ull;
const Bit32u EPT_RIGHTS = 7;
const unsigned EPT_VIOLATION = 48;
const unsigned EXECUTE = 2;
const Bit32u CR4_PAE = 1u << 5;
const Bit32u CR4_PGE = 1u << 7;
const Bit32u CR4_PCIDE = 1u << 17;
const Bit32u CR4_SMEP = 1u << 20;

/* Of a linear address: 4 KiB of a page that may be larger, which mask says. */
struct Line {
	bx_phy_address to;
	Bit32u access;
	Bit32u mask;
	Bit32u pkey;
	Bit64u mode;                            /* what rights depend on as well */
	Bit32u tried;                           /* kinds of access that the tables let through */
};

struct Guest {
	bx_phy_address to;
	Bit32u rights;
	bool dirty;
};

/* Without EPT linear mappings, which have EP4TA 0; with it combined ones. */
struct Tag {
	unsigned vpid;
	Bit64u ep4ta;
	bool operator<(const Tag &o) const
	{
		return vpid != o.vpid ? vpid < o.vpid : ep4ta < o.ep4ta;
	}
};

/* By page and, in its low bits, PCID; global ones have none. */
struct Lines {
	std::unordered_map<Bit64u, Line> own;
	std::unordered_map<Bit64u, Line> global;
};

struct Kept {
	std::map<Tag, Lines> lines;
	std::map<Bit64u, std::unordered_map<Bit64u, Guest>> guests;
	std::map<Bit64u, void *> vmcs;
	bool cr3_keeps;
};

Kept kept[BX_MAX_SMP_THREADS_SUPPORTED];

Kept &kept_of(BX_CPU_C *cpu)
{
	return kept[cpu->which_cpu()];
}

bool has_ept(BX_CPU_C *cpu)
{
	return cpu->in_vmx_guest && cpu->vmcs.vmexec_ctrls2.EPT_ENABLE();
}

unsigned vpid_of(BX_CPU_C *cpu)
{
	return cpu->in_vmx_guest && cpu->vmcs.vmexec_ctrls2.VPID_ENABLE() ? cpu->vmcs.vpid : 0;
}

Bit64u ep4ta_of(BX_CPU_C *cpu)
{
	return has_ept(cpu) ? cpu->vmcs.eptptr & EP4TA : 0;
}

unsigned pcid_of(BX_CPU_C *cpu)
{
	return cpu->cr4.get_PCIDE() ? (unsigned)(cpu->cr3 & PAGE) : 0;
}

/* What may be done with a page besides what its tables say. */
Bit64u mode_of(BX_CPU_C *cpu)
{
	Bit64u mode = cpu->cr0.get_WP() | cpu->cr4.get_SMEP() << 1 |
	              cpu->cr4.get_SMAP() << 2 | cpu->efer.get_NXE() << 3;

	if (cpu->cr4.get_SMAP())
		mode |= (cpu->get_AC() ? 1 : 0) << 4;
	if (cpu->cr4.get_PKE())
		mode |= 1 << 5 | (Bit64u)cpu->pkru << 32;
	return mode;
}

Bit32u kind_of(unsigned user, unsigned rw)
{
	return 1u << ((user ? 8 : 0) | (rw & 1 ? (rw & 4) | 1 : rw));
}

/* Is an entry one of this address, as part of its page? */
bool covers(Bit64u key, const Line &line, bx_address linear)
{
	return (((key ^ linear) & ~PAGE) & ~(Bit64u)line.mask) == 0;
}

template <class Map, class Which> void erase(Map &map, Which which)
{
	for (auto i = map.begin(); i != map.end();)
		i = which(i->first, i->second) ? map.erase(i) : ++i;
}

/* INVLPG drops what is of an address: of one PCID, or -1: of all; and global ones. */
void drop_address(Lines &lines, bx_address linear, int pcid, bool global)
{
	auto is = [&](Bit64u key, const Line &line) {
		return covers(key, line, linear) && (pcid < 0 || (int)(key & PAGE) == pcid);
	};

	erase(lines.own, is);
	if (global)
		erase(lines.global, [&](Bit64u key, const Line &line) {
			return covers(key, line, linear);
		});
}

void drop_pcid(Lines &lines, int pcid)
{
	erase(lines.own, [&](Bit64u key, const Line &) {
		return pcid < 0 || (int)(key & PAGE) == pcid;
	});
}

/* Instructions that are not of VMX: of the current VPID, with each EP4TA. */
void each_of_vpid(BX_CPU_C *cpu, unsigned vpid, std::function<void(Lines &)> drop)
{
	for (auto &one : kept_of(cpu).lines)
		if (one.first.vpid == vpid)
			drop(one.second);
}

/* The fault's own drops, and its exit. The rights are those that were kept. */
void violate(BX_CPU_C *cpu, bx_phy_address guest, bx_address linear, bool is_linear,
             bool is_walk, Bit32u wanted, Bit32u rights)
{
	Bit32u what = wanted | rights << 3;

	if (is_linear)
		what |= 1 << 7 | (is_walk ? 0 : 1 << 8);
	if (cpu->nmi_unblocking_iret)
		what |= 1 << 12;
	cpu->VMwrite64(VMCS_64BIT_GUEST_PHYSICAL_ADDR, guest);
	cpu->VMwrite64(VMCS_GUEST_LINEAR_ADDR, linear);
	cpu->VMexit(EPT_VIOLATION, what);
}

} /* namespace */

bool strict_linear(BX_CPU_C *cpu, bx_address linear, unsigned user, unsigned rw,
                   bx_phy_address *to, Bit32u *access, Bit32u *mask, Bit32u *pkey)
{
	Tag tag = { vpid_of(cpu), ep4ta_of(cpu) };

	if (!cpu->in_vmx || !cpu->cr0.get_PG())
		return false;
	auto lines = kept_of(cpu).lines.find(tag);
	if (lines == kept_of(cpu).lines.end())
		return false;
	auto map = &lines->second.own;
	auto found = map->find((linear & ~PAGE) | pcid_of(cpu));
	if (found == map->end()) {
		map = &lines->second.global;
		found = map->find(linear & ~PAGE);
	}
	if (found == map->end())
		return false;
	/* With other rights than were seen the tables are read, as for a fault. */
	Line &line = found->second;
	if (line.mode != mode_of(cpu) || !(line.tried & kind_of(user, rw)))
		return false;
	*to = line.to | (linear & PAGE);
	*access = line.access;
	*mask = line.mask;
	*pkey = line.pkey;
	if (line.mask > PAGE)
		(rw == EXECUTE ? cpu->ITLB.split_large : cpu->DTLB.split_large) = true;
	return true;
}

void strict_keep_linear(BX_CPU_C *cpu, bx_address linear, unsigned user, unsigned rw,
                        bx_phy_address to, Bit32u access, Bit32u mask, Bit32u pkey)
{
	Line line = { to & ~(bx_phy_address)PAGE, access, mask, pkey, mode_of(cpu), 0 };
	Tag tag = { vpid_of(cpu), ep4ta_of(cpu) };
	Bit64u page = linear & ~PAGE;

	if (!cpu->in_vmx || !cpu->cr0.get_PG())
		return;
	Lines &lines = kept_of(cpu).lines[tag];
	auto &map = access & GLOBAL ? lines.global : lines.own;
	Bit64u key = access & GLOBAL ? page : page | pcid_of(cpu);
	auto old = map.find(key);
	if (old != map.end() && old->second.to == line.to && old->second.access == access &&
	    old->second.mode == line.mode)
		line.tried = old->second.tried;
	line.tried |= kind_of(user, rw);
	lines.own.erase(page | pcid_of(cpu));
	lines.global.erase(page);
	map[key] = line;
}

bool strict_guest(BX_CPU_C *cpu, bx_phy_address guest, bx_address linear, bool is_linear,
                  bool is_walk, unsigned rw, Bit32u wanted, bx_phy_address *to)
{
	Bit64u ep4ta = cpu->vmcs.eptptr & EP4TA;
	auto &map = kept_of(cpu).guests[ep4ta];
	auto found = map.find(guest & ~PAGE);

	if (found == map.end())
		return false;
	Guest was = found->second;
	if ((was.rights & wanted) != wanted) {
		/* SDM: a violation drops what led to it, also of the linear address. */
		map.erase(found);
		auto lines = kept_of(cpu).lines.find(Tag{ vpid_of(cpu), ep4ta });
		if (is_linear && lines != kept_of(cpu).lines.end())
			drop_address(lines->second, linear, (int)pcid_of(cpu), true);
		violate(cpu, guest, linear, is_linear, is_walk, wanted, was.rights);
	}
	/* Its dirty bit is still to be set: in the tables. */
	if ((rw & 1) && !was.dirty && (cpu->vmcs.eptptr & 0x40))
		return false;
	*to = was.to | (guest & PAGE);
	return true;
}

void strict_keep_guest(BX_CPU_C *cpu, bx_phy_address guest, bx_phy_address to, Bit32u rights,
                       bool dirty)
{
	Guest one = { to & ~(bx_phy_address)PAGE, rights & EPT_RIGHTS, dirty };

	kept_of(cpu).guests[cpu->vmcs.eptptr & EP4TA][guest & ~PAGE] = one;
}

void strict_cr3_hint(BX_CPU_C *cpu, bool keep)
{
	kept_of(cpu).cr3_keeps = keep;
}

void strict_cr3(BX_CPU_C *cpu)
{
	int pcid = (int)pcid_of(cpu);

	if (!kept_of(cpu).cr3_keeps)
		each_of_vpid(cpu, vpid_of(cpu), [&](Lines &lines) { drop_pcid(lines, pcid); });
	kept_of(cpu).cr3_keeps = false;
}

/* CR4, before it is written: not each bit that rights depend on drops what is kept. */
void strict_cr4(BX_CPU_C *cpu, Bit32u to)
{
	Bit32u was = cpu->cr4.get32();
	Bit32u changed = was ^ to;
	int pcid = (int)pcid_of(cpu);

	if ((changed & CR4_PGE) || (was & ~to & CR4_PCIDE))
		strict_all(cpu);
	else if ((changed & CR4_PAE) || (to & ~was & CR4_SMEP))
		each_of_vpid(cpu, vpid_of(cpu), [&](Lines &lines) {
			drop_pcid(lines, pcid);
			lines.global.clear();
		});
}

/* CR0.PG goes off. */
void strict_all(BX_CPU_C *cpu)
{
	each_of_vpid(cpu, vpid_of(cpu), [](Lines &lines) { lines = Lines(); });
}

void strict_invlpg(BX_CPU_C *cpu, bx_address linear)
{
	int pcid = (int)pcid_of(cpu);

	each_of_vpid(cpu, vpid_of(cpu),
	             [&](Lines &lines) { drop_address(lines, linear, pcid, true); });
}

void strict_invpcid(BX_CPU_C *cpu, unsigned type, unsigned pcid, bx_address linear)
{
	each_of_vpid(cpu, vpid_of(cpu), [&](Lines &lines) {
		if (type == 0)
			drop_address(lines, linear, (int)pcid, false);
		else
			drop_pcid(lines, type == 1 ? (int)pcid : -1);
		if (type == 2)
			lines.global.clear();
	});
}

/* Linear mappings stay: they are not of EPT. */
void strict_invept(BX_CPU_C *cpu, unsigned type, Bit64u eptp)
{
	Kept &here = kept_of(cpu);
	bool all = type == 2;

	erase(here.lines, [&](const Tag &tag, const Lines &) {
		return tag.ep4ta && (all || tag.ep4ta == (eptp & EP4TA));
	});
	erase(here.guests, [&](Bit64u ep4ta, const std::unordered_map<Bit64u, Guest> &) {
		return all || ep4ta == (eptp & EP4TA);
	});
}

/* Guest-physical mappings stay: they are of no VPID. */
void strict_invvpid(BX_CPU_C *cpu, unsigned type, unsigned vpid, bx_address linear)
{
	for (auto &one : kept_of(cpu).lines) {
		if (type == 2 ? one.first.vpid == 0 : one.first.vpid != vpid)
			continue;
		if (type == 0)
			drop_address(one.second, linear, -1, true);
		else
			drop_pcid(one.second, -1);
		if (type == 1 || type == 2)
			one.second.global.clear();
	}
}

/* An entry or exit: without VPIDs nothing of VPID 0 outlives it. */
void strict_transition(BX_CPU_C *cpu)
{
	if (!cpu->vmcs.vmexec_ctrls2.VPID_ENABLE())
		each_of_vpid(cpu, 0, [](Lines &lines) { lines = Lines(); });
}

void strict_vmxon(BX_CPU_C *cpu)
{
	Kept &here = kept_of(cpu);

	for (auto &one : here.vmcs)
		free(one.second);
	here = Kept();
}

bx_hostpageaddr_t strict_vmptrld(BX_CPU_C *cpu, Bit64u vmcs, bx_hostpageaddr_t memory)
{
	Kept &here = kept_of(cpu);

	if (!memory || !cpu->in_vmx)
		return memory;
	if (!here.vmcs.count(vmcs)) {
		void *copy = aligned_alloc(PAGE + 1, PAGE + 1);
		memcpy(copy, (void *)memory, PAGE + 1);
		here.vmcs[vmcs] = copy;
	}
	return (bx_hostpageaddr_t)here.vmcs[vmcs];
}

void strict_vmclear(BX_CPU_C *cpu, Bit64u vmcs, bx_hostpageaddr_t memory)
{
	Kept &here = kept_of(cpu);
	auto found = here.vmcs.find(vmcs);

	if (found == here.vmcs.end())
		return;
	if (memory)
		memcpy((void *)memory, found->second, PAGE + 1);
	free(found->second);
	here.vmcs.erase(found);
}
