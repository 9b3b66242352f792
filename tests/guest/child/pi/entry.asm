; The pi child's way from real mode to C: own page tables and GDT, SSE. At the end
; the exit code to port 0xF4, and HLT for ever.
;
; Memory: 0x1000 page tables, 0x4000 to 0xf000 stack, 0x10000 image.

%include "include/x86.inc"
%include "include/x86_msr.inc"

PORT_EXIT    equ 0xf4
LOAD         equ 0x10000
PML4         equ 0x1000
PDPT         equ 0x2000
PD           equ 0x3000
STACK_TOP    equ 0xf000
GATES        equ 32
CODE_SEG     equ 0x08
DATA_SEG     equ 0x10

PRESENT_RW   equ PTE_P | PTE_W
LARGE_PAGE   equ PRESENT_RW | PTE_LARGE
CR4_START    equ CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT
CR0_START    equ CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE

extern pi_main
extern guard_start
extern setup
extern fault
extern bss_start
extern bss_end
global _start
global stubs
global finish

section .entry progbits alloc exec nowrite align=16
bits 16
_start:
	cli
	cld
	mov ax, cs              ; 0x1000: our offsets count from _start
	mov ds, ax
	xor eax, eax
	mov es, ax
	mov edi, PML4
	mov ecx, 3 * 4096 / 4
	rep stosd
	mov dword [es:PML4], PDPT | PRESENT_RW
	mov dword [es:PDPT], PD | PRESENT_RW
	mov dword [es:PD], LARGE_PAGE
	mov dword [es:PD + 8], 0x200000 | LARGE_PAGE
	o32 lgdt [gdt_pointer - _start]
	mov eax, CR4_START
	mov cr4, eax
	mov eax, PML4
	mov cr3, eax
	mov ecx, MSR_IA32_EFER
	rdmsr
	or eax, EFER_LME
	wrmsr
	mov eax, CR0_START      ; paging and protection at once: long mode
	mov cr0, eax
	jmp dword CODE_SEG:LOAD + (long_mode - _start)

align 8
gdt:
	dq 0
	dq 0x00209b0000000000   ; code: 64-bit, present, accessed
	dq 0x00cf93000000ffff   ; data
gdt_pointer:
	dw gdt_pointer - gdt - 1
	dd LOAD + (gdt - _start)

bits 64
default rel
long_mode:
	mov eax, DATA_SEG
	mov ds, eax
	mov es, eax
	mov ss, eax
	xor eax, eax
	mov fs, eax
	mov gs, eax
	mov esp, STACK_TOP
	mov edi, bss_start
	mov ecx, bss_end
	sub ecx, edi
	rep stosb
	call setup
	movzx edi, al
	call guard_start
	call pi_main
	mov edi, eax
finish:                         ; finish(exit code)
	mov eax, edi
	out PORT_EXIT, al
.halt:
	hlt
	jmp .halt

align 8
stubs:
%assign vector 0
%rep GATES
	align 8
	push byte vector
	jmp near raised
%assign vector vector + 1
%endrep
raised:                         ; fault(vector), on an aligned stack
	pop rdi
	and rsp, -16
	call fault

section .note.GNU-stack noalloc noexec nowrite progbits
