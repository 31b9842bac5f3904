/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: reference counts of host clusters, and the search for free ones.
 *
 * Counts are raised in the cache before anything in a table refers to the cluster, and lowered after the last
 * reference on disk is gone, so blocks of counts may be written at any time: at worst a cluster is held that nobody needs.
 */
#include "util/osdep.h"
#include "block/qcow2-int.h"

/* ---- Entries of any width -------------------------------------------------------------------------------------- */

uint64_t qcow2_ref_load(const void *block, uint64_t i, unsigned order)
{
    const uint8_t *p = block;
    switch (order) {
    case 3: return p[i];
    case 4: return ld_be16(p + 2 * i);
    case 5: return ld_be32(p + 4 * i);
    case 6: return ld_be64(p + 8 * i);
    default: {
        unsigned per = 8u >> order;
        return p[i / per] >> (i % per << order) & ((1u << (1u << order)) - 1);
    }
    }
}

void qcow2_ref_store(void *block, uint64_t i, unsigned order, uint64_t v)
{
    uint8_t *p = block;
    switch (order) {
    case 3: p[i] = (uint8_t)v; break;
    case 4: st_be16(p + 2 * i, (uint16_t)v); break;
    case 5: st_be32(p + 4 * i, (uint32_t)v); break;
    case 6: st_be64(p + 8 * i, v); break;
    default: {
        unsigned per = 8u >> order, shift = (unsigned)(i % per << order);
        unsigned mask = ((1u << (1u << order)) - 1) << shift;
        p[i / per] = (uint8_t)((p[i / per] & ~mask) | (unsigned)v << shift);
    }
    }
}

static uint64_t ref_index(const Qcow2 *q, uint64_t cluster)
{
    return cluster & (((uint64_t)1 << q->ref_slice_bits) - 1);
}

/* With q->lock: does a block hold the count of @cluster? */
static bool ref_present(Qcow2 *q, uint64_t cluster)
{
    uint64_t b = cluster >> q->ref_bits;
    return b < q->reft.n && atomic_load(&q->reft.e[b]);
}

/* With alloc_lock. */
static int ref_get_locked(Qcow2 *q, uint64_t cluster, uint64_t *out)
{
    int ret = 0;
    *out = 0;
    pthread_mutex_lock(&q->lock);
    if (ref_present(q, cluster)) {
        Qcow2Slot *s;
        ret = qcow2_cache_get(&q->ref, cluster >> q->ref_slice_bits, &s);
        if (ret == 0) {
            *out = qcow2_ref_load(qcow2_slot_data(&q->ref, s), ref_index(q, cluster), q->h.refcount_order);
        }
    }
    pthread_mutex_unlock(&q->lock);
    return ret;
}

int qcow2_ref_get(Qcow2 *q, uint64_t cluster, uint64_t *out)
{
    pthread_mutex_lock(&q->alloc_lock);
    int ret = ref_get_locked(q, cluster, out);
    pthread_mutex_unlock(&q->alloc_lock);
    return ret;
}

/* ---- Free space to the host ------------------------------------------------------------------------------------ */

static void ref_punch(Qcow2 *q, uint64_t cluster, uint64_t n, Qcow2FreeWhy why)
{
    bool pass = why == QCOW2_FREE_REQUEST ? q->discard_request : why == QCOW2_FREE_SNAPSHOT ? q->discard_snapshot : q->discard_other;
    if (pass && n) {
        block_node_discard(q->n->file, cluster << q->cluster_bits, n << q->cluster_bits); /* a hint */
    }
}

/* With alloc_lock: [cluster, +n) has just become free. */
static void ref_became_free(Qcow2 *q, uint64_t cluster, uint64_t n, Qcow2FreeWhy why)
{
    uint64_t comp = q->comp_offset ? (q->comp_offset - 1) >> q->cluster_bits : UINT64_MAX;
    if (comp >= cluster && comp - cluster < n) {
        q->comp_offset = 0;
    }
    atomic_fetch_add(&q->comp_generation, 1);
    q->hint = MIN(q->hint, cluster);
    ref_punch(q, cluster, n, why);
}

