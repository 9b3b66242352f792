/*
 * The door's view of memory: all RAM is mapped where it is, so a physical
 * address is a pointer.
 */
#include "hv/arch.h"

void *arch_page(hpa_t page)
{
	return (void *)page.v;
}

hpa_t arch_page_hpa(const void *page)
{
	return hpa_of((u64)page);
}
