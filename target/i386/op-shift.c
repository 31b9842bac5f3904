/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SHL, SHR, SAR, ROL, ROR, RCL, RCR, SHLD, SHRD (SDM vol. 2).  Counts are masked to 5 bits, to 6 with 64-bit operands; a masked
 * count of zero changes neither flags nor the upper half of a 32-bit register's sibling.  vCPU thread; called through Insn.fn.
 */
#include "util/osdep.h"
#include "target/i386/op-atomic.h"
#include "target/i386/ops-int.h"

typedef enum ShiftOp { SHIFT_SHL, SHIFT_SHR, SHIFT_SAR, SHIFT_ROL, SHIFT_ROR, SHIFT_RCL, SHIFT_RCR } ShiftOp;

/* CF and OF of a rotation; the other flags stay. */
static void shift_set_co(X86Cpu *cpu, bool cf, bool of)
{
    uint32_t f = flags_compute(cpu) & ~(uint32_t)(FL_CF | FL_OF);

    flags_set(cpu, f | (cf ? FL_CF : 0) | (of ? FL_OF : 0));
}

OP_INLINE uint64_t shift_rotate(X86Cpu *cpu, ShiftOp op, uint64_t a, unsigned n, unsigned size)
{
    unsigned width = size * 8, k = n % width;
    uint64_t r;

    a &= op_mask(size);
    if (op == SHIFT_ROL) {
        r = k ? (a << k | a >> (width - k)) & op_mask(size) : a;
        shift_set_co(cpu, r & 1, ((r >> (width - 1)) ^ r) & 1);
    } else {
        r = k ? (a >> k | a << (width - k)) & op_mask(size) : a;
        shift_set_co(cpu, r & op_msb(size), ((r >> (width - 1)) ^ (r >> (width - 2))) & 1);
    }
    return r;
}

/* Through carry: one bit at a time would do too; this is the closed form over width + 1 bits. */
OP_INLINE uint64_t shift_rotate_carry(X86Cpu *cpu, ShiftOp op, uint64_t a, unsigned n, unsigned size)
{
    unsigned width = size * 8, k = n % (width + 1);
    bool cf = op_cf(cpu), out = cf;
    uint64_t r = a & op_mask(size);

    if (op == SHIFT_RCR && k) {
        k = width + 1 - k; /* RCR by k is RCL by the complement */
    }
    if (k) {
        unsigned __int128 v = ((unsigned __int128)cf << width) | r;
        unsigned __int128 full = (((unsigned __int128)1 << width) << 1) - 1;
        v = ((v << k) | (v >> (width + 1 - k))) & full;
        r = (uint64_t)v & op_mask(size);
        out = v >> width & 1;
    }
    if (op == SHIFT_RCL) {
        shift_set_co(cpu, out, ((r >> (width - 1)) & 1) ^ out);
    } else {
        shift_set_co(cpu, out, ((r >> (width - 1)) ^ (r >> (width - 2))) & 1);
    }
    return r;
}

/* @n: masked and not zero. */
OP_INLINE uint64_t shift_result(X86Cpu *cpu, ShiftOp op, uint64_t a, unsigned n, unsigned size)
{
    uint64_t before;

    switch (op) {
    case SHIFT_SHL:
        before = a << (n - 1);
        op_flags(cpu, CC_SHL, size, before << 1, before);
        return before << 1;
    case SHIFT_SHR:
        before = (a & op_mask(size)) >> (n - 1);
        op_flags(cpu, CC_SAR, size, before >> 1, before);
        return before >> 1;
    case SHIFT_SAR:
        before = (uint64_t)(op_sext(a, size) >> (n - 1));
        op_flags(cpu, CC_SAR, size, (uint64_t)((int64_t)before >> 1), before);
        return (uint64_t)((int64_t)before >> 1);
    case SHIFT_ROL:
    case SHIFT_ROR:
        return shift_rotate(cpu, op, a, n, size);
    default:
        return shift_rotate_carry(cpu, op, a, n, size);
    }
}

/* The count is an immediate (F_RI, F_MI) or CL (F_RR, F_MR). */
OP_INLINE void shift(X86Cpu *cpu, const Insn *i, ShiftOp op, Form form, unsigned size)
{
    unsigned n = (unsigned)(form == F_RI || form == F_MI ? i->imm : cpu->regs[R_RCX]) & (size == 8 ? 63 : 31);
    OpDst m;

    if (form == F_MR || form == F_MI) {
        uint64_t a = op_dst_begin(cpu, i, &m, size);
        op_dst_end(cpu, &m, n ? shift_result(cpu, op, a, n, size) : a, size);
    } else {
        uint64_t a = reg_read(cpu, i->dst, size);
        reg_write(cpu, i->dst, n ? shift_result(cpu, op, a, n, size) : a, size);
    }
}

