; The ways in. From boot/, called with a struct handoff * in RDI under the System
; V convention, and the way back when the launch is refused. A launch that
; works goes back as a VM entry (start.c), with the same frame.
default rel
%include "asm_offsets.inc"

extern arch_start
extern fault_handle
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

section .text progbits alloc exec nowrite align=16

; All vectors come here as struct fault_frame (fault.h). The processor begins to push at a
; multiple of 16: so the stack says whether there is an error code, which an interrupt has
; not, whatever its vector.
fault_common:
	test spl, 8
	jnz .whole
	push qword [rsp]
	mov qword [rsp + 8], 0
.whole:
	push rax
	push rcx
	push rdx
	push rbx
	push rbp
	push rsi
	push rdi
	push r8
	push r9
	push r10
	push r11
	push r12
	push r13
	push r14
	push r15
	mov rdi, rsp
	cld
	mov rbp, rsp
	and rsp, -16
	call fault_handle
	mov rsp, rbp
	pop r15
	pop r14
	pop r13
	pop r12
	pop r11
	pop r10
	pop r9
	pop r8
	pop rdi
	pop rsi
	pop rbp
	pop rbx
	pop rdx
	pop rcx
	pop rax
	add rsp, 16
	iretq

align STUB_SIZE
global vector_stubs:function hidden
vector_stubs:
%assign vector 0
%rep 256
	align STUB_SIZE
	push strict dword vector
	jmp strict near fault_common
%assign vector vector + 1
%endrep

section .note.GNU-stack noalloc noexec nowrite progbits
