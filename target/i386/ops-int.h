/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the integer semantics files (op-*.c) share.  Hot instructions are always-inline templates whose form and size are
 * constants; OP_SIZES names the instances of one template, so that each table entry is a function of its own without a branch
 * on the kind of its operands.
 */
#ifndef TARGET_I386_OPS_INT_H
#define TARGET_I386_OPS_INT_H

#include "target/i386/decode.h"
#include "target/i386/exc.h"
#include "target/i386/flags.h"
#include "target/i386/mem.h"

#define OP_INLINE static inline __attribute__((always_inline))

/* Where a two-operand instruction has its operands: register, memory, immediate; destination first. */
typedef enum Form { F_RR, F_RI, F_RM, F_MR, F_MI, FORMS } Form;

/* The instances of template @body for one form: NAME_rr1, NAME_rr2, ...; @arg goes through to the template. */
#define OP_SIZES(body, name, form, arg)                                                        \
    static void name##_##form##1(X86Cpu *cpu, const Insn *i) { body(cpu, i, arg, F_##form, 1); } \
    static void name##_##form##2(X86Cpu *cpu, const Insn *i) { body(cpu, i, arg, F_##form, 2); } \
    static void name##_##form##4(X86Cpu *cpu, const Insn *i) { body(cpu, i, arg, F_##form, 4); } \
    static void name##_##form##8(X86Cpu *cpu, const Insn *i) { body(cpu, i, arg, F_##form, 8); }
#define OP_SIZE_NAMES(name, form) { name##_##form##1, name##_##form##2, name##_##form##4, name##_##form##8 }

/* All five forms, and the table name_fns[FORMS][4]. */
#define OP_FORMS(body, name, arg)                                                               \
    OP_SIZES(body, name, RR, arg) OP_SIZES(body, name, RI, arg) OP_SIZES(body, name, RM, arg)    \
    OP_SIZES(body, name, MR, arg) OP_SIZES(body, name, MI, arg)                                  \
    static InsnFn *const name##_fns[FORMS][4] = { OP_SIZE_NAMES(name, RR), OP_SIZE_NAMES(name, RI), OP_SIZE_NAMES(name, RM), \
                                                  OP_SIZE_NAMES(name, MR), OP_SIZE_NAMES(name, MI) };

/* One operand, or a destination with a count: register and memory forms, table name_fns[2][4]. */
#define OP_UNARY(body, name, arg)                                                               \
    OP_SIZES(body, name, RR, arg) OP_SIZES(body, name, MR, arg)                                  \
    static InsnFn *const name##_fns[2][4] = { OP_SIZE_NAMES(name, RR), OP_SIZE_NAMES(name, MR) };

OP_INLINE unsigned op_log2(unsigned size)
{
    return size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3;
}

/* Only general-purpose registers, memory and immediates?  Then the form; FORMS otherwise. */
static inline Form op_form(const Decoded *d)
{
    OperandKind a = d->op[0].kind, b = d->op[1].kind;

    if (a == OPND_GPR) {
        return b == OPND_GPR ? F_RR : b == OPND_IMM ? F_RI : b == OPND_MEM ? F_RM : FORMS;
    }
    if (a == OPND_MEM) {
        return b == OPND_GPR ? F_MR : b == OPND_IMM ? F_MI : FORMS;
    }
    return FORMS;
}

/* Is @k-th operand in memory (true), in a general-purpose register (false)?  For selectors that know it is one of the two. */
static inline bool op_is_mem(const Decoded *d, unsigned k)
{
    return d->op[k].kind == OPND_MEM;
}

OP_INLINE uint64_t op_mask(unsigned size)
{
    return size == 8 ? UINT64_MAX : (1ull << (size * 8)) - 1;
}

OP_INLINE uint64_t op_msb(unsigned size)
{
    return 1ull << (size * 8 - 1);
}

OP_INLINE int64_t op_sext(uint64_t v, unsigned size)
{
    return size == 1 ? (int8_t)v : size == 2 ? (int16_t)v : size == 4 ? (int32_t)v : (int64_t)v;
}

/* Reads the memory operand. */
OP_INLINE uint64_t op_load(X86Cpu *cpu, const Insn *i, unsigned size)
{
    return mem_load(cpu, insn_linear(cpu, i, size, ACC_READ), size);
}

OP_INLINE void op_store(X86Cpu *cpu, const Insn *i, uint64_t v, unsigned size)
{
    mem_store(cpu, insn_linear(cpu, i, size, ACC_WRITE), v, size);
}

/* A source that is a register (byte offset @reg) or the memory operand. */
OP_INLINE uint64_t op_rm(X86Cpu *cpu, const Insn *i, uint8_t reg, unsigned size)
{
    return i->flags & INSN_MEM ? op_load(cpu, i, size) : reg_read(cpu, reg, size);
}

/*
 * A destination that is read and written.  Not atomic: for instructions without LOCK.  op_dst_begin checks that it may be
 * written; nothing may raise between the two.
 */
typedef struct OpDst {
    uint8_t *ptr; /* NULL: by the slow path */
    uint64_t lin;
} OpDst;

