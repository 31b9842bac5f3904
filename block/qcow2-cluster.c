/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: where guest clusters are (L1 and L2 tables), and the stripes that keep requests of the same cluster apart. */
#include "util/osdep.h"
#include "block/qcow2-int.h"

/* ---- Stripes --------------------------------------------------------------------------------------------------- */

/* Up to two ascending runs of stripes, in the order in which they are taken. */
typedef struct StripeRange {
    unsigned from[2], to[2];
} StripeRange;

static StripeRange stripe_range(uint64_t first, uint64_t last)
{
    unsigned a = first % QCOW2_STRIPES, b = last % QCOW2_STRIPES;
    if (last - first >= QCOW2_STRIPES - 1) {
        return (StripeRange) { { 0, 1 }, { QCOW2_STRIPES - 1, 0 } };
    }
    if (a <= b) {
        return (StripeRange) { { a, 1 }, { b, 0 } };
    }
    return (StripeRange) { { 0, a }, { b, QCOW2_STRIPES - 1 } };
}

void qcow2_lock_range(Qcow2 *q, uint64_t first, uint64_t last, bool alone)
{
    StripeRange r = stripe_range(first, last);
    for (int k = 0; k < 2; k++) {
        for (unsigned i = r.from[k]; i <= r.to[k]; i++) {
            if (alone) {
                pthread_rwlock_wrlock(&q->stripes[i]);
            } else {
                pthread_rwlock_rdlock(&q->stripes[i]);
            }
        }
    }
}

bool qcow2_try_lock_range(Qcow2 *q, uint64_t first, uint64_t last)
{
    StripeRange r = stripe_range(first, last);
    for (int k = 0; k < 2; k++) {
        for (unsigned i = r.from[k]; i <= r.to[k]; i++) {
            if (pthread_rwlock_tryrdlock(&q->stripes[i])) {
                while (i > r.from[k]) {
                    pthread_rwlock_unlock(&q->stripes[--i]);
                }
                for (i = r.from[0]; k && i <= r.to[0]; i++) {
                    pthread_rwlock_unlock(&q->stripes[i]);
                }
                return false;
            }
        }
    }
    return true;
}

void qcow2_unlock_range(Qcow2 *q, uint64_t first, uint64_t last)
{
    StripeRange r = stripe_range(first, last);
    for (int k = 0; k < 2; k++) {
        for (unsigned i = r.from[k]; i <= r.to[k]; i++) {
            pthread_rwlock_unlock(&q->stripes[i]);
        }
    }
}

/* ---- Entries --------------------------------------------------------------------------------------------------- */

static int map_decode_subclusters(Qcow2 *q, uint64_t guest, const Qcow2Entry *e, Qcow2Map *m)
{
    m->alloc = (uint32_t)e->bitmap;
    m->zero = (uint32_t)(e->bitmap >> 32);
    if (e->e & QCOW2_ZERO || m->alloc & m->zero || (m->alloc && !m->has_host)) {
        return qcow2_corrupt(q, "the L2 entry of guest offset 0x%" PRIx64 " (0x%" PRIx64 ", subclusters 0x%" PRIx64
                             ") contradicts itself", guest, e->e, e->bitmap);
    }
    return 0;
}

int qcow2_map_decode(Qcow2 *q, uint64_t guest, const Qcow2Entry *e, Qcow2Map *m)
{
    *m = (Qcow2Map) { 0 };
    guest = align_down(guest, q->cluster_size);
    if (e->e & QCOW2_COMPRESSED) {
        m->packed = true;
        return q->data ? qcow2_corrupt(q, "guest offset 0x%" PRIx64 " is compressed, which a data file cannot hold", guest) : 0;
    }
    m->host = e->e & QCOW2_OFFSET_MASK;
    m->copied = e->e & QCOW2_COPIED;
    m->has_host = m->host || (q->data && m->copied);
    if (e->e & QCOW2_L2_RESERVED || qcow2_in_cluster(q, m->host) || (q->data && m->has_host && m->host != guest) ||
        (q->h.version < 3 && e->e & QCOW2_ZERO)) {
        return qcow2_corrupt(q, "the L2 entry of guest offset 0x%" PRIx64 " (0x%" PRIx64 ") is not valid", guest, e->e);
    }
    if (q->nsub > 1) {
        return map_decode_subclusters(q, guest, e, m);
    }
    m->zero = e->e & QCOW2_ZERO;
    m->alloc = m->has_host && !m->zero;
    return 0;
}

static uint64_t l1_index(const Qcow2 *q, uint64_t guest)
{
    return guest >> (q->cluster_bits + q->l2_bits);
}

