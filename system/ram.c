/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest RAM: host memory mapped once (rammap.c), for each page a byte that says "code comes from here" and a count of the writes to
 * such a page, and a dirty bitmap per client that tracks.  Creation and end under the big lock or before threads; the rest in any thread.
 */
#include "util/osdep.h"
#include "system/memory-int.h"

enum { RAM_PAGE_BITS = 12, RAM_PAGE = 1 << RAM_PAGE_BITS };

static GMutex ram_ids_lock;
static GArray *ram_ids; /* bool: taken; guarded by ram_ids_lock */
static _Atomic(RamCodeWritten *) ram_code_hook;

static unsigned ram_id_take(void)
{
    unsigned id;
    g_mutex_lock(&ram_ids_lock);
    if (!ram_ids) {
        ram_ids = g_array_new(FALSE, TRUE, sizeof(bool));
    }
    for (id = 0; id < ram_ids->len && g_array_index(ram_ids, bool, id); id++) {
    }
    if (id == ram_ids->len) {
        g_array_set_size(ram_ids, id + 1);
    }
    g_array_index(ram_ids, bool, id) = true;
    g_mutex_unlock(&ram_ids_lock);
    return id;
}

static void ram_id_release(unsigned id)
{
    g_mutex_lock(&ram_ids_lock);
    g_array_index(ram_ids, bool, id) = false;
    g_mutex_unlock(&ram_ids_lock);
}

RamBlock *ram_block_new_from(const char *name, uint64_t size, const RamSource *src, Error **errp)
{
    RamMapping map = { .fd = -1 };

    if (size == 0 || size > INT64_MAX - RAM_PAGE) {
        error_set(errp, "memory '%s' cannot have a size of %" PRIu64 " bytes", name, size);
        return NULL;
    }
    RamBlock *ram = g_new0(RamBlock, 1);
    ram->name = g_strdup(name);
    if (!rammap_map(&map, name, align_up(size, RAM_PAGE), src, errp)) {
        g_free((char *)ram->name);
        g_free(ram);
        return NULL;
    }
    ram->host = map.host;
    ram->size = map.size;
    ram->fd = map.fd;
    ram->code_page = g_malloc0(ram->size >> RAM_PAGE_BITS);
    ram->direct_writers = g_malloc0(ram->size >> RAM_PAGE_BITS);
    ram->code_gen = g_malloc0((ram->size >> RAM_PAGE_BITS) * sizeof(*ram->code_gen));
    ram->id = ram_id_take();
    return ram;
}

RamBlock *ram_block_new(const char *name, uint64_t size, Error **errp)
{
    return ram_block_new_from(name, size, NULL, errp);
}

void ram_block_free(RamBlock *ram)
{
    RamMapping map = { .host = ram->host, .size = ram->size, .fd = ram->fd };
    rammap_unmap(&map);
    for (int c = 0; c < DIRTY_CLIENTS; c++) {
        g_free((void *)ram->dirty[c]);
    }
    g_free((void *)ram->code_page);
    g_free((void *)ram->direct_writers);
    g_free((void *)ram->code_gen);
    g_free((char *)ram->name);
    ram_id_release(ram->id);
    g_free(ram);
}

/* Code. */

void ram_set_code_hook(RamCodeWritten *hook)
{
    atomic_store(&ram_code_hook, hook);
}

void ram_code_written(RamBlock *ram, uint64_t off, uint64_t len)
{
    if (!len || off >= ram->size) {
        return;
    }
    bool code = false;
    len = MIN(len, ram->size - off);
    /* The bytes before the marks are read: who decodes sets its mark and then reads the bytes, so one of the two sees the other. */
    atomic_thread_fence(memory_order_seq_cst);
    for (uint64_t page = off >> RAM_PAGE_BITS; page <= (off + len - 1) >> RAM_PAGE_BITS; page++) {
        if (atomic_load_explicit(&ram->code_page[page], memory_order_relaxed)) {
            atomic_fetch_add(&ram->code_gen[page], 1);
            code = true;
        }
    }
    RamCodeWritten *hook = code ? atomic_load_explicit(&ram_code_hook, memory_order_acquire) : NULL;
    if (hook) {
        hook(ram, off, len);
    }
}

/* Dirty bitmaps. */

static void ram_dirty_set(RamBlock *ram, DirtyClient client, uint64_t first, uint64_t last)
{
    for (uint64_t page = first; page <= last;) {
        unsigned bit = page % 64;
        uint64_t n = MIN(64 - bit, last - page + 1);
        uint64_t mask = (~(uint64_t)0 >> (64 - n)) << bit;
        _Atomic uint64_t *word = &ram->dirty[client][page / 64];
        /* Mostly set already: then leave the cache line shared. */
        if ((atomic_load_explicit(word, memory_order_relaxed) & mask) != mask) {
            atomic_fetch_or(word, mask);
        }
        page += n;
    }
}

