/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stops that a debugger outside the guest asked for (Vcpu.debug): breakpoints, watchpoints, single steps.  The guest sees
 * nothing of them.  vCPU thread.
 *
 * For engines: a block ends before an instruction at which debugger_may_stop() says so, and a block that begins at one is only
 * entered after debugger_before().  While Vcpu.debug.step is set, dbg_slow is too (exc.h).  debugger_after() comes after each
 * instruction of that slow kind, each delivered exception and each event taken.
 */
#ifndef TARGET_I386_DEBUGGER_H
#define TARGET_I386_DEBUGGER_H

#include "target/i386/cpu.h"

#define DEBUGGER_HIT ((uint32_t)1 << 31) /* in X86Cpu.dbg_hits: a watchpoint, to be reported after this instruction */

/*
 * Might a breakpoint be at @lin?  Looks at the offset in the page only, so that the answer for a block, which lies in one page,
 * is the same at whatever address the page is mapped.
 */
bool debugger_page_offset(const X86Cpu *cpu, uint64_t lin);
static inline bool debugger_may_stop(const X86Cpu *cpu, uint64_t lin)
{
    return G_UNLIKELY(cpu->vcpu.debug.count) && debugger_page_offset(cpu, lin);
}

/* Between instructions, the next one at @lin: leaves for the run loop when a breakpoint is there. */
void debugger_before(X86Cpu *cpu, uint64_t lin);

/* For the TLB and the slow paths of memory, as those of exc.h for the guest's own debug registers. */
bool debugger_page_watched(const X86Cpu *cpu, uint64_t lin);
void debugger_data(X86Cpu *cpu, uint64_t lin, unsigned size, bool write);

/* Between instructions: a watchpoint was hit; a step is done. */
void debugger_watched(X86Cpu *cpu);
void debugger_stepped(X86Cpu *cpu);
static inline void debugger_after(X86Cpu *cpu)
{
    if (G_UNLIKELY(cpu->vcpu.debug.step)) {
        debugger_stepped(cpu);
    }
}

/* No interrupt may be taken: a stop is on its way, or exactly one instruction shall run. */
static inline bool debugger_holds(const X86Cpu *cpu)
{
    const VcpuDebug *d = &cpu->vcpu.debug;

    return d->stop != DEBUG_NO_STOP || (d->step && !d->step_interrupts && !atomic_load(&cpu->vcpu.halted));
}

#endif
