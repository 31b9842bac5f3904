/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MOV between registers, memory and immediates, MOVZX, MOVSX, MOVSXD, LEA, XCHG of registers, CMOVcc, SETcc, CBW and kin, BSWAP,
 * MOVBE, MOVNTI, MOVDIRI, XLAT, LAHF, SAHF, SALC (SDM vol. 2).  MOV with segment, control and debug registers: system files.
 * vCPU thread; called through Insn.fn.
 */
#include "util/osdep.h"
#include "target/i386/op-atomic.h"
#include "target/i386/ops-int.h"

OP_INLINE void mov(X86Cpu *cpu, const Insn *i, int unused, Form form, unsigned size)
{
    (void)unused;
    switch (form) {
    case F_RR: reg_write(cpu, i->dst, reg_read(cpu, i->src, size), size); break;
    case F_RI: reg_write(cpu, i->dst, i->imm, size); break;
    case F_RM: reg_write(cpu, i->dst, op_load(cpu, i, size), size); break;
    case F_MR: op_store(cpu, i, reg_read(cpu, i->src, size), size); break;
    default: op_store(cpu, i, i->imm, size); break;
    }
}

OP_FORMS(mov, mov, 0)

/* The commonest of all, 64-bit code with a 64-bit address and no index: base + displacement. */
static void mov_rm8_flat(X86Cpu *cpu, const Insn *i)
{
    uint64_t lin = *(const uint64_t *)((const uint8_t *)cpu->regs + i->base) + (int64_t)i->disp;

    *(uint64_t *)((uint8_t *)cpu->regs + i->dst) = mem_load(cpu, lin, 8);
}

static void mov_mr8_flat(X86Cpu *cpu, const Insn *i)
{
    uint64_t lin = *(const uint64_t *)((const uint8_t *)cpu->regs + i->base) + (int64_t)i->disp;

    mem_store(cpu, lin, *(const uint64_t *)((const uint8_t *)cpu->regs + i->src), 8);
}

/* A0..A3: an absolute offset of up to 64 bits, in imm. */
static void mov_load_abs(X86Cpu *cpu, const Insn *i)
{
    uint64_t off = i->addrsize == 8 ? i->imm : i->addrsize == 4 ? (uint32_t)i->imm : (uint16_t)i->imm;

    reg_write(cpu, i->dst, mem_load(cpu, seg_linear(cpu, i, i->seg, off, i->opsize, ACC_READ), i->opsize), i->opsize);
}

static void mov_store_abs(X86Cpu *cpu, const Insn *i)
{
    uint64_t off = i->addrsize == 8 ? i->imm : i->addrsize == 4 ? (uint32_t)i->imm : (uint16_t)i->imm;

    mem_store(cpu, seg_linear(cpu, i, i->seg, off, i->opsize, ACC_WRITE), reg_read(cpu, i->src, i->opsize), i->opsize);
}

static InsnFn *sel_mov(const Decoded *d, Insn *i)
{
    Form f = op_form(d);
    unsigned size = d->op[0].size;

    if (f == FORMS) {
        return NULL; /* segment, control, debug registers */
    }
    if (d->map == 0 && (d->opcode & 0xfc) == 0xa0) {
        return d->opcode & 2 ? mov_store_abs : mov_load_abs;
    }
    if ((d->mode & MODE_CODE64) && d->addrsize == 8 && size == 8 && i->index == R_ZERO * 8 && i->seg < SEG_FS) {
        if (f == F_RM) {
            return mov_rm8_flat;
        }
        if (f == F_MR) {
            return mov_mr8_flat;
        }
    }
    return mov_fns[f][op_log2(size)];
}

/* MOVZX and MOVSX: @arg is the source's size, negative when signed. */
OP_INLINE void mov_extend(X86Cpu *cpu, const Insn *i, int arg, Form form, unsigned size)
{
    unsigned from = arg < 0 ? (unsigned)-arg : (unsigned)arg;
    uint64_t v = form == F_RM ? op_load(cpu, i, from) : reg_read(cpu, i->src, from);

    reg_write(cpu, i->dst, arg < 0 ? (uint64_t)op_sext(v, from) : v, size);
}

#define MOV_EXTEND(name, arg)                                        \
    OP_SIZES(mov_extend, name, RR, arg) OP_SIZES(mov_extend, name, RM, arg) \
    static InsnFn *const name##_fns[2][4] = { OP_SIZE_NAMES(name, RR), OP_SIZE_NAMES(name, RM) };
MOV_EXTEND(movzx1, 1)
MOV_EXTEND(movzx2, 2)
MOV_EXTEND(movsx1, -1)
MOV_EXTEND(movsx2, -2)
MOV_EXTEND(movsx4, -4)

