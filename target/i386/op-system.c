/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System instructions: control and debug registers, descriptor tables, access-right queries, TLB and cache control, halting (SDM
 * vol. 2).  Called through Insn.fn in the vCPU's thread.
 */
#include "util/osdep.h"
#include "target/i386/cpuid.h"
#include "target/i386/decode.h"
#include "target/i386/flags.h"
#include "target/i386/exc.h"
#include "target/i386/seg-int.h"
#include "util/timer.h"

static void op_need_cpl0(X86Cpu *cpu)
{
    if (cpu->cpl) {
        x86_raise_gp0(cpu);
    }
}

/* ---- control and debug registers ---------------------------------------------------------------------------- */

static uint64_t op_read_cr8(X86Cpu *cpu)
{
    const VcpuIntc *intc = cpu->vcpu.intc;
    if (!intc || !intc->get_tpr) {
        return cpu->cr8_shadow;
    }
    x86_io_lock(cpu);
    uint8_t tpr = intc->get_tpr(intc->opaque);
    x86_io_unlock(cpu);
    return tpr >> 4;
}

static void op_write_cr8(X86Cpu *cpu, uint64_t v)
{
    const VcpuIntc *intc = cpu->vcpu.intc;
    if (v & ~(uint64_t)15) {
        x86_raise_gp0(cpu);
    }
    cpu->cr8_shadow = v;
    if (intc && intc->set_tpr) {
        x86_io_lock(cpu);
        intc->set_tpr(intc->opaque, (uint8_t)(v << 4));
        x86_io_unlock(cpu);
    }
}

static void op_mov_from_cr(X86Cpu *cpu, const Insn *i)
{
    op_need_cpl0(cpu);
    uint64_t v;
    switch (i->src) {
    case 0: v = cpu->cr0; break;
    case 2: v = cpu->cr2; break;
    case 3: v = cpu->cr3; break;
    case 4: v = cpu->cr4; break;
    case 8: v = op_read_cr8(cpu); break;
    default: x86_raise(cpu, EXC_UD);
    }
    reg_write(cpu, i->dst, v, x86_code64(cpu) ? 8 : 4);
}

static void op_mov_to_cr(X86Cpu *cpu, const Insn *i)
{
    op_need_cpl0(cpu);
    uint64_t v = reg_read(cpu, i->src, x86_code64(cpu) ? 8 : 4);
    switch (i->dst) {
    case 0: x86_set_cr0(cpu, v); break;
    case 2: cpu->cr2 = v; break;
    case 3: x86_set_cr3(cpu, v); break;
    case 4: x86_set_cr4(cpu, v); break;
    case 8: op_write_cr8(cpu, v); break;
    default: x86_raise(cpu, EXC_UD);
    }
}

static void op_mov_from_dr(X86Cpu *cpu, const Insn *i)
{
    op_need_cpl0(cpu);
    uint64_t v = debug_read_dr(cpu, i->src);
    debug_check_gd(cpu);
    reg_write(cpu, i->dst, v, x86_code64(cpu) ? 8 : 4);
}

static void op_mov_to_dr(X86Cpu *cpu, const Insn *i)
{
    op_need_cpl0(cpu);
    debug_read_dr(cpu, i->dst); /* #UD before #DB */
    debug_check_gd(cpu);
    debug_write_dr(cpu, i->dst, reg_read(cpu, i->src, x86_code64(cpu) ? 8 : 4));
}

static InsnFn *select_mov(const Decoded *d, Insn *i)
{
    i->flags |= d->op[0].kind == OPND_CR || d->op[0].kind == OPND_DR || d->op[1].kind == OPND_DR ? INSN_END : 0;
    if (d->op[0].kind == OPND_CR) {
        return d->op[0].reg > 8 ? op_ud : op_mov_to_cr;
    }
    if (d->op[1].kind == OPND_CR) {
        return d->op[1].reg > 8 ? op_ud : op_mov_from_cr;
    }
    if (d->op[0].kind == OPND_DR) {
        return d->op[0].reg > 7 ? op_ud : op_mov_to_dr;
    }
    if (d->op[1].kind == OPND_DR) {
        return d->op[1].reg > 7 ? op_ud : op_mov_from_dr;
    }
    return NULL;
}

