; The way in from boot/, called with a struct handoff * in RDI under the System
; V convention, and the way back when the launch is refused. A launch that
; works goes back as a VM entry (start.c), with the same frame.
default rel
%include "asm_offsets.inc"

extern arch_start
extern boot_processor

section .text.entry progbits alloc exec nowrite align=16

global hv_entry:function hidden
hv_entry:
	pushfq
	cli
	cld
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15                        ; struct firmware_frame
	mov rsi, rsp
	lea rsp, [boot_processor + STACK_FIRST_TOP]
	push rsi
	push rsi                        ; keeps RSP aligned for the call
	xor ebp, ebp                    ; backtraces end here
	call arch_start
	mov rdi, rax
	pop rsi

; hv_return(result, firmware_rsp)
global hv_return:function hidden
hv_return:
	mov rax, rdi
	mov rsp, rsi
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
	popfq
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