static uint64_t l2_slice(const Qcow2 *q, uint64_t guest)
{
    return guest >> (q->cluster_bits + q->l2_slice_bits);
}

/* Byte offset of the entry inside its slice. */
static uint32_t l2_at(const Qcow2 *q, uint64_t guest)
{
    return (uint32_t)(((guest >> q->cluster_bits) & (((uint64_t)1 << q->l2_slice_bits) - 1)) << q->l2_entry_bits);
}

static bool l1_empty(Qcow2 *q, uint64_t guest)
{
    uint64_t i = l1_index(q, guest);
    return i >= q->l1.n || !(atomic_load_explicit(&q->l1.e[i], memory_order_acquire) & QCOW2_OFFSET_MASK);
}

bool qcow2_try_lookup(Qcow2 *q, uint64_t guest, Qcow2Entry *e)
{
    uint64_t words[2] = { 0, 0 };
    bool ok = l1_empty(q, guest) || qcow2_cache_peek(&q->l2, l2_slice(q, guest), l2_at(q, guest), words, q->nsub > 1 ? 2 : 1);
    *e = (Qcow2Entry) { words[0], words[1] };
    return ok;
}

static int l1_check(Qcow2 *q, uint64_t guest)
{
    uint64_t e = atomic_load(&q->l1.e[l1_index(q, guest)]);
    if (e & QCOW2_L1_RESERVED || qcow2_in_cluster(q, e & QCOW2_OFFSET_MASK)) {
        return qcow2_corrupt(q, "the L1 entry of guest offset 0x%" PRIx64 " (0x%" PRIx64 ") is not valid", guest, e);
    }
    return 0;
}

int qcow2_lookup(Qcow2 *q, uint64_t guest, Qcow2Entry *e)
{
    if (qcow2_try_lookup(q, guest, e)) {
        return 0;
    }
    int ret = l1_check(q, guest);
    if (ret < 0) {
        return ret;
    }
    Qcow2Slot *s;
    pthread_mutex_lock(&q->lock);
    ret = qcow2_cache_get(&q->l2, l2_slice(q, guest), &s);
    if (ret == 0) {
        const uint8_t *p = qcow2_slot_data(&q->l2, s) + l2_at(q, guest);
        *e = (Qcow2Entry) { ld_be64(p), q->nsub > 1 ? ld_be64(p + 8) : 0 };
    }
    pthread_mutex_unlock(&q->lock);
    return ret;
}

/* ---- Changing the mapping -------------------------------------------------------------------------------------- */

/* A new table for L1 entry @i, which is @old now. */
static int l2_create(Qcow2 *q, uint64_t i, uint64_t old)
{
    uint64_t off, old_off = old & QCOW2_OFFSET_MASK;
    uint8_t *buf = g_malloc0(q->cluster_size);
    int ret = qcow2_alloc_table(q, 1, &off);
    if (ret < 0) {
        g_free(buf);
        return ret;
    }
    if (old_off) {
        ret = block_event(q->n, "l2_alloc_cow_read");
        ret = ret < 0 ? ret : block_node_pread(q->n->file, old_off, buf, q->cluster_size);
    }
    /* Before the L1 entry can reach the disk a flush makes this content safe. */
    ret = ret < 0 ? ret : block_event(q->n, "l2_alloc_write");
    ret = ret < 0 ? ret : block_node_pwrite(q->n->file, off, buf, q->cluster_size);
    g_free(buf);
    if (ret < 0) {
        qcow2_free_now(q, off, 1);
        return ret;
    }
    if (old_off) {
        qcow2_kind_remove(q, old_off, q->cluster_size);
    }
    qcow2_kind_add(q, off, q->cluster_size, QCOW2_KIND_L2);
    pthread_mutex_lock(&q->lock);
    qcow2_table_set(&q->l1, i, off | QCOW2_COPIED);
    if (old_off) {
        qcow2_free_later(q, old_off, 1, QCOW2_FREE_OTHER);
    }
    pthread_mutex_unlock(&q->lock);
    return 0;
}

int qcow2_prepare_l2(Qcow2 *q, uint64_t guest)
{
    uint64_t i = l1_index(q, guest);
    if (i >= q->l1.n) {
        return -EIO;
    }
    uint64_t e = atomic_load(&q->l1.e[i]);
    if (e & QCOW2_OFFSET_MASK && e & QCOW2_COPIED) {
        return 0;
    }
    pthread_mutex_lock(&q->table_lock);
    e = atomic_load(&q->l1.e[i]);
    int ret = 0;
    if (!(e & QCOW2_OFFSET_MASK) || !(e & QCOW2_COPIED)) {
        ret = l1_check(q, guest);
        ret = ret < 0 ? ret : l2_create(q, i, e);
    }
    pthread_mutex_unlock(&q->table_lock);
    return ret;
}

