; The hypervisor's ELF files, one for each way to run guests, carried whole (vendor.h); the
; build names them.
section .rodata align=16
global image_vmx_start:data hidden, image_vmx_end:data hidden
global image_svm_start:data hidden, image_svm_end:data hidden
image_vmx_start: incbin IMAGE_VMX
image_vmx_end:
align 16
image_svm_start: incbin IMAGE_SVM
image_svm_end:
section .note.GNU-stack noalloc noexec nowrite progbits
