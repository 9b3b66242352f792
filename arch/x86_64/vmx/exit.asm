; VM entry and VM exit.
default rel
%include "asm_offsets.inc"
%include "arch/x86_64/common/each.inc"

extern exits_dispatch, exits_interrupted, exits_refused

section .text progbits alloc exec nowrite align=16

; HOST_RSP is the end of the VP's general registers: the pushes fill them in
; the order of enum vp_gpr, RSP's own place stays for C. While RSP is in there,
; NMI and #MC come in on stacks of their own.
global vm_exit:function hidden
vm_exit:
	each push, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp
	push rax                        ; RSP's place
	each push, rbx, rdx, rcx, rax
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
	each pop, rax, rcx, rdx, rbx
	lea rsp, [rsp + 8]              ; the VMCS has RSP; keeps the flags
	each pop, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
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
