/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Delivery of one interrupt or exception through the IVT or IDT (SDM vol. 3, chapter 6, 20.1.4, 20.3; AMD APM vol. 2, chapter 8).
 * Called by exc.c with cpu->exc_ext set for everything but INT n.  Everything is checked and pushed first; registers
 * change at the end.  vCPU thread.
 */
#include "util/osdep.h"
#include "target/i386/seg-int.h"
#include "util/log.h"

static void interrupt_real(X86Cpu *cpu, const ExcEvent *ev)
{
    if ((unsigned)ev->vector * 4 + 3 > cpu->idt.limit) {
        x86_raise_err(cpu, EXC_GP, (uint32_t)ev->vector * 8 + 2);
    }
    uint32_t entry = (uint32_t)mem_load_sys(cpu, cpu->idt.base + (unsigned)ev->vector * 4, 4);
    FarStack s = far_stack_current(cpu);
    far_push(&s, x86_get_rflags(cpu) & 0xffff, 2);
    far_push(&s, cpu->seg[SEG_CS].sel, 2);
    far_push(&s, ev->return_rip, 2);
    far_stack_commit(&s);
    cpu->eflags &= ~(uint32_t)(FL_IF | FL_TF | FL_AC | FL_RF);
    cpu->seg[SEG_CS] = seg_real(cpu, SEG_CS, (uint16_t)(entry >> 16));
    cpu->regs[R_RIP] = entry & 0xffff;
    x86_update_mode(cpu);
}

/* The error code that names a vector of the IDT. */
static void interrupt_idt_fault(X86Cpu *cpu, int fault, int vector)
{
    x86_raise_err(cpu, fault, (uint32_t)vector * 8 + 2);
}

typedef struct IntGate {
    SegDesc gate, code;
    uint64_t off;
    uint16_t sel;
    unsigned type, ist;
} IntGate;

static void interrupt_read_gate(X86Cpu *cpu, const ExcEvent *ev, IntGate *g)
{
    bool lma = x86_long_mode(cpu);
    unsigned size = lma ? 16 : 8;
    unsigned at = (unsigned)ev->vector * size;
    if (at + size - 1 > cpu->idt.limit) {
        interrupt_idt_fault(cpu, EXC_GP, ev->vector);
    }
    uint64_t lin = cpu->idt.base + at;
    if (!lma) {
        lin = (uint32_t)lin;
    }
    uint64_t raw = mem_load_sys(cpu, lin, 8);
    g->gate = (SegDesc) { .lo = (uint32_t)raw, .hi = (uint32_t)(raw >> 32), .lin = lin };
    g->sel = (uint16_t)(g->gate.lo >> 16);
    g->off = (g->gate.lo & 0xffff) | (g->gate.hi & 0xffff0000);
    g->type = g->gate.hi & SEG_S ? 0 : desc_type(&g->gate);
    g->ist = 0;
    bool ok = g->type == DESC_INT32 || g->type == DESC_TRAP32;
    if (lma) {
        g->ist = g->gate.hi & 7;
        g->off |= mem_load_sys(cpu, lin + 8, 4) << 32;
    } else {
        ok |= g->type == DESC_INT16 || g->type == DESC_TRAP16 || g->type == DESC_TASK;
        if (g->type == DESC_INT16 || g->type == DESC_TRAP16) {
            g->off &= 0xffff;
        }
    }
    if (!ok || (ev->soft && desc_dpl(&g->gate) < cpu->cpl)) {
        interrupt_idt_fault(cpu, EXC_GP, ev->vector);
    }
    if (!desc_present(&g->gate)) {
        interrupt_idt_fault(cpu, EXC_NP, ev->vector);
    }
}

static void interrupt_read_code(X86Cpu *cpu, IntGate *g)
{
    if (sel_null(g->sel)) {
        x86_raise_gp0(cpu);
    }
    seg_fetch_or(cpu, g->sel, &g->code, EXC_GP);
    if (!desc_is_code(&g->code) || desc_dpl(&g->code) > cpu->cpl) {
        seg_fault(cpu, EXC_GP, g->sel);
    }
    if (x86_long_mode(cpu) && (g->code.hi & (SEG_L | SEG_DB)) != SEG_L) {
        seg_fault(cpu, EXC_GP, g->sel);
    }
    if (!desc_present(&g->code)) {
        seg_fault(cpu, EXC_NP, g->sel);
    }
}

/* Code segment, flags and instruction pointer: the common end. */
static void interrupt_commit(X86Cpu *cpu, IntGate *g, unsigned cpl)
{
    X86Seg cs = seg_from_desc(&g->code, (uint16_t)((g->sel & ~3u) | cpl));
    cs.attr |= SEG_A;
    uint32_t clear = FL_TF | FL_VM | FL_RF | FL_NT;
    if (g->type == DESC_INT16 || g->type == DESC_INT32) {
        clear |= FL_IF;
    }
    cpu->eflags &= ~clear;
    cpu->seg[SEG_CS] = cs;
    seg_set_cpl(cpu, cpl);
    cpu->regs[R_RIP] = g->off;
    x86_update_mode(cpu);
}

