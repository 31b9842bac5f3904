/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System management mode.  Processors with long mode have AMD64's state save area (AMD APM vol. 2, chapter 10, table 10-1), which
 * firmware and kernels know by its revision 0x20064, others the older one of revision 0x20000 (SDM vol. 3, table 32-1).  vCPU thread.
 */
#include "util/osdep.h"
#include "target/i386/cpuid.h"
#include "target/i386/decode.h"
#include "target/i386/flags.h"
#include "target/i386/seg-int.h"
#include "util/log.h"

enum { SMM_AREA = 0xfe00, SMM_SIZE = 0x200, SMM_REVISION = 0x00020064 };
/* Offsets within the area. */
enum {
    SMM_SEGS = 0x00, SMM_GDTR = 0x60, SMM_LDTR = 0x70, SMM_IDTR = 0x80, SMM_TR = 0x90, SMM_IO_RESTART = 0xc8, SMM_HALT = 0xc9,
    SMM_NMI = 0xca, SMM_EFER = 0xd0, SMM_REV = 0xfc, SMM_BASE = 0x100, SMM_CR4 = 0x148, SMM_CR3 = 0x150, SMM_CR0 = 0x158,
    SMM_DR7 = 0x160, SMM_DR6 = 0x168, SMM_RFLAGS = 0x170, SMM_RIP = 0x178, SMM_REGS = 0x180,
};

/*
 * The 32-bit area: where what the other one holds at `wide` lies.  The descriptors' hidden parts, CR4 and the tables' limits and bases
 * are in its reserved part, where each implementation has them as it likes.
 */
enum { SMM32_HIDDEN = 0x104, SMM32_REVISION = 0x00020000, SMM32_REV = 0xfc };
static const struct {
    uint16_t wide, narrow, size;
} smm32_fields[] = {
    { SMM_BASE, 0xf8, 4 }, { SMM_IO_RESTART, 0x100, 1 }, { SMM_HALT, 0x102, 1 }, { SMM_DR7, 0x1c8, 4 }, { SMM_DR6, 0x1cc, 4 },
    { SMM_RIP, 0x1f0, 4 }, { SMM_RFLAGS, 0x1f4, 4 }, { SMM_CR3, 0x1f8, 4 }, { SMM_CR0, 0x1fc, 4 }, { SMM_GDTR + 4, 0x164, 2 },
    { SMM_GDTR + 8, 0x168, 4 }, { SMM_IDTR + 4, 0x16c, 2 }, { SMM_IDTR + 8, 0x170, 4 }, { SMM_CR4, 0x174, 4 }, { SMM_NMI, 0x178, 1 },
    { SMM_EFER, 0x17c, 4 },
};

static void smm32_copy(uint8_t *to, unsigned to_off, const uint8_t *from, unsigned from_off, unsigned size)
{
    memcpy(to + to_off, from + from_off, size);
}

/* Both ways: from the wide area to the narrow one (@narrow), or back. */
static void smm32_convert(uint8_t *to, const uint8_t *from, bool narrow)
{
    static const uint16_t segs[] = { SMM_SEGS, SMM_SEGS + 16, SMM_SEGS + 32, SMM_SEGS + 48, SMM_SEGS + 64, SMM_SEGS + 80,
                                     SMM_LDTR, SMM_TR };

    memset(to, 0, SMM_SIZE);
    for (unsigned k = 0; k < G_N_ELEMENTS(smm32_fields); k++) {
        unsigned w = smm32_fields[k].wide, n = smm32_fields[k].narrow;

        smm32_copy(to, narrow ? n : w, from, narrow ? w : n, smm32_fields[k].size);
    }
    for (unsigned k = 0; k < 8; k++) { /* EAX first; in the wide area RAX is last */
        unsigned w = SMM_REGS + (15 - k) * 8, n = 0x1d0 + k * 4;

        smm32_copy(to, narrow ? n : w, from, narrow ? w : n, 4);
    }
    for (unsigned k = 0; k < G_N_ELEMENTS(segs); k++) {
        unsigned sel = 0x1a8 + k * 4, hidden = SMM32_HIDDEN + k * 12;

        smm32_copy(to, narrow ? sel : segs[k], from, narrow ? segs[k] : sel, 2);
        smm32_copy(to, narrow ? hidden : segs[k] + 2u, from, narrow ? segs[k] + 2u : hidden, 2);
        smm32_copy(to, narrow ? hidden + 4 : segs[k] + 4u, from, narrow ? segs[k] + 4u : hidden + 4, 8); /* limit, base */
    }
    if (narrow) {
        st_le32(to + SMM32_REV, SMM32_REVISION);
    }
}

