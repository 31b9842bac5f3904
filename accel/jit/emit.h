/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The assembler of the translator: one instruction of the host at a time, to memory that is written through one mapping and
 * runs through another (util/execmem.h).  Encodings: SDM vol. 2, chapter 2 and appendix A.
 */
#ifndef ACCEL_JIT_EMIT_H
#define ACCEL_JIT_EMIT_H

#include "util/bytes.h"

enum { H_RAX, H_RCX, H_RDX, H_RBX, H_RSP, H_RBP, H_RSI, H_RDI, H_R8, H_R9, H_R10, H_R11, H_R12, H_R13, H_R14, H_R15 };
#define H_NONE 0xff

/* Condition codes as in Jcc. */
enum { CC_O, CC_NO, CC_B, CC_AE, CC_E, CC_NE, CC_BE, CC_A, CC_S, CC_NS, CC_P, CC_NP, CC_L, CC_GE, CC_LE, CC_G };

typedef struct Emit {
    uint8_t *p, *end;  /* write mapping; what does not fit is dropped and noted */
    ptrdiff_t to_rx;   /* from the write mapping to where it runs */
    bool full;
} Emit;

static inline const uint8_t *emit_rx(const Emit *e)
{
    return e->p + e->to_rx;
}

/* A memory operand of the host: [base + index << scale + disp]. */
typedef struct HostMem {
    uint8_t base, index, scale; /* H_*, H_NONE */
    int32_t disp;
} HostMem;

/* An instruction of the host. */
typedef struct HostOp {
    uint8_t map;    /* 0 one-byte opcodes, 1 0F, 2 0F38, 3 0F3A */
    uint8_t opcode;
    uint8_t rep;    /* F2, F3 or 0; VEX: becomes pp */
    bool opsize16, lock, w, vex;
    bool low8;      /* a byte register among its operands is SPL..DIL, not AH..BH: wants a REX */
    bool no_modrm;  /* opcode alone; @rm is in the opcode's low three bits when @rm != H_NONE */
    bool is_mem;
    uint8_t reg;    /* ModRM.reg: register or opcode extension */
    uint8_t rm;     /* !is_mem */
    uint8_t vvvv, l; /* VEX */
    HostMem mem;
    uint8_t imm_len;
    uint8_t imm[8];
} HostOp;

void emit_op(Emit *e, const HostOp *o);
static inline void emit_bytes(Emit *e, const void *bytes, unsigned len)
{
    if ((size_t)(e->end - e->p) < len) {
        e->full = true;
        return;
    }
    memcpy(e->p, bytes, len);
    e->p += len;
}

#define EMIT(e, ...) emit_bytes((e), (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* The usual ones, and emit_rm() below; @w: 64-bit. */
void emit_rr(Emit *e, uint8_t opcode, unsigned reg, unsigned rm, bool w); /* any one-byte opcode with ModRM */
void emit_ri(Emit *e, unsigned ext, unsigned rm, int32_t imm, bool w);    /* 81/83 /ext: add 0, or 1, and 4, sub 5, cmp 7 */
void emit_mi8(Emit *e, uint8_t opcode, unsigned ext, HostMem m, uint8_t imm); /* byte operation with immediate: 80, C6, F6 */
void emit_shift(Emit *e, unsigned ext, unsigned rm, uint8_t count, bool w);
void emit_mov_imm(Emit *e, unsigned reg, uint64_t v); /* the shortest; leaves flags */
void emit_jmp(Emit *e, const uint8_t *target_rx);
void emit_call(Emit *e, const uint8_t *target_rx);
void emit_jcc(Emit *e, unsigned cc, const uint8_t *target_rx);
/* With a target to be filled in: returns where the 32-bit displacement is (write mapping). */
uint8_t *emit_jmp_later(Emit *e);
uint8_t *emit_jcc_later(Emit *e, unsigned cc);
void emit_jmp_reg(Emit *e, unsigned reg);
void emit_jmp_mem(Emit *e, HostMem m);
void emit_call_c(Emit *e, const void *fn); /* clobbers rax */

/* Sets a displacement to reach @target_rx. */
static inline void emit_patch(uint8_t *site, ptrdiff_t to_rx, const uint8_t *target_rx)
{
    st_le32(site, (uint32_t)(target_rx - (site + to_rx + 4)));
}

#define EMIT_LONGEST 24 /* bytes of an instruction, and what is written behind it in vain */

/* Room for one instruction: where it goes; NULL: there is none. */
static inline uint8_t *emit_room(Emit *e)
{
    if (G_UNLIKELY(e->end - e->p < EMIT_LONGEST)) {
        e->full = true;
        return NULL;
    }
    return e->p;
}

/* REX.R, X and B of these operands. */
static inline unsigned emit_rex_of(unsigned reg, HostMem m)
{
    return (reg > 7 ? 4u : 0) | (m.index != H_NONE && m.index > 7 ? 2u : 0) | (m.base != H_NONE && m.base > 7 ? 1u : 0);
}

/* The put functions write at @p and return where they ended. */
static inline uint8_t *emit_put_rex(uint8_t *p, unsigned rex)
{
    if (rex) {
        *p++ = (uint8_t)(0x40 | rex);
    }
    return p;
}

/* ModRM, SIB and displacement.  It is much of the translator's work: most callers know most of it when they are compiled. */
static inline __attribute__((always_inline)) uint8_t *emit_put_mem(uint8_t *p, unsigned reg, HostMem m)
{
    unsigned base = m.base & 7u, r = (reg & 7u) << 3, sib = (unsigned)m.scale << 6 | (m.index == H_NONE ? 4u : m.index & 7u) << 3;
    unsigned mod = m.disp == 0 && base != 5 ? 0 : m.disp == (int8_t)m.disp ? 1 : 2;

    if (m.base == H_NONE) { /* [index << scale + disp32] */
        *p++ = (uint8_t)(r | 4);
        *p++ = (uint8_t)(sib | 5);
        st_le32(p, (uint32_t)m.disp);
        return p + 4;
    }
    if (m.index != H_NONE || base == 4) {
        *p++ = (uint8_t)(mod << 6 | r | 4);
        *p++ = (uint8_t)(sib | base);
    } else {
        *p++ = (uint8_t)(mod << 6 | r | base);
    }
    st_le32(p, (uint32_t)m.disp); /* what is too much is written over */
    return p + (mod == 2 ? 4 : mod);
}

static inline __attribute__((always_inline)) void emit_rm(Emit *e, uint8_t opcode, unsigned reg, HostMem m, bool w)
{
    uint8_t *p = emit_room(e);

    if (p) {
        p = emit_put_rex(p, (w ? 8u : 0) | emit_rex_of(reg, m));
        *p++ = opcode;
        e->p = emit_put_mem(p, reg, m);
    }
}

static inline HostMem host_mem(unsigned base, int32_t disp)
{
    return (HostMem){ (uint8_t)base, H_NONE, 0, disp };
}

#endif
