/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: writing guest data, zeros and discards.  A write that finds everything in its own place shares the stripes of
 * its clusters; one that changes where something is holds them alone: it allocates, writes the data with what it must copy
 * from the old place around it, and changes the table at the end.
 */
#include "util/osdep.h"
#include "block/qcow2-int.h"

enum { FREED_MAX = 16384 };

/* ---- Data ------------------------------------------------------------------------------------------------------ */

/* Guest data to @host, which is the place of guest offset @off. */
static int write_data(Qcow2 *q, uint64_t off, uint64_t host, const struct iovec *iov, int niov, size_t len)
{
    int ret = q->data ? (q->corrupt ? -EIO : 0) : qcow2_overlap_check(q, host, len, QCOW2_KIND_NONE);
    ret = ret < 0 ? ret : block_event(q->n, "write_aio");
    if (ret < 0 || !q->crypt) {
        return ret < 0 ? ret : block_node_pwritev(qcow2_data_node(q), host, iov, niov, len);
    }
    uint8_t *buf = g_try_malloc(len);
    if (!buf) {
        return -ENOMEM;
    }
    block_iov_to_buf(iov, niov, 0, buf, len);
    qcow2_encrypt(q, off, host, buf, len);
    ret = block_node_pwrite(qcow2_data_node(q), host, buf, len);
    g_free(buf);
    return ret;
}

/* The cluster at @off may be written where it is, as far as the granules of [off, end) in it are there. */
static bool in_place(const Qcow2 *q, const Qcow2Map *m, uint64_t off, uint64_t end)
{
    if (!m->has_host || m->packed || !m->copied) {
        return false;
    }
    uint64_t base = align_down(off, q->cluster_size), last = MIN(end, base + q->cluster_size) - 1;
    for (unsigned g = (unsigned)(qcow2_in_cluster(q, off) >> q->granule_bits); g <= (last - base) >> q->granule_bits; g++) {
        if (qcow2_granule_type(m, g) != QCOW2_DATA) {
            return false;
        }
    }
    return true;
}

/* How far [off, +len) can be written in place, in one piece of the file.  0: not at all. */
static int in_place_run(Qcow2 *q, uint64_t off, uint64_t len, uint64_t *host, uint64_t *run)
{
    *run = 0;
    while (*run < len) {
        uint64_t pos = off + *run;
        Qcow2Entry e;
        Qcow2Map m;
        int ret = qcow2_lookup(q, pos, &e);
        ret = ret < 0 ? ret : qcow2_map_decode(q, pos, &e, &m);
        if (ret < 0) {
            return *run ? 0 : ret;
        }
        uint64_t at = m.host + qcow2_in_cluster(q, pos);
        if (!in_place(q, &m, pos, off + len) || (*run && at != *host + *run)) {
            break;
        }
        *host = *run ? *host : at;
        *run += MIN(len - *run, q->cluster_size - qcow2_in_cluster(q, pos));
    }
    return 0;
}

/* ---- Writes that allocate -------------------------------------------------------------------------------------- */

/* Some clusters in a row that get (or complete) their place. */
typedef struct Alloc {
    uint64_t off, end;      /* what the guest writes */
    uint64_t base, n;       /* first cluster's guest offset; clusters */
    uint64_t from, to;      /* what is written: from and to the edges of granules */
    bool keep;              /* they have their place already */
    uint64_t host;
    bool zeroed;            /* the place reads as zeros */
    Qcow2Map first, last;   /* as they are before */
    Qcow2Entry *entries;
} Alloc;

/* Does [off, +len) read as zeros without looking at any data? */
static bool range_is_zero(Qcow2 *q, uint64_t off, uint64_t len)
{
    uint64_t backed = q->n->backing ? MIN(q->virtual_size, atomic_load(&q->n->backing->size)) : 0;
    while (len) {
        Qcow2Type type;
        uint64_t host, entry, run;
        if (qcow2_run(q, off, len, &type, &host, &entry, &run) < 0 ||
            !(type == QCOW2_ZEROS || (type == QCOW2_UNALLOCATED && off >= backed))) {
            return false;
        }
        off += run;
        len -= run;
    }
    return true;
}

