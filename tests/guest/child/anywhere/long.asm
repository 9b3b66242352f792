; Long mode: 64-bit and compatibility mode, user mode by SYSRET and IRETQ.

%include "anywhere.inc"

extern from_long
extern gdt
extern idt64_pointer
extern word_data
extern probes32
extern episode_begin
extern episode_middle
extern episode_end
extern vectors_change
global long_mode
global idt64

%macro step64 0
	mov ecx, [TF_OR_NOT]
	pushfq
	or [rsp], rcx
	popfq
%endmacro

%macro fault64 1+
	mov dword [RESUME_AT], %%behind
	%1
%%behind:
%endmacro

section .text
bits 64
default abs
long_mode:
	mov eax, DATA
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov esp, STACK_TOP
	lidt [idt64_pointer]
	and byte [gdt + TSS64 + 5], 0xfd
	mov eax, TSS64
	ltr ax
	call note64
	call episode_begin
	mov rax, [SEED]
	mov rbx, rax
	rol rbx, 9
	lea rcx, [rax + 2 * rbx]
	xor rcx, rbx
	mov rdx, rcx
	rol rdx, 5
	lea rsi, [rcx + 4 * rdx]
	lea rdi, [rsi + rax]
	mov r8, rdi
	not r8
	lea r9, [r8 + 8 * rbx]
	mov r10, r9
	bswap r10
	lea r11, [r10 + r9]
	imul r12, r11, 77
	mov r13, r12
	neg r13
	lea r14, [r13 + 2 * r12]
	lea r15, [r14 + r8]
	mov rbp, r15
	call note64

	mov ecx, 8
.shadows:
	sti
	lea rax, [rax + rcx]
	mov edx, ss
	mov ss, edx
	lea rbx, [rbx + rax]
	cli
	lea rdx, [rdx + rbx]
	mov ss, [word_data]
	lea rsi, [rsi + rdx]
	sti
	nop
	loop .shadows
	call note64

	int 0x40
	int3
	fault64 ud2
	xor ecx, ecx
	fault64 div rcx
	mov eax, ABSENT
	fault64 mov es, eax
	mov eax, 0x1234
	fault64 mov fs, eax
	mov eax, 0x200000
	fault64 mov rbx, [rax]
	fault64 mov [rax + 0x123], rbx
	fault64 call rax
	pop rbx
	mov rax, 1 << 63
	fault64 mov rbx, [rax]
	fault64 mov rbx, [rax + rsp]
	mov ecx, 0x12345
	fault64 rdmsr
	fault64 rdpmc
	fault64 int 0x60
	call note64
	call strings64
	call episode_middle
	call vectors_change

	mov dword [STEPS], 16
	step64
	nop
	mov edx, ss
	mov ss, edx
	pushfq
	pop rax
	int 0x40
	mov ss, [word_data]
	sti
	mov ecx, 3
	mov edi, BUFFER + 0x800
	rep stosb
	times 12 nop
	call note64
	call breakpoints64
	mov eax, [EPISODE]
	and eax, 31
	cmp eax, 20
	jne .no_probes
	call probes64
.no_probes:
	call user64
	call compatibility
	mov eax, [EPISODE]
	and eax, 3
	cmp eax, 1
	jne .no_nmi
	mov dword [NMIS], 2
	call send_nmi64
	times 4 nop
	call note64
.no_nmi:
	mov eax, [EPISODE]
	and eax, 31
	cmp eax, 31
	jne .no_halt
	mov ecx, 20000
	call arm_and_halt
.no_halt:
	mov eax, [EPISODE]
	and eax, 31
	cmp eax, 15
	jne .no_guard
	call guarded64
.no_guard:
	call episode_end
	push CODE32
	push from_long
	retfq

strings64:
	mov ecx, [SEED + 2]
	and ecx, 63
	add ecx, 16
	mov [COUNT], ecx
	mov esi, IMAGE
	mov edi, BUFFER
	rep movsq
	mov ecx, [COUNT]
	mov edi, BUFFER + 0x400
	mov rax, [SEED]
	rep stosq
	mov ecx, [COUNT]
	mov edi, BUFFER + 0x400
	repe scasq
	mov ecx, [COUNT]
	mov esi, BUFFER
	rep lodsb
	call note64
	ret

breakpoints64:
	sti
	call .both
	cli
.both:
	mov eax, word_data
	mov dr0, rax
	mov eax, .hidden
	mov dr1, rax
	mov ecx, 4
.again:
	mov eax, DR7_READ0
	mov dr7, rax
	mov ss, [word_data]
	lea rbx, [rbx + rcx]
	lea rbx, [rbx + rcx]
	mov eax, [DR7_CODE1_AT]
	mov dr7, rax
	mov edx, ss
	mov ss, edx
