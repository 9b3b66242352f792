; Protected mode: NMIs, and events whose stack the parent has protected; what notes the
; registers, and the handlers of all vectors.

%include "anywhere.inc"
%include "protected.inc"

global note32
global nmis32
global guarded32
global idt32

section .text
bits 32
; An NMI, and in its handler another one, which waits for its IRET.
nmis32:
	mov dword [NMIS], 2
	call send_nmi32
	times 4 nop
	call note32
	ret

send_nmi32:
	cmp dword [NO_NMIS], 0
	jne .none
	cmp dword [USE_X2APIC], 0
	jne .msr
	mov dword [LAPIC_BASE_RESET + LAPIC_ICR_HIGH], 0
	mov dword [LAPIC_BASE_RESET + LAPIC_ICR], LAPIC_ICR_NMI
.none:
	ret
.msr:
	push eax
	push ecx
	push edx
	mov ecx, MSR_X2_ICR
	mov eax, LAPIC_ICR_NMI
	xor edx, edx
	wrmsr
	pop edx
	pop ecx
	pop eax
	ret

; Events whose delivery finds a stack that the parent has protected.
guarded32:
	mov ebp, esp
	mov esp, GUARD_TOP
	out PORT_GUARD, al
	int 0x41
	out PORT_GUARD, al
	int3
	out PORT_GUARD, al
	fault32 ud2
	mov eax, ABSENT
	out PORT_GUARD, al
	fault32 mov es, eax
	mov [BUFFER + 0xb80], ebp
	mov ecx, [NO_NMIS]
	or ecx, [USE_X2APIC]
	jnz .done
	mov dword [NMIS], 1
	out PORT_GUARD, al
	mov dword [LAPIC_BASE_RESET + LAPIC_ICR], LAPIC_ICR_NMI
	nop
.done:
	mov esp, ebp
	call note32
	ret

note32:
	pushfd
	pushad
	push ds
	push es
	push fs
	push gs
	mov eax, DATA
	mov ds, eax
	mov es, eax
	cld
	mov esi, esp
	mov edi, [LOG_AT]
	mov ecx, 4 + 8 + 1 + 1
	rep movsd
	mov [LOG_AT], edi
	pop gs
	pop fs
	pop es
	pop ds
	popad
	popfd
	ret

align 16
stub32:
%assign vector 0
%rep GATES
	align 16
%if vector != 8 && (vector < 10 || vector > 14) && vector != 17
	push byte 0
%endif
	push byte vector
	jmp near common32
%assign vector vector + 1
%endrep

%define AT_VECTOR 40
%define AT_EIP 48
%define AT_FLAGS 56

common32:                       ; vector, error code, EIP, CS, EFLAGS, ...
	pushad
	push ds
	push es
	mov eax, DATA
	mov ds, eax
	mov es, eax
	cld
	inc dword [DEPTH]
	mov esi, esp
	mov edi, [LOG_AT]
	mov ecx, 2 + 8 + 2 + 3 + 2
	rep movsd
	mov [LOG_AT], edi
	mov eax, [RESUME_AT]
	test eax, eax
	jz .event
	mov [esp + AT_EIP], eax
	and dword [RESUME_AT], 0
.event:
	movzx eax, byte [esp + AT_VECTOR]
	cmp eax, VECTOR_DB
	je .debug
	cmp eax, VECTOR_NMI
	je .nmi
	cmp eax, V_BACK
	je .back
.done:
	dec dword [DEPTH]
	pop es
	pop ds
	popad
	add esp, 8
	iretd
.debug:
	mov eax, dr6
	call note32
	mov ecx, DR6_FIXED
	mov dr6, ecx
	test ah, 0x40
	jz .breakpoint
	dec dword [STEPS]
	jnz .breakpoint
	and dword [esp + AT_FLAGS], ~RFLAGS_TF
.breakpoint:
	test al, 2
	jz .done
	or dword [esp + AT_FLAGS], 0x10000      ; RF
	jmp .done
.nmi:
	mov ecx, 6
.inside:
	mov edx, ss
	mov ss, edx
	lea eax, [eax + ecx]
	loop .inside
	dec dword [NMIS]
	jz .done
	call send_nmi32
	mov ecx, 12
.blocked:
	lea eax, [eax + ecx]
	loop .blocked
	out PORT_GUARD, al      ; one waits: the parent may look
	call note32
	jmp .done
.back:
	dec dword [DEPTH]
	mov esp, [BACK_STACK]
	jmp [BACK_AT]

section .data
align 8
idt32:
%assign vector 0
%rep GATES
	dw stub32 + 16 * vector, CODE32
%if vector == 3 || vector == 4 || vector >= 0x40
	dw 0xee00, 0
%else
	dw 0x8e00, 0
%endif
%assign vector vector + 1
%endrep

section .note.GNU-stack noalloc noexec nowrite progbits