uint64_t op_dst_begin_slow(X86Cpu *cpu, uint64_t lin, unsigned size);

OP_INLINE uint64_t op_dst_begin(X86Cpu *cpu, const Insn *i, OpDst *m, unsigned size)
{
    m->lin = insn_linear(cpu, i, size, ACC_WRITE);
    TlbEntry *e = tlb_entry(cpu, m->lin);
    if (G_LIKELY(tlb_hit(e->write, m->lin, size) && e->read == e->write)) {
        m->ptr = (uint8_t *)(m->lin + e->addend);
        return ld_le(m->ptr, size);
    }
    m->ptr = NULL;
    return op_dst_begin_slow(cpu, m->lin, size);
}

OP_INLINE void op_dst_end(X86Cpu *cpu, OpDst *m, uint64_t v, unsigned size)
{
    if (G_LIKELY(m->ptr)) {
        st_le(m->ptr, v, size);
    } else {
        mmu_store_slow(cpu, m->lin, v, size);
    }
}

/* Lazy flags. */
OP_INLINE void op_flags(X86Cpu *cpu, CcOp kind, unsigned size, uint64_t dst, uint64_t src)
{
    cpu->cc_op = (uint32_t)kind + op_log2(size);
    cpu->cc_dst = dst;
    cpu->cc_src = src;
}

/* Carry, without a call for what comes before ADC, SBB, JB most often. */
OP_INLINE bool op_cf(const X86Cpu *cpu)
{
    unsigned kind = cpu->cc_op & ~3u, sh = 64 - (8u << (cpu->cc_op & 3));

    if (kind == CC_SUB) {
        return ((cpu->cc_dst + cpu->cc_src) << sh) < (cpu->cc_src << sh);
    }
    if (kind == CC_ADD) {
        return (cpu->cc_dst << sh) < (cpu->cc_src << sh);
    }
    return flags_cf(cpu);
}

/* Condition code @cc (a constant), inlined for comparisons, tests and DEC/INC's zero. */
OP_INLINE bool op_condition(const X86Cpu *cpu, unsigned cc)
{
    unsigned kind = cpu->cc_op & ~3u, sh = 64 - (8u << (cpu->cc_op & 3));
    uint64_t d = cpu->cc_dst << sh;
    bool r;

    if (kind == CC_SUB) {
        uint64_t s = cpu->cc_src << sh, a = d + s;
        switch (cc >> 1) {
        case 1: r = a < s; break;
        case 2: r = d == 0; break;
        case 3: r = a <= s; break;
        case 4: r = (int64_t)d < 0; break;
        case 6: r = (int64_t)a < (int64_t)s; break;
        case 7: r = (int64_t)a <= (int64_t)s; break;
        default: return flags_condition(cpu, cc);
        }
    } else if (kind == CC_LOGIC) {
        switch (cc >> 1) {
        case 0: r = false; break;
        case 1: r = false; break;
        case 2: r = d == 0; break;
        case 3: r = d == 0; break;
        case 4: r = (int64_t)d < 0; break;
        case 6: r = (int64_t)d < 0; break;
        case 7: r = (int64_t)d <= 0; break;
        default: return flags_condition(cpu, cc);
        }
    } else if (kind != CC_FLAGS && (cc >> 1) == 2) {
        r = d == 0;
    } else {
        return flags_condition(cpu, cc);
    }
    return r ^ (cc & 1);
}

/* --- stack --- */

OP_INLINE uint64_t op_stack_mask(const X86Cpu *cpu)
{
    return cpu->mode & MODE_CODE64 ? UINT64_MAX : cpu->mode & MODE_SS32 ? UINT32_MAX : UINT16_MAX;
}

OP_INLINE void op_set_sp(X86Cpu *cpu, uint64_t sp)
{
    uint64_t mask = op_stack_mask(cpu);

    cpu->regs[R_RSP] = mask == UINT16_MAX ? (cpu->regs[R_RSP] & ~mask) | (sp & mask) : sp & mask;
}

/* Pushes; RSP changes only when the store did not fault. */
OP_INLINE void op_push(X86Cpu *cpu, const Insn *i, uint64_t v, unsigned size)
{
    uint64_t sp = (cpu->regs[R_RSP] - size) & op_stack_mask(cpu);

    mem_store(cpu, seg_linear(cpu, i, SEG_SS, sp, size, ACC_WRITE), v, size);
    op_set_sp(cpu, sp);
}

/* What POP would take; the caller moves RSP with op_set_sp() once nothing can fault any more. */
OP_INLINE uint64_t op_peek(X86Cpu *cpu, const Insn *i, unsigned size)
{
    uint64_t sp = cpu->regs[R_RSP] & op_stack_mask(cpu);

    return mem_load(cpu, seg_linear(cpu, i, SEG_SS, sp, size, ACC_READ), size);
}

/* --- control flow --- */

/* Near transfer to offset @target (already cut to the operand size): #GP(0) outside the code segment or when not canonical. */
void op_check_target(X86Cpu *cpu, const Insn *i, uint64_t target);

OP_INLINE bool op_canonical(uint64_t a)
{
    return (uint64_t)((int64_t)(a << 16) >> 16) == a;
}

#endif
