; Where the leak child begins and stands still. Offsets are those of leak.h.

SEEN        equ 0x800
S_ROLE      equ SEEN
S_RSP       equ SEEN + 16
S_XSAVE     equ SEEN + 24
S_LOAD      equ SEEN + 32
S_CR4       equ SEEN + 40
S_XCR0      equ SEEN + 48
S_GIVE      equ SEEN + 56
S_GOT       equ SEEN + 192
XSAVE_IN    equ 0x9000
XSAVE_OUT   equ 0xa000
DUMP        equ 0xb000
PORT_STILL  equ 0x80
PORT_END    equ 0x81
CR4_OSXSAVE equ 1 << 18

extern leak_main
global leak_entry
global stand_still

section .entry progbits alloc exec nowrite align=16
bits 64
leak_entry:
	jmp leak_main
	align 16
bits 32
	jmp pae_main

; ---- Long mode ----

section .text
bits 64

%macro each_register 1          ; all but RSP and RAX, in the order of the TLFS
	%1 rcx, 1
	%1 rdx, 2
	%1 rbx, 3
	%1 rbp, 5
	%1 rsi, 6
	%1 rdi, 7
	%1 r8, 8
	%1 r9, 9
	%1 r10, 10
	%1 r11, 11
	%1 r12, 12
	%1 r13, 13
	%1 r14, 14
	%1 r15, 15
%endmacro
%macro give 2
	mov %1, [S_GIVE + 8 * %2]
%endmacro
%macro got 2
	mov [S_GOT + 8 * %2], %1
%endmacro

; void stand_still(void): every register is what the parent finds there.
stand_still:
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15
	mov [S_RSP], rsp
	cmp qword [S_LOAD], 0
	je .loaded
	mov eax, -1
	mov edx, -1
	cmp qword [S_XSAVE], 0
	je .fx
	xrstor64 [XSAVE_IN]
	jmp .loaded
.fx:
	fxrstor64 [XSAVE_IN]
.loaded:
	push qword [S_GIVE + 8 * 16]
	popfq
	each_register give
	give rsp, 4
	give rax, 0
	out PORT_STILL, al
	got rax, 0
	got rsp, 4
	each_register got
	mov rsp, [S_RSP]
	pushfq
	pop qword [S_GOT + 8 * 16]
	push 2
	popfq

; All components, whatever was enabled, before any C uses one.
	mov rax, cr4
	mov [S_CR4], rax
	mov ecx, [S_XSAVE]
	jrcxz .fx_out
	test eax, CR4_OSXSAVE
	jz .enable
	xor ecx, ecx
	xgetbv
	mov [S_XCR0], eax
	mov rax, [S_CR4]
.enable:
	or eax, CR4_OSXSAVE
	mov cr4, rax
	mov eax, [S_XSAVE]
	xor edx, edx
	xor ecx, ecx
	xsetbv
	mov edx, -1
	mov eax, edx
	xsave64 [XSAVE_OUT]
	jmp .out
.fx_out:
	fxsave64 [XSAVE_OUT]
.out:
	fninit
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
	ret

; ---- PAE paging: four entries that are in the processor alone ----

bits 32
TABLES  equ 0x10000             ; of roles 0 and 1, then what both point at
LOW     equ 0x12000             ; directory: the first GiB as it is
HERE    equ 0x13000             ; directory: 2 MiB from 0 on
THERE   equ 0x14000             ; directory: a table of 4-KiB pages
TABLE   equ 0x15000             ; all of its pages are this one:
PAGE    equ 0x16000
WINDOW  equ 0x40000000
SEEN_AT equ 0x800               ; where the low page shows in a window
MAGIC   equ 0x600d600d

pae_main:
	mov edi, LOW
	mov eax, 0x83
	mov ecx, 512
.low:	mov [edi], eax
	mov dword [edi + 4], 0
	add eax, 0x200000
	add edi, 8
	loop .low
	mov dword [HERE], 0x83
	mov dword [THERE], TABLE | 3
	mov dword [TABLE], PAGE | 3
	mov dword [PAGE + SEEN_AT], MAGIC

	; One role sees PAGE in the second GiB, the other the low page in the
	; second and third.
	mov ebx, [S_ROLE]
	and ebx, 1
	mov edi, ebx
	shl edi, 12
	add edi, TABLES
	mov dword [edi], LOW | 1
	mov dword [edi + 8], THERE | 1
	mov dword [edi + 24], HERE | 0x19
	test ebx, ebx
	jz .load
	mov dword [edi + 8], HERE | 1
	mov dword [edi + 16], THERE | 1
	mov dword [edi + 24], 0
.load:
	mov eax, cr4
	or eax, 0xa0            ; PAE, PGE
	mov cr4, eax
	mov cr3, edi
	mov eax, cr0
	or eax, 0x80010000      ; PG, WP
	mov cr0, eax
	; Memory says something else from now on.
	mov dword [edi + 8], 0
	mov dword [edi + 16], HERE | 1
	mov dword [edi + 24], LOW | 1

	mov eax, 0x11111111
	mov ecx, 0x22222222
	mov edx, 0x33333333
	mov ebp, 0x55555555
	mov esi, 0x66666666
	out PORT_STILL, al
	mov [DUMP], eax
	mov [DUMP + 4], ecx
	mov [DUMP + 8], edx
	mov [DUMP + 12], ebp
	mov [DUMP + 16], esi
	mov [DUMP + 20], edi
	mov eax, [WINDOW + SEEN_AT]
	mov [DUMP + 24], eax
	mov eax, [3 * WINDOW + SEEN_AT]
	mov [DUMP + 28], eax
	mov eax, cr0
	mov [DUMP + 32], eax
	mov eax, cr3
	mov [DUMP + 36], eax
	mov eax, cr4
	mov [DUMP + 40], eax
	out PORT_END, al
	jmp $