static uint32_t granule_mask(const Qcow2 *q, uint64_t base, uint64_t from, uint64_t to)
{
    uint64_t a = MAX(from, base) - base, b = MIN(to, base + q->cluster_size) - base;
    if (from >= base + q->cluster_size || to <= base) {
        return 0;
    }
    unsigned g = (unsigned)(a >> q->granule_bits), end = (unsigned)((b + ((uint64_t)1 << q->granule_bits) - 1) >> q->granule_bits);
    return (uint32_t)((((uint64_t)1 << end) - 1) & ~(((uint64_t)1 << g) - 1));
}

/* How many clusters from a->base on need a new place as the first one does. */
static int alloc_extent(Qcow2 *q, Alloc *a)
{
    uint64_t max = MIN(qcow2_slice_left(q, a->base), (a->end - a->base + q->cluster_size - 1) >> q->cluster_bits);
    for (a->n = 0; a->n < max; a->n++) {
        uint64_t pos = a->base + (a->n << q->cluster_bits);
        Qcow2Entry e;
        Qcow2Map m;
        int ret = qcow2_lookup(q, pos, &e);
        ret = ret < 0 ? ret : qcow2_map_decode(q, pos, &e, &m);
        if (ret < 0) {
            return a->n ? 0 : ret;
        }
        bool keep = m.has_host && m.copied && !m.packed;
        if (a->n == 0) {
            a->first = m;
            a->keep = keep;
        } else if (keep || a->keep) {
            break;
        }
        a->last = m;
    }
    return 0;
}

/* The edges of what is written: granules that are stored already are not written beyond what the guest asks for. */
static void alloc_edges(const Qcow2 *q, Alloc *a)
{
    uint64_t granule = (uint64_t)1 << q->granule_bits;
    uint64_t last = a->base + ((a->n - 1) << q->cluster_bits);
    a->end = MIN(a->end, last + q->cluster_size);
    a->from = a->first.packed ? a->base : align_down(a->off, granule);
    a->to = a->last.packed ? last + q->cluster_size : align_up(a->end, granule);
    if (a->keep) {
        unsigned g = (unsigned)(qcow2_in_cluster(q, a->off) >> q->granule_bits);
        unsigned h = (unsigned)(qcow2_in_cluster(q, a->end - 1) >> q->granule_bits);
        a->from = qcow2_granule_type(&a->first, g) == QCOW2_DATA ? a->off : a->from;
        a->to = qcow2_granule_type(&a->last, h) == QCOW2_DATA ? a->end : a->to;
    }
}

static int alloc_place(Qcow2 *q, Alloc *a)
{
    uint64_t got = a->n;
    int ret = 0;
    if (q->data) {
        a->host = a->base;
    } else if (a->keep) {
        a->host = a->first.host;
    } else {
        ret = qcow2_alloc(q, a->n, &a->host, &got, &a->zeroed);
    }
    if (ret == 0 && got < a->n) {
        Qcow2Entry e;
        a->n = got;
        uint64_t pos = a->base + ((got - 1) << q->cluster_bits);
        ret = qcow2_lookup(q, pos, &e);
        ret = ret < 0 ? ret : qcow2_map_decode(q, pos, &e, &a->last);
    }
    return ret;
}

/* Guest data of [off, +len) as it was, in new memory; NULL when it need not be written.  -errno in @ret. */
static uint8_t *alloc_edge(Qcow2 *q, const Alloc *a, uint64_t off, uint64_t len, int *ret)
{
    if (!len || *ret < 0 || (a->zeroed && !q->crypt && range_is_zero(q, off, len))) {
        return NULL;
    }
    uint8_t *buf = g_try_malloc(len);
    struct iovec iov = { buf, len };
    *ret = buf ? block_event(q->n, "cow_read") : -ENOMEM;
    *ret = *ret < 0 ? *ret : qcow2_read_held(q, off, &iov, 1, len);
    return buf;
}

/* [off, +len) of the old place, which stay as they are in the new one. */
static int alloc_copy(Qcow2 *q, const Alloc *a, uint64_t off, uint64_t len)
{
    int ret = 0;
    uint8_t *buf = alloc_edge(q, a, off, len, &ret);
    struct iovec iov = { buf, len };
    if (ret == 0 && buf) {
        ret = block_event(q->n, "cow_write");
        ret = ret < 0 ? ret : write_data(q, off, a->host + (off - a->base), &iov, 1, len);
    }
    g_free(buf);
    return ret;
}

