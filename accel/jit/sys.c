/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a kernel does all the time: CLI, STI, CLAC, STAC, PUSHF, POPF, SWAPGS, the bases of FS and GS (SDM vol. 2).  The privilege is
 * not part of what a block is found by, so ring 0 is looked for as the code runs; all else is the C function's, as are changes of rarer
 * flags.
 *
 * Interrupts: while events wait, STI and POPF are the C function's, which leaves for the run loop.  An event that comes later finds
 * the next poll, which is never between STI and the instruction behind it: that is in the same block, else STI is not emitted.
 * What may leave the block early, or changes what verify=on does not take back, is not emitted for it.
 */
#include "util/osdep.h"
#include "accel/jit/translate.h"

/* The out-of-line way by the C function. */
static const uint8_t *sys_cold(JitTr *t, JitInsn *j)
{
    const uint8_t *at = emit_rx(t->cold);

    jit_cold_jump(t, jit_slot(t, j), t->jit->call_c);
    return at;
}

static void sys_unless_zero(JitTr *t, HostMem m, uint8_t opcode, const uint8_t *cold)
{
    emit_op(t->e, &(HostOp){ .opcode = opcode, .reg = 7, .is_mem = true, .mem = m, .imm_len = 1 });
    emit_jcc(t->e, CC_NE, cold);
}

static void sys_need_ring0(JitTr *t, const uint8_t *cold)
{
    sys_unless_zero(t, JIT_FIELD(cpl), 0x80, cold);
}

static void sys_need_no_events(JitTr *t, const uint8_t *cold)
{
    sys_unless_zero(t, JIT_FIELD(vcpu.events), 0x83, cold);
}

static void sys_eflags(JitTr *t, unsigned ext, uint32_t imm)
{
    HostOp o = { .opcode = 0x81, .reg = (uint8_t)ext, .is_mem = true, .mem = JIT_FIELD(eflags), .imm_len = 4 };

    st_le32(o.imm, imm);
    emit_op(t->e, &o);
}

static bool sys_cli(JitTr *t, JitInsn *j)
{
    jit_flags_before_clobber(t, j);
    sys_need_ring0(t, sys_cold(t, j));
    sys_eflags(t, 4, ~(uint32_t)FL_IF);
    return true;
}

static bool sys_sti(JitTr *t, JitInsn *j)
{
    if (t->jit->verify || j == &t->insns[t->count - 1]) {
        return false;
    }
    jit_flags_before_clobber(t, j);
    const uint8_t *cold = sys_cold(t, j);

    sys_need_ring0(t, cold);
    sys_need_no_events(t, cold);
    sys_eflags(t, 1, FL_IF);
    return true;
}

/*
 * Made once, called: the guard of user pages is lifted or is there again.  What was noted of pages with the guard holds without it;
 * the other way round all of it goes.
 */
const uint8_t *jit_smap_thunk(JitCpu *j, Emit *e, bool lifted)
{
    const uint8_t *at = emit_rx(e);
    uint8_t way = lifted ? TLB_SYS_USERPAGES : TLB_SYS;
    int32_t table = (int32_t)(offsetof(X86Cpu, tlb_ways) + way * sizeof(TlbWay)) + 8; /* the return address is below */

    emit_mi8(e, 0xc6, 0, host_mem(CPU, (int32_t)offsetof(X86Cpu, tlb_way) + 8), way);
    emit_mov_imm(e, S1, (uintptr_t)&j->epoch_way);
    emit_mi8(e, 0xc6, 0, host_mem(S1, 0), way);
    emit_rm(e, 0x8b, S1, host_mem(CPU, table + (int32_t)offsetof(TlbWay, entry)), true);
    emit_rm(e, 0x89, S1, host_mem(CPU, (int32_t)offsetof(X86Cpu, tlb) + 8), true);
    emit_rm(e, 0x8b, S1, host_mem(CPU, table + (int32_t)offsetof(TlbWay, mask)), true);
    emit_rm(e, 0x89, S1, host_mem(CPU, (int32_t)offsetof(X86Cpu, tlb_mask) + 8), true);
    if (!lifted) {
        const uint64_t *empty = j->no_pages;

        for (unsigned k = 0; k < sizeof(j->cpu->jit_pages) / 8; k++) {
            if (!k || empty[k] != empty[k - 1]) {
                emit_mov_imm(e, S1, empty[k]);
            }
            emit_rm(e, 0x89, S1, host_mem(CPU, (int32_t)(offsetof(X86Cpu, jit_pages) + k * 8) + 8), true);
        }
    }
    EMIT(e, 0xc3);
    return at;
}

