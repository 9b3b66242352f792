# UEFI programs: the loader with an image of the hypervisor in it, hvctl, the
# tests' guests, and what changes the firmware under a test.

$(filter %.c.o,$(EFI_OBJECTS)): $(B)/%.c.o: %.c Makefile mk/efi.mk | $(DEPS)
	$(call compile,CC,$(CC) $(EFI_CFLAGS))

$(B)/efi/lib/%.c.o: lib/%.c Makefile mk/efi.mk | $(DEPS)
	$(call compile,CC,$(CC) $(EFI_CFLAGS) -mcrc32)

$(EFI_SHARED): $(patsubst %,$(B)/efi/%.o,$(wildcard lib/*.c)) | $(DEPS)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/boot/image.asm.o: $(B)/stasis.image $(B)/stasis-svm.image
$(B)/test/boot/image.asm.o: $(B)/test/stasis.image $(B)/test/stasis-svm.image
$(B)/boot/image.asm.o $(B)/test/boot/image.asm.o: boot/image.asm | $(DEPS)
	$(call say,NASM)
	$(Q)mkdir -p $(@D)
	$(Q)$(NASM) -f elf64 '-DIMAGE_VMX="$(filter %/stasis.image,$^)"' \
		'-DIMAGE_SVM="$(filter %/stasis-svm.image,$^)"' $< -o $@

$(B)/stasis.so: $(BOOT_OBJECTS)
$(B)/test/stasis.so: $(TEST_BOOT_OBJECTS)
$(B)/hvctl.so: $(HVCTL_OBJECTS) $(PARENT_OBJECTS) $(CHILD_LIB)
# A large scenario has the rest of itself in a folder of its name.
$(foreach f,$(wildcard tests/guest/root/*/*.c),$(eval \
	$(B)/guest/$(notdir $(patsubst %/,%,$(dir $(f)))).so: $(B)/$(f).o))
$(GUESTS:%.efi=%.so): $(B)/guest/%.so: $(B)/tests/guest/root/%.c.o \
	$(GUEST_LIB) $(PARENT_OBJECTS) $(CHILD_LIB)
$(FIRMWARE:%.efi=%.so): $(B)/firmware/%.so: $(B)/tests/guest/firmware/%.c.o
# Measures the hypervisor's own copy and CRC by themselves.
$(B)/guest/cost.so: $(B)/lib/crc32c.c.o $(B)/arch/x86_64/common/copy.c.o

# The archive comes last: each program takes what its objects lack of it.
$(B)/%.so: $(EFI_SHARED)
	$(Q)mkdir -p $(@D)
	$(Q)$(LD) $(EFI_LDFLAGS) $(filter-out $<,$^) $< -L$(EFI_LIB) -lefi -lgnuefi -o $@

# An application's memory is the firmware's again when it ends, a driver's not.
EFI_KIND := efi-app
$(B)/firmware/bins.efi $(B)/firmware/strict.efi: EFI_KIND := efi-bsdrv
$(B)/%.efi: $(B)/%.so
	$(call say,EFI)
	$(Q)$(OBJCOPY) $(EFI_SECTIONS:%=-j '%') --target=$(EFI_KIND)-x86_64 $< $@

# A disk for whoever starts QEMU by hand.
$(B)/stasis.img: $(B)/stasis.efi $(B)/hvctl.efi $(B)/child/pi.img
	$(call say,DISK)
	$(Q)$(PYTHON) tests/vm/disk.py $@ $^