/* ---- Changing counts ------------------------------------------------------------------------------------------- */

static int ref_create_block(Qcow2 *q, uint64_t at);

/* With alloc_lock: changes counts that lie in one slice. */
static int ref_change_slice(Qcow2 *q, uint64_t cluster, uint64_t n, int delta, Qcow2FreeWhy why)
{
    unsigned order = q->h.refcount_order;
    Qcow2Slot *s;
    pthread_mutex_lock(&q->lock);
    int ret = qcow2_cache_get(&q->ref, cluster >> q->ref_slice_bits, &s);
    uint8_t *data = ret == 0 ? qcow2_slot_data(&q->ref, s) : NULL;
    uint64_t first = ref_index(q, cluster), bad = 0;
    for (uint64_t i = 0; ret == 0 && i < n; i++) {
        uint64_t v = qcow2_ref_load(data, first + i, order);
        if (delta < 0 ? v == 0 : v == q->refcount_max) {
            bad = cluster + i;
            ret = delta < 0 ? -EIO : -ERANGE;
        }
    }
    if (ret < 0) {
        pthread_mutex_unlock(&q->lock);
        return ret == -EIO && data ? qcow2_corrupt(q, "cluster 0x%" PRIx64 " shall be freed, but its reference count is 0",
                                                   bad << q->cluster_bits) : ret;
    }
    uint64_t run = 0, end = cluster + n;
    uint64_t *freed = g_new(uint64_t, 2 * n + 2), nfreed = 0;
    qcow2_slot_change(&q->ref, s);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t v = qcow2_ref_load(data, first + i, order) + (uint64_t)(int64_t)delta;
        qcow2_ref_store(data, first + i, order, v);
        if (v) {
            run = 0;
        } else if (run++ == 0) {
            freed[nfreed++] = cluster + i;
            freed[nfreed++] = 1;
        } else {
            freed[nfreed - 1]++;
        }
    }
    qcow2_slot_changed(s);
    pthread_mutex_unlock(&q->lock);
    for (uint64_t i = 0; i < nfreed; i += 2) {
        ref_became_free(q, MIN(freed[i], end), freed[i + 1], why);
    }
    g_free(freed);
    return 0;
}

/* With alloc_lock. */
static int ref_change_locked(Qcow2 *q, uint64_t cluster, uint64_t n, int delta, Qcow2FreeWhy why)
{
    uint64_t done = 0, slice = (uint64_t)1 << q->ref_slice_bits;
    int ret = block_event(q->n, delta < 0 ? "cluster_free" : "refblock_update_part");
    while (ret == 0 && done < n) {
        uint64_t c = cluster + done, part = MIN(n - done, slice - ref_index(q, c));
        pthread_mutex_lock(&q->lock);
        bool present = ref_present(q, c);
        pthread_mutex_unlock(&q->lock);
        if (!present && delta < 0) {
            ret = qcow2_corrupt(q, "cluster 0x%" PRIx64 " shall be freed, but has no reference count", c << q->cluster_bits);
        } else if (!present) {
            ret = -EIO; /* the caller made the block */
        } else {
            ret = ref_change_slice(q, c, part, delta, why);
        }
        done += ret == 0 ? part : 0;
    }
    if (ret < 0 && done) {
        for (uint64_t undone = 0; undone < done;) {
            uint64_t c = cluster + undone, part = MIN(done - undone, slice - ref_index(q, c));
            ref_change_slice(q, c, part, -delta, QCOW2_FREE_OTHER);
            undone += part;
        }
    }
    return ret;
}

int qcow2_ref_change(Qcow2 *q, uint64_t cluster, uint64_t n, int delta, Qcow2FreeWhy why)
{
    pthread_mutex_lock(&q->alloc_lock);
    int ret = ref_change_locked(q, cluster, n, delta, why);
    pthread_mutex_unlock(&q->alloc_lock);
    return ret;
}