static void sys_test(JitTr *t, HostMem m, uint32_t bits)
{
    HostOp test = { .opcode = 0xf7, .is_mem = true, .mem = m, .imm_len = 4 };

    st_le32(test.imm, bits);
    emit_op(t->e, &test);
}

/* Without CR4.SMAP the C function's. */
static bool sys_smap(JitTr *t, JitInsn *j, bool lifted)
{
    if (!jit_code64(t) || t->jit->verify) {
        return false;
    }
    jit_flags_before_clobber(t, j);
    const uint8_t *cold = sys_cold(t, j);

    sys_need_ring0(t, cold);
    sys_test(t, JIT_FIELD(cr4), CR4_SMAP);
    emit_jcc(t->e, CC_E, cold);
    sys_test(t, JIT_FIELD(eflags), FL_AC);
    uint8_t *done = emit_jcc_later(t->e, lifted ? CC_NE : CC_E);

    sys_eflags(t, lifted ? 1 : 4, lifted ? FL_AC : ~(uint32_t)FL_AC);
    emit_call(t->e, t->jit->smap[lifted]);
    emit_patch(done, t->e->to_rx, emit_rx(t->e));
    jit_groups_end(t);
    return true;
}

static bool sys_clac(JitTr *t, JitInsn *j)
{
    return sys_smap(t, j, false);
}

static bool sys_stac(JitTr *t, JitInsn *j)
{
    return sys_smap(t, j, true);
}

static bool sys_pushf(JitTr *t, JitInsn *j)
{
    HostMem of = JIT_FIELD(cc_src), others = host_mem(CPU, of.disp + 1); /* translate.h */

    if (!jit_code64(t) || j->d.opsize != 8) {
        return false;
    }
    jit_flags_before_clobber(t, j);
    HostMem m = jit_mem_stack(t, j, -8, 8, ACC_WRITE);

    emit_rm(t->e, 0x8b, S2, JIT_FIELD(eflags), false);
    emit_ri(t->e, 4, S2, ~(int32_t)(FL_VM | FL_RF), false);
    emit_op(t->e, &(HostOp){ .map = 1, .opcode = 0xb6, .reg = S0, .is_mem = true, .mem = of }); /* movzx */
    emit_shift(t->e, 4, S0, 11, false);
    emit_rm(t->e, 0x0a, S0, others, false);
    emit_rr(t->e, 0x0b, S2, S0, false);
    emit_rm(t->e, 0x89, S2, m, true);
    emit_rm(t->e, 0x8d, G_SP, host_mem(G_SP, -8), true);
    return true;
}

/* Arithmetic flags and IF; more than these are to change: by C. */
static bool sys_popf(JitTr *t, JitInsn *j)
{
    const int32_t all = 0x3fffff; /* where RFLAGS has any */
    HostMem of = JIT_FIELD(cc_src), others = host_mem(CPU, of.disp + 1);
    Emit *e = t->e;

    if (!jit_code64(t) || j->d.opsize != 8 || t->jit->verify) {
        return false;
    }
    jit_flags_before_clobber(t, j);
    const uint8_t *cold = sys_cold(t, j);

    sys_need_ring0(t, cold);
    sys_need_no_events(t, cold);
    HostMem m = jit_mem_stack(t, j, 0, 8, ACC_READ);

    emit_rm(e, 0x8b, S2, m, true);
    emit_rr(e, 0x8b, S0, S2, false);
    emit_rm(e, 0x33, S0, JIT_FIELD(eflags), false);
    emit_ri(e, 4, S0, all & ~(FL_ARITH | FL_IF), false);
    emit_jcc(e, CC_NE, cold);
    emit_rr(e, 0x8b, S0, S2, false);
    emit_ri(e, 4, S0, FL_ARITH, false);
    emit_rm(e, 0x88, S0, others, false);
    emit_shift(e, 5, S0, 11, false);
    emit_rm(e, 0x88, S0, of, false);
    emit_ri(e, 4, S2, all & ~FL_ARITH, false);
    emit_rm(e, 0x89, S2, JIT_FIELD(eflags), false);
    emit_rm(e, 0x8d, G_SP, host_mem(G_SP, 8), true);
    t->fl_mem = true;
    t->fl_host = false;
    return true;
}