static uint64_t interrupt_saved_flags(X86Cpu *cpu, const ExcEvent *ev)
{
    uint64_t flags = x86_get_rflags(cpu);
    if (ev->soft && (cpu->mode & MODE_VM86) && x86_iopl(cpu) < 3 && (cpu->cr4 & CR4_VME)) {
        flags = (flags & ~(uint64_t)FL_IF) | (flags & FL_VIF ? (uint64_t)FL_IF : 0) | FL_IOPL;
    }
    return ev->fault ? flags | FL_RF : flags & ~(uint64_t)FL_RF;
}

static void interrupt_long(X86Cpu *cpu, const ExcEvent *ev, IntGate *g)
{
    interrupt_read_code(cpu, g);
    bool inner = !(g->code.hi & SEG_E) && desc_dpl(&g->code) < cpu->cpl;
    unsigned cpl = inner ? desc_dpl(&g->code) : cpu->cpl;
    uint64_t sp = cpu->regs[R_RSP];
    if (g->ist) {
        sp = far_rsp_from_tss64(cpu, g->ist + 3);
    } else if (inner) {
        sp = far_rsp_from_tss64(cpu, cpl);
    } else if (!x86_code64(cpu)) {
        sp = (uint32_t)sp;
    }
    X86Seg ss = inner ? seg_null_ss64((uint16_t)cpl, cpl) : cpu->seg[SEG_SS];
    if (!x86_canonical(sp)) {
        x86_raise_err(cpu, EXC_SS, 0);
    }
    FarStack s = far_stack_new(cpu, &ss, sp & ~(uint64_t)15, cpl, true);
    far_push(&s, cpu->seg[SEG_SS].sel, 8);
    far_push(&s, cpu->regs[R_RSP], 8);
    far_push(&s, interrupt_saved_flags(cpu, ev), 8);
    far_push(&s, cpu->seg[SEG_CS].sel, 8);
    far_push(&s, ev->return_rip, 8);
    if (ev->has_error) {
        far_push(&s, ev->error, 8);
    }
    if (!x86_canonical(g->off)) {
        x86_raise_gp0(cpu);
    }
    seg_mark_accessed(cpu, &g->code);
    cpu->seg[SEG_SS] = ss;
    cpu->regs[R_RSP] = s.sp;
    interrupt_commit(cpu, g, cpl);
}

static void interrupt_push_frame(X86Cpu *cpu, const ExcEvent *ev, FarStack *s, unsigned size)
{
    far_push(s, interrupt_saved_flags(cpu, ev), size);
    far_push(s, cpu->seg[SEG_CS].sel, size);
    far_push(s, ev->return_rip, size);
    if (ev->has_error) {
        far_push(s, ev->error, size);
    }
}

/* To a more privileged level: the TSS's stack; from virtual-8086 mode with the data segments on it. */
static void interrupt_inner(X86Cpu *cpu, const ExcEvent *ev, IntGate *g, unsigned size)
{
    static const uint8_t vm_segs[] = { SEG_GS, SEG_FS, SEG_DS, SEG_ES };
    bool vm = cpu->mode & MODE_VM86;
    unsigned cpl = desc_dpl(&g->code);
    if (vm && cpl != 0) {
        seg_fault(cpu, EXC_GP, g->sel);
    }
    SegDesc ss_desc;
    FarStack s = far_stack_from_tss(cpu, cpl, &ss_desc);
    if (vm) {
        for (unsigned n = 0; n < G_N_ELEMENTS(vm_segs); n++) {
            far_push(&s, cpu->seg[vm_segs[n]].sel, size);
        }
    }
    far_push(&s, cpu->seg[SEG_SS].sel, size);
    far_push(&s, cpu->regs[R_RSP], size);
    interrupt_push_frame(cpu, ev, &s, size);
    X86Seg cs = seg_from_desc(&g->code, g->sel);
    seg_check_ip(cpu, &cs, g->off);
    seg_mark_accessed(cpu, &ss_desc);
    seg_mark_accessed(cpu, &g->code);
    if (vm) {
        for (unsigned n = 0; n < G_N_ELEMENTS(vm_segs); n++) {
            cpu->seg[vm_segs[n]] = seg_null(0);
        }
    }
    cpu->seg[SEG_SS] = s.ss;
    cpu->seg[SEG_SS].attr |= SEG_A;
    far_stack_commit(&s);
    interrupt_commit(cpu, g, cpl);
}

