/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Near JMP, CALL, RET, Jcc, JCXZ, LOOP (SDM vol. 2).  Far ones, INT and IRET are in the system files.  vCPU thread; called through
 * Insn.fn; all are INSN_BRANCH and set regs[R_RIP].
 */
#include "util/osdep.h"
#include "target/i386/op-atomic.h"
#include "target/i386/ops-int.h"

void op_check_target(X86Cpu *cpu, const Insn *i, uint64_t target)
{
    (void)i;
    if (cpu->mode & MODE_CODE64) {
        if (!op_canonical(target)) {
            x86_raise_gp0(cpu);
        }
    } else if (target > cpu->seg[SEG_CS].limit) {
        x86_raise_gp0(cpu);
    }
}

static inline uint64_t branch_cut(uint64_t target, unsigned opsize)
{
    return opsize == 8 ? target : opsize == 4 ? (uint32_t)target : (uint16_t)target;
}

static void branch_to(X86Cpu *cpu, const Insn *i, uint64_t target)
{
    target = branch_cut(target, i->opsize);
    op_check_target(cpu, i, target);
    cpu->regs[R_RIP] = target;
}

static inline uint64_t branch_relative(const X86Cpu *cpu, const Insn *i)
{
    return cpu->regs[R_RIP] + i->off + i->len + i->imm;
}

/*
 * In 64-bit code (suffix 64), disp is the distance of a relative branch's target from the block's start.  A target that is not
 * canonical can only come from a branch near the end of the canonical range: the selectors cannot see that, so it is checked.
 */
static inline void branch_near64(X86Cpu *cpu, const Insn *i)
{
    uint64_t target = cpu->regs[R_RIP] + (int64_t)i->disp;

    if (G_UNLIKELY(!op_canonical(target))) {
        x86_raise_gp0(cpu);
    }
    cpu->regs[R_RIP] = target;
}

static bool branch_is_long(const Decoded *d, Insn *i)
{
    int64_t dist = (int64_t)i->imm + i->off + i->len;

    if (!(d->mode & MODE_CODE64) || d->opsize != 8 || dist != (int32_t)dist) {
        return false;
    }
    i->disp = (int32_t)dist;
    return true;
}

OP_INLINE void jcc(X86Cpu *cpu, const Insn *i, unsigned cc)
{
    if (op_condition(cpu, cc)) {
        branch_to(cpu, i, branch_relative(cpu, i));
    } else {
        cpu->regs[R_RIP] = insn_next_rip(cpu, i);
    }
}

OP_INLINE void jcc64(X86Cpu *cpu, const Insn *i, unsigned cc)
{
    if (op_condition(cpu, cc)) {
        branch_near64(cpu, i);
    } else {
        cpu->regs[R_RIP] += (uint64_t)i->off + i->len;
    }
}

#define BRANCH_CC(n)                                                                               \
    static void op_jcc##n(X86Cpu *cpu, const Insn *i) { jcc(cpu, i, n); }                           \
    static void op_jcc64_##n(X86Cpu *cpu, const Insn *i) { jcc64(cpu, i, n); }                      \
    static InsnFn *sel_jcc##n(const Decoded *d, Insn *i) { return branch_is_long(d, i) ? op_jcc64_##n : op_jcc##n; }
BRANCH_CC(0) BRANCH_CC(1) BRANCH_CC(2) BRANCH_CC(3) BRANCH_CC(4) BRANCH_CC(5) BRANCH_CC(6) BRANCH_CC(7)
BRANCH_CC(8) BRANCH_CC(9) BRANCH_CC(10) BRANCH_CC(11) BRANCH_CC(12) BRANCH_CC(13) BRANCH_CC(14) BRANCH_CC(15)

static void op_jmp_rel(X86Cpu *cpu, const Insn *i)
{
    branch_to(cpu, i, branch_relative(cpu, i));
}

static void op_jmp_rel64(X86Cpu *cpu, const Insn *i)
{
    branch_near64(cpu, i);
}

static void op_jmp_rm(X86Cpu *cpu, const Insn *i)
{
    branch_to(cpu, i, op_rm(cpu, i, i->dst, i->opsize));
}

/* Near forms only: EA and FF /5 are far. */
static bool branch_is_far(const Decoded *d, const Insn *i)
{
    return d->op[0].kind == OPND_FAR || (d->opcode == 0xff && (i->modrm_reg == 5 || i->modrm_reg == 3));
}

static InsnFn *sel_jmp(const Decoded *d, Insn *i)
{
    if (branch_is_far(d, i)) {
        return NULL;
    }
    return d->op[0].kind != OPND_REL ? op_jmp_rm : branch_is_long(d, i) ? op_jmp_rel64 : op_jmp_rel;
}

static void branch_call(X86Cpu *cpu, const Insn *i, uint64_t target)
{
    target = branch_cut(target, i->opsize);
    op_check_target(cpu, i, target);
    op_push(cpu, i, insn_next_rip(cpu, i), i->opsize);
    cpu->regs[R_RIP] = target;
}

static void op_call_rel(X86Cpu *cpu, const Insn *i)
{
    branch_call(cpu, i, branch_relative(cpu, i));
}

