/*
 * Fixed-width names for everything that crosses a boundary: hypercall blocks,
 * stream bytes, hardware structures.
 */
#ifndef STASIS_TYPES_H
#define STASIS_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int32_t i32;
typedef int64_t i64;

#define PAGE_SIZE 4096u
#define PAGE_SHIFT 12

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n) ((u64)1 << (n))

#endif
