/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What x87, MMX and SSE instructions check before they run, and the x87 state's views (SDM vol. 1, chapters 8, 10, 13). */
#ifndef TARGET_I386_FPU_H
#define TARGET_I386_FPU_H

#include "target/i386/exc.h"
#include "target/i386/insn.h"

enum { FSW_ES = 1u << 7 };
#define MXCSR_DEFAULT 0x1f80u
#define MXCSR_MM (1u << 17) /* AMD: misaligned SSE operands allowed */

/* Raises what an x87 instruction raises before it starts: #NM, and with @waits the pending #MF. */
void fpu_check_x87(X86Cpu *cpu, bool waits);
/* A waiting instruction has found an unmasked exception: #MF, or what a PC makes of it while CR0.NE is 0. */
void fpu_error(X86Cpu *cpu);
void fpu_check_mmx(X86Cpu *cpu);
void fpu_check_sse(X86Cpu *cpu);
void fpu_check_avx(X86Cpu *cpu);

/* Another status word, with registers staying where they are physically: ST(i) move with TOP. */
void fpu_set_fsw(X86Cpu *cpu, uint16_t fsw);
void fpu_init(X86Cpu *cpu);  /* FNINIT */
void fpu_reset(X86Cpu *cpu); /* power-up values of x87, SSE and AVX state; called by x86_reset */
/* What every MMX instruction does to the stack: TOP becomes 0 (MM registers are physical ones), all tags valid. */
void fpu_enter_mmx(X86Cpu *cpu);
uint16_t fpu_full_tags(const X86Cpu *cpu); /* two bits a physical register */
void fpu_clear_exceptions(X86Cpu *cpu); /* FNCLEX */
/* Recomputes FSW.ES and B from the exception flags and FCW's masks. */
void fpu_update_es(X86Cpu *cpu);

uint32_t fpu_mxcsr_mask(const X86Cpu *cpu); /* MXCSR's bits on this model */

static inline unsigned fpu_top(const X86Cpu *cpu)
{
    return (cpu->x87.fsw >> 11) & 7;
}

/* Bytes that XSAVE's standard form needs for the components of @mask (CPUID leaf 0xd). */
uint32_t xsave_size(uint64_t mask, bool compacted);
/* Offset and size of a component in the standard form; size 0: not there.  @align64: compacted form aligns it. */
void xsave_component(unsigned n, uint32_t *offset, uint32_t *size, bool *align64);
/* Components that this build handles. */
uint64_t xsave_supported(void);

#endif
