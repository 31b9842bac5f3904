/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hardware task switches with 16- and 32-bit task state segments (SDM vol. 3, chapter 7).
 * Faults before the commit point are the old task's; those of loading the new segments are the new task's.  vCPU thread.
 */
#include "util/osdep.h"
#include "target/i386/seg-int.h"
#include "util/log.h"

/* Offsets of a TSS's fields. */
typedef struct TaskLayout {
    unsigned min_limit, size; /* size of a slot */
    unsigned ip, flags, regs, segs, nsegs, ldt, seg_step;
} TaskLayout;
static const TaskLayout task_layout16 = { 0x2b, 2, 0x0e, 0x10, 0x12, 0x22, 4, 0x2a, 2 };
static const TaskLayout task_layout32 = { 0x67, 4, 0x20, 0x24, 0x28, 0x48, 6, 0x60, 4 };

typedef struct TaskImage {
    uint32_t cr3, ip, flags, regs[8];
    uint16_t segs[6], ldt;
    bool trap;
} TaskImage;

static const TaskLayout *task_layout(uint32_t attr)
{
    return attr & 0x800 ? &task_layout32 : &task_layout16;
}

static uint32_t task_load(X86Cpu *cpu, uint64_t base, unsigned off, unsigned size)
{
    return (uint32_t)mem_load_sys(cpu, (uint32_t)(base + off), size);
}

static void task_store(X86Cpu *cpu, uint64_t base, unsigned off, uint32_t v, unsigned size)
{
    mem_store_sys(cpu, (uint32_t)(base + off), v, size);
}

static void task_read(X86Cpu *cpu, uint64_t base, const TaskLayout *l, TaskImage *t)
{
    memset(t, 0, sizeof(*t));
    t->ip = task_load(cpu, base, l->ip, l->size);
    t->flags = task_load(cpu, base, l->flags, l->size);
    for (unsigned n = 0; n < 8; n++) {
        t->regs[n] = task_load(cpu, base, l->regs + n * l->size, l->size);
    }
    for (unsigned n = 0; n < l->nsegs; n++) {
        t->segs[n] = (uint16_t)task_load(cpu, base, l->segs + n * l->seg_step, 2);
    }
    t->ldt = (uint16_t)task_load(cpu, base, l->ldt, 2);
    if (l->size == 4) {
        t->cr3 = task_load(cpu, base, 0x1c, 4);
        t->trap = task_load(cpu, base, 0x64, 2) & 1;
    }
}

/* The old task's registers into its TSS. */
static void task_save(X86Cpu *cpu, uint32_t flags, uint64_t next_rip)
{
    const X86Seg *tr = &cpu->seg[SEG_TR];
    const TaskLayout *l = task_layout(tr->attr);
    task_store(cpu, tr->base, l->ip, (uint32_t)next_rip, l->size);
    task_store(cpu, tr->base, l->flags, flags, l->size);
    for (unsigned n = 0; n < 8; n++) {
        task_store(cpu, tr->base, l->regs + n * l->size, (uint32_t)cpu->regs[n], l->size);
    }
    for (unsigned n = 0; n < l->nsegs; n++) {
        task_store(cpu, tr->base, l->segs + n * l->seg_step, cpu->seg[n].sel, 2);
    }
}

/* Finds and checks the new TSS's descriptor. */
static void task_check_tss(X86Cpu *cpu, uint16_t sel, TaskSwitch why, SegDesc *d)
{
    int vector = why == TASK_IRET ? EXC_TS : EXC_GP;
    if ((sel & 4) || sel_null(sel)) {
        seg_fault(cpu, vector, sel);
    }
    seg_fetch_or(cpu, sel, d, vector);
    unsigned type = d->hi & SEG_S ? 0 : desc_type(d);
    bool ok = why == TASK_IRET ? type == DESC_TSS16_BUSY || type == DESC_TSS32_BUSY : type == DESC_TSS16 || type == DESC_TSS32;
    if (!ok) {
        seg_fault(cpu, vector, sel);
    }
    if (!desc_present(d)) {
        seg_fault(cpu, EXC_NP, sel);
    }
    if (desc_limit(d) < task_layout(d->hi)->min_limit) {
        seg_fault(cpu, EXC_TS, sel);
    }
}