static bool smm_is_narrow(const X86Cpu *cpu)
{
    return !x86_has_feature(cpu, CPUID_LM);
}

static void smm_put_seg(uint8_t *area, unsigned off, const X86Seg *s)
{
    st_le16(area + off, s->sel);
    st_le16(area + off + 2, (uint16_t)((s->attr >> 8 & 0xff) | (s->attr >> 12 & 0xf00)));
    st_le32(area + off + 4, s->limit);
    st_le64(area + off + 8, s->base);
}

static void smm_get_seg(const uint8_t *area, unsigned off, X86Seg *s)
{
    uint32_t attr = ld_le16(area + off + 2);
    s->sel = ld_le16(area + off);
    s->attr = (attr & 0xff) << 8 | (attr & 0xf00) << 12;
    s->limit = ld_le32(area + off + 4);
    s->base = ld_le64(area + off + 8);
}

static void smm_save(X86Cpu *cpu, uint8_t *area)
{
    for (unsigned n = 0; n <= SEG_GS; n++) {
        smm_put_seg(area, SMM_SEGS + n * 16, &cpu->seg[n]);
    }
    smm_put_seg(area, SMM_LDTR, &cpu->seg[SEG_LDTR]);
    smm_put_seg(area, SMM_TR, &cpu->seg[SEG_TR]);
    st_le16(area + SMM_GDTR + 4, cpu->gdt.limit);
    st_le64(area + SMM_GDTR + 8, cpu->gdt.base);
    st_le16(area + SMM_IDTR + 4, cpu->idt.limit);
    st_le64(area + SMM_IDTR + 8, cpu->idt.base);
    area[SMM_HALT] = atomic_load(&cpu->vcpu.halted);
    area[SMM_NMI] = cpu->nmi_blocked;
    st_le64(area + SMM_EFER, cpu->efer);
    st_le32(area + SMM_REV, SMM_REVISION);
    st_le32(area + SMM_BASE, (uint32_t)cpu->smbase);
    st_le64(area + SMM_CR4, cpu->cr4);
    st_le64(area + SMM_CR3, cpu->cr3);
    st_le64(area + SMM_CR0, cpu->cr0);
    st_le64(area + SMM_DR7, cpu->dr[7]);
    st_le64(area + SMM_DR6, cpu->dr[6]);
    st_le64(area + SMM_RFLAGS, x86_get_rflags(cpu));
    st_le64(area + SMM_RIP, cpu->regs[R_RIP]);
    for (unsigned n = 0; n < 16; n++) { /* R15 first, RAX last */
        st_le64(area + SMM_REGS + (15 - n) * 8, cpu->regs[n]);
    }
}

/* Big real mode at SMBASE:8000. */
static void smm_enter_state(X86Cpu *cpu)
{
    X86Seg flat = { .attr = SEG_P | SEG_S | SEG_W | SEG_A | SEG_G, .limit = 0xffffffff };
    for (unsigned n = 0; n <= SEG_GS; n++) {
        cpu->seg[n] = flat;
    }
    cpu->seg[SEG_CS].sel = (uint16_t)(cpu->smbase >> 4);
    cpu->seg[SEG_CS].base = cpu->smbase;
    cpu->seg[SEG_CS].attr |= SEG_CODE;
    cpu->cr0 &= ~(uint64_t)(CR0_PE | CR0_EM | CR0_TS | CR0_PG);
    cpu->cr4 = 0;
    cpu->efer = 0;
    cpu->dr[7] = 0x400;
    cpu->cpl = 0;
    cpu->eflags = 2;
    flags_set(cpu, 0);
    cpu->regs[R_RIP] = 0x8000;
}

void smm_enter(X86Cpu *cpu)
{
    uint8_t area[SMM_SIZE] = { 0 }, narrow[SMM_SIZE];
    log_printf(LOG_INT, "%u: SMI at %04x:%016" PRIx64 "\n", cpu->vcpu.index, cpu->seg[SEG_CS].sel, cpu->regs[R_RIP]);
    smm_save(cpu, area);
    cpu->smm = true;
    cpu->nmi_blocked = true;
    if (smm_is_narrow(cpu)) {
        smm32_convert(narrow, area, true);
    }
    address_space_write(x86_as(cpu), cpu->smbase + SMM_AREA, smm_is_narrow(cpu) ? narrow : area, SMM_SIZE);
    smm_enter_state(cpu);
    cpu->int_shadow = false;
    cpu->dbg_hits = 0;
    cpu->dbg_step = false;
    atomic_store(&cpu->vcpu.halted, false);
    tlb_flush_all(cpu);
    x86_update_mode(cpu);
}