static void op_clts(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    op_need_cpl0(cpu);
    cpu->cr0 &= ~(uint64_t)CR0_TS;
    x86_update_mode(cpu);
}

static void op_lmsw(X86Cpu *cpu, const Insn *i)
{
    op_need_cpl0(cpu);
    uint64_t v = i->flags & INSN_MEM ? mem_load(cpu, insn_linear(cpu, i, 2, ACC_READ), 2) : reg_read(cpu, i->dst, 2);
    v = (cpu->cr0 & ~(uint64_t)0xe) | (v & 0xf); /* PE can be set, not cleared */
    x86_set_cr0(cpu, v);
}

/* UMIP: what shows system state to ring 3 is #GP. */
static void op_check_umip(X86Cpu *cpu)
{
    if (cpu->cpl && (cpu->cr4 & CR4_UMIP)) {
        x86_raise_gp0(cpu);
    }
}

/* A 16-bit value to memory, or zero-extended to a register. */
static void op_store_word(X86Cpu *cpu, const Insn *i, uint64_t v)
{
    if (i->flags & INSN_MEM) {
        mem_store(cpu, insn_linear(cpu, i, 2, ACC_WRITE), v & 0xffff, 2);
    } else {
        reg_write(cpu, i->dst, v, i->opsize);
    }
}

static void op_smsw(X86Cpu *cpu, const Insn *i)
{
    op_check_umip(cpu);
    op_store_word(cpu, i, cpu->cr0);
}

/* ---- descriptor tables ----------------------------------------------------------------------------------------- */

static void op_store_table(X86Cpu *cpu, const Insn *i, uint64_t base, uint16_t limit)
{
    op_check_umip(cpu);
    unsigned width = x86_code64(cpu) ? 8 : 4;
    uint8_t bytes[10];
    st_le16(bytes, limit);
    st_le64(bytes + 2, base);
    uint64_t lin = insn_linear(cpu, i, width + 2, ACC_WRITE);
    mem_check_align(cpu, lin, 2); /* a word and the base behind it */
    mem_check_align(cpu, lin + 2, width);
    mem_write_bytes(cpu, lin, bytes, width + 2);
}

static void op_sgdt(X86Cpu *cpu, const Insn *i)
{
    op_store_table(cpu, i, cpu->gdt.base, cpu->gdt.limit);
}

static void op_sidt(X86Cpu *cpu, const Insn *i)
{
    op_store_table(cpu, i, cpu->idt.base, cpu->idt.limit);
}

static uint64_t op_load_table(X86Cpu *cpu, const Insn *i, uint16_t *limit)
{
    op_need_cpl0(cpu);
    unsigned width = x86_code64(cpu) ? 8 : 4;
    uint64_t lin = insn_linear(cpu, i, width + 2, ACC_READ);
    uint16_t lim = (uint16_t)mem_load(cpu, lin, 2);
    uint64_t base = mem_load(cpu, lin + 2, width);
    if (width == 4 && i->opsize == 2) {
        base &= 0xffffff;
    }
    if (!x86_canonical(base)) {
        x86_raise_gp0(cpu);
    }
    *limit = lim;
    return base;
}

static void op_lgdt(X86Cpu *cpu, const Insn *i)
{
    uint16_t limit;
    cpu->gdt.base = op_load_table(cpu, i, &limit);
    cpu->gdt.limit = limit;
}

static void op_lidt(X86Cpu *cpu, const Insn *i)
{
    uint16_t limit;
    cpu->idt.base = op_load_table(cpu, i, &limit);
    cpu->idt.limit = limit;
}

static void op_need_protected(X86Cpu *cpu)
{
    if (!x86_protected(cpu)) {
        x86_raise(cpu, EXC_UD);
    }
}

static void op_sldt(X86Cpu *cpu, const Insn *i)
{
    op_need_protected(cpu);
    op_check_umip(cpu);
    op_store_word(cpu, i, cpu->seg[SEG_LDTR].sel);
}

static void op_str(X86Cpu *cpu, const Insn *i)
{
    op_need_protected(cpu);
    op_check_umip(cpu);
    op_store_word(cpu, i, cpu->seg[SEG_TR].sel);
}

