/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: a whole set of refcounts in memory, and the switch of the image to new tables by one write (see qcow2-int.h). */
#include "util/osdep.h"
#include "block/qcow2-int.h"

#include <sys/mman.h>

#define COUNTS_MAX_BYTES (8 * GiB)

static size_t counts_bytes(const Qcow2Counts *c, uint64_t clusters)
{
    return align_up((clusters << c->order >> 3) + 8, 4096);
}

/* Makes room for @clusters counts; pages come into being when they are used. */
static bool counts_reserve(Qcow2Counts *c, uint64_t clusters)
{
    if (clusters > (COUNTS_MAX_BYTES << 3) >> c->order) {
        return false;
    }
    size_t bytes = counts_bytes(c, clusters);
    if (bytes <= c->map_bytes) {
        c->n = MAX(c->n, clusters);
        return true;
    }
    bytes = counts_bytes(c, clusters + clusters / 8);
    void *map = c->map ? mremap(c->map, c->map_bytes, bytes, MREMAP_MAYMOVE)
                       : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) {
        return false;
    }
    c->map = map;
    c->map_bytes = bytes;
    c->n = clusters;
    return true;
}

bool qcow2_counts_init(Qcow2Counts *c, Qcow2 *q, unsigned order, uint64_t clusters, Error **errp)
{
    *c = (Qcow2Counts) { .q = q, .order = order };
    c->max = order == 6 ? INT64_MAX : ((uint64_t)1 << (1u << order)) - 1;
    c->release = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    if (!counts_reserve(c, clusters)) {
        error_set(errp, "no memory to count the references to %" PRIu64 " clusters of '%s'", clusters, q->n->filename);
        qcow2_counts_free(c);
        return false;
    }
    return true;
}

void qcow2_counts_free(Qcow2Counts *c)
{
    if (c->map) {
        munmap(c->map, c->map_bytes);
    }
    g_free(c->uncounted);
    if (c->release) {
        g_array_free(c->release, TRUE);
    }
    memset(c, 0, sizeof(*c));
}

bool qcow2_count_add(Qcow2Counts *c, uint64_t cluster, int delta)
{
    if (cluster >= c->n && (delta < 0 || !counts_reserve(c, cluster + 1))) {
        return false;
    }
    uint64_t v = qcow2_ref_load(c->map, cluster, c->order);
    if (delta < 0 ? v == 0 : v == c->max) {
        c->overflows++;
        return false;
    }
    qcow2_ref_store(c->map, cluster, c->order, v + (uint64_t)(int64_t)delta);
    return true;
}

bool qcow2_counts_load(Qcow2Counts *c, Error **errp)
{
    Qcow2 *q = c->q;
    uint64_t per = (uint64_t)1 << q->ref_bits;
    uint8_t *buf = c->order == q->h.refcount_order ? NULL : g_malloc(q->cluster_size);
    int ret = 0;
    for (uint64_t b = 0; b < q->reft.n && ret == 0; b++) {
        uint64_t off = q->reft.e[b] & ~QCOW2_REFT_RESERVED;
        if (!off) {
            continue;
        }
        if (qcow2_in_cluster(q, off) || !counts_reserve(c, MAX(c->n, (b + 1) * per))) {
            ret = -EIO;
            break;
        }
        ret = block_node_pread(q->n->file, off, buf ? buf : c->map + b * q->cluster_size, q->cluster_size);
        for (uint64_t i = 0; buf && ret == 0 && i < per; i++) {
            uint64_t v = qcow2_ref_load(buf, i, q->h.refcount_order);
            c->overflows += v > c->max;
            qcow2_ref_store(c->map, b * per + i, c->order, MIN(v, c->max));
        }
    }
    g_free(buf);
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot read the refcounts of '%s'", q->n->filename);
    }
    return ret == 0;
}

static uint64_t counts_end(const Qcow2Counts *c)
{
    uint64_t last = c->n;
    while (last && !qcow2_ref_load(c->map, last - 1, c->order)) {
        last--;
    }
    return last;
}

void qcow2_counts_no_reuse(Qcow2Counts *c)
{
    c->hint = counts_end(c);
}

/* Only clusters whose count is 0 now: what is released stays in use until the switch. */
int qcow2_counts_alloc(Qcow2Counts *c, uint64_t clusters, uint64_t *offset)
{
    uint64_t run = 0, i = c->hint;
    while (run < clusters) {
        if (i >= c->n && !counts_reserve(c, i + clusters)) {
            return -EFBIG;
        }
        run = qcow2_ref_load(c->map, i, c->order) ? 0 : run + 1;
        i++;
    }
    uint64_t first = i - clusters;
    if (first << c->q->cluster_bits > QCOW2_OFFSET_MASK) {
        return -EFBIG;
    }
    for (uint64_t k = 0; k < clusters; k++) {
        qcow2_ref_store(c->map, first + k, c->order, 1);
    }
    if (clusters == 1) {
        c->hint = i;
    }
    *offset = first << c->q->cluster_bits;
    return 0;
}

