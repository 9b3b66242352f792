; Protected mode, its user mode and virtual-8086 mode, and the ways into long
; mode and back to real mode.

%include "anywhere.inc"

extern long_mode
extern real_again
extern ivt_pointer
extern idt64
extern idt32
extern note32
extern nmis32
extern guarded32
global gdt
global protected
global from_long
global gdt_pointer
global idt32_pointer
global idt64_pointer
global word_data
global probes32

%include "protected.inc"

section .text
bits 32
protected:
	mov eax, DATA
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov esp, STACK_TOP
	and byte [gdt + TSS32 + 5], 0xfd        ; not busy
	mov eax, TSS32
	ltr ax
	xor eax, eax
	lldt ax
	mov fs, eax
	mov eax, USER_DATA
	mov gs, eax
	call note32

	mov ecx, 8
.shadows:
	sti
	lea eax, [eax + ecx]
	mov edx, ss
	mov ss, edx
	lea ebx, [ebx + eax]
	cli
	push ss
	pop ss
	lea edx, [edx + ebx]
	mov ss, [word_data]
	lea esi, [esi + edx]
	sti
	nop
	loop .shadows
	call note32

	int 0x40
	int3
	mov al, 0x7f
	add al, 1
	into
	fault32 ud2
	xor ecx, ecx
	fault32 div ecx
	mov eax, ABSENT
	fault32 mov es, eax
	mov eax, 0x1234
	fault32 mov fs, eax
	fault32 bound eax, [bounds]
	mov eax, DATA16
	mov gs, eax
	cmp dword [NO_LIMITS], 0
	jne .limited
	fault32 mov eax, [gs:0xffff]
.limited:
	fault32 int 0x60
	call note32

	; What segments and tables say of themselves.
	mov ecx, TSS64
.descriptor:
	lsl eax, ecx
	lar ebx, ecx
	mov edx, 0
	setz dl
	verr cx
	setz dh
	call note32
	sub ecx, 8
	jns .descriptor
	sgdt [BUFFER + 0xa00]
	sidt [BUFFER + 0xa08]
	str ax
	sldt bx
	smsw cx
	mov edx, cr0
	mov esi, cr4
	mov edi, [BUFFER + 0xa08]
	call note32

	mov ecx, [SEED]
	and ecx, 127
	add ecx, 16
	mov [COUNT], ecx
	mov esi, IMAGE
	mov edi, BUFFER
	rep movsb
	mov ecx, [COUNT]
	std
	mov edi, BUFFER + 0x800
	mov eax, [SEED]
	rep stosd
	cld
	mov ecx, [COUNT]
	mov edi, BUFFER
	mov esi, IMAGE
	repe cmpsb
	call note32

	mov dword [STEPS], 16
	step32
	nop
	mov edx, ss
	mov ss, edx
	pushfd
	pop eax
	int 0x40
	push ss
	pop ss
	mov ss, [word_data]
	sti
	mov ecx, 3
	mov edi, BUFFER + 0x800
	rep stosb
	times 12 nop
	call note32
	call breakpoints32
	mov eax, [EPISODE]
	and eax, 31
	cmp eax, 10
	jne .no_probes
	call probes32
.no_probes:

	fild dword [SEED + 4]
	fnstenv [BUFFER + 0x900]
	mov esi, BUFFER + 0x900
	mov ecx, 7
	mov edi, [LOG_AT]
	rep movsd
	mov [LOG_AT], edi
	fldenv [BUFFER + 0x900]
	fstp st0

	call user32
	call v86
	mov eax, [EPISODE]
	and eax, 3
	cmp eax, 2
	jne .no_nmi
	call nmis32
.no_nmi:
	mov eax, [EPISODE]
	and eax, 31
	cmp eax, 6
	jne .no_guard
	call guarded32
.no_guard:

	; Long mode.
	cli
	mov eax, PML4
	mov cr3, eax
	mov eax, cr4
	or eax, 0x20
	mov cr4, eax
	mov ecx, MSR_IA32_EFER
	rdmsr
	or eax, 0x101           ; LME, SCE
	wrmsr
	mov eax, cr0
	or eax, 0x80000000
	mov cr0, eax
	jmp CODE64:long_mode

; Compatibility mode comes here to leave long mode.
from_long:
	cli
	mov eax, DATA
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov esp, STACK_TOP
	mov eax, cr0
	and eax, 0x7fffffff
	mov cr0, eax
	mov ecx, MSR_IA32_EFER
	rdmsr
	and eax, ~0x100
	wrmsr
	mov eax, cr4
	and eax, ~0x20
	mov cr4, eax
	lidt [idt32_pointer]
	call note32
	int 0x40
	jmp CODE16:.to_real
bits 16
.to_real:
	mov ax, DATA16
	mov ds, ax
	mov es, ax
	mov fs, ax
	mov gs, ax
	mov ss, ax
	lidt [ivt_pointer]
	mov eax, cr0
	and al, ~1
	mov cr0, eax
	jmp 0:real_again
bits 32

breakpoints32:
	sti
	call .both
	cli
