/*
 * Walks of page tables (SDM volume 3, 4.3 to 4.5), at most four steps.
 */
#include "lib/walk.h"

#include "include/x86.h"

#define PSE36_SHIFT 19 /* bits 20:13 of a 4-MiB entry are 39:32 */

/* How an entry of a level is found: the lowest of its bits, and of how many. */
struct walk {
	u32 levels;
	u32 entry; /* bytes */
	u32 bits;  /* of the address, a level */
	bool large[4];
};

/*
 * PAE paging has three levels, of which the top one has four entries without the
 * layout of the others: the walk begins below it. No row has a fifth level: CR4.LA57
 * is shown to no guest of ours. PS in an entry of the top level is reserved.
 */
static const struct walk walk_32 = { 2, 4, 10, { false, true } };
static const struct walk walk_pae = { 2, 8, 9, { false, true } };
static const struct walk walk_64 = { 4, 8, 9, { false, true, true, false } };

/* The low half of the word alone is written where entries have four bytes. */
static bool read_entry(const struct walk_guest *guest, u64 at, u32 bytes,
                       u64 *entry)
{
	*entry = 0;
	return guest->read(guest->context, at, entry, bytes) &&
	       (*entry & PTE_P);
}

/*
 * Below the size of the page an entry has the PAT bit (12), which is no address; a
 * 4-MiB entry has more of the address there (PSE-36, SDM volume 3, table 4-4).
 */
static u64 large_page(const struct walk *w, u64 entry, u64 size)
{
	u64 base = entry & PTE_ADDRESS & ~(size - 1);

	if (w->entry == 4)
		base = (entry & 0xffc00000) | (entry & 0x1fe000) << PSE36_SHIFT;
	return base;
}

static bool walk(const struct walk_guest *guest, const struct walk *w,
                 u64 table, u64 linear, u64 *gpa)
{
	/* Without CR4.PSE bit 7 of a 32-bit entry is ignored (SDM 4.3). */
	bool pse = w->entry == 8 || (guest->cr4 & CR4_PSE);
	u64 entry = 0;

	for (u32 level = w->levels; level-- > 0;) {
		u32 shift = PAGE_SHIFT + level * w->bits;
		u64 index = linear >> shift & (BIT(w->bits) - 1);

		if (!read_entry(guest, table + index * w->entry, w->entry,
		                &entry))
			return false;
		if (w->large[level] && pse && (entry & PTE_LARGE)) {
			*gpa = large_page(w, entry, BIT(shift)) |
			       (linear & (BIT(shift) - 1));
			return true;
		}
		table = entry & PTE_ADDRESS;
	}
	*gpa = table | (linear & (PAGE_SIZE - 1));
	return true;
}

/*
 * The processor loads these four with CR3 and does not look at memory again (SDM
 * volume 3, 4.4.1): a guest may have overwritten them. Memory is the second best.
 */
static bool read_pdpte(const struct walk_guest *guest, u64 linear, u64 *entry)
{
	u64 index = linear >> 30 & 3;

	if (!guest->pdpte)
		return read_entry(guest, (guest->cr3 & CR3_PDPT) + index * 8, 8,
		                  entry);
	*entry = guest->pdpte[index];
	return *entry & PTE_P;
}

bool walk_translate(const struct walk_guest *guest, u64 linear, u64 *gpa)
{
	u64 top;

	if (!(guest->cr0 & CR0_PG)) {
		*gpa = linear;
		return true;
	}
	/* LMA and not LME: the latter can be set without paging being long. */
	if (guest->efer & EFER_LMA)
		return walk(guest, &walk_64, guest->cr3 & PTE_ADDRESS, linear,
		            gpa);
	if (guest->cr4 & CR4_PAE)
		return read_pdpte(guest, linear, &top) &&
		       walk(guest, &walk_pae, top & PTE_ADDRESS, linear, gpa);
	return walk(guest, &walk_32, guest->cr3 & 0xfffff000, linear, gpa);
}
