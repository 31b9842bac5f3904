/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lazy arithmetic flags: an instruction notes what it did (CcOp and up to three values), and whoever needs flags computes them.
 */
#ifndef TARGET_I386_FLAGS_H
#define TARGET_I386_FLAGS_H

#include "target/i386/cpu.h"

/* The six arithmetic flags at their places in RFLAGS. */
uint32_t flags_compute(const X86Cpu *cpu);
/* One condition code (0..15 as in Jcc). */
bool flags_condition(const X86Cpu *cpu, unsigned cc);
bool flags_cf(const X86Cpu *cpu);

static inline void flags_set(X86Cpu *cpu, uint32_t arith)
{
    cpu->cc_src = arith & FL_ARITH;
    cpu->cc_op = CC_FLAGS;
}

#endif
