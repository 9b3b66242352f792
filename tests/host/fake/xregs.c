#include "tests/host/fake/xregs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/common/xregs.h"
#include "hv/arch.h"
#include "hv/vp/vp_state.h"
#include "include/x86.h"

struct fake_xregs fake_xregs;

static void fault(const char *what)
{
	fprintf(stderr, "fake processor: %s\n", what);
	abort();
}

void fake_xregs_reset(void)
{
	u32 r[4] = { 0 };

	memset(&fake_xregs, 0, sizeof(fake_xregs));
	arch_cpuid(0xd, 0, r);
	fake_xregs.supported = (u64)r[3] << 32 | r[0];
	fake_xregs.xcr0 = 1;
}

/* Which of leaf 0xd, subleaf 1 EAX there is. */
static bool has(u32 bit)
{
	u32 r[4];

	arch_cpuid(0xd, 1, r);
	return r[0] >> bit & 1;
}

/* ---- XCR0 (SDM volume 1, 13.3) ---- */

static bool some_of(u64 value, u64 group)
{
	return (value & group) && (value & group) != group;
}

static bool xcr0_valid(u64 value)
{
	if (!(value & 1) || (value & ~fake_xregs.supported))
		return false;
	if ((value & XSTATE_AVX) && !(value & 2))
		return false;
	if ((value & XSTATE_AVX512) && !(value & XSTATE_AVX))
		return false;
	return !some_of(value, XSTATE_AVX512) && !some_of(value, XSTATE_MPX) &&
	       !some_of(value, XSTATE_TILES) &&
	       !((value & XSTATE_APX) && (value & XSTATE_MPX));
}

void fake_xregs_xsetbv(u64 value)
{
	u64 gone = fake_xregs.xcr0 & ~value;

	if (!xcr0_valid(value))
		fault("#GP: XCR0");
	fake_xregs.xcr0 = value;
	for (u32 i = 2; i < 63; i++) {
		if (!(gone >> i & 1) || !fake_xregs.value[i])
			continue;
		if (fake_xregs.lost == FAKE_LOSES)
			fake_xregs.value[i] = 0;
		else if (fake_xregs.lost == FAKE_SPOILS)
			fake_xregs.value[i] ^= 0x5b0117;
	}
}

u64 xregs_xcr0(void)
{
	return fake_xregs.xcr0;
}

void xregs_set_xcr0(u64 value)
{
	fake_xregs.xsetbvs++;
	fake_xregs_xsetbv(value);
}

u64 xregs_in_use(void)
{
	u64 in_use = 0;

	if (!has(2))
		fault("#GP: XGETBV with ECX 1");
	for (u32 i = 0; i < 64; i++)
		if (fake_xregs.value[i])
			in_use |= BIT(i);
	return in_use & fake_xregs.xcr0;
}

u64 xregs_disabled(void)
{
	if (!has(4))
		fault("#GP: IA32_XFD");
	fake_xregs.xfd_reads++;
	return fake_xregs.xfd;
}

/* ---- XSAVE areas (13.4) ---- */

struct place {
	u32 offset;
	u32 size;
};

static struct place place_of(u32 i)
{
	u32 r[4];

	if (i == 0)
		return (struct place){ 32, 128 };
	if (i == 1)
		return (struct place){ 160, 256 };
	arch_cpuid(0xd, i, r);
	if (!r[0] || r[0] % 8 || (r[2] & 1))
		fault("a component without a place");
	return (struct place){ r[1], r[0] };
}

/* An area of zeros is the initial state. */
static u64 word_of(u64 value, u32 n)
{
	return value * (2 * n + 1);
}

static void put(u8 *area, u32 i)
{
	struct place p = place_of(i);

	for (u32 n = 0; n < p.size / 8; n++) {
		u64 word = word_of(fake_xregs.value[i], n);

		memcpy(area + p.offset + 8 * n, &word, 8);
	}
}

static u64 get(const u8 *area, u32 i)
{
	struct place p = place_of(i);
	u64 value, word;

	memcpy(&value, area + p.offset, 8);
	for (u32 n = 0; n < p.size / 8; n++) {
		memcpy(&word, area + p.offset + 8 * n, 8);
		if (word != word_of(value, n))
			fault("a component is not whole");
	}
	return value;
}

static void save_pointers(void *area)
{
	struct vp_fxsave *x = area;

	if (!fake_xregs.pointers_stay)
		memcpy(x->control_status + 8, &fake_xregs.pointers, 8);
}

static void load_pointers(const void *area)
{
	const struct vp_fxsave *x = area;

	if (!fake_xregs.pointers_stay)
		memcpy(&fake_xregs.pointers, x->control_status + 8, 8);
}

void xregs_clear_x87(void)
{
	fake_xregs.clears++;
	fake_xregs.value[0] = fake_xregs.pointers = 0;
}

static void begin(const void *area, u64 *components)
{
	if ((uintptr_t)area % 64)
		fault("#GP: alignment");
	fake_xregs.moved |= *components;
	*components &= fake_xregs.xcr0;
}

/* What XFD disables is saved as initial (13.14). */
void xregs_save(void *area, u64 components, bool is_long)
{
	struct vp_xsave *x = area;

	(void)is_long;
	fake_xregs.saves++;
	begin(area, &components);
	if (components & 1)
		save_pointers(area);
	for (u32 i = 0; i < 63; i++) {
		if (!(components >> i & 1))
			continue;
		x->xstate_bv &= ~BIT(i);
		if (!fake_xregs.value[i] || (fake_xregs.xfd >> i & 1))
			continue;
		x->xstate_bv |= BIT(i);
		put(area, i);
	}
}

void xregs_load(const void *area, u64 components, bool is_long)
{
	const struct vp_xsave *x = area;

	(void)is_long;
	fake_xregs.loads++;
	begin(area, &components);
	if (x->xcomp_bv || (x->xstate_bv & ~fake_xregs.xcr0))
		fault("#GP: XSAVE header");
	if (components & x->xstate_bv & fake_xregs.xfd)
		fault("#NM: XFD");
	if (components & 1)
		load_pointers(area);
	for (u32 i = 0; i < 63; i++)
		if (components >> i & 1)
			fake_xregs.value[i] =
				x->xstate_bv >> i & 1 ? get(area, i) : 0;
}

void xregs_save_legacy(void *area, bool is_long)
{
	(void)is_long;
	fake_xregs.saves++;
	save_pointers(area);
	put(area, 0);
	put(area, 1);
}

void xregs_load_legacy(const void *area, bool is_long)
{
	(void)is_long;
	fake_xregs.loads++;
	load_pointers(area);
	fake_xregs.value[0] = get(area, 0);
	fake_xregs.value[1] = get(area, 1);
}
