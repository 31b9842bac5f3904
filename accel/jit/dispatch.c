/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ways out of a block.  A target in the same page is a direct jump, patched once the block there exists: who runs this page has
 * the page mapped.  All other targets go through the TLB's exec tag, which gives the host address of the guest's bytes, and a
 * table from such addresses to code: so nothing here depends on which linear address means what, and TLB flushes need not tell
 * the translator.  Events are polled on jumps backwards and on everything indirect.
 */
#include "util/osdep.h"
#include "accel/jit/translate.h"

bool jit_target_in_page(const JitTr *t, int64_t rel)
{
    (void)t;
    return rel >= 0 && rel < 0x1000;
}

/* Out of line: "rsp + @rel is the next RIP": to the helper that finds or makes the block. */
static void exit_stub(JitTr *t, JitExit *x)
{
    emit_mov_imm(t->cold, S1, (uintptr_t)x);
    emit_jmp(t->cold, t->jit->link);
}

/* Events wait: RIP becomes exact, and the run loop takes them. */
static void poll(JitTr *t, int64_t rel)
{
    Emit *e = t->e;

    emit_op(e, &(HostOp){ .opcode = 0x83, .reg = 7, .is_mem = true, .mem = JIT_FIELD(vcpu.events), .imm_len = 1 });
    emit_jcc(e, CC_NE, emit_rx(t->cold));
    emit_rm(t->cold, 0x8b, S0, jit_reg_mem(R_RIP), true);
    emit_ri(t->cold, 0, S0, (int32_t)rel, true);
    emit_jmp(t->cold, t->jit->leave);
}

void jit_exit_to(JitTr *t, JitInsn *j, int64_t rel, uint16_t live)
{
    bool in_page = jit_target_in_page(t, rel);

    if (live && !t->fl_mem) {
        jit_flags_save(t, t->e);
    }
    if (!in_page) {
        if (rel == (int32_t)rel) {
            emit_rm(t->e, 0x8b, S0, jit_reg_mem(R_RIP), true);
            emit_rm(t->e, 0x8d, S0, host_mem(S0, (int32_t)rel), jit_code64(t));
        } else {
            emit_mov_imm(t->e, S0, (uint64_t)rel);
            emit_rm(t->e, 0x03, S0, jit_reg_mem(R_RIP), jit_code64(t));
        }
        jit_exit_indirect(t, NULL, NULL, 0);
        return;
    }
    if (!j || rel <= j->i.off) {
        poll(t, rel);
    }
    JitExit *x = &t->exits[t->exit_count++]; /* moved into the block when that is complete: the stub names its place there */

    x->page_off = (uint16_t)rel;
    x->site = emit_jmp_later(t->e);
    x->stub = emit_rx(t->cold);
    emit_patch(x->site, t->e->to_rx, x->stub);
    exit_stub(t, &t->b->exits[t->exit_count - 1]);
}

void jit_exit_indirect(JitTr *t, const JitSlot *slot, const uint8_t *slow, int32_t pop)
{
    Emit *e = t->e;
    const uint8_t *not_here;

    not_here = emit_rx(t->cold); /* S0 is the target: by the helper */
    if (slot) {
        jit_cold_jump(t, slot, slow);
    } else {
        emit_jmp(t->cold, t->jit->dispatch);
    }
    emit_op(e, &(HostOp){ .opcode = 0x83, .reg = 7, .is_mem = true, .mem = JIT_FIELD(vcpu.events), .imm_len = 1 });
    emit_jcc(e, CC_NE, not_here);
    emit_rr(e, 0x8b, S1, S0, true);
    emit_shift(e, 5, S1, 12 - TLB_ENTRY_SHIFT, true);
    emit_rm(e, 0x23, S1, JIT_FIELD(tlb_mask), true);
    emit_rm(e, 0x03, S1, JIT_FIELD(tlb), true);
    emit_rr(e, 0x8b, S2, S0, true);
    emit_ri(e, 4, S2, -4096, true);
    emit_rm(e, 0x3b, S2, host_mem(S1, (int32_t)offsetof(TlbEntry, exec)), true);
    emit_jcc(e, CC_NE, not_here);
    if (pop) {
        emit_rm(e, 0x8d, G_SP, host_mem(G_SP, pop), jit_code64(t));
    }
    emit_rm(e, 0x89, S2, jit_reg_mem(R_RIP), true);
    emit_rm(e, 0x03, S0, host_mem(S1, (int32_t)offsetof(TlbEntry, addend)), true);
    emit_rr(e, 0x8b, S1, S0, true);
    emit_shift(e, 5, S1, 12, true);
    emit_rr(e, 0x33, S1, S0, false);
    emit_ri(e, 4, S1, (1 << JIT_TABLE_BITS) - 1, false);
    emit_shift(e, 4, S1, JIT_ENTRY_SHIFT, false);
    emit_rm(e, 0x03, S1, JIT_FIELD(jit_table), true);
    emit_rm(e, 0x3b, S0, host_mem(S1, (int32_t)offsetof(JitEntry, host)), true);
    emit_jcc(e, CC_NE, emit_rx(t->cold));
    emit_jmp_mem(e, host_mem(S1, (int32_t)offsetof(JitEntry, code)));
    /* Not in the table: the page offset is the same in both addresses. */
    emit_ri(t->cold, 4, S0, 0xfff, false);
    emit_rm(t->cold, 0x03, S0, jit_reg_mem(R_RIP), true);
    emit_jmp(t->cold, t->jit->dispatch);
}
