# The hypervisor: an ELF image of its own, all of it one LTO unit; and the images for
# tests.

$(filter %.c.o,$(HV_OBJECTS)): $(B)/%.c.o: %.c Makefile mk/hypervisor.mk | $(DEPS)
	$(call compile,CC,$(CC) $(HV_CFLAGS) $(HV_LTO))

$(filter $(B)/test/%.c.o,$(TEST_OBJECTS)): $(B)/test/%.c.o: \
		%.c Makefile mk/hypervisor.mk | $(DEPS)
	$(call compile,CC,$(CC) -Itests/tally $(HV_CFLAGS) $(HV_LTO))

# Of a header nasm gets what is one number or one bit.
$(B)/%.inc: %.h tools/inc.sed | $(DEPS)
	$(Q)mkdir -p $(@D)
	$(Q)sed -nEf tools/inc.sed $< > $@

# Of UEFI programs, too.
$(B)/%.asm.o: %.asm $(ASM_OFFSETS) Makefile mk/hypervisor.mk | $(DEPS)
	$(call assemble,-f elf64 -g -F dwarf -I$(B)/arch/x86_64/common/ -I$(<D)/ -I./)

# For VT-x and for SVM: their loader carries both.
IMAGES := stasis stasis-svm test/stasis test/stasis-svm
$(B)/stasis.o: $(VMX_OBJECTS)
$(B)/stasis-svm.o: $(SVM_OBJECTS)
$(B)/test/stasis.o: $(call test_objects,vmx)
$(B)/test/stasis-svm.o: $(call test_objects,svm)
$(IMAGES:%=$(B)/%.o): | $(DEPS)
	$(call say,LTO)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HV_CFLAGS) -flto=$(JOBS) -r -flinker-output=nolto-rel -nostdlib \
		$^ -o $@

$(IMAGES:%=$(B)/%.elf): %.elf: %.o linker.ld | $(DEPS)
	$(call say,LD)
	$(Q)$(LD) $(HV_LDFLAGS) -T linker.ld $< -o $@

# What boot carries: symbols for reports, but not the debugger's data.
$(IMAGES:%=$(B)/%.image): %.image: %.elf
	$(Q)$(OBJCOPY) --strip-debug $< $@
