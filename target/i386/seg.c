/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segment descriptors and segment register loads (SDM vol. 3, chapters 3 and 5; vol. 2, MOV and POP).
 * Called by instruction semantics and event delivery in the vCPU's thread.
 */
#include "util/osdep.h"
#include "target/i386/seg-int.h"

bool seg_fetch(X86Cpu *cpu, uint16_t sel, SegDesc *d)
{
    uint64_t base;
    uint32_t limit;
    if (sel & 4) {
        const X86Seg *ldt = &cpu->seg[SEG_LDTR];
        if (!(ldt->attr & SEG_P)) {
            return false;
        }
        base = ldt->base;
        limit = ldt->limit;
    } else {
        base = cpu->gdt.base;
        limit = cpu->gdt.limit;
    }
    if ((uint32_t)(sel | 7) > limit) {
        return false;
    }
    d->sel = sel;
    d->lin = base + (sel & ~7u);
    if (!x86_long_mode(cpu)) {
        d->lin = (uint32_t)d->lin;
    }
    uint64_t raw = mem_load_sys(cpu, d->lin, 8);
    d->lo = (uint32_t)raw;
    d->hi = (uint32_t)(raw >> 32);
    return true;
}

void seg_fault(X86Cpu *cpu, int vector, uint16_t sel)
{
    x86_raise_err(cpu, vector, sel & ~3u);
}

void seg_fetch_or(X86Cpu *cpu, uint16_t sel, SegDesc *d, int vector)
{
    if (!seg_fetch(cpu, sel, d)) {
        seg_fault(cpu, vector, sel);
    }
}

/* Changes bits of the type byte of a descriptor in memory; atomic when the page is plain RAM. */
static void seg_change_type(X86Cpu *cpu, SegDesc *d, uint8_t set, uint8_t clear)
{
    uint64_t lin = d->lin + 5;
    uint8_t now = (uint8_t)mem_load_sys(cpu, lin, 1);
    TlbEntry *e = tlb_entry_of(cpu, cpu->cr4 & CR4_SMAP ? TLB_SYS : TLB_SYS_USERPAGES, lin);
    if (tlb_hit(e->write, lin, 1)) {
        uint8_t *p = (uint8_t *)(lin + e->addend);
        if (set) {
            __atomic_fetch_or(p, set, __ATOMIC_SEQ_CST);
        }
        if (clear) {
            __atomic_fetch_and(p, (uint8_t)~clear, __ATOMIC_SEQ_CST);
        }
    } else {
        mem_store_sys(cpu, lin, (uint8_t)((now | set) & ~clear), 1);
    }
    d->hi = (d->hi | (uint32_t)set << 8) & ~((uint32_t)clear << 8);
}

void seg_mark_accessed(X86Cpu *cpu, SegDesc *d)
{
    if (!(d->hi & SEG_A)) {
        seg_change_type(cpu, d, SEG_A >> 8, 0);
    }
}

void seg_set_busy(X86Cpu *cpu, SegDesc *d, bool busy)
{
    seg_change_type(cpu, d, busy ? 2 : 0, busy ? 0 : 2);
}

X86Seg seg_from_desc(const SegDesc *d, uint16_t sel)
{
    return (X86Seg) { .sel = sel, .attr = d->hi & 0x00f0ff00, .limit = desc_limit(d), .base = desc_base(d) };
}

X86Seg seg_null(uint16_t sel)
{
    return (X86Seg) { .sel = sel };
}

X86Seg seg_null_ss64(uint16_t sel, unsigned cpl)
{
    return (X86Seg) { .sel = sel, .attr = SEG_P | SEG_S | SEG_W | SEG_A | SEG_DB | SEG_G | cpl << SEG_DPL_SHIFT,
                      .limit = 0xffffffff };
}

X86Seg seg_real(const X86Cpu *cpu, unsigned seg, uint16_t sel)
{
    X86Seg s = { .sel = sel, .base = (uint64_t)sel << 4, .limit = 0xffff };
    if (cpu->mode & MODE_VM86) {
        s.attr = SEG_P | SEG_S | SEG_W | SEG_A | 3 << SEG_DPL_SHIFT;
        return s;
    }
    /* Real mode keeps limit and size as they were ("unreal" mode lives on that). */
    const X86Seg *old = &cpu->seg[seg];
    s.attr = SEG_P | SEG_S | SEG_W | SEG_A | (seg == SEG_CS ? (uint32_t)SEG_CODE : 0);
    if (old->attr & SEG_P) {
        s.attr |= old->attr & (SEG_G | SEG_DB);
        s.limit = old->limit;
    }
    return s;
}