void ram_written(RamBlock *ram, uint64_t off, uint64_t len)
{
    if (!len || off >= ram->size) {
        return;
    }
    /*
     * The write comes before the look at the flags; a decoder sets code_page before it reads the bytes.  So one of
     * the two sees the other.
     */
    atomic_thread_fence(memory_order_seq_cst);
    ram_code_written(ram, off, len);
    unsigned tracking = atomic_load_explicit(&ram->tracking, memory_order_acquire);
    if (!tracking) {
        return;
    }
    uint64_t first = off >> RAM_PAGE_BITS, last = (MIN(len, ram->size - off) + off - 1) >> RAM_PAGE_BITS;
    for (DirtyClient c = 0; c < DIRTY_CLIENTS; c++) {
        if (tracking & (1u << c)) {
            ram_dirty_set(ram, c, first, last);
        }
    }
}

void mem_set_dirty(const MemRegion *r, hwaddr off, uint64_t len)
{
    if (r->ram) {
        ram_written(r->ram, off, len);
    }
}

static const RamDirtyHooks *_Atomic ram_dirty_hooks;

void ram_set_dirty_hooks(const RamDirtyHooks *hooks)
{
    atomic_store(&ram_dirty_hooks, hooks);
}

bool ram_write_is_noted(const RamBlock *ram, uint64_t off)
{
    unsigned tracking = atomic_load_explicit(&ram->tracking, memory_order_acquire);
    uint64_t page = off >> RAM_PAGE_BITS;

    for (DirtyClient c = 0; tracking && c < DIRTY_CLIENTS; c++) {
        if ((tracking & (1u << c)) && !(atomic_load(&ram->dirty[c][page / 64]) >> (page % 64) & 1)) {
            return false;
        }
    }
    return true;
}

/* Moves @n dirty bits from page @page on, within one word of the bitmap. */
static uint64_t ram_dirty_take(RamBlock *ram, DirtyClient client, uint64_t page, uint64_t n)
{
    unsigned bit = page % 64;
    uint64_t mask = (~(uint64_t)0 >> (64 - n)) << bit;
    _Atomic uint64_t *word = &ram->dirty[client][page / 64];

    if (!(atomic_load_explicit(word, memory_order_relaxed) & mask)) {
        return 0;
    }
    return (atomic_fetch_and(word, ~mask) & mask) >> bit;
}

bool mem_take_dirty(const MemRegion *r, DirtyClient client, hwaddr off, uint64_t len, uint64_t *bits)
{
    RamBlock *ram = r->ram;
    const RamDirtyHooks *hooks = atomic_load(&ram_dirty_hooks);
    if (!ram || !len || off >= ram->size) {
        return false;
    }
    len = MIN(len, ram->size - off);
    uint64_t first = off >> RAM_PAGE_BITS, last = (off + len - 1) >> RAM_PAGE_BITS, any = 0;
    if (!(atomic_load_explicit(&ram->tracking, memory_order_acquire) & (1u << client))) {
        memset(bits, 0xff, ((last - first) / 64 + 1) * sizeof(*bits));
        return true; /* nobody wrote it down: it may have been written */
    }
    if (hooks && hooks->collect) {
        hooks->collect(ram, off, len);
    }
    memset(bits, 0, ((last - first) / 64 + 1) * sizeof(*bits));
    for (uint64_t page = first, n; page <= last; page += n) {
        uint64_t k = page - first;

        n = MIN(MIN(64 - page % 64, 64 - k % 64), last - page + 1);
        uint64_t got = ram_dirty_take(ram, client, page, n);
        bits[k / 64] |= got << (k % 64);
        any |= got;
    }
    if (any && hooks && hooks->cleared && !hooks->cleared(ram, off, len)) {
        for (uint64_t page = first; page <= last; page++) {
            if (bits[(page - first) / 64] >> ((page - first) % 64) & 1) {
                ram_dirty_set(ram, client, page, page);
            }
        }
    }
    return any;
}

bool mem_test_clear_dirty(const MemRegion *r, DirtyClient client, hwaddr off, uint64_t len)
{
    bool dirty = false;

    len = r->ram && off < r->ram->size ? MIN(len, r->ram->size - off) : 0;
    while (len) { /* by 64 pages */
        uint64_t n = MIN(len, (64ull << RAM_PAGE_BITS) - (off & ((1u << RAM_PAGE_BITS) - 1))), bits;

        dirty |= mem_take_dirty(r, client, off, n, &bits);
        off += n;
        len -= n;
    }
    return dirty;
}

void mem_set_dirty_tracking(const MemRegion *r, DirtyClient client, bool on)
{
    RamBlock *ram = r->ram;
    if (!ram) {
        return;
    }
    if (!on) {
        atomic_fetch_and(&ram->tracking, ~(1u << client));
        memory_tell_tracking(ram);
        return;
    }
    if (atomic_load(&ram->tracking) & (1u << client)) {
        return;
    }
    uint64_t pages = ram->size >> RAM_PAGE_BITS;
    if (!ram->dirty[client]) {
        ram->dirty[client] = g_malloc0((pages + 63) / 64 * sizeof(uint64_t));
    }
    atomic_fetch_or(&ram->tracking, 1u << client);
    memory_tell_tracking(ram);
    ram_dirty_set(ram, client, 0, pages - 1); /* what was written before is not known */
}
