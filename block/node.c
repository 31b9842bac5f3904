/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block nodes: calls of their drivers' data callbacks with every bound checked once more.
 * Called by blk.c (workers), tools, and by drivers for the nodes below; see block-int.h for threads.
 */
#include "util/osdep.h"
#include "block/block-int.h"

/* Readers may look beyond the end of what grows, writers may go there. */
static int block_node_bounds(const BlockNode *n, uint64_t off, uint64_t len, bool write)
{
    if (write && n->how.readonly) {
        return -EROFS;
    }
    uint64_t limit = n->drv->grows ? BLK_MAX_SIZE : n->size;
    return off <= limit && len <= limit - off ? 0 : -EIO;
}

int block_node_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    int ret = block_node_bounds(n, off, len, false);
    return ret || !len ? ret : n->drv->preadv(n, off, iov, niov, len);
}

int block_node_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    int ret = block_node_bounds(n, off, len, true);
    if (ret || !len) {
        return ret;
    }
    return n->drv->pwritev ? n->drv->pwritev(n, off, iov, niov, len) : -EROFS;
}

void block_node_grown(BlockNode *n, uint64_t size)
{
    uint64_t now = n->size;
    while (now < size && !atomic_compare_exchange_weak(&n->size, &now, size)) {
    }
}

int block_node_try_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    int ret = n->drv->try_preadv ? block_node_bounds(n, off, len, false) : -EAGAIN;
    return ret || !len ? ret : n->drv->try_preadv(n, off, iov, niov, len);
}

bool block_node_submit(BlockNode *n, BlockRequest *r)
{
    return n->drv->submit && block_node_bounds(n, r->off, r->len, r->write) == 0 && n->drv->submit(n, r);
}

int block_node_pread(BlockNode *n, uint64_t off, void *buf, size_t len)
{
    struct iovec iov = { buf, len };
    return block_node_preadv(n, off, &iov, 1, len);
}

int block_node_pwrite(BlockNode *n, uint64_t off, const void *buf, size_t len)
{
    struct iovec iov = { (void *)buf, len };
    return block_node_pwritev(n, off, &iov, 1, len);
}

int block_node_preadv_padded(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    uint64_t size = n ? n->size : 0;
    size_t have = off >= size ? 0 : MIN(len, size - off);
    int ret = 0;
    if (have == len) {
        return block_node_preadv(n, off, iov, niov, len);
    }
    if (have) {
        struct iovec *part = g_new(struct iovec, (size_t)niov);
        int parts = block_iov_slice(part, iov, niov, 0, have);
        ret = block_node_preadv(n, off, part, parts, have);
        g_free(part);
    }
    block_iov_zero(iov, niov, have, len - have);
    return ret;
}

/* Zeros as data, for drivers that know nothing better (-ENOTSUP). */
static int block_node_write_zero_data(BlockNode *n, uint64_t off, uint64_t len)
{
    enum { CHUNK = 256 * 1024 };
    size_t size = MIN(len, CHUNK);
    void *zeros = g_malloc0(size);
    int ret = 0;
    while (len > 0 && ret == 0) {
        size_t part = MIN(len, size);
        ret = block_node_pwrite(n, off, zeros, part);
        off += part;
        len -= part;
    }
    g_free(zeros);
    return ret;
}

int block_node_write_zeroes(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    int ret = block_node_bounds(n, off, len, true);
    if (ret || !len) {
        return ret;
    }
    ret = n->drv->pwrite_zeroes ? n->drv->pwrite_zeroes(n, off, len, flags) : -ENOTSUP;
    return ret == -ENOTSUP && !(flags & BLOCK_ZERO_NO_FALLBACK) ? block_node_write_zero_data(n, off, len) : ret;
}

int block_node_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    int ret = block_node_bounds(n, off, len, true);
    if (ret || !len || !n->drv->pdiscard || !n->how.discard) {
        return ret;
    }
    ret = n->drv->pdiscard(n, off, len);
    return ret == -ENOTSUP ? 0 : ret; /* a hint: nothing is lost when it does nothing */
}

int block_node_flush(BlockNode *n)
{
    if (n->how.readonly || (n->drv->protocol && n->how.no_flush)) {
        return 0;
    }
    if (n->drv->flush) {
        return n->drv->flush(n);
    }
    return n->file ? block_node_flush(n->file) : 0;
}