static InsnFn *sel_movzx(const Decoded *d, Insn *i)
{
    (void)i;
    return (d->op[1].size == 1 ? movzx1_fns : movzx2_fns)[op_is_mem(d, 1)][op_log2(d->op[0].size)];
}

static InsnFn *sel_movsx(const Decoded *d, Insn *i)
{
    unsigned from = d->op[1].size;

    (void)i;
    return (from == 1 ? movsx1_fns : from == 2 ? movsx2_fns : movsx4_fns)[op_is_mem(d, 1)][op_log2(d->op[0].size)];
}

OP_INLINE void lea(X86Cpu *cpu, const Insn *i, int unused, Form form, unsigned size)
{
    (void)unused;
    (void)form;
    reg_write(cpu, i->dst, insn_ea(cpu, i), size);
}

OP_SIZES(lea, lea, RM, 0)

static InsnFn *sel_lea(const Decoded *d, Insn *i)
{
    static InsnFn *const fns[4] = OP_SIZE_NAMES(lea, RM);

    i->flags &= (uint8_t)~INSN_MEM;
    return fns[op_log2(d->op[0].size)];
}

OP_INLINE void xchg(X86Cpu *cpu, const Insn *i, int unused, Form form, unsigned size)
{
    uint64_t a = reg_read(cpu, i->dst, size), b = reg_read(cpu, i->src, size);

    (void)unused;
    (void)form;
    reg_write(cpu, i->dst, b, size);
    reg_write(cpu, i->src, a, size);
}

OP_SIZES(xchg, xchg, RR, 0)

static InsnFn *sel_xchg(const Decoded *d, Insn *i)
{
    static InsnFn *const fns[4] = OP_SIZE_NAMES(xchg, RR);

    if (op_form(d) != F_RR) {
        return NULL; /* op-atomic.c: memory forms are locked with or without the prefix */
    }
    (void)i;
    return fns[op_log2(d->op[0].size)];
}

/* --- conditions: one function for each of the sixteen --- */

OP_INLINE void cmov(X86Cpu *cpu, const Insn *i, unsigned cc)
{
    unsigned size = i->opsize;
    uint64_t v = op_rm(cpu, i, i->src, size); /* read in any case: it may fault */

    if (op_condition(cpu, cc)) {
        reg_write(cpu, i->dst, v, size);
    } else if (size == 4) {
        cpu->regs[i->dst >> 3] = (uint32_t)cpu->regs[i->dst >> 3];
    }
}

OP_INLINE void setcc(X86Cpu *cpu, const Insn *i, unsigned cc)
{
    bool v = op_condition(cpu, cc);

    if (i->flags & INSN_MEM) {
        op_store(cpu, i, v, 1);
    } else {
        *reg8(cpu, i->dst) = v;
    }
}

#define MOV_CC(n)                                                                 \
    static void op_cmov##n(X86Cpu *cpu, const Insn *i) { cmov(cpu, i, n); }        \
    static void op_setcc##n(X86Cpu *cpu, const Insn *i) { setcc(cpu, i, n); }
MOV_CC(0) MOV_CC(1) MOV_CC(2) MOV_CC(3) MOV_CC(4) MOV_CC(5) MOV_CC(6) MOV_CC(7)
MOV_CC(8) MOV_CC(9) MOV_CC(10) MOV_CC(11) MOV_CC(12) MOV_CC(13) MOV_CC(14) MOV_CC(15)

/* --- the rest --- */

static void op_cbw(X86Cpu *cpu, const Insn *i)
{
    unsigned size = i->opsize;

    reg_write(cpu, 0, (uint64_t)op_sext(cpu->regs[R_RAX], size / 2), size);
}

static void op_cwd(X86Cpu *cpu, const Insn *i)
{
    unsigned size = i->opsize;

    reg_write(cpu, R_RDX * 8, (uint64_t)(op_sext(cpu->regs[R_RAX], size) >> 63), size);
}

static void op_bswap(X86Cpu *cpu, const Insn *i)
{
    uint64_t v = reg_read(cpu, i->dst, i->opsize);

    /* 16 bits: undefined by the manuals; every known CPU gives zero */
    v = i->opsize == 8 ? __builtin_bswap64(v) : i->opsize == 4 ? __builtin_bswap32((uint32_t)v) : 0;
    reg_write(cpu, i->dst, v, i->opsize);
}

static uint64_t mov_swapped(uint64_t v, unsigned size)
{
    return size == 8 ? __builtin_bswap64(v) : size == 4 ? __builtin_bswap32((uint32_t)v) : __builtin_bswap16((uint16_t)v);
}

