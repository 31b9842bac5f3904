/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stops that a debugger outside the guest asked for: see debugger.h.  vCPU thread, no big lock. */
#include "util/osdep.h"
#include "target/i386/debugger.h"

#include "system/runstate.h"
#include "target/i386/exc.h"
#include "target/i386/mem.h"

/* The vCPU parks and the machine stops.  RIP is exact. */
static void debugger_stop(X86Cpu *cpu, DebugStop why)
{
    cpu->vcpu.debug.stop = why;
    x86_io_lock(cpu);
    vm_stop_request(RUN_DEBUG);
    x86_io_unlock(cpu);
}

static bool debugger_is_code(const DebugPoint *p)
{
    return p->kind == DEBUG_CODE || p->kind == DEBUG_CODE_HW;
}

bool debugger_page_offset(const X86Cpu *cpu, uint64_t lin)
{
    const VcpuDebug *d = &cpu->vcpu.debug;

    for (unsigned n = 0; n < d->count; n++) {
        if (debugger_is_code(&d->points[n]) && ((d->points[n].addr ^ lin) & 0xfff) == 0) {
            return true;
        }
    }
    return false;
}

void debugger_before(X86Cpu *cpu, uint64_t lin)
{
    VcpuDebug *d = &cpu->vcpu.debug;
    bool pass = d->pass && lin == d->hit_addr;

    d->pass = false;
    for (unsigned n = 0; n < d->count && !pass; n++) {
        if (debugger_is_code(&d->points[n]) && d->points[n].addr == lin) {
            d->hit = d->points[n].kind;
            d->hit_addr = lin;
            debugger_stop(cpu, DEBUG_AT_POINT);
            x86_exit_block(cpu);
        }
    }
}

static bool debugger_wants(const DebugPoint *p, bool write)
{
    return p->kind == DEBUG_ACCESS || p->kind == (write ? DEBUG_WRITE : DEBUG_READ);
}

bool debugger_page_watched(const X86Cpu *cpu, uint64_t lin)
{
    const VcpuDebug *d = &cpu->vcpu.debug;
    uint64_t page = lin & ~(uint64_t)0xfff;

    for (unsigned n = 0; n < d->count; n++) {
        const DebugPoint *p = &d->points[n]; /* p->addr + p->len does not wrap */

        if (!debugger_is_code(p) && p->addr <= (page | 0xfff) && p->addr + (p->len - 1) >= page) {
            return true;
        }
    }
    return false;
}

void debugger_data(X86Cpu *cpu, uint64_t lin, unsigned size, bool write)
{
    VcpuDebug *d = &cpu->vcpu.debug;

    for (unsigned n = 0; n < d->count && !(cpu->dbg_hits & DEBUGGER_HIT); n++) {
        const DebugPoint *p = &d->points[n];

        if (debugger_wants(p, write) && p->addr <= lin + (size - 1) && p->addr + (p->len - 1) >= lin) {
            d->hit = p->kind;
            d->hit_addr = p->addr;
            cpu->dbg_hits |= DEBUGGER_HIT;
        }
    }
}

void debugger_watched(X86Cpu *cpu)
{
    if (cpu->vcpu.debug.stop == DEBUG_NO_STOP) {
        debugger_stop(cpu, DEBUG_AT_POINT);
    }
}

void debugger_stepped(X86Cpu *cpu)
{
    if (cpu->vcpu.debug.stop == DEBUG_NO_STOP) {
        debugger_stop(cpu, DEBUG_STEPPED);
    }
}
