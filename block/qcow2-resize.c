/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: changing the size of the disk, preallocation, and emptying an image.  All alone: nothing is in flight. */
#include "util/osdep.h"
#include "block/qcow2-int.h"

static uint64_t l1_entries_for(const Qcow2 *q, uint64_t size)
{
    uint64_t per = q->cluster_size << q->l2_bits;
    return size / per + (size % per != 0);
}

int qcow2_grow_l1(Qcow2 *q, uint64_t entries)
{
    if (entries <= q->l1.n) {
        return 0;
    }
    if (entries > QCOW2_MAX_L1_BYTES / 8) {
        return -EFBIG;
    }
    int ret = block_event(q->n, "l1_grow_alloc_table");
    ret = ret < 0 ? ret : qcow2_commit(q, true, NULL);
    uint64_t clusters = (entries * 8 + q->cluster_size - 1) >> q->cluster_bits, old_n = q->l1.n, old = q->l1.offset, off;
    ret = ret < 0 ? ret : qcow2_alloc_table(q, clusters, &off);
    Qcow2Table t = { 0 };
    if (ret < 0 || !qcow2_table_init(&t, entries)) {
        qcow2_table_free(&t);
        return ret < 0 ? ret : -ENOMEM;
    }
    t.offset = off;
    uint8_t *buf = g_malloc0(clusters << q->cluster_bits), fields[12];
    for (uint64_t i = 0; i < old_n; i++) {
        t.e[i] = atomic_load(&q->l1.e[i]);
        st_be64(buf + 8 * i, t.e[i]);
    }
    ret = block_node_pwrite(q->n->file, off, buf, clusters << q->cluster_bits);
    g_free(buf);
    ret = ret < 0 ? ret : qcow2_commit(q, true, NULL); /* the refcounts of its place */
    ret = ret < 0 ? ret : qcow2_sync_file(q);
    st_be32(fields, (uint32_t)entries);
    st_be64(fields + 4, off);
    ret = ret < 0 ? ret : block_event(q->n, "l1_grow_activate_table");
    bool durable = false;
    ret = ret < 0 ? ret : qcow2_header_switch(q, QCOW2_HDR_L1, fields, sizeof(fields), &durable);
    if (ret < 0) {
        qcow2_table_free(&t);
        qcow2_free_now(q, off, clusters);
        return ret;
    }
    qcow2_table_free(&q->l1);
    q->l1 = t;
    q->h.l1_size = (uint32_t)entries;
    q->h.l1_offset = off;
    qcow2_kind_remove(q, old, old_n * 8);
    qcow2_kind_add(q, off, entries * 8, QCOW2_KIND_L1);
    uint64_t old_clusters = MAX(1, (old_n * 8 + q->cluster_size - 1) >> q->cluster_bits);
    if (old && durable) {
        qcow2_free_now(q, old, old_clusters);
    }
    return 0;
}

/* ---- Preallocation --------------------------------------------------------------------------------------------- */

static int prealloc_data(Qcow2 *q, uint64_t off, uint64_t len, BlockPrealloc mode)
{
    BlockNode *data = qcow2_data_node(q);
    int ret = 0;
    if (mode == BLOCK_PREALLOC_FALLOC) {
        return block_node_write_zeroes(data, off, len, 0);
    }
    if (mode == BLOCK_PREALLOC_FULL) {
        uint64_t chunk = MIN(len, MiB);
        void *zeros = g_malloc0(chunk);
        for (uint64_t at = 0; at < len && ret == 0; at += chunk) {
            ret = block_node_pwrite(data, off + at, zeros, MIN(chunk, len - at));
        }
        g_free(zeros);
        return ret;
    }
    return ret;
}

/* The file is as long as what is allocated in it. */
static int prealloc_end(Qcow2 *q, uint64_t end)
{
    BlockNode *data = qcow2_data_node(q);
    uint8_t zero = 0;
    return end && atomic_load(&data->size) < end ? block_node_pwrite(data, end - 1, &zero, 1) : 0;
}

