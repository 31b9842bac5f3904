/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * snapshot=on: the image below is only read; what is written goes to an unlinked temporary file of the same size,
 * and a bitmap says which 4 KiB blocks live there.  All of it is gone when the drive is closed.
 *
 * Threads: reads look at the bitmap (atomic words).  Writes of whole blocks share the lock; a write that
 * covers part of a block that is still below copies the block up first, alone, so that no
 * neighbour's data is overwritten by the copy.
 */
#include "util/osdep.h"
#include "block/block-int.h"

#include <pthread.h>
#include <sys/mman.h>

enum { OVERLAY_BLOCK = 4096 };

typedef struct BlockOverlay {
    BlockNode *top; /* the temporary file */
    _Atomic uint64_t *map; /* one bit a block */
    size_t map_bytes;
    pthread_rwlock_t lock;
} BlockOverlay;

static bool overlay_has(const BlockOverlay *o, uint64_t block)
{
    return atomic_load(&o->map[block / 64]) >> (block % 64) & 1;
}

static void overlay_set(BlockOverlay *o, uint64_t first, uint64_t end)
{
    for (uint64_t b = first; b < end;) {
        if (b % 64 == 0 && end - b >= 64) {
            atomic_store(&o->map[b / 64], UINT64_MAX);
            b += 64;
        } else {
            atomic_fetch_or(&o->map[b / 64], (uint64_t)1 << (b % 64));
            b++;
        }
    }
}

/* How far the state of the block at @off goes on, at most to @end. */
static uint64_t overlay_run(const BlockOverlay *o, uint64_t off, uint64_t end, bool *in_top)
{
    uint64_t b = off / OVERLAY_BLOCK;
    *in_top = overlay_has(o, b);
    do {
        b++;
    } while (b * OVERLAY_BLOCK < end && overlay_has(o, b) == *in_top);
    return MIN(b * OVERLAY_BLOCK, end);
}

static int overlay_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    BlockOverlay *o = n->opaque;
    uint64_t start = off, end = off + len;
    struct iovec *part = g_new(struct iovec, (size_t)niov);
    int ret = 0;
    while (off < end && ret == 0) {
        bool in_top;
        uint64_t stop = overlay_run(o, off, end, &in_top);
        int parts = block_iov_slice(part, iov, niov, off - start, stop - off);
        ret = block_node_preadv(in_top ? o->top : n->file, off, part, parts, stop - off);
        off = stop;
    }
    g_free(part);
    return ret;
}

static int overlay_status(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out)
{
    BlockOverlay *o = n->opaque;
    bool in_top;
    uint64_t stop = overlay_run(o, off, off + len, &in_top);
    return block_node_status(in_top ? o->top : n->file, off, stop - off, out);
}

/* With the lock held alone. */
static int overlay_copy_up(BlockNode *n, uint64_t block)
{
    BlockOverlay *o = n->opaque;
    if (overlay_has(o, block)) {
        return 0;
    }
    uint8_t *buf = g_malloc(OVERLAY_BLOCK);
    uint64_t off = block * OVERLAY_BLOCK;
    size_t len = MIN(OVERLAY_BLOCK, n->size - off);
    int ret = block_node_pread(n->file, off, buf, len);
    if (ret == 0) {
        ret = block_node_pwrite(o->top, off, buf, len);
    }
    if (ret == 0) {
        overlay_set(o, block, block + 1);
    }
    g_free(buf);
    return ret;
}

/* Takes the lock for a write of [off, end); the first and the last block are in the temporary file if covered in part. */
static int overlay_begin_write(BlockNode *n, uint64_t off, uint64_t end)
{
    BlockOverlay *o = n->opaque;
    uint64_t first = off / OVERLAY_BLOCK, last = (end - 1) / OVERLAY_BLOCK;
    bool head = off % OVERLAY_BLOCK || (first == last && end % OVERLAY_BLOCK && end < n->size);
    bool tail = end % OVERLAY_BLOCK && end < n->size;
    if ((!head || overlay_has(o, first)) && (!tail || overlay_has(o, last))) {
        pthread_rwlock_rdlock(&o->lock);
        return 0;
    }
    pthread_rwlock_wrlock(&o->lock);
    int ret = head ? overlay_copy_up(n, first) : 0;
    return ret == 0 && tail ? overlay_copy_up(n, last) : ret;
}

