; The ways in. From boot/, called with a struct handoff * in RDI under the System V
; convention, or by another processor with its number; and the way back when the launch
; is refused. A launch that works goes back as a VM entry (start.c), with the same frame.
default rel
%include "asm_offsets.inc"
%include "arch/x86_64/common/each.inc"

extern arch_start, arch_start_other
extern fault_handle
extern boot_processor, other_processors

section .text.entry progbits alloc exec nowrite align=16

global hv_entry:function hidden
hv_entry:
	pushfq
	cli
	cld
	each push, rbx, rbp, r12, r13, r14, r15 ; struct firmware_frame
	mov rsi, rsp
	xor ebp, ebp                    ; backtraces end here
	cmp rdi, PROCESSORS
	jb .other
	lea rsp, [boot_processor + STACK_FIRST_TOP]
	push rsi
	push rsi                        ; keeps RSP aligned for the call
	call arch_start
	jmp .back
.other:                                 ; a number, and no block: its structure, its stack
	dec rdi
	shl rdi, PROCESSOR_SHIFT
	add rdi, [other_processors]
	lea rsp, [rdi + STACK_FIRST_TOP]
	push rsi
	push rsi
	call arch_start_other
.back:
	mov rdi, rax
	pop rsi

; hv_return(result, firmware_rsp)
global hv_return:function hidden
hv_return:
	mov rax, rdi
	mov rsp, rsi
	each pop, r15, r14, r13, r12, rbp, rbx
	popfq
	ret

section .text progbits alloc exec nowrite align=16

; Halts until an NMI has come. Between the look and HLT it would be slept through: fault.c
; sends one that comes there to the end.
global wait_for_nmi:function hidden, wait_for_nmi_end:function hidden
wait_for_nmi:
	cmp byte [gs:CPU_NMI_ARRIVED], 0
	jne wait_for_nmi_end
	hlt
wait_for_nmi_end:
	ret

; All vectors come here as struct fault_frame (fault.h). The processor begins to push at a
; multiple of 16: so the stack says whether there is an error code, which an interrupt has
; not, whatever its vector.
fault_common:
	test spl, 8
	jnz .whole
	push qword [rsp]
	mov qword [rsp + 8], 0
.whole:
	each push, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
	mov rdi, rsp
	cld
	mov rbp, rsp
	and rsp, -16
	call fault_handle
	mov rsp, rbp
	each pop, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
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