/* Entries of up to @max clusters at @guest that have no place yet; returns how many got one. */
static int prealloc_run(Qcow2 *q, uint64_t guest, uint64_t max, BlockPrealloc mode, uint64_t *n, uint64_t *end)
{
    uint64_t host = guest;
    bool zeroed = true;
    *n = max;
    int ret = qcow2_prepare_l2(q, guest);
    if (ret == 0 && !q->data) {
        ret = qcow2_alloc(q, max, &host, n, &zeroed);
    }
    if (ret < 0) {
        return ret;
    }
    bool backed = q->n->backing_name, flag = (!zeroed && mode < BLOCK_PREALLOC_FALLOC) || q->crypt;
    Qcow2Entry *e = g_new0(Qcow2Entry, *n);
    for (uint64_t i = 0; i < *n; i++) {
        e[i].e = (host + (i << q->cluster_bits)) | QCOW2_COPIED | (flag && q->nsub == 1 ? QCOW2_ZERO : 0);
        e[i].bitmap = backed || q->nsub == 1 ? 0 : flag ? (uint64_t)UINT32_MAX << 32 : UINT32_MAX;
    }
    ret = flag && q->h.version < 3 ? prealloc_data(q, host, *n << q->cluster_bits, BLOCK_PREALLOC_FULL)
                                   : prealloc_data(q, host, *n << q->cluster_bits, mode);
    for (uint64_t i = 0; flag && q->h.version < 3 && i < *n; i++) {
        e[i].e &= ~QCOW2_ZERO;
    }
    *end = MAX(*end, host + (*n << q->cluster_bits));
    ret = ret < 0 ? ret : qcow2_set_entries(q, guest, e, *n, QCOW2_FREE_OTHER);
    if (ret < 0 && !q->data) {
        qcow2_free_now(q, host, *n);
    }
    g_free(e);
    return ret;
}

bool qcow2_preallocate(Qcow2 *q, uint64_t from, uint64_t to, BlockPrealloc mode, Error **errp)
{
    uint64_t end = 0;
    int ret = 0;
    if (q->crypt && q->h.version < 3) {
        error_set(errp, "preallocation of an encrypted image needs compat=1.1");
        return false;
    }
    for (uint64_t off = align_down(from, q->cluster_size), n; off < to && ret == 0; off += n << q->cluster_bits) {
        Qcow2Entry e;
        Qcow2Map m;
        uint64_t max = MIN(qcow2_slice_left(q, off), (to - off + q->cluster_size - 1) >> q->cluster_bits);
        ret = qcow2_lookup(q, off, &e);
        ret = ret < 0 ? ret : qcow2_map_decode(q, off, &e, &m);
        n = 1;
        if (ret == 0 && !e.e && !e.bitmap) {
            for (n = 1; n < max; n++) {
                Qcow2Entry next;
                if (qcow2_lookup(q, off + (n << q->cluster_bits), &next) < 0 || next.e || next.bitmap) {
                    break;
                }
            }
            ret = prealloc_run(q, off, n, mode, &n, &end);
        }
    }
    ret = ret < 0 ? ret : prealloc_end(q, end);
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot preallocate '%s'", q->n->filename);
    }
    return ret == 0;
}

/* ---- Resizing -------------------------------------------------------------------------------------------------- */

/* L2 tables from L1 entry @first on hold nothing any more: they go too. */
static int drop_l2_tables(Qcow2 *q, uint64_t first)
{
    int ret = qcow2_commit(q, true, NULL);
    pthread_mutex_lock(&q->lock);
    for (uint64_t i = first; i < q->l1.n && ret == 0; i++) {
        uint64_t off = atomic_load(&q->l1.e[i]) & QCOW2_OFFSET_MASK;
        if (off) {
            qcow2_table_set(&q->l1, i, 0);
            qcow2_free_later(q, off, 1, QCOW2_FREE_SNAPSHOT);
            qcow2_kind_remove(q, off, q->cluster_size);
        }
    }
    if (ret == 0) {
        qcow2_cache_drop(&q->l2);
    }
    pthread_mutex_unlock(&q->lock);
    return ret < 0 ? ret : qcow2_settle(q);
}

/* What is free at the end of the file goes back to the host. */
static void cut_file(Qcow2 *q)
{
    uint64_t end = (atomic_load(&q->n->file->size) + q->cluster_size - 1) >> q->cluster_bits, count = 0, c = end;
    while (c > 1 && qcow2_ref_get(q, c - 1, &count) == 0 && !count) {
        c--;
    }
    if (c < end) {
        Error *err = NULL;
        block_node_truncate(q->n->file, c << q->cluster_bits, BLOCK_PREALLOC_OFF, &err); /* else it stays as it is */
        error_free(err);
        if (q->zero_from != UINT64_MAX) {
            q->zero_from = MIN(q->zero_from, c << q->cluster_bits);
        }
    }
}

static int resize_header(Qcow2 *q, uint64_t size)
{
    uint8_t v[8];
    st_be64(v, size);
    int ret = qcow2_header_write_field(q, QCOW2_HDR_SIZE, v, sizeof(v));
    return ret < 0 ? ret : qcow2_sync_file(q);
}

static void resize_set(Qcow2 *q, uint64_t size)
{
    q->h.size = q->virtual_size = size;
    q->n->size = align_up(size, BLK_SECTOR);
}

