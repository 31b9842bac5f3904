/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PUSH, POP, LEAVE (SDM vol. 2): RSP moves when nothing can fail any more. */
#include "util/osdep.h"
#include "accel/jit/translate.h"

/* Only the stack's own width: 8 bytes in 64-bit code, 4 in 32-bit code. */
static bool stack_natural(const JitTr *t, const JitInsn *j)
{
    return j->d.opsize == (jit_code64(t) ? 8 : 4);
}

static void stack_move(JitTr *t, int by)
{
    emit_rm(t->e, 0x8d, G_SP, host_mem(G_SP, by), jit_code64(t));
}

static bool stack_push(JitTr *t, JitInsn *j)
{
    const Decoded *d = &j->d;
    int size = d->opsize;
    bool w = size == 8;

    if (!stack_natural(t, j)) {
        return false;
    }
    if (d->op[0].kind == OPND_MEM) {
        if (!jit_addr_ok(t, j)) {
            return false;
        }
        emit_rm(t->e, 0x8b, S2, jit_mem(t, j, (unsigned)size, ACC_READ), w);
        emit_rm(t->e, 0x89, S2, JIT_FIELD(jit_tmp), true);
        HostMem m = jit_mem_stack(t, j, -size, (unsigned)size, ACC_WRITE);

        emit_rm(t->e, 0x8b, S2, JIT_FIELD(jit_tmp), true);
        emit_rm(t->e, 0x89, S2, m, w);
    } else if (d->op[0].kind == OPND_GPR) {
        unsigned g = d->op[0].reg >> 3, h = jit_reg_host(g);

        jit_keep(t);
        HostMem m = jit_mem_stack(t, j, -size, (unsigned)size, ACC_WRITE);

        if (h == H_NONE) {
            h = S2;
            if (t->kept != g) {
                jit_keep_in(t, g);
                emit_rm(t->e, 0x8b, S2, jit_reg_mem(g), true);
            }
        }
        emit_rm(t->e, 0x89, h, m, w);
    } else if (d->op[0].kind == OPND_IMM) {
        HostOp o = { .opcode = 0xc7, .w = w, .is_mem = true, .imm_len = 4 };

        st_le32(o.imm, (uint32_t)j->i.imm);
        o.mem = jit_mem_stack(t, j, -size, (unsigned)size, ACC_WRITE);
        emit_op(t->e, &o);
    } else {
        return false;
    }
    stack_move(t, -size);
    return true;
}

static bool stack_pop(JitTr *t, JitInsn *j)
{
    const Decoded *d = &j->d;
    unsigned g = d->op[0].reg >> 3, h;

    if (!stack_natural(t, j) || d->op[0].kind != OPND_GPR) {
        return false;
    }
    h = jit_reg_host(g);
    jit_keep(t);
    HostMem m = jit_mem_stack(t, j, 0, d->opsize, ACC_READ);

    emit_rm(t->e, 0x8b, h == H_NONE ? (unsigned)S2 : h, m, d->opsize == 8);
    if (h == H_NONE) {
        emit_rm(t->e, 0x89, S2, jit_reg_mem(g), true);
        jit_keep_in(t, g);
    }
    if (g != R_RSP) {
        stack_move(t, d->opsize);
    }
    return true;
}

static bool stack_leave(JitTr *t, JitInsn *j)
{
    Emit *e = t->e;

    if (!stack_natural(t, j)) {
        return false;
    }
    HostMem m = jit_mem_at(t, j, R_RBP, j->d.opsize, ACC_READ);

    emit_rm(e, 0x8d, G_SP, host_mem(H_RBP, j->d.opsize), jit_code64(t));
    emit_rm(e, 0x8b, H_RBP, m, j->d.opsize == 8);
    return true;
}

const JitRow jit_rows_stack[] = {
    { "push", stack_push, JIT_AS_DECODED, STACK_PUSH }, { "pop", stack_pop, JIT_AS_DECODED, STACK_POP },
    { "leave", stack_leave, JIT_AS_DECODED, STACK_LEAVE },
    { NULL, NULL, JIT_AS_DECODED, STACK_NONE },
};
