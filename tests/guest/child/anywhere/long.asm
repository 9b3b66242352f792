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
extern note64
extern send_nmi64
extern arm_and_halt
extern guarded64
global long_mode

%include "long.inc"

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

section .data
align 2
word_user:
	dw USER_DATA

section .note.GNU-stack noalloc noexec nowrite progbits