void qcow2_free_now(Qcow2 *q, uint64_t offset, uint64_t clusters)
{
    qcow2_ref_change(q, offset >> q->cluster_bits, clusters, -1, QCOW2_FREE_OTHER); /* on failure they are leaked */
}

void qcow2_free_later(Qcow2 *q, uint64_t offset, uint64_t clusters, Qcow2FreeWhy why)
{
    Qcow2Free f = { offset, clusters, why };
    if (q->freed->len) {
        Qcow2Free *last = &g_array_index(q->freed, Qcow2Free, q->freed->len - 1);
        if (last->why == why && last->offset + (last->clusters << q->cluster_bits) == offset) {
            last->clusters += clusters;
            return;
        }
    }
    g_array_append_val(q->freed, f);
}

/* With alloc_lock. */
static int free_ready_locked(Qcow2 *q)
{
    pthread_mutex_lock(&q->lock);
    GArray *list = q->ready;
    if (list->len) {
        q->ready = g_array_new(FALSE, FALSE, sizeof(Qcow2Free));
    }
    pthread_mutex_unlock(&q->lock);
    if (!list->len) {
        return 0;
    }
    int ret = 0;
    for (unsigned i = 0; i < list->len && ret == 0; i++) {
        const Qcow2Free *f = &g_array_index(list, Qcow2Free, i);
        ret = ref_change_locked(q, f->offset >> q->cluster_bits, f->clusters, -1, f->why);
    }
    g_array_free(list, TRUE);
    return ret;
}

int qcow2_free_ready(Qcow2 *q)
{
    pthread_mutex_lock(&q->alloc_lock);
    int ret = free_ready_locked(q);
    pthread_mutex_unlock(&q->alloc_lock);
    return ret;
}

/* What was written to the file up to @end does not read as zeros any more, also when it is free again. */
static void zero_mark(Qcow2 *q, uint64_t end)
{
    uint64_t mark = atomic_load(&q->zero_from);
    if (mark != UINT64_MAX) {
        atomic_store(&q->zero_from, MAX(mark, MAX(end, align_up(atomic_load(&q->n->file->size), q->cluster_size))));
    }
}

/* ---- New refcount blocks --------------------------------------------------------------------------------------- */

/* Layout of a larger refcount table: it begins at cluster @base, the blocks that it needs for itself follow. */
typedef struct ReftPlan {
    uint64_t base, entries, table_clusters, first_block, blocks;
} ReftPlan;

static ReftPlan ref_plan(const Qcow2 *q, uint64_t base)
{
    ReftPlan p = { .base = base, .first_block = base >> q->ref_bits, .blocks = 1, .table_clusters = 1 };
    for (;;) {
        uint64_t last = (base + p.table_clusters + p.blocks - 1) >> q->ref_bits;
        uint64_t entries = MAX(last + 1, q->reft.n + q->reft.n / 2);
        uint64_t clusters = (entries * 8 + q->cluster_size - 1) >> q->cluster_bits;
        uint64_t blocks = last - p.first_block + 1;
        if (clusters <= p.table_clusters && blocks <= p.blocks) {
            break;
        }
        p.table_clusters = MAX(clusters, p.table_clusters);
        p.blocks = MAX(blocks, p.blocks);
    }
    p.entries = p.table_clusters * q->cluster_size / 8;
    return p;
}

