/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MUL, IMUL, DIV, IDIV, and the decimal adjustments AAA, AAS, AAM, AAD, DAA, DAS (SDM vol. 2).  Undefined flags: after MUL and IMUL
 * SF, ZF and PF follow the low result; DIV leaves all as they were.  vCPU thread; called through Insn.fn.
 */
#include "util/osdep.h"
#include "target/i386/op-atomic.h"
#include "target/i386/ops-int.h"

/* Writes a double-width result to AX or rDX:rAX. */
OP_INLINE void mul_write(X86Cpu *cpu, uint64_t lo, uint64_t hi, unsigned size)
{
    if (size == 1) {
        reg_write(cpu, 0, (lo & 0xff) | hi << 8, 2);
    } else {
        reg_write(cpu, R_RAX * 8, lo, size);
        reg_write(cpu, R_RDX * 8, hi, size);
    }
}

OP_INLINE void mul(X86Cpu *cpu, const Insn *i, int is_signed, Form form, unsigned size)
{
    uint64_t b = form == F_MR ? op_load(cpu, i, size) : reg_read(cpu, i->dst, size);
    uint64_t a = reg_read(cpu, R_RAX * 8, size), lo, hi;
    bool over;

    if (is_signed) {
        __int128 r = (__int128)op_sext(a, size) * op_sext(b, size);
        lo = (uint64_t)r;
        hi = (uint64_t)(r >> (size * 8));
        over = op_sext(lo, size) != r;
    } else {
        unsigned __int128 r = (unsigned __int128)a * b;
        lo = (uint64_t)r;
        hi = (uint64_t)(r >> (size * 8));
        over = hi & op_mask(size);
    }
    mul_write(cpu, lo, hi, size);
    op_flags(cpu, CC_MUL, size, lo, over);
}

OP_UNARY(mul, mul, 0)
OP_UNARY(mul, imul, 1)

/* IMUL with two or three operands; @arg: the multiplier is an immediate. */
OP_INLINE void imul_reg(X86Cpu *cpu, const Insn *i, int arg, Form form, unsigned size)
{
    int64_t b = op_sext(form == F_RM ? op_load(cpu, i, size) : reg_read(cpu, i->src, size), size), r;
    int64_t a = arg ? (int64_t)i->imm : op_sext(reg_read(cpu, i->dst, size), size);
    bool over = __builtin_mul_overflow(a, b, &r) || op_sext((uint64_t)r, size) != r;

    reg_write(cpu, i->dst, (uint64_t)r, size);
    op_flags(cpu, CC_MUL, size, (uint64_t)r, over);
}

OP_SIZES(imul_reg, imul2, RR, 0)
OP_SIZES(imul_reg, imul2, RM, 0)
OP_SIZES(imul_reg, imul3, RR, 1)
OP_SIZES(imul_reg, imul3, RM, 1)

static InsnFn *sel_mul(const Decoded *d, Insn *i)
{
    (void)i;
    return mul_fns[op_is_mem(d, 0)][op_log2(d->op[0].size)];
}

static InsnFn *sel_imul(const Decoded *d, Insn *i)
{
    static InsnFn *const two[2][4] = { OP_SIZE_NAMES(imul2, RR), OP_SIZE_NAMES(imul2, RM) };
    static InsnFn *const three[2][4] = { OP_SIZE_NAMES(imul3, RR), OP_SIZE_NAMES(imul3, RM) };
    unsigned s = op_log2(d->op[0].size);

    (void)i;
    return d->nops == 1 ? imul_fns[op_is_mem(d, 0)][s] : (d->nops == 3 ? three : two)[op_is_mem(d, 1)][s];
}

static void op_div(X86Cpu *cpu, const Insn *i)
{
    unsigned size = i->opsize;
    uint64_t b = op_rm(cpu, i, i->dst, size), mask = op_mask(size);
    unsigned __int128 a, q;

    if (size == 1) {
        a = (uint16_t)cpu->regs[R_RAX];
    } else {
        a = (unsigned __int128)reg_read(cpu, R_RDX * 8, size) << (size * 8) | reg_read(cpu, R_RAX * 8, size);
    }
    if (!b || (uint64_t)(a >> (size * 8)) >= b) {
        x86_raise(cpu, EXC_DE); /* also exactly when the quotient does not fit */
    }
    q = size <= 4 ? (uint64_t)a / b : a / b;
    mul_write(cpu, (uint64_t)q & mask, (uint64_t)(a - q * b) & mask, size);
}

