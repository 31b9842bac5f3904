/* SPDX-License-Identifier: GPL-2.0-or-later */
/* BMI1 and BMI2 in VEX encodings (SDM vol. 2).  vCPU thread; called through Insn.fn. */
#include "util/osdep.h"
#include "target/i386/op-atomic.h"
#include "target/i386/ops-int.h"

/* Operands in Intel order: dst, src (VEX.vvvv or r/m), src2. */
static uint64_t bmi_rm1(X86Cpu *cpu, const Insn *i)
{
    return op_rm(cpu, i, i->src, i->opsize);
}

static uint64_t bmi_rm2(X86Cpu *cpu, const Insn *i)
{
    return op_rm(cpu, i, i->src2, i->opsize);
}

static void op_andn(X86Cpu *cpu, const Insn *i)
{
    uint64_t r = ~reg_read(cpu, i->src, i->opsize) & bmi_rm2(cpu, i);

    reg_write(cpu, i->dst, r, i->opsize);
    op_flags(cpu, CC_LOGIC, i->opsize, r, 0);
}

static void op_bextr(X86Cpu *cpu, const Insn *i)
{
    uint64_t v = bmi_rm1(cpu, i), control = reg_read(cpu, i->src2, i->opsize), r;
    unsigned start = control & 0xff, len = control >> 8 & 0xff;

    r = start < 64 ? v >> start : 0;
    r = len < 64 ? r & ((1ull << len) - 1) : r;
    reg_write(cpu, i->dst, r, i->opsize);
    op_flags(cpu, CC_LOGIC, i->opsize, r, 0);
}

static void op_blsi(X86Cpu *cpu, const Insn *i)
{
    uint64_t v = bmi_rm1(cpu, i), r = v & -v;

    reg_write(cpu, i->dst, r, i->opsize);
    op_flags(cpu, CC_BLSI, i->opsize, r, v != 0);
}

static void op_blsmsk(X86Cpu *cpu, const Insn *i)
{
    uint64_t v = bmi_rm1(cpu, i), r = v ^ (v - 1);

    reg_write(cpu, i->dst, r, i->opsize);
    op_flags(cpu, CC_BLSI, i->opsize, r, v == 0);
}

static void op_blsr(X86Cpu *cpu, const Insn *i)
{
    uint64_t v = bmi_rm1(cpu, i), r = v & (v - 1);

    reg_write(cpu, i->dst, r, i->opsize);
    op_flags(cpu, CC_BLSI, i->opsize, r, v == 0);
}

static void op_bzhi(X86Cpu *cpu, const Insn *i)
{
    uint64_t v = bmi_rm1(cpu, i);
    unsigned n = reg_read(cpu, i->src2, i->opsize) & 0xff, width = i->opsize * 8;
    uint64_t r = n < width ? v & ((1ull << n) - 1) : v;

    reg_write(cpu, i->dst, r, i->opsize);
    op_flags(cpu, CC_BLSI, i->opsize, r, n >= width);
}

static void op_mulx(X86Cpu *cpu, const Insn *i)
{
    unsigned size = i->opsize;
    unsigned __int128 r = (unsigned __int128)bmi_rm2(cpu, i) * reg_read(cpu, R_RDX * 8, size);

    reg_write(cpu, i->src, (uint64_t)r, size);
    reg_write(cpu, i->dst, (uint64_t)(r >> (size * 8)), size); /* last: wins when both are one register */
}

static void op_pdep(X86Cpu *cpu, const Insn *i)
{
    uint64_t v = reg_read(cpu, i->src, i->opsize), mask = bmi_rm2(cpu, i), r = 0;

    for (; mask; mask &= mask - 1, v >>= 1) {
        r |= v & 1 ? mask & -mask : 0;
    }
    reg_write(cpu, i->dst, r, i->opsize);
}

static void op_pext(X86Cpu *cpu, const Insn *i)
{
    uint64_t v = reg_read(cpu, i->src, i->opsize), mask = bmi_rm2(cpu, i), r = 0;

    for (unsigned k = 0; mask; mask &= mask - 1, k++) {
        r |= v & mask & -mask ? 1ull << k : 0;
    }
    reg_write(cpu, i->dst, r, i->opsize);
}

static void op_rorx(X86Cpu *cpu, const Insn *i)
{
    uint64_t v = bmi_rm1(cpu, i);
    unsigned width = i->opsize * 8, n = (unsigned)i->imm & (width - 1);

    reg_write(cpu, i->dst, n ? v >> n | v << (width - n) : v, i->opsize);
}

static unsigned bmi_count(const X86Cpu *cpu, const Insn *i)
{
    return (unsigned)reg_read(cpu, i->src2, i->opsize) & (i->opsize * 8u - 1);
}

static void op_sarx(X86Cpu *cpu, const Insn *i)
{
    int64_t v = op_sext(bmi_rm1(cpu, i), i->opsize);

    reg_write(cpu, i->dst, (uint64_t)(v >> bmi_count(cpu, i)), i->opsize);
}

static void op_shlx(X86Cpu *cpu, const Insn *i)
{
    uint64_t v = bmi_rm1(cpu, i);

    reg_write(cpu, i->dst, v << bmi_count(cpu, i), i->opsize);
}

static void op_shrx(X86Cpu *cpu, const Insn *i)
{
    uint64_t v = bmi_rm1(cpu, i);

    reg_write(cpu, i->dst, v >> bmi_count(cpu, i), i->opsize);
}

const OpRow ops_bmi[] = {
    { "andn", op_andn, NULL, 0 }, { "bextr", op_bextr, NULL, 0 }, { "blsi", op_blsi, NULL, 0 },
    { "blsmsk", op_blsmsk, NULL, 0 }, { "blsr", op_blsr, NULL, 0 }, { "bzhi", op_bzhi, NULL, 0 }, { "mulx", op_mulx, NULL, 0 },
    { "pdep", op_pdep, NULL, 0 }, { "pext", op_pext, NULL, 0 }, { "rorx", op_rorx, NULL, 0 }, { "sarx", op_sarx, NULL, 0 },
    { "shlx", op_shlx, NULL, 0 }, { "shrx", op_shrx, NULL, 0 },
    { NULL, NULL, NULL, 0 },
};
