# Stasis: one Makefile, nothing recursive; everything it makes is in build/.
# `make help` lists the targets, V=1 shows the commands.

B := build
JOBS ?= $(shell nproc)
MAKEFLAGS += -j$(JOBS)
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' '$(1)' '$(patsubst $(B)/%,%,$@)')

CC := gcc
LD := ld
AR := ar
NASM := nasm
OBJCOPY := objcopy
PYTHON := /usr/bin/python3

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wundef -Wcast-qual \
	-Wmissing-prototypes -Wstrict-prototypes -Wvla -Werror
COMMON := -std=gnu11 $(WARNINGS) -I. -Iinclude -fno-strict-aliasing -g
DEPFLAGS = -MMD -MP -MF $(@:.o=.d)

# General registers only: the guest's vector state stays in place while the
# hypervisor runs. The red zone would be overwritten by exceptions.
HV_CFLAGS := $(COMMON) -O2 -ffreestanding -fpie -fvisibility=hidden \
	-mno-red-zone -mgeneral-regs-only -mcrc32 -fno-jump-tables \
	-fno-stack-protector -fno-omit-frame-pointer \
	-fno-asynchronous-unwind-tables -fcf-protection=none

# A VM exit goes through many small functions of many files: inline them.
HV_LTO := -flto -ffat-lto-objects

# UEFI calls have Microsoft's convention, and wide characters are 16 bits.
EFI_CFLAGS := $(COMMON) -O2 -ffreestanding -fpic -fshort-wchar -mno-red-zone \
	-fno-stack-protector -fno-asynchronous-unwind-tables \
	-fcf-protection=none -fvisibility=hidden -DGNU_EFI_USE_MS_ABI \
	-isystem /usr/include/efi -isystem /usr/include/efi/x86_64
EFI_LIB := /usr/lib
EFI_LDFLAGS := -nostdlib -shared -Bsymbolic -znocombreloc -z noexecstack \
	--no-warn-rwx-segments --no-undefined \
	-T $(EFI_LIB)/elf_x86_64_efi.lds $(EFI_LIB)/crt0-efi-x86_64.o
EFI_SECTIONS := .text .sdata .data .rodata .dynamic .dynsym .rel .rela \
	.rel.* .rela.* .reloc

CHILD_CFLAGS := $(COMMON) -O2 -ffreestanding -fno-pic -no-pie -m64 \
	-mcmodel=small -mno-red-zone -msse2 -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fcf-protection=none

HOST_CFLAGS := $(COMMON) -O1 -mcrc32 -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all

# ---- What there is ----

HV_SOURCES := $(wildcard hv/*.c hv/*/*.c arch/x86_64/*.c arch/x86_64/*.asm)
HV_OBJECTS := $(HV_SOURCES:%=$(B)/%.o)
# The same with counters (tests/tally): its tally.h comes before arch's.
TALLY_OBJECTS := $(HV_OBJECTS:$(B)/arch/%.c.o=$(B)/tally/arch/%.c.o) \
	$(B)/tally/tests/tally/tally.c.o
ASM_OFFSETS := $(B)/arch/x86_64/asm_offsets.inc
X86_FACTS := $(patsubst %,$(B)/include/%.inc,x86 x86_msr x86_apic)

BOOT_OBJECTS := $(patsubst %,$(B)/%.o,$(wildcard boot/*.c boot/*.asm))
PARENT_OBJECTS := $(patsubst %,$(B)/%.o,$(wildcard parent/*.c parent/*.asm))
HVCTL_OBJECTS := $(patsubst %,$(B)/%.o,$(wildcard tools/hvctl/*.c))
GUEST_LIB := $(patsubst %,$(B)/%.o,$(wildcard tests/guest/lib/*.c \
	tests/guest/lib/*.asm))
GUESTS := $(patsubst tests/guest/root/%.c,$(B)/guest/%.efi, \
	$(wildcard tests/guest/root/*.c))

# What changes the firmware under a test.
FIRMWARE := $(patsubst tests/guest/firmware/%.c,$(B)/firmware/%.efi, \
	$(wildcard tests/guest/firmware/*.c))

CHILD_SIMPLE := $(patsubst tests/guest/child/%.asm,%, \
	$(wildcard tests/guest/child/*.asm))
CHILD_FOLDERS := $(patsubst tests/guest/child/%/link.ld,%, \
	$(wildcard tests/guest/child/*/link.ld))
