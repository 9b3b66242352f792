; VM entry and VM exit.
default rel
%include "asm_offsets.inc"

extern exits_dispatch, exits_interrupted, exits_refused

section .text progbits alloc exec nowrite align=16

; HOST_RSP is the end of the VP's general registers: the pushes fill them in
; the order of enum vp_gpr, RSP's own place stays for C. While RSP is in there,
; NMI and #MC come in on stacks of their own.
global vm_exit:function hidden
vm_exit:
	push r15
	push r14
	push r13
	push r12
	push r11
	push r10
	push r9
	push r8
	push rdi
	push rsi
	push rbp
	push rax                        ; RSP's place
	push rbx
	push rdx
	push rcx
	push rax
	mov rdi, rsp
	mov rsp, [gs:CPU_STACK_TOP]
	xor ebp, ebp
	call exits_dispatch
vm_enter_next:                          ; struct vm_entry in RAX and RDX
	mov rdi, rax
	mov rsi, rdx

; vm_enter(vp, launched). An NMI that comes before the comparison is seen by
; it; one that comes later finds RIP in the window, and the handler sends it
; to vm_window_restart. So no NMI waits for the guest's next exit.
global vm_enter:function hidden
vm_enter:
global vm_window_start:function hidden
vm_window_start:
	cmp byte [gs:CPU_NMI_ARRIVED], 0
	jne vm_window_restart
	test rsi, rsi
	mov rsp, rdi
	pop rax
	pop rcx
	pop rdx
	pop rbx
	lea rsp, [rsp + 8]              ; the VMCS has RSP; keeps the flags
	pop rbp
	pop rsi
	pop rdi
	pop r8
	pop r9
	pop r10
	pop r11
	pop r12
	pop r13
	pop r14
	pop r15
	jz .launch
	vmresume
	jmp vm_window_end
.launch:
	vmlaunch
global vm_window_end:function hidden
vm_window_end:                          ; VMfail: we are still here
	mov rsp, [gs:CPU_STACK_TOP]
	xor ebp, ebp
	call exits_refused
	jmp vm_enter_next

global vm_window_restart:function hidden
vm_window_restart:
	mov rsp, [gs:CPU_STACK_TOP]
	xor ebp, ebp
	call exits_interrupted
	jmp vm_enter_next

section .note.GNU-stack noalloc noexec nowrite progbits
