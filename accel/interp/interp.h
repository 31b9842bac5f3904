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

/*
 * Parts of the run loop, for the other engine too: with an exact RIP, no event to be taken and cpu->exit_jmp set.
 * interp_chain: some blocks, ending before breakpoints.  interp_insn: one instruction.  interp_step: one instruction with everything that
 * may happen around it (interrupt shadow, single step, breakpoints).
 */
typedef struct BlockCache BlockCache;
void interp_chain(X86Cpu *cpu, BlockCache *c);
void interp_insn(X86Cpu *cpu, BlockCache *c);
void interp_step(X86Cpu *cpu, BlockCache *c);

/*
 * The run loop of both engines: takes events, delivers exceptions, steps where blocks will not do.  Sets cpu->exit_jmp.  Returns when
 * the vCPU shall leave: an exit is wanted, or it halts.
 */
typedef struct EngineOps {
    void (*blocks)(X86Cpu *cpu, void *opaque); /* runs guest code from an exact RIP until an event waits or something is in the way */
    void (*code_written)(void *opaque);        /* serves VCPU_EV_CODE; NULL: nobody raises it for this engine */
} EngineOps;
void interp_loop(X86Cpu *cpu, BlockCache *steps, const EngineOps *ops, void *opaque);

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
    bool stops;        /* a debugger's breakpoint may be at its first instruction: found by look-up only, never chained to */
    bool chainable;    /* what it ends with changes neither mode, privilege nor mappings */
    uint16_t chain_off[2]; /* page offsets of blocks that followed it in the same page, */
    Block *chain[2];   /* and those blocks; NULL: none yet */
    const uint8_t *host; /* of the first byte */
    /* An instruction that crosses into another page depends on that page too. */
    RamBlock *ram2;
    uint64_t ram2_off; /* of the page */
    const atomic_uint *gen2;
    unsigned gen2_seen;
    Insn insns[];
};

/* A block by linear address: good while the TLB still maps that address to the block's bytes. */
typedef struct BlockHint {
    uint64_t lin;
    Block *block;
} BlockHint;

#define HINT_COUNT 4096u
#define BLOCK_HASH 16384u
#define ARENA_CHUNK (1 * MiB)
#define ARENA_CHUNKS_MAX 48u

struct BlockCache {
    BlockHint hints[HINT_COUNT];
    Block *hash[BLOCK_HASH];
    uint8_t *chunks[ARENA_CHUNKS_MAX];
    unsigned chunk;     /* being filled */
    size_t chunk_used;
    unsigned flushes;   /* how often everything was dropped: who keeps a block across block_get() compares */
    Block *scratch;     /* for code that is not in RAM */
};

BlockCache *block_cache_new(void);
void block_cache_free(BlockCache *c);
void block_cache_flush(BlockCache *c);
/* The block at CS:RIP, decoded if need be.  May raise #PF, #GP.  Valid until the next call. */
Block *block_get(BlockCache *c, X86Cpu *cpu, uint64_t lin);

static inline bool block_fresh(const Block *b)
{
    return atomic_load_explicit(b->gen, memory_order_acquire) == b->gen_seen;
}

static inline BlockHint *block_hint(BlockCache *c, uint64_t lin)
{
    return &c->hints[(lin ^ lin >> 12) & (HINT_COUNT - 1)];
}

/* The usual case inline: the same linear address as some time ago. */
static inline Block *block_find(BlockCache *c, X86Cpu *cpu, uint64_t lin)
{
    const BlockHint *h = block_hint(c, lin);
    const TlbEntry *e = tlb_entry(cpu, lin);
    Block *b = h->block;

    if (G_LIKELY(h->lin == lin && b && e->exec == (lin & ~(uint64_t)0xfff) && b->host == (const uint8_t *)(lin + e->addend) &&
                 b->mode == cpu->mode && block_fresh(b))) {
        return b;
    }
    return block_get(c, cpu, lin);
}

/* The block at @off of the page of @b, when it followed @b before and nothing was written meanwhile. */
static inline Block *block_chained(const Block *b, uint64_t off)
{
    Block *n = b->chain[0];

    if (!n || b->chain_off[0] != off) {
        n = b->chain[1];
        if (!n || b->chain_off[1] != off) {
            return NULL;
        }
    }
    return atomic_load_explicit(b->gen, memory_order_acquire) == n->gen_seen ? n : NULL;
}

/* Notes that @n, of the same page, follows @b. */
static inline void block_chain(Block *b, Block *n, uint64_t off)
{
    unsigned k = b->chain[0] && b->chain_off[0] != off;

    b->chain[k] = n;
    b->chain_off[k] = (uint16_t)off;
}

#endif