CHILDREN := $(CHILD_SIMPLE) $(CHILD_FOLDERS)
CHILD_IMAGES := $(CHILDREN:%=$(B)/child/%.img)
CHILD_LIB := $(B)/child/children.a

EFI_PROGRAMS := $(B)/stasis.efi $(B)/tally/stasis.efi \
	$(if $(HVCTL_OBJECTS),$(B)/hvctl.efi) $(GUESTS) $(FIRMWARE)

HOST_CORE := $(wildcard hv/*.c hv/*/*.c tests/host/fake_*.c arch/x86_64/ept.c \
	arch/x86_64/controls.c arch/x86_64/leaks.c arch/x86_64/trace.c arch/x86_64/words.c \
	arch/x86_64/xstate.c boot/frequency.c boot/hypervisor.c boot/ranges.c \
	boot/tables.c) parent/supply.c
HOST_TESTS := $(patsubst tests/host/%.c,%,$(wildcard tests/host/test_*.c))
HOST_PROGRAMS := $(foreach c,gcc clang,$(HOST_TESTS:%=$(B)/host/$(c)/%))
STREAM_TOOL := $(B)/host/gcc/stream_tool
COVER_PROGRAMS := $(HOST_TESTS:%=$(B)/cover/%)
COVER_CFLAGS := $(COMMON) -O1 -mcrc32 -fprofile-instr-generate -fcoverage-mapping

