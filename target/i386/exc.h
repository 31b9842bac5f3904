/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exceptions and interrupts (SDM vol. 3, chapter 6).  vCPU thread.
 */
#ifndef TARGET_I386_EXC_H
#define TARGET_I386_EXC_H

#include "target/i386/cpu.h"

/* Raise from within an instruction: leave it at once for the run loop, which delivers.  State is that before the instruction. */
void x86_raise(X86Cpu *cpu, int vector) G_GNUC_NORETURN;
void x86_raise_err(X86Cpu *cpu, int vector, uint32_t error) G_GNUC_NORETURN;
void x86_raise_pf(X86Cpu *cpu, uint64_t lin, uint32_t error) G_GNUC_NORETURN;
/* Leave the run loop's current block without an exception; regs[R_RIP] was set to where to go on. */
void x86_exit_block(X86Cpu *cpu) G_GNUC_NORETURN;
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

/* Debug traps after an instruction: single step, data breakpoints. */
void x86_check_debug_trap(X86Cpu *cpu);

#endif