static void task_load_ldt(X86Cpu *cpu, uint16_t sel)
{
    cpu->seg[SEG_LDTR] = seg_null(sel);
    if (sel_null(sel)) {
        return;
    }
    SegDesc d;
    if (sel & 4) {
        seg_fault(cpu, EXC_TS, sel);
    }
    seg_fetch_or(cpu, sel, &d, EXC_TS);
    if ((d.hi & SEG_S) || desc_type(&d) != DESC_LDT || !desc_present(&d)) {
        seg_fault(cpu, EXC_TS, sel);
    }
    cpu->seg[SEG_LDTR] = seg_from_desc(&d, sel);
}

static void task_load_cs(X86Cpu *cpu, uint16_t sel)
{
    SegDesc d;
    if (sel_null(sel)) {
        x86_raise_err(cpu, EXC_TS, 0);
    }
    seg_fetch_or(cpu, sel, &d, EXC_TS);
    unsigned rpl = sel & 3;
    if (!desc_is_code(&d) || (d.hi & SEG_E ? desc_dpl(&d) > rpl : desc_dpl(&d) != rpl)) {
        seg_fault(cpu, EXC_TS, sel);
    }
    if (!desc_present(&d)) {
        seg_fault(cpu, EXC_NP, sel);
    }
    seg_mark_accessed(cpu, &d);
    cpu->seg[SEG_CS] = seg_from_desc(&d, sel);
}

static void task_load_data(X86Cpu *cpu, unsigned seg, uint16_t sel)
{
    if (sel_null(sel)) {
        return;
    }
    SegDesc d;
    seg_fetch_or(cpu, sel, &d, EXC_TS);
    bool conforming = (d.hi & (SEG_CODE | SEG_E)) == (SEG_CODE | SEG_E);
    if (!(d.hi & SEG_S) || (d.hi & (SEG_CODE | SEG_W)) == SEG_CODE ||
        (!conforming && (desc_dpl(&d) < cpu->cpl || desc_dpl(&d) < (sel & 3u)))) {
        seg_fault(cpu, EXC_TS, sel);
    }
    if (!desc_present(&d)) {
        seg_fault(cpu, EXC_NP, sel);
    }
    seg_mark_accessed(cpu, &d);
    cpu->seg[seg] = seg_from_desc(&d, sel);
}

/* In the new task: segment descriptors, with every check. */
static void task_load_segments(X86Cpu *cpu, const TaskImage *t)
{
    static const uint8_t data[] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };
    task_load_ldt(cpu, t->ldt);
    if (cpu->mode & MODE_VM86) {
        for (unsigned n = 0; n < 6; n++) {
            cpu->seg[n] = seg_real(cpu, n, t->segs[n]);
        }
    } else {
        SegDesc ss;
        task_load_cs(cpu, t->segs[SEG_CS]);
        x86_update_mode(cpu);
        seg_check_inner_ss(cpu, t->segs[SEG_SS], cpu->cpl, EXC_TS, &ss);
        seg_mark_accessed(cpu, &ss);
        cpu->seg[SEG_SS] = seg_from_desc(&ss, t->segs[SEG_SS]);
        for (unsigned n = 0; n < G_N_ELEMENTS(data); n++) {
            task_load_data(cpu, data[n], t->segs[data[n]]);
        }
    }
    x86_update_mode(cpu);
    seg_check_ip(cpu, &cpu->seg[SEG_CS], cpu->regs[R_RIP]);
}

