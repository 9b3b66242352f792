/*
 * The page that somebody sends us when Stasis does not start for him: lines of
 * 80 characters, nothing that says who he is.
 */
#include "boot/check.h"

#include <cpuid.h>
#include <efi.h>
#include <efilib.h>

#include "boot/insn.h"
#include "boot/refusal.h"
#include "boot/vendor.h"
#include "include/tlfs.h"
#include "include/x86.h"

/* All zero where there is no such leaf. */
static void read_leaf(u32 leaf, u32 subleaf, u32 r[4])
{
	u32 max, ignored[3];

	__cpuid(leaf & CPUID_EXTENDED, max, ignored[0], ignored[1], ignored[2]);
	ZeroMem(r, 4 * sizeof(u32));
	if (leaf <= max)
		__cpuid_count(leaf, subleaf, r[EAX], r[EBX], r[ECX], r[EDX]);
}

static void print_processor(void)
{
	u32 r[4], family, model;
	char vendor[13] = { 0 }, brand[49] = { 0 };

	read_leaf(0, 0, r);
	CopyMem(vendor, &r[EBX], 4);
	CopyMem(vendor + 4, &r[EDX], 4);
	CopyMem(vendor + 8, &r[ECX], 4);
	for (u32 i = 0; i < 3; i++) {
		read_leaf(CPUID_EXTENDED + 2 + i, 0, r);
		CopyMem(brand + 16 * i, r, 16);
	}
	read_leaf(1, 0, r);
	family = r[EAX] >> 8 & 0xf;
	model = (r[EAX] >> 4 & 0xf) | (r[EAX] >> 12 & 0xf0);
	if (family == 0xf)
		family += r[EAX] >> 20 & 0xff;
	Print(L"processor:  %a\n", brand);
	Print(L"            %a family %d model 0x%x stepping %d\n", vendor,
	      family, model, r[EAX] & 0xf);
	read_leaf(CPUID_EXTENDED + 8, 0, r);
	Print(L"addresses:  %d bits physical, %d linear; %d-level paging\n",
	      r[EAX] & 0xff, r[EAX] >> 8 & 0xff,
	      insn_read_cr4() & CR4_LA57 ? 5 : 4);
}

static void print_xsave(void)
{
	static const struct {
		u64 components;
		const char *name;
	} names[] = {
		{ BIT(0), "x87" },
		{ BIT(1), "SSE" },
		{ BIT(2), "AVX" },
		{ BIT(3) | BIT(4), "MPX" },
		{ BIT(5) | BIT(6) | BIT(7), "AVX-512" },
		{ BIT(9), "PKRU" },
		{ BIT(17) | BIT(18), "AMX" },
		{ BIT(19), "APX" },
	};
	u32 r[4];
	u64 all;

	read_leaf(1, 0, r);
	if (!(r[ECX] & CPUID_1_ECX_XSAVE)) {
		Print(L"XSAVE:      none\n");
		return;
	}
	read_leaf(0xd, 0, r);
	all = (u64)r[EDX] << 32 | r[EAX];
	Print(L"XSAVE:      0x%lx:", all);
	for (u32 i = 0; i < ARRAY_LEN(names); i++)
		if ((all & names[i].components) == names[i].components)
			Print(L" %a", names[i].name);
	Print(L"; %d bytes\n", r[ECX]);
}

static void print_tsc(const struct machine_tsc *tsc)
{
	Print(L"TSC:        %ld kHz, by %a\n", tsc->taken.hz / 1000,
	      frequency_source_name(tsc->taken.source));
	if (tsc->denied.hz)
		Print(L"            (%ld kHz by %a: the clock denies it)\n",
		      tsc->denied.hz / 1000,
		      frequency_source_name(tsc->denied.source));
}

