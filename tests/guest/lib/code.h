/*
 * Instructions as bytes: children of a few instructions are arrays of these.
 * Operands are 32 bits wide in protected and long mode; the names with 16 are
 * the same opcodes in real mode.
 */
#ifndef GUEST_CODE_H
#define GUEST_CODE_H

#include "include/types.h"

#define LE16(x) (u8)(x), (u8)((u32)(x) >> 8)
#define LE32(x) LE16(x), LE16((u32)(x) >> 16)

#define OPSIZE 0x66 /* the other operand size */

#define MOV_EAX(x) 0xb8, LE32(x)
#define MOV_ECX(x) 0xb9, LE32(x)
#define MOV_EDX(x) 0xba, LE32(x)
#define MOV_EBX(x) 0xbb, LE32(x)
#define MOV_ESI(x) 0xbe, LE32(x)
#define MOV_EDI(x) 0xbf, LE32(x)
#define MOV_R8D(x) 0x41, 0xb8, LE32(x)
#define MOV_AX16(x) 0xb8, LE16(x)
#define MOV_CX16(x) 0xb9, LE16(x)
#define MOV_DX16(x) 0xba, LE16(x)
#define MOV_EAX_IN_16(x) OPSIZE, MOV_EAX(x)
#define MOV_ECX_IN_16(x) OPSIZE, MOV_ECX(x)
#define MOV_EAX_ECX 0x89, 0xc8
#define MOV_EAX_EDX 0x89, 0xd0
#define MOV_EAX_EBX 0x89, 0xd8
#define XOR_EAX_EAX 0x31, 0xc0
#define ADD_EAX_ECX 0x01, 0xc8
#define SHL_EAX_BY_4 0xc1, 0xe0, 0x04
#define INC_EAX_64 0xff, 0xc0

#define OUT_AL(port) 0xe6, (port)
#define OUT_EAX(port) 0xe7, (port)
#define IN_AL(port) 0xe4, (port)
#define IN_EAX(port) 0xe5, (port)
#define OUT_DX_AL 0xee
#define OUT_DX_EAX 0xef
#define IN_AL_DX 0xec
#define IN_EAX_DX 0xed
#define OUTSB 0x6e

#define CPUID 0x0f, 0xa2
#define RDMSR 0x0f, 0x32
#define WRMSR 0x0f, 0x30
#define RDTSC 0x0f, 0x31
#define VMCALL 0x0f, 0x01, 0xc1
#define UD2 0x0f, 0x0b
#define INT3 0xcc
#define HLT 0xf4
#define NOP 0x90
#define STI 0xfb
#define CLI 0xfa
#define IRET 0xcf
#define JMP_SELF 0xeb, 0xfe
#define JMP_BACK(bytes) 0xeb, (u8)(-(bytes)-2)

/* Absolute addresses below 4 GiB, in long mode. */
#define LOAD_EAX(at) 0x8b, 0x04, 0x25, LE32(at)
#define STORE_EAX(at) 0x89, 0x04, 0x25, LE32(at)
#define INC_MEM(at) 0xff, 0x04, 0x25, LE32(at)
#define STORE_EDX(at) 0x89, 0x14, 0x25, LE32(at)
#define STORE_RAX(at) 0x48, STORE_EAX(at)
#define JMP_RAX 0xff, 0xe0
#define CALL_RAX 0xff, 0xd0
/* The same in protected mode. */
#define LOAD_EAX_32(at) 0xa1, LE32(at)
#define STORE_EAX_32(at) 0xa3, LE32(at)

#endif
