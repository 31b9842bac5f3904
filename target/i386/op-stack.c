/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PUSH, POP, PUSHA, POPA, ENTER, LEAVE (SDM vol. 2).  PUSH and POP of segment registers and flags: system files.
 * vCPU thread; called through Insn.fn.
 */
#include "util/osdep.h"
#include "target/i386/op-atomic.h"
#include "target/i386/ops-int.h"

static void op_push_r64(X86Cpu *cpu, const Insn *i)
{
    uint64_t sp = cpu->regs[R_RSP] - 8;

    mem_store(cpu, sp, *(const uint64_t *)((const uint8_t *)cpu->regs + i->dst), 8);
    cpu->regs[R_RSP] = sp;
}

static void op_pop_r64(X86Cpu *cpu, const Insn *i)
{
    uint64_t v = mem_load(cpu, cpu->regs[R_RSP], 8);

    cpu->regs[R_RSP] += 8;
    *(uint64_t *)((uint8_t *)cpu->regs + i->dst) = v;
}

static void op_push_reg(X86Cpu *cpu, const Insn *i)
{
    op_push(cpu, i, reg_read(cpu, i->dst, i->opsize), i->opsize);
}

static void op_push_mem(X86Cpu *cpu, const Insn *i)
{
    op_push(cpu, i, op_load(cpu, i, i->opsize), i->opsize);
}

static void op_push_imm(X86Cpu *cpu, const Insn *i)
{
    op_push(cpu, i, i->imm, i->opsize);
}

static InsnFn *sel_push(const Decoded *d, Insn *i)
{
    if (d->op[0].kind == OPND_MEM) {
        return op_push_mem;
    }
    if (d->op[0].kind != OPND_GPR && d->op[0].kind != OPND_IMM) {
        return NULL;
    }
    i->seg = SEG_SS;
    if (d->op[0].kind == OPND_IMM) {
        return op_push_imm;
    }
    return (d->mode & MODE_CODE64) && d->opsize == 8 ? op_push_r64 : op_push_reg;
}

static void op_pop_reg(X86Cpu *cpu, const Insn *i)
{
    uint64_t v = op_peek(cpu, i, i->opsize);

    op_set_sp(cpu, cpu->regs[R_RSP] + i->opsize);
    reg_write(cpu, i->dst, v, i->opsize);
}

/* The address is computed with RSP already moved (SDM: POP); a fault puts it back. */
static void op_pop_mem(X86Cpu *cpu, const Insn *i)
{
    uint64_t v = op_peek(cpu, i, i->opsize), old = cpu->regs[R_RSP], ea;

    op_set_sp(cpu, old + i->opsize);
    ea = insn_ea(cpu, i);
    cpu->regs[R_RSP] = old;
    mem_store(cpu, seg_linear(cpu, i, i->seg, ea, i->opsize, ACC_WRITE), v, i->opsize);
    op_set_sp(cpu, old + i->opsize);
}

static InsnFn *sel_pop(const Decoded *d, Insn *i)
{
    if (d->op[0].kind == OPND_MEM) {
        return op_pop_mem;
    }
    if (d->op[0].kind != OPND_GPR) {
        return NULL;
    }
    i->seg = SEG_SS;
    return (d->mode & MODE_CODE64) && d->opsize == 8 ? op_pop_r64 : op_pop_reg;
}

/* An access to the stack at SP + @delta, wrapped like the stack pointer. */
static uint64_t stack_at(X86Cpu *cpu, const Insn *i, uint64_t sp, int delta, unsigned size, MemAccess acc)
{
    uint64_t off = (sp + (uint64_t)(int64_t)delta) & op_stack_mask(cpu);

    return seg_linear(cpu, i, SEG_SS, off, size, acc);
}