static void print_hypervisor(void)
{
	struct hypervisor below;

	machine_find_hypervisor(&below);
	if (!below.leaf_max)
		Print(L"hypervisor: none\n");
	else
		Print(L"hypervisor: \"%a\", leaves to 0x%x%a\n", below.name,
		      below.leaf_max, below.has_hv1 ? ", Hv#1" : "");
}

static void print_controls(const struct handoff_findings *findings,
                           bool required)
{
	if (!findings->count)
		return;
	if (required)
		Print(L"\nRequired of %a:\n", vendor_here()->name);
	else
		Print(L"\nUsed if it is there:\n");
	for (u32 i = 0; i < findings->count; i++) {
		const struct handoff_finding *f = &findings->rows[i];
		const char *what = "present";

		if (f->required != (required ? 1 : 0))
			continue;
		if (!f->present)
			what = required ? "ABSENT" : "absent";
		else if (!f->used)
			what = "unused"; /* what goes with it is absent */
		Print(L"  %a  %30a %a bit %d\n", what, (const char *)f->name,
		      (const char *)f->msr_name, f->bit);
	}
}

/* Where one would see that the hypervisor has stopped, and what follows. */
static void print_stop(const struct handoff *h)
{
	static const char *const spaces[] = {
		[HANDOFF_RESET_MEMORY] = "address",
		[HANDOFF_RESET_IO] = "I/O port",
		[HANDOFF_RESET_PCI] = "PCI register",
	};
	const struct handoff_uart *uart = &h->uart;
	const struct handoff_screen *screen = &h->screen;
	const struct handoff_reset *reset = &h->reset;

	if (uart->address)
		Print(L"a stop:     on a serial port, %a 0x%lx\n",
		      uart->in_memory ? "address" : "I/O port", uart->address);
	else
		Print(L"a stop:     on no serial port\n");
	if (screen->base)
		Print(L"            on the screen, %d x %d at 0x%lx\n",
		      screen->width, screen->height, screen->base);
	else
		Print(L"            on no screen\n");
	if (reset->space < ARRAY_LEN(spaces))
		Print(L"a reset:    by ACPI's register, %a 0x%lx, value 0x%x\n",
		      spaces[reset->space], reset->address, reset->value);
	else
		Print(L"a reset:    by ports CF9H and 64H; ACPI names none\n");
}

static void print_barriers(const struct handoff_findings *findings)
{
	static const struct {
		u32 barrier;
		const char *name;
	} names[] = {
		{ HANDOFF_BARRIER_L1D, "L1D flush" },
		{ HANDOFF_BARRIER_BUFFERS, "VERW" },
		{ HANDOFF_BARRIER_BRANCHES, "IBPB" },
		{ HANDOFF_BARRIER_RETURNS, "return stack" },
	};
	const char *comma = "";

	Print(L"barriers:   ");
	for (u32 i = 0; i < ARRAY_LEN(names); i++) {
		if (!(findings->barriers & names[i].barrier))
			continue;
		Print(L"%a%a", comma, names[i].name);
		comma = ", ";
	}
	Print(findings->barriers ? L"; where another partition is entered\n"
	                         : L"none between partitions\n");
}

EFI_STATUS check_print(const struct check_facts *facts, const struct handoff *h,
                       const struct handoff_findings *findings)
{
	Print(L"stasis.efi check: what this machine has; nothing is started\n");
	print_processor();
	print_xsave();
	print_tsc(facts->tsc);
	print_hypervisor();
	Print(L"memory:     %ld MiB of RAM in %d pieces; "
	      L"%ld MiB would be reserved\n",
	      facts->ram >> 20, facts->pieces, facts->reserved >> 20);
	print_stop(h);
	print_barriers(findings);
	vendor_here()->print(findings);
	print_controls(findings, true);
	print_controls(findings, false);
	Print(L"\n");
	if (!findings->refusals) {
		Print(L"stasis: would start here\n");
		return EFI_SUCCESS;
	}
	return refusal_print_all("would not start", findings);
}
