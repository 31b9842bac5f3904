/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: reading guest data, and what changes no mapping.  Requests are cut into windows of at most QCOW2_STRIPES clusters, whose
 * stripes are held while they are worked on.  Writes that allocate are in qcow2-write.c.
 */
#include "util/osdep.h"
#include "block/qcow2-int.h"

/* ---- Reading --------------------------------------------------------------------------------------------------- */

/* Plain or encrypted data at @host. */
static int read_data(Qcow2 *q, uint64_t off, uint64_t host, const struct iovec *iov, int niov, size_t len)
{
    BlockNode *data = qcow2_data_node(q);
    if (!q->crypt) {
        return block_node_preadv(data, host, iov, niov, len);
    }
    uint64_t skip = off & (BLK_SECTOR - 1), bytes = align_up(skip + len, BLK_SECTOR);
    uint8_t *buf = g_try_malloc(bytes);
    if (!buf) {
        return -ENOMEM;
    }
    int ret = block_node_pread(data, host - skip, buf, bytes);
    if (ret == 0) {
        qcow2_decrypt(q, off - skip, host - skip, buf, bytes);
        block_iov_from_buf(iov, niov, 0, buf + skip, len);
    }
    g_free(buf);
    return ret;
}

static int read_backing(Qcow2 *q, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    size_t below = q->n->backing && off < q->virtual_size ? MIN(len, q->virtual_size - off) : 0;
    if (below < len) {
        block_iov_zero(iov, niov, below, len - below);
    }
    if (!below) {
        return 0;
    }
    int ret = block_event(q->n, "read_backing_aio");
    if (ret < 0 || below == len) {
        return ret < 0 ? ret : block_node_preadv_padded(q->n->backing, off, iov, niov, len);
    }
    struct iovec *part = g_new(struct iovec, niov);
    int n = block_iov_slice(part, iov, niov, 0, below);
    ret = block_node_preadv_padded(q->n->backing, off, part, n, below);
    g_free(part);
    return ret;
}

static int read_run(Qcow2 *q, uint64_t off, const struct iovec *iov, int niov, size_t len, Qcow2Type type, uint64_t host,
                    uint64_t entry)
{
    switch (type) {
    case QCOW2_DATA: return read_data(q, off, host, iov, niov, len);
    case QCOW2_PACKED: return qcow2_read_compressed(q, entry, qcow2_in_cluster(q, off), iov, niov, len);
    case QCOW2_UNALLOCATED: return read_backing(q, off, iov, niov, len);
    default: block_iov_zero(iov, niov, 0, len); return 0;
    }
}

int qcow2_read_held(Qcow2 *q, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    struct iovec *part = NULL;
    int ret = 0;
    for (size_t done = 0; done < len && ret == 0;) {
        Qcow2Type type;
        uint64_t host, entry, run;
        ret = qcow2_run(q, off + done, len - done, &type, &host, &entry, &run);
        if (ret < 0) {
            break;
        }
        if (run == len) {
            ret = read_run(q, off, iov, niov, len, type, host, entry);
            break;
        }
        part = part ? part : g_new(struct iovec, niov);
        int n = block_iov_slice(part, iov, niov, done, run);
        ret = read_run(q, off + done, part, n, run, type, host, entry);
        done += run;
    }
    g_free(part);
    return ret;
}

static uint64_t window_len(const Qcow2 *q, uint64_t off, uint64_t len)
{
    uint64_t room = ((uint64_t)QCOW2_STRIPES << q->cluster_bits) - qcow2_in_cluster(q, off);
    return MIN(len, room);
}

/* Clusters of a request that are decompressed by several threads at once. */
typedef struct PackedRead {
    Qcow2 *q;
    uint64_t off;
    size_t len;
    const struct iovec *iov;
    int niov;
    _Atomic int ret;
} PackedRead;

static void read_packed_one(void *opaque, size_t i)
{
    PackedRead *p = opaque;
    Qcow2 *q = p->q;
    uint64_t first = align_down(p->off, q->cluster_size) + ((uint64_t)i << q->cluster_bits);
    uint64_t from = MAX(first, p->off), to = MIN(first + q->cluster_size, p->off + p->len);
    struct iovec *part = g_new(struct iovec, p->niov);
    int n = block_iov_slice(part, p->iov, p->niov, from - p->off, to - from);
    int ret = qcow2_read_held(q, from, part, n, to - from);
    if (ret < 0) {
        atomic_store(&p->ret, ret);
    }
    g_free(part);
}

static int read_window(Qcow2 *q, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    uint64_t clusters = qcow2_cluster(q, off + len - 1) - qcow2_cluster(q, off) + 1;
    Qcow2Entry e;
    if (clusters < 2 || !qcow2_try_lookup(q, off, &e) || !(e.e & QCOW2_COMPRESSED)) {
        return qcow2_read_held(q, off, iov, niov, len);
    }
    PackedRead p = { .q = q, .off = off, .len = len, .iov = iov, .niov = niov };
    block_worker_each(read_packed_one, &p, clusters);
    return atomic_load(&p.ret);
}