void qcow2_counts_release(Qcow2Counts *c, uint64_t offset, uint64_t clusters)
{
    for (uint64_t i = 0; offset && i < clusters; i++) {
        uint64_t cluster = (offset >> c->q->cluster_bits) + i;
        g_array_append_val(c->release, cluster);
    }
}

/* ---- Tables ---------------------------------------------------------------------------------------------------- */

static int counts_walk_entry(Qcow2Counts *c, uint64_t e, int delta)
{
    const Qcow2 *q = c->q;
    if (e & QCOW2_COMPRESSED) {
        uint64_t off, bytes;
        qcow2_compressed_extent(q, e, &off, &bytes);
        for (uint64_t k = qcow2_cluster(q, off); k <= qcow2_cluster(q, off + bytes - 1); k++) {
            if (!qcow2_count_add(c, k, delta)) {
                return -ERANGE;
            }
        }
        return 0;
    }
    uint64_t host = e & QCOW2_OFFSET_MASK;
    if (!host || q->data) {
        return 0;
    }
    return qcow2_in_cluster(q, host) ? -EIO : qcow2_count_add(c, qcow2_cluster(q, host), delta) ? 0 : -ERANGE;
}

int qcow2_counts_walk(Qcow2Counts *c, const uint64_t *l1, uint64_t n, int delta)
{
    Qcow2 *q = c->q;
    uint8_t *table = g_malloc(q->cluster_size);
    int ret = 0;
    for (uint64_t i = 0; i < n && ret == 0; i++) {
        uint64_t off = l1[i] & QCOW2_OFFSET_MASK;
        if (!off) {
            continue;
        }
        ret = qcow2_in_cluster(q, off) ? -EIO : qcow2_count_add(c, qcow2_cluster(q, off), delta) ? 0 : -ERANGE;
        ret = ret < 0 ? ret : block_node_pread(q->n->file, off, table, q->cluster_size);
        for (uint64_t at = 0; ret == 0 && at < q->cluster_size; at += (uint64_t)1 << q->l2_entry_bits) {
            uint64_t e = ld_be64(table + at);
            ret = e ? counts_walk_entry(c, e, delta) : 0;
        }
    }
    g_free(table);
    return ret;
}

/* True: something changed. */
static bool counts_copied_table(const Qcow2Counts *c, uint8_t *table)
{
    const Qcow2 *q = c->q;
    bool changed = false;
    for (uint64_t at = 0; at < q->cluster_size; at += (uint64_t)1 << q->l2_entry_bits) {
        uint64_t e = ld_be64(table + at), host = e & QCOW2_OFFSET_MASK, right = e & ~QCOW2_COPIED;
        if (e & QCOW2_COMPRESSED || (!host && !q->data)) {
            continue;
        }
        if (q->data ? e & QCOW2_COPIED : qcow2_count_get(c, qcow2_cluster(q, host)) == 1) {
            right |= QCOW2_COPIED;
        }
        if (right != e) {
            st_be64(table + at, right);
            changed = true;
        }
    }
    return changed;
}

int qcow2_counts_copied(Qcow2Counts *c, uint64_t *l1, uint64_t n)
{
    Qcow2 *q = c->q;
    uint8_t *table = g_malloc(q->cluster_size);
    int ret = 0;
    for (uint64_t i = 0; i < n && ret == 0; i++) {
        uint64_t off = l1[i] & QCOW2_OFFSET_MASK, place;
        if (!off) {
            continue;
        }
        ret = block_node_pread(q->n->file, off, table, q->cluster_size);
        if (ret < 0) {
            break;
        }
        if (counts_copied_table(c, table)) {
            ret = qcow2_counts_alloc(c, 1, &place);
            ret = ret < 0 ? ret : block_node_pwrite(q->n->file, place, table, q->cluster_size);
            if (ret == 0) {
                qcow2_counts_release(c, off, 1);
                l1[i] = place | QCOW2_COPIED;
            }
        } else {
            l1[i] = off | (qcow2_count_get(c, qcow2_cluster(q, off)) == 1 ? QCOW2_COPIED : 0);
        }
    }
    g_free(table);
    return ret;
}

/* ---- The switch ------------------------------------------------------------------------------------------------ */

