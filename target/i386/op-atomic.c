/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LOCKed read-modify-write, XCHG with memory (always locked), CMPXCHG, XADD, CMPXCHG8B/16B (SDM vol. 2; vol. 3, 9.1).  Guest RAM is
 * changed by the host's atomics; where the MMU gives a copy instead (I/O, page crossing, code page), it holds the bus lock from begin
 * to commit.  vCPU thread; called through Insn.fn.
 */
#include "util/osdep.h"
#include "target/i386/op-atomic.h"
#include "target/i386/ops-int.h"

/* One compare-and-swap of a naturally aligned value; *@old becomes what was there. */
OP_INLINE bool atomic_cas(void *p, uint64_t *old, uint64_t val, unsigned size)
{
    bool ok;
    uint8_t o1 = (uint8_t)*old;
    uint16_t o2 = (uint16_t)*old;
    uint32_t o4 = (uint32_t)*old;

    switch (size) {
    case 1:
        ok = __atomic_compare_exchange_n((uint8_t *)p, &o1, (uint8_t)val, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        *old = o1;
        return ok;
    case 2:
        ok = __atomic_compare_exchange_n((uint16_t *)p, &o2, (uint16_t)val, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        *old = o2;
        return ok;
    case 4:
        ok = __atomic_compare_exchange_n((uint32_t *)p, &o4, (uint32_t)val, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        *old = o4;
        return ok;
    default:
        return __atomic_compare_exchange_n((uint64_t *)p, old, val, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
}

/* The new value, without touching flags. */
OP_INLINE uint64_t atomic_new(AtomicOp op, uint64_t a, uint64_t b, uint64_t carry)
{
    switch (op) {
    case ATOMIC_ADD:
    case ATOMIC_ADC: return a + b + carry;
    case ATOMIC_SUB:
    case ATOMIC_SBB: return a - b - carry;
    case ATOMIC_AND: return a & b;
    case ATOMIC_OR: return a | b;
    case ATOMIC_XOR: return a ^ b;
    case ATOMIC_INC: return a + 1;
    case ATOMIC_DEC: return a - 1;
    case ATOMIC_NEG: return -a;
    case ATOMIC_NOT: return ~a;
    case ATOMIC_BTS: return a | b;
    case ATOMIC_BTR: return a & ~b;
    default: return a ^ b;
    }
}

/* Flags from the value that was there, by the plain instruction's rules. */
static void atomic_flags(X86Cpu *cpu, AtomicOp op, uint64_t a, uint64_t b, unsigned size)
{
    static const AluOp alu[] = { ALU_ADD, ALU_ADC, ALU_SUB, ALU_SBB, ALU_AND, ALU_OR, ALU_XOR };

    switch (op) {
    case ATOMIC_INC: alu_unary_result(cpu, UNARY_INC, a, size); break;
    case ATOMIC_DEC: alu_unary_result(cpu, UNARY_DEC, a, size); break;
    case ATOMIC_NEG: alu_unary_result(cpu, UNARY_NEG, a, size); break;
    case ATOMIC_NOT: break;
    case ATOMIC_BTS:
    case ATOMIC_BTR:
    case ATOMIC_BTC: flags_set(cpu, (flags_compute(cpu) & ~(uint32_t)FL_CF) | (a & b ? FL_CF : 0)); break;
    default: alu_result(cpu, alu[op], a, b, size); break;
    }
}

OP_INLINE void atomic_rmw(X86Cpu *cpu, const Insn *i, AtomicOp op, unsigned size, uint64_t lin, uint64_t b)
{
    uint64_t carry = op == ATOMIC_ADC || op == ATOMIC_SBB ? op_cf(cpu) : 0, a;
    MemRmw m;

    (void)i;
    mem_rmw_begin(cpu, &m, lin, size, true);
    a = ld_le(m.ptr, size);
    if (m.direct) {
        while (!atomic_cas(m.ptr, &a, atomic_new(op, a, b, carry), size)) {
            /* a was reloaded */
        }
    } else {
        st_le(m.ptr, atomic_new(op, a, b, carry), size);
        mem_rmw_commit(cpu, &m);
    }
    atomic_flags(cpu, op, a & op_mask(size), b, size);
}

OP_INLINE void atomic_op(X86Cpu *cpu, const Insn *i, AtomicOp op, Form form, unsigned size)
{
    uint64_t b = form == F_MI ? i->imm : reg_read(cpu, i->src, size), ea;

    if (op == ATOMIC_BTS || op == ATOMIC_BTR || op == ATOMIC_BTC) {
        ea = insn_ea(cpu, i);
        if (form == F_MR) {
            ea += (uint64_t)((op_sext(b, size) >> (op_log2(size) + 3)) * (int64_t)size);
            ea = i->addrsize == 8 ? ea : i->addrsize == 4 ? (uint32_t)ea : (uint16_t)ea;
        }
        b = 1ull << (b & (size * 8 - 1));
        atomic_rmw(cpu, i, op, size, seg_linear(cpu, i, i->seg, ea, size, ACC_WRITE), b);
        return;
    }
    atomic_rmw(cpu, i, op, size, insn_linear(cpu, i, size, ACC_WRITE), b);
}

#define ATOMIC_FORMS(name, op)                                              \
    OP_SIZES(atomic_op, name, MR, op) OP_SIZES(atomic_op, name, MI, op)      \
    static InsnFn *const name##_fns[2][4] = { OP_SIZE_NAMES(name, MR), OP_SIZE_NAMES(name, MI) };
ATOMIC_FORMS(lock_add, ATOMIC_ADD)
ATOMIC_FORMS(lock_adc, ATOMIC_ADC)
ATOMIC_FORMS(lock_sub, ATOMIC_SUB)
ATOMIC_FORMS(lock_sbb, ATOMIC_SBB)
ATOMIC_FORMS(lock_and, ATOMIC_AND)
ATOMIC_FORMS(lock_or, ATOMIC_OR)
ATOMIC_FORMS(lock_xor, ATOMIC_XOR)
ATOMIC_FORMS(lock_inc, ATOMIC_INC)
ATOMIC_FORMS(lock_dec, ATOMIC_DEC)
ATOMIC_FORMS(lock_neg, ATOMIC_NEG)
ATOMIC_FORMS(lock_not, ATOMIC_NOT)
ATOMIC_FORMS(lock_bts, ATOMIC_BTS)
ATOMIC_FORMS(lock_btr, ATOMIC_BTR)
ATOMIC_FORMS(lock_btc, ATOMIC_BTC)

InsnFn *atomic_select(AtomicOp op, const Decoded *d, Insn *i)
{
    static InsnFn *const (*const fns[ATOMIC_OPS])[4] = {
        lock_add_fns, lock_adc_fns, lock_sub_fns, lock_sbb_fns, lock_and_fns, lock_or_fns, lock_xor_fns, lock_inc_fns,
        lock_dec_fns, lock_neg_fns, lock_not_fns, lock_bts_fns, lock_btr_fns, lock_btc_fns,
    };

    (void)i;
    return fns[op][d->op[1].kind == OPND_IMM][op_log2(d->op[0].size)];
}

/* --- XCHG, XADD, CMPXCHG --- */

static void op_xchg_mem(X86Cpu *cpu, const Insn *i)
{
    unsigned size = i->opsize;
    uint8_t reg = i->modrm_reg; /* the selector put the byte offset here */
    uint64_t b = reg_read(cpu, reg, size), a;
    MemRmw m;

    mem_rmw_begin(cpu, &m, insn_linear(cpu, i, size, ACC_WRITE), size, true);
    a = ld_le(m.ptr, size);
    if (m.direct) {
        while (!atomic_cas(m.ptr, &a, b, size)) {
            /* a was reloaded */
        }
    } else {
        st_le(m.ptr, b, size);
        mem_rmw_commit(cpu, &m);
    }
    reg_write(cpu, reg, a, size);
}

static InsnFn *sel_xchg_mem(const Decoded *d, Insn *i)
{
    if (op_form(d) != F_MR && op_form(d) != F_RM) {
        return NULL;
    }
    i->modrm_reg = d->op[op_is_mem(d, 0) ? 1 : 0].reg;
    return op_xchg_mem;
}

static void op_xadd_reg(X86Cpu *cpu, const Insn *i)
{
    unsigned size = i->opsize;
    uint64_t a = reg_read(cpu, i->dst, size), b = reg_read(cpu, i->src, size);

    reg_write(cpu, i->src, a, size);
    reg_write(cpu, i->dst, alu_result(cpu, ALU_ADD, a, b, size), size); /* last: wins when both are one register */
}

static void xadd_mem(X86Cpu *cpu, const Insn *i, bool locked)
{
    unsigned size = i->opsize;
    uint64_t b = reg_read(cpu, i->src, size), a;
    MemRmw m;

    mem_rmw_begin(cpu, &m, insn_linear(cpu, i, size, ACC_WRITE), size, locked);
    a = ld_le(m.ptr, size);
    if (m.direct && locked) {
        while (!atomic_cas(m.ptr, &a, a + b, size)) {
            /* a was reloaded */
        }
    } else {
        st_le(m.ptr, a + b, size);
        mem_rmw_commit(cpu, &m);
    }
    alu_result(cpu, ALU_ADD, a, b, size);
    reg_write(cpu, i->src, a, size);
}

static void op_xadd_mem(X86Cpu *cpu, const Insn *i)
{
    xadd_mem(cpu, i, false);
}

static void op_lock_xadd_mem(X86Cpu *cpu, const Insn *i)
{
    xadd_mem(cpu, i, true);
}

static InsnFn *sel_xadd(const Decoded *d, Insn *i)
{
    (void)i;
    return !op_is_mem(d, 0) ? op_xadd_reg : d->lock ? op_lock_xadd_mem : op_xadd_mem;
}

/* A comparison that fails leaves the whole destination register alone, a 32-bit one included (measured). */
static void op_cmpxchg_reg(X86Cpu *cpu, const Insn *i)
{
    unsigned size = i->opsize;
    uint64_t a = reg_read(cpu, R_RAX * 8, size), v = reg_read(cpu, i->dst, size), n = reg_read(cpu, i->src, size);

    alu_result(cpu, ALU_CMP, a, v, size);
    if (a == v) {
        reg_write(cpu, i->dst, n, size);
    } else {
        reg_write(cpu, R_RAX * 8, v, size);
    }
}

static void cmpxchg_mem(X86Cpu *cpu, const Insn *i, bool locked)
{
    unsigned size = i->opsize;
    uint64_t a = reg_read(cpu, R_RAX * 8, size), v, n = reg_read(cpu, i->src, size);
    bool same;
    MemRmw m;

    mem_rmw_begin(cpu, &m, insn_linear(cpu, i, size, ACC_WRITE), size, locked);
    if (m.direct && locked) {
        v = a;
        same = atomic_cas(m.ptr, &v, n, size);
    } else {
        v = ld_le(m.ptr, size);
        same = v == a;
        st_le(m.ptr, same ? n : v, size);
        mem_rmw_commit(cpu, &m);
    }
    alu_result(cpu, ALU_CMP, a, v, size);
    if (!same) {
        reg_write(cpu, R_RAX * 8, v, size);
    }
}

static void op_cmpxchg_mem(X86Cpu *cpu, const Insn *i)
{
    cmpxchg_mem(cpu, i, false);
}

static void op_lock_cmpxchg_mem(X86Cpu *cpu, const Insn *i)
{
    cmpxchg_mem(cpu, i, true);
}

static InsnFn *sel_cmpxchg(const Decoded *d, Insn *i)
{
    (void)i;
    return !op_is_mem(d, 0) ? op_cmpxchg_reg : d->lock ? op_lock_cmpxchg_mem : op_cmpxchg_mem;
}

static void cmpxchg_set_zf(X86Cpu *cpu, bool zf)
{
    flags_set(cpu, (flags_compute(cpu) & ~(uint32_t)FL_ZF) | (zf ? FL_ZF : 0));
}

static void op_cmpxchg8b(X86Cpu *cpu, const Insn *i)
{
    uint64_t want = cpu->regs[R_RDX] << 32 | (uint32_t)cpu->regs[R_RAX], v = want;
    uint64_t val = cpu->regs[R_RCX] << 32 | (uint32_t)cpu->regs[R_RBX];
    bool same;
    MemRmw m;

    mem_rmw_begin(cpu, &m, insn_linear(cpu, i, 8, ACC_WRITE), 8, i->flags & INSN_LOCK);
    if (m.direct && (i->flags & INSN_LOCK)) {
        same = atomic_cas(m.ptr, &v, val, 8);
    } else {
        v = ld_le64(m.ptr);
        same = v == want;
        st_le64(m.ptr, same ? val : v);
        mem_rmw_commit(cpu, &m);
    }
    if (!same) {
        cpu->regs[R_RAX] = (uint32_t)v;
        cpu->regs[R_RDX] = v >> 32;
    }
    cmpxchg_set_zf(cpu, same);
}

/* Its operand must be aligned: #GP(0), so that a direct pointer is always fit for the host's own instruction. */
static __attribute__((target("cx16"))) void op_cmpxchg16b(X86Cpu *cpu, const Insn *i)
{
    unsigned __int128 want = (unsigned __int128)cpu->regs[R_RDX] << 64 | cpu->regs[R_RAX], v = want;
    unsigned __int128 val = (unsigned __int128)cpu->regs[R_RCX] << 64 | cpu->regs[R_RBX];
    uint64_t lin = insn_linear(cpu, i, 16, ACC_WRITE);
    MemRmw m;
    bool same;

    if (lin & 15) {
        x86_raise_gp0(cpu);
    }
    mem_rmw_begin(cpu, &m, lin, 16, true);
    if (m.direct) {
        v = __sync_val_compare_and_swap((unsigned __int128 *)m.ptr, want, val);
        same = v == want;
    } else {
        memcpy(&v, m.ptr, 16);
        same = v == want;
        if (same) {
            memcpy(m.ptr, &val, 16);
        }
        mem_rmw_commit(cpu, &m);
    }
    if (!same) {
        cpu->regs[R_RAX] = (uint64_t)v;
        cpu->regs[R_RDX] = (uint64_t)(v >> 64);
    }
    cmpxchg_set_zf(cpu, same);
}

const OpRow ops_atomic[] = {
    { "xchg", NULL, sel_xchg_mem, 0 }, { "xadd", NULL, sel_xadd, 0 }, { "cmpxchg", NULL, sel_cmpxchg, 0 },
    { "cmpxchg8b", op_cmpxchg8b, NULL, 0 }, { "cmpxchg16b", op_cmpxchg16b, NULL, 0 },
    { NULL, NULL, NULL, 0 },
};
