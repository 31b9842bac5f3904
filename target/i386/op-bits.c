/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BT, BTS, BTR, BTC, BSF, BSR, POPCNT, LZCNT, TZCNT, CRC32 (SDM vol. 2).  vCPU thread; called through Insn.fn.
 */
#include "util/osdep.h"
#include "target/i386/op-atomic.h"
#include "target/i386/ops-int.h"

typedef enum BitOp { BIT_TEST, BIT_SET, BIT_RESET, BIT_FLIP } BitOp;

OP_INLINE uint64_t bits_apply(X86Cpu *cpu, BitOp op, uint64_t v, unsigned bit)
{
    uint64_t m = 1ull << bit;

    flags_set(cpu, (flags_compute(cpu) & ~(uint32_t)FL_CF) | (v & m ? FL_CF : 0));
    return op == BIT_SET ? v | m : op == BIT_RESET ? v & ~m : v ^ m;
}

/* Register destination, or memory with an immediate bit number, which stays within the operand. */
OP_INLINE void bits_op(X86Cpu *cpu, const Insn *i, BitOp op, bool imm)
{
    unsigned size = i->opsize;
    uint64_t n = imm ? i->imm : reg_read(cpu, i->src, size), a;
    unsigned bit = (unsigned)n & (size * 8 - 1);
    OpDst m;

    if (!(i->flags & INSN_MEM)) {
        a = bits_apply(cpu, op, reg_read(cpu, i->dst, size), bit);
        if (op != BIT_TEST) {
            reg_write(cpu, i->dst, a, size);
        }
        return;
    }
    uint64_t ea = insn_ea(cpu, i);

    if (!imm) { /* a bit string of any length, before and behind the address */
        ea += (uint64_t)((op_sext(n, size) >> (op_log2(size) + 3)) * (int64_t)size);
        ea = i->addrsize == 8 ? ea : i->addrsize == 4 ? (uint32_t)ea : (uint16_t)ea;
    }
    uint64_t lin = seg_linear(cpu, i, i->seg, ea, size, op == BIT_TEST ? ACC_READ : ACC_WRITE);

    if (op == BIT_TEST) {
        bits_apply(cpu, op, mem_load(cpu, lin, size), bit);
        return;
    }
    m = (OpDst){ NULL, lin };
    a = op_dst_begin_slow(cpu, lin, size);
    op_dst_end(cpu, &m, bits_apply(cpu, op, a, bit), size);
}

#define BITS_OP(name, bitop)                                                                    \
    static void op_##name##_imm(X86Cpu *cpu, const Insn *i) { bits_op(cpu, i, bitop, true); }     \
    static void op_##name##_reg(X86Cpu *cpu, const Insn *i) { bits_op(cpu, i, bitop, false); }    \
    static InsnFn *bits_##name(const Decoded *dec) { return dec->op[1].kind == OPND_IMM ? op_##name##_imm : op_##name##_reg; }
BITS_OP(bt, BIT_TEST)
BITS_OP(bts, BIT_SET)
BITS_OP(btr, BIT_RESET)
BITS_OP(btc, BIT_FLIP)

static InsnFn *sel_bt(const Decoded *d, Insn *i)
{
    (void)i;
    return bits_bt(d);
}

static InsnFn *sel_bts(const Decoded *d, Insn *i)
{
    return d->lock ? atomic_select(ATOMIC_BTS, d, i) : bits_bts(d);
}

static InsnFn *sel_btr(const Decoded *d, Insn *i)
{
    return d->lock ? atomic_select(ATOMIC_BTR, d, i) : bits_btr(d);
}

static InsnFn *sel_btc(const Decoded *d, Insn *i)
{
    return d->lock ? atomic_select(ATOMIC_BTC, d, i) : bits_btc(d);
}

/* With a zero source the destination stays (AMD says so, Intel's CPUs do it), a 32-bit one included. */
static void op_bsf(X86Cpu *cpu, const Insn *i)
{
    unsigned size = i->opsize;
    uint64_t v = op_rm(cpu, i, i->src, size);

    if (v) {
        reg_write(cpu, i->dst, (uint64_t)__builtin_ctzll(v), size);
    }
    op_flags(cpu, CC_LOGIC, size, v, 0);
}

static void op_bsr(X86Cpu *cpu, const Insn *i)
{
    unsigned size = i->opsize;
    uint64_t v = op_rm(cpu, i, i->src, size);

    if (v) {
        reg_write(cpu, i->dst, 63 - (uint64_t)__builtin_clzll(v), size);
    }
    op_flags(cpu, CC_LOGIC, size, v, 0);
}

static void op_tzcnt(X86Cpu *cpu, const Insn *i)
{
    unsigned size = i->opsize;
    uint64_t v = op_rm(cpu, i, i->src, size), r = v ? (uint64_t)__builtin_ctzll(v) : size * 8;

    reg_write(cpu, i->dst, r, size);
    op_flags(cpu, CC_BLSI, size, r, !v);
}

static void op_lzcnt(X86Cpu *cpu, const Insn *i)
{
    unsigned size = i->opsize;
    uint64_t v = op_rm(cpu, i, i->src, size), r = v ? (uint64_t)__builtin_clzll(v) - (64 - size * 8) : size * 8;

    reg_write(cpu, i->dst, r, size);
    op_flags(cpu, CC_BLSI, size, r, !v);
}

static void op_popcnt(X86Cpu *cpu, const Insn *i)
{
    uint64_t v = op_rm(cpu, i, i->src, i->opsize);

    reg_write(cpu, i->dst, (uint64_t)__builtin_popcountll(v), i->opsize);
    flags_set(cpu, v ? 0 : FL_ZF);
}

/* CRC-32C (polynomial 0x11EDC6F41, reflected), four bits a step. */
static uint32_t bits_crc32c(uint32_t crc, uint64_t v, unsigned size)
{
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
        0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };

    for (unsigned k = 0; k < size * 2; k++, v >>= 4) {
        crc = table[(crc ^ v) & 15] ^ crc >> 4;
    }
    return crc;
}

static void op_crc32(X86Cpu *cpu, const Insn *i)
{
    unsigned size = (unsigned)(uintptr_t)i->aux;
    uint64_t v = op_rm(cpu, i, i->src, size);

    cpu->regs[i->dst >> 3] = bits_crc32c((uint32_t)cpu->regs[i->dst >> 3], v, size);
}

static InsnFn *sel_crc32(const Decoded *d, Insn *i)
{
    i->aux = (void *)(uintptr_t)d->op[1].size;
    return op_crc32;
}

const OpRow ops_bits[] = {
    { "bt", NULL, sel_bt, 0 }, { "bts", NULL, sel_bts, 0 }, { "btr", NULL, sel_btr, 0 }, { "btc", NULL, sel_btc, 0 },
    { "bsf", op_bsf, NULL, 0 }, { "bsr", op_bsr, NULL, 0 }, { "tzcnt", op_tzcnt, NULL, 0 }, { "lzcnt", op_lzcnt, NULL, 0 },
    { "popcnt", op_popcnt, NULL, 0 }, { "crc32", NULL, sel_crc32, 0 },
    { NULL, NULL, NULL, 0 },
};
