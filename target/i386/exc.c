/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exceptions on their way, and what a vCPU takes between instructions: double and triple fault (SDM vol. 3, 6.15), priorities
 * (6.9), debug exceptions (17.2, 17.3).  vCPU thread, no big lock.
 */
#include "util/osdep.h"
#include "system/runstate.h"
#include "target/i386/debugger.h"
#include "target/i386/seg-int.h"
#include "util/log.h"

/* ---- raising ------------------------------------------------------------------------------------------------ */

/* regs[R_RIP] becomes the executing instruction's own address. */
static void exc_fix_rip(X86Cpu *cpu)
{
    if (cpu->insn) {
        uint64_t rip = cpu->regs[R_RIP] + cpu->insn->off;
        cpu->regs[R_RIP] = x86_code64(cpu) ? rip : cpu->mode & MODE_CODE32 ? (uint32_t)rip : (uint16_t)rip;
        cpu->insn = NULL;
    }
}

static bool exc_has_error(int vector)
{
    return vector == EXC_DF || (vector >= EXC_TS && vector <= EXC_PF) || vector == EXC_AC;
}

static void exc_raise(X86Cpu *cpu, int vector, uint32_t error) G_GNUC_NORETURN;
static void exc_raise(X86Cpu *cpu, int vector, uint32_t error)
{
    exc_fix_rip(cpu);
    cpu->regs[R_ZERO] = 0;
    cpu->exc_vector = vector;
    cpu->exc_error = error;
    assert(cpu->jmp_valid); /* a raise outside the run loop and delivery is our bug, not the guest's */
    siglongjmp(cpu->exit_jmp, 1);
}

void x86_raise(X86Cpu *cpu, int vector)
{
    exc_raise(cpu, vector, 0);
}

void x86_raise_err(X86Cpu *cpu, int vector, uint32_t error)
{
    if (cpu->exc_ext && vector != EXC_AC) {
        error |= 1;
    }
    exc_raise(cpu, vector, error);
}

void x86_raise_pf(X86Cpu *cpu, uint64_t lin, uint32_t error)
{
    cpu->exc_cr2 = lin;
    exc_raise(cpu, EXC_PF, error);
}

void x86_exit_block(X86Cpu *cpu)
{
    cpu->insn = NULL;
    cpu->regs[R_ZERO] = 0;
    cpu->exc_vector = -1;
    siglongjmp(cpu->exit_jmp, 1);
}

void x86_wait_before_insn(X86Cpu *cpu)
{
    exc_fix_rip(cpu);
    atomic_store(&cpu->vcpu.halted, true);
    x86_exit_block(cpu);
}

/* ---- delivering --------------------------------------------------------------------------------------------- */

static bool exc_contributory(int vector)
{
    return vector == EXC_DE || (vector >= EXC_TS && vector <= EXC_GP);
}

/* Shutdown: nothing but a reset helps; the machine does one. */
void exc_shutdown(X86Cpu *cpu)
{
    log_printf(LOG_INT, "%u: triple fault or shutdown at %04x:%016" PRIx64 "\n", cpu->vcpu.index, cpu->seg[SEG_CS].sel, cpu->regs[R_RIP]);
    log_printf(LOG_CPU_RESET, "%u: triple fault\n", cpu->vcpu.index);
    cpu->shutdown = true;
    atomic_store(&cpu->vcpu.halted, true);
    request_reset(SHUTDOWN_GUEST_RESET);
}

