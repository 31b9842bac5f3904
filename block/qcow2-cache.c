/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: caches of slices of L2 tables and refcount blocks, and the commit that brings them to the file in a safe order
 * (see qcow2-int.h).  Looking up something that is there takes no lock: a slot's sequence number tells whether it changed
 * meanwhile, and its memory stays where it is.
 */
#include "util/osdep.h"
#include "block/qcow2-int.h"

#include <sys/mman.h>

enum { CACHE_WAYS = 8, COMMIT_BATCH = 256 * 1024, TABLE_SECTOR = 64 /* entries */ };

/* ---- Slots ----------------------------------------------------------------------------------------------------- */

bool qcow2_cache_init(Qcow2 *q, Qcow2Cache *c, bool l2, uint32_t slice_size, uint64_t slices, uint64_t max_bytes, Error **errp)
{
    uint64_t fit = MAX(max_bytes / slice_size, CACHE_WAYS);
    c->q = q;
    c->l2 = l2;
    c->slice_size = slice_size;
    c->ways = slices <= fit ? 1 : CACHE_WAYS;
    c->nsets = MAX(1, slices <= fit ? slices : fit / CACHE_WAYS);
    c->dirty = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    size_t bytes = align_up(c->nsets * c->ways * slice_size, 4096);
    /* Pages come into being when they are used: a large cache of a small working set costs nothing. */
    void *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    c->slots = calloc(c->nsets * c->ways, sizeof(Qcow2Slot));
    if (data == MAP_FAILED || !c->slots) {
        c->data = data == MAP_FAILED ? NULL : data;
        error_set(errp, "no memory for the table caches (%zu bytes) of '%s'", bytes, q->n->filename);
        error_add_hint(errp, "Choose a smaller l2-cache-size and refcount-cache-size.");
        return false;
    }
    c->data = data;
    return true;
}

void qcow2_cache_free(Qcow2Cache *c)
{
    if (c->data) {
        munmap(c->data, align_up(c->nsets * c->ways * c->slice_size, 4096));
    }
    free(c->slots);
    if (c->dirty) {
        g_array_free(c->dirty, TRUE);
    }
    memset(c, 0, sizeof(*c));
}

void qcow2_cache_drop(Qcow2Cache *c)
{
    for (uint64_t i = 0; i < c->nsets * c->ways; i++) {
        if (atomic_load(&c->slots[i].key)) {
            atomic_store(&c->slots[i].key, 0);
            c->slots[i].dirty = false;
        }
    }
    g_array_set_size(c->dirty, 0);
}

static Qcow2Slot *cache_find(Qcow2Cache *c, uint64_t key)
{
    Qcow2Slot *s = &c->slots[key % c->nsets * c->ways];
    for (unsigned i = 0; i < c->ways; i++) {
        if (atomic_load_explicit(&s[i].key, memory_order_acquire) == key + 1) {
            return &s[i];
        }
    }
    return NULL;
}

bool qcow2_cache_peek(Qcow2Cache *c, uint64_t key, uint32_t at, uint64_t *out, unsigned words)
{
    Qcow2Slot *s = cache_find(c, key);
    if (!s) {
        return false;
    }
    uint32_t seq = atomic_load_explicit(&s->seq, memory_order_acquire);
    const uint8_t *p = qcow2_slot_data(c, s) + at;
    for (unsigned i = 0; i < words; i++) {
        uint64_t v = __atomic_load_n((const uint64_t *)(p + 8 * i), __ATOMIC_RELAXED);
        out[i] = GUINT64_FROM_BE(v);
    }
    atomic_thread_fence(memory_order_acquire);
    if (seq & 1 || atomic_load_explicit(&s->seq, memory_order_relaxed) != seq ||
        atomic_load_explicit(&s->key, memory_order_relaxed) != key + 1) {
        return false;
    }
    uint32_t now = atomic_load_explicit(&c->clock, memory_order_relaxed);
    if (atomic_load_explicit(&s->used, memory_order_relaxed) != now) {
        atomic_store_explicit(&s->used, now, memory_order_relaxed);
    }
    return true;
}

/* The slot of the set that may go and was used longest ago; NULL: none may go. */
static Qcow2Slot *cache_victim(Qcow2Cache *c, uint64_t key, bool *loading)
{
    Qcow2Slot *s = &c->slots[key % c->nsets * c->ways], *best = NULL;
    *loading = false;
    for (unsigned i = 0; i < c->ways; i++) {
        if (!atomic_load(&s[i].key)) {
            return &s[i];
        }
        *loading |= s[i].loading || s[i].captured;
        if (!s[i].dirty && !s[i].captured && !s[i].loading &&
            (!best || (int32_t)(atomic_load(&s[i].used) - atomic_load(&best->used)) < 0)) {
            best = &s[i];
        }
    }
    return best;
}