static uint16_t op_selector(X86Cpu *cpu, const Insn *i, uint8_t reg)
{
    return (uint16_t)(i->flags & INSN_MEM ? mem_load(cpu, insn_linear(cpu, i, 2, ACC_READ), 2) : reg_read(cpu, reg, 2));
}

/* Long mode's 16-byte system descriptors: the upper half of the base; the second type field must be 0. */
static uint64_t op_high_base(X86Cpu *cpu, const SegDesc *d)
{
    if (!x86_long_mode(cpu)) {
        return 0;
    }
    uint64_t table_end = (d->sel & 4 ? cpu->seg[SEG_LDTR].limit : cpu->gdt.limit);
    if ((d->sel & ~7u) + 15 > table_end) {
        seg_fault(cpu, EXC_GP, d->sel);
    }
    uint64_t high = mem_load_sys(cpu, d->lin + 8, 8);
    if (high >> 32 & 0x1f00) {
        seg_fault(cpu, EXC_GP, d->sel);
    }
    return high << 32;
}

static void op_lldt(X86Cpu *cpu, const Insn *i)
{
    op_need_protected(cpu);
    op_need_cpl0(cpu);
    uint16_t sel = op_selector(cpu, i, i->dst);
    if (sel_null(sel)) {
        cpu->seg[SEG_LDTR] = seg_null(sel);
        return;
    }
    SegDesc d;
    if (sel & 4) {
        seg_fault(cpu, EXC_GP, sel);
    }
    seg_fetch_or(cpu, sel, &d, EXC_GP);
    if ((d.hi & SEG_S) || desc_type(&d) != DESC_LDT) {
        seg_fault(cpu, EXC_GP, sel);
    }
    if (!desc_present(&d)) {
        seg_fault(cpu, EXC_NP, sel);
    }
    X86Seg s = seg_from_desc(&d, sel);
    s.base |= op_high_base(cpu, &d);
    cpu->seg[SEG_LDTR] = s;
}

static void op_ltr(X86Cpu *cpu, const Insn *i)
{
    op_need_protected(cpu);
    op_need_cpl0(cpu);
    uint16_t sel = op_selector(cpu, i, i->dst);
    SegDesc d;
    if (sel_null(sel)) {
        x86_raise_gp0(cpu);
    }
    if (sel & 4) {
        seg_fault(cpu, EXC_GP, sel);
    }
    seg_fetch_or(cpu, sel, &d, EXC_GP);
    unsigned type = d.hi & SEG_S ? 0 : desc_type(&d);
    if (type != DESC_TSS32 && (type != DESC_TSS16 || x86_long_mode(cpu))) {
        seg_fault(cpu, EXC_GP, sel);
    }
    if (!desc_present(&d)) {
        seg_fault(cpu, EXC_NP, sel);
    }
    uint64_t high = op_high_base(cpu, &d);
    seg_set_busy(cpu, &d, true);
    cpu->seg[SEG_TR] = seg_from_desc(&d, sel);
    cpu->seg[SEG_TR].base |= high;
}

/* ---- access rights ----------------------------------------------------------------------------------------------- */

/* Finds a descriptor that the current privilege may know about; system types as in @system_types. */
static bool op_visible(X86Cpu *cpu, uint16_t sel, SegDesc *d, unsigned system_types)
{
    if (sel_null(sel) || !seg_fetch(cpu, sel, d)) {
        return false;
    }
    if (!(d->hi & SEG_S) && !(system_types >> desc_type(d) & 1)) {
        return false;
    }
    bool conforming = (d->hi & (SEG_S | SEG_CODE | SEG_E)) == (SEG_S | SEG_CODE | SEG_E);
    return conforming || (desc_dpl(d) >= cpu->cpl && desc_dpl(d) >= (sel & 3u));
}

static void op_set_zf(X86Cpu *cpu, bool zf)
{
    flags_set(cpu, (flags_compute(cpu) & ~(uint32_t)FL_ZF) | (zf ? (uint32_t)FL_ZF : 0));
}

