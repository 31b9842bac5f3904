/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Far jumps and calls: direct, through call gates, to tasks (SDM vol. 2, JMP and CALL; vol. 3, 5.8).
 * Everything is checked and read first; registers change at the end.  vCPU thread.
 */
#include "util/osdep.h"
#include "target/i386/seg-int.h"

static uint64_t far_mask(unsigned opsize)
{
    return opsize == 8 ? UINT64_MAX : opsize == 4 ? 0xffffffff : 0xffff;
}

/* Puts the new code segment and instruction pointer in force; @cpl becomes the privilege level. */
static void far_commit_cs(X86Cpu *cpu, const X86Seg *cs, unsigned cpl, uint64_t off)
{
    cpu->seg[SEG_CS] = *cs;
    cpu->seg[SEG_CS].sel = (uint16_t)((cs->sel & ~3u) | cpl);
    seg_set_cpl(cpu, cpl);
    cpu->regs[R_RIP] = off;
    x86_update_mode(cpu);
}

static void far_real_cs(X86Cpu *cpu, uint16_t sel, uint64_t off)
{
    cpu->seg[SEG_CS] = seg_real(cpu, SEG_CS, sel);
    cpu->regs[R_RIP] = off;
    x86_update_mode(cpu);
}

/* Direct transfers: the target must be code of this privilege, or conforming. */
static void far_check_direct(X86Cpu *cpu, uint16_t sel, const SegDesc *d)
{
    if (!seg_code_size_legal(cpu, d)) {
        seg_fault(cpu, EXC_GP, sel);
    }
    if (d->hi & SEG_E) {
        if (desc_dpl(d) > cpu->cpl) {
            seg_fault(cpu, EXC_GP, sel);
        }
    } else if ((sel & 3u) > cpu->cpl || desc_dpl(d) != cpu->cpl) {
        seg_fault(cpu, EXC_GP, sel);
    }
    if (!desc_present(d)) {
        seg_fault(cpu, EXC_NP, sel);
    }
}

/* A call gate's contents, checked as far as jumps and calls agree. */
typedef struct FarGate {
    SegDesc code;
    uint16_t sel;
    uint64_t off;
    unsigned opsize, params;
} FarGate;

static FarGate far_read_gate(X86Cpu *cpu, const SegDesc *d, bool jmp)
{
    FarGate g = { .sel = (uint16_t)(d->lo >> 16), .off = (d->lo & 0xffff) | (d->hi & 0xffff0000), .params = d->hi & 31 };
    g.opsize = desc_type(d) == DESC_CALL32 ? 4 : 2;
    if (x86_long_mode(cpu)) {
        uint32_t high = (uint32_t)mem_load_sys(cpu, d->lin + 8, 4);
        uint32_t type = (uint32_t)mem_load_sys(cpu, d->lin + 12, 4);
        if (type & 0x1f00) {
            seg_fault(cpu, EXC_GP, d->sel);
        }
        g.off |= (uint64_t)high << 32;
        g.opsize = 8;
        g.params = 0;
    } else if (g.opsize == 2) {
        g.off &= 0xffff;
    }
    if (!desc_present(d)) {
        seg_fault(cpu, EXC_NP, d->sel);
    }
    if (sel_null(g.sel)) {
        x86_raise_gp0(cpu);
    }
    seg_fetch_or(cpu, g.sel, &g.code, EXC_GP);
    bool conforming = g.code.hi & SEG_E;
    if (!desc_is_code(&g.code) || desc_dpl(&g.code) > cpu->cpl || (jmp && !conforming && desc_dpl(&g.code) != cpu->cpl)) {
        seg_fault(cpu, EXC_GP, g.sel);
    }
    if (x86_long_mode(cpu) && (g.code.hi & (SEG_L | SEG_DB)) != SEG_L) {
        seg_fault(cpu, EXC_GP, g.sel);
    }
    if (!desc_present(&g.code)) {
        seg_fault(cpu, EXC_NP, g.sel);
    }
    return g;
}

/* Task gates and TSS selectors; true when it was one and the switch has happened. */
static bool far_task(X86Cpu *cpu, const SegDesc *d, TaskSwitch why, uint64_t next_rip)
{
    unsigned type = desc_type(d);
    uint16_t tss = d->sel;
    if (type == DESC_TASK) {
        if (!desc_present(d)) {
            seg_fault(cpu, EXC_NP, d->sel);
        }
        tss = (uint16_t)(d->lo >> 16);
    } else if (type != DESC_TSS16 && type != DESC_TSS32) {
        return false;
    }
    x86_task_switch(cpu, tss, why, next_rip, false, 0);
    return true;
}

/* System descriptors: right type and privilege for a transfer, or #GP. */
static void far_check_system(X86Cpu *cpu, uint16_t sel, const SegDesc *d)
{
    unsigned type = desc_type(d);
    bool ok = type == DESC_CALL32;
    if (!x86_long_mode(cpu)) {
        ok |= type == DESC_CALL16 || type == DESC_TASK || type == DESC_TSS16 || type == DESC_TSS32;
    }
    if (!ok || desc_dpl(d) < cpu->cpl || desc_dpl(d) < (sel & 3u)) {
        seg_fault(cpu, EXC_GP, sel);
    }
}

