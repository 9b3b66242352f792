; VMRUN and what stands around it (APM volume 2, 15.5, 15.6). GIF is clear from the launch
; on but in the window of interrupt.c: no interrupt and no NMI comes in here.
default rel
%include "asm_offsets.inc"
%include "arch/x86_64/common/each.inc"

extern exits_dispatch

section .text progbits alloc exec nowrite align=16

; vm_enter(vp, vmcb). RAX and RSP are in the VMCB, the other general registers at
; the start of the VP. RSP ends behind them: what VMRUN keeps of the host, and where
; the pushes behind the exit fill them again, in the order of enum vp_gpr.
global vm_enter:function hidden
vm_enter:
	sti                             ; an interrupt ends a child's run (15.21.1);
	mov rax, rsi                    ; not before VMRUN: a guest has no shadow of ours
	lea rsp, [rdi + 8]
	each pop, rcx, rdx, rbx
	lea rsp, [rsp + 8]              ; RSP's place
	each pop, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
	vmload                          ; from here on GS is the guest's
	vmrun
	cli
	each push, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp
	push rax                        ; RSP's place; C writes both from the VMCB
	each push, rbx, rdx, rcx, rax
	mov rdi, rsp
	; QEMU restores CR0 before CR4 and EFER, and as MOV would: behind a guest with LME,
	; without PAE and paging, CR0 stays the guest's. Up to here nothing minds.
	mov rdx, cr0
	test edx, edx                   ; PG
	js .paging
	mov rdx, [rax + VMCB_HOST_CR0]
	mov cr0, rdx
.paging:
	vmsave                          ; RAX is the VMCB again
	mov rax, [rax + VMCB_HOST]      ; in 3E0H to 3FFH nothing is the processor's
	vmload                          ; GS and the task register are ours
	mov rsp, [gs:CPU_STACK_TOP]
	xor ebp, ebp
	call exits_dispatch
	mov rdi, rax                    ; struct vm_entry in RAX and RDX
	mov rsi, rdx
	jmp vm_enter

; See interrupt.c: the window in which the processor halts until something comes. An NMI
; between STGI and HLT is sent to the end by vendor_nmi_return.
global window_halt:function hidden, window_halt_start:function hidden
window_halt:
	stgi
window_halt_start:
	cmp byte [gs:CPU_NMI_ARRIVED], 0
	jne window_halt_end
	sti
	hlt
global window_halt_end:function hidden
window_halt_end:
	cli
	clgi
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
