/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * format=raw: the bytes of the node below, or a window of them (offset=, size=).  Where the format was not said, it
 * also keeps sector 0 from being turned into another format's header, which a later start would believe.
 */
#include "util/osdep.h"
#include "block/block-int.h"

typedef struct BlockRaw {
    uint64_t offset;
    bool protect;
} BlockRaw;

static int block_raw_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    BlockRaw *r = n->opaque;
    return block_node_preadv(n->file, r->offset + off, iov, niov, len);
}

/* Would sector 0 look like another format after this write? */
static bool block_raw_forges(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    BlockRaw *r = n->opaque;
    uint8_t head[BLK_SECTOR];
    if ((off > 0 || len < sizeof(head)) && block_node_pread(n->file, r->offset, head, sizeof(head)) < 0) {
        return true;
    }
    size_t pos = off;
    for (int i = 0; i < niov && pos < sizeof(head); i++) {
        size_t part = MIN(iov[i].iov_len, sizeof(head) - pos);
        memcpy(head + pos, iov[i].iov_base, part);
        pos += part;
    }
    return block_probe_magic(head) != NULL;
}

static int block_raw_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    BlockRaw *r = n->opaque;
    if (r->protect && off < BLK_SECTOR && block_raw_forges(n, off, iov, niov, len)) {
        return -EPERM;
    }
    return block_node_pwritev(n->file, r->offset + off, iov, niov, len);
}

static int block_raw_pwrite_zeroes(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    BlockRaw *r = n->opaque;
    return block_node_write_zeroes(n->file, r->offset + off, len, flags);
}

static int block_raw_pdiscard(BlockNode *n, uint64_t off, uint64_t len)
{
    BlockRaw *r = n->opaque;
    return block_node_discard(n->file, r->offset + off, len);
}

const BlockDriver block_raw = {
    .name = "raw",
    .opaque_size = sizeof(BlockRaw),
    .preadv = block_raw_preadv,
    .pwritev = block_raw_pwritev,
    .pwrite_zeroes = block_raw_pwrite_zeroes,
    .pdiscard = block_raw_pdiscard,
};

BlockNode *block_raw_open(BlockNode *below, uint64_t offset, uint64_t size, Error **errp)
{
    if (offset > below->size || (size != UINT64_MAX && size > below->size - offset)) {
        error_set(errp, "offset=%" PRIu64 " and size=%" PRIu64 " do not fit into '%s' of %" PRIu64 " bytes", offset,
                  size == UINT64_MAX ? 0 : size, below->filename, below->size);
        block_node_free(below);
        return NULL;
    }
    if (size != UINT64_MAX && size % BLK_SECTOR) {
        error_set(errp, "size=%" PRIu64 " of '%s' is not a multiple of %d", size, below->filename, BLK_SECTOR);
        block_node_free(below);
        return NULL;
    }
    BlockNode *n = block_node_new(&block_raw, below->filename, below, &below->how);
    BlockRaw *r = n->opaque;
    r->offset = offset;
    n->size = size == UINT64_MAX ? align_down(below->size - offset, BLK_SECTOR) : size;
    return n;
}

void block_raw_protect(BlockNode *raw)
{
    BlockRaw *r = raw->opaque;
    r->protect = true;
}