# The core alone tells the fuzzer where it has been: loops of the fakes and of
# the books that are kept would only cost time.
FUZZ_TARGETS := restore mutate save hypercall model
FUZZ_MAINS := $(FUZZ_TARGETS:%=tests/fuzz/fuzz_%.c)
FUZZ_SHARED := $(HOST_CORE) \
	$(filter-out $(FUZZ_MAINS),$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_PROGRAMS := $(FUZZ_TARGETS:%=$(B)/fuzz/%)
FUZZ_CFLAGS := $(COMMON) -O2 -mcrc32 -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all
SECONDS := 60

# Targets that may be the first thing on a fresh machine get their packages
# before anything is compiled: a phony order-only prerequisite of every rule.
DEPS := $(patsubst %,deps-%,$(subst test-vm,test,$(subst test-host,host, \
	$(subst test-kvm,kvm,\
	$(filter run test test-host test-vm test-kvm check fuzz coverage bench,\
	$(patsubst storm,run,$(patsubst wild,run,$(MAKECMDGOALS:mutants=test-host))))))))

.PHONY: all run test test-host test-vm test-kvm bench check fuzz format deps help clean
.PHONY: coverage mutants storm wild deps-run deps-test deps-host deps-check deps-fuzz \
	deps-coverage deps-bench deps-kvm
.DELETE_ON_ERROR:
.SECONDARY:

all: $(B)/stasis.elf $(EFI_PROGRAMS) $(CHILD_IMAGES) ## build everything

run: all | $(DEPS) ## start Stasis in an emulator and show a save and a restore
	$(Q)$(PYTHON) tests/vm/demo.py --build $(B)

HOST_CASES := $(HOST_PROGRAMS) tests/fuzz/replay.sh
test: all $(HOST_PROGRAMS) $(STREAM_TOOL) $(FUZZ_PROGRAMS) | $(DEPS) ## all tests, on the host and in the machine
	$(Q)B=$(B) tests/run_all.sh $(HOST_CASES)

test-host: $(HOST_PROGRAMS) $(FUZZ_PROGRAMS) | $(DEPS) ## unit tests of the core, with sanitizers
	$(Q)B=$(B) tests/run_host.sh $(HOST_CASES)

fuzz: $(FUZZ_PROGRAMS) | $(DEPS) ## fuzz each target for SECONDS (60)
	$(Q)tests/fuzz/run.sh $(SECONDS) $(B)/fuzz $(FUZZ_TARGETS)

MUTANT_OBJECTS := $(HOST_CORE:%.c=$(B)/host/gcc/%.o) \
	$(HOST_TESTS:%=$(B)/host/gcc/tests/host/%.o)
mutants: $(MUTANT_OBJECTS) | $(DEPS) ## break the core in many places: each is noticed
	$(Q)HOST_CFLAGS='$(HOST_CFLAGS)' $(PYTHON) tests/mutation/mutate.py \
		$(B)/host/gcc $(ONLY)

coverage: $(COVER_PROGRAMS) | $(DEPS) ## lines and branches that the unit tests reach
	$(Q)$(PYTHON) tests/coverage.py $(if $(V),-v) $(COVER_PROGRAMS)

BENCH_PROGRAMS := $(B)/bench/bench_host $(B)/bench/bench_memory
bench: $(BENCH_PROGRAMS) $(B)/stasis.efi $(B)/guest/cost.efi \
	$(B)/tally/stasis.efi $(B)/guest/tally.efi | $(DEPS)
bench: ## speed of save and restore, beside QEMU; instructions a call, exits
	$(Q)$(PYTHON) tests/bench/bench.py $(B)

test-vm: all | $(DEPS) ## programs that run on the hypervisor
	$(Q)$(PYTHON) -m pytest -q tests/vm

KVM_TESTS := kvm scenarios entries tally hvctl hvstate machine start
test-kvm: all | $(DEPS) ## the same under QEMU/KVM, in a Linux under Bochs if need be (ONLY=demo: a part)
	$(Q)EMU=qemu STASIS_WATCH=1 $(PYTHON) -m pytest -q -s \
		$(KVM_TESTS:%=tests/vm/test_%.py) $(if $(ONLY),-k '$(ONLY)')

ROUNDS := 20000
SEED := 1
storm: $(B)/stasis.efi $(B)/guest/storm.efi | $(DEPS) ## ROUNDS (20000) states at random, of each SEED, on all models
	$(Q)$(PYTHON) tests/vm/long.py storm $(ROUNDS) $(SEED)

EXITS := 50000
SEEDS := 20
wild: $(B)/tally/stasis.efi $(B)/guest/wild.efi | $(DEPS) ## EXITS (50000) exits of children that do anything, of each of SEEDS (20) seeds
	$(Q)$(PYTHON) tests/vm/long.py wild $(EXITS) \
		$(if $(filter command,$(origin SEED)),$(SEED),$(shell seq $(SEEDS)))

check: $(ASM_OFFSETS) | $(DEPS) ## format, include rules, sizes, static analysis
	$(Q)HV_CFLAGS='$(HV_CFLAGS)' EFI_CFLAGS='$(EFI_CFLAGS)' \
		tools/check/all.sh

format: ## put all C into the project's format
	$(Q)tools/check/format.sh -i

deps: ## install the packages that building and testing need (Debian)
	$(Q)tools/deps.sh run test check bench kvm
deps-run deps-test deps-host deps-check deps-fuzz deps-coverage deps-bench \
deps-kvm: deps-%:
	$(Q)tools/deps.sh $*

help: ## this list
	$(Q)sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1|\2/p' Makefile | \
		awk -F'|' '{ printf "  %-10s %s\n", $$1, $$2 }'

clean: ## remove build/
	$(Q)rm -rf $(B)

# A disk for whoever starts QEMU by hand.
$(B)/stasis.img: $(B)/stasis.efi $(B)/hvctl.efi $(B)/child/pi.img
	$(call say,DISK)
	$(Q)$(PYTHON) tests/vm/disk.py $@ $^

# ---- The hypervisor ----

$(B)/hv/%.c.o: hv/%.c Makefile | $(DEPS)
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HV_CFLAGS) $(HV_LTO) $(DEPFLAGS) -c $< -o $@

$(B)/arch/%.c.o: arch/%.c Makefile | $(DEPS)
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HV_CFLAGS) $(HV_LTO) $(DEPFLAGS) -c $< -o $@

$(B)/tally/%.c.o: %.c Makefile | $(DEPS)
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -Itests/tally $(HV_CFLAGS) $(HV_LTO) $(DEPFLAGS) -c $< -o $@

# Of a header nasm gets what is one number or one bit.
$(B)/%.inc: %.h tools/inc.sed | $(DEPS)
	$(Q)mkdir -p $(@D)
	$(Q)sed -nEf tools/inc.sed $< > $@

$(B)/%.asm.o: %.asm $(ASM_OFFSETS) Makefile | $(DEPS)
	$(call say,NASM)
	$(Q)mkdir -p $(@D)
	$(Q)$(NASM) -f elf64 -g -F dwarf -I$(B)/arch/x86_64/ -I$(<D)/ -I./ \
		-MD $(@:.o=.d) -MP $< -o $@

