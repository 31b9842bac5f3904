/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Far returns and interrupt returns in every mode (SDM vol. 2, RET and IRET; vol. 3, 5.8.6 and 20.3).
 * Everything is read and checked first; registers change at the end.  vCPU thread.
 */
#include "util/osdep.h"
#include "target/i386/seg-int.h"

/* Where a return goes, as its frame says. */
typedef struct RetTarget {
    SegDesc code;
    X86Seg cs;
    uint16_t sel;
    uint64_t off;
    unsigned cpl;
} RetTarget;

/* Checks CS of a protected-mode return. */
static void ret_check_cs(X86Cpu *cpu, RetTarget *t)
{
    if (sel_null(t->sel)) {
        x86_raise_gp0(cpu);
    }
    seg_fetch_or(cpu, t->sel, &t->code, EXC_GP);
    t->cpl = t->sel & 3;
    if (!desc_is_code(&t->code) || t->cpl < cpu->cpl || !seg_code_size_legal(cpu, &t->code)) {
        seg_fault(cpu, EXC_GP, t->sel);
    }
    if (t->code.hi & SEG_E ? desc_dpl(&t->code) > t->cpl : desc_dpl(&t->code) != t->cpl) {
        seg_fault(cpu, EXC_GP, t->sel);
    }
    if (!desc_present(&t->code)) {
        seg_fault(cpu, EXC_NP, t->sel);
    }
    t->cs = seg_from_desc(&t->code, t->sel);
    t->cs.attr |= SEG_A;
}

/* Checks SS popped with CS; *d is only filled when @null is false. */
static X86Seg ret_check_ss(X86Cpu *cpu, const RetTarget *t, uint16_t sel, SegDesc *d, bool *null)
{
    *null = sel_null(sel);
    if (*null) {
        bool to64 = x86_long_mode(cpu) && (t->cs.attr & SEG_L);
        if (!to64 || t->cpl == 3 || (sel & 3u) != t->cpl) {
            x86_raise_gp0(cpu);
        }
        return seg_null_ss64(sel, t->cpl);
    }
    seg_check_inner_ss(cpu, sel, t->cpl, EXC_GP, d);
    return seg_from_desc(d, sel);
}

/* The stack pointer as the new stack segment and code size want it. */
static void ret_set_sp(X86Cpu *cpu, const RetTarget *t, uint64_t sp)
{
    bool to64 = x86_long_mode(cpu) && (t->cs.attr & SEG_L);
    if (to64) {
        cpu->regs[R_RSP] = sp;
    } else if (cpu->seg[SEG_SS].attr & SEG_DB) {
        cpu->regs[R_RSP] = (uint32_t)sp;
    } else {
        cpu->regs[R_RSP] = (cpu->regs[R_RSP] & ~(uint64_t)0xffff) | (sp & 0xffff);
    }
}

static void ret_commit_cs(X86Cpu *cpu, const RetTarget *t)
{
    cpu->seg[SEG_CS] = t->cs;
    seg_set_cpl(cpu, t->cpl);
    cpu->regs[R_RIP] = t->off;
}

static void ret_real(X86Cpu *cpu, unsigned opsize, uint16_t pop)
{
    FarStack s = far_stack_current(cpu);
    uint64_t off = far_pop(&s, opsize);
    uint16_t sel = (uint16_t)far_pop(&s, opsize);
    X86Seg cs = seg_real(cpu, SEG_CS, sel);
    seg_check_ip(cpu, &cs, off);
    s.sp += pop;
    far_stack_commit(&s);
    cpu->seg[SEG_CS] = cs;
    cpu->regs[R_RIP] = off;
    x86_update_mode(cpu);
}