int qcow2_read(Qcow2 *q, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    uint64_t part_len = window_len(q, off, len);
    struct iovec *part = part_len < len ? g_new(struct iovec, niov) : NULL;
    int ret = 0;
    for (size_t done = 0; done < len && ret == 0; done += part_len) {
        part_len = window_len(q, off + done, len - done);
        uint64_t first = qcow2_cluster(q, off + done), last = qcow2_cluster(q, off + done + part_len - 1);
        int n = part ? block_iov_slice(part, iov, niov, done, part_len) : niov;
        qcow2_lock_range(q, first, last, false);
        ret = read_window(q, off + done, part ? part : iov, n, part_len);
        qcow2_unlock_range(q, first, last);
    }
    g_free(part);
    return ret;
}

int qcow2_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    return qcow2_read(n->opaque, off, iov, niov, len);
}

static int try_read_held(Qcow2 *q, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    Qcow2Type type;
    uint64_t host, entry, run, end = align_up(off + len, q->cluster_size);
    Qcow2Entry e;
    for (uint64_t at = off; at < end; at += q->cluster_size) {
        if (!qcow2_try_lookup(q, at, &e)) {
            return -EAGAIN;
        }
    }
    int ret = qcow2_run(q, off, len, &type, &host, &entry, &run);
    if (ret < 0 || run < len || type == QCOW2_PACKED || (type == QCOW2_DATA && q->crypt)) {
        return -EAGAIN;
    }
    if (type == QCOW2_DATA) {
        return block_node_try_preadv(qcow2_data_node(q), host, iov, niov, len);
    }
    if (type == QCOW2_UNALLOCATED && q->n->backing) {
        return off + len <= MIN(q->virtual_size, atomic_load(&q->n->backing->size))
                   ? block_node_try_preadv(q->n->backing, off, iov, niov, len) : -EAGAIN;
    }
    block_iov_zero(iov, niov, 0, len);
    return 0;
}

int qcow2_try_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    Qcow2 *q = n->opaque;
    uint64_t first = qcow2_cluster(q, off), last = qcow2_cluster(q, off + len - 1);
    if (last - first >= QCOW2_STRIPES || !qcow2_try_lock_range(q, first, last)) {
        return -EAGAIN;
    }
    int ret = try_read_held(q, off, iov, niov, len);
    qcow2_unlock_range(q, first, last);
    return ret;
}

/* ---- Status ---------------------------------------------------------------------------------------------------- */

/* Preallocated clusters that were never written are holes of the file.  Worth a look only where it has holes of some size. */
static bool file_has_holes(Qcow2 *q)
{
    uint64_t size = q->n->file->size;
    return !q->external && align_up(block_node_allocated(q->n->file), q->cluster_size) < size - size / 10;
}

/* How far the zeros of [off, +len) keep their host clusters in a row, or have none; @has and @host: of the first. */
static uint64_t zeros_run(Qcow2 *q, uint64_t off, uint64_t len, bool *has, uint64_t *host)
{
    uint64_t done = 0;
    while (done < len) {
        uint64_t in = qcow2_in_cluster(q, off + done);
        Qcow2Entry e;
        Qcow2Map m;
        if (qcow2_lookup(q, off + done, &e) < 0 || qcow2_map_decode(q, off + done, &e, &m) < 0) {
            break;
        }
        if (!done) {
            *has = m.host; /* zeros at 0 of a data file have no entry that says so */
            *host = m.host + in;
        } else if ((m.host != 0) != *has || (*has && m.host + in != *host + done)) {
            break;
        }
        done += MIN(q->cluster_size - in, len - done);
    }
    return done;
}

int qcow2_status(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out)
{
    Qcow2 *q = n->opaque;
    Qcow2Type type = QCOW2_UNALLOCATED, next;
    uint64_t host = 0, entry, run = 0, part, next_host;
    int ret = qcow2_run(q, off, len, &type, &host, &entry, &run);
    while (ret == 0 && type == QCOW2_PACKED && run < len) { /* each cluster is a run of its own */
        ret = qcow2_run(q, off + run, len - run, &next, &next_host, &entry, &part);
        if (ret < 0 || next != QCOW2_PACKED) {
            ret = 0;
            break;
        }
        run += part;
    }
    *out = (BlockStatus) { .len = run };
    switch (type) {
    case QCOW2_DATA:
        out->flags = BLOCK_STATUS_ALLOCATED | BLOCK_STATUS_DATA | (q->crypt ? 0 : BLOCK_STATUS_OFFSET);
        out->flags |= !q->crypt && file_has_holes(q) ? BLOCK_STATUS_RECURSE : 0;
        out->offset = host;
        out->file = qcow2_data_node(q);
        break;
    case QCOW2_PACKED: out->flags = BLOCK_STATUS_ALLOCATED | BLOCK_STATUS_DATA | BLOCK_STATUS_COMPRESSED; break;
    case QCOW2_ZEROS:
        out->flags = BLOCK_STATUS_ALLOCATED | BLOCK_STATUS_ZERO;
        if (!q->crypt) {
            bool has = false;
            out->len = zeros_run(q, off, run, &has, &out->offset);
            out->flags |= has ? BLOCK_STATUS_OFFSET : 0;
            out->file = qcow2_data_node(q);
            ret = out->len ? 0 : -EIO;
        }
        break;
    default: break;
    }
    return ret;
}
