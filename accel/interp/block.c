/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cache of decoded blocks: see interp.h.  vCPU thread. */
#include "util/osdep.h"
#include "accel/interp/interp.h"
#include "target/i386/debugger.h"
#include "target/i386/decode.h"
#include "util/log.h"

static atomic_uint generation_never; /* of code outside RAM, which is decoded anew each time */

BlockCache *block_cache_new(void)
{
    BlockCache *c = g_new0(BlockCache, 1);

    c->scratch = g_malloc0(sizeof(Block) + sizeof(Insn));
    return c;
}

void block_cache_free(BlockCache *c)
{
    if (c) {
        for (unsigned k = 0; k < ARENA_CHUNKS_MAX; k++) {
            g_free(c->chunks[k]);
        }
        g_free(c->scratch);
        g_free(c);
    }
}

void block_cache_flush(BlockCache *c)
{
    memset(c->hints, 0, sizeof(c->hints));
    memset(c->hash, 0, sizeof(c->hash));
    c->chunk = 0;
    c->chunk_used = 0;
    c->flushes++;
}

/* Room for one more block of the greatest size; a full arena starts over. */
static Block *block_alloc(BlockCache *c)
{
    size_t need = sizeof(Block) + BLOCK_MAX_INSNS * sizeof(Insn);

    if (c->chunk_used + need > ARENA_CHUNK) {
        c->chunk_used = 0;
        if (++c->chunk == ARENA_CHUNKS_MAX) {
            block_cache_flush(c);
        }
    }
    if (!c->chunks[c->chunk]) {
        c->chunks[c->chunk] = g_malloc(ARENA_CHUNK);
    }
    return (Block *)(void *)(c->chunks[c->chunk] + c->chunk_used);
}

static void block_keep(BlockCache *c, Block *b, Block **bucket)
{
    c->chunk_used += align_up(sizeof(Block) + b->count * sizeof(Insn), 64);
    b->next = *bucket;
    *bucket = b;
}

static Block **block_bucket(BlockCache *c, const RamBlock *ram, uint64_t off, uint32_t mode)
{
    uint64_t h = (off ^ (uint64_t)ram->id << 40 ^ (uint64_t)mode << 50) * 0x9e3779b97f4a7c15u;

    return &c->hash[h >> 50 & (BLOCK_HASH - 1)];
}

static void log_block(const X86Cpu *cpu, const Block *b, uint64_t lin)
{
    log_printf(LOG_IN_ASM, "block at %016" PRIx64 " mode %x\n", lin, b->mode);
    for (unsigned k = 0; k < b->count; k++) {
        char text[128];

        decode_text(cpu->mode, lin + b->insns[k].off, b->insns[k].bytes, b->insns[k].len, text, sizeof(text));
        log_printf(LOG_IN_ASM, "  %016" PRIx64 "  %s\n", lin + b->insns[k].off, text);
    }
}

/* Generation of a page, with the page protected so that writes step it. */
static const atomic_uint *block_watch(X86Cpu *cpu, RamBlock *ram, uint64_t page_off, unsigned *seen)
{
    const atomic_uint *gen = &ram->code_gen[page_off >> 12];

    mmu_protect_code(cpu, ram, page_off);
    *seen = atomic_load(gen);
    return gen;
}

/* One instruction whose bytes lie in two pages; the second page is fetched (and may fault) only if it is needed. */
static void block_decode_crossing(X86Cpu *cpu, Block *b, const CodePage *page, uint64_t lin)
{
    uint8_t buf[16];
    unsigned first = 0x1000 - (unsigned)(lin & 0xfff);
    CodePage next = mmu_fetch_page(cpu, (cpu->mode & MODE_LMA ? lin : (uint32_t)lin) + first);

    memcpy(buf, page->host + (lin & 0xfff), first);
    if (next.ram) {
        b->ram2 = next.ram;
        b->ram2_off = next.ram_off;
        b->gen2 = block_watch(cpu, next.ram, next.ram_off, &b->gen2_seen);
        memcpy(buf + first, next.host, sizeof(buf) - first);
    } else {
        mmu_fetch_io(cpu, next.phys, buf + first, (unsigned)sizeof(buf) - first);
    }
    decode_insn(cpu, buf, 15, 0, &b->insns[0]);
    b->count = 1;
    b->bytes = b->insns[0].len;
}