/* Where slice @key is in the file; 0: nowhere.  With q->lock. */
static uint64_t cache_place(Qcow2Cache *c, uint64_t key)
{
    Qcow2 *q = c->q;
    unsigned bits = c->l2 ? q->l2_bits - q->l2_slice_bits : q->ref_bits - q->ref_slice_bits;
    Qcow2Table *t = c->l2 ? &q->l1 : &q->reft;
    uint64_t index = key >> bits, in_table = key & (((uint64_t)1 << bits) - 1);
    if (index >= t->n) {
        return 0;
    }
    uint64_t off = atomic_load(&t->e[index]) & (c->l2 ? QCOW2_OFFSET_MASK : ~QCOW2_REFT_RESERVED);
    return off ? off + in_table * c->slice_size : 0;
}

static int cache_read(Qcow2Cache *c, uint64_t place, uint8_t *data)
{
    int ret = block_event(c->q->n, c->l2 ? "l2_load" : "refblock_load");
    if (ret < 0) {
        return ret;
    }
    if (place & (c->slice_size - 1) || place > (uint64_t)INT64_MAX - c->slice_size) {
        return qcow2_corrupt(c->q, "%s at offset 0x%" PRIx64 ", which is not cluster-aligned or too far",
                             c->l2 ? "L2 table" : "refcount block", place);
    }
    return block_node_pread(c->q->n->file, place, data, c->slice_size);
}

/* Loads slice @key into @s.  Lets go of q->lock while it reads. */
static int cache_load(Qcow2Cache *c, uint64_t key, Qcow2Slot *s)
{
    Qcow2 *q = c->q;
    uint64_t place = cache_place(c, key);
    int ret;
    atomic_fetch_add(&s->seq, 1);
    atomic_store(&s->key, key + 1);
    s->loading = true;
    for (;;) {
        pthread_mutex_unlock(&q->lock);
        ret = place ? cache_read(c, place, qcow2_slot_data(c, s)) : -EIO;
        pthread_mutex_lock(&q->lock);
        uint64_t now = cache_place(c, key);
        if (ret < 0 || now == place) {
            break;
        }
        place = now; /* the table moved while it was read */
    }
    s->loading = false;
    if (ret < 0) {
        atomic_store(&s->key, 0);
    }
    atomic_store(&s->used, atomic_fetch_add(&c->clock, 1) + 1);
    atomic_fetch_add(&s->seq, 1);
    pthread_cond_broadcast(&q->loaded);
    return ret;
}

int qcow2_cache_get(Qcow2Cache *c, uint64_t key, Qcow2Slot **slot)
{
    Qcow2 *q = c->q;
    for (;;) {
        Qcow2Slot *s = cache_find(c, key);
        if (s && !s->loading) {
            *slot = s;
            return 0;
        }
        bool wait = s != NULL;
        s = s ? NULL : cache_victim(c, key, &wait);
        if (s) {
            int ret = cache_load(c, key, s);
            *slot = s;
            return ret;
        }
        if (wait) {
            pthread_cond_wait(&q->loaded, &q->lock);
            continue;
        }
        pthread_mutex_unlock(&q->lock); /* everything here is dirty */
        int ret = qcow2_commit(q, true, NULL);
        pthread_mutex_lock(&q->lock);
        if (ret < 0) {
            return ret;
        }
    }
}

static void slot_set_dirty(Qcow2Cache *c, Qcow2Slot *s)
{
    if (!s->dirty) {
        uint64_t index = (uint64_t)(s - c->slots);
        s->dirty = true;
        g_array_append_val(c->dirty, index);
    }
}

void qcow2_slot_change(Qcow2Cache *c, Qcow2Slot *s)
{
    if (s->captured == 1 && !s->shadow) {
        s->shadow = g_memdup2(qcow2_slot_data(c, s), c->slice_size);
    }
    atomic_fetch_add(&s->seq, 1);
    slot_set_dirty(c, s);
}

void qcow2_slot_changed(Qcow2Slot *s)
{
    atomic_fetch_add(&s->seq, 1);
}

/* ---- Tables that are wholly in memory -------------------------------------------------------------------------- */

bool qcow2_table_init(Qcow2Table *t, uint64_t n)
{
    memset(t, 0, sizeof(*t));
    t->n = n;
    t->e = calloc(MAX(n, 1), 8);
    t->dirty = calloc(n / TABLE_SECTOR + 1, 1);
    return t->e && t->dirty;
}

void qcow2_table_free(Qcow2Table *t)
{
    free((void *)t->e);
    free(t->dirty);
    memset(t, 0, sizeof(*t));
}

int qcow2_table_read(BlockNode *file, Qcow2Table *t, uint64_t offset)
{
    t->offset = offset;
    int ret = t->n ? block_node_pread(file, offset, (void *)t->e, t->n * 8) : 0;
    for (uint64_t i = 0; ret == 0 && i < t->n; i++) {
        t->e[i] = GUINT64_FROM_BE(t->e[i]);
    }
    return ret;
}

