/*
 * Events as control blocks have them: the same words with VT-x (SDM volume 3, 24.8.3) and
 * SVM (APM volume 2, 15.20). Types have the TLFS's numbers.
 */
#ifndef ARCH_EVENT_H
#define ARCH_EVENT_H

#include "include/types.h"

#define EVENT_VECTOR 0xffu
#define EVENT_TYPE_SHIFT 8
#define EVENT_TYPE 0x700u
#define EVENT_ERROR BIT(11) /* it has an error code */
#define EVENT_VALID BIT(31)
#define EVENT_TYPE_NMI (2u << EVENT_TYPE_SHIFT)
#define EVENT_TYPE_EXCEPTION (3u << EVENT_TYPE_SHIFT)

#endif
