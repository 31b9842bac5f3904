/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of the MMU: page walk, TLB, code pages. */
#ifndef TARGET_I386_MMU_INT_H
#define TARGET_I386_MMU_INT_H

#include "target/i386/tlb-int.h"

/* #PF error code bits. */
enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_I = 16, PF_PK = 32 };

typedef struct Walk {
    uint64_t phys; /* of the page's 4 KiB part that was asked for */
    uint8_t perm;  /* TLBP_*: what the asking privilege may do; W only once the dirty bit is set */
    uint8_t shift; /* log2 of the page's size */
    uint32_t keys; /* bits of PKRU that decided */
} Walk;

/*
 * Translates @lin for an access through TLB @idx (which stands for a privilege).  False: *error is the #PF error code.
 * Sets accessed and dirty bits unless @debug, which also permits everything that is mapped.
 */
bool mmu_walk(X86Cpu *cpu, uint64_t lin, MemAccess acc, unsigned idx, bool debug, Walk *w, uint32_t *error);

/* The entry for @lin, filled for @acc; raises #PF, or #GP/#SS for a non-canonical address. */
TlbEntry *tlb_get(X86Cpu *cpu, uint64_t lin, MemAccess acc, unsigned idx);

static inline unsigned tlb_index(const X86Cpu *cpu)
{
    return cpu->tlb_way;
}

/* After tlb_get() of the same address. */
static inline TlbPhys *tlb_phys_of(X86Cpu *cpu, unsigned idx, uint64_t lin)
{
    TlbTable *t = tlb_table(cpu, idx);

    return &t->phys[tlb_slot(t, lin)];
}

/* Its bit in RamBlock.direct_writers; with more than 8 vCPUs, some share one. */
static inline unsigned char mmu_writer_bit(const X86Cpu *cpu)
{
    return (unsigned char)(1u << cpu->vcpu.index % 8);
}

/* Linear addresses are 32 bits wide outside long mode. */
static inline uint64_t mmu_wrap(const X86Cpu *cpu, uint64_t lin)
{
    return cpu->mode & MODE_LMA ? lin : (uint32_t)lin;
}

#endif
