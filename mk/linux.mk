# What runs in the user space of a Linux, linked statically.

LINUX_CFLAGS := $(COMMON) -O2 -D_GNU_SOURCE -ffp-contract=off -pthread

$(B)/linux/%.c.o: tests/linux/%.c Makefile mk/linux.mk | $(DEPS)
	$(call compile,CC,$(CC) $(LINUX_CFLAGS))

$(B)/linux/bin/stress: $(patsubst tests/linux/%,$(B)/linux/%.o,$(wildcard tests/linux/stress/*.c))
	$(call say,LD)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -static -pthread -s $^ -o $@

# Those of one file.
$(patsubst %,$(B)/linux/bin/%,clock exits rate): $(B)/linux/bin/%: $(B)/linux/%.c.o
	$(call say,LD)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -static -s $^ -o $@

.PHONY: test-linux
test-linux: all $(LINUX_PROGRAMS) | $(DEPS) ## Linux as the root and as a child, beside the bare machine
	$(Q)STASIS_EVERYTHING=1 $(PYTHON) -m pytest -q tests/vm/test_linux*.py
