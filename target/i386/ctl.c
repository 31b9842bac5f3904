/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control registers and RFLAGS as a whole, and what follows from them (SDM vol. 3, 2.3, 2.5; 4.1; 4.10.4).
 * Called by MOV CR, LMSW, flag instructions, returns, task switches in the vCPU's thread.
 */
#include "util/osdep.h"
#include "target/i386/cpuid.h"
#include "target/i386/flags.h"
#include "target/i386/mem.h"
#include "target/i386/seg-int.h"

uint64_t x86_get_rflags(X86Cpu *cpu)
{
    return (cpu->eflags & ~(uint32_t)FL_ARITH) | flags_compute(cpu) | 2;
}

void x86_set_rflags(X86Cpu *cpu, uint64_t v, uint64_t mask)
{
    uint32_t old = cpu->eflags;
    if (mask & FL_ARITH) {
        uint32_t arith = flags_compute(cpu);
        flags_set(cpu, (uint32_t)((arith & ~mask) | (v & mask & FL_ARITH)));
    }
    mask &= FL_TF | FL_IF | FL_DF | FL_IOPL | FL_NT | FL_RF | FL_VM | FL_AC | FL_VIF | FL_VIP | FL_ID;
    cpu->eflags = (uint32_t)((cpu->eflags & ~mask) | (v & mask)) | 2;
    uint32_t changed = old ^ cpu->eflags;
    if (changed & (FL_VM | FL_AC)) {
        x86_update_mode(cpu);
    } else if (changed & FL_TF) {
        x86_debug_update(cpu);
    }
}

/* Turns long mode on or off with CR0.PG; raises when that is not allowed. */
static uint64_t ctl_paging_efer(X86Cpu *cpu, uint64_t v)
{
    bool on = v & CR0_PG, was = cpu->cr0 & CR0_PG;
    if (on && !was && (cpu->efer & EFER_LME)) {
        if (!(cpu->cr4 & CR4_PAE) || (cpu->seg[SEG_CS].attr & SEG_L) || !(cpu->seg[SEG_TR].attr & 0x800)) {
            x86_raise_gp0(cpu);
        }
        return cpu->efer | EFER_LMA;
    }
    if (!on && was) {
        if (x86_code64(cpu) || (cpu->cr4 & CR4_PCIDE)) {
            x86_raise_gp0(cpu);
        }
        return cpu->efer & ~(uint64_t)EFER_LMA;
    }
    return cpu->efer;
}

/* PAE paging would be in force with these values: reads its upper entries from where @cr3 points, or raises. */
static void ctl_load_pdptes(X86Cpu *cpu, uint64_t cr0, uint64_t cr4, uint64_t efer, uint64_t cr3)
{
    if ((cr0 & CR0_PG) && (cr4 & CR4_PAE) && !(efer & EFER_LMA) && !mmu_load_pdptes(cpu, cr3)) {
        x86_raise_gp0(cpu);
    }
}

void x86_set_cr0(X86Cpu *cpu, uint64_t v)
{
    if (v >> 32 || ((v & CR0_PG) && !(v & CR0_PE)) || ((v & CR0_NW) && !(v & CR0_CD))) {
        x86_raise_gp0(cpu);
    }
    v &= CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;
    v |= CR0_ET;
    uint64_t efer = ctl_paging_efer(cpu, v);
    uint64_t changed = v ^ cpu->cr0;
    if (changed & (CR0_CD | CR0_NW | CR0_PG)) {
        ctl_load_pdptes(cpu, v, cpu->cr4, efer, cpu->cr3);
    }
    cpu->efer = efer;
    cpu->cr0 = v;
    if (changed & CR0_PE) {
        cpu->cpl = 0;
    }
    if (changed & (CR0_PG | CR0_WP | CR0_PE)) {
        tlb_flush_all(cpu);
    }
    x86_update_mode(cpu);
}

void x86_set_cr3(X86Cpu *cpu, uint64_t v)
{
    bool keep = false;
    if (cpu->cr4 & CR4_PCIDE) {
        keep = v >> 63;
        v &= INT64_MAX;
    }
    if (x86_long_mode(cpu)) {
        if (v & ~cpu->phys_mask & ~(uint64_t)0xfff) {
            x86_raise_gp0(cpu);
        }
    } else {
        v = (uint32_t)v;
        ctl_load_pdptes(cpu, cpu->cr0, cpu->cr4, cpu->efer, v);
    }
    cpu->cr3 = v;
    tlb_switch(cpu, keep);
}

void x86_set_cr4(X86Cpu *cpu, uint64_t v)
{
    uint64_t changed = v ^ cpu->cr4;
    if (v & ~cpuid_cr4_valid(cpu)) {
        x86_raise_gp0(cpu);
    }
    if (x86_long_mode(cpu) && (!(v & CR4_PAE) || (changed & CR4_LA57))) {
        x86_raise_gp0(cpu);
    }
    if ((v & changed & CR4_PCIDE) && (!x86_long_mode(cpu) || (cpu->cr3 & 0xfff))) {
        x86_raise_gp0(cpu);
    }
    if (changed & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)) {
        ctl_load_pdptes(cpu, cpu->cr0, v, cpu->efer, cpu->cr3);
    }
    cpu->cr4 = v;
    if (changed & (CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP | CR4_SMAP | CR4_PCIDE | CR4_LA57 | CR4_PKE)) {
        tlb_flush_all(cpu);
    }
    x86_update_mode(cpu);
}
