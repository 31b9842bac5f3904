/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Near JMP, Jcc, CALL, RET, JCXZ, LOOP (SDM vol. 2) of the natural operand size. */
#include "util/osdep.h"
#include "accel/jit/translate.h"

/* Out of the lower half of the addresses, or the upper one: seen from where the block was first met.  The C function raises the fault. */
static bool branch_leaves(const JitTr *t, const JitInsn *j)
{
    int64_t rel = jit_branch_rel(j), target = (int64_t)(t->lin + (uint64_t)rel);

    return jit_code64(t) && j->d.op[0].kind == OPND_REL && target << 16 >> 16 != target;
}

static bool branch_natural(const JitTr *t, const JitInsn *j)
{
    return j->d.opsize == (jit_code64(t) ? 8 : 4) && !branch_leaves(t, j);
}

/* Around: what is emitted between is skipped when the host's @cc holds. */
static void branch_exit_unless(JitTr *t, JitInsn *j, uint8_t *skip)
{
    bool host = t->fl_host, mem = t->fl_mem;

    jit_exit_to(t, j, jit_branch_rel(j), j->live_target);
    emit_patch(skip, t->e->to_rx, emit_rx(t->e));
    t->fl_host = host;
    t->fl_mem = mem;
}

static bool branch_jcc(JitTr *t, JitInsn *j)
{
    if (!branch_natural(t, j)) {
        return false;
    }
    jit_keep(t);
    jit_flags_for(t, j);
    if (!jit_exit_if(t, j, j->d.opcode & 15)) {
        branch_exit_unless(t, j, emit_jcc_later(t->e, (j->d.opcode & 15) ^ 1));
    }
    return true;
}

static bool branch_jmp_indirect(JitTr *t, JitInsn *j)
{
    const Decoded *d = &j->d;
    unsigned size = d->opsize;

    if (d->op[0].kind == OPND_MEM) {
        if (!jit_addr_ok(t, j)) {
            return false;
        }
        emit_rm(t->e, 0x8b, S0, jit_mem(t, j, size, ACC_READ), size == 8);
    } else if (d->op[0].kind == OPND_GPR) {
        unsigned h = jit_reg_host(d->op[0].reg >> 3);

        if (h == H_NONE) {
            emit_rm(t->e, 0x8b, S0, jit_reg_mem(d->op[0].reg >> 3), size == 8);
        } else {
            emit_rr(t->e, 0x8b, S0, h, size == 8);
        }
    } else {
        return false;
    }
    jit_flags_before_clobber(t, j);
    jit_exit_indirect(t, jit_slot(t, j), t->jit->call_c, 0);
    return true;
}

static bool is_far(const JitInsn *j)
{
    return j->d.op[0].kind == OPND_FAR || (j->d.opcode == 0xff && (j->i.modrm_reg == 3 || j->i.modrm_reg == 5));
}

static bool branch_jmp(JitTr *t, JitInsn *j)
{
    if (is_far(j) || !branch_natural(t, j)) {
        return false;
    }
    if (j->d.op[0].kind != OPND_REL) {
        return branch_jmp_indirect(t, j);
    }
    jit_exit_to(t, j, jit_branch_rel(j), j->live_target);
    return true;
}

/* The address of the next instruction goes below RSP, which stays.  @noted: what was there can be put back, should the target be none. */
static void push_next(JitTr *t, JitInsn *j, bool noted)
{
    bool w = jit_code64(t);
    int size = w ? 8 : 4;
    HostMem m = jit_mem_stack(t, j, -size, (unsigned)size, ACC_WRITE);

    if (noted && w) {
        emit_rm(t->e, 0x8b, S2, m, true);
        emit_rm(t->e, 0x89, S2, JIT_FIELD(jit_below), true);
    }
    emit_rm(t->e, 0x8b, S2, jit_reg_mem(R_RIP), true);
    emit_rm(t->e, 0x8d, S2, host_mem(S2, j->i.off + j->i.len), w); /* flags may be live */
    emit_rm(t->e, 0x89, S2, m, w);
}