$(B)/stasis.o: $(HV_OBJECTS)
$(B)/tally/stasis.o: $(TALLY_OBJECTS)
$(B)/stasis.o $(B)/tally/stasis.o: | $(DEPS)
	$(call say,LTO)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HV_CFLAGS) -flto=$(JOBS) -r -flinker-output=nolto-rel -nostdlib \
		$^ -o $@

$(B)/stasis.elf $(B)/tally/stasis.elf: %.elf: %.o linker.ld | $(DEPS)
	$(call say,LD)
	$(Q)mkdir -p $(@D)
	$(Q)$(LD) -pie --no-dynamic-linker -z text -z norelro \
		-z max-page-size=4096 -z noexecstack --build-id=none \
		-T linker.ld $< -o $@

# What boot carries: symbols for reports, but not the debugger's data.
$(B)/stasis.image $(B)/tally/stasis.image: %.image: %.elf
	$(Q)$(OBJCOPY) --strip-debug $< $@

# ---- UEFI programs ----

EFI_FOLDERS := boot parent tools tests/guest
define efi_objects
$$(B)/$(1)/%.c.o: $(1)/%.c Makefile | $$(DEPS)
	$$(call say,CC)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(EFI_CFLAGS) $$(DEPFLAGS) -c $$< -o $$@
endef
$(foreach f,$(EFI_FOLDERS),$(eval $(call efi_objects,$(f))))

$(B)/boot/image.asm.o: $(B)/stasis.image
$(B)/tally/boot/image.asm.o: $(B)/tally/stasis.image
$(B)/boot/image.asm.o $(B)/tally/boot/image.asm.o: boot/image.asm | $(DEPS)
	$(call say,NASM)
	$(Q)mkdir -p $(@D)
	$(Q)$(NASM) -f elf64 '-DIMAGE="$(filter %.image,$^)"' $< -o $@

$(B)/stasis.so: $(BOOT_OBJECTS)
$(B)/tally/stasis.so: $(BOOT_OBJECTS:$(B)/boot/image.asm.o=$(B)/tally/boot/image.asm.o)
$(B)/hvctl.so: $(HVCTL_OBJECTS) $(PARENT_OBJECTS) $(CHILD_LIB)
$(GUESTS:%.efi=%.so): $(B)/guest/%.so: $(B)/tests/guest/root/%.c.o \
	$(GUEST_LIB) $(PARENT_OBJECTS) $(CHILD_LIB)
$(FIRMWARE:%.efi=%.so): $(B)/firmware/%.so: $(B)/tests/guest/firmware/%.c.o
# Measures the hypervisor's own copy and CRC by themselves.
$(B)/guest/cost.so: $(B)/hv/base/crc32c.c.o $(B)/arch/x86_64/copy.c.o

$(B)/%.so:
	$(Q)mkdir -p $(@D)
	$(Q)$(LD) $(EFI_LDFLAGS) $^ -L$(EFI_LIB) -lefi -lgnuefi -o $@

$(B)/%.efi: $(B)/%.so
	$(call say,EFI)
	$(Q)$(OBJCOPY) $(EFI_SECTIONS:%=-j '%') --target=$(EFI_KIND)-x86_64 $< $@

# An application's memory is the firmware's again when it ends, a driver's not.
EFI_KIND := efi-app
$(B)/firmware/bins.efi $(B)/firmware/strict.efi: EFI_KIND := efi-bsdrv

# ---- Children: flat images, linked into the parents that start them ----

$(CHILD_SIMPLE:%=$(B)/child/%.img): $(B)/child/%.img: \
	tests/guest/child/%.asm Makefile | $(DEPS)
	$(call say,NASM)
	$(Q)mkdir -p $(@D)
	$(Q)$(NASM) -f bin -Itests/guest/child/ -MD $@.d -MP $< -o $@

$(B)/child/%.c.o: tests/guest/child/%.c Makefile | $(DEPS)
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CHILD_CFLAGS) $(DEPFLAGS) -c $< -o $@