bool seg_code_size_legal(const X86Cpu *cpu, const SegDesc *d)
{
    return !x86_long_mode(cpu) || (d->hi & (SEG_L | SEG_DB)) != (SEG_L | SEG_DB);
}

void seg_check_ip(X86Cpu *cpu, const X86Seg *cs, uint64_t off)
{
    if (x86_long_mode(cpu) && (cs->attr & SEG_L)) {
        if (!x86_canonical(off)) {
            x86_raise_gp0(cpu);
        }
    } else if (off > cs->limit) {
        x86_raise_gp0(cpu);
    }
}

void seg_check_inner_ss(X86Cpu *cpu, uint16_t sel, unsigned cpl, int vector, SegDesc *d)
{
    if (sel_null(sel)) {
        x86_raise_err(cpu, vector, 0);
    }
    seg_fetch_or(cpu, sel, d, vector);
    if ((sel & 3u) != cpl || desc_dpl(d) != cpl || !desc_is_writable_data(d)) {
        seg_fault(cpu, vector, sel);
    }
    if (!desc_present(d)) {
        seg_fault(cpu, EXC_SS, sel);
    }
}

static void seg_load_ss(X86Cpu *cpu, uint16_t sel)
{
    if (sel_null(sel)) {
        if (!x86_code64(cpu) || cpu->cpl == 3 || (sel & 3) != cpu->cpl) {
            x86_raise_gp0(cpu);
        }
        cpu->seg[SEG_SS] = seg_null_ss64(sel, cpu->cpl);
        return;
    }
    SegDesc d;
    seg_check_inner_ss(cpu, sel, cpu->cpl, EXC_GP, &d);
    seg_mark_accessed(cpu, &d);
    cpu->seg[SEG_SS] = seg_from_desc(&d, sel);
}

static void seg_load_data(X86Cpu *cpu, unsigned seg, uint16_t sel)
{
    if (sel_null(sel)) {
        cpu->seg[seg] = seg_null(sel);
        return;
    }
    SegDesc d;
    seg_fetch_or(cpu, sel, &d, EXC_GP);
    if (!(d.hi & SEG_S) || (d.hi & (SEG_CODE | SEG_W)) == SEG_CODE) {
        seg_fault(cpu, EXC_GP, sel);
    }
    bool conforming = (d.hi & (SEG_CODE | SEG_E)) == (SEG_CODE | SEG_E);
    if (!conforming && (desc_dpl(&d) < cpu->cpl || desc_dpl(&d) < (sel & 3u))) {
        seg_fault(cpu, EXC_GP, sel);
    }
    if (!desc_present(&d)) {
        seg_fault(cpu, EXC_NP, sel);
    }
    seg_mark_accessed(cpu, &d);
    cpu->seg[seg] = seg_from_desc(&d, sel);
}

void x86_load_seg(X86Cpu *cpu, unsigned seg, uint16_t sel)
{
    if (!x86_protected(cpu)) {
        cpu->seg[seg] = seg_real(cpu, seg, sel);
    } else if (seg == SEG_SS) {
        seg_load_ss(cpu, sel);
    } else {
        seg_load_data(cpu, seg, sel);
    }
    x86_update_mode(cpu);
}

void x86_set_seg(X86Cpu *cpu, unsigned seg, uint16_t sel, uint64_t base, uint32_t limit, uint32_t attr)
{
    cpu->seg[seg] = (X86Seg) { .sel = sel, .base = base, .limit = limit, .attr = attr };
    x86_update_mode(cpu);
}

void seg_drop_privileged(X86Cpu *cpu)
{
    static const uint8_t segs[] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };
    for (unsigned n = 0; n < G_N_ELEMENTS(segs); n++) {
        X86Seg *s = &cpu->seg[segs[n]];
        bool conforming = (s->attr & (SEG_CODE | SEG_E)) == (SEG_CODE | SEG_E);
        if (!conforming && ((s->attr >> SEG_DPL_SHIFT) & 3) < cpu->cpl && (s->attr & SEG_P)) {
            *s = seg_null(0);
        }
    }
}