static int ref_write_plan(Qcow2 *q, const ReftPlan *p, Qcow2Table *t, bool *durable)
{
    uint64_t used = p->table_clusters + p->blocks, per = (uint64_t)1 << q->ref_bits;
    uint64_t blocks_at = (p->base + p->table_clusters) << q->cluster_bits;
    uint8_t *blocks = g_malloc0(p->blocks << q->cluster_bits);
    uint64_t *table = g_malloc(p->entries * 8);
    for (uint64_t c = p->base; c < p->base + used; c++) {
        uint64_t b = (c >> q->ref_bits) - p->first_block;
        qcow2_ref_store(blocks + (b << q->cluster_bits), c & (per - 1), q->h.refcount_order, 1);
    }
    for (uint64_t i = 0; i < p->entries; i++) {
        t->e[i] = i < q->reft.n ? atomic_load(&q->reft.e[i]) : 0;
        if (i >= p->first_block && i - p->first_block < p->blocks) {
            t->e[i] = blocks_at + ((i - p->first_block) << q->cluster_bits);
        }
        table[i] = GUINT64_TO_BE(t->e[i]);
    }
    int ret = qcow2_overlap_check(q, p->base << q->cluster_bits, used << q->cluster_bits, QCOW2_KIND_NONE);
    ret = ret < 0 ? ret : block_node_pwrite(q->n->file, blocks_at, blocks, p->blocks << q->cluster_bits);
    ret = ret < 0 ? ret : block_node_pwrite(q->n->file, p->base << q->cluster_bits, table, p->entries * 8);
    ret = ret < 0 ? ret : qcow2_sync_file(q);
    if (ret == 0) {
        uint8_t fields[12];
        st_be64(fields, p->base << q->cluster_bits);
        st_be32(fields + 8, (uint32_t)p->table_clusters);
        ret = qcow2_header_switch(q, QCOW2_HDR_REFT, fields, sizeof(fields), durable);
    }
    g_free(blocks);
    g_free(table);
    return ret;
}

/* With alloc_lock; everything from cluster @base on is free. */
static int ref_grow_table(Qcow2 *q, uint64_t base)
{
    ReftPlan p = ref_plan(q, base);
    if (p.entries * 8 > QCOW2_MAX_REFT_BYTES) {
        return -EFBIG;
    }
    Qcow2Table t, old;
    int ret = block_event(q->n, "reftable_grow");
    if (ret < 0 || !qcow2_table_init(&t, p.entries)) {
        return ret < 0 ? ret : -ENOMEM;
    }
    t.offset = p.base << q->cluster_bits;
    pthread_mutex_lock(&q->commit_lock); /* a commit writes to the old table */
    bool durable = false;
    ret = ref_write_plan(q, &p, &t, &durable);
    if (ret == 0) {
        pthread_mutex_lock(&q->lock);
        old = q->reft;
        q->reft = t;
        q->h.reftable_offset = t.offset;
        q->h.reftable_clusters = (uint32_t)p.table_clusters;
        pthread_mutex_unlock(&q->lock);
    }
    pthread_mutex_unlock(&q->commit_lock);
    zero_mark(q, (p.base + p.table_clusters + p.blocks) << q->cluster_bits);
    if (ret < 0) {
        qcow2_table_free(&t);
        return ret;
    }
    uint64_t old_offset = old.offset, old_clusters = (old.n * 8 + q->cluster_size - 1) >> q->cluster_bits;
    qcow2_table_free(&old);
    qcow2_kind_remove(q, old_offset, old_clusters << q->cluster_bits);
    qcow2_kind_add(q, t.offset, p.table_clusters << q->cluster_bits, QCOW2_KIND_REFTABLE);
    qcow2_kind_add(q, (p.base + p.table_clusters) << q->cluster_bits, p.blocks << q->cluster_bits, QCOW2_KIND_REFBLOCK);
    return durable ? ref_change_locked(q, old_offset >> q->cluster_bits, old_clusters, -1, QCOW2_FREE_OTHER) : 0; /* else leaked */
}

/* With alloc_lock: makes the block that counts cluster @at, in @at itself (which is free, as are all others of that block). */
static int ref_create_block(Qcow2 *q, uint64_t at)
{
    uint64_t b = at >> q->ref_bits, off = at << q->cluster_bits;
    if (b >= q->reft.n) {
        return ref_grow_table(q, at);
    }
    int ret = block_event(q->n, "refblock_alloc");
    ret = ret < 0 ? ret : qcow2_overlap_check(q, off, q->cluster_size, QCOW2_KIND_NONE);
    if (ret < 0) {
        return ret;
    }
    uint8_t *buf = g_malloc0(q->cluster_size);
    qcow2_ref_store(buf, at & (((uint64_t)1 << q->ref_bits) - 1), q->h.refcount_order, 1);
    ret = block_node_pwrite(q->n->file, off, buf, q->cluster_size);
    zero_mark(q, off + q->cluster_size);
    g_free(buf);
    if (ret == 0) {
        qcow2_kind_add(q, off, q->cluster_size, QCOW2_KIND_REFBLOCK);
        pthread_mutex_lock(&q->lock);
        qcow2_table_set(&q->reft, b, off);
        pthread_mutex_unlock(&q->lock);
    }
    return ret;
}

