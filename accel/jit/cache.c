/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cache of translated blocks: memory, look-up, links between blocks, invalidation, eviction (jit.h).  vCPU thread. */
#include "util/osdep.h"
#include "accel/jit/translate.h"

#define SLAB_BYTES 65536u
#define WRITTEN_MAX 1024u

static unsigned table_index(const uint8_t *host)
{
    uintptr_t h = (uintptr_t)host;

    return (unsigned)((h ^ h >> 12) & ((1u << JIT_TABLE_BITS) - 1));
}

/* --- memory ---------------------------------------------------------------------------------------------------- */

static void chunk_reset(JitCpu *j, JitChunk *c)
{
    size_t n = (size_t)(c - j->chunks), bytes = j->mem.size / (j->chunk_count + 1), at = (n + 1) * bytes, hot = bytes / 2;

    c->hot = (Emit){ .p = j->mem.rw + at, .end = j->mem.rw + at + hot, .to_rx = j->mem.rx - j->mem.rw };
    c->cold = (Emit){ .p = j->mem.rw + at + hot, .end = j->mem.rw + at + bytes, .to_rx = j->mem.rx - j->mem.rw };
    g_ptr_array_set_size(c->blocks, 0);
    g_ptr_array_set_size(c->slabs, 0);
    g_hash_table_remove_all(c->faults);
    c->slab_used = SLAB_BYTES;
}

bool jit_cache_init(JitCpu *j, size_t bytes, Error **errp)
{
    unsigned count = MAX(JIT_CHUNKS_MIN, (unsigned)(bytes / JIT_CHUNK_BYTES));
    size_t part = align_up(bytes / (count + 1), 4096); /* one is for what all blocks use */

    if (!execmem_init(&j->mem, part * (count + 1), errp)) {
        return false;
    }
    j->chunk_count = count;
    j->chunks = g_new0(JitChunk, count);
    j->hash = g_new0(JitBlock *, 1u << JIT_HASH_BITS);
    jit_pages_init(j);
    j->salt_factor = jit_secret() | 1;
    jit_sites_init(j);
    for (unsigned n = 0; n < 2; n++) {
        j->pages[n] = g_hash_table_new(g_direct_hash, g_direct_equal);
    }
    for (unsigned k = 0; k < j->chunk_count; k++) {
        j->chunks[k].blocks = g_ptr_array_new();
        j->chunks[k].faults = g_hash_table_new(g_direct_hash, g_direct_equal);
        j->chunks[k].slabs = g_ptr_array_new_with_free_func(g_free);
        chunk_reset(j, &j->chunks[k]);
    }
    Emit first = { .p = j->mem.rw, .end = j->mem.rw + part, .to_rx = j->mem.rx - j->mem.rw };

    jit_thunks(j, &first);
    return true;
}

void jit_cache_destroy(JitCpu *j)
{
    for (unsigned k = 0; k < j->chunk_count; k++) {
        g_ptr_array_free(j->chunks[k].blocks, TRUE);
        g_ptr_array_free(j->chunks[k].slabs, TRUE);
        g_hash_table_destroy(j->chunks[k].faults);
    }
    g_free(j->chunks);
    for (unsigned k = 0; k < JIT_MODES; k++) {
        g_free(j->tables[k].table);
    }
    g_hash_table_destroy(j->pages[0]);
    g_hash_table_destroy(j->pages[1]);
    g_free(j->hash);
    g_free(j->no_page);
    g_free(j->no_pages);
    execmem_destroy(&j->mem);
}

void *jit_cache_alloc(JitChunk *c, size_t bytes)
{
    bytes = align_up(bytes, 8);
    if (c->slab_used + bytes > SLAB_BYTES) {
        g_ptr_array_add(c->slabs, g_malloc(SLAB_BYTES));
        c->slab_used = 0;
    }
    uint8_t *p = (uint8_t *)g_ptr_array_index(c->slabs, c->slabs->len - 1) + c->slab_used;

    c->slab_used += bytes;
    return p;
}

static bool has_room(const Emit *e)
{
    return (size_t)(e->end - e->p) >= JIT_BLOCK_ROOM;
}

static bool chunk_has_room(const JitChunk *c)
{
    return has_room(&c->hot) && has_room(&c->cold);
}

static void chunk_evict(JitCpu *j, JitChunk *c)
{
    uint64_t before = j->stats.unlinks;

    for (unsigned k = 0; k < c->blocks->len; k++) {
        jit_cache_drop(j, g_ptr_array_index(c->blocks, k));
    }
    if (c->blocks->len) {
        j->stats.evictions++;
        j->stats.evicted += c->blocks->len;
        j->stats.unlinks_evicted += j->stats.unlinks - before;
    }
    chunk_reset(j, c);
    j->evictions++;
}