/* Beside readers that take no lock. */
static void entry_store(uint8_t *p, uint64_t v)
{
    __atomic_store_n((uint64_t *)p, GUINT64_TO_BE(v), __ATOMIC_RELAXED);
}

/* With q->lock: @old is no longer used unless @new keeps its cluster. */
static void entry_free_old(Qcow2 *q, const Qcow2Entry *old, const Qcow2Entry *new, Qcow2FreeWhy why)
{
    if (q->data) {
        return;
    }
    if (old->e & QCOW2_COMPRESSED) {
        uint64_t off, bytes;
        qcow2_compressed_extent(q, old->e, &off, &bytes);
        uint64_t first = qcow2_cluster(q, off), last = qcow2_cluster(q, off + bytes - 1);
        qcow2_free_later(q, first << q->cluster_bits, last - first + 1, why);
        return;
    }
    uint64_t host = old->e & QCOW2_OFFSET_MASK;
    if (host && (new->e & QCOW2_COMPRESSED || (new->e & QCOW2_OFFSET_MASK) != host)) {
        qcow2_free_later(q, host, 1, why);
    }
}

int qcow2_set_entries(Qcow2 *q, uint64_t guest, const Qcow2Entry *e, uint64_t n, Qcow2FreeWhy why)
{
    Qcow2Slot *s;
    pthread_mutex_lock(&q->lock);
    int ret = qcow2_cache_get(&q->l2, l2_slice(q, guest), &s);
    if (ret == 0) {
        uint8_t *p = qcow2_slot_data(&q->l2, s) + l2_at(q, guest);
        qcow2_slot_change(&q->l2, s);
        for (uint64_t i = 0; i < n; i++, p += (size_t)1 << q->l2_entry_bits) {
            Qcow2Entry old = { ld_be64(p), q->nsub > 1 ? ld_be64(p + 8) : 0 };
            entry_store(p, e[i].e);
            if (q->nsub > 1) {
                entry_store(p + 8, e[i].bitmap);
            }
            entry_free_old(q, &old, &e[i], why);
        }
        qcow2_slot_changed(s);
    }
    pthread_mutex_unlock(&q->lock);
    return ret;
}

/* ---- Runs ------------------------------------------------------------------------------------------------------ */

typedef struct RunState {
    bool begun;
    Qcow2Type type;
    uint64_t host, entry, done, len;
} RunState;

/* Goes on through the granules of the cluster at @pos; false: the run ends inside it. */
static bool run_cluster(const Qcow2 *q, RunState *r, uint64_t pos, const Qcow2Map *m, uint64_t entry)
{
    uint64_t in = qcow2_in_cluster(q, pos), granule = (uint64_t)1 << q->granule_bits;
    if (m->packed) {
        if (!r->begun) {
            r->begun = true;
            r->type = QCOW2_PACKED;
            r->entry = entry;
            r->done = MIN(r->len, q->cluster_size - in);
        }
        return false;
    }
    while (in < q->cluster_size && r->done < r->len) {
        Qcow2Type t = qcow2_granule_type(m, (unsigned)(in >> q->granule_bits));
        uint64_t part = MIN(granule - (in & (granule - 1)), r->len - r->done);
        if (!r->begun) {
            r->begun = true;
            r->type = t;
            r->host = m->host + in;
        } else if (t != r->type || (t == QCOW2_DATA && m->host + in != r->host + r->done)) {
            return false;
        }
        in += part;
        r->done += part;
    }
    return true;
}

int qcow2_run(Qcow2 *q, uint64_t off, uint64_t len, Qcow2Type *type, uint64_t *host, uint64_t *entry, uint64_t *run)
{
    RunState r = { .len = len };
    uint64_t table = q->cluster_size << q->l2_bits;
    int ret = 0;
    while (r.done < len) {
        uint64_t pos = off + r.done;
        Qcow2Entry e;
        Qcow2Map m;
        if (l1_empty(q, pos)) {
            if (r.begun && r.type != QCOW2_UNALLOCATED) {
                break;
            }
            r.begun = true;
            r.type = QCOW2_UNALLOCATED;
            r.done += MIN(len - r.done, table - (pos & (table - 1)));
            continue;
        }
        ret = qcow2_lookup(q, pos, &e);
        ret = ret < 0 ? ret : qcow2_map_decode(q, pos, &e, &m);
        if (ret < 0 || !run_cluster(q, &r, pos, &m, e.e)) {
            break;
        }
    }
    if (r.done) {
        ret = 0; /* what is behind is told when it is asked for */
    }
    *type = r.type;
    *host = r.host;
    *entry = r.entry;
    *run = r.done;
    return ret;
}