int block_node_pwrite_compressed(BlockNode *n, uint64_t off, const void *buf, size_t len)
{
    int ret = block_node_bounds(n, off, len, true);
    if (ret || !len) {
        return ret;
    }
    return n->drv->format && n->drv->format->pwrite_compressed ? n->drv->format->pwrite_compressed(n, off, buf, len) : -ENOTSUP;
}

int block_event(BlockNode *n, const char *event)
{
    for (n = n->file; n; n = n->file) {
        if (n->drv->event) {
            return n->drv->event(n, event);
        }
    }
    return 0;
}

/* ---- Status -------------------------------------------------------------------------------------------------- */

int block_node_status(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out)
{
    *out = (BlockStatus){ .flags = BLOCK_STATUS_EOF };
    uint64_t size = n->size;
    if (off >= size || !len) {
        return off > size ? -EINVAL : 0;
    }
    len = MIN(len, size - off);
    int ret = 0;
    *out = (BlockStatus){ .flags = BLOCK_STATUS_DATA | BLOCK_STATUS_ALLOCATED, .len = len };
    if (n->drv->status) {
        ret = n->drv->status(n, off, len, out);
    } else if (n->drv->filter) {
        ret = block_node_status(n->file, off, len, out);
    }
    if (ret < 0 || out->len == 0 || out->len > len) {
        return ret < 0 ? ret : -EIO;
    }
    /* A format's data may lie in a hole of its file. */
    const unsigned ask = BLOCK_STATUS_DATA | BLOCK_STATUS_OFFSET | BLOCK_STATUS_RECURSE;
    if ((out->flags & (ask | BLOCK_STATUS_ZERO)) == ask && out->file && out->file != n) {
        BlockStatus below;
        if (block_node_status(out->file, out->offset, out->len, &below) == 0 && below.len > 0 && (below.flags & BLOCK_STATUS_ZERO)) {
            out->flags |= BLOCK_STATUS_ZERO;
            out->len = MIN(out->len, below.len);
        } else if (below.len > 0) {
            out->len = MIN(out->len, below.len);
        }
    }
    out->flags &= ~(unsigned)BLOCK_STATUS_RECURSE;
    out->flags |= off + out->len == size ? BLOCK_STATUS_EOF : 0;
    return 0;
}

int block_node_status_above(BlockNode *n, BlockNode *base, uint64_t off, uint64_t len, BlockStatus *out)
{
    uint64_t top_size = n->size;
    unsigned depth = 0;
    *out = (BlockStatus){ .flags = BLOCK_STATUS_EOF };
    if (off >= top_size || !len) {
        return off > top_size ? -EINVAL : 0;
    }
    len = MIN(len, top_size - off);
    BlockNode *last = NULL;
    for (; n && n != base; n = n->backing, depth++) {
        last = n;
        if (off >= n->size) {
            /* a shorter layer ends before: zeros, which this layer says */
            *out = (BlockStatus){ .flags = BLOCK_STATUS_ZERO | BLOCK_STATUS_ALLOCATED | BLOCK_STATUS_BEYOND, .len = len, .depth = depth };
            break;
        }
        int ret = block_node_status(n, off, len, out);
        if (ret < 0) {
            return ret;
        }
        out->depth = depth;
        len = out->len;
        if (out->flags & BLOCK_STATUS_ALLOCATED) {
            break;
        }
    }
    if (!(out->flags & BLOCK_STATUS_ALLOCATED) && last && !last->backing) {
        out->flags |= BLOCK_STATUS_ZERO;
    }
    out->flags &= ~(unsigned)BLOCK_STATUS_EOF;
    out->flags |= off + out->len == top_size ? BLOCK_STATUS_EOF : 0;
    return 0;
}

uint64_t block_node_allocated(BlockNode *n)
{
    if (n->drv->allocated) {
        return n->drv->allocated(n);
    }
    uint64_t sum = n->file ? block_node_allocated(n->file) : n->drv->protocol ? n->size : 0;
    for (BlockChild *c = n->children; c; c = c->next) {
        sum += c->node != n->file && c->node != n->backing ? block_node_allocated(c->node) : 0;
    }
    return sum;
}