static void interrupt_protected(X86Cpu *cpu, const ExcEvent *ev)
{
    IntGate g;
    interrupt_read_gate(cpu, ev, &g);
    if (g.type == DESC_TASK) {
        x86_task_switch(cpu, g.sel, TASK_INT, ev->return_rip, ev->has_error, ev->error);
        return;
    }
    if (x86_long_mode(cpu)) {
        interrupt_long(cpu, ev, &g);
        return;
    }
    interrupt_read_code(cpu, &g);
    unsigned size = g.type == DESC_INT32 || g.type == DESC_TRAP32 ? 4 : 2;
    if (!(g.code.hi & SEG_E) && desc_dpl(&g.code) < cpu->cpl) {
        interrupt_inner(cpu, ev, &g, size);
        return;
    }
    if (cpu->mode & MODE_VM86) {
        seg_fault(cpu, EXC_GP, g.sel);
    }
    FarStack s = far_stack_current(cpu);
    interrupt_push_frame(cpu, ev, &s, size);
    X86Seg cs = seg_from_desc(&g.code, g.sel);
    seg_check_ip(cpu, &cs, g.off);
    seg_mark_accessed(cpu, &g.code);
    far_stack_commit(&s);
    interrupt_commit(cpu, &g, cpu->cpl);
}

/* VME: INT n in virtual-8086 mode through the 8086 program's own vector table, when the TSS's redirection bitmap says so. */
static bool interrupt_vme_redirected(X86Cpu *cpu, const ExcEvent *ev)
{
    const X86Seg *tr = &cpu->seg[SEG_TR];
    if (!(cpu->cr4 & CR4_VME) || !(tr->attr & 0x800) || tr->limit < 0x67) {
        return false;
    }
    uint32_t map = (uint32_t)mem_load_sys(cpu, (uint32_t)(tr->base + 0x66), 2);
    uint32_t at = map - 32 + (unsigned)ev->vector / 8;
    if (map < 32 || at > tr->limit) {
        return false;
    }
    return !(mem_load_sys(cpu, (uint32_t)(tr->base + at), 1) >> (ev->vector & 7) & 1);
}

static void interrupt_vme(X86Cpu *cpu, const ExcEvent *ev)
{
    uint32_t entry = (uint32_t)mem_load_cpl(cpu, (unsigned)ev->vector * 4, 4, 3);
    uint64_t flags = x86_get_rflags(cpu);
    bool virtual_if = x86_iopl(cpu) < 3;
    if (virtual_if) {
        flags = (flags & ~(uint64_t)FL_IF) | FL_IOPL | (flags & FL_VIF ? (uint64_t)FL_IF : 0);
    }
    FarStack s = far_stack_current(cpu);
    far_push(&s, flags & 0xffff, 2);
    far_push(&s, cpu->seg[SEG_CS].sel, 2);
    far_push(&s, ev->return_rip, 2);
    far_stack_commit(&s);
    cpu->eflags &= ~(uint32_t)(FL_TF | FL_RF | FL_NT | (virtual_if ? FL_VIF : FL_IF));
    cpu->seg[SEG_CS] = seg_real(cpu, SEG_CS, (uint16_t)(entry >> 16));
    cpu->regs[R_RIP] = entry & 0xffff;
    x86_update_mode(cpu);
}

void interrupt_deliver(X86Cpu *cpu, const ExcEvent *ev)
{
    if (log_on(LOG_INT)) {
        log_printf(LOG_INT, "%u: v=%02x e=%04x soft=%d cpl=%u rip=%04x:%016" PRIx64 " sp=%04x:%016" PRIx64 " cr2=%016" PRIx64
                   " rax=%016" PRIx64 " flags=%08x\n", cpu->vcpu.index, (unsigned)ev->vector, ev->error, ev->soft, cpu->cpl,
                   cpu->seg[SEG_CS].sel, ev->return_rip, cpu->seg[SEG_SS].sel, cpu->regs[R_RSP], cpu->cr2, cpu->regs[R_RAX],
                   (uint32_t)x86_get_rflags(cpu));
    }
    if (!(cpu->cr0 & CR0_PE)) {
        interrupt_real(cpu, ev);
    } else {
        interrupt_protected(cpu, ev);
    }
    cpu->dbg_step = false;
    cpu->int_shadow = false;
    x86_debug_update(cpu);
}

void interrupt_soft_vm86(X86Cpu *cpu, int vector, uint64_t return_rip)
{
    ExcEvent ev = { .vector = vector, .soft = true, .return_rip = return_rip };
    if (interrupt_vme_redirected(cpu, &ev)) {
        interrupt_vme(cpu, &ev);
    } else if (x86_iopl(cpu) < 3) {
        x86_raise_gp0(cpu);
    } else {
        interrupt_deliver(cpu, &ev);
    }
}