static void block_decode(X86Cpu *cpu, Block *b, const CodePage *page, uint64_t lin)
{
    unsigned at = (unsigned)(lin & 0xfff), off = 0;

    b->count = 0;
    while (b->count < BLOCK_MAX_INSNS && at + off < 0x1000) {
        Insn *i = &b->insns[b->count];

        if (decode_insn(cpu, page->host + at + off, MIN(15u, 0x1000 - at - off), (uint16_t)off, i) == DECODE_MORE) {
            break;
        }
        b->count++;
        off += i->len;
        if ((i->flags & (INSN_BRANCH | INSN_END)) || debugger_may_stop(cpu, lin + off)) {
            break;
        }
    }
    b->bytes = (uint16_t)off;
    if (b->count == 0) {
        block_decode_crossing(cpu, b, page, lin);
    } else {
        b->chainable = !(b->insns[b->count - 1].flags & INSN_END);
    }
}

/* The second page of a crossing instruction must still be what follows. */
static bool block_matches(X86Cpu *cpu, const Block *b, uint64_t lin)
{
    if (!block_fresh(b)) {
        return false;
    }
    if (b->ram2) {
        CodePage next = mmu_fetch_page(cpu, (lin | 0xfff) + 1);

        return next.ram == b->ram2 && next.ram_off == b->ram2_off && atomic_load(b->gen2) == b->gen2_seen;
    }
    return true;
}

static void block_forget(Block **bucket, Block *b)
{
    while (*bucket != b) {
        bucket = &(*bucket)->next;
    }
    *bucket = b->next;
}

static Block *block_from_io(BlockCache *c, X86Cpu *cpu, const CodePage *page, uint64_t lin)
{
    uint8_t buf[15];
    Block *b = c->scratch;
    unsigned here = MIN(15u, 0x1000 - (unsigned)(lin & 0xfff));

    memset(b, 0, sizeof(*b));
    memset(buf, 0, sizeof(buf));
    mmu_fetch_io(cpu, page->phys | (lin & 0xfff), buf, here);
    if (here < 15 && decode_insn(cpu, buf, here, 0, &b->insns[0]) == DECODE_MORE) {
        CodePage next = mmu_fetch_page(cpu, (lin | 0xfff) + 1);

        mmu_fetch_io(cpu, next.phys, buf + here, 15 - here);
    }
    decode_insn(cpu, buf, 15, 0, &b->insns[0]);
    b->gen = &generation_never;
    b->mode = cpu->mode;
    b->stops = debugger_may_stop(cpu, lin);
    b->count = 1;
    b->bytes = b->insns[0].len;
    return b;
}

Block *block_get(BlockCache *c, X86Cpu *cpu, uint64_t lin)
{
    CodePage page = mmu_fetch_page(cpu, lin);

    if (!page.ram) {
        return block_from_io(c, cpu, &page, lin);
    }
    uint64_t off = page.ram_off + (lin & 0xfff);
    Block **bucket = block_bucket(c, page.ram, off, cpu->mode), *b;

    for (b = *bucket; b; b = b->next) {
        if (b->ram == page.ram && b->ram_off == off && b->mode == cpu->mode) {
            break;
        }
    }
    if (b && !block_matches(cpu, b, lin)) {
        block_forget(bucket, b);
        b = NULL;
    }
    if (!b) {
        b = block_alloc(c);
        bucket = block_bucket(c, page.ram, off, cpu->mode);
        *b = (Block){ .ram = page.ram, .ram_off = off, .mode = cpu->mode, .host = page.host + (lin & 0xfff) };
        b->gen = block_watch(cpu, page.ram, page.ram_off, &b->gen_seen);
        b->stops = debugger_may_stop(cpu, lin);
        block_decode(cpu, b, &page, lin);
        block_keep(c, b, bucket);
        if (log_on(LOG_IN_ASM)) {
            log_block(cpu, b, lin);
        }
    }
    if (!b->ram2) { /* crossing instructions are checked each time */
        *block_hint(c, lin) = (BlockHint){ .lin = lin, .block = b };
    }
    return b;
}
