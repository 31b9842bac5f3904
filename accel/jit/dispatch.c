/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ways out of a block.  A target in the same page is a direct jump, patched once the block there exists: who runs this page has
 * the page mapped.  Direct jumps to other pages carry a key that says whether they still go where they went.  All other targets
 * are looked for in a small table by linear address (X86Cpu.jit_jumps), whose keys are made with a salt that changes when
 * mappings, mode or blocks do; then, out of line, through the TLB's exec tag, which gives the host address of the guest's bytes,
 * and a table from such addresses to code.  Events are polled where blocks begin, by who comes from behind or by a table.
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

/* At a block's begin.  Events wait: RIP becomes exact, and the run loop takes them. */
void jit_poll(JitTr *t)
{
    Emit *e = t->e, *c = t->cold;

    t->b->polling = emit_rx(e);
    emit_op(e, &(HostOp){ .opcode = 0x83, .opsize16 = true, .reg = 7, .is_mem = true, .mem = JIT_FIELD(vcpu.events), .imm_len = 1 });
    emit_jcc(e, CC_NE, emit_rx(c));
    t->b->code = emit_rx(e);
    g_assert(t->b->code == jit_past_poll(t->b->polling));
    emit_rm(c, 0x8b, S0, jit_reg_mem(R_RIP), true);
    emit_ri(c, 0, S0, t->insns[0].i.off, true);
    emit_jmp(c, t->jit->leave);
}

/*
 * The jump whose displacement is at @site goes to @rel in this page, and there looks for events if it @polls; until then to what is
 * emitted next, out of line.
 */
static JitExit *exit_new(JitTr *t, int64_t rel, uint8_t *site, bool polls)
{
    JitExit *x = jit_cache_alloc(t->chunk, sizeof(*x));

    *x = (JitExit){ .from = t->b, .next = t->b->exits, .rel = (int32_t)rel, .polls = polls, .site = site,
                    .stub = emit_rx(t->cold) };
    t->b->exits = x;
    emit_patch(site, t->e->to_rx, x->stub);
    return x;
}

static void exit_in_page(JitTr *t, const JitInsn *j, int64_t rel, uint8_t *site)
{
    exit_stub(t, exit_new(t, rel, site, rel <= j->i.off));
}

void jit_exit_plain(JitTr *t, JitInsn *j, JitSlot *s)
{
    s->plain = exit_new(t, j->i.off, emit_jmp_later(t->cold), false);
    jit_cold_jump(t, s, t->jit->group_slow);
}

bool jit_exit_if(JitTr *t, JitInsn *j, unsigned cc)
{
    int64_t rel = jit_branch_rel(j);

    if (!jit_target_in_page(t, rel) || t->jit->verify) {
        return false;
    }
    if (j->live_target && !t->fl_mem) {
        emit_jcc(t->e, cc, emit_rx(t->cold));
        jit_flags_save(t, t->cold);
        exit_in_page(t, j, rel, emit_jmp_later(t->cold));
    } else {
        exit_in_page(t, j, rel, emit_jcc_later(t->e, cc));
    }
    return true;
}

enum { JUMP_KEY = 0, JUMP_CODE = 8 };

/* The entry of jit_jumps for the address in S0: half of its offset goes to S1, its key to S2.  @below: the stack is so far below X86Cpu. */
static void jump_entry(Emit *e, unsigned below)
{
    HostMem salt = JIT_FIELD(jit_salt);

    salt.disp += (int32_t)below;
    emit_rm(e, 0x8d, S1, (HostMem){ H_NONE, S0, 3, 0 }, false);
    emit_ri(e, 4, S1, (JIT_JUMPS - 1) << 3, false);
    emit_rm(e, 0x8b, S2, salt, true);
    emit_rr(e, 0x33, S2, S0, true);
}

static HostMem jump_field(size_t field, unsigned below)
{
    return (HostMem){ CPU, S1, 1, (int32_t)(offsetof(X86Cpu, jit_jumps) + field + below) };
}