static void table_set_dirty(Qcow2Table *t, uint64_t sector)
{
    t->ndirty += !t->dirty[sector];
    t->dirty[sector] = 1;
}

void qcow2_table_set(Qcow2Table *t, uint64_t i, uint64_t v)
{
    atomic_store(&t->e[i], v);
    table_set_dirty(t, i / TABLE_SECTOR);
}

/* ---- Commit ---------------------------------------------------------------------------------------------------- */

typedef struct CommitSlot {
    Qcow2Slot *slot;
    uint64_t place;
} CommitSlot;

typedef struct CommitSector {
    uint64_t sector, n;
    uint64_t e[TABLE_SECTOR]; /* big-endian */
} CommitSector;

typedef struct Commit {
    GArray *ref, *l2;   /* CommitSlot */
    GArray *reft, *l1;  /* CommitSector */
    GArray *freed;
    uint64_t l1_offset, reft_offset;
} Commit;

static int commit_order(const void *a, const void *b)
{
    const CommitSlot *x = a, *y = b;
    return x->place < y->place ? -1 : x->place > y->place;
}

/* With q->lock. */
static GArray *commit_take_slots(Qcow2Cache *c)
{
    GArray *out = g_array_new(FALSE, FALSE, sizeof(CommitSlot));
    for (unsigned i = 0; i < c->dirty->len; i++) {
        Qcow2Slot *s = &c->slots[g_array_index(c->dirty, uint64_t, i)];
        CommitSlot item = { s, cache_place(c, atomic_load(&s->key) - 1) };
        s->dirty = false;
        s->captured = 1;
        g_array_append_val(out, item);
    }
    g_array_set_size(c->dirty, 0);
    g_array_sort(out, commit_order);
    return out;
}

static GArray *commit_take_table(Qcow2Table *t)
{
    GArray *out = g_array_new(FALSE, FALSE, sizeof(CommitSector));
    for (uint64_t sector = 0; t->ndirty && sector <= t->n / TABLE_SECTOR; sector++) {
        if (t->dirty[sector]) {
            CommitSector item = { .sector = sector, .n = MIN(TABLE_SECTOR, t->n - sector * TABLE_SECTOR) };
            for (uint64_t i = 0; i < item.n; i++) {
                item.e[i] = GUINT64_TO_BE(atomic_load(&t->e[sector * TABLE_SECTOR + i]));
            }
            g_array_append_val(out, item);
            t->dirty[sector] = 0;
            t->ndirty--;
        }
    }
    return out;
}

/* The slot's content as it was when the commit began. */
static void commit_copy(Qcow2 *q, Qcow2Cache *c, Qcow2Slot *s, uint8_t *out)
{
    pthread_mutex_lock(&q->lock);
    memcpy(out, s->shadow ? s->shadow : qcow2_slot_data(c, s), c->slice_size);
    s->captured = 2;
    g_free(s->shadow);
    s->shadow = NULL;
    pthread_mutex_unlock(&q->lock);
}

static int commit_write_slots(Qcow2 *q, Qcow2Cache *c, GArray *items)
{
    uint8_t *buf = items->len ? g_malloc(MIN((uint64_t)items->len * c->slice_size, COMMIT_BATCH)) : NULL;
    int ret = 0;
    for (unsigned i = 0, n; i < items->len && ret == 0; i += n) {
        const CommitSlot *first = &g_array_index(items, CommitSlot, i);
        for (n = 0; i + n < items->len && (n + 1) * c->slice_size <= COMMIT_BATCH; n++) {
            const CommitSlot *s = first + n;
            if (s->place != first->place + (uint64_t)n * c->slice_size) {
                break;
            }
            commit_copy(q, c, s->slot, buf + (size_t)n * c->slice_size);
        }
        uint64_t bytes = (uint64_t)n * c->slice_size;
        ret = block_event(q->n, c->l2 ? "l2_update" : "refblock_update");
        if (ret == 0) {
            ret = qcow2_overlap_check(q, first->place, bytes, c->l2 ? QCOW2_KIND_L2 : QCOW2_KIND_REFBLOCK);
        }
        if (ret == 0) {
            ret = block_node_pwrite(q->n->file, first->place, buf, bytes);
        }
    }
    g_free(buf);
    return ret;
}

static int commit_write_table(Qcow2 *q, uint64_t offset, GArray *items, Qcow2Kind kind)
{
    int ret = 0;
    for (unsigned i = 0; i < items->len && ret == 0; i++) {
        const CommitSector *s = &g_array_index(items, CommitSector, i);
        uint64_t at = offset + s->sector * sizeof(s->e);
        ret = block_event(q->n, kind == QCOW2_KIND_L1 ? "l1_update" : "reftable_update");
        if (ret == 0) {
            ret = qcow2_overlap_check(q, at, s->n * 8, kind);
        }
        if (ret == 0) {
            ret = block_node_pwrite(q->n->file, at, s->e, s->n * 8);
        }
    }
    return ret;
}