/* ---- stacks ---------------------------------------------------------------------------------------------- */

FarStack far_stack_new(X86Cpu *cpu, const X86Seg *ss, uint64_t sp, unsigned cpl, bool flat64)
{
    FarStack s = { .cpu = cpu, .ss = *ss, .sp = sp, .cpl = cpl, .flat64 = flat64 };
    s.mask = flat64 ? UINT64_MAX : ss->attr & SEG_DB ? 0xffffffff : 0xffff;
    return s;
}

FarStack far_stack_current(X86Cpu *cpu)
{
    return far_stack_new(cpu, &cpu->seg[SEG_SS], cpu->regs[R_RSP], cpu->cpl, x86_code64(cpu));
}

static uint64_t far_stack_linear(FarStack *s, uint64_t sp, unsigned size)
{
    if (s->flat64) {
        if (!x86_canonical(sp) || !x86_canonical(sp + size - 1)) {
            x86_raise_err(s->cpu, EXC_SS, s->ss_error);
        }
        return sp;
    }
    uint64_t end = sp + size - 1;
    bool ok;
    if (s->ss.attr & SEG_E && !(s->ss.attr & SEG_CODE)) {
        uint32_t top = s->ss.attr & SEG_DB ? 0xffffffff : 0xffff;
        ok = sp > s->ss.limit && end <= top;
    } else {
        ok = end <= s->ss.limit;
    }
    if (!ok) {
        x86_raise_err(s->cpu, EXC_SS, s->ss_error);
    }
    return (uint32_t)(s->ss.base + sp);
}

void far_push(FarStack *s, uint64_t v, unsigned size)
{
    uint64_t sp = (s->sp - size) & s->mask;
    mem_store_cpl(s->cpu, far_stack_linear(s, sp, size), v, size, s->cpl);
    s->sp = sp | (s->sp & ~s->mask);
}

uint64_t far_pop(FarStack *s, unsigned size)
{
    uint64_t sp = s->sp & s->mask;
    uint64_t v = mem_load_cpl(s->cpu, far_stack_linear(s, sp, size), size, s->cpl);
    s->sp = ((sp + size) & s->mask) | (s->sp & ~s->mask);
    return v;
}

void far_stack_commit(const FarStack *s)
{
    uint64_t *rsp = &s->cpu->regs[R_RSP];
    if (s->mask == 0xffff) {
        *rsp = (*rsp & ~(uint64_t)0xffff) | (s->sp & 0xffff);
    } else {
        *rsp = s->sp & s->mask;
    }
}

FarStack far_stack_from_tss(X86Cpu *cpu, unsigned cpl, SegDesc *ss_desc)
{
    const X86Seg *tr = &cpu->seg[SEG_TR];
    uint16_t sel;
    uint64_t sp;
    if (tr->attr & 0x800) { /* 32-bit TSS */
        unsigned off = 4 + cpl * 8;
        if (off + 5 > tr->limit) {
            seg_fault(cpu, EXC_TS, tr->sel);
        }
        sp = mem_load_sys(cpu, (uint32_t)(tr->base + off), 4);
        sel = (uint16_t)mem_load_sys(cpu, (uint32_t)(tr->base + off + 4), 2);
    } else {
        unsigned off = 2 + cpl * 4;
        if (off + 3 > tr->limit) {
            seg_fault(cpu, EXC_TS, tr->sel);
        }
        sp = mem_load_sys(cpu, (uint32_t)(tr->base + off), 2);
        sel = (uint16_t)mem_load_sys(cpu, (uint32_t)(tr->base + off + 2), 2);
    }
    seg_check_inner_ss(cpu, sel, cpl, EXC_TS, ss_desc);
    X86Seg ss = seg_from_desc(ss_desc, sel);
    FarStack s = far_stack_new(cpu, &ss, sp, cpl, false);
    s.ss_error = sel & ~3u;
    return s;
}

uint64_t far_rsp_from_tss64(X86Cpu *cpu, unsigned slot)
{
    const X86Seg *tr = &cpu->seg[SEG_TR];
    unsigned off = 4 + slot * 8;
    if (off + 7 > tr->limit) {
        seg_fault(cpu, EXC_TS, tr->sel);
    }
    return mem_load_sys(cpu, tr->base + off, 8);
}