void x86_far_ret(X86Cpu *cpu, unsigned opsize, uint16_t pop)
{
    if (!x86_protected(cpu)) {
        ret_real(cpu, opsize, pop);
        return;
    }
    FarStack s = far_stack_current(cpu);
    RetTarget t;
    t.off = far_pop(&s, opsize);
    t.sel = (uint16_t)far_pop(&s, opsize);
    ret_check_cs(cpu, &t);
    s.sp = ((s.sp + pop) & s.mask) | (s.sp & ~s.mask);
    if (t.cpl == cpu->cpl) {
        seg_check_ip(cpu, &t.cs, t.off);
        seg_mark_accessed(cpu, &t.code);
        far_stack_commit(&s);
        ret_commit_cs(cpu, &t);
        x86_update_mode(cpu);
        return;
    }
    uint64_t sp = far_pop(&s, opsize);
    uint16_t ss_sel = (uint16_t)far_pop(&s, opsize);
    SegDesc ss_desc;
    bool null;
    X86Seg ss = ret_check_ss(cpu, &t, ss_sel, &ss_desc, &null);
    seg_check_ip(cpu, &t.cs, t.off);
    if (!null) {
        seg_mark_accessed(cpu, &ss_desc);
    }
    seg_mark_accessed(cpu, &t.code);
    cpu->seg[SEG_SS] = ss;
    ret_set_sp(cpu, &t, sp + pop);
    ret_commit_cs(cpu, &t);
    seg_drop_privileged(cpu);
    x86_update_mode(cpu);
}

/* ---- IRET ------------------------------------------------------------------------------------------------- */

enum { RET_FLAGS16 = FL_ARITH | FL_TF | FL_DF | FL_NT, RET_FLAGS32 = RET_FLAGS16 | FL_RF | FL_AC | FL_ID };

static void iret_real(X86Cpu *cpu, unsigned opsize)
{
    FarStack s = far_stack_current(cpu);
    uint64_t off = far_pop(&s, opsize);
    uint16_t sel = (uint16_t)far_pop(&s, opsize);
    uint64_t flags = far_pop(&s, opsize);
    X86Seg cs = seg_real(cpu, SEG_CS, sel);
    seg_check_ip(cpu, &cs, off);
    uint64_t mask = (opsize == 2 ? RET_FLAGS16 : RET_FLAGS32) | FL_IF | FL_IOPL;
    far_stack_commit(&s);
    cpu->seg[SEG_CS] = cs;
    cpu->regs[R_RIP] = off;
    x86_set_rflags(cpu, flags, mask);
    x86_update_mode(cpu);
}

/* In virtual-8086 mode; IOPL 3, or VME's virtual interrupt flag for 16-bit operands. */
static void iret_vm86(X86Cpu *cpu, unsigned opsize)
{
    bool vme = x86_iopl(cpu) < 3;
    if (vme && !((cpu->cr4 & CR4_VME) && opsize == 2)) {
        x86_raise_gp0(cpu);
    }
    FarStack s = far_stack_current(cpu);
    uint64_t off = far_pop(&s, opsize);
    uint16_t sel = (uint16_t)far_pop(&s, opsize);
    uint64_t flags = far_pop(&s, opsize);
    X86Seg cs = seg_real(cpu, SEG_CS, sel);
    seg_check_ip(cpu, &cs, off);
    uint64_t mask = opsize == 2 ? RET_FLAGS16 : RET_FLAGS32;
    if (vme) {
        if (((cpu->eflags & FL_VIP) && (flags & FL_IF)) || (flags & FL_TF)) {
            x86_raise_gp0(cpu);
        }
        flags = (flags & ~(uint64_t)FL_VIF) | (flags & FL_IF ? (uint64_t)FL_VIF : 0);
        mask = (mask | FL_VIF) & ~(uint64_t)FL_IF;
    } else {
        mask |= FL_IF;
    }
    far_stack_commit(&s);
    cpu->seg[SEG_CS] = cs;
    cpu->regs[R_RIP] = off;
    x86_set_rflags(cpu, flags, mask);
    x86_update_mode(cpu);
}