/* Subclusters that the old place of a cluster holds and the guest does not write move along. */
static int alloc_move(Qcow2 *q, const Alloc *a, uint64_t base, const Qcow2Map *m)
{
    int ret = 0;
    if (q->nsub == 1 || a->keep || m->packed) {
        return 0;
    }
    uint32_t rest = m->alloc & ~granule_mask(q, base, a->from, a->to);
    for (unsigned g = 0; g < q->nsub && ret == 0;) {
        unsigned n = 0;
        while (g + n < q->nsub && rest >> (g + n) & 1) {
            n++;
        }
        if (n) {
            ret = alloc_copy(q, a, base + ((uint64_t)g << q->granule_bits), (uint64_t)n << q->granule_bits);
        }
        g += MAX(n, 1);
    }
    return ret;
}

static int alloc_write(Qcow2 *q, const Alloc *a, const struct iovec *iov, int niov, uint64_t skip)
{
    int ret = 0;
    uint8_t *head = alloc_edge(q, a, a->from, a->off - a->from, &ret);
    uint8_t *tail = alloc_edge(q, a, a->end, a->to - a->end, &ret);
    if (ret == 0) {
        struct iovec *all = g_new(struct iovec, niov + 2);
        int n = 0;
        uint64_t from = head ? a->from : a->off, to = tail ? a->to : a->end;
        if (head) {
            all[n++] = (struct iovec) { head, a->off - a->from };
        }
        n += block_iov_slice(all + n, iov, niov, skip, a->end - a->off);
        if (tail) {
            all[n++] = (struct iovec) { tail, a->to - a->end };
        }
        ret = write_data(q, from, a->host + (from - a->base), all, n, to - from);
        g_free(all);
    }
    g_free(head);
    g_free(tail);
    return ret;
}

static int alloc_entries(Qcow2 *q, Alloc *a)
{
    int ret = 0;
    a->entries = g_new0(Qcow2Entry, a->n);
    for (uint64_t i = 0; i < a->n && ret == 0; i++) {
        uint64_t base = a->base + (i << q->cluster_bits);
        a->entries[i].e = (a->host + (i << q->cluster_bits)) | QCOW2_COPIED;
        if (q->nsub > 1) {
            Qcow2Entry old;
            Qcow2Map m;
            ret = qcow2_lookup(q, base, &old);
            ret = ret < 0 ? ret : qcow2_map_decode(q, base, &old, &m);
            uint32_t covered = granule_mask(q, base, a->from, a->to);
            uint32_t alloc = m.packed ? UINT32_MAX : m.alloc | covered, zero = m.packed ? 0 : m.zero & ~covered;
            a->entries[i].bitmap = alloc | (uint64_t)zero << 32;
        }
    }
    return ret;
}

/* Writes the beginning of [off, end) into clusters that get a new place (or complete theirs); *done bytes of it. */
static int write_alloc(Qcow2 *q, uint64_t off, uint64_t end, const struct iovec *iov, int niov, uint64_t skip, uint64_t *done)
{
    Alloc a = { .off = off, .end = end, .base = align_down(off, q->cluster_size) };
    int ret = qcow2_prepare_l2(q, off);
    ret = ret < 0 ? ret : alloc_extent(q, &a);
    ret = ret < 0 ? ret : alloc_place(q, &a);
    if (ret < 0) {
        return ret;
    }
    alloc_edges(q, &a);
    ret = alloc_write(q, &a, iov, niov, skip);
    ret = ret < 0 ? ret : alloc_move(q, &a, a.base, &a.first);
    if (ret == 0 && a.n > 1) {
        ret = alloc_move(q, &a, a.base + ((a.n - 1) << q->cluster_bits), &a.last);
    }
    ret = ret < 0 ? ret : alloc_entries(q, &a);
    ret = ret < 0 ? ret : qcow2_set_entries(q, a.base, a.entries, a.n, QCOW2_FREE_OTHER);
    if (ret < 0 && !q->data && !a.keep) {
        qcow2_free_now(q, a.host, a.n);
    }
    g_free(a.entries);
    *done = a.end - off;
    return ret;
}

