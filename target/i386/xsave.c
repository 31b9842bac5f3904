/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FXSAVE, FXRSTOR and the XSAVE family (SDM vol. 1, 10.5 and chapter 13).  Components here: x87 (0), SSE (1), AVX (2),
 * PKRU (9, where processors with AVX-512 have it).
 * An area is built in, or checked from, a private copy, so that a fault or a bad header changes nothing.
 */
#include "util/osdep.h"
#include "target/i386/decode.h"
#include "target/i386/fpu.h"
#include "target/i386/mem.h"

enum { XC_X87 = 1, XC_SSE = 2, XC_AVX = 4, XC_PKRU = 1 << 9, XC_ALL = 7 | XC_PKRU };
#define XSAVE_PKRU 2688u /* in the standard form */
#define XSAVE_LEGACY 512u
#define XSAVE_HEADER 64u
#define XSAVE_MAX (XSAVE_LEGACY + XSAVE_HEADER + 256)

void xsave_component(unsigned n, uint32_t *offset, uint32_t *size, bool *align64)
{
    *offset = n == 2 ? 576 : n == 9 ? XSAVE_PKRU : 0;
    *size = n == 2 ? 256 : n == 9 ? 8 : 0;
    *align64 = false;
}

uint64_t xsave_supported(void)
{
    return XC_ALL;
}

uint32_t xsave_size(uint64_t mask, bool compacted)
{
    if ((mask & XC_PKRU) && !compacted) {
        return XSAVE_PKRU + 8;
    }
    return XSAVE_LEGACY + XSAVE_HEADER + (mask & XC_AVX ? 256 : 0) + (mask & XC_PKRU ? 8 : 0);
}

/* Where PKRU lies in an area: @comp is XCOMP_BV, 0 in the standard form. */
static unsigned xsave_pkru_at(uint64_t comp)
{
    return comp ? xsave_size(comp & ~(uint64_t)XC_PKRU, true) : XSAVE_PKRU;
}

static unsigned xsave_nregs(const X86Cpu *cpu)
{
    return x86_code64(cpu) ? 16 : 8;
}

/* --- the legacy region -------------------------------------------------------------------------------------- */

static void legacy_put_x87(const X86Cpu *cpu, bool wide, uint8_t *p)
{
    st_le16(p, cpu->x87.fcw);
    st_le16(p + 2, cpu->x87.fsw);
    p[4] = cpu->x87.ftw;
    p[5] = 0;
    st_le16(p + 6, cpu->fop);
    if (wide) {
        st_le64(p + 8, cpu->fip);
        st_le64(p + 16, cpu->fdp);
    } else {
        st_le64(p + 8, (uint32_t)cpu->fip | (uint64_t)cpu->fcs << 32);
        st_le64(p + 16, (uint32_t)cpu->fdp | (uint64_t)cpu->fds << 32);
    }
    for (unsigned k = 0; k < 8; k++) {
        memset(p + 32 + k * 16, 0, 16);
        memcpy(p + 32 + k * 16, cpu->x87.st[k], 10);
    }
}

static void legacy_get_x87(X86Cpu *cpu, bool wide, const uint8_t *p)
{
    cpu->x87.fcw = (uint16_t)((ld_le16(p) & 0x1f7f) | 0x40);
    cpu->x87.fsw = ld_le16(p + 2);
    cpu->x87.ftw = p[4];
    cpu->fop = ld_le16(p + 6) & 0x7ff;
    cpu->fip = wide ? ld_le64(p + 8) : ld_le32(p + 8);
    cpu->fdp = wide ? ld_le64(p + 16) : ld_le32(p + 16);
    cpu->fcs = wide ? 0 : ld_le16(p + 12);
    cpu->fds = wide ? 0 : ld_le16(p + 20);
    for (unsigned k = 0; k < 8; k++) {
        memcpy(cpu->x87.st[k], p + 32 + k * 16, 10);
    }
    fpu_update_es(cpu);
}

static void legacy_put_mxcsr(const X86Cpu *cpu, uint8_t *p)
{
    st_le32(p + 24, cpu->mxcsr);
    st_le32(p + 28, fpu_mxcsr_mask(cpu));
}

static void legacy_put_xmm(const X86Cpu *cpu, uint8_t *p)
{
    for (unsigned k = 0; k < xsave_nregs(cpu); k++) {
        memcpy(p + 160 + k * 16, &cpu->vec[k], 16);
    }
}

