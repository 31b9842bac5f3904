/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SSE and AVX instructions that are worth a C function: the moves that string functions live on, and those that address
 * memory in a way of their own (MASKMOVDQU, VMASKMOV, gathers), or touch MXCSR.  All others run natively (native.c).
 */
#include "util/osdep.h"
#include "target/i386/decode.h"
#include "target/i386/fpu.h"
#include "target/i386/mem.h"
#include "target/i386/native.h"

/* --- whole-register moves ------------------------------------------------------------------------------------- */

static void op_mov16_rr(X86Cpu *cpu, const Insn *i)
{
    fpu_check_sse(cpu);
    memcpy(&cpu->vec[i->dst], &cpu->vec[i->src], 16);
}

static void op_movu16_load(X86Cpu *cpu, const Insn *i)
{
    fpu_check_sse(cpu);
    uint64_t lin = insn_linear(cpu, i, 16, ACC_READ);
    const TlbEntry *e = tlb_entry(cpu, lin);

    if (G_LIKELY(tlb_hit(e->read, lin, 16))) {
        memcpy(&cpu->vec[i->dst], (const void *)(lin + e->addend), 16);
    } else {
        mem_check_align(cpu, lin, 16);
        uint8_t buf[16]; /* a fault in the second page leaves the register alone */

        mem_read_bytes(cpu, lin, buf, 16);
        memcpy(&cpu->vec[i->dst], buf, 16);
    }
}

static void op_movu16_store(X86Cpu *cpu, const Insn *i)
{
    fpu_check_sse(cpu);
    uint64_t lin = insn_linear(cpu, i, 16, ACC_WRITE);
    const TlbEntry *e = tlb_entry(cpu, lin);

    if (G_LIKELY(tlb_hit(e->write, lin, 16))) {
        memcpy((void *)(lin + e->addend), &cpu->vec[i->src], 16);
    } else {
        mem_check_align(cpu, lin, 16);
        mem_write_bytes(cpu, lin, &cpu->vec[i->src], 16);
    }
}

static void op_mova16_load(X86Cpu *cpu, const Insn *i)
{
    fpu_check_sse(cpu);
    if (insn_linear(cpu, i, 16, ACC_READ) & 15) {
        x86_raise_gp0(cpu);
    }
    op_movu16_load(cpu, i);
}

static void op_mova16_store(X86Cpu *cpu, const Insn *i)
{
    fpu_check_sse(cpu);
    if (insn_linear(cpu, i, 16, ACC_WRITE) & 15) {
        x86_raise_gp0(cpu);
    }
    op_movu16_store(cpu, i);
}

/* MOVQ, MOVD and MOVSD/MOVSS loads clear the rest of the register; their stores write 8 or 4 bytes. */
static void op_mov8_load(X86Cpu *cpu, const Insn *i)
{
    fpu_check_sse(cpu);
    cpu->vec[i->dst].q[0] = mem_load(cpu, insn_linear(cpu, i, 8, ACC_READ), 8);
    cpu->vec[i->dst].q[1] = 0;
}

static void op_mov8_store(X86Cpu *cpu, const Insn *i)
{
    fpu_check_sse(cpu);
    mem_store(cpu, insn_linear(cpu, i, 8, ACC_WRITE), cpu->vec[i->src].q[0], 8);
}

static void op_mov4_load(X86Cpu *cpu, const Insn *i)
{
    fpu_check_sse(cpu);
    cpu->vec[i->dst].q[0] = mem_load(cpu, insn_linear(cpu, i, 4, ACC_READ), 4);
    cpu->vec[i->dst].q[1] = 0;
}

static void op_mov4_store(X86Cpu *cpu, const Insn *i)
{
    fpu_check_sse(cpu);
    mem_store(cpu, insn_linear(cpu, i, 4, ACC_WRITE), cpu->vec[i->src].d[0], 4);
}

static bool is_vec(const Operand *o)
{
    return o->kind == OPND_VEC;
}

static InsnFn *select_mov16(const Decoded *d, Insn *i)
{
    bool aligned = !strcmp(d->mnemonic, "movaps") || !strcmp(d->mnemonic, "movapd") || !strcmp(d->mnemonic, "movdqa");

    if (is_vec(&d->op[0]) && is_vec(&d->op[1])) {
        i->dst = d->op[0].reg;
        i->src = d->op[1].reg;
        return op_mov16_rr;
    }
    if (is_vec(&d->op[0])) {
        i->dst = d->op[0].reg;
        return aligned ? op_mova16_load : op_movu16_load;
    }
    i->src = d->op[1].reg;
    return aligned ? op_mova16_store : op_movu16_store;
}