static int write_in_place(Qcow2 *q, uint64_t off, uint64_t host, const struct iovec *iov, int niov, uint64_t skip, uint64_t len)
{
    struct iovec *part = g_new(struct iovec, niov);
    int n = block_iov_slice(part, iov, niov, skip, len);
    int ret = write_data(q, off, host, part, n, len);
    g_free(part);
    return ret;
}

/* [off, +len), the caller holding its stripes alone. */
static int write_alone(Qcow2 *q, uint64_t off, const struct iovec *iov, int niov, uint64_t skip, uint64_t len)
{
    int ret = 0;
    for (uint64_t done = 0; done < len && ret == 0;) {
        uint64_t host, run;
        ret = in_place_run(q, off + done, len - done, &host, &run);
        if (ret == 0 && run) {
            ret = write_in_place(q, off + done, host, iov, niov, skip + done, run);
        } else if (ret == 0) {
            ret = write_alloc(q, off + done, off + len, iov, niov, skip + done, &run);
        }
        done += run;
    }
    return ret;
}

static int write_window(Qcow2 *q, uint64_t off, const struct iovec *iov, int niov, uint64_t skip, uint64_t len)
{
    uint64_t first = qcow2_cluster(q, off), last = qcow2_cluster(q, off + len - 1), host, run, done = 0;
    int ret = 0;
    qcow2_lock_range(q, first, last, false);
    while (done < len && ret == 0) {
        ret = in_place_run(q, off + done, len - done, &host, &run);
        if (ret < 0 || !run) {
            break;
        }
        ret = skip + done == 0 && run == len && len == block_iov_size(iov, niov)
                  ? write_data(q, off, host, iov, niov, len) : write_in_place(q, off + done, host, iov, niov, skip + done, run);
        done += run;
    }
    qcow2_unlock_range(q, first, last);
    if (ret < 0 || done == len) {
        return ret;
    }
    off += done;
    first = qcow2_cluster(q, off);
    qcow2_lock_range(q, first, last, true);
    ret = write_alone(q, off, iov, niov, skip + done, len - done);
    qcow2_unlock_range(q, first, last);
    return ret;
}

int qcow2_write(Qcow2 *q, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    int ret = q->corrupt ? -EIO : qcow2_bitmaps_mark(q, off, len);
    for (uint64_t done = 0, part; done < len && ret == 0; done += part) {
        part = MIN(len - done, ((uint64_t)QCOW2_STRIPES << q->cluster_bits) - qcow2_in_cluster(q, off + done));
        ret = write_window(q, off + done, iov, niov, done, part);
    }
    return ret;
}

/* Encrypted sectors are written whole: the sectors around an unaligned request are read first. */
static int write_unaligned(Qcow2 *q, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    uint64_t from = align_down(off, BLK_SECTOR), bytes = align_up(off + len, BLK_SECTOR) - from;
    uint8_t *buf = g_try_malloc(bytes);
    struct iovec whole = { buf, bytes };
    if (!buf) {
        return -ENOMEM;
    }
    pthread_mutex_lock(&q->unaligned_lock);
    int ret = qcow2_read(q, from, &whole, 1, bytes);
    if (ret == 0) {
        block_iov_to_buf(iov, niov, 0, buf + (off - from), len);
        ret = qcow2_write(q, from, &whole, 1, bytes);
    }
    pthread_mutex_unlock(&q->unaligned_lock);
    g_free(buf);
    return ret;
}

int qcow2_write_any(Qcow2 *q, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    return q->crypt && (off | len) & (BLK_SECTOR - 1) ? write_unaligned(q, off, iov, niov, len) : qcow2_write(q, off, iov, niov, len);
}

int qcow2_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    return qcow2_write_any(n->opaque, off, iov, niov, len);
}

/* ---- Zeros and discards ---------------------------------------------------------------------------------------- */

