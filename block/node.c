/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block nodes: life, and calls of their drivers with every bound checked once more.
 * Called by blk.c (workers) and by drivers for the node below; see block-int.h for threads.
 */
#include "util/osdep.h"
#include "block/block-int.h"

BlockNode *block_node_new(const BlockDriver *drv, const char *filename, BlockNode *below, const BlockOpen *how)
{
    static unsigned count;
    BlockNode *n = g_new0(BlockNode, 1);
    n->drv = drv;
    n->filename = g_strdup(filename);
    n->node_name = g_strdup_printf("#block%03u", count++);
    n->file = below;
    n->how = *how;
    n->opaque = g_malloc0(drv->opaque_size ? drv->opaque_size : 1);
    return n;
}

void block_node_free(BlockNode *n)
{
    while (n) {
        BlockNode *below = n->file;
        if (n->drv->close) {
            n->drv->close(n);
        }
        g_free(n->opaque);
        g_free(n->node_name);
        g_free(n->filename);
        g_free(n);
        n = below;
    }
}

size_t block_iov_size(const struct iovec *iov, int niov)
{
    size_t total = 0;
    for (int i = 0; i < niov; i++) {
        if (__builtin_add_overflow(total, iov[i].iov_len, &total)) {
            return SIZE_MAX;
        }
    }
    return total;
}

int block_iov_slice(struct iovec *out, const struct iovec *iov, int niov, size_t skip, size_t len)
{
    int n = 0;
    for (int i = 0; i < niov && len > 0; i++) {
        if (skip >= iov[i].iov_len) {
            skip -= iov[i].iov_len;
            continue;
        }
        out[n].iov_base = (uint8_t *)iov[i].iov_base + skip;
        out[n].iov_len = MIN(iov[i].iov_len - skip, len);
        len -= out[n].iov_len;
        skip = 0;
        n++;
    }
    return n;
}

static int block_node_check(const BlockNode *n, uint64_t off, uint64_t len, bool write)
{
    if (write && n->how.readonly) {
        return -EROFS;
    }
    return off <= n->size && len <= n->size - off ? 0 : -EIO;
}

int block_node_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    int ret = block_node_check(n, off, len, false);
    return ret || !len ? ret : n->drv->preadv(n, off, iov, niov, len);
}

int block_node_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    int ret = block_node_check(n, off, len, true);
    return ret || !len ? ret : n->drv->pwritev(n, off, iov, niov, len);
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
    int ret = block_node_check(n, off, len, true);
    if (ret || !len) {
        return ret;
    }
    ret = n->drv->pwrite_zeroes ? n->drv->pwrite_zeroes(n, off, len, flags) : -ENOTSUP;
    return ret == -ENOTSUP ? block_node_write_zero_data(n, off, len) : ret;
}

int block_node_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    int ret = block_node_check(n, off, len, true);
    if (ret || !len || !n->drv->pdiscard) {
        return ret;
    }
    ret = n->drv->pdiscard(n, off, len);
    return ret == -ENOTSUP ? 0 : ret; /* a hint: nothing is lost when it does nothing */
}

int block_node_flush(BlockNode *n)
{
    if (n->how.readonly || n->how.no_flush) {
        return 0;
    }
    if (n->drv->flush) {
        return n->drv->flush(n);
    }
    return n->file ? block_node_flush(n->file) : 0;
}

uint64_t block_node_allocated(BlockNode *n)
{
    if (n->drv->allocated) {
        return n->drv->allocated(n);
    }
    return n->file ? block_node_allocated(n->file) : n->size;
}