/* MOVQ, MOVD, MOVSS, MOVSD between xmm and memory; every other form of these names goes to the native stub. */
static InsnFn *select_mov_scalar(const Decoded *d, Insn *i)
{
    unsigned size = !strcmp(d->mnemonic, "movq") || !strcmp(d->mnemonic, "movsd") ? 8 : 4;

    if (is_vec(&d->op[0]) && d->op[1].kind == OPND_MEM && d->op[1].size == size) {
        i->dst = d->op[0].reg;
        return size == 8 ? op_mov8_load : op_mov4_load;
    }
    if (d->op[0].kind == OPND_MEM && is_vec(&d->op[1]) && d->op[0].size == size) {
        i->src = d->op[1].reg;
        return size == 8 ? op_mov8_store : op_mov4_store;
    }
    return native_select(d, i);
}

/* PXOR and XORPS of a register with itself: the way to clear it. */
static void op_clear16(X86Cpu *cpu, const Insn *i)
{
    fpu_check_sse(cpu);
    cpu->vec[i->dst].q[0] = cpu->vec[i->dst].q[1] = 0;
}

static InsnFn *select_xor(const Decoded *d, Insn *i)
{
    if (is_vec(&d->op[0]) && is_vec(&d->op[1]) && d->op[0].reg == d->op[1].reg) {
        i->dst = d->op[0].reg;
        return op_clear16;
    }
    return native_select(d, i);
}

/* --- MXCSR ------------------------------------------------------------------------------------------------------ */

static void op_ldmxcsr(X86Cpu *cpu, const Insn *i)
{
    i->bytes[0] == 0xc5 || i->bytes[0] == 0xc4 ? fpu_check_avx(cpu) : fpu_check_sse(cpu);
    uint32_t v = (uint32_t)mem_load(cpu, insn_linear(cpu, i, 4, ACC_READ), 4);

    if (v & ~fpu_mxcsr_mask(cpu)) {
        x86_raise_gp0(cpu);
    }
    cpu->mxcsr = v;
}

static void op_stmxcsr(X86Cpu *cpu, const Insn *i)
{
    i->bytes[0] == 0xc5 || i->bytes[0] == 0xc4 ? fpu_check_avx(cpu) : fpu_check_sse(cpu);
    mem_store(cpu, insn_linear(cpu, i, 4, ACC_WRITE), cpu->mxcsr, 4);
}

/* --- byte-masked stores: DS:rDI, or the segment of an override ----------------------------------------------------- */

static void store_masked_bytes(X86Cpu *cpu, const Insn *i, const uint8_t *data, const uint8_t *mask, unsigned n)
{
    uint64_t off = i->addrsize == 8 ? cpu->regs[R_RDI] : i->addrsize == 4 ? (uint32_t)cpu->regs[R_RDI]
                                                                          : (uint16_t)cpu->regs[R_RDI];
    uint64_t lin = seg_linear(cpu, i, i->seg, off, n, ACC_WRITE);

    mem_probe(cpu, lin, n, ACC_WRITE); /* whatever the mask: "implementation dependent", and so on AMD */
    for (unsigned k = 0; k < n; k++) {
        if (mask[k] & 0x80) {
            mem_store(cpu, lin + k, data[k], 1);
        }
    }
}

static void op_maskmovdqu(X86Cpu *cpu, const Insn *i)
{
    i->bytes[0] == 0xc5 || i->bytes[0] == 0xc4 ? fpu_check_avx(cpu) : fpu_check_sse(cpu);
    store_masked_bytes(cpu, i, cpu->vec[i->dst].b, cpu->vec[i->src].b, 16);
}

static void op_maskmovq(X86Cpu *cpu, const Insn *i)
{
    fpu_check_mmx(cpu);
    fpu_enter_mmx(cpu); /* even if the store faults */
    store_masked_bytes(cpu, i, cpu->x87.st[i->dst], cpu->x87.st[i->src], 8);
}

static InsnFn *select_maskmov(const Decoded *d, Insn *i)
{
    i->dst = d->op[0].reg;
    i->src = d->op[1].reg;
    i->seg = i->seg > SEG_GS ? SEG_DS : i->seg;
    if (i->seg == SEG_CS) {
        i->flags &= (uint8_t)~INSN_FLAT; /* the decoder does not see this operand: code is not writable */
    }
    return strcmp(d->mnemonic, "maskmovq") ? op_maskmovdqu : op_maskmovq;
}

/* --- AVX: register file, masked moves, gathers ------------------------------------------------------------------- */

static void op_vzeroupper(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    fpu_check_avx(cpu);
    for (unsigned k = 0; k < (x86_code64(cpu) ? 16u : 8u); k++) {
        memset(cpu->vec[k].b + 16, 0, 48);
    }
}