/* ---- Free clusters --------------------------------------------------------------------------------------------- */

/* With q->lock: how many clusters from @c on, within its slice and at most @max, are free (@want_free) or in use. */
static int ref_run(Qcow2 *q, uint64_t c, uint64_t max, bool want_free, uint64_t *n)
{
    uint64_t slice = (uint64_t)1 << q->ref_slice_bits, i = ref_index(q, c), start = i;
    if (!ref_present(q, c)) {
        *n = want_free ? MIN(max, slice - i) : 0;
        return 0;
    }
    Qcow2Slot *s;
    int ret = qcow2_cache_get(&q->ref, c >> q->ref_slice_bits, &s);
    if (ret < 0) {
        return ret;
    }
    const uint8_t *data = qcow2_slot_data(&q->ref, s);
    uint64_t end = max < slice - i ? i + max : slice;
    while (i < end && (qcow2_ref_load(data, i, q->h.refcount_order) == 0) == want_free) {
        i++;
    }
    *n = i - start;
    return 0;
}

/* With alloc_lock: the first free cluster at or behind q->hint, then @want of them in a row (fewer if not @exact). */
static int ref_find(Qcow2 *q, uint64_t want, bool exact, uint64_t *start, uint64_t *len, uint64_t *first_free)
{
    uint64_t c = q->hint, limit = (QCOW2_OFFSET_MASK >> q->cluster_bits) - want, n = 0;
    int ret = 0;
    *start = c;
    *len = 0;
    *first_free = UINT64_MAX;
    pthread_mutex_lock(&q->lock);
    while (*len < want && c < limit) {
        ret = ref_run(q, c, want - *len, true, &n);
        if (ret < 0) {
            break;
        }
        *len += n;
        c += n;
        if (n) {
            *first_free = MIN(*first_free, *start);
            if (!exact) {
                break;
            }
            continue;
        }
        ret = ref_run(q, c, UINT64_MAX, false, &n);
        if (ret < 0) {
            break;
        }
        c += n;
        *start = c;
        *len = 0;
    }
    pthread_mutex_unlock(&q->lock);
    return ret < 0 ? ret : *len ? 0 : -EFBIG;
}

/* With alloc_lock. */
static int alloc_locked(Qcow2 *q, uint64_t want, bool exact, uint64_t *offset, uint64_t *got, bool *zeroed)
{
    uint64_t start = 0, len = 0, first_free = UINT64_MAX;
    int ret = qcow2_mark_dirty(q);
    ret = ret < 0 ? ret : free_ready_locked(q);
    ret = ret < 0 ? ret : block_event(q->n, "cluster_alloc");
    while (ret == 0) {
        ret = ref_find(q, want, exact, &start, &len, &first_free);
        if (ret < 0) {
            break;
        }
        uint64_t missing = UINT64_MAX;
        pthread_mutex_lock(&q->lock);
        for (uint64_t c = start; c < start + len && missing == UINT64_MAX; c = ((c >> q->ref_bits) + 1) << q->ref_bits) {
            missing = ref_present(q, c) ? UINT64_MAX : c;
        }
        pthread_mutex_unlock(&q->lock);
        if (missing == UINT64_MAX) {
            break;
        }
        ret = ref_create_block(q, missing); /* it sits in what was found: look again */
    }
    ret = ret < 0 ? ret : qcow2_overlap_check(q, start << q->cluster_bits, len << q->cluster_bits, QCOW2_KIND_NONE);
    ret = ret < 0 ? ret : ref_change_locked(q, start, len, 1, QCOW2_FREE_OTHER);
    if (ret < 0) {
        return ret;
    }
    q->hint = first_free == start ? start + len : MAX(q->hint, MIN(first_free, start));
    *offset = start << q->cluster_bits;
    *got = len;
    zero_mark(q, 0);
    *zeroed = *offset >= atomic_load(&q->zero_from);
    zero_mark(q, *offset + (len << q->cluster_bits));
    return 0;
}

