; Real mode: where an episode begins. Every segment is at 0.

%include "anywhere.inc"

extern protected
extern gdt_pointer
extern idt32_pointer
global _start
global real_again
global ivt_pointer

%macro step16 0                 ; TF on, for one instruction and [STEPS] in all
	pushf
	pop ax
	or ax, [TF_OR_NOT]
	push ax
	popf
%endmacro

section .entry progbits alloc exec nowrite align=16
bits 16
_start:
	jmp 0:real_first

section .text
real_first:
	xor ax, ax
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov sp, STACK_TOP
	cld
	mov cx, GATES
	mov ax, stub16
	xor di, di
.vector:
	stosw
	mov word [di], 0
	add di, 2
	add ax, 8
	loop .vector
	mov dword [LOG_AT], LOG
real_again:                     ; 16-bit code of protected mode comes here
	xor ax, ax
	mov ds, ax
	mov es, ax
	mov fs, ax
	mov ss, ax
	mov sp, STACK_TOP
	mov ax, [SEED]
	mov gs, ax
	mov eax, [SEED]
	mov ebx, eax
	rol ebx, 7
	mov ecx, ebx
	xor ecx, [EPISODE]
	mov edx, [SEED + 4]
	lea esi, [eax + 4 * edx]
	lea edi, [ebx + 2 * ecx]
	lea ebp, [esi + edi]
	call note16

	; Shadows of STI and of loads of SS, interrupts off and on.
	mov cx, 8
.shadows:
	sti
	lea eax, [eax + ecx]
	mov dx, ss
	mov ss, dx
	lea ebx, [ebx + eax]
	cli
	push ss
	pop ss
	lea edx, [edx + ebx]
	mov ss, [word_zero]
	lea esi, [esi + edx]
	sti
	nop
	loop .shadows
	call note16

	; Events of instructions.
	int 0x40
	int3
	mov al, 0x7f
	add al, 1
	into
	mov word [RESUME_AT], .undefined
	ud2
.undefined:
	mov word [RESUME_AT], .divided
	xor dx, dx
	xor cx, cx
	div cx
.divided:
	cmp word [NO_LIMITS], 0
	jne .limited
	mov word [RESUME_AT], .limited
	mov ax, [0xffff]        ; over the end of the segment
.limited:
	call note16

	; Strings, with prefixes.
	mov cx, [SEED]
	and cx, 63
	add cx, 8
	mov [COUNT], cx
	mov si, IMAGE
	mov di, BUFFER
	rep movsb
	mov cx, [COUNT]
	mov eax, [SEED]
	mov di, BUFFER + 0x400
	rep stosd
	call note16

	; Single steps: over shadows, PUSHF, INT, a string instruction.
	mov dword [STEPS], 14
	step16
	nop
	mov dx, ss
	mov ss, dx
	pushf
	pop ax
	int 0x40
	push ss
	pop ss
	mov ss, [word_zero]
	sti
	mov cx, 3
	mov di, BUFFER + 0x800
	rep stosb
	nop
	times 8 nop
	call note16
	call breakpoints16
	mov eax, [EPISODE]
	and eax, 31
	cmp eax, 5
	jne .no_probes
	call probes16
.no_probes:

	; x87, left alone until long mode looks.
	fninit
	fild dword [SEED]
	fldpi
	fmul st1
	fnstenv [BUFFER + 0x900]
	mov si, BUFFER + 0x900
	mov cx, 7
	mov di, [LOG_AT]
	rep movsw
	mov [LOG_AT], di
	fldcw [word_fcw]
	call note16

	cli
	lgdt [gdt_pointer]
	lidt [idt32_pointer]
	mov eax, cr0
	or eax, 1
	mov cr0, eax
	jmp dword CODE32:protected

; A breakpoint that waits behind the shadow of a load of SS; one on an
; instruction, which that shadow hides; with interrupts on, and with them off.
breakpoints16:
	sti
	call .both
	cli
.both:
	mov eax, word_zero
	mov dr0, eax
	mov eax, .hidden
	mov dr1, eax
	mov cx, 4