/* Places for the refcount table and its blocks: they count themselves, so their number is found step by step. */
static int counts_place(Qcow2Counts *c, uint64_t **table, uint64_t *entries, uint64_t *offset, uint64_t *clusters)
{
    Qcow2 *q = c->q;
    uint64_t per = q->cluster_size * 8 >> c->order, have = 0;
    uint64_t max = QCOW2_MAX_REFT_BYTES / 8, *t = g_new0(uint64_t, max);
    *offset = *clusters = 0;
    for (bool again = true; again;) {
        again = false;
        uint64_t need = (counts_end(c) + per - 1) / per;
        if (need > max) {
            g_free(t);
            return -EFBIG;
        }
        for (uint64_t b = have; b < need; b++) {
            if (qcow2_counts_alloc(c, 1, &t[b]) < 0) {
                g_free(t);
                return -EFBIG;
            }
            again = true;
        }
        have = need;
        uint64_t k = (have * 8 + q->cluster_size - 1) >> q->cluster_bits;
        if (!again && k > *clusters) {
            for (uint64_t i = 0; i < *clusters; i++) { /* the place that is too small was never used */
                qcow2_ref_store(c->map, (*offset >> q->cluster_bits) + i, c->order, 0);
            }
            /* A little more than needed: an image grows. */
            k = MIN(k + k / 8, (uint64_t)QCOW2_MAX_REFT_BYTES >> q->cluster_bits);
            if (qcow2_counts_alloc(c, k, offset) < 0) {
                g_free(t);
                return -EFBIG;
            }
            *clusters = k;
            again = true;
        }
    }
    *table = t;
    *entries = have;
    return 0;
}

static int counts_write(Qcow2Counts *c, const uint64_t *table, uint64_t entries, uint64_t offset, uint64_t clusters)
{
    Qcow2 *q = c->q;
    uint64_t per = q->cluster_size * 8 >> c->order;
    uint8_t *buf = g_malloc0(MAX(q->cluster_size, clusters << q->cluster_bits));
    int ret = 0;
    for (uint64_t b = 0; b < entries && ret == 0; b++) {
        uint64_t from = b * q->cluster_size, have = MIN(per, c->n - b * per);
        memset(buf, 0, q->cluster_size);
        if (per - have) {
            for (uint64_t i = 0; i < have; i++) {
                qcow2_ref_store(buf, i, c->order, qcow2_ref_load(c->map, b * per + i, c->order));
            }
        } else {
            memcpy(buf, c->map + from, q->cluster_size);
        }
        ret = block_node_pwrite(q->n->file, table[b], buf, q->cluster_size);
    }
    memset(buf, 0, MAX(q->cluster_size, clusters << q->cluster_bits));
    for (uint64_t b = 0; b < entries; b++) {
        st_be64(buf + 8 * b, table[b]);
    }
    ret = ret < 0 ? ret : block_node_pwrite(q->n->file, offset, buf, clusters << q->cluster_bits);
    g_free(buf);
    return ret;
}

/* With the new refcounts in place: the old ones' clusters and all that was released are counted down in them. */
static void counts_drop_old(Qcow2Counts *c)
{
    Qcow2 *q = c->q;
    for (uint64_t i = 0; i < q->reft.n; i++) {
        uint64_t off = q->reft.e[i] & ~QCOW2_REFT_RESERVED;
        if (off && !qcow2_in_cluster(q, off) && !(c->uncounted && c->uncounted[i])) {
            qcow2_count_add(c, qcow2_cluster(q, off), -1);
        }
    }
    uint64_t reft = (q->reft.n * 8 + q->cluster_size - 1) >> q->cluster_bits;
    for (uint64_t i = 0; i < reft && !c->table_uncounted; i++) {
        qcow2_count_add(c, qcow2_cluster(q, q->reft.offset) + i, -1);
    }
    for (unsigned i = 0; i < c->release->len; i++) {
        qcow2_count_add(c, g_array_index(c->release, uint64_t, i), -1);
    }
}

bool qcow2_counts_switch(Qcow2Counts *c, const Qcow2Header *h, Error **errp)
{
    Qcow2 *q = c->q;
    Qcow2Header new = *h;
    uint64_t *table = NULL, entries, clusters;
    int ret = counts_place(c, &table, &entries, &new.reftable_offset, &clusters);
    if (ret == 0) {
        new.reftable_clusters = (uint32_t)clusters;
        counts_drop_old(c);
        ret = counts_write(c, table, entries, new.reftable_offset, clusters);
    }
    g_free(table);
    ret = ret < 0 ? ret : qcow2_sync_file(q);
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot write new tables into '%s'", q->n->filename);
        return false;
    }
    bool durable = false;
    ret = block_event(q->n, "write_aio");
    ret = ret < 0 ? ret : qcow2_header_switch_fields(q, &new, &durable);
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot write the header of '%s'", q->n->filename);
        return false;
    }
    q->h = new;
    if (!durable) {
        error_set(errp, "the change of '%s' is made, but could not be flushed", q->n->filename);
        errp = NULL;
    }
    if (!qcow2_reload(q, errp)) {
        atomic_store(&q->corrupt, true); /* nothing is known of the image any more: write nothing */
        return false;
    }
    return durable;
}
