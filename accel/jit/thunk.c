/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Generated once per vCPU: the way into generated code and out of it, and from it to C helpers.
 *
 * A helper's thunk is jumped to with r11, r10 = its second and third argument; it puts the guest's registers into X86Cpu, calls the
 * helper on the stack below X86Cpu, and goes on where that says (NULL: back to the run loop), with registers and flags as the
 * helper left them in X86Cpu.  A helper may also leave by siglongjmp.  Helpers may use vector registers: what the guest has there
 * (X86Cpu.vec_live) is saved before.
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

/* --- vector state --------------------------------------------------------------------------------------------------- */

#define IN_CPU(f) host_mem(base, (int32_t)offsetof(X86Cpu, f) + off)

/* MOVUPS or VMOVUPS of all 16 registers. */
static void move_vectors(Emit *e, unsigned base, int32_t off, bool load, bool wide)
{
    for (unsigned n = 0; n < 16; n++) {
        emit_op(e, &(HostOp){ .map = 1, .opcode = load ? 0x10 : 0x11, .vex = wide, .l = wide, .reg = (uint8_t)n, .is_mem = true,
                              .mem = host_mem(base, (int32_t)(offsetof(X86Cpu, vec) + n * sizeof(VecReg)) + off) });
    }
}

static void emit_0fae(Emit *e, unsigned ext, HostMem m)
{
    emit_op(e, &(HostOp){ .map = 1, .opcode = 0xae, .reg = (uint8_t)ext, .is_mem = true, .mem = m });
}

static void mov_word_store(Emit *e, unsigned reg, HostMem m)
{
    emit_op(e, &(HostOp){ .opcode = 0x89, .opsize16 = true, .reg = (uint8_t)reg, .is_mem = true, .mem = m });
}

/* The record of the last x87 instruction (x87.c) becomes FIP, FOP, FCS.  Clobbers rax and rcx. */
static void save_x87_record(Emit *e, unsigned base, int32_t off)
{
    emit_rm(e, 0x8b, H_RAX, IN_CPU(jit_x87_note), false);
    emit_rr(e, 0x85, H_RAX, H_RAX, false);
    uint8_t *none = emit_jcc_later(e, CC_NS);

    emit_op(e, &(HostOp){ .map = 1, .opcode = 0xb7, .reg = H_RCX, .rm = H_RAX }); /* movzx ecx, ax */
    emit_rm(e, 0x03, H_RCX, IN_CPU(jit_x87_page), true);
    emit_rm(e, 0x89, H_RCX, IN_CPU(fip), true);
    emit_shift(e, 5, H_RAX, 16, false);
    emit_ri(e, 4, H_RAX, 0x7ff, false);
    mov_word_store(e, H_RAX, IN_CPU(fop));
    emit_rm(e, 0x8b, H_RAX, IN_CPU(seg[SEG_CS].sel), false);
    mov_word_store(e, H_RAX, IN_CPU(fcs));
    emit_rr(e, 0x33, H_RAX, H_RAX, false);
    emit_rm(e, 0x89, H_RAX, IN_CPU(jit_x87_note), false);
    emit_patch(none, e->to_rx, emit_rx(e));
}

static uint8_t *unless_live(Emit *e, unsigned base, int32_t off, uint8_t bit)
{
    emit_mi8(e, 0xf6, 0, IN_CPU(vec_live), bit);
    return emit_jcc_later(e, CC_E);
}

/* A subroutine: general registers are in X86Cpu already.  The return address makes the CPU 8 bytes further away. */
static const uint8_t *save_routine(Emit *e)
{
    const uint8_t *at = emit_rx(e);
    const unsigned base = CPU;
    const int32_t off = 8;
    uint8_t *no_x87 = unless_live(e, base, off, LIVE_X87);

    save_x87_record(e, base, off);
    emit_mov_imm(e, H_RAX, 1);
    emit_rr(e, 0x33, H_RDX, H_RDX, false);
    emit_0fae(e, 4, IN_CPU(x87)); /* xsave */
    EMIT(e, 0xdb, 0xe3);          /* fninit */
    emit_patch(no_x87, e->to_rx, emit_rx(e));

    uint8_t *no_sse = unless_live(e, base, off, LIVE_SSE), *no_avx = unless_live(e, base, off, LIVE_AVX);

    move_vectors(e, base, off, false, true);
    EMIT(e, 0xc5, 0xf8, 0x77); /* vzeroupper */
    uint8_t *saved = emit_jmp_later(e);

    emit_patch(no_avx, e->to_rx, emit_rx(e));
    move_vectors(e, base, off, false, false);
    emit_patch(saved, e->to_rx, emit_rx(e));
    emit_0fae(e, 3, IN_CPU(mxcsr));
    emit_0fae(e, 2, IN_CPU(native_mxcsr_host));
    emit_patch(no_sse, e->to_rx, emit_rx(e));
    emit_rm(e, 0x8a, H_RAX, IN_CPU(vec_live), false);
    emit_rm(e, 0x88, H_RAX, IN_CPU(vec_was), false);
    emit_mi8(e, 0xc6, 0, IN_CPU(vec_live), 0);
    EMIT(e, 0xc3);
    return at;
}

