; Long mode: NMIs, the timer, events whose stack the parent has protected; what notes
; the registers, and the handlers of all vectors.

%include "anywhere.inc"
%include "long.inc"

global note64
global send_nmi64
global arm_and_halt
global guarded64
global idt64

section .text
bits 64
default abs
send_nmi64:
	cmp dword [NO_NMIS], 0
	jne .none
	push rax
	push rcx
	push rdx
	mov edx, LAPIC_ICR_NMI
	cmp dword [USE_X2APIC], 0
	jne .msr
	mov ecx, LAPIC_BASE_RESET
	mov dword [rcx + 0x310], 0
	mov [rcx + 0x300], edx
	jmp .done
.msr:
	mov ecx, MSR_X2_ICR
	mov eax, edx
	xor edx, edx
	wrmsr
.done:
	pop rdx
	pop rcx
	pop rax
.none:
	ret

; ecx: initial count of the timer.
arm:
	cmp dword [USE_X2APIC], 0
	jne .msr
	mov edx, LAPIC_BASE_RESET
	mov [rdx + 0x380], ecx
	ret
.msr:
	mov eax, ecx
	xor edx, edx
	mov ecx, 0x838
	wrmsr
	ret

arm_and_halt:
	cli
	call arm
	sti
	hlt
	cli
	call note64
	ret

guarded64:
	mov r15, rsp
	mov esp, GUARD_TOP
	out PORT_GUARD, al
	int 0x41
	out PORT_GUARD, al
	int3
	out PORT_GUARD, al
	fault64 ud2
	mov eax, 0x200000
	out PORT_GUARD, al
	fault64 mov rbx, [rax]
	; The timer's interrupt; Bochs does not say which one it was when the
	; processor delivers it by itself, as it may in x2APIC mode.
	cmp dword [USE_X2APIC], 0
	jne .no_timer
	cli
	mov ecx, 300
	mov rbx, rsp
	mov rsp, r15
	call arm
	mov rsp, rbx
	out PORT_GUARD, al
	sti
	hlt
	cli
.no_timer:
	; An NMI whose IRETQ finds no stack: NMIs stay blocked until it does.
	cmp dword [NO_NMIS], 0
	jne .done
	mov dword [NMIS], 1
	mov dword [HIDES], 1
	mov edx, LAPIC_BASE_RESET + LAPIC_ICR
	mov ecx, LAPIC_ICR_NMI
	cmp dword [USE_X2APIC], 0
	jne .no_page
	out PORT_GUARD, al
	mov [rdx], ecx
	nop
	jmp .done
.no_page:
	mov eax, ecx
	xor edx, edx
	mov ecx, MSR_X2_ICR
	out PORT_GUARD, al
	wrmsr
	nop
.done:
	mov rsp, r15
	call note64
	ret

%macro push_all 0
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
%endmacro

%macro pop_all 0
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
%endmacro

note64:
	pushfq
	push_all
	cld
	mov rsi, rsp
	mov edi, [LOG_AT]
	mov ecx, 15 + 1 + 1
	rep movsq
	mov [LOG_AT], edi
	pop_all
	popfq
	ret

align 16
stub64:
%assign vector 0
%rep GATES
	align 16
%if vector != 8 && (vector < 10 || vector > 14) && vector != 17
	push byte 0
%endif
	push byte vector
	jmp near common64
%assign vector vector + 1
%endrep

%define AT_VECTOR 120
%define AT_RIP 136
%define AT_FLAGS 152

common64:                       ; vector, error code, RIP, CS, RFLAGS, RSP, SS
	push_all
	cld
	inc dword [DEPTH]
	mov rsi, rsp
	mov edi, [LOG_AT]
	mov ecx, 15 + 2 + 5
	rep movsq
	mov rax, cr2
	stosq
	mov rax, dr6
	stosq
	mov [LOG_AT], edi
	mov eax, [RESUME_AT]
	test eax, eax
	jz .event
	mov [rsp + AT_RIP], rax
	and dword [RESUME_AT], 0
.event:
	movzx eax, byte [rsp + AT_VECTOR]
	cmp eax, VECTOR_DB
	je .debug
	cmp eax, VECTOR_NMI
	je .nmi
	cmp eax, V_BACK
	je .back
	cmp eax, V_TIMER
	je .timer
.done:
	dec dword [DEPTH]
	pop_all
	add rsp, 16
	cmp dword [HIDES], 0
	jne .hide
	iretq
.hide:
	mov dword [HIDES], 0
	out PORT_HIDE, al
	iretq
.debug:
	mov rax, dr6
	mov ecx, DR6_FIXED
	mov dr6, rcx
	test ah, 0x40
	jz .breakpoint
	dec dword [STEPS]
	jnz .breakpoint
	and dword [rsp + AT_FLAGS], ~RFLAGS_TF
.breakpoint:
	test al, 2
	jz .done
	or dword [rsp + AT_FLAGS], 0x10000
	jmp .done
.nmi:
	mov ecx, 6
.inside:
	mov edx, ss
	mov ss, edx
	lea rax, [rax + rcx]
	loop .inside
	dec dword [NMIS]
	jz .done
	call send_nmi64
	mov ecx, 12
.blocked:
	lea rax, [rax + rcx]
	loop .blocked
	out PORT_GUARD, al      ; one waits: the parent may look
	call note64
	jmp .done
.timer:
	inc dword [WAKES]
	cmp dword [USE_X2APIC], 0
	jne .eoi_msr
	mov edx, LAPIC_BASE_RESET
	mov dword [rdx + 0xb0], 0
	jmp .done
.eoi_msr:
	mov ecx, 0x80b
	xor eax, eax
	xor edx, edx
	wrmsr
	jmp .done
.back:
	dec dword [DEPTH]
	mov esp, [BACK_STACK]
	mov eax, [BACK_AT]
	jmp rax

section .data
align 16
idt64:
%assign vector 0
%rep GATES
	dw stub64 + 16 * vector, CODE64
%if vector == 3 || vector == 4 || vector >= 0x40
	dw 0xee00, 0
%else
	dw 0x8e00, 0
%endif
	dd 0, 0
%assign vector vector + 1
%endrep

section .note.GNU-stack noalloc noexec nowrite progbits
