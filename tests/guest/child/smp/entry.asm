; The smp child's way from real mode to C, for VP 0 at the start of the image and
; for the others, whose SIPI (vector 0x10) brings them to the same place.
extern pml4, gdt, stacks, smp_main

section .entry progbits alloc exec nowrite align=16
bits 16
	mov ax, cs              ; 0x1000: our offsets count from the image
	mov ds, ax
	mov eax, 0x620          ; PAE, OSFXSR, OSXMMEXCPT
	mov cr4, eax
	mov eax, pml4
	mov cr3, eax
	mov ecx, 0xc0000080     ; EFER: LME
	mov eax, 0x100
	xor edx, edx
	wrmsr
	o32 lgdt [gdt_pointer - $$]
	mov eax, 0x80010033     ; PG, WP, NE, ET, MP, PE
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
