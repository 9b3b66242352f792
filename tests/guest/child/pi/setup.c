/*
 * What the child sets up in C: an IDT that reports an unexpected exception, and
 * AVX where CPUID has it.
 */
#include "include/x86.h"
#include "tests/guest/child/pi/guard.h"

#define GATES 32
#define STUB_BYTES 8
#define CODE_SEG 0x08u
#define EXIT_FAULT 3 /* an exception that nobody expected */
#define XSAVE_AVX (CPUID_1_ECX_XSAVE | CPUID_1_ECX_AVX)

/* entry.asm: a stub for each vector, and the end. */
extern const u8 stubs[];
_Noreturn void finish(int code);
_Noreturn void fault(u32 vector);

static struct gate {
	u16 offset_low;
	u16 selector;
	u16 type;
	u16 offset_middle;
	u64 offset_high;
} idt[GATES];

NO_VECTORS static void load_idt(void)
{
	struct __attribute__((packed)) {
		u16 limit;
		u64 base;
	} idtr = { sizeof(idt) - 1, (u64)idt };

	for (u32 i = 0; i < GATES; i++) {
		u64 stub = (u64)stubs + i * STUB_BYTES;

		idt[i] = (struct gate){ (u16)stub, CODE_SEG, GATE_INTERRUPT,
			                (u16)(stub >> 16), stub >> 32 };
	}
	__asm__ volatile("lidt %0" : : "m"(idtr));
}

NO_VECTORS bool setup(void)
{
	u32 eax = 1, ebx, ecx = 0, edx;
	u64 cr4;

	load_idt();
	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	if ((ecx & XSAVE_AVX) != XSAVE_AVX)
		return false;
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | CR4_OSXSAVE));
	__asm__ volatile("xsetbv"
	                 :
	                 : "a"(XSTATE_LEGACY | XSTATE_AVX), "c"(0), "d"(0));
	return true;
}

NO_VECTORS static void put(char c)
{
	__asm__ volatile("outb %%al, $0xe9" : : "a"(c));
}

/* Says "\nX" and the vector in hexadecimal. */
NO_VECTORS void fault(u32 vector)
{
	static const char digits[] = "0123456789ABCDEF";

	put('\n');
	put('X');
	put(digits[vector >> 4 & 15]);
	put(digits[vector & 15]);
	put('\n');
	finish(EXIT_FAULT);
}