void x86_far_jmp(X86Cpu *cpu, uint16_t sel, uint64_t off, unsigned opsize, uint64_t next_rip)
{
    off &= far_mask(opsize);
    if (!x86_protected(cpu)) {
        X86Seg cs = seg_real(cpu, SEG_CS, sel);
        seg_check_ip(cpu, &cs, off);
        far_real_cs(cpu, sel, off);
        return;
    }
    if (sel_null(sel)) {
        x86_raise_gp0(cpu);
    }
    SegDesc d;
    seg_fetch_or(cpu, sel, &d, EXC_GP);
    if (desc_is_code(&d)) {
        far_check_direct(cpu, sel, &d);
        X86Seg cs = seg_from_desc(&d, sel);
        seg_check_ip(cpu, &cs, off);
        seg_mark_accessed(cpu, &d);
        cs.attr |= SEG_A;
        far_commit_cs(cpu, &cs, cpu->cpl, off);
        return;
    }
    if (d.hi & SEG_S) {
        seg_fault(cpu, EXC_GP, sel);
    }
    far_check_system(cpu, sel, &d);
    if (far_task(cpu, &d, TASK_JMP, next_rip)) {
        return;
    }
    FarGate g = far_read_gate(cpu, &d, true);
    X86Seg cs = seg_from_desc(&g.code, g.sel);
    seg_check_ip(cpu, &cs, g.off);
    seg_mark_accessed(cpu, &g.code);
    far_commit_cs(cpu, &cs, cpu->cpl, g.off);
}

/* Call gate to a more privileged level: the TSS's stack, with the old stack pointer and the parameters on it. */
static void far_call_inner(X86Cpu *cpu, FarGate *g, uint64_t next_rip)
{
    unsigned cpl = desc_dpl(&g->code);
    SegDesc ss_desc = { 0 };
    FarStack s, old = far_stack_current(cpu);
    bool lma = x86_long_mode(cpu);
    if (lma) {
        X86Seg ss = seg_null_ss64((uint16_t)cpl, cpl);
        s = far_stack_new(cpu, &ss, far_rsp_from_tss64(cpu, cpl), cpl, true);
        ss.sel = (uint16_t)cpl;
    } else {
        s = far_stack_from_tss(cpu, cpl, &ss_desc);
    }
    far_push(&s, cpu->seg[SEG_SS].sel, g->opsize);
    far_push(&s, cpu->regs[R_RSP], g->opsize);
    for (unsigned n = g->params; n-- > 0;) {
        FarStack param = old;
        param.sp = old.sp + n * g->opsize;
        far_push(&s, far_pop(&param, g->opsize), g->opsize);
    }
    far_push(&s, cpu->seg[SEG_CS].sel, g->opsize);
    far_push(&s, next_rip, g->opsize);
    X86Seg cs = seg_from_desc(&g->code, g->sel);
    seg_check_ip(cpu, &cs, g->off);
    if (!lma) {
        seg_mark_accessed(cpu, &ss_desc);
    }
    seg_mark_accessed(cpu, &g->code);
    cpu->seg[SEG_SS] = s.ss;
    far_stack_commit(&s);
    far_commit_cs(cpu, &cs, cpl, g->off);
}

static void far_call_gate(X86Cpu *cpu, const SegDesc *d, uint64_t next_rip)
{
    FarGate g = far_read_gate(cpu, d, false);
    if (!(g.code.hi & SEG_E) && desc_dpl(&g.code) < cpu->cpl) {
        far_call_inner(cpu, &g, next_rip);
        return;
    }
    FarStack s = far_stack_current(cpu);
    if (x86_long_mode(cpu) && !s.flat64) {
        s = far_stack_new(cpu, &cpu->seg[SEG_SS], (uint32_t)cpu->regs[R_RSP], cpu->cpl, true);
    }
    far_push(&s, cpu->seg[SEG_CS].sel, g.opsize);
    far_push(&s, next_rip, g.opsize);
    X86Seg cs = seg_from_desc(&g.code, g.sel);
    seg_check_ip(cpu, &cs, g.off);
    seg_mark_accessed(cpu, &g.code);
    far_stack_commit(&s);
    far_commit_cs(cpu, &cs, cpu->cpl, g.off);
}

void x86_far_call(X86Cpu *cpu, uint16_t sel, uint64_t off, unsigned opsize, uint64_t next_rip)
{
    off &= far_mask(opsize);
    SegDesc d;
    X86Seg cs;
    if (!x86_protected(cpu)) {
        cs = seg_real(cpu, SEG_CS, sel);
    } else {
        if (sel_null(sel)) {
            x86_raise_gp0(cpu);
        }
        seg_fetch_or(cpu, sel, &d, EXC_GP);
        if (!desc_is_code(&d)) {
            if (d.hi & SEG_S) {
                seg_fault(cpu, EXC_GP, sel);
            }
            far_check_system(cpu, sel, &d);
            if (!far_task(cpu, &d, TASK_CALL, next_rip)) {
                far_call_gate(cpu, &d, next_rip);
            }
            return;
        }
        far_check_direct(cpu, sel, &d);
        cs = seg_from_desc(&d, sel);
    }
    FarStack s = far_stack_current(cpu);
    far_push(&s, cpu->seg[SEG_CS].sel, opsize);
    far_push(&s, next_rip, opsize);
    seg_check_ip(cpu, &cs, off);
    if (!x86_protected(cpu)) {
        far_stack_commit(&s);
        far_real_cs(cpu, sel, off);
        return;
    }
    seg_mark_accessed(cpu, &d);
    far_stack_commit(&s);
    far_commit_cs(cpu, &cs, cpu->cpl, off);
}