/* With verify=on: to the run loop, which compares.  A target that is not canonical is the instruction's own fault. */
static void exit_to_loop(JitTr *t, const JitSlot *slot, const uint8_t *slow, int32_t pop)
{
    Emit *e = t->e;

    if (slot && jit_code64(t)) {
        emit_rr(e, 0x8b, S2, S0, true);
        emit_shift(e, 4, S2, 16, true);
        emit_shift(e, 7, S2, 16, true);
        emit_rr(e, 0x3b, S2, S0, true);
        emit_jcc(e, CC_NE, emit_rx(t->cold));
        jit_cold_jump(t, slot, slow);
    }
    if (pop) {
        emit_rm(e, 0x8d, G_SP, host_mem(G_SP, pop), jit_code64(t));
    }
    emit_jmp(e, t->jit->leave);
}

/* Emits out-of-line code for when the table does not know the target in S0: returns where it is. */
static const uint8_t *exit_unknown(JitTr *t, const JitSlot *slot, const uint8_t *slow, int32_t pop)
{
    const uint8_t *full = jit_full_thunk(t->jit, pop), *at = emit_rx(t->cold);

    if (full) {
        emit_call(t->cold, full); /* comes back if it is not there */
    }
    if (slot) {
        jit_cold_jump(t, slot, slow);
    } else {
        emit_jmp(t->cold, t->jit->dispatch);
    }
    return at;
}

static void exit_look_up(const JitTr *t, Emit *e, const uint8_t *unknown, int32_t pop)
{
    jump_entry(e, 0);
    emit_rm(e, 0x3b, S2, jump_field(JUMP_KEY, 0), true);
    emit_jcc(e, CC_NE, unknown);
    if (pop) {
        emit_rm(e, 0x8d, G_SP, host_mem(G_SP, pop), jit_code64(t));
    }
    emit_ri(e, 4, S0, -4096, true);
    emit_rm(e, 0x89, S0, jit_reg_mem(R_RIP), true);
    emit_jmp_mem(e, jump_field(JUMP_CODE, 0));
}

static void exit_by_table(JitTr *t, const JitSlot *slot, const uint8_t *slow, int32_t pop)
{
    if (t->jit->verify) {
        exit_to_loop(t, slot, slow, pop);
    } else {
        exit_look_up(t, t->e, exit_unknown(t, slot, slow, pop), pop);
    }
}

/* The address @rel behind the page's begin to S0. */
static void target_to_s0(const JitTr *t, Emit *e, int64_t rel)
{
    if (rel == (int32_t)rel) {
        emit_rm(e, 0x8b, S0, jit_reg_mem(R_RIP), true);
        emit_rm(e, 0x8d, S0, host_mem(S0, (int32_t)rel), jit_code64(t));
    } else {
        emit_mov_imm(e, S0, (uint64_t)rel);
        emit_rm(e, 0x03, S0, jit_reg_mem(R_RIP), jit_code64(t));
    }
}

/*
 * To another page.  The same page of code may be mapped at several addresses, and what is mapped @rel behind it may change: the jump
 * carries the key under which it was linked, made of the address of this page and of the salt, which is another one when mappings, mode or
 * blocks have changed.  Without a key that holds it goes by the table, and sometimes to be linked: two processes that share code would
 * otherwise link it for ever.
 */
static void exit_far(JitTr *t, const JitInsn *j, int32_t rel)
{
    Emit *e = t->e, *c = t->cold;
    const uint8_t *unknown = exit_unknown(t, NULL, NULL, 0);
    HostOp count = { .opcode = 0x83, .reg = 5, .is_mem = true, .mem = JIT_FIELD(jit_relink), .imm_len = 1, .imm = { 1 } };
    uint8_t *key = emit_mov_imm_later(e, S1);

    emit_rm(e, 0x33, S1, jit_reg_mem(R_RIP), true);
    emit_rm(e, 0x3b, S1, JIT_FIELD(jit_salt), true);
    uint8_t *no_key = emit_jcc_later(e, CC_NE);

    uint8_t *page = emit_mov_imm_later(e, S0); /* known, and so RIP waits for nothing */

    emit_rm(e, 0x89, S0, jit_reg_mem(R_RIP), true);
    JitExit *x = exit_new(t, rel, emit_jmp_later(e), rel <= j->i.off || !jit_code64(t)); /* 4 GiB are a circle: forwards for ever */

    x->key = key;
    x->page = page;
    exit_stub(t, x);
    emit_patch(no_key, e->to_rx, emit_rx(c));
    emit_op(c, &count);
    emit_jcc(c, CC_S, x->stub);
    target_to_s0(t, c, rel);
    exit_look_up(t, c, unknown, 0);
}

