; One OUT with a known value in every general register but RSP, and what the
; registers hold behind it.
PORT_CONSOLE equ 0xe9

extern guard_given
extern guard_found
global guard_out

%macro move_all 2-*             ; load or store, then the registers
%define WHAT %1
%assign i 0
%rep %0 - 1
%rotate 1
%ifidn WHAT, load
	mov %1, [guard_given + 8 * i]
%else
	mov [guard_found + 8 * i], %1
%endif
%assign i i + 1
%endrep
%endmacro

%macro push_all 1-*
%rep %0
	push %1
%rotate 1
%endrep
%endmacro

%macro pop_all 1-*              ; in the order in which they were pushed
%rep %0
%rotate -1
	pop %1
%endrep
%endmacro

section .text
bits 64
guard_out:
	push_all rbx, rbp, r12, r13, r14, r15
	move_all load, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, \
		r12, r13, r14, r15
	out PORT_CONSOLE, al
	move_all store, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, \
		r12, r13, r14, r15
	pop_all rbx, rbp, r12, r13, r14, r15
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