/* Loads the state @bits and goes on at jit_vec_to.  Registers but S0..S2 and flags are the guest's. */
static const uint8_t *load_stub(Emit *e, uint8_t bits)
{
    const uint8_t *at = emit_rx(e);
    HostOp header = { .opcode = 0xc7, .w = true, .is_mem = true, .mem = JIT_FIELD(x87_header), .imm_len = 4, .imm = { 1 } };

    if (bits & LIVE_X87) {
        emit_rr(e, 0x8b, S0, H_RAX, true);
        emit_rr(e, 0x8b, S1, H_RDX, true);
        emit_mov_imm(e, H_RAX, 1);
        emit_mov_imm(e, H_RDX, 0);
        emit_op(e, &header);
        emit_0fae(e, 5, JIT_FIELD(x87)); /* xrstor */
        emit_rr(e, 0x8b, H_RAX, S0, true);
        emit_rr(e, 0x8b, H_RDX, S1, true);
    }
    if (bits & LIVE_SSE) {
        move_vectors(e, CPU, 0, true, bits & LIVE_AVX);
        emit_0fae(e, 2, JIT_FIELD(mxcsr));
    }
    emit_mi8(e, 0xc6, 0, JIT_FIELD(vec_live), bits);
    emit_jmp_mem(e, JIT_FIELD(jit_vec_to));
    return at;
}

/* Before C code: general registers are in X86Cpu. */
static void save_if_live(Emit *e, const uint8_t *save)
{
    emit_mi8(e, 0x80, 7, JIT_FIELD(vec_live), 0);
    EMIT(e, 0x74, 5); /* je over the call */
    EMIT(e, 0xe8, 0, 0, 0, 0);
    emit_patch(e->p - 4, e->to_rx, save);
}

static const uint8_t *thunk_named(const Emit *e, const uint8_t *at, const char *name)
{
    jit_perfmap_note(at, (size_t)(emit_rx(e) - at), name, 0);
    return at;
}

/* --- helpers ---------------------------------------------------------------------------------------------------------- */

static const uint8_t *helper_thunk(Emit *e, JitHelper *fn, const uint8_t *save, const uint8_t *leave, const char *name)
{
    const uint8_t *at = emit_rx(e);

    move_guest(e, false);
    jit_flags_to_c(e);
    save_if_live(e, save);
    emit_rr(e, 0x8b, H_RDI, CPU, true);
    emit_rr(e, 0x8b, H_RSI, S1, true);
    emit_rr(e, 0x8b, H_RDX, S0, true);
    emit_call_c(e, (const void *)(uintptr_t)fn);
    emit_rr(e, 0x85, H_RAX, H_RAX, true);
    emit_jcc(e, CC_E, leave);
    emit_rm(e, 0x89, H_RAX, JIT_FIELD(jit_next), true);
    jit_flags_from_c(e);
    jit_flags_restore(e);
    move_guest(e, true);
    emit_jmp_mem(e, JIT_FIELD(jit_next));
    return thunk_named(e, at, name);
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
    jit_flags_from_c(e);
    move_guest(e, true);
    emit_jmp_reg(e, S1);

    thunk_named(e, (const uint8_t *)(uintptr_t)j->enter, "enter");
    const uint8_t *save = thunk_named(e, save_routine(e), "vec_save");

    j->leave = emit_rx(e);
    emit_rm(e, 0x89, S0, jit_reg_mem(R_RIP), true);
    move_guest(e, false);
    jit_flags_to_c(e);
    save_if_live(e, save);
    const uint8_t *out = emit_rx(e);
    emit_rm(e, 0x8b, H_RSP, JIT_FIELD(jit_host_sp), true);
    for (unsigned k = G_N_ELEMENTS(callee_saved); k-- > 0;) {
        emit_op(e, &(HostOp){ .no_modrm = true, .opcode = 0x58, .rm = callee_saved[k] });
    }
    EMIT(e, 0xc3);
    thunk_named(e, j->leave, "leave");

    for (unsigned k = 0; k < JIT_PAGES; k++) {
        j->page_thunks[k][0] = thunk_named(e, jit_page_thunk(e, k, false), "page_read");
        j->page_thunks[k][1] = thunk_named(e, jit_page_thunk(e, k, true), "page_write");
    }
    for (unsigned k = 0; k < JIT_FULLS; k++) {
        j->full[k] = thunk_named(e, jit_make_full(e, k), "look_up");
    }
    for (unsigned lifted = 0; lifted < 2; lifted++) {
        j->smap[lifted] = thunk_named(e, jit_smap_thunk(j, e, lifted), "smap");
    }
    j->call_c = helper_thunk(e, jit_help_call, save, out, "call_c");
    j->mem_slow = helper_thunk(e, jit_help_mem, save, out, "mem_slow");
    j->group_slow = helper_thunk(e, jit_help_group, save, out, "group_slow");
    j->link = helper_thunk(e, jit_help_link, save, out, "link");
    j->cross = helper_thunk(e, jit_help_cross, save, out, "cross");
    j->dispatch = helper_thunk(e, jit_help_dispatch, save, out, "dispatch");
    j->vec_enter = helper_thunk(e, jit_help_vec, save, out, "vec_enter");
    for (uint8_t bits = 1; bits < JIT_VEC_LOADS; bits++) {
        if (!(bits & LIVE_AVX) || (bits & LIVE_SSE)) {
            j->vec_load[bits] = thunk_named(e, load_stub(e, bits), "vec_load");
        }
    }
    j->call_finish = helper_thunk(e, jit_help_call_finish, save, out, "call_finish");
}