static bool branch_call_indirect(JitTr *t, JitInsn *j)
{
    const Decoded *d = &j->d;
    unsigned size = d->opsize;

    if (d->op[0].kind == OPND_MEM) {
        if (!jit_addr_ok(t, j)) {
            return false;
        }
        emit_rm(t->e, 0x8b, S2, jit_mem(t, j, size, ACC_READ), size == 8);
        emit_rm(t->e, 0x89, S2, JIT_FIELD(jit_tmp), true);
    } else if (d->op[0].kind != OPND_GPR) {
        return false;
    }
    push_next(t, j, true);
    if (d->op[0].kind == OPND_MEM) {
        emit_rm(t->e, 0x8b, S0, JIT_FIELD(jit_tmp), true);
    } else {
        unsigned h = jit_reg_host(d->op[0].reg >> 3);

        if (h == H_NONE) {
            emit_rm(t->e, 0x8b, S0, jit_reg_mem(d->op[0].reg >> 3), size == 8);
        } else {
            emit_rr(t->e, 0x8b, S0, h, size == 8);
        }
    }
    jit_flags_before_clobber(t, j);
    jit_exit_indirect(t, jit_slot(t, j), t->jit->call_finish, -(int32_t)size);
    return true;
}

static bool branch_call(JitTr *t, JitInsn *j)
{
    int size = j->d.opsize;

    if (is_far(j) || !branch_natural(t, j)) {
        return false;
    }
    if (j->d.op[0].kind != OPND_REL) {
        return branch_call_indirect(t, j);
    }
    push_next(t, j, false);
    emit_rm(t->e, 0x8d, G_SP, host_mem(G_SP, -size), jit_code64(t));
    jit_exit_to(t, j, jit_branch_rel(j), j->live_target);
    return true;
}

static bool branch_ret(JitTr *t, JitInsn *j)
{
    unsigned size = j->d.opsize;

    if ((j->d.opcode & 0xfe) != 0xc2 || !branch_natural(t, j)) {
        return false;
    }
    emit_rm(t->e, 0x8b, S0, jit_mem_stack(t, j, 0, size, ACC_READ), size == 8);
    jit_flags_before_clobber(t, j);
    jit_exit_indirect(t, jit_slot(t, j), t->jit->call_c, (int32_t)(size + (uint16_t)(j->d.opcode == 0xc2 ? j->i.imm : 0)));
    return true;
}

/* Loops on RCX: the flags, which these leave alone, are in memory afterwards. */
static bool branch_jcxz(JitTr *t, JitInsn *j)
{
    Emit *e = t->e;

    if (!branch_natural(t, j) || j->i.addrsize < 4) {
        return false;
    }
    jit_flags_before_clobber(t, j);
    emit_rr(e, 0x85, H_RCX, H_RCX, j->i.addrsize == 8);
    branch_exit_unless(t, j, emit_jcc_later(e, CC_NE));
    return true;
}

static bool branch_loop(JitTr *t, JitInsn *j)
{
    Emit *e = t->e;

    if (!branch_natural(t, j) || j->i.addrsize < 4) {
        return false;
    }
    jit_flags_before_clobber(t, j);
    emit_ri(e, 5, H_RCX, 1, j->i.addrsize == 8);
    branch_exit_unless(t, j, emit_jcc_later(e, CC_E));
    return true;
}

const JitRow jit_rows_branch[] = {
    JIT_ROW("jo", branch_jcc), JIT_ROW("jno", branch_jcc), JIT_ROW("jb", branch_jcc), JIT_ROW("jnb", branch_jcc),
    JIT_ROW("jz", branch_jcc), JIT_ROW("jnz", branch_jcc), JIT_ROW("jbe", branch_jcc), JIT_ROW("jnbe", branch_jcc),
    JIT_ROW("js", branch_jcc), JIT_ROW("jns", branch_jcc), JIT_ROW("jp", branch_jcc), JIT_ROW("jnp", branch_jcc),
    JIT_ROW("jl", branch_jcc), JIT_ROW("jnl", branch_jcc), JIT_ROW("jle", branch_jcc), JIT_ROW("jnle", branch_jcc),
    { "jmp", branch_jmp, JIT_ENDS, STACK_NONE }, { "call", branch_call, JIT_ENDS, STACK_PUSH }, { "ret", branch_ret, JIT_ENDS, STACK_POP },
    JIT_ROW("jcxz", branch_jcxz), JIT_ROW("jecxz", branch_jcxz), JIT_ROW("jrcxz", branch_jcxz), JIT_ROW("loop", branch_loop),
    { NULL, NULL, JIT_AS_DECODED, STACK_NONE },
};
