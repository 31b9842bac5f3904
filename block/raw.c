/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * format=raw: the bytes of the node below, or a window of them (offset=, size=).  Where the format was not said, it
 * also keeps sector 0 from being turned into another format's header, which a later start would believe.
 */
#include "util/osdep.h"
#include "block/block-int.h"

typedef struct BlockRaw {
    uint64_t offset;
    bool window; /* offset= or size= were given: the end is fixed */
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

static int block_raw_try_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    BlockRaw *r = n->opaque;
    return block_node_try_preadv(n->file, r->offset + off, iov, niov, len);
}

static bool block_raw_submit(BlockNode *n, BlockRequest *r)
{
    BlockRaw *raw = n->opaque;
    if (raw->protect && r->write && r->off < BLK_SECTOR) {
        return false;
    }
    r->off += raw->offset;
    bool ok = block_node_submit(n->file, r);
    r->off -= raw->offset;
    return ok;
}

static int block_raw_status(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out)
{
    BlockRaw *r = n->opaque;
    uint64_t have = n->file->size > r->offset ? n->file->size - r->offset : 0;
    if (off >= have) { /* the last sector is longer than the file */
        *out = (BlockStatus){ .flags = BLOCK_STATUS_ZERO | BLOCK_STATUS_ALLOCATED | BLOCK_STATUS_OFFSET, .len = len,
                              .offset = r->offset + off, .file = n->file };
        return 0;
    }
    int ret = block_node_status(n->file, r->offset + off, len, out);
    out->flags = (out->flags & ~(unsigned)BLOCK_STATUS_EOF) | BLOCK_STATUS_ALLOCATED;
    if ((out->flags & BLOCK_STATUS_ZERO) && off + out->len >= have && off + out->len < n->size && off + out->len < off + len) {
        out->len = MIN(len, n->size - off); /* up to the end of the sector */
    }
    return ret;
}

static bool block_raw_truncate(BlockNode *n, uint64_t size, BlockPrealloc prealloc, Error **errp)
{
    BlockRaw *r = n->opaque;
    if (r->window) {
        error_set(errp, "image '%s' is a window of a file (offset=, size=) and cannot be resized", n->filename);
        return false;
    }
    if (!block_node_truncate(n->file, size, prealloc, errp)) {
        return false;
    }
    n->size = align_up(size, BLK_SECTOR);
    return true;
}

static bool block_raw_open(BlockNode *n, BlockOpts *o, Error **errp)
{
    BlockRaw *r = n->opaque;
    uint64_t below = n->file->size, offset = block_opt_uint(o, "offset"), size = block_opt_uint(o, "size");
    bool sized = block_opt_given(o, "size");
    r->offset = offset;
    r->window = sized || offset > 0;
    if (offset > below || (sized && size > below - offset)) {
        error_set(errp, "offset=%" PRIu64 " and size=%" PRIu64 " do not fit into '%s' of %" PRIu64 " bytes", offset, size,
                  n->filename, below);
        return false;
    }
    if (sized && size % BLK_SECTOR) {
        error_set(errp, "size=%" PRIu64 " of '%s' is not a multiple of %d", size, n->filename, BLK_SECTOR);
        return false;
    }
    n->size = sized ? size : r->offset ? align_down(below - offset, BLK_SECTOR) : align_up(below, BLK_SECTOR);
    return true;
}

/* By the index of preallocation=. */
static const BlockPrealloc block_raw_prealloc[] = { BLOCK_PREALLOC_OFF, BLOCK_PREALLOC_FALLOC, BLOCK_PREALLOC_FULL };

static bool block_raw_create(BlockNode *file, const char *filename, BlockOpts *o, Error **errp)
{
    uint64_t size = align_up(block_opt_uint(o, "size"), BLK_SECTOR);
    if (file->drv == &block_host_device && size > file->size) {
        error_set(errp, "device '%s' has %" PRIu64 " bytes, which is less than the %" PRIu64 " asked for", filename,
                  (uint64_t)file->size, size);
        return false;
    }
    return file->drv == &block_host_device || block_node_truncate(file, size, block_raw_prealloc[block_opt_enum(o, "preallocation")], errp);
}

static bool block_raw_measure(BlockOpts *o, BlockNode *in, BlockMeasure *out, Error **errp)
{
    (void)errp;
    uint64_t size = in ? in->size : align_up(block_opt_uint(o, "size"), BLK_SECTOR);
    out->required = out->fully_allocated = size;
    return true;
}

static bool block_raw_info(BlockNode *n, BlockInfo *out, Error **errp)
{
    (void)n;
    (void)errp;
    out->zero_unit = BLK_SECTOR;
    return true;
}

static const BlockOpt block_raw_options[] = {
    { "offset", BLOCK_OPT_SIZE, "0", NULL, "the image begins here in the file" },
    { "size", BLOCK_OPT_SIZE, NULL, NULL, "length of the image; without it up to the end of the file" },
    { NULL },
};

static const BlockOpt block_raw_create_options[] = {
    { "size", BLOCK_OPT_SIZE, NULL, NULL, "Virtual disk size" },
    { NULL },
};

static const BlockFormatOps block_raw_format = {
    .create_opts = block_raw_create_options,
    .create = block_raw_create,
    .measure = block_raw_measure,
};

const BlockDriver block_raw = {
    .name = "raw",
    .opaque_size = sizeof(BlockRaw),
    .options = block_raw_options,
    .format = &block_raw_format,
    .open = block_raw_open,
    .preadv = block_raw_preadv,
    .pwritev = block_raw_pwritev,
    .pwrite_zeroes = block_raw_pwrite_zeroes,
    .pdiscard = block_raw_pdiscard,
    .status = block_raw_status,
    .truncate = block_raw_truncate,
    .info = block_raw_info,
    .try_preadv = block_raw_try_preadv,
    .submit = block_raw_submit,
};
BLOCK_DRIVER_REGISTER(block_raw)

void block_raw_protect(BlockNode *raw)
{
    BlockRaw *r = raw->opaque;
    r->protect = true;
}
