/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the guest's arithmetic flags are, and who will look at them: see translate.h. */
#include "util/osdep.h"
#include "accel/jit/translate.h"

#define SAVED JIT_FIELD(cc_src) /* AX after LAHF and SETO AL */

/* Group 2, SHLD, SHRD (SDM vol. 2, appendix A). */
static bool is_shift(const Decoded *d)
{
    if (d->vex || d->evex) {
        return false;
    }
    return d->map == 0 ? (d->opcode & 0xfe) == 0xc0 || (d->opcode & 0xfc) == 0xd0 : d->map == 1 && (d->opcode & 0xf6) == 0xa4;
}

/* A shift by CL, or by 0, may leave all flags alone; so may a repeated comparison. */
static bool flags_conditional(const JitInsn *j)
{
    const Decoded *d = &j->d;

    if (j->i.flags & (INSN_REP | INSN_REPNE)) {
        return true;
    }
    return is_shift(d) && (d->op[d->nops - 1].kind != OPND_IMM || !(j->i.imm & (d->op[0].size == 8 ? 63 : 31)));
}

void jit_flags_analyse(JitInsn *j)
{
    bool pushf = j->d.mnemonic && j->d.map == 0 && j->d.opcode == 0x9c;
    bool system = pushf || (!j->row && (!j->d.mnemonic || (j->i.flags & (INSN_BRANCH | INSN_END))));

    j->fl_read = j->fl_set = j->fl_kill = 0;
    if (j->d.mnemonic) {
        j->fl_read = j->d.flags_read;
        j->fl_set = j->d.flags_set;
        j->fl_kill = j->fl_set && flags_conditional(j) ? 0 : j->fl_set;
    }
    if (system) { /* whatever it is may put RFLAGS somewhere */
        j->fl_read = FL_ARITH;
        j->fl_kill = 0;
    }
}

void jit_flags_liveness(JitTr *t)
{
    uint16_t live = t->live_behind;

    for (unsigned k = t->count; k-- > 0;) {
        JitInsn *j = &t->insns[k];

        j->live_out = live | j->live_target;
        live = j->live_in = (uint16_t)(j->fl_read | (j->live_out & ~j->fl_kill));
    }
    t->b->live_in = live;
}

void jit_flags_save(JitTr *t, Emit *e)
{
    t->s1 = e == t->e ? -1 : t->s1;
    emit_rr(e, 0x8b, S1, H_RAX, true);
    EMIT(e, 0x9f, 0x0f, 0x90, 0xc0); /* lahf; seto al */
    emit_op(e, &(HostOp){ .opcode = 0x89, .opsize16 = true, .reg = H_RAX, .is_mem = true, .mem = SAVED });
    emit_rr(e, 0x8b, H_RAX, S1, true);
}

void jit_flags_restore(Emit *e)
{
    emit_rr(e, 0x8b, S2, H_RAX, true);
    emit_op(e, &(HostOp){ .map = 1, .opcode = 0xb7, .reg = H_RAX, .is_mem = true, .mem = SAVED }); /* movzx: as wide as was stored */
    EMIT(e, 0x04, 0x7f, 0x9e); /* add al, 0x7f: overflows when OF was set; sahf */
    emit_rr(e, 0x8b, H_RAX, S2, true);
}

/* Whole and in a register: a load that finds only parts of what it wants among the last stores waits for them. */
void jit_flags_to_c(Emit *e)
{
    emit_op(e, &(HostOp){ .map = 1, .opcode = 0xb7, .reg = H_RAX, .is_mem = true, .mem = SAVED });
    EMIT(e, 0x86, 0xe0, 0xc0, 0xe4, 0x03); /* xchg al, ah; shl ah, 3 */
    emit_rm(e, 0x89, H_RAX, SAVED, true);
}

void jit_flags_from_c(Emit *e)
{
    emit_rm(e, 0x8b, H_RAX, SAVED, true);
    EMIT(e, 0xc0, 0xec, 0x03, 0x86, 0xe0); /* shr ah, 3; xchg al, ah */
    emit_op(e, &(HostOp){ .opcode = 0x89, .opsize16 = true, .reg = H_RAX, .is_mem = true, .mem = SAVED });
}

void jit_flags_before_clobber(JitTr *t, JitInsn *j)
{
    if (j->live_in && !t->fl_mem) {
        jit_flags_save(t, t->e);
        t->fl_mem = true;
    }
    t->fl_host = false;
}

void jit_flags_for(JitTr *t, JitInsn *j)
{
    bool wants = j->fl_read || (j->fl_set && (j->live_out & ~j->fl_kill));

    if (wants && !t->fl_host) {
        jit_flags_restore(t->e);
        jit_kept_reload(t, t->e);
        t->fl_host = true;
    }
}

void jit_flags_after(JitTr *t, JitInsn *j)
{
    if (j->fl_set) {
        t->fl_host = true;
        t->fl_mem = false;
    }
}
