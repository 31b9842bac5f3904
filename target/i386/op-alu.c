/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ADD, ADC, SUB, SBB, CMP, AND, OR, XOR, TEST, INC, DEC, NEG, NOT, ADCX, ADOX (SDM vol. 2).  Forms with LOCK are in op-atomic.c.
 * vCPU thread; called through Insn.fn.
 */
#include "util/osdep.h"
#include "target/i386/op-atomic.h"
#include "target/i386/ops-int.h"

OP_INLINE uint64_t alu_source(X86Cpu *cpu, const Insn *i, Form form, unsigned size)
{
    switch (form) {
    case F_RI:
    case F_MI: return i->imm;
    case F_RM: return op_load(cpu, i, size);
    default: return reg_read(cpu, i->src, size);
    }
}

OP_INLINE void alu(X86Cpu *cpu, const Insn *i, AluOp op, Form form, unsigned size)
{
    bool mem = form == F_MR || form == F_MI, keeps = op == ALU_CMP || op == ALU_TEST;
    uint64_t b = alu_source(cpu, i, form, size), a, r;
    OpDst m;

    a = !mem ? reg_read(cpu, i->dst, size) : keeps ? op_load(cpu, i, size) : op_dst_begin(cpu, i, &m, size);
    r = alu_result(cpu, op, a, b, size);
    if (!keeps) {
        if (mem) {
            op_dst_end(cpu, &m, r, size);
        } else {
            reg_write(cpu, i->dst, r, size);
        }
    }
}

OP_FORMS(alu, add, ALU_ADD)
OP_FORMS(alu, adc, ALU_ADC)
OP_FORMS(alu, sub, ALU_SUB)
OP_FORMS(alu, sbb, ALU_SBB)
OP_FORMS(alu, cmp, ALU_CMP)
OP_FORMS(alu, and, ALU_AND)
OP_FORMS(alu, or, ALU_OR)
OP_FORMS(alu, xor, ALU_XOR)
OP_FORMS(alu, test, ALU_TEST)

/* XOR r, r and SUB r, r: a zero, whatever it was. */
static void alu_zero4(X86Cpu *cpu, const Insn *i)
{
    cpu->regs[i->dst >> 3] = 0;
    op_flags(cpu, CC_LOGIC, 4, 0, 0);
}

static InsnFn *alu_select(const Decoded *d, InsnFn *const fns[FORMS][4])
{
    Form f = op_form(d);

    return f == FORMS ? NULL : fns[f][op_log2(d->op[0].size)];
}

static InsnFn *sel_add(const Decoded *d, Insn *i)
{
    return d->lock ? atomic_select(ATOMIC_ADD, d, i) : alu_select(d, add_fns);
}

static InsnFn *sel_adc(const Decoded *d, Insn *i)
{
    return d->lock ? atomic_select(ATOMIC_ADC, d, i) : alu_select(d, adc_fns);
}

static InsnFn *sel_sub(const Decoded *d, Insn *i)
{
    return d->lock ? atomic_select(ATOMIC_SUB, d, i) : alu_select(d, sub_fns);
}

static InsnFn *sel_sbb(const Decoded *d, Insn *i)
{
    return d->lock ? atomic_select(ATOMIC_SBB, d, i) : alu_select(d, sbb_fns);
}

static InsnFn *sel_and(const Decoded *d, Insn *i)
{
    return d->lock ? atomic_select(ATOMIC_AND, d, i) : alu_select(d, and_fns);
}

static InsnFn *sel_or(const Decoded *d, Insn *i)
{
    return d->lock ? atomic_select(ATOMIC_OR, d, i) : alu_select(d, or_fns);
}

static InsnFn *sel_xor(const Decoded *d, Insn *i)
{
    if (op_form(d) == F_RR && i->dst == i->src && d->op[0].size == 4) {
        return alu_zero4;
    }
    return d->lock ? atomic_select(ATOMIC_XOR, d, i) : alu_select(d, xor_fns);
}

static InsnFn *sel_cmp(const Decoded *d, Insn *i)
{
    (void)i;
    return alu_select(d, cmp_fns);
}

static InsnFn *sel_test(const Decoded *d, Insn *i)
{
    (void)i;
    return alu_select(d, test_fns);
}

OP_INLINE void alu_unary(X86Cpu *cpu, const Insn *i, UnaryOp op, Form form, unsigned size)
{
    OpDst m;

    if (form == F_MR) {
        uint64_t a = op_dst_begin(cpu, i, &m, size);
        op_dst_end(cpu, &m, alu_unary_result(cpu, op, a, size), size);
    } else {
        reg_write(cpu, i->dst, alu_unary_result(cpu, op, reg_read(cpu, i->dst, size), size), size);
    }
}

OP_UNARY(alu_unary, inc, UNARY_INC)
OP_UNARY(alu_unary, dec, UNARY_DEC)
OP_UNARY(alu_unary, neg, UNARY_NEG)
OP_UNARY(alu_unary, not, UNARY_NOT)

static InsnFn *sel_inc(const Decoded *d, Insn *i)
{
    return d->lock ? atomic_select(ATOMIC_INC, d, i) : inc_fns[op_is_mem(d, 0)][op_log2(d->op[0].size)];
}

static InsnFn *sel_dec(const Decoded *d, Insn *i)
{
    return d->lock ? atomic_select(ATOMIC_DEC, d, i) : dec_fns[op_is_mem(d, 0)][op_log2(d->op[0].size)];
}

static InsnFn *sel_neg(const Decoded *d, Insn *i)
{
    return d->lock ? atomic_select(ATOMIC_NEG, d, i) : neg_fns[op_is_mem(d, 0)][op_log2(d->op[0].size)];
}

static InsnFn *sel_not(const Decoded *d, Insn *i)
{
    return d->lock ? atomic_select(ATOMIC_NOT, d, i) : not_fns[op_is_mem(d, 0)][op_log2(d->op[0].size)];
}

/* ADCX and ADOX: carry in and out through one flag, the others stay. */
static void alu_adx(X86Cpu *cpu, const Insn *i, uint32_t flag)
{
    unsigned size = i->opsize;
    uint64_t b = op_rm(cpu, i, i->src, size), a = reg_read(cpu, i->dst, size);
    uint32_t f = flags_compute(cpu);
    unsigned __int128 r = (unsigned __int128)a + b + (f & flag ? 1 : 0);

    reg_write(cpu, i->dst, (uint64_t)r, size);
    flags_set(cpu, r >> (size * 8) ? f | flag : f & ~flag);
}

static void op_adcx(X86Cpu *cpu, const Insn *i)
{
    alu_adx(cpu, i, FL_CF);
}

static void op_adox(X86Cpu *cpu, const Insn *i)
{
    alu_adx(cpu, i, FL_OF);
}

const OpRow ops_alu[] = {
    { "add", NULL, sel_add, 0 }, { "adc", NULL, sel_adc, 0 }, { "sub", NULL, sel_sub, 0 }, { "sbb", NULL, sel_sbb, 0 },
    { "and", NULL, sel_and, 0 }, { "or", NULL, sel_or, 0 }, { "xor", NULL, sel_xor, 0 }, { "cmp", NULL, sel_cmp, 0 },
    { "test", NULL, sel_test, 0 }, { "inc", NULL, sel_inc, 0 }, { "dec", NULL, sel_dec, 0 }, { "neg", NULL, sel_neg, 0 },
    { "not", NULL, sel_not, 0 }, { "adcx", op_adcx, NULL, 0 }, { "adox", op_adox, NULL, 0 },
    { NULL, NULL, NULL, 0 },
};
