# The core, built for this machine: unit tests by two compilers, the same once
# more counting what is executed, fuzz targets, and benchmarks.

define host_compiler
$$(B)/host/$(1)/%.o: %.c Makefile mk/host.mk | $$(DEPS)
	$$(call compile,HOST,$(1) $$(HOST_CFLAGS))

$$(HOST_TESTS:%=$$(B)/host/$(1)/%) $$(B)/host/$(1)/stream_tool: \
$$(B)/host/$(1)/%: $$(B)/host/$(1)/tests/host/%.o \
		$$(HOST_CORE:%.c=$$(B)/host/$(1)/%.o)
	$$(call say,HOSTLD)
	$$(Q)$(1) $$(HOST_CFLAGS) $$^ -lcmocka -o $$@

$$(B)/host/$(1)/parent.o: $$(PARENT_CORE:%.c=$$(B)/host/$(1)/%.o)
	$$(call say,PARENT)
	$$(Q)$$(OBJCOPY) --redefine-sym devices_table=devices_product \
		$$(B)/host/$(1)/tools/hvctl/devices.o $$@.devices
	$$(Q)$$(LD) -r $$(filter-out %/devices.o,$$^) $$@.devices -o $$@.all
	$$(Q)$$(OBJCOPY) -w $$(PARENT_KEPT:%=--keep-global-symbol='%') $$@.all $$@

$$(PARENT_TESTS:%=$$(B)/host/$(1)/%): $$(B)/host/$(1)/%: \
		$$(B)/host/$(1)/tests/host/%.o $$(B)/host/$(1)/parent.o \
		$$(PARENT_FAKES:%.c=$$(B)/host/$(1)/%.o)
	$$(call say,HOSTLD)
	$$(Q)$(1) $$(HOST_CFLAGS) $$^ -lcmocka -o $$@
endef
$(foreach c,gcc clang,$(eval $(call host_compiler,$(c))))

$(B)/cover/%.o: %.c Makefile mk/host.mk | $(DEPS)
	$(call compile,COVER,clang $(COVER_CFLAGS))

$(COVER_PROGRAMS): $(B)/cover/%: $(B)/cover/tests/host/%.o \
		$(HOST_CORE:%.c=$(B)/cover/%.o)
	$(call say,COVERLD)
	$(Q)clang $(COVER_CFLAGS) $^ -lcmocka -o $@

# What is undefined ends the program where it is, without the words that the unit tests
# have for it: code that need not be able to say more is a third quicker. Nobody asks for
# uses of a frame after its return, which takes an environment variable; being able to ask
# costs a look in each function.
FUZZ_CFLAGS += -fsanitize-trap=undefined -fsanitize-address-use-after-return=never

# The core and the targets tell the fuzzer where they have been: loops of the
# fakes and of the books that are kept would only cost time. So would comparisons and
# indirect calls: what they tell took half of an input, and led nowhere that counters
# did not.
$(B)/fuzz/lib/%.o $(B)/fuzz/hv/%.o $(FUZZ_MAINS:%.c=$(B)/fuzz/%.o): \
	FUZZ_COVER := -fsanitize=fuzzer-no-link \
	-fno-sanitize-coverage=trace-cmp,indirect-calls,stack-depth
# The fakes and the books have the sanitizers in the unit tests.
$(B)/fuzz/tests/host/%.o $(B)/fuzz/tests/books/%.o: FUZZ_COVER := -fno-sanitize=all
$(FUZZ_SHARED:%.c=$(B)/fuzz/%.o) $(FUZZ_MAINS:%.c=$(B)/fuzz/%.o): \
$(B)/fuzz/%.o: %.c Makefile mk/host.mk | $(DEPS)
	$(call compile,FUZZ,clang $(FUZZ_CFLAGS) $(FUZZ_COVER))

$(FUZZ_PROGRAMS): $(B)/fuzz/%: $(B)/fuzz/tests/fuzz/fuzz_%.o \
		$(FUZZ_SHARED:%.c=$(B)/fuzz/%.o) tests/fuzz/state.ld
	$(call say,FUZZLD)
	$(Q)clang $(FUZZ_CFLAGS) -fsanitize=fuzzer $(filter %.o,$^) \
		-Wl,-T,tests/fuzz/state.ld -lcmocka -o $@

# The same to explore with: what pointers do is left to the programs above, which run
# again all that these keep (tests/fuzz/run.sh). No test needs them.
EXPLORE_CFLAGS := $(COMMON) -O2 -mcrc32 -fdata-sections -fsanitize=undefined \
	-fsanitize-trap=undefined \
	-fno-sanitize=null,alignment,object-size,pointer-overflow
EXPLORE_PROGRAMS := $(FUZZ_TARGETS:%=$(B)/explore/%)
fuzz: $(EXPLORE_PROGRAMS)

# How far a search in a table or a checksum has gone leads nowhere.
EXPLORE_COVERED := $(filter-out lib/crc32c.c hv/run/vp_reg_table.c, \
	$(filter lib/% hv/%,$(FUZZ_SHARED))) $(FUZZ_MAINS)
$(EXPLORE_COVERED:%.c=$(B)/explore/fuzz/%.o): FUZZ_COVER := -fsanitize=fuzzer-no-link \
	-fno-sanitize-coverage=trace-cmp,indirect-calls,stack-depth
$(B)/explore/fuzz/tests/host/%.o: FUZZ_COVER := -fno-sanitize=all
$(B)/explore/fuzz/%.o: %.c Makefile mk/host.mk | $(DEPS)
	$(call compile,EXPLORE,clang $(EXPLORE_CFLAGS) $(FUZZ_COVER))

$(EXPLORE_PROGRAMS): $(B)/explore/%: $(B)/explore/fuzz/tests/fuzz/fuzz_%.o \
		$(FUZZ_SHARED:%.c=$(B)/explore/fuzz/%.o) tests/fuzz/state.ld
	$(call say,FUZZLD)
	$(Q)clang $(EXPLORE_CFLAGS) -fsanitize=fuzzer $(filter %.o,$^) \
		-Wl,-T,tests/fuzz/state.ld -lcmocka -o $@

# The core as it is in the hypervisor, beside the machine's own copies.
$(BENCH_CORE:%.c=$(B)/bench/%.o): BENCH_FLAGS := $(BENCH_CFLAGS) \
	-mgeneral-regs-only -ffreestanding -flto
$(B)/bench/%.o: BENCH_FLAGS := $(BENCH_CFLAGS)
$(B)/bench/%.o: %.c Makefile mk/host.mk | $(DEPS)
	$(call compile,BENCH,$(CC) $(BENCH_FLAGS))

$(B)/bench/bench_host: $(BENCH_CORE:%.c=$(B)/bench/%.o) \
	$(BENCH_MINE:%.c=$(B)/bench/%.o)
$(B)/bench/bench_memory: $(BENCH_MEMORY:%.c=$(B)/bench/%.o)
$(BENCH_PROGRAMS):
	$(Q)$(CC) $(BENCH_CFLAGS) -flto=auto $^ -lcmocka -o $@
