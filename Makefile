# SPDX-License-Identifier: GPL-2.0-or-later
# The whole build, non-recursive. `make help` lists the targets. Sources are found by wildcard: a new file in one of
# the folders below is built and linked without a line here. Objects go to $(BUILD)/obj, dependencies beside them.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

# BUILD may be another folder for another flavour: build/asan (SANITIZE=y), build/clang (CC=clang).
BUILD ?= build

# What each goal needs installed before anything is built; the README's two commands work on a fresh Debian.
# (`make help`, `make clean` and `make distclean` need nothing.)
AUTO_INSTALL := $(filter run check check-% bench,$(MAKECMDGOALS))
NO_CONFIG := $(and $(MAKECMDGOALS),$(if $(filter-out help clean distclean check-style deps-%,$(MAKECMDGOALS)),,y))

ifeq ($(NO_CONFIG),)
include build/config.mk
endif

build/config.mk: configure
	./configure $(if $(AUTO_INSTALL),--install-deps=build) $(CONFIGURE_ARGS)

# ---- sources -------------------------------------------------------------------------------------------------

FOLDERS := util block net audio chardev ui migration system target/i386 accel accel/* hw/* monitor
SRCS := $(wildcard $(addsuffix /*.c,$(FOLDERS)))
TOOL_SRCS := $(wildcard tools/*.c)

# Optional parts: files built when configure found the part's library, and the files built in their place
# when it did not (those say which package was missing). One row per part of configure's table.
OPTIONAL := png
WITH_png := ui/png.c
WITHOUT_png := ui/png-none.c

SRCS := $(filter-out $(foreach part,$(OPTIONAL),$(if $(HAVE_$(part)),$(WITHOUT_$(part)),$(WITH_$(part)))),$(SRCS))

OBJ := $(BUILD)/obj
OBJS := $(SRCS:%.c=$(OBJ)/%.o)
# Everything except main(): what the tests link. Devices register themselves in constructors, so objects are
# linked directly; an archive would drop those that nobody names.
PART_OBJS := $(filter-out $(OBJ)/system/main.o,$(OBJS))
UTIL_OBJS := $(filter $(OBJ)/util/%,$(OBJS))
BLOCK_OBJS := $(filter $(OBJ)/block/%,$(OBJS))

EMULATOR := $(if $(wildcard system/main.c),$(BUILD)/rhea-system-x86_64)
TOOLS := $(patsubst tools/%.c,$(BUILD)/%,$(TOOL_SRCS))

# ---- flags ---------------------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla $(if $(filter y,$(WERROR)),-Werror)
# -fno-strict-aliasing: an emulator looks at the same bytes as memory, as registers and as vectors. Where we forget
# a memcpy, the result must be the obvious one and not whatever the optimiser may conclude.
CFLAGS ?= $(if $(filter y,$(DEBUG)),-O0 -g3,-O2 -g)
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -I. -Ibuild -I$(BUILD)/gen $(WARNINGS) -fno-strict-aliasing -pthread \
	$(LIB_CFLAGS) $(CFLAGS) $(SANITIZE_FLAGS) $(CFLAGS-$*.o)
ifeq ($(SANITIZE),y)
SANITIZE_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif
ALL_LDFLAGS = -pthread $(SANITIZE_FLAGS) $(LDFLAGS)

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

$(TOOLS): $(BUILD)/%: $(OBJ)/tools/%.o $(UTIL_OBJS) $(BLOCK_OBJS)
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# ---- firmware: ACPI tables from ASL, option ROMs and their kin from assembler ----------------------------------

ASL := $(wildcard pc-bios/*.asl)
ROM_SRCS := $(wildcard pc-bios/*.S)
FIRMWARE := $(ASL:pc-bios/%.asl=$(BUILD)/pc-bios/%.aml) $(ROM_SRCS:pc-bios/%.S=$(BUILD)/pc-bios/%.bin)

.PHONY: firmware
firmware: $(FIRMWARE)

$(BUILD)/pc-bios/%.aml: pc-bios/%.asl
	@mkdir -p $(@D)
	$(call say,IASL,$<)iasl -oa -ve -p $(basename $@) $< >$@.log 2>&1 || { cat $@.log; exit 1; }

# A flat 16-bit image linked at 0; scripts/romsum pads it to 512 bytes, sets its length byte and its checksum.
$(BUILD)/pc-bios/%.bin: pc-bios/%.S scripts/romsum
	@mkdir -p $(@D) $(OBJ)/pc-bios
	$(call say,ROM,$<)$(CC) -m32 -c -I. -Wa,-W -MMD -MP -MT $@ -o $(OBJ)/pc-bios/$*.o $< && \
		$(LD) -m elf_i386 -Ttext=0 -e 0 --oformat=elf32-i386 -o $(OBJ)/pc-bios/$*.elf $(OBJ)/pc-bios/$*.o && \
		objcopy -O binary -j .text $(OBJ)/pc-bios/$*.elf $@.raw && scripts/romsum $@.raw $@ && rm $@.raw

# ---- tests ---------------------------------------------------------------------------------------------------

# One program per file. Unit, state, image and fuzz tests link the whole emulator but main(); qtest programs
# talk to the emulator through a socket and link the client library and util only.
LINKED_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/*-test.c tests/state/*-test.c tests/image/*-test.c))
FUZZ_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/*-fuzz.c))
QTESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/qtest/*-test.c))
LIBQTEST := $(patsubst %.c,$(OBJ)/%.o,$(wildcard tests/qtest/libqtest*.c))
LIBFUZZ := $(patsubst %.c,$(OBJ)/%.o,$(filter-out %-fuzz.c,$(wildcard tests/fuzz/*.c)))
LIBUNIT := $(patsubst %.c,$(OBJ)/%.o,$(filter-out %-test.c,$(wildcard tests/unit/*.c)))
LIBSTATE := $(patsubst %.c,$(OBJ)/%.o,$(filter-out %-test.c,$(wildcard tests/state/*.c)))
.SECONDARY:

$(BUILD)/tests/unit/%: $(OBJ)/tests/unit/%.o $(LIBUNIT) $(PART_OBJS)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
$(BUILD)/tests/state/%: $(OBJ)/tests/state/%.o $(LIBSTATE) $(PART_OBJS)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
$(BUILD)/tests/image/%: $(OBJ)/tests/image/%.o $(PART_OBJS)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
$(BUILD)/tests/fuzz/%: $(OBJ)/tests/fuzz/%.o $(LIBFUZZ) $(PART_OBJS)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
$(BUILD)/tests/qtest/%: $(OBJ)/tests/qtest/%.o $(LIBQTEST) $(UTIL_OBJS)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

.PHONY: test-programs fuzz-programs
test-programs: $(LINKED_TESTS) $(QTESTS)
fuzz-programs: $(FUZZ_TESTS)

.PHONY: check check-unit check-qtest
check: check-unit check-qtest
check-unit: $(LINKED_TESTS)
	tests/run --build $(BUILD) unit state image
check-qtest: all $(QTESTS)
	tests/run --build $(BUILD) qtest

# ---- the rest ------------------------------------------------------------------------------------------------

compile_commands.json: Makefile build/config.mk $(SRCS) $(TOOL_SRCS)
	@scripts/compile-commands '$(CC) $(ALL_CFLAGS)' $(SRCS) $(TOOL_SRCS) >$@

.PHONY: clean distclean
clean:
	rm -rf $(filter-out build/config.mk build/config.h build/guest,$(wildcard build/*)) compile_commands.json
distclean:
	rm -rf build compile_commands.json

-include $(shell find $(OBJ) $(BUILD)/pc-bios -name '*.d' 2>/dev/null)
