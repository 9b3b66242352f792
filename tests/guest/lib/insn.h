/*
 * Instructions that the tests need besides those of parent/cpu.h.
 */
#ifndef GUEST_INSN_H
#define GUEST_INSN_H

#include "parent/cpu.h"

static inline u8 insn_in8(u16 port)
{
	u8 value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void insn_out8(u16 port, u8 value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline u16 insn_in16(u16 port)
{
	u16 value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void insn_out16(u16 port, u16 value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline u32 insn_in32(u16 port)
{
	u32 value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline void insn_out32(u16 port, u32 value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void insn_pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}

static inline u64 insn_read_cr4(void)
{
	u64 value;

	__asm__ volatile("mov %%cr4, %0" : "=r"(value));
	return value;
}

static inline void insn_cli(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline void insn_sti(void)
{
	__asm__ volatile("sti" : : : "memory");
}

/* Interrupts are let in by STI's successor: none is lost before the HLT. */
static inline void insn_sti_hlt(void)
{
	__asm__ volatile("sti; hlt" : : : "memory");
}

/* CRC-32C of 8 or 4 more bytes; a CRC begins and ends with all bits inverted. */
static inline u64 insn_crc32(u64 crc, u64 data)
{
	__asm__("crc32q %1, %0" : "+r"(crc) : "r"(data));
	return crc;
}

static inline u32 insn_crc32_4(u32 crc, u32 data)
{
	__asm__("crc32l %1, %0" : "+r"(crc) : "r"(data));
	return crc;
}

#endif
