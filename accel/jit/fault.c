/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host signals that guest instructions raise in generated code: SIGFPE (division, unmasked SIMD exceptions), SIGSEGV of a misaligned
 * vector operand, SIGILL.  Generated code ends there with the guest's state as it was before the instruction, and the interpreter does that
 * one again, with all that it checks and raises.  vCPU threads.
 */
#include "util/osdep.h"
#include "accel/jit/translate.h"
#include "target/i386/fpu.h"
#include <cpuid.h>
#include <signal.h>
#include <ucontext.h>

/* What is known of such an instruction: its offset in the page, and this. */
#define FAULT_KNOWN 0x2000u
#define FAULT_FLAGS_IN_HOST 0x1000u

static const int fault_signals[] = { SIGFPE, SIGSEGV, SIGILL };
static struct sigaction fault_old[G_N_ELEMENTS(fault_signals)];
static _Thread_local JitCpu *fault_jit; /* whose code this thread runs */
static bool host_has_xsave; /* set once at start-up */

void jit_fault_add(JitChunk *c, const uint8_t *code, unsigned insn_off, bool flags_in_host)
{
    g_hash_table_insert(c->faults, (gpointer)code, GUINT_TO_POINTER(FAULT_KNOWN | insn_off | (flags_in_host ? FAULT_FLAGS_IN_HOST : 0)));
}

void jit_fault_note(JitTr *t, JitInsn *j)
{
    jit_fault_add(t->chunk, emit_rx(t->e), j->i.off, t->fl_host && !t->fl_mem);
}

/* Runs in the thread that was in generated code, so nothing of it is being changed. */
static unsigned fault_find(const JitCpu *j, const uint8_t *pc)
{
    for (unsigned k = 0; k < j->chunk_count; k++) {
        unsigned what = GPOINTER_TO_UINT(g_hash_table_lookup(j->chunks[k].faults, pc));

        if (what) {
            return what;
        }
    }
    return 0;
}

static bool fault_of_guest(int sig, const siginfo_t *info, mcontext_t *m)
{
    JitCpu *j = fault_jit;
    const uint8_t *pc = (const uint8_t *)m->gregs[REG_RIP];

    if (!j || (sig == SIGSEGV && info->si_code != SI_KERNEL)) { /* a general-protection fault has no address */
        return false;
    }
    X86Cpu *cpu = j->cpu;

    if (pc < j->mem.rx || pc >= j->mem.rx + j->mem.size) {
        return false;
    }
    unsigned what = fault_find(j, pc);

    if (!what) {
        return false;
    }
    if (what & FAULT_FLAGS_IN_HOST) {
        uint64_t fl = (uint64_t)m->gregs[REG_EFL];

        cpu->cc_src = (fl & 0xff) << 8 | !!(fl & FL_OF); /* translate.h */
    }
    cpu->jit_fault = true;
    m->gregs[REG_R10] = (greg_t)(cpu->regs[R_RIP] + (what & 0xfff));
    m->gregs[REG_RIP] = (greg_t)(uintptr_t)j->leave;
    return true;
}

static void fault_signal(int sig, siginfo_t *info, void *context)
{
    const struct sigaction *old = &fault_old[0];

    if (fault_of_guest(sig, info, &((ucontext_t *)context)->uc_mcontext)) {
        return;
    }
    for (unsigned k = 0; k < G_N_ELEMENTS(fault_signals); k++) {
        old = fault_signals[k] == sig ? &fault_old[k] : old;
    }
    if (old->sa_flags & SA_SIGINFO) {
        old->sa_sigaction(sig, info, context);
    } else {
        sigaction(sig, old, NULL); /* again, for whoever was there before */
    }
}

void jit_fault_thread(JitCpu *j)
{
    fault_jit = j;
}

void jit_fault_init(void)
{
    struct sigaction sa = { .sa_sigaction = fault_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
    unsigned a, b, c, d;

    host_has_xsave = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_OSXSAVE);
    for (unsigned k = 0; k < G_N_ELEMENTS(fault_signals); k++) {
        sigaction(fault_signals[k], &sa, &fault_old[k]);
    }
}

uint8_t jit_vec_allowed(const X86Cpu *cpu)
{
    uint8_t bits = 0;

    if (!cpu->fpu_ok) {
        return 0;
    }
    if (cpu->cr4 & CR4_OSFXSR) {
        bits |= LIVE_SSE;
        if ((cpu->cr4 & CR4_OSXSAVE) && (cpu->xcr0 & 6) == 6 && x86_protected(cpu)) {
            bits |= LIVE_AVX;
        }
    }
    if (!(cpu->x87.fsw & FSW_ES) && (cpu->x87.fcw & 0x3f) == 0x3f && host_has_xsave) {
        bits |= LIVE_X87;
    }
    return bits;
}