static int overlay_end_write(BlockOverlay *o, uint64_t off, uint64_t end, int ret)
{
    if (ret == 0) {
        overlay_set(o, off / OVERLAY_BLOCK, (end + OVERLAY_BLOCK - 1) / OVERLAY_BLOCK);
    }
    pthread_rwlock_unlock(&o->lock);
    return ret;
}

static int overlay_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    BlockOverlay *o = n->opaque;
    int ret = overlay_begin_write(n, off, off + len);
    if (ret == 0) {
        ret = block_node_pwritev(o->top, off, iov, niov, len);
    }
    return overlay_end_write(o, off, off + len, ret);
}

static int overlay_pwrite_zeroes(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    BlockOverlay *o = n->opaque;
    int ret = overlay_begin_write(n, off, off + len);
    if (ret == 0) {
        ret = block_node_write_zeroes(o->top, off, len, flags | BLOCK_ZERO_MAY_UNMAP);
    }
    return overlay_end_write(o, off, off + len, ret);
}

/* Discarded data need not read as anything; to keep it simple and predictable it reads as zeros. */
static int overlay_pdiscard(BlockNode *n, uint64_t off, uint64_t len)
{
    return overlay_pwrite_zeroes(n, off, len, BLOCK_ZERO_MAY_UNMAP);
}

static int overlay_flush(BlockNode *n)
{
    (void)n;
    return 0; /* nobody can read it after a crash */
}

static uint64_t overlay_allocated(BlockNode *n)
{
    BlockOverlay *o = n->opaque;
    return block_node_allocated(o->top);
}

static void overlay_close(BlockNode *n)
{
    BlockOverlay *o = n->opaque;
    block_node_unref(o->top);
    if (o->map) {
        munmap((void *)o->map, o->map_bytes);
    }
    pthread_rwlock_destroy(&o->lock);
}

const BlockDriver block_overlay = {
    .name = "overlay",
    .filter = true,
    .opaque_size = sizeof(BlockOverlay),
    .close = overlay_close,
    .preadv = overlay_preadv,
    .pwritev = overlay_pwritev,
    .pwrite_zeroes = overlay_pwrite_zeroes,
    .pdiscard = overlay_pdiscard,
    .flush = overlay_flush,
    .status = overlay_status,
    .allocated = overlay_allocated,
};

BlockNode *block_open_snapshot(BlockNode *below, Error **errp)
{
    BlockOpen how = below->how;
    how.readonly = false;
    how.no_flush = how.discard = true;
    BlockNode *n = block_node_new(&block_overlay, below->filename, &how);
    BlockOverlay *o = n->opaque;
    pthread_rwlock_init(&o->lock, NULL);
    bool ok = block_node_set_child(n, "file", below, BLOCK_PERM_READ, BLOCK_PERM_READ, errp);
    block_node_unref(below);
    n->size = ok ? below->size : 0;
    /* Pages of the map come into being when they are touched: a large empty overlay costs nothing. */
    o->map_bytes = align_up((n->size / OVERLAY_BLOCK + 1 + 63) / 64 * 8, 4096);
    void *map = mmap(NULL, o->map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (ok && map == MAP_FAILED) {
        error_set_errno(errp, errno, "no memory for the write map of '%s' (snapshot=on)", n->filename);
        ok = false;
    }
    o->map = map == MAP_FAILED ? NULL : map;
    o->top = ok ? block_file_temporary(n->size, errp) : NULL;
    if (!o->top) {
        block_node_unref(n);
        return NULL;
    }
    return n;
}