static void op_lar(X86Cpu *cpu, const Insn *i)
{
    enum { LEGACY = 0x1a3e, LONG = 0x1a04 }; /* bit n: type n has access rights */
    op_need_protected(cpu);
    SegDesc d;
    bool ok = op_visible(cpu, op_selector(cpu, i, i->src), &d, x86_long_mode(cpu) ? LONG : LEGACY);
    if (ok) {
        reg_write(cpu, i->dst, d.hi & 0x00f0ff00, i->opsize);
    }
    op_set_zf(cpu, ok);
}

static void op_lsl(X86Cpu *cpu, const Insn *i)
{
    enum { LEGACY = 0x0a0e, LONG = 0x0a04 };
    op_need_protected(cpu);
    SegDesc d;
    bool ok = op_visible(cpu, op_selector(cpu, i, i->src), &d, x86_long_mode(cpu) ? LONG : LEGACY);
    if (ok) {
        reg_write(cpu, i->dst, desc_limit(&d), i->opsize);
    }
    op_set_zf(cpu, ok);
}

static void op_verr(X86Cpu *cpu, const Insn *i)
{
    op_need_protected(cpu);
    SegDesc d;
    bool ok = op_visible(cpu, op_selector(cpu, i, i->dst), &d, 0);
    op_set_zf(cpu, ok && (d.hi & (SEG_CODE | SEG_W)) != SEG_CODE);
}

static void op_verw(X86Cpu *cpu, const Insn *i)
{
    op_need_protected(cpu);
    SegDesc d;
    bool ok = op_visible(cpu, op_selector(cpu, i, i->dst), &d, 0);
    op_set_zf(cpu, ok && desc_is_writable_data(&d));
}

static void op_arpl(X86Cpu *cpu, const Insn *i)
{
    op_need_protected(cpu);
    unsigned rpl = reg_read(cpu, i->src, 2) & 3;
    uint16_t sel;
    if (i->flags & INSN_MEM) {
        sel = (uint16_t)mem_load(cpu, insn_linear(cpu, i, 2, ACC_READ), 2);
    } else {
        sel = (uint16_t)reg_read(cpu, i->dst, 2);
    }
    bool raise = (sel & 3u) < rpl;
    if (raise) {
        sel = (uint16_t)((sel & ~3u) | rpl);
        if (i->flags & INSN_MEM) {
            mem_store(cpu, insn_linear(cpu, i, 2, ACC_WRITE), sel, 2);
        } else {
            reg_write(cpu, i->dst, sel, 2);
        }
    }
    op_set_zf(cpu, raise);
}

/* ---- TLB, caches, halting ---------------------------------------------------------------------------------------- */

static void op_invlpg(X86Cpu *cpu, const Insn *i)
{
    op_need_cpl0(cpu);
    uint64_t lin = insn_ea(cpu, i) + cpu->lin_base[i->seg];
    tlb_flush_page(cpu, x86_code64(cpu) ? lin : (uint32_t)lin);
}

static void op_invpcid(X86Cpu *cpu, const Insn *i)
{
    op_need_cpl0(cpu);
    uint64_t lin = insn_linear(cpu, i, 16, ACC_READ);
    uint64_t type = reg_read(cpu, i->dst, x86_code64(cpu) ? 8 : 4), pcid = mem_load(cpu, lin, 8), addr = mem_load(cpu, lin + 8, 8);
    if (type > 3 || pcid >> 12 || (type < 2 && pcid && !(cpu->cr4 & CR4_PCIDE)) || (type == 0 && !x86_canonical(addr))) {
        x86_raise_gp0(cpu);
    }
    switch (type) {
    case 0: tlb_flush_page_pcid(cpu, addr, (uint16_t)pcid); break;
    case 1: tlb_flush_pcid(cpu, (uint16_t)pcid); break;
    case 2: tlb_flush_all(cpu); break;
    default: tlb_flush_nonglobal(cpu); break;
    }
}

/* INVD, WBINVD, WBNOINVD: the emulated caches never differ from memory. */
static void op_wbinvd(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    op_need_cpl0(cpu);
}

static void op_hlt(X86Cpu *cpu, const Insn *i)
{
    op_need_cpl0(cpu);
    cpu->regs[R_RIP] = insn_next_rip(cpu, i);
    cpu->int_shadow = false;
    atomic_store(&cpu->vcpu.halted, true);
}