static void legacy_get_xmm(X86Cpu *cpu, const uint8_t *p)
{
    for (unsigned k = 0; k < xsave_nregs(cpu); k++) {
        memcpy(&cpu->vec[k], p + 160 + k * 16, 16);
    }
}

/* Linear address of an area of @size bytes with its alignment checked. */
static uint64_t area_linear(X86Cpu *cpu, const Insn *i, unsigned size, unsigned align, MemAccess acc)
{
    uint64_t lin = insn_linear(cpu, i, size, acc);

    if (align == 16) { /* FXSAVE and FXRSTOR; the XSAVE family has #GP only */
        mem_check_align(cpu, lin, 4);
    }
    if (lin & (align - 1)) {
        x86_raise_gp0(cpu);
    }
    return lin;
}

static void op_fxsave(X86Cpu *cpu, const Insn *i)
{
    uint8_t buf[416];
    unsigned len = x86_code64(cpu) ? 416 : 288;

    fpu_check_x87(cpu, false);
    uint64_t lin = area_linear(cpu, i, 512, 16, ACC_WRITE);

    memset(buf, 0, sizeof(buf));
    legacy_put_x87(cpu, i->opsize == 8, buf);
    legacy_put_mxcsr(cpu, buf);
    legacy_put_xmm(cpu, buf);
    mem_write_bytes(cpu, lin, buf, len);
}

static void op_fxrstor(X86Cpu *cpu, const Insn *i)
{
    uint8_t buf[512];

    fpu_check_x87(cpu, false);
    mem_read_bytes(cpu, area_linear(cpu, i, 512, 16, ACC_READ), buf, sizeof(buf));
    uint32_t mxcsr = ld_le32(buf + 24);

    if (mxcsr & ~fpu_mxcsr_mask(cpu)) {
        x86_raise_gp0(cpu);
    }
    legacy_get_x87(cpu, i->opsize == 8, buf);
    if (cpu->cr4 & CR4_OSFXSR) {
        cpu->mxcsr = mxcsr;
        legacy_get_xmm(cpu, buf);
    }
}

/* --- XSAVE ---------------------------------------------------------------------------------------------------- */

static bool all_zero(const void *p, size_t n)
{
    const uint8_t *b = p;

    return n == 0 || (b[0] == 0 && !memcmp(b, b + 1, n - 1));
}

/* XINUSE: components that are not in their initial configuration. */
static uint64_t xsave_in_use(const X86Cpu *cpu)
{
    uint64_t used = cpu->pkru ? XC_PKRU : 0;

    if (cpu->x87.fcw != 0x37f || cpu->x87.fsw || cpu->x87.ftw || cpu->fip || cpu->fdp || cpu->fop) {
        used |= XC_X87;
    }
    for (unsigned k = 0; k < xsave_nregs(cpu); k++) {
        used |= all_zero(&cpu->vec[k], 16) ? 0 : XC_SSE;
        used |= all_zero(cpu->vec[k].b + 16, 16) ? 0 : XC_AVX;
    }
    return used;
}

static void xsave_check(X86Cpu *cpu)
{
    if (!(cpu->cr4 & CR4_OSXSAVE)) {
        x86_raise(cpu, EXC_UD);
    }
    if (cpu->cr0 & CR0_TS) {
        x86_raise(cpu, EXC_NM);
    }
}

static uint64_t xsave_mask(const X86Cpu *cpu)
{
    return ((uint32_t)cpu->regs[R_RAX] | cpu->regs[R_RDX] << 32) & cpu->xcr0 & XC_ALL;
}

typedef enum XsaveForm { XSAVE_PLAIN, XSAVE_OPT, XSAVE_COMPACT } XsaveForm;