/* What would be #GP elsewhere is shutdown here (APM vol. 3, RSM). */
static bool smm_valid(X86Cpu *cpu, const uint8_t *area)
{
    uint64_t cr0 = ld_le64(area + SMM_CR0), cr4 = ld_le64(area + SMM_CR4), efer = ld_le64(area + SMM_EFER);
    bool pg = cr0 & CR0_PG;
    if (cr0 >> 32 || (pg && !(cr0 & CR0_PE)) || ((cr0 & CR0_NW) && !(cr0 & CR0_CD))) {
        return false;
    }
    if (cr4 & ~cpuid_cr4_valid(cpu) || efer & ~(cpuid_efer_valid(cpu) | EFER_LMA)) {
        return false;
    }
    return !(pg && (efer & EFER_LME) && !(cr4 & CR4_PAE));
}

/* PAE paging's upper entries are read anew; bad ones are shutdown like any bad state. */
static bool smm_reload_pdptes(X86Cpu *cpu)
{
    bool pae = (cpu->cr0 & CR0_PG) && (cpu->cr4 & CR4_PAE) && !(cpu->efer & EFER_LMA);

    return !pae || mmu_load_pdptes(cpu, cpu->cr3);
}

static void smm_restore(X86Cpu *cpu, const uint8_t *area)
{
    cpu->cr0 = ld_le64(area + SMM_CR0) | CR0_ET;
    cpu->cr3 = ld_le64(area + SMM_CR3);
    cpu->cr4 = ld_le64(area + SMM_CR4);
    cpu->efer = ld_le64(area + SMM_EFER) & ~(uint64_t)EFER_LMA;
    if ((cpu->efer & EFER_LME) && (cpu->cr0 & CR0_PG)) {
        cpu->efer |= EFER_LMA;
    }
    cpu->dr[7] = (ld_le64(area + SMM_DR7) & 0xffff23ff) | 0x400;
    cpu->dr[6] = (ld_le64(area + SMM_DR6) & 0xe00f) | 0xffff0ff0;
    for (unsigned n = 0; n <= SEG_GS; n++) {
        smm_get_seg(area, SMM_SEGS + n * 16, &cpu->seg[n]);
    }
    smm_get_seg(area, SMM_LDTR, &cpu->seg[SEG_LDTR]);
    smm_get_seg(area, SMM_TR, &cpu->seg[SEG_TR]);
    cpu->gdt.limit = ld_le16(area + SMM_GDTR + 4);
    cpu->gdt.base = ld_le64(area + SMM_GDTR + 8);
    cpu->idt.limit = ld_le16(area + SMM_IDTR + 4);
    cpu->idt.base = ld_le64(area + SMM_IDTR + 8);
    for (unsigned n = 0; n < 16; n++) {
        cpu->regs[n] = ld_le64(area + SMM_REGS + (15 - n) * 8);
    }
    cpu->regs[R_RIP] = ld_le64(area + SMM_RIP);
    cpu->nmi_blocked = area[SMM_NMI] & 1;
    cpu->smbase = ld_le32(area + SMM_BASE);
    x86_set_rflags(cpu, ld_le64(area + SMM_RFLAGS), ~(uint64_t)0);
    if (!(cpu->cr0 & CR0_PE)) {
        cpu->cpl = 0;
    } else {
        cpu->cpl = cpu->eflags & FL_VM ? 3 : (cpu->seg[SEG_SS].attr >> SEG_DPL_SHIFT) & 3;
    }
}

void op_rsm(X86Cpu *cpu, const Insn *i)
{
    if (!cpu->smm) {
        op_ud(cpu, i);
        return;
    }
    uint8_t area[SMM_SIZE], narrow[SMM_SIZE];
    address_space_read(x86_as(cpu), cpu->smbase + SMM_AREA, area, sizeof(area));
    if (smm_is_narrow(cpu)) {
        memcpy(narrow, area, sizeof(narrow));
        smm32_convert(area, narrow, false);
    }
    if (!smm_valid(cpu, area)) {
        log_guest(LOG_GUEST_ERROR, "RSM: the saved state is not valid; shutdown\n");
        exc_shutdown(cpu);
        return;
    }
    smm_restore(cpu, area);
    cpu->smm = false;
    cpu->int_shadow = false;
    cpu->dbg_step = false;
    atomic_store(&cpu->vcpu.halted, area[SMM_HALT] & 1);
    tlb_flush_all(cpu);
    x86_update_mode(cpu);
    if (!smm_reload_pdptes(cpu)) {
        log_guest(LOG_GUEST_ERROR, "RSM: reserved bits in page-directory-pointer entries; shutdown\n");
        exc_shutdown(cpu);
    }
}