/* From ring 0 into virtual-8086 mode. */
static void iret_to_vm86(X86Cpu *cpu, FarStack *s, const RetTarget *t, uint64_t flags)
{
    static const uint8_t order[] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };
    uint64_t sp = far_pop(s, 4);
    uint16_t sel[SEG_COUNT];
    sel[SEG_CS] = t->sel;
    sel[SEG_SS] = (uint16_t)far_pop(s, 4);
    for (unsigned n = 0; n < G_N_ELEMENTS(order); n++) {
        sel[order[n]] = (uint16_t)far_pop(s, 4);
    }
    if (t->off > 0xffff) {
        x86_raise_gp0(cpu);
    }
    cpu->regs[R_RSP] = sp;
    cpu->regs[R_RIP] = t->off;
    x86_set_rflags(cpu, flags, RET_FLAGS32 | FL_IF | FL_IOPL | FL_VM | FL_VIF | FL_VIP);
    seg_set_cpl(cpu, 3);
    x86_update_mode(cpu);
    for (unsigned seg = 0; seg <= SEG_GS; seg++) {
        cpu->seg[seg] = seg_real(cpu, seg, sel[seg]);
    }
    x86_update_mode(cpu);
}

static void iret_flags(X86Cpu *cpu, unsigned opsize, unsigned old_cpl, uint64_t flags)
{
    uint64_t mask = opsize == 2 ? RET_FLAGS16 : RET_FLAGS32;
    if (old_cpl <= x86_iopl(cpu)) {
        mask |= FL_IF;
    }
    if (old_cpl == 0) {
        mask |= FL_IOPL | (opsize == 2 ? 0 : (uint64_t)(FL_VIF | FL_VIP));
    }
    x86_set_rflags(cpu, flags, mask);
}

static void iret_protected(X86Cpu *cpu, unsigned opsize)
{
    FarStack s = far_stack_current(cpu);
    RetTarget t;
    t.off = far_pop(&s, opsize);
    t.sel = (uint16_t)far_pop(&s, opsize);
    uint64_t flags = far_pop(&s, opsize);
    if (opsize == 4 && (flags & FL_VM) && cpu->cpl == 0 && !x86_long_mode(cpu)) {
        iret_to_vm86(cpu, &s, &t, flags);
        return;
    }
    ret_check_cs(cpu, &t);
    unsigned old_cpl = cpu->cpl;
    if (t.cpl == old_cpl && !x86_code64(cpu)) {
        seg_check_ip(cpu, &t.cs, t.off);
        seg_mark_accessed(cpu, &t.code);
        far_stack_commit(&s);
        ret_commit_cs(cpu, &t);
    } else {
        uint64_t sp = far_pop(&s, opsize);
        uint16_t ss_sel = (uint16_t)far_pop(&s, opsize);
        SegDesc ss_desc;
        bool null;
        X86Seg ss = ret_check_ss(cpu, &t, ss_sel, &ss_desc, &null);
        seg_check_ip(cpu, &t.cs, t.off);
        if (!null) {
            seg_mark_accessed(cpu, &ss_desc);
        }
        seg_mark_accessed(cpu, &t.code);
        cpu->seg[SEG_SS] = ss;
        ret_set_sp(cpu, &t, sp);
        ret_commit_cs(cpu, &t);
        if (t.cpl != old_cpl) {
            seg_drop_privileged(cpu);
        }
    }
    iret_flags(cpu, opsize, old_cpl, flags);
    x86_update_mode(cpu);
}

void x86_iret(X86Cpu *cpu, unsigned opsize, uint64_t next_rip)
{
    if (cpu->mode & MODE_VM86) {
        iret_vm86(cpu, opsize);
    } else if (!x86_protected(cpu)) {
        iret_real(cpu, opsize);
    } else if (cpu->eflags & FL_NT) {
        if (x86_long_mode(cpu)) {
            x86_raise_gp0(cpu);
        }
        const X86Seg *tr = &cpu->seg[SEG_TR];
        uint16_t link = (uint16_t)mem_load_sys(cpu, (uint32_t)tr->base, 2);
        x86_task_switch(cpu, link, TASK_IRET, next_rip, false, 0);
    } else {
        iret_protected(cpu, opsize);
    }
    cpu->nmi_blocked = false;
}