#define SHIFT_FORMS(name, op)                                                                    \
    OP_SIZES(shift, name, RR, op) OP_SIZES(shift, name, RI, op) OP_SIZES(shift, name, MR, op) OP_SIZES(shift, name, MI, op) \
    static InsnFn *const name##_fns[4][4] = { OP_SIZE_NAMES(name, RR), OP_SIZE_NAMES(name, RI), OP_SIZE_NAMES(name, MR), \
                                              OP_SIZE_NAMES(name, MI) };                         \
    static InsnFn *sel_##name(const Decoded *d, Insn *i) { return shift_select(d, i, name##_fns); }

static InsnFn *shift_select(const Decoded *d, Insn *i, InsnFn *const fns[4][4])
{
    (void)i;
    return fns[op_is_mem(d, 0) * 2 + (d->op[1].kind == OPND_IMM)][op_log2(d->op[0].size)];
}

SHIFT_FORMS(shl, SHIFT_SHL)
SHIFT_FORMS(shr, SHIFT_SHR)
SHIFT_FORMS(sar, SHIFT_SAR)
SHIFT_FORMS(rol, SHIFT_ROL)
SHIFT_FORMS(ror, SHIFT_ROR)
SHIFT_FORMS(rcl, SHIFT_RCL)
SHIFT_FORMS(rcr, SHIFT_RCR)

/* SHLD and SHRD.  With 16-bit operands and a count over 16 the bits of the first operand follow those of the second again. */
static uint64_t shift_double(X86Cpu *cpu, bool left, uint64_t a, uint64_t b, unsigned n, unsigned size)
{
    unsigned width = size * 8;
    uint64_t mask = op_mask(size), r, before;

    a &= mask;
    b &= mask;
    if (size == 2) {
        uint64_t v = a << 32 | b << 16 | a;
        r = left ? (v << n >> 32) & mask : (v >> n) & mask;
        before = left ? (v << (n - 1) >> 32) & mask : (v >> (n - 1)) & mask;
    } else if (left) {
        r = (a << n | b >> (width - n)) & mask;
        before = n == 1 ? a : (a << (n - 1) | b >> (width - n + 1)) & mask;
    } else {
        r = (a >> n | b << (width - n)) & mask;
        before = n == 1 ? a : (a >> (n - 1) | b << (width - n + 1)) & mask;
    }
    op_flags(cpu, left ? CC_SHL : CC_SAR, size, r, before);
    return r;
}

static void shift_double_insn(X86Cpu *cpu, const Insn *i, bool left, uint64_t count)
{
    unsigned size = i->opsize, n = (unsigned)count & (size == 8 ? 63 : 31);
    uint64_t a, b = reg_read(cpu, i->src, size);
    OpDst m;

    if (i->flags & INSN_MEM) {
        a = op_dst_begin(cpu, i, &m, size);
        op_dst_end(cpu, &m, n ? shift_double(cpu, left, a, b, n, size) : a, size);
    } else {
        a = reg_read(cpu, i->dst, size);
        reg_write(cpu, i->dst, n ? shift_double(cpu, left, a, b, n, size) : a, size);
    }
}

static void op_shld_imm(X86Cpu *cpu, const Insn *i)
{
    shift_double_insn(cpu, i, true, i->imm);
}

static void op_shld_cl(X86Cpu *cpu, const Insn *i)
{
    shift_double_insn(cpu, i, true, cpu->regs[R_RCX]);
}

static void op_shrd_imm(X86Cpu *cpu, const Insn *i)
{
    shift_double_insn(cpu, i, false, i->imm);
}

static void op_shrd_cl(X86Cpu *cpu, const Insn *i)
{
    shift_double_insn(cpu, i, false, cpu->regs[R_RCX]);
}

static InsnFn *sel_shld(const Decoded *d, Insn *i)
{
    (void)i;
    return d->op[2].kind == OPND_IMM ? op_shld_imm : op_shld_cl;
}

static InsnFn *sel_shrd(const Decoded *d, Insn *i)
{
    (void)i;
    return d->op[2].kind == OPND_IMM ? op_shrd_imm : op_shrd_cl;
}

const OpRow ops_shift[] = {
    { "shl", NULL, sel_shl, 0 }, { "sal", NULL, sel_shl, 0 }, { "shr", NULL, sel_shr, 0 }, { "sar", NULL, sel_sar, 0 },
    { "rol", NULL, sel_rol, 0 }, { "ror", NULL, sel_ror, 0 }, { "rcl", NULL, sel_rcl, 0 }, { "rcr", NULL, sel_rcr, 0 },
    { "shld", NULL, sel_shld, 0 }, { "shrd", NULL, sel_shrd, 0 },
    { NULL, NULL, NULL, 0 },
};