int qcow2_sync_file(Qcow2 *q)
{
    int ret = block_event(q->n, "flush_to_os");
    if (ret == 0 && q->data) {
        ret = block_node_flush(q->data);
    }
    return ret < 0 ? ret : block_node_flush(q->n->file);
}

static int commit_steps(Qcow2 *q, Commit *k, bool *synced)
{
    int ret = commit_write_slots(q, &q->ref, k->ref);
    bool linked = k->l2->len || k->l1->len || k->freed->len;
    if (ret == 0 && (linked || k->reft->len)) {
        ret = qcow2_sync_file(q);
    }
    if (ret == 0 && k->reft->len) {
        ret = commit_write_table(q, k->reft_offset, k->reft, QCOW2_KIND_REFTABLE);
        ret = ret == 0 && linked ? qcow2_sync_file(q) : ret;
    }
    if (ret == 0) {
        ret = commit_write_slots(q, &q->l2, k->l2);
    }
    if (ret == 0) {
        ret = commit_write_table(q, k->l1_offset, k->l1, QCOW2_KIND_L1);
    }
    if (ret == 0 && linked) {
        ret = qcow2_sync_file(q);
        *synced = true;
    }
    return ret;
}

/* With q->lock. */
static void commit_end_slots(Qcow2Cache *c, GArray *items, bool again)
{
    for (unsigned i = 0; i < items->len; i++) {
        Qcow2Slot *s = g_array_index(items, CommitSlot, i).slot;
        s->captured = 0;
        g_free(s->shadow);
        s->shadow = NULL;
        if (again) {
            slot_set_dirty(c, s);
        }
    }
    g_array_free(items, TRUE);
}

static void commit_end_table(Qcow2Table *t, GArray *items, bool again)
{
    for (unsigned i = 0; again && i < items->len; i++) {
        table_set_dirty(t, g_array_index(items, CommitSector, i).sector);
    }
    g_array_free(items, TRUE);
}

int qcow2_commit(Qcow2 *q, bool refs, bool *synced)
{
    bool flushed = false;
    if (!q->l2.slots || !q->ref.slots) {
        return -EIO; /* the tables could not be read anew after a switch */
    }
    pthread_mutex_lock(&q->commit_lock);
    pthread_mutex_lock(&q->lock);
    bool any = q->l2.dirty->len || q->l1.ndirty || q->freed->len || (refs && (q->ref.dirty->len || q->reft.ndirty));
    int ret = 0;
    if (any) {
        static const Qcow2Table none;
        Commit k = { .l1_offset = q->l1.offset, .reft_offset = q->reft.offset, .freed = q->freed };
        Qcow2Table empty = none;
        k.ref = refs ? commit_take_slots(&q->ref) : g_array_new(FALSE, FALSE, sizeof(CommitSlot));
        k.reft = commit_take_table(refs ? &q->reft : &empty);
        k.l2 = commit_take_slots(&q->l2);
        k.l1 = commit_take_table(&q->l1);
        q->freed = g_array_new(FALSE, FALSE, sizeof(Qcow2Free));
        pthread_mutex_unlock(&q->lock);
        ret = q->corrupt ? -EIO : commit_steps(q, &k, &flushed);
        pthread_mutex_lock(&q->lock);
        commit_end_slots(&q->ref, k.ref, ret < 0);
        commit_end_slots(&q->l2, k.l2, ret < 0);
        commit_end_table(&q->reft, k.reft, ret < 0);
        commit_end_table(&q->l1, k.l1, ret < 0);
        g_array_append_vals(ret < 0 ? q->freed : q->ready, k.freed->data, k.freed->len);
        g_array_free(k.freed, TRUE);
        pthread_cond_broadcast(&q->loaded);
    }
    pthread_mutex_unlock(&q->lock);
    pthread_mutex_unlock(&q->commit_lock);
    if (synced) {
        *synced = flushed;
    }
    return ret;
}

int qcow2_flush_all(Qcow2 *q)
{
    bool synced;
    int ret = qcow2_commit(q, !q->lazy, &synced);
    if (ret == 0 && !synced) {
        ret = qcow2_sync_file(q);
    }
    return ret;
}

int qcow2_settle(Qcow2 *q)
{
    int ret = qcow2_commit(q, true, NULL);
    if (ret == 0) {
        ret = qcow2_free_ready(q);
    }
    if (ret == 0) {
        ret = qcow2_commit(q, true, NULL);
    }
    return ret < 0 ? ret : qcow2_sync_file(q);
}