void jit_exit_to(JitTr *t, JitInsn *j, int64_t rel, uint16_t live)
{
    if (live && !t->fl_mem) {
        jit_flags_save(t, t->e);
    }
    if (t->jit->verify || rel != (int32_t)rel) {
        target_to_s0(t, t->e, rel);
        exit_by_table(t, NULL, NULL, 0);
    } else if (jit_target_in_page(t, rel)) {
        exit_in_page(t, j, rel, emit_jmp_later(t->e));
    } else {
        exit_far(t, j, (int32_t)rel);
    }
}

void jit_exit_indirect(JitTr *t, const JitSlot *slot, const uint8_t *slow, int32_t pop)
{
    exit_by_table(t, slot, slow, pop);
}

/* What RSP moves by: those that have a thunk of their own. */
static const struct {
    int8_t pop;
    bool wide;
} full_kinds[JIT_FULLS] = { { 0, true }, { 8, true }, { -8, true }, { 4, false }, { -4, false } };

const uint8_t *jit_full_thunk(const JitCpu *j, int32_t pop)
{
    for (unsigned k = 0; k < JIT_FULLS; k++) {
        if (full_kinds[k].pop == pop) {
            return j->full[k];
        }
    }
    return NULL;
}

static HostMem below(HostMem m) /* in something called: the return address is below X86Cpu */
{
    m.disp += 8;
    return m;
}

/* Called: finds the code for the address in S0 through the TLB, notes it in jit_jumps, moves RSP and goes there; returns if it cannot. */
const uint8_t *jit_make_full(Emit *e, unsigned kind)
{
    const uint8_t *at = emit_rx(e);

    emit_rr(e, 0x8b, S1, S0, true);
    emit_shift(e, 5, S1, 12 - TLB_ENTRY_SHIFT, true);
    emit_rm(e, 0x23, S1, below(JIT_FIELD(tlb_mask)), true);
    emit_rm(e, 0x03, S1, below(JIT_FIELD(tlb)), true);
    emit_rr(e, 0x8b, S2, S0, true);
    emit_ri(e, 4, S2, -4096, true);
    emit_rm(e, 0x3b, S2, host_mem(S1, (int32_t)offsetof(TlbEntry, exec)), true);
    uint8_t *miss = emit_jcc_later(e, CC_NE);

    emit_rm(e, 0x8b, S2, host_mem(S1, (int32_t)offsetof(TlbEntry, addend)), true);
    emit_rr(e, 0x03, S2, S0, true); /* host address of the bytes */
    emit_rr(e, 0x8b, S1, S2, true);
    emit_shift(e, 5, S1, 12, true);
    emit_rr(e, 0x33, S1, S2, false);
    emit_ri(e, 4, S1, (1 << JIT_TABLE_BITS) - 1, false);
    emit_shift(e, 4, S1, JIT_ENTRY_SHIFT, false);
    emit_rm(e, 0x03, S1, below(JIT_FIELD(jit_table)), true);
    emit_rm(e, 0x3b, S2, host_mem(S1, (int32_t)offsetof(JitEntry, host)), true);
    uint8_t *unknown = emit_jcc_later(e, CC_NE);

    emit_rm(e, 0x8b, S2, host_mem(S1, (int32_t)offsetof(JitEntry, code)), true);
    emit_rm(e, 0x89, S2, below(JIT_FIELD(jit_tmp)), true);
    jump_entry(e, 8);
    emit_rm(e, 0x89, S2, jump_field(JUMP_KEY, 8), true);
    emit_rm(e, 0x8b, S2, below(JIT_FIELD(jit_tmp)), true);
    emit_rm(e, 0x89, S2, jump_field(JUMP_CODE, 8), true);
    emit_ri(e, 4, S0, -4096, true);
    emit_rm(e, 0x89, S0, below(jit_reg_mem(R_RIP)), true);
    if (full_kinds[kind].pop) {
        emit_rm(e, 0x8d, G_SP, host_mem(G_SP, full_kinds[kind].pop), full_kinds[kind].wide);
    }
    emit_rm(e, 0x8d, CPU, host_mem(CPU, 8), true);
    emit_jmp_mem(e, JIT_FIELD(jit_tmp));
    emit_patch(miss, e->to_rx, emit_rx(e));
    emit_patch(unknown, e->to_rx, emit_rx(e));
    EMIT(e, 0xc3);
    return at;
}