static void xsave_write(X86Cpu *cpu, const Insn *i, XsaveForm form)
{
    uint8_t buf[XSAVE_MAX] = { 0 };
    uint64_t rfbm = xsave_mask(cpu), used = xsave_in_use(cpu), data = form == XSAVE_PLAIN ? rfbm : rfbm & used;
    unsigned size = xsave_size(rfbm, form == XSAVE_COMPACT);
    uint64_t lin = area_linear(cpu, i, size, 64, ACC_WRITE), bv, comp = 0;

    mem_probe(cpu, lin, size, ACC_WRITE);
    if (form == XSAVE_COMPACT) {
        bv = rfbm & used;
        if ((rfbm & XC_SSE) && cpu->mxcsr != MXCSR_DEFAULT) { /* XSAVEC and XSAVES look at MXCSR too */
            bv |= XC_SSE;
            data |= XC_SSE;
        }
        comp = rfbm | (uint64_t)1 << 63;
    } else {
        bv = (mem_load(cpu, lin + XSAVE_LEGACY, 8) & ~rfbm) | (rfbm & used);
    }
    if (data & XC_X87) {
        legacy_put_x87(cpu, i->opsize == 8, buf);
        mem_write_bytes(cpu, lin, buf, 24);
        mem_write_bytes(cpu, lin + 32, buf + 32, 128);
    }
    if (form == XSAVE_COMPACT ? data & XC_SSE : rfbm & (XC_SSE | XC_AVX)) {
        legacy_put_mxcsr(cpu, buf);
        mem_write_bytes(cpu, lin + 24, buf + 24, 8);
    }
    if (data & XC_SSE) {
        legacy_put_xmm(cpu, buf);
        mem_write_bytes(cpu, lin + 160, buf + 160, xsave_nregs(cpu) * 16);
    }
    if (data & XC_AVX) {
        for (unsigned k = 0; k < xsave_nregs(cpu); k++) {
            memcpy(buf + 576 + k * 16, cpu->vec[k].b + 16, 16);
        }
        mem_write_bytes(cpu, lin + 576, buf + 576, xsave_nregs(cpu) * 16);
    }
    if (data & XC_PKRU) {
        mem_store(cpu, lin + xsave_pkru_at(comp), (uint32_t)cpu->pkru, 8);
    }
    mem_store(cpu, lin + XSAVE_LEGACY, bv, 8);
    if (form == XSAVE_COMPACT) {
        mem_store(cpu, lin + XSAVE_LEGACY + 8, comp, 8);
    }
}

static void op_xsave(X86Cpu *cpu, const Insn *i)
{
    xsave_check(cpu);
    xsave_write(cpu, i, XSAVE_PLAIN);
}

static void op_xsaveopt(X86Cpu *cpu, const Insn *i)
{
    xsave_check(cpu);
    xsave_write(cpu, i, XSAVE_OPT);
}

static void op_xsavec(X86Cpu *cpu, const Insn *i)
{
    xsave_check(cpu);
    xsave_write(cpu, i, XSAVE_COMPACT);
}

static void op_xsaves(X86Cpu *cpu, const Insn *i)
{
    xsave_check(cpu);
    if (cpu->cpl) {
        x86_raise_gp0(cpu);
    }
    xsave_write(cpu, i, XSAVE_COMPACT);
}

/* Header rules of XRSTOR (13.8) and XRSTORS (13.12). */
static bool xrstor_header_ok(const X86Cpu *cpu, const uint8_t *h, bool supervisor)
{
    uint64_t bv = ld_le64(h), comp = ld_le64(h + 8), known = cpu->xcr0 & XC_ALL;

    if (!(comp >> 63)) {
        return !supervisor && !(bv & ~known) && all_zero(h + 8, 16);
    }
    comp &= ~((uint64_t)1 << 63);
    return !(comp & ~known) && !(bv & ~comp) && all_zero(h + 16, 48);
}

static void xrstor_init(X86Cpu *cpu, uint64_t mask)
{
    if (mask & XC_X87) {
        memset(cpu->x87.st, 0, sizeof(cpu->x87.st));
        fpu_init(cpu);
    }
    for (unsigned k = 0; k < xsave_nregs(cpu); k++) {
        if (mask & XC_SSE) {
            memset(cpu->vec[k].b, 0, 16);
        }
        if (mask & XC_AVX) {
            memset(cpu->vec[k].b + 16, 0, 16);
        }
    }
}

