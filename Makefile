# Stasis: one make, nothing recursive; everything it makes is in build/.
# Here is what there is: tools, flags, lists and targets. How each kind is built
# is in mk/. `make help` lists the targets, V=1 shows the commands.

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

# An object of a C file, $(call compile,WORD,COMPILER FLAGS), and of one for nasm,
# $(call assemble,FLAGS): beside it what it was made from, for the next time.
define compile
$(call say,$(1))
$(Q)mkdir -p $(@D)
$(Q)$(2) -MMD -MP -MF $(@:.o=.d) -c $< -o $@
endef
define assemble
$(call say,NASM)
$(Q)mkdir -p $(@D)
$(Q)$(NASM) $(1) -MD $(@:.o=).d -MP $< -o $@
endef

# ---- Flags ----

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wundef -Wcast-qual \
	-Wmissing-prototypes -Wstrict-prototypes -Wvla -Werror
COMMON := -std=gnu11 $(WARNINGS) -I. -Iinclude -fno-strict-aliasing -g

# General registers only: the guest's vector state stays in place while the
# hypervisor runs. The red zone would be overwritten by exceptions.
HV_CFLAGS := $(COMMON) -O2 -ffreestanding -fpie -fvisibility=hidden \
	-mno-red-zone -mgeneral-regs-only -mcrc32 -fno-jump-tables \
	-fno-stack-protector -fno-omit-frame-pointer \
	-fno-asynchronous-unwind-tables -fcf-protection=none
# A VM exit goes through many small functions of many files: inline them.
HV_LTO := -flto -ffat-lto-objects
HV_LDFLAGS := -pie --no-dynamic-linker -z text -z norelro -z max-page-size=4096 \
	-z noexecstack --build-id=none

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

SANITIZE := -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all
HOST_CFLAGS := $(COMMON) -O1 -mcrc32 $(SANITIZE)
COVER_CFLAGS := $(COMMON) -O1 -mcrc32 -fprofile-instr-generate -fcoverage-mapping
FUZZ_CFLAGS := $(COMMON) -O2 -mcrc32 -fdata-sections $(SANITIZE)
BENCH_CFLAGS := $(COMMON) -O2 -mcrc32

# ---- What there is ----

objects = $(patsubst %,$(B)/%.o,$(wildcard $(1)))
# An image for each way to run a guest: what they share, and a folder of its own.
vendor_objects = $(call objects,lib/*.c hv/*.c hv/*/*.c \
	$(foreach f,common $(1),arch/x86_64/$(f)/*.c arch/x86_64/$(f)/*.asm))
VMX_OBJECTS := $(call vendor_objects,vmx)
SVM_OBJECTS := $(call vendor_objects,svm)
HV_OBJECTS := $(sort $(VMX_OBJECTS) $(SVM_OBJECTS))
# The images for tests: the same with counters, planted faults and books (tests/tally, whose
# tally.h comes before arch's); with the option for faults in their loader.
BOOKS := $(wildcard tests/books/*.c)
test_objects = $(patsubst $(B)/arch/%.c.o,$(B)/test/arch/%.c.o, \
	$(call vendor_objects,$(1))) $(patsubst %.c,$(B)/test/%.c.o,$(BOOKS) \
	$(filter-out %/options_extra.c %_$(if $(filter vmx,$(1)),svm,vmx).c,$(wildcard tests/tally/*.c)))
TEST_OBJECTS := $(sort $(foreach v,vmx svm,$(call test_objects,$(v))))
ASM_OFFSETS := $(B)/arch/x86_64/common/asm_offsets.inc
X86_FACTS := $(patsubst %,$(B)/include/%.inc,x86 x86_msr x86_apic)

# lib/ once more, with the flags of UEFI programs.
EFI_SHARED := $(B)/efi/lib.a
BOOT_OBJECTS := $(call objects,boot/*.c boot/*.asm)
TEST_BOOT_OBJECTS := $(subst boot/options_extra,tests/tally/options_extra, \
	$(subst $(B)/boot/image,$(B)/test/boot/image,$(BOOT_OBJECTS)))
PARENT_OBJECTS := $(call objects,parent/*.c parent/uefi/*.c)
HVCTL_OBJECTS := $(call objects,tools/hvctl/*.c tools/hvctl/uefi/*.c)
GUEST_LIB := $(call objects,tests/guest/lib/*.c tests/guest/lib/*.asm)
GUESTS := $(patsubst tests/guest/root/%.c,$(B)/guest/%.efi, \
	$(wildcard tests/guest/root/*.c))
# What changes the firmware under a test.
FIRMWARE := $(patsubst tests/guest/firmware/%.c,$(B)/firmware/%.efi, \
	$(wildcard tests/guest/firmware/*.c))
# All that is compiled as UEFI programs are.
EFI_OBJECTS := $(sort $(BOOT_OBJECTS) $(TEST_BOOT_OBJECTS)) $(PARENT_OBJECTS) $(HVCTL_OBJECTS) $(GUEST_LIB) \
	$(call objects,tests/guest/root/*.c tests/guest/root/*/*.c tests/guest/firmware/*.c)
EFI_PROGRAMS := $(B)/stasis.efi $(B)/test/stasis.efi \
	$(if $(HVCTL_OBJECTS),$(B)/hvctl.efi) $(GUESTS) $(FIRMWARE)

# A child is one file of assembly, or a folder with a linker script.
CHILD_SIMPLE := $(patsubst tests/guest/child/%.asm,%, \
	$(wildcard tests/guest/child/*.asm))
CHILD_FOLDERS := $(patsubst tests/guest/child/%/link.ld,%, \
	$(wildcard tests/guest/child/*/link.ld))
