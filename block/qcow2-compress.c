/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: compressed clusters.  The work itself is done in the thread of the request, outside all locks but the stripes of its
 * clusters; a request of several clusters spreads over the worker pool.  Compressed clusters follow each other byte by byte.
 */
#include "util/osdep.h"
#include "block/qcow2-int.h"

static int unpack(const Qcow2 *q, void *out, const void *in, size_t in_len)
{
    return q->h.compression == QCOW2_ZSTD ? qcow2_zstd_decompress(out, q->cluster_size, in, in_len)
                                          : qcow2_inflate(out, q->cluster_size, in, in_len);
}

/* The cluster decompressed last is kept: a guest reads it in many small requests. */
static bool unpack_kept(Qcow2 *q, uint64_t entry, uint64_t at, const struct iovec *iov, int niov, size_t len)
{
    bool hit = false;
    if (pthread_mutex_trylock(&q->comp_lock) == 0) {
        hit = q->comp_data && q->comp_entry == entry && q->comp_kept_generation == atomic_load(&q->comp_generation);
        if (hit) {
            block_iov_from_buf(iov, niov, 0, q->comp_data + at, len);
        }
        pthread_mutex_unlock(&q->comp_lock);
    }
    return hit;
}

int qcow2_read_compressed(Qcow2 *q, uint64_t entry, uint64_t at, const struct iovec *iov, int niov, size_t len)
{
    if (unpack_kept(q, entry, at, iov, niov, len)) {
        return 0;
    }
    uint64_t off, bytes;
    uint32_t generation = atomic_load(&q->comp_generation);
    qcow2_compressed_extent(q, entry, &off, &bytes);
    if (bytes > 2 * q->cluster_size + BLK_SECTOR || off > INT64_MAX - bytes) {
        return qcow2_corrupt(q, "a compressed cluster claims %" PRIu64 " bytes at offset 0x%" PRIx64, bytes, off);
    }
    uint8_t *in = g_try_malloc(bytes), *out = g_try_malloc(q->cluster_size);
    int ret = in && out ? block_event(q->n, "read_compressed") : -ENOMEM;
    ret = ret < 0 ? ret : block_node_pread(q->n->file, off, in, bytes);
    ret = ret < 0 ? ret : unpack(q, out, in, bytes);
    if (ret == 0) {
        block_iov_from_buf(iov, niov, 0, out + at, len);
        if (len < q->cluster_size && pthread_mutex_trylock(&q->comp_lock) == 0) {
            uint8_t *old = q->comp_data;
            q->comp_data = out;
            q->comp_entry = entry;
            q->comp_kept_generation = generation;
            out = old;
            pthread_mutex_unlock(&q->comp_lock);
        }
    }
    g_free(in);
    g_free(out);
    return ret;
}

/* ---- Writing --------------------------------------------------------------------------------------------------- */

typedef struct PackJob {
    Qcow2 *q;
    uint64_t off;
    const uint8_t *buf;
    size_t len;
    _Atomic int ret;
} PackJob;

/* Puts @size packed bytes somewhere and makes the cluster at @off refer to them. */
static int pack_store(Qcow2 *q, uint64_t off, const void *packed, uint32_t size)
{
    unsigned x = 62 - (q->cluster_bits - 8);
    uint64_t host;
    int ret = qcow2_prepare_l2(q, off);
    ret = ret < 0 ? ret : qcow2_alloc_bytes(q, size, &host);
    if (ret < 0) {
        return ret;
    }
    uint64_t first = qcow2_cluster(q, host), last = qcow2_cluster(q, host + size - 1);
    Qcow2Entry e = { QCOW2_COMPRESSED | ((host + size - 1) / 512 - host / 512) << x | host, 0 };
    ret = host >> MIN(x, 56) ? -EFBIG : qcow2_overlap_check(q, host, size, QCOW2_KIND_NONE);
    ret = ret < 0 ? ret : block_event(q->n, "write_compressed");
    ret = ret < 0 ? ret : block_node_pwrite(q->n->file, host, packed, size);
    ret = ret < 0 ? ret : qcow2_set_entries(q, off, &e, 1, QCOW2_FREE_OTHER);
    if (ret < 0) {
        qcow2_free_now(q, first << q->cluster_bits, last - first + 1);
    }
    return ret;
}

static int pack_cluster(Qcow2 *q, uint64_t off, const uint8_t *buf, size_t len)
{
    uint8_t *whole = NULL, *out = g_try_malloc(q->cluster_size);
    ssize_t size = -ENOSPC;
    struct iovec iov = { (void *)buf, len };
    if (!out) {
        return -ENOMEM;
    }
    if (len < q->cluster_size) { /* the last one of the disk */
        whole = g_malloc0(q->cluster_size);
        memcpy(whole, buf, len);
    }
    const uint8_t *in = whole ? whole : buf;
    size = q->h.compression == QCOW2_ZSTD ? qcow2_zstd_compress(out, q->cluster_size - 1, in, q->cluster_size)
                                          : qcow2_deflate(out, q->cluster_size - 1, in, q->cluster_size);
    int ret = size < 0 ? (int)size : 0;
    if (ret == 0) {
        qcow2_lock_range(q, qcow2_cluster(q, off), qcow2_cluster(q, off), true);
        ret = pack_store(q, off, out, (uint32_t)size);
        qcow2_unlock_range(q, qcow2_cluster(q, off), qcow2_cluster(q, off));
    }
    if (ret == -ENOSPC && size == -ENOSPC) { /* it does not get smaller */
        ret = qcow2_write(q, off, &iov, 1, len);
    } else if (ret == -EFBIG) {
        ret = qcow2_write(q, off, &iov, 1, len);
    }
    g_free(whole);
    g_free(out);
    return ret;
}

static void pack_one(void *opaque, size_t i)
{
    PackJob *p = opaque;
    uint64_t at = (uint64_t)i << p->q->cluster_bits;
    int ret = pack_cluster(p->q, p->off + at, p->buf + at, MIN(p->len - at, p->q->cluster_size));
    if (ret < 0) {
        atomic_store(&p->ret, ret);
    }
}

int qcow2_pwrite_compressed(BlockNode *n, uint64_t off, const void *buf, size_t len)
{
    Qcow2 *q = n->opaque;
    if (q->data || q->crypt) {
        return -ENOTSUP;
    }
    if (qcow2_in_cluster(q, off)) {
        return -EINVAL;
    }
    if (q->corrupt) {
        return -EIO;
    }
    PackJob p = { .q = q, .off = off, .buf = buf, .len = len };
    size_t count = (len + q->cluster_size - 1) >> q->cluster_bits;
    if (count == 1) {
        pack_one(&p, 0);
    } else if (count) {
        block_worker_each(pack_one, &p, count);
    }
    return atomic_load(&p.ret);
}

void qcow2_compress_free(Qcow2 *q)
{
    g_free(q->comp_data);
    q->comp_data = NULL;
}