JitChunk *jit_cache_room(JitCpu *j)
{
    if (!chunk_has_room(&j->chunks[j->chunk])) {
        j->chunk = (j->chunk + 1) % j->chunk_count;
        chunk_evict(j, &j->chunks[j->chunk]);
    }
    return &j->chunks[j->chunk];
}

/* --- look-up ----------------------------------------------------------------------------------------------------- */

/* Neighbours in a page are neighbours there: who asks for one asks for the others too. */
static JitBlock **bucket_of(JitCpu *j, const uint8_t *host, uint32_t mode)
{
    uint64_t page = ((uintptr_t)host >> 12 ^ (uint64_t)mode << 48) * 0x9e3779b97f4a7c15u;

    return &j->hash[(page >> (64 - JIT_HASH_BITS)) ^ ((uintptr_t)host >> 1 & 0x7ff)];
}

JitBlock *jit_cache_find(JitCpu *j, const uint8_t *host, uint32_t mode)
{
    for (JitBlock *b = *bucket_of(j, host, mode); b; b = b->next) {
        if (b->host == host && b->mode == mode) {
            return b;
        }
    }
    return NULL;
}

JitBlock *jit_cache_find_crossing(JitCpu *j, const uint8_t *host, const uint8_t *host2, uint32_t mode)
{
    JitBlock *oldest = NULL;
    unsigned n = 0;

    for (JitBlock *b = *bucket_of(j, host, mode); b; b = b->next) {
        if (b->host == host && b->mode == mode) {
            if (b->host2 == host2) {
                return b;
            }
            oldest = b;
            n++;
        }
    }
    if (n >= JIT_VARIANTS) {
        jit_cache_drop(j, oldest);
    }
    return NULL;
}

/* Of its first page (@n 0) or its second. */
static gpointer page_key(const JitBlock *b, unsigned n)
{
    return n ? (gpointer)b->host2 : b->ram->host + b->page_off;
}

void jit_cache_add(JitCpu *j, JitBlock *b)
{
    JitBlock **bucket = bucket_of(j, b->host, b->mode);

    b->next = *bucket;
    *bucket = b;
    for (unsigned n = 0; n < (b->host2 ? 2 : 1); n++) {
        b->page_next[n] = g_hash_table_lookup(j->pages[n], page_key(b, n));
        g_hash_table_insert(j->pages[n], page_key(b, n), b);
    }
}

void jit_cache_select_table(JitCpu *j, uint32_t mode)
{
    if (j->cpu->jit_table && j->table_mode == mode) {
        return;
    }
    j->table_mode = mode;
    for (unsigned k = 0; k < JIT_MODES; k++) {
        if (j->tables[k].table && j->tables[k].mode == mode) {
            j->cpu->jit_table = j->tables[k].table;
            return;
        }
    }
    unsigned k = j->next_table++ % JIT_MODES;

    g_free(j->tables[k].table);
    j->tables[k].table = g_new0(JitEntry, 1u << JIT_TABLE_BITS);
    j->tables[k].mode = mode;
    j->cpu->jit_table = j->tables[k].table;
}

const uint8_t *jit_cache_code(const X86Cpu *cpu, const uint8_t *host)
{
    const JitEntry *e = &cpu->jit_table[table_index(host)];

    return e->host == host ? e->code : NULL;
}

void jit_cache_enter(JitCpu *j, JitBlock *b)
{
    j->cpu->jit_table[table_index(b->host)] = (JitEntry){ b->host, b->polling };
}

/* --- links ------------------------------------------------------------------------------------------------------- */

static void exit_unlink(JitCpu *j, JitExit *e)
{
    if (e->key) {
        st_le64(e->key, 0);
    } else {
        emit_patch(e->site, j->mem.rx - j->mem.rw, e->stub);
    }
    e->to = NULL;
    j->stats.unlinks++;
}

static void exit_leave(JitExit *e)
{
    JitExit **p = &e->to->in;

    while (*p != e) {
        p = &(*p)->next_in;
    }
    *p = e->next_in;
}

void jit_exit_link(JitCpu *j, JitExit *e, JitBlock *to, uint64_t from, uint64_t salt)
{
    if (e->to != to) {
        if (e->to) {
            exit_leave(e);
        }
        e->to = to;
        e->next_in = to->in;
        to->in = e;
        emit_patch(e->site, j->mem.rx - j->mem.rw, e->polls ? to->polling : to->code);
    }
    if (e->key) {
        uint64_t page = (from + (uint64_t)(int64_t)e->rel) & ~(uint64_t)0xfff;

        st_le64(e->key, salt ^ from);
        st_le64(e->page, to->mode & MODE_CODE64 ? page : (uint32_t)page);
    }
}

