/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exceptions and interrupts (SDM vol. 3, chapter 6).  vCPU thread.
 */
#ifndef TARGET_I386_EXC_H
#define TARGET_I386_EXC_H

#include "target/i386/cpu.h"

/*
 * Raise from within an instruction: leave it at once for the run loop, which delivers.  State is that before the instruction.
 * With cpu->insn set, these add its offset to regs[R_RIP] and clear cpu->insn, so that regs[R_RIP] is the faulting instruction's own
 * address when the run loop's sigsetjmp returns.  So cpu->insn must be NULL whenever no instruction is executing (between blocks).
 */
void x86_raise(X86Cpu *cpu, int vector) G_GNUC_NORETURN;
void x86_raise_err(X86Cpu *cpu, int vector, uint32_t error) G_GNUC_NORETURN;
void x86_raise_pf(X86Cpu *cpu, uint64_t lin, uint32_t error) G_GNUC_NORETURN;
/* Leave the run loop's current block without an exception; regs[R_RIP] was set to where to go on. */
void x86_exit_block(X86Cpu *cpu) G_GNUC_NORETURN;
/* The same, halted, with RIP at the instruction that was being executed: it begins anew behind the next interrupt. */
void x86_wait_before_insn(X86Cpu *cpu) G_GNUC_NORETURN;
static inline void x86_raise_gp0(X86Cpu *cpu) G_GNUC_NORETURN;
static inline void x86_raise_gp0(X86Cpu *cpu)
{
    x86_raise_err(cpu, EXC_GP, 0);
}

/* For the run loop: regs[R_RIP] is the address of the faulting instruction.  Delivers cpu->exc_*, merging into double and triple
 * fault (which requests a reset); itself catches faults of the delivery. */
void x86_deliver_pending(X86Cpu *cpu);
/* External interrupt, or software INT n / INT3 / INTO (@soft) with its return address. */
void x86_interrupt(X86Cpu *cpu, int vector, bool soft, bool int3_or_into, uint64_t return_rip);

/*
 * Takes what waits in vcpu.events and may be taken now (SMI, INIT, NMI, INTR with IF and no shadow, SIPI), in order of priority.
 * Returns true when regs[R_RIP] changed or the CPU left a halt.  Run loop, between blocks, no big lock.
 */
bool x86_take_events(X86Cpu *cpu);
/* The end of a halt. */
void x86_wake(X86Cpu *cpu);
bool x86_watch_over(Vcpu *v); /* TargetOps.watch_over */
/* Of these, INIT and start-up messages only: for an accelerator that delivers everything else itself. */
void x86_take_start(X86Cpu *cpu);

/*
 * Debugging.  While cpu->dbg_slow, the run loop executes one instruction at a time and calls x86_debug_before() (instruction breakpoints:
 * may raise) before it and x86_check_debug_trap() (single step, data breakpoints: delivers #DB) after it, with regs[R_RIP] exact.
 * Otherwise it calls x86_check_debug_trap() after a block when cpu->dbg_hits is set, and leaves the block after the instruction
 * that set it.
 */
void x86_debug_before(X86Cpu *cpu);
void x86_check_debug_trap(X86Cpu *cpu);
/* For the TLB: does an enabled data breakpoint lie in the page at @lin?  Then its fast tags must not match. */
bool x86_debug_page_watched(const X86Cpu *cpu, uint64_t lin);
/* For the slow paths: notes breakpoints that an access hits, in cpu->dbg_hits. */
void x86_debug_data(X86Cpu *cpu, uint64_t lin, unsigned size, bool write);
/* After a change of DR7, TF or CR4.DE: cpu->dbg_slow. */
void x86_debug_update(X86Cpu *cpu);

#endif
