/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87 instructions (SDM vol. 2, opcodes D8-DF): the guest's own, on the host's stack.  That is the guest's only while all exceptions are
 * masked and none is pending (jit_vec_allowed), so none arises here; FLDCW leaves this way when it would unmask one.
 *
 * The record of the last instruction (FIP, FDP, FOP) is kept as the interpreter keeps it: one store an instruction, put together when
 * the state is saved (thunk.c).
 */
#include "util/osdep.h"
#include "accel/jit/translate.h"

typedef enum X87Kind { X87_NONE, X87_DATA, X87_CONTROL /* leaves the record alone */, X87_FLDCW } X87Kind;

static X87Kind x87_kind(const Decoded *d)
{
    static const char *const by_c[] = { "fldenv", "fnstenv", "frstor", "fnsave", "fninit", "fnop", "ffreep", "feni8087_nop",
                                        "fdisi8087_nop", "fsetpm287_nop" };
    static const char *const control[] = { "fnstcw", "fnstsw", "fnclex" };

    for (unsigned k = 0; k < G_N_ELEMENTS(by_c); k++) {
        if (!strcmp(d->mnemonic, by_c[k])) {
            return X87_NONE;
        }
    }
    for (unsigned k = 0; k < G_N_ELEMENTS(control); k++) {
        if (!strcmp(d->mnemonic, control[k])) {
            return X87_CONTROL;
        }
    }
    return !strcmp(d->mnemonic, "fldcw") ? X87_FLDCW : X87_DATA;
}

/* Before an instruction's own operation: S2 is not free then. */
static void note_insn(JitTr *t, const JitInsn *j)
{
    emit_rm(t->e, 0x8b, S0, jit_reg_mem(R_RIP), true);
    emit_rm(t->e, 0x89, S0, JIT_FIELD(jit_x87_page), true);
    HostOp o = { .opcode = 0xc7, .is_mem = true, .mem = JIT_FIELD(jit_x87_note), .imm_len = 4 };

    st_le32(o.imm, JIT_X87_NOTED | (uint32_t)((j->d.opcode & 7) << 8 | j->d.modrm) << 16 | j->i.off);
    emit_op(t->e, &o);
}

/* Where the operand is: known to be accessible now.  Moves its host address to S2. */
static HostMem note_operand(JitTr *t, const JitInsn *j, HostMem m)
{
    int32_t sel = (int32_t)(offsetof(X86Cpu, seg) + j->i.seg * sizeof(X86Seg) + offsetof(X86Seg, sel));

    emit_rm(t->e, 0x8d, S2, m, true);
    jit_lea(t, j, S0, jit_code64(t));
    emit_rm(t->e, 0x89, S0, JIT_FIELD(fdp), true);
    emit_op(t->e, &(HostOp){ .map = 1, .opcode = 0xb7, .reg = S1, .is_mem = true, .mem = host_mem(CPU, sel) }); /* movzx */
    emit_op(t->e, &(HostOp){ .opcode = 0x89, .opsize16 = true, .reg = S1, .is_mem = true, .mem = JIT_FIELD(fds) });
    return host_mem(S2, 0);
}

/* A control word that unmasks exceptions: by C, and the block ends. */
static void fldcw_check(JitTr *t, JitInsn *j, HostMem m)
{
    emit_op(t->e, &(HostOp){ .map = 1, .opcode = 0xb7, .reg = S2, .is_mem = true, .mem = m });
    emit_rr(t->e, 0xf7, 2, S2, false); /* not */
    emit_op(t->e, &(HostOp){ .opcode = 0xf6, .reg = 0, .rm = S2, .low8 = true, .imm_len = 1, .imm = { 0x3f } });
    emit_jcc(t->e, CC_NE, emit_rx(t->cold));
    jit_cold_jump(t, jit_slot(t, j), t->jit->call_c);
}

static bool emit_x87(JitTr *t, JitInsn *j)
{
    const Operand *mem = jit_memory_operand(j);
    X87Kind kind = x87_kind(&j->d);
    HostOp o = { .opcode = j->d.opcode, .reg = j->d.modrm >> 3 & 7, .rm = j->d.modrm & 7 };

    if (kind == X87_NONE || (mem && (!jit_addr_ok(t, j) || !(mem->read || mem->write)))) {
        return false;
    }
    jit_vec_need(t, j, LIVE_X87);
    if (mem) {
        o.is_mem = true;
        o.mem = jit_mem(t, j, mem->size, mem->write ? ACC_WRITE : ACC_READ);
        if (kind == X87_DATA) {
            o.mem = note_operand(t, j, o.mem);
        }
    }
    if (kind == X87_FLDCW) {
        fldcw_check(t, j, o.mem);
    }
    jit_flags_for(t, j);
    if (kind == X87_DATA) {
        note_insn(t, j);
    }
    emit_op(t->e, &o);
    jit_flags_after(t, j);
    return true;
}

static bool emit_wait(JitTr *t, JitInsn *j)
{
    jit_vec_need(t, j, LIVE_X87); /* nothing is pending then */
    return true;
}

const JitRow *jit_x87_row(const Decoded *d)
{
    static const JitRow row = { NULL, emit_x87, JIT_AS_DECODED, STACK_NONE }, wait = { NULL, emit_wait, JIT_AS_DECODED, NO_ACCESS };

    if (d->map == 0 && d->opcode == 0x9b) {
        return &wait;
    }
    return d->map == 0 && (d->opcode & 0xf8) == 0xd8 ? &row : NULL;
}