.hidden:
	lea rbx, [rbx + 2 * rcx]
	mov eax, DR7_FIXED
	mov dr7, rax
	loop .again
	mov eax, .shown
	mov dr1, rax
	mov eax, [DR7_CODE1_AT]
	mov dr7, rax
.shown:
	lea rbx, [rbx + 4 * rcx]
	mov eax, DR7_FIXED
	mov dr7, rax
	ret

; Accesses that the parent stops, behind shadows, debug exceptions, single steps,
; and in the middle of a string.
probes64:
	out PORT_HIDE, al
	sti
	mov bl, [PROBE]
	cli
	mov edx, ss
	out PORT_HIDE, al
	mov ss, edx
	mov bl, [PROBE]
	sti
	nop
	out PORT_HIDE, al
	mov ss, edx
	mov bl, [PROBE]
	mov eax, word_data
	mov dr0, rax
	mov eax, DR7_READ0
	mov dr7, rax
	out PORT_HIDE, al
	mov ss, [word_data]
	mov bl, [PROBE]
	nop
	mov eax, .hidden
	mov dr1, rax
	mov eax, [DR7_CODE1_AT]
	mov dr7, rax
	out PORT_HIDE, al
	mov ss, edx
.hidden:
	mov bl, [PROBE]
	mov eax, DR7_FIXED
	mov dr7, rax
	mov eax, .resumed
	mov dr1, rax
	mov eax, [DR7_CODE1_AT]
	mov dr7, rax
	out PORT_HIDE, al
.resumed:
	mov bl, [PROBE]
	mov eax, DR7_FIXED
	mov dr7, rax
	mov dword [STEPS], 2
	out PORT_HIDE, al
	step64
	mov ss, edx
	mov bl, [PROBE]
	nop
	nop
	mov dword [STEPS], 3
	out PORT_HIDE, al
	step64
	mov bl, [PROBE]
	nop
	nop
	cli
	mov esi, PROBE_STRING
	mov edi, BUFFER + 0xc00
	mov ecx, 40
	mov [COUNT], ecx
	out PORT_HIDE, al
	rep movsb
	call note64
	ret

; CPL 3 by SYSRET, back by SYSCALL; again by IRETQ, back by INT.
user64:
	mov ecx, 0xc0000081     ; STAR, LSTAR, FMASK, GS bases
	xor eax, eax
	mov edx, (USER32 & ~3) << 16 | CODE64
	wrmsr
	inc ecx
	mov eax, .called
	xor edx, edx
	wrmsr
	mov ecx, 0xc0000084
	mov eax, 0x300
	wrmsr
	mov ecx, 0xc0000101
	mov eax, [SEED]
	mov edx, 0x7fff
	wrmsr
	inc ecx
	mov eax, [SEED + 4]
	mov edx, 0x1234
	wrmsr
	mov [BACK_STACK], esp
	mov ecx, .user
	mov r11d, 0x202
	mov esp, USER_TOP
	o64 sysret
.user:
	mov dword [RESUME_AT], .no_hlt
	hlt
.no_hlt:
	mov ss, [word_user]
	lea rax, [rax + rbx]
	mov dword [STEPS], 4
	step64
	nop
	syscall
.called:
	swapgs
	mov esp, [BACK_STACK]
	call note64
	mov ecx, 0xc0000101
	rdmsr
	call note64
	swapgs
	mov dword [BACK_AT], .back
	mov eax, [EPISODE]
	and eax, 31
	cmp eax, 14
	jne .shown
	out PORT_HIDE, al
.shown:
	push USER_DATA
	push USER_TOP
	push 0x202
	push USER64
	push .user_again
	iretq
.user_again:
	mov ss, [word_user]
	mov bl, [PROBE]
	int 0x40
	int3
	int V_BACK
.back:                          ; the ways out and in have made segments null
	call note64
	mov eax, DATA
	mov ss, eax
	mov ds, eax
	mov es, eax
	ret

compatibility:
	mov rbp, rsp
	push CODE32
	push .inside
	retfq
bits 32
.inside:
	mov ecx, 5
.shadows:
	sti
	lea eax, [eax + ecx]
	mov edx, ss
	mov ss, edx
	lea ebx, [ebx + eax]
	cli
	loop .shadows
	int 0x40
	int3
	fault64 ud2
	mov eax, 0x200000
	fault64 mov ebx, [eax]
	mov dword [STEPS], 4
	mov ecx, [TF_OR_NOT]
	pushfd
	or [esp], ecx
	popfd
	mov ss, [word_data]
	times 5 nop
	mov esi, IMAGE
	mov edi, BUFFER + 0x200
	mov ecx, 40
	mov [COUNT], ecx
	rep movsb
	mov eax, [EPISODE]
	and eax, 31
	cmp eax, 28
	jne .no_probes
	call probes32
.no_probes:
	jmp CODE64:.outside
bits 64
.outside:
	mov rsp, rbp
	call note64
	ret

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
align 2
word_user:
	dw USER_DATA

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