static bool sys_swapgs(JitTr *t, JitInsn *j)
{
    Emit *e = t->e;

    if (!jit_code64(t) || t->jit->verify) {
        return false;
    }
    jit_flags_before_clobber(t, j);
    sys_need_ring0(t, sys_cold(t, j));
    emit_rm(e, 0x8b, S0, JIT_FIELD(kernel_gs_base), true);
    emit_rm(e, 0x8b, S1, JIT_FIELD(seg[SEG_GS].base), true);
    emit_rm(e, 0x89, S0, JIT_FIELD(seg[SEG_GS].base), true);
    emit_rm(e, 0x89, S0, JIT_FIELD(lin_base[SEG_GS]), true);
    emit_rm(e, 0x89, S1, JIT_FIELD(kernel_gs_base), true);
    return true;
}

/* RDFSBASE and kin: allowed by CR4 at any privilege. */
static const uint8_t *sys_need_fsgsbase(JitTr *t, JitInsn *j)
{
    const uint8_t *cold = sys_cold(t, j);

    sys_test(t, JIT_FIELD(cr4), CR4_FSGSBASE);
    emit_jcc(t->e, CC_E, cold);
    return cold;
}

static bool sys_rdbase(JitTr *t, JitInsn *j, unsigned seg)
{
    unsigned g = j->d.op[0].reg >> 3, h = jit_reg_host(g);

    if (!jit_code64(t)) {
        return false;
    }
    jit_flags_before_clobber(t, j);
    sys_need_fsgsbase(t, j);
    emit_rm(t->e, 0x8b, h == H_NONE ? (unsigned)S2 : h, JIT_FIELD(seg[seg].base), j->d.opsize == 8);
    if (h == H_NONE) {
        emit_rm(t->e, 0x89, S2, jit_reg_mem(g), true);
    }
    return true;
}

/* Only addresses of 48 bits: what others are is for the C function to say. */
static bool sys_wrbase(JitTr *t, JitInsn *j, unsigned seg)
{
    unsigned g = j->d.op[0].reg >> 3, h = jit_reg_host(g);
    Emit *e = t->e;

    if (!jit_code64(t) || t->jit->verify) {
        return false;
    }
    jit_flags_before_clobber(t, j);
    const uint8_t *cold = sys_need_fsgsbase(t, j);

    if (h == H_NONE) {
        emit_rm(e, 0x8b, S2, jit_reg_mem(g), j->d.opsize == 8);
    } else {
        emit_rr(e, 0x8b, S2, h, j->d.opsize == 8);
    }
    emit_rr(e, 0x8b, S0, S2, true);
    emit_shift(e, 4, S0, 16, true);
    emit_shift(e, 7, S0, 16, true);
    emit_rr(e, 0x3b, S0, S2, true);
    emit_jcc(e, CC_NE, cold);
    emit_rm(e, 0x89, S2, JIT_FIELD(seg[seg].base), true);
    emit_rm(e, 0x89, S2, JIT_FIELD(lin_base[seg]), true);
    return true;
}

static bool sys_rdfsbase(JitTr *t, JitInsn *j)
{
    return sys_rdbase(t, j, SEG_FS);
}

static bool sys_rdgsbase(JitTr *t, JitInsn *j)
{
    return sys_rdbase(t, j, SEG_GS);
}

static bool sys_wrfsbase(JitTr *t, JitInsn *j)
{
    return sys_wrbase(t, j, SEG_FS);
}

static bool sys_wrgsbase(JitTr *t, JitInsn *j)
{
    return sys_wrbase(t, j, SEG_GS);
}

const JitRow jit_rows_sys[] = {
    { "cli", sys_cli, JIT_GOES_ON, NO_ACCESS }, { "sti", sys_sti, JIT_GOES_ON, NO_ACCESS },
    { "pushfq", sys_pushf, JIT_GOES_ON, STACK_PUSH }, { "popfq", sys_popf, JIT_GOES_ON, STACK_POP },
    { "swapgs", sys_swapgs, JIT_GOES_ON, NO_ACCESS },
    { "clac", sys_clac, JIT_GOES_ON, NO_ACCESS }, { "stac", sys_stac, JIT_GOES_ON, NO_ACCESS },
    JIT_ROW("rdfsbase", sys_rdfsbase), JIT_ROW("rdgsbase", sys_rdgsbase),
    JIT_ROW("wrfsbase", sys_wrfsbase), JIT_ROW("wrgsbase", sys_wrgsbase),
    { NULL, NULL, JIT_AS_DECODED, STACK_NONE },
};
