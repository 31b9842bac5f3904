/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Generated once per vCPU: the way into generated code and out of it, and from it to C helpers.
 *
 * A helper's thunk is jumped to with r11, r10 = its second and third argument; it puts the guest's registers into X86Cpu, calls the
 * helper on the stack below X86Cpu, and goes on where that says (NULL: back to the run loop), with registers and flags as the
 * helper left them in X86Cpu.  A helper may also leave by siglongjmp.  Helpers may use vector registers: while no guest vector
 * state lives in the host's, nothing is saved for that.
 */
#include "util/osdep.h"
#include "accel/jit/translate.h"

static const uint8_t callee_saved[] = { H_RBX, H_RBP, H_R12, H_R13, H_R14, H_R15 };

static void move_guest(Emit *e, bool load)
{
    for (unsigned g = 0; g < 16; g++) {
        unsigned h = jit_reg_host(g);

        if (h != H_NONE) {
            emit_rm(e, load ? 0x8b : 0x89, h, jit_reg_mem(g), true);
        }
    }
}

static const uint8_t *helper_thunk(Emit *e, JitHelper *fn, const uint8_t *leave)
{
    const uint8_t *at = emit_rx(e);

    move_guest(e, false);
    emit_rr(e, 0x8b, H_RDI, CPU, true);
    emit_rr(e, 0x8b, H_RSI, S1, true);
    emit_rr(e, 0x8b, H_RDX, S0, true);
    emit_call_c(e, (const void *)(uintptr_t)fn);
    emit_rr(e, 0x85, H_RAX, H_RAX, true);
    emit_jcc(e, CC_E, leave);
    emit_rm(e, 0x89, H_RAX, JIT_FIELD(jit_tmp), true);
    jit_flags_restore(e);
    move_guest(e, true);
    emit_jmp_mem(e, JIT_FIELD(jit_tmp));
    return at;
}

void jit_thunks(JitCpu *j, Emit *e)
{
    j->enter = (void (*)(X86Cpu *, const uint8_t *))(uintptr_t)emit_rx(e);
    for (unsigned k = 0; k < G_N_ELEMENTS(callee_saved); k++) {
        emit_op(e, &(HostOp){ .no_modrm = true, .opcode = 0x50, .rm = callee_saved[k] });
    }
    emit_rm(e, 0x89, H_RSP, host_mem(H_RDI, (int32_t)offsetof(X86Cpu, jit_host_sp)), true);
    emit_rr(e, 0x8b, CPU, H_RDI, true);
    emit_rr(e, 0x8b, S1, H_RSI, true);
    move_guest(e, true);
    emit_jmp_reg(e, S1);

    j->leave = emit_rx(e);
    emit_rm(e, 0x89, S0, jit_reg_mem(R_RIP), true);
    move_guest(e, false);
    const uint8_t *out = emit_rx(e);
    emit_rm(e, 0x8b, H_RSP, JIT_FIELD(jit_host_sp), true);
    for (unsigned k = G_N_ELEMENTS(callee_saved); k-- > 0;) {
        emit_op(e, &(HostOp){ .no_modrm = true, .opcode = 0x58, .rm = callee_saved[k] });
    }
    EMIT(e, 0xc3);

    j->call_c = helper_thunk(e, jit_help_call, out);
    j->mem_slow = helper_thunk(e, jit_help_mem, out);
    j->link = helper_thunk(e, jit_help_link, out);
    j->dispatch = helper_thunk(e, jit_help_dispatch, out);
    j->call_finish = helper_thunk(e, jit_help_call_finish, out);
}