.both:
	mov eax, word_data
	mov dr0, eax
	mov eax, .hidden
	mov dr1, eax
	mov ecx, 4
.again:
	mov eax, DR7_READ0
	mov dr7, eax
	mov ss, [word_data]
	lea ebx, [ebx + ecx]
	lea ebx, [ebx + ecx]
	mov eax, [DR7_CODE1_AT]
	mov dr7, eax
	mov edx, ss
	mov ss, edx
.hidden:
	lea ebx, [ebx + 2 * ecx]
	mov eax, DR7_FIXED
	mov dr7, eax
	loop .again
	mov eax, .shown
	mov dr1, eax
	mov eax, [DR7_CODE1_AT]
	mov dr7, eax
.shown:
	lea ebx, [ebx + 4 * ecx]
	mov eax, DR7_FIXED
	mov dr7, eax
	ret

; Accesses that the parent stops, behind shadows, debug exceptions, single steps,
; and in the middle of a string.
probes32:
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
	mov dr0, eax
	mov eax, DR7_READ0
	mov dr7, eax
	out PORT_HIDE, al
	mov ss, [word_data]
	mov bl, [PROBE]
	nop
	mov eax, .hidden
	mov dr1, eax
	mov eax, [DR7_CODE1_AT]
	mov dr7, eax
	out PORT_HIDE, al
	mov ss, edx
.hidden:
	mov bl, [PROBE]
	mov eax, DR7_FIXED
	mov dr7, eax
	mov eax, .resumed
	mov dr1, eax
	mov eax, [DR7_CODE1_AT]
	mov dr7, eax
	out PORT_HIDE, al
.resumed:
	mov bl, [PROBE]
	mov eax, DR7_FIXED
	mov dr7, eax
	mov dword [STEPS], 2
	out PORT_HIDE, al
	step32
	mov ss, edx
	mov bl, [PROBE]
	nop
	nop
	mov dword [STEPS], 3
	out PORT_HIDE, al
	step32
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
	call note32
	ret

; CPL 3, by IRETD; it comes back by INT V_BACK.
user32:
	mov dword [BACK_AT], .back
	mov [BACK_STACK], esp
	mov eax, [EPISODE]
	and eax, 31
	cmp eax, 12
	jne .shown
	out PORT_HIDE, al
.shown:
	push dword USER_DATA
	push dword USER_TOP
	push dword 0x202
	push dword USER32
	push dword .user
	iretd
.user:
	mov eax, USER_DATA
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov bl, [PROBE]
	int 0x40
	int3
	fault32 hlt
	fault32 cli
	mov dword [STEPS], 5
	step32
	mov ss, [word_user]
	push eax
	pop ebx
	times 3 nop
	int V_BACK
.back:
	call note32
	ret

v86:
	mov dword [BACK_AT], .back
	mov [BACK_STACK], esp
	mov eax, [EPISODE]
	and eax, 31
	cmp eax, 13
	jne .shown
	out PORT_HIDE, al
.shown:
	push dword 0            ; GS, FS, DS, ES, SS
	push dword 0x10
	push dword 0
	push dword 0x20
	push dword 0
	push dword USER_TOP
	push dword 0x23202      ; VM, IOPL 3, IF
	push dword 0
	push dword .user
	iretd
bits 16
.user:
	mov ax, 0x40
	mov es, ax
	mov cx, 9
	mov [COUNT], cx
	mov di, BUFFER - 0x400 + 0xb00
	rep stosb
	mov ss, [word_zero]
	mov bl, [PROBE]
	pushf
	pop bx
	sti
	nop
	int 0x40
	cli
	push ss
	pop ss
	int V_BACK
bits 32
.back:
	call note32
	ret

section .data
align 8
gdt:
	dq 0
	dq 0x00af9a000000ffff   ; 64-bit code; not yet accessed
	dq 0x00cf92000000ffff   ; data
	dq 0x00cf9a000000ffff   ; 32-bit code
	dq 0x00009a000000ffff   ; 16-bit code
	dq 0x000092000000ffff   ; 16-bit data
	dq 0x00cffa000000ffff   ; user: 32-bit code
	dq 0x00cff2000000ffff   ; user: data
	dq 0x00affa000000ffff   ; user: 64-bit code
	dw 0x67, tss, 0x8900, 0 ; TSS
	dq 0x00cf12000000ffff   ; not present
	dq 0
	dw 0x67, tss64, 0x8900, 0
	dq 0
gdt_end:
gdt_pointer:
	dw gdt_end - gdt - 1
	dq gdt
idt32_pointer:
	dw GATES * 8 - 1
	dq idt32
idt64_pointer:
	dw GATES * 16 - 1
	dq idt64
align 8
tss:
	dd 0, RING0_TOP, DATA
	times 25 dd 0
tss64:
	dd 0
	dq RING0_TOP
	times 23 dd 0
bounds:
	dd 0, 0
align 2
word_data:
	dw DATA
word_user:
	dw USER_DATA
word_zero:
	dw 0

section .note.GNU-stack noalloc noexec nowrite progbits