static void op_idiv(X86Cpu *cpu, const Insn *i)
{
    unsigned size = i->opsize;
    int64_t b = op_sext(op_rm(cpu, i, i->dst, size), size);
    unsigned __int128 mag, d, q, limit = (unsigned __int128)1 << (size * 8 - 1);
    __int128 a;

    if (size == 1) {
        a = (int16_t)cpu->regs[R_RAX];
    } else {
        a = (__int128)((unsigned __int128)(__int128)op_sext(cpu->regs[R_RDX], size) << (size * 8) |
                       reg_read(cpu, R_RAX * 8, size));
    }
    mag = a < 0 ? -(unsigned __int128)a : (unsigned __int128)a;
    d = b < 0 ? -(unsigned __int128)(__int128)b : (unsigned __int128)b;
    if (!d) {
        x86_raise(cpu, EXC_DE);
    }
    q = !(mag >> 64) && !(d >> 64) ? (uint64_t)mag / (uint64_t)d : mag / d;
    bool negative = (a < 0) != (b < 0);
    if (negative ? q > limit : q >= limit) {
        x86_raise(cpu, EXC_DE);
    }
    unsigned __int128 rem = mag - q * d;
    q = negative ? -q : q;
    rem = a < 0 ? -rem : rem;
    mul_write(cpu, (uint64_t)q & op_mask(size), (uint64_t)rem & op_mask(size), size);
}

/* --- decimal --- */

static void dec_flags(X86Cpu *cpu, uint32_t set)
{
    uint8_t al = (uint8_t)cpu->regs[R_RAX];

    op_flags(cpu, CC_LOGIC, 1, al, 0);
    flags_set(cpu, flags_compute(cpu) | set);
}

static void dec_ascii(X86Cpu *cpu, int sign)
{
    uint32_t f = flags_compute(cpu);
    uint16_t ax = (uint16_t)cpu->regs[R_RAX];
    bool adjust = (ax & 15) > 9 || (f & FL_AF);

    if (adjust) {
        ax = (uint16_t)(ax + sign * 0x106);
    }
    reg_write(cpu, R_RAX * 8, ax & 0xff0f, 2);
    dec_flags(cpu, adjust ? FL_AF | FL_CF : 0);
}

static void op_aaa(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    dec_ascii(cpu, 1);
}

static void op_aas(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    dec_ascii(cpu, -1);
}

static void op_aam(X86Cpu *cpu, const Insn *i)
{
    uint8_t base = (uint8_t)i->imm, al = (uint8_t)cpu->regs[R_RAX];

    if (!base) {
        x86_raise(cpu, EXC_DE);
    }
    reg_write(cpu, R_RAX * 8, (uint64_t)(al / base) << 8 | al % base, 2);
    dec_flags(cpu, 0);
}

static void op_aad(X86Cpu *cpu, const Insn *i)
{
    uint16_t ax = (uint16_t)cpu->regs[R_RAX];

    reg_write(cpu, R_RAX * 8, (uint8_t)((ax & 0xff) + (ax >> 8) * (uint8_t)i->imm), 2);
    dec_flags(cpu, 0);
}

static void dec_packed(X86Cpu *cpu, int sign)
{
    uint32_t f = flags_compute(cpu), set = 0;
    uint8_t al = (uint8_t)cpu->regs[R_RAX], old = al;

    if ((al & 15) > 9 || (f & FL_AF)) {
        set |= FL_AF | ((f & FL_CF) || (sign > 0 ? old > 0xf9 : old < 6) ? FL_CF : 0);
        al = (uint8_t)(al + sign * 6);
    }
    if (old > 0x99 || (f & FL_CF)) {
        al = (uint8_t)(al + sign * 0x60);
        set |= FL_CF;
    } else if (sign > 0) {
        set &= ~(uint32_t)FL_CF;
    }
    *reg8(cpu, 0) = al;
    dec_flags(cpu, set);
}

static void op_daa(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    dec_packed(cpu, 1);
}

static void op_das(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    dec_packed(cpu, -1);
}

const OpRow ops_muldiv[] = {
    { "mul", NULL, sel_mul, 0 }, { "imul", NULL, sel_imul, 0 }, { "div", op_div, NULL, 0 }, { "idiv", op_idiv, NULL, 0 },
    { "aaa", op_aaa, NULL, 0 }, { "aas", op_aas, NULL, 0 }, { "aam", op_aam, NULL, 0 }, { "aad", op_aad, NULL, 0 },
    { "daa", op_daa, NULL, 0 }, { "das", op_das, NULL, 0 },
    { NULL, NULL, NULL, 0 },
};