int qcow2_alloc(Qcow2 *q, uint64_t want, uint64_t *offset, uint64_t *got, bool *zeroed)
{
    pthread_mutex_lock(&q->alloc_lock);
    int ret = alloc_locked(q, want, false, offset, got, zeroed);
    pthread_mutex_unlock(&q->alloc_lock);
    return ret;
}

int qcow2_alloc_table(Qcow2 *q, uint64_t n, uint64_t *offset)
{
    uint64_t got;
    bool zeroed;
    pthread_mutex_lock(&q->alloc_lock);
    int ret = alloc_locked(q, n, true, offset, &got, &zeroed);
    pthread_mutex_unlock(&q->alloc_lock);
    return ret;
}

/* ---- Compressed clusters --------------------------------------------------------------------------------------- */

void qcow2_compressed_extent(const Qcow2 *q, uint64_t entry, uint64_t *offset, uint64_t *bytes)
{
    unsigned x = 62 - (q->cluster_bits - 8);
    uint64_t sectors = (entry & ~(QCOW2_COPIED | QCOW2_COMPRESSED)) >> x;
    *offset = entry & (((uint64_t)1 << x) - 1);
    *bytes = (sectors + 1) * 512 - (*offset & 511);
}

int qcow2_alloc_bytes(Qcow2 *q, uint32_t len, uint64_t *offset)
{
    pthread_mutex_lock(&q->alloc_lock);
    int ret = block_event(q->n, "cluster_alloc_bytes");
    uint64_t at = q->comp_offset, room = at ? q->cluster_size - qcow2_in_cluster(q, at) : 0;
    uint64_t fresh = 0, got;
    bool zeroed;
    if (ret == 0 && at && len <= room) {
        ret = ref_change_locked(q, at >> q->cluster_bits, 1, 1, QCOW2_FREE_OTHER);
        at = ret == -ERANGE ? 0 : at; /* too many share this cluster: begin another one */
        ret = ret == -ERANGE ? 0 : ret;
    } else if (at) {
        at = 0;
        ret = ret < 0 ? ret : alloc_locked(q, 1, false, &fresh, &got, &zeroed);
        if (ret == 0 && q->comp_offset && q->comp_offset + room == fresh &&
            ref_change_locked(q, q->comp_offset >> q->cluster_bits, 1, 1, QCOW2_FREE_OTHER) == 0) {
            at = q->comp_offset;
        } else if (ret == 0) {
            at = fresh;
        }
    }
    if (ret == 0 && !at) {
        ret = alloc_locked(q, 1, false, &at, &got, &zeroed);
    }
    if (ret == 0) {
        uint64_t end = at + len;
        q->comp_offset = qcow2_in_cluster(q, end) ? end : 0;
        *offset = at;
    }
    pthread_mutex_unlock(&q->alloc_lock);
    return ret;
}

/* ---- What metadata is where ------------------------------------------------------------------------------------ */

void qcow2_kind_add(Qcow2 *q, uint64_t offset, uint64_t bytes, Qcow2Kind kind)
{
    uint64_t c = qcow2_cluster(q, offset), end = c + ((bytes + q->cluster_size - 1) >> q->cluster_bits);
    pthread_rwlock_wrlock(&q->kind_lock);
    for (; c < end; c++) {
        gpointer key = GSIZE_TO_POINTER(c);
        if (c == 0 && kind != QCOW2_KIND_HEADER) {
            continue; /* who else says to be there is wrong: a repair must still write the header, and nothing else may */
        }
        Qcow2Kind new = g_hash_table_lookup(q->kinds, key) ? QCOW2_KIND_CONFLICT : kind;
        g_hash_table_insert(q->kinds, key, GINT_TO_POINTER(new));
        unsigned bit = qcow2_kind_bit(c);
        atomic_fetch_or(&q->kind_filter[bit / 8], (uint8_t)(1u << bit % 8));
    }
    pthread_rwlock_unlock(&q->kind_lock);
}