# nasm does not list what is included from another folder than its own.
$(B)/child/%.asm.o: tests/guest/child/%.asm Makefile $(X86_FACTS) \
	$(wildcard tests/guest/child/*/*.inc) | $(DEPS)
	$(call say,NASM)
	$(Q)mkdir -p $(@D)
	$(Q)$(NASM) -f elf64 -Itests/guest/child/ -I$(<D)/ -I$(B)/ -MD $(@:.o=.d) -MP \
		$< -o $@

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

# ---- Unit tests: the same core, built for this machine by two compilers ----

define host_compiler
$$(B)/host/$(1)/%.o: %.c Makefile | $$(DEPS)
	$$(call say,HOST)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$(1) $$(HOST_CFLAGS) $$(DEPFLAGS) -c $$< -o $$@

$$(HOST_TESTS:%=$$(B)/host/$(1)/%) $$(B)/host/$(1)/stream_tool: \
$$(B)/host/$(1)/%: \
	$$(B)/host/$(1)/tests/host/%.o \
	$$(HOST_CORE:%.c=$$(B)/host/$(1)/%.o)
	$$(call say,HOSTLD)
	$$(Q)$(1) $$(HOST_CFLAGS) $$^ -lcmocka -o $$@
endef
$(foreach c,gcc clang,$(eval $(call host_compiler,$(c))))

# ---- The same once more, counting what is executed ----

$(B)/cover/%.o: %.c Makefile | $(DEPS)
	$(call say,COVER)
	$(Q)mkdir -p $(@D)
	$(Q)clang $(COVER_CFLAGS) $(DEPFLAGS) -c $< -o $@

$(COVER_PROGRAMS): $(B)/cover/%: $(B)/cover/tests/host/%.o \
	$(HOST_CORE:%.c=$(B)/cover/%.o)
	$(call say,COVERLD)
	$(Q)clang $(COVER_CFLAGS) $^ -lcmocka -o $@

# ---- Fuzz targets: clang's libFuzzer ----

$(B)/fuzz/hv/%.o $(FUZZ_MAINS:%.c=$(B)/fuzz/%.o): \
	FUZZ_COVER := -fsanitize=fuzzer-no-link
$(FUZZ_SHARED:%.c=$(B)/fuzz/%.o) $(FUZZ_MAINS:%.c=$(B)/fuzz/%.o): \
$(B)/fuzz/%.o: %.c Makefile | $(DEPS)
	$(call say,FUZZ)
	$(Q)mkdir -p $(@D)
	$(Q)clang $(FUZZ_CFLAGS) $(FUZZ_COVER) $(DEPFLAGS) -c $< -o $@

$(FUZZ_PROGRAMS): $(B)/fuzz/%: $(B)/fuzz/tests/fuzz/fuzz_%.o \
	$(FUZZ_SHARED:%.c=$(B)/fuzz/%.o) tests/fuzz/state.ld
	$(call say,FUZZLD)
	$(Q)clang $(FUZZ_CFLAGS) -fsanitize=fuzzer $(filter %.o,$^) \
		-Wl,-T,tests/fuzz/state.ld -lcmocka -o $@

# ---- The benchmarks: the core as it is, and the machine's own copies ----

BENCH_CORE := $(wildcard hv/*.c hv/*/*.c) arch/x86_64/ept.c arch/x86_64/copy.c \
	arch/x86_64/trace.c
BENCH_MINE := $(wildcard tests/host/fake_*.c) tests/bench/bench_host.c \
	tests/bench/bench_limit.c
BENCH_MINE_FLAGS := $(COMMON) -O2 -mcrc32
BENCH_CORE_FLAGS := $(BENCH_MINE_FLAGS) -mgeneral-regs-only -ffreestanding \
	-flto
$(BENCH_CORE:%.c=$(B)/bench/%.o): BENCH_FLAGS := $(BENCH_CORE_FLAGS)
$(B)/bench/%.o: BENCH_FLAGS := $(BENCH_MINE_FLAGS)
$(B)/bench/%.o: %.c Makefile | $(DEPS)
	$(call say,BENCH)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_FLAGS) $(DEPFLAGS) -c $< -o $@

BENCH_MEMORY := tests/bench/bench_memory.c tests/bench/bench_memory_main.c
$(B)/bench/bench_host: $(BENCH_CORE:%.c=$(B)/bench/%.o) \
	$(BENCH_MINE:%.c=$(B)/bench/%.o)
$(B)/bench/bench_memory: $(BENCH_MEMORY:%.c=$(B)/bench/%.o)
$(BENCH_PROGRAMS):
	$(Q)$(CC) $(BENCH_MINE_FLAGS) -flto=auto $^ -lcmocka -o $@

-include $(shell find $(B) -path $(B)/kvm -prune -o -name '*.d' -print 2>/dev/null)
