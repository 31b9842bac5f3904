/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A decoded instruction as the engines run it, and the way its C function sees operands.
 *
 * Semantics: each instruction (form) is one C function `void op_xxx(X86Cpu *cpu, const Insn *i)`.  It either
 * completes, or raises an exception (exc.h: does not return) before it has changed anything that the architecture
 * does not allow it to have changed.  Functions of instructions marked INSN_BRANCH set regs[R_RIP] themselves; all
 * others leave it alone.  They run in the vCPU's thread without the big lock; those that reach devices, the local APIC
 * or other vCPUs take it around that (exc.h: x86_io_lock()).
 */
#ifndef TARGET_I386_INSN_H
#define TARGET_I386_INSN_H

#include "target/i386/cpu.h"
#include "util/bytes.h"

typedef void InsnFn(X86Cpu *cpu, const Insn *i);

enum {
    INSN_BRANCH = 1u << 0,  /* sets regs[R_RIP]; last of its block (all jumps, calls, returns, REP strings, HLT, INT) */
    INSN_END = 1u << 1,     /* last of its block although it falls through (mode, paging, interrupt flag may change) */
    INSN_LOCK = 1u << 2,    /* LOCK prefix (legal ones only; others became #UD) */
    INSN_REP = 1u << 3,     /* F3 on a string instruction */
    INSN_REPNE = 1u << 4,
    INSN_FLAT = 1u << 5,    /* memory operand needs no segment check: 64-bit code, or MODE_FLAT with ES, CS, SS, DS */
    INSN_SHADOW = 1u << 6,  /* sets the interrupt shadow (STI, MOV SS, POP SS) */
    INSN_MEM = 1u << 7,     /* has a memory operand */
};

/* 64 bytes.  Register fields are byte offsets into X86Cpu.regs (AH is 1, RCX is 8) unless an op says otherwise. */
struct Insn {
    InsnFn *fn;
    void *aux;        /* native stub or other private data of the op; NULL */
    uint64_t imm;     /* immediate, sign-extended; relative branches: displacement; far pointers: selector << 32 | offset */
    int32_t disp;     /* memory operand; RIP-relative: distance from the block's start */
    uint16_t off;     /* of this instruction from its block's start */
    uint8_t len;
    uint8_t flags;    /* INSN_* */
    uint8_t opsize;   /* bytes: 1, 2, 4, 8, 10, 16, 32, 64 */
    uint8_t addrsize; /* 2, 4, 8 */
    uint8_t dst, src; /* first and second register operand; other register files: plain numbers */
    uint8_t src2;     /* third operand, VEX.vvvv */
    uint8_t base, index; /* byte offsets too: R_ZERO * 8 when absent, R_RIP * 8 */
    uint8_t scale;    /* shift count 0..3 */
    uint8_t seg;      /* SEG_*, with defaults and overrides applied */
    uint8_t modrm_reg; /* plain reg field of ModRM, for groups that want it */
    uint8_t pad[2];
    uint8_t bytes[16]; /* the instruction as it was in memory, zero-filled */
};
G_STATIC_ASSERT(sizeof(struct Insn) == 64);

static inline uint64_t insn_rip(const X86Cpu *cpu, const Insn *i)
{
    return cpu->regs[R_RIP] + i->off;
}

/* Address of the next instruction, wrapped as the code size wants. */
static inline uint64_t insn_next_rip(const X86Cpu *cpu, const Insn *i)
{
    uint64_t rip = cpu->regs[R_RIP] + i->off + i->len;
    return cpu->mode & MODE_CODE64 ? rip : cpu->mode & MODE_CODE32 ? (uint32_t)rip : (uint16_t)rip;
}

/* Register operands by byte offset (little-endian hosts). */
static inline uint8_t *reg8(X86Cpu *cpu, uint8_t off)
{
    return (uint8_t *)cpu->regs + off;
}

static inline uint64_t reg_read(const X86Cpu *cpu, uint8_t off, unsigned size)
{
    return ld_le((const uint8_t *)cpu->regs + off, size);
}

/* 32-bit writes clear the upper half; 8- and 16-bit ones keep it. */
static inline void reg_write(X86Cpu *cpu, uint8_t off, uint64_t v, unsigned size)
{
    if (size == 4) {
        cpu->regs[off >> 3] = (uint32_t)v;
    } else {
        st_le((uint8_t *)cpu->regs + off, v, size);
    }
}

/* Offset of the memory operand within its segment. */
static inline uint64_t insn_ea(const X86Cpu *cpu, const Insn *i)
{
    uint64_t ea = *(const uint64_t *)((const uint8_t *)cpu->regs + i->base) +
                  (*(const uint64_t *)((const uint8_t *)cpu->regs + i->index) << i->scale) + (int64_t)i->disp;
    return i->addrsize == 8 ? ea : i->addrsize == 4 ? (uint32_t)ea : (uint16_t)ea;
}

#endif