void qcow2_kind_remove(Qcow2 *q, uint64_t offset, uint64_t bytes)
{
    uint64_t c = qcow2_cluster(q, offset), end = c + ((bytes + q->cluster_size - 1) >> q->cluster_bits);
    pthread_rwlock_wrlock(&q->kind_lock);
    for (c = MAX(c, 1); c < end; c++) { /* the header stays */
        g_hash_table_remove(q->kinds, GSIZE_TO_POINTER(c));
    }
    pthread_rwlock_unlock(&q->kind_lock);
}

Qcow2Kind qcow2_kind(Qcow2 *q, uint64_t cluster)
{
    unsigned bit = qcow2_kind_bit(cluster);
    if (!(atomic_load_explicit(&q->kind_filter[bit / 8], memory_order_acquire) >> bit % 8 & 1)) {
        return QCOW2_KIND_NONE;
    }
    pthread_rwlock_rdlock(&q->kind_lock);
    Qcow2Kind k = (Qcow2Kind)GPOINTER_TO_INT(g_hash_table_lookup(q->kinds, GSIZE_TO_POINTER(cluster)));
    pthread_rwlock_unlock(&q->kind_lock);
    return k;
}

int qcow2_overlap_check(Qcow2 *q, uint64_t offset, uint64_t bytes, Qcow2Kind kind)
{
    static const char *const names[] = { "guest data", "the header", "the L1 table", "an L2 table", "the refcount table",
        "a refcount block", "the snapshot table", "a snapshot's L1 table", "bitmaps", "the encryption header",
        "several things at once" };
    if (q->corrupt) {
        return -EIO;
    }
    uint64_t end = qcow2_cluster(q, offset + bytes - 1);
    for (uint64_t c = qcow2_cluster(q, offset); bytes && c <= end; c++) {
        Qcow2Kind is = qcow2_kind(q, c);
        if (is != kind) {
            return qcow2_corrupt(q, "a write of %s to offset 0x%" PRIx64 " was stopped, as %s is there", names[kind],
                                 c << q->cluster_bits, is == QCOW2_KIND_NONE ? "nothing known" : names[is]);
        }
        if (kind == QCOW2_KIND_NONE && c == 0) {
            return qcow2_corrupt(q, "a write of guest data to the image's header was stopped");
        }
    }
    return 0;
}

/* ---- Marks in the header --------------------------------------------------------------------------------------- */

int qcow2_corrupt(Qcow2 *q, const char *fmt, ...)
{
    if (q->n->how.readonly || q->n->how.for_check || atomic_exchange(&q->corrupt, true)) {
        return -EIO;
    }
    va_list ap;
    va_start(ap, fmt);
    char *what = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    warn_report("image '%s' is damaged and will not be written any more: %s (`rhea-img check -r all` repairs it)", q->n->filename, what);
    g_free(what);
    if (q->h.version >= 3) {
        q->h.incompat |= QCOW2_INCOMPAT_CORRUPT;
        qcow2_header_write_incompat(q);
        block_node_flush(q->n->file);
    }
    return -EIO;
}

/* Before the first change of refcounts that are not written in order (lazy refcounts). */
int qcow2_mark_dirty(Qcow2 *q)
{
    if (!q->lazy || atomic_load(&q->dirty_marked)) {
        return 0;
    }
    q->h.incompat |= QCOW2_INCOMPAT_DIRTY;
    int ret = qcow2_header_write_incompat(q);
    ret = ret < 0 ? ret : block_node_flush(q->n->file);
    if (ret == 0) {
        atomic_store(&q->dirty_marked, true);
    } else {
        q->h.incompat &= ~(uint64_t)QCOW2_INCOMPAT_DIRTY;
    }
    return ret;
}
