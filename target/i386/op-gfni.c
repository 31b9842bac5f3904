/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GFNI: bytes as polynomials over GF(2) modulo x^8 + x^4 + x^3 + x + 1, and affine maps of them (SDM vol. 2, GF2P8...).  C functions on
 * every host: those that have the instructions are the oracle of vec-native-test.  vCPU thread.
 */
#include "util/osdep.h"
#include "target/i386/decode.h"
#include "target/i386/fpu.h"
#include "target/i386/mem.h"

enum { GF_VEX = 1, GF_LONG = 2 /* 256 bits */, GF_IMM_SHIFT = 8 }; /* Insn.imm, with the immediate above */

static uint8_t gf_multiply(uint8_t a, uint8_t b)
{
    unsigned r = 0, x = a;

    for (unsigned k = 0; k < 8; k++) {
        r ^= b >> k & 1 ? x : 0;
        x = x << 1 ^ (x & 0x80 ? 0x11bu : 0);
    }
    return (uint8_t)r;
}

/* x to the power of 254; 0 stays 0. */
static uint8_t gf_inverse(uint8_t x)
{
    uint8_t r = 1;

    for (unsigned k = 0; k < 7; k++) {
        x = gf_multiply(x, x);
        r = gf_multiply(r, x);
    }
    return r;
}

/* Row i of the matrix, which is its byte 7 - i, makes bit i. */
static uint8_t gf_affine(const uint8_t matrix[8], uint8_t x, uint8_t add)
{
    unsigned r = add;

    for (unsigned i = 0; i < 8; i++) {
        r ^= ((unsigned)__builtin_popcount(matrix[7 - i] & x) & 1) << i;
    }
    return (uint8_t)r;
}

static unsigned gf_bytes(const Insn *i)
{
    return i->imm & GF_LONG ? 32 : 16;
}

/* The last operand: a register or memory, which only VEX forms may leave unaligned. */
static void gf_source(X86Cpu *cpu, const Insn *i, uint8_t out[32])
{
    unsigned size = gf_bytes(i);

    if (i->imm & GF_VEX) {
        fpu_check_avx(cpu);
    } else {
        fpu_check_sse(cpu);
    }
    if (!(i->flags & INSN_MEM)) {
        memcpy(out, &cpu->vec[i->src2], size);
        return;
    }
    uint64_t lin = insn_linear(cpu, i, size, ACC_READ);
    if (!(i->imm & GF_VEX) && (lin & 15) && !(cpu->mxcsr & MXCSR_MM)) {
        x86_raise_gp0(cpu);
    }
    mem_check_align(cpu, lin, size);
    mem_read_bytes(cpu, lin, out, size);
}

static void gf_store(X86Cpu *cpu, const Insn *i, const uint8_t *v)
{
    VecReg *dst = &cpu->vec[i->dst];

    memcpy(dst, v, gf_bytes(i));
    if (i->imm & GF_VEX) {
        memset(dst->b + gf_bytes(i), 0, sizeof(*dst) - gf_bytes(i));
    }
}

static void op_gf2p8mulb(X86Cpu *cpu, const Insn *i)
{
    uint8_t b[32];

    gf_source(cpu, i, b);
    for (unsigned k = 0; k < gf_bytes(i); k++) {
        b[k] = gf_multiply(cpu->vec[i->src].b[k], b[k]);
    }
    gf_store(cpu, i, b);
}

static void gf_map(X86Cpu *cpu, const Insn *i, bool invert)
{
    uint8_t matrix[32], out[32];

    gf_source(cpu, i, matrix);
    for (unsigned k = 0; k < gf_bytes(i); k++) {
        uint8_t x = cpu->vec[i->src].b[k];

        out[k] = gf_affine(matrix + (k & ~7u), invert ? gf_inverse(x) : x, (uint8_t)(i->imm >> GF_IMM_SHIFT));
    }
    gf_store(cpu, i, out);
}

static void op_gf2p8affineqb(X86Cpu *cpu, const Insn *i)
{
    gf_map(cpu, i, false);
}

static void op_gf2p8affineinvqb(X86Cpu *cpu, const Insn *i)
{
    gf_map(cpu, i, true);
}

static InsnFn *select_gf(const Decoded *d, Insn *i)
{
    bool map = strstr(d->mnemonic, "affine");
    unsigned last = d->vex ? 2 : 1;

    if (d->evex) {
        return NULL;
    }
    i->dst = d->op[0].reg;
    i->src = d->op[last - 1].reg;
    if (!(i->flags & INSN_MEM)) {
        i->src2 = d->op[last].reg;
    }
    i->imm = (map ? (i->imm & 0xff) << GF_IMM_SHIFT : 0) | (d->vex ? GF_VEX : 0) | (d->vex && d->vec_len == 32 ? GF_LONG : 0);
    return !map ? op_gf2p8mulb : strstr(d->mnemonic, "inv") ? op_gf2p8affineinvqb : op_gf2p8affineqb;
}

const OpRow ops_gfni[] = {
    { .mnemonic = "gf2p8mulb", .select = select_gf }, { .mnemonic = "vgf2p8mulb", .select = select_gf },
    { .mnemonic = "gf2p8affineqb", .select = select_gf }, { .mnemonic = "vgf2p8affineqb", .select = select_gf },
    { .mnemonic = "gf2p8affineinvqb", .select = select_gf }, { .mnemonic = "vgf2p8affineinvqb", .select = select_gf },
    { .mnemonic = NULL },
};