/* Delivers the exception in exc_vector; a fault on the way comes back here through exc_guarded()'s jump. */
static void exc_deliver_one(X86Cpu *cpu)
{
    int vector = cpu->exc_vector, before = cpu->exc_in_delivery;
    uint32_t error = cpu->exc_error;
    cpu->exc_vector = -1;
    if (vector == EXC_PF) {
        cpu->cr2 = cpu->exc_cr2;
    }
    if (before == EXC_DF) {
        exc_shutdown(cpu);
        return;
    }
    if ((exc_contributory(before) && exc_contributory(vector)) ||
        (before == EXC_PF && (exc_contributory(vector) || vector == EXC_PF))) {
        vector = EXC_DF;
        error = 0;
    }
    cpu->exc_in_delivery = vector;
    cpu->exc_ext = true;
    ExcEvent ev = { .vector = vector, .has_error = exc_has_error(vector), .error = error, .fault = vector != EXC_DF,
                    .return_rip = cpu->regs[R_RIP] };
    interrupt_deliver(cpu, &ev);
}

/* Runs one delivery (NULL: what is in exc_vector) and what follows from faults in it. */
static void exc_guarded(X86Cpu *cpu, const ExcEvent *ev)
{
    sigjmp_buf outer;
    volatile bool outer_valid = cpu->jmp_valid;
    memcpy(&outer, &cpu->exit_jmp, sizeof(outer));
    cpu->insn = NULL;
    cpu->jmp_valid = true;
    cpu->exc_in_delivery = -1;
    if (sigsetjmp(cpu->exit_jmp, 0) == 0 && ev) {
        cpu->exc_vector = -1;
        cpu->exc_ext = true;
        interrupt_deliver(cpu, ev);
    }
    while (cpu->exc_vector >= 0) {
        exc_deliver_one(cpu);
    }
    cpu->exc_in_delivery = -1;
    cpu->exc_ext = false;
    cpu->jmp_valid = outer_valid;
    memcpy(&cpu->exit_jmp, &outer, sizeof(outer));
}

void x86_deliver_pending(X86Cpu *cpu)
{
    if (cpu->exc_vector >= 0) {
        exc_guarded(cpu, NULL);
    }
}

void x86_interrupt(X86Cpu *cpu, int vector, bool soft, bool int3_or_into, uint64_t return_rip)
{
    if (soft && !int3_or_into && (cpu->mode & MODE_VM86)) {
        interrupt_soft_vm86(cpu, vector, return_rip);
        return;
    }
    ExcEvent ev = { .vector = vector, .soft = soft, .return_rip = return_rip };
    if (soft) {
        interrupt_deliver(cpu, &ev); /* inside an instruction: faults go to the run loop */
    } else {
        exc_guarded(cpu, &ev);
    }
}

/* ---- between instructions ---------------------------------------------------------------------------------- */

void x86_wake(X86Cpu *cpu)
{
    cpu->monitor_armed = false;
    atomic_store(&cpu->vcpu.watches, false);
    atomic_store(&cpu->vcpu.halted, false);
}

static bool exc_take_init(X86Cpu *cpu)
{
    vcpu_event_clear(&cpu->vcpu, VCPU_EV_INIT);
    x86_reset(cpu, true);
    cpu->wait_sipi = !cpu->bsp;
    cpu->shutdown = false;
    atomic_store(&cpu->vcpu.halted, cpu->wait_sipi);
    return true;
}

static bool exc_take_sipi(X86Cpu *cpu)
{
    x86_io_lock(cpu);
    uint8_t vector = cpu->vcpu.sipi_vector;
    x86_io_unlock(cpu);
    vcpu_event_clear(&cpu->vcpu, VCPU_EV_SIPI);
    cpu->wait_sipi = false;
    cpu->seg[SEG_CS].sel = (uint16_t)(vector << 8);
    cpu->seg[SEG_CS].base = (uint64_t)vector << 12;
    cpu->regs[R_RIP] = 0;
    x86_update_mode(cpu);
    x86_wake(cpu);
    return true;
}

void x86_take_start(X86Cpu *cpu)
{
    if ((atomic_load(&cpu->vcpu.events) & VCPU_EV_INIT) && !cpu->smm) {
        exc_take_init(cpu);
    }
    if (!(atomic_load(&cpu->vcpu.events) & VCPU_EV_SIPI)) {
        return;
    }
    if (cpu->wait_sipi) {
        exc_take_sipi(cpu);
    } else {
        vcpu_event_clear(&cpu->vcpu, VCPU_EV_SIPI); /* ignored unless waiting for it */
    }
}

