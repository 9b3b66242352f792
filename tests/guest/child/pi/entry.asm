; The pi child's way from real mode to C: own page tables, GDT and IDT, SSE, and
; AVX where CPUID has it. Then the exit code to port 0xF4, and HLT for ever.
;
; Memory: 0x1000 page tables, 0x4000 IDT, 0x5000 to 0xf000 stack, 0x10000 image.

PORT_CONSOLE equ 0xe9
PORT_EXIT    equ 0xf4
EXIT_FAULT   equ 3              ; an exception that nobody expected

LOAD         equ 0x10000
PML4         equ 0x1000
PDPT         equ 0x2000
PD           equ 0x3000
IDT          equ 0x4000
STACK_TOP    equ 0xf000
VECTORS      equ 32
CODE_SEG     equ 0x08
DATA_SEG     equ 0x10

PRESENT_RW   equ 0x03
LARGE_PAGE   equ 0x83           ; present, writable, 2 MiB
CR4_START    equ 0x620          ; PAE, OSFXSR, OSXMMEXCPT
CR4_OSXSAVE  equ 1 << 18
CR0_START    equ 0x80010033     ; PG, WP, NE, ET, MP, PE
MSR_EFER     equ 0xc0000080
EFER_LME     equ 1 << 8
XSAVE_AVX    equ 1 << 26 | 1 << 28 ; CPUID.1:ECX
XCR0_AVX     equ 7              ; x87, SSE, AVX

extern pi_main
extern guard_start
extern bss_start
extern bss_end
global _start

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
	mov ecx, (IDT - PML4) / 4
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
	mov ecx, MSR_EFER
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
	call load_idt
	call enable_avx
	mov edi, eax
	call guard_start
	call pi_main
finish:                         ; AL: the exit code
	out PORT_EXIT, al
.halt:
	hlt
	jmp .halt

; An interrupt gate for each exception, all to stubs of 8 bytes.
load_idt:
	mov edi, IDT
	mov ecx, VECTORS
	mov eax, stubs
.gate:
	mov [rdi], ax
	mov dword [rdi + 2], 0x8e000000 | CODE_SEG
	mov edx, eax
	shr edx, 16
	mov [rdi + 6], dx
	mov qword [rdi + 8], 0
	add eax, 8
	add edi, 16
	loop .gate
	lidt [idt_pointer]
	ret

; EAX: 1 if the YMM registers can be used from now on.
enable_avx:
	mov eax, 1
	xor ecx, ecx
	cpuid
	and ecx, XSAVE_AVX
	cmp ecx, XSAVE_AVX
	mov eax, 0
	jne .done
	mov rax, cr4
	or eax, CR4_OSXSAVE
	mov cr4, rax
	xor ecx, ecx
	xor edx, edx
	mov eax, XCR0_AVX
	xsetbv
	mov eax, 1
.done:
	ret

align 8
stubs:
%assign vector 0
%rep VECTORS
	align 8
	push byte vector
	jmp near fault
%assign vector vector + 1
%endrep

; Says "\nX" and the vector in hexadecimal. [RSP] is the vector.
fault:
	mov al, 10
	out PORT_CONSOLE, al
	mov al, 'X'
	out PORT_CONSOLE, al
	pop rbx
	mov eax, ebx
	shr eax, 4
	call .digit
	mov eax, ebx
	call .digit
	mov al, 10
	out PORT_CONSOLE, al
	mov al, EXIT_FAULT
	jmp finish
.digit:
	and eax, 15
	mov edx, digits
	mov al, [rdx + rax]
	out PORT_CONSOLE, al
	ret

section .rodata
digits: db "0123456789ABCDEF"
idt_pointer:
	dw VECTORS * 16 - 1
	dq IDT

section .note.GNU-stack noalloc noexec nowrite progbits