void jit_cache_unlink_in(JitCpu *j, JitBlock *b)
{
    for (JitExit *e = b->in; e; e = e->next_in) {
        exit_unlink(j, e);
    }
    b->in = NULL;
}

static void block_unlink(JitCpu *j, JitBlock *b)
{
    jit_cache_unlink_in(j, b);
    for (JitExit *e = b->exits; e; e = e->next) {
        if (e->to) {
            exit_leave(e);
            exit_unlink(j, e);
        }
    }
}

static void page_forget(JitCpu *j, JitBlock *b, unsigned n)
{
    JitBlock *first = g_hash_table_lookup(j->pages[n], page_key(b, n));

    if (first != b) {
        JitBlock *p = first;

        while (p->page_next[n] != b) {
            p = p->page_next[n];
        }
        p->page_next[n] = b->page_next[n];
    } else if (b->page_next[n]) {
        g_hash_table_insert(j->pages[n], page_key(b, n), b->page_next[n]);
    } else {
        g_hash_table_remove(j->pages[n], page_key(b, n));
    }
}

/* Its address in its page is known, and with it where in jit_jumps it may be. */
static void jumps_forget(X86Cpu *cpu, const JitBlock *b)
{
    for (unsigned k = (uintptr_t)b->host & 0xfff; k < JIT_JUMPS; k += 0x1000) {
        if (cpu->jit_jumps[k].code == b->polling) {
            cpu->jit_jumps[k].key = 0;
        }
    }
}

void jit_cache_drop(JitCpu *j, JitBlock *b)
{
    if (b->dead) {
        return;
    }
    JitBlock **p = bucket_of(j, b->host, b->mode);

    while (*p != b) {
        p = &(*p)->next;
    }
    *p = b->next;
    for (unsigned n = 0; n < (b->host2 ? 2 : 1); n++) {
        page_forget(j, b, n);
    }
    block_unlink(j, b);
    for (unsigned k = 0; k < JIT_MODES; k++) {
        JitEntry *e = j->tables[k].table ? &j->tables[k].table[table_index(b->host)] : NULL;

        if (e && e->code == b->polling) {
            *e = (JitEntry){ NULL, NULL };
        }
    }
    jumps_forget(j->cpu, b);
    b->dead = true;
}

/* --- written code ------------------------------------------------------------------------------------------------- */

void jit_code_note(JitCpu *j, RamBlock *ram, uint64_t off, uint64_t len)
{
    JitRange r = { ram, off, len };

    g_mutex_lock(&j->lock);
    if (j->written->len >= WRITTEN_MAX) {
        j->written_all = true;
    } else {
        g_array_append_val(j->written, r);
    }
    g_mutex_unlock(&j->lock);
    vcpu_event_set(&j->cpu->vcpu, VCPU_EV_CODE);
}

/* Blocks that have @page as their first one (@n 0) or their second, and depend on its bytes from @lo to @hi. */
static void drop_of_page(JitCpu *j, const uint8_t *page, unsigned n, unsigned lo, unsigned hi)
{
    JitBlock *b = g_hash_table_lookup(j->pages[n], page), *next;

    for (; b; b = next) {
        next = b->page_next[n];
        if ((n ? 0 : b->dep_lo) < hi && (n ? b->dep2_hi : b->dep_hi) > lo) {
            j->stats.invalidated++;
            jit_cache_drop(j, b);
        }
    }
}

static void drop_range(JitCpu *j, const JitRange *r)
{
    uint64_t last = r->off + r->len - 1;

    for (uint64_t page = r->off & ~(uint64_t)0xfff; page <= last; page += 0x1000) {
        unsigned lo = page < r->off ? (unsigned)(r->off & 0xfff) : 0;
        unsigned hi = last - page >= 0x1000 ? 0x1000 : (unsigned)(last - page) + 1;

        drop_of_page(j, r->ram->host + page, 0, lo, hi);
        drop_of_page(j, r->ram->host + page, 1, lo, hi);
    }
}

void jit_cache_written(JitCpu *j)
{
    vcpu_event_clear(&j->cpu->vcpu, VCPU_EV_CODE);
    g_mutex_lock(&j->lock);
    bool all = j->written_all;
    GArray *list = j->written;

    j->written = g_array_new(FALSE, FALSE, sizeof(JitRange));
    j->written_all = false;
    g_mutex_unlock(&j->lock);
    for (unsigned k = 0; k < list->len && !all; k++) {
        drop_range(j, &g_array_index(list, JitRange, k));
    }
    g_array_free(list, TRUE);
    if (all) {
        for (unsigned k = 0; k < j->chunk_count; k++) { /* the code itself stays: a block may be running */
            for (unsigned n = 0; n < j->chunks[k].blocks->len; n++) {
                jit_cache_drop(j, g_ptr_array_index(j->chunks[k].blocks, n));
            }
        }
    }
}
