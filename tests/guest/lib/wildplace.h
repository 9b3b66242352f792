/*
 * Where things are in the memory of a wild child, by GPA, behind what bases.h has.
 */
#ifndef GUEST_WILDPLACE_H
#define GUEST_WILDPLACE_H

#include "tests/guest/lib/bases.h"

#define WILD_PAGES 32
#define WILD_DEVICES 0xb000u /* page directory of 3 to 4 GiB */
#define WILD_CODE 0x10000u
#define WILD_CODE_SIZE 0x1800u
#define WILD_DATA 0x14000u
#define WILD_READ_ONLY 0x15000u
#define WILD_NO_ACCESS 0x16000u
#define WILD_STACK 0x17000u   /* a page, and what lies below */
#define WILD_OVERLAY 0x18000u /* WILD_OVERLAYS pages for what covers some */
#define WILD_OVERLAYS 4u
#define WILD_TABLES 0x1d000u /* three pages of anything */
#define WILD_APIC 0xfee00000u
#define WILD_HOLE 0x30000000u /* below 1 GiB, above all RAM of the machine */

/* Addresses of all these and of the tables of bases.h, and their edges. */
u32 wildplace_any(void);

/* Selectors: of the GDT, beyond it, of the LDT; 4n where real mode reads them. */
u16 wildplace_selector(void);

#endif
