; The smp child's way from real mode to C, for VP 0 at the start of the image and
; for the others, whose SIPI (vector 0x10) brings them to the same place.
%include "include/x86.inc"
%include "include/x86_msr.inc"
extern pml4, gdt, stacks, smp_main

section .entry progbits alloc exec nowrite align=16
bits 16
	mov ax, cs              ; 0x1000: our offsets count from the image
	mov ds, ax
	mov eax, CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT
	mov cr4, eax
	mov eax, pml4
	mov cr3, eax
	mov ecx, MSR_IA32_EFER
	mov eax, EFER_LME
	xor edx, edx
	wrmsr
	o32 lgdt [gdt_pointer - $$]
	mov eax, CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE
	mov cr0, eax
	jmp dword 8:long_mode
gdt_pointer:
	dw 23
	dd gdt
bits 64
long_mode:
	mov eax, 1
	cpuid
	shr ebx, 24             ; the APIC id, which is the VP index
	mov edi, ebx
	shl ebx, 12
	lea rsp, [rbx + stacks + 4096]
	jmp smp_main
