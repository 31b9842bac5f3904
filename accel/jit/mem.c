/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How an address is formed: the effective address, the segment's base, and the inline look-up in the TLB (cpu.h: TlbEntry).  The one
 * place that knows how guest memory is reached from generated code.
 */
#include "util/osdep.h"
#include "accel/jit/translate.h"

unsigned jit_reg_host(unsigned g)
{
    static const uint8_t host[16] = { H_RAX, H_RCX, H_RDX, H_RBX, G_SP, H_RBP, H_RSI, H_RDI, H_R8, H_NONE, H_NONE, H_NONE,
                                      H_R12, H_R13, H_R14, H_NONE };

    return host[g];
}

bool jit_addr_ok(const JitTr *t, const JitInsn *j)
{
    const Insn *i = &j->i;

    if (j->d.rip_wide || i->addrsize < 4) {
        return false;
    }
    return jit_code64(t) || ((i->flags & INSN_FLAT) && i->seg <= SEG_DS);
}

/* The host register that holds guest address register @g (byte offset / 8), loaded to @scratch when it lives in memory. */
static unsigned addr_reg(JitTr *t, unsigned g, unsigned scratch)
{
    unsigned h = g < 16 ? jit_reg_host(g) : H_NONE;

    if (h == H_NONE) {
        emit_rm(t->e, 0x8b, scratch, jit_reg_mem(g), true);
        return scratch;
    }
    return h;
}

void jit_lea(JitTr *t, const JitInsn *j, unsigned dst, bool wide)
{
    const Insn *i = &j->i;
    unsigned gb = i->base >> 3, gi = i->index >> 3;
    HostMem m = { H_NONE, H_NONE, i->scale, i->disp };

    if (gb == R_ZERO && gi == R_ZERO) {
        uint64_t at = j->d.map == 0 && (j->d.opcode & 0xfc) == 0xa0 ? i->imm : (uint64_t)(int64_t)i->disp;

        emit_mov_imm(t->e, dst, i->addrsize == 8 && wide ? at : (uint32_t)at);
        return;
    }
    if (gb != R_ZERO) {
        m.base = (uint8_t)addr_reg(t, gb, S0);
    }
    if (gi != R_ZERO) {
        m.index = (uint8_t)addr_reg(t, gi, S1);
    }
    wide &= i->addrsize == 8;
    if (m.index == H_NONE && !m.disp && m.base != H_NONE) {
        if (m.base != dst || !wide) {
            emit_rr(t->e, 0x8b, dst, m.base, wide);
        }
        return;
    }
    emit_rm(t->e, 0x8d, dst, m, wide);
}

JitSlot *jit_slot(JitTr *t, JitInsn *j)
{
    JitSlot *s = jit_cache_alloc(t->chunk, sizeof(JitSlot));

    *s = (JitSlot){ .insn = j->i, .block = t->b };
    g_assert(t->slot_count < G_N_ELEMENTS(t->slots));
    t->slots[t->slot_count++] = s;
    return s;
}

void jit_cold_jump(JitTr *t, const JitSlot *s, const uint8_t *thunk)
{
    emit_mov_imm(t->cold, S1, (uintptr_t)s);
    emit_jmp(t->cold, thunk);
}

/* S0: linear address -> host address. */
static void tlb_look_up(JitTr *t, JitInsn *j, unsigned size, MemAccess acc)
{
    Emit *e = t->e;
    int32_t tag = acc == ACC_READ ? (int32_t)offsetof(TlbEntry, read) : (int32_t)offsetof(TlbEntry, write);
    JitSlot *s = jit_slot(t, j);

    s->size = (uint8_t)size;
    s->acc = (uint8_t)acc;
    s->retry = t->retry;
    emit_rr(e, 0x8b, S1, S0, true);
    emit_shift(e, 5, S1, 12 - TLB_ENTRY_SHIFT, true);
    emit_rm(e, 0x23, S1, JIT_FIELD(tlb_mask), true);
    emit_rm(e, 0x03, S1, JIT_FIELD(tlb), true);
    if (size > 1) {
        emit_rm(e, 0x8d, S2, host_mem(S0, (int32_t)size - 1), true);
    } else {
        emit_rr(e, 0x8b, S2, S0, true);
    }
    emit_ri(e, 4, S2, -4096, true);
    emit_rm(e, 0x3b, S2, host_mem(S1, tag), true);
    emit_jcc(e, CC_NE, emit_rx(t->cold));
    jit_cold_jump(t, s, t->jit->mem_slow);
    emit_rm(e, 0x03, S0, host_mem(S1, (int32_t)offsetof(TlbEntry, addend)), true);
}

static void mem_begin(JitTr *t, JitInsn *j)
{
    if (!t->retry) {
        jit_flags_before_clobber(t, j);
        t->retry = emit_rx(t->e);
    }
}

void jit_mem(JitTr *t, JitInsn *j, unsigned size, MemAccess acc)
{
    mem_begin(t, j);
    jit_lea(t, j, S0, jit_code64(t));
    if (jit_code64(t) && j->i.seg >= SEG_FS) {
        emit_rm(t->e, 0x03, S0, host_mem(CPU, (int32_t)(offsetof(X86Cpu, lin_base) + j->i.seg * 8)), true);
    }
    tlb_look_up(t, j, size, acc);
}

static void mem_based(JitTr *t, JitInsn *j, unsigned base, int delta, unsigned size, MemAccess acc)
{
    mem_begin(t, j);
    if (delta) {
        emit_rm(t->e, 0x8d, S0, host_mem(base, delta), jit_code64(t));
    } else {
        emit_rr(t->e, 0x8b, S0, base, jit_code64(t));
    }
    tlb_look_up(t, j, size, acc);
}

void jit_mem_stack(JitTr *t, JitInsn *j, int delta, unsigned size, MemAccess acc)
{
    mem_based(t, j, G_SP, delta, size, acc);
}

void jit_mem_at(JitTr *t, JitInsn *j, unsigned base, unsigned size, MemAccess acc)
{
    mem_based(t, j, base, 0, size, acc);
}