static void op_call_rel64(X86Cpu *cpu, const Insn *i)
{
    uint64_t sp = cpu->regs[R_RSP] - 8, target = cpu->regs[R_RIP] + (int64_t)i->disp;

    if (G_UNLIKELY(!op_canonical(target))) {
        x86_raise_gp0(cpu);
    }
    mem_store(cpu, sp, cpu->regs[R_RIP] + i->off + i->len, 8);
    cpu->regs[R_RSP] = sp;
    cpu->regs[R_RIP] = target;
}

static void op_call_rm(X86Cpu *cpu, const Insn *i)
{
    branch_call(cpu, i, op_rm(cpu, i, i->dst, i->opsize));
}

static InsnFn *sel_call(const Decoded *d, Insn *i)
{
    if (branch_is_far(d, i)) {
        return NULL;
    }
    if (!(i->flags & INSN_MEM)) {
        i->seg = SEG_SS;
    }
    return d->op[0].kind != OPND_REL ? op_call_rm : branch_is_long(d, i) ? op_call_rel64 : op_call_rel;
}

static void op_ret(X86Cpu *cpu, const Insn *i)
{
    uint64_t target = op_peek(cpu, i, i->opsize);

    op_check_target(cpu, i, target);
    op_set_sp(cpu, cpu->regs[R_RSP] + i->opsize + (uint16_t)i->imm);
    cpu->regs[R_RIP] = target;
}

static void op_ret64(X86Cpu *cpu, const Insn *i)
{
    uint64_t target = mem_load(cpu, cpu->regs[R_RSP], 8);

    (void)i;
    if (G_UNLIKELY(!op_canonical(target))) {
        x86_raise_gp0(cpu);
    }
    cpu->regs[R_RSP] += 8;
    cpu->regs[R_RIP] = target;
}

static InsnFn *sel_ret(const Decoded *d, Insn *i)
{
    if ((d->opcode & 0xfe) != 0xc2) {
        return NULL; /* CA, CB: far */
    }
    i->seg = SEG_SS;
    return d->opcode == 0xc3 && (d->mode & MODE_CODE64) && d->opsize == 8 ? op_ret64 : op_ret;
}

/* --- loops on rCX, whose width is the address size --- */

static inline uint64_t branch_count(const X86Cpu *cpu, const Insn *i)
{
    return reg_read(cpu, R_RCX * 8, i->addrsize);
}

static void branch_if(X86Cpu *cpu, const Insn *i, bool taken)
{
    if (taken) {
        branch_to(cpu, i, branch_relative(cpu, i));
    } else {
        cpu->regs[R_RIP] = insn_next_rip(cpu, i);
    }
}

static void op_jcxz(X86Cpu *cpu, const Insn *i)
{
    branch_if(cpu, i, branch_count(cpu, i) == 0);
}

/* The count changes only when the branch does not fault. */
static void branch_loop(X86Cpu *cpu, const Insn *i, bool condition)
{
    uint64_t n = branch_cut(branch_count(cpu, i) - 1, i->addrsize);

    branch_if(cpu, i, n != 0 && condition);
    reg_write(cpu, R_RCX * 8, n, i->addrsize);
}

static void op_loop(X86Cpu *cpu, const Insn *i)
{
    branch_loop(cpu, i, true);
}

static void op_loope(X86Cpu *cpu, const Insn *i)
{
    branch_loop(cpu, i, flags_compute(cpu) & FL_ZF);
}

static void op_loopne(X86Cpu *cpu, const Insn *i)
{
    branch_loop(cpu, i, !(flags_compute(cpu) & FL_ZF));
}

const OpRow ops_branch[] = {
    { "jo", NULL, sel_jcc0, INSN_BRANCH }, { "jno", NULL, sel_jcc1, INSN_BRANCH }, { "jb", NULL, sel_jcc2, INSN_BRANCH },
    { "jnb", NULL, sel_jcc3, INSN_BRANCH }, { "jz", NULL, sel_jcc4, INSN_BRANCH }, { "jnz", NULL, sel_jcc5, INSN_BRANCH },
    { "jbe", NULL, sel_jcc6, INSN_BRANCH }, { "jnbe", NULL, sel_jcc7, INSN_BRANCH }, { "js", NULL, sel_jcc8, INSN_BRANCH },
    { "jns", NULL, sel_jcc9, INSN_BRANCH }, { "jp", NULL, sel_jcc10, INSN_BRANCH }, { "jnp", NULL, sel_jcc11, INSN_BRANCH },
    { "jl", NULL, sel_jcc12, INSN_BRANCH }, { "jnl", NULL, sel_jcc13, INSN_BRANCH }, { "jle", NULL, sel_jcc14, INSN_BRANCH },
    { "jnle", NULL, sel_jcc15, INSN_BRANCH },
    { "jmp", NULL, sel_jmp, INSN_BRANCH }, { "call", NULL, sel_call, INSN_BRANCH }, { "ret", NULL, sel_ret, INSN_BRANCH },
    { "jcxz", op_jcxz, NULL, INSN_BRANCH }, { "jecxz", op_jcxz, NULL, INSN_BRANCH }, { "jrcxz", op_jcxz, NULL, INSN_BRANCH },
    { "loop", op_loop, NULL, INSN_BRANCH }, { "loope", op_loope, NULL, INSN_BRANCH }, { "loopne", op_loopne, NULL, INSN_BRANCH },
    { NULL, NULL, NULL, 0 },
};
