/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AVX2 gathers (SDM vol. 2, VGATHER..., VPGATHER...).  Elements are fetched from the lowest up; each one that is done clears its
 * mask element, so that after a page fault the instruction goes on where it was.  vCPU thread.
 */
#include "util/osdep.h"
#include "target/i386/decode.h"
#include "target/i386/fpu.h"
#include "target/i386/mem.h"

/* Insn.imm: sizes in bytes and the number of elements. */
#define GATHER_IMM(elem, index, count) ((elem) | (index) << 8 | (count) << 16)

static uint64_t gather_address(X86Cpu *cpu, const Insn *i, unsigned k, unsigned index_size, unsigned elem)
{
    const VecReg *v = &cpu->vec[i->src2];
    int64_t index = index_size == 8 ? (int64_t)v->q[k] : (int32_t)v->d[k];
    uint64_t off = insn_ea(cpu, i) + ((uint64_t)index << i->scale);

    off = i->addrsize == 8 ? off : (uint32_t)off;
    return seg_linear(cpu, i, i->seg, off, elem, ACC_READ);
}

static void op_gather(X86Cpu *cpu, const Insn *i)
{
    unsigned elem = i->imm & 0xff, index_size = i->imm >> 8 & 0xff, count = i->imm >> 16 & 0xff;
    VecReg *dst = &cpu->vec[i->dst], *mask = &cpu->vec[i->src];

    fpu_check_avx(cpu);
    for (unsigned k = 0; k < count; k++) { /* only the top bit of a mask element counts */
        uint8_t *m = mask->b + k * elem;

        if (m[elem - 1] & 0x80) {
            st_le(dst->b + k * elem, mem_load(cpu, gather_address(cpu, i, k, index_size, elem), elem), elem);
            memset(m, 0, elem);
        }
    }
    memset(mask, 0, sizeof(*mask));
    memset(dst->b + count * elem, 0, sizeof(*dst) - count * elem);
}

/* Names end in <index><element>: d or q, then d, q, ps or pd. */
static InsnFn *select_gather(const Decoded *d, Insn *i)
{
    const char *type = strstr(d->mnemonic, "gather") + strlen("gather");
    unsigned index_size = type[0] == 'd' ? 4 : 8;
    unsigned elem = !strcmp(type + 1, "d") || !strcmp(type + 1, "ps") ? 4 : 8;

    i->dst = d->op[0].reg;
    i->src2 = d->op[1].reg;
    i->src = d->op[2].reg;
    if (!d->vex || i->dst == i->src || i->dst == i->src2 || i->src == i->src2) {
        return NULL; /* all three must differ */
    }
    i->imm = GATHER_IMM(elem, index_size, d->vec_len / MAX(elem, index_size));
    return op_gather;
}

const OpRow ops_gather[] = {
    { .mnemonic = "vgatherdps", .select = select_gather }, { .mnemonic = "vgatherdpd", .select = select_gather },
    { .mnemonic = "vgatherqps", .select = select_gather }, { .mnemonic = "vgatherqpd", .select = select_gather },
    { .mnemonic = "vpgatherdd", .select = select_gather }, { .mnemonic = "vpgatherdq", .select = select_gather },
    { .mnemonic = "vpgatherqd", .select = select_gather }, { .mnemonic = "vpgatherqq", .select = select_gather },
    { .mnemonic = NULL },
};
