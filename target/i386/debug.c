/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debug registers: breakpoints on instructions, data and I/O, single step (SDM vol. 3, 17.2 and 17.3).
 * Called by the run loop, the MMU's slow paths and I/O instructions in the vCPU's thread.
 */
#include "util/osdep.h"
#include "target/i386/cpuid.h"
#include "target/i386/debugger.h"
#include "target/i386/seg-int.h"

enum { DR6_BS = 1u << 14, DR7_GD = 1u << 13, BP_EXEC = 0, BP_WRITE = 1, BP_IO = 2, BP_RW = 3 };

static unsigned debug_type(const X86Cpu *cpu, unsigned n)
{
    return (cpu->dr[7] >> (16 + n * 4)) & 3;
}

/* Length in bytes; the encoding 2 means 8. */
static unsigned debug_len(const X86Cpu *cpu, unsigned n)
{
    static const uint8_t len[] = { 1, 2, 8, 4 };
    return len[(cpu->dr[7] >> (18 + n * 4)) & 3];
}

static bool debug_enabled(const X86Cpu *cpu, unsigned n)
{
    return (cpu->dr[7] >> (n * 2)) & 3;
}

static bool debug_overlaps(const X86Cpu *cpu, unsigned n, uint64_t addr, unsigned size)
{
    unsigned len = debug_len(cpu, n);
    uint64_t at = cpu->dr[n] & ~(uint64_t)(len - 1);
    return addr < at + len && at < addr + size;
}

void x86_debug_update(X86Cpu *cpu)
{
    bool slow = (cpu->eflags & FL_TF) || cpu->vcpu.debug.step;
    if (G_UNLIKELY(cpu->dr[7] & 0xff)) {
        for (unsigned n = 0; n < 4; n++) {
            slow |= debug_enabled(cpu, n) && debug_type(cpu, n) == BP_EXEC;
        }
    }
    cpu->dbg_slow = slow;
}

bool x86_debug_page_watched(const X86Cpu *cpu, uint64_t lin)
{
    if (G_UNLIKELY(cpu->vcpu.debug.count) && debugger_page_watched(cpu, lin)) {
        return true;
    }
    if (G_LIKELY(!(cpu->dr[7] & 0xff))) {
        return false;
    }
    for (unsigned n = 0; n < 4; n++) {
        if (debug_enabled(cpu, n) && (debug_type(cpu, n) & 1) && (cpu->dr[n] ^ lin) >> 12 == 0) {
            return true;
        }
    }
    return false;
}

void x86_debug_data(X86Cpu *cpu, uint64_t lin, unsigned size, bool write)
{
    uint32_t hits = 0;
    bool wanted = false;
    for (unsigned n = 0; n < 4; n++) {
        unsigned type = debug_type(cpu, n);
        if ((type == BP_RW || (type == BP_WRITE && write)) && debug_overlaps(cpu, n, lin, size)) {
            hits |= 1u << n;
            wanted |= debug_enabled(cpu, n);
        }
    }
    if (wanted) {
        cpu->dbg_hits |= hits;
    }
    if (G_UNLIKELY(cpu->vcpu.debug.count)) {
        debugger_data(cpu, lin, size, write);
    }
}

void debug_io(X86Cpu *cpu, uint16_t port, unsigned size)
{
    if (G_LIKELY(!(cpu->dr[7] & 0xff)) || !(cpu->cr4 & CR4_DE)) {
        return;
    }
    for (unsigned n = 0; n < 4; n++) {
        if (debug_enabled(cpu, n) && debug_type(cpu, n) == BP_IO && debug_overlaps(cpu, n, port, size)) {
            cpu->dbg_hits |= 1u << n;
        }
    }
}

/* #DB as a fault (before the instruction) leaves by a raise; DR6 is set now. */
void x86_debug_before(X86Cpu *cpu)
{
    cpu->dbg_step = cpu->eflags & FL_TF;
    if (cpu->eflags & FL_RF) {
        cpu->eflags &= ~(uint32_t)FL_RF;
        return;
    }
    if (!(cpu->dr[7] & 0xff) || cpu->int_shadow) {
        return;
    }
    uint64_t lin = cpu->regs[R_RIP] + cpu->lin_base[SEG_CS];
    if (!x86_code64(cpu)) {
        lin = (uint32_t)lin;
    }
    uint32_t hits = 0;
    for (unsigned n = 0; n < 4; n++) {
        if (debug_enabled(cpu, n) && debug_type(cpu, n) == BP_EXEC && cpu->dr[n] == lin) {
            hits |= 1u << n;
        }
    }
    if (hits) {
        cpu->dr[6] = (cpu->dr[6] & ~(uint64_t)0xf) | hits;
        x86_raise(cpu, EXC_DB);
    }
}

static void debug_trap(X86Cpu *cpu, uint32_t hits)
{
    cpu->dr[6] = (cpu->dr[6] & ~(uint64_t)0xf) | hits;
    cpu->dr[7] &= ~(uint64_t)DR7_GD;
    atomic_store(&cpu->vcpu.halted, false);
    x86_interrupt(cpu, EXC_DB, false, false, cpu->regs[R_RIP]);
}

void x86_check_debug_trap(X86Cpu *cpu)
{
    uint32_t hits = cpu->dbg_hits | (cpu->dbg_step ? (uint32_t)DR6_BS : 0);
    cpu->dbg_hits = 0;
    cpu->dbg_step = false;
    if (hits & ~DEBUGGER_HIT) {
        debug_trap(cpu, hits & ~DEBUGGER_HIT);
    }
    if (hits & DEBUGGER_HIT) {
        debugger_watched(cpu);
    }
    debugger_after(cpu);
}

uint64_t debug_read_dr(X86Cpu *cpu, unsigned n)
{
    if (n == 4 || n == 5) {
        if (cpu->cr4 & CR4_DE) {
            x86_raise(cpu, EXC_UD);
        }
        n += 2;
    }
    return cpu->dr[n];
}

void debug_check_gd(X86Cpu *cpu)
{
    if (cpu->dr[7] & DR7_GD) {
        cpu->dr[6] |= 1u << 13; /* BD */
        cpu->dr[7] &= ~(uint64_t)DR7_GD;
        x86_raise(cpu, EXC_DB);
    }
}

void debug_write_dr(X86Cpu *cpu, unsigned n, uint64_t v)
{
    if (n == 4 || n == 5) {
        if (cpu->cr4 & CR4_DE) {
            x86_raise(cpu, EXC_UD);
        }
        n += 2;
    }
    if (n >= 6 && v >> 32) {
        x86_raise_gp0(cpu);
    }
    if (n == 6) {
        v = (v & 0xe00f) | 0xffff0ff0;
    } else if (n == 7) {
        v = (v & 0xffff23ff) | 0x400;
    }
    bool watches = ((cpu->dr[7] | (n == 7 ? v : 0)) & 0xff) != 0;
    cpu->dr[n] = v;
    if (watches) {
        tlb_flush_all(cpu); /* which pages are watched may have changed */
    }
    x86_debug_update(cpu);
}