static int shrink(Qcow2 *q, uint64_t size)
{
    uint64_t old = q->virtual_size, from = align_up(size, q->cluster_size);
    int ret = qcow2_flush_all(q);
    ret = ret < 0 ? ret : resize_header(q, size);
    if (ret < 0) {
        return ret;
    }
    resize_set(q, size);
    uint64_t end = align_up(old, q->cluster_size);
    ret = from < end ? qcow2_discard_clusters(q, from, end - from, QCOW2_FREE_SNAPSHOT, true) : 0;
    ret = ret < 0 ? ret : drop_l2_tables(q, l1_entries_for(q, size));
    if (ret == 0 && !q->data) {
        cut_file(q);
    }
    return ret;
}

/* Data of the backing file, or left in the last cluster, must not show. */
static int grow_zero(Qcow2 *q, uint64_t old, uint64_t size)
{
    uint64_t edge = MIN(size, align_up(old, q->cluster_size));
    int ret = edge > old ? block_node_write_zeroes(q->n, old, edge - old, 0) : 0;
    uint64_t backed = q->n->backing ? MIN(atomic_load(&q->n->backing->size), size) : 0;
    if (ret == 0 && backed > edge) {
        ret = block_node_write_zeroes(q->n, edge, MIN(align_up(backed, q->cluster_size), size) - edge, BLOCK_ZERO_MAY_UNMAP);
    }
    return ret;
}

static int grow(Qcow2 *q, uint64_t size, BlockPrealloc prealloc, Error **errp)
{
    uint64_t old = q->virtual_size;
    int ret = qcow2_grow_l1(q, l1_entries_for(q, size));
    if (ret < 0) {
        return ret;
    }
    resize_set(q, size);
    ret = grow_zero(q, old, size);
    if (ret == 0 && (prealloc != BLOCK_PREALLOC_OFF || q->raw_data)) {
        BlockPrealloc mode = prealloc == BLOCK_PREALLOC_OFF ? BLOCK_PREALLOC_METADATA : prealloc;
        ret = qcow2_preallocate(q, old, size, mode, errp) ? 0 : -EIO;
    }
    ret = ret < 0 ? ret : qcow2_flush_all(q);
    ret = ret < 0 ? ret : resize_header(q, size);
    if (ret < 0) {
        resize_set(q, old);
    }
    return ret;
}

bool qcow2_truncate(BlockNode *n, uint64_t size, BlockPrealloc prealloc, Error **errp)
{
    Qcow2 *q = n->opaque;
    if (size % BLK_SECTOR) {
        error_set(errp, "the new size %" PRIu64 " is not a multiple of %d", size, BLK_SECTOR);
        return false;
    }
    if (q->h.version < 3 && q->snapshots->len) {
        error_set(errp, "'%s' is of version 2 (compat=0.10) and has snapshots, which do not record their size: it cannot be resized",
                  n->filename);
        return false;
    }
    if (l1_entries_for(q, size) > QCOW2_MAX_L1_BYTES / 8) {
        error_set(errp, "a disk of %" PRIu64 " bytes is too large for clusters of %" PRIu64 " bytes", size, q->cluster_size);
        return false;
    }
    if (prealloc != BLOCK_PREALLOC_OFF && n->backing_name && q->nsub == 1) {
        error_set(errp, "an image with a backing file can be preallocated only with extended_l2=on");
        return false;
    }
    if (q->data && size > q->virtual_size && !block_node_truncate(q->data, size, BLOCK_PREALLOC_OFF, errp)) {
        return false;
    }
    Error *err = NULL;
    int ret = q->corrupt ? -EIO : qcow2_bitmaps_begin_resize(q);
    ret = ret < 0 || size == q->virtual_size ? ret : size < q->virtual_size ? shrink(q, size) : grow(q, size, prealloc, &err);
    int bitmaps = qcow2_bitmaps_end_resize(q);
    ret = ret < 0 ? ret : bitmaps;
    if (ret < 0 && !err) {
        error_set_errno(&err, -ret, "cannot resize '%s' to %" PRIu64 " bytes", n->filename, size);
    }
    if (ret == 0 && q->data && size < atomic_load(&q->data->size) && !block_node_truncate(q->data, size, BLOCK_PREALLOC_OFF, &err)) {
        ret = -EIO;
    }
    error_propagate(errp, err);
    return ret == 0;
}

bool qcow2_make_empty(BlockNode *n, Error **errp)
{
    Qcow2 *q = n->opaque;
    uint64_t end = align_up(q->virtual_size, q->cluster_size);
    int ret = q->corrupt ? -EIO : end ? qcow2_discard_clusters(q, 0, end, QCOW2_FREE_SNAPSHOT, true) : 0;
    ret = ret < 0 ? ret : drop_l2_tables(q, 0);
    if (ret == 0 && !q->data) {
        cut_file(q);
    }
    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot empty '%s'", n->filename);
    }
    return ret == 0;
}