/* What the entry becomes when [from, to) of its cluster shall read as zeros.  -ENOTSUP: that cannot be said in it. */
static int zero_entry(const Qcow2 *q, const Qcow2Map *m, const Qcow2Entry *old, uint64_t base, uint64_t from, uint64_t to,
                      bool unmap, Qcow2Entry *new)
{
    bool backed = q->n->backing || q->n->backing_name;
    *new = *old;
    if (q->h.version < 3) {
        return m->packed || m->has_host || backed ? -ENOTSUP : 0;
    }
    bool keep = m->has_host && m->copied && (!unmap || q->data);
    if (q->nsub == 1) {
        *new = (Qcow2Entry) { (keep ? m->host | QCOW2_COPIED : 0) | QCOW2_ZERO, 0 };
        return 0;
    }
    uint32_t mask = granule_mask(q, base, from, to);
    if (m->packed) {
        *new = (Qcow2Entry) { 0, (uint64_t)UINT32_MAX << 32 };
        return mask == UINT32_MAX ? 0 : -ENOTSUP;
    }
    uint32_t alloc = m->alloc & ~mask, zero = m->zero | mask;
    *new = (Qcow2Entry) { alloc || keep ? old->e : 0, alloc | (uint64_t)zero << 32 };
    return 0;
}

/* What an entry becomes; @new is a copy of it. */
typedef int EntryFn(const Qcow2 *q, const Qcow2Map *m, const Qcow2Entry *old, uint64_t base, uint64_t from, uint64_t to, bool flag,
                    Qcow2Entry *new);

/* Changes the entries of [off, end), which lie in one slice and whose stripes the caller holds alone. */
static int change_entries(Qcow2 *q, uint64_t off, uint64_t end, bool flag, Qcow2FreeWhy why, EntryFn *fn)
{
    uint64_t base = align_down(off, q->cluster_size), n = (end - base + q->cluster_size - 1) >> q->cluster_bits;
    Qcow2Entry *old = g_new(Qcow2Entry, n), *new = g_new(Qcow2Entry, n);
    bool prepared = false;
    int ret = 0;
    for (uint64_t i = 0; i < n && ret == 0; i++) {
        uint64_t at = base + (i << q->cluster_bits);
        Qcow2Map m;
        ret = qcow2_lookup(q, at, &old[i]);
        ret = ret < 0 ? ret : qcow2_map_decode(q, at, &old[i], &m);
        new[i] = old[i];
        ret = ret < 0 ? ret : fn(q, &m, &old[i], at, MAX(off, at), MIN(end, at + q->cluster_size), flag, &new[i]);
    }
    for (uint64_t i = 0, run; i < n && ret == 0; i += MAX(run, 1)) {
        for (run = 0; i + run < n && (new[i + run].e != old[i + run].e || new[i + run].bitmap != old[i + run].bitmap); run++) {
        }
        if (run && !prepared) {
            ret = qcow2_prepare_l2(q, base);
            prepared = true;
        }
        if (run && ret == 0) {
            ret = qcow2_set_entries(q, base + (i << q->cluster_bits), new + i, run, why);
        }
    }
    g_free(old);
    g_free(new);
    return ret;
}

static int change_range(Qcow2 *q, uint64_t off, uint64_t end, bool flag, Qcow2FreeWhy why, EntryFn *fn)
{
    int ret = q->corrupt ? -EIO : qcow2_bitmaps_mark(q, off, end - off);
    while (off < end && ret == 0) {
        uint64_t clusters = MIN(qcow2_slice_left(q, off), QCOW2_STRIPES);
        uint64_t to = MIN(end, align_down(off, q->cluster_size) + (clusters << q->cluster_bits));
        qcow2_lock_range(q, qcow2_cluster(q, off), qcow2_cluster(q, to - 1), true);
        ret = change_entries(q, off, to, flag, why, fn);
        qcow2_unlock_range(q, qcow2_cluster(q, off), qcow2_cluster(q, to - 1));
        off = to;
    }
    pthread_mutex_lock(&q->lock);
    bool many = q->freed->len + q->ready->len > FREED_MAX;
    pthread_mutex_unlock(&q->lock);
    if (ret == 0 && many) {
        ret = qcow2_commit(q, true, NULL);
        ret = ret < 0 ? ret : qcow2_free_ready(q);
    }
    return ret;
}

