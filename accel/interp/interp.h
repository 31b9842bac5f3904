/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interpreter's cache of decoded blocks, one per vCPU, used in its thread only.
 *
 * A block is up to BLOCK_MAX_INSNS instructions of one page, or a single one that crosses into the next page.  It is found by
 * the RAM page and offset it was decoded from and the CPU mode, and is good while the page's write generation is unchanged.
 */
#ifndef ACCEL_INTERP_INTERP_H
#define ACCEL_INTERP_INTERP_H

#include "target/i386/insn.h"
#include "target/i386/mem.h"

#define BLOCK_MAX_INSNS 32

typedef struct Block Block;
struct Block {
    Block *next;       /* in its hash chain */
    RamBlock *ram;
    uint64_t ram_off;  /* of the first byte */
    const atomic_uint *gen;
    unsigned gen_seen;
    uint32_t mode;
    uint16_t count;    /* instructions */
    uint16_t bytes;
    /* An instruction that crosses into another page depends on that page too. */
    RamBlock *ram2;
    uint64_t ram2_off; /* of the page */
    const atomic_uint *gen2;
    unsigned gen2_seen;
    Insn insns[];
};

/* A block by linear address: good while no TLB flush came in between. */
typedef struct BlockHint {
    uint64_t lin;
    uint32_t epoch, mode;
    Block *block;
} BlockHint;

#define HINT_COUNT 4096u
#define BLOCK_HASH 16384u
#define ARENA_CHUNK (1 * MiB)
#define ARENA_CHUNKS_MAX 48u

typedef struct BlockCache {
    BlockHint hints[HINT_COUNT];
    Block *hash[BLOCK_HASH];
    uint8_t *chunks[ARENA_CHUNKS_MAX];
    unsigned chunk;     /* being filled */
    size_t chunk_used;
    Block *scratch;     /* for code that is not in RAM */
} BlockCache;

BlockCache *block_cache_new(void);
void block_cache_free(BlockCache *c);
/* The block at CS:RIP, decoded if need be.  May raise #PF, #GP.  Valid until the next call. */
const Block *block_get(BlockCache *c, X86Cpu *cpu, uint64_t lin);

static inline bool block_fresh(const Block *b)
{
    return atomic_load_explicit(b->gen, memory_order_acquire) == b->gen_seen;
}

/* The usual case inline: the same linear address as some time ago. */
static inline const Block *block_find(BlockCache *c, X86Cpu *cpu, uint64_t lin)
{
    const BlockHint *h = &c->hints[(lin ^ lin >> 12) & (HINT_COUNT - 1)];

    if (G_LIKELY(h->lin == lin && h->epoch == cpu->tlb_epoch && h->mode == cpu->mode && h->block && block_fresh(h->block))) {
        return h->block;
    }
    return block_get(c, cpu, lin);
}

#endif
