/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vector, MMX and x87 instructions on an x86-64 host: the guest's instruction itself, wrapped in a stub that loads its
 * operands from X86Cpu, runs it, and stores its results.
 *
 * The instruction is re-encoded (decode-native.c) so that its n-th explicit operand is xmm(n+1), or rax, rcx, rdx, or the
 * memory that the n-th argument points to.  What remains to tell stubs apart is the opcode, the immediate and the kind of
 * operands, so that their number is bounded by the instruction set and one stub serves every register.
 * x87 stack and MMX registers stay what they are: the whole x87 state is loaded around such instructions.
 */
#ifndef TARGET_I386_NATIVE_H
#define TARGET_I386_NATIVE_H

#include "target/i386/decode.h"

#define NATIVE_MAX_OPS 4

typedef enum NativeClass { NATIVE_X87, NATIVE_MMX, NATIVE_SSE, NATIVE_AVX, NATIVE_AVX512 } NativeClass;
typedef enum NativeKind { NK_NONE, NK_VEC, NK_GPR, NK_MEM, NK_FIXED /* immediate, ST(i), MMi: part of the encoding */ } NativeKind;

typedef struct NativeOperand {
    NativeKind kind;
    uint8_t reg;   /* vector: number; GPR: byte offset */
    uint8_t size;  /* bytes */
    bool read, write;
} NativeOperand;

enum { NATIVE_GPR_RAX = 1, NATIVE_GPR_RCX = 2, NATIVE_GPR_RDX = 4 };

/* What decode-native.c found out about one instruction. */
typedef struct NativePlan {
    uint8_t code[16]; /* re-encoded for 64-bit mode */
    uint8_t len;
    uint8_t nops;
    NativeOperand op[NATIVE_MAX_OPS];
    NativeClass cls;
    uint8_t vec_bytes;       /* how much of a vector register a store replaces: 16 (legacy), 32, 64 */
    uint8_t mem_align;       /* #GP when the memory operand is not aligned to this; 0: no rule */
    bool mem_align_always;   /* even with MXCSR.MM */
    uint8_t gpr_in, gpr_out; /* implicit ones, NATIVE_GPR_* */
    bool xmm0_in, xmm0_out;  /* implicit */
    bool fx_state;           /* x87 or MMX registers take part */
    bool mxcsr;              /* floating point under MXCSR */
    bool flags_in, flags_out;
} NativePlan;

/* False: not an instruction that can be run this way. */
bool decode_native(const uint8_t *bytes, unsigned len, uint32_t mode, NativePlan *plan);

/* OpSelect for everything that decode_native takes; sets Insn.aux and register fields.  Also what the decoder falls back to for
 * mnemonics that no table lists. */
InsnFn *native_select(const Decoded *d, Insn *i);

/* Runs the instruction in @i with its memory operand (if any) at @mem, a host address of at least its size (and alignment). */
void native_run(X86Cpu *cpu, const Insn *i, void *mem);

/* Did this host's own CPU say it has the instructions (CPUID)?  For the feature mask of CPU models. */
uint32_t native_host_cpuid(uint32_t leaf, uint32_t subleaf, unsigned reg /* 0 eax .. 3 edx */);

#endif