int qcow2_zero_clusters(Qcow2 *q, uint64_t off, uint64_t len, unsigned flags)
{
    int ret = 0;
    if (q->raw_data && off < q->virtual_size) { /* the data file alone must read the same */
        ret = block_node_write_zeroes(q->data, off, MIN(len, q->virtual_size - off), flags);
    }
    return ret < 0 ? ret : change_range(q, off, off + len, flags & BLOCK_ZERO_MAY_UNMAP, QCOW2_FREE_REQUEST, zero_entry);
}

/* A part of a granule. */
static int zero_edge(Qcow2 *q, uint64_t off, uint64_t len, unsigned flags)
{
    if (!len || (range_is_zero(q, off, len) && !q->raw_data)) {
        return 0;
    }
    if (flags & BLOCK_ZERO_NO_FALLBACK) {
        return -ENOTSUP;
    }
    void *buf = g_try_malloc0(len);
    struct iovec iov = { buf, len };
    int ret = buf ? qcow2_pwritev(q->n, off, &iov, 1, len) : -ENOMEM;
    g_free(buf);
    return ret;
}

int qcow2_pwrite_zeroes(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    Qcow2 *q = n->opaque;
    uint64_t granule = (uint64_t)1 << q->granule_bits, end = off + len;
    uint64_t from = align_up(off, granule), to = end == q->virtual_size ? align_up(end, granule) : align_down(end, granule);
    if (from >= to) {
        return zero_edge(q, off, len, flags);
    }
    int ret = zero_edge(q, off, from - off, flags);
    ret = ret < 0 ? ret : qcow2_zero_clusters(q, from, to - from, flags);
    return ret < 0 || to >= end ? ret : zero_edge(q, to, end - to, flags);
}

/* @full: nothing is to be known of it any more. */
static int discard_entry(const Qcow2 *q, const Qcow2Map *m, const Qcow2Entry *old, uint64_t base, uint64_t from, uint64_t to, bool full,
                         Qcow2Entry *new)
{
    bool backed = q->n->backing || q->n->backing_name, there = m->has_host || m->packed;
    (void)base;
    (void)from;
    (void)to;
    if (full || !backed) {
        /* What reads as zeros without a place of its own may stay so. */
        *new = full || there ? (Qcow2Entry) { 0, 0 } : *old;
    } else if (q->h.version >= 3) { /* else it would show the backing file's data again */
        *new = q->nsub > 1 ? (Qcow2Entry) { 0, (uint64_t)UINT32_MAX << 32 } : (Qcow2Entry) { QCOW2_ZERO, 0 };
    }
    return 0;
}

int qcow2_discard_clusters(Qcow2 *q, uint64_t off, uint64_t len, Qcow2FreeWhy why, bool full)
{
    uint64_t end = off + len;
    int ret = 0;
    while (off < end && ret == 0) {
        Qcow2Type type;
        uint64_t host, entry, run;
        ret = qcow2_run(q, off, end - off, &type, &host, &entry, &run);
        run = align_up(MAX(run, 1), q->cluster_size);
        bool nothing = type == QCOW2_UNALLOCATED && q->nsub == 1 && !(q->n->backing || q->n->backing_name);
        if (ret == 0 && !nothing) {
            ret = change_range(q, off, off + run, full, why, discard_entry);
        }
        if (ret == 0 && q->data && type == QCOW2_DATA && why == QCOW2_FREE_REQUEST && q->discard_request) {
            block_node_discard(q->data, off, MIN(run, end - off));
        }
        off += run;
    }
    return ret;
}

int qcow2_pdiscard(BlockNode *n, uint64_t off, uint64_t len)
{
    Qcow2 *q = n->opaque;
    uint64_t end = off + len, from = align_up(off, q->cluster_size);
    uint64_t to = end == q->virtual_size ? align_up(end, q->cluster_size) : align_down(end, q->cluster_size);
    if (from >= to) {
        return 0;
    }
    if (q->raw_data) {
        return qcow2_zero_clusters(q, from, MIN(to, q->virtual_size) - from, BLOCK_ZERO_MAY_UNMAP);
    }
    return qcow2_discard_clusters(q, from, to - from, QCOW2_FREE_REQUEST, false);
}
