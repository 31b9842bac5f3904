/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arithmetic that plain and LOCKed forms share: results and the lazy flags that go with them; and the selector of LOCKed forms. */
#ifndef TARGET_I386_OP_ATOMIC_H
#define TARGET_I386_OP_ATOMIC_H

#include "target/i386/ops-int.h"

typedef enum AluOp { ALU_ADD, ALU_ADC, ALU_SUB, ALU_SBB, ALU_CMP, ALU_AND, ALU_OR, ALU_XOR, ALU_TEST } AluOp;
typedef enum UnaryOp { UNARY_INC, UNARY_DEC, UNARY_NEG, UNARY_NOT } UnaryOp;

/* @a op @b; notes the flags. */
OP_INLINE uint64_t alu_result(X86Cpu *cpu, AluOp op, uint64_t a, uint64_t b, unsigned size)
{
    uint64_t r, carry;

    switch (op) {
    case ALU_ADD:
        r = a + b;
        op_flags(cpu, CC_ADD, size, r, b);
        return r;
    case ALU_ADC:
        carry = op_cf(cpu);
        r = a + b + carry;
        op_flags(cpu, CC_ADC, size, r, b);
        cpu->cc_src2 = carry;
        return r;
    case ALU_SUB:
    case ALU_CMP:
        r = a - b;
        op_flags(cpu, CC_SUB, size, r, b);
        return r;
    case ALU_SBB:
        carry = op_cf(cpu);
        r = a - b - carry;
        op_flags(cpu, CC_SBB, size, r, b);
        cpu->cc_src2 = carry;
        return r;
    case ALU_OR:
        r = a | b;
        break;
    case ALU_XOR:
        r = a ^ b;
        break;
    default:
        r = a & b;
        break;
    }
    op_flags(cpu, CC_LOGIC, size, r, 0);
    return r;
}

OP_INLINE uint64_t alu_unary_result(X86Cpu *cpu, UnaryOp op, uint64_t a, unsigned size)
{
    uint64_t cf;

    switch (op) {
    case UNARY_INC:
        cf = op_cf(cpu);
        op_flags(cpu, CC_INC, size, a + 1, cf);
        return a + 1;
    case UNARY_DEC:
        cf = op_cf(cpu);
        op_flags(cpu, CC_DEC, size, a - 1, cf);
        return a - 1;
    case UNARY_NEG:
        op_flags(cpu, CC_SUB, size, -a, a);
        return -a;
    default:
        return ~a;
    }
}

/* The C function of the form with LOCK (memory destination). */
typedef enum AtomicOp {
    ATOMIC_ADD, ATOMIC_ADC, ATOMIC_SUB, ATOMIC_SBB, ATOMIC_AND, ATOMIC_OR, ATOMIC_XOR, ATOMIC_INC, ATOMIC_DEC, ATOMIC_NEG,
    ATOMIC_NOT, ATOMIC_BTS, ATOMIC_BTR, ATOMIC_BTC, ATOMIC_OPS
} AtomicOp;
InsnFn *atomic_select(AtomicOp op, const Decoded *d, Insn *i);

#endif
