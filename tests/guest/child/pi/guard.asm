; State that lives in registers for as long as the child computes: all XMM (and
; YMM) registers, MXCSR, the x87 control word, and across each OUT all general
; registers. Each character checks them; a register that was lost is found.
;
; The low halves of the vector registers change with each character, so that old
; values are found as well. The C code around is compiled without SSE.

PORT_CONSOLE equ 0xe9

VECTOR_REGS  equ 16
MXCSR_OURS   equ 0x3f80         ; all masked, rounding down
FCW_OURS     equ 0x067f         ; all masked, double precision, rounding down
GENERAL_REGS equ 15             ; all but RSP

global guard_start
global guard_put

; The value that 64-bit lane %1 of all lanes starts with: no two alike.
%define SEED(lane) (0x9e3779b97f4a7c15 * ((lane) + 1))

section .text
bits 64
default rel

; EDI: 1 if there are YMM registers.
guard_start:
	mov [have_ymm], edi
	fninit
	fldcw [fcw_ours]
	ldmxcsr [mxcsr_ours]
	test edi, edi
	jz .low
%assign i 0
%rep VECTOR_REGS
	vinsertf128 ymm %+ i, ymm %+ i, [expect_high + 16 * i], 1
%assign i i + 1
%endrep
.low:
%assign i 0
%rep VECTOR_REGS
	movdqa xmm %+ i, [expect_low + 16 * i]
%assign i i + 1
%endrep
	ret

; bool guard_put(char): EAX 1 if all registers are as they must be.
guard_put:
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15
	mov [general], dil      ; RAX carries the character in its low byte
	call check_vectors
	jne .damaged
	call step_vectors
	mov rax, [general]
	mov rcx, [general + 8 * 1]
	mov rdx, [general + 8 * 2]
	mov rbx, [general + 8 * 3]
	mov rbp, [general + 8 * 4]
	mov rsi, [general + 8 * 5]
	mov rdi, [general + 8 * 6]
	mov r8, [general + 8 * 7]
	mov r9, [general + 8 * 8]
	mov r10, [general + 8 * 9]
	mov r11, [general + 8 * 10]
	mov r12, [general + 8 * 11]
	mov r13, [general + 8 * 12]
	mov r14, [general + 8 * 13]
	mov r15, [general + 8 * 14]
	out PORT_CONSOLE, al
	mov [found], rax
	mov [found + 8 * 1], rcx
	mov [found + 8 * 2], rdx
	mov [found + 8 * 3], rbx
	mov [found + 8 * 4], rbp
	mov [found + 8 * 5], rsi
	mov [found + 8 * 6], rdi
	mov [found + 8 * 7], r8
	mov [found + 8 * 8], r9
	mov [found + 8 * 9], r10
	mov [found + 8 * 10], r11
	mov [found + 8 * 11], r12
	mov [found + 8 * 12], r13
	mov [found + 8 * 13], r14
	mov [found + 8 * 14], r15
	mov esi, found
	mov edi, general
	mov ecx, GENERAL_REGS
	repe cmpsq
	jne .damaged
	call check_vectors
.damaged:
	sete al
	movzx eax, al
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
	ret

; ZF: all vector registers and both control words are as they must be.
check_vectors:
	stmxcsr [found]
	fnstcw [found + 4]
	cmp dword [found], MXCSR_OURS
	jne .done
	cmp word [found + 4], FCW_OURS
	jne .done
%assign i 0
%rep VECTOR_REGS
	movdqa [found + 16 * i], xmm %+ i
%assign i i + 1
%endrep
	mov edi, expect_low
	mov ecx, VECTOR_REGS * 2
	call compare_found
	jne .done
	cmp dword [have_ymm], 0
	je .done                ; ZF is set, as it must be
%assign i 0
%rep VECTOR_REGS
	vextractf128 [found + 16 * i], ymm %+ i, 1
%assign i i + 1
%endrep
	mov edi, expect_high
	mov ecx, VECTOR_REGS * 2
	call compare_found
.done:
	ret

compare_found:
	mov esi, found
	repe cmpsq
	ret

; The next value of each low half, in the register and in memory.
step_vectors:
%assign i 0
%rep VECTOR_REGS
	paddq xmm %+ i, [step]
%assign i i + 1
%endrep
	mov ecx, VECTOR_REGS
	mov edi, expect_low
	mov rax, [step]
	mov rdx, [step + 8]
.next:
	add [rdi], rax
	add [rdi + 8], rdx
	add edi, 16
	loop .next
	ret

section .rodata
align 16
step:       dq 0x0101010101010101, 0x1000000000000001
mxcsr_ours: dd MXCSR_OURS
fcw_ours:   dw FCW_OURS

section .data
align 16
expect_low:
%assign i 0
%rep VECTOR_REGS * 2
	dq SEED(i)
%assign i i + 1
%endrep
expect_high:
%rep VECTOR_REGS * 2
	dq SEED(i)
%assign i i + 1
%endrep
general:
%rep GENERAL_REGS
	dq SEED(i)
%assign i i + 1
%endrep

section .bss
align 16
found:    resq VECTOR_REGS * 2
have_ymm: resd 1

section .note.GNU-stack noalloc noexec nowrite progbits