/* Registers of the new task; nothing faults here. */
static void task_commit(X86Cpu *cpu, const SegDesc *d, uint16_t sel, const TaskLayout *l, const TaskImage *t, uint32_t flags)
{
    cpu->seg[SEG_TR] = seg_from_desc(d, sel);
    cpu->seg[SEG_TR].attr |= 0x200; /* busy */
    cpu->cr0 |= CR0_TS;
    cpu->dr[7] &= ~(uint64_t)0x155; /* local enables */
    if (l->size == 4 && (cpu->cr0 & CR0_PG)) {
        cpu->cr3 = t->cr3;
        tlb_switch(cpu, false);
        if ((cpu->cr4 & CR4_PAE) && !mmu_load_pdptes(cpu, cpu->cr3)) {
            memset(cpu->pdpte, 0, sizeof(cpu->pdpte)); /* bad ones: nothing is mapped */
        }
    }
    cpu->insn = NULL;
    cpu->regs[R_RIP] = t->ip;
    for (unsigned n = 0; n < 8; n++) {
        cpu->regs[n] = l->size == 4 ? t->regs[n] : 0xffff0000 | t->regs[n];
    }
    for (unsigned n = 0; n < 6; n++) {
        cpu->seg[n] = seg_null(t->segs[n]);
    }
    cpu->seg[SEG_LDTR] = seg_null(t->ldt);
    uint64_t mask = FL_ARITH | FL_TF | FL_IF | FL_DF | FL_IOPL | FL_NT;
    if (l->size == 4) {
        mask |= FL_RF | FL_VM | FL_AC | FL_VIF | FL_VIP | FL_ID;
    }
    cpu->eflags &= ~(uint32_t)(FL_VM | FL_RF);
    x86_set_rflags(cpu, flags, mask);
    cpu->cpl = cpu->eflags & FL_VM ? 3 : t->segs[SEG_CS] & 3;
    x86_update_mode(cpu);
}

static void task_push_error(X86Cpu *cpu, const TaskLayout *l, uint32_t error)
{
    FarStack s = far_stack_current(cpu);
    far_push(&s, error, l->size);
    far_stack_commit(&s);
}

void x86_task_switch(X86Cpu *cpu, uint16_t sel, TaskSwitch why, uint64_t next_rip, bool has_error, uint32_t error)
{
    SegDesc d, old = { 0 };
    TaskImage t;
    task_check_tss(cpu, sel, why, &d);
    const TaskLayout *l = task_layout(d.hi);
    uint64_t base = desc_base(&d);
    bool clear_old_busy = why == TASK_JMP || why == TASK_IRET;
    task_read(cpu, base, l, &t);
    uint16_t old_sel = cpu->seg[SEG_TR].sel;
    if (!(cpu->seg[SEG_TR].attr & SEG_P)) {
        seg_fault(cpu, EXC_TS, old_sel); /* no task register was loaded: nowhere to save to */
    }
    uint32_t saved = (uint32_t)x86_get_rflags(cpu);
    if (cpu->exc_ext && cpu->exc_in_delivery >= 0 && cpu->exc_in_delivery != EXC_DF) {
        saved |= FL_RF;
    }
    if (why == TASK_IRET) {
        saved &= ~(uint32_t)FL_NT;
    }
    task_save(cpu, saved, next_rip);
    if (clear_old_busy && !sel_null(old_sel) && seg_fetch(cpu, old_sel, &old)) {
        seg_set_busy(cpu, &old, false);
    }
    if (why == TASK_CALL || why == TASK_INT) {
        task_store(cpu, base, 0, old_sel, 2);
        t.flags |= FL_NT;
    }
    if (why != TASK_IRET) {
        seg_set_busy(cpu, &d, true);
    }
    if (log_on(LOG_INT)) {
        log_printf(LOG_INT, "%u: task switch %04x -> %04x\n", cpu->vcpu.index, old_sel, sel);
    }
    task_commit(cpu, &d, sel, l, &t, t.flags);
    task_load_segments(cpu, &t);
    if (has_error) {
        task_push_error(cpu, l, error);
    }
    if (t.trap) {
        cpu->dbg_hits |= 1u << 15; /* BT */
    }
}