static void op_vzeroall(X86Cpu *cpu, const Insn *i)
{
    (void)i;
    fpu_check_avx(cpu);
    for (unsigned k = 0; k < (x86_code64(cpu) ? 16u : 8u); k++) {
        memset(&cpu->vec[k], 0, 64);
    }
}

static uint64_t vec_elem(const VecReg *v, unsigned k, unsigned size)
{
    return size == 8 ? v->q[k] : v->d[k];
}

/* VMASKMOVPS/PD, VPMASKMOVD/Q: imm holds the element size, opsize the vector's. */
static void op_vmaskmov_load(X86Cpu *cpu, const Insn *i)
{
    unsigned size = (unsigned)i->imm, n = i->opsize / size;
    VecReg out = { .q = { 0 } };

    fpu_check_avx(cpu);
    uint64_t off = insn_ea(cpu, i);

    for (unsigned k = 0; k < n; k++) {
        if (vec_elem(&cpu->vec[i->src], k, size) >> (size * 8 - 1)) {
            st_le(out.b + k * size, mem_load(cpu, seg_linear(cpu, i, i->seg, off + k * size, size, ACC_READ), size),
                  size);
        }
    }
    cpu->vec[i->dst] = out;
}

static void op_vmaskmov_store(X86Cpu *cpu, const Insn *i)
{
    unsigned size = (unsigned)i->imm, n = i->opsize / size;

    fpu_check_avx(cpu);
    uint64_t off = insn_ea(cpu, i);

    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned k = 0; k < n; k++) {
            if (!(vec_elem(&cpu->vec[i->src], k, size) >> (size * 8 - 1))) {
                continue;
            }
            uint64_t lin = seg_linear(cpu, i, i->seg, off + k * size, size, ACC_WRITE);

            if (pass == 0) {
                mem_check_align(cpu, lin, size);
                mem_probe(cpu, lin, size, ACC_WRITE);
            } else {
                mem_store(cpu, lin, vec_elem(&cpu->vec[i->dst], k, size), size);
            }
        }
    }
}

static InsnFn *select_vmaskmov(const Decoded *d, Insn *i)
{
    bool store = d->op[0].kind == OPND_MEM;
    char last = d->mnemonic[strlen(d->mnemonic) - 1];

    if (!d->vex) {
        return NULL;
    }
    i->imm = last == 'd' && strcmp(d->mnemonic, "vpmaskmovd") ? 8 : last == 'q' ? 8 : 4;
    i->opsize = (uint8_t)d->vec_len;
    i->src = d->op[1].reg; /* the mask */
    i->dst = store ? d->op[2].reg : d->op[0].reg;
    return store ? op_vmaskmov_store : op_vmaskmov_load;
}

const OpRow ops_mmx[] = {
    { .mnemonic = "maskmovq", .select = select_maskmov },
    { .mnemonic = NULL },
};

const OpRow ops_sse[] = {
    { .mnemonic = "movups", .select = select_mov16 },
    { .mnemonic = "movupd", .select = select_mov16 },
    { .mnemonic = "movdqu", .select = select_mov16 },
    { .mnemonic = "movaps", .select = select_mov16 },
    { .mnemonic = "movapd", .select = select_mov16 },
    { .mnemonic = "movdqa", .select = select_mov16 },
    { .mnemonic = "movq", .select = select_mov_scalar },
    { .mnemonic = "movd", .select = select_mov_scalar },
    { .mnemonic = "movss", .select = select_mov_scalar },
    { .mnemonic = "movsd", .select = select_mov_scalar },
    { .mnemonic = "cmpsd", .select = native_select }, /* the string instruction has this name too */
    { .mnemonic = "pxor", .select = select_xor },
    { .mnemonic = "xorps", .select = select_xor },
    { .mnemonic = "xorpd", .select = select_xor },
    { .mnemonic = "ldmxcsr", .fn = op_ldmxcsr },
    { .mnemonic = "stmxcsr", .fn = op_stmxcsr },
    { .mnemonic = "maskmovdqu", .select = select_maskmov },
    { .mnemonic = NULL },
};

const OpRow ops_avx[] = {
    { .mnemonic = "vldmxcsr", .fn = op_ldmxcsr },
    { .mnemonic = "vstmxcsr", .fn = op_stmxcsr },
    { .mnemonic = "vmaskmovdqu", .select = select_maskmov },
    { .mnemonic = "vzeroupper", .fn = op_vzeroupper },
    { .mnemonic = "vzeroall", .fn = op_vzeroall },
    { .mnemonic = "vmaskmovps", .select = select_vmaskmov },
    { .mnemonic = "vmaskmovpd", .select = select_vmaskmov },
    { .mnemonic = "vpmaskmovd", .select = select_vmaskmov },
    { .mnemonic = "vpmaskmovq", .select = select_vmaskmov },
    { .mnemonic = NULL },
};