/* Every place is checked before the first is written. */
static void op_pusha(X86Cpu *cpu, const Insn *i)
{
    unsigned size = i->opsize;
    uint64_t sp = cpu->regs[R_RSP], lin[8];

    for (unsigned r = 0; r < 8; r++) {
        lin[r] = stack_at(cpu, i, sp, -(int)((r + 1) * size), size, ACC_WRITE);
        mem_probe(cpu, lin[r], size, ACC_WRITE);
    }
    for (unsigned r = 0; r < 8; r++) {
        mem_store(cpu, lin[r], reg_read(cpu, (uint8_t)(r * 8), size), size);
    }
    op_set_sp(cpu, sp - 8 * size);
}

static void op_popa(X86Cpu *cpu, const Insn *i)
{
    unsigned size = i->opsize;
    uint64_t sp = cpu->regs[R_RSP], v[8];

    for (unsigned r = 0; r < 8; r++) {
        v[7 - r] = mem_load(cpu, stack_at(cpu, i, sp, (int)(r * size), size, ACC_READ), size);
    }
    for (unsigned r = 0; r < 8; r++) {
        if (r != R_RSP) {
            reg_write(cpu, (uint8_t)(r * 8), v[r], size);
        }
    }
    op_set_sp(cpu, sp + 8 * size);
}

/* imm: size | level << 16.  Nothing changes but memory until the last access has passed. */
static void op_enter(X86Cpu *cpu, const Insn *i)
{
    unsigned size = i->opsize, level = (i->imm >> 16) & 31, alloc = (uint16_t)i->imm;
    uint64_t sp = cpu->regs[R_RSP], bp = cpu->regs[R_RBP], mask = op_stack_mask(cpu), frame;

    sp -= size;
    mem_store(cpu, stack_at(cpu, i, sp, 0, size, ACC_WRITE), reg_read(cpu, R_RBP * 8, size), size);
    frame = sp;
    for (unsigned k = 1; k < level; k++) {
        bp -= size;
        sp -= size;
        uint64_t v = mem_load(cpu, seg_linear(cpu, i, SEG_SS, bp & mask, size, ACC_READ), size);
        mem_store(cpu, stack_at(cpu, i, sp, 0, size, ACC_WRITE), v, size);
    }
    if (level) {
        sp -= size;
        mem_store(cpu, stack_at(cpu, i, sp, 0, size, ACC_WRITE), frame & mask, size);
    }
    sp -= alloc;
    mem_probe(cpu, stack_at(cpu, i, sp, 0, size, ACC_WRITE), size, ACC_WRITE);
    if (size == 2) { /* BP only, whatever the stack's width (measured; AMD's manual, vol. 3) */
        mask = UINT16_MAX;
    }
    cpu->regs[R_RBP] = mask == UINT16_MAX ? (cpu->regs[R_RBP] & ~mask) | (frame & mask) : frame & mask;
    op_set_sp(cpu, sp);
}

static InsnFn *sel_enter(const Decoded *d, Insn *i)
{
    i->imm = (uint16_t)i->imm | (d->imm2 & 0xff) << 16;
    i->seg = SEG_SS;
    return op_enter;
}

static void op_leave(X86Cpu *cpu, const Insn *i)
{
    uint64_t bp = cpu->regs[R_RBP] & op_stack_mask(cpu);
    uint64_t v = mem_load(cpu, seg_linear(cpu, i, SEG_SS, bp, i->opsize, ACC_READ), i->opsize);

    op_set_sp(cpu, bp + i->opsize);
    reg_write(cpu, R_RBP * 8, v, i->opsize);
}

static InsnFn *sel_leave(const Decoded *d, Insn *i)
{
    (void)d;
    i->seg = SEG_SS;
    return op_leave;
}

const OpRow ops_stack[] = {
    { "push", NULL, sel_push, 0 }, { "pop", NULL, sel_pop, 0 }, { "pusha", op_pusha, NULL, 0 }, { "pushad", op_pusha, NULL, 0 },
    { "popa", op_popa, NULL, 0 }, { "popad", op_popa, NULL, 0 }, { "enter", NULL, sel_enter, 0 }, { "leave", NULL, sel_leave, 0 },
    { NULL, NULL, NULL, 0 },
};