/*
 * MONITOR and MWAIT (SDM vol. 2).  A store of the same value cannot be seen, so that no wait is longer than MWAIT_MAX_NS: waking for
 * nothing is allowed.  What is not RAM is not waited for.
 */
#define MWAIT_MAX_NS 100000000

static bool monitor_read(X86Cpu *cpu, uint8_t line[64])
{
    return dma_read(x86_as(cpu), cpu->monitor_phys, line, 64) == MEM_OK;
}

static void op_monitor(X86Cpu *cpu, const Insn *i)
{
    if (cpu->cpl) {
        x86_raise(cpu, EXC_UD);
    }
    if (cpu->regs[R_RCX] & (x86_code64(cpu) ? UINT64_MAX : 0xffffffff)) {
        x86_raise_gp0(cpu);
    }
    uint64_t off = reg_read(cpu, R_RAX * 8, i->addrsize), lin = seg_linear(cpu, i, i->seg, off, 1, ACC_READ), phys;
    mem_probe(cpu, lin, 1, ACC_READ);
    cpu->monitor_armed = mmu_translate_debug(cpu, lin, &phys);
    if (cpu->monitor_armed) {
        cpu->monitor_phys = phys & ~(uint64_t)63;
        cpu->monitor_armed = monitor_read(cpu, cpu->monitor_line);
    }
}

static void op_mwait(X86Cpu *cpu, const Insn *i)
{
    if (cpu->cpl) {
        x86_raise(cpu, EXC_UD);
    }
    if ((uint32_t)cpu->regs[R_RCX] & ~1u) {
        x86_raise_gp0(cpu);
    }
    cpu->regs[R_RIP] = insn_next_rip(cpu, i);
    cpu->int_shadow = false;
    cpu->mwait_breaks = cpu->regs[R_RCX] & 1;
    cpu->mwait_until = clock_ns(CLOCK_KIND_REALTIME) + MWAIT_MAX_NS;
    if (cpu->monitor_armed) {
        atomic_store(&cpu->vcpu.watches, true);
        atomic_store(&cpu->vcpu.halted, true);
    }
}

bool x86_watch_over(Vcpu *v)
{
    X86Cpu *cpu = x86_cpu(v);
    uint8_t line[64];
    bool same = monitor_read(cpu, line) && !memcmp(line, cpu->monitor_line, sizeof(line));

    if (same && clock_ns(CLOCK_KIND_REALTIME) < cpu->mwait_until) {
        return false;
    }
    x86_wake(cpu);
    return true;
}

const OpRow ops_system[] = {
    { "mov", NULL, select_mov, 0 },
    { "clts", op_clts, NULL, INSN_END },
    { "lmsw", op_lmsw, NULL, INSN_END },
    { "smsw", op_smsw, NULL, 0 },
    { "sgdt", op_sgdt, NULL, 0 },
    { "sidt", op_sidt, NULL, 0 },
    { "lgdt", op_lgdt, NULL, INSN_END },
    { "lidt", op_lidt, NULL, INSN_END },
    { "sldt", op_sldt, NULL, 0 },
    { "str", op_str, NULL, 0 },
    { "lldt", op_lldt, NULL, INSN_END },
    { "ltr", op_ltr, NULL, INSN_END },
    { "lar", op_lar, NULL, 0 },
    { "lsl", op_lsl, NULL, 0 },
    { "verr", op_verr, NULL, 0 },
    { "verw", op_verw, NULL, 0 },
    { "arpl", op_arpl, NULL, 0 },
    { "invlpg", op_invlpg, NULL, INSN_END },
    { "invpcid", op_invpcid, NULL, INSN_END },
    { "invd", op_wbinvd, NULL, INSN_END },
    { "wbinvd", op_wbinvd, NULL, INSN_END },
    { "wbnoinvd", op_wbinvd, NULL, 0 },
    { "hlt", op_hlt, NULL, INSN_BRANCH },
    { "monitor", op_monitor, NULL, 0 },
    { "mwait", op_mwait, NULL, INSN_BRANCH },
    { "rsm", op_rsm, NULL, INSN_BRANCH },
    { "vmmcall", op_ud, NULL, INSN_BRANCH },
    { "vmcall", op_ud, NULL, INSN_BRANCH },
    { NULL, NULL, NULL, 0 },
};
