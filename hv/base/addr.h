/*
 * Physical addresses with a type: a guest's own (gpa) and the machine's (hpa).
 * Their numbers agree in the root partition and nowhere else, so the compiler
 * keeps them apart.
 */
#ifndef HV_ADDR_H
#define HV_ADDR_H

#include "include/types.h"

typedef struct {
	u64 v;
} gpa_t;

typedef struct {
	u64 v;
} hpa_t;

static inline gpa_t gpa_of(u64 address)
{
	return (gpa_t){ address };
}

static inline hpa_t hpa_of(u64 address)
{
	return (hpa_t){ address };
}

static inline gpa_t gpa_of_page(u64 gpn)
{
	return (gpa_t){ gpn << PAGE_SHIFT };
}

static inline hpa_t hpa_of_page(u64 hpn)
{
	return (hpa_t){ hpn << PAGE_SHIFT };
}

#endif