static void xrstor_read(X86Cpu *cpu, const Insn *i, bool supervisor)
{
    uint8_t buf[XSAVE_MAX];
    uint64_t rfbm = xsave_mask(cpu), lin = area_linear(cpu, i, xsave_size(rfbm, false), 64, ACC_READ);

    mem_read_bytes(cpu, lin, buf, XSAVE_LEGACY + XSAVE_HEADER);
    if (!xrstor_header_ok(cpu, buf + XSAVE_LEGACY, supervisor)) {
        x86_raise_gp0(cpu);
    }
    uint64_t bv = ld_le64(buf + XSAVE_LEGACY), load = rfbm & bv;
    bool compact = ld_le64(buf + XSAVE_LEGACY + 8) >> 63;
    uint32_t mxcsr = ld_le32(buf + 24);
    /* The standard form loads MXCSR for SSE and AVX even if they are to be initialised; the compacted one with SSE. */
    bool load_mxcsr = compact ? load & XC_SSE : rfbm & (XC_SSE | XC_AVX);

    if (load_mxcsr && (mxcsr & ~fpu_mxcsr_mask(cpu))) {
        x86_raise_gp0(cpu);
    }
    if (load & XC_AVX) {
        mem_read_bytes(cpu, lin + 576, buf + 576, xsave_nregs(cpu) * 16);
    }
    uint32_t pkru = load & XC_PKRU ? (uint32_t)mem_load(cpu, lin + xsave_pkru_at(ld_le64(buf + XSAVE_LEGACY + 8)), 4) : 0;

    xrstor_init(cpu, rfbm & ~bv);
    if (compact && (rfbm & ~bv & XC_SSE)) {
        cpu->mxcsr = MXCSR_DEFAULT;
    }
    if (load_mxcsr) {
        cpu->mxcsr = mxcsr;
    }
    if (load & XC_X87) {
        legacy_get_x87(cpu, i->opsize == 8, buf);
    }
    if (load & XC_SSE) {
        legacy_get_xmm(cpu, buf);
    }
    for (unsigned k = 0; (load & XC_AVX) && k < xsave_nregs(cpu); k++) {
        memcpy(cpu->vec[k].b + 16, buf + 576 + k * 16, 16);
    }
    if (rfbm & XC_PKRU) {
        mmu_set_pkru(cpu, pkru);
    }
}

static void op_xrstor(X86Cpu *cpu, const Insn *i)
{
    xsave_check(cpu);
    xrstor_read(cpu, i, false);
}

static void op_xrstors(X86Cpu *cpu, const Insn *i)
{
    xsave_check(cpu);
    if (cpu->cpl) {
        x86_raise_gp0(cpu);
    }
    xrstor_read(cpu, i, true);
}

/* REX.W forms keep 64-bit instruction pointers: opsize 8 tells them apart. */
static InsnFn *select_xsave(const Decoded *d, Insn *i)
{
    static const struct {
        const char *name;
        InsnFn *fn;
    } fns[] = {
        { "fxsave", op_fxsave }, { "fxrstor", op_fxrstor }, { "xsaveopt", op_xsaveopt }, { "xsavec", op_xsavec },
        { "xsaves", op_xsaves }, { "xsave", op_xsave }, { "xrstors", op_xrstors }, { "xrstor", op_xrstor },
    };

    i->opsize = d->rex_w ? 8 : 4;
    for (unsigned k = 0; k < G_N_ELEMENTS(fns); k++) {
        size_t n = strlen(fns[k].name);

        if (!strncmp(d->mnemonic, fns[k].name, n) && (!d->mnemonic[n] || !strcmp(d->mnemonic + n, "64"))) {
            return fns[k].fn;
        }
    }
    return NULL;
}

const OpRow ops_xsave[] = {
    { .mnemonic = "fxsave", .select = select_xsave },   { .mnemonic = "fxsave64", .select = select_xsave },
    { .mnemonic = "fxrstor", .select = select_xsave },  { .mnemonic = "fxrstor64", .select = select_xsave },
    { .mnemonic = "xsave", .select = select_xsave },    { .mnemonic = "xsave64", .select = select_xsave },
    { .mnemonic = "xsaveopt", .select = select_xsave }, { .mnemonic = "xsaveopt64", .select = select_xsave },
    { .mnemonic = "xsavec", .select = select_xsave },   { .mnemonic = "xsavec64", .select = select_xsave },
    { .mnemonic = "xsaves", .select = select_xsave },   { .mnemonic = "xsaves64", .select = select_xsave },
    { .mnemonic = "xrstor", .select = select_xsave },   { .mnemonic = "xrstor64", .select = select_xsave },
    { .mnemonic = "xrstors", .select = select_xsave },  { .mnemonic = "xrstors64", .select = select_xsave },
    { .mnemonic = NULL },
};