.again:
	mov eax, DR7_READ0
	mov dr7, eax
	mov ss, [word_zero]
	lea ebx, [ebx + ecx]
	lea ebx, [ebx + ecx]
	mov eax, [DR7_CODE1_AT]
	mov dr7, eax
	mov dx, ss
	mov ss, dx
.hidden:
	lea ebx, [ebx + 2 * ecx]
	mov eax, DR7_FIXED
	mov dr7, eax
	loop .again
	mov eax, [DR7_CODE1_AT]      ; nothing hides it now
	mov dr7, eax
	mov eax, .shown
	mov dr1, eax
.shown:
	mov eax, DR7_FIXED
	mov dr7, eax
	ret

; Accesses that the parent stops, behind shadows, debug exceptions, single steps,
; and in the middle of a string.
probes16:
	out PORT_HIDE, al
	sti
	mov bl, [PROBE]
	cli
	mov edx, ss
	out PORT_HIDE, al
	mov ss, dx
	mov bl, [PROBE]
	sti
	nop
	out PORT_HIDE, al
	mov ss, dx
	mov bl, [PROBE]
	mov eax, word_zero
	mov dr0, eax
	mov eax, DR7_READ0
	mov dr7, eax
	out PORT_HIDE, al
	mov ss, [word_zero]
	mov bl, [PROBE]
	nop
	mov eax, .hidden
	mov dr1, eax
	mov eax, [DR7_CODE1_AT]
	mov dr7, eax
	out PORT_HIDE, al
	mov ss, dx
.hidden:
	mov bl, [PROBE]
	mov eax, DR7_FIXED
	mov dr7, eax
	mov dword [STEPS], 2
	out PORT_HIDE, al
	step16
	mov ss, dx
	mov bl, [PROBE]
	nop
	nop
	mov dword [STEPS], 3
	out PORT_HIDE, al
	step16
	mov bl, [PROBE]
	nop
	nop
	cli
	mov si, PROBE_STRING
	mov di, BUFFER + 0xc00
	mov ecx, 40
	mov [COUNT], ecx
	out PORT_HIDE, al
	rep movsb
	call note16
	ret

; Into the log: ES, DS, registers, flags, the return address and what lies
; above it.
note16:
	pushfd
	pushad
	push ds
	push es
	cld
	xor ax, ax
	mov ds, ax
	mov es, ax
	mov si, sp
	mov di, [LOG_AT]
	mov cx, (4 + 32 + 4 + 2 + 8) / 2
	rep movsw
	mov [LOG_AT], di
	pop es
	pop ds
	popad
	popfd
	ret

align 8
stub16:
%assign vector 0
%rep GATES
	align 8
	push word vector
	jmp near common16
%assign vector vector + 1
%endrep

common16:                       ; vector, IP, CS, flags
	push bp
	mov bp, sp
	push ax
	inc dword [cs:DEPTH]
	call note16
	cmp word [cs:RESUME_AT], 0
	je .trap
	mov ax, [cs:RESUME_AT]
	mov [bp + 4], ax
	mov word [cs:RESUME_AT], 0
.trap:
	cmp word [bp + 2], VECTOR_DB
	jne .done
	push eax
	push ecx
	mov eax, dr6
	call note16
	mov ecx, DR6_FIXED
	mov dr6, ecx
	test ah, 0x40
	jz .breakpoint
	dec dword [cs:STEPS]
	jnz .breakpoint
	and word [bp + 8], ~RFLAGS_TF
.breakpoint:
	test al, 2
	jz .other
	mov eax, DR7_FIXED       ; RF is not among 16 bits of flags
	mov dr7, eax
.other:
	pop ecx
	pop eax
.done:
	dec dword [cs:DEPTH]
	pop ax
	pop bp
	add sp, 2
	iret

section .data
align 2
word_zero:
	dw 0
word_fcw:
	dw 0x027f
ivt_pointer:
	dw 0x3ff
	dd 0

section .note.GNU-stack noalloc noexec nowrite progbits
