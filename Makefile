# SPDX-License-Identifier: GPL-2.0-or-later
# The whole build, non-recursive. `make help` lists the targets. Sources are found by wildcard: a new file in one of
# the folders below is built and linked without a line here. Objects go to $(BUILD)/obj, dependencies beside them.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

# BUILD may be another folder for another flavour: build/asan (SANITIZE=y), build/clang (CC=clang).
BUILD ?= build

# These goals install what the build lacks, for the README's two commands must work on a fresh Debian; other goals only
# say what is missing.
AUTO_INSTALL := $(filter run check check-% bench,$(MAKECMDGOALS))
# These goals need no configuration.
NO_CONFIG := $(and $(MAKECMDGOALS),$(if $(filter-out help clean distclean check-style deps-%,$(MAKECMDGOALS)),,y))

# One job per processor, unless the user said how many (which make 4.3 tells only in its own command line).
ifeq ($(MAKELEVEL)$(shell tr '\0' '\n' </proc/$$PPID/cmdline 2>/dev/null | grep -e '^-[a-z]*j' -e '^--jobs'),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif
MAKEFLAGS += --no-print-directory

ifeq ($(NO_CONFIG),)
include build/config.mk
endif

# configure leaves files alone that it would not change, so that nothing is rebuilt for them; hence the stamp.
build/config.stamp: configure
	./configure $(if $(AUTO_INSTALL),--install-deps=build) $(CONFIGURE_ARGS)
build/config.mk: build/config.stamp
	@[ -e $@ ] || ./configure $(CONFIGURE_ARGS)

# ---- sources -------------------------------------------------------------------------------------------------

FOLDERS := util block net audio chardev ui migration system target/i386 accel accel/* hw/* monitor gdb
SRCS := $(wildcard $(addsuffix /*.c,$(FOLDERS)))
# A program is tools/rhea-NAME.c with tools/NAME-*.c, and what all of them share: tools/tool*.c.
TOOL_SRCS := $(wildcard tools/*.c)
TOOL_MAINS := $(wildcard tools/rhea-*.c)

# Optional parts: files built when configure found the part's library, and the files built in their place
# when it did not (those say which package was missing). One row per part of configure's table.
OPTIONAL := png vnc xkb sdl curses zstd deflate nettle uring gnutls
WITH_png := ui/png.c
WITHOUT_png := ui/png-none.c
WITH_zstd := block/qcow2-zstd.c
WITHOUT_zstd := block/qcow2-zstd-none.c
WITH_deflate := block/qcow2-deflate.c
WITHOUT_deflate := block/qcow2-deflate-none.c
WITH_uring := block/uring.c
WITHOUT_uring := block/uring-none.c
WITH_nettle := block/cipher-nettle.c
WITHOUT_nettle := block/cipher-none.c
WITH_gnutls := util/tls.c util/tls-creds.c
WITHOUT_gnutls := util/tls-none.c
WITH_vnc := $(filter-out ui/vnc-none.c,$(wildcard ui/vnc*.c))
WITHOUT_vnc := ui/vnc-none.c
WITH_sdl := ui/sdl.c ui/sdl-load.c ui/sdl-input.c ui/sdl-keys-table.c
WITHOUT_sdl := ui/sdl-none.c
WITH_curses := ui/curses.c
WITHOUT_curses := ui/curses-none.c
WITH_xkb := ui/keymap-xkb.c
WITHOUT_xkb := ui/keymap-none.c

SRCS := $(filter-out $(foreach part,$(OPTIONAL),$(if $(HAVE_$(part)),$(WITHOUT_$(part)),$(WITH_$(part)))),$(SRCS))

OBJ := $(BUILD)/obj
OBJS := $(SRCS:%.c=$(OBJ)/%.o)
# Everything except main(): what the tests link. Devices register themselves in constructors, so objects are
# linked directly; an archive would drop those that nobody names.
PART_OBJS := $(filter-out $(OBJ)/system/main.o,$(OBJS))
UTIL_OBJS := $(filter $(OBJ)/util/%,$(OBJS))
BLOCK_OBJS := $(filter $(OBJ)/block/%,$(OBJS))

EMULATOR := $(if $(wildcard system/main.c),$(BUILD)/rhea-system-x86_64)
TOOLS := $(patsubst tools/%.c,$(BUILD)/%,$(TOOL_MAINS))
tool_objs = $(patsubst %.c,$(OBJ)/%.o,$(wildcard tools/$(1:rhea-%=%)-*.c tools/tool*.c))

# ---- flags ---------------------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla $(if $(filter y,$(WERROR)),-Werror)
# -fno-strict-aliasing: an emulator looks at the same bytes as memory, as registers and as vectors. Where we forget
# a memcpy, the result must be the obvious one and not whatever the optimiser may conclude.
CFLAGS ?= $(if $(filter y,$(DEBUG)),-O0 -g3,$(if $(filter y,$(SANITIZE)),-O1,-O2) -g)
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -I. $(WARNINGS) -fno-strict-aliasing -pthread \
	$(LIB_CFLAGS) $(CFLAGS) $(SANITIZE_FLAGS) $(CFLAGS-$*.o)
ifeq ($(SANITIZE),y)
SANITIZE_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif
# A library that is opened when it is needed, or not used at all, does not load at every start.
ALL_LDFLAGS = -Wl,--as-needed -pthread $(SANITIZE_FLAGS) $(LDFLAGS) $(PARTIAL_LDFLAGS)
# While the tree has no main(), parts that others call may be missing too: link the tests anyway.
PARTIAL_LDFLAGS := $(if $(wildcard system/main.c),,-no-pie -Wl,--unresolved-symbols=ignore-all)

# Flags of single files, by object: CFLAGS-path/to/file.o := ...

V ?= 0
say = $(if $(filter 0,$(V)),@printf '  %-7s %s\n' $(1) $(2);)

# ---- programs ------------------------------------------------------------------------------------------------

.PHONY: all programs
all: programs firmware compile_commands.json
programs: $(EMULATOR) $(TOOLS) $(PART_OBJS)

$(OBJ)/%.o: %.c build/config.mk
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/rhea-system-x86_64: $(OBJS)
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $(OBJS) $(LIBS)

.SECONDEXPANSION:
$(TOOLS): $(BUILD)/%: $(OBJ)/tools/%.o $$(call tool_objs,$$*) $(UTIL_OBJS) $(BLOCK_OBJS)
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# ---- firmware: ACPI tables from ASL, option ROMs and their kin from assembler ----------------------------------

ASL := $(wildcard pc-bios/*.asl)
ROM_SRCS := $(wildcard pc-bios/*.S)
FIRMWARE := $(ASL:pc-bios/%.asl=$(BUILD)/pc-bios/%.aml) $(ROM_SRCS:pc-bios/%.S=$(BUILD)/pc-bios/%.bin)

.PHONY: firmware
firmware: $(FIRMWARE)

$(BUILD)/pc-bios/%.aml: pc-bios/%.asl
	@mkdir -p $(@D) $(OBJ)/pc-bios
	$(call say,IASL,$<)iasl -oa -ve -p $(basename $@) $< >$(OBJ)/$<.log 2>&1 || { cat $(OBJ)/$<.log; exit 1; }

# A flat 16-bit image linked at 0; scripts/romsum pads it to 512 bytes, sets its length byte and its checksum.
$(BUILD)/pc-bios/%.bin: pc-bios/%.S scripts/romsum
	@mkdir -p $(@D) $(OBJ)/pc-bios
	$(call say,ROM,$<)$(CC) -m32 -c -I. -Wa,-W -MMD -MP -MT $@ -o $(OBJ)/pc-bios/$*.o $< && \
		$(LD) -m elf_i386 -Ttext=0 -e 0 --oformat=elf32-i386 -o $(OBJ)/pc-bios/$*.elf $(OBJ)/pc-bios/$*.o && \
		objcopy -O binary -j .text $(OBJ)/pc-bios/$*.elf $@.raw && scripts/romsum $@.raw $@ && rm $@.raw

# ---- tests ---------------------------------------------------------------------------------------------------

# One program per *-test.c (fuzz: *-fuzz.c); the other .c files of its folder are linked with it. Unit, state, image and
# fuzz programs link the whole emulator but main(); qtest programs talk to it through a socket and link util only.
test_programs = $(patsubst %.c,$(BUILD)/%,$(wildcard $(foreach folder,$(1),tests/$(folder)/*-$(2).c)))
test_helpers = $(patsubst %.c,$(OBJ)/%.o,$(filter-out %-$(2).c,$(wildcard tests/$(1)/*.c)))
LINKED_TESTS := $(call test_programs,unit state image,test)
FUZZ_TESTS := $(call test_programs,fuzz,fuzz)
QTESTS := $(call test_programs,qtest,test)

$(LINKED_TESTS) $(FUZZ_TESTS): $(PART_OBJS)
$(QTESTS): $(call test_helpers,qtest,test) $(UTIL_OBJS)
$(call test_programs,unit,test): $(call test_helpers,unit,test)
$(call test_programs,state,test): $(call test_helpers,state,test)
$(call test_programs,image,test): $(call test_helpers,image,test)
$(FUZZ_TESTS): $(call test_helpers,fuzz,fuzz)
$(BUILD)/tests/fuzz/cpu-fuzz: $(OBJ)/tests/unit/guest-cpu.o
$(BUILD)/tests/fuzz/qcow2-fuzz: $(OBJ)/tests/image/memfile.o
$(LINKED_TESTS) $(FUZZ_TESTS) $(QTESTS): $(BUILD)/%: $(OBJ)/%.o
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# Flat guests: BIOS-style ROMs of 64 KiB, see tests/guest/guest.h.
GUESTS := $(patsubst %.S,$(BUILD)/%.bin,$(wildcard tests/guest/*.S))
BENCH_GUESTS := $(patsubst %.S,$(BUILD)/%.bin,$(wildcard tests/bench/*.S))
UI_GUESTS := $(patsubst %.S,$(BUILD)/%.bin,$(wildcard tests/ui/*.S))
KVM_GUESTS := $(patsubst %.S,$(BUILD)/%.bin,$(wildcard tests/kvm/*.S))
$(GUESTS) $(BENCH_GUESTS) $(UI_GUESTS) $(KVM_GUESTS): $(BUILD)/%.bin: %.S tests/guest/rom.ld
	@mkdir -p $(@D) $(OBJ)/$(*D)
	$(call say,GUEST,$<)$(CC) -m64 -I. -c -MMD -MP -MT $@ -MF $(OBJ)/$*.d -o $(OBJ)/$*.o $< && \
		$(LD) -m elf_x86_64 -T tests/guest/rom.ld -o $@ $(OBJ)/$*.o

# The programs of `make bench`: a static binary that is the benchmark guest's init and runs on the host as well. Flags of its
# own, so that what is measured does not depend on how the emulator is built.
BENCH_OBJS := $(patsubst %.c,$(OBJ)/%.o,$(wildcard tests/bench/guest/*.c))
BENCH_CFLAGS = -std=gnu11 -D_GNU_SOURCE -I. $(WARNINGS) -fno-strict-aliasing -pthread $(LIB_CFLAGS) -O2 -fno-math-errno -fno-tree-vectorize
CFLAGS-tests/bench/guest/matrix-avx2.o := -march=x86-64-v3
$(OBJ)/tests/bench/guest/%.o: tests/bench/guest/%.c build/config.mk | deps-bench
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(BENCH_CFLAGS) $(CFLAGS-tests/bench/guest/$*.o) -MMD -MP -c -o $@ $<
$(BUILD)/tests/bench/bench: $(BENCH_OBJS)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) -static -pthread -o $@ $^ -lz -lm
$(BUILD)/bench/root.cpio: $(BUILD)/tests/bench/bench tests/bench/guest/make-root scripts/guest/initramfs | guest-cloud
	$(call say,ROOT,$@)tests/bench/guest/make-root $< build/guest/busybox-static/bin/busybox $(@:.cpio=)

.PHONY: test-programs fuzz-programs guests
guests: $(GUESTS)
test-programs: $(LINKED_TESTS) $(QTESTS) $(BUILD)/tests/fuzz/cpu-fuzz firmware
fuzz-programs: $(FUZZ_TESTS) firmware

# What must be installed for `make run` and for the tests. Where that cannot be, go on: tests that lack something are
# skipped and say why.
.PHONY: deps-run deps-test deps-bench
deps-run deps-test deps-bench: deps-%:
	@./configure --deps-only --install-deps=$* || echo "make: going on without them"

# The Debian kernels that the boot tests boot, unpacked under build/guest.
.PHONY: guest-kernels guest-cloud
guest-cloud: | deps-bench
	@scripts/guest/prepare cloud || [ $$? = 3 ]
guest-kernels: | deps-test
	@scripts/guest/prepare cloud full || [ $$? = 3 ]

ifeq ($(BUILD),build/asan)
asan: fuzz-programs
else
asan:
	@+$(MAKE) BUILD=build/asan SANITIZE=y fuzz-programs
endif
.PHONY: asan

RUN_TESTS := tests/run --build $(BUILD)
.PHONY: check check-unit check-qtest check-cli check-guest check-boot check-ui check-kvm check-fuzz check-style check-slow check-clang bench bench-kvm
check: all guests $(BENCH_GUESTS) $(UI_GUESTS) $(KVM_GUESTS) test-programs asan guest-kernels | deps-test
	@$(RUN_TESTS) style unit state image qtest cli ui guest fuzz boot kvm
check-unit: programs $(LINKED_TESTS) $(BUILD)/tests/fuzz/cpu-fuzz
	@$(RUN_TESTS) unit state image
check-qtest: all $(QTESTS)
	@$(RUN_TESTS) qtest
check-cli: all $(BUILD)/tests/bench/ide-read.bin
	@$(RUN_TESTS) cli
check-guest: all guests
	@$(RUN_TESTS) guest
check-ui: all $(UI_GUESTS) | deps-test
	@$(RUN_TESTS) ui
check-boot: all guests guest-kernels | deps-test
	@$(RUN_TESTS) boot
KVM_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/kvm-*-test.c))
check-kvm: all guests $(BENCH_GUESTS) $(KVM_GUESTS) $(KVM_TESTS) guest-kernels | deps-test
	@$(RUN_TESTS) kvm
check-fuzz: asan
	@$(RUN_TESTS) fuzz
check-style:
	@$(RUN_TESTS) style
# Systems that the slow tests start, unpacked under build/guest like the kernels.
SLOW_PACKAGES := ipxe ovmf debian-installer-12-netboot-i386 debian-installer-12-netboot-amd64 memtest86+ xen-hypervisor-4.17-amd64
check-slow: all guests $(BENCH_GUESTS) $(KVM_GUESTS) $(BUILD)/tests/unit/engines-test guest-kernels | deps-test
	@scripts/guest/fetch $(SLOW_PACKAGES) || [ $$? = 3 ]
	@$(RUN_TESTS) slow
check-clang:
	@+$(MAKE) BUILD=build/clang CC=clang programs test-programs fuzz-programs
# make bench BENCH="--only sieve --rounds 5": tests/bench/run --help lists what can be chosen.
bench: all $(BENCH_GUESTS) $(UI_GUESTS) $(BUILD)/bench/root.cpio
	@RHEA_BUILD=$(BUILD) tests/bench/run $(BENCH)
.PHONY: bench-programs
bench-programs: $(BENCH_GUESTS) $(UI_GUESTS) $(BUILD)/bench/root.cpio

bench-kvm: all guests guest-kernels $(BENCH_GUESTS) | deps-test
	@RHEA_BUILD=$(abspath $(BUILD)) tests/kvm/bench

.PHONY: run
run: all guests | deps-run
	@RHEA_BUILD=$(BUILD) scripts/guest/run

# ---- the rest ------------------------------------------------------------------------------------------------

compile_commands.json: Makefile build/config.mk $(SRCS) $(TOOL_SRCS)
	@scripts/compile-commands '$(CC) $(ALL_CFLAGS)' $(SRCS) $(TOOL_SRCS) >$@

$(BUILD)/rhea-system-x86_64.1: $(EMULATOR) scripts/gen-man
	VERSION=$(VERSION) scripts/gen-man $(EMULATOR) >$@

# The tools print theirs themselves, from their tables of commands.
$(TOOLS:%=%.1): %.1: %
	$< --dump-man >$@
$(TOOLS:%=%.bash): %.bash: %
	$< --dump-completion >$@

.PHONY: man install
man: $(BUILD)/rhea-system-x86_64.1 $(TOOLS:%=%.1)
install: all man $(TOOLS:%=%.bash)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/rhea $(DESTDIR)$(PREFIX)/share/man/man1 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install $(EMULATOR) $(TOOLS) $(DESTDIR)$(PREFIX)/bin
	$(if $(FIRMWARE),install -m 644 $(FIRMWARE) $(DESTDIR)$(PREFIX)/share/rhea)
	install -m 644 $(BUILD)/rhea-system-x86_64.1 $(TOOLS:%=%.1) $(DESTDIR)$(PREFIX)/share/man/man1
	$(foreach tool,$(TOOLS),install -m 644 $(tool).bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$(notdir $(tool)) &&) true

define HELP
make                  the programs, in build/
make run              boot Debian's kernel to a shell here; installs what is missing. Ctrl-A x leaves
make check            all tests but the slow ones; installs what is missing
  check-style check-unit check-qtest check-cli check-guest check-ui check-boot check-kvm check-fuzz    one group of them
make check-slow       the slow tests
make check-clang      compile everything with clang, into build/clang
make bench            measure beside Debian's QEMU; BENCH="--help" lists options
make install          into the prefix of ./configure [$(PREFIX)], DESTDIR= before it
make man              the man page, build/rhea-system-x86_64.1
make clean            remove what was built; make distclean: the configuration and fetched kernels too
make BUILD=build/asan SANITIZE=y   a build with sanitizers, in a folder of its own
V=1 shows the commands. ./configure --help lists what can be chosen.
endef
.PHONY: help
help:
	$(info $(HELP))@:

.PHONY: clean distclean
clean:
	rm -rf $(filter-out build/config.% build/guest,$(wildcard build/*)) compile_commands.json
distclean:
	rm -rf build compile_commands.json

-include $(shell find $(OBJ) $(BUILD)/pc-bios -name '*.d' 2>/dev/null)
