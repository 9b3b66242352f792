# Children: flat images, linked into the parents that start them.

$(CHILD_SIMPLE:%=$(B)/child/%.img): $(B)/child/%.img: \
		tests/guest/child/%.asm Makefile mk/children.mk | $(DEPS)
	$(call assemble,-f bin -Itests/guest/child/)

$(B)/child/%.c.o: tests/guest/child/%.c Makefile mk/children.mk | $(DEPS)
	$(call compile,CC,$(CC) $(CHILD_CFLAGS))

# nasm does not list what is included from another folder than its own.
$(B)/child/%.asm.o: tests/guest/child/%.asm Makefile mk/children.mk $(X86_FACTS) \
		$(wildcard tests/guest/child/*/*.inc) | $(DEPS)
	$(call assemble,-f elf64 -Itests/guest/child/ -I$(<D)/ -I$(B)/)

# The objects of one child folder, its entry first.
child_objects = $(patsubst tests/guest/child/%,$(B)/child/%.o, \
	$(wildcard tests/guest/child/$(1)/*.asm tests/guest/child/$(1)/*.c))
define child_link
$$(B)/child/$(1).elf: $$(call child_objects,$(1)) \
		tests/guest/child/$(1)/link.ld
	$$(Q)$$(LD) -static -z noexecstack --no-warn-rwx-segments \
		--build-id=none -T tests/guest/child/$(1)/link.ld \
		$$(call child_objects,$(1)) -o $$@
endef
$(foreach c,$(CHILD_FOLDERS),$(eval $(call child_link,$(c))))

$(CHILD_FOLDERS:%=$(B)/child/%.img): %.img: %.elf
	$(call say,IMAGE)
	$(Q)$(OBJCOPY) -O binary $< $@

$(CHILDREN:%=$(B)/child/%.o): %.o: %.img
	$(Q)printf '%s\n' 'section .rodata align=4096' \
		'global child_$(*F)_start:data hidden' \
		'global child_$(*F)_end:data hidden' \
		'child_$(*F)_start: incbin "$<"' 'child_$(*F)_end:' \
		'section .note.GNU-stack noalloc noexec nowrite progbits' \
		> $*.embed.asm
	$(Q)$(NASM) -f elf64 $*.embed.asm -o $@

$(CHILD_LIB): $(CHILDREN:%=$(B)/child/%.o) | $(DEPS)
	$(Q)mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcs $@ $(CHILDREN:%=$(B)/child/%.o)