static bool exc_take_intr(X86Cpu *cpu)
{
    const VcpuIntc *intc = cpu->vcpu.intc;
    if (!intc) {
        return false;
    }
    x86_io_lock(cpu);
    int vector = intc->acknowledge(intc->opaque);
    x86_io_unlock(cpu);
    if (vector < 0) {
        return false;
    }
    x86_wake(cpu);
    x86_interrupt(cpu, vector, false, false, cpu->regs[R_RIP]);
    return true;
}

static bool exc_take_mce(X86Cpu *cpu)
{
    vcpu_event_clear(&cpu->vcpu, VCPU_EV_MCE);
    x86_wake(cpu);
    if (!(cpu->cr4 & CR4_MCE) || (cpu->mcg_status & 4)) {
        exc_shutdown(cpu);
    } else {
        cpu->mcg_status |= 4; /* MCIP */
        x86_interrupt(cpu, EXC_MC, false, false, cpu->regs[R_RIP]);
    }
    return true;
}

static bool exc_take_nmi(X86Cpu *cpu)
{
    vcpu_event_clear(&cpu->vcpu, VCPU_EV_NMI);
    cpu->shutdown = false;
    cpu->nmi_blocked = true;
    x86_wake(cpu);
    x86_interrupt(cpu, EXC_NMI, false, false, cpu->regs[R_RIP]);
    return true;
}

/* The most important one that may be taken now. */
static bool exc_take_one(X86Cpu *cpu)
{
    uint32_t events = atomic_load_explicit(&cpu->vcpu.events, memory_order_acquire) & ~(uint32_t)VCPU_EV_EXIT;
    if (G_LIKELY(!events)) {
        return false;
    }
    cpu->insn = NULL;
    if (events & VCPU_EV_TLB) {
        mmu_serve_flush(cpu);
    }
    if (G_UNLIKELY(debugger_holds(cpu))) {
        return false;
    }
    if ((events & VCPU_EV_INIT) && !cpu->smm) {
        exc_take_init(cpu);
        /* A SIPI that came meanwhile is for the CPU after this INIT, and no further event will wake it for that. */
        return cpu->wait_sipi && (events & VCPU_EV_SIPI) ? exc_take_sipi(cpu) : true;
    }
    if (cpu->wait_sipi) {
        return events & VCPU_EV_SIPI ? exc_take_sipi(cpu) : false;
    }
    if (events & VCPU_EV_SIPI) {
        vcpu_event_clear(&cpu->vcpu, VCPU_EV_SIPI); /* ignored unless waiting for it */
    }
    if ((events & VCPU_EV_MCE) && !cpu->shutdown) {
        return exc_take_mce(cpu);
    }
    if ((events & VCPU_EV_SMI) && !cpu->smm && !cpu->shutdown) {
        vcpu_event_clear(&cpu->vcpu, VCPU_EV_SMI);
        smm_enter(cpu);
        return true;
    }
    if ((events & VCPU_EV_NMI) && !cpu->nmi_blocked && !cpu->int_shadow) {
        return exc_take_nmi(cpu);
    }
    if ((events & VCPU_EV_INTR) && (cpu->eflags & FL_IF) && !cpu->int_shadow && !cpu->shutdown) {
        return exc_take_intr(cpu);
    }
    if ((events & VCPU_EV_INTR) && cpu->mwait_breaks && atomic_load(&cpu->vcpu.watches)) {
        x86_wake(cpu);
        return true;
    }
    return false;
}

/* One, and more while it halts: an INIT that came together with its SIPI must not put the vCPU to sleep before that. */
bool x86_take_events(X86Cpu *cpu)
{
    bool any = false;
    while (exc_take_one(cpu)) {
        any = true;
        if (!atomic_load(&cpu->vcpu.halted)) {
            break;
        }
    }
    return any;
}