static void op_movbe_load(X86Cpu *cpu, const Insn *i)
{
    reg_write(cpu, i->dst, mov_swapped(op_load(cpu, i, i->opsize), i->opsize), i->opsize);
}

static void op_movbe_store(X86Cpu *cpu, const Insn *i)
{
    op_store(cpu, i, mov_swapped(reg_read(cpu, i->src, i->opsize), i->opsize), i->opsize);
}

static InsnFn *sel_movbe(const Decoded *d, Insn *i)
{
    (void)i;
    return op_is_mem(d, 0) ? op_movbe_store : op_movbe_load;
}

static InsnFn *sel_movnti(const Decoded *d, Insn *i)
{
    (void)i;
    return mov_fns[F_MR][op_log2(d->op[1].size)];
}

static void op_xlat(X86Cpu *cpu, const Insn *i)
{
    uint64_t off = cpu->regs[R_RBX] + (uint8_t)cpu->regs[R_RAX];

    off = i->addrsize == 8 ? off : i->addrsize == 4 ? (uint32_t)off : (uint16_t)off;
    *reg8(cpu, 0) = (uint8_t)mem_load(cpu, seg_linear(cpu, i, i->seg, off, 1, ACC_READ), 1);
}

static void op_lahf(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    *reg8(cpu, 1) = (uint8_t)(flags_compute(cpu) | 2);
}

static void op_sahf(X86Cpu *cpu, const Insn *i)
{
    uint32_t low = FL_SF | FL_ZF | FL_AF | FL_PF | FL_CF;

    (void)i;
    flags_set(cpu, (flags_compute(cpu) & ~low) | (*reg8(cpu, 1) & low));
}

static void op_salc(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    *reg8(cpu, 0) = op_cf(cpu) ? 0xff : 0;
}

const OpRow ops_mov[] = {
    { "mov", NULL, sel_mov, 0 }, { "movzx", NULL, sel_movzx, 0 }, { "movsx", NULL, sel_movsx, 0 },
    { "movsxd", NULL, sel_movsx, 0 }, { "lea", NULL, sel_lea, 0 }, { "xchg", NULL, sel_xchg, 0 },
    { "cmovo", op_cmov0, NULL, 0 }, { "cmovno", op_cmov1, NULL, 0 }, { "cmovb", op_cmov2, NULL, 0 },
    { "cmovnb", op_cmov3, NULL, 0 }, { "cmovz", op_cmov4, NULL, 0 }, { "cmovnz", op_cmov5, NULL, 0 },
    { "cmovbe", op_cmov6, NULL, 0 }, { "cmovnbe", op_cmov7, NULL, 0 }, { "cmovs", op_cmov8, NULL, 0 },
    { "cmovns", op_cmov9, NULL, 0 }, { "cmovp", op_cmov10, NULL, 0 }, { "cmovnp", op_cmov11, NULL, 0 },
    { "cmovl", op_cmov12, NULL, 0 }, { "cmovnl", op_cmov13, NULL, 0 }, { "cmovle", op_cmov14, NULL, 0 },
    { "cmovnle", op_cmov15, NULL, 0 },
    { "seto", op_setcc0, NULL, 0 }, { "setno", op_setcc1, NULL, 0 }, { "setb", op_setcc2, NULL, 0 },
    { "setnb", op_setcc3, NULL, 0 }, { "setz", op_setcc4, NULL, 0 }, { "setnz", op_setcc5, NULL, 0 },
    { "setbe", op_setcc6, NULL, 0 }, { "setnbe", op_setcc7, NULL, 0 }, { "sets", op_setcc8, NULL, 0 },
    { "setns", op_setcc9, NULL, 0 }, { "setp", op_setcc10, NULL, 0 }, { "setnp", op_setcc11, NULL, 0 },
    { "setl", op_setcc12, NULL, 0 }, { "setnl", op_setcc13, NULL, 0 }, { "setle", op_setcc14, NULL, 0 },
    { "setnle", op_setcc15, NULL, 0 },
    { "cbw", op_cbw, NULL, 0 }, { "cwde", op_cbw, NULL, 0 }, { "cdqe", op_cbw, NULL, 0 }, { "cwd", op_cwd, NULL, 0 },
    { "cdq", op_cwd, NULL, 0 }, { "cqo", op_cwd, NULL, 0 }, { "bswap", op_bswap, NULL, 0 }, { "movbe", NULL, sel_movbe, 0 },
    { "movnti", NULL, sel_movnti, 0 }, { "movdiri", NULL, sel_movnti, 0 }, { "xlat", op_xlat, NULL, 0 },
    { "lahf", op_lahf, NULL, 0 }, { "sahf", op_sahf, NULL, 0 }, { "salc", op_salc, NULL, 0 },
    { NULL, NULL, NULL, 0 },
};
