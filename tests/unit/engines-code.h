/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random programs for comparing engines: some dozen instructions in several blocks, scattered over a few pages, with jumps, calls and
 * returns between them, loops that end, code that is patched, pages that are remapped, in one of the CPU's modes.
 */
#ifndef TESTS_UNIT_ENGINES_CODE_H
#define TESTS_UNIT_ENGINES_CODE_H

#include "target/i386/cpu.h"

typedef struct CodeArea {
    uint64_t at, size;
} CodeArea;

enum { CODE_AREAS = 8 };

/*
 * Sets @cpu (of guest_new()) and the guest's memory up for program number @seed; it ends with HLT, or INT3 in user mode, or in an
 * exception's handler.  @areas: what it may write; the end is marked by a size of 0.  @text: when not NULL, gets the program to read.
 */
void engines_program(X86Cpu *cpu, uint64_t seed, CodeArea areas[CODE_AREAS], GString *text);

#endif
