; The hypervisor's ELF file, carried whole; the build names it.
default rel
section .rodata

global image_start:data hidden
global image_end:data hidden

align 16
image_start:
	incbin IMAGE
image_end:

section .note.GNU-stack noalloc noexec nowrite progbits
