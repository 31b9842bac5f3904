/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lazy arithmetic flags: what flags.h promises (SDM vol. 1, 3.4.3).  Only the low operand-size bits of cc_dst, cc_src and cc_src2
 * count.  vCPU thread.
 */
#include "util/osdep.h"
#include "target/i386/flags.h"

/* Where the carry chain of an addition or subtraction carried out, bit by bit. */
typedef struct Carry {
    uint64_t out;  /* carry out of each bit */
    uint64_t over; /* sign bit: signed overflow */
    uint64_t half; /* bit 4: carry into it */
} Carry;

static Carry flags_carry(uint32_t kind, uint64_t dst, uint64_t src, uint64_t src2)
{
    bool add = kind == CC_ADD || kind == CC_ADC;
    uint64_t in = kind == CC_ADC || kind == CC_SBB ? src2 : 0;
    uint64_t a = add ? dst - src - in : dst + src + in;
    Carry c = { .half = a ^ src ^ dst };

    if (add) {
        c.out = (a & src) | ((a | src) & ~dst);
        c.over = (a ^ dst) & (src ^ dst);
    } else {
        c.out = (~a & src) | ((~a | src) & dst);
        c.over = (a ^ src) & (a ^ dst);
    }
    return c;
}

/* ZF, SF and PF of a result. */
static uint32_t flags_szp(uint64_t r, uint64_t msb)
{
    uint32_t f = __builtin_parity((unsigned)r & 0xff) ? 0 : FL_PF;

    if (!(r & (msb | (msb - 1)))) {
        f |= FL_ZF;
    }
    return r & msb ? f | FL_SF : f;
}

/* CF, AF and OF of what is noted. */
static uint32_t flags_cao(const X86Cpu *cpu, uint64_t msb)
{
    uint32_t kind = cpu->cc_op & ~3u;
    uint64_t dst = cpu->cc_dst, src = cpu->cc_src, mask = msb | (msb - 1);
    Carry c;

    switch (kind) {
    case CC_ADD:
    case CC_ADC:
    case CC_SUB:
    case CC_SBB:
        c = flags_carry(kind, dst, src, cpu->cc_src2);
        return (c.out & msb ? FL_CF : 0) | (c.over & msb ? FL_OF : 0) | (c.half & FL_AF);
    case CC_INC:
        return (src & 1 ? FL_CF : 0) | ((dst & mask) == msb ? FL_OF : 0) | (dst & 15 ? 0 : FL_AF);
    case CC_DEC:
        return (src & 1 ? FL_CF : 0) | ((dst & mask) == msb - 1 ? FL_OF : 0) | ((dst & 15) == 15 ? FL_AF : 0);
    case CC_SHL:
        return (src & msb ? FL_CF : 0) | ((src ^ dst) & msb ? FL_OF : 0);
    case CC_SAR:
        return (src & 1 ? FL_CF : 0) | ((src ^ dst) & msb ? FL_OF : 0);
    case CC_MUL:
        return src ? FL_CF | FL_OF : 0;
    case CC_BLSI:
        return src ? FL_CF : 0;
    default: /* CC_LOGIC */
        return 0;
    }
}

uint32_t flags_compute(const X86Cpu *cpu)
{
    uint64_t msb = 1ull << ((8u << (cpu->cc_op & 3)) - 1);

    if (cpu->cc_op == CC_FLAGS) {
        return (uint32_t)cpu->cc_src;
    }
    return flags_szp(cpu->cc_dst, msb) | flags_cao(cpu, msb);
}

bool flags_cf(const X86Cpu *cpu)
{
    uint64_t msb = 1ull << ((8u << (cpu->cc_op & 3)) - 1);

    if (cpu->cc_op == CC_FLAGS) {
        return cpu->cc_src & FL_CF;
    }
    return flags_cao(cpu, msb) & FL_CF;
}

bool flags_condition(const X86Cpu *cpu, unsigned cc)
{
    uint32_t f = flags_compute(cpu);
    bool sf_ne_of = !(f & FL_SF) != !(f & FL_OF), r;

    switch (cc >> 1) {
    case 0: r = f & FL_OF; break;
    case 1: r = f & FL_CF; break;
    case 2: r = f & FL_ZF; break;
    case 3: r = f & (FL_CF | FL_ZF); break;
    case 4: r = f & FL_SF; break;
    case 5: r = f & FL_PF; break;
    case 6: r = sf_ne_of; break;
    default: r = sf_ne_of || (f & FL_ZF); break;
    }
    return r ^ (cc & 1);
}