CHILDREN := $(CHILD_SIMPLE) $(CHILD_FOLDERS)
CHILD_IMAGES := $(CHILDREN:%=$(B)/child/%.img)
CHILD_LIB := $(B)/child/children.a

# What also runs on the host, against the fakes of the door.
HOST_ARCH := $(patsubst %,arch/x86_64/%.c,$(addprefix common/,child_msr deadline enter \
	entry_rules exits_call exits_msr interrupts kick outcome root_apic root_msr slat startup \
	vp words xstate) $(addprefix vmx/,allowed controls leaks trace) \
	$(addprefix svm/,asid msr_map offer apic opcode path segment timer virtual vtimer))
HOST_KIT := $(BOOKS) $(wildcard $(patsubst %,tests/host/%/*.c,fake fixture oracle))
HOST_CORE := $(wildcard lib/*.c hv/*.c hv/*/*.c) $(HOST_KIT) $(HOST_ARCH) \
	$(addprefix boot/,frequency.c hypervisor.c maker.c ranges.c tables.c) parent/supply.c
HOST_TESTS := $(patsubst tests/host/%.c,%,$(wildcard tests/host/test_*.c))
# A parent on the host: its names are those of the core, so it is linked by itself
# first, and keeps only these for the tests.
PARENT_CORE := $(wildcard parent/*.c tools/hvctl/*.c)
PARENT_KEPT := hvctl_main run_* devices_product device_* container_* uart16550_* ioapic_* \
	acpi_power_* acpi_tables_* bzimage_* pci_host_* rtc_*
PARENT_TESTS := $(patsubst tests/host/%.c,%,$(wildcard tests/host/parent/test_*.c))
PARENT_FAKES := $(filter-out %/fake/firmware.c parent/supply.c,$(HOST_CORE)) \
	$(filter-out $(PARENT_TESTS:%=tests/host/%.c),$(wildcard tests/host/parent/*.c))
HOST_PROGRAMS := $(foreach c,gcc clang,$(HOST_TESTS:%=$(B)/host/$(c)/%) \
	$(PARENT_TESTS:%=$(B)/host/$(c)/%))
STREAM_TOOL := $(B)/host/gcc/stream_tool
COVER_PROGRAMS := $(HOST_TESTS:%=$(B)/cover/%)
MUTANT_OBJECTS := $(HOST_CORE:%.c=$(B)/host/gcc/%.o) \
	$(HOST_TESTS:%=$(B)/host/gcc/tests/host/%.o)

FUZZ_TARGETS := restore mutate save hypercall model
FUZZ_MAINS := $(FUZZ_TARGETS:%=tests/fuzz/fuzz_%.c)
FUZZ_SHARED := $(HOST_CORE) \
	$(filter-out $(FUZZ_MAINS),$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_PROGRAMS := $(FUZZ_TARGETS:%=$(B)/fuzz/%)

# The core as it is, beside the machine's own copies.
BENCH_CORE := $(wildcard lib/*.c hv/*.c hv/*/*.c) \
	$(HOST_ARCH) arch/x86_64/common/copy.c
BENCH_MINE := $(HOST_KIT) tests/bench/bench_host.c \
	tests/bench/bench_limit.c
BENCH_MEMORY := tests/bench/bench_memory.c tests/bench/bench_memory_main.c
BENCH_PROGRAMS := $(B)/bench/bench_host $(B)/bench/bench_memory

# Targets that may be the first thing on a fresh machine get their packages
# before anything is compiled: a phony order-only prerequisite of every rule.
DEPS := $(patsubst %,deps-%,$(subst test-vm,test,$(subst test-host,host,$(subst test-kvm,kvm,$(subst test-models,kvm,\
	$(subst test-linux,test,$(subst run-linux,linux,$(subst test-linux-points,linux,$(subst test-strict,strict,\
	$(filter run run-linux test-linux test-linux-points test-strict test test-host test-vm test-kvm test-models check fuzz coverage bench,\
	$(patsubst storm,test,$(patsubst wild,test,$(patsubst attack,test,$(MAKECMDGOALS:mutants=test-host))))))))))))))

# ---- Targets, and what may be said to them ----

SECONDS := 60
ROUNDS := 20000
SEED := 1
SEEDS := 20

DEPS_OF := $(addprefix deps-,run test host check fuzz coverage bench kvm linux strict)
.PHONY: all run test test-host test-vm test-kvm test-models bench check fuzz format deps help clean
.PHONY: coverage mutants storm wild attack run-linux test-linux-points $(DEPS_OF)
.DELETE_ON_ERROR:
.SECONDARY:

all: $(B)/stasis.elf $(B)/stasis-svm.elf $(EFI_PROGRAMS) $(CHILD_IMAGES) ## build everything

LINUX_PROGRAMS := $(patsubst %,$(B)/linux/bin/%,stress clock exits rate)
run-linux: all $(LINUX_PROGRAMS) | $(DEPS) ## boot Debian's kernel in a child, save it, and go on elsewhere
	$(Q)$(PYTHON) tests/vm/linux_demo.py
run: all | $(DEPS) ## start Stasis in an emulator and show a save and a restore
	$(Q)$(PYTHON) tests/vm/demo.py --build $(B)

HOST_CASES := $(HOST_PROGRAMS) tests/fuzz/replay.sh
test: all $(HOST_PROGRAMS) $(STREAM_TOOL) $(FUZZ_PROGRAMS) $(LINUX_PROGRAMS) | $(DEPS) ## all tests, on the host and in the machine
	$(Q)B=$(B) tests/run_all.sh $(HOST_CASES)

test-host: $(HOST_PROGRAMS) $(FUZZ_PROGRAMS) | $(DEPS) ## unit tests of the core, with sanitizers
	$(Q)B=$(B) tests/run_host.sh $(HOST_CASES)

fuzz: $(FUZZ_PROGRAMS) | $(DEPS) ## fuzz each target for SECONDS (60), then the new inputs with ASan
	$(Q)tests/fuzz/run.sh $(SECONDS) $(B) $(FUZZ_TARGETS)

mutants: $(MUTANT_OBJECTS) | $(DEPS) ## break the core in many places: each is noticed
	$(Q)HOST_CFLAGS='$(HOST_CFLAGS)' HOST_CORE='$(HOST_CORE)' \
		$(PYTHON) tests/mutation/mutate.py \
		$(B)/host/gcc $(ONLY)

coverage: $(COVER_PROGRAMS) | $(DEPS) ## lines and branches that the unit tests reach
	$(Q)$(PYTHON) tests/coverage.py $(if $(V),-v) $(COVER_PROGRAMS)

bench: $(BENCH_PROGRAMS) $(B)/stasis.efi $(B)/guest/cost.efi \
	$(B)/test/stasis.efi $(B)/guest/tally.efi $(B)/guest/pair.efi | $(DEPS)
bench: ## speed of save and restore, beside QEMU; instructions a call, exits
	$(Q)$(PYTHON) tests/bench/bench.py $(B)

test-vm: all $(LINUX_PROGRAMS) | $(DEPS) ## programs that run on the hypervisor
	$(Q)$(PYTHON) -m pytest -q tests/vm

test-models: all | $(DEPS) ## programs on the hypervisor, on every model, of two QEMUs (hours; ONLY: parts)
	$(Q)ONLY='$(ONLY)' FROM='$(FROM)' tests/run_models.sh

KVM_TESTS := kvm scenarios entries tally hvctl hvstate machine start
test-kvm: all | $(DEPS) ## the same under QEMU/KVM, in a Linux under Bochs if need be (ONLY=demo: a part)
	$(Q)EMU=qemu STASIS_WATCH=1 $(PYTHON) -m pytest -q -s \
		$(KVM_TESTS:%=tests/vm/test_%.py) $(if $(ONLY),-k '$(ONLY)')

test-linux-points: all $(LINUX_PROGRAMS) | $(DEPS) ## save a Linux at POINTS (200) random points of SEED, and go on (hours)
	$(Q)$(PYTHON) tests/vm/linux_points.py $(or $(POINTS),200) $(SEED)

storm: $(B)/stasis.efi $(B)/guest/storm.efi | $(DEPS) ## ROUNDS (20000) states at random, of each SEED, on all models
	$(Q)$(PYTHON) tests/vm/long.py storm $(ROUNDS) $(SEED)

wild: ## EXITS (50000) exits of children that do anything, of each of SEEDS (20) seeds
attack: ## HYPERCALLS (50000) of a root that attacks, of each of SEEDS (20) seeds, CPUS (1) at once
wild attack: %: $(B)/test/stasis.efi $(B)/guest/%.efi | $(DEPS)
	$(Q)$(if $(CPUS),STASIS_CPUS=$(CPUS)) $(PYTHON) tests/vm/long.py $@ $(or $(if $(filter wild,$@),$(EXITS),$(HYPERCALLS)),50000) \
		$(if $(filter command,$(origin SEED)),$(SEED),$(shell seq $(SEEDS)))

check: $(ASM_OFFSETS) | $(DEPS) ## format, include rules, sizes, static analysis
	$(Q)HV_CFLAGS='$(HV_CFLAGS)' EFI_CFLAGS='$(EFI_CFLAGS)' \
		tools/check/all.sh

format: ## put all C into the project's format
	$(Q)tools/check/format.sh -i

deps: ## install the packages that building and testing need (Debian)
	$(Q)tools/deps.sh run test check bench kvm
$(DEPS_OF): deps-%:
	$(Q)tools/deps.sh $*

help: ## this list
	$(Q)sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1|\2/p' Makefile mk/*.mk | \
		awk -F'|' '{ printf "  %-10s %s\n", $$1, $$2 }'

clean: ## remove build/
	$(Q)rm -rf $(B)

include mk/hypervisor.mk mk/efi.mk mk/children.mk mk/host.mk mk/linux.mk mk/strict.mk
-include $(shell find $(B) -path $(B)/kvm -prune -o -path $(B)/qemu -prune -o -path $(B)/strict -prune -o -name '*.d' -print 2>/dev/null)
